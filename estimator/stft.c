/* SPDX-License-Identifier: MIT */
#include "estimator/stft.h"

#include "estimator/wide.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The adjoint's precision. */
#ifdef DV_DOUBLE
typedef fftw_plan adjoint_plan;
typedef fftw_complex adjoint_complex;
#define plan_adjoint fftw_plan_many_dft
#define execute_adjoint fftw_execute_dft
#define destroy_adjoint fftw_destroy_plan
#else
typedef fftwf_plan adjoint_plan;
typedef fftwf_complex adjoint_complex;
#define plan_adjoint fftwf_plan_many_dft
#define execute_adjoint fftwf_execute_dft
#define destroy_adjoint fftwf_destroy_plan
#endif

/* Real samples per group: what one call touches stays in the second-level cache. */
enum { GROUP_SAMPLES = 4096 };

struct dv_stft {
  size_t size, group;
  fftw_plan forward;
  adjoint_plan adjoint;
  double* window;
  dv_real* adjoint_window;
};

size_t dv_stft_size(const dv_stft* stft) { return stft->size; }
size_t dv_stft_hop(const dv_stft* stft) { return stft->size / 4; }
size_t dv_stft_bins(const dv_stft* stft) { return stft->size / 2 + 1; }
size_t dv_stft_stride(const dv_stft* stft) { return dv_wide_round(dv_stft_bins(stft)); }
size_t dv_stft_group(const dv_stft* stft) { return stft->group; }

/* One transform's real or imaginary parts, the first bin repeated at the end. */
static size_t part_stride(const dv_stft* stft) { return dv_wide_round(stft->size + 1); }

/* Where the parts of one transform, and the transforms' output, lie in the scratch memory. */
static size_t parts_offset(const dv_stft* stft) { return 2 * stft->group * stft->size; }
static size_t output_offset(const dv_stft* stft) { return stft->group * stft->size; }

double* dv_stft_work_new(const dv_stft* stft)
{
  const size_t size = (parts_offset(stft) + 2 * part_stride(stft)) * sizeof(double);
  double* work = aligned_alloc(64, (size + 63) / 64 * 64);
  if (work) memset(work, 0, size);
  return work;
}

void dv_stft_work_free(double* work) { free(work); }

static void plan(dv_stft* stft, double* work)
{
  const int n = (int)stft->size, transforms = (int)stft->group / 2;
  fftw_complex *in = (fftw_complex*)work, *out = (fftw_complex*)(work + output_offset(stft));
  stft->forward = fftw_plan_many_dft(1, &n, transforms, in, NULL, 1, n, out, NULL, 1, n, FFTW_FORWARD, FFTW_ESTIMATE);
  dv_real* real = (dv_real*)work;
  adjoint_complex *from = (adjoint_complex*)(real + output_offset(stft)), *to = (adjoint_complex*)real;
  stft->adjoint = plan_adjoint(1, &n, transforms, from, NULL, 1, n, to, NULL, 1, n, FFTW_BACKWARD, FFTW_ESTIMATE);
}

dv_stft* dv_stft_new(size_t size)
{
  dv_stft* stft = calloc(1, sizeof *stft);
  if (!stft) return NULL;
  stft->size = size;
  stft->group = GROUP_SAMPLES / size;
  stft->window = malloc(size * sizeof *stft->window);
  stft->adjoint_window = malloc(size * sizeof *stft->adjoint_window);
  double* work = dv_stft_work_new(stft);
  if (stft->window && stft->adjoint_window && work) {
    for (size_t i = 0; i < size; ++i) {
      stft->window[i] = 0.5 - 0.5 * cos(2.0 * M_PI * (double)i / (double)size);
      stft->adjoint_window[i] = (dv_real)stft->window[i];
    }
    plan(stft, work);
  }
  dv_stft_work_free(work);
  if (stft->forward && stft->adjoint) return stft;
  dv_stft_free(stft);
  return NULL;
}

void dv_stft_free(dv_stft* stft)
{
  if (!stft) return;
  if (stft->forward) fftw_destroy_plan(stft->forward);
  if (stft->adjoint) destroy_adjoint(stft->adjoint);
  free(stft->adjoint_window);
  free(stft->window);
  free(stft);
}

/* ---- forward ---- */

static DV_HOT void window_pair(const double* restrict window, const double* restrict a, const double* restrict b,
                               size_t n, double* restrict z)
{
  for (size_t i = 0; i < n; ++i) {
    z[2 * i] = window[i] * a[i];
    z[2 * i + 1] = window[i] * b[i];
  }
}

static DV_HOT void split(const double* restrict z, size_t n, double* restrict re, double* restrict im)
{
  for (size_t k = 0; k < n; ++k) {
    re[k] = z[2 * k];
    im[k] = z[2 * k + 1];
  }
  re[n] = re[0];
  im[n] = im[0];
}

/* Z = A + iB of two real frames: A[k] = (Z[k] + conj Z[n-k]) / 2, B[k] = (Z[k] - conj Z[n-k]) / 2i. */
static DV_HOT void separate(const double* restrict re, const double* restrict im, size_t n, double* restrict a_re,
                            double* restrict a_im, double* restrict b_re, double* restrict b_im)
{
  for (size_t k = 0; k <= n / 2; ++k) {
    const double p = re[k], q = im[k], r = re[n - k], s = im[n - k];
    a_re[k] = 0.5 * (p + r);
    a_im[k] = 0.5 * (q - s);
    b_re[k] = 0.5 * (q + s);
    b_im[k] = 0.5 * (r - p);
  }
}

void dv_stft_forward(const dv_stft* stft, const double* x, size_t frames, double* work, double* spectra)
{
  const size_t n = stft->size, hop = n / 4, stride = dv_stft_stride(stft);
  double *out = work + output_offset(stft), *re = work + parts_offset(stft), *im = re + part_stride(stft);
  /* An odd last frame is paired with itself; its twin is never looked at. */
  for (size_t f = 0; f < frames; f += 2) {
    const double* a = x + f * hop;
    window_pair(stft->window, a, f + 1 < frames ? a + hop : a, n, work + f * n);
  }
  const size_t used = (frames + 1) / 2 * 2 * n;
  memset(work + used, 0, (output_offset(stft) - used) * sizeof *work);
  fftw_execute_dft(stft->forward, (fftw_complex*)work, (fftw_complex*)out);
  for (size_t f = 0; f < frames; f += 2) {
    double* a = spectra + 2 * f * stride;
    split(out + f * n, n, re, im);
    separate(re, im, n, a, a + stride, a + 2 * stride, a + 3 * stride);
  }
}

/* ---- adjoint ---- */

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

static DV_HOT void join(const dv_real* restrict re, const dv_real* restrict im, size_t n, dv_real* restrict z)
{
  for (size_t k = 0; k < n; ++k) {
    z[2 * k] = re[k];
    z[2 * k + 1] = im[k];
  }
}

static DV_HOT void add_windowed(const dv_real* restrict window, const dv_real* restrict z, size_t n,
                                dv_real* restrict y)
{
  for (size_t i = 0; i < n; ++i) y[i] += window[i] * z[2 * i];
}

void dv_stft_backward(const dv_stft* stft, const dv_real* spectra, size_t frames, double* work, dv_real* gx)
{
  const size_t n = stft->size, hop = n / 4, stride = dv_stft_stride(stft);
  dv_real *out = (dv_real*)work, *in = out + output_offset(stft);
  dv_real *re = out + parts_offset(stft), *im = re + part_stride(stft);
  for (size_t f = 0; f < frames; f += 2) {
    const dv_real* a = spectra + 2 * f * stride;
    combine(a, a + stride, a + 2 * stride, a + 3 * stride, n, re, im);
    join(re, im, n, in + f * n);
  }
  const size_t used = (frames + 1) / 2 * 2 * n;
  memset(in + used, 0, (output_offset(stft) - used) * sizeof *in);
  execute_adjoint(stft->adjoint, (adjoint_complex*)in, (adjoint_complex*)out);
  for (size_t f = 0; f < frames; ++f) add_windowed(stft->adjoint_window, out + f / 2 * 2 * n + f % 2, n, gx + f * hop);
}
