/* SPDX-License-Identifier: MIT */
#include "report/html.h"

#include "report/svg.h"

/* Contrasts against their grounds are at least 4.5:1 for text in both schemes. */
static const char PAGE_STYLE[] =
  ":root{color-scheme:light dark;--paper:#fff;--ground:#f6f7f9;--ink:#1c1f24;--soft:#4a4f57;--rule:#dfe2e7;"
  "--accent:#0f62a6;--wash:#e9f1f9;--warn:#8a4b00;--warnwash:#fdf3e3}\n"
  "@media(prefers-color-scheme:dark){:root{--paper:#14161a;--ground:#1a1d22;--ink:#eceef2;--soft:#b4bac4;"
  "--rule:#2f343c;--accent:#6db5f0;--wash:#1b2b3a;--warn:#f2b35c;--warnwash:#2e2415}}\n"
  "*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}\n"
  "body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,"
  "'Helvetica Neue',Arial,sans-serif}\n"
  "header,main,footer{max-width:1120px;margin:0 auto;padding:0 28px}\n"
  "header{padding-top:64px;padding-bottom:8px}\n"
  ".kicker{margin:0 0 6px;color:var(--accent);font-weight:600;font-size:14px;letter-spacing:.02em}\n"
  "h1{margin:0;font-size:34px;line-height:1.2;font-weight:680;letter-spacing:-.015em;overflow-wrap:anywhere}\n"
  ".lead{margin:14px 0 0;font-size:20px;line-height:1.45;max-width:46em;color:var(--soft);text-wrap:pretty}\n"
  "section{margin-top:64px}\n"
  "h2{margin:0;font-size:23px;line-height:1.3;font-weight:650;letter-spacing:-.01em}\n"
  "h3{margin:0 0 8px;font-size:15px;line-height:1.4;font-weight:600}\n"
  ".sub{margin:36px 0 12px;font-size:17px}\n"
  ".intro,section>p{margin:6px 0 0;color:var(--soft);max-width:46em;text-wrap:pretty}\n"
  "a{color:var(--accent);text-underline-offset:2px}\n"
  ":focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}\n"
  ".facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:24px 32px;margin:36px 0 0;"
  "padding:24px 0 0;border-top:1px solid var(--rule)}\n"
  ".facts div{min-width:0}.facts dt{font-size:14px;color:var(--soft)}\n"
  ".facts dd{margin:2px 0 0;font-size:26px;line-height:1.25;font-weight:620;letter-spacing:-.01em;"
  "font-variant-numeric:tabular-nums;overflow-wrap:anywhere}\n"
  ".facts dd small{display:block;margin-top:3px;font-size:14px;line-height:1.4;font-weight:400;letter-spacing:0;"
  "color:var(--soft)}\n"
  ".notes{list-style:none;margin:28px 0 0;padding:0;display:grid;gap:8px}\n"
  ".notes li{padding:10px 16px;border-left:3px solid var(--rule);background:var(--ground);border-radius:0 6px 6px 0;"
  "overflow-wrap:anywhere}\n"
  ".notes .warn{border-color:var(--warn);background:var(--warnwash)}.notes b{color:var(--warn)}\n"
  ".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(420px,100%),1fr));gap:40px 44px;"
  "margin-top:28px}\n"
  "figure{margin:0;min-width:0;max-width:640px}\n"
  "figcaption{margin-top:8px;font-size:14px;line-height:1.5;color:var(--soft)}\n";

static const char PARTS_STYLE[] =
  ".scroll{overflow-x:auto;margin-top:24px}.figures .scroll{margin-top:0}\n"
  "table{border-collapse:collapse;width:100%;font-size:15px;font-variant-numeric:tabular-nums}\n"
  "caption{text-align:left;padding-bottom:8px;color:var(--soft);font-size:14px}\n"
  "th,td{padding:7px 16px 7px 0;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--rule)}\n"
  "th:last-child,td:last-child{padding-right:0}\n"
  "thead th{font-size:14px;font-weight:500;color:var(--soft);white-space:nowrap}\n"
  "th.r,td.r{text-align:right;white-space:nowrap}td.r{padding-left:8px}th.c,td.c{padding-left:18px}\n"
  "td.c{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;color:var(--soft);"
  "overflow-wrap:anywhere}\n"
  "tr.group th{padding-top:26px;font-size:16px;font-weight:620}\n"
  "details{margin-top:24px}summary{cursor:pointer;color:var(--accent);font-weight:550}\n"
  ".compare{margin-top:24px;padding:22px 24px;background:var(--ground);border:1px solid var(--rule);"
  "border-radius:12px}\n"
  ".take{display:flex;flex-wrap:wrap;align-items:center;gap:8px 16px;margin:0 0 12px}\n"
  ".take b{min-width:4.5em;font-weight:600}.take audio{flex:1 1 240px;min-width:0;height:40px}\n"
  ".deck{display:none;flex-wrap:wrap;align-items:center;gap:14px}\n"
  ".live .deck{display:flex}.live .take{display:none}\n"
  ".deck button{font:inherit;font-size:15px;min-height:44px;padding:0 18px;border:1px solid var(--rule);"
  "background:var(--paper);color:var(--ink);cursor:pointer}\n"
  "#play{width:52px;height:52px;padding:0;border:0;border-radius:50%;background:var(--accent);color:var(--paper)}\n"
  "#play svg{display:block;margin:auto;width:20px;height:20px;fill:currentColor}\n"
  "#play .pause,#play.on .go{display:none}#play.on .pause{display:block}\n"
  ".takes{display:flex;flex-wrap:wrap}.takes button{margin-left:-1px}\n"
  ".takes button:first-child{border-radius:8px 0 0 8px;margin-left:0}.takes button:last-child{border-radius:0 8px 8px "
  "0}\n"
  ".takes button[aria-pressed=true]{background:var(--wash);border-color:var(--accent);color:var(--accent);"
  "font-weight:600;position:relative}\n"
  ".seek{flex:1 1 200px;display:flex;align-items:center;gap:12px;color:var(--soft);font-size:14px;"
  "font-variant-numeric:tabular-nums}\n"
  ".seek input{flex:1;min-width:0;height:28px;accent-color:var(--accent)}\n"
  ".compare p{margin:14px 0 0;font-size:14px;color:var(--soft)}\n"
  "kbd{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;padding:1px 5px;border:1px solid var(--rule);"
  "border-radius:4px;background:var(--paper)}\n"
  "footer{margin-top:72px;padding-top:18px;padding-bottom:56px;font-size:14px;color:var(--soft)}\n"
  "@media(max-width:520px){header,main,footer{padding-left:18px;padding-right:18px}header{padding-top:36px}"
  "h1{font-size:27px}.lead{font-size:18px}section{margin-top:48px}.facts{grid-template-columns:1fr 1fr;gap:20px}"
  ".facts "
  "dd{font-size:22px}table{font-size:14px}td.c,th.c{display:none}th,td{padding-right:8px}th.r,td.r{white-space:normal}."
  "compare{padding:16px}"
  ".takes{flex:1}.takes button{flex:1;padding:0 8px}}\n"
  "@media print{:root{color-scheme:light;--paper:#fff;--ground:#fff;--ink:#000;--soft:#333;--rule:#ccc;"
  "--accent:#0f62a6;--wash:#fff;--warn:#8a4b00;--warnwash:#fff}body{font-size:11pt}header{padding-top:0}"
  "section{margin-top:28px}figure,tr,.facts{break-inside:avoid}h2,h3{break-after:avoid}.compare{display:none}"
  ".figures{grid-template-columns:1fr 1fr;gap:18px 24px}}\n";

/* Free of & and <, so that the page stays XML.  All recordings run at once and all but one are muted: a switch is
   then heard at once, at the same place. */
static const char SCRIPT[] =
  "(function(){'use strict';\n"
  "var box=document.querySelector('.compare');\n"
  "var all=Array.prototype.slice.call(box.querySelectorAll('audio'));\n"
  "var keys=Array.prototype.slice.call(box.querySelectorAll('.takes button'));\n"
  "var "
  "play=document.getElementById('play'),seek=document.getElementById('seek'),clock=document.getElementById('clock');\n"
  "var now=all.length-1,on=false;\n"
  "function text(s){s=Math.floor(s);var r=s%60;return Math.floor(s/60)+':'+(10>r?'0':'')+r;}\n"
  "function show(){var a=all[now],d=a.duration||0;if(d>0)seek.value=Math.round(1000*a.currentTime/d);\n"
  "clock.textContent=text(a.currentTime)+' / '+text(d);}\n"
  "function level(){all.forEach(function(a,i){a.muted=i!==now;});\n"
  "keys.forEach(function(k,i){k.setAttribute('aria-pressed',String(i===now));});}\n"
  "function place(t){all.forEach(function(a){a.currentTime=t;});show();}\n"
  "function pick(i){if(i===now)return;var t=all[now].currentTime;now=i;\n"
  "if(Math.abs(all[i].currentTime-t)>0.03)all[i].currentTime=t;level();show();}\n"
  "function run(to){on=to;play.classList.toggle('on',on);play.setAttribute('aria-label',on?'Pause':'Play');\n"
  "if(on){var t=all[now].currentTime;all.forEach(function(a){a.currentTime=t;\n"
  "var p=a.play();if(p)p.catch(function(){});});}\n"
  "else all.forEach(function(a){a.pause();});}\n"
  "all.forEach(function(a,i){a.addEventListener('timeupdate',function(){if(i===now)show();});\n"
  "a.addEventListener('loadedmetadata',show);\n"
  "a.addEventListener('ended',function(){if(i===now){run(false);place(0);}});});\n"
  "play.addEventListener('click',function(){run(!on);});\n"
  "keys.forEach(function(k,i){k.addEventListener('click',function(){pick(i);});});\n"
  "seek.addEventListener('input',function(){var d=all[now].duration||0;place(d*seek.value/1000);});\n"
  "document.addEventListener('keydown',function(e){if(e.ctrlKey||e.metaKey||e.altKey)return;\n"
  "var i='123456789'.indexOf(e.key);if(i>-1){if(all.length>i){pick(i);e.preventDefault();}return;}\n"
  "if(e.key===' '){var n=e.target.nodeName.toLowerCase();if(n==='button'||n==='summary')return;\n"
  "run(!on);e.preventDefault();}});\n"
  "box.classList.add('live');level();show();})();\n";

static void element(dv_buffer* b, const char* open, const char* text, const char* close)
{
  if (!text) return;
  dv_buffer_put(b, open);
  dv_buffer_text(b, text);
  dv_buffer_put(b, close);
}

void dv_html_begin(dv_buffer* b, const dv_html_page* page)
{
  dv_buffer_put(b, "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n"
                   "<meta charset=\"utf-8\"/>\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                   "<meta name=\"color-scheme\" content=\"light dark\"/>\n");
  element(b, "<title>", page->title, "</title>\n");
  dv_buffer_put(b, "<style>\n");
  dv_buffer_puts(b, PAGE_STYLE, PARTS_STYLE, NULL);
  dv_svg_style(b);
  dv_buffer_put(b, "</style>\n</head>\n<body>\n<header>\n");
  element(b, "<p class=\"kicker\">", page->kicker, "</p>\n");
  element(b, "<h1>", page->title, "</h1>\n");
  element(b, "<p class=\"lead\">", page->lead, "</p>\n");
  dv_buffer_put(b, "</header>\n<main>\n");
}

void dv_html_end(dv_buffer* b, const char* footer)
{
  dv_buffer_put(b, "</main>\n");
  element(b, "<footer>", footer, "</footer>\n");
  dv_buffer_put(b, "</body>\n</html>\n");
}

void dv_html_section_begin(dv_buffer* b, const char* id, const char* heading, const char* intro)
{
  dv_buffer_puts(b, "<section aria-labelledby=\"", id, "\">\n<h2 id=\"", id, NULL);
  element(b, "\">", heading, "</h2>\n");
  element(b, "<p class=\"intro\">", intro, "</p>\n");
}

void dv_html_section_end(dv_buffer* b) { dv_buffer_put(b, "</section>\n"); }

void dv_html_subheading(dv_buffer* b, const char* text) { element(b, "<h3 class=\"sub\">", text, "</h3>\n"); }
void dv_html_paragraph(dv_buffer* b, const char* text) { element(b, "<p>", text, "</p>\n"); }

void dv_html_facts_begin(dv_buffer* b) { dv_buffer_put(b, "<dl class=\"facts\">\n"); }

void dv_html_fact(dv_buffer* b, const char* label, const char* value, const char* detail)
{
  element(b, "<div><dt>", label, "</dt>");
  element(b, "<dd>", value, "");
  element(b, "<small>", detail, "</small>");
  dv_buffer_put(b, "</dd></div>\n");
}

void dv_html_facts_end(dv_buffer* b) { dv_buffer_put(b, "</dl>\n"); }

void dv_html_notes_begin(dv_buffer* b) { dv_buffer_put(b, "<ul class=\"notes\">\n"); }

void dv_html_note(dv_buffer* b, bool warning, const char* text)
{
  element(b, warning ? "<li class=\"warn\"><b>Warning:</b> " : "<li>", text, "</li>\n");
}

void dv_html_notes_end(dv_buffer* b) { dv_buffer_put(b, "</ul>\n"); }

void dv_html_figures_begin(dv_buffer* b) { dv_buffer_put(b, "<div class=\"figures\">\n"); }
void dv_html_figures_end(dv_buffer* b) { dv_buffer_put(b, "</div>\n"); }

void dv_html_figure_begin(dv_buffer* b, const char* title)
{
  dv_buffer_put(b, "<figure>\n");
  element(b, "<h3>", title, "</h3>\n");
}

void dv_html_figure_end(dv_buffer* b, const char* caption)
{
  element(b, "<figcaption>", caption, "</figcaption>\n");
  dv_buffer_put(b, "</figure>\n");
}

static void cell(dv_buffer* b, const char* tag, char alignment, const char* scope, const char* text)
{
  const char class_name[2] = {alignment, '\0'};
  dv_buffer_puts(b, "<", tag, scope, NULL);
  if (alignment != 'l') dv_buffer_puts(b, " class=\"", class_name, "\"", NULL);
  dv_buffer_put(b, ">");
  dv_buffer_text(b, text);
  dv_buffer_puts(b, "</", tag, ">", NULL);
}

void dv_html_table_begin(dv_buffer* b, const char* caption, const char* const* headings, const char* alignment)
{
  dv_buffer_put(b, "<div class=\"scroll\"><table>\n");
  element(b, "<caption>", caption, "</caption>\n");
  dv_buffer_put(b, "<thead><tr>");
  for (size_t i = 0; alignment[i]; ++i) cell(b, "th", alignment[i], " scope=\"col\"", headings[i]);
  dv_buffer_put(b, "</tr></thead>\n<tbody>\n");
}

void dv_html_row(dv_buffer* b, const char* const* cells, const char* alignment)
{
  dv_buffer_put(b, "<tr>");
  for (size_t i = 0; alignment[i]; ++i) cell(b, "td", alignment[i], "", cells[i]);
  dv_buffer_put(b, "</tr>\n");
}

void dv_html_group_row(dv_buffer* b, const char* heading, size_t columns)
{
  dv_buffer_put(b, "<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"");
  dv_buffer_whole(b, (long long)columns);
  element(b, "\">", heading, "</th></tr>\n");
}

void dv_html_table_end(dv_buffer* b) { dv_buffer_put(b, "</tbody></table></div>\n"); }

void dv_html_details_begin(dv_buffer* b, const char* summary)
{
  element(b, "<details><summary>", summary, "</summary>\n");
}

void dv_html_details_end(dv_buffer* b) { dv_buffer_put(b, "</details>\n"); }

static void put_recording(dv_buffer* b, const dv_html_audio* a)
{
  element(b, "<div class=\"take\"><b>", a->label, "</b>");
  dv_buffer_puts(b, "<audio controls=\"controls\" preload=\"auto\" src=\"data:", a->type, ";base64,", NULL);
  dv_buffer_base64(b, a->audio->data, a->audio->size);
  element(b, "\" aria-label=\"", a->label, "\"></audio></div>\n");
}

static void put_deck(dv_buffer* b, const dv_html_audio* recordings, size_t count)
{
  dv_buffer_put(b, "<div class=\"deck\"><button type=\"button\" id=\"play\" aria-label=\"Play\">"
                   "<svg class=\"go\" viewBox=\"0 0 20 20\" aria-hidden=\"true\"><path d=\"M5 2v16l13-8z\"/></svg>"
                   "<svg class=\"pause\" viewBox=\"0 0 20 20\" aria-hidden=\"true\">"
                   "<path d=\"M4 2h4v16H4zM12 2h4v16h-4z\"/></svg></button>\n"
                   "<div class=\"takes\" role=\"group\" aria-label=\"Which recording\">");
  for (size_t i = 0; i < count; ++i)
    element(b, "<button type=\"button\" aria-pressed=\"false\">", recordings[i].label, "</button>");
  dv_buffer_put(b, "</div>\n<div class=\"seek\"><input id=\"seek\" type=\"range\" min=\"0\" max=\"1000\" value=\"0\" "
                   "aria-label=\"Position\"/><span id=\"clock\"></span></div></div>\n");
}

static void put_links(dv_buffer* b, const dv_html_audio* recordings, size_t count)
{
  bool any = false;
  for (size_t i = 0; i < count; ++i) {
    if (!recordings[i].file) continue;
    dv_buffer_put(b, any ? ", " : "<p>Whole recordings in this folder: ");
    dv_buffer_put(b, "<a href=\"");
    dv_buffer_link(b, recordings[i].file);
    element(b, "\">", recordings[i].file, "</a>");
    any = true;
  }
  if (any) dv_buffer_put(b, "</p>\n");
}

void dv_html_compare(dv_buffer* b, const dv_html_audio* recordings, size_t count, const char* caption)
{
  dv_buffer_put(b, "<div class=\"compare\">\n");
  for (size_t i = 0; i < count; ++i) put_recording(b, &recordings[i]);
  put_deck(b, recordings, count);
  element(b, "<p>", caption, "</p>\n");
  put_links(b, recordings, count);
  dv_buffer_put(b, "</div>\n<script>\n");
  dv_buffer_put(b, SCRIPT);
  dv_buffer_put(b, "</script>\n");
}
