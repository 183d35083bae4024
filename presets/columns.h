/* SPDX-License-Identifier: MIT */
/* The 130 effective parameters as people read them: the names and units of preset files.
 *
 * "peak1.gain_db" in dB, "compressor.attack_ms" in ms, "reverb.t60_s[12]" in s, "reverb.mixing[3]". */
#ifndef DIFFVOX_COLUMNS_H
#define DIFFVOX_COLUMNS_H

#include "presets/effective.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  char name[96];
  char label[96];   /* for people: "Peak 1 gain", "Reverb time at 5.51 kHz" */
  const char* unit; /* "" where there is none */
  bool logarithmic; /* heard so */
} dv_column;

/* k = 0 .. 129 */
void dv_column_at(int k, dv_column* column);

/* The effective raw parameters of a preset as physical values, unit by unit as dv_column_at says. */
void dv_columns_physical(const double effective[DV_EFFECTIVE_COUNT], double physical[DV_EFFECTIVE_COUNT]);

/* The parameters to play: raw values held in range (dv_raw_clamp) and mapped. */
void dv_effective_params(const double effective[DV_EFFECTIVE_COUNT], dv_chain_params* params);

#ifdef __cplusplus
}
#endif
#endif
