/* SPDX-License-Identifier: MIT */
#include "datasets/file.h"
#include "datasets/scan_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_BYTES = 64 << 20, DRY = 0, WET, ID, COLUMNS };

typedef struct {
  char* at;    /* what is still to be read; the text is changed in place */
  size_t line; /* of the last row, from 1 */
  size_t next; /* of the one after it: a quoted field may hold line ends */
  char separator;
} csv;

/* A field, its quotes taken off, and what ended it: the separator, '\n' or 0.  False: quotes without an end, or
   something behind them. */
static bool read_field(csv* c, char** field, char* end)
{
  char* out = *field = c->at;
  bool quoted = *c->at == '"';
  for (c->at += quoted; *c->at && (quoted || (*c->at != c->separator && *c->at != '\n')); ++c->at) {
    if (quoted && c->at[0] == '"' && c->at[1] != '"') {
      quoted = false;
      if (c->at[1] && c->at[1] != c->separator && c->at[1] != '\n' && c->at[1] != '\r') return false;
      continue;
    }
    c->next += *c->at == '\n';
    c->at += quoted && *c->at == '"'; /* two are one */
    *out++ = *c->at;
  }
  *end = *c->at;
  c->at += *end != '\0';
  if (*end != c->separator && out > *field && out[-1] == '\r') --out;
  *out = '\0';
  return !quoted;
}

/* The fields in `columns` of the next row, NULL where it is too short; a row of one empty field is blank. */
static bool read_row(csv* c, const size_t columns[COLUMNS], char* fields[COLUMNS], bool* blank)
{
  char *field, end = c->separator;
  c->line = c->next;
  for (size_t k = 0; k < COLUMNS; ++k) fields[k] = NULL;
  for (size_t i = 0; end == c->separator; ++i) {
    if (!read_field(c, &field, &end)) return false;
    *blank = i == 0 && !*field;
    for (size_t k = 0; k < COLUMNS; ++k)
      if (columns[k] == i) fields[k] = field;
  }
  c->next += end == '\n';
  return true;
}

/* False where dry or wet is not named. */
static bool read_header(csv* c, size_t columns[COLUMNS])
{
  static const char* const names[COLUMNS] = {"dry", "wet", "id"};
  char *field, end = c->separator;
  for (size_t k = 0; k < COLUMNS; ++k) columns[k] = (size_t)-1;
  for (size_t i = 0; end == c->separator; ++i) {
    if (!read_field(c, &field, &end)) return false;
    for (size_t k = 0; k < COLUMNS; ++k)
      if (!strcasecmp(field, names[k])) columns[k] = i;
  }
  c->next += end == '\n';
  return columns[DRY] != (size_t)-1 && columns[WET] != (size_t)-1;
}

/* The path without its extension is the id where none is given. */
static char* id_from_path(const char* path)
{
  const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
  const size_t length = dot && dot > (slash ? slash + 1 : path) ? (size_t)(dot - path) : strlen(path);
  return strndup(path, length);
}

static void add_row(dv_scan_work* work, const char* path, const char* folder, size_t line, char* const fields[COLUMNS])
{
  char detail[40], why[80];
  snprintf(detail, sizeof detail, "line %zu", line);
  snprintf(why, sizeof why, "line %zu of a CSV file", line);
  if (!fields[DRY] || !*fields[DRY] || !fields[WET] || !*fields[WET]) {
    dv_scan_leave_out(work, DV_SCAN_INCOMPLETE, path, detail, "names no %s file",
                      fields[DRY] && *fields[DRY] ? "wet" : "dry");
    return;
  }
  const bool given = fields[ID] && *fields[ID];
  char* id = given ? strdup(fields[ID]) : id_from_path(fields[WET]);
  char* dry = dv_scan_join(work, folder, fields[DRY]);
  char* wet = dv_scan_join(work, folder, fields[WET]);
  const dv_scan_candidate candidate = {
    .path = path, .detail = detail, .id = id, .dry = dry, .wet = wet, .why = why, .given = given};
  if (id && dry && wet) dv_scan_add(work, &candidate);
  else work->no_memory = true;
  free(id);
  free(dry);
  free(wet);
}

static bool read_rows(dv_scan_work* work, const char* path, csv* c)
{
  size_t columns[COLUMNS];
  char* fields[COLUMNS];
  bool blank;
  if (!read_header(c, columns)) return false;
  const char* slash = strrchr(path, '/');
  char* folder = strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
  if (!folder) work->no_memory = true;
  while (folder && *c->at) {
    if (!read_row(c, columns, fields, &blank)) {
      char detail[40];
      snprintf(detail, sizeof detail, "line %zu", c->line);
      dv_scan_leave_out(work, DV_SCAN_UNREADABLE, path, detail,
                        "quotes that do not end, or end inside a field; it and what follows is not read");
      break;
    }
    if (!blank) add_row(work, path, folder, c->line, fields);
  }
  free(folder);
  return true;
}

bool dv_scan_csv(dv_scan_work* work, const char* path)
{
  char* text;
  size_t size;
  dv_error err;
  if (dv_file_read(path, MAX_BYTES, &text, &size, &err)) {
    dv_scan_leave_out(work, DV_SCAN_UNREADABLE, path, NULL, "the CSV file cannot be read");
    return true;
  }
  const size_t mark = strncmp(text, "\xef\xbb\xbf", 3) ? 0 : 3; /* spreadsheets write a byte-order mark */
  csv c = {.at = text + mark, .line = 1, .next = 1, .separator = ','};
  /* and semicolons where the comma is decimal */
  if (strcspn(c.at, ";\n") < strcspn(c.at, ",\n")) c.separator = ';';
  const bool has_columns = read_rows(work, path, &c);
  free(text);
  return has_columns;
}
