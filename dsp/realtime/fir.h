/* SPDX-License-Identifier: MIT */
/* Private: FIR filter of DV_QUANTUM taps, the direct parts of the look-ahead and the delay's interpolator. */
#ifndef DIFFVOX_RT_FIR_H
#define DIFFVOX_RT_FIR_H

#include "dsp/realtime/convolver.h"
#include "dsp/realtime/vector.h"

#include <stdbool.h>

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

/* The same, to the last bit, on the sixteen lanes that only some processors have (ask dv_fir_is_wide).  Two filters
   side by side, because each waits for its own sums.  Where there are no sixteen lanes the compiler would take the
   vectors apart into something very slow, hence the target. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
typedef float dv_f16 __attribute__((vector_size(64), may_alias));
typedef float dv_f16_anywhere __attribute__((vector_size(64), may_alias, aligned(4)));

static inline bool dv_fir_is_wide(void)
{
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd");
}

__attribute__((target("arch=x86-64-v4"))) static inline void dv_fir_wide(const float* const taps[2],
                                                                         const float* const x[2], float* const y[2])
{
  enum { LANES = 16, COLUMNS = DV_QUANTUM / LANES };
  const float *t = taps[0], *u = taps[1], *v = x[0], *w = x[1];
  dv_f16 a[COLUMNS] = {{0}, {0}, {0}, {0}}, b[COLUMNS] = {{0}, {0}, {0}, {0}};
  for (int shift = 0; shift < DV_F8; ++shift) {
#pragma GCC unroll 8
    for (int row = 0; row < DV_FIR_ROWS; ++row) {
      const int j = row * DV_F8 + shift;
      const dv_f16 tap = t[j] - (dv_f16){0}, other = u[j] - (dv_f16){0};
#pragma GCC unroll 4
      for (int k = 0; k < COLUMNS; ++k) {
        a[k] += tap * *(const dv_f16_anywhere*)(v + k * LANES - j);
        b[k] += other * *(const dv_f16_anywhere*)(w + k * LANES - j);
      }
    }
  }
  for (int k = 0; k < COLUMNS; ++k) {
    *(dv_f16_anywhere*)(y[0] + k * LANES) = a[k];
    *(dv_f16_anywhere*)(y[1] + k * LANES) = b[k];
  }
}
#else
static inline bool dv_fir_is_wide(void) { return false; }
DV_INLINE void dv_fir_wide(const float* const taps[2], const float* const x[2], float* const y[2])
{
  for (int i = 0; i < 2; ++i) dv_fir_block(taps[i], x[i], y[i]);
}
#endif

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
