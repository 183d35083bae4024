/* SPDX-License-Identifier: MIT */
/* Text that grows: what charts and pages are written into.
 *
 * The first failure sticks, and every later call does nothing, so that a writer checks once, at the end.  The
 * same calls give the same bytes under any locale. */
#ifndef DIFFVOX_REPORT_BUFFER_H
#define DIFFVOX_REPORT_BUFFER_H

#include "dsp/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zeroed is empty.  data is not terminated; whoever holds the struct frees it with dv_buffer_free. */
typedef struct {
  char* data;
  size_t size, capacity;
  dv_status status; /* DV_OK or DV_ERR_NOMEM */
} dv_buffer;

void dv_buffer_free(dv_buffer* b);

/* As they are: markup. */
void dv_buffer_bytes(dv_buffer* b, const void* bytes, size_t size);
void dv_buffer_put(dv_buffer* b, const char* text);

/* All strings up to a NULL, as they are. */
void dv_buffer_puts(dv_buffer* b, const char* first, ...)
#if defined(__GNUC__)
  __attribute__((sentinel))
#endif
  ;

/* Text for people, wherever it comes from, as the content of an element or attribute: markup is escaped, what is
   not UTF-8 or not allowed in XML becomes U+FFFD.  NULL is empty. */
void dv_buffer_text(dv_buffer* b, const char* text);

/* A file's name as a link that stays in the page's folder: "./" and the name percent-encoded. */
void dv_buffer_link(dv_buffer* b, const char* name);

/* Rounded to `decimals` (0 .. 9) places, without zeros at the end: "-3.5".  NaN is 0; infinities and numbers
   beyond 1e9 are held there. */
void dv_buffer_fixed(dv_buffer* b, double value, int decimals);

void dv_buffer_whole(dv_buffer* b, long long value);

void dv_buffer_base64(dv_buffer* b, const void* bytes, size_t size);

enum { DV_NUMBER_MAX = 32 };

/* The same for labels, as text: "12.5", with U+2212 for minus.  unit, where not NULL or "", follows after a
   narrow no-break space.  What is not finite becomes an en dash or an infinity sign; 1e7 and beyond is "1.2e9". */
void dv_format_fixed(char* text, size_t size, double value, int decimals, const char* unit);

/* The same with all its decimals, for columns of numbers. */
void dv_format_column(char* text, size_t size, double value, int decimals);

/* With `digits` (1 .. 9) significant digits; below 1e-4 "3.2e-6". */
void dv_format_digits(char* text, size_t size, double value, int digits, const char* unit);

/* Short times: "12.5 ms", from a second on "1.25 s". */
void dv_format_ms(char* text, size_t size, double ms);

/* Frequencies: "85 Hz", "1.25 kHz". */
void dv_format_hz(char* text, size_t size, double freq_hz);

/* Time in a song: "3:07"; with decimals "3:07.25". */
void dv_format_time(char* text, size_t size, double seconds, int decimals);

#ifdef __cplusplus
}
#endif
#endif
