/* SPDX-License-Identifier: MIT */
/* Integrated loudness by ITU-R BS.1770-4 (gated), on libebur128. */
#ifndef DIFFVOX_LOUDNESS_H
#define DIFFVOX_LOUDNESS_H

#include "dsp/status.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The level that stems are brought to before a fit. */
#define DV_MODEL_LUFS (-18.0)

/* Loudness of 1 or 2 channels of `frames` samples at rate_hz (16 Hz to 2.8 MHz).  *lufs is written on
   success only.  DV_ERR_ARG: shape or rate; or nothing to measure, because the signal is shorter than one
   block of 400 ms or below the absolute gate of -70 LUFS throughout.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_loudness_lufs(const float* const* channels, size_t count, size_t frames, double rate_hz,
                                        double* lufs, dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
