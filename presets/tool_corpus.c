/* SPDX-License-Identifier: MIT */
/* collect, summary, export, nearest. */
#include "datasets/file.h"
#include "datasets/npy.h"
#include "presets/collect.h"
#include "presets/columns.h"
#include "presets/corpus.h"
#include "presets/corpus_statistics.h"
#include "presets/text.h"
#include "presets/tool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = DV_EFFECTIVE_COUNT };

/* --- collect ------------------------------------------------------------------------------------------------ */

static json_t* runs_json(const dv_runs* runs, const char* folder)
{
  json_t *root = json_object(), *list = json_array();
  for (size_t i = 0; i < runs->count; ++i) {
    const dv_run* run = &runs->entries[i];
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:s, s:o, s:o, s:s}", "run", run->path, "track", run->track, "verdict",
                                    dv_run_verdict_name(run->verdict), "loss", dv_tool_number(run->loss), "fluctuation",
                                    dv_tool_number(run->fluctuation), "reason", run->reason));
  }
  json_object_set_new(root, "corpus", json_string(folder));
  json_object_set_new(root, "kept", json_integer((json_int_t)runs->kept));
  json_object_set_new(root, "runs", list);
  return root;
}

static void print_runs(const dv_runs* runs, const char* folder)
{
  for (size_t i = 0; i < runs->count; ++i) {
    const dv_run* run = &runs->entries[i];
    if (run->verdict == DV_RUN_KEPT) printf("kept      %s  loss %.4f\n", run->path, run->loss);
    else printf("left out  %s: %s\n", run->path, run->reason);
  }
  printf("%zu of %zu runs are in %s\n", runs->kept, runs->count, folder);
}

dv_status dv_tool_collect(const dv_tool_options* o, dv_error* err)
{
  dv_runs runs;
  const dv_collect_rules rules = {o->max_loss, o->max_fluctuation};
  dv_status status = dv_collect_runs(o->inputs[0], &rules, &runs, err);
  if (status) return status;
  status = dv_collect_write(&runs, &rules, o->output, err);
  if (!status && o->json) status = dv_tool_print_json(runs_json(&runs, o->output), err);
  else if (!status && !o->quiet) print_runs(&runs, o->output);
  dv_runs_free(&runs);
  return status;
}

/* --- summary ------------------------------------------------------------------------------------------------ */

static json_t* summary_json(const dv_collection* c, double quantile[SIZE][DV_QUANTILES])
{
  json_t *root = json_object(), *list = json_array();
  for (int k = 0; k < SIZE; ++k) {
    dv_column column;
    dv_column_at(k, &column);
    json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", column.name, "unit", column.unit, "quantiles",
                                          dv_tool_numbers(quantile[k], DV_QUANTILES)));
  }
  json_object_set_new(root, "corpus", json_string(c->label));
  json_object_set_new(root, "presets", json_integer((json_int_t)c->count));
  json_object_set_new(root, "levels", dv_tool_numbers(dv_quantile_levels, DV_QUANTILES));
  json_object_set_new(root, "parameters", list);
  return root;
}

static void print_summary(const dv_collection* c, double quantile[SIZE][DV_QUANTILES])
{
  printf("%s: %zu presets", c->label, c->count);
  if (c->rows_in_file != c->count) printf(" of %zu (train_index.npy)", c->rows_in_file);
  printf("\n%-32s %-4s", "parameter", "unit");
  for (int q = 0; q < DV_QUANTILES; ++q) printf(" %9.0f%%", 100.0 * dv_quantile_levels[q]);
  puts("");
  for (int k = 0; k < SIZE; ++k) {
    dv_column column;
    dv_column_at(k, &column);
    printf("%-32s %-4s", column.name, column.unit);
    for (int q = 0; q < DV_QUANTILES; ++q) printf(" %10.4g", quantile[k][q]);
    puts("");
  }
}

dv_status dv_tool_summary(const dv_tool_options* o, dv_error* err)
{
  dv_collection corpus;
  double quantile[SIZE][DV_QUANTILES];
  dv_status status = dv_tool_load(o, o->inputs[0], &corpus, err);
  if (status) return status;
  status = dv_corpus_quantiles(&corpus, quantile, err);
  if (!status && o->json) status = dv_tool_print_json(summary_json(&corpus, quantile), err);
  else if (!status) print_summary(&corpus, quantile);
  dv_collection_free(&corpus);
  return status;
}

/* --- export ------------------------------------------------------------------------------------------------- */

/* context points to a const dv_collection*. */
static void print_csv(FILE* out, void* context)
{
  const dv_collection* c = *(const dv_collection**)context;
  fputs("name,row", out);
  for (int k = 0; k < SIZE; ++k) {
    dv_column column;
    dv_column_at(k, &column);
    fprintf(out, ",%s", column.name);
  }
  fputc('\n', out);
  for (size_t i = 0; i < c->count; ++i) {
    double physical[SIZE];
    dv_columns_physical(dv_collection_row(c, i), physical);
    dv_text_csv(out, c->entries[i].name);
    fprintf(out, ",%zu", c->entries[i].row);
    for (int k = 0; k < SIZE; ++k) {
      fputc(',', out);
      dv_text_number(out, physical[k]);
    }
    fputc('\n', out);
  }
}

static dv_status export_csv(const dv_collection* c, const char* path, dv_error* err)
{
  char* text;
  size_t size;
  if (!dv_text_print(print_csv, &c, &text, &size))
    return dv_fail(err, DV_ERR_NOMEM, "%s: no memory to write %zu presets", dv_file_label(path), c->count);
  const dv_status status = dv_file_write(path, text, size, err);
  free(text);
  return status;
}

/* The published shape: rows of 151, the logits that act on nothing 0. */
static dv_status export_npy(const dv_collection* c, const char* path, dv_error* err)
{
  const size_t shape[] = {c->count, DV_PRESET_SIZE};
  double* rows = malloc(c->count * DV_PRESET_SIZE * sizeof *rows);
  if (!rows) return dv_fail(err, DV_ERR_NOMEM, "%s: no memory to write %zu presets", dv_file_label(path), c->count);
  for (size_t i = 0; i < c->count; ++i) {
    double raw[DV_PARAM_COUNT];
    dv_effective_to_raw(dv_collection_row(c, i), raw);
    memcpy(rows + i * DV_PRESET_SIZE, raw, DV_PRESET_SIZE * sizeof *rows);
  }
  const dv_status status = dv_npy_write(path, DV_NPY_F8, 2, shape, rows, err);
  free(rows);
  return status;
}

dv_status dv_tool_export(const dv_tool_options* o, dv_error* err)
{
  dv_collection corpus;
  const char* extension = strrchr(o->output, '.');
  const bool csv = extension && !strcmp(extension, ".csv");
  if (!csv && !(extension && !strcmp(extension, ".npy")))
    return dv_fail(err, DV_ERR_ARG, "%s: export writes .csv (physical units) or .npy (raw parameters)",
                   dv_file_label(o->output));
  dv_status status = dv_tool_load(o, o->inputs[0], &corpus, err);
  if (status) return status;
  status = csv ? export_csv(&corpus, o->output, err) : export_npy(&corpus, o->output, err);
  dv_collection_free(&corpus);
  return status ? status : dv_tool_print_written(o, o->output, err);
}

/* --- nearest ------------------------------------------------------------------------------------------------ */

typedef struct {
  size_t index;
  double distance;
} neighbour;

static int nearer(const void* a, const void* b)
{
  const neighbour *x = a, *y = b;
  if (x->distance < y->distance) return -1;
  if (x->distance > y->distance) return 1;
  return (x->index > y->index) - (x->index < y->index);
}

/* One over the variance of each parameter; of a constant 0. */
static void inverse_variances(const dv_collection* c, double inverse[SIZE])
{
  for (size_t k = 0; k < SIZE; ++k) {
    double mean = 0.0, sum = 0.0;
    for (size_t i = 0; i < c->count; ++i) mean += dv_collection_row(c, i)[k] / (double)c->count;
    for (size_t i = 0; i < c->count; ++i) sum += pow(dv_collection_row(c, i)[k] - mean, 2);
    inverse[k] = sum > 0.0 ? (double)(c->count - 1) / sum : 0.0;
  }
}

static void rank_neighbours(const dv_collection* c, const double target[SIZE], neighbour* list)
{
  double inverse[SIZE];
  inverse_variances(c, inverse);
  for (size_t i = 0; i < c->count; ++i) {
    double sum = 0.0;
    for (size_t k = 0; k < SIZE; ++k) sum += inverse[k] * pow(dv_collection_row(c, i)[k] - target[k], 2);
    list[i] = (neighbour){i, sqrt(sum / SIZE)};
  }
  qsort(list, c->count, sizeof *list, nearer);
}

static dv_status print_neighbours(const dv_tool_options* o, const dv_collection* c, const neighbour* list,
                                  dv_error* err)
{
  const size_t wanted = o->count ? o->count : 5, count = wanted < c->count ? wanted : c->count;
  json_t* found = json_array();
  for (size_t i = 0; i < count; ++i) {
    const dv_collection_entry* entry = &c->entries[list[i].index];
    if (o->json)
      json_array_append_new(found, json_pack("{s:s, s:I, s:f}", "name", entry->name, "row", (json_int_t)entry->row,
                                             "distance", list[i].distance));
    else printf("%8.4f  %s\n", list[i].distance, entry->name);
  }
  if (o->json) return dv_tool_print_json(json_pack("{s:s, s:o}", "corpus", c->label, "nearest", found), err);
  json_decref(found);
  return DV_OK;
}

dv_status dv_tool_nearest(const dv_tool_options* o, dv_error* err)
{
  dv_preset preset;
  dv_collection corpus;
  double raw[DV_PARAM_COUNT], target[SIZE];
  dv_status status = dv_preset_resolve(o->inputs[0], o->corpora, &preset, err);
  if (!status) status = dv_params_to_raw(&preset.params, raw, err);
  if (!status) status = dv_tool_load(o, o->inputs[1], &corpus, err);
  if (status) return status;
  neighbour* list = malloc(corpus.count * sizeof *list);
  if (list) {
    dv_effective_from_raw(raw, target);
    rank_neighbours(&corpus, target, list);
    status = print_neighbours(o, &corpus, list, err);
  } else {
    status = dv_fail(err, DV_ERR_NOMEM, "No memory to sort %zu presets", corpus.count);
  }
  free(list);
  dv_collection_free(&corpus);
  return status;
}
