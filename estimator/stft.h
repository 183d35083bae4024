/* SPDX-License-Identifier: MIT */
/* Private: short-time Fourier transform of a real signal and its adjoint, a group of frames at a time.
 *
 * Periodic Hann window of the FFT's length, hop a quarter of it.  Two neighbouring frames of the same
 * signal are the real and imaginary part of one complex FFT: that halves the work, and unlike two
 * channels in one FFT it cannot leak rounding errors from a loud signal into a silent one.
 *
 * Forward is double in both builds of the library: a float FFT's rounding errors reach the magnitude floor
 * of the spectral loss, whose gradient is steepest there.  Backward is linear in the cotangents and has
 * the library's precision. */
#ifndef DIFFVOX_STFT_H
#define DIFFVOX_STFT_H

#include "dsp/real.h"

#include <stddef.h>

typedef struct dv_stft dv_stft;

/* size: FFT length, a power of two from 64 to 2048.  NULL when memory is out.  Plans with FFTW: not
   thread-safe.  Everything below is, on distinct memory. */
dv_stft* dv_stft_new(size_t size);
void dv_stft_free(dv_stft* stft);

size_t dv_stft_size(const dv_stft* stft);
size_t dv_stft_hop(const dv_stft* stft);
size_t dv_stft_bins(const dv_stft* stft);   /* size / 2 + 1 */
size_t dv_stft_stride(const dv_stft* stft); /* bins rounded up for SIMD */
size_t dv_stft_group(const dv_stft* stft);  /* frames per call, even */

/* 64-byte aligned scratch memory for the transforms; NULL when memory is out. */
double* dv_stft_work_new(const dv_stft* stft);
void dv_stft_work_free(double* work);

/* Frame f covers x[f hop] .. x[f hop + size - 1].  spectra: [frames][2][stride], real parts then
   imaginary parts; beyond `bins` they are left alone.  frames <= group; there is room for an even number. */
void dv_stft_forward(const dv_stft* stft, const double* x, size_t frames, double* work, double* spectra);

/* The adjoint: ADDS to gx what the cotangents in spectra (dL/dre, dL/dim, same shape) say. */
void dv_stft_backward(const dv_stft* stft, const dv_real* spectra, size_t frames, double* work, dv_real* gx);

#endif
