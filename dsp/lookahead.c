/* SPDX-License-Identifier: MIT */
#include "dsp/lookahead.h"

#include "dsp/compressor.h"
#include "dsp/cplx.h"
#include "dsp/fft.h"

#include <math.h>
#include <stdlib.h>

struct dv_lookahead {
  dv_fft* fft;
  size_t size, hop; /* transform length; outputs per block */
  int before, span; /* taps left of the sample; all taps */
  double lookahead_samples;
  double* shape; /* the taps themselves */
  double sum;    /* of the taps */
  dv_real* taps; /* their spectrum, scaled by 1/size */
};

dv_lookahead* dv_lookahead_new(double rate_hz)
{
  dv_lookahead* f = calloc(1, sizeof *f);
  if (!f) return NULL;
  int after;
  dv_lookahead_span(rate_hz, &f->before, &after);
  f->span = f->before + after + 1;
  f->size = 1;
  while (f->size < 4 * (size_t)f->span) f->size *= 2; /* small enough for the second-level cache */
  f->hop = f->size - (size_t)f->span + 1;
  f->fft = dv_fft_new(f->size);
  f->taps = dv_fft_alloc(dv_fft_reals(f->size));
  f->shape = calloc((size_t)f->span, sizeof *f->shape);
  if (!f->fft || !f->taps || !f->shape) {
    dv_lookahead_free(f);
    return NULL;
  }
  dv_lookahead_set(f, 0.0);
  return f;
}

void dv_lookahead_free(dv_lookahead* f)
{
  if (!f) return;
  dv_fft_free(f->fft);
  dv_fft_release(f->taps);
  free(f->shape);
  free(f);
}

void dv_lookahead_set(dv_lookahead* f, double lookahead_samples)
{
  f->lookahead_samples = lookahead_samples;
  dv_lookahead_taps(lookahead_samples, f->before, f->span - f->before - 1, f->shape);
  f->sum = 0.0;
  for (int i = 0; i < f->span; ++i) f->sum += f->shape[i];
  for (size_t i = 0; i < dv_fft_reals(f->size); ++i)
    f->taps[i] = i < (size_t)f->span ? (dv_real)(f->shape[i] / (double)f->size) : 0;
  dv_fft_forward(f->fft, f->taps, f->taps);
}

/* Three transforms side by side: block, cotangent, cross-spectrum. */
size_t dv_lookahead_scratch_reals(const dv_lookahead* f) { return 3 * dv_fft_reals(f->size); }

/* The samples that the outputs start .. start+hop-1 read, edges held, less the returned offset: a gain moves
   little within a block, and what rounding its level would cost drowns dL/dD in single precision. */
static dv_real gather(const dv_lookahead* f, const dv_real* signal, size_t n, size_t start, int lane, dv_real* block)
{
  const dv_real offset = signal[start * DV_LANES + (size_t)lane];
  for (size_t i = 0; i < f->size; ++i) {
    const ptrdiff_t at = (ptrdiff_t)(start + i) - f->before;
    const size_t held = at < 0 ? 0 : (size_t)at < n ? (size_t)at : n - 1;
    block[i] = signal[held * DV_LANES + (size_t)lane] - offset;
  }
  return offset;
}

DV_HOT void dv_lookahead_forward(const dv_lookahead* f, const dv_real* gain, dv_real* filtered, size_t n,
                                 dv_real* scratch)
{
  for (size_t start = 0; start < n; start += f->hop)
    for (int lane = 0; lane < DV_LANES; ++lane) {
      const dv_real level = gather(f, gain, n, start, lane, scratch) * (dv_real)f->sum;
      dv_fft_forward(f->fft, scratch, scratch);
      dv_spectrum_multiply_conj(scratch, f->taps, f->size / 2 + 1, scratch); /* a correlation */
      dv_fft_inverse(f->fft, scratch, scratch);
      const size_t count = n - start < f->hop ? n - start : f->hop;
      for (size_t i = 0; i < count; ++i) filtered[(start + i) * DV_LANES + (size_t)lane] = level + scratch[i];
    }
}

/* d sinc(u)/du */
static double sinc_slope(double u)
{
  const double x = M_PI * u;
  return fabs(x) < 1e-3 ? -M_PI * x / 3.0 : (cos(x) - sin(x) / x) / u;
}

/* Sum over taps of their gradient times their slope in D; the gradient is what the cross-spectrum accumulated
   and, for every tap alike, level. */
static double lookahead_gradient(const dv_lookahead* f, dv_real* cross, double level)
{
  dv_fft_inverse(f->fft, cross, cross);
  double sum = 0.0;
  for (int i = 0; i < f->span; ++i)
    sum -= ((double)cross[i] / (double)f->size + level) * sinc_slope(i - f->before - f->lookahead_samples);
  return sum;
}

DV_HOT void dv_lookahead_backward(const dv_lookahead* f, const dv_real* gain, const dv_real* g, dv_real* g_gain,
                                  size_t n, double* g_lookahead, dv_real* scratch)
{
  const size_t reals = dv_fft_reals(f->size), bins = f->size / 2 + 1;
  dv_real *block = scratch, *cotangent = scratch + reals, *cross = scratch + 2 * reals;
  memset(cross, 0, reals * sizeof *cross);
  double level = 0.0; /* sum of offset times cotangent */
  for (size_t start = 0; start < n; start += f->hop)
    for (int lane = 0; lane < DV_LANES; ++lane) {
      const size_t count = n - start < f->hop ? n - start : f->hop;
      for (size_t i = 0; i < f->size; ++i) cotangent[i] = i < count ? g[(start + i) * DV_LANES + (size_t)lane] : 0;
      double sum = 0.0;
      for (size_t i = 0; i < count; ++i) sum += (double)cotangent[i];
      dv_fft_forward(f->fft, cotangent, cotangent);
      level += sum * (double)gather(f, gain, n, start, lane, block);
      dv_fft_forward(f->fft, block, block);
      dv_spectrum_accumulate_conj(block, cotangent, bins, cross);
      dv_spectrum_multiply(cotangent, f->taps, bins, cotangent);
      dv_fft_inverse(f->fft, cotangent, cotangent);
      for (size_t i = 0; i < f->size; ++i) {
        const ptrdiff_t at = (ptrdiff_t)(start + i) - f->before;
        const size_t held = at < 0 ? 0 : (size_t)at < n ? (size_t)at : n - 1;
        g_gain[held * DV_LANES + (size_t)lane] += cotangent[i];
      }
    }
  *g_lookahead += lookahead_gradient(f, cross, level);
}
