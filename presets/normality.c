/* SPDX-License-Identifier: MIT */
#include "presets/normality.h"
#include "presets/order.h"
#include "presets/pca.h"

#include <cblas.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sf_erf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* sum of c[i] x^i */
static double polynomial(const double* c, size_t count, double x)
{
  double sum = 0.0;
  for (size_t i = count; i-- > 0;) sum = sum * x + c[i];
  return sum;
}
#define POLYNOMIAL(c, x) polynomial((c), sizeof(c) / sizeof *(c), (x))

/* --- Shapiro and Wilk ---------------------------------------------------------------------------------------- */

/* The weights of the n/2 largest against the n/2 smallest values, from the outside in; their squares sum to 1/2. */
static void shapiro_weights(size_t n, double* weight)
{
  static const double outer[] = {0.0, 0.221157, -0.147981, -2.071190, 4.434685, -2.706056};
  static const double second[] = {0.0, 0.042981, -0.293762, -1.752461, 5.682633, -3.582633};
  const size_t half = n / 2, fixed = n > 5 ? 2 : 1;
  if (n == 3) {
    weight[0] = sqrt(0.5);
    return;
  }
  double power = 0.0;
  for (size_t i = 0; i < half; ++i) {
    weight[i] = gsl_cdf_ugaussian_Qinv(((double)(i + 1) - 0.375) / ((double)n + 0.25));
    power += 2.0 * weight[i] * weight[i];
  }
  const double root = 1.0 / sqrt((double)n), length = sqrt(power);
  double exact[2] = {weight[0] / length + POLYNOMIAL(outer, root), 0.0};
  if (fixed == 2) exact[1] = weight[1] / length + POLYNOMIAL(second, root);
  double rest = 1.0;
  for (size_t i = 0; i < fixed; ++i) {
    power -= 2.0 * weight[i] * weight[i];
    rest -= 2.0 * exact[i] * exact[i];
  }
  for (size_t i = 0; i < half; ++i) weight[i] = i < fixed ? exact[i] : weight[i] * sqrt(rest / power);
}

/* 1 - W, without the cancellation that W near 1 would bring: both vectors are scaled to length 1. */
static double shapiro_deficit(const double* sorted, size_t n, const double* weight)
{
  const double range = sorted[n - 1] - sorted[0];
  double mean = 0.0, spread = 0.0, along = 0.0;
  for (size_t i = 0; i < n; ++i) mean += (sorted[i] - sorted[0]) / range / (double)n;
  for (size_t i = 0; i < n; ++i) spread += pow((sorted[i] - sorted[0]) / range - mean, 2);
  const double length = sqrt(spread);
  double power = 0.0;
  for (size_t i = 0; i < n; ++i) {
    const double a = i < n / 2 ? -weight[i] : n - 1 - i < n / 2 ? weight[n - 1 - i] : 0.0;
    power += a * a;
  }
  for (size_t i = 0; i < n; ++i) {
    const double a = (i < n / 2 ? -weight[i] : n - 1 - i < n / 2 ? weight[n - 1 - i] : 0.0) / sqrt(power);
    along += a * ((sorted[i] - sorted[0]) / range - mean) / length;
  }
  return (1.0 - along) * (1.0 + along);
}

/* The deviate that log(1 - W) is transformed to. */
static double shapiro_score(double deficit, size_t n)
{
  static const double bound[] = {-2.273, 0.459};
  static const double small_mean[] = {0.5440, -0.39978, 0.025054, -6.714e-4};
  static const double small_spread[] = {1.3822, -0.77857, 0.062767, -0.0020322};
  static const double large_mean[] = {-1.5861, -0.31082, -0.083751, 0.0038915};
  static const double large_spread[] = {-0.4803, -0.082676, 0.0030302};
  const double size = (double)n, y = log(deficit);
  if (n > 11) return (y - POLYNOMIAL(large_mean, log(size))) / exp(POLYNOMIAL(large_spread, log(size)));
  const double gamma = POLYNOMIAL(bound, size);
  if (y >= gamma) return (double)INFINITY;
  return (-log(gamma - y) - POLYNOMIAL(small_mean, size)) / exp(POLYNOMIAL(small_spread, size));
}

/* Exact for three values. */
static double shapiro_p3(double w)
{
  const double p = 6.0 / M_PI * (asin(sqrt(w)) - asin(sqrt(0.75)));
  return fmin(fmax(p, 0.0), 1.0);
}

static dv_status shapiro_check(const double* x, size_t n, dv_error* err)
{
  if (n < DV_NORMALITY_MIN || n > DV_NORMALITY_MAX)
    return dv_fail(err, DV_ERR_ARG, "Shapiro and Wilk's test wants %d to %d values, not %zu", DV_NORMALITY_MIN,
                   DV_NORMALITY_MAX, n);
  for (size_t i = 0; i < n; ++i)
    if (!isfinite(x[i])) return dv_fail(err, DV_ERR_NONFINITE, "Value %zu is not a finite number", i);
  return DV_OK;
}

dv_status dv_shapiro_wilk(const double* x, size_t n, dv_shapiro_wilk_result* result, dv_error* err)
{
  dv_status status = shapiro_check(x, n, err);
  if (status) return status;
  double* sorted = malloc((n + n / 2) * sizeof *sorted);
  if (!sorted) return dv_fail(err, DV_ERR_NOMEM, "No memory to sort %zu values", n);
  double* weight = sorted + n;
  memcpy(sorted, x, n * sizeof *x);
  qsort(sorted, n, sizeof *sorted, dv_ascending);
  if (sorted[n - 1] - sorted[0] > 0.0) {
    shapiro_weights(n, weight);
    const double deficit = shapiro_deficit(sorted, n, weight);
    result->w = 1.0 - deficit;
    result->p = n == 3 ? shapiro_p3(result->w) : 0.0;
    result->score = n == 3 ? gsl_cdf_ugaussian_Qinv(result->p) : shapiro_score(deficit, n);
    if (n > 3) result->p = gsl_cdf_ugaussian_Q(result->score);
  } else {
    status = dv_fail(err, DV_ERR_ARG, "All %zu values are %g: a constant has no shape to test", n, x[0]);
  }
  free(sorted);
  return status;
}

/* --- Royston ------------------------------------------------------------------------------------------------- */

/* The deviate whose upper tail is half of z's: where the tail underflows, by Newton's steps on its logarithm. */
static double half_tail(double z)
{
  const double tail = 0.5 * gsl_cdf_ugaussian_Q(z);
  if (tail > 1e-280) return gsl_cdf_ugaussian_Qinv(tail);
  const double goal = gsl_sf_log_erfc(z * M_SQRT1_2) - M_LN2;
  double t = z + M_LN2 / z;
  for (int step = 0; step < 4; ++step) t += (gsl_sf_log_erfc(t * M_SQRT1_2) - goal) / (t + 1.0 / t);
  return t;
}

static double mean_correlation(const dv_pca* pca, size_t n)
{
  const size_t c = pca->columns;
  const double log_n = log((double)n), u = 0.715;
  const double v = 0.21364 + 0.015124 * log_n * log_n - 0.0018034 * log_n * log_n * log_n;
  double sum = 0.0;
  for (size_t i = 0; i < c; ++i)
    for (size_t j = 0; j < i; ++j) {
      const double r = pca->covariance[i * c + j] / sqrt(pca->covariance[i * c + i] * pca->covariance[j * c + j]);
      sum += 2.0 * pow(r, 5) * (1.0 - u / v * pow(fmax(1.0 - r, 0.0), u));
    }
  return c > 1 ? sum / (double)(c * (c - 1)) : 0.0;
}

dv_status dv_royston(const double* data, size_t n, size_t columns, dv_multinormality* result, dv_error* err)
{
  dv_pca pca;
  dv_status status = dv_pca_fit(data, n, columns, &pca, err);
  if (status) return status;
  double* column = malloc(n * sizeof *column);
  double sum = 0.0;
  if (!column) status = dv_fail(err, DV_ERR_NOMEM, "No memory for %zu values", n);
  for (size_t c = 0; !status && c < columns; ++c) {
    dv_shapiro_wilk_result one;
    for (size_t r = 0; r < n; ++r) column[r] = data[r * columns + c];
    status = dv_shapiro_wilk(column, n, &one, err);
    if (!status) sum += pow(half_tail(one.score), 2);
  }
  if (!status) {
    const double p = (double)columns;
    result->freedom = p / (1.0 + (p - 1.0) * mean_correlation(&pca, n));
    result->statistic = result->freedom * sum / p;
    result->p = gsl_cdf_chisq_Q(result->statistic, result->freedom);
  }
  free(column);
  dv_pca_free(&pca);
  return status;
}

/* --- Henze and Zirkler ---------------------------------------------------------------------------------------- */

enum { BLOCK = 256 };

/* sum over all pairs of exp(-beta^2/2 |z_i - z_j|^2), a block of rows against all at a time */
static double pair_sum(const double* z, const double* squared, size_t n, size_t p, double beta2, double* product)
{
  double sum = 0.0;
  for (size_t first = 0; first < n; first += BLOCK) {
    const size_t count = n - first < BLOCK ? n - first : BLOCK;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)count, (blasint)n, (blasint)p, 1.0, z + first * p,
                (blasint)p, z, (blasint)p, 0.0, product, (blasint)n);
    for (size_t i = 0; i < count; ++i)
      for (size_t j = 0; j < n; ++j) {
        const double distance = squared[first + i] + squared[j] - 2.0 * product[i * n + j];
        sum += exp(-0.5 * beta2 * fmax(distance, 0.0));
      }
  }
  return sum;
}

/* Mean and variance of T under normality (their theorem 3.1), and the tail of the lognormal that has them. */
static double henze_zirkler_p(double statistic, double p, double beta2)
{
  const double beta4 = beta2 * beta2, beta8 = beta4 * beta4, a = 1.0 + 2.0 * beta2;
  const double w = (1.0 + beta2) * (1.0 + 3.0 * beta2);
  const double mean = 1.0 - pow(a, -p / 2.0) * (1.0 + p * beta2 / a + p * (p + 2.0) * beta4 / (2.0 * a * a));
  const double variance =
    2.0 * pow(1.0 + 4.0 * beta2, -p / 2.0) +
    2.0 * pow(a, -p) * (1.0 + 2.0 * p * beta4 / (a * a) + 3.0 * p * (p + 2.0) * beta8 / (4.0 * pow(a, 4))) -
    4.0 * pow(w, -p / 2.0) * (1.0 + 3.0 * p * beta4 / (2.0 * w) + p * (p + 2.0) * beta8 / (2.0 * w * w));
  const double spread = sqrt(log1p(variance / (mean * mean)));
  return gsl_cdf_ugaussian_Q((log(statistic / mean) + 0.5 * spread * spread) / spread);
}

static void henze_zirkler(const double* z, size_t n, size_t columns, double* scratch, dv_multinormality* result)
{
  const double p = (double)columns, count = (double)n;
  const double beta2 = 0.5 * pow((2.0 * p + 1.0) * count / 4.0, 2.0 / (p + 4.0));
  double* squared = scratch;
  double singles = 0.0;
  for (size_t i = 0; i < n; ++i) {
    squared[i] = cblas_ddot((blasint)columns, z + i * columns, 1, z + i * columns, 1);
    singles += exp(-0.5 * beta2 / (1.0 + beta2) * squared[i]);
  }
  const double pairs = pair_sum(z, squared, n, columns, beta2, scratch + n);
  result->statistic =
    pairs / count - 2.0 * pow(1.0 + beta2, -p / 2.0) * singles + count * pow(1.0 + 2.0 * beta2, -p / 2.0);
  result->freedom = 0.0;
  result->p = henze_zirkler_p(result->statistic, p, beta2);
}

dv_status dv_henze_zirkler(const double* data, size_t n, size_t columns, dv_multinormality* result, dv_error* err)
{
  dv_pca pca;
  dv_status status = dv_pca_fit(data, n, columns, &pca, err);
  if (status) return status;
  double* z = NULL;
  double* scratch = NULL;
  if (pca.components < columns)
    status = dv_fail(err, DV_ERR_ARG,
                     "Henze and Zirkler's test needs more presets than dimensions and no constant one: %zu presets "
                     "span %zu of %zu",
                     n, pca.components, columns);
  if (!status) {
    z = malloc(n * columns * sizeof *z);
    scratch = malloc((n + BLOCK * n) * sizeof *scratch);
    if (!z || !scratch) status = dv_fail(err, DV_ERR_NOMEM, "No memory for the distances of %zu presets", n);
  }
  if (!status) {
    dv_pca_scores(&pca, data, n, columns, true, z);
    /* The test takes the covariance with divisor n. */
    cblas_dscal((blasint)(n * columns), sqrt((double)n / (double)(n - 1)), z, 1);
    henze_zirkler(z, n, columns, scratch, result);
  }
  free(scratch);
  free(z);
  dv_pca_free(&pca);
  return status;
}
