/* SPDX-License-Identifier: MIT */
/* The table: what fits found beside what was done, and what the losses could tell them. */
#include "leaderboard.h"

#include "estimator/evaluate.h"
#include "estimator/progress.h"
#include "presets/columns.h"
#include "presets/correlation.h"
#include "presets/levels.h"
#include "presets/order.h"
#include "presets/prior_table.h"
#include "report/curves.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = DV_EFFECTIVE_COUNT, MAX_ROWS = 80, NAME_SIZE = 64, CURVE_POINTS = 61, FEW_PAIRS = 4 };

/* An effect counts as in use from here on. */
static const double USED_GAIN_DB = 1.0, USED_LOWPASS_HZ = 16000.0, USED_HIGHPASS_HZ = 40.0, USED_RATIO = 1.2,
                    USED_EXPANDER = 0.9, USED_DELAY_GAIN = 0.01, USED_REVERB_DB = -40.0;

/* Errors in deviations of the published presets: the mean preset is off by 0.67 of a normal one, in the median.  A
   small error also has to go with what was done, or the truths were only all alike. */
static const double EXACT = 0.02, FOUND = 0.25, GUESSED = 0.67, FOLLOWS = 0.5, FOLLOWS_WELL = 0.7;

typedef enum { DIFFERENCE, OCTAVES, PERCENT, DECIBELS } error_kind;

/* A line of the table: one parameter, several alike, or what is heard of a whole effect. */
typedef struct {
  char name[NAME_SIZE];
  const char* unit; /* of the error */
  error_kind kind;
  size_t count, pairs;
  double *known, *found, *error, *deviations; /* count of each; deviations NULL of what is heard */
  double* rise;                               /* of the loss, per deviation */
  size_t rises;
} row;

typedef struct {
  const leaderboard_table_options* options;
  dv_manifest manifest;
  row rows[MAX_ROWS];
  size_t row_count;
  size_t of_column[SIZE]; /* the row of an effective parameter */
  size_t pairs, missing;
  double *fitted_loss, *gap; /* of the pairs; what fits leave above the truth, of those measured */
  size_t gaps;
} table;

/* What a pair's truth has in use. */
typedef struct {
  const dv_chain_params* p;
  bool compressor, expander, delay, reverb;
} in_use;

/* --- Rows ------------------------------------------------------------------------------------------------------- */

static bool ends_in(const char* text, const char* end)
{
  const size_t a = strlen(text), b = strlen(end);
  return a >= b && !strcmp(text + a - b, end);
}

static const char* decay_band(int index)
{
  const double hz = 0.5 * DV_MODEL_RATE_HZ / (DV_FDN_BANDS - 1) * index;
  return hz < 500.0     ? ", up to 460 Hz"
         : hz < 4000.0  ? ", 0.9 to 3.7 kHz"
         : hz < 10000.0 ? ", 4.1 to 9.6 kHz"
                        : ", above";
}

/* Numbers of an array share a row; the decay curve has four. */
static void row_name(const dv_column* column, char name[NAME_SIZE])
{
  const size_t stem = strcspn(column->name, "[");
  snprintf(name, NAME_SIZE, "%.*s%s", (int)(stem < 40 ? stem : 40), column->name,
           !strncmp(column->name, "reverb.t60_s", 12) ? decay_band(atoi(column->name + stem + 1)) : "");
}

static error_kind kind_of(const dv_column* column)
{
  const bool delay_time = ends_in(column->name, "delay_ms") || ends_in(column->name, "lookahead_ms");
  const bool time_constant = !strcmp(column->unit, "s") || (ends_in(column->name, "_ms") && !delay_time);
  if (!strcmp(column->unit, "Hz")) return OCTAVES;
  if (time_constant || ends_in(column->name, ".q")) return PERCENT;
  return !strcmp(column->name, "delay.gain") || !strcmp(column->name, "send") ? DECIBELS : DIFFERENCE;
}

static const char* error_unit(error_kind kind, const char* unit)
{
  switch (kind) {
  case DIFFERENCE: return unit;
  case OCTAVES: return "oct";
  case PERCENT: return "%";
  case DECIBELS: return "dB";
  }
  return "";
}

/* The row of that name, made if need be. */
static row* get_row(table* t, const char* name)
{
  for (size_t i = 0; i < t->row_count; ++i)
    if (!strcmp(t->rows[i].name, name)) return &t->rows[i];
  row* r = &t->rows[t->row_count++];
  snprintf(r->name, sizeof r->name, "%s", name);
  return r;
}

static void make_rows(table* t)
{
  for (int k = 0; k < SIZE; ++k) {
    dv_column column;
    char name[NAME_SIZE];
    dv_column_at(k, &column);
    row_name(&column, name);
    row* r = get_row(t, name);
    r->kind = kind_of(&column);
    r->unit = error_unit(r->kind, column.unit);
    t->of_column[k] = (size_t)(r - t->rows);
  }
}

static bool append(double** list, size_t count, double value)
{
  double* grown = realloc(*list, (count + 1) * sizeof *grown);
  if (!grown) return false;
  grown[count] = value;
  *list = grown;
  return true;
}

static double error_of(error_kind kind, double known, double found)
{
  switch (kind) {
  case DIFFERENCE: return fabs(found - known);
  case OCTAVES: return fabs(log2(found / known));
  case PERCENT: return 100.0 * (exp(fabs(log(found / known))) - 1.0);
  case DECIBELS: return fabs(20.0 * log10(found / known));
  }
  return (double)NAN;
}

static bool add_value(row* r, double known, double found)
{
  const bool added = append(&r->known, r->count, known) && append(&r->found, r->count, found) &&
                     append(&r->error, r->count, error_of(r->kind, known, found));
  r->count += added;
  return added;
}

/* --- What is in use --------------------------------------------------------------------------------------------- */

static in_use look(const dv_chain_params* p)
{
  return (in_use){p, p->compressor.comp_ratio >= USED_RATIO, p->compressor.exp_ratio <= USED_EXPANDER,
                  p->delay.gain >= USED_DELAY_GAIN,
                  dv_curve_reverb_level_db(&p->reverb, DV_MODEL_RATE_HZ) >= USED_REVERB_DB};
}

/* Gain of the bell or shelf that a parameter belongs to; NaN where it belongs to none. */
static double band_gain_db(const dv_chain_params* p, const char* name)
{
  const bool reverb = !strncmp(name, "reverb.", 7);
  const char* band = reverb ? name + 7 : name;
  const dv_reverb_params* r = &p->reverb;
  if (!strncmp(band, "peak1.", 6)) return reverb ? r->peak1.gain_db : p->peak1.gain_db;
  if (!strncmp(band, "peak2.", 6)) return reverb ? r->peak2.gain_db : p->peak2.gain_db;
  if (!strncmp(band, "lowshelf.", 9)) return reverb ? r->lowshelf.gain_db : p->lowshelf.gain_db;
  if (!strncmp(band, "highshelf.", 10)) return reverb ? r->highshelf.gain_db : p->highshelf.gain_db;
  return (double)NAN;
}

static bool is_used(const in_use* u, const char* name)
{
  const double gain_db = band_gain_db(u->p, name);
  if (!strncmp(name, "reverb.", 7) && !u->reverb) return false;
  if (!isnan(gain_db)) return ends_in(name, "gain_db") || fabs(gain_db) >= USED_GAIN_DB;
  if (!strncmp(name, "delay.", 6)) return u->delay;
  if (!strcmp(name, "send")) return u->delay && u->reverb;
  if (!strncmp(name, "lowpass.", 8)) return u->p->lowpass.freq_hz <= USED_LOWPASS_HZ;
  if (!strncmp(name, "highpass.", 9)) return u->p->highpass.freq_hz >= USED_HIGHPASS_HZ;
  if (!strncmp(name, "compressor.comp_", 16)) return u->compressor;
  if (!strncmp(name, "compressor.exp_", 15)) return u->expander;
  if (!strncmp(name, "compressor.", 11) && !ends_in(name, "makeup_db")) return u->compressor || u->expander;
  return true;
}

/* --- One pair --------------------------------------------------------------------------------------------------- */

typedef struct {
  dv_chain_params params;
  double effective[SIZE], physical[SIZE];
} settings;

static dv_status take_settings(const dv_chain_params* params, settings* s, dv_error* err)
{
  double raw[DV_PARAM_COUNT];
  const dv_status status = dv_params_to_raw(params, raw, err);
  if (status) return status;
  s->params = *params;
  dv_effective_from_raw(raw, s->effective);
  dv_columns_physical(s->effective, s->physical);
  return DV_OK;
}

static bool add_parameters(table* t, const settings* known, const settings* found, const in_use* used)
{
  const row* last = NULL;
  for (int k = 0; k < SIZE; ++k) {
    row* r = &t->rows[t->of_column[k]];
    if (!is_used(used, r->name)) continue;
    const double off = fabs(found->effective[k] - known->effective[k]) / dv_prior_internal.deviation[k];
    if (!append(&r->deviations, r->count, off) || !add_value(r, known->physical[k], found->physical[k])) return false;
    if (r != last) ++r->pairs;
    last = r;
  }
  return true;
}

/* Root mean square of the difference of two curves, without its mean. */
static double shape_error(const double* a, const double* b, size_t n)
{
  double sum = 0.0, squares = 0.0;
  for (size_t i = 0; i < n; ++i) {
    sum += a[i] - b[i];
    squares += (a[i] - b[i]) * (a[i] - b[i]);
  }
  const double mean = sum / (double)n;
  return sqrt(fmax(squares / (double)n - mean * mean, 0.0));
}

static bool add_heard(table* t, const char* name, const char* unit, error_kind kind, double known, double found)
{
  row* r = get_row(t, name);
  r->kind = kind;
  r->unit = unit;
  ++r->pairs;
  return add_value(r, known, found);
}

static bool add_curves(table* t, const dv_chain_params* known, const dv_chain_params* found, const in_use* used)
{
  double grid[CURVE_POINTS], a[CURVE_POINTS], b[CURVE_POINTS];
  dv_curve_log_grid(100.0, 10000.0, grid, CURVE_POINTS);
  dv_curve_eq_db(known, DV_MODEL_RATE_HZ, grid, CURVE_POINTS, a);
  dv_curve_eq_db(found, DV_MODEL_RATE_HZ, grid, CURVE_POINTS, b);
  if (!add_heard(t, "= EQ, 100 Hz to 10 kHz, rms", "dB", DIFFERENCE, 0.0, shape_error(a, b, CURVE_POINTS)))
    return false;
  if (!used->compressor) return true;
  dv_curve_linear_grid(-40.0, -10.0, grid, CURVE_POINTS);
  dv_curve_compressor_db(&known->compressor, DV_MODEL_RATE_HZ, grid, CURVE_POINTS, a);
  dv_curve_compressor_db(&found->compressor, DV_MODEL_RATE_HZ, grid, CURVE_POINTS, b);
  return add_heard(t, "= compression, -40 to -10 dBFS, rms", "dB", DIFFERENCE, 0.0, shape_error(a, b, CURVE_POINTS));
}

/* Of both channels together; -120 where there is no echo. */
static double first_echo_db(const dv_chain_params* p)
{
  dv_echo echo;
  if (!dv_curve_echoes(p, DV_MODEL_RATE_HZ, 1000.0, -120.0, &echo, 1)) return -120.0;
  return 10.0 * log10(pow(10.0, 0.1 * echo.left_db) + pow(10.0, 0.1 * echo.right_db));
}

static double middle_t60_s(const dv_reverb_params* reverb)
{
  double hz[9], seconds[9], sum = 0.0;
  dv_curve_log_grid(500.0, 4000.0, hz, 9);
  dv_curve_t60_s(reverb, hz, 9, seconds);
  for (int i = 0; i < 9; ++i) sum += log(seconds[i]) / 9.0;
  return exp(sum);
}

static bool add_space(table* t, const dv_chain_params* known, const dv_chain_params* found, const in_use* used)
{
  if (used->delay &&
      !add_heard(t, "= level of the first echo", "dB", DIFFERENCE, first_echo_db(known), first_echo_db(found)))
    return false;
  if (!used->reverb) return true;
  return add_heard(t, "= level of the reverb", "dB", DIFFERENCE,
                   dv_curve_reverb_level_db(&known->reverb, DV_MODEL_RATE_HZ),
                   dv_curve_reverb_level_db(&found->reverb, DV_MODEL_RATE_HZ)) &&
         add_heard(t, "= reverb time, 0.5 to 4 kHz", "%", PERCENT, middle_t60_s(&known->reverb),
                   middle_t60_s(&found->reverb));
}

/* The loss around the truth, a deviation to either side along every parameter in use. */
static dv_status add_sensitivity(table* t, const dv_pair* pair, const settings* known, const in_use* used,
                                 double fitted_loss, dv_error* err)
{
  dv_eval_setup setup;
  dv_eval_track track;
  dv_loss_values at, moved;
  dv_eval_setup_default(t->options->threads, &setup);
  setup.stems.align = DV_ALIGN_OFF; /* the truth is: not at all */
  dv_status status = dv_eval_open(&setup, pair->dry, pair->wet, &track, err);
  if (status) return status;
  status = dv_eval_loss(&track, &known->params, &at, err);
  if (!status && !append(&t->gap, t->gaps++, fitted_loss - at.total)) status = DV_ERR_NOMEM;
  for (int k = 0; !status && k < SIZE; ++k) {
    row* r = &t->rows[t->of_column[k]];
    double rise = 0.0;
    if (!is_used(used, r->name)) continue;
    for (int side = -1; !status && side <= 1; side += 2) {
      double effective[SIZE];
      dv_chain_params params;
      memcpy(effective, known->effective, sizeof effective);
      effective[k] += side * dv_prior_internal.deviation[k];
      dv_effective_params(effective, &params);
      status = dv_eval_loss(&track, &params, &moved, err);
      rise += 0.5 * (moved.total - at.total);
    }
    if (!status && !append(&r->rise, r->rises++, rise)) status = DV_ERR_NOMEM;
  }
  dv_eval_close(&track);
  return status;
}

/* The truth as it has to be where the fit's gains stand before and behind the chain. */
static dv_status read_pair(const dv_pair* pair, const dv_eval_found* fit, settings* known, settings* found,
                           dv_error* err)
{
  dv_preset truth;
  dv_chain_params params;
  dv_status status = dv_preset_read(pair->truth, &truth, err);
  if (!status) status = dv_preset_between(&truth, fit->preset.input_gain_db, fit->preset.output_gain_db, &params, err);
  if (!status) status = take_settings(&params, known, err);
  if (!status) status = take_settings(&fit->preset.params, found, err);
  return status;
}

static dv_status add_pair(table* t, const dv_pair* pair, const dv_eval_found* fit, bool measure, dv_error* err)
{
  settings known, found;
  const dv_preset_note* loss = dv_preset_find_note(&fit->preset, "loss");
  const double fitted_loss = loss && loss->is_number ? loss->number : (double)NAN;
  const dv_status status = read_pair(pair, fit, &known, &found, err);
  if (status) return status;
  const in_use used = look(&known.params);
  if (!add_parameters(t, &known, &found, &used) || !add_curves(t, &known.params, &found.params, &used) ||
      !add_space(t, &known.params, &found.params, &used) || !append(&t->fitted_loss, t->pairs++, fitted_loss))
    return dv_fail(err, DV_ERR_NOMEM, "out of memory");
  return measure ? add_sensitivity(t, pair, &known, &used, fitted_loss, err) : DV_OK;
}

static dv_status read_pairs(table* t, dv_error* err)
{
  const size_t count = t->manifest.count, wanted = t->options->sensitivity_pairs;
  dv_eval_source source;
  dv_progress progress;
  dv_status status = dv_eval_source_open(t->options->runs, NULL, &source, err);
  if (status) return status;
  dv_progress_start(&progress, stderr, false);
  for (size_t i = 0; !status && i < count; ++i) {
    const dv_pair* pair = &t->manifest.pairs[i];
    dv_eval_found fit;
    bool missing;
    dv_progress_show(&progress, "measuring", (double)i / (double)count, pair->id);
    status = dv_eval_source_find(&source, pair->id, &fit, &missing, err);
    t->missing += missing || !pair->truth;
    if (missing) status = DV_OK;
    else if (!status && pair->truth)
      status = add_pair(t, pair, &fit, i * wanted / count != (i + 1) * wanted / count, err);
  }
  dv_progress_end(&progress);
  dv_eval_source_close(&source);
  if (!status && !t->pairs) status = dv_fail(err, DV_ERR_ARG, "%s: no fit of a pair with a truth", t->options->runs);
  return status;
}

/* --- Results ---------------------------------------------------------------------------------------------------- */

/* Sorts the values. */
static double quantile(double* values, size_t count, double level)
{
  if (!count) return (double)NAN;
  qsort(values, count, sizeof *values, dv_ascending);
  const double place = level * (double)(count - 1);
  const size_t below = (size_t)place;
  const double next = values[below + 1 < count ? below + 1 : below];
  return values[below] + (place - (double)below) * (next - values[below]);
}

typedef struct {
  double median, high, correlation, deviations, rise;
  const char* verdict;
} row_result;

/* Spearman's, of what was done with what was found. */
static double correlation(const row* r)
{
  double rho[4] = {(double)NAN, (double)NAN, (double)NAN, (double)NAN};
  double* data = malloc((2 * r->count + 1) * sizeof *data);
  if (!data) return (double)NAN;
  for (size_t i = 0; i < r->count; ++i) {
    data[2 * i] = r->known[i];
    data[2 * i + 1] = r->found[i];
  }
  dv_error ignored;
  if (dv_spearman(data, r->count, 2, rho, &ignored)) rho[1] = (double)NAN;
  free(data);
  return rho[1];
}

/* A correlation that is not known, of equal truths, is no objection. */
static const char* judge(const row* r, const row_result* result, double gap)
{
  const double off = result->deviations;
  if (!r->deviations) return "";
  if (r->pairs < FEW_PAIRS) return "in too few pairs";
  if (off <= EXACT || (off <= FOUND && !(result->correlation < FOLLOWS))) return "found";
  if ((off < GUESSED && !(result->correlation < FOLLOWS)) || result->correlation >= FOLLOWS_WELL) return "roughly";
  if (isnan(result->rise)) return "not found";
  return result->rise < gap ? "not found: hardly heard" : "not found: others make up for it";
}

static row_result settle(row* r, double gap)
{
  row_result result = {.correlation = correlation(r)};
  result.median = quantile(r->error, r->count, 0.5);
  result.high = quantile(r->error, r->count, 0.9);
  result.deviations = quantile(r->deviations, r->deviations ? r->count : 0, 0.5);
  result.rise = quantile(r->rise, r->rises, 0.5);
  result.verdict = judge(r, &result, gap);
  return result;
}

static void print_number(double value, int width)
{
  char text[32] = "-";
  if (!isnan(value))
    snprintf(text, sizeof text, fabs(value) < 10.0 ? "%.3f" : fabs(value) < 1000.0 ? "%.1f" : "%.2g", value);
  printf(" %*s", width, text);
}

static void print_table(table* t, double loss, double gap)
{
  printf("%zu pairs (%zu without a fit); loss of the fits: median %.3f; above that of the truth (%zu pairs): %.3f\n\n",
         t->pairs, t->missing, loss, t->gaps, gap);
  printf("%-36s %5s %4s %9s %9s %7s %7s %7s  %s\n", "", "pairs", "", "median", "90 %", "rho", "dev.", "rise", "");
  for (size_t i = 0; i < t->row_count; ++i) {
    row* r = &t->rows[i];
    const row_result result = settle(r, gap);
    printf("%-36s %5zu %4s", r->name, r->pairs, r->unit);
    print_number(result.median, 9);
    print_number(result.high, 9);
    print_number(result.correlation, 7);
    print_number(result.deviations, 7);
    print_number(result.rise, 7);
    printf("  %s\n", result.verdict);
  }
  puts(
    "\nmedian, 90 %: of the absolute error, where the truth has the effect in use; rho: rank correlation of done and\n"
    "found; dev.: median error in deviations of the published presets; rise: of the loss, when the true value is\n"
    "moved by one; =: what is heard of several parameters together");
}

static json_t* number_or_null(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static void print_json(table* t, double loss, double gap)
{
  json_t* rows = json_array();
  for (size_t i = 0; i < t->row_count; ++i) {
    row* r = &t->rows[i];
    const row_result x = settle(r, gap);
    json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:s}", "name", r->name, "unit",
                                          r->unit, "pairs", (json_int_t)r->pairs, "median", number_or_null(x.median),
                                          "high_90", number_or_null(x.high), "rho", number_or_null(x.correlation),
                                          "deviations", number_or_null(x.deviations), "rise", number_or_null(x.rise),
                                          "verdict", x.verdict));
  }
  json_t* root =
    json_pack("{s:I, s:I, s:o, s:o, s:o}", "pairs", (json_int_t)t->pairs, "missing", (json_int_t)t->missing, "loss",
              number_or_null(loss), "above_truth", number_or_null(gap), "rows", rows);
  json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
  puts("");
  json_decref(root);
}

static void free_table(table* t)
{
  for (size_t i = 0; i < MAX_ROWS; ++i) {
    double* lists[] = {t->rows[i].known, t->rows[i].found, t->rows[i].error, t->rows[i].deviations, t->rows[i].rise};
    for (size_t l = 0; l < sizeof lists / sizeof *lists; ++l) free(lists[l]);
  }
  free(t->fitted_loss);
  free(t->gap);
  dv_manifest_free(&t->manifest);
  free(t);
}

dv_status leaderboard_table(const leaderboard_table_options* options, dv_error* err)
{
  table* t = calloc(1, sizeof *t);
  if (!t) return dv_fail(err, DV_ERR_NOMEM, "out of memory");
  t->options = options;
  make_rows(t);
  dv_status status = dv_manifest_read(options->manifest, &t->manifest, err);
  if (!status) status = read_pairs(t, err);
  if (!status) {
    const double loss = quantile(t->fitted_loss, t->pairs, 0.5), gap = quantile(t->gap, t->gaps, 0.5);
    if (options->json) print_json(t, loss, gap);
    else print_table(t, loss, gap);
  }
  free_table(t);
  return status;
}
