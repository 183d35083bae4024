/* SPDX-License-Identifier: MIT */
/* Real DFTs on FFTW, in the library's precision, with reproducible plans (FFTW_ESTIMATE).
 *
 * Spectra are interleaved (re, im), n/2 + 1 bins.  Transforms are unnormalised: inverse(forward(x)) =
 * n x.  Plans are made in one thread; executing one is thread-safe on distinct arrays.  Arrays must come
 * from dv_fft_alloc (aligned for SIMD). */
#ifndef DIFFVOX_FFT_H
#define DIFFVOX_FFT_H

#include "dsp/real.h"
#include "dsp/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dv_fft dv_fft;

/* Plans for real signals of n samples.  NULL when n is 0 or memory is out.  Not thread-safe. */
dv_fft* dv_fft_new(size_t n);
/* The same for transforms out of place alone: without the tables that those in place need, which for 1024000 samples
   take 9 of 15 MB. */
dv_fft* dv_fft_new_apart(size_t n);
void dv_fft_free(dv_fft* fft);
size_t dv_fft_size(const dv_fft* fft);

/* x: n samples -> X: n/2 + 1 bins.  x is kept.  In place is allowed after dv_fft_new, when x has room for 2(n/2+1). */
void dv_fft_forward(const dv_fft* fft, const dv_real* x, dv_real* X);

/* X -> n x, in place as above.  X is destroyed.  The imaginary parts of bin 0 and (n even) bin n/2 are ignored. */
void dv_fft_inverse(const dv_fft* fft, dv_real* X, dv_real* x);

/* Zeroed, 64-byte aligned memory for `reals` values; NULL when out of memory.  Free with dv_fft_release. */
dv_real* dv_fft_alloc(size_t reals);
void dv_fft_release(dv_real* memory);

/* Number of dv_real in a spectrum of an n-point transform. */
static inline size_t dv_fft_reals(size_t n) { return 2 * (n / 2 + 1); }

/* The smallest size >= n that FFTW transforms fast without measuring: a power of two times 1 .. 625 made of
   threes and fives (1024000 takes half the time of 2^20). */
size_t dv_fft_good_size(size_t n);

#ifdef __cplusplus
}
#endif
#endif
