/* SPDX-License-Identifier: MIT */
#include "presets/pca.h"

#include <cblas.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows centred at a time: a corpus of any size costs one block. */
enum { BLOCK_ROWS = 512 };

void dv_pca_free(dv_pca* pca)
{
  free(pca->mean);
  free(pca->covariance);
  free(pca->variance);
  free(pca->component);
  *pca = (dv_pca){0};
}

static bool allocate(dv_pca* pca, size_t columns)
{
  pca->mean = calloc(columns, sizeof *pca->mean);
  pca->covariance = calloc(columns * columns, sizeof *pca->covariance);
  pca->variance = calloc(columns, sizeof *pca->variance);
  pca->component = calloc(columns * columns, sizeof *pca->component);
  return pca->mean && pca->covariance && pca->variance && pca->component;
}

static dv_status check_data(const double* data, size_t rows, size_t columns, dv_error* err)
{
  if (rows < 2 || !columns)
    return dv_fail(err, DV_ERR_ARG, "A covariance needs at least 2 presets; there %s %zu", rows == 1 ? "is" : "are",
                   rows);
  for (size_t i = 0; i < rows * columns; ++i)
    if (!isfinite(data[i]))
      return dv_fail(err, DV_ERR_NONFINITE, "Row %zu, column %zu is not a finite number", i / columns, i % columns);
  return DV_OK;
}

/* From the first row on: the mean of a constant is then that constant, without a bit of variance. */
static void compute_mean(const double* data, dv_pca* pca)
{
  for (size_t r = 1; r < pca->rows; ++r)
    for (size_t c = 0; c < pca->columns; ++c) pca->mean[c] += data[r * pca->columns + c] - data[c];
  for (size_t c = 0; c < pca->columns; ++c) pca->mean[c] = data[c] + pca->mean[c] / (double)pca->rows;
}

/* Up to BLOCK_ROWS rows without the mean; returns their number. */
static size_t centre_block(const dv_pca* pca, const double* data, size_t rows, size_t first, double* block)
{
  const size_t columns = pca->columns, left = rows - first, count = left < BLOCK_ROWS ? left : BLOCK_ROWS;
  for (size_t r = 0; r < count; ++r)
    for (size_t c = 0; c < columns; ++c) block[r * columns + c] = data[(first + r) * columns + c] - pca->mean[c];
  return count;
}

static bool compute_covariance(const double* data, dv_pca* pca)
{
  const size_t n = pca->columns;
  double* block = malloc(BLOCK_ROWS * n * sizeof *block);
  if (!block) return false;
  for (size_t first = 0; first < pca->rows; first += BLOCK_ROWS) {
    const size_t count = centre_block(pca, data, pca->rows, first, block);
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, (blasint)n, (blasint)count, 1.0 / (double)(pca->rows - 1), block,
                (blasint)n, 1.0, pca->covariance, (blasint)n);
  }
  for (size_t i = 0; i < n; ++i)
    for (size_t j = i + 1; j < n; ++j) pca->covariance[i * n + j] = pca->covariance[j * n + i];
  free(block);
  return true;
}

static void fix_sign(double* vector, size_t n)
{
  size_t largest = 0;
  for (size_t i = 1; i < n; ++i)
    if (fabs(vector[i]) > fabs(vector[largest])) largest = i;
  const double sign = vector[largest] < 0.0 ? -1.0 : 1.0;
  for (size_t i = 0; i < n; ++i) vector[i] *= sign;
}

static void count_components(dv_pca* pca)
{
  const size_t most = pca->rows - 1 < pca->columns ? pca->rows - 1 : pca->columns;
  const double rounding = (double)pca->columns * DBL_EPSILON * pca->variance[0];
  while (pca->components < most && pca->variance[pca->components] > rounding) ++pca->components;
  for (size_t i = pca->components; i < pca->columns; ++i) pca->variance[i] = 0.0;
}

/* LAPACK gives rising eigenvalues and eigenvectors in columns. */
static dv_status decompose(dv_pca* pca, dv_error* err)
{
  const size_t n = pca->columns;
  double* vectors = malloc(n * n * sizeof *vectors);
  double* values = malloc(n * sizeof *values);
  dv_status status = vectors && values ? DV_OK : dv_fail(err, DV_ERR_NOMEM, "No memory for the components");
  if (!status) {
    memcpy(vectors, pca->covariance, n * n * sizeof *vectors);
    const lapack_int info = LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'V', 'L', (lapack_int)n, vectors, (lapack_int)n, values);
    if (info) status = dv_fail(err, DV_ERR_NONFINITE, "The components of the covariance could not be computed");
  }
  for (size_t i = 0; !status && i < n; ++i) {
    pca->variance[i] = values[n - 1 - i];
    for (size_t k = 0; k < n; ++k) pca->component[i * n + k] = vectors[k * n + n - 1 - i];
    fix_sign(pca->component + i * n, n);
  }
  free(vectors);
  free(values);
  if (!status) count_components(pca);
  return status;
}

dv_status dv_pca_fit(const double* data, size_t rows, size_t columns, dv_pca* pca, dv_error* err)
{
  *pca = (dv_pca){.rows = rows, .columns = columns};
  dv_status status = check_data(data, rows, columns, err);
  if (!status && !allocate(pca, columns)) status = dv_fail(err, DV_ERR_NOMEM, "No memory for the covariance");
  if (!status) {
    compute_mean(data, pca);
    if (!compute_covariance(data, pca)) status = dv_fail(err, DV_ERR_NOMEM, "No memory for the covariance");
  }
  for (size_t i = 0; !status && i < columns * columns; ++i)
    if (!isfinite(pca->covariance[i])) status = dv_fail(err, DV_ERR_NONFINITE, "The covariance overflows");
  if (!status) status = decompose(pca, err);
  if (status) dv_pca_free(pca);
  return status;
}

static void accumulate(const double* variance, size_t columns, double* cumulative)
{
  double total = 0.0, sum = 0.0;
  for (size_t i = 0; i < columns; ++i) total += variance[i];
  for (size_t i = 0; i < columns; ++i) {
    sum += variance[i];
    cumulative[i] = total > 0.0 ? sum / total : 0.0;
  }
}

void dv_pca_cumulative(const dv_pca* pca, double* cumulative) { accumulate(pca->variance, pca->columns, cumulative); }

void dv_pca_cumulative_projected(const dv_pca* pca, const double* data, size_t rows, double* cumulative)
{
  const size_t n = pca->columns;
  memset(cumulative, 0, n * sizeof *cumulative);
  for (size_t r = 0; r < rows; ++r)
    for (size_t i = 0; i < n; ++i) {
      double score;
      const double* component = pca->component + i * n;
      score = 0.0;
      for (size_t c = 0; c < n; ++c) score += (data[r * n + c] - pca->mean[c]) * component[c];
      cumulative[i] += score * score;
    }
  accumulate(cumulative, n, cumulative);
}

size_t dv_pca_components_for(const double* cumulative, size_t columns, double share)
{
  size_t count = 1;
  while (count < columns && cumulative[count - 1] < share) ++count;
  return count;
}

double dv_pca_area(const double* cumulative, size_t columns)
{
  double area = 0.0, before = 0.0;
  for (size_t i = 0; i < columns; ++i) {
    area += 0.5 * (before + cumulative[i]) / (double)columns;
    before = cumulative[i];
  }
  return area;
}

void dv_pca_scores(const dv_pca* pca, const double* data, size_t rows, size_t count, bool whiten, double* scores)
{
  const size_t n = pca->columns;
  for (size_t r = 0; r < rows; ++r)
    for (size_t i = 0; i < count; ++i) {
      double sum = 0.0;
      for (size_t c = 0; c < n; ++c) sum += (data[r * n + c] - pca->mean[c]) * pca->component[i * n + c];
      if (whiten) sum = i < pca->components ? sum / sqrt(pca->variance[i]) : 0.0;
      scores[r * count + i] = sum;
    }
}

dv_status dv_prior_estimate(const double* data, size_t rows, const char* source, dv_prior* prior, dv_error* err)
{
  dv_pca pca;
  dv_status status = dv_pca_fit(data, rows, DV_EFFECTIVE_COUNT, &pca, err);
  if (!status && !pca.components)
    status = dv_fail(err, DV_ERR_ARG, "All presets are equal: there is no spread to describe");
  memset(prior, 0, sizeof *prior);
  if (!status) {
    snprintf(prior->source, sizeof prior->source, "%s", source);
    prior->presets = rows;
    prior->components = pca.components;
    memcpy(prior->mean, pca.mean, sizeof prior->mean);
    memcpy(prior->covariance, pca.covariance, sizeof prior->covariance);
    memcpy(prior->variance, pca.variance, sizeof prior->variance);
    memcpy(prior->component, pca.component, pca.components * sizeof prior->component[0]);
  }
  dv_pca_free(&pca);
  return status;
}
