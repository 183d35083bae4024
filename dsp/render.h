/* SPDX-License-Identifier: MIT */
/* The offline engine: a preset applied to a mono signal of any length at any rate.
 *
 * The same coefficients, front and responses as the fit.  Memory: two more signals as long as the given one; delay and
 * reverb work in blocks.
 * The signal is taken to be followed by silence, so a longer tail never changes what comes before it.
 * At other rates than 44.1 kHz the physics is kept (spec: "Other sample rates").  No latency. */
#ifndef DIFFVOX_RENDER_H
#define DIFFVOX_RENDER_H

#include "dsp/parameters.h"
#include "dsp/real.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Told now and then how far a long computation is, 0 .. 1; a non-zero answer cancels it. */
typedef int (*dv_progress_fn)(void* context, double done);

/* x: `samples` values.  left and right receive samples + tail each; the tail is what rings on after the end.
   x may be NULL when samples is 0.  progress may be NULL.  rate_hz 1000 to 1000000.
   DV_ERR_ARG (parameters, rate), DV_ERR_NOMEM, DV_ERR_NONFINITE (in x or the output), DV_ERR_CANCELLED. */
DV_NODISCARD dv_status dv_render(const dv_chain_params* params, double rate_hz, const dv_real* x, size_t samples,
                                 size_t tail, dv_real* left, dv_real* right, dv_progress_fn progress, void* context,
                                 dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
