/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/filters.h"

#include "dsp/realtime/convolver.h"
#include "dsp/realtime/vector.h"

void dv_controls_set_biquad(dv_controls* c, int first, const dv_biquad* b)
{
  const double value[DV_BIQUAD_CONTROLS] = {b->b0, b->b1, b->b2, b->a1, b->a2};
  for (int i = 0; i < DV_BIQUAD_CONTROLS; ++i) dv_controls_set(c, (dv_control)(first + i), value[i]);
}

/* The same section of two cascades. */
typedef struct {
  dv_d2 b0, b1, b2, a1, a2;
} section2;

/* Sections `first` and `second` (indices of controls) at samples i and j of the quantum. */
DV_INLINE section2 section2_at(const dv_controls* c, int first, double i, int second, double j)
{
  const double *f = c->from + first, *fd = c->step + first, *g = c->from + second, *gd = c->step + second;
  i += 1.0;
  j += 1.0;
  return (section2){{f[0] + i * fd[0], g[0] + j * gd[0]},
                    {f[1] + i * fd[1], g[1] + j * gd[1]},
                    {f[2] + i * fd[2], g[2] + j * gd[2]},
                    {f[3] + i * fd[3], g[3] + j * gd[3]},
                    {f[4] + i * fd[4], g[4] + j * gd[4]}};
}

enum { MAX_PLACES = DV_STEREO_SECTIONS + 1 };

/* Two cascades of up to four sections, in registers while they run. */
typedef struct {
  section2 section[MAX_PLACES - 1];
  dv_d2 one[MAX_PLACES], two[MAX_PLACES];
} cascade2;

/* In all that follows `sections` and `gliding` are compile-time constants. */
DV_INLINE void cascade2_load(cascade2* s, int sections, double (*past)[2][2])
{
  for (int k = 0; k <= sections; ++k) {
    s->one[k] = (dv_d2){past[k][0][0], past[k][0][1]};
    s->two[k] = (dv_d2){past[k][1][0], past[k][1][1]};
  }
}

DV_INLINE void cascade2_store(const cascade2* s, int sections, double (*past)[2][2])
{
  for (int k = 0; k <= sections; ++k)
    for (int l = 0; l < 2; ++l) {
      past[k][0][l] = s->one[k][l];
      past[k][1][l] = s->two[k][l];
    }
}

/* The last term is the only one that waits for the sample before. */
DV_INLINE dv_d2 cascade2_tick(cascade2* s, int sections, dv_d2 v)
{
#pragma GCC unroll 4
  for (int k = 0; k < sections; ++k) {
    const section2 b = s->section[k];
    const dv_d2 known = b.b1 * s->one[k] + b.b2 * s->two[k] - b.a2 * s->two[k + 1];
    s->two[k] = s->one[k];
    s->one[k] = v;
    v = (b.b0 * v + known) - b.a1 * s->one[k + 1];
  }
  s->two[sections] = s->one[sections];
  s->one[sections] = v;
  return v;
}

/* Takes one lane back to what it was before a tick. */
DV_INLINE void cascade2_restore(cascade2* s, int sections, const cascade2* before, int lane)
{
  for (int k = 0; k <= sections; ++k) {
    s->one[k][lane] = before->one[k][lane];
    s->two[k][lane] = before->two[k][lane];
  }
}

/* ---- mono ------------------------------------------------------------------------------------------------ */

enum {
  HALF = DV_MONO_SECTIONS / 2,
  SKEW = 4 /* samples between the halves: as long as it takes to pass through one of them */
};

DV_INLINE void mono_sections(cascade2* s, const dv_controls* c, double i, double skew)
{
#pragma GCC unroll 3
  for (int k = 0; k < HALF; ++k)
    s->section[k] = section2_at(c, DV_CONTROL_EQ + k * DV_BIQUAD_CONTROLS, i,
                                DV_CONTROL_EQ + (k + HALF) * DV_BIQUAD_CONTROLS, i - skew);
}

/* The first three sections work on sample i while the last three work on what they gave for sample i - skew.  At
   the start of a call the last three have nothing to do yet, at its end the first three no more: their memory is
   taken back to where it was. */
DV_INLINE void mono_run(dv_mono_eq* eq, const dv_controls* c, bool gliding, size_t at, float* x, size_t n)
{
  const size_t skew = n < SKEW ? n : SKEW;
  double halfway[DV_QUANTUM];
  cascade2 s, before;
  mono_sections(&s, c, (double)at, (double)skew);
  cascade2_load(&s, HALF, eq->past);
  before = s;
  for (size_t i = 0; i < skew; ++i) {
    if (gliding) mono_sections(&s, c, (double)(at + i), (double)skew);
    halfway[i] = cascade2_tick(&s, HALF, (dv_d2){(double)x[i], 0.0})[0];
  }
  cascade2_restore(&s, HALF, &before, 1);
  for (size_t i = skew; i < n; ++i) {
    if (gliding) mono_sections(&s, c, (double)(at + i), (double)skew);
    const dv_d2 v = cascade2_tick(&s, HALF, (dv_d2){(double)x[i], halfway[i - skew]});
    halfway[i] = v[0];
    x[i - skew] = (float)v[1];
  }
  before = s;
  for (size_t i = n; i < n + skew; ++i) {
    if (gliding) mono_sections(&s, c, (double)(at + i), (double)skew);
    x[i - skew] = (float)cascade2_tick(&s, HALF, (dv_d2){0.0, halfway[i - skew]})[1];
  }
  cascade2_restore(&s, HALF, &before, 0);
  cascade2_store(&s, HALF, eq->past);
}

DV_HOT void dv_mono_eq_process(dv_mono_eq* eq, const dv_controls* c, size_t at, float* x, size_t n)
{
  if (n == 0) return;
  if (dv_controls_changing(c, DV_CONTROL_EQ, DV_MONO_SECTIONS * DV_BIQUAD_CONTROLS)) mono_run(eq, c, true, at, x, n);
  else mono_run(eq, c, false, at, x, n);
}

/* ---- two signals ----------------------------------------------------------------------------------------- */

DV_INLINE void pair_sections(cascade2* s, int sections, const dv_controls* c, int first, double i)
{
#pragma GCC unroll 4
  for (int k = 0; k < sections; ++k)
    s->section[k] = section2_at(c, first + k * DV_BIQUAD_CONTROLS, i, first + k * DV_BIQUAD_CONTROLS, i);
}

DV_INLINE void pair_run(double (*past)[2][2], int sections, const dv_controls* c, int first, bool gliding, float* l,
                        float* r)
{
  cascade2 s;
  pair_sections(&s, sections, c, first, 0.0);
  cascade2_load(&s, sections, past);
  for (int i = 0; i < DV_QUANTUM; ++i) {
    if (gliding) pair_sections(&s, sections, c, first, i);
    const dv_d2 v = cascade2_tick(&s, sections, (dv_d2){(double)l[i], (double)r[i]});
    l[i] = (float)v[0];
    r[i] = (float)v[1];
  }
  cascade2_store(&s, sections, past);
}

DV_HOT void dv_stereo_eq_process(dv_stereo_eq* eq, const dv_controls* c, float* left, float* right)
{
  if (dv_controls_changing(c, DV_CONTROL_REVERB_EQ, DV_STEREO_SECTIONS * DV_BIQUAD_CONTROLS))
    pair_run(eq->past, DV_STEREO_SECTIONS, c, DV_CONTROL_REVERB_EQ, true, left, right);
  else pair_run(eq->past, DV_STEREO_SECTIONS, c, DV_CONTROL_REVERB_EQ, false, left, right);
}

/* ---- eight signals --------------------------------------------------------------------------------------- */

typedef double octet __attribute__((vector_size(8 * DV_OCTET)));
_Static_assert((int)DV_OCTET == (int)DV_F8, "a row of samples is one vector");

/* b0, b1, b2, a1, a2 at sample i. */
DV_INLINE void octet_section(octet section[DV_BIQUAD_CONTROLS], const dv_controls* c, int first, double i)
{
  for (int k = 0; k < DV_BIQUAD_CONTROLS; ++k)
    section[k] = (c->from[first + k] + (i + 1.0) * c->step[first + k]) - (octet){0};
}

DV_INLINE void octet_run(dv_octet_state* state, const dv_controls* c, int first, bool gliding, float* x, size_t stride)
{
  octet s[DV_BIQUAD_CONTROLS], x1, x2, y1, y2;
  memcpy(&x1, state->past[0][0], sizeof x1);
  memcpy(&x2, state->past[0][1], sizeof x2);
  memcpy(&y1, state->past[1][0], sizeof y1);
  memcpy(&y2, state->past[1][1], sizeof y2);
  octet_section(s, c, first, 0.0);
  for (int start = 0; start < DV_QUANTUM; start += DV_F8) {
    dv_f8 row[DV_F8]; /* signals, then samples */
    for (size_t k = 0; k < DV_F8; ++k) row[k] = dv_f8_loadu(x + k * stride + start);
    dv_f8_transpose(row);
    for (int i = 0; i < DV_F8; ++i) {
      if (gliding) octet_section(s, c, first, start + i);
      const octet in = __builtin_convertvector(row[i], octet);
      const octet known = s[0] * in + (s[1] * x1 + s[2] * x2 - s[4] * y2);
      y2 = y1;
      x2 = x1;
      x1 = in;
      y1 = known - s[3] * y1;
      row[i] = __builtin_convertvector(y1, dv_f8);
    }
    dv_f8_transpose(row);
    for (size_t k = 0; k < DV_F8; ++k) dv_f8_storeu(x + k * stride + start, row[k]);
  }
  memcpy(state->past[0][0], &x1, sizeof x1);
  memcpy(state->past[0][1], &x2, sizeof x2);
  memcpy(state->past[1][0], &y1, sizeof y1);
  memcpy(state->past[1][1], &y2, sizeof y2);
}

DV_HOT void dv_octet_process(dv_octet_state* state, const dv_controls* c, int first, float* x, size_t stride)
{
  if (dv_controls_changing(c, (dv_control)first, DV_BIQUAD_CONTROLS)) octet_run(state, c, first, true, x, stride);
  else octet_run(state, c, first, false, x, stride);
}
