/* SPDX-License-Identifier: MIT */
#include "dsp/reverb_response.h"

#include "dsp/fft.h"
#include "dsp/simd.h"
#include "dsp/team.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The four responses are the four lanes of the EQ. */
_Static_assert(DV_LANES == 4, "one lane per response");

enum {
  SLICES = 64,  /* of the bins: the unit that threads share and sums are ordered by */
  BLOCK = 1024, /* samples that the EQ filters at once, in the second-level cache */
  BLOCK_REALS = BLOCK * DV_LANES
};

/* Lane signals of one block. */
typedef struct {
  dv_real plain[BLOCK_REALS], tape[DV_REVERB_BANDS * BLOCK_REALS], g_out[BLOCK_REALS], g_plain[BLOCK_REALS];
} block_signals;

struct dv_reverb_response {
  double rate_hz;
  size_t size, keep, slice_bins;
  int threads;
  dv_fft* fft;
  dv_fdn_grid grid;
  dv_real* phase;
  dv_real* plain[4];        /* responses before the EQ; in backward the cotangents of their spectra */
  dv_cascade_state* before; /* the EQ's state at the start of each block */
  block_signals* block;
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
  r->fft = dv_fft_new_apart(r->size);
  r->phase = dv_fft_alloc(dv_fdn_grid_reals(r->size));
  r->before = calloc(r->keep / BLOCK + 1, sizeof *r->before);
  r->block = calloc(1, sizeof *r->block);
  bool complete = r->fft && r->phase && r->before && r->block;
  for (int i = 0; i < 4; ++i) complete = (r->plain[i] = dv_fft_alloc(dv_reverb_response_reals(r))) && complete;
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
  free(r->before);
  free(r->block);
  for (int i = 0; i < 4; ++i) dv_fft_release(r->plain[i]);
  free(r);
}

size_t dv_reverb_response_length(const dv_reverb_response* r) { return r->keep; }
size_t dv_reverb_response_reals(const dv_reverb_response* r) { return dv_fft_reals(r->size); }

/* Bins of a slice; false for the empty ones at the end. */
static bool slice_range(const dv_reverb_response* r, int slice, size_t* first, size_t* count)
{
  const size_t bins = r->size / 2 + 1;
  *first = (size_t)slice * r->slice_bins;
  if (*first >= bins) return false;
  *count = bins - *first < r->slice_bins ? bins - *first : r->slice_bins;
  return true;
}

static size_t block_length(const dv_reverb_response* r, size_t start)
{
  return r->keep - start < BLOCK ? r->keep - start : BLOCK;
}

/* n samples from `start` on of the four responses, scaled, into one lane
 * signal. */
DV_HOT static void interleave(const dv_real* const rows[4], dv_real scale, size_t start, size_t n, dv_real* lanes)
{
  const dv_real *a = rows[0] + start, *b = rows[1] + start, *c = rows[2] + start, *d = rows[3] + start;
  for (size_t i = 0; i < n; ++i) {
    const dv_real frame[DV_LANES] = {scale * a[i], scale * b[i], scale * c[i], scale * d[i]};
    memcpy(lanes + i * DV_LANES, frame, sizeof frame);
  }
}

DV_HOT static void take_lanes(const dv_real* lanes, size_t start, size_t n, dv_real* const rows[4])
{
  for (size_t i = 0; i < n; ++i)
    for (size_t l = 0; l < 4; ++l) rows[l][start + i] = lanes[i * DV_LANES + l];
}

static dv_real inverse_scale(const dv_reverb_response* r) { return (dv_real)(1.0 / (double)r->size); }

static void filter_responses(dv_reverb_response* r, const dv_reverb_coefs* c, dv_real* const h[4])
{
  block_signals* b = r->block;
  dv_cascade_state state = {0};
  for (size_t start = 0; start < r->keep; start += BLOCK) {
    const size_t n = block_length(r, start);
    r->before[start / BLOCK] = state;
    interleave((const dv_real* const*)r->plain, inverse_scale(r), start, n, b->plain);
    dv_cascade_forward(c->eq, DV_REVERB_BANDS, b->plain, b->plain, n, &state, NULL);
    take_lanes(b->plain, start, n, h);
  }
}

static void compute_responses(dv_reverb_response* r, const dv_reverb_coefs* c, dv_real* const h[4])
{
  dv_real* const spectra[2][2] = {{h[0], h[1]}, {h[2], h[3]}};
#pragma omp taskgroup
  for (int slice = 0; slice < SLICES; ++slice)
#pragma omp task default(shared) firstprivate(slice)
  {
    size_t first, count;
    if (slice_range(r, slice, &first, &count)) dv_fdn_spectrum(&c->fdn, &r->grid, first, count, spectra);
  }
#pragma omp taskgroup
  for (int i = 0; i < 4; ++i)
#pragma omp task default(shared) firstprivate(i)
    dv_fft_inverse(r->fft, h[i], r->plain[i]);
  filter_responses(r, c, h);
}

void dv_reverb_response_forward(dv_reverb_response* r, const dv_reverb_coefs* c, dv_real* const h[2][2])
{
  dv_real* const rows[4] = {h[0][0], h[0][1], h[1][0], h[1][1]};
  if (dv_team_running()) {
    compute_responses(r, c, rows);
    return;
  }
#pragma omp parallel num_threads(r->threads)
#pragma omp single
  compute_responses(r, c, rows);
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

/* Cotangents of the EQ's output to those of its input, in place. */
static void unfilter_responses(dv_reverb_response* r, const dv_reverb_coefs* c, dv_real* const gh[4], dv_biquad* g_eq)
{
  block_signals* b = r->block;
  dv_cascade_adjoint adjoint = {0};
  for (size_t k = (r->keep + BLOCK - 1) / BLOCK; k-- > 0;) {
    const size_t start = k * BLOCK, n = block_length(r, start);
    dv_cascade_state state = r->before[k];
    interleave((const dv_real* const*)r->plain, inverse_scale(r), start, n, b->plain);
    dv_cascade_forward(c->eq, DV_REVERB_BANDS, b->plain, b->tape + (DV_REVERB_BANDS - 1) * n * DV_LANES, n, &state,
                       b->tape);
    interleave((const dv_real* const*)gh, 1, start, n, b->g_out);
    memset(b->g_plain, 0, n * DV_LANES * sizeof *b->g_plain);
    dv_cascade_backward_block(c->eq, DV_REVERB_BANDS, b->plain, b->tape, b->g_out, b->g_plain, n, &adjoint, g_eq);
    take_lanes(b->g_plain, start, n, gh);
  }
}

/* Adjoint of an inverse real DFT: a forward one, interior bins counted twice.
 */
DV_HOT static void weight_bins(size_t bins, dv_real scale, dv_real* spectrum)
{
  const dv_real twice = 2 * scale;
  spectrum[0] *= scale;
  for (size_t k = 2; k < 2 * (bins - 1); ++k) spectrum[k] *= twice;
  spectrum[2 * (bins - 1)] *= scale;
}

static void differentiate(dv_reverb_response* r, const dv_reverb_coefs* c, dv_real* const gh[4], dv_reverb_coefs* gc)
{
  unfilter_responses(r, c, gh, gc->eq);
#pragma omp taskgroup
  for (int i = 0; i < 4; ++i)
#pragma omp task default(shared) firstprivate(i)
  {
    memset(gh[i] + r->keep, 0, (r->size - r->keep) * sizeof(dv_real));
    dv_fft_forward(r->fft, gh[i], r->plain[i]);
    weight_bins(r->size / 2 + 1, inverse_scale(r), r->plain[i]);
  }
  const dv_real* const spectra[2][2] = {{r->plain[0], r->plain[1]}, {r->plain[2], r->plain[3]}};
#pragma omp taskgroup
  for (int slice = 0; slice < SLICES; ++slice)
#pragma omp task default(shared) firstprivate(slice)
  {
    size_t first, count;
    memset(&r->slice_gradient[slice], 0, sizeof r->slice_gradient[slice]);
    if (slice_range(r, slice, &first, &count))
      dv_fdn_spectrum_vjp(&c->fdn, &r->grid, first, count, spectra, &r->slice_gradient[slice]);
  }
  for (int slice = 0; slice < SLICES; ++slice) add_gradient(&r->slice_gradient[slice], &gc->fdn);
}

void dv_reverb_response_backward(dv_reverb_response* r, const dv_reverb_coefs* c, dv_real* const gh[2][2],
                                 dv_reverb_coefs* gc)
{
  dv_real* const rows[4] = {gh[0][0], gh[0][1], gh[1][0], gh[1][1]};
  if (dv_team_running()) {
    differentiate(r, c, rows, gc);
    return;
  }
#pragma omp parallel num_threads(r->threads)
#pragma omp single
  differentiate(r, c, rows, gc);
}
