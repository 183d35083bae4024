/* SPDX-License-Identifier: MIT */
/* Complex single-precision FFT that can be computed in slices, for the partitioned convolution.
 *
 * Real and imaginary parts lie in separate arrays, 64-byte aligned.  The transform is a sequence of steps;
 * each step reads one pair of arrays, writes another and consists of independent items, so that an audio
 * thread can spread a long transform evenly over many short blocks.
 *
 *   X[k] = sum_n x[n] e^{-i 2 pi k n/N}, unnormalised.  Swap the two arrays at both ends for the inverse.
 *
 * Algorithm: Stockham's autosort with radix 8 and 4 on eight interleaved subsequences, then radix 8 across
 * them; every load and store is contiguous.  C. Van Loan, Computational Frameworks for the FFT, 1992. */
#ifndef DIFFVOX_RT_FFT_H
#define DIFFVOX_RT_FFT_H

#include "dsp/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dv_rt_fft dv_rt_fft;

/* Tables for N points, a power of two >= 64.  NULL when n is anything else or memory is out. */
dv_rt_fft* dv_rt_fft_new(size_t n);
void dv_rt_fft_free(dv_rt_fft* fft);

DV_REALTIME size_t dv_rt_fft_size(const dv_rt_fft* fft);

/* Number of steps, and of items in a step; items of one step take alike long. */
DV_REALTIME int dv_rt_fft_steps(const dv_rt_fft* fft);
DV_REALTIME size_t dv_rt_fft_items(const dv_rt_fft* fft, int step);

/* Rough cost of an item in processor cycles, to plan slices with. */
DV_REALTIME unsigned dv_rt_fft_item_cost(const dv_rt_fft* fft, int step);

/* A signal or spectrum of N points. */
typedef struct {
  float *re, *im;
} dv_rt_complex;

/* Items from .. to-1 of a step.  The caller alternates two buffers: what a step wrote, the next reads;
   x and y must not overlap.  The last step leaves the spectrum in natural order. */
DV_REALTIME void dv_rt_fft_run(const dv_rt_fft* fft, int step, dv_rt_complex x, dv_rt_complex y, size_t from,
                               size_t to);

/* Step 0 on a signal that lies in equal parts at different places: part j of re and im holds samples j N/parts ..
   (j+1) N/parts - 1.  parts is 8 or 4. */
enum { DV_RT_FFT_MAX_PARTS = 8 };
DV_REALTIME int dv_rt_fft_parts(const dv_rt_fft* fft);
DV_REALTIME void dv_rt_fft_run_first(const dv_rt_fft* fft, const float* const* re, const float* const* im,
                                     dv_rt_complex y, size_t from, size_t to);

/* The last step, but only elements N/2 .. N-1, which go to y[0 .. N/2 - 1]. */
DV_REALTIME void dv_rt_fft_run_last_half(const dv_rt_fft* fft, dv_rt_complex x, dv_rt_complex y, size_t from,
                                         size_t to);

/* All steps at once, ping-ponging between a (the input, destroyed) and b.  Returns the buffer that holds
   the spectrum. */
DV_REALTIME dv_rt_complex dv_rt_fft_whole(const dv_rt_fft* fft, dv_rt_complex a, dv_rt_complex b);

#ifdef __cplusplus
}
#endif
#endif
