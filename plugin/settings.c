/* SPDX-License-Identifier: MIT */
#include "plugin/settings.h"

#include "dsp/fdn.h"
#include "presets/prior_table.h"

#include <math.h>
#include <string.h>

static const float SILENT_DB = -59.99f; /* the lower end of the reverb level is off */

float dv_port_default(const dv_port* port)
{
  return port->parameter < 0 ? (float)port->initial : dv_port_from_parameter(port, dv_plugin_default[port->parameter]);
}

void dv_base_default(const dv_ports* ports, dv_base* base)
{
  dv_state preset = {.has_gains = true};
  double* flat = dv_params_flat(&preset.params);
  memcpy(flat, dv_plugin_default, sizeof dv_plugin_default);
  flat[DV_PRESET_SIZE] = dv_parameter_at(DV_PRESET_SIZE)->initial; /* log_damp, which nothing plays */
  dv_base_set(ports, &preset, base);
}

static float gain_shown(const dv_port* port, double gain_db)
{
  return (float)fmin(fmax(gain_db, port->minimum), port->maximum);
}

void dv_base_set(const dv_ports* ports, const dv_state* preset, dv_base* base)
{
  base->exact.params = preset->params;
  base->exact.has_gains = true;
  if (preset->has_gains) {
    base->exact.input_gain_db = preset->input_gain_db;
    base->exact.output_gain_db = preset->output_gain_db;
  }
  const double* flat = dv_params_flat_const(&base->exact.params);
  for (int i = DV_PORT_PARAMETER; i < DV_PORT_INPUTS; ++i)
    base->shown[i] = dv_port_from_parameter(&ports->port[i], flat[ports->port[i].parameter]);
  base->shown[DV_PORT_INPUT_GAIN] = gain_shown(&ports->port[DV_PORT_INPUT_GAIN], base->exact.input_gain_db);
  base->shown[DV_PORT_OUTPUT_GAIN] = gain_shown(&ports->port[DV_PORT_OUTPUT_GAIN], base->exact.output_gain_db);
}

static void take_parameters(const dv_ports* ports, const dv_base* base, const float* values, dv_chain_params* params)
{
  *params = base->exact.params;
  double* flat = dv_params_flat(params);
  for (int i = DV_PORT_PARAMETER; i < DV_PORT_INPUTS; ++i)
    if (values[i] != base->shown[i]) flat[ports->port[i].parameter] = dv_port_to_parameter(&ports->port[i], values[i]);
}

/* Along the corpus' principal components, in raw parameters.  Macros at rest change nothing, not even a last bit. */
static void move(const float* macros, dv_chain_params* params)
{
  double amounts[DV_PLUGIN_MACROS], raw[DV_PARAM_COUNT];
  bool at_rest = true;
  for (int i = 0; i < DV_PLUGIN_MACROS; ++i) {
    amounts[i] = (double)macros[i];
    at_rest = at_rest && macros[i] == 0.0f;
  }
  if (at_rest || dv_params_to_raw(params, raw, NULL)) return;
  dv_prior_table_move(&dv_prior_internal, amounts, DV_PLUGIN_MACROS, raw);
  dv_params_from_raw(raw, params);
}

/* T60 times scale: gamma^(1/scale). */
static void scale_decay(double scale, dv_reverb_params* reverb)
{
  if (scale == 1.0) return;
  for (int k = 0; k < DV_FDN_BANDS; ++k) reverb->decay[k] = fmin(pow(reverb->decay[k], 1.0 / scale), DV_FDN_MAX_DECAY);
}

static double gain(const dv_base* base, const float* values, dv_port_id which, double exact_db)
{
  return values[which] == base->shown[which] ? exact_db : (double)values[which];
}

static double reverb_level(const float* values)
{
  const float level_db = values[DV_PORT_REVERB_LEVEL];
  if (values[DV_PORT_REVERB_ON] <= 0.0f || level_db < SILENT_DB) return 0.0;
  return level_db == 0.0f ? 1.0 : pow(10.0, (double)level_db / 20.0);
}

void dv_settings_make(const dv_ports* ports, const dv_base* base, const float values[DV_PORT_INPUTS],
                      dv_settings* settings)
{
  take_parameters(ports, base, values, &settings->params);
  move(values + DV_PORT_MACRO, &settings->params);
  scale_decay((double)values[DV_PORT_DECAY_SCALE], &settings->params.reverb);
  settings->mix = (dv_rt_mix){
    .input_gain_db = gain(base, values, DV_PORT_INPUT_GAIN, base->exact.input_gain_db),
    .output_gain_db = gain(base, values, DV_PORT_OUTPUT_GAIN, base->exact.output_gain_db),
    .dry_wet = (double)values[DV_PORT_DRY_WET] / 100.0,
    .delay_level = values[DV_PORT_DELAY_ON] > 0.0f ? 1.0 : 0.0,
    .reverb_level = reverb_level(values),
    .bypass = values[DV_PORT_ENABLED] > 0.0f ? 0.0 : 1.0,
  };
  settings->lookahead = values[DV_PORT_LOOKAHEAD_ON] > 0.0f;
}

bool dv_same_response(const dv_reverb_params* a, const dv_reverb_params* b)
{
  return !memcmp(a->input, b->input, sizeof a->input) && !memcmp(a->output, b->output, sizeof a->output) &&
         !memcmp(a->decay, b->decay, sizeof a->decay) && !memcmp(a->mixing, b->mixing, sizeof a->mixing);
}
