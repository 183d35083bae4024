/* SPDX-License-Identifier: MIT */
/* What was fitted is what plays in a host: the plugin, with presets loaded as LV2 presets, against the offline engine.
 *
 *   null_host BUNDLES [--presets BUNDLE] [--every N] [--rate HZ]
 *
 * Renders every N-th preset (1) of the factory bundle, or of the one given, both ways over three seconds of singing
 * and prints the residual in dB re the offline output, latency compensated: the median, and the worst ten.  Fails
 * when the median is above -100 dB or one above -60 dB.  The presets themselves are looked up under their labels
 * among all presets there are (DIFFVOX_CORPORA).  Without ../shared/audio the signal is synthetic, which is said. */
#include "datasets/audio.h"
#include "datasets/loudness.h"
#include "dsp/render.h"
#include "hosts/host.h"
#include "plugin/preset_bundle.h"
#include "presets/corpus.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char VOICE[] = "../shared/audio/voice/vocadito_1.flac";
static const double MEDIAN_LIMIT_DB = -100.0, WORST_LIMIT_DB = -60.0;
enum { BLOCK = 256, MAX_PRESETS = 1000, WORST = 10 };

typedef struct {
  char label[192];
  double residual_db;
} row;

typedef struct {
  dv_host_world* world;
  dv_host* host;
  double rate_hz;
  size_t frames, every, seen, count, failed;
  float *voice, *offline[2], *live[2];
  row rows[MAX_PRESETS];
} bench;

static void load_voice(bench* b)
{
  dv_audio audio;
  dv_error err;
  double lufs;
  if (dv_audio_read(VOICE, &audio, &err)) {
    printf("no singing at %s: a synthetic voice instead\n", VOICE);
    for (size_t i = 0; i < b->frames; ++i) {
      const double s = (double)i / b->rate_hz;
      for (int h = 1; h <= 20; ++h) b->voice[i] += (float)(0.1 / h * sin(1382.0 * h * s + 3.0 * sin(30.0 * s)));
    }
  } else {
    dv_audio_to_mono(&audio);
    for (size_t i = 0; i < b->frames && b->frames + i < audio.frames; ++i) b->voice[i] = audio.samples[b->frames + i];
    dv_audio_free(&audio);
  }
  const float* channel = b->voice;
  if (dv_loudness_lufs(&channel, 1, b->frames, b->rate_hz, &lufs, &err)) return;
  const float gain = (float)pow(10.0, (DV_MODEL_LUFS - lufs) / 20.0);
  for (size_t i = 0; i < b->frames; ++i) b->voice[i] *= gain;
}

static void play(bench* b)
{
  const size_t latency = 1 + (size_t)(0.015 * b->rate_hz), total = b->frames + latency;
  float* memory = calloc(3 * total, sizeof *memory);
  if (!memory) abort();
  float *in = memory, *left = memory + total, *right = memory + 2 * total;
  memcpy(in, b->voice, b->frames * sizeof *in);
  dv_host_reactivate(b->host);
  dv_host_play(b->host, in, in, left, right, total, BLOCK);
  const size_t late = dv_host_latency(b->host);
  memcpy(b->live[0], left + late, b->frames * sizeof *left);
  memcpy(b->live[1], right + late, b->frames * sizeof *right);
  free(memory);
}

static double residual_db(const bench* b)
{
  double power = 1e-30, error = 1e-30;
  for (int c = 0; c < 2; ++c)
    for (size_t i = 0; i < b->frames; ++i) {
      const double e = (double)b->live[c][i] - (double)b->offline[c][i];
      power += (double)b->offline[c][i] * (double)b->offline[c][i];
      error += e * e;
    }
  return 10.0 * log10(error / power);
}

static void compare(bench* b, const dv_preset* preset, const char* label, size_t index)
{
  dv_error err;
  if (dv_render(&preset->params, b->rate_hz, b->voice, b->frames, 0, b->offline[0], b->offline[1], NULL, NULL, &err)) {
    printf("%s: %s\n", label, err.text);
    ++b->failed;
    return;
  }
  dv_host_load_preset(b->host, index);
  play(b);
  row* r = &b->rows[b->count++];
  snprintf(r->label, sizeof r->label, "%s", label);
  r->residual_db = residual_db(b);
}

/* Finds the preset in the bundle by the name that hosts show. */
static void visit(void* context, const char* spec, const char* comment)
{
  (void)comment;
  bench* b = context;
  dv_preset preset;
  dv_lv2_label label;
  dv_error err;
  if (b->count == MAX_PRESETS || dv_preset_resolve(spec, NULL, &preset, &err)) return;
  dv_lv2_label_make(&preset, &label);
  for (size_t i = 0; i < dv_host_preset_count(b->world); ++i)
    if (!strcmp(dv_host_preset_label(b->world, i), label.label)) {
      if (b->seen++ % b->every == 0) compare(b, &preset, label.label, i);
      return;
    }
}

static int by_residual(const void* a, const void* b)
{
  const double x = ((const row*)a)->residual_db, y = ((const row*)b)->residual_db;
  return (x < y) - (x > y);
}

static bool report(bench* b)
{
  qsort(b->rows, b->count, sizeof *b->rows, by_residual);
  const double median = b->rows[b->count / 2].residual_db, worst = b->rows[0].residual_db;
  printf("%zu presets at %g Hz: median residual %.1f dB (at most %.0f), worst %.1f dB (at most %.0f)\n", b->count,
         b->rate_hz, median, MEDIAN_LIMIT_DB, worst, WORST_LIMIT_DB);
  for (size_t i = 0; i < WORST && i < b->count; ++i)
    printf("  %7.1f dB  %s\n", b->rows[i].residual_db, b->rows[i].label);
  return median <= MEDIAN_LIMIT_DB && worst <= WORST_LIMIT_DB;
}

int main(int argc, char** argv)
{
  static bench b = {.every = 1, .rate_hz = DV_MODEL_RATE_HZ};
  const char* presets = NULL;
  dv_error err;
  if (argc < 2) return 2;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (!strcmp(argv[i], "--presets")) presets = argv[i + 1];
    if (!strcmp(argv[i], "--every")) b.every = (size_t)atoi(argv[i + 1]);
    if (!strcmp(argv[i], "--rate")) b.rate_hz = atof(argv[i + 1]);
  }
  if (b.every < 1 || b.rate_hz < 8000.0) return 2;
  b.frames = (size_t)(3.0 * b.rate_hz);
  float* memory = calloc(5 * b.frames, sizeof *memory);
  if (!memory) return 2;
  b.voice = memory;
  for (int c = 0; c < 2; ++c) {
    b.offline[c] = memory + (size_t)(1 + c) * b.frames;
    b.live[c] = memory + (size_t)(3 + c) * b.frames;
  }
  b.world = dv_host_world_new(argv[1], presets);
  b.host = dv_host_new(b.world, false, b.rate_hz, DV_HOST_PLAIN);
  load_voice(&b);
  const bool listed = !dv_preset_list(NULL, visit, &b, &err);
  const bool good = listed && b.count > 0 && report(&b) && b.failed == 0;
  printf("%d passed, %d failed\n", good ? 1 : 0, good ? 0 : 1);
  dv_host_free(b.host);
  dv_host_world_free(b.world);
  free(memory);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
