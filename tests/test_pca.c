/* SPDX-License-Identifier: MIT */
#include "presets/draw.h"
#include "presets/pca.h"
#include "support/dv_test.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 1100, COLUMNS = 7 }; /* more rows than the covariance takes at a time */

/* Correlated columns of very different spread. */
static void fill(double* data, size_t rows, uint64_t seed)
{
  for (size_t r = 0; r < rows; ++r) {
    const double common = dv_draw_normal(&seed);
    for (size_t c = 0; c < COLUMNS; ++c)
      data[r * COLUMNS + c] = (double)(c * c + 1) * dv_draw_normal(&seed) + 2.0 * common - 3.0 * (double)c;
  }
}

static dv_pca fit(const double* data, size_t rows, size_t columns)
{
  dv_pca pca;
  dv_error err;
  if (dv_pca_fit(data, rows, columns, &pca, &err)) fail_msg("%s", err.text);
  return pca;
}

static double dot(const double* a, const double* b, size_t n)
{
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

static void test_components_are_orthonormal_and_give_the_covariance(void** state)
{
  (void)state;
  static double data[ROWS * COLUMNS];
  fill(data, ROWS, 1);
  dv_pca pca = fit(data, ROWS, COLUMNS);
  for (size_t i = 0; i < COLUMNS; ++i)
    for (size_t j = 0; j < COLUMNS; ++j) {
      double sum = 0.0;
      for (size_t k = 0; k < COLUMNS; ++k)
        sum += pca.variance[k] * pca.component[k * COLUMNS + i] * pca.component[k * COLUMNS + j];
      assert_close(sum, pca.covariance[i * COLUMNS + j], 0.0, 1e-11 * pca.variance[0]);
      assert_close(dot(pca.component + i * COLUMNS, pca.component + j * COLUMNS, COLUMNS), i == j ? 1.0 : 0.0, 0.0,
                   1e-13);
    }
  dv_pca_free(&pca);
}

static void test_covariance_is_the_sample_covariance(void** state)
{
  (void)state;
  static const double data[] = {1, 2, 3, 5, 8, 1}; /* three rows of two */
  dv_pca pca = fit(data, 3, 2);
  assert_close(pca.mean[0], 4.0, 1e-15, 0.0);
  assert_close(pca.covariance[0], 13.0, 1e-14, 0.0);
  assert_close(pca.covariance[1], -3.5, 1e-14, 0.0);
  assert_close(pca.covariance[3], 13.0 / 3.0, 1e-14, 0.0);
  dv_pca_free(&pca);
}

static void test_largest_entry_of_a_component_is_positive(void** state)
{
  (void)state;
  static double data[ROWS * COLUMNS];
  fill(data, ROWS, 2);
  dv_pca pca = fit(data, ROWS, COLUMNS);
  for (size_t i = 0; i < COLUMNS; ++i) {
    double largest = 0.0;
    for (size_t k = 0; k < COLUMNS; ++k)
      if (fabs(pca.component[i * COLUMNS + k]) > fabs(largest)) largest = pca.component[i * COLUMNS + k];
    assert_true(largest > 0.0);
  }
  dv_pca_free(&pca);
}

static void assert_same_spectrum(const dv_pca* a, const dv_pca* b, double factor)
{
  for (size_t i = 0; i < COLUMNS; ++i) assert_close(a->variance[i], factor * b->variance[i], 1e-11, 0.0);
}

static void test_order_and_place_of_rows_change_nothing(void** state)
{
  (void)state;
  static double data[ROWS * COLUMNS], moved[ROWS * COLUMNS];
  fill(data, ROWS, 3);
  for (size_t r = 0; r < ROWS; ++r)
    for (size_t c = 0; c < COLUMNS; ++c)
      moved[(ROWS - 1 - r) * COLUMNS + c] = data[r * COLUMNS + c] + 100.0 * (double)(c + 1);
  dv_pca a = fit(data, ROWS, COLUMNS), b = fit(moved, ROWS, COLUMNS);
  assert_same_spectrum(&a, &b, 1.0);
  for (size_t i = 0; i < COLUMNS * COLUMNS; ++i) assert_close(a.component[i], b.component[i], 0.0, 1e-9);
  dv_pca_free(&a);
  dv_pca_free(&b);
}

static void test_order_of_columns_permutes_the_entries(void** state)
{
  (void)state;
  static double data[ROWS * COLUMNS], turned[ROWS * COLUMNS];
  fill(data, ROWS, 4);
  for (size_t r = 0; r < ROWS; ++r)
    for (size_t c = 0; c < COLUMNS; ++c) turned[r * COLUMNS + (c + 3) % COLUMNS] = data[r * COLUMNS + c];
  dv_pca a = fit(data, ROWS, COLUMNS), b = fit(turned, ROWS, COLUMNS);
  assert_same_spectrum(&a, &b, 1.0);
  for (size_t i = 0; i < COLUMNS; ++i)
    for (size_t c = 0; c < COLUMNS; ++c)
      assert_close(a.component[i * COLUMNS + c], b.component[i * COLUMNS + (c + 3) % COLUMNS], 0.0, 1e-9);
  dv_pca_free(&a);
  dv_pca_free(&b);
}

static void test_scale_squares_the_variance_and_rotation_keeps_it(void** state)
{
  (void)state;
  static double data[ROWS * COLUMNS], turned[ROWS * COLUMNS];
  const double c = cos(0.7), s = sin(0.7);
  fill(data, ROWS, 5);
  memcpy(turned, data, sizeof data);
  for (size_t r = 0; r < ROWS; ++r) { /* in the plane of the first two columns, and twice as large */
    turned[r * COLUMNS] = c * data[r * COLUMNS] - s * data[r * COLUMNS + 1];
    turned[r * COLUMNS + 1] = s * data[r * COLUMNS] + c * data[r * COLUMNS + 1];
    for (size_t k = 0; k < COLUMNS; ++k) turned[r * COLUMNS + k] *= 2.0;
  }
  dv_pca a = fit(data, ROWS, COLUMNS), b = fit(turned, ROWS, COLUMNS);
  assert_same_spectrum(&b, &a, 4.0);
  dv_pca_free(&a);
  dv_pca_free(&b);
}

static void test_few_rows_have_fewer_components(void** state)
{
  (void)state;
  static double data[4 * COLUMNS];
  fill(data, 4, 6);
  dv_pca pca = fit(data, 4, COLUMNS);
  assert_int_equal(pca.components, 3);
  for (size_t i = 3; i < COLUMNS; ++i) assert_true(!(pca.variance[i] > 0.0));
  dv_pca_free(&pca);
}

static void test_equal_rows_have_none(void** state)
{
  (void)state;
  static const double data[] = {1.5, 2, 3, 1.5, 2, 3, 1.5, 2, 3};
  dv_pca pca = fit(data, 3, 3);
  assert_int_equal(pca.components, 0);
  dv_pca_free(&pca);
}

static void test_whitened_scores_have_unit_variance_and_no_correlation(void** state)
{
  (void)state;
  static double data[ROWS * COLUMNS], scores[ROWS * COLUMNS];
  fill(data, ROWS, 7);
  dv_pca pca = fit(data, ROWS, COLUMNS);
  dv_pca_scores(&pca, data, ROWS, COLUMNS, true, scores);
  dv_pca again = fit(scores, ROWS, COLUMNS);
  for (size_t i = 0; i < COLUMNS; ++i)
    for (size_t j = 0; j < COLUMNS; ++j)
      assert_close(again.covariance[i * COLUMNS + j], i == j ? 1.0 : 0.0, 0.0, 1e-11);
  dv_pca_free(&pca);
  dv_pca_free(&again);
}

static void test_a_corpus_on_itself_is_itself(void** state)
{
  (void)state;
  static double data[ROWS * COLUMNS];
  double own[COLUMNS], projected[COLUMNS];
  fill(data, ROWS, 8);
  dv_pca pca = fit(data, ROWS, COLUMNS);
  dv_pca_cumulative(&pca, own);
  dv_pca_cumulative_projected(&pca, data, ROWS, projected);
  for (size_t i = 0; i < COLUMNS; ++i) assert_close(projected[i], own[i], 1e-12, 0.0);
  assert_close(own[COLUMNS - 1], 1.0, 1e-14, 0.0);
  dv_pca_free(&pca);
}

static void test_area_and_count_of_a_known_curve(void** state)
{
  (void)state;
  static const double curve[] = {0.5, 0.75, 1.0, 1.0};
  assert_close(dv_pca_area(curve, 4), (0.25 + 0.625 + 0.875 + 1.0) / 4.0, 1e-15, 0.0);
  assert_int_equal(dv_pca_components_for(curve, 4, 0.75), 2);
  assert_int_equal(dv_pca_components_for(curve, 4, 0.99), 3);
}

static void test_refuses_one_row_and_nan(void** state)
{
  (void)state;
  dv_pca pca;
  dv_error err;
  double data[6] = {1, 2, 3, 4, (double)NAN, 6};
  assert_int_equal(dv_pca_fit(data, 1, 3, &pca, &err), DV_ERR_ARG);
  assert_int_equal(dv_pca_fit(data, 2, 3, &pca, &err), DV_ERR_NONFINITE);
  assert_non_null(strstr(err.text, "Row 1, column 1"));
  data[4] = 1e300;
  assert_int_equal(dv_pca_fit(data, 2, 3, &pca, &err), DV_ERR_NONFINITE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_components_are_orthonormal_and_give_the_covariance),
    cmocka_unit_test(test_covariance_is_the_sample_covariance),
    cmocka_unit_test(test_largest_entry_of_a_component_is_positive),
    cmocka_unit_test(test_order_and_place_of_rows_change_nothing),
    cmocka_unit_test(test_order_of_columns_permutes_the_entries),
    cmocka_unit_test(test_scale_squares_the_variance_and_rotation_keeps_it),
    cmocka_unit_test(test_few_rows_have_fewer_components),
    cmocka_unit_test(test_equal_rows_have_none),
    cmocka_unit_test(test_whitened_scores_have_unit_variance_and_no_correlation),
    cmocka_unit_test(test_a_corpus_on_itself_is_itself),
    cmocka_unit_test(test_area_and_count_of_a_known_curve),
    cmocka_unit_test(test_refuses_one_row_and_nan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
