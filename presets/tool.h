/* SPDX-License-Identifier: MIT */
/* Private: what the subcommands of preset-analysis share. */
#ifndef DIFFVOX_TOOL_H
#define DIFFVOX_TOOL_H

#include "dsp/status.h"
#include "presets/collection.h"
#include "presets/prior.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DV_TOOL_INPUTS = 2, DV_TOOL_MOVES = 16 };

typedef struct {
  const char* inputs[DV_TOOL_INPUTS]; /* NULL where there are fewer */
  const char *output, *corpora, *prior, *source, *voice, *features, *c_table;
  bool json, all_rows, quiet;
  double max_loss, max_fluctuation, amount, seconds;
  size_t count;      /* -n; 0: not given */
  size_t components; /* 0: not given */
  uint64_t seed;
  struct {
    size_t component; /* from 0 */
    double sigmas;
  } moves[DV_TOOL_MOVES];
  size_t move_count;
} dv_tool_options;

/* Each prints its result; errors are messages for people. */
dv_status dv_tool_collect(const dv_tool_options* o, dv_error* err);
dv_status dv_tool_summary(const dv_tool_options* o, dv_error* err);
dv_status dv_tool_export(const dv_tool_options* o, dv_error* err);
dv_status dv_tool_nearest(const dv_tool_options* o, dv_error* err);
dv_status dv_tool_sample(const dv_tool_options* o, dv_error* err);
dv_status dv_tool_morph(const dv_tool_options* o, dv_error* err);
dv_status dv_tool_move(const dv_tool_options* o, dv_error* err);
dv_status dv_tool_prior(const dv_tool_options* o, dv_error* err);
dv_status dv_tool_pca(const dv_tool_options* o, dv_error* err);
dv_status dv_tool_correlations(const dv_tool_options* o, dv_error* err);
dv_status dv_tool_normality(const dv_tool_options* o, dv_error* err);
dv_status dv_tool_features(const dv_tool_options* o, dv_error* err);
dv_status dv_tool_report(const dv_tool_options* o, dv_error* err);

/* The corpus that an argument names; notes on what was passed over go to stderr unless quiet. */
DV_NODISCARD dv_status dv_tool_load(const dv_tool_options* o, const char* spec, dv_collection* corpus, dv_error* err);

/* A number, or null for what JSON does not have. */
json_t* dv_tool_number(double value);
json_t* dv_tool_numbers(const double* values, size_t count);

/* Prints the tree and frees it.  DV_ERR_NOMEM when building it failed (root NULL). */
DV_NODISCARD dv_status dv_tool_print_json(json_t* root, dv_error* err);

/* {"written": path} or a line that says so. */
DV_NODISCARD dv_status dv_tool_print_written(const dv_tool_options* o, const char* path, dv_error* err);

#endif
