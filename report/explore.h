/* SPDX-License-Identifier: MIT */
/* The parts of a page that answer the mouse: tables that sort, and a map whose points show curves.
 *
 * Both work without a script too: the table stands as it was written, and the map shows the curves of one point. */
#ifndef DIFFVOX_REPORT_EXPLORE_H
#define DIFFVOX_REPORT_EXPLORE_H

#include "report/chart.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Style and script; once in a page, before the first of its parts. */
void dv_explore_begin(dv_buffer* b);

/* A table as dv_html_table_begin's, whose headings sort it: numbers by value, text by letters, empty cells last.  It
   scrolls within a height of its own.  Rows by dv_html_row; ended by dv_html_table_end. */
void dv_explore_table_begin(dv_buffer* b, const char* caption, const char* const* headings, const char* alignment);

enum { DV_EXPLORE_CURVES = 3 };

/* One of the charts beside the map.  values: points x count, a row of `points` a point of the map, at equal distances
   along the x axis; reference: one such row, drawn dashed under its name (NULL: none). */
typedef struct {
  const char* title;
  dv_axis x, y;
  size_t points;
  const float* values;
  const double* reference;
} dv_explore_curve;

/* A group of points of one colour; its points follow those of the group before. */
typedef struct {
  const char *name, *look; /* "t1" */
  size_t count;
} dv_explore_group;

typedef struct {
  const char *title, *description;
  dv_axis x, y; /* cover all points */
  size_t count;
  const double *at_x, *at_y;
  const char* const* names;
  const dv_explore_group* groups;
  size_t group_count;
  size_t shown; /* the point whose curves are drawn at first */
  const char* reference_name;
  dv_explore_curve curves[DV_EXPLORE_CURVES];
} dv_explore_map;

/* One map in a page.  Numbers of curves are kept to a tenth of a thousandth of their axis.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_explore_put_map(dv_buffer* b, const dv_explore_map* map);

#ifdef __cplusplus
}
#endif
#endif
