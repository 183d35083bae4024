/* SPDX-License-Identifier: MIT */
/* How far an audio file is from another one, of which it is a late copy.
 *
 *   residual LATE REFERENCE MOST_LATE_FRAMES LIMIT_DB
 *
 * Tries delays of 0 to MOST_LATE_FRAMES, takes that with the least difference, and prints it with the root mean square
 * of the difference against that of REFERENCE in dB.  Exit status: 0 up to LIMIT_DB, 1 above it, also when REFERENCE
 * is silent or the shapes differ; 2 when a file cannot be read, which includes a sample that is not finite. */
#include "datasets/audio.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double SILENCE = 1e-4; /* root mean square: what is compared must have been heard */

static double energy(const dv_audio* audio)
{
  double sum = 0;
  for (size_t i = 0; i < audio->channels * audio->frames; ++i)
    sum += (double)audio->samples[i] * (double)audio->samples[i];
  return sum;
}

/* Energy of the difference when `late` lags by `lag`; no more than needed to see that it is not below `best`. */
static double difference(const dv_audio* late, const dv_audio* reference, size_t lag, double best)
{
  double sum = 0;
  for (size_t c = 0; c < late->channels; ++c) {
    const float *a = dv_audio_channel(late, c) + lag, *b = dv_audio_channel(reference, c);
    for (size_t i = 0; i < reference->frames && sum < best; ++i) {
      const double d = (double)a[i] - (double)b[i];
      sum += d * d;
    }
  }
  return sum;
}

static int compare(const dv_audio* late, dv_audio* reference, size_t most_late, double limit_db)
{
  if (late->channels != reference->channels || late->frames <= most_late || late->rate_hz != reference->rate_hz) {
    printf("%zu channels of %zu frames at %g Hz against %zu of %zu at %g Hz\n", late->channels, late->frames,
           late->rate_hz, reference->channels, reference->frames, reference->rate_hz);
    return 1;
  }
  const double level = sqrt(energy(reference) / (double)(reference->channels * reference->frames));
  size_t lag = 0;
  double least = HUGE_VAL;
  for (size_t l = 0; l <= most_late; ++l) {
    const double d = difference(late, reference, l, least);
    if (d < least) {
      least = d;
      lag = l;
    }
  }
  const double residual_db = 10 * log10(least / energy(reference));
  const int bad = level < SILENCE || !(residual_db <= limit_db);
  printf("late by %zu frames, residual %.1f dB, limit %.1f dB, level %.1f dBFS%s\n", lag, residual_db, limit_db,
         20 * log10(level), level < SILENCE ? ": silent" : "");
  return bad;
}

/* Compares no more of the reference than the late file can hold. */
static void shorten(dv_audio* reference, size_t frames)
{
  if (reference->frames <= frames) return;
  for (size_t c = 1; c < reference->channels; ++c)
    for (size_t i = 0; i < frames; ++i)
      reference->samples[c * frames + i] = reference->samples[c * reference->frames + i];
  reference->frames = frames;
}

int main(int argc, char** argv)
{
  dv_audio late = {0}, reference = {0};
  dv_error err;
  if (argc != 5) return 2;
  const size_t most_late = (size_t)strtoul(argv[3], NULL, 10);
  int result = 2;
  if (dv_audio_read(argv[1], &late, &err) || dv_audio_read(argv[2], &reference, &err)) puts(err.text);
  else {
    if (late.frames > most_late) shorten(&reference, late.frames - most_late);
    result = compare(&late, &reference, most_late, strtod(argv[4], NULL));
  }
  dv_audio_free(&late);
  dv_audio_free(&reference);
  return result;
}
