/* SPDX-License-Identifier: MIT */
/* Private: the compressor's look-ahead filter G[n] = sum_j sinc(j - D) g[n+j] in real time, that is delayed by
 * `after` samples.  The newest DV_QUANTUM taps are a direct FIR filter, the rest is convolved in partitions of
 * one quantum by FFT.  A change of D crossfades from the old taps to the new ones.  Before the first sample g
 * counts as constant, as offline. */
#ifndef DIFFVOX_RT_LOOKAHEAD_H
#define DIFFVOX_RT_LOOKAHEAD_H

#include "dsp/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct dv_rt_lookahead dv_rt_lookahead;

/* Not real-time safe.  NULL when out of memory. */
dv_rt_lookahead* dv_rt_lookahead_new(double rate_hz);
void dv_rt_lookahead_free(dv_rt_lookahead* la);

/* Forgets all gains and takes the delay set last. */
DV_REALTIME void dv_rt_lookahead_reset(dv_rt_lookahead* la);

/* D in samples; its taps are computed over the next quanta, one part in each, then crossfaded in. */
DV_REALTIME void dv_rt_lookahead_set(dv_rt_lookahead* la, double delay_samples);

DV_REALTIME size_t dv_rt_lookahead_latency(const dv_rt_lookahead* la);

/* n gains g, samples at .. at+n-1 of the running quantum -> G.  G has room up to the next multiple of eight. */
DV_REALTIME void dv_rt_lookahead_process(dv_rt_lookahead* la, size_t at, const float* g, float* filtered, size_t n);

/* Ends the quantum. */
DV_REALTIME void dv_rt_lookahead_advance(dv_rt_lookahead* la);

/* True when all gains within the filter's reach are the same and D does not change: more of the same gain would
   change nothing. */
DV_REALTIME bool dv_rt_lookahead_steady(const dv_rt_lookahead* la);

#endif
