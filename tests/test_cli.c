/* SPDX-License-Identifier: MIT */
/* diffvox-fit and diffvox-loss as a user runs them, above all on what cannot work.
   usage: test_cli PATH_OF_DIFFVOX_FIT PATH_OF_DIFFVOX_LOSS PATH_OF_DIFFVOX_RENDER */
#include "presets/preset.h"
#include "support/dv_cli.h"

#include "datasets/resample.h"

#include <errno.h>
#include <jansson.h>
#include <time.h>

enum { FIT, LOSS, RENDER, PROGRAMS, FRAMES = 26460 };

static const char* programs[PROGRAMS]; /* set once by main */

typedef struct {
  int program;
  const char *args, *fragment;
} row;

static void expect_rows(dv_temp* t, const row* rows, size_t count, int status)
{
  for (size_t r = 0; r < count; ++r)
    dv_cli_expect(t, programs[rows[r].program], rows[r].args, status, rows[r].fragment);
}

static void expect(dv_temp* t, int program, const char* args, int status, const char* fragment)
{
  dv_cli_expect(t, programs[program], args, status, fragment);
}

/* The file's contents with a zero byte behind; free it. */
static char* contents(dv_temp* t, const char* name, size_t* size)
{
  FILE* in = fopen(dv_temp_path(t, name), "rb");
  if (!in) fail_msg("%s: %s", name, strerror(errno));
  struct stat st;
  assert_int_equal(fstat(fileno(in), &st), 0);
  char* data = malloc((size_t)st.st_size + 1);
  assert_non_null(data);
  assert_int_equal(fread(data, 1, (size_t)st.st_size, in), st.st_size);
  data[st.st_size] = '\0';
  fclose(in);
  *size = (size_t)st.st_size;
  return data;
}

static void expect_same_bytes(dv_temp* t, const char* first, const char* second)
{
  size_t sizes[2];
  char *a = contents(t, first, &sizes[0]), *b = contents(t, second, &sizes[1]);
  if (sizes[0] != sizes[1] || memcmp(a, b, sizes[0])) fail_msg("%s and %s differ", first, second);
  free(a);
  free(b);
}

/* losses.csv without its last column, the elapsed seconds, which is the only thing that may differ; free it. */
static char* losses_without_times(dv_temp* t, const char* name)
{
  size_t size;
  char *text = contents(t, name, &size), *to = text;
  for (char* line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
    char* comma = strrchr(line, ',');
    assert_non_null(comma);
    const size_t length = (size_t)(comma - line);
    memmove(to, line, length);
    to[length] = '\n';
    to += length + 1;
  }
  *to = '\0';
  return text;
}

static void expect_same_fit(dv_temp* t, const char* first, const char* second)
{
  static const char* const files[] = {"preset.json", "render.wav"};
  char a[256], b[256];
  for (size_t i = 0; i < 2; ++i) {
    snprintf(a, sizeof a, "%s/%s", first, files[i]);
    snprintf(b, sizeof b, "%s/%s", second, files[i]);
    expect_same_bytes(t, a, b);
  }
  snprintf(a, sizeof a, "%s/losses.csv", first);
  snprintf(b, sizeof b, "%s/losses.csv", second);
  char *losses = losses_without_times(t, a), *others = losses_without_times(t, b);
  assert_string_equal(losses, others);
  free(losses);
  free(others);
}

/* A member of a fit's run.json, "result", "steps_done"; release it with json_decref. */
static json_t* run_member(dv_temp* t, const char* folder, const char* part, const char* key)
{
  char path[256];
  json_error_t error;
  snprintf(path, sizeof path, "%s/run.json", folder);
  json_t* run = json_load_file(dv_temp_path(t, path), 0, &error);
  if (!run) fail_msg("%s: %s", path, error.text);
  json_t* member = json_incref(json_object_get(json_object_get(run, part), key));
  if (!member) fail_msg("%s has no %s.%s", path, part, key);
  json_decref(run);
  return member;
}

/* The files of a fit: readable, of one run, and nothing beside them.  Returns the number of steps. */
static size_t check_results(dv_temp* t, const char* folder, size_t frames, const char* ended)
{
  char path[256];
  dv_preset preset;
  dv_audio audio;
  dv_error err = {""};
  dv_temp inside = {.dir = ""};
  size_t size, lines = 0;
  const bool cut = !strcmp(ended, "interrupted") || !strcmp(ended, "time up");
  snprintf(path, sizeof path, "%s/preset.json", folder);
  if (dv_preset_read(dv_temp_path(t, path), &preset, &err)) fail_msg("%s", err.text);
  const dv_preset_note *end = dv_preset_find_note(&preset, "ended"), *count = dv_preset_find_note(&preset, "steps");
  assert_non_null(end);
  assert_string_equal(end->text, ended);
  assert_non_null(count);
  const size_t steps = (size_t)count->number;
  snprintf(path, sizeof path, "%s/losses.csv", folder);
  char* csv = contents(t, path, &size);
  for (const char* c = csv; *c; ++c) lines += *c == '\n';
  assert_int_equal(lines, steps + 1);
  assert_ptr_equal(strstr(csv, "step,start,total,mss_lr,mss_ms,mldr_lr,mldr_ms,regulariser,elapsed_s\n0,1,"), csv);
  assert_null(strstr(csv, "nan"));
  free(csv);
  snprintf(path, sizeof path, "%s/render.wav", folder);
  dv_cli_read(t, path, &audio);
  assert_int_equal(audio.channels, 2);
  assert_int_equal(audio.frames, frames);
  dv_audio_free(&audio);
  snprintf(inside.dir, sizeof inside.dir, "%.200s/%.50s", t->dir, folder);
  static const char* const names[] = {"preset.json", "preset.lv2",      "losses.csv", "run.json",
                                      "render.wav",  "dry-aligned.wav", "wet.wav",    "report.html"};
  const size_t count_of_names = sizeof names / sizeof *names;
  for (size_t i = 0; i < count_of_names; ++i)
    if (access(dv_temp_path(&inside, names[i]), F_OK)) fail_msg("%s is missing", inside.path);
  assert_int_equal(dv_temp_count(&inside), count_of_names + cut); /* the checkpoint, to go on from */
  json_t* said = run_member(t, folder, "result", "ended");
  assert_string_equal(json_string_value(said), ended);
  json_decref(said);
  return steps;
}

/* As no exporter should: dv_audio_write refuses what is not finite. */
static void patch_last_sample(dv_temp* t, const char* name, float value)
{
  FILE* out = fopen(dv_temp_path(t, name), "r+b");
  assert_non_null(out);
  assert_int_equal(fseek(out, -4, SEEK_END), 0);
  assert_int_equal(fwrite(&value, 4, 1, out), 1);
  fclose(out);
}

static void write_scaled(dv_temp* t, const char* name, double factor)
{
  dv_audio a;
  dv_cli_read(t, "wet.wav", &a);
  for (size_t i = 0; i < a.channels * a.frames; ++i) a.samples[i] = (float)(factor * (double)a.samples[i]);
  assert_int_equal(dv_audio_write(dv_temp_path(t, name), &a, NULL, NULL), DV_OK);
  dv_audio_free(&a);
}

static void write_resampled(dv_temp* t, const char* from, const char* name, double rate_hz)
{
  dv_audio a;
  dv_cli_read(t, from, &a);
  assert_int_equal(dv_audio_resample(&a, rate_hz, NULL), DV_OK);
  assert_int_equal(dv_audio_write(dv_temp_path(t, name), &a, NULL, NULL), DV_OK);
  dv_audio_free(&a);
}

/* The wet stem later by a number of samples, times a factor. */
static void write_later(dv_temp* t, const char* name, size_t lag_samples, double factor)
{
  dv_audio a, later;
  dv_cli_read(t, "wet.wav", &a);
  assert_int_equal(dv_audio_alloc(a.channels, a.frames + lag_samples, a.rate_hz, &later, NULL), DV_OK);
  for (size_t c = 0; c < a.channels; ++c)
    for (size_t i = 0; i < a.frames; ++i)
      dv_audio_channel(&later, c)[i + lag_samples] = (float)(factor * (double)dv_audio_channel(&a, c)[i]);
  assert_int_equal(dv_audio_write(dv_temp_path(t, name), &later, NULL, NULL), DV_OK);
  dv_audio_free(&a);
  dv_audio_free(&later);
}

/* Nothing in common with any other stem. */
static void write_noise(dv_temp* t, const char* name)
{
  dv_audio a;
  uint64_t seed = 99;
  assert_int_equal(dv_audio_alloc(1, FRAMES, 44100.0, &a, NULL), DV_OK);
  for (size_t i = 0; i < FRAMES; ++i) a.samples[i] = (float)(0.2 * dv_rand(&seed));
  assert_int_equal(dv_audio_write(dv_temp_path(t, name), &a, NULL, NULL), DV_OK);
  dv_audio_free(&a);
}

/* Good stems, and one file for everything that can be wrong with a stem. */
static int write_stems(void** state)
{
  static const unsigned char no_frames[44] = "RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\3\0\1\0"
                                             "\x44\xac\0\0\x10\xb1\2\0\4\0\x20\0data";
  if (dv_temp_setup(state)) return -1;
  dv_temp* t = *state;
  size_t size;
  dv_cli_voice(t, "dry.wav", 1, FRAMES, 44100.0);
  dv_cli_voice(t, "wet.wav", 2, FRAMES, 44100.0);
  dv_cli_voice(t, "mono.wav", 1, FRAMES - 100, 44100.0);
  dv_cli_voice(t, "wide.wav", 64, FRAMES, 44100.0);
  dv_cli_voice(t, "one.wav", 1, 1, 44100.0);
  write_noise(t, "noise.wav");
  dv_cli_voice(t, "1024.wav", 2, 1024, 44100.0);
  dv_cli_voice(t, "1025.wav", 2, 1025, 44100.0);
  dv_cli_voice(t, "brief.wav", 2, 17000, 44100.0);
  dv_cli_voice(t, "48000.wav", 2, 48000, 48000.0);
  write_resampled(t, "wet.wav", "wet-8000.wav", 8000.0);
  write_resampled(t, "wet.wav", "wet-192000.wav", 192000.0);
  write_later(t, "later.wav", 137, 0.5);
  write_later(t, "inverted.wav", 50, -1.0);
  dv_cli_voice(t, "nan.wav", 2, FRAMES, 44100.0);
  dv_cli_voice(t, "inf.wav", 2, FRAMES, 44100.0);
  patch_last_sample(t, "nan.wav", NAN);
  patch_last_sample(t, "inf.wav", -INFINITY);
  write_scaled(t, "silent.wav", 0.0);
  write_scaled(t, "faint.wav", 1e-5);
  write_scaled(t, "loud.wav", 1e6);
  write_scaled(t, "vast.wav", 1e38);
  char* wet = contents(t, "wet.wav", &size);
  dv_temp_file(t, "empty.wav", "", 0);
  dv_temp_file(t, "none.wav", no_frames, sizeof no_frames);
  dv_temp_file(t, "half.wav", wet, size / 2);
  memset(wet + 12, 0x5a, 24);
  dv_temp_file(t, "corrupt.wav", wet, size);
  free(wet);
  dv_temp_file(t, "text.wav", "hello", 5);
  return mkdir(dv_temp_path(t, "folder"), 0755);
}

/* ---- usage ---- */

static void test_wrong_usage_exits_with_2(void** state)
{
  static const row rows[] = {
    {FIT, "", "wants two files, DRY and WET"},
    {FIT, "dry.wav -o out", "wants two files, DRY and WET"},
    {FIT, "dry.wav wet.wav wet.wav -o out", "wants two files, DRY and WET"},
    {FIT, "dry.wav wet.wav", "wants a folder for its results: -o DIR"},
    {FIT, "dry.wav wet.wav -o ''", "wants a folder for its results: -o DIR"},
    {FIT, "dry.wav wet.wav -o", "see diffvox-fit --help"},
    {FIT, "dry.wav wet.wav -o out --frobnicate", "see diffvox-fit --help"},
    {FIT, "dry.wav wet.wav -o out -n 0", "--steps wants a whole number from 1, not 0"},
    {FIT, "dry.wav wet.wav -o out -n -3", "--steps wants a whole number from 1, not -3"},
    {FIT, "dry.wav wet.wav -o out -n 1.5", "--steps wants a whole number from 1, not 1.5"},
    {FIT, "dry.wav wet.wav -o out -n 20x", "--steps wants a whole number from 1, not 20x"},
    {FIT, "dry.wav wet.wav -o out -n nan", "--steps wants a whole number from 1, not nan"},
    {FIT, "dry.wav wet.wav -o out -n ''", "--steps wants a whole number from 1"},
    {FIT, "dry.wav wet.wav -o out -j 0", "--threads wants 1 to 1024, not 0"},
    {FIT, "dry.wav wet.wav -o out -j many", "--threads wants 1 to 1024, not many"},
    {FIT, "dry.wav wet.wav -o out --learning-rate 0", "--learning-rate wants 1e-9 to 10, not 0"},
    {FIT, "dry.wav wet.wav -o out --learning-rate inf", "--learning-rate wants 1e-9 to 10, not inf"},
    {FIT, "dry.wav wet.wav -o out --seed -1", "--seed wants a whole number from 0, not -1"},
    {FIT, "dry.wav wet.wav -o out --seed 1e17", "--seed wants a whole number from 0, not 1e17"},
    {FIT, "dry.wav wet.wav -o out --lufs 3", "--lufs wants 'off' or -60 to 0, not 3"},
    {FIT, "dry.wav wet.wav -o out --lufs on", "--lufs wants 'off' or -60 to 0, not on"},
    {FIT, "dry.wav wet.wav -o out --align maybe", "--align wants 'auto', 'off' or a number of samples, not maybe"},
    {FIT, "dry.wav wet.wav -o out --align 1.5", "--align wants 'auto', 'off' or a number of samples, not 1.5"},
    {FIT, "dry.wav wet.wav -o out --invert", "--invert goes with --align SAMPLES"},
    {FIT, "dry.wav wet.wav -o out --search 61", "--search wants 0.001 to 60 seconds, not 61"},
    {FIT, "dry.wav wet.wav -o out --freeze reverb,echo", "pan, not reverb,echo"},
    {FIT, "dry.wav wet.wav -o out --freeze ''", "--freeze wants some of eq,compressor,delay,reverb,send,pan"},
    {FIT, "dry.wav wet.wav -o out --freeze eq,compressor,delay,reverb,send,pan", "nothing is left to fit: leave one"},
    {FIT, "dry.wav wet.wav -o out --corpora folder", "--corpora goes with --init PRESET"},
    {FIT, "dry.wav wet.wav -o out --starts 0", "--starts wants 1 to 64, not 0"},
    {FIT, "dry.wav wet.wav -o out --starts 2 --reference", "--reference has one start; leave out --starts"},
    {FIT, "dry.wav wet.wav -o out --starts 2 -n 150", "--starts wants more than 150 steps"},
    {FIT, "dry.wav wet.wav -o out --max-seconds 0", "--max-seconds wants a positive number, not 0"},
    {FIT, "dry.wav wet.wav -o out --checkpoint-seconds -1", "--checkpoint-seconds wants a number from 0, not -1"},
    {LOSS, "", "wants two files, PRED and TARGET"},
    {LOSS, "wet.wav", "wants two files, PRED and TARGET"},
    {LOSS, "wet.wav wet.wav wet.wav", "wants two files, PRED and TARGET"},
    {LOSS, "wet.wav wet.wav --frobnicate", "see diffvox-loss --help"},
  };
  dv_temp* t = *state;
  const size_t before = dv_temp_count(t);
  expect_rows(t, rows, sizeof rows / sizeof *rows, 2);
  assert_int_equal(dv_temp_count(t), before);
}

static void test_help_and_version_exit_with_0(void** state)
{
  static const row rows[] = {
    {FIT, "--help", "usage: diffvox-fit DRY WET -o DIR"},
    {FIT, "--version", "diffvox-fit " DV_VERSION},
    {LOSS, "--help", "usage: diffvox-loss PRED TARGET"},
    {LOSS, "--version", "diffvox-loss " DV_VERSION},
  };
  expect_rows(*state, rows, sizeof rows / sizeof *rows, 0);
}

/* ---- stems ---- */

/* In either place of both programs. */
static void test_unreadable_audio_exits_with_1(void** state)
{
  static const char* const files[][2] = {
    {"absent.wav", "absent.wav: cannot read: No such file or directory; check the spelling"},
    {"folder", "folder: is a folder; give the name of an audio file"},
    {"/dev/null", "/dev/null: is a device or pipe; give the name of an audio file"},
    {"empty.wav", "empty.wav: is empty (0 bytes); export the file again"},
    {"none.wav", "none.wav: holds no audio (0 frames); export the file again"},
    {"half.wav", "frames are there; export the file again"},
    {"corrupt.wav", "corrupt.wav: cannot be read as audio"},
    {"text.wav", "text.wav: cannot be read as audio"},
    {"nan.wav", "nan.wav: sample 26459 of channel 2 (at 0.600 s) is not a number; repair or export the file again"},
    {"inf.wav", "inf.wav: sample 26459 of channel 2 (at 0.600 s) is infinite; repair or export the file again"},
  };
  dv_temp* t = *state;
  const size_t before = dv_temp_count(t);
  for (size_t f = 0; f < sizeof files / sizeof *files; ++f)
    for (int place = 0; place < 4; ++place) {
      char args[128];
      snprintf(args, sizeof args, "%s %s%s", place % 2 ? "wet.wav" : files[f][0], place % 2 ? files[f][0] : "wet.wav",
               place < 2 ? " -o out" : "");
      expect(t, place < 2 ? FIT : LOSS, args, 1, files[f][1]);
    }
  assert_int_equal(dv_temp_count(t), before);
}

static void test_stems_that_cannot_be_fitted_exit_with_1(void** state)
{
  static const row rows[] = {
    {FIT, "one.wav wet.wav -o out", "one.wav: 1 samples at 44.1 kHz are too few; at least 1025 are needed"},
    {FIT, "dry.wav one.wav -o out", "one.wav: 1 samples at 44.1 kHz are too few; at least 1025 are needed"},
    {FIT, "noise.wav wet.wav -o out", "wet.wav: no lag within 10 s makes it match the dry stem"},
    {FIT, "dry.wav wet.wav -o out --align 99999", "samples in common with the other stem, at a lag of 99999"},
    {FIT, "dry.wav wet.wav -o out --init nothing-like-it", "nothing-like-it"},
    {FIT, "dry.wav wet.wav -o out --init text.wav", "text.wav"},
    {FIT, "dry.wav brief.wav -o out --align off", "0.39 s of signal, at least 0.4 s are needed; --lufs off takes it"},
    {FIT, "dry.wav one.wav -o out --lufs off --align off", "at least 1025 are needed"},
    {FIT, "1024.wav wet.wav -o out --lufs off --align off", "1024.wav: 1024 samples at 44.1 kHz are too few"},
    {FIT, "silent.wav wet.wav -o out", "silent.wav: is silent: every sample is 0; export the stem again"},
    {FIT, "dry.wav silent.wav -o out", "silent.wav: is silent: every sample is 0; export the stem again"},
    {FIT, "dry.wav faint.wav -o out", "faint.wav: loudness cannot be measured: the signal is quieter than -70 LUFS"},
    {FIT, "faint.wav wet.wav -o out --lufs off", "the dry stem is silent (below -60 dBFS) throughout"},
    {FIT, "dry.wav faint.wav -o out --lufs off", "the wet stem is silent (below -60 dBFS)"},
    {FIT, "dry.wav wide.wav -o out", "wide.wav: 64 channels, the wet stem has one or two; mix it down first"},
    {FIT, "loud.wav wet.wav -o out", "is more than 100 dB from -18; bring it to full scale"},
    {FIT, "dry.wav loud.wav -o out", "loud.wav: its loudness, 105 LUFS, is more than 100 dB from -18"},
    {FIT, "dry.wav mono.wav -o out --freeze eq,compressor,delay,reverb,send", "with a mono wet stem the pan is held"},
    {FIT, "vast.wav wet.wav -o out --lufs off", "bring the stems to full scale"},
    {FIT, "dry.wav vast.wav -o out --lufs off", "bring the stems to full scale"},
    {LOSS, "one.wav wet.wav", "only 1 samples to compare; at least 1025 (23 ms) are needed"},
    {LOSS, "wet.wav 1024.wav", "only 1024 samples to compare; at least 1025 (23 ms) are needed"},
    {LOSS, "48000.wav wet.wav", "resample it, for example with: sox IN -r 44100 OUT"},
    {LOSS, "wide.wav wet.wav", "wide.wav: 64 channels, the losses compare mono or stereo"},
    {RENDER, "-p hall vast.wav out.wav", "vast.wav: is so loud that the effects overflow; bring it to full scale"},
    {LOSS, "wet.wav vast.wav", "samples are so large that the losses overflow; bring them to full scale"},
  };
  dv_temp* t = *state;
  expect_rows(t, rows, sizeof rows / sizeof *rows, 1);
  assert_int_equal(access(dv_temp_path(t, "out.wav"), F_OK), -1);
  remove(dv_temp_path(t, "out")); /* the folder exists where only the fit itself could tell; it is empty */
  assert_int_equal(access(dv_temp_path(t, "out"), F_OK), -1);
}

static void test_unusual_stems_are_fitted(void** state)
{
  static const struct {
    const char *args, *says;
    size_t frames;
  } rows[] = {
    {"wide.wav mono.wav", "using the first 0.60 s: the stems differ in length (0.60 s dry, 0.60 s wet)", FRAMES - 100},
    {"wet.wav mono.wav", "using the first 0.60 s", FRAMES - 100},
    {"dry.wav 1025.wav --lufs off --align off", "using the first 0.02 s", 1025},
    {"wet.wav loud.wav --lufs off", "loss", FRAMES},
    {"wet-192000.wav wet.wav", "wet-192000.wav: resampled from 192000 to 44100 Hz", FRAMES},
    {"dry.wav wet-8000.wav", "resampled from 8000 to 44100 Hz: it holds nothing above 4000 Hz", FRAMES},
  };
  dv_temp* t = *state;
  for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r) {
    char args[128], folder[16];
    snprintf(folder, sizeof folder, "unusual%zu", r);
    snprintf(args, sizeof args, "%s -o %s -n 2", rows[r].args, folder);
    expect(t, FIT, args, 0, rows[r].says);
    assert_int_equal(check_results(t, folder, rows[r].frames, "all steps done"), 2);
  }
}

static void test_loss_of_equal_files_is_zero_even_of_silence(void** state)
{
  dv_temp* t = *state;
  expect(t, LOSS, "wet.wav wet.wav", 0, "mldr_ms  0.0000\ntotal    0.0000\n");
  expect(t, LOSS, "silent.wav silent.wav", 0, "mldr_ms  0.0000\ntotal    0.0000\n");
  expect(t, LOSS, "--json 1025.wav 1025.wav", 0, "\"total\": 0, \"samples\": 1025, \"sample_rate_hz\": 44100}\n");
  expect(t, LOSS, "dry.wav mono.wav", 0, "comparing the first 0.598 s: dry.wav has 0.600 s, mono.wav 0.598 s");
}

/* ---- places to write to ---- */

static void test_bad_output_is_found_before_the_fit(void** state)
{
  static const row rows[] = {
    {FIT, "dry.wav wet.wav -o text.wav", "text.wav: cannot make the folder: File exists; choose another with -o"},
    {FIT, "dry.wav wet.wav -o text.wav/out", "text.wav/out: cannot make the folder: Not a directory"},
    {FIT, "dry.wav wet.wav -o no/where", "no/where: cannot make the folder: No such file or directory"},
    {FIT, "dry.wav wet.wav -o folder", "folder/render.wav: is a folder, not a file"},
    {FIT, "dry.wav wet.wav -o bundled", "bundled/preset.lv2: is a file, not a folder; remove it or choose another"},
    {FIT, "dry.wav mine/wet.wav -o mine", "mine/wet.wav: is a stem and would be replaced; choose another folder"},
    {FIT, "mine/dry-aligned.wav wet.wav -o mine", "mine/dry-aligned.wav: is a stem and would be replaced"},
    {FIT, "dry.wav mine/render.wav -o mine", "mine/render.wav: is a stem and would be replaced; choose another folder"},
    {FIT, "mine/render.wav wet.wav -o ./folder/../mine", "render.wav: is a stem and would be replaced"},
  };
  dv_temp* t = *state;
  assert_int_equal(mkdir(dv_temp_path(t, "folder/render.wav"), 0755), 0);
  assert_int_equal(mkdir(dv_temp_path(t, "bundled"), 0755), 0);
  dv_temp_file(t, "bundled/preset.lv2", "hello", 5);
  assert_int_equal(mkdir(dv_temp_path(t, "mine"), 0755), 0);
  dv_cli_voice(t, "mine/render.wav", 2, FRAMES, 44100.0);
  dv_cli_voice(t, "mine/wet.wav", 2, FRAMES, 44100.0);
  dv_cli_voice(t, "mine/dry-aligned.wav", 1, FRAMES, 44100.0);
  for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r) {
    char args[256];
    snprintf(args, sizeof args, "%s -n 1", rows[r].args);
    expect(t, rows[r].program, args, 1, rows[r].fragment);
  }
  assert_int_equal(access(dv_temp_path(t, "folder/preset.json"), F_OK), -1);
  assert_int_equal(access(dv_temp_path(t, "mine/preset.json"), F_OK), -1);
}

/* Starts a fit, for five minutes at most; its messages go to `log`. */
static pid_t start_fit(dv_temp* t, const char* folder, const char* steps, const char* log)
{
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child) return child;
  alarm(300);
  const char* words[] = {"diffvox-fit",          "dry.wav", "wet.wav", "-o", folder, "-n", steps,
                         "--checkpoint-seconds", "0",       NULL};
  if (chdir(t->dir) || !freopen(log, "w", stderr) || !freopen("/dev/null", "w", stdout)) _exit(99);
  execv(programs[FIT], (char**)words);
  _exit(99);
}

static void test_unwritable_folder_is_found_before_the_fit(void** state)
{
  dv_temp* t = *state;
  int result = 0;
  size_t size;
  dv_temp_file(t, "log", "", 0);
  assert_int_equal(chmod(t->path, 0666), 0);
  dv_temp_forbid(t);
  const pid_t child = start_fit(t, "never", "1", "log"); /* not by a shell, which would become root again */
  dv_temp_allow(t);
  assert_int_equal(waitpid(child, &result, 0), child);
  char* said = contents(t, "log", &size);
  const bool started = WEXITSTATUS(result) != 99;
  if (started && (WEXITSTATUS(result) != 1 || !strstr(said, "never: cannot make the folder: Permission denied")))
    fail_msg("status %d, \"%s\"", result, said);
  free(said);
  if (!started) skip(); /* the program lies where nobody but root can run it */
}

static void test_what_a_killed_fit_was_writing_is_removed(void** state)
{
  dv_temp* t = *state;
  static const char* const kept[] = {"killed/mine.wav.999999999-0.tmp", "killed/render.wav.tmp"};
  expect(t, FIT, "dry.wav wet.wav -o killed -n 1", 0, "");
  dv_temp_file(t, "killed/render.wav.999999999-0.tmp", "half", 4); /* no such process */
  for (size_t i = 0; i < 2; ++i) dv_temp_file(t, kept[i], "mine", 4);
  expect(t, FIT, "dry.wav wet.wav -o killed -n 1", 0, "");
  assert_int_equal(access(dv_temp_path(t, "killed/render.wav.999999999-0.tmp"), F_OK), -1);
  for (size_t i = 0; i < 2; ++i) assert_int_equal(access(dv_temp_path(t, kept[i]), F_OK), 0);
}

/* The settings and losses fit on the disk, the sound does not: what fits is kept, and an older render.wav too. */
static void test_full_disk_keeps_what_fits(void** state)
{
  dv_temp* t = *state;
  char command[2048], output[4096];
  expect(t, FIT, "dry.wav wet.wav -o full -n 1", 0, "");
  dv_cli_voice(t, "full/render.wav", 2, 10, 44100.0);
  snprintf(command, sizeof command, "ulimit -f 40; '%s' dry.wav wet.wav -o full -n 2", programs[FIT]);
  assert_int_equal(dv_cli_shell(t, command, output, sizeof output), 1);
  if (!strstr(output, "full/render.wav: cannot write: File too large")) fail_msg("%s", output);
  assert_int_equal(check_results(t, "full", 10, "all steps done"), 2);
  snprintf(command, sizeof command, "ulimit -f 40; '%s' -p neutral dry.wav new.wav", programs[RENDER]);
  assert_int_equal(dv_cli_shell(t, command, output, sizeof output), 1);
  if (!strstr(output, "new.wav: cannot write: File too large")) fail_msg("%s", output);
  assert_int_equal(access(dv_temp_path(t, "new.wav"), F_OK), -1);
}

static void test_results_survive_closed_streams(void** state)
{
  dv_temp* t = *state;
  expect(t, FIT, "mono.wav wet.wav -o open -n 2", 0, "");
  expect(t, FIT, "mono.wav wet.wav -o closed -n 2 <&- >&- 2>&-", 0, "");
  expect_same_fit(t, "open", "closed");
}

static void test_numbers_that_cannot_be_printed_are_a_failure(void** state)
{
  expect(*state, LOSS, "wet.wav wet.wav >&-", 1, "standard output: cannot write: Bad file descriptor");
  if (access("/dev/full", W_OK)) skip();
  expect(*state, LOSS, "wet.wav wet.wav >/dev/full", 1, "standard output: cannot write: No space left on device");
  expect(*state, LOSS, "wet.wav wet.wav --json >/dev/full", 1, "standard output: cannot write: No space left");
  expect(*state, FIT, "dry.wav wet.wav -o unheard -n 2 --json >/dev/full", 1, "standard output: cannot write");
}

/* ---- what a fit promises ---- */

/* A fit of that many steps, ended by Ctrl-C after its first ones. */
static void cut_fit(dv_temp* t, const char* folder, const char* steps)
{
  static const struct timespec pause = {0, 5000000};
  char checkpoint[256];
  int result = 0;
  const pid_t child = start_fit(t, folder, steps, "/dev/null");
  snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint", folder);
  for (int i = 0; access(dv_temp_path(t, checkpoint), F_OK) && i < 12000; ++i) nanosleep(&pause, NULL);
  kill(child, SIGINT);
  assert_int_equal(waitpid(child, &result, 0), child);
  assert_true(WIFEXITED(result));
  assert_int_equal(WEXITSTATUS(result), 130);
}

static void test_interrupted_fit_keeps_the_best_so_far(void** state)
{
  cut_fit(*state, "stopped", "1000000");
  assert_true(check_results(*state, "stopped", FRAMES, "interrupted") >= 1);
}

static void test_interrupted_fit_goes_on_as_if_nothing_had_been(void** state)
{
  dv_temp* t = *state;
  cut_fit(t, "cut", "16");
  assert_in_range(check_results(t, "cut", FRAMES, "interrupted"), 1, 15);
  expect(t, FIT, "dry.wav wet.wav -o cut -n 16 --resume", 0, "all steps done, 16 steps");
  expect(t, FIT, "dry.wav wet.wav -o uncut -n 16", 0, "all steps done, 16 steps");
  assert_int_equal(check_results(t, "cut", FRAMES, "all steps done"), 16);
  expect_same_fit(t, "cut", "uncut");
}

static void test_resume_refuses_what_it_cannot_continue(void** state)
{
  dv_temp* t = *state;
  cut_fit(t, "halted", "1000000");
  static const row rows[] = {
    {FIT, "dry.wav wet.wav -o halted -n 7 --resume", "halted/checkpoint: was made from other stems or with other"},
    {FIT, "dry.wav later.wav -o halted -n 1000000 --resume", "give the same, or leave out --resume"},
    {FIT, "dry.wav wet.wav -o halted -n 1000000 --freeze eq --resume", "from other stems or with other options"},
    {FIT, "dry.wav wet.wav -o halted -n 1000000 --seed 2 --resume", "from other stems or with other options"},
  };
  expect_rows(t, rows, sizeof rows / sizeof *rows, 1);
  dv_temp_file(t, "halted/checkpoint", "hello", 5);
  expect(t, FIT, "dry.wav wet.wav -o halted -n 1000000 --resume", 1, "halted/checkpoint: is damaged or no checkpoint");
  expect(t, FIT, "dry.wav wet.wav -o anew -n 1 --resume", 0, "anew: no checkpoint there, starting anew");
}

static void test_a_lag_is_found_or_taken_as_given(void** state)
{
  dv_temp* t = *state;
  expect(t, FIT, "dry.wav later.wav -o found -n 1", 0, "the wet stem is 137 samples (3.11 ms) later than the dry one");
  expect(t, FIT, "dry.wav later.wav -o given -n 1 --align 137", 0, "loss");
  expect_same_fit(t, "found", "given");
  expect(t, FIT, "dry.wav later.wav -o off -n 1 --align off", 0, "warning: the stems seem to be 137 samples apart");
  expect(t, FIT, "dry.wav inverted.wav -o upright -n 1", 0, "the wet stem is inverted");
  expect(t, FIT, "dry.wav inverted.wav -o told -n 1 --align 50 --invert", 0, "loss");
  expect_same_fit(t, "upright", "told");
  json_t* lag = run_member(t, "found", "stems", "alignment");
  assert_int_equal(json_integer_value(json_object_get(lag, "lag_samples")), 137);
  assert_int_equal(json_integer_value(json_object_get(lag, "polarity")), 1);
  json_decref(lag);
}

/* Frozen parts stay as the preset has them, the others move. */
static void test_a_fit_starts_from_a_preset(void** state)
{
  dv_temp* t = *state;
  dv_preset start, fitted;
  dv_error err = {""};
  expect(t, FIT, "dry.wav wet.wav -o source -n 3", 0, "");
  expect(t, FIT, "dry.wav wet.wav -o warm -n 3 --init source --freeze eq,compressor", 0, "");
  if (dv_preset_read(dv_temp_path(t, "source/preset.json"), &start, &err)) fail_msg("%s", err.text);
  if (dv_preset_read(dv_temp_path(t, "warm/preset.json"), &fitted, &err)) fail_msg("%s", err.text);
  assert_close(fitted.params.peak1.gain_db, start.params.peak1.gain_db, 1e-9, 0.0);
  assert_close(fitted.params.highpass.freq_hz, start.params.highpass.freq_hz, 1e-9, 0.0);
  assert_close(fitted.params.compressor.comp_ratio, start.params.compressor.comp_ratio, 1e-9, 0.0);
  assert_true(fabs(fitted.params.delay.gain / start.params.delay.gain - 1.0) > 1e-6);
  json_t* freeze = run_member(t, "warm", "options", "freeze");
  assert_string_equal(json_string_value(freeze), "eq,compressor");
  json_decref(freeze);
}

static dv_chain_params fitted_params(dv_temp* t, const char* folder)
{
  char path[256];
  dv_preset preset;
  dv_error err = {""};
  snprintf(path, sizeof path, "%s/preset.json", folder);
  if (dv_preset_read(dv_temp_path(t, path), &preset, &err)) fail_msg("%s", err.text);
  return preset.params;
}

static void test_a_stereo_preset_starts_the_fit_of_a_mono_stem_from_the_middle(void** state)
{
  dv_temp* t = *state;
  expect(t, FIT, "dry.wav wet.wav -o broad -n 3", 0, "");
  assert_true(fabs(fitted_params(t, "broad").pan - 0.5) > 1e-6);
  expect(t, FIT, "dry.wav mono.wav -o narrow -n 1 --init broad", 0,
         "the wet stem is mono: the pans of broad are set to the middle, its reverb's channels averaged");
  const dv_chain_params narrow = fitted_params(t, "narrow");
  assert_close(narrow.pan, 0.5, 0.0, 0.0);
  for (int line = 0; line < DV_FDN_LINES; ++line)
    assert_close(narrow.reverb.output[0][line], narrow.reverb.output[1][line], 0.0, 0.0);
}

static double run_number(dv_temp* t, const char* folder, const char* part, const char* key)
{
  json_t* member = run_member(t, folder, part, key);
  const double value = json_number_value(member);
  json_decref(member);
  return value;
}

static void test_a_given_learning_rate_is_taken_also_without_an_effect(void** state)
{
  dv_temp* t = *state;
  expect(t, FIT, "dry.wav mono.wav -o careful -n 1", 0, "");
  assert_close(run_number(t, "careful", "options", "learning_rate"), 0.01, 1e-9, 0.0);
  expect(t, FIT, "dry.wav mono.wav -o bold -n 1 --learning-rate 0.05", 0, "");
  assert_close(run_number(t, "bold", "options", "learning_rate"), 0.05, 1e-9, 0.0);
}

static void test_run_json_tells_how_the_fit_was_configured(void** state)
{
  dv_temp* t = *state;
  expect(t, FIT, "dry.wav wet.wav -o configured -n 1 --search 2.5", 0, "");
  assert_close(run_number(t, "configured", "options", "search_s"), 2.5, 1e-9, 0.0);
  assert_close(run_number(t, "configured", "options", "prior_weight"), 1e-3, 1e-9, 0.0);
  json_t *covering = run_member(t, "configured", "options", "covering"),
         *scaled = run_member(t, "configured", "options", "scaled");
  assert_true(json_is_true(covering) && json_is_true(scaled));
  json_decref(covering);
  json_decref(scaled);
}

static void test_time_allowed_ends_a_fit(void** state)
{
  expect(*state, FIT, "dry.wav wet.wav -o timed -n 1000000 --max-seconds 0.3", 0, "time up");
  assert_true(check_results(*state, "timed", FRAMES, "time up") >= 1);
}

static void test_a_fit_whose_time_was_up_goes_on(void** state)
{
  dv_temp* t = *state;
  expect(t, FIT, "dry.wav wet.wav -o longer -n 40 --max-seconds 0.01", 0, "time up");
  const size_t before = check_results(t, "longer", FRAMES, "time up");
  assert_in_range(before, 1, 39);
  expect(t, FIT, "dry.wav wet.wav -o longer -n 40 --max-seconds 0.01 --resume", 0, "time up");
  assert_int_equal(check_results(t, "longer", FRAMES, "time up"), before);
  expect(t, FIT, "dry.wav wet.wav -o longer -n 40 --resume", 0, "all steps done, 40 steps");
  assert_int_equal(check_results(t, "longer", FRAMES, "all steps done"), 40);
}

static void test_reference_is_the_published_procedure(void** state)
{
  dv_temp* t = *state;
  expect(t, FIT, "dry.wav wet.wav -o published --reference -n 2 --seed 4", 0, "all steps done");
  assert_int_equal(check_results(t, "published", FRAMES, "all steps done"), 2);
  json_t* rate = run_member(t, "published", "options", "final_rate");
  assert_close(json_number_value(rate), 0.01, 1e-9, 0.0);
  json_decref(rate);
}

/* Every line is an object; the steps come first, then the result. */
static void test_json_lines_are_json(void** state)
{
  char command[1024], output[8192];
  size_t steps = 0, results = 0;
  snprintf(command, sizeof command, "'%s' --json dry.wav wet.wav -o json -n 3 2>/dev/null", programs[FIT]);
  assert_int_equal(dv_cli_shell(*state, command, output, sizeof output), 0);
  for (char* line = strtok(output, "\n"); line; line = strtok(NULL, "\n")) {
    json_error_t error;
    json_t* object = json_loads(line, 0, &error);
    if (!object) fail_msg("%s: \"%s\"", error.text, line);
    if (json_object_get(object, "result")) ++results;
    else assert_int_equal(json_integer_value(json_object_get(object, "step")), steps++);
    json_decref(object);
  }
  assert_int_equal(steps, 3);
  assert_int_equal(results, 1);
}

/* 60 dB a step, say: the settings are held where a preset can have them. */
static void test_steps_beyond_the_ranges_still_give_a_preset(void** state)
{
  expect(*state, FIT, "dry.wav wet.wav -o fast -n 20 --reference --learning-rate 10 --checkpoint-seconds 0", 0, "loss");
  check_results(*state, "fast", FRAMES, "all steps done");
}

/* 26 s are three chunks, of which the last is silent: chunks and effects are spread over the threads. */
static void test_threads_and_repetition_change_nothing(void** state)
{
  dv_temp* t = *state;
  const size_t frames = 26 * 44100, heard = 19 * 44100;
  dv_audio wet;
  dv_cli_voice(t, "long-dry.wav", 1, frames, 44100.0);
  dv_cli_voice(t, "long-wet.wav", 2, frames, 44100.0);
  dv_cli_read(t, "long-wet.wav", &wet);
  for (size_t c = 0; c < 2; ++c) memset(dv_audio_channel(&wet, c) + heard, 0, (frames - heard) * sizeof(float));
  assert_int_equal(dv_audio_write(dv_temp_path(t, "long-wet.wav"), &wet, NULL, NULL), DV_OK);
  dv_audio_free(&wet);
  expect(t, FIT, "long-dry.wav long-wet.wav -o j1 -n 2 --seed 3 -j 1", 0, "");
  expect(t, FIT, "long-dry.wav long-wet.wav -o j2 -n 2 --seed 3 -j 2", 0, "");
  json_t* quiet = run_member(t, "j1", "result", "chunks_too_quiet");
  assert_int_equal(json_integer_value(quiet), 1);
  json_decref(quiet);
  expect_same_fit(t, "j1", "j2");
  expect(t, FIT, "dry.wav wet.wav -o first -n 2 --reference --seed 5", 0, "");
  expect(t, FIT, "dry.wav wet.wav -o again -n 2 --reference --seed 5", 0, "");
  expect(t, FIT, "dry.wav wet.wav -o other -n 2 --reference --seed 6", 0, "");
  expect_same_fit(t, "first", "again");
  char *losses = losses_without_times(t, "first/losses.csv"), *others = losses_without_times(t, "other/losses.csv");
  assert_string_not_equal(losses, others); /* the comparison can fail */
  free(losses);
  free(others);
}

static void test_quiet_fit_says_nothing(void** state)
{
  char command[1024], output[1024];
  snprintf(command, sizeof command, "'%s' --quiet mono.wav wet.wav -o quiet -n 1", programs[FIT]);
  assert_int_equal(dv_cli_shell(*state, command, output, sizeof output), 0);
  assert_string_equal(output, "");
}

/* The preset carries the gains of the loudness normalisation and of the way back. */
static void test_preset_renders_to_the_sound_of_the_fit(void** state)
{
  static const char* const fits[] = {"dry.wav wet.wav", "wide.wav dry.wav --lufs -30", "mono.wav wet.wav --lufs off"};
  dv_temp* t = *state;
  for (size_t f = 0; f < sizeof fits / sizeof *fits; ++f) {
    char args[256];
    snprintf(args, sizeof args, "%s -o preset -n 2", fits[f]);
    expect(t, FIT, args, 0, "");
    snprintf(args, sizeof args, "-p %s %.8s preset.wav", f ? "preset/preset.json" : "preset", fits[f]);
    expect(t, RENDER, args, 0, "");
    const double null_db = dv_cli_difference_db(t, "preset/render.wav", "preset.wav");
    print_message("%s: %.1f dB\n", fits[f], null_db);
    assert_true(null_db <= -100.0);
  }
}

int main(int argc, char** argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_wrong_usage_exits_with_2),
    cmocka_unit_test(test_help_and_version_exit_with_0),
    cmocka_unit_test(test_unreadable_audio_exits_with_1),
    cmocka_unit_test(test_stems_that_cannot_be_fitted_exit_with_1),
    cmocka_unit_test(test_unusual_stems_are_fitted),
    cmocka_unit_test(test_loss_of_equal_files_is_zero_even_of_silence),
    cmocka_unit_test(test_bad_output_is_found_before_the_fit),
    cmocka_unit_test(test_unwritable_folder_is_found_before_the_fit),
    cmocka_unit_test(test_what_a_killed_fit_was_writing_is_removed),
    cmocka_unit_test(test_full_disk_keeps_what_fits),
    cmocka_unit_test(test_results_survive_closed_streams),
    cmocka_unit_test(test_numbers_that_cannot_be_printed_are_a_failure),
    cmocka_unit_test(test_interrupted_fit_keeps_the_best_so_far),
    cmocka_unit_test(test_interrupted_fit_goes_on_as_if_nothing_had_been),
    cmocka_unit_test(test_resume_refuses_what_it_cannot_continue),
    cmocka_unit_test(test_a_lag_is_found_or_taken_as_given),
    cmocka_unit_test(test_a_fit_starts_from_a_preset),
    cmocka_unit_test(test_a_stereo_preset_starts_the_fit_of_a_mono_stem_from_the_middle),
    cmocka_unit_test(test_a_given_learning_rate_is_taken_also_without_an_effect),
    cmocka_unit_test(test_run_json_tells_how_the_fit_was_configured),
    cmocka_unit_test(test_time_allowed_ends_a_fit),
    cmocka_unit_test(test_a_fit_whose_time_was_up_goes_on),
    cmocka_unit_test(test_reference_is_the_published_procedure),
    cmocka_unit_test(test_json_lines_are_json),
    cmocka_unit_test(test_steps_beyond_the_ranges_still_give_a_preset),
    cmocka_unit_test(test_threads_and_repetition_change_nothing),
    cmocka_unit_test(test_quiet_fit_says_nothing),
    cmocka_unit_test(test_preset_renders_to_the_sound_of_the_fit),
  };
  if (argc != 1 + PROGRAMS) {
    fprintf(stderr, "usage: test_cli PATH_OF_DIFFVOX_FIT PATH_OF_DIFFVOX_LOSS PATH_OF_DIFFVOX_RENDER\n");
    return 2;
  }
  for (int p = 0; p < PROGRAMS; ++p) programs[p] = realpath(argv[1 + p], NULL);
  return cmocka_run_group_tests_name("cli", tests, write_stems, dv_temp_teardown);
}
