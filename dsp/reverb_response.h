/* SPDX-License-Identifier: MIT */
/* The reverb's 2 x 2 impulse response, its EQ included, and the adjoint.
 *
 * H(w) of dsp/fdn.h on the grid of N = 12 s, inverse DFT, then the four EQ bands PK1, PK2, LS, HS on each of
 * the four responses (the same as on the reverb's output: all is linear).
 * Source: DiffVox paper, sec. 2.  Adjoints: docs/math/fdn.md. */
#ifndef DIFFVOX_REVERB_RESPONSE_H
#define DIFFVOX_REVERB_RESPONSE_H

#include "dsp/coefficients.h"
#include "dsp/real.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dv_reverb_response dv_reverb_response;

/* Workspace for one rate; keep: samples of the responses that are wanted, at most N; threads: how many may
   be used (results do not depend on it).  Memory: 4 values per sample of N; the rest of the work is done in the
   caller's rows.  NULL when out of memory. */
dv_reverb_response* dv_reverb_response_new(double rate_hz, size_t keep, int threads);
void dv_reverb_response_free(dv_reverb_response* r);

/* min(keep, N) */
size_t dv_reverb_response_length(const dv_reverb_response* r);
/* Room that each of the caller's rows must have, from dv_fft_alloc: N + 2. */
size_t dv_reverb_response_reals(const dv_reverb_response* r);

/* h[out][in] receive dv_reverb_response_length() samples each; what follows them is scratch.  Keeps what backward
   needs. */
void dv_reverb_response_forward(dv_reverb_response* r, const dv_reverb_coefs* c, dv_real* const h[2][2]);

/* Adjoint of the last forward, which had the same coefficients: ADDS into *gc.  Once per forward: it consumes what
   that kept, and gh, rows like h. */
void dv_reverb_response_backward(dv_reverb_response* r, const dv_reverb_coefs* c, dv_real* const gh[2][2],
                                 dv_reverb_coefs* gc);

#ifdef __cplusplus
}
#endif
#endif
