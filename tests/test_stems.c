/* SPDX-License-Identifier: MIT */
#include "datasets/stems.h"
#include "datasets/resample.h"
#include "support/dv_temp.h"
#include "support/dv_test.h"

#include <sndfile.h>

#define RATE_HZ 44100.0
enum { FRAMES = 66150 };

/* Bursts of a tone with noise, different in every channel that is asked for. */
static void make_voice(dv_audio* a, size_t channels, size_t frames, double rate_hz, uint64_t seed)
{
  double low = 0.0;
  assert_int_equal(dv_audio_alloc(channels, frames, rate_hz, a, NULL), DV_OK);
  for (size_t c = 0; c < channels; ++c)
    for (size_t n = 0; n < frames; ++n) {
      const double s = (double)n / rate_hz, burst = exp(-6.0 * fmod(s + 0.1 * (double)c, 0.41));
      low += 0.5 * (dv_rand(&seed) - low);
      dv_audio_channel(a, c)[n] = (float)(0.3 * burst * (sin(1400.0 * s) + low));
    }
}

static void write_audio(dv_temp* t, const char* name, const dv_audio* a)
{
  dv_error err = {""};
  if (dv_audio_write(dv_temp_path(t, name), a, NULL, &err)) fail_msg("%s", err.text);
}

/* The dry voice as `channels` channels, `lag` later, times `gain`; what falls outside is lost. */
static void write_shifted(dv_temp* t, const char* name, const dv_audio* dry, size_t channels, size_t frames,
                          ptrdiff_t lag, double gain)
{
  dv_audio a;
  assert_int_equal(dv_audio_alloc(channels, frames, dry->rate_hz, &a, NULL), DV_OK);
  for (size_t c = 0; c < channels; ++c)
    for (size_t n = 0; n < frames; ++n) {
      const ptrdiff_t i = (ptrdiff_t)n - lag;
      if (i >= 0 && i < (ptrdiff_t)dry->frames)
        dv_audio_channel(&a, c)[n] = (float)((c ? 0.7 : 1.0) * gain * (double)dry->samples[i]);
    }
  write_audio(t, name, &a);
  dv_audio_free(&a);
}

typedef struct {
  char dry[512], wet[512];
} names;

static names name_files(dv_temp* t, const char* dry, const char* wet)
{
  names n;
  snprintf(n.dry, sizeof n.dry, "%s", dv_temp_path(t, dry));
  snprintf(n.wet, sizeof n.wet, "%s", dv_temp_path(t, wet));
  return n;
}

static void read_stems(dv_temp* t, const char* dry, const char* wet, const dv_stems_config* config, dv_stems* s)
{
  dv_error err = {""};
  const names f = name_files(t, dry, wet);
  if (dv_stems_read(f.dry, f.wet, config, s, &err)) fail_msg("%s", err.text);
}

static void expect_refusal(dv_temp* t, const char* dry, const char* wet, const dv_stems_config* config,
                           dv_status status, const char* fragment)
{
  dv_stems s;
  dv_error err = {""};
  const names f = name_files(t, dry, wet);
  const dv_status got = dv_stems_read(f.dry, f.wet, config, &s, &err);
  if (got != status || !strstr(err.text, fragment))
    fail_msg("%s %s: status %d, \"%s\"; expected %d with \"%s\"", dry, wet, got, err.text, status, fragment);
  assert_null(s.dry);
  assert_null(s.dry_audio.samples);
  assert_null(s.wet_audio.samples);
}

static bool has_note(const dv_stems* s, bool warning, const char* fragment)
{
  for (size_t i = 0; i < s->note_count; ++i)
    if (s->notes[i].warning == warning && strstr(s->notes[i].text, fragment)) return true;
  return false;
}

static void as_they_are(dv_stems_config* config, dv_align_mode align)
{
  dv_stems_config_default(config);
  config->align = align;
  config->normalise = false;
}

static int write_files(void** state)
{
  if (dv_temp_setup(state)) return -1;
  dv_temp* t = *state;
  dv_audio dry;
  make_voice(&dry, 1, FRAMES, RATE_HZ, 1);
  write_audio(t, "dry.wav", &dry);
  write_shifted(t, "same.wav", &dry, 2, FRAMES, 0, 0.5);
  write_shifted(t, "later.wav", &dry, 2, FRAMES, 300, 0.5);
  write_shifted(t, "earlier.wav", &dry, 2, FRAMES, -300, 0.5);
  write_shifted(t, "inverted.wav", &dry, 1, FRAMES, 20, -0.5);
  write_shifted(t, "longer.wav", &dry, 1, FRAMES + 5000, 0, 1.0);
  write_shifted(t, "shorter.wav", &dry, 1, FRAMES - 5000, 0, 1.0);
  write_shifted(t, "silent.wav", &dry, 1, FRAMES, 0, 0.0);
  write_shifted(t, "faint.wav", &dry, 1, FRAMES, 0, 1e-5);
  write_shifted(t, "loud.wav", &dry, 1, FRAMES, 0, 1e7);
  write_shifted(t, "brief.wav", &dry, 1, 17000, 0, 1.0);
  write_shifted(t, "1024.wav", &dry, 1, 1024, 0, 1.0);
  write_shifted(t, "three.wav", &dry, 3, FRAMES, 0, 1.0);
  write_shifted(t, "far.wav", &dry, 1, FRAMES, 15000, 1.0);
  dv_audio_free(&dry);
  make_voice(&dry, 1, FRAMES, RATE_HZ, 99);
  write_audio(t, "other.wav", &dry);
  dv_audio_free(&dry);
  make_voice(&dry, 2, FRAMES, RATE_HZ, 1);
  write_audio(t, "wide.wav", &dry);
  dv_audio_free(&dry);
  return 0;
}

static void test_aligned_stems_are_left_alone(void** state)
{
  dv_stems s;
  dv_stems_config config;
  dv_audio dry;
  as_they_are(&config, DV_ALIGN_AUTO);
  read_stems(*state, "dry.wav", "same.wav", &config, &s);
  assert_int_equal(dv_audio_read(dv_temp_path(*state, "dry.wav"), &dry, NULL), DV_OK);
  assert_int_equal(s.frames, FRAMES);
  assert_int_equal(s.lag_samples, 0);
  assert_int_equal(s.polarity, 1);
  assert_int_equal(s.note_count, 0);
  assert_memory_equal(s.dry, dry.samples, FRAMES * sizeof(float));
  for (size_t n = 0; n < FRAMES; ++n) assert_close((double)s.left[n], 0.5 * (double)s.dry[n], 1e-6, 0.0);
  for (size_t n = 0; n < FRAMES; ++n) assert_close((double)s.right[n], 0.35 * (double)s.dry[n], 1e-6, 1e-9);
  dv_audio_free(&dry);
  dv_stems_free(&s);
  assert_null(s.dry);
}

static void test_later_wet_pads_the_dry_and_wraps_nothing(void** state)
{
  dv_stems s;
  dv_stems_config config;
  as_they_are(&config, DV_ALIGN_AUTO);
  read_stems(*state, "dry.wav", "later.wav", &config, &s);
  assert_int_equal(s.lag_samples, 300);
  assert_int_equal(s.frames, FRAMES);
  for (size_t n = 0; n < 300; ++n) assert_true(s.dry[n] == 0.0f);
  for (size_t n = 0; n < FRAMES; ++n) assert_close((double)s.left[n], 0.5 * (double)s.dry[n], 1e-6, 0.0);
  assert_true(has_note(&s, false, "300 samples (6.80 ms) later"));
  dv_stems_free(&s);
}

static void test_earlier_wet_drops_the_head_of_the_dry(void** state)
{
  dv_stems s;
  dv_stems_config config;
  as_they_are(&config, DV_ALIGN_AUTO);
  read_stems(*state, "dry.wav", "earlier.wav", &config, &s);
  assert_int_equal(s.lag_samples, -300);
  assert_int_equal(s.frames, FRAMES - 300);
  for (size_t n = 0; n < s.frames; ++n) assert_close((double)s.left[n], 0.5 * (double)s.dry[n], 1e-6, 0.0);
  assert_true(has_note(&s, false, "earlier"));
  dv_stems_free(&s);
}

static void test_inverted_wet_inverts_the_dry(void** state)
{
  dv_stems s;
  dv_stems_config config;
  as_they_are(&config, DV_ALIGN_AUTO);
  read_stems(*state, "dry.wav", "inverted.wav", &config, &s);
  assert_int_equal(s.polarity, -1);
  assert_int_equal(s.lag_samples, 20);
  assert_ptr_equal(s.left, s.right);
  for (size_t n = 0; n < s.frames; ++n) assert_close((double)s.left[n], 0.5 * (double)s.dry[n], 1e-6, 0.0);
  assert_true(has_note(&s, false, "inverted"));
  dv_stems_free(&s);
}

static void test_given_lag_and_polarity_are_taken_with_a_warning_where_they_seem_wrong(void** state)
{
  dv_stems s;
  dv_stems_config config;
  as_they_are(&config, DV_ALIGN_GIVEN);
  config.lag_samples = 300;
  read_stems(*state, "dry.wav", "later.wav", &config, &s);
  assert_int_equal(s.note_count, 0);
  dv_stems_free(&s);
  config.lag_samples = -17;
  config.polarity = -1;
  read_stems(*state, "dry.wav", "later.wav", &config, &s);
  assert_int_equal(s.lag_samples, -17);
  assert_int_equal(s.polarity, -1);
  assert_int_equal(s.alignment.lag_samples, 300);
  assert_true(has_note(&s, true, "seem to be 300 samples apart"));
  dv_stems_free(&s);
}

static void test_alignment_off_takes_other_stems_with_a_warning(void** state)
{
  dv_stems s;
  dv_stems_config config;
  as_they_are(&config, DV_ALIGN_OFF);
  read_stems(*state, "dry.wav", "other.wav", &config, &s);
  assert_int_equal(s.lag_samples, 0);
  assert_int_equal(s.frames, FRAMES);
  assert_true(has_note(&s, true, "no lag makes the stems match"));
  dv_stems_free(&s);
}

static void test_lengths_may_differ(void** state)
{
  static const struct {
    const char* wet;
    size_t frames;
  } cases[] = {{"longer.wav", FRAMES}, {"shorter.wav", FRAMES - 5000}};
  for (size_t c = 0; c < 2; ++c) {
    dv_stems s;
    dv_stems_config config;
    as_they_are(&config, DV_ALIGN_AUTO);
    read_stems(*state, "dry.wav", cases[c].wet, &config, &s);
    assert_int_equal(s.frames, cases[c].frames);
    assert_true(has_note(&s, false, "the stems differ in length"));
    assert_memory_equal(s.dry, s.left, s.frames * sizeof(float));
    dv_stems_free(&s);
  }
}

static void test_both_are_brought_to_the_wanted_loudness(void** state)
{
  dv_stems s;
  dv_stems_config config;
  dv_stems_config_default(&config);
  config.lufs = -23.0;
  read_stems(*state, "dry.wav", "later.wav", &config, &s);
  const float* dry[1] = {s.dry};
  const float* wet[2] = {s.left, s.right};
  double lufs;
  assert_int_equal(dv_loudness_lufs(dry, 1, s.frames, RATE_HZ, &lufs, NULL), DV_OK);
  assert_close(lufs, -23.0, 0.0, 1e-4);
  assert_int_equal(dv_loudness_lufs(wet, 2, s.frames, RATE_HZ, &lufs, NULL), DV_OK);
  assert_close(lufs, -23.0, 0.0, 1e-4);
  assert_close(s.dry_source.lufs + s.dry_source.gain_db, -23.0, 0.0, 1e-9);
  assert_close(s.wet_source.lufs + s.wet_source.gain_db, -23.0, 0.0, 1e-9);
  dv_stems_free(&s);
}

static void test_sources_are_described(void** state)
{
  dv_stems first, second;
  dv_stems_config config;
  as_they_are(&config, DV_ALIGN_AUTO);
  read_stems(*state, "dry.wav", "later.wav", &config, &first);
  assert_int_equal(first.dry_source.channels, 1);
  assert_int_equal(first.wet_source.channels, 2);
  assert_int_equal(first.wet_source.frames, FRAMES);
  assert_close(first.wet_source.rate_hz, RATE_HZ, 0.0, 0.0);
  assert_close(first.wet_source.gain_db, 0.0, 0.0, 0.0);
  read_stems(*state, "dry.wav", "earlier.wav", &config, &second);
  assert_true(first.dry_source.hash == second.dry_source.hash);
  assert_true(first.wet_source.hash != second.wet_source.hash);
  dv_stems_free(&first);
  dv_stems_free(&second);
}

static void test_hash_is_that_of_the_bytes(void** state)
{
  dv_stems s;
  dv_stems_config config;
  uint64_t hash = 0xcbf29ce484222325ULL;
  as_they_are(&config, DV_ALIGN_AUTO);
  read_stems(*state, "dry.wav", "same.wav", &config, &s);
  FILE* in = fopen(dv_temp_path(*state, "dry.wav"), "rb");
  assert_non_null(in);
  for (unsigned char c; fread(&c, 1, 1, in) == 1;) hash = (hash ^ c) * 0x100000001b3ULL;
  fclose(in);
  assert_true(s.dry_source.hash == hash);
  dv_stems_free(&s);
}

static void test_stems_of_any_rate_are_resampled_and_aligned(void** state)
{
  static const double rates[] = {8000, 22050, 48000, 96000, 192000};
  for (size_t r = 0; r < sizeof rates / sizeof *rates; ++r) {
    dv_audio dry;
    dv_stems s;
    dv_stems_config config;
    make_voice(&dry, 1, (size_t)(1.5 * rates[r]), rates[r], 5);
    write_audio(*state, "rate-dry.wav", &dry);
    assert_int_equal(dv_audio_resample(&dry, RATE_HZ, NULL), DV_OK);
    write_shifted(*state, "rate-wet.wav", &dry, 2, dry.frames, 50, 0.5);
    dv_audio_free(&dry);
    as_they_are(&config, DV_ALIGN_AUTO);
    read_stems(*state, "rate-dry.wav", "rate-wet.wav", &config, &s);
    assert_int_equal(s.lag_samples, 50);
    assert_close(s.dry_source.rate_hz, rates[r], 0.0, 0.0);
    assert_true(has_note(&s, rates[r] < RATE_HZ, rates[r] < RATE_HZ ? "nothing is learned there" : "to 44100 Hz"));
    for (size_t n = 0; n < s.frames; ++n) assert_close((double)s.left[n], 0.5 * (double)s.dry[n], 0.0, 1e-6);
    dv_stems_free(&s);
  }
}

static void write_as(dv_temp* t, const char* name, const dv_audio* a, int format)
{
  SF_INFO info = {.channels = (int)a->channels, .samplerate = (int)a->rate_hz, .format = format};
  SNDFILE* out = sf_open(dv_temp_path(t, name), SFM_WRITE, &info);
  assert_non_null(out);
  for (size_t n = 0; n < a->frames; ++n) { /* frame by frame: libsndfile's own interleaving is not under test */
    float frame[2] = {a->samples[n], a->samples[(a->channels - 1) * a->frames + n]};
    assert_int_equal(sf_writef_float(out, frame, 1), 1);
  }
  sf_close(out);
}

static void test_every_format_is_read_and_aligned(void** state)
{
  static const struct {
    const char* name;
    int format;
  } formats[] = {{"f.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_24},   {"f.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16},
                 {"f.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_24}, {"f.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS},
                 {"f.opus", SF_FORMAT_OGG | SF_FORMAT_OPUS},    {"f.mp3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III}};
  dv_audio dry;
  assert_int_equal(dv_audio_read(dv_temp_path(*state, "dry.wav"), &dry, NULL), DV_OK);
  assert_int_equal(dv_audio_resample(&dry, 48000.0, NULL), DV_OK); /* Opus knows no 44.1 kHz */
  write_audio(*state, "f-dry.wav", &dry);
  for (size_t k = 0; k < sizeof formats / sizeof *formats; ++k) {
    dv_stems s;
    dv_stems_config config;
    write_as(*state, formats[k].name, &dry, formats[k].format);
    as_they_are(&config, DV_ALIGN_AUTO);
    read_stems(*state, "f-dry.wav", formats[k].name, &config, &s);
    if (labs(s.lag_samples) > 1 || s.polarity != 1)
      fail_msg("%s: lag %td, polarity %d", formats[k].name, s.lag_samples, s.polarity);
    dv_stems_free(&s);
  }
  dv_audio_free(&dry);
}

static void test_stereo_dry_is_averaged_with_a_warning(void** state)
{
  dv_stems s;
  dv_stems_config config;
  dv_audio wide;
  as_they_are(&config, DV_ALIGN_AUTO);
  read_stems(*state, "wide.wav", "wide.wav", &config, &s);
  assert_true(has_note(&s, true, "its channels differ"));
  assert_false(has_note(&s, true, "is the first really the dry stem"));
  assert_int_equal(dv_audio_read(dv_temp_path(*state, "wide.wav"), &wide, NULL), DV_OK);
  for (size_t n = 0; n < s.frames; ++n)
    assert_close((double)s.dry[n], 0.5 * ((double)wide.samples[n] + (double)wide.samples[FRAMES + n]), 0.0, 1e-7);
  dv_audio_free(&wide);
  dv_stems_free(&s);
  read_stems(*state, "same.wav", "dry.wav", &config, &s); /* channels that differ in level only are one voice */
  assert_int_equal(s.note_count, 0);
  dv_stems_free(&s);
}

/* The dry voice on both channels, with noise on one of them that is side_db below the middle. */
static void write_with_side(dv_temp* t, const char* name, double side_db)
{
  dv_audio dry, wet;
  uint64_t seed = 11;
  double power = 0.0, noise_power = 0.0;
  assert_int_equal(dv_audio_read(dv_temp_path(t, "dry.wav"), &dry, NULL), DV_OK);
  assert_int_equal(dv_audio_alloc(2, dry.frames, RATE_HZ, &wet, NULL), DV_OK);
  for (size_t n = 0; n < dry.frames; ++n) {
    const double x = (double)dry.samples[n], noise = dv_rand(&seed);
    power += 4.0 * x * x;
    noise_power += noise * noise;
  }
  const double gain = sqrt(power / noise_power) * pow(10.0, side_db / 20.0);
  seed = 11;
  for (size_t n = 0; n < dry.frames; ++n) {
    dv_audio_channel(&wet, 0)[n] = dry.samples[n];
    dv_audio_channel(&wet, 1)[n] = (float)((double)dry.samples[n] + gain * dv_rand(&seed));
  }
  write_audio(t, name, &wet);
  dv_audio_free(&dry);
  dv_audio_free(&wet);
}

static void test_a_wet_stem_that_is_nearly_mono_is_averaged(void** state)
{
  dv_stems s;
  dv_stems_config config;
  as_they_are(&config, DV_ALIGN_AUTO);
  write_with_side(*state, "dithered.wav", -52.0);
  read_stems(*state, "dry.wav", "dithered.wav", &config, &s);
  assert_ptr_equal(s.left, s.right);
  assert_int_equal(s.wet_source.channels, 2);
  assert_true(has_note(&s, false, "dithered.wav: nearly mono, its side signal is 52 dB below the middle"));
  dv_stems_free(&s);
}

static void test_a_faint_side_signal_stays_where_it_is_sound_or_wanted(void** state)
{
  static const double side_db[] = {-48.0, -52.0};
  for (size_t i = 0; i < 2; ++i) {
    dv_stems s;
    dv_stems_config config;
    as_they_are(&config, DV_ALIGN_AUTO);
    config.keep_side = i == 1;
    write_with_side(*state, "narrow.wav", side_db[i]);
    read_stems(*state, "dry.wav", "narrow.wav", &config, &s);
    assert_ptr_not_equal(s.left, s.right);
    assert_int_equal(s.note_count, 0);
    dv_stems_free(&s);
  }
}

/* A file of two equal channels is stereo to whoever reads the results. */
static void test_equal_channels_are_left_alone(void** state)
{
  dv_stems s;
  dv_stems_config config;
  as_they_are(&config, DV_ALIGN_AUTO);
  write_with_side(*state, "equal.wav", -400.0);
  read_stems(*state, "dry.wav", "equal.wav", &config, &s);
  assert_ptr_not_equal(s.left, s.right);
  assert_int_equal(s.note_count, 0);
  dv_stems_free(&s);
}

static void test_notes_say_what_is_used_of_stems_that_lie_apart(void** state)
{
  dv_stems s;
  dv_stems_config config;
  as_they_are(&config, DV_ALIGN_GIVEN);
  config.lag_samples = -22050;
  read_stems(*state, "dry.wav", "longer.wav", &config, &s);
  assert_true(has_note(&s, false, "using the first 1.00 s of the wet stem, and the dry one from 0.50 s on"));
  dv_stems_free(&s);
}

static void test_notes_beyond_the_last_are_dropped(void** state)
{
  (void)state;
  dv_stems s = {.polarity = 1};
  for (int i = 0; i < DV_STEMS_MAX_NOTES + 3; ++i) dv_stems_add_note(&s, i == 2, "note %d", i);
  assert_int_equal(s.note_count, DV_STEMS_MAX_NOTES);
  assert_string_equal(s.notes[2].text, "note 2");
  assert_true(s.notes[2].warning);
  assert_false(s.notes[3].warning);
}

static void test_stereo_dry_and_mono_wet_look_swapped(void** state)
{
  dv_stems s;
  dv_stems_config config;
  as_they_are(&config, DV_ALIGN_OFF);
  read_stems(*state, "wide.wav", "dry.wav", &config, &s);
  assert_true(has_note(&s, true, "is the first really the dry stem"));
  dv_stems_free(&s);
}

static void test_stems_that_cannot_be_used_are_refused(void** state)
{
  static const struct {
    const char *dry, *wet;
    dv_align_mode align;
    bool normalise;
    dv_status status;
    const char* fragment;
  } cases[] = {
    {"absent.wav", "same.wav", DV_ALIGN_AUTO, true, DV_ERR_IO, "absent.wav: cannot read"},
    {"dry.wav", "absent.wav", DV_ALIGN_AUTO, true, DV_ERR_IO, "absent.wav: cannot read"},
    {"dry.wav", "three.wav", DV_ALIGN_AUTO, true, DV_ERR_ARG, "three.wav: 3 channels"},
    {"silent.wav", "same.wav", DV_ALIGN_AUTO, true, DV_ERR_ARG, "silent.wav: is silent"},
    {"dry.wav", "silent.wav", DV_ALIGN_OFF, false, DV_ERR_ARG, "silent.wav: is silent"},
    {"dry.wav", "other.wav", DV_ALIGN_AUTO, true, DV_ERR_ARG, "are these the same performance?"},
    {"dry.wav", "brief.wav", DV_ALIGN_AUTO, true, DV_ERR_ARG, "brief.wav: loudness cannot be measured: 0.39 s"},
    {"brief.wav", "dry.wav", DV_ALIGN_OFF, true, DV_ERR_ARG, "at least 0.4 s are needed"},
    {"dry.wav", "1024.wav", DV_ALIGN_OFF, false, DV_ERR_ARG, "1024 samples at 44.1 kHz are too few"},
    {"dry.wav", "faint.wav", DV_ALIGN_AUTO, true, DV_ERR_ARG, "faint.wav: loudness cannot be measured"},
    {"dry.wav", "loud.wav", DV_ALIGN_AUTO, true, DV_ERR_ARG, "loud.wav: its loudness"},
  };
  for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
    dv_stems_config config;
    dv_stems_config_default(&config);
    config.align = cases[c].align;
    config.normalise = cases[c].normalise;
    expect_refusal(*state, cases[c].dry, cases[c].wet, &config, cases[c].status, cases[c].fragment);
  }
}

static void test_lag_at_the_limit_of_the_search_is_refused_but_may_be_given(void** state)
{
  dv_stems s;
  dv_stems_config config;
  dv_stems_config_default(&config);
  config.search_s = 0.2;
  expect_refusal(*state, "dry.wav", "far.wav", &config, DV_ERR_ARG, "is at the limit of the search");
  config.align = DV_ALIGN_GIVEN;
  config.lag_samples = 15000;
  read_stems(*state, "dry.wav", "far.wav", &config, &s);
  assert_int_equal(s.lag_samples, 15000);
  assert_int_equal(s.frames, FRAMES);
  dv_stems_free(&s);
}

static void test_given_lags_that_leave_nothing_are_refused(void** state)
{
  static const ptrdiff_t lags[] = {FRAMES, -FRAMES, FRAMES - 1000, -(FRAMES - 1000), PTRDIFF_MAX, PTRDIFF_MIN};
  for (size_t k = 0; k < sizeof lags / sizeof *lags; ++k) {
    dv_stems_config config;
    as_they_are(&config, DV_ALIGN_GIVEN);
    config.lag_samples = lags[k];
    expect_refusal(*state, "dry.wav", "same.wav", &config, DV_ERR_ARG, "samples in common");
  }
}

static void test_impossible_configurations_are_refused(void** state)
{
  dv_stems_config config;
  dv_stems_config_default(&config);
  config.search_s = -1.0;
  expect_refusal(*state, "dry.wav", "same.wav", &config, DV_ERR_ARG, "search");
  dv_stems_config_default(&config);
  config.lufs = (double)NAN;
  expect_refusal(*state, "dry.wav", "same.wav", &config, DV_ERR_ARG, "loudness");
  dv_stems_config_default(&config);
  config.align = DV_ALIGN_GIVEN;
  config.polarity = 0;
  expect_refusal(*state, "dry.wav", "same.wav", &config, DV_ERR_ARG, "polarity");
}

static void test_damaged_files_are_refused(void** state)
{
  dv_temp* t = *state;
  const float x[2] = {0.5f, NAN};
  dv_stems_config config;
  SF_INFO info = {.channels = 1, .samplerate = 44100, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
  SNDFILE* out = sf_open(dv_temp_path(t, "nan.wav"), SFM_WRITE, &info);
  assert_int_equal(sf_writef_float(out, x, 2), 2);
  sf_close(out);
  dv_temp_file(t, "text.wav", "no audio\n", 9);
  dv_stems_config_default(&config);
  expect_refusal(t, "nan.wav", "same.wav", &config, DV_ERR_NONFINITE, "nan.wav: sample 1");
  expect_refusal(t, "dry.wav", "text.wav", &config, DV_ERR_FORMAT, "text.wav: cannot be read as audio");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_aligned_stems_are_left_alone),
    cmocka_unit_test(test_later_wet_pads_the_dry_and_wraps_nothing),
    cmocka_unit_test(test_earlier_wet_drops_the_head_of_the_dry),
    cmocka_unit_test(test_inverted_wet_inverts_the_dry),
    cmocka_unit_test(test_given_lag_and_polarity_are_taken_with_a_warning_where_they_seem_wrong),
    cmocka_unit_test(test_alignment_off_takes_other_stems_with_a_warning),
    cmocka_unit_test(test_lengths_may_differ),
    cmocka_unit_test(test_both_are_brought_to_the_wanted_loudness),
    cmocka_unit_test(test_sources_are_described),
    cmocka_unit_test(test_hash_is_that_of_the_bytes),
    cmocka_unit_test(test_stems_of_any_rate_are_resampled_and_aligned),
    cmocka_unit_test(test_every_format_is_read_and_aligned),
    cmocka_unit_test(test_stereo_dry_is_averaged_with_a_warning),
    cmocka_unit_test(test_a_wet_stem_that_is_nearly_mono_is_averaged),
    cmocka_unit_test(test_a_faint_side_signal_stays_where_it_is_sound_or_wanted),
    cmocka_unit_test(test_equal_channels_are_left_alone),
    cmocka_unit_test(test_notes_say_what_is_used_of_stems_that_lie_apart),
    cmocka_unit_test(test_notes_beyond_the_last_are_dropped),
    cmocka_unit_test(test_stereo_dry_and_mono_wet_look_swapped),
    cmocka_unit_test(test_stems_that_cannot_be_used_are_refused),
    cmocka_unit_test(test_lag_at_the_limit_of_the_search_is_refused_but_may_be_given),
    cmocka_unit_test(test_given_lags_that_leave_nothing_are_refused),
    cmocka_unit_test(test_impossible_configurations_are_refused),
    cmocka_unit_test(test_damaged_files_are_refused),
  };
  return cmocka_run_group_tests_name("stems", tests, write_files, dv_temp_teardown);
}
