/* SPDX-License-Identifier: MIT */
#include "presets/cluster.h"
#include "presets/correlation.h"
#include "presets/draw.h"
#include "support/dv_test.h"

#include <stdlib.h>
#include <string.h>

/* --- Ranks --------------------------------------------------------------------------------------------------- */

static const double tied[12][2] = {{3, 2}, {1, 7}, {4, 1}, {1, 8}, {5, 2}, {9, 8},
                                   {2, 1}, {6, 8}, {5, 2}, {3, 8}, {5, 4}, {8, 5}};

/* cor.test(method = "spearman", exact = FALSE) of R 4.2.2. */
static void test_spearman_with_ties_gives_the_numbers_of_r(void** state)
{
  (void)state;
  double rho[4];
  assert_int_equal(dv_spearman(&tied[0][0], 12, 2, rho, NULL), DV_OK);
  assert_close(rho[1], 0.14157968636401572, 1e-13, 0.0);
  assert_close(rho[2], rho[1], 1e-16, 0.0);
  assert_close(rho[0], 1.0, 1e-16, 0.0);
  assert_close(dv_spearman_p(rho[1], 12), 0.66072682928682269, 1e-10, 0.0);
}

static void test_spearman_sees_only_the_order(void** state)
{
  (void)state;
  double data[60], mapped[60], a[4], b[4];
  uint64_t seed = 5;
  for (size_t i = 0; i < 60; ++i) {
    data[i] = dv_draw_normal(&seed);
    mapped[i] = i % 2 ? -exp(data[i]) : pow(data[i], 3);
  }
  assert_int_equal(dv_spearman(data, 30, 2, a, NULL), DV_OK);
  assert_int_equal(dv_spearman(mapped, 30, 2, b, NULL), DV_OK);
  assert_close(b[1], -a[1], 1e-13, 0.0);
}

static void test_a_constant_column_has_no_correlation(void** state)
{
  (void)state;
  static const double data[] = {1, 5, 2, 5, 3, 5, 9, 5};
  double rho[4];
  assert_int_equal(dv_spearman(data, 4, 2, rho, NULL), DV_OK);
  assert_true(isnan(rho[1]) && isnan(rho[3]));
  assert_true(isnan(dv_spearman_p(rho[1], 4)));
}

static void test_p_of_independent_columns_is_uniform(void** state)
{
  (void)state;
  enum { TRIALS = 1000, N = 40 };
  size_t below[10] = {0};
  uint64_t seed = 99;
  for (size_t t = 0; t < TRIALS; ++t) {
    double data[N * 2], rho[4];
    for (size_t i = 0; i < (size_t)N * 2; ++i) data[i] = dv_random_uniform(&seed);
    assert_int_equal(dv_spearman(data, N, 2, rho, NULL), DV_OK);
    ++below[(size_t)(9.999999 * dv_spearman_p(rho[1], N))];
  }
  double chi2 = 0.0;
  for (size_t i = 0; i < 10; ++i) chi2 += pow((double)below[i] - TRIALS / 10.0, 2) / (TRIALS / 10.0);
  assert_true(chi2 < 21.67); /* 1 % point, 9 degrees of freedom */
}

static void test_interval_of_a_correlation(void** state)
{
  (void)state;
  double low, high;
  dv_correlation_interval(0.5, 103, 0.95, &low, &high); /* tanh(atanh(0.5) -+ 1.959964 / 10) */
  assert_close(low, tanh(0.54930614433405489 - 0.19599639845400545), 1e-12, 0.0);
  assert_close(high, tanh(0.54930614433405489 + 0.19599639845400545), 1e-12, 0.0);
  dv_correlation_interval(0.5, 3, 0.95, &low, &high);
  assert_true(isnan(low) && isnan(high));
}

/* p.adjust of R 4.2.2. */
static void test_corrections_give_the_numbers_of_r(void** state)
{
  (void)state;
  static const double p[] = {0.01, 0.04, 0.03, 0.005, 0.9, 0.2};
  static const double holm[] = {0.05, 0.12, 0.12, 0.03, 0.9, 0.4}, fdr[] = {0.03, 0.06, 0.06, 0.03, 0.9, 0.24};
  double got[6];
  assert_int_equal(dv_adjust_holm(p, 6, got, NULL), DV_OK);
  for (size_t i = 0; i < 6; ++i) assert_close(got[i], holm[i], 1e-14, 0.0);
  assert_int_equal(dv_adjust_fdr(p, 6, got, NULL), DV_OK);
  for (size_t i = 0; i < 6; ++i) assert_close(got[i], fdr[i], 1e-14, 0.0);
}

static void test_corrections_leave_nan_out(void** state)
{
  (void)state;
  double p[] = {0.02, (double)NAN, 0.01};
  assert_int_equal(dv_adjust_holm(p, 3, p, NULL), DV_OK);
  assert_close(p[0], 0.02, 1e-15, 0.0);
  assert_close(p[2], 0.02, 1e-15, 0.0);
  assert_true(isnan(p[1]));
}

static void test_groups_are_the_ten_effects(void** state)
{
  (void)state;
  static const char* const names[] = {"PK1", "PK2", "LS", "HS", "LP", "HP", "COMP", "DLY", "FDN", "SEND"};
  static const int sizes[] = {3, 3, 2, 2, 2, 2, 9, 7, 98, 2};
  int found[DV_EFFECT_GROUPS] = {0};
  for (int k = 0; k < DV_EFFECTIVE_COUNT; ++k) ++found[dv_effect_group(k)];
  for (int g = 0; g < DV_EFFECT_GROUPS; ++g) {
    assert_string_equal(dv_effect_group_name(g), names[g]);
    assert_int_equal(found[g], sizes[g]);
  }
}

/* --- Clusters ------------------------------------------------------------------------------------------------ */

enum { ITEMS = 8 };

static double example(size_t i, size_t j)
{
  const double a = (double)((i * i * 5 + 3 * i) % 11), b = (double)((j * j * 5 + 3 * j) % 11);
  return fabs(a - b) + fabs((double)i - (double)j) / 4.0;
}

/* hclust(method = "ward.D2") of R 4.2.2. */
static void test_ward_gives_the_tree_of_r(void** state)
{
  (void)state;
  static const double heights[] = {
    0.5, 1.0, 1.5, 2.8284271247461903, 3.4641016151377544, 6.1318838867023571, 13.9337719229216610};
  static const size_t left[] = {2, 1, 0, 3, 7, 8, 11}, right[] = {4, 5, 6, 9, 10, 12, 13};
  double d[ITEMS * ITEMS];
  dv_merge merges[ITEMS - 1];
  for (size_t i = 0; i < ITEMS; ++i)
    for (size_t j = 0; j < ITEMS; ++j) d[i * ITEMS + j] = example(i, j);
  assert_int_equal(dv_ward(d, ITEMS, merges, NULL), DV_OK);
  for (size_t k = 0; k + 1 < ITEMS; ++k) {
    assert_close(merges[k].height, heights[k], 1e-13, 0.0);
    assert_int_equal(merges[k].left, left[k]);
    assert_int_equal(merges[k].right, right[k]);
  }
  assert_int_equal(merges[ITEMS - 2].size, ITEMS);
}

static void test_ward_keeps_clusters_together(void** state)
{
  (void)state;
  enum { N = 30 };
  static double d[N * N];
  dv_merge merges[N - 1];
  size_t order[N];
  bool seen[N] = {false};
  for (size_t i = 0; i < N; ++i)
    for (size_t j = 0; j < N; ++j) d[i * N + j] = i % 3 == j % 3 ? 0.1 * (i != j) : 5.0; /* three of ten */
  assert_int_equal(dv_ward(d, N, merges, NULL), DV_OK);
  dv_ward_order(merges, N, order);
  size_t changes = 0;
  for (size_t i = 0; i < N; ++i) {
    assert_false(seen[order[i]]);
    seen[order[i]] = true;
    changes += i && order[i] % 3 != order[i - 1] % 3;
  }
  assert_int_equal(changes, 2);
}

static void test_ward_heights_rise_and_do_not_depend_on_names(void** state)
{
  (void)state;
  enum { N = 25 };
  double d[N * N], turned[N * N];
  dv_merge a[N - 1], b[N - 1];
  uint64_t seed = 17;
  for (size_t i = 0; i < N; ++i)
    for (size_t j = 0; j <= i; ++j) d[i * N + j] = d[j * N + i] = i == j ? 0.0 : dv_random_uniform(&seed);
  for (size_t i = 0; i < N; ++i)
    for (size_t j = 0; j < N; ++j) turned[(i * 7 % N) * N + j * 7 % N] = d[i * N + j];
  assert_int_equal(dv_ward(d, N, a, NULL), DV_OK);
  assert_int_equal(dv_ward(turned, N, b, NULL), DV_OK);
  for (size_t k = 0; k + 1 < N; ++k) {
    assert_close(a[k].height, b[k].height, 1e-12, 0.0);
    assert_true(!k || a[k].height >= a[k - 1].height);
  }
}

static void test_ward_refuses_distances_that_are_none(void** state)
{
  (void)state;
  dv_merge merge;
  const double bad[][4] = {{0, -1, -1, 0}, {0, (double)NAN, 0, 0}, {0, (double)INFINITY, 0, 0}};
  for (size_t i = 0; i < 3; ++i) assert_int_equal(dv_ward(bad[i], 2, &merge, NULL), DV_ERR_ARG);
  assert_int_equal(dv_ward(bad[0], 0, &merge, NULL), DV_ERR_ARG);
  assert_int_equal(dv_ward(bad[0], 1, &merge, NULL), DV_OK);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_spearman_with_ties_gives_the_numbers_of_r),
    cmocka_unit_test(test_spearman_sees_only_the_order),
    cmocka_unit_test(test_a_constant_column_has_no_correlation),
    cmocka_unit_test(test_p_of_independent_columns_is_uniform),
    cmocka_unit_test(test_interval_of_a_correlation),
    cmocka_unit_test(test_corrections_give_the_numbers_of_r),
    cmocka_unit_test(test_corrections_leave_nan_out),
    cmocka_unit_test(test_groups_are_the_ten_effects),
    cmocka_unit_test(test_ward_gives_the_tree_of_r),
    cmocka_unit_test(test_ward_keeps_clusters_together),
    cmocka_unit_test(test_ward_heights_rise_and_do_not_depend_on_names),
    cmocka_unit_test(test_ward_refuses_distances_that_are_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
