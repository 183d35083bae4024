/* SPDX-License-Identifier: MIT */
#include "support/dv_test.h"

#include "dsp/fdn.h"
#include "dsp/parameters.h"

#include <stdlib.h>
#include <string.h>

static void random_raw(uint64_t seed, double scale, double raw[DV_PARAM_COUNT])
{
  for (int i = 0; i < DV_PARAM_COUNT; ++i) raw[i] = scale * dv_rand(&seed);
}

static void test_table_covers_every_index_once_and_in_order(void** state)
{
  (void)state;
  size_t rows;
  const dv_parameter* table = dv_parameter_table(&rows);
  int next = 0;
  for (size_t r = 0; r < rows; ++r) {
    assert_int_equal(table[r].first, next);
    for (int i = 0; i < table[r].count; ++i) assert_ptr_equal(dv_parameter_at(next + i), &table[r]);
    assert_true(table[r].minimum < table[r].maximum);
    assert_true(table[r].initial >= table[r].minimum && table[r].initial <= table[r].maximum);
    next += table[r].count;
  }
  assert_int_equal(next, DV_PARAM_COUNT);
  assert_null(dv_parameter_at(-1));
  assert_null(dv_parameter_at(DV_PARAM_COUNT));
}

/* The order of the published raw_params.npy. */
static void test_indices_are_the_published_ones(void** state)
{
  (void)state;
  static const struct {
    int index;
    const char* name;
  } known[] = {{0, "peak1.gain_db"},
               {5, "peak2.q"},
               {7, "lowshelf.freq_hz"},
               {8, "highshelf.gain_db"},
               {11, "lowpass.q"},
               {12, "highpass.freq_hz"},
               {14, "compressor.comp_threshold_db"},
               {17, "compressor.lookahead_ms"},
               {20, "compressor.average_coef"},
               {22, "compressor.exp_ratio"},
               {23, "send"},
               {24, "delay.delay_ms"},
               {27, "delay.lowpass.freq_hz"},
               {30, "delay.even_pan"},
               {31, "reverb.input[0]"},
               {43, "reverb.output[0]"},
               {55, "reverb.decay[0]"},
               {103, "reverb.decay[48]"},
               {104, "reverb.mixing[0]"},
               {140, "reverb.peak1.gain_db"},
               {149, "reverb.highshelf.freq_hz"},
               {150, "pan"},
               {151, "log_damp"},
               {152, "parameter[152]"}};
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
    char name[64];
    dv_parameter_name(known[i].index, name, sizeof name);
    assert_string_equal(name, known[i].name);
  }
}

static void test_names_are_unique(void** state)
{
  (void)state;
  static char names[DV_PARAM_COUNT][64];
  for (int i = 0; i < DV_PARAM_COUNT; ++i) {
    dv_parameter_name(i, names[i], sizeof names[i]);
    for (int j = 0; j < i; ++j) assert_string_not_equal(names[i], names[j]);
  }
}

static void test_a_short_buffer_ends_a_name(void** state)
{
  (void)state;
  char name[6];
  dv_parameter_name(103, name, sizeof name);
  assert_string_equal(name, "rever");
}

static void test_130_numbers_of_a_preset_act(void** state)
{
  (void)state;
  int count = 0;
  for (int i = 0; i < DV_PRESET_SIZE; ++i) count += dv_parameter_effective(i);
  assert_int_equal(count, DV_EFFECTIVE_COUNT);
  assert_false(dv_parameter_effective(151));
  assert_false(dv_parameter_effective(104)); /* U[0][0] */
  assert_true(dv_parameter_effective(105));  /* U[0][1] */
  assert_false(dv_parameter_effective(110)); /* U[1][0] */
  assert_false(dv_parameter_effective(-1));
}

static void test_maps_have_their_known_values(void** state)
{
  (void)state;
  double raw[DV_PARAM_COUNT] = {0};
  dv_chain_params p;
  raw[0] = -7.25;
  raw[17] = -31.5;
  raw[151] = 40.0;
  dv_params_from_raw(raw, &p);
  assert_close(p.peak1.gain_db, -7.25, 0.0, 0.0);
  assert_close(p.peak1.freq_hz, 0.5 * (33 + 5400), 1e-15, 0.0);
  assert_close(p.compressor.lookahead_ms, 1.5, 0.0, 1e-12);
  assert_close(p.send, 0.5, 0.0, 0.0);
  assert_close(p.reverb.decay[20], 0.5 * pow(10.0, -3.0 * 997 / (44100.0 * 9)), 1e-12, 0.0);
  assert_close(p.log_damp, -40.0, 1e-12, 0.0);
  raw[151] = log(expm1(0.01));
  raw[10] = 800.0;
  raw[12] = -800.0;
  dv_params_from_raw(raw, &p);
  assert_close(p.log_damp, -0.01, 1e-12, 0.0);
  assert_close(p.lowpass.freq_hz, 18000.0, 0.0, 0.0);
  assert_close(p.highpass.freq_hz, 16.0, 0.0, 0.0);
}

static void test_raw_values_survive_the_way_to_physical_and_back(void** state)
{
  (void)state;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    double raw[DV_PARAM_COUNT], back[DV_PARAM_COUNT];
    dv_chain_params p;
    dv_error err;
    random_raw(seed, 8.0, raw);
    dv_params_from_raw(raw, &p);
    assert_int_equal(dv_params_check(&p, &err), DV_OK);
    assert_int_equal(dv_params_to_raw(&p, back, &err), DV_OK);
    for (int i = 0; i < DV_PARAM_COUNT; ++i)
      assert_close(back[i], dv_parameter_at(i)->map == DV_MAP_FOLD ? fabs(raw[i]) : raw[i], 1e-9, 1e-9);
  }
}

static void test_values_on_an_edge_get_finite_raw_values(void** state)
{
  (void)state;
  for (int end = 0; end < 2; ++end) {
    dv_chain_params p, again;
    dv_error err;
    double raw[DV_PARAM_COUNT];
    double* v = dv_params_flat(&p);
    for (int i = 0; i < DV_PARAM_COUNT; ++i) {
      const dv_parameter* row = dv_parameter_at(i);
      v[i] = end && row->map != DV_MAP_FOLD ? row->maximum : row->minimum;
    }
    assert_int_equal(dv_params_to_raw(&p, raw, &err), DV_OK);
    dv_params_from_raw(raw, &again);
    for (int i = 0; i < DV_PARAM_COUNT; ++i) {
      const dv_parameter* row = dv_parameter_at(i);
      assert_true(isfinite(raw[i]));
      assert_close(dv_params_flat(&again)[i], v[i], 1e-11, 2e-12 * (row->maximum - row->minimum));
    }
  }
}

static void test_slopes_match_finite_differences(void** state)
{
  (void)state;
  const double h = 1e-4;
  double raw[DV_PARAM_COUNT], grad[DV_PARAM_COUNT] = {0};
  dv_chain_params ones;
  random_raw(7, 4.0, raw);
  for (int i = 0; i < DV_PARAM_COUNT; ++i) dv_params_flat(&ones)[i] = 1.0;
  dv_params_raw_vjp(raw, &ones, grad);
  for (int i = 0; i < DV_PARAM_COUNT; ++i) {
    dv_chain_params low, high;
    const double centre = raw[i];
    raw[i] = centre - h;
    dv_params_from_raw(raw, &low);
    raw[i] = centre + h;
    dv_params_from_raw(raw, &high);
    raw[i] = centre;
    assert_close(grad[i], (dv_params_flat(&high)[i] - dv_params_flat(&low)[i]) / (2 * h), 1e-6, 1e-9);
  }
}

static void test_raw_vjp_adds(void** state)
{
  (void)state;
  double raw[DV_PARAM_COUNT], once[DV_PARAM_COUNT] = {0}, twice[DV_PARAM_COUNT] = {0};
  dv_chain_params g;
  random_raw(8, 3.0, raw);
  random_raw(9, 1.0, dv_params_flat(&g));
  dv_params_raw_vjp(raw, &g, once);
  dv_params_raw_vjp(raw, &g, twice);
  dv_params_raw_vjp(raw, &g, twice);
  for (int i = 0; i < DV_PARAM_COUNT; ++i) assert_close(twice[i], 2.0 * once[i], 1e-15, 0.0);
}

static void test_check_names_what_is_out_of_range(void** state)
{
  (void)state;
  for (int i = 0; i < DV_PARAM_COUNT; ++i) {
    const dv_parameter* row = dv_parameter_at(i);
    const double bad[] = {row->minimum - 1.0, row->maximum + 1.0, (double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; ++k) {
      dv_chain_params p;
      dv_error err = {""};
      double raw[DV_PARAM_COUNT];
      char name[64];
      dv_params_initial(1, &p);
      assert_int_equal(dv_params_check(&p, NULL), DV_OK);
      dv_params_flat(&p)[i] = bad[k];
      dv_parameter_name(i, name, sizeof name);
      assert_int_equal(dv_params_check(&p, &err), DV_ERR_ARG);
      assert_non_null(strstr(err.text, name));
      assert_int_equal(dv_params_to_raw(&p, raw, NULL), DV_ERR_ARG);
    }
  }
}

static void test_the_start_of_a_fit_is_the_published_one(void** state)
{
  (void)state;
  dv_chain_params p, same, other;
  dv_params_initial(3, &p);
  dv_params_initial(3, &same);
  dv_params_initial(4, &other);
  assert_memory_equal(&p, &same, sizeof p);
  assert_memory_not_equal(&p, &other, sizeof p);
  assert_close(p.lowpass.freq_hz, 17500.0, 0.0, 0.0);
  assert_close(p.compressor.attack_coef, dv_coef_from_ms(50.0, 44100.0), 1e-12, 0.0);
  assert_close(p.compressor.lookahead_ms, 1e3 / 44100.0, 1e-15, 0.0);
  assert_close(p.delay.delay_ms, 400.0, 0.0, 0.0);
  assert_close(p.reverb.input[3][1], 1.0 / 6.0, 1e-15, 0.0);
  assert_close(p.reverb.output[1][5], 0.0, 0.0, 0.0);
  assert_close(p.log_damp, -0.01, 0.0, 0.0);
  double square = 0.0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    dv_params_initial(seed, &p);
    for (int k = 0; k < DV_FDN_BANDS; ++k) assert_true(p.reverb.decay[k] >= 0.4 && p.reverb.decay[k] <= 0.6);
    for (int i = 0; i < 36; ++i) square += (&p.reverb.mixing[0][0])[i] * (&p.reverb.mixing[0][0])[i];
  }
  assert_close(square / (50 * 36), 1.0 / 6.0, 0.1, 0.0); /* variance of N(0,1)/sqrt(6) */
}

static void test_coefficients_and_times_are_inverse(void** state)
{
  (void)state;
  assert_close(dv_coef_from_ms(50.0, 44100.0), 1.0 - exp(-2200.0 / (50.0 * 44100.0)), 1e-10, 0.0);
  for (double ms = 0.01; ms < 1e5; ms *= 3.0)
    assert_close(dv_ms_from_coef(dv_coef_from_ms(ms, 48000.0), 48000.0), ms, 1e-9, 0.0);
}

static void test_every_effect_has_a_name(void** state)
{
  (void)state;
  for (int e = 0; e < DV_EFFECT_COUNT; ++e) assert_true(strlen(dv_effect_name((dv_effect)e)) >= 2);
  assert_non_null(dv_effect_name(DV_EFFECT_COUNT));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_table_covers_every_index_once_and_in_order),
    cmocka_unit_test(test_indices_are_the_published_ones),
    cmocka_unit_test(test_names_are_unique),
    cmocka_unit_test(test_a_short_buffer_ends_a_name),
    cmocka_unit_test(test_130_numbers_of_a_preset_act),
    cmocka_unit_test(test_maps_have_their_known_values),
    cmocka_unit_test(test_raw_values_survive_the_way_to_physical_and_back),
    cmocka_unit_test(test_values_on_an_edge_get_finite_raw_values),
    cmocka_unit_test(test_slopes_match_finite_differences),
    cmocka_unit_test(test_raw_vjp_adds),
    cmocka_unit_test(test_check_names_what_is_out_of_range),
    cmocka_unit_test(test_the_start_of_a_fit_is_the_published_one),
    cmocka_unit_test(test_coefficients_and_times_are_inverse),
    cmocka_unit_test(test_every_effect_has_a_name),
  };
  return cmocka_run_group_tests_name("parameters", tests, NULL, NULL);
}
