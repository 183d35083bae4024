/* SPDX-License-Identifier: MIT */
#include "presets/names.h"

#include <ctype.h>
#include <string.h>

enum { LONGEST = 96 }; /* longer names are compared by their beginning */

static size_t min3(size_t a, size_t b, size_t c)
{
  const size_t ab = a < b ? a : b;
  return ab < c ? ab : c;
}

/* Levenshtein's distance with one row of the table. */
static size_t edit_distance(const char* a, const char* b)
{
  size_t row[LONGEST + 1];
  const size_t na = strnlen(a, LONGEST), nb = strnlen(b, LONGEST);
  for (size_t j = 0; j <= nb; ++j) row[j] = j;
  for (size_t i = 1; i <= na; ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= nb; ++j) {
      const size_t above = row[j];
      const size_t differs = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);
      row[j] = min3(above + 1, row[j - 1] + 1, diagonal + differs);
      diagonal = above;
    }
  }
  return row[nb];
}

void dv_nearest_name_offer(dv_nearest_name* nearest, const char* candidate)
{
  const size_t length = strnlen(nearest->name, LONGEST);
  size_t distance = edit_distance(nearest->name, candidate);
  if (length >= 3 && strcasestr(candidate, nearest->name)) distance = 1;
  if (distance > (length + 2) / 3) return;
  if (nearest->best && distance >= nearest->distance) return;
  nearest->best = candidate;
  nearest->distance = distance;
}
