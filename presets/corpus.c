/* SPDX-License-Identifier: MIT */
#include "presets/corpus.h"
#include "datasets/file.h"
#include "presets/folders.h"
#include "presets/names.h"
#include "presets/tracks.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOG_DAMP = DV_PRESET_SIZE };

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

static const char* const corpora[] = {"medleydb", "internal"};
enum { CORPORA = sizeof corpora / sizeof *corpora };

static const char* corpora_folder(const char* corpora_dir)
{
  return corpora_dir ? corpora_dir : getenv("DIFFVOX_CORPORA");
}

/* The rows' file of a corpus, and its tracks. */
static dv_status open_corpus(const char* dir, const char* name, char rows_path[PATH_MAX], dv_tracks* tracks,
                             dv_error* err)
{
  char folder[PATH_MAX];
  *tracks = (dv_tracks){0};
  if (!dv_path_join(folder, dir, name) || !dv_path_join(rows_path, folder, "raw_params.npy"))
    return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(dir));
  if (access(rows_path, R_OK)) return dv_file_error(err, rows_path, "read", errno);
  return dv_tracks_read(folder, tracks, err);
}

static void name_row(dv_preset* preset, const char* corpus, size_t row, const dv_track* track)
{
  char source[64], name[160];
  snprintf(source, sizeof source, "%s:%zu", corpus, row);
  snprintf(name, sizeof name, "%s%s%s", source, track ? " " : "", track ? track->track : "");
  name_after(preset, name, source);
  if (!track) return;
  dv_preset_note_text(preset, "track", track->track);
  dv_preset_note_text(preset, "dry", track->dry);
  dv_preset_note_text(preset, "wet", track->wet);
}

static dv_status resolve_corpus(const char* corpus, const char* which, const char* corpora_dir, dv_preset* preset,
                                dv_error* err)
{
  const char* dir = corpora_folder(corpora_dir);
  if (!dir)
    return dv_fail(err, DV_ERR_ARG,
                   "'%s:%.80s' needs the published corpora; give their folder with --corpora or DIFFVOX_CORPORA "
                   "(docs/formats.md tells where to get them)",
                   corpus, which);
  char path[PATH_MAX];
  dv_tracks tracks;
  size_t row = 0;
  dv_status status = open_corpus(dir, corpus, path, &tracks, err);
  if (!status && !parse_row(which, &row)) status = dv_tracks_find(&tracks, which, &row, err);
  if (!status) status = load_row(path, row, preset, err);
  if (!status) name_row(preset, corpus, row, dv_tracks_at(&tracks, row));
  dv_tracks_free(&tracks);
  return status;
}

/* --- Factory presets -------------------------------------------------------------------------------------- */

typedef struct {
  char* name;    /* of the file, without its extension; owned */
  size_t folder; /* dv_preset_folder */
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

static bool add_factory_entry(factory_list* list, size_t folder, const char* file)
{
  const size_t length = strlen(file) - strlen(".json");
  for (size_t i = 0; i < list->count; ++i)
    if (strlen(list->entries[i].name) == length && !strncmp(list->entries[i].name, file, length)) return true;
  factory_entry* entries = realloc(list->entries, (list->count + 1) * sizeof *entries);
  if (!entries) return false;
  list->entries = entries;
  entries[list->count] = (factory_entry){strndup(file, length), folder};
  if (!entries[list->count].name) return false;
  ++list->count;
  return true;
}

/* A folder that is not there holds nothing. */
static bool add_factory_folder(factory_list* list, size_t folder)
{
  char dir[PATH_MAX];
  DIR* stream = dv_preset_folder(folder, dir) ? opendir(dir) : NULL;
  bool complete = true;
  const struct dirent* entry;
  while (stream && complete && (entry = readdir(stream)))
    if (entry->d_name[0] != '.' && ends_with(entry->d_name, ".json"))
      complete = add_factory_entry(list, folder, entry->d_name);
  if (stream) closedir(stream);
  return complete;
}

static dv_status find_factory(factory_list* list, dv_error* err)
{
  bool complete = true;
  list->entries = NULL;
  list->count = 0;
  for (size_t i = 0; complete && i < DV_PRESET_FOLDERS; ++i) complete = add_factory_folder(list, i);
  if (complete) {
    if (list->count) qsort(list->entries, list->count, sizeof *list->entries, by_name);
    return DV_OK;
  }
  free_factory(list);
  return dv_fail(err, DV_ERR_NOMEM, "No memory to list the factory presets");
}

static dv_status read_factory(const factory_entry* entry, dv_preset* preset, dv_error* err)
{
  char dir[PATH_MAX], file[NAME_MAX + 1], path[PATH_MAX];
  snprintf(file, sizeof file, "%s.json", entry->name);
  if (!dv_preset_folder(entry->folder, dir) || !dv_path_join(path, dir, file))
    return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", file);
  return dv_preset_read(path, preset, err);
}

static dv_status pick_factory(const factory_list* list, const char* spec, dv_preset* preset, dv_error* err)
{
  dv_nearest_name nearest = {.name = spec};
  for (size_t i = 0; i < list->count; ++i) {
    if (!strcasecmp(list->entries[i].name, spec)) return read_factory(&list->entries[i], preset, err);
    dv_nearest_name_offer(&nearest, list->entries[i].name);
  }
  char dir[PATH_MAX];
  if (!list->count && dv_preset_folder(DV_PRESET_FOLDER_INSTALLED, dir))
    return dv_fail(err, DV_ERR_ARG,
                   "No preset '%.80s': no such file, and no factory presets in %.200s; set DIFFVOX_PRESETS", spec, dir);
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
static const char* find_corpus(const char* spec, const char** which)
{
  for (size_t i = 0; i < CORPORA; ++i) {
    const size_t length = strlen(corpora[i]);
    if (strncmp(spec, corpora[i], length) || spec[length] != ':') continue;
    *which = spec + length + 1;
    return corpora[i];
  }
  return NULL;
}

dv_status dv_preset_resolve(const char* spec, const char* corpora_dir, dv_preset* preset, dv_error* err)
{
  struct stat st;
  char path[PATH_MAX];
  const char* which;
  const char* corpus = find_corpus(spec, &which);
  if (corpus) return resolve_corpus(corpus, which, corpora_dir, preset, err);
  if (ends_with(spec, ".npy") || strstr(spec, ".npy:")) return resolve_npy(spec, preset, err);
  const bool exists = *spec && !stat(spec, &st);
  if (exists && S_ISDIR(st.st_mode) && dv_path_join(path, spec, "preset.json"))
    return dv_preset_read(path, preset, err);
  if (exists || ends_with(spec, ".json") || strchr(spec, '/')) return dv_preset_read(spec, preset, err);
  return resolve_factory(spec, preset, err);
}

static dv_status list_factory(dv_preset_visit visit, void* context, dv_error* err)
{
  factory_list list;
  const dv_status status = find_factory(&list, err);
  if (status) return status;
  for (size_t i = 0; i < list.count; ++i) {
    dv_preset preset;
    dv_error problem;
    const bool bad = read_factory(&list.entries[i], &preset, &problem);
    visit(context, list.entries[i].name, bad ? problem.text : preset.comment);
  }
  free_factory(&list);
  return DV_OK;
}

static dv_status list_corpus(const char* dir, const char* corpus, dv_preset_visit visit, void* context, dv_error* err)
{
  char path[PATH_MAX], spec[64];
  dv_tracks tracks;
  dv_npy rows = {0};
  dv_status status = open_corpus(dir, corpus, path, &tracks, err);
  if (!status) status = dv_corpus_read(path, &rows, err);
  for (size_t row = 0; !status && row < rows.shape[0]; ++row) {
    const dv_track* track = dv_tracks_at(&tracks, row);
    snprintf(spec, sizeof spec, "%s:%zu", corpus, row);
    visit(context, spec, track ? track->track : "");
  }
  dv_tracks_free(&tracks);
  dv_npy_free(&rows);
  return status;
}

static bool corpus_is_there(const char* dir, const char* corpus)
{
  char folder[PATH_MAX], path[PATH_MAX];
  return dv_path_join(folder, dir, corpus) && dv_path_join(path, folder, "raw_params.npy") && access(path, F_OK) == 0;
}

dv_status dv_preset_list(const char* corpora_dir, dv_preset_visit visit, void* context, dv_error* err)
{
  const char* dir = corpora_folder(corpora_dir);
  dv_status status = list_factory(visit, context, err);
  size_t there = 0;
  for (size_t i = 0; i < CORPORA && dir; ++i) there += corpus_is_there(dir, corpora[i]);
  for (size_t i = 0; i < CORPORA && dir && !status; ++i) /* one of them is enough */
    if (there == 0 || corpus_is_there(dir, corpora[i])) status = list_corpus(dir, corpora[i], visit, context, err);
  return status;
}
