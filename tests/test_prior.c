/* SPDX-License-Identifier: MIT */
#include "presets/draw.h"
#include "presets/pca.h"
#include "presets/preset.h"
#include "presets/prior.h"
#include "presets/prior_table.h"
#include "support/dv_temp.h"
#include "support/dv_test.h"

enum { SIZE = DV_EFFECTIVE_COUNT };

/* The shipped prior, read once. */
static dv_prior shipped;

static int read_shipped(void** state)
{
  dv_error err;
  if (dv_prior_resolve("internal", &shipped, &err)) fail_msg("%s", err.text);
  return dv_temp_setup(state);
}

static void mean_raw(double raw[DV_PARAM_COUNT]) { dv_effective_to_raw(shipped.mean, raw); }

/* --- The effective parameters -------------------------------------------------------------------------------- */

static void test_effective_indices_are_those_that_act(void** state)
{
  (void)state;
  int k = 0;
  for (int i = 0; i < DV_PARAM_COUNT; ++i)
    if (dv_parameter_effective(i)) assert_int_equal(dv_effective_index(k++), i);
  assert_int_equal(k, SIZE);
}

static void test_effective_values_survive_the_way_to_raw_and_back(void** state)
{
  (void)state;
  double in[SIZE], out[SIZE], raw[DV_PARAM_COUNT];
  dv_chain_params params;
  uint64_t seed = 4;
  for (int k = 0; k < SIZE; ++k) in[k] = dv_draw_normal(&seed);
  dv_effective_to_raw(in, raw);
  dv_effective_from_raw(raw, out);
  assert_memory_equal(in, out, sizeof in);
  dv_params_from_raw(raw, &params);
  assert_close(params.log_damp, -0.01, 1e-12, 0.0);
}

/* --- The shipped prior --------------------------------------------------------------------------------------- */

static void test_shipped_prior_is_that_of_365_presets(void** state)
{
  (void)state;
  double trace = 0.0;
  for (int k = 0; k < SIZE; ++k) trace += shipped.covariance[k][k];
  assert_int_equal(shipped.presets, 365);
  assert_int_equal(shipped.components, SIZE);
  assert_close(trace, 566.072, 0.0, 5e-4);
  assert_close(shipped.variance[0], 78.4443, 0.0, 5e-5);
  assert_close(shipped.variance[1], 55.0260, 0.0, 5e-5);
  assert_close(shipped.variance[2], 46.5521, 0.0, 5e-5);
}

static void test_compiled_table_agrees_with_the_file(void** state)
{
  (void)state;
  const dv_prior_table* t = &dv_prior_internal;
  assert_int_equal(t->presets, shipped.presets);
  for (int k = 0; k < SIZE; ++k) {
    assert_close(t->mean[k], shipped.mean[k], 1e-15, 0.0);
    assert_close(t->deviation[k], sqrt(shipped.covariance[k][k]), 1e-15, 0.0);
  }
  for (int i = 0; i < DV_PRIOR_TABLE_COMPONENTS; ++i) {
    assert_close(t->sigma[i], sqrt(shipped.variance[i]), 1e-15, 0.0);
    for (int k = 0; k < SIZE; ++k) assert_close(t->component[i][k], shipped.component[i][k], 1e-15, 1e-300);
  }
}

/* --- Moves --------------------------------------------------------------------------------------------------- */

static void test_a_move_is_along_its_component(void** state)
{
  (void)state;
  double raw[DV_PARAM_COUNT], effective[SIZE], scores[SIZE];
  mean_raw(raw);
  dv_prior_move(&shipped, 2, 1.5, raw);
  dv_effective_from_raw(raw, effective);
  dv_prior_whiten(&shipped, effective, scores);
  for (int i = 0; i < SIZE; ++i) assert_close(scores[i], i == 2 ? 1.5 : 0.0, 0.0, 1e-9);
}

static void test_table_and_prior_move_alike(void** state)
{
  (void)state;
  static const double amounts[] = {3.0, -2.0, 0.5, 1.0};
  double a[DV_PARAM_COUNT], b[DV_PARAM_COUNT];
  mean_raw(a);
  mean_raw(b);
  dv_prior_table_move(&dv_prior_internal, amounts, 4, a);
  for (size_t i = 0; i < 4; ++i) dv_prior_move(&shipped, i, amounts[i], b);
  for (int i = 0; i < DV_PARAM_COUNT; ++i) assert_close(a[i], b[i], 1e-12, 1e-12);
}

static void test_no_move_changes_nothing(void** state)
{
  (void)state;
  static const double none[4] = {0};
  dv_preset preset;
  double before[DV_PARAM_COUNT], after[DV_PARAM_COUNT];
  dv_preset_init(&preset);
  assert_int_equal(dv_params_to_raw(&preset.params, before, NULL), DV_OK);
  memcpy(after, before, sizeof after);
  dv_prior_table_move(&dv_prior_internal, none, 4, after);
  assert_memory_equal(before, after, sizeof before);
}

/* The macros of a plugin reach 3 standard deviations, all at once. */
static void test_macros_at_their_ends_give_presets(void** state)
{
  (void)state;
  for (int corner = 0; corner < 16; ++corner) {
    double raw[DV_PARAM_COUNT], amounts[4];
    dv_chain_params params;
    for (int i = 0; i < 4; ++i) amounts[i] = corner >> i & 1 ? 3.0 : -3.0;
    mean_raw(raw);
    dv_prior_table_move(&dv_prior_internal, amounts, 4, raw);
    dv_params_from_raw(raw, &params);
    dv_error err;
    if (dv_params_check(&params, &err)) fail_msg("%s", err.text);
  }
}

static void test_clamp_holds_what_has_no_bounded_map(void** state)
{
  (void)state;
  double raw[DV_PARAM_COUNT] = {0};
  dv_chain_params params;
  for (int i = 0; i < DV_PARAM_COUNT; ++i) raw[i] = i % 2 ? 1e4 : -1e4;
  raw[DV_PRESET_SIZE] = -4.0;
  dv_raw_clamp(raw);
  dv_params_from_raw(raw, &params);
  assert_int_equal(dv_params_check(&params, NULL), DV_OK);
}

/* --- Samples and density ------------------------------------------------------------------------------------- */

static void test_samples_have_the_mean_and_variance(void** state)
{
  (void)state;
  enum { DRAWS = 4000 };
  double sum[SIZE] = {0}, square[SIZE] = {0};
  uint64_t seed = 12;
  for (int d = 0; d < DRAWS; ++d) {
    double raw[DV_PARAM_COUNT], effective[SIZE], scores[SIZE];
    dv_prior_sample(&shipped, &seed, raw);
    dv_effective_from_raw(raw, effective);
    dv_prior_whiten(&shipped, effective, scores);
    for (int i = 0; i < SIZE; ++i) {
      sum[i] += scores[i] / DRAWS;
      square[i] += scores[i] * scores[i] / DRAWS;
    }
  }
  for (int i = 0; i < SIZE; ++i) { /* 4.5 standard errors: 260 numbers are looked at */
    assert_close(sum[i], 0.0, 0.0, 4.5 / sqrt(DRAWS));
    assert_close(square[i], 1.0, 0.0, 4.5 * sqrt(2.0 / DRAWS));
  }
}

static void test_samples_repeat_with_the_seed(void** state)
{
  (void)state;
  double a[DV_PARAM_COUNT], b[DV_PARAM_COUNT];
  uint64_t first = 77, second = 77;
  dv_prior_sample(&shipped, &first, a);
  dv_prior_sample(&shipped, &second, b);
  assert_memory_equal(a, b, sizeof a);
  dv_prior_sample(&shipped, &second, b);
  assert_memory_not_equal(a, b, sizeof a);
}

static void test_gradient_of_the_density(void** state)
{
  (void)state;
  double x[SIZE], gradient[SIZE] = {0};
  uint64_t seed = 3;
  for (int k = 0; k < SIZE; ++k) x[k] = shipped.mean[k] + 0.1 * dv_draw_normal(&seed);
  dv_prior_log_density(&shipped, x, 0.5, gradient);
  for (int k = 0; k < SIZE; k += 13) {
    const double step = 1e-4, at = x[k];
    x[k] = at + step;
    const double above = dv_prior_log_density(&shipped, x, 0.0, NULL);
    x[k] = at - step;
    const double below = dv_prior_log_density(&shipped, x, 0.0, NULL);
    x[k] = at;
    assert_close(gradient[k], 0.5 * (above - below) / (2.0 * step), 1e-6, 1e-7);
  }
}

static void test_density_at_the_mean_is_the_normal_constant(void** state)
{
  (void)state;
  double constant = 0.0;
  for (int i = 0; i < SIZE; ++i) constant -= 0.5 * log(2.0 * 3.141592653589793 * shipped.variance[i]);
  assert_close(dv_prior_log_density(&shipped, shipped.mean, 1.0, NULL), constant, 1e-12, 0.0);
}

/* --- Few presets --------------------------------------------------------------------------------------------- */

static void estimate_of_five(dv_prior* prior, double rows[5 * SIZE])
{
  uint64_t seed = 8;
  dv_error err;
  for (int i = 0; i < 5 * SIZE; ++i) rows[i] = dv_draw_normal(&seed);
  if (dv_prior_estimate(rows, 5, "five", prior, &err)) fail_msg("%s", err.text);
}

static void test_samples_of_few_presets_stay_in_their_space(void** state)
{
  (void)state;
  static dv_prior prior;
  static double rows[5 * SIZE];
  double raw[DV_PARAM_COUNT], x[SIZE], rest[SIZE];
  uint64_t seed = 9;
  estimate_of_five(&prior, rows);
  assert_int_equal(prior.components, 4);
  dv_prior_sample(&prior, &seed, raw);
  dv_effective_from_raw(raw, x);
  for (int k = 0; k < SIZE; ++k) rest[k] = x[k] - prior.mean[k];
  for (size_t i = 0; i < 4; ++i) {
    double along = 0.0;
    for (int k = 0; k < SIZE; ++k) along += rest[k] * prior.component[i][k];
    for (int k = 0; k < SIZE; ++k) rest[k] -= along * prior.component[i][k];
  }
  for (int k = 0; k < SIZE; ++k) assert_close(rest[k], 0.0, 0.0, 1e-12);
  assert_true(isfinite(dv_prior_log_density(&prior, x, 1.0, NULL)));
}

/* --- Files --------------------------------------------------------------------------------------------------- */

static void test_file_gives_the_same_prior_back(void** state)
{
  static dv_prior prior, again;
  static double rows[5 * SIZE];
  dv_temp* t = *state;
  dv_error err;
  estimate_of_five(&prior, rows);
  snprintf(prior.source, sizeof prior.source, "five \"presets\"");
  if (dv_prior_write(dv_temp_path(t, "p.json"), &prior, &err)) fail_msg("%s", err.text);
  if (dv_prior_read(t->path, &again, &err)) fail_msg("%s", err.text);
  assert_memory_equal(&prior, &again, sizeof prior);
}

static void test_nan_is_not_written(void** state)
{
  static dv_prior prior;
  dv_temp* t = *state;
  prior = shipped;
  prior.mean[7] = (double)NAN;
  const size_t before = dv_temp_count(t);
  assert_int_equal(dv_prior_write(dv_temp_path(t, "nan.json"), &prior, NULL), DV_ERR_NONFINITE);
  assert_int_equal(dv_temp_count(t), before);
}

/* The shipped file with one piece of text replaced by another. */
static dv_status read_changed(dv_temp* t, const char* from, const char* to, dv_error* err)
{
  static dv_prior prior;
  char* text = NULL;
  size_t size = 0;
  assert_int_equal(dv_prior_write(dv_temp_path(t, "whole.json"), &shipped, err), DV_OK);
  FILE* in = fopen(t->path, "rb");
  assert_non_null(in);
  text = calloc(1, 1 << 21);
  assert_non_null(text);
  size = fread(text, 1, 1 << 20, in);
  fclose(in);
  char* place = strstr(text, from);
  assert_non_null(place);
  char* tail = strdup(place + strlen(from));
  assert_non_null(tail);
  size = (size_t)(place - text) + (size_t)sprintf(place, "%s%s", to, tail);
  free(tail);
  dv_temp_file(t, "changed.json", text, size);
  free(text);
  return dv_prior_read(t->path, &prior, err);
}

static void test_damaged_files_are_refused_by_name(void** state)
{
  static const struct {
    const char *from, *to, *message;
  } cases[] = {
    {"\"diffvox-prior\"", "\"diffvox-preset\"", "is not a prior"},
    {"\"version\": 1", "\"version\": 2", "version 1"},
    {"\"presets\": 365", "\"presets\": 1", "'presets'"},
    {"peak1.gain_db", "peak1.gain", "number 0 differs"},
    {"\"mean\": [", "\"mean\": [\"x\", ", "'mean'"},
    {"\"covariance\": [\n    [", "\"covariance\": [\n    [1, ", "'covariance'"},
    {"\"eigenvectors\": [\n    [", "\"eigenvectors\": [\n    [1, ", "'eigenvalues'"},
    {"\"covariance\": [\n    [", "\"covariance\": [\n    [1", "do not give the covariance"},
    {"{\n", "{{\n", "not valid JSON"},
  };
  dv_temp* t = *state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    dv_error err;
    assert_int_equal(read_changed(t, cases[i].from, cases[i].to, &err), DV_ERR_FORMAT);
    if (!strstr(err.text, cases[i].message) || !strstr(err.text, "changed.json")) fail_msg("case %zu: %s", i, err.text);
  }
}

static void test_a_prior_that_is_not_there_is_an_error(void** state)
{
  static dv_prior prior;
  dv_temp* t = *state;
  assert_int_equal(dv_prior_resolve(dv_temp_path(t, "none.json"), &prior, NULL), DV_ERR_IO);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_effective_indices_are_those_that_act),
    cmocka_unit_test(test_effective_values_survive_the_way_to_raw_and_back),
    cmocka_unit_test(test_shipped_prior_is_that_of_365_presets),
    cmocka_unit_test(test_compiled_table_agrees_with_the_file),
    cmocka_unit_test(test_a_move_is_along_its_component),
    cmocka_unit_test(test_table_and_prior_move_alike),
    cmocka_unit_test(test_no_move_changes_nothing),
    cmocka_unit_test(test_macros_at_their_ends_give_presets),
    cmocka_unit_test(test_clamp_holds_what_has_no_bounded_map),
    cmocka_unit_test(test_samples_have_the_mean_and_variance),
    cmocka_unit_test(test_samples_repeat_with_the_seed),
    cmocka_unit_test(test_gradient_of_the_density),
    cmocka_unit_test(test_density_at_the_mean_is_the_normal_constant),
    cmocka_unit_test(test_samples_of_few_presets_stay_in_their_space),
    cmocka_unit_test(test_file_gives_the_same_prior_back),
    cmocka_unit_test(test_nan_is_not_written),
    cmocka_unit_test(test_damaged_files_are_refused_by_name),
    cmocka_unit_test(test_a_prior_that_is_not_there_is_an_error),
  };
  return cmocka_run_group_tests(tests, read_shipped, dv_temp_teardown);
}
