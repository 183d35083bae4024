/* SPDX-License-Identifier: MIT */
/* Private: how rows of the parameter table appear in a preset file.
 *
 * A field has the row's name; only what a person would not want to read is shown otherwise:
 * coefficients as times ("attack_coef" -> "attack_ms"), the decay curve as reverberation times
 * ("reverb.decay" -> "reverb.t60_s"), and of the 6 x 6 mixing logits the 15 that act. */
#ifndef DIFFVOX_FIELDS_H
#define DIFFVOX_FIELDS_H

#include "dsp/parameters.h"

typedef struct {
  const dv_parameter* row;
  char path[64];           /* "compressor.attack_ms" */
  const char* unit;        /* in the file */
  double minimum, maximum; /* in the file */
  int rows, columns;       /* 0, 0 a number; 0, n a list; m, n a list of lists */
} dv_field;

/* Fields in the order of the table; false after the last.  log_damp is not part of a preset. */
bool dv_field_at(size_t index, dv_field* field);

/* Numbers that a field holds, and the flat index of its k-th. */
int dv_field_count(const dv_field* field);
int dv_field_flat_index(const dv_field* field, int k);

/* Between the table's physical value and the one in the file. */
double dv_field_to_file(const dv_field* field, double value);
double dv_field_from_file(const dv_field* field, double value);

#endif
