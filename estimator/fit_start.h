/* SPDX-License-Identifier: MIT */
/* Where a fit begins: the mean of the published presets and the echoes that the stems show.
 *
 * At the mean itself the reverb's lines are nearly alike, a saddle that a descent leaves slowly and in an arbitrary
 * direction; a faint reverb of alternating signs tells them apart.  The time of an echo is not found by descending, so
 * it is looked for before (estimator/echoes.h).  Source: own; docs/math/fitting.md. */
#ifndef DIFFVOX_FIT_START_H
#define DIFFVOX_FIT_START_H

#include "estimator/objective.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { DV_FIT_GIVEN_STARTS = 2 };

/* The mean, with its faint reverb.  mono: both channels begin alike. */
void dv_fit_mean_start(bool mono, dv_chain_params* start);

/* Where a descent begins. */
typedef struct {
  dv_chain_params params;
  bool delay_known; /* the delay's time is right to some samples: it descends by its own derivative, in samples */
} dv_fit_start;

/* Several to try, the likeliest first. */
typedef struct {
  dv_fit_start start[DV_FIT_GIVEN_STARTS];
  size_t count; /* 1 or more */
} dv_fit_starts;

/* The default's starts: the same, with delay and reverb moved to the echoes that the stems show (estimator/echoes.h);
   a second one where an echo for the delay is possible and none beyond doubt.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_fit_default_starts(const dv_fit_stems* stems, dv_fit_starts* starts, dv_error* err);

/* For a start that comes from elsewhere: where an echo for the delay is within a millisecond of its own, it takes the
   echo's time, which is then known.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_fit_adopt_echo(const dv_fit_stems* stems, dv_fit_start* start, dv_error* err);

/* A chain that does nearly nothing but plain_gain_db: flat EQ, ratios of 1, no delay, no reverb. */
void dv_fit_transparent_start(const dv_fit_stems* stems, dv_chain_params* start);

/* Makes a start of any origin one for these stems: where the wet one is mono, pans go to the middle and both channels
   of the reverb become their mean; a scaled fit moves them together, so what begins apart would stay apart.  Tells
   whether anything changed. */
bool dv_fit_fold_start(const dv_fit_stems* stems, dv_chain_params* start);

/* The wet stem has one channel, or holds one twice. */
bool dv_fit_is_mono(const dv_fit_stems* stems);

/* Parameters, a gradient or scales: both channels of the reverb get their mean. */
void dv_fit_tie_channels(double values[DV_PARAM_COUNT]);

#ifdef __cplusplus
}
#endif
#endif
