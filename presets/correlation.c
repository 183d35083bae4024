/* SPDX-License-Identifier: MIT */
#include "presets/correlation.h"

#include <cblas.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- Ranks -------------------------------------------------------------------------------------------------- */

typedef struct {
  double value;
  size_t index;
} keyed;

static int by_value(const void* a, const void* b)
{
  const double x = ((const keyed*)a)->value, y = ((const keyed*)b)->value;
  return (x > y) - (x < y);
}

/* Averaged ranks without their mean, scaled to length 1; NaN when all values are equal. */
static void standard_ranks(keyed* keys, size_t n, double* ranks)
{
  qsort(keys, n, sizeof *keys, by_value);
  for (size_t i = 0, end; i < n; i = end) {
    for (end = i + 1; end < n && !(keys[end].value > keys[i].value);) ++end;
    const double centred = 0.5 * (double)(i + end - 1) - 0.5 * (double)(n - 1);
    for (size_t k = i; k < end; ++k) ranks[keys[k].index] = centred;
  }
  double power = 0.0;
  for (size_t i = 0; i < n; ++i) power += ranks[i] * ranks[i];
  for (size_t i = 0; i < n; ++i) ranks[i] = power > 0.0 ? ranks[i] / sqrt(power) : (double)NAN;
}

/* Rounding may carry a correlation over; NaN stays. */
static double within_one(double r) { return r > 1.0 ? 1.0 : r < -1.0 ? -1.0 : r; }

dv_status dv_spearman(const double* data, size_t rows, size_t columns, double* rho, dv_error* err)
{
  if (rows < 3 || !columns)
    return dv_fail(err, DV_ERR_ARG, "A rank correlation needs at least 3 presets; there are %zu", rows);
  keyed* keys = malloc(rows * sizeof *keys);
  double* ranks = malloc(columns * rows * sizeof *ranks);
  const bool complete = keys && ranks;
  for (size_t c = 0; complete && c < columns; ++c) {
    for (size_t r = 0; r < rows; ++r) keys[r] = (keyed){data[r * columns + c], r};
    standard_ranks(keys, rows, ranks + c * rows);
  }
  if (complete)
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, (blasint)columns, (blasint)rows, 1.0, ranks, (blasint)rows,
                0.0, rho, (blasint)columns);
  for (size_t i = 0; complete && i < columns; ++i) {
    for (size_t j = 0; j < i; ++j) rho[j * columns + i] = rho[i * columns + j] = within_one(rho[i * columns + j]);
    if (!isnan(rho[i * columns + i])) rho[i * columns + i] = 1.0;
  }
  free(ranks);
  free(keys);
  return complete ? DV_OK : dv_fail(err, DV_ERR_NOMEM, "No memory for the ranks of %zu presets", rows);
}

double dv_spearman_p(double rho, size_t n)
{
  if (n < 3 || isnan(rho)) return (double)NAN;
  const double freedom = (double)(n - 2), rest = (1.0 - rho) * (1.0 + rho);
  if (!(rest > 0.0)) return 0.0;
  return 2.0 * gsl_cdf_tdist_Q(fabs(rho) * sqrt(freedom / rest), freedom);
}

void dv_correlation_interval(double r, size_t n, double confidence, double* low, double* high)
{
  *low = *high = (double)NAN;
  if (n < 4 || isnan(r)) return;
  const double half = gsl_cdf_ugaussian_Pinv(0.5 + 0.5 * confidence) / sqrt((double)(n - 3));
  *low = tanh(atanh(r) - half);
  *high = tanh(atanh(r) + half);
}

/* --- Many tests --------------------------------------------------------------------------------------------- */

/* The p-values in rising order, NaN left out; returns their number. */
static size_t sort_p(const double* p, size_t count, keyed* keys)
{
  size_t n = 0;
  for (size_t i = 0; i < count; ++i)
    if (!isnan(p[i])) keys[n++] = (keyed){p[i], i};
  qsort(keys, n, sizeof *keys, by_value);
  return n;
}

dv_status dv_adjust_holm(const double* p, size_t count, double* adjusted, dv_error* err)
{
  keyed* keys = malloc((count ? count : 1) * sizeof *keys);
  if (!keys) return dv_fail(err, DV_ERR_NOMEM, "No memory for %zu p-values", count);
  const size_t n = sort_p(p, count, keys);
  if (adjusted != p) memcpy(adjusted, p, count * sizeof *p);
  double largest = 0.0;
  for (size_t k = 0; k < n; ++k) {
    largest = fmax(largest, fmin(1.0, (double)(n - k) * keys[k].value));
    adjusted[keys[k].index] = largest;
  }
  free(keys);
  return DV_OK;
}

dv_status dv_adjust_fdr(const double* p, size_t count, double* adjusted, dv_error* err)
{
  keyed* keys = malloc((count ? count : 1) * sizeof *keys);
  if (!keys) return dv_fail(err, DV_ERR_NOMEM, "No memory for %zu p-values", count);
  const size_t n = sort_p(p, count, keys);
  if (adjusted != p) memcpy(adjusted, p, count * sizeof *p);
  double smallest = 1.0;
  for (size_t k = n; k-- > 0;) {
    smallest = fmin(smallest, (double)n / (double)(k + 1) * keys[k].value);
    adjusted[keys[k].index] = smallest;
  }
  free(keys);
  return DV_OK;
}

/* --- Effects ------------------------------------------------------------------------------------------------ */

enum { GROUP_DELAY = 7, GROUP_REVERB = 8, GROUP_SEND = 9 };

int dv_effect_group(int effective_index)
{
  const dv_effect effect = dv_parameter_at(dv_effective_index(effective_index))->effect;
  if (effect == DV_EFFECT_DELAY) return GROUP_DELAY;
  if (effect == DV_EFFECT_REVERB) return GROUP_REVERB;
  if (effect == DV_EFFECT_SEND || effect == DV_EFFECT_PAN) return GROUP_SEND;
  return (int)effect;
}

const char* dv_effect_group_name(int group)
{
  static const dv_effect last[] = {DV_EFFECT_DELAY, DV_EFFECT_REVERB, DV_EFFECT_SEND};
  return dv_effect_name(group < GROUP_DELAY ? (dv_effect)group : last[group - GROUP_DELAY]);
}

void dv_effect_correlation(const double* rho, double mean[DV_EFFECT_GROUPS][DV_EFFECT_GROUPS])
{
  double sum[DV_EFFECT_GROUPS][DV_EFFECT_GROUPS] = {{0}};
  size_t pairs[DV_EFFECT_GROUPS][DV_EFFECT_GROUPS] = {{0}};
  for (int i = 0; i < DV_EFFECTIVE_COUNT; ++i)
    for (int j = 0; j < DV_EFFECTIVE_COUNT; ++j) {
      const double r = rho[i * DV_EFFECTIVE_COUNT + j];
      if (i == j || isnan(r)) continue;
      sum[dv_effect_group(i)][dv_effect_group(j)] += fabs(r);
      ++pairs[dv_effect_group(i)][dv_effect_group(j)];
    }
  for (int a = 0; a < DV_EFFECT_GROUPS; ++a)
    for (int b = 0; b < DV_EFFECT_GROUPS; ++b) mean[a][b] = sum[a][b] / (double)pairs[a][b];
}
