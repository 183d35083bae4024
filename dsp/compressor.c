/* SPDX-License-Identifier: MIT */
#include "dsp/compressor.h"

#include "dsp/simd.h"

#include <math.h>

/* Below this the expander's slope explodes; raw logits of real presets stay far
 * away. */
static const double MIN_EXP_RATIO = 1e-6;

/* The same time constant at another rate: (1 - coef) per sample becomes its
 * power. */
static double coef_at_rate(double coef, double rate_hz)
{
  return rate_hz == DV_MODEL_RATE_HZ ? coef : -expm1(DV_MODEL_RATE_HZ / rate_hz * log1p(-coef));
}

static double coef_at_rate_slope(double coef, double rate_hz)
{
  const double power = DV_MODEL_RATE_HZ / rate_hz;
  return rate_hz == DV_MODEL_RATE_HZ ? 1.0 : power * exp((power - 1.0) * log1p(-coef));
}

void dv_compressor_coeffs(const dv_compressor_params* p, double rate_hz, dv_compressor_coefs* c)
{
  c->average = coef_at_rate(p->average_coef, rate_hz);
  c->attack = coef_at_rate(p->attack_coef, rate_hz);
  c->release = coef_at_rate(p->release_coef, rate_hz);
  c->comp_threshold_db = p->comp_threshold_db;
  c->exp_threshold_db = p->exp_threshold_db;
  c->comp_slope = 1.0 - 1.0 / p->comp_ratio;
  c->exp_slope = 1.0 - 1.0 / fmax(p->exp_ratio, MIN_EXP_RATIO);
  c->makeup = pow(10.0, p->makeup_db / 20.0);
  c->lookahead_samples = p->lookahead_ms * 1e-3 * rate_hz;
}

void dv_compressor_coeffs_vjp(const dv_compressor_params* p, double rate_hz, const dv_compressor_coefs* gc,
                              dv_compressor_params* gp)
{
  gp->average_coef += gc->average * coef_at_rate_slope(p->average_coef, rate_hz);
  gp->attack_coef += gc->attack * coef_at_rate_slope(p->attack_coef, rate_hz);
  gp->release_coef += gc->release * coef_at_rate_slope(p->release_coef, rate_hz);
  gp->comp_threshold_db += gc->comp_threshold_db;
  gp->exp_threshold_db += gc->exp_threshold_db;
  gp->comp_ratio += gc->comp_slope / (p->comp_ratio * p->comp_ratio);
  if (p->exp_ratio > MIN_EXP_RATIO) gp->exp_ratio += gc->exp_slope / (p->exp_ratio * p->exp_ratio);
  gp->makeup_db += gc->makeup * pow(10.0, p->makeup_db / 20.0) * M_LN10 / 20.0;
  gp->lookahead_ms += gc->lookahead_samples * 1e-3 * rate_hz;
}

void dv_lookahead_span(double rate_hz, int* before, int* after)
{
  *before = (int)floor(rate_hz * 0.001);
  *after = (int)floor(rate_hz * 0.016) - *before;
}

void dv_lookahead_taps(double lookahead_samples, int before, int after, double* taps)
{
  /* sinc(j - D) = (-1)^j sin(-pi D) / (pi (j - D)), exact also for D near an
   * integer */
  const double nearest = round(lookahead_samples), fraction = lookahead_samples - nearest;
  const double numerator = -sin(M_PI * fraction) / M_PI;
  for (int j = -before; j <= after; ++j) {
    const double k = j - nearest, t = k - fraction;
    const double sign = fmod(k, 2.0) == 0.0 ? 1.0 : -1.0;
    taps[before + j] = fabs(t) < 1e-9 ? 1.0 : sign * numerator / t;
  }
}

double dv_compressor_curve_db(const dv_compressor_coefs* c, double level_db)
{
  return fmin(0.0,
              fmin(c->comp_slope * (c->comp_threshold_db - level_db), c->exp_slope * (c->exp_threshold_db - level_db)));
}

void dv_compressor_reset(dv_compressor_state* state)
{
  for (int l = 0; l < DV_LANES; ++l) {
    state->mean[l] = 0.0;
    state->gain[l] = 1.0;
  }
}

/* One memory-bound pass would mix recursions with transcendental functions;
   blocks that stay in the first-level cache let each loop vectorise by itself.
 */
enum { BLOCK = 512 };

DV_INLINE void mean_square(double average, const dv_real* x, size_t n, dv_lanes* state, dv_real* mean)
{
  const dv_lanes floor = dv_lanes_set(DV_POWER_FLOOR);
  dv_lanes m = *state;
  for (size_t i = 0; i < n; ++i) {
    const dv_lanes v = dv_lanes_load(x + i * DV_LANES), square = v * v;
    const dv_lanes power = dv_lanes_select(square > floor, square, floor);
    m += average * (power - m);
    dv_lanes_store(mean + i * DV_LANES, m);
  }
  *state = m;
}

/* f from m, the static curve in natural-log units: f = exp(min(0, comp_a -
 * comp_b ln m, ...)). */
typedef struct {
  dv_real comp_offset, comp_slope, exp_offset, exp_slope;
} curve;

static curve curve_of(const dv_compressor_coefs* c)
{
  const double nepers = M_LN10 / 20.0; /* per dB */
  return (curve){(dv_real)(c->comp_slope * c->comp_threshold_db * nepers), (dv_real)(c->comp_slope * 0.5),
                 (dv_real)(c->exp_slope * c->exp_threshold_db * nepers), (dv_real)(c->exp_slope * 0.5)};
}

/* The curve's argument at a level ln m, and which branch of the three-way
 * minimum it took. */
DV_INLINE dv_real curve_at(curve c, dv_real level)
{
  const dv_real comp = c.comp_offset - c.comp_slope * level, expander = c.exp_offset - c.exp_slope * level;
  const dv_real lower = comp < expander ? comp : expander;
  return lower < 0 ? lower : (dv_real)0;
}

DV_INLINE void static_curve(curve c, const dv_real* mean, size_t count, dv_real* target)
{
  for (size_t i = 0; i < count; ++i) target[i] = dv_exp(curve_at(c, dv_log(mean[i])));
}

typedef int8_t lane_bytes __attribute__((vector_size(DV_LANES)));

DV_INLINE void smooth(double attack, double release, const dv_real* target, size_t n, dv_lanes* state, dv_real* gain,
                      int8_t* falling)
{
  const dv_lanes at = dv_lanes_set(attack), rt = dv_lanes_set(release);
  dv_lanes g = *state;
  for (size_t i = 0; i < n; ++i) {
    const dv_lanes f = dv_lanes_load(target + i * DV_LANES);
    const dv_lanes_mask mask = f < g;
    g += dv_lanes_select(mask, at, rt) * (f - g);
    dv_lanes_store(gain + i * DV_LANES, g);
    if (falling) {
      const lane_bytes bytes = __builtin_convertvector(mask, lane_bytes);
      memcpy(falling + i * DV_LANES, &bytes, sizeof bytes);
    }
  }
  *state = g;
}

DV_HOT void dv_compressor_gain_forward(const dv_compressor_coefs* c, const dv_real* x, size_t n,
                                       dv_compressor_state* state, const dv_compressor_tape* tape)
{
  dv_real mean_block[BLOCK * DV_LANES], target_block[BLOCK * DV_LANES];
  const curve shape = curve_of(c);
  dv_lanes mean_state, gain_state;
  memcpy(&mean_state, state->mean, sizeof mean_state);
  memcpy(&gain_state, state->gain, sizeof gain_state);
  for (size_t start = 0; start < n; start += BLOCK) {
    const size_t frames = n - start < BLOCK ? n - start : BLOCK, at = start * DV_LANES, count = frames * DV_LANES;
    dv_real* mean = tape->mean ? tape->mean + at : mean_block;
    dv_real* target = tape->target ? tape->target + at : target_block;
    mean_square(c->average, x + at, frames, &mean_state, mean);
    static_curve(shape, mean, count, target);
    smooth(c->attack, c->release, target, frames, &gain_state, tape->gain + at,
           tape->falling ? tape->falling + at : NULL);
  }
  memcpy(state->mean, &mean_state, sizeof mean_state);
  memcpy(state->gain, &gain_state, sizeof gain_state);
}

/* Per block of the backward pass: ln m, and the slope that the branch taken has
 * there. */
typedef struct {
  dv_real level[BLOCK * DV_LANES], comp[BLOCK * DV_LANES], expander[BLOCK * DV_LANES];
} curve_block;

/* comp and expander become 1 where the minimum took that branch, else 0. */
DV_INLINE void curve_branches(curve c, const dv_real* mean, size_t count, curve_block* b)
{
  for (size_t i = 0; i < count; ++i) {
    const dv_real level = dv_log(mean[i]);
    const dv_real comp = c.comp_offset - c.comp_slope * level, expander = c.exp_offset - c.exp_slope * level;
    const dv_real lower = comp < expander ? comp : expander;
    b->level[i] = level;
    b->comp[i] = lower < 0 && comp < expander ? (dv_real)1 : (dv_real)0;
    b->expander[i] = lower < 0 && !(comp < expander) ? (dv_real)1 : (dv_real)0;
  }
}

DV_INLINE dv_lanes_mask lanes_mask(const int8_t* bytes)
{
  lane_bytes b;
  memcpy(&b, bytes, sizeof b);
  return __builtin_convertvector(b, dv_lanes_mask);
}

/* Sums over all samples, one per lane. */
typedef struct {
  dv_lanes attack, release, average, comp, comp_level, expander, exp_level;
} sums;

/* Adjoint of the two recursions and the curve, backwards over the samples.
     lambda[n] = gg[n] + (1 - k[n+1]) lambda[n+1]      gf[n] = k[n] lambda[n]
     gk       += lambda[n] (f[n] - g[n-1])
     u[n]      = gf[n] f[n]                            (dL/d ln f)
     gm[n]     = -slope u[n] / (2 m[n])
     mu[n]     = gm[n] + (1 - avg) mu[n+1]             gp[n] = avg mu[n]
     gavg     += mu[n] (p[n] - m[n-1])                 gx[n] = 2 x[n] gp[n]
   unless floored */
DV_HOT void dv_compressor_gain_backward_block(const dv_compressor_coefs* c, const dv_real* x,
                                              const dv_compressor_tape* tape, const dv_compressor_state* before,
                                              const dv_real* gg, dv_real* gx, size_t n, dv_compressor_adjoint* adjoint,
                                              dv_compressor_coefs* gc)
{
  const dv_lanes zero = {0}, one = dv_lanes_set(1.0), floor = dv_lanes_set(DV_POWER_FLOOR);
  dv_lanes lambda, mu, keep, first_gain, first_mean;
  memcpy(&lambda, adjoint->lambda, sizeof lambda);
  memcpy(&mu, adjoint->mu, sizeof mu);
  memcpy(&keep, adjoint->keep, sizeof keep);
  memcpy(&first_gain, before->gain, sizeof first_gain);
  memcpy(&first_mean, before->mean, sizeof first_mean);
  const dv_lanes at = dv_lanes_set(c->attack), rt = dv_lanes_set(c->release);
  const curve shape = curve_of(c);
  sums s = {0};
  curve_block block;
  for (size_t end = n; end > 0;) {
    const size_t start = (end - 1) / BLOCK * BLOCK;
    curve_branches(shape, tape->mean + start * DV_LANES, (end - start) * DV_LANES, &block);
    for (size_t i = end; i-- > start;) {
      const size_t in_block = (i - start) * DV_LANES;
      const dv_lanes f = dv_lanes_load(tape->target + i * DV_LANES), m = dv_lanes_load(tape->mean + i * DV_LANES);
      const dv_lanes g_before = i ? dv_lanes_load(tape->gain + (i - 1) * DV_LANES) : first_gain;
      const dv_lanes m_before = i ? dv_lanes_load(tape->mean + (i - 1) * DV_LANES) : first_mean;
      const dv_lanes_mask falling = lanes_mask(tape->falling + i * DV_LANES);
      const dv_lanes k = dv_lanes_select(falling, at, rt);
      lambda = dv_lanes_load(gg + i * DV_LANES) + keep * lambda;
      keep = one - k;
      const dv_lanes gk = lambda * (f - g_before);
      s.attack += dv_lanes_select(falling, gk, zero);
      s.release += dv_lanes_select(falling, zero, gk);

      const dv_lanes u = k * lambda * f, ln_m = dv_lanes_load(block.level + in_block);
      const dv_lanes comp = u * dv_lanes_load(block.comp + in_block);
      const dv_lanes expander = u * dv_lanes_load(block.expander + in_block);
      s.comp += comp;
      s.comp_level += comp * ln_m;
      s.expander += expander;
      s.exp_level += expander * ln_m;

      mu = (1.0 - c->average) * mu - 0.5 * (c->comp_slope * comp + c->exp_slope * expander) / m;
      const dv_lanes v = dv_lanes_load(x + i * DV_LANES), square = v * v;
      const dv_lanes_mask above = square > floor;
      s.average += mu * (dv_lanes_select(above, square, floor) - m_before);
      if (gx) {
        const dv_lanes add = dv_lanes_select(above, 2.0 * c->average * mu * v, zero);
        dv_lanes_store(gx + i * DV_LANES, dv_lanes_load(gx + i * DV_LANES) + add);
      }
    }
    end = start;
  }
  memcpy(adjoint->lambda, &lambda, sizeof lambda);
  memcpy(adjoint->mu, &mu, sizeof mu);
  memcpy(adjoint->keep, &keep, sizeof keep);
  const double nepers = M_LN10 / 20.0;
  gc->attack += dv_lanes_sum(s.attack);
  gc->release += dv_lanes_sum(s.release);
  gc->average += dv_lanes_sum(s.average);
  gc->comp_threshold_db += c->comp_slope * nepers * dv_lanes_sum(s.comp);
  gc->exp_threshold_db += c->exp_slope * nepers * dv_lanes_sum(s.expander);
  gc->comp_slope += nepers * c->comp_threshold_db * dv_lanes_sum(s.comp) - 0.5 * dv_lanes_sum(s.comp_level);
  gc->exp_slope += nepers * c->exp_threshold_db * dv_lanes_sum(s.expander) - 0.5 * dv_lanes_sum(s.exp_level);
}

void dv_compressor_gain_backward(const dv_compressor_coefs* c, const dv_real* x, const dv_compressor_tape* tape,
                                 const dv_real* gg, dv_real* gx, size_t n, dv_compressor_coefs* gc)
{
  dv_compressor_state before;
  dv_compressor_adjoint adjoint = {0};
  dv_compressor_reset(&before);
  dv_compressor_gain_backward_block(c, x, tape, &before, gg, gx, n, &adjoint, gc);
}

void dv_compressor_branches(const dv_compressor_coefs* c, const dv_real* x, const dv_compressor_tape* tape, size_t n,
                            uint8_t* branches)
{
  const curve shape = curve_of(c);
  for (size_t i = 0; i < n * DV_LANES; ++i) {
    curve_block one;
    curve_branches(shape, tape->mean + i, 1, &one);
    const bool floored = !((double)x[i] * (double)x[i] > DV_POWER_FLOOR);
    branches[i] = (uint8_t)((floored ? DV_BRANCH_FLOOR : 0) | (one.comp[0] > 0 ? DV_BRANCH_COMP : 0) |
                            (one.expander[0] > 0 ? DV_BRANCH_EXP : 0) | (tape->falling[i] ? DV_BRANCH_ATTACK : 0));
  }
}
