/* SPDX-License-Identifier: MIT */
/* Any bytes as a song's metadata: refused with a message, or a song whose text can be read. */
#include "datasets/medleydb.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static size_t length_of(const char* text) { return text ? strlen(text) : 0; }

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
  dv_medleydb_song song;
  dv_error err = {""};
  if (size > DV_MEDLEYDB_MAX_BYTES) return 0;
  if (dv_medleydb_parse((const char*)data, size, "input", &song, &err)) {
    if (song.stems || !strstr(err.text, "input")) abort();
    return 0;
  }
  for (size_t i = 0; i < song.count; ++i) {
    const dv_medleydb_stem* s = &song.stems[i];
    if (!s->key || (s->is_voice && !s->instrument)) abort();
    if (length_of(s->filename) + length_of(s->raw_filename) > size) abort();
  }
  dv_medleydb_free(&song);
  return 0;
}
