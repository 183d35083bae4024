/* SPDX-License-Identifier: MIT */
#include "dsp/render.h"

#include "dsp/coefficients.h"
#include "dsp/cplx.h"
#include "dsp/fft.h"
#include "dsp/lookahead.h"
#include "dsp/response.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FRONT_BLOCK = 1 << 16 };

typedef struct {
  dv_chain_coefs coefs;
  size_t total;               /* samples + tail */
  size_t heard;               /* total and the look-ahead's reach: silence follows the signal */
  dv_real *filtered, *gain;   /* z, later e; g.  `heard` samples each */
  dv_real *lanes, *lanes_out; /* lane signals of a block and its look-ahead context */
  dv_real* scratch;
  dv_lookahead* filter;
  dv_response* response;
  dv_real *signal, *spectrum, *product;
  int before, after;
  dv_progress_fn progress;
  void* context;
} renderer;

static bool allocate(renderer* r, double rate_hz)
{
  dv_lookahead_span(rate_hz, &r->before, &r->after);
  const size_t lanes = (FRONT_BLOCK + (size_t)r->before + (size_t)r->after) * DV_LANES;
  r->filter = dv_lookahead_new(rate_hz);
  r->heard = r->total + (size_t)r->after;
  r->filtered = dv_fft_alloc(r->heard);
  r->gain = dv_fft_alloc(r->heard);
  r->lanes = dv_fft_alloc(lanes);
  r->lanes_out = dv_fft_alloc(lanes);
  /* blocks about as long as the response make overlap-add cheapest */
  const size_t longest = (size_t)(16.0 * rate_hz), block = r->total < longest ? r->total : longest;
  r->response = dv_response_new(rate_hz, r->total, block, 0, 1);
  if (!r->filter || !r->response) return false;
  r->scratch = dv_fft_alloc(dv_lookahead_scratch_reals(r->filter));
  const size_t reals = dv_fft_reals(dv_fft_size(dv_response_fft(r->response)));
  r->signal = dv_fft_alloc(reals);
  r->spectrum = dv_fft_alloc(reals);
  r->product = dv_fft_alloc(reals);
  return r->filtered && r->gain && r->lanes && r->lanes_out && r->scratch && r->signal && r->spectrum && r->product;
}

static void release(renderer* r)
{
  dv_lookahead_free(r->filter);
  dv_response_free(r->response);
  dv_fft_release(r->filtered);
  dv_fft_release(r->gain);
  dv_fft_release(r->lanes);
  dv_fft_release(r->lanes_out);
  dv_fft_release(r->scratch);
  dv_fft_release(r->signal);
  dv_fft_release(r->spectrum);
  dv_fft_release(r->product);
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Lane 0 carries the signal, the others stay silent. */
static void to_lane(const dv_real* x, size_t n, dv_real* lanes)
{
  for (size_t i = 0; i < n; ++i) lanes[i * DV_LANES] = x[i];
}

/* z and g of the whole signal, block by block. */
static void run_gain(renderer* r, const dv_real* x, size_t samples)
{
  dv_cascade_state eq = {0};
  dv_compressor_state state;
  dv_compressor_reset(&state);
  memset(r->lanes, 0, FRONT_BLOCK * DV_LANES * sizeof *r->lanes);
  const dv_compressor_tape tape = {NULL, NULL, r->lanes_out, NULL};
  for (size_t start = 0; start < r->heard; start += FRONT_BLOCK) {
    const size_t n = smaller(FRONT_BLOCK, r->heard - start);
    const size_t given = start < samples ? smaller(n, samples - start) : 0;
    if (given) to_lane(x + start, given, r->lanes);
    for (size_t i = given; i < n; ++i) r->lanes[i * DV_LANES] = 0;
    dv_cascade_forward(r->coefs.eq, DV_EQ_BANDS, r->lanes, r->lanes, n, &eq, NULL);
    for (size_t i = 0; i < n; ++i) r->filtered[start + i] = r->lanes[i * DV_LANES];
    dv_compressor_gain_forward(&r->coefs.compressor, r->lanes, n, &state, &tape);
    for (size_t i = 0; i < n; ++i) r->gain[start + i] = r->lanes_out[i * DV_LANES];
    for (size_t i = 0; i < n * DV_LANES; ++i) r->lanes[i] = 0;
  }
}

/* e = z G makeup, in place of z.  A block's look-ahead is exact when it sees its neighbours' gain. */
static void apply_lookahead(renderer* r)
{
  const size_t before = (size_t)r->before, after = (size_t)r->after;
  const dv_real makeup = (dv_real)r->coefs.compressor.makeup;
  dv_lookahead_set(r->filter, r->coefs.compressor.lookahead_samples);
  for (size_t start = 0; start < r->total; start += FRONT_BLOCK) {
    const size_t n = smaller(FRONT_BLOCK, r->total - start);
    const size_t first = start - smaller(start, before), end = smaller(r->heard, start + n + after);
    to_lane(r->gain + first, end - first, r->lanes);
    dv_lookahead_forward(r->filter, r->lanes, r->lanes_out, end - first, r->scratch);
    for (size_t i = start; i < start + n; ++i) r->filtered[i] *= r->lanes_out[(i - first) * DV_LANES] * makeup;
  }
}

static void convolve_block(renderer* r, size_t start, size_t n, dv_real* const out[2])
{
  const dv_fft* fft = dv_response_fft(r->response);
  const size_t size = dv_fft_size(fft), length = smaller(r->total - start, n + dv_response_length(r->response) - 1);
  memcpy(r->signal, r->filtered + start, n * sizeof *r->signal);
  memset(r->signal + n, 0, (size - n) * sizeof *r->signal);
  dv_fft_forward(fft, r->signal, r->spectrum);
  for (int c = 0; c < 2; ++c) {
    dv_spectrum_multiply(r->spectrum, dv_response_spectrum(r->response, c), size / 2 + 1, r->product);
    dv_fft_inverse(fft, r->product, r->signal);
    for (size_t i = 0; i < length; ++i) out[c][start + i] += r->signal[i];
  }
}

static dv_status convolve(renderer* r, dv_real* left, dv_real* right)
{
  dv_real* const out[2] = {left, right};
  const size_t size = dv_fft_size(dv_response_fft(r->response));
  const size_t hop = size - dv_response_length(r->response) + 1;
  memset(left, 0, r->total * sizeof *left);
  memset(right, 0, r->total * sizeof *right);
  dv_response_forward(r->response, &r->coefs);
  for (size_t start = 0; start < r->total; start += hop) {
    convolve_block(r, start, smaller(hop, r->total - start), out);
    if (r->progress && r->progress(r->context, (double)start / (double)r->total)) return DV_ERR_CANCELLED;
  }
  return DV_OK;
}

static dv_status check_finite(const dv_real* x, size_t n, const char* what, dv_error* err)
{
  for (size_t i = 0; i < n; ++i)
    if (!isfinite(x[i])) return dv_fail(err, DV_ERR_NONFINITE, "%s sample %zu is not a finite number", what, i);
  return DV_OK;
}

dv_status dv_render(const dv_chain_params* params, double rate_hz, const dv_real* x, size_t samples, size_t tail,
                    dv_real* left, dv_real* right, dv_progress_fn progress, void* context, dv_error* err)
{
  if (!(rate_hz >= 1000.0 && rate_hz <= 1e6))
    return dv_fail(err, DV_ERR_ARG, "sample rate is %g Hz, expected 1000 to 1000000", rate_hz);
  dv_status status = dv_params_check(params, err);
  if (!status) status = check_finite(x, samples, "input", err);
  if (status || samples + tail == 0) return status;
  renderer r = {.total = samples + tail, .progress = progress, .context = context};
  dv_chain_coeffs(params, rate_hz, &r.coefs);
  if (allocate(&r, rate_hz)) {
    run_gain(&r, x, samples);
    apply_lookahead(&r);
    status = convolve(&r, left, right);
  } else {
    status = dv_fail(err, DV_ERR_NOMEM, "out of memory for %zu samples at %g Hz", r.total, rate_hz);
  }
  release(&r);
  if (status == DV_ERR_CANCELLED) return dv_fail(err, status, "cancelled");
  if (!status) status = check_finite(left, samples + tail, "left output", err);
  if (!status) status = check_finite(right, samples + tail, "right output", err);
  return status;
}
