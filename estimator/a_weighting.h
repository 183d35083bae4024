/* SPDX-License-Identifier: MIT */
/* A-weighting at 44.1 kHz: a linear-phase FIR of 101 taps, a least-squares fit to the
 * bilinear-transformed curve of IEC 61672.  The filter is symmetric, so with zeros around the signal
 * (same length out as in) it is its own adjoint. */
#ifndef DIFFVOX_A_WEIGHTING_H
#define DIFFVOX_A_WEIGHTING_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Taps on either side of the centre; what an output length is rounded up to; how far beyond that input is
   read. */
enum { DV_A_WEIGHTING_SIDE = 50, DV_A_WEIGHTING_BLOCK = 64, DV_A_WEIGHTING_AHEAD = 64 };

#define DV_A_WEIGHTING_RATE_HZ 44100.0

/* From the centre outwards: y[i] = taps[0] x[i] + sum over k >= 1 of taps[k] (x[i - k] + x[i + k]). */
extern const double dv_a_weighting_taps[DV_A_WEIGHTING_SIDE + 1];

/* n outputs, written in whole blocks: y has room for n rounded up to DV_A_WEIGHTING_BLOCK.  x holds finite
   values from x[-DV_A_WEIGHTING_SIDE] to DV_A_WEIGHTING_AHEAD beyond that rounded length; those beyond
   n + DV_A_WEIGHTING_SIDE do not influence the n outputs.  x and y do not overlap.
   Double in both builds: what float would round off the bass is louder than quiet treble. */
void dv_a_weighting_filter(const double* x, double* y, size_t n);

#ifdef __cplusplus
}
#endif
#endif
