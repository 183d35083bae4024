/* SPDX-License-Identifier: MIT */
/* Self-contained HTML pages: one file with its style inside, light and dark, from phone to desktop and on paper.
 *
 * Everything is written into a dv_buffer, from the top down; what is begun is ended in reverse order.  Names and
 * texts may come from anywhere and are escaped.  The page is well-formed XML as well as HTML.
 *
 *   dv_html_begin(&b, &(dv_html_page){.title = "Fit", ...});
 *   dv_html_section_begin(&b, "eq", "Equaliser", "What the fit did to the tone.");
 *   dv_html_figures_begin(&b);
 *   dv_html_figure_begin(&b, "Gain over frequency");
 *   status = dv_chart_end(&chart, &b);
 *   dv_html_figure_end(&b, "Dashed: single bands.");
 *   dv_html_figures_end(&b);
 *   dv_html_section_end(&b);
 *   dv_html_end(&b, "diffvox-fit 0.1.0"); */
#ifndef DIFFVOX_REPORT_HTML_H
#define DIFFVOX_REPORT_HTML_H

#include "report/buffer.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* kicker: a word above the title; lead: the result in a sentence or two below it.  Either may be NULL. */
typedef struct {
  const char *title, *kicker, *lead;
} dv_html_page;
void dv_html_begin(dv_buffer* b, const dv_html_page* page);
/* footer: a line at the foot; may be NULL. */
void dv_html_end(dv_buffer* b, const char* footer);

/* id: letters and digits, once in a page.  intro may be NULL. */
void dv_html_section_begin(dv_buffer* b, const char* id, const char* heading, const char* intro);
void dv_html_section_end(dv_buffer* b);

void dv_html_subheading(dv_buffer* b, const char* text);
void dv_html_paragraph(dv_buffer* b, const char* text);

/* A few numbers that matter most, side by side; unit and detail may be NULL. */
void dv_html_facts_begin(dv_buffer* b);
void dv_html_fact(dv_buffer* b, const char* label, const char* value, const char* detail);
void dv_html_facts_end(dv_buffer* b);

/* Notes and warnings. */
void dv_html_notes_begin(dv_buffer* b);
void dv_html_note(dv_buffer* b, bool warning, const char* text);
void dv_html_notes_end(dv_buffer* b);

/* Figures share a grid: two beside each other where there is room.  Between begin and end of a figure comes the
   image; caption may be NULL. */
void dv_html_figures_begin(dv_buffer* b);
void dv_html_figures_end(dv_buffer* b);
void dv_html_figure_begin(dv_buffer* b, const char* title);
void dv_html_figure_end(dv_buffer* b, const char* caption);

/* A table.  alignment has a letter a column: 'l' text, 'r' numbers, 'c' code.  caption may be NULL. */
void dv_html_table_begin(dv_buffer* b, const char* caption, const char* const* headings, const char* alignment);
void dv_html_row(dv_buffer* b, const char* const* cells, const char* alignment);
/* A row that begins a group. */
void dv_html_group_row(dv_buffer* b, const char* heading, size_t columns);
void dv_html_table_end(dv_buffer* b);

/* What is rarely wanted, folded away: open on paper. */
void dv_html_details_begin(dv_buffer* b, const char* summary);
void dv_html_details_end(dv_buffer* b);

/* A comparison of up to 9 recordings of equal length: players one under the other, which a small script turns
   into one player that keeps its place while switching; keys 1 .. 9 and space.  One comparison in a page. */
typedef struct {
  const char* label; /* "Dry" */
  const char* file;  /* name of the whole recording beside the page, a link; NULL: none */
  const char* type;  /* "audio/mpeg" */
  const dv_buffer* audio;
} dv_html_audio;
void dv_html_compare(dv_buffer* b, const dv_html_audio* recordings, size_t count, const char* caption);

#ifdef __cplusplus
}
#endif
#endif
