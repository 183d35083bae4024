/* SPDX-License-Identifier: MIT */
/* Charts: a plot area with two axes that lines, points, bars and pictures are drawn into one after the other.
 *
 *   dv_chart chart;
 *   dv_chart_begin(&chart, &(dv_chart_spec){.title = "EQ", .x = dv_axis_hz("Frequency, Hz"), .y = y});
 *   dv_chart_line(&chart, freq_hz, gain_db, n, "l1", "Total");
 *   status = dv_chart_end(&chart, &page);
 *
 * What is drawn later lies above.  A name makes an entry of the legend, which stands over the plot.  `look` is
 * classes of dv_svg_style: "l2 dash".  Values that are not finite are left out and part a line in two; what
 * lies outside the axes is cut off at the edge.  Charts fill the width of their place and are drawn 460 units
 * wide, so that letters stay readable on a phone.  The same data give the same bytes. */
#ifndef DIFFVOX_REPORT_CHART_H
#define DIFFVOX_REPORT_CHART_H

#include "report/axis.h"
#include "report/svg.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the colours of a picture say. */
typedef enum {
  DV_PALETTE_LEVEL,    /* dark to light: levels */
  DV_PALETTE_DIVERGING /* blue below, clear at the middle, orange above: on any background */
} dv_palette;

/* Everything is borrowed until dv_chart_end. */
typedef struct {
  const char *title, *description; /* for screen readers; on a standalone image the title is also drawn */
  dv_axis x, y;                    /* fixed before drawing: dv_axis_cover, dv_axis_round */
  double width, height;            /* of the image and of the plot area; 0: 460 and 190 */
  double marginal;                 /* depth of the strips above and on the right for dv_chart_marginals; 0: none */
  bool colour_bar;                 /* keep room on the right for dv_chart_colour_bar */
  bool standalone;                 /* an SVG file of its own */
} dv_chart_spec;

enum { DV_CHART_MAX_LEGEND = 12 };

typedef struct {
  dv_chart_spec spec;
  dv_buffer body;
  double left, top, width, height; /* of the plot area */
  double bottom;                   /* what lies below it */
  struct {
    char look[32], name[96];
  } legend[DV_CHART_MAX_LEGEND];
  size_t legend_count;
  dv_status status;
} dv_chart;

void dv_chart_begin(dv_chart* chart, const dv_chart_spec* spec);

/* ADDS the image to out and frees the chart.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_chart_end(dv_chart* chart, dv_buffer* out);

/* A line; of many points in one column only the extremes are kept.  name may be NULL: no legend. */
void dv_chart_line(dv_chart* chart, const double* x, const double* y, size_t count, const char* look, const char* name);

/* An entry of the legend by itself, where its order should not be that of drawing. */
void dv_chart_legend(dv_chart* chart, const char* look, const char* name);

/* The area between two lines; look "f1" .. "f6". */
void dv_chart_band(dv_chart* chart, const double* x, const double* low, const double* high, size_t count,
                   const char* look, const char* name);

/* Tooltips along a line, about 24 of them: "NAME: X, Y".  The units follow the numbers; "Hz" as x_unit is
   written in Hz or kHz. */
void dv_chart_tips(dv_chart* chart, const double* x, const double* y, size_t count, const char* name,
                   const char* x_unit, const char* y_unit);

/* From the bottom up to a point each, with tooltips.  Values above the axis end at it. */
void dv_chart_stems(dv_chart* chart, const double* x, const double* y, size_t count, const char* look, const char* name,
                    const char* x_unit, const char* y_unit);

/* Points; tips[i], where tips is not NULL, is shown when a mouse rests on one. */
void dv_chart_scatter(dv_chart* chart, const double* x, const double* y, size_t count, const char* look,
                      const char* name, const char* const* tips);

/* Bar i reaches from edges[i] to edges[i + 1] and from 0 (or the bottom) to heights[i]; look "f1 bar". */
void dv_chart_bars(dv_chart* chart, const double* edges, const double* heights, size_t count, const char* look,
                   const char* name);

/* counts[bins] over low .. high; what is outside or not finite is not counted.  Returns the largest count. */
size_t dv_histogram(const double* values, size_t count, double low, double high, size_t bins, size_t* counts);

/* A histogram over the x axis as bars, in counts, or in shares of the largest where `relative`. */
void dv_chart_histogram(dv_chart* chart, const double* values, size_t count, size_t bins, bool relative,
                        const char* look, const char* name);

/* Histograms of x and y in the strips that spec.marginal keeps, as shares of the largest bin; look "f1 bar". */
void dv_chart_marginals(dv_chart* chart, const double* x, const double* y, size_t count, size_t bins, const char* look);

/* A picture over x0 .. x1 (left to right) and y0 .. y1 (axis values, mapped at the corners): row 0 lies at y0,
   `columns` values each.  low and high are the ends of the palette; NaN is clear.  Sides up to DV_PNG_MAX_SIDE. */
typedef struct {
  const float* values;
  size_t columns, rows;
  double x0, x1, y0, y1;
  double low, high;
  dv_palette palette;
  bool smooth; /* blend neighbours; otherwise every value is a tile */
} dv_heat;
void dv_chart_heat(dv_chart* chart, const dv_heat* heat);

/* The key of a picture, on the right. */
void dv_chart_colour_bar(dv_chart* chart, dv_palette palette, double low, double high, const char* label);

/* A small matrix as tiles with tooltips, over axes of names (y: dv_axis_names_down); its numbers are written into
   the tiles where they fit, with `decimals`.  high > 0 is the value of full colour, in either sign. */
void dv_chart_matrix(dv_chart* chart, const double* values, size_t rows, size_t columns, double high, int decimals);

/* A dashed line across the plot at a value, and a word beside it (NULL: none). */
void dv_chart_mark_x(dv_chart* chart, double x, const char* text);
void dv_chart_mark_y(dv_chart* chart, double y, const char* text);

/* A sentence in the middle of an empty plot: why there is nothing to see. */
void dv_chart_note(dv_chart* chart, const char* text);

#ifdef __cplusplus
}
#endif
#endif
