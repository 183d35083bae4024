/* SPDX-License-Identifier: MIT */
#include "dsp/biquad.h"

#include "dsp/simd.h"

#include <math.h>

typedef enum { PEAK, LOWSHELF, HIGHSHELF, LOWPASS, HIGHPASS } band_kind;

/* The cookbook's intermediate values. */
typedef struct {
  double a; /* A = 10^(gain/40); 1 for passes */
  double cos_w, sin_w, alpha, q;
  double w_per_hz; /* dw0/df: 0 where the frequency is clamped */
} band;

/* Numerator and denominator before division by a0. */
typedef struct {
  double b0, b1, b2, a0, a1, a2;
} unscaled;

static band band_of(double gain_db, double freq_hz, double q, double rate_hz)
{
  const bool clamped = freq_hz > DV_MAX_FREQ_RATIO * rate_hz;
  const double w = 2.0 * M_PI * (clamped ? DV_MAX_FREQ_RATIO : freq_hz / rate_hz);
  return (band){.a = pow(10.0, gain_db / 40.0),
                .cos_w = cos(w),
                .sin_w = sin(w),
                .alpha = sin(w) / (2.0 * q),
                .q = q,
                .w_per_hz = clamped ? 0.0 : 2.0 * M_PI / rate_hz};
}

static unscaled unscaled_of(band_kind kind, const band* t)
{
  const double a = t->a, c = t->cos_w, al = t->alpha, s = 2.0 * sqrt(a) * al, up = a + 1.0, down = a - 1.0;
  switch (kind) {
  case PEAK: return (unscaled){1 + al * a, -2 * c, 1 - al * a, 1 + al / a, -2 * c, 1 - al / a};
  case LOWSHELF:
    return (unscaled){a * (up - down * c + s), 2 * a * (down - up * c), a * (up - down * c - s),
                      up + down * c + s,       -2 * (down + up * c),    up + down * c - s};
  case HIGHSHELF:
    return (unscaled){a * (up + down * c + s), -2 * a * (down + up * c), a * (up + down * c - s),
                      up - down * c + s,       2 * (down - up * c),      up - down * c - s};
  case LOWPASS: return (unscaled){(1 - c) / 2, 1 - c, (1 - c) / 2, 1 + al, -2 * c, 1 - al};
  case HIGHPASS: break;
  }
  return (unscaled){(1 + c) / 2, -(1 + c), (1 + c) / 2, 1 + al, -2 * c, 1 - al};
}

/* Adjoint of unscaled_of: gradients with respect to A, cos w0 and alpha. */
static void unscaled_vjp(band_kind kind, const band* t, const unscaled* g, double* ga, double* gc, double* gal)
{
  const double a = t->a, c = t->cos_w, al = t->alpha, root = sqrt(a), s = 2.0 * root * al;
  const double up = a + 1.0, down = a - 1.0, s_a = al / root, s_al = 2.0 * root;
  switch (kind) {
  case PEAK:
    *ga = (g->b0 - g->b2) * al - (g->a0 - g->a2) * al / (a * a);
    *gc = -2 * (g->b1 + g->a1);
    *gal = (g->b0 - g->b2) * a + (g->a0 - g->a2) / a;
    return;
  case LOWSHELF:
    *ga = g->b0 * (up - down * c + s + a * (1 - c + s_a)) + g->b1 * 2 * (down - up * c + a * (1 - c)) +
          g->b2 * (up - down * c - s + a * (1 - c - s_a)) + g->a0 * (1 + c + s_a) - g->a1 * 2 * (1 + c) +
          g->a2 * (1 + c - s_a);
    *gc = -(g->b0 + g->b2) * a * down - g->b1 * 2 * a * up + (g->a0 + g->a2) * down - g->a1 * 2 * up;
    *gal = s_al * ((g->b0 - g->b2) * a + g->a0 - g->a2);
    return;
  case HIGHSHELF:
    *ga = g->b0 * (up + down * c + s + a * (1 + c + s_a)) - g->b1 * 2 * (down + up * c + a * (1 + c)) +
          g->b2 * (up + down * c - s + a * (1 + c - s_a)) + g->a0 * (1 - c + s_a) + g->a1 * 2 * (1 - c) +
          g->a2 * (1 - c - s_a);
    *gc = (g->b0 + g->b2) * a * down - g->b1 * 2 * a * up - (g->a0 + g->a2) * down - g->a1 * 2 * up;
    *gal = s_al * ((g->b0 - g->b2) * a + g->a0 - g->a2);
    return;
  case LOWPASS:
  case HIGHPASS: {
    const double sign = kind == LOWPASS ? -1.0 : 1.0;
    *ga = 0.0;
    *gc = sign * (g->b0 + g->b2) / 2 - g->b1 - 2 * g->a1;
    *gal = g->a0 - g->a2;
    return;
  }
  }
}

static void coeffs(band_kind kind, double gain_db, double freq_hz, double q, double rate_hz, dv_biquad* c)
{
  const band t = band_of(gain_db, freq_hz, q, rate_hz);
  const unscaled u = unscaled_of(kind, &t);
  *c = (dv_biquad){u.b0 / u.a0, u.b1 / u.a0, u.b2 / u.a0, u.a1 / u.a0, u.a2 / u.a0};
}

static void coeffs_vjp(band_kind kind, double gain_db, double freq_hz, double q, double rate_hz, const dv_biquad* gc,
                       double* g_gain, double* g_freq, double* g_q)
{
  const band t = band_of(gain_db, freq_hz, q, rate_hz);
  const unscaled u = unscaled_of(kind, &t);
  unscaled g = {gc->b0 / u.a0, gc->b1 / u.a0, gc->b2 / u.a0, 0.0, gc->a1 / u.a0, gc->a2 / u.a0};
  g.a0 = -(g.b0 * u.b0 + g.b1 * u.b1 + g.b2 * u.b2 + g.a1 * u.a1 + g.a2 * u.a2) / u.a0;
  double g_a, g_cos, g_alpha;
  unscaled_vjp(kind, &t, &g, &g_a, &g_cos, &g_alpha);
  if (g_gain) *g_gain += g_a * t.a * M_LN10 / 40.0;
  *g_freq += (g_alpha * t.cos_w / (2.0 * t.q) - g_cos * t.sin_w) * t.w_per_hz;
  if (g_q) *g_q -= g_alpha * t.alpha / t.q;
}

void dv_peak_coeffs(const dv_peak_params* p, double rate_hz, dv_biquad* c)
{
  coeffs(PEAK, p->gain_db, p->freq_hz, p->q, rate_hz, c);
}
void dv_lowshelf_coeffs(const dv_shelf_params* p, double rate_hz, dv_biquad* c)
{
  coeffs(LOWSHELF, p->gain_db, p->freq_hz, DV_SHELF_Q, rate_hz, c);
}
void dv_highshelf_coeffs(const dv_shelf_params* p, double rate_hz, dv_biquad* c)
{
  coeffs(HIGHSHELF, p->gain_db, p->freq_hz, DV_SHELF_Q, rate_hz, c);
}
void dv_lowpass_coeffs(const dv_pass_params* p, double rate_hz, dv_biquad* c)
{
  coeffs(LOWPASS, 0.0, p->freq_hz, p->q, rate_hz, c);
}
void dv_highpass_coeffs(const dv_pass_params* p, double rate_hz, dv_biquad* c)
{
  coeffs(HIGHPASS, 0.0, p->freq_hz, p->q, rate_hz, c);
}

void dv_peak_coeffs_vjp(const dv_peak_params* p, double rate_hz, const dv_biquad* gc, dv_peak_params* gp)
{
  coeffs_vjp(PEAK, p->gain_db, p->freq_hz, p->q, rate_hz, gc, &gp->gain_db, &gp->freq_hz, &gp->q);
}
void dv_lowshelf_coeffs_vjp(const dv_shelf_params* p, double rate_hz, const dv_biquad* gc, dv_shelf_params* gp)
{
  coeffs_vjp(LOWSHELF, p->gain_db, p->freq_hz, DV_SHELF_Q, rate_hz, gc, &gp->gain_db, &gp->freq_hz, NULL);
}
void dv_highshelf_coeffs_vjp(const dv_shelf_params* p, double rate_hz, const dv_biquad* gc, dv_shelf_params* gp)
{
  coeffs_vjp(HIGHSHELF, p->gain_db, p->freq_hz, DV_SHELF_Q, rate_hz, gc, &gp->gain_db, &gp->freq_hz, NULL);
}
void dv_lowpass_coeffs_vjp(const dv_pass_params* p, double rate_hz, const dv_biquad* gc, dv_pass_params* gp)
{
  coeffs_vjp(LOWPASS, 0.0, p->freq_hz, p->q, rate_hz, gc, NULL, &gp->freq_hz, &gp->q);
}
void dv_highpass_coeffs_vjp(const dv_pass_params* p, double rate_hz, const dv_biquad* gc, dv_pass_params* gp)
{
  coeffs_vjp(HIGHPASS, 0.0, p->freq_hz, p->q, rate_hz, gc, NULL, &gp->freq_hz, &gp->q);
}

double dv_biquad_gain_db(const dv_biquad* c, double freq_hz, double rate_hz)
{
  const double w = 2.0 * M_PI * freq_hz / rate_hz;
  const double nr = c->b0 + c->b1 * cos(w) + c->b2 * cos(2 * w), ni = c->b1 * sin(w) + c->b2 * sin(2 * w);
  const double dr = 1.0 + c->a1 * cos(w) + c->a2 * cos(2 * w), di = c->a1 * sin(w) + c->a2 * sin(2 * w);
  return 10.0 * log10((nr * nr + ni * ni) / (dr * dr + di * di));
}

/* All sections in one pass over the samples: each section alone is bound by the
   latency of its recursion, together they fill the pipeline.  `sections` is a
   constant in every caller, so the loops unroll. */
DV_INLINE void cascade(const dv_biquad* c, int sections, const dv_real* x, dv_real* y, size_t n,
                       dv_cascade_state* state, dv_real* tape)
{
  dv_lanes s1[DV_CASCADE_MAX], s2[DV_CASCADE_MAX];
  for (int k = 0; k < sections; ++k) {
    memcpy(&s1[k], state->s1[k], sizeof s1[k]);
    memcpy(&s2[k], state->s2[k], sizeof s2[k]);
  }
  for (size_t i = 0; i < n; ++i) {
    dv_lanes v = dv_lanes_load(x + i * DV_LANES);
    for (int k = 0; k < sections; ++k) {
      const dv_lanes out = c[k].b0 * v + s1[k];
      s1[k] = c[k].b1 * v - c[k].a1 * out + s2[k];
      s2[k] = c[k].b2 * v - c[k].a2 * out;
      v = out;
      if (tape) dv_lanes_store(tape + ((size_t)k * n + i) * DV_LANES, out);
    }
    dv_lanes_store(y + i * DV_LANES, v);
  }
  for (int k = 0; k < sections; ++k) {
    memcpy(state->s1[k], &s1[k], sizeof s1[k]);
    memcpy(state->s2[k], &s2[k], sizeof s2[k]);
  }
}

DV_HOT void dv_cascade_forward(const dv_biquad* c, int sections, const dv_real* x, dv_real* y, size_t n,
                               dv_cascade_state* state, dv_real* tape)
{
  switch (sections) {
  case 1: cascade(c, 1, x, y, n, state, tape); break;
  case 2: cascade(c, 2, x, y, n, state, tape); break;
  case 3: cascade(c, 3, x, y, n, state, tape); break;
  case 4: cascade(c, 4, x, y, n, state, tape); break;
  case 5: cascade(c, 5, x, y, n, state, tape); break;
  case 6: cascade(c, 6, x, y, n, state, tape); break;
  default: break;
  }
}

/* lambda_k = adjoint of section k's recursion, running backwards through the
   same poles: l[n]  = gy[n] - a1 l[n+1] - a2 l[n+2] gx[n] = b0 l[n] + b1 l[n+1]
   + b2 l[n+2] and dL/db_j = sum l[n] x[n-j], dL/da_j = - sum l[n] y[n-j]. */
DV_INLINE void cascade_adjoint(const dv_biquad* c, int sections, const dv_real* x, const dv_real* tape,
                               const dv_real* gy, dv_real* gx, size_t n, dv_cascade_adjoint* state, dv_biquad* gc)
{
  const dv_lanes zero = {0};
  dv_lanes l1[DV_CASCADE_MAX], l2[DV_CASCADE_MAX], gb0[DV_CASCADE_MAX], gb1[DV_CASCADE_MAX], gb2[DV_CASCADE_MAX],
    ga1[DV_CASCADE_MAX], ga2[DV_CASCADE_MAX];
  for (int k = 0; k < sections; ++k) {
    memcpy(&l1[k], state->l1[k], sizeof l1[k]);
    memcpy(&l2[k], state->l2[k], sizeof l2[k]);
    gb0[k] = gb1[k] = gb2[k] = ga1[k] = ga2[k] = zero;
  }
  for (size_t i = n; i-- > 0;) {
    dv_lanes g = dv_lanes_load(gy + i * DV_LANES);
    for (int k = sections - 1; k >= 0; --k) {
      const dv_real* in = k ? tape + (size_t)(k - 1) * n * DV_LANES : x;
      const dv_real* out = tape + (size_t)k * n * DV_LANES;
      const dv_lanes l = g - c[k].a1 * l1[k] - c[k].a2 * l2[k];
      const dv_lanes in0 = dv_lanes_load(in + i * DV_LANES), out0 = dv_lanes_load(out + i * DV_LANES);
      /* l1 = l[i+1] meets x[i] in dL/db1, and so on */
      gb0[k] += l * in0;
      gb1[k] += l1[k] * in0;
      gb2[k] += l2[k] * in0;
      ga1[k] -= l1[k] * out0;
      ga2[k] -= l2[k] * out0;
      g = c[k].b0 * l + c[k].b1 * l1[k] + c[k].b2 * l2[k];
      l2[k] = l1[k];
      l1[k] = l;
    }
    if (gx) dv_lanes_store(gx + i * DV_LANES, dv_lanes_load(gx + i * DV_LANES) + g);
  }
  for (int k = 0; k < sections; ++k) {
    memcpy(state->l1[k], &l1[k], sizeof l1[k]);
    memcpy(state->l2[k], &l2[k], sizeof l2[k]);
    gc[k].b0 += dv_lanes_sum(gb0[k]);
    gc[k].b1 += dv_lanes_sum(gb1[k]);
    gc[k].b2 += dv_lanes_sum(gb2[k]);
    gc[k].a1 += dv_lanes_sum(ga1[k]);
    gc[k].a2 += dv_lanes_sum(ga2[k]);
  }
}

DV_HOT void dv_cascade_backward_block(const dv_biquad* c, int sections, const dv_real* x, const dv_real* tape,
                                      const dv_real* gy, dv_real* gx, size_t n, dv_cascade_adjoint* state,
                                      dv_biquad* gc)
{
  switch (sections) {
  case 1: cascade_adjoint(c, 1, x, tape, gy, gx, n, state, gc); break;
  case 2: cascade_adjoint(c, 2, x, tape, gy, gx, n, state, gc); break;
  case 3: cascade_adjoint(c, 3, x, tape, gy, gx, n, state, gc); break;
  case 4: cascade_adjoint(c, 4, x, tape, gy, gx, n, state, gc); break;
  case 5: cascade_adjoint(c, 5, x, tape, gy, gx, n, state, gc); break;
  case 6: cascade_adjoint(c, 6, x, tape, gy, gx, n, state, gc); break;
  default: break;
  }
}

void dv_cascade_backward(const dv_biquad* c, int sections, const dv_real* x, const dv_real* tape, const dv_real* gy,
                         dv_real* gx, size_t n, dv_biquad* gc)
{
  dv_cascade_adjoint state = {0};
  dv_cascade_backward_block(c, sections, x, tape, gy, gx, n, &state, gc);
}
