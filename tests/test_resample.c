/* SPDX-License-Identifier: MIT */
#include "datasets/resample.h"
#include "support/dv_test.h"

#include <string.h>

/* A tone with a slow start and end, so that the edges of the file say nothing. */
static double tone(double time_s, double duration_s, double freq_hz)
{
  const double edge = fmin(time_s, duration_s - time_s) / 0.1;
  const double envelope = edge <= 0.0 ? 0.0 : edge >= 1.0 ? 1.0 : 0.5 - 0.5 * cos(M_PI * edge);
  return 0.5 * envelope * sin(2.0 * M_PI * freq_hz * time_s);
}

static void fill_tone(dv_audio* a, double rate_hz, double duration_s, double freq_hz)
{
  assert_int_equal(dv_audio_alloc(1, (size_t)(rate_hz * duration_s), rate_hz, a, NULL), DV_OK);
  for (size_t i = 0; i < a->frames; ++i) a->samples[i] = (float)tone((double)i / rate_hz, duration_s, freq_hz);
}

/* Against the tone itself at the new rate: also a delay of a thousandth of a sample would show. */
static void test_tone_keeps_its_place_and_shape(void** state)
{
  static const double rates[] = {8000, 22050, 32000, 48000, 88200, 96000, 192000};
  (void)state;
  for (size_t r = 0; r < sizeof rates / sizeof *rates; ++r) {
    dv_audio a;
    dv_error err = {""};
    double error = 0.0, power = 0.0;
    fill_tone(&a, rates[r], 1.0, 997.0);
    assert_int_equal(dv_audio_resample(&a, 44100.0, &err), DV_OK);
    assert_int_equal(a.frames, 44100);
    assert_close(a.rate_hz, 44100.0, 0.0, 0.0);
    for (size_t i = 0; i < a.frames; ++i) {
      const double want = tone((double)i / 44100.0, 1.0, 997.0), d = (double)a.samples[i] - want;
      error += d * d;
      power += want * want;
    }
    dv_audio_free(&a);
    const double snr_db = 10.0 * log10(power / error);
    if (!(snr_db > 120.0)) fail_msg("%g Hz: %.1f dB", rates[r], snr_db);
  }
}

static void test_high_frequencies_do_not_alias(void** state)
{
  (void)state;
  dv_audio a;
  double peak = 0.0;
  fill_tone(&a, 96000.0, 1.0, 30000.0);
  assert_int_equal(dv_audio_resample(&a, 44100.0, NULL), DV_OK);
  for (size_t i = 0; i < a.frames; ++i) peak = fmax(peak, fabs((double)a.samples[i]));
  assert_true(peak < 1e-6);
  dv_audio_free(&a);
}

static void test_frames_are_exact(void** state)
{
  static const struct {
    size_t frames;
    double from_hz, to_hz;
    size_t expected;
  } cases[] = {{48000, 48000, 44100, 44100}, {1, 8000, 192000, 24},        {480001, 48000, 44100, 441001},
               {7, 44100, 8000, 1},          {1, 192000, 8000, 0},         {12345, 44100, 44100, 12345},
               {101, 11025, 44100, 404},     {99991, 32000, 44100, 137800}};
  (void)state;
  for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
    dv_audio a;
    assert_int_equal(dv_audio_alloc(2, cases[c].frames, cases[c].from_hz, &a, NULL), DV_OK);
    assert_int_equal(dv_audio_resample(&a, cases[c].to_hz, NULL), DV_OK);
    assert_int_equal(a.frames, cases[c].expected);
    assert_int_equal(a.channels, 2);
    dv_audio_free(&a);
  }
}

static void test_channels_stay_apart(void** state)
{
  (void)state;
  dv_audio one, two;
  fill_tone(&one, 48000.0, 0.3, 440.0);
  assert_int_equal(dv_audio_alloc(3, one.frames, 48000.0, &two, NULL), DV_OK);
  memcpy(dv_audio_channel(&two, 1), one.samples, one.frames * sizeof(float));
  assert_int_equal(dv_audio_resample(&one, 44100.0, NULL), DV_OK);
  assert_int_equal(dv_audio_resample(&two, 44100.0, NULL), DV_OK);
  assert_memory_equal(dv_audio_channel(&two, 1), one.samples, one.frames * sizeof(float));
  for (size_t i = 0; i < one.frames; ++i) {
    assert_true(dv_audio_channel(&two, 0)[i] == 0.0f);
    assert_true(dv_audio_channel(&two, 2)[i] == 0.0f);
  }
  dv_audio_free(&one);
  dv_audio_free(&two);
}

/* soxr is fed in blocks; this one takes several. */
static void test_long_audio_is_whole_to_its_end(void** state)
{
  (void)state;
  dv_audio a;
  double worst = 0.0;
  fill_tone(&a, 48000.0, 9.0, 997.0);
  assert_int_equal(dv_audio_resample(&a, 44100.0, NULL), DV_OK);
  for (size_t i = 0; i < a.frames; ++i)
    worst = fmax(worst, fabs((double)a.samples[i] - tone((double)i / 44100.0, 9.0, 997.0)));
  assert_close(worst, 0.0, 0.0, 1e-6);
  dv_audio_free(&a);
}

static void test_same_rate_changes_nothing(void** state)
{
  (void)state;
  dv_audio a;
  fill_tone(&a, 44100.0, 0.3, 440.0);
  const float* samples = a.samples;
  assert_int_equal(dv_audio_resample(&a, 44100.0, NULL), DV_OK);
  assert_ptr_equal(a.samples, samples);
  dv_audio_free(&a);
}

static void test_impossible_rates_are_refused(void** state)
{
  const double rates[] = {0.0, -44100.0, 7999.0, 192001.0, (double)NAN, (double)INFINITY};
  (void)state;
  for (size_t r = 0; r < sizeof rates / sizeof *rates; ++r) {
    dv_audio a;
    dv_error err = {""};
    fill_tone(&a, 44100.0, 0.3, 440.0);
    assert_int_equal(dv_audio_resample(&a, rates[r], &err), DV_ERR_ARG);
    assert_non_null(strstr(err.text, "8000 to 192000"));
    assert_int_equal(a.frames, 13230);
    dv_audio_free(&a);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_tone_keeps_its_place_and_shape),
    cmocka_unit_test(test_high_frequencies_do_not_alias),
    cmocka_unit_test(test_frames_are_exact),
    cmocka_unit_test(test_channels_stay_apart),
    cmocka_unit_test(test_long_audio_is_whole_to_its_end),
    cmocka_unit_test(test_same_rate_changes_nothing),
    cmocka_unit_test(test_impossible_rates_are_refused),
  };
  return cmocka_run_group_tests_name("resample", tests, NULL, NULL);
}
