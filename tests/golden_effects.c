/* SPDX-License-Identifier: MIT */
/* The non-linear front and the panner: one band, compressor/expander, panner. */
#include "golden_case.h"

#include "dsp/biquad.h"
#include "dsp/compressor.h"
#include "dsp/lookahead.h"
#include "dsp/pan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* x and g of a mono case as lane signals (lane 0), and what is computed from them. */
typedef struct {
  size_t n;
  dv_real *x, *g, *y, *gx;
  const dv_npy *want_y, *want_gx; /* the latter may be NULL */
} lane_case;

static dv_real* read_lane(golden_case* g, const dv_npy* a)
{
  const size_t n = golden_samples(a);
  dv_real* lanes = golden_alloc(g, n * DV_LANES);
  for (size_t i = 0; i < n; ++i) lanes[i * DV_LANES] = (dv_real)a->data[i];
  return lanes;
}

static dv_status open_lanes(golden_case* g, lane_case* c, dv_error* err)
{
  const dv_npy *x, *upstream;
  memset(c, 0, sizeof *c);
  dv_status status = golden_read(g, "x", &x, err);
  if (status) return status;
  c->n = x->count;
  status = golden_upstream(g, 1, c->n, &upstream, err);
  if (!status) status = golden_read_rows(g, "y", 1, c->n, &c->want_y, err);
  if (!status && golden_has(g, "grad_x")) status = golden_read_rows(g, "grad_x", 1, c->n, &c->want_gx, err);
  if (status) return status;
  c->x = read_lane(g, x);
  c->g = read_lane(g, upstream);
  c->y = golden_alloc(g, c->n * DV_LANES);
  c->gx = golden_alloc(g, c->n * DV_LANES);
  return DV_OK;
}

static void judge_lanes(golden_case* g, lane_case* c)
{
  for (size_t i = 0; i < c->n; ++i) { /* lane 0 to the front */
    c->y[i] = c->y[i * DV_LANES];
    c->gx[i] = c->gx[i * DV_LANES];
  }
  golden_judge(g, "y", golden_error(c->y, c->n, c->want_y), GOLDEN_OUTPUT_LIMIT);
  if (c->want_gx) golden_judge(g, "grad_x", golden_error(c->gx, c->n, c->want_gx), GOLDEN_GRADIENT_LIMIT);
}

/* --- One band ----------------------------------------------------------------------------------------- */

static double sigmoid(double r) { return 1.0 / (1.0 + exp(-r)); }

/* A raw value, the range that maps it, and its gradient; all ranges are the manifest's. */
typedef struct {
  double raw, low, high, value, grad;
} ranged;

static dv_status read_ranged(const golden_case* g, const char* name, double low, double high, ranged* r, dv_error* err)
{
  double raw;
  const json_t* value = json_object_get(golden_member(g, "raw"), name);
  if (json_is_array(value)) value = json_array_get(value, 0);
  if (!json_is_number(value)) return dv_fail(err, DV_ERR_FORMAT, "%s/manifest.json: no raw %s", g->dir, name);
  raw = json_number_value(value);
  *r = (ranged){raw, low, high, low + (high - low) * sigmoid(raw), 0.0};
  return DV_OK;
}

static dv_status read_frequency(const golden_case* g, ranged* freq, dv_error* err)
{
  double low, high;
  dv_status status = golden_number(g, "config.min_freq", &low, err);
  if (!status) status = golden_number(g, "config.max_freq", &high, err);
  return status ? status : read_ranged(g, "params.parametrizations.freq.original", low, high, freq, err);
}

static dv_status read_q(const golden_case* g, ranged* q, dv_error* err)
{
  const json_t* range = golden_member(g, "Q_range");
  if (json_array_size(range) != 2)
    return dv_fail(err, DV_ERR_FORMAT, "%s/manifest.json: \"Q_range\" is not a pair", g->dir);
  return read_ranged(g, "params.parametrizations.Q.original", json_number_value(json_array_get(range, 0)),
                     json_number_value(json_array_get(range, 1)), q, err);
}

static double ranged_slope(const ranged* r) { return (r->high - r->low) * sigmoid(r->raw) * sigmoid(-r->raw); }

typedef struct {
  ranged gain, freq, q;
  bool has_gain, has_q;
} band_values;

static dv_status read_band(const golden_case* g, band_values* v, dv_error* err)
{
  const char* kind = golden_kind(g);
  const bool shelf = strstr(kind, "Shelf") != NULL;
  memset(v, 0, sizeof *v);
  v->has_gain = shelf || strcmp(kind, "Peak") == 0;
  v->has_q = !shelf;
  dv_status status = read_frequency(g, &v->freq, err);
  if (!status && v->has_q) status = read_q(g, &v->q, err);
  if (!status && v->has_gain) {
    status = read_ranged(g, "params.gain", 0, 1, &v->gain, err);
    v->gain.value = v->gain.raw;
  }
  return status;
}

static void band_coeffs(const char* kind, const band_values* v, double rate, dv_biquad* c)
{
  if (strcmp(kind, "Peak") == 0) dv_peak_coeffs(&(dv_peak_params){v->gain.value, v->freq.value, v->q.value}, rate, c);
  else if (strcmp(kind, "LowShelf") == 0) dv_lowshelf_coeffs(&(dv_shelf_params){v->gain.value, v->freq.value}, rate, c);
  else if (strcmp(kind, "HighShelf") == 0)
    dv_highshelf_coeffs(&(dv_shelf_params){v->gain.value, v->freq.value}, rate, c);
  else if (strcmp(kind, "LowPass") == 0) dv_lowpass_coeffs(&(dv_pass_params){v->freq.value, v->q.value}, rate, c);
  else dv_highpass_coeffs(&(dv_pass_params){v->freq.value, v->q.value}, rate, c);
}

static void band_vjp(const char* kind, band_values* v, double rate, const dv_biquad* gc)
{
  if (strcmp(kind, "Peak") == 0) {
    dv_peak_params p = {0};
    dv_peak_coeffs_vjp(&(dv_peak_params){v->gain.value, v->freq.value, v->q.value}, rate, gc, &p);
    v->gain.grad = p.gain_db;
    v->freq.grad = p.freq_hz;
    v->q.grad = p.q;
  } else if (strstr(kind, "Shelf")) {
    dv_shelf_params p = {0};
    const dv_shelf_params at = {v->gain.value, v->freq.value};
    (*kind == 'L' ? dv_lowshelf_coeffs_vjp : dv_highshelf_coeffs_vjp)(&at, rate, gc, &p);
    v->gain.grad = p.gain_db;
    v->freq.grad = p.freq_hz;
  } else {
    dv_pass_params p = {0};
    const dv_pass_params at = {v->freq.value, v->q.value};
    (*kind == 'L' ? dv_lowpass_coeffs_vjp : dv_highpass_coeffs_vjp)(&at, rate, gc, &p);
    v->freq.grad = p.freq_hz;
    v->q.grad = p.q;
  }
  v->freq.grad *= ranged_slope(&v->freq);
  v->q.grad *= ranged_slope(&v->q);
}

static dv_status judge_band_gradient(const golden_case* g, const band_values* v, dv_error* err)
{
  const json_t* want = golden_member(g, "grad_raw");
  if (!json_is_object(want)) return DV_OK;
  const struct {
    const char* name;
    double grad;
  } parts[] = {
    {"params.gain", v->gain.grad},
    {"params.parametrizations.freq.original", v->freq.grad},
    {"params.parametrizations.Q.original", v->q.grad},
  };
  golden_norms norms = {0};
  for (size_t i = 0; i < 3; ++i) {
    const dv_status status =
      golden_compare(json_object_get(want, parts[i].name), parts[i].name, &parts[i].grad, 1, &norms, err);
    if (status) return status;
  }
  golden_judge(g, "grad_raw", golden_relative(norms), GOLDEN_GRADIENT_LIMIT);
  return DV_OK;
}

dv_status golden_run_band(golden_case* g, dv_error* err)
{
  lane_case c;
  band_values v;
  dv_status status = read_band(g, &v, err);
  if (!status) status = open_lanes(g, &c, err);
  if (status) return status;
  dv_biquad coefs, gc = {0};
  dv_cascade_state state = {0};
  const double rate = golden_rate_hz(g);
  band_coeffs(golden_kind(g), &v, rate, &coefs);
  dv_cascade_forward(&coefs, 1, c.x, c.y, c.n, &state, c.y);
  dv_cascade_backward(&coefs, 1, c.x, c.y, c.g, c.gx, c.n, &gc);
  band_vjp(golden_kind(g), &v, rate, &gc);
  judge_lanes(g, &c);
  return judge_band_gradient(g, &v, err);
}

/* --- Compressor --------------------------------------------------------------------------------------- */

/* The gain after the look-ahead; without one, the gain itself. */
static const dv_real* look_ahead(golden_case* g, const dv_lookahead* filter, const dv_real* gain, size_t n)
{
  if (!filter) return gain;
  dv_real* ahead = golden_alloc(g, n * DV_LANES);
  dv_lookahead_forward(filter, gain, ahead, n, golden_alloc(g, dv_lookahead_scratch_reals(filter)));
  return ahead;
}

static void run_compressor(golden_case* g, lane_case* c, const dv_compressor_coefs* k, const dv_lookahead* filter,
                           dv_compressor_coefs* gk)
{
  const size_t count = c->n * DV_LANES;
  dv_compressor_tape tape = {golden_alloc(g, count), golden_alloc(g, count), golden_alloc(g, count), calloc(count, 1)};
  dv_compressor_state state;
  if (!tape.falling) abort();
  dv_compressor_reset(&state);
  dv_compressor_gain_forward(k, c->x, c->n, &state, &tape);
  const dv_real *ahead = look_ahead(g, filter, tape.gain, c->n), makeup = (dv_real)k->makeup;
  dv_real *g_ahead = golden_alloc(g, count), *g_gain = g_ahead;
  for (size_t i = 0; i < count; ++i) {
    c->y[i] = c->x[i] * ahead[i] * makeup;
    c->gx[i] = c->g[i] * makeup * ahead[i];
    g_ahead[i] = c->g[i] * makeup * c->x[i];
    gk->makeup += (double)c->g[i] * (double)c->x[i] * (double)ahead[i];
  }
  if (filter) {
    g_gain = golden_alloc(g, count);
    dv_lookahead_backward(filter, tape.gain, g_ahead, g_gain, c->n, &gk->lookahead_samples,
                          golden_alloc(g, dv_lookahead_scratch_reals(filter)));
  }
  dv_compressor_gain_backward(k, c->x, &tape, g_gain, c->gx, c->n, gk);
  free(tape.falling);
}

dv_status golden_run_compressor(golden_case* g, dv_error* err)
{
  lane_case c;
  double raw[DV_PARAM_COUNT] = {0}, grad[DV_PARAM_COUNT] = {0}, longest = DV_LOOKAHEAD_FOLD_MS;
  dv_status status = open_lanes(g, &c, err);
  if (!status) status = golden_raw(g, "raw", "6.", raw, err);
  if (!status && golden_member(g, "max_lookahead_ms")) status = golden_number(g, "max_lookahead_ms", &longest, err);
  if (status) return status;
  const bool ahead = json_is_true(golden_member(g, "lookahead"));
  if (ahead && longest != DV_LOOKAHEAD_FOLD_MS)
    return dv_fail(err, DV_ERR_ARG, "%s: look-ahead up to %g ms, the model has %g", g->dir, longest,
                   DV_LOOKAHEAD_FOLD_MS);
  const double rate = golden_rate_hz(g);
  dv_chain_params p, gp = {0};
  dv_compressor_coefs k, gk = {0};
  dv_params_from_raw(raw, &p);
  dv_compressor_coeffs(&p.compressor, rate, &k);
  dv_lookahead* filter = ahead ? dv_lookahead_new(rate) : NULL;
  if (ahead && !filter) return dv_fail(err, DV_ERR_NOMEM, "%s: out of memory", g->dir);
  if (ahead) dv_lookahead_set(filter, k.lookahead_samples);
  run_compressor(g, &c, &k, filter, &gk);
  dv_lookahead_free(filter);
  dv_compressor_coeffs_vjp(&p.compressor, rate, &gk, &gp.compressor);
  dv_params_raw_vjp(raw, &gp, grad);
  judge_lanes(g, &c);
  return golden_judge_gradient(g, "grad_raw", "grad_raw", "6.", grad, GOLDEN_GRADIENT_LIMIT, err);
}

/* --- Panner ------------------------------------------------------------------------------------------- */

dv_status golden_run_panning(golden_case* g, dv_error* err)
{
  const dv_npy *x, *upstream, *want_y, *want_gx = NULL;
  double raw[DV_PARAM_COUNT] = {0}, grad[DV_PARAM_COUNT] = {0};
  dv_status status = golden_read(g, "x", &x, err);
  if (status) return status;
  const size_t n = x->count;
  status = golden_raw(g, "raw", "7.pan.", raw, err);
  if (!status) status = golden_upstream(g, 2, n, &upstream, err);
  if (!status) status = golden_read_rows(g, "y", 2, n, &want_y, err);
  if (!status && golden_has(g, "grad_x")) status = golden_read_rows(g, "grad_x", 1, n, &want_gx, err);
  if (status) return status;
  dv_chain_params p, gp = {0};
  dv_pan_gains gains, g_gains = {0};
  dv_params_from_raw(raw, &p);
  dv_pan_coeffs(p.pan, &gains);
  const dv_real left = (dv_real)gains.left, right = (dv_real)gains.right, *in = golden_signal(g, x, 0, n);
  dv_real *y = golden_alloc(g, 2 * n), *gx = golden_alloc(g, n);
  for (size_t i = 0; i < n; ++i) {
    y[i] = left * in[i];
    y[n + i] = right * in[i];
    gx[i] = left * (dv_real)upstream->data[i] + right * (dv_real)upstream->data[n + i];
    g_gains.left += (double)in[i] * upstream->data[i];
    g_gains.right += (double)in[i] * upstream->data[n + i];
  }
  gp.pan = dv_pan_coeffs_vjp(p.pan, &g_gains);
  dv_params_raw_vjp(raw, &gp, grad);
  golden_judge(g, "y", golden_error(y, n, want_y), GOLDEN_OUTPUT_LIMIT);
  if (want_gx) golden_judge(g, "grad_x", golden_error(gx, n, want_gx), GOLDEN_GRADIENT_LIMIT);
  return golden_judge_gradient(g, "grad_raw", "grad_raw", "7.pan.", grad, GOLDEN_GRADIENT_LIMIT, err);
}
