/* SPDX-License-Identifier: MIT */
#include "estimator/stft.h"

#include "dsp/fft.h"
#include "estimator/wide.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef DV_DOUBLE
typedef fftw_plan stft_plan;
typedef fftw_complex stft_complex;
#define plan_many fftw_plan_many_dft
#define execute fftw_execute_dft
#define destroy_plan fftw_destroy_plan
#else
typedef fftwf_plan stft_plan;
typedef fftwf_complex stft_complex;
#define plan_many fftwf_plan_many_dft
#define execute fftwf_execute_dft
#define destroy_plan fftwf_destroy_plan
#endif

/* Real samples per group: input and output of one call fit the second-level cache many times over. */
enum { GROUP_SAMPLES = 8192 };

struct dv_stft {
  size_t size, group;
  stft_plan forward, backward;
  dv_real* window;
};

size_t dv_stft_size(const dv_stft* stft) { return stft->size; }
size_t dv_stft_hop(const dv_stft* stft) { return stft->size / 4; }
size_t dv_stft_bins(const dv_stft* stft) { return stft->size / 2 + 1; }
size_t dv_stft_stride(const dv_stft* stft) { return dv_wide_round(dv_stft_bins(stft)); }
size_t dv_stft_group(const dv_stft* stft) { return stft->group; }

/* One complex transform's real and imaginary parts, with the first bin repeated at the end. */
static size_t split_reals(const dv_stft* stft) { return 2 * dv_wide_round(stft->size + 1); }

size_t dv_stft_work(const dv_stft* stft) { return 2 * stft->group * stft->size + split_reals(stft); }

static stft_plan plan(const dv_stft* stft, dv_real* in, dv_real* out, int sign)
{
  const int n = (int)stft->size, transforms = (int)stft->group / 2;
  return plan_many(1, &n, transforms, (stft_complex*)in, NULL, 1, n, (stft_complex*)out, NULL, 1, n, sign,
                   FFTW_ESTIMATE);
}

dv_stft* dv_stft_new(size_t size)
{
  dv_stft* stft = calloc(1, sizeof *stft);
  if (!stft) return NULL;
  stft->size = size;
  stft->group = GROUP_SAMPLES / size;
  stft->window = dv_fft_alloc(size);
  dv_real* work = dv_fft_alloc(dv_stft_work(stft));
  if (stft->window && work) {
    for (size_t i = 0; i < size; ++i)
      stft->window[i] = (dv_real)(0.5 - 0.5 * cos(2.0 * M_PI * (double)i / (double)size));
    stft->forward = plan(stft, work, work + stft->group * size, FFTW_FORWARD);
    stft->backward = plan(stft, work + stft->group * size, work, FFTW_BACKWARD);
  }
  dv_fft_release(work);
  if (stft->forward && stft->backward) return stft;
  dv_stft_free(stft);
  return NULL;
}

void dv_stft_free(dv_stft* stft)
{
  if (!stft) return;
  if (stft->forward) destroy_plan(stft->forward);
  if (stft->backward) destroy_plan(stft->backward);
  dv_fft_release(stft->window);
  free(stft);
}

static DV_HOT void window_pair(const dv_real* restrict window, const dv_real* restrict a, const dv_real* restrict b,
                               size_t n, dv_real* restrict z)
{
  for (size_t i = 0; i < n; ++i) {
    z[2 * i] = window[i] * a[i];
    z[2 * i + 1] = window[i] * b[i];
  }
}

static DV_HOT void add_windowed(const dv_real* restrict window, const dv_real* restrict z, size_t n,
                                dv_real* restrict y)
{
  for (size_t i = 0; i < n; ++i) y[i] += window[i] * z[2 * i];
}

static DV_HOT void split(const dv_real* restrict z, size_t n, dv_real* restrict re, dv_real* restrict im)
{
  for (size_t k = 0; k < n; ++k) {
    re[k] = z[2 * k];
    im[k] = z[2 * k + 1];
  }
  re[n] = re[0];
  im[n] = im[0];
}

static DV_HOT void join(const dv_real* restrict re, const dv_real* restrict im, size_t n, dv_real* restrict z)
{
  for (size_t k = 0; k < n; ++k) {
    z[2 * k] = re[k];
    z[2 * k + 1] = im[k];
  }
}

/* Z = A + iB of two real frames: A[k] = (Z[k] + conj Z[n-k]) / 2, B[k] = (Z[k] - conj Z[n-k]) / 2i. */
static DV_HOT void separate(const dv_real* restrict re, const dv_real* restrict im, size_t n, dv_real* restrict a_re,
                            dv_real* restrict a_im, dv_real* restrict b_re, dv_real* restrict b_im)
{
  const dv_real half = (dv_real)0.5;
  for (size_t k = 0; k <= n / 2; ++k) {
    const dv_real p = re[k], q = im[k], r = re[n - k], s = im[n - k];
    a_re[k] = half * (p + r);
    a_im[k] = half * (q - s);
    b_re[k] = half * (q + s);
    b_im[k] = half * (r - p);
  }
}

/* The adjoint of separate: Z[k] = (A[k] + iB[k]) / 2, Z[n-k] = (conj A[k] + i conj B[k]) / 2; bins 0 and
   n/2 are met twice, once from either side. */
static DV_HOT void combine(const dv_real* restrict a_re, const dv_real* restrict a_im, const dv_real* restrict b_re,
                           const dv_real* restrict b_im, size_t n, dv_real* restrict re, dv_real* restrict im)
{
  const dv_real half = (dv_real)0.5;
  for (size_t k = 1; k < n / 2; ++k) {
    re[k] = half * (a_re[k] - b_im[k]);
    im[k] = half * (a_im[k] + b_re[k]);
  }
  for (size_t k = 1; k < n / 2; ++k) {
    re[n - k] = half * (a_re[k] + b_im[k]);
    im[n - k] = half * (b_re[k] - a_im[k]);
  }
  re[0] = a_re[0];
  im[0] = b_re[0];
  re[n / 2] = a_re[n / 2];
  im[n / 2] = b_re[n / 2];
}

void dv_stft_forward(const dv_stft* stft, const dv_real* x, size_t frames, dv_real* work, dv_real* spectra)
{
  const size_t n = stft->size, hop = n / 4, stride = dv_stft_stride(stft);
  dv_real *out = work + stft->group * n, *re = out + stft->group * n, *im = re + split_reals(stft) / 2;
  /* An odd last frame is paired with itself; its twin is thrown away. */
  for (size_t f = 0; f < frames; f += 2) {
    const dv_real* a = x + f * hop;
    window_pair(stft->window, a, f + 1 < frames ? a + hop : a, n, work + f * n);
  }
  execute(stft->forward, (stft_complex*)work, (stft_complex*)out);
  for (size_t f = 0; f < frames; f += 2) {
    dv_real* a = spectra + 2 * f * stride;
    split(out + f * n, n, re, im);
    separate(re, im, n, a, a + stride, a + 2 * stride, a + 3 * stride);
  }
}

void dv_stft_backward(const dv_stft* stft, const dv_real* spectra, size_t frames, dv_real* work, dv_real* gx)
{
  const size_t n = stft->size, hop = n / 4, stride = dv_stft_stride(stft);
  dv_real *in = work + stft->group * n, *re = in + stft->group * n, *im = re + split_reals(stft) / 2;
  for (size_t f = 0; f < frames; f += 2) {
    const dv_real* a = spectra + 2 * f * stride;
    combine(a, a + stride, a + 2 * stride, a + 3 * stride, n, re, im);
    join(re, im, n, in + f * n);
  }
  execute(stft->backward, (stft_complex*)in, (stft_complex*)work);
  for (size_t f = 0; f < frames; ++f)
    add_windowed(stft->window, work + f / 2 * 2 * n + f % 2, n, gx + f * hop);
}
