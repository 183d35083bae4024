/* SPDX-License-Identifier: MIT */
/* The 130 numbers of a preset that act, as one vector: what statistics, priors and macros work on.
 *
 * They are raw logits in the order of the flat vector (dsp/parameters.h) without the 21 U logits that act
 * on nothing and without log_damp.  All functions may run in an audio thread. */
#ifndef DIFFVOX_EFFECTIVE_H
#define DIFFVOX_EFFECTIVE_H

#include "dsp/parameters.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The flat index, 0 .. 150, of the k-th effective parameter, k = 0 .. 129. */
DV_REALTIME int dv_effective_index(int k);

/* Raw parameters -> the effective ones. */
DV_REALTIME void dv_effective_from_raw(const double raw[DV_PARAM_COUNT], double effective[DV_EFFECTIVE_COUNT]);

/* The effective ones -> raw parameters; what is not effective is set: logits 0, log_damp as a fit starts. */
DV_REALTIME void dv_effective_to_raw(const double effective[DV_EFFECTIVE_COUNT], double raw[DV_PARAM_COUNT]);

/* raw += amount * direction; what is not effective stays. */
DV_REALTIME void dv_effective_add(const double direction[DV_EFFECTIVE_COUNT], double amount,
                                  double raw[DV_PARAM_COUNT]);

/* Moves raw values into what presets may hold: the parameters without a bounded map (gains, thresholds,
   reverb matrices) are held at the ends of their ranges, so that dv_params_check accepts the result. */
DV_REALTIME void dv_raw_clamp(double raw[DV_PARAM_COUNT]);

#ifdef __cplusplus
}
#endif
#endif
