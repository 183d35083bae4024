/* SPDX-License-Identifier: MIT */
/* Excerpts of recordings, small enough to be part of a page. */
#ifndef DIFFVOX_REPORT_CLIP_H
#define DIFFVOX_REPORT_CLIP_H

#include "report/buffer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where the loudest `length` frames of one or two channels begin, in steps of a quarter of a second.  0 when
   there are no more than that.  Samples that are not finite count as silence. */
size_t dv_clip_loudest(const float* const* channels, size_t count, size_t frames, double rate_hz, size_t length);

/* ADDS the recording, times 10^(gain_db/20), to out as MP3, or as Ogg Vorbis where the rate or libsndfile has no
   MP3; *type is "audio/mpeg" or "audio/ogg".  An Ogg file carries a random serial number, so its bytes differ from
   run to run.  One or two channels; the same pointer twice is one channel.
   DV_ERR_ARG: no frames, or neither can hold them.  DV_ERR_NONFINITE.  DV_ERR_NOMEM.  DV_ERR_IO: the encoder
   failed. */
DV_NODISCARD dv_status dv_clip_encode(dv_buffer* out, const float* const* channels, size_t count, size_t frames,
                                      double rate_hz, double gain_db, const char** type);

#ifdef __cplusplus
}
#endif
#endif
