/* SPDX-License-Identifier: MIT */
/* Private: colours of pictures. */
#ifndef DIFFVOX_REPORT_PALETTE_H
#define DIFFVOX_REPORT_PALETTE_H

#include "report/chart.h"
#include "report/png.h"

/* Index 0 is clear; 1 .. DV_PALETTE_LEVELS - 1 run from low to high.  Few levels compress well, and more are not
   seen. */
enum { DV_PALETTE_LEVELS = 96 };

void dv_palette_fill(dv_palette palette, dv_colour colours[DV_PALETTE_LEVELS]);

/* NaN is 0; values beyond the ends are held there. */
uint8_t dv_palette_index(double value, double low, double high);

#endif
