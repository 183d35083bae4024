/* SPDX-License-Identifier: MIT */
#include "dsp/response.h"

#include "dsp/cplx.h"
#include "dsp/reverb_response.h"
#include "dsp/team.h"

#include <stdlib.h>

enum { SLICES = 32 }; /* of the bins: the unit that threads share and sums are ordered by */

/* Gradients that are sums over bins. */
typedef struct {
  double send, gain, pan[2], odd[2], even[2];
} bin_sums;

struct dv_response {
  int threads;
  size_t size, bins;
  dv_fft* fft;
  dv_delay_response* delay;
  dv_reverb_response* reverb;
  size_t delay_length, reverb_length;
  dv_real *odd, *even; /* spectra of the delay's responses; in backward their gradients */
  dv_real* h[2][2];    /* spectra of the reverb's; in backward their gradients */
  dv_real* g[2];
  dv_real** signal; /* per thread: a transform's other end, for out of place FFTW is twice as fast; the first two are
                       g, which nobody needs while transforms run */
  bin_sums slice_sums[SLICES];
};

static size_t most(size_t a, size_t b) { return a > b ? a : b; }

dv_response* dv_response_new(double rate_hz, size_t keep, size_t samples, size_t warmup, int threads)
{
  dv_response* r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->threads = threads > 0 ? threads : 1;
  r->delay = dv_delay_response_new(rate_hz, keep);
  r->reverb = dv_reverb_response_new(rate_hz, keep, r->threads);
  if (!r->delay || !r->reverb) {
    dv_response_free(r);
    return NULL;
  }
  r->delay_length = dv_delay_response_length(r->delay);
  r->reverb_length = dv_reverb_response_length(r->reverb);
  const size_t linear = samples + dv_response_length(r) - 1 - warmup;
  r->size = dv_fft_good_size(most(linear, samples));
  r->bins = r->size / 2 + 1;
  r->fft = dv_fft_new_apart(r->size);
  const size_t reals = dv_fft_reals(r->size), reverb_reals = dv_reverb_response_reals(r->reverb);
  r->odd = dv_fft_alloc(most(reals, dv_delay_response_reals(r->delay)));
  r->even = dv_fft_alloc(most(reals, dv_delay_response_reals(r->delay)));
  r->signal = calloc((size_t)r->threads, sizeof *r->signal);
  bool complete = r->fft && r->odd && r->even && r->signal;
  for (int c = 0; c < 2; ++c) {
    complete = (r->g[c] = dv_fft_alloc(reals)) && complete;
    for (int j = 0; j < 2; ++j) complete = (r->h[c][j] = dv_fft_alloc(most(reals, reverb_reals))) && complete;
  }
  for (int t = 0; r->signal && t < r->threads; ++t)
    complete = (r->signal[t] = t < 2 ? r->g[t] : dv_fft_alloc(r->size)) && complete;
  if (!complete) {
    dv_response_free(r);
    return NULL;
  }
  return r;
}

void dv_response_free(dv_response* r)
{
  if (!r) return;
  dv_delay_response_free(r->delay);
  dv_reverb_response_free(r->reverb);
  dv_fft_free(r->fft);
  dv_fft_release(r->odd);
  dv_fft_release(r->even);
  for (int t = 2; r->signal && t < r->threads; ++t) dv_fft_release(r->signal[t]);
  free(r->signal);
  for (int c = 0; c < 2; ++c) {
    dv_fft_release(r->g[c]);
    for (int j = 0; j < 2; ++j) dv_fft_release(r->h[c][j]);
  }
  free(r);
}

const dv_fft* dv_response_fft(const dv_response* r) { return r->fft; }
size_t dv_response_length(const dv_response* r) { return r->delay_length + r->reverb_length - 1; }
const dv_real* dv_response_spectrum(const dv_response* r, int channel) { return r->g[channel]; }

/* Gains of the two delay responses into each channel. */
typedef struct {
  dv_real odd[2], even[2], send;
} weights;

static weights weights_of(const dv_chain_coefs* c)
{
  const double gain = c->delay.gain;
  return (weights){{(dv_real)(gain * c->delay.odd.left), (dv_real)(gain * c->delay.odd.right)},
                   {(dv_real)(gain * c->delay.even.left), (dv_real)(gain * c->delay.even.right)},
                   (dv_real)c->send};
}

static void slice_range(const dv_response* r, int slice, size_t* first, size_t* end)
{
  *first = r->bins * (size_t)slice / SLICES;
  *end = r->bins * (size_t)(slice + 1) / SLICES;
}

/* This thread's buffer; not across anything that waits for tasks. */
static dv_real* my_signal(const dv_response* r) { return r->signal[dv_team_running() ? dv_team_index() : 0]; }

static void transform(const dv_response* r, dv_real* signal, size_t length)
{
  dv_real* padded = my_signal(r);
  memcpy(padded, signal, length * sizeof *padded);
  memset(padded + length, 0, (r->size - length) * sizeof *padded);
  dv_fft_forward(r->fft, padded, signal);
}

static void transform_back(const dv_response* r, dv_real* spectrum, size_t length)
{
  dv_real* whole = my_signal(r);
  dv_fft_inverse(r->fft, spectrum, whole);
  memcpy(spectrum, whole, length * sizeof *whole);
}

DV_HOT static void combine(const dv_response* r, const weights* w, const dv_pan_gains* pan, size_t first, size_t end)
{
  const dv_real dry[2] = {(dv_real)pan->left, (dv_real)pan->right}, norm = (dv_real)(1.0 / (double)r->size);
  for (size_t k = first; k < end; ++k) {
    const dv_cplx odd = dv_cload(r->odd + 2 * k), even = dv_cload(r->even + 2 * k);
    dv_cplx d[2], wet[2];
    for (int j = 0; j < 2; ++j) {
      d[j] = dv_cadd(dv_cscale(w->odd[j], odd), dv_cscale(w->even[j], even));
      wet[j] = dv_cscale(w->send, d[j]);
      wet[j].re += 1;
    }
    for (int c = 0; c < 2; ++c) {
      dv_cplx g = dv_cadd(
        d[c], dv_cadd(dv_cmul(dv_cload(r->h[c][0] + 2 * k), wet[0]), dv_cmul(dv_cload(r->h[c][1] + 2 * k), wet[1])));
      g.re += dry[c];
      dv_cstore(r->g[c] + 2 * k, dv_cscale(norm, g));
    }
  }
}

static void compute(dv_response* r, const dv_chain_coefs* c)
{
  dv_real* const h[2][2] = {{r->h[0][0], r->h[0][1]}, {r->h[1][0], r->h[1][1]}};
  dv_real* const signals[6] = {r->odd, r->even, h[0][0], h[0][1], h[1][0], h[1][1]};
#pragma omp taskgroup
  {
#pragma omp task default(shared)
    dv_delay_response_forward(r->delay, &c->delay, r->odd, r->even);
    dv_reverb_response_forward(r->reverb, &c->reverb, h);
  }
#pragma omp taskgroup
  for (int i = 0; i < 6; ++i)
#pragma omp task default(shared) firstprivate(i)
    transform(r, signals[i], i < 2 ? r->delay_length : r->reverb_length);
  const weights w = weights_of(c);
#pragma omp taskgroup
  for (int slice = 0; slice < SLICES; ++slice)
#pragma omp task default(shared) firstprivate(slice)
  {
    size_t first, end;
    slice_range(r, slice, &first, &end);
    combine(r, &w, &c->pan, first, end);
  }
}

void dv_response_forward(dv_response* r, const dv_chain_coefs* c)
{
  if (dv_team_running()) {
    compute(r, c);
    return;
  }
#pragma omp parallel num_threads(r->threads)
#pragma omp single
  compute(r, c);
}

/* In place: the spectra in r->odd, even, h become the DFT-domain gradients of
   those responses. With s_c = cross_c / size:   gH_cj = conj(1 + s D_j) s_c,
   gD_j = s_j + s sum_c conj(H_cj) s_c. */
DV_HOT static void combine_vjp(const dv_response* r, const weights* w, const dv_chain_coefs* c, dv_real* const cross[2],
                               size_t first, size_t end, bin_sums* sums)
{
  const dv_real norm = (dv_real)(1.0 / (double)r->size);
  const dv_real odd_pan[2] = {(dv_real)c->delay.odd.left, (dv_real)c->delay.odd.right};
  const dv_real even_pan[2] = {(dv_real)c->delay.even.left, (dv_real)c->delay.even.right};
  for (size_t k = first; k < end; ++k) {
    /* interior bins stand for two conjugate ones */
    const double weight = k == 0 || k == r->size / 2 ? 1.0 : 2.0;
    const dv_cplx odd = dv_cload(r->odd + 2 * k), even = dv_cload(r->even + 2 * k);
    const dv_cplx s[2] = {dv_cscale(norm, dv_cload(cross[0] + 2 * k)), dv_cscale(norm, dv_cload(cross[1] + 2 * k))};
    dv_cplx g_odd = {0, 0}, g_even = {0, 0};
    dv_real g_send = 0;
    for (int j = 0; j < 2; ++j) {
      const dv_cplx d = dv_cadd(dv_cscale(w->odd[j], odd), dv_cscale(w->even[j], even));
      dv_cplx wet = dv_cscale(w->send, d), from_reverb = {0, 0};
      wet.re += 1;
      for (int out = 0; out < 2; ++out) {
        from_reverb = dv_cadd(from_reverb, dv_cmul_conj(s[out], dv_cload(r->h[out][j] + 2 * k)));
        dv_cstore(r->h[out][j] + 2 * k, dv_cmul_conj(s[out], wet));
      }
      g_send += dv_cdot(from_reverb, d);
      const dv_cplx g_d = dv_cadd(s[j], dv_cscale(w->send, from_reverb));
      g_odd = dv_cadd(g_odd, dv_cscale(w->odd[j], g_d));
      g_even = dv_cadd(g_even, dv_cscale(w->even[j], g_d));
      const double to_odd = (double)dv_cdot(odd, g_d), to_even = (double)dv_cdot(even, g_d);
      sums->odd[j] += weight * to_odd;
      sums->even[j] += weight * to_even;
      sums->gain += weight * ((double)odd_pan[j] * to_odd + (double)even_pan[j] * to_even);
      sums->pan[j] += weight * (double)s[j].re;
    }
    sums->send += weight * (double)g_send;
    dv_cstore(r->odd + 2 * k, g_odd);
    dv_cstore(r->even + 2 * k, g_even);
  }
}

static void add_sums(const dv_response* r, const dv_chain_coefs* c, dv_chain_coefs* gc)
{
  for (int slice = 0; slice < SLICES; ++slice) {
    const bin_sums* s = &r->slice_sums[slice];
    gc->send += s->send;
    gc->pan.left += s->pan[0];
    gc->pan.right += s->pan[1];
    gc->delay.gain += s->gain;
    gc->delay.odd.left += c->delay.gain * s->odd[0];
    gc->delay.odd.right += c->delay.gain * s->odd[1];
    gc->delay.even.left += c->delay.gain * s->even[0];
    gc->delay.even.right += c->delay.gain * s->even[1];
  }
}

/* What backward is given for the delay, and where its results go. */
typedef struct {
  dv_delay_gradient kind;
  double log_damp;
  double* g_log_damp;
  dv_chain_coefs* gc;
} gradients;

static void differentiate(dv_response* r, const dv_chain_coefs* c, dv_real* const cross[2], const gradients* out)
{
  dv_chain_coefs* gc = out->gc;
  const weights w = weights_of(c);
#pragma omp taskgroup
  for (int slice = 0; slice < SLICES; ++slice)
#pragma omp task default(shared) firstprivate(slice)
  {
    size_t first, end;
    slice_range(r, slice, &first, &end);
    memset(&r->slice_sums[slice], 0, sizeof r->slice_sums[slice]);
    combine_vjp(r, &w, c, cross, first, end, &r->slice_sums[slice]);
  }
  add_sums(r, c, gc);
  dv_real* const spectra[6] = {r->odd, r->even, r->h[0][0], r->h[0][1], r->h[1][0], r->h[1][1]};
#pragma omp taskgroup
  for (int i = 0; i < 6; ++i)
#pragma omp task default(shared) firstprivate(i)
    transform_back(r, spectra[i], i < 2 ? r->delay_length : r->reverb_length);
  dv_real* const gh[2][2] = {{r->h[0][0], r->h[0][1]}, {r->h[1][0], r->h[1][1]}};
#pragma omp taskgroup
  {
#pragma omp task default(shared)
    dv_delay_response_backward(r->delay, &c->delay, out->kind, out->log_damp, r->odd, r->even, &gc->delay,
                               out->g_log_damp);
    dv_reverb_response_backward(r->reverb, &c->reverb, gh, &gc->reverb);
  }
}

void dv_response_backward(dv_response* r, const dv_chain_coefs* c, dv_real* const cross[2], dv_delay_gradient gradient,
                          double log_damp, dv_chain_coefs* gc, double* g_log_damp)
{
  const gradients out = {gradient, log_damp, g_log_damp, gc};
  if (dv_team_running()) {
    differentiate(r, c, cross, &out);
    return;
  }
#pragma omp parallel num_threads(r->threads)
#pragma omp single
  differentiate(r, c, cross, &out);
}
