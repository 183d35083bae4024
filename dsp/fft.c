/* SPDX-License-Identifier: MIT */
#include "dsp/fft.h"

#include <fftw3.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* FFTW names its precisions by prefix; this is the one place that chooses. */
#ifdef DV_DOUBLE
typedef fftw_plan fft_plan;
typedef fftw_complex fft_complex;
#define plan_forward fftw_plan_dft_r2c_1d
#define plan_inverse fftw_plan_dft_c2r_1d
#define execute_forward fftw_execute_dft_r2c
#define execute_inverse fftw_execute_dft_c2r
#define destroy_plan fftw_destroy_plan
#else
typedef fftwf_plan fft_plan;
typedef fftwf_complex fft_complex;
#define plan_forward fftwf_plan_dft_r2c_1d
#define plan_inverse fftwf_plan_dft_c2r_1d
#define execute_forward fftwf_execute_dft_r2c
#define execute_inverse fftwf_execute_dft_c2r
#define destroy_plan fftwf_destroy_plan
#endif

struct dv_fft {
  size_t n;
  fft_plan forward, inverse, forward_in_place, inverse_in_place; /* the latter two may be NULL */
};

static bool plan(dv_fft* fft, bool in_place, dv_real* x, dv_real* X)
{
  const int size = (int)fft->n;
  fft_complex* z = (fft_complex*)X;
  fft->forward = plan_forward(size, x, z, FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
  fft->inverse = plan_inverse(size, z, x, FFTW_ESTIMATE);
  if (!in_place) return fft->forward && fft->inverse;
  fft->forward_in_place = plan_forward(size, X, z, FFTW_ESTIMATE);
  fft->inverse_in_place = plan_inverse(size, z, X, FFTW_ESTIMATE);
  return fft->forward && fft->inverse && fft->forward_in_place && fft->inverse_in_place;
}

static dv_fft* new_fft(size_t n, bool in_place)
{
  if (n == 0 || n > INT_MAX) return NULL;
  dv_fft* fft = calloc(1, sizeof *fft);
  dv_real* x = dv_fft_alloc(dv_fft_reals(n));
  dv_real* X = dv_fft_alloc(dv_fft_reals(n));
  if (fft) fft->n = n;
  const bool complete = fft && x && X && plan(fft, in_place, x, X);
  dv_fft_release(x);
  dv_fft_release(X);
  if (complete) return fft;
  dv_fft_free(fft);
  return NULL;
}

dv_fft* dv_fft_new(size_t n) { return new_fft(n, true); }
dv_fft* dv_fft_new_apart(size_t n) { return new_fft(n, false); }

void dv_fft_free(dv_fft* fft)
{
  if (!fft) return;
  if (fft->forward) destroy_plan(fft->forward);
  if (fft->forward_in_place) destroy_plan(fft->forward_in_place);
  if (fft->inverse) destroy_plan(fft->inverse);
  if (fft->inverse_in_place) destroy_plan(fft->inverse_in_place);
  free(fft);
}

size_t dv_fft_size(const dv_fft* fft) { return fft->n; }

void dv_fft_forward(const dv_fft* fft, const dv_real* x, dv_real* X)
{
  /* FFTW's signature is not const; out of place it preserves the input as planned. */
  dv_real* in = (dv_real*)(uintptr_t)x;
  execute_forward(x == X ? fft->forward_in_place : fft->forward, in, (fft_complex*)X);
}

void dv_fft_inverse(const dv_fft* fft, dv_real* X, dv_real* x)
{
  execute_inverse(x == X ? fft->inverse_in_place : fft->inverse, (fft_complex*)X, x);
}

dv_real* dv_fft_alloc(size_t reals)
{
  const size_t line = 64; /* a cache line, and the widest SIMD register */
  if (reals > SIZE_MAX / sizeof(dv_real) - line) return NULL;
  const size_t bytes = (reals * sizeof(dv_real) / line + 1) * line;
  dv_real* memory = aligned_alloc(line, bytes);
  if (memory) memset(memory, 0, bytes);
  return memory;
}

void dv_fft_release(dv_real* memory) { free(memory); }

size_t dv_fft_good_size(size_t n)
{
  static const size_t odd_parts[] = {1, 3, 5, 9, 15, 25, 27, 45, 75, 81, 125, 225, 243, 375, 405, 625};
  const size_t least_power = n < 4096 ? 1 : 256;
  size_t best = SIZE_MAX;
  for (size_t i = 0; i < sizeof odd_parts / sizeof *odd_parts; ++i) {
    size_t size = odd_parts[i] * least_power;
    while (size < n) size *= 2;
    if (size < best) best = size;
  }
  return best;
}
