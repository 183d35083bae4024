/* SPDX-License-Identifier: MIT */
/* Runs the tools as a user does, in a temporary folder, on signals made here. */
#ifndef DV_CLI_H
#define DV_CLI_H

#include "datasets/audio.h"
#include "dv_temp.h"
#include "dv_test.h"

#include <sys/wait.h>

/* Runs a shell command in the folder; returns its exit status, -1 where a signal ended the shell.  output
   receives what it wrote to both streams. */
static inline int dv_cli_shell(dv_temp* t, const char* command, char* output, size_t size)
{
  char line[4096];
  snprintf(line, sizeof line, "cd '%s' && { %s\n} >log 2>&1", t->dir, command);
  const int result = system(line);
  FILE* log = fopen(dv_temp_path(t, "log"), "r");
  assert_non_null(log);
  output[fread(output, 1, size - 1, log)] = '\0';
  fclose(log);
  remove(t->path);
  return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
}

/* Runs the program with the words of args, each path relative to the folder. */
static inline void dv_cli_expect(dv_temp* t, const char* program, const char* args, int status, const char* fragment)
{
  char command[2048], output[8192];
  snprintf(command, sizeof command, "'%s' %s", program, args);
  const int got = dv_cli_shell(t, command, output, sizeof output);
  if (got != status || !strstr(output, fragment))
    fail_msg("%s %s: status %d, \"%s\"; expected %d with \"%s\"", strrchr(program, '/') + 1, args, got, output, status,
             fragment);
}

/* Bursts of a decaying tone with some noise: attacks, silence, and all frequencies.  Every channel differs. */
static inline void dv_cli_voice(dv_temp* t, const char* name, size_t channels, size_t frames, double rate_hz)
{
  dv_audio a;
  uint64_t seed = 7;
  assert_int_equal(dv_audio_alloc(channels, frames, rate_hz, &a, NULL), DV_OK);
  for (size_t c = 0; c < channels; ++c)
    for (size_t n = 0; n < frames; ++n) {
      const double s = (double)n / rate_hz, burst = exp(-6.0 * fmod(s, 0.5));
      const double tone = sin(2.0 * 3.141592653589793 * 220.0 * s) + 0.1 * dv_rand(&seed);
      dv_audio_channel(&a, c)[n] = (float)(0.5 * burst * tone);
    }
  assert_int_equal(dv_audio_write(dv_temp_path(t, name), &a, NULL, NULL), DV_OK);
  dv_audio_free(&a);
}

static inline void dv_cli_read(dv_temp* t, const char* name, dv_audio* a)
{
  dv_error err;
  if (dv_audio_read(dv_temp_path(t, name), a, &err)) fail_msg("%s", err.text);
}

/* Energy of the difference against the first's, in dB. */
static inline double dv_cli_difference_db(dv_temp* t, const char* first, const char* second)
{
  dv_audio a, b;
  double error = 1e-30, power = 1e-30;
  dv_cli_read(t, first, &a);
  dv_cli_read(t, second, &b);
  assert_int_equal(a.channels, b.channels);
  assert_int_equal(a.frames, b.frames);
  for (size_t i = 0; i < a.channels * a.frames; ++i) {
    const double x = (double)a.samples[i], y = (double)b.samples[i];
    error += (x - y) * (x - y);
    power += x * x;
  }
  dv_audio_free(&a);
  dv_audio_free(&b);
  return 10.0 * log10(error / power);
}

#endif
