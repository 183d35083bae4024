/* SPDX-License-Identifier: MIT */
#include "presets/analysis.h"
#include "presets/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = DV_EFFECTIVE_COUNT };

void dv_analysis_free(dv_analysis* a)
{
  for (size_t i = 0; i < a->parts; ++i) {
    dv_collection_free(&a->part[i].corpus);
    free(a->part[i].scores);
    free(a->part[i].listed);
  }
  dv_pca_free(&a->pca);
}

double dv_analysis_share(const dv_analysis* a, size_t component)
{
  const double* c = a->part[0].cumulative;
  return 100.0 * (c[component] - (component ? c[component - 1] : 0.0));
}

void dv_analysis_moved(const dv_analysis* a, size_t component, double sigmas, dv_chain_params* params)
{
  double moved[SIZE];
  memcpy(moved, a->pca.mean, sizeof moved);
  if (component < a->pca.components)
    for (size_t k = 0; k < SIZE; ++k)
      moved[k] += sigmas * sqrt(a->pca.variance[component]) * a->pca.component[component * SIZE + k];
  dv_effective_params(moved, params);
}

/* What each corpus has by itself; `share` of the listed presets are its. */
static dv_status describe(dv_analysis* a, dv_analysis_corpus* part, size_t share, dv_error* err)
{
  const dv_collection* c = &part->corpus;
  part->scores = malloc(c->count * DV_ANALYSIS_SCORES * sizeof *part->scores);
  part->listed = malloc((c->count < share ? c->count : share) * sizeof *part->listed + 1);
  if (!part->scores || !part->listed) return dv_fail(err, DV_ERR_NOMEM, "No memory for %zu presets", c->count);
  dv_pca_scores(&a->pca, c->effective, c->count, DV_ANALYSIS_SCORES, true, part->scores);
  part->listed_count = dv_collection_pick(c, share, 0, part->listed);
  dv_status status = dv_corpus_quantiles(c, part->quantile, err);
  if (status || c->count < 2) return status;
  dv_pca own;
  status = dv_pca_fit(c->effective, c->count, SIZE, &own, err);
  if (status) return status;
  part->components = own.components;
  dv_pca_cumulative(&own, part->cumulative);
  dv_pca_free(&own);
  return DV_OK;
}

/* A second corpus keeps a fifth of the places at least, or what it needs of that. */
static size_t listed_share(const dv_analysis* a, size_t part)
{
  if (a->parts == 1) return DV_ANALYSIS_LISTED;
  const size_t first = a->part[0].corpus.count, second = a->part[1].corpus.count;
  const size_t fifth = DV_ANALYSIS_LISTED / 5;
  if (part == 0) return DV_ANALYSIS_LISTED - (second < fifth ? second : fifth);
  return first < DV_ANALYSIS_LISTED - fifth ? DV_ANALYSIS_LISTED - first : fifth;
}

dv_status dv_analysis_run(dv_analysis* a, const dv_study_record* study, dv_error* err)
{
  const dv_collection* c = &a->part[0].corpus;
  if (c->count < DV_NORMALITY_MIN)
    return dv_fail(err, DV_ERR_ARG, "%s: holds %zu preset%s; a report wants at least %d", c->label, c->count,
                   c->count == 1 ? "" : "s", DV_NORMALITY_MIN);
  dv_status status = dv_pca_fit(c->effective, c->count, SIZE, &a->pca, err);
  if (!status && !a->pca.components)
    status = dv_fail(err, DV_ERR_ARG, "%s: all presets are equal: there is nothing to report", c->label);
  for (size_t i = 0; !status && i < a->parts; ++i) status = describe(a, &a->part[i], listed_share(a, i), err);
  if (!status && a->parts > 1)
    dv_pca_cumulative_projected(&a->pca, a->part[1].corpus.effective, a->part[1].corpus.count, a->projected);
  if (!status) status = dv_corpus_correlate(c, &a->correlation, err);
  if (!status) status = dv_corpus_test_normality(c, &a->pca, 0, &a->normality, err);
  a->has_study = study != NULL;
  if (study) a->study = *study;
  return status;
}
