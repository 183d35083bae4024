/* SPDX-License-Identifier: MIT */
/* Factory presets: complete, in musical ranges, and fit to be heard on a real voice. */
#include "datasets/audio.h"
#include "datasets/loudness.h"
#include "dsp/fdn.h"
#include "dsp/render.h"
#include "presets/corpus.h"
#include "support/dv_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PRESETS = 64 };
static const char VOICE[] = "../shared/audio/voice/vocadito_1.flac";

typedef struct {
  size_t count;
  char spec[MAX_PRESETS][64];
  dv_preset preset[MAX_PRESETS];
} factory;

static void collect(void* context, const char* spec, const char* comment)
{
  factory* f = context;
  assert_true(f->count < MAX_PRESETS);
  assert_true(strlen(comment) > 10 && strlen(comment) < 80);
  snprintf(f->spec[f->count], sizeof f->spec[0], "%s", spec);
  dv_error err = {""};
  if (dv_preset_resolve(spec, NULL, &f->preset[f->count], &err)) fail_msg("%s: %s", spec, err.text);
  ++f->count;
}

static int setup(void** state)
{
  dv_error err;
  unsetenv("DIFFVOX_CORPORA");
  setenv("DIFFVOX_PRESETS", "presets/factory", 1);
  *state = calloc(1, sizeof(factory));
  return *state ? (int)dv_preset_list(NULL, collect, *state, &err) : -1;
}

static int teardown(void** state)
{
  free(*state);
  return 0;
}

static void test_there_are_enough_and_their_names_differ(void** state)
{
  const factory* f = *state;
  assert_true(f->count >= 24);
  for (size_t i = 0; i < f->count; ++i) {
    assert_true(strlen(f->preset[i].name) > 2);
    for (size_t k = 0; k < i; ++k) assert_string_not_equal(f->preset[i].name, f->preset[k].name);
    assert_string_equal(dv_preset_find_note(&f->preset[i], "source")->text, "factory");
  }
}

static void test_names_are_found_in_any_case_and_suggested(void** state)
{
  (void)state;
  dv_preset p;
  dv_error err = {""};
  assert_int_equal(dv_preset_resolve("Plate-Short", NULL, &p, &err), DV_OK);
  assert_int_equal(dv_preset_resolve("plate-shrt", NULL, &p, &err), DV_ERR_ARG);
  assert_non_null(
    strstr(err.text, "No preset 'plate-shrt': no such file or factory preset; did you mean 'plate-short'?"));
  assert_int_equal(dv_preset_resolve("xyzzy", NULL, &p, &err), DV_ERR_ARG);
  assert_non_null(strstr(err.text, "--list shows all names"));
}

static void assert_between(const factory* f, size_t i, const char* what, double value, double low, double high)
{
  if (!(value >= low && value <= high)) fail_msg("%s: %s is %g, outside %g to %g", f->spec[i], what, value, low, high);
}

static void test_settings_are_musical(void** state)
{
  const factory* f = *state;
  for (size_t i = 0; i < f->count; ++i) {
    const dv_chain_params* p = &f->preset[i].params;
    const double gains_db[] = {p->peak1.gain_db,           p->peak2.gain_db,           p->lowshelf.gain_db,
                               p->highshelf.gain_db,       p->reverb.peak1.gain_db,    p->reverb.peak2.gain_db,
                               p->reverb.lowshelf.gain_db, p->reverb.highshelf.gain_db};
    for (size_t k = 0; k < sizeof gains_db / sizeof *gains_db; ++k)
      assert_between(f, i, "an EQ gain", gains_db[k], -12, 10);
    assert_between(f, i, "threshold", p->compressor.comp_threshold_db, -36, -14);
    assert_between(f, i, "ratio", p->compressor.comp_ratio, 1.2, 6);
    assert_between(f, i, "attack", dv_ms_from_coef(p->compressor.attack_coef, DV_MODEL_RATE_HZ), 1, 50);
    assert_between(f, i, "release", dv_ms_from_coef(p->compressor.release_coef, DV_MODEL_RATE_HZ), 40, 400);
    assert_between(f, i, "expander threshold", p->compressor.exp_threshold_db, -90,
                   p->compressor.comp_threshold_db - 10);
    assert_between(f, i, "feedback", p->delay.feedback, 0, 0.75);
    for (int k = 0; k < DV_FDN_BANDS; ++k) assert_between(f, i, "T60", dv_t60_from_decay(p->reverb.decay[k]), 0.08, 7);
  }
}

/* Every line must feed every other, or single lines are heard as flutter. */
static void test_reverbs_are_diffuse(void** state)
{
  const factory* f = *state;
  for (size_t i = 0; i < f->count; ++i) {
    dv_fdn_coefs c;
    dv_fdn_coeffs(&f->preset[i].params.reverb, DV_MODEL_RATE_HZ, &c);
    for (int r = 0; r < DV_FDN_LINES; ++r)
      for (int k = 0; k < DV_FDN_LINES; ++k) assert_between(f, i, "|U|", fabs(c.mixing[r][k]), 0.05, 0.8);
  }
}

/* 8 s of voice at -18 LUFS; false when it is not there. */
static bool read_voice(dv_audio* voice)
{
  dv_error err = {""};
  double lufs = 0.0;
  if (access(VOICE, R_OK)) return false;
  if (dv_audio_read(VOICE, voice, &err)) fail_msg("%s", err.text);
  const float* x[1] = {voice->samples};
  if ((double)voice->frames > 8.0 * voice->rate_hz) voice->frames = (size_t)(8.0 * voice->rate_hz);
  if (dv_loudness_lufs(x, 1, voice->frames, voice->rate_hz, &lufs, &err)) fail_msg("%s", err.text);
  for (size_t n = 0; n < voice->frames; ++n) voice->samples[n] *= (float)pow(10.0, (DV_MODEL_LUFS - lufs) / 20.0);
  return true;
}

/* Of the same signal on both channels. */
static double loudness_of_both(const float* left, const float* right, size_t frames, double rate_hz)
{
  const float* x[2] = {left, right};
  double lufs = 0.0;
  dv_error err = {""};
  if (dv_loudness_lufs(x, 2, frames, rate_hz, &lufs, &err)) fail_msg("%s", err.text);
  return lufs;
}

static double energy(const float* x, size_t from, size_t to)
{
  double sum = 0.0;
  for (size_t n = from; n < to; ++n) sum += (double)x[n] * (double)x[n];
  return sum;
}

static void test_voice_keeps_its_loudness_and_tails_end(void** state)
{
  const factory* f = *state;
  dv_audio voice;
  if (!read_voice(&voice)) {
    print_message("skipped: %s is not there\n", VOICE);
    skip();
  }
  const size_t tail = (size_t)(10.0 * voice.rate_hz), total = voice.frames + tail, end = total - tail / 20;
  float *left = malloc(total * sizeof *left), *right = malloc(total * sizeof *right);
  assert_true(left && right);
  const double dry = loudness_of_both(voice.samples, voice.samples, voice.frames, voice.rate_hz);
  for (size_t i = 0; i < f->count; ++i) {
    dv_error err = {""};
    double peak = 0.0;
    if (dv_render(&f->preset[i].params, voice.rate_hz, voice.samples, voice.frames, tail, left, right, NULL, NULL,
                  &err))
      fail_msg("%s: %s", f->spec[i], err.text);
    const double wet = loudness_of_both(left, right, voice.frames, voice.rate_hz);
    for (size_t n = 0; n < total; ++n) peak = fmax(peak, fmax(fabs((double)left[n]), fabs((double)right[n])));
    const double rest = energy(left, end, total) / energy(left, 0, voice.frames);
    print_message("%-16s %+5.1f LU, peak %+5.1f dBFS\n", f->spec[i], wet - dry, 20.0 * log10(peak));
    assert_between(f, i, "loudness against dry", wet - dry, -4, 4);
    assert_between(f, i, "peak", 20.0 * log10(peak), -12, 1);
    assert_between(f, i, "energy left in the tail", 10.0 * log10(rest + 1e-20), -200, -50);
  }
  free(left);
  free(right);
  dv_audio_free(&voice);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_there_are_enough_and_their_names_differ),
    cmocka_unit_test(test_names_are_found_in_any_case_and_suggested),
    cmocka_unit_test(test_settings_are_musical),
    cmocka_unit_test(test_reverbs_are_diffuse),
    cmocka_unit_test(test_voice_keeps_its_loudness_and_tails_end),
  };
  return cmocka_run_group_tests_name("factory", tests, setup, teardown);
}
