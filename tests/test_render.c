/* SPDX-License-Identifier: MIT */
/* diffvox-render as a user runs it.  usage: test_render PATH_OF_DIFFVOX_RENDER */
#include "datasets/audio.h"
#include "presets/preset.h"
#include "support/dv_cli.h"

static const char* program; /* set once by main */

static void expect(dv_temp* t, const char* args, int status, const char* fragment)
{
  dv_cli_expect(t, program, args, status, fragment);
}

static void test_wrong_usage_exits_with_2(void** state)
{
  static const char* const rows[][2] = {
    {"", "wants a preset: -p PRESET"},
    {"-p hall", "wants two files, IN and OUT"},
    {"-p hall a.wav", "wants two files, IN and OUT"},
    {"-p hall a.wav b.wav c.wav", "wants two files, IN and OUT"},
    {"-p hall -e fast a.wav b.wav", "--engine wants 'offline' or 'realtime', not fast"},
    {"-p hall -b 64 a.wav b.wav", "--block is for -e realtime"},
    {"-p hall -e realtime -b 0 a.wav b.wav", "--block wants a whole number"},
    {"-p hall -e realtime -b 1.5 a.wav b.wav", "--block wants a whole number"},
    {"-p hall --tail -1 a.wav b.wav", "--tail wants 0 to 600 seconds, not -1"},
    {"-p hall --tail nan a.wav b.wav", "--tail wants 0 to 600 seconds, not nan"},
    {"-p hall --tail 1s a.wav b.wav", "--tail wants 0 to 600 seconds, not 1s"},
    {"--list a.wav", "--list wants no files"},
    {"--frobnicate", "see diffvox-render --help"},
  };
  for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r) expect(*state, rows[r][0], 2, rows[r][1]);
}

static void test_failures_exit_with_1_and_leave_no_file(void** state)
{
  dv_temp* t = *state;
  dv_audio a;
  dv_cli_voice(t, "in.wav", 1, 4410, 44100.0);
  dv_temp_file(t, "text.wav", "hello", 5);
  dv_temp_file(t, "bad.json", "{", 1);
  dv_cli_read(t, "in.wav", &a);
  FILE* out = fopen(dv_temp_path(t, "in.wav"), "r+b");
  const float nan_value = NAN;
  assert_non_null(out);
  assert_int_equal(fseek(out, -4, SEEK_END), 0);
  assert_int_equal(fwrite(&nan_value, 4, 1, out), 1);
  fclose(out);
  static const char* const rows[][2] = {
    {"-p hall in.wav out.wav", "in.wav: sample 4409 of channel 1 (at 0.100 s) is not a number"},
    {"-p hall absent.wav out.wav", "absent.wav: cannot read: No such file"},
    {"-p hall text.wav out.wav", "text.wav: cannot be read as audio"},
    {"-p hal good.wav out.wav", "did you mean 'hall'?"},
    {"-p bad.json good.wav out.wav", "bad.json: line 1, column 1: not valid JSON"},
    {"-p medleydb:3 good.wav out.wav", "give their folder with --corpora or DIFFVOX_CORPORA"},
    {"-p hall good.wav out.mp9", "the extension '.mp9' is not known"},
    {"-p hall good.wav nowhere/out.wav", "out.wav: cannot write: No such file or directory"},
    {"--list --corpora nowhere", "raw_params.npy: cannot read"},
  };
  assert_int_equal(dv_audio_write(dv_temp_path(t, "good.wav"), &a, NULL, NULL), DV_OK);
  dv_audio_free(&a);
  const size_t before = dv_temp_count(t);
  for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r) expect(t, rows[r][0], 1, rows[r][1]);
  assert_int_equal(dv_temp_count(t), before);
}

static void test_help_version_and_list_exit_with_0(void** state)
{
  expect(*state, "--help", 0, "usage: diffvox-render -p PRESET");
  expect(*state, "--version", 0, "diffvox-render " DV_VERSION);
  expect(*state, "--list", 0, "plate-short         One second of bright plate");
}

static void test_realtime_equals_offline_at_every_rate(void** state)
{
  static const double rates_hz[] = {8000, 44100, 48000, 96000, 192000};
  dv_temp* t = *state;
  for (size_t r = 0; r < sizeof rates_hz / sizeof *rates_hz; ++r) {
    dv_audio a;
    dv_cli_voice(t, "v.wav", 1, (size_t)(1.3 * rates_hz[r]), rates_hz[r]);
    expect(t, "-p lead-bright --tail 0.5 v.wav off.wav", 0, "");
    expect(t, "-p lead-bright --tail 0.5 -e realtime v.wav rt.wav", 0, "");
    dv_cli_read(t, "off.wav", &a);
    assert_int_equal(a.channels, 2);
    assert_int_equal(a.frames, (size_t)(1.3 * rates_hz[r]) + (size_t)(0.5 * rates_hz[r]));
    assert_close(a.rate_hz, rates_hz[r], 0.0, 0.0);
    dv_audio_free(&a);
    const double null_db = dv_cli_difference_db(t, "off.wav", "rt.wav");
    print_message("%6.0f Hz: %.1f dB\n", rates_hz[r], null_db);
    assert_true(null_db < -60.0);
  }
}

static void test_block_size_changes_nothing(void** state)
{
  dv_temp* t = *state;
  dv_cli_voice(t, "v.wav", 1, 30011, 44100.0);
  expect(t, "-p slap-stereo -e realtime v.wav rt.wav", 0, "");
  expect(t, "-p slap-stereo -e realtime -b 1 v.wav rt1.wav", 0, "");
  expect(t, "-p slap-stereo -e realtime -b 65536 v.wav rtmax.wav", 0, "");
  assert_true(dv_cli_difference_db(t, "rt.wav", "rt1.wav") < -200.0);
  assert_true(dv_cli_difference_db(t, "rt.wav", "rtmax.wav") < -200.0);
}

static void test_channels_are_averaged(void** state)
{
  dv_temp* t = *state;
  dv_cli_voice(t, "mono.wav", 1, 20000, 44100.0);
  dv_audio mono, three;
  dv_cli_read(t, "mono.wav", &mono);
  assert_int_equal(dv_audio_alloc(3, mono.frames, 44100.0, &three, NULL), DV_OK);
  for (size_t n = 0; n < mono.frames; ++n) {
    dv_audio_channel(&three, 0)[n] = 2.0F * mono.samples[n];
    dv_audio_channel(&three, 2)[n] = mono.samples[n];
  }
  assert_int_equal(dv_audio_write(dv_temp_path(t, "three.wav"), &three, NULL, NULL), DV_OK);
  expect(t, "-p speech mono.wav a.wav", 0, "");
  expect(t, "-p speech three.wav b.wav", 0, "");
  assert_true(dv_cli_difference_db(t, "a.wav", "b.wav") < -120.0);
  dv_audio_free(&mono);
  dv_audio_free(&three);
}

static void test_gains_of_the_preset_are_applied(void** state)
{
  dv_temp* t = *state;
  dv_preset p;
  dv_audio a, b;
  dv_preset_init(&p);
  p.params.compressor.comp_threshold_db = 0.0; /* nothing level-dependent */
  p.params.compressor.exp_threshold_db = -150.0;
  dv_cli_voice(t, "v.wav", 1, 20000, 44100.0);
  assert_int_equal(dv_preset_write(dv_temp_path(t, "plain.json"), &p, NULL), DV_OK);
  p.input_gain_db = -12.0;
  p.output_gain_db = 9.0;
  assert_int_equal(dv_preset_write(dv_temp_path(t, "gains.json"), &p, NULL), DV_OK);
  for (int realtime = 0; realtime < 2; ++realtime) {
    expect(t, realtime ? "-e realtime -p plain.json v.wav a.wav" : "-p plain.json v.wav a.wav", 0, "");
    expect(t, realtime ? "-e realtime -p gains.json v.wav b.wav" : "-p gains.json v.wav b.wav", 0, "");
    dv_cli_read(t, "a.wav", &a);
    dv_cli_read(t, "b.wav", &b);
    for (size_t i = 0; i < 2 * a.frames; ++i)
      assert_close((double)b.samples[i], pow(10.0, -3.0 / 20.0) * (double)a.samples[i], 0.0, 1e-5);
    dv_audio_free(&a);
    dv_audio_free(&b);
  }
}

static void test_one_frame_and_the_same_file_are_fine(void** state)
{
  dv_temp* t = *state;
  dv_audio a;
  dv_cli_voice(t, "one.wav", 1, 1, 44100.0);
  for (int realtime = 0; realtime < 2; ++realtime) {
    expect(t, realtime ? "-p hall -e realtime one.wav out.wav" : "-p hall one.wav out.wav", 0, "");
    dv_cli_read(t, "out.wav", &a);
    assert_int_equal(a.frames, 1);
    dv_audio_free(&a);
  }
  expect(t, "-p hall --tail 0.1 one.wav one.wav", 0, "");
  dv_cli_read(t, "one.wav", &a);
  assert_int_equal(a.frames, 1 + 4410);
  dv_audio_free(&a);
}

static void test_flac_overs_are_reported(void** state)
{
  dv_temp* t = *state;
  dv_preset p;
  dv_preset_init(&p);
  p.output_gain_db = 40.0;
  assert_int_equal(dv_preset_write(dv_temp_path(t, "loud.json"), &p, NULL), DV_OK);
  dv_cli_voice(t, "v.wav", 1, 20000, 44100.0);
  expect(t, "-p loud.json v.wav loud.flac", 0, "samples were louder than FLAC can hold and are clipped; write .wav");
  expect(t, "-p neutral v.wav quiet.flac", 0, "");
  assert_true(dv_cli_difference_db(t, "quiet.flac", "quiet.flac") < -200.0);
}

int main(int argc, char** argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_wrong_usage_exits_with_2),
    cmocka_unit_test(test_failures_exit_with_1_and_leave_no_file),
    cmocka_unit_test(test_help_version_and_list_exit_with_0),
    cmocka_unit_test(test_realtime_equals_offline_at_every_rate),
    cmocka_unit_test(test_block_size_changes_nothing),
    cmocka_unit_test(test_channels_are_averaged),
    cmocka_unit_test(test_gains_of_the_preset_are_applied),
    cmocka_unit_test(test_one_frame_and_the_same_file_are_fine),
    cmocka_unit_test(test_flac_overs_are_reported),
  };
  if (argc != 2) {
    fprintf(stderr, "usage: test_render PATH_OF_DIFFVOX_RENDER\n");
    return 2;
  }
  program = realpath(argv[1], NULL);
  unsetenv("DIFFVOX_CORPORA");
  return cmocka_run_group_tests_name("render", tests, dv_temp_setup, dv_temp_teardown);
}
