/* SPDX-License-Identifier: MIT */
/* sample, morph, move: presets out of statistics. */
#include "datasets/file.h"
#include "datasets/npy.h"
#include "presets/corpus.h"
#include "presets/folders.h"
#include "presets/pca.h"
#include "presets/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool ends_in(const char* path, const char* extension)
{
  const size_t a = strlen(path), b = strlen(extension);
  return a > b && !strcmp(path + a - b, extension);
}

static dv_status write_preset(dv_preset* preset, const double raw[DV_PARAM_COUNT], const char* name, const char* path,
                              dv_error* err)
{
  double held[DV_PARAM_COUNT];
  memcpy(held, raw, sizeof held);
  dv_raw_clamp(held);
  dv_params_from_raw(held, &preset->params);
  dv_preset_set_text(preset->name, sizeof preset->name, name);
  dv_preset_note_text(preset, "created_by", "preset-analysis " DV_VERSION);
  return dv_preset_write(path, preset, err);
}

/* The prior that --prior names, or the one of a corpus. */
static dv_status get_prior(const dv_tool_options* o, const char* corpus_spec, dv_prior* prior, dv_error* err)
{
  dv_collection corpus;
  if (!corpus_spec) return dv_prior_resolve(o->prior ? o->prior : "internal", prior, err);
  dv_status status = dv_tool_load(o, corpus_spec, &corpus, err);
  if (status) return status;
  status = dv_prior_estimate(corpus.effective, corpus.count, corpus.label, prior, err);
  dv_collection_free(&corpus);
  return status;
}

/* --- sample ------------------------------------------------------------------------------------------------- */

static dv_status sample_one(const dv_prior* prior, const char* path, size_t number, uint64_t seed, uint64_t* state,
                            dv_error* err)
{
  dv_preset preset;
  char name[96];
  double raw[DV_PARAM_COUNT];
  dv_preset_init(&preset);
  dv_prior_sample(prior, state, raw);
  snprintf(name, sizeof name, "Sample %zu of seed %llu", number, (unsigned long long)seed);
  dv_preset_note_text(&preset, "source", prior->source);
  dv_preset_note_number(&preset, "seed", (double)seed);
  return write_preset(&preset, raw, name, path, err);
}

static dv_status sample_folder(const dv_prior* prior, const dv_tool_options* o, size_t count, dv_error* err)
{
  uint64_t state = o->seed;
  dv_status status = DV_OK;
  if (mkdir(o->output, 0777) && errno != EEXIST) return dv_file_error(err, o->output, "make the folder", errno);
  for (size_t i = 1; !status && i <= count; ++i) {
    char file[48], path[PATH_MAX];
    snprintf(file, sizeof file, "sample-%04zu.json", i);
    if (!dv_path_join(path, o->output, file))
      return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(o->output));
    status = sample_one(prior, path, i, o->seed, &state, err);
  }
  return status;
}

static dv_status sample_rows(const dv_prior* prior, const dv_tool_options* o, size_t count, dv_error* err)
{
  const size_t shape[] = {count, DV_PRESET_SIZE};
  uint64_t state = o->seed;
  double* rows = malloc(count * DV_PRESET_SIZE * sizeof *rows);
  if (!rows) return dv_fail(err, DV_ERR_NOMEM, "No memory for %zu presets", count);
  for (size_t i = 0; i < count; ++i) {
    double raw[DV_PARAM_COUNT];
    dv_prior_sample(prior, &state, raw);
    dv_raw_clamp(raw);
    memcpy(rows + i * DV_PRESET_SIZE, raw, DV_PRESET_SIZE * sizeof *rows);
  }
  const dv_status status = dv_npy_write(o->output, DV_NPY_F8, 2, shape, rows, err);
  free(rows);
  return status;
}

dv_status dv_tool_sample(const dv_tool_options* o, dv_error* err)
{
  const size_t count = o->count ? o->count : 1;
  uint64_t state = o->seed;
  if (ends_in(o->output, ".json") && count > 1)
    return dv_fail(err, DV_ERR_ARG, "%s: one file holds one preset; give a folder or a .npy file for %zu",
                   dv_file_label(o->output), count);
  dv_prior* prior = malloc(sizeof *prior);
  if (!prior) return dv_fail(err, DV_ERR_NOMEM, "No memory for the prior");
  dv_status status = get_prior(o, o->inputs[0], prior, err);
  if (!status && ends_in(o->output, ".json")) status = sample_one(prior, o->output, 1, o->seed, &state, err);
  else if (!status && ends_in(o->output, ".npy")) status = sample_rows(prior, o, count, err);
  else if (!status) status = sample_folder(prior, o, count, err);
  free(prior);
  return status ? status : dv_tool_print_written(o, o->output, err);
}

/* --- morph -------------------------------------------------------------------------------------------------- */

dv_status dv_tool_morph(const dv_tool_options* o, dv_error* err)
{
  dv_preset a, b;
  char name[96];
  double from[DV_PARAM_COUNT], to[DV_PARAM_COUNT];
  dv_status status = dv_preset_resolve(o->inputs[0], o->corpora, &a, err);
  if (!status) status = dv_preset_resolve(o->inputs[1], o->corpora, &b, err);
  if (!status) status = dv_params_to_raw(&a.params, from, err);
  if (!status) status = dv_params_to_raw(&b.params, to, err);
  if (status) return status;
  const double t = o->amount;
  for (int i = 0; i < DV_PARAM_COUNT; ++i) from[i] = (1.0 - t) * from[i] + t * to[i];
  dv_preset morphed;
  dv_preset_init(&morphed);
  morphed.input_gain_db = (1.0 - t) * a.input_gain_db + t * b.input_gain_db;
  morphed.output_gain_db = (1.0 - t) * a.output_gain_db + t * b.output_gain_db;
  snprintf(name, sizeof name, "%.30s to %.30s, %.0f%%", a.name, b.name, 100.0 * t);
  dv_preset_note_text(&morphed, "morphed_from", o->inputs[0]);
  dv_preset_note_text(&morphed, "morphed_to", o->inputs[1]);
  dv_preset_note_number(&morphed, "morphed_by", t);
  status = write_preset(&morphed, from, name, o->output, err);
  return status ? status : dv_tool_print_written(o, o->output, err);
}

/* --- move --------------------------------------------------------------------------------------------------- */

static dv_status apply_moves(const dv_tool_options* o, const dv_prior* prior, double raw[DV_PARAM_COUNT],
                             dv_preset* preset, dv_error* err)
{
  for (size_t i = 0; i < o->move_count; ++i) {
    const size_t component = o->moves[i].component;
    char key[32];
    if (component >= prior->components)
      return dv_fail(err, DV_ERR_ARG, "--pc %zu: the prior has components 1 to %zu", component + 1, prior->components);
    dv_prior_move(prior, component, o->moves[i].sigmas, raw);
    snprintf(key, sizeof key, "moved_pc%zu", component + 1);
    dv_preset_note_number(preset, key, o->moves[i].sigmas);
  }
  return DV_OK;
}

dv_status dv_tool_move(const dv_tool_options* o, dv_error* err)
{
  dv_preset preset;
  double raw[DV_PARAM_COUNT];
  dv_prior* prior = malloc(sizeof *prior);
  if (!prior) return dv_fail(err, DV_ERR_NOMEM, "No memory for the prior");
  dv_status status = dv_preset_resolve(o->inputs[0], o->corpora, &preset, err);
  if (!status) status = get_prior(o, NULL, prior, err);
  if (!status) status = dv_params_to_raw(&preset.params, raw, err);
  if (!status) status = apply_moves(o, prior, raw, &preset, err);
  free(prior);
  char name[96];
  snprintf(name, sizeof name, "%.80s, moved", preset.name);
  if (!status) status = write_preset(&preset, raw, name, o->output, err);
  return status ? status : dv_tool_print_written(o, o->output, err);
}
