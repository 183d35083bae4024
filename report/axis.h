/* SPDX-License-Identifier: MIT */
/* Axes: from values to a place between 0 and 1, and ticks with labels at round numbers. */
#ifndef DIFFVOX_REPORT_AXIS_H
#define DIFFVOX_REPORT_AXIS_H

#include "report/buffer.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  DV_SCALE_LINEAR,
  DV_SCALE_LOG,  /* ticks at 1, 2, 5; 1000 is "1k", a million "1M" */
  DV_SCALE_TIME, /* seconds, labelled "3:07" */
  DV_SCALE_NAMES /* name i takes i .. i + 1 */
} dv_scale;

/* A plain value; label and names are borrowed.  low > high, an axis that runs backwards, is for names only. */
typedef struct {
  const char* label; /* "Frequency, Hz"; NULL: none */
  dv_scale scale;
  double low, high;
  const char* const* names; /* DV_SCALE_NAMES */
} dv_axis;

dv_axis dv_axis_make(dv_scale scale, const char* label, double low, double high);
/* 20 Hz to 20 kHz, logarithmic. */
dv_axis dv_axis_hz(const char* label);
/* Names from the left, or for a y axis that reads downwards from the top. */
dv_axis dv_axis_names(const char* label, const char* const* names, size_t count);
dv_axis dv_axis_names_down(const char* label, const char* const* names, size_t count);
/* An axis without room, for dv_axis_cover to widen. */
dv_axis dv_axis_empty(dv_scale scale, const char* label);

/* Widens the axis to the finite values (on a log axis: the positive ones). */
void dv_axis_cover(dv_axis* axis, const double* values, size_t count);

/* Moves both ends outwards to round numbers, at least min_span apart (a factor on a log axis).  An axis that is
   empty or has an end that is not finite becomes 0 .. 1, or 0.1 .. 1; numbers are held within 1e-12 .. 1e12. */
void dv_axis_round(dv_axis* axis, double min_span);

/* 0 at low, 1 at high, beyond outside; NaN where the value has no place. */
double dv_axis_position(const dv_axis* axis, double value);

typedef struct {
  double value;
  char label[DV_NUMBER_MAX]; /* "" where there is no room for one */
} dv_tick;
enum { DV_AXIS_MAX_TICKS = 64 };

/* About `wanted` labels.  Returns the number of ticks; of names the caller takes the labels itself: 0. */
size_t dv_axis_ticks(const dv_axis* axis, int wanted, dv_tick ticks[DV_AXIS_MAX_TICKS]);

#ifdef __cplusplus
}
#endif
#endif
