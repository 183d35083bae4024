/* SPDX-License-Identifier: MIT */
#include "support/dv_test.h"

#include "dsp/delay_response.h"
#include "dsp/fft.h"

#include <stdlib.h>
#include <string.h>

#define RATE_HZ 2000.0
enum { N = 8000 }; /* 4 s */
#define EPS (sizeof(dv_real) == 4 ? 2e-6 : 1e-12)

/* Echoes without a low-pass, T in samples. */
static dv_delay_coefs plain(double delay_samples, double feedback)
{
  return (dv_delay_coefs){.delay_samples = delay_samples, .feedback = feedback, .gain = 1.0, .lowpass = {.b0 = 1.0}};
}

static void respond(const dv_delay_coefs* c, dv_real* odd, dv_real* even)
{
  dv_delay_response* r = dv_delay_response_new(RATE_HZ, N);
  assert_non_null(r);
  assert_int_equal(dv_delay_response_length(r), N);
  dv_delay_response_forward(r, c, odd, even);
  dv_delay_response_free(r);
}

static void test_echoes_come_at_multiples_of_the_delay(void** state)
{
  (void)state;
  _Alignas(64) static dv_real odd[N], even[N];
  const dv_delay_coefs c = plain(700.0, 0.8);
  respond(&c, odd, even);
  for (int n = 0; n < N; ++n) {
    const int echo = n % 700 ? 0 : n / 700; /* echo k has the level fb^(k-1); N / 701 = 11 of them */
    const double level = echo >= 1 && echo <= 11 ? pow(0.8, echo - 1) : 0.0;
    assert_close((double)odd[n], echo % 2 ? level : 0.0, 0.0, EPS);
    assert_close((double)even[n], echo % 2 ? 0.0 : level, 0.0, EPS);
  }
}

static void test_no_feedback_leaves_one_echo(void** state)
{
  (void)state;
  _Alignas(64) static dv_real odd[N], even[N];
  const dv_delay_coefs c = plain(333.0, 0.0);
  respond(&c, odd, even);
  for (int n = 0; n < N; ++n) {
    assert_close((double)odd[n], n == 333 ? 1.0 : 0.0, 0.0, EPS);
    assert_close((double)even[n], 0.0, 0.0, EPS);
  }
}

static void test_a_fractional_delay_is_a_sinc(void** state)
{
  (void)state;
  _Alignas(64) static dv_real odd[N], even[N];
  const dv_delay_coefs c = plain(450.3, 0.0);
  respond(&c, odd, even);
  for (int n = 0; n < N; ++n) assert_close((double)odd[n], sin(M_PI * (n - 450.3)) / (M_PI * (n - 450.3)), 0.0, EPS);
}

/* The first echo has passed the low-pass once, the second twice. */
static void test_echoes_pass_the_lowpass(void** state)
{
  (void)state;
  _Alignas(64) static dv_real odd[N], even[N];
  dv_delay_coefs c = plain(2600.0, 0.5);
  dv_lowpass_coeffs(&(dv_pass_params){300.0, 1.3}, RATE_HZ, &c.lowpass);
  respond(&c, odd, even);
  double s1[2] = {0.0, 0.0}, s2[2] = {0.0, 0.0};
  for (int n = 0; n < 2000; ++n) {
    double v = n == 0 ? 1.0 : 0.0, passed[2];
    for (int k = 0; k < 2; ++k) {
      const double out = c.lowpass.b0 * v + s1[k];
      s1[k] = c.lowpass.b1 * v - c.lowpass.a1 * out + s2[k];
      s2[k] = c.lowpass.b2 * v - c.lowpass.a2 * out;
      v = passed[k] = out;
    }
    assert_close((double)odd[2600 + n], passed[0], 0.0, EPS);
    assert_close((double)even[5200 + n], 0.5 * passed[1], 0.0, EPS);
  }
}

static void test_keep_only_shortens(void** state)
{
  (void)state;
  _Alignas(64) static dv_real odd[N], even[N], odd_short[N], even_short[N];
  dv_delay_coefs c = plain(40.7, 0.6);
  dv_delay_response* r = dv_delay_response_new(RATE_HZ, 100);
  assert_non_null(r);
  assert_int_equal(dv_delay_response_length(r), 100);
  dv_delay_response_forward(r, &c, odd_short, even_short);
  dv_delay_response_free(r);
  respond(&c, odd, even);
  assert_memory_equal(odd, odd_short, 100 * sizeof *odd);
  assert_memory_equal(even, even_short, 100 * sizeof *even);
}

static void test_every_rate_has_four_seconds(void** state)
{
  (void)state;
  static const double rates[] = {8000.0, 44100.0, 48000.0};
  for (size_t i = 0; i < sizeof rates / sizeof *rates; ++i) {
    dv_delay_response* r = dv_delay_response_new(rates[i], SIZE_MAX);
    assert_non_null(r);
    assert_int_equal(dv_delay_response_length(r), (size_t)(4.0 * rates[i]));
    dv_delay_response_free(r);
  }
}

typedef struct {
  dv_delay_coefs c, exact, train, twice;
  double exact_damp, train_damp;
} gradients;

static void test_training_changes_the_delays_gradient_only_and_backward_adds(void** state)
{
  (void)state;
  _Alignas(64) static dv_real odd[N], even[N], g_odd[N], g_even[N];
  uint64_t seed = 41;
  gradients g = {.c = plain(500.4, 0.7)};
  dv_lowpass_coeffs(&(dv_pass_params){600.0, 0.8}, RATE_HZ, &g.c.lowpass);
  for (int n = 0; n < N; ++n) {
    g_odd[n] = (dv_real)dv_rand(&seed);
    g_even[n] = (dv_real)dv_rand(&seed);
  }
  dv_delay_response* r = dv_delay_response_new(RATE_HZ, N);
  assert_non_null(r);
  dv_delay_response_forward(r, &g.c, odd, even);
  dv_delay_response_backward(r, &g.c, DV_DELAY_EXACT, -0.01, g_odd, g_even, &g.exact, &g.exact_damp);
  dv_delay_response_backward(r, &g.c, DV_DELAY_TRAIN, -0.01, g_odd, g_even, &g.train, &g.train_damp);
  assert_true(g.exact_damp == 0.0 && g.train_damp != 0.0);
  assert_true(g.exact.delay_samples != g.train.delay_samples);
  assert_true(g.exact.feedback == g.train.feedback);
  assert_memory_equal(&g.exact.lowpass, &g.train.lowpass, sizeof g.exact.lowpass);
  double damp = 0.0;
  for (int i = 0; i < 2; ++i)
    dv_delay_response_backward(r, &g.c, DV_DELAY_TRAIN, -0.01, g_odd, g_even, &g.twice, &damp);
  assert_close(g.twice.delay_samples, 2.0 * g.train.delay_samples, 1e-14, 0.0);
  assert_close(g.twice.lowpass.a1, 2.0 * g.train.lowpass.a1, 1e-14, 0.0);
  assert_close(damp, 2.0 * g.train_damp, 1e-14, 0.0);
  dv_delay_response_free(r);
}

/* A spectrum with a bin of exactly zero is where magnitude-and-angle powers fail. */
static void test_a_silent_pulse_has_finite_gradients(void** state)
{
  (void)state;
  _Alignas(64) static dv_real odd[N], even[N], g[N];
  dv_delay_coefs c = plain(500.0, 0.7), gc = {0};
  double damp = 0.0;
  c.lowpass = (dv_biquad){0};
  for (int n = 0; n < N; ++n) g[n] = 1;
  dv_delay_response* r = dv_delay_response_new(RATE_HZ, N);
  assert_non_null(r);
  dv_delay_response_forward(r, &c, odd, even);
  dv_delay_response_backward(r, &c, DV_DELAY_TRAIN, -0.01, g, g, &gc, &damp);
  assert_true(isfinite(gc.delay_samples) && isfinite(gc.feedback) && isfinite(gc.lowpass.b0) && isfinite(damp));
  dv_delay_response_free(r);
}

static void test_coefficient_gradients_match_finite_differences(void** state)
{
  (void)state;
  const dv_delay_coefs gc = {0.01, -0.3, 0.8, {1.0, -0.5, 0.2, 0.7, -1.1}, {0.4, -0.6}, {1.2, 0.9}};
  dv_delay_params p = {321.0, 0.4, 0.6, {5000.0, 0.9}, 0.2, 0.7}, gp = {0};
  dv_delay_coeffs_vjp(&p, 44100.0, &gc, &gp);
  double *at = (double*)&p, *grad = (double*)&gp;
  for (size_t i = 0; i < sizeof p / sizeof(double); ++i) {
    double value[2] = {0.0, 0.0};
    const double centre = at[i], h = 1e-5 * centre;
    for (int side = 0; side < 2; ++side) {
      dv_delay_coefs c;
      at[i] = centre + (side ? h : -h);
      dv_delay_coeffs(&p, 44100.0, &c);
      for (size_t k = 0; k < sizeof c / sizeof(double); ++k) value[side] += ((const double*)&gc)[k] * ((double*)&c)[k];
    }
    at[i] = centre;
    assert_close(grad[i], (value[1] - value[0]) / (2.0 * h), 1e-6, 1e-9);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_echoes_come_at_multiples_of_the_delay),
    cmocka_unit_test(test_no_feedback_leaves_one_echo),
    cmocka_unit_test(test_a_fractional_delay_is_a_sinc),
    cmocka_unit_test(test_echoes_pass_the_lowpass),
    cmocka_unit_test(test_keep_only_shortens),
    cmocka_unit_test(test_every_rate_has_four_seconds),
    cmocka_unit_test(test_training_changes_the_delays_gradient_only_and_backward_adds),
    cmocka_unit_test(test_a_silent_pulse_has_finite_gradients),
    cmocka_unit_test(test_coefficient_gradients_match_finite_differences),
  };
  return cmocka_run_group_tests_name("delay", tests, NULL, NULL);
}
