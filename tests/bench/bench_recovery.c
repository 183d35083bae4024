/* SPDX-License-Identifier: MIT */
/* How well fits recovered known effects.
 *
 *   bench_recovery PAIRS_FOLDER RUNS_FOLDER [--json]
 *
 * Every PAIRS_FOLDER/NAME with a settings.json is a pair: stems, what made one of the other, and probes of what the
 * effect really does.  Its fit is RUNS_FOLDER/NAME or, for a NAME that begins NN_, RUNS_FOLDER/pNN: a folder of
 * diffvox-fit, which may still be under way; pairs without one are passed over.  What is measured follows from the
 * chain in settings.json and the probes that are there.  Prints a table, or JSON.  Exit code 1 when a pair could not
 * be read or none was found; a target that is missed is a result, not a failure. */
#include "datasets/file.h"
#include "recovery.h"

#include <dirent.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_WIDTH = 44, MAX_JSON_BYTES = 1 << 24 };

static const double SAME_LOSS = 1e-6; /* run.json has twelve digits */

/* --- For the measures -------------------------------------------------------------------------------------------- */

void* recovery_need(void* memory)
{
  if (memory) return memory;
  fputs("bench_recovery: out of memory\n", stderr);
  exit(EXIT_FAILURE);
}

static void add(recovery_rows* rows, const char* name, recovery_row row)
{
  if (rows->count >= RECOVERY_MAX_ROWS) return;
  snprintf(row.name, sizeof row.name, "%s", name);
  rows->rows[rows->count++] = row;
}

void recovery_add_value(recovery_rows* rows, const char* name, const char* unit, double known, double found,
                        double target)
{
  add(rows, name, (recovery_row){"", unit, unit, known, found, found - known, target});
}

void recovery_add_seconds(recovery_rows* rows, const char* name, double known_s, double found_s, double target_percent)
{
  add(rows, name, (recovery_row){"", "s", "%", known_s, found_s, 100.0 * (found_s / known_s - 1.0), target_percent});
}

void recovery_add_error(recovery_rows* rows, const char* name, double error_db, double target_db)
{
  add(rows, name, (recovery_row){"", "", "dB", RECOVERY_NONE, RECOVERY_NONE, error_db, target_db});
}

void recovery_add_found(recovery_rows* rows, const char* name, const char* unit, double found)
{
  add(rows, name, (recovery_row){"", unit, "", RECOVERY_NONE, found, RECOVERY_NONE, RECOVERY_NONE});
}

double recovery_number(const json_t* object, const char* key)
{
  const json_t* value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : RECOVERY_NONE;
}

static const char* stage_name(const json_t* stage)
{
  const char* name = json_string_value(json_object_get(stage, "stage"));
  return name ? name : "";
}

const json_t* recovery_stage(const recovery_case* c, const char* stage)
{
  const json_t* chain = json_object_get(c->settings, "chain");
  for (size_t i = 0; i < json_array_size(chain); ++i)
    if (!strcmp(stage_name(json_array_get(chain, i)), stage)) return json_array_get(chain, i);
  return NULL;
}

const json_t* recovery_stage_params(const recovery_case* c, const char* stage)
{
  return json_object_get(recovery_stage(c, stage), "params");
}

bool recovery_only_stages(const recovery_case* c, const char* const* stages, size_t count)
{
  const json_t* chain = json_object_get(c->settings, "chain");
  for (size_t i = 0; i < json_array_size(chain); ++i) {
    bool listed = false;
    for (size_t s = 0; s < count; ++s) listed = listed || !strcmp(stage_name(json_array_get(chain, i)), stages[s]);
    if (!listed) return false;
  }
  return true;
}

double recovery_tone_db(const float* x, size_t samples, double rate_hz, double freq_hz)
{
  const double w = 2.0 * M_PI * freq_hz / rate_hz, step_re = cos(w), step_im = -sin(w);
  double re = 1.0, im = 0.0, sum_re = 0.0, sum_im = 0.0;
  for (size_t i = 0; i < samples; ++i) {
    sum_re += (double)x[i] * re;
    sum_im += (double)x[i] * im;
    const double turned = re * step_re - im * step_im;
    im = re * step_im + im * step_re;
    re = turned;
  }
  return 10.0 * log10(sum_re * sum_re + sum_im * sum_im);
}

/* --- Reading a pair and its fit ---------------------------------------------------------------------------------- */

static bool join(const char* folder, const char* name, char path[RECOVERY_PATH])
{
  return (size_t)snprintf(path, RECOVERY_PATH, "%s/%s", folder, name) < RECOVERY_PATH;
}

static bool exists(const char* folder, const char* name)
{
  char path[RECOVERY_PATH];
  return join(folder, name, path) && !access(path, F_OK);
}

static dv_status read_json(const char* folder, const char* name, json_t** value, dv_error* err)
{
  char path[RECOVERY_PATH], *text = NULL;
  size_t size = 0;
  json_error_t cause;
  if (!join(folder, name, path)) return dv_fail(err, DV_ERR_ARG, "%s: path too long", dv_file_label(folder));
  dv_status status = dv_file_read(path, MAX_JSON_BYTES, &text, &size, err);
  if (status) return status;
  *value = json_loadb(text, size, 0, &cause);
  free(text);
  if (*value) return DV_OK;
  return dv_fail(err, DV_ERR_FORMAT, "%s: line %d: %s", dv_file_label(path), cause.line, cause.text);
}

static dv_status read_dry(recovery_case* c, dv_error* err)
{
  char path[RECOVERY_PATH];
  if (!join(c->pair, "dry.flac", path)) return dv_fail(err, DV_ERR_ARG, "%s: path too long", dv_file_label(c->pair));
  const dv_status status = dv_audio_read(path, &c->dry, err);
  if (!status) dv_audio_to_mono(&c->dry);
  return status;
}

static dv_status read_probes(recovery_case* c, dv_error* err)
{
  char path[RECOVERY_PATH];
  dv_status status = DV_OK;
  if (exists(c->pair, "probe_ir.wav") && join(c->pair, "probe_ir.wav", path))
    status = dv_audio_read(path, &c->probe, err);
  if (!status && exists(c->pair, "probe_curve.json")) status = read_json(c->pair, "probe_curve.json", &c->curve, err);
  return status;
}

/* A fit that is made anew leaves run.json and the sound of the one before until it ends: they are not its own. */
static void drop_older_run(recovery_case* c)
{
  const dv_preset_note* loss = dv_preset_find_note(&c->preset, "loss");
  const json_t* fitted = json_object_get(json_object_get(c->run, "losses"), "fitted");
  const double told = recovery_number(fitted, "total");
  if (loss && loss->is_number && fabs(loss->number - told) <= SAME_LOSS * fabs(told)) return;
  json_decref(c->run);
  c->run = NULL;
}

static dv_status read_case(recovery_case* c, dv_error* err)
{
  char path[RECOVERY_PATH];
  dv_status status = read_json(c->pair, "settings.json", &c->settings, err);
  if (!status && exists(c->fit, "run.json")) status = read_json(c->fit, "run.json", &c->run, err);
  if (!status && !join(c->fit, "preset.json", path))
    status = dv_fail(err, DV_ERR_ARG, "%s: path too long", dv_file_label(c->fit));
  if (!status) status = dv_preset_read(path, &c->preset, err);
  if (!status) drop_older_run(c);
  if (!status) status = read_dry(c, err);
  if (!status) status = read_probes(c, err);
  return status;
}

static void free_case(recovery_case* c)
{
  json_decref(c->settings);
  json_decref(c->run);
  json_decref(c->curve);
  dv_audio_free(&c->dry);
  dv_audio_free(&c->probe);
}

/* Folder of a pair's fit; false when there is none. */
static bool find_fit(const char* runs, const char* name, char path[RECOVERY_PATH])
{
  char label[64];
  const size_t digits = strspn(name, "0123456789");
  if (join(runs, name, path) && exists(path, "preset.json")) return true;
  if (!digits || name[digits] != '_' || digits >= sizeof label - 1) return false;
  snprintf(label, sizeof label, "p%.*s", (int)digits, name);
  return join(runs, label, path) && exists(path, "preset.json");
}

/* --- Measuring --------------------------------------------------------------------------------------------------- */

static double run_loss(const recovery_case* c, const char* which)
{
  return recovery_number(json_object_get(json_object_get(c->run, "losses"), which), "total");
}

static void measure_run(const recovery_case* c, recovery_rows* rows)
{
  if (!c->run) return;
  const json_t* found = json_object_get(json_object_get(c->run, "stems"), "alignment");
  const double lag = recovery_number(found, "lag_samples"), wanted = recovery_number(c->settings, "offset_samples");
  const double sign = recovery_number(found, "polarity"), known = recovery_number(c->settings, "polarity");
  recovery_add_found(rows, "Loss, unprocessed", "", run_loss(c, "unprocessed"));
  recovery_add_found(rows, "Loss, start", "", run_loss(c, "start"));
  recovery_add_found(rows, "Loss, fitted", "", run_loss(c, "fitted"));
  recovery_add_value(rows, "Lag", "samples", wanted, lag, 0.0);
  recovery_add_value(rows, "Polarity", "", known, sign, 0.0);
}

static void measure_all(const recovery_case* c, recovery_rows* rows)
{
  rows->count = 0;
  measure_run(c, rows);
  recovery_measure_spectrum(c, rows);
  recovery_measure_eq(c, rows);
  recovery_measure_curve(c, rows);
  recovery_measure_echoes(c, rows);
  recovery_measure_decay(c, rows);
}

/* --- Printing ---------------------------------------------------------------------------------------------------- */

/* Targets met, and rows that have one. */
typedef struct {
  size_t pairs, met, targets;
  bool failed;
} tally;

static bool has_target(const recovery_row* r) { return !isnan(r->target); }
static bool is_met(const recovery_row* r) { return fabs(r->error) <= r->target; }

static const char* text_of(const recovery_case* c, const char* key)
{
  const char* text = json_string_value(json_object_get(json_object_get(c->run, "result"), key));
  return text ? text : "";
}

static double result_number(const recovery_case* c, const char* key)
{
  return recovery_number(json_object_get(c->run, "result"), key);
}

static void print_value(double value, const char* unit)
{
  char text[32] = "";
  if (!isnan(value)) snprintf(text, sizeof text, "%.3f %s", value, unit);
  printf(" %14s", text);
}

static void print_table(const recovery_case* c, const recovery_rows* rows)
{
  if (c->run)
    printf("\n%s\n  %.0f steps, %.0f s, %s; %s\n", c->name, result_number(c, "steps_done"), result_number(c, "seconds"),
           text_of(c, "ended"), text_of(c, "verdict"));
  else printf("\n%s\n  still under way: the best so far\n", c->name);
  printf("  %-*s %14s %14s %14s %14s\n", NAME_WIDTH, "", "known", "found", "error", "target");
  for (size_t i = 0; i < rows->count; ++i) {
    const recovery_row* r = &rows->rows[i];
    printf("  %-*s", NAME_WIDTH, r->name);
    print_value(r->known, r->unit);
    print_value(r->found, r->unit);
    print_value(r->error, r->error_unit);
    print_value(r->target, r->error_unit);
    puts(!has_target(r) ? "" : is_met(r) ? "  met" : "  MISSED");
  }
}

static json_t* number_or_null(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t* row_json(const recovery_row* r)
{
  return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", r->name, "unit", r->unit, "error_unit",
                   r->error_unit, "known", number_or_null(r->known), "found", number_or_null(r->found), "error",
                   number_or_null(r->error), "target", number_or_null(r->target), "met",
                   has_target(r) ? json_boolean(is_met(r)) : json_null());
}

static json_t* case_json(const recovery_case* c, const recovery_rows* rows)
{
  json_t* list = json_array();
  for (size_t i = 0; i < rows->count; ++i) json_array_append_new(list, row_json(&rows->rows[i]));
  return json_pack("{s:s, s:o, s:o, s:s, s:s, s:o}", "name", c->name, "steps",
                   number_or_null(result_number(c, "steps_done")), "seconds",
                   number_or_null(result_number(c, "seconds")), "ended", text_of(c, "ended"), "verdict",
                   text_of(c, "verdict"), "measures", list);
}

/* --- All pairs --------------------------------------------------------------------------------------------------- */

/* list: where the JSON goes, NULL for the table. */
static void measure_pair(const char* pairs, const char* runs, const char* name, json_t* list, tally* t)
{
  recovery_case c = {.name = name};
  recovery_rows rows;
  dv_error err = {""};
  if (!join(pairs, name, c.pair) || !exists(c.pair, "settings.json") || !find_fit(runs, name, c.fit)) return;
  if (read_case(&c, &err)) {
    fprintf(stderr, "bench_recovery: %s: %s\n", name, err.text);
    t->failed = true;
  } else {
    measure_all(&c, &rows);
    for (size_t i = 0; i < rows.count; ++i) {
      t->targets += has_target(&rows.rows[i]);
      t->met += has_target(&rows.rows[i]) && is_met(&rows.rows[i]);
    }
    ++t->pairs;
    if (list) json_array_append_new(list, case_json(&c, &rows));
    else print_table(&c, &rows);
  }
  free_case(&c);
}

static int measure_pairs(const char* pairs, const char* runs, bool as_json)
{
  struct dirent** entries;
  tally t = {0};
  const int count = scandir(pairs, &entries, NULL, alphasort);
  if (count < 0) {
    fprintf(stderr, "bench_recovery: %s: no folder of pairs\n", pairs);
    return EXIT_FAILURE;
  }
  json_t* list = as_json ? json_array() : NULL;
  for (int i = 0; i < count; ++i) {
    if (entries[i]->d_name[0] != '.') measure_pair(pairs, runs, entries[i]->d_name, list, &t);
    free(entries[i]);
  }
  free(entries);
  if (!t.pairs && !t.failed) fprintf(stderr, "bench_recovery: %s: no fit of any pair in %s\n", runs, pairs);
  if (list) json_dumpf(list, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
  else printf("\n%zu pairs, %zu of %zu targets met", t.pairs, t.met, t.targets);
  puts("");
  json_decref(list);
  return t.pairs && !t.failed ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char** argv)
{
  static const struct option known[] = {{"json", no_argument, NULL, 'j'}, {0}};
  bool as_json = false, usable = true;
  for (int o; (o = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    as_json = as_json || o == 'j';
    usable = usable && o == 'j';
  }
  if (!usable || argc - optind != 2) {
    fputs("usage: bench_recovery PAIRS_FOLDER RUNS_FOLDER [--json]\n", stderr);
    return 2;
  }
  return measure_pairs(argv[optind], argv[optind + 1], as_json);
}
