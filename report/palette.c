/* SPDX-License-Identifier: MIT */
#include "report/palette.h"

#include <math.h>

/* Lightness rises evenly, from the dark of night over violet and red to pale yellow. */
static const double level_stops[][3] = {{11, 13, 34},   {42, 38, 96},   {92, 50, 128},  {150, 60, 127},
                                        {204, 79, 104}, {238, 117, 81}, {250, 172, 92}, {252, 238, 178}};
enum { STOPS = sizeof level_stops / sizeof *level_stops };

static dv_colour level_colour(double t)
{
  const double position = t * (STOPS - 1);
  const int stop = position < STOPS - 2 ? (int)position : STOPS - 2;
  double rgb[3];
  for (int i = 0; i < 3; ++i)
    rgb[i] = level_stops[stop][i] + (position - stop) * (level_stops[stop + 1][i] - level_stops[stop][i]);
  return (dv_colour){(uint8_t)(rgb[0] + 0.5), (uint8_t)(rgb[1] + 0.5), (uint8_t)(rgb[2] + 0.5), 255};
}

static dv_colour diverging_colour(double t)
{
  const double side = 2.0 * t - 1.0;
  const uint8_t alpha = (uint8_t)(255.0 * pow(fabs(side), 0.85) + 0.5);
  return side < 0.0 ? (dv_colour){24, 115, 196, alpha} : (dv_colour){219, 94, 22, alpha};
}

void dv_palette_fill(dv_palette palette, dv_colour colours[DV_PALETTE_LEVELS])
{
  colours[0] = (dv_colour){0, 0, 0, 0};
  for (int i = 1; i < DV_PALETTE_LEVELS; ++i) {
    const double t = (double)(i - 1) / (DV_PALETTE_LEVELS - 2);
    colours[i] = palette == DV_PALETTE_LEVEL ? level_colour(t) : diverging_colour(t);
  }
}

uint8_t dv_palette_index(double value, double low, double high)
{
  const double t = (value - low) / (high - low);
  return isnan(t) ? 0 : (uint8_t)(1.5 + fmin(fmax(t, 0.0), 1.0) * (DV_PALETTE_LEVELS - 2));
}
