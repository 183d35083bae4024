/* SPDX-License-Identifier: MIT */
/* What every test needs beside cmocka. */
#ifndef DV_TEST_H
#define DV_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka 1.1.5's assert_float_equal works in float and accepts NaN and Inf, so numbers are compared
   with this instead. */
#define assert_close(got, want, rtol, atol) dv_assert_close((got), (want), (rtol), (atol), #got, __FILE__, __LINE__)

static inline void dv_assert_close(double got, double want, double rtol, double atol, const char* what,
                                   const char* file, int line)
{
  const double tol = atol + rtol * fabs(want);
  if (!(fabs(got - want) <= tol)) { /* negated: NaN fails */
    print_error("%s = %.17g, expected %.17g (off by %.3g, allowed %.3g)\n", what, got, want, fabs(got - want), tol);
    _fail(file, line);
  }
}

/* xorshift64*, in -1 .. 1; *seed must not be 0. */
static inline double dv_rand(uint64_t* seed)
{
  *seed ^= *seed >> 12;
  *seed ^= *seed << 25;
  *seed ^= *seed >> 27;
  return (double)((*seed * 2685821657736338717ULL) >> 11) / 4503599627370496.0 - 1.0;
}

#endif
