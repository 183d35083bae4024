/* SPDX-License-Identifier: MIT */
#include "presets/analysis.h"
#include "presets/columns.h"
#include "presets/preset.h"
#include "report/explore.h"
#include "report/html.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = DV_EFFECTIVE_COUNT, NAMED = 3, SHOWN_COMPONENTS = 8, MOVED = 6, SHOWN_PAIRS = 9, TEXT = 512 };

/* --- Words ---------------------------------------------------------------------------------------------------- */

static void format_p(char* text, size_t size, double p)
{
  if (isnan(p)) snprintf(text, size, "\xe2\x80\x93");
  else if (p < 1e-16)
    snprintf(text, size,
             "< 1e\xe2\x88\x92"
             "16");
  else dv_format_digits(text, size, p, 2, NULL);
}

/* In columns every number has the same places. */
static void format_places(char* text, size_t size, double value, int places)
{
  char digits[DV_NUMBER_MAX - 4];
  if (!isfinite(value)) {
    snprintf(text, size, "\xe2\x80\x93");
    return;
  }
  snprintf(digits, sizeof digits, "%.*f", places, fabs(value));
  const bool zero = !digits[strspn(digits, "0.")];
  snprintf(text, size, "%s%s", value < 0.0 && !zero ? "\xe2\x88\x92" : "", digits);
}

static bool is_gaussian(const dv_analysis* a)
{
  return a->normality.joint && a->normality.royston.p >= 0.05 && a->normality.henze_zirkler.p >= 0.05;
}

static size_t components_for_99(const dv_analysis* a)
{
  return dv_pca_components_for(a->part[0].cumulative, SIZE, 0.99);
}

static bool is_decay(int k) { return !strcmp(dv_parameter_at(dv_effective_index(k))->name, "reverb.decay"); }

/* The parameters that a component moves most; of the decay curve, whose points move together, one. */
static void strongest(const dv_analysis* a, size_t component, int* list, int count)
{
  const double* v = a->pca.component + component * SIZE;
  bool used[SIZE] = {false};
  for (int rank = 0; rank < count; ++rank) {
    int largest = -1;
    for (int k = 0; k < SIZE; ++k)
      if (!used[k] && (largest < 0 || fabs(v[k]) > fabs(v[largest]))) largest = k;
    list[rank] = largest;
    for (int k = 0; k < SIZE; ++k) used[k] |= k == largest || (is_decay(largest) && is_decay(k));
  }
}

/* "+Peak 2 gain, ..." */
static void describe_vector(const dv_analysis* a, size_t component, char* text, size_t size)
{
  int list[NAMED];
  size_t length = 0;
  *text = '\0';
  strongest(a, component, list, NAMED);
  for (int rank = 0; rank < NAMED && length < size; ++rank) {
    dv_column column;
    dv_column_at(list[rank], &column);
    length += (size_t)snprintf(text + length, size - length, "%s%s%s", rank ? ", " : "",
                               a->pca.component[component * SIZE + (size_t)list[rank]] < 0.0 ? "\xe2\x88\x92" : "+",
                               column.label);
  }
}

static void lead_text(const dv_analysis* a, char* text, size_t size)
{
  char others[160] = "", sound[160] = "", heard[256] = "";
  if (a->parts > 1) snprintf(others, sizeof others, " and %zu of %s", a->part[1].corpus.count, a->part[1].corpus.label);
  if (a->has_study && *dv_study_describe(&a->study.study, 0, sound, sizeof sound))
    snprintf(heard, sizeof heard, " More of the first component is %s.", sound);
  snprintf(text, size, "%zu presets of %s%s. %zu of %d principal components hold 99 %% of the variance.%s%s",
           a->part[0].corpus.count, a->part[0].corpus.label, others, components_for_99(a), SIZE, heard,
           !a->normality.joint ? ""
           : is_gaussian(a)    ? " They may be Gaussian."
                               : " They are not Gaussian.");
}

static void put_facts(const dv_analysis* a, dv_buffer* out)
{
  char value[64], detail[TEXT], p[DV_NUMBER_MAX];
  dv_html_facts_begin(out);
  for (size_t i = 0; i < a->parts; ++i) {
    const dv_collection* c = &a->part[i].corpus;
    snprintf(value, sizeof value, "%zu", c->count);
    if (c->rows_in_file != c->count)
      snprintf(detail, sizeof detail, "presets of %s, of %zu rows", c->label, c->rows_in_file);
    else snprintf(detail, sizeof detail, "presets of %s", c->label);
    dv_html_fact(out, i ? "Second corpus" : "Corpus", value, detail);
  }
  snprintf(value, sizeof value, "%zu", components_for_99(a));
  snprintf(detail, sizeof detail, "of %zu that are not zero", a->part[0].components);
  dv_html_fact(out, "Components for 99 %", value, detail);
  snprintf(value, sizeof value, "%.1f %%", dv_analysis_share(a, 0));
  dv_html_fact(out, "First component", value, "of the variance");
  if (a->normality.joint) {
    snprintf(value, sizeof value, "H = %.1f", a->normality.royston.statistic);
    format_p(p, sizeof p, a->normality.royston.p);
    snprintf(detail, sizeof detail, "Royston's test, p %s%s", *p == '<' ? "" : "= ", p);
    dv_html_fact(out, "Normality", value, detail);
  }
  dv_html_facts_end(out);
}

static void put_notes(const dv_analysis* a, dv_buffer* out)
{
  char text[TEXT], name[96];
  dv_html_notes_begin(out);
  for (size_t i = 0; i < a->parts; ++i) {
    const dv_collection* c = &a->part[i].corpus;
    const size_t constants = dv_collection_constants(c, name, sizeof name);
    if (a->part[i].listed_count < c->count) {
      snprintf(text, sizeof text,
               "%s: the map and the table show %zu of %zu presets, drawn with seed 0; all figures else "
               "are of all of them.",
               c->label, a->part[i].listed_count, c->count);
      dv_html_note(out, false, text);
    }
    if (c->count > 1 && constants) {
      snprintf(text, sizeof text,
               "%s: %zu parameters are the same in all presets (%s%s); they take no part in correlations "
               "and tests.",
               c->label, constants, name, constants > 1 ? ", \xe2\x80\xa6" : "");
      dv_html_note(out, false, text);
    }
  }
  if (a->normality.presets < a->part[0].corpus.count) {
    snprintf(text, sizeof text, "The tests of normality saw %zu presets, drawn with seed 0: they are made for no more.",
             a->normality.presets);
    dv_html_note(out, false, text);
  }
  dv_html_notes_end(out);
}

/* --- Sections ------------------------------------------------------------------------------------------------- */

static dv_status put_map(const dv_analysis* a, dv_buffer* out)
{
  dv_html_section_begin(out, "map", "Map", NULL);
  const dv_status status = dv_map_presets(a, out);
  dv_html_section_end(out);
  return status;
}

static void put_component_table(const dv_analysis* a, dv_buffer* out)
{
  static const char* const headings[] = {"Component", "Share, %", "Together, %", "Moves most", "More of it is"};
  const char* alignment = a->has_study ? "lrrll" : "lrrl";
  dv_html_table_begin(out, NULL, headings, alignment);
  for (size_t i = 0; i < SHOWN_COMPONENTS && i < a->pca.components; ++i) {
    char number[32], share[DV_NUMBER_MAX], sum[DV_NUMBER_MAX], moves[TEXT], sound[160] = "";
    snprintf(number, sizeof number, "PC%zu", i + 1);
    format_places(share, sizeof share, dv_analysis_share(a, i), 3);
    format_places(sum, sizeof sum, 100.0 * a->part[0].cumulative[i], 2);
    describe_vector(a, i, moves, sizeof moves);
    if (a->has_study && i < a->study.study.components) dv_study_describe(&a->study.study, i, sound, sizeof sound);
    dv_html_row(out, (const char* const[]){number, share, sum, moves, sound}, alignment);
  }
  dv_html_table_end(out);
}

static void cumulative_row(dv_buffer* out, const char* name, const double* cumulative, size_t of)
{
  char count[48], percent[DV_NUMBER_MAX], area[DV_NUMBER_MAX];
  const size_t needed = dv_pca_components_for(cumulative, SIZE, 0.99);
  snprintf(count, sizeof count, "%zu of %zu", needed, of);
  format_places(percent, sizeof percent, 100.0 * (double)needed / (double)of, 2);
  format_places(area, sizeof area, 100.0 * dv_pca_area(cumulative, SIZE), 2);
  dv_html_row(out, (const char* const[]){name, count, percent, area}, "lrrr");
}

static void put_cumulative_table(const dv_analysis* a, dv_buffer* out)
{
  static const char* const headings[] = {"Corpus", "Components for 99 %", "%", "Area, %"};
  char name[220];
  dv_html_table_begin(out, NULL, headings, "lrrr");
  cumulative_row(out, a->part[0].corpus.label, a->part[0].cumulative, a->part[0].components);
  if (a->parts > 1) {
    if (a->part[1].components)
      cumulative_row(out, a->part[1].corpus.label, a->part[1].cumulative, a->part[1].components);
    snprintf(name, sizeof name, "%s on %s", a->part[1].corpus.label, a->part[0].corpus.label);
    cumulative_row(out, name, a->projected, SIZE);
  }
  dv_html_table_end(out);
}

static dv_status put_components(const dv_analysis* a, dv_buffer* out)
{
  dv_html_section_begin(out, "components", "Principal components",
                        "Directions in which the presets differ most, each a joint move of all parameters.");
  put_component_table(a, out);
  dv_html_figures_begin(out);
  dv_status status = dv_figure_cumulative(a, out);
  dv_html_figure_begin(out, "How many components it takes");
  put_cumulative_table(a, out);
  dv_html_figure_end(out, "Components that hold 99 % of the variance, and the area under the curve.");
  dv_html_figures_end(out);
  dv_html_section_end(out);
  return status;
}

/* The physical values of what a component moves most. */
static void put_moved(const dv_analysis* a, size_t component, dv_buffer* out)
{
  static const char* const headings[] = {"Parameter", "Unit", "\xe2\x88\x92\x32\xcf\x83", "Mean", "+2\xcf\x83"};
  static const double sigmas[] = {-2.0, 0.0, 2.0};
  double physical[3][SIZE];
  int list[MOVED];
  strongest(a, component, list, MOVED);
  for (int s = 0; s < 3; ++s) {
    double raw[DV_PARAM_COUNT], effective[SIZE];
    dv_effective_to_raw(a->pca.mean, raw);
    dv_effective_add(a->pca.component + component * SIZE, sigmas[s] * sqrt(a->pca.variance[component]), raw);
    dv_effective_from_raw(raw, effective);
    dv_columns_physical(effective, physical[s]);
  }
  dv_html_figure_begin(out, "What it moves most");
  dv_html_table_begin(out, NULL, headings, "llrrr");
  for (int i = 0; i < MOVED; ++i) {
    char cell[3][DV_NUMBER_MAX];
    dv_column column;
    dv_column_at(list[i], &column);
    for (int s = 0; s < 3; ++s) dv_format_digits(cell[s], sizeof cell[s], physical[s][list[i]], 3, NULL);
    dv_html_row(out, (const char* const[]){column.label, column.unit, cell[0], cell[1], cell[2]}, "llrrr");
  }
  dv_html_table_end(out);
  dv_html_figure_end(out, NULL);
}

static dv_status put_moves(const dv_analysis* a, dv_buffer* out)
{
  dv_status status = DV_OK;
  dv_html_section_begin(out, "moves", "The mean preset, moved",
                        "What one and two standard deviations along a component do to the mean preset.");
  for (size_t i = 0; !status && i < DV_ANALYSIS_SCORES && i < a->pca.components; ++i) {
    char heading[256], sound[160] = "";
    if (a->has_study && i < a->study.study.components) dv_study_describe(&a->study.study, i, sound, sizeof sound);
    snprintf(heading, sizeof heading, "PC%zu, %.1f %% of the variance%s%s", i + 1, dv_analysis_share(a, i),
             *sound ? ": more of it is " : "", sound);
    dv_html_subheading(out, heading);
    dv_html_figures_begin(out);
    status = dv_figures_component(a, i, out);
    put_moved(a, i, out);
    dv_html_figures_end(out);
  }
  dv_html_section_end(out);
  return status;
}

static void put_study_table(const dv_study* study, dv_buffer* out)
{
  static const char* const headings[] = {"Component and feature", "r", "95 % interval", "A \xcf\x83 moves it by"};
  dv_html_table_begin(out, NULL, headings, "lrrr");
  for (size_t c = 0; c < study->components; ++c) {
    char group[32];
    snprintf(group, sizeof group, "PC%zu", c + 1);
    dv_html_group_row(out, group, 4);
    for (size_t f = 0; f < DV_FEATURE_COUNT; ++f) {
      const dv_study_cell* cell = &study->cell[c][f];
      const dv_feature_info* info = dv_feature_at((dv_feature)f);
      char r[DV_NUMBER_MAX], low[DV_NUMBER_MAX], high[DV_NUMBER_MAX], interval[96], slope[DV_NUMBER_MAX];
      format_places(r, sizeof r, cell->r, 2);
      format_places(low, sizeof low, cell->low, 2);
      format_places(high, sizeof high, cell->high, 2);
      snprintf(interval, sizeof interval, "%s to %s", low, high);
      dv_format_digits(slope, sizeof slope, cell->slope, 2, info->logarithmic ? "octaves" : info->unit);
      dv_html_row(out, (const char* const[]){info->label, r, interval, slope}, "lrrr");
    }
  }
  dv_html_table_end(out);
}

static dv_status put_study(const dv_analysis* a, dv_buffer* out)
{
  char text[TEXT];
  if (!a->has_study) return DV_OK;
  snprintf(
    text, sizeof text,
    "%zu presets of %s, moved by \xe2\x88\x92"
    "2 to 2 standard deviations along each component, on %.1f s of a dry voice "
    "(%s). The correlation is that of the move with what is measured, within presets; its interval is a bootstrap over "
    "presets.",
    a->study.study.bases, a->study.corpus, a->study.voice_s, a->study.voice);
  dv_html_section_begin(out, "sound", "What the components sound like", text);
  dv_html_figures_begin(out);
  const dv_status status = dv_figure_study(a, out);
  dv_html_figures_end(out);
  dv_html_details_begin(out, "All correlations with their intervals");
  put_study_table(&a->study.study, out);
  dv_html_details_end(out);
  dv_html_section_end(out);
  return status;
}

static void put_quantiles(const dv_analysis_corpus* part, dv_buffer* out)
{
  static const char* const headings[] = {"Parameter", "Unit", "Least", "5 %", "25 %", "Median", "75 %", "95 %", "Most"};
  char text[128];
  snprintf(text, sizeof text, "Quantiles of all parameters: %s", part->corpus.label);
  dv_html_details_begin(out, text);
  dv_html_table_begin(out, NULL, headings, "llrrrrrrr");
  for (int k = 0; k < SIZE; ++k) {
    char cell[DV_QUANTILES][DV_NUMBER_MAX];
    dv_column column;
    dv_column_at(k, &column);
    for (int q = 0; q < DV_QUANTILES; ++q) dv_format_digits(cell[q], sizeof cell[q], part->quantile[k][q], 3, NULL);
    dv_html_row(
      out,
      (const char* const[]){column.label, column.unit, cell[0], cell[1], cell[2], cell[3], cell[4], cell[5], cell[6]},
      "llrrrrrrr");
  }
  dv_html_table_end(out);
  dv_html_details_end(out);
}

static dv_status put_distributions(const dv_analysis* a, dv_buffer* out)
{
  dv_html_section_begin(out, "distributions", "Distributions", NULL);
  dv_html_figures_begin(out);
  const dv_status status = dv_figures_distributions(a, out);
  dv_html_figures_end(out);
  for (size_t i = 0; i < a->parts; ++i) put_quantiles(&a->part[i], out);
  dv_html_section_end(out);
  return status;
}

/* The strongest pairs, but of decay points, which all go with their neighbours. */
static void put_pairs(const dv_analysis* a, dv_buffer* out)
{
  static const char* const headings[] = {"First", "Second", "rho", "p, corrected"};
  const dv_corpus_correlation* c = &a->correlation;
  bool* used = calloc(DV_PARAMETER_PAIRS, sizeof *used);
  dv_html_figure_begin(out, "The strongest correlations");
  dv_html_table_begin(out, NULL, headings, "llrr");
  for (int shown = 0; used && shown < SHOWN_PAIRS; ++shown) {
    size_t best_i = SIZE, best_j = SIZE;
    for (size_t i = 0; i < SIZE; ++i)
      for (size_t j = i + 1; j < SIZE; ++j) {
        const double r = c->rho[i * SIZE + j];
        if (isnan(r) || (is_decay((int)i) && is_decay((int)j)) || used[dv_parameter_pair(i, j)]) continue;
        if (best_i < SIZE && fabs(r) <= fabs(c->rho[best_i * SIZE + best_j])) continue;
        best_i = i;
        best_j = j;
      }
    if (best_i == SIZE) break;
    used[dv_parameter_pair(best_i, best_j)] = true;
    dv_column first, second;
    char rho[DV_NUMBER_MAX], p[DV_NUMBER_MAX];
    dv_column_at((int)best_i, &first);
    dv_column_at((int)best_j, &second);
    format_places(rho, sizeof rho, c->rho[best_i * SIZE + best_j], 3);
    format_p(p, sizeof p, c->fdr[dv_parameter_pair(best_i, best_j)]);
    dv_html_row(out, (const char* const[]){first.label, second.label, rho, p}, "llrr");
  }
  dv_html_table_end(out);
  dv_html_figure_end(out, "Spearman's rho, but for pairs within the decay curve; p corrected for 8385 pairs (Benjamini "
                          "and Hochberg).");
  free(used);
}

static dv_status put_correlations(const dv_analysis* a, dv_buffer* out)
{
  char text[TEXT];
  size_t significant = 0;
  for (size_t k = 0; k < DV_PARAMETER_PAIRS; ++k) significant += a->correlation.fdr[k] < 0.05;
  snprintf(text, sizeof text, "Of %s. %zu of %d pairs of parameters are correlated, at a false discovery rate of 5 %%.",
           a->part[0].corpus.label, significant, DV_PARAMETER_PAIRS);
  dv_html_section_begin(out, "correlations", "What goes together", text);
  dv_html_figures_begin(out);
  dv_status status = dv_figure_effects(a, out);
  if (!status) status = dv_figure_tree(a, out);
  if (!status) status = dv_figure_parameters(a, out);
  put_pairs(a, out);
  dv_html_figures_end(out);
  dv_html_section_end(out);
  return status;
}

static void joint_row(dv_buffer* out, const char* name, const dv_multinormality* test)
{
  char statistic[DV_NUMBER_MAX], freedom[DV_NUMBER_MAX] = "", p[DV_NUMBER_MAX];
  format_places(statistic, sizeof statistic, test->statistic, test->statistic < 10.0 ? 4 : 2);
  if (test->freedom > 0.0) format_places(freedom, sizeof freedom, test->freedom, 2);
  format_p(p, sizeof p, test->p);
  dv_html_row(out, (const char* const[]){name, statistic, freedom, p}, "lrrr");
}

static void put_shapiro(const dv_analysis* a, dv_buffer* out)
{
  static const char* const headings[] = {"Parameter", "W", "p", "p, Holm"};
  dv_html_details_begin(out, "Shapiro and Wilk's test of every parameter");
  dv_explore_table_begin(out, "", headings, "lrrr");
  for (int k = 0; k < SIZE; ++k) {
    dv_column column;
    char w[DV_NUMBER_MAX], p[DV_NUMBER_MAX], holm[DV_NUMBER_MAX];
    dv_column_at(k, &column);
    format_places(w, sizeof w, a->normality.parameter[k].w, 4);
    dv_format_digits(p, sizeof p, a->normality.parameter[k].p, 2, NULL);
    dv_format_digits(holm, sizeof holm, a->normality.holm[k], 2, NULL);
    dv_html_row(out, (const char* const[]){column.label, w, p, holm}, "lrrr");
  }
  dv_html_table_end(out);
  dv_html_details_end(out);
}

static void put_normality(const dv_analysis* a, dv_buffer* out)
{
  static const char* const headings[] = {"Test", "Statistic", "Degrees of freedom", "p"};
  const dv_corpus_normality* n = &a->normality;
  char text[TEXT], joint[TEXT];
  size_t rejected = 0;
  for (int k = 0; k < SIZE; ++k) rejected += n->holm[k] < 0.05;
  snprintf(text, sizeof text, "%zu of %d parameters are not normal at 5 %%, corrected by Holm for as many tests.",
           rejected, SIZE);
  dv_html_section_begin(out, "normality", "Is it Gaussian?", text);
  if (n->joint) {
    snprintf(joint, sizeof joint, "Whitened scores of the first %zu components of %zu presets.", n->components,
             n->presets);
    dv_html_table_begin(out, joint, headings, "lrrr");
    joint_row(out, "Royston (H)", &n->royston);
    joint_row(out, "Henze and Zirkler (T)", &n->henze_zirkler);
    dv_html_table_end(out);
  } else {
    dv_html_paragraph(out, "There are too few presets for a test of all components together.");
  }
  put_shapiro(a, out);
  dv_html_section_end(out);
}

static void preset_row(const dv_analysis_corpus* part, size_t row, const char* alignment, dv_buffer* out)
{
  enum { NUMBERS = 12 };
  char cell[NUMBERS][DV_NUMBER_MAX];
  const char* cells[NUMBERS + 2];
  dv_chain_params p;
  double distance = 0.0;
  const dv_collection_entry* entry = &part->corpus.entries[row];
  dv_effective_params(dv_collection_row(&part->corpus, row), &p);
  for (size_t k = 0; k < DV_ANALYSIS_SCORES; ++k) {
    format_places(cell[k], sizeof cell[k], part->scores[row * DV_ANALYSIS_SCORES + k], 2);
    distance += pow(part->scores[row * DV_ANALYSIS_SCORES + k], 2);
  }
  format_places(cell[4], sizeof cell[4], sqrt(distance), 2);
  format_places(cell[5], sizeof cell[5], p.compressor.comp_threshold_db, 1);
  format_places(cell[6], sizeof cell[6], p.compressor.comp_ratio, 1);
  format_places(cell[7], sizeof cell[7], p.delay.delay_ms, 0);
  format_places(cell[8], sizeof cell[8], p.delay.gain, 3);
  format_places(cell[9], sizeof cell[9], dv_t60_from_decay(p.reverb.decay[2]), 2); /* 919 Hz */
  format_places(cell[10], sizeof cell[10], p.pan, 2);
  if (isnan(entry->loss)) *cell[11] = '\0';
  else format_places(cell[11], sizeof cell[11], entry->loss, 3);
  cells[0] = entry->name;
  cells[1] = part->corpus.label;
  for (size_t k = 0; k < NUMBERS; ++k) cells[k + 2] = cell[k];
  dv_html_row(out, cells, alignment);
}

static bool has_losses(const dv_analysis* a)
{
  for (size_t i = 0; i < a->parts; ++i)
    for (size_t r = 0; r < a->part[i].corpus.count; ++r)
      if (!isnan(a->part[i].corpus.entries[r].loss)) return true;
  return false;
}

static void put_presets(const dv_analysis* a, dv_buffer* out)
{
  static const char* const headings[] = {"Preset",      "Corpus", "PC1",       "PC2",   "PC3",    "PC4", "Distance",
                                         "Thresh., dB", "Ratio",  "Delay, ms", "Level", "T60, s", "Pan", "Loss"};
  const char* alignment = has_losses(a) ? "llrrrrrrrrrrrr" : "llrrrrrrrrrrr";
  dv_html_section_begin(out, "presets", "Presets", "A click on a heading sorts.");
  dv_explore_table_begin(
    out,
    "Components and the distance from the mean along the first four in standard deviations; level of the first echo; "
    "reverberation time at 0.9 kHz.",
    headings, alignment);
  for (size_t i = 0; i < a->parts; ++i)
    for (size_t k = 0; k < a->part[i].listed_count; ++k) preset_row(&a->part[i], a->part[i].listed[k], alignment, out);
  dv_html_table_end(out);
  dv_html_section_end(out);
}

static void put_methods(dv_buffer* out)
{
  static const char* const headings[] = {"What", "How", "Source"};
  static const char* const rows[][3] = {
    {"Parameters", "130 effective raw parameters: logits, gains in dB", "Yu et al., DiffVox, DAFx 2025"},
    {"Components",
     "Eigenvectors of the sample covariance (n \xe2\x88\x92 1) by LAPACK's dsyevd; the entry of largest magnitude is "
     "positive",
     "Jolliffe, Principal Component Analysis, 2nd ed."},
    {"A corpus on another's components", "Mean square of the projections, with the other's mean", "Yu et al., sec. 5"},
    {"Area", "Trapezoids under the cumulative curve from (0, 0), width 1/130", "Yu et al., sec. 5"},
    {"Rank correlation", "Spearman, ties averaged; p by Student's t; corrected by Benjamini and Hochberg, or Holm",
     "Spearman 1904; Kendall and Stuart; Benjamini and Hochberg 1995; Holm 1979"},
    {"Clusters", "Ward's method on 1 \xe2\x88\x92 |rho|, on squared distances", "Ward 1963; Murtagh and Legendre 2014"},
    {"Normality of one parameter", "Shapiro and Wilk's W", "Royston, AS R94, 1995"},
    {"Joint normality", "Royston's H; Henze and Zirkler's T", "Royston 1983, 1992; Henze and Zirkler 1990"},
    {"Sound", "Spectral centroid, energies, decay by backward integration, loudness range",
     "McAdams et al. 1995; Schroeder 1965; EBU Tech 3342"},
  };
  dv_html_section_begin(out, "methods", "Methods", NULL);
  dv_html_table_begin(out, NULL, headings, "lll");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) dv_html_row(out, rows[i], "lll");
  dv_html_table_end(out);
  dv_html_section_end(out);
}

dv_status dv_analysis_page(const dv_analysis* a, dv_buffer* out, dv_error* err)
{
  char title[220], lead[2 * TEXT];
  snprintf(title, sizeof title, "%s%s%s", a->part[0].corpus.label, a->parts > 1 ? " and " : "",
           a->parts > 1 ? a->part[1].corpus.label : "");
  lead_text(a, lead, sizeof lead);
  dv_html_begin(out, &(dv_html_page){.title = title, .kicker = "What a corpus of presets says", .lead = lead});
  dv_explore_begin(out);
  put_facts(a, out);
  put_notes(a, out);
  dv_status status = put_map(a, out);
  if (!status) status = put_components(a, out);
  if (!status) status = put_study(a, out);
  if (!status) status = put_moves(a, out);
  if (!status) status = put_correlations(a, out);
  if (!status) status = put_distributions(a, out);
  put_normality(a, out);
  put_presets(a, out);
  put_methods(out);
  dv_html_end(out, "preset-analysis " DV_VERSION);
  if (!status) status = out->status;
  return status ? dv_fail(err, status, "No memory for the page") : DV_OK;
}
