/* SPDX-License-Identifier: MIT */
/* Whether text is well-formed XML, as far as SVG and HTML written here go: balanced tags, quoted attributes, known
   entities, one root, no character that XML forbids. */
#ifndef DV_XML_H
#define DV_XML_H

#include "dv_test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DV_XML_DEPTH = 64 };

typedef struct {
  const char *at, *end;
  char open[DV_XML_DEPTH][32];
  int depth, roots;
  const char* wrong; /* NULL while nothing is */
} dv_xml;

static inline void dv_xml_characters(dv_xml* x, char stop)
{
  static const char* const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
  for (; x->at < x->end && *x->at != stop; ++x->at) {
    bool entity = *x->at != '&';
    for (size_t i = 0; i < sizeof entities / sizeof *entities; ++i)
      entity |= !strncmp(x->at, entities[i], strlen(entities[i]));
    if (!entity) x->wrong = "unknown entity";
    if (*x->at == '<') x->wrong = "'<' in an attribute";
    if ((unsigned char)*x->at < 0x20 && *x->at != '\n' && *x->at != '\t') x->wrong = "control character";
    if (x->wrong) return;
  }
}

static inline void dv_xml_name(dv_xml* x, char name[32])
{
  const size_t n = strcspn(x->at, " \n\t/>=");
  if (!n || n > 31) x->wrong = "a name is missing";
  snprintf(name, 32, "%.*s", n < 31 ? (int)n : 31, x->at);
  x->at += n;
}

static inline void dv_xml_attribute(dv_xml* x)
{
  char name[32];
  ++x->at;
  dv_xml_name(x, name);
  if (strncmp(x->at, "=\"", 2)) x->wrong = "attribute without quotes";
  if (x->wrong) return;
  x->at += 2;
  dv_xml_characters(x, '"');
  ++x->at;
}

static inline void dv_xml_tag(dv_xml* x)
{
  char name[32];
  const bool closing = *++x->at == '/';
  if (*x->at == '!') { /* DOCTYPE */
    dv_xml_characters(x, '>');
    ++x->at;
    return;
  }
  x->at += closing;
  dv_xml_name(x, name);
  while (!x->wrong && *x->at == ' ') dv_xml_attribute(x);
  if (x->wrong) return;
  const bool empty = *x->at == '/';
  x->at += empty;
  if (*x->at++ != '>') x->wrong = "tag without end";
  else if (closing && (x->depth == 0 || strcmp(x->open[--x->depth], name))) x->wrong = "end of what is not open";
  else if (!closing && !empty && x->depth == DV_XML_DEPTH) x->wrong = "too deep";
  else if (!closing && !empty) {
    x->roots += x->depth == 0;
    memcpy(x->open[x->depth++], name, sizeof name);
  }
}

/* What is wrong with it; NULL: nothing. */
static inline const char* dv_xml_wrong(const char* data, size_t size)
{
  char* text = calloc(1, size + 1);
  assert_non_null(text);
  memcpy(text, data, size);
  dv_xml x = {.at = text, .end = text + size};
  while (!x.wrong && x.at < x.end) {
    dv_xml_characters(&x, '<');
    if (!x.wrong && x.at < x.end) dv_xml_tag(&x);
  }
  if (!x.wrong && x.depth) x.wrong = "element without end";
  if (!x.wrong && x.roots != 1) x.wrong = "not one root";
  if (x.wrong) print_message("%s at \"%.60s\"\n", x.wrong, x.at < x.end ? x.at : "");
  free(text);
  return x.wrong;
}

static inline void assert_xml(const char* data, size_t size)
{
  if (dv_xml_wrong(data, size)) fail_msg("not well-formed");
}

/* How often a word is in a text. */
static inline size_t dv_count_in(const char* data, size_t size, const char* word)
{
  size_t count = 0, length = strlen(word);
  for (size_t i = 0; i + length <= size; ++i) count += !memcmp(data + i, word, length);
  return count;
}

#endif
