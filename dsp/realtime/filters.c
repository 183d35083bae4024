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

/* All sections in one loop: their recursions overlap in the processor's pipeline.  The last term is the only one
   that waits for the sample before. */
DV_HOT static void mono_constant(dv_mono_eq* eq, const dv_controls* c, float* x, size_t n)
{
  dv_biquad b[DV_MONO_SECTIONS];
  double one[DV_MONO_SECTIONS + 1], two[DV_MONO_SECTIONS + 1];
  for (int k = 0; k < DV_MONO_SECTIONS; ++k) b[k] = biquad_at(c, DV_CONTROL_EQ + k * DV_BIQUAD_CONTROLS, 0.0);
  for (int k = 0; k <= DV_MONO_SECTIONS; ++k) {
    one[k] = eq->past[k][0];
    two[k] = eq->past[k][1];
  }
  for (size_t i = 0; i < n; ++i) {
    double v = (double)x[i];
#pragma GCC unroll 6
    for (int k = 0; k < DV_MONO_SECTIONS; ++k) {
      const double known = b[k].b1 * one[k] + b[k].b2 * two[k] - b[k].a2 * two[k + 1];
      two[k] = one[k];
      one[k] = v;
      v = (b[k].b0 * v + known) - b[k].a1 * one[k + 1];
    }
    two[DV_MONO_SECTIONS] = one[DV_MONO_SECTIONS];
    one[DV_MONO_SECTIONS] = v;
    x[i] = (float)v;
  }
  for (int k = 0; k <= DV_MONO_SECTIONS; ++k) {
    eq->past[k][0] = one[k];
    eq->past[k][1] = two[k];
  }
}

DV_HOT static void mono_gliding(dv_mono_eq* eq, const dv_controls* c, size_t at, float* x, size_t n)
{
  for (size_t i = 0; i < n; ++i) {
    double v = (double)x[i];
    for (int k = 0; k <= DV_MONO_SECTIONS; ++k) {
      double* past = eq->past[k];
      double next = v;
      if (k < DV_MONO_SECTIONS) {
        const dv_biquad b = biquad_at(c, DV_CONTROL_EQ + k * DV_BIQUAD_CONTROLS, (double)(at + i));
        const double* out = eq->past[k + 1];
        next = b.b0 * v + b.b1 * past[0] + b.b2 * past[1] - b.a1 * out[0] - b.a2 * out[1];
      }
      past[1] = past[0];
      past[0] = v;
      v = next;
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

/* `sections` and `gliding` are compile-time constants, so that the states live in registers. */
DV_INLINE void pair_run(double (*past)[2][2], int sections, const dv_controls* c, int first, bool gliding, float* l,
                        float* r)
{
  dv_biquad b[DV_STEREO_SECTIONS];
  dv_d2 one[DV_STEREO_SECTIONS + 1], two[DV_STEREO_SECTIONS + 1];
  for (int k = 0; k < sections; ++k) b[k] = biquad_at(c, first + k * DV_BIQUAD_CONTROLS, 0.0);
  for (int k = 0; k <= sections; ++k) {
    one[k] = (dv_d2){past[k][0][0], past[k][0][1]};
    two[k] = (dv_d2){past[k][1][0], past[k][1][1]};
  }
  for (int i = 0; i < DV_QUANTUM; ++i) {
    dv_d2 v = {(double)l[i], (double)r[i]};
#pragma GCC unroll 4
    for (int k = 0; k < sections; ++k) {
      if (gliding) b[k] = biquad_at(c, first + k * DV_BIQUAD_CONTROLS, i);
      const dv_d2 known = b[k].b1 * one[k] + b[k].b2 * two[k] - b[k].a2 * two[k + 1];
      two[k] = one[k];
      one[k] = v;
      v = (b[k].b0 * v + known) - b[k].a1 * one[k + 1];
    }
    two[sections] = one[sections];
    one[sections] = v;
    l[i] = (float)v[0];
    r[i] = (float)v[1];
  }
  for (int k = 0; k <= sections; ++k)
    for (int ch = 0; ch < 2; ++ch) {
      past[k][0][ch] = one[k][ch];
      past[k][1][ch] = two[k][ch];
    }
}

DV_HOT void dv_stereo_eq_process(dv_stereo_eq* eq, const dv_controls* c, float* left, float* right)
{
  if (dv_controls_changing(c, DV_CONTROL_REVERB_EQ, DV_STEREO_SECTIONS * DV_BIQUAD_CONTROLS))
    pair_run(eq->past, DV_STEREO_SECTIONS, c, DV_CONTROL_REVERB_EQ, true, left, right);
  else
    pair_run(eq->past, DV_STEREO_SECTIONS, c, DV_CONTROL_REVERB_EQ, false, left, right);
}

DV_HOT void dv_pair_process(dv_pair_state* state, const dv_controls* c, int first, float* a, float* b)
{
  if (dv_controls_changing(c, (dv_control)first, DV_BIQUAD_CONTROLS))
    pair_run(state->past, 1, c, first, true, a, b);
  else
    pair_run(state->past, 1, c, first, false, a, b);
}
