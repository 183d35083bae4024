/* SPDX-License-Identifier: MIT */
/* Audio files: WAV, AIFF, FLAC, Ogg, MP3 and whatever else libsndfile reads; 1 to 64 channels at 8 to 192 kHz.
 *
 * Signals are float in both builds of the library.  Bad files are normal: every function that can fail
 * says which file, what was found in it and what to do. */
#ifndef DIFFVOX_AUDIO_H
#define DIFFVOX_AUDIO_H

#include "dsp/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DV_AUDIO_MAX_CHANNELS = 64 };
#define DV_AUDIO_MIN_RATE_HZ 8000.0
#define DV_AUDIO_MAX_RATE_HZ 192000.0

/* Planar: channel c is samples[c * frames] .. samples[(c + 1) * frames - 1]; full scale is 1.
   The samples belong to whoever holds the struct: dv_audio_free. */
typedef struct {
  float* samples;
  size_t channels, frames;
  double rate_hz;
} dv_audio;

static inline float* dv_audio_channel(const dv_audio* audio, size_t channel)
{
  return audio->samples + channel * audio->frames;
}

/* Silence of the given shape.  DV_ERR_NOMEM, also when the size overflows; *audio is then empty. */
DV_NODISCARD dv_status dv_audio_alloc(size_t channels, size_t frames, double rate_hz, dv_audio* audio, dv_error* err);

/* Frees the samples and empties the struct; an empty struct (zeroed) may be freed again. */
void dv_audio_free(dv_audio* audio);

/* Reads a whole file.  *audio is overwritten (not freed first) and empty after an error:
   DV_ERR_IO         not there, not readable, a folder, a pipe
   DV_ERR_FORMAT     empty, not audio, no frames, damaged, or truncated: fewer frames than its header
                     promises.  Streamed WAV files, whose header leaves the length open, are read to
                     their end; Ogg files, and MP3 files without a Xing header, state no length
   DV_ERR_ARG        more channels than 64 or a rate outside 8 to 192 kHz
   DV_ERR_NONFINITE  see dv_audio_check_finite
   DV_ERR_NOMEM      the audio does not fit in memory */
DV_NODISCARD dv_status dv_audio_read(const char* path, dv_audio* audio, dv_error* err);

/* DV_ERR_NONFINITE naming the first channel and time that holds a NaN or an infinity; name is what the
   message calls the audio. */
DV_NODISCARD dv_status dv_audio_check_finite(const dv_audio* audio, const char* name, dv_error* err);

/* Writes by extension: .wav 32-bit float (RF64 from 4 GB on), .flac 24-bit, .ogg Vorbis.  FLAC is
   integer: samples beyond full scale are clipped and *clipped (may be NULL) receives their number; it is
   0 for the other formats, which hold them.  The file appears complete under its name or not at all.
   DV_ERR_ARG: unknown extension, or a shape the format cannot hold.  DV_ERR_NONFINITE.  DV_ERR_IO: folder
   missing or not writable, disk full. */
DV_NODISCARD dv_status dv_audio_write(const char* path, const dv_audio* audio, size_t* clipped, dv_error* err);

/* What dv_audio_write would say about the name, the shape and the folder, found out before the work: its
   samples are not looked at and may be NULL. */
DV_NODISCARD dv_status dv_audio_check_write(const char* path, const dv_audio* shape, dv_error* err);

/* Replaces the channels by their mean, in place. */
void dv_audio_to_mono(dv_audio* audio);

/* Every sample times 10^(gain_db/20). */
void dv_audio_apply_gain(dv_audio* audio, double gain_db);

#ifdef __cplusplus
}
#endif
#endif
