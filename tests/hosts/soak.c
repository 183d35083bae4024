/* SPDX-License-Identifier: MIT */
/* The cost of a block over minutes of playing, with automation and preset changes.  A benchmark, never a test.
 *
 *   soak BUNDLES [--presets BUNDLE] [--minutes M] [--block FRAMES] [--repeats R]
 *
 * Noise at -20 dBFS, 48 kHz, as fast as it goes.  A port in turn jumps every 100 ms of sound; on another processor,
 * as in hosts, presets are loaded one after the other and what the plugin asks its worker for is computed.  Blocks
 * in or shortly before which the audio thread lost its processor, and with it its caches, do not count.  Prints for
 * each of R sessions (3) the mean, the median block, the 99.99th percentile and the worst, and what the worst blocks
 * of the calmest session coincided with. */
#include "hosts/host.h"
#include "support/dv_test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { RATE = 48000, WORST = 8, WARM_UP = 100, CALM = 16 }; /* the last two in blocks */

typedef struct {
  size_t block;
  double time_us;
  char event[64];
} block_row;

typedef struct {
  const char* symbol;
  float low, high;
} port_row;

typedef struct {
  dv_host* host;
  port_row ports[DV_HOST_MAX_PORTS]; /* looked up before there are two threads: lilv is not for several */
  atomic_bool work, stop;
  atomic_size_t presets; /* loaded so far */
} session;

static double now_us(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static long switches(void)
{
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw + usage.ru_nvcsw;
}

static void pin(unsigned processor)
{
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  sched_setaffinity(0, sizeof set, &set);
}

/* Everything that is not the audio thread. */
static void* other_thread(void* context)
{
  session* s = context;
  pin(1);
  while (!s->stop) {
    if (atomic_exchange(&s->work, false)) dv_host_work(s->host);
    dv_host_load_preset(s->host, s->presets % dv_host_preset_count(s->host->world));
    ++s->presets;
  }
  return NULL;
}

static void look_up_ports(session* s)
{
  for (uint32_t p = 0; p < s->host->ports; ++p) {
    float initial;
    dv_host_range(s->host, p, &s->ports[p].low, &s->ports[p].high, &initial);
    s->ports[p].symbol = dv_host_symbol(s->host, p);
  }
}

static void move_port(session* s, size_t turn, uint64_t* seed, char event[64])
{
  const uint32_t first = s->host->inputs + 2, p = first + (uint32_t)(turn % (s->host->ports - first - 5));
  const port_row* row = &s->ports[p];
  s->host->control[p] = row->low + (row->high - row->low) * (float)(0.5 + 0.5 * dv_rand(seed));
  snprintf(event, 64, "%s", row->symbol);
}

/* Returns the number of rows: blocks that count. */
static size_t play(session* s, size_t frames, block_row* rows, size_t count)
{
  static float in[DV_HOST_MAX_BLOCK], left[DV_HOST_MAX_BLOCK], right[DV_HOST_MAX_BLOCK];
  const size_t per_port = RATE / 10 / frames + 1;
  uint64_t signal = 11, seed = 12;
  size_t used = 0, presets = 0, calm_from = WARM_UP;
  long seen = switches();
  dv_host* h = s->host;
  lilv_instance_connect_port(h->instance, 0, in);
  lilv_instance_connect_port(h->instance, 1, left);
  lilv_instance_connect_port(h->instance, 2, right);
  for (size_t k = 0; k < count; ++k) {
    block_row* r = &rows[used];
    *r = (block_row){.block = k};
    for (size_t i = 0; i < frames; ++i) in[i] = (float)(0.17 * dv_rand(&signal));
    if (k % per_port == 0) move_port(s, k / per_port, &seed, r->event);
    if (s->presets != presets) snprintf(r->event, sizeof r->event, "preset");
    presets = s->presets;
    const double start = now_us();
    lilv_instance_run(h->instance, (uint32_t)frames);
    r->time_us = now_us() - start;
    const long now = switches();
    if (now != seen) calm_from = k + CALM > WARM_UP ? k + CALM : WARM_UP;
    seen = now;
    used += k >= calm_from;
    if (h->work_waits) s->work = true;
  }
  return used;
}

static int by_time(const void* a, const void* b)
{
  const double x = ((const block_row*)a)->time_us, y = ((const block_row*)b)->time_us;
  return (x < y) - (x > y);
}

/* Worst over median; prints the session. */
static double run_session(dv_host_world* world, size_t frames, block_row* rows, size_t count)
{
  session s = {.host = dv_host_new(world, false, RATE, DV_HOST_WORKER)};
  pthread_t other;
  look_up_ports(&s);
  pin(0);
  if (pthread_create(&other, NULL, other_thread, &s)) abort();
  const size_t used = play(&s, frames, rows, count);
  s.stop = true;
  pthread_join(other, NULL);
  double sum = 0.0;
  for (size_t k = 0; k < used; ++k) sum += rows[k].time_us;
  qsort(rows, used, sizeof *rows, by_time);
  const double median = rows[used / 2].time_us;
  printf("%zu of %zu blocks of %zu, %zu presets: mean %.1f ns/frame, median %.2f us, 99.99 %% %.2f, worst %.2f: "
         "%.2f times the median\n",
         used, count, frames, (size_t)s.presets, 1e3 * sum / (double)(used * frames), median,
         rows[used / 10000].time_us, rows[0].time_us, rows[0].time_us / median);
  dv_host_free(s.host);
  return rows[0].time_us / median;
}

int main(int argc, char** argv)
{
  const char* presets = NULL;
  double minutes = 1.0, best = 1e30;
  size_t frames = 512, repeats = 3;
  if (argc < 2) return 2;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (!strcmp(argv[i], "--presets")) presets = argv[i + 1];
    if (!strcmp(argv[i], "--minutes")) minutes = atof(argv[i + 1]);
    if (!strcmp(argv[i], "--block")) frames = (size_t)atoi(argv[i + 1]);
    if (!strcmp(argv[i], "--repeats")) repeats = (size_t)atoi(argv[i + 1]);
  }
  if (!(minutes > 0.0) || frames < 1 || frames > DV_HOST_MAX_BLOCK || repeats < 1) return 2;
  const size_t count = (size_t)(minutes * 60.0 * RATE) / frames;
  block_row *rows = calloc(count + 1, sizeof *rows), worst[WORST] = {{0}};
  if (!rows) return 2;
  dv_host_world* world = dv_host_world_new(argv[1], presets);
  for (size_t r = 0; r < repeats; ++r) {
    const double ratio = run_session(world, frames, rows, count);
    if (ratio < best) memcpy(worst, rows, sizeof worst);
    best = ratio < best ? ratio : best;
  }
  for (size_t i = 0; i < WORST; ++i)
    printf("  %8.2f us  block %zu %s\n", worst[i].time_us, worst[i].block, worst[i].event);
  dv_host_world_free(world);
  free(rows);
  return EXIT_SUCCESS;
}
