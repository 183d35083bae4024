/* SPDX-License-Identifier: MIT */
/* Finds pairs of dry and wet stems in a folder and says of everything left out why.
 *
 * Three kinds of pairs are known:
 *
 * 1. Rows of a CSV file (RFC 4180) with the columns dry and wet, and perhaps id; paths are relative to the CSV file.
 *    CSV files without these columns are not looked at.
 * 2. MedleyDB songs: SONG_METADATA.yaml, in the song's folder or in any other below the root.  By the published rule a
 *    stem and the one raw track that it was made from are a pair if the stem's instrument is a voice
 *    (dv_medleydb_is_voice); of a list all must be.  Songs marked instrumental are left out whole, and those marked
 *    has_bleed are marked in the manifest.
 * 3. Names: NAME.dry.wav with NAME.wet.wav, the same with _, - or a space for the dot; dry/NAME.wav with wet/NAME.wav;
 *    SONG/dry.wav with SONG/wet.wav.  Capitals do not matter in "dry" and "wet", and every extension that libsndfile
 *    reads will do.  There must be one dry and one wet file of the name.
 *
 * What begins with a dot is not looked at.  Links are followed.  The order is that of the paths, the same on every
 * machine; ids come from the names, so they stay when songs are added. */
#ifndef DIFFVOX_SCAN_H
#define DIFFVOX_SCAN_H

#include "datasets/manifest.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Why something is no pair of the manifest. */
typedef enum {
  DV_SCAN_UNREADABLE,   /* a folder, a metadata file or a CSV file that cannot be read or understood */
  DV_SCAN_MISSING,      /* an audio file that is named but not there */
  DV_SCAN_INSTRUMENTAL, /* a song without a voice, as it says */
  DV_SCAN_NOT_A_VOICE,  /* a stem of another instrument */
  DV_SCAN_RAW_COUNT,    /* a stem that was not made from exactly one raw track */
  DV_SCAN_INCOMPLETE,   /* a stem or a row that does not say what is needed */
  DV_SCAN_BLEED,        /* a song with has_bleed, where those are not wanted */
  DV_SCAN_UNPAIRED,     /* a dry file without a wet one or the other way round */
  DV_SCAN_AMBIGUOUS,    /* several dry or wet files of one name */
  DV_SCAN_UNNAMED,      /* an audio file whose name says neither */
  DV_SCAN_BAD_NAME,     /* a path that is not UTF-8, or an id that cannot name a folder */
  DV_SCAN_DUPLICATE,    /* a pair that was found before, or an id of another */
  DV_SCAN_NOT_WANTED,   /* by include and exclude */
  DV_SCAN_REASONS
} dv_scan_reason;

/* Owned by the dv_scan. */
typedef struct {
  char* path; /* of the file or folder; of a song "PATH: STEM", of a CSV file "PATH: line N" */
  char* text; /* the reason for people, a sentence without its subject */
  dv_scan_reason reason;
} dv_scan_exclusion;

/* Zeroed nothing is left out. */
typedef struct {
  bool without_bleed;            /* leave out songs with has_bleed */
  const char *include, *exclude; /* shell patterns (fnmatch) for ids; NULL for none */
} dv_scan_options;

/* Owned with everything: dv_scan_free. */
typedef struct {
  dv_manifest manifest; /* may be empty */
  dv_scan_exclusion* exclusions;
  size_t exclusion_count;
} dv_scan;

/* Looks through a folder, or at a single CSV file.  Paths in *scan begin with root; audio files are looked for but not
   opened.  *scan is overwritten (not freed first) and empty after an error.
   DV_ERR_IO: root is not there or cannot be read.  DV_ERR_ARG: it is neither a folder nor a CSV file.
   DV_ERR_FORMAT: it is a CSV file without dry and wet.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_scan_root(const char* root, const dv_scan_options* options, dv_scan* scan, dv_error* err);

/* Frees everything and empties the struct; an empty struct may be freed again. */
void dv_scan_free(dv_scan* scan);

/* "unreadable", "missing", "instrumental", "not_a_voice", "raw_count", "incomplete", "has_bleed", "unpaired",
   "ambiguous", "unnamed", "bad_name", "duplicate", "not_wanted". */
const char* dv_scan_reason_name(dv_scan_reason reason);

#ifdef __cplusplus
}
#endif
#endif
