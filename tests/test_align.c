/* SPDX-License-Identifier: MIT */
#include "datasets/align.h"
#include "datasets/audio.h"
#include "dsp/random.h"
#include "support/dv_test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_HZ 44100.0
enum { FRAMES = 100000, PAD = 60000 };

/* Syllables: pulses at a gliding pitch through two resonances, with breath and pauses. */
static float* voice(size_t frames, uint64_t seed)
{
  float* x = calloc(frames, sizeof *x);
  double phase = 0.0, a1 = 0.0, a2 = 0.0, b1 = 0.0, b2 = 0.0, pitch_hz = 200.0, level = 0.0;
  assert_non_null(x);
  for (size_t i = 0; i < frames; ++i) {
    if (i % 9000 == 0) {
      pitch_hz = 180.0 + 80.0 * dv_rand(&seed);
      level = dv_rand(&seed) > -0.6 ? 0.5 + 0.4 * dv_rand(&seed) : 0.0;
    }
    phase += pitch_hz * (1.0 + 0.05 * sin(7e-4 * (double)i)) / RATE_HZ;
    double pulse = 0.02 * dv_rand(&seed);
    if (phase >= 1.0) {
      phase -= 1.0;
      pulse += 1.0;
    }
    const double a = level * pulse + 1.95 * a1 - 0.96 * a2, b = a + 1.6 * b1 - 0.9 * b2;
    a2 = a1, a1 = a, b2 = b1, b1 = b;
    x[i] = (float)(0.01 * b + 1e-5 * dv_rand(&seed));
  }
  return x;
}

/* y[n] += gain x[n - lag], what falls outside is lost. */
static void add_shifted(const float* x, size_t frames, ptrdiff_t lag, double gain, float* y, size_t wet_frames)
{
  for (size_t n = 0; n < wet_frames; ++n) {
    const ptrdiff_t i = (ptrdiff_t)n - lag;
    if (i >= 0 && i < (ptrdiff_t)frames) y[n] += (float)(gain * (double)x[i]);
  }
}

static float* silence(size_t frames)
{
  float* x = calloc(frames, sizeof *x);
  assert_non_null(x);
  return x;
}

static void align_stereo(const float* dry, size_t frames, const float* left, const float* right, size_t wet_frames,
                         dv_alignment* a)
{
  dv_error err = {""};
  if (dv_align(dry, frames, left, right, wet_frames, RATE_HZ, 2.0, a, &err)) fail_msg("%s", err.text);
}

static void expect_lag(const float* dry, const float* wet, size_t wet_frames, ptrdiff_t lag, int polarity)
{
  dv_alignment a;
  align_stereo(dry, FRAMES, wet, wet, wet_frames, &a);
  if (a.lag_samples != lag || a.polarity != polarity || !a.matched || a.at_limit)
    fail_msg("lag %td, polarity %d, confidence %.3f%s; expected %td, %d", a.lag_samples, a.polarity, a.confidence,
             a.at_limit ? " at the limit" : "", lag, polarity);
}

static void test_any_shift_and_polarity_is_found(void** state)
{
  static const ptrdiff_t lags[] = {0, 1, -1, 2, 137, -137, 1023, -4410, 30000, -50000};
  (void)state;
  float* dry = voice(FRAMES, 1);
  for (size_t k = 0; k < sizeof lags / sizeof *lags; ++k)
    for (int polarity = -1; polarity <= 1; polarity += 2) {
      float* wet = silence(FRAMES + PAD);
      add_shifted(dry, FRAMES, lags[k], 0.3 * polarity, wet, FRAMES + PAD);
      expect_lag(dry, wet, polarity < 0 ? FRAMES + PAD : FRAMES - PAD / 2, lags[k], polarity);
      free(wet);
    }
  free(dry);
}

static void test_random_shifts_in_noise_are_found(void** state)
{
  (void)state;
  uint64_t seed = 20250914;
  for (size_t trial = 0; trial < 8; ++trial) {
    float* dry = voice(FRAMES, 2 + trial);
    float* wet = silence(FRAMES);
    const ptrdiff_t lag = (ptrdiff_t)(dv_random(&seed) % 40001) - 20000;
    const int polarity = dv_random(&seed) & 1 ? 1 : -1;
    add_shifted(dry, FRAMES, lag, polarity, wet, FRAMES);
    for (size_t i = 0; i < FRAMES; ++i) wet[i] += (float)(0.003 * dv_rand(&seed));
    expect_lag(dry, wet, FRAMES, lag, polarity);
    free(dry);
    free(wet);
  }
}

static void test_direct_sound_wins_over_louder_echoes(void** state)
{
  static const ptrdiff_t echoes[] = {200, 4410, 15000, 40000};
  (void)state;
  float* dry = voice(FRAMES, 3);
  for (size_t k = 0; k < sizeof echoes / sizeof *echoes; ++k) {
    float* wet = silence(FRAMES);
    add_shifted(dry, FRAMES, -30, -0.4, wet, FRAMES);
    add_shifted(dry, FRAMES, echoes[k], 1.0, wet, FRAMES);
    expect_lag(dry, wet, FRAMES, -30, -1);
    free(wet);
  }
  free(dry);
}

static void test_minimum_phase_filters_do_not_move_the_lag(void** state)
{
  (void)state;
  float* dry = voice(FRAMES, 4);
  float* wet = silence(FRAMES);
  double low = 0.0, lower = 0.0;
  for (size_t i = 0; i < FRAMES; ++i) { /* two one-poles near 700 Hz, and what they leave */
    low += 0.1 * ((double)dry[i] - low);
    lower += 0.1 * (low - lower);
    wet[i] = (float)((double)dry[i] - 0.9 * lower);
  }
  expect_lag(dry, wet, FRAMES, 0, 1);
  free(dry);
  free(wet);
}

static void test_zeros_before_and_after_do_not_matter(void** state)
{
  (void)state;
  float* sound = voice(FRAMES / 4, 5);
  float* dry = silence(FRAMES);
  float* wet = silence(FRAMES);
  add_shifted(sound, FRAMES / 4, 60000, 1.0, dry, FRAMES);
  add_shifted(sound, FRAMES / 4, 60000 - 1234, 0.01, wet, FRAMES);
  expect_lag(dry, wet, FRAMES, -1234, 1);
  free(sound);
  free(dry);
  free(wet);
}

static void test_channel_that_cancels_in_the_middle_is_used_alone(void** state)
{
  (void)state;
  float* dry = voice(FRAMES, 6);
  float* left = silence(FRAMES);
  float* right = silence(FRAMES);
  dv_alignment a;
  add_shifted(dry, FRAMES, 77, 1.0, left, FRAMES);
  for (size_t i = 0; i < FRAMES; ++i) right[i] = -left[i];
  align_stereo(dry, FRAMES, left, right, FRAMES, &a);
  assert_int_equal(a.lag_samples, 77);
  assert_int_equal(a.polarity, 1);
  assert_int_equal(a.channel, DV_ALIGN_LEFT);
  assert_true(a.matched);
  free(dry);
  free(left);
  free(right);
}

static void test_loop_takes_the_lag_nearest_to_zero(void** state)
{
  (void)state;
  enum { LOOP = 22050, TIMES = 12 };
  float* sound = voice(LOOP, 7);
  float* dry = silence((size_t)LOOP * TIMES);
  float* wet = silence((size_t)LOOP * TIMES);
  dv_alignment a;
  for (ptrdiff_t k = 0; k < TIMES; ++k) add_shifted(sound, LOOP, k * LOOP, 1.0, dry, (size_t)LOOP * TIMES);
  add_shifted(dry, (size_t)LOOP * TIMES, 40, 1.0, wet, (size_t)LOOP * TIMES);
  align_stereo(dry, (size_t)LOOP * TIMES, wet, wet, (size_t)LOOP * TIMES, &a);
  assert_int_equal(a.lag_samples, 40);
  free(sound);
  free(dry);
  free(wet);
}

static void test_lag_beyond_the_search_is_at_its_limit(void** state)
{
  static const ptrdiff_t lags[] = {8820, 9000, 30000, -8820, -30000};
  (void)state;
  float* dry = voice(FRAMES, 8);
  for (size_t k = 0; k < sizeof lags / sizeof *lags; ++k) {
    float* wet = silence(FRAMES);
    dv_alignment a;
    add_shifted(dry, FRAMES, lags[k], 1.0, wet, FRAMES);
    assert_int_equal(dv_align(dry, FRAMES, wet, wet, FRAMES, RATE_HZ, 0.2, &a, NULL), DV_OK);
    assert_int_equal(a.lag_samples, lags[k]);
    assert_true(a.at_limit);
    free(wet);
  }
  free(dry);
}

static void test_echoes_before_the_sound_look_swapped(void** state)
{
  (void)state;
  float* dry = voice(FRAMES, 9);
  float* wet = silence(FRAMES);
  dv_alignment a;
  add_shifted(dry, FRAMES, 0, 1.0, wet, FRAMES);
  for (int k = 1; k < 6; ++k) add_shifted(dry, FRAMES, 3300 * k, pow(0.7, k), wet, FRAMES);
  align_stereo(dry, FRAMES, wet, wet, FRAMES, &a);
  assert_false(a.looks_swapped);
  assert_true(a.direction > 0.2);
  align_stereo(wet, FRAMES, dry, dry, FRAMES, &a);
  assert_true(a.looks_swapped);
  free(dry);
  free(wet);
}

static void test_other_voices_do_not_match(void** state)
{
  (void)state;
  for (uint64_t k = 0; k < 6; ++k) {
    float* dry = voice(FRAMES, 10 + k);
    float* wet = voice(FRAMES, 30 + k);
    dv_alignment a;
    align_stereo(dry, FRAMES, wet, wet, FRAMES, &a);
    assert_false(a.matched);
    free(dry);
    free(wet);
  }
}

static void test_curve_is_the_response_around_the_lag(void** state)
{
  (void)state;
  float* dry = voice(FRAMES, 50);
  float* wet = silence(FRAMES);
  dv_alignment a;
  add_shifted(dry, FRAMES, 100, -1.0, wet, FRAMES);
  add_shifted(dry, FRAMES, 1100, 0.5, wet, FRAMES);
  align_stereo(dry, FRAMES, wet, wet, FRAMES, &a);
  assert_int_equal(a.lag_samples, 100);
  assert_close((double)a.curve[DV_ALIGN_CURVE_RADIUS], -1.0, 0.0, 1e-6);
  assert_close((double)a.curve[DV_ALIGN_CURVE_RADIUS + 1000], 0.5, 0.0, 0.1);
  free(dry);
  free(wet);
}

static void test_silence_matches_nothing(void** state)
{
  (void)state;
  float* dry = voice(FRAMES, 51);
  float* wet = silence(FRAMES);
  dv_alignment a;
  align_stereo(dry, FRAMES, wet, wet, FRAMES, &a);
  assert_false(a.matched);
  align_stereo(wet, FRAMES, dry, dry, FRAMES, &a);
  assert_false(a.matched);
  align_stereo(wet, 1, dry, dry, 1, &a);
  assert_false(a.matched);
  free(dry);
  free(wet);
}

static void test_huge_and_tiny_samples_do_not_overflow(void** state)
{
  (void)state;
  float* dry = voice(FRAMES, 52);
  float* wet = silence(FRAMES);
  add_shifted(dry, FRAMES, 9, 1e33, wet, FRAMES);
  for (size_t i = 0; i < FRAMES; ++i) dry[i] *= 1e-33f;
  expect_lag(dry, wet, FRAMES, 9, 1);
  free(dry);
  free(wet);
}

static void test_bad_arguments_are_refused(void** state)
{
  (void)state;
  float x[4000] = {1.0f};
  dv_alignment a;
  assert_int_equal(dv_align(x, 0, x, x, 4000, RATE_HZ, 1.0, &a, NULL), DV_ERR_ARG);
  assert_int_equal(dv_align(x, 4000, x, x, 0, RATE_HZ, 1.0, &a, NULL), DV_ERR_ARG);
  assert_int_equal(dv_align(x, 4000, x, x, 4000, 7000.0, 1.0, &a, NULL), DV_ERR_ARG);
  assert_int_equal(dv_align(x, 4000, x, x, 4000, RATE_HZ, 0.0, &a, NULL), DV_ERR_ARG);
  assert_int_equal(dv_align(x, 4000, x, x, 4000, RATE_HZ, 61.0, &a, NULL), DV_ERR_ARG);
  assert_int_equal(dv_align(x, 4000, x, x, 4000, RATE_HZ, (double)NAN, &a, NULL), DV_ERR_ARG);
  x[3] = NAN;
  assert_int_equal(dv_align(x, 4000, x, x, 4000, RATE_HZ, 1.0, &a, NULL), DV_ERR_NONFINITE);
}

/* ---- real stems, where they are ---- */

static const char PAIRS[] = "../shared/audio/pairs", SONGS[] = "../shared/audio/medleydb";
enum { MAX_PAIRS = 32 };

typedef struct {
  char name[128];
  dv_audio dry, wet;
} pair;

static pair pairs[MAX_PAIRS];
static size_t pair_count;

static void read_folder(const char* folder)
{
  DIR* dir = opendir(folder);
  for (const struct dirent* e; dir && (e = readdir(dir)) && pair_count < MAX_PAIRS;) {
    pair* p = &pairs[pair_count];
    char path[512];
    snprintf(p->name, sizeof p->name, "%.100s", e->d_name);
    snprintf(path, sizeof path, "%s/%.100s/dry.flac", folder, e->d_name);
    if (e->d_name[0] == '.' || dv_audio_read(path, &p->dry, NULL)) continue;
    snprintf(path, sizeof path, "%s/%.100s/wet.flac", folder, e->d_name);
    if (dv_audio_read(path, &p->wet, NULL)) dv_audio_free(&p->dry);
    else ++pair_count;
  }
  if (dir) closedir(dir);
}

static int read_pairs(void** state)
{
  (void)state;
  read_folder(PAIRS);
  read_folder(SONGS);
  if (!pair_count) print_message("skipping real stems: ../shared/audio is absent\n");
  return 0;
}

static int free_pairs(void** state)
{
  (void)state;
  for (size_t i = 0; i < pair_count; ++i) {
    dv_audio_free(&pairs[i].dry);
    dv_audio_free(&pairs[i].wet);
  }
  return 0;
}

static void align_pair(const pair* dry, const pair* wet, double search_s, dv_alignment* a)
{
  dv_error err = {""};
  const float* right = dv_audio_channel(&wet->wet, wet->wet.channels - 1);
  if (dv_align(dry->dry.samples, dry->dry.frames, wet->wet.samples, right, wet->wet.frames, RATE_HZ, search_s, a, &err))
    fail_msg("%s", err.text);
}

/* The made pairs exactly.  Nobody knows the songs' true lags: they were aligned by their authors, so within 8 samples,
   but for Gospel, which is held to what was found here, 115; its cuts of 3 s give 115 to 142. */
static void test_real_pairs_have_their_lags(void** state)
{
  (void)state;
  if (!pair_count) skip();
  for (size_t i = 0; i < pair_count; ++i) {
    const bool made = pairs[i].name[0] >= '0' && pairs[i].name[0] <= '9';
    const ptrdiff_t middle = strstr(pairs[i].name, "off137") ? 137 : strstr(pairs[i].name, "Gospel") ? 115 : 0;
    for (int polarity = 1; polarity >= -1; polarity -= 2) {
      dv_alignment a;
      align_pair(&pairs[i], &pairs[i], 2.0, &a);
      if (labs(a.lag_samples - middle) > (made ? 0 : 8) || a.polarity != polarity || !a.matched || a.looks_swapped)
        fail_msg("%s: lag %td, polarity %d, confidence %.3f", pairs[i].name, a.lag_samples, a.polarity, a.confidence);
      dv_audio* wet = &pairs[i].wet;
      for (size_t n = 0; n < wet->channels * wet->frames; ++n) wet->samples[n] = -wet->samples[n];
    }
  }
}

static void test_stems_of_different_songs_do_not_match(void** state)
{
  (void)state;
  if (!pair_count) skip();
  for (size_t i = 0; i < pair_count; ++i) {
    const size_t j = (i + 3) % pair_count;
    const char *a_voice = strstr(pairs[i].name, "vocadito"), *b_voice = strstr(pairs[j].name, "vocadito");
    dv_alignment a;
    if (a_voice && b_voice && !strcmp(a_voice, b_voice)) continue;
    align_pair(&pairs[i], &pairs[j], 2.0, &a);
    if (a.matched) fail_msg("%s and %s: confidence %.3f", pairs[i].name, pairs[j].name, a.confidence);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_any_shift_and_polarity_is_found),
    cmocka_unit_test(test_random_shifts_in_noise_are_found),
    cmocka_unit_test(test_direct_sound_wins_over_louder_echoes),
    cmocka_unit_test(test_minimum_phase_filters_do_not_move_the_lag),
    cmocka_unit_test(test_zeros_before_and_after_do_not_matter),
    cmocka_unit_test(test_channel_that_cancels_in_the_middle_is_used_alone),
    cmocka_unit_test(test_loop_takes_the_lag_nearest_to_zero),
    cmocka_unit_test(test_lag_beyond_the_search_is_at_its_limit),
    cmocka_unit_test(test_echoes_before_the_sound_look_swapped),
    cmocka_unit_test(test_other_voices_do_not_match),
    cmocka_unit_test(test_curve_is_the_response_around_the_lag),
    cmocka_unit_test(test_silence_matches_nothing),
    cmocka_unit_test(test_huge_and_tiny_samples_do_not_overflow),
    cmocka_unit_test(test_bad_arguments_are_refused),
    cmocka_unit_test(test_real_pairs_have_their_lags),
    cmocka_unit_test(test_stems_of_different_songs_do_not_match),
  };
  return cmocka_run_group_tests_name("align", tests, read_pairs, free_pairs);
}
