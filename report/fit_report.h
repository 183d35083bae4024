/* SPDX-License-Identifier: MIT */
/* The report page of a fit: one HTML file with what was found, how well it fits, and how it sounds.
 *
 * Fast enough for every checkpoint: about a second for a song of any length, nearly all of it for the players.  The
 * same input gives the same bytes, unless the rate is none that MP3 has (see report/clip.h).
 * What is missing is left out of the page: every pointer may be NULL, every count 0, every number NaN, unless
 * said otherwise. */
#ifndef DIFFVOX_REPORT_FIT_REPORT_H
#define DIFFVOX_REPORT_FIT_REPORT_H

#include "dsp/parameters.h"
#include "report/buffer.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The loss at a step: the weighted total and its parts.  step is not looked at where a single loss is meant. */
typedef struct {
  double step;
  double total, mss_lr, mss_ms, mldr_lr, mldr_ms, regulariser;
} dv_fit_report_loss;

/* How the stems were brought together; correlation[i] is at lag first_lag + i samples, 1 is the peak. */
typedef struct {
  double lag_samples; /* positive: the wet stem was later */
  int polarity;       /* -1: it was inverted */
  double confidence;  /* 0 .. 1 */
  const char* method; /* "found by correlation", "as given" */
  const float* correlation;
  size_t count;
  double first_lag;
} dv_fit_report_alignment;

/* Aligned signals of equal length, as the fit saw them.  The same pointer twice is mono. */
typedef struct {
  const float* dry;
  const float *wet_left, *wet_right;
  const float *render_left, *render_right; /* dry through the fitted chain, at the level of wet */
  size_t frames;
  double rate_hz;                                /* required: also the rate of the curves; 0 is 44100 */
  const char *dry_file, *wet_file, *render_file; /* whole recordings in the page's folder, for links */
} dv_fit_report_audio;

typedef struct {
  bool warning;
  const char* text;
} dv_fit_report_note;

/* A line of the run's details. */
typedef struct {
  const char *name, *value;
} dv_fit_report_detail;

/* Everything is borrowed. */
typedef struct {
  const char* title; /* NULL: "DRY to WET" of the names */
  const char *dry_name, *wet_name;
  const dv_chain_params* params;   /* required, passes dv_params_check */
  const dv_chain_params* start;    /* where the fit began; NULL: the parameter table's initial values */
  double dry_gain_db, wet_gain_db; /* that brought the stems to the model's loudness */
  double plain_gain_db;            /* see dv_verdict */

  const dv_fit_report_loss *dry_loss, *start_loss, *fitted_loss; /* no processing; first step; best */
  const dv_fit_report_loss* losses;                              /* step after step */
  size_t loss_count;

  const dv_fit_report_alignment* alignment;
  dv_fit_report_audio audio;

  const dv_fit_report_note* notes;
  size_t note_count;

  double steps_done, best_step, seconds; /* NaN: not known */
  const char *ended, *version;           /* "all steps done"; "diffvox-fit 0.1.0" */
  const dv_fit_report_detail* details;   /* seed, threads, options ... in this order */
  size_t detail_count;
} dv_fit_report;

/* ADDS the page to out.  DV_ERR_ARG: params missing or outside their ranges, or a rate outside 8 to 192 kHz.
   DV_ERR_NOMEM.  Not thread-safe (FFTW's planner). */
DV_NODISCARD dv_status dv_fit_report_print(const dv_fit_report* report, dv_buffer* out, dv_error* err);

/* The same into a file, which appears complete or not at all.  Also DV_ERR_IO. */
DV_NODISCARD dv_status dv_fit_report_write(const char* path, const dv_fit_report* report, dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
