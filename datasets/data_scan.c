/* SPDX-License-Identifier: MIT */
/* scan: pairs below a folder. */
#include "datasets/data_tool.h"
#include "datasets/file.h"
#include "estimator/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  size_t of[DV_SCAN_REASONS];
} counts;

static counts count_reasons(const dv_scan* scan)
{
  counts c = {{0}};
  for (size_t i = 0; i < scan->exclusion_count; ++i) ++c.of[scan->exclusions[i].reason];
  return c;
}

static size_t count_bleed(const dv_manifest* m)
{
  size_t count = 0;
  for (size_t i = 0; i < m->count; ++i) count += m->pairs[i].has_bleed;
  return count;
}

/* ---- JSON ---- */

static json_t* pair_json(const dv_pair* pair)
{
  return json_pack("{s:s, s:s, s:s, s:s, s:o, s:b}", "type", "pair", "id", pair->id, "dry", pair->dry, "wet", pair->wet,
                   "why", dv_data_text(pair->why), "has_bleed", pair->has_bleed);
}

static json_t* exclusion_json(const dv_scan_exclusion* e)
{
  return json_pack("{s:s, s:s, s:o, s:o}", "type", "left_out", "kind", dv_scan_reason_name(e->reason), "path",
                   dv_data_text(e->path), "reason", dv_data_text(e->text));
}

static json_t* summary_json(const dv_scan* scan)
{
  const counts c = count_reasons(scan);
  json_t* left_out = json_object();
  for (int i = 0; i < DV_SCAN_REASONS; ++i)
    if (c.of[i])
      json_object_set_new(left_out, dv_scan_reason_name((dv_scan_reason)i), json_integer((json_int_t)c.of[i]));
  return json_pack("{s:s, s:I, s:I, s:o}", "type", "summary", "pairs", (json_int_t)scan->manifest.count, "has_bleed",
                   (json_int_t)count_bleed(&scan->manifest), "left_out", left_out);
}

static dv_status print_json(const dv_scan* scan, bool quiet, dv_error* err)
{
  dv_status status = DV_OK;
  for (size_t i = 0; i < scan->manifest.count && !quiet && !status; ++i)
    status = dv_data_print(pair_json(&scan->manifest.pairs[i]), err);
  for (size_t i = 0; i < scan->exclusion_count && !quiet && !status; ++i)
    status = dv_data_print(exclusion_json(&scan->exclusions[i]), err);
  return status ? status : dv_data_print(summary_json(scan), err);
}

/* ---- text ---- */

/* Below the root, where it lies there. */
static const char* shorten(const char* path, const char* root)
{
  const size_t length = strlen(root);
  if (strncmp(path, root, length)) return path;
  path += length;
  while (*path == '/') ++path;
  return *path ? path : root;
}

static void print_pairs(FILE* out, const dv_manifest* m, const char* root)
{
  for (size_t i = 0; i < m->count; ++i) {
    const dv_pair* p = &m->pairs[i];
    fprintf(out, "%s%s\n    dry  %s\n    wet  %s\n    why  %s\n", p->id, p->has_bleed ? "  (has_bleed)" : "",
            shorten(p->dry, root), shorten(p->wet, root), p->why);
  }
}

/* Of stems of other instruments and files without a role there may be thousands: those that follow each other and
   differ in nothing that matters are one line. */
static size_t run_length(const dv_scan* scan, size_t first)
{
  const dv_scan_exclusion* e = &scan->exclusions[first];
  const char* detail = strstr(e->path, ".yaml: ");
  const size_t same = detail ? (size_t)(detail - e->path) + 5 : 0;
  size_t end = first + 1;
  if (e->reason != DV_SCAN_NOT_A_VOICE && e->reason != DV_SCAN_UNNAMED) return 1;
  while (end < scan->exclusion_count && scan->exclusions[end].reason == e->reason &&
         !strncmp(scan->exclusions[end].path, e->path, same))
    ++end;
  return end - first;
}

static void print_run(FILE* out, const dv_scan* scan, size_t first, size_t count, const char* root)
{
  const dv_scan_exclusion* e = &scan->exclusions[first];
  fprintf(out, "  %s: %s", shorten(e->path, root), e->text);
  if (count > 1) fprintf(out, " (and %zu more like it; --json lists all)", count - 1);
  putc('\n', out);
}

static void print_left_out(FILE* out, const dv_scan* scan, const char* root)
{
  if (scan->exclusion_count) fputs("left out:\n", out);
  for (size_t i = 0, count; i < scan->exclusion_count; i += count) {
    count = run_length(scan, i);
    print_run(out, scan, i, count, root);
  }
}

static void print_summary(FILE* out, const dv_scan* scan)
{
  const counts c = count_reasons(scan);
  const size_t bleed = count_bleed(&scan->manifest);
  fprintf(out, "%zu pair%s", scan->manifest.count, scan->manifest.count == 1 ? "" : "s");
  if (bleed) fprintf(out, ", %zu with has_bleed", bleed);
  fprintf(out, "; %zu left out", scan->exclusion_count);
  const char* separator = ": ";
  for (int i = 0; i < DV_SCAN_REASONS; ++i)
    if (c.of[i]) {
      fprintf(out, "%s%zu %s", separator, c.of[i], dv_scan_reason_name((dv_scan_reason)i));
      separator = ", ";
    }
  putc('\n', out);
}

static dv_status print_text(const dv_data_options* o, const dv_scan* scan, dv_error* err)
{
  FILE* out = o->output && !strcmp(o->output, "-") ? stderr : stdout;
  if (!o->quiet) print_pairs(out, &scan->manifest, o->input);
  if (!o->quiet) print_left_out(out, scan, o->input);
  print_summary(out, scan);
  return dv_cli_flush(err);
}

static dv_status report(const dv_data_options* o, const dv_scan* scan, dv_error* err)
{
  const dv_status status = o->json ? print_json(scan, o->quiet, err) : print_text(o, scan, err);
  if (status) return status;
  if (!scan->manifest.count)
    return dv_fail(err, DV_ERR_FORMAT,
                   "%s: no pair found; name files NAME.dry.wav and NAME.wet.wav, or list them in a CSV file with the "
                   "columns dry and wet",
                   dv_file_label(o->input));
  return o->output ? dv_manifest_write(o->output, &scan->manifest, err) : DV_OK;
}

int dv_data_scan(const dv_data_options* o)
{
  dv_scan scan;
  dv_error err;
  dv_status status = dv_scan_root(o->input, &o->scan, &scan, &err);
  if (!status) status = report(o, &scan, &err);
  dv_scan_free(&scan);
  return status ? dv_data_fail(&err) : EXIT_SUCCESS;
}
