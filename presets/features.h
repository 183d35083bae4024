/* SPDX-License-Identifier: MIT */
/* What a preset does to a voice, in six numbers that listeners have names for, and which principal components
 * move them.
 *
 * Sources: McAdams et al., Psychol. Res. 58 (1995) (timbre: spectral centroid as brightness); Schroeder, J. Acoust.
 * Soc. Am. 37 (1965) and ISO 3382 (decay by backward integration, T20); EBU Tech 3342 (loudness range, by
 * libebur128); Yu et al., DiffVox, DAFx 2025, sec. 5 (the first component moves spaciousness, the next ones
 * brightness). */
#ifndef DIFFVOX_FEATURES_H
#define DIFFVOX_FEATURES_H

#include "presets/effective.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  DV_FEATURE_CENTROID,       /* Hz: mean over frames of 2048 samples of the centroid of the magnitude spectrum, weighted
                              by the frames' energy, both channels */
  DV_FEATURE_REVERB_RATIO,   /* dB: energy of delay and reverb against that of the direct sound, tail included */
  DV_FEATURE_DECAY,          /* s: time of 60 dB, from -5 to -25 dB of the integrated tail behind the voice's end */
  DV_FEATURE_WIDTH,          /* dB: energy of side against mid */
  DV_FEATURE_LOUDNESS_RANGE, /* LU */
  DV_FEATURE_CREST,          /* dB: peak over RMS, both channels */
  DV_FEATURE_COUNT
} dv_feature;

typedef struct {
  const char *key, *label, *unit; /* "centroid_hz", "Spectral centroid", "Hz" */
  bool logarithmic;               /* correlations and slopes are taken of its logarithm to base 2 */
} dv_feature_info;
const dv_feature_info* dv_feature_at(dv_feature feature);

/* Ratios of nothing to something end here. */
#define DV_FEATURE_FLOOR_DB (-80.0)
#define DV_FEATURE_TAIL_S 5.0

/* Renders a mono voice through a preset and measures it.  x: `samples` samples, 44.1 kHz or another rate of 8 to
   192 kHz, at the loudness that presets are made for (-18 LUFS).  DV_ERR_ARG: less than 3.5 s, silence, parameters.
   DV_ERR_NOMEM, DV_ERR_NONFINITE. */
DV_NODISCARD dv_status dv_features_measure(const dv_chain_params* params, double rate_hz, const float* x,
                                           size_t samples, double features[DV_FEATURE_COUNT], dv_error* err);

/* Moves presets along components and measures what changes. */
typedef struct {
  const double* bases;                           /* base_count x DV_EFFECTIVE_COUNT: where the moves start */
  size_t base_count;                             /* >= 2 */
  size_t components;                             /* the first so many: 1 .. DV_STUDY_MAX_COMPONENTS */
  const double (*component)[DV_EFFECTIVE_COUNT]; /* unit vectors */
  const double* sigma;                           /* standard deviations along them */
  uint64_t seed;                                 /* of the bootstrap */
} dv_study_design;

enum { DV_STUDY_MAX_COMPONENTS = 8, DV_STUDY_AMOUNTS = 5, DV_STUDY_BOOTSTRAPS = 2000 };
extern const double dv_study_amounts[DV_STUDY_AMOUNTS]; /* -2 .. 2 standard deviations */

/* r: Pearson's correlation of the amount with the feature's change from its base's mean over amounts; low and high its
   95 % interval, percentiles of a bootstrap over bases.  slope: mean change a standard deviation, in the feature's
   unit or, of logarithmic ones, octaves.  mean: over bases, at each amount (logarithmic ones: geometric). */
typedef struct {
  double r, low, high, slope;
  double mean[DV_STUDY_AMOUNTS];
} dv_study_cell;

typedef struct {
  size_t components, bases;
  dv_study_cell cell[DV_STUDY_MAX_COMPONENTS][DV_FEATURE_COUNT];
} dv_study;

/* done runs over 0 .. 1; a non-zero answer cancels.  May be NULL. */
typedef int (*dv_study_progress)(void* context, double done);
DV_NODISCARD dv_status dv_study_run(const dv_study_design* design, double rate_hz, const float* x, size_t samples,
                                    dv_study_progress progress, void* context, dv_study* study, dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
