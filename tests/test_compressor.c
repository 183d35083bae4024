/* SPDX-License-Identifier: MIT */
#include "support/dv_test.h"

#include "dsp/compressor.h"
#include "dsp/fft.h"
#include "dsp/lookahead.h"

#include <stdlib.h>
#include <string.h>

enum { N = 3000, REALS = N * DV_LANES };
static const double RATE_HZ = 44100.0;
#define EPS (sizeof(dv_real) == 4 ? 2e-5 : 1e-11)

static const dv_compressor_params PARAMS = {-20.0, -50.0, 3.0, 4.0, 0.01, 0.002, 0.2, 4.0, 0.5};

typedef struct {
  dv_real x[REALS], w[REALS], mean[REALS], target[REALS], gain[REALS], gx[REALS];
  int8_t falling[REALS];
  uint8_t branches[REALS];
  dv_compressor_coefs c;
} fixture;

static int setup(void** state)
{
  static fixture f;
  uint64_t seed = 31;
  memset(&f, 0, sizeof f);
  for (size_t i = 0; i < REALS; ++i) {
    const double level_db = -40.0 + 38.0 * sin(2.0 * M_PI * (double)(i / DV_LANES) / 700.0 + (double)(i % DV_LANES));
    f.x[i] = (dv_real)(pow(10.0, level_db / 20.0) * dv_rand(&seed));
    f.w[i] = (dv_real)dv_rand(&seed);
  }
  dv_compressor_coeffs(&PARAMS, RATE_HZ, &f.c);
  *state = &f;
  return 0;
}

static dv_compressor_tape tape_of(fixture* f) { return (dv_compressor_tape){f->mean, f->target, f->gain, f->falling}; }

static void run(fixture* f)
{
  const dv_compressor_tape tape = tape_of(f);
  dv_compressor_state state;
  dv_compressor_reset(&state);
  dv_compressor_gain_forward(&f->c, f->x, N, &state, &tape);
}

static void test_gain_follows_its_definition(void** state)
{
  fixture* f = *state;
  run(f);
  for (size_t lane = 0; lane < DV_LANES; ++lane) {
    double m = 0.0, g = 1.0;
    for (size_t i = 0; i < N; ++i) {
      const double x = (double)f->x[i * DV_LANES + lane];
      m = 0.2 * fmax(x * x, 1e-8) + 0.8 * m;
      const double level = 20.0 * log10(sqrt(m));
      const double gain_db = fmin(0.0, fmin((1 - 1 / 4.0) * (-20.0 - level), (1 - 1 / 0.5) * (-50.0 - level)));
      const double target = pow(10.0, gain_db / 20.0);
      g += (target < g ? 0.01 : 0.002) * (target - g);
      assert_close((double)f->gain[i * DV_LANES + lane], g, EPS, 0.0);
    }
  }
}

/* Constant level: after the transients the gain is the static curve's. */
static void test_gain_reaches_the_static_curve(void** state)
{
  fixture* f = *state;
  static const double levels_db[] = {0.0, -10.0, -20.0, -35.0, -50.0, -58.0};
  for (size_t k = 0; k < sizeof levels_db / sizeof *levels_db; ++k) {
    const double level = pow(10.0, levels_db[k] / 20.0);
    for (size_t i = 0; i < REALS; ++i) f->x[i] = (dv_real)(i / DV_LANES % 2 ? -level : level);
    const dv_compressor_tape tape = tape_of(f);
    dv_compressor_state memory;
    dv_compressor_reset(&memory);
    for (int repeat = 0; repeat < 5; ++repeat) dv_compressor_gain_forward(&f->c, f->x, N, &memory, &tape);
    const double want_db = dv_compressor_curve_db(&f->c, levels_db[k]);
    assert_close(20.0 * log10((double)f->gain[REALS - 1]), want_db, 0.0, 1e-3);
  }
  assert_close(dv_compressor_curve_db(&f->c, 0.0), -15.0, 0.0, 1e-12);  /* 20 dB over, ratio 4 */
  assert_close(dv_compressor_curve_db(&f->c, -35.0), 0.0, 0.0, 1e-12);  /* between the thresholds */
  assert_close(dv_compressor_curve_db(&f->c, -58.0), -8.0, 0.0, 1e-12); /* 8 dB below, 1:2 */
}

/* From 10 % to 90 % of a step in the attack time, at any rate. */
static void test_attack_takes_its_time(void** state)
{
  (void)state;
  static const double rates[] = {44100.0, 48000.0, 96000.0};
  for (size_t r = 0; r < sizeof rates / sizeof *rates; ++r) {
    enum { LENGTH = 9600 };
    static dv_real x[LENGTH * DV_LANES], gain[LENGTH * DV_LANES];
    const double attack_ms = 20.0;
    dv_compressor_params p = PARAMS;
    dv_compressor_coefs c;
    dv_compressor_state memory;
    const dv_compressor_tape tape = {NULL, NULL, gain, NULL};
    p.attack_coef = dv_coef_from_ms(attack_ms, DV_MODEL_RATE_HZ);
    p.average_coef = 0.9999999; /* no averaging: a step in the level is one in the target */
    dv_compressor_coeffs(&p, rates[r], &c);
    dv_compressor_reset(&memory);
    for (size_t i = 0; i < LENGTH * DV_LANES; ++i) x[i] = 1;
    dv_compressor_gain_forward(&c, x, LENGTH, &memory, &tape);
    const double end = pow(10.0, -15.0 / 20.0);
    size_t tenth = 0, ninth = 0;
    for (size_t i = 0; i < LENGTH; ++i) {
      const double done = (1.0 - (double)gain[i * DV_LANES]) / (1.0 - end);
      if (done < 0.1) tenth = i;
      if (done < 0.9) ninth = i;
    }
    assert_close((double)(ninth - tenth) / rates[r] * 1e3, attack_ms * log(9.0) / 2.2, 0.005, 0.0);
  }
}

static void test_gain_goes_on_from_its_state(void** state)
{
  fixture* f = *state;
  run(f);
  static dv_real parts[REALS];
  dv_compressor_state memory;
  dv_compressor_reset(&memory);
  for (size_t at = 0, n = 1; at < N; at += n, n = n * 2 + 1) {
    const size_t count = N - at < n ? N - at : n;
    const dv_compressor_tape tape = {NULL, NULL, parts + at * DV_LANES, NULL};
    dv_compressor_gain_forward(&f->c, f->x + at * DV_LANES, count, &memory, &tape);
  }
  for (size_t i = 0; i < REALS; ++i) assert_close((double)parts[i], (double)f->gain[i], EPS, 0.0);
}

static void test_silence_and_full_scale_stay_finite(void** state)
{
  fixture* f = *state;
  static const double levels[] = {0.0, 1e-30, 1.0, 1e6};
  dv_compressor_params p = PARAMS;
  p.exp_ratio = 0.0;
  p.comp_ratio = 20.0;
  dv_compressor_coeffs(&p, RATE_HZ, &f->c);
  for (size_t k = 0; k < sizeof levels / sizeof *levels; ++k) {
    for (size_t i = 0; i < REALS; ++i) f->x[i] = (dv_real)levels[k];
    dv_compressor_coefs gc = {0};
    const dv_compressor_tape tape = tape_of(f);
    memset(f->gx, 0, sizeof f->gx);
    run(f);
    dv_compressor_gain_backward(&f->c, f->x, &tape, f->w, f->gx, N, &gc);
    for (size_t i = 0; i < REALS; ++i)
      assert_true(isfinite(f->gain[i]) && f->gain[i] >= 0 && f->gain[i] <= 1 && isfinite(f->gx[i]));
    assert_true(isfinite(gc.average) && isfinite(gc.attack) && isfinite(gc.exp_slope) && isfinite(gc.comp_slope));
  }
}

#ifdef DV_DOUBLE
/* dL/dx against a difference along a random direction; no branch changes over so small a step. */
static void test_input_gradient_matches_finite_differences(void** state)
{
  fixture* f = *state;
  static dv_real direction[REALS], x[REALS];
  uint64_t seed = 33;
  dv_compressor_coefs gc = {0};
  const dv_compressor_tape tape = tape_of(f);
  run(f);
  dv_compressor_gain_backward(&f->c, f->x, &tape, f->w, f->gx, N, &gc);
  double slope = 0.0, value[2] = {0.0, 0.0};
  memcpy(x, f->x, sizeof x);
  for (size_t i = 0; i < REALS; ++i) {
    direction[i] = x[i] * dv_rand(&seed);
    slope += f->gx[i] * direction[i];
  }
  const double h = 1e-8;
  for (int side = 0; side < 2; ++side) {
    for (size_t i = 0; i < REALS; ++i) f->x[i] = x[i] + (side ? h : -h) * direction[i];
    run(f);
    for (size_t i = 0; i < REALS; ++i) value[side] += f->w[i] * f->gain[i];
  }
  assert_close((value[1] - value[0]) / (2.0 * h), slope, 1e-4, 0.0);
}
#endif

static void test_backward_adds(void** state)
{
  fixture* f = *state;
  static dv_real once[REALS], twice[REALS];
  dv_compressor_coefs c1 = {0}, c2 = {0};
  const dv_compressor_tape tape = tape_of(f);
  run(f);
  memset(once, 0, sizeof once);
  memset(twice, 0, sizeof twice);
  dv_compressor_gain_backward(&f->c, f->x, &tape, f->w, once, N, &c1);
  dv_compressor_gain_backward(&f->c, f->x, &tape, f->w, twice, N, &c2);
  dv_compressor_gain_backward(&f->c, f->x, &tape, f->w, twice, N, &c2);
  for (size_t i = 0; i < REALS; ++i) assert_close((double)twice[i], 2.0 * (double)once[i], EPS, 1e-12);
  assert_close(c2.attack, 2.0 * c1.attack, 1e-12, 0.0);
  assert_close(c2.exp_threshold_db, 2.0 * c1.exp_threshold_db, 1e-12, 0.0);
}

static void test_branches_name_what_was_taken(void** state)
{
  fixture* f = *state;
  const dv_compressor_tape tape = tape_of(f);
  size_t seen[9] = {0};
  run(f);
  dv_compressor_branches(&f->c, f->x, &tape, N, f->branches);
  for (size_t i = 0; i < REALS; ++i) {
    const double before = i < DV_LANES ? 1.0 : (double)f->gain[i - DV_LANES];
    assert_int_equal((f->branches[i] & DV_BRANCH_ATTACK) != 0, (double)f->target[i] < before);
    assert_int_equal((f->branches[i] & DV_BRANCH_FLOOR) != 0, !((double)f->x[i] * (double)f->x[i] > DV_POWER_FLOOR));
    assert_false((f->branches[i] & DV_BRANCH_COMP) && (f->branches[i] & DV_BRANCH_EXP));
    if (!(f->branches[i] & (DV_BRANCH_COMP | DV_BRANCH_EXP))) assert_true(f->target[i] == 1);
    for (int bit = 1; bit <= 8; bit *= 2) seen[bit] += (f->branches[i] & bit) != 0;
  }
  assert_true(seen[DV_BRANCH_FLOOR] && seen[DV_BRANCH_COMP] && seen[DV_BRANCH_EXP] && seen[DV_BRANCH_ATTACK]);
}

/* --- Look-ahead --------------------------------------------------------------------------------------- */

static double sinc(double t) { return t == 0.0 ? 1.0 : sin(M_PI * t) / (M_PI * t); }

static void test_lookahead_spans_1_and_15_ms(void** state)
{
  (void)state;
  int before, after;
  dv_lookahead_span(44100.0, &before, &after);
  assert_int_equal(before, 44);
  assert_int_equal(after, 661);
  dv_lookahead_span(48000.0, &before, &after);
  assert_int_equal(before, 48);
  assert_int_equal(after, 720);
}

static void test_lookahead_taps_are_a_sinc(void** state)
{
  (void)state;
  static const double delays[] = {0.0, 1.0, 17.3, 100.0 - 1e-12, 441.5, 661.0};
  for (size_t k = 0; k < sizeof delays / sizeof *delays; ++k) {
    double taps[706];
    dv_lookahead_taps(delays[k], 44, 661, taps);
    for (int j = -44; j <= 661; ++j) assert_close(taps[44 + j], sinc(j - delays[k]), 1e-9, 1e-12);
  }
}

/* The definition, sample by sample, edges held. */
static void test_lookahead_filters_as_defined(void** state)
{
  fixture* f = *state;
  static const double delays[] = {0.0, 3.0, 143.37, 661.0};
  run(f);
  dv_lookahead* filter = dv_lookahead_new(RATE_HZ);
  dv_real* scratch = dv_fft_alloc(dv_lookahead_scratch_reals(filter));
  static dv_real out[REALS];
  assert_true(filter && scratch);
  for (size_t k = 0; k < sizeof delays / sizeof *delays; ++k) {
    double taps[706];
    dv_lookahead_taps(delays[k], 44, 661, taps);
    dv_lookahead_set(filter, delays[k]);
    dv_lookahead_forward(filter, f->gain, out, N, scratch);
    for (size_t i = 0; i < N; i += i < 100 || i > N - 800 ? 1 : 37)
      for (size_t lane = 0; lane < DV_LANES; ++lane) {
        double sum = 0.0;
        for (int j = -44; j <= 661; ++j) {
          const long at = (long)i + j;
          const size_t held = at < 0 ? 0 : at < N ? (size_t)at : N - 1;
          sum += taps[44 + j] * (double)f->gain[held * DV_LANES + lane];
        }
        assert_close((double)out[i * DV_LANES + lane], sum, 0.0, sizeof(dv_real) == 4 ? 3e-6 : 1e-13);
      }
  }
  dv_fft_release(scratch);
  dv_lookahead_free(filter);
}

static void test_lookahead_works_on_a_single_sample(void** state)
{
  (void)state;
  dv_lookahead* filter = dv_lookahead_new(RATE_HZ);
  dv_real* scratch = dv_fft_alloc(dv_lookahead_scratch_reals(filter));
  assert_true(filter && scratch);
  const dv_real gain[DV_LANES] = {1, (dv_real)0.5, 0, (dv_real)0.25};
  dv_real out[DV_LANES];
  dv_lookahead_set(filter, 5.0); /* one tap of 1, the others 0 */
  dv_lookahead_forward(filter, gain, out, 1, scratch);
  for (int l = 0; l < DV_LANES; ++l) assert_close((double)out[l], (double)gain[l], 0.0, 1e-6);
  dv_fft_release(scratch);
  dv_lookahead_free(filter);
}

static void test_lookahead_backward_is_the_adjoint_and_adds(void** state)
{
  fixture* f = *state;
  static dv_real out[REALS], back[REALS];
  dv_lookahead* filter = dv_lookahead_new(RATE_HZ);
  dv_real* scratch = dv_fft_alloc(dv_lookahead_scratch_reals(filter));
  assert_true(filter && scratch);
  double left = 0.0, right = 0.0, g_once = 0.0, g_twice = 0.0;
  run(f);
  dv_lookahead_set(filter, 77.7);
  dv_lookahead_forward(filter, f->gain, out, N, scratch);
  memset(back, 0, sizeof back);
  dv_lookahead_backward(filter, f->gain, f->w, back, N, &g_once, scratch);
  for (size_t i = 0; i < REALS; ++i) {
    left += (double)f->w[i] * (double)out[i];
    right += (double)back[i] * (double)f->gain[i];
  }
  assert_close(right, left, EPS, EPS);
  static dv_real twice[REALS];
  memset(twice, 0, sizeof twice);
  dv_lookahead_backward(filter, f->gain, f->w, twice, N, &g_twice, scratch);
  dv_lookahead_backward(filter, f->gain, f->w, twice, N, &g_twice, scratch);
  assert_close(g_twice, 2.0 * g_once, 1e-9, 0.0);
  for (size_t i = 0; i < REALS; ++i) assert_close((double)twice[i], 2.0 * (double)back[i], EPS, EPS);
  dv_fft_release(scratch);
  dv_lookahead_free(filter);
}

/* --- Coefficients ------------------------------------------------------------------------------------- */

static void test_coefficients_keep_their_meaning_at_another_rate(void** state)
{
  (void)state;
  dv_compressor_coefs a, b;
  dv_compressor_coeffs(&PARAMS, 44100.0, &a);
  dv_compressor_coeffs(&PARAMS, 88200.0, &b);
  assert_close(a.attack, 0.01, 0.0, 0.0);
  assert_close((1 - b.attack) * (1 - b.attack), 1 - a.attack, 1e-14, 0.0);
  assert_close((1 - b.average) * (1 - b.average), 1 - a.average, 1e-14, 0.0);
  assert_close(a.lookahead_samples, 176.4, 1e-14, 0.0);
  assert_close(b.lookahead_samples, 352.8, 1e-14, 0.0);
  assert_close(a.makeup, pow(10.0, 3.0 / 20.0), 1e-15, 0.0);
}

/* Every coefficient's gradient at another rate, where the one-poles are mapped. */
static void test_coefficient_gradients_match_finite_differences(void** state)
{
  (void)state;
  const dv_compressor_coefs gc = {0.3, -1.2, 0.8, 0.05, -0.02, 1.5, 0.4, -0.9, 0.01};
  dv_compressor_params p = PARAMS, gp = {0};
  dv_compressor_coeffs_vjp(&p, 48000.0, &gc, &gp);
  double *at = (double*)&p, *grad = (double*)&gp;
  for (size_t i = 0; i < sizeof p / sizeof(double); ++i) {
    double value[2] = {0.0, 0.0};
    const double centre = at[i], h = 1e-5 * fabs(centre);
    for (int side = 0; side < 2; ++side) {
      dv_compressor_coefs c;
      at[i] = centre + (side ? h : -h);
      dv_compressor_coeffs(&p, 48000.0, &c);
      for (size_t k = 0; k < sizeof c / sizeof(double); ++k) value[side] += ((const double*)&gc)[k] * ((double*)&c)[k];
    }
    at[i] = centre;
    assert_close(grad[i], (value[1] - value[0]) / (2.0 * h), 1e-6, 1e-9);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(test_gain_follows_its_definition, setup),
    cmocka_unit_test_setup(test_gain_reaches_the_static_curve, setup),
    cmocka_unit_test(test_attack_takes_its_time),
    cmocka_unit_test_setup(test_gain_goes_on_from_its_state, setup),
    cmocka_unit_test_setup(test_silence_and_full_scale_stay_finite, setup),
#ifdef DV_DOUBLE
    cmocka_unit_test_setup(test_input_gradient_matches_finite_differences, setup),
#endif
    cmocka_unit_test_setup(test_backward_adds, setup),
    cmocka_unit_test_setup(test_branches_name_what_was_taken, setup),
    cmocka_unit_test(test_lookahead_spans_1_and_15_ms),
    cmocka_unit_test(test_lookahead_taps_are_a_sinc),
    cmocka_unit_test_setup(test_lookahead_filters_as_defined, setup),
    cmocka_unit_test(test_lookahead_works_on_a_single_sample),
    cmocka_unit_test_setup(test_lookahead_backward_is_the_adjoint_and_adds, setup),
    cmocka_unit_test(test_coefficients_keep_their_meaning_at_another_rate),
    cmocka_unit_test(test_coefficient_gradients_match_finite_differences),
  };
  return cmocka_run_group_tests_name("compressor", tests, NULL, NULL);
}
