/* SPDX-License-Identifier: MIT */
/* Tests of normality: Shapiro and Wilk's for one column, Royston's and Henze and Zirkler's for many.
 *
 * Sources: Royston, Remark AS R94, Appl. Stat. 44 (1995) (W, its coefficients and p-value); Royston, Appl. Stat.
 * 32 (1983) and Stat. Comput. 2 (1992) (H, equivalent degrees of freedom); Henze and Zirkler, Commun. Stat. Theory
 * Methods 19 (1990) (T, its mean, variance and lognormal approximation). */
#ifndef DIFFVOX_NORMALITY_H
#define DIFFVOX_NORMALITY_H

#include "dsp/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The coefficients and the p-value of W were fitted for these sizes. */
enum { DV_NORMALITY_MIN = 3, DV_NORMALITY_MAX = 5000 };

typedef struct {
  double w;     /* 0 .. 1; 1 looks normal */
  double p;     /* of so small a W from a normal sample */
  double score; /* the standard normal deviate that p is the upper tail of: still a number where p is 0 */
} dv_shapiro_wilk_result;

/* x: n values in any order.  DV_ERR_ARG: n outside 3 .. 5000, or all values equal.  DV_ERR_NONFINITE.
   DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_shapiro_wilk(const double* x, size_t n, dv_shapiro_wilk_result* result, dv_error* err);

typedef struct {
  double statistic; /* Royston's H; Henze and Zirkler's T */
  double freedom;   /* equivalent degrees of freedom; Henze-Zirkler: 0 */
  double p;
} dv_multinormality;

/* data: n rows x columns.  Errors as of dv_shapiro_wilk, of any column. */
DV_NODISCARD dv_status dv_royston(const double* data, size_t n, size_t columns, dv_multinormality* result,
                                  dv_error* err);

/* data: n rows x columns, n > columns, linearly independent columns; the test itself whitens them by their covariance
   (divisor n).  n^2 columns operations.  DV_ERR_ARG: the covariance is singular.  DV_ERR_NONFINITE, DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_henze_zirkler(const double* data, size_t n, size_t columns, dv_multinormality* result,
                                        dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
