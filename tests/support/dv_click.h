/* SPDX-License-Identifier: MIT */
/* How loud a click is: the peak above 8 kHz, where a 1 kHz sine has nothing. */
#ifndef DV_CLICK_H
#define DV_CLICK_H

#include <math.h>
#include <stddef.h>

typedef struct {
  double b0, b1, b2, a1, a2, z1, z2;
} dv_click_section;

static inline dv_click_section dv_click_highpass(double q, double rate_hz)
{
  const double w = 2.0 * 3.14159265358979323846 * 8000.0 / rate_hz, c = cos(w), alpha = sin(w) / (2.0 * q);
  const double a0 = 1.0 + alpha, b = (1.0 + c) / 2.0 / a0;
  return (dv_click_section){b, -2.0 * b, b, -2.0 * c / a0, (1.0 - alpha) / a0, 0.0, 0.0};
}

static inline double dv_click_filter(dv_click_section* s, double x)
{
  const double y = s->b0 * x + s->z1;
  s->z1 = s->b1 * x - s->a1 * y + s->z2;
  s->z2 = s->b2 * x - s->a2 * y;
  return y;
}

/* Peak in dBFS of both channels above 8 kHz (Butterworth, fourth order), frames from .. to-1.  The filter runs from
   the beginning. */
static inline double dv_click_dbfs(const float* left, const float* right, size_t from, size_t to, double rate_hz)
{
  const float* const channel[2] = {left, right};
  double peak = 1e-12;
  for (int c = 0; c < 2; ++c) {
    dv_click_section a = dv_click_highpass(0.541, rate_hz), b = dv_click_highpass(1.307, rate_hz);
    for (size_t i = 0; i < to; ++i) {
      const double y = fabs(dv_click_filter(&b, dv_click_filter(&a, (double)channel[c][i])));
      if (i >= from && !(y <= peak)) peak = y; /* negated: NaN counts */
    }
  }
  return 20.0 * log10(peak);
}

#endif
