/* SPDX-License-Identifier: MIT */
/* The built bundles in a lilv host: what every host may count on.
 *
 *   test_lilv_host BUNDLES */
#include "hosts/host.h"
#include "plugin/ports.h"
#include "plugin/state.h"
#include "support/dv_test.h"

#include <lv2/atom/atom.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char* bundles;
static const double RATE = 48000.0;
enum { LENGTH = 24000 };

/* A signal and what came of it. */
typedef struct {
  float in[LENGTH], right_in[LENGTH], left[LENGTH], right[LENGTH];
} take;

static int setup(void** state)
{
  *state = dv_host_world_new(bundles, NULL);
  return 0;
}

static int teardown(void** state)
{
  dv_host_world_free(*state);
  return 0;
}

/* Bursts of a tone with noise, then silence from the middle on. */
static take* new_take(uint64_t seed)
{
  take* t = calloc(1, sizeof *t);
  assert_non_null(t);
  for (size_t i = 0; i < LENGTH / 2; ++i) {
    const double burst = exp(-(double)(i % 6000) / 1500.0);
    t->in[i] = (float)(0.3 * burst * (sin(0.04 * (double)i) + 0.2 * dv_rand(&seed)));
    t->right_in[i] = (float)(0.3 * burst * sin(0.05 * (double)i));
  }
  return t;
}

static void play_from(dv_host* h, take* t, size_t from, size_t to, size_t block)
{
  dv_host_play(h, t->in + from, t->right_in + from, t->left + from, t->right + from, to - from, block);
}

static void play(dv_host* h, take* t, size_t block) { play_from(h, t, 0, LENGTH, block); }

static void assert_same(const take* a, const take* b)
{
  assert_memory_equal(a->left, b->left, sizeof a->left);
  assert_memory_equal(a->right, b->right, sizeof a->right);
}

static double peak(const float* x, size_t from, size_t to)
{
  double most = 0.0;
  for (size_t i = from; i < to; ++i) {
    assert_true(isfinite(x[i]));
    most = fmax(most, fabs((double)x[i]));
  }
  return most;
}

static void find_preset(const dv_host_world* w, const char* begin, size_t* index)
{
  for (*index = 0; *index < dv_host_preset_count(w); ++*index)
    if (!strncmp(dv_host_preset_label(w, *index), begin, strlen(begin))) return;
  fail_msg("no preset %s", begin);
}

static void load(dv_host* h, const char* begin)
{
  size_t index;
  find_preset(h->world, begin, &index);
  dv_host_load_preset(h, index);
}

/* --- Rendering --------------------------------------------------------------------------------------------------- */

static void test_render_repeats_bit_for_bit(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  take *a = new_take(1), *b = new_take(1);
  play(h, a, 512);
  dv_host_reactivate(h);
  play(h, b, 512);
  assert_same(a, b);
  assert_true(peak(a->left, 0, LENGTH) > 0.01);
  dv_host_free(h);
  free(a);
  free(b);
}

static void test_block_length_makes_no_difference(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  take *a = new_take(2), *b = new_take(2);
  load(h, "Throw 1/4");
  dv_host_reactivate(h);
  play(h, a, 8192);
  static const size_t blocks[] = {1, 7, 64, 1000};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; ++i) {
    dv_host_reactivate(h);
    play(h, b, blocks[i]);
    assert_same(a, b);
  }
  dv_host_reactivate(h);
  uint64_t seed = 3;
  for (size_t at = 0; at < LENGTH;) { /* every block another length */
    const size_t wanted = 1 + (size_t)(1500.0 * (1.0 + dv_rand(&seed)) / 2.0);
    const size_t n = LENGTH - at < wanted ? LENGTH - at : wanted;
    play_from(h, b, at, at + n, n);
    at += n;
  }
  assert_same(a, b);
  dv_host_free(h);
  free(a);
  free(b);
}

static void test_output_may_be_the_input(void** state)
{
  for (int stereo = 0; stereo < 2; ++stereo) {
    dv_host* h = dv_host_new(*state, stereo, RATE, DV_HOST_PLAIN);
    take *a = new_take(4), *b = new_take(4);
    dv_host_set(h, "dry_wet", 60.0f);
    dv_host_reactivate(h);
    play(h, a, 256);
    dv_host_reactivate(h);
    memcpy(b->left, b->in, sizeof b->in);
    memcpy(b->right, b->right_in, sizeof b->in);
    dv_host_play(h, b->left, b->right, b->left, b->right, LENGTH, 256);
    assert_same(a, b);
    dv_host_free(h);
    free(a);
    free(b);
  }
}

static void test_every_rate_plays_with_15_ms_of_latency(void** state)
{
  static const double rates[] = {8000.0, 44100.0, 48000.0, 96000.0, 192000.0};
  for (size_t i = 0; i < sizeof rates / sizeof *rates; ++i) {
    dv_host* h = dv_host_new(*state, false, rates[i], DV_HOST_PLAIN);
    take* t = new_take(5);
    play(h, t, 333);
    assert_true(peak(t->left, 0, LENGTH) > 0.01 && peak(t->right, 0, LENGTH) < 2.0);
    assert_int_equal(dv_host_latency(h), (size_t)(0.015 * rates[i]));
    dv_host_free(h);
    free(t);
  }
}

static void test_every_factory_preset_plays(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  assert_int_equal(dv_host_preset_count(*state), 28);
  for (size_t i = 0; i < dv_host_preset_count(*state); ++i) {
    take* t = new_take(6);
    dv_host_load_preset(h, i);
    dv_host_reactivate(h);
    play(h, t, 512);
    const double loudest = fmax(peak(t->left, 0, LENGTH), peak(t->right, 0, LENGTH));
    if (!(loudest > 0.01 && loudest < 4.0)) fail_msg("%s: peak %g", dv_host_preset_label(*state, i), loudest);
    free(t);
  }
  dv_host_free(h);
}

static void test_both_variants_agree_on_a_mono_signal(void** state)
{
  dv_host *mono = dv_host_new(*state, false, RATE, DV_HOST_PLAIN),
          *stereo = dv_host_new(*state, true, RATE, DV_HOST_PLAIN);
  take *a = new_take(7), *b = new_take(7);
  memcpy(b->right_in, b->in, sizeof b->in);
  play(mono, a, 512);
  play(stereo, b, 512);
  assert_same(a, b);
  dv_host_free(mono);
  dv_host_free(stereo);
  free(a);
  free(b);
}

static void test_reconnection_makes_no_difference(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  take *a = new_take(8), *b = new_take(8);
  play(h, a, 512);
  dv_host_reactivate(h);
  play_from(h, b, 0, 8192, 512);
  float elsewhere[DV_HOST_MAX_PORTS];
  memcpy(elsewhere, h->control, sizeof elsewhere);
  for (uint32_t p = 3; p < h->ports; ++p) lilv_instance_connect_port(h->instance, p, &elsewhere[p]);
  memset(h->control, 0x7f, sizeof h->control); /* no longer read */
  play_from(h, b, 8192, LENGTH, 512);
  assert_same(a, b);
  dv_host_free(h);
  free(a);
  free(b);
}

static void test_run_of_no_frames_only_reports(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  lilv_instance_run(h->instance, 0);
  assert_int_equal(dv_host_latency(h), 720);
  dv_host_free(h);
}

typedef struct {
  dv_host* host;
  take* take;
} player;

static void* play_in_thread(void* context)
{
  const player* p = context;
  play(p->host, p->take, 64);
  return NULL;
}

static void test_many_instances_play_at_once(void** state)
{
  enum { PLAYERS = 8 };
  player p[PLAYERS];
  pthread_t thread[PLAYERS];
  for (int i = 0; i < PLAYERS; ++i) {
    p[i] = (player){dv_host_new(*state, false, RATE, DV_HOST_PLAIN), new_take(9)};
    dv_host_set(p[i].host, "macro_2", (float)(i % 2)); /* background threads work meanwhile */
    dv_host_reactivate(p[i].host);
  }
  for (int i = 0; i < PLAYERS; ++i) assert_int_equal(pthread_create(&thread[i], NULL, play_in_thread, &p[i]), 0);
  for (int i = 0; i < PLAYERS; ++i) pthread_join(thread[i], NULL);
  for (int i = 2; i < PLAYERS; ++i) assert_same(p[i % 2].take, p[i].take);
  for (int i = 0; i < PLAYERS; ++i) {
    dv_host_free(p[i].host);
    free(p[i].take);
  }
}

static void test_silence_ends_in_silence(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  take* t = new_take(10);
  play(h, t, 512);
  memset(t->in, 0, sizeof t->in);
  for (int i = 0; i < 40; ++i) play(h, t, 512); /* 20 s */
  assert_true(peak(t->left, 0, LENGTH) == 0.0);
  dv_host_free(h);
  free(t);
}

/* --- Ports -------------------------------------------------------------------------------------------------------- */

static void test_bypass_is_the_input_as_late_as_the_effects(void** state)
{
  dv_host* h = dv_host_new(*state, true, RATE, DV_HOST_PLAIN);
  take* t = new_take(11);
  load(h, "Cathedral");
  dv_host_set(h, "enabled", 0.0f);
  dv_host_set(h, "output_gain", 20.0f);
  dv_host_reactivate(h);
  play(h, t, 512);
  const size_t late = dv_host_latency(h);
  assert_int_equal(late, 720);
  for (size_t i = late; i < LENGTH; ++i) {
    assert_true(t->left[i] == t->in[i - late]);
    assert_true(t->right[i] == t->right_in[i - late]);
  }
  dv_host_free(h);
  free(t);
}

static void test_dry_keeps_its_sides(void** state)
{
  dv_host* h = dv_host_new(*state, true, RATE, DV_HOST_PLAIN);
  take* t = new_take(12);
  dv_host_set(h, "dry_wet", 0.0f);
  dv_host_reactivate(h);
  play(h, t, 100);
  for (size_t i = 720; i < LENGTH; ++i) assert_true(t->right[i] == t->right_in[i - 720]);
  dv_host_free(h);
  free(t);
}

static void test_without_lookahead_there_is_no_latency(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  take* t = new_take(13);
  dv_host_set(h, "lookahead_on", 0.0f);
  dv_host_set(h, "dry_wet", 0.0f);
  dv_host_reactivate(h);
  play(h, t, 512);
  assert_int_equal(dv_host_latency(h), 0);
  assert_memory_equal(t->left, t->in, sizeof t->in);
  dv_host_free(h);
  free(t);
}

static void test_wild_port_values_are_clamped(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_WORKER);
  static const float wild[] = {INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 1e-40f};
  uint64_t seed = 14;
  take *t = new_take(14), *sane = new_take(14);
  for (int round = 0; round < 30; ++round) {
    for (uint32_t p = 3; p < h->ports; ++p)
      if (dv_host_is_input(h, p)) h->control[p] = wild[(size_t)(3.0 + 2.999 * dv_rand(&seed))];
    play(h, t, 1 + (size_t)round * 20);
    assert_true(peak(t->left, 0, LENGTH) < 1e15);
  }
  for (uint32_t p = 3; p < h->ports; ++p) /* what is not finite counts as the default */
    if (dv_host_is_input(h, p)) h->control[p] = NAN;
  dv_host_reactivate(h);
  play(h, t, 512);
  dv_host* fresh = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  play(fresh, sane, 512);
  assert_same(t, sane);
  dv_host_free(h);
  dv_host_free(fresh);
  free(t);
  free(sane);
}

static void test_bad_samples_are_silence(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  take* t = new_take(15);
  for (size_t i = 0; i < 2000; ++i) t->in[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : 1e38f;
  play(h, t, 512);
  assert_true(peak(t->left, 0, LENGTH) < 1e9);
  dv_host_free(h);
  free(t);
}

static void test_meters_show_levels(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  take* t = new_take(16);
  dv_host_set(h, "compressor_comp_threshold_db", -60.0f);
  dv_host_set(h, "compressor_comp_ratio", 20.0f);
  play_from(h, t, 0, 8192, 8192);
  assert_close((double)dv_host_get(h, "input_level"), 20.0 * log10(peak(t->in, 0, 8192)), 0.0, 0.01);
  assert_close((double)dv_host_get(h, "output_level_left"), 20.0 * log10(peak(t->left, 0, 8192)), 0.0, 0.01);
  assert_true(dv_host_get(h, "gain_reduction") > 10.0f);
  dv_host_free(h);
  free(t);
}

static double energy(const float* x, size_t from, size_t to)
{
  double sum = 0.0;
  for (size_t i = from; i < to; ++i) sum += (double)x[i] * (double)x[i];
  return sum;
}

static void test_decay_scale_lengthens_the_tail(void** state)
{
  double tail[2];
  for (int long_tail = 0; long_tail < 2; ++long_tail) {
    dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
    take* t = new_take(17);
    dv_host_set(h, "decay_scale", long_tail ? 4.0f : 1.0f);
    dv_host_reactivate(h);
    play(h, t, 512);
    tail[long_tail] = energy(t->left, LENGTH - 4000, LENGTH);
    dv_host_free(h);
    free(t);
  }
  assert_true(tail[1] > 4.0 * tail[0]);
}

/* The response that a macro wants arrives, from a thread or from the host's worker, and is that of a fresh start. */
static void test_macro_moved_while_playing_ends_where_it_should(void** state)
{
  for (int kind = DV_HOST_PLAIN; kind <= DV_HOST_WORKER; ++kind) {
    dv_host* moved = dv_host_new(*state, false, RATE, (dv_host_kind)kind);
    dv_host* there = dv_host_new(*state, false, RATE, (dv_host_kind)kind);
    take *a = new_take(18), *b = new_take(18), *silence = new_take(18);
    memset(silence->in, 0, sizeof silence->in);
    dv_host_set(there, "macro_1", 1.5f);
    dv_host_reactivate(there);
    play(there, b, 512);
    dv_host_set(moved, "macro_1", 1.5f);
    const struct timespec wait = {0, 300000000};
    for (int i = 0; i < 6; ++i) {
      play(moved, silence, 512);
      if (kind == DV_HOST_PLAIN) nanosleep(&wait, NULL);
    }
    dv_host_reactivate(moved);
    play(moved, a, 512);
    assert_same(a, b);
    dv_host_free(moved);
    dv_host_free(there);
    free(a);
    free(b);
    free(silence);
  }
}

/* --- Presets and state -------------------------------------------------------------------------------------------- */

static void test_factory_presets_leave_the_mix_alone(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  dv_host_set(h, "dry_wet", 42.0f);
  dv_host_set(h, "input_gain", -3.0f);
  dv_host_set(h, "output_gain", 2.0f);
  dv_host_set(h, "macro_1", 2.0f);
  load(h, "Megaphone");
  assert_true(dv_host_get(h, "dry_wet") == 42.0f && dv_host_get(h, "input_gain") == -3.0f);
  assert_true(dv_host_get(h, "output_gain") == 2.0f && dv_host_get(h, "macro_1") == 0.0f);
  dv_host_free(h);
}

static void test_preset_change_keeps_the_tail(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  take* t = new_take(19);
  load(h, "Cathedral");
  dv_host_reactivate(h);
  play_from(h, t, 0, LENGTH / 2, 512);
  load(h, "Plate long");
  play_from(h, t, LENGTH / 2, LENGTH, 512);
  /* all of it is tail: the input is silent by now */
  assert_true(peak(t->left, LENGTH / 2, LENGTH / 2 + 2000) > 1e-3 && peak(t->left, LENGTH - 2000, LENGTH) > 1e-5);
  dv_host_free(h);
  free(t);
}

static void test_state_round_trip_is_bit_identical(void** state)
{
  dv_host *a = dv_host_new(*state, false, RATE, DV_HOST_PLAIN), *b = dv_host_new(*state, false, RATE, DV_HOST_WORKER);
  take *x = new_take(20), *y = new_take(20);
  load(a, "Dub echo");
  dv_host_set(a, "peak1_gain_db", 3.7f);
  dv_host_set(a, "macro_3", -0.8f);
  dv_host_set(a, "decay_scale", 1.3f);
  dv_host_set(a, "input_gain", 1.1f);
  char* text = dv_host_save(a);
  assert_non_null(text);
  dv_host_restore(b, text);
  dv_host_reactivate(a);
  dv_host_reactivate(b);
  play(a, x, 512);
  play(b, y, 64);
  assert_same(x, y);
  char* again = dv_host_save(b);
  assert_string_equal(text, again);
  dv_host_free(a);
  dv_host_free(b);
  free(text);
  free(again);
  free(x);
  free(y);
}

static void test_garbage_for_a_state_changes_nothing(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  take *a = new_take(21), *b = new_take(21);
  load(h, "Chamber");
  dv_host_reactivate(h);
  play(h, a, 512);
  uint64_t seed = 22;
  char noise[4096];
  for (size_t i = 0; i < sizeof noise; ++i) noise[i] = (char)(128.0 * dv_rand(&seed));
  static const char* const texts[] = {"",
                                      "diffvox-state",
                                      "diffvox-state 2 pan 3fe0000000000000",
                                      "diffvox-state 1 pan",
                                      "diffvox-state 1 pan 7ff8000000000000",
                                      "diffvox-state 1 pan 4000000000000000",
                                      "diffvox-state 1 3fe0000000000000",
                                      "diffvox-state 1 reverb.decay 3fe0000000000000"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i)
    assert_int_not_equal(dv_host_restore_raw(h, LV2_ATOM__String, texts[i], strlen(texts[i]) + 1), 0);
  assert_int_not_equal(dv_host_restore_raw(h, LV2_ATOM__String, noise, sizeof noise), 0);
  assert_int_not_equal(dv_host_restore_raw(h, LV2_ATOM__Chunk, texts[0], 1), 0);
  assert_int_not_equal(dv_host_restore_raw(h, LV2_ATOM__String, NULL, 0), 0);
  dv_host_reactivate(h);
  play(h, b, 512);
  assert_same(a, b);
  dv_host_free(h);
  free(a);
  free(b);
}

/* While it plays in one thread, presets are loaded in another: nothing breaks, and the last one wins. */
static void* load_presets(void* context)
{
  dv_host* h = context;
  for (size_t i = 0; i < 12; ++i) dv_host_load_preset(h, i);
  return NULL;
}

static void test_presets_load_beside_run(void** state)
{
  dv_host* h = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  take *t = new_take(23), *b = new_take(23);
  pthread_t loader;
  assert_int_equal(pthread_create(&loader, NULL, load_presets, h), 0);
  for (int i = 0; i < 60; ++i) {
    play(h, t, 64);
    assert_true(peak(t->left, 0, LENGTH) < 10.0);
  }
  pthread_join(loader, NULL);
  dv_host_reactivate(h);
  play(h, t, 64);
  dv_host* other = dv_host_new(*state, false, RATE, DV_HOST_PLAIN);
  dv_host_load_preset(other, 11);
  dv_host_reactivate(other);
  play(other, b, 512);
  assert_same(t, b);
  dv_host_free(h);
  dv_host_free(other);
  free(t);
  free(b);
}

int main(int argc, char** argv)
{
  if (argc != 2) return 2;
  bundles = argv[1];
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_render_repeats_bit_for_bit),
    cmocka_unit_test(test_block_length_makes_no_difference),
    cmocka_unit_test(test_output_may_be_the_input),
    cmocka_unit_test(test_every_rate_plays_with_15_ms_of_latency),
    cmocka_unit_test(test_every_factory_preset_plays),
    cmocka_unit_test(test_both_variants_agree_on_a_mono_signal),
    cmocka_unit_test(test_reconnection_makes_no_difference),
    cmocka_unit_test(test_run_of_no_frames_only_reports),
    cmocka_unit_test(test_many_instances_play_at_once),
    cmocka_unit_test(test_silence_ends_in_silence),
    cmocka_unit_test(test_bypass_is_the_input_as_late_as_the_effects),
    cmocka_unit_test(test_dry_keeps_its_sides),
    cmocka_unit_test(test_without_lookahead_there_is_no_latency),
    cmocka_unit_test(test_wild_port_values_are_clamped),
    cmocka_unit_test(test_bad_samples_are_silence),
    cmocka_unit_test(test_meters_show_levels),
    cmocka_unit_test(test_decay_scale_lengthens_the_tail),
    cmocka_unit_test(test_macro_moved_while_playing_ends_where_it_should),
    cmocka_unit_test(test_factory_presets_leave_the_mix_alone),
    cmocka_unit_test(test_preset_change_keeps_the_tail),
    cmocka_unit_test(test_state_round_trip_is_bit_identical),
    cmocka_unit_test(test_garbage_for_a_state_changes_nothing),
    cmocka_unit_test(test_presets_load_beside_run),
  };
  return cmocka_run_group_tests_name("plugin in a lilv host", tests, setup, teardown);
}
