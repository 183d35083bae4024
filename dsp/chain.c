/* SPDX-License-Identifier: MIT */
#include "dsp/chain.h"

#include "dsp/cplx.h"
#include "dsp/fft.h"
#include "dsp/front.h"
#include "dsp/response.h"

#include <math.h>
#include <stdlib.h>
#ifdef _OPENMP
#include <omp.h>
#endif

/* Groups of DV_LANES chunks are dealt to a fixed number of slots, each with its own sums, so that the
   order of every addition is the same for any number of threads. */
enum { MAX_SLOTS = 8 };

/* What one thread needs. */
typedef struct {
  dv_front* front;
  dv_real *x, *e, *g_x; /* lane signals: input, front's output or its cotangent, dL/dx */
  dv_real *row, *sum;   /* spectra */
} scratch;

typedef struct {
  dv_real* cross[2];
  dv_chain_coefs gradient;
  bool finite;
} slot;

struct dv_chain {
  dv_chain_config config;
  int slots, workers; /* workers: threads that groups can occupy */
  dv_lookahead* filter;
  dv_response* response;
  const dv_fft* fft; /* the response's */
  scratch* threads;
  dv_real** spectra; /* E of every chunk */
  size_t taped;      /* chunks of the last forward, until backward has used what it left */
  slot slot[MAX_SLOTS];
};

static int thread_index(void)
{
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

static bool allocate_scratch(dv_chain* ch, scratch* s)
{
  const size_t lane_reals = ch->config.samples * DV_LANES, reals = dv_fft_reals(dv_fft_size(ch->fft));
  s->front = dv_front_new(ch->filter, ch->config.samples, true);
  s->x = dv_fft_alloc(lane_reals);
  s->e = dv_fft_alloc(lane_reals);
  s->g_x = dv_fft_alloc(lane_reals);
  s->row = dv_fft_alloc(reals);
  s->sum = dv_fft_alloc(reals);
  return s->front && s->x && s->e && s->g_x && s->row && s->sum;
}

static bool allocate(dv_chain* ch)
{
  const dv_chain_config* f = &ch->config;
  ch->filter = dv_lookahead_new(f->rate_hz);
  ch->response = dv_response_new(f->rate_hz, f->samples, f->samples, f->warmup, f->threads);
  if (!ch->filter || !ch->response) return false;
  ch->fft = dv_response_fft(ch->response);
  const size_t reals = dv_fft_reals(dv_fft_size(ch->fft));
  ch->threads = calloc((size_t)ch->workers, sizeof *ch->threads);
  ch->spectra = calloc(f->batch, sizeof *ch->spectra);
  if (!ch->threads || !ch->spectra) return false;
  for (int t = 0; t < ch->workers; ++t)
    if (!allocate_scratch(ch, &ch->threads[t])) return false;
  for (size_t i = 0; i < f->batch; ++i)
    if (!(ch->spectra[i] = dv_fft_alloc(reals))) return false;
  for (int i = 0; i < ch->slots; ++i)
    for (int c = 0; c < 2; ++c)
      if (!(ch->slot[i].cross[c] = dv_fft_alloc(reals))) return false;
  return true;
}

dv_status dv_chain_new(const dv_chain_config* config, dv_chain** chain, dv_error* err)
{
  *chain = NULL;
  if (!(config->rate_hz >= 1000.0 && config->rate_hz <= 1e6))
    return dv_fail(err, DV_ERR_ARG, "sample rate is %g Hz, expected 1000 to 1000000", config->rate_hz);
  if (config->samples == 0 || config->warmup >= config->samples)
    return dv_fail(err, DV_ERR_ARG, "a chunk of %zu samples leaves nothing after a warm-up of %zu", config->samples,
                   config->warmup);
  if (config->batch == 0 || config->threads < 1)
    return dv_fail(err, DV_ERR_ARG, "batch is %zu and threads %d, expected at least 1", config->batch, config->threads);
  dv_chain* ch = calloc(1, sizeof *ch);
  if (ch) {
    const size_t groups = (config->batch + DV_LANES - 1) / DV_LANES;
    ch->config = *config;
    ch->slots = groups < MAX_SLOTS ? (int)groups : MAX_SLOTS;
    ch->workers = config->threads < ch->slots ? config->threads : ch->slots;
    if (allocate(ch)) {
      *chain = ch;
      return DV_OK;
    }
  }
  dv_chain_free(ch);
  return dv_fail(err, DV_ERR_NOMEM, "out of memory for a batch of %zu chunks of %zu samples", config->batch,
                 config->samples);
}

void dv_chain_free(dv_chain* ch)
{
  if (!ch) return;
  for (int t = 0; ch->threads && t < ch->workers; ++t) {
    scratch* s = &ch->threads[t];
    dv_front_free(s->front);
    dv_fft_release(s->x);
    dv_fft_release(s->e);
    dv_fft_release(s->g_x);
    dv_fft_release(s->row);
    dv_fft_release(s->sum);
  }
  for (size_t i = 0; ch->spectra && i < ch->config.batch; ++i) dv_fft_release(ch->spectra[i]);
  for (int i = 0; i < ch->slots; ++i)
    for (int c = 0; c < 2; ++c) dv_fft_release(ch->slot[i].cross[c]);
  free(ch->threads);
  free(ch->spectra);
  dv_response_free(ch->response);
  dv_lookahead_free(ch->filter);
  free(ch);
}

/* Up to DV_LANES chunks from `first` on into one lane signal; unused lanes are silent. */
DV_HOT static void interleave(const dv_real* const* x, size_t first, size_t count, size_t n, dv_real* lanes)
{
  if (first + DV_LANES <= count) { /* one pass over the memory */
    const dv_real *a = x[first], *b = x[first + 1], *c = x[first + 2], *d = x[first + 3];
    for (size_t i = 0; i < n; ++i) {
      const dv_real frame[DV_LANES] = {a[i], b[i], c[i], d[i]};
      memcpy(lanes + i * DV_LANES, frame, sizeof frame);
    }
    return;
  }
  for (size_t l = 0; l < DV_LANES; ++l) {
    const dv_real* src = first + l < count ? x[first + l] : NULL;
    for (size_t i = 0; i < n; ++i) lanes[i * DV_LANES + l] = src ? src[i] : 0;
  }
}

/* The reverse; lanes without a chunk are dropped. */
DV_HOT static void take_lanes(const dv_real* lanes, size_t first, size_t count, size_t n, dv_real* const* x)
{
  if (first + DV_LANES <= count) {
    dv_real *a = x[first], *b = x[first + 1], *c = x[first + 2], *d = x[first + 3];
    for (size_t i = 0; i < n; ++i) {
      a[i] = lanes[i * DV_LANES];
      b[i] = lanes[i * DV_LANES + 1];
      c[i] = lanes[i * DV_LANES + 2];
      d[i] = lanes[i * DV_LANES + 3];
    }
    return;
  }
  for (size_t l = 0; first + l < count; ++l)
    for (size_t i = 0; i < n; ++i) x[first + l][i] = lanes[i * DV_LANES + l];
}

DV_HOT static void multiply(const dv_real* a, const dv_real* b, size_t bins, dv_real* out)
{
  dv_spectrum_multiply(a, b, bins, out);
}

/* One pass over DFT(dL/dy_c): cross += conj(E) g, and dL/dE = so_far + conj(G_c) g; so_far may be NULL, g_e
   may be e. */
DV_HOT static void multiply_vjp(const dv_real* g, const dv_real* e, const dv_real* response, size_t bins,
                                const dv_real* so_far, dv_real* cross, dv_real* g_e)
{
  for (size_t k = 0; k < bins; ++k) {
    const dv_cplx g_k = dv_cload(g + 2 * k), to_e = dv_cmul_conj(g_k, dv_cload(response + 2 * k));
    dv_cstore(cross + 2 * k, dv_cadd(dv_cload(cross + 2 * k), dv_cmul_conj(g_k, dv_cload(e + 2 * k))));
    dv_cstore(g_e + 2 * k, so_far ? dv_cadd(dv_cload(so_far + 2 * k), to_e) : to_e);
  }
}

static bool all_finite(const dv_real* x, size_t n)
{
  dv_real sum = 0;
  for (size_t i = 0; i < n; ++i) sum += x[i] * 0; /* 0 or NaN; vectorises */
  return sum == 0;
}

static bool forward_group(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count, size_t group,
                          dv_real* y)
{
  scratch* s = &ch->threads[thread_index()];
  const size_t n = ch->config.samples, warmup = ch->config.warmup, wanted = n - warmup, first = group * DV_LANES;
  const size_t size = dv_fft_size(ch->fft), bins = size / 2 + 1;
  bool finite = true;
  interleave(x, first, count, n, s->x);
  dv_front_forward(s->front, c, s->x, s->e);
  take_lanes(s->e, first, count, n, ch->spectra);
  for (size_t l = 0; l < DV_LANES && first + l < count; ++l) {
    dv_real* e = ch->spectra[first + l];
    memset(e + n, 0, (dv_fft_reals(size) - n) * sizeof *e);
    dv_fft_forward(ch->fft, e, e);
    for (int channel = 0; channel < 2; ++channel) {
      dv_real* row = y + (2 * (first + l) + (size_t)channel) * wanted;
      multiply(e, dv_response_spectrum(ch->response, channel), bins, s->row);
      dv_fft_inverse(ch->fft, s->row, s->row);
      memcpy(row, s->row + warmup, wanted * sizeof *row);
      finite = finite && all_finite(row, wanted);
    }
  }
  return finite;
}

dv_status dv_chain_forward(dv_chain* ch, const dv_chain_params* params, const dv_real* const* x, size_t count,
                           dv_real* y)
{
  ch->taped = 0;
  if (count == 0 || count > ch->config.batch) return DV_ERR_ARG;
  dv_chain_coefs c;
  dv_chain_coeffs(params, ch->config.rate_hz, &c);
  dv_lookahead_set(ch->filter, c.compressor.lookahead_samples);
  dv_response_forward(ch->response, &c);
  const size_t groups = (count + DV_LANES - 1) / DV_LANES;
#pragma omp parallel for num_threads(ch->workers) schedule(dynamic)
  for (int i = 0; i < ch->slots; ++i) {
    ch->slot[i].finite = true;
    for (size_t g = (size_t)i; g < groups; g += (size_t)ch->slots)
      ch->slot[i].finite = forward_group(ch, &c, x, count, g, y) && ch->slot[i].finite;
  }
  for (int i = 0; i < ch->slots; ++i)
    if (!ch->slot[i].finite) return DV_ERR_NONFINITE;
  ch->taped = count;
  return DV_OK;
}

static void backward_group(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count, size_t group,
                           const dv_real* gy, dv_real* const* gx, slot* out)
{
  scratch* s = &ch->threads[thread_index()];
  const size_t n = ch->config.samples, warmup = ch->config.warmup, wanted = n - warmup, first = group * DV_LANES;
  const size_t size = dv_fft_size(ch->fft), bins = size / 2 + 1;
  for (size_t l = 0; l < DV_LANES && first + l < count; ++l) {
    dv_real* e = ch->spectra[first + l]; /* becomes dL/de */
    for (int channel = 0; channel < 2; ++channel) {
      memset(s->row, 0, warmup * sizeof *s->row);
      memcpy(s->row + warmup, gy + (2 * (first + l) + (size_t)channel) * wanted, wanted * sizeof *s->row);
      memset(s->row + n, 0, (dv_fft_reals(size) - n) * sizeof *s->row);
      dv_fft_forward(ch->fft, s->row, s->row);
      multiply_vjp(s->row, e, dv_response_spectrum(ch->response, channel), bins, channel ? s->sum : NULL,
                   out->cross[channel], channel ? e : s->sum);
    }
    dv_fft_inverse(ch->fft, e, e);
  }
  interleave((const dv_real* const*)ch->spectra, first, count, n, s->e);
  interleave(x, first, count, n, s->x);
  if (gx) memset(s->g_x, 0, n * DV_LANES * sizeof *s->g_x);
  dv_front_backward(s->front, c, s->x, s->e, gx ? s->g_x : NULL, &out->gradient);
  for (size_t l = 0; gx && l < DV_LANES && first + l < count; ++l)
    for (size_t i = 0; gx[first + l] && i < n; ++i) gx[first + l][i] += s->g_x[i * DV_LANES + l];
}

static void add_doubles(const void* from, void* to, size_t bytes)
{
  const double* src = from;
  double* dst = to;
  for (size_t i = 0; i < bytes / sizeof *dst; ++i) dst[i] += src[i];
}

static void add_front_gradient(const dv_chain_coefs* from, dv_chain_coefs* to)
{
  add_doubles(from->eq, to->eq, sizeof to->eq);
  add_doubles(&from->compressor, &to->compressor, sizeof to->compressor);
}

dv_status dv_chain_backward(dv_chain* ch, const dv_chain_params* params, const dv_real* const* x, size_t count,
                            const dv_real* gy, dv_delay_gradient gradient, dv_chain_params* gp, dv_real* const* gx)
{
  if (count == 0 || count != ch->taped) return DV_ERR_ARG;
  ch->taped = 0;
  dv_chain_coefs c, gc;
  memset(&gc, 0, sizeof gc);
  dv_chain_coeffs(params, ch->config.rate_hz, &c);
  const size_t groups = (count + DV_LANES - 1) / DV_LANES, reals = dv_fft_reals(dv_fft_size(ch->fft));
#pragma omp parallel for num_threads(ch->workers) schedule(dynamic)
  for (int i = 0; i < ch->slots; ++i) {
    slot* s = &ch->slot[i];
    memset(&s->gradient, 0, sizeof s->gradient);
    for (int channel = 0; channel < 2; ++channel) memset(s->cross[channel], 0, reals * sizeof(dv_real));
    for (size_t g = (size_t)i; g < groups; g += (size_t)ch->slots) backward_group(ch, &c, x, count, g, gy, gx, s);
  }
  for (int i = 0; i < ch->slots; ++i) {
    add_front_gradient(&ch->slot[i].gradient, &gc);
    for (int channel = 0; i > 0 && channel < 2; ++channel)
      for (size_t k = 0; k < reals; ++k) ch->slot[0].cross[channel][k] += ch->slot[i].cross[channel][k];
  }
  dv_response_backward(ch->response, &c, ch->slot[0].cross, gradient, params->log_damp, &gc, &gp->log_damp);
  dv_chain_coeffs_vjp(params, ch->config.rate_hz, &gc, gp);
  const double* g = dv_params_flat_const(gp);
  for (int i = 0; i < DV_PARAM_COUNT; ++i)
    if (!isfinite(g[i])) return DV_ERR_NONFINITE;
  return DV_OK;
}
