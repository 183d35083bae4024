/* SPDX-License-Identifier: MIT */
#include "presets/prior.h"
#include "datasets/file.h"
#include "presets/text.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = DV_EFFECTIVE_COUNT };
/* Of what should be equal but for rounding. */
static const double TOLERANCE = 1e-9;

/* --- Writing ---------------------------------------------------------------------------------------------- */

static void print_list(FILE* out, const double* values, size_t count)
{
  fputc('[', out);
  for (size_t i = 0; i < count; ++i) {
    if (i) fputs(", ", out);
    dv_text_number(out, values[i]);
  }
  fputc(']', out);
}

static void print_names(FILE* out)
{
  char name[64];
  fputs("  \"parameters\": [", out);
  for (int k = 0; k < SIZE; ++k) {
    dv_parameter_name(dv_effective_index(k), name, sizeof name);
    fprintf(out, "%s\"%s\"", k ? ", " : "", name);
  }
  fputs("],\n", out);
}

static void print_text(FILE* out, const char* text)
{
  json_t* node = json_string(text);
  char* quoted = json_dumps(node, JSON_ENCODE_ANY);
  fputs(quoted ? quoted : "\"\"", out);
  free(quoted);
  json_decref(node);
}

/* context points to a const dv_prior*. */
static void print_prior(FILE* out, void* context)
{
  const dv_prior* prior = *(const dv_prior**)context;
  fprintf(out, "{\n  \"format\": \"%s\",\n  \"version\": %d,\n  \"source\": ", DV_PRIOR_FORMAT, DV_PRIOR_VERSION);
  print_text(out, prior->source);
  fprintf(out, ",\n  \"presets\": %zu,\n", prior->presets);
  print_names(out);
  fputs("  \"mean\": ", out);
  print_list(out, prior->mean, SIZE);
  fputs(",\n  \"covariance\": [", out);
  for (size_t i = 0; i < SIZE; ++i) {
    fputs(i ? ",\n    " : "\n    ", out);
    print_list(out, prior->covariance[i], i + 1);
  }
  fputs("\n  ],\n  \"eigenvalues\": ", out);
  print_list(out, prior->variance, prior->components);
  fputs(",\n  \"eigenvectors\": [", out);
  for (size_t i = 0; i < prior->components; ++i) {
    fputs(i ? ",\n    " : "\n    ", out);
    print_list(out, prior->component[i], SIZE);
  }
  fputs("\n  ]\n}\n", out);
}

static bool all_finite(const double* values, size_t count)
{
  for (size_t i = 0; i < count; ++i)
    if (!isfinite(values[i])) return false;
  return true;
}

dv_status dv_prior_print(const dv_prior* prior, char** text, size_t* size, dv_error* err)
{
  const bool finite = all_finite(prior->mean, SIZE) && all_finite(prior->covariance[0], (size_t)SIZE * SIZE) &&
                      all_finite(prior->variance, SIZE) && all_finite(prior->component[0], (size_t)SIZE * SIZE);
  if (!finite) return dv_fail(err, DV_ERR_NONFINITE, "The prior holds NaN or infinity");
  if (!dv_text_print(print_prior, &prior, text, size))
    return dv_fail(err, DV_ERR_NOMEM, "No memory to write the prior");
  return DV_OK;
}

dv_status dv_prior_write(const char* path, const dv_prior* prior, dv_error* err)
{
  char* text;
  size_t size;
  dv_status status = dv_prior_print(prior, &text, &size, err);
  if (status) return status;
  status = dv_file_write(path, text, size, err);
  free(text);
  return status;
}

/* --- Reading ---------------------------------------------------------------------------------------------- */

/* A list of exactly `count` finite numbers. */
static bool read_list(const json_t* list, double* values, size_t count)
{
  if (!json_is_array(list) || json_array_size(list) != count) return false;
  for (size_t i = 0; i < count; ++i) {
    const json_t* node = json_array_get(list, i);
    if (!json_is_number(node)) return false;
    values[i] = json_number_value(node);
  }
  return all_finite(values, count);
}

static bool read_covariance(const json_t* rows, dv_prior* prior)
{
  if (json_array_size(rows) != SIZE) return false;
  for (size_t i = 0; i < SIZE; ++i) {
    if (!read_list(json_array_get(rows, i), prior->covariance[i], i + 1)) return false;
    for (size_t j = 0; j < i; ++j) prior->covariance[j][i] = prior->covariance[i][j];
  }
  return true;
}

static bool read_components(const json_t* values, const json_t* vectors, dv_prior* prior)
{
  prior->components = json_array_size(vectors);
  if (prior->components < 1 || prior->components > SIZE) return false;
  if (!read_list(values, prior->variance, prior->components)) return false;
  for (size_t i = 0; i < prior->components; ++i) {
    if (!(prior->variance[i] > 0.0) || (i && prior->variance[i] > prior->variance[i - 1])) return false;
    if (!read_list(json_array_get(vectors, i), prior->component[i], SIZE)) return false;
  }
  return true;
}

/* The parameter that the file holds at a place where another one is expected; -1 where all are right. */
static int first_wrong_name(const json_t* names)
{
  char name[64];
  for (int k = 0; k < SIZE; ++k) {
    const char* found = json_string_value(json_array_get(names, (size_t)k));
    dv_parameter_name(dv_effective_index(k), name, sizeof name);
    if (!found || strcmp(found, name) != 0) return k;
  }
  return json_array_size(names) == SIZE ? -1 : SIZE;
}

static double dot(const double* a, const double* b)
{
  double sum = 0.0;
  for (size_t k = 0; k < SIZE; ++k) sum += a[k] * b[k];
  return sum;
}

static bool orthonormal(const dv_prior* prior)
{
  for (size_t i = 0; i < prior->components; ++i)
    for (size_t j = 0; j <= i; ++j)
      if (fabs(dot(prior->component[i], prior->component[j]) - (i == j ? 1.0 : 0.0)) > TOLERANCE) return false;
  return true;
}

/* The covariance is the sum of variance * v v^T. */
static bool consistent(const dv_prior* prior)
{
  const double allowed = TOLERANCE * prior->variance[0];
  for (size_t j = 0; j < SIZE; ++j)
    for (size_t k = 0; k <= j; ++k) {
      double rest = prior->covariance[j][k];
      for (size_t i = 0; i < prior->components; ++i)
        rest -= prior->variance[i] * prior->component[i][j] * prior->component[i][k];
      if (fabs(rest) > allowed) return false;
    }
  return true;
}

static dv_status read_head(const json_t* root, const char* path, dv_prior* prior, dv_error* err)
{
  const char* format = json_string_value(json_object_get(root, "format"));
  const json_t* version = json_object_get(root, "version");
  const json_t* presets = json_object_get(root, "presets");
  const char* source = json_string_value(json_object_get(root, "source"));
  if (!format || strcmp(format, DV_PRIOR_FORMAT) != 0)
    return dv_fail(err, DV_ERR_FORMAT, "%s: is not a prior; `preset-analysis prior CORPUS -o FILE` writes one",
                   dv_file_label(path));
  if (!json_is_integer(version) || json_integer_value(version) != DV_PRIOR_VERSION)
    return dv_fail(err, DV_ERR_FORMAT, "%s: is not version %d of the format; write it again with this release",
                   dv_file_label(path), DV_PRIOR_VERSION);
  if (!json_is_integer(presets) || json_integer_value(presets) < 2)
    return dv_fail(err, DV_ERR_FORMAT, "%s: 'presets' must be a whole number from 2", dv_file_label(path));
  prior->presets = (size_t)json_integer_value(presets);
  snprintf(prior->source, sizeof prior->source, "%s", source ? source : "");
  return DV_OK;
}

static dv_status read_prior(const json_t* root, const char* path, dv_prior* prior, dv_error* err)
{
  const dv_status status = read_head(root, path, prior, err);
  if (status) return status;
  const char* label = dv_file_label(path);
  const int wrong = first_wrong_name(json_object_get(root, "parameters"));
  if (wrong >= 0)
    return dv_fail(err, DV_ERR_FORMAT,
                   "%s: 'parameters' must hold the %d effective parameters in order; number %d differs", label, SIZE,
                   wrong);
  if (!read_list(json_object_get(root, "mean"), prior->mean, SIZE))
    return dv_fail(err, DV_ERR_FORMAT, "%s: 'mean' must be a list of %d numbers", label, SIZE);
  if (!read_covariance(json_object_get(root, "covariance"), prior))
    return dv_fail(err, DV_ERR_FORMAT, "%s: 'covariance' must be %d lists of 1 to %d numbers, a lower triangle", label,
                   SIZE, SIZE);
  if (!read_components(json_object_get(root, "eigenvalues"), json_object_get(root, "eigenvectors"), prior))
    return dv_fail(err, DV_ERR_FORMAT,
                   "%s: 'eigenvalues' must be 1 to %d falling positive numbers and 'eigenvectors' as many lists of %d",
                   label, SIZE, SIZE);
  if (!orthonormal(prior)) return dv_fail(err, DV_ERR_FORMAT, "%s: the eigenvectors are not orthonormal", label);
  if (!consistent(prior))
    return dv_fail(err, DV_ERR_FORMAT, "%s: eigenvalues and eigenvectors do not give the covariance", label);
  return DV_OK;
}

dv_status dv_prior_parse(const char* text, size_t size, const char* name, dv_prior* prior, dv_error* err)
{
  json_error_t problem;
  json_t* root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &problem);
  memset(prior, 0, sizeof *prior);
  if (!root)
    return dv_fail(err, DV_ERR_FORMAT, "%s: line %d, column %d: not valid JSON: %.160s", dv_file_label(name),
                   problem.line, problem.column, problem.text);
  const dv_status status = read_prior(root, name, prior, err);
  json_decref(root);
  return status;
}

dv_status dv_prior_read(const char* path, dv_prior* prior, dv_error* err)
{
  char* text;
  size_t size;
  dv_status status = dv_file_read(path, DV_PRIOR_MAX_BYTES, &text, &size, err);
  if (status) return status;
  status = dv_prior_parse(text, size, path, prior, err);
  free(text);
  return status;
}
