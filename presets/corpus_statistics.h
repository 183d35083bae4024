/* SPDX-License-Identifier: MIT */
/* The statistics of one corpus that the tool prints and the report shows, each computed once. */
#ifndef DIFFVOX_CORPUS_STATISTICS_H
#define DIFFVOX_CORPUS_STATISTICS_H

#include "presets/cluster.h"
#include "presets/collection.h"
#include "presets/correlation.h"
#include "presets/normality.h"
#include "presets/pca.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Quantiles ---------------------------------------------------------------------------------------------- */

enum { DV_QUANTILES = 7 };
extern const double dv_quantile_levels[DV_QUANTILES]; /* 0, 5, 25, 50, 75, 95, 100 % */

/* quantile[k][q] of the k-th parameter in physical units, with linear interpolation between order statistics (Hyndman
   and Fan, Am. Stat. 50 (1996), type 7).  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_corpus_quantiles(const dv_collection* corpus,
                                           double quantile[DV_EFFECTIVE_COUNT][DV_QUANTILES], dv_error* err);

/* --- Correlations ------------------------------------------------------------------------------------------- */

enum { DV_PARAMETER_PAIRS = DV_EFFECTIVE_COUNT * (DV_EFFECTIVE_COUNT - 1) / 2 };

/* About 500 kB: allocate it. */
typedef struct {
  size_t presets;
  double rho[DV_EFFECTIVE_COUNT * DV_EFFECTIVE_COUNT]; /* NaN in rows and columns of constants */
  double p[DV_PARAMETER_PAIRS];                        /* pair (i, j), i < j, in rows: dv_parameter_pair */
  double holm[DV_PARAMETER_PAIRS], fdr[DV_PARAMETER_PAIRS];
  double effect[DV_EFFECT_GROUPS][DV_EFFECT_GROUPS]; /* mean |rho|; NaN without a pair */
  dv_merge merges[DV_EFFECT_GROUPS - 1];             /* Ward on 1 - mean |rho| */
  size_t order[DV_EFFECT_GROUPS];
} dv_corpus_correlation;

static inline size_t dv_parameter_pair(size_t i, size_t j)
{
  return i * (2 * DV_EFFECTIVE_COUNT - i - 1) / 2 + j - i - 1;
}

/* DV_ERR_ARG: fewer than 3 presets.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_corpus_correlate(const dv_collection* corpus, dv_corpus_correlation* result, dv_error* err);

/* --- Normality ---------------------------------------------------------------------------------------------- */

enum { DV_NORMALITY_COMPONENTS = 74 }; /* as published */

typedef struct {
  size_t presets;    /* that were tested: a sample of DV_NORMALITY_MAX, seed 0, of a larger corpus */
  size_t components; /* whitened scores of the first so many went into the two tests of many columns */
  bool joint;        /* whether there were presets enough for them */
  dv_multinormality royston, henze_zirkler;
  dv_shapiro_wilk_result parameter[DV_EFFECTIVE_COUNT]; /* NaN of constants */
  double holm[DV_EFFECTIVE_COUNT], fdr[DV_EFFECTIVE_COUNT];
} dv_corpus_normality;

/* components 0: as published, but no more than make 99 % of the variance.  DV_ERR_ARG: fewer than 3 presets, or more
   components than the corpus has.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_corpus_test_normality(const dv_collection* corpus, const dv_pca* pca, size_t components,
                                                dv_corpus_normality* result, dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
