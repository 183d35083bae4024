/* SPDX-License-Identifier: MIT */
#include "datasets/audio.h"
#include "datasets/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sndfile.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Silence in the largest FLAC blocks packs 5461 frames into a byte; what promises more does not hold it. */
enum { MAX_FRAMES_PER_BYTE = 8192 };

enum { BLOCK_FRAMES = 4096 }; /* libsndfile's Vorbis encoder takes its block from the stack: keep it small */

dv_status dv_audio_alloc(size_t channels, size_t frames, double rate_hz, dv_audio* audio, dv_error* err)
{
  *audio = (dv_audio){0};
  if (channels && frames > SIZE_MAX / sizeof(float) / channels)
    return dv_fail(err, DV_ERR_NOMEM, "No memory for %zu channels of %zu frames", channels, frames);
  audio->samples = calloc(channels * frames + 1, sizeof *audio->samples); /* + 1: zero frames are no failure */
  if (!audio->samples)
    return dv_fail(err, DV_ERR_NOMEM, "No memory for %zu channels of %zu frames (%.1f GB)", channels, frames,
                   (double)channels * (double)frames * sizeof(float) / 1e9);
  audio->channels = channels;
  audio->frames = frames;
  audio->rate_hz = rate_hz;
  return DV_OK;
}

void dv_audio_free(dv_audio* audio)
{
  free(audio->samples);
  *audio = (dv_audio){0};
}

dv_status dv_audio_check_finite(const dv_audio* audio, const char* name, dv_error* err)
{
  for (size_t c = 0; c < audio->channels; ++c) {
    const float* x = dv_audio_channel(audio, c);
    for (size_t i = 0; i < audio->frames; ++i)
      if (!isfinite(x[i]))
        return dv_fail(
          err, DV_ERR_NONFINITE, "%s: sample %zu of channel %zu (at %.3f s) is %s; repair or export the file again",
          dv_file_label(name), i, c + 1, (double)i / audio->rate_hz, isnan(x[i]) ? "not a number" : "infinite");
  }
  return DV_OK;
}

void dv_audio_to_mono(dv_audio* audio)
{
  if (audio->channels < 2) return;
  for (size_t i = 0; i < audio->frames; ++i) {
    double sum = 0.0;
    for (size_t c = 0; c < audio->channels; ++c) sum += (double)audio->samples[c * audio->frames + i];
    audio->samples[i] = (float)(sum / (double)audio->channels);
  }
  audio->channels = 1;
}

/* --- Reading ------------------------------------------------------------------------------------- */

/* WAV and AIFF are lists of chunks: four letters, a 32-bit size, the contents padded to even length. */
typedef struct {
  uint64_t promised, found; /* bytes of the chunk with the samples */
} chunk_size;

static uint32_t read_u32(const unsigned char* p, bool big_endian)
{
  return big_endian ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
                    : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* Sizes that programs write which do not know the length yet. */
static bool is_open_size(uint64_t size)
{
  return size == 0 || (size >= 0x7fff0000U && size <= 0x80000000U) || (size >= 0xffff0000U && size <= 0xffffffffU);
}

/* libsndfile shortens a truncated WAV or AIFF without a word, so the size of its samples is looked up
   here.  False where the file is of another kind, or leaves the length open as streams do. */
static bool find_sample_chunk(int fd, uint64_t file_size, chunk_size* chunk)
{
  unsigned char head[24]; /* enough for the file's head and for the sizes in RF64's ds64 chunk */
  if (pread(fd, head, 12, 0) != 12) return false;
  const bool wave = (!memcmp(head, "RIFF", 4) || !memcmp(head, "RF64", 4)) && !memcmp(head + 8, "WAVE", 4);
  const bool aiff = !memcmp(head, "FORM", 4) && !memcmp(head + 8, "AIF", 3);
  uint64_t long_size = 0;
  for (uint64_t at = 12; (wave || aiff) && at + 8 <= file_size;) {
    memset(head, 0, sizeof head);
    if (pread(fd, head, sizeof head, (off_t)at) < 8) return false;
    const uint32_t size = read_u32(head + 4, aiff);
    at += 8;
    if (!memcmp(head, "ds64", 4)) long_size = read_u32(head + 16, false) | (uint64_t)read_u32(head + 20, false) << 32;
    if (!memcmp(head, wave ? "data" : "SSND", 4)) {
      const uint64_t lead = aiff ? 8 : 0, left = file_size - at; /* SSND begins with 8 bytes that are no samples */
      chunk->promised = (long_size ? long_size : size) - lead;
      chunk->found = left < lead ? 0 : left - lead < chunk->promised ? left - lead : chunk->promised;
      return long_size || (size >= lead && !is_open_size(size));
    }
    at += (uint64_t)size + (size & 1);
  }
  return false;
}

/* Exact for the plain encodings, the mean for compressed ones. */
static double bytes_per_frame(const SF_INFO* info, uint64_t bytes)
{
  switch (info->format & SF_FORMAT_SUBMASK) {
  case SF_FORMAT_PCM_16: return 2.0 * info->channels;
  case SF_FORMAT_PCM_24: return 3.0 * info->channels;
  case SF_FORMAT_PCM_32:
  case SF_FORMAT_FLOAT: return 4.0 * info->channels;
  case SF_FORMAT_DOUBLE: return 8.0 * info->channels;
  default: return (double)bytes / (double)info->frames;
  }
}

static dv_status check_chunk(int fd, uint64_t file_size, const SF_INFO* info, const char* path, dv_error* err)
{
  chunk_size chunk = {0, 0};
  if (!find_sample_chunk(fd, file_size, &chunk) || chunk.found >= chunk.promised || info->frames < 1) return DV_OK;
  const double promised = floor((double)chunk.promised / bytes_per_frame(info, chunk.found));
  if (promised <= (double)info->frames) return DV_OK; /* a last, incomplete frame is only padding */
  return dv_fail(err, DV_ERR_FORMAT, "%s: is truncated: %lld of %.0f frames are there; export the file again",
                 dv_file_label(path), (long long)info->frames, promised);
}

static dv_status check_info(const SF_INFO* info, uint64_t file_size, const char* path, dv_error* err)
{
  if (info->frames < 1)
    return dv_fail(err, DV_ERR_FORMAT, "%s: holds no audio (0 frames); export the file again", dv_file_label(path));
  if (info->channels < 1 || info->channels > DV_AUDIO_MAX_CHANNELS)
    return dv_fail(err, DV_ERR_ARG, "%s: has %d channels; 1 to %d can be read", dv_file_label(path), info->channels,
                   (int)DV_AUDIO_MAX_CHANNELS);
  if (info->samplerate < DV_AUDIO_MIN_RATE_HZ || info->samplerate > DV_AUDIO_MAX_RATE_HZ)
    return dv_fail(err, DV_ERR_ARG, "%s: has a sample rate of %d Hz; 8000 to 192000 Hz can be read: resample it",
                   dv_file_label(path), info->samplerate);
  if ((uint64_t)info->frames / MAX_FRAMES_PER_BYTE > file_size)
    return dv_fail(err, DV_ERR_FORMAT, "%s: is damaged: promises %lld frames in %llu bytes; export the file again",
                   dv_file_label(path), (long long)info->frames, (unsigned long long)file_size);
  return DV_OK;
}

static dv_status read_frames(SNDFILE* file, const char* path, dv_audio* audio, dv_error* err)
{
  float* block = malloc(BLOCK_FRAMES * audio->channels * sizeof *block);
  if (!block) return dv_fail(err, DV_ERR_NOMEM, "%s: no memory to read it", dv_file_label(path));
  size_t done = 0;
  while (done < audio->frames) {
    const size_t want = audio->frames - done < BLOCK_FRAMES ? audio->frames - done : BLOCK_FRAMES;
    const sf_count_t got = sf_readf_float(file, block, (sf_count_t)want);
    if (got < 1) break;
    for (size_t c = 0; c < audio->channels; ++c)
      for (size_t i = 0; i < (size_t)got; ++i) dv_audio_channel(audio, c)[done + i] = block[i * audio->channels + c];
    done += (size_t)got;
    if (sf_error(file)) break;
  }
  free(block);
  if (sf_error(file))
    return dv_fail(err, DV_ERR_FORMAT, "%s: is damaged after frame %zu of %zu (%s); export the file again",
                   dv_file_label(path), done, audio->frames, sf_strerror(file));
  if (done < audio->frames)
    return dv_fail(err, DV_ERR_FORMAT, "%s: is truncated: %zu of %zu frames are there; export the file again",
                   dv_file_label(path), done, audio->frames);
  return DV_OK;
}

static dv_status read_sound(int fd, uint64_t file_size, const char* path, dv_audio* audio, dv_error* err)
{
  SF_INFO info = {0};
  SNDFILE* file = sf_open_fd(fd, SFM_READ, &info, SF_FALSE);
  if (!file)
    return dv_fail(err, DV_ERR_FORMAT, "%s: cannot be read as audio (%s); give WAV, AIFF, FLAC, Ogg or MP3",
                   dv_file_label(path), sf_strerror(NULL));
  dv_status status = check_info(&info, file_size, path, err);
  if (!status) status = check_chunk(fd, file_size, &info, path, err);
  if (!status && (uint64_t)info.frames > SIZE_MAX)
    status = dv_fail(err, DV_ERR_NOMEM, "%s: is too long for this machine", dv_file_label(path));
  if (!status) status = dv_audio_alloc((size_t)info.channels, (size_t)info.frames, info.samplerate, audio, err);
  if (!status) status = read_frames(file, path, audio, err);
  sf_close(file);
  return status;
}

dv_status dv_audio_read(const char* path, dv_audio* audio, dv_error* err)
{
  *audio = (dv_audio){0};
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* non-blocking: a pipe must not hang us */
  if (fd < 0) return dv_file_error(err, path, "read", errno);
  struct stat st;
  dv_status status;
  if (fstat(fd, &st)) status = dv_file_error(err, path, "read", errno);
  else if (!S_ISREG(st.st_mode))
    status = dv_fail(err, DV_ERR_IO, "%s: is %s; give the name of an audio file", dv_file_label(path),
                     S_ISDIR(st.st_mode) ? "a folder" : "a device or pipe");
  else if (st.st_size == 0)
    status = dv_fail(err, DV_ERR_FORMAT, "%s: is empty (0 bytes); export the file again", dv_file_label(path));
  else status = read_sound(fd, (uint64_t)st.st_size, path, audio, err);
  close(fd);
  if (!status) status = dv_audio_check_finite(audio, path, err);
  if (status) dv_audio_free(audio);
  return status;
}

/* --- Writing ------------------------------------------------------------------------------------- */

#define WAV_MAX_BYTES 4294963200.0 /* sizes in a WAV header are 32 bits; the rest is for the header */
#define VORBIS_QUALITY 0.8

static dv_status output_format(const char* path, const dv_audio* audio, int* format, dv_error* err)
{
  const char* dot = strrchr(path, '.');
  const char* extension = dot && !strchr(dot, '/') ? dot : "";
  const double bytes = (double)audio->channels * (double)audio->frames * sizeof(float);
  if (!strcasecmp(extension, ".wav"))
    *format = (bytes > WAV_MAX_BYTES ? SF_FORMAT_RF64 : SF_FORMAT_WAV) | SF_FORMAT_FLOAT;
  else if (!strcasecmp(extension, ".flac")) *format = SF_FORMAT_FLAC | SF_FORMAT_PCM_24;
  else if (!strcasecmp(extension, ".ogg") || !strcasecmp(extension, ".oga")) *format = SF_FORMAT_OGG | SF_FORMAT_VORBIS;
  else
    return dv_fail(err, DV_ERR_ARG, "%s: the extension '%s' is not known; write .wav, .flac or .ogg",
                   dv_file_label(path), extension);
  return DV_OK;
}

static size_t count_overs(const dv_audio* audio)
{
  const float highest = 8388607.0f / 8388608.0f; /* largest 24-bit value */
  size_t overs = 0;
  for (size_t i = 0; i < audio->channels * audio->frames; ++i)
    overs += audio->samples[i] > highest || audio->samples[i] < -1.0f;
  return overs;
}

static bool write_frames(SNDFILE* file, const dv_audio* audio)
{
  float* block = malloc(BLOCK_FRAMES * audio->channels * sizeof *block);
  size_t done = 0;
  while (block && done < audio->frames) {
    const size_t count = audio->frames - done < BLOCK_FRAMES ? audio->frames - done : BLOCK_FRAMES;
    for (size_t c = 0; c < audio->channels; ++c)
      for (size_t i = 0; i < count; ++i) block[i * audio->channels + c] = dv_audio_channel(audio, c)[done + i];
    if (sf_writef_float(file, block, (sf_count_t)count) != (sf_count_t)count) break;
    done += count;
  }
  free(block);
  return done == audio->frames;
}

static bool encode(int fd, int format, const dv_audio* audio, int* reason)
{
  double quality = VORBIS_QUALITY;
  SF_INFO info = {.channels = (int)audio->channels, .samplerate = (int)audio->rate_hz, .format = format};
  errno = 0;
  SNDFILE* file = sf_open_fd(fd, SFM_WRITE, &info, SF_FALSE);
  if (!file) {
    *reason = errno;
    return false;
  }
  sf_command(file, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE); /* it holds the time of day */
  sf_command(file, SFC_SET_CLIPPING, NULL, SF_TRUE);
  sf_command(file, SFC_SET_VBR_ENCODING_QUALITY, &quality, sizeof quality);
  bool complete = write_frames(file, audio);
  *reason = errno;
  if (sf_close(file)) complete = false;
  if (!*reason) *reason = errno;
  return complete;
}

/* libsndfile does not report every failed write of an encoder, so the result is opened again. */
static bool holds_all_frames(int fd, const dv_audio* audio)
{
  SF_INFO info = {0};
  if (lseek(fd, 0, SEEK_SET)) return false;
  SNDFILE* file = sf_open_fd(fd, SFM_READ, &info, SF_FALSE);
  if (!file) return false;
  sf_close(file);
  return info.frames == (sf_count_t)audio->frames && info.channels == (int)audio->channels;
}

static dv_status check_shape(const char* path, const dv_audio* audio, int format, dv_error* err)
{
  const SF_INFO info = {.channels = audio->channels > 1024 ? 0 : (int)audio->channels,
                        .samplerate = audio->rate_hz > 0.0 && audio->rate_hz < 1e6 ? (int)audio->rate_hz : 0,
                        .format = format};
  const bool too_wide = (format & SF_FORMAT_TYPEMASK) == SF_FORMAT_FLAC && audio->channels > 8;
  if (audio->frames && !too_wide && info.samplerate == audio->rate_hz && sf_format_check(&info)) return DV_OK;
  return dv_fail(err, DV_ERR_ARG, "%s: this format cannot hold %zu channels of %zu frames at %g Hz; write .wav",
                 dv_file_label(path), audio->channels, audio->frames, audio->rate_hz);
}

dv_status dv_audio_check_write(const char* path, const dv_audio* shape, dv_error* err)
{
  int format = 0;
  dv_status status = output_format(path, shape, &format, err);
  if (!status) status = check_shape(path, shape, format, err);
  return status ? status : dv_file_check_writable(path, err);
}

dv_status dv_audio_write(const char* path, const dv_audio* audio, size_t* clipped, dv_error* err)
{
  int format = 0;
  dv_status status = output_format(path, audio, &format, err);
  if (!status) status = check_shape(path, audio, format, err);
  if (!status) status = dv_audio_check_finite(audio, path, err);
  if (status) return status;
  if (clipped) *clipped = (format & SF_FORMAT_SUBMASK) == SF_FORMAT_PCM_24 ? count_overs(audio) : 0;
  dv_file_writer writer;
  status = dv_file_begin(path, &writer, err);
  if (status) return status;
  int reason = 0;
  if (encode(writer.fd, format, audio, &reason) && holds_all_frames(writer.fd, audio))
    return dv_file_commit(&writer, err);
  dv_file_abandon(&writer);
  return dv_file_error(err, path, "write", reason ? reason : EIO);
}

void dv_audio_apply_gain(dv_audio* audio, double gain_db)
{
  const float gain = (float)pow(10.0, gain_db / 20.0);
  for (size_t i = 0; i < audio->channels * audio->frames; ++i) audio->samples[i] *= gain;
}
