/* SPDX-License-Identifier: MIT */
/* The corpus: factory presets on dry voices. */
#include "leaderboard.h"

#include "datasets/audio.h"
#include "datasets/file.h"
#include "datasets/loudness.h"
#include "datasets/manifest.h"
#include "datasets/resample.h"
#include "dsp/random.h"
#include "dsp/render.h"
#include "presets/corpus.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char VOICE_FOLDER[] = "../shared/audio/voice", WORD_FOLDER[] = "/usr/share/sounds/alsa";
static const char WORD_NOISE[] = "Noise.wav"; /* the one of them that is no word */

enum { MAX_VOICES = 64, MAX_PRESETS = 128, NAME_SIZE = 64, EXCERPT_DRAWS = 200 };

/* A shorter recording than this share of the wanted length is no voice of the corpus. */
static const double SHORTEST = 0.9;
/* An excerpt holds at least this share of its recording's mean power. */
static const double LOUD_ENOUGH = 0.5;

typedef struct {
  char name[NAME_SIZE];
  dv_audio audio; /* mono, 44.1 kHz */
} voice;

typedef struct {
  const leaderboard_make_options* options;
  voice voices[MAX_VOICES];
  size_t voice_count;
  char presets[MAX_PRESETS][NAME_SIZE];
  size_t preset_count;
  uint64_t random;
} corpus;

/* --- Voices ----------------------------------------------------------------------------------------------------- */

static bool is_folder(const char* path)
{
  struct stat st;
  return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* The file's name without folder and extension, of characters that an id may have. */
static void short_name(const char* path, char name[NAME_SIZE])
{
  const char* slash = strrchr(path, '/');
  snprintf(name, NAME_SIZE, "%s", slash ? slash + 1 : path);
  char* dot = strrchr(name, '.');
  if (dot) *dot = '\0';
  for (char* c = name; *c; ++c)
    if (!(*c >= '0' && *c <= '9') && !(*c >= 'A' && *c <= 'Z') && !(*c >= 'a' && *c <= 'z') && *c != '_') *c = '-';
}

static dv_status read_voice(const char* path, dv_audio* audio, dv_error* err)
{
  dv_status status = dv_audio_read(path, audio, err);
  if (!status) dv_audio_to_mono(audio);
  if (!status) status = dv_audio_resample(audio, DV_MODEL_RATE_HZ, err);
  return status;
}

static dv_status add_voice(corpus* c, const char* path, dv_error* err)
{
  if (c->voice_count == MAX_VOICES) return DV_OK;
  voice* v = &c->voices[c->voice_count];
  const dv_status status = read_voice(path, &v->audio, err);
  if (status) return status;
  if ((double)v->audio.frames < SHORTEST * c->options->seconds * DV_MODEL_RATE_HZ) {
    fprintf(stderr, "bench_leaderboard: %s: passed over: %.1f s\n", path, (double)v->audio.frames / DV_MODEL_RATE_HZ);
    dv_audio_free(&v->audio);
    return DV_OK;
  }
  short_name(path, v->name);
  ++c->voice_count;
  return DV_OK;
}

static int is_recording(const struct dirent* entry)
{
  const char* dot = strrchr(entry->d_name, '.');
  return entry->d_name[0] != '.' && dot && (!strcmp(dot, ".flac") || !strcmp(dot, ".wav"));
}

typedef dv_status (*visit_file)(corpus* c, const char* path, dv_error* err);

static dv_status each_recording(corpus* c, const char* folder, visit_file visit, dv_error* err)
{
  struct dirent** entries;
  const int count = scandir(folder, &entries, is_recording, alphasort);
  if (count < 0) return dv_file_error(err, folder, "read", errno);
  dv_status status = DV_OK;
  for (int i = 0; i < count; ++i) {
    char path[LEADERBOARD_PATH];
    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    if (!status) status = visit(c, path, err);
    free(entries[i]);
  }
  free(entries);
  return status;
}

/* Single words are too short: they become one voice. */
static dv_status append_word(corpus* c, const char* path, dv_error* err)
{
  const char* slash = strrchr(path, '/');
  dv_audio word, joined;
  if (slash && !strcmp(slash + 1, WORD_NOISE)) return DV_OK;
  dv_audio* all = &c->voices[0].audio;
  dv_status status = read_voice(path, &word, err);
  if (status) return status;
  status = dv_audio_alloc(1, all->frames + word.frames, DV_MODEL_RATE_HZ, &joined, err);
  if (!status) {
    if (all->frames) memcpy(joined.samples, all->samples, all->frames * sizeof *joined.samples);
    memcpy(joined.samples + all->frames, word.samples, word.frames * sizeof *joined.samples);
    dv_audio_free(all);
    *all = joined;
  }
  dv_audio_free(&word);
  return status;
}

static dv_status load_words(corpus* c, dv_error* err)
{
  const dv_status status = each_recording(c, WORD_FOLDER, append_word, err);
  if (status) return status;
  snprintf(c->voices[0].name, NAME_SIZE, "words");
  c->voice_count = c->voices[0].audio.frames > 0;
  return DV_OK;
}

static dv_status load_voices(corpus* c, dv_error* err)
{
  const leaderboard_make_options* o = c->options;
  dv_status status = DV_OK;
  if (!o->voice_count)
    status = is_folder(VOICE_FOLDER) ? each_recording(c, VOICE_FOLDER, add_voice, err) : load_words(c, err);
  for (size_t i = 0; !status && i < o->voice_count; ++i)
    status =
      is_folder(o->voices[i]) ? each_recording(c, o->voices[i], add_voice, err) : add_voice(c, o->voices[i], err);
  if (!status && !c->voice_count)
    status = dv_fail(err, DV_ERR_ARG, "no voice of %.1f s; give files or a folder of dry recordings that are longer",
                     o->seconds);
  return status;
}

/* --- Pairs ------------------------------------------------------------------------------------------------------ */

static void add_preset(void* context, const char* spec, const char* comment)
{
  corpus* c = context;
  (void)comment;
  if (strchr(spec, ':') || c->preset_count == MAX_PRESETS) return; /* a row of a published corpus */
  snprintf(c->presets[c->preset_count++], NAME_SIZE, "%s", spec);
}

static double mean_power(const float* x, size_t n)
{
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += (double)x[i] * (double)x[i];
  return sum / (double)n;
}

/* Where an excerpt begins that is not mostly a pause. */
static size_t choose_excerpt(corpus* c, const dv_audio* a, size_t frames)
{
  const double wanted = LOUD_ENOUGH * mean_power(a->samples, a->frames);
  size_t start = 0;
  for (int draw = 0; draw < EXCERPT_DRAWS; ++draw) {
    start = (size_t)(dv_random_uniform(&c->random) * (double)(a->frames - frames + 1));
    if (mean_power(a->samples + start, frames) >= wanted) break;
  }
  return start;
}

static dv_status make_dry(corpus* c, const dv_audio* from, dv_audio* dry, dv_error* err)
{
  const size_t wanted = (size_t)lround(c->options->seconds * DV_MODEL_RATE_HZ);
  const size_t frames = from->frames < wanted ? from->frames : wanted, start = choose_excerpt(c, from, frames);
  dv_status status = dv_audio_alloc(1, frames, DV_MODEL_RATE_HZ, dry, err);
  if (status) return status;
  memcpy(dry->samples, from->samples + start, frames * sizeof *dry->samples);
  double lufs;
  const float* channels[] = {dry->samples};
  status = dv_loudness_lufs(channels, 1, frames, DV_MODEL_RATE_HZ, &lufs, err);
  if (status) dv_audio_free(dry);
  else dv_audio_apply_gain(dry, DV_MODEL_LUFS - lufs);
  return status;
}

static dv_status write_sound(const dv_preset* preset, const dv_audio* dry, const dv_pair* pair, dv_error* err)
{
  dv_audio wet;
  dv_status status = dv_audio_alloc(2, dry->frames, DV_MODEL_RATE_HZ, &wet, err);
  if (status) return status;
  status = dv_render(&preset->params, DV_MODEL_RATE_HZ, dry->samples, dry->frames, 0, dv_audio_channel(&wet, 0),
                     dv_audio_channel(&wet, 1), NULL, NULL, err);
  if (!status) status = dv_audio_write(pair->dry, dry, NULL, err);
  if (!status) status = dv_audio_write(pair->wet, &wet, NULL, err);
  dv_audio_free(&wet);
  return status;
}

static dv_status make_folder(const char* path, dv_error* err)
{
  return mkdir(path, 0777) && errno != EEXIST ? dv_file_error(err, path, "make the folder", errno) : DV_OK;
}

static dv_status make_pair(corpus* c, size_t index, dv_manifest* manifest, dv_error* err)
{
  const size_t round = index / c->preset_count;
  const char* name = c->presets[index % c->preset_count];
  const voice* v = &c->voices[(index + round) % c->voice_count];
  char id[DV_MANIFEST_MAX_ID], folder[LEADERBOARD_PATH / 2], why[256], path[3][LEADERBOARD_PATH];
  dv_preset preset;
  dv_audio dry;
  snprintf(id, sizeof id, "%02zu-%s-%s", index + 1, name, v->name);
  snprintf(folder, sizeof folder, "%s/%s", c->options->folder, id);
  snprintf(why, sizeof why, "rendered through the factory preset %s", name);
  static const char* const files[] = {"dry.wav", "wet.wav", "truth.json"};
  for (size_t i = 0; i < 3; ++i) snprintf(path[i], sizeof path[i], "%s/%s", folder, files[i]);
  const dv_pair pair = {.id = id, .dry = path[0], .wet = path[1], .why = why, .truth = path[2]};
  dv_status status = dv_preset_resolve(name, NULL, &preset, err);
  if (!status) status = make_folder(folder, err);
  if (!status) status = make_dry(c, &v->audio, &dry, err);
  if (status) return status;
  status = write_sound(&preset, &dry, &pair, err);
  dv_audio_free(&dry);
  preset.input_gain_db = preset.output_gain_db = 0.0; /* what was rendered */
  if (!status) status = dv_preset_write(pair.truth, &preset, err);
  if (!status) status = dv_manifest_add(manifest, &pair, err);
  return status;
}

static dv_status make_pairs(corpus* c, dv_error* err)
{
  char path[LEADERBOARD_PATH];
  dv_manifest manifest = {0};
  dv_status status = make_folder(c->options->folder, err);
  if (!status) status = dv_preset_list(NULL, add_preset, c, err);
  if (!status && !c->preset_count) status = dv_fail(err, DV_ERR_ARG, "no factory presets; set DIFFVOX_PRESETS");
  for (size_t i = 0; !status && i < c->options->pairs; ++i) status = make_pair(c, i, &manifest, err);
  snprintf(path, sizeof path, "%s/manifest.jsonl", c->options->folder);
  if (!status) status = dv_manifest_write(path, &manifest, err);
  if (!status)
    printf("%s: %zu pairs, %zu presets, %zu voices\n", path, manifest.count, c->preset_count, c->voice_count);
  dv_manifest_free(&manifest);
  return status;
}

dv_status leaderboard_make(const leaderboard_make_options* options, dv_error* err)
{
  corpus* c = calloc(1, sizeof *c);
  if (!c) return dv_fail(err, DV_ERR_NOMEM, "out of memory");
  c->options = options;
  dv_status status = load_voices(c, err);
  if (!status) status = make_pairs(c, err);
  for (size_t i = 0; i < MAX_VOICES; ++i) dv_audio_free(&c->voices[i].audio);
  free(c);
  return status;
}
