/* SPDX-License-Identifier: MIT */
/* Private: what bench_growth measures of a fit, and how it draws that. */
#ifndef DV_BENCH_GROWTH_H
#define DV_BENCH_GROWTH_H

#include "dsp/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { GROWTH_MAX_CASES = 16, GROWTH_MAX_STEPS = 101 };

typedef struct {
  double seconds; /* of the song */
  size_t batch;   /* most chunks of a step; 0: the default */
  size_t steps;   /* that are measured */
  int threads;
} growth_case;

typedef struct {
  double wall_s, cpu_s; /* cpu_s: all threads */
} growth_time;

typedef struct {
  double seconds;
  size_t chunks, batch;    /* of the song, and of a step */
  growth_time search;      /* of echoes, for the starts: dv_fit_default_starts */
  growth_time preparation; /* dv_fit_new */
  growth_time unprocessed; /* the loss of the dry stem over all chunks */
  growth_time evaluation;  /* the loss of a chain over all chunks */
  growth_time step;        /* median */
  double stems_mb, peak_mb;
} growth_result;

/* Measures a fit with default options in a process of its own.  False when that failed, which it has told on stderr. */
bool growth_measure(const growth_case* c, growth_result* result);

/* What diffvox-fit does beside its steps: search, preparation, losses without effects, at the start and at the end. */
growth_time growth_rest(const growth_result* result);

/* The rest, and all steps of the default options. */
growth_time growth_whole(const growth_result* result);
size_t growth_fit_steps(void);

typedef struct {
  growth_result results[GROWTH_MAX_CASES];
  size_t count;
} growth_series;

/* Draws time and memory over the length of the song, and over the chunks of a step its time, side by side, as one
   SVG file.  DV_ERR_NOMEM, DV_ERR_IO. */
DV_NODISCARD dv_status growth_draw(const growth_series* lengths, const growth_series* batches, const char* path,
                                   dv_error* err);

#endif
