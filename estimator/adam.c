/* SPDX-License-Identifier: MIT */
#include "estimator/adam.h"

#include <math.h>
#include <stdbool.h>

const dv_adam_options dv_adam_default_options = {0.01, 0.9, 0.999, 1e-8};

void dv_adam_init(dv_adam* adam, size_t n, double* m, double* v)
{
  *adam = (dv_adam){.n = n, .m = m, .v = v};
  for (size_t i = 0; i < n; ++i) m[i] = v[i] = 0.0;
}

static bool in_unit_interval(double beta) { return beta >= 0.0 && beta < 1.0; }

static bool not_negative(double x) { return x >= 0.0 && isfinite(x); }

dv_status dv_adam_step(dv_adam* adam, const dv_adam_options* o, const double* gradient, double* theta)
{
  if (!(not_negative(o->learning_rate) && not_negative(o->epsilon) && in_unit_interval(o->beta1) &&
        in_unit_interval(o->beta2)))
    return DV_ERR_ARG;
  for (size_t i = 0; i < adam->n; ++i)
    if (!isfinite(gradient[i])) return DV_ERR_NONFINITE;
  adam->step++;
  const double step_size = o->learning_rate / (1.0 - pow(o->beta1, (double)adam->step));
  const double root = sqrt(1.0 - pow(o->beta2, (double)adam->step));
  for (size_t i = 0; i < adam->n; ++i) {
    const double g = gradient[i];
    adam->m[i] += (1.0 - o->beta1) * (g - adam->m[i]);
    adam->v[i] = o->beta2 * adam->v[i] + (1.0 - o->beta2) * g * g;
    theta[i] -= step_size * (adam->m[i] / (sqrt(adam->v[i]) / root + o->epsilon));
  }
  return DV_OK;
}
