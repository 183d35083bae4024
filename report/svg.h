/* SPDX-License-Identifier: MIT */
/* SVG, element by element, into a dv_buffer.
 *
 * Coordinates are in user units with two decimals.  What an element looks like is said by classes of
 * dv_svg_style, which knows light and dark; class names may be several, parted by spaces. */
#ifndef DIFFVOX_REPORT_SVG_H
#define DIFFVOX_REPORT_SVG_H

#include "report/buffer.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* <svg viewBox="left top width height">: as wide as its place, its shape kept.  title and description name it for
   screen readers (NULL: none).  standalone: a file of its own, with namespace, style and size. */
typedef struct {
  double left, top, width, height;
  const char *title, *description;
  bool standalone;
} dv_svg_frame;
void dv_svg_begin(dv_buffer* b, const dv_svg_frame* frame);
void dv_svg_end(dv_buffer* b);

/* A part with its own origin, beyond whose edges nothing is seen. */
void dv_svg_clip_begin(dv_buffer* b, double x, double y, double width, double height);
void dv_svg_clip_end(dv_buffer* b);

void dv_svg_group_begin(dv_buffer* b, const char* class_name);
void dv_svg_group_end(dv_buffer* b);

/* title, where not NULL, is what a mouse resting on the element shows. */
void dv_svg_line(dv_buffer* b, double x1, double y1, double x2, double y2, const char* class_name);
void dv_svg_rect(dv_buffer* b, double x, double y, double width, double height, const char* class_name,
                 const char* title);
void dv_svg_circle(dv_buffer* b, double x, double y, double radius, const char* class_name, const char* title);

typedef enum { DV_SVG_START, DV_SVG_MIDDLE, DV_SVG_END } dv_svg_anchor;
/* y is the base line. */
void dv_svg_text(dv_buffer* b, double x, double y, dv_svg_anchor anchor, const char* class_name, const char* text);

/* Upright, reading upwards and ending at y. */
void dv_svg_text_up(dv_buffer* b, double x, double y, const char* text);

/* A rectangle of which only a share of the colour is there. */
void dv_svg_tile(dv_buffer* b, double x, double y, double width, double height, const char* class_name, double share,
                 const char* title);

/* A path of straight lines: begin, points (the first of a stretch with move), end. */
void dv_svg_path_begin(dv_buffer* b, const char* class_name);
void dv_svg_path_point(dv_buffer* b, double x, double y, bool move);
void dv_svg_path_close(dv_buffer* b);
void dv_svg_path_end(dv_buffer* b, const char* title);

/* A PNG image, stretched over the rectangle; smooth: neighbours blend. */
void dv_svg_png(dv_buffer* b, double x, double y, double width, double height, bool smooth, const dv_buffer* png);

/* The style sheet that the classes come from, for one <style> in a page; a standalone image brings it along.
     lN fN tN (N = 1 .. 6)  line, area, point of the N-th colour: told apart also without seeing red or green
     e0 .. e4               lines of a family, from one extreme through the middle (2) to the other
     thin bold dash bar     with a line or an area: finer, stronger, dashed, denser
     ink name num halo      text: strong, bold, small, legible on lines
     grid zero mark         lines of the plot, and one that points something out
     neg pos                tiles below and above 0 */
void dv_svg_style(dv_buffer* b);

#ifdef __cplusplus
}
#endif
#endif
