/* SPDX-License-Identifier: MIT */
#include "datasets/resample.h"

#include <math.h>
#include <soxr.h>

size_t dv_resampled_frames(size_t frames, double from_hz, double to_hz)
{
  return (size_t)floor((double)frames * to_hz / from_hz + 0.5);
}

enum { BLOCK_FRAMES = 65536 };

/* In blocks, one channel after the other: soxr copies all that it is given at once, in double. */
static soxr_error_t feed(soxr_t soxr, const float* in, size_t in_frames, float* out, size_t out_frames)
{
  size_t read = 0, written = 0;
  while (written < out_frames) {
    const size_t left = in_frames - read, count = left < BLOCK_FRAMES ? left : BLOCK_FRAMES;
    const size_t room = out_frames - written < BLOCK_FRAMES ? out_frames - written : BLOCK_FRAMES;
    size_t taken = 0, made = 0;
    const soxr_error_t error = soxr_process(soxr, count ? in + read : NULL, count, &taken, out + written, room, &made);
    if (error) return error;
    if (!taken && !made) return NULL; /* what soxr rounds away at the very end stays the zero it was */
    read += taken;
    written += made;
  }
  return NULL;
}

static dv_status resample_channel(const dv_audio* from, size_t channel, dv_audio* to, dv_error* err)
{
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_VHQ, 0);
  soxr_error_t error = NULL;
  soxr_t soxr = soxr_create(from->rate_hz, to->rate_hz, 1, &error, NULL, &quality, NULL);
  if (!error)
    error = feed(soxr, dv_audio_channel(from, channel), from->frames, dv_audio_channel(to, channel), to->frames);
  soxr_delete(soxr);
  return error ? dv_fail(err, DV_ERR_NOMEM, "Resampling from %g to %g Hz failed: %s", from->rate_hz, to->rate_hz, error)
               : DV_OK;
}

dv_status dv_audio_resample(dv_audio* audio, double rate_hz, dv_error* err)
{
  if (!(rate_hz >= DV_AUDIO_MIN_RATE_HZ && rate_hz <= DV_AUDIO_MAX_RATE_HZ))
    return dv_fail(err, DV_ERR_ARG, "A sample rate of %g Hz cannot be made; 8000 to 192000 Hz can", rate_hz);
  if (audio->rate_hz == rate_hz) return DV_OK;
  dv_audio out;
  dv_status status =
    dv_audio_alloc(audio->channels, dv_resampled_frames(audio->frames, audio->rate_hz, rate_hz), rate_hz, &out, err);
  for (size_t c = 0; !status && c < audio->channels; ++c) status = resample_channel(audio, c, &out, err);
  if (status) {
    dv_audio_free(&out);
    return status;
  }
  dv_audio_free(audio);
  *audio = out;
  return DV_OK;
}
