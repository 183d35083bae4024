/* SPDX-License-Identifier: MIT */
/* The chain after the compressor as one pair of frequency responses, and its
 * adjoint.
 *
 *   G_c = pan_c + D_c + sum_j H_cj (1 + s D_j),   c, j in {left, right}
 *   D_j = gain (odd_j Odd + even_j Even)
 *
 * on a DFT grid long enough that chunks can be convolved without wrapping into
 * wanted outputs. Source: DiffVox paper, sec. 2.  Adjoint: docs/math/chain.md.
 */
#ifndef DIFFVOX_RESPONSE_H
#define DIFFVOX_RESPONSE_H

#include "dsp/coefficients.h"
#include "dsp/delay_response.h"
#include "dsp/fft.h"
#include "dsp/real.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dv_response dv_response;

/* Workspace: responses of at most `keep` samples (delay 4 s, reverb 12 s at the
   most) on a grid that fits signals of `samples` of which the first `warmup`
   outputs are not wanted.  NULL when out of memory. */
dv_response* dv_response_new(double rate_hz, size_t keep, size_t samples, size_t warmup, int threads);
void dv_response_free(dv_response* r);

/* The grid's transform, out of place, for the signals to be convolved. */
const dv_fft* dv_response_fft(const dv_response* r);
/* Length of G in samples. */
size_t dv_response_length(const dv_response* r);

/* Computes G and keeps what backward needs.  Within an OpenMP team of at most
   `threads` the work is shared as tasks of that team, otherwise a team is
   started; so does backward. */
void dv_response_forward(dv_response* r, const dv_chain_coefs* c);
/* G_left and G_right: spectra on the grid, scaled by 1/size so that inverse(E
 * G) is the convolution. */
const dv_real* dv_response_spectrum(const dv_response* r, int channel);

/* Once per forward, whose spectra it overwrites.  cross[c] = sum over the batch
   of conj(E) DFT(dL/dy_c); destroyed.  ADDS into delay, reverb, send and pan of
   *gc, and with DV_DELAY_TRAIN into *g_log_damp. */
void dv_response_backward(dv_response* r, const dv_chain_coefs* c, dv_real* const cross[2], dv_delay_gradient gradient,
                          double log_damp, dv_chain_coefs* gc, double* g_log_damp);

#ifdef __cplusplus
}
#endif
#endif
