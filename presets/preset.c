/* SPDX-License-Identifier: MIT */
#include "presets/preset.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define INITIAL_T60_S 1.0

void dv_preset_init(dv_preset* preset)
{
  *preset = (dv_preset){0};
  dv_params_initial(0, &preset->params);
  memset(preset->params.reverb.mixing, 0, sizeof preset->params.reverb.mixing);
  for (int k = 0; k < DV_FDN_BANDS; ++k) preset->params.reverb.decay[k] = dv_decay_from_t60(INITIAL_T60_S);
}

static bool is_utf8(const char* text)
{
  json_t* node = json_string(text);
  json_decref(node);
  return node;
}

void dv_preset_set_text(char* field, size_t size, const char* text)
{
  size_t length = strnlen(text, size);
  if (length == size) { /* too long: cut between characters */
    --length;
    while (length && ((unsigned char)text[length] & 0xc0) == 0x80) --length;
  }
  memmove(field, text, length);
  field[length] = '\0';
  if (is_utf8(field)) return;
  for (char* c = field; *c; ++c)
    if ((unsigned char)*c >= 0x80) *c = '?';
}

const dv_preset_note* dv_preset_find_note(const dv_preset* preset, const char* key)
{
  for (size_t i = 0; i < preset->note_count; ++i)
    if (!strcmp(preset->notes[i].key, key)) return &preset->notes[i];
  return NULL;
}

static dv_preset_note* note_for(dv_preset* preset, const char* key)
{
  char name[sizeof preset->notes[0].key];
  dv_preset_set_text(name, sizeof name, key);
  for (size_t i = 0; i < preset->note_count; ++i)
    if (!strcmp(preset->notes[i].key, name)) return &preset->notes[i];
  if (preset->note_count == DV_PRESET_MAX_NOTES) return NULL;
  dv_preset_note* note = &preset->notes[preset->note_count++];
  memcpy(note->key, name, sizeof name);
  return note;
}

void dv_preset_note_text(dv_preset* preset, const char* key, const char* text)
{
  dv_preset_note* note = note_for(preset, key);
  if (!note) return;
  note->is_number = false;
  dv_preset_set_text(note->text, sizeof note->text, text);
}

void dv_preset_note_number(dv_preset* preset, const char* key, double number)
{
  dv_preset_note* note = isfinite(number) ? note_for(preset, key) : NULL;
  if (!note) return;
  note->is_number = true;
  note->number = number + 0.0; /* -0 would come back from a file as 0 */
}
