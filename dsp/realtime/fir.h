/* SPDX-License-Identifier: MIT */
/* Private: FIR filter of DV_QUANTUM taps, the direct parts of the look-ahead and the delay's interpolator. */
#ifndef DIFFVOX_RT_FIR_H
#define DIFFVOX_RT_FIR_H

#include "dsp/realtime/convolver.h"
#include "dsp/realtime/vector.h"

enum { DV_FIR_TAPS = DV_QUANTUM };

/* Eight vectors of outputs at once keep the adders busy; one output alone would wait for itself.  Every
   output is summed in the same order whichever way it is computed. */
DV_INLINE void dv_fir_block(const float* taps, const float* x, float* y)
{
  dv_f8 sum[8] = {{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}};
  for (int j = 0; j < DV_FIR_TAPS; ++j) {
    const dv_f8 tap = dv_f8_set(taps[j]);
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) sum[k] += tap * dv_f8_loadu(x - j + k * DV_F8);
  }
  for (int k = 0; k < 8; ++k) dv_f8_storeu(y + k * DV_F8, sum[k]);
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
    for (int j = 0; j < DV_FIR_TAPS; ++j) sum += dv_f8_set(taps[j]) * dv_f8_loadu(x + i - j);
    dv_f8_storeu(y + i, sum);
  }
}

#endif
