/* SPDX-License-Identifier: MIT */
#include "support/loss_test.h"

#include "datasets/npy.h"
#include "dsp/fft.h"
#include "estimator/loss.h"

#include <stdio.h>
#include <unistd.h>

enum { ITEMS = 3, SAMPLES = 3000, VALUES = 2 * ITEMS * SAMPLES, PARTS = 4 };

typedef struct {
  dv_loss* loss;
  dv_real *target, *pred;
} fixture;

static int setup(void** state)
{
  fixture* f = calloc(1, sizeof *f);
  dv_error err = {""};
  f->target = noise_rows(ITEMS, SAMPLES, 6, 0.3);
  f->pred = noise_rows(ITEMS, SAMPLES, 7, 0.2);
  f->loss = dv_loss_new(ITEMS, SAMPLES, 1, &err);
  if (!f->loss) fail_msg("%s", err.text);
  assert_int_equal(dv_loss_set_target(f->loss, f->target, SAMPLES), DV_OK);
  *state = f;
  return 0;
}

static int teardown(void** state)
{
  fixture* f = *state;
  dv_loss_free(f->loss);
  free(f->target);
  free(f->pred);
  free(f);
  return 0;
}

static dv_real* copy(const dv_real* rows, size_t values)
{
  dv_real* out = malloc(values * sizeof *out);
  assert_non_null(out);
  return memcpy(out, rows, values * sizeof *out);
}

static dv_loss_weights only(int part) { return (dv_loss_weights){part == 0, part == 1, part == 2, part == 3}; }

static double part_of(const dv_loss_values* v, int part)
{
  return (const double[PARTS]){v->mss_lr, v->mss_ms, v->mldr_lr, v->mldr_ms}[part];
}

/* ---- golden ---- */

static const char GOLDEN[] = "../shared/golden/public/losses";

static dv_real* read_golden(const char* name, size_t* samples)
{
  char path[256];
  dv_error err = {""};
  dv_npy array;
  snprintf(path, sizeof path, "%s/%s.npy", GOLDEN, name);
  if (dv_npy_read(path, &array, &err)) fail_msg("%s", err.text);
  assert_int_equal(array.ndim, 2);
  assert_int_equal(array.shape[0], 2);
  dv_real* rows = malloc(array.count * sizeof *rows);
  assert_non_null(rows);
  for (size_t i = 0; i < array.count; ++i) rows[i] = (dv_real)array.data[i];
  *samples = array.shape[1];
  dv_npy_free(&array);
  return rows;
}

static double relative_error(const dv_real* got, const dv_real* want, size_t n)
{
  double error = 0.0, norm = 0.0;
  for (size_t i = 0; i < n; ++i) {
    error += pow((double)got[i] - (double)want[i], 2.0);
    norm += pow((double)want[i], 2.0);
  }
  return sqrt(error / norm);
}

/* Values from the golden manifest.  In float one sign that flips where the signals cross moves the
   dynamics gradient by 1e-4. */
static void test_golden_values_and_gradients(void** state)
{
  (void)state;
  static const double values[PARTS] = {0.7643952755852544, 0.8801196692264883, 0.39897238415937014, 0.902054243852576};
  static const char* const names[PARTS] = {"grad_mss_lr", "grad_mss_ms", "grad_mldr_lr", "grad_mldr_ms"};
  const bool is_double = sizeof(dv_real) == sizeof(double);
  if (access(GOLDEN, R_OK) != 0) {
    print_message("%s is absent: skipped\n", GOLDEN);
    skip();
  }
  size_t samples;
  dv_real *target = read_golden("target", &samples), *pred = read_golden("pred", &samples);
  dv_loss* loss = dv_loss_new(1, samples, 2, NULL);
  dv_loss_values v;
  assert_non_null(loss);
  assert_int_equal(dv_loss_set_target(loss, target, samples), DV_OK);
  assert_int_equal(dv_loss_forward(loss, pred, samples, NULL, 1, &v), DV_OK);
  for (int part = 0; part < PARTS; ++part) {
    dv_real *grad = copy(pred, 2 * samples), *want = read_golden(names[part], &samples);
    assert_close(part_of(&v, part), values[part], is_double ? 1e-12 : 1e-7, 0.0);
    dv_loss_set_weights(loss, only(part));
    assert_int_equal(dv_loss_backward(loss, grad, samples), DV_OK);
    assert_close(relative_error(grad, want, 2 * samples), 0.0, 0.0, is_double ? 1e-7 : part < 2 ? 1e-6 : 3e-4);
    free(grad);
    free(want);
  }
  dv_loss_free(loss);
  free(target);
  free(pred);
}

/* ---- combination ---- */

static void test_total_is_the_weighted_sum(void** state)
{
  const fixture* f = *state;
  dv_loss_values v;
  assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, NULL, ITEMS, &v), DV_OK);
  assert_close(v.total, v.mss_lr + 0.5 * v.mss_ms + 0.5 * v.mldr_lr + 0.25 * v.mldr_ms, 1e-15, 0.0);
  for (int part = 0; part < PARTS; ++part) {
    dv_loss_values w;
    assert_true(part_of(&v, part) > 0.0);
    dv_loss_set_weights(f->loss, only(part));
    assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, NULL, ITEMS, &w), DV_OK);
    assert_close(w.total, part_of(&v, part), 0.0, 0.0);
  }
}

static void test_gradient_is_the_weighted_sum(void** state)
{
  const fixture* f = *state;
  static const double weights[PARTS] = {1.0, 0.5, 0.5, 0.25};
  dv_real* grad = copy(f->pred, VALUES);
  dv_real* sum = calloc(VALUES, sizeof *sum);
  dv_loss_values v;
  assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, NULL, ITEMS, &v), DV_OK);
  assert_int_equal(dv_loss_backward(f->loss, grad, SAMPLES), DV_OK);
  for (int p = 0; p < PARTS; ++p) {
    dv_real* part = copy(f->pred, VALUES);
    dv_loss_set_weights(f->loss, only(p));
    assert_int_equal(dv_loss_backward(f->loss, part, SAMPLES), DV_OK);
    for (size_t i = 0; i < VALUES; ++i) sum[i] += (dv_real)weights[p] * part[i];
    free(part);
  }
  assert_close(relative_error(grad, sum, VALUES), 0.0, 0.0, 1e-6);
  free(grad);
  free(sum);
}

/* Rows may be further apart than they are long; what lies between is neither read nor written. */
static void test_stride_leaves_gaps_alone(void** state)
{
  const fixture* f = *state;
  enum { STRIDE = SAMPLES + 7 };
  dv_real *wide = calloc(2 * ITEMS * STRIDE, sizeof *wide), *grad = copy(f->pred, VALUES);
  dv_loss_values v, w;
  for (size_t i = 0; i < 2 * ITEMS * STRIDE; ++i) wide[i] = (dv_real)NAN;
  for (size_t r = 0; r < 2 * ITEMS; ++r) memcpy(wide + r * STRIDE, f->pred + r * SAMPLES, SAMPLES * sizeof *wide);
  assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, NULL, ITEMS, &v), DV_OK);
  assert_int_equal(dv_loss_backward(f->loss, grad, SAMPLES), DV_OK);
  assert_int_equal(dv_loss_forward(f->loss, wide, STRIDE, NULL, ITEMS, &w), DV_OK);
  assert_int_equal(dv_loss_backward(f->loss, wide, STRIDE), DV_OK);
  assert_memory_equal(&v, &w, sizeof v);
  for (size_t r = 0; r < 2 * ITEMS; ++r) {
    assert_rows_equal(wide + r * STRIDE, grad + r * SAMPLES, SAMPLES);
    for (size_t i = SAMPLES; i < STRIDE; ++i) assert_true(isnan(wide[r * STRIDE + i]));
  }
  free(wide);
  free(grad);
}

/* The gradient with `threads`, in memory of `lent` values. */
static dv_real* gradient_in(const fixture* f, int threads, size_t lent)
{
  enum { GUARD = 64 };
  dv_loss* loss = dv_loss_new(ITEMS, SAMPLES, threads, NULL);
  dv_real *grad = copy(f->pred, VALUES), *memory = dv_fft_alloc(lent + GUARD);
  dv_loss_values v;
  assert_true(loss && memory);
  for (size_t i = 0; i < lent + GUARD; ++i) memory[i] = 7;
  assert_int_equal(dv_loss_set_target(loss, f->target, SAMPLES), DV_OK);
  dv_loss_lend(loss, memory, lent * sizeof *memory);
  assert_int_equal(dv_loss_forward(loss, f->pred, SAMPLES, NULL, ITEMS, &v), DV_OK);
  assert_int_equal(dv_loss_backward(loss, grad, SAMPLES), DV_OK);
  for (size_t i = lent; i < lent + GUARD; ++i) assert_true(memory[i] == 7);
  dv_loss_free(loss);
  dv_fft_release(memory);
  return grad;
}

static void test_threads_and_lent_memory_do_not_change_a_bit(void** state)
{
  const fixture* f = *state;
  /* nothing; not one thread's rows; two threads' rows and a few signs; enough for all */
  static const size_t lent[] = {0, 3 * SAMPLES, 9 * SAMPLES, 40 * SAMPLES};
  dv_real* want = gradient_in(f, 1, 0);
  for (int threads = 1; threads <= 4; ++threads)
    for (size_t k = 0; k < sizeof lent / sizeof *lent; ++k) {
      dv_real* got = gradient_in(f, threads, lent[k]);
      assert_rows_equal(got, want, VALUES);
      free(got);
    }
  free(want);
}

static void test_target_rows_may_lie_anywhere(void** state)
{
  const fixture* f = *state;
  const dv_real* rows[2 * ITEMS];
  dv_real* apart[2 * ITEMS];
  dv_loss_values strided, separate;
  assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, NULL, ITEMS, &strided), DV_OK);
  for (size_t r = 0; r < 2 * ITEMS; ++r) {
    rows[r] = apart[r] = calloc(SAMPLES, sizeof *apart[r]);
    memcpy(apart[r], f->target + r * SAMPLES, SAMPLES * sizeof *apart[r]);
  }
  assert_int_equal(dv_loss_set_target_rows(f->loss, rows), DV_OK);
  assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, NULL, ITEMS, &separate), DV_OK);
  assert_memory_equal(&separate, &strided, sizeof separate);
  assert_int_equal(dv_loss_set_target(f->loss, f->target, SAMPLES), DV_OK);
  for (size_t r = 0; r < 2 * ITEMS; ++r) free(apart[r]);
}

static void test_dropping_the_end_of_rows_is_another_loss(void** state)
{
  const fixture* f = *state;
  dv_loss_values wrapped, dropped;
  assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, NULL, ITEMS, &wrapped), DV_OK);
  dv_loss_set_wrap_rows(f->loss, false);
  assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, NULL, ITEMS, &dropped), DV_OK);
  assert_true(wrapped.mldr_lr > 0.0);
  assert_true(dropped.mldr_lr == 0.0); /* rows shorter than either shift have nothing left */
  assert_close(dropped.mss_lr, wrapped.mss_lr, 0.0, 0.0);
}

/* ---- refusals ---- */

static void test_refuses_bad_calls(void** state)
{
  const fixture* f = *state;
  static const size_t beyond[1] = {ITEMS};
  dv_loss_values v;
  assert_int_equal(dv_loss_backward(f->loss, f->pred, SAMPLES), DV_ERR_ARG);
  assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, NULL, 0, &v), DV_ERR_ARG);
  assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, NULL, ITEMS + 1, &v), DV_ERR_ARG);
  assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, beyond, 1, &v), DV_ERR_ARG);
  dv_loss* fresh = dv_loss_new(1, SAMPLES, 0, NULL);
  assert_non_null(fresh);
  assert_int_equal(dv_loss_forward(fresh, f->pred, SAMPLES, NULL, 1, &v), DV_ERR_ARG);
  dv_loss_free(fresh);
}

static void test_refuses_short_signals_with_a_reason(void** state)
{
  (void)state;
  dv_error err = {""};
  assert_null(dv_loss_new(1, DV_LOSS_MIN_SAMPLES - 1, 1, &err));
  assert_non_null(strstr(err.text, "too few"));
  assert_null(dv_loss_new(1, SAMPLES, -1, &err));
}

/* Wherever it is, also where a frame's window is almost zero. */
static void test_nonfinite_samples_are_reported(void** state)
{
  const fixture* f = *state;
  static const size_t places[] = {0, 1, SAMPLES / 2, SAMPLES - 1, SAMPLES, VALUES - 1};
  const dv_real bad[] = {(dv_real)NAN, (dv_real)INFINITY, -(dv_real)INFINITY};
  dv_loss_values v;
  for (size_t p = 0; p < sizeof places / sizeof *places; ++p)
    for (size_t b = 0; b < sizeof bad / sizeof *bad; ++b) {
      const dv_real kept_pred = f->pred[places[p]], kept_target = f->target[places[p]];
      f->pred[places[p]] = bad[b];
      assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, NULL, ITEMS, &v), DV_ERR_NONFINITE);
      assert_int_equal(dv_loss_backward(f->loss, f->pred, SAMPLES), DV_ERR_ARG);
      f->pred[places[p]] = kept_pred;
      assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, NULL, ITEMS, &v), DV_OK); /* and forgotten */
      f->target[places[p]] = bad[b];
      assert_int_equal(dv_loss_set_target(f->loss, f->target, SAMPLES), DV_ERR_NONFINITE);
      assert_int_equal(dv_loss_forward(f->loss, f->pred, SAMPLES, NULL, ITEMS, &v), DV_ERR_ARG);
      f->target[places[p]] = kept_target;
      assert_int_equal(dv_loss_set_target(f->loss, f->target, SAMPLES), DV_OK);
    }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_golden_values_and_gradients),
    cmocka_unit_test_setup_teardown(test_total_is_the_weighted_sum, setup, teardown),
    cmocka_unit_test_setup_teardown(test_gradient_is_the_weighted_sum, setup, teardown),
    cmocka_unit_test_setup_teardown(test_stride_leaves_gaps_alone, setup, teardown),
    cmocka_unit_test_setup_teardown(test_threads_and_lent_memory_do_not_change_a_bit, setup, teardown),
    cmocka_unit_test_setup_teardown(test_target_rows_may_lie_anywhere, setup, teardown),
    cmocka_unit_test_setup_teardown(test_dropping_the_end_of_rows_is_another_loss, setup, teardown),
    cmocka_unit_test_setup_teardown(test_refuses_bad_calls, setup, teardown),
    cmocka_unit_test(test_refuses_short_signals_with_a_reason),
    cmocka_unit_test_setup_teardown(test_nonfinite_samples_are_reported, setup, teardown),
  };
  return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
