/* SPDX-License-Identifier: MIT */
#include "support/dv_test.h"

#include "dsp/pan.h"

static void test_pan_has_unity_gain_in_the_centre(void** state)
{
  (void)state;
  dv_pan_gains g;
  dv_pan_coeffs(0.5, &g);
  assert_close(g.left, 1.0, 1e-15, 0.0);
  assert_close(g.right, 1.0, 1e-15, 0.0);
}

static void test_pan_reaches_both_sides(void** state)
{
  (void)state;
  dv_pan_gains g;
  dv_pan_coeffs(0.0, &g);
  assert_close(g.left, sqrt(2.0), 1e-15, 0.0);
  assert_close(g.right, 0.0, 0.0, 1e-15);
  dv_pan_coeffs(1.0, &g);
  assert_close(g.left, 0.0, 0.0, 1e-15);
  assert_close(g.right, sqrt(2.0), 1e-15, 0.0);
}

static void test_pan_keeps_the_power(void** state)
{
  (void)state;
  for (int i = 0; i <= 20; ++i) {
    dv_pan_gains g;
    dv_pan_coeffs(i / 20.0, &g);
    assert_close(g.left * g.left + g.right * g.right, 2.0, 1e-14, 0.0);
  }
}

static void test_pan_vjp_is_linear_in_the_gradient(void** state)
{
  (void)state;
  const dv_pan_gains left = {1.0, 0.0}, right = {0.0, 1.0}, both = {2.0, -3.0};
  const double l = dv_pan_coeffs_vjp(0.3, &left), r = dv_pan_coeffs_vjp(0.3, &right);
  assert_true(l < 0.0 && r > 0.0);
  assert_close(dv_pan_coeffs_vjp(0.3, &both), 2.0 * l - 3.0 * r, 1e-14, 0.0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_pan_has_unity_gain_in_the_centre),
    cmocka_unit_test(test_pan_reaches_both_sides),
    cmocka_unit_test(test_pan_keeps_the_power),
    cmocka_unit_test(test_pan_vjp_is_linear_in_the_gradient),
  };
  return cmocka_run_group_tests_name("pan", tests, NULL, NULL);
}
