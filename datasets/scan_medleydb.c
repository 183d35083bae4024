/* SPDX-License-Identifier: MIT */
#include "datasets/file.h"
#include "datasets/medleydb.h"
#include "datasets/scan_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
  const char* path; /* of the metadata */
  char *name, *folder;
  const char* audio_folder; /* what the other two lie in; borrowed */
  char *raw_folder, *stem_folder;
  dv_medleydb_song song;
} song_files;

static bool is_folder(const char* path)
{
  struct stat st;
  return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static const char* last_part(const char* path)
{
  const char* slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* Takes the folder if the song's stems are in it. */
static bool try_folder(dv_scan_work* work, song_files* s, const char* folder)
{
  char fallback[512];
  snprintf(fallback, sizeof fallback, "%.400s_STEMS", s->name);
  char* stems = dv_scan_join(work, folder, s->song.stem_dir ? s->song.stem_dir : fallback);
  if (!stems || !is_folder(stems)) {
    free(stems);
    return false;
  }
  snprintf(fallback, sizeof fallback, "%.400s_RAW", s->name);
  s->audio_folder = folder;
  s->stem_folder = stems;
  s->raw_folder = dv_scan_join(work, folder, s->song.raw_dir ? s->song.raw_dir : fallback);
  return true;
}

/* Beside the metadata, or in a folder of the song's name: the metadata is also published by itself. */
static bool find_audio(dv_scan_work* work, song_files* s)
{
  if (try_folder(work, s, s->folder)) return true;
  for (size_t i = 0; i < work->folders.count; ++i)
    if (!strcmp(last_part(work->folders.items[i]), s->name) && try_folder(work, s, work->folders.items[i])) return true;
  return false;
}

/* True where the stem is no pair; an exclusion then says why. */
static bool refuse_stem(dv_scan_work* work, const song_files* s, const dv_medleydb_stem* stem)
{
  if (!stem->instrument) dv_scan_leave_out(work, DV_SCAN_INCOMPLETE, s->path, stem->key, "names no instrument");
  else if (!stem->is_voice && strchr(stem->instrument, ','))
    dv_scan_leave_out(work, DV_SCAN_NOT_A_VOICE, s->path, stem->key, "not all of its instruments are voices: %.200s",
                      stem->instrument);
  else if (!stem->is_voice)
    dv_scan_leave_out(work, DV_SCAN_NOT_A_VOICE, s->path, stem->key, "its instrument is no voice: %.200s",
                      stem->instrument);
  else if (stem->raw_count != 1)
    dv_scan_leave_out(work, DV_SCAN_RAW_COUNT, s->path, stem->key,
                      "was made from %zu raw tracks (%.200s); one is wanted", stem->raw_count, stem->instrument);
  else if (!stem->filename || !stem->raw_filename)
    dv_scan_leave_out(work, DV_SCAN_INCOMPLETE, s->path, stem->key, "%s has no file name",
                      stem->filename ? "its raw track" : "it");
  else return false;
  return true;
}

static void add_stem(dv_scan_work* work, const song_files* s, const dv_medleydb_stem* stem)
{
  char why[400], id[400];
  if (!s->raw_folder || !stem->key || refuse_stem(work, s, stem)) return; /* the first two: no memory */
  char* dry = dv_scan_join(work, s->raw_folder, stem->raw_filename);
  char* wet = dv_scan_join(work, s->stem_folder, stem->filename);
  const char* name = last_part(stem->filename);
  const char* dot = strrchr(name, '.');
  snprintf(id, sizeof id, "%.*s", dot && dot > name ? (int)(dot - name) : (int)strlen(name), name);
  snprintf(why, sizeof why, "MedleyDB: %.100s of %.100s is %.100s, made from one raw track", stem->key, s->name,
           stem->instrument);
  const dv_scan_candidate candidate = {
    .path = s->path, .detail = stem->key, .id = id, .dry = dry, .wet = wet, .why = why, .has_bleed = s->song.has_bleed};
  if (dry && wet) dv_scan_add(work, &candidate);
  free(dry);
  free(wet);
}

static bool is_described(const dv_scan_work* work, const char* folder)
{
  for (size_t i = 0; i < work->described.count; ++i)
    if (!strcmp(work->described.items[i], folder)) return true;
  return false;
}

static void add_song(dv_scan_work* work, song_files* s)
{
  if (!find_audio(work, s)) {
    dv_scan_leave_out(work, DV_SCAN_MISSING, s->path, NULL,
                      "its audio is not there: neither beside it nor in a folder named %.200s is the folder %.200s",
                      s->name, s->song.stem_dir ? s->song.stem_dir : "of its stems");
    return;
  }
  if (is_described(work, s->audio_folder)) {
    dv_scan_leave_out(work, DV_SCAN_DUPLICATE, s->path, NULL, "other metadata describes the song's folder already");
    return;
  }
  dv_strings_add(work, &work->described, s->audio_folder);
  if (s->song.instrumental) {
    dv_scan_leave_out(work, DV_SCAN_INSTRUMENTAL, s->path, NULL, "the song is marked instrumental");
    return;
  }
  if (!s->song.count) dv_scan_leave_out(work, DV_SCAN_INCOMPLETE, s->path, NULL, "lists no stems");
  for (size_t i = 0; i < s->song.count; ++i) add_stem(work, s, &s->song.stems[i]);
}

/* The message without the path that its reader has already. */
static const char* without_path(const dv_error* err, const char* path)
{
  const char* label = dv_file_label(path);
  const size_t length = strlen(label);
  return !strncmp(err->text, label, length) && !strncmp(err->text + length, ": ", 2) ? err->text + length + 2
                                                                                     : err->text;
}

static dv_status read_song(const char* path, dv_medleydb_song* song, dv_error* err)
{
  char* text;
  size_t size;
  dv_status status = dv_file_read(path, DV_MEDLEYDB_MAX_BYTES, &text, &size, err);
  if (status) return status;
  status = dv_medleydb_parse(text, size, path, song, err);
  free(text);
  return status;
}

void dv_scan_song(dv_scan_work* work, const char* path)
{
  dv_error err;
  const char* name = last_part(path);
  song_files s = {.path = path,
                  .name = strndup(name, (size_t)(strrchr(name, '_') - name)), /* before _METADATA */
                  .folder = name == path ? strdup(".") : strndup(path, (size_t)(name - path) - 1)};
  if (!s.name || !s.folder) work->no_memory = true;
  else if (!read_song(path, &s.song, &err)) add_song(work, &s);
  else {
    dv_scan_leave_out(work, DV_SCAN_UNREADABLE, path, NULL, "%s", without_path(&err, path));
    if (!strcmp(last_part(s.folder), s.name)) dv_strings_add(work, &work->unread, s.folder);
  }
  free(s.name);
  free(s.folder);
  free(s.raw_folder);
  free(s.stem_folder);
  dv_medleydb_free(&s.song);
}
