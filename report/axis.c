/* SPDX-License-Identifier: MIT */
#include "report/axis.h"

#include <math.h>
#include <stdio.h>

static const double LEAST = 1e-12, MOST = 1e12;

dv_axis dv_axis_make(dv_scale scale, const char* label, double low, double high)
{
  return (dv_axis){.label = label, .scale = scale, .low = low, .high = high};
}

dv_axis dv_axis_hz(const char* label) { return dv_axis_make(DV_SCALE_LOG, label, 20.0, 20000.0); }

dv_axis dv_axis_names(const char* label, const char* const* names, size_t count)
{
  return (dv_axis){.label = label, .scale = DV_SCALE_NAMES, .high = (double)count, .names = names};
}

dv_axis dv_axis_names_down(const char* label, const char* const* names, size_t count)
{
  return (dv_axis){.label = label, .scale = DV_SCALE_NAMES, .low = (double)count, .names = names};
}

dv_axis dv_axis_empty(dv_scale scale, const char* label)
{
  return dv_axis_make(scale, label, (double)INFINITY, -(double)INFINITY);
}

void dv_axis_cover(dv_axis* axis, const double* values, size_t count)
{
  for (size_t i = 0; i < count; ++i)
    if (isfinite(values[i]) && (axis->scale != DV_SCALE_LOG || values[i] > 0.0)) {
      axis->low = fmin(axis->low, values[i]);
      axis->high = fmax(axis->high, values[i]);
    }
}

/* The smallest of 1, 2, 5 times a power of ten that is at least x. */
static double round_step(double x)
{
  const double power = pow(10.0, floor(log10(x)));
  const double mantissa = x / power * (1.0 - 1e-9);
  return power * (mantissa <= 1.0 ? 1.0 : mantissa <= 2.0 ? 2.0 : mantissa <= 5.0 ? 5.0 : 10.0);
}

static double time_step(double x)
{
  static const double steps[] = {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200};
  if (x <= 1.0) return round_step(x);
  for (size_t i = 0; i < sizeof steps / sizeof *steps; ++i)
    if (x <= steps[i]) return steps[i];
  return 3600.0 * round_step(x / 3600.0);
}

static double tick_step(const dv_axis* axis, int wanted)
{
  const double x = (axis->high - axis->low) / (wanted > 0 ? wanted : 1);
  return axis->scale == DV_SCALE_TIME ? time_step(x) : round_step(x);
}

static void round_log(dv_axis* axis, double min_span)
{
  if (!(isfinite(axis->low) && isfinite(axis->high)) || axis->high < axis->low) {
    axis->low = 0.1;
    axis->high = 1.0;
  }
  axis->low = fmin(fmax(axis->low, LEAST), MOST / 10.0);
  axis->high = fmin(fmax(axis->high, axis->low * fmax(min_span, 1.5)), MOST);
  axis->high = round_step(axis->high);
  axis->low = 1.0 / round_step(1.0 / axis->low); /* 1, 2, 5 downwards is 1, 0.5, 0.2 */
}

void dv_axis_round(dv_axis* axis, double min_span)
{
  if (axis->scale == DV_SCALE_NAMES) return;
  if (axis->scale == DV_SCALE_LOG) {
    round_log(axis, min_span);
    return;
  }
  if (!(isfinite(axis->low) && isfinite(axis->high)) || axis->high < axis->low) {
    axis->low = 0.0;
    axis->high = 1.0;
  }
  axis->low = fmin(fmax(axis->low, -MOST), MOST);
  axis->high = fmin(fmax(axis->high, -MOST), MOST);
  /* A span below what doubles tell apart at this size would give equal ticks. */
  const double least = fmax(fmax(min_span, LEAST), 1e-9 * fmax(fabs(axis->low), fabs(axis->high)));
  const double missing = fmax(least - (axis->high - axis->low), 0.0);
  axis->low -= missing / 2.0;
  axis->high += missing / 2.0;
  const double step = tick_step(axis, 5);
  axis->low = step * floor(axis->low / step + 1e-9);
  axis->high = step * ceil(axis->high / step - 1e-9);
}

double dv_axis_position(const dv_axis* axis, double value)
{
  if (!isfinite(value) || (axis->scale == DV_SCALE_LOG && value <= 0.0)) return (double)NAN;
  if (axis->scale == DV_SCALE_LOG) return log(value / axis->low) / log(axis->high / axis->low);
  return (value - axis->low) / (axis->high - axis->low);
}

/* --- Ticks ----------------------------------------------------------------------------------------------- */

static void label_log(char* label, size_t size, double value)
{
  char number[DV_NUMBER_MAX - 1];
  const bool thousands = value >= 999.5 && value < 999.5e3, millions = value >= 999.5e3 && value < 999.5e6;
  dv_format_digits(number, sizeof number, value / (thousands ? 1e3 : millions ? 1e6 : 1.0), 3, NULL);
  snprintf(label, size, "%s%s", number, thousands ? "k" : millions ? "M" : "");
}

/* Within few decades 1, 2 and 5 of each have a label, otherwise powers of ten, of many decades every so many. */
static size_t ticks_log(const dv_axis* axis, int wanted, dv_tick* ticks)
{
  static const double mantissas[] = {1, 2, 5};
  const int first = (int)floor(log10(axis->low) + 1e-9), last = (int)ceil(log10(axis->high) - 1e-9);
  const int decades = last - first, stride = decades > wanted ? (decades + wanted - 1) / wanted : 1;
  const bool dense = decades * 3 <= wanted + 3;
  size_t count = 0;
  for (int decade = first; decade <= last; decade += stride)
    for (int m = 0; m < (decades > 4 ? 1 : 3); ++m) {
      const double value = mantissas[m] * pow(10.0, decade);
      if (value < axis->low * (1 - 1e-9) || value > axis->high * (1 + 1e-9) || count == DV_AXIS_MAX_TICKS) continue;
      ticks[count].value = value;
      ticks[count].label[0] = '\0';
      if (dense || m == 0) label_log(ticks[count].label, sizeof ticks[count].label, value);
      ++count;
    }
  return count;
}

static size_t ticks_linear(const dv_axis* axis, int wanted, dv_tick* ticks)
{
  const double step = tick_step(axis, wanted);
  const int decimals = step >= 1.0 ? 0 : (int)ceil(-log10(step) - 1e-9);
  size_t count = 0;
  for (double k = ceil(axis->low / step - 1e-6); k * step <= axis->high + 1e-6 * step; k += 1.0) {
    if (count == DV_AXIS_MAX_TICKS) break;
    ticks[count].value = k * step;
    if (axis->scale == DV_SCALE_TIME) dv_format_time(ticks[count].label, sizeof ticks[count].label, k * step, decimals);
    else dv_format_fixed(ticks[count].label, sizeof ticks[count].label, k * step, decimals, NULL);
    ++count;
  }
  return count;
}

size_t dv_axis_ticks(const dv_axis* axis, int wanted, dv_tick ticks[DV_AXIS_MAX_TICKS])
{
  if (axis->scale == DV_SCALE_NAMES || !(axis->high > axis->low) || !isfinite(axis->high - axis->low)) return 0;
  if (axis->scale == DV_SCALE_LOG) return axis->low > 0.0 ? ticks_log(axis, wanted, ticks) : 0;
  return ticks_linear(axis, wanted, ticks);
}
