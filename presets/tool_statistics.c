/* SPDX-License-Identifier: MIT */
/* prior, pca, correlations, normality. */
#include "datasets/file.h"
#include "presets/columns.h"
#include "presets/corpus_statistics.h"
#include "presets/prior_table.h"
#include "presets/text.h"
#include "presets/tool.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = DV_EFFECTIVE_COUNT };

static dv_status check_several(const dv_collection* c, dv_error* err)
{
  if (c->count >= DV_NORMALITY_MIN) return DV_OK;
  return dv_fail(err, DV_ERR_ARG, "%s: holds %zu preset%s; statistics want at least %d", c->label, c->count,
                 c->count == 1 ? "" : "s", DV_NORMALITY_MIN);
}

/* --- prior -------------------------------------------------------------------------------------------------- */

static void print_vector(FILE* out, const double* values, size_t count, size_t stride)
{
  fputc('{', out);
  for (size_t i = 0; i < count; ++i) {
    fputs(i ? i % 6 ? ", " : ",\n   " : "", out);
    dv_text_number(out, values[i * stride]);
  }
  fputc('}', out);
}

typedef struct {
  const dv_prior* prior;
  char symbol[64];
} table_job;

static void print_c_table(FILE* out, void* context)
{
  const table_job* job = context;
  const dv_prior* prior = job->prior;
  double deviation[SIZE], sigma[DV_PRIOR_TABLE_COMPONENTS];
  for (size_t k = 0; k < SIZE; ++k) deviation[k] = sqrt(prior->covariance[k][k]);
  for (size_t i = 0; i < DV_PRIOR_TABLE_COMPONENTS; ++i) sigma[i] = sqrt(prior->variance[i]);
  fputs("/* SPDX-License-Identifier: MIT */\n/* Made by `preset-analysis prior --c-table`; do not edit.\n   Source: ",
        out);
  for (const char* c = prior->source; *c; ++c) /* a source cannot end the comment */
    if (*c != '*') fputc(*c, out);
  fputs(" */\n#include \"presets/prior_table.h\"\n\n/* clang-format off */\n", out);
  fprintf(out, "const dv_prior_table dv_prior_%s = {\n  .presets = %zu,\n  .mean = ", job->symbol, prior->presets);
  print_vector(out, prior->mean, SIZE, 1);
  fputs(",\n  .deviation = ", out);
  print_vector(out, deviation, SIZE, 1);
  fputs(",\n  .sigma = ", out);
  print_vector(out, sigma, DV_PRIOR_TABLE_COMPONENTS, 1);
  fputs(",\n  .component = {", out);
  for (size_t i = 0; i < DV_PRIOR_TABLE_COMPONENTS; ++i) {
    fputs(i ? ",\n  " : "\n  ", out);
    print_vector(out, prior->component[i], SIZE, 1);
  }
  fputs("\n  }\n};\n", out);
}

/* "dir/internal.c" makes dv_prior_internal. */
static dv_status write_c_table(const dv_prior* prior, const char* path, dv_error* err)
{
  table_job job = {.prior = prior};
  const char* slash = strrchr(path, '/');
  const char* stem = slash ? slash + 1 : path;
  for (size_t i = 0; i + 1 < sizeof job.symbol && stem[i] && stem[i] != '.'; ++i)
    job.symbol[i] = isalnum((unsigned char)stem[i]) ? stem[i] : '_';
  char* text;
  size_t size;
  if (!dv_text_print(print_c_table, &job, &text, &size))
    return dv_fail(err, DV_ERR_NOMEM, "%s: no memory to write the table", dv_file_label(path));
  const dv_status status = dv_file_write(path, text, size, err);
  free(text);
  return status;
}

dv_status dv_tool_prior(const dv_tool_options* o, dv_error* err)
{
  dv_collection corpus;
  char source[256];
  dv_status status = dv_tool_load(o, o->inputs[0], &corpus, err);
  if (status) return status;
  dv_prior* prior = malloc(sizeof *prior);
  if (!prior) status = dv_fail(err, DV_ERR_NOMEM, "No memory for the prior");
  snprintf(source, sizeof source, "%zu presets of %.180s", corpus.count, corpus.label);
  if (!status) status = dv_prior_estimate(corpus.effective, corpus.count, o->source ? o->source : source, prior, err);
  if (!status) status = dv_prior_write(o->output, prior, err);
  if (!status && o->c_table) status = write_c_table(prior, o->c_table, err);
  free(prior);
  dv_collection_free(&corpus);
  return status ? status : dv_tool_print_written(o, o->output, err);
}

/* --- pca ---------------------------------------------------------------------------------------------------- */

static json_t* cumulative_json(const char* label, size_t presets, const double cumulative[SIZE], size_t of)
{
  const size_t count = dv_pca_components_for(cumulative, SIZE, 0.99);
  json_t* object = json_pack("{s:s, s:I, s:I, s:f, s:f}", "corpus", label, "presets", (json_int_t)presets,
                             "components_for_99", (json_int_t)count, "components_for_99_percent",
                             100.0 * (double)count / (double)of, "area_percent", 100.0 * dv_pca_area(cumulative, SIZE));
  json_object_set_new(object, "cumulative", dv_tool_numbers(cumulative, SIZE));
  return object;
}

static json_t* pca_json(const dv_collection* c, const dv_pca* pca, const double cumulative[SIZE], size_t listed)
{
  json_t *object = cumulative_json(c->label, c->count, cumulative, pca->components), *vectors = json_array();
  double explained[SIZE];
  for (size_t i = 0; i < SIZE; ++i) explained[i] = 100.0 * (cumulative[i] - (i ? cumulative[i - 1] : 0.0));
  for (size_t i = 0; i < listed; ++i) json_array_append_new(vectors, dv_tool_numbers(pca->component + i * SIZE, SIZE));
  json_object_set_new(object, "nonzero_components", json_integer((json_int_t)pca->components));
  json_object_set_new(object, "eigenvalues", dv_tool_numbers(pca->variance, SIZE));
  json_object_set_new(object, "explained_percent", dv_tool_numbers(explained, SIZE));
  json_object_set_new(object, "components", vectors);
  return object;
}

static void print_cumulative(const char* what, const double cumulative[SIZE], size_t of)
{
  const size_t count = dv_pca_components_for(cumulative, SIZE, 0.99);
  printf("%-36s %3zu of %3zu components for 99 %% (%.2f %%), area %.2f %%\n", what, count, of,
         100.0 * (double)count / (double)of, 100.0 * dv_pca_area(cumulative, SIZE));
}

/* The parameters that a component moves most. */
static void print_component(const dv_pca* pca, size_t i, const double cumulative[SIZE])
{
  bool used[SIZE] = {false};
  printf("PC%-3zu %6.3f %%  ", i + 1, 100.0 * (cumulative[i] - (i ? cumulative[i - 1] : 0.0)));
  for (int shown = 0; shown < 5; ++shown) {
    size_t largest = SIZE;
    for (size_t k = 0; k < SIZE; ++k)
      if (!used[k] &&
          (largest == SIZE || fabs(pca->component[i * SIZE + k]) > fabs(pca->component[i * SIZE + largest])))
        largest = k;
    dv_column column;
    dv_column_at((int)largest, &column);
    printf(" %s %+.2f", column.name, pca->component[i * SIZE + largest]);
    used[largest] = true;
  }
  puts("");
}

static dv_status print_pca(const dv_tool_options* o, const dv_collection* c, const dv_pca* pca,
                           const dv_collection* other, dv_error* err)
{
  double cumulative[SIZE], projected[SIZE];
  char what[256];
  const size_t wanted = o->components ? o->components : 8, listed = wanted < pca->components ? wanted : pca->components;
  dv_pca_cumulative(pca, cumulative);
  if (other) dv_pca_cumulative_projected(pca, other->effective, other->count, projected);
  if (o->json) {
    json_t* root = pca_json(c, pca, cumulative, listed);
    if (other) json_object_set_new(root, "projected", cumulative_json(other->label, other->count, projected, SIZE));
    return dv_tool_print_json(root, err);
  }
  print_cumulative(c->label, cumulative, pca->components);
  snprintf(what, sizeof what, "%s on %s", other ? other->label : "", c->label);
  if (other) print_cumulative(what, projected, SIZE);
  for (size_t i = 0; i < listed; ++i) print_component(pca, i, cumulative);
  return DV_OK;
}

dv_status dv_tool_pca(const dv_tool_options* o, dv_error* err)
{
  dv_collection corpus, other = {0};
  dv_pca pca = {0};
  dv_status status = dv_tool_load(o, o->inputs[0], &corpus, err);
  if (status) return status;
  if (o->inputs[1]) status = dv_tool_load(o, o->inputs[1], &other, err);
  if (!status) status = check_several(&corpus, err);
  if (!status) status = dv_pca_fit(corpus.effective, corpus.count, SIZE, &pca, err);
  if (!status && !pca.components) status = dv_fail(err, DV_ERR_ARG, "%s: all presets are equal", corpus.label);
  if (!status) status = print_pca(o, &corpus, &pca, o->inputs[1] ? &other : NULL, err);
  dv_pca_free(&pca);
  dv_collection_free(&other);
  dv_collection_free(&corpus);
  return status;
}

/* --- correlations ------------------------------------------------------------------------------------------- */

typedef struct {
  size_t i, j;
  double rho;
} pair;

static int stronger(const void* a, const void* b)
{
  const double x = fabs(((const pair*)a)->rho), y = fabs(((const pair*)b)->rho);
  return (x < y) - (x > y);
}

/* Pairs with a correlation, the strongest first; NULL without memory. */
static pair* sort_pairs(const dv_corpus_correlation* c, size_t* count)
{
  pair* pairs = malloc(DV_PARAMETER_PAIRS * sizeof *pairs);
  *count = 0;
  for (size_t i = 0; pairs && i < SIZE; ++i)
    for (size_t j = i + 1; j < SIZE; ++j)
      if (!isnan(c->rho[i * SIZE + j])) pairs[(*count)++] = (pair){i, j, c->rho[i * SIZE + j]};
  if (pairs) qsort(pairs, *count, sizeof *pairs, stronger);
  return pairs;
}

static json_t* pair_json(const dv_corpus_correlation* c, const pair* p)
{
  const size_t k = dv_parameter_pair(p->i, p->j);
  dv_column first, second;
  dv_column_at((int)p->i, &first);
  dv_column_at((int)p->j, &second);
  return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "first", first.name, "second", second.name, "rho",
                   dv_tool_number(p->rho), "p", dv_tool_number(c->p[k]), "p_holm", dv_tool_number(c->holm[k]), "p_fdr",
                   dv_tool_number(c->fdr[k]));
}

static json_t* correlations_json(const dv_collection* corpus, const dv_corpus_correlation* c, const pair* pairs,
                                 size_t count)
{
  json_t *effects = json_array(), *matrix = json_array(), *order = json_array(), *list = json_array();
  json_t* merges = json_array();
  for (int g = 0; g < DV_EFFECT_GROUPS; ++g) {
    json_array_append_new(effects, json_string(dv_effect_group_name(g)));
    json_array_append_new(matrix, dv_tool_numbers(c->effect[g], DV_EFFECT_GROUPS));
    json_array_append_new(order, json_string(dv_effect_group_name((int)c->order[g])));
  }
  for (int m = 0; m + 1 < DV_EFFECT_GROUPS; ++m)
    json_array_append_new(merges,
                          json_pack("[I, I, f, I]", (json_int_t)c->merges[m].left, (json_int_t)c->merges[m].right,
                                    c->merges[m].height, (json_int_t)c->merges[m].size));
  for (size_t k = 0; k < count; ++k) json_array_append_new(list, pair_json(c, &pairs[k]));
  return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "corpus", corpus->label, "presets", (json_int_t)corpus->count,
                   "effects", effects, "mean_abs_rho", matrix, "ward_order", order, "ward_merges", merges, "pairs",
                   list);
}

static void print_correlations(const dv_corpus_correlation* c, const pair* pairs, size_t count, size_t listed)
{
  printf("mean |rho| between effects\n%-5s", "");
  for (int g = 0; g < DV_EFFECT_GROUPS; ++g) printf(" %5s", dv_effect_group_name(g));
  for (int a = 0; a < DV_EFFECT_GROUPS; ++a) {
    printf("\n%-5s", dv_effect_group_name(a));
    for (int b = 0; b < DV_EFFECT_GROUPS; ++b) printf(b < a ? "      " : " %5.3f", c->effect[a][b]);
  }
  printf("\nWard order:");
  for (int g = 0; g < DV_EFFECT_GROUPS; ++g) printf(" %s", dv_effect_group_name((int)c->order[g]));
  size_t significant = 0;
  for (size_t k = 0; k < DV_PARAMETER_PAIRS; ++k) significant += c->fdr[k] < 0.05;
  printf("\n%zu of %zu pairs of parameters at a false discovery rate of 5 %%; the strongest:\n", significant, count);
  for (size_t k = 0; k < listed && k < count; ++k) {
    dv_column first, second;
    dv_column_at((int)pairs[k].i, &first);
    dv_column_at((int)pairs[k].j, &second);
    printf("%+.3f  p %.1e  %s, %s\n", pairs[k].rho, c->fdr[dv_parameter_pair(pairs[k].i, pairs[k].j)], first.name,
           second.name);
  }
}

dv_status dv_tool_correlations(const dv_tool_options* o, dv_error* err)
{
  dv_collection corpus;
  size_t count = 0;
  pair* pairs = NULL;
  dv_status status = dv_tool_load(o, o->inputs[0], &corpus, err);
  if (status) return status;
  dv_corpus_correlation* c = malloc(sizeof *c);
  if (!c) status = dv_fail(err, DV_ERR_NOMEM, "No memory for the correlations");
  if (!status) status = check_several(&corpus, err);
  if (!status) status = dv_corpus_correlate(&corpus, c, err);
  if (!status && !(pairs = sort_pairs(c, &count)))
    status = dv_fail(err, DV_ERR_NOMEM, "No memory for the correlations");
  if (!status && o->json) status = dv_tool_print_json(correlations_json(&corpus, c, pairs, count), err);
  else if (!status) print_correlations(c, pairs, count, o->count ? o->count : 20);
  free(pairs);
  free(c);
  dv_collection_free(&corpus);
  return status;
}

/* --- normality ---------------------------------------------------------------------------------------------- */

static json_t* joint_json(const dv_multinormality* test)
{
  return json_pack("{s:o, s:o, s:o}", "statistic", dv_tool_number(test->statistic), "freedom",
                   dv_tool_number(test->freedom), "p", dv_tool_number(test->p));
}

static json_t* normality_json(const dv_collection* corpus, const dv_corpus_normality* r)
{
  json_t *root = json_object(), *list = json_array();
  for (int k = 0; k < SIZE; ++k) {
    dv_column column;
    dv_column_at(k, &column);
    json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", column.name, "w",
                                          dv_tool_number(r->parameter[k].w), "p", dv_tool_number(r->parameter[k].p),
                                          "p_holm", dv_tool_number(r->holm[k]), "p_fdr", dv_tool_number(r->fdr[k])));
  }
  json_object_set_new(root, "corpus", json_string(corpus->label));
  json_object_set_new(root, "presets", json_integer((json_int_t)corpus->count));
  json_object_set_new(root, "presets_tested", json_integer((json_int_t)r->presets));
  json_object_set_new(root, "components", json_integer((json_int_t)r->components));
  json_object_set_new(root, "royston", r->joint ? joint_json(&r->royston) : json_null());
  json_object_set_new(root, "henze_zirkler", r->joint ? joint_json(&r->henze_zirkler) : json_null());
  json_object_set_new(root, "shapiro_wilk", list);
  return root;
}

static void print_normality(const dv_collection* corpus, const dv_corpus_normality* r)
{
  if (r->presets < corpus->count)
    printf("tested on %zu of %zu presets, drawn with seed 0\n", r->presets, corpus->count);
  if (r->joint) {
    printf("whitened scores of the first %zu components:\n", r->components);
    printf("  Royston        H = %.2f, %.2f degrees of freedom, p = %.3g\n", r->royston.statistic, r->royston.freedom,
           r->royston.p);
    printf("  Henze-Zirkler  T = %.4f, p = %.3g\n", r->henze_zirkler.statistic, r->henze_zirkler.p);
  } else {
    printf("too few presets for a joint test of %zu components\n", r->components);
  }
  printf("Shapiro-Wilk by parameter (p corrected by Holm):\n");
  for (int k = 0; k < SIZE; ++k) {
    dv_column column;
    dv_column_at(k, &column);
    if (isnan(r->parameter[k].w)) printf("  %-32s constant\n", column.name);
    else printf("  %-32s W = %.4f  p = %.2e\n", column.name, r->parameter[k].w, r->holm[k]);
  }
}

dv_status dv_tool_normality(const dv_tool_options* o, dv_error* err)
{
  dv_collection corpus;
  dv_pca pca = {0};
  dv_corpus_normality result;
  dv_status status = dv_tool_load(o, o->inputs[0], &corpus, err);
  if (status) return status;
  status = check_several(&corpus, err);
  if (!status) status = dv_pca_fit(corpus.effective, corpus.count, SIZE, &pca, err);
  if (!status) status = dv_corpus_test_normality(&corpus, &pca, o->components, &result, err);
  if (!status && o->json) status = dv_tool_print_json(normality_json(&corpus, &result), err);
  else if (!status) print_normality(&corpus, &result);
  dv_pca_free(&pca);
  dv_collection_free(&corpus);
  return status;
}
