/* SPDX-License-Identifier: MIT */
/* Level over time and logarithmic frequency, as coarse as a picture can show: a column averages up to four spectra of
 * 46 ms, so that the cost does not grow with a song's length. */
#ifndef DIFFVOX_REPORT_SPECTROGRAM_H
#define DIFFVOX_REPORT_SPECTROGRAM_H

#include "dsp/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DV_SPECTROGRAM_COLUMNS = 360, DV_SPECTROGRAM_ROWS = 108 };
#define DV_SPECTROGRAM_FLOOR_DB (-120.0)

/* Owned by whoever holds the struct: dv_spectrogram_free. */
typedef struct {
  size_t columns, rows;
  double seconds, low_hz, high_hz; /* what columns and rows span; equal ratios from row to row */
  float* db;                       /* [row][column], row 0 the lowest; >= DV_SPECTROGRAM_FLOOR_DB */
} dv_spectrogram;

/* Mean power of `count` channels of `frames` samples at rate_hz, per band, a full-scale sine being 0 dB.  Samples
   that are not finite count as silence.  *s is empty after an error and without frames.
   DV_ERR_NOMEM.  Not thread-safe (FFTW's planner). */
DV_NODISCARD dv_status dv_spectrogram_make(const float* const* channels, size_t count, size_t frames, double rate_hz,
                                           dv_spectrogram* s);
void dv_spectrogram_free(dv_spectrogram* s);

/* The loudest value; DV_SPECTROGRAM_FLOOR_DB of an empty one. */
double dv_spectrogram_peak_db(const dv_spectrogram* s);

#ifdef __cplusplus
}
#endif
#endif
