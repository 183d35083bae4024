/* SPDX-License-Identifier: MIT */
#include "dsp/chain.h"

#include "dsp/cplx.h"
#include "dsp/fft.h"
#include "dsp/front.h"
#include "dsp/response.h"
#include "dsp/team.h"

#include <math.h>
#include <stdlib.h>

/* Threads that groups of DV_LANES chunks are dealt to, at most: each takes 44 MB for chunks of 12 s. */
enum { MOST_WORKERS = 4 };

/* What one thread needs for a group of chunks. */
typedef struct {
  dv_front* front;
  dv_real *ahead, *time; /* the look-ahead's gain; a signal on the transform's grid */
  dv_real *e, *part;     /* spectra: E; a product or a cotangent */
  dv_real* sum;          /* dL/dE */
  dv_real* cross[2];     /* the group's share of the chain's */
  dv_chain_coefs gradient;
} worker;

struct dv_chain {
  dv_chain_config config;
  int worker_count;
  dv_lookahead* filter;
  dv_response* response;
  const dv_fft* fft; /* the response's */
  worker* workers;
  size_t taped;      /* chunks of the last forward, until backward has used what it
                   left */
  dv_real* memory;   /* of all rows here and in workers */
  size_t idle;       /* values at its beginning that nothing is kept in from forward to backward */
  dv_real* cross[2]; /* sum of conj(E) DFT(dL/dy_c) */
  /* only where the whole batch is one group, which has one front: */
  dv_real *times[2], *rows[2]; /* a signal and a spectrum per channel */
  dv_real* kept[DV_LANES];     /* E of each chunk */
  dv_real* ahead[DV_LANES];    /* its look-ahead's gain */
};

static bool one_group(const dv_chain* ch) { return ch->config.batch <= DV_LANES; }

/* Where the next row goes; without memory its size is only counted. */
typedef struct {
  dv_real* memory;
  size_t used;
} arena;

static dv_real* take(arena* a, size_t reals)
{
  const size_t line = 16; /* values: rows are aligned as dv_fft_alloc aligns them */
  dv_real* row = a->memory ? a->memory + a->used : NULL;
  a->used += (reals + line - 1) / line * line;
  return row;
}

static void place_worker(const dv_chain* ch, worker* w, arena* a)
{
  const size_t reals = dv_fft_reals(dv_fft_size(ch->fft));
  dv_real** const rows[] = {&w->time, &w->e, &w->part, &w->sum, &w->cross[0], &w->cross[1]};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) *rows[i] = take(a, reals);
  w->ahead = take(a, ch->config.samples);
}

/* Lays all rows out and returns the room they take. */
static size_t place_rows(dv_chain* ch, dv_real* memory)
{
  const size_t reals = dv_fft_reals(dv_fft_size(ch->fft));
  arena a = {memory, 0};
  for (int c = 0; c < 2; ++c) ch->cross[c] = take(&a, reals);
  for (int t = 0; !one_group(ch) && t < ch->worker_count; ++t) place_worker(ch, &ch->workers[t], &a);
  for (int c = 0; one_group(ch) && c < 2; ++c) {
    ch->times[c] = take(&a, reals);
    ch->rows[c] = take(&a, reals);
  }
  ch->idle = a.used;
  for (size_t i = 0; one_group(ch) && i < ch->config.batch; ++i) {
    ch->kept[i] = take(&a, reals);
    ch->ahead[i] = take(&a, ch->config.samples);
  }
  return a.used;
}

static bool allocate(dv_chain* ch)
{
  const dv_chain_config* f = &ch->config;
  ch->filter = dv_lookahead_new(f->rate_hz);
  ch->response = dv_response_new(f->rate_hz, f->samples, f->samples, f->warmup, f->threads);
  ch->workers = calloc((size_t)ch->worker_count, sizeof *ch->workers);
  if (!ch->filter || !ch->response || !ch->workers) return false;
  ch->fft = dv_response_fft(ch->response);
  for (int t = 0; t < ch->worker_count; ++t) {
    ch->workers[t].front = dv_front_new(ch->filter, f->samples, one_group(ch) ? f->batch : DV_LANES);
    if (!ch->workers[t].front) return false;
  }
  ch->memory = dv_fft_alloc(place_rows(ch, NULL));
  if (!ch->memory) return false;
  (void)place_rows(ch, ch->memory);
  return true;
}

static int least(int a, int b) { return a < b ? a : b; }

static size_t group_count(size_t count) { return (count + DV_LANES - 1) / DV_LANES; }

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
    const size_t groups = group_count(config->batch);
    ch->config = *config;
    ch->worker_count = least(config->threads, groups < MOST_WORKERS ? (int)groups : MOST_WORKERS);
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
  for (int t = 0; ch->workers && t < ch->worker_count; ++t) dv_front_free(ch->workers[t].front);
  dv_fft_release(ch->memory);
  free(ch->workers);
  dv_response_free(ch->response);
  dv_lookahead_free(ch->filter);
  free(ch);
}

dv_real* dv_chain_idle_memory(const dv_chain* ch, size_t* bytes)
{
  *bytes = ch->idle * sizeof *ch->memory;
  return ch->memory;
}

DV_HOT static void multiply(const dv_real* a, const dv_real* b, size_t bins, dv_real* out)
{
  dv_spectrum_multiply(a, b, bins, out);
}

/* One pass over g = DFT(dL/dy_c): cross += conj(E) g, or = where it is the
   first, and dL/dE = so_far + conj(G_c) g; so_far may be NULL, g_e may be g or
   so_far. */
DV_HOT static void multiply_vjp(const dv_real* g, const dv_real* e, const dv_real* response, size_t bins,
                                const dv_real* so_far, bool first, dv_real* cross, dv_real* g_e)
{
  for (size_t k = 0; k < bins; ++k) {
    const dv_cplx g_k = dv_cload(g + 2 * k), to_e = dv_cmul_conj(g_k, dv_cload(response + 2 * k));
    const dv_cplx product = dv_cmul_conj(g_k, dv_cload(e + 2 * k));
    dv_cstore(cross + 2 * k, first ? product : dv_cadd(dv_cload(cross + 2 * k), product));
    dv_cstore(g_e + 2 * k, so_far ? dv_cadd(dv_cload(so_far + 2 * k), to_e) : to_e);
  }
}

DV_HOT static void add_spectra(const dv_real* a, const dv_real* b, size_t reals, dv_real* sum)
{
  for (size_t i = 0; i < reals; ++i) sum[i] = a[i] + b[i];
}

static bool all_finite(const dv_real* x, size_t n)
{
  dv_real sum = 0;
  for (size_t i = 0; i < n; ++i) sum += x[i] * 0; /* 0 or NaN; vectorises */
  return sum == 0;
}

/* ---- steps of one chunk ---- */

static size_t bins_of(const dv_chain* ch) { return dv_fft_size(ch->fft) / 2 + 1; }

/* e of a lane of the front, transformed; ahead: see dv_front_output. */
static void transform_front(const dv_chain* ch, const dv_chain_coefs* c, dv_front* front, size_t lane, dv_real* ahead,
                            dv_real* time, dv_real* e)
{
  const size_t n = ch->config.samples;
  dv_front_output(front, c, lane, ahead, time);
  memset(time + n, 0, (dv_fft_size(ch->fft) - n) * sizeof *time);
  dv_fft_forward(ch->fft, time, e);
}

/* One channel's row of y; part and time are scratch.  False where it is not
 * finite. */
static bool output_row(const dv_chain* ch, const dv_real* e, int channel, dv_real* part, dv_real* time, dv_real* row)
{
  const size_t warmup = ch->config.warmup, wanted = ch->config.samples - warmup;
  multiply(e, dv_response_spectrum(ch->response, channel), bins_of(ch), part);
  dv_fft_inverse(ch->fft, part, time);
  memcpy(row, time + warmup, wanted * sizeof *row);
  return all_finite(row, wanted);
}

/* The DFT of one channel's row of dL/dy. */
static void transform_row(const dv_chain* ch, const dv_real* row, dv_real* time, dv_real* spectrum)
{
  const size_t n = ch->config.samples, warmup = ch->config.warmup;
  memset(time, 0, warmup * sizeof *time);
  memcpy(time + warmup, row, (n - warmup) * sizeof *time);
  memset(time + n, 0, (dv_fft_size(ch->fft) - n) * sizeof *time);
  dv_fft_forward(ch->fft, time, spectrum);
}

static size_t row_offset(const dv_chain* ch, size_t chunk, int channel)
{
  return (2 * chunk + (size_t)channel) * (ch->config.samples - ch->config.warmup);
}

/* ---- a stream of groups ---- */

static size_t group_size(size_t count, size_t group)
{
  const size_t left = count - group * DV_LANES;
  return left < DV_LANES ? left : DV_LANES;
}

static bool forward_group(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count, size_t group,
                          dv_real* y)
{
  const worker* w = &ch->workers[dv_team_index()];
  const size_t first = group * DV_LANES, chunks = group_size(count, group);
  bool finite = true;
  dv_front_forward(w->front, c, x + first, chunks);
  for (size_t l = 0; l < chunks; ++l) {
    transform_front(ch, c, w->front, l, w->time, w->time, w->e);
    for (int channel = 0; channel < 2; ++channel)
      finite &= output_row(ch, w->e, channel, w->part, w->time, y + row_offset(ch, first + l, channel));
  }
  return finite;
}

static bool forward_stream(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count, dv_real* y)
{
  bool finite = true;
  dv_response_forward(ch->response, c);
#pragma omp parallel for num_threads(ch->worker_count) schedule(dynamic) reduction(&& : finite)
  for (size_t g = 0; g < group_count(count); ++g) finite = forward_group(ch, c, x, count, g, y) && finite;
  return finite;
}

/* The group's cross-spectra and what its front adds to the gradient, into *w. */
static void backward_group(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count, size_t group,
                           const dv_real* gy, dv_real* const* gx, dv_real* const cross[2], worker* w)
{
  const size_t first = group * DV_LANES, chunks = group_size(count, group);
  memset(&w->gradient, 0, sizeof w->gradient);
  dv_front_forward(w->front, c, x + first, chunks);
  for (size_t l = 0; l < chunks; ++l) {
    transform_front(ch, c, w->front, l, w->ahead, w->time, w->e);
    for (int channel = 0; channel < 2; ++channel) {
      transform_row(ch, gy + row_offset(ch, first + l, channel), w->time, w->part);
      multiply_vjp(w->part, w->e, dv_response_spectrum(ch->response, channel), bins_of(ch), channel ? w->sum : NULL,
                   l == 0, cross[channel], w->sum);
    }
    dv_fft_inverse(ch->fft, w->sum, w->time);
    dv_front_backward_gain(w->front, c, l, w->ahead, w->time, &w->gradient);
  }
  dv_front_backward(w->front, c, x + first, chunks, gx ? gx + first : NULL, &w->gradient);
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

/* Groups are added one after the other in their order, so that no sum depends on the number of threads; the first
   one's cross-spectra are the chain's from the start. */
static void backward_stream(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count,
                            const dv_real* gy, dv_real* const* gx, dv_chain_coefs* gc)
{
  const size_t reals = dv_fft_reals(dv_fft_size(ch->fft));
#pragma omp parallel for ordered num_threads(ch->worker_count) schedule(dynamic)
  for (size_t g = 0; g < group_count(count); ++g) {
    worker* w = &ch->workers[dv_team_index()];
    backward_group(ch, c, x, count, g, gy, gx, g == 0 ? ch->cross : w->cross, w);
#pragma omp ordered
    {
      for (int channel = 0; g > 0 && channel < 2; ++channel)
        add_spectra(ch->cross[channel], w->cross[channel], reals, ch->cross[channel]);
      add_front_gradient(&w->gradient, gc);
    }
  }
}

/* ---- one group: its front and the responses side by side, then channels ----
 */

static bool forward_kept(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count, dv_real* y)
{
  dv_front* front = ch->workers[0].front;
  bool finite[2] = {true, true};
#pragma omp parallel num_threads(ch->config.threads)
#pragma omp single
  {
#pragma omp taskgroup
    {
#pragma omp task default(shared)
      {
        dv_front_forward(front, c, x, count);
        for (size_t l = 0; l < count; ++l) transform_front(ch, c, front, l, ch->ahead[l], ch->times[0], ch->kept[l]);
      }
      dv_response_forward(ch->response, c);
    }
#pragma omp taskgroup
    for (int channel = 0; channel < 2; ++channel)
#pragma omp task default(shared) firstprivate(channel)
      for (size_t l = 0; l < count; ++l)
        finite[channel] &=
          output_row(ch, ch->kept[l], channel, ch->rows[channel], ch->times[channel], y + row_offset(ch, l, channel));
  }
  return finite[0] && finite[1];
}

/* Cross-spectra, and in ch->kept dL/dE. */
static void differentiate_rows(dv_chain* ch, size_t count, const dv_real* gy)
{
  const size_t bins = bins_of(ch);
  for (size_t l = 0; l < count; ++l) {
#pragma omp taskgroup
    for (int channel = 0; channel < 2; ++channel)
#pragma omp task default(shared) firstprivate(channel)
    {
      dv_real* row = ch->rows[channel];
      transform_row(ch, gy + row_offset(ch, l, channel), ch->times[channel], row);
      multiply_vjp(row, ch->kept[l], dv_response_spectrum(ch->response, channel), bins, NULL, l == 0,
                   ch->cross[channel], row);
    }
    add_spectra(ch->rows[0], ch->rows[1], 2 * bins, ch->kept[l]);
  }
}

/* What the responses' backward is given. */
typedef struct {
  dv_delay_gradient gradient;
  double log_damp;
  dv_chain_coefs* gc;
  double* g_log_damp;
} response_gradients;

static void backward_responses(dv_chain* ch, const dv_chain_coefs* c, const response_gradients* out)
{
  dv_response_backward(ch->response, c, ch->cross, out->gradient, out->log_damp, out->gc, out->g_log_damp);
}

static void backward_kept(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count,
                          const dv_real* gy, dv_real* const* gx, const response_gradients* response)
{
  worker* w = &ch->workers[0];
  memset(&w->gradient, 0, sizeof w->gradient);
#pragma omp parallel num_threads(ch->config.threads)
#pragma omp single
  {
    differentiate_rows(ch, count, gy);
#pragma omp taskgroup
    {
#pragma omp task default(shared)
      {
        for (size_t l = 0; l < count; ++l) {
          dv_fft_inverse(ch->fft, ch->kept[l], ch->times[0]);
          dv_front_backward_gain(w->front, c, l, ch->ahead[l], ch->times[0], &w->gradient);
        }
        dv_front_backward(w->front, c, x, count, gx, &w->gradient);
      }
      backward_responses(ch, c, response);
    }
  }
  add_front_gradient(&w->gradient, response->gc);
}

/* ---- the chain ---- */

dv_status dv_chain_forward(dv_chain* ch, const dv_chain_params* params, const dv_real* const* x, size_t count,
                           dv_real* y)
{
  ch->taped = 0;
  if (count == 0 || count > ch->config.batch) return DV_ERR_ARG;
  dv_chain_coefs c;
  dv_chain_coeffs(params, ch->config.rate_hz, &c);
  dv_lookahead_set(ch->filter, c.compressor.lookahead_samples);
  const bool finite = one_group(ch) ? forward_kept(ch, &c, x, count, y) : forward_stream(ch, &c, x, count, y);
  if (!finite) return DV_ERR_NONFINITE;
  ch->taped = count;
  return DV_OK;
}

dv_status dv_chain_backward(dv_chain* ch, const dv_chain_params* params, const dv_real* const* x, size_t count,
                            const dv_real* gy, dv_delay_gradient gradient, dv_chain_params* gp, dv_real* const* gx)
{
  if (count == 0 || count != ch->taped) return DV_ERR_ARG;
  ch->taped = 0;
  dv_chain_coefs c, gc;
  memset(&gc, 0, sizeof gc);
  dv_chain_coeffs(params, ch->config.rate_hz, &c);
  const response_gradients response = {gradient, params->log_damp, &gc, &gp->log_damp};
  if (one_group(ch)) {
    backward_kept(ch, &c, x, count, gy, gx, &response);
  } else {
    backward_stream(ch, &c, x, count, gy, gx, &gc);
    backward_responses(ch, &c, &response);
  }
  dv_chain_coeffs_vjp(params, ch->config.rate_hz, &gc, gp);
  const double* g = dv_params_flat_const(gp);
  for (int i = 0; i < DV_PARAM_COUNT; ++i)
    if (!isfinite(g[i])) return DV_ERR_NONFINITE;
  return DV_OK;
}
