/* SPDX-License-Identifier: MIT */
/* Private: a fit's folder: which files it has and how they are written. */
#ifndef DIFFVOX_FIT_RUN_H
#define DIFFVOX_FIT_RUN_H

#include "datasets/stems.h"
#include "estimator/checkpoint.h"
#include "estimator/fit_options.h"
#include "presets/preset.h"

enum { DV_RUN_PATH_SIZE = 4096 };

/* Everything known about a run; what it points to is borrowed. */
typedef struct {
  const dv_fit_options* options;
  const dv_stems* stems;
  const dv_fit_history* history;
  dv_chain_params start, params;
  dv_fit_result result;
  dv_loss_values unprocessed, first, fitted; /* over all chunks: the dry stem, the start, what was found; NaN where a
                                                loss cannot be evaluated */
  double plain_gain_db;                      /* see dv_fit_stems */
  const char* ended;                         /* "all steps done" ... */
  char verdict[512];
} dv_fit_run;

/* "FOLDER/NAME". */
void dv_run_path(const char* folder, const char* name, char path[DV_RUN_PATH_SIZE]);

/* Makes the folder and finds before the fit what would make writing fail after it; a stem that would be
   replaced is an error. */
DV_NODISCARD dv_status dv_run_prepare(const dv_fit_options* options, dv_error* err);

/* preset.json alone, as a checkpoint leaves it. */
DV_NODISCARD dv_status dv_run_write_preset(const dv_fit_run* run, dv_error* err);

/* All files.  Every one is tried, for a full disk may still have room for the settings; the first error is told. */
DV_NODISCARD dv_status dv_run_write(const dv_fit_run* run, dv_error* err);

/* What identifies stems and options: a checkpoint of another one is not continued. */
uint64_t dv_run_fingerprint(const dv_fit_options* options, const dv_stems* stems, const dv_fit_starts* starts);

#endif
