/* SPDX-License-Identifier: MIT */
/* The chain's non-linear front on lane signals: six EQ bands, compressor/expander, look-ahead, make-up.
 *
 *   z = EQ(x),   e[n] = z[n] G[n] makeup,   G = lookahead(gain(z))
 *
 * Source: DiffVox paper, sec. 2. */
#ifndef DIFFVOX_FRONT_H
#define DIFFVOX_FRONT_H

#include "dsp/coefficients.h"
#include "dsp/lookahead.h"
#include "dsp/real.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dv_front dv_front;

/* Workspace for lane signals of `samples`; one per thread.  With backward it also holds the tapes.
   NULL when out of memory.  The filter is borrowed and may be shared. */
dv_front* dv_front_new(const dv_lookahead* filter, size_t samples, bool backward);
void dv_front_free(dv_front* front);

/* x -> e from silence; may be the same memory.  The filter must be set to c->compressor.lookahead_samples. */
void dv_front_forward(dv_front* front, const dv_chain_coefs* c, const dv_real* x, dv_real* e);

/* Adjoint at x: runs forward again for its tape.  ge = dL/de in.  ADDS dL/dx into gx (may be NULL) and
   eq and compressor of *gc, summed over the lanes. */
void dv_front_backward(dv_front* front, const dv_chain_coefs* c, const dv_real* x, const dv_real* ge, dv_real* gx,
                       dv_chain_coefs* gc);

#ifdef __cplusplus
}
#endif
#endif
