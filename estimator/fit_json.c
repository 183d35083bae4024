/* SPDX-License-Identifier: MIT */
#include "estimator/fit_json.h"

#include "presets/preset.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILE_DIGITS = 12, LINE_DIGITS = 9 };

/* JSON has no NaN. */
static void set_number(json_t* object, const char* key, double value)
{
  json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

static void set_whole(json_t* object, const char* key, size_t value)
{
  json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* A file name need not be UTF-8; JSON is. */
static void set_text(json_t* object, const char* key, const char* text)
{
  char valid[DV_RUN_PATH_SIZE];
  dv_preset_set_text(valid, sizeof valid, text);
  json_object_set_new(object, key, json_string(valid));
}

static json_t* options_json(const dv_fit_options* o)
{
  json_t* j = json_object();
  json_object_set_new(j, "reference", json_boolean(o->reference));
  set_whole(j, "steps", o->fit.steps);
  set_whole(j, "starts", o->fit.starts);
  set_whole(j, "trial_steps", o->fit.trial_steps);
  set_whole(j, "final_steps", o->fit.final_steps);
  set_number(j, "spread", o->fit.spread);
  set_number(j, "learning_rate", o->fit.learning_rate);
  set_number(j, "final_rate", o->fit.final_rate);
  json_object_set_new(j, "scaled", json_boolean(o->fit.scaled));
  set_number(j, "prior_weight", o->fit.prior_weight);
  set_number(j, "max_seconds", o->fit.max_seconds);
  set_whole(j, "seed", (size_t)o->fit.seed);
  set_whole(j, "threads", (size_t)o->fit.objective.threads);
  set_number(j, "chunk_s", o->fit.objective.chunk_s);
  set_number(j, "overlap_s", o->fit.objective.overlap_s);
  json_object_set_new(j, "covering", json_boolean(o->fit.objective.covering));
  set_whole(j, "batch_limit", o->fit.objective.batch_limit);
  if (o->init) set_text(j, "init", o->init);
  if (o->freeze) set_text(j, "freeze", o->freeze);
  json_object_set_new(j, "normalise", json_boolean(o->stems.normalise));
  if (o->stems.normalise) set_number(j, "lufs", o->stems.lufs);
  set_number(j, "search_s", o->stems.search_s);
  return j;
}

static json_t* source_json(const char* path, const dv_stem_source* s)
{
  char hash[24];
  json_t* j = json_object();
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)s->hash);
  set_text(j, "file", path);
  set_text(j, "fnv1a_64", hash);
  set_number(j, "rate_hz", s->rate_hz);
  set_whole(j, "channels", s->channels);
  set_whole(j, "frames", s->frames);
  set_number(j, "lufs", s->lufs);
  set_number(j, "gain_db", s->gain_db);
  return j;
}

const char* dv_run_align_mode_name(dv_align_mode mode)
{
  return mode == DV_ALIGN_AUTO ? "found by correlation" : mode == DV_ALIGN_OFF ? "off" : "as given";
}

static json_t* alignment_json(const dv_fit_run* run)
{
  const dv_stems* s = run->stems;
  json_t* j = json_object();
  set_text(j, "mode", dv_run_align_mode_name(run->options->stems.align));
  json_object_set_new(j, "lag_samples", json_integer(s->lag_samples));
  set_number(j, "lag_ms", 1e3 * (double)s->lag_samples / DV_MODEL_RATE_HZ);
  json_object_set_new(j, "polarity", json_integer(s->polarity));
  json_object_set_new(j, "found_lag_samples", json_integer(s->alignment.lag_samples));
  set_number(j, "confidence", s->alignment.confidence);
  json_object_set_new(j, "looks_swapped", json_boolean(s->alignment.looks_swapped));
  return j;
}

static json_t* losses_json(const dv_loss_values* v)
{
  json_t* j = json_object();
  set_number(j, "total", v->total);
  set_number(j, "mss_lr", v->mss_lr);
  set_number(j, "mss_ms", v->mss_ms);
  set_number(j, "mldr_lr", v->mldr_lr);
  set_number(j, "mldr_ms", v->mldr_ms);
  return j;
}

static json_t* notes_json(const dv_stems* s)
{
  json_t* list = json_array();
  for (size_t i = 0; i < s->note_count; ++i) {
    json_t* note = json_object();
    json_object_set_new(note, "warning", json_boolean(s->notes[i].warning));
    set_text(note, "text", s->notes[i].text);
    json_array_append_new(list, note);
  }
  return list;
}

static json_t* result_json(const dv_fit_run* run)
{
  const dv_fit_result* r = &run->result;
  json_t* j = json_object();
  set_text(j, "ended", run->ended);
  set_whole(j, "steps_done", r->steps_done);
  set_whole(j, "best_step", r->best_step);
  set_whole(j, "start", r->start + 1);
  set_whole(j, "starts_tried", dv_fit_history_starts(run->history));
  set_number(j, "seconds", r->elapsed_s);
  set_whole(j, "chunks", r->chunks);
  set_whole(j, "chunks_too_quiet", r->chunks_dropped);
  set_whole(j, "chunks_per_step", r->batch);
  set_text(j, "verdict", run->verdict);
  return j;
}

/* One line on standard output; whoever reads it waits for it. */
static void print_line(json_t* object)
{
  json_dumpf(object, stdout, JSON_REAL_PRECISION(LINE_DIGITS));
  json_decref(object);
  putchar('\n');
  fflush(stdout);
}

void dv_run_print_step(const dv_fit_step* step)
{
  json_t* j = json_object();
  set_whole(j, "step", step->step);
  set_whole(j, "steps", step->steps);
  set_whole(j, "start", step->start + 1);
  json_t* losses = losses_json(&step->values);
  json_object_update(j, losses);
  json_decref(losses);
  set_number(j, "regulariser", step->regulariser);
  set_number(j, "elapsed_s", step->elapsed_s);
  print_line(j);
}

void dv_run_print_result(const dv_fit_run* run)
{
  json_t* j = json_object();
  set_text(j, "result", run->ended);
  set_whole(j, "steps_done", run->result.steps_done);
  set_whole(j, "best_step", run->result.best_step);
  set_number(j, "unprocessed", run->unprocessed.total);
  set_number(j, "start", run->first.total);
  set_number(j, "fitted", run->fitted.total);
  json_object_set_new(j, "lag_samples", json_integer(run->stems->lag_samples));
  json_object_set_new(j, "polarity", json_integer(run->stems->polarity));
  set_number(j, "confidence", run->stems->alignment.confidence);
  set_number(j, "elapsed_s", run->result.elapsed_s);
  set_text(j, "verdict", run->verdict);
  print_line(j);
}

char* dv_run_json(const dv_fit_run* run)
{
  json_t *root = json_object(), *stems = json_object(), *losses = json_object();
  set_text(root, "format", "diffvox-run");
  set_whole(root, "version", 1);
  set_text(root, "created_by", "diffvox-fit " DV_VERSION);
  json_object_set_new(stems, "dry", source_json(run->options->dry, &run->stems->dry_source));
  json_object_set_new(stems, "wet", source_json(run->options->wet, &run->stems->wet_source));
  json_object_set_new(stems, "alignment", alignment_json(run));
  json_object_set_new(losses, "unprocessed", losses_json(&run->unprocessed));
  json_object_set_new(losses, "start", losses_json(&run->first));
  json_object_set_new(losses, "fitted", losses_json(&run->fitted));
  json_object_set_new(root, "result", result_json(run));
  json_object_set_new(root, "losses", losses);
  json_object_set_new(root, "stems", stems);
  json_object_set_new(root, "options", options_json(run->options));
  json_object_set_new(root, "notes", notes_json(run->stems));
  char* text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(FILE_DIGITS));
  json_decref(root);
  return text;
}
