/* SPDX-License-Identifier: MIT */
#include "datasets/loudness.h"

#include <ebur128.h>
#include <math.h>

enum { BLOCK = 4096 };

static int add_frames(ebur128_state* state, const float* const* channels, size_t count, size_t frames)
{
  float block[BLOCK * 2];
  for (size_t start = 0; start < frames; start += BLOCK) {
    const size_t n = frames - start < BLOCK ? frames - start : BLOCK;
    for (size_t i = 0; i < n; ++i)
      for (size_t c = 0; c < count; ++c) block[i * count + c] = channels[c][start + i];
    if (ebur128_add_frames_float(state, block, n)) return 1;
  }
  return 0;
}

dv_status dv_loudness_lufs(const float* const* channels, size_t count, size_t frames, double rate_hz, double* lufs,
                           dv_error* err)
{
  if (count < 1 || count > 2 || !(rate_hz >= 16.0 && rate_hz <= 2822400.0))
    return dv_fail(err, DV_ERR_ARG, "loudness of %zu channels at %g Hz cannot be measured", count, rate_hz);
  ebur128_state* state = ebur128_init((unsigned)count, (unsigned long)lround(rate_hz), EBUR128_MODE_I);
  if (!state) return dv_fail(err, DV_ERR_NOMEM, "out of memory for a loudness meter");
  double value = -(double)INFINITY;
  const bool failed = add_frames(state, channels, count, frames) || ebur128_loudness_global(state, &value);
  ebur128_destroy(&state);
  if (failed) return dv_fail(err, DV_ERR_NOMEM, "out of memory for a loudness meter");
  if (!isfinite(value) && (double)frames < 0.4 * rate_hz)
    return dv_fail(err, DV_ERR_ARG, "loudness cannot be measured: %.2f s of signal, at least 0.4 s are needed",
                   (double)frames / rate_hz);
  if (!isfinite(value))
    return dv_fail(err, DV_ERR_ARG, "loudness cannot be measured: the signal is quieter than -70 LUFS");
  *lufs = value;
  return DV_OK;
}
