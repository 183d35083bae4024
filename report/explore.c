/* SPDX-License-Identifier: MIT */
#include "report/explore.h"

#include "report/html.h"

#include <math.h>
#include <stdlib.h>

static const char STYLE[] =
  "<style>\n"
  ".tall{max-height:min(70vh,720px);overflow:auto;border-bottom:1px solid var(--rule)}\n"
  ".sortable{font-size:14px}.sortable th,.sortable td{padding-right:6px}\n"
  ".sortable td:first-child{overflow-wrap:anywhere;max-width:13em}\n"
  ".tall thead th{position:sticky;top:0;background:var(--paper);z-index:1}\n"
  ".sort{font:inherit;color:inherit;background:none;border:0;padding:0;margin:0;cursor:pointer;text-align:inherit}\n"
  ".sort:hover{color:var(--accent)}.sort::after{content:'';display:inline-block;width:.9em;text-align:right}\n"
  "th[aria-sort=ascending] .sort::after{content:'\\2191'}th[aria-sort=descending] .sort::after{content:'\\2193'}\n"
  "th[aria-sort]{color:var(--ink)}\n"
  ".explore{display:grid;grid-template-columns:minmax(0,3fr) minmax(0,2fr);gap:32px 44px;margin-top:28px;"
  "align-items:start}\n"
  ".explore figure{max-width:none}.explore .map svg{cursor:crosshair}\n"
  ".explore .who{margin:0 0 14px;font-size:17px;font-weight:620;min-height:3.2em;overflow-wrap:anywhere}\n"
  ".explore .who small{display:block;font-size:14px;font-weight:400;color:var(--soft)}\n"
  ".explore .curves{display:grid;gap:14px}.explore h3{margin-bottom:2px;font-size:14px;font-weight:500;"
  "color:var(--soft)}\n"
  ".dv .ring{fill:none;stroke:#1c1f24;stroke-width:2}\n"
  "@media(prefers-color-scheme:dark){.dv .ring{stroke:#eceef2}}\n"
  "@media(max-width:860px){.explore{grid-template-columns:minmax(0,1fr)}}\n"
  "</style>\n";

/* Free of & and <, so that the page stays XML. */
static const char SCRIPT[] =
  "<script>\n"
  "document.addEventListener('DOMContentLoaded',function(){'use strict';\n"
  "function list(x){return Array.prototype.slice.call(x);}\n"
  "function number(t){var v=parseFloat(t.replace('\\u2212','-'));return isNaN(v)?null:v;}\n"
  "function compare(a,b,up){if(a.key===null)return b.key===null?a.at-b.at:1;if(b.key===null)return -1;\n"
  "var d=typeof a.key==='number'?a.key-b.key:a.key.localeCompare(b.key,'en',{numeric:true});\n"
  "return d===0?a.at-b.at:up?d:-d;}\n"
  "list(document.querySelectorAll('table.sortable')).forEach(function(table){\n"
  "var heads=list(table.querySelectorAll('thead th')),body=table.tBodies[0],rows=list(body.rows);\n"
  "heads.forEach(function(head,column){var text=!head.classList.contains('r');\n"
  "head.querySelector('button').addEventListener('click',function(){\n"
  "var now=head.getAttribute('aria-sort'),up=now?now!=='ascending':text;\n"
  "heads.forEach(function(h){h.removeAttribute('aria-sort');});\n"
  "head.setAttribute('aria-sort',up?'ascending':'descending');\n"
  "rows.map(function(row,at){var t=row.cells[column].textContent;\n"
  "return {row:row,at:at,key:text?(t||null):number(t)};}).sort(function(a,b){return compare(a,b,up);})\n"
  ".forEach(function(x){body.appendChild(x.row);});});});});\n"
  "var box=document.querySelector('.explore');if(!box)return;\n"
  "var data=JSON.parse(box.querySelector('script').textContent),ns='http://www.w3.org/2000/svg';\n"
  "var map=box.querySelector('.map svg.dv'),who=box.querySelector('.who');\n"
  "var paths=list(box.querySelectorAll('.curves svg.dv')).map(function(svg,i){var old=svg.querySelector('.shown');\n"
  "if(old)old.remove();var p=document.createElementNS(ns,'path');p.setAttribute('class','l1 bold');\n"
  "svg.appendChild(p);return p;});\n"
  "var ring=document.createElementNS(ns,'circle');ring.setAttribute('r','6');ring.setAttribute('class','ring');\n"
  "map.appendChild(ring);\n"
  "var order=data.x.map(function(v,i){return i;}).sort(function(a,b){return data.x[a]-data.x[b];}),now=-1;\n"
  "function show(i){if(i===now)return;now=i;ring.setAttribute('cx',data.x[i]);ring.setAttribute('cy',data.y[i]);\n"
  "who.firstChild.textContent=data.names[i];who.lastChild.textContent=data.groups[data.group[i]];\n"
  "paths.forEach(function(p,k){var f=data.frames[k],v=data.curves[k][i];p.setAttribute('d',v.map(function(t,j){\n"
  "return (j?'L':'M')+(f[0]+f[2]*j/(v.length-1)).toFixed(1)+' '+(f[1]+f[3]*(1-t/1e4)).toFixed(1);}).join(''));});}\n"
  "function nearest(e){var m=map.getScreenCTM().inverse(),x=m.a*e.clientX+m.e,y=m.d*e.clientY+m.f,best=-1,d=900;\n"
  "data.x.forEach(function(v,i){var q=(v-x)*(v-x)+(data.y[i]-y)*(data.y[i]-y);if(d>q){d=q;best=i;}});return best;}\n"
  "function look(e){var i=nearest(e);if(i>-1)show(i);}\n"
  "map.addEventListener('pointermove',look);map.addEventListener('pointerdown',look);\n"
  "map.setAttribute('tabindex','0');map.addEventListener('keydown',function(e){\n"
  "var step={ArrowRight:1,ArrowLeft:-1}[e.key];if(!step)return;e.preventDefault();\n"
  "show(order[Math.min(order.length-1,Math.max(0,order.indexOf(now)+step))]);});\n"
  "show(data.shown);});\n"
  "</script>\n";

void dv_explore_begin(dv_buffer* b) { dv_buffer_puts(b, STYLE, SCRIPT, NULL); }

void dv_explore_table_begin(dv_buffer* b, const char* caption, const char* const* headings, const char* alignment)
{
  dv_buffer_put(b, "<div class=\"scroll tall\" tabindex=\"0\"><table class=\"sortable\">\n<caption>");
  dv_buffer_text(b, caption);
  dv_buffer_put(b, "</caption>\n<thead><tr>");
  for (size_t i = 0; alignment[i]; ++i) {
    dv_buffer_put(b, alignment[i] == 'r' ? "<th scope=\"col\" class=\"r\">" : "<th scope=\"col\">");
    dv_buffer_put(b, "<button type=\"button\" class=\"sort\">");
    dv_buffer_text(b, headings[i]);
    dv_buffer_put(b, "</button></th>");
  }
  dv_buffer_put(b, "</tr></thead>\n<tbody>\n");
}

/* --- Map ------------------------------------------------------------------------------------------------- */

/* Text as a JSON string inside a script element: what could end the element, or upset XML, is written by number. */
static void put_string(dv_buffer* b, const char* text)
{
  static const char hex[] = "0123456789abcdef";
  dv_buffer_put(b, "\"");
  for (; *text; ++text) {
    const unsigned char c = (unsigned char)*text;
    if (c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&') {
      const char escaped[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15], '\0'};
      dv_buffer_put(b, escaped);
    } else {
      dv_buffer_bytes(b, text, 1);
    }
  }
  dv_buffer_put(b, "\"");
}

static void put_comma(dv_buffer* b, size_t index)
{
  if (index) dv_buffer_put(b, ",");
}

static void put_positions(dv_buffer* b, const char* key, const dv_chart* chart, const dv_explore_map* map, bool across)
{
  dv_buffer_puts(b, ",\"", key, "\":[", NULL);
  for (size_t i = 0; i < map->count; ++i) {
    put_comma(b, i);
    if (across) dv_buffer_fixed(b, chart->left + chart->width * dv_axis_position(&map->x, map->at_x[i]), 1);
    else dv_buffer_fixed(b, chart->top + chart->height * (1.0 - dv_axis_position(&map->y, map->at_y[i])), 1);
  }
  dv_buffer_put(b, "]");
}

static void put_curve_values(dv_buffer* b, const dv_explore_curve* curve, size_t count)
{
  dv_buffer_put(b, "[");
  for (size_t i = 0; i < count; ++i) {
    put_comma(b, i);
    dv_buffer_put(b, "[");
    for (size_t k = 0; k < curve->points; ++k) {
      const double at = dv_axis_position(&curve->y, (double)curve->values[i * curve->points + k]);
      put_comma(b, k);
      dv_buffer_whole(b, (long long)(1e4 * (at > 0.0 ? fmin(at, 1.0) : 0.0)));
    }
    dv_buffer_put(b, "]");
  }
  dv_buffer_put(b, "]\n");
}

static void put_groups(dv_buffer* b, const dv_explore_map* map)
{
  dv_buffer_put(b, ",\"groups\":[");
  for (size_t g = 0; g < map->group_count; ++g) {
    put_comma(b, g);
    put_string(b, map->groups[g].name);
  }
  dv_buffer_put(b, "],\"group\":[");
  for (size_t g = 0, i = 0; g < map->group_count; ++g)
    for (size_t k = 0; k < map->groups[g].count; ++k, ++i) {
      put_comma(b, i);
      dv_buffer_whole(b, (long long)g);
    }
  dv_buffer_put(b, "]");
}

static void put_data(dv_buffer* b, const dv_explore_map* map, const dv_chart* chart,
                     double frames[DV_EXPLORE_CURVES][4])
{
  dv_buffer_put(b, "<script type=\"application/json\">{\"shown\":");
  dv_buffer_whole(b, (long long)map->shown);
  put_positions(b, "x", chart, map, true);
  put_positions(b, "y", chart, map, false);
  dv_buffer_put(b, ",\"names\":[");
  for (size_t i = 0; i < map->count; ++i) {
    put_comma(b, i);
    put_string(b, map->names[i]);
  }
  dv_buffer_put(b, "]");
  put_groups(b, map);
  dv_buffer_put(b, ",\"frames\":[");
  for (size_t c = 0; c < DV_EXPLORE_CURVES; ++c) {
    put_comma(b, c);
    dv_buffer_put(b, "[");
    for (size_t k = 0; k < 4; ++k) {
      put_comma(b, k);
      dv_buffer_fixed(b, frames[c][k], 2);
    }
    dv_buffer_put(b, "]");
  }
  dv_buffer_put(b, "],\"curves\":[");
  for (size_t c = 0; c < DV_EXPLORE_CURVES; ++c) {
    put_comma(b, c);
    put_curve_values(b, &map->curves[c], map->count);
  }
  dv_buffer_put(b, "]}</script>\n");
}

/* The x values that stand at equal distances along an axis. */
static double along(const dv_axis* axis, double part)
{
  if (axis->scale == DV_SCALE_LOG) return axis->low * pow(axis->high / axis->low, part);
  return axis->low + (axis->high - axis->low) * part;
}

static dv_status put_curve_chart(dv_buffer* b, const dv_explore_map* map, const dv_explore_curve* curve,
                                 double frame[4])
{
  dv_chart chart;
  double* x = malloc(2 * curve->points * sizeof *x);
  if (!x) return DV_ERR_NOMEM;
  double* shown = x + curve->points;
  for (size_t k = 0; k < curve->points; ++k) {
    x[k] = along(&curve->x, (double)k / (double)(curve->points - 1));
    shown[k] = (double)curve->values[map->shown * curve->points + k];
  }
  dv_html_figure_begin(b, curve->title);
  dv_chart_begin(&chart, &(dv_chart_spec){.title = curve->title, .x = curve->x, .y = curve->y, .height = 120});
  if (curve->reference) dv_chart_line(&chart, x, curve->reference, curve->points, "l6 thin dash", map->reference_name);
  dv_chart_line(&chart, x, shown, curve->points, "l1 bold shown", NULL);
  const double box[4] = {chart.left, chart.top, chart.width, chart.height};
  for (int k = 0; k < 4; ++k) frame[k] = box[k];
  const dv_status status = dv_chart_end(&chart, b);
  dv_html_figure_end(b, NULL);
  free(x);
  return status;
}

static dv_status put_map_chart(dv_buffer* b, const dv_explore_map* map, dv_chart* frame)
{
  static const char* const bars[] = {"f1 bar", "f2 bar", "f3 bar", "f4 bar"};
  dv_chart chart;
  dv_chart_begin(&chart, &(dv_chart_spec){.title = map->title,
                                          .description = map->description,
                                          .x = map->x,
                                          .y = map->y,
                                          .width = 640,
                                          .height = 430,
                                          .marginal = 56});
  for (size_t g = 0, first = 0; g < map->group_count; first += map->groups[g++].count) {
    dv_chart_marginals(&chart, map->at_x + first, map->at_y + first, map->groups[g].count, 28, bars[g % 4]);
    dv_chart_scatter(&chart, map->at_x + first, map->at_y + first, map->groups[g].count, map->groups[g].look,
                     map->groups[g].name, map->names + first);
  }
  *frame = chart;
  return dv_chart_end(&chart, b);
}

dv_status dv_explore_put_map(dv_buffer* b, const dv_explore_map* map)
{
  dv_chart frame;
  double frames[DV_EXPLORE_CURVES][4];
  dv_buffer_put(b, "<div class=\"explore\">\n<figure class=\"map\">\n");
  dv_status status = put_map_chart(b, map, &frame);
  dv_html_figure_end(b, map->description);
  size_t group = 0, first = 0;
  while (group + 1 < map->group_count && first + map->groups[group].count <= map->shown)
    first += map->groups[group++].count;
  dv_buffer_put(b, "<div>\n<p class=\"who\" aria-live=\"polite\"><span>");
  dv_buffer_text(b, map->names[map->shown]);
  dv_buffer_put(b, "</span><small>");
  dv_buffer_text(b, map->groups[group].name);
  dv_buffer_put(b, "</small></p>\n<div class=\"curves\">\n");
  for (size_t c = 0; !status && c < DV_EXPLORE_CURVES; ++c)
    status = put_curve_chart(b, map, &map->curves[c], frames[c]);
  dv_buffer_put(b, "</div>\n</div>\n");
  if (!status) put_data(b, map, &frame, frames);
  dv_buffer_put(b, "</div>\n");
  return status ? status : b->status;
}
