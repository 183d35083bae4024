/* SPDX-License-Identifier: MIT */
/* The published fitting procedure: Adam on all 152 raw parameters at once.
 *
 * The stems are cut into chunks of 12 s every 7 s; a chunk's first 5 s only warm the effects up and the loss
 * sees its last 7 s.  Chunks whose wet part peaks below -60 dBFS are dropped.  A step uses all chunks, or
 * 35 drawn without replacement when there are more.  Stems no longer than one chunk are one chunk
 * without warm-up.  The parameters of the lowest loss are kept.
 *
 * Reproducible: the same inputs and seed give the same result at any number of threads, on the same kind of
 * processor (another instruction set rounds otherwise).
 * Source: DiffVox paper, sec. 3; spec "Optimisation (reference)". */
#ifndef DIFFVOX_FIT_H
#define DIFFVOX_FIT_H

#include "dsp/parameters.h"
#include "dsp/real.h"
#include "estimator/loss.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  size_t steps;
  double learning_rate;
  double chunk_s, overlap_s;
  size_t batch_limit; /* most chunks per step */
  uint64_t seed;      /* of the draws */
  int threads;
} dv_fit_config;

/* 2000 steps, 0.01, 12 s with 5 s overlap, 35 chunks, seed 0, 1 thread. */
void dv_fit_config_reference(dv_fit_config* config);

/* Aligned stems at 44.1 kHz, as loud as the model wants them; borrowed. */
typedef struct {
  const dv_real* dry;
  const dv_real *wet_left, *wet_right;
  size_t samples;
} dv_fit_stems;

typedef struct {
  size_t step, steps; /* step counts from 0: the loss before the step-th update */
  dv_loss_values values;
  double regulariser; /* (1 - exp(log_damp))^2, in the objective beside values.total */
  double elapsed_s;
} dv_fit_step;

/* Called after every evaluation; a non-zero answer ends the fit, keeping what was reached. */
typedef int (*dv_fit_callback)(void* context, const dv_fit_step* step);

typedef enum { DV_FIT_DONE, DV_FIT_CANCELLED, DV_FIT_NONFINITE } dv_fit_end;

typedef struct {
  size_t chunks, chunks_dropped; /* used, and too quiet */
  size_t steps_done, best_step;
  double first_loss, best_loss; /* totals without the regulariser */
  dv_fit_end end;
} dv_fit_result;

/* params: the start in, the best found out (the start itself when nothing better was found).
   DV_ERR_ARG: configuration, start, or stems that are empty or silent throughout.  DV_ERR_NOMEM.
   A loss or gradient that is not finite ends the fit with DV_OK and result->end DV_FIT_NONFINITE, unless it
   is the first one: then DV_ERR_NONFINITE. */
DV_NODISCARD dv_status dv_fit(const dv_fit_config* config, const dv_fit_stems* stems, dv_chain_params* params,
                              dv_fit_result* result, dv_fit_callback callback, void* context, dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
