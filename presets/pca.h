/* SPDX-License-Identifier: MIT */
/* Principal component analysis of rows of numbers, and the prior that follows from a corpus.
 *
 * Mean and covariance (n - 1) are computed in two passes; eigenvalues and eigenvectors by LAPACK's dsyevd.
 * Components are ordered by falling variance; each is a unit vector whose entry of largest magnitude (the
 * first of equals) is positive.  The covariance of n rows has rank n - 1 at most: components whose variance
 * is beyond that, or below columns * 2^-52 times the largest, are rounding and count as none.
 * Source: Jolliffe, Principal Component Analysis, 2nd ed., ch. 1-3; Anderson et al., LAPACK Users' Guide. */
#ifndef DIFFVOX_PCA_H
#define DIFFVOX_PCA_H

#include "presets/prior.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  size_t rows, columns;
  size_t components;  /* with variance: the rank; 0 when all rows are equal */
  double* mean;       /* columns */
  double* covariance; /* columns x columns */
  double* variance;   /* columns: eigenvalues, falling; 0 from `components` on */
  double* component;  /* columns x columns: row i is the i-th eigenvector */
} dv_pca;

/* data: rows x columns, row after row; borrowed.  *pca is overwritten, empty after an error, and freed by
   dv_pca_free.  DV_ERR_ARG: fewer than 2 rows, or no columns.  DV_ERR_NONFINITE: a number is not finite, or
   the covariance overflows.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_pca_fit(const double* data, size_t rows, size_t columns, dv_pca* pca, dv_error* err);
void dv_pca_free(dv_pca* pca);

/* Share of the variance in the first i + 1 components, cumulative[i], i = 0 .. columns - 1; 0 .. 1. */
void dv_pca_cumulative(const dv_pca* pca, double* cumulative);

/* The same for other rows on these components: the mean squares of (row - this mean) . component against
   their sum over all columns.  The mean stays that of pca: a corpus that lies elsewhere shows it. */
void dv_pca_cumulative_projected(const dv_pca* pca, const double* data, size_t rows, double* cumulative);

/* The smallest number of components whose cumulative share reaches `share`. */
size_t dv_pca_components_for(const double* cumulative, size_t columns, double share);

/* Area under a cumulative curve: trapezoids of width 1/columns from (0, 0); 0.5 .. 1 - 0.5/columns. */
double dv_pca_area(const double* cumulative, size_t columns);

/* scores[r * count + i] = (row r - mean) . component i, i = 0 .. count - 1; whiten divides by the deviation
   along the component (0 where there is none). */
void dv_pca_scores(const dv_pca* pca, const double* data, size_t rows, size_t count, bool whiten, double* scores);

/* The prior of a corpus: data is rows x DV_EFFECTIVE_COUNT.  Errors as of dv_pca_fit; DV_ERR_ARG also when
   all rows are equal.  From fewer rows than columns it has fewer components than parameters. */
DV_NODISCARD dv_status dv_prior_estimate(const double* data, size_t rows, const char* source, dv_prior* prior,
                                         dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
