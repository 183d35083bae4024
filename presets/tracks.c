/* SPDX-License-Identifier: MIT */
#include "presets/tracks.h"
#include "datasets/file.h"
#include "presets/names.h"

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MAX_BYTES = 1 << 20 };

void dv_tracks_free(dv_tracks* tracks)
{
  free(tracks->entries);
  *tracks = (dv_tracks){0};
}

/* The last part of a path, cut to the field; "" when it is no string. */
static void copy_name(const json_t* node, char* field, size_t size)
{
  const char* text = json_is_string(node) ? json_string_value(node) : "";
  const char* slash = strrchr(text, '/');
  snprintf(field, size, "%s", slash ? slash + 1 : text);
}

static bool from_tracks(const json_t* root, size_t index, dv_track* t)
{
  const json_t* entry = json_array_get(root, index);
  const json_t* row = json_object_get(entry, "row");
  if (!json_is_integer(row) || json_integer_value(row) < 0) return false;
  t->row = (size_t)json_integer_value(row);
  copy_name(json_object_get(entry, "track"), t->track, sizeof t->track);
  copy_name(json_object_get(entry, "dry"), t->dry, sizeof t->dry);
  copy_name(json_object_get(entry, "wet"), t->wet, sizeof t->wet);
  return true;
}

/* MedleyDB names its stems TRACK_STEM_08.wav. */
static bool from_info(const json_t* root, size_t index, dv_track* t)
{
  t->row = index;
  copy_name(json_array_get(json_object_get(root, "dry_files"), index), t->dry, sizeof t->dry);
  copy_name(json_array_get(json_object_get(root, "wet_files"), index), t->wet, sizeof t->wet);
  const char* suffix = strstr(t->wet, "_STEM_");
  const size_t length = suffix ? (size_t)(suffix - t->wet) : strlen(t->wet);
  snprintf(t->track, sizeof t->track, "%.*s", (int)length, t->wet);
  return true;
}

static dv_status parse(const json_t* root, const char* path, dv_tracks* tracks, dv_error* err)
{
  const json_t* files = json_object_get(root, "wet_files");
  if (!json_is_array(root) && !json_is_array(files))
    return dv_fail(err, DV_ERR_FORMAT, "%s: is not a JSON list of tracks", dv_file_label(path));
  const size_t count = json_array_size(files ? files : root);
  tracks->entries = calloc(count + 1, sizeof *tracks->entries);
  if (!tracks->entries) return dv_fail(err, DV_ERR_NOMEM, "%s: no memory to read it", dv_file_label(path));
  for (size_t i = 0; i < count; ++i) {
    dv_track* t = &tracks->entries[tracks->count];
    if (files ? from_info(root, i, t) : from_tracks(root, i, t)) ++tracks->count;
  }
  return DV_OK;
}

dv_status dv_tracks_read(const char* dir, dv_tracks* tracks, dv_error* err)
{
  static const char* const names[] = {"tracks.json", "info.json"};
  char path[PATH_MAX];
  *tracks = (dv_tracks){0};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    char* text;
    size_t size;
    json_error_t error;
    const int length = snprintf(path, sizeof path, "%s/%s", dir, names[i]);
    if (length < 0 || length >= PATH_MAX || access(path, F_OK)) continue;
    dv_status status = dv_file_read(path, MAX_BYTES, &text, &size, err);
    if (status) return status;
    json_t* root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    free(text);
    status = parse(root, path, tracks, err);
    json_decref(root);
    return status;
  }
  return DV_OK;
}

const dv_track* dv_tracks_at(const dv_tracks* tracks, size_t row)
{
  for (size_t i = 0; i < tracks->count; ++i)
    if (tracks->entries[i].row == row) return &tracks->entries[i];
  return NULL;
}

static bool is_stem(const char* file, const char* name)
{
  const char* dot = strrchr(file, '.');
  const size_t length = dot ? (size_t)(dot - file) : strlen(file);
  return !strcasecmp(file, name) || (strlen(name) == length && !strncasecmp(file, name, length));
}

static bool matches(const dv_track* t, const char* name)
{
  return *name && (!strcasecmp(t->track, name) || is_stem(t->dry, name) || is_stem(t->wet, name));
}

dv_status dv_tracks_find(const dv_tracks* tracks, const char* name, size_t* row, dv_error* err)
{
  char rows[128] = "";
  size_t found = 0;
  dv_nearest_name nearest = {.name = name};
  for (size_t i = 0; i < tracks->count; ++i) {
    const dv_track* t = &tracks->entries[i];
    dv_nearest_name_offer(&nearest, t->track);
    if (!matches(t, name)) continue;
    const size_t used = strlen(rows);
    snprintf(rows + used, sizeof rows - used, "%s%zu", found ? ", " : "", t->row);
    *row = t->row;
    ++found;
  }
  if (found == 1) return DV_OK;
  if (found > 1)
    return dv_fail(err, DV_ERR_ARG, "The track '%.80s' has more than one row: %s; give one of them", name, rows);
  if (!tracks->count)
    return dv_fail(err, DV_ERR_ARG, "'%.80s' is not a row, and the presets of this corpus have no names", name);
  if (nearest.best && *nearest.best)
    return dv_fail(err, DV_ERR_ARG, "No track '%.80s' in this corpus; did you mean '%.80s'?", name, nearest.best);
  return dv_fail(err, DV_ERR_ARG, "No track '%.80s' in this corpus; --list shows them", name);
}
