/* SPDX-License-Identifier: MIT */
#include "presets/preset.h"
#include "report/curves.h"
#include "report/verdict.h"
#include "support/dv_test.h"

#include <string.h>

enum { N = 64 };
static const double RATE_HZ = 44100.0;

/* Nothing that acts: 0 dB everywhere, no echo, no reverb, cuts at the ends of their ranges. */
static dv_chain_params neutral(void)
{
  dv_preset preset;
  dv_preset_init(&preset);
  preset.params.lowpass.freq_hz = 18000.0;
  preset.params.highpass.freq_hz = 16.0;
  preset.params.compressor.comp_ratio = 1.0;
  preset.params.compressor.exp_ratio = 1.0;
  preset.params.delay.gain = 0.0;
  return preset.params;
}

static void test_flat_bands_are_0_db(void** state)
{
  (void)state;
  const dv_chain_params p = neutral();
  double freq_hz[N], db[N];
  dv_curve_log_grid(20.0, 20000.0, freq_hz, N);
  for (int band = 0; band < 4; ++band) {
    dv_curve_eq_band_db(&p, RATE_HZ, band, freq_hz, N, db);
    for (int i = 0; i < N; ++i) assert_close(db[i], 0.0, 0.0, 1e-9);
  }
  dv_curve_reverb_eq_db(&p.reverb, RATE_HZ, freq_hz, N, db);
  for (int i = 0; i < N; ++i) assert_close(db[i], 0.0, 0.0, 1e-9);
}

static void test_the_equaliser_is_the_sum_of_its_bands(void** state)
{
  (void)state;
  dv_chain_params p = neutral();
  double freq_hz[N], total[N], band_db[N], sum[N] = {0};
  p.peak1.gain_db = 6.0;
  p.highshelf.gain_db = -4.0;
  p.highpass.freq_hz = 120.0;
  dv_curve_log_grid(20.0, 20000.0, freq_hz, N);
  dv_curve_eq_db(&p, RATE_HZ, freq_hz, N, total);
  for (int band = 0; band < DV_EQ_BANDS; ++band) {
    dv_curve_eq_band_db(&p, RATE_HZ, band, freq_hz, N, band_db);
    for (int i = 0; i < N; ++i) sum[i] += band_db[i];
  }
  for (int i = 0; i < N; ++i) assert_close(total[i], sum[i], 1e-12, 1e-9);
}

static void test_a_peak_has_its_gain_at_its_centre(void** state)
{
  (void)state;
  dv_chain_params p = neutral();
  double db;
  p.peak1 = (dv_peak_params){.gain_db = 7.5, .freq_hz = 1000.0, .q = 2.0};
  dv_curve_eq_band_db(&p, RATE_HZ, 0, &p.peak1.freq_hz, 1, &db);
  assert_close(db, 7.5, 0.0, 1e-9);
}

static void test_above_half_the_rate_there_is_no_gain(void** state)
{
  (void)state;
  const dv_chain_params p = neutral();
  const double freq_hz = 5000.0;
  double db;
  dv_curve_eq_db(&p, 8000.0, &freq_hz, 1, &db);
  assert_true(isnan(db));
}

static void test_grids_end_where_they_should(void** state)
{
  (void)state;
  double grid[N];
  dv_curve_log_grid(20.0, 20000.0, grid, N);
  assert_close(grid[0], 20.0, 1e-12, 0.0);
  assert_close(grid[N - 1], 20000.0, 1e-12, 0.0);
  assert_close(grid[2] / grid[1], grid[1] / grid[0], 1e-12, 0.0);
  dv_curve_linear_grid(-60.0, 0.0, grid, N);
  assert_close(grid[0], -60.0, 0.0, 0.0);
  assert_close(grid[N - 1], 0.0, 0.0, 0.0);
}

static void test_ratio_1_is_the_identity(void** state)
{
  (void)state;
  const dv_chain_params p = neutral();
  double in[N], out[N];
  dv_curve_linear_grid(-90.0, 0.0, in, N);
  dv_curve_compressor_db(&p.compressor, RATE_HZ, in, N, out);
  for (int i = 0; i < N; ++i) assert_close(out[i], in[i], 0.0, 1e-9);
}

static void test_the_compressor_bends_3_db_above_its_threshold(void** state)
{
  (void)state;
  dv_chain_params p = neutral();
  const double corner = -20.0 + 10.0 * log10(2.0), in[3] = {corner - 10.0, corner, corner + 12.0};
  double out[3];
  p.compressor.comp_threshold_db = -20.0;
  p.compressor.comp_ratio = 4.0;
  p.compressor.makeup_db = 5.0;
  dv_curve_compressor_db(&p.compressor, RATE_HZ, in, 3, out);
  assert_close(out[0], in[0] + 5.0, 0.0, 1e-6);
  assert_close(out[1], in[1] + 5.0, 0.0, 1e-6);
  assert_close(out[2] - out[1], 12.0 / 4.0, 0.0, 1e-6);
}

static void test_a_flat_decay_is_a_flat_t60(void** state)
{
  (void)state;
  dv_chain_params p = neutral();
  double freq_hz[N], t60_s[N];
  for (int i = 0; i < DV_FDN_BANDS; ++i) p.reverb.decay[i] = 0.7;
  dv_curve_log_grid(20.0, 22050.0, freq_hz, N);
  dv_curve_t60_s(&p.reverb, freq_hz, N, t60_s);
  const double published = -60.0 / (20.0 * log10(0.7) / 997.0) / 44100.0;
  for (int i = 0; i < N; ++i) assert_close(t60_s[i], published, 1e-12, 0.0);
}

static void test_echoes_fall_by_the_feedback_and_alternate(void** state)
{
  (void)state;
  dv_chain_params p = neutral();
  dv_echo echoes[40];
  p.delay = (dv_delay_params){
    .delay_ms = 250.0, .feedback = 0.5, .gain = 0.8, .lowpass = {16000.0, 0.707}, .odd_pan = 0.0, .even_pan = 1.0};
  const size_t count = dv_curve_echoes(&p, RATE_HZ, 200.0, -200.0, echoes, 40);
  assert_int_equal(count, 15); /* within 4 s */
  const double centre_db = 10.0 * log10(2.0);
  for (size_t k = 0; k < count; ++k) {
    const double level_db = 20.0 * log10(0.8 * pow(0.5, (double)k)) + centre_db;
    assert_close(echoes[k].time_ms, 250.0 * (double)(k + 1), 1e-12, 0.0);
    assert_close(k % 2 ? echoes[k].right_db : echoes[k].left_db, level_db, 0.0, 0.01);
    assert_true((k % 2 ? echoes[k].left_db : echoes[k].right_db) < -250.0);
  }
}

static void test_echoes_end_at_the_floor_and_at_the_capacity(void** state)
{
  (void)state;
  dv_chain_params p = neutral();
  dv_echo echoes[40];
  assert_int_equal(dv_curve_echoes(&p, RATE_HZ, 500.0, -60.0, echoes, 40), 0);
  p.delay.gain = 1.0;
  p.delay.feedback = 0.0;
  assert_int_equal(dv_curve_echoes(&p, RATE_HZ, 500.0, -60.0, echoes, 40), 1);
  p.delay.feedback = 1.0;
  p.delay.delay_ms = 100.0;
  assert_int_equal(dv_curve_echoes(&p, RATE_HZ, 500.0, -60.0, echoes, 3), 3);
  assert_in_range(dv_curve_echoes(&p, RATE_HZ, 500.0, -60.0, echoes, 40), 39, 40);
}

static void test_the_reverb_s_level_follows_its_output(void** state)
{
  (void)state;
  dv_chain_params p = neutral();
  for (int c = 0; c < 2; ++c)
    for (int i = 0; i < DV_FDN_LINES; ++i) p.reverb.output[c][i] = 0.05;
  const double soft = dv_curve_reverb_level_db(&p.reverb, RATE_HZ);
  for (int c = 0; c < 2; ++c)
    for (int i = 0; i < DV_FDN_LINES; ++i) p.reverb.output[c][i] = 0.5;
  assert_true(isfinite(soft));
  assert_close(dv_curve_reverb_level_db(&p.reverb, RATE_HZ), soft + 20.0, 0.0, 1e-3);
}

static void test_no_reverb_is_minus_infinity(void** state)
{
  (void)state;
  const dv_chain_params p = neutral();
  assert_true(isinf(dv_curve_reverb_level_db(&p.reverb, RATE_HZ)));
}

/* --- In words -------------------------------------------------------------------------------------------- */

static void test_a_neutral_chain_is_nearly_no_effect(void** state)
{
  (void)state;
  const dv_chain_params p = neutral();
  char text[DV_VERDICT_SIZE];
  dv_verdict(&p, RATE_HZ, 0.0, text);
  assert_string_equal(text, "Nearly no effect");
}

/* Where stems are brought to one loudness, a chain that does nothing takes 3 dB from each channel. */
static void test_level_counts_from_the_plain_gain(void** state)
{
  (void)state;
  dv_chain_params p = neutral();
  char text[DV_VERDICT_SIZE];
  p.compressor.makeup_db = -3.0103;
  dv_verdict(&p, RATE_HZ, -3.0103, text);
  assert_string_equal(text, "Nearly no effect");
  dv_verdict(&p, RATE_HZ, 0.0, text);
  assert_non_null(strstr(text, "of level"));
}

/* A ratio next to 1 with its make-up, cuts at the ends of the range, echoes and reverb at -60 dB. */
static void test_what_nobody_hears_is_nearly_no_effect(void** state)
{
  (void)state;
  dv_chain_params p = neutral();
  char text[DV_VERDICT_SIZE];
  p.lowpass.freq_hz = 16000.0;
  p.highpass.freq_hz = 30.0;
  p.compressor.comp_ratio = 1.04;
  p.compressor.comp_threshold_db = -60.0;
  p.compressor.makeup_db = 1.6;
  p.delay.gain = 1e-3;
  for (int c = 0; c < 2; ++c)
    for (int i = 0; i < DV_FDN_LINES; ++i) p.reverb.output[c][i] = 1e-4;
  dv_verdict(&p, RATE_HZ, 0.0, text);
  assert_string_equal(text, "Nearly no effect");
}

static void test_what_acts_is_named(void** state)
{
  (void)state;
  dv_chain_params p = neutral();
  char text[DV_VERDICT_SIZE];
  p.peak2 = (dv_peak_params){.gain_db = 4.0, .freq_hz = 3000.0, .q = 1.0};
  p.compressor.comp_threshold_db = -24.0;
  p.compressor.comp_ratio = 3.1;
  p.delay.gain = 0.2;
  p.delay.feedback = 0.4;
  p.delay.delay_ms = 375.0;
  p.delay.lowpass.freq_hz = 16000.0;
  p.pan = 0.35;
  for (int c = 0; c < 2; ++c)
    for (int i = 0; i < DV_FDN_LINES; ++i) p.reverb.output[c][i] = 0.1;
  dv_verdict(&p, RATE_HZ, 0.0, text);
  static const char* const words[] = {
    "dB around 3", "compressor 3.1:1 above", "24", "echo every 375", "of reverb at", "panned 30", "to the left"};
  for (size_t i = 0; i < sizeof words / sizeof *words; ++i)
    if (!strstr(text, words[i])) fail_msg("'%s' is not in \"%s\"", words[i], text);
}

static void test_any_chain_can_be_put_in_words(void** state)
{
  (void)state;
  uint64_t seed = 11;
  for (int round = 0; round < 40; ++round) {
    double raw[DV_PARAM_COUNT];
    dv_chain_params p;
    char text[DV_VERDICT_SIZE];
    for (int i = 0; i < DV_PARAM_COUNT; ++i) raw[i] = 20.0 * pow(dv_rand(&seed), 3.0);
    dv_params_from_raw(raw, &p);
    dv_verdict(&p, RATE_HZ, 0.0, text);
    assert_in_range(strlen(text), 1, DV_VERDICT_SIZE - 1);
    assert_null(strstr(text, "nan"));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_flat_bands_are_0_db),
    cmocka_unit_test(test_the_equaliser_is_the_sum_of_its_bands),
    cmocka_unit_test(test_a_peak_has_its_gain_at_its_centre),
    cmocka_unit_test(test_above_half_the_rate_there_is_no_gain),
    cmocka_unit_test(test_grids_end_where_they_should),
    cmocka_unit_test(test_ratio_1_is_the_identity),
    cmocka_unit_test(test_the_compressor_bends_3_db_above_its_threshold),
    cmocka_unit_test(test_a_flat_decay_is_a_flat_t60),
    cmocka_unit_test(test_echoes_fall_by_the_feedback_and_alternate),
    cmocka_unit_test(test_echoes_end_at_the_floor_and_at_the_capacity),
    cmocka_unit_test(test_the_reverb_s_level_follows_its_output),
    cmocka_unit_test(test_no_reverb_is_minus_infinity),
    cmocka_unit_test(test_a_neutral_chain_is_nearly_no_effect),
    cmocka_unit_test(test_level_counts_from_the_plain_gain),
    cmocka_unit_test(test_what_nobody_hears_is_nearly_no_effect),
    cmocka_unit_test(test_what_acts_is_named),
    cmocka_unit_test(test_any_chain_can_be_put_in_words),
  };
  return cmocka_run_group_tests_name("curves", tests, NULL, NULL);
}
