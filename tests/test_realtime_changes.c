/* SPDX-License-Identifier: MIT */
/* The engine while settings change: no clicks, no steps, exact landing. */
#include "dsp/realtime/pingpong.h"
#include "support/dv_click.h"
#include "test_realtime_support.h"

static const double RATE = 48000.0;

/* ---- clicks: 1 kHz at -12 dBFS, one change at 1 s, peak above 8 kHz before and after ------------------------ */

enum { BLOCK = 64, CHANGE = 48000, END = 48000 + 24000 };

static double click_db(const take* t, size_t from, size_t to)
{
  return dv_click_dbfs(t->left, t->right, from, to, RATE);
}

static void fill_sine(take* t)
{
  for (size_t i = 0; i < t->n; ++i)
    t->x[i] = (float)(0.25 * sin(2.0 * M_PI * 1000.0 * (double)i / RATE) * fmin(1.0, (double)i / (0.2 * RATE)));
}

typedef struct {
  const char* name;
  dv_chain_params to;
  dv_rt_mix mix;
  bool lookahead;
} change;

static void assert_no_click(const dv_chain_params* from, const change* c, bool new_response)
{
  dv_rt* rt = new_engine(from, RATE);
  take t = new_take(END);
  fill_sine(&t);
  play(rt, &t, 0, CHANGE, BLOCK);
  dv_rt_set_params(rt, &c->to);
  dv_rt_set_mix(rt, &c->mix);
  dv_rt_set_lookahead(rt, c->lookahead);
  if (new_response) assert_null(dv_rt_set_response(rt, dv_rt_response_new(&c->to.reverb, RATE, NULL)));
  play(rt, &t, CHANGE, END, BLOCK);
  const double before = click_db(&t, (size_t)(0.8 * RATE), CHANGE), after = click_db(&t, CHANGE, END);
  print_message("%-28s %6.1f dBFS before, %6.1f after\n", c->name, before, after);
  if (!(after <= -60.0)) fail_msg("%s: click of %.1f dBFS", c->name, after);
  dv_rt_free(rt);
  free_take(&t);
}

static change same(const char* name, const dv_chain_params* p) { return (change){name, *p, dv_rt_mix_neutral(), true}; }

static void test_change_of_a_parameter_does_not_click(void** state)
{
  (void)state;
  const dv_chain_params p = usual_params();
  change c = same("peak gain 12 dB at 1 kHz", &p);
  c.to.peak1 = (dv_peak_params){12.0, 1000.0, 1.0};
  assert_no_click(&p, &c, false);
  dv_chain_params from = p;
  from.peak1 = (dv_peak_params){12.0, 500.0, 1.0};
  c = same("peak 500 to 2000 Hz", &from);
  c.to.peak1.freq_hz = 2000.0;
  assert_no_click(&from, &c, false);
  from.peak1.q = 20.0;
  c = same("narrow peak 500 to 2000 Hz", &from);
  c.to.peak1.freq_hz = 2000.0;
  assert_no_click(&from, &c, false);
  c = same("high-pass 16 to 5300 Hz", &p);
  c.to.highpass = (dv_pass_params){5300.0, 10.0};
  assert_no_click(&p, &c, false);
  c = same("low-pass 17500 to 200 Hz", &p);
  c.to.lowpass = (dv_pass_params){200.0, 10.0};
  assert_no_click(&p, &c, false);
  c = same("make-up +20 dB", &p);
  c.to.compressor.makeup_db = 20.0;
  assert_no_click(&p, &c, false);
  c = same("threshold -30 to -60 dB", &p);
  c.to.compressor.comp_threshold_db = -60.0;
  c.to.compressor.attack_coef = c.to.compressor.release_coef = 1.0;
  c.to.compressor.comp_ratio = 20.0;
  assert_no_click(&p, &c, false);
  c = same("look-ahead 0.3 to 12 ms", &p);
  c.to.compressor.lookahead_ms = 12.3;
  assert_no_click(&p, &c, false);
  c = same("delay time", &p);
  c.to.delay.delay_ms = 711.1;
  assert_no_click(&p, &c, false);
  c = same("delay gain and pans", &p);
  c.to.delay.gain = 1.0;
  c.to.delay.odd_pan = 1.0;
  c.to.delay.even_pan = 0.0;
  assert_no_click(&p, &c, false);
  c = same("delay loop opens", &p);
  c.to.delay.feedback = 0.95;
  c.to.delay.lowpass = (dv_pass_params){1100.0, 1.8};
  assert_no_click(&p, &c, false);
  from = c.to;
  c = same("delay loop closes", &from);
  c.to.delay.feedback = 0.3;
  assert_no_click(&from, &c, false);
  from.delay = (dv_delay_params){251.3, 0.88, 0.95, {5000.0, 0.9}, 0.5, 0.5}; /* too long a tail to be closed */
  c = same("open loop's delay time, more stages", &from);
  c.to.delay.delay_ms = 117.3;
  assert_no_click(&from, &c, false);
  from = c.to;
  c = same("open loop's delay time, fewer stages", &from);
  c.to.delay.delay_ms = 371.9;
  assert_no_click(&from, &c, false);
  from.delay = (dv_delay_params){132.5, 0.81, 0.009, {13124.0, 0.71}, 0.5, 0.5};
  c = same("delay loop opens, louder", &from); /* new stages of the line begin in the middle of a wave */
  c.to.delay = (dv_delay_params){239.2, 0.64, 0.144, {15821.0, 0.91}, 0.5, 0.5};
  assert_no_click(&from, &c, false);
  c = same("reverb EQ", &p);
  c.to.reverb.peak1 = (dv_peak_params){12.0, 1000.0, 3.0};
  c.to.reverb.highshelf = (dv_shelf_params){12.0, 2000.0};
  assert_no_click(&p, &c, false);
  c = same("pan and send", &p);
  c.to.pan = 1.0;
  c.to.send = 1.0;
  assert_no_click(&p, &c, false);
}

/* Faster than the wave and with next to no release: every rise of the level is a step. */
static void test_change_to_a_very_fast_compressor_does_not_click(void** state)
{
  (void)state;
  dv_chain_params p = usual_params();
  p.compressor.comp_threshold_db = -19.9;
  p.compressor.comp_ratio = 3.2;
  p.compressor.makeup_db = 18.0;
  p.compressor.attack_coef = dv_coef_from_ms(0.3, DV_MODEL_RATE_HZ);
  p.compressor.release_coef = dv_coef_from_ms(285.0, DV_MODEL_RATE_HZ);
  p.compressor.average_coef = dv_coef_from_ms(0.0186, DV_MODEL_RATE_HZ);
  change c = same("compressor of 0.04 ms", &p);
  c.to.compressor.comp_threshold_db = -29.4;
  c.to.compressor.comp_ratio = 3.8;
  c.to.compressor.attack_coef = dv_coef_from_ms(0.0395, DV_MODEL_RATE_HZ);
  c.to.compressor.release_coef = dv_coef_from_ms(10000.0, DV_MODEL_RATE_HZ);
  c.to.compressor.average_coef = dv_coef_from_ms(0.0135, DV_MODEL_RATE_HZ);
  c.to.lowshelf.gain_db += 6.0;
  assert_no_click(&p, &c, false);
}

static void test_change_of_the_mix_does_not_click(void** state)
{
  (void)state;
  const dv_chain_params p = usual_params();
  change c = same("output +12 dB", &p);
  c.mix.output_gain_db = 12.0;
  assert_no_click(&p, &c, false);
  c = same("input -60 dB", &p);
  c.mix.input_gain_db = -60.0;
  assert_no_click(&p, &c, false);
  c = same("dry", &p);
  c.mix.dry_wet = 0.0;
  assert_no_click(&p, &c, false);
  c = same("delay and reverb off", &p);
  c.mix.delay_level = c.mix.reverb_level = 0.0;
  assert_no_click(&p, &c, false);
  c = same("look-ahead off", &p);
  c.lookahead = false;
  assert_no_click(&p, &c, false);
}

static void test_change_of_the_whole_preset_does_not_click(void** state)
{
  (void)state;
  const dv_chain_params p = usual_params();
  change c = same("reverb response", &p);
  for (int k = 0; k < DV_FDN_BANDS; ++k) c.to.reverb.decay[k] = 0.5;
  for (int l = 0; l < DV_FDN_LINES; ++l) c.to.reverb.output[0][l] *= -3.0;
  assert_no_click(&p, &c, true);
  c.name = "preset";
  c.to.peak1 = (dv_peak_params){-15.0, 1200.0, 8.0};
  c.to.peak2 = (dv_peak_params){10.0, 1000.0, 4.0};
  c.to.lowshelf = (dv_shelf_params){12.0, 200.0};
  c.to.highshelf = (dv_shelf_params){12.0, 800.0};
  c.to.lowpass = (dv_pass_params){4000.0, 3.0};
  c.to.highpass = (dv_pass_params){700.0, 3.0};
  c.to.compressor.comp_threshold_db = -45.0;
  c.to.compressor.makeup_db = 10.0;
  c.to.compressor.lookahead_ms = 1.2;
  c.to.delay = (dv_delay_params){411.0, 0.8, 0.8, {3000.0, 0.6}, 0.9, 0.1};
  c.to.reverb.peak1 = (dv_peak_params){9.0, 800.0, 1.0};
  c.to.pan = 0.9;
  c.to.send = 0.8;
  assert_no_click(&p, &c, true);
  const dv_chain_params there = c.to;
  c = same("preset and back", &p);
  assert_no_click(&there, &c, true);
}

static void test_click_measure_finds_a_step(void** state) /* negative control */
{
  (void)state;
  take t = new_take(END);
  fill_sine(&t);
  for (size_t i = 0; i < END; ++i) t.left[i] = t.right[i] = t.x[i] * (i < CHANGE + 13 ? 1.0f : 1.1f);
  assert_true(click_db(&t, CHANGE, END) > -60.0);
  assert_true(click_db(&t, (size_t)(0.8 * RATE), CHANGE) < -75.0);
  free_take(&t);
}

/* ---- a delay whose crossfades are put off ------------------------------------------------------------------ */

/* Largest difference, over half a second of noise, between a delay that is left alone and one that is given `to`. */
static double effect_of(const dv_delay_params* to, bool hold)
{
  const dv_delay_params from = {253.7, 0.2, 0.3, {7000.0, 0.8}, 0.3, 0.8};
  dv_pingpong* delay[2];
  dv_controls c[2];
  double difference = 0.0;
  uint64_t seed = 3;
  for (int i = 0; i < 2; ++i) {
    delay[i] = dv_pingpong_new(RATE);
    dv_controls_init(&c[i], RATE);
    dv_pingpong_set(delay[i], &from, &c[i]);
    dv_controls_snap(&c[i]);
    dv_pingpong_reset(delay[i]);
    dv_pingpong_hold(delay[i], hold);
  }
  dv_pingpong_set(delay[1], to, &c[1]);
  dv_controls_snap(&c[0]);
  c[1] = c[0]; /* nothing but the reading points differs */
  for (int q = 0; q < 375; ++q) {
    float e[DV_QUANTUM], left[2][DV_QUANTUM], right[2][DV_QUANTUM];
    for (int i = 0; i < DV_QUANTUM; ++i) e[i] = (float)dv_rand(&seed);
    for (int i = 0; i < 2; ++i) {
      dv_pingpong_write(delay[i], &c[i], e);
      dv_pingpong_read(delay[i], &c[i], left[i], right[i]);
    }
    for (int i = 0; i < DV_QUANTUM; ++i) difference = fmax(difference, fabs((double)left[1][i] - (double)left[0][i]));
  }
  for (int i = 0; i < 2; ++i) dv_pingpong_free(delay[i]);
  return difference;
}

static void test_delay_on_hold_keeps_its_time_but_opens_its_loop(void** state)
{
  (void)state;
  const dv_delay_params longer = {411.0, 0.2, 0.3, {7000.0, 0.8}, 0.3, 0.8};
  const dv_delay_params open = {411.0, 0.99, 0.3, {7000.0, 2.0}, 0.3, 0.8};
  assert_true(effect_of(&longer, false) > 0.01);
  assert_true(effect_of(&longer, true) == 0.0);
  assert_true(effect_of(&open, true) > 0.01);
}

/* ---- where glides end -------------------------------------------------------------------------------------- */

static void test_change_lands_exactly(void** state)
{
  (void)state;
  const dv_chain_params from = usual_params();
  dv_chain_params to = from;
  to.peak1 = (dv_peak_params){-9.0, 300.0, 5.0};
  to.highpass.freq_hz = 800.0;
  to.compressor.comp_threshold_db = -40.0;
  to.compressor.lookahead_ms = 1.111;
  to.delay.delay_ms = 333.3;
  to.delay.gain = 0.1;
  to.pan = 0.7;
  to.reverb.peak2.gain_db = 6.0;
  dv_rt *moved = new_engine(&from, RATE), *there = new_engine(&to, RATE);
  take a = new_take(64 * 24000), b = new_take(64 * 24000);
  for (size_t i = 20000; i < 200000; ++i) a.x[i] = 0.3f * sinf(0.03f * (float)i);
  for (size_t i = 1400000; i < a.n; ++i) a.x[i] = 0.3f * sinf(0.05f * (float)i);
  memcpy(b.x, a.x, a.n * sizeof *a.x);
  play(moved, &a, 0, 64000, BLOCK);
  dv_rt_set_params(moved, &to);
  play(moved, &a, 64000, a.n, BLOCK);
  play(there, &b, 0, b.n, BLOCK);
  /* the first sound has died away exactly, so all that is left are the coefficients */
  for (size_t i = 1400000; i < a.n; ++i) {
    assert_close((double)a.left[i], (double)b.left[i], 0.0, 1e-6);
    assert_close((double)a.right[i], (double)b.right[i], 0.0, 1e-6);
  }
  dv_rt_free(moved);
  dv_rt_free(there);
  free_take(&a);
  free_take(&b);
}

static void test_change_of_everything_every_block_stays_bounded(void** state)
{
  (void)state;
  const dv_chain_params usual = usual_params();
  dv_rt* rt = new_engine(&usual, RATE);
  take t = new_take(64 * 3000);
  fill_sine(&t);
  uint64_t seed = 77;
  for (size_t k = 0; k < t.n; k += BLOCK) {
    dv_chain_params p = usual;
    double* flat = dv_params_flat(&p);
    for (int i = 0; i < 31; ++i) { /* all before the reverb's matrices; gains within reason */
      const dv_parameter* row = dv_parameter_at(i);
      const double u = 0.5 + 0.5 * dv_rand(&seed), low = fmax(row->minimum, -12.0), high = fmin(row->maximum, 12.0);
      flat[i] = row->map == DV_MAP_IDENTITY ? low + (high - low) * u : row->minimum + (row->maximum - row->minimum) * u;
    }
    dv_rt_set_params(rt, &p);
    play(rt, &t, k, k + BLOCK, BLOCK);
  }
  assert_true(peak_of(&t, 0, t.n) < 1000.0);
  dv_rt_free(rt);
  free_take(&t);
}

/* ---- responses --------------------------------------------------------------------------------------------- */

static void test_change_of_response_ends_where_it_should(void** state)
{
  (void)state;
  const dv_chain_params from = usual_params();
  dv_chain_params to = from;
  for (int k = 0; k < DV_FDN_BANDS; ++k) to.reverb.decay[k] = 0.6;
  dv_rt *moved = new_engine(&from, RATE), *there = new_engine(&to, RATE);
  take a = new_take(64 * 9000), b = new_take(64 * 9000);
  fill_noise(&a, 12);
  fill_noise(&b, 12);
  play(moved, &a, 0, 64000, BLOCK);
  dv_rt_response* next = dv_rt_response_new(&to.reverb, RATE, NULL);
  assert_null(dv_rt_set_response(moved, next));
  assert_null(dv_rt_take_retired(moved));
  play(moved, &a, 64000, a.n, BLOCK);
  play(there, &b, 0, b.n, BLOCK);
  for (size_t i = a.n / 2; i < a.n; ++i) assert_close((double)a.left[i], (double)b.left[i], 0.0, 2e-6);
  dv_rt_response* old = dv_rt_take_retired(moved);
  assert_non_null(old);
  assert_null(dv_rt_take_retired(moved));
  dv_rt_response_free(old);
  dv_rt_free(moved);
  dv_rt_free(there);
  free_take(&a);
  free_take(&b);
}

/* What sounded before a replacement rings out as if there had been none, and then its response comes back. */
static void test_replaced_response_rings_out(void** state)
{
  (void)state;
  dv_chain_params from = usual_params();
  from.delay.gain = from.send = 0.0;
  dv_chain_params to = from;
  for (int l = 0; l < DV_FDN_LINES; ++l) to.reverb.output[0][l] *= 30.0;
  dv_rt *replaced = new_engine(&from, RATE), *left_alone = new_engine(&from, RATE);
  take a = new_take(64 * 9000), b = new_take(64 * 9000);
  for (size_t i = 0; i < 48000; ++i) a.x[i] = b.x[i] = 0.3f * sinf(0.03f * (float)i);
  play(replaced, &a, 0, 51200, BLOCK);
  assert_null(dv_rt_replace_response(replaced, dv_rt_response_new(&to.reverb, RATE, NULL)));
  play(replaced, &a, 51200, a.n, BLOCK);
  play(left_alone, &b, 0, b.n, BLOCK);
  assert_true(peak_of(&a, 52000, 60000) > 1e-3);
  assert_same_output(&a, &b);
  dv_rt_response* old = dv_rt_take_retired(replaced);
  assert_non_null(old);
  dv_rt_response_free(old);
  dv_rt_free(replaced);
  dv_rt_free(left_alone);
  free_take(&a);
  free_take(&b);
}

static void test_replacement_plays_what_comes(void** state)
{
  (void)state;
  const dv_chain_params from = usual_params();
  dv_chain_params to = from;
  for (int k = 0; k < DV_FDN_BANDS; ++k) to.reverb.decay[k] = 0.6;
  dv_rt *replaced = new_engine(&from, RATE), *there = new_engine(&to, RATE);
  take a = new_take(64 * 9000), b = new_take(64 * 9000);
  for (int round = 0; round < 2; ++round) { /* the second while the first still rings out */
    assert_null(dv_rt_replace_response(replaced, dv_rt_response_new(&to.reverb, RATE, NULL)));
    play(replaced, &a, 0, 6400, BLOCK);
  }
  fill_noise(&a, 12);
  fill_noise(&b, 12);
  play(replaced, &a, 0, a.n, BLOCK);
  play(there, &b, 0, b.n, BLOCK);
  for (size_t i = a.n / 2; i < a.n; ++i) assert_close((double)a.left[i], (double)b.left[i], 0.0, 2e-6);
  dv_rt_free(replaced);
  dv_rt_free(there);
  free_take(&a);
  free_take(&b);
}

/* Twenty replacements in four seconds: none hangs, none is lost, the last one plays. */
static void test_rapid_replacements_end_with_the_last(void** state)
{
  (void)state;
  enum { CHANGES = 20, EVERY = 1600, SECOND = 8000 };
  const dv_chain_params from = usual_params();
  dv_chain_params to = from;
  dv_rt* browsed = new_engine(&from, SECOND);
  take a = new_take(64 * 6000), b = new_take(64 * 6000);
  int returned = 0;
  fill_noise(&a, 12);
  fill_noise(&b, 12);
  for (int i = 0; i < CHANGES; ++i) {
    for (int k = 0; k < DV_FDN_BANDS; ++k) to.reverb.decay[k] = 0.4 + 0.02 * i;
    to.compressor.comp_threshold_db = -40.0 + i;
    to.delay.delay_ms = 150.0 + 20.0 * i;
    dv_rt_response* superseded = dv_rt_replace_response(browsed, dv_rt_response_new(&to.reverb, SECOND, NULL));
    returned += superseded != NULL;
    dv_rt_response_free(superseded);
    dv_rt_set_params(browsed, &to);
    play(browsed, &a, (size_t)i * EVERY, (size_t)(i + 1) * EVERY, BLOCK);
  }
  play(browsed, &a, CHANGES * EVERY, a.n, BLOCK);
  dv_rt* there = new_engine(&to, SECOND);
  play(there, &b, 0, b.n, BLOCK);
  for (size_t i = a.n - 64 * 500; i < a.n; ++i) assert_close((double)a.left[i], (double)b.left[i], 0.0, 2e-6);
  for (dv_rt_response* r; (r = dv_rt_take_retired(browsed)); ++returned) dv_rt_response_free(r);
  assert_int_equal(returned, CHANGES); /* the first one and all but the last */
  dv_rt_free(browsed);
  dv_rt_free(there);
  free_take(&a);
  free_take(&b);
}

static void test_response_of_another_rate_or_superseded_comes_back(void** state)
{
  (void)state;
  const dv_chain_params p = usual_params();
  dv_rt* rt = new_engine(&p, RATE);
  dv_rt_response* wrong = dv_rt_response_new(&p.reverb, 44100.0, NULL);
  assert_ptr_equal(dv_rt_set_response(rt, wrong), wrong);
  dv_rt_response_free(wrong);
  dv_rt_response* first = dv_rt_response_new(&p.reverb, RATE, NULL);
  dv_rt_response* second = dv_rt_response_new(&p.reverb, RATE, NULL);
  assert_null(dv_rt_set_response(rt, first));
  assert_ptr_equal(dv_rt_set_response(rt, second), first);
  dv_rt_response_free(first);
  dv_rt_free(rt); /* frees the second */
}

/* Where decays are long a draft is much shorter, and elsewhere the same to -50 dB. */
static void test_draft_of_a_response_is_shorter(void** state)
{
  (void)state;
  dv_chain_params p = usual_params();
  for (int k = 0; k < DV_FDN_BANDS; ++k) p.reverb.decay[k] = 0.97;
  dv_rt_response *exact = dv_rt_response_new(&p.reverb, RATE, NULL),
                 *draft = dv_rt_response_draft(&p.reverb, RATE, NULL);
  assert_true(dv_rt_response_seconds(draft) < 0.75 * dv_rt_response_seconds(exact));
  dv_rt* rt[2] = {new_engine(&p, RATE), new_engine(&p, RATE)};
  take t[2] = {new_take(64 * 6000), new_take(64 * 6000)};
  assert_null(dv_rt_set_response(rt[0], exact));
  assert_null(dv_rt_set_response(rt[1], draft));
  double error = 0.0, total = 0.0;
  for (int i = 0; i < 2; ++i) {
    t[i].x[0] = 1.0f;
    play(rt[i], &t[i], 0, t[i].n, BLOCK);
    dv_rt_free(rt[i]);
  }
  for (size_t n = 0; n < t[0].n; ++n) {
    error += pow((double)t[1].left[n] - (double)t[0].left[n], 2.0);
    total += pow((double)t[0].left[n], 2.0);
  }
  assert_true(error > 0.0 && error < 1e-5 * total);
  free_take(&t[0]);
  free_take(&t[1]);
}

static void test_response_refuses_bad_parameters(void** state)
{
  (void)state;
  dv_chain_params p = usual_params();
  dv_error err = {""};
  assert_null(dv_rt_response_new(&p.reverb, 100.0, &err));
  assert_true(err.text[0] != '\0');
  p.reverb.decay[20] = 1.2;
  assert_null(dv_rt_response_new(&p.reverb, RATE, &err));
  p.reverb.decay[20] = (double)NAN;
  assert_null(dv_rt_response_new(&p.reverb, RATE, &err));
  dv_rt_response_free(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_click_measure_finds_a_step),
    cmocka_unit_test(test_change_of_a_parameter_does_not_click),
    cmocka_unit_test(test_change_to_a_very_fast_compressor_does_not_click),
    cmocka_unit_test(test_change_of_the_mix_does_not_click),
    cmocka_unit_test(test_change_of_the_whole_preset_does_not_click),
    cmocka_unit_test(test_delay_on_hold_keeps_its_time_but_opens_its_loop),
    cmocka_unit_test(test_change_lands_exactly),
    cmocka_unit_test(test_change_of_everything_every_block_stays_bounded),
    cmocka_unit_test(test_change_of_response_ends_where_it_should),
    cmocka_unit_test(test_replaced_response_rings_out),
    cmocka_unit_test(test_replacement_plays_what_comes),
    cmocka_unit_test(test_rapid_replacements_end_with_the_last),
    cmocka_unit_test(test_response_of_another_rate_or_superseded_comes_back),
    cmocka_unit_test(test_draft_of_a_response_is_shorter),
    cmocka_unit_test(test_response_refuses_bad_parameters),
  };
  return cmocka_run_group_tests_name("realtime changes", tests, NULL, NULL);
}
