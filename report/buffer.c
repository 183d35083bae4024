/* SPDX-License-Identifier: MIT */
#include "report/buffer.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 4096, MAX_DECIMALS = 9 };

static const char MINUS[] = "\xe2\x88\x92", THIN_SPACE[] = "\xe2\x80\xaf", REPLACEMENT[] = "\xef\xbf\xbd";

void dv_buffer_free(dv_buffer* b)
{
  free(b->data);
  *b = (dv_buffer){0};
}

/* Room for `size` more bytes at the end; NULL after a failure. */
static char* reserve(dv_buffer* b, size_t size)
{
  if (b->status) return NULL;
  if (size > b->capacity - b->size) {
    size_t capacity = b->capacity ? b->capacity : FIRST_CAPACITY;
    while (capacity - b->size < size && capacity <= SIZE_MAX / 2) capacity *= 2;
    char* data = capacity - b->size < size ? NULL : realloc(b->data, capacity);
    if (!data) {
      b->status = DV_ERR_NOMEM;
      return NULL;
    }
    b->data = data;
    b->capacity = capacity;
  }
  return b->data + b->size;
}

void dv_buffer_bytes(dv_buffer* b, const void* bytes, size_t size)
{
  char* end = size ? reserve(b, size) : NULL;
  if (!end) return;
  memcpy(end, bytes, size);
  b->size += size;
}

void dv_buffer_put(dv_buffer* b, const char* text) { dv_buffer_bytes(b, text, strlen(text)); }

void dv_buffer_puts(dv_buffer* b, const char* first, ...)
{
  va_list args;
  va_start(args, first);
  for (const char* text = first; text; text = va_arg(args, const char*)) dv_buffer_put(b, text);
  va_end(args);
}

/* --- Text from outside ----------------------------------------------------------------------------------- */

/* Bytes of the character at s that XML may hold; 0 where there is none. */
static size_t character_length(const unsigned char* s)
{
  if (s[0] < 0x80) return s[0] >= 0x20 || s[0] == '\t' || s[0] == '\n' ? 1 : 0;
  const size_t length = s[0] >= 0xc2 && s[0] < 0xe0   ? 2
                        : (s[0] & 0xf0) == 0xe0       ? 3
                        : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                                      : 0;
  uint32_t code = length ? s[0] & (0x7fu >> length) : 0;
  for (size_t i = 1; i < length; ++i) {
    if ((s[i] & 0xc0) != 0x80) return 0; /* also where the string ends */
    code = code << 6 | (s[i] & 0x3fu);
  }
  const bool control = code < 0xa0, surrogate = code >= 0xd800 && code < 0xe000, overlong = code < 0x800 && length > 2;
  const bool beyond = code > 0x10ffff || (code < 0x10000 && length > 3) || (code & 0xfffe) == 0xfffe;
  return length && !control && !surrogate && !overlong && !beyond ? length : 0;
}

void dv_buffer_text(dv_buffer* b, const char* text)
{
  const unsigned char* s = (const unsigned char*)(text ? text : "");
  while (*s) {
    const size_t length = character_length(s);
    switch (*s) {
    case '&': dv_buffer_put(b, "&amp;"); break;
    case '<': dv_buffer_put(b, "&lt;"); break;
    case '>': dv_buffer_put(b, "&gt;"); break;
    case '"': dv_buffer_put(b, "&quot;"); break;
    case '\'': dv_buffer_put(b, "&#39;"); break;
    default:
      if (length) dv_buffer_bytes(b, s, length);
      else dv_buffer_put(b, REPLACEMENT);
    }
    s += length ? length : 1;
  }
}

void dv_buffer_link(dv_buffer* b, const char* name)
{
  static const char hex[] = "0123456789ABCDEF";
  dv_buffer_put(b, "./"); /* so that no name is taken for a scheme or a host */
  for (const unsigned char* s = (const unsigned char*)name; *s; ++s) {
    const bool plain =
      (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || strchr("-_.~/", *s);
    const char coded[3] = {'%', hex[*s >> 4], hex[*s & 15]};
    if (plain) dv_buffer_bytes(b, s, 1);
    else dv_buffer_bytes(b, coded, sizeof coded);
  }
}

/* --- Numbers --------------------------------------------------------------------------------------------- */

/* |value| < 9e9 rounded to `decimals`, without a sign for zero; keep: with its last zeros. */
static void print_fixed(char* text, size_t size, double value, int decimals, const char* minus, bool keep)
{
  long long scale = 1;
  for (int i = 0; i < decimals; ++i) scale *= 10;
  long long n = llround(fabs(value) * (double)scale);
  for (; !keep && decimals > 0 && n % 10 == 0; --decimals) {
    n /= 10;
    scale /= 10;
  }
  const char* sign = value < 0 && n ? minus : "";
  if (decimals > 0) snprintf(text, size, "%s%lld.%0*lld", sign, n / scale, decimals, n % scale);
  else snprintf(text, size, "%s%lld", sign, n);
}

static int hold(int low, int value, int high) { return value < low ? low : value > high ? high : value; }

void dv_buffer_fixed(dv_buffer* b, double value, int decimals)
{
  char text[DV_NUMBER_MAX];
  const double held = isnan(value) ? 0.0 : fmin(fmax(value, -1e9), 1e9);
  print_fixed(text, sizeof text, held, hold(0, decimals, MAX_DECIMALS), "-", false);
  dv_buffer_put(b, text);
}

void dv_buffer_whole(dv_buffer* b, long long value)
{
  char text[DV_NUMBER_MAX];
  snprintf(text, sizeof text, "%lld", value);
  dv_buffer_put(b, text);
}

void dv_buffer_base64(dv_buffer* b, const void* bytes, size_t size)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned char* in = bytes;
  char* out = size && size < SIZE_MAX / 2 ? reserve(b, (size + 2) / 3 * 4) : NULL;
  if (!out) return;
  for (size_t i = 0; i < size; i += 3, out += 4) {
    const unsigned second = i + 1 < size ? in[i + 1] : 0, third = i + 2 < size ? in[i + 2] : 0;
    const unsigned word = (unsigned)in[i] << 16 | second << 8 | third;
    out[0] = digits[word >> 18];
    out[1] = digits[word >> 12 & 63];
    out[2] = i + 1 < size ? digits[word >> 6 & 63] : '=';
    out[3] = i + 2 < size ? digits[word & 63] : '=';
  }
  b->size += (size + 2) / 3 * 4;
}

/* --- Labels ---------------------------------------------------------------------------------------------- */

static void with_unit(char* text, size_t size, const char* number, const char* unit)
{
  snprintf(text, size, "%s%s%s", number, unit && *unit ? THIN_SPACE : "", unit ? unit : "");
}

static void format_scientific(char* number, size_t size, double value, int digits)
{
  char mantissa[DV_NUMBER_MAX];
  int exponent = (int)floor(log10(fabs(value)));
  double scaled = value / pow(10.0, exponent);
  if (!isfinite(scaled)) scaled = value * 1e20 / pow(10.0, exponent + 20); /* below the least normal number */
  if (fabs(scaled) + 0.5 * pow(10.0, 1 - digits) >= 10.0) {
    scaled /= 10.0;
    ++exponent;
  }
  print_fixed(mantissa, sizeof mantissa, scaled, digits - 1, MINUS, false);
  snprintf(number, size, "%.16se%s%d", mantissa, exponent < 0 ? MINUS : "", abs(exponent));
}

static bool format_special(char* text, size_t size, double value)
{
  if (isfinite(value)) return false;
  snprintf(text, size, "%s", isnan(value) ? "\xe2\x80\x93" : value > 0 ? "\xe2\x88\x9e" : "\xe2\x88\x92\xe2\x88\x9e");
  return true;
}

void dv_format_fixed(char* text, size_t size, double value, int decimals, const char* unit)
{
  char number[DV_NUMBER_MAX];
  if (format_special(text, size, value)) return;
  if (fabs(value) >= 1e7) format_scientific(number, sizeof number, value, 3);
  else print_fixed(number, sizeof number, value, hold(0, decimals, MAX_DECIMALS), MINUS, false);
  with_unit(text, size, number, unit);
}

void dv_format_column(char* text, size_t size, double value, int decimals)
{
  if (format_special(text, size, value)) return;
  if (fabs(value) >= 1e7) format_scientific(text, size, value, 3);
  else print_fixed(text, size, value, hold(0, decimals, MAX_DECIMALS), MINUS, true);
}

void dv_format_digits(char* text, size_t size, double value, int digits, const char* unit)
{
  char number[DV_NUMBER_MAX];
  digits = hold(1, digits, MAX_DECIMALS);
  if (format_special(text, size, value)) return;
  const double magnitude = fabs(value);
  if (magnitude > 0.0 && (magnitude < 1e-4 || magnitude >= 1e7)) {
    format_scientific(number, sizeof number, value, digits);
  } else {
    const int before = magnitude > 0.0 ? (int)floor(log10(magnitude)) + 1 : 1;
    print_fixed(number, sizeof number, value, hold(0, digits - before, MAX_DECIMALS), MINUS, false);
  }
  with_unit(text, size, number, unit);
}

void dv_format_ms(char* text, size_t size, double ms)
{
  if (fabs(ms) >= 999.5) dv_format_digits(text, size, ms / 1e3, 3, "s");
  else dv_format_digits(text, size, ms, 3, "ms");
}

void dv_format_hz(char* text, size_t size, double freq_hz)
{
  if (fabs(freq_hz) >= 999.5) dv_format_digits(text, size, freq_hz / 1e3, 3, "kHz");
  else dv_format_digits(text, size, freq_hz, 3, "Hz");
}

void dv_format_time(char* text, size_t size, double seconds, int decimals)
{
  char rest[DV_NUMBER_MAX];
  if (format_special(text, size, seconds)) return;
  const double step = pow(10.0, -hold(0, decimals, 6));
  const double rounded = round(fmin(fabs(seconds), 1e9) / step) * step;
  const long long minutes = (long long)(rounded / 60.0 + 1e-9);
  const double left = fmax(rounded - 60.0 * (double)minutes, 0.0);
  print_fixed(rest, sizeof rest, left, hold(0, decimals, 6), "", true);
  snprintf(text, size, "%s%lld:%s%s", seconds < 0 && rounded > 0 ? MINUS : "", minutes,
           left < 10.0 - step / 2 ? "0" : "", rest);
}
