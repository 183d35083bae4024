/* SPDX-License-Identifier: MIT */
#include "dsp/gradcheck.h"

#include "dsp/coefficients.h"
#include "dsp/fft.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

double dv_gradcheck_norm(const double gradient[DV_PARAM_COUNT], dv_effect effect)
{
  double sum = 0.0;
  for (int i = 0; i < DV_PARAM_COUNT; ++i)
    if (dv_parameter_at(i)->effect == effect) sum += gradient[i] * gradient[i];
  return sqrt(sum);
}

uint64_t dv_gradcheck_digest(uint64_t digest, const void* bytes, size_t count)
{
  const uint8_t* b = bytes;
  for (size_t i = 0; i < count; ++i) digest = (digest ^ b[i] ^ 0xcbf29ce484222325ULL) * 0x100000001b3ULL;
  return digest;
}

dv_status dv_gradcheck_begin(dv_gradcheck* check)
{
  dv_gradcheck_point point = {0};
  const dv_status status = check->function(check->context, check->theta, &point);
  check->branches = point.branches;
  return status;
}

/* One stencil. */
static dv_gradcheck_entry try_step(const dv_gradcheck* check, size_t index, double step, double gradient)
{
  static const struct {
    double at, weight;
  } stencil[] = {{-2.0, 1.0 / 12.0}, {-1.0, -8.0 / 12.0}, {1.0, 8.0 / 12.0}, {2.0, -1.0 / 12.0}};
  static const dv_gradcheck_entry skipped = {(double)NAN, (double)NAN, DV_GRADCHECK_SKIPPED};
  double *at = &check->theta[index], magnitude = 0.0;
  const double centre = *at;
  bool kink = false;
  dv_gradcheck_entry e = {0.0, 0.0, DV_GRADCHECK_AGREES};
  for (size_t i = 0; i < sizeof stencil / sizeof *stencil; ++i) {
    dv_gradcheck_point point = {0};
    *at = centre + stencil[i].at * step;
    if (check->function(check->context, check->theta, &point)) point.value = (double)NAN;
    else kink = kink || point.branches != check->branches;
    e.finite += stencil[i].weight / step * point.value;
    magnitude = fmax(magnitude, point.magnitude);
  }
  *at = centre;
  if (kink) return skipped;
  const double off = fabs(e.finite - gradient), rounding = 1024.0 * DBL_EPSILON * magnitude / step;
  e.error = off == 0.0 ? 0.0 : off / fmax(fabs(gradient), 1e-3 * check->norm);
  if (e.error <= check->tolerance) return e;
  e.verdict = DV_GRADCHECK_DIFFERS; /* also when it is NaN */
  return off <= rounding ? skipped : e;
}

dv_gradcheck_entry dv_gradcheck_one(const dv_gradcheck* check, size_t index, double step, double gradient)
{
  static const int octaves[] = {0, -1, -2, -3, -4, -5, -6, -7, 1, 2, 3, 4, 5, 6, 7, -8, -9, -10, -11, -12, -13, -14};
  dv_gradcheck_entry best = {(double)NAN, (double)NAN, DV_GRADCHECK_SKIPPED};
  for (size_t i = 0; i < sizeof octaves / sizeof *octaves; ++i) {
    const dv_gradcheck_entry e = try_step(check, index, ldexp(step, octaves[i]), gradient);
    if (e.verdict == DV_GRADCHECK_AGREES) return e;
    if (e.verdict == DV_GRADCHECK_DIFFERS && !(best.error <= e.error)) best = e;
  }
  return best;
}

uint64_t dv_gradcheck_compressor(uint64_t digest, const dv_compressor_coefs* c, const dv_real* x,
                                 const dv_compressor_tape* tape, size_t n, uint8_t* branches)
{
  const double met = 1e-10;
  dv_compressor_branches(c, x, tape, n, branches);
  for (size_t i = 0; i < n * DV_LANES; ++i) {
    const double before = i < DV_LANES ? 1.0 : (double)tape->gain[i - DV_LANES];
    if (fabs((double)tape->target[i] - before) <= met * before) branches[i] &= (uint8_t)~DV_BRANCH_ATTACK;
  }
  return dv_gradcheck_digest(digest, branches, n * DV_LANES);
}

double dv_gradcheck_step(int index, double raw, double rate_hz)
{
  const dv_parameter* p = dv_parameter_at(index);
  const double samples_per_ms = 1e-3 * rate_hz, fine = 2e-4;
  if (p->map == DV_MAP_FOLD) return 0.005 / samples_per_ms;
  if (strcmp(p->unit, "ms") == 0) { /* echo k moves by k steps */
    const double s = 1.0 / (1.0 + exp(-raw));
    return fmin(fine, 0.001 / (samples_per_ms * (p->maximum - p->minimum) * s * (1.0 - s)));
  }
  return strcmp(p->unit, "dB") == 0 ? 1e-3 : fine;
}

/* --- The whole chain ---------------------------------------------------------------------------------- */

struct dv_gradcheck_chain {
  double rate_hz;
  size_t samples;
  dv_chain* chain;
  dv_real *x, *y, *w;
  /* the compressor's input and tape once more, for its branches */
  dv_real *lanes, *mean, *target, *gain;
  int8_t* falling;
  uint8_t* branches;
};

static double uniform(uint64_t* seed) /* xorshift64*, -1 .. 1 */
{
  *seed ^= *seed >> 12;
  *seed ^= *seed << 25;
  *seed ^= *seed >> 27;
  return (double)((*seed * 2685821657736338717ULL) >> 11) / 4503599627370496.0 - 1.0;
}

/* Random signs under a swell from -30 to -6 dBFS: white, yet of smooth power, so that few branches are close. */
static void write_signal(size_t active, uint64_t* seed, dv_real* x)
{
  for (size_t i = 0; i < active; ++i) {
    const double level_db = -18.0 - 12.0 * cos(6.0 * M_PI * (double)i / (double)active);
    x[i] = (dv_real)((uniform(seed) < 0.0 ? -1.0 : 1.0) * pow(10.0, level_db / 20.0));
  }
}

dv_gradcheck_chain* dv_gradcheck_chain_new(double rate_hz, size_t active, size_t samples, uint64_t seed, dv_error* err)
{
  dv_gradcheck_chain* c = calloc(1, sizeof *c);
  const dv_chain_config config = {rate_hz, samples, 0, 1, 1};
  dv_chain* chain = NULL;
  if (!c || dv_chain_new(&config, &chain, err)) {
    free(c);
    return NULL;
  }
  c->rate_hz = rate_hz;
  c->samples = samples;
  c->chain = chain;
  c->x = dv_fft_alloc(samples);
  c->y = dv_fft_alloc(2 * samples);
  c->w = dv_fft_alloc(2 * samples);
  c->lanes = dv_fft_alloc(samples * DV_LANES);
  c->mean = dv_fft_alloc(samples * DV_LANES);
  c->target = dv_fft_alloc(samples * DV_LANES);
  c->gain = dv_fft_alloc(samples * DV_LANES);
  c->falling = calloc(samples, DV_LANES);
  c->branches = calloc(samples, DV_LANES);
  if (!c->x || !c->y || !c->w || !c->lanes || !c->mean || !c->target || !c->gain || !c->falling || !c->branches) {
    dv_gradcheck_chain_free(c);
    (void)dv_fail(err, DV_ERR_NOMEM, "out of memory for a check of %zu samples", samples);
    return NULL;
  }
  uint64_t state = seed * 2 + 1; /* xorshift wants no zero */
  write_signal(active < samples ? active : samples, &state, c->x);
  for (size_t i = 0; i < 2 * samples; ++i) c->w[i] = (dv_real)uniform(&state);
  return c;
}

void dv_gradcheck_chain_free(dv_gradcheck_chain* c)
{
  if (!c) return;
  dv_chain_free(c->chain);
  dv_fft_release(c->x);
  dv_fft_release(c->y);
  dv_fft_release(c->w);
  dv_fft_release(c->lanes);
  dv_fft_release(c->mean);
  dv_fft_release(c->target);
  dv_fft_release(c->gain);
  free(c->falling);
  free(c->branches);
  free(c);
}

/* Every place where the chain is not smooth: compressor, clamped frequencies, folded look-ahead, echo count. */
static uint64_t chain_branches(dv_gradcheck_chain* c, const double* raw, const dv_chain_params* p)
{
  dv_biquad eq[DV_EQ_BANDS];
  dv_compressor_coefs compressor;
  dv_cascade_state state = {0};
  dv_compressor_state gain_state;
  const dv_compressor_tape tape = {c->mean, c->target, c->gain, c->falling};
  const double* v = dv_params_flat_const(p);
  uint64_t digest = 0;
  for (size_t i = 0; i < c->samples * DV_LANES; ++i) c->lanes[i] = i % DV_LANES ? 0 : c->x[i / DV_LANES];
  dv_eq_coeffs(p, c->rate_hz, eq);
  dv_compressor_coeffs(&p->compressor, c->rate_hz, &compressor);
  dv_cascade_forward(eq, DV_EQ_BANDS, c->lanes, c->lanes, c->samples, &state, NULL);
  dv_compressor_reset(&gain_state);
  dv_compressor_gain_forward(&compressor, c->lanes, c->samples, &gain_state, &tape);
  digest = dv_gradcheck_compressor(digest, &compressor, c->lanes, &tape, c->samples, c->branches);
  size_t rows;
  const dv_parameter* table = dv_parameter_table(&rows);
  for (size_t r = 0; r < rows; ++r) {
    const bool clamped = strcmp(table[r].unit, "Hz") == 0 && v[table[r].first] > DV_MAX_FREQ_RATIO * c->rate_hz;
    const double fold = table[r].map == DV_MAP_FOLD ? floor(raw[table[r].first] / table[r].maximum) : 0.0;
    digest = dv_gradcheck_digest(digest, &clamped, sizeof clamped);
    digest = dv_gradcheck_digest(digest, &fold, sizeof fold);
  }
  const int64_t delay = (int64_t)(p->delay.delay_ms * 1e-3 * c->rate_hz);
  return dv_gradcheck_digest(digest, &delay, sizeof delay);
}

dv_status dv_gradcheck_chain_value(void* context, const double* theta, dv_gradcheck_point* point)
{
  dv_gradcheck_chain* c = context;
  const dv_real* const x[1] = {c->x};
  dv_chain_params p;
  dv_params_from_raw(theta, &p);
  const dv_status status = dv_chain_forward(c->chain, &p, x, 1, c->y);
  if (status) return status;
  double sum = 0.0, ww = 0.0, yy = 0.0;
  for (size_t i = 0; i < 2 * c->samples; ++i) {
    const double w = (double)c->w[i], y = (double)c->y[i];
    sum += w * y;
    ww += w * w;
    yy += y * y;
  }
  *point = (dv_gradcheck_point){sum, sqrt(ww * yy), chain_branches(c, theta, &p)};
  return DV_OK;
}

dv_status dv_gradcheck_chain_gradient(dv_gradcheck_chain* c, const double* theta, double* gradient)
{
  const dv_real* const x[1] = {c->x};
  dv_chain_params p, gp = {0};
  dv_params_from_raw(theta, &p);
  dv_status status = dv_chain_forward(c->chain, &p, x, 1, c->y);
  if (!status) status = dv_chain_backward(c->chain, &p, x, 1, c->w, DV_DELAY_EXACT, &gp, NULL);
  if (status) return status;
  memset(gradient, 0, DV_PARAM_COUNT * sizeof *gradient);
  dv_params_raw_vjp(theta, &gp, gradient);
  return DV_OK;
}
