/* SPDX-License-Identifier: MIT */
#include "datasets/medleydb.h"

#include "datasets/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

/* Aliases can repeat a long text any number of times, so both are bounded; real songs have 30 stems. */
enum { MAX_TEXT = 4096, MAX_STEMS = 1000, MAX_INSTRUMENTS = 64, MAX_DEPTH = 100 };

bool dv_medleydb_is_voice(const char* instrument)
{
  static const char* const words[] = {"singer", "vocal", "voice", "speaker", "speech"};
  for (size_t i = 0; i < sizeof words / sizeof *words; ++i)
    if (strcasestr(instrument, words[i])) return true;
  return false;
}

void dv_medleydb_free(dv_medleydb_song* song)
{
  for (size_t i = 0; i < song->count; ++i) {
    free(song->stems[i].key);
    free(song->stems[i].filename);
    free(song->stems[i].instrument);
    free(song->stems[i].raw_filename);
  }
  free(song->stems);
  free(song->raw_dir);
  free(song->stem_dir);
  *song = (dv_medleydb_song){0};
}

/* ---- nodes; each function takes NULL for a node that is not there ---- */

typedef struct {
  yaml_document_t document;
  bool no_memory;
} reader;

static bool is_null(const yaml_node_t* scalar)
{
  const char* text = (const char*)scalar->data.scalar.value;
  return scalar->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (!strcmp(text, "~") || !strcasecmp(text, "null"));
}

/* NULL where the node is no text, empty, null, or longer than any name. */
static const char* text_of(const yaml_node_t* node)
{
  if (!node || node->type != YAML_SCALAR_NODE || is_null(node)) return NULL;
  if (!node->data.scalar.length || node->data.scalar.length > MAX_TEXT) return NULL;
  const char* text = (const char*)node->data.scalar.value;
  return strlen(text) == node->data.scalar.length ? text : NULL; /* an escape may have made a zero byte */
}

static yaml_node_t* member(reader* r, const yaml_node_t* mapping, const char* name)
{
  if (!mapping || mapping->type != YAML_MAPPING_NODE) return NULL;
  for (const yaml_node_pair_t* p = mapping->data.mapping.pairs.start; p < mapping->data.mapping.pairs.top; ++p) {
    const char* key = text_of(yaml_document_get_node(&r->document, p->key));
    if (key && !strcmp(key, name)) return yaml_document_get_node(&r->document, p->value);
  }
  return NULL;
}

static char* copy(reader* r, const char* text)
{
  char* result = text ? strdup(text) : NULL;
  if (text && !result) r->no_memory = true;
  return result;
}

static char* member_text(reader* r, const yaml_node_t* mapping, const char* name)
{
  return copy(r, text_of(member(r, mapping, name)));
}

/* 'yes' in MedleyDB; written without quotes other programs may have made it true. */
static bool member_flag(reader* r, const yaml_node_t* mapping, const char* name)
{
  static const char* const words[] = {"yes", "true", "y", "on", "1"};
  const char* text = text_of(member(r, mapping, name));
  for (size_t i = 0; text && i < sizeof words / sizeof *words; ++i)
    if (!strcasecmp(text, words[i])) return true;
  return false;
}

static size_t length_of(const yaml_node_t* node)
{
  if (!node) return 0;
  if (node->type == YAML_MAPPING_NODE) return (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
  if (node->type == YAML_SEQUENCE_NODE)
    return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
  return 0;
}

/* The value of a mapping's or the item of a sequence's i-th entry. */
static yaml_node_t* entry(reader* r, const yaml_node_t* node, size_t i)
{
  const int index =
    node->type == YAML_MAPPING_NODE ? node->data.mapping.pairs.start[i].value : node->data.sequence.items.start[i];
  return yaml_document_get_node(&r->document, index);
}

/* ---- stems ---- */

/* Names joined by ", "; *is_voice as for the stem. */
static char* join_list(reader* r, const yaml_node_t* list, bool* is_voice)
{
  char* joined = NULL;
  size_t size = 0, names = 0, voices = 0;
  FILE* out = open_memstream(&joined, &size);
  for (size_t i = 0; out && i < length_of(list) && i < MAX_INSTRUMENTS; ++i) {
    const char* name = text_of(entry(r, list, i));
    if (!name) continue;
    fprintf(out, "%s%s", names++ ? ", " : "", name);
    voices += dv_medleydb_is_voice(name);
  }
  if (!out || fclose(out)) r->no_memory = true;
  *is_voice = names && voices == names;
  if (names) return joined;
  free(joined);
  return NULL;
}

static void read_instrument(reader* r, const yaml_node_t* node, dv_medleydb_stem* stem)
{
  if (node && node->type == YAML_SEQUENCE_NODE) {
    stem->instrument = join_list(r, node, &stem->is_voice);
    return;
  }
  stem->instrument = copy(r, text_of(node));
  stem->is_voice = stem->instrument && dv_medleydb_is_voice(stem->instrument);
}

static void read_stem(reader* r, const char* key, const yaml_node_t* node, dv_medleydb_stem* stem)
{
  const yaml_node_t* raw = member(r, node, "raw");
  *stem = (dv_medleydb_stem){
    .key = copy(r, key ? key : "?"), .filename = member_text(r, node, "filename"), .raw_count = length_of(raw)};
  read_instrument(r, member(r, node, "instrument"), stem);
  if (stem->raw_count) stem->raw_filename = member_text(r, entry(r, raw, 0), "filename");
}

static dv_status read_song(reader* r, const char* name, dv_medleydb_song* song, dv_error* err)
{
  const yaml_node_t* root = yaml_document_get_root_node(&r->document);
  if (!root) return dv_fail(err, DV_ERR_FORMAT, "%s: is empty; get it again", dv_file_label(name));
  const yaml_node_t* stems = member(r, root, "stems");
  if (!stems || stems->type != YAML_MAPPING_NODE)
    return dv_fail(err, DV_ERR_FORMAT, "%s: has no \"stems:\" with a name for each; is it a song's metadata?",
                   dv_file_label(name));
  const size_t count = length_of(stems);
  if (count > MAX_STEMS)
    return dv_fail(err, DV_ERR_FORMAT, "%s: has %zu stems; at most %d are expected", dv_file_label(name), count,
                   (int)MAX_STEMS);
  song->raw_dir = member_text(r, root, "raw_dir");
  song->stem_dir = member_text(r, root, "stem_dir");
  song->has_bleed = member_flag(r, root, "has_bleed");
  song->instrumental = member_flag(r, root, "instrumental");
  song->stems = calloc(count ? count : 1, sizeof *song->stems);
  if (!song->stems) return dv_fail(err, DV_ERR_NOMEM, "%s: no memory for its stems", dv_file_label(name));
  for (; song->count < count; ++song->count) {
    const yaml_node_t* key = yaml_document_get_node(&r->document, stems->data.mapping.pairs.start[song->count].key);
    read_stem(r, text_of(key), entry(r, stems, song->count), &song->stems[song->count]);
  }
  if (r->no_memory) return dv_fail(err, DV_ERR_NOMEM, "%s: no memory for its stems", dv_file_label(name));
  return DV_OK;
}

/* libyaml looks at every open bracket again for each token, so a file of brackets would take it hours.  Brackets in
   text count too; there are never that many. */
static bool is_too_deep(const char* text, size_t size)
{
  size_t depth = 0;
  for (size_t i = 0; i < size && depth <= MAX_DEPTH; ++i) {
    if (text[i] == '[' || text[i] == '{') ++depth;
    if ((text[i] == ']' || text[i] == '}') && depth) --depth;
  }
  return depth > MAX_DEPTH;
}

dv_status dv_medleydb_parse(const char* text, size_t size, const char* name, dv_medleydb_song* song, dv_error* err)
{
  reader r = {.no_memory = false};
  yaml_parser_t parser;
  *song = (dv_medleydb_song){0};
  if (is_too_deep(text, size))
    return dv_fail(err, DV_ERR_FORMAT, "%s: is no YAML: nested more than %d deep; get it again", dv_file_label(name),
                   (int)MAX_DEPTH);
  if (!yaml_parser_initialize(&parser))
    return dv_fail(err, DV_ERR_NOMEM, "%s: no memory to read it", dv_file_label(name));
  yaml_parser_set_input_string(&parser, (const unsigned char*)text, size);
  dv_status status;
  if (yaml_parser_load(&parser, &r.document)) {
    status = read_song(&r, name, song, err);
    yaml_document_delete(&r.document);
  } else {
    status = dv_fail(err, parser.error == YAML_MEMORY_ERROR ? DV_ERR_NOMEM : DV_ERR_FORMAT,
                     "%s: is no YAML: line %zu: %.120s; get it again", dv_file_label(name),
                     parser.problem_mark.line + 1, parser.problem ? parser.problem : "cannot be read");
  }
  yaml_parser_delete(&parser);
  if (status) dv_medleydb_free(song);
  return status;
}
