/* SPDX-License-Identifier: MIT */
#include "datasets/file.h"
#include "presets/preset.h"
#include "presets/study_file.h"
#include "support/dv_temp.h"
#include "support/dv_test.h"

enum { RATE = 44100, SAMPLES = 4 * RATE };

/* Bursts of a decaying tone with some noise. */
static float voice[SAMPLES];

static int make_voice(void** state)
{
  uint64_t seed = 7;
  for (size_t n = 0; n < SAMPLES; ++n) {
    const double s = (double)n / RATE, burst = exp(-6.0 * fmod(s, 0.5));
    voice[n] = (float)(0.3 * burst * (sin(2.0 * 3.141592653589793 * 220.0 * s) + 0.1 * dv_rand(&seed)));
  }
  return dv_temp_setup(state);
}

/* No compression, no delay, no reverb. */
static void dry_preset(dv_chain_params* p)
{
  dv_preset preset;
  dv_preset_init(&preset);
  *p = preset.params;
  p->delay.gain = 0.0;
  p->compressor.comp_ratio = 1.0;
  p->compressor.exp_ratio = 1.0;
}

static void add_reverb(dv_chain_params* p, double t60_s)
{
  for (int k = 0; k < DV_FDN_BANDS; ++k) p->reverb.decay[k] = dv_decay_from_t60(t60_s);
  for (int i = 0; i < DV_FDN_LINES; ++i) {
    p->reverb.input[i][0] = i % 2 ? 0.5 : -0.4;
    p->reverb.input[i][1] = i % 3 ? 0.3 : -0.5;
    p->reverb.output[0][i] = i % 2 ? 0.2 : -0.1;
    p->reverb.output[1][i] = i % 3 ? 0.1 : -0.2;
  }
}

static void measure(const dv_chain_params* p, double features[DV_FEATURE_COUNT])
{
  dv_error err;
  if (dv_features_measure(p, RATE, voice, SAMPLES, features, &err)) fail_msg("%s", err.text);
}

static void test_a_dry_centred_voice_has_neither_reverb_nor_width(void** state)
{
  (void)state;
  dv_chain_params p;
  double f[DV_FEATURE_COUNT];
  dry_preset(&p);
  measure(&p, f);
  assert_close(f[DV_FEATURE_REVERB_RATIO], DV_FEATURE_FLOOR_DB, 0.0, 0.0);
  assert_true(f[DV_FEATURE_WIDTH] < -60.0);
  assert_true(f[DV_FEATURE_DECAY] < 0.2);
  assert_true(f[DV_FEATURE_CREST] > 3.0 && f[DV_FEATURE_CREST] < 30.0);
}

static void test_decay_is_the_reverberation_time(void** state)
{
  (void)state;
  dv_chain_params p;
  double f[DV_FEATURE_COUNT];
  dry_preset(&p);
  add_reverb(&p, 1.2);
  measure(&p, f);
  assert_close(f[DV_FEATURE_DECAY], 1.2, 0.1, 0.0);
  assert_true(f[DV_FEATURE_REVERB_RATIO] > -30.0);
  assert_true(f[DV_FEATURE_WIDTH] > -40.0);
}

static void test_treble_raises_the_centroid(void** state)
{
  (void)state;
  dv_chain_params p;
  double dull[DV_FEATURE_COUNT], bright[DV_FEATURE_COUNT];
  dry_preset(&p);
  measure(&p, dull);
  p.highshelf.gain_db = 12.0;
  measure(&p, bright);
  assert_true(bright[DV_FEATURE_CENTROID] > 1.2 * dull[DV_FEATURE_CENTROID]);
}

static void test_short_and_silent_voices_are_refused(void** state)
{
  (void)state;
  static const float silence[SAMPLES];
  dv_chain_params p;
  double f[DV_FEATURE_COUNT];
  dv_error err;
  dry_preset(&p);
  assert_int_equal(dv_features_measure(&p, RATE, voice, RATE, f, &err), DV_ERR_ARG);
  assert_non_null(strstr(err.text, "1.00 s"));
  assert_int_equal(dv_features_measure(&p, RATE, silence, SAMPLES, f, &err), DV_ERR_ARG);
}

/* A component that is the high shelf's gain alone. */
static void test_a_study_finds_what_a_component_does(void** state)
{
  dv_temp* t = *state;
  static double bases[2 * DV_EFFECTIVE_COUNT], component[1][DV_EFFECTIVE_COUNT];
  static dv_study_record record, again;
  const double sigma[] = {4.0};
  dv_chain_params p;
  double raw[DV_PARAM_COUNT];
  char text[160];
  dv_error err;
  dry_preset(&p);
  for (int b = 0; b < 2; ++b) {
    p.peak2.gain_db = 3.0 * b;
    assert_int_equal(dv_params_to_raw(&p, raw, NULL), DV_OK);
    dv_effective_from_raw(raw, bases + (size_t)b * DV_EFFECTIVE_COUNT);
  }
  component[0][8] = 1.0; /* highshelf.gain_db */
  const dv_study_design design = {bases, 2, 1, (const double(*)[DV_EFFECTIVE_COUNT])component, sigma, 1};
  if (dv_study_run(&design, RATE, voice, SAMPLES, NULL, NULL, &record.study, &err)) fail_msg("%s", err.text);
  const dv_study_cell* cell = &record.study.cell[0][DV_FEATURE_CENTROID];
  assert_true(cell->r > 0.9 && cell->low > 0.5 && cell->slope > 0.0);
  assert_true(cell->mean[4] > cell->mean[2] && cell->mean[2] > cell->mean[0]);
  assert_close(record.study.cell[0][DV_FEATURE_REVERB_RATIO].r, 0.0, 0.0, 0.0);
  assert_non_null(strstr(dv_study_describe(&record.study, 0, text, sizeof text), "brighter"));

  snprintf(record.corpus, sizeof record.corpus, "two");
  json_t* root = dv_study_to_json(&record);
  char* json = json_dumps(root, JSON_REAL_PRECISION(17));
  assert_int_equal(dv_file_write(dv_temp_path(t, "study.json"), json, strlen(json), NULL), DV_OK);
  free(json);
  json_decref(root);
  if (dv_study_read(t->path, &again, &err)) fail_msg("%s", err.text);
  assert_close(again.study.cell[0][0].slope, cell->slope, 1e-15, 0.0);
  assert_int_equal(again.study.bases, 2);
}

static void test_files_that_are_no_study_are_refused(void** state)
{
  dv_temp* t = *state;
  static dv_study_record record;
  static const char* const texts[] = {"", "{}", "[1]", "{\"format\": \"diffvox-features\", \"version\": 2}",
                                      "{\"format\": 3}"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
    dv_error err;
    dv_temp_file(t, "bad.json", texts[i], strlen(texts[i]));
    assert_int_equal(dv_study_read(t->path, &record, &err), DV_ERR_FORMAT);
    assert_non_null(strstr(err.text, "bad.json"));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_dry_centred_voice_has_neither_reverb_nor_width),
    cmocka_unit_test(test_decay_is_the_reverberation_time),
    cmocka_unit_test(test_treble_raises_the_centroid),
    cmocka_unit_test(test_short_and_silent_voices_are_refused),
    cmocka_unit_test(test_a_study_finds_what_a_component_does),
    cmocka_unit_test(test_files_that_are_no_study_are_refused),
  };
  return cmocka_run_group_tests(tests, make_voice, dv_temp_teardown);
}
