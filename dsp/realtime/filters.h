/* SPDX-License-Identifier: MIT */
/* Private: biquads of the real-time engine, transposed direct form II with double state, whose coefficients
 * are controls and may glide. */
#ifndef DIFFVOX_RT_FILTERS_H
#define DIFFVOX_RT_FILTERS_H

#include "dsp/biquad.h"
#include "dsp/realtime/controls.h"

#include <stddef.h>

enum { DV_MONO_SECTIONS = 6, DV_STEREO_SECTIONS = 4 };

/* Two signals through the same coefficients. */
typedef struct { double s1[2], s2[2]; } dv_pair_state;

typedef struct { double s1[DV_MONO_SECTIONS], s2[DV_MONO_SECTIONS]; } dv_mono_eq;
typedef struct { dv_pair_state section[DV_STEREO_SECTIONS]; } dv_stereo_eq;

/* Sets the five targets from `first` on. */
DV_REALTIME void dv_controls_set_biquad(dv_controls* c, int first, const dv_biquad* b);

/* In place, n samples that start at sample `at` of the running quantum. */
DV_REALTIME void dv_mono_eq_process(dv_mono_eq* eq, const dv_controls* c, size_t at, float* x, size_t n);

/* In place, one quantum. */
DV_REALTIME void dv_stereo_eq_process(dv_stereo_eq* eq, const dv_controls* c, float* left, float* right);

/* One section, one quantum of two signals in place; its coefficients are the five controls from `first` on. */
DV_REALTIME void dv_pair_process(dv_pair_state* state, const dv_controls* c, int first, float* a, float* b);

#endif
