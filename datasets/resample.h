/* SPDX-License-Identifier: MIT */
/* Sample-rate conversion on libsoxr, at its very high quality: linear phase, no delay, images and aliases
 * below -150 dB, flat up to 0.91 of the lower Nyquist frequency. */
#ifndef DIFFVOX_RESAMPLE_H
#define DIFFVOX_RESAMPLE_H

#include "datasets/audio.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Frames after conversion: frames * to / from, rounded to the nearest. */
size_t dv_resampled_frames(size_t frames, double from_hz, double to_hz);

/* Replaces the audio by itself at rate_hz, 8 to 192 kHz; nothing happens where that is its rate already.
   Sample n of the result lies at time n / rate_hz of the original: nothing is delayed.  Holds original and
   result at once.  After an error the audio is as it was.  DV_ERR_ARG: the rate.
   DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_audio_resample(dv_audio* audio, double rate_hz, dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
