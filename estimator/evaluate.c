/* SPDX-License-Identifier: MIT */
#include "estimator/evaluate.h"

#include "datasets/file.h"
#include "presets/columns.h"
#include "presets/corpus.h"
#include "presets/folders.h"
#include "presets/levels.h"
#include "presets/nearest.h"
#include "presets/prior_table.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_RUN_BYTES = 1 << 22 };

/* --- A track ---------------------------------------------------------------------------------------------------- */

void dv_eval_setup_default(int threads, dv_eval_setup* setup)
{
  dv_fit_config config;
  dv_fit_config_default(&config);
  setup->objective = config.objective;
  setup->objective.threads = threads;
  dv_stems_config_default(&setup->stems);
}

static dv_status read_run(const char* path, json_t** run, dv_error* err)
{
  char* text;
  size_t size;
  json_error_t cause;
  const dv_status status = dv_file_read(path, MAX_RUN_BYTES, &text, &size, err);
  if (status) return status;
  *run = json_loadb(text, size, 0, &cause);
  free(text);
  return *run ? DV_OK
              : dv_fail(err, DV_ERR_FORMAT, "%s: line %d, column %d: %s; fit this track again", dv_file_label(path),
                        cause.line, cause.column, cause.text);
}

/* The options' number, within what a fit accepts. */
static bool take_number(const json_t* options, const char* key, double low, double high, double* value)
{
  const json_t* number = json_object_get(options, key);
  if (!json_is_number(number)) return false;
  *value = json_number_value(number);
  return *value >= low && *value <= high;
}

static bool take_options(const json_t* options, dv_eval_setup* setup)
{
  dv_objective_config* o = &setup->objective;
  double batch = 0.0;
  if (!take_number(options, "chunk_s", 1e-3, 1e6, &o->chunk_s) ||
      !take_number(options, "overlap_s", 0.0, 1e6, &o->overlap_s) ||
      !take_number(options, "batch_limit", 1.0, 1e6, &batch) || !(o->overlap_s < o->chunk_s) ||
      !json_is_boolean(json_object_get(options, "reference")) ||
      !json_is_boolean(json_object_get(options, "normalise")))
    return false;
  const bool reference = json_is_true(json_object_get(options, "reference"));
  const json_t* covering = json_object_get(options, "covering");
  o->batch_limit = (size_t)batch;
  o->covering = covering ? json_is_true(covering) : !reference; /* older runs do not say */
  setup->stems.keep_side = reference;
  setup->stems.normalise = json_is_true(json_object_get(options, "normalise"));
  return !setup->stems.normalise || take_number(options, "lufs", -100.0, 0.0, &setup->stems.lufs);
}

static void take_alignment(const dv_preset* preset, dv_stems_config* stems)
{
  const dv_preset_note *lag = dv_preset_find_note(preset, "lag_samples"),
                       *polarity = dv_preset_find_note(preset, "polarity");
  if (!lag || !lag->is_number || !polarity || !polarity->is_number || !(fabs(lag->number) < 1e9)) return;
  stems->align = DV_ALIGN_GIVEN;
  stems->lag_samples = (ptrdiff_t)lag->number;
  stems->polarity = polarity->number < 0.0 ? -1 : 1;
}

dv_status dv_eval_setup_of_run(const char* folder, const dv_preset* preset, dv_eval_setup* setup, dv_error* err)
{
  char path[PATH_MAX];
  json_t* run = NULL;
  take_alignment(preset, &setup->stems);
  if (!*folder || !dv_path_join(path, folder, "run.json") || access(path, F_OK)) return DV_OK;
  const dv_status status = read_run(path, &run, err);
  if (status) return status;
  const bool sound = take_options(json_object_get(run, "options"), setup);
  json_decref(run);
  return sound ? DV_OK
               : dv_fail(err, DV_ERR_FORMAT, "%s: its 'options' are not those of a fit; fit this track again",
                         dv_file_label(path));
}

/* Loudness counts a mono stem once and a wet one on both channels: at the same level the dry one is louder. */
static double plain_gain_db(const dv_stems_config* stems) { return stems->normalise ? -10.0 * log10(2.0) : 0.0; }

dv_status dv_eval_open(const dv_eval_setup* setup, const char* dry, const char* wet, dv_eval_track* track,
                       dv_error* err)
{
  *track = (dv_eval_track){0};
  dv_status status = dv_stems_read(dry, wet, &setup->stems, &track->stems, err);
  if (status) return status;
  const dv_stems* s = &track->stems;
  const dv_fit_stems stems = {s->dry, s->left, s->right, s->frames, plain_gain_db(&setup->stems)};
  dv_fit_config config;
  dv_fit_starts starts = {.count = 1}; /* of no descent: any will do */
  dv_fit_config_default(&config);
  config.objective = setup->objective;
  dv_fit_mean_start(false, &starts.start[0].params);
  status = dv_fit_new(&config, &stems, &starts, &track->fit, err);
  if (status) dv_eval_close(track);
  return status;
}

void dv_eval_close(dv_eval_track* track)
{
  dv_fit_free(track->fit);
  dv_stems_free(&track->stems);
  *track = (dv_eval_track){0};
}

dv_status dv_eval_loss(dv_eval_track* track, const dv_chain_params* params, dv_loss_values* values, dv_error* err)
{
  dv_status status = params ? dv_params_check(params, err) : DV_OK;
  if (status) return status;
  status = dv_fit_evaluate(track->fit, params, values);
  return status ? dv_fail(err, status, "the loss cannot be evaluated: %s", dv_status_text(status)) : DV_OK;
}

/* --- Where the presets come from -------------------------------------------------------------------------------- */

static bool is_folder(const char* path)
{
  struct stat st;
  return !stat(path, &st) && S_ISDIR(st.st_mode);
}

dv_status dv_eval_source_open(const char* spec, const char* corpora_dir, dv_eval_source* source, dv_error* err)
{
  char rows[PATH_MAX];
  const dv_collection_options options = {.corpora_dir = corpora_dir, .all_rows = true};
  *source = (dv_eval_source){.spec = spec, .corpora_dir = corpora_dir};
  source->published = (!strcmp(spec, "internal") || !strcmp(spec, "medleydb")) && access(spec, F_OK);
  if (is_folder(spec) && !(dv_path_join(rows, spec, "raw_params.npy") && !access(rows, F_OK))) return DV_OK;
  return dv_collection_load(spec, &options, &source->rows, err);
}

void dv_eval_source_close(dv_eval_source* source) { dv_collection_free(&source->rows); }

static dv_status find_row(const dv_collection* rows, const char* id, dv_eval_found* found, bool* missing, dv_error* err)
{
  size_t matches = 0, row = 0;
  for (size_t i = 0; i < rows->count; ++i) {
    if (strcmp(rows->entries[i].name, id) != 0) continue;
    row = i;
    ++matches;
  }
  *missing = matches != 1;
  if (matches > 1) return dv_fail(err, DV_ERR_ARG, "%s: %zu rows are of that track", rows->label, matches);
  if (!matches) return dv_fail(err, DV_ERR_ARG, "%s: no row of that name", rows->label);
  dv_preset_init(&found->preset);
  dv_effective_params(dv_collection_row(rows, row), &found->preset.params);
  snprintf(found->where, sizeof found->where, "%s:%zu", rows->label, rows->entries[row].row);
  return DV_OK;
}

/* By track or by stem; what cannot be found is no failure. */
static dv_status find_published(const dv_eval_source* source, const char* id, dv_eval_found* found, bool* missing,
                                dv_error* err)
{
  snprintf(found->where, sizeof found->where, "%s:%s", source->spec, id);
  const dv_status status = dv_preset_resolve(found->where, source->corpora_dir, &found->preset, err);
  *missing = status == DV_ERR_ARG;
  return status;
}

/* Of a fit that was interrupted the settings are not a result. */
static bool is_interrupted(const dv_preset* preset, const char* folder)
{
  char path[PATH_MAX];
  const dv_preset_note* ended = dv_preset_find_note(preset, "ended");
  return (ended && !strcmp(ended->text, "interrupted")) ||
         (dv_path_join(path, folder, "checkpoint") && !access(path, F_OK));
}

static dv_status find_file(const char* spec, const char* id, dv_eval_found* found, bool* missing, dv_error* err)
{
  char path[PATH_MAX], name[NAME_MAX + 8];
  bool fit = dv_path_join(found->folder, spec, id) && is_folder(found->folder);
  snprintf(name, sizeof name, "%.*s.json", NAME_MAX, id);
  if (!dv_path_join(path, fit ? found->folder : spec, fit ? "preset.json" : name) || access(path, F_OK)) {
    *missing = true;
    return dv_fail(err, DV_ERR_IO, fit ? "%s: its fit has not ended: there is no preset.json" : "%s: no preset there",
                   dv_file_label(found->folder));
  }
  const dv_status status = dv_preset_read(path, &found->preset, err);
  if (status) return status;
  snprintf(found->where, sizeof found->where, "%s", dv_file_label(path));
  *missing = fit && is_interrupted(&found->preset, found->folder);
  if (*missing)
    return dv_fail(err, DV_ERR_ARG, "%s: interrupted; diffvox-fit --resume goes on", dv_file_label(found->folder));
  if (!fit) found->folder[0] = '\0';
  return DV_OK;
}

dv_status dv_eval_source_find(const dv_eval_source* source, const char* id, dv_eval_found* found, bool* missing,
                              dv_error* err)
{
  *missing = false;
  found->folder[0] = '\0';
  found->is_row = source->rows.count > 0;
  if (source->published) return find_published(source, id, found, missing, err);
  if (found->is_row) return find_row(&source->rows, id, found, missing, err);
  return find_file(source->spec, id, found, missing, err);
}

/* --- The methods ------------------------------------------------------------------------------------------------ */

const char* const dv_eval_measure_names[DV_EVAL_MEASURES] = {"mss_lr",  "mss_ms", "mldr_lr",
                                                             "mldr_ms", "total",  "preset_mse"};
const char* const dv_eval_method_names[DV_EVAL_METHODS] = {"fitted", "mean", "nearest", "unprocessed", "true"};
const char* const dv_eval_method_labels[DV_EVAL_METHODS] = {"fitted preset", "mean preset", "nearest preset",
                                                            "no processing", "true preset"};

/* One pair while it is evaluated. */
typedef struct {
  const dv_pair* pair;
  const dv_collection* nearest;
  dv_eval_found found;
  dv_eval_track track;
  double fitted[DV_EFFECTIVE_COUNT];
  dv_eval_result* result;
} evaluation;

/* effective NULL: there is no preset to compare with the fitted one. */
static dv_status score(evaluation* e, dv_eval_method method, const dv_chain_params* params, const double* effective,
                       const char* name, dv_error* err)
{
  dv_eval_score* s = &e->result->scores[method];
  dv_loss_values v;
  const dv_status status = dv_eval_loss(&e->track, params, &v, err);
  if (status) return status;
  const double measure[] = {v.mss_lr,  v.mss_ms, v.mldr_lr,
                            v.mldr_ms, v.total,  effective ? dv_preset_mse(effective, e->fitted) : (double)NAN};
  memcpy(s->measure, measure, sizeof s->measure);
  dv_preset_set_text(s->preset, sizeof s->preset, name);
  s->known = true;
  return DV_OK;
}

static dv_status score_effective(evaluation* e, dv_eval_method method, const double* effective, const char* name,
                                 dv_error* err)
{
  dv_chain_params params;
  dv_effective_params(effective, &params);
  return score(e, method, &params, effective, name, err);
}

static dv_status score_nearest(evaluation* e, dv_error* err)
{
  if (!e->nearest) return DV_OK;
  char name[256];
  const size_t row = dv_collection_nearest(e->nearest, e->fitted, e->pair->id, NULL);
  if (row == e->nearest->count) return DV_OK;
  snprintf(name, sizeof name, "%s:%s", e->nearest->label, e->nearest->entries[row].name);
  return score_effective(e, DV_EVAL_NEAREST, dv_collection_row(e->nearest, row), name, err);
}

/* The preset as it has to be where the stems' gains stand before and behind the chain.  Of a fit they are its own. */
static dv_status at_stems(const evaluation* e, const dv_preset* preset, dv_chain_params* params,
                          double effective[DV_EFFECTIVE_COUNT], dv_error* err)
{
  double raw[DV_PARAM_COUNT];
  const dv_stems* s = &e->track.stems;
  dv_status status = dv_preset_between(preset, s->dry_source.gain_db, -s->wet_source.gain_db, params, err);
  if (!status) status = dv_params_to_raw(params, raw, err);
  if (!status) dv_effective_from_raw(raw, effective);
  return status;
}

static dv_status score_fitted(evaluation* e, dv_error* err)
{
  dv_chain_params params;
  dv_preset* preset = &e->found.preset;
  if (e->found.is_row) { /* fitted at the model's loudness, as rows are */
    preset->input_gain_db = e->track.stems.dry_source.gain_db;
    preset->output_gain_db = -e->track.stems.wet_source.gain_db;
  }
  const dv_status status = at_stems(e, preset, &params, e->fitted, err);
  return status ? status : score(e, DV_EVAL_FITTED, &params, e->fitted, e->found.where, err);
}

static dv_status score_truth(evaluation* e, dv_error* err)
{
  dv_preset truth;
  dv_chain_params params;
  double effective[DV_EFFECTIVE_COUNT];
  if (!e->pair->truth) return DV_OK;
  dv_status status = dv_preset_read(e->pair->truth, &truth, err);
  if (!status) status = at_stems(e, &truth, &params, effective, err);
  return status ? status : score(e, DV_EVAL_TRUE, &params, effective, dv_file_label(e->pair->truth), err);
}

static dv_status score_all(evaluation* e, dv_error* err)
{
  dv_status status = score_fitted(e, err);
  if (!status) status = score_effective(e, DV_EVAL_MEAN, dv_prior_internal.mean, "mean of the published presets", err);
  if (!status) status = score_nearest(e, err);
  if (!status) status = score(e, DV_EVAL_UNPROCESSED, NULL, NULL, "", err);
  if (!status) status = score_truth(e, err);
  return status;
}

static dv_status evaluate(evaluation* e, const dv_eval_source* source, int threads, bool* missing, dv_error* err)
{
  dv_eval_setup setup;
  dv_eval_setup_default(threads, &setup);
  dv_status status = dv_eval_source_find(source, e->pair->id, &e->found, missing, err);
  if (!status) status = dv_eval_setup_of_run(e->found.folder, &e->found.preset, &setup, err);
  if (!status) status = dv_eval_open(&setup, e->pair->dry, e->pair->wet, &e->track, err);
  if (status) return status;
  status = score_all(e, err);
  dv_eval_close(&e->track);
  return status;
}

void dv_eval_pair(const dv_pair* pair, const dv_eval_source* source, const dv_collection* nearest, int threads,
                  dv_eval_result* result)
{
  evaluation e = {.pair = pair, .nearest = nearest, .result = result};
  dv_error err = {""};
  bool missing = false;
  *result = (dv_eval_result){.id = pair->id, .has_bleed = pair->has_bleed};
  if (!evaluate(&e, source, threads, &missing, &err)) return;
  result->outcome = missing ? DV_EVAL_MISSING : DV_EVAL_FAILED;
  memcpy(result->reason, err.text, sizeof result->reason);
  for (int m = 0; m < DV_EVAL_METHODS; ++m) result->scores[m].known = false; /* all or nothing */
}
