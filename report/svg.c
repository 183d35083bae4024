/* SPDX-License-Identifier: MIT */
#include "report/svg.h"

#include <string.h>

void dv_svg_style(dv_buffer* b)
{
  /* Plain colours, not variables: image viewers know no variables. */
  dv_buffer_put(
    b, ".dv{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;display:block;"
       "width:100%;height:auto}\n"
       ".dv text{fill:#4a4f57}.dv .ink{fill:#1c1f24}.dv .name{font-weight:600}.dv .num{font-size:10px}\n"
       ".dv path,.dv line{fill:none;stroke:#1c1f24;stroke-linejoin:round;vector-effect:non-scaling-stroke}\n"
       ".dv .grid{stroke:#e4e6ea}.dv .zero{stroke:#9aa1ab}.dv .mark{stroke:#4a4f57;stroke-dasharray:3 3}\n"
       ".dv .hit{fill:#000;fill-opacity:0}\n"
       ".dv .l1,.dv .l2,.dv .l3,.dv .l4,.dv .l5,.dv .l6{stroke-width:1.8}.dv .thin{stroke-width:1}"
       ".dv .bold{stroke-width:2.4}.dv .dash{stroke-dasharray:5 3}\n"
       ".dv .l1{stroke:#0f62a6}.dv .l2{stroke:#c2500a}.dv .l3{stroke:#1d7a5a}.dv .l4{stroke:#8c489f}"
       ".dv .l5{stroke:#8a6a00}.dv .l6{stroke:#666c75}\n"
       ".dv .f1,.dv .t1{fill:#0f62a6}.dv .f2,.dv .t2{fill:#c2500a}.dv .f3,.dv .t3{fill:#1d7a5a}"
       ".dv .f4,.dv .t4{fill:#8c489f}.dv .f5,.dv .t5{fill:#8a6a00}.dv .f6,.dv .t6{fill:#666c75}\n"
       ".dv .f1,.dv .f2,.dv .f3,.dv .f4,.dv .f5,.dv .f6{stroke:none;fill-opacity:.22}.dv .bar{fill-opacity:.55}"
       ".dv .t1,.dv .t2,.dv .t3,.dv .t4,.dv .t5,.dv .t6{fill-opacity:.75}\n"
       ".dv .e0{stroke:#0b4f8a;stroke-width:1.6}.dv .e1{stroke:#6aa7d8;stroke-width:1.6}"
       ".dv .e2{stroke:#1c1f24;stroke-width:2}.dv .e3{stroke:#e08a4f;stroke-width:1.6}"
       ".dv .e4{stroke:#a83e00;stroke-width:1.6}\n"
       ".dv .neg{fill:#0f62a6}.dv .pos{fill:#c2500a}.dv .tiles{image-rendering:pixelated}\n"
       ".dv .halo{fill:#1c1f24;paint-order:stroke;stroke:#fff;stroke-width:3;stroke-linejoin:round}\n"
       "@media (prefers-color-scheme:dark){\n"
       ".dv text{fill:#b4bac4}.dv .ink{fill:#eceef2}.dv path,.dv line{stroke:#eceef2}\n"
       ".dv .grid{stroke:#2c3038}.dv .zero{stroke:#6d7480}.dv .mark{stroke:#b4bac4}\n"
       ".dv .l1{stroke:#6db5f0}.dv .l2{stroke:#f5965a}.dv .l3{stroke:#5fc9a1}.dv .l4{stroke:#cb9fdb}"
       ".dv .l5{stroke:#dfc05a}.dv .l6{stroke:#a6adb8}\n"
       ".dv .f1,.dv .t1{fill:#6db5f0}.dv .f2,.dv .t2{fill:#f5965a}.dv .f3,.dv .t3{fill:#5fc9a1}"
       ".dv .f4,.dv .t4{fill:#cb9fdb}.dv .f5,.dv .t5{fill:#dfc05a}.dv .f6,.dv .t6{fill:#a6adb8}\n"
       ".dv .f1,.dv .f2,.dv .f3,.dv .f4,.dv .f5,.dv .f6{stroke:none}\n"
       ".dv .e0{stroke:#7cc0f5}.dv .e1{stroke:#3f78a8}.dv .e2{stroke:#eceef2}.dv .e3{stroke:#b0673a}"
       ".dv .e4{stroke:#ffa873}\n"
       ".dv .neg{fill:#2b7fc4}.dv .pos{fill:#c8642a}.dv .halo{fill:#eceef2;stroke:#14161a}\n"
       "}\n"
       "@media screen and (max-width:520px){.dv{font-size:14px}.dv .num{font-size:11px}}\n"
       "@media print{.dv text{fill:#333}}\n");
}

static void attribute(dv_buffer* b, const char* name, double value)
{
  dv_buffer_puts(b, " ", name, "=\"", NULL);
  dv_buffer_fixed(b, value, 2);
  dv_buffer_put(b, "\"");
}

static void open_element(dv_buffer* b, const char* name, const char* class_name)
{
  dv_buffer_puts(b, "<", name, NULL);
  if (class_name && *class_name) dv_buffer_puts(b, " class=\"", class_name, "\"", NULL);
}

static void close_element(dv_buffer* b, const char* name, const char* title)
{
  if (!title || !*title) {
    dv_buffer_put(b, "/>");
    return;
  }
  dv_buffer_put(b, "><title>");
  dv_buffer_text(b, title);
  dv_buffer_puts(b, "</title></", name, ">", NULL);
}

static void element_text(dv_buffer* b, const char* name, const char* text)
{
  if (!text || !*text) return;
  dv_buffer_puts(b, "<", name, ">", NULL);
  dv_buffer_text(b, text);
  dv_buffer_puts(b, "</", name, ">", NULL);
}

static void label_attribute(dv_buffer* b, const dv_svg_frame* frame)
{
  if (!frame->title && !frame->description) return;
  dv_buffer_put(b, " aria-label=\"");
  dv_buffer_text(b, frame->title);
  if (frame->title && frame->description) dv_buffer_put(b, ". ");
  dv_buffer_text(b, frame->description);
  dv_buffer_put(b, "\"");
}

void dv_svg_begin(dv_buffer* b, const dv_svg_frame* frame)
{
  dv_buffer_put(b, "<svg class=\"dv\" role=\"img\"");
  if (frame->standalone) {
    dv_buffer_put(b, " xmlns=\"http://www.w3.org/2000/svg\"");
    attribute(b, "width", frame->width);
    attribute(b, "height", frame->height);
  }
  dv_buffer_put(b, " viewBox=\"");
  const double box[4] = {frame->left, frame->top, frame->width, frame->height};
  for (int i = 0; i < 4; ++i) {
    if (i) dv_buffer_put(b, " ");
    dv_buffer_fixed(b, box[i], 2);
  }
  dv_buffer_put(b, "\"");
  label_attribute(b, frame);
  dv_buffer_put(b, ">\n");
  if (!frame->standalone) return; /* in a page a title would follow the mouse everywhere */
  element_text(b, "title", frame->title);
  element_text(b, "desc", frame->description);
  dv_buffer_put(b, "<style>");
  dv_svg_style(b);
  dv_buffer_put(b, ".paper{fill:#fff}@media (prefers-color-scheme:dark){.paper{fill:#14161a}}</style>\n");
  dv_svg_rect(b, frame->left, frame->top, frame->width, frame->height, "paper", NULL);
}

void dv_svg_end(dv_buffer* b) { dv_buffer_put(b, "</svg>\n"); }

static void open_box(dv_buffer* b, const char* name, const char* class_name, const double box[4])
{
  open_element(b, name, class_name);
  attribute(b, "x", box[0]);
  attribute(b, "y", box[1]);
  attribute(b, "width", box[2] > 0 ? box[2] : 0);
  attribute(b, "height", box[3] > 0 ? box[3] : 0);
}

void dv_svg_clip_begin(dv_buffer* b, double x, double y, double width, double height)
{
  open_box(b, "svg", NULL, (const double[4]){x, y, width, height});
  dv_buffer_put(b, ">\n");
}

void dv_svg_clip_end(dv_buffer* b) { dv_svg_end(b); }

void dv_svg_group_begin(dv_buffer* b, const char* class_name)
{
  open_element(b, "g", class_name);
  dv_buffer_put(b, ">\n");
}

void dv_svg_group_end(dv_buffer* b) { dv_buffer_put(b, "</g>\n"); }

void dv_svg_line(dv_buffer* b, double x1, double y1, double x2, double y2, const char* class_name)
{
  open_element(b, "line", class_name);
  attribute(b, "x1", x1);
  attribute(b, "y1", y1);
  attribute(b, "x2", x2);
  attribute(b, "y2", y2);
  dv_buffer_put(b, "/>\n");
}

void dv_svg_rect(dv_buffer* b, double x, double y, double width, double height, const char* class_name,
                 const char* title)
{
  open_box(b, "rect", class_name, (const double[4]){x, y, width, height});
  close_element(b, "rect", title);
  dv_buffer_put(b, "\n");
}

void dv_svg_tile(dv_buffer* b, double x, double y, double width, double height, const char* class_name, double share,
                 const char* title)
{
  open_box(b, "rect", class_name, (const double[4]){x, y, width, height});
  attribute(b, "fill-opacity", share);
  close_element(b, "rect", title);
  dv_buffer_put(b, "\n");
}

void dv_svg_circle(dv_buffer* b, double x, double y, double radius, const char* class_name, const char* title)
{
  open_element(b, "circle", class_name);
  attribute(b, "cx", x);
  attribute(b, "cy", y);
  attribute(b, "r", radius);
  close_element(b, "circle", title);
  dv_buffer_put(b, "\n");
}

void dv_svg_text(dv_buffer* b, double x, double y, dv_svg_anchor anchor, const char* class_name, const char* text)
{
  open_element(b, "text", class_name);
  attribute(b, "x", x);
  attribute(b, "y", y);
  if (anchor != DV_SVG_START) dv_buffer_puts(b, " text-anchor=\"", anchor == DV_SVG_END ? "end" : "middle", "\"", NULL);
  dv_buffer_put(b, ">");
  dv_buffer_text(b, text);
  dv_buffer_put(b, "</text>\n");
}

void dv_svg_text_up(dv_buffer* b, double x, double y, const char* text)
{
  dv_buffer_put(b, "<text transform=\"translate(");
  dv_buffer_fixed(b, x, 2);
  dv_buffer_put(b, " ");
  dv_buffer_fixed(b, y, 2);
  dv_buffer_put(b, ")rotate(-90)\" text-anchor=\"end\">");
  dv_buffer_text(b, text);
  dv_buffer_put(b, "</text>\n");
}

void dv_svg_path_begin(dv_buffer* b, const char* class_name)
{
  open_element(b, "path", class_name);
  dv_buffer_put(b, " d=\"");
}

void dv_svg_path_point(dv_buffer* b, double x, double y, bool move)
{
  dv_buffer_put(b, move ? "M" : "L");
  dv_buffer_fixed(b, x, 2);
  dv_buffer_put(b, " ");
  dv_buffer_fixed(b, y, 2);
}

void dv_svg_path_close(dv_buffer* b) { dv_buffer_put(b, "Z"); }

void dv_svg_path_end(dv_buffer* b, const char* title)
{
  dv_buffer_put(b, "\"");
  close_element(b, "path", title);
  dv_buffer_put(b, "\n");
}

void dv_svg_png(dv_buffer* b, double x, double y, double width, double height, bool smooth, const dv_buffer* png)
{
  open_box(b, "image", smooth ? NULL : "tiles", (const double[4]){x, y, width, height});
  dv_buffer_put(b, " preserveAspectRatio=\"none\" href=\"data:image/png;base64,");
  dv_buffer_base64(b, png->data, png->size);
  dv_buffer_put(b, "\"/>\n");
}
