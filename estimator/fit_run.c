/* SPDX-License-Identifier: MIT */
#include "estimator/fit_run.h"

#include "datasets/file.h"
#include "dsp/hash.h"
#include "dsp/render.h"
#include "estimator/fit_json.h"
#include "plugin/preset_bundle.h"
#include "report/fit_report.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char* const result_files[] = {"preset.json", "losses.csv",  "run.json",        "render.wav",
                                           "wet.wav",     "report.html", "dry-aligned.wav", "checkpoint"};

void dv_run_path(const char* folder, const char* name, char path[DV_RUN_PATH_SIZE])
{
  snprintf(path, DV_RUN_PATH_SIZE, "%s/%s", folder, name);
}

/* --- Before the fit -------------------------------------------------------------------------------------------- */

static bool same_file(const char* a, const char* b)
{
  struct stat first, second;
  return !stat(a, &first) && !stat(b, &second) && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* "render.wav.1234-0.tmp", what a process that was killed was writing (datasets/file.h); its number, or 0. */
static pid_t writer_of(const char* name)
{
  for (size_t i = 0; i < sizeof result_files / sizeof *result_files; ++i) {
    const size_t length = strlen(result_files[i]);
    char* end;
    if (strncmp(name, result_files[i], length) || name[length] != '.') continue;
    const long process = strtol(name + length + 1, &end, 10);
    const char* suffix = strrchr(name, '.');
    if (process > 0 && *end == '-' && !strcmp(suffix, ".tmp")) return (pid_t)process;
  }
  return 0;
}

static void remove_leftovers(const char* folder)
{
  DIR* stream = opendir(folder);
  for (const struct dirent* e; stream && (e = readdir(stream));) {
    char path[DV_RUN_PATH_SIZE];
    const pid_t writer = writer_of(e->d_name);
    if (!writer || !kill(writer, 0) || errno != ESRCH) continue; /* whoever writes it may be at work */
    dv_run_path(folder, e->d_name, path);
    unlink(path);
  }
  if (stream) closedir(stream);
}

/* What is there already and no folder would be found after the fit. */
static dv_status check_bundle(const char* folder, dv_error* err)
{
  char path[DV_RUN_PATH_SIZE];
  struct stat st;
  dv_run_path(folder, "preset.lv2", path);
  if (stat(path, &st) || S_ISDIR(st.st_mode)) return DV_OK;
  return dv_fail(err, DV_ERR_IO, "%s: is a file, not a folder; remove it or choose another folder with -o",
                 dv_file_label(path));
}

dv_status dv_run_prepare(const dv_fit_options* o, dv_error* err)
{
  dv_status status = dv_file_make_folder(o->output, err);
  if (!status) remove_leftovers(o->output);
  if (!status) status = check_bundle(o->output, err);
  for (size_t i = 0; !status && i < sizeof result_files / sizeof *result_files; ++i) {
    char path[DV_RUN_PATH_SIZE];
    dv_run_path(o->output, result_files[i], path);
    if (same_file(path, o->dry) || same_file(path, o->wet))
      return dv_fail(err, DV_ERR_ARG, "%s: is a stem and would be replaced; choose another folder with -o",
                     dv_file_label(path));
    status = dv_file_check_writable(path, err);
  }
  return status;
}

uint64_t dv_run_fingerprint(const dv_fit_options* o, const dv_stems* s, const dv_fit_starts* starts)
{
  /* Threads and the time allowed may change from run to run. */
  const double numbers[] = {(double)o->fit.steps,       o->fit.learning_rate,
                            o->fit.final_rate,          o->fit.objective.chunk_s,
                            o->fit.objective.overlap_s, (double)o->fit.objective.batch_limit,
                            o->fit.objective.covering,  o->fit.scaled,
                            o->fit.prior_weight,        (double)o->fit.seed,
                            (double)o->fit.starts,      (double)o->fit.trial_steps,
                            (double)o->fit.final_steps, o->fit.spread,
                            (double)o->fit.frozen,      (double)s->lag_samples,
                            (double)s->polarity,        (double)s->frames,
                            s->dry_source.gain_db,      s->wet_source.gain_db};
  const uint64_t files[] = {s->dry_source.hash, s->wet_source.hash};
  uint64_t hash = dv_hash(DV_HASH_START, DV_VERSION, sizeof DV_VERSION);
  hash = dv_hash(hash, numbers, sizeof numbers);
  hash = dv_hash(hash, files, sizeof files);
  for (size_t i = 0; i < starts->count; ++i) {
    const double known = starts->start[i].delay_known;
    hash = dv_hash(hash, &known, sizeof known);
    hash = dv_hash(hash, &starts->start[i].params, sizeof starts->start[i].params);
  }
  return hash;
}

/* --- Preset ------------------------------------------------------------------------------------------------------ */

static const char* base_name(const char* path)
{
  const char* slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* "vocal.wav" -> "vocal"; what is called wet.* says nothing, so its folder's name stands for it. */
static void song_name(const char* wet, dv_preset* preset)
{
  char path[DV_RUN_PATH_SIZE];
  snprintf(path, sizeof path, "%s", wet);
  char* slash = strrchr(path, '/');
  char* dot = strrchr(slash ? slash : path, '.');
  if (dot) *dot = '\0';
  if (slash && !strcmp(slash + 1, "wet")) {
    *slash = '\0';
    slash = strrchr(path, '/');
  }
  dv_preset_set_text(preset->name, sizeof preset->name, slash ? slash + 1 : path);
}

static void make_preset(const dv_fit_run* run, dv_preset* preset)
{
  const dv_fit_options* o = run->options;
  dv_preset_init(preset);
  song_name(o->wet, preset);
  dv_preset_set_text(preset->comment, sizeof preset->comment, run->verdict);
  preset->params = run->params;
  preset->input_gain_db = run->stems->dry_source.gain_db;
  preset->output_gain_db = -run->stems->wet_source.gain_db;
  dv_preset_note_text(preset, "created_by", "diffvox-fit " DV_VERSION);
  dv_preset_note_text(preset, "dry", o->dry);
  dv_preset_note_text(preset, "wet", o->wet);
  dv_preset_note_number(preset, "lag_samples", (double)run->stems->lag_samples);
  dv_preset_note_number(preset, "polarity", run->stems->polarity);
  dv_preset_note_number(preset, "steps", (double)run->result.steps_done);
  dv_preset_note_number(preset, "best_step", (double)run->result.best_step);
  dv_preset_note_number(preset, "first_loss", run->first.total);
  dv_preset_note_number(preset, "loss", run->fitted.total);
  dv_preset_note_number(preset, "seed", (double)o->fit.seed);
  dv_preset_note_text(preset, "ended", run->ended);
}

dv_status dv_run_write_preset(const dv_fit_run* run, dv_error* err)
{
  char path[DV_RUN_PATH_SIZE];
  dv_preset preset;
  make_preset(run, &preset);
  dv_run_path(run->options->output, "preset.json", path);
  return dv_preset_write(path, &preset, err);
}

static dv_status write_bundle(const dv_fit_run* run, dv_error* err)
{
  char path[DV_RUN_PATH_SIZE];
  dv_preset preset;
  const dv_preset* presets[1] = {&preset};
  make_preset(run, &preset);
  dv_run_path(run->options->output, "preset.lv2", path);
  return dv_lv2_bundle_write(path, presets, 1, err);
}

/* --- losses.csv and run.json --------------------------------------------------------------------------------- */

static dv_status write_losses(const dv_fit_run* run, dv_error* err)
{
  char path[DV_RUN_PATH_SIZE];
  char* text = NULL;
  size_t size = 0;
  FILE* csv = open_memstream(&text, &size);
  if (!csv) return dv_fail(err, DV_ERR_NOMEM, "out of memory");
  fputs("step,start,total,mss_lr,mss_ms,mldr_lr,mldr_ms,regulariser,elapsed_s\n", csv);
  for (size_t i = 0; i < run->history->count; ++i) {
    const dv_fit_step* s = &run->history->steps[i];
    const dv_loss_values* v = &s->values;
    if (!isfinite(v->total)) continue;
    fprintf(csv, "%zu,%zu,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.3f\n", s->step, s->start + 1, v->total, v->mss_lr, v->mss_ms,
            v->mldr_lr, v->mldr_ms, s->regulariser, s->elapsed_s);
  }
  dv_status status = DV_OK;
  if (fclose(csv)) status = dv_fail(err, DV_ERR_NOMEM, "out of memory for losses.csv");
  dv_run_path(run->options->output, "losses.csv", path);
  if (!status) status = dv_file_write(path, text, size, err);
  free(text);
  return status;
}

static dv_status write_run(const dv_fit_run* run, dv_error* err)
{
  char path[DV_RUN_PATH_SIZE];
  char* text = dv_run_json(run);
  if (!text) return dv_fail(err, DV_ERR_NOMEM, "out of memory");
  dv_run_path(run->options->output, "run.json", path);
  const dv_status status = dv_file_write(path, text, strlen(text), err);
  free(text);
  return status;
}

/* --- Sound and report -------------------------------------------------------------------------------------------- */

/* The stems are at the model's loudness; what is written has the level of the files. */
static dv_status write_channels(const dv_fit_run* run, const char* name, const float* const* channels, size_t count,
                                double gain_db, dv_error* err)
{
  char path[DV_RUN_PATH_SIZE];
  dv_audio out;
  dv_status status = dv_audio_alloc(count, run->stems->frames, DV_MODEL_RATE_HZ, &out, err);
  if (status) return status;
  for (size_t c = 0; c < count; ++c) memcpy(dv_audio_channel(&out, c), channels[c], out.frames * sizeof *out.samples);
  dv_audio_apply_gain(&out, gain_db);
  dv_run_path(run->options->output, name, path);
  status = dv_audio_write(path, &out, NULL, err);
  dv_audio_free(&out);
  return status;
}

static void to_report_loss(const dv_loss_values* v, dv_fit_report_loss* loss)
{
  const double none = (double)NAN;
  *loss = (dv_fit_report_loss){none, v->total, v->mss_lr, v->mss_ms, v->mldr_lr, v->mldr_ms, none};
}

enum { DETAILS = 7, DETAIL_SIZE = 96 };

/* Lines of the run's details. */
typedef struct {
  char values[DETAILS][DETAIL_SIZE];
  dv_fit_report_detail details[DETAILS];
  size_t count;
} detail_lines;

static void add_detail(detail_lines* lines, const char* name, const char* format, double value)
{
  char* text = lines->values[lines->count];
  snprintf(text, DETAIL_SIZE, format, value);
  lines->details[lines->count++] = (dv_fit_report_detail){name, text};
}

static void make_details(const dv_fit_run* run, detail_lines* lines)
{
  const dv_fit_options* o = run->options;
  lines->count = 0;
  add_detail(lines, "Chunks", "%.0f", (double)run->result.chunks);
  add_detail(lines, "Chunks too quiet to compare", "%.0f", (double)run->result.chunks_dropped);
  add_detail(lines, "Chunks a step", "%.0f", (double)run->result.batch);
  add_detail(lines, "First learning rate", o->fit.scaled ? "%g deviations" : "%g", o->fit.learning_rate);
  add_detail(lines, "Starts tried", "%.0f", (double)dv_fit_history_starts(run->history));
  add_detail(lines, "Seed", "%.0f", (double)o->fit.seed);
  add_detail(lines, "Threads", "%.0f", o->fit.objective.threads);
}

/* Of the descent that went on, numbered by its own steps; the other starts would be a saw in its curve. */
static size_t descent_losses(const dv_fit_run* run, dv_fit_report_loss* losses, double* best_step)
{
  size_t count = 0;
  *best_step = (double)NAN;
  for (size_t i = 0; i < run->history->count; ++i) {
    const dv_fit_step* s = &run->history->steps[i];
    if (s->start != run->result.start || !isfinite(s->values.total)) continue;
    if (s->step == run->result.best_step) *best_step = (double)count;
    to_report_loss(&s->values, &losses[count]);
    losses[count].step = (double)count;
    losses[count++].regulariser = s->regulariser;
  }
  return count;
}

static dv_status write_report(const dv_fit_run* run, const float* left, const float* right, dv_error* err)
{
  const dv_stems* s = run->stems;
  const dv_fit_history* h = run->history;
  char path[DV_RUN_PATH_SIZE];
  dv_fit_report_loss unprocessed, first, fitted, *losses = calloc(h->count + 1, sizeof *losses);
  if (!losses) return dv_fail(err, DV_ERR_NOMEM, "out of memory");
  double best_step;
  const size_t count = descent_losses(run, losses, &best_step);
  to_report_loss(&run->unprocessed, &unprocessed);
  to_report_loss(&run->first, &first);
  to_report_loss(&run->fitted, &fitted);
  dv_fit_report_note notes[DV_STEMS_MAX_NOTES];
  for (size_t i = 0; i < s->note_count; ++i) notes[i] = (dv_fit_report_note){s->notes[i].warning, s->notes[i].text};
  detail_lines lines;
  make_details(run, &lines);
  const dv_fit_report_alignment alignment = {(double)s->lag_samples,
                                             s->polarity,
                                             s->alignment.confidence,
                                             dv_run_align_mode_name(run->options->stems.align),
                                             s->alignment.curve,
                                             DV_ALIGN_CURVE_POINTS,
                                             (double)(s->alignment.lag_samples - DV_ALIGN_CURVE_RADIUS)};
  const dv_fit_report report = {.dry_name = base_name(run->options->dry),
                                .wet_name = base_name(run->options->wet),
                                .params = &run->params,
                                .start = &run->start,
                                .dry_gain_db = s->dry_source.gain_db,
                                .wet_gain_db = s->wet_source.gain_db,
                                .plain_gain_db = run->plain_gain_db,
                                .dry_loss = &unprocessed,
                                .start_loss = &first,
                                .fitted_loss = &fitted,
                                .losses = losses,
                                .loss_count = count,
                                .alignment = &alignment,
                                .audio = {s->dry, s->left, s->right, left, right, s->frames, DV_MODEL_RATE_HZ,
                                          "dry-aligned.wav", "wet.wav", "render.wav"},
                                .notes = notes,
                                .note_count = s->note_count,
                                .steps_done = (double)count,
                                .best_step = best_step,
                                .seconds = run->result.elapsed_s,
                                .ended = run->ended,
                                .version = "diffvox-fit " DV_VERSION,
                                .details = lines.details,
                                .detail_count = lines.count};
  dv_run_path(run->options->output, "report.html", path);
  const dv_status status = dv_fit_report_write(path, &report, err);
  free(losses);
  return status;
}

/* Keeps the first error, goes on with what is left. */
static void note_error(dv_status* first, dv_error* err, dv_status status, const dv_error* cause)
{
  if (*first || !status) return;
  *first = status;
  if (err) *err = *cause;
}

static dv_status write_sound(const dv_fit_run* run, dv_error* err)
{
  const dv_stems* s = run->stems;
  const float *dry[1] = {s->dry}, *wet[2] = {s->left, s->right};
  dv_status first = DV_OK;
  dv_error cause;
  dv_audio render;
  dv_status status = dv_audio_alloc(2, s->frames, DV_MODEL_RATE_HZ, &render, err);
  if (status) return status;
  float *left = dv_audio_channel(&render, 0), *right = dv_audio_channel(&render, 1);
  status = dv_render(&run->params, DV_MODEL_RATE_HZ, s->dry, s->frames, 0, left, right, NULL, NULL, err);
  if (!status) {
    const float* rendered[2] = {left, right};
    const double wet_db = -s->wet_source.gain_db;
    note_error(&first, err, write_channels(run, "render.wav", rendered, 2, wet_db, &cause), &cause);
    note_error(&first, err, write_channels(run, "wet.wav", wet, s->left == s->right ? 1 : 2, wet_db, &cause), &cause);
    note_error(&first, err, write_channels(run, "dry-aligned.wav", dry, 1, -s->dry_source.gain_db, &cause), &cause);
    note_error(&first, err, write_report(run, left, right, &cause), &cause);
  }
  dv_audio_free(&render);
  return status ? status : first;
}

dv_status dv_run_write(const dv_fit_run* run, dv_error* err)
{
  dv_status (*const writers[])(const dv_fit_run*, dv_error*) = {dv_run_write_preset, write_losses, write_bundle,
                                                                write_sound, write_run};
  dv_status first = DV_OK;
  for (size_t i = 0; i < sizeof writers / sizeof *writers; ++i) {
    dv_error cause = {""};
    note_error(&first, err, writers[i](run, &cause), &cause);
  }
  return first;
}
