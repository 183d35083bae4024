/* SPDX-License-Identifier: MIT */
/* Private: vectors of 16 samples, and sums of |log(a/b)| that need no logarithm. */
#ifndef DIFFVOX_WIDE_H
#define DIFFVOX_WIDE_H

#include "dsp/simd.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#ifdef DV_DOUBLE
typedef int64_t dv_bits;
enum { DV_MANTISSA_BITS = 52, DV_EXPONENT_BIAS = 1023 };
#else
typedef int32_t dv_bits;
enum { DV_MANTISSA_BITS = 23, DV_EXPONENT_BIAS = 127 };
#endif

enum { DV_WIDE = 16 };
typedef dv_real dv_wide __attribute__((vector_size(DV_WIDE * sizeof(dv_real)), may_alias));
typedef dv_bits dv_wide_bits __attribute__((vector_size(DV_WIDE * sizeof(dv_real))));
/* The same vector anywhere in memory. */
typedef dv_real dv_wide_unaligned
  __attribute__((vector_size(DV_WIDE * sizeof(dv_real)), aligned(sizeof(dv_real)), may_alias));

typedef double dv_wide_doubles __attribute__((vector_size(64), aligned(sizeof(double)), may_alias));

DV_INLINE const dv_wide_doubles* dv_wide_doubles_at(const double* x) { return (const dv_wide_doubles*)x; }
DV_INLINE const dv_wide_unaligned* dv_wide_at(const dv_real* x) { return (const dv_wide_unaligned*)x; }
DV_INLINE dv_wide_unaligned* dv_wide_to(dv_real* x) { return (dv_wide_unaligned*)x; }

/* mask ? a : b, lane by lane. */
DV_INLINE dv_wide dv_wide_select(dv_wide_bits mask, dv_wide a, dv_wide b)
{
  return (dv_wide)((mask & (dv_wide_bits)a) | (~mask & (dv_wide_bits)b));
}

/* 1 / sqrt(x) for positive normal x, to about 2 ulp: the exponent halved in integer arithmetic, then
   Halley's iteration.  Several times faster than the processor's square root and division. */
DV_INLINE dv_wide dv_wide_inverse_sqrt(dv_wide x)
{
#ifdef DV_DOUBLE
  const dv_bits start = 0x5fe6eb50c7b537a9;
  const int steps = 3;
#else
  const dv_bits start = 0x5f375a86;
  const int steps = 2;
#endif
  const dv_real half = (dv_real)0.5, three_eighths = (dv_real)0.375;
  dv_wide y = (dv_wide)(start - ((dv_wide_bits)x >> 1));
  for (int step = 0; step < steps; ++step) {
    const dv_wide error = 1 - x * y * y;
    y += y * error * (half + three_eighths * error);
  }
  return y;
}

/* The smallest multiple of DV_WIDE that is >= n. */
DV_INLINE size_t dv_wide_round(size_t n) { return (n + DV_WIDE - 1) / DV_WIDE * DV_WIDE; }

/* Per lane, the sum of log(high) - log(low) as a product of mantissas and a sum of exponents: a few cheap
   operations per term where a logarithm would cost a division and a polynomial. */
typedef struct {
  dv_wide high, low;
  dv_wide_bits exponent;
} dv_log_terms;

/* Mantissas are below 2, so this many factors stay far from overflow. */
enum { DV_LOG_TERMS_MAX = 64 };

DV_INLINE dv_wide_bits dv_wide_exponent(dv_wide x) { return (dv_wide_bits)x >> DV_MANTISSA_BITS; }

DV_INLINE dv_wide dv_wide_mantissa(dv_wide x)
{
  const dv_bits mask = ((dv_bits)1 << DV_MANTISSA_BITS) - 1, one = (dv_bits)DV_EXPONENT_BIAS << DV_MANTISSA_BITS;
  return (dv_wide)(((dv_wide_bits)x & mask) | one);
}

DV_INLINE void dv_log_terms_clear(dv_log_terms* t)
{
  t->high = t->low = (dv_wide){0} + 1;
  t->exponent = (dv_wide_bits){0};
}

/* high and low are positive and normal. */
DV_INLINE void dv_log_terms_add(dv_log_terms* t, dv_wide high, dv_wide low)
{
  t->exponent += dv_wide_exponent(high) - dv_wide_exponent(low);
  t->high *= dv_wide_mantissa(high);
  t->low *= dv_wide_mantissa(low);
}

/* Totals over any number of terms, one per lane, in units of log 2, and the ratio not yet counted. */
typedef struct {
  double log2[DV_WIDE];
  dv_real ratio[DV_WIDE];
} dv_log_sum;

DV_INLINE void dv_log_sum_clear(dv_log_sum* s)
{
  for (int l = 0; l < DV_WIDE; ++l) {
    s->log2[l] = 0.0;
    s->ratio[l] = 1;
  }
}

/* Adds at most DV_LOG_TERMS_MAX terms per lane to the totals. */
DV_INLINE void dv_log_sum_add(dv_log_sum* s, const dv_log_terms* t)
{
  dv_wide ratio = *dv_wide_at(s->ratio) * (t->high / t->low);
  const dv_wide_bits whole = t->exponent + dv_wide_exponent(ratio) - DV_EXPONENT_BIAS;
  *dv_wide_to(s->ratio) = dv_wide_mantissa(ratio);
  for (int l = 0; l < DV_WIDE; ++l) s->log2[l] += (double)whole[l];
}

/* The natural logarithm of everything added in one lane. */
DV_INLINE double dv_log_sum_lane(const dv_log_sum* s, int lane)
{
  return M_LN2 * s->log2[lane] + log((double)s->ratio[lane]);
}

#endif
