/* SPDX-License-Identifier: MIT */
#include "plugin/state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char HEAD[] = "diffvox-state";
static const char INPUT_GAIN[] = "input_gain_db", OUTPUT_GAIN[] = "output_gain_db";
enum { DIGITS = 16 };
static const double MAX_GAIN_DB = 100.0; /* as in preset files */

_Static_assert((DV_PARAM_COUNT + 2) * (DIGITS + 1) + 64 * 40 < DV_STATE_MAX_BYTES, "the text fits");

/* --- Writing -------------------------------------------------------------------------------------------------- */

typedef struct {
  char* text;
  size_t used;
} writer;

static void put_word(writer* w, const char* word)
{
  const int length = snprintf(w->text + w->used, DV_STATE_MAX_BYTES - w->used, "%s%s", w->used ? " " : "", word);
  w->used += (size_t)length;
}

static void put_number(writer* w, double value)
{
  uint64_t bits;
  char word[DIGITS + 1];
  memcpy(&bits, &value, sizeof bits);
  snprintf(word, sizeof word, "%016" PRIx64, bits);
  put_word(w, word);
}

void dv_state_print(const dv_state* state, char text[DV_STATE_MAX_BYTES])
{
  writer w = {text, 0};
  char version[16];
  size_t rows;
  const dv_parameter* table = dv_parameter_table(&rows);
  const double* flat = dv_params_flat_const(&state->params);
  put_word(&w, HEAD);
  snprintf(version, sizeof version, "%d", DV_STATE_VERSION);
  put_word(&w, version);
  for (size_t r = 0; r < rows; ++r) {
    if (table[r].first >= DV_PRESET_SIZE) continue; /* training only */
    put_word(&w, table[r].name);
    for (int i = 0; i < table[r].count; ++i) put_number(&w, flat[table[r].first + i]);
  }
  if (!state->has_gains) return;
  put_word(&w, INPUT_GAIN);
  put_number(&w, state->input_gain_db);
  put_word(&w, OUTPUT_GAIN);
  put_number(&w, state->output_gain_db);
}

/* --- Reading -------------------------------------------------------------------------------------------------- */

typedef struct {
  const char *at, *end;
  char word[64]; /* the last one; empty at the end */
  bool bad;      /* met a word that is none of ours: too long, or with zero bytes in it */
} reader;

static bool next_word(reader* r)
{
  r->word[0] = '\0';
  while (r->at < r->end && *r->at == ' ') ++r->at;
  const char* start = r->at;
  while (r->at < r->end && *r->at != ' ') ++r->at;
  const size_t length = (size_t)(r->at - start);
  r->bad = length >= sizeof r->word || memchr(start, '\0', length);
  if (!length || r->bad) return false;
  memcpy(r->word, start, length);
  r->word[length] = '\0';
  return true;
}

static bool is_number(const char* word) { return strspn(word, "0123456789abcdef") == DIGITS && word[DIGITS] == '\0'; }

static double number_of(const char* word)
{
  uint64_t bits = 0;
  for (; *word; ++word) bits = bits << 4 | (uint64_t)(*word <= '9' ? *word - '0' : *word - 'a' + 10);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Where a named row's numbers go; NULL when the name is not known. */
static double* row_of(dv_state* state, const char* name, int* count)
{
  size_t rows;
  const dv_parameter* table = dv_parameter_table(&rows);
  for (size_t r = 0; r < rows; ++r)
    if (!strcmp(table[r].name, name) && table[r].first < DV_PRESET_SIZE) {
      *count = table[r].count;
      return dv_params_flat(&state->params) + table[r].first;
    }
  *count = 1;
  if (strcmp(name, INPUT_GAIN) && strcmp(name, OUTPUT_GAIN)) return NULL;
  state->has_gains = true;
  return strcmp(name, INPUT_GAIN) ? &state->output_gain_db : &state->input_gain_db;
}

static dv_status parse_rows(reader* r, dv_state* state, dv_error* err)
{
  bool more = next_word(r);
  while (more) {
    char name[sizeof r->word];
    memcpy(name, r->word, sizeof name);
    if (is_number(name)) return dv_fail(err, DV_ERR_FORMAT, "state: a number without a name");
    int count, seen = 0;
    double* values = row_of(state, name, &count);
    while ((more = next_word(r)) && is_number(r->word)) {
      if (values && seen < count) values[seen] = number_of(r->word);
      ++seen;
    }
    if (values && seen != count)
      return dv_fail(err, DV_ERR_FORMAT, "state: '%s' has %d numbers; it takes %d", name, seen, count);
  }
  if (r->bad) return dv_fail(err, DV_ERR_FORMAT, "state: holds what is neither a name nor a number");
  return DV_OK;
}

static dv_status check(const dv_state* state, dv_error* err)
{
  dv_error inner;
  if (dv_params_check(&state->params, &inner)) return dv_fail(err, DV_ERR_FORMAT, "state: %.400s", inner.text);
  const double gains[2] = {state->input_gain_db, state->output_gain_db};
  for (int i = 0; i < 2 && state->has_gains; ++i)
    if (!(fabs(gains[i]) <= MAX_GAIN_DB))
      return dv_fail(err, DV_ERR_FORMAT, "state: a gain of %g dB, expected -100 to 100 dB", gains[i]);
  return DV_OK;
}

dv_status dv_state_parse(const char* text, size_t size, dv_state* state, dv_error* err)
{
  reader r = {text, text + size, "", false};
  dv_state read = *state;
  read.has_gains = false;
  if (!next_word(&r) || strcmp(r.word, HEAD)) return dv_fail(err, DV_ERR_FORMAT, "state: is not a diffvox-state");
  const bool versioned = next_word(&r) && strspn(r.word, "0123456789") == strlen(r.word) && strlen(r.word) < 9;
  int version = 0;
  for (const char* c = r.word; versioned && *c; ++c) version = 10 * version + (*c - '0');
  if (version < 1) return dv_fail(err, DV_ERR_FORMAT, "state: says no version");
  if (version > DV_STATE_VERSION)
    return dv_fail(err, DV_ERR_FORMAT, "state: is of version %d; this plugin reads up to %d, use a later one", version,
                   DV_STATE_VERSION);
  dv_status status = parse_rows(&r, &read, err);
  if (!status) status = check(&read, err);
  if (!status) *state = read;
  return status;
}
