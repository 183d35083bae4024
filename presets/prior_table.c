/* SPDX-License-Identifier: MIT */
#include "presets/prior_table.h"

void dv_prior_table_move(const dv_prior_table* table, const double* amounts, size_t count, double raw[DV_PARAM_COUNT])
{
  for (size_t i = 0; i < count && i < DV_PRIOR_TABLE_COMPONENTS; ++i)
    dv_effective_add(table->component[i], amounts[i] * table->sigma[i], raw);
  dv_raw_clamp(raw);
}
