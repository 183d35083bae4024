/* SPDX-License-Identifier: MIT */
#include "datasets/scan.h"

#include "datasets/file.h"
#include "datasets/scan_work.h"
#include "dsp/hash.h"

#include <errno.h>
#include <fnmatch.h>
#include <fts.h>
#include <jansson.h>
#include <sndfile.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

const char* dv_scan_reason_name(dv_scan_reason reason)
{
  static const char* const names[DV_SCAN_REASONS] = {
    "unreadable", "missing",   "instrumental", "not_a_voice", "raw_count", "incomplete", "has_bleed",
    "unpaired",   "ambiguous", "unnamed",      "bad_name",    "duplicate", "not_wanted"};
  return names[reason];
}

/* ---- memory ---- */

/* Room for one more of `size` bytes each; doubled whenever the count reaches a power of two. */
static bool grow(dv_scan_work* work, void** items, size_t count, size_t size)
{
  if (count & (count - 1)) return true;
  void* more = realloc(*items, (count ? 2 * count : 1) * size);
  if (more) *items = more;
  else work->no_memory = true;
  return more;
}

static char* copy(dv_scan_work* work, const char* text)
{
  char* result = strdup(text);
  if (!result) work->no_memory = true;
  return result;
}

void dv_strings_add(dv_scan_work* work, dv_strings* list, const char* text)
{
  void* items = list->items;
  const bool room = grow(work, &items, list->count, sizeof *list->items);
  list->items = items;
  char* item = room ? copy(work, text) : NULL;
  if (item) list->items[list->count++] = item;
}

static void free_strings(dv_strings* list)
{
  for (size_t i = 0; i < list->count; ++i) free(list->items[i]);
  free(list->items);
}

char* dv_scan_join(dv_scan_work* work, const char* first, const char* second)
{
  char* joined = NULL;
  const bool absolute = second[0] == '/';
  const char* slash = absolute || !*first || first[strlen(first) - 1] == '/' ? "" : "/";
  if (asprintf(&joined, "%s%s%s", absolute ? "" : first, slash, second) >= 0) return joined;
  work->no_memory = true;
  return NULL;
}

void dv_scan_free(dv_scan* scan)
{
  for (size_t i = 0; i < scan->exclusion_count; ++i) {
    free(scan->exclusions[i].path);
    free(scan->exclusions[i].text);
  }
  free(scan->exclusions);
  dv_manifest_free(&scan->manifest);
  *scan = (dv_scan){0};
}

/* ---- what is found ---- */

void dv_scan_leave_out(dv_scan_work* work, dv_scan_reason reason, const char* path, const char* detail,
                       const char* format, ...)
{
  dv_scan* scan = work->scan;
  dv_scan_exclusion e = {.reason = reason};
  void* items = scan->exclusions;
  va_list args;
  va_start(args, format);
  if (vasprintf(&e.text, format, args) < 0) e.text = NULL;
  va_end(args);
  if (asprintf(&e.path, "%s%s%s", path, detail ? ": " : "", detail ? detail : "") < 0) e.path = NULL;
  const bool room = grow(work, &items, scan->exclusion_count, sizeof *scan->exclusions);
  scan->exclusions = items;
  if (e.text && e.path && room) {
    scan->exclusions[scan->exclusion_count++] = e;
    return;
  }
  work->no_memory = true;
  free(e.text);
  free(e.path);
}

static unsigned short_hash(const char* text)
{
  const uint64_t hash = dv_hash(DV_HASH_START, text, strlen(text));
  return (unsigned)(hash ^ hash >> 32);
}

enum { HASH_LENGTH = 9 }; /* "-89abcdef" */

/* Blanks and slashes become "_"; where more is lost, a hash of the text keeps ids apart. */
static void make_id(const char* text, char id[DV_MANIFEST_MAX_ID + 1])
{
  size_t length = 0;
  bool lost = !*text;
  for (const char* c = text; *c; ++c) {
    const char one[] = {*c, '\0'};
    if (length == DV_MANIFEST_MAX_ID - HASH_LENGTH) {
      lost = true;
      break;
    }
    const bool plain = dv_manifest_id_is_valid(one) || (*c == '.' && length);
    lost |= !plain && *c != ' ' && *c != '/';
    if (plain || !length || id[length - 1] != '_') id[length++] = plain ? *c : '_';
  }
  id[length] = '\0';
  if (lost) snprintf(id + length, HASH_LENGTH + 1, "-%08x", short_hash(text));
}

static bool has_id(const dv_manifest* manifest, const char* id)
{
  for (size_t i = 0; i < manifest->count; ++i)
    if (!strcmp(manifest->pairs[i].id, id)) return true;
  return false;
}

/* False: the id cannot be used, and an exclusion says so. */
static bool choose_id(dv_scan_work* work, const dv_scan_candidate* c, char id[DV_MANIFEST_MAX_ID + 1])
{
  const dv_manifest* manifest = &work->scan->manifest;
  if (c->given && !dv_manifest_id_is_valid(c->id)) {
    dv_scan_leave_out(work, DV_SCAN_BAD_NAME, c->path, c->detail,
                      "the id '%.60s' cannot name a folder: use 1 to %d of A-Z a-z 0-9 . _ - and no dot in front",
                      c->id, (int)DV_MANIFEST_MAX_ID);
    return false;
  }
  if (c->given) snprintf(id, DV_MANIFEST_MAX_ID + 1, "%s", c->id);
  else make_id(c->id, id);
  if (!has_id(manifest, id)) return true;
  if (!c->given) {
    const size_t length = strnlen(id, DV_MANIFEST_MAX_ID - HASH_LENGTH);
    snprintf(id + length, HASH_LENGTH + 1, "-%08x", short_hash(c->dry));
    if (!has_id(manifest, id)) return true;
  }
  dv_scan_leave_out(work, DV_SCAN_DUPLICATE, c->path, c->detail, "another pair has the id '%s'", id);
  return false;
}

/* Regular files only; follows links. */
static bool identify(const char* path, dv_file_identity* identity)
{
  struct stat st;
  if (stat(path, &st) || !S_ISREG(st.st_mode)) return false;
  *identity = (dv_file_identity){st.st_dev, st.st_ino};
  return true;
}

static bool is_same(const dv_file_identity* a, const dv_file_identity* b)
{
  return a->device == b->device && a->inode == b->inode;
}

/* The id of the pair of these two files, or NULL. */
static const char* find_pair(const dv_scan_work* work, const dv_file_identity files[2])
{
  for (size_t i = 0; i < work->scan->manifest.count; ++i)
    if (is_same(&work->used[i][0], &files[0]) && is_same(&work->used[i][1], &files[1]))
      return work->scan->manifest.pairs[i].id;
  return NULL;
}

static bool is_utf8(const char* text)
{
  json_t* value = json_string(text);
  json_decref(value);
  return value;
}

static bool is_wanted(const dv_scan_options* o, const char* id)
{
  return (!o->include || !fnmatch(o->include, id, 0)) && (!o->exclude || fnmatch(o->exclude, id, 0));
}

/* True where an exclusion was made. */
static bool refuse(dv_scan_work* work, const dv_scan_candidate* c, dv_file_identity files[2])
{
  const char* const paths[2] = {c->dry, c->wet};
  for (size_t i = 0; i < 2; ++i) {
    const char* role = i ? "wet" : "dry";
    if (!is_utf8(paths[i])) {
      dv_scan_leave_out(work, DV_SCAN_BAD_NAME, c->path, c->detail,
                        "the %s file's name is not UTF-8, so a manifest cannot hold it; rename it", role);
      return true;
    }
    if (!identify(paths[i], &files[i])) {
      dv_scan_leave_out(work, DV_SCAN_MISSING, c->path, c->detail, "the %s file %s is not there", role,
                        dv_file_label(paths[i]));
      return true;
    }
  }
  const char* earlier = find_pair(work, files);
  if (earlier) dv_scan_leave_out(work, DV_SCAN_DUPLICATE, c->path, c->detail, "is the pair '%s' already", earlier);
  return earlier;
}

void dv_scan_add(dv_scan_work* work, const dv_scan_candidate* c)
{
  dv_manifest* manifest = &work->scan->manifest;
  dv_file_identity files[2];
  char id[DV_MANIFEST_MAX_ID + 1];
  if (refuse(work, c, files) || !choose_id(work, c, id)) return;
  if (!is_wanted(work->options, id)) {
    dv_scan_leave_out(work, DV_SCAN_NOT_WANTED, c->path, c->detail, "the id '%s' is not wanted", id);
    return;
  }
  if (c->has_bleed && work->options->without_bleed) {
    dv_scan_leave_out(work, DV_SCAN_BLEED, c->path, c->detail,
                      "its song has has_bleed: other instruments are heard in the recording");
    return;
  }
  void* used = work->used;
  const bool room = grow(work, &used, manifest->count, sizeof *work->used);
  work->used = used;
  if (!room) return;
  memcpy(work->used[manifest->count], files, sizeof files);
  const dv_pair pair = {/* copied, so the casts harm nothing */
                        .id = id,
                        .dry = (char*)c->dry,
                        .wet = (char*)c->wet,
                        .why = (char*)c->why,
                        .has_bleed = c->has_bleed};
  if (dv_manifest_add(manifest, &pair, NULL)) work->no_memory = true;
}

/* ---- the folder ---- */

static bool ends_with(const char* text, const char* end)
{
  const size_t a = strlen(text), b = strlen(end);
  return a >= b && !strcasecmp(text + a - b, end);
}

/* Headerless files would need to be told their rate. */
static bool is_audio_extension(const char* extension)
{
  static const char* const others[] = {"aif", "aifc", "bwf", "mp2", "mp3", "nist", "ogg", "opus", "snd", "wave"};
  int count = 0;
  for (size_t i = 0; i < sizeof others / sizeof *others; ++i)
    if (!strcasecmp(extension, others[i])) return true;
  sf_command(NULL, SFC_GET_FORMAT_MAJOR_COUNT, &count, sizeof count);
  for (int i = 0; i < count; ++i) {
    SF_FORMAT_INFO info = {.format = i};
    if (!sf_command(NULL, SFC_GET_FORMAT_MAJOR, &info, sizeof info) && info.format != SF_FORMAT_RAW &&
        !strcasecmp(extension, info.extension))
      return true;
  }
  return false;
}

static void sort_file(dv_scan_work* work, const char* path, const char* name)
{
  const char* dot = strrchr(name, '.');
  if (ends_with(name, "_METADATA.yaml") || ends_with(name, "_METADATA.yml")) dv_strings_add(work, &work->songs, path);
  else if (ends_with(name, ".csv")) dv_strings_add(work, &work->csv, path);
  else if (dot && is_audio_extension(dot + 1)) dv_strings_add(work, &work->audio, path);
}

static void visit(dv_scan_work* work, FTS* tree, FTSENT* e)
{
  const bool hidden = e->fts_level > 0 && e->fts_name[0] == '.';
  switch (e->fts_info) {
  case FTS_D:
    if (hidden) fts_set(tree, e, FTS_SKIP);
    else dv_strings_add(work, &work->folders, e->fts_path);
    break;
  case FTS_DNR:
    dv_scan_leave_out(work, DV_SCAN_UNREADABLE, e->fts_path, NULL, "the folder cannot be read: %s",
                      strerror(e->fts_errno));
    break;
  case FTS_DC:
    dv_scan_leave_out(work, DV_SCAN_UNREADABLE, e->fts_path, NULL, "the link leads back to a folder it lies in");
    break;
  case FTS_F:
  case FTS_SLNONE: /* a link to nothing: whoever wants it says that it is missing */
    if (!hidden) sort_file(work, e->fts_path, e->fts_name);
    break;
  default: break;
  }
}

static int by_name(const FTSENT** a, const FTSENT** b) { return strcmp((*a)->fts_name, (*b)->fts_name); }

static int by_text(const void* a, const void* b) { return strcmp(*(char* const*)a, *(char* const*)b); }

static void sort_strings(const dv_strings* list)
{
  if (list->count) qsort(list->items, list->count, sizeof *list->items, by_text);
}

static dv_status walk(dv_scan_work* work, dv_error* err)
{
  char* root = copy(work, work->root);
  if (!root) return DV_OK; /* told at the end */
  char* const roots[] = {root, NULL};
  FTS* tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
  free(root);
  if (!tree) return dv_file_error(err, work->root, "read", errno);
  errno = 0;
  for (FTSENT* e; !work->no_memory && (e = fts_read(tree)); errno = 0) {
    if (e->fts_level == 0 && e->fts_info == FTS_DNR) {
      const int reason = e->fts_errno;
      fts_close(tree);
      return dv_file_error(err, work->root, "read", reason);
    }
    visit(work, tree, e);
  }
  const int reason = errno;
  fts_close(tree);
  const dv_strings* const lists[] = {&work->audio, &work->folders, &work->csv, &work->songs};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; ++i) sort_strings(lists[i]);
  return reason && !work->no_memory ? dv_file_error(err, work->root, "read", reason) : DV_OK;
}

/* ---- all of it ---- */

static bool is_below(const char* path, const char* folder)
{
  const size_t length = strlen(folder);
  return !strncmp(path, folder, length) && path[length] == '/';
}

/* What belongs to a song or to a pair needs no name of its own. */
static bool is_spoken_for(const dv_scan_work* work, const char* path)
{
  dv_file_identity file;
  for (size_t i = 0; i < work->described.count; ++i)
    if (is_below(path, work->described.items[i])) return true;
  for (size_t i = 0; i < work->unread.count; ++i)
    if (is_below(path, work->unread.items[i])) return true;
  if (!identify(path, &file)) return false;
  for (size_t i = 0; i < work->scan->manifest.count; ++i)
    if (is_same(&work->used[i][0], &file) || is_same(&work->used[i][1], &file)) return true;
  return false;
}

static void drop_spoken_for(dv_scan_work* work)
{
  size_t kept = 0;
  for (size_t i = 0; i < work->audio.count; ++i) {
    char* path = work->audio.items[i];
    if (is_spoken_for(work, path)) free(path);
    else work->audio.items[kept++] = path;
  }
  work->audio.count = kept;
}

static dv_status scan_folder(dv_scan_work* work, dv_error* err)
{
  const dv_status status = walk(work, err);
  if (status) return status;
  for (size_t i = 0; i < work->csv.count; ++i) dv_scan_csv(work, work->csv.items[i]);
  for (size_t i = 0; i < work->songs.count; ++i) dv_scan_song(work, work->songs.items[i]);
  drop_spoken_for(work);
  dv_scan_names(work);
  return DV_OK;
}

static dv_status scan_root(dv_scan_work* work, dv_error* err)
{
  struct stat st;
  if (stat(work->root, &st)) return dv_file_error(err, work->root, "read", errno);
  if (S_ISDIR(st.st_mode)) return scan_folder(work, err);
  if (!ends_with(work->root, ".csv"))
    return dv_fail(err, DV_ERR_ARG, "%s: is neither a folder nor a .csv file; give the folder that holds the stems",
                   dv_file_label(work->root));
  if (dv_scan_csv(work, work->root)) return DV_OK;
  return dv_fail(err, DV_ERR_FORMAT, "%s: its first line does not name the columns dry and wet",
                 dv_file_label(work->root));
}

dv_status dv_scan_root(const char* root, const dv_scan_options* options, dv_scan* scan, dv_error* err)
{
  *scan = (dv_scan){0};
  size_t length = strlen(root);
  while (length > 1 && root[length - 1] == '/') --length;
  char* trimmed = strndup(root, length);
  dv_scan_work work = {.root = trimmed, .options = options, .scan = scan, .no_memory = !trimmed};
  dv_status status = trimmed ? scan_root(&work, err) : DV_OK;
  if (work.no_memory) status = dv_fail(err, DV_ERR_NOMEM, "%s: no memory for all that is there", dv_file_label(root));
  dv_strings* const lists[] = {&work.audio, &work.folders, &work.csv, &work.songs, &work.described, &work.unread};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; ++i) free_strings(lists[i]);
  free(work.used);
  free(trimmed);
  if (status) dv_scan_free(scan);
  return status;
}
