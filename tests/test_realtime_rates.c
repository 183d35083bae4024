/* SPDX-License-Identifier: MIT */
/* The physics of a preset at every usual sample rate. */
#include "dsp/biquad.h"
#include "dsp/realtime/dynamics.h"
#include "test_realtime_support.h"

#include <complex.h>

static const double RATES[] = {8000.0,  11025.0, 16000.0, 22050.0, 32000.0,
                               44100.0, 48000.0, 88200.0, 96000.0, 192000.0};
enum { RATE_COUNT = sizeof RATES / sizeof *RATES };

/* EQ flat, compressor at rest, delay and reverb off. */
static dv_chain_params plain_params(void)
{
  dv_chain_params p;
  dv_params_initial(1, &p);
  p.highpass.freq_hz = 16.0;
  p.compressor.comp_threshold_db = 40.0;
  p.compressor.exp_threshold_db = -160.0;
  p.delay.gain = 0.0;
  p.send = 0.0;
  return p;
}

static size_t seconds(double s, double rate_hz) { return (size_t)(s * rate_hz); }

/* Response of the engine to an impulse; its direct sound comes at the latency. */
static take impulse_response(const dv_chain_params* p, double rate_hz, double length_s)
{
  dv_rt* rt = new_engine(p, rate_hz);
  take t = new_take(seconds(length_s, rate_hz));
  t.x[0] = 1.0f;
  play(rt, &t, 0, t.n, 512);
  dv_rt_free(rt);
  return t;
}

static double complex turn(double radians) { return cos(radians) + (double complex)I * sin(radians); }

static double complex transform(const float* x, size_t from, size_t to, double freq_hz, double rate_hz)
{
  double complex sum = 0.0;
  for (size_t i = from; i < to; ++i) sum += (double)x[i] * turn(-2.0 * M_PI * freq_hz * (double)i / rate_hz);
  return sum;
}

static double complex biquad_at(const dv_biquad* c, double freq_hz, double rate_hz)
{
  const double complex z = turn(-2.0 * M_PI * freq_hz / rate_hz);
  return (c->b0 + c->b1 * z + c->b2 * z * z) / (1.0 + c->a1 * z + c->a2 * z * z);
}

/* Each echo against the direct sound: its spectrum must be that of the model's E_k, in phase too, which is its
   time to far less than a sample. */
static void check_echoes(double rate_hz)
{
  dv_chain_params p = plain_params();
  p.delay = (dv_delay_params){237.37, 0.6, 0.5, {3000.0, 0.6}, 0.0, 1.0}; /* odd left, even right */
  take t = impulse_response(&p, rate_hz, 1.3);
  p.delay.gain = 0.0;
  take direct = impulse_response(&p, rate_hz, 1.3);
  for (size_t i = 0; i < t.n; ++i) {
    t.left[i] -= direct.left[i];
    t.right[i] -= direct.right[i];
  }
  dv_biquad lowpass;
  dv_lowpass_coeffs(&p.delay.lowpass, rate_hz, &lowpass);
  static const double freqs[] = {400.0, 1000.0, 2500.0};
  for (int echo = 1; echo <= 4; ++echo)
    for (int f = 0; f < 3; ++f) {
      const double time = echo * p.delay.delay_ms * 1e-3, start = time + 0.005; /* the direct sound is late, too */
      const double complex sound = transform(direct.left, 0, direct.n, freqs[f], rate_hz);
      const double complex got = transform(echo % 2 ? t.left : t.right, seconds(start, rate_hz),
                                           seconds(start + 0.23, rate_hz), freqs[f], rate_hz);
      const double complex model = M_SQRT2 * 0.5 * pow(0.6, echo - 1) *
                                   cpow(biquad_at(&lowpass, freqs[f], rate_hz), echo) *
                                   turn(-2.0 * M_PI * freqs[f] * time);
      const double late_ms = -carg(got / (sound * model)) / (2.0 * M_PI * freqs[f]) * 1e3;
      if (!(fabs(late_ms) < 0.002) || !(fabs(cabs(got / (sound * model)) - 1.0) < 0.003))
        fail_msg("%g Hz: echo %d at %g Hz is %.4f ms late and %.4f as loud as it should be", rate_hz, echo, freqs[f],
                 late_ms, cabs(got / (sound * model)));
    }
  free_take(&t);
  free_take(&direct);
}

static void test_echoes_come_on_time_at_every_rate(void** state)
{
  (void)state;
  for (int r = 0; r < RATE_COUNT; ++r) check_echoes(RATES[r]);
}

/* Seconds per 60 dB: straight line through the backward-integrated energy between -5 and -65 dB. */
static double measured_t60(const take* t, double rate_hz)
{
  double total = 0.0, rest = 0.0, n = 0.0, x = 0.0, y = 0.0, xx = 0.0, xy = 0.0;
  for (size_t i = 0; i < t->n; ++i) total += (double)t->left[i] * (double)t->left[i];
  for (size_t i = t->n; i-- > 0;) {
    rest += (double)t->left[i] * (double)t->left[i];
    const double level = 10.0 * log10(rest / total + 1e-300), time = (double)i / rate_hz;
    if (level > -5.0 || level < -65.0) continue;
    n += 1.0;
    x += time;
    y += level;
    xx += time * time;
    xy += time * level;
  }
  return -60.0 * (n * xx - x * x) / (n * xy - x * y);
}

static void test_reverberation_time_is_kept_at_every_rate(void** state)
{
  (void)state;
  static const double wanted_s[] = {0.4, 1.5};
  for (int r = 0; r < RATE_COUNT; ++r)
    for (int k = 0; k < 2; ++k) {
      dv_chain_params p = usual_params();
      p.delay.gain = 0.0;
      p.compressor = plain_params().compressor;
      for (int b = 0; b < DV_FDN_BANDS; ++b) p.reverb.decay[b] = pow(10.0, -3.0 * 997.0 / (44100.0 * wanted_s[k]));
      take t = impulse_response(&p, RATES[r], 2.0 * wanted_s[k] + 0.2);
      memset(t.left, 0, seconds(0.1, RATES[r]) * sizeof *t.left); /* direct sound */
      const double got = measured_t60(&t, RATES[r]);
      if (!(fabs(got / wanted_s[k] - 1.0) < 0.03)) fail_msg("%g Hz: T60 %.3f s, not %.3f", RATES[r], got, wanted_s[k]);
      free_take(&t);
    }
}

/* Milliseconds until the gain has made 1 - e^-2.2 of its way after a step of the level, the model's definition. */
static double measured_ms(dv_dynamics* d, const dv_controls* c, double level, double rate_hz)
{
  const double start = d->gain;
  float x[64], g[64];
  for (int i = 0; i < 64; ++i) x[i] = (float)level;
  dv_dynamics end = *d;
  for (int k = 0; k < (int)(rate_hz / 64.0 * 3.0); ++k) dv_dynamics_process(&end, c, 0, x, g, 64);
  const double arrived = start + (end.gain - start) * (1.0 - exp(-2.2));
  for (size_t n = 0;; n += 64) {
    dv_dynamics_process(d, c, 0, x, g, 64);
    for (size_t i = 0; i < 64; ++i)
      if (fabs((double)g[i] - start) >= fabs(arrived - start)) return (double)(n + i + 1) / rate_hz * 1e3;
    assert_true(n < (size_t)(3.0 * rate_hz));
  }
}

static void test_attack_and_release_are_kept_at_every_rate(void** state)
{
  (void)state;
  for (int r = 0; r < RATE_COUNT; ++r) {
    dv_compressor_params p = plain_params().compressor;
    p.comp_threshold_db = -20.0;
    p.comp_ratio = 4.0;
    p.attack_coef = dv_coef_from_ms(12.0, DV_MODEL_RATE_HZ);
    p.release_coef = dv_coef_from_ms(150.0, DV_MODEL_RATE_HZ);
    p.average_coef = 1.0;
    dv_compressor_coefs coefs;
    dv_compressor_coeffs(&p, RATES[r], &coefs);
    static dv_controls controls;
    dv_controls_init(&controls, RATES[r]);
    dv_controls_set_compressor(&controls, &coefs);
    dv_controls_snap(&controls);
    dv_dynamics d;
    dv_dynamics_reset(&d);
    assert_close(measured_ms(&d, &controls, 0.8, RATES[r]), 12.0, 0.03, 0.0);
    float x[64], g[64];
    for (int i = 0; i < 64; ++i) x[i] = 0.8f;
    for (int k = 0; k < (int)(RATES[r] / 64.0); ++k) dv_dynamics_process(&d, &controls, 0, x, g, 64);
    assert_close(measured_ms(&d, &controls, 0.001, RATES[r]), 150.0, 0.03, 0.0);
  }
}

static void test_look_ahead_latency_is_fifteen_milliseconds_at_every_rate(void** state)
{
  (void)state;
  const dv_chain_params p = plain_params();
  for (int r = 0; r < RATE_COUNT; ++r) {
    dv_rt* rt = new_engine(&p, RATES[r]);
    take t = new_take(seconds(0.1, RATES[r]));
    t.x[100] = 1.0f;
    play(rt, &t, 0, t.n, 64);
    const size_t latency = dv_rt_latency(rt);
    assert_close((double)latency / RATES[r], 0.015, 0.0, 1.5 / RATES[r]);
    size_t first = 0;
    while (t.left[first] == 0.0f) ++first;
    assert_int_equal(first, 100 + latency);
    dv_rt_free(rt);
    free_take(&t);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_echoes_come_on_time_at_every_rate),
    cmocka_unit_test(test_reverberation_time_is_kept_at_every_rate),
    cmocka_unit_test(test_attack_and_release_are_kept_at_every_rate),
    cmocka_unit_test(test_look_ahead_latency_is_fifteen_milliseconds_at_every_rate),
  };
  return cmocka_run_group_tests_name("realtime rates", tests, NULL, NULL);
}
