/* SPDX-License-Identifier: MIT */
/* The ping-pong delay's impulse responses and their adjoint.
 *
 * On a DFT grid of N = 4 s:  h1 = P(sinc(n - T)), n = 0 .. N-1 from zero state, H1 = DFT(h1), and with
 * z = fb H1 the echoes sum to
 *
 *   odd  = H1 (1 + z^2 + z^4 + ...),   even = H1 z (1 + z^2 + ...),   K = N div int(T + 1) echoes in all
 *
 * both without the delay's gain and panners (dsp/chain.h applies those).
 *
 * dv_delay_train replaces one derivative only, that of the pulse sinc(n - T) with respect to T, by that of
 * the damped pulse IDFT(exp(lambda k - i 2 pi k T/N)): a sinc's own is useless for descent.  lambda gets
 * its gradient through the same pulse.  Source: DiffVox paper, sec. 2.  Adjoints: docs/math/delay.md. */
#ifndef DIFFVOX_DELAY_RESPONSE_H
#define DIFFVOX_DELAY_RESPONSE_H

#include "dsp/delay.h"
#include "dsp/real.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dv_delay_response dv_delay_response;

/* Workspace for one rate; keep: samples of the responses that are wanted, at most N.  Memory: 3 values per sample of
   N.  NULL when out of memory. */
dv_delay_response* dv_delay_response_new(double rate_hz, size_t keep);
void dv_delay_response_free(dv_delay_response* r);

/* min(keep, N) */
size_t dv_delay_response_length(const dv_delay_response* r);
/* Room that each of the caller's rows must have, from dv_fft_alloc: N. */
size_t dv_delay_response_reals(const dv_delay_response* r);

/* odd and even receive dv_delay_response_length() samples each; what follows them is scratch.  Keeps what backward
   needs. */
void dv_delay_response_forward(dv_delay_response* r, const dv_delay_coefs* c, dv_real* odd, dv_real* even);

typedef enum { DV_DELAY_EXACT, DV_DELAY_TRAIN } dv_delay_gradient;

/* Adjoint of the last forward, which had the same coefficients.  ADDS into delay_samples, feedback and
   lowpass of *gc, and with DV_DELAY_TRAIN dL/dlog_damp into *g_log_damp.  g_odd and g_even: rows like odd and even. */
void dv_delay_response_backward(dv_delay_response* r, const dv_delay_coefs* c, dv_delay_gradient gradient,
                                double log_damp, dv_real* g_odd, dv_real* g_even, dv_delay_coefs* gc,
                                double* g_log_damp);

#ifdef __cplusplus
}
#endif
#endif
