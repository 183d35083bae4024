/* SPDX-License-Identifier: MIT */
#include "report/chart.h"

#include "report/palette.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIPS = 24, COLOUR_BAR_ROOM = 58, COLOUR_BAR_WIDTH = 10, LEGEND_ROW = 20, X_LABELS = 9, Y_LABELS = 5 };

static const double DEFAULT_WIDTH = 460.0, DEFAULT_HEIGHT = 190.0;
/* Mean widths of digits and of words, at the size that phones get and in wide fonts. */
static const double CHARACTER = 7.6, WORD_CHARACTER = 8.4;
static const double MARGIN = 14.0, LABEL_ROW = 22.0, RIGHT_MARGIN = 18.0;

/* --- Frame ----------------------------------------------------------------------------------------------- */

static size_t characters(const char* text)
{
  size_t count = 0;
  for (; *text; ++text) count += ((unsigned char)*text & 0xc0) != 0x80;
  return count;
}

static double longest_name(const dv_axis* axis)
{
  const size_t count = (size_t)fmax(axis->low, axis->high);
  size_t longest = 0;
  for (size_t i = 0; i < count && axis->names; ++i) {
    const size_t length = characters(axis->names[i]);
    longest = length > longest ? length : longest;
  }
  return WORD_CHARACTER * (double)longest;
}

static double left_margin(const dv_axis* y)
{
  dv_tick ticks[DV_AXIS_MAX_TICKS];
  if (y->scale == DV_SCALE_NAMES) return MARGIN + longest_name(y);
  const size_t count = dv_axis_ticks(y, Y_LABELS, ticks);
  size_t longest = 1;
  for (size_t i = 0; i < count; ++i) {
    const size_t length = characters(ticks[i].label);
    longest = length > longest ? length : longest;
  }
  return MARGIN + CHARACTER * (double)longest;
}

static double x_of(const dv_chart* chart, double value)
{
  return chart->width * fmin(fmax(dv_axis_position(&chart->spec.x, value), -8.0), 9.0);
}

static double y_of(const dv_chart* chart, double value)
{
  return chart->height * (1.0 - fmin(fmax(dv_axis_position(&chart->spec.y, value), -8.0), 9.0));
}

/* fmin and fmax turn NaN into a number. */
static bool has_place(const dv_chart* chart, double x, double y)
{
  return !isnan(dv_axis_position(&chart->spec.x, x)) && !isnan(dv_axis_position(&chart->spec.y, y));
}

static void draw_y_ticks(dv_chart* chart)
{
  dv_tick ticks[DV_AXIS_MAX_TICKS];
  const size_t count = dv_axis_ticks(&chart->spec.y, Y_LABELS, ticks);
  for (size_t i = 0; i < count; ++i) {
    const double y = chart->top + y_of(chart, ticks[i].value);
    const bool zero = chart->spec.y.scale == DV_SCALE_LINEAR && !(fabs(ticks[i].value) > 0.0);
    dv_svg_line(&chart->body, chart->left, y, chart->left + chart->width, y, zero ? "zero" : "grid");
    if (*ticks[i].label) dv_svg_text(&chart->body, chart->left - 6, y + 4, DV_SVG_END, NULL, ticks[i].label);
  }
}

static void draw_x_ticks(dv_chart* chart)
{
  dv_tick ticks[DV_AXIS_MAX_TICKS];
  const size_t count = dv_axis_ticks(&chart->spec.x, X_LABELS, ticks);
  const double bottom = chart->top + chart->height;
  double free_from = -MARGIN; /* labels must not touch */
  for (size_t i = 0; i < count; ++i) {
    const double x = chart->left + x_of(chart, ticks[i].value);
    const double half = CHARACTER * (double)characters(ticks[i].label) / 2.0;
    dv_svg_line(&chart->body, x, chart->top, x, bottom, "grid");
    if (!*ticks[i].label || x - half < free_from) continue;
    dv_svg_text(&chart->body, x, bottom + 17, DV_SVG_MIDDLE, NULL, ticks[i].label);
    free_from = x + half + 4;
  }
}

static bool names_upright(const dv_chart* chart)
{
  return longest_name(&chart->spec.x) > chart->width / fmax(chart->spec.x.high, 1.0);
}

static void draw_names(dv_chart* chart)
{
  const dv_axis *x = &chart->spec.x, *y = &chart->spec.y;
  const double bottom = chart->top + chart->height;
  for (size_t i = 0; x->scale == DV_SCALE_NAMES && x->names && (double)i < x->high; ++i) {
    const double middle = chart->left + x_of(chart, (double)i + 0.5);
    if (names_upright(chart)) dv_svg_text_up(&chart->body, middle + 4, bottom + 8, x->names[i]);
    else dv_svg_text(&chart->body, middle, bottom + 17, DV_SVG_MIDDLE, NULL, x->names[i]);
  }
  for (size_t i = 0; y->scale == DV_SCALE_NAMES && y->names && (double)i < fmax(y->low, y->high); ++i)
    dv_svg_text(&chart->body, chart->left - 6, chart->top + y_of(chart, (double)i + 0.5) + 4, DV_SVG_END, NULL,
                y->names[i]);
}

static void draw_axis_labels(dv_chart* chart)
{
  const double bottom = chart->top + chart->height + chart->bottom;
  if (chart->spec.y.label) dv_svg_text(&chart->body, chart->left, 14, DV_SVG_START, NULL, chart->spec.y.label);
  if (chart->spec.x.label)
    dv_svg_text(&chart->body, chart->left + chart->width / 2, bottom - 4, DV_SVG_MIDDLE, NULL, chart->spec.x.label);
}

static void lay_out(dv_chart* chart)
{
  const dv_chart_spec* spec = &chart->spec;
  const double right = spec->marginal > 0 ? spec->marginal + 6 : spec->colour_bar ? COLOUR_BAR_ROOM : RIGHT_MARGIN;
  chart->left = left_margin(&spec->y);
  chart->top = (spec->y.label ? LABEL_ROW : 8) + (spec->marginal > 0 ? spec->marginal + 6 : 0);
  chart->width = fmax((spec->width > 0 ? spec->width : DEFAULT_WIDTH) - chart->left - right, 40.0);
  chart->height = spec->height > 0 ? spec->height : DEFAULT_HEIGHT;
  chart->bottom = LABEL_ROW + (spec->x.label ? 18 : 0);
  if (spec->x.scale == DV_SCALE_NAMES && names_upright(chart)) chart->bottom += longest_name(&spec->x) - 12;
}

/* An axis that cannot be drawn on becomes one that can. */
static void mend(dv_axis* axis)
{
  const double span = axis->high - axis->low;
  const bool usable = isfinite(span) && fabs(span) > 0.0 && (axis->scale == DV_SCALE_NAMES || span > 0.0) &&
                      (axis->scale != DV_SCALE_LOG || axis->low > 0.0);
  if (!usable && axis->scale == DV_SCALE_NAMES) axis->high = axis->low + 1.0;
  else if (!usable) dv_axis_round(axis, 0.0);
}

void dv_chart_begin(dv_chart* chart, const dv_chart_spec* spec)
{
  *chart = (dv_chart){.spec = *spec};
  mend(&chart->spec.x);
  mend(&chart->spec.y);
  lay_out(chart);
  draw_y_ticks(chart);
  draw_x_ticks(chart);
  draw_names(chart);
  draw_axis_labels(chart);
  dv_svg_clip_begin(&chart->body, chart->left, chart->top, chart->width, chart->height);
}

/* --- Legend ---------------------------------------------------------------------------------------------- */

void dv_chart_legend(dv_chart* chart, const char* look, const char* name)
{
  if (!name || chart->legend_count == DV_CHART_MAX_LEGEND) return;
  const size_t entry = chart->legend_count++;
  snprintf(chart->legend[entry].look, sizeof chart->legend[entry].look, "%s", look);
  snprintf(chart->legend[entry].name, sizeof chart->legend[entry].name, "%s", name);
}

static void draw_swatch(dv_buffer* out, double x, double y, const char* look)
{
  if (*look == 't') dv_svg_circle(out, x + 8, y - 4, 4, look, NULL);
  else if (*look == 'f') dv_svg_rect(out, x, y - 9, 16, 10, look, NULL);
  else dv_svg_line(out, x, y - 4, x + 16, y - 4, look);
}

/* Returns the rows that it takes; draws them, the first at y, when out is not NULL. */
static int place_legend(const dv_chart* chart, dv_buffer* out, double y)
{
  const double right = chart->left + chart->width;
  double x = chart->left;
  int rows = chart->legend_count > 0;
  for (size_t i = 0; i < chart->legend_count; ++i) {
    const double width = 22 + WORD_CHARACTER * (double)characters(chart->legend[i].name);
    if (x > chart->left && x + width > right) {
      x = chart->left;
      ++rows;
    }
    if (out) {
      const double base = y + LEGEND_ROW * (rows - 1);
      draw_swatch(out, x, base, chart->legend[i].look);
      dv_svg_text(out, x + 22, base, DV_SVG_START, NULL, chart->legend[i].name);
    }
    x += width + 12;
  }
  return rows;
}

dv_status dv_chart_end(dv_chart* chart, dv_buffer* out)
{
  dv_svg_clip_end(&chart->body);
  const bool titled = chart->spec.standalone && chart->spec.title;
  const int legend_rows = place_legend(chart, NULL, 0.0);
  const double above = LEGEND_ROW * legend_rows + (titled ? 26 : 0);
  const double width = chart->spec.width > 0 ? chart->spec.width : DEFAULT_WIDTH;
  const dv_svg_frame frame = {.top = -above,
                              .width = width,
                              .height = above + chart->top + chart->height + chart->bottom,
                              .title = chart->spec.title,
                              .description = chart->spec.description,
                              .standalone = chart->spec.standalone};
  dv_svg_begin(out, &frame);
  if (titled) dv_svg_text(out, chart->left, -above + 17, DV_SVG_START, "ink name", chart->spec.title);
  place_legend(chart, out, -LEGEND_ROW * legend_rows + 13);
  dv_buffer_bytes(out, chart->body.data, chart->body.size);
  dv_svg_end(out);
  const dv_status status = chart->status ? chart->status : chart->body.status ? chart->body.status : out->status;
  dv_buffer_free(&chart->body);
  return status;
}

/* --- Lines and areas ------------------------------------------------------------------------------------- */

typedef struct {
  double x, y;
} point;

/* The points of a stretch that share a column of half a unit: first, extremes and last say it all. */
static void put_column(dv_chart* chart, const point* points, size_t count, bool move)
{
  size_t keep[4] = {0, 0, 0, count - 1};
  for (size_t i = 1; i < count; ++i) {
    if (points[i].y < points[keep[1]].y) keep[1] = i;
    if (points[i].y > points[keep[2]].y) keep[2] = i;
  }
  if (keep[1] > keep[2]) {
    const size_t swap = keep[1];
    keep[1] = keep[2];
    keep[2] = swap;
  }
  for (int k = 0; k < 4; ++k)
    if (k == 0 || keep[k] != keep[k - 1]) {
      dv_svg_path_point(&chart->body, points[keep[k]].x, points[keep[k]].y, move && k == 0);
    }
}

static void put_stretch(dv_chart* chart, const point* points, size_t count)
{
  const bool crowded = (double)count > 2.0 * chart->width;
  for (size_t i = 0, next; i < count; i = next) {
    next = i + 1;
    while (crowded && next < count && floor(2.0 * points[next].x) <= floor(2.0 * points[i].x)) ++next;
    put_column(chart, points + i, next - i, i == 0);
  }
  /* A single point is seen as a dot. */
  if (count == 1) dv_svg_path_point(&chart->body, points[0].x + 0.5, points[0].y, false);
}

void dv_chart_line(dv_chart* chart, const double* x, const double* y, size_t count, const char* look, const char* name)
{
  dv_chart_legend(chart, look, name);
  point* points = malloc((count ? count : 1) * sizeof *points);
  if (!points) {
    chart->status = DV_ERR_NOMEM;
    return;
  }
  dv_svg_path_begin(&chart->body, look);
  for (size_t i = 0, used = 0; i <= count; ++i) {
    if (i < count && has_place(chart, x[i], y[i])) {
      points[used++] = (point){x_of(chart, x[i]), y_of(chart, y[i])};
    } else if (used) {
      put_stretch(chart, points, used);
      used = 0;
    }
  }
  dv_svg_path_end(&chart->body, name);
  free(points);
}

void dv_chart_band(dv_chart* chart, const double* x, const double* low, const double* high, size_t count,
                   const char* look, const char* name)
{
  dv_chart_legend(chart, look, name);
  dv_svg_path_begin(&chart->body, look);
  for (size_t i = 0; i < count;) {
    const size_t first = i;
    for (; i < count && has_place(chart, x[i], low[i]) && has_place(chart, x[i], high[i]); ++i)
      dv_svg_path_point(&chart->body, x_of(chart, x[i]), y_of(chart, high[i]), i == first);
    for (size_t k = i; k > first; --k)
      dv_svg_path_point(&chart->body, x_of(chart, x[k - 1]), y_of(chart, low[k - 1]), false);
    if (i > first) dv_svg_path_close(&chart->body);
    else ++i;
  }
  dv_svg_path_end(&chart->body, name);
}

/* "NAME: X, Y" */
static void tip_text(char* text, size_t size, const char* name, double x, double y, const char* x_unit,
                     const char* y_unit)
{
  char xs[DV_NUMBER_MAX + 16], ys[DV_NUMBER_MAX + 16];
  if (x_unit && !strcmp(x_unit, "Hz")) dv_format_hz(xs, sizeof xs, x);
  else dv_format_digits(xs, sizeof xs, x, 4, x_unit);
  dv_format_digits(ys, sizeof ys, y, 3, y_unit);
  snprintf(text, size, "%s%s%s, %s", name ? name : "", name ? ": " : "", xs, ys);
}

void dv_chart_tips(dv_chart* chart, const double* x, const double* y, size_t count, const char* name,
                   const char* x_unit, const char* y_unit)
{
  char text[256];
  const size_t stride = count > TIPS ? count / TIPS : 1;
  for (size_t i = stride / 2; i < count; i += stride) {
    if (!has_place(chart, x[i], y[i])) continue;
    tip_text(text, sizeof text, name, x[i], y[i], x_unit, y_unit);
    dv_svg_circle(&chart->body, x_of(chart, x[i]), y_of(chart, y[i]), 9, "hit", text);
  }
}

void dv_chart_stems(dv_chart* chart, const double* x, const double* y, size_t count, const char* look, const char* name,
                    const char* x_unit, const char* y_unit)
{
  char text[256], line[40];
  dv_chart_legend(chart, look, name);
  snprintf(line, sizeof line, "l%s", *look ? look + 1 : "");
  for (size_t i = 0; i < count; ++i) {
    if (!has_place(chart, x[i], y[i])) continue;
    const double at = x_of(chart, x[i]), top = fmax(y_of(chart, y[i]), 4.0);
    dv_svg_line(&chart->body, at, chart->height, at, top, line);
    tip_text(text, sizeof text, name, x[i], y[i], x_unit, y_unit);
    dv_svg_circle(&chart->body, at, top, 4, look, text);
  }
}

void dv_chart_scatter(dv_chart* chart, const double* x, const double* y, size_t count, const char* look,
                      const char* name, const char* const* tips)
{
  dv_chart_legend(chart, look, name);
  for (size_t i = 0; i < count; ++i)
    if (has_place(chart, x[i], y[i]))
      dv_svg_circle(&chart->body, x_of(chart, x[i]), y_of(chart, y[i]), 2.8, look, tips ? tips[i] : NULL);
}

/* --- Bars ------------------------------------------------------------------------------------------------ */

void dv_chart_bars(dv_chart* chart, const double* edges, const double* heights, size_t count, const char* look,
                   const char* name)
{
  const double base = fmin(y_of(chart, fmax(chart->spec.y.low, 0.0)), chart->height);
  dv_chart_legend(chart, look, name);
  for (size_t i = 0; i < count; ++i) {
    if (!has_place(chart, edges[i], heights[i]) || !has_place(chart, edges[i + 1], heights[i])) continue;
    char low[DV_NUMBER_MAX], high[DV_NUMBER_MAX], value[DV_NUMBER_MAX], text[128];
    const double left = x_of(chart, edges[i]), right = x_of(chart, edges[i + 1]), y = y_of(chart, heights[i]);
    dv_format_digits(low, sizeof low, edges[i], 3, NULL);
    dv_format_digits(high, sizeof high, edges[i + 1], 3, NULL);
    dv_format_digits(value, sizeof value, heights[i], 4, NULL);
    snprintf(text, sizeof text, "%s \xe2\x80\xa6 %s: %s", low, high, value);
    dv_svg_rect(&chart->body, left, fmin(y, base), fmax(right - left - 0.6, 0.4), fabs(base - y), look, text);
  }
}

size_t dv_histogram(const double* values, size_t count, double low, double high, size_t bins, size_t* counts)
{
  size_t most = 0;
  memset(counts, 0, bins * sizeof *counts);
  for (size_t i = 0; i < count; ++i) {
    if (!(values[i] >= low && values[i] <= high)) continue;
    const size_t bin = (size_t)((values[i] - low) / (high - low) * (double)bins);
    const size_t held = bin < bins ? bin : bins - 1; /* high itself is in the last */
    if (++counts[held] > most) most = counts[held];
  }
  return most;
}

/* bins + 1 places and bins shares of the largest, or counts; NULL without memory.  Free with free. */
static double* histogram_bars(const dv_axis* axis, const double* values, size_t count, size_t bins, bool relative)
{
  double* bars = malloc((2 * bins + 1) * sizeof *bars);
  size_t* counts = malloc((bins ? bins : 1) * sizeof *counts);
  if (bars && counts) {
    const size_t most = dv_histogram(values, count, axis->low, axis->high, bins, counts);
    for (size_t i = 0; i <= bins; ++i)
      bars[i] = axis->low + (axis->high - axis->low) * (double)i / (double)(bins ? bins : 1);
    for (size_t i = 0; i < bins; ++i) bars[bins + 1 + i] = (double)counts[i] / (relative && most ? (double)most : 1.0);
  } else {
    free(bars);
    bars = NULL;
  }
  free(counts);
  return bars;
}

void dv_chart_histogram(dv_chart* chart, const double* values, size_t count, size_t bins, bool relative,
                        const char* look, const char* name)
{
  double* bars = histogram_bars(&chart->spec.x, values, count, bins, relative);
  if (bars) dv_chart_bars(chart, bars, bars + bins + 1, bins, look, name);
  else chart->status = DV_ERR_NOMEM;
  free(bars);
}

void dv_chart_marginals(dv_chart* chart, const double* x, const double* y, size_t count, size_t bins, const char* look)
{
  const double depth = chart->spec.marginal;
  double* across = histogram_bars(&chart->spec.x, x, count, bins, true);
  double* up = histogram_bars(&chart->spec.y, y, count, bins, true);
  if (!across || !up) chart->status = DV_ERR_NOMEM;
  dv_svg_clip_end(&chart->body); /* they stand outside the plot */
  for (size_t i = 0; across && up && i < bins; ++i) {
    const double left = chart->left + x_of(chart, across[i]), right = chart->left + x_of(chart, across[i + 1]);
    const double bottom = chart->top + y_of(chart, up[i]), top = chart->top + y_of(chart, up[i + 1]);
    const double tall = depth * across[bins + 1 + i], wide = depth * up[bins + 1 + i];
    if (tall > 0)
      dv_svg_rect(&chart->body, left, chart->top - 4 - tall, fmax(right - left - 0.6, 0.4), tall, look, NULL);
    if (wide > 0)
      dv_svg_rect(&chart->body, chart->left + chart->width + 4, top, wide, fmax(bottom - top - 0.6, 0.4), look, NULL);
  }
  dv_svg_clip_begin(&chart->body, chart->left, chart->top, chart->width, chart->height);
  free(across);
  free(up);
}

/* --- Pictures -------------------------------------------------------------------------------------------- */

static void put_png(dv_chart* chart, const uint8_t* indices, size_t columns, size_t rows, dv_palette palette,
                    bool smooth, const double box[4])
{
  dv_buffer png = {0};
  dv_colour colours[DV_PALETTE_LEVELS];
  dv_palette_fill(palette, colours);
  const dv_status status = dv_png_write(&png, indices, columns, rows, colours, DV_PALETTE_LEVELS);
  if (status) chart->status = status;
  else dv_svg_png(&chart->body, box[0], box[1], box[2], box[3], smooth, &png);
  dv_buffer_free(&png);
}

void dv_chart_heat(dv_chart* chart, const dv_heat* heat)
{
  const size_t count = heat->columns * heat->rows;
  if (!count || !has_place(chart, heat->x0, heat->y0) || !has_place(chart, heat->x1, heat->y1)) return;
  const double left = x_of(chart, heat->x0), right = x_of(chart, heat->x1);
  const double first = y_of(chart, heat->y0), last = y_of(chart, heat->y1);
  uint8_t* indices = malloc(count);
  if (!indices) {
    chart->status = DV_ERR_NOMEM;
    return;
  }
  for (size_t row = 0; row < heat->rows; ++row) {
    const size_t from_top = first > last ? heat->rows - 1 - row : row;
    for (size_t i = 0; i < heat->columns; ++i)
      indices[from_top * heat->columns + i] =
        dv_palette_index((double)heat->values[row * heat->columns + i], heat->low, heat->high);
  }
  const double box[4] = {left, fmin(first, last), right - left, fabs(last - first)};
  put_png(chart, indices, heat->columns, heat->rows, heat->palette, heat->smooth, box);
  free(indices);
}

void dv_chart_colour_bar(dv_chart* chart, dv_palette palette, double low, double high, const char* label)
{
  uint8_t indices[DV_PALETTE_LEVELS - 1];
  dv_tick ticks[DV_AXIS_MAX_TICKS];
  const dv_axis axis = dv_axis_make(DV_SCALE_LINEAR, label, low, high);
  const double left = chart->left + chart->width + 10;
  const double box[4] = {left, chart->top, COLOUR_BAR_WIDTH, chart->height};
  for (int i = 0; i < DV_PALETTE_LEVELS - 1; ++i) indices[i] = (uint8_t)(DV_PALETTE_LEVELS - 1 - i);
  dv_svg_clip_end(&chart->body); /* it stands outside the plot */
  put_png(chart, indices, 1, sizeof indices, palette, true, box);
  const size_t count = dv_axis_ticks(&axis, Y_LABELS, ticks);
  for (size_t i = 0; i < count; ++i) {
    const double y = chart->top + chart->height * (1.0 - dv_axis_position(&axis, ticks[i].value));
    dv_svg_text(&chart->body, left + COLOUR_BAR_WIDTH + 4, fmax(y + 4, chart->top + 9), DV_SVG_START, NULL,
                ticks[i].label);
  }
  if (label) dv_svg_text(&chart->body, left + COLOUR_BAR_WIDTH + 4, chart->top - 8, DV_SVG_END, NULL, label);
  dv_svg_clip_begin(&chart->body, chart->left, chart->top, chart->width, chart->height);
}

static void put_tile(dv_chart* chart, size_t row, size_t column, double value, double high, int decimals)
{
  const dv_axis *x = &chart->spec.x, *y = &chart->spec.y;
  const double left = x_of(chart, (double)column), width = x_of(chart, (double)column + 1) - left;
  const double top = y_of(chart, (double)row), height = y_of(chart, (double)row + 1) - top;
  char number[DV_NUMBER_MAX], text[256];
  dv_format_column(number, sizeof number, value, decimals);
  snprintf(text, sizeof text, "%.100s, %.100s: %s", y->names ? y->names[row] : "", x->names ? x->names[column] : "",
           number);
  const double share = isnan(value) ? 0.0 : fmin(fabs(value) / high, 1.0);
  dv_svg_tile(&chart->body, left + 0.5, top + 0.5, width - 1, height - 1, value < 0 ? "neg" : "pos", 0.7 * share, text);
  if (width > 5.6 * (double)characters(number) + 4 && height > 13)
    dv_svg_text(&chart->body, left + width / 2, top + height / 2 + 3.5, DV_SVG_MIDDLE, "ink num", number);
}

void dv_chart_matrix(dv_chart* chart, const double* values, size_t rows, size_t columns, double high, int decimals)
{
  for (size_t row = 0; row < rows; ++row)
    for (size_t column = 0; column < columns; ++column)
      put_tile(chart, row, column, values[row * columns + column], high > 0.0 ? high : 1.0, decimals);
}

/* --- Words ----------------------------------------------------------------------------------------------- */

void dv_chart_mark_x(dv_chart* chart, double x, const char* text)
{
  const double position = dv_axis_position(&chart->spec.x, x);
  if (!(position >= 0.0 && position <= 1.0)) return;
  const double at = position * chart->width;
  const bool near_end = position > 0.6;
  dv_svg_line(&chart->body, at, 0, at, chart->height, "mark");
  if (text)
    dv_svg_text(&chart->body, near_end ? at - 6 : at + 6, 14, near_end ? DV_SVG_END : DV_SVG_START, "halo", text);
}

void dv_chart_mark_y(dv_chart* chart, double y, const char* text)
{
  const double position = dv_axis_position(&chart->spec.y, y);
  if (!(position >= 0.0 && position <= 1.0)) return;
  const double at = (1.0 - position) * chart->height;
  dv_svg_line(&chart->body, 0, at, chart->width, at, "mark");
  if (text) dv_svg_text(&chart->body, chart->width - 4, at < 20 ? at + 14 : at - 5, DV_SVG_END, "halo", text);
}

void dv_chart_note(dv_chart* chart, const char* text)
{
  dv_svg_text(&chart->body, chart->width / 2, chart->height / 2, DV_SVG_MIDDLE, "halo", text);
}
