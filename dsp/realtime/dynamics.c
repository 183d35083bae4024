/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/dynamics.h"

#include "dsp/realtime/convolver.h"
#include "dsp/realtime/vector.h"

#include <math.h>

enum { SHAPE_CONTROLS = DV_CONTROL_MAKEUP - DV_CONTROL_AVERAGE }; /* the curve and the times */

static const double SOFT_S = 0.002;                 /* time constant of the softest g */
static const double FALL_S = 0.005, RISE_S = 0.060; /* from exact to softest and back */
static const double HOLD_S = 0.120;                 /* in which controls have landed */

bool dv_controls_set_compressor(dv_controls* c, const dv_compressor_coefs* k)
{
  const double nepers = M_LN10 / 20.0; /* per dB */
  const double shape[SHAPE_CONTROLS] = {k->average,          k->attack,
                                        k->release,          k->comp_slope * k->comp_threshold_db * nepers,
                                        k->comp_slope * 0.5, k->exp_slope * k->exp_threshold_db * nepers,
                                        k->exp_slope * 0.5};
  bool changed = false;
  for (int i = 0; i < SHAPE_CONTROLS; ++i) {
    changed = changed || c->target[DV_CONTROL_AVERAGE + i] != shape[i];
    dv_controls_set(c, (dv_control)(DV_CONTROL_AVERAGE + i), shape[i]);
  }
  dv_controls_set(c, DV_CONTROL_MAKEUP, k->makeup);
  return changed;
}

void dv_dynamics_init(dv_dynamics* d, double rate_hz)
{
  dv_softener* s = &d->softener;
  const double quantum_s = DV_QUANTUM / rate_hz;
  s->slowest = 1.0 - exp(-1.0 / (SOFT_S * rate_hz));
  s->fall = pow(s->slowest, fmin(quantum_s / FALL_S, 1.0));
  s->rise = pow(s->slowest, -quantum_s / RISE_S);
  s->hold_quanta = (int)ceil(HOLD_S / quantum_s);
  dv_dynamics_reset(d);
}

void dv_dynamics_reset(dv_dynamics* d)
{
  d->mean = 0.0;
  d->gain = d->softener.gain = 1.0;
  d->softener.from = d->softener.to = 1.0;
  d->softener.hold = 0;
}

void dv_dynamics_soften(dv_dynamics* d) { d->softener.hold = d->softener.hold_quanta; }

bool dv_dynamics_exact(const dv_dynamics* d)
{
  const dv_softener* s = &d->softener;
  return s->hold == 0 && s->from == 1.0 && s->to == 1.0;
}

void dv_dynamics_advance(dv_dynamics* d)
{
  dv_softener* s = &d->softener;
  if (dv_dynamics_exact(d)) return;
  s->from = s->to;
  if (s->from == 1.0) s->gain = d->gain;
  s->to = s->hold > 0 ? fmax(s->to * s->fall, s->slowest) : fmin(s->to * s->rise, 1.0);
  if (s->hold > 0) --s->hold;
}

static void soften(dv_softener* s, size_t at, float* g, size_t n)
{
  const double step = (s->to - s->from) / DV_QUANTUM;
  for (size_t i = 0; i < n; ++i) {
    s->gain += (s->from + step * (double)(at + i + 1)) * ((double)g[i] - s->gain);
    g[i] = (float)s->gain;
  }
}

DV_INLINE double at_sample(const dv_controls* c, dv_control which, size_t i)
{
  return c->from[which] + c->step[which] * (double)(i + 1);
}

DV_INLINE double mean_square(double mean, const dv_controls* c, size_t at, bool gliding, const float* x, float* m,
                             size_t n)
{
  const double average = c->from[DV_CONTROL_AVERAGE];
  for (size_t i = 0; i < n; ++i) {
    const double v = (double)x[i], square = v * v, power = square > DV_POWER_FLOOR ? square : DV_POWER_FLOOR;
    const double k = gliding ? at_sample(c, DV_CONTROL_AVERAGE, at + i) : average;
    mean = (1.0 - k) * mean + k * power;
    m[i] = (float)mean;
  }
  return mean;
}

/* In place: mean square -> the gain the static curve asks for. */
DV_INLINE void static_curve(const dv_controls* c, size_t at, float* m, size_t n)
{
  const dv_real co = (dv_real)c->from[DV_CONTROL_COMP_OFFSET], co_step = (dv_real)c->step[DV_CONTROL_COMP_OFFSET];
  const dv_real cs = (dv_real)c->from[DV_CONTROL_COMP_SLOPE], cs_step = (dv_real)c->step[DV_CONTROL_COMP_SLOPE];
  const dv_real eo = (dv_real)c->from[DV_CONTROL_EXP_OFFSET], eo_step = (dv_real)c->step[DV_CONTROL_EXP_OFFSET];
  const dv_real es = (dv_real)c->from[DV_CONTROL_EXP_SLOPE], es_step = (dv_real)c->step[DV_CONTROL_EXP_SLOPE];
  for (size_t i = 0; i < n; ++i) {
    const dv_real k = (dv_real)(int)(at + i + 1), level = dv_log((dv_real)m[i]);
    const dv_real comp = (co + co_step * k) - (cs + cs_step * k) * level;
    const dv_real expander = (eo + eo_step * k) - (es + es_step * k) * level;
    const dv_real lower = comp < expander ? comp : expander;
    m[i] = (float)dv_exp(lower < 0 ? lower : (dv_real)0);
  }
}

/* Attack when f < g is the smaller of the two candidates if attack is the faster, else the larger: taking
   both and comparing them afterwards is a shorter chain than choosing a coefficient first. */
DV_INLINE double smooth(double gain, const dv_controls* c, size_t at, bool gliding, const float* f, float* g, size_t n)
{
  const double attack = c->from[DV_CONTROL_ATTACK], release = c->from[DV_CONTROL_RELEASE];
  for (size_t i = 0; i < n; ++i) {
    const double a = gliding ? at_sample(c, DV_CONTROL_ATTACK, at + i) : attack;
    const double r = gliding ? at_sample(c, DV_CONTROL_RELEASE, at + i) : release;
    const double target = (double)f[i], falling = (1.0 - a) * gain + a * target, rising = (1.0 - r) * gain + r * target;
    if (a >= r) gain = falling < rising ? falling : rising;
    else gain = falling > rising ? falling : rising;
    g[i] = (float)gain;
  }
  return gain;
}

DV_HOT void dv_dynamics_process(dv_dynamics* d, const dv_controls* c, size_t at, const float* x, float* g, size_t n)
{
  float f[DV_QUANTUM];
  if (dv_controls_changing(c, DV_CONTROL_AVERAGE, SHAPE_CONTROLS)) {
    d->mean = mean_square(d->mean, c, at, true, x, f, n);
    static_curve(c, at, f, n);
    d->gain = smooth(d->gain, c, at, true, f, g, n);
  } else {
    d->mean = mean_square(d->mean, c, at, false, x, f, n);
    static_curve(c, at, f, n);
    d->gain = smooth(d->gain, c, at, false, f, g, n);
  }
  if (d->softener.from != 1.0 || d->softener.to != 1.0) soften(&d->softener, at, g, n);
}
