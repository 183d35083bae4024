/* SPDX-License-Identifier: MIT */
/* Private: the compressor's gain g in real time, the recursion of dsp/compressor.h on one signal. */
#ifndef DIFFVOX_RT_DYNAMICS_H
#define DIFFVOX_RT_DYNAMICS_H

#include "dsp/compressor.h"
#include "dsp/realtime/controls.h"

#include <stdbool.h>
#include <stddef.h>

/* A compressor as fast as a wave makes a step in every half of it while its curve glides, which clicks.  So for
 * some tenths of a second from a change of the curve or of the times on, g passes a one-pole; before and after that
 * its coefficient is 1, and g is exactly what the recursion gives. */
typedef struct {
  double slowest, fall, rise; /* the coefficient's least; its factor per quantum, down and up */
  int hold_quanta;            /* at the least */
  int hold;                   /* still to come */
  double from, to;            /* coefficient at the ends of the running quantum */
  double gain;
} dv_softener;

typedef struct {
  double mean, gain;
  dv_softener softener;
} dv_dynamics;

/* Sets all targets that belong to the compressor.  True when one of the curve or of the times changes. */
DV_REALTIME bool dv_controls_set_compressor(dv_controls* c, const dv_compressor_coefs* coefs);

/* Once, before all else. */
void dv_dynamics_init(dv_dynamics* d, double rate_hz);

/* The state before the first sample. */
DV_REALTIME void dv_dynamics_reset(dv_dynamics* d);

/* Softens g for a while, from the next quantum on. */
DV_REALTIME void dv_dynamics_soften(dv_dynamics* d);

/* Ends the quantum. */
DV_REALTIME void dv_dynamics_advance(dv_dynamics* d);

/* True when g is not being softened. */
DV_REALTIME bool dv_dynamics_exact(const dv_dynamics* d);

/* n <= DV_QUANTUM samples x, from sample `at` of the running quantum on -> g. */
DV_REALTIME void dv_dynamics_process(dv_dynamics* d, const dv_controls* c, size_t at, const float* x, float* g,
                                     size_t n);

#endif
