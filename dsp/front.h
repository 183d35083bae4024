/* SPDX-License-Identifier: MIT */
/* The chain's non-linear front on up to DV_LANES signals side by side: six EQ
 * bands, compressor/expander, look-ahead, make-up.
 *
 *   z = EQ(x),   e[n] = z[n] G[n] makeup,   G = lookahead(gain(z))
 *
 * The recursions run in blocks that stay in the second-level cache; backward
 * computes each block again from the state that forward had before it, which
 * costs less than the memory traffic of a tape.
 *
 * A pass is: dv_front_forward, dv_front_output of every lane, then, on the same
 * coefficients, dv_front_backward_gain of every lane and dv_front_backward.
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

/* Workspace for `lanes` signals (at most DV_LANES) of `samples`; one per
   thread.  Memory: 2 values per sample and lane.  NULL when out of memory.  The
   filter is borrowed and may be shared. */
dv_front* dv_front_new(const dv_lookahead* filter, size_t samples, size_t lanes);
void dv_front_free(dv_front* front);

/* z and the compressor's gain of `count` signals x[0 .. count - 1], from
   silence.  The filter must be set to c->compressor.lookahead_samples from here
   to the end of the pass. */
void dv_front_forward(dv_front* front, const dv_chain_coefs* c, const dv_real* const* x, size_t count);

/* e of one lane and, in ahead, its G: `samples` values each.  ahead may be e where no backward follows. */
void dv_front_output(dv_front* front, const dv_chain_coefs* c, size_t lane, dv_real* ahead, dv_real* e);

/* Adjoint of dv_front_output: ahead as that left it and ge = dL/de in, both
   consumed.  ADDS makeup and look-ahead of *gc and keeps the rest. */
void dv_front_backward_gain(dv_front* front, const dv_chain_coefs* c, size_t lane, dv_real* ahead, dv_real* ge,
                            dv_chain_coefs* gc);

/* Adjoint of dv_front_forward: x as it saw it.  ADDS dL/dx into gx[lane] (gx or
   its members may be NULL) and eq and compressor of *gc, summed over the lanes.
 */
void dv_front_backward(dv_front* front, const dv_chain_coefs* c, const dv_real* const* x, size_t count,
                       dv_real* const* gx, dv_chain_coefs* gc);

#ifdef __cplusplus
}
#endif
#endif
