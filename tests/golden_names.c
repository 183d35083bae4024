/* SPDX-License-Identifier: MIT */
#include "golden_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The reference's state dictionary, row by row as the parameter table. */
static const char* const reference_names[] = {
  "0.params.gain",
  "0.params.parametrizations.freq.original",
  "0.params.parametrizations.Q.original",
  "1.params.gain",
  "1.params.parametrizations.freq.original",
  "1.params.parametrizations.Q.original",
  "2.params.gain",
  "2.params.parametrizations.freq.original",
  "3.params.gain",
  "3.params.parametrizations.freq.original",
  "4.params.parametrizations.freq.original",
  "4.params.parametrizations.Q.original",
  "5.params.parametrizations.freq.original",
  "5.params.parametrizations.Q.original",
  "6.params.cmp_th",
  "6.params.exp_th",
  "6.params.make_up",
  "6.params.parametrizations.lookahead.original",
  "6.params.parametrizations.at.original",
  "6.params.parametrizations.rt.original",
  "6.params.parametrizations.avg_coef.original",
  "6.params.parametrizations.cmp_ratio.original",
  "6.params.parametrizations.exp_ratio.original",
  "7.params.parametrizations.sends_0.original",
  "7.effects.0.params.parametrizations.delay.original",
  "7.effects.0.params.parametrizations.feedback.original",
  "7.effects.0.params.parametrizations.gain.original",
  "7.effects.0.eq.params.parametrizations.freq.original",
  "7.effects.0.eq.params.parametrizations.Q.original",
  "7.effects.0.odd_pan.params.parametrizations.pan.original",
  "7.effects.0.even_pan.params.parametrizations.pan.original",
  "7.effects.1.params.b",
  "7.effects.1.params.c",
  "7.effects.1.params.parametrizations.gamma.original",
  "7.effects.1.params.parametrizations.U.original",
  "7.effects.1.eq.0.params.gain",
  "7.effects.1.eq.0.params.parametrizations.freq.original",
  "7.effects.1.eq.0.params.parametrizations.Q.original",
  "7.effects.1.eq.1.params.gain",
  "7.effects.1.eq.1.params.parametrizations.freq.original",
  "7.effects.1.eq.1.params.parametrizations.Q.original",
  "7.effects.1.eq.2.params.gain",
  "7.effects.1.eq.2.params.parametrizations.freq.original",
  "7.effects.1.eq.3.params.gain",
  "7.effects.1.eq.3.params.parametrizations.freq.original",
  "7.pan.params.parametrizations.pan.original",
  "7.effects.0.parametrizations.log_damp.original",
};

/* The table's row of prefix + name, NULL when there is none. */
static const dv_parameter* find(const char* prefix, const char* name)
{
  char full[256];
  snprintf(full, sizeof full, "%s%s", prefix, name);
  size_t rows;
  const dv_parameter* table = dv_parameter_table(&rows);
  for (size_t r = 0; r < rows && r < sizeof reference_names / sizeof *reference_names; ++r)
    if (strcmp(full, reference_names[r]) == 0) return &table[r];
  return NULL;
}

static dv_status find_or_fail(const golden_case* g, const char* prefix, const char* name, const dv_parameter** row,
                              dv_error* err)
{
  *row = find(prefix, name);
  return *row ? DV_OK : dv_fail(err, DV_ERR_FORMAT, "%s/manifest.json: unknown parameter %s%s", g->dir, prefix, name);
}

/* Numbers of a (nested) array, in order, up to capacity; returns how many there are. */
static size_t flatten(const json_t* value, double* out, size_t capacity)
{
  if (json_is_number(value)) {
    if (capacity) *out = json_number_value(value);
    return 1;
  }
  size_t count = 0;
  for (size_t i = 0; i < json_array_size(value); ++i) {
    const size_t room = count < capacity ? capacity - count : 0;
    count += flatten(json_array_get(value, i), out + (room ? count : 0), room);
  }
  return count;
}

double golden_raw_log_damp(void) { return log(expm1(0.01)); }

dv_status golden_raw(const golden_case* g, const char* member, const char* prefix, double raw[DV_PARAM_COUNT],
                     dv_error* err)
{
  json_t* object = golden_member(g, member);
  if (!json_is_object(object)) return dv_fail(err, DV_ERR_FORMAT, "%s/manifest.json: no \"%s\"", g->dir, member);
  const char* name;
  json_t* value;
  json_object_foreach(object, name, value)
  {
    const dv_parameter* row;
    const dv_status status = find_or_fail(g, prefix, name, &row, err);
    if (status) return status;
    const size_t count = flatten(value, raw + row->first, (size_t)row->count);
    if (count != (size_t)row->count)
      return dv_fail(err, DV_ERR_FORMAT, "%s/manifest.json: %s has %zu values, expected %d", g->dir, name, count,
                     row->count);
  }
  return DV_OK;
}

dv_status golden_raw_vector(const golden_case* g, double raw[DV_PARAM_COUNT], dv_error* err)
{
  double values[DV_PARAM_COUNT];
  const size_t count = flatten(golden_member(g, "raw"), values, DV_PARAM_COUNT);
  if (count != DV_PRESET_SIZE && count != DV_PARAM_COUNT)
    return dv_fail(err, DV_ERR_FORMAT, "%s/manifest.json: \"raw\" has %zu values, expected %d or %d", g->dir, count,
                   DV_PRESET_SIZE, DV_PARAM_COUNT);
  raw[DV_PRESET_SIZE] = golden_raw_log_damp();
  const json_t* keys = golden_member(g, "raw_keys");
  if (!keys) {
    memcpy(raw, values, count * sizeof *raw);
    return DV_OK;
  }
  size_t at = 0;
  for (size_t k = 0; k < json_array_size(keys); ++k) {
    const char* name = json_string_value(json_array_get(keys, k));
    const dv_parameter* row;
    const dv_status status = find_or_fail(g, "", name ? name : "?", &row, err);
    if (status) return status;
    if (at + (size_t)row->count > count) break;
    memcpy(raw + row->first, values + at, (size_t)row->count * sizeof *raw);
    at += (size_t)row->count;
  }
  if (at != count) return dv_fail(err, DV_ERR_FORMAT, "%s/manifest.json: \"raw_keys\" do not match \"raw\"", g->dir);
  return DV_OK;
}

dv_status golden_compare(const json_t* want, const char* name, const double* got, size_t count, golden_norms* norms,
                         dv_error* err)
{
  double values[DV_PARAM_COUNT];
  if (!want || json_is_null(want)) return DV_OK;
  const size_t found = flatten(want, values, DV_PARAM_COUNT);
  if (found != count)
    return dv_fail(err, DV_ERR_FORMAT, "gradient of %s has %zu values, expected %zu", name, found, count);
  for (size_t i = 0; i < count; ++i) {
    norms->difference += (got[i] - values[i]) * (got[i] - values[i]);
    norms->reference += values[i] * values[i];
  }
  return DV_OK;
}

/* The comparison row by row. */
typedef struct {
  const char* names[sizeof reference_names / sizeof *reference_names];
  golden_norms norms[sizeof reference_names / sizeof *reference_names], sum;
  size_t count;
} gradient_rows;

static dv_status compare_row(const golden_case* g, const char* prefix, const char* name, const json_t* want,
                             const double grad[DV_PARAM_COUNT], gradient_rows* rows, dv_error* err)
{
  const dv_parameter* row;
  golden_norms own = {0};
  dv_status status = find_or_fail(g, prefix, name, &row, err);
  if (!status) status = golden_compare(want, name, grad + row->first, (size_t)row->count, &own, err);
  if (status) return status;
  rows->names[rows->count] = row->name;
  rows->norms[rows->count++] = own;
  rows->sum.difference += own.difference;
  rows->sum.reference += own.reference;
  return DV_OK;
}

/* The parameter whose own gradient agrees least, among those that weigh something. */
static void inform_of_worst(const golden_case* g, const char* quantity, const gradient_rows* rows)
{
  const double least = 1e-6;
  size_t worst = rows->count;
  for (size_t i = 0; i < rows->count; ++i)
    if (rows->norms[i].reference > least * least * rows->sum.reference &&
        (worst == rows->count || golden_relative(rows->norms[i]) > golden_relative(rows->norms[worst])))
      worst = i;
  if (worst == rows->count) return;
  char text[128];
  snprintf(text, sizeof text, "%s, worst alone", quantity);
  golden_inform(g, text, golden_relative(rows->norms[worst]), rows->names[worst]);
}

dv_status golden_judge_gradient(const golden_case* g, const char* quantity, const char* member, const char* prefix,
                                const double grad[DV_PARAM_COUNT], double limit, dv_error* err)
{
  json_t* object = golden_member(g, member);
  if (!object || json_is_null(object)) return DV_OK;
  gradient_rows rows = {.count = 0};
  const char* name;
  json_t* value;
  json_object_foreach(object, name, value)
  {
    const dv_status status = compare_row(g, prefix, name, value, grad, &rows, err);
    if (status) return status;
  }
  golden_judge(g, quantity, golden_relative(rows.sum), limit);
  inform_of_worst(g, quantity, &rows);
  return DV_OK;
}
