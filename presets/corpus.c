/* SPDX-License-Identifier: MIT */
#include "presets/corpus.h"
#include "datasets/file.h"
#include "presets/names.h"

#include <dirent.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LOG_DAMP = DV_PRESET_SIZE, TRACKS_MAX_BYTES = 1 << 20 };

/* DIR/NAME; false when that is longer than a path may be. */
static bool join(char path[PATH_MAX], const char* dir, const char* name)
{
  const int length = snprintf(path, PATH_MAX, "%s/%s", dir, name);
  return length > 0 && length < PATH_MAX;
}

static bool ends_with(const char* text, const char* end)
{
  const size_t a = strlen(text), b = strlen(end);
  return a >= b && !strcmp(text + a - b, end);
}

/* --- Rows of raw parameters ------------------------------------------------------------------------------ */

static dv_status check_rows(dv_npy* rows, const char* path, dv_error* err)
{
  if (rows->ndim == 1) {
    rows->shape[1] = rows->shape[0];
    rows->shape[0] = 1;
    rows->ndim = 2;
  }
  const bool fits =
    rows->ndim == 2 && rows->shape[0] > 0 && (rows->shape[1] == DV_PRESET_SIZE || rows->shape[1] == DV_PARAM_COUNT);
  if (!fits || (rows->type != DV_NPY_F4 && rows->type != DV_NPY_F8))
    return dv_fail(err, DV_ERR_FORMAT,
                   "%s: is not an array of raw parameters: rows of 151 or 152 floating-point numbers",
                   dv_file_label(path));
  for (size_t i = 0; i < rows->count; ++i)
    if (!isfinite(rows->data[i]))
      return dv_fail(err, DV_ERR_FORMAT, "%s: row %zu, column %zu is not a finite number", dv_file_label(path),
                     i / rows->shape[1], i % rows->shape[1]);
  return DV_OK;
}

dv_status dv_corpus_read(const char* path, dv_npy* rows, dv_error* err)
{
  dv_status status = dv_npy_read(path, rows, err);
  if (!status) status = check_rows(rows, path, err);
  if (status) dv_npy_free(rows);
  return status;
}

dv_status dv_corpus_row(const dv_npy* rows, size_t row, const char* name, dv_chain_params* params, dv_error* err)
{
  const size_t columns = rows->shape[1];
  if (row >= rows->shape[0])
    return dv_fail(err, DV_ERR_ARG, "%s: has no row %zu; its rows are 0 to %zu", dv_file_label(name), row,
                   rows->shape[0] - 1);
  double raw[DV_PARAM_COUNT] = {0};
  memcpy(raw, rows->data + row * columns, columns * sizeof *raw);
  dv_params_from_raw(raw, params);
  if (columns == DV_PRESET_SIZE) params->log_damp = dv_parameter_at(LOG_DAMP)->initial;
  dv_error inner;
  const dv_status status = dv_params_check(params, &inner);
  if (!status) return DV_OK;
  return dv_fail(err, status, "%s: row %zu: %.250s", dv_file_label(name), row, inner.text);
}

static bool parse_row(const char* text, size_t* row)
{
  const size_t digits = strspn(text, "0123456789");
  if (!digits || text[digits] || digits > 9) return false;
  *row = (size_t)strtoul(text, NULL, 10);
  return true;
}

static dv_status load_row(const char* path, size_t row, dv_preset* preset, dv_error* err)
{
  dv_npy rows;
  dv_status status = dv_corpus_read(path, &rows, err);
  if (status) return status;
  dv_preset_init(preset);
  status = dv_corpus_row(&rows, row, path, &preset->params, err);
  dv_npy_free(&rows);
  return status;
}

static void name_after(dv_preset* preset, const char* name, const char* source)
{
  dv_preset_set_text(preset->name, sizeof preset->name, name);
  dv_preset_note_text(preset, "source", source);
}

/* FILE.npy:ROW or FILE.npy */
static dv_status resolve_npy(const char* spec, dv_preset* preset, dv_error* err)
{
  char path[PATH_MAX];
  size_t row = 0;
  if (snprintf(path, sizeof path, "%s", spec) >= PATH_MAX)
    return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(spec));
  if (!ends_with(spec, ".npy")) {
    char* colon = strrchr(path, ':');
    *colon = '\0';
    if (!parse_row(colon + 1, &row))
      return dv_fail(err, DV_ERR_ARG, "%s: '%.40s' is not a row; write FILE.npy:ROW, rows count from 0",
                     dv_file_label(path), colon + 1);
  }
  const dv_status status = load_row(path, row, preset, err);
  const char* slash = strrchr(spec, '/');
  if (!status) name_after(preset, slash ? slash + 1 : spec, dv_file_label(spec));
  return status;
}

/* --- The published corpora ------------------------------------------------------------------------------- */

typedef struct {
  const char* name;   /* "medleydb" */
  const char* tracks; /* file with the names of the rows, or NULL */
} corpus;
static const corpus corpora[] = {{"medleydb", "medleydb/tracks.json"}, {"internal", NULL}};
enum { CORPORA = sizeof corpora / sizeof *corpora };

static const char* corpora_folder(const char* corpora_dir)
{
  return corpora_dir ? corpora_dir : getenv("DIFFVOX_CORPORA");
}

/* An array with one object per row, each with "track", "dry" and "wet". */
static dv_status load_tracks(const char* dir, const corpus* c, json_t** tracks, dv_error* err)
{
  char path[PATH_MAX];
  char* text = NULL;
  size_t size = 0;
  json_error_t error;
  *tracks = NULL;
  if (!join(path, dir, c->tracks)) return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(dir));
  const dv_status status = dv_file_read(path, TRACKS_MAX_BYTES, &text, &size, err);
  if (status) return status;
  *tracks = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
  free(text);
  if (*tracks && json_is_array(*tracks)) return DV_OK;
  json_decref(*tracks);
  return dv_fail(err, DV_ERR_FORMAT, "%s: is not a JSON list of tracks", dv_file_label(path));
}

/* "" where an entry lacks the key. */
static const char* entry_text(const json_t* entry, const char* key)
{
  const char* text = json_string_value(json_object_get(entry, key));
  return text ? text : "";
}

/* Entries say which row they belong to. */
static bool entry_row(const json_t* entry, size_t* row)
{
  const json_t* node = json_object_get(entry, "row");
  *row = json_is_integer(node) && json_integer_value(node) >= 0 ? (size_t)json_integer_value(node) : SIZE_MAX;
  return *row != SIZE_MAX;
}

static bool entry_matches(const json_t* entry, const char* name)
{
  static const char* const keys[] = {"track", "dry", "wet"};
  for (size_t k = 0; k < sizeof keys / sizeof *keys; ++k) {
    const char* text = entry_text(entry, keys[k]);
    const size_t stem = ends_with(text, ".wav") ? strlen(text) - strlen(".wav") : strlen(text);
    if (!strcasecmp(text, name) || (strlen(name) == stem && !strncasecmp(text, name, stem))) return true;
  }
  return false;
}

static dv_status find_track(json_t* tracks, const char* name, size_t* row, dv_error* err)
{
  char found[128] = "";
  size_t matches = 0, index;
  json_t* entry;
  dv_nearest_name nearest = {.name = name};
  json_array_foreach(tracks, index, entry)
  {
    size_t candidate;
    if (!entry_row(entry, &candidate)) continue;
    dv_nearest_name_offer(&nearest, entry_text(entry, "track"));
    if (!entry_matches(entry, name)) continue;
    const size_t used = strlen(found);
    snprintf(found + used, sizeof found - used, "%s%zu", matches ? ", " : "", candidate);
    *row = candidate;
    ++matches;
  }
  if (matches == 1) return DV_OK;
  if (matches > 1)
    return dv_fail(err, DV_ERR_ARG, "The track '%.80s' has more than one row: %s; give one of them", name, found);
  if (nearest.best && *nearest.best)
    return dv_fail(err, DV_ERR_ARG, "No track '%.80s' in this corpus; did you mean '%.80s'?", name, nearest.best);
  return dv_fail(err, DV_ERR_ARG, "No track '%.80s' in this corpus; --list shows them", name);
}

static json_t* entry_of_row(json_t* tracks, size_t row)
{
  size_t index, candidate;
  json_t* entry;
  json_array_foreach(tracks, index, entry) if (entry_row(entry, &candidate) && candidate == row) return entry;
  return NULL;
}

static dv_status load_corpus_row(const char* dir, const corpus* c, const char* which, json_t* tracks, dv_preset* preset,
                                 dv_error* err)
{
  char file[64], path[PATH_MAX], name[160];
  size_t row = 0;
  dv_status status = DV_OK;
  if (!parse_row(which, &row))
    status = tracks
               ? find_track(tracks, which, &row, err)
               : dv_fail(err, DV_ERR_ARG, "'%.80s' is not a row; the presets of '%s' have no names", which, c->name);
  if (status) return status;
  snprintf(file, sizeof file, "%s/raw_params.npy", c->name);
  if (!join(path, dir, file)) return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(dir));
  status = load_row(path, row, preset, err);
  if (status) return status;
  snprintf(name, sizeof name, "%s:%zu", c->name, row);
  const json_t* entry = entry_of_row(tracks, row);
  name_after(preset, name, name);
  if (!entry) return DV_OK;
  snprintf(name, sizeof name, "%s:%zu %.100s", c->name, row, entry_text(entry, "track"));
  dv_preset_set_text(preset->name, sizeof preset->name, name);
  dv_preset_note_text(preset, "track", entry_text(entry, "track"));
  dv_preset_note_text(preset, "dry", entry_text(entry, "dry"));
  dv_preset_note_text(preset, "wet", entry_text(entry, "wet"));
  return DV_OK;
}

static dv_status resolve_corpus(const corpus* c, const char* which, const char* corpora_dir, dv_preset* preset,
                                dv_error* err)
{
  const char* dir = corpora_folder(corpora_dir);
  if (!dir)
    return dv_fail(err, DV_ERR_ARG,
                   "'%s:%.80s' needs the published corpora; give their folder with --corpora or DIFFVOX_CORPORA "
                   "(docs/formats.md tells where to get them)",
                   c->name, which);
  json_t* tracks = NULL;
  dv_status status = c->tracks ? load_tracks(dir, c, &tracks, err) : DV_OK;
  if (!status) status = load_corpus_row(dir, c, which, tracks, preset, err);
  json_decref(tracks);
  return status;
}

/* --- Factory presets -------------------------------------------------------------------------------------- */

typedef struct {
  char* name; /* of the file, without its extension; owned */
  const char* dir;
} factory_entry;

typedef struct {
  factory_entry* entries; /* sorted by name; a folder that comes first hides the same name in a later one */
  size_t count;
} factory_list;

static void free_factory(factory_list* list)
{
  for (size_t i = 0; i < list->count; ++i) free(list->entries[i].name);
  free(list->entries);
}

/* Plain byte order: the same in every locale. */
static int by_name(const void* a, const void* b)
{
  return strcmp(((const factory_entry*)a)->name, ((const factory_entry*)b)->name);
}

static bool add_factory_entry(factory_list* list, const char* dir, const char* file)
{
  const size_t length = strlen(file) - strlen(".json");
  for (size_t i = 0; i < list->count; ++i)
    if (strlen(list->entries[i].name) == length && !strncmp(list->entries[i].name, file, length)) return true;
  factory_entry* entries = realloc(list->entries, (list->count + 1) * sizeof *entries);
  if (!entries) return false;
  list->entries = entries;
  entries[list->count] = (factory_entry){strndup(file, length), dir};
  if (!entries[list->count].name) return false;
  ++list->count;
  return true;
}

/* A folder that is not there holds nothing. */
static bool add_factory_folder(factory_list* list, const char* dir)
{
  DIR* stream = opendir(dir);
  bool complete = true;
  const struct dirent* entry;
  while (stream && complete && (entry = readdir(stream)))
    if (entry->d_name[0] != '.' && ends_with(entry->d_name, ".json"))
      complete = add_factory_entry(list, dir, entry->d_name);
  if (stream) closedir(stream);
  return complete;
}

static dv_status find_factory(factory_list* list, dv_error* err)
{
  const char* const folders[] = {
    getenv("DIFFVOX_PRESETS"),
    DV_PRESET_DIR,
#ifdef DV_PRESET_SOURCE_DIR
    DV_PRESET_SOURCE_DIR,
#endif
  };
  *list = (factory_list){0};
  bool complete = true;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; ++i)
    if (folders[i] && complete) complete = add_factory_folder(list, folders[i]);
  if (complete) {
    if (list->count) qsort(list->entries, list->count, sizeof *list->entries, by_name);
    return DV_OK;
  }
  free_factory(list);
  return dv_fail(err, DV_ERR_NOMEM, "No memory to list the factory presets");
}

static dv_status read_factory(const factory_entry* entry, dv_preset* preset, dv_error* err)
{
  char path[PATH_MAX];
  const int length = snprintf(path, sizeof path, "%s/%s.json", entry->dir, entry->name);
  if (length < 0 || length >= PATH_MAX)
    return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(entry->dir));
  return dv_preset_read(path, preset, err);
}

static dv_status pick_factory(const factory_list* list, const char* spec, dv_preset* preset, dv_error* err)
{
  dv_nearest_name nearest = {.name = spec};
  for (size_t i = 0; i < list->count; ++i) {
    if (!strcasecmp(list->entries[i].name, spec)) return read_factory(&list->entries[i], preset, err);
    dv_nearest_name_offer(&nearest, list->entries[i].name);
  }
  if (!list->count)
    return dv_fail(err, DV_ERR_ARG,
                   "No preset '%.80s': no such file, and no factory presets in %.200s; set DIFFVOX_PRESETS", spec,
                   DV_PRESET_DIR);
  if (nearest.best)
    return dv_fail(err, DV_ERR_ARG, "No preset '%.80s': no such file or factory preset; did you mean '%.80s'?", spec,
                   nearest.best);
  return dv_fail(err, DV_ERR_ARG, "No preset '%.80s': no such file or factory preset; --list shows all names", spec);
}

static dv_status resolve_factory(const char* spec, dv_preset* preset, dv_error* err)
{
  factory_list list;
  dv_status status = find_factory(&list, err);
  if (status) return status;
  status = pick_factory(&list, spec, preset, err);
  free_factory(&list);
  return status;
}

/* --- All of them ------------------------------------------------------------------------------------------- */

/* "medleydb:..." -> the corpus, *which behind the colon. */
static const corpus* find_corpus(const char* spec, const char** which)
{
  for (size_t i = 0; i < CORPORA; ++i) {
    const size_t length = strlen(corpora[i].name);
    if (strncmp(spec, corpora[i].name, length) || spec[length] != ':') continue;
    *which = spec + length + 1;
    return &corpora[i];
  }
  return NULL;
}

dv_status dv_preset_resolve(const char* spec, const char* corpora_dir, dv_preset* preset, dv_error* err)
{
  struct stat st;
  char path[PATH_MAX];
  const char* which;
  const corpus* c = find_corpus(spec, &which);
  if (c) return resolve_corpus(c, which, corpora_dir, preset, err);
  if (ends_with(spec, ".npy") || strstr(spec, ".npy:")) return resolve_npy(spec, preset, err);
  const bool exists = *spec && !stat(spec, &st);
  if (exists && S_ISDIR(st.st_mode) && join(path, spec, "preset.json")) return dv_preset_read(path, preset, err);
  if (exists || ends_with(spec, ".json") || strchr(spec, '/')) return dv_preset_read(spec, preset, err);
  return resolve_factory(spec, preset, err);
}

static dv_status list_factory(dv_preset_visit visit, void* context, dv_error* err)
{
  factory_list list;
  dv_status status = find_factory(&list, err);
  if (status) return status;
  for (size_t i = 0; i < list.count && !status; ++i) {
    dv_preset preset;
    status = read_factory(&list.entries[i], &preset, err);
    if (!status) visit(context, list.entries[i].name, preset.comment);
  }
  free_factory(&list);
  return status;
}

static dv_status list_corpus(const char* dir, const corpus* c, dv_preset_visit visit, void* context, dv_error* err)
{
  char file[64], path[PATH_MAX], spec[64];
  dv_npy rows;
  json_t* tracks = NULL;
  snprintf(file, sizeof file, "%s/raw_params.npy", c->name);
  if (!join(path, dir, file)) return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(dir));
  dv_status status = dv_corpus_read(path, &rows, err);
  if (status) return status;
  if (c->tracks) status = load_tracks(dir, c, &tracks, err);
  for (size_t row = 0; !status && row < rows.shape[0]; ++row) {
    const json_t* entry = entry_of_row(tracks, row);
    snprintf(spec, sizeof spec, "%s:%zu", c->name, row);
    visit(context, spec, entry_text(entry, "track"));
  }
  json_decref(tracks);
  dv_npy_free(&rows);
  return status;
}

dv_status dv_preset_list(const char* corpora_dir, dv_preset_visit visit, void* context, dv_error* err)
{
  const char* dir = corpora_folder(corpora_dir);
  dv_status status = list_factory(visit, context, err);
  for (size_t i = 0; i < CORPORA && dir && !status; ++i) status = list_corpus(dir, &corpora[i], visit, context, err);
  return status;
}
