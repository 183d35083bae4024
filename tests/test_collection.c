/* SPDX-License-Identifier: MIT */
#include "presets/collect.h"
#include "presets/collection.h"
#include "presets/columns.h"
#include "presets/corpus_statistics.h"
#include "presets/draw.h"
#include "presets/preset.h"
#include "datasets/npy.h"
#include "support/dv_temp.h"
#include "support/dv_test.h"

#include <fcntl.h>
#include <time.h>

static const dv_collection_options defaults = {0};

static void make_folder(dv_temp* t, const char* name) { assert_int_equal(mkdir(dv_temp_path(t, name), 0755), 0); }

static void write_rows(dv_temp* t, const char* name, size_t rows, size_t columns)
{
  const size_t shape[] = {rows, columns};
  double* data = calloc(rows * columns, sizeof *data);
  uint64_t seed = 1;
  assert_non_null(data);
  for (size_t i = 0; i < rows * columns; ++i) data[i] = (double)(float)dv_draw_normal(&seed);
  assert_int_equal(dv_npy_write(dv_temp_path(t, name), DV_NPY_F4, 2, shape, data, NULL), DV_OK);
  free(data);
}

static void write_index(dv_temp* t, const char* name, const double* rows, size_t count)
{
  assert_int_equal(dv_npy_write(dv_temp_path(t, name), DV_NPY_I8, 1, &count, rows, NULL), DV_OK);
}

static void write_preset(dv_temp* t, const char* name, double pan, const char* wet, const char* ended)
{
  dv_preset preset;
  dv_preset_init(&preset);
  preset.params.pan = pan;
  dv_preset_note_number(&preset, "loss", 1.5);
  if (wet) dv_preset_note_text(&preset, "wet", wet);
  if (ended) dv_preset_note_text(&preset, "ended", ended);
  assert_int_equal(dv_preset_write(dv_temp_path(t, name), &preset, NULL), DV_OK);
}

static dv_collection load(dv_temp* t, const char* name)
{
  dv_collection c;
  dv_error err;
  if (dv_collection_load(dv_temp_path(t, name), &defaults, &c, &err)) fail_msg("%s", err.text);
  return c;
}

static void expect_refusal(dv_temp* t, const char* name, dv_status status, const char* message)
{
  dv_collection c;
  dv_error err = {{0}};
  assert_int_equal(dv_collection_load(dv_temp_path(t, name), &defaults, &c, &err), status);
  if (!strstr(err.text, message)) fail_msg("%s", err.text);
  assert_null(c.effective);
}

/* --- Kinds --------------------------------------------------------------------------------------------------- */

static void test_rows_of_both_widths_are_read(void** state)
{
  dv_temp* t = *state;
  write_rows(t, "w151.npy", 4, 151);
  write_rows(t, "w152.npy", 4, 152);
  dv_collection c = load(t, "w151.npy");
  assert_int_equal(c.kind, DV_COLLECTION_ROWS);
  assert_int_equal(c.count, 4);
  assert_string_equal(c.entries[3].name, "row 3");
  dv_collection_free(&c);
  c = load(t, "w152.npy");
  assert_int_equal(c.count, 4);
  dv_collection_free(&c);
}

static void test_train_index_selects_and_all_rows_does_not(void** state)
{
  dv_temp* t = *state;
  static const double index[] = {4, 0, 2};
  const dv_collection_options all = {.all_rows = true};
  dv_collection c;
  make_folder(t, "published");
  write_rows(t, "published/raw_params.npy", 5, 151);
  write_index(t, "published/train_index.npy", index, 3);
  c = load(t, "published");
  assert_int_equal(c.count, 3);
  assert_int_equal(c.rows_in_file, 5);
  assert_int_equal(c.entries[0].row, 4);
  assert_string_equal(c.label, "published");
  dv_collection_free(&c);
  assert_int_equal(dv_collection_load(dv_temp_path(t, "published"), &all, &c, NULL), DV_OK);
  assert_int_equal(c.count, 5);
  dv_collection_free(&c);
}

static void test_a_wrong_index_is_refused(void** state)
{
  dv_temp* t = *state;
  static const double outside[] = {0, 5}, twice[] = {1, 1}, part[] = {0.5};
  make_folder(t, "wrong");
  write_rows(t, "wrong/raw_params.npy", 5, 151);
  write_index(t, "wrong/train_index.npy", outside, 2);
  expect_refusal(t, "wrong", DV_ERR_ARG, "names row 5");
  write_index(t, "wrong/train_index.npy", twice, 2);
  expect_refusal(t, "wrong", DV_ERR_ARG, "twice");
  const size_t one = 1;
  assert_int_equal(dv_npy_write(dv_temp_path(t, "wrong/train_index.npy"), DV_NPY_F8, 1, &one, part, NULL), DV_OK);
  expect_refusal(t, "wrong", DV_ERR_ARG, "names row 0.5");
}

static void test_presets_and_fits_are_read_in_order(void** state)
{
  dv_temp* t = *state;
  double physical[DV_EFFECTIVE_COUNT];
  make_folder(t, "mine");
  write_preset(t, "mine/b.json", 0.75, NULL, NULL);
  write_preset(t, "mine/a.json", 0.25, NULL, NULL);
  dv_temp_file(t, "mine/list.json", "{\"format\": \"other\"}", 19);
  dv_collection c = load(t, "mine");
  assert_int_equal(c.kind, DV_COLLECTION_PRESETS);
  assert_int_equal(c.count, 2);
  assert_int_equal(c.ignored, 1);
  assert_string_equal(c.entries[0].name, "a");
  assert_close(c.entries[0].loss, 1.5, 0.0, 0.0);
  dv_columns_physical(dv_collection_row(&c, 1), physical);
  assert_close(physical[DV_EFFECTIVE_COUNT - 1], 0.75, 1e-12, 0.0);
  dv_collection_free(&c);
  make_folder(t, "fits");
  make_folder(t, "fits/song");
  write_preset(t, "fits/song/preset.json", 0.5, NULL, NULL);
  c = load(t, "fits");
  assert_int_equal(c.kind, DV_COLLECTION_FITS);
  assert_string_equal(c.entries[0].name, "song");
  dv_collection_free(&c);
}

static void test_mixed_and_empty_folders_are_refused(void** state)
{
  dv_temp* t = *state;
  make_folder(t, "empty");
  expect_refusal(t, "empty", DV_ERR_ARG, "holds no presets");
  make_folder(t, "mixed");
  write_preset(t, "mixed/a.json", 0.5, NULL, NULL);
  make_folder(t, "mixed/song");
  write_preset(t, "mixed/song/preset.json", 0.5, NULL, NULL);
  expect_refusal(t, "mixed", DV_ERR_ARG, "two corpora");
  make_folder(t, "both");
  write_rows(t, "both/raw_params.npy", 2, 151);
  write_preset(t, "both/a.json", 0.5, NULL, NULL);
  expect_refusal(t, "both", DV_ERR_ARG, "two corpora");
}

static void test_damage_is_named(void** state)
{
  dv_temp* t = *state;
  const size_t shape[] = {2, 151}, narrow[] = {2, 100};
  double data[2 * 151] = {0};
  make_folder(t, "damaged");
  dv_temp_file(t, "damaged/bad.json", "{\"format\": \"diffvox-preset\"", 27);
  expect_refusal(t, "damaged", DV_ERR_FORMAT, "bad.json");
  data[151 + 3] = (double)NAN;
  assert_int_equal(dv_npy_write(dv_temp_path(t, "nan.npy"), DV_NPY_F8, 2, shape, data, NULL), DV_OK);
  expect_refusal(t, "nan.npy", DV_ERR_FORMAT, "row 1, column 3");
  assert_int_equal(dv_npy_write(dv_temp_path(t, "narrow.npy"), DV_NPY_F8, 2, narrow, data, NULL), DV_OK);
  expect_refusal(t, "narrow.npy", DV_ERR_FORMAT, "151 or 152");
  expect_refusal(t, "not-there", DV_ERR_IO, "not-there");
  dv_temp_file(t, "plain.txt", "x", 1);
  expect_refusal(t, "plain.txt", DV_ERR_ARG, "is not a corpus");
}

static void test_columns_have_the_names_and_units_of_presets(void** state)
{
  (void)state;
  static const struct {
    int k;
    const char *name, *unit, *label;
  } cases[] = {{0, "peak1.gain_db", "dB", "Peak 1 gain"},
               {18, "compressor.attack_ms", "ms", "Attack"},
               {32, "reverb.input[0][1]", "", "Reverb input matrix, line 1 right"},
               {67, "reverb.t60_s[12]", "s", "Reverb time at 5.51 kHz"},
               {104, "reverb.mixing[0]", "", "Reverb mixing logits 1"},
               {129, "pan", "", "Pan"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    dv_column column;
    dv_column_at(cases[i].k, &column);
    assert_string_equal(column.name, cases[i].name);
    assert_string_equal(column.unit, cases[i].unit);
    assert_string_equal(column.label, cases[i].label);
  }
}

static void test_constant_columns_are_counted(void** state)
{
  dv_temp* t = *state;
  char name[96];
  dv_collection c = load(t, "mine");
  assert_int_equal(dv_collection_constants(&c, name, sizeof name), DV_EFFECTIVE_COUNT - 1);
  assert_string_equal(name, "peak1.gain_db");
  dv_collection_free(&c);
}

static void test_a_sample_is_seeded_and_fair(void** state)
{
  (void)state;
  enum { COUNT = 50, MOST = 10, DRAWS = 2000 };
  dv_collection c = {.count = COUNT};
  size_t hits[COUNT] = {0}, first[MOST], second[MOST];
  for (uint64_t seed = 0; seed < DRAWS; ++seed) {
    assert_int_equal(dv_collection_pick(&c, MOST, seed, first), MOST);
    for (size_t i = 0; i < MOST; ++i) {
      ++hits[first[i]];
      assert_true(!i || first[i] > first[i - 1]);
    }
  }
  for (size_t i = 0; i < COUNT; ++i) assert_close((double)hits[i], DRAWS / 5.0, 0.0, 5.0 * sqrt(DRAWS * 0.16));
  dv_collection_pick(&c, MOST, DRAWS - 1, second);
  assert_memory_equal(first, second, sizeof first);
}

/* quantile(type = 7) of R 4.2.2 on 3 1 4 1 5 9 2 6 5 3 5 8. */
static void test_quantiles_give_the_numbers_of_r(void** state)
{
  (void)state;
  static const double gains[] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8};
  static const double expected[DV_QUANTILES] = {1, 1, 2.75, 4.5, 5.25, 8.45, 9};
  static double rows[12 * DV_EFFECTIVE_COUNT], quantile[DV_EFFECTIVE_COUNT][DV_QUANTILES];
  for (size_t i = 0; i < 12; ++i) rows[i * DV_EFFECTIVE_COUNT] = gains[i];
  const dv_collection c = {.count = 12, .effective = rows};
  assert_int_equal(dv_corpus_quantiles(&c, quantile, NULL), DV_OK);
  for (size_t q = 0; q < DV_QUANTILES; ++q) assert_close(quantile[0][q], expected[q], 1e-14, 0.0);
}

/* --- Collecting fits ----------------------------------------------------------------------------------------- */

static void write_run(dv_temp* t, const char* name, const char* wet, const char* ended, const char* totals)
{
  char path[128], csv[512];
  make_folder(t, name);
  snprintf(path, sizeof path, "%s/preset.json", name);
  write_preset(t, path, 0.5, wet, ended);
  size_t length = (size_t)snprintf(csv, sizeof csv, "step,total,elapsed_s\n");
  int step = 0;
  for (const char* value = totals; *value; value += strspn(value, " ")) {
    const size_t digits = strcspn(value, " ");
    length += (size_t)snprintf(csv + length, sizeof csv - length, "%d,%.*s,0.1\n", step++, (int)digits, value);
    value += digits;
  }
  snprintf(path, sizeof path, "%s/losses.csv", name);
  dv_temp_file(t, path, csv, length);
}

static const dv_run* find_run(const dv_runs* runs, const char* name)
{
  for (size_t i = 0; i < runs->count; ++i) {
    const char* slash = strrchr(runs->entries[i].path, '/');
    if (slash && !strcmp(slash + 1, name)) return &runs->entries[i];
  }
  fail_msg("no run %s", name);
  return NULL;
}

static void make_older(dv_temp* t, const char* name)
{
  const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
  assert_int_equal(utimensat(AT_FDCWD, dv_temp_path(t, name), times, 0), 0);
}

static void test_runs_are_left_out_for_the_published_reasons(void** state)
{
  static const struct {
    const char* run;
    dv_run_verdict verdict;
    const char* reason;
  } expected[] = {{"good", DV_RUN_KEPT, ""},
                  {"bare", DV_RUN_TERMINATED, "no preset.json"},
                  {"cut", DV_RUN_TERMINATED, "interrupted"},
                  {"loud", DV_RUN_LOSS, "lowest loss, 4.5, is over 4"},
                  {"stuck", DV_RUN_FIRST_BEST, "learnt nothing"},
                  {"wild", DV_RUN_FLUCTUATION, "0.5"},
                  {"older", DV_RUN_OLDER, "older than"},
                  {"edge", DV_RUN_KEPT, ""}};
  dv_temp* t = *state;
  dv_collect_rules rules;
  dv_runs runs;
  dv_error err;
  make_folder(t, "runs");
  make_folder(t, "runs/deeper");
  write_run(t, "runs/good", "in/song.wav", "all steps done", "3 2.9 2.8 2.7");
  write_run(t, "runs/deeper/older", "other/song.flac", "all steps done", "3 2.9 2.8 2.7");
  make_older(t, "runs/deeper/older/preset.json");
  write_run(t, "runs/cut", "cut.wav", "interrupted", "3 2.9 2.8");
  write_run(t, "runs/loud", "loud.wav", "all steps done", "5 4.6 4.5");
  write_run(t, "runs/stuck", "stuck.wav", "all steps done", "3 3.1 3.2");
  write_run(t, "runs/wild", "wild.wav", "all steps done", "3 2.5 3 2.4");
  write_run(t, "runs/edge", "edge.wav", "all steps done", "4.2 4 4.2"); /* exactly the limits */
  make_folder(t, "runs/bare");
  dv_temp_file(t, "runs/bare/losses.csv", "step,total\n0,1\n", 15);
  dv_collect_rules_published(&rules);
  rules.max_fluctuation = 0.21; /* 4.2 - 4 is not exactly 0.2 */
  if (dv_collect_runs(dv_temp_path(t, "runs"), &rules, &runs, &err)) fail_msg("%s", err.text);
  assert_int_equal(runs.count, 8);
  assert_int_equal(runs.kept, 2);
  for (size_t i = 0; i < sizeof expected / sizeof *expected; ++i) {
    const dv_run* run = find_run(&runs, expected[i].run);
    assert_int_equal(run->verdict, expected[i].verdict);
    if (!strstr(run->reason, expected[i].reason)) fail_msg("%s: %s", expected[i].run, run->reason);
  }
  dv_runs_free(&runs);
}

static void test_fits_of_a_batch_are_told_apart_by_their_ids(void** state)
{
  dv_temp* t = *state;
  dv_collect_rules rules;
  dv_runs runs;
  dv_error err;
  make_folder(t, "batch");
  dv_temp_file(t, "batch/batch.txt", "diffvox-fit\n", 12);
  write_run(t, "batch/song.1", "first/wet.wav", "all steps done", "3 2.9 2.8 2.7");
  write_run(t, "batch/song.2", "second/wet.wav", "all steps done", "3 2.9 2.8 2.7");
  dv_collect_rules_published(&rules);
  if (dv_collect_runs(dv_temp_path(t, "batch"), &rules, &runs, &err)) fail_msg("%s", err.text);
  assert_int_equal(runs.kept, 2);
  assert_string_equal(find_run(&runs, "song.2")->track, "song.2");
  dv_runs_free(&runs);
}

static void test_collected_fits_are_a_corpus(void** state)
{
  dv_temp* t = *state;
  dv_collect_rules rules;
  dv_runs runs;
  dv_error err;
  dv_collect_rules_published(&rules);
  rules.max_fluctuation = 0.21;
  assert_int_equal(dv_collect_runs(dv_temp_path(t, "runs"), &rules, &runs, &err), DV_OK);
  if (dv_collect_write(&runs, &rules, dv_temp_path(t, "corpus"), &err)) fail_msg("%s", err.text);
  assert_int_equal(dv_collect_write(&runs, &rules, dv_temp_path(t, "corpus"), &err), DV_ERR_ARG);
  assert_non_null(strstr(err.text, "already holds"));
  dv_collection c = load(t, "corpus");
  assert_int_equal(c.count, 2);
  assert_string_equal(c.entries[0].name, "edge");
  assert_string_equal(c.entries[1].name, "song");
  dv_collection_free(&c);
  dv_runs_free(&runs);
}

static void test_a_folder_without_fits_is_an_error(void** state)
{
  dv_temp* t = *state;
  dv_collect_rules rules;
  dv_runs runs;
  dv_error err;
  dv_collect_rules_published(&rules);
  assert_int_equal(dv_collect_runs(dv_temp_path(t, "empty"), &rules, &runs, &err), DV_ERR_ARG);
  assert_non_null(strstr(err.text, "holds no fits"));
  assert_int_equal(dv_collect_runs(dv_temp_path(t, "nowhere"), &rules, &runs, &err), DV_ERR_IO);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_rows_of_both_widths_are_read),
    cmocka_unit_test(test_train_index_selects_and_all_rows_does_not),
    cmocka_unit_test(test_a_wrong_index_is_refused),
    cmocka_unit_test(test_presets_and_fits_are_read_in_order),
    cmocka_unit_test(test_mixed_and_empty_folders_are_refused),
    cmocka_unit_test(test_damage_is_named),
    cmocka_unit_test(test_columns_have_the_names_and_units_of_presets),
    cmocka_unit_test(test_constant_columns_are_counted),
    cmocka_unit_test(test_a_sample_is_seeded_and_fair),
    cmocka_unit_test(test_quantiles_give_the_numbers_of_r),
    cmocka_unit_test(test_runs_are_left_out_for_the_published_reasons),
    cmocka_unit_test(test_fits_of_a_batch_are_told_apart_by_their_ids),
    cmocka_unit_test(test_collected_fits_are_a_corpus),
    cmocka_unit_test(test_a_folder_without_fits_is_an_error),
  };
  return cmocka_run_group_tests(tests, dv_temp_setup, dv_temp_teardown);
}
