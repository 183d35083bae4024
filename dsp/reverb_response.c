/* SPDX-License-Identifier: MIT */
#include "dsp/reverb_response.h"

#include "dsp/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The four responses are the four lanes of the EQ. */
_Static_assert(DV_LANES == 4, "one lane per response");

enum { SLICES = 64 }; /* of the bins: the unit that threads share and sums are ordered by */

struct dv_reverb_response {
  double rate_hz;
  size_t size, keep, slice_bins;
  int threads;
  dv_fft* fft;
  dv_fdn_grid grid;
  dv_real* phase;
  dv_real* spectrum[4];          /* N + 2 each, transformed in place */
  dv_real *plain, *tape, *g_out; /* lane signals: before the EQ, after each band, cotangent */
  dv_real* g_plain;
  dv_fdn_coefs slice_gradient[SLICES];
};

dv_reverb_response* dv_reverb_response_new(double rate_hz, size_t keep, int threads)
{
  dv_reverb_response* r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->rate_hz = rate_hz;
  r->size = dv_fdn_grid_size(rate_hz);
  r->keep = keep < r->size ? keep : r->size;
  r->threads = threads > 0 ? threads : 1;
  const size_t blocks = r->size / 2 / DV_FDN_BLOCK + 1;
  r->slice_bins = (blocks + SLICES - 1) / SLICES * DV_FDN_BLOCK;
  r->fft = dv_fft_new(r->size);
  r->phase = dv_fft_alloc(dv_fdn_grid_reals(r->size));
  r->plain = dv_fft_alloc(r->keep * DV_LANES);
  r->tape = dv_fft_alloc(r->keep * DV_LANES * DV_REVERB_BANDS);
  r->g_out = dv_fft_alloc(r->keep * DV_LANES);
  r->g_plain = dv_fft_alloc(r->keep * DV_LANES);
  bool complete = r->fft && r->phase && r->plain && r->tape && r->g_out && r->g_plain;
  for (int i = 0; i < 4; ++i) complete = (r->spectrum[i] = dv_fft_alloc(dv_fft_reals(r->size))) && complete;
  if (!complete) {
    dv_reverb_response_free(r);
    return NULL;
  }
  /* the delays depend on the rate alone */
  dv_fdn_coefs c;
  const dv_reverb_params any = {0};
  dv_fdn_coeffs(&any, rate_hz, &c);
  dv_fdn_grid_init(&r->grid, &c, r->size, r->phase);
  return r;
}

void dv_reverb_response_free(dv_reverb_response* r)
{
  if (!r) return;
  dv_fft_free(r->fft);
  dv_fft_release(r->phase);
  dv_fft_release(r->plain);
  dv_fft_release(r->tape);
  dv_fft_release(r->g_out);
  dv_fft_release(r->g_plain);
  for (int i = 0; i < 4; ++i) dv_fft_release(r->spectrum[i]);
  free(r);
}

size_t dv_reverb_response_length(const dv_reverb_response* r) { return r->keep; }

/* Bins of a slice; false for the empty ones at the end. */
static bool slice_range(const dv_reverb_response* r, int slice, size_t* first, size_t* count)
{
  const size_t bins = r->size / 2 + 1;
  *first = (size_t)slice * r->slice_bins;
  if (*first >= bins) return false;
  *count = bins - *first < r->slice_bins ? bins - *first : r->slice_bins;
  return true;
}

void dv_reverb_response_forward(dv_reverb_response* r, const dv_reverb_coefs* c, dv_real* const h[2][2])
{
  dv_real* const spectra[2][2] = {{r->spectrum[0], r->spectrum[1]}, {r->spectrum[2], r->spectrum[3]}};
#pragma omp parallel for num_threads(r->threads) schedule(dynamic)
  for (int slice = 0; slice < SLICES; ++slice) {
    size_t first, count;
    if (slice_range(r, slice, &first, &count)) dv_fdn_spectrum(&c->fdn, &r->grid, first, count, spectra);
  }
  const dv_real scale = (dv_real)(1.0 / (double)r->size);
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (int i = 0; i < 4; ++i) {
    dv_fft_inverse(r->fft, r->spectrum[i], r->spectrum[i]);
    for (size_t n = 0; n < r->keep; ++n) r->plain[n * DV_LANES + (size_t)i] = scale * r->spectrum[i][n];
  }
  dv_cascade_state state = {0};
  dv_real* filtered = r->tape + (DV_REVERB_BANDS - 1) * r->keep * DV_LANES;
  dv_cascade_forward(c->eq, DV_REVERB_BANDS, r->plain, filtered, r->keep, &state, r->tape);
  for (size_t n = 0; n < r->keep; ++n)
    for (int i = 0; i < 4; ++i) h[i / 2][i % 2][n] = filtered[n * DV_LANES + (size_t)i];
}

static void add_gradient(const dv_fdn_coefs* from, dv_fdn_coefs* to)
{
  for (int i = 0; i < DV_FDN_LINES; ++i) {
    for (int j = 0; j < DV_FDN_LINES; ++j) to->mixing[i][j] += from->mixing[i][j];
    for (int ch = 0; ch < 2; ++ch) {
      to->input[i][ch] += from->input[i][ch];
      to->output[ch][i] += from->output[ch][i];
    }
  }
  for (int k = 0; k < DV_FDN_BANDS; ++k) to->decay[k] += from->decay[k];
}

void dv_reverb_response_backward(dv_reverb_response* r, const dv_reverb_coefs* c, const dv_real* const gh[2][2],
                                 dv_reverb_coefs* gc)
{
  for (size_t n = 0; n < r->keep; ++n)
    for (int i = 0; i < 4; ++i) r->g_out[n * DV_LANES + (size_t)i] = gh[i / 2][i % 2][n];
  memset(r->g_plain, 0, r->keep * DV_LANES * sizeof *r->g_plain);
  dv_cascade_backward(c->eq, DV_REVERB_BANDS, r->plain, r->tape, r->g_out, r->g_plain, r->keep, gc->eq);

  /* adjoint of an inverse real DFT: a forward one, interior bins counted twice */
  const dv_real scale = (dv_real)(1.0 / (double)r->size);
  const size_t bins = r->size / 2 + 1;
#pragma omp parallel for num_threads(r->threads) schedule(static)
  for (int i = 0; i < 4; ++i) {
    dv_real* g = r->spectrum[i];
    for (size_t n = 0; n < r->keep; ++n) g[n] = scale * r->g_plain[n * DV_LANES + (size_t)i];
    memset(g + r->keep, 0, (dv_fft_reals(r->size) - r->keep) * sizeof *g);
    dv_fft_forward(r->fft, g, g);
    for (size_t k = 2; k < 2 * (bins - 1); ++k) g[k] *= 2;
  }
  const dv_real* const spectra[2][2] = {{r->spectrum[0], r->spectrum[1]}, {r->spectrum[2], r->spectrum[3]}};
#pragma omp parallel for num_threads(r->threads) schedule(dynamic)
  for (int slice = 0; slice < SLICES; ++slice) {
    size_t first, count;
    memset(&r->slice_gradient[slice], 0, sizeof r->slice_gradient[slice]);
    if (slice_range(r, slice, &first, &count))
      dv_fdn_spectrum_vjp(&c->fdn, &r->grid, first, count, spectra, &r->slice_gradient[slice]);
  }
  for (int slice = 0; slice < SLICES; ++slice) add_gradient(&r->slice_gradient[slice], &gc->fdn);
}
