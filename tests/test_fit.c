/* SPDX-License-Identifier: MIT */
/* The fit on short stems made here: a voice-like signal, and the same through a known chain. */
#include "dsp/render.h"
#include "estimator/fit.h"
#include "support/dv_test.h"

#include <stdlib.h>
#include <string.h>

enum { FRAMES = 66150, STEPS = 5, MAX_STEPS = 32 }; /* 1.5 s */

/* What every test starts from. */
typedef struct {
  dv_real *dry, *left, *right;
} signals;

static int make_signals(void** state)
{
  static signals s;
  uint64_t seed = 3;
  dv_chain_params p;
  dv_error err;
  s.dry = malloc(FRAMES * sizeof *s.dry);
  s.left = malloc(FRAMES * sizeof *s.left);
  s.right = malloc(FRAMES * sizeof *s.right);
  if (!s.dry || !s.left || !s.right) return -1;
  for (size_t n = 0; n < FRAMES; ++n) {
    const double t = (double)n / DV_MODEL_RATE_HZ, burst = exp(-6.0 * fmod(t, 0.4));
    const double tone = sin(6.283185307179586 * 180.0 * t) + 0.2 * dv_rand(&seed);
    s.dry[n] = (dv_real)(0.3 * burst * tone);
  }
  dv_fit_mean_start(false, &p);
  p.peak1 = (dv_peak_params){5.0, 900.0, 1.0};
  p.highshelf.gain_db = 4.0;
  p.compressor.comp_threshold_db = -30.0;
  p.compressor.comp_ratio = 4.0;
  p.pan = 0.4;
  *state = &s;
  return dv_render(&p, DV_MODEL_RATE_HZ, s.dry, FRAMES, 0, s.left, s.right, NULL, NULL, &err) ? -1 : 0;
}

static int free_signals(void** state)
{
  const signals* s = *state;
  free(s->dry);
  free(s->left);
  free(s->right);
  return 0;
}

static dv_fit_stems stereo(const signals* s) { return (dv_fit_stems){s->dry, s->left, s->right, FRAMES, -3.0}; }

/* The default method, short. */
static dv_fit_config short_config(void)
{
  dv_fit_config c;
  dv_fit_config_default(&c);
  c.steps = STEPS;
  return c;
}

/* The same where each step sees two of the stems' five chunks. */
static dv_fit_config drawn_config(void)
{
  dv_fit_config c = short_config();
  c.objective.chunk_s = 0.5;
  c.objective.overlap_s = 0.2;
  c.objective.batch_limit = 2;
  return c;
}

static dv_fit* new_fit(const dv_fit_config* config, const dv_fit_stems* stems)
{
  dv_fit_starts starts = {.count = 1};
  dv_error err = {""};
  dv_fit* fit;
  dv_fit_mean_start(stems->wet_left == stems->wet_right, &starts.start[0].params);
  if (dv_fit_new(config, stems, &starts, &fit, &err)) fail_msg("%s", err.text);
  return fit;
}

enum { TRIAL = 3, FINAL = 5, END = 7, TRIED = 3 * TRIAL + 2 * (FINAL - TRIAL), ALL = TRIED + END - FINAL };

/* Of three starts, three steps each, the best two go on to five and the lower to seven. */
static dv_fit_config with_trials(dv_fit_config c)
{
  c.starts = 3;
  c.trial_steps = TRIAL;
  c.final_steps = FINAL;
  c.steps = END;
  return c;
}

static dv_fit_config trials_config(void) { return with_trials(short_config()); }

/* What came out of a fit. */
typedef struct {
  double totals[MAX_STEPS], objectives[MAX_STEPS];
  size_t count, starts[MAX_STEPS];
  dv_chain_params params;
  dv_fit_result result;
} outcome;

/* At most `steps` more steps. */
static void advance(dv_fit* fit, size_t steps, outcome* o)
{
  bool more = true;
  dv_error err = {""};
  for (size_t i = 0; more && i < steps; ++i) {
    dv_fit_step step;
    if (dv_fit_advance(fit, &step, &more, &err)) fail_msg("%s", err.text);
    assert_int_equal(step.step, o->count);
    assert_true(o->count < MAX_STEPS);
    o->starts[o->count] = step.start;
    o->objectives[o->count] = step.values.total + step.regulariser;
    o->totals[o->count++] = step.values.total;
  }
  dv_fit_best(fit, &o->params);
  dv_fit_get_result(fit, &o->result);
}

static outcome run(const dv_fit_config* config, const dv_fit_stems* stems)
{
  outcome o = {.count = 0};
  dv_fit* fit = new_fit(config, stems);
  advance(fit, MAX_STEPS, &o);
  dv_fit_free(fit);
  return o;
}

static void assert_same_outcome(const outcome* a, const outcome* b)
{
  assert_int_equal(a->count, b->count);
  assert_memory_equal(a->totals, b->totals, a->count * sizeof *a->totals);
  assert_memory_equal(&a->params, &b->params, sizeof a->params);
  assert_int_equal(a->result.best_step, b->result.best_step);
}

/* --- The descent ------------------------------------------------------------------------------------------- */

static void test_a_fit_descends(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config = short_config();
  config.steps = 12;
  dv_fit* fit = new_fit(&config, &stems);
  outcome o = {.count = 0};
  dv_loss_values before, after;
  dv_fit_best(fit, &o.params);
  assert_int_equal(dv_fit_evaluate(fit, &o.params, &before), DV_OK);
  advance(fit, MAX_STEPS, &o);
  assert_int_equal(dv_fit_evaluate(fit, &o.params, &after), DV_OK);
  dv_fit_free(fit);
  print_message("%.4f -> %.4f in %zu steps\n", before.total, after.total, o.count);
  assert_int_equal(o.count, 12);
  assert_int_equal(o.result.end, DV_FIT_DONE);
  assert_true(after.total < 0.8 * before.total);
}

static void test_a_known_echo_s_time_is_found_within_a_sample(void** state)
{
  const signals* s = *state;
  dv_chain_params truth;
  dv_error err = {""};
  dv_real* wet = malloc(2 * FRAMES * sizeof *wet);
  assert_non_null(wet);
  dv_fit_mean_start(false, &truth);
  truth.delay = (dv_delay_params){175.0, 0.3, 0.4, {8000.0, 0.7}, 0.3, 0.7};
  assert_int_equal(dv_render(&truth, DV_MODEL_RATE_HZ, s->dry, FRAMES, 0, wet, wet + FRAMES, NULL, NULL, &err), DV_OK);
  const dv_fit_stems stems = {s->dry, wet, wet + FRAMES, FRAMES, -3.0};
  dv_fit_starts starts = {.start = {{truth, true}}, .count = 1};
  starts.start[0].params.delay.delay_ms += 0.6e3 / DV_MODEL_RATE_HZ;
  dv_fit_config config = short_config();
  config.steps = MAX_STEPS;
  config.frozen = ((1u << DV_EFFECT_COUNT) - 1u) & ~(1u << DV_EFFECT_DELAY);
  dv_fit* fit;
  outcome o = {.count = 0};
  if (dv_fit_new(&config, &stems, &starts, &fit, &err)) fail_msg("%s", err.text);
  advance(fit, MAX_STEPS, &o);
  dv_fit_free(fit);
  free(wet);
  const double late_samples = (o.params.delay.delay_ms - truth.delay.delay_ms) * 1e-3 * DV_MODEL_RATE_HZ;
  print_message("0.6 samples late -> %.4f\n", late_samples);
  assert_true(fabs(late_samples) < 0.05);
}

/* The best of the steps is what is handed out, where all of them see the same chunks. */
static void test_the_lowest_loss_is_kept(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config = short_config();
  config.learning_rate = config.final_rate = 2.0; /* too fast: the loss jumps about */
  dv_fit* fit = new_fit(&config, &stems);
  outcome o = {.count = 0};
  dv_loss_values kept;
  advance(fit, MAX_STEPS, &o);
  assert_int_equal(dv_fit_evaluate(fit, &o.params, &kept), DV_OK);
  dv_fit_free(fit);
  double lowest = o.totals[0];
  for (size_t i = 1; i < o.count; ++i) lowest = fmin(lowest, o.totals[i]);
  assert_close(o.result.best_loss, lowest, 0.0, 0.0);
  assert_close(o.totals[o.result.best_step], lowest, 0.0, 0.0);
  assert_close(kept.total, lowest, 1e-6, 0.0);
}

static void test_the_same_seed_gives_the_same_fit(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  const dv_fit_config config = drawn_config();
  const outcome first = run(&config, &stems), again = run(&config, &stems);
  assert_same_outcome(&first, &again);
}

static void test_another_seed_draws_other_chunks(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config = drawn_config();
  const outcome first = run(&config, &stems);
  config.seed = 1;
  const outcome other = run(&config, &stems);
  assert_memory_not_equal(first.totals, other.totals, first.count * sizeof *first.totals);
}

static void test_threads_change_nothing(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config = drawn_config();
  const outcome one = run(&config, &stems);
  config.objective.threads = 2;
  const outcome two = run(&config, &stems);
  assert_same_outcome(&one, &two);
}

static void test_frozen_effects_stay_bit_for_bit(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config = short_config();
  config.frozen = 1u << DV_EFFECT_PEAK1 | 1u << DV_EFFECT_LOWPASS | 1u << DV_EFFECT_COMPRESSOR | 1u << DV_EFFECT_REVERB;
  dv_fit* fit = new_fit(&config, &stems);
  outcome o = {.count = 0};
  dv_chain_params start;
  dv_fit_best(fit, &start);
  advance(fit, 3, &o);
  dv_fit_best(fit, &o.params);
  dv_fit_free(fit);
  const double *a = dv_params_flat(&start), *b = dv_params_flat(&o.params);
  size_t moved = 0;
  for (int i = 0; i < DV_PARAM_COUNT; ++i) {
    char name[64];
    dv_parameter_name(i, name, sizeof name);
    const bool same = !memcmp(a + i, b + i, sizeof *a);
    if (config.frozen >> dv_parameter_at(i)->effect & 1u && !same) fail_msg("%s moved", name);
    moved += !same;
  }
  assert_true(moved > 10);
}

/* Adam as it is published, written down a second time. */
static void test_reference_steps_are_adam_s(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config;
  dv_fit_config_reference(&config);
  config.steps = 5;
  dv_chain_params start;
  dv_error err = {""};
  dv_fit* fit;
  outcome o = {.count = 0};
  dv_params_initial(7, &start);
  const dv_fit_starts starts = {.start = {{start, false}}, .count = 1};
  if (dv_fit_new(&config, &stems, &starts, &fit, &err)) fail_msg("%s", err.text);
  advance(fit, MAX_STEPS, &o);
  dv_fit_free(fit);
  dv_objective* objective;
  double raw[DV_PARAM_COUNT], m[DV_PARAM_COUNT] = {0}, v[DV_PARAM_COUNT] = {0};
  const size_t item = 0;
  assert_int_equal(dv_params_to_raw(&start, raw, &err), DV_OK);
  assert_int_equal(dv_objective_new(&config.objective, &stems, &objective, &err), DV_OK);
  for (int step = 0; step < 5; ++step) {
    double g[DV_PARAM_COUNT];
    dv_loss_values values;
    assert_int_equal(dv_objective_evaluate(objective, raw, &item, 1, &values, g), DV_OK);
    assert_close(o.totals[step], values.total, 1e-6, 0.0);
    for (int i = 0; i < DV_PARAM_COUNT; ++i) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
      const double mean = m[i] / (1.0 - pow(0.9, step + 1)), square = v[i] / (1.0 - pow(0.999, step + 1));
      raw[i] -= 0.01 * mean / (sqrt(square) + 1e-8);
    }
  }
  dv_objective_free(objective);
}

static void test_time_ends_a_fit(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config = short_config();
  config.steps = 1000000;
  config.max_seconds = 0.02;
  const outcome o = run(&config, &stems);
  assert_int_equal(o.result.end, DV_FIT_TIME_UP);
  assert_true(o.count >= 1 && o.count < MAX_STEPS);
}

/* Nothing tells left from right, so nothing may move them apart. */
static void test_a_mono_wet_stem_keeps_the_channels_alike(void** state)
{
  const signals* s = *state;
  const dv_fit_stems stems = {s->dry, s->left, s->left, FRAMES, -3.0};
  const dv_fit_config config = short_config();
  const outcome o = run(&config, &stems);
  dv_real *left = malloc(FRAMES * sizeof *left), *right = malloc(FRAMES * sizeof *right);
  dv_error err = {""};
  double difference = 0.0, power = 0.0;
  assert_true(left && right);
  if (dv_render(&o.params, DV_MODEL_RATE_HZ, s->dry, FRAMES, 0, left, right, NULL, NULL, &err))
    fail_msg("%s", err.text);
  for (size_t i = 0; i < FRAMES; ++i) {
    const double l = (double)left[i], r = (double)right[i];
    difference += (l - r) * (l - r);
    power += l * l;
  }
  free(left);
  free(right);
  assert_close(o.params.pan, 0.5, 0.0, 0.0);
  assert_close(o.params.delay.odd_pan, 0.5, 0.0, 0.0);
  assert_close(o.params.delay.even_pan, 0.5, 0.0, 0.0);
  print_message("side: %.1f dB\n", 10.0 * log10(difference / power + 1e-30));
  assert_true(difference <= 1e-10 * power);
}

static void make_stereo(dv_chain_params* p)
{
  dv_fit_mean_start(false, p);
  p->pan = 0.2;
  p->delay.odd_pan = 0.9;
  p->reverb.input[1][0] = 0.5;
  p->reverb.output[1][3] = -0.4;
}

static void test_a_stereo_start_of_mono_stems_is_folded(void** state)
{
  const signals* s = *state;
  const dv_fit_stems stems = {s->dry, s->left, s->left, FRAMES, -3.0};
  dv_chain_params start, wanted;
  make_stereo(&start);
  wanted = start;
  assert_true(dv_fit_fold_start(&stems, &start));
  assert_close(start.pan, 0.5, 0.0, 0.0);
  assert_close(start.delay.odd_pan, 0.5, 0.0, 0.0);
  assert_close(start.delay.even_pan, 0.5, 0.0, 0.0);
  for (int line = 0; line < DV_FDN_LINES; ++line) {
    const double in = 0.5 * (wanted.reverb.input[line][0] + wanted.reverb.input[line][1]);
    const double out = 0.5 * (wanted.reverb.output[0][line] + wanted.reverb.output[1][line]);
    for (int c = 0; c < 2; ++c) {
      assert_close(start.reverb.input[line][c], in, 0.0, 0.0);
      assert_close(start.reverb.output[c][line], out, 0.0, 0.0);
    }
  }
  assert_close(start.peak1.gain_db, wanted.peak1.gain_db, 0.0, 0.0);
  assert_false(dv_fit_fold_start(&stems, &start));
}

static void test_a_start_of_stereo_stems_is_left_alone(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_chain_params start, before;
  make_stereo(&start);
  before = start;
  assert_false(dv_fit_fold_start(&stems, &start));
  assert_memory_equal(&start, &before, sizeof start);
}

/* --- Several starts ------------------------------------------------------------------------------------------ */

static double sum(const double* x, size_t count)
{
  double s = 0.0;
  for (size_t i = 0; i < count; ++i) s += x[i];
  return s;
}

/* Which of three is lowest and which comes next. */
static void order(const double sums[3], size_t* first, size_t* second)
{
  *first = sums[0] <= sums[1] && sums[0] <= sums[2] ? 0 : sums[1] <= sums[2] ? 1 : 2;
  const size_t a = (*first + 1) % 3, b = (*first + 2) % 3;
  *second = sums[a] <= sums[b] ? a : b;
}

static void test_the_best_two_starts_go_on_and_the_lower_to_the_end(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  const dv_fit_config config = trials_config();
  const outcome o = run(&config, &stems);
  assert_int_equal(o.count, ALL);
  assert_int_equal(dv_fit_config_steps(&config), ALL);
  double sums[3];
  size_t first, second;
  for (size_t i = 0; i < 3 * TRIAL; ++i) assert_int_equal(o.starts[i], i / TRIAL);
  for (size_t start = 0; start < 3; ++start) sums[start] = sum(o.objectives + TRIAL * start, TRIAL);
  order(sums, &first, &second);
  const double* later = o.objectives + 3 * TRIAL;
  for (size_t i = 0; i < FINAL - TRIAL; ++i) {
    assert_int_equal(o.starts[3 * TRIAL + i], second);
    assert_int_equal(o.starts[2 * TRIAL + FINAL + i], first);
  }
  const bool overtaken = sum(later, FINAL - TRIAL) < sum(later + FINAL - TRIAL, FINAL - TRIAL);
  for (size_t i = TRIED; i < ALL; ++i) assert_int_equal(o.starts[i], overtaken ? second : first);
  assert_int_equal(o.result.start, overtaken ? second : first);
  assert_int_equal(o.result.end, DV_FIT_DONE);
}

static void test_the_first_of_several_starts_is_the_one_given(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config = trials_config();
  const outcome several = run(&config, &stems);
  config.starts = 1;
  const outcome one = run(&config, &stems);
  assert_memory_equal(several.totals, one.totals, TRIAL * sizeof *one.totals);
  assert_true(several.totals[TRIAL] != one.totals[0]);
  assert_int_equal(one.count, END);
}

static void test_given_starts_are_tried_before_scattered_ones(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  const dv_fit_config config = trials_config();
  dv_fit_starts starts = {.count = 2};
  dv_error err = {""};
  outcome both = {.count = 0}, alone = {.count = 0};
  dv_fit* fit;
  for (size_t i = 0; i < 2; ++i) dv_fit_mean_start(false, &starts.start[i].params);
  starts.start[1].params.delay.delay_ms = 350.0;
  starts.start[1].delay_known = true;
  if (dv_fit_new(&config, &stems, &starts, &fit, &err)) fail_msg("%s", err.text);
  advance(fit, MAX_STEPS, &both);
  dv_fit_free(fit);
  starts.start[0] = starts.start[1];
  if (dv_fit_new(&config, &stems, &starts, &fit, &err)) fail_msg("%s", err.text);
  advance(fit, TRIAL, &alone);
  dv_fit_free(fit);
  assert_memory_equal(both.totals + TRIAL, alone.totals, TRIAL * sizeof *alone.totals);
  assert_true(both.totals[2 * TRIAL] != both.totals[0]);
}

/* Of starts that are all the same each trial is the same, and the last is the descent of the first alone. */
static void test_trials_see_the_same_chunks(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config = with_trials(drawn_config());
  config.spread = 0.0;
  const outcome several = run(&config, &stems);
  for (size_t start = 1; start < 3; ++start)
    assert_memory_equal(several.totals, several.totals + TRIAL * start, TRIAL * sizeof *several.totals);
  config.starts = 1;
  const outcome one = run(&config, &stems);
  assert_memory_equal(several.totals + TRIED, one.totals + FINAL, (END - FINAL) * sizeof *one.totals);
  assert_memory_equal(&several.params, &one.params, sizeof one.params);
}

static void test_the_delay_is_not_scattered(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config = trials_config();
  config.frozen = ~(1u << DV_EFFECT_DELAY);
  const outcome o = run(&config, &stems);
  for (size_t start = 1; start < 3; ++start)
    assert_memory_equal(o.totals, o.totals + TRIAL * start, TRIAL * sizeof *o.totals);
}

static void test_a_descent_shorter_than_its_trials_has_one_start(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config = trials_config();
  config.steps = FINAL;
  const outcome o = run(&config, &stems);
  assert_int_equal(o.count, FINAL);
  assert_int_equal(o.result.start, 0);
}

static void test_another_start_leaves_frozen_effects_alone(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config = trials_config();
  dv_chain_params start;
  config.starts = 16; /* so that the first one is hardly the lowest */
  config.trial_steps = 1;
  config.final_steps = 2;
  config.frozen = 1u << DV_EFFECT_COMPRESSOR;
  dv_fit* fit = new_fit(&config, &stems);
  outcome o = {.count = 0};
  dv_fit_best(fit, &start);
  advance(fit, MAX_STEPS, &o);
  dv_fit_free(fit);
  assert_true(o.result.start > 0);
  assert_memory_equal(&start.compressor, &o.params.compressor, sizeof start.compressor);
}

/* Of drawn chunks the last state counts, but not one of a trial that has just begun. */
static void test_a_fit_cut_in_a_trial_has_the_best_before(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  const dv_fit_config config = with_trials(drawn_config());
  dv_fit* fit = new_fit(&config, &stems);
  outcome first = {.count = 0}, cut;
  advance(fit, TRIAL, &first);
  cut = first;
  advance(fit, 1, &cut);
  dv_fit_free(fit);
  assert_int_equal(cut.starts[TRIAL], 1);
  assert_int_equal(cut.result.start, 0);
  assert_int_equal(cut.result.best_step, TRIAL - 1);
  assert_close(cut.result.best_loss, first.totals[TRIAL - 1], 0.0, 0.0);
}

/* Where all steps compare the same it is the lowest, and the start is the one that it is of. */
static void test_the_lowest_loss_of_all_trials_is_kept(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  const dv_fit_config config = trials_config();
  dv_fit* fit = new_fit(&config, &stems);
  outcome o = {.count = 0};
  for (size_t i = 0; i < ALL; ++i) {
    size_t lowest = 0;
    advance(fit, 1, &o);
    for (size_t k = 1; k < o.count; ++k)
      if (o.objectives[k] < o.objectives[lowest]) lowest = k;
    assert_int_equal(o.result.best_step, lowest);
    assert_int_equal(o.result.start, o.starts[lowest]);
  }
  dv_fit_free(fit);
}

/* A start of one seed is none of the next. */
static void test_another_seed_scatters_other_starts(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config = trials_config();
  const outcome first = run(&config, &stems);
  config.seed = 1;
  const outcome other = run(&config, &stems);
  assert_close(other.totals[0], first.totals[0], 0.0, 0.0);
  for (size_t i = 1; i < 3; ++i)
    for (size_t k = 1; k < 3; ++k) assert_true(other.totals[TRIAL * i] != first.totals[TRIAL * k]);
}

/* --- States ------------------------------------------------------------------------------------------------- */

static dv_fit* reload(const dv_fit* fit, const dv_fit_config* config, const dv_fit_stems* stems)
{
  void* bytes;
  size_t size;
  dv_error err = {""};
  dv_fit* other = new_fit(config, stems);
  if (dv_fit_save(fit, &bytes, &size, &err)) fail_msg("%s", err.text);
  if (dv_fit_load(other, bytes, size, &err)) fail_msg("%s", err.text);
  free(bytes);
  return other;
}

static void expect_continuation(const dv_fit_config* config, const dv_fit_stems* stems)
{
  static const size_t cuts[] = {0, 3, STEPS, 10, 12, 14}; /* the last three of trials: in both finals, after them */
  const outcome whole = run(config, stems);
  for (size_t c = 0; c < sizeof cuts / sizeof *cuts; ++c) {
    outcome parts = {.count = 0};
    dv_fit* fit = new_fit(config, stems);
    advance(fit, cuts[c], &parts);
    dv_fit* other = reload(fit, config, stems);
    dv_fit_free(fit);
    dv_fit_get_result(other, &parts.result);
    if (parts.result.end == DV_FIT_RUNNING) advance(other, MAX_STEPS, &parts);
    else dv_fit_best(other, &parts.params);
    dv_fit_free(other);
    assert_same_outcome(&whole, &parts);
  }
}

static void test_a_saved_state_continues_bit_for_bit(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  const dv_fit_config config = short_config();
  expect_continuation(&config, &stems);
}

static void test_a_saved_state_continues_the_draws(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  const dv_fit_config config = drawn_config();
  expect_continuation(&config, &stems);
}

static void test_a_saved_state_continues_trials(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  const dv_fit_config config = with_trials(drawn_config());
  expect_continuation(&config, &stems);
}

/* A fit whose time is up; its state goes on in a fit that is allowed `seconds`, without limit where 0. */
static dv_fit* go_on_after_time_up(const dv_fit_stems* stems, double seconds, outcome* o)
{
  dv_fit_config config = short_config();
  config.steps = MAX_STEPS;
  config.max_seconds = 1e-9;
  dv_fit* fit = new_fit(&config, stems);
  advance(fit, MAX_STEPS, o);
  assert_int_equal(o->result.end, DV_FIT_TIME_UP);
  assert_int_equal(o->count, 1);
  config.max_seconds = seconds;
  dv_fit* other = reload(fit, &config, stems);
  dv_fit_free(fit);
  dv_fit_get_result(other, &o->result);
  return other;
}

static void test_a_fit_whose_time_was_up_goes_on_when_there_is_more(void** state)
{
  static const double allowed_s[] = {0.0, 1000.0};
  const dv_fit_stems stems = stereo(*state);
  for (size_t i = 0; i < 2; ++i) {
    outcome o = {.count = 0};
    dv_fit* fit = go_on_after_time_up(&stems, allowed_s[i], &o);
    assert_int_equal(o.result.end, DV_FIT_RUNNING);
    advance(fit, 2, &o);
    dv_fit_free(fit);
    assert_int_equal(o.result.steps_done, 3);
  }
}

static void test_a_fit_whose_time_was_up_stays_ended_without_more(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  outcome o = {.count = 0};
  dv_fit_free(go_on_after_time_up(&stems, 1e-9, &o));
  assert_int_equal(o.result.end, DV_FIT_TIME_UP);
}

static void test_damaged_states_are_refused_and_change_nothing(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  const dv_fit_config config = drawn_config();
  dv_fit* fit = new_fit(&config, &stems);
  outcome untouched = run(&config, &stems), o = {.count = 0};
  unsigned char* bytes;
  size_t size;
  const double nan = (double)NAN;
  const size_t many = 1000000;
  dv_error err = {""};
  assert_int_equal(dv_fit_save(fit, (void**)&bytes, &size, &err), DV_OK);
  unsigned char* damaged = malloc(size);
  assert_non_null(damaged);
  /* the step, a parameter, and the number of chunks */
  const size_t places[] = {0, 3 * sizeof(double), size - sizeof(size_t)};
  const void* const values[] = {&many, &nan, &many};
  for (size_t i = 0; i < 3; ++i) {
    memcpy(damaged, bytes, size);
    memcpy(damaged + places[i], values[i], sizeof(double));
    assert_int_equal(dv_fit_load(fit, damaged, size, &err), DV_ERR_FORMAT);
  }
  for (size_t cut = 0; cut < size; cut += 97) assert_int_equal(dv_fit_load(fit, bytes, cut, &err), DV_ERR_FORMAT);
  free(damaged);
  free(bytes);
  advance(fit, MAX_STEPS, &o);
  dv_fit_free(fit);
  assert_same_outcome(&untouched, &o);
}

static void test_a_state_of_other_chunks_is_refused(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  const dv_fit_config drawn = drawn_config(), whole = short_config();
  dv_fit *fit = new_fit(&drawn, &stems), *other = new_fit(&whole, &stems);
  void* bytes;
  size_t size;
  dv_error err = {""};
  assert_int_equal(dv_fit_save(fit, &bytes, &size, &err), DV_OK);
  assert_int_equal(dv_fit_load(other, bytes, size, &err), DV_ERR_FORMAT);
  free(bytes);
  dv_fit_free(fit);
  dv_fit_free(other);
}

/* --- What cannot be fitted ---------------------------------------------------------------------------------- */

static void test_stems_that_are_not_numbers_are_refused(void** state)
{
  const signals* s = *state;
  const dv_fit_config config = short_config();
  dv_real* bad = malloc(FRAMES * sizeof *bad);
  assert_non_null(bad);
  for (int wet = 0; wet < 2; ++wet) {
    dv_fit_starts starts = {.count = 1};
    dv_error err = {""};
    dv_fit* fit;
    dv_fit_step step;
    bool more;
    memcpy(bad, wet ? s->right : s->dry, FRAMES * sizeof *bad);
    bad[FRAMES / 2] = NAN;
    const dv_fit_stems stems = {wet ? s->dry : bad, s->left, wet ? bad : s->right, FRAMES, 0.0};
    dv_fit_mean_start(false, &starts.start[0].params);
    dv_status status = dv_fit_new(&config, &stems, &starts, &fit, &err);
    if (!status) status = dv_fit_advance(fit, &step, &more, &err);
    assert_int_equal(status, DV_ERR_NONFINITE);
    assert_true(strlen(err.text) > 10);
    dv_fit_free(fit);
  }
  free(bad);
}

static void test_a_loss_that_overflows_ends_with_the_best_before(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config config;
  dv_fit_config_reference(&config);
  config.steps = 20;
  config.learning_rate = config.final_rate = 1e5; /* make-up of 1e5 dB */
  dv_fit* fit = new_fit(&config, &stems);
  dv_chain_params start;
  dv_error err = {""};
  dv_fit_step step;
  bool more = true;
  outcome o = {.count = 0};
  dv_fit_best(fit, &start);
  advance(fit, MAX_STEPS, &o);
  assert_int_equal(o.result.end, DV_FIT_NONFINITE);
  assert_true(o.count < 20);
  assert_int_equal(o.result.best_step, 0);
  assert_memory_equal(&o.params, &start, sizeof start);
  assert_int_equal(dv_fit_advance(fit, &step, &more, &err), DV_ERR_ARG);
  dv_fit_free(fit);
}

static void test_bad_configurations_and_starts_are_refused(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  dv_fit_config configs[10];
  for (size_t i = 0; i < 10; ++i) configs[i] = short_config();
  configs[0].steps = 0;
  configs[1].learning_rate = -1.0;
  configs[2].final_rate = (double)NAN;
  configs[3].max_seconds = -1.0;
  configs[4].objective.overlap_s = configs[4].objective.chunk_s;
  configs[6].starts = 0;
  configs[7].final_steps = configs[7].trial_steps;
  configs[8].spread = (double)NAN;
  for (size_t i = 0; i < 10; ++i) {
    dv_error err = {""};
    dv_fit* fit;
    dv_fit_starts starts = {.count = i == 9 ? 0 : 1};
    dv_fit_mean_start(false, &starts.start[0].params);
    if (i == 5) starts.start[0].params.peak1.freq_hz = 1e9;
    assert_int_equal(dv_fit_new(&configs[i], &stems, &starts, &fit, &err), DV_ERR_ARG);
    assert_null(fit);
    assert_true(strlen(err.text) > 10);
  }
}

static void expect_nothing_to_fit(const dv_fit_stems* stems, unsigned frozen, const char* fragment)
{
  dv_fit_config config = short_config();
  dv_fit_starts starts = {.count = 1};
  dv_error err = {""};
  dv_fit* fit;
  config.frozen = frozen;
  dv_fit_mean_start(false, &starts.start[0].params);
  assert_int_equal(dv_fit_new(&config, stems, &starts, &fit, &err), DV_ERR_ARG);
  assert_null(fit);
  if (!strstr(err.text, fragment)) fail_msg("%s", err.text);
}

static void test_freezing_everything_is_refused(void** state)
{
  const signals* s = *state;
  const dv_fit_stems both = stereo(s), mono = {s->dry, s->left, s->left, FRAMES, -3.0};
  const unsigned all = (1u << DV_EFFECT_COUNT) - 1, all_but_pan = all & ~(1u << DV_EFFECT_PAN);
  expect_nothing_to_fit(&both, all, "every part is frozen; freeze fewer");
  expect_nothing_to_fit(&mono, all_but_pan, "the pan is held");
}

static void test_chunks_that_are_not_there_are_refused(void** state)
{
  const dv_fit_stems stems = stereo(*state);
  const dv_fit_config config = drawn_config();
  const size_t none[] = {0, 5}, all[] = {0, 4};
  dv_objective* objective;
  dv_loss_values values;
  dv_error err = {""};
  assert_int_equal(dv_objective_new(&config.objective, &stems, &objective, &err), DV_OK);
  assert_int_equal(dv_objective_chunks(objective), 5);
  assert_int_equal(dv_objective_evaluate(objective, NULL, none, 2, &values, NULL), DV_ERR_ARG);
  assert_int_equal(dv_objective_evaluate(objective, NULL, all, 2, &values, NULL), DV_OK);
  dv_objective_free(objective);
}

/* --- What is compared --------------------------------------------------------------------------------------- */

static void test_no_parameters_are_the_dry_stem_itself(void** state)
{
  const signals* s = *state;
  const dv_fit_stems stems = stereo(s);
  const dv_fit_config config = short_config();
  const dv_real gain = (dv_real)pow(10.0, stems.plain_gain_db / 20.0);
  dv_error err = {""};
  dv_loss* loss = dv_loss_new(1, FRAMES, 1, &err);
  dv_real *pred = malloc(2 * FRAMES * sizeof *pred), *target = malloc(2 * FRAMES * sizeof *target);
  dv_loss_values want, got;
  assert_true(loss && pred && target);
  for (size_t i = 0; i < FRAMES; ++i) pred[i] = pred[FRAMES + i] = gain * s->dry[i];
  memcpy(target, s->left, FRAMES * sizeof *target);
  memcpy(target + FRAMES, s->right, FRAMES * sizeof *target);
  assert_int_equal(dv_loss_set_target(loss, target, FRAMES), DV_OK);
  assert_int_equal(dv_loss_forward(loss, pred, FRAMES, NULL, 1, &want), DV_OK);
  dv_fit* fit = new_fit(&config, &stems);
  assert_int_equal(dv_fit_evaluate(fit, NULL, &got), DV_OK);
  dv_fit_free(fit);
  dv_loss_free(loss);
  free(pred);
  free(target);
  assert_close(got.total, want.total, 1e-6, 0.0);
}

/* Loss of a wet stem that is the dry one but for 0.1 s of noise from `at` on. */
static double loss_of_noise(const signals* s, bool covering, size_t at)
{
  dv_fit_config config = drawn_config();
  dv_real* wet = malloc(FRAMES * sizeof *wet);
  uint64_t seed = 5;
  dv_loss_values values;
  assert_non_null(wet);
  memcpy(wet, s->dry, FRAMES * sizeof *wet);
  for (size_t i = at; i < FRAMES && i < at + 4410; ++i) wet[i] += (dv_real)(0.2 * dv_rand(&seed));
  const dv_fit_stems stems = {s->dry, wet, wet, FRAMES, 0.0};
  config.objective.covering = covering;
  dv_fit* fit = new_fit(&config, &stems);
  assert_int_equal(dv_fit_evaluate(fit, NULL, &values), DV_OK);
  dv_fit_free(fit);
  free(wet);
  return values.total;
}

static void test_covering_chunks_score_the_first_samples_and_the_last(void** state)
{
  const signals* s = *state;
  assert_true(loss_of_noise(s, true, 0) > 0.01);
  assert_true(loss_of_noise(s, true, FRAMES - 4410) > 0.01);
  assert_true(loss_of_noise(s, true, FRAMES) < 1e-6);
}

/* Four chunks of 0.3 s after 0.2 s: 0.1 s are left. */
static void test_published_chunks_leave_out_the_first_samples_and_the_last(void** state)
{
  const signals* s = *state;
  assert_true(loss_of_noise(s, false, 0) < 1e-6);
  assert_true(loss_of_noise(s, false, FRAMES - 4000) < 1e-6);
  assert_true(loss_of_noise(s, false, FRAMES / 2) > 0.01);
}

static void test_quiet_chunks_are_not_compared(void** state)
{
  const signals* s = *state;
  const dv_fit_config config = drawn_config();
  dv_real* wet = calloc(FRAMES, sizeof *wet);
  assert_non_null(wet);
  memcpy(wet, s->left, FRAMES / 2 * sizeof *wet);
  const dv_fit_stems stems = {s->dry, wet, wet, FRAMES, 0.0};
  dv_fit* fit = new_fit(&config, &stems);
  dv_fit_result result;
  dv_fit_get_result(fit, &result);
  dv_fit_free(fit);
  free(wet);
  assert_int_equal(result.chunks, 3);
  assert_int_equal(result.chunks_dropped, 2);
  assert_int_equal(result.batch, 2);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_fit_descends),
    cmocka_unit_test(test_a_known_echo_s_time_is_found_within_a_sample),
    cmocka_unit_test(test_the_lowest_loss_is_kept),
    cmocka_unit_test(test_the_same_seed_gives_the_same_fit),
    cmocka_unit_test(test_another_seed_draws_other_chunks),
    cmocka_unit_test(test_threads_change_nothing),
    cmocka_unit_test(test_frozen_effects_stay_bit_for_bit),
    cmocka_unit_test(test_reference_steps_are_adam_s),
    cmocka_unit_test(test_time_ends_a_fit),
    cmocka_unit_test(test_a_mono_wet_stem_keeps_the_channels_alike),
    cmocka_unit_test(test_a_stereo_start_of_mono_stems_is_folded),
    cmocka_unit_test(test_a_start_of_stereo_stems_is_left_alone),
    cmocka_unit_test(test_the_best_two_starts_go_on_and_the_lower_to_the_end),
    cmocka_unit_test(test_the_first_of_several_starts_is_the_one_given),
    cmocka_unit_test(test_trials_see_the_same_chunks),
    cmocka_unit_test(test_given_starts_are_tried_before_scattered_ones),
    cmocka_unit_test(test_the_delay_is_not_scattered),
    cmocka_unit_test(test_a_descent_shorter_than_its_trials_has_one_start),
    cmocka_unit_test(test_another_start_leaves_frozen_effects_alone),
    cmocka_unit_test(test_a_fit_cut_in_a_trial_has_the_best_before),
    cmocka_unit_test(test_the_lowest_loss_of_all_trials_is_kept),
    cmocka_unit_test(test_another_seed_scatters_other_starts),
    cmocka_unit_test(test_a_saved_state_continues_bit_for_bit),
    cmocka_unit_test(test_a_saved_state_continues_trials),
    cmocka_unit_test(test_a_saved_state_continues_the_draws),
    cmocka_unit_test(test_a_fit_whose_time_was_up_goes_on_when_there_is_more),
    cmocka_unit_test(test_a_fit_whose_time_was_up_stays_ended_without_more),
    cmocka_unit_test(test_damaged_states_are_refused_and_change_nothing),
    cmocka_unit_test(test_a_state_of_other_chunks_is_refused),
    cmocka_unit_test(test_stems_that_are_not_numbers_are_refused),
    cmocka_unit_test(test_a_loss_that_overflows_ends_with_the_best_before),
    cmocka_unit_test(test_bad_configurations_and_starts_are_refused),
    cmocka_unit_test(test_freezing_everything_is_refused),
    cmocka_unit_test(test_chunks_that_are_not_there_are_refused),
    cmocka_unit_test(test_no_parameters_are_the_dry_stem_itself),
    cmocka_unit_test(test_covering_chunks_score_the_first_samples_and_the_last),
    cmocka_unit_test(test_published_chunks_leave_out_the_first_samples_and_the_last),
    cmocka_unit_test(test_quiet_chunks_are_not_compared),
  };
  return cmocka_run_group_tests_name("fit", tests, make_signals, free_signals);
}
