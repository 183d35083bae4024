/* SPDX-License-Identifier: MIT */
/* The engine as a program: blocks, memory, threads, bad input, silence. */
#include "test_realtime_support.h"

#include <pthread.h>

static const double RATE = 44100.0;

/* ---- heap: linked with --wrap for every allocating function -------------------------------------------- */

static size_t heap_calls;

void* __real_malloc(size_t size);
void* __real_calloc(size_t count, size_t size);
void* __real_realloc(void* memory, size_t size);
void __real_free(void* memory);
void* __real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void** memory, size_t alignment, size_t size);
void* __wrap_malloc(size_t size);
void* __wrap_calloc(size_t count, size_t size);
void* __wrap_realloc(void* memory, size_t size);
void __wrap_free(void* memory);
void* __wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void** memory, size_t alignment, size_t size);

void* __wrap_malloc(size_t size) { return ++heap_calls, __real_malloc(size); }
void* __wrap_calloc(size_t count, size_t size) { return ++heap_calls, __real_calloc(count, size); }
void* __wrap_realloc(void* memory, size_t size) { return ++heap_calls, __real_realloc(memory, size); }
void __wrap_free(void* memory) { ++heap_calls, __real_free(memory); }
void* __wrap_aligned_alloc(size_t alignment, size_t size)
{
  return ++heap_calls, __real_aligned_alloc(alignment, size);
}

int __wrap_posix_memalign(void** memory, size_t alignment, size_t size)
{
  return ++heap_calls, __real_posix_memalign(memory, alignment, size);
}

static void test_engine_makes_no_heap_call_after_init(void** state)
{
  (void)state;
  dv_chain_params p = usual_params();
  dv_rt* rt = new_engine(&p, RATE);
  dv_rt_response* other = dv_rt_response_new(&p.reverb, RATE, NULL);
  take t = new_take(150000);
  fill_noise(&t, 1);
  dv_rt_mix mix = dv_rt_mix_neutral();
  mix.reverb_level = 0.5;
  heap_calls = 0;
  play(rt, &t, 0, 20000, 64);
  p.peak1.gain_db = -6.0;
  p.delay.delay_ms = 555.0;
  p.compressor.lookahead_ms = 1.7;
  dv_rt_set_params(rt, &p);
  dv_rt_set_mix(rt, &mix);
  dv_rt_set_lookahead(rt, false);
  dv_rt_response* superseded = dv_rt_set_response(rt, other);
  play(rt, &t, 20000, t.n, 100);
  dv_rt_response* retired = dv_rt_take_retired(rt);
  dv_rt_reset(rt);
  play(rt, &t, 0, 20000, 64);
  const size_t calls = heap_calls;
  assert_int_equal(calls, 0);
  assert_null(superseded);
  assert_non_null(retired);
  dv_rt_response_free(retired);
  dv_rt_free(rt);
  free_take(&t);
  dv_rt_free(NULL);
}

/* ---- blocks ---------------------------------------------------------------------------------------------- */

/* Plays with changes at fixed frames; sizes[] repeats. */
static void play_with_changes(take* t, const size_t* sizes, size_t count)
{
  dv_chain_params p = usual_params();
  dv_rt* rt = new_engine(&p, RATE);
  dv_rt_mix mix = dv_rt_mix_neutral();
  dv_rt_response* other = dv_rt_response_new(&p.reverb, RATE, NULL);
  size_t at = 0, s = 0;
  for (int change = 0; change < 6; ++change) {
    const size_t end = change < 5 ? (size_t)(change + 1) * 9001 : t->n;
    while (at < end) {
      const size_t n = sizes[s++ % count], frames = end - at < n ? end - at : n;
      dv_rt_process(rt, t->x + at, t->left + at, t->right + at, frames);
      at += frames;
    }
    p.peak1.freq_hz *= 1.7;
    p.delay.delay_ms += 31.7;
    p.delay.feedback = change == 3 ? 0.97 : 0.3; /* opens the loop, and closes it */
    p.delay.lowpass.q = change == 3 ? 1.9 : 0.8;
    p.compressor.lookahead_ms += 0.37;
    p.compressor.comp_threshold_db -= 3.0;
    mix.reverb_level = 0.2 * change;
    dv_rt_set_params(rt, &p);
    dv_rt_set_mix(rt, &mix);
    dv_rt_set_lookahead(rt, change % 2 == 0);
    if (change == 1) assert_null(dv_rt_set_response(rt, other));
  }
  dv_rt_free(rt);
}

static void test_engine_output_does_not_depend_on_block_sizes(void** state)
{
  (void)state;
  static const size_t sizes[][6] = {{64, 64, 64, 64, 64, 64},
                                    {1, 1, 1, 1, 1, 1},
                                    {7, 7, 7, 7, 7, 7},
                                    {1024, 1024, 1024, 1024, 1024, 1024},
                                    {8192, 0, 3, 65, 1, 500}};
  take want = new_take(60000);
  fill_noise(&want, 2);
  play_with_changes(&want, sizes[0], 6);
  assert_true(peak_of(&want, 0, want.n) > 0.05);
  for (size_t i = 1; i < 5; ++i) {
    take got = new_take(want.n);
    fill_noise(&got, 2);
    play_with_changes(&got, sizes[i], 6);
    assert_same_output(&got, &want);
    free_take(&got);
  }
  free_take(&want);
}

/* Sound, silence until the engine sleeps, changes while it does, sound again. */
static void play_with_sleep(take* t, size_t block)
{
  dv_chain_params p = usual_params();
  for (int k = 0; k < DV_FDN_BANDS; ++k) p.reverb.decay[k] = 0.3;
  p.delay.feedback = 0.1;
  dv_rt* rt = new_engine(&p, 8000.0);
  play(rt, t, 0, 80003, block);
  p.pan = 0.8;
  p.peak1.gain_db = -8.0;
  dv_rt_set_params(rt, &p);
  play(rt, t, 80003, 160011, block);
  dv_rt_response* other = dv_rt_response_new(&p.reverb, 8000.0, NULL);
  assert_null(dv_rt_set_response(rt, other));
  play(rt, t, 160011, t->n, block);
  dv_rt_free(rt);
}

static void test_engine_wakes_up_independently_of_block_sizes(void** state)
{
  (void)state;
  static const size_t sizes[] = {1, 7, 1000};
  take want = new_take(240000), got = new_take(240000);
  uint64_t seed = 44;
  for (size_t i = 0; i < want.n; ++i) {
    const bool sounds = i < 3001 || (i > 70017 && i < 70050) || i > 230029;
    want.x[i] = got.x[i] = sounds ? (float)(0.3 * dv_rand(&seed)) : 0.0f;
  }
  play_with_sleep(&want, 64);
  assert_true(peak_of(&want, 230100, want.n) > 0.01);
  for (size_t i = 60000; i < 70000; ++i) assert_true(want.left[i] == 0.0f && want.right[i] == 0.0f);
  for (size_t i = 0; i < 3; ++i) {
    play_with_sleep(&got, sizes[i]);
    assert_same_output(&got, &want);
  }
  free_take(&want);
  free_take(&got);
}

static void test_engine_works_in_place(void** state)
{
  (void)state;
  const dv_chain_params p = usual_params();
  take want = new_take(20000), got = new_take(20000);
  fill_noise(&want, 3);
  for (int side = 0; side < 2; ++side) {
    dv_rt* rt = new_engine(&p, RATE);
    play(rt, &want, 0, want.n, 100);
    dv_rt_reset(rt);
    float* io = side ? got.right : got.left;
    memcpy(io, want.x, want.n * sizeof *io);
    for (size_t k = 0; k < got.n; k += 100) dv_rt_process(rt, io + k, got.left + k, got.right + k, 100);
    assert_same_output(&got, &want);
    dv_rt_free(rt);
  }
  free_take(&want);
  free_take(&got);
}

static void test_engine_after_reset_repeats_itself(void** state)
{
  (void)state;
  dv_chain_params p = usual_params();
  dv_rt* rt = new_engine(&p, RATE);
  take first = new_take(50000), again = new_take(50000);
  fill_noise(&first, 4);
  fill_noise(&again, 4);
  play(rt, &first, 0, first.n, 64);
  p.pan = 0.9;
  p.delay.delay_ms = 120.0;
  p.highpass.freq_hz = 1000.0;
  p.compressor.lookahead_ms = 2.2;
  dv_rt_set_params(rt, &p); /* still gliding when reset comes */
  play(rt, &again, 0, 1000, 64);
  dv_rt_reset(rt);
  p = usual_params();
  dv_rt_set_params(rt, &p); /* before the first frame: snaps */
  play(rt, &again, 0, again.n, 64);
  assert_same_output(&again, &first);
  dv_rt_free(rt);
  free_take(&first);
  free_take(&again);
}

/* ---- bad input --------------------------------------------------------------------------------------------- */

static void test_engine_recovers_from_bad_samples(void** state)
{
  (void)state;
  static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f, -1e30f, 1e-42f};
  const dv_chain_params p = usual_params();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    dv_rt* rt = new_engine(&p, RATE);
    take t = new_take(20000);
    fill_noise(&t, 5);
    for (size_t k = 5000; k < 5010; ++k) t.x[k] = bad[i];
    play(rt, &t, 0, t.n, 64);
    for (size_t k = 0; k < t.n; ++k) assert_true(isfinite(t.left[k]) && isfinite(t.right[k]));
    assert_true(peak_of(&t, 15000, t.n) > 1e-4);
    dv_rt_free(rt);
    free_take(&t);
  }
}

static void test_engine_counts_nan_as_silence(void** state)
{
  (void)state;
  const dv_chain_params p = usual_params();
  take a = new_take(30000), b = new_take(30000);
  fill_noise(&a, 6);
  fill_noise(&b, 6);
  for (size_t k = 3000; k < 3300; ++k) {
    a.x[k] = k % 2 ? NAN : -INFINITY;
    b.x[k] = 0.0f;
  }
  dv_rt* rt = new_engine(&p, RATE);
  play(rt, &a, 0, a.n, 64);
  dv_rt_reset(rt);
  play(rt, &b, 0, b.n, 64);
  assert_same_output(&a, &b);
  dv_rt_free(rt);
  free_take(&a);
  free_take(&b);
}

static void test_engine_limits_bad_parameters(void** state)
{
  (void)state;
  static const double bad[] = {(double)NAN, (double)INFINITY, -1e300, 1e300, 0.0};
  const dv_chain_params good = usual_params();
  dv_rt* rt = new_engine(&good, RATE);
  take t = new_take(4000);
  fill_noise(&t, 7);
  for (int i = 0; i < DV_PARAM_COUNT; ++i)
    for (size_t k = 0; k < sizeof bad / sizeof *bad; ++k) {
      dv_chain_params p = good;
      dv_params_flat(&p)[i] = bad[k];
      dv_rt_set_params(rt, &p);
      play(rt, &t, 0, 300, 64);
      assert_true(isfinite(peak_of(&t, 0, 300)));
    }
  dv_rt_mix mix = {(double)NAN, 1e9, -5.0, (double)INFINITY, 100.0, (double)NAN};
  dv_rt_set_mix(rt, &mix);
  play(rt, &t, 0, t.n, 64);
  for (size_t k = 0; k < t.n; ++k) assert_true(isfinite(t.left[k]) && isfinite(t.right[k]));
  /* NaN left everything as it was: the same as an engine that never saw it */
  dv_rt_mix neutral = dv_rt_mix_neutral();
  dv_chain_params nan = good;
  for (int i = 0; i < DV_PARAM_COUNT; ++i) dv_params_flat(&nan)[i] = (double)NAN;
  dv_rt* other = new_engine(&good, RATE);
  take want = new_take(t.n);
  fill_noise(&want, 7);
  dv_rt_reset(rt);
  dv_rt_set_mix(rt, &neutral);
  dv_rt_set_params(rt, &good);
  dv_rt_set_params(rt, &nan);
  play(rt, &t, 0, t.n, 64);
  play(other, &want, 0, want.n, 64);
  assert_same_output(&t, &want);
  dv_rt_free(rt);
  dv_rt_free(other);
  free_take(&t);
  free_take(&want);
}

static void test_engine_refuses_bad_presets_and_rates(void** state)
{
  (void)state;
  dv_chain_params p = usual_params();
  dv_error err = {""};
  assert_null(dv_rt_new(&p, 4000.0, &err));
  assert_true(err.text[0] != '\0');
  assert_null(dv_rt_new(&p, (double)NAN, &err));
  assert_null(dv_rt_new(&p, 400000.0, NULL));
  p.delay.delay_ms = 5.0;
  assert_null(dv_rt_new(&p, RATE, &err));
}

/* ---- silence, latency, mix --------------------------------------------------------------------------------- */

static void test_engine_ends_in_exact_silence(void** state)
{
  (void)state;
  dv_chain_params p = usual_params();
  for (int k = 0; k < DV_FDN_BANDS; ++k) p.reverb.decay[k] = 0.5;
  dv_rt* rt = new_engine(&p, RATE);
  take t = new_take(44100 * 40);
  for (size_t i = 0; i < 44100; ++i) t.x[i] = 0.3f * sinf(0.05f * (float)i);
  play(rt, &t, 0, t.n, 64);
  assert_true(peak_of(&t, 44100 * 2, 44100 * 3) > 1e-6);
  for (size_t i = 44100 * 38; i < t.n; ++i) assert_true(t.left[i] == 0.0f && t.right[i] == 0.0f);
  dv_rt_free(rt);
  free_take(&t);
}

static void test_engine_dry_path_is_the_input_late_by_the_latency(void** state)
{
  (void)state;
  const dv_chain_params p = usual_params();
  dv_rt* rt = new_engine(&p, RATE);
  dv_rt_mix mix = dv_rt_mix_neutral();
  mix.dry_wet = 0.0;
  mix.input_gain_db = 12.0; /* drives the effects only */
  dv_rt_set_mix(rt, &mix);
  take t = new_take(20000);
  fill_noise(&t, 8);
  for (int on = 1; on >= 0; --on) {
    dv_rt_reset(rt);
    dv_rt_set_lookahead(rt, on);
    const size_t latency = dv_rt_latency(rt);
    assert_int_equal(latency, on ? 661 : 0);
    play(rt, &t, 0, t.n, 64);
    for (size_t i = 0; i < t.n; ++i) {
      const float want = i < latency ? 0.0f : t.x[i - latency];
      assert_true(t.left[i] == want && t.right[i] == want);
    }
  }
  dv_rt_free(rt);
  free_take(&t);
}

static void test_engine_meters_show_peaks_and_gain_reduction(void** state)
{
  (void)state;
  dv_chain_params p;
  dv_params_initial(1, &p);
  p.highpass.freq_hz = 16.0;
  p.delay.gain = 0.0;
  p.compressor.comp_threshold_db = -20.0;
  p.compressor.comp_ratio = 4.0;
  p.compressor.average_coef = 0.01;
  p.compressor.exp_threshold_db = -120.0;
  dv_rt* rt = new_engine(&p, RATE);
  take t = new_take(64 * 1000);
  for (size_t i = 0; i < t.n; ++i) t.x[i] = (float)(0.5 * sin(2.0 * M_PI * 1000.0 * (double)i / RATE));
  play(rt, &t, 0, t.n, 64);
  const dv_rt_meters m = dv_rt_get_meters(rt);
  assert_close(m.input_peak, 0.5, 0.01, 0.0);
  /* -9.03 dB RMS, 10.97 dB over the threshold, of which 3/4 are taken off */
  assert_close(m.gain_reduction_db, 0.75 * 10.97, 0.0, 0.4);
  assert_close(m.output_peak[0], 0.5 * pow(10.0, -m.gain_reduction_db / 20.0), 0.05, 0.0);
  dv_rt_free(rt);
  free_take(&t);
}

/* ---- threads ----------------------------------------------------------------------------------------------- */

typedef struct {
  take take;
  dv_rt* rt;
} worker;

static void* work(void* context)
{
  worker* w = context;
  play(w->rt, &w->take, 0, w->take.n, 64);
  return NULL;
}

static void test_engines_in_threads_do_not_disturb_each_other(void** state)
{
  (void)state;
  enum { ENGINES = 4 };
  const dv_chain_params p = usual_params();
  worker w[ENGINES];
  pthread_t thread[ENGINES];
  for (int i = 0; i < ENGINES; ++i) {
    w[i] = (worker){new_take(60000), new_engine(&p, RATE)};
    fill_noise(&w[i].take, 9);
  }
  for (int i = 0; i < ENGINES; ++i) assert_int_equal(pthread_create(&thread[i], NULL, work, &w[i]), 0);
  for (int i = 0; i < ENGINES; ++i) pthread_join(thread[i], NULL);
  for (int i = 1; i < ENGINES; ++i) assert_same_output(&w[i].take, &w[0].take);
  for (int i = 0; i < ENGINES; ++i) {
    dv_rt_free(w[i].rt);
    free_take(&w[i].take);
  }
}

/* Another thread computes, hands over and frees responses while the first plays. */
static void* renew_responses(void* context)
{
  dv_rt* rt = context;
  dv_chain_params p = usual_params();
  for (int i = 0; i < 12; ++i) {
    p.reverb.decay[i] = 0.5;
    dv_rt_response_free(dv_rt_set_response(rt, dv_rt_response_new(&p.reverb, 8000.0, NULL)));
    for (dv_rt_response* r = dv_rt_take_retired(rt); r; r = dv_rt_take_retired(rt)) dv_rt_response_free(r);
  }
  return NULL;
}

static void test_engine_takes_responses_from_another_thread(void** state)
{
  (void)state;
  const dv_chain_params p = usual_params();
  dv_rt* rt = new_engine(&p, 8000.0);
  take t = new_take(8000);
  fill_noise(&t, 10);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, renew_responses, rt), 0);
  for (int i = 0; i < 100; ++i) play(rt, &t, 0, t.n, 64);
  pthread_join(thread, NULL);
  assert_true(isfinite(peak_of(&t, 0, t.n)));
  dv_rt_free(rt);
  free_take(&t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_engine_makes_no_heap_call_after_init),
    cmocka_unit_test(test_engine_output_does_not_depend_on_block_sizes),
    cmocka_unit_test(test_engine_wakes_up_independently_of_block_sizes),
    cmocka_unit_test(test_engine_works_in_place),
    cmocka_unit_test(test_engine_after_reset_repeats_itself),
    cmocka_unit_test(test_engine_recovers_from_bad_samples),
    cmocka_unit_test(test_engine_counts_nan_as_silence),
    cmocka_unit_test(test_engine_limits_bad_parameters),
    cmocka_unit_test(test_engine_refuses_bad_presets_and_rates),
    cmocka_unit_test(test_engine_ends_in_exact_silence),
    cmocka_unit_test(test_engine_dry_path_is_the_input_late_by_the_latency),
    cmocka_unit_test(test_engine_meters_show_peaks_and_gain_reduction),
    cmocka_unit_test(test_engines_in_threads_do_not_disturb_each_other),
    cmocka_unit_test(test_engine_takes_responses_from_another_thread),
  };
  return cmocka_run_group_tests_name("realtime", tests, NULL, NULL);
}
