/* SPDX-License-Identifier: MIT */
/* Private: S-curves for crossfades that last whole quanta. */
#ifndef DIFFVOX_RT_FADE_H
#define DIFFVOX_RT_FADE_H

#include "dsp/realtime/convolver.h"
#include "dsp/simd.h"

#include <math.h>

static const double DV_FADE_S = 0.04;

/* Quanta a crossfade lasts at a rate. */
static inline int dv_fade_quanta(double rate_hz) { return (int)ceil(DV_FADE_S * rate_hz / DV_QUANTUM); }

/* Weight of the new side at sample i of quantum q of `quanta`: 0 .. 1 without corners. */
DV_INLINE float dv_fade_weight(int q, int quanta, int i)
{
  const float t = ((float)(q * DV_QUANTUM + i) + 0.5f) / (float)(quanta * DV_QUANTUM);
  return t * t * (3.0f - 2.0f * t);
}

#endif
