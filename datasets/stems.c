/* SPDX-License-Identifier: MIT */
#include "datasets/stems.h"

#include "datasets/file.h"
#include "datasets/resample.h"
#include "dsp/hash.h"
#include "dsp/parameters.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A dry file's side signal above this, its channels at full scale, is stereo content. */
static const double STEREO_PEAK_DB = -10.0;

/* A wet file's side signal below this, against the middle, is dither or a codec.  Any side signal is infinitely more
   than none: what the losses say of one that holds no sound would rule a fit. */
static const double NO_SIDE_DB = -50.0;

/* Gains beyond this are a mistake rather than a level, and a preset cannot hold them. */
static const double MAX_GAIN_DB = 100.0;

void dv_stems_config_default(dv_stems_config* config)
{
  *config = (dv_stems_config){
    .align = DV_ALIGN_AUTO, .polarity = 1, .search_s = DV_ALIGN_SEARCH_S, .normalise = true, .lufs = DV_MODEL_LUFS};
}

void dv_stems_free(dv_stems* stems)
{
  dv_audio_free(&stems->dry_audio);
  dv_audio_free(&stems->wet_audio);
  *stems = (dv_stems){0};
}

void dv_stems_add_note(dv_stems* s, bool warning, const char* format, ...)
{
  if (s->note_count >= DV_STEMS_MAX_NOTES) return;
  dv_stems_note* n = &s->notes[s->note_count++];
  va_list args;
  n->warning = warning;
  va_start(args, format);
  vsnprintf(n->text, sizeof n->text, format, args);
  va_end(args);
}

/* ---- the files ---- */

static dv_status hash_file(const char* path, uint64_t* hash, dv_error* err)
{
  unsigned char buffer[8192];
  FILE* in = fopen(path, "rb");
  if (!in) return dv_file_error(err, path, "read", errno);
  *hash = DV_HASH_START;
  for (size_t got; (got = fread(buffer, 1, sizeof buffer, in)) > 0;) *hash = dv_hash(*hash, buffer, got);
  const dv_status status = ferror(in) ? dv_file_error(err, path, "read", errno) : DV_OK;
  fclose(in);
  return status;
}

static dv_status check_silence(const char* path, const dv_audio* audio, dv_error* err)
{
  for (size_t i = 0; i < audio->channels * audio->frames; ++i)
    if (audio->samples[i] != 0.0f) return DV_OK;
  return dv_fail(err, DV_ERR_ARG, "%s: is silent: every sample is 0; export the stem again", dv_file_label(path));
}

static dv_status read_source(const char* path, dv_audio* audio, dv_stem_source* source, dv_error* err)
{
  dv_status status = dv_audio_read(path, audio, err);
  if (!status) status = hash_file(path, &source->hash, err);
  if (!status) status = check_silence(path, audio, err);
  if (status) return status;
  source->rate_hz = audio->rate_hz;
  source->channels = audio->channels;
  source->frames = audio->frames;
  source->lufs = (double)NAN;
  return DV_OK;
}

static double peak_of(const float* x, size_t frames)
{
  double peak = 0.0;
  for (size_t i = 0; i < frames; ++i) peak = fmax(peak, fabs((double)x[i]));
  return peak;
}

/* Peak of the side signal of any channel with the first, both at full scale, in dB; very low for one channel. */
static double side_peak_db(const dv_audio* audio)
{
  const float* first = dv_audio_channel(audio, 0);
  const double first_peak = fmax(peak_of(first, audio->frames), 1e-30);
  double side = 1e-30;
  for (size_t c = 1; c < audio->channels; ++c) {
    const float* x = dv_audio_channel(audio, c);
    const double peak = fmax(peak_of(x, audio->frames), 1e-30);
    for (size_t i = 0; i < audio->frames; ++i)
      side = fmax(side, fabs((double)first[i] / first_peak - (double)x[i] / peak));
  }
  return 20.0 * log10(side * M_SQRT1_2);
}

static void check_stereo_dry(const char* dry_path, const char* wet_path, dv_stems* s)
{
  const double side_db = side_peak_db(&s->dry_audio);
  if (!(side_db > STEREO_PEAK_DB)) return;
  dv_stems_add_note(
    s, true,
    "%s: its channels differ (side signal peaks at %.1f dB): they are averaged, but a dry stem should be one "
    "voice without effects",
    dv_file_label(dry_path), side_db);
  if (side_peak_db(&s->wet_audio) > STEREO_PEAK_DB) return;
  dv_stems_add_note(s, true, "%s is stereo and %s is not: is the first really the dry stem and the second the wet one?",
                    strrchr(dry_path, '/') ? strrchr(dry_path, '/') + 1 : dry_path,
                    strrchr(wet_path, '/') ? strrchr(wet_path, '/') + 1 : wet_path);
}

/* Energy of the side signal against that of the middle, in dB; -INFINITY for equal channels. */
static double side_energy_db(const dv_audio* audio)
{
  const float *left = dv_audio_channel(audio, 0), *right = dv_audio_channel(audio, 1);
  double middle = 1e-30, side = 0.0;
  for (size_t i = 0; i < audio->frames; ++i) {
    const double l = (double)left[i], r = (double)right[i];
    middle += (l + r) * (l + r);
    side += (l - r) * (l - r);
  }
  return 10.0 * log10(side / middle);
}

static void average_nearly_mono_wet(const char* wet_path, dv_stems* s)
{
  if (s->wet_audio.channels != 2) return;
  const double side_db = side_energy_db(&s->wet_audio);
  if (side_db > NO_SIDE_DB || side_db == -HUGE_VAL) return;
  dv_audio_to_mono(&s->wet_audio);
  dv_stems_add_note(s, false, "%s: nearly mono, its side signal is %.0f dB below the middle: its channels are averaged",
                    dv_file_label(wet_path), -side_db);
}

static dv_status to_model_rate(const char* path, dv_audio* audio, dv_stems* s, dv_error* err)
{
  const double from = audio->rate_hz;
  dv_error cause;
  const dv_status status = dv_audio_resample(audio, DV_MODEL_RATE_HZ, &cause);
  if (status) return dv_fail(err, status, "%s: %.200s", dv_file_label(path), cause.text);
  if (audio->frames < DV_STEMS_MIN_FRAMES)
    return dv_fail(err, DV_ERR_ARG, "%s: %zu samples at 44.1 kHz are too few; at least %d are needed",
                   dv_file_label(path), audio->frames, (int)DV_STEMS_MIN_FRAMES);
  if (from > DV_MODEL_RATE_HZ)
    dv_stems_add_note(s, false, "%s: resampled from %g to 44100 Hz", dv_file_label(path), from);
  if (from < DV_MODEL_RATE_HZ)
    dv_stems_add_note(s, true,
                      "%s: resampled from %g to 44100 Hz: it holds nothing above %g Hz, so nothing is learned there",
                      dv_file_label(path), from, from / 2.0);
  return DV_OK;
}

/* ---- alignment ---- */

static float* wet_channel(const dv_stems* s, size_t channel)
{
  return dv_audio_channel(&s->wet_audio, s->wet_audio.channels == 2 ? channel : 0);
}

static bool is_shorter(const dv_stem_source* a, const dv_stem_source* b)
{
  return (double)a->frames / a->rate_hz < (double)b->frames / b->rate_hz;
}

static double milliseconds(ptrdiff_t samples) { return 1e3 * (double)samples / DV_MODEL_RATE_HZ; }

static dv_status refuse_alignment(const char* wet_path, const dv_stems_config* config, const dv_alignment* a,
                                  dv_error* err)
{
  if (!a->matched)
    return dv_fail(
      err, DV_ERR_ARG,
      "%s: no lag within %g s makes it match the dry stem (confidence %.2f, below %.2f); are these the same "
      "performance? --align off or --align SAMPLES takes them anyway",
      dv_file_label(wet_path), config->search_s, a->confidence, DV_ALIGN_MIN_CONFIDENCE);
  return dv_fail(
    err, DV_ERR_ARG,
    "%s: its lag, %td samples (%.1f ms), is at the limit of the search, %g s; if it is right, give it with "
    "--align %td",
    dv_file_label(wet_path), a->lag_samples, milliseconds(a->lag_samples), config->search_s, a->lag_samples);
}

static void note_automatic(const dv_alignment* a, dv_stems* s)
{
  if (a->lag_samples)
    dv_stems_add_note(s, false, "the wet stem is %td samples (%.2f ms) %s than the dry one: aligned (confidence %.2f)",
                      labs(a->lag_samples), fabs(milliseconds(a->lag_samples)),
                      a->lag_samples > 0 ? "later" : "earlier", a->confidence);
  if (a->polarity < 0) dv_stems_add_note(s, false, "the wet stem is inverted: the dry one was inverted too");
}

static void note_contradiction(const dv_alignment* a, dv_stems* s)
{
  if (!a->matched)
    dv_stems_add_note(s, true, "no lag makes the stems match (confidence %.2f, below %.2f); they are taken as told",
                      a->confidence, DV_ALIGN_MIN_CONFIDENCE);
  else if (a->lag_samples != s->lag_samples || a->polarity != s->polarity)
    dv_stems_add_note(s, true,
                      "the stems seem to be %td samples apart%s (confidence %.2f) but are taken as told: %td samples%s",
                      a->lag_samples, a->polarity < 0 ? " and inverted" : "", a->confidence, s->lag_samples,
                      s->polarity < 0 ? " and inverted" : "");
}

static dv_status find_lag(const char* wet_path, const dv_stems_config* config, dv_stems* s, dv_error* err)
{
  dv_alignment* a = &s->alignment;
  const dv_status status = dv_align(dv_audio_channel(&s->dry_audio, 0), s->dry_audio.frames, wet_channel(s, 0),
                                    wet_channel(s, 1), s->wet_audio.frames, DV_MODEL_RATE_HZ, config->search_s, a, err);
  if (status) return status;
  if (config->align == DV_ALIGN_AUTO) {
    if (!a->matched || a->at_limit) return refuse_alignment(wet_path, config, a, err);
    s->lag_samples = a->lag_samples;
    s->polarity = a->polarity;
    note_automatic(a, s);
  } else {
    s->lag_samples = config->align == DV_ALIGN_GIVEN ? config->lag_samples : 0;
    s->polarity = config->align == DV_ALIGN_GIVEN ? config->polarity : 1;
    note_contradiction(a, s);
  }
  if (a->looks_swapped)
    dv_stems_add_note(
      s, true, "the response runs backwards, echoes before the direct sound: are dry and wet the right way round?");
  return DV_OK;
}

/* The lag is within the lengths, so nothing overflows. */
static size_t common_frames(const dv_stems* s)
{
  const size_t dry =
    s->lag_samples < 0 ? s->dry_audio.frames - (size_t)-s->lag_samples : s->dry_audio.frames + (size_t)s->lag_samples;
  return dry < s->wet_audio.frames ? dry : s->wet_audio.frames;
}

/* Samples that both stems have; the zeros before a delayed dry stem are no part of it. */
static size_t overlapping_frames(const dv_stems* s)
{
  const double lag = (double)s->lag_samples; /* a given lag may be anything */
  if (lag <= -(double)s->dry_audio.frames || lag >= (double)s->wet_audio.frames) return 0;
  return common_frames(s) - (s->lag_samples > 0 ? (size_t)s->lag_samples : 0);
}

static dv_status shift_dry(dv_stems* s, dv_error* err)
{
  const size_t lag = (size_t)labs(s->lag_samples);
  float* x = dv_audio_channel(&s->dry_audio, 0);
  s->frames = common_frames(s);
  if (s->lag_samples < 0) memmove(x, x + lag, s->frames * sizeof *x);
  if (s->lag_samples > 0) {
    dv_audio later;
    const dv_status status = dv_audio_alloc(1, s->frames, DV_MODEL_RATE_HZ, &later, err);
    if (status) return status;
    memcpy(later.samples + lag, x, (s->frames - lag) * sizeof *x);
    dv_audio_free(&s->dry_audio);
    s->dry_audio = later;
  }
  x = dv_audio_channel(&s->dry_audio, 0);
  for (size_t i = 0; s->polarity < 0 && i < s->frames; ++i) x[i] = -x[i];
  s->dry = x;
  s->left = wet_channel(s, 0);
  s->right = wet_channel(s, 1);
  return DV_OK;
}

static double seconds(size_t frames) { return (double)frames / DV_MODEL_RATE_HZ; }

static void note_lengths(size_t dry_frames, dv_stems* s)
{
  char from[64] = "";
  if (s->lag_samples < 0)
    snprintf(from, sizeof from, " of the wet stem, and the dry one from %.2f s on", seconds((size_t)-s->lag_samples));
  dv_stems_add_note(s, false, "using the first %.2f s%s: the stems differ in length (%.2f s dry, %.2f s wet)",
                    seconds(s->frames), from, seconds(dry_frames), seconds(s->wet_audio.frames));
}

static dv_status cut_to_common(const char* dry_path, const char* wet_path, dv_stems* s, dv_error* err)
{
  const size_t overlap = overlapping_frames(s), dry_frames = s->dry_audio.frames;
  if (overlap < DV_STEMS_MIN_FRAMES)
    return dv_fail(err, DV_ERR_ARG,
                   "%s: has %zu samples in common with the other stem, at a lag of %td; at least %d are needed",
                   dv_file_label(is_shorter(&s->wet_source, &s->dry_source) ? wet_path : dry_path), overlap,
                   s->lag_samples, (int)DV_STEMS_MIN_FRAMES);
  const dv_status status = shift_dry(s, err);
  if (!status && dry_frames != s->wet_audio.frames) note_lengths(dry_frames, s);
  return status;
}

/* ---- loudness ---- */

static dv_status find_gain(const char* path, const float* const* channels, size_t count, size_t frames,
                           double wanted_lufs, dv_stem_source* source, dv_error* err)
{
  dv_error cause;
  const dv_status status = dv_loudness_lufs(channels, count, frames, DV_MODEL_RATE_HZ, &source->lufs, &cause);
  if (status) return dv_fail(err, status, "%s: %.200s; --lufs off takes it as it is", dv_file_label(path), cause.text);
  source->gain_db = wanted_lufs - source->lufs;
  if (fabs(source->gain_db) <= MAX_GAIN_DB) return DV_OK;
  return dv_fail(err, DV_ERR_ARG, "%s: its loudness, %.0f LUFS, is more than %.0f dB from %g; bring it to full scale",
                 dv_file_label(path), source->lufs, MAX_GAIN_DB, wanted_lufs);
}

/* Measured over the part that is used.  A mono wet counts as two channels, as it will be played. */
static dv_status normalise(const char* dry_path, const char* wet_path, double lufs, dv_stems* s, dv_error* err)
{
  const float* dry[1] = {s->dry};
  const float* wet[2] = {s->left, s->right};
  const bool wet_first = is_shorter(&s->wet_source, &s->dry_source); /* what is too short is to blame */
  dv_status status = DV_OK;
  if (wet_first) status = find_gain(wet_path, wet, 2, s->frames, lufs, &s->wet_source, err);
  if (!status) status = find_gain(dry_path, dry, 1, s->frames, lufs, &s->dry_source, err);
  if (!status && !wet_first) status = find_gain(wet_path, wet, 2, s->frames, lufs, &s->wet_source, err);
  if (status) return status;
  dv_audio_apply_gain(&s->dry_audio, s->dry_source.gain_db);
  dv_audio_apply_gain(&s->wet_audio, s->wet_source.gain_db);
  return DV_OK;
}

static dv_status check_config(const dv_stems_config* c, dv_error* err)
{
  if (c->align == DV_ALIGN_GIVEN && c->polarity != 1 && c->polarity != -1)
    return dv_fail(err, DV_ERR_ARG, "The polarity is %d; it must be 1 or -1", c->polarity);
  if (c->normalise && !isfinite(c->lufs))
    return dv_fail(err, DV_ERR_ARG, "The loudness to bring stems to is %g; give a number of LUFS", c->lufs);
  return DV_OK;
}

static dv_status prepare(const char* dry_path, const char* wet_path, const dv_stems_config* config, dv_stems* s,
                         dv_error* err)
{
  dv_status status = check_config(config, err);
  if (!status) status = read_source(dry_path, &s->dry_audio, &s->dry_source, err);
  if (!status) status = read_source(wet_path, &s->wet_audio, &s->wet_source, err);
  if (status) return status;
  if (s->wet_audio.channels > 2)
    return dv_fail(err, DV_ERR_ARG, "%s: %zu channels, the wet stem has one or two; mix it down first",
                   dv_file_label(wet_path), s->wet_audio.channels);
  if (s->dry_audio.channels > 1) check_stereo_dry(dry_path, wet_path, s);
  dv_audio_to_mono(&s->dry_audio);
  if (!config->keep_side) average_nearly_mono_wet(wet_path, s);
  status = to_model_rate(dry_path, &s->dry_audio, s, err);
  if (!status) status = to_model_rate(wet_path, &s->wet_audio, s, err);
  if (!status) status = find_lag(wet_path, config, s, err);
  if (!status) status = cut_to_common(dry_path, wet_path, s, err);
  if (!status && config->normalise) status = normalise(dry_path, wet_path, config->lufs, s, err);
  return status;
}

dv_status dv_stems_read(const char* dry_path, const char* wet_path, const dv_stems_config* config, dv_stems* stems,
                        dv_error* err)
{
  *stems = (dv_stems){.polarity = 1};
  const dv_status status = prepare(dry_path, wet_path, config, stems, err);
  if (status) dv_stems_free(stems);
  return status;
}
