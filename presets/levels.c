/* SPDX-License-Identifier: MIT */
#include "presets/levels.h"

dv_status dv_preset_between(const dv_preset* preset, double input_gain_db, double output_gain_db,
                            dv_chain_params* params, dv_error* err)
{
  const double louder_db = input_gain_db - preset->input_gain_db;
  *params = preset->params;
  params->compressor.comp_threshold_db += louder_db;
  params->compressor.exp_threshold_db += louder_db;
  params->compressor.makeup_db += preset->output_gain_db - output_gain_db - louder_db;
  return dv_params_check(params, err);
}
