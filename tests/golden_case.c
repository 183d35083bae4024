/* SPDX-License-Identifier: MIT */
#include "golden_case.h"

#include "dsp/fft.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

dv_status golden_open(const char* dir, golden_tally* tally, golden_case* g, dv_error* err)
{
  memset(g, 0, sizeof *g);
  g->tally = tally;
  snprintf(g->dir, sizeof g->dir, "%s", dir);
  const char* slash = strrchr(g->dir, '/');
  g->name = slash ? slash + 1 : g->dir;
  char path[GOLDEN_PATH + 32];
  snprintf(path, sizeof path, "%s/manifest.json", g->dir);
  json_error_t at;
  g->manifest = json_load_file(path, JSON_REJECT_DUPLICATES, &at);
  if (!g->manifest) return dv_fail(err, DV_ERR_FORMAT, "%s:%d: %s", path, at.line, at.text);
  if (!json_is_string(json_object_get(g->manifest, "kind")))
    return dv_fail(err, DV_ERR_FORMAT, "%s: no \"kind\"", path);
  return DV_OK;
}

void golden_close(golden_case* g)
{
  for (int i = 0; i < g->array_count; ++i) dv_npy_free(&g->arrays[i]);
  for (int i = 0; i < g->memory_count; ++i) dv_fft_release(g->memory[i]);
  json_decref(g->manifest);
  memset(g, 0, sizeof *g);
}

const char* golden_kind(const golden_case* g) { return json_string_value(json_object_get(g->manifest, "kind")); }

double golden_rate_hz(const golden_case* g)
{
  const json_t* rate = golden_member(g, "sample_rate");
  return json_is_number(rate) ? json_number_value(rate) : DV_MODEL_RATE_HZ;
}

json_t* golden_member(const golden_case* g, const char* path)
{
  json_t* at = g->manifest;
  for (const char* part = path; at && *part;) {
    const size_t length = strcspn(part, ".");
    char name[128];
    snprintf(name, sizeof name, "%.*s", (int)length, part);
    at = json_object_get(at, name);
    part += length + (part[length] == '.');
  }
  return at;
}

dv_status golden_number(const golden_case* g, const char* path, double* value, dv_error* err)
{
  const json_t* found = golden_member(g, path);
  if (json_is_array(found) && json_array_size(found) == 1) found = json_array_get(found, 0);
  if (!json_is_number(found))
    return dv_fail(err, DV_ERR_FORMAT, "%s/manifest.json: \"%s\" is not a number", g->dir, path);
  *value = json_number_value(found);
  return DV_OK;
}

bool golden_has(const golden_case* g, const char* name)
{
  char path[GOLDEN_PATH + 128];
  snprintf(path, sizeof path, "%s/%s.npy", g->dir, name);
  return access(path, F_OK) == 0;
}

dv_status golden_read(golden_case* g, const char* name, const dv_npy** array, dv_error* err)
{
  if (g->array_count == GOLDEN_MAX_ARRAYS) return dv_fail(err, DV_ERR_NOMEM, "%s: too many arrays", g->dir);
  char path[GOLDEN_PATH + 128];
  snprintf(path, sizeof path, "%s/%s.npy", g->dir, name);
  dv_npy* a = &g->arrays[g->array_count];
  const dv_status status = dv_npy_read(path, a, err);
  if (status) return status;
  ++g->array_count;
  *array = a;
  return a->count ? DV_OK : dv_fail(err, DV_ERR_FORMAT, "%s: no elements", path);
}

dv_status golden_read_rows(golden_case* g, const char* name, size_t rows, size_t samples, const dv_npy** array,
                           dv_error* err)
{
  const dv_status status = golden_read(g, name, array, err);
  if (status) return status;
  if (golden_samples(*array) != samples || golden_rows(*array) != rows)
    return dv_fail(err, DV_ERR_FORMAT, "%s/%s.npy: %zu rows of %zu, expected %zu of %zu", g->dir, name,
                   golden_rows(*array), golden_samples(*array), rows, samples);
  return DV_OK;
}

dv_status golden_upstream(golden_case* g, size_t rows, size_t samples, const dv_npy** array, dv_error* err)
{
  if (golden_has(g, "g")) return golden_read_rows(g, "g", rows, samples, array, err);
  const dv_npy* sparse = NULL;
  const size_t step = 7, kept = (samples + step - 1) / step;
  if (golden_has(g, "g_every_7th")) {
    const dv_status status = golden_read_rows(g, "g_every_7th", rows, kept, &sparse, err);
    if (status) return status;
  }
  dv_npy* dense = g->array_count < GOLDEN_MAX_ARRAYS ? &g->arrays[g->array_count] : NULL;
  double* data = dense ? calloc(rows * samples, sizeof *data) : NULL;
  if (!data) return dv_fail(err, DV_ERR_NOMEM, "%s: out of memory", g->dir);
  *dense = (dv_npy){DV_NPY_F8, 2, {rows, samples}, rows * samples, data};
  ++g->array_count;
  for (size_t row = 0; sparse && row < rows; ++row)
    for (size_t i = 0; i < kept; ++i) data[row * samples + i * step] = sparse->data[row * kept + i];
  *array = dense;
  return DV_OK;
}

dv_real* golden_alloc(golden_case* g, size_t reals)
{
  dv_real* memory = g->memory_count < GOLDEN_MAX_ARRAYS ? dv_fft_alloc(reals) : NULL;
  if (!memory) {
    fprintf(stderr, "%s: out of memory\n", g->dir);
    abort();
  }
  g->memory[g->memory_count++] = memory;
  return memory;
}

dv_real* golden_signal(golden_case* g, const dv_npy* array, size_t row, size_t reals)
{
  const size_t n = golden_samples(array);
  dv_real* signal = golden_alloc(g, n > reals ? n : reals);
  for (size_t i = 0; i < n; ++i) signal[i] = (dv_real)array->data[row * n + i];
  return signal;
}

void golden_judge(const golden_case* g, const char* quantity, double error, double limit)
{
  const bool good = error <= limit; /* false for NaN */
  *(good ? &g->tally->passed : &g->tally->failed) += 1;
  printf("%-26s %-28s error %9.3g  limit %7.0e  %s\n", g->name, quantity, error, limit, good ? "ok" : "FAILED");
}

void golden_inform(const golden_case* g, const char* quantity, double value, const char* unit)
{
  printf("%-26s %-28s %15.4g %s (information)\n", g->name, quantity, value, unit);
}

double golden_relative(golden_norms n) { return sqrt(n.reference > 0.0 ? n.difference / n.reference : n.difference); }

double golden_error(const dv_real* got, size_t stride, const dv_npy* want)
{
  golden_norms norms = {0};
  const size_t n = golden_samples(want);
  for (size_t row = 0; row < golden_rows(want); ++row)
    for (size_t i = 0; i < n; ++i) {
      const double w = want->data[row * n + i], d = (double)got[row * stride + i] - w;
      norms.difference += d * d;
      norms.reference += w * w;
    }
  return golden_relative(norms);
}
