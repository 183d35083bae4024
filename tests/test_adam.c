/* SPDX-License-Identifier: MIT */
#include "support/dv_test.h"

#include "estimator/adam.h"

#include <string.h>

enum { N = 3 };

/* Gradient of theta0^2 + theta1^3 + 5e-7 (theta2 - 1)^2; the last is small enough for epsilon to matter. */
static void gradient_at(const double* theta, double* g)
{
  g[0] = 2.0 * theta[0];
  g[1] = 3.0 * theta[1] * theta[1];
  g[2] = 1e-6 * (theta[2] - 1.0);
}

static void run(dv_adam* adam, double* theta, int steps)
{
  for (int i = 0; i < steps; ++i) {
    double g[N];
    gradient_at(theta, g);
    assert_int_equal(dv_adam_step(adam, &dv_adam_default_options, g, theta), DV_OK);
  }
}

/* Computed with 50 decimal digits from the published formula. */
static void test_steps_equal_the_published_formula(void** state)
{
  (void)state;
  static const struct {
    int steps;
    double theta[N];
  } want[] = {{1, {0.99000000004999999975, -2.0099999999916666666, 0.50980392156862745098}},
              {3, {0.97001009937839987911, -2.0300090561441169654, 0.52938560249882217980}},
              {10, {0.90034965400598723827, -2.1003020295170210460, 0.59722365799540093253}}};
  for (size_t k = 0; k < sizeof want / sizeof *want; ++k) {
    double m[N], v[N], theta[N] = {1.0, -2.0, 0.5};
    dv_adam adam;
    dv_adam_init(&adam, N, m, v);
    run(&adam, theta, want[k].steps);
    assert_int_equal(adam.step, want[k].steps);
    for (int i = 0; i < N; ++i) assert_close(theta[i], want[k].theta[i], 1e-14, 0.0);
  }
}

static void test_restored_state_continues_bit_for_bit(void** state)
{
  (void)state;
  double m[N], v[N], theta[N] = {1.0, -2.0, 0.5}, m2[N], v2[N], theta2[N];
  dv_adam adam;
  dv_adam_init(&adam, N, m, v);
  run(&adam, theta, 7);
  memcpy(m2, m, sizeof m);
  memcpy(v2, v, sizeof v);
  memcpy(theta2, theta, sizeof theta);
  dv_adam restored = {.step = adam.step, .n = N, .m = m2, .v = v2};
  run(&adam, theta, 20);
  run(&restored, theta2, 20);
  assert_memory_equal(theta, theta2, sizeof theta);
  assert_memory_equal(m, m2, sizeof m);
  assert_memory_equal(v, v2, sizeof v);
}

static void test_refusal_changes_nothing(void** state)
{
  (void)state;
  double m[N], v[N], theta[N] = {1.0, -2.0, 0.5};
  const double before[N] = {1.0, -2.0, 0.5}, bad[N] = {1.0, (double)NAN, 0.0}, fine[N] = {1.0, 1.0, 1.0};
  dv_adam adam;
  dv_adam_init(&adam, N, m, v);
  assert_int_equal(dv_adam_step(&adam, &dv_adam_default_options, bad, theta), DV_ERR_NONFINITE);
  static const dv_adam_options wrong[] = {
    {-1.0, 0.9, 0.999, 1e-8}, {0.01, 1.0, 0.999, 1e-8}, {0.01, 0.9, -0.1, 1e-8}, {0.01, 0.9, 0.999, -1.0}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i)
    assert_int_equal(dv_adam_step(&adam, &wrong[i], fine, theta), DV_ERR_ARG);
  const dv_adam_options nan = {(double)NAN, 0.9, 0.999, 1e-8};
  assert_int_equal(dv_adam_step(&adam, &nan, fine, theta), DV_ERR_ARG);
  assert_memory_equal(theta, before, sizeof theta);
  assert_int_equal(adam.step, 0);
  for (int i = 0; i < N; ++i) assert_true(m[i] == 0.0 && v[i] == 0.0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_steps_equal_the_published_formula),
    cmocka_unit_test(test_restored_state_continues_bit_for_bit),
    cmocka_unit_test(test_refusal_changes_nothing),
  };
  return cmocka_run_group_tests_name("adam", tests, NULL, NULL);
}
