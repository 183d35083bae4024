/* SPDX-License-Identifier: MIT */
#include "presets/fields.h"
#include "dsp/fdn.h"
#include "presets/preset.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_DELAY = 997, MIXING_COUNT = DV_FDN_LINES * (DV_FDN_LINES - 1) / 2 };

/* gamma = 10^(-3 * 997 / (44100 T60)) */
static const double t60_scale = -3.0 * FIRST_DELAY / DV_MODEL_RATE_HZ;

double dv_t60_from_decay(double decay) { return decay > 0.0 ? t60_scale / log10(decay) : 0.0; }

double dv_decay_from_t60(double t60_s)
{
  /* 9 s is the upper end; rounding must not carry it over. */
  return t60_s > 0.0 ? fmin(pow(10.0, t60_scale / t60_s), DV_FDN_MAX_DECAY) : 0.0;
}

static bool is_row(const dv_parameter* row, const char* name) { return !strcmp(row->name, name); }
static bool is_time(const dv_parameter* row) { return !strcmp(row->unit, "coef"); }

bool dv_field_at(size_t index, dv_field* field)
{
  size_t count;
  const dv_parameter* table = dv_parameter_table(&count);
  if (index >= count || is_row(&table[index], "log_damp")) return false;
  const dv_parameter* row = &table[index];
  *field = (dv_field){.row = row, .unit = row->unit, .minimum = row->minimum, .maximum = row->maximum};
  snprintf(field->path, sizeof field->path, "%s", row->name);
  if (row->count > 1) field->columns = row->count;
  if (is_time(row)) {
    char* suffix = strstr(field->path, "_coef");
    if (suffix) memcpy(suffix, "_ms", sizeof "_ms");
    field->unit = "ms";
    field->minimum = 0.0;
    field->maximum = DV_PRESET_MAX_TIME_MS;
  } else if (is_row(row, "reverb.decay")) {
    snprintf(field->path, sizeof field->path, "reverb.t60_s");
    field->unit = "s";
    field->minimum = 0.0;
    field->maximum = DV_PRESET_MAX_T60_S;
  } else if (is_row(row, "reverb.mixing")) {
    field->columns = MIXING_COUNT;
  } else if (is_row(row, "reverb.input")) {
    field->rows = DV_FDN_LINES;
    field->columns = 2;
  } else if (is_row(row, "reverb.output")) {
    field->rows = 2;
    field->columns = DV_FDN_LINES;
  }
  return true;
}

int dv_field_count(const dv_field* field)
{
  return (field->rows ? field->rows : 1) * (field->columns ? field->columns : 1);
}

int dv_field_flat_index(const dv_field* field, int k)
{
  if (!is_row(field->row, "reverb.mixing")) return field->row->first + k;
  int i = 0, j = 1; /* k-th pair above the diagonal, row by row */
  for (; k > 0; --k)
    if (++j == DV_FDN_LINES) {
      ++i;
      j = i + 1;
    }
  return field->row->first + i * DV_FDN_LINES + j;
}

double dv_field_to_file(const dv_field* field, double value)
{
  if (is_time(field->row)) return fmin(dv_ms_from_coef(value, DV_MODEL_RATE_HZ), DV_PRESET_MAX_TIME_MS);
  if (is_row(field->row, "reverb.decay")) return fmin(dv_t60_from_decay(value), DV_PRESET_MAX_T60_S);
  return value;
}

double dv_field_from_file(const dv_field* field, double value)
{
  if (is_time(field->row)) return dv_coef_from_ms(value, DV_MODEL_RATE_HZ);
  if (is_row(field->row, "reverb.decay")) return dv_decay_from_t60(value);
  return value;
}
