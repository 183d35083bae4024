/* SPDX-License-Identifier: MIT */
#include "plugin/ttl.h"

#include <stdlib.h>

void dv_ttl_string(FILE* out, const char* text)
{
  fputc('"', out);
  for (; *text; ++text) {
    const unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') fprintf(out, "\\%c", c);
    else if (c < 0x20 || c == 0x7f) fprintf(out, "\\u%04X", c);
    else fputc(c, out);
  }
  fputc('"', out);
}

void dv_ttl_number(FILE* out, float value)
{
  char text[128];
  int digits = 1;
  do snprintf(text, sizeof text, "%.*f", digits, (double)value);
  while (strtof(text, NULL) != value && ++digits <= 60);
  fputs(text, out);
}
