/* SPDX-License-Identifier: MIT */
/* Private: how near presets bring dry stems to their wet ones: what diffvox-eval measures on a track.
 *
 * A track is compared exactly as its fit compared it: with the fit's alignment, loudness and chunks, where its folder
 * tells them (run.json, and the notes of preset.json); otherwise as a default fit does, with the stems aligned by
 * correlation and at -18 LUFS.  So the loss of a fitted preset is the one that its fit told.  A preset of other gains
 * is brought to those of the stems (presets/levels.h). */
#ifndef DIFFVOX_EVALUATE_H
#define DIFFVOX_EVALUATE_H

#include "datasets/manifest.h"
#include "datasets/stems.h"
#include "estimator/fit.h"
#include "presets/collection.h"
#include "presets/preset.h"

#include <limits.h>

/* --- A track ---------------------------------------------------------------------------------------------------- */

typedef struct {
  dv_stems_config stems;
  dv_objective_config objective;
} dv_eval_setup;

/* As a default fit.  threads: what is measured does not depend on it. */
void dv_eval_setup_default(int threads, dv_eval_setup* setup);

/* As the fit of a folder that has a run.json; one that has none leaves the setup alone.  Lag and polarity come from the
   preset's notes.  DV_ERR_IO, DV_ERR_NOMEM.  DV_ERR_FORMAT: run.json is damaged. */
DV_NODISCARD dv_status dv_eval_setup_of_run(const char* folder, const dv_preset* preset, dv_eval_setup* setup,
                                            dv_error* err);

/* A pair of stems, ready to be compared with many renderings. */
typedef struct {
  dv_stems stems;
  dv_fit* fit;
} dv_eval_track;

/* Besides the errors of dv_stems_read and dv_fit_new none.  *track is empty after an error.  Not thread-safe. */
DV_NODISCARD dv_status dv_eval_open(const dv_eval_setup* setup, const char* dry, const char* wet, dv_eval_track* track,
                                    dv_error* err);
void dv_eval_close(dv_eval_track* track);

/* params NULL: the dry stem itself, on both channels and as loud as the wet one.  DV_ERR_ARG: parameters out of range.
   DV_ERR_NONFINITE. */
DV_NODISCARD dv_status dv_eval_loss(dv_eval_track* track, const dv_chain_params* params, dv_loss_values* values,
                                    dv_error* err);

/* --- Where the presets come from -------------------------------------------------------------------------------- */

/* A folder of fits (ID/preset.json) or of presets (ID.json), which may be incomplete; or rows of raw parameters with
   names (presets/collection.h). */
typedef struct {
  const char *spec, *corpora_dir; /* borrowed */
  bool published;                 /* medleydb or internal: presets/corpus.h knows its stems too */
  dv_collection rows;             /* empty: a folder of files */
} dv_eval_source;

/* corpora_dir as in dv_collection_options.  DV_ERR_ARG, DV_ERR_IO, DV_ERR_FORMAT, DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_eval_source_open(const char* spec, const char* corpora_dir, dv_eval_source* source,
                                           dv_error* err);
void dv_eval_source_close(dv_eval_source* source);

typedef struct {
  dv_preset preset;
  bool is_row;           /* so it has no gains: it is of stems at DV_MODEL_LUFS */
  char where[256];       /* for people: file, or row and source */
  char folder[PATH_MAX]; /* of a fit; "" otherwise */
} dv_eval_found;

/* *missing is set where there is nothing under that id, or an interrupted fit; err then says what.  Other errors:
   something is there but cannot be read. */
DV_NODISCARD dv_status dv_eval_source_find(const dv_eval_source* source, const char* id, dv_eval_found* found,
                                           bool* missing, dv_error* err);

/* --- The methods ------------------------------------------------------------------------------------------------ */

typedef enum {
  DV_EVAL_FITTED,      /* the preset under the track's id */
  DV_EVAL_MEAN,        /* the mean of the 365 published presets */
  DV_EVAL_NEAREST,     /* of a corpus, nearest to the fitted one: presets/nearest.h */
  DV_EVAL_UNPROCESSED, /* the dry stem itself */
  DV_EVAL_TRUE,        /* the preset that made the wet stem, where the manifest names it */
  DV_EVAL_METHODS
} dv_eval_method;

enum { DV_EVAL_MEASURES = 6 };
extern const char* const dv_eval_measure_names[DV_EVAL_MEASURES]; /* "mss_lr" ... "total", "preset_mse" */
extern const char* const dv_eval_method_names[DV_EVAL_METHODS];   /* "fitted" ... */
extern const char* const dv_eval_method_labels[DV_EVAL_METHODS];  /* "fitted preset" ... for people */

typedef struct {
  bool known;
  double measure[DV_EVAL_MEASURES]; /* preset_mse: against the fitted preset; NaN where there is none */
  char preset[256];                 /* what was applied, for people */
} dv_eval_score;

typedef enum { DV_EVAL_DONE, DV_EVAL_MISSING, DV_EVAL_FAILED } dv_eval_outcome;

typedef struct {
  const char* id; /* of the manifest */
  bool has_bleed;
  dv_eval_outcome outcome;
  char reason[sizeof(dv_error)]; /* why not done */
  dv_eval_score scores[DV_EVAL_METHODS];
} dv_eval_result;

/* All methods on one pair.  nearest: the corpus to search, or NULL.  What goes wrong is in the result. */
void dv_eval_pair(const dv_pair* pair, const dv_eval_source* source, const dv_collection* nearest, int threads,
                  dv_eval_result* result);

/* --- Many tracks ------------------------------------------------------------------------------------------------ */

/* A mean or median with the 2.5 % and 97.5 % quantiles of its bootstrap distribution. */
typedef struct {
  double value, low, high;
} dv_eval_estimate;

enum { DV_EVAL_DRAWS = 2000 };

typedef struct {
  size_t count; /* 0: all NaN */
  dv_eval_estimate mean, median;
} dv_eval_statistic;

/* Of `count` values: tracks are drawn with replacement, DV_EVAL_DRAWS times, from a fixed seed.  NaN are left out.
   Source: Efron and Tibshirani, An Introduction to the Bootstrap, ch. 13 (percentile intervals).  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_eval_statistic_of(const double* values, size_t count, dv_eval_statistic* statistic,
                                            dv_error* err);

typedef struct {
  size_t tracks, done, missing, failed;
  dv_eval_statistic statistics[DV_EVAL_METHODS][DV_EVAL_MEASURES];
} dv_eval_summary;

DV_NODISCARD dv_status dv_eval_summarise(const dv_eval_result* results, size_t count, dv_eval_summary* summary,
                                         dv_error* err);

/* "id,has_bleed,method,preset,mss_lr,...": a line per track and method.  Whole or not at all.  DV_ERR_IO,
   DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_eval_write_csv(const char* path, const dv_eval_result* results, size_t count, dv_error* err);

/* The table, as the published ones are laid out, and what is missing; or all of it as one JSON object.
   nearest: the corpus' name, or NULL.  DV_ERR_NOMEM. */
void dv_eval_print_table(const dv_eval_result* results, const dv_eval_summary* summary, const char* nearest);
DV_NODISCARD dv_status dv_eval_print_json(const dv_eval_result* results, const dv_eval_summary* summary,
                                          const char* nearest, dv_error* err);

#endif
