/* SPDX-License-Identifier: MIT */
#include "dsp/chain.h"

#include "dsp/cplx.h"
#include "dsp/fft.h"
#include "dsp/front.h"
#include "dsp/response.h"
#include "dsp/team.h"

#include <math.h>
#include <stdlib.h>

/* Groups of DV_LANES chunks are dealt to a fixed number of slots, each with its
   own sums, so that the order of every addition is the same for any number of
   threads. */
enum { MAX_SLOTS = 4 };

/* What one thread needs for a group of chunks. */
typedef struct {
  dv_front* front;
  dv_real* time;     /* a signal on the transform's grid */
  dv_real *e, *part; /* spectra: E; a product or a cotangent */
  dv_real* sum;      /* dL/dE */
} scratch;

typedef struct {
  dv_real* cross[2]; /* sum of conj(E) DFT(dL/dy_c) */
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
  size_t taped; /* chunks of the last forward, until backward has used what it
                   left */
  slot slot[MAX_SLOTS];
  /* only where the whole batch is one group: */
  dv_real* kept[DV_LANES];     /* E of each chunk */
  dv_real *times[2], *rows[2]; /* a signal and a spectrum per channel */
};

static bool one_group(const dv_chain* ch) { return ch->config.batch <= DV_LANES; }

static bool allocate_scratch(dv_chain* ch, scratch* s, size_t reals)
{
  s->front = dv_front_new(ch->filter, ch->config.samples, one_group(ch) ? ch->config.batch : DV_LANES);
  s->time = dv_fft_alloc(reals);
  if (one_group(ch)) return s->front && s->time;
  s->e = dv_fft_alloc(reals);
  s->part = dv_fft_alloc(reals);
  s->sum = dv_fft_alloc(reals);
  return s->front && s->time && s->e && s->part && s->sum;
}

static bool allocate_kept(dv_chain* ch, size_t reals)
{
  bool complete = true;
  for (size_t i = 0; i < ch->config.batch; ++i) complete = (ch->kept[i] = dv_fft_alloc(reals)) && complete;
  for (int c = 0; c < 2; ++c) {
    complete = (ch->times[c] = dv_fft_alloc(reals)) && complete;
    complete = (ch->rows[c] = dv_fft_alloc(reals)) && complete;
  }
  return complete;
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
  if (!ch->threads) return false;
  for (int t = 0; t < ch->workers; ++t)
    if (!allocate_scratch(ch, &ch->threads[t], reals)) return false;
  for (int i = 0; i < ch->slots; ++i)
    for (int c = 0; c < 2; ++c)
      if (!(ch->slot[i].cross[c] = dv_fft_alloc(reals))) return false;
  return !one_group(ch) || allocate_kept(ch, reals);
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
    dv_fft_release(s->time);
    dv_fft_release(s->e);
    dv_fft_release(s->part);
    dv_fft_release(s->sum);
  }
  for (int l = 0; l < DV_LANES; ++l) dv_fft_release(ch->kept[l]);
  for (int c = 0; c < 2; ++c) {
    dv_fft_release(ch->times[c]);
    dv_fft_release(ch->rows[c]);
  }
  for (int i = 0; i < ch->slots; ++i)
    for (int c = 0; c < 2; ++c) dv_fft_release(ch->slot[i].cross[c]);
  free(ch->threads);
  dv_response_free(ch->response);
  dv_lookahead_free(ch->filter);
  free(ch);
}

DV_HOT static void multiply(const dv_real* a, const dv_real* b, size_t bins, dv_real* out)
{
  dv_spectrum_multiply(a, b, bins, out);
}

/* One pass over g = DFT(dL/dy_c): cross += conj(E) g, and dL/dE = so_far +
   conj(G_c) g; so_far may be NULL, g_e may be g or so_far. */
DV_HOT static void multiply_vjp(const dv_real* g, const dv_real* e, const dv_real* response, size_t bins,
                                const dv_real* so_far, dv_real* cross, dv_real* g_e)
{
  for (size_t k = 0; k < bins; ++k) {
    const dv_cplx g_k = dv_cload(g + 2 * k), to_e = dv_cmul_conj(g_k, dv_cload(response + 2 * k));
    dv_cstore(cross + 2 * k, dv_cadd(dv_cload(cross + 2 * k), dv_cmul_conj(g_k, dv_cload(e + 2 * k))));
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

/* e of a lane of the front, transformed. */
static void transform_front(const dv_chain* ch, const dv_chain_coefs* c, dv_front* front, size_t lane, dv_real* time,
                            dv_real* e)
{
  const size_t n = ch->config.samples;
  dv_front_output(front, c, lane, time);
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

static size_t group_count(size_t count) { return (count + DV_LANES - 1) / DV_LANES; }

static size_t group_size(size_t count, size_t group)
{
  const size_t left = count - group * DV_LANES;
  return left < DV_LANES ? left : DV_LANES;
}

static bool forward_group(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count, size_t group,
                          dv_real* y)
{
  const scratch* s = &ch->threads[dv_team_index()];
  const size_t first = group * DV_LANES, chunks = group_size(count, group);
  bool finite = true;
  dv_front_forward(s->front, c, x + first, chunks);
  for (size_t l = 0; l < chunks; ++l) {
    transform_front(ch, c, s->front, l, s->time, s->e);
    for (int channel = 0; channel < 2; ++channel)
      finite &= output_row(ch, s->e, channel, s->part, s->time, y + row_offset(ch, first + l, channel));
  }
  return finite;
}

static void forward_stream(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count, dv_real* y)
{
  dv_response_forward(ch->response, c);
#pragma omp parallel for num_threads(ch->workers) schedule(dynamic)
  for (int i = 0; i < ch->slots; ++i)
    for (size_t g = (size_t)i; g < group_count(count); g += (size_t)ch->slots)
      ch->slot[i].finite = forward_group(ch, c, x, count, g, y) && ch->slot[i].finite;
}

static void backward_group(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count, size_t group,
                           const dv_real* gy, dv_real* const* gx, slot* out)
{
  const scratch* s = &ch->threads[dv_team_index()];
  const size_t first = group * DV_LANES, chunks = group_size(count, group);
  dv_front_forward(s->front, c, x + first, chunks);
  for (size_t l = 0; l < chunks; ++l) {
    transform_front(ch, c, s->front, l, s->time, s->e);
    for (int channel = 0; channel < 2; ++channel) {
      transform_row(ch, gy + row_offset(ch, first + l, channel), s->time, s->part);
      multiply_vjp(s->part, s->e, dv_response_spectrum(ch->response, channel), bins_of(ch), channel ? s->sum : NULL,
                   out->cross[channel], s->sum);
    }
    dv_fft_inverse(ch->fft, s->sum, s->time);
    dv_front_backward_gain(s->front, c, l, s->time, &out->gradient);
  }
  dv_front_backward(s->front, c, x + first, chunks, gx ? gx + first : NULL, &out->gradient);
}

static void clear_slot(dv_chain* ch, slot* s)
{
  memset(&s->gradient, 0, sizeof s->gradient);
  for (int channel = 0; channel < 2; ++channel)
    memset(s->cross[channel], 0, dv_fft_reals(dv_fft_size(ch->fft)) * sizeof(dv_real));
}

static void backward_stream(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count,
                            const dv_real* gy, dv_real* const* gx)
{
#pragma omp parallel for num_threads(ch->workers) schedule(dynamic)
  for (int i = 0; i < ch->slots; ++i) {
    clear_slot(ch, &ch->slot[i]);
    for (size_t g = (size_t)i; g < group_count(count); g += (size_t)ch->slots)
      backward_group(ch, c, x, count, g, gy, gx, &ch->slot[i]);
  }
  for (int i = 1; i < ch->slots; ++i)
    for (int channel = 0; channel < 2; ++channel)
      add_spectra(ch->slot[0].cross[channel], ch->slot[i].cross[channel], dv_fft_reals(dv_fft_size(ch->fft)),
                  ch->slot[0].cross[channel]);
}

/* ---- one group: its front and the responses side by side, then channels ----
 */

static void forward_kept(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count, dv_real* y)
{
  const scratch* s = &ch->threads[0];
  bool finite[2] = {true, true};
#pragma omp parallel num_threads(ch->config.threads)
#pragma omp single
  {
#pragma omp taskgroup
    {
#pragma omp task default(shared)
      {
        dv_front_forward(s->front, c, x, count);
        for (size_t l = 0; l < count; ++l) transform_front(ch, c, s->front, l, s->time, ch->kept[l]);
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
  ch->slot[0].finite = finite[0] && finite[1];
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
      multiply_vjp(row, ch->kept[l], dv_response_spectrum(ch->response, channel), bins, NULL,
                   ch->slot[0].cross[channel], row);
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
  dv_response_backward(ch->response, c, ch->slot[0].cross, out->gradient, out->log_damp, out->gc, out->g_log_damp);
}

static void backward_kept(dv_chain* ch, const dv_chain_coefs* c, const dv_real* const* x, size_t count,
                          const dv_real* gy, dv_real* const* gx, const response_gradients* response)
{
  const scratch* s = &ch->threads[0];
  slot* out = &ch->slot[0];
  clear_slot(ch, out);
#pragma omp parallel num_threads(ch->config.threads)
#pragma omp single
  {
    differentiate_rows(ch, count, gy);
#pragma omp taskgroup
    {
#pragma omp task default(shared)
      {
        for (size_t l = 0; l < count; ++l) {
          dv_fft_inverse(ch->fft, ch->kept[l], s->time);
          dv_front_backward_gain(s->front, c, l, s->time, &out->gradient);
        }
        dv_front_backward(s->front, c, x, count, gx, &out->gradient);
      }
      backward_responses(ch, c, response);
    }
  }
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
  for (int i = 0; i < ch->slots; ++i) ch->slot[i].finite = true;
  if (one_group(ch)) forward_kept(ch, &c, x, count, y);
  else forward_stream(ch, &c, x, count, y);
  for (int i = 0; i < ch->slots; ++i)
    if (!ch->slot[i].finite) return DV_ERR_NONFINITE;
  ch->taped = count;
  return DV_OK;
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
  const response_gradients response = {gradient, params->log_damp, &gc, &gp->log_damp};
  if (one_group(ch)) {
    backward_kept(ch, &c, x, count, gy, gx, &response);
  } else {
    backward_stream(ch, &c, x, count, gy, gx);
    backward_responses(ch, &c, &response);
  }
  for (int i = 0; i < ch->slots; ++i) add_front_gradient(&ch->slot[i].gradient, &gc);
  dv_chain_coeffs_vjp(params, ch->config.rate_hz, &gc, gp);
  const double* g = dv_params_flat_const(gp);
  for (int i = 0; i < DV_PARAM_COUNT; ++i)
    if (!isfinite(g[i])) return DV_ERR_NONFINITE;
  return DV_OK;
}
