/* SPDX-License-Identifier: MIT */
/* What was fitted is what plays: the real-time engine against the offline one on real singing.
 *
 *   null_test [--every N] [--seconds S]
 *
 * Renders every N-th preset (1) of the published corpora and every factory preset both ways over S seconds
 * (3) and prints the residual in dB re the offline output: the median, and the worst ten.  Fails when the
 * median is above -60 dB or one above -40 dB.  Voice and corpora are read beside the project
 * (../shared/audio, ../shared/corpora); without the voice the signal is synthetic, without the corpora only
 * factory presets run, and both are said. */
#include "datasets/audio.h"
#include "datasets/loudness.h"
#include "dsp/realtime/engine.h"
#include "dsp/render.h"
#include "presets/corpus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char VOICE[] = "../shared/audio/voice/vocadito_1.flac";
static const char CORPORA[] = "../shared/corpora";
static const double MEDIAN_LIMIT_DB = -60.0, WORST_LIMIT_DB = -40.0;
enum { BLOCK = 256, MAX_PRESETS = 1000, WORST = 10 };

typedef struct {
  char name[96];
  double residual_db;
} row;

typedef struct {
  float* voice;
  size_t samples;
  double rate_hz;
  size_t every, seen;
  bool have_corpora;
  row rows[MAX_PRESETS];
  size_t count, failed;
} null_test;

static void synthetic_voice(null_test* t)
{
  for (size_t i = 0; i < t->samples; ++i) {
    const double s = (double)i / t->rate_hz, pitch = 220.0 * (1.0 + 0.01 * sin(30.0 * s));
    double x = 0.0;
    for (int h = 1; h <= 40; ++h) x += sin(2.0 * M_PI * pitch * h * s) / h;
    t->voice[i] = (float)(0.2 * x * pow(sin(2.0 * s), 2.0));
  }
}

/* Three seconds of singing, at the level that presets were made for. */
static bool load_voice(null_test* t, double seconds)
{
  dv_audio audio;
  dv_error err;
  t->rate_hz = DV_MODEL_RATE_HZ;
  t->samples = (size_t)(seconds * t->rate_hz);
  t->voice = calloc(t->samples, sizeof *t->voice);
  if (!t->voice) return false;
  if (dv_audio_read(VOICE, &audio, &err)) {
    printf("no singing at %s: a synthetic voice instead\n", VOICE);
    synthetic_voice(t);
  } else {
    dv_audio_to_mono(&audio);
    const size_t from = audio.frames > 2 * t->samples ? t->samples : 0;
    for (size_t i = 0; i < t->samples && from + i < audio.frames; ++i) t->voice[i] = audio.samples[from + i];
    dv_audio_free(&audio);
  }
  const float* channel = t->voice;
  double lufs = 0.0;
  if (dv_loudness_lufs(&channel, 1, t->samples, t->rate_hz, &lufs, &err)) return false;
  const float gain = (float)pow(10.0, (DV_MODEL_LUFS - lufs) / 20.0);
  for (size_t i = 0; i < t->samples; ++i) t->voice[i] *= gain;
  return true;
}

static dv_status play(const null_test* t, const dv_chain_params* params, float* left, float* right, dv_error* err)
{
  dv_rt* rt = dv_rt_new(params, t->rate_hz, err);
  if (!rt) return DV_ERR_NOMEM;
  const size_t latency = dv_rt_latency(rt), total = t->samples + latency;
  float in[BLOCK], l[BLOCK], r[BLOCK];
  for (size_t start = 0; start < total; start += BLOCK) {
    const size_t n = total - start < BLOCK ? total - start : BLOCK;
    for (size_t i = 0; i < n; ++i) in[i] = start + i < t->samples ? t->voice[start + i] : 0.0f;
    dv_rt_process(rt, in, l, r, n);
    for (size_t i = 0; i < n; ++i)
      if (start + i >= latency) {
        left[start + i - latency] = l[i];
        right[start + i - latency] = r[i];
      }
  }
  dv_rt_free(rt);
  return DV_OK;
}

static double residual_db(const float* a[2], const float* b[2], size_t n)
{
  double power = 0.0, error = 0.0;
  for (int c = 0; c < 2; ++c)
    for (size_t i = 0; i < n; ++i) {
      const double e = (double)a[c][i] - (double)b[c][i];
      power += (double)b[c][i] * (double)b[c][i];
      error += e * e;
    }
  return 10.0 * log10((error + 1e-30) / (power + 1e-30));
}

static void compare(null_test* t, const char* name, const dv_chain_params* params)
{
  float* memory = calloc(4 * t->samples, sizeof *memory);
  dv_error err;
  if (!memory || t->count == MAX_PRESETS) {
    ++t->failed;
    free(memory);
    return;
  }
  float *offline[2] = {memory, memory + t->samples}, *live[2] = {memory + 2 * t->samples, memory + 3 * t->samples};
  dv_status status = dv_render(params, t->rate_hz, t->voice, t->samples, 0, offline[0], offline[1], NULL, NULL, &err);
  if (!status) status = play(t, params, live[0], live[1], &err);
  if (status) {
    printf("%s: %s\n", name, err.text);
    ++t->failed;
  } else {
    row* r = &t->rows[t->count++];
    snprintf(r->name, sizeof r->name, "%s", name);
    r->residual_db =
      residual_db((const float* [2]){live[0], live[1]}, (const float* [2]){offline[0], offline[1]}, t->samples);
  }
  free(memory);
}

static void visit(void* context, const char* spec, const char* comment)
{
  (void)comment;
  null_test* t = context;
  dv_preset preset;
  dv_error err;
  const bool published = strncmp(spec, "medleydb:", 9) == 0 || strncmp(spec, "internal:", 9) == 0;
  if (published && t->seen++ % t->every != 0) return;
  if (dv_preset_resolve(spec, t->have_corpora ? CORPORA : NULL, &preset, &err)) {
    printf("%s: %s\n", spec, err.text);
    ++t->failed;
    return;
  }
  compare(t, spec, &preset.params);
}

static int by_residual(const void* a, const void* b)
{
  const double x = ((const row*)a)->residual_db, y = ((const row*)b)->residual_db;
  return (x < y) - (x > y);
}

static bool report(null_test* t)
{
  qsort(t->rows, t->count, sizeof *t->rows, by_residual);
  const double median = t->rows[t->count / 2].residual_db, worst = t->rows[0].residual_db;
  printf("%zu presets, %.1f s of voice: median residual %.1f dB (at most %.0f), worst %.1f dB (at most %.0f)\n",
         t->count, (double)t->samples / t->rate_hz, median, MEDIAN_LIMIT_DB, worst, WORST_LIMIT_DB);
  for (size_t i = 0; i < WORST && i < t->count; ++i)
    printf("  %7.1f dB  %s\n", t->rows[i].residual_db, t->rows[i].name);
  return median <= MEDIAN_LIMIT_DB && worst <= WORST_LIMIT_DB;
}

int main(int argc, char** argv)
{
  static null_test t = {.every = 1};
  double seconds = 3.0;
  dv_error err;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!strcmp(argv[i], "--every")) t.every = (size_t)atoi(argv[i + 1]);
    if (!strcmp(argv[i], "--seconds")) seconds = atof(argv[i + 1]);
  }
  FILE* corpus = fopen("../shared/corpora/internal/raw_params.npy", "rb");
  t.have_corpora = corpus != NULL;
  if (corpus) fclose(corpus);
  else printf("skipping the published presets: no %s\n", CORPORA);
  if (t.every < 1 || !(seconds >= 0.5 && seconds <= 60.0) || !load_voice(&t, seconds)) return 2;
  if (dv_preset_list(t.have_corpora ? CORPORA : NULL, visit, &t, &err)) {
    puts(err.text);
    return 1;
  }
  const bool good = t.count > 0 && report(&t) && t.failed == 0;
  printf("%d passed, %d failed\n", good ? 1 : 0, good ? 0 : 1);
  free(t.voice);
  return good ? 0 : 1;
}
