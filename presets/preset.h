/* SPDX-License-Identifier: MIT */
/* Presets and their file, "diffvox-preset" version 1: JSON in physical units, specified in
 * docs/formats.md.  Fields, units and ranges come from the parameter table (dsp/parameters.h).
 *
 * A preset survives writing and reading: its 130 effective raw parameters to 1e-6 relative and better.
 * Reading is strict: what is missing, misspelt, of the wrong type or out of range is an error that names
 * the file, the field, what was found and what is allowed. */
#ifndef DIFFVOX_PRESET_H
#define DIFFVOX_PRESET_H

#include "dsp/parameters.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DV_PRESET_FORMAT "diffvox-preset"
enum { DV_PRESET_VERSION = 1, DV_PRESET_MAX_NOTES = 32, DV_PRESET_MAX_BYTES = 1 << 20 };

#define DV_PRESET_MAX_GAIN_DB 100.0 /* input and output gain: -100 .. 100 dB */
#define DV_PRESET_MAX_TIME_MS 1e12  /* attack, release, averaging; a coefficient of 0 is written so */
#define DV_PRESET_MAX_T60_S 9.0

/* One entry of the provenance: where the preset comes from. */
typedef struct {
  char key[48];
  char text[256]; /* when is_number is false */
  double number;
  bool is_number;
} dv_preset_note;

/* A plain value, about 12 kB; nothing in it has to be freed. */
typedef struct {
  char name[96];
  char comment[256];
  double input_gain_db, output_gain_db; /* before and after the chain */
  dv_chain_params params;
  dv_preset_note notes[DV_PRESET_MAX_NOTES];
  size_t note_count;
} dv_preset;

/* Empties the preset: no name, no notes, 0 dB, parameters at the start of a fit but without its random
   ones: 1 s of reverberation time, mixing logits of 0. */
void dv_preset_init(dv_preset* preset);

/* Copies text into a fixed field of size bytes; what is too long or not UTF-8 is cut or replaced. */
void dv_preset_set_text(char* field, size_t size, const char* text);

/* Sets one note, over an older one of the same key; a note beyond DV_PRESET_MAX_NOTES and a number that
   is not finite are dropped. */
void dv_preset_note_text(dv_preset* preset, const char* key, const char* text);
void dv_preset_note_number(dv_preset* preset, const char* key, double number);
/* NULL when there is no such note. */
const dv_preset_note* dv_preset_find_note(const dv_preset* preset, const char* key);

/* Reads a file; *preset is undefined after an error.
   DV_ERR_IO, DV_ERR_NOMEM.  DV_ERR_FORMAT: not a preset, or a field with something wrong. */
DV_NODISCARD dv_status dv_preset_read(const char* path, dv_preset* preset, dv_error* err);

/* The same from memory (no terminating zero is needed); name is what messages call it. */
DV_NODISCARD dv_status dv_preset_parse(const char* text, size_t size, const char* name, dv_preset* preset,
                                       dv_error* err);

/* Writes a file, complete or not at all.  DV_ERR_ARG: a value is outside its range.  DV_ERR_IO. */
DV_NODISCARD dv_status dv_preset_write(const char* path, const dv_preset* preset, dv_error* err);

/* The same into memory: *text is the caller's to free(), its terminating zero not counted in *size. */
DV_NODISCARD dv_status dv_preset_print(const dv_preset* preset, char** text, size_t* size, dv_error* err);

/* Reverberation time <-> decay gain per 997 samples at 44.1 kHz; 0 s is a gain of 0. */
double dv_t60_from_decay(double decay);
double dv_decay_from_t60(double t60_s);

#ifdef __cplusplus
}
#endif
#endif
