/* SPDX-License-Identifier: MIT */
/* Clicks of the plugin in a host: what is heard above 8 kHz when a control jumps or a preset changes while a 1 kHz
 * sine plays at -12 dBFS.
 *
 *   clicks BUNDLES [--all] [--presets BUNDLE]
 *
 * Every control port jumps from its default to each end of its range, from end to end and back; gains jump by
 * 18 dB up and to their lower end, because a sine raised by more would leave any scale.  Then every factory preset
 * follows every other one in a circle, and bypass goes on and off; at last presets are browsed, twenty in four seconds.
 * Blocks of 64 frames at 48 kHz.  Prints the worst ten, or with --all everything; fails when a jump or preset change
 * is above -60 dBFS, or bypass above -70, and louder than what either setting makes of the sine all the time (a fast
 * compressor distorts). */
#include "hosts/host.h"
#include "support/dv_click.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double RATE = 48000.0, PI = 3.141592653589793;
static const double LIMIT_DBFS = -60.0, BYPASS_LIMIT_DBFS = -70.0;
static const float GAIN_STEP_DB = 18.0f;
enum { BLOCK = 64, CHANGE = 48000, SETTLED = CHANGE + 14400, END = SETTLED + 9600, MAX_ROWS = 2000, WORST = 10 };
enum { BROWSED = 20, BROWSE_EVERY = 9600, BROWSE_SETTLED = CHANGE + BROWSED * BROWSE_EVERY + 96000 };
enum { BROWSE_END = BROWSE_SETTLED + 9600 };

typedef struct {
  char name[160];
  double before_dbfs, after_dbfs, settled_dbfs, limit_dbfs;
} row;

typedef struct {
  dv_host* host;
  float sine[BROWSE_END], left[BROWSE_END], right[BROWSE_END];
  row rows[MAX_ROWS];
  size_t count;
} bench;

static double above_8_khz_dbfs(const bench* b, size_t from, size_t to)
{
  return dv_click_dbfs(b->left, b->right, from, to, RATE);
}

/* --- Changes ----------------------------------------------------------------------------------------------------- */

static void play(bench* b, size_t from, size_t to)
{
  dv_host_play(b->host, b->sine + from, b->sine + from, b->left + from, b->right + from, to - from, BLOCK);
}

static void begin(bench* b)
{
  dv_host_reactivate(b->host);
  play(b, 0, CHANGE);
}

static void note(bench* b, const char* name, size_t settled, size_t last, double limit_dbfs)
{
  if (b->count == MAX_ROWS) return;
  row* r = &b->rows[b->count++];
  snprintf(r->name, sizeof r->name, "%s", name);
  r->before_dbfs = above_8_khz_dbfs(b, (size_t)(0.8 * RATE), CHANGE);
  r->after_dbfs = above_8_khz_dbfs(b, CHANGE, settled);
  r->settled_dbfs = above_8_khz_dbfs(b, settled, last);
  r->limit_dbfs = limit_dbfs;
}

static void end(bench* b, const char* name, double limit_dbfs)
{
  play(b, CHANGE, END);
  note(b, name, SETTLED, END, limit_dbfs);
}

static void jump(bench* b, uint32_t port, float from, float to)
{
  char name[160];
  const char* symbol = dv_host_symbol(b->host, port);
  const float kept = b->host->control[port];
  b->host->control[port] = from;
  begin(b);
  b->host->control[port] = to;
  snprintf(name, sizeof name, "%s %g to %g", symbol, (double)from, (double)to);
  end(b, name, strcmp(symbol, "enabled") ? LIMIT_DBFS : BYPASS_LIMIT_DBFS);
  b->host->control[port] = kept;
}

static bool is_gain(const char* symbol)
{
  return strstr(symbol, "gain_db") || strstr(symbol, "makeup_db") || !strcmp(symbol, "input_gain") ||
         !strcmp(symbol, "output_gain");
}

static void jump_port(bench* b, uint32_t port)
{
  float low, high, usual;
  dv_host_range(b->host, port, &low, &high, &usual);
  if (is_gain(dv_host_symbol(b->host, port))) high = usual + GAIN_STEP_DB;
  jump(b, port, low, high);
  jump(b, port, high, low);
  if (usual > low) jump(b, port, usual, low);
  if (usual < high) jump(b, port, usual, high);
}

static void change_presets(bench* b)
{
  const size_t count = dv_host_preset_count(b->host->world);
  for (size_t i = 0; i < count; ++i) {
    char name[160];
    const size_t next = (i + 1) % count;
    dv_host_load_preset(b->host, i);
    begin(b);
    dv_host_load_preset(b->host, next);
    snprintf(name, sizeof name, "preset '%.60s' to '%.60s'", dv_host_preset_label(b->host->world, i),
             dv_host_preset_label(b->host->world, next));
    end(b, name, LIMIT_DBFS);
  }
}

/* Rows of preset changes in a circle -> the loudest that one of `count` presets from `first` on is all the time. */
static double loudest_dbfs(const row* circle, size_t presets, size_t first, size_t count)
{
  double loudest = -240.0;
  for (size_t i = 0; i < count; ++i) loudest = fmax(loudest, circle[(first + i) % presets].before_dbfs);
  return loudest;
}

/* A change comes while the tail before the last one still rings and the last response still fades in. */
static void browse(bench* b)
{
  const size_t presets = dv_host_preset_count(b->host->world);
  const row* circle = b->rows + b->count - presets;
  for (size_t first = 0; first < presets; first += BROWSED) {
    char name[160];
    dv_host_load_preset(b->host, first);
    begin(b);
    for (size_t i = 1; i <= BROWSED; ++i) {
      const size_t at = CHANGE + (i - 1) * BROWSE_EVERY;
      dv_host_load_preset(b->host, (first + i) % presets);
      play(b, at, at + BROWSE_EVERY);
    }
    play(b, CHANGE + BROWSED * BROWSE_EVERY, BROWSE_END);
    snprintf(name, sizeof name, "%d presets in %d s from '%.60s' on", BROWSED, (int)(BROWSED * BROWSE_EVERY / RATE),
             dv_host_preset_label(b->host->world, first));
    note(b, name, BROWSE_SETTLED, BROWSE_END,
         fmax(LIMIT_DBFS, loudest_dbfs(circle, presets, first, BROWSED + 1) + 1.0));
  }
}

static int by_loudness(const void* a, const void* b)
{
  const double x = ((const row*)a)->after_dbfs, y = ((const row*)b)->after_dbfs;
  return (x < y) - (x > y);
}

static bool is_click(const row* r)
{
  return !(r->after_dbfs <= r->limit_dbfs) && !(r->after_dbfs <= fmax(r->before_dbfs, r->settled_dbfs) + 1.0);
}

static bool report(bench* b, bool all)
{
  size_t failed = 0;
  qsort(b->rows, b->count, sizeof *b->rows, by_loudness);
  for (size_t i = 0; i < b->count; ++i) {
    const row* r = &b->rows[i];
    const bool bad = is_click(r);
    failed += bad;
    if (all || bad || i < WORST)
      printf("%s %6.1f dBFS (%6.1f before, %6.1f later)  %s\n", bad ? "FAIL" : "    ", r->after_dbfs, r->before_dbfs,
             r->settled_dbfs, r->name);
  }
  printf("%zu changes, %zu too loud; limits %.0f dBFS, bypass %.0f\n", b->count, failed, LIMIT_DBFS, BYPASS_LIMIT_DBFS);
  return !failed;
}

int main(int argc, char** argv)
{
  const bool all = argc > 2 && !strcmp(argv[2], "--all");
  const char* presets = argc > 3 + all && !strcmp(argv[2 + all], "--presets") ? argv[3 + all] : NULL;
  bench* b = calloc(1, sizeof *b);
  if (argc < 2 || !b) return 2;
  dv_host_world* world = dv_host_world_new(argv[1], presets);
  b->host = dv_host_new(world, false, RATE, DV_HOST_WORKER);
  for (size_t i = 0; i < BROWSE_END; ++i)
    b->sine[i] = (float)(0.25 * sin(2.0 * PI * 1000.0 * (double)i / RATE) * fmin(1.0, (double)i / (0.2 * RATE)));
  for (uint32_t p = 0; p < b->host->ports; ++p)
    if (dv_host_is_control(b->host, p) && dv_host_is_input(b->host, p)) jump_port(b, p);
  change_presets(b);
  browse(b);
  const bool good = report(b, all);
  printf("%d passed, %d failed\n", good ? 1 : 0, good ? 0 : 1);
  dv_host_free(b->host);
  dv_host_world_free(world);
  free(b);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
