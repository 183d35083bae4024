/* SPDX-License-Identifier: MIT */
/* A song's metadata as MedleyDB publishes it: YAML that says which raw tracks were mixed into which stem.
 *
 *   has_bleed: 'no'
 *   instrumental: 'no'
 *   raw_dir: Song_RAW
 *   stem_dir: Song_STEMS
 *   stems:
 *     S01:
 *       filename: Song_STEM_01.wav
 *       instrument: male singer
 *       raw:
 *         R01: {filename: Song_RAW_01_01.wav, instrument: male singer}
 *
 * Keys are any text, `instrument` is one name or a list, flags are words, and whatever is needed may be absent, so
 * a stem is handed out as it was found and the caller judges it. */
#ifndef DIFFVOX_MEDLEYDB_H
#define DIFFVOX_MEDLEYDB_H

#include "dsp/status.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DV_MEDLEYDB_MAX_BYTES = 1 << 18 };

/* Text that is absent, empty, of the wrong type or longer than 4096 bytes is NULL. */
typedef struct {
  char* key;          /* "S01" */
  char* filename;     /* in the song's stem folder */
  char* instrument;   /* a list with ", " between its names */
  char* raw_filename; /* of the first raw track, in the song's raw folder */
  size_t raw_count;
  bool is_voice; /* the instrument, or every one of a list, is a voice by dv_medleydb_is_voice */
} dv_medleydb_stem;

/* Owned with all its text: dv_medleydb_free.  Zeroed it is empty. */
typedef struct {
  char *raw_dir, *stem_dir;     /* NULL where not said */
  bool has_bleed, instrumental; /* flags that are absent are false */
  dv_medleydb_stem* stems;      /* in the order of the file */
  size_t count;
} dv_medleydb_song;

/* Reads the first document of `size` bytes; name is what messages call them.  *song is overwritten (not freed
   first) and empty after an error.
   DV_ERR_FORMAT: no YAML, nested too deep, no mapping, or without a mapping of at most 1000 stems.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_medleydb_parse(const char* text, size_t size, const char* name, dv_medleydb_song* song,
                                         dv_error* err);

/* Frees everything and empties the struct; an empty struct may be freed again. */
void dv_medleydb_free(dv_medleydb_song* song);

/* The published rule: the name contains singer, vocal, voice, speaker or speech, whatever the case.  So "male
   singer" and "vocalists" are voices, "male rapper", "beatboxing" and "crowd" are not.
   Source: the authors' reader of MedleyDB; the published corpus has a row for each such stem that was fitted. */
bool dv_medleydb_is_voice(const char* instrument);

#ifdef __cplusplus
}
#endif
#endif
