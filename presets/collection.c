/* SPDX-License-Identifier: MIT */
#include "presets/collection.h"
#include "datasets/file.h"
#include "presets/columns.h"
#include "presets/corpus.h"
#include "presets/draw.h"
#include "presets/folders.h"
#include "presets/tracks.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIZE = DV_EFFECTIVE_COUNT };

void dv_collection_free(dv_collection* c)
{
  free(c->effective);
  free(c->entries);
  *c = (dv_collection){0};
}

static bool is_folder(const char* path)
{
  struct stat st;
  return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static bool is_file(const char* path)
{
  struct stat st;
  return !stat(path, &st) && S_ISREG(st.st_mode);
}

static dv_status reserve(dv_collection* c, size_t count, dv_error* err)
{
  c->effective = malloc(count * SIZE * sizeof *c->effective);
  c->entries = calloc(count, sizeof *c->entries);
  if (c->effective && c->entries) return DV_OK;
  return dv_fail(err, DV_ERR_NOMEM, "No memory for %zu presets", count);
}

/* --- Rows of raw parameters --------------------------------------------------------------------------------- */

static void folder_of(const char* path, char folder[PATH_MAX])
{
  const char* slash = strrchr(path, '/');
  snprintf(folder, PATH_MAX, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
  if (slash == path) snprintf(folder, PATH_MAX, "/");
}

/* The rows to take: those of the index file, where there is one. */
static dv_status read_index(const char* path, size_t rows, size_t** index, size_t* count, dv_error* err)
{
  dv_npy file = {0};
  dv_status status = dv_npy_read(path, &file, err);
  *count = file.count;
  *index = status ? NULL : calloc(file.count + rows, sizeof **index);
  if (!status && !*index) status = dv_fail(err, DV_ERR_NOMEM, "%s: no memory for the index", dv_file_label(path));
  for (size_t i = 0; !status && i < file.count; ++i) {
    const double row = file.data[i];
    if (!(row >= 0.0) || row >= (double)rows || row != floor(row))
      status = dv_fail(err, DV_ERR_ARG, "%s: names row %g; the rows are 0 to %zu", dv_file_label(path), row, rows - 1);
    else if ((*index)[file.count + (size_t)row]++)
      status = dv_fail(err, DV_ERR_ARG, "%s: names row %g twice", dv_file_label(path), row);
    else (*index)[i] = (size_t)row;
  }
  if (!status && !file.count) status = dv_fail(err, DV_ERR_ARG, "%s: names no rows", dv_file_label(path));
  dv_npy_free(&file);
  if (status) {
    free(*index);
    *index = NULL;
  }
  return status;
}

static void take_row(dv_collection* c, size_t i, const dv_npy* rows, size_t row, const dv_track* track)
{
  double raw[DV_PARAM_COUNT] = {0};
  memcpy(raw, rows->data + row * rows->shape[1], rows->shape[1] * sizeof *raw);
  dv_effective_from_raw(raw, c->effective + i * SIZE);
  c->entries[i] = (dv_collection_entry){.row = row, .loss = (double)NAN};
  if (track) snprintf(c->entries[i].name, sizeof c->entries[i].name, "%s", track->track);
  else snprintf(c->entries[i].name, sizeof c->entries[i].name, "row %zu", row);
}

static dv_status load_rows(const char* path, const dv_collection_options* options, dv_collection* c, dv_error* err)
{
  char folder[PATH_MAX], index_path[PATH_MAX];
  dv_npy rows = {0};
  dv_tracks tracks = {0};
  size_t* index = NULL;
  dv_status status = dv_corpus_read(path, &rows, err);
  if (status) return status;
  folder_of(path, folder);
  c->kind = DV_COLLECTION_ROWS;
  c->count = c->rows_in_file = rows.shape[0];
  if (!options->all_rows && dv_path_join(index_path, folder, "train_index.npy") && is_file(index_path))
    status = read_index(index_path, rows.shape[0], &index, &c->count, err);
  if (!status) status = dv_tracks_read(folder, &tracks, err);
  if (!status) status = reserve(c, c->count, err);
  for (size_t i = 0; !status && i < c->count; ++i) {
    const size_t row = index ? index[i] : i;
    take_row(c, i, &rows, row, dv_tracks_at(&tracks, row));
  }
  free(index);
  dv_tracks_free(&tracks);
  dv_npy_free(&rows);
  return status;
}

/* --- Folders of presets ------------------------------------------------------------------------------------- */

typedef struct {
  char** names; /* of preset files, or of the folders that hold a preset.json; owned */
  size_t count, capacity;
} name_list;

static void free_names(name_list* list)
{
  for (size_t i = 0; i < list->count; ++i) free(list->names[i]);
  free(list->names);
}

static bool add_name(name_list* list, const char* name)
{
  if (list->count == list->capacity) {
    const size_t capacity = list->capacity ? 2 * list->capacity : 64;
    char** names = realloc(list->names, capacity * sizeof *names);
    if (!names) return false;
    list->names = names;
    list->capacity = capacity;
  }
  list->names[list->count] = strdup(name);
  return list->names[list->count] && ++list->count;
}

static int by_name(const void* a, const void* b) { return strcmp(*(char* const*)a, *(char* const*)b); }

/* True for valid JSON that does not claim to be a preset, and for what is too large to be one; what is no JSON at all is
   left for the reader to refuse. */
static bool is_other_format(const char* path)
{
  char* text;
  size_t size;
  const dv_status status = dv_file_read(path, DV_PRESET_MAX_BYTES, &text, &size, NULL);
  if (status) return status == DV_ERR_FORMAT;
  json_t* root = json_loadb(text, size, 0, NULL);
  const char* format = json_string_value(json_object_get(root, "format"));
  const bool other = root && (!format || strcmp(format, DV_PRESET_FORMAT) != 0);
  json_decref(root);
  free(text);
  return other;
}

typedef struct {
  name_list files, fits;
  size_t ignored;
} folder_contents;

static bool sort_entry(const char* folder, const char* name, folder_contents* found)
{
  char path[PATH_MAX], inside[PATH_MAX];
  const size_t length = strlen(name);
  if (name[0] == '.' || !dv_path_join(path, folder, name)) return true;
  if (is_folder(path)) {
    if (!dv_path_join(inside, path, "preset.json") || !is_file(inside)) return true;
    return add_name(&found->fits, name);
  }
  if (length < 6 || strcmp(name + length - 5, ".json") != 0) return true;
  if (!is_other_format(path)) return add_name(&found->files, name);
  ++found->ignored;
  return true;
}

static dv_status list_folder(const char* folder, folder_contents* found, dv_error* err)
{
  DIR* stream = opendir(folder);
  if (!stream) return dv_file_error(err, folder, "read", errno);
  bool complete = true;
  const struct dirent* entry;
  while (complete && (entry = readdir(stream))) complete = sort_entry(folder, entry->d_name, found);
  closedir(stream);
  if (!complete) return dv_fail(err, DV_ERR_NOMEM, "%s: no memory to list the presets", dv_file_label(folder));
  if (found->files.count) qsort(found->files.names, found->files.count, sizeof(char*), by_name);
  if (found->fits.count) qsort(found->fits.names, found->fits.count, sizeof(char*), by_name);
  return DV_OK;
}

static dv_status take_preset(dv_collection* c, size_t i, const char* path, const char* name, dv_error* err)
{
  dv_preset preset;
  double raw[DV_PARAM_COUNT];
  dv_status status = dv_preset_read(path, &preset, err);
  if (!status) status = dv_params_to_raw(&preset.params, raw, err);
  if (status) return status;
  dv_effective_from_raw(raw, c->effective + i * SIZE);
  const dv_preset_note* loss = dv_preset_find_note(&preset, "loss");
  c->entries[i] = (dv_collection_entry){.row = i, .loss = loss && loss->is_number ? loss->number : (double)NAN};
  dv_preset_set_text(c->entries[i].name, sizeof c->entries[i].name, name);
  char* extension = strrchr(c->entries[i].name, '.');
  if (extension && !strcmp(extension, ".json")) *extension = '\0';
  return DV_OK;
}

static dv_status load_presets(const char* folder, const folder_contents* found, dv_collection* c, dv_error* err)
{
  const bool fits = found->fits.count > 0;
  const name_list* list = fits ? &found->fits : &found->files;
  c->kind = fits ? DV_COLLECTION_FITS : DV_COLLECTION_PRESETS;
  c->count = c->rows_in_file = list->count;
  dv_status status = reserve(c, c->count, err);
  for (size_t i = 0; !status && i < c->count; ++i) {
    char path[PATH_MAX], file[PATH_MAX];
    snprintf(file, sizeof file, "%s%s", list->names[i], fits ? "/preset.json" : "");
    if (!dv_path_join(path, folder, file))
      status = dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(folder));
    if (!status) status = take_preset(c, i, path, list->names[i], err);
  }
  return status;
}

static dv_status check_kinds(const char* folder, bool rows, const folder_contents* found, dv_error* err)
{
  const char* label = dv_file_label(folder);
  if ((rows || found->fits.count) && found->files.count)
    return dv_fail(err, DV_ERR_ARG, "%s: holds preset files (%s) and %s: two corpora; give each a folder of its own",
                   label, found->files.names[0], rows ? "raw_params.npy" : "folders of fits");
  if (rows && found->fits.count)
    return dv_fail(err, DV_ERR_ARG,
                   "%s: holds raw_params.npy and folders of fits (%s): two corpora; give each a folder of its own",
                   label, found->fits.names[0]);
  if (!rows && !found->files.count && !found->fits.count)
    return dv_fail(err, DV_ERR_ARG, "%s: holds no presets: no raw_params.npy, no NAME.json, no NAME/preset.json",
                   label);
  return DV_OK;
}

static dv_status load_folder(const char* folder, const dv_collection_options* options, dv_collection* c, dv_error* err)
{
  char rows_path[PATH_MAX];
  folder_contents found = {0};
  const bool rows = dv_path_join(rows_path, folder, "raw_params.npy") && is_file(rows_path);
  dv_status status = list_folder(folder, &found, err);
  if (!status) status = check_kinds(folder, rows, &found, err);
  if (!status) status = rows ? load_rows(rows_path, options, c, err) : load_presets(folder, &found, c, err);
  if (!rows) c->ignored = found.ignored; /* beside rows they are the names */
  free_names(&found.files);
  free_names(&found.fits);
  return status;
}

/* --- All of them -------------------------------------------------------------------------------------------- */

/* The last part of the path; of FOLDER/raw_params.npy the folder's. */
static void set_label(dv_collection* c, const char* path)
{
  char text[PATH_MAX];
  snprintf(text, sizeof text, "%s", path);
  size_t length = strlen(text);
  while (length > 1 && text[length - 1] == '/') text[--length] = '\0';
  char* slash = strrchr(text, '/');
  if (slash && slash != text && !strcmp(slash, "/raw_params.npy")) {
    *slash = '\0';
    slash = strrchr(text, '/');
  }
  dv_preset_set_text(c->label, sizeof c->label, slash && slash[1] ? slash + 1 : text);
  dv_preset_set_text(c->source, sizeof c->source, dv_file_label(path));
}

static dv_status find_published(const char* name, const char* corpora_dir, char path[PATH_MAX], dv_error* err)
{
  const char* dir = corpora_dir ? corpora_dir : getenv("DIFFVOX_CORPORA");
  if (!dir)
    return dv_fail(err, DV_ERR_ARG,
                   "'%s' is a published corpus; give the folder of the corpora with --corpora or DIFFVOX_CORPORA "
                   "(docs/formats.md tells where to get them)",
                   name);
  return dv_path_join(path, dir, name) ? DV_OK
                                       : dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(dir));
}

dv_status dv_collection_load(const char* spec, const dv_collection_options* options, dv_collection* c, dv_error* err)
{
  char published[PATH_MAX];
  const char* path = spec;
  *c = (dv_collection){0};
  if ((!strcmp(spec, "internal") || !strcmp(spec, "medleydb")) && access(spec, F_OK)) {
    const dv_status found = find_published(spec, options->corpora_dir, published, err);
    if (found) return found;
    path = published;
  }
  if (access(path, F_OK)) return dv_file_error(err, path, "read", errno);
  dv_status status;
  const char* extension = strrchr(path, '.');
  if (is_folder(path)) status = load_folder(path, options, c, err);
  else if (extension && !strcmp(extension, ".npy")) status = load_rows(path, options, c, err);
  else
    status = dv_fail(err, DV_ERR_ARG, "%s: is not a corpus; give a folder of presets or fits, or a .npy file of rows",
                     dv_file_label(path));
  if (status) dv_collection_free(c);
  else set_label(c, path);
  return status;
}

size_t dv_collection_constants(const dv_collection* c, char* name, size_t size)
{
  size_t constants = 0;
  for (int k = 0; k < SIZE; ++k) {
    bool equal = true;
    const double first = c->effective[k];
    for (size_t i = 1; equal && i < c->count; ++i) {
      const double value = c->effective[i * SIZE + (size_t)k];
      equal = !(value < first) && !(value > first);
    }
    if (!equal) continue;
    dv_column column;
    dv_column_at(k, &column);
    if (!constants++ && name) snprintf(name, size, "%s", column.name);
  }
  return constants;
}

/* Knuth's selection sampling: every set of `most` rows is as likely as any other. */
static bool is_picked(const dv_collection* c, size_t most, size_t taken, size_t row, uint64_t* state)
{
  if (c->count <= most) return true;
  return (double)(c->count - row) * dv_random_uniform(state) < (double)(most - taken);
}

size_t dv_collection_pick(const dv_collection* c, size_t most, uint64_t seed, size_t* index)
{
  size_t taken = 0;
  for (size_t i = 0; i < c->count; ++i)
    if (is_picked(c, most, taken, i, &seed)) index[taken++] = i;
  return taken;
}

size_t dv_collection_subsample(const dv_collection* c, size_t most, uint64_t seed, double* data)
{
  size_t taken = 0;
  for (size_t i = 0; i < c->count; ++i)
    if (is_picked(c, most, taken, i, &seed))
      memcpy(data + taken++ * SIZE, dv_collection_row(c, i), SIZE * sizeof *data);
  return taken;
}
