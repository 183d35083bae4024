/* SPDX-License-Identifier: MIT */
#include "support/loss_test.h"

#include "estimator/a_weighting.h"
#include "estimator/spectral_loss.h"

enum { SAMPLES = 1500, ITEMS = 3, VALUES = 2 * ITEMS * SAMPLES };

typedef struct {
  dv_spectral_loss* loss;
  dv_real *target, *pred;
  dv_spectral_values weights;
} fixture;

static dv_spectral_loss* loss_for(const dv_real* target, size_t items, int threads)
{
  dv_error err = {""};
  dv_spectral_loss* loss = dv_spectral_loss_new(items, SAMPLES, threads, &err);
  if (!loss) fail_msg("%s", err.text);
  dv_spectral_loss_set_target(loss, target, SAMPLES);
  return loss;
}

static int setup(void** state)
{
  fixture* f = calloc(1, sizeof *f);
  f->target = noise_rows(ITEMS, SAMPLES, 1, 0.3);
  f->pred = noise_rows(ITEMS, SAMPLES, 2, 0.2);
  f->loss = loss_for(f->target, ITEMS, 1);
  f->weights = (dv_spectral_values){1.0, 0.5};
  *state = f;
  return 0;
}

static int teardown(void** state)
{
  fixture* f = *state;
  dv_spectral_loss_free(f->loss);
  free(f->target);
  free(f->pred);
  free(f);
  return 0;
}

static double value(const dv_real* pred, void* context)
{
  const fixture* f = context;
  dv_spectral_values v;
  dv_spectral_loss_forward(f->loss, pred, SAMPLES, NULL, ITEMS, &v);
  return f->weights.lr * v.lr + f->weights.ms * v.ms;
}

/* ---- the definition, word for word ---- */

static double weighted(const dv_real* left, double middle, double side, ptrdiff_t i)
{
  double sum = 0.0;
  if (i < 0) i = -i;
  if (i >= SAMPLES) i = 2 * (SAMPLES - 1) - i;
  for (ptrdiff_t k = -DV_A_WEIGHTING_SIDE; k <= DV_A_WEIGHTING_SIDE; ++k)
    if (i + k >= 0 && i + k < SAMPLES)
      sum +=
        dv_a_weighting_taps[k < 0 ? -k : k] * (middle * (double)left[i + k] + side * (double)left[SAMPLES + i + k]);
  return sum;
}

static double magnitude(const double* x, ptrdiff_t size, ptrdiff_t bin)
{
  double re = 0.0, im = 0.0;
  for (ptrdiff_t i = 0; i < size; ++i) {
    const double window = 0.5 - 0.5 * cos(2.0 * M_PI * (double)i / (double)size);
    const double angle = 2.0 * M_PI * (double)((bin * i) % size) / (double)size;
    re += window * x[i] * cos(angle);
    im -= window * x[i] * sin(angle);
  }
  const double power = re * re + im * im;
  return sqrt(power < 1e-8 ? 1e-8 : power);
}

typedef struct {
  double difference, target, logs, count;
} naive_sums;

static void naive_signal(const dv_real* target, const dv_real* pred, double middle, double side, ptrdiff_t size,
                         naive_sums* s)
{
  static double t[SAMPLES + 4096], p[SAMPLES + 4096];
  for (ptrdiff_t i = 0; i < SAMPLES + size; ++i) {
    t[i] = weighted(target, middle, side, i - size / 2);
    p[i] = weighted(pred, middle, side, i - size / 2);
  }
  for (ptrdiff_t start = 0; start <= SAMPLES; start += size / 4)
    for (ptrdiff_t bin = 0; bin <= size / 2; ++bin) {
      const double mt = magnitude(t + start, size, bin), mp = magnitude(p + start, size, bin);
      s->difference += (mt - mp) * (mt - mp);
      s->target += mt * mt;
      s->logs += fabs(log(mt) - log(mp));
      s->count += 1.0;
    }
}

static double naive_loss(const dv_real* target, const dv_real* pred, size_t items, const double (*mix)[2], int mixes)
{
  static const ptrdiff_t sizes[3] = {128, 512, 2048};
  double total = 0.0;
  for (int r = 0; r < 3; ++r) {
    naive_sums s = {0};
    for (size_t i = 0; i < items; ++i)
      for (int m = 0; m < mixes; ++m)
        naive_signal(target + 2 * i * SAMPLES, pred + 2 * i * SAMPLES, mix[m][0], mix[m][1], sizes[r], &s);
    total += (sqrt(s.difference / s.target) + s.logs / s.count) / 3.0;
  }
  return total;
}

static void test_values_follow_the_definition(void** state)
{
  static const double channels[2][2] = {{1, 0}, {0, 1}}, middle[1][2] = {{1, 1}}, side[1][2] = {{1, -1}};
  const fixture* f = *state;
  dv_spectral_values v;
  const double rtol = sizeof(dv_real) == sizeof(double) ? 1e-12 : 1e-6;
  dv_spectral_loss_forward(f->loss, f->pred, SAMPLES, NULL, 1, &v);
  assert_close(v.lr, naive_loss(f->target, f->pred, 1, channels, 2), rtol, 0.0);
  assert_close(v.ms, 0.5 * (naive_loss(f->target, f->pred, 1, middle, 1) + naive_loss(f->target, f->pred, 1, side, 1)),
               rtol, 0.0);
}

/* ---- A-weighting ---- */

static double weighting_db(double freq_hz)
{
  double gain = dv_a_weighting_taps[0];
  for (int k = 1; k <= DV_A_WEIGHTING_SIDE; ++k)
    gain += 2.0 * dv_a_weighting_taps[k] * cos(2.0 * M_PI * freq_hz / DV_A_WEIGHTING_RATE_HZ * k);
  return 20.0 * log10(fabs(gain));
}

static void test_a_weighting_has_the_curve_of_the_standard(void** state)
{
  (void)state; /* IEC 61672; a short FIR cannot follow it to the bass, nor the bilinear transform to the top */
  static const double curve[][3] = {
    {500, -3.2, 1.0}, {1000, 0.0, 0.5}, {2000, 1.2, 0.5}, {4000, 1.0, 0.5}, {8000, -1.1, 1.0}};
  for (size_t i = 0; i < sizeof curve / sizeof *curve; ++i)
    assert_close(weighting_db(curve[i][0]), curve[i][1], 0.0, curve[i][2]);
  assert_true(weighting_db(50.0) < -15.0);
}

static void test_a_weighting_filter_equals_its_taps(void** state)
{
  (void)state;
  enum { LENGTH = 100, ROUNDED = 128 };
  double x[DV_A_WEIGHTING_SIDE + ROUNDED + DV_A_WEIGHTING_AHEAD], y[ROUNDED];
  uint64_t seed = 3;
  for (size_t i = 0; i < sizeof x / sizeof *x; ++i) x[i] = dv_rand(&seed);
  dv_a_weighting_filter(x + DV_A_WEIGHTING_SIDE, y, LENGTH);
  for (int i = 0; i < LENGTH; ++i) {
    double want = dv_a_weighting_taps[0] * x[DV_A_WEIGHTING_SIDE + i];
    for (int k = 1; k <= DV_A_WEIGHTING_SIDE; ++k)
      want += dv_a_weighting_taps[k] * (x[DV_A_WEIGHTING_SIDE + i - k] + x[DV_A_WEIGHTING_SIDE + i + k]);
    assert_close(y[i], want, 1e-13, 1e-14);
  }
}

/* ---- gradient ---- */

/* ADDS the gradient of all items. */
static void backward(const dv_spectral_loss* loss, dv_spectral_values weights, const dv_real* pred, size_t count,
                     dv_real* grad)
{
  for (size_t i = 0; i < count; ++i)
    dv_spectral_loss_backward(loss, weights, i, pred + 2 * i * SAMPLES, SAMPLES, grad + 2 * i * SAMPLES);
}

static void check_gradient(fixture* f, dv_spectral_values weights)
{
  dv_real* grad = calloc(VALUES, sizeof *grad);
  f->weights = weights;
  (void)value(f->pred, f);
  backward(f->loss, weights, f->pred, ITEMS, grad);
  assert_gradient(value, f, f->pred, grad, VALUES, 3);
  free(grad);
}

static void test_backward_matches_finite_differences(void** state)
{
  skip_unless_double();
  check_gradient(*state, (dv_spectral_values){1.0, 0.0});
  check_gradient(*state, (dv_spectral_values){0.0, 1.0});
  check_gradient(*state, (dv_spectral_values){1.0, 0.5});
}

static void test_backward_accumulates(void** state)
{
  fixture* f = *state;
  dv_real *once = calloc(VALUES, sizeof *once), *twice = calloc(VALUES, sizeof *twice);
  (void)value(f->pred, f);
  backward(f->loss, f->weights, f->pred, ITEMS, once);
  backward(f->loss, f->weights, f->pred, ITEMS, twice);
  backward(f->loss, f->weights, f->pred, ITEMS, twice);
  for (size_t i = 0; i < VALUES; ++i) assert_close((double)twice[i], 2.0 * (double)once[i], 0.0, 0.0);
  free(once);
  free(twice);
}

static void test_equal_signals_have_no_loss_and_no_gradient(void** state)
{
  fixture* f = *state;
  dv_real* grad = calloc(VALUES, sizeof *grad);
  assert_close(value(f->target, f), 0.0, 0.0, 0.0);
  backward(f->loss, f->weights, f->target, ITEMS, grad);
  for (size_t i = 0; i < VALUES; ++i) assert_true(grad[i] == 0);
  free(grad);
}

static void check_finite(const dv_real* target, const dv_real* pred, double* lr, double* ms)
{
  dv_spectral_loss* loss = loss_for(target, ITEMS, 1);
  dv_real* grad = calloc(VALUES, sizeof *grad);
  dv_spectral_values v;
  dv_spectral_loss_forward(loss, pred, SAMPLES, NULL, ITEMS, &v);
  backward(loss, (dv_spectral_values){1.0, 1.0}, pred, ITEMS, grad);
  assert_rows_finite(grad, VALUES);
  *lr = v.lr;
  *ms = v.ms;
  free(grad);
  dv_spectral_loss_free(loss);
}

static void test_silence_is_finite(void** state)
{
  const fixture* f = *state;
  dv_real* silence = calloc(VALUES, sizeof *silence);
  double lr, ms;
  check_finite(silence, silence, &lr, &ms);
  assert_true(lr == 0.0 && ms == 0.0);
  check_finite(f->target, silence, &lr, &ms);
  assert_true(isfinite(lr) && isfinite(ms) && lr > 1.0);
  check_finite(silence, f->pred, &lr, &ms);
  assert_true(isfinite(lr) && isfinite(ms) && lr > 1.0);
  free(silence);
}

/* A mono signal's side is at the floor in every bin, however loud its middle: it adds nothing to the loss. */
static void test_mono_side_is_exactly_silent(void** state)
{
  fixture* f = *state;
  for (size_t i = 0; i < ITEMS; ++i)
    memcpy(f->pred + (2 * i + 1) * SAMPLES, f->pred + 2 * i * SAMPLES, SAMPLES * sizeof *f->pred);
  dv_spectral_loss* loss = loss_for(f->pred, ITEMS, 1);
  for (size_t i = 0; i < VALUES; ++i) f->target[i] = (dv_real)0.5 * f->pred[i];
  dv_spectral_values v;
  dv_spectral_loss_forward(loss, f->target, SAMPLES, NULL, ITEMS, &v);
  assert_close(v.ms, 0.5 * (0.5 + log(2.0)), 1e-2, 0.0);
  assert_close(v.lr, 0.5 + log(2.0), 1e-2, 0.0);
  dv_spectral_loss_free(loss);
}

/* ---- batches ---- */

static void forward_backward(dv_spectral_loss* loss, const dv_real* pred, const size_t* items, size_t count,
                             dv_spectral_values* v, dv_real* grad)
{
  dv_spectral_loss_forward(loss, pred, SAMPLES, items, count, v);
  backward(loss, (dv_spectral_values){1.0, 0.5}, pred, count, grad);
}

static void test_threads_do_not_change_a_bit(void** state)
{
  const fixture* f = *state;
  dv_real* want = calloc(VALUES, sizeof *want);
  dv_spectral_values one;
  forward_backward(f->loss, f->pred, NULL, ITEMS, &one, want);
  for (int threads = 2; threads <= 5; ++threads) {
    dv_spectral_loss* loss = loss_for(f->target, ITEMS, threads);
    dv_real* got = calloc(VALUES, sizeof *got);
    dv_spectral_values v;
    forward_backward(loss, f->pred, NULL, ITEMS, &v, got);
    assert_memory_equal(&v, &one, sizeof v);
    assert_rows_equal(got, want, VALUES);
    free(got);
    dv_spectral_loss_free(loss);
  }
  free(want);
}

static void test_items_choose_targets(void** state)
{
  const fixture* f = *state;
  static const size_t chosen[2] = {2, 0};
  enum { PART = 2 * SAMPLES };
  dv_real *picked = calloc(2 * PART, sizeof *picked), *got = calloc(VALUES, sizeof *got),
          *want = calloc(VALUES, sizeof *want);
  dv_spectral_values v, w;
  for (size_t i = 0; i < 2; ++i) memcpy(picked + i * PART, f->target + chosen[i] * PART, PART * sizeof *picked);
  dv_spectral_loss* loss = loss_for(picked, 2, 1);
  forward_backward(f->loss, f->pred, chosen, 2, &v, got);
  forward_backward(loss, f->pred, NULL, 2, &w, want);
  assert_memory_equal(&v, &w, sizeof v);
  assert_rows_equal(got, want, VALUES);
  dv_spectral_loss_free(loss);
  free(picked);
  free(got);
  free(want);
}

static void test_refuses_what_it_cannot_compare(void** state)
{
  (void)state;
  dv_error err;
  assert_null(dv_spectral_loss_new(1, DV_SPECTRAL_MIN_SAMPLES - 1, 1, &err));
  assert_non_null(strstr(err.text, "1024 samples are too few"));
  assert_null(dv_spectral_loss_new(0, SAMPLES, 1, &err));
  assert_null(dv_spectral_loss_new(1, SAMPLES, 0, NULL));
  assert_null(dv_spectral_loss_new(SIZE_MAX / 4096, SAMPLES, 1, &err));
  dv_spectral_loss* shortest = dv_spectral_loss_new(1, DV_SPECTRAL_MIN_SAMPLES, 1, &err);
  assert_non_null(shortest);
  dv_spectral_loss_free(shortest);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_values_follow_the_definition, setup, teardown),
    cmocka_unit_test(test_a_weighting_has_the_curve_of_the_standard),
    cmocka_unit_test(test_a_weighting_filter_equals_its_taps),
    cmocka_unit_test_setup_teardown(test_backward_matches_finite_differences, setup, teardown),
    cmocka_unit_test_setup_teardown(test_backward_accumulates, setup, teardown),
    cmocka_unit_test_setup_teardown(test_equal_signals_have_no_loss_and_no_gradient, setup, teardown),
    cmocka_unit_test_setup_teardown(test_silence_is_finite, setup, teardown),
    cmocka_unit_test_setup_teardown(test_mono_side_is_exactly_silent, setup, teardown),
    cmocka_unit_test_setup_teardown(test_threads_do_not_change_a_bit, setup, teardown),
    cmocka_unit_test_setup_teardown(test_items_choose_targets, setup, teardown),
    cmocka_unit_test(test_refuses_what_it_cannot_compare),
  };
  return cmocka_run_group_tests_name("spectral_loss", tests, NULL, NULL);
}
