/* SPDX-License-Identifier: MIT */
/* check: what is wrong with the pairs of a manifest. */
#include "datasets/check.h"
#include "datasets/data_tool.h"
#include "datasets/file.h"
#include "dsp/parameters.h"
#include "estimator/cli.h"
#include "estimator/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const dv_data_options* o;
  FILE* out; /* for people */
  size_t verdicts[3];
  dv_manifest good;
} session;

/* ---- JSON ---- */

static json_t* findings_json(const dv_check_result* r)
{
  json_t* findings = json_array();
  for (size_t i = 0; i < r->count; ++i)
    json_array_append_new(
      findings, json_pack("{s:s, s:s, s:o}", "verdict", dv_check_verdict_name(r->findings[i].verdict), "kind",
                          dv_check_kind_name(r->findings[i].kind), "text", dv_data_text(r->findings[i].text)));
  return findings;
}

static void set_number(json_t* object, const char* name, double value)
{
  json_object_set_new(object, name, isfinite(value) ? json_real(value) : json_null());
}

static json_t* result_json(const dv_pair* pair, const dv_check_result* r)
{
  json_t* object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "type", "pair", "id", pair->id, "dry", pair->dry, "wet",
                             pair->wet, "verdict", dv_check_verdict_name(r->verdict), "findings", findings_json(r));
  if (r->dry_rate_hz > 0.0) set_number(object, "dry_rate_hz", r->dry_rate_hz);
  if (r->wet_rate_hz > 0.0) set_number(object, "wet_rate_hz", r->wet_rate_hz);
  if (!r->prepared) return object;
  set_number(object, "seconds", r->seconds);
  set_number(object, "sound_seconds", r->sound_s);
  json_object_set_new(object, "lag_samples", json_integer((json_int_t)r->lag_samples));
  json_object_set_new(object, "polarity", json_integer(r->polarity));
  set_number(object, "confidence", r->confidence);
  set_number(object, "dry_lufs", r->dry_lufs);
  set_number(object, "wet_lufs", r->wet_lufs);
  return object;
}

static json_t* summary_json(const session* r)
{
  return json_pack("{s:s, s:I, s:I, s:I}", "type", "summary", "ok", (json_int_t)r->verdicts[DV_CHECK_OK], "warning",
                   (json_int_t)r->verdicts[DV_CHECK_WARNING], "bad", (json_int_t)r->verdicts[DV_CHECK_BAD]);
}

/* ---- text ---- */

static void print_result(const session* run, const dv_pair* pair, const dv_check_result* r)
{
  fprintf(run->out, "%-8s %s", dv_check_verdict_name(r->verdict), pair->id);
  if (r->prepared)
    fprintf(run->out, "  %.1f s, lag %td samples (%.2f ms)%s", r->seconds, r->lag_samples,
            1e3 * (double)r->lag_samples / DV_MODEL_RATE_HZ, r->polarity < 0 ? ", inverted" : "");
  putc('\n', run->out);
  for (size_t i = 0; i < r->count; ++i)
    if (r->findings[i].verdict != DV_CHECK_OK)
      fprintf(run->out, "         %s: %s\n", dv_check_kind_name(r->findings[i].kind), r->findings[i].text);
}

static void print_summary(const session* r)
{
  const size_t* v = r->verdicts;
  fprintf(r->out, "%zu pairs: %zu ok, %zu with warnings, %zu bad\n", v[0] + v[1] + v[2], v[DV_CHECK_OK],
          v[DV_CHECK_WARNING], v[DV_CHECK_BAD]);
}

/* ---- the work ---- */

static dv_status take(session* run, const dv_pair* pair, dv_check_result* r, dv_error* err)
{
  if (run->o->strict && r->verdict == DV_CHECK_WARNING) r->verdict = DV_CHECK_BAD;
  ++run->verdicts[r->verdict];
  dv_status status = r->verdict == DV_CHECK_BAD ? DV_OK : dv_manifest_add(&run->good, pair, err);
  if (!status && run->o->quiet) return DV_OK;
  if (!status && run->o->json) return dv_data_print(result_json(pair, r), err);
  if (!status) print_result(run, pair, r);
  return status ? status : dv_cli_flush(err);
}

static dv_status check_all(session* run, const dv_manifest* manifest, dv_error* err)
{
  dv_stems_config config;
  dv_progress progress;
  dv_status status = DV_OK;
  dv_stems_config_default(&config);
  config.search_s = run->o->search_s;
  dv_progress_start(&progress, stderr, run->o->quiet);
  for (size_t i = 0; i < manifest->count && !status; ++i) {
    dv_check_result result;
    dv_progress_show(&progress, "checking", (double)i / (double)manifest->count, manifest->pairs[i].id);
    status = dv_check_pair(&manifest->pairs[i], &config, &result, err);
    dv_progress_end(&progress);
    if (!status) status = take(run, &manifest->pairs[i], &result, err);
  }
  return status;
}

static dv_status finish(session* run, dv_error* err)
{
  dv_status status = DV_OK;
  if (run->o->json) status = dv_data_print(summary_json(run), err);
  else print_summary(run);
  if (!status) status = dv_cli_flush(err);
  if (!status && run->o->output) status = dv_manifest_write(run->o->output, &run->good, err);
  return status;
}

int dv_data_check(const dv_data_options* o)
{
  dv_manifest manifest;
  dv_error err;
  session run = {.o = o, .out = o->output && !strcmp(o->output, "-") ? stderr : stdout};
  dv_status status = dv_manifest_read(o->input, &manifest, &err);
  if (!status) status = check_all(&run, &manifest, &err);
  if (!status) status = finish(&run, &err);
  dv_manifest_free(&run.good);
  dv_manifest_free(&manifest);
  if (status) return dv_data_fail(&err);
  return run.verdicts[DV_CHECK_BAD] ? EXIT_FAILURE : EXIT_SUCCESS;
}
