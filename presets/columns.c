/* SPDX-License-Identifier: MIT */
#include "presets/columns.h"
#include "presets/fields.h"

#include <stdio.h>

/* The field that holds a flat index, and its place in it. */
static int find_field(int flat, dv_field* field)
{
  for (size_t i = 0; dv_field_at(i, field); ++i) {
    if (flat < field->row->first || flat >= field->row->first + field->row->count) continue;
    for (int k = 0; k < dv_field_count(field); ++k)
      if (dv_field_flat_index(field, k) == flat) return k;
  }
  return -1; /* of an effective index never */
}

/* Matrices go from the two channels to the lines, or from the lines to the channels. */
static void set_label(const dv_field* field, int place, dv_column* column)
{
  static const char* const sides[] = {"left", "right"};
  const double hz = 0.5 * DV_MODEL_RATE_HZ / (DV_FDN_BANDS - 1) * place;
  const size_t size = sizeof column->label;
  if (dv_field_count(field) == 1) snprintf(column->label, size, "%s", field->row->label);
  else if (field->rows == 2)
    snprintf(column->label, size, "%s, line %d %s", field->row->label, place % field->columns + 1,
             sides[place / field->columns]);
  else if (field->rows)
    snprintf(column->label, size, "%s, line %d %s", field->row->label, place / 2 + 1, sides[place % 2]);
  else if (field->columns == DV_FDN_BANDS && hz < 1000.0) snprintf(column->label, size, "Reverb time at %.0f Hz", hz);
  else if (field->columns == DV_FDN_BANDS) snprintf(column->label, size, "Reverb time at %.3g kHz", 1e-3 * hz);
  else snprintf(column->label, size, "%s %d", field->row->label, place + 1);
}

void dv_column_at(int k, dv_column* column)
{
  dv_field field;
  const int place = find_field(dv_effective_index(k), &field);
  *column = (dv_column){.unit = field.unit, .logarithmic = field.row->logarithmic};
  set_label(&field, place, column);
  if (dv_field_count(&field) == 1) snprintf(column->name, sizeof column->name, "%s", field.path);
  else if (!field.rows) snprintf(column->name, sizeof column->name, "%s[%d]", field.path, place);
  else
    snprintf(column->name, sizeof column->name, "%s[%d][%d]", field.path, place / field.columns, place % field.columns);
}

void dv_columns_physical(const double effective[DV_EFFECTIVE_COUNT], double physical[DV_EFFECTIVE_COUNT])
{
  double raw[DV_PARAM_COUNT];
  dv_chain_params params;
  dv_field field;
  dv_effective_to_raw(effective, raw);
  dv_params_from_raw(raw, &params);
  const double* flat = dv_params_flat_const(&params);
  int column = 0; /* fields and their elements come in the order of the effective parameters */
  for (size_t i = 0; dv_field_at(i, &field); ++i)
    for (int k = 0; k < dv_field_count(&field); ++k)
      physical[column++] = dv_field_to_file(&field, flat[dv_field_flat_index(&field, k)]);
}

void dv_effective_params(const double effective[DV_EFFECTIVE_COUNT], dv_chain_params* params)
{
  double raw[DV_PARAM_COUNT];
  dv_effective_to_raw(effective, raw);
  dv_raw_clamp(raw);
  dv_params_from_raw(raw, params);
}
