/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/controls.h"

#include "dsp/realtime/convolver.h"
#include "dsp/simd.h"

#include <math.h>
#include <string.h>

static const double TIME_CONSTANT_S = 0.008; /* of each one-pole */
static const double NEAR = 1e-4;             /* share of a jump that is made in the last ramp */

void dv_controls_init(dv_controls* c, double rate_hz)
{
  memset(c, 0, sizeof *c);
  c->rate = 1.0 - exp(-DV_QUANTUM / (rate_hz * TIME_CONSTANT_S));
}

void dv_controls_set(dv_controls* c, dv_control which, double target)
{
  if (c->target[which] == target) return;
  c->target[which] = target;
  c->near[which] = NEAR * fabs(target - c->to[which]);
  c->moving = true;
}

void dv_controls_snap(dv_controls* c)
{
  memcpy(c->lag, c->target, sizeof c->lag);
  memcpy(c->from, c->target, sizeof c->from);
  memcpy(c->to, c->target, sizeof c->to);
  memset(c->step, 0, sizeof c->step);
  c->moving = false;
}

/* Without branches, so that controls are advanced side by side. */
DV_HOT static bool advance_all(dv_controls* c)
{
  const double rate = c->rate;
  int64_t moving = 0;
  for (int i = 0; i < DV_CONTROL_COUNT; ++i) {
    const double from = c->to[i], target = c->target[i];
    const double lag = c->lag[i] + rate * (target - c->lag[i]), to = from + rate * (lag - from);
    const double off = fabs(target - to), off_lag = fabs(target - lag), further = off > off_lag ? off : off_lag;
    const double next = further <= c->near[i] ? target : to;
    c->from[i] = from;
    c->lag[i] = further <= c->near[i] ? target : lag;
    c->to[i] = next;
    c->step[i] = (next - from) / DV_QUANTUM;
    moving |= (next != from) | (next != target);
  }
  return moving != 0;
}

void dv_controls_advance(dv_controls* c)
{
  if (c->moving) c->moving = advance_all(c);
}

bool dv_controls_changing(const dv_controls* c, dv_control first, int count)
{
  for (int i = 0; i < count && c->moving; ++i)
    if (c->step[(int)first + i] != 0.0) return true;
  return false;
}
