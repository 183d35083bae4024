/* SPDX-License-Identifier: MIT */
#include "report/png.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { COMPRESSION = 9, INDEXED = 3, DEPTH = 8 };

static void big_endian(uint8_t bytes[4], uint32_t value)
{
  for (int i = 0; i < 4; ++i) bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_word(dv_buffer* out, uint32_t value)
{
  uint8_t bytes[4];
  big_endian(bytes, value);
  dv_buffer_bytes(out, bytes, sizeof bytes);
}

static void put_chunk(dv_buffer* out, const char type[5], const void* data, size_t size)
{
  uLong check = crc32(0, (const Bytef*)type, 4);
  if (size) check = crc32(check, data, (uInt)size);
  put_word(out, (uint32_t)size);
  dv_buffer_bytes(out, type, 4);
  dv_buffer_bytes(out, data, size);
  put_word(out, (uint32_t)check);
}

/* Every row begins with its filter: 0, none, which suits indices. */
static uint8_t* filtered_rows(const uint8_t* indices, size_t width, size_t height)
{
  uint8_t* rows = malloc((width + 1) * height);
  for (size_t y = 0; rows && y < height; ++y) {
    rows[y * (width + 1)] = 0;
    memcpy(rows + y * (width + 1) + 1, indices + y * width, width);
  }
  return rows;
}

static dv_status put_pixels(dv_buffer* out, const uint8_t* indices, size_t width, size_t height)
{
  const uLong raw = (uLong)((width + 1) * height);
  uLongf size = compressBound(raw);
  uint8_t* rows = filtered_rows(indices, width, height);
  uint8_t* packed = malloc(size);
  const bool done = rows && packed && compress2(packed, &size, rows, raw, COMPRESSION) == Z_OK;
  if (done) put_chunk(out, "IDAT", packed, size);
  free(packed);
  free(rows);
  return done ? out->status : DV_ERR_NOMEM;
}

dv_status dv_png_write(dv_buffer* out, const uint8_t* indices, size_t width, size_t height, const dv_colour* palette,
                       size_t colours)
{
  if (!width || !height || width > DV_PNG_MAX_SIDE || height > DV_PNG_MAX_SIDE || !colours || colours > 256)
    return DV_ERR_ARG;
  uint8_t header[13] = {0}, rgb[3 * 256], alpha[256];
  big_endian(header, (uint32_t)width);
  big_endian(header + 4, (uint32_t)height);
  header[8] = DEPTH;
  header[9] = INDEXED;
  for (size_t i = 0; i < colours; ++i) {
    rgb[3 * i] = palette[i].red;
    rgb[3 * i + 1] = palette[i].green;
    rgb[3 * i + 2] = palette[i].blue;
    alpha[i] = palette[i].alpha;
  }
  dv_buffer_bytes(out, "\x89PNG\r\n\x1a\n", 8);
  put_chunk(out, "IHDR", header, sizeof header);
  put_chunk(out, "PLTE", rgb, 3 * colours);
  put_chunk(out, "tRNS", alpha, colours);
  const dv_status status = put_pixels(out, indices, width, height);
  if (!status) put_chunk(out, "IEND", NULL, 0);
  return status ? status : out->status;
}
