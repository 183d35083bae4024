/* SPDX-License-Identifier: MIT */
/* Look-ahead: the compressor's gain delayed by a fractional, negative number of
 * samples.
 *
 *   G[n] = sum_{j=-before}^{after} sinc(j - D) g[n+j],   g held at its edge
 * values outside 0 .. n-1
 *
 * a plain truncated sinc (dv_lookahead_taps), by overlap-save.  Offline only;
 * the real-time engine has a causal twin with the same taps.  Source: DiffVox
 * paper, sec. 2.  Adjoint: docs/math/compressor.md. */
#ifndef DIFFVOX_LOOKAHEAD_H
#define DIFFVOX_LOOKAHEAD_H

#include "dsp/real.h"
#include "dsp/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dv_lookahead dv_lookahead;

/* Filter for one rate.  NULL when out of memory. */
dv_lookahead* dv_lookahead_new(double rate_hz);
void dv_lookahead_free(dv_lookahead* filter);

/* Sets D in samples.  Not while another thread runs forward or backward. */
void dv_lookahead_set(dv_lookahead* filter, double lookahead_samples);

/* Scratch that one call of forward or backward needs (from dv_fft_alloc), one
 * per thread. */
size_t dv_lookahead_scratch_reals(const dv_lookahead* filter);

/* gain -> filtered: lane signals of n >= 1 samples, distinct. */
void dv_lookahead_forward(const dv_lookahead* filter, const dv_real* gain, dv_real* filtered, size_t n,
                          dv_real* scratch);

/* g = dL/dfiltered in.  ADDS dL/dgain into g_gain and dL/dD, summed over the
 * lanes, into *g_lookahead. */
void dv_lookahead_backward(const dv_lookahead* filter, const dv_real* gain, const dv_real* g, dv_real* g_gain, size_t n,
                           double* g_lookahead, dv_real* scratch);

/* The same for one signal of n samples, one after the other in memory. */
void dv_lookahead_forward_row(const dv_lookahead* filter, const dv_real* gain, dv_real* filtered, size_t n,
                              dv_real* scratch);
void dv_lookahead_backward_row(const dv_lookahead* filter, const dv_real* gain, const dv_real* g, dv_real* g_gain,
                               size_t n, double* g_lookahead, dv_real* scratch);

#ifdef __cplusplus
}
#endif
#endif
