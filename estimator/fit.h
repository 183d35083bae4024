/* SPDX-License-Identifier: MIT */
/* The fit: descends the objective (estimator/objective.h) from a start, a step at a time.
 *
 * As published: Adam on all 152 raw parameters at once, rate 0.01, 2000 steps, the lowest loss kept.
 *
 * Our own: the same Adam, but every parameter in units of its spread over the published presets (one rate then
 * suits a threshold in dB as well as the logit of a time constant) and drawn a little to their mean, at a rate that
 * starts ten times higher and falls along half a cosine, from the mean of those presets and the echoes that the stems
 * show.  It is below the published end in a fifth of its steps; docs/math/fitting.md has the measurements.
 *
 * Which of the many valleys a descent ends in is chance, and told by its first part: several starts are tried for some
 * steps each, the best two of them for some more, and the one that is lowest by then goes on.
 *
 * Reproducible: the same stems, configuration and start give the same result at any number of threads, on the same
 * kind of processor (another instruction set rounds otherwise), and a fit restored from a checkpoint goes on bit
 * for bit.  Only max_seconds ties a result to the clock.
 * Source: DiffVox paper, sec. 3; spec "Optimisation (reference)". */
#ifndef DIFFVOX_FIT_H
#define DIFFVOX_FIT_H

#include "estimator/fit_start.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  dv_objective_config objective;
  size_t steps;         /* of the descent that is kept, its trial included */
  size_t starts;        /* that are tried, from 1: those given, then others scattered around them in turn */
  size_t trial_steps;   /* of each of several starts */
  size_t final_steps;   /* of the best two of them; only the first is tried when this is no less than steps */
  double spread;        /* of the others around those given, in deviations; delay and decay stay as given */
  double learning_rate; /* of the first step */
  double final_rate;    /* of the last; half a cosine between them */
  bool scaled;          /* rates count in deviations of the published presets, not in raw units */
  double max_seconds;   /* > 0: the schedule is shortened to end then */
  uint64_t seed;        /* of the draws of chunks and of the scattered starts */
  unsigned frozen;      /* bit 1u << dv_effect: its parameters stay as they start */
  double prior_weight;  /* per unit of loss, of half the squared distance from the published presets' mean, in
                           deviations */
  bool keep_last;       /* chunks are drawn: losses of different draws do not compare, the last state is the result */
} dv_fit_config;

/* 2000 steps at 0.01, 12 s with 5 s overlap, 35 chunks, seed 0, 1 thread. */
void dv_fit_config_reference(dv_fit_config* config);

/* Four starts for 60 steps, two for 150, the lower one for 400 from 0.1 down to 0.001 deviations; covering chunks, at
   most 8 a step. */
void dv_fit_config_default(dv_fit_config* config);

typedef struct {
  size_t step, steps; /* of all descents; step counts from 0: the loss before the step-th update */
  size_t start;       /* which descent, from 0 */
  bool trial;         /* starts are still compared */
  dv_loss_values values;
  double regulariser; /* (1 - exp(log_damp))^2, in the objective beside values.total */
  double elapsed_s;   /* over all runs of a resumed fit */
} dv_fit_step;

typedef enum { DV_FIT_RUNNING, DV_FIT_DONE, DV_FIT_TIME_UP, DV_FIT_NONFINITE } dv_fit_end;

typedef struct {
  size_t chunks, chunks_dropped; /* used, and too quiet */
  size_t batch;                  /* chunks of a step */
  size_t steps_done, best_step;
  size_t start;                 /* whose settings these are, from 0 */
  double first_loss, best_loss; /* totals without the regulariser */
  double elapsed_s;
  dv_fit_end end;
} dv_fit_result;

typedef struct dv_fit dv_fit;

/* Of all descents together, if no trial is cut short. */
size_t dv_fit_config_steps(const dv_fit_config* config);

/* Takes a copy of the configuration; borrows the stems.  With a mono wet stem the pans stay as they start, unless the
   fit is not scaled.  On failure *fit is NULL.  DV_ERR_ARG: configuration, start, nothing that is not frozen or held,
   or stems that are empty or silent throughout.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_fit_new(const dv_fit_config* config, const dv_fit_stems* stems, const dv_fit_starts* starts,
                                  dv_fit** fit, dv_error* err);
void dv_fit_free(dv_fit* fit);

/* Evaluates once and updates.  *step is what was found; *more is false once the fit has ended.  A loss or gradient
   that is not finite ends the fit with DV_OK and DV_FIT_NONFINITE, or only its trial if one was won before; if it is the
   first, DV_ERR_NONFINITE. */
DV_NODISCARD dv_status dv_fit_advance(dv_fit* fit, dv_fit_step* step, bool* more, dv_error* err);

/* What was reached so far: the lowest loss, or the last state where chunks are drawn. */
void dv_fit_best(const dv_fit* fit, dv_chain_params* params);
void dv_fit_get_result(const dv_fit* fit, dv_fit_result* result);

/* Loss of given parameters over all chunks, in batches; the start of every fit, `no processing` and its end are
   comparable so.  params NULL: the dry stem itself, on both channels, with the stems' plain_gain_db. */
DV_NODISCARD dv_status dv_fit_evaluate(dv_fit* fit, const dv_chain_params* params, dv_loss_values* values);

/* The state as bytes, to go on from in another process: *bytes is the caller's to free(). */
DV_NODISCARD dv_status dv_fit_save(const dv_fit* fit, void** bytes, size_t* size, dv_error* err);

/* Continues a saved state in a fit made from the same stems and configuration, which may allow another time: a fit that
   had ended because its time was up goes on if there is more now, or no limit.
   DV_ERR_FORMAT: not such a state, damaged, or of another number of chunks. */
DV_NODISCARD dv_status dv_fit_load(dv_fit* fit, const void* bytes, size_t size, dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
