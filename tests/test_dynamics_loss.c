/* SPDX-License-Identifier: MIT */
#include "support/loss_test.h"

#include "estimator/dynamics_loss.h"

#include <stdbool.h>

/* LONG exceeds the longest shift, 41895 samples; SHORT is below the shortest. */
enum { ITEMS = 3, LONG = 43000, SHORT = 1700 };

typedef struct {
  size_t samples;
  bool wrap;
  dv_dynamics_loss* loss;
  dv_real *target, *pred;
  dv_dynamics_values weights;
} fixture;

static dv_dynamics_loss* loss_for(const dv_real* target, size_t items, size_t samples, int threads)
{
  dv_error err = {""};
  dv_dynamics_loss* loss = dv_dynamics_loss_new(items, samples, threads, &err);
  if (!loss) fail_msg("%s", err.text);
  dv_dynamics_loss_set_target(loss, target, samples);
  return loss;
}

static fixture fixture_new(size_t samples, bool wrap)
{
  fixture f = {.samples = samples, .wrap = wrap, .weights = {1.0, 0.5}};
  f.target = noise_rows(ITEMS, samples, 4, 0.3);
  f.pred = noise_rows(ITEMS, samples, 5, 0.2);
  f.loss = loss_for(f.target, ITEMS, samples, 1);
  dv_dynamics_loss_set_wrap(f.loss, wrap);
  return f;
}

static void fixture_free(fixture* f)
{
  dv_dynamics_loss_free(f->loss);
  free(f->target);
  free(f->pred);
}

static size_t values_of(const fixture* f) { return 2 * ITEMS * f->samples; }

static double value(const dv_real* pred, void* context)
{
  const fixture* f = context;
  dv_dynamics_values v;
  dv_dynamics_loss_forward(f->loss, pred, f->samples, NULL, ITEMS, &v);
  return f->weights.lr * v.lr + f->weights.ms * v.ms;
}

/* ---- the definition, word for word, on the flattened array ---- */

static double* average(const double* rows, size_t samples, double ms)
{
  double* out = calloc(2 * ITEMS * samples, sizeof *out);
  const double a = 1.0 - (double)(float)exp(-2200.0 / (ms * 44100.0));
  for (size_t row = 0; row < 2 * ITEMS; ++row) {
    double state = 0.0;
    for (size_t i = row * samples; i < (row + 1) * samples; ++i) {
      const double p = rows[i] * rows[i];
      state += a * ((p < 1e-8 ? 1e-8 : p) - state);
      out[i] = state;
    }
  }
  return out;
}

static double naive_pair(const double* pred, const double* target, size_t samples, bool wrap, double short_ms,
                         double long_ms)
{
  const size_t n = 2 * ITEMS * samples, shift = (size_t)(44100.0 * (long_ms - short_ms) * 0.0005);
  double *a = average(pred, samples, short_ms), *b = average(pred, samples, long_ms);
  double *c = average(target, samples, short_ms), *d = average(target, samples, long_ms);
  double sum = 0.0, count = 0.0;
  for (size_t i = 0; i < n; ++i) {
    if (!wrap && i % samples + shift >= samples) continue;
    const size_t ahead = (i + shift) % n;
    sum += fabs(log(a[i]) - log(b[ahead]) - log(c[i]) + log(d[ahead]));
    count += 1.0;
  }
  free(a);
  free(b);
  free(c);
  free(d);
  return count > 0.0 ? sum / count : 0.0;
}

/* Rows as doubles; middle and side instead of left and right where asked. */
static double* naive_rows(const dv_real* rows, size_t samples, bool middle_side)
{
  double* out = calloc(2 * ITEMS * samples, sizeof *out);
  for (size_t item = 0; item < ITEMS; ++item)
    for (size_t i = 0; i < samples; ++i) {
      const double left = (double)rows[2 * item * samples + i], right = (double)rows[(2 * item + 1) * samples + i];
      out[2 * item * samples + i] = middle_side ? (left + right) / sqrt(2.0) : left;
      out[(2 * item + 1) * samples + i] = middle_side ? (left - right) / sqrt(2.0) : right;
    }
  return out;
}

static double naive_loss(const fixture* f, bool middle_side)
{
  double *pred = naive_rows(f->pred, f->samples, middle_side), *target = naive_rows(f->target, f->samples, middle_side);
  const double sum = naive_pair(pred, target, f->samples, f->wrap, 50.0, 1000.0) +
                     naive_pair(pred, target, f->samples, f->wrap, 100.0, 2000.0);
  free(pred);
  free(target);
  return sum;
}

static const struct {
  size_t samples;
  bool wrap;
} cases[] = {{LONG, true}, {LONG, false}, {SHORT, true}, {SHORT, false}, {20947, true}, {30000, false}, {1, true}};
enum { CASES = sizeof cases / sizeof *cases };

static void test_values_follow_the_definition(void** state)
{
  (void)state;
  const double rtol = sizeof(dv_real) == sizeof(double) ? 1e-11 : 1e-6;
  for (size_t k = 0; k < CASES; ++k) {
    fixture f = fixture_new(cases[k].samples, cases[k].wrap);
    dv_dynamics_values v;
    dv_dynamics_loss_forward(f.loss, f.pred, f.samples, NULL, ITEMS, &v);
    assert_close(v.lr, naive_loss(&f, false), rtol, 1e-12);
    assert_close(v.ms, naive_loss(&f, true), rtol, 1e-12);
    fixture_free(&f);
  }
}

/* ADDS the gradient of the first `count` items. */
static void backward(const fixture* f, const dv_dynamics_loss* loss, size_t count, dv_real* grad)
{
  const size_t part = 2 * f->samples;
  for (size_t i = 0; i < count; ++i)
    dv_dynamics_loss_backward(loss, f->weights, i, f->pred + i * part, f->samples, grad + i * part);
}

static void test_backward_matches_finite_differences(void** state)
{
  (void)state;
  skip_unless_double();
  static const dv_dynamics_values weights[] = {{1.0, 0.0}, {0.0, 1.0}, {0.5, 0.25}};
  for (size_t k = 0; k < CASES; ++k)
    for (size_t w = 0; w < 3; ++w) {
      fixture f = fixture_new(cases[k].samples, cases[k].wrap);
      f.weights = weights[w];
      dv_real* grad = calloc(values_of(&f), sizeof *grad);
      (void)value(f.pred, &f);
      backward(&f, f.loss, ITEMS, grad);
      assert_gradient(value, &f, f.pred, grad, values_of(&f), 2);
      free(grad);
      fixture_free(&f);
    }
}

static void test_backward_accumulates(void** state)
{
  (void)state;
  fixture f = fixture_new(SHORT, true);
  dv_real* grad = calloc(values_of(&f), sizeof *grad);
  dv_real* offset = calloc(values_of(&f), sizeof *offset);
  for (size_t i = 0; i < values_of(&f); ++i) offset[i] = 1;
  (void)value(f.pred, &f);
  backward(&f, f.loss, ITEMS, grad);
  backward(&f, f.loss, ITEMS, offset);
  for (size_t i = 0; i < values_of(&f); ++i) assert_close((double)offset[i], 1.0 + (double)grad[i], 3e-7, 0.0);
  free(grad);
  free(offset);
  fixture_free(&f);
}

static void check_silence(bool silent_target, bool silent_pred)
{
  fixture f = fixture_new(LONG, true);
  if (silent_target) memset(f.target, 0, values_of(&f) * sizeof *f.target);
  if (silent_pred) memset(f.pred, 0, values_of(&f) * sizeof *f.pred);
  dv_real* grad = calloc(values_of(&f), sizeof *grad);
  const double v = value(f.pred, &f);
  assert_true(isfinite(v));
  assert_true((v == 0.0) == (silent_target && silent_pred));
  backward(&f, f.loss, ITEMS, grad);
  assert_rows_finite(grad, values_of(&f));
  for (size_t i = 0; silent_pred && i < values_of(&f); ++i) assert_true(grad[i] == 0); /* below the floor */
  free(grad);
  fixture_free(&f);
}

static void test_silence_is_finite(void** state)
{
  (void)state;
  check_silence(true, true);
  check_silence(true, false);
  check_silence(false, true);
}

static void test_threads_do_not_change_a_bit(void** state)
{
  (void)state;
  fixture f = fixture_new(LONG, true);
  dv_real* want = calloc(values_of(&f), sizeof *want);
  dv_dynamics_values one, v;
  dv_dynamics_loss_forward(f.loss, f.pred, f.samples, NULL, ITEMS, &one);
  backward(&f, f.loss, ITEMS, want);
  for (int threads = 2; threads <= 4; ++threads) {
    dv_dynamics_loss* loss = loss_for(f.target, ITEMS, f.samples, threads);
    dv_real* got = calloc(values_of(&f), sizeof *got);
    dv_dynamics_loss_forward(loss, f.pred, f.samples, NULL, ITEMS, &v);
    backward(&f, loss, ITEMS, got);
    assert_memory_equal(&v, &one, sizeof v);
    assert_rows_equal(got, want, values_of(&f));
    free(got);
    dv_dynamics_loss_free(loss);
  }
  free(want);
  fixture_free(&f);
}

/* The rows that wrap around are those of the step, not of the whole set. */
static void test_items_choose_targets(void** state)
{
  (void)state;
  static const size_t chosen[2] = {2, 0};
  fixture f = fixture_new(LONG, true);
  const size_t part = 2 * f.samples;
  dv_real *picked = calloc(2 * part, sizeof *picked), *got = calloc(2 * part, sizeof *got),
          *want = calloc(2 * part, sizeof *want);
  dv_dynamics_values v, w;
  for (size_t i = 0; i < 2; ++i) memcpy(picked + i * part, f.target + chosen[i] * part, part * sizeof *picked);
  dv_dynamics_loss* loss = loss_for(picked, 2, f.samples, 1);
  dv_dynamics_loss_forward(f.loss, f.pred, f.samples, chosen, 2, &v);
  backward(&f, f.loss, 2, got);
  dv_dynamics_loss_forward(loss, f.pred, f.samples, NULL, 2, &w);
  backward(&f, loss, 2, want);
  assert_memory_equal(&v, &w, sizeof v);
  assert_rows_equal(got, want, 2 * part);
  dv_dynamics_loss_free(loss);
  free(picked);
  free(got);
  free(want);
  fixture_free(&f);
}

static void test_refuses_bad_arguments(void** state)
{
  (void)state;
  dv_error err;
  assert_null(dv_dynamics_loss_new(0, LONG, 1, &err));
  assert_null(dv_dynamics_loss_new(1, 0, 1, &err));
  assert_null(dv_dynamics_loss_new(1, LONG, 0, NULL));
  assert_null(dv_dynamics_loss_new(SIZE_MAX / 1024, LONG, 1, &err));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_values_follow_the_definition), cmocka_unit_test(test_backward_matches_finite_differences),
    cmocka_unit_test(test_backward_accumulates),         cmocka_unit_test(test_silence_is_finite),
    cmocka_unit_test(test_threads_do_not_change_a_bit),  cmocka_unit_test(test_items_choose_targets),
    cmocka_unit_test(test_refuses_bad_arguments),
  };
  return cmocka_run_group_tests_name("dynamics_loss", tests, NULL, NULL);
}
