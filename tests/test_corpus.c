/* SPDX-License-Identifier: MIT */
#include "presets/corpus.h"
#include "support/dv_test.h"
#include "support/dv_temp.h"

#define CORPORA "../shared/corpora"

static bool have_corpora(void)
{
  if (!access(CORPORA "/medleydb/raw_params.npy", R_OK)) return true;
  print_message("skipped: " CORPORA " is not there\n");
  return false;
}

/* --- The published corpora ------------------------------------------------------------------------------------ */

static double largest_raw_error(const double* raw, const dv_chain_params* params)
{
  double again[DV_PARAM_COUNT], worst = 0.0;
  dv_error err;
  if (dv_params_to_raw(params, again, &err)) fail_msg("%s", err.text);
  for (int i = 0; i < DV_PRESET_SIZE; ++i) {
    if (!dv_parameter_effective(i)) continue;
    const double want =
      dv_parameter_at(i)->map == DV_MAP_FOLD ? fmod(fabs(raw[i]), dv_parameter_at(i)->maximum) : raw[i];
    worst = fmax(worst, fabs(again[i] - want) / fabs(want));
    assert_true(isfinite(again[i]));
  }
  return worst;
}

static void test_every_published_preset_survives_its_file(void** state)
{
  static const struct {
    const char* path;
    size_t rows;
  } files[] = {{CORPORA "/medleydb/raw_params.npy", 70}, {CORPORA "/internal/raw_params.npy", 385}};
  if (!have_corpora()) skip();
  double worst = 0.0;
  for (size_t f = 0; f < 2; ++f) {
    dv_npy rows;
    dv_error err = {""};
    assert_int_equal(dv_corpus_read(files[f].path, &rows, &err), DV_OK);
    assert_int_equal(rows.shape[0], files[f].rows);
    for (size_t r = 0; r < rows.shape[0]; ++r) {
      dv_preset a, b;
      dv_preset_init(&a);
      if (dv_corpus_row(&rows, r, files[f].path, &a.params, &err)) fail_msg("%s", err.text);
      const char* path = dv_temp_path(*state, "round.json");
      if (dv_preset_write(path, &a, &err) || dv_preset_read(path, &b, &err)) fail_msg("row %zu: %s", r, err.text);
      worst = fmax(worst, largest_raw_error(rows.data + r * DV_PRESET_SIZE, &b.params));
    }
    dv_npy_free(&rows);
  }
  print_message("largest relative error of a raw parameter: %.2g\n", worst);
  assert_true(worst <= 1e-6);
}

static void test_corpora_are_resolved_by_row_track_and_stem(void** state)
{
  (void)state;
  static const struct {
    const char *spec, *name;
  } rows[] = {
    {"medleydb:3", "medleydb:3 BigTroubles_Phantom"},
    {"medleydb:BigTroubles_Phantom", "medleydb:3 BigTroubles_Phantom"},
    {"medleydb:bigtroubles_phantom", "medleydb:3 BigTroubles_Phantom"},
    {"medleydb:AClassicEducation_NightOwl_STEM_08", "medleydb:0 AClassicEducation_NightOwl"},
    {"medleydb:AClassicEducation_NightOwl_RAW_08_01.wav", "medleydb:0 AClassicEducation_NightOwl"},
    {"internal:384", "internal:384"},
  };
  if (!have_corpora()) skip();
  for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r) {
    dv_preset p;
    dv_error err = {""};
    if (dv_preset_resolve(rows[r].spec, CORPORA, &p, &err)) fail_msg("%s: %s", rows[r].spec, err.text);
    assert_string_equal(p.name, rows[r].name);
    assert_int_equal(dv_params_check(&p.params, &err), DV_OK);
  }
}

static void test_corpus_row_has_the_published_values(void** state)
{
  (void)state;
  dv_preset p;
  dv_npy rows;
  dv_error err = {""};
  if (!have_corpora()) skip();
  assert_int_equal(dv_preset_resolve("medleydb:17", CORPORA, &p, &err), DV_OK);
  assert_int_equal(dv_corpus_read(CORPORA "/medleydb/raw_params.npy", &rows, &err), DV_OK);
  const double* raw = rows.data + 17 * DV_PRESET_SIZE;
  assert_close(p.params.peak1.gain_db, raw[0], 1e-12, 0.0);
  assert_close(p.params.peak1.freq_hz, 33.0 + (5400.0 - 33.0) / (1.0 + exp(-raw[1])), 1e-12, 0.0);
  assert_close(p.params.reverb.output[1][5], raw[54], 1e-12, 0.0);
  assert_close(p.params.pan, 1.0 / (1.0 + exp(-raw[150])), 1e-12, 0.0);
  assert_close(p.params.log_damp, -0.01, 1e-12, 0.0);
  dv_npy_free(&rows);
}

typedef struct {
  size_t count, medleydb, internal;
  char first[64];
} listing;

static void count_entry(void* context, const char* spec, const char* comment)
{
  listing* l = context;
  if (!l->count++) snprintf(l->first, sizeof l->first, "%s", spec);
  l->medleydb += !strncmp(spec, "medleydb:", 9) && *comment;
  l->internal += !strncmp(spec, "internal:", 9);
}

static void test_list_has_every_row(void** state)
{
  (void)state;
  listing with = {0}, without = {0};
  dv_error err = {""};
  if (!have_corpora()) skip();
  unsetenv("DIFFVOX_CORPORA");
  assert_int_equal(dv_preset_list(NULL, count_entry, &without, &err), DV_OK);
  assert_int_equal(without.medleydb + without.internal, 0);
  assert_int_equal(dv_preset_list(CORPORA, count_entry, &with, &err), DV_OK);
  assert_int_equal(with.medleydb, 70);
  assert_int_equal(with.internal, 385);
  assert_int_equal(with.count, without.count + 455);
  setenv("DIFFVOX_CORPORA", CORPORA, 1);
  with = (listing){0};
  assert_int_equal(dv_preset_list(NULL, count_entry, &with, &err), DV_OK);
  assert_int_equal(with.medleydb, 70);
  unsetenv("DIFFVOX_CORPORA");
}

/* --- Foreign and broken ones ---------------------------------------------------------------------------------- */

static void expect_failure(const char* spec, const char* corpora, dv_status status, const char* fragment)
{
  dv_preset p;
  dv_error err = {""};
  const dv_status got = dv_preset_resolve(spec, corpora, &p, &err);
  if (got != status || !strstr(err.text, fragment))
    fail_msg("%s: status %d, \"%s\"; expected %d with \"%s\"", spec, got, err.text, status, fragment);
}

static void test_unknown_names_get_a_suggestion(void** state)
{
  (void)state;
  unsetenv("DIFFVOX_CORPORA");
  expect_failure("medleydb:3", NULL, DV_ERR_ARG, "give their folder with --corpora or DIFFVOX_CORPORA");
  expect_failure("internal:3", "no-such-folder", DV_ERR_IO, "no-such-folder/internal/raw_params.npy: cannot read");
  if (!have_corpora()) skip();
  expect_failure("medleydb:BigTroubles_Fantom", CORPORA, DV_ERR_ARG, "did you mean 'BigTroubles_Phantom'?");
  expect_failure("medleydb:Xyzzy", CORPORA, DV_ERR_ARG, "--list shows them");
  expect_failure("medleydb:", CORPORA, DV_ERR_ARG, "No track ''");
  expect_failure("medleydb:-1", CORPORA, DV_ERR_ARG, "No track '-1'");
  expect_failure("medleydb:70", CORPORA, DV_ERR_ARG, "has no row 70; its rows are 0 to 69");
  expect_failure("medleydb:LizNelson_Rainfall", CORPORA, DV_ERR_ARG, "has more than one row: ");
  expect_failure("internal:name", CORPORA, DV_ERR_ARG, "'name' is not a row, and the presets");
  expect_failure("internal:999999999999", CORPORA, DV_ERR_ARG, "is not a row");
  expect_failure("internal:385", CORPORA, DV_ERR_ARG, "its rows are 0 to 384");
}

static const char* write_rows(dv_temp* temp, const char* name, dv_npy_type type, size_t ndim, size_t rows,
                              size_t columns, double value)
{
  const size_t shape[3] = {ndim == 1 ? columns : rows, columns, 1};
  double* data = calloc(rows * columns + 1, sizeof *data);
  if (!data) abort();
  if (rows > 0) data[rows * columns - 1] = value;
  if (dv_npy_write(dv_temp_path(temp, name), type, ndim, shape, data, NULL)) abort();
  free(data);
  return temp->path;
}

static void test_npy_files_of_other_shapes_are_refused(void** state)
{
  dv_temp* t = *state;
  const char* not_rows = "is not an array of raw parameters: rows of 151 or 152";
  expect_failure(write_rows(t, "150.npy", DV_NPY_F4, 2, 2, 150, 0), NULL, DV_ERR_FORMAT, not_rows);
  expect_failure(write_rows(t, "none.npy", DV_NPY_F4, 2, 0, 151, 0), NULL, DV_ERR_FORMAT, not_rows);
  expect_failure(write_rows(t, "int.npy", DV_NPY_I8, 2, 2, 151, 0), NULL, DV_ERR_FORMAT, not_rows);
  expect_failure(write_rows(t, "bool.npy", DV_NPY_B1, 1, 1, 151, 0), NULL, DV_ERR_FORMAT, not_rows);
  expect_failure(write_rows(t, "3d.npy", DV_NPY_F8, 3, 1, 151, 0), NULL, DV_ERR_FORMAT, not_rows);
  expect_failure(write_rows(t, "nan.npy", DV_NPY_F8, 2, 3, 151, (double)NAN), NULL, DV_ERR_FORMAT,
                 "row 2, column 150 is not a finite number");
  expect_failure(dv_temp_file(t, "text.npy", "hello", 5), NULL, DV_ERR_FORMAT, "is not a .npy file");
  static const char fortran[] =
    "\x93NUMPY\x01\x00\x3c\x00{'descr': '<f4', 'fortran_order': True, 'shape': (2, 151), }\n";
  expect_failure(dv_temp_file(t, "fortran.npy", fortran, sizeof fortran - 1), NULL, DV_ERR_FORMAT, "Fortran order");
}

static void test_npy_rows_are_resolved(void** state)
{
  dv_temp* t = *state;
  char spec[600];
  dv_preset p;
  dv_error err = {""};
  snprintf(spec, sizeof spec, "%s:1", write_rows(t, "two.npy", DV_NPY_F8, 2, 2, 151, 2.0));
  if (dv_preset_resolve(spec, NULL, &p, &err)) fail_msg("%s", err.text);
  assert_string_equal(p.name, "two.npy:1");
  assert_close(p.params.pan, 1.0 / (1.0 + exp(-2.0)), 1e-14, 0.0);
  assert_close(p.params.log_damp, -0.01, 1e-12, 0.0);
  if (dv_preset_resolve(write_rows(t, "one.npy", DV_NPY_F4, 1, 1, 152, 1.0), NULL, &p, &err)) fail_msg("%s", err.text);
  assert_close(p.params.pan, 0.5, 0.0, 0.0);
  assert_close(p.params.log_damp, -log1p(exp(1.0)), 1e-14, 0.0);
  snprintf(spec, sizeof spec, "%s/two.npy:2", t->dir);
  expect_failure(spec, NULL, DV_ERR_ARG, "two.npy: has no row 2; its rows are 0 to 1");
  snprintf(spec, sizeof spec, "%s/two.npy:x", t->dir);
  expect_failure(spec, NULL, DV_ERR_ARG, "'x' is not a row; write FILE.npy:ROW");
  snprintf(spec, sizeof spec, "%s/two.npy:", t->dir);
  expect_failure(spec, NULL, DV_ERR_ARG, "'' is not a row");
}

static void test_npy_values_out_of_range_name_their_row(void** state)
{
  dv_temp* t = *state;
  dv_npy rows;
  dv_chain_params params;
  dv_error err = {""};
  double raw[2 * DV_PRESET_SIZE] = {0};
  const size_t shape[2] = {2, DV_PRESET_SIZE};
  raw[DV_PRESET_SIZE] = 1e4; /* gain of the first peak */
  assert_int_equal(dv_npy_write(dv_temp_path(t, "loud.npy"), DV_NPY_F8, 2, shape, raw, &err), DV_OK);
  assert_int_equal(dv_corpus_read(t->path, &rows, &err), DV_OK);
  assert_int_equal(dv_corpus_row(&rows, 0, "loud", &params, &err), DV_OK);
  assert_int_equal(dv_corpus_row(&rows, 1, "loud", &params, &err), DV_ERR_ARG);
  assert_non_null(strstr(err.text, "loud: row 1: peak1.gain_db"));
  dv_npy_free(&rows);
}

static void test_broken_track_lists_are_refused(void** state)
{
  dv_temp* t = *state;
  assert_int_equal(mkdir(dv_temp_path(t, "medleydb"), 0755), 0);
  write_rows(t, "medleydb/raw_params.npy", DV_NPY_F4, 2, 2, 151, 0);
  expect_failure("medleydb:A", t->dir, DV_ERR_ARG, "'A' is not a row, and the presets of this corpus have no names");
  dv_temp_file(t, "medleydb/tracks.json", "{}", 2);
  expect_failure("medleydb:0", t->dir, DV_ERR_FORMAT, "is not a JSON list of tracks");
  dv_temp_file(t, "medleydb/tracks.json", "[", 1);
  expect_failure("medleydb:0", t->dir, DV_ERR_FORMAT, "is not a JSON list of tracks");
  static const char strange[] = "[5, {}, {\"row\": -1, \"track\": \"A\"}, {\"row\": \"0\", \"track\": 7}, "
                                "{\"row\": 9, \"track\": \"Far\"}]";
  dv_temp_file(t, "medleydb/tracks.json", strange, sizeof strange - 1);
  expect_failure("medleydb:A", t->dir, DV_ERR_ARG, "No track 'A'");
  expect_failure("medleydb:Far", t->dir, DV_ERR_ARG, "has no row 9");
  dv_preset p;
  assert_int_equal(dv_preset_resolve("medleydb:0", t->dir, &p, NULL), DV_OK);
  assert_string_equal(p.name, "medleydb:0");
}

static void test_tracks_are_read_from_the_published_list_too(void** state)
{
  static const char info[] = "{\"runs\": [], \"dry_files\": [\"/a/b/Song_RAW_01_01.wav\", \"/a/Other_RAW_02_01.wav\"],"
                             " \"wet_files\": [\"/a/b/Song_STEM_01.wav\", \"/a/Other_STEM_02.wav\"]}";
  dv_temp* t = *state;
  dv_preset p;
  dv_error err = {""};
  char corpora[600];
  snprintf(corpora, sizeof corpora, "%s/published", t->dir);
  assert_int_equal(mkdir(corpora, 0755), 0);
  assert_int_equal(mkdir(dv_temp_path(t, "published/medleydb"), 0755), 0);
  write_rows(t, "published/medleydb/raw_params.npy", DV_NPY_F4, 2, 2, 151, 0);
  dv_temp_file(t, "published/medleydb/info.json", info, sizeof info - 1);
  if (dv_preset_resolve("medleydb:Other", corpora, &p, &err)) fail_msg("%s", err.text);
  assert_string_equal(p.name, "medleydb:1 Other");
  assert_string_equal(dv_preset_find_note(&p, "dry")->text, "Other_RAW_02_01.wav");
  assert_int_equal(dv_preset_resolve("medleydb:song_stem_01", corpora, &p, &err), DV_OK);
  assert_string_equal(p.name, "medleydb:0 Song");
}

static void test_files_and_folders_are_resolved(void** state)
{
  dv_temp* t = *state;
  dv_preset p, q;
  dv_error err = {""};
  dv_preset_init(&p);
  dv_preset_set_text(p.name, sizeof p.name, "Mine");
  assert_int_equal(mkdir(dv_temp_path(t, "run"), 0755), 0);
  assert_int_equal(dv_preset_write(dv_temp_path(t, "run/preset.json"), &p, &err), DV_OK);
  assert_int_equal(dv_preset_resolve(dv_temp_path(t, "run/preset.json"), NULL, &q, &err), DV_OK);
  assert_string_equal(q.name, "Mine");
  assert_int_equal(dv_preset_resolve(dv_temp_path(t, "run"), NULL, &q, &err), DV_OK);
  assert_string_equal(q.name, "Mine");
  expect_failure("absent.json", NULL, DV_ERR_IO, "absent.json: cannot read: No such file");
  expect_failure(t->dir, NULL, DV_ERR_IO, "preset.json: cannot read: No such file");
  expect_failure("", NULL, DV_ERR_ARG, "No preset ''");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_published_preset_survives_its_file),
    cmocka_unit_test(test_corpora_are_resolved_by_row_track_and_stem),
    cmocka_unit_test(test_corpus_row_has_the_published_values),
    cmocka_unit_test(test_list_has_every_row),
    cmocka_unit_test(test_unknown_names_get_a_suggestion),
    cmocka_unit_test(test_npy_files_of_other_shapes_are_refused),
    cmocka_unit_test(test_npy_rows_are_resolved),
    cmocka_unit_test(test_npy_values_out_of_range_name_their_row),
    cmocka_unit_test(test_broken_track_lists_are_refused),
    cmocka_unit_test(test_tracks_are_read_from_the_published_list_too),
    cmocka_unit_test(test_files_and_folders_are_resolved),
  };
  return cmocka_run_group_tests_name("corpus", tests, dv_temp_setup, dv_temp_teardown);
}
