/* SPDX-License-Identifier: MIT */
#include "datasets/manifest.h"

#include "datasets/file.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_BYTES = 64 << 20 };

bool dv_manifest_id_is_valid(const char* id)
{
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  const size_t length = strlen(id);
  return length > 0 && length <= DV_MANIFEST_MAX_ID && id[0] != '.' && strspn(id, allowed) == length;
}

/* ---- memory ---- */

static void free_pair(dv_pair* pair)
{
  free(pair->id);
  free(pair->dry);
  free(pair->wet);
  free(pair->why);
  free(pair->truth);
}

void dv_manifest_free(dv_manifest* manifest)
{
  for (size_t i = 0; i < manifest->count; ++i) free_pair(&manifest->pairs[i]);
  free(manifest->pairs);
  *manifest = (dv_manifest){0};
}

/* Room is doubled whenever the count reaches a power of two. */
static bool make_room(dv_manifest* manifest)
{
  const size_t count = manifest->count;
  if (count & (count - 1)) return true;
  dv_pair* pairs = realloc(manifest->pairs, (count ? 2 * count : 1) * sizeof *pairs);
  if (pairs) manifest->pairs = pairs;
  return pairs;
}

/* What a dv_pair is copied from. */
typedef struct {
  const char *id, *dry, *wet, *why, *truth;
  bool has_bleed;
} pair_text;

static dv_status add_copy(dv_manifest* manifest, const pair_text* text, dv_error* err)
{
  dv_pair copy = {.id = strdup(text->id),
                  .dry = strdup(text->dry),
                  .wet = strdup(text->wet),
                  .why = strdup(text->why ? text->why : ""),
                  .truth = text->truth ? strdup(text->truth) : NULL,
                  .has_bleed = text->has_bleed};
  const bool complete = copy.id && copy.dry && copy.wet && copy.why && (copy.truth || !text->truth);
  if (complete && make_room(manifest)) {
    manifest->pairs[manifest->count++] = copy;
    return DV_OK;
  }
  free_pair(&copy);
  return dv_fail(err, DV_ERR_NOMEM, "No memory for pair %zu of a manifest", manifest->count + 1);
}

dv_status dv_manifest_add(dv_manifest* manifest, const dv_pair* pair, dv_error* err)
{
  const pair_text text = {pair->id, pair->dry, pair->wet, pair->why, pair->truth, pair->has_bleed};
  return add_copy(manifest, &text, err);
}

/* ---- ids ---- */

static int by_id(const void* a, const void* b)
{
  const dv_pair *first = *(const dv_pair*const*)a, *second = *(const dv_pair*const*)b;
  const int order = strcmp(first->id, second->id);
  return order ? order : (first > second) - (first < second); /* among equals the earlier one first */
}

/* *first and *second: the places of two pairs with one id, the earliest such; SIZE_MAX where there are none. */
static dv_status find_duplicate(const dv_manifest* manifest, size_t* first, size_t* second, dv_error* err)
{
  *first = *second = SIZE_MAX;
  if (manifest->count < 2) return DV_OK;
  const dv_pair** sorted = malloc(manifest->count * sizeof *sorted);
  if (!sorted) return dv_fail(err, DV_ERR_NOMEM, "No memory to compare the ids of a manifest");
  for (size_t i = 0; i < manifest->count; ++i) sorted[i] = &manifest->pairs[i];
  qsort(sorted, manifest->count, sizeof *sorted, by_id);
  for (size_t i = 1; i < manifest->count; ++i) {
    const size_t place = (size_t)(sorted[i] - manifest->pairs);
    if (place >= *second || strcmp(sorted[i - 1]->id, sorted[i]->id)) continue;
    *first = (size_t)(sorted[i - 1] - manifest->pairs);
    *second = place;
  }
  free(sorted);
  return DV_OK;
}

/* ---- reading ---- */

static dv_status refuse_line(const char* path, size_t line, dv_error* err, const char* format, ...) DV_PRINTF(4, 5);

static dv_status refuse_line(const char* path, size_t line, dv_error* err, const char* format, ...)
{
  char text[280];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return dv_fail(err, DV_ERR_FORMAT, "%s: line %zu: %s", dv_file_label(path), line, text);
}

/* The folder's part of a path with its slash; "" in the working folder. */
static size_t folder_length(const char* path)
{
  const char* slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) + 1 : 0;
}

/* NULL: no memory. */
static char* usable_path(const char* manifest_path, const char* path)
{
  char* joined = NULL;
  const int folder = path[0] == '/' ? 0 : (int)folder_length(manifest_path);
  return asprintf(&joined, "%.*s%s", folder, manifest_path, path) < 0 ? NULL : joined;
}

/* *text stays NULL where the member is absent and may be. */
static dv_status get_text(const char* path, size_t line, const json_t* object, const char* name, bool needed,
                          const char** text, dv_error* err)
{
  const json_t* value = json_object_get(object, name);
  *text = NULL;
  if (!value && !needed) return DV_OK;
  if (!value)
    return refuse_line(path, line, err, "has no \"%s\"; write {\"id\": NAME, \"dry\": FILE, \"wet\": FILE}", name);
  if (!json_is_string(value)) return refuse_line(path, line, err, "\"%s\" must be text in double quotes", name);
  *text = json_string_value(value);
  if (needed && !**text) return refuse_line(path, line, err, "\"%s\" is empty", name);
  return DV_OK;
}

static dv_status get_flag(const char* path, size_t line, const json_t* object, const char* name, bool* flag,
                          dv_error* err)
{
  const json_t* value = json_object_get(object, name);
  *flag = json_is_true(value);
  if (!value || json_is_boolean(value)) return DV_OK;
  return refuse_line(path, line, err, "\"%s\" must be true or false", name);
}

static dv_status add_resolved(const char* path, const pair_text* text, dv_manifest* manifest, dv_error* err)
{
  char* dry = usable_path(path, text->dry);
  char* wet = usable_path(path, text->wet);
  char* truth = text->truth ? usable_path(path, text->truth) : NULL;
  const pair_text resolved = {text->id, dry, wet, text->why, truth, text->has_bleed};
  const bool complete = dry && wet && (truth || !text->truth);
  const dv_status status = complete ? add_copy(manifest, &resolved, err)
                                    : dv_fail(err, DV_ERR_NOMEM, "%s: no memory to read it", dv_file_label(path));
  free(dry);
  free(wet);
  free(truth);
  return status;
}

static dv_status read_object(const char* path, size_t line, const json_t* object, dv_manifest* manifest, dv_error* err)
{
  pair_text text = {0};
  if (!json_is_object(object)) return refuse_line(path, line, err, "is not a JSON object: {\"id\": ...}");
  dv_status status = get_text(path, line, object, "id", true, &text.id, err);
  if (!status && !dv_manifest_id_is_valid(text.id))
    status = refuse_line(path, line, err,
                         "the id '%.60s' cannot name a folder: use 1 to %d of A-Z a-z 0-9 . _ - and no dot in front",
                         text.id, (int)DV_MANIFEST_MAX_ID);
  if (!status) status = get_text(path, line, object, "dry", true, &text.dry, err);
  if (!status) status = get_text(path, line, object, "wet", true, &text.wet, err);
  if (!status) status = get_text(path, line, object, "why", false, &text.why, err);
  if (!status) status = get_text(path, line, object, "truth", false, &text.truth, err);
  if (!status) status = get_flag(path, line, object, "has_bleed", &text.has_bleed, err);
  return status ? status : add_resolved(path, &text, manifest, err);
}

static dv_status read_line(const char* path, size_t line, const char* text, size_t size, dv_manifest* manifest,
                           dv_error* err)
{
  json_error_t problem;
  json_t* object = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
  if (!object) return refuse_line(path, line, err, "column %d: %.160s", problem.column, problem.text);
  const dv_status status = read_object(path, line, object, manifest, err);
  json_decref(object);
  return status;
}

static dv_status refuse_duplicate(const char* path, const dv_manifest* manifest, const size_t* lines, dv_error* err)
{
  size_t first, second;
  const dv_status status = find_duplicate(manifest, &first, &second, err);
  if (status || second == SIZE_MAX) return status;
  return refuse_line(path, lines[second], err, "the id '%.60s' is line %zu's too; ids must differ",
                     manifest->pairs[second].id, lines[first]);
}

/* lines[i] becomes the line of pair i; it has room for every line. */
static dv_status read_lines(const char* path, const char* data, size_t size, size_t* lines, dv_manifest* manifest,
                            dv_error* err)
{
  dv_status status = DV_OK;
  size_t line = 0;
  for (size_t at = 0; !status && at < size;) {
    const char* end = memchr(data + at, '\n', size - at);
    const size_t length = end ? (size_t)(end - data) - at : size - at;
    ++line;
    if (strspn(data + at, " \t\r") < length) {
      lines[manifest->count] = line;
      status = read_line(path, line, data + at, length, manifest, err);
    }
    at += length + 1;
  }
  if (!status && !manifest->count)
    status = dv_fail(err, DV_ERR_FORMAT, "%s: holds no pairs; diffvox-data scan makes a manifest", dv_file_label(path));
  return status ? status : refuse_duplicate(path, manifest, lines, err);
}

static size_t count_lines(const char* data, size_t size)
{
  size_t count = 1;
  for (size_t i = 0; i < size; ++i) count += data[i] == '\n';
  return count;
}

dv_status dv_manifest_read(const char* path, dv_manifest* manifest, dv_error* err)
{
  char* data;
  size_t size;
  *manifest = (dv_manifest){0};
  dv_status status = dv_file_read(path, MAX_BYTES, &data, &size, err);
  if (status) return status;
  size_t* lines = malloc(count_lines(data, size) * sizeof *lines);
  if (lines) status = read_lines(path, data, size, lines, manifest, err);
  else status = dv_fail(err, DV_ERR_NOMEM, "%s: no memory to read it", dv_file_label(path));
  free(lines);
  free(data);
  if (status) dv_manifest_free(manifest);
  return status;
}

/* ---- writing ---- */

/* The working folder and the manifest's, both without links, each with a slash at its end. */
typedef struct {
  char *working, *target;
} folders;

static char* with_slash(char* folder)
{
  char* result = NULL;
  if (folder && asprintf(&result, "%s%s", folder, strcmp(folder, "/") ? "/" : "") < 0) result = NULL;
  free(folder);
  return result;
}

static dv_status find_folders(const char* path, folders* f, dv_error* err)
{
  char* name = strdup(path);
  *f = (folders){0};
  if (!name) return dv_fail(err, DV_ERR_NOMEM, "%s: no memory to write it", dv_file_label(path));
  name[strcmp(path, "-") ? folder_length(path) : 0] = '\0';
  errno = 0;
  f->working = with_slash(realpath(".", NULL));
  f->target = with_slash(realpath(*name ? name : ".", NULL));
  free(name);
  if (f->working && f->target) return DV_OK;
  const int reason = errno ? errno : ENOMEM;
  free(f->working);
  free(f->target);
  return dv_file_error(err, path, "write", reason);
}

/* Behind any "./". */
static const char* skip_here(const char* path)
{
  while (path[0] == '.' && path[1] == '/')
    for (path += 2; *path == '/';) ++path;
  return path;
}

/* The working folder holds no links, so a leading ".." may be taken off together with its last part; one further
   inside may follow a link and stays.  NULL: no memory. */
static char* absolute_path(const char* working, const char* path)
{
  char* joined = NULL;
  size_t kept = strlen(working);
  path = skip_here(path);
  while (!strncmp(path, "../", 3)) {
    while (kept > 1 && working[kept - 2] != '/') --kept;
    if (kept > 1) --kept;
    for (path += 2; *path == '/';) ++path;
    path = skip_here(path);
  }
  return asprintf(&joined, "%.*s%s", (int)kept, working, path) < 0 ? NULL : joined;
}

/* What leads from the target's folder to the path.  NULL: no memory. */
static char* relative_path(const folders* f, const char* path)
{
  char* absolute = path[0] == '/' ? strdup(path) : absolute_path(f->working, path);
  if (!absolute) return NULL;
  size_t common = 0, up = 0;
  for (size_t i = 0; f->target[i] && f->target[i] == absolute[i]; ++i)
    if (f->target[i] == '/') common = i + 1;
  for (const char* c = f->target + common; *c; ++c) up += *c == '/';
  if (path[0] == '/' && up) return absolute;
  const size_t rest = strlen(absolute + common);
  char* relative = malloc(3 * up + rest + 1);
  if (relative) {
    for (size_t i = 0; i < up; ++i) memcpy(relative + 3 * i, "../", 3);
    memcpy(relative + 3 * up, absolute + common, rest + 1);
  }
  free(absolute);
  return relative;
}

static dv_status set_path(json_t* object, const folders* f, const char* name, const char* path, dv_error* err)
{
  char* relative = relative_path(f, path);
  json_t* text = relative ? json_string(relative) : NULL;
  const bool no_memory = !relative;
  free(relative);
  if (no_memory) return dv_fail(err, DV_ERR_NOMEM, "%s: no memory for the name", dv_file_label(path));
  if (!text)
    return dv_fail(err, DV_ERR_ARG, "%s: its name is not UTF-8, so a manifest cannot hold it; rename it",
                   dv_file_label(path));
  return json_object_set_new(object, name, text) ? dv_fail(err, DV_ERR_NOMEM, "No memory to write a manifest") : DV_OK;
}

static dv_status print_pair(FILE* out, const folders* f, const dv_pair* pair, dv_error* err)
{
  json_t* object = json_object();
  int failed = json_object_set_new(object, "id", json_string(pair->id));
  dv_status status = set_path(object, f, "dry", pair->dry, err);
  if (!status) status = set_path(object, f, "wet", pair->wet, err);
  if (pair->why && *pair->why) failed |= json_object_set_new(object, "why", json_string(pair->why));
  if (pair->has_bleed) failed |= json_object_set_new(object, "has_bleed", json_true());
  if (!status && pair->truth) status = set_path(object, f, "truth", pair->truth, err);
  if (!status && (failed || json_dumpf(object, out, JSON_PRESERVE_ORDER) || putc('\n', out) == EOF))
    status = dv_fail(err, DV_ERR_NOMEM, "No memory to write pair '%.80s'", pair->id);
  json_decref(object);
  return status;
}

static dv_status check_ids(const dv_manifest* manifest, dv_error* err)
{
  size_t first, second;
  for (size_t i = 0; i < manifest->count; ++i)
    if (!dv_manifest_id_is_valid(manifest->pairs[i].id))
      return dv_fail(err, DV_ERR_ARG, "The id '%.80s' cannot name a folder: use 1 to %d of A-Z a-z 0-9 . _ -",
                     manifest->pairs[i].id, (int)DV_MANIFEST_MAX_ID);
  const dv_status status = find_duplicate(manifest, &first, &second, err);
  if (status || second == SIZE_MAX) return status;
  return dv_fail(err, DV_ERR_ARG, "The id '%.80s' is given to two pairs; ids must differ", manifest->pairs[second].id);
}

static dv_status write_text(const char* path, const char* text, size_t size, dv_error* err)
{
  if (strcmp(path, "-")) return dv_file_write(path, text, size, err);
  if (fwrite(text, 1, size, stdout) == size && !fflush(stdout)) return DV_OK;
  return dv_file_error(err, "standard output", "write", errno);
}

dv_status dv_manifest_write(const char* path, const dv_manifest* manifest, dv_error* err)
{
  folders f;
  char* text = NULL;
  size_t size = 0;
  dv_status status = check_ids(manifest, err);
  if (!status) status = find_folders(path, &f, err);
  if (status) return status;
  FILE* out = open_memstream(&text, &size);
  if (!out) status = dv_fail(err, DV_ERR_NOMEM, "%s: no memory to write it", dv_file_label(path));
  for (size_t i = 0; !status && i < manifest->count; ++i) status = print_pair(out, &f, &manifest->pairs[i], err);
  if (out && fclose(out) && !status)
    status = dv_fail(err, DV_ERR_NOMEM, "%s: no memory to write it", dv_file_label(path));
  if (!status) status = write_text(path, text, size, err);
  free(text);
  free(f.working);
  free(f.target);
  return status;
}
