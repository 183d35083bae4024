/* SPDX-License-Identifier: MIT */
/* Every parameter of every effect: adjoints against 4-point central differences at 100 random settings, in raw
 * values, so that the maps take part.  What meets a kink at every step, or drowns in rounding, is skipped and
 * counted. */
#include "support/dv_test.h"

#include "dsp/delay_response.h"
#include "dsp/fft.h"
#include "dsp/gradcheck.h"
#include "dsp/lookahead.h"
#include "dsp/response.h"
#include "dsp/reverb_response.h"

#include <complex.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
enum { SETTINGS = 3, SLOW_SETTINGS = 1 }; /* twenty times slower */
#else
enum { SETTINGS = 100, SLOW_SETTINGS = 5 };
#endif

enum { SEND = 23, DELAY = 24, DELAY_COUNT = 7, REVERB = 31, REVERB_COUNT = 119, FDN_COUNT = 109, PAN = 150 };

/* --- Settings ----------------------------------------------------------------------------------------- */

static double between(uint64_t* seed, double low, double high)
{
  return low + (high - low) * 0.5 * (dv_rand(seed) + 1.0);
}

/* Random raw values in and beyond the region of published presets. */
static void draw(uint64_t* seed, double raw[DV_PARAM_COUNT])
{
  size_t rows;
  const dv_parameter* table = dv_parameter_table(&rows);
  for (size_t r = 0; r < rows; ++r)
    for (int i = table[r].first; i < table[r].first + table[r].count; ++i)
      raw[i] = table[r].map == DV_MAP_RANGE ? between(seed, -3, 3) : between(seed, -1.5, 1.5);
  for (size_t r = 0; r < rows; ++r)
    if (strcmp(table[r].unit, "dB") == 0) raw[table[r].first] = between(seed, -12, 12);
  raw[14] = between(seed, -30, -8); /* thresholds: both branches of the curve are met */
  raw[15] = between(seed, -60, -24);
  raw[22] = between(seed, -1.5, 3); /* steeper than nine tenths of the published presets */
  raw[17] = between(seed, -40, 40); /* folds twice */
  raw[18] = between(seed, -6, 0);   /* attack and release from 1 sample to 20 ms: they act within the signal */
  raw[19] = between(seed, -6, 0);
  for (int k = 0; k < DV_FDN_BANDS; ++k) raw[55 + k] = between(seed, -1, 4);
}

/* --- The loop over settings and parameters ------------------------------------------------------------- */

/* An effect: its value and gradient as functions of the whole raw vector, the flat indices checked. */
typedef struct {
  const char* name;
  dv_gradcheck_function value;
  dv_status (*gradient)(void* context, const double* raw, double* gradient);
  void* context;
  int first, count, settings;
  double rate_hz;
  double skipped_share; /* at most */
} effect;

static void check_setting(const effect* e, double* raw, size_t counts[3], double* worst)
{
  double gradient[DV_PARAM_COUNT] = {0};
  assert_int_equal(e->gradient(e->context, raw, gradient), DV_OK);
  dv_gradcheck check = {e->value, e->context, raw, 0.0, DV_GRADCHECK_TOLERANCE, 0};
  assert_int_equal(dv_gradcheck_begin(&check), DV_OK);
  for (int i = e->first; i < e->first + e->count; ++i) {
    if (i < DV_PRESET_SIZE && !dv_parameter_effective(i)) {
      assert_true(gradient[i] == 0.0);
      continue;
    }
    check.norm = dv_gradcheck_norm(gradient, dv_parameter_at(i)->effect);
    const double step = dv_gradcheck_step(i, raw[i], e->rate_hz);
    const dv_gradcheck_entry entry = dv_gradcheck_one(&check, (size_t)i, step, gradient[i]);
    ++counts[entry.verdict];
    if (entry.verdict == DV_GRADCHECK_DIFFERS) {
      char name[64];
      dv_parameter_name(i, name, sizeof name);
      print_error("%s, %s at raw %.17g: adjoint %.12g, finite difference %.12g, error %.2g\n", e->name, name, raw[i],
                  gradient[i], entry.finite, entry.error);
    } else if (entry.error > *worst) {
      *worst = entry.error;
    }
  }
}

static void check_effect(const effect* e)
{
  uint64_t seed = 20250914;
  size_t counts[3] = {0};
  double worst = 0.0, raw[DV_PARAM_COUNT];
  for (int s = 0; s < e->settings; ++s) {
    draw(&seed, raw);
    check_setting(e, raw, counts, &worst);
  }
  print_message("%-12s %3d settings: %zu agree (worst %.1e of 1e-6), %zu differ, %zu skipped\n", e->name, e->settings,
                counts[DV_GRADCHECK_AGREES], worst, counts[DV_GRADCHECK_DIFFERS], counts[DV_GRADCHECK_SKIPPED]);
  assert_int_equal(counts[DV_GRADCHECK_DIFFERS], 0);
  assert_true((double)counts[DV_GRADCHECK_SKIPPED] <=
              e->skipped_share * (double)(counts[DV_GRADCHECK_AGREES] + counts[DV_GRADCHECK_SKIPPED]));
}

static double dot(const dv_real* a, const dv_real* b, size_t n)
{
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += (double)a[i] * (double)b[i];
  return sum;
}

static void fill(dv_real* x, size_t n, uint64_t* seed)
{
  for (size_t i = 0; i < n; ++i) x[i] = (dv_real)dv_rand(seed);
}

/* --- EQ bands ----------------------------------------------------------------------------------------- */

enum { BAND_SAMPLES = 600, BAND_REALS = BAND_SAMPLES * DV_LANES };

typedef struct {
  int band; /* of dv_eq_coeffs */
  dv_real x[BAND_REALS], w[BAND_REALS], y[BAND_REALS];
} band_case;

static dv_status band_value(void* context, const double* raw, dv_gradcheck_point* point)
{
  band_case* b = context;
  dv_chain_params p;
  dv_biquad eq[DV_EQ_BANDS];
  dv_cascade_state state = {0};
  dv_params_from_raw(raw, &p);
  dv_eq_coeffs(&p, DV_MODEL_RATE_HZ, eq);
  dv_cascade_forward(&eq[b->band], 1, b->x, b->y, BAND_SAMPLES, &state, b->y);
  point->value = dot(b->w, b->y, BAND_REALS);
  return DV_OK;
}

static dv_status band_gradient(void* context, const double* raw, double* gradient)
{
  band_case* b = context;
  dv_gradcheck_point unused;
  dv_chain_params p, gp = {0};
  dv_chain_coefs c, gc = {0};
  const dv_status status = band_value(b, raw, &unused);
  dv_params_from_raw(raw, &p);
  dv_chain_coeffs(&p, DV_MODEL_RATE_HZ, &c);
  dv_cascade_backward(&c.eq[b->band], 1, b->x, b->y, b->w, NULL, BAND_SAMPLES, &gc.eq[b->band]);
  dv_chain_coeffs_vjp(&p, DV_MODEL_RATE_HZ, &gc, &gp);
  dv_params_raw_vjp(raw, &gp, gradient);
  return status;
}

static void test_gradients_of_bands(void** state)
{
  (void)state;
  static const struct {
    const char* name;
    int band, first, count;
  } bands[] = {{"peak1", 0, 0, 3},      {"peak2", 1, 3, 3},     {"low shelf", 2, 6, 2},
               {"high shelf", 3, 8, 2}, {"low-pass", 4, 10, 2}, {"high-pass", 5, 12, 2}};
  static band_case b;
  uint64_t seed = 1;
  fill(b.x, BAND_REALS, &seed);
  fill(b.w, BAND_REALS, &seed);
  for (size_t i = 0; i < sizeof bands / sizeof *bands; ++i) {
    b.band = bands[i].band;
    check_effect(&(effect){bands[i].name, band_value, band_gradient, &b, bands[i].first, bands[i].count, SETTINGS,
                           DV_MODEL_RATE_HZ, 0.0});
  }
}

/* --- Compressor with look-ahead ------------------------------------------------------------------------ */

enum { COMP_SAMPLES = 1024, COMP_REALS = COMP_SAMPLES * DV_LANES };

typedef struct {
  dv_lookahead* filter;
  dv_real *x, *w, *mean, *target, *gain, *ahead, *g_ahead, *g_gain, *scratch;
  int8_t falling[COMP_REALS];
  uint8_t branches[COMP_REALS];
} comp_case;

static dv_compressor_tape comp_tape(comp_case* c)
{
  return (dv_compressor_tape){c->mean, c->target, c->gain, c->falling};
}

static dv_status comp_value(void* context, const double* raw, dv_gradcheck_point* point)
{
  comp_case* c = context;
  dv_chain_params p;
  dv_compressor_coefs k;
  dv_compressor_state state;
  const dv_compressor_tape tape = comp_tape(c);
  dv_params_from_raw(raw, &p);
  dv_compressor_coeffs(&p.compressor, DV_MODEL_RATE_HZ, &k);
  dv_compressor_reset(&state);
  dv_compressor_gain_forward(&k, c->x, COMP_SAMPLES, &state, &tape);
  dv_lookahead_set(c->filter, k.lookahead_samples);
  dv_lookahead_forward(c->filter, c->gain, c->ahead, COMP_SAMPLES, c->scratch);
  double sum = 0.0;
  for (size_t i = 0; i < COMP_REALS; ++i) sum += (double)c->w[i] * (double)c->x[i] * (double)c->ahead[i] * k.makeup;
  point->value = sum;
  const double fold = floor(raw[17] / DV_LOOKAHEAD_FOLD_MS);
  point->branches = dv_gradcheck_compressor(0, &k, c->x, &tape, COMP_SAMPLES, c->branches);
  point->branches = dv_gradcheck_digest(point->branches, &fold, sizeof fold);
  return DV_OK;
}

static dv_status comp_gradient(void* context, const double* raw, double* gradient)
{
  comp_case* c = context;
  dv_gradcheck_point unused;
  dv_chain_params p, gp = {0};
  dv_compressor_coefs k, gk = {0};
  const dv_compressor_tape tape = comp_tape(c);
  const dv_status status = comp_value(c, raw, &unused);
  dv_params_from_raw(raw, &p);
  dv_compressor_coeffs(&p.compressor, DV_MODEL_RATE_HZ, &k);
  memset(c->g_gain, 0, COMP_REALS * sizeof *c->g_gain);
  for (size_t i = 0; i < COMP_REALS; ++i) {
    c->g_ahead[i] = c->w[i] * c->x[i] * (dv_real)k.makeup;
    gk.makeup += (double)c->w[i] * (double)c->x[i] * (double)c->ahead[i];
  }
  dv_lookahead_backward(c->filter, c->gain, c->g_ahead, c->g_gain, COMP_SAMPLES, &gk.lookahead_samples, c->scratch);
  dv_compressor_gain_backward(&k, c->x, &tape, c->g_gain, NULL, COMP_SAMPLES, &gk);
  dv_compressor_coeffs_vjp(&p.compressor, DV_MODEL_RATE_HZ, &gk, &gp.compressor);
  dv_params_raw_vjp(raw, &gp, gradient);
  return status;
}

/* Random signs under a swell: power without sudden turns, so that few attack/release decisions are close.  The
   first samples lie below the power floor. */
static void fill_swell(dv_real* x, size_t n, uint64_t* seed)
{
  for (size_t i = 0; i < n * DV_LANES; ++i) {
    const double turn = (double)(i / DV_LANES) / (double)n + 0.2 * (double)(i % DV_LANES);
    const double level = i / DV_LANES < 8 ? 1e-5 : pow(10.0, (-25.0 - 22.0 * cos(4.0 * M_PI * turn)) / 20.0);
    x[i] = (dv_real)(dv_rand(seed) < 0.0 ? -level : level);
  }
}

static void test_gradients_of_compressor(void** state)
{
  (void)state;
  static comp_case c;
  uint64_t seed = 2;
  c.filter = dv_lookahead_new(DV_MODEL_RATE_HZ);
  assert_non_null(c.filter);
  dv_real** const memory[] = {&c.x, &c.w, &c.mean, &c.target, &c.gain, &c.ahead, &c.g_ahead, &c.g_gain};
  for (size_t i = 0; i < sizeof memory / sizeof *memory; ++i) *memory[i] = dv_fft_alloc(COMP_REALS);
  c.scratch = dv_fft_alloc(dv_lookahead_scratch_reals(c.filter));
  fill_swell(c.x, COMP_SAMPLES, &seed);
  fill(c.w, COMP_REALS, &seed);
  check_effect(&(effect){"compressor", comp_value, comp_gradient, &c, 14, 9, SETTINGS, DV_MODEL_RATE_HZ, 0.02});
  for (size_t i = 0; i < sizeof memory / sizeof *memory; ++i) dv_fft_release(*memory[i]);
  dv_fft_release(c.scratch);
  dv_lookahead_free(c.filter);
}

/* --- Panner ------------------------------------------------------------------------------------------- */

static const dv_pan_gains pan_weights = {0.7, -1.9};

static dv_status pan_value(void* context, const double* raw, dv_gradcheck_point* point)
{
  (void)context;
  dv_chain_params p;
  dv_pan_gains gains;
  dv_params_from_raw(raw, &p);
  dv_pan_coeffs(p.pan, &gains);
  point->value = pan_weights.left * gains.left + pan_weights.right * gains.right;
  return DV_OK;
}

static dv_status pan_gradient(void* context, const double* raw, double* gradient)
{
  (void)context;
  dv_chain_params p, gp = {0};
  dv_params_from_raw(raw, &p);
  gp.pan = dv_pan_coeffs_vjp(p.pan, &pan_weights);
  dv_params_raw_vjp(raw, &gp, gradient);
  return DV_OK;
}

static void test_gradients_of_panner(void** state)
{
  (void)state;
  check_effect(&(effect){"panner", pan_value, pan_gradient, NULL, PAN, 1, SETTINGS, DV_MODEL_RATE_HZ, 0.0});
}

/* --- Delay -------------------------------------------------------------------------------------------- */

/* A low rate keeps the 4 s of response short; the low-pass stays below its clamp by its raw value. */
#define DELAY_RATE_HZ 4000.0
enum { DELAY_SAMPLES = 6000, DELAY_ROOM = 16000 };

typedef struct {
  dv_delay_response* response;
  dv_real w[2][DELAY_SAMPLES];
  _Alignas(64) dv_real odd[DELAY_ROOM], even[DELAY_ROOM], g_odd[DELAY_ROOM], g_even[DELAY_ROOM];
} delay_case;

/* Raw values of the test, with the low-pass frequency brought below 0.49 of the rate. */
static void delay_params(const double* raw, dv_chain_params* p, double mapped[DV_PARAM_COUNT])
{
  memcpy(mapped, raw, DV_PARAM_COUNT * sizeof *mapped);
  mapped[27] -= 5.5;
  dv_params_from_raw(mapped, p);
}

static dv_status delay_value(void* context, const double* raw, dv_gradcheck_point* point)
{
  delay_case* d = context;
  double mapped[DV_PARAM_COUNT];
  dv_chain_params p;
  dv_delay_coefs c;
  delay_params(raw, &p, mapped);
  dv_delay_coeffs(&p.delay, DELAY_RATE_HZ, &c);
  dv_delay_response_forward(d->response, &c, d->odd, d->even);
  const double odd[2] = {c.odd.left, c.odd.right}, even[2] = {c.even.left, c.even.right};
  point->value = 0.0;
  for (int ch = 0; ch < 2; ++ch)
    point->value +=
      c.gain * (odd[ch] * dot(d->w[ch], d->odd, DELAY_SAMPLES) + even[ch] * dot(d->w[ch], d->even, DELAY_SAMPLES));
  const int64_t echoes = (int64_t)c.delay_samples;
  point->branches = dv_gradcheck_digest(0, &echoes, sizeof echoes);
  return DV_OK;
}

static dv_status delay_gradient(void* context, const double* raw, double* gradient)
{
  delay_case* d = context;
  dv_gradcheck_point point;
  double mapped[DV_PARAM_COUNT], unused = 0.0;
  dv_chain_params p, gp = {0};
  dv_delay_coefs c, gc = {0};
  const dv_status status = delay_value(d, raw, &point);
  delay_params(raw, &p, mapped);
  dv_delay_coeffs(&p.delay, DELAY_RATE_HZ, &c);
  const double odd[2] = {dot(d->w[0], d->odd, DELAY_SAMPLES), dot(d->w[1], d->odd, DELAY_SAMPLES)};
  const double even[2] = {dot(d->w[0], d->even, DELAY_SAMPLES), dot(d->w[1], d->even, DELAY_SAMPLES)};
  gc.gain = c.odd.left * odd[0] + c.odd.right * odd[1] + c.even.left * even[0] + c.even.right * even[1];
  gc.odd = (dv_pan_gains){c.gain * odd[0], c.gain * odd[1]};
  gc.even = (dv_pan_gains){c.gain * even[0], c.gain * even[1]};
  for (size_t i = 0; i < DELAY_SAMPLES; ++i) {
    d->g_odd[i] = (dv_real)(c.gain * (c.odd.left * (double)d->w[0][i] + c.odd.right * (double)d->w[1][i]));
    d->g_even[i] = (dv_real)(c.gain * (c.even.left * (double)d->w[0][i] + c.even.right * (double)d->w[1][i]));
  }
  dv_delay_response_backward(d->response, &c, DV_DELAY_EXACT, p.log_damp, d->g_odd, d->g_even, &gc, &unused);
  assert_true(unused == 0.0);
  dv_delay_coeffs_vjp(&p.delay, DELAY_RATE_HZ, &gc, &gp.delay);
  dv_params_raw_vjp(mapped, &gp, gradient);
  return status;
}

static void test_gradients_of_delay(void** state)
{
  (void)state;
  static delay_case d;
  uint64_t seed = 3;
  d.response = dv_delay_response_new(DELAY_RATE_HZ, DELAY_SAMPLES);
  assert_non_null(d.response);
  assert_int_equal(dv_delay_response_reals(d.response), DELAY_ROOM);
  fill(d.w[0], DELAY_SAMPLES, &seed);
  fill(d.w[1], DELAY_SAMPLES, &seed);
  check_effect(&(effect){"delay", delay_value, delay_gradient, &d, DELAY, DELAY_COUNT, SETTINGS, DELAY_RATE_HZ, 0.02});
  dv_delay_response_free(d.response);
}

/* --- The delay's surrogate, written a second time by its definition -------------------------------------- */

#define SURROGATE_RATE_HZ 100.0
enum { SURROGATE_N = 400 };

/* sum_n (w_odd odd + w_even even)[n] of a response whose pulse is sinc(n - T0) + damped(T, lambda) - damped(T0,
   lambda0): straight-through, so only the second term moves. */
typedef struct {
  dv_delay_coefs c;
  double log_damp;
  _Alignas(64) dv_real w_odd[SURROGATE_N], w_even[SURROGATE_N];
} surrogate_case;

static double complex turn(double k, double n)
{
  const double angle = -2.0 * M_PI * fmod(k * n, SURROGATE_N) / SURROGATE_N;
  return cos(angle) + (double complex)I * sin(angle);
}

/* Real signal of a half spectrum. */
static void inverse_dft(const double complex half[SURROGATE_N / 2 + 1], double out[SURROGATE_N])
{
  for (int n = 0; n < SURROGATE_N; ++n) {
    double complex sum = creal(half[0]) + creal(half[SURROGATE_N / 2]) * (n % 2 ? -1.0 : 1.0);
    for (int k = 1; k < SURROGATE_N / 2; ++k) sum += 2.0 * creal(half[k] * conj(turn(k, n)));
    out[n] = creal(sum) / SURROGATE_N;
  }
}

static void damped_pulse(double delay, double log_damp, double out[SURROGATE_N])
{
  double complex half[SURROGATE_N / 2 + 1];
  for (int k = 0; k <= SURROGATE_N / 2; ++k) half[k] = exp(log_damp * k) * turn(k, delay);
  inverse_dft(half, out);
}

/* Echoes by complex powers of H1, as the definition has them. */
static double surrogate_echoes(const surrogate_case* s, const double filtered[SURROGATE_N])
{
  double complex odd[SURROGATE_N / 2 + 1], even[SURROGATE_N / 2 + 1];
  double odd_response[SURROGATE_N], even_response[SURROGATE_N], value = 0.0;
  const int echoes = SURROGATE_N / (int)(s->c.delay_samples + 1.0);
  for (int k = 0; k <= SURROGATE_N / 2; ++k) {
    double complex h = 0.0, echo;
    for (int n = 0; n < SURROGATE_N; ++n) h += filtered[n] * turn(k, n);
    odd[k] = even[k] = 0.0;
    echo = h;
    for (int e = 1; e <= echoes; ++e, echo *= s->c.feedback * h) *(e % 2 ? &odd[k] : &even[k]) += echo;
  }
  inverse_dft(odd, odd_response);
  inverse_dft(even, even_response);
  for (int n = 0; n < SURROGATE_N; ++n)
    value += (double)s->w_odd[n] * odd_response[n] + (double)s->w_even[n] * even_response[n];
  return value;
}

/* theta: T in samples, lambda. */
static dv_status surrogate_value(void* context, const double* theta, dv_gradcheck_point* point)
{
  const surrogate_case* s = context;
  double moved[SURROGATE_N], still[SURROGATE_N], filtered[SURROGATE_N], s1 = 0.0, s2 = 0.0;
  damped_pulse(theta[0], theta[1], moved);
  damped_pulse(s->c.delay_samples, s->log_damp, still);
  for (int n = 0; n < SURROGATE_N; ++n) {
    const double t = M_PI * (n - s->c.delay_samples), x = (t == 0.0 ? 1.0 : sin(t) / t) + moved[n] - still[n];
    const dv_biquad* b = &s->c.lowpass;
    filtered[n] = b->b0 * x + s1;
    s1 = b->b1 * x - b->a1 * filtered[n] + s2;
    s2 = b->b2 * x - b->a2 * filtered[n];
  }
  point->value = surrogate_echoes(s, filtered);
  return DV_OK;
}

static void test_gradients_of_delay_in_training_are_the_damped_pulses(void** state)
{
  (void)state;
  static surrogate_case s;
  uint64_t seed = 4;
  dv_delay_response* response = dv_delay_response_new(SURROGATE_RATE_HZ, SURROGATE_N);
  assert_non_null(response);
  for (int setting = 0; setting < 2 * SLOW_SETTINGS; ++setting) {
    const dv_delay_params p = {between(&seed, 100, 1000),
                               between(&seed, 0, 0.9),
                               between(&seed, 0, 1),
                               {between(&seed, 5, 40), between(&seed, 0.5, 2)},
                               0.5,
                               0.5};
    _Alignas(64) dv_real odd[SURROGATE_N], even[SURROGATE_N];
    dv_delay_coefs gc = {0};
    double g[2] = {0.0, 0.0};
    dv_gradcheck_point point;
    dv_delay_coeffs(&p, SURROGATE_RATE_HZ, &s.c);
    s.log_damp = -between(&seed, 1e-3, 0.1);
    fill(s.w_odd, SURROGATE_N, &seed);
    fill(s.w_even, SURROGATE_N, &seed);
    dv_delay_response_forward(response, &s.c, odd, even);
    dv_delay_response_backward(response, &s.c, DV_DELAY_TRAIN, s.log_damp, s.w_odd, s.w_even, &gc, &g[1]);
    g[0] = gc.delay_samples;
    double theta[2] = {s.c.delay_samples, s.log_damp};
    dv_gradcheck check = {surrogate_value, &s, theta, 0.0, DV_GRADCHECK_TOLERANCE, 0};
    assert_int_equal(dv_gradcheck_begin(&check), DV_OK);
    assert_int_equal(surrogate_value(&s, theta, &point), DV_OK);
    assert_close(dot(s.w_odd, odd, SURROGATE_N) + dot(s.w_even, even, SURROGATE_N), point.value, 1e-9, 1e-9);
    const double steps[2] = {1e-3, 1e-5};
    for (size_t i = 0; i < 2; ++i) {
      const dv_gradcheck_entry e = dv_gradcheck_one(&check, i, steps[i], g[i]);
      assert_close(e.finite, g[i], DV_GRADCHECK_TOLERANCE, 0.0);
    }
  }
  dv_delay_response_free(response);
}

/* --- Reverb ------------------------------------------------------------------------------------------- */

/* The network alone on the grid of a response of 0.25 s: <w, H> over all bins. */
enum { FDN_GRID = 11026, FDN_BINS = FDN_GRID / 2 + 1, FDN_REALS = 2 * FDN_BINS };

typedef struct {
  dv_fdn_grid grid;
  dv_real *h[2][2], *w[2][2];
} fdn_case;

static dv_status fdn_value(void* context, const double* raw, dv_gradcheck_point* point)
{
  fdn_case* f = context;
  dv_chain_params p;
  dv_fdn_coefs c;
  dv_params_from_raw(raw, &p);
  dv_fdn_coeffs(&p.reverb, DV_MODEL_RATE_HZ, &c);
  dv_fdn_spectrum(&c, &f->grid, 0, FDN_BINS, (dv_real* const(*)[2])f->h);
  point->value = 0.0;
  for (int i = 0; i < 4; ++i) point->value += dot(f->w[i / 2][i % 2], f->h[i / 2][i % 2], FDN_REALS);
  return DV_OK;
}

static dv_status fdn_gradient(void* context, const double* raw, double* gradient)
{
  fdn_case* f = context;
  dv_chain_params p, gp = {0};
  dv_fdn_coefs c, gc = {0};
  const dv_real* const w[2][2] = {{f->w[0][0], f->w[0][1]}, {f->w[1][0], f->w[1][1]}};
  dv_params_from_raw(raw, &p);
  dv_fdn_coeffs(&p.reverb, DV_MODEL_RATE_HZ, &c);
  dv_fdn_spectrum_vjp(&c, &f->grid, 0, FDN_BINS, w, &gc);
  dv_fdn_coeffs_vjp(&p.reverb, &gc, &gp.reverb);
  dv_params_raw_vjp(raw, &gp, gradient);
  return DV_OK;
}

static void test_gradients_of_fdn(void** state)
{
  (void)state;
  fdn_case f;
  uint64_t seed = 5;
  dv_fdn_coefs c;
  const dv_reverb_params any = {0};
  dv_real* phase = dv_fft_alloc(dv_fdn_grid_reals(FDN_GRID));
  assert_non_null(phase);
  dv_fdn_coeffs(&any, DV_MODEL_RATE_HZ, &c);
  dv_fdn_grid_init(&f.grid, &c, FDN_GRID, phase);
  for (int i = 0; i < 4; ++i) {
    f.h[i / 2][i % 2] = dv_fft_alloc(FDN_REALS);
    f.w[i / 2][i % 2] = dv_fft_alloc(FDN_REALS);
    assert_true(f.h[i / 2][i % 2] && f.w[i / 2][i % 2]);
    fill(f.w[i / 2][i % 2], FDN_REALS, &seed);
  }
  check_effect(&(effect){"FDN", fdn_value, fdn_gradient, &f, REVERB, FDN_COUNT, SETTINGS, DV_MODEL_RATE_HZ, 0.0});
  for (int i = 0; i < 4; ++i) {
    dv_fft_release(f.h[i / 2][i % 2]);
    dv_fft_release(f.w[i / 2][i % 2]);
  }
  dv_fft_release(phase);
}

/* The response with its EQ: 0.25 s kept. */
#define REVERB_RATE_HZ 8000.0
enum { REVERB_SAMPLES = 2000, REVERB_ROOM = 96016 };

typedef struct {
  dv_reverb_response* response;
  dv_real w[2][2][REVERB_SAMPLES];
  _Alignas(64) dv_real h[2][2][REVERB_ROOM];
} reverb_case;

static dv_status reverb_value(void* context, const double* raw, dv_gradcheck_point* point)
{
  reverb_case* r = context;
  dv_chain_params p;
  dv_reverb_coefs c;
  dv_real* const h[2][2] = {{r->h[0][0], r->h[0][1]}, {r->h[1][0], r->h[1][1]}};
  dv_params_from_raw(raw, &p);
  dv_reverb_coeffs(&p.reverb, REVERB_RATE_HZ, &c);
  dv_reverb_response_forward(r->response, &c, h);
  point->value = 0.0;
  for (int i = 0; i < 4; ++i) point->value += dot(r->w[i / 2][i % 2], r->h[i / 2][i % 2], REVERB_SAMPLES);
  return DV_OK;
}

static dv_status reverb_gradient(void* context, const double* raw, double* gradient)
{
  reverb_case* r = context;
  dv_gradcheck_point point;
  dv_chain_params p, gp = {0};
  dv_reverb_coefs c, gc = {0};
  dv_real* const gh[2][2] = {{r->h[0][0], r->h[0][1]}, {r->h[1][0], r->h[1][1]}};
  const dv_status status = reverb_value(r, raw, &point);
  for (int i = 0; i < 4; ++i) memcpy(gh[i / 2][i % 2], r->w[i / 2][i % 2], sizeof r->w[0][0]);
  dv_params_from_raw(raw, &p);
  dv_reverb_coeffs(&p.reverb, REVERB_RATE_HZ, &c);
  dv_reverb_response_backward(r->response, &c, gh, &gc);
  dv_reverb_coeffs_vjp(&p.reverb, REVERB_RATE_HZ, &gc, &gp.reverb);
  dv_params_raw_vjp(raw, &gp, gradient);
  return status;
}

static void test_gradients_of_reverb_response(void** state)
{
  (void)state;
  static reverb_case r;
  uint64_t seed = 6;
  r.response = dv_reverb_response_new(REVERB_RATE_HZ, REVERB_SAMPLES, 1);
  assert_non_null(r.response);
  assert_true(dv_reverb_response_reals(r.response) <= REVERB_ROOM);
  fill(&r.w[0][0][0], 4 * REVERB_SAMPLES, &seed);
  check_effect(
    &(effect){"reverb", reverb_value, reverb_gradient, &r, REVERB, REVERB_COUNT, SLOW_SETTINGS, REVERB_RATE_HZ, 0.0});
  dv_reverb_response_free(r.response);
}

/* --- Send, and the whole chain ------------------------------------------------------------------------- */

/* At the lowest rate the responses of 4 and 12 s take milliseconds, and short signals meet echoes of both. */
#define CHAIN_RATE_HZ 1000.0
enum { CHAIN_ACTIVE = 250, CHAIN_SAMPLES = 1100 };

static dv_status chain_gradient(void* context, const double* raw, double* gradient)
{
  return dv_gradcheck_chain_gradient(context, raw, gradient);
}

static void check_chain(const char* name, double rate_hz, size_t active, size_t samples, int first, int count,
                        int settings)
{
  dv_error err;
  dv_gradcheck_chain* chain = dv_gradcheck_chain_new(rate_hz, active, samples, 7, &err);
  assert_non_null(chain);
  check_effect(&(effect){name, dv_gradcheck_chain_value, chain_gradient, chain, first, count, settings, rate_hz, 0.02});
  dv_gradcheck_chain_free(chain);
}

static void test_gradients_of_send(void** state)
{
  (void)state;
  check_chain("send", CHAIN_RATE_HZ, CHAIN_ACTIVE, CHAIN_SAMPLES, SEND, 1, SETTINGS);
}

static void test_gradients_of_chain(void** state)
{
  (void)state;
  check_chain("chain", CHAIN_RATE_HZ, CHAIN_ACTIVE, CHAIN_SAMPLES, 0, DV_PRESET_SIZE, SETTINGS);
}

/* --- The checker can fail ------------------------------------------------------------------------------ */

typedef struct {
  double kink;
} cubic;

/* 2 x^3 - y + |x - kink| */
static dv_status cubic_value(void* context, const double* theta, dv_gradcheck_point* point)
{
  const cubic* c = context;
  const bool above = theta[0] > c->kink;
  point->value = 2.0 * theta[0] * theta[0] * theta[0] - theta[1] + fabs(theta[0] - c->kink);
  point->branches = dv_gradcheck_digest(0, &above, sizeof above);
  return theta[1] > 1e6 ? DV_ERR_NONFINITE : DV_OK;
}

static dv_gradcheck_verdict cubic_verdict(double kink, double y, size_t index, double gradient)
{
  cubic c = {kink};
  double theta[2] = {0.5, y};
  dv_gradcheck check = {cubic_value, &c, theta, 2.0, DV_GRADCHECK_TOLERANCE, 0};
  const dv_status begun = dv_gradcheck_begin(&check);
  assert_int_equal(begun, y > 1e6 ? DV_ERR_NONFINITE : DV_OK);
  const dv_gradcheck_entry e = dv_gradcheck_one(&check, index, 1e-3, gradient);
  assert_true(theta[0] == 0.5 && theta[1] == y);
  return e.verdict;
}

static void test_gradcheck_accepts_only_the_right_gradient(void** state)
{
  (void)state;
  assert_int_equal(cubic_verdict(0.0, 1.0, 0, 2.5), DV_GRADCHECK_AGREES);
  assert_int_equal(cubic_verdict(0.0, 1.0, 1, -1.0), DV_GRADCHECK_AGREES);
  assert_int_equal(cubic_verdict(0.0, 1.0, 0, -2.5), DV_GRADCHECK_DIFFERS);
  assert_int_equal(cubic_verdict(0.0, 1.0, 1, 1.0), DV_GRADCHECK_DIFFERS);
  assert_int_equal(cubic_verdict(0.0, 1.0, 0, 2.5 * (1 + 1e-4)), DV_GRADCHECK_DIFFERS);
  assert_int_equal(cubic_verdict(0.0, 1.0, 1, -1.0 - 1e-4), DV_GRADCHECK_DIFFERS);
  assert_int_equal(cubic_verdict(0.0, 1.0, 0, 0.0), DV_GRADCHECK_DIFFERS);
  assert_int_equal(cubic_verdict(0.0, 1.0, 0, (double)NAN), DV_GRADCHECK_DIFFERS);
}

static void test_gradcheck_skips_a_kink_and_reports_a_failing_function(void** state)
{
  (void)state;
  assert_int_equal(cubic_verdict(0.5 + 1e-9, 1.0, 0, 0.5), DV_GRADCHECK_SKIPPED);
  assert_int_equal(cubic_verdict(0.51, 1.0, 0, 0.5), DV_GRADCHECK_AGREES);
  assert_int_equal(cubic_verdict(0.0, 2e6, 0, 2.5), DV_GRADCHECK_DIFFERS);
}

/* Every gradient of a band and of the compressor, spoilt by 1e-4 or in sign, is noticed. */
static void test_gradcheck_catches_spoilt_adjoints(void** state)
{
  (void)state;
  static band_case b;
  uint64_t seed = 8;
  double raw[DV_PARAM_COUNT], gradient[DV_PARAM_COUNT] = {0};
  b.band = 0;
  fill(b.x, BAND_REALS, &seed);
  fill(b.w, BAND_REALS, &seed);
  draw(&seed, raw);
  assert_int_equal(band_gradient(&b, raw, gradient), DV_OK);
  const double factors[] = {1.0, -1.0, 1.0001, 0.9999, 0.0};
  dv_gradcheck check = {band_value, &b, raw, dv_gradcheck_norm(gradient, DV_EFFECT_PEAK1), DV_GRADCHECK_TOLERANCE, 0};
  assert_int_equal(dv_gradcheck_begin(&check), DV_OK);
  for (size_t i = 0; i < 3; ++i)
    for (size_t k = 0; k < sizeof factors / sizeof *factors; ++k) {
      const dv_gradcheck_entry e =
        dv_gradcheck_one(&check, i, dv_gradcheck_step((int)i, raw[i], DV_MODEL_RATE_HZ), factors[k] * gradient[i]);
      assert_int_equal(e.verdict, k == 0 ? DV_GRADCHECK_AGREES : DV_GRADCHECK_DIFFERS);
    }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_gradcheck_accepts_only_the_right_gradient),
    cmocka_unit_test(test_gradcheck_skips_a_kink_and_reports_a_failing_function),
    cmocka_unit_test(test_gradcheck_catches_spoilt_adjoints),
    cmocka_unit_test(test_gradients_of_bands),
    cmocka_unit_test(test_gradients_of_compressor),
    cmocka_unit_test(test_gradients_of_panner),
    cmocka_unit_test(test_gradients_of_delay),
    cmocka_unit_test(test_gradients_of_delay_in_training_are_the_damped_pulses),
    cmocka_unit_test(test_gradients_of_fdn),
    cmocka_unit_test(test_gradients_of_reverb_response),
    cmocka_unit_test(test_gradients_of_send),
    cmocka_unit_test(test_gradients_of_chain),
  };
  return cmocka_run_group_tests_name("gradients", tests, NULL, NULL);
}
