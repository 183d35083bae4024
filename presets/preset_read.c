/* SPDX-License-Identifier: MIT */
#include "datasets/file.h"
#include "presets/fields.h"
#include "presets/names.h"
#include "presets/preset.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char* file; /* what messages call it */
  dv_error* err;
} reader;

/* The beginning of a string from a file, fit to be shown on a terminal. */
static void printable(const char* from, char* text, size_t size)
{
  snprintf(text, size, "%s", from);
  for (char* c = text; *c; ++c)
    if ((unsigned char)*c < ' ' || (unsigned char)*c > '~') *c = '?';
}

/* What was found in place of a number, for messages. */
static void describe(const json_t* node, char* text, size_t size)
{
  char string[41];
  switch (json_typeof(node)) {
  case JSON_OBJECT: snprintf(text, size, "an object"); return;
  case JSON_ARRAY: snprintf(text, size, "a list of %zu", json_array_size(node)); return;
  case JSON_STRING:
    printable(json_string_value(node), string, sizeof string);
    snprintf(text, size, "the string \"%s\"", string);
    return;
  case JSON_INTEGER:
  case JSON_REAL: snprintf(text, size, "%.10g", json_number_value(node)); return;
  case JSON_TRUE: snprintf(text, size, "true"); return;
  case JSON_FALSE: snprintf(text, size, "false"); return;
  case JSON_NULL: break;
  }
  snprintf(text, size, "null");
}

static dv_status wrong(const reader* r, const char* path, const json_t* found, const char* expected)
{
  char text[80];
  describe(found, text, sizeof text);
  return dv_fail(r->err, DV_ERR_FORMAT, "%s: '%s' is %s; it must be %s", dv_file_label(r->file), path, text, expected);
}

static dv_status missing(const reader* r, const char* path)
{
  return dv_fail(r->err, DV_ERR_FORMAT, "%s: the field '%s' is missing; docs/formats.md describes it",
                 dv_file_label(r->file), path);
}

static dv_status read_number(const reader* r, const json_t* node, const char* path, double minimum, double maximum,
                             const char* unit, double* value)
{
  *value = json_number_value(node);
  if (json_is_number(node) && *value >= minimum && *value <= maximum) return DV_OK;
  char expected[96];
  snprintf(expected, sizeof expected, "a number from %.10g to %.10g%s%s", minimum, maximum, *unit ? " " : "", unit);
  return wrong(r, path, node, expected);
}

static dv_status read_text(const reader* r, const json_t* root, const char* key, bool required, char* field,
                           size_t size)
{
  const json_t* node = json_object_get(root, key);
  if (!node) return required ? missing(r, key) : DV_OK;
  if (!json_is_string(node)) return wrong(r, key, node, "a string");
  dv_preset_set_text(field, size, json_string_value(node));
  return DV_OK;
}

/* --- Parameters ---------------------------------------------------------------------------------------- */

/* Walks "reverb.peak1.gain_db" down from the root. */
static dv_status find(const reader* r, const json_t* root, const char* path, const json_t** node)
{
  *node = root;
  for (const char* at = path;;) {
    char key[64], parent[64];
    const size_t length = strcspn(at, ".");
    snprintf(key, sizeof key, "%.*s", (int)length, at);
    snprintf(parent, sizeof parent, "%.*s", (int)(at - path + (ptrdiff_t)length), path);
    *node = json_object_get(*node, key);
    if (!*node) return missing(r, parent);
    at += length;
    if (!*at++) return DV_OK;
    if (!json_is_object(*node)) return wrong(r, parent, *node, "an object");
  }
}

static dv_status read_list(const reader* r, const json_t* node, const char* path, const dv_field* field, int first,
                           double* flat)
{
  char name[96];
  const size_t size = (size_t)field->columns;
  if (!json_is_array(node) || json_array_size(node) != size) {
    snprintf(name, sizeof name, "a list of %zu numbers", size);
    return wrong(r, path, node, name);
  }
  for (size_t k = 0; k < size; ++k) {
    double value;
    snprintf(name, sizeof name, "%s[%zu]", path, k);
    const dv_status status =
      read_number(r, json_array_get(node, k), name, field->minimum, field->maximum, field->unit, &value);
    if (status) return status;
    flat[dv_field_flat_index(field, first + (int)k)] = dv_field_from_file(field, value);
  }
  return DV_OK;
}

static dv_status read_matrix(const reader* r, const json_t* node, const dv_field* field, double* flat)
{
  char name[80];
  if (!json_is_array(node) || json_array_size(node) != (size_t)field->rows) {
    snprintf(name, sizeof name, "a list of %d lists of %d numbers", field->rows, field->columns);
    return wrong(r, field->path, node, name);
  }
  for (int i = 0; i < field->rows; ++i) {
    snprintf(name, sizeof name, "%s[%d]", field->path, i);
    const dv_status status = read_list(r, json_array_get(node, (size_t)i), name, field, i * field->columns, flat);
    if (status) return status;
  }
  return DV_OK;
}

static dv_status read_field(const reader* r, const json_t* root, const dv_field* field, double* flat)
{
  const json_t* node;
  const dv_status status = find(r, root, field->path, &node);
  if (status) return status;
  if (field->rows) return read_matrix(r, node, field, flat);
  if (field->columns) return read_list(r, node, field->path, field, 0, flat);
  double value;
  const dv_status number = read_number(r, node, field->path, field->minimum, field->maximum, field->unit, &value);
  if (!number) flat[field->row->first] = dv_field_from_file(field, value);
  return number;
}

/* --- Unknown fields ------------------------------------------------------------------------------------- */

static const char* const head_keys[] = {"format",        "version",        "name",       "comment",
                                        "input_gain_db", "output_gain_db", "provenance", "extra"};
enum { HEAD_KEYS = sizeof head_keys / sizeof *head_keys, CHECKED_DEPTH = 3 };

/* Whether path is a field or a group of fields; offers what stands at the same place to *nearest. */
static bool is_known(const char* path, size_t parent_length, dv_nearest_name* nearest, char best[64])
{
  dv_field field;
  const size_t length = strlen(path);
  for (size_t i = 0; dv_field_at(i, &field); ++i) {
    if (!strncmp(field.path, path, length) && (!field.path[length] || field.path[length] == '.')) return true;
    if (strncmp(field.path, path, parent_length)) continue;
    field.path[parent_length + strcspn(field.path + parent_length, ".")] = '\0';
    const size_t before = nearest->best ? nearest->distance : SIZE_MAX;
    dv_nearest_name_offer(nearest, field.path + parent_length);
    if (nearest->best && nearest->distance < before) {
      snprintf(best, 64, "%s", field.path + parent_length);
      nearest->best = best;
    }
  }
  return false;
}

static dv_status check_key(const reader* r, const char* parent, const char* key)
{
  char path[160], best[64];
  const int parent_length = snprintf(path, sizeof path, "%s", parent);
  snprintf(path + parent_length, sizeof path - (size_t)parent_length, "%s", key);
  dv_nearest_name nearest = {.name = key};
  if (is_known(path, (size_t)parent_length, &nearest, best)) return DV_OK;
  for (int i = 0; i < HEAD_KEYS && !*parent; ++i) {
    if (!strcmp(key, head_keys[i])) return DV_OK;
    dv_nearest_name_offer(&nearest, head_keys[i]);
  }
  char hint[96] = "own data belongs under 'extra'";
  if (nearest.best) snprintf(hint, sizeof hint, "did you mean '%s'?", nearest.best);
  char shown[80];
  printable(path, shown, sizeof shown);
  return dv_fail(r->err, DV_ERR_FORMAT, "%s: the field '%s' is not known; %s", dv_file_label(r->file), shown, hint);
}

static dv_status check_keys(const reader* r, json_t* object, const char* parent, int depth)
{
  const char* key;
  json_t* child;
  json_object_foreach(object, key, child)
  {
    dv_status status = check_key(r, parent, key);
    if (status) return status;
    const bool open = !*parent && (!strcmp(key, "extra") || !strcmp(key, "provenance"));
    if (!json_is_object(child) || open || depth == CHECKED_DEPTH) continue;
    char path[96];
    snprintf(path, sizeof path, "%.40s%.40s.", parent, key); /* known names: short */
    status = check_keys(r, child, path, depth + 1);
    if (status) return status;
  }
  return DV_OK;
}

/* --- The head ------------------------------------------------------------------------------------------- */

static dv_status check_format(const reader* r, const json_t* root)
{
  if (!json_is_object(root)) return wrong(r, "the file", root, "an object with \"format\": \"" DV_PRESET_FORMAT "\"");
  const json_t* format = json_object_get(root, "format");
  const json_t* version = json_object_get(root, "version");
  if (!format) return missing(r, "format");
  if (!json_is_string(format) || strcmp(json_string_value(format), DV_PRESET_FORMAT))
    return wrong(r, "format", format, "\"" DV_PRESET_FORMAT "\"");
  if (!version) return missing(r, "version");
  if (!json_is_integer(version)) return wrong(r, "version", version, "the whole number 1");
  if (json_integer_value(version) == DV_PRESET_VERSION) return DV_OK;
  return wrong(r, "version", version, "1; a newer file needs a newer program");
}

static dv_status read_gain(const reader* r, const json_t* root, const char* key, double* gain_db)
{
  const json_t* node = json_object_get(root, key);
  if (!node) return DV_OK;
  return read_number(r, node, key, -DV_PRESET_MAX_GAIN_DB, DV_PRESET_MAX_GAIN_DB, "dB", gain_db);
}

static dv_status read_provenance(const reader* r, json_t* root, dv_preset* preset)
{
  json_t* object = json_object_get(root, "provenance");
  if (!object) return DV_OK;
  if (!json_is_object(object)) return wrong(r, "provenance", object, "an object of strings and numbers");
  if (json_object_size(object) > DV_PRESET_MAX_NOTES)
    return dv_fail(r->err, DV_ERR_FORMAT, "%s: 'provenance' has %zu entries; at most %d are allowed",
                   dv_file_label(r->file), json_object_size(object), (int)DV_PRESET_MAX_NOTES);
  const char* key;
  json_t* node;
  json_object_foreach(object, key, node)
  {
    char path[96] = "provenance.";
    printable(key, path + strlen(path), 60);
    if (strlen(key) >= sizeof preset->notes[0].key)
      return dv_fail(r->err, DV_ERR_FORMAT, "%s: the name '%s' is too long; at most 47 bytes are allowed",
                     dv_file_label(r->file), path);
    if (json_is_string(node)) dv_preset_note_text(preset, key, json_string_value(node));
    else if (json_is_number(node)) dv_preset_note_number(preset, key, json_number_value(node));
    else return wrong(r, path, node, "a string or a number");
  }
  return DV_OK;
}

static dv_status read_root(const reader* r, json_t* root, dv_preset* preset)
{
  dv_status status = check_format(r, root);
  if (!status) status = check_keys(r, root, "", 1);
  if (!status) status = read_text(r, root, "name", true, preset->name, sizeof preset->name);
  if (!status) status = read_text(r, root, "comment", false, preset->comment, sizeof preset->comment);
  if (!status) status = read_gain(r, root, "input_gain_db", &preset->input_gain_db);
  if (!status) status = read_gain(r, root, "output_gain_db", &preset->output_gain_db);
  if (!status) status = read_provenance(r, root, preset);
  dv_field field;
  for (size_t i = 0; !status && dv_field_at(i, &field); ++i)
    status = read_field(r, root, &field, dv_params_flat(&preset->params));
  dv_error inner; /* the table has the last word: an end of a range may be excluded */
  if (!status && dv_params_check(&preset->params, &inner))
    status = dv_fail(r->err, DV_ERR_FORMAT, "%s: %.250s", dv_file_label(r->file), inner.text);
  return status;
}

dv_status dv_preset_parse(const char* text, size_t size, const char* name, dv_preset* preset, dv_error* err)
{
  const reader r = {name, err};
  json_error_t error;
  dv_preset_init(preset);
  if (!size) return dv_fail(err, DV_ERR_FORMAT, "%s: is empty; a preset is JSON text", dv_file_label(name));
  if (size > DV_PRESET_MAX_BYTES)
    return dv_fail(err, DV_ERR_FORMAT, "%s: has %zu bytes; a preset has at most %d", dv_file_label(name), size,
                   (int)DV_PRESET_MAX_BYTES);
  json_t* root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
  if (!root)
    return dv_fail(err, DV_ERR_FORMAT, "%s: line %d, column %d: not valid JSON: %.120s", dv_file_label(name),
                   error.line, error.column, error.text);
  const dv_status status = read_root(&r, root, preset);
  json_decref(root);
  return status;
}

dv_status dv_preset_read(const char* path, dv_preset* preset, dv_error* err)
{
  char* text = NULL;
  size_t size = 0;
  dv_status status = dv_file_read(path, DV_PRESET_MAX_BYTES, &text, &size, err);
  if (status) return status;
  status = dv_preset_parse(text, size, path, preset, err);
  free(text);
  return status;
}
