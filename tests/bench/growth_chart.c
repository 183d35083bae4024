/* SPDX-License-Identifier: MIT */
#include "datasets/file.h"
#include "growth.h"
#include "report/chart.h"

#include <stdio.h>

static const double PANEL_WIDTH = 340.0, PLOT_HEIGHT = 200.0, GAP = 10.0, MARGIN = 12.0;
static const double TITLE_HEIGHT = 24.0, LEGEND_HEIGHT = 20.0; /* every panel has one row */

/* Columns of a series, to be drawn. */
typedef struct {
  double minutes[GROWTH_MAX_CASES], batch[GROWTH_MAX_CASES];
  double whole_s[GROWTH_MAX_CASES], rest_s[GROWTH_MAX_CASES], step_s[GROWTH_MAX_CASES];
  double peak_mb[GROWTH_MAX_CASES], stems_mb[GROWTH_MAX_CASES], own_mb[GROWTH_MAX_CASES];
  size_t count;
} columns;

static void make_columns(const growth_series* series, columns* c)
{
  c->count = series->count;
  for (size_t i = 0; i < series->count; ++i) {
    const growth_result* r = &series->results[i];
    c->minutes[i] = r->seconds / 60.0;
    c->batch[i] = (double)r->batch;
    c->whole_s[i] = growth_whole(r).cpu_s;
    c->rest_s[i] = growth_rest(r).cpu_s;
    c->step_s[i] = r->step.cpu_s;
    c->peak_mb[i] = r->peak_mb;
    c->stems_mb[i] = r->stems_mb;
    c->own_mb[i] = r->peak_mb - r->stems_mb;
  }
}

/* --- Panels ------------------------------------------------------------------------------------------------------ */

static void begin_panel(dv_chart* chart, const char* title, const char* description, dv_axis x, dv_axis y)
{
  const dv_chart_spec spec = {
    .title = title, .description = description, .x = x, .y = y, .width = PANEL_WIDTH, .height = PLOT_HEIGHT};
  dv_chart_begin(chart, &spec);
}

/* How one thing is drawn and called. */
typedef struct {
  const char *line, *point, *name;
} look;

/* A line through points that can be seen and pointed at. */
static void put_measured(dv_chart* chart, const double* x, const double* y, size_t count, look l,
                         const char* const units[2])
{
  dv_chart_line(chart, x, y, count, l.line, NULL);
  dv_chart_scatter(chart, x, y, count, l.point, NULL, NULL);
  dv_chart_tips(chart, x, y, count, l.name, units[0], units[1]);
}

/* Grows with x, through the first point. */
static void put_proportion(dv_chart* chart, const double* x, const double* y, size_t count, look l)
{
  if (count == 0) return;
  const double ends_x[2] = {x[0], x[count - 1]}, ends_y[2] = {y[0], y[0] * x[count - 1] / x[0]};
  dv_chart_line(chart, ends_x, ends_y, 2, l.line, NULL);
}

/* What matters most is drawn last and named first. */
static void put_legend(dv_chart* chart, const look* looks, size_t count)
{
  for (size_t i = 0; i < count; ++i) dv_chart_legend(chart, looks[i].line, looks[i].name);
}

static dv_axis length_axis(const columns* c)
{
  dv_axis x = dv_axis_empty(DV_SCALE_LOG, "Length of the song, minutes");
  dv_axis_cover(&x, c->minutes, c->count);
  x.low *= 0.8;
  x.high *= 1.25;
  return x;
}

static void draw_time(const columns* c, dv_chart* chart)
{
  static const char* const units[2] = {"min", "s"};
  static const look looks[3] = {{"l1", "t1", "all"}, {"l2", "t2", "without steps"}, {"l6 dash", NULL, "slope 1"}};
  dv_axis y = dv_axis_empty(DV_SCALE_LOG, "Processor time, s");
  dv_axis_cover(&y, c->whole_s, c->count);
  dv_axis_cover(&y, c->rest_s, c->count);
  y.high *= 2.0; /* room for the slope */
  dv_axis_round(&y, 10.0);
  begin_panel(chart, "A whole fit", "Time of a fit over the length of the song", length_axis(c), y);
  put_legend(chart, looks, 3);
  put_proportion(chart, c->minutes, c->whole_s, c->count, looks[2]);
  put_measured(chart, c->minutes, c->rest_s, c->count, looks[1], units);
  put_measured(chart, c->minutes, c->whole_s, c->count, looks[0], units);
}

static void draw_memory(const columns* c, dv_chart* chart)
{
  static const char* const units[2] = {"min", "MB"};
  static const look looks[3] = {{"l1", "t1", "all"}, {"l2", "t2", "without stems"}, {"l6 dash", NULL, "stems"}};
  dv_axis y = dv_axis_empty(DV_SCALE_LOG, "Memory, MB");
  dv_axis_cover(&y, c->peak_mb, c->count);
  dv_axis_cover(&y, c->stems_mb, c->count);
  dv_axis_round(&y, 10.0);
  begin_panel(chart, "Peak memory", "Peak memory of a fit over the length of the song", length_axis(c), y);
  put_legend(chart, looks, 3);
  dv_chart_line(chart, c->minutes, c->stems_mb, c->count, looks[2].line, NULL);
  put_measured(chart, c->minutes, c->own_mb, c->count, looks[1], units);
  put_measured(chart, c->minutes, c->peak_mb, c->count, looks[0], units);
}

static void draw_step(const columns* c, dv_chart* chart)
{
  static const char* const units[2] = {"chunks", "s"};
  static const look looks[2] = {{"l1", "t1", "together"}, {"l6 dash", NULL, "one at a time"}};
  dv_axis x = dv_axis_make(DV_SCALE_LINEAR, "Chunks compared in a step", 0.0, 0.0);
  dv_axis y = dv_axis_make(DV_SCALE_LINEAR, "Processor time, s", 0.0, 0.0);
  dv_axis_cover(&x, c->batch, c->count);
  dv_axis_cover(&y, c->step_s, c->count);
  dv_axis_round(&x, 1.0);
  dv_axis_round(&y, 0.0);
  begin_panel(chart, "One step", "Time of a step over the chunks it compares", x, y);
  put_legend(chart, looks, 2);
  put_proportion(chart, c->batch, c->step_s, c->count, looks[1]);
  put_measured(chart, c->batch, c->step_s, c->count, looks[0], units);
}

/* --- The picture ------------------------------------------------------------------------------------------------- */

static dv_status put_panel(dv_chart* chart, int place, dv_buffer* out)
{
  const double x = MARGIN + place * (PANEL_WIDTH + GAP), height = chart->top + chart->height + chart->bottom;
  dv_svg_text(out, x + chart->left, MARGIN + 12, DV_SVG_START, "ink name", chart->spec.title);
  dv_svg_clip_begin(out, x, MARGIN + TITLE_HEIGHT, PANEL_WIDTH, LEGEND_HEIGHT + height);
  const dv_status status = dv_chart_end(chart, out);
  dv_svg_clip_end(out);
  return status;
}

dv_status growth_draw(const growth_series* lengths, const growth_series* batches, const char* path, dv_error* err)
{
  dv_chart charts[3];
  dv_buffer out = {0};
  columns over_length, over_batch;
  make_columns(lengths, &over_length);
  make_columns(batches, &over_batch);
  draw_time(&over_length, &charts[0]);
  draw_memory(&over_length, &charts[1]);
  draw_step(&over_batch, &charts[2]);
  const dv_svg_frame frame = {.width = 2 * MARGIN + 3 * PANEL_WIDTH + 2 * GAP,
                              .height = 2 * MARGIN + TITLE_HEIGHT + LEGEND_HEIGHT + charts[0].top + charts[0].height +
                                        charts[0].bottom,
                              .title = "How time and memory of a fit grow",
                              .description = "Over the length of the song, and over the chunks of a step",
                              .standalone = true};
  dv_svg_begin(&out, &frame);
  dv_status status = DV_OK;
  for (int i = 0; i < 3; ++i) {
    const dv_status drawn = put_panel(&charts[i], i, &out);
    if (!status) status = drawn;
  }
  dv_svg_end(&out);
  if (!status) status = out.status;
  status =
    status ? dv_fail(err, status, "out of memory for the picture") : dv_file_write(path, out.data, out.size, err);
  dv_buffer_free(&out);
  return status;
}
