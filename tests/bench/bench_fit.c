/* SPDX-License-Identifier: MIT */
/* Time and memory of whole steps of a fit: chain forward, loss forward, loss backward, chain backward, update.
 * Prints JSON: median, least and greatest milliseconds of the runs, per stage and for the step, also as processor
 * time of all threads, and in transforms: FFTW's own real transform of 2^20 points, estimated plan, timed in the
 * same run.
 *
 *   bench_fit [--runs N] [--only NAME] [--threads N]
 *
 * Cases: 1, 8 and 35 chunks of 12 s of which 5 s are warm-up; "excerpt", one recording of 12 s without
 * warm-up; "song", 35 chunks of the 257 of half an hour.  Each runs on one and on two threads, each in a
 * process of its own, so that peak memory is that of the case.  Stems: noise under a slow envelope, and its
 * rendering at other settings. */
#include "apart.h"
#include "dsp/chain.h"
#include "dsp/fft.h"
#include "dsp/random.h"
#include "estimator/adam.h"
#include "estimator/loss.h"
#include "estimator/progress.h"
#include "presets/order.h"

#include <fftw3.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 529200, WARMUP = 220500, TRANSFORM = 1 << 20, MAX_RUNS = 101, BATCH_MOST = 35 };

typedef enum { CHAIN_FORWARD, LOSS_FORWARD, LOSS_BACKWARD, CHAIN_BACKWARD, UPDATE, STEP, STAGES } stage;
static const char* const STAGE_NAMES[STAGES] = {"chain_forward",  "loss_forward", "loss_backward",
                                                "chain_backward", "update",       "step"};

typedef struct {
  const char* name;
  size_t targets, chunks; /* of the recording, and of a step */
  size_t warmup;
} bench_case;

static const bench_case CASES[] = {{"excerpt", 1, 1, 0},
                                   {"1", 1, 1, WARMUP},
                                   {"8", 8, 8, WARMUP},
                                   {"35", BATCH_MOST, BATCH_MOST, WARMUP},
                                   {"song", 257, BATCH_MOST, WARMUP}};
enum { CASE_COUNT = sizeof CASES / sizeof *CASES };

typedef struct {
  double seconds[STAGES][MAX_RUNS];
  double cpu_s[MAX_RUNS]; /* of the step, all threads */
  double transform_s, loss;
} timings;

/* One fit under way. */
typedef struct {
  const bench_case* c;
  size_t wanted;
  dv_real* stem;   /* the dry recording */
  dv_real* target; /* rows of all targets */
  dv_real* pred;   /* later the loss's gradient */
  const dv_real* x[BATCH_MOST];
  size_t items[BATCH_MOST];
  dv_chain* chain;
  dv_loss* loss;
  dv_adam adam;
  double raw[DV_PARAM_COUNT], m[DV_PARAM_COUNT], v[DV_PARAM_COUNT];
} bench;

static _Noreturn void give_up(const char* why)
{
  fprintf(stderr, "bench_fit: %s\n", why);
  exit(EXIT_FAILURE);
}

static void* need(void* memory)
{
  if (!memory) give_up("out of memory");
  return memory;
}

static void check(dv_status status, const dv_error* err)
{
  if (status) give_up(err ? err->text : dv_status_text(status));
}

static size_t stem_samples(const bench_case* c) { return c->warmup + c->targets * (SAMPLES - c->warmup); }

static void make_stem(bench* b)
{
  const size_t n = stem_samples(b->c);
  uint64_t random = 1;
  b->stem = need(dv_fft_alloc(n));
  for (size_t i = 0; i < n; ++i) {
    const double noise = (double)(dv_random(&random) >> 40) / 8388608.0 - 1.0;
    b->stem[i] = (dv_real)(0.3 * pow(sin(2e-5 * (double)i), 2.0) * noise);
  }
}

static void choose_settings(bench* b, dv_chain_params* start, dv_chain_params* sought)
{
  dv_error err;
  dv_params_initial(1, start);
  dv_params_initial(2, sought);
  for (int c = 0; c < 2; ++c)
    for (int l = 0; l < DV_FDN_LINES; ++l) sought->reverb.output[c][l] = 0.1 * ((3 * c + 2 * l) % 5 - 2);
  sought->peak1.gain_db = 3.0;
  sought->compressor.lookahead_ms = 2.3;
  check(dv_params_to_raw(start, b->raw, &err), &err);
}

/* The batch whose first target is `first`, wrapping round. */
static void choose_batch(bench* b, size_t first)
{
  for (size_t i = 0; i < b->c->chunks; ++i) {
    b->items[i] = (first + i) % b->c->targets;
    b->x[i] = b->stem + b->items[i] * b->wanted;
  }
}

static void make_targets(bench* b, const dv_chain_params* sought)
{
  const size_t row = 2 * b->wanted;
  b->target = need(dv_fft_alloc(b->c->targets * row));
  for (size_t first = 0; first < b->c->targets; first += b->c->chunks) {
    const size_t left = b->c->targets - first, count = left < b->c->chunks ? left : b->c->chunks;
    choose_batch(b, first);
    check(dv_chain_forward(b->chain, sought, b->x, count, b->target + first * row), NULL);
  }
}

static void prepare(bench* b, const bench_case* c, int threads)
{
  dv_chain_params start, sought;
  dv_error err;
  const dv_chain_config config = {DV_MODEL_RATE_HZ, SAMPLES, c->warmup, c->chunks, threads};
  *b = (bench){.c = c, .wanted = SAMPLES - c->warmup};
  make_stem(b);
  choose_settings(b, &start, &sought);
  check(dv_chain_new(&config, &b->chain, &err), &err);
  make_targets(b, &sought);
  b->loss = dv_loss_new(c->targets, b->wanted, threads, &err);
  if (!b->loss) give_up(err.text);
  check(dv_loss_set_target(b->loss, b->target, b->wanted), NULL);
  size_t idle_bytes;
  dv_real* idle = dv_chain_idle_memory(b->chain, &idle_bytes);
  dv_loss_lend(b->loss, idle, idle_bytes);
  b->pred = need(dv_fft_alloc(2 * c->chunks * b->wanted));
  dv_adam_init(&b->adam, DV_PARAM_COUNT, b->m, b->v);
}

static void release(bench* b)
{
  dv_chain_free(b->chain);
  dv_loss_free(b->loss);
  dv_fft_release(b->stem);
  dv_fft_release(b->target);
  dv_fft_release(b->pred);
}

/* Seconds since *mark, which moves on. */
static double lap(double* mark)
{
  const double before = *mark;
  *mark = dv_monotonic_s();
  return *mark - before;
}

static double run_step(bench* b, double seconds[STAGES])
{
  dv_chain_params params, g;
  dv_loss_values values;
  double g_raw[DV_PARAM_COUNT] = {0};
  memset(&g, 0, sizeof g);
  const double start = dv_monotonic_s();
  double mark = start;
  dv_params_from_raw(b->raw, &params);
  check(dv_chain_forward(b->chain, &params, b->x, b->c->chunks, b->pred), NULL);
  seconds[CHAIN_FORWARD] = lap(&mark);
  check(dv_loss_forward(b->loss, b->pred, b->wanted, b->items, b->c->chunks, &values), NULL);
  seconds[LOSS_FORWARD] = lap(&mark);
  check(dv_loss_backward(b->loss, b->pred, b->wanted), NULL);
  seconds[LOSS_BACKWARD] = lap(&mark);
  check(dv_chain_backward(b->chain, &params, b->x, b->c->chunks, b->pred, DV_DELAY_TRAIN, &g, NULL), NULL);
  seconds[CHAIN_BACKWARD] = lap(&mark);
  dv_params_raw_vjp(b->raw, &g, g_raw);
  check(dv_adam_step(&b->adam, &dv_adam_default_options, g_raw, b->raw), NULL);
  seconds[UPDATE] = lap(&mark);
  seconds[STEP] = mark - start;
  return values.total;
}

/* Median of `runs` transforms by FFTW itself. */
static double transform_s(int runs)
{
  double seconds[MAX_RUNS];
  float* x = need(fftwf_alloc_real(TRANSFORM));
  fftwf_complex* spectrum = need(fftwf_alloc_complex(TRANSFORM / 2 + 1));
  fftwf_plan plan = fftwf_plan_dft_r2c_1d(TRANSFORM, x, spectrum, FFTW_ESTIMATE);
  if (!plan) give_up("FFTW has no plan");
  for (size_t i = 0; i < TRANSFORM; ++i) x[i] = sinf((float)i);
  fftwf_execute(plan);
  for (int r = 0; r < runs; ++r) {
    double mark = dv_monotonic_s();
    fftwf_execute(plan);
    seconds[r] = lap(&mark);
  }
  fftwf_destroy_plan(plan);
  fftwf_free(x);
  fftwf_free(spectrum);
  qsort(seconds, (size_t)runs, sizeof *seconds, dv_ascending);
  return seconds[runs / 2];
}

static void measure(const bench_case* c, int threads, int runs, timings* t)
{
  bench b;
  prepare(&b, c, threads);
  for (int run = -1; run < runs; ++run) { /* the first only warms up */
    double seconds[STAGES];
    choose_batch(&b, (size_t)(run + 1) * c->chunks);
    const double cpu_before = bench_cpu_s();
    t->loss = run_step(&b, seconds);
    if (run >= 0) t->cpu_s[run] = bench_cpu_s() - cpu_before;
    for (int s = 0; run >= 0 && s < STAGES; ++s) t->seconds[s][run] = seconds[s];
  }
  release(&b);
  t->transform_s = transform_s(runs);
}

typedef struct {
  const bench_case* c;
  int threads, runs;
} bench_task;

static void measure_task(const void* task, void* result)
{
  const bench_task* t = task;
  measure(t->c, t->threads, t->runs, result);
}

static void print_case(const bench_case* c, int threads, int runs, timings* t, double peak_bytes)
{
  printf("    {\"case\": \"%s\", \"threads\": %d, \"chunks\": %zu, \"targets\": %zu, \"warmup_samples\": %zu,\n",
         c->name, threads, c->chunks, c->targets, c->warmup);
  for (int s = 0; s < STAGES; ++s) {
    qsort(t->seconds[s], (size_t)runs, sizeof(double), dv_ascending);
    printf("     \"%s_ms\": {\"median\": %.2f, \"min\": %.2f, \"max\": %.2f},\n", STAGE_NAMES[s],
           1e3 * t->seconds[s][runs / 2], 1e3 * t->seconds[s][0], 1e3 * t->seconds[s][runs - 1]);
  }
  const double step = t->seconds[STEP][runs / 2];
  qsort(t->cpu_s, (size_t)runs, sizeof(double), dv_ascending);
  printf("     \"step_cpu_ms\": {\"median\": %.2f, \"min\": %.2f, \"max\": %.2f},\n", 1e3 * t->cpu_s[runs / 2],
         1e3 * t->cpu_s[0], 1e3 * t->cpu_s[runs - 1]);
  printf("     \"step_per_chunk_ms\": %.2f, \"transform_ms\": %.3f, \"step_in_transforms\": %.1f,\n",
         1e3 * step / (double)c->chunks, 1e3 * t->transform_s, step / t->transform_s);
  printf("     \"peak_memory_mb\": %.1f, \"loss\": %.17g}", 1e-6 * peak_bytes, t->loss);
  fflush(stdout);
}

static _Noreturn void usage(void)
{
  fputs("usage: bench_fit [--runs N] [--only excerpt|1|8|35|song] [--threads N]\n"
        "N runs: 1 to 101, default 5; without --threads on one thread and on two\n",
        stderr);
  exit(2);
}

typedef struct {
  int runs, threads;
  const char* only;
} options;

static options parse(int argc, char** argv)
{
  static const struct option known[] = {{"runs", required_argument, NULL, 'r'},
                                        {"only", required_argument, NULL, 'o'},
                                        {"threads", required_argument, NULL, 't'},
                                        {0}};
  options o = {.runs = 5};
  for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) switch (c) {
    case 'r': o.runs = atoi(optarg); break;
    case 'o': o.only = optarg; break;
    case 't': o.threads = atoi(optarg); break;
    default: usage();
    }
  bool found = !o.only;
  for (int i = 0; i < CASE_COUNT; ++i) found = found || strcmp(o.only, CASES[i].name) == 0;
  if (optind != argc || !found || o.runs < 1 || o.runs > MAX_RUNS || o.threads < 0) usage();
  return o;
}

int main(int argc, char** argv)
{
  const options o = parse(argc, argv);
  static timings t;
  const char* before = "";
  printf("{\n  \"samples_per_chunk\": %d, \"runs\": %d,\n  \"cases\": [\n", SAMPLES, o.runs);
  fflush(stdout);
  for (int i = 0; i < CASE_COUNT; ++i)
    for (int threads = 1; threads <= 2; ++threads) {
      if (o.only && strcmp(o.only, CASES[i].name) != 0) continue;
      if (o.threads && threads != 1) continue;
      const int used = o.threads ? o.threads : threads;
      const bench_task task = {&CASES[i], used, o.runs};
      const double peak_bytes = bench_apart(measure_task, &task, &t, sizeof t);
      if (peak_bytes < 0.0) give_up("a case failed");
      fputs(before, stdout);
      print_case(&CASES[i], used, o.runs, &t, peak_bytes);
      before = ",\n";
    }
  puts("\n  ]\n}");
  return 0;
}
