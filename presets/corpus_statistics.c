/* SPDX-License-Identifier: MIT */
#include "presets/corpus_statistics.h"
#include "presets/columns.h"
#include "presets/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = DV_EFFECTIVE_COUNT };

const double dv_quantile_levels[DV_QUANTILES] = {0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0};

/* --- Quantiles ---------------------------------------------------------------------------------------------- */

static double interpolate(const double* sorted, size_t n, double level)
{
  const double at = level * (double)(n - 1);
  const size_t below = (size_t)at, above = below + 1 < n ? below + 1 : below;
  const double part = at - (double)below;
  return part > 0.0 ? sorted[below] + part * (sorted[above] - sorted[below]) : sorted[below];
}

dv_status dv_corpus_quantiles(const dv_collection* corpus, double quantile[SIZE][DV_QUANTILES], dv_error* err)
{
  const size_t n = corpus->count;
  double* columns = malloc(n * SIZE * sizeof *columns);
  if (!columns) return dv_fail(err, DV_ERR_NOMEM, "No memory to sort %zu presets", n);
  for (size_t i = 0; i < n; ++i) {
    double physical[SIZE];
    dv_columns_physical(dv_collection_row(corpus, i), physical);
    for (size_t k = 0; k < SIZE; ++k) columns[k * n + i] = physical[k];
  }
  for (size_t k = 0; k < SIZE; ++k) {
    qsort(columns + k * n, n, sizeof *columns, dv_ascending);
    for (size_t q = 0; q < DV_QUANTILES; ++q) quantile[k][q] = interpolate(columns + k * n, n, dv_quantile_levels[q]);
  }
  free(columns);
  return DV_OK;
}

/* --- Correlations ------------------------------------------------------------------------------------------- */

/* Effects without a correlation are as far from all others as can be. */
static dv_status cluster_effects(dv_corpus_correlation* c, dv_error* err)
{
  double distance[DV_EFFECT_GROUPS * DV_EFFECT_GROUPS];
  for (size_t a = 0; a < DV_EFFECT_GROUPS; ++a)
    for (size_t b = 0; b < DV_EFFECT_GROUPS; ++b)
      distance[a * DV_EFFECT_GROUPS + b] = isnan(c->effect[a][b]) ? 1.0 : 1.0 - c->effect[a][b];
  const dv_status status = dv_ward(distance, DV_EFFECT_GROUPS, c->merges, err);
  if (!status) dv_ward_order(c->merges, DV_EFFECT_GROUPS, c->order);
  return status;
}

dv_status dv_corpus_correlate(const dv_collection* corpus, dv_corpus_correlation* c, dv_error* err)
{
  c->presets = corpus->count;
  dv_status status = dv_spearman(corpus->effective, corpus->count, SIZE, c->rho, err);
  if (status) return status;
  for (size_t i = 0; i < SIZE; ++i)
    for (size_t j = i + 1; j < SIZE; ++j)
      c->p[dv_parameter_pair(i, j)] = dv_spearman_p(c->rho[i * SIZE + j], corpus->count);
  status = dv_adjust_holm(c->p, DV_PARAMETER_PAIRS, c->holm, err);
  if (!status) status = dv_adjust_fdr(c->p, DV_PARAMETER_PAIRS, c->fdr, err);
  dv_effect_correlation(c->rho, c->effect);
  return status ? status : cluster_effects(c, err);
}

/* --- Normality ---------------------------------------------------------------------------------------------- */

static dv_status test_columns(const double* rows, size_t n, dv_corpus_normality* result, dv_error* err)
{
  double p[SIZE];
  double* column = malloc(n * sizeof *column);
  if (!column) return dv_fail(err, DV_ERR_NOMEM, "No memory to test %zu presets", n);
  for (size_t k = 0; k < SIZE; ++k) {
    dv_shapiro_wilk_result* one = &result->parameter[k];
    for (size_t i = 0; i < n; ++i) column[i] = rows[i * SIZE + k];
    /* What is left to go wrong is a constant: it has no W. */
    if (dv_shapiro_wilk(column, n, one, NULL)) *one = (dv_shapiro_wilk_result){(double)NAN, (double)NAN, (double)NAN};
    p[k] = one->p;
  }
  free(column);
  dv_status status = dv_adjust_holm(p, SIZE, result->holm, err);
  if (!status) status = dv_adjust_fdr(p, SIZE, result->fdr, err);
  return status;
}

static dv_status test_scores(const double* rows, size_t n, const dv_pca* pca, dv_corpus_normality* result,
                             dv_error* err)
{
  const size_t count = result->components;
  double* scores = malloc(n * count * sizeof *scores);
  if (!scores) return dv_fail(err, DV_ERR_NOMEM, "No memory to test %zu presets", n);
  dv_pca_scores(pca, rows, n, count, true, scores);
  dv_status status = dv_royston(scores, n, count, &result->royston, err);
  if (!status) status = dv_henze_zirkler(scores, n, count, &result->henze_zirkler, err);
  free(scores);
  return status;
}

static dv_status choose_components(const dv_pca* pca, size_t wanted, dv_corpus_normality* result, dv_error* err)
{
  double cumulative[SIZE];
  dv_pca_cumulative(pca, cumulative);
  const size_t most = dv_pca_components_for(cumulative, SIZE, 0.99);
  if (wanted > pca->components)
    return dv_fail(err, DV_ERR_ARG, "%zu components are asked for; the corpus has %zu", wanted, pca->components);
  result->components = wanted ? wanted : most < DV_NORMALITY_COMPONENTS ? most : DV_NORMALITY_COMPONENTS;
  result->joint = pca->components > 0 && result->presets > result->components + 1;
  return DV_OK;
}

dv_status dv_corpus_test_normality(const dv_collection* corpus, const dv_pca* pca, size_t components,
                                   dv_corpus_normality* result, dv_error* err)
{
  const size_t n = corpus->count < DV_NORMALITY_MAX ? corpus->count : DV_NORMALITY_MAX;
  *result = (dv_corpus_normality){.presets = n};
  if (n < DV_NORMALITY_MIN)
    return dv_fail(err, DV_ERR_ARG, "A test of normality wants at least %d presets; there are %zu", DV_NORMALITY_MIN,
                   n);
  dv_status status = choose_components(pca, components, result, err);
  if (status) return status;
  double* rows = malloc(n * SIZE * sizeof *rows);
  if (!rows) return dv_fail(err, DV_ERR_NOMEM, "No memory to test %zu presets", n);
  dv_collection_subsample(corpus, n, 0, rows);
  status = test_columns(rows, n, result, err);
  if (!status && result->joint) status = test_scores(rows, n, pca, result, err);
  free(rows);
  return status;
}
