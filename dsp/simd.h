/* SPDX-License-Identifier: MIT */
/* Private: vector types, multi-versioned functions and the vector exp/log.
 *
 * DV_HOT compiles a function for the baseline, AVX2+FMA and AVX-512 and picks one when the program
 * loads, so one binary is fast everywhere.  Helpers that are called from a DV_HOT function must be
 * DV_INLINE, or they would stay baseline code. */
#ifndef DIFFVOX_SIMD_H
#define DIFFVOX_SIMD_H

#include "dsp/real.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define DV_HOT __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DV_HOT
#endif
#define DV_INLINE static inline __attribute__((always_inline))

/* DV_LANES doubles: the state of one recursion for every lane. */
typedef double dv_lanes __attribute__((vector_size(DV_LANES * sizeof(double))));
typedef int64_t dv_lanes_mask __attribute__((vector_size(DV_LANES * sizeof(int64_t))));

DV_INLINE dv_lanes dv_lanes_set(double value)
{
  dv_lanes v;
  for (int l = 0; l < DV_LANES; ++l) v[l] = value;
  return v;
}

DV_INLINE dv_lanes dv_lanes_load(const dv_real* src)
{
  dv_real s[DV_LANES];
  memcpy(s, src, sizeof s);
  return (dv_lanes){(double)s[0], (double)s[1], (double)s[2], (double)s[3]};
}

DV_INLINE void dv_lanes_store(dv_real* dst, dv_lanes v)
{
  const dv_real s[DV_LANES] = {(dv_real)v[0], (dv_real)v[1], (dv_real)v[2], (dv_real)v[3]};
  memcpy(dst, s, sizeof s);
}

/* mask ? a : b, lane by lane. */
DV_INLINE dv_lanes dv_lanes_select(dv_lanes_mask mask, dv_lanes a, dv_lanes b)
{
  return (dv_lanes)((mask & (dv_lanes_mask)a) | (~mask & (dv_lanes_mask)b));
}

DV_INLINE double dv_lanes_sum(dv_lanes v) { return (v[0] + v[1]) + (v[2] + v[3]); }

/* exp and log in plain arithmetic, so that loops over them vectorise.  Both are Taylor series after
   range reduction (exp: |r| <= ln2/2; log: 2 atanh(s), |s| <= 0.172), exact to about 2 ulp.
   dv_exp clamps its argument to where the result is a normal number.  dv_log wants x > 0, normal. */
#ifdef DV_DOUBLE
DV_INLINE double dv_exp(double x)
{
  x = x < -708.0 ? -708.0 : x > 709.0 ? 709.0 : x;
  const double shift = 6755399441055744.0; /* 1.5 * 2^52: rounds to an integer in the low bits */
  const double biased = x * 1.4426950408889634 + shift, k = biased - shift;
  const double r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  int64_t bits;
  memcpy(&bits, &biased, sizeof bits);
  bits = (int64_t)((uint64_t)(bits + 1023) << 52);
  double scale;
  memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

DV_INLINE double dv_log(double x)
{
  int64_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int64_t offset = 0x3fe6a09e667f3bcd; /* sqrt(1/2): puts the mantissa in [sqrt(1/2), sqrt(2)) */
  const int64_t e = (bits - offset) >> 52;
  bits -= (int64_t)((uint64_t)e << 52);
  double m;
  memcpy(&m, &bits, sizeof m);
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double p = 1.0 / 21.0;
  p = p * z + 1.0 / 19.0;
  p = p * z + 1.0 / 17.0;
  p = p * z + 1.0 / 15.0;
  p = p * z + 1.0 / 13.0;
  p = p * z + 1.0 / 11.0;
  p = p * z + 1.0 / 9.0;
  p = p * z + 1.0 / 7.0;
  p = p * z + 1.0 / 5.0;
  p = p * z + 1.0 / 3.0;
  return (double)e * 0.6931471805599453 + 2.0 * s * (p * z + 1.0);
}
#else
DV_INLINE float dv_exp(float x)
{
  x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
  const float shift = 12582912.0f; /* 1.5 * 2^23: rounds to an integer in the low bits */
  const float biased = x * 1.44269504f + shift, k = biased - shift;
  const float r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
  float p = 1.0f / 5040.0f;
  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  int32_t bits;
  memcpy(&bits, &biased, sizeof bits);
  bits = (int32_t)((uint32_t)(bits + 127) << 23);
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

DV_INLINE float dv_log(float x)
{
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int32_t offset = 0x3f3504f3; /* sqrt(1/2): puts the mantissa in [sqrt(1/2), sqrt(2)) */
  const int32_t e = (bits - offset) >> 23;
  bits -= (int32_t)((uint32_t)e << 23);
  float m;
  memcpy(&m, &bits, sizeof m);
  const float s = (m - 1.0f) / (m + 1.0f), z = s * s;
  float p = 1.0f / 11.0f;
  p = p * z + 1.0f / 9.0f;
  p = p * z + 1.0f / 7.0f;
  p = p * z + 1.0f / 5.0f;
  p = p * z + 1.0f / 3.0f;
  return (float)e * 0.693147181f + 2.0f * s * (p * z + 1.0f);
}
#endif

#endif
