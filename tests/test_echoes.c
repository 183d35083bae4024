/* SPDX-License-Identifier: MIT */
/* Echoes that stems show: of a made voice, and of recordings where ../shared/audio is at hand. */
#include "datasets/audio.h"
#include "datasets/resample.h"
#include "estimator/echoes.h"
#include "estimator/fit.h"
#include "support/dv_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES = 8 * 44100 };

typedef struct {
  dv_real *dry, *left, *right;
} signals;

static int make_signals(void** state)
{
  static signals s;
  uint64_t seed = 21;
  double low = 0.0;
  s.dry = malloc(FRAMES * sizeof *s.dry);
  s.left = malloc(FRAMES * sizeof *s.left);
  s.right = malloc(FRAMES * sizeof *s.right);
  if (!s.dry || !s.left || !s.right) return -1;
  for (size_t n = 0; n < FRAMES; ++n) {
    const double t = (double)n / DV_MODEL_RATE_HZ, burst = exp(-5.0 * fmod(t, 0.37));
    low += 0.3 * (dv_rand(&seed) - low);
    s.dry[n] = (dv_real)(0.3 * burst * (low + 0.2 * sin(6.283185307179586 * 210.0 * t)));
  }
  *state = &s;
  return 0;
}

static int free_signals(void** state)
{
  const signals* s = *state;
  free(s->dry);
  free(s->left);
  free(s->right);
  return 0;
}

/* The voice with one echo of its own. */
static dv_fit_stems with_echo(const signals* s, size_t delay_samples, double gain_left, double gain_right)
{
  for (size_t n = 0; n < FRAMES; ++n) {
    const double x = (double)s->dry[n], echo = n >= delay_samples ? (double)s->dry[n - delay_samples] : 0.0;
    s->left[n] = (dv_real)(x + gain_left * echo);
    s->right[n] = (dv_real)(x + gain_right * echo);
  }
  return (dv_fit_stems){s->dry, s->left, s->right, FRAMES, 0.0};
}

/* The profile, and what it makes of the mean start; returns the delay's time. */
static double find(const dv_fit_stems* stems, dv_echo_profile* profile, dv_chain_params* before, dv_chain_params* start)
{
  dv_error err = {""};
  if (dv_echo_profile_estimate(stems, profile, &err)) fail_msg("%s", err.text);
  dv_fit_mean_start(false, before);
  *start = *before;
  dv_echo_start(profile, profile->delay_ms, false, start);
  return profile->delay_ms;
}

static void test_a_start_near_an_echo_takes_its_time(void** state)
{
  static const struct {
    double late_ms;
    bool known;
  } cases[] = {{0.0, true}, {0.9, true}, {-0.9, true}, {1.1, false}, {-20.0, false}};
  const double echo_ms = 1e3 * 15446.0 / DV_MODEL_RATE_HZ;
  const dv_fit_stems stems = with_echo(*state, 15446, 0.0, 0.3);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    dv_fit_start start = {.delay_known = !cases[i].known};
    dv_error err = {""};
    dv_fit_mean_start(false, &start.params);
    start.params.delay.delay_ms = echo_ms + cases[i].late_ms;
    if (dv_fit_adopt_echo(&stems, &start, &err)) fail_msg("%s", err.text);
    assert_int_equal(start.delay_known, cases[i].known);
    assert_close(start.params.delay.delay_ms, echo_ms + (cases[i].known ? 0.0 : cases[i].late_ms), 0.0, 0.01);
  }
}

static void test_an_echo_starts_the_delay_at_its_time_and_side(void** state)
{
  static dv_echo_profile profile;
  dv_chain_params before, start;
  const size_t delay_samples = 15446;
  const double delay_ms = 1e3 * (double)delay_samples / DV_MODEL_RATE_HZ;
  const dv_fit_stems stems = with_echo(*state, delay_samples, 0.0, 0.3);
  assert_close(find(&stems, &profile, &before, &start), delay_ms, 0.0, 0.01);
  assert_close(start.delay.delay_ms, delay_ms, 0.0, 0.01);
  assert_true(start.delay.odd_pan > 0.8);
  assert_close(start.delay.even_pan, 1.0 - start.delay.odd_pan, 1e-12, 0.0);
  assert_memory_equal(&start.reverb, &before.reverb, sizeof start.reverb);
}

/* Both could follow it; together they would make it twice. */
static void test_an_echo_that_starts_the_delay_starts_no_reverb(void** state)
{
  static const size_t delays[] = {4630, 5733, 6945}; /* 105, 130, 157.5 ms */
  for (size_t d = 0; d < sizeof delays / sizeof *delays; ++d) {
    static dv_echo_profile profile;
    dv_chain_params before, start;
    const dv_fit_stems stems = with_echo(*state, delays[d], 0.2, 0.2);
    assert_close(find(&stems, &profile, &before, &start), 1e3 * (double)delays[d] / DV_MODEL_RATE_HZ, 0.0, 0.01);
    assert_memory_equal(&start.reverb, &before.reverb, sizeof start.reverb);
  }
}

static void test_an_early_echo_starts_the_reverb(void** state)
{
  static dv_echo_profile profile;
  dv_chain_params before, start;
  const dv_fit_stems stems = with_echo(*state, 2646, 0.2, 0.2);
  assert_close(find(&stems, &profile, &before, &start), 0.0, 0.0, 0.0);
  assert_memory_equal(&start.delay, &before.delay, sizeof start.delay);
  assert_memory_not_equal(&start.reverb, &before.reverb, sizeof start.reverb);
}

static void expect_nothing(const dv_fit_stems* stems, const char* what)
{
  static dv_echo_profile profile;
  dv_chain_params before, start;
  const double delay_ms = find(stems, &profile, &before, &start);
  if (delay_ms > 0.0) fail_msg("%s, %.1f s: an echo at %.1f ms", what, (double)stems->samples / 44100.0, delay_ms);
  assert_memory_equal(&start, &before, sizeof start);
}

static void test_stems_below_the_window_show_nothing(void** state)
{
  dv_fit_stems stems = with_echo(*state, 15446, 0.5, 0.5);
  stems.samples = 3 * 44100 - 5000;
  expect_nothing(&stems, "a made voice");
}

static void test_an_echo_of_a_few_seconds_must_be_clear(void** state)
{
  static dv_echo_profile profile;
  dv_chain_params before, start;
  dv_fit_stems stems = with_echo(*state, 15446, 0.3, 0.3);
  stems.samples = 5 * 44100;
  assert_close(find(&stems, &profile, &before, &start), 350.249, 0.0, 0.01);
}

/* ---- recordings ---- */

static const char AUDIO[] = "../shared/audio";

/* False where the file is absent. */
static bool read_file(const char* folder, const char* name, dv_audio* audio)
{
  char path[256];
  dv_error err = {""};
  snprintf(path, sizeof path, "%s/%s/%s", AUDIO, folder, name);
  if (dv_audio_read(path, audio, &err)) return false;
  assert_int_equal(dv_audio_resample(audio, DV_MODEL_RATE_HZ, NULL), DV_OK);
  return true;
}

/* A voice against itself, in cuts of 3 to 5.5 s: whatever repeats in it is no echo. */
static void test_short_cuts_of_voices_show_nothing(void** state)
{
  static const char* const names[] = {"vocadito_1.flac", "vocadito_10.flac", "nit_song070_029.flac",
                                      "smstools_speech-male.flac"};
  static const size_t lengths[] = {3 * 44100, 4 * 44100, 242550};
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    dv_audio voice;
    if (!read_file("voice", names[i], &voice)) {
      print_message("skipping recordings: %s is absent\n", AUDIO);
      skip();
    }
    dv_audio_to_mono(&voice);
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; ++l)
      for (size_t at = 0; at + lengths[l] <= voice.frames && at < 12 * 44100; at += 2 * 44100) {
        const dv_real* x = voice.samples + at;
        const dv_fit_stems stems = {x, x, x, lengths[l], 0.0};
        expect_nothing(&stems, names[i]);
      }
    dv_audio_free(&voice);
  }
}

static void test_echoes_of_recordings_are_found(void** state)
{
  static const struct {
    const char* folder;
    double delay_ms;
  } pairs[] = {{"pairs/07_pingpong_vocadito1", 350.0},
               {"pairs/12_chain_vocadito1", 375.0116},
               {"medleydb/MusicDelta_Disco", 169.3451}};
  (void)state;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; ++i) {
    static dv_echo_profile profile;
    dv_chain_params before, start;
    dv_audio dry, wet;
    if (!read_file(pairs[i].folder, "dry.flac", &dry) || !read_file(pairs[i].folder, "wet.flac", &wet)) {
      print_message("skipping recordings: %s is absent\n", AUDIO);
      skip();
    }
    dv_audio_to_mono(&dry);
    const size_t frames = dry.frames < wet.frames ? dry.frames : wet.frames;
    const dv_fit_stems stems = {dry.samples, dv_audio_channel(&wet, 0), dv_audio_channel(&wet, wet.channels - 1),
                                frames, 0.0};
    assert_close(find(&stems, &profile, &before, &start), pairs[i].delay_ms, 0.0, 1e-3);
    dv_audio_free(&dry);
    dv_audio_free(&wet);
  }
}

/* An excerpt has its echo beyond doubt; seven seconds of it show it less clearly. */
static void test_a_possible_echo_is_a_second_start(void** state)
{
  dv_fit_starts starts;
  dv_audio dry, wet;
  dv_error err = {""};
  (void)state;
  if (!read_file("medleydb/MusicDelta_Beatles", "dry.flac", &dry) ||
      !read_file("medleydb/MusicDelta_Beatles", "wet.flac", &wet)) {
    print_message("skipping recordings: %s is absent\n", AUDIO);
    skip();
  }
  dv_audio_to_mono(&dry);
  const dv_fit_stems stems = {dry.samples, dv_audio_channel(&wet, 0), dv_audio_channel(&wet, 1), 7 * 44100, 0.0};
  if (dv_fit_default_starts(&stems, &starts, &err)) fail_msg("%s", err.text);
  assert_int_equal(starts.count, 2);
  assert_false(starts.start[0].delay_known);
  assert_true(starts.start[1].delay_known);
  assert_close(starts.start[1].params.delay.delay_ms, 169.357, 0.0, 0.05);
  dv_audio_free(&dry);
  dv_audio_free(&wet);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_start_near_an_echo_takes_its_time),
    cmocka_unit_test(test_an_echo_starts_the_delay_at_its_time_and_side),
    cmocka_unit_test(test_an_echo_that_starts_the_delay_starts_no_reverb),
    cmocka_unit_test(test_an_early_echo_starts_the_reverb),
    cmocka_unit_test(test_stems_below_the_window_show_nothing),
    cmocka_unit_test(test_an_echo_of_a_few_seconds_must_be_clear),
    cmocka_unit_test(test_short_cuts_of_voices_show_nothing),
    cmocka_unit_test(test_echoes_of_recordings_are_found),
    cmocka_unit_test(test_a_possible_echo_is_a_second_start),
  };
  return cmocka_run_group_tests_name("echoes", tests, make_signals, free_signals);
}
