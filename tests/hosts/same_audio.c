/* SPDX-License-Identifier: MIT */
/* Are two audio files the same bit for bit?
 *
 *   same_audio LATE REFERENCE FRAMES
 *
 * LATE is FRAMES late against REFERENCE; where both have samples, all must be equal. */
#include "datasets/audio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char** argv)
{
  dv_audio late, reference;
  dv_error err;
  if (argc != 4) return 2;
  const size_t shift = (size_t)atoi(argv[3]);
  if (dv_audio_read(argv[1], &late, &err) || dv_audio_read(argv[2], &reference, &err)) {
    puts(err.text);
    return 2;
  }
  if (late.channels != reference.channels || late.frames <= shift) {
    printf("%s: %zu channels and %zu frames against %zu and %zu\n", argv[1], late.channels, late.frames,
           reference.channels, reference.frames);
    return 1;
  }
  const size_t rest = late.frames - shift, n = rest < reference.frames ? rest : reference.frames;
  for (size_t c = 0; c < late.channels; ++c)
    if (memcmp(dv_audio_channel(&late, c) + shift, dv_audio_channel(&reference, c), n * sizeof(float))) {
      printf("%s and %s differ in channel %zu\n", argv[1], argv[2], c);
      return 1;
    }
  dv_audio_free(&late);
  dv_audio_free(&reference);
  return 0;
}
