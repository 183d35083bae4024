/* SPDX-License-Identifier: MIT */
#include "presets/nearest.h"

#include <math.h>
#include <string.h>

double dv_preset_mse(const double a[DV_EFFECTIVE_COUNT], const double b[DV_EFFECTIVE_COUNT])
{
  double sum = 0.0;
  for (int k = 0; k < DV_EFFECTIVE_COUNT; ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum / DV_EFFECTIVE_COUNT;
}

size_t dv_collection_nearest(const dv_collection* corpus, const double target[DV_EFFECTIVE_COUNT], const char* except,
                             double* mse)
{
  size_t nearest = corpus->count;
  double smallest = (double)INFINITY;
  for (size_t i = 0; i < corpus->count; ++i) {
    if (except && !strcmp(corpus->entries[i].name, except)) continue;
    const double error = dv_preset_mse(dv_collection_row(corpus, i), target);
    if (!(error < smallest)) continue;
    smallest = error;
    nearest = i;
  }
  if (mse) *mse = smallest;
  return nearest;
}
