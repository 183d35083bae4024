/* SPDX-License-Identifier: MIT */
#include "estimator/objective.h"

#include "dsp/chain.h"
#include "dsp/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double SILENCE_PEAK = 1e-3; /* -60 dBFS */

struct dv_objective {
  dv_objective_config config;
  dv_delay_gradient delay_gradient;
  dv_fit_stems stems;
  size_t samples, warmup, wanted; /* of a chunk */
  size_t lead;                    /* silence that the first chunks see before the stems */
  size_t* starts;                 /* where each used chunk begins, from the lead's beginning on */
  dv_real* heads;                 /* dry rows of the chunks that begin in the lead */
  size_t chunks, dropped, batch;
  const dv_real** x;
  const dv_real** target; /* rows of all chunks, in the stems */
  dv_real* pred;          /* rows of the batch, later the loss's gradient */
  dv_chain* chain;
  dv_loss* loss;
};

void dv_objective_free(dv_objective* o)
{
  if (!o) return;
  free(o->starts);
  free(o->x);
  dv_fft_release(o->heads);
  free(o->target);
  dv_fft_release(o->pred);
  dv_chain_free(o->chain);
  dv_loss_free(o->loss);
  free(o);
}

void dv_objective_know_delay(dv_objective* o, bool known)
{
  o->delay_gradient = known ? DV_DELAY_EXACT : DV_DELAY_TRAIN;
}

size_t dv_objective_chunks(const dv_objective* o) { return o->chunks; }
size_t dv_objective_dropped(const dv_objective* o) { return o->dropped; }

static double peak(const dv_real* x, size_t n)
{
  double top = 0.0;
  for (size_t i = 0; i < n; ++i) top = fmax(top, fabs((double)x[i]));
  return top;
}

static void choose_chunk_length(dv_objective* o)
{
  const size_t chunk = (size_t)lround(o->config.chunk_s * DV_MODEL_RATE_HZ);
  const size_t overlap = (size_t)lround(o->config.overlap_s * DV_MODEL_RATE_HZ);
  const bool whole = o->stems.samples <= chunk;
  o->samples = whole ? o->stems.samples : chunk;
  o->warmup = whole ? 0 : overlap;
  o->wanted = o->samples - o->warmup;
  o->lead = o->config.covering ? o->warmup : 0;
}

/* Number of chunks before the quiet ones are dropped, and where the i-th begins. */
static size_t candidate_count(const dv_objective* o)
{
  const size_t span = o->lead + o->stems.samples - o->warmup;
  return o->config.covering ? (span + o->wanted - 1) / o->wanted : span / o->wanted;
}

static size_t candidate_start(const dv_objective* o, size_t i)
{
  const size_t start = i * o->wanted, last = o->lead + o->stems.samples - o->samples;
  return start < last ? start : last;
}

static dv_status find_chunks(dv_objective* o, dv_error* err)
{
  const size_t candidates = candidate_count(o);
  if (peak(o->stems.dry, o->stems.samples) < SILENCE_PEAK)
    return dv_fail(err, DV_ERR_ARG, "the dry stem is silent (below -60 dBFS) throughout; bring it to full scale");
  o->starts = calloc(candidates, sizeof *o->starts);
  if (!o->starts) return dv_fail(err, DV_ERR_NOMEM, "out of memory for %zu chunks", candidates);
  for (size_t i = 0; i < candidates; ++i) {
    const size_t start = candidate_start(o, i), heard = start + o->warmup - o->lead;
    const bool quiet = peak(o->stems.wet_left + heard, o->wanted) < SILENCE_PEAK &&
                       peak(o->stems.wet_right + heard, o->wanted) < SILENCE_PEAK;
    if (quiet) ++o->dropped;
    else o->starts[o->chunks++] = start;
  }
  if (o->chunks == 0)
    return dv_fail(err, DV_ERR_ARG,
                   "the wet stem is silent (below -60 dBFS) in every chunk of %.1f s; bring it to full scale",
                   (double)o->samples / DV_MODEL_RATE_HZ);
  o->batch = o->chunks < o->config.batch_limit ? o->chunks : o->config.batch_limit;
  return DV_OK;
}

static size_t heads_count(const dv_objective* o)
{
  size_t count = 0;
  while (count < o->chunks && o->starts[count] < o->lead) ++count;
  return count;
}

/* The chunks that begin before the stems, with their silence. */
static dv_status make_heads(dv_objective* o, dv_error* err)
{
  const size_t count = heads_count(o);
  if (count == 0) return DV_OK;
  o->heads = dv_fft_alloc(count * o->samples);
  if (!o->heads) return dv_fail(err, DV_ERR_NOMEM, "out of memory for %zu chunks", o->chunks);
  memset(o->heads, 0, count * o->samples * sizeof *o->heads);
  for (size_t i = 0; i < count; ++i) {
    const size_t silence = o->lead - o->starts[i];
    memcpy(o->heads + i * o->samples + silence, o->stems.dry, (o->samples - silence) * sizeof *o->heads);
  }
  return DV_OK;
}

static const dv_real* dry_row(const dv_objective* o, size_t chunk)
{
  const size_t start = o->starts[chunk];
  return start < o->lead ? o->heads + chunk * o->samples : o->stems.dry + (start - o->lead);
}

static dv_status set_targets(dv_objective* o, dv_error* err)
{
  o->target = calloc(2 * o->chunks, sizeof *o->target);
  if (!o->target) return dv_fail(err, DV_ERR_NOMEM, "out of memory for %zu chunks", o->chunks);
  for (size_t i = 0; i < o->chunks; ++i) {
    const size_t heard = o->starts[i] + o->warmup - o->lead;
    o->target[2 * i] = o->stems.wet_left + heard;
    o->target[2 * i + 1] = o->stems.wet_right + heard;
  }
  o->loss = dv_loss_new(o->chunks, o->wanted, o->config.threads, err);
  if (!o->loss) return o->wanted < DV_LOSS_MIN_SAMPLES ? DV_ERR_ARG : DV_ERR_NOMEM;
  const dv_status status = dv_loss_set_target_rows(o->loss, o->target);
  return status ? dv_fail(err, status, "the wet stem cannot be a target: %s", dv_status_text(status)) : DV_OK;
}

static dv_status prepare(dv_objective* o, dv_error* err)
{
  const dv_objective_config* c = &o->config;
  if (o->stems.samples == 0) return dv_fail(err, DV_ERR_ARG, "the stems are empty");
  if (c->batch_limit == 0 || c->threads < 1 || !(c->overlap_s >= 0.0) || !(c->chunk_s > c->overlap_s))
    return dv_fail(err, DV_ERR_ARG, "batch and threads must be positive, chunks longer than overlaps");
  choose_chunk_length(o);
  dv_status status = find_chunks(o, err);
  if (!status) status = make_heads(o, err);
  if (!status) status = set_targets(o, err);
  if (status) return status;
  const dv_chain_config chain = {DV_MODEL_RATE_HZ, o->samples, o->warmup, o->batch, c->threads};
  status = dv_chain_new(&chain, &o->chain, err);
  if (status) return status;
  size_t idle_bytes;
  dv_real* idle = dv_chain_idle_memory(o->chain, &idle_bytes);
  dv_loss_lend(o->loss, idle, idle_bytes);
  o->x = calloc(o->batch, sizeof *o->x);
  o->pred = dv_fft_alloc(2 * o->batch * o->wanted);
  if (!o->x || !o->pred) return dv_fail(err, DV_ERR_NOMEM, "out of memory for %zu chunks", o->batch);
  return DV_OK;
}

dv_status dv_objective_new(const dv_objective_config* config, const dv_fit_stems* stems, dv_objective** objective,
                           dv_error* err)
{
  *objective = NULL;
  dv_objective* o = calloc(1, sizeof *o);
  if (!o) return dv_fail(err, DV_ERR_NOMEM, "out of memory");
  o->config = *config;
  dv_objective_know_delay(o, false);
  o->stems = *stems;
  const dv_status status = prepare(o, err);
  if (status) dv_objective_free(o);
  else *objective = o;
  return status;
}

static double damping_error(double log_damp) { return 1.0 - exp(log_damp); }

double dv_objective_regulariser(const double raw[DV_PARAM_COUNT])
{
  dv_chain_params params;
  dv_params_from_raw(raw, &params);
  return damping_error(params.log_damp) * damping_error(params.log_damp);
}

/* The dry chunks themselves, on both channels. */
static void copy_unprocessed(dv_objective* o, size_t count)
{
  const dv_real gain = (dv_real)pow(10.0, o->stems.plain_gain_db / 20.0);
  for (size_t row = 0; row < 2 * count; ++row)
    for (size_t i = 0; i < o->wanted; ++i) o->pred[row * o->wanted + i] = gain * o->x[row / 2][o->warmup + i];
}

dv_status dv_objective_evaluate(dv_objective* o, const double raw[DV_PARAM_COUNT], const size_t* items, size_t count,
                                dv_loss_values* values, double grad_raw[DV_PARAM_COUNT])
{
  if (count == 0 || count > o->batch || (!raw && grad_raw)) return DV_ERR_ARG;
  dv_chain_params params, grad;
  dv_status status = DV_OK;
  for (size_t i = 0; i < count; ++i) {
    if (items[i] >= o->chunks) return DV_ERR_ARG;
    o->x[i] = dry_row(o, items[i]);
  }
  if (raw) {
    dv_params_from_raw(raw, &params);
    status = dv_chain_forward(o->chain, &params, o->x, count, o->pred);
  } else copy_unprocessed(o, count);
  if (!status) status = dv_loss_forward(o->loss, o->pred, o->wanted, items, count, values);
  if (!status && !isfinite(values->total)) status = DV_ERR_NONFINITE;
  if (status || !grad_raw) return status;
  memset(&grad, 0, sizeof grad);
  status = dv_loss_backward(o->loss, o->pred, o->wanted);
  if (!status) status = dv_chain_backward(o->chain, &params, o->x, count, o->pred, o->delay_gradient, &grad, NULL);
  if (status) return status;
  grad.log_damp -= 2.0 * damping_error(params.log_damp) * exp(params.log_damp);
  memset(grad_raw, 0, DV_PARAM_COUNT * sizeof *grad_raw);
  dv_params_raw_vjp(raw, &grad, grad_raw);
  return DV_OK;
}
