/* SPDX-License-Identifier: MIT */
/* features: what the components of a corpus do to a voice. */
#include "datasets/audio.h"
#include "datasets/file.h"
#include "datasets/loudness.h"
#include "estimator/progress.h"
#include "presets/pca.h"
#include "presets/preset.h"
#include "presets/study_file.h"
#include "presets/tool.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = DV_EFFECTIVE_COUNT, DEFAULT_PRESETS = 12, DEFAULT_COMPONENTS = 4 };

static volatile sig_atomic_t interrupted;
static void on_interrupt(int signal_number)
{
  (void)signal_number;
  interrupted = 1;
}

static int show(void* context, double done)
{
  dv_progress_show(context, "rendering", done, "");
  return interrupted;
}

/* Mono, its first seconds, at the loudness that presets are made for. */
static dv_status read_voice(const dv_tool_options* o, dv_audio* voice, dv_error* err)
{
  double lufs;
  dv_status status = dv_audio_read(o->voice, voice, err);
  if (status) return status;
  dv_audio_to_mono(voice);
  const size_t most = (size_t)(o->seconds * voice->rate_hz);
  if (voice->frames > most) voice->frames = most;
  const float* channel = voice->samples;
  status = dv_loudness_lufs(&channel, 1, voice->frames, voice->rate_hz, &lufs, err);
  if (!status) dv_audio_apply_gain(voice, DV_MODEL_LUFS - lufs);
  else dv_audio_free(voice);
  return status;
}

static void print_study(const dv_study_record* record)
{
  printf("%s: %zu presets moved by -2 to 2 standard deviations along %zu components; voice %s, %.1f s\n",
         record->corpus, record->study.bases, record->study.components, record->voice, record->voice_s);
  for (size_t c = 0; c < record->study.components; ++c) {
    char text[160];
    printf("\nPC%zu: more of it is %s\n", c + 1, dv_study_describe(&record->study, c, text, sizeof text));
    for (size_t f = 0; f < DV_FEATURE_COUNT; ++f) {
      const dv_study_cell* cell = &record->study.cell[c][f];
      const dv_feature_info* info = dv_feature_at((dv_feature)f);
      printf("  %-28s r = %+.2f (%+.2f to %+.2f)  %+.3g %s a sigma\n", info->label, cell->r, cell->low, cell->high,
             cell->slope, info->logarithmic ? "octaves" : info->unit);
    }
  }
}

static dv_status put_study(const dv_tool_options* o, const dv_study_record* record, dv_error* err)
{
  json_t* root = dv_study_to_json(record);
  char* text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
  dv_status status = text ? DV_OK : dv_fail(err, DV_ERR_NOMEM, "No memory for the study");
  if (!status && o->output) status = dv_file_write(o->output, text, strlen(text), err);
  if (!status && o->json) puts(text);
  else if (!status && !o->quiet) print_study(record);
  free(text);
  json_decref(root);
  return status;
}

static dv_status run_study(const dv_tool_options* o, const dv_collection* corpus, const dv_audio* voice,
                           const dv_prior* prior, dv_study_record* record, dv_error* err)
{
  const size_t wanted = o->count ? o->count : DEFAULT_PRESETS;
  const size_t bases = wanted < corpus->count ? wanted : corpus->count;
  const size_t components = o->components ? o->components : DEFAULT_COMPONENTS;
  if (components > prior->components)
    return dv_fail(err, DV_ERR_ARG, "%s: has %zu components, not %zu", corpus->label, prior->components, components);
  double sigma[DV_STUDY_MAX_COMPONENTS];
  for (size_t c = 0; c < components; ++c) sigma[c] = sqrt(prior->variance[c]);
  double* rows = malloc(bases * SIZE * sizeof *rows);
  if (!rows) return dv_fail(err, DV_ERR_NOMEM, "No memory for %zu presets", bases);
  dv_collection_subsample(corpus, bases, o->seed, rows);
  const dv_study_design design = {rows, bases, components, prior->component, sigma, o->seed};
  dv_progress progress;
  dv_progress_start(&progress, stderr, o->quiet);
  const dv_status status =
    dv_study_run(&design, voice->rate_hz, voice->samples, voice->frames, show, &progress, &record->study, err);
  dv_progress_end(&progress);
  free(rows);
  return status;
}

dv_status dv_tool_features(const dv_tool_options* o, dv_error* err)
{
  dv_collection corpus;
  dv_audio voice = {0};
  dv_study_record record = {.seed = o->seed};
  dv_status status = dv_tool_load(o, o->inputs[0], &corpus, err);
  if (status) return status;
  dv_prior* prior = malloc(sizeof *prior);
  if (!prior) status = dv_fail(err, DV_ERR_NOMEM, "No memory for the components");
  if (!status) status = dv_prior_estimate(corpus.effective, corpus.count, corpus.label, prior, err);
  if (!status) status = read_voice(o, &voice, err);
  signal(SIGINT, on_interrupt);
  if (!status) status = run_study(o, &corpus, &voice, prior, &record, err);
  const char* slash = strrchr(o->voice, '/');
  dv_preset_set_text(record.voice, sizeof record.voice, slash ? slash + 1 : o->voice);
  dv_preset_set_text(record.corpus, sizeof record.corpus, corpus.label);
  record.voice_s = voice.rate_hz > 0.0 ? (double)voice.frames / voice.rate_hz : 0.0;
  if (!status) status = put_study(o, &record, err);
  dv_audio_free(&voice);
  free(prior);
  dv_collection_free(&corpus);
  return status;
}
