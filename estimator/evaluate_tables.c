/* SPDX-License-Identifier: MIT */
#include "estimator/evaluate.h"

#include "datasets/file.h"
#include "dsp/random.h"
#include "presets/order.h"
#include "presets/text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_WIDTH = 22, CELL_WIDTH = 18, CELL_SIZE = 64 };

/* --- Statistics ------------------------------------------------------------------------------------------------- */

static double mean_of(const double* x, size_t n)
{
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += x[i];
  return sum / (double)n;
}

/* Sorts x. */
static double median_of(double* x, size_t n)
{
  qsort(x, n, sizeof *x, dv_ascending);
  return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

static void interval(double* draws, dv_eval_estimate* estimate)
{
  qsort(draws, DV_EVAL_DRAWS, sizeof *draws, dv_ascending);
  estimate->low = draws[DV_EVAL_DRAWS / 40];
  estimate->high = draws[DV_EVAL_DRAWS - 1 - DV_EVAL_DRAWS / 40];
}

/* drawn: n; draws: 2 x DV_EVAL_DRAWS. */
static void bootstrap(const double* x, size_t n, double* drawn, double* draws, dv_eval_statistic* s)
{
  uint64_t random = 0;
  for (size_t d = 0; d < DV_EVAL_DRAWS; ++d) {
    for (size_t i = 0; i < n; ++i) drawn[i] = x[(size_t)(dv_random_uniform(&random) * (double)n)];
    draws[d] = mean_of(drawn, n);
    draws[DV_EVAL_DRAWS + d] = median_of(drawn, n);
  }
  interval(draws, &s->mean);
  interval(draws + DV_EVAL_DRAWS, &s->median);
}

dv_status dv_eval_statistic_of(const double* values, size_t count, dv_eval_statistic* s, dv_error* err)
{
  const dv_eval_estimate none = {(double)NAN, (double)NAN, (double)NAN};
  *s = (dv_eval_statistic){0, none, none};
  double* work = malloc((2 * count + 2 * DV_EVAL_DRAWS) * sizeof *work);
  if (!work) return dv_fail(err, DV_ERR_NOMEM, "No memory for the statistics of %zu tracks", count);
  double *x = work + 2 * DV_EVAL_DRAWS, *drawn = x + count;
  for (size_t i = 0; i < count; ++i)
    if (!isnan(values[i])) x[s->count++] = values[i];
  if (s->count) {
    bootstrap(x, s->count, drawn, work, s);
    s->mean.value = mean_of(x, s->count);
    s->median.value = median_of(x, s->count);
  }
  free(work);
  return DV_OK;
}

dv_status dv_eval_summarise(const dv_eval_result* results, size_t count, dv_eval_summary* summary, dv_error* err)
{
  dv_status status = DV_OK;
  *summary = (dv_eval_summary){.tracks = count};
  double* values = malloc((count + 1) * sizeof *values);
  if (!values) return dv_fail(err, DV_ERR_NOMEM, "No memory for the statistics of %zu tracks", count);
  for (size_t i = 0; i < count; ++i) {
    summary->done += results[i].outcome == DV_EVAL_DONE;
    summary->missing += results[i].outcome == DV_EVAL_MISSING;
    summary->failed += results[i].outcome == DV_EVAL_FAILED;
  }
  for (int m = 0; m < DV_EVAL_METHODS; ++m)
    for (int k = 0; !status && k < DV_EVAL_MEASURES; ++k) {
      for (size_t i = 0; i < count; ++i)
        values[i] = results[i].scores[m].known ? results[i].scores[m].measure[k] : (double)NAN;
      status = dv_eval_statistic_of(values, count, &summary->statistics[m][k], err);
    }
  free(values);
  return status;
}

/* --- CSV -------------------------------------------------------------------------------------------------------- */

typedef struct {
  const dv_eval_result* results;
  size_t count;
} result_list;

static void print_csv_score(FILE* out, const dv_eval_result* r, int method)
{
  const dv_eval_score* s = &r->scores[method];
  fprintf(out, "%s,%d,%s,", r->id, r->has_bleed, dv_eval_method_names[method]);
  dv_text_csv(out, s->preset);
  for (int k = 0; k < DV_EVAL_MEASURES; ++k) {
    fputc(',', out);
    if (isfinite(s->measure[k])) fprintf(out, "%.9g", s->measure[k]);
  }
  fputc('\n', out);
}

static void print_csv(FILE* out, void* context)
{
  const result_list* list = context;
  fputs("id,has_bleed,method,preset", out);
  for (int k = 0; k < DV_EVAL_MEASURES; ++k) fprintf(out, ",%s", dv_eval_measure_names[k]);
  fputc('\n', out);
  for (size_t i = 0; i < list->count; ++i)
    for (int m = 0; m < DV_EVAL_METHODS; ++m)
      if (list->results[i].scores[m].known) print_csv_score(out, &list->results[i], m);
}

dv_status dv_eval_write_csv(const char* path, const dv_eval_result* results, size_t count, dv_error* err)
{
  result_list list = {results, count};
  char* text;
  size_t size;
  if (!dv_text_print(print_csv, &list, &text, &size))
    return dv_fail(err, DV_ERR_NOMEM, "%s: no memory to write %zu tracks", dv_file_label(path), count);
  const dv_status status = dv_file_write(path, text, size, err);
  free(text);
  return status;
}

/* --- Table ------------------------------------------------------------------------------------------------------ */

/* Four digits, as far as they fit. */
static int decimals(double value)
{
  return fabs(value) < 10.0 ? 3 : fabs(value) < 100.0 ? 2 : fabs(value) < 1000.0 ? 1 : 0;
}

static void print_cell(double a, const char* between, double b)
{
  char cell[CELL_SIZE] = "-";
  if (!isnan(a)) snprintf(cell, sizeof cell, "%.*f %s %.*f", decimals(a), a, between, decimals(b), b);
  printf("%-*s", CELL_WIDTH, cell);
}

static void print_method(const dv_eval_summary* s, int method)
{
  const dv_eval_statistic* statistics = s->statistics[method];
  char label[CELL_SIZE];
  snprintf(label, sizeof label, statistics->count < s->done ? "%s (%zu)" : "%s", dv_eval_method_labels[method],
           statistics->count);
  printf("%-*s", LABEL_WIDTH, label);
  for (int k = 0; k < DV_EVAL_MEASURES; ++k) print_cell(statistics[k].mean.value, "/", statistics[k].median.value);
  printf("\n%-*s", LABEL_WIDTH, "  mean, 95 %");
  for (int k = 0; k < DV_EVAL_MEASURES; ++k) print_cell(statistics[k].mean.low, "..", statistics[k].mean.high);
  printf("\n%-*s", LABEL_WIDTH, "  median, 95 %");
  for (int k = 0; k < DV_EVAL_MEASURES; ++k) print_cell(statistics[k].median.low, "..", statistics[k].median.high);
  putchar('\n');
}

static void print_left_out(const dv_eval_result* results, const dv_eval_summary* s, dv_eval_outcome outcome,
                           const char* title)
{
  bool first = true;
  for (size_t i = 0; i < s->tracks; ++i) {
    if (results[i].outcome != outcome) continue;
    if (first) printf("\n%s:\n", title);
    first = false;
    printf("  %s: %s\n", results[i].id, results[i].reason);
  }
}

void dv_eval_print_table(const dv_eval_result* results, const dv_eval_summary* s, const char* nearest)
{
  static const char* const titles[DV_EVAL_MEASURES] = {"MSS LR", "MSS MS", "MLDR LR", "MLDR MS", "total", "preset MSE"};
  printf("%zu of %zu tracks; mean / median, with 95 %% intervals (bootstrap over tracks)\n", s->done, s->tracks);
  if (nearest) printf("nearest preset: of %s, by preset MSE to the fitted one\n", nearest);
  if (s->done) {
    printf("\n%-*s", LABEL_WIDTH, "");
    for (int k = 0; k < DV_EVAL_MEASURES; ++k) printf("%-*s", CELL_WIDTH, titles[k]);
    putchar('\n');
    for (int m = 0; m < DV_EVAL_METHODS; ++m)
      if (s->statistics[m][0].count) print_method(s, m);
  }
  print_left_out(results, s, DV_EVAL_MISSING, "without a fit");
  print_left_out(results, s, DV_EVAL_FAILED, "failed");
}

/* --- JSON ------------------------------------------------------------------------------------------------------- */

static json_t* number_or_null(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t* statistic_json(const dv_eval_statistic* s)
{
  return json_pack("{s:I, s:o, s:[o, o], s:o, s:[o, o]}", "tracks", (json_int_t)s->count, "mean",
                   number_or_null(s->mean.value), "mean_95", number_or_null(s->mean.low), number_or_null(s->mean.high),
                   "median", number_or_null(s->median.value), "median_95", number_or_null(s->median.low),
                   number_or_null(s->median.high));
}

static json_t* methods_json(const dv_eval_summary* s)
{
  json_t* methods = json_object();
  for (int m = 0; m < DV_EVAL_METHODS; ++m) {
    if (!s->statistics[m][0].count) continue;
    json_t* measures = json_object();
    for (int k = 0; k < DV_EVAL_MEASURES; ++k)
      json_object_set_new(measures, dv_eval_measure_names[k], statistic_json(&s->statistics[m][k]));
    json_object_set_new(methods, dv_eval_method_names[m], measures);
  }
  return methods;
}

static json_t* track_json(const dv_eval_result* r)
{
  json_t *track = json_pack("{s:s, s:b}", "id", r->id, "has_bleed", r->has_bleed), *scores = json_object();
  for (int m = 0; m < DV_EVAL_METHODS; ++m) {
    if (!r->scores[m].known) continue;
    json_t* measures = json_pack("{s:s}", "preset", r->scores[m].preset);
    for (int k = 0; k < DV_EVAL_MEASURES; ++k)
      json_object_set_new(measures, dv_eval_measure_names[k], number_or_null(r->scores[m].measure[k]));
    json_object_set_new(scores, dv_eval_method_names[m], measures);
  }
  json_object_set_new(track, "scores", scores);
  return track;
}

static json_t* left_out_json(const dv_eval_result* results, const dv_eval_summary* s, dv_eval_outcome outcome)
{
  json_t* list = json_array();
  for (size_t i = 0; i < s->tracks; ++i) {
    char reason[sizeof results[i].reason];
    dv_preset_set_text(reason, sizeof reason, results[i].reason); /* file names need not be UTF-8 */
    if (results[i].outcome == outcome)
      json_array_append_new(list, json_pack("{s:s, s:s}", "id", results[i].id, "reason", reason));
  }
  return list;
}

dv_status dv_eval_print_json(const dv_eval_result* results, const dv_eval_summary* s, const char* nearest,
                             dv_error* err)
{
  json_t *root = json_pack("{s:s, s:i}", "format", "diffvox-eval", "version", 1), *tracks = json_array();
  for (size_t i = 0; i < s->tracks; ++i)
    if (results[i].outcome == DV_EVAL_DONE) json_array_append_new(tracks, track_json(&results[i]));
  json_object_set_new(root, "nearest_of", nearest ? json_string(nearest) : json_null());
  json_object_set_new(root, "methods", methods_json(s));
  json_object_set_new(root, "tracks", tracks);
  json_object_set_new(root, "missing", left_out_json(results, s, DV_EVAL_MISSING));
  json_object_set_new(root, "failed", left_out_json(results, s, DV_EVAL_FAILED));
  char* text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
  json_decref(root);
  if (!text) return dv_fail(err, DV_ERR_NOMEM, "No memory for the result");
  puts(text);
  free(text);
  return DV_OK;
}
