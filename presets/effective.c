/* SPDX-License-Identifier: MIT */
#include "presets/effective.h"

#include <math.h>

static const int FIRST_LOGIT = (int)(offsetof(dv_chain_params, reverb.mixing) / sizeof(double));

int dv_effective_index(int k)
{
  const int logits = DV_FDN_LINES * (DV_FDN_LINES - 1) / 2;
  if (k < FIRST_LOGIT) return k;
  if (k >= FIRST_LOGIT + logits) return k + DV_FDN_LINES * DV_FDN_LINES - logits;
  int row = 0, left = k - FIRST_LOGIT; /* row i holds the 5 - i logits above the diagonal */
  while (left >= DV_FDN_LINES - 1 - row) left -= DV_FDN_LINES - 1 - row++;
  return FIRST_LOGIT + row * DV_FDN_LINES + row + 1 + left;
}

void dv_effective_from_raw(const double raw[DV_PARAM_COUNT], double effective[DV_EFFECTIVE_COUNT])
{
  for (int k = 0; k < DV_EFFECTIVE_COUNT; ++k) effective[k] = raw[dv_effective_index(k)];
}

void dv_effective_to_raw(const double effective[DV_EFFECTIVE_COUNT], double raw[DV_PARAM_COUNT])
{
  for (int i = 0; i < DV_PRESET_SIZE; ++i) raw[i] = 0.0;
  for (int k = 0; k < DV_EFFECTIVE_COUNT; ++k) raw[dv_effective_index(k)] = effective[k];
  raw[DV_PRESET_SIZE] = log(expm1(-dv_parameter_at(DV_PRESET_SIZE)->initial)); /* its map is -softplus */
}

void dv_effective_add(const double direction[DV_EFFECTIVE_COUNT], double amount, double raw[DV_PARAM_COUNT])
{
  for (int k = 0; k < DV_EFFECTIVE_COUNT; ++k) raw[dv_effective_index(k)] += amount * direction[k];
}

void dv_raw_clamp(double raw[DV_PARAM_COUNT])
{
  size_t rows;
  const dv_parameter* table = dv_parameter_table(&rows);
  for (size_t r = 0; r < rows; ++r)
    for (int i = table[r].first; table[r].map == DV_MAP_IDENTITY && i < table[r].first + table[r].count; ++i)
      raw[i] = fmin(fmax(raw[i], table[r].minimum), table[r].maximum);
}
