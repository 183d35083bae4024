/* SPDX-License-Identifier: MIT */
/* The whole effects chain on a batch of mono chunks, forward and its vector-Jacobian product.
 *
 *   x (mono) -> PK1 -> PK2 -> LS -> HS -> LP -> HP -> compressor/expander -> e
 *   y = pan(e) + delay(e) + reverb(stereo(e) + s delay(e))          stereo
 *
 * All after e is linear and time-invariant: one pair of responses G per setting, computed once for the
 * whole batch, applied to every chunk by FFT; its gradient is accumulated over the batch as a spectrum and
 * transformed back once.  The front (EQ, compressor) runs DV_LANES chunks side by side.  A batch of more than
 * DV_LANES chunks is a stream of groups, dealt to at most four threads: backward computes the front and its spectra
 * again, so that memory does not grow with the batch.  A smaller batch keeps them, and its front runs beside the
 * responses.
 *
 * Memory for chunks of 12 s, of which 5 are warm-up, in single precision: 65 MB, and 44 for each of the threads that
 * groups are dealt to; for a batch that is kept 92 MB and 10 for each chunk after the first.
 *
 * Chunks are independent: each starts from silence.  The first `warmup` outputs of a chunk are not
 * computed and take no gradient (the published procedure discards 5 of 12 s).
 *
 * Results do not depend on the number of threads.  Source: DiffVox paper, sec. 2; docs/math/chain.md. */
#ifndef DIFFVOX_CHAIN_H
#define DIFFVOX_CHAIN_H

#include "dsp/delay_response.h"
#include "dsp/parameters.h"
#include "dsp/real.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  double rate_hz;
  size_t samples; /* length of a chunk, >= 1 */
  size_t warmup;  /* outputs not wanted, < samples */
  size_t batch;   /* most chunks per call, >= 1 */
  int threads;
} dv_chain_config;

typedef struct dv_chain dv_chain;

/* Allocates and plans everything; nothing below allocates.  On failure *chain is NULL and the result is
   DV_ERR_ARG or DV_ERR_NOMEM.  Not thread-safe against other planning. */
DV_NODISCARD dv_status dv_chain_new(const dv_chain_config* config, dv_chain** chain, dv_error* err);
void dv_chain_free(dv_chain* chain);

/* x[item]: `samples` values each, item < count <= batch.  y: row 2 * item + channel begins at
   y + row * (samples - warmup).  Parameters must pass dv_params_check.  DV_ERR_NONFINITE when an output is
   not finite. */
DV_NODISCARD dv_status dv_chain_forward(dv_chain* chain, const dv_chain_params* params, const dv_real* const* x,
                                        size_t count, dv_real* y);

/* Memory that holds nothing except within forward and within backward: in between it may serve others, as
   dv_loss_lend.  It is the chain's own, and aligned as by dv_fft_alloc. */
dv_real* dv_chain_idle_memory(const dv_chain* chain, size_t* bytes);

/* Adjoint of the last forward, on the same x and params: gy laid out as y, also in its place.  ADDS into *gp and,
   where gx and gx[item] are not NULL, into gx[item].  gradient chooses the delay time's (dsp/delay_response.h); only
   DV_DELAY_TRAIN touches gp->log_damp.  Once per forward: it consumes what that kept.  DV_ERR_ARG: no successful
   forward of `count` chunks before.  DV_ERR_NONFINITE: a gradient is not finite. */
DV_NODISCARD dv_status dv_chain_backward(dv_chain* chain, const dv_chain_params* params, const dv_real* const* x,
                                         size_t count, const dv_real* gy, dv_delay_gradient gradient,
                                         dv_chain_params* gp, dv_real* const* gx);

#ifdef __cplusplus
}
#endif
#endif
