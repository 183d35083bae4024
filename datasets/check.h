/* SPDX-License-Identifier: MIT */
/* What is wrong with a pair, told before an hour is spent on it.
 *
 * The stems are read as a fit reads them (dv_stems_read), so what it would refuse is bad here, and what it would warn
 * of is a warning; what a fit does not look at is added: clipping, different rates, too little sound, has_bleed. */
#ifndef DIFFVOX_CHECK_H
#define DIFFVOX_CHECK_H

#include "datasets/manifest.h"
#include "datasets/stems.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of a finding and, by its worst, of a pair.  OK is a note: nothing is wrong. */
typedef enum { DV_CHECK_OK, DV_CHECK_WARNING, DV_CHECK_BAD } dv_check_verdict;

typedef enum {
  DV_CHECK_NOTE,       /* what else the fit would say */
  DV_CHECK_MISSING,    /* a file is not there */
  DV_CHECK_UNREADABLE, /* or no audio, damaged, of an impossible rate, holding a NaN */
  DV_CHECK_SILENT,     /* every sample is 0 */
  DV_CHECK_CLIPPED,    /* the waveform is cut flat at its top */
  DV_CHECK_STEREO_DRY, /* the dry stem's channels differ */
  DV_CHECK_CHANNELS,   /* a wet stem of more than two */
  DV_CHECK_SHORT,      /* too short to be used, or too little sound to learn from */
  DV_CHECK_LEVEL,      /* too quiet or too loud to be brought to a common loudness */
  DV_CHECK_UNRELATED,  /* no lag makes the stems match */
  DV_CHECK_LAG_LIMIT,  /* the lag is at the limit of the search */
  DV_CHECK_SWAPPED,    /* dry and wet look exchanged */
  DV_CHECK_SAME,       /* dry and wet are the same samples */
  DV_CHECK_RATES,      /* the files' rates differ */
  DV_CHECK_LOW_RATE,   /* one holds less than the model's bandwidth */
  DV_CHECK_BLEED,      /* other instruments are heard, as the manifest says */
  DV_CHECK_KINDS
} dv_check_kind;

typedef struct {
  dv_check_verdict verdict;
  dv_check_kind kind;
  char text[DV_STEMS_NOTE_SIZE];
} dv_check_finding;

enum { DV_CHECK_MAX_FINDINGS = DV_STEMS_MAX_NOTES + 8 };

/* Plain value, no ownership. */
typedef struct {
  dv_check_verdict verdict;
  dv_check_finding findings[DV_CHECK_MAX_FINDINGS];
  size_t count;
  double dry_rate_hz, wet_rate_hz; /* 0 where the file could not be read */
  size_t dry_channels, wet_channels;
  bool prepared;         /* the stems could be prepared for a fit: the rest is known */
  double seconds;        /* that both have in common */
  double sound_s;        /* of them with sound in the dry stem: tenths of a second above -60 dBFS */
  ptrdiff_t lag_samples; /* as in dv_stems */
  int polarity;
  double confidence, dry_lufs, wet_lufs;
} dv_check_result;

/* Looks at one pair.  config: as for the fit.  What is wrong with it is no error but a finding.
   DV_ERR_NOMEM.  DV_ERR_ARG: a config outside its domain.  Not thread-safe (dv_stems_read). */
DV_NODISCARD dv_status dv_check_pair(const dv_pair* pair, const dv_stems_config* config, dv_check_result* result,
                                     dv_error* err);

/* "ok", "warning", "bad". */
const char* dv_check_verdict_name(dv_check_verdict verdict);

/* "note", "missing", "unreadable", "silent", "clipped", "stereo_dry", "channels", "short", "level", "unrelated",
   "lag_limit", "swapped", "same", "rates", "low_rate", "has_bleed". */
const char* dv_check_kind_name(dv_check_kind kind);

#ifdef __cplusplus
}
#endif
#endif
