/* SPDX-License-Identifier: MIT */
/* Private: the ping-pong delay in real time.
 *
 *   v_1 = z^-T P (e + fb v_2),  v_2 = z^-T P (fb v_1);  output: gain times the panned sums of odd and even v_k
 *
 * The model's response ends after 4 s.  Where the loop's echoes beyond that are 80 dB down the loop above is
 * closed.  Otherwise (a strong feedback, or with a resonant low-pass one that would run away, as in one published
 * preset in thirteen) it is opened into one stage per echo within 4 s (v_k = z^-T P fb v_{k-1}), which is the model
 * again and ends where it ends.
 *
 * T is fractional: each stage reads its line through a windowed-sinc interpolator.  A change of T, or from a
 * closed to an open loop, crossfades between two reading points; a change of an open loop's T one octet of stages after
 * the other, for reading all of them twice is dear. */
#ifndef DIFFVOX_RT_PINGPONG_H
#define DIFFVOX_RT_PINGPONG_H

#include "dsp/delay.h"
#include "dsp/realtime/controls.h"

#include <stddef.h>

typedef struct dv_pingpong dv_pingpong;

/* Not real-time safe.  NULL when out of memory. */
dv_pingpong* dv_pingpong_new(double rate_hz);
void dv_pingpong_free(dv_pingpong* pp);

/* Silence in all lines; takes the parameters set last. */
DV_REALTIME void dv_pingpong_reset(dv_pingpong* pp);

/* Delay time, open or closed loop, and the delay's controls.  p is within the parameter table's ranges. */
DV_REALTIME void dv_pingpong_set(dv_pingpong* pp, const dv_delay_params* p, dv_controls* c);

/* While it holds, no crossfade to another delay time begins: there is something dearer to do.  A loop that has to be
   opened or closed does not wait. */
DV_REALTIME void dv_pingpong_hold(dv_pingpong* pp, bool hold);

/* Frames that a crossfade to the delay time set last takes. */
DV_REALTIME size_t dv_pingpong_fade_frames(const dv_pingpong* pp);

/* Takes e of the quantum that ends; call before the controls advance. */
DV_REALTIME void dv_pingpong_write(dv_pingpong* pp, const dv_controls* c, const float* e);

/* Echoes of the quantum that begins; call after the controls advanced. */
DV_REALTIME void dv_pingpong_read(dv_pingpong* pp, const dv_controls* c, float* left, float* right);

/* True when all echoes have died away. */
DV_REALTIME bool dv_pingpong_idle(const dv_pingpong* pp);

#endif
