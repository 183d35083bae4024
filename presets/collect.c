/* SPDX-License-Identifier: MIT */
#include "presets/collect.h"
#include "datasets/file.h"
#include "presets/folders.h"
#include "presets/order.h"
#include "presets/preset.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH = 4, MAX_CSV_BYTES = 64 << 20 };

void dv_collect_rules_published(dv_collect_rules* rules) { *rules = (dv_collect_rules){4.0, 0.2}; }

const char* dv_run_verdict_name(dv_run_verdict verdict)
{
  static const char* const names[] = {"kept", "terminated", "loss", "first best", "fluctuation", "older"};
  return names[verdict];
}

void dv_runs_free(dv_runs* runs)
{
  for (size_t i = 0; i < runs->count; ++i) free(runs->entries[i].path);
  free(runs->entries);
  *runs = (dv_runs){0};
}

/* --- losses.csv --------------------------------------------------------------------------------------------- */

typedef struct {
  double *total, lowest, fluctuation;
  size_t steps, lowest_step;
} loss_curve;

/* The place of the column "total" in the first line; -1 where it has none. */
static int total_column(const char* line)
{
  for (int column = 0;; ++column) {
    const size_t length = strcspn(line, ",\r\n");
    if (length == 5 && !strncmp(line, "total", 5)) return column;
    if (line[length] != ',') return -1;
    line += length + 1;
  }
}

static bool read_totals(char* text, loss_curve* curve)
{
  const int column = total_column(text);
  char* rest;
  strtok_r(text, "\n", &rest);
  for (char* line; column >= 0 && (line = strtok_r(NULL, "\n", &rest));) {
    for (int i = 0; line && i < column; ++i) {
      line = strchr(line, ',');
      if (line) ++line;
    }
    char* end = line;
    const double value = line ? strtod(line, &end) : 0.0;
    if (!line || end == line) return false;
    curve->total[curve->steps++] = value;
  }
  return curve->steps > 0;
}

/* The median as NumPy takes it: of an even number of changes the mean of the middle two. */
static void describe(loss_curve* curve)
{
  double* t = curve->total;
  for (size_t i = 1; i < curve->steps; ++i)
    if (!(t[i] >= t[curve->lowest_step])) curve->lowest_step = i;
  curve->lowest = t[curve->lowest_step];
  const size_t changes = curve->steps - 1;
  for (size_t i = 0; i < changes; ++i) t[i] = fabs(t[i + 1] - t[i]);
  qsort(t, changes, sizeof *t, dv_ascending);
  curve->fluctuation = changes ? 0.5 * (t[changes / 2] + t[(changes - 1) / 2]) : 0.0;
}

static bool read_losses(const char* path, loss_curve* curve)
{
  char* text;
  size_t size;
  *curve = (loss_curve){0};
  if (dv_file_read(path, MAX_CSV_BYTES, &text, &size, NULL)) return false;
  curve->total = malloc((size / 2 + 1) * sizeof *curve->total); /* a line has two bytes at least */
  const bool good = curve->total && read_totals(text, curve);
  if (good) describe(curve);
  free(curve->total);
  free(text);
  return good;
}

/* --- One run ------------------------------------------------------------------------------------------------ */

static void leave_out(dv_run* run, dv_run_verdict verdict, const char* reason)
{
  run->verdict = verdict;
  dv_preset_set_text(run->reason, sizeof run->reason, reason);
}

static bool exists_in(const char* folder, const char* name)
{
  char path[PATH_MAX];
  return dv_path_join(path, folder, name) && !access(path, F_OK);
}

/* A batch names its folders after the ids of its manifest, which are unique; file names, vocal.wav, need not be. */
static bool is_of_batch(const char* run) { return exists_in(run, "../batch.txt"); }

/* "dir/Song_STEM_08.wav" -> "Song_STEM_08" */
static void track_name(const char* path, char* track, size_t size)
{
  const char* slash = strrchr(path, '/');
  dv_preset_set_text(track, size, slash && slash[1] ? slash + 1 : path);
  char* extension = is_of_batch(path) ? NULL : strrchr(track, '.');
  if (extension && extension != track) *extension = '\0';
}

static bool ended_early(const dv_preset* preset)
{
  const dv_preset_note* ended = dv_preset_find_note(preset, "ended");
  return ended && (strstr(ended->text, "interrupted") || strstr(ended->text, "not finite"));
}

static void judge(dv_run* run, const dv_preset* preset, const loss_curve* curve, const dv_collect_rules* rules)
{
  char text[160];
  if (ended_early(preset)) {
    snprintf(text, sizeof text, "terminated: %.120s", dv_preset_find_note(preset, "ended")->text);
    leave_out(run, DV_RUN_TERMINATED, text);
  } else if (!(run->loss <= rules->max_loss)) {
    snprintf(text, sizeof text, "its lowest loss, %.4g, is over %g", run->loss, rules->max_loss);
    leave_out(run, DV_RUN_LOSS, text);
  } else if (curve->steps > 1 && curve->lowest_step == 0) {
    leave_out(run, DV_RUN_FIRST_BEST, "its first loss is its lowest: it learnt nothing");
  } else if (run->fluctuation > rules->max_fluctuation) {
    snprintf(text, sizeof text, "its loss fluctuates: the median change a step, %.3g, is over %g", run->fluctuation,
             rules->max_fluctuation);
    leave_out(run, DV_RUN_FLUCTUATION, text);
  }
}

static void inspect(dv_run* run, const dv_collect_rules* rules)
{
  char path[PATH_MAX];
  struct stat st;
  dv_preset preset;
  dv_error problem;
  loss_curve curve;
  run->loss = run->fluctuation = (double)NAN;
  track_name(run->path, run->track, sizeof run->track);
  if (!dv_path_join(path, run->path, "preset.json") || stat(path, &st)) {
    leave_out(run, DV_RUN_TERMINATED, "terminated: it has no preset.json");
    return;
  }
  run->modified_s = (double)st.st_mtim.tv_sec + 1e-9 * (double)st.st_mtim.tv_nsec;
  if (dv_preset_read(path, &preset, &problem)) {
    leave_out(run, DV_RUN_TERMINATED, problem.text);
    return;
  }
  const dv_preset_note* wet = dv_preset_find_note(&preset, "wet");
  if (wet && !wet->is_number && !is_of_batch(run->path)) track_name(wet->text, run->track, sizeof run->track);
  if (!dv_path_join(path, run->path, "losses.csv") || !read_losses(path, &curve)) {
    leave_out(run, DV_RUN_TERMINATED, "terminated: it has no losses.csv with a column 'total'");
    return;
  }
  run->loss = curve.lowest;
  run->fluctuation = curve.fluctuation;
  judge(run, &preset, &curve, rules);
}

/* --- All of them -------------------------------------------------------------------------------------------- */

static bool add_run(dv_runs* runs, const char* path)
{
  dv_run* entries = realloc(runs->entries, (runs->count + 1) * sizeof *entries);
  if (!entries) return false;
  runs->entries = entries;
  entries[runs->count] = (dv_run){.path = strdup(path)};
  return entries[runs->count].path && ++runs->count;
}

/* A folder that cannot be opened below the first holds nothing for us. */
static bool find_runs(const char* folder, int depth, dv_runs* runs)
{
  if (exists_in(folder, "losses.csv") || exists_in(folder, "preset.json")) return add_run(runs, folder);
  DIR* stream = depth ? opendir(folder) : NULL;
  bool complete = true;
  const struct dirent* entry;
  while (stream && complete && (entry = readdir(stream))) {
    char path[PATH_MAX];
    struct stat st;
    if (entry->d_name[0] == '.' || !dv_path_join(path, folder, entry->d_name)) continue;
    if (!lstat(path, &st) && S_ISDIR(st.st_mode)) complete = find_runs(path, depth - 1, runs);
  }
  if (stream) closedir(stream);
  return complete;
}

static int by_path(const void* a, const void* b) { return strcmp(((const dv_run*)a)->path, ((const dv_run*)b)->path); }

/* Of two runs that are equally new the later in the list stays. */
static void keep_newest(dv_runs* runs)
{
  for (size_t i = 0; i < runs->count; ++i)
    for (size_t j = 0; j < runs->count && runs->entries[i].verdict == DV_RUN_KEPT; ++j) {
      const dv_run *run = &runs->entries[i], *other = &runs->entries[j];
      if (i == j || other->verdict != DV_RUN_KEPT || strcmp(run->track, other->track) != 0) continue;
      const bool newer = other->modified_s > run->modified_s || (!(other->modified_s < run->modified_s) && j > i);
      char text[160];
      snprintf(text, sizeof text, "older than %.120s, of the same track", dv_file_label(other->path));
      if (newer) leave_out(&runs->entries[i], DV_RUN_OLDER, text);
    }
}

dv_status dv_collect_runs(const char* folder, const dv_collect_rules* rules, dv_runs* runs, dv_error* err)
{
  *runs = (dv_runs){0};
  DIR* stream = opendir(folder);
  if (!stream) return dv_file_error(err, folder, "read", errno);
  closedir(stream);
  dv_status status = DV_OK;
  if (!find_runs(folder, DEPTH, runs)) status = dv_fail(err, DV_ERR_NOMEM, "No memory to list the runs");
  if (!status && !runs->count)
    status =
      dv_fail(err, DV_ERR_ARG, "%s: holds no fits: no folder with losses.csv or preset.json", dv_file_label(folder));
  if (status) {
    dv_runs_free(runs);
    return status;
  }
  qsort(runs->entries, runs->count, sizeof *runs->entries, by_path);
  for (size_t i = 0; i < runs->count; ++i) inspect(&runs->entries[i], rules);
  keep_newest(runs);
  for (size_t i = 0; i < runs->count; ++i) runs->kept += runs->entries[i].verdict == DV_RUN_KEPT;
  return DV_OK;
}

/* --- The corpus --------------------------------------------------------------------------------------------- */

static dv_status prepare_folder(const char* folder, dv_error* err)
{
  if (mkdir(folder, 0777) && errno != EEXIST) return dv_file_error(err, folder, "make the folder", errno);
  DIR* stream = opendir(folder);
  if (!stream) return dv_file_error(err, folder, "write", errno);
  dv_status status = DV_OK;
  const struct dirent* entry;
  while (!status && (entry = readdir(stream))) {
    const char* extension = strrchr(entry->d_name, '.');
    if (extension && !strcmp(extension, ".json"))
      status =
        dv_fail(err, DV_ERR_ARG, "%s: already holds %.80s; choose a new folder", dv_file_label(folder), entry->d_name);
  }
  closedir(stream);
  return status;
}

static dv_status copy_preset(const dv_run* run, const char* folder, dv_error* err)
{
  char from[PATH_MAX], to[PATH_MAX], name[sizeof run->track + 8];
  char* text;
  size_t size;
  snprintf(name, sizeof name, "%s.json", run->track);
  if (!dv_path_join(from, run->path, "preset.json") || !dv_path_join(to, folder, name))
    return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(folder));
  dv_status status = dv_file_read(from, DV_PRESET_MAX_BYTES, &text, &size, err);
  if (status) return status;
  status = dv_file_write(to, text, size, err);
  free(text);
  return status;
}

static json_t* run_object(const dv_run* run)
{
  json_t* object = json_object();
  json_object_set_new(object, "run", json_string(run->path));
  json_object_set_new(object, "track", json_string(run->track));
  json_object_set_new(object, "verdict", json_string(dv_run_verdict_name(run->verdict)));
  json_object_set_new(object, "loss", json_real(run->loss)); /* NaN makes no entry */
  json_object_set_new(object, "fluctuation", json_real(run->fluctuation));
  if (*run->reason) json_object_set_new(object, "reason", json_string(run->reason));
  return object;
}

static dv_status write_list(const dv_runs* runs, const dv_collect_rules* rules, const char* folder, dv_error* err)
{
  char path[PATH_MAX];
  json_t *root = json_object(), *list = json_array();
  for (size_t i = 0; i < runs->count; ++i) json_array_append_new(list, run_object(&runs->entries[i]));
  json_object_set_new(root, "format", json_string("diffvox-collected"));
  json_object_set_new(root, "version", json_integer(1));
  json_object_set_new(root, "max_loss", json_real(rules->max_loss));
  json_object_set_new(root, "max_fluctuation", json_real(rules->max_fluctuation));
  const bool complete = !json_object_set_new(root, "runs", list) && dv_path_join(path, folder, "collected.json");
  char* text = complete ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
  json_decref(root);
  if (!text) return dv_fail(err, DV_ERR_NOMEM, "No memory for the list of runs");
  const dv_status status = dv_file_write(path, text, strlen(text), err);
  free(text);
  return status;
}

dv_status dv_collect_write(const dv_runs* runs, const dv_collect_rules* rules, const char* folder, dv_error* err)
{
  dv_status status = prepare_folder(folder, err);
  for (size_t i = 0; !status && i < runs->count; ++i)
    if (runs->entries[i].verdict == DV_RUN_KEPT) status = copy_preset(&runs->entries[i], folder, err);
  return status ? status : write_list(runs, rules, folder, err);
}
