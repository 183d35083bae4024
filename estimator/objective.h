/* SPDX-License-Identifier: MIT */
/* What a fit minimises: the loss of the rendered dry stem against the wet one, as a function of the 152 raw
 * parameters, with its gradient.
 *
 * The stems are cut into chunks; the first `overlap_s` of a chunk only warm the effects up and the loss sees the
 * rest.  Chunks whose wet part peaks below -60 dBFS are dropped.  Stems no longer than one chunk are one chunk
 * without warm-up.  Two ways to cut:
 *
 *   as published   chunks begin at 0, s, 2s ... with s = chunk - overlap: of stems longer than a chunk the first
 *                  overlap_s, and what is left after the last whole chunk, are never compared
 *   covering       silence is put before the stems, and the last chunk ends where they end: all of the wet stem is
 *                  compared
 *
 * Nothing allocates after new; values and gradients are bit-identical for any number of threads, on the same kind
 * of processor.  Source: DiffVox paper, sec. 3; spec "Data preparation" and "Loss". */
#ifndef DIFFVOX_OBJECTIVE_H
#define DIFFVOX_OBJECTIVE_H

#include "dsp/parameters.h"
#include "dsp/real.h"
#include "estimator/loss.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Aligned stems at 44.1 kHz, as loud as the model wants them; borrowed until the objective is freed. */
typedef struct {
  const dv_real* dry;
  const dv_real *wet_left, *wet_right; /* the same pointer where the wet stem is mono */
  size_t samples;
  double plain_gain_db; /* of the dry stem where it stands for no processing, on both channels: what makes it as loud
                           as the wet one if both were brought to one loudness, else 0 */
} dv_fit_stems;

typedef struct {
  double chunk_s, overlap_s;
  bool covering;
  size_t batch_limit; /* most chunks per evaluation */
  int threads;
} dv_objective_config;

typedef struct dv_objective dv_objective;

/* On failure *objective is NULL.  DV_ERR_ARG: configuration, or stems that are empty or silent throughout.
   DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_objective_new(const dv_objective_config* config, const dv_fit_stems* stems,
                                        dv_objective** objective, dv_error* err);
void dv_objective_free(dv_objective* objective);

size_t dv_objective_chunks(const dv_objective* objective);  /* that can be compared */
size_t dv_objective_dropped(const dv_objective* objective); /* too quiet */

/* known: the delay's time is right to some samples, its gradient is its own; else, and at first, the surrogate's, which
   is for afar (dsp/delay_response.h). */
void dv_objective_know_delay(dv_objective* objective, bool known);

/* (1 - exp(log_damp))^2 of these raw parameters: in the objective beside the loss. */
double dv_objective_regulariser(const double raw[DV_PARAM_COUNT]);

/* Loss over the chunks items[0 .. count - 1], and where grad_raw is not NULL the gradient of values->total +
   regulariser.  raw NULL (grad_raw too): the dry stem itself on both channels, with plain_gain_db.
   DV_ERR_NONFINITE: a value or gradient is not finite.  DV_ERR_ARG: count is not 1 .. batch_limit, or an item not
   below dv_objective_chunks. */
DV_NODISCARD dv_status dv_objective_evaluate(dv_objective* objective, const double raw[DV_PARAM_COUNT],
                                             const size_t* items, size_t count, dv_loss_values* values,
                                             double grad_raw[DV_PARAM_COUNT]);

#ifdef __cplusplus
}
#endif
#endif
