/* SPDX-License-Identifier: MIT */
/* Private: everything that moves when a parameter changes, as one flat array of numbers that glide to
 * their targets.  Two one-poles in series per number give a curve without a corner; they advance once per
 * quantum and are joined by straight lines, so that the engine's loops see a ramp per quantum.  Biquads
 * glide coefficient by coefficient: stable (a1, a2) form a convex set, so every filter on the way is stable.
 * A glide ends exactly on its target. */
#ifndef DIFFVOX_RT_CONTROLS_H
#define DIFFVOX_RT_CONTROLS_H

#include "dsp/status.h"

#include <stdbool.h>

enum { DV_BIQUAD_CONTROLS = 5 }; /* b0, b1, b2, a1, a2 */

typedef enum {
  DV_CONTROL_EQ = 0,                                             /* six biquads */
  DV_CONTROL_REVERB_EQ = DV_CONTROL_EQ + 6 * DV_BIQUAD_CONTROLS, /* four */
  DV_CONTROL_DELAY_LOWPASS = DV_CONTROL_REVERB_EQ + 4 * DV_BIQUAD_CONTROLS,
  DV_CONTROL_AVERAGE = DV_CONTROL_DELAY_LOWPASS + DV_BIQUAD_CONTROLS,
  DV_CONTROL_ATTACK,
  DV_CONTROL_RELEASE,
  DV_CONTROL_COMP_OFFSET, /* static curve: nepers = min(0, offset - slope * ln(mean square)) */
  DV_CONTROL_COMP_SLOPE,
  DV_CONTROL_EXP_OFFSET,
  DV_CONTROL_EXP_SLOPE,
  DV_CONTROL_MAKEUP,
  DV_CONTROL_FEEDBACK,
  DV_CONTROL_ODD_LEFT, /* delay gain times panner */
  DV_CONTROL_ODD_RIGHT,
  DV_CONTROL_EVEN_LEFT,
  DV_CONTROL_EVEN_RIGHT,
  DV_CONTROL_SEND,
  DV_CONTROL_PAN_LEFT,
  DV_CONTROL_PAN_RIGHT,
  DV_CONTROL_INPUT_GAIN,
  DV_CONTROL_OUTPUT_GAIN,
  DV_CONTROL_DRY_WET,
  DV_CONTROL_DELAY_LEVEL,
  DV_CONTROL_REVERB_LEVEL,
  DV_CONTROL_LOOKAHEAD, /* 1: gain through the look-ahead filter, 0: without latency */
  DV_CONTROL_BYPASS,    /* 1: the input as it came */
  DV_CONTROL_COUNT
} dv_control;

typedef struct {
  double target[DV_CONTROL_COUNT];
  double lag[DV_CONTROL_COUNT];  /* first one-pole; the second is `to` */
  double from[DV_CONTROL_COUNT]; /* ramp of the running quantum: from + step (i + 1), i = 0 .. 63 */
  double to[DV_CONTROL_COUNT];
  double step[DV_CONTROL_COUNT];
  double near[DV_CONTROL_COUNT]; /* distance at which a glide ends */
  double rate;                   /* one-pole coefficient per quantum */
  bool moving;                   /* some control is not at its target, or its ramp is not flat */
} dv_controls;

/* Glides of about 40 ms at a rate. */
void dv_controls_init(dv_controls* c, double rate_hz);

/* Sets a target; takes effect with the next quantum. */
DV_REALTIME void dv_controls_set(dv_controls* c, dv_control which, double target);

/* All controls to their targets at once. */
DV_REALTIME void dv_controls_snap(dv_controls* c);

/* Ramps of the next quantum. */
DV_REALTIME void dv_controls_advance(dv_controls* c);

/* True when one of `count` controls from `first` changes during the running quantum. */
DV_REALTIME bool dv_controls_changing(const dv_controls* c, dv_control first, int count);

#endif
