/* SPDX-License-Identifier: MIT */
#include "estimator/fit.h"

#include "dsp/random.h"
#include "estimator/adam.h"
#include "estimator/echoes.h"
#include "estimator/progress.h"
#include "presets/prior_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void dv_fit_config_reference(dv_fit_config* config)
{
  *config = (dv_fit_config){.objective = {.chunk_s = 12.0, .overlap_s = 5.0, .batch_limit = 35, .threads = 1},
                            .steps = 2000,
                            .learning_rate = 0.01,
                            .final_rate = 0.01};
}

void dv_fit_config_default(dv_fit_config* config)
{
  dv_fit_config_reference(config);
  config->objective.covering = true;
  config->objective.batch_limit = 8;
  config->steps = 400;
  config->learning_rate = 0.1;
  config->final_rate = 0.001;
  config->scaled = true;
  config->prior_weight = 1e-3;
  config->keep_last = true;
}

/* Signs that tell the lines apart: no two have the same in both channels and in the mixing. */
static void faint_reverb(bool mono, dv_reverb_params* reverb)
{
  for (int line = 0; line < DV_FDN_LINES; ++line) {
    reverb->input[line][0] = reverb->input[line][1] = 0.2;
    reverb->output[0][line] = line & 1 ? -0.02 : 0.02;
    reverb->output[1][line] = line & (mono ? 1 : 2) ? -0.02 : 0.02;
    for (int other = line + 1; other < DV_FDN_LINES; ++other)
      reverb->mixing[line][other] = (5 * line + 3 * other) % 4 < 2 ? 0.7 : -0.7;
  }
}

/* Also a stereo file that holds one channel twice. */
static bool is_mono(const dv_fit_stems* s)
{
  return s->wet_left == s->wet_right || !memcmp(s->wet_left, s->wet_right, s->samples * sizeof *s->wet_left);
}

void dv_fit_mean_start(bool mono, dv_chain_params* start)
{
  double raw[DV_PARAM_COUNT];
  dv_effective_to_raw(dv_prior_internal.mean, raw);
  dv_params_from_raw(raw, start);
  faint_reverb(mono, &start->reverb);
  if (mono) start->pan = start->delay.odd_pan = start->delay.even_pan = 0.5;
}

/* The caller's to free, also after an error. */
static dv_status new_profile(const dv_fit_stems* stems, dv_echo_profile** profile, dv_error* err)
{
  *profile = malloc(sizeof **profile);
  return *profile ? dv_echo_profile_estimate(stems, *profile, err) : dv_fail(err, DV_ERR_NOMEM, "out of memory");
}

dv_status dv_fit_default_start(const dv_fit_stems* stems, dv_chain_params* start, bool* delay_known, dv_error* err)
{
  dv_echo_profile* profile;
  const dv_status status = new_profile(stems, &profile, err);
  dv_fit_mean_start(is_mono(stems), start);
  *delay_known = !status && dv_echo_start(profile, is_mono(stems), start) > 0.0;
  free(profile);
  return status;
}

dv_status dv_fit_adopt_echo(const dv_fit_stems* stems, dv_chain_params* start, bool* known, dv_error* err)
{
  static const double NEAR_MS = 1.0;
  dv_echo_profile* profile;
  const dv_status status = new_profile(stems, &profile, err);
  const double echo_ms = status ? 0.0 : dv_echo_delay_ms(profile);
  *known = echo_ms > 0.0 && fabs(echo_ms - start->delay.delay_ms) < NEAR_MS;
  if (*known) start->delay.delay_ms = echo_ms;
  free(profile);
  return status;
}

void dv_fit_transparent_start(const dv_fit_stems* stems, dv_chain_params* start)
{
  dv_fit_mean_start(is_mono(stems), start);
  start->peak1.gain_db = start->peak2.gain_db = start->lowshelf.gain_db = start->highshelf.gain_db = 0.0;
  start->lowpass = (dv_pass_params){17990.0, DV_SHELF_Q};
  start->highpass = (dv_pass_params){17.0, DV_SHELF_Q};
  start->compressor.makeup_db = stems->plain_gain_db;
  start->compressor.comp_ratio = 1.001;
  start->compressor.exp_ratio = 0.999;
  start->delay.gain = 1e-4;
  memset(start->reverb.output, 0, sizeof start->reverb.output);
  start->pan = 0.5;
}

/* What a checkpoint holds, but for the order of the chunks that follows it. */
typedef struct {
  uint64_t step;
  uint64_t random;
  double raw[DV_PARAM_COUNT];
  double best[DV_PARAM_COUNT];
  double m[DV_PARAM_COUNT], v[DV_PARAM_COUNT];
  double best_objective, best_loss, first_loss;
  uint64_t best_step;
  double elapsed_s;
  uint64_t end;
  uint64_t chunks;
} fit_state;

struct dv_fit {
  dv_fit_config config;
  dv_objective* objective;
  size_t chunks, batch;
  size_t* order;                /* chunk indices; the first `batch` are this step's */
  double mean[DV_PARAM_COUNT];  /* of the published presets, raw */
  double scale[DV_PARAM_COUNT]; /* raw units of one unit of the descent; 0 where frozen */
  fit_state state;
  double resumed_s; /* clock at which this process began to count */
  bool last_is_best, mono;
};

void dv_fit_free(dv_fit* f)
{
  if (!f) return;
  dv_objective_free(f->objective);
  free(f->order);
  free(f);
}

/* --- Units of the descent --------------------------------------------------------------------------------- */

/* A mono wet stem has no side signal, and any side signal is infinitely more than none: rounding errors of one channel
   would rule the descent.  So panning stays, and the reverb's channels get one gradient, one scale and one mean. */
static void tie_channels(double values[DV_PARAM_COUNT])
{
  dv_chain_params g;
  memcpy(dv_params_flat(&g), values, DV_PARAM_COUNT * sizeof *values);
  for (int line = 0; line < DV_FDN_LINES; ++line) {
    double *in = g.reverb.input[line], *left = &g.reverb.output[0][line], *right = &g.reverb.output[1][line];
    in[0] = in[1] = 0.5 * (in[0] + in[1]);
    *left = *right = 0.5 * (*left + *right);
  }
  memcpy(values, dv_params_flat_const(&g), DV_PARAM_COUNT * sizeof *values);
}

bool dv_fit_fold_start(const dv_fit_stems* stems, dv_chain_params* start)
{
  if (!is_mono(stems)) return false;
  const dv_chain_params before = *start;
  tie_channels(dv_params_flat(start));
  start->pan = start->delay.odd_pan = start->delay.even_pan = 0.5;
  return memcmp(&before, start, sizeof before) != 0;
}

/* What stays as it starts. */
static void hold(dv_fit* f)
{
  dv_chain_params scale;
  memcpy(dv_params_flat(&scale), f->scale, sizeof f->scale);
  if (f->mono) scale.pan = scale.delay.odd_pan = scale.delay.even_pan = 0.0;
  memcpy(f->scale, dv_params_flat_const(&scale), sizeof f->scale);
}

/* A deviation is many milliseconds: the unit of a time that is known is a sample, and its mean is what is known. */
static void narrow_delay(dv_fit* f)
{
  dv_chain_params slope = {0};
  double ms_per_raw[DV_PARAM_COUNT] = {0};
  const ptrdiff_t delay = &slope.delay.delay_ms - dv_params_flat(&slope);
  if (!(f->scale[delay] > 0.0)) return; /* frozen */
  slope.delay.delay_ms = 1.0;
  dv_params_raw_vjp(f->state.raw, &slope, ms_per_raw);
  f->scale[delay] = 1e3 / DV_MODEL_RATE_HZ / ms_per_raw[delay];
  f->mean[delay] = f->state.raw[delay];
}

static void set_scales(dv_fit* f)
{
  double deviation[DV_PARAM_COUNT] = {0};
  if (f->config.scaled) dv_effective_add(dv_prior_internal.deviation, 1.0, deviation);
  dv_effective_to_raw(dv_prior_internal.mean, f->mean);
  for (int i = 0; i < DV_PARAM_COUNT; ++i) {
    const dv_parameter* p = dv_parameter_at(i);
    const bool frozen = f->config.frozen >> p->effect & 1u;
    const bool unspread = !f->config.scaled || !(deviation[i] > 0.0);
    f->scale[i] = frozen ? 0.0 : unspread ? 1.0 : deviation[i];
  }
  if (f->mono) {
    tie_channels(f->scale);
    tie_channels(f->mean);
  }
  if (f->config.scaled && f->config.objective.delay_known) narrow_delay(f);
  hold(f);
}

/* How much of the schedule is over, 0 to 1. */
static double schedule(const dv_fit* f, double elapsed_s)
{
  const double by_steps = (double)f->state.step / (double)f->config.steps;
  return f->config.max_seconds > 0.0 ? fmax(by_steps, fmin(elapsed_s / f->config.max_seconds, 1.0)) : by_steps;
}

static double rate(const dv_fit* f, double elapsed_s)
{
  const double first = f->config.learning_rate, last = f->config.final_rate;
  if (first == last) return first;
  return last + (first - last) * 0.5 * (1.0 + cos(M_PI * schedule(f, elapsed_s)));
}

/* --- One step ------------------------------------------------------------------------------------------------ */

/* The first `batch` of the order become a draw without replacement. */
static void draw_batch(dv_fit* f)
{
  for (size_t i = 0; f->batch < f->chunks && i < f->batch; ++i) {
    const size_t j = i + (size_t)(dv_random(&f->state.random) % (f->chunks - i)), held = f->order[i];
    f->order[i] = f->order[j];
    f->order[j] = held;
  }
}

static void keep_if_best(dv_fit* f, const dv_fit_step* step)
{
  fit_state* s = &f->state;
  const double objective = step->values.total + step->regulariser;
  if (s->step == 0) s->first_loss = step->values.total;
  if (!f->last_is_best && s->step > 0 && !(objective < s->best_objective)) return;
  s->best_objective = objective;
  s->best_loss = step->values.total;
  s->best_step = s->step;
  memcpy(s->best, s->raw, sizeof s->best);
}

/* Of stems that a chain can match closely the prior knows nothing: its weight is that of the loss. */
static dv_status update(dv_fit* f, double gradient[DV_PARAM_COUNT], double loss, double elapsed_s)
{
  fit_state* s = &f->state;
  double theta[DV_PARAM_COUNT], scaled[DV_PARAM_COUNT];
  dv_adam adam = {s->step, DV_PARAM_COUNT, s->m, s->v};
  dv_adam_options options = dv_adam_default_options;
  options.learning_rate = rate(f, elapsed_s);
  if (f->mono) tie_channels(gradient);
  for (int i = 0; i < DV_PARAM_COUNT; ++i) {
    theta[i] = f->scale[i] > 0.0 ? s->raw[i] / f->scale[i] : 0.0;
    const double from_mean = f->scale[i] > 0.0 ? (s->raw[i] - f->mean[i]) / f->scale[i] : 0.0;
    scaled[i] = gradient[i] * f->scale[i] + f->config.prior_weight * loss * from_mean;
  }
  const dv_status status = dv_adam_step(&adam, &options, scaled, theta);
  if (status) return status;
  for (int i = 0; i < DV_PARAM_COUNT; ++i)
    if (f->scale[i] > 0.0) s->raw[i] = theta[i] * f->scale[i];
  if (f->config.scaled) dv_raw_clamp(s->raw);
  return DV_OK;
}

static double elapsed(const dv_fit* f) { return f->state.elapsed_s + dv_monotonic_s() - f->resumed_s; }

dv_status dv_fit_advance(dv_fit* f, dv_fit_step* step, bool* more, dv_error* err)
{
  fit_state* s = &f->state;
  double gradient[DV_PARAM_COUNT];
  const double none = (double)NAN;
  /* A chain that is not finite leaves the losses as they are here: none, not 0. */
  *step = (dv_fit_step){.step = s->step, .steps = f->config.steps, .values = {none, none, none, none, none}};
  *more = false;
  if (s->end != DV_FIT_RUNNING) return dv_fail(err, DV_ERR_ARG, "the fit has ended");
  draw_batch(f);
  dv_status status = dv_objective_evaluate(f->objective, s->raw, f->order, f->batch, &step->values, gradient);
  if (status == DV_ERR_NONFINITE && s->step == 0)
    return dv_fail(err, status, "the first loss is not finite; bring the stems to full scale");
  if (status && status != DV_ERR_NONFINITE)
    return dv_fail(err, status, "the loss could not be evaluated: %s", dv_status_text(status));
  step->regulariser = dv_objective_regulariser(s->raw);
  step->elapsed_s = elapsed(f);
  if (!status) {
    keep_if_best(f, step);
    status = update(f, gradient, step->values.total, step->elapsed_s);
  }
  if (status && s->step == 0)
    return dv_fail(err, status, "the first gradient is not finite; bring the stems to full scale");
  if (status) {
    s->end = DV_FIT_NONFINITE;
    return DV_OK;
  }
  if (++s->step == f->config.steps) s->end = DV_FIT_DONE;
  else if (f->config.max_seconds > 0.0 && step->elapsed_s >= f->config.max_seconds) s->end = DV_FIT_TIME_UP;
  *more = s->end == DV_FIT_RUNNING;
  return DV_OK;
}

/* --- Beginning and end --------------------------------------------------------------------------------------- */

static dv_status check_config(const dv_fit_config* c, dv_error* err)
{
  if (c->steps == 0 || !(c->learning_rate > 0.0) || !(c->final_rate > 0.0) || !(c->max_seconds >= 0.0))
    return dv_fail(err, DV_ERR_ARG, "steps and learning rates must be positive");
  return DV_OK;
}

/* Something that acts may move. */
static dv_status check_freedom(const dv_fit* f, dv_error* err)
{
  for (int i = 0; i < DV_PARAM_COUNT; ++i)
    if (f->scale[i] > 0.0 && dv_parameter_effective(i)) return DV_OK;
  return dv_fail(err, DV_ERR_ARG, "nothing is left to fit: every part is frozen%s; freeze fewer",
                 f->mono ? ", and with a mono wet stem the pan is held" : "");
}

static dv_status prepare(dv_fit* f, const dv_fit_stems* stems, const dv_chain_params* start, dv_error* err)
{
  dv_status status = check_config(&f->config, err);
  if (!status) status = dv_params_to_raw(start, f->state.raw, err);
  if (!status) status = dv_objective_new(&f->config.objective, stems, &f->objective, err);
  if (status) return status;
  f->chunks = dv_objective_chunks(f->objective);
  f->batch = f->chunks < f->config.objective.batch_limit ? f->chunks : f->config.objective.batch_limit;
  f->last_is_best = f->config.keep_last && f->batch < f->chunks;
  f->order = calloc(f->chunks, sizeof *f->order);
  if (!f->order) return dv_fail(err, DV_ERR_NOMEM, "out of memory for %zu chunks", f->chunks);
  for (size_t i = 0; i < f->chunks; ++i) f->order[i] = i;
  memcpy(f->state.best, f->state.raw, sizeof f->state.best);
  f->state.random = f->config.seed;
  f->state.chunks = f->chunks;
  f->mono = f->config.scaled && is_mono(stems);
  set_scales(f);
  f->resumed_s = dv_monotonic_s();
  return check_freedom(f, err);
}

dv_status dv_fit_new(const dv_fit_config* config, const dv_fit_stems* stems, const dv_chain_params* start, dv_fit** fit,
                     dv_error* err)
{
  *fit = NULL;
  dv_fit* f = calloc(1, sizeof *f);
  if (!f) return dv_fail(err, DV_ERR_NOMEM, "out of memory");
  f->config = *config;
  const dv_status status = prepare(f, stems, start, err);
  if (status) dv_fit_free(f);
  else *fit = f;
  return status;
}

void dv_fit_best(const dv_fit* f, dv_chain_params* params)
{
  double raw[DV_PARAM_COUNT];
  memcpy(raw, f->last_is_best && f->state.end != DV_FIT_NONFINITE ? f->state.raw : f->state.best, sizeof raw);
  dv_raw_clamp(raw); /* unscaled steps may have left what a preset can hold */
  dv_params_from_raw(raw, params);
}

void dv_fit_get_result(const dv_fit* f, dv_fit_result* result)
{
  const fit_state* s = &f->state;
  *result = (dv_fit_result){.chunks = f->chunks,
                            .chunks_dropped = dv_objective_dropped(f->objective),
                            .batch = f->batch,
                            .steps_done = s->step,
                            .best_step = s->best_step,
                            .first_loss = s->first_loss,
                            .best_loss = s->best_loss,
                            .elapsed_s = elapsed(f),
                            .end = (dv_fit_end)s->end};
}

static void add_weighted(dv_loss_values* sum, const dv_loss_values* values, double weight)
{
  sum->mss_lr += weight * values->mss_lr;
  sum->mss_ms += weight * values->mss_ms;
  sum->mldr_lr += weight * values->mldr_lr;
  sum->mldr_ms += weight * values->mldr_ms;
  sum->total += weight * values->total;
}

dv_status dv_fit_evaluate(dv_fit* f, const dv_chain_params* params, dv_loss_values* values)
{
  double raw[DV_PARAM_COUNT];
  dv_error ignored;
  dv_status status = params ? dv_params_to_raw(params, raw, &ignored) : DV_OK;
  *values = (dv_loss_values){0};
  size_t* items = calloc(f->batch, sizeof *items);
  if (!items) return DV_ERR_NOMEM;
  for (size_t first = 0; !status && first < f->chunks; first += f->batch) {
    const size_t left = f->chunks - first, count = left < f->batch ? left : f->batch;
    dv_loss_values part;
    for (size_t i = 0; i < count; ++i) items[i] = first + i;
    status = dv_objective_evaluate(f->objective, params ? raw : NULL, items, count, &part, NULL);
    if (!status) add_weighted(values, &part, (double)count / (double)f->chunks);
  }
  free(items);
  return status;
}

/* --- Checkpoints ----------------------------------------------------------------------------------------------- */

dv_status dv_fit_save(const dv_fit* f, void** bytes, size_t* size, dv_error* err)
{
  const size_t order_bytes = f->chunks * sizeof *f->order;
  fit_state now = f->state;
  now.elapsed_s = elapsed(f);
  *size = sizeof now + order_bytes;
  char* out = *bytes = malloc(*size);
  if (!out) return dv_fail(err, DV_ERR_NOMEM, "out of memory for a checkpoint");
  memcpy(out, &now, sizeof now);
  memcpy(out + sizeof now, f->order, order_bytes);
  return DV_OK;
}

static bool finite_all(const double* x, size_t n)
{
  for (size_t i = 0; i < n; ++i)
    if (!isfinite(x[i])) return false;
  return true;
}

static bool state_is_sound(const dv_fit* f, const fit_state* s)
{
  return s->chunks == f->chunks && s->step <= f->config.steps && s->end <= DV_FIT_NONFINITE &&
         (s->end != DV_FIT_RUNNING || s->step < f->config.steps) && s->best_step <= s->step && s->elapsed_s >= 0.0 &&
         finite_all(s->raw, DV_PARAM_COUNT) && finite_all(s->best, DV_PARAM_COUNT) &&
         finite_all(s->m, DV_PARAM_COUNT) && finite_all(s->v, DV_PARAM_COUNT);
}

/* A permutation of the chunks. */
static bool order_is_sound(const size_t* order, size_t chunks)
{
  bool sound = true;
  bool* seen = calloc(chunks, sizeof *seen);
  for (size_t i = 0; seen && sound && i < chunks; ++i) {
    sound = order[i] < chunks && !seen[order[i]];
    if (sound) seen[order[i]] = true;
  }
  sound = sound && seen;
  free(seen);
  return sound;
}

dv_status dv_fit_load(dv_fit* f, const void* bytes, size_t size, dv_error* err)
{
  const size_t order_bytes = f->chunks * sizeof *f->order;
  fit_state s;
  if (size != sizeof s + order_bytes) return dv_fail(err, DV_ERR_FORMAT, "not a state of this fit");
  memcpy(&s, bytes, sizeof s);
  size_t* order = malloc(order_bytes);
  if (!order) return dv_fail(err, DV_ERR_NOMEM, "out of memory for a checkpoint");
  memcpy(order, (const char*)bytes + sizeof s, order_bytes);
  const bool time_left = !(f->config.max_seconds > 0.0) || s.elapsed_s < f->config.max_seconds;
  if (s.end == DV_FIT_TIME_UP && time_left) s.end = DV_FIT_RUNNING;
  const bool sound = state_is_sound(f, &s) && order_is_sound(order, f->chunks);
  if (sound) {
    f->state = s;
    memcpy(f->order, order, order_bytes);
    f->resumed_s = dv_monotonic_s();
  }
  free(order);
  return sound ? DV_OK : dv_fail(err, DV_ERR_FORMAT, "the state is damaged");
}
