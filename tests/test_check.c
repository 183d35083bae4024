/* SPDX-License-Identifier: MIT */
/* One pair for every fault, made here, and what a check says of it. */
#include "datasets/check.h"
#include "datasets/file.h"
#include "datasets/resample.h"
#include "support/dv_cli.h"

#include <sndfile.h>

static const char* program; /* diffvox-data */

static const double RATE_HZ = 44100.0;
enum { LONG = 6 * 44100, LAG = 100, FAR = 30000 };

/* ---- signals ---- */

/* Noise in bursts: matched sharply, and each seed another performance. */
static void make_voice(dv_audio* a, size_t channels, size_t frames, uint64_t seed)
{
  assert_int_equal(dv_audio_alloc(channels, frames, RATE_HZ, a, NULL), DV_OK);
  for (size_t c = 0; c < channels; ++c)
    for (size_t n = 0; n < frames; ++n) {
      const double burst = exp(-4.0 * fmod((double)n / RATE_HZ, 0.4));
      dv_audio_channel(a, c)[n] = (float)(0.5 * burst * dv_rand(&seed));
    }
}

static void write_audio(dv_temp* t, const char* name, dv_audio* a)
{
  dv_error err;
  if (dv_audio_write(dv_temp_path(t, name), a, NULL, &err)) fail_msg("%s", err.text);
  dv_audio_free(a);
}

/* The voice later by `lag`, softer and in stereo: what effects leave at least. */
static void write_wet(dv_temp* t, const char* name, size_t frames, uint64_t seed, size_t lag)
{
  dv_audio dry, wet;
  make_voice(&dry, 1, frames, seed);
  assert_int_equal(dv_audio_alloc(2, frames, RATE_HZ, &wet, NULL), DV_OK);
  for (size_t n = lag; n < frames; ++n) {
    dv_audio_channel(&wet, 0)[n] = 0.4f * dry.samples[n - lag];
    dv_audio_channel(&wet, 1)[n] = 0.3f * dry.samples[n - lag];
  }
  dv_audio_free(&dry);
  write_audio(t, name, &wet);
}

static void write_voice(dv_temp* t, const char* name, size_t channels, size_t frames, uint64_t seed)
{
  dv_audio a;
  make_voice(&a, channels, frames, seed);
  write_audio(t, name, &a);
}

static void write_scaled(dv_temp* t, const char* name, float gain, float limit)
{
  dv_audio a;
  make_voice(&a, 1, LONG, 1);
  for (size_t n = 0; n < LONG; ++n) a.samples[n] = fmaxf(-limit, fminf(limit, gain * a.samples[n]));
  write_audio(t, name, &a);
}

static void write_at_rate(dv_temp* t, const char* name, double rate_hz)
{
  dv_audio a;
  make_voice(&a, 1, LONG, 1);
  assert_int_equal(dv_audio_resample(&a, rate_hz, NULL), DV_OK);
  write_audio(t, name, &a);
}

/* Echoes of the voice, each softer than the last. */
static void write_echoes(dv_temp* t, const char* name)
{
  dv_audio a;
  make_voice(&a, 1, LONG, 1);
  for (size_t n = 9001; n < LONG; ++n) a.samples[n] += 0.7f * a.samples[n - 9001];
  write_audio(t, name, &a);
}

/* The first seconds only; the rest is silence. */
static void write_start(dv_temp* t, const char* name, size_t sounding)
{
  dv_audio a;
  make_voice(&a, 1, LONG, 1);
  memset(a.samples + sounding, 0, (LONG - sounding) * sizeof *a.samples);
  write_audio(t, name, &a);
}

static void write_nan(dv_temp* t, const char* name)
{
  const float x[2] = {0.5f, NAN};
  SF_INFO info = {.channels = 1, .samplerate = 44100, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
  SNDFILE* out = sf_open(dv_temp_path(t, name), SFM_WRITE, &info);
  assert_int_equal(sf_writef_float(out, x, 2), 2);
  sf_close(out);
}

static int write_files(void** state)
{
  if (dv_temp_setup(state)) return -1;
  dv_temp* t = *state;
  dv_audio silence;
  write_voice(t, "dry.wav", 1, LONG, 1);
  write_wet(t, "wet.wav", LONG, 1, LAG);
  write_wet(t, "far.wav", LONG, 1, FAR);
  write_wet(t, "other.wav", LONG, 2, 0);
  write_voice(t, "stereo.wav", 2, LONG, 1);
  write_voice(t, "three.wav", 3, LONG, 1);
  write_voice(t, "third.wav", 1, 13000, 1);
  write_wet(t, "third-wet.wav", 13000, 1, 0);
  write_voice(t, "tiny.wav", 1, 1000, 1);
  write_scaled(t, "clipped.wav", 2.0f, 0.6f);
  write_scaled(t, "clipped.flac", 3.0f, 1.0f);
  write_scaled(t, "faint.wav", 1e-4f, 1.0f);
  write_scaled(t, "soft-clip.wav", 0.2f, 0.08f);
  write_at_rate(t, "48000.wav", 48000.0);
  write_at_rate(t, "22050.wav", 22050.0);
  write_echoes(t, "echoes.wav");
  write_start(t, "start.wav", 3 * 44100);
  write_nan(t, "nan.wav");
  dv_temp_file(t, "text.wav", "no audio\n", 9);
  assert_int_equal(dv_audio_alloc(1, LONG, RATE_HZ, &silence, NULL), DV_OK);
  write_audio(t, "silent.wav", &silence);
  return 0;
}

/* ---- one pair ---- */

static void check(dv_temp* t, const char* dry, const char* wet, bool has_bleed, dv_check_result* r)
{
  char dry_path[600], wet_path[600], id[] = "a";
  dv_stems_config config;
  dv_error err;
  snprintf(dry_path, sizeof dry_path, "%s", dv_temp_path(t, dry));
  snprintf(wet_path, sizeof wet_path, "%s", dv_temp_path(t, wet));
  const dv_pair pair = {.id = id, .dry = dry_path, .wet = wet_path, .has_bleed = has_bleed};
  dv_stems_config_default(&config);
  config.search_s = 0.5;
  if (dv_check_pair(&pair, &config, r, &err)) fail_msg("%s", err.text);
}

/* Kinds of the findings that are more than notes, in their order: "clipped short". */
static void list_kinds(const dv_check_result* r, char* text, size_t size)
{
  size_t length = 0;
  *text = '\0';
  for (size_t i = 0; i < r->count; ++i)
    if (r->findings[i].verdict != DV_CHECK_OK)
      length += (size_t)snprintf(text + length, size - length, "%s%s", length ? " " : "",
                                 dv_check_kind_name(r->findings[i].kind));
}

static void expect_kinds(dv_temp* t, const char* dry, const char* wet, dv_check_verdict verdict, const char* kinds)
{
  dv_check_result r;
  char got[400];
  check(t, dry, wet, false, &r);
  list_kinds(&r, got, sizeof got);
  if (r.verdict != verdict || strcmp(got, kinds))
    fail_msg("%s, %s: %s (%s), \"%s\"; expected %s (%s)", dry, wet, dv_check_verdict_name(r.verdict), got,
             r.count ? r.findings[0].text : "", dv_check_verdict_name(verdict), kinds);
}

static void test_good_pair_is_ok_and_measured(void** state)
{
  dv_check_result r;
  check(*state, "dry.wav", "wet.wav", false, &r);
  assert_int_equal(r.verdict, DV_CHECK_OK);
  assert_true(r.prepared);
  assert_int_equal(r.lag_samples, LAG);
  assert_int_equal(r.polarity, 1);
  assert_int_equal(r.wet_channels, 2);
  assert_close(r.seconds, 6.0, 0.0, 1e-9);
  assert_close(r.sound_s, 6.0, 0.0, 0.11);
  assert_true(r.confidence > 0.9);
  assert_close(r.wet_rate_hz, RATE_HZ, 0.0, 0.0);
  for (size_t i = 0; i < r.count; ++i) assert_int_equal(r.findings[i].kind, DV_CHECK_NOTE);
}

static void test_faults_of_files_are_told(void** state)
{
  expect_kinds(*state, "absent.wav", "wet.wav", DV_CHECK_BAD, "missing");
  expect_kinds(*state, "absent.wav", "gone.wav", DV_CHECK_BAD, "missing missing");
  expect_kinds(*state, "dry.wav", "text.wav", DV_CHECK_BAD, "unreadable");
  expect_kinds(*state, "nan.wav", "text.wav", DV_CHECK_BAD, "unreadable unreadable");
  expect_kinds(*state, ".", "wet.wav", DV_CHECK_BAD, "unreadable");
  expect_kinds(*state, "silent.wav", "wet.wav", DV_CHECK_BAD, "silent");
  expect_kinds(*state, "silent.wav", "silent.wav", DV_CHECK_BAD, "silent silent");
  expect_kinds(*state, "dry.wav", "three.wav", DV_CHECK_BAD, "channels");
}

static void test_clipping_is_told(void** state)
{
  dv_check_result r;
  expect_kinds(*state, "clipped.wav", "wet.wav", DV_CHECK_WARNING, "clipped");
  expect_kinds(*state, "clipped.flac", "wet.wav", DV_CHECK_WARNING, "clipped");
  expect_kinds(*state, "soft-clip.wav", "wet.wav", DV_CHECK_OK, "");
  check(*state, "clipped.wav", "clipped.wav", false, &r);
  assert_non_null(strstr(r.findings[0].text, "is clipped at -4.4 dBFS in "));
}

static void test_pairs_that_do_not_belong_together_are_told(void** state)
{
  expect_kinds(*state, "dry.wav", "other.wav", DV_CHECK_BAD, "unrelated");
  expect_kinds(*state, "dry.wav", "far.wav", DV_CHECK_BAD, "lag_limit");
  expect_kinds(*state, "dry.wav", "dry.wav", DV_CHECK_WARNING, "same");
  expect_kinds(*state, "echoes.wav", "dry.wav", DV_CHECK_WARNING, "swapped");
  expect_kinds(*state, "dry.wav", "echoes.wav", DV_CHECK_OK, "");
}

static void test_stereo_dry_is_told(void** state)
{
  dv_check_result r;
  char kinds[200];
  expect_kinds(*state, "stereo.wav", "stereo.wav", DV_CHECK_WARNING, "same stereo_dry");
  check(*state, "stereo.wav", "dry.wav", false, &r);
  list_kinds(&r, kinds, sizeof kinds);
  assert_non_null(strstr(kinds, "stereo_dry swapped"));
}

static void test_rates_are_told(void** state)
{
  expect_kinds(*state, "48000.wav", "wet.wav", DV_CHECK_WARNING, "rates");
  expect_kinds(*state, "22050.wav", "wet.wav", DV_CHECK_WARNING, "rates low_rate");
  expect_kinds(*state, "48000.wav", "48000.wav", DV_CHECK_WARNING, "same");
}

static void test_what_is_too_short_or_too_soft_is_told(void** state)
{
  expect_kinds(*state, "third.wav", "third-wet.wav", DV_CHECK_BAD, "short");
  expect_kinds(*state, "tiny.wav", "wet.wav", DV_CHECK_BAD, "short");
  expect_kinds(*state, "start.wav", "wet.wav", DV_CHECK_WARNING, "short");
  expect_kinds(*state, "faint.wav", "wet.wav", DV_CHECK_BAD, "level");
}

static void test_bleed_is_a_warning(void** state)
{
  dv_check_result r;
  check(*state, "dry.wav", "wet.wav", true, &r);
  assert_int_equal(r.verdict, DV_CHECK_WARNING);
  assert_int_equal(r.findings[0].kind, DV_CHECK_BLEED);
}

static void test_impossible_search_is_an_error_of_every_pair(void** state)
{
  char id[] = "a", path[600];
  dv_stems_config config;
  dv_check_result r;
  dv_error err;
  snprintf(path, sizeof path, "%s", dv_temp_path(*state, "dry.wav"));
  const dv_pair pair = {.id = id, .dry = path, .wet = path};
  dv_stems_config_default(&config);
  config.search_s = 0.0;
  assert_int_equal(dv_check_pair(&pair, &config, &r, &err), DV_ERR_ARG);
}

/* ---- the tool ---- */

static void write_manifest(dv_temp* t)
{
  static const char text[] = "{\"id\":\"good\",\"dry\":\"dry.wav\",\"wet\":\"wet.wav\",\"why\":\"told\"}\n"
                             "{\"id\":\"bleed\",\"dry\":\"dry.wav\",\"wet\":\"wet.wav\",\"has_bleed\":true}\n"
                             "{\"id\":\"gone\",\"dry\":\"dry.wav\",\"wet\":\"gone.wav\"}\n";
  dv_temp_file(t, "m.jsonl", text, sizeof text - 1);
}

static void expect_ids(dv_temp* t, const char* name, const char* const* ids, size_t count)
{
  dv_manifest m;
  dv_error err;
  if (dv_manifest_read(dv_temp_path(t, name), &m, &err)) fail_msg("%s", err.text);
  assert_int_equal(m.count, count);
  for (size_t i = 0; i < count; ++i) assert_string_equal(m.pairs[i].id, ids[i]);
  dv_manifest_free(&m);
}

static void test_tool_fails_where_a_pair_is_bad_and_writes_the_others(void** state)
{
  static const char* const ids[] = {"good", "bleed"};
  dv_temp* t = *state;
  write_manifest(t);
  dv_cli_expect(t, program, "check m.jsonl -o good.jsonl", 1, "3 pairs: 1 ok, 1 with warnings, 1 bad");
  expect_ids(t, "good.jsonl", ids, 2);
  dv_cli_expect(t, program, "check good.jsonl", 0, "ok       good  6.0 s, lag 100 samples (2.27 ms)");
  dv_cli_expect(t, program, "check good.jsonl", 0, "         has_bleed: the song has has_bleed");
  dv_cli_expect(t, program, "check m.jsonl -q", 1, "3 pairs:");
}

static void test_tool_takes_warnings_for_bad_when_strict(void** state)
{
  static const char* const ids[] = {"good"};
  dv_temp* t = *state;
  write_manifest(t);
  dv_cli_expect(t, program, "check m.jsonl --strict -o strict.jsonl", 1, "3 pairs: 1 ok, 0 with warnings, 2 bad");
  expect_ids(t, "strict.jsonl", ids, 1);
}

static void test_tool_prints_json_lines(void** state)
{
  dv_temp* t = *state;
  write_manifest(t);
  dv_cli_expect(
    t, program, "check m.jsonl --json", 1,
    "{\"type\": \"pair\", \"id\": \"gone\", \"dry\": \"dry.wav\", \"wet\": \"gone.wav\", \"verdict\": "
    "\"bad\", \"findings\": [{\"verdict\": \"bad\", \"kind\": \"missing\", \"text\": \"gone.wav: cannot read: "
    "No such file or directory");
  dv_cli_expect(t, program, "check m.jsonl --json", 1, "\"lag_samples\": 100, \"polarity\": 1, \"confidence\": ");
  dv_cli_expect(t, program, "check m.jsonl --json -q", 1,
                "{\"type\": \"summary\", \"ok\": 1, \"warning\": 1, \"bad\": 1}");
}

static void test_tool_without_a_manifest_fails(void** state)
{
  dv_cli_expect(*state, program, "check absent.jsonl", 1, "absent.jsonl: cannot read");
  dv_cli_expect(*state, program, "check text.wav", 1, "text.wav: line 1: column");
  write_manifest(*state);
  dv_cli_expect(*state, program, "check m.jsonl -q -o absent/m.jsonl", 1, "absent/m.jsonl: cannot write");
}

int main(int argc, char** argv)
{
  if (argc != 2) return 2;
  program = argv[1];
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_good_pair_is_ok_and_measured),
    cmocka_unit_test(test_faults_of_files_are_told),
    cmocka_unit_test(test_clipping_is_told),
    cmocka_unit_test(test_pairs_that_do_not_belong_together_are_told),
    cmocka_unit_test(test_stereo_dry_is_told),
    cmocka_unit_test(test_rates_are_told),
    cmocka_unit_test(test_what_is_too_short_or_too_soft_is_told),
    cmocka_unit_test(test_bleed_is_a_warning),
    cmocka_unit_test(test_impossible_search_is_an_error_of_every_pair),
    cmocka_unit_test(test_tool_fails_where_a_pair_is_bad_and_writes_the_others),
    cmocka_unit_test(test_tool_takes_warnings_for_bad_when_strict),
    cmocka_unit_test(test_tool_prints_json_lines),
    cmocka_unit_test(test_tool_without_a_manifest_fails),
  };
  return cmocka_run_group_tests_name("check", tests, write_files, dv_temp_teardown);
}
