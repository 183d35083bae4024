/* SPDX-License-Identifier: MIT */
#include "estimator/fit.h"

#include "dsp/random.h"
#include "estimator/adam.h"
#include "estimator/progress.h"
#include "presets/draw.h"
#include "presets/prior_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void dv_fit_config_reference(dv_fit_config* config)
{
  *config = (dv_fit_config){.objective = {.chunk_s = 12.0, .overlap_s = 5.0, .batch_limit = 35, .threads = 1},
                            .steps = 2000,
                            .starts = 1,
                            .learning_rate = 0.01,
                            .final_rate = 0.01};
}

void dv_fit_config_default(dv_fit_config* config)
{
  dv_fit_config_reference(config);
  config->objective.covering = true;
  config->objective.batch_limit = 8;
  config->steps = 400;
  config->starts = 4;
  config->trial_steps = 60;
  config->final_steps = 150;
  config->spread = 0.3;
  config->learning_rate = 0.1;
  config->final_rate = 0.001;
  config->scaled = true;
  config->prior_weight = 1e-3;
  config->keep_last = true;
}

/* Where a descent is. */
typedef struct {
  uint64_t step, start; /* both from 0 */
  double raw[DV_PARAM_COUNT], m[DV_PARAM_COUNT], v[DV_PARAM_COUNT];
} descent;

/* What a step evaluated. */
typedef struct {
  uint64_t step, start;
  double raw[DV_PARAM_COUNT], objective, loss;
} evaluated;

/* A trial that is over. */
typedef struct {
  descent at;
  evaluated last;
  double sum; /* of its last objectives */
} ranked;

/* What a checkpoint holds. */
typedef struct {
  descent now;
  ranked best_two[2];   /* of the trials */
  evaluated last, best; /* best: what is handed out */
  uint64_t trials;      /* that are over */
  uint64_t done;        /* steps of all descents */
  double sum;           /* of this trial's last objectives so far */
  double first_loss;
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
  struct {
    double raw[DV_PARAM_COUNT];
    bool delay_known;
  } given[DV_FIT_GIVEN_STARTS]; /* the starts */
  size_t given_count;
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

/* What stays as it starts. */
static void hold(dv_fit* f)
{
  dv_chain_params scale;
  memcpy(dv_params_flat(&scale), f->scale, sizeof f->scale);
  if (f->mono) scale.pan = scale.delay.odd_pan = scale.delay.even_pan = 0.0;
  memcpy(f->scale, dv_params_flat_const(&scale), sizeof f->scale);
}

/* A deviation is many milliseconds: the unit of a time that is known is a sample, and its mean is what is known. */
static void narrow_delay(dv_fit* f, const double raw[DV_PARAM_COUNT])
{
  dv_chain_params slope = {0};
  double ms_per_raw[DV_PARAM_COUNT] = {0};
  const ptrdiff_t delay = &slope.delay.delay_ms - dv_params_flat(&slope);
  if (!(f->scale[delay] > 0.0)) return; /* frozen */
  slope.delay.delay_ms = 1.0;
  dv_params_raw_vjp(raw, &slope, ms_per_raw);
  f->scale[delay] = 1e3 / DV_MODEL_RATE_HZ / ms_per_raw[delay];
  f->mean[delay] = raw[delay];
}

/* The given start that a descent begins at or near. */
static size_t origin(const dv_fit* f, size_t start) { return start % f->given_count; }

static void set_scales(dv_fit* f, size_t start)
{
  const bool delay_known = f->given[origin(f, start)].delay_known;
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
    dv_fit_tie_channels(f->scale);
    dv_fit_tie_channels(f->mean);
  }
  if (f->config.scaled && delay_known) narrow_delay(f, f->given[origin(f, start)].raw);
  hold(f);
  dv_objective_know_delay(f->objective, delay_known);
}

/* How much of the schedule is over, 0 to 1. */
static double schedule(const dv_fit* f, double elapsed_s)
{
  const double by_steps = (double)f->state.now.step / (double)f->config.steps;
  return f->config.max_seconds > 0.0 ? fmax(by_steps, fmin(elapsed_s / f->config.max_seconds, 1.0)) : by_steps;
}

static double rate(const dv_fit* f, double elapsed_s)
{
  const double first = f->config.learning_rate, last = f->config.final_rate;
  if (first == last) return first;
  return last + (first - last) * 0.5 * (1.0 + cos(M_PI * schedule(f, elapsed_s)));
}

/* --- One step ------------------------------------------------------------------------------------------------ */

/* The first `batch` of the order become a draw without replacement, the same at the same step of any descent. */
static void draw_batch(dv_fit* f)
{
  uint64_t seed = f->config.seed, random = dv_random(&seed) + f->state.now.step;
  for (size_t i = 0; i < f->chunks; ++i) f->order[i] = i;
  for (size_t i = 0; f->batch < f->chunks && i < f->batch; ++i) {
    const size_t j = i + (size_t)(dv_random(&random) % (f->chunks - i)), held = f->order[i];
    f->order[i] = f->order[j];
    f->order[j] = held;
  }
}

/* A descent that is over before its trial would be is the only one. */
static size_t tried_starts(const dv_fit_config* c) { return c->final_steps < c->steps ? c->starts : 1; }

size_t dv_fit_config_steps(const dv_fit_config* c)
{
  const size_t starts = tried_starts(c);
  return c->steps + (starts > 1 ? (starts - 1) * c->trial_steps + c->final_steps - c->trial_steps : 0);
}

/* Trials are one for each start, then one more for each of the best two. */
static size_t trial_count(const dv_fit_config* c) { return tried_starts(c) > 1 ? c->starts + 2 : 0; }

static bool is_trying(const dv_fit* f) { return f->state.trials < trial_count(&f->config); }

/* A trial has been won and another one is under way. */
static bool has_leader(const dv_fit* f)
{
  return is_trying(f) && f->state.trials > 0 && f->state.trials <= f->config.starts;
}

static void keep_if_best(dv_fit* f, const dv_fit_step* step)
{
  fit_state* s = &f->state;
  s->last = (evaluated){s->done, s->now.start, {0}, step->values.total + step->regulariser, step->values.total};
  memcpy(s->last.raw, s->now.raw, sizeof s->last.raw);
  if (s->done == 0) s->first_loss = step->values.total;
  const bool better = f->last_is_best ? !has_leader(f) : s->last.objective < s->best.objective;
  if (s->done == 0 || better) s->best = s->last;
}

/* Of stems that a chain can match closely the prior knows nothing: its weight is that of the loss. */
static dv_status update(dv_fit* f, double gradient[DV_PARAM_COUNT], double loss, double elapsed_s)
{
  descent* d = &f->state.now;
  double theta[DV_PARAM_COUNT], scaled[DV_PARAM_COUNT];
  dv_adam adam = {d->step, DV_PARAM_COUNT, d->m, d->v};
  dv_adam_options options = dv_adam_default_options;
  options.learning_rate = rate(f, elapsed_s);
  if (f->mono) dv_fit_tie_channels(gradient);
  for (int i = 0; i < DV_PARAM_COUNT; ++i) {
    theta[i] = f->scale[i] > 0.0 ? d->raw[i] / f->scale[i] : 0.0;
    const double from_mean = f->scale[i] > 0.0 ? (d->raw[i] - f->mean[i]) / f->scale[i] : 0.0;
    scaled[i] = gradient[i] * f->scale[i] + f->config.prior_weight * loss * from_mean;
  }
  const dv_status status = dv_adam_step(&adam, &options, scaled, theta);
  if (status) return status;
  for (int i = 0; i < DV_PARAM_COUNT; ++i)
    if (f->scale[i] > 0.0) d->raw[i] = theta[i] * f->scale[i];
  if (f->config.scaled) dv_raw_clamp(d->raw);
  ++d->step;
  return DV_OK;
}

static double elapsed(const dv_fit* f) { return f->state.elapsed_s + dv_monotonic_s() - f->resumed_s; }

/* --- Trials: which of the starts goes on -------------------------------------------------------------------- */

enum { COMPARED = 10 };                                    /* the last objectives of a trial, that are summed */
static const uint64_t SEED_STRIDE = 0xd1342543de82ef95ULL; /* no start of one seed is one of the next */
static const double TRIALS_TIME = 0.3;                     /* of the time allowed */

/* What the stems show, the delay and the reverb's decay (dv_echo_start), is not left to chance. */
static void scatter(const dv_fit* f, uint64_t random, double raw[DV_PARAM_COUNT])
{
  dv_chain_params by;
  double* offset = dv_params_flat(&by);
  for (int i = 0; i < DV_PARAM_COUNT; ++i) offset[i] = f->config.spread * f->scale[i] * dv_draw_normal(&random);
  by.delay = (dv_delay_params){0};
  by.log_damp = 0.0;
  memset(by.reverb.decay, 0, sizeof by.reverb.decay);
  for (int i = 0; i < DV_PARAM_COUNT; ++i) raw[i] += offset[i];
  if (f->mono) dv_fit_tie_channels(raw);
  dv_raw_clamp(raw);
}

static void begin_descent(dv_fit* f, size_t start)
{
  descent* d = &f->state.now;
  *d = (descent){.start = start};
  memcpy(d->raw, f->given[origin(f, start)].raw, sizeof d->raw);
  set_scales(f, start);
  if (start >= f->given_count) scatter(f, f->config.seed * SEED_STRIDE + start, d->raw);
}

static void go_on_with(dv_fit* f, const ranked* trial)
{
  f->state.now = trial->at;
  f->state.last = trial->last;
  set_scales(f, trial->at.start);
}

/* Among the best two. */
static void rank(fit_state* s)
{
  const ranked ended = {s->now, s->last, s->sum};
  const bool first = s->trials == 0 || ended.sum < s->best_two[0].sum;
  if (first) s->best_two[1] = s->best_two[0];
  if (first) s->best_two[0] = ended;
  else if (s->trials == 1 || ended.sum < s->best_two[1].sum) s->best_two[1] = ended;
}

/* The second goes first, so that the first, if it stays so, just goes on. */
static void end_trial(dv_fit* f)
{
  fit_state* s = &f->state;
  const size_t starts = f->config.starts;
  if (s->trials < starts) rank(s);
  ++s->trials;
  if (s->trials < starts) begin_descent(f, s->trials);
  else if (s->trials == starts) go_on_with(f, &s->best_two[1]);
  else if (s->trials == starts + 1) {
    s->best_two[1] = (ranked){s->now, s->last, s->sum};
    go_on_with(f, &s->best_two[0]);
  } else if (s->best_two[1].sum < s->sum) go_on_with(f, &s->best_two[1]);
  s->sum = 0.0;
  if (f->last_is_best) s->best = has_leader(f) ? s->best_two[0].last : s->last;
}

/* A trial that is not over is as if it had not been, unless it is that of the best. */
static void stop_trials(dv_fit* f)
{
  fit_state* s = &f->state;
  if (has_leader(f)) go_on_with(f, &s->best_two[0]);
  s->trials = trial_count(&f->config);
}

static void follow_trial(dv_fit* f, const dv_fit_step* step)
{
  fit_state* s = &f->state;
  const size_t last = s->trials < f->config.starts ? f->config.trial_steps : f->config.final_steps;
  if (s->now.step + COMPARED > last) s->sum += step->values.total + step->regulariser;
  if (s->now.step == last) end_trial(f);
  else if (f->config.max_seconds > 0.0 && step->elapsed_s > TRIALS_TIME * f->config.max_seconds) stop_trials(f);
}

/* --- Stepping ------------------------------------------------------------------------------------------------ */

/* Losses and gradient of the state as it is, and the next state. */
static dv_status try_step(dv_fit* f, dv_fit_step* step)
{
  double gradient[DV_PARAM_COUNT];
  draw_batch(f);
  dv_status status = dv_objective_evaluate(f->objective, f->state.now.raw, f->order, f->batch, &step->values, gradient);
  step->regulariser = dv_objective_regulariser(f->state.now.raw);
  step->elapsed_s = elapsed(f);
  if (status) return status;
  keep_if_best(f, step);
  return update(f, gradient, step->values.total, step->elapsed_s);
}

/* What follows from a step: the next start, the descent of the best one, or the end. */
static void settle_step(dv_fit* f, const dv_fit_step* step, bool failed)
{
  fit_state* s = &f->state;
  const double allowed_s = f->config.max_seconds;
  if (failed && is_trying(f) && s->trials > 0) {
    s->sum = INFINITY;
    end_trial(f);
  } else if (failed) s->end = DV_FIT_NONFINITE;
  if (failed) return;
  ++s->done;
  if (is_trying(f)) follow_trial(f, step);
  if (s->now.step == f->config.steps) s->end = DV_FIT_DONE;
  else if (allowed_s > 0.0 && step->elapsed_s >= allowed_s) s->end = DV_FIT_TIME_UP;
}

dv_status dv_fit_advance(dv_fit* f, dv_fit_step* step, bool* more, dv_error* err)
{
  fit_state* s = &f->state;
  const double none = (double)NAN;
  /* A chain that is not finite leaves the losses as they are here: none, not 0. */
  *step = (dv_fit_step){.step = s->done,
                        .steps = dv_fit_config_steps(&f->config),
                        .start = s->now.start,
                        .trial = is_trying(f),
                        .values = {none, none, none, none, none}};
  *more = false;
  if (s->end != DV_FIT_RUNNING) return dv_fail(err, DV_ERR_ARG, "the fit has ended");
  const dv_status status = try_step(f, step);
  if (status && status != DV_ERR_NONFINITE)
    return dv_fail(err, status, "the loss could not be evaluated: %s", dv_status_text(status));
  if (status && s->done == 0)
    return dv_fail(err, status, "the first %s is not finite; bring the stems to full scale",
                   isfinite(step->values.total) ? "gradient" : "loss");
  settle_step(f, step, status != DV_OK);
  *more = s->end == DV_FIT_RUNNING;
  return DV_OK;
}

/* --- Beginning and end --------------------------------------------------------------------------------------- */

static dv_status check_config(const dv_fit_config* c, dv_error* err)
{
  const bool ordered = c->trial_steps > 0 && c->trial_steps < c->final_steps;
  if (c->starts == 0 || (c->starts > 1 && !ordered) || !(c->spread >= 0.0))
    return dv_fail(err, DV_ERR_ARG,
                   "starts and steps of trials must be positive, more in the final, their spread not negative");
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

static dv_status take_starts(dv_fit* f, const dv_fit_starts* starts, dv_error* err)
{
  dv_status status = DV_OK;
  if (starts->count == 0 || starts->count > DV_FIT_GIVEN_STARTS)
    return dv_fail(err, DV_ERR_ARG, "a fit wants 1 to %d starts, not %zu", DV_FIT_GIVEN_STARTS, starts->count);
  f->given_count = starts->count;
  for (size_t i = 0; !status && i < starts->count; ++i) {
    f->given[i].delay_known = starts->start[i].delay_known;
    status = dv_params_to_raw(&starts->start[i].params, f->given[i].raw, err);
  }
  return status;
}

static dv_status prepare(dv_fit* f, const dv_fit_stems* stems, const dv_fit_starts* starts, dv_error* err)
{
  dv_status status = check_config(&f->config, err);
  if (!status) status = take_starts(f, starts, err);
  if (!status) status = dv_objective_new(&f->config.objective, stems, &f->objective, err);
  if (status) return status;
  f->chunks = dv_objective_chunks(f->objective);
  f->batch = f->chunks < f->config.objective.batch_limit ? f->chunks : f->config.objective.batch_limit;
  f->last_is_best = f->config.keep_last && f->batch < f->chunks;
  f->order = calloc(f->chunks, sizeof *f->order);
  if (!f->order) return dv_fail(err, DV_ERR_NOMEM, "out of memory for %zu chunks", f->chunks);
  f->state.chunks = f->chunks;
  f->mono = f->config.scaled && dv_fit_is_mono(stems);
  begin_descent(f, 0);
  memcpy(f->state.best.raw, f->state.now.raw, sizeof f->state.best.raw);
  f->resumed_s = dv_monotonic_s();
  return check_freedom(f, err);
}

dv_status dv_fit_new(const dv_fit_config* config, const dv_fit_stems* stems, const dv_fit_starts* starts, dv_fit** fit,
                     dv_error* err)
{
  *fit = NULL;
  dv_fit* f = calloc(1, sizeof *f);
  if (!f) return dv_fail(err, DV_ERR_NOMEM, "out of memory");
  f->config = *config;
  const dv_status status = prepare(f, stems, starts, err);
  if (status) dv_fit_free(f);
  else *fit = f;
  return status;
}

void dv_fit_best(const dv_fit* f, dv_chain_params* params)
{
  const fit_state* s = &f->state;
  const bool last = f->last_is_best && s->end != DV_FIT_NONFINITE && !has_leader(f);
  double raw[DV_PARAM_COUNT];
  memcpy(raw, last ? s->now.raw : s->best.raw, sizeof raw);
  dv_raw_clamp(raw); /* unscaled steps may have left what a preset can hold */
  dv_params_from_raw(raw, params);
}

void dv_fit_get_result(const dv_fit* f, dv_fit_result* result)
{
  const fit_state* s = &f->state;
  *result = (dv_fit_result){.chunks = f->chunks,
                            .chunks_dropped = dv_objective_dropped(f->objective),
                            .batch = f->batch,
                            .steps_done = s->done,
                            .start = s->best.start,
                            .best_step = s->best.step,
                            .first_loss = s->first_loss,
                            .best_loss = s->best.loss,
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
  fit_state now = f->state;
  now.elapsed_s = elapsed(f);
  *size = sizeof now;
  *bytes = malloc(*size);
  if (!*bytes) return dv_fail(err, DV_ERR_NOMEM, "out of memory for a checkpoint");
  memcpy(*bytes, &now, sizeof now);
  return DV_OK;
}

static bool finite_all(const double* x, size_t n)
{
  for (size_t i = 0; i < n; ++i)
    if (!isfinite(x[i])) return false;
  return true;
}

static bool descent_is_sound(const dv_fit* f, const descent* d)
{
  return d->step <= f->config.steps && d->start < f->config.starts && finite_all(d->raw, DV_PARAM_COUNT) &&
         finite_all(d->m, DV_PARAM_COUNT) && finite_all(d->v, DV_PARAM_COUNT);
}

static bool state_is_sound(const dv_fit* f, const fit_state* s)
{
  const bool ended = s->end != DV_FIT_RUNNING;
  return s->chunks == f->chunks && s->end <= DV_FIT_NONFINITE && s->trials <= trial_count(&f->config) &&
         (ended || s->now.step < f->config.steps) && s->done <= dv_fit_config_steps(&f->config) &&
         s->best.step <= s->done && s->elapsed_s >= 0.0 && finite_all(s->best.raw, DV_PARAM_COUNT) &&
         descent_is_sound(f, &s->now) && descent_is_sound(f, &s->best_two[0].at) &&
         descent_is_sound(f, &s->best_two[1].at);
}

dv_status dv_fit_load(dv_fit* f, const void* bytes, size_t size, dv_error* err)
{
  fit_state s;
  if (size != sizeof s) return dv_fail(err, DV_ERR_FORMAT, "not a state of this fit");
  memcpy(&s, bytes, sizeof s);
  const bool time_left = !(f->config.max_seconds > 0.0) || s.elapsed_s < f->config.max_seconds;
  if (s.end == DV_FIT_TIME_UP && time_left) s.end = DV_FIT_RUNNING;
  if (!state_is_sound(f, &s)) return dv_fail(err, DV_ERR_FORMAT, "the state is damaged");
  f->state = s;
  set_scales(f, s.now.start);
  f->resumed_s = dv_monotonic_s();
  return DV_OK;
}
