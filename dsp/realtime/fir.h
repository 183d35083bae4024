/* SPDX-License-Identifier: MIT */
/* Private: FIR filter of DV_QUANTUM taps, the direct parts of the look-ahead and the delay's interpolator. */
#ifndef DIFFVOX_RT_FIR_H
#define DIFFVOX_RT_FIR_H

#include "dsp/realtime/convolver.h"
#include "dsp/realtime/vector.h"

enum { DV_FIR_TAPS = DV_QUANTUM };

enum { DV_FIR_ROWS = DV_FIR_TAPS / DV_F8 };

/* Taps DV_F8 apart see the same shifted vectors of x: fifteen are loaded for sixty-four products.  Every output is
   summed in the same order whichever way it is computed. */
DV_INLINE void dv_fir_block(const float* taps, const float* x, float* y)
{
  dv_f8 sum[DV_FIR_ROWS] = {{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}};
  for (int shift = 0; shift < DV_F8; ++shift) {
    dv_f8 shifted[2 * DV_FIR_ROWS - 1];
#pragma GCC unroll 15
    for (int m = 0; m < 2 * DV_FIR_ROWS - 1; ++m) shifted[m] = dv_f8_loadu(x + (m - DV_FIR_ROWS + 1) * DV_F8 - shift);
#pragma GCC unroll 8
    for (int row = 0; row < DV_FIR_ROWS; ++row) {
      const dv_f8 tap = dv_f8_set(taps[row * DV_F8 + shift]);
#pragma GCC unroll 8
      for (int k = 0; k < DV_FIR_ROWS; ++k) sum[k] += tap * shifted[k - row + DV_FIR_ROWS - 1];
    }
  }
  for (int k = 0; k < DV_FIR_ROWS; ++k) dv_f8_storeu(y + k * DV_F8, sum[k]);
}

/* y[i] = sum_j taps[j] x[i - j], j < DV_FIR_TAPS, for i = 0 .. n-1, n <= DV_QUANTUM.  x may be read, and y is
   written, up to the next multiple of eight: their memory must reach that far. */
DV_INLINE void dv_fir(const float* taps, const float* x, float* y, size_t n)
{
  if (n == DV_QUANTUM) {
    dv_fir_block(taps, x, y);
    return;
  }
  for (size_t i = 0; i < n; i += DV_F8) {
    dv_f8 sum = {0};
    for (int shift = 0; shift < DV_F8; ++shift)
      for (int row = 0; row < DV_FIR_ROWS; ++row) {
        const int j = row * DV_F8 + shift;
        sum += dv_f8_set(taps[j]) * dv_f8_loadu(x + i - j);
      }
    dv_f8_storeu(y + i, sum);
  }
}

#endif
