/* SPDX-License-Identifier: MIT */
#include "report/clip.h"

#include <math.h>
#include <sndfile.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_FRAMES = 4096 };

static const double STEP_S = 0.25;

/* --- Where ----------------------------------------------------------------------------------------------- */

static double energy(const float* const* channels, size_t count, size_t first, size_t end)
{
  double sum = 0.0;
  for (size_t c = 0; c < count; ++c)
    for (size_t i = first; i < end; ++i) {
      const double x = (double)channels[c][i];
      sum += isfinite(x) ? x * x : 0.0;
    }
  return sum;
}

size_t dv_clip_loudest(const float* const* channels, size_t count, size_t frames, double rate_hz, size_t length)
{
  const size_t step = (size_t)(STEP_S * rate_hz) + 1, span = length / step;
  if (length >= frames || !span) return 0;
  double *steps = malloc((frames / step + 1) * sizeof *steps), sum = 0.0, most = -1.0;
  size_t best = 0;
  if (!steps) return 0; /* an excerpt from the start is as good a one */
  for (size_t i = 0; i < frames / step; ++i) {
    steps[i] = energy(channels, count, i * step, (i + 1) * step);
    sum += steps[i];
    if (i >= span) sum -= steps[i - span];
    if (i + 1 >= span && sum > most * (1.0 + 1e-9)) {
      most = sum;
      best = i + 1 - span;
    }
  }
  free(steps);
  const size_t first = best * step;
  return first + length > frames ? frames - length : first;
}

/* --- Encoding into memory -------------------------------------------------------------------------------- */

typedef struct {
  dv_buffer* out;
  size_t origin; /* of the file in out */
  size_t position;
} memory_file;

static sf_count_t file_length(void* user)
{
  return (sf_count_t)(((memory_file*)user)->out->size - ((memory_file*)user)->origin);
}
static sf_count_t file_tell(void* user) { return (sf_count_t)((memory_file*)user)->position; }

static sf_count_t file_seek(sf_count_t offset, int whence, void* user)
{
  memory_file* f = user;
  const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file_tell(user) : file_length(user);
  if (base + offset < 0 || base + offset > file_length(user)) return -1;
  f->position = (size_t)(base + offset);
  return base + offset;
}

static sf_count_t file_read(void* bytes, sf_count_t size, void* user)
{
  memory_file* f = user;
  const sf_count_t left = file_length(user) - file_tell(user);
  const size_t got = (size_t)(size < left ? size : left);
  if (got) memcpy(bytes, f->out->data + f->origin + f->position, got);
  f->position += got;
  return (sf_count_t)got;
}

static sf_count_t file_write(const void* bytes, sf_count_t size, void* user)
{
  memory_file* f = user;
  const sf_count_t left = file_length(user) - file_tell(user);
  const size_t over = (size_t)(size < left ? size : left); /* a header written again */
  if (over) memcpy(f->out->data + f->origin + f->position, bytes, over);
  dv_buffer_bytes(f->out, (const char*)bytes + over, (size_t)size - over);
  f->position += (size_t)size;
  return f->out->status ? 0 : size;
}

static bool write_frames(SNDFILE* file, const float* const* channels, size_t count, size_t frames, float gain)
{
  float block[BLOCK_FRAMES * 2];
  for (size_t done = 0; done < frames;) {
    const size_t n = frames - done < BLOCK_FRAMES ? frames - done : BLOCK_FRAMES;
    for (size_t i = 0; i < n; ++i)
      for (size_t c = 0; c < count; ++c) block[i * count + c] = gain * channels[c][done + i];
    if (sf_writef_float(file, block, (sf_count_t)n) != (sf_count_t)n) return false;
    done += n;
  }
  return true;
}

static dv_status encode(dv_buffer* out, const float* const* channels, size_t count, size_t frames, SF_INFO* info,
                        double compression, float gain)
{
  SF_VIRTUAL_IO io = {file_length, file_seek, file_read, file_write, file_tell};
  memory_file memory = {.out = out, .origin = out->size};
  SNDFILE* file = sf_open_virtual(&io, SFM_WRITE, info, &memory);
  if (!file) return DV_ERR_IO;
  int constant = SF_BITRATE_MODE_CONSTANT; /* places are then found without a table */
  sf_command(file, SFC_SET_BITRATE_MODE, &constant, sizeof constant);
  sf_command(file, SFC_SET_COMPRESSION_LEVEL, &compression, sizeof compression);
  const bool written = write_frames(file, channels, count, frames, gain);
  const bool closed = !sf_close(file);
  return out->status ? out->status : written && closed && out->size > memory.origin ? DV_OK : DV_ERR_IO;
}

/* Asking libsndfile for another rate fails too, but not without a leak. */
static bool has_rate(int format, double rate_hz)
{
  static const int rates_hz[] = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000};
  for (size_t i = 0; i < sizeof rates_hz / sizeof *rates_hz; ++i)
    if (lround(rate_hz) == rates_hz[i]) return true;
  return (format & SF_FORMAT_TYPEMASK) != SF_FORMAT_MPEG;
}

dv_status dv_clip_encode(dv_buffer* out, const float* const* channels, size_t count, size_t frames, double rate_hz,
                         double gain_db, const char** type)
{
  static const struct {
    int format;
    double compression[2]; /* of one channel, of two: about 64 and 128 kbit/s */
    const char* type;
  } choices[] = {{SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, {0.8, 0.65}, "audio/mpeg"},
                 {SF_FORMAT_OGG | SF_FORMAT_VORBIS, {0.5, 0.5}, "audio/ogg"}};
  if (count == 2 && channels[0] == channels[1]) count = 1;
  if (!frames || !count || count > 2) return DV_ERR_ARG;
  for (size_t c = 0; c < count; ++c)
    for (size_t i = 0; i < frames; ++i)
      if (!isfinite(channels[c][i])) return DV_ERR_NONFINITE;
  dv_status status = DV_ERR_ARG;
  const size_t before = out->size;
  for (size_t i = 0; status && status != DV_ERR_NOMEM && i < sizeof choices / sizeof *choices; ++i) {
    SF_INFO info = {.channels = (int)count, .samplerate = (int)lround(rate_hz), .format = choices[i].format};
    if (!sf_format_check(&info) || !has_rate(info.format, rate_hz)) continue;
    *type = choices[i].type;
    if (!out->status) out->size = before;
    status =
      encode(out, channels, count, frames, &info, choices[i].compression[count - 1], (float)pow(10.0, gain_db / 20.0));
  }
  return status;
}
