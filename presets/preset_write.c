/* SPDX-License-Identifier: MIT */
#include "datasets/file.h"
#include "presets/fields.h"
#include "presets/preset.h"
#include "presets/text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- A tree of values ----------------------------------------------------------------------------------- */

/* The object that holds the last name of "reverb.peak1.gain_db", made where it is not there yet. */
static json_t* parent_object(json_t* root, const char* path, const char** leaf)
{
  json_t* node = root;
  for (const char* dot; node && (dot = strchr(path, '.')); path = dot + 1) {
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)(dot - path), path);
    if (!json_object_get(node, key)) json_object_set_new(node, key, json_object());
    node = json_object_get(node, key);
  }
  *leaf = path;
  return node;
}

/* The roundest number for the file that gives the same value again: "50" rather than 49.999999999999993 ms. */
static double readable(const dv_field* field, double value)
{
  const double exact = dv_field_to_file(field, value);
  for (int digits = 6; digits < 17; ++digits) {
    char text[40];
    snprintf(text, sizeof text, "%.*g", digits, exact);
    const double rounded = strtod(text, NULL), again = dv_field_from_file(field, rounded);
    if (!(again < value) && !(again > value) && rounded <= field->maximum) return rounded;
  }
  return exact;
}

static json_t* field_list(const dv_field* field, int first, const double* flat)
{
  json_t* list = json_array();
  for (int k = first; k < first + field->columns; ++k)
    json_array_append_new(list, json_real(readable(field, flat[dv_field_flat_index(field, k)])));
  return list;
}

static json_t* field_value(const dv_field* field, const double* flat)
{
  if (!field->columns) return json_real(readable(field, flat[field->row->first]));
  if (!field->rows) return field_list(field, 0, flat);
  json_t* list = json_array();
  for (int i = 0; i < field->rows; ++i) json_array_append_new(list, field_list(field, i * field->columns, flat));
  return list;
}

static json_t* text_value(const char* text)
{
  char valid[256]; /* fields may have been written to directly: what is not UTF-8 is replaced here */
  dv_preset_set_text(valid, sizeof valid, text);
  return json_string(valid);
}

static json_t* provenance(const dv_preset* preset)
{
  json_t* object = json_object();
  for (size_t i = 0; i < preset->note_count; ++i) {
    const dv_preset_note* note = &preset->notes[i];
    json_object_set_new(object, note->key, note->is_number ? json_real(note->number) : text_value(note->text));
  }
  return object;
}

/* NULL when memory ran out: every step passes a missing node on, and the count tells. */
static json_t* preset_tree(const dv_preset* preset)
{
  json_t* root = json_object();
  int failed = 0;
  failed |= json_object_set_new(root, "format", json_string(DV_PRESET_FORMAT));
  failed |= json_object_set_new(root, "version", json_integer(DV_PRESET_VERSION));
  failed |= json_object_set_new(root, "name", text_value(preset->name));
  failed |= json_object_set_new(root, "comment", text_value(preset->comment));
  failed |= json_object_set_new(root, "input_gain_db", json_real(preset->input_gain_db));
  failed |= json_object_set_new(root, "output_gain_db", json_real(preset->output_gain_db));
  dv_field field;
  for (size_t i = 0; dv_field_at(i, &field); ++i) {
    const char* leaf;
    json_t* parent = parent_object(root, field.path, &leaf);
    failed |= json_object_set_new(parent, leaf, field_value(&field, dv_params_flat_const(&preset->params)));
  }
  if (preset->note_count) failed |= json_object_set_new(root, "provenance", provenance(preset));
  if (!failed) return root;
  json_decref(root);
  return NULL;
}

/* --- Text ----------------------------------------------------------------------------------------------- */

static void print_scalar(FILE* out, const json_t* node)
{
  if (json_is_real(node)) {
    dv_text_number(out, json_real_value(node));
    return;
  }
  char* text = json_dumps(node, JSON_ENCODE_ANY);
  if (text) fputs(text, out);
  free(text);
}

static bool holds_containers(json_t* object)
{
  const char* key;
  json_t* child;
  json_object_foreach(object, key, child) if (json_is_object(child) || json_is_array(child)) return true;
  return false;
}

static void print_object(FILE* out, json_t* object, int indent);

/* Lists and innermost objects on one line each: compact, and a difference shows where it is. */
static void print_node(FILE* out, json_t* node, int indent)
{
  size_t index;
  json_t* child;
  if (json_is_object(node)) {
    print_object(out, node, indent);
  } else if (json_is_array(node)) {
    fputc('[', out);
    json_array_foreach(node, index, child)
    {
      if (index) fputs(", ", out);
      print_node(out, child, indent);
    }
    fputc(']', out);
  } else {
    print_scalar(out, node);
  }
}

static void print_object(FILE* out, json_t* object, int indent)
{
  const bool tall = holds_containers(object);
  const char* separator = "";
  const char* key;
  json_t* child;
  fputc('{', out);
  json_object_foreach(object, key, child)
  {
    json_t* quoted = json_string(key);
    fputs(separator, out);
    if (tall) fprintf(out, "\n%*s", indent + 2, "");
    print_scalar(out, quoted);
    json_decref(quoted);
    fputs(": ", out);
    print_node(out, child, indent + 2);
    separator = tall ? "," : ", ";
  }
  if (tall) fprintf(out, "\n%*s", indent, "");
  fputc('}', out);
}

static void print_tree(FILE* out, void* root)
{
  print_node(out, root, 0);
  fputc('\n', out);
}

static dv_status check_gain(const char* name, double gain_db, dv_error* err)
{
  if (fabs(gain_db) <= DV_PRESET_MAX_GAIN_DB) return DV_OK;
  return dv_fail(err, DV_ERR_ARG, "%s is %g; it must be a number from %g to %g dB", name, gain_db,
                 -DV_PRESET_MAX_GAIN_DB, DV_PRESET_MAX_GAIN_DB);
}

dv_status dv_preset_print(const dv_preset* preset, char** text, size_t* size, dv_error* err)
{
  *text = NULL;
  *size = 0;
  dv_status status = dv_params_check(&preset->params, err);
  if (!status) status = check_gain("input_gain_db", preset->input_gain_db, err);
  if (!status) status = check_gain("output_gain_db", preset->output_gain_db, err);
  if (status) return status;
  json_t* root = preset_tree(preset);
  const bool complete = root && dv_text_print(print_tree, root, text, size);
  json_decref(root);
  if (complete) return DV_OK;
  *text = NULL;
  return dv_fail(err, DV_ERR_NOMEM, "No memory to write the preset");
}

dv_status dv_preset_write(const char* path, const dv_preset* preset, dv_error* err)
{
  char* text = NULL;
  size_t size = 0;
  dv_status status = dv_preset_print(preset, &text, &size, err);
  if (status) return status;
  status = dv_file_write(path, text, size, err);
  free(text);
  return status;
}
