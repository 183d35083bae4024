/* SPDX-License-Identifier: MIT */
/* Lists of pairs, a dry and a wet stem each: what a batch works through.
 *
 * A manifest is JSON lines: one object a line, blank lines ignored.
 *
 *   {"id": "NightOwl", "dry": "NightOwl/dry.wav", "wet": "NightOwl/wet.wav", "why": "a folder with dry.* and wet.*"}
 *
 *   id         a name for the pair, also of the folder of its results: see dv_manifest_id_is_valid; no two are equal
 *   dry, wet   audio files; relative to the manifest's own folder, or absolute
 *   why        why the two were taken for a pair, for people; optional
 *   has_bleed  true where other instruments are heard in the recording; optional
 *   truth      the preset that made wet from dry, where that is known; a path like dry; optional
 *
 * Other members are accepted and left out. */
#ifndef DIFFVOX_MANIFEST_H
#define DIFFVOX_MANIFEST_H

#include "dsp/status.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DV_MANIFEST_MAX_ID = 200 };

typedef struct {
  char *id, *dry, *wet;
  char* why;   /* never NULL in what was read; "" where nothing is said */
  char* truth; /* NULL where it is not known */
  bool has_bleed;
} dv_pair;

/* Owned with all its text: dv_manifest_free.  Zeroed it is empty. */
typedef struct {
  dv_pair* pairs;
  size_t count;
} dv_manifest;

/* Reads a manifest in the order of its lines.  Paths that were relative now begin with the manifest's folder, so
   that they can be opened; the files are not looked at.  *manifest is overwritten (not freed first) and empty after
   an error.
   DV_ERR_IO      not there or not readable
   DV_ERR_FORMAT  a line that is no JSON object, lacks id, dry or wet, or has one of the wrong type; an id that
                  cannot name a folder or is another line's too; no pair at all; more than 64 MiB.  The message
                  names the file, the line and the value
   DV_ERR_NOMEM */
DV_NODISCARD dv_status dv_manifest_read(const char* path, dv_manifest* manifest, dv_error* err);

/* Writes all pairs, whole or not at all; "-" is standard output.  Paths that are relative to the working folder are
   made relative to the manifest's; absolute ones stay unless they lie in the manifest's folder.  A manifest without
   pairs makes an empty file.
   DV_ERR_ARG: an id that cannot name a folder or is not unique; a path that is not UTF-8.  DV_ERR_IO.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_manifest_write(const char* path, const dv_manifest* manifest, dv_error* err);

/* Appends a copy; why and truth may be NULL.  DV_ERR_NOMEM: the manifest is as before. */
DV_NODISCARD dv_status dv_manifest_add(dv_manifest* manifest, const dv_pair* pair, dv_error* err);

/* Frees everything and empties the struct; an empty struct may be freed again. */
void dv_manifest_free(dv_manifest* manifest);

/* 1 to DV_MANIFEST_MAX_ID of A-Z a-z 0-9 . _ - and not beginning with a dot. */
bool dv_manifest_id_is_valid(const char* id);

#ifdef __cplusplus
}
#endif
#endif
