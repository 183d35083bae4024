/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/convolver.h"
#include "support/dv_test.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  size_t first, length;
  float* h[2][2];
  dv_conv_layout layout;
  dv_conv_response* response;
  dv_conv* conv;
} fixture;

/* Random taps from `first` on that decay by 60 dB over `decay` taps. */
static dv_conv_response* random_response(fixture* f, double decay, double budget, uint64_t seed)
{
  for (int c = 0; c < 4; ++c) {
    float* h = f->h[c / 2][c % 2];
    for (size_t k = f->first; k < f->length; ++k) h[k] = (float)(dv_rand(&seed) * exp(-6.9 * (double)k / decay));
  }
  const float* const h[2][2] = {{f->h[0][0], f->h[0][1]}, {f->h[1][0], f->h[1][1]}};
  return dv_conv_response_new(&f->layout, h, f->length, budget);
}

static fixture make(size_t first, size_t length, double decay)
{
  fixture f = {.first = first, .length = length};
  for (int c = 0; c < 4; ++c) f.h[c / 2][c % 2] = calloc(length, sizeof(float));
  dv_conv_layout_init(&f.layout, first, length);
  f.response = random_response(&f, decay, 1e-14, first);
  f.conv = dv_conv_new(&f.layout);
  assert_non_null(f.response);
  assert_non_null(f.conv);
  dv_conv_set_response(f.conv, f.response);
  dv_conv_reset(f.conv);
  return f;
}

static void release(fixture* f)
{
  for (int c = 0; c < 4; ++c) free(f->h[c / 2][c % 2]);
  dv_conv_free(f->conv);
  dv_conv_response_free(f->response);
}

typedef struct {
  float *x[2], *y[2];
  size_t n;
} stereo;

static stereo signals(size_t quanta, uint64_t seed)
{
  stereo s = {.n = quanta * DV_QUANTUM};
  for (int c = 0; c < 2; ++c) {
    s.x[c] = calloc(s.n, sizeof(float));
    s.y[c] = calloc(s.n + DV_QUANTUM, sizeof(float));
    for (size_t i = 0; i < s.n; ++i) s.x[c][i] = (float)dv_rand(&seed);
  }
  return s;
}

static void drop(stereo* s)
{
  for (int c = 0; c < 2; ++c) {
    free(s->x[c]);
    free(s->y[c]);
  }
}

/* A quantum of input gives the next quantum's output. */
static void run(dv_conv* conv, stereo* s, size_t from, size_t to)
{
  for (size_t k = from; k < to; k += DV_QUANTUM)
    dv_conv_process(conv, s->x[0] + k, s->x[1] + k, s->y[0] + k + DV_QUANTUM, s->y[1] + k + DV_QUANTUM);
}

static double direct(const fixture* f, const stereo* s, int out, size_t n)
{
  double sum = 0.0;
  for (int in = 0; in < 2; ++in)
    for (size_t k = f->first; k < f->length && k <= n; ++k) sum += (double)f->h[out][in][k] * (double)s->x[in][n - k];
  return sum;
}

/* Error in dB of both outputs on samples from, from + step .. */
static double error_db(const fixture* f, const stereo* s, size_t from, size_t step)
{
  double error = 0.0, total = 0.0;
  for (size_t n = from; n < s->n; n += step)
    for (int c = 0; c < 2; ++c) {
      const double want = direct(f, s, c, n), d = (double)s->y[c][n] - want;
      error += d * d;
      total += want * want;
    }
  return 10.0 * log10(error / total + 1e-300);
}

static void test_convolver_equals_direct_convolution(void** state)
{
  (void)state;
  /* first taps of 8, 44.1 and 192 kHz, and the least */
  static const size_t first[] = {128, 181, 997, 4341}, length[] = {3000, 9000, 90000, 60000};
  for (size_t i = 0; i < 4; ++i) {
    fixture f = make(first[i], length[i], (double)length[i]);
    stereo s = signals(length[i] / DV_QUANTUM + 300, 5);
    run(f.conv, &s, 0, s.n);
    const double error = error_db(&f, &s, 0, s.n / 700);
    if (!(error < -115.0)) fail_msg("first tap %zu: error %.1f dB", first[i], error);
    release(&f);
    drop(&s);
  }
}

static void test_convolver_levels_follow_each_other_without_gap(void** state)
{
  (void)state;
  for (size_t first = 128; first < 5000; first += 61) {
    dv_conv_layout layout;
    dv_conv_layout_init(&layout, first, 600000);
    assert_true(layout.level[0].offset <= first);
    for (int l = 0; l < DV_CONV_LEVELS; ++l) {
      const dv_conv_level* v = &layout.level[l];
      assert_true(v->offset % DV_QUANTUM == 0);
      /* time to compute in, and no more than two blocks of output are kept */
      assert_true(2 * v->offset >= 3 * v->partition && v->offset <= 2 * v->partition);
      const size_t end = l + 1 < DV_CONV_LEVELS ? layout.level[l + 1].offset : 600000;
      assert_true(v->offset + v->count * v->partition >= end);
    }
  }
}

static void test_convolver_silence_is_skipped_and_found_again(void** state)
{
  (void)state;
  fixture f = make(997, 30000, 30000.0);
  stereo s = signals(2600, 9);
  for (int c = 0; c < 2; ++c) { /* two pauses: shorter and longer than the response */
    memset(s.x[c] + 20000, 0, 7000 * sizeof(float));
    memset(s.x[c] + 40000, 0, 90000 * sizeof(float));
  }
  run(f.conv, &s, 0, 39040);
  assert_false(dv_conv_idle(f.conv));
  run(f.conv, &s, 39040, 129984);
  assert_true(dv_conv_idle(f.conv));
  for (size_t n = 110000; n < 130000; ++n) assert_true(s.y[0][n] == 0.0f && s.y[1][n] == 0.0f);
  run(f.conv, &s, 129984, s.n);
  assert_true(error_db(&f, &s, 0, 211) < -115.0);
  release(&f);
  drop(&s);
}

static void test_convolver_fades_to_another_response(void** state)
{
  (void)state;
  fixture f = make(997, 40000, 20000.0);
  stereo s = signals(3000, 13);
  const size_t swap = 60032;
  run(f.conv, &s, 0, swap);
  dv_conv_response* other = random_response(&f, 30000.0, 1e-14, 99);
  dv_conv_set_response(f.conv, other);
  assert_true(dv_conv_fading(f.conv));
  run(f.conv, &s, swap, s.n);
  assert_false(dv_conv_fading(f.conv));
  assert_true(error_db(&f, &s, swap + 70000, 97) < -115.0); /* f.h now holds the other's taps */
  for (size_t n = swap; n < s.n; ++n) assert_true(fabsf(s.y[0][n]) < 1e4f);
  release(&f);
  dv_conv_response_free(other);
  drop(&s);
}

/* One level alone: over one block the output goes from one response's to the other's, as 1/2 - 1/2 cos does. */
static void test_convolver_fade_is_a_blend_of_both_responses(void** state)
{
  (void)state;
  enum { QUANTA = 200, SWAP = 100 };
  fixture f = make(1024, 4096, 4000.0);
  dv_conv_response* other = random_response(&f, 4000.0, 1e-14, 99);
  dv_conv* conv[3]; /* the one response, the other, from the one to the other */
  stereo s[3];
  for (int i = 0; i < 3; ++i) {
    conv[i] = dv_conv_new(&f.layout);
    s[i] = signals(QUANTA, 7);
    assert_non_null(conv[i]);
    dv_conv_set_response(conv[i], i == 1 ? other : f.response);
    dv_conv_reset(conv[i]);
    run(conv[i], &s[i], 0, SWAP * DV_QUANTUM);
  }
  dv_conv_set_response(conv[2], other);
  for (int i = 0; i < 3; ++i) run(conv[i], &s[i], SWAP * DV_QUANTUM, s[i].n);
  const size_t partition = f.layout.level[0].partition, block = SWAP * DV_QUANTUM / partition + 1;
  const size_t start = block * partition + f.layout.level[0].offset - partition; /* of what the new one gives first */
  for (size_t n = 0; n < s[0].n; ++n) {
    const double t = fmin(fmax(((double)n - (double)start) / (double)partition, 0.0), 1.0);
    const double weight = 0.5 - 0.5 * cos(M_PI * t), from = (double)s[0].y[1][n], to = (double)s[1].y[1][n];
    assert_close((double)s[2].y[1][n], from + weight * (to - from), 0.0, 2e-4);
  }
  for (int i = 0; i < 3; ++i) {
    dv_conv_free(conv[i]);
    drop(&s[i]);
  }
  dv_conv_response_free(other);
  release(&f);
}

static void test_convolver_says_when_a_long_level_fades(void** state)
{
  (void)state;
  fixture f = make(997, 40000, 40000.0);
  stereo s = signals(3000, 13);
  dv_conv_response* other = random_response(&f, 40000.0, 1e-14, 99);
  run(f.conv, &s, 0, 60032);
  assert_false(dv_conv_fades_long(f.conv, s.n));
  dv_conv_set_response(f.conv, other);
  assert_true(dv_conv_fades_long(f.conv, s.n));
  size_t at = 60032, quanta = 0;
  for (; dv_conv_fading(f.conv); at += DV_QUANTUM) {
    quanta += dv_conv_fades_long(f.conv, 0);
    run(f.conv, &s, at, at + DV_QUANTUM);
  }
  assert_false(dv_conv_fades_long(f.conv, s.n));
  assert_true(quanta > 0 && quanta <= f.layout.level[2].partition / DV_QUANTUM);
  dv_conv_response_free(other);
  release(&f);
  drop(&s);
}

static void test_convolver_that_is_closed_rings_out_unchanged(void** state)
{
  (void)state;
  fixture f = make(997, 60000, 40000.0);
  stereo a = signals(2000, 21), b = signals(2000, 21);
  for (int c = 0; c < 2; ++c) {
    memset(a.x[c] + 40000, 0, (a.n - 40000) * sizeof(float));
    memset(b.x[c] + 40000, 0, (b.n - 40000) * sizeof(float));
  }
  run(f.conv, &a, 0, a.n);
  dv_conv_reset(f.conv);
  run(f.conv, &b, 0, 40000);
  dv_conv_close(f.conv);
  run(f.conv, &b, 40000, b.n);
  assert_true(dv_conv_idle(f.conv));
  for (int c = 0; c < 2; ++c) assert_memory_equal(a.y[c], b.y[c], a.n * sizeof(float));
  release(&f);
  drop(&a);
  drop(&b);
}

static void test_convolver_after_reset_repeats_itself(void** state)
{
  (void)state;
  fixture f = make(997, 40000, 20000.0);
  stereo a = signals(1500, 21), b = signals(1500, 21);
  run(f.conv, &a, 0, a.n);
  dv_conv_reset(f.conv);
  run(f.conv, &b, 0, b.n);
  for (int c = 0; c < 2; ++c) assert_memory_equal(a.y[c], b.y[c], a.n * sizeof(float));
  release(&f);
  drop(&a);
  drop(&b);
}

static void test_convolver_drops_no_more_than_the_budget(void** state)
{
  (void)state;
  static const double budget_db[] = {-60.0, -90.0, -110.0};
  size_t last = 0;
  for (size_t i = 0; i < 3; ++i) {
    fixture f = make(997, 200000, 30000.0);
    dv_conv_response_free(f.response);
    f.response = random_response(&f, 30000.0, pow(10.0, budget_db[i] / 10.0), 17);
    dv_conv_set_response(f.conv, f.response);
    dv_conv_reset(f.conv);
    stereo s = signals(3500, 31);
    run(f.conv, &s, 0, s.n);
    const double error = error_db(&f, &s, 100000, 997);
    if (!(error < budget_db[i] + 1.0)) fail_msg("budget %g dB: error %.1f dB", budget_db[i], error);
    assert_true(dv_conv_response_length(f.response) > last); /* less accuracy is shorter */
    last = dv_conv_response_length(f.response);
    assert_true(last < 200000);
    release(&f);
    drop(&s);
  }
}

static void test_convolver_without_response_is_silent(void** state)
{
  (void)state;
  fixture f = make(997, 20000, 20000.0);
  dv_conv_set_response(f.conv, NULL);
  dv_conv_reset(f.conv);
  stereo s = signals(200, 3);
  run(f.conv, &s, 0, s.n);
  for (size_t n = 0; n < s.n; ++n) assert_true(s.y[0][n] == 0.0f && s.y[1][n] == 0.0f);
  release(&f);
  drop(&s);
  dv_conv_free(NULL);
  dv_conv_response_free(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_convolver_equals_direct_convolution),
    cmocka_unit_test(test_convolver_levels_follow_each_other_without_gap),
    cmocka_unit_test(test_convolver_silence_is_skipped_and_found_again),
    cmocka_unit_test(test_convolver_fades_to_another_response),
    cmocka_unit_test(test_convolver_fade_is_a_blend_of_both_responses),
    cmocka_unit_test(test_convolver_says_when_a_long_level_fades),
    cmocka_unit_test(test_convolver_that_is_closed_rings_out_unchanged),
    cmocka_unit_test(test_convolver_after_reset_repeats_itself),
    cmocka_unit_test(test_convolver_drops_no_more_than_the_budget),
    cmocka_unit_test(test_convolver_without_response_is_silent),
  };
  return cmocka_run_group_tests_name("convolver", tests, NULL, NULL);
}
