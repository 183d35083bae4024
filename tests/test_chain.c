/* SPDX-License-Identifier: MIT */
#include "support/dv_test.h"

#include "dsp/chain.h"

#include <stdlib.h>
#include <string.h>

/* A low rate keeps the responses of 4 and 12 s short. */
#define RATE_HZ 2000.0
enum { N = 3000, BATCH = 11 };
#define EPS (sizeof(dv_real) == 4 ? 1e-5 : 1e-11)

typedef struct {
  dv_chain_params p;
  dv_real memory[BATCH][N], gy[2 * BATCH * N];
  const dv_real* x[BATCH];
} fixture;

/* What a run gives. */
typedef struct {
  dv_real y[2 * BATCH * N], gx[BATCH][N];
  dv_chain_params gp;
} outcome;

static outcome first, second;

static int setup(void** state)
{
  static fixture f;
  uint64_t seed = 51;
  dv_params_initial(5, &f.p);
  f.p.peak1.gain_db = 6.0;
  f.p.highpass.freq_hz = 60.0;
  f.p.compressor.attack_coef = 0.05;
  f.p.compressor.release_coef = 0.01;
  f.p.compressor.lookahead_ms = 3.7;
  f.p.delay = (dv_delay_params){170.3, 0.6, 0.5, {700.0, 0.8}, 0.2, 0.9};
  f.p.send = 0.4;
  f.p.pan = 0.35;
  for (int l = 0; l < DV_FDN_LINES; ++l) {
    f.p.reverb.output[0][l] = dv_rand(&seed);
    f.p.reverb.output[1][l] = dv_rand(&seed);
    f.p.reverb.input[l][0] = dv_rand(&seed);
  }
  for (int b = 0; b < BATCH; ++b) {
    f.x[b] = f.memory[b];
    for (int i = 0; i < N; ++i) f.memory[b][i] = (dv_real)(dv_rand(&seed) * 0.3 * (1.0 + sin(0.004 * i + b)));
  }
  for (size_t i = 0; i < 2 * BATCH * N; ++i) f.gy[i] = (dv_real)dv_rand(&seed);
  *state = &f;
  return 0;
}

static dv_chain* open_chain(size_t warmup, size_t batch, int threads)
{
  const dv_chain_config config = {RATE_HZ, N, warmup, batch, threads};
  dv_chain* chain;
  dv_error err;
  assert_int_equal(dv_chain_new(&config, &chain, &err), DV_OK);
  return chain;
}

/* `count` items from `from` on, forward and backward. */
static void run(dv_chain* chain, const fixture* f, size_t from, size_t count, size_t warmup, outcome* o)
{
  dv_real* gx[BATCH];
  memset(o, 0, sizeof *o);
  for (size_t i = 0; i < count; ++i) gx[i] = o->gx[i];
  assert_int_equal(dv_chain_forward(chain, &f->p, f->x + from, count, o->y), DV_OK);
  assert_int_equal(
    dv_chain_backward(chain, &f->p, f->x + from, count, f->gy + 2 * from * (N - warmup), DV_DELAY_TRAIN, &o->gp, gx),
    DV_OK);
}

static void run_new(const fixture* f, size_t from, size_t count, size_t warmup, int threads, outcome* o)
{
  dv_chain* chain = open_chain(warmup, count, threads);
  run(chain, f, from, count, warmup, o);
  dv_chain_free(chain);
}

static void test_results_do_not_depend_on_threads(void** state)
{
  const fixture* f = *state;
  run_new(f, 0, BATCH, 0, 1, &first);
  for (int threads = 2; threads <= 3; ++threads) {
    run_new(f, 0, BATCH, 0, threads, &second);
    assert_memory_equal(&first, &second, sizeof first);
  }
}

static void test_a_chain_repeats_itself(void** state)
{
  const fixture* f = *state;
  dv_chain* chain = open_chain(0, BATCH, 2);
  run(chain, f, 0, BATCH, 0, &first);
  run(chain, f, 3, 2, 0, &second); /* something else between */
  run(chain, f, 0, BATCH, 0, &second);
  assert_memory_equal(&first, &second, sizeof first);
  dv_chain_free(chain);
}

static void test_chunks_do_not_depend_on_their_neighbours(void** state)
{
  const fixture* f = *state;
  run_new(f, 0, BATCH, 0, 1, &first);
  for (size_t b = 0; b < BATCH; ++b) {
    run_new(f, b, 1, 0, 1, &second);
    assert_memory_equal(second.y, first.y + 2 * b * N, 2 * N * sizeof(dv_real));
    assert_memory_equal(second.gx[0], first.gx[b], sizeof first.gx[b]);
  }
}

static void test_batch_gradient_is_the_sum_of_the_chunks(void** state)
{
  const fixture* f = *state;
  double sum[DV_PARAM_COUNT] = {0}, norm = 0.0;
  run_new(f, 0, BATCH, 0, 2, &first);
  for (size_t b = 0; b < BATCH; ++b) {
    run_new(f, b, 1, 0, 1, &second);
    for (int i = 0; i < DV_PARAM_COUNT; ++i) sum[i] += dv_params_flat(&second.gp)[i];
  }
  for (int i = 0; i < DV_PARAM_COUNT; ++i) norm = fmax(norm, fabs(sum[i]));
  for (int i = 0; i < DV_PARAM_COUNT; ++i) assert_close(dv_params_flat(&first.gp)[i], sum[i], 10.0 * EPS, EPS * norm);
}

/* Without a warm-up the same outputs come at the end, and a gradient that is zero before them is the same. */
static void test_warmup_only_leaves_out(void** state)
{
  enum { WARMUP = 1100, WANTED = N - WARMUP };
  fixture* f = *state;
  run_new(f, 0, BATCH, WARMUP, 1, &first);
  for (size_t row = 2 * BATCH; row-- > 0;) {
    memmove(f->gy + row * N + WARMUP, f->gy + row * WANTED, WANTED * sizeof *f->gy);
    memset(f->gy + row * N, 0, WARMUP * sizeof *f->gy);
  }
  run_new(f, 0, BATCH, 0, 1, &second);
  double norm = 0.0;
  for (size_t row = 0; row < 2 * BATCH; ++row)
    for (size_t i = 0; i < WANTED; ++i)
      assert_close((double)first.y[row * WANTED + i], (double)second.y[row * N + WARMUP + i], 0.0, EPS);
  for (size_t i = 0; i < BATCH * N; ++i)
    assert_close((double)(&first.gx[0][0])[i], (double)(&second.gx[0][0])[i], 0.0, 10.0 * EPS);
  for (int i = 0; i < DV_PARAM_COUNT; ++i) norm = fmax(norm, fabs(dv_params_flat(&second.gp)[i]));
  for (int i = 0; i < DV_PARAM_COUNT; ++i)
    assert_close(dv_params_flat(&first.gp)[i], dv_params_flat(&second.gp)[i], 10.0 * EPS, EPS * norm);
}

static void test_backward_adds_and_may_leave_out_inputs(void** state)
{
  const fixture* f = *state;
  static dv_real kept[N], y[2 * BATCH * N];
  dv_chain* chain = open_chain(0, 5, 1);
  dv_chain_params twice = {0};
  run(chain, f, 0, 5, 0, &first);
  memset(kept, 0, sizeof kept);
  dv_real* some[5] = {NULL, NULL, kept, NULL, NULL};
  for (int i = 0; i < 2; ++i) {
    assert_int_equal(dv_chain_forward(chain, &f->p, f->x, 5, y), DV_OK);
    assert_int_equal(dv_chain_backward(chain, &f->p, f->x, 5, f->gy, DV_DELAY_TRAIN, &twice, i ? some : NULL), DV_OK);
  }
  assert_memory_equal(kept, first.gx[2], sizeof kept);
  for (int i = 0; i < DV_PARAM_COUNT; ++i)
    assert_close(dv_params_flat(&twice)[i], 2.0 * dv_params_flat(&first.gp)[i], 1e-12, 1e-12);
  dv_chain_free(chain);
}

static void test_only_training_moves_the_damping(void** state)
{
  const fixture* f = *state;
  static dv_real y[2 * BATCH * N];
  dv_chain* chain = open_chain(0, 2, 1);
  dv_chain_params exact = {0};
  run(chain, f, 0, 2, 0, &first);
  assert_int_equal(dv_chain_forward(chain, &f->p, f->x, 2, y), DV_OK);
  assert_int_equal(dv_chain_backward(chain, &f->p, f->x, 2, f->gy, DV_DELAY_EXACT, &exact, NULL), DV_OK);
  assert_true(exact.log_damp == 0.0 && first.gp.log_damp != 0.0);
  assert_true(exact.delay.delay_ms != first.gp.delay.delay_ms);
  assert_true(exact.delay.feedback == first.gp.delay.feedback);
  assert_true(exact.peak1.gain_db == first.gp.peak1.gain_db);
  dv_chain_free(chain);
}

static void poison(dv_chain* chain)
{
  size_t bytes;
  dv_real* idle = dv_chain_idle_memory(chain, &bytes);
  assert_true(bytes > 0);
  for (size_t i = 0; i < bytes / sizeof *idle; ++i) idle[i] = (dv_real)NAN;
}

static void test_idle_memory_may_serve_others(void** state)
{
  const fixture* f = *state;
  static const size_t batches[] = {3, BATCH};
  for (size_t k = 0; k < 2; ++k) {
    const size_t count = batches[k];
    dv_real* gx[BATCH];
    dv_chain* chain = open_chain(0, count, 2);
    run(chain, f, 0, count, 0, &first);
    memset(&second, 0, sizeof second);
    for (size_t i = 0; i < count; ++i) gx[i] = second.gx[i];
    poison(chain);
    assert_int_equal(dv_chain_forward(chain, &f->p, f->x, count, second.y), DV_OK);
    poison(chain);
    assert_int_equal(dv_chain_backward(chain, &f->p, f->x, count, f->gy, DV_DELAY_TRAIN, &second.gp, gx), DV_OK);
    assert_memory_equal(&first, &second, sizeof first);
    dv_chain_free(chain);
  }
}

/* Backward consumes what forward kept: a second one, or one for another number of chunks, would be wrong. */
static void test_backward_wants_its_own_forward(void** state)
{
  const fixture* f = *state;
  static dv_real y[2 * BATCH * N];
  dv_chain* chain = open_chain(0, 4, 1);
  dv_chain_params gp = {0};
  assert_int_equal(dv_chain_backward(chain, &f->p, f->x, 1, f->gy, DV_DELAY_TRAIN, &gp, NULL), DV_ERR_ARG);
  run(chain, f, 0, 4, 0, &first);
  assert_int_equal(dv_chain_backward(chain, &f->p, f->x, 4, f->gy, DV_DELAY_TRAIN, &gp, NULL), DV_ERR_ARG);
  assert_int_equal(dv_chain_forward(chain, &f->p, f->x, 4, y), DV_OK);
  assert_int_equal(dv_chain_backward(chain, &f->p, f->x, 3, f->gy, DV_DELAY_TRAIN, &gp, NULL), DV_ERR_ARG);
  for (int i = 0; i < DV_PARAM_COUNT; ++i) assert_true(dv_params_flat(&gp)[i] == 0.0);
  dv_chain_free(chain);
}

static void test_a_neutral_chain_is_transparent(void** state)
{
  fixture* f = *state;
  f->p.peak1.gain_db = f->p.peak2.gain_db = f->p.lowshelf.gain_db = f->p.highshelf.gain_db = 0.0;
  f->p.compressor.comp_threshold_db = 40.0;
  f->p.compressor.exp_threshold_db = -160.0;
  f->p.compressor.lookahead_ms = 0.0;
  f->p.compressor.makeup_db = -6.0;
  f->p.delay.gain = 0.0;
  f->p.pan = 0.5;
  memset(f->p.reverb.output, 0, sizeof f->p.reverb.output);
  f->p.highpass = (dv_pass_params){16.0, 0.707};
  f->p.lowpass = (dv_pass_params){18000.0, 0.707};
  static dv_real sine[N], y[2 * N];
  for (int i = 0; i < N; ++i) sine[i] = (dv_real)sin(2.0 * M_PI * 200.0 * i / RATE_HZ);
  const dv_real* const x[1] = {sine};
  dv_chain* chain = open_chain(0, 1, 1);
  assert_int_equal(dv_chain_forward(chain, &f->p, x, 1, y), DV_OK);
  dv_chain_free(chain);
  double power[2] = {0.0, 0.0};
  for (int i = N / 2; i < N; ++i) {
    power[0] += (double)y[i] * (double)y[i];
    power[1] += (double)y[N + i] * (double)y[N + i];
  }
  assert_close(10.0 * log10(power[0] / (N / 4)), -6.0, 0.0, 0.1);
  assert_close(power[0], power[1], 1e-5, 0.0);
}

static void test_a_single_sample_can_be_a_chunk(void** state)
{
  const fixture* f = *state;
  const dv_chain_config config = {RATE_HZ, 1, 0, 1, 1};
  dv_chain* chain;
  dv_chain_params gp = {0};
  dv_error err;
  dv_real y[2];
  const dv_real gy[2] = {1, 1};
  assert_int_equal(dv_chain_new(&config, &chain, &err), DV_OK);
  assert_int_equal(dv_chain_forward(chain, &f->p, f->x, 1, y), DV_OK);
  assert_int_equal(dv_chain_backward(chain, &f->p, f->x, 1, gy, DV_DELAY_TRAIN, &gp, NULL), DV_OK);
  dv_chain_free(chain);
  assert_true(isfinite(y[0]) && isfinite(y[1]));
}

static void test_silence_stays_silent(void** state)
{
  const fixture* f = *state;
  static dv_real silence[N], y[2 * N];
  const dv_real* const x[1] = {silence};
  dv_chain* chain = open_chain(0, 1, 1);
  assert_int_equal(dv_chain_forward(chain, &f->p, x, 1, y), DV_OK);
  dv_chain_free(chain);
  for (int i = 0; i < 2 * N; ++i) assert_true(y[i] == 0);
}

static void test_nonfinite_samples_are_reported(void** state)
{
  fixture* f = *state;
  dv_chain* chain = open_chain(0, BATCH, 2);
  dv_chain_params gp = {0};
  static dv_real y[2 * BATCH * N];
  f->memory[7][100] = (dv_real)NAN;
  assert_int_equal(dv_chain_forward(chain, &f->p, f->x, BATCH, y), DV_ERR_NONFINITE);
  f->memory[7][100] = (dv_real)INFINITY;
  assert_int_equal(dv_chain_forward(chain, &f->p, f->x, BATCH, y), DV_ERR_NONFINITE);
  f->memory[7][100] = 0;
  assert_int_equal(dv_chain_forward(chain, &f->p, f->x, BATCH, y), DV_OK);
  f->gy[5] = (dv_real)NAN;
  assert_int_equal(dv_chain_backward(chain, &f->p, f->x, BATCH, f->gy, DV_DELAY_TRAIN, &gp, NULL), DV_ERR_NONFINITE);
  dv_chain_free(chain);
}

static void test_bad_configurations_are_refused(void** state)
{
  (void)state;
  static const dv_chain_config bad[] = {{0.0, N, 0, 1, 1},         {(double)NAN, N, 0, 1, 1}, {999.0, N, 0, 1, 1},
                                        {2e6, N, 0, 1, 1},         {RATE_HZ, 0, 0, 1, 1},     {RATE_HZ, N, N, 1, 1},
                                        {RATE_HZ, N, N + 1, 1, 1}, {RATE_HZ, N, 0, 0, 1},     {RATE_HZ, N, 0, 1, 0},
                                        {RATE_HZ, N, 0, 1, -1}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    dv_chain* chain = (dv_chain*)&chain;
    dv_error err = {""};
    assert_int_equal(dv_chain_new(&bad[i], &chain, &err), DV_ERR_ARG);
    assert_null(chain);
    assert_true(strlen(err.text) > 10);
    assert_int_equal(dv_chain_new(&bad[i], &chain, NULL), DV_ERR_ARG);
  }
}

static void test_bad_counts_are_refused(void** state)
{
  const fixture* f = *state;
  dv_chain* chain = open_chain(0, 2, 1);
  dv_chain_params gp = {0};
  static dv_real y[2 * BATCH * N];
  assert_int_equal(dv_chain_forward(chain, &f->p, f->x, 0, y), DV_ERR_ARG);
  assert_int_equal(dv_chain_forward(chain, &f->p, f->x, 3, y), DV_ERR_ARG);
  assert_int_equal(dv_chain_backward(chain, &f->p, f->x, 3, f->gy, DV_DELAY_TRAIN, &gp, NULL), DV_ERR_ARG);
  dv_chain_free(chain);
  dv_chain_free(NULL);
}

#ifdef DV_DOUBLE
static double weighted_output(dv_chain* chain, const fixture* f, const dv_real* x)
{
  static dv_real y[2 * N];
  const dv_real* const in[1] = {x};
  assert_int_equal(dv_chain_forward(chain, &f->p, in, 1, y), DV_OK);
  double sum = 0.0;
  for (int i = 0; i < 2 * N; ++i) sum += f->gy[i] * y[i];
  return sum;
}

/* dL/dx along random directions; no branch changes over so small a step. */
static void test_input_gradient_matches_finite_differences(void** state)
{
  const fixture* f = *state;
  dv_chain* chain = open_chain(0, 1, 1);
  uint64_t seed = 53;
  run(chain, f, 0, 1, 0, &first);
  for (int trial = 0; trial < 5; ++trial) {
    static dv_real moved[N], direction[N];
    const double h = 1e-6;
    double slope = 0.0, value[2];
    for (int i = 0; i < N; ++i) {
      direction[i] = dv_rand(&seed) * f->x[0][i];
      slope += direction[i] * first.gx[0][i];
    }
    for (int side = 0; side < 2; ++side) {
      for (int i = 0; i < N; ++i) moved[i] = f->x[0][i] + (side ? h : -h) * direction[i];
      value[side] = weighted_output(chain, f, moved);
    }
    assert_close((value[1] - value[0]) / (2.0 * h), slope, 1e-5, 1e-5);
  }
  dv_chain_free(chain);
}
#endif

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(test_results_do_not_depend_on_threads, setup),
    cmocka_unit_test_setup(test_a_chain_repeats_itself, setup),
    cmocka_unit_test_setup(test_chunks_do_not_depend_on_their_neighbours, setup),
    cmocka_unit_test_setup(test_batch_gradient_is_the_sum_of_the_chunks, setup),
    cmocka_unit_test_setup(test_warmup_only_leaves_out, setup),
    cmocka_unit_test_setup(test_backward_adds_and_may_leave_out_inputs, setup),
    cmocka_unit_test_setup(test_only_training_moves_the_damping, setup),
    cmocka_unit_test_setup(test_idle_memory_may_serve_others, setup),
    cmocka_unit_test_setup(test_backward_wants_its_own_forward, setup),
    cmocka_unit_test_setup(test_a_neutral_chain_is_transparent, setup),
    cmocka_unit_test_setup(test_a_single_sample_can_be_a_chunk, setup),
    cmocka_unit_test_setup(test_silence_stays_silent, setup),
    cmocka_unit_test_setup(test_nonfinite_samples_are_reported, setup),
    cmocka_unit_test(test_bad_configurations_are_refused),
    cmocka_unit_test_setup(test_bad_counts_are_refused, setup),
#ifdef DV_DOUBLE
    cmocka_unit_test_setup(test_input_gradient_matches_finite_differences, setup),
#endif
  };
  return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
