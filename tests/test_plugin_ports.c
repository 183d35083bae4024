/* SPDX-License-Identifier: MIT */
/* The plugin's table of ports, and what values of ports mean. */
#include "dsp/fdn.h"
#include "plugin/settings.h"
#include "support/dv_test.h"

#include <string.h>

/* Hosts keep sessions, automation and presets by symbol: this list may grow at the end of the inputs and of the
   outputs, and nothing else of it may ever change. */
static const char* const FROZEN[] = {"enabled",
                                     "dry_wet",
                                     "reverb_level",
                                     "decay_scale",
                                     "macro_1",
                                     "macro_2",
                                     "macro_3",
                                     "macro_4",
                                     "input_gain",
                                     "output_gain",
                                     "delay_on",
                                     "reverb_on",
                                     "lookahead_on",
                                     "peak1_gain_db",
                                     "peak1_freq_hz",
                                     "peak1_q",
                                     "peak2_gain_db",
                                     "peak2_freq_hz",
                                     "peak2_q",
                                     "lowshelf_gain_db",
                                     "lowshelf_freq_hz",
                                     "highshelf_gain_db",
                                     "highshelf_freq_hz",
                                     "lowpass_freq_hz",
                                     "lowpass_q",
                                     "highpass_freq_hz",
                                     "highpass_q",
                                     "compressor_comp_threshold_db",
                                     "compressor_exp_threshold_db",
                                     "compressor_makeup_db",
                                     "compressor_lookahead_ms",
                                     "compressor_attack_ms",
                                     "compressor_release_ms",
                                     "compressor_average_ms",
                                     "compressor_comp_ratio",
                                     "compressor_exp_ratio",
                                     "send",
                                     "delay_delay_ms",
                                     "delay_feedback",
                                     "delay_gain",
                                     "delay_lowpass_freq_hz",
                                     "delay_lowpass_q",
                                     "delay_odd_pan",
                                     "delay_even_pan",
                                     "reverb_peak1_gain_db",
                                     "reverb_peak1_freq_hz",
                                     "reverb_peak1_q",
                                     "reverb_peak2_gain_db",
                                     "reverb_peak2_freq_hz",
                                     "reverb_peak2_q",
                                     "reverb_lowshelf_gain_db",
                                     "reverb_lowshelf_freq_hz",
                                     "reverb_highshelf_gain_db",
                                     "reverb_highshelf_freq_hz",
                                     "pan",
                                     "latency",
                                     "input_level",
                                     "output_level_left",
                                     "output_level_right",
                                     "gain_reduction"};

static void test_symbols_never_change(void** state)
{
  (void)state;
  dv_ports ports;
  dv_ports_init(&ports);
  assert_int_equal(sizeof FROZEN / sizeof *FROZEN, DV_PORT_COUNT);
  for (int i = 0; i < DV_PORT_COUNT; ++i) assert_string_equal(ports.port[i].symbol, FROZEN[i]);
}

static void test_every_port_has_name_group_and_a_range_around_its_default(void** state)
{
  (void)state;
  dv_ports ports;
  size_t count;
  const dv_port_group* groups = dv_port_groups(&count);
  dv_ports_init(&ports);
  for (int i = 0; i < DV_PORT_COUNT; ++i) {
    const dv_port* p = &ports.port[i];
    bool grouped = false;
    for (size_t g = 0; g < count; ++g) grouped = grouped || !strcmp(groups[g].symbol, p->group);
    assert_true(grouped && *p->name && p->minimum < p->maximum);
    if (i >= DV_PORT_INPUTS) continue;
    const double initial = (double)dv_port_default(p);
    assert_true(initial >= p->minimum && initial <= p->maximum);
    assert_true(!p->logarithmic || p->minimum > 0.0);
  }
}

static void test_every_scalar_of_the_table_is_a_port(void** state)
{
  (void)state;
  dv_ports ports;
  dv_ports_init(&ports);
  size_t rows;
  const dv_parameter* table = dv_parameter_table(&rows);
  for (size_t r = 0; r < rows; ++r) {
    int found = 0;
    for (int i = 0; i < DV_PORT_INPUTS; ++i) found += ports.port[i].parameter == table[r].first;
    assert_int_equal(found, table[r].count == 1 && table[r].first < DV_PRESET_SIZE);
  }
}

static void test_clamp_takes_anything(void** state)
{
  (void)state;
  dv_ports ports;
  dv_ports_init(&ports);
  const dv_port* p = &ports.port[DV_PORT_MACRO];
  assert_true(dv_port_clamp(p, 1e30f, 0.5f) == 3.0f && dv_port_clamp(p, -1e30f, 0.5f) == -3.0f);
  assert_true(dv_port_clamp(p, NAN, 0.5f) == 0.5f && dv_port_clamp(p, INFINITY, 0.5f) == 0.5f);
  assert_true(dv_port_clamp(p, 1.25f, 0.5f) == 1.25f);
}

static void test_parameters_survive_their_ports(void** state)
{
  (void)state;
  dv_ports ports;
  dv_ports_init(&ports);
  for (int i = DV_PORT_PARAMETER; i < DV_PORT_INPUTS; ++i) {
    const dv_port* p = &ports.port[i];
    const dv_parameter* row = dv_parameter_at(p->parameter);
    for (int k = 0; k <= 10; ++k) {
      const float value = (float)(p->minimum + (p->maximum - p->minimum) * k / 10.0);
      const double physical = dv_port_to_parameter(p, value);
      assert_true(physical >= row->minimum && physical <= row->maximum);
      assert_close((double)dv_port_from_parameter(p, physical), (double)value, 1e-6, 1e-12);
    }
  }
}

/* A base and the values that its ports show. */
typedef struct {
  dv_ports ports;
  dv_base base;
  float values[DV_PORT_INPUTS];
  dv_settings settings;
} fixture;

static void make(fixture* f) { dv_settings_make(&f->ports, &f->base, f->values, &f->settings); }

static void show_defaults(fixture* f)
{
  dv_ports_init(&f->ports);
  dv_base_default(&f->ports, &f->base);
  for (int i = 0; i < DV_PORT_INPUTS; ++i) f->values[i] = dv_port_default(&f->ports.port[i]);
  make(f);
}

static void test_ports_that_show_a_preset_play_its_exact_numbers(void** state)
{
  (void)state;
  fixture f;
  show_defaults(&f);
  dv_state preset = f.base.exact;
  preset.params.peak1.gain_db = 1.0 / 3.0;      /* no float */
  preset.params.compressor.release_coef = 1e-9; /* a time beyond the port's range */
  dv_base_set(&f.ports, &preset, &f.base);
  for (int i = DV_PORT_PARAMETER; i < DV_PORT_INPUTS; ++i) f.values[i] = f.base.shown[i];
  make(&f);
  assert_memory_equal(&f.settings.params, &preset.params, sizeof preset.params);
}

static void test_moved_port_counts(void** state)
{
  (void)state;
  fixture f;
  show_defaults(&f);
  int attack = 0;
  while (strcmp(f.ports.port[attack].symbol, "compressor_attack_ms")) ++attack;
  f.values[attack] = 25.0f;
  make(&f);
  assert_true(f.settings.params.compressor.attack_coef == dv_coef_from_ms(25.0, DV_MODEL_RATE_HZ));
}

static void test_preset_without_gains_leaves_those_of_before(void** state)
{
  (void)state;
  fixture f;
  show_defaults(&f);
  dv_state preset = f.base.exact;
  preset.input_gain_db = 7.7;
  dv_base_set(&f.ports, &preset, &f.base);
  preset.has_gains = false;
  preset.input_gain_db = 0.0;
  dv_base_set(&f.ports, &preset, &f.base);
  assert_true(f.base.exact.input_gain_db == 7.7 && f.base.shown[DV_PORT_INPUT_GAIN] == 7.7f);
}

static void test_macro_moves_and_at_rest_does_not(void** state)
{
  (void)state;
  fixture f;
  show_defaults(&f);
  const dv_chain_params still = f.settings.params;
  assert_memory_equal(&still, &f.base.exact.params, sizeof still);
  for (int m = 0; m < DV_PLUGIN_MACROS; ++m) {
    show_defaults(&f);
    f.values[DV_PORT_MACRO + m] = -3.0f;
    make(&f);
    assert_memory_not_equal(&f.settings.params, &still, sizeof still);
    assert_int_equal(dv_params_check(&f.settings.params, NULL), DV_OK);
    assert_false(dv_same_response(&f.settings.params.reverb, &still.reverb));
  }
}

static void test_decay_scale_scales_reverberation_times(void** state)
{
  (void)state;
  fixture f;
  show_defaults(&f);
  f.values[DV_PORT_DECAY_SCALE] = 2.0f;
  make(&f);
  for (int k = 0; k < DV_FDN_BANDS; ++k) {
    const double before = f.base.exact.params.reverb.decay[k], after = f.settings.params.reverb.decay[k];
    assert_close(after, fmin(sqrt(before), DV_FDN_MAX_DECAY), 1e-12, 0.0);
  }
}

static void test_switches_and_levels_reach_the_mix(void** state)
{
  (void)state;
  fixture f;
  show_defaults(&f);
  assert_true(f.settings.mix.reverb_level == 1.0 && f.settings.mix.delay_level == 1.0 && f.settings.mix.dry_wet == 1.0);
  assert_true(f.settings.mix.bypass == 0.0 && f.settings.lookahead);
  f.values[DV_PORT_ENABLED] = f.values[DV_PORT_DELAY_ON] = f.values[DV_PORT_LOOKAHEAD_ON] = 0.0f;
  f.values[DV_PORT_REVERB_LEVEL] = -60.0f;
  f.values[DV_PORT_DRY_WET] = 25.0f;
  make(&f);
  assert_true(f.settings.mix.reverb_level == 0.0 && f.settings.mix.delay_level == 0.0);
  assert_true(f.settings.mix.bypass == 1.0 && f.settings.mix.dry_wet == 0.25 && !f.settings.lookahead);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_symbols_never_change),
    cmocka_unit_test(test_every_port_has_name_group_and_a_range_around_its_default),
    cmocka_unit_test(test_every_scalar_of_the_table_is_a_port),
    cmocka_unit_test(test_clamp_takes_anything),
    cmocka_unit_test(test_parameters_survive_their_ports),
    cmocka_unit_test(test_ports_that_show_a_preset_play_its_exact_numbers),
    cmocka_unit_test(test_moved_port_counts),
    cmocka_unit_test(test_preset_without_gains_leaves_those_of_before),
    cmocka_unit_test(test_macro_moves_and_at_rest_does_not),
    cmocka_unit_test(test_decay_scale_scales_reverberation_times),
    cmocka_unit_test(test_switches_and_levels_reach_the_mix),
  };
  return cmocka_run_group_tests_name("plugin ports", tests, NULL, NULL);
}
