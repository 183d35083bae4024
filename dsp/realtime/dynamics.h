/* SPDX-License-Identifier: MIT */
/* Private: the compressor's gain g in real time, the recursion of dsp/compressor.h on one signal. */
#ifndef DIFFVOX_RT_DYNAMICS_H
#define DIFFVOX_RT_DYNAMICS_H

#include "dsp/compressor.h"
#include "dsp/realtime/controls.h"

#include <stddef.h>

typedef struct {
  double mean, gain;
} dv_dynamics;

/* Sets all targets that belong to the compressor. */
DV_REALTIME void dv_controls_set_compressor(dv_controls* c, const dv_compressor_coefs* coefs);

/* The state before the first sample. */
DV_REALTIME void dv_dynamics_reset(dv_dynamics* d);

/* n <= DV_QUANTUM samples x, from sample `at` of the running quantum on -> g. */
DV_REALTIME void dv_dynamics_process(dv_dynamics* d, const dv_controls* c, size_t at, const float* x, float* g,
                                     size_t n);

#endif
