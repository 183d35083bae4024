/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/controls.h"

#include "dsp/realtime/convolver.h"

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

void dv_controls_advance(dv_controls* c)
{
  if (!c->moving) return;
  bool moving = false;
  for (int i = 0; i < DV_CONTROL_COUNT; ++i) {
    const double from = c->to[i], target = c->target[i];
    double lag = c->lag[i] + c->rate * (target - c->lag[i]), to = from + c->rate * (lag - from);
    if (fabs(target - to) <= c->near[i] && fabs(target - lag) <= c->near[i]) lag = to = target;
    c->from[i] = from;
    c->lag[i] = lag;
    c->to[i] = to;
    c->step[i] = (to - from) / DV_QUANTUM;
    moving = moving || to != from || to != target;
  }
  c->moving = moving;
}

bool dv_controls_changing(const dv_controls* c, dv_control first, int count)
{
  for (int i = 0; i < count && c->moving; ++i)
    if (c->step[(int)first + i] != 0.0) return true;
  return false;
}
