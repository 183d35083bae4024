/* SPDX-License-Identifier: MIT */
#include "presets/study_file.h"
#include "datasets/file.h"
#include "presets/preset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1 << 20 };
static const char FORMAT[] = "diffvox-features";

static json_t* cell_json(const dv_study_cell* cell)
{
  json_t* mean = json_array();
  for (int a = 0; a < DV_STUDY_AMOUNTS; ++a) json_array_append_new(mean, json_real(cell->mean[a]));
  return json_pack("{s:f, s:f, s:f, s:f, s:o}", "r", cell->r, "low", cell->low, "high", cell->high, "slope",
                   cell->slope, "mean", mean);
}

json_t* dv_study_to_json(const dv_study_record* record)
{
  json_t *components = json_array(), *amounts = json_array();
  for (int a = 0; a < DV_STUDY_AMOUNTS; ++a) json_array_append_new(amounts, json_real(dv_study_amounts[a]));
  for (size_t c = 0; c < record->study.components; ++c) {
    json_t* features = json_object();
    char text[160];
    for (size_t f = 0; f < DV_FEATURE_COUNT; ++f)
      json_object_set_new(features, dv_feature_at((dv_feature)f)->key, cell_json(&record->study.cell[c][f]));
    json_array_append_new(components,
                          json_pack("{s:s, s:o}", "more_of_it_is",
                                    dv_study_describe(&record->study, c, text, sizeof text), "features", features));
  }
  return json_pack("{s:s, s:i, s:s, s:s, s:f, s:I, s:I, s:o, s:o}", "format", FORMAT, "version", 1, "corpus",
                   record->corpus, "voice", record->voice, "voice_s", record->voice_s, "presets",
                   (json_int_t)record->study.bases, "seed", (json_int_t)record->seed, "amounts_sigma", amounts,
                   "components", components);
}

static bool read_number(const json_t* object, const char* key, double* value)
{
  const json_t* node = json_object_get(object, key);
  *value = json_number_value(node);
  return json_is_number(node);
}

static bool read_cell(const json_t* object, dv_study_cell* cell)
{
  const json_t* mean = json_object_get(object, "mean");
  bool good = read_number(object, "r", &cell->r) && read_number(object, "low", &cell->low) &&
              read_number(object, "high", &cell->high) && read_number(object, "slope", &cell->slope) &&
              json_array_size(mean) == DV_STUDY_AMOUNTS;
  for (size_t a = 0; good && a < DV_STUDY_AMOUNTS; ++a) {
    good = json_is_number(json_array_get(mean, a));
    cell->mean[a] = json_number_value(json_array_get(mean, a));
  }
  return good;
}

static bool read_study(const json_t* root, dv_study_record* record)
{
  const char* format = json_string_value(json_object_get(root, "format"));
  const char* corpus = json_string_value(json_object_get(root, "corpus"));
  const char* voice = json_string_value(json_object_get(root, "voice"));
  const json_t* components = json_object_get(root, "components");
  const json_int_t presets = json_integer_value(json_object_get(root, "presets"));
  const size_t count = json_array_size(components);
  double version;
  if (!format || strcmp(format, FORMAT) != 0 || !corpus || !voice || presets < 2) return false;
  if (!read_number(root, "version", &version) || version < 1.0 || version > 1.0) return false;
  if (!read_number(root, "voice_s", &record->voice_s) || count < 1 || count > DV_STUDY_MAX_COMPONENTS) return false;
  dv_preset_set_text(record->corpus, sizeof record->corpus, corpus);
  dv_preset_set_text(record->voice, sizeof record->voice, voice);
  record->seed = (uint64_t)json_integer_value(json_object_get(root, "seed"));
  record->study.components = count;
  record->study.bases = (size_t)presets;
  for (size_t c = 0; c < count; ++c)
    for (size_t f = 0; f < DV_FEATURE_COUNT; ++f) {
      const json_t* features = json_object_get(json_array_get(components, c), "features");
      const json_t* cell = json_object_get(features, dv_feature_at((dv_feature)f)->key);
      if (!read_cell(cell, &record->study.cell[c][f])) return false;
    }
  return true;
}

dv_status dv_study_read(const char* path, dv_study_record* record, dv_error* err)
{
  char* text;
  size_t size;
  dv_status status = dv_file_read(path, MAX_BYTES, &text, &size, err);
  if (status) return status;
  json_t* root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
  free(text);
  memset(record, 0, sizeof *record);
  if (!read_study(root, record))
    status = dv_fail(err, DV_ERR_FORMAT, "%s: is not what `preset-analysis features -o FILE` writes; make it again",
                     dv_file_label(path));
  json_decref(root);
  return status;
}

/* --- Words -------------------------------------------------------------------------------------------------- */

static const char* words(size_t feature, bool more)
{
  static const char* const text[DV_FEATURE_COUNT][2] = {
    {"darker", "brighter"}, {"drier", "more reverb and delay"},         {"shorter decay", "longer decay"},
    {"narrower", "wider"},  {"steadier loudness", "livelier loudness"}, {"flatter peaks", "sharper peaks"},
  };
  return text[feature][more];
}

const char* dv_study_describe(const dv_study* study, size_t component, char* text, size_t size)
{
  bool used[DV_FEATURE_COUNT] = {false};
  size_t length = 0;
  *text = '\0';
  for (int rank = 0; rank < 3; ++rank) {
    size_t best = DV_FEATURE_COUNT;
    for (size_t f = 0; f < DV_FEATURE_COUNT; ++f) {
      const dv_study_cell* cell = &study->cell[component][f];
      const bool clear = (cell->low > 0.0 || cell->high < 0.0) && fabs(cell->r) >= 0.3;
      if (used[f] || !clear) continue;
      if (best == DV_FEATURE_COUNT || fabs(cell->r) > fabs(study->cell[component][best].r)) best = f;
    }
    if (best == DV_FEATURE_COUNT) break;
    used[best] = true;
    length += (size_t)snprintf(text + length, size - length, "%s%s", rank ? ", " : "",
                               words(best, study->cell[component][best].r > 0.0));
    if (length >= size) break;
  }
  return text;
}
