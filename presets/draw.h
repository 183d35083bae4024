/* SPDX-License-Identifier: MIT */
/* Private: normal draws from the project's generator. */
#ifndef DIFFVOX_DRAW_H
#define DIFFVOX_DRAW_H

#include "dsp/random.h"

#include <math.h>

/* N(0, 1) by Box and Muller; two uniforms a draw. */
static inline double dv_draw_normal(uint64_t* state)
{
  const double radius = sqrt(-2.0 * log(dv_random_uniform(state)));
  return radius * cos(2.0 * M_PI * dv_random_uniform(state));
}

#endif
