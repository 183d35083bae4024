/* SPDX-License-Identifier: MIT */
#include "dsp/delay_response.h"

#include "dsp/cplx.h"
#include "dsp/fft.h"

#include <math.h>
#include <stdlib.h>

enum {
  BLOCK = 1024,
  BLOCK_REALS = BLOCK * DV_LANES
}; /* what the low-pass filters at once, in the first-level caches */

/* Lane signals of one block with one lane in use: the shared biquad costs less than a second one. */
typedef struct {
  dv_real pulse[BLOCK_REALS], filtered[BLOCK_REALS]; /* sinc(n - T) and h1 */
  dv_real g_filtered[BLOCK_REALS], g_pulse[BLOCK_REALS];
} block_signals;

struct dv_delay_response {
  dv_fft* fft;
  size_t size, keep;
  dv_real* first;           /* H1 */
  dv_real *odd, *even;      /* spectra of the responses or of their cotangents, and signals on the way there */
  dv_cascade_state* before; /* the low-pass's state at the start of each block */
  block_signals* block;
};

static size_t block_count(const dv_delay_response* r) { return (r->size + BLOCK - 1) / BLOCK; }

dv_delay_response* dv_delay_response_new(double rate_hz, size_t keep)
{
  dv_delay_response* r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->size = 2 * (size_t)lround(2.0 * rate_hz);
  r->keep = keep < r->size ? keep : r->size;
  r->fft = dv_fft_new_apart(r->size);
  r->first = dv_fft_alloc(dv_fft_reals(r->size));
  r->odd = dv_fft_alloc(dv_fft_reals(r->size));
  r->even = dv_fft_alloc(dv_fft_reals(r->size));
  r->before = calloc(block_count(r), sizeof *r->before);
  r->block = calloc(1, sizeof *r->block);
  if (!r->fft || !r->first || !r->odd || !r->even || !r->before || !r->block) {
    dv_delay_response_free(r);
    return NULL;
  }
  return r;
}

void dv_delay_response_free(dv_delay_response* r)
{
  if (!r) return;
  dv_fft_free(r->fft);
  dv_fft_release(r->first);
  dv_fft_release(r->odd);
  dv_fft_release(r->even);
  free(r->before);
  free(r->block);
  free(r);
}

size_t dv_delay_response_length(const dv_delay_response* r) { return r->keep; }
size_t dv_delay_response_reals(const dv_delay_response* r) { return r->size; }

static size_t block_length(const dv_delay_response* r, size_t start)
{
  return r->size - start < BLOCK ? r->size - start : BLOCK;
}

/* sinc(n - T) = -(-1)^(n - round T) sin(pi frac) / (pi (n - T)), exact also for T near an integer; for the block
   that begins with n = start. */
static void write_pulse(double delay_samples, size_t start, size_t count, dv_real* pulse)
{
  const double nearest = round(delay_samples), fraction = delay_samples - nearest;
  const double numerator = -sin(M_PI * fraction) / M_PI;
  const size_t peak = (size_t)nearest;
  for (size_t i = 0; i < count; ++i) {
    const double t = (double)(start + i) - nearest - fraction;
    const double sign = ((start + i) ^ peak) & 1 ? -1.0 : 1.0;
    pulse[i * DV_LANES] = (dv_real)(fabs(t) < 1e-9 ? 1.0 : sign * numerator / t);
  }
}

/* The pulse and h1 of block k, from the state before it, which moves on. */
static void run_block(const dv_delay_response* r, const dv_delay_coefs* c, size_t k, dv_cascade_state* state)
{
  const size_t start = k * BLOCK, n = block_length(r, start);
  write_pulse(c->delay_samples, start, n, r->block->pulse);
  dv_cascade_forward(&c->lowpass, 1, r->block->pulse, r->block->filtered, n, state, NULL);
}

static void filter_pulse(dv_delay_response* r, const dv_delay_coefs* c, dv_real* h1)
{
  dv_cascade_state state = {0};
  for (size_t k = 0; k < block_count(r); ++k) {
    r->before[k] = state;
    run_block(r, c, k, &state);
    for (size_t i = 0; i < block_length(r, k * BLOCK); ++i) h1[k * BLOCK + i] = r->block->filtered[i * DV_LANES];
  }
}

/* In place: dL/dh1 becomes dL/dpulse. */
static void unfilter_pulse(dv_delay_response* r, const dv_delay_coefs* c, dv_real* g, dv_biquad* g_lowpass)
{
  block_signals* b = r->block;
  dv_cascade_adjoint adjoint = {0};
  for (size_t k = block_count(r); k-- > 0;) {
    const size_t start = k * BLOCK, n = block_length(r, start);
    dv_cascade_state state = r->before[k];
    run_block(r, c, k, &state);
    for (size_t i = 0; i < n; ++i) b->g_filtered[i * DV_LANES] = g[start + i];
    memset(b->g_pulse, 0, n * DV_LANES * sizeof *b->g_pulse);
    dv_cascade_backward_block(&c->lowpass, 1, b->pulse, b->filtered, b->g_filtered, b->g_pulse, n, &adjoint, g_lowpass);
    for (size_t i = 0; i < n; ++i) g[start + i] = b->g_pulse[i * DV_LANES];
  }
}

typedef struct {
  int odd, even;
} echo_counts;

static echo_counts count_echoes(const dv_delay_response* r, double delay_samples)
{
  const int echoes = (int)(r->size / (size_t)(delay_samples + 1.0));
  return (echo_counts){(echoes + 1) / 2, echoes / 2};
}

/* p(q) = 1 + q + ... + q^(terms-1) and its derivative, by Horner's rule. */
DV_INLINE void geometric(dv_cplx q, int terms, dv_cplx* p, dv_cplx* slope)
{
  dv_cplx sum = {0, 0}, derivative = {0, 0};
  for (int k = 0; k < terms; ++k) {
    derivative = dv_cadd(dv_cmul(derivative, q), sum);
    sum = dv_cmul(sum, q);
    sum.re += 1;
  }
  *p = sum;
  *slope = derivative;
}

DV_HOT static void echo_spectra(const dv_delay_response* r, dv_real feedback, echo_counts counts)
{
  const dv_real scale = (dv_real)(1.0 / (double)r->size);
  for (size_t k = 0; k <= r->size / 2; ++k) {
    const dv_cplx h = dv_cload(r->first + 2 * k), z = dv_cscale(feedback, h), q = dv_cmul(z, z);
    dv_cplx p_odd, p_even, slope;
    geometric(q, counts.odd, &p_odd, &slope);
    geometric(q, counts.even, &p_even, &slope);
    const dv_cplx odd = dv_cmul(dv_cscale(scale, h), p_odd), even = dv_cmul(dv_cmul(dv_cscale(scale, h), z), p_even);
    dv_cstore(r->odd + 2 * k, odd);
    dv_cstore(r->even + 2 * k, even);
  }
}

void dv_delay_response_forward(dv_delay_response* r, const dv_delay_coefs* c, dv_real* odd, dv_real* even)
{
  filter_pulse(r, c, r->odd);
  dv_fft_forward(r->fft, r->odd, r->first);
  echo_spectra(r, (dv_real)c->feedback, count_echoes(r, c->delay_samples));
  dv_fft_inverse(r->fft, r->odd, odd);
  dv_fft_inverse(r->fft, r->even, even);
}

/* In: spectra of g_odd and g_even.  Out: conjugate-symmetric weights applied, DFT cotangent of h1 in
   r->odd; returns dL/dfeedback.
     odd  = H p_o(q), even = H z p_e(q), z = fb H, q = z^2
     d odd/dH  = p_o + 2 q p_o'            d odd/dfb  = 2 z H^2 p_o'   (times 1)
     d even/dH = 2 z (p_e + q p_e')        d even/dfb = H^2 (p_e + 2 q p_e') */
DV_HOT static double echo_spectra_vjp(const dv_delay_response* r, dv_real feedback, echo_counts counts)
{
  const dv_real scale = (dv_real)(1.0 / (double)r->size);
  double g_feedback = 0.0;
  for (size_t k = 0; k <= r->size / 2; ++k) {
    const dv_cplx h = dv_cload(r->first + 2 * k), z = dv_cscale(feedback, h), q = dv_cmul(z, z), h2 = dv_cmul(h, h);
    const dv_cplx g_odd = dv_cscale(scale, dv_cload(r->odd + 2 * k)),
                  g_even = dv_cscale(scale, dv_cload(r->even + 2 * k));
    dv_cplx p_odd, p_even, s_odd, s_even;
    geometric(q, counts.odd, &p_odd, &s_odd);
    geometric(q, counts.even, &p_even, &s_even);
    const dv_cplx qs_odd = dv_cmul(q, s_odd), qs_even = dv_cmul(q, s_even);
    const dv_cplx odd_h = dv_cadd(p_odd, dv_cscale(2, qs_odd));
    const dv_cplx even_h = dv_cmul(dv_cscale(2, z), dv_cadd(p_even, qs_even));
    const dv_cplx odd_fb = dv_cmul(dv_cmul(dv_cscale(2, z), h2), s_odd);
    const dv_cplx even_fb = dv_cmul(h2, dv_cadd(p_even, dv_cscale(2, qs_even)));
    /* interior bins stand for two conjugate ones */
    const double weight = k == 0 || k == r->size / 2 ? 1.0 : 2.0;
    g_feedback += weight * ((double)dv_cdot(g_odd, odd_fb) + (double)dv_cdot(g_even, even_fb));
    const dv_cplx g_h = dv_cadd(dv_cmul_conj(g_odd, odd_h), dv_cmul_conj(g_even, even_h));
    dv_cstore(r->odd + 2 * k, g_h);
  }
  return g_feedback;
}

/* dL/dT of the exact pulse. */
static double pulse_gradient(double delay_samples, const dv_real* g_pulse, size_t n)
{
  double sum = 0.0;
  const double nearest = round(delay_samples), fraction = delay_samples - nearest;
  const double sin_f = sin(M_PI * fraction), cos_f = cos(M_PI * fraction);
  const size_t peak = (size_t)nearest;
  for (size_t i = 0; i < n; ++i) {
    const double u = (double)i - nearest - fraction;
    const double sign = (i ^ peak) & 1 ? -1.0 : 1.0;
    /* cos(pi u) and sin(pi u) by their fraction only */
    const double slope = fabs(u) < 1e-3 ? -M_PI * M_PI * u / 3.0 : (sign * cos_f + sign * sin_f / (M_PI * u)) / u;
    sum -= (double)g_pulse[i] * slope;
  }
  return sum;
}

/* dL/dT and dL/dlambda of the damped pulse; spectrum: DFT of dL/dpulse. */
static double damped_pulse_gradient(const dv_delay_response* r, double delay_samples, double log_damp,
                                    const dv_real* spectrum, double* g_log_damp)
{
  double g_delay = 0.0, g_damp = 0.0;
  const double n = (double)r->size;
  for (size_t k = 1; k <= r->size / 2; ++k) {
    const double damping = exp(log_damp * (double)k);
    if (damping < 1e-30) break;
    /* k T mod N before the sine: k T reaches 1e10 */
    const double turn = fmod((double)k * delay_samples, n) * 2.0 * M_PI / n;
    const double re = damping * cos(turn), im = -damping * sin(turn), weight = (k == r->size / 2 ? 1.0 : 2.0) / n;
    const double g_re = weight * (double)spectrum[2 * k], g_im = weight * (double)spectrum[2 * k + 1];
    g_damp += (double)k * (g_re * re + g_im * im);
    g_delay += 2.0 * M_PI * (double)k / n * (g_re * im - g_im * re);
  }
  *g_log_damp += g_damp;
  return g_delay;
}

static void transform_padded(const dv_delay_response* r, dv_real* signal, dv_real* spectrum)
{
  memset(signal + r->keep, 0, (r->size - r->keep) * sizeof *signal);
  dv_fft_forward(r->fft, signal, spectrum);
}

void dv_delay_response_backward(dv_delay_response* r, const dv_delay_coefs* c, dv_delay_gradient gradient,
                                double log_damp, dv_real* g_odd, dv_real* g_even, dv_delay_coefs* gc,
                                double* g_log_damp)
{
  transform_padded(r, g_odd, r->odd);
  transform_padded(r, g_even, r->even);
  gc->feedback += echo_spectra_vjp(r, (dv_real)c->feedback, count_echoes(r, c->delay_samples));
  dv_real* g_pulse = r->even;
  dv_fft_inverse(r->fft, r->odd, g_pulse); /* dL/dh1 */
  unfilter_pulse(r, c, g_pulse, &gc->lowpass);
  if (gradient == DV_DELAY_EXACT) {
    gc->delay_samples += pulse_gradient(c->delay_samples, g_pulse, r->size);
    return;
  }
  dv_fft_forward(r->fft, g_pulse, r->odd);
  gc->delay_samples += damped_pulse_gradient(r, c->delay_samples, log_damp, r->odd, g_log_damp);
}
