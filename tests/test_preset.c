/* SPDX-License-Identifier: MIT */
#include "presets/names.h"
#include "presets/preset.h"
#include "support/dv_test.h"
#include "support/dv_temp.h"

#include <locale.h>

/* Raw values of the size that fits have, some beyond: |r| up to 14 is sigma within 1e-6 of its end. */
static void random_params(uint64_t* seed, dv_chain_params* params)
{
  double raw[DV_PARAM_COUNT];
  for (int i = 0; i < DV_PARAM_COUNT; ++i) raw[i] = 14.0 * pow(dv_rand(seed), 3.0);
  dv_params_from_raw(raw, params);
}

static void assert_same_raw(const dv_chain_params* a, const dv_chain_params* b)
{
  double ra[DV_PARAM_COUNT], rb[DV_PARAM_COUNT];
  assert_int_equal(dv_params_to_raw(a, ra, NULL), DV_OK);
  assert_int_equal(dv_params_to_raw(b, rb, NULL), DV_OK);
  for (int i = 0; i < DV_PARAM_COUNT; ++i)
    if (dv_parameter_effective(i)) assert_close(rb[i], ra[i], 1e-6, 1e-12);
}

static void test_random_presets_survive_printing_and_parsing(void** state)
{
  (void)state;
  uint64_t seed = 20250914;
  for (int round = 0; round < 500; ++round) {
    dv_preset a, b;
    char* text;
    size_t size;
    dv_error err = {""};
    dv_preset_init(&a);
    random_params(&seed, &a.params);
    a.input_gain_db = 20.0 * dv_rand(&seed);
    a.output_gain_db = 20.0 * dv_rand(&seed);
    assert_int_equal(dv_preset_print(&a, &text, &size, &err), DV_OK);
    const dv_status status = dv_preset_parse(text, size, "round", &b, &err);
    if (status) fail_msg("%s", err.text);
    free(text);
    assert_same_raw(&a.params, &b.params);
    assert_close(b.input_gain_db, a.input_gain_db, 0.0, 0.0);
    assert_close(b.output_gain_db, a.output_gain_db, 0.0, 0.0);
  }
}

static void test_extreme_values_survive(void** state)
{
  (void)state;
  size_t rows;
  const dv_parameter* table = dv_parameter_table(&rows);
  for (int top = 0; top < 2; ++top) {
    dv_preset a, b;
    char* text;
    size_t size;
    dv_error err = {""};
    dv_preset_init(&a);
    double* flat = dv_params_flat(&a.params);
    for (size_t r = 0; r < rows; ++r)
      for (int i = 0; i < table[r].count; ++i) flat[table[r].first + i] = top ? table[r].maximum : table[r].minimum;
    if (top) a.params.compressor.lookahead_ms = nextafter(a.params.compressor.lookahead_ms, 0.0); /* exclusive */
    if (dv_preset_print(&a, &text, &size, &err)) fail_msg("%s", err.text);
    const dv_status status = dv_preset_parse(text, size, "extreme", &b, &err);
    if (status) fail_msg("%s", err.text);
    free(text);
    for (int i = 0; i < DV_PRESET_SIZE; ++i)
      if (dv_parameter_effective(i)) assert_close(dv_params_flat(&b.params)[i], flat[i], 1e-12, 1e-10);
  }
}

static void test_text_and_notes_survive_a_file(void** state)
{
  dv_preset a, b;
  dv_error err = {""};
  dv_preset_init(&a);
  dv_preset_set_text(a.name, sizeof a.name, "Blühende \"Stimme\" \\ \n");
  dv_preset_set_text(a.comment, sizeof a.comment, "A comment\twith a tab");
  dv_preset_note_text(&a, "dry \"file\"", "a/b/c.wav");
  dv_preset_note_number(&a, "loss", 0.1);
  dv_preset_note_number(&a, "loss", 1.0 / 3.0);
  dv_preset_note_number(&a, "nothing", (double)NAN);
  const char* path = dv_temp_path(*state, "a.json");
  assert_int_equal(dv_preset_write(path, &a, &err), DV_OK);
  const dv_status status = dv_preset_read(path, &b, &err);
  if (status) fail_msg("%s", err.text);
  assert_string_equal(b.name, a.name);
  assert_string_equal(b.comment, a.comment);
  assert_int_equal(b.note_count, 2);
  assert_string_equal(dv_preset_find_note(&b, "dry \"file\"")->text, "a/b/c.wav");
  assert_true(dv_preset_find_note(&b, "loss")->is_number);
  assert_close(dv_preset_find_note(&b, "loss")->number, 1.0 / 3.0, 0.0, 0.0);
  assert_null(dv_preset_find_note(&b, "nothing"));
}

static void test_text_is_cut_between_characters_and_made_valid(void** state)
{
  (void)state;
  char field[6];
  dv_preset_set_text(field, sizeof field, "abcdé");
  assert_string_equal(field, "abcd");
  dv_preset_set_text(field, sizeof field, "a\xffz");
  assert_string_equal(field, "a?z");
  dv_preset_set_text(field, sizeof field, "");
  assert_string_equal(field, "");
}

static void test_notes_beyond_the_last_are_dropped(void** state)
{
  (void)state;
  dv_preset p;
  char key[16];
  dv_preset_init(&p);
  for (int i = 0; i < DV_PRESET_MAX_NOTES + 5; ++i) {
    snprintf(key, sizeof key, "key%d", i);
    dv_preset_note_number(&p, key, i);
  }
  assert_int_equal(p.note_count, DV_PRESET_MAX_NOTES);
}

static void test_output_does_not_depend_on_the_locale(void** state)
{
  (void)state;
  static const char* const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
  dv_preset a, b;
  char *plain, *other;
  size_t size;
  dv_error err = {""};
  dv_preset_init(&a);
  assert_int_equal(dv_preset_print(&a, &plain, &size, &err), DV_OK);
  bool changed = false;
  for (size_t i = 0; i < 4 && !changed; ++i) changed = setlocale(LC_ALL, names[i]);
  if (!changed) print_message("no locale with a decimal comma is installed: only the default was tested\n");
  assert_int_equal(dv_preset_print(&a, &other, &size, &err), DV_OK);
  assert_string_equal(plain, other);
  assert_int_equal(dv_preset_parse(other, size, "locale", &b, &err), DV_OK);
  setlocale(LC_ALL, "C");
  assert_same_raw(&a.params, &b.params);
  free(plain);
  free(other);
}

static void test_every_field_of_the_table_is_in_the_file(void** state)
{
  (void)state;
  dv_preset p;
  char* text;
  size_t size, rows;
  dv_preset_init(&p);
  assert_int_equal(dv_preset_print(&p, &text, &size, NULL), DV_OK);
  const dv_parameter* table = dv_parameter_table(&rows);
  for (size_t r = 0; r < rows; ++r) {
    const char* dot = strrchr(table[r].name, '.');
    const char* leaf = dot ? dot + 1 : table[r].name;
    const bool renamed = strstr(leaf, "_coef") || !strcmp(leaf, "decay") || !strcmp(leaf, "log_damp");
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", leaf);
    assert_int_equal(strstr(text, quoted) != NULL, !renamed);
  }
  free(text);
}

static void test_times_are_converted_by_their_definitions(void** state)
{
  (void)state;
  assert_close(dv_t60_from_decay(pow(10.0, -3.0 * 997.0 / (44100.0 * 1.5))), 1.5, 1e-14, 0.0);
  assert_close(dv_decay_from_t60(9.0), 0.98279762147845818, 1e-15, 0.0);
  assert_close(dv_decay_from_t60(0.0), 0.0, 0.0, 0.0);
  assert_close(dv_t60_from_decay(0.0), 0.0, 0.0, 0.0);
}

static void test_round_values_stay_round(void** state)
{
  (void)state;
  dv_preset p;
  char* text;
  size_t size;
  dv_preset_init(&p);
  p.params.compressor.attack_coef = dv_coef_from_ms(5.0, DV_MODEL_RATE_HZ);
  p.params.compressor.release_coef = dv_coef_from_ms(180.0, DV_MODEL_RATE_HZ);
  p.params.reverb.decay[0] = dv_decay_from_t60(2.3);
  p.params.peak2.q = 0.1 + 0.2;
  assert_int_equal(dv_preset_print(&p, &text, &size, NULL), DV_OK);
  assert_non_null(strstr(text, "\"attack_ms\": 5,"));
  assert_non_null(strstr(text, "\"release_ms\": 180,"));
  assert_non_null(strstr(text, "\"t60_s\": [2.3,"));
  assert_non_null(strstr(text, "\"q\": 0.30000000000000004}"));
  free(text);
}

static void test_values_out_of_range_are_not_written(void** state)
{
  dv_preset p;
  dv_error err = {""};
  dv_preset_init(&p);
  p.params.peak1.q = 25.0;
  const char* path = dv_temp_path(*state, "bad.json");
  assert_int_equal(dv_preset_write(path, &p, &err), DV_ERR_ARG);
  assert_non_null(strstr(err.text, "peak1.q"));
  p.params.peak1.q = 1.0;
  p.output_gain_db = (double)NAN;
  assert_int_equal(dv_preset_write(path, &p, &err), DV_ERR_ARG);
  assert_non_null(strstr(err.text, "output_gain_db"));
  assert_int_equal(access(path, F_OK), -1);
}

static void test_full_disk_and_unwritable_folder_leave_nothing(void** state)
{
  dv_temp* t = *state;
  dv_preset p;
  dv_error err = {""};
  dv_preset_init(&p);
  const size_t before = dv_temp_count(t);
  dv_temp_fill_disk(100);
  assert_int_equal(dv_preset_write(dv_temp_path(t, "full.json"), &p, &err), DV_ERR_IO);
  dv_temp_fill_disk(SIZE_MAX);
  assert_non_null(strstr(err.text, "full.json: cannot write: File too large"));
  dv_temp_forbid(t);
  assert_int_equal(dv_preset_write(dv_temp_path(t, "locked.json"), &p, &err), DV_ERR_IO);
  dv_temp_allow(t);
  assert_non_null(strstr(err.text, "locked.json: cannot write: Permission denied; check the permissions"));
  assert_int_equal(dv_temp_count(t), before);
}

/* --- Bad input ---------------------------------------------------------------------------------------------- */

static void expect_parse(const char* text, size_t size, dv_status status, const char* fragment)
{
  dv_preset p;
  dv_error err = {""};
  char* copy = malloc(size ? size : 1); /* exact size, no terminating zero */
  assert_non_null(copy);
  memcpy(copy, text, size);
  const dv_status got = dv_preset_parse(copy, size, "x.json", &p, &err);
  free(copy);
  if (got != status || (status && (strncmp(err.text, "x.json: ", 8) || !strstr(err.text, fragment))))
    fail_msg("status %d, \"%s\"; expected %d with \"%s\"", got, err.text, status, fragment);
}

/* A good preset's text with its first `from` replaced by `to`; free it. */
static char* edited(const char* from, const char* to)
{
  dv_preset p;
  char* text;
  size_t size;
  dv_preset_init(&p);
  p.params.peak1.freq_hz = 801.0;
  p.params.compressor.lookahead_ms = 1.0;
  p.params.compressor.attack_coef = dv_coef_from_ms(5.0, DV_MODEL_RATE_HZ);
  dv_preset_note_text(&p, "source", "test");
  assert_int_equal(dv_preset_print(&p, &text, &size, NULL), DV_OK);
  char* at = strstr(text, from);
  if (!at) fail_msg("'%s' is not in the preset", from);
  char* result = malloc(size + strlen(to) + 1);
  assert_non_null(result);
  sprintf(result, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
  free(text);
  return result;
}

static void test_wrong_fields_are_named(void** state)
{
  (void)state;
  static const struct {
    const char *from, *to, *fragment;
  } rows[] = {
    /* format and version */
    {"diffvox-preset", "other", "'format' is the string \"other\"; it must be \"diffvox-preset\""},
    {"\"format\": \"diffvox-preset\",", "", "the field 'format' is missing"},
    {"\"diffvox-preset\"", "3", "'format' is 3"},
    {"\"version\": 1,", "", "the field 'version' is missing"},
    {"\"version\": 1", "\"version\": 2", "'version' is 2; it must be 1; a newer file needs a newer program"},
    {"\"version\": 1", "\"version\": \"1\"", "'version' is the string \"1\""},
    {"\"version\": 1", "\"version\": 1.5", "'version' is 1.5"},
    /* head */
    {"\"name\": \"\",", "", "the field 'name' is missing"},
    {"\"name\": \"\"", "\"name\": 5", "'name' is 5; it must be a string"},
    {"\"comment\": \"\"", "\"comment\": []", "'comment' is a list of 0; it must be a string"},
    {"\"input_gain_db\": 0", "\"input_gain_db\": 101",
     "'input_gain_db' is 101; it must be a number from -100 to 100 dB"},
    {"\"output_gain_db\": 0", "\"output_gain_db\": null", "'output_gain_db' is null"},
    /* numbers */
    {"\"freq_hz\": 801", "\"freq_hz\": 9000", "'peak1.freq_hz' is 9000; it must be a number from 33 to 5400 Hz"},
    {"\"freq_hz\": 801", "\"freq_hz\": -1", "'peak1.freq_hz' is -1"},
    {"\"freq_hz\": 801", "\"freq_hz\": \"801\"", "'peak1.freq_hz' is the string \"801\""},
    {"\"freq_hz\": 801", "\"freq_hz\": true", "'peak1.freq_hz' is true"},
    {"\"freq_hz\": 801", "\"freq_hz\": {}", "'peak1.freq_hz' is an object"},
    {"\"freq_hz\": 801", "\"freq_hz\": \"\\u001b[31m\"", "is the string \"?[31m\""},
    {"\"freq_hz\": 801, ", "", "the field 'peak1.freq_hz' is missing"},
    {"\"attack_ms\": ", "\"attack_ms\": -", "'compressor.attack_ms' is -5; it must be a number from 0 to 1e+12 ms"},
    {"\"lookahead_ms\": 1", "\"lookahead_ms\": 15.1", "'compressor.lookahead_ms' is 15.1"},
    {"\"lookahead_ms\": 1", "\"lookahead_ms\": 15", "compressor.lookahead_ms is 15, expected 0 to 15 ms (exclusive)"},
    {"\"comp_ratio\": 2", "\"comp_ratio\": 0.5", "'compressor.comp_ratio' is 0.5; it must be a number from 1 to 20"},
    {"\"send\": 0.01", "\"send\": 1.01", "'send' is 1.01; it must be a number from 0 to 1"},
    {"\"pan\": 0.5,", "\"pan\": 2,", "'pan' is 2"},
    /* groups and lists */
    {"\"peak1\": {", "\"peak1\": 5, \"extra\": {", "'peak1' is 5; it must be an object"},
    {"\"t60_s\": [", "\"t60_s\": [1, ", "'reverb.t60_s' is a list of 50; it must be a list of 49 numbers"},
    {"\"t60_s\": [", "\"t60_s\": [], \"extra\": [", "'reverb.extra' is not known"},
    {"\"input\": [[", "\"input\": [[1, ", "'reverb.input[0]' is a list of 3; it must be a list of 2 numbers"},
    {"\"input\": [[", "\"input\": [[1, 2], [", "'reverb.input' is a list of 7; it must be a list of 6 lists of 2"},
    {"\"output\": [[0", "\"output\": [[\"a\"", "'reverb.output[0][0]' is the string \"a\""},
    {"\"mixing\": [0, 0", "\"mixing\": [0, 1e5", "'reverb.mixing[1]' is 100000; it must be a number from -1000"},
    /* unknown fields */
    {"\"q\": 0.707", "\"Q\": 0.707", "the field 'peak1.Q' is not known; did you mean 'q'?"},
    {"\"freq_hz\": 801", "\"frequency\": 801", "the field 'peak1.frequency' is not known"},
    {"\"freq_hz\": 801", "\"freq_hz\": 801, \"freq\": 1",
     "the field 'peak1.freq' is not known; did you mean 'freq_hz'?"},
    {"\"highshelf\"", "\"high_shelf\"", "the field 'high_shelf' is not known; did you mean 'highshelf'?"},
    {"\"send\"", "\"xyzzy\"", "the field 'xyzzy' is not known; own data belongs under 'extra'"},
    {"\"comment\"", "\"coment\"", "the field 'coment' is not known; did you mean 'comment'?"},
    {"\"delay_ms\"", "\"delay_s\"", "the field 'delay.delay_s' is not known; did you mean 'delay_ms'?"},
    {"\"delay_ms\": 400", "\"peak1\": {\"q\": 1}, \"delay_ms\": 400", "the field 'delay.peak1' is not known"},
    /* provenance */
    {"{\"source\": \"test\"}", "5", "'provenance' is 5; it must be an object"},
    {"\"test\"", "[1]", "'provenance.source' is a list of 1; it must be a string or a number"},
    {"\"source\"", "\"012345678901234567890123456789012345678901234567\"", "is too long"},
    /* JSON itself */
    {"801", "NaN", "line 8, column"},
    {"801", "1e999", "real number overflow"},
    {"801", "1e", "not valid JSON"},
    {"801", "99999999999999999999", "too big integer"},
    {"\"freq_hz\": 801", "\"freq_hz\": 801, \"freq_hz\": 802", "duplicate object key"},
    {"\"freq_hz\": 801,", "\"freq_hz\": 801", "line 8"},
    {"\"name\": \"\"", "\"name\": \"\\u0000\"", "not valid JSON"},
    {"\"name\": \"\"", "\"name\": \"\xff\"", "not valid JSON"},
  };
  for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r) {
    char* text = edited(rows[r].from, rows[r].to);
    expect_parse(text, strlen(text), DV_ERR_FORMAT, rows[r].fragment);
    free(text);
  }
}

static void test_files_that_are_no_presets_are_refused(void** state)
{
  (void)state;
  static const struct {
    const char *text, *fragment;
  } rows[] = {
    {"", "is empty"},
    {" \n", "not valid JSON"},
    {"RIFF", "not valid JSON"},
    {"[]", "'the file' is a list of 0; it must be an object"},
    {"5", "not valid JSON"},
    {"{}", "the field 'format' is missing"},
    {"{\"format\": \"diffvox-preset\", \"version\": 1}", "the field 'name' is missing"},
    {"{\"format\": \"diffvox-preset\", \"version\": 1, \"name\": \"\"}", "the field 'peak1' is missing"},
    {"{\"format\": \"diffvox-preset\", \"version\": 1, \"name\": \"\"} x", "end of file expected"},
  };
  for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r)
    expect_parse(rows[r].text, strlen(rows[r].text), DV_ERR_FORMAT, rows[r].fragment);
}

static void test_every_truncation_is_refused(void** state)
{
  (void)state;
  char* text = edited("801", "801");
  const size_t size = strlen(text);
  for (size_t n = 1; n + 1 < size; ++n) expect_parse(text, n, DV_ERR_FORMAT, "not valid JSON");
  expect_parse(text, size - 1, DV_OK, "");
  free(text);
}

static void test_deep_nesting_and_huge_files_are_refused(void** state)
{
  char* text = malloc(DV_PRESET_MAX_BYTES + 1);
  assert_non_null(text);
  memset(text, '[', DV_PRESET_MAX_BYTES + 1);
  expect_parse(text, DV_PRESET_MAX_BYTES, DV_ERR_FORMAT, "maximum parsing depth");
  expect_parse(text, DV_PRESET_MAX_BYTES + 1, DV_ERR_FORMAT, "a preset has at most");
  dv_preset p;
  dv_error err;
  const char* path = dv_temp_file(*state, "huge.json", text, DV_PRESET_MAX_BYTES + 1);
  assert_int_equal(dv_preset_read(path, &p, &err), DV_ERR_FORMAT);
  assert_non_null(strstr(err.text, "huge.json: has 1048577 bytes; at most 1048576"));
  free(text);
}

static void test_optional_fields_may_be_absent_and_extra_is_free(void** state)
{
  (void)state;
  static const char* const edits[][2] = {
    {"\"comment\": \"\",", ""},       {"\"input_gain_db\": 0,", ""},
    {"\"output_gain_db\": 0,", ""},   {"\"comment\": \"\",", "\"extra\": {\"a\": [1, {\"b\": null}]},"},
    {"{\"source\": \"test\"}", "{}"}, {"\"freq_hz\": 801", "\"freq_hz\": 801.0e0"},
  };
  for (size_t r = 0; r < sizeof edits / sizeof *edits; ++r) {
    char* text = edited(edits[r][0], edits[r][1]);
    expect_parse(text, strlen(text), DV_OK, "");
    free(text);
  }
}

static void test_nearest_name_finds_typing_errors_only(void** state)
{
  (void)state;
  static const char* const candidates[] = {"hall", "cathedral", "plate-short", "plate-long"};
  static const char* const rows[][2] = {
    {"hal", "hall"}, {"Cathedrall", "cathedral"}, {"plate", "plate-short"}, {"plate-lng", "plate-long"}, {"xyz", NULL}};
  for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r) {
    dv_nearest_name nearest = {.name = rows[r][0]};
    for (size_t c = 0; c < 4; ++c) dv_nearest_name_offer(&nearest, candidates[c]);
    if (rows[r][1]) assert_string_equal(nearest.best, rows[r][1]);
    else assert_null(nearest.best);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_random_presets_survive_printing_and_parsing),
    cmocka_unit_test(test_extreme_values_survive),
    cmocka_unit_test(test_text_and_notes_survive_a_file),
    cmocka_unit_test(test_text_is_cut_between_characters_and_made_valid),
    cmocka_unit_test(test_notes_beyond_the_last_are_dropped),
    cmocka_unit_test(test_output_does_not_depend_on_the_locale),
    cmocka_unit_test(test_every_field_of_the_table_is_in_the_file),
    cmocka_unit_test(test_times_are_converted_by_their_definitions),
    cmocka_unit_test(test_round_values_stay_round),
    cmocka_unit_test(test_values_out_of_range_are_not_written),
    cmocka_unit_test(test_full_disk_and_unwritable_folder_leave_nothing),
    cmocka_unit_test(test_wrong_fields_are_named),
    cmocka_unit_test(test_files_that_are_no_presets_are_refused),
    cmocka_unit_test(test_every_truncation_is_refused),
    cmocka_unit_test(test_deep_nesting_and_huge_files_are_refused),
    cmocka_unit_test(test_optional_fields_may_be_absent_and_extra_is_free),
    cmocka_unit_test(test_nearest_name_finds_typing_errors_only),
  };
  return cmocka_run_group_tests_name("preset", tests, dv_temp_setup, dv_temp_teardown);
}
