/* SPDX-License-Identifier: MIT */
/* Private: which track each row of a published corpus was fitted to.
 *
 * Read from tracks.json, a list of objects with "row", "track", "dry" and "wet"; or from info.json as the
 * authors publish it, an object whose lists "dry_files" and "wet_files" are in the order of the rows. */
#ifndef DIFFVOX_TRACKS_H
#define DIFFVOX_TRACKS_H

#include "dsp/status.h"

#include <stddef.h>

typedef struct {
  size_t row;
  char track[96], dry[128], wet[128]; /* file names without folders */
} dv_track;

typedef struct {
  dv_track* entries; /* owned */
  size_t count;
} dv_tracks;

/* dir is the corpus's own folder.  No list when neither file is there, which is no error. */
DV_NODISCARD dv_status dv_tracks_read(const char* dir, dv_tracks* tracks, dv_error* err);
void dv_tracks_free(dv_tracks* tracks);

/* NULL when the row has no name. */
const dv_track* dv_tracks_at(const dv_tracks* tracks, size_t row);

/* The row of a track, or of a stem's file with or without its extension; case is ignored.
   DV_ERR_ARG when there is none, naming the nearest, or more than one, naming the rows. */
DV_NODISCARD dv_status dv_tracks_find(const dv_tracks* tracks, const char* name, size_t* row, dv_error* err);

#endif
