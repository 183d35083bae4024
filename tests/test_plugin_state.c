/* SPDX-License-Identifier: MIT */
/* The plugin's state: exact, the same on every machine, and garbage is refused. */
#include "plugin/state.h"
#include "support/dv_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dv_state random_state(uint64_t seed)
{
  dv_state s = {.has_gains = true, .input_gain_db = 100.0 / 3.0, .output_gain_db = -0.1};
  dv_params_initial(seed, &s.params);
  double* flat = dv_params_flat(&s.params);
  for (int i = 0; i < DV_PRESET_SIZE; ++i) {
    const dv_parameter* row = dv_parameter_at(i);
    flat[i] = row->minimum + (row->maximum - row->minimum) * (0.5 + 0.49 * dv_rand(&seed));
  }
  return s;
}

static dv_status parse(const char* text, dv_state* state, dv_error* err)
{
  return dv_state_parse(text, strlen(text), state, err);
}

static void test_state_round_trip_keeps_every_bit(void** state)
{
  (void)state;
  for (uint64_t seed = 1; seed < 20; ++seed) {
    const dv_state want = random_state(seed);
    dv_state got = random_state(99);
    char text[DV_STATE_MAX_BYTES];
    dv_state_print(&want, text);
    got.params.log_damp = want.params.log_damp; /* training only: no part of it */
    assert_int_equal(parse(text, &got, NULL), DV_OK);
    assert_memory_equal(&got, &want, sizeof want);
  }
}

/* Written by version 1 of the plugin; readable for ever. */
static void test_state_of_version_1_is_readable(void** state)
{
  (void)state;
  static const char text[] =
    "diffvox-state 1 peak1.gain_db c00199999999999a compressor.attack_coef 3f50577de0000000 "
    "reverb.output bf10b52da0000000 3f4cde6680000000 3f52e30b60000000 bef5d2dca0000000 bfa2f77020000000 "
    "bf6bb61a40000000 3eedfbca20000000 bf4cfcbd60000000 bf528bade0000000 3f0fc63240000000 3fa2fec3c0000000 "
    "3f6e4a6a20000000 pan 3fe0002a32433f9e input_gain_db 4021000000000000 output_gain_db c008000000000000";
  dv_state s = random_state(5);
  const dv_state before = s;
  assert_int_equal(parse(text, &s, NULL), DV_OK);
  assert_true(s.params.peak1.gain_db == -2.2 && s.params.reverb.output[1][4] == 0.03709995001554489);
  assert_true(s.has_gains && s.input_gain_db == 8.5 && s.output_gain_db == -3.0);
  assert_true(s.params.peak1.freq_hz == before.params.peak1.freq_hz); /* what is not in it stays */
}

static void test_names_of_the_future_are_skipped(void** state)
{
  (void)state;
  dv_state s = random_state(6);
  assert_int_equal(
    parse("diffvox-state 1 saturation.drive 3fe0000000000000 3fe0000000000000 pan 3fd0000000000000", &s, NULL), DV_OK);
  assert_true(s.params.pan == 0.25 && !s.has_gains);
}

static void test_bad_state_is_refused_and_changes_nothing(void** state)
{
  (void)state;
  static const struct {
    const char *text, *message;
  } cases[] = {
    {"", "not a diffvox-state"},
    {"hello", "not a diffvox-state"},
    {"diffvox-state", "no version"},
    {"diffvox-state one", "no version"},
    {"diffvox-state 2 pan 3fe0000000000000", "version 2"},
    {"diffvox-state 1 3fe0000000000000", "without a name"},
    {"diffvox-state 1 pan", "'pan' has 0 numbers"},
    {"diffvox-state 1 pan 3fe0000000000000 3fe0000000000000", "'pan' has 2 numbers"},
    {"diffvox-state 1 pan 3fe", "'pan' has 0 numbers"},
    {"diffvox-state 1 pan 3FE0000000000000", "'pan' has 0 numbers"},
    {"diffvox-state 1 pan 7ff8000000000000", "pan is nan"},
    {"diffvox-state 1 pan 4000000000000000", "pan is 2"},
    {"diffvox-state 1 input_gain_db 7ff0000000000000", "gain of inf"},
    {"diffvox-state 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "neither a name"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    dv_state s = random_state(7);
    const dv_state before = s;
    dv_error err = {""};
    assert_int_equal(parse(cases[i].text, &s, &err), DV_ERR_FORMAT);
    if (!strstr(err.text, cases[i].message)) fail_msg("'%s': %s", cases[i].text, err.text);
    assert_memory_equal(&s, &before, sizeof s);
  }
}

static void test_every_cut_and_changed_byte_is_survived(void** state)
{
  (void)state;
  const dv_state want = random_state(8);
  char text[DV_STATE_MAX_BYTES];
  dv_state_print(&want, text);
  const size_t size = strlen(text);
  uint64_t seed = 9;
  for (size_t n = 0; n < size; n += 3) {
    char* cut = malloc(n + 1); /* so that reading beyond the end is found */
    assert_non_null(cut);
    memcpy(cut, text, n);
    dv_state s = want;
    const dv_status status = dv_state_parse(cut, n, &s, NULL);
    assert_true(status == DV_OK || status == DV_ERR_FORMAT);
    free(cut);
    char changed[DV_STATE_MAX_BYTES];
    memcpy(changed, text, size);
    changed[n] = (char)(127.0 * dv_rand(&seed));
    if (!dv_state_parse(changed, size, &s, NULL)) assert_int_equal(dv_params_check(&s.params, NULL), DV_OK);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_state_round_trip_keeps_every_bit),
    cmocka_unit_test(test_state_of_version_1_is_readable),
    cmocka_unit_test(test_names_of_the_future_are_skipped),
    cmocka_unit_test(test_bad_state_is_refused_and_changes_nothing),
    cmocka_unit_test(test_every_cut_and_changed_byte_is_survived),
  };
  return cmocka_run_group_tests_name("plugin state", tests, NULL, NULL);
}
