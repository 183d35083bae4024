/* SPDX-License-Identifier: MIT */
#include "presets/draw.h"
#include "presets/normality.h"
#include "support/dv_test.h"

#include <gsl/gsl_cdf.h>
#include <stdlib.h>
#include <string.h>

/* --- Against R ----------------------------------------------------------------------------------------------- */

/* Sequences that R computes to the same bits: spread evenly, with many ties, normal scores, skewed. */
static double value(int kind, size_t i, size_t n)
{
  const size_t k = i * i * 31 + 17 * i;
  switch (kind) {
  case 1: return (double)(k % 1009);
  case 2: return (double)(k % 7);
  case 3: return gsl_cdf_ugaussian_Pinv(((double)i - 0.5) / (double)n);
  default: return pow((double)(k % 1009) / 1009.0, 4);
  }
}

typedef struct {
  int kind;
  size_t n;
  double w, p;
} vector;

/* shapiro.test of R 4.2.2. */
static const vector vectors[] = {
  {1, 3, 0.984142960860669, 0.758861291875204},
  {1, 4, 0.967762737183704, 0.827583755315949},
  {1, 5, 0.955564681063417, 0.776811076911738},
  {1, 7, 0.948552344798535, 0.716504377113057},
  {1, 11, 0.913416404199319, 0.267553089021553},
  {1, 12, 0.918795673304843, 0.276095942104293},
  {1, 25, 0.903580271768098, 0.0219713397649234},
  {1, 50, 0.938256099482328, 0.0115007034923825},
  {1, 365, 0.958208362491219, 1.11083807813728e-08},
  {1, 2000, 0.957960451837963, 1.33826685655108e-23},
  {1, 5000, 0.958181029788839, 1.13594083190752e-35},
  {2, 3, 0.986842105263158, 0.780440814879014},
  {2, 4, 0.92614156604957, 0.571911341755822},
  {2, 5, 0.862202322732954, 0.236263919853411},
  {2, 7, 0.85148015431121, 0.126787295342137},
  {2, 11, 0.84965702175591, 0.0422398306306522},
  {2, 12, 0.833650554867412, 0.0231991617353933},
  {2, 25, 0.820368418328019, 0.000507097371290851},
  {2, 50, 0.802879372036178, 1.02205640167402e-06},
  {2, 365, 0.804237897440163, 1.0965193229408e-20},
  {2, 2000, 0.804787130332766, 6.36262918251429e-44},
  {2, 5000, 0.804701151118413, 3.8569900210063e-61},
  {3, 3, 1, 0.999999999999993},
  {3, 4, 0.99892729082677, 0.996866289492474},
  {3, 5, 0.998395348794112, 0.999180183040125},
  {3, 7, 0.998016159721137, 0.99994204595459},
  {3, 11, 0.998012183854291, 0.999999040238528},
  {3, 12, 0.998056266278576, 0.999999999987873},
  {3, 25, 0.998655818104897, 0.99999999999093},
  {3, 50, 0.999203568404445, 0.999999999998764},
  {3, 365, 0.999867592280074, 1},
  {3, 2000, 0.999973463214379, 1},
  {3, 5000, 0.999988925441143, 1},
  {4, 3, 0.788982528918891, 0.0884590427415869},
  {4, 4, 0.713217693974189, 0.0163744614836768},
  {4, 5, 0.676629375792513, 0.00536714356387938},
  {4, 7, 0.678611132556718, 0.0021556774780293},
  {4, 11, 0.695034719394506, 0.000403860792541206},
  {4, 12, 0.708895886247278, 0.00102779014185198},
  {4, 25, 0.629328637625277, 9.32978888794158e-07},
  {4, 50, 0.681771372673273, 3.9530962964173e-09},
  {4, 365, 0.748564751287341, 3.58392277490079e-23},
  {4, 2000, 0.770052178771713, 1.76825238607347e-46},
  {4, 5000, 0.769728030354883, 2.79020661381553e-64},
};

static void test_shapiro_wilk_gives_the_numbers_of_r(void** state)
{
  (void)state;
  static double x[DV_NORMALITY_MAX];
  for (size_t v = 0; v < sizeof vectors / sizeof *vectors; ++v) {
    dv_shapiro_wilk_result got;
    for (size_t i = 0; i < vectors[v].n; ++i) x[i] = value(vectors[v].kind, i + 1, vectors[v].n);
    assert_int_equal(dv_shapiro_wilk(x, vectors[v].n, &got, NULL), DV_OK);
    assert_close(got.w, vectors[v].w, 1e-12, 0.0);
    /* Where W is 1 to many digits, p hangs on the digits that are left. */
    assert_close(got.p, vectors[v].p, 1e-7, vectors[v].w > 0.999 ? 1e-4 : 0.0);
  }
}

/* The data of Shapiro and Wilk's own paper (Biometrika 52, 1965): weights of eleven men. */
static void test_shapiro_wilk_gives_the_published_example(void** state)
{
  (void)state;
  static const double weight_lb[] = {148, 154, 158, 160, 161, 162, 166, 170, 182, 195, 236};
  dv_shapiro_wilk_result got;
  assert_int_equal(dv_shapiro_wilk(weight_lb, 11, &got, NULL), DV_OK);
  assert_close(got.w, 0.79, 0.0, 0.005);
  assert_close(got.p, 0.0067038140565029, 1e-9, 0.0);
}

static void test_shapiro_wilk_ignores_order_place_and_scale(void** state)
{
  (void)state;
  double x[40], y[40];
  dv_shapiro_wilk_result a, b;
  for (size_t i = 0; i < 40; ++i) x[i] = value(4, i + 1, 40);
  for (size_t i = 0; i < 40; ++i) y[39 - i] = 1e6 + 1e3 * x[i];
  assert_int_equal(dv_shapiro_wilk(x, 40, &a, NULL), DV_OK);
  assert_int_equal(dv_shapiro_wilk(y, 40, &b, NULL), DV_OK);
  assert_close(b.w, a.w, 1e-9, 0.0);
}

static void test_shapiro_wilk_refuses_what_it_was_not_made_for(void** state)
{
  (void)state;
  static double x[DV_NORMALITY_MAX + 1];
  dv_shapiro_wilk_result got;
  dv_error err;
  assert_int_equal(dv_shapiro_wilk(x, 2, &got, &err), DV_ERR_ARG);
  assert_int_equal(dv_shapiro_wilk(x, DV_NORMALITY_MAX + 1, &got, &err), DV_ERR_ARG);
  assert_int_equal(dv_shapiro_wilk(x, 10, &got, &err), DV_ERR_ARG);
  assert_non_null(strstr(err.text, "constant"));
  x[3] = (double)NAN;
  assert_int_equal(dv_shapiro_wilk(x, 10, &got, &err), DV_ERR_NONFINITE);
}

/* Fisher's irises (Ann. Eugen. 7, 1936): the fifty of Iris setosa; sepal and petal, length and width in cm. */
static const double setosa[50 * 4] = {
  5.1, 3.5, 1.4, 0.2, 4.9, 3,   1.4, 0.2, 4.7, 3.2, 1.3, 0.2, 4.6, 3.1, 1.5, 0.2, 5,   3.6, 1.4, 0.2, 5.4, 3.9, 1.7,
  0.4, 4.6, 3.4, 1.4, 0.3, 5,   3.4, 1.5, 0.2, 4.4, 2.9, 1.4, 0.2, 4.9, 3.1, 1.5, 0.1, 5.4, 3.7, 1.5, 0.2, 4.8, 3.4,
  1.6, 0.2, 4.8, 3,   1.4, 0.1, 4.3, 3,   1.1, 0.1, 5.8, 4,   1.2, 0.2, 5.7, 4.4, 1.5, 0.4, 5.4, 3.9, 1.3, 0.4, 5.1,
  3.5, 1.4, 0.3, 5.7, 3.8, 1.7, 0.3, 5.1, 3.8, 1.5, 0.3, 5.4, 3.4, 1.7, 0.2, 5.1, 3.7, 1.5, 0.4, 4.6, 3.6, 1,   0.2,
  5.1, 3.3, 1.7, 0.5, 4.8, 3.4, 1.9, 0.2, 5,   3,   1.6, 0.2, 5,   3.4, 1.6, 0.4, 5.2, 3.5, 1.5, 0.2, 5.2, 3.4, 1.4,
  0.2, 4.7, 3.2, 1.6, 0.2, 4.8, 3.1, 1.6, 0.2, 5.4, 3.4, 1.5, 0.4, 5.2, 4.1, 1.5, 0.1, 5.5, 4.2, 1.4, 0.2, 4.9, 3.1,
  1.5, 0.2, 5,   3.2, 1.2, 0.2, 5.5, 3.5, 1.3, 0.2, 4.9, 3.6, 1.4, 0.1, 4.4, 3,   1.3, 0.2, 5.1, 3.4, 1.5, 0.2, 5,
  3.5, 1.3, 0.3, 4.5, 2.3, 1.3, 0.3, 4.4, 3.2, 1.3, 0.2, 5,   3.5, 1.6, 0.6, 5.1, 3.8, 1.9, 0.4, 4.8, 3,   1.4, 0.3,
  5.1, 3.8, 1.6, 0.2, 4.6, 3.2, 1.4, 0.2, 5.3, 3.7, 1.5, 0.2, 5,   3.3, 1.4, 0.2};

static void first_columns(size_t rows, size_t columns, double* data)
{
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c) data[r * columns + c] = setosa[r * 4 + c];
}

/* Royston (1992) by R 4.2.2 from shapiro.test and cor. */
static void test_royston_gives_the_numbers_of_r(void** state)
{
  (void)state;
  static const struct {
    size_t rows, columns;
    double h, freedom, p;
  } cases[] = {{50, 4, 29.079821663695686, 3.9231597433100989, 6.8846834991380188e-06},
               {50, 3, 5.29156419897416, 2.9160450512421936, 0.14374798543102557},
               {10, 3, 4.4305619342207976, 3.0206399403993776, 0.22112319400002634}};
  double data[50 * 4];
  for (size_t i = 0; i < 3; ++i) {
    dv_multinormality got;
    first_columns(cases[i].rows, cases[i].columns, data);
    assert_int_equal(dv_royston(data, cases[i].rows, cases[i].columns, &got, NULL), DV_OK);
    assert_close(got.statistic, cases[i].h, 1e-9, 0.0);
    assert_close(got.freedom, cases[i].freedom, 1e-12, 0.0);
    assert_close(got.p, cases[i].p, 1e-8, 0.0);
  }
}

/* Korkmaz et al., R Journal 6 (2014): HZ 0.9488453, p 0.04995356 for the four columns; three by R. */
static void test_henze_zirkler_gives_the_published_example(void** state)
{
  (void)state;
  dv_multinormality got;
  double data[50 * 4];
  first_columns(50, 4, data);
  assert_int_equal(dv_henze_zirkler(data, 50, 4, &got, NULL), DV_OK);
  assert_close(got.statistic, 0.9488453, 0.0, 5e-8);
  assert_close(got.p, 0.04995356, 0.0, 5e-9);
  first_columns(50, 3, data);
  assert_int_equal(dv_henze_zirkler(data, 50, 3, &got, NULL), DV_OK);
  assert_close(got.statistic, 0.52439228786225889, 1e-10, 0.0);
  assert_close(got.p, 0.83104721347574362, 1e-9, 0.0);
}

static void test_henze_zirkler_wants_more_rows_than_columns(void** state)
{
  (void)state;
  double data[50 * 4];
  dv_multinormality got;
  dv_error err;
  first_columns(4, 4, data);
  assert_int_equal(dv_henze_zirkler(data, 4, 4, &got, &err), DV_ERR_ARG);
  assert_non_null(strstr(err.text, "more presets than dimensions"));
}

static void test_royston_of_extreme_scores_is_finite(void** state)
{
  (void)state;
  static double x[2000];
  dv_multinormality got;
  for (size_t i = 0; i < 2000; ++i) x[i] = i ? 1e-6 * sin((double)i) : 1e6; /* p underflows */
  assert_int_equal(dv_royston(x, 2000, 1, &got, NULL), DV_OK);
  assert_true(isfinite(got.statistic) && got.statistic > 200.0);
  assert_true(got.p < 1e-40);
}

/* --- Under the null ------------------------------------------------------------------------------------------ */

enum { TRIALS = 600 };

static int ascending(const void* a, const void* b)
{
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

/* Kolmogorov's distance of the p-values from the uniform distribution. */
static double distance_from_uniform(double* p, size_t n)
{
  double distance = 0.0;
  qsort(p, n, sizeof *p, ascending);
  for (size_t i = 0; i < n; ++i)
    distance = fmax(distance, fmax(fabs(p[i] - (double)i / (double)n), fabs(p[i] - (double)(i + 1) / (double)n)));
  return distance;
}

static void draw(double* data, size_t count, uint64_t* seed)
{
  for (size_t i = 0; i < count; ++i) data[i] = dv_draw_normal(seed);
}

/* 1.63/sqrt(n) is the 1 % point; W's p-value is itself an approximation, so a little is added. */
static const double ALLOWED = 1.63 / 24.49489742783178 + 0.02;

static void test_p_of_shapiro_wilk_is_uniform_for_normal_samples(void** state)
{
  (void)state;
  static const size_t sizes[] = {5, 11, 12, 60, 400};
  double x[400], p[TRIALS];
  uint64_t seed = 20250914;
  for (size_t s = 0; s < 5; ++s) {
    for (size_t t = 0; t < TRIALS; ++t) {
      dv_shapiro_wilk_result got;
      draw(x, sizes[s], &seed);
      assert_int_equal(dv_shapiro_wilk(x, sizes[s], &got, NULL), DV_OK);
      p[t] = got.p;
    }
    assert_true(distance_from_uniform(p, TRIALS) < ALLOWED);
  }
}

static void test_p_of_royston_is_uniform_for_independent_columns(void** state)
{
  (void)state;
  double data[60 * 3], p[TRIALS];
  uint64_t seed = 7;
  for (size_t t = 0; t < TRIALS; ++t) {
    dv_multinormality got;
    draw(data, 60 * 3, &seed);
    assert_int_equal(dv_royston(data, 60, 3, &got, NULL), DV_OK);
    p[t] = got.p;
  }
  assert_true(distance_from_uniform(p, TRIALS) < ALLOWED);
}

static void test_p_of_henze_zirkler_is_uniform_for_normal_samples(void** state)
{
  (void)state;
  double data[100 * 3], p[TRIALS];
  uint64_t seed = 11;
  for (size_t t = 0; t < TRIALS; ++t) {
    dv_multinormality got;
    draw(data, 100 * 3, &seed);
    assert_int_equal(dv_henze_zirkler(data, 100, 3, &got, NULL), DV_OK);
    p[t] = got.p;
  }
  assert_true(distance_from_uniform(p, TRIALS) < ALLOWED);
}

static void test_all_tests_reject_a_skewed_sample(void** state)
{
  (void)state;
  double data[200 * 2];
  uint64_t seed = 3;
  dv_multinormality joint;
  dv_shapiro_wilk_result one;
  for (size_t i = 0; i < 400; ++i) data[i] = exp(dv_draw_normal(&seed));
  assert_int_equal(dv_shapiro_wilk(data, 400, &one, NULL), DV_OK);
  assert_true(one.p < 1e-6);
  assert_int_equal(dv_royston(data, 200, 2, &joint, NULL), DV_OK);
  assert_true(joint.p < 1e-6);
  assert_int_equal(dv_henze_zirkler(data, 200, 2, &joint, NULL), DV_OK);
  assert_true(joint.p < 1e-6);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_shapiro_wilk_gives_the_numbers_of_r),
    cmocka_unit_test(test_shapiro_wilk_gives_the_published_example),
    cmocka_unit_test(test_shapiro_wilk_ignores_order_place_and_scale),
    cmocka_unit_test(test_shapiro_wilk_refuses_what_it_was_not_made_for),
    cmocka_unit_test(test_royston_gives_the_numbers_of_r),
    cmocka_unit_test(test_henze_zirkler_gives_the_published_example),
    cmocka_unit_test(test_henze_zirkler_wants_more_rows_than_columns),
    cmocka_unit_test(test_royston_of_extreme_scores_is_finite),
    cmocka_unit_test(test_p_of_shapiro_wilk_is_uniform_for_normal_samples),
    cmocka_unit_test(test_p_of_royston_is_uniform_for_independent_columns),
    cmocka_unit_test(test_p_of_henze_zirkler_is_uniform_for_normal_samples),
    cmocka_unit_test(test_all_tests_reject_a_skewed_sample),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
