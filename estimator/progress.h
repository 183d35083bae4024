/* SPDX-License-Identifier: MIT */
/* One line that tells how far a long computation is and when it will be done. */
#ifndef DIFFVOX_PROGRESS_H
#define DIFFVOX_PROGRESS_H

#include "dsp/clock.h"

#include <stdbool.h>
#include <stdio.h>

/* Plain value; dv_progress_start begins it. */
typedef struct {
  FILE* stream;
  bool terminal;           /* the line rewrites itself; otherwise silence */
  double start_s, shown_s; /* monotonic */
  bool on_screen;
} dv_progress;

/* quiet: nothing is ever shown. */
void dv_progress_start(dv_progress* p, FILE* stream, bool quiet);

/* Shows "label  42%  detail  ETA 0:12", at most ten times a second and not in the first second.
   done: 0 .. 1; detail may be "". */
void dv_progress_show(dv_progress* p, const char* label, double done, const char* detail);

/* Wipes the line. */
void dv_progress_end(dv_progress* p);

double dv_progress_elapsed_s(const dv_progress* p);

#endif
