/* SPDX-License-Identifier: MIT */
/* Private: what the parts of a scan share.  Memory that runs out is remembered and told at the end, so that the parts
   need no status of their own. */
#ifndef DIFFVOX_SCAN_WORK_H
#define DIFFVOX_SCAN_WORK_H

#include "datasets/scan.h"

#include <sys/types.h>

/* A growing list of texts, owned. */
typedef struct {
  char** items;
  size_t count;
} dv_strings;

/* Which file it is, whatever it is called. */
typedef struct {
  dev_t device;
  ino_t inode;
} dv_file_identity;

typedef struct {
  const char* root; /* without a slash at its end, unless it is "/" */
  const dv_scan_options* options;
  dv_scan* scan;
  dv_strings audio, folders, csv, songs; /* paths, sorted; songs: their metadata */
  dv_strings described;                  /* folders of songs whose metadata was read */
  dv_strings unread;                     /* and of those whose could not be: their files need no names either */
  dv_file_identity (*used)[2];           /* dry and wet of the manifest's pairs */
  bool no_memory;
} dv_scan_work;

/* Adds a copy. */
void dv_strings_add(dv_scan_work* work, dv_strings* list, const char* text);

/* "FIRST/SECOND", or "" where there is no memory; to be freed.  Absolute second parts stay. */
char* dv_scan_join(dv_scan_work* work, const char* first, const char* second);

/* An exclusion.  path may be followed by ": DETAIL"; detail may be NULL. */
void dv_scan_leave_out(dv_scan_work* work, dv_scan_reason reason, const char* path, const char* detail,
                       const char* format, ...) DV_PRINTF(5, 6);

/* A pair if both files are there and it is wanted, otherwise an exclusion under path and detail.  id is made valid and
   unique, unless it is `given`: then an id that is not is an exclusion. */
typedef struct {
  const char *path, *detail, *id, *dry, *wet, *why;
  bool given, has_bleed;
} dv_scan_candidate;

void dv_scan_add(dv_scan_work* work, const dv_scan_candidate* candidate);

/* The three kinds of pairs.  dv_scan_csv: false where the file has no columns dry and wet; nothing is said then. */
bool dv_scan_csv(dv_scan_work* work, const char* path);
void dv_scan_song(dv_scan_work* work, const char* path);
void dv_scan_names(dv_scan_work* work);

#endif
