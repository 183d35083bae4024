/* SPDX-License-Identifier: MIT */
/* Convolution of a stereo signal with a long 2 x 2 response in real time: overlap-save in partitions of
 * four sizes (W. Gardner, Efficient convolution without input-output delay, JAES 1995).
 *
 *   y_o[n] = sum_i sum_k h_oi[k] x_i[n - k],   o, i = left, right
 *
 * The response must be zero before its `first` tap.  This head start is what a level has to compute its
 * first output after its input block is complete, so there is no direct part and no latency, and all
 * work is spread evenly over the quanta: no block costs more than another.  One complex FFT carries both
 * channels.  Bands that have decayed are not multiplied (see dv_conv_response_new).  A change of response fades
 * level by level, one at a time; it costs no transform more, only products. */
#ifndef DIFFVOX_RT_CONVOLVER_H
#define DIFFVOX_RT_CONVOLVER_H

#include "dsp/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  DV_QUANTUM = 64, /* frames the engine works in */
  DV_CONV_LEVELS = 4
};

/* How a response is cut into partitions; the same for all responses of a convolver. */
typedef struct {
  size_t partition; /* P, a power of two >= DV_QUANTUM */
  size_t offset;    /* first tap, a multiple of DV_QUANTUM and >= P */
  size_t count;     /* partitions at most: the next level starts at offset + count P */
} dv_conv_level;

typedef struct {
  dv_conv_level level[DV_CONV_LEVELS];
} dv_conv_layout;

/* Layout for responses that start at tap `first` (>= 2 DV_QUANTUM) and have at most `length` taps. */
void dv_conv_layout_init(dv_conv_layout* layout, size_t first, size_t length);

/* A response as partitioned spectra.  Read only: may be shared. */
typedef struct dv_conv_response dv_conv_response;

/* h[out][in]: `length` taps each.  Spectral content whose energy sums to at most `budget` times that of the
   whole response is dropped, band by band: where a band has decayed, and beyond the layout's end.
   1e-11 leaves an error of -110 dB.  Bands that can be rounded to 16 bits for a tenth of that are.  Not real-time safe.
   NULL when out of memory. */
dv_conv_response* dv_conv_response_new(const dv_conv_layout* layout, const float* const h[2][2], size_t length,
                                       double budget);
void dv_conv_response_free(dv_conv_response* response);

/* Taps up to the end of the last partition in use. */
size_t dv_conv_response_length(const dv_conv_response* response);

typedef struct dv_conv dv_conv;

/* Not real-time safe.  NULL when out of memory.  It starts without a response, that is silent. */
dv_conv* dv_conv_new(const dv_conv_layout* layout);
void dv_conv_free(dv_conv* conv);

/* Forgets all input.  Any response that is being faded in is taken over at once. */
DV_REALTIME void dv_conv_reset(dv_conv* conv);

/* Makes every level fade to `response` (of the same layout; NULL for silence) over one of its next blocks, one level
   at a time.  Wants !dv_conv_fading(conv): both responses must live until then. */
DV_REALTIME void dv_conv_set_response(dv_conv* conv, const dv_conv_response* response);
DV_REALTIME bool dv_conv_fading(const dv_conv* conv);

/* True while a fade is at its dearest, in one of the long levels, and from `frames` before that on. */
DV_REALTIME bool dv_conv_fades_long(const dv_conv* conv, size_t frames);

/* Takes a response (NULL for silence) at once.  Wants dv_conv_idle(conv). */
DV_REALTIME void dv_conv_load(dv_conv* conv, const dv_conv_response* response);

/* Promises nothing but zeros until the next dv_conv_load or dv_conv_reset: what is left rings out at less cost. */
DV_REALTIME void dv_conv_close(dv_conv* conv);

/* Takes one quantum of input and gives the output of the quantum that follows it. */
DV_REALTIME void dv_conv_process(dv_conv* conv, const float* left, const float* right, float* out_left,
                                 float* out_right);

/* True when no input within reach is other than zero, so that the output is zero too, and need not be asked for as
   long as only zeros come. */
DV_REALTIME bool dv_conv_idle(const dv_conv* conv);

#ifdef __cplusplus
}
#endif
#endif
