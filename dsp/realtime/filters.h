/* SPDX-License-Identifier: MIT */
/* Private: biquads of the real-time engine, whose coefficients are controls and may glide.
 *
 * Direct form I in double: its memory is nothing but past samples, so gliding coefficients do not disturb it,
 * neighbours in a cascade share it, and one multiplication and addition is all that a sample waits for. */
#ifndef DIFFVOX_RT_FILTERS_H
#define DIFFVOX_RT_FILTERS_H

#include "dsp/biquad.h"
#include "dsp/realtime/controls.h"

#include <stddef.h>

enum { DV_MONO_SECTIONS = 6, DV_STEREO_SECTIONS = 4 };

/* The last two samples before a section and after it, of eight signals: [place][age][signal]. */
enum { DV_OCTET = 8 };
typedef struct {
  double past[2][2][DV_OCTET];
} dv_octet_state;

/* The last two samples before the first section and after each, of two signals: [place][age][signal]. */
typedef struct {
  double past[DV_STEREO_SECTIONS + 1][2][2];
} dv_stereo_eq;

/* One signal through six sections: "signal" 0 are the first three, 1 the last three. */
typedef struct {
  double past[DV_MONO_SECTIONS / 2 + 1][2][2];
} dv_mono_eq;

/* Sets the five targets from `first` on. */
DV_REALTIME void dv_controls_set_biquad(dv_controls* c, int first, const dv_biquad* b);

/* In place, n samples that start at sample `at` of the running quantum. */
DV_REALTIME void dv_mono_eq_process(dv_mono_eq* eq, const dv_controls* c, size_t at, float* x, size_t n);

/* In place, one quantum. */
DV_REALTIME void dv_stereo_eq_process(dv_stereo_eq* eq, const dv_controls* c, float* left, float* right);

/* One section, one quantum of eight signals in place, `stride` floats apart; its coefficients are the five controls
   from `first` on. */
DV_REALTIME void dv_octet_process(dv_octet_state* state, const dv_controls* c, int first, float* x, size_t stride);

#endif
