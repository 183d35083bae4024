/* SPDX-License-Identifier: MIT */
/* Finds how much later a wet stem is than its dry one, and whether it is inverted.
 *
 * The estimate is a whitened cross-correlation by FFT, averaged over blocks of the dry stem that have energy.
 * Plain correlation follows the loudest harmonics of the voice and whatever an equaliser made of them; whitening
 * leaves the response of the effects, a sharp peak where the direct sound is and echoes behind it.  The earliest
 * peak that stands clear of everything before it is taken, so an echo or a reverb may be louder than the direct
 * sound.  Derivation and measurements: docs/math/alignment.md. */
#ifndef DIFFVOX_ALIGN_H
#define DIFFVOX_ALIGN_H

#include "dsp/status.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Half the width of the correlation that is handed out: 50 ms at 44.1 kHz. */
enum { DV_ALIGN_CURVE_RADIUS = 2205, DV_ALIGN_CURVE_POINTS = 2 * DV_ALIGN_CURVE_RADIUS + 1 };

/* Lags searched unless told otherwise, to either side.  Latencies of plug-ins and converters stay below a
   second; stems exported from different starts are off by bars. */
#define DV_ALIGN_SEARCH_S 10.0
#define DV_ALIGN_MAX_SEARCH_S 60.0

/* Below this confidence the stems are not the same performance, as far as can be told. */
#define DV_ALIGN_MIN_CONFIDENCE 0.6

typedef enum { DV_ALIGN_MID, DV_ALIGN_LEFT, DV_ALIGN_RIGHT } dv_align_channel;

/* Plain value, no ownership. */
typedef struct {
  ptrdiff_t lag_samples;    /* positive: the wet stem is later; wet[n + lag] belongs to dry[n] */
  int polarity;             /* +1, or -1 where the wet stem is inverted */
  double confidence;        /* 0 to 1: one minus the largest correlation before the peak over the peak */
  bool matched;             /* confidence reaches DV_ALIGN_MIN_CONFIDENCE */
  bool at_limit;            /* the peak lies at the end of the search: the true lag may be beyond it */
  bool looks_swapped;       /* the response runs backwards: wet was probably given as dry and dry as wet */
  double direction;         /* what looks_swapped is drawn from: energy after the peak against before, -1 to 1 */
  dv_align_channel channel; /* of the wet stem that was compared; the middle unless it fails */
  float curve[DV_ALIGN_CURVE_POINTS]; /* curve[DV_ALIGN_CURVE_RADIUS + k]: the response at lag_samples + k, which is
                                         polarity at its peak */
} dv_alignment;

/* left and right are the channels of the wet stem, the same pointer where it is mono.  search_s is how far to
   look to either side, above 0 to DV_ALIGN_MAX_SEARCH_S; lags without overlap are not looked at.  Memory
   depends on the search, not on the stems.  Stems that do not match are no error: look at `matched`.
   DV_ERR_ARG: rate, search, or no frames.  DV_ERR_NONFINITE.  DV_ERR_NOMEM.  Not thread-safe (FFTW's planner). */
DV_NODISCARD dv_status dv_align(const float* dry, size_t dry_frames, const float* left, const float* right,
                                size_t wet_frames, double rate_hz, double search_s, dv_alignment* result,
                                dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
