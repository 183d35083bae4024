/* SPDX-License-Identifier: MIT */
#include "estimator/batch_view.h"

#include "estimator/progress.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { ROW_SIZE = 256, LINE_DIGITS = 9, FALLBACK_COLUMNS = 80, FALLBACK_ROWS = 24 };
static const double REDRAW_S = 0.2;

dv_status dv_batch_view_start(dv_batch_view* v, const dv_manifest* manifest, const char* runs, bool quiet, bool json,
                              dv_error* err)
{
  *v = (dv_batch_view){.manifest = manifest, .runs = runs, .quiet = quiet, .json = json};
  v->table = !quiet && !json && isatty(STDERR_FILENO);
  v->start_s = dv_monotonic_s();
  v->progress = calloc(manifest->count + 1, sizeof *v->progress);
  return v->progress ? DV_OK : dv_fail(err, DV_ERR_NOMEM, "out of memory");
}

/* --- How far it is ---------------------------------------------------------------------------------------------- */

typedef struct {
  size_t done, skipped, running, failed, waiting, elsewhere, cut, all;
} sums;

static sums sum_up(const dv_batch* b)
{
  const size_t others = dv_batch_count(b, DV_BATCH_OTHERS);
  return (sums){.done = dv_batch_count(b, DV_BATCH_DONE),
                .skipped = dv_batch_count(b, DV_BATCH_SKIPPED),
                .running = dv_batch_count(b, DV_BATCH_RUNNING),
                .failed = dv_batch_count(b, DV_BATCH_FAILED),
                .waiting = dv_batch_count(b, DV_BATCH_WAITING),
                .elsewhere = dv_batch_count(b, DV_BATCH_ELSEWHERE),
                .cut = dv_batch_count(b, DV_BATCH_CUT),
                .all = b->count - others};
}

static double part_done(const dv_batch_progress* p)
{
  return p->steps ? (double)(p->step + 1) / (double)p->steps : 0.0;
}

/* Seconds until a pair's fit ends; NaN while nothing can be said. */
static double pair_left_s(const dv_batch_progress* p)
{
  const double done = part_done(p), gained = done - p->begun_at;
  return gained > 0.0 ? (dv_monotonic_s() - p->begun_s) * (1.0 - done) / gained : (double)NAN;
}

/* Until the batch ends, at the pace so far; a pair counts by how far it is, one that others have not at all. */
static double batch_left_s(const dv_batch_view* v, const dv_batch* b)
{
  double gained = 0.0, left = 0.0;
  for (size_t i = 0; i < b->count; ++i) {
    const dv_batch_progress* p = &v->progress[i];
    const dv_batch_state state = b->tracks[i].state;
    if (state == DV_BATCH_DONE) gained += 1.0 - p->begun_at;
    if (state == DV_BATCH_RUNNING) gained += part_done(p) - p->begun_at;
    if (state == DV_BATCH_RUNNING) left += 1.0 - part_done(p);
    if (state == DV_BATCH_WAITING) left += 1.0;
  }
  return gained > 0.0 ? (dv_monotonic_s() - v->start_s) * left / gained : (double)NAN;
}

/* "  ETA 1:02:03", "" while it is not known. */
static void put_eta(double seconds, char* text, size_t size)
{
  *text = '\0';
  if (!isfinite(seconds)) return;
  const long s = lround(seconds);
  if (s >= 3600) snprintf(text, size, "  ETA %ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  else snprintf(text, size, "  ETA %ld:%02ld", s / 60, s % 60);
}

/* What a fit prints: a step, or its end. */
static void follow(dv_batch_progress* p, const json_t* line)
{
  const json_t *step = json_object_get(line, "step"), *steps = json_object_get(line, "steps");
  const json_t *total = json_object_get(line, "total"), *fitted = json_object_get(line, "fitted");
  if (json_is_integer(step) && json_is_integer(steps) && json_integer_value(steps) > 0) {
    const bool first = !p->steps;
    p->step = (size_t)json_integer_value(step);
    p->steps = (size_t)json_integer_value(steps);
    if (first) p->begun_at = (double)p->step / (double)p->steps;
  }
  if (total || fitted) p->loss = json_is_number(fitted) ? json_number_value(fitted) : json_number_value(total);
}

/* --- On a terminal ---------------------------------------------------------------------------------------------- */

static void wipe(dv_batch_view* v)
{
  if (v->table_lines) fprintf(stderr, "\033[%dA\033[J", v->table_lines);
  v->table_lines = 0;
}

/* A row that were longer than the screen would take two. */
static void put_row(dv_batch_view* v, const char* row, int columns)
{
  fprintf(stderr, "%.*s\n", columns - 1, row);
  ++v->table_lines;
}

static void put_pair_row(dv_batch_view* v, size_t pair, int columns)
{
  char row[ROW_SIZE], eta[32];
  const dv_batch_progress* p = &v->progress[pair];
  const char* id = v->manifest->pairs[pair].id;
  put_eta(pair_left_s(p), eta, sizeof eta);
  if (p->steps && p->step + 1 == p->steps) snprintf(row, sizeof row, "  %-30.30s  writing the results", id);
  else if (p->steps)
    snprintf(row, sizeof row, "  %-30.30s  step %zu of %zu  loss %.4f%s", id, p->step + 1, p->steps, p->loss, eta);
  else snprintf(row, sizeof row, "  %-30.30s  reading the stems", id);
  put_row(v, row, columns);
}

static void draw(dv_batch_view* v, const dv_batch* b)
{
  struct winsize screen;
  const bool known = !ioctl(STDERR_FILENO, TIOCGWINSZ, &screen) && screen.ws_col > 1 && screen.ws_row > 2;
  const int columns = known ? screen.ws_col : FALLBACK_COLUMNS, rows = known ? screen.ws_row : FALLBACK_ROWS;
  const sums s = sum_up(b);
  char row[ROW_SIZE], eta[32], elsewhere[48] = "";
  wipe(v);
  put_eta(batch_left_s(v, b), eta, sizeof eta);
  if (s.elsewhere) snprintf(elsewhere, sizeof elsewhere, ", %zu elsewhere", s.elsewhere);
  snprintf(row, sizeof row, "%zu of %zu done, %zu running, %zu failed%s, %zu to do%s", s.done + s.skipped, s.all,
           s.running, s.failed, elsewhere, s.waiting, eta);
  put_row(v, row, columns);
  for (size_t i = 0; i < b->count && v->table_lines < rows - 1; ++i)
    if (b->tracks[i].state == DV_BATCH_RUNNING) put_pair_row(v, i, columns);
  fflush(stderr);
  v->shown_s = dv_monotonic_s();
}

/* --- Lines ------------------------------------------------------------------------------------------------------ */

/* Where a pair's messages are. */
static void put_log(const dv_batch_view* v, size_t pair, char* text, size_t size)
{
  snprintf(text, size, "%s/.work/%s/failed/log.txt", v->runs, v->manifest->pairs[pair].id);
}

static const char* state_name(dv_batch_state state)
{
  switch (state) {
  case DV_BATCH_WAITING: return "waiting";
  case DV_BATCH_RUNNING: return "running";
  case DV_BATCH_DONE: return "done";
  case DV_BATCH_SKIPPED: return "was done before";
  case DV_BATCH_ELSEWHERE: return "elsewhere";
  case DV_BATCH_FAILED: return "failed";
  case DV_BATCH_CUT: return "cut";
  case DV_BATCH_OTHERS: return "of another shard";
  }
  return "";
}

/* Takes the object. */
static void print_json(json_t* object)
{
  json_dumpf(object, stdout, JSON_REAL_PRECISION(LINE_DIGITS));
  json_decref(object);
  putchar('\n');
  fflush(stdout);
}

static void tell_state_json(const dv_batch_view* v, const dv_batch_track* t, size_t pair)
{
  char log[ROW_SIZE * 16];
  json_t* j = json_object();
  json_object_set_new(j, "track", json_string(v->manifest->pairs[pair].id));
  json_object_set_new(j, "state", json_string(state_name(t->state)));
  if (t->state == DV_BATCH_DONE || t->state == DV_BATCH_FAILED)
    json_object_set_new(j, "seconds", json_real(t->seconds));
  if (t->state == DV_BATCH_DONE && isfinite(v->progress[pair].loss))
    json_object_set_new(j, "loss", json_real(v->progress[pair].loss));
  if (t->state == DV_BATCH_FAILED) {
    put_log(v, pair, log, sizeof log);
    json_t* reason = json_string(t->reason); /* a file's name need not be UTF-8 */
    json_object_set_new(j, "reason", reason ? reason : json_string("see the log"));
    json_t* where = json_string(log);
    json_object_set_new(j, "log", where ? where : json_null());
  }
  print_json(j);
}

static void tell_state(dv_batch_view* v, const dv_batch* b, size_t pair)
{
  const dv_batch_track* t = &b->tracks[pair];
  const char* id = v->manifest->pairs[pair].id;
  char eta[32];
  const sums s = sum_up(b);
  wipe(v);
  put_eta(batch_left_s(v, b), eta, sizeof eta);
  if (t->state == DV_BATCH_RUNNING && !v->table) printf("%s: begun\n", id);
  if (t->state == DV_BATCH_DONE)
    printf("%s: done, loss %.4f, %.1f s  (%zu of %zu%s)\n", id, v->progress[pair].loss, t->seconds, s.done + s.skipped,
           s.all, eta);
  if (t->state == DV_BATCH_FAILED) printf("%s: failed: %s\n", id, t->reason);
  if (t->state == DV_BATCH_CUT) printf("%s: cut, to be gone on from\n", id);
  fflush(stdout);
}

static void tell_line(dv_batch_view* v, size_t pair, const char* text)
{
  json_t* line = json_loads(text, 0, NULL);
  if (!line) return;
  follow(&v->progress[pair], line);
  if (v->json) {
    json_t* j = json_object();
    json_object_set_new(j, "track", json_string(v->manifest->pairs[pair].id));
    json_object_update(j, line);
    print_json(j);
  }
  json_decref(line);
}

void dv_batch_view_tell(void* context, const dv_batch* b, ptrdiff_t pair, const char* line)
{
  dv_batch_view* v = context;
  if (pair >= 0 && line) tell_line(v, (size_t)pair, line);
  else if (pair >= 0) {
    if (b->tracks[pair].state == DV_BATCH_RUNNING)
      v->progress[pair] = (dv_batch_progress){.loss = (double)NAN, .begun_s = dv_monotonic_s()};
    if (v->json) tell_state_json(v, &b->tracks[pair], (size_t)pair);
    else if (!v->quiet) tell_state(v, b, (size_t)pair);
  } else if (v->table && dv_monotonic_s() - v->shown_s >= REDRAW_S) draw(v, b);
}

/* --- The end ---------------------------------------------------------------------------------------------------- */

static void print_sums_json(const dv_batch_view* v, const sums* s, bool stopped)
{
  json_t* j = json_object();
  json_object_set_new(j, "result", json_string(stopped ? "stopped" : s->failed ? "some failed" : "done"));
  json_object_set_new(j, "done", json_integer((json_int_t)s->done));
  json_object_set_new(j, "skipped", json_integer((json_int_t)s->skipped));
  json_object_set_new(j, "failed", json_integer((json_int_t)s->failed));
  json_object_set_new(j, "elsewhere", json_integer((json_int_t)s->elsewhere));
  json_object_set_new(j, "left", json_integer((json_int_t)(s->cut + s->waiting)));
  json_object_set_new(j, "elapsed_s", json_real(dv_monotonic_s() - v->start_s));
  print_json(j);
}

static void print_sums(const dv_batch_view* v, const sums* s, bool stopped)
{
  printf("%zu of %zu done", s->done + s->skipped, s->all);
  if (s->skipped) printf(" (%zu before)", s->skipped);
  if (s->failed) printf(", %zu failed", s->failed);
  if (s->elsewhere) printf(", %zu being fitted by other processes", s->elsewhere);
  if (s->cut + s->waiting) printf(", %zu left to do", s->cut + s->waiting);
  printf(", in %.1f s%s\n", dv_monotonic_s() - v->start_s, stopped ? "; the same command goes on from there" : "");
}

static void list_failures(const dv_batch_view* v, const dv_batch* b, size_t count)
{
  fprintf(stderr, "diffvox-fit: %zu failed; the same command tries them again:\n", count);
  for (size_t i = 0; i < b->count; ++i) {
    char log[ROW_SIZE * 16];
    if (b->tracks[i].state != DV_BATCH_FAILED) continue;
    put_log(v, i, log, sizeof log);
    fprintf(stderr, "  %s: %s\n", v->manifest->pairs[i].id, b->tracks[i].reason);
    if (!access(log, F_OK)) fprintf(stderr, "    %s\n", log);
  }
}

void dv_batch_view_end(dv_batch_view* v, const dv_batch* b, bool stopped)
{
  const sums s = sum_up(b);
  wipe(v);
  fflush(stderr);
  if (v->json) print_sums_json(v, &s, stopped);
  else if (!v->quiet) print_sums(v, &s, stopped);
  fflush(stdout);
  if (s.failed) list_failures(v, b, s.failed);
  free(v->progress);
  v->progress = NULL;
}
