/* SPDX-License-Identifier: MIT */
#include "presets/cluster.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A slot holds a cluster; joining two keeps the first slot and empties the second. */
typedef struct {
  size_t n;
  double* squared; /* n x n, both halves */
  size_t* cluster; /* of each slot */
  size_t* size;    /* 0: empty */
} slots;

static dv_status square_distances(const double* distance, slots* s, dv_error* err)
{
  for (size_t i = 0; i < s->n; ++i)
    for (size_t j = i + 1; j < s->n; ++j) {
      const double d = distance[i * s->n + j];
      if (!(d >= 0.0) || isinf(d))
        return dv_fail(err, DV_ERR_ARG, "The distance between items %zu and %zu is %g; clustering wants numbers from 0",
                       i, j, d);
      s->squared[i * s->n + j] = s->squared[j * s->n + i] = d * d;
    }
  return DV_OK;
}

static void find_nearest(const slots* s, size_t* first, size_t* second)
{
  double best = (double)INFINITY;
  for (size_t i = 0; i < s->n; ++i)
    for (size_t j = i + 1; s->size[i] && j < s->n; ++j)
      if (s->size[j] && s->squared[i * s->n + j] < best) {
        best = s->squared[i * s->n + j];
        *first = i;
        *second = j;
      }
}

static void join(slots* s, size_t i, size_t j)
{
  const size_t n = s->n;
  const double ni = (double)s->size[i], nj = (double)s->size[j], between = s->squared[i * n + j];
  for (size_t k = 0; k < n; ++k) {
    if (!s->size[k] || k == i || k == j) continue;
    const double nk = (double)s->size[k];
    const double joined =
      ((ni + nk) * s->squared[i * n + k] + (nj + nk) * s->squared[j * n + k] - nk * between) / (ni + nj + nk);
    s->squared[i * n + k] = s->squared[k * n + i] = fmax(joined, 0.0);
  }
  s->size[i] += s->size[j];
  s->size[j] = 0;
}

static void merge_all(slots* s, dv_merge* merges)
{
  for (size_t k = 0; k + 1 < s->n; ++k) {
    size_t i = 0, j = 0;
    find_nearest(s, &i, &j);
    const size_t a = s->cluster[i], b = s->cluster[j];
    const double height = sqrt(s->squared[i * s->n + j]);
    join(s, i, j);
    merges[k] = (dv_merge){a < b ? a : b, a < b ? b : a, height, s->size[i]};
    s->cluster[i] = s->n + k;
  }
}

dv_status dv_ward(const double* distance, size_t n, dv_merge* merges, dv_error* err)
{
  if (!n) return dv_fail(err, DV_ERR_ARG, "There is nothing to cluster");
  slots s = {n, calloc(n * n, sizeof(double)), calloc(n, sizeof(size_t)), calloc(n, sizeof(size_t))};
  dv_status status = s.squared && s.cluster && s.size ? DV_OK : DV_ERR_NOMEM;
  if (status) dv_fail(err, status, "No memory to cluster %zu items", n);
  if (!status) status = square_distances(distance, &s, err);
  for (size_t i = 0; !status && i < n; ++i) {
    s.cluster[i] = i;
    s.size[i] = 1;
  }
  if (!status) merge_all(&s, merges);
  free(s.squared);
  free(s.cluster);
  free(s.size);
  return status;
}

/* Writes the leaves of a cluster from order[at] on; returns the place behind them. */
static size_t write_leaves(const dv_merge* merges, size_t n, size_t cluster, size_t* order, size_t at)
{
  if (cluster < n) {
    order[at] = cluster;
    return at + 1;
  }
  at = write_leaves(merges, n, merges[cluster - n].left, order, at);
  return write_leaves(merges, n, merges[cluster - n].right, order, at);
}

void dv_ward_order(const dv_merge* merges, size_t n, size_t* order)
{
  if (n) write_leaves(merges, n, 2 * n - 2, order, 0);
}
