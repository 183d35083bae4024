/* SPDX-License-Identifier: MIT */
/* A dry and a wet stem, from two files to what a fit takes: one rate, one length, aligned, of one loudness. */
#ifndef DIFFVOX_STEMS_H
#define DIFFVOX_STEMS_H

#include "datasets/align.h"
#include "datasets/audio.h"
#include "datasets/loudness.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  DV_ALIGN_AUTO, /* as dv_align finds it; stems that do not match are an error */
  DV_ALIGN_OFF,  /* as the files are */
  DV_ALIGN_GIVEN /* by lag_samples and polarity */
} dv_align_mode;

typedef struct {
  dv_align_mode align;
  ptrdiff_t lag_samples; /* DV_ALIGN_GIVEN: how much later the wet stem is, at 44.1 kHz; may be negative */
  int polarity;          /* DV_ALIGN_GIVEN: -1 inverts the dry stem, +1 does not */
  double search_s;       /* see dv_align */
  bool normalise;        /* bring both to `lufs` */
  double lufs;
  bool keep_side; /* also the side signal of a wet stem that is nearly mono */
} dv_stems_config;

/* Automatic alignment within DV_ALIGN_SEARCH_S, loudness DV_MODEL_LUFS. */
void dv_stems_config_default(dv_stems_config* config);

/* A file as it was found, and the gain that brought it to the wanted loudness. */
typedef struct {
  double rate_hz;
  size_t channels, frames;
  uint64_t hash;  /* FNV-1a of the file's bytes: tells whether it is still the same, guards against nothing */
  double lufs;    /* of the part that is used, before the gain; NaN where normalise is off */
  double gain_db; /* 0 where normalise is off */
} dv_stem_source;

enum { DV_STEMS_MAX_NOTES = 16, DV_STEMS_NOTE_SIZE = 512 };

/* What a person should know: a warning may mean a bad fit, the rest only tells what was done. */
typedef struct {
  bool warning;
  char text[DV_STEMS_NOTE_SIZE];
} dv_stems_note;

/* Signals at 44.1 kHz, `frames` long, with the gains and the polarity applied; owned by the struct.  The dry
   stem is delayed with zeros or loses its head: dry[n] is sample n - lag_samples of the file's; the wet stem
   only loses its end.  left and right are one pointer where the wet file is mono or, unless keep_side, nearly: its
   side signal 50 dB below the middle or fainter, which is dither or a codec; both channels are then averaged. */
typedef struct {
  float *dry, *left, *right;
  size_t frames;
  ptrdiff_t lag_samples;  /* that was applied */
  int polarity;           /* of the dry stem: -1 where it was inverted */
  dv_alignment alignment; /* what dv_align found, in every mode */
  dv_stem_source dry_source, wet_source;
  dv_stems_note notes[DV_STEMS_MAX_NOTES];
  size_t note_count;
  dv_audio dry_audio, wet_audio; /* the memory behind the pointers */
} dv_stems;

/* Reads and prepares both.  *stems is overwritten (not freed first) and empty after an error.  A dry file of
   several channels is averaged.  Memory: both files, one of them a second time while it is resampled, and what
   dv_align needs, which depends on the search only.
   Besides the errors of dv_audio_read, each naming the file and the remedy:
   DV_ERR_ARG   wet of more than two channels; a silent stem, or one too quiet or too short for its loudness to
                be measured; less than DV_STEMS_MIN_FRAMES in common; stems that do not match, or whose lag lies
                at the limit of the search (DV_ALIGN_AUTO only); a config outside its documented domain
   Not thread-safe (FFTW's planner). */
DV_NODISCARD dv_status dv_stems_read(const char* dry_path, const char* wet_path, const dv_stems_config* config,
                                     dv_stems* stems, dv_error* err);

/* Adds a note to those that reading made; beyond DV_STEMS_MAX_NOTES none is taken. */
void dv_stems_add_note(dv_stems* stems, bool warning, const char* format, ...) DV_PRINTF(3, 4);

/* Frees the signals and empties the struct; an empty struct (zeroed) may be freed again. */
void dv_stems_free(dv_stems* stems);

/* What the losses need at least. */
enum { DV_STEMS_MIN_FRAMES = 1025 };

#ifdef __cplusplus
}
#endif
#endif
