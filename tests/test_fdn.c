/* SPDX-License-Identifier: MIT */
#include "support/dv_test.h"

#include "dsp/fdn.h"
#include "dsp/fft.h"
#include "dsp/reverb_response.h"

#include <stdlib.h>
#include <string.h>

enum { LINES = DV_FDN_LINES };
static const double RATE_HZ = 44100.0;
#define EPS (sizeof(dv_real) == 4 ? 2e-6 : 1e-11)

/* Rows for a reverb response at 44.1 kHz or less, aligned. */
enum { ROOM = 529216 };

static dv_reverb_params random_reverb(uint64_t seed)
{
  dv_chain_params p;
  dv_params_initial(seed, &p);
  for (int l = 0; l < LINES; ++l)
    for (int ch = 0; ch < 2; ++ch) {
      p.reverb.input[l][ch] = dv_rand(&seed);
      p.reverb.output[ch][l] = dv_rand(&seed);
    }
  p.reverb.peak1.gain_db = 5.0;
  p.reverb.highshelf.gain_db = -7.0;
  return p.reverb;
}

static void test_mixing_is_orthogonal(void** state)
{
  (void)state;
  for (uint64_t seed = 1; seed < 10; ++seed) {
    const dv_reverb_params p = random_reverb(seed);
    dv_fdn_coefs c;
    dv_fdn_coeffs(&p, RATE_HZ, &c);
    for (int i = 0; i < LINES; ++i)
      for (int j = 0; j < LINES; ++j) {
        double dot = 0.0;
        for (int k = 0; k < LINES; ++k) dot += c.mixing[i][k] * c.mixing[j][k];
        assert_close(dot, i == j ? 1.0 : 0.0, 0.0, 1e-13);
      }
  }
}

static void test_only_logits_above_the_diagonal_act(void** state)
{
  (void)state;
  dv_reverb_params p = random_reverb(2);
  dv_fdn_coefs before, after;
  dv_fdn_coeffs(&p, RATE_HZ, &before);
  for (int i = 0; i < LINES; ++i)
    for (int j = 0; j <= i; ++j) p.mixing[i][j] = 99.0;
  dv_fdn_coeffs(&p, RATE_HZ, &after);
  assert_memory_equal(before.mixing, after.mixing, sizeof before.mixing);
  dv_reverb_params gp = {0};
  for (int i = 0; i < LINES * LINES; ++i) (&after.mixing[0][0])[i] = i + 1.0;
  dv_fdn_coeffs_vjp(&p, &after, &gp);
  for (int i = 0; i < LINES; ++i)
    for (int j = 0; j <= i; ++j) assert_true(gp.mixing[i][j] == 0.0);
}

static void test_decay_follows_t60(void** state)
{
  (void)state;
  dv_reverb_params p = random_reverb(3);
  for (int k = 0; k < DV_FDN_BANDS; ++k) p.decay[k] = k < 24 ? DV_FDN_MAX_DECAY : pow(10.0, -3.0 * 997.0 / 44100.0);
  assert_close(dv_fdn_t60_s(&p, 1000.0), 9.0, 1e-9, 0.0);
  assert_close(dv_fdn_t60_s(&p, 20000.0), 1.0, 1e-9, 0.0);
  assert_close(dv_fdn_t60_s(&p, 1e6), 1.0, 1e-9, 0.0);
  p.decay[0] = 0.0;
  assert_true(isfinite(dv_fdn_t60_s(&p, 0.0)));
}

static void test_grid_is_twelve_seconds(void** state)
{
  (void)state;
  assert_int_equal(dv_fdn_grid_size(44100.0), 529200);
  assert_int_equal(dv_fdn_grid_size(48000.0), 576000);
  assert_int_equal(dv_fdn_grid_size(96000.0), 1152000);
  assert_int_equal(dv_fdn_grid_size(8000.0), 96000);
  const size_t odd = dv_fdn_grid_size(12345.6);
  assert_true(odd >= 12 * 12345 && odd % 2 == 0);
}

static void test_delays_scale_with_the_rate(void** state)
{
  (void)state;
  const dv_reverb_params p = random_reverb(4);
  static const int model[LINES] = {997, 1153, 1327, 1559, 1801, 2099};
  dv_fdn_coefs a, b;
  dv_fdn_coeffs(&p, 44100.0, &a);
  dv_fdn_coeffs(&p, 96000.0, &b);
  for (int l = 0; l < LINES; ++l) {
    assert_int_equal(a.delay[l], model[l]);
    assert_int_equal(b.delay[l], (int)lround(model[l] * 96000.0 / 44100.0));
    assert_close(a.exponent[l], model[l] / 997.0, 1e-15, 0.0);
  }
}

/* With a decay that does not depend on frequency the network is a plain recursion:
   s_l[n] = sum_j U_lj gamma^e_j s_j[n - m_j] + b_l x[n],   y = sum_l c_l s_l[n - m_l]. */
static void recursion(const dv_fdn_coefs* c, double gamma, int in, int n, double* left, double* right)
{
  double* s[LINES];
  for (int l = 0; l < LINES; ++l) assert_non_null(s[l] = calloc((size_t)n, sizeof(double)));
  for (int i = 0; i < n; ++i) {
    double delayed[LINES];
    left[i] = right[i] = 0.0;
    for (int l = 0; l < LINES; ++l) {
      delayed[l] = i >= c->delay[l] ? s[l][i - c->delay[l]] : 0.0;
      left[i] += c->output[0][l] * delayed[l];
      right[i] += c->output[1][l] * delayed[l];
    }
    for (int l = 0; l < LINES; ++l) {
      s[l][i] = i == 0 ? c->input[l][in] : 0.0;
      for (int j = 0; j < LINES; ++j) s[l][i] += c->mixing[l][j] * pow(gamma, c->exponent[j]) * delayed[j];
    }
  }
  for (int l = 0; l < LINES; ++l) free(s[l]);
}

static void flatten_eq(dv_reverb_params* p)
{
  p->peak1.gain_db = p->peak2.gain_db = p->lowshelf.gain_db = p->highshelf.gain_db = 0.0;
}

static void test_response_is_the_recursions(void** state)
{
  (void)state;
  enum { KEEP = 20000 };
  static const double rates[] = {44100.0, 32000.0};
  static double left[KEEP], right[KEEP];
  _Alignas(64) static dv_real memory[4][ROOM];
  for (size_t k = 0; k < sizeof rates / sizeof *rates; ++k) {
    dv_reverb_params p = random_reverb(5);
    dv_reverb_coefs c;
    dv_real* const h[2][2] = {{memory[0], memory[1]}, {memory[2], memory[3]}};
    flatten_eq(&p);
    for (int b = 0; b < DV_FDN_BANDS; ++b) p.decay[b] = 0.7;
    dv_reverb_coeffs(&p, rates[k], &c);
    dv_reverb_response* r = dv_reverb_response_new(rates[k], KEEP, 1);
    assert_non_null(r);
    assert_int_equal(dv_reverb_response_length(r), KEEP);
    assert_in_range(dv_reverb_response_reals(r), KEEP, ROOM);
    dv_reverb_response_forward(r, &c, h);
    dv_reverb_response_free(r);
    for (int in = 0; in < 2; ++in) {
      recursion(&c.fdn, 0.7, in, KEEP, left, right);
      for (int i = 0; i < KEEP; ++i) {
        assert_close((double)h[0][in][i], left[i], 0.0, EPS);
        assert_close((double)h[1][in][i], right[i], 0.0, EPS);
      }
    }
  }
}

static void test_spectrum_does_not_depend_on_how_bins_are_split(void** state)
{
  (void)state;
  enum { GRID = 3000, BINS = GRID / 2 + 1 };
  const dv_reverb_params p = random_reverb(6);
  dv_fdn_coefs c;
  dv_fdn_grid grid;
  dv_fdn_coeffs(&p, RATE_HZ, &c);
  dv_real* phase = dv_fft_alloc(dv_fdn_grid_reals(GRID));
  static dv_real whole[4][2 * BINS], parts[4][2 * BINS];
  assert_non_null(phase);
  dv_fdn_grid_init(&grid, &c, GRID, phase);
  dv_real* const a[2][2] = {{whole[0], whole[1]}, {whole[2], whole[3]}};
  dv_real* const b[2][2] = {{parts[0], parts[1]}, {parts[2], parts[3]}};
  dv_fdn_spectrum(&c, &grid, 0, BINS, a);
  dv_fdn_spectrum(&c, &grid, 640, BINS - 640, b);
  dv_fdn_spectrum(&c, &grid, 0, 160, b);
  dv_fdn_spectrum(&c, &grid, 160, 480, b);
  assert_memory_equal(whole, parts, sizeof whole);
  dv_fft_release(phase);
}

static void fill_rows(uint64_t seed, size_t count, dv_real rows[4][ROOM])
{
  for (int i = 0; i < 4; ++i)
    for (size_t n = 0; n < count; ++n) rows[i][n] = (dv_real)dv_rand(&seed);
}

/* h and, ADDED to *gc, the gradient for seeded cotangents of it. */
static void respond(dv_reverb_response* r, const dv_reverb_coefs* c, dv_real h[4][ROOM], dv_reverb_coefs* gc)
{
  _Alignas(64) static dv_real g[4][ROOM];
  dv_real* const to[2][2] = {{h[0], h[1]}, {h[2], h[3]}};
  dv_real* const gh[2][2] = {{g[0], g[1]}, {g[2], g[3]}};
  fill_rows(71, dv_reverb_response_length(r), g);
  dv_reverb_response_forward(r, c, to);
  dv_reverb_response_backward(r, c, gh, gc);
}

static void test_response_and_gradient_do_not_depend_on_threads(void** state)
{
  (void)state;
  enum { KEEP = 4000 };
  _Alignas(64) static dv_real h[2][4][ROOM];
  const dv_reverb_params p = random_reverb(7);
  dv_reverb_coefs c, g[2] = {{.eq = {{0}}}, {.eq = {{0}}}};
  dv_reverb_coeffs(&p, 8000.0, &c);
  for (int threads = 1; threads <= 2; ++threads) {
    dv_reverb_response* r = dv_reverb_response_new(8000.0, KEEP, threads);
    assert_non_null(r);
    respond(r, &c, h[threads - 1], &g[threads - 1]);
    dv_reverb_response_free(r);
  }
  for (int i = 0; i < 4; ++i) assert_memory_equal(h[0][i], h[1][i], KEEP * sizeof(dv_real));
  assert_memory_equal(&g[0], &g[1], sizeof g[0]);
}

static void test_backward_adds(void** state)
{
  (void)state;
  _Alignas(64) static dv_real h[4][ROOM];
  const dv_reverb_params p = random_reverb(8);
  dv_reverb_coefs c, once = {.eq = {{0}}}, twice = {.eq = {{0}}};
  dv_reverb_coeffs(&p, 8000.0, &c);
  dv_reverb_response* r = dv_reverb_response_new(8000.0, 1000, 1);
  assert_non_null(r);
  respond(r, &c, h, &once);
  respond(r, &c, h, &twice);
  respond(r, &c, h, &twice);
  dv_reverb_response_free(r);
  assert_close(twice.fdn.mixing[1][3], 2.0 * once.fdn.mixing[1][3], 1e-12, 0.0);
  assert_close(twice.fdn.decay[7], 2.0 * once.fdn.decay[7], 1e-12, 0.0);
  assert_close(twice.fdn.input[5][1], 2.0 * once.fdn.input[5][1], 1e-12, 0.0);
  assert_close(twice.eq[2].b1, 2.0 * once.eq[2].b1, 1e-12, 0.0);
  dv_reverb_params gp1 = {0}, gp2 = {0};
  dv_reverb_coeffs_vjp(&p, 8000.0, &once, &gp1);
  dv_reverb_coeffs_vjp(&p, 8000.0, &once, &gp2);
  dv_reverb_coeffs_vjp(&p, 8000.0, &once, &gp2);
  for (size_t i = 0; i < sizeof gp1 / sizeof(double); ++i)
    assert_close(((double*)&gp2)[i], 2.0 * ((double*)&gp1)[i], 1e-12, 0.0);
}

static void test_a_decay_of_zero_is_finite(void** state)
{
  (void)state;
  enum { KEEP = 3000 };
  _Alignas(64) static dv_real h[4][ROOM];
  dv_reverb_params p = random_reverb(9), gp = {0};
  dv_reverb_coefs c, gc = {.eq = {{0}}};
  for (int b = 0; b < DV_FDN_BANDS; ++b) p.decay[b] = 0.0;
  dv_reverb_coeffs(&p, 44100.0, &c);
  dv_reverb_response* r = dv_reverb_response_new(44100.0, KEEP, 1);
  assert_non_null(r);
  respond(r, &c, h, &gc);
  dv_reverb_response_free(r);
  dv_reverb_coeffs_vjp(&p, 44100.0, &gc, &gp);
  for (int i = 0; i < 4; ++i)
    for (size_t n = 0; n < KEEP; ++n) assert_true(isfinite(h[i][n]));
  for (size_t i = 0; i < sizeof gp / sizeof(double); ++i) assert_true(isfinite(((double*)&gp)[i]));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_mixing_is_orthogonal),
    cmocka_unit_test(test_only_logits_above_the_diagonal_act),
    cmocka_unit_test(test_decay_follows_t60),
    cmocka_unit_test(test_grid_is_twelve_seconds),
    cmocka_unit_test(test_delays_scale_with_the_rate),
    cmocka_unit_test(test_response_is_the_recursions),
    cmocka_unit_test(test_spectrum_does_not_depend_on_how_bins_are_split),
    cmocka_unit_test(test_response_and_gradient_do_not_depend_on_threads),
    cmocka_unit_test(test_backward_adds),
    cmocka_unit_test(test_a_decay_of_zero_is_finite),
  };
  return cmocka_run_group_tests_name("fdn", tests, NULL, NULL);
}
