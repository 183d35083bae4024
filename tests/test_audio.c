/* SPDX-License-Identifier: MIT */
#include "datasets/audio.h"
#include "support/dv_test.h"
#include "support/dv_temp.h"

#include <sndfile.h>

static void fill_noise(dv_audio* audio, size_t channels, size_t frames, double rate_hz, double amplitude)
{
  uint64_t seed = 20250914;
  dv_error err;
  assert_int_equal(dv_audio_alloc(channels, frames, rate_hz, audio, &err), DV_OK);
  for (size_t i = 0; i < channels * frames; ++i) audio->samples[i] = (float)(amplitude * dv_rand(&seed));
}

/* Writes noise and returns the file's bytes: raw material for damaged files. */
static size_t sample_file(dv_temp* temp, const char* name, size_t channels, size_t frames, unsigned char** bytes)
{
  dv_audio audio;
  fill_noise(&audio, channels, frames, 44100.0, 0.5);
  assert_int_equal(dv_audio_write(dv_temp_path(temp, name), &audio, NULL, NULL), DV_OK);
  dv_audio_free(&audio);
  struct stat st;
  FILE* in = fopen(temp->path, "rb");
  assert_non_null(in);
  assert_int_equal(fstat(fileno(in), &st), 0);
  *bytes = malloc((size_t)st.st_size);
  assert_non_null(*bytes);
  assert_int_equal(fread(*bytes, 1, (size_t)st.st_size, in), st.st_size);
  fclose(in);
  return (size_t)st.st_size;
}

static void expect_failure(const char* path, dv_status status, const char* fragment)
{
  dv_audio audio;
  dv_error err = {""};
  const dv_status got = dv_audio_read(path, &audio, &err);
  const char* name = strrchr(path, '/') + 1;
  if (got != status || !strstr(err.text, fragment) || !strstr(err.text, name))
    fail_msg("%s: status %d, \"%s\"; expected %d with \"%s\"", name, got, err.text, status, fragment);
  assert_null(audio.samples);
}

static void test_wav_round_trip_is_exact(void** state)
{
  static const struct {
    size_t channels;
    double rate_hz;
  } shapes[] = {{1, 8000}, {2, 44100}, {3, 48000}, {64, 96000}, {2, 192000}};
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; ++s) {
    dv_audio a, b;
    dv_error err = {""};
    fill_noise(&a, shapes[s].channels, 5001, shapes[s].rate_hz, 3.0); /* beyond full scale: float holds it */
    assert_int_equal(dv_audio_write(dv_temp_path(*state, "round.wav"), &a, NULL, &err), DV_OK);
    assert_int_equal(dv_audio_read(dv_temp_path(*state, "round.wav"), &b, &err), DV_OK);
    assert_int_equal(b.channels, a.channels);
    assert_int_equal(b.frames, a.frames);
    assert_close(b.rate_hz, a.rate_hz, 0.0, 0.0);
    assert_memory_equal(a.samples, b.samples, a.channels * a.frames * sizeof(float));
    dv_audio_free(&a);
    dv_audio_free(&b);
  }
}

static void test_wav_bytes_are_reproducible(void** state)
{
  unsigned char *first, *second;
  const size_t n = sample_file(*state, "same.wav", 2, 1000, &first);
  assert_int_equal(sample_file(*state, "same.wav", 2, 1000, &second), n);
  assert_memory_equal(first, second, n);
  free(first);
  free(second);
}

static void test_flac_round_trip_is_24_bit_and_overs_are_counted(void** state)
{
  dv_audio a, b;
  dv_error err;
  size_t clipped = 99, expected = 0;
  fill_noise(&a, 2, 20000, 48000, 1.1);
  assert_int_equal(dv_audio_write(dv_temp_path(*state, "round.FLAC"), &a, &clipped, &err), DV_OK);
  assert_int_equal(dv_audio_read(dv_temp_path(*state, "round.FLAC"), &b, &err), DV_OK);
  for (size_t i = 0; i < a.channels * a.frames; ++i) {
    const double x = (double)a.samples[i];
    expected += fabs(x) > 1.0;
    assert_close((double)b.samples[i], fmin(fmax(x, -1.0), 1.0), 0.0, 1.01 / 8388608.0);
  }
  assert_true(expected > 1000);
  assert_int_equal(clipped, expected);
  dv_audio_free(&a);
  dv_audio_free(&b);
}

static void test_ogg_keeps_length_and_sound(void** state)
{
  dv_audio a, b;
  dv_error err;
  size_t clipped = 99;
  double error = 0.0, power = 0.0;
  assert_int_equal(dv_audio_alloc(2, 30011, 44100, &a, &err), DV_OK);
  for (size_t i = 0; i < 2 * a.frames; ++i) a.samples[i] = (float)(0.5 * sin(0.05 * (double)(i % a.frames)));
  assert_int_equal(dv_audio_write(dv_temp_path(*state, "round.ogg"), &a, &clipped, &err), DV_OK);
  assert_int_equal(clipped, 0);
  assert_int_equal(dv_audio_read(dv_temp_path(*state, "round.ogg"), &b, &err), DV_OK);
  assert_int_equal(b.frames, a.frames);
  for (size_t i = 0; i < 2 * a.frames; ++i) {
    const double d = (double)a.samples[i] - (double)b.samples[i];
    error += d * d;
    power += (double)a.samples[i] * (double)a.samples[i];
  }
  assert_true(error < 1e-3 * power);
  dv_audio_free(&a);
  dv_audio_free(&b);
}

static void test_integer_files_are_read_at_full_scale(void** state)
{
  static const int formats[] = {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_WAV | SF_FORMAT_PCM_24,
                                SF_FORMAT_WAV | SF_FORMAT_DOUBLE, SF_FORMAT_AIFF | SF_FORMAT_PCM_16,
                                SF_FORMAT_AU | SF_FORMAT_PCM_16,  SF_FORMAT_RF64 | SF_FORMAT_PCM_16};
  for (size_t f = 0; f < sizeof formats / sizeof *formats; ++f) {
    const double x[4] = {0.5, -0.5, 0.25, -1.0};
    SF_INFO info = {.channels = 1, .samplerate = 44100, .format = formats[f]};
    SNDFILE* out = sf_open(dv_temp_path(*state, "int.snd"), SFM_WRITE, &info);
    assert_int_equal(sf_writef_double(out, x, 4), 4);
    sf_close(out);
    dv_audio a;
    dv_error err = {""};
    assert_int_equal(dv_audio_read(dv_temp_path(*state, "int.snd"), &a, &err), DV_OK);
    for (size_t i = 0; i < 4; ++i) assert_close((double)a.samples[i], x[i], 0.0, 1e-4);
    dv_audio_free(&a);
  }
}

static void test_bad_files_are_refused_by_name(void** state)
{
  dv_temp* t = *state;
  unsigned char *wav, *flac, *odd;
  const size_t wav_size = sample_file(t, "good.wav", 2, 4000, &wav);
  const size_t flac_size = sample_file(t, "good.flac", 2, 40000, &flac);
  expect_failure(dv_temp_path(t, "absent.wav"), DV_ERR_IO, "No such file");
  expect_failure(t->dir, DV_ERR_IO, "is a folder");
  expect_failure("/dev/null", DV_ERR_IO, "device or pipe");
  expect_failure(dv_temp_file(t, "empty.wav", "", 0), DV_ERR_FORMAT, "is empty (0 bytes)");
  expect_failure(dv_temp_file(t, "text.wav", "hello\n", 6), DV_ERR_FORMAT, "cannot be read as audio");
  expect_failure(dv_temp_file(t, "short.wav", wav, 20), DV_ERR_FORMAT, "cannot be read as audio");
  expect_failure(dv_temp_file(t, "half.wav", wav, wav_size / 2), DV_ERR_FORMAT, "of 4000 frames are there");
  expect_failure(dv_temp_file(t, "half.flac", flac, flac_size / 2), DV_ERR_FORMAT, "of 40000");
  for (size_t i = 0; i < 200; ++i) flac[flac_size / 2 + i] ^= 0x5a;
  expect_failure(dv_temp_file(t, "damaged.flac", flac, flac_size), DV_ERR_FORMAT, "is damaged after frame");
  free(wav);
  free(flac);
  const size_t odd_size = sample_file(t, "one.wav", 1, 1, &odd);
  memset(odd + odd_size - 8, 0, 4); /* the size of the data */
  expect_failure(dv_temp_file(t, "header.wav", odd, odd_size - 4), DV_ERR_FORMAT, "0 frames");
  free(odd);
}

static void write_with_libsndfile(dv_temp* t, const char* name, int channels, int rate)
{
  const float zero[128] = {0};
  SF_INFO info = {.channels = channels, .samplerate = rate, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
  SNDFILE* out = sf_open(dv_temp_path(t, name), SFM_WRITE, &info);
  assert_int_equal(sf_writef_float(out, zero, 1), 1);
  sf_close(out);
}

static void test_truncation_is_noticed_in_every_uncompressed_format(void** state)
{
  static const int formats[] = {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_WAV | SF_FORMAT_PCM_24,
                                SF_FORMAT_RF64 | SF_FORMAT_FLOAT, SF_FORMAT_AIFF | SF_FORMAT_PCM_16,
                                SF_FORMAT_AIFF | SF_FORMAT_FLOAT, SF_FORMAT_WAVEX | SF_FORMAT_DOUBLE};
  for (size_t f = 0; f < sizeof formats / sizeof *formats; ++f) {
    const float x[2 * 3000] = {0.5F};
    dv_temp* t = *state;
    struct stat st;
    dv_audio a;
    dv_error err = {""};
    SF_INFO info = {.channels = 2, .samplerate = 44100, .format = formats[f]};
    SNDFILE* out = sf_open(dv_temp_path(t, "cut.snd"), SFM_WRITE, &info);
    assert_int_equal(sf_writef_float(out, x, 3000), 3000);
    sf_close(out);
    if (dv_audio_read(t->path, &a, &err)) fail_msg("%s", err.text);
    dv_audio_free(&a);
    assert_int_equal(stat(t->path, &st), 0);
    assert_int_equal(truncate(t->path, st.st_size * 2 / 3), 0);
    expect_failure(t->path, DV_ERR_FORMAT, "of 3000 frames are there");
  }
}

static void test_every_truncation_is_refused(void** state)
{
  static const char* const names[] = {"every.wav", "every.flac"};
  dv_temp* t = *state;
  for (size_t k = 0; k < 2; ++k) {
    unsigned char* bytes;
    const size_t size = sample_file(t, names[k], 1, 200, &bytes);
    for (size_t n = 0; n < size; ++n) {
      dv_audio a;
      assert_int_equal(dv_audio_read(dv_temp_file(t, names[k], bytes, n), &a, NULL), DV_ERR_FORMAT);
    }
    free(bytes);
  }
}

static void test_unsupported_shapes_are_refused(void** state)
{
  dv_temp* t = *state;
  write_with_libsndfile(t, "wide.wav", 65, 44100);
  expect_failure(dv_temp_path(t, "wide.wav"), DV_ERR_ARG, "has 65 channels; 1 to 64");
  write_with_libsndfile(t, "slow.wav", 1, 7999);
  expect_failure(dv_temp_path(t, "slow.wav"), DV_ERR_ARG, "7999 Hz");
  write_with_libsndfile(t, "fast.wav", 1, 192001);
  expect_failure(dv_temp_path(t, "fast.wav"), DV_ERR_ARG, "192001 Hz");
}

static void test_streamed_wav_without_length_is_read_to_its_end(void** state)
{
  unsigned char* wav;
  const size_t size = sample_file(*state, "stream.wav", 1, 1000, &wav);
  memset(wav + size - 4000 - 4, 0xff, 4);
  dv_audio a;
  dv_error err = {""};
  assert_int_equal(dv_audio_read(dv_temp_file(*state, "stream.wav", wav, size), &a, &err), DV_OK);
  assert_int_equal(a.frames, 1000);
  dv_audio_free(&a);
  free(wav);
}

static void test_incomplete_last_frame_is_only_padding(void** state)
{
  unsigned char* wav;
  const size_t size = sample_file(*state, "pad.wav", 2, 1000, &wav);
  const uint32_t bytes = 8000 + 4; /* half a frame more than there is */
  memcpy(wav + size - 8000 - 4, &bytes, 4);
  dv_audio a;
  dv_error err = {""};
  assert_int_equal(dv_audio_read(dv_temp_file(*state, "pad.wav", wav, size), &a, &err), DV_OK);
  assert_int_equal(a.frames, 1000);
  dv_audio_free(&a);
  free(wav);
}

/* A FLAC header that promises 2^36 - 1 frames in a few bytes. */
static void test_hostile_length_does_not_take_the_memory(void** state)
{
  unsigned char* flac;
  const size_t size = sample_file(*state, "huge.flac", 1, 5000, &flac);
  flac[21] |= 0x0f;
  memset(flac + 22, 0xff, 4);
  expect_failure(dv_temp_file(*state, "huge.flac", flac, size), DV_ERR_FORMAT, "promises 68719476735 frames in");
  free(flac);
}

static void test_long_silence_in_a_small_file_is_read(void** state)
{
  dv_audio a;
  dv_error err = {""};
  const size_t frames = 20000000;
  assert_int_equal(dv_audio_alloc(1, frames, 44100, &a, &err), DV_OK);
  assert_int_equal(dv_audio_write(dv_temp_path(*state, "silence.flac"), &a, NULL, &err), DV_OK);
  dv_audio_free(&a);
  if (dv_audio_read(dv_temp_path(*state, "silence.flac"), &a, &err)) fail_msg("%s", err.text);
  assert_int_equal(a.frames, frames);
  dv_audio_free(&a);
}

static void test_allocation_overflow_is_refused(void** state)
{
  (void)state;
  dv_audio a;
  dv_error err = {""};
  assert_int_equal(dv_audio_alloc(64, SIZE_MAX / 64, 44100, &a, &err), DV_ERR_NOMEM);
  assert_null(a.samples);
  assert_non_null(strstr(err.text, "64 channels"));
}

static void test_nan_and_infinity_are_reported_with_their_place(void** state)
{
  static const float bad[] = {NAN, INFINITY, -INFINITY};
  for (size_t k = 0; k < 3; ++k) {
    float x[2 * 1000] = {0};
    x[2 * 441 + 1] = bad[k];
    SF_INFO info = {.channels = 2, .samplerate = 44100, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    SNDFILE* out = sf_open(dv_temp_path(*state, "nan.wav"), SFM_WRITE, &info);
    assert_int_equal(sf_writef_float(out, x, 1000), 1000);
    sf_close(out);
    expect_failure(dv_temp_path(*state, "nan.wav"), DV_ERR_NONFINITE, "sample 441 of channel 2 (at 0.010 s)");
  }
  dv_audio a;
  dv_error err;
  fill_noise(&a, 1, 100, 44100, 1.0);
  a.samples[5] = NAN;
  assert_int_equal(dv_audio_write(dv_temp_path(*state, "no.wav"), &a, NULL, &err), DV_ERR_NONFINITE);
  assert_int_equal(access(dv_temp_path(*state, "no.wav"), F_OK), -1);
  dv_audio_free(&a);
}

static void test_mono_is_the_mean(void** state)
{
  (void)state;
  dv_audio a;
  assert_int_equal(dv_audio_alloc(3, 2, 44100, &a, NULL), DV_OK);
  const float x[6] = {1, 2, 4, 5, 7, -1};
  memcpy(a.samples, x, sizeof x);
  dv_audio_to_mono(&a);
  assert_int_equal(a.channels, 1);
  assert_int_equal(a.frames, 2);
  assert_close((double)a.samples[0], 4.0, 1e-7, 0.0);
  assert_close((double)a.samples[1], 2.0, 1e-7, 0.0);
  dv_audio_free(&a);
}

static void expect_write_failure(const char* path, const dv_audio* a, dv_status status, const char* fragment)
{
  dv_error err = {""};
  const dv_status got = dv_audio_write(path, a, NULL, &err);
  if (got != status || !strstr(err.text, fragment))
    fail_msg("%s: status %d, \"%s\"; expected %d with \"%s\"", path, got, err.text, status, fragment);
  const dv_audio shape = {NULL, a->channels, a->frames, a->rate_hz};
  assert_int_equal(dv_audio_check_write(path, &shape, &err), status);
  assert_non_null(strstr(err.text, fragment));
}

static void test_checking_a_name_writes_nothing(void** state)
{
  dv_temp* t = *state;
  const dv_audio shape = {NULL, 2, 100, 44100.0};
  const size_t before = dv_temp_count(t);
  assert_int_equal(dv_audio_check_write(dv_temp_path(t, "later.flac"), &shape, NULL), DV_OK);
  assert_int_equal(dv_temp_count(t), before);
}

static void test_writing_fails_clearly(void** state)
{
  dv_temp* t = *state;
  dv_audio a;
  fill_noise(&a, 9, 100, 44100, 0.5);
  expect_write_failure(dv_temp_path(t, "x.mp5"), &a, DV_ERR_ARG, "extension '.mp5' is not known");
  expect_write_failure(dv_temp_path(t, "x"), &a, DV_ERR_ARG, "write .wav, .flac or .ogg");
  expect_write_failure(dv_temp_path(t, "x.flac"), &a, DV_ERR_ARG, "cannot hold 9 channels");
  expect_write_failure(dv_temp_path(t, "nowhere/x.wav"), &a, DV_ERR_IO, "No such file or directory");
  assert_int_equal(mkdir(dv_temp_path(t, "folder.wav"), 0755), 0);
  expect_write_failure(dv_temp_path(t, "folder.wav"), &a, DV_ERR_IO, "is a folder");
  a.rate_hz = 44100.5;
  expect_write_failure(dv_temp_path(t, "x.wav"), &a, DV_ERR_ARG, "44100.5 Hz");
  dv_audio_free(&a);
}

static void test_unwritable_folder_is_named(void** state)
{
  dv_temp* t = *state;
  dv_audio a;
  fill_noise(&a, 1, 100, 44100, 0.5);
  dv_temp_forbid(t);
  expect_write_failure(dv_temp_path(t, "x.wav"), &a, DV_ERR_IO, "check the permissions");
  dv_temp_allow(t);
  dv_audio_free(&a);
}

static void test_full_disk_keeps_the_old_file_and_leaves_nothing(void** state)
{
  static const char* const names[] = {"full.wav", "full.flac", "full.ogg"};
  dv_temp* t = *state;
  for (size_t k = 0; k < 3; ++k) {
    dv_audio small, large;
    dv_error err = {""};
    fill_noise(&small, 1, 10, 44100, 0.5);
    fill_noise(&large, 2, 100000, 44100, 0.5);
    const char* path = dv_temp_path(t, names[k]);
    assert_int_equal(dv_audio_write(path, &small, NULL, &err), DV_OK);
    const size_t before = dv_temp_count(t);
    dv_temp_fill_disk(20000);
    const dv_status status = dv_audio_write(path, &large, NULL, &err);
    dv_temp_fill_disk((size_t)-1);
    assert_int_equal(status, DV_ERR_IO);
    assert_non_null(strstr(err.text, "cannot write"));
    assert_int_equal(dv_temp_count(t), before);
    dv_audio_free(&large);
    assert_int_equal(dv_audio_read(path, &large, &err), DV_OK);
    assert_int_equal(large.frames, 10);
    dv_audio_free(&small);
    dv_audio_free(&large);
  }
}

static void test_writing_follows_a_symbolic_link(void** state)
{
  dv_temp* t = *state;
  dv_audio a;
  struct stat st;
  char target[512];
  fill_noise(&a, 1, 100, 44100, 0.5);
  snprintf(target, sizeof target, "%s", dv_temp_path(t, "target.wav"));
  assert_int_equal(dv_audio_write(target, &a, NULL, NULL), DV_OK);
  assert_int_equal(symlink(target, dv_temp_path(t, "link.wav")), 0);
  assert_int_equal(dv_audio_write(t->path, &a, NULL, NULL), DV_OK);
  assert_int_equal(lstat(t->path, &st), 0);
  assert_true(S_ISLNK(st.st_mode));
  dv_audio_free(&a);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_wav_round_trip_is_exact),
    cmocka_unit_test(test_wav_bytes_are_reproducible),
    cmocka_unit_test(test_flac_round_trip_is_24_bit_and_overs_are_counted),
    cmocka_unit_test(test_ogg_keeps_length_and_sound),
    cmocka_unit_test(test_integer_files_are_read_at_full_scale),
    cmocka_unit_test(test_bad_files_are_refused_by_name),
    cmocka_unit_test(test_truncation_is_noticed_in_every_uncompressed_format),
    cmocka_unit_test(test_every_truncation_is_refused),
    cmocka_unit_test(test_unsupported_shapes_are_refused),
    cmocka_unit_test(test_streamed_wav_without_length_is_read_to_its_end),
    cmocka_unit_test(test_incomplete_last_frame_is_only_padding),
    cmocka_unit_test(test_hostile_length_does_not_take_the_memory),
    cmocka_unit_test(test_long_silence_in_a_small_file_is_read),
    cmocka_unit_test(test_allocation_overflow_is_refused),
    cmocka_unit_test(test_nan_and_infinity_are_reported_with_their_place),
    cmocka_unit_test(test_mono_is_the_mean),
    cmocka_unit_test(test_checking_a_name_writes_nothing),
    cmocka_unit_test(test_writing_fails_clearly),
    cmocka_unit_test(test_unwritable_folder_is_named),
    cmocka_unit_test(test_full_disk_keeps_the_old_file_and_leaves_nothing),
    cmocka_unit_test(test_writing_follows_a_symbolic_link),
  };
  return cmocka_run_group_tests_name("audio", tests, dv_temp_setup, dv_temp_teardown);
}
