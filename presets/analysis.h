/* SPDX-License-Identifier: MIT */
/* Private: everything that the report shows about one corpus, or about one beside another. */
#ifndef DIFFVOX_ANALYSIS_H
#define DIFFVOX_ANALYSIS_H

#include "presets/corpus_statistics.h"
#include "presets/study_file.h"
#include "report/buffer.h"

enum { DV_ANALYSIS_SCORES = 4, DV_ANALYSIS_LISTED = 2000 };

typedef struct {
  dv_collection corpus;
  double* scores; /* count x DV_ANALYSIS_SCORES, standard deviations along the first corpus' components */
  size_t* listed; /* rows of the table and the map: at most DV_ANALYSIS_LISTED in all */
  size_t listed_count;
  double quantile[DV_EFFECTIVE_COUNT][DV_QUANTILES];
  double cumulative[DV_EFFECTIVE_COUNT]; /* of its own components */
  size_t components;                     /* of its own; 0: too few presets */
} dv_analysis_corpus;

/* Allocate it: about 1 MB. */
typedef struct {
  dv_analysis_corpus part[2];
  size_t parts;
  dv_pca pca;                           /* of the first */
  double projected[DV_EFFECTIVE_COUNT]; /* the second on the first's components */
  dv_corpus_correlation correlation;
  dv_corpus_normality normality;
  bool has_study;
  dv_study_record study;
} dv_analysis;

/* The corpora are given over to the analysis: dv_analysis_free in any case.  study: what `features -o` wrote, or NULL.
   DV_ERR_ARG: the first corpus has fewer than 3 presets, or all are equal.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_analysis_run(dv_analysis* a, const dv_study_record* study, dv_error* err);
void dv_analysis_free(dv_analysis* a);

/* Of the i-th component of the first corpus, in percent. */
double dv_analysis_share(const dv_analysis* a, size_t component);

/* The mean preset moved along a component; component DV_EFFECTIVE_COUNT or sigmas 0: the mean itself. */
void dv_analysis_moved(const dv_analysis* a, size_t component, double sigmas, dv_chain_params* params);

/* The page.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_analysis_page(const dv_analysis* a, dv_buffer* out, dv_error* err);

/* Its figures, each a whole <figure>.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_figure_cumulative(const dv_analysis* a, dv_buffer* out);
DV_NODISCARD dv_status dv_figures_component(const dv_analysis* a, size_t component, dv_buffer* out);
DV_NODISCARD dv_status dv_figures_distributions(const dv_analysis* a, dv_buffer* out);
DV_NODISCARD dv_status dv_figure_effects(const dv_analysis* a, dv_buffer* out);
DV_NODISCARD dv_status dv_figure_tree(const dv_analysis* a, dv_buffer* out);
DV_NODISCARD dv_status dv_figure_parameters(const dv_analysis* a, dv_buffer* out);
DV_NODISCARD dv_status dv_figure_study(const dv_analysis* a, dv_buffer* out);
DV_NODISCARD dv_status dv_map_presets(const dv_analysis* a, dv_buffer* out);

#endif
