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

/* Each part of the scratch memory begins on a cache line. */
static size_t part_reals(const dv_lookahead* f) { return (dv_fft_reals(f->size) + 15) / 16 * 16; }

/* Out of place, FFTW is twice as fast: a block, its spectrum, the cotangent's,
 * and the cross-spectrum. */
size_t dv_lookahead_scratch_reals(const dv_lookahead* f) { return 4 * part_reals(f); }

/* Every function below works on every stride-th value; callers pass a constant.
 */

/* The samples that the outputs start .. start+hop-1 read, edges held, less the
   returned offset: a gain moves little within a block, and what rounding its
   level would cost drowns dL/dD in single precision. */
DV_INLINE dv_real gather(const dv_lookahead* f, const dv_real* signal, size_t n, size_t stride, size_t start,
                         dv_real* block)
{
  const dv_real offset = signal[start * stride];
  const size_t before = (size_t)f->before, head = start < before ? before - start : 0, from = start + head - before;
  const size_t inside = n - from < f->size - head ? n - from : f->size - head;
  const dv_real first = signal[0] - offset, last = signal[(n - 1) * stride] - offset;
  for (size_t i = 0; i < head; ++i) block[i] = first;
  for (size_t i = 0; i < inside; ++i) block[head + i] = signal[(from + i) * stride] - offset;
  for (size_t i = head + inside; i < f->size; ++i) block[i] = last;
  return offset;
}

DV_INLINE void filter_row(const dv_lookahead* f, const dv_real* gain, dv_real* filtered, size_t n, size_t stride,
                          dv_real* scratch)
{
  dv_real *block = scratch, *spectrum = scratch + part_reals(f);
  for (size_t start = 0; start < n; start += f->hop) {
    const dv_real level = gather(f, gain, n, stride, start, block) * (dv_real)f->sum;
    dv_fft_forward(f->fft, block, spectrum);
    dv_spectrum_multiply_conj(spectrum, f->taps, f->size / 2 + 1, spectrum); /* a correlation */
    dv_fft_inverse(f->fft, spectrum, block);
    const size_t count = n - start < f->hop ? n - start : f->hop;
    for (size_t i = 0; i < count; ++i) filtered[(start + i) * stride] = level + block[i];
  }
}

DV_HOT void dv_lookahead_forward_row(const dv_lookahead* f, const dv_real* gain, dv_real* filtered, size_t n,
                                     dv_real* scratch)
{
  filter_row(f, gain, filtered, n, 1, scratch);
}

DV_HOT void dv_lookahead_forward(const dv_lookahead* f, const dv_real* gain, dv_real* filtered, size_t n,
                                 dv_real* scratch)
{
  for (size_t lane = 0; lane < DV_LANES; ++lane) filter_row(f, gain + lane, filtered + lane, n, DV_LANES, scratch);
}

/* d sinc(u)/du */
static double sinc_slope(double u)
{
  const double x = M_PI * u;
  return fabs(x) < 1e-3 ? -M_PI * x / 3.0 : (cos(x) - sin(x) / x) / u;
}

/* Sum over taps of their gradient times their slope in D; the gradient is what
   the cross-spectrum accumulated and, for every tap alike, level.  Destroys
   cross; g_taps: room for a block. */
static double lookahead_gradient(const dv_lookahead* f, dv_real* cross, dv_real* g_taps, double level)
{
  dv_fft_inverse(f->fft, cross, g_taps);
  double sum = 0.0;
  for (int i = 0; i < f->span; ++i)
    sum -= ((double)g_taps[i] / (double)f->size + level) * sinc_slope(i - f->before - f->lookahead_samples);
  return sum;
}

/* The adjoint of gather: edges collect what was held. */
DV_INLINE void scatter(const dv_lookahead* f, const dv_real* block, size_t n, size_t stride, size_t start, dv_real* g)
{
  const size_t before = (size_t)f->before, head = start < before ? before - start : 0, from = start + head - before;
  const size_t inside = n - from < f->size - head ? n - from : f->size - head;
  for (size_t i = 0; i < head; ++i) g[0] += block[i];
  for (size_t i = 0; i < inside; ++i) g[(from + i) * stride] += block[head + i];
  for (size_t i = head + inside; i < f->size; ++i) g[(n - 1) * stride] += block[i];
}

/* Adds to cross and returns the sum of offset times cotangent. */
DV_INLINE double filter_row_adjoint(const dv_lookahead* f, const dv_real* gain, const dv_real* g, dv_real* g_gain,
                                    size_t n, size_t stride, dv_real* scratch)
{
  const size_t reals = part_reals(f), bins = f->size / 2 + 1;
  dv_real *block = scratch, *spectrum = block + reals, *cotangent = spectrum + reals, *cross = cotangent + reals;
  double level = 0.0;
  for (size_t start = 0; start < n; start += f->hop) {
    const size_t count = n - start < f->hop ? n - start : f->hop;
    double sum = 0.0;
    for (size_t i = 0; i < count; ++i) sum += (double)(block[i] = g[(start + i) * stride]);
    memset(block + count, 0, (f->size - count) * sizeof *block);
    dv_fft_forward(f->fft, block, cotangent);
    level += sum * (double)gather(f, gain, n, stride, start, block);
    dv_fft_forward(f->fft, block, spectrum);
    dv_spectrum_accumulate_conj(spectrum, cotangent, bins, cross);
    dv_spectrum_multiply(cotangent, f->taps, bins, cotangent);
    dv_fft_inverse(f->fft, cotangent, block);
    scatter(f, block, n, stride, start, g_gain);
  }
  return level;
}

static dv_real* cleared_cross(const dv_lookahead* f, dv_real* scratch)
{
  dv_real* cross = scratch + 3 * part_reals(f);
  memset(cross, 0, dv_fft_reals(f->size) * sizeof *cross);
  return cross;
}

DV_HOT void dv_lookahead_backward_row(const dv_lookahead* f, const dv_real* gain, const dv_real* g, dv_real* g_gain,
                                      size_t n, double* g_lookahead, dv_real* scratch)
{
  dv_real* cross = cleared_cross(f, scratch);
  const double level = filter_row_adjoint(f, gain, g, g_gain, n, 1, scratch);
  *g_lookahead += lookahead_gradient(f, cross, scratch, level);
}

DV_HOT void dv_lookahead_backward(const dv_lookahead* f, const dv_real* gain, const dv_real* g, dv_real* g_gain,
                                  size_t n, double* g_lookahead, dv_real* scratch)
{
  dv_real* cross = cleared_cross(f, scratch);
  double level = 0.0;
  for (size_t lane = 0; lane < DV_LANES; ++lane)
    level += filter_row_adjoint(f, gain + lane, g + lane, g_gain + lane, n, DV_LANES, scratch);
  *g_lookahead += lookahead_gradient(f, cross, scratch, level);
}
