/* SPDX-License-Identifier: MIT */
/* Private: eight floats side by side, for the engine's FFT, convolution and FIR filters.  Functions that
 * use them are DV_HOT, so that the compiler maps them to what the processor has. */
#ifndef DIFFVOX_RT_VECTOR_H
#define DIFFVOX_RT_VECTOR_H

#include "dsp/simd.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DV_F8 = 8 };
typedef float dv_f8 __attribute__((vector_size(32), may_alias));
typedef int16_t dv_s8 __attribute__((vector_size(16), may_alias));
typedef float dv_f8_anywhere __attribute__((vector_size(32), may_alias, aligned(4)));

/* Two doubles: a stereo pair of recursions. */
typedef double dv_d2 __attribute__((vector_size(16)));

DV_INLINE dv_f8 dv_f8_load(const float* p) { return *(const dv_f8*)p; }
DV_INLINE void dv_f8_store(float* p, dv_f8 v) { *(dv_f8*)p = v; }
DV_INLINE dv_f8 dv_f8_loadu(const float* p) { return *(const dv_f8_anywhere*)p; }
DV_INLINE void dv_f8_storeu(float* p, dv_f8 v) { *(dv_f8_anywhere*)p = v; }
/* as an operation, which becomes one broadcast; GCC assembles a list of eight equal elements piece by piece */
DV_INLINE dv_f8 dv_f8_set(float a) { return a - (dv_f8){0}; }
DV_INLINE dv_f8 dv_f8_reverse(dv_f8 a) { return __builtin_shufflevector(a, a, 7, 6, 5, 4, 3, 2, 1, 0); }

/* 8 x 8 transposition: lane j of row i becomes lane i of row j. */
DV_INLINE void dv_f8_transpose(dv_f8 r[8])
{
  dv_f8 a[8], b[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    a[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < 8; i += 4)
    for (int k = 0; k < 2; ++k) {
      b[i + 2 * k] = __builtin_shufflevector(a[i + k], a[i + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      b[i + 2 * k + 1] = __builtin_shufflevector(a[i + k], a[i + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (int i = 0; i < 4; ++i) {
    r[i] = __builtin_shufflevector(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    r[i + 4] = __builtin_shufflevector(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

/* Largest magnitude.  As integers, because the maximum of floats, with its rules for NaN, does not vectorise. */
DV_INLINE float dv_peak(const float* x, size_t n)
{
  int32_t peak = 0;
  for (size_t i = 0; i < n; ++i) {
    int32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    bits &= 0x7fffffff;
    peak = bits > peak ? bits : peak;
  }
  float result;
  memcpy(&result, &peak, sizeof result);
  return result;
}

/* Zeroed memory for `count` floats on a cache line; NULL when out of memory.  Every page is written, so
   that none is mapped for the first time in an audio thread.  Free with free(). */
static inline float* dv_floats_new(size_t count)
{
  const size_t bytes = (count * sizeof(float) + 63) / 64 * 64;
  float* memory = aligned_alloc(64, bytes ? bytes : 64);
  if (memory) memset(memory, 0, bytes);
  return memory;
}

#endif
