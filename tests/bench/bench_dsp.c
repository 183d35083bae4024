/* SPDX-License-Identifier: MIT */
/* Cost of every effect and of the chain, forward and backward, on a batch of 8 chunks of 12 s, and of the
 * real-time engine.  Prints JSON: nanoseconds per sample of one chunk, median of the runs.
 *
 *   bench_dsp [RUNS]     (5)
 *
 * The signal is noise under a slow envelope: it opens and closes the compressor and the expander. */
#include "dsp/chain.h"
#include "dsp/fft.h"
#include "dsp/flush.h"
#include "dsp/front.h"
#include "dsp/realtime/engine.h"
#include "dsp/response.h"
#include "dsp/reverb_response.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHUNKS = 8, SAMPLES = 529200, WARMUP = 220500, WANTED = SAMPLES - WARMUP, MAX_RUNS = 101, RT_BLOCK = 64 };

typedef struct {
  int runs;
  dv_chain_params params;
  dv_chain_coefs coefs;
  dv_real* x[CHUNKS];       /* chunks */
  dv_real *lanes, *out, *g; /* lane signals */
} bench;

static double now_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void* a, const void* b)
{
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static double median(double* values, int n)
{
  qsort(values, (size_t)n, sizeof *values, ascending);
  return values[n / 2];
}

typedef void (*work_fn)(void* context);

/* Median nanoseconds of work() over `samples` samples, after one run that warms the caches. */
static double measure(const bench* b, work_fn work, void* context, double samples)
{
  double seconds[MAX_RUNS];
  work(context);
  for (int r = 0; r < b->runs; ++r) {
    const double start = now_s();
    work(context);
    seconds[r] = now_s() - start;
  }
  return 1e9 * median(seconds, b->runs) / samples;
}

static void* need(void* memory)
{
  if (!memory) {
    fputs("bench_dsp: out of memory\n", stderr);
    exit(1);
  }
  return memory;
}

static void make_signal(bench* b)
{
  uint32_t noise = 1;
  for (int k = 0; k < CHUNKS; ++k) {
    b->x[k] = need(dv_fft_alloc(SAMPLES));
    for (int i = 0; i < SAMPLES; ++i) {
      noise = noise * 1664525u + 1013904223u;
      const double envelope = 0.3 * pow(sin(2e-5 * i + k), 2.0);
      b->x[k][i] = (dv_real)(envelope * ((double)(noise >> 8) / 8388608.0 - 1.0));
    }
  }
  b->lanes = need(dv_fft_alloc((size_t)SAMPLES * DV_LANES));
  b->out = need(dv_fft_alloc((size_t)SAMPLES * DV_LANES));
  b->g = need(dv_fft_alloc((size_t)SAMPLES * DV_LANES));
  for (size_t i = 0; i < SAMPLES; ++i)
    for (size_t l = 0; l < DV_LANES; ++l) b->lanes[i * DV_LANES + l] = b->g[i * DV_LANES + l] = b->x[l][i];
}

static void make_params(bench* b)
{
  dv_params_initial(1, &b->params);
  for (int c = 0; c < 2; ++c)
    for (int l = 0; l < DV_FDN_LINES; ++l) b->params.reverb.output[c][l] = 0.1 * ((3 * c + 2 * l) % 5 - 2);
  b->params.peak1.gain_db = 3.0;
  b->params.compressor.lookahead_ms = 2.3;
  dv_chain_coeffs(&b->params, DV_MODEL_RATE_HZ, &b->coefs);
}

static void print_pair(const char* name, double forward, double backward, const char* end)
{
  printf("    \"%s\": {\"forward\": %.3f, \"backward\": %.3f}%s\n", name, forward, backward, end);
}

/* ---- EQ ---- */
typedef struct {
  const bench* b;
  dv_real* tape;
} eq_work;

static void eq_forward(void* context)
{
  const eq_work* w = context;
  dv_cascade_state state = {0};
  dv_cascade_forward(w->b->coefs.eq, DV_EQ_BANDS, w->b->lanes, w->b->out, SAMPLES, &state, w->tape);
}

static void eq_backward(void* context)
{
  const eq_work* w = context;
  dv_biquad g[DV_EQ_BANDS] = {{0}};
  dv_cascade_backward(w->b->coefs.eq, DV_EQ_BANDS, w->b->lanes, w->tape, w->b->g, w->b->out, SAMPLES, g);
}

static void bench_eq(const bench* b)
{
  eq_work w = {b, need(dv_fft_alloc((size_t)SAMPLES * DV_LANES * DV_EQ_BANDS))};
  const double forward = measure(b, eq_forward, &w, (double)SAMPLES * DV_LANES);
  print_pair("eq", forward, measure(b, eq_backward, &w, (double)SAMPLES * DV_LANES), ",");
  dv_fft_release(w.tape);
}

/* ---- compressor with look-ahead ---- */
typedef struct {
  const bench* b;
  dv_lookahead* filter;
  dv_compressor_tape tape;
  dv_real *ahead, *scratch, *g_gain;
} compressor_work;

static void compressor_forward(void* context)
{
  const compressor_work* w = context;
  dv_compressor_state state;
  dv_compressor_reset(&state);
  dv_compressor_gain_forward(&w->b->coefs.compressor, w->b->lanes, SAMPLES, &state, &w->tape);
  dv_lookahead_forward(w->filter, w->tape.gain, w->ahead, SAMPLES, w->scratch);
}

static void compressor_backward(void* context)
{
  const compressor_work* w = context;
  dv_compressor_coefs g = {0};
  memset(w->g_gain, 0, (size_t)SAMPLES * DV_LANES * sizeof *w->g_gain);
  dv_lookahead_backward(w->filter, w->tape.gain, w->b->g, w->g_gain, SAMPLES, &g.lookahead_samples, w->scratch);
  dv_compressor_gain_backward(&w->b->coefs.compressor, w->b->lanes, &w->tape, w->g_gain, w->b->out, SAMPLES, &g);
}

static void bench_compressor(const bench* b)
{
  const size_t reals = (size_t)SAMPLES * DV_LANES;
  compressor_work w = {.b = b, .filter = need(dv_lookahead_new(DV_MODEL_RATE_HZ))};
  w.tape = (dv_compressor_tape){need(dv_fft_alloc(reals)), need(dv_fft_alloc(reals)), need(dv_fft_alloc(reals)),
                                need(calloc(reals, 1))};
  w.ahead = need(dv_fft_alloc(reals));
  w.g_gain = need(dv_fft_alloc(reals));
  w.scratch = need(dv_fft_alloc(dv_lookahead_scratch_reals(w.filter)));
  dv_lookahead_set(w.filter, b->coefs.compressor.lookahead_samples);
  const double forward = measure(b, compressor_forward, &w, (double)reals);
  print_pair("compressor", forward, measure(b, compressor_backward, &w, (double)reals), ",");
  dv_fft_release(w.tape.mean);
  dv_fft_release(w.tape.target);
  dv_fft_release(w.tape.gain);
  free(w.tape.falling);
  dv_fft_release(w.ahead);
  dv_fft_release(w.g_gain);
  dv_fft_release(w.scratch);
  dv_lookahead_free(w.filter);
}

/* ---- responses: once per step, quoted per sample of the batch ---- */
typedef struct {
  const bench* b;
  dv_delay_response* delay;
  dv_real *odd, *even;
  dv_reverb_response* reverb;
  dv_real* h[2][2];
} response_work;

static void delay_forward(void* context)
{
  const response_work* w = context;
  dv_delay_response_forward(w->delay, &w->b->coefs.delay, w->odd, w->even);
}

static void delay_backward(void* context)
{
  const response_work* w = context;
  dv_delay_coefs g = {0};
  double g_damp = 0;
  dv_delay_response_backward(w->delay, &w->b->coefs.delay, DV_DELAY_TRAIN, -0.01, w->odd, w->even, &g, &g_damp);
}

static void reverb_forward(void* context)
{
  const response_work* w = context;
  dv_real* const h[2][2] = {{w->h[0][0], w->h[0][1]}, {w->h[1][0], w->h[1][1]}};
  dv_reverb_response_forward(w->reverb, &w->b->coefs.reverb, h);
}

/* Rows of the signal stand for the cotangents, which backward consumes. */
static void reverb_backward(void* context)
{
  const response_work* w = context;
  dv_real* const gh[2][2] = {{w->h[0][0], w->h[0][1]}, {w->h[1][0], w->h[1][1]}};
  dv_reverb_coefs g;
  memset(&g, 0, sizeof g);
  for (int i = 0; i < 4; ++i) memcpy(gh[i / 2][i % 2], w->b->x[0], SAMPLES * sizeof(dv_real));
  dv_reverb_response_backward(w->reverb, &w->b->coefs.reverb, gh, &g);
}

static void bench_responses(const bench* b, int threads)
{
  response_work w = {.b = b};
  const double batch = (double)CHUNKS * SAMPLES;
  w.delay = need(dv_delay_response_new(DV_MODEL_RATE_HZ, SAMPLES));
  w.odd = need(dv_fft_alloc(SAMPLES));
  w.even = need(dv_fft_alloc(SAMPLES));
  w.reverb = need(dv_reverb_response_new(DV_MODEL_RATE_HZ, SAMPLES, threads));
  const size_t room = dv_reverb_response_reals(w.reverb);
  for (int i = 0; i < 4; ++i) w.h[i / 2][i % 2] = need(dv_fft_alloc(room));
  double forward = measure(b, delay_forward, &w, batch);
  print_pair("delay_response", forward, measure(b, delay_backward, &w, batch), ",");
  forward = measure(b, reverb_forward, &w, batch);
  print_pair("reverb_response", forward, measure(b, reverb_backward, &w, batch), ",");
  dv_delay_response_free(w.delay);
  dv_reverb_response_free(w.reverb);
  dv_fft_release(w.odd);
  dv_fft_release(w.even);
  for (int i = 0; i < 4; ++i) dv_fft_release(w.h[i / 2][i % 2]);
}

/* ---- the chain ---- */
typedef struct {
  const bench* b;
  dv_chain* chain;
  const dv_real* x[CHUNKS];
  dv_real* y;
  dv_status status;
} chain_work;

static void chain_forward(void* context)
{
  chain_work* w = context;
  w->status = dv_chain_forward(w->chain, &w->b->params, w->x, CHUNKS, w->y);
}

/* Backward consumes what forward kept, so the two can only be run together. */
static void chain_both(void* context)
{
  chain_work* w = context;
  dv_chain_params g;
  memset(&g, 0, sizeof g);
  chain_forward(w);
  if (!w->status) w->status = dv_chain_backward(w->chain, &w->b->params, w->x, CHUNKS, w->y, DV_DELAY_TRAIN, &g, NULL);
}

static double bench_chain(const bench* b, int threads)
{
  chain_work w = {.b = b, .y = need(dv_fft_alloc((size_t)2 * CHUNKS * WANTED))};
  const dv_chain_config config = {DV_MODEL_RATE_HZ, SAMPLES, WARMUP, CHUNKS, threads};
  dv_error err;
  if (dv_chain_new(&config, &w.chain, &err)) need(NULL);
  for (int k = 0; k < CHUNKS; ++k) w.x[k] = b->x[k];
  const double batch = (double)CHUNKS * SAMPLES, forward = measure(b, chain_forward, &w, batch);
  const double backward = measure(b, chain_both, &w, batch) - forward;
  if (w.status) fprintf(stderr, "bench_dsp: %s\n", dv_status_text(w.status));
  print_pair("chain", forward, backward, "");
  dv_chain_free(w.chain);
  dv_fft_release(w.y);
  return (forward + backward) * SAMPLES * 1e-9;
}

/* ---- yardstick and real time ---- */
typedef struct {
  dv_fft* fft;
  dv_real *x, *spectrum;
} fft_work;

static void fft_forward(void* context)
{
  const fft_work* w = context;
  dv_fft_forward(w->fft, w->x, w->spectrum);
}

static double transform_s(const bench* b)
{
  const size_t n = 1 << 20;
  fft_work w = {need(dv_fft_new(n)), need(dv_fft_alloc(n)), need(dv_fft_alloc(dv_fft_reals(n)))};
  const double seconds = 1e-9 * measure(b, fft_forward, &w, 1.0);
  dv_fft_free(w.fft);
  dv_fft_release(w.x);
  dv_fft_release(w.spectrum);
  return seconds;
}

typedef struct {
  dv_rt* rt;
  const dv_real* x;
} rt_work;

static void rt_process(void* context)
{
  const rt_work* w = context;
  float left[RT_BLOCK], right[RT_BLOCK];
  for (size_t i = 0; i + RT_BLOCK <= SAMPLES; i += RT_BLOCK) dv_rt_process(w->rt, w->x + i, left, right, RT_BLOCK);
}

static double bench_realtime(const bench* b)
{
  dv_error err;
  rt_work w = {dv_rt_new(&b->params, DV_MODEL_RATE_HZ, &err), b->x[0]};
  need(w.rt);
  const double ns = measure(b, rt_process, &w, SAMPLES);
  dv_rt_free(w.rt);
  return ns;
}

int main(int argc, char** argv)
{
  bench b = {.runs = argc > 1 ? atoi(argv[1]) : 5};
  if (b.runs < 1 || b.runs > MAX_RUNS) {
    fprintf(stderr, "usage: bench_dsp [RUNS]   1 to %d, default 5\n", MAX_RUNS);
    return 2;
  }
  dv_flush_on(); /* as the chain does for its filters */
  make_signal(&b);
  make_params(&b);
  const double fft_s = transform_s(&b);
  printf("{\n  \"chunks\": %d, \"samples_per_chunk\": %d, \"runs\": %d,\n", CHUNKS, SAMPLES, b.runs);
  printf("  \"fft_2^20_ms\": %.3f,\n", 1e3 * fft_s);
  printf("  \"realtime_block64_ns_per_sample\": %.1f,\n", bench_realtime(&b));
  double chunk_s[2];
  for (int threads = 1; threads <= 2; ++threads) {
    printf("  \"ns_per_sample_threads_%d\": {\n", threads);
    if (threads == 1) {
      bench_eq(&b);
      bench_compressor(&b);
    }
    bench_responses(&b, threads);
    chunk_s[threads - 1] = bench_chain(&b, threads);
    puts("  },");
  }
  printf("  \"chain_pair_s_per_chunk\": {\"threads_1\": %.4f, \"threads_2\": %.4f},\n", chunk_s[0], chunk_s[1]);
  printf("  \"chain_pair_in_transforms\": {\"threads_1\": %.1f, \"threads_2\": %.1f}\n}\n", chunk_s[0] / fft_s,
         chunk_s[1] / fft_s);
  for (int k = 0; k < CHUNKS; ++k) dv_fft_release(b.x[k]);
  dv_fft_release(b.lanes);
  dv_fft_release(b.out);
  dv_fft_release(b.g);
  return 0;
}
