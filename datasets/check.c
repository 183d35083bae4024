/* SPDX-License-Identifier: MIT */
#include "datasets/check.h"

#include "datasets/file.h"
#include "dsp/parameters.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double LEAST_S = 0.4;    /* one block of the loudness measure */
static const double ENOUGH_S = 5.0;   /* of sound; a fit of less rests on a few syllables */
static const double SOUND_DB = -60.0; /* of full scale: what the published procedure takes for sound */
static const double BLOCK_S = 0.1;
static const float CLIP_FLOOR = 0.25f;  /* of full scale: flat tops far below are a gate's or a synthesizer's */
enum { CLIP_RUN = 3, CLIP_EVENTS = 3 }; /* equal samples at the top that are one flat; flats that are no accident */

const char* dv_check_verdict_name(dv_check_verdict verdict)
{
  static const char* const names[] = {"ok", "warning", "bad"};
  return names[verdict];
}

const char* dv_check_kind_name(dv_check_kind kind)
{
  static const char* const names[DV_CHECK_KINDS] = {
    "note",  "missing",   "unreadable", "silent",  "clipped", "stereo_dry", "channels", "short",
    "level", "unrelated", "lag_limit",  "swapped", "same",    "rates",      "low_rate", "has_bleed"};
  return names[kind];
}

static void find(dv_check_result* r, dv_check_verdict verdict, dv_check_kind kind, const char* format, ...)
  DV_PRINTF(4, 5);

static void find(dv_check_result* r, dv_check_verdict verdict, dv_check_kind kind, const char* format, ...)
{
  if (verdict > r->verdict) r->verdict = verdict;
  if (r->count >= DV_CHECK_MAX_FINDINGS) return;
  dv_check_finding* f = &r->findings[r->count++];
  *f = (dv_check_finding){.verdict = verdict, .kind = kind};
  va_list args;
  va_start(args, format);
  vsnprintf(f->text, sizeof f->text, format, args);
  va_end(args);
}

/* ---- the files ---- */

typedef struct {
  size_t events, longest; /* flats at the top, and the samples of the longest */
  double level;           /* of full scale */
} clipping;

/* Flats at one value, the highest or the lowest: a converter's limits differ by a step. */
static void count_flats(const float* x, size_t frames, float top, clipping* c)
{
  for (size_t i = 0, run = 0; i <= frames; ++i) {
    if (i < frames && x[i] == top) {
      ++run;
      continue;
    }
    if (run >= CLIP_RUN) ++c->events;
    if (run > c->longest) c->longest = run;
    run = 0;
  }
}

static void find_clipping(const char* path, const dv_audio* audio, dv_check_result* r)
{
  clipping c = {0};
  for (size_t channel = 0; channel < audio->channels; ++channel) {
    const float* x = dv_audio_channel(audio, channel);
    float high = 0.0f, low = 0.0f;
    for (size_t i = 0; i < audio->frames; ++i) {
      high = fmaxf(high, x[i]);
      low = fminf(low, x[i]);
    }
    if (high >= CLIP_FLOOR) count_flats(x, audio->frames, high, &c);
    if (low <= -CLIP_FLOOR) count_flats(x, audio->frames, low, &c);
    c.level = fmax(c.level, (double)fmaxf(high, -low));
  }
  if (c.events < CLIP_EVENTS) return;
  find(r, DV_CHECK_WARNING, DV_CHECK_CLIPPED,
       "%s: is clipped at %.1f dBFS in %zu places, up to %zu samples long: effects cannot be told from the distortion; "
       "export it at a lower level",
       dv_file_label(path), 20.0 * log10(c.level), c.events, c.longest);
}

static bool is_silent(const dv_audio* audio)
{
  for (size_t i = 0; i < audio->channels * audio->frames; ++i)
    if (audio->samples[i] != 0.0f) return false;
  return true;
}

/* Reads a file and says what is wrong with it alone.  *usable: whether there is any use in going on. */
static dv_status look_at_file(const char* path, dv_audio* audio, bool* usable, dv_check_result* r, dv_error* err)
{
  const dv_status status = dv_audio_read(path, audio, err);
  *usable = false;
  if (status == DV_ERR_NOMEM) return status;
  if (status) {
    find(r, DV_CHECK_BAD, access(path, F_OK) ? DV_CHECK_MISSING : DV_CHECK_UNREADABLE, "%s", err->text);
  } else if (is_silent(audio)) {
    find(r, DV_CHECK_BAD, DV_CHECK_SILENT, "%s: is silent: every sample is 0; export the stem again",
         dv_file_label(path));
  } else {
    find_clipping(path, audio, r);
    *usable = true;
  }
  return DV_OK;
}

static bool is_same(const dv_audio* a, const dv_audio* b)
{
  return a->channels == b->channels && a->frames == b->frames &&
         !memcmp(a->samples, b->samples, a->channels * a->frames * sizeof *a->samples);
}

static void compare_files(const dv_pair* pair, const dv_audio* dry, const dv_audio* wet, dv_check_result* r)
{
  if (dry->rate_hz != wet->rate_hz)
    find(r, DV_CHECK_WARNING, DV_CHECK_RATES,
         "the rates differ: %g Hz dry, %g Hz wet; were both exported from one session? The fit resamples them",
         dry->rate_hz, wet->rate_hz);
  if (is_same(dry, wet))
    find(r, DV_CHECK_WARNING, DV_CHECK_SAME, "%s: holds the same samples as the dry stem: there are no effects to find",
         dv_file_label(pair->wet));
}

/* *usable: both can be given to a fit. */
static dv_status look_at_files(const dv_pair* pair, bool* usable, dv_check_result* r, dv_error* err)
{
  dv_audio dry = {0}, wet = {0};
  bool dry_usable, wet_usable = false;
  dv_status status = look_at_file(pair->dry, &dry, &dry_usable, r, err);
  if (!status) status = look_at_file(pair->wet, &wet, &wet_usable, r, err);
  r->dry_rate_hz = dry.rate_hz;
  r->wet_rate_hz = wet.rate_hz;
  r->dry_channels = dry.channels;
  r->wet_channels = wet.channels;
  *usable = !status && dry_usable && wet_usable;
  if (*usable) compare_files(pair, &dry, &wet, r);
  dv_audio_free(&dry);
  dv_audio_free(&wet);
  return status;
}

/* ---- the pair ---- */

static double sound_s(const dv_stems* s)
{
  const size_t block = (size_t)(BLOCK_S * DV_MODEL_RATE_HZ);
  const double least = (double)block * pow(10.0, SOUND_DB / 10.0);
  double seconds = 0.0;
  for (size_t start = 0; start < s->frames; start += block) {
    const size_t end = start + block < s->frames ? start + block : s->frames;
    double energy = 0.0;
    for (size_t i = start; i < end; ++i) energy += (double)s->dry[i] * (double)s->dry[i];
    if (energy > least) seconds += (double)(end - start) / DV_MODEL_RATE_HZ;
  }
  return seconds;
}

/* dv_stems tells in words only; tests/test_check.c would notice other ones. */
static dv_check_kind kind_of(const dv_stems_note* note)
{
  static const struct {
    const char* words;
    dv_check_kind kind;
  } known[] = {{"its channels differ", DV_CHECK_STEREO_DRY},
               {"is the first really the dry stem", DV_CHECK_SWAPPED},
               {"the response runs backwards", DV_CHECK_SWAPPED},
               {"nothing is learned there", DV_CHECK_LOW_RATE}};
  for (size_t i = 0; note->warning && i < sizeof known / sizeof *known; ++i)
    if (strstr(note->text, known[i].words)) return known[i].kind;
  return DV_CHECK_NOTE;
}

static void take_over(const dv_stems* s, dv_check_result* r)
{
  for (size_t i = 0; i < s->note_count; ++i)
    find(r, s->notes[i].warning ? DV_CHECK_WARNING : DV_CHECK_OK, kind_of(&s->notes[i]), "%s", s->notes[i].text);
  r->prepared = true;
  r->seconds = (double)s->frames / DV_MODEL_RATE_HZ;
  r->sound_s = sound_s(s);
  r->lag_samples = s->lag_samples;
  r->polarity = s->polarity;
  r->confidence = s->alignment.confidence;
  r->dry_lufs = s->dry_source.lufs;
  r->wet_lufs = s->wet_source.lufs;
  if (r->sound_s < ENOUGH_S)
    find(r, DV_CHECK_WARNING, DV_CHECK_SHORT, "only %.1f s of the dry stem hold sound; %g s or more tell its effects",
         r->sound_s, ENOUGH_S);
}

/* Why dv_stems_read refused files that can be read: by reading them without alignment, which refuses less. */
static dv_check_kind find_reason(const dv_pair* pair, const dv_stems_config* config, const dv_check_result* r)
{
  dv_stems s;
  dv_stems_config lenient = *config;
  lenient.align = DV_ALIGN_OFF;
  lenient.normalise = false;
  if (r->wet_channels > 2) return DV_CHECK_CHANNELS;
  if (dv_stems_read(pair->dry, pair->wet, &lenient, &s, NULL)) return DV_CHECK_SHORT;
  const dv_alignment* a = &s.alignment;
  const double overlap = (double)s.frames - fabs((double)a->lag_samples);
  dv_check_kind kind = overlap < LEAST_S * DV_MODEL_RATE_HZ ? DV_CHECK_SHORT : DV_CHECK_LEVEL;
  if (config->align == DV_ALIGN_AUTO && a->at_limit) kind = DV_CHECK_LAG_LIMIT;
  if (config->align == DV_ALIGN_AUTO && !a->matched) kind = DV_CHECK_UNRELATED;
  dv_stems_free(&s);
  return kind;
}

static dv_status look_at_pair(const dv_pair* pair, const dv_stems_config* config, dv_check_result* r, dv_error* err)
{
  dv_stems s;
  const dv_status status = dv_stems_read(pair->dry, pair->wet, config, &s, err);
  if (status == DV_ERR_NOMEM) return status;
  if (status) find(r, DV_CHECK_BAD, find_reason(pair, config, r), "%s", err->text);
  else take_over(&s, r);
  dv_stems_free(&s);
  return DV_OK;
}

dv_status dv_check_pair(const dv_pair* pair, const dv_stems_config* config, dv_check_result* result, dv_error* err)
{
  dv_error own;
  bool usable;
  if (!err) err = &own;
  *result = (dv_check_result){.polarity = 1};
  if (!(config->search_s > 0.0 && config->search_s <= DV_ALIGN_MAX_SEARCH_S))
    return dv_fail(err, DV_ERR_ARG, "The search for the lag is %g s; give more than 0, up to %g s", config->search_s,
                   DV_ALIGN_MAX_SEARCH_S);
  if (pair->has_bleed)
    find(result, DV_CHECK_WARNING, DV_CHECK_BLEED,
         "the song has has_bleed: other instruments are heard in the recording, and the fit explains them too");
  const dv_status status = look_at_files(pair, &usable, result, err);
  return status || !usable ? status : look_at_pair(pair, config, result, err);
}
