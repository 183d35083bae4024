/* SPDX-License-Identifier: MIT */
/* Losses over many tracks: what is computed, and diffvox-eval as a user runs it on fits made here.
   usage: test_evaluate PATH_OF_DIFFVOX_EVAL PATH_OF_DIFFVOX_FIT PATH_OF_BENCH_LEADERBOARD */
#include "datasets/npy.h"
#include "dsp/render.h"
#include "estimator/evaluate.h"
#include "presets/draw.h"
#include "presets/levels.h"
#include "presets/nearest.h"
#include "support/dv_cli.h"

#include <jansson.h>

enum { EVAL, FIT, LEADERBOARD, PROGRAMS, FRAMES = 26460, OUTPUT_SIZE = 1 << 16 };

static const char* programs[PROGRAMS]; /* set once by main */

/* --- Numbers ---------------------------------------------------------------------------------------------------- */

static void test_between_gains_the_chain_sounds_the_same(void** state)
{
  enum { N = 8000 };
  static float x[N], soft[N], a[2][N], b[2][N];
  (void)state;
  dv_preset preset;
  dv_chain_params moved;
  uint64_t seed = 3;
  dv_preset_init(&preset);
  preset.params.delay.delay_ms = 100.0;
  for (int i = 0; i < N; ++i) {
    x[i] = (float)(0.3 * dv_rand(&seed));
    soft[i] = (float)((double)x[i] * pow(10.0, -7.0 / 20.0));
  }
  assert_int_equal(dv_preset_between(&preset, -7.0, 4.0, &moved, NULL), DV_OK);
  assert_int_equal(dv_render(&preset.params, 44100.0, x, N, 0, a[0], a[1], NULL, NULL, NULL), DV_OK);
  assert_int_equal(dv_render(&moved, 44100.0, soft, N, 0, b[0], b[1], NULL, NULL, NULL), DV_OK);
  const double gain = pow(10.0, 4.0 / 20.0);
  for (int c = 0; c < 2; ++c)
    for (int i = 0; i < N; ++i) assert_close(gain * (double)b[c][i], (double)a[c][i], 1e-4, 1e-5);
}

static void test_between_gains_out_of_range_is_refused(void** state)
{
  (void)state;
  dv_preset preset;
  dv_chain_params moved;
  dv_error err = {""};
  dv_preset_init(&preset);
  assert_int_equal(dv_preset_between(&preset, 90.0, 0.0, &moved, &err), DV_ERR_ARG);
  assert_non_null(strstr(err.text, "threshold"));
}

static void test_nearest_has_the_smallest_mean_square_and_another_name(void** state)
{
  (void)state;
  double rows[3][DV_EFFECTIVE_COUNT] = {{0}}, target[DV_EFFECTIVE_COUNT] = {0}, mse;
  dv_collection_entry entries[3] = {{.name = "own"}, {.name = "near"}, {.name = "far"}};
  const dv_collection corpus = {.count = 3, .effective = rows[0], .entries = entries};
  rows[1][7] = 2.0;
  for (int k = 0; k < DV_EFFECTIVE_COUNT; ++k) rows[2][k] = 0.5;
  assert_int_equal(dv_collection_nearest(&corpus, target, NULL, &mse), 0);
  assert_close(mse, 0.0, 0.0, 0.0);
  assert_int_equal(dv_collection_nearest(&corpus, target, "own", &mse), 1);
  assert_close(mse, 4.0 / DV_EFFECTIVE_COUNT, 1e-12, 0.0);
  const dv_collection only = {.count = 1, .effective = rows[0], .entries = entries};
  assert_int_equal(dv_collection_nearest(&only, target, "own", NULL), 1);
}

static void test_statistics_leave_unknown_values_out(void** state)
{
  (void)state;
  const double values[] = {3.0, (double)NAN, 1.0, 8.0, (double)NAN};
  dv_eval_statistic s;
  assert_int_equal(dv_eval_statistic_of(values, 5, &s, NULL), DV_OK);
  assert_int_equal(s.count, 3);
  assert_close(s.mean.value, 4.0, 1e-15, 0.0);
  assert_close(s.median.value, 3.0, 1e-15, 0.0);
  assert_true(s.mean.low >= 1.0 && s.mean.low < 4.0 && s.mean.high > 4.0 && s.mean.high <= 8.0);
  assert_int_equal(dv_eval_statistic_of(values + 1, 1, &s, NULL), DV_OK);
  assert_int_equal(s.count, 0);
  assert_true(isnan(s.mean.value) && isnan(s.median.low));
}

static void test_statistics_of_one_value_are_that_value(void** state)
{
  (void)state;
  const double value = 0.25;
  dv_eval_statistic s;
  assert_int_equal(dv_eval_statistic_of(&value, 1, &s, NULL), DV_OK);
  const dv_eval_estimate* estimates[] = {&s.mean, &s.median};
  for (int i = 0; i < 2; ++i) {
    assert_close(estimates[i]->value, 0.25, 0.0, 0.0);
    assert_close(estimates[i]->low, 0.25, 0.0, 0.0);
    assert_close(estimates[i]->high, 0.25, 0.0, 0.0);
  }
}

/* Of a normal sample the mean's interval is 1.96 standard errors to either side, the median's 1.2533 times that. */
static void test_intervals_of_a_normal_sample_have_their_width(void** state)
{
  enum { N = 400 };
  (void)state;
  double values[N], sum = 0.0, squares = 0.0;
  uint64_t random = 11;
  for (int i = 0; i < N; ++i) {
    values[i] = dv_draw_normal(&random);
    sum += values[i];
    squares += values[i] * values[i];
  }
  dv_eval_statistic s;
  assert_int_equal(dv_eval_statistic_of(values, N, &s, NULL), DV_OK);
  const double error = sqrt((squares - sum * sum / N) / (N - 1) / N);
  assert_close(s.mean.value, sum / N, 1e-12, 1e-14);
  assert_close(s.mean.high - s.mean.low, 2 * 1.96 * error, 0.07, 0.0);
  assert_close(s.median.high - s.median.low, 2 * 1.96 * 1.2533 * error, 0.3, 0.0);
}

/* --- The tool --------------------------------------------------------------------------------------------------- */

static void expect(dv_temp* t, int program, const char* args, int status, const char* fragment)
{
  dv_cli_expect(t, programs[program], args, status, fragment);
}

/* What it prints on standard output, as JSON; decref it. */
static json_t* eval_json(dv_temp* t, const char* args, int status)
{
  char command[2048], *output = malloc(OUTPUT_SIZE);
  json_error_t cause;
  assert_non_null(output);
  snprintf(command, sizeof command, "'%s' %s --json -q 2>/dev/null", programs[EVAL], args);
  assert_int_equal(dv_cli_shell(t, command, output, OUTPUT_SIZE), status);
  json_t* root = json_loads(output, 0, &cause);
  if (!root) fail_msg("%s: %s", args, cause.text);
  free(output);
  return root;
}

static const json_t* find_track(const json_t* root, const char* list, const char* id)
{
  const json_t* tracks = json_object_get(root, list);
  for (size_t i = 0; i < json_array_size(tracks); ++i)
    if (!strcmp(json_string_value(json_object_get(json_array_get(tracks, i), "id")), id))
      return json_array_get(tracks, i);
  fail_msg("no %s among %s", id, list);
  return NULL;
}

static double number(const json_t* object, const char* key)
{
  const json_t* value = json_object_get(object, key);
  if (!json_is_number(value)) fail_msg("no number '%s'", key);
  return json_number_value(value);
}

static const json_t* scores(const json_t* root, const char* id, const char* method)
{
  return json_object_get(json_object_get(find_track(root, "tracks", id), "scores"), method);
}

/* Stems, and fits of some of them with all that an evaluation has to know of a fit. */
static int make_runs(void** state)
{
  static const char manifest[] =
    "{\"id\": \"plain\", \"dry\": \"dry.wav\", \"wet\": \"wet.wav\"}\n"
    "{\"id\": \"published\", \"dry\": \"dry.wav\", \"wet\": \"wet.wav\", \"has_bleed\": true}\n"
    "{\"id\": \"given\", \"dry\": \"dry.wav\", \"wet\": \"wet.wav\", \"why\": \"a lag\"}\n"
    "{\"id\": \"absent\", \"dry\": \"dry.wav\", \"wet\": \"wet.wav\"}\n";
  if (dv_temp_setup(state)) return -1;
  dv_temp* t = *state;
  dv_cli_voice(t, "dry.wav", 1, FRAMES, 44100.0);
  dv_cli_voice(t, "wet.wav", 2, FRAMES, 44100.0);
  dv_temp_file(t, "pairs.jsonl", manifest, strlen(manifest));
  if (mkdir(dv_temp_path(t, "runs"), 0755)) return -1;
  expect(t, FIT, "dry.wav wet.wav -q -n 2 -o runs/plain", 0, "");
  expect(t, FIT, "dry.wav wet.wav -q -n 2 -o runs/published --reference", 0, "");
  expect(t, FIT, "dry.wav wet.wav -q -n 2 -o runs/given --align 40 --invert --lufs off", 0, "");
  return 0;
}

static void test_wrong_usage_exits_with_2(void** state)
{
  expect(*state, EVAL, "", 2, "wants one folder of fits");
  expect(*state, EVAL, "runs", 2, "--manifest FILE");
  expect(*state, EVAL, "runs more --manifest pairs.jsonl", 2, "wants one folder of fits");
  expect(*state, EVAL, "runs --manifest pairs.jsonl -j 0", 2, "--threads wants 1 to 1024, not 0");
  expect(*state, EVAL, "runs --manifest pairs.jsonl -o ''", 2, "--output wants a file");
  expect(*state, EVAL, "--what", 2, "see diffvox-eval --help");
  expect(*state, EVAL, "--help", 0, "usage: diffvox-eval");
  expect(*state, EVAL, "--version", 0, "diffvox-eval ");
}

static void test_losses_are_those_that_the_fit_told(void** state)
{
  static const char* const ids[] = {"plain", "published", "given"};
  dv_temp* t = *state;
  json_t* root = eval_json(t, "runs --manifest pairs.jsonl", 0);
  for (size_t i = 0; i < sizeof ids / sizeof *ids; ++i) {
    char name[64];
    snprintf(name, sizeof name, "runs/%s/run.json", ids[i]);
    json_t* run = json_load_file(dv_temp_path(t, name), 0, NULL);
    const json_t* told = json_object_get(run, "losses");
    for (int k = 0; k < DV_EVAL_MEASURES - 1; ++k) {
      const char* measure = dv_eval_measure_names[k];
      assert_close(number(scores(root, ids[i], "fitted"), measure), number(json_object_get(told, "fitted"), measure),
                   1e-8, 0.0);
      assert_close(number(scores(root, ids[i], "unprocessed"), measure),
                   number(json_object_get(told, "unprocessed"), measure), 1e-8, 0.0);
    }
    json_decref(run);
  }
  json_decref(root);
}

static void test_tracks_without_a_fit_are_listed(void** state)
{
  dv_temp* t = *state;
  expect(t, EVAL, "runs --manifest pairs.jsonl", 0, "without a fit:\n  absent: ");
  json_t* root = eval_json(t, "runs --manifest pairs.jsonl", 0);
  assert_int_equal(json_array_size(json_object_get(root, "tracks")), 3);
  find_track(root, "missing", "absent");
  json_decref(root);
  expect(t, EVAL, ". --manifest pairs.jsonl", 1, "no fit of any track");
}

static void test_interrupted_fits_do_not_count(void** state)
{
  dv_temp* t = *state;
  expect(t, FIT, "dry.wav wet.wav -q -n 100000 -o runs/absent --checkpoint-seconds 0 & sleep 1; kill -INT $!; wait $!",
         130, "");
  expect(t, EVAL, "runs --manifest pairs.jsonl", 0, "absent: runs/absent: interrupted; diffvox-fit --resume goes on");
  assert_int_equal(dv_cli_shell(t, "rm -r runs/absent", (char[64]){""}, 64), 0);
}

static void test_scores_do_not_depend_on_threads(void** state)
{
  char output[256];
  expect(*state, EVAL, "runs --manifest pairs.jsonl -o one.csv -j 1", 0, "fitted preset");
  expect(*state, EVAL, "runs --manifest pairs.jsonl -o three.csv -j 3", 0, "3 of 4 tracks");
  assert_int_equal(dv_cli_shell(*state, "cmp one.csv three.csv && head -2 one.csv", output, sizeof output), 0);
  assert_non_null(strstr(output, "id,has_bleed,method,preset,mss_lr,mss_ms,mldr_lr,mldr_ms,total,preset_mse\n"
                                 "plain,0,fitted,runs/plain/preset.json,"));
}

static void test_a_track_that_fails_leaves_the_others(void** state)
{
  static const char more[] = "{\"id\": \"plain\", \"dry\": \"dry.wav\", \"wet\": \"wet.wav\"}\n"
                             "{\"id\": \"gone\", \"dry\": \"nowhere.wav\", \"wet\": \"wet.wav\"}\n"
                             "{\"id\": \"damaged\", \"dry\": \"dry.wav\", \"wet\": \"wet.wav\"}\n"
                             "{\"id\": \"odd\", \"dry\": \"dry.wav\", \"wet\": \"wet.wav\"}\n";
  dv_temp* t = *state;
  char output[4096];
  dv_temp_file(t, "more.jsonl", more, strlen(more));
  assert_int_equal(dv_cli_shell(t,
                                "for id in gone odd damaged; do cp -r runs/plain runs/$id; done\n"
                                "echo '{' >runs/damaged/preset.json; echo '{\"options\": 3}' >runs/odd/run.json",
                                output, sizeof output),
                   0);
  expect(t, EVAL, "runs --manifest more.jsonl -o some.csv", 1, "3 of 4 tracks failed");
  json_t* root = eval_json(t, "runs --manifest more.jsonl", 1);
  const char* reason = json_string_value(json_object_get(find_track(root, "failed", "gone"), "reason"));
  assert_non_null(strstr(reason, "nowhere.wav"));
  find_track(root, "failed", "damaged");
  find_track(root, "failed", "odd");
  json_decref(root);
  assert_int_equal(
    dv_cli_shell(t, "rm -r runs/gone runs/odd runs/damaged; grep -c '^plain,' some.csv; grep -c gone some.csv", output,
                 sizeof output),
    1);
  assert_string_equal(output, "3\n0\n");
}

static void test_unwritable_scores_are_found_before_the_work(void** state)
{
  expect(*state, EVAL, "runs --manifest pairs.jsonl -o nowhere/scores.csv", 1, "nowhere/scores.csv");
  expect(*state, EVAL, "runs --manifest nowhere.jsonl", 1, "nowhere.jsonl");
  expect(*state, EVAL, "nowhere --manifest pairs.jsonl", 1, "nowhere");
  expect(*state, EVAL, "runs --manifest pairs.jsonl --nearest nowhere", 1, "nowhere");
}

static void test_nearest_is_another_track_of_the_corpus(void** state)
{
  json_t* root = eval_json(*state, "runs --manifest pairs.jsonl --nearest runs", 0);
  const json_t* nearest = scores(root, "plain", "nearest");
  const char* preset = json_string_value(json_object_get(nearest, "preset"));
  assert_true(!strcmp(preset, "runs:published") || !strcmp(preset, "runs:given"));
  assert_true(number(nearest, "preset_mse") > 0.0);
  json_decref(root);
}

/* Rows have no gains: they are of stems at the model's loudness, as the fit of "plain" was. */
static void test_rows_are_known_by_the_names_beside_them(void** state)
{
  static const char names[] = "[{\"row\": 0, \"track\": \"plain\"}, {\"row\": 1, \"track\": \"twice\"}, "
                              "{\"row\": 2, \"track\": \"twice\"}]";
  const size_t shape[] = {3, DV_PRESET_SIZE};
  double rows[3 * DV_PRESET_SIZE] = {0}, raw[DV_PARAM_COUNT];
  dv_temp* t = *state;
  dv_preset preset;
  assert_int_equal(dv_preset_read(dv_temp_path(t, "runs/plain/preset.json"), &preset, NULL), DV_OK);
  assert_int_equal(dv_params_to_raw(&preset.params, raw, NULL), DV_OK);
  memcpy(rows, raw, DV_PRESET_SIZE * sizeof *rows);
  assert_int_equal(mkdir(dv_temp_path(t, "rows"), 0755), 0);
  assert_int_equal(dv_npy_write(dv_temp_path(t, "rows/raw_params.npy"), DV_NPY_F8, 2, shape, rows, NULL), DV_OK);
  dv_temp_file(t, "rows/tracks.json", names, strlen(names));
  json_t *root = eval_json(t, "rows --manifest pairs.jsonl", 0), *runs = eval_json(t, "runs --manifest pairs.jsonl", 0);
  assert_close(number(scores(root, "plain", "fitted"), "total"), number(scores(runs, "plain", "fitted"), "total"), 1e-6,
               0.0);
  assert_int_equal(json_array_size(json_object_get(root, "missing")), 3);
  json_decref(root);
  json_decref(runs);
}

/* A folder of presets instead of fits; made for the files as they are, which are not at the model's loudness. */
static void test_true_presets_have_hardly_any_loss(void** state)
{
  dv_temp* t = *state;
  char output[512];
  dv_cli_voice(t, "voice.wav", 1, 4 * FRAMES, 44100.0);
  expect(t, LEADERBOARD, "make corpus voice.wav --pairs 2 --seconds 1", 0, "corpus/manifest.jsonl: 2 pairs");
  assert_int_equal(
    dv_cli_shell(t, "mkdir true; for p in corpus/0*; do cp $p/truth.json true/$(basename $p).json; done", output, 512),
    0);
  json_t* root = eval_json(t, "true --manifest corpus/manifest.jsonl", 0);
  const json_t* tracks = json_object_get(root, "tracks");
  assert_int_equal(json_array_size(tracks), 2);
  for (size_t i = 0; i < json_array_size(tracks); ++i) {
    const json_t* s = json_object_get(json_array_get(tracks, i), "scores");
    assert_true(number(json_object_get(s, "fitted"), "total") < 0.1);
    assert_true(number(json_object_get(s, "unprocessed"), "total") > 0.5);
    assert_close(number(json_object_get(s, "true"), "total"), number(json_object_get(s, "fitted"), "total"), 1e-9, 0.0);
    assert_close(number(json_object_get(s, "true"), "preset_mse"), 0.0, 0.0, 1e-12);
  }
  json_decref(root);
}

static void test_leaderboard_is_reproducible(void** state)
{
  dv_temp* t = *state;
  char output[512];
  expect(t, LEADERBOARD, "make again voice.wav --pairs 2 --seconds 1", 0, "2 pairs");
  assert_int_equal(dv_cli_shell(t, "diff -r corpus again", output, sizeof output), 0);
  expect(t, LEADERBOARD, "make long voice.wav --seconds 100", 1, "no voice of 100.0 s");
  expect(t, LEADERBOARD, "make", 2, "wants 'make FOLDER'");
}

static void test_leaderboard_finds_no_error_in_the_truth(void** state)
{
  dv_temp* t = *state;
  char command[1024], *output = malloc(OUTPUT_SIZE);
  assert_non_null(output);
  snprintf(command, sizeof command, "'%s' table corpus/manifest.jsonl true --sensitivity 0 --json",
           programs[LEADERBOARD]);
  assert_int_equal(dv_cli_shell(t, command, output, OUTPUT_SIZE), 0);
  json_t* root = json_loads(output, 0, NULL);
  const json_t* rows = json_object_get(root, "rows");
  assert_int_equal(number(root, "pairs"), 2);
  assert_true(json_array_size(rows) > 50);
  for (size_t i = 0; i < json_array_size(rows); ++i) {
    const json_t* row = json_array_get(rows, i);
    if (number(row, "pairs") > 0.0) assert_close(number(row, "high_90"), 0.0, 0.0, 1e-6);
  }
  json_decref(root);
  free(output);
}

int main(int argc, char** argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_between_gains_the_chain_sounds_the_same),
    cmocka_unit_test(test_between_gains_out_of_range_is_refused),
    cmocka_unit_test(test_nearest_has_the_smallest_mean_square_and_another_name),
    cmocka_unit_test(test_statistics_leave_unknown_values_out),
    cmocka_unit_test(test_statistics_of_one_value_are_that_value),
    cmocka_unit_test(test_intervals_of_a_normal_sample_have_their_width),
    cmocka_unit_test(test_wrong_usage_exits_with_2),
    cmocka_unit_test(test_losses_are_those_that_the_fit_told),
    cmocka_unit_test(test_tracks_without_a_fit_are_listed),
    cmocka_unit_test(test_interrupted_fits_do_not_count),
    cmocka_unit_test(test_scores_do_not_depend_on_threads),
    cmocka_unit_test(test_a_track_that_fails_leaves_the_others),
    cmocka_unit_test(test_unwritable_scores_are_found_before_the_work),
    cmocka_unit_test(test_nearest_is_another_track_of_the_corpus),
    cmocka_unit_test(test_rows_are_known_by_the_names_beside_them),
    cmocka_unit_test(test_true_presets_have_hardly_any_loss),
    cmocka_unit_test(test_leaderboard_is_reproducible),
    cmocka_unit_test(test_leaderboard_finds_no_error_in_the_truth),
  };
  if (argc != 1 + PROGRAMS) {
    fputs("usage: test_evaluate PATH_OF_DIFFVOX_EVAL PATH_OF_DIFFVOX_FIT PATH_OF_BENCH_LEADERBOARD\n", stderr);
    return 2;
  }
  for (int p = 0; p < PROGRAMS; ++p) programs[p] = realpath(argv[1 + p], NULL);
  unsetenv("DIFFVOX_CORPORA"); /* what it names is not for these tests */
  return cmocka_run_group_tests_name("evaluate", tests, make_runs, dv_temp_teardown);
}
