/* SPDX-License-Identifier: MIT */
#include "presets/prior.h"
#include "presets/draw.h"
#include "presets/folders.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

void dv_prior_move(const dv_prior* prior, size_t component, double sigmas, double raw[DV_PARAM_COUNT])
{
  if (component < prior->components)
    dv_effective_add(prior->component[component], sigmas * sqrt(prior->variance[component]), raw);
  dv_raw_clamp(raw);
}

void dv_prior_sample(const dv_prior* prior, uint64_t* state, double raw[DV_PARAM_COUNT])
{
  dv_effective_to_raw(prior->mean, raw);
  for (size_t i = 0; i < prior->components; ++i)
    dv_effective_add(prior->component[i], sqrt(prior->variance[i]) * dv_draw_normal(state), raw);
}

static double project(const double direction[DV_EFFECTIVE_COUNT], const double mean[DV_EFFECTIVE_COUNT],
                      const double effective[DV_EFFECTIVE_COUNT])
{
  double sum = 0.0;
  for (int k = 0; k < DV_EFFECTIVE_COUNT; ++k) sum += direction[k] * (effective[k] - mean[k]);
  return sum;
}

void dv_prior_whiten(const dv_prior* prior, const double effective[DV_EFFECTIVE_COUNT],
                     double scores[DV_EFFECTIVE_COUNT])
{
  memset(scores, 0, DV_EFFECTIVE_COUNT * sizeof *scores);
  for (size_t i = 0; i < prior->components; ++i)
    scores[i] = project(prior->component[i], prior->mean, effective) / sqrt(prior->variance[i]);
}

double dv_prior_log_density(const dv_prior* prior, const double effective[DV_EFFECTIVE_COUNT], double weight,
                            double gradient[DV_EFFECTIVE_COUNT])
{
  double sum = 0.0;
  for (size_t i = 0; i < prior->components; ++i) {
    const double score = project(prior->component[i], prior->mean, effective);
    sum -= 0.5 * (score * score / prior->variance[i] + log(2.0 * M_PI * prior->variance[i]));
    for (int k = 0; gradient && k < DV_EFFECTIVE_COUNT; ++k)
      gradient[k] -= weight * score / prior->variance[i] * prior->component[i][k];
  }
  return sum;
}

dv_status dv_prior_resolve(const char* name, dv_prior* prior, dv_error* err)
{
  char folder[PATH_MAX], path[PATH_MAX];
  if (strcmp(name, "internal") != 0) return dv_prior_read(name, prior, err);
  for (size_t i = 0; i < DV_PRESET_FOLDERS; ++i)
    if (dv_prior_folder(i, folder) && dv_path_join(path, folder, "internal.json") && !access(path, F_OK))
      return dv_prior_read(path, prior, err);
  return dv_fail(err, DV_ERR_ARG, "No prior 'internal' where factory presets are; set DIFFVOX_PRESETS");
}
