/* SPDX-License-Identifier: MIT */
#include "support/dv_test.h"

#include "dsp/expm.h"

enum { N = 6, SIZE = N * N };

static void fill(double* a, double scale, uint64_t seed)
{
  for (int i = 0; i < SIZE; ++i) a[i] = scale * dv_rand(&seed);
}

static void make_skew(double* a)
{
  for (int i = 0; i < N; ++i)
    for (int j = 0; j <= i; ++j) a[i * N + j] = i == j ? 0.0 : -a[j * N + i];
}

static void multiply(const double* a, const double* b, double* out)
{
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < N; ++j) {
      out[i * N + j] = 0.0;
      for (int k = 0; k < N; ++k) out[i * N + j] += a[i * N + k] * b[k * N + j];
    }
}

static void assert_identity(const double* a, double tolerance)
{
  for (int i = 0; i < SIZE; ++i) assert_close(a[i], i / N == i % N ? 1.0 : 0.0, 0.0, tolerance);
}

static void test_expm_of_zero_is_the_identity(void** state)
{
  (void)state;
  const double zero[SIZE] = {0};
  double e[SIZE];
  dv_expm(N, zero, e);
  assert_identity(e, 0.0);
}

static void test_expm_of_a_diagonal(void** state)
{
  (void)state;
  double a[SIZE] = {0}, e[SIZE];
  for (int i = 0; i < N; ++i) a[i * N + i] = 3.0 * i - 8.0;
  dv_expm(N, a, e);
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < N; ++j) assert_close(e[i * N + j], i == j ? exp(3.0 * i - 8.0) : 0.0, 1e-12, 0.0);
}

static void test_expm_of_a_rotation(void** state)
{
  (void)state;
  for (double angle = 1e-9; angle < 100.0; angle *= 7.0) {
    const double a[4] = {0.0, -angle, angle, 0.0};
    double e[4];
    dv_expm(2, a, e);
    assert_close(e[0], cos(angle), 0.0, 1e-13 * (1.0 + angle));
    assert_close(e[2], sin(angle), 0.0, 1e-13 * (1.0 + angle));
    assert_close(e[1], -e[2], 0.0, 1e-15);
  }
}

static void test_expm_of_skew_is_orthogonal(void** state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    double a[SIZE], e[SIZE], transposed[SIZE], product[SIZE];
    fill(a, seed < 10 ? 1.0 : 20.0, seed);
    make_skew(a);
    dv_expm(N, a, e);
    for (int i = 0; i < SIZE; ++i) transposed[i] = e[i % N * N + i / N];
    multiply(e, transposed, product);
    assert_identity(product, 1e-12);
  }
}

static void test_expm_of_the_negative_is_the_inverse(void** state)
{
  (void)state;
  double a[SIZE], minus[SIZE], e[SIZE], inverse[SIZE], product[SIZE];
  fill(a, 1.0, 3);
  for (int i = 0; i < SIZE; ++i) minus[i] = -a[i];
  dv_expm(N, a, e);
  dv_expm(N, minus, inverse);
  multiply(e, inverse, product);
  assert_identity(product, 1e-12);
}

/* d<g, expm(a)>/da against 4-point differences. */
static void test_expm_vjp_matches_finite_differences(void** state)
{
  (void)state;
  const double h = 1e-3;
  double a[SIZE], g[SIZE], ga[SIZE], e[SIZE];
  fill(a, 1.5, 4);
  fill(g, 1.0, 5);
  dv_expm_vjp(N, a, g, ga);
  for (int i = 0; i < SIZE; ++i) {
    static const double at[4] = {-2, -1, 1, 2}, weight[4] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
    const double centre = a[i];
    double finite = 0.0;
    for (int k = 0; k < 4; ++k) {
      a[i] = centre + at[k] * h;
      dv_expm(N, a, e);
      for (int j = 0; j < SIZE; ++j) finite += weight[k] / h * g[j] * e[j];
    }
    a[i] = centre;
    assert_close(ga[i], finite, 1e-8, 1e-8);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_expm_of_zero_is_the_identity),
    cmocka_unit_test(test_expm_of_a_diagonal),
    cmocka_unit_test(test_expm_of_a_rotation),
    cmocka_unit_test(test_expm_of_skew_is_orthogonal),
    cmocka_unit_test(test_expm_of_the_negative_is_the_inverse),
    cmocka_unit_test(test_expm_vjp_matches_finite_differences),
  };
  return cmocka_run_group_tests_name("expm", tests, NULL, NULL);
}
