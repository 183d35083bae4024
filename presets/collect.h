/* SPDX-License-Identifier: MIT */
/* Gathering fits into a corpus, by the published rules for which fits to trust.
 *
 * A run is a folder with what diffvox-fit writes: preset.json and losses.csv.  It is left out, for the first of
 * these reasons that holds, when it
 *   ended before its time (no preset, interrupted, or a loss that was not finite);
 *   never got below the largest loss allowed;
 *   was best at its first step: it learnt nothing;
 *   fluctuates: the median of |change of the loss from step to step| is too large;
 *   is older than another run of the same track that stays: of the same id in batches, elsewhere of a wet stem of the
 *   same name.
 * Source: Yu et al., DiffVox, DAFx 2025, sec. 4, and the authors' scripts. */
#ifndef DIFFVOX_COLLECT_H
#define DIFFVOX_COLLECT_H

#include "dsp/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  double max_loss, max_fluctuation;
} dv_collect_rules;

/* 4 and 0.2, as published. */
void dv_collect_rules_published(dv_collect_rules* rules);

typedef enum {
  DV_RUN_KEPT,
  DV_RUN_TERMINATED,
  DV_RUN_LOSS,
  DV_RUN_FIRST_BEST,
  DV_RUN_FLUCTUATION,
  DV_RUN_OLDER
} dv_run_verdict;

typedef struct {
  char* path;               /* of the folder; owned */
  char track[208];          /* its id in a batch; the name of its wet stem without extension; else the folder's */
  double loss, fluctuation; /* lowest total; NaN where not known */
  double modified_s;        /* when preset.json was written, seconds since 1970 */
  dv_run_verdict verdict;
  char reason[160]; /* why it was left out, for people; "" when kept */
} dv_run;

typedef struct {
  dv_run* entries; /* owned; sorted by path */
  size_t count, kept;
} dv_runs;

/* Looks at every run in a folder and its subfolders, four deep.  DV_ERR_ARG: there is none.  DV_ERR_IO: the folder
   cannot be read.  DV_ERR_NOMEM.  A run that cannot be read is left out, its reason says why. */
DV_NODISCARD dv_status dv_collect_runs(const char* folder, const dv_collect_rules* rules, dv_runs* runs, dv_error* err);
void dv_runs_free(dv_runs* runs);

/* Copies the presets that stay to folder/TRACK.json, a corpus for dv_collection_load, and writes the list of all runs
   with their reasons to folder/collected.json.  The folder is made; it must not hold JSON files: DV_ERR_ARG.
   DV_ERR_IO. */
DV_NODISCARD dv_status dv_collect_write(const dv_runs* runs, const dv_collect_rules* rules, const char* folder,
                                        dv_error* err);

/* "kept", "terminated", "loss", "first best", "fluctuation", "older". */
const char* dv_run_verdict_name(dv_run_verdict verdict);

#ifdef __cplusplus
}
#endif
#endif
