/* SPDX-License-Identifier: MIT */
/* Multi-scale STFT loss (MSS) of stereo signals at 44.1 kHz, on left and right and on middle and side.
 *
 * Signals are A-weighted, then compared at three resolutions: FFT 128, 512 and 2048, hop a quarter,
 * periodic Hann, frames centred with reflect padding.  With m = sqrt(max(re^2 + im^2, 1e-8)), t the
 * target and p the prediction, each resolution gives
 *
 *   ||m_t - m_p|| / ||m_t|| + mean |log m_t - log m_p|
 *
 * over all items, channels, bins and frames at once; the loss is the mean of the three.  `lr` compares
 * the left and right channels; `ms` is the mean of two such losses, one on L + R and one on L - R.
 *
 * A signal is worked through in stretches of a third of a second, which threads share.  The spectra of one or
 * two targets of some seconds are kept; those of more, which would take 12 times the memory of the signals, are
 * computed again beside the prediction's.
 *
 * Row r = 2 item + channel of a signal starts at base + r * stride.  Nothing allocates after new.  Results
 * are bit-identical for any number of threads.  A loss is used by one caller at a time.
 *
 * Source: the losses of DiffVox (Yu et al., DAFx 2025).  Gradients: docs/math/losses.md. */
#ifndef DIFFVOX_SPECTRAL_LOSS_H
#define DIFFVOX_SPECTRAL_LOSS_H

#include "dsp/real.h"
#include "dsp/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reflecting half a window of 2048 at both ends needs this many samples. */
enum { DV_SPECTRAL_MIN_SAMPLES = 1025 };

/* Also used for the gradients' weights. */
typedef struct {
  double lr, ms;
} dv_spectral_values;

typedef struct dv_spectral_loss dv_spectral_loss;

/* For up to `batch` items of `samples` samples; threads >= 1.  Memory: 3 MB per thread, and for targets of up to 17 s
   in all 100 bytes per sample.  NULL: arguments out of
   range or memory is out; err says which. */
dv_spectral_loss* dv_spectral_loss_new(size_t batch, size_t samples, int threads, dv_error* err);
void dv_spectral_loss_free(dv_spectral_loss* loss);

/* target: all `batch` items; borrowed until the next set_target or free. */
void dv_spectral_loss_set_target(dv_spectral_loss* loss, const dv_real* target, size_t stride);

/* The same, row r beginning at rows[r]; the array is borrowed too. */
void dv_spectral_loss_set_target_rows(dv_spectral_loss* loss, const dv_real* const* rows);

/* pred: `count` items; the i-th is compared with target items[i], or i where items is NULL.
   count is 1 to batch.  Non-finite samples give non-finite values.  Within an OpenMP team of at most `threads` the
   work is shared as tasks of that team; so in backward. */
void dv_spectral_loss_forward(dv_spectral_loss* loss, const dv_real* pred, size_t stride, const size_t* items,
                              size_t count, dv_spectral_values* values);

/* ADDS weights.lr dlr/dpred + weights.ms dms/dpred of item i of the last forward to grad: its left row of `samples`
   values, then its right one.  pred: the item's left row as forward saw it; the right one begins at pred + stride.
   The threads of one team may each differentiate an item of their own. */
void dv_spectral_loss_backward(const dv_spectral_loss* loss, dv_spectral_values weights, size_t i, const dv_real* pred,
                               size_t stride, dv_real* grad);

#ifdef __cplusplus
}
#endif
#endif
