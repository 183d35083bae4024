/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/filters.h"

#include "dsp/realtime/convolver.h"
#include "dsp/realtime/vector.h"

void dv_controls_set_biquad(dv_controls* c, int first, const dv_biquad* b)
{
  const double value[DV_BIQUAD_CONTROLS] = {b->b0, b->b1, b->b2, b->a1, b->a2};
  for (int i = 0; i < DV_BIQUAD_CONTROLS; ++i) dv_controls_set(c, (dv_control)(first + i), value[i]);
}

/* Coefficients at sample i of the quantum. */
DV_INLINE dv_biquad biquad_at(const dv_controls* c, int first, double i)
{
  const double *f = c->from + first, *d = c->step + first, k = i + 1.0;
  return (dv_biquad){f[0] + k * d[0], f[1] + k * d[1], f[2] + k * d[2], f[3] + k * d[3], f[4] + k * d[4]};
}

DV_INLINE double tick(const dv_biquad* b, double x, double* s1, double* s2)
{
  const double y = b->b0 * x + *s1;
  *s1 = b->b1 * x - b->a1 * y + *s2;
  *s2 = b->b2 * x - b->a2 * y;
  return y;
}

/* All sections in one loop: their recursions overlap in the processor's pipeline. */
DV_HOT static void mono_constant(dv_mono_eq* eq, const dv_controls* c, float* x, size_t n)
{
  dv_biquad b[DV_MONO_SECTIONS];
  dv_mono_eq s = *eq;
  for (int k = 0; k < DV_MONO_SECTIONS; ++k) b[k] = biquad_at(c, DV_CONTROL_EQ + k * DV_BIQUAD_CONTROLS, 0.0);
  for (size_t i = 0; i < n; ++i) {
    double v = (double)x[i];
#pragma GCC unroll 6
    for (int k = 0; k < DV_MONO_SECTIONS; ++k) v = tick(&b[k], v, &s.s1[k], &s.s2[k]);
    x[i] = (float)v;
  }
  *eq = s;
}

DV_HOT static void mono_gliding(dv_mono_eq* eq, const dv_controls* c, size_t at, float* x, size_t n)
{
  for (size_t i = 0; i < n; ++i) {
    double v = (double)x[i];
    for (int k = 0; k < DV_MONO_SECTIONS; ++k) {
      const dv_biquad b = biquad_at(c, DV_CONTROL_EQ + k * DV_BIQUAD_CONTROLS, (double)(at + i));
      v = tick(&b, v, &eq->s1[k], &eq->s2[k]);
    }
    x[i] = (float)v;
  }
}

void dv_mono_eq_process(dv_mono_eq* eq, const dv_controls* c, size_t at, float* x, size_t n)
{
  if (dv_controls_changing(c, DV_CONTROL_EQ, DV_MONO_SECTIONS * DV_BIQUAD_CONTROLS))
    mono_gliding(eq, c, at, x, n);
  else
    mono_constant(eq, c, x, n);
}

DV_INLINE dv_d2 tick2(const dv_biquad* b, dv_d2 x, dv_d2* s1, dv_d2* s2)
{
  const dv_d2 y = b->b0 * x + *s1;
  *s1 = b->b1 * x - b->a1 * y + *s2;
  *s2 = b->b2 * x - b->a2 * y;
  return y;
}

/* `sections` is a compile-time constant, so that the states live in registers. */
DV_INLINE void pair_run(dv_pair_state* state, int sections, const dv_controls* c, int first, bool gliding, float* l,
                        float* r)
{
  dv_biquad b[DV_STEREO_SECTIONS];
  dv_d2 s1[DV_STEREO_SECTIONS], s2[DV_STEREO_SECTIONS];
  for (int k = 0; k < sections; ++k) {
    b[k] = biquad_at(c, first + k * DV_BIQUAD_CONTROLS, 0.0);
    s1[k] = (dv_d2){state[k].s1[0], state[k].s1[1]};
    s2[k] = (dv_d2){state[k].s2[0], state[k].s2[1]};
  }
  for (int i = 0; i < DV_QUANTUM; ++i) {
    dv_d2 v = {(double)l[i], (double)r[i]};
#pragma GCC unroll 4
    for (int k = 0; k < sections; ++k) {
      if (gliding) b[k] = biquad_at(c, first + k * DV_BIQUAD_CONTROLS, i);
      v = tick2(&b[k], v, &s1[k], &s2[k]);
    }
    l[i] = (float)v[0];
    r[i] = (float)v[1];
  }
  for (int k = 0; k < sections; ++k)
    for (int ch = 0; ch < 2; ++ch) {
      state[k].s1[ch] = s1[k][ch];
      state[k].s2[ch] = s2[k][ch];
    }
}

DV_HOT void dv_stereo_eq_process(dv_stereo_eq* eq, const dv_controls* c, float* left, float* right)
{
  if (dv_controls_changing(c, DV_CONTROL_REVERB_EQ, DV_STEREO_SECTIONS * DV_BIQUAD_CONTROLS))
    pair_run(eq->section, DV_STEREO_SECTIONS, c, DV_CONTROL_REVERB_EQ, true, left, right);
  else
    pair_run(eq->section, DV_STEREO_SECTIONS, c, DV_CONTROL_REVERB_EQ, false, left, right);
}

DV_HOT void dv_pair_process(dv_pair_state* state, const dv_controls* c, int first, float* a, float* b)
{
  if (dv_controls_changing(c, (dv_control)first, DV_BIQUAD_CONTROLS))
    pair_run(state, 1, c, first, true, a, b);
  else
    pair_run(state, 1, c, first, false, a, b);
}
