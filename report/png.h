/* SPDX-License-Identifier: MIT */
/* Pictures with a palette as PNG files (RFC 2083) in memory; compression by zlib. */
#ifndef DIFFVOX_REPORT_PNG_H
#define DIFFVOX_REPORT_PNG_H

#include "report/buffer.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  uint8_t red, green, blue, alpha;
} dv_colour;

enum { DV_PNG_MAX_SIDE = 16384 };

/* ADDS the file to out.  indices: rows from the top, each `width` bytes below `colours`; 1 .. 256 colours.
   DV_ERR_ARG: a side of 0 or beyond DV_PNG_MAX_SIDE.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_png_write(dv_buffer* out, const uint8_t* indices, size_t width, size_t height,
                                    const dv_colour* palette, size_t colours);

#ifdef __cplusplus
}
#endif
#endif
