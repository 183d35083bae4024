/* SPDX-License-Identifier: MIT */
#include "presets/tool.h"
#include "presets/columns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

dv_status dv_tool_load(const dv_tool_options* o, const char* spec, dv_collection* corpus, dv_error* err)
{
  const dv_collection_options options = {.corpora_dir = o->corpora, .all_rows = o->all_rows};
  const dv_status status = dv_collection_load(spec, &options, corpus, err);
  if (status || o->quiet) return status;
  char name[96];
  if (corpus->ignored)
    fprintf(stderr, "preset-analysis: %s: passed over %zu JSON file%s of another format\n", corpus->label,
            corpus->ignored, corpus->ignored == 1 ? "" : "s");
  const size_t constants = dv_collection_constants(corpus, name, sizeof name);
  if (corpus->count > 1 && constants)
    fprintf(stderr,
            "preset-analysis: %s: %zu of %d parameters are the same in all presets (%s%s); they have no correlations "
            "and no test\n",
            corpus->label, constants, DV_EFFECTIVE_COUNT, name, constants > 1 ? ", ..." : "");
  return DV_OK;
}

json_t* dv_tool_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

json_t* dv_tool_numbers(const double* values, size_t count)
{
  json_t* list = json_array();
  for (size_t i = 0; i < count; ++i) json_array_append_new(list, dv_tool_number(values[i]));
  return list;
}

dv_status dv_tool_print_json(json_t* root, dv_error* err)
{
  char* text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) : NULL;
  json_decref(root);
  if (!text) return dv_fail(err, DV_ERR_NOMEM, "No memory for the result");
  puts(text);
  free(text);
  return DV_OK;
}

dv_status dv_tool_print_written(const dv_tool_options* o, const char* path, dv_error* err)
{
  if (o->json) return dv_tool_print_json(json_pack("{s:s}", "written", path), err);
  if (!o->quiet) printf("wrote %s\n", path);
  return DV_OK;
}
