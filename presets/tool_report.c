/* SPDX-License-Identifier: MIT */
/* report: the analysis of one corpus, or of two, as a page. */
#include "datasets/file.h"
#include "presets/analysis.h"
#include "presets/tool.h"

#include <stdio.h>
#include <stdlib.h>

static json_t* summary_json(const dv_analysis* a, const char* path)
{
  json_t* corpora = json_array();
  for (size_t i = 0; i < a->parts; ++i)
    json_array_append_new(corpora, json_pack("{s:s, s:I, s:I}", "corpus", a->part[i].corpus.label, "presets",
                                             (json_int_t)a->part[i].corpus.count, "listed",
                                             (json_int_t)a->part[i].listed_count));
  return json_pack("{s:s, s:o, s:I, s:o, s:o}", "written", path, "corpora", corpora, "components_for_99",
                   (json_int_t)dv_pca_components_for(a->part[0].cumulative, DV_EFFECTIVE_COUNT, 0.99), "royston_h",
                   a->normality.joint ? dv_tool_number(a->normality.royston.statistic) : json_null(), "royston_p",
                   a->normality.joint ? dv_tool_number(a->normality.royston.p) : json_null());
}

static dv_status write_page(const dv_tool_options* o, const dv_analysis* a, dv_error* err)
{
  dv_buffer page = {0};
  dv_status status = dv_analysis_page(a, &page, err);
  if (!status) status = dv_file_write(o->output, page.data, page.size, err);
  dv_buffer_free(&page);
  if (status) return status;
  return o->json ? dv_tool_print_json(summary_json(a, o->output), err) : dv_tool_print_written(o, o->output, err);
}

dv_status dv_tool_report(const dv_tool_options* o, dv_error* err)
{
  dv_study_record study;
  dv_status status = o->features ? dv_study_read(o->features, &study, err) : DV_OK;
  if (status) return status;
  dv_analysis* a = calloc(1, sizeof *a);
  if (!a) return dv_fail(err, DV_ERR_NOMEM, "No memory for the analysis");
  for (size_t i = 0; i < DV_TOOL_INPUTS && o->inputs[i] && !status; ++i) {
    status = dv_tool_load(o, o->inputs[i], &a->part[i].corpus, err);
    if (!status) a->parts = i + 1;
  }
  if (!status) status = dv_analysis_run(a, o->features ? &study : NULL, err);
  if (!status) status = write_page(o, a, err);
  dv_analysis_free(a);
  free(a);
  return status;
}
