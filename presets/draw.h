/* SPDX-License-Identifier: MIT */
/* Private: uniform and normal draws from the project's generator. */
#ifndef DIFFVOX_DRAW_H
#define DIFFVOX_DRAW_H

#include "dsp/random.h"

#include <math.h>

/* Between 0 and 1, neither of them. */
static inline double dv_draw_uniform(uint64_t* state)
{
  return ((double)(dv_random(state) >> 11) + 0.5) / 9007199254740992.0;
}

/* N(0, 1) by Box and Muller; two uniforms a draw. */
static inline double dv_draw_normal(uint64_t* state)
{
  const double radius = sqrt(-2.0 * log(dv_draw_uniform(state)));
  return radius * cos(2.0 * M_PI * dv_draw_uniform(state));
}

#endif
