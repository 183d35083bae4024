/* SPDX-License-Identifier: MIT */
/* Private: short-time Fourier transform and its adjoint, DV_FRAMES frames side by side.
 *
 * Periodic Hann window of the FFT's length, hop a quarter of it.  Every value is a vector of DV_FRAMES frames, so
 * that the transforms and all that follows them vectorise without shuffles.  Two neighbouring frames of one
 * signal are the real and imaginary part of one complex transform: that halves the work, and unlike two
 * signals in one it cannot leak rounding errors from a loud one into a silent one.  Spectra stay in the order
 * in which decimation in frequency leaves them.
 *
 * Double in both builds of the library: a float FFT's rounding errors reach the magnitude floor of the
 * spectral loss, whose gradient is steepest there. */
#ifndef DIFFVOX_STFT_H
#define DIFFVOX_STFT_H

#include <stddef.h>
#include <stdint.h>

enum { DV_FRAMES = 8 };
typedef double dv_frames __attribute__((vector_size(DV_FRAMES * sizeof(double))));
typedef struct {
  dv_frames re, im;
} dv_frames_pair;

typedef struct dv_stft dv_stft;

/* size: FFT length, 128, 512 or 2048.  NULL when memory is out. */
dv_stft* dv_stft_new(size_t size);
void dv_stft_free(dv_stft* stft);

size_t dv_stft_size(const dv_stft* stft);
size_t dv_stft_hop(const dv_stft* stft);
size_t dv_stft_bins(const dv_stft* stft); /* size / 2 + 1 */

/* Where frequency k (0 .. size - 1) of a spectrum lies. */
const uint16_t* dv_stft_positions(const dv_stft* stft);

/* z = DFT of a + ib, a: the frames at x times active[0], b: those a hop later times active[1], both times half the
   window: A[k] = Z[k] + conj Z[size - k], B[k] = (Z[k] - conj Z[size - k]) / i.  64-byte aligned, distinct. */
void dv_stft_forward(const dv_stft* stft, const dv_frames* x, const dv_frames active[2], dv_frames_pair* z);

/* ADDS to gx, and a hop later, half the window times real and imaginary part of the sum over k of
   z[k] e^{2 pi i k n / size}.  Destroys z. */
void dv_stft_backward(const dv_stft* stft, dv_frames_pair* z, dv_frames* gx);

#endif
