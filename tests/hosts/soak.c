/* SPDX-License-Identifier: MIT */
/* The cost of a block over minutes of playing, with automation and preset changes.  A benchmark, never a test.
 *
 *   soak BUNDLES [--presets BUNDLE] [--minutes M] [--from M] [--block FRAMES] [--repeats R] [--automation glides|jumps]
 *
 * Noise at -20 dBFS, 48 kHz, as fast as it goes.  One port after the other is automated over its whole range, and every
 * 5 s a preset is loaded; that, and what the plugin asks its worker for, is computed by another thread, on another
 * processor as in hosts, while the audio thread waits.  So R sessions (5) do the same block by block, and the cheapest
 * time of each block is its cost: what the machine did beside it, another thing each time, does not count.  Prints the
 * median, the 99.99th percentile and the worst of these costs, and what the worst blocks coincided with.  With --from
 * the minutes before are passed over: their automation and presets happen, but are not played. */
#include "hosts/host.h"
#include "support/dv_test.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RATE = 48000, WORST = 8, WARM_UP_BLOCKS = 100, PRESET_EVERY_S = 5 };

typedef struct {
  size_t block;
  bool cold; /* the other thread has just been waited for, and caches are full of what it computed */
  double time_us;
  char event[64];
} block_row;

typedef struct {
  const char* symbol;
  float low, high;
} port_row;

typedef enum { IDLE, WORK, LOAD_PRESET_AND_WORK, STOP } request;

typedef struct {
  dv_host* host;
  port_row ports[DV_HOST_MAX_PORTS];
  size_t presets;        /* loaded so far */
  _Atomic(request) asks; /* of the other thread, which answers with IDLE */
} session;

static double now_us(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static void pin(unsigned processor)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static void load_next(session* s) { dv_host_load_preset(s->host, s->presets++ % dv_host_preset_count(s->host->world)); }

/* Everything that is not the audio thread. */
static void* other_thread(void* context)
{
  session* s = context;
  pin(1);
  for (request r; (r = s->asks) != STOP;) {
    if (r == IDLE) {
      sched_yield();
      continue;
    }
    if (r == LOAD_PRESET_AND_WORK) load_next(s);
    dv_host_work(s->host);
    s->asks = IDLE;
  }
  return NULL;
}

/* Awake: a processor that has slept begins slowly. */
static void ask(session* s, request what)
{
  s->asks = what;
  while (s->asks != IDLE) sched_yield();
}

static void look_up_ports(session* s)
{
  for (uint32_t p = 0; p < s->host->ports; ++p) {
    float initial;
    dv_host_range(s->host, p, &s->ports[p].low, &s->ports[p].high, &initial);
    s->ports[p].symbol = dv_host_symbol(s->host, p);
  }
}

/* One port at a time, over its whole range: it glides for two seconds, or jumps every 100 ms. */
typedef struct {
  uint32_t port;
  float step, to;
  size_t turn, period; /* blocks */
  uint64_t seed;
} automation;

static void automate(session* s, automation* a, size_t block, bool jumps, char event[64])
{
  float* control = s->host->control;
  if (block % a->period == 0) {
    const uint32_t first = s->host->inputs + 2;
    a->port = first + (uint32_t)(a->turn++ % (s->host->ports - first - 5));
    const port_row* row = &s->ports[a->port];
    a->to = row->low + (row->high - row->low) * (float)(0.5 + 0.5 * dv_rand(&a->seed));
    a->step = (a->to - control[a->port]) / (float)(jumps ? 1 : a->period);
  }
  const float left = a->to - control[a->port];
  if (left == 0.0f) return;
  control[a->port] = fabsf(left) <= fabsf(a->step) ? a->to : control[a->port] + a->step;
  snprintf(event, 64, "%s", s->ports[a->port].symbol);
}

/* Lowers the times of the rows from `first` on to those of one more pass. */
static void play(session* s, bool jumps, size_t frames, block_row* rows, size_t first, size_t count)
{
  static float in[DV_HOST_MAX_BLOCK], left[DV_HOST_MAX_BLOCK], right[DV_HOST_MAX_BLOCK];
  const size_t per_preset = (size_t)PRESET_EVERY_S * RATE / frames + 1, per_work = RATE / 10 / frames + 1;
  uint64_t signal = 11;
  automation a = {.period = (jumps ? RATE / 10 : 2 * RATE) / frames + 1, .seed = 12};
  dv_host* h = s->host;
  lilv_instance_connect_port(h->instance, 0, in);
  lilv_instance_connect_port(h->instance, 1, left);
  lilv_instance_connect_port(h->instance, 2, right);
  for (size_t k = 0; k < count; ++k) {
    block_row* r = &rows[k];
    r->block = k;
    automate(s, &a, k, jumps, r->event);
    const bool load = k % per_preset == per_preset / 2;
    if (k < first) {
      if (load) load_next(s);
      continue;
    }
    for (size_t i = 0; i < frames; ++i) in[i] = (float)(0.17 * dv_rand(&signal));
    if (load) snprintf(r->event, sizeof r->event, "preset %zu", s->presets);
    r->cold = load || (h->work_waits && k % per_work == 0);
    if (r->cold) ask(s, load ? LOAD_PRESET_AND_WORK : WORK);
    const double start = now_us();
    lilv_instance_run(h->instance, (uint32_t)frames);
    const double time_us = now_us() - start;
    r->time_us = fmin(r->time_us, time_us);
  }
}

static int by_time(const void* a, const void* b)
{
  const double x = ((const block_row*)a)->time_us, y = ((const block_row*)b)->time_us;
  return (x < y) - (x > y);
}

static void run_session(dv_host_world* world, bool jumps, size_t frames, block_row* rows, size_t first, size_t count)
{
  session s = {.host = dv_host_new(world, false, RATE, DV_HOST_WORKER)};
  pthread_t other;
  look_up_ports(&s);
  pin(0);
  if (pthread_create(&other, NULL, other_thread, &s)) abort();
  play(&s, jumps, frames, rows, first, count);
  s.asks = STOP;
  pthread_join(other, NULL);
  dv_host_free(s.host);
}

static void print_costs(size_t frames, block_row* rows, size_t count)
{
  double sum = 0.0;
  for (size_t k = 0; k < count; ++k) sum += rows[k].time_us;
  qsort(rows, count, sizeof *rows, by_time);
  const double median = rows[count / 2].time_us;
  printf("%zu blocks of %zu: mean %.1f ns/frame, median %.2f us, 99.99 %% %.2f\n", count, frames,
         1e3 * sum / (double)(count * frames), median, rows[count / 10000].time_us);
  for (int cold = 0; cold < 2; ++cold) {
    printf("worst %s:\n", cold ? "of those after the other thread's work, with cold caches" : "of the others");
    size_t shown = 0;
    for (const block_row* r = rows; r < rows + count && shown < WORST; ++r) {
      if (r->cold != cold) continue;
      printf("  %8.2f us, %.2f times the median: block %zu %s\n", r->time_us, r->time_us / median, r->block, r->event);
      ++shown;
    }
  }
}

int main(int argc, char** argv)
{
  const char* presets = NULL;
  double minutes = 1.0, from_minutes = 0.0;
  size_t frames = 512, repeats = 5;
  bool jumps = false;
  if (argc < 2) return 2;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (!strcmp(argv[i], "--presets")) presets = argv[i + 1];
    if (!strcmp(argv[i], "--minutes")) minutes = atof(argv[i + 1]);
    if (!strcmp(argv[i], "--from")) from_minutes = atof(argv[i + 1]);
    if (!strcmp(argv[i], "--automation")) jumps = !strcmp(argv[i + 1], "jumps");
    if (!strcmp(argv[i], "--block")) frames = (size_t)atoi(argv[i + 1]);
    if (!strcmp(argv[i], "--repeats")) repeats = (size_t)atoi(argv[i + 1]);
  }
  if (!(minutes > from_minutes && from_minutes >= 0.0) || frames < 1 || frames > DV_HOST_MAX_BLOCK || repeats < 1)
    return 2;
  const size_t first = (size_t)(from_minutes * 60.0 * RATE) / frames, warm = first + WARM_UP_BLOCKS;
  const size_t count = WARM_UP_BLOCKS + (size_t)(minutes * 60.0 * RATE) / frames;
  if (warm >= count) return 2; /* no block is left to measure */
  block_row* rows = calloc(count, sizeof *rows);
  if (!rows) return 2;
  for (size_t k = 0; k < count; ++k) rows[k].time_us = INFINITY;
  dv_host_world* world = dv_host_world_new(argv[1], presets);
  for (size_t r = 0; r < repeats; ++r) run_session(world, jumps, frames, rows, first, count);
  print_costs(frames, rows + warm, count - warm);
  dv_host_world_free(world);
  free(rows);
  return EXIT_SUCCESS;
}
