/* SPDX-License-Identifier: MIT */
#include "support/dv_test.h"

#include "dsp/biquad.h"

#include <stdlib.h>
#include <string.h>

enum { N = 500, REALS = N * DV_LANES };
static const double RATE_HZ = 44100.0;
#define EPS (sizeof(dv_real) == 4 ? 1e-5 : 1e-12)

static dv_biquad bands[5];

static int setup(void** state)
{
  (void)state;
  dv_peak_coeffs(&(dv_peak_params){6.0, 1000.0, 0.7}, RATE_HZ, &bands[0]);
  dv_lowshelf_coeffs(&(dv_shelf_params){-4.0, 150.0}, RATE_HZ, &bands[1]);
  dv_highshelf_coeffs(&(dv_shelf_params){9.0, 5000.0}, RATE_HZ, &bands[2]);
  dv_lowpass_coeffs(&(dv_pass_params){9000.0, 2.0}, RATE_HZ, &bands[3]);
  dv_highpass_coeffs(&(dv_pass_params){80.0, 0.8}, RATE_HZ, &bands[4]);
  return 0;
}

static void fill(dv_real* x, size_t n, uint64_t seed)
{
  for (size_t i = 0; i < n; ++i) x[i] = (dv_real)dv_rand(&seed);
}

static double dot(const dv_real* a, const dv_real* b, size_t n)
{
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += (double)a[i] * (double)b[i];
  return sum;
}

static void test_bands_have_their_known_gains(void** state)
{
  (void)state;
  assert_close(dv_biquad_gain_db(&bands[0], 1000.0, RATE_HZ), 6.0, 0.0, 1e-9);
  assert_close(dv_biquad_gain_db(&bands[0], 0.0, RATE_HZ), 0.0, 0.0, 1e-9);
  assert_close(dv_biquad_gain_db(&bands[1], 0.0, RATE_HZ), -4.0, 0.0, 1e-7);
  assert_close(dv_biquad_gain_db(&bands[1], 150.0, RATE_HZ), -2.0, 0.0, 1e-9);
  assert_close(dv_biquad_gain_db(&bands[1], 22050.0, RATE_HZ), 0.0, 0.0, 1e-9);
  assert_close(dv_biquad_gain_db(&bands[2], 22050.0, RATE_HZ), 9.0, 0.0, 1e-9);
  assert_close(dv_biquad_gain_db(&bands[2], 5000.0, RATE_HZ), 4.5, 0.0, 1e-9);
  assert_close(dv_biquad_gain_db(&bands[2], 0.0, RATE_HZ), 0.0, 0.0, 1e-9);
  assert_close(dv_biquad_gain_db(&bands[3], 9000.0, RATE_HZ), 20.0 * log10(2.0), 0.0, 1e-9);
  assert_close(dv_biquad_gain_db(&bands[3], 0.0, RATE_HZ), 0.0, 0.0, 1e-9);
  assert_close(dv_biquad_gain_db(&bands[4], 80.0, RATE_HZ), 20.0 * log10(0.8), 0.0, 1e-6);
  assert_close(dv_biquad_gain_db(&bands[4], 22050.0, RATE_HZ), 0.0, 0.0, 1e-9);
}

static void test_zero_gain_is_transparent(void** state)
{
  (void)state;
  dv_biquad c[3];
  dv_peak_coeffs(&(dv_peak_params){0.0, 700.0, 3.0}, RATE_HZ, &c[0]);
  dv_lowshelf_coeffs(&(dv_shelf_params){0.0, 100.0}, RATE_HZ, &c[1]);
  dv_highshelf_coeffs(&(dv_shelf_params){0.0, 8000.0}, RATE_HZ, &c[2]);
  for (int i = 0; i < 3; ++i)
    for (double f = 10.0; f < 22000.0; f *= 2.0) assert_close(dv_biquad_gain_db(&c[i], f, RATE_HZ), 0.0, 0.0, 1e-6);
}

/* Poles inside the unit circle: |a2| < 1 and |a1| < 1 + a2. */
static void test_bands_are_stable_all_over_their_ranges(void** state)
{
  (void)state;
  uint64_t seed = 11;
  for (int i = 0; i < 2000; ++i) {
    const double freq = 16.0 * pow(1500.0, 0.5 * (dv_rand(&seed) + 1.0));
    const double q = 0.1 * pow(300.0, 0.5 * (dv_rand(&seed) + 1.0));
    const double gain = 60.0 * dv_rand(&seed), rate = i % 2 ? 8000.0 : 44100.0;
    dv_biquad c[5];
    dv_peak_coeffs(&(dv_peak_params){gain, freq, q}, rate, &c[0]);
    dv_lowshelf_coeffs(&(dv_shelf_params){gain, freq}, rate, &c[1]);
    dv_highshelf_coeffs(&(dv_shelf_params){gain, freq}, rate, &c[2]);
    dv_lowpass_coeffs(&(dv_pass_params){freq, q}, rate, &c[3]);
    dv_highpass_coeffs(&(dv_pass_params){freq, q}, rate, &c[4]);
    for (int k = 0; k < 5; ++k) {
      assert_true(fabs(c[k].a2) < 1.0);
      assert_true(fabs(c[k].a1) < 1.0 + c[k].a2);
    }
  }
}

static void test_frequency_is_clamped_below_half_the_rate(void** state)
{
  (void)state;
  dv_biquad clamped, at_limit;
  dv_pass_params g = {0};
  const dv_biquad gc = {1, 2, 3, 4, 5};
  dv_lowpass_coeffs(&(dv_pass_params){18000.0, 1.0}, 8000.0, &clamped);
  dv_lowpass_coeffs(&(dv_pass_params){DV_MAX_FREQ_RATIO * 8000.0, 1.0}, 8000.0, &at_limit);
  assert_memory_equal(&clamped, &at_limit, sizeof clamped);
  dv_lowpass_coeffs_vjp(&(dv_pass_params){18000.0, 1.0}, 8000.0, &gc, &g);
  assert_true(g.freq_hz == 0.0);
  assert_true(g.q != 0.0);
}

/* One section written plainly, in double. */
static void reference_section(const dv_biquad* c, const double* x, double* y, size_t n)
{
  for (size_t i = 0; i < n; ++i)
    y[i] = c->b0 * x[i] + (i > 0 ? c->b1 * x[i - 1] - c->a1 * y[i - 1] : 0.0) +
           (i > 1 ? c->b2 * x[i - 2] - c->a2 * y[i - 2] : 0.0);
}

static void test_cascade_equals_sections_in_series(void** state)
{
  (void)state;
  dv_real x[REALS], y[REALS], tape[5 * REALS];
  fill(x, REALS, 12);
  for (int sections = 1; sections <= 5; ++sections) {
    dv_cascade_state memory = {0};
    dv_cascade_forward(bands, sections, x, y, N, &memory, tape);
    assert_memory_equal(y, tape + (sections - 1) * REALS, sizeof y);
    for (size_t lane = 0; lane < DV_LANES; ++lane) {
      double a[N], b[N];
      for (size_t i = 0; i < N; ++i) a[i] = (double)x[i * DV_LANES + lane];
      for (int k = 0; k < sections; ++k) {
        reference_section(&bands[k], a, b, N);
        memcpy(a, b, sizeof a);
      }
      for (size_t i = 0; i < N; ++i) assert_close((double)y[i * DV_LANES + lane], a[i], EPS, EPS);
    }
  }
}

static void test_cascade_goes_on_from_its_state(void** state)
{
  (void)state;
  dv_real x[REALS], whole[REALS], parts[REALS];
  dv_cascade_state once = {0}, pieces = {0};
  fill(x, REALS, 13);
  dv_cascade_forward(bands, 5, x, whole, N, &once, NULL);
  for (size_t at = 0, n = 1; at < N; at += n, n = n * 2 + 1) {
    const size_t count = N - at < n ? N - at : n;
    dv_cascade_forward(bands, 5, x + at * DV_LANES, parts + at * DV_LANES, count, &pieces, NULL);
  }
  assert_memory_equal(whole, parts, sizeof whole);
  assert_memory_equal(&once, &pieces, sizeof once);
}

static void test_cascade_works_in_place(void** state)
{
  (void)state;
  dv_real x[REALS], y[REALS];
  dv_cascade_state a = {0}, b = {0};
  fill(x, REALS, 14);
  dv_cascade_forward(bands, 4, x, y, N, &a, NULL);
  dv_cascade_forward(bands, 4, x, x, N, &b, NULL);
  assert_memory_equal(x, y, sizeof x);
}

static void test_lanes_do_not_touch_each_other(void** state)
{
  (void)state;
  dv_real x[REALS], y[REALS], alone[REALS];
  fill(x, REALS, 15);
  dv_cascade_state a = {0};
  dv_cascade_forward(bands, 5, x, y, N, &a, NULL);
  for (size_t i = 0; i < REALS; ++i)
    if (i % DV_LANES != 2) x[i] = 0;
  dv_cascade_state b = {0};
  dv_cascade_forward(bands, 5, x, alone, N, &b, NULL);
  for (size_t i = 0; i < REALS; ++i) assert_true(alone[i] == (i % DV_LANES == 2 ? y[i] : 0));
}

static void test_backward_input_is_the_adjoint(void** state) /* <w, J x> = <J' w, x> */
{
  (void)state;
  dv_real x[REALS], w[REALS], gx[REALS] = {0}, tape[5 * REALS];
  dv_cascade_state memory = {0};
  dv_biquad gc[5] = {{0}};
  fill(x, REALS, 16);
  fill(w, REALS, 17);
  dv_cascade_forward(bands, 5, x, tape + 4 * REALS, N, &memory, tape);
  dv_cascade_backward(bands, 5, x, tape, w, gx, N, gc);
  assert_close(dot(gx, x, REALS), dot(w, tape + 4 * REALS, REALS), EPS, EPS);
}

static void test_backward_adds(void** state)
{
  (void)state;
  dv_real x[REALS], w[REALS], once[REALS] = {0}, twice[REALS] = {0}, tape[2 * REALS];
  dv_cascade_state memory = {0};
  dv_biquad c1[2] = {{0}}, c2[2] = {{0}};
  fill(x, REALS, 18);
  fill(w, REALS, 19);
  dv_cascade_forward(bands, 2, x, tape + REALS, N, &memory, tape);
  dv_cascade_backward(bands, 2, x, tape, w, once, N, c1);
  dv_cascade_backward(bands, 2, x, tape, w, twice, N, c2);
  dv_cascade_backward(bands, 2, x, tape, w, twice, N, c2);
  for (size_t i = 0; i < REALS; ++i) assert_close((double)twice[i], 2.0 * (double)once[i], EPS, 0.0);
  for (int k = 0; k < 2; ++k) {
    assert_close(c2[k].b1, 2.0 * c1[k].b1, 1e-12, 0.0);
    assert_close(c2[k].a2, 2.0 * c1[k].a2, 1e-12, 0.0);
  }
}

static void test_coefficient_gradients_add(void** state)
{
  (void)state;
  const dv_biquad gc = {0.3, -1.0, 0.7, 2.0, -0.4};
  const dv_peak_params p = {3.0, 500.0, 1.0};
  dv_peak_params once = {0}, twice = {0};
  dv_peak_coeffs_vjp(&p, RATE_HZ, &gc, &once);
  dv_peak_coeffs_vjp(&p, RATE_HZ, &gc, &twice);
  dv_peak_coeffs_vjp(&p, RATE_HZ, &gc, &twice);
  assert_close(twice.gain_db, 2.0 * once.gain_db, 1e-15, 0.0);
  assert_close(twice.freq_hz, 2.0 * once.freq_hz, 1e-15, 0.0);
  assert_close(twice.q, 2.0 * once.q, 1e-15, 0.0);
}

static void test_silent_lanes_add_no_gradient(void** state)
{
  (void)state;
  dv_real x[REALS], w[REALS], tape[REALS];
  dv_biquad all = {0}, one = {0};
  fill(x, REALS, 20);
  fill(w, REALS, 21);
  for (int pass = 0; pass < 2; ++pass) {
    dv_cascade_state memory = {0};
    for (size_t i = 0; i < REALS; ++i)
      if (i % DV_LANES != 1) x[i] = 0;
    if (pass == 1)
      for (size_t i = 0; i < REALS; ++i)
        if (i % DV_LANES != 1) w[i] = 0;
    dv_cascade_forward(bands, 1, x, tape, N, &memory, tape);
    dv_cascade_backward(bands, 1, x, tape, w, NULL, N, pass ? &one : &all);
  }
  assert_close(all.b0, one.b0, 1e-15, 0.0);
  assert_close(all.a1, one.a1, 1e-15, 0.0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(test_bands_have_their_known_gains, setup),
    cmocka_unit_test(test_zero_gain_is_transparent),
    cmocka_unit_test(test_bands_are_stable_all_over_their_ranges),
    cmocka_unit_test(test_frequency_is_clamped_below_half_the_rate),
    cmocka_unit_test_setup(test_cascade_equals_sections_in_series, setup),
    cmocka_unit_test_setup(test_cascade_goes_on_from_its_state, setup),
    cmocka_unit_test_setup(test_cascade_works_in_place, setup),
    cmocka_unit_test_setup(test_lanes_do_not_touch_each_other, setup),
    cmocka_unit_test_setup(test_backward_input_is_the_adjoint, setup),
    cmocka_unit_test_setup(test_backward_adds, setup),
    cmocka_unit_test(test_coefficient_gradients_add),
    cmocka_unit_test_setup(test_silent_lanes_add_no_gradient, setup),
  };
  return cmocka_run_group_tests_name("biquad", tests, NULL, NULL);
}
