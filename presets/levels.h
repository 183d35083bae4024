/* SPDX-License-Identifier: MIT */
/* The same sound between other gains. */
#ifndef DIFFVOX_LEVELS_H
#define DIFFVOX_LEVELS_H

#include "presets/preset.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Parameters that sound between input_gain_db and output_gain_db as the preset's do between its own gains: the
   thresholds move with the input, the make-up takes what is left.  Exact but for the detector's floor of -80 dB.  So
   presets become comparable that were fitted or made at different levels.
   DV_ERR_ARG: a threshold or the make-up leaves its range. */
DV_NODISCARD dv_status dv_preset_between(const dv_preset* preset, double input_gain_db, double output_gain_db,
                                         dv_chain_params* params, dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
