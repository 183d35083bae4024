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

/* For up to `batch` items of `samples` samples; threads >= 1.  Memory: the target's magnitudes, about
   26.5 values per sample and item, and 2 doubles and 6 values per sample and item of the prediction, the
   latter only touched as far as forward's count asks.  NULL: arguments out of range or memory is out; err
   says which. */
dv_spectral_loss* dv_spectral_loss_new(size_t batch, size_t samples, int threads, dv_error* err);
void dv_spectral_loss_free(dv_spectral_loss* loss);

/* target: all `batch` items; not needed afterwards. */
void dv_spectral_loss_set_target(dv_spectral_loss* loss, const dv_real* target, size_t stride);

/* pred: `count` items; the i-th is compared with target items[i], or i where items is NULL.
   count is 1 to batch.  Non-finite samples give non-finite values. */
void dv_spectral_loss_forward(dv_spectral_loss* loss, const dv_real* pred, size_t stride, const size_t* items,
                              size_t count, dv_spectral_values* values);

/* ADDS weights.lr dlr/dpred + weights.ms dms/dpred of the last forward to grad, laid out as pred was. */
void dv_spectral_loss_backward(dv_spectral_loss* loss, dv_spectral_values weights, dv_real* grad, size_t stride);

#ifdef __cplusplus
}
#endif
#endif
