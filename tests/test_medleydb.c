/* SPDX-License-Identifier: MIT */
#include "datasets/medleydb.h"
#include "support/dv_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void parse(const char* text, dv_medleydb_song* song)
{
  dv_error err;
  if (dv_medleydb_parse(text, strlen(text), "song.yaml", song, &err)) fail_msg("%s", err.text);
}

static void test_song_is_read_as_published(void** state)
{
  (void)state;
  dv_medleydb_song s;
  parse("album: ''\n"
        "composer:\n- Someone\n"
        "has_bleed: 'yes'\n"
        "instrumental: 'no'\n"
        "raw_dir: Song_RAW\n"
        "release date: null\n"
        "stem_dir: Song_STEMS\n"
        "stems:\n"
        "  S01:\n"
        "    component: bass\n"
        "    filename: Song_STEM_01.wav\n"
        "    instrument: electric bass\n"
        "    raw:\n"
        "      R01:\n        filename: Song_RAW_01_01.wav\n        instrument: electric bass\n"
        "      R02:\n        filename: Song_RAW_01_02.wav\n        instrument: electric bass\n"
        "  S02:\n"
        "    filename: Song_STEM_02.wav\n"
        "    instrument: female singer\n"
        "    raw:\n"
        "      R03:\n        filename: Song_RAW_02_03.wav\n        instrument: female singer\n"
        "version: 1.2\n",
        &s);
  assert_true(s.has_bleed);
  assert_false(s.instrumental);
  assert_string_equal(s.raw_dir, "Song_RAW");
  assert_string_equal(s.stem_dir, "Song_STEMS");
  assert_int_equal(s.count, 2);
  assert_int_equal(s.stems[0].raw_count, 2);
  assert_false(s.stems[0].is_voice);
  assert_string_equal(s.stems[1].key, "S02");
  assert_string_equal(s.stems[1].filename, "Song_STEM_02.wav");
  assert_string_equal(s.stems[1].instrument, "female singer");
  assert_string_equal(s.stems[1].raw_filename, "Song_RAW_02_03.wav");
  assert_int_equal(s.stems[1].raw_count, 1);
  assert_true(s.stems[1].is_voice);
  dv_medleydb_free(&s);
  assert_null(s.stems);
  dv_medleydb_free(&s);
}

static void test_rule_is_that_of_the_published_corpus(void** state)
{
  (void)state;
  static const char* const voices[] = {"singer",    "vocal",         "voice",         "speaker",
                                       "speech",    "male singer",   "female singer", "male speaker",
                                       "vocalists", "Female Singer", "lead VOX vocal"};
  static const char* const others[] = {"male rapper", "female rapper", "beatboxing", "crowd", "fx/processed sound",
                                       "drum set",    "Unlabeled",     "",           "sing",  "vox"};
  for (size_t i = 0; i < sizeof voices / sizeof *voices; ++i)
    if (!dv_medleydb_is_voice(voices[i])) fail_msg("'%s' should be a voice", voices[i]);
  for (size_t i = 0; i < sizeof others / sizeof *others; ++i)
    if (dv_medleydb_is_voice(others[i])) fail_msg("'%s' should be no voice", others[i]);
}

static void test_list_of_instruments_is_a_voice_where_all_are(void** state)
{
  (void)state;
  dv_medleydb_song s;
  parse("stems:\n"
        "  a: {instrument: [male singer, female singer]}\n"
        "  b: {instrument: [male singer, acoustic guitar]}\n"
        "  c: {instrument: [vocalists]}\n"
        "  d: {instrument: []}\n"
        "  e: {instrument: [[singer], {singer: voice}, '']}\n"
        "  f: {instrument: {singer: voice}}\n",
        &s);
  static const struct {
    const char* instrument;
    bool is_voice;
  } want[] = {{"male singer, female singer", true},
              {"male singer, acoustic guitar", false},
              {"vocalists", true},
              {NULL, false},
              {NULL, false},
              {NULL, false}};
  assert_int_equal(s.count, 6);
  for (size_t i = 0; i < 6; ++i) {
    assert_int_equal(s.stems[i].is_voice, want[i].is_voice);
    if (want[i].instrument) assert_string_equal(s.stems[i].instrument, want[i].instrument);
    else assert_null(s.stems[i].instrument);
  }
  dv_medleydb_free(&s);
}

static void test_keys_and_shapes_may_be_odd(void** state)
{
  (void)state;
  dv_medleydb_song s;
  parse("stems:\n"
        "  7: {raw: [{filename: a.wav}], filename: 12}\n"
        "  ? [a, b]\n  : {raw: {9: {filename: b.wav}}}\n"
        "  S03: just text\n"
        "  S04:\n"
        "  'S 5': {raw: {R01: text}, filename: ~, instrument: null}\n",
        &s);
  assert_int_equal(s.count, 5);
  assert_string_equal(s.stems[0].key, "7");
  assert_string_equal(s.stems[0].raw_filename, "a.wav");
  assert_string_equal(s.stems[0].filename, "12");
  assert_string_equal(s.stems[1].key, "?");
  assert_string_equal(s.stems[1].raw_filename, "b.wav");
  assert_int_equal(s.stems[2].raw_count, 0);
  assert_null(s.stems[3].filename);
  assert_int_equal(s.stems[4].raw_count, 1);
  assert_null(s.stems[4].raw_filename);
  assert_null(s.stems[4].filename);
  assert_null(s.stems[4].instrument);
  dv_medleydb_free(&s);
}

static void test_flags_are_words_of_any_kind(void** state)
{
  (void)state;
  static const struct {
    const char* text;
    bool flag;
  } cases[] = {{"has_bleed: 'yes'\nstems: {}", true},  {"has_bleed: Yes\nstems: {}", true},
               {"has_bleed: true\nstems: {}", true},   {"has_bleed: 'no'\nstems: {}", false},
               {"has_bleed: false\nstems: {}", false}, {"has_bleed:\nstems: {}", false},
               {"has_bleed: [yes]\nstems: {}", false}, {"stems: {}", false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    dv_medleydb_song s;
    parse(cases[i].text, &s);
    if (s.has_bleed != cases[i].flag) fail_msg("%s", cases[i].text);
    dv_medleydb_free(&s);
  }
}

static void expect_refusal(const char* text, size_t size, const char* fragment)
{
  dv_medleydb_song s;
  dv_error err;
  assert_int_equal(dv_medleydb_parse(text, size, "song.yaml", &s, &err), DV_ERR_FORMAT);
  if (!strstr(err.text, "song.yaml: ") || !strstr(err.text, fragment))
    fail_msg("\"%s\"; expected \"%s\"", err.text, fragment);
  assert_null(s.stems);
}

static void test_what_is_no_song_is_refused(void** state)
{
  (void)state;
  static const struct {
    const char *text, *fragment;
  } cases[] = {{"", "is empty"},
               {"# nothing\n", "is empty"},
               {"stems: [", "is no YAML: line"},
               {"a: b\n c: d\n\te", "is no YAML: line 2"},
               {"\x80\xff", "is no YAML"},
               {"stems: *nothing", "is no YAML"},
               {"just text", "has no \"stems:\""},
               {"[stems]", "has no \"stems:\""},
               {"stems:\n- S01\n", "has no \"stems:\""},
               {"stem: {}", "has no \"stems:\""}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i)
    expect_refusal(cases[i].text, strlen(cases[i].text), cases[i].fragment);
}

static void test_deep_and_long_files_are_refused(void** state)
{
  (void)state;
  const size_t size = DV_MEDLEYDB_MAX_BYTES;
  char* text = malloc(size);
  assert_non_null(text);
  memset(text, '[', size);
  expect_refusal(text, size, "nested more than 100 deep");
  for (size_t i = 0; i < size; ++i) text[i] = i % 2 ? ' ' : '-';
  expect_refusal(text, size, "song.yaml");
  size_t length = (size_t)sprintf(text, "stems:\n");
  for (int i = 0; i < 1001; ++i) length += (size_t)sprintf(text + length, " s%d: a\n", i);
  expect_refusal(text, length, "has 1001 stems");
  free(text);
}

static void test_aliases_do_not_multiply(void** state)
{
  (void)state;
  dv_medleydb_song s;
  const size_t name = 100000;
  char* text = malloc(2 * name + 4096);
  assert_non_null(text);
  size_t length = (size_t)sprintf(text, "x: &x \"");
  memset(text + length, 'v', name);
  length += name;
  length += (size_t)sprintf(text + length, "\"\ny: &y singer\nstems:\n  a: {filename: *x, instrument: [");
  for (int i = 0; i < 20000; ++i) length += (size_t)sprintf(text + length, "*y,");
  sprintf(text + length, "]}\n");
  parse(text, &s);
  assert_null(s.stems[0].filename);
  assert_true(strlen(s.stems[0].instrument) < 1000);
  assert_true(s.stems[0].is_voice);
  dv_medleydb_free(&s);
  free(text);
  parse("stems: &s\n  a: *s\n", &s); /* a stem that is its own list */
  assert_int_equal(s.count, 1);
  dv_medleydb_free(&s);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_song_is_read_as_published),
    cmocka_unit_test(test_rule_is_that_of_the_published_corpus),
    cmocka_unit_test(test_list_of_instruments_is_a_voice_where_all_are),
    cmocka_unit_test(test_keys_and_shapes_may_be_odd),
    cmocka_unit_test(test_flags_are_words_of_any_kind),
    cmocka_unit_test(test_what_is_no_song_is_refused),
    cmocka_unit_test(test_deep_and_long_files_are_refused),
    cmocka_unit_test(test_aliases_do_not_multiply),
  };
  return cmocka_run_group_tests_name("medleydb", tests, NULL, NULL);
}
