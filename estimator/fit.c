/* SPDX-License-Identifier: MIT */
#include "estimator/fit.h"

#include "dsp/chain.h"
#include "dsp/fft.h"
#include "dsp/random.h"
#include "estimator/adam.h"
#include "estimator/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double SILENCE_PEAK = 1e-3; /* -60 dBFS */

void dv_fit_config_reference(dv_fit_config* config)
{
  *config = (dv_fit_config){.steps = 2000,
                            .learning_rate = 0.01,
                            .chunk_s = 12.0,
                            .overlap_s = 5.0,
                            .batch_limit = 35,
                            .seed = 0,
                            .threads = 1};
}

typedef struct {
  const dv_fit_config* config;
  const dv_fit_stems* stems;
  size_t samples, warmup, wanted; /* of a chunk */
  size_t* starts;                 /* where each used chunk begins in the stems */
  size_t chunks, dropped, batch;
  size_t* order; /* chunk indices; the first `batch` are this step's */
  const dv_real** x;
  dv_real* target;      /* rows of all chunks */
  dv_real *pred, *grad; /* rows of the batch */
  dv_chain* chain;
  dv_loss* loss;
  uint64_t random;
} fit;

static void release(fit* f)
{
  free(f->starts);
  free(f->order);
  free(f->x);
  dv_fft_release(f->target);
  dv_fft_release(f->pred);
  dv_fft_release(f->grad);
  dv_chain_free(f->chain);
  dv_loss_free(f->loss);
}

static double peak(const dv_real* x, size_t n)
{
  double top = 0.0;
  for (size_t i = 0; i < n; ++i) top = fmax(top, fabs((double)x[i]));
  return top;
}

static void choose_chunk_length(fit* f)
{
  const size_t chunk = (size_t)lround(f->config->chunk_s * DV_MODEL_RATE_HZ);
  const size_t overlap = (size_t)lround(f->config->overlap_s * DV_MODEL_RATE_HZ);
  const bool whole = f->stems->samples <= chunk;
  f->samples = whole ? f->stems->samples : chunk;
  f->warmup = whole ? 0 : overlap;
  f->wanted = f->samples - f->warmup;
}

static dv_status find_chunks(fit* f, dv_error* err)
{
  const size_t candidates = (f->stems->samples - f->samples) / f->wanted + 1;
  if (peak(f->stems->dry, f->stems->samples) < SILENCE_PEAK)
    return dv_fail(err, DV_ERR_ARG, "the dry stem is silent (below -60 dBFS) throughout");
  f->starts = calloc(candidates, sizeof *f->starts);
  f->order = calloc(candidates, sizeof *f->order);
  if (!f->starts || !f->order) return dv_fail(err, DV_ERR_NOMEM, "out of memory for %zu chunks", candidates);
  for (size_t i = 0; i < candidates; ++i) {
    const size_t start = i * f->wanted, heard = start + f->warmup;
    const bool quiet = peak(f->stems->wet_left + heard, f->wanted) < SILENCE_PEAK &&
                       peak(f->stems->wet_right + heard, f->wanted) < SILENCE_PEAK;
    if (quiet) {
      ++f->dropped;
      continue;
    }
    f->order[f->chunks] = f->chunks;
    f->starts[f->chunks++] = start;
  }
  if (f->chunks == 0)
    return dv_fail(err, DV_ERR_ARG, "the wet stem is silent (below -60 dBFS) in every chunk of %.1f s",
                   (double)f->samples / DV_MODEL_RATE_HZ);
  f->batch = f->chunks < f->config->batch_limit ? f->chunks : f->config->batch_limit;
  return DV_OK;
}

static dv_status set_targets(fit* f, dv_error* err)
{
  f->target = dv_fft_alloc(2 * f->chunks * f->wanted);
  if (!f->target) return dv_fail(err, DV_ERR_NOMEM, "out of memory for the target of %zu chunks", f->chunks);
  for (size_t i = 0; i < f->chunks; ++i) {
    const size_t heard = f->starts[i] + f->warmup, bytes = f->wanted * sizeof *f->target;
    memcpy(f->target + 2 * i * f->wanted, f->stems->wet_left + heard, bytes);
    memcpy(f->target + (2 * i + 1) * f->wanted, f->stems->wet_right + heard, bytes);
  }
  f->loss = dv_loss_new(f->chunks, f->wanted, f->config->threads, err);
  if (!f->loss) return DV_ERR_ARG;
  const dv_status status = dv_loss_set_target(f->loss, f->target, f->wanted);
  return status ? dv_fail(err, status, "the wet stem cannot be a target: %s", dv_status_text(status)) : DV_OK;
}

static dv_status prepare(fit* f, dv_error* err)
{
  const dv_fit_config* c = f->config;
  if (f->stems->samples == 0) return dv_fail(err, DV_ERR_ARG, "the stems are empty");
  if (!(c->learning_rate > 0.0) || c->batch_limit == 0 || c->threads < 1 || !(c->overlap_s >= 0.0) ||
      !(c->chunk_s > c->overlap_s))
    return dv_fail(err, DV_ERR_ARG, "learning rate, batch and threads must be positive, chunks longer than overlaps");
  choose_chunk_length(f);
  dv_status status = find_chunks(f, err);
  if (!status) status = set_targets(f, err);
  if (status) return status;
  const dv_chain_config chain = {DV_MODEL_RATE_HZ, f->samples, f->warmup, f->batch, c->threads};
  status = dv_chain_new(&chain, &f->chain, err);
  if (status) return status;
  f->x = calloc(f->batch, sizeof *f->x);
  f->pred = dv_fft_alloc(2 * f->batch * f->wanted);
  f->grad = dv_fft_alloc(2 * f->batch * f->wanted);
  f->random = c->seed;
  if (!f->x || !f->pred || !f->grad) return dv_fail(err, DV_ERR_NOMEM, "out of memory for %zu chunks", f->batch);
  return DV_OK;
}

/* The first `batch` of the order become a draw without replacement. */
static void draw_batch(fit* f)
{
  for (size_t i = 0; f->batch < f->chunks && i < f->batch; ++i) {
    const size_t j = i + (size_t)(dv_random(&f->random) % (f->chunks - i)), held = f->order[i];
    f->order[i] = f->order[j];
    f->order[j] = held;
  }
  for (size_t i = 0; i < f->batch; ++i) f->x[i] = f->stems->dry + f->starts[f->order[i]];
}

static double regulariser(double log_damp) { return pow(1.0 - exp(log_damp), 2.0); }

/* Loss at raw and its gradient.  DV_ERR_NONFINITE when either is not finite. */
static dv_status evaluate(fit* f, const double raw[DV_PARAM_COUNT], dv_loss_values* values,
                          double grad_raw[DV_PARAM_COUNT])
{
  dv_chain_params params, grad;
  memset(&grad, 0, sizeof grad);
  dv_params_from_raw(raw, &params);
  draw_batch(f);
  dv_status status = dv_chain_forward(f->chain, &params, f->x, f->batch, f->pred);
  if (!status) status = dv_loss_forward(f->loss, f->pred, f->wanted, f->order, f->batch, values);
  if (!status && !isfinite(values->total)) status = DV_ERR_NONFINITE;
  if (status) return status;
  memset(f->grad, 0, 2 * f->batch * f->wanted * sizeof *f->grad);
  status = dv_loss_backward(f->loss, f->pred, f->wanted, f->grad);
  if (!status) status = dv_chain_backward(f->chain, &params, f->x, f->batch, f->grad, DV_DELAY_TRAIN, &grad, NULL);
  if (status) return status;
  grad.log_damp -= 2.0 * (1.0 - exp(params.log_damp)) * exp(params.log_damp);
  memset(grad_raw, 0, DV_PARAM_COUNT * sizeof *grad_raw);
  dv_params_raw_vjp(raw, &grad, grad_raw);
  return DV_OK;
}

static dv_status descend(fit* f, double raw[DV_PARAM_COUNT], dv_fit_result* result, dv_fit_callback callback,
                         void* context, dv_error* err)
{
  double best[DV_PARAM_COUNT], grad[DV_PARAM_COUNT], m[DV_PARAM_COUNT], v[DV_PARAM_COUNT];
  dv_adam_options options = dv_adam_default_options;
  dv_adam adam;
  options.learning_rate = f->config->learning_rate;
  dv_adam_init(&adam, DV_PARAM_COUNT, m, v);
  memcpy(best, raw, sizeof best);
  const double start_s = dv_monotonic_s();
  double best_objective = (double)INFINITY;
  for (size_t step = 0; step < f->config->steps; ++step) {
    dv_fit_step report = {.step = step, .steps = f->config->steps};
    dv_chain_params params;
    dv_status status = evaluate(f, raw, &report.values, grad);
    if (status == DV_ERR_NONFINITE) result->end = DV_FIT_NONFINITE;
    if (status == DV_ERR_NONFINITE && step == 0)
      return dv_fail(err, status, "the first loss is not finite; bring the stems to full scale");
    if (status && status != DV_ERR_NONFINITE)
      return dv_fail(err, status, "the loss could not be evaluated: %s", dv_status_text(status));
    if (status) break;
    dv_params_from_raw(raw, &params);
    report.regulariser = regulariser(params.log_damp);
    report.elapsed_s = dv_monotonic_s() - start_s;
    if (step == 0) result->first_loss = report.values.total;
    if (report.values.total + report.regulariser < best_objective) {
      best_objective = report.values.total + report.regulariser;
      result->best_loss = report.values.total;
      result->best_step = step;
      memcpy(best, raw, sizeof best);
    }
    result->steps_done = step + 1;
    if (callback && callback(context, &report)) {
      result->end = DV_FIT_CANCELLED;
      break;
    }
    status = dv_adam_step(&adam, &options, grad, raw);
    if (status) { /* evaluate has checked the gradient */
      result->end = DV_FIT_NONFINITE;
      break;
    }
  }
  memcpy(raw, best, sizeof best);
  return DV_OK;
}

dv_status dv_fit(const dv_fit_config* config, const dv_fit_stems* stems, dv_chain_params* params, dv_fit_result* result,
                 dv_fit_callback callback, void* context, dv_error* err)
{
  fit f = {.config = config, .stems = stems};
  double raw[DV_PARAM_COUNT];
  *result = (dv_fit_result){.end = DV_FIT_DONE};
  dv_status status = dv_params_to_raw(params, raw, err);
  if (!status) status = prepare(&f, err);
  if (!status) {
    result->chunks = f.chunks;
    result->chunks_dropped = f.dropped;
    status = descend(&f, raw, result, callback, context, err);
  }
  if (!status) dv_params_from_raw(raw, params);
  release(&f);
  return status;
}
