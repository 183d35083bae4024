/* SPDX-License-Identifier: MIT */
/* Private: what a person or a program is told of a batch: a table that rewrites itself on a terminal, a line for each
   pair that ends, or JSON lines. */
#ifndef DIFFVOX_BATCH_VIEW_H
#define DIFFVOX_BATCH_VIEW_H

#include "datasets/batch.h"

#include <stdio.h>

/* How far a pair is, from what its fit prints. */
typedef struct {
  size_t step, steps; /* steps 0: before the first one */
  double loss;        /* of that step, at the end of all; NaN before */
  double begun_s;     /* monotonic */
  double begun_at;    /* the part that was done when this batch began with it */
} dv_batch_progress;

typedef struct {
  const dv_manifest* manifest;
  const char* runs;
  bool quiet, json;
  bool table;      /* standard error is a terminal */
  int table_lines; /* of it, on the screen */
  double start_s, shown_s;
  dv_batch_progress* progress; /* owned; one per pair */
} dv_batch_view;

/* DV_ERR_NOMEM.  Freed by dv_batch_view_end. */
DV_NODISCARD dv_status dv_batch_view_start(dv_batch_view* view, const dv_manifest* manifest, const char* runs,
                                           bool quiet, bool json, dv_error* err);

/* dv_batch_config's tell, the view its context. */
void dv_batch_view_tell(void* view, const dv_batch* batch, ptrdiff_t pair, const char* line);

/* The sums on standard output, what failed and why on standard error, also when quiet. */
void dv_batch_view_end(dv_batch_view* view, const dv_batch* batch, bool stopped);

#endif
