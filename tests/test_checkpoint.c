/* SPDX-License-Identifier: MIT */
/* The checkpoint of a fit: what goes on from it, and what is no checkpoint. */
#include "estimator/checkpoint.h"
#include "datasets/file.h"
#include "support/dv_temp.h"
#include "support/dv_test.h"

enum { FRAMES = 2205, BEFORE = 2, STEPS = 4, MAX_BYTES = 1 << 20 }; /* 50 ms: a step takes little */
static const uint64_t FINGERPRINT = 42;

static dv_fit* new_fit(void)
{
  static dv_real dry[FRAMES], wet[FRAMES];
  uint64_t seed = 9;
  for (size_t i = 0; i < FRAMES; ++i) {
    dry[i] = (dv_real)(0.3 * dv_rand(&seed));
    wet[i] = (dv_real)(0.5 * (double)dry[i] + 0.05 * dv_rand(&seed));
  }
  const dv_fit_stems stems = {dry, wet, wet, FRAMES, 0.0};
  dv_fit_config config;
  dv_fit_starts starts = {.count = 1};
  dv_error err = {""};
  dv_fit* fit;
  dv_fit_config_default(&config);
  config.steps = STEPS;
  dv_fit_mean_start(true, &starts.start[0].params);
  if (dv_fit_new(&config, &stems, &starts, &fit, &err)) fail_msg("%s", err.text);
  return fit;
}

static void advance(dv_fit* fit, size_t steps, dv_fit_history* history)
{
  bool more;
  dv_error err = {""};
  for (size_t i = 0; i < steps; ++i) {
    dv_fit_step step;
    if (dv_fit_advance(fit, &step, &more, &err)) fail_msg("%s", err.text);
    assert_int_equal(dv_fit_history_add(history, &step, &err), DV_OK);
  }
}

/* A checkpoint after BEFORE steps; its bytes are the caller's to free. */
static char* write_one(dv_temp* t, const char* name, size_t* size)
{
  dv_fit* fit = new_fit();
  dv_fit_history history = {NULL, 0, 0};
  dv_error err = {""};
  char* bytes;
  advance(fit, BEFORE, &history);
  if (dv_checkpoint_write(dv_temp_path(t, name), fit, &history, FINGERPRINT, &err)) fail_msg("%s", err.text);
  dv_fit_history_free(&history);
  dv_fit_free(fit);
  assert_int_equal(dv_file_read(t->path, MAX_BYTES, &bytes, size, &err), DV_OK);
  return bytes;
}

/* Reads the file; the status, and in *err why. */
static dv_status read_one(dv_temp* t, const char* name, uint64_t fingerprint, dv_fit* fit, dv_error* err)
{
  dv_fit_history history = {NULL, 0, 0};
  const dv_status status = dv_checkpoint_read(dv_temp_path(t, name), fingerprint, fit, &history, err);
  dv_fit_history_free(&history);
  return status;
}

static void test_a_checkpoint_goes_on_bit_for_bit(void** state)
{
  size_t size;
  free(write_one(*state, "checkpoint", &size));
  dv_fit *whole = new_fit(), *resumed = new_fit();
  dv_fit_history a = {NULL, 0, 0}, b = {NULL, 0, 0};
  dv_error err = {""};
  dv_chain_params first, second;
  advance(whole, STEPS, &a);
  if (dv_checkpoint_read(dv_temp_path(*state, "checkpoint"), FINGERPRINT, resumed, &b, &err)) fail_msg("%s", err.text);
  assert_int_equal(b.count, BEFORE);
  advance(resumed, STEPS - BEFORE, &b);
  assert_int_equal(a.count, b.count);
  for (size_t i = 0; i < a.count; ++i) {
    assert_int_equal(a.steps[i].step, b.steps[i].step);
    assert_memory_equal(&a.steps[i].values, &b.steps[i].values, sizeof a.steps[i].values);
  }
  dv_fit_best(whole, &first);
  dv_fit_best(resumed, &second);
  assert_memory_equal(&first, &second, sizeof first);
  dv_fit_history_free(&a);
  dv_fit_history_free(&b);
  dv_fit_free(whole);
  dv_fit_free(resumed);
}

static void test_other_stems_or_options_are_refused(void** state)
{
  size_t size;
  dv_error err = {""};
  dv_fit* fit = new_fit();
  free(write_one(*state, "checkpoint", &size));
  assert_int_equal(read_one(*state, "checkpoint", FINGERPRINT + 1, fit, &err), DV_ERR_ARG);
  if (!strstr(err.text, "checkpoint: was made from other stems or with other options")) fail_msg("%s", err.text);
  dv_fit_free(fit);
}

static void test_any_changed_byte_is_found(void** state)
{
  dv_temp* t = *state;
  size_t size;
  dv_error err = {""};
  dv_fit* fit = new_fit();
  char* bytes = write_one(t, "checkpoint", &size);
  for (size_t i = 0; i < size; i += i < 48 ? 1 : 101) { /* all of the head, then here and there */
    bytes[i] ^= 0x10;
    dv_temp_file(t, "damaged", bytes, size);
    bytes[i] ^= 0x10;
    if (!read_one(t, "damaged", FINGERPRINT, fit, &err)) fail_msg("byte %zu", i);
  }
  free(bytes);
  dv_fit_free(fit);
}

static void test_truncated_and_padded_files_are_damaged(void** state)
{
  dv_temp* t = *state;
  size_t size;
  dv_error err = {""};
  dv_fit* fit = new_fit();
  char* bytes = write_one(t, "checkpoint", &size);
  for (size_t length = 0; length < size; length += length < 48 ? 1 : 127) {
    dv_temp_file(t, "damaged", bytes, length);
    assert_int_equal(read_one(t, "damaged", FINGERPRINT, fit, &err), DV_ERR_FORMAT);
    if (!strstr(err.text, "damaged: is damaged or no checkpoint; remove it")) fail_msg("%s", err.text);
  }
  char* longer = calloc(size + 8, 1);
  assert_non_null(longer);
  memcpy(longer, bytes, size);
  dv_temp_file(t, "damaged", longer, size + 8);
  assert_int_equal(read_one(t, "damaged", FINGERPRINT, fit, &err), DV_ERR_FORMAT);
  free(longer);
  free(bytes);
  dv_fit_free(fit);
}

/* Steps and state so large that their sum overflows to the file's size. */
static void test_sizes_that_overflow_are_damaged(void** state)
{
  dv_temp* t = *state;
  size_t size;
  dv_error err = {""};
  dv_fit* fit = new_fit();
  char* bytes = write_one(t, "checkpoint", &size);
  const uint64_t many[] = {UINT64_MAX / sizeof(dv_fit_step) + 1, 1ULL << 61, UINT64_MAX};
  for (size_t i = 0; i < 3; ++i) {
    memcpy(bytes + 3 * sizeof(uint64_t), &many[i], sizeof *many);
    dv_temp_file(t, "damaged", bytes, size);
    assert_int_equal(read_one(t, "damaged", FINGERPRINT, fit, &err), DV_ERR_FORMAT);
  }
  free(bytes);
  dv_fit_free(fit);
}

static void test_a_missing_file_is_an_io_error(void** state)
{
  dv_error err = {""};
  dv_fit* fit = new_fit();
  assert_int_equal(read_one(*state, "absent", FINGERPRINT, fit, &err), DV_ERR_IO);
  if (!strstr(err.text, "absent: cannot read")) fail_msg("%s", err.text);
  dv_fit_free(fit);
}

static void test_a_full_disk_keeps_the_older_checkpoint(void** state)
{
  dv_temp* t = *state;
  size_t size, again;
  dv_error err = {""};
  dv_fit* fit = new_fit();
  dv_fit_history history = {NULL, 0, 0};
  char *before = write_one(t, "kept", &size), *after;
  const size_t files = dv_temp_count(t);
  advance(fit, 1, &history);
  dv_temp_fill_disk(1000);
  const dv_status status = dv_checkpoint_write(dv_temp_path(t, "kept"), fit, &history, FINGERPRINT, &err);
  dv_temp_fill_disk((size_t)-1);
  assert_int_equal(status, DV_ERR_IO);
  if (!strstr(err.text, "kept: cannot write")) fail_msg("%s", err.text);
  assert_int_equal(dv_file_read(t->path, MAX_BYTES, &after, &again, &err), DV_OK);
  assert_int_equal(size, again);
  assert_memory_equal(before, after, size);
  assert_int_equal(dv_temp_count(t), files);
  free(before);
  free(after);
  dv_fit_history_free(&history);
  dv_fit_free(fit);
}

static void test_a_history_grows(void** state)
{
  (void)state;
  dv_fit_history history = {NULL, 0, 0};
  dv_error err = {""};
  for (size_t i = 0; i < 3000; ++i) {
    const dv_fit_step step = {.step = i};
    assert_int_equal(dv_fit_history_add(&history, &step, &err), DV_OK);
  }
  assert_int_equal(history.count, 3000);
  for (size_t i = 0; i < 3000; ++i) assert_int_equal(history.steps[i].step, i);
  dv_fit_history_free(&history);
  assert_null(history.steps);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_a_checkpoint_goes_on_bit_for_bit),
    cmocka_unit_test(test_other_stems_or_options_are_refused),
    cmocka_unit_test(test_any_changed_byte_is_found),
    cmocka_unit_test(test_truncated_and_padded_files_are_damaged),
    cmocka_unit_test(test_sizes_that_overflow_are_damaged),
    cmocka_unit_test(test_a_missing_file_is_an_io_error),
    cmocka_unit_test(test_a_full_disk_keeps_the_older_checkpoint),
    cmocka_unit_test(test_a_history_grows),
  };
  return cmocka_run_group_tests_name("checkpoint", tests, dv_temp_setup, dv_temp_teardown);
}
