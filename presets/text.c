/* SPDX-License-Identifier: MIT */
#include "presets/text.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

void dv_text_number(FILE* out, double value)
{
  char text[40];
  for (int digits = 15; digits <= 17; ++digits) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (!(strtod(text, NULL) < value) && !(strtod(text, NULL) > value)) break;
  }
  fputs(text, out);
}

bool dv_text_print(void (*print)(FILE* out, void* context), void* context, char** text, size_t* size)
{
  locale_t plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
  FILE* out = plain ? open_memstream(text, size) : NULL;
  bool complete = false;
  if (out) {
    locale_t before = uselocale(plain);
    print(out, context);
    uselocale(before);
    complete = !ferror(out);
    complete &= !fclose(out);
    if (!complete) free(*text);
  }
  if (plain) freelocale(plain);
  if (!complete) *text = NULL;
  return complete;
}

void dv_text_csv(FILE* out, const char* text)
{
  if (!text[strcspn(text, ",\"\r\n")]) {
    fputs(text, out);
    return;
  }
  fputc('"', out);
  for (; *text; ++text) {
    if (*text == '"') fputc('"', out);
    fputc(*text, out);
  }
  fputc('"', out);
}
