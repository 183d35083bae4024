/* SPDX-License-Identifier: MIT */
#include "presets/analysis.h"
#include "presets/columns.h"
#include "report/chart.h"
#include "report/curves.h"
#include "report/explore.h"
#include "report/html.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = DV_EFFECTIVE_COUNT, POINTS = 120, STEPS = 5, ECHOES = 40 };

static const double RATE_HZ = DV_MODEL_RATE_HZ, ECHO_HZ = 500.0, ECHO_FLOOR_DB = -60.0;

/* --- Cumulative variance ------------------------------------------------------------------------------------- */

static void cumulative_line(dv_chart* chart, const double* share, const char* look, const char* name)
{
  double x[SIZE + 1], y[SIZE + 1];
  x[0] = y[0] = 0.0;
  for (size_t i = 0; i < SIZE; ++i) {
    x[i + 1] = (double)(i + 1);
    y[i + 1] = 100.0 * share[i];
  }
  dv_chart_line(chart, x, y, SIZE + 1, look, name);
  dv_chart_tips(chart, x, y, SIZE + 1, name, "components", "%");
}

dv_status dv_figure_cumulative(const dv_analysis* a, dv_buffer* out)
{
  dv_chart chart;
  char name[220];
  dv_html_figure_begin(out, "Cumulative variance");
  dv_chart_begin(&chart, &(dv_chart_spec){.title = "Cumulative variance",
                                          .description = "Share of the variance in the first so many components",
                                          .x = dv_axis_make(DV_SCALE_LINEAR, "Components", 0.0, SIZE),
                                          .y = dv_axis_make(DV_SCALE_LINEAR, "Variance, %", 0.0, 100.0)});
  dv_chart_mark_y(&chart, 99.0, "99 %");
  cumulative_line(&chart, a->part[0].cumulative, "l1", a->part[0].corpus.label);
  if (a->parts > 1) {
    snprintf(name, sizeof name, "%s on %s", a->part[1].corpus.label, a->part[0].corpus.label);
    if (a->part[1].components) cumulative_line(&chart, a->part[1].cumulative, "l2 dash", a->part[1].corpus.label);
    cumulative_line(&chart, a->projected, "l2", name);
  }
  const dv_status status = dv_chart_end(&chart, out);
  dv_html_figure_end(out, a->parts > 1 ? "The second corpus on its own components, and on those of the first: what the "
                                         "first does not know shows as the gap."
                                       : NULL);
  return status;
}

/* --- The mean preset along a component ------------------------------------------------------------------------ */

static const double steps[STEPS] = {-2.0, -1.0, 0.0, 1.0, 2.0};
static const char* const step_looks[STEPS] = {"e0", "e1", "e2", "e3", "e4"};
static const char* const step_names[STEPS] = {"\xe2\x88\x92\x32\xcf\x83", "\xe2\x88\x92\x31\xcf\x83", "Mean",
                                              "+1\xcf\x83", "+2\xcf\x83"};

/* The middle is drawn last, above the others. */
static const size_t step_order[STEPS] = {0, 4, 1, 3, 2};

typedef struct {
  const char *title, *description, *caption;
  dv_axis x;
  const char* y_label;
  double y_low, y_high, y_least; /* values are held within; the axis spans this at least */
  void (*curve)(const dv_chain_params* p, const double* x, size_t count, double* y);
} family;

static void eq_curve(const dv_chain_params* p, const double* x, size_t count, double* y)
{
  dv_curve_eq_db(p, RATE_HZ, x, count, y);
}
static void compressor_curve(const dv_chain_params* p, const double* x, size_t count, double* y)
{
  dv_curve_compressor_db(&p->compressor, RATE_HZ, x, count, y);
}
static void reverb_eq_curve(const dv_chain_params* p, const double* x, size_t count, double* y)
{
  dv_curve_reverb_eq_db(&p->reverb, RATE_HZ, x, count, y);
}
static void t60_curve(const dv_chain_params* p, const double* x, size_t count, double* y)
{
  dv_curve_t60_s(&p->reverb, x, count, y);
}

static void axis_grid(const dv_axis* axis, size_t count, double* x)
{
  if (axis->scale == DV_SCALE_LOG) dv_curve_log_grid(axis->low, axis->high, x, count);
  else dv_curve_linear_grid(axis->low, axis->high, x, count);
}

static dv_status family_figure(const family* f, const dv_chain_params moved[STEPS], dv_buffer* out)
{
  double x[POINTS], y[STEPS][POINTS];
  dv_axis axis = dv_axis_empty(DV_SCALE_LINEAR, f->y_label);
  axis_grid(&f->x, POINTS, x);
  for (size_t s = 0; s < STEPS; ++s) {
    f->curve(&moved[s], x, POINTS, y[s]);
    for (size_t i = 0; i < POINTS; ++i) {
      const double held = fmin(fmax(y[s][i], f->y_low), f->y_high);
      dv_axis_cover(&axis, &held, 1);
    }
  }
  dv_axis_round(&axis, f->y_least);
  dv_chart chart;
  dv_html_figure_begin(out, f->title);
  dv_chart_begin(&chart, &(dv_chart_spec){.title = f->title, .description = f->description, .x = f->x, .y = axis});
  for (size_t s = 0; s < STEPS; ++s) dv_chart_legend(&chart, step_looks[s], step_names[s]);
  for (size_t k = 0; k < STEPS; ++k)
    dv_chart_line(&chart, x, y[step_order[k]], POINTS, step_looks[step_order[k]], NULL);
  const dv_status status = dv_chart_end(&chart, out);
  dv_html_figure_end(out, f->caption);
  return status;
}

static double pair_db(const dv_echo* echo)
{
  return 10.0 * log10(0.5 * (pow(10.0, echo->left_db / 10.0) + pow(10.0, echo->right_db / 10.0)));
}

static dv_status echo_figure(const dv_chain_params moved[STEPS], dv_buffer* out)
{
  double ms[STEPS][ECHOES], db[STEPS][ECHOES];
  size_t count[STEPS], most = 0;
  dv_axis x = dv_axis_make(DV_SCALE_LINEAR, "Time after the voice, ms", 0.0, 1000.0);
  for (size_t s = 0; s < STEPS; ++s) {
    dv_echo echoes[ECHOES];
    count[s] = dv_curve_echoes(&moved[s], RATE_HZ, ECHO_HZ, ECHO_FLOOR_DB, echoes, ECHOES);
    for (size_t i = 0; i < count[s]; ++i) {
      ms[s][i] = echoes[i].time_ms;
      db[s][i] = pair_db(&echoes[i]);
    }
    most = count[s] > most ? count[s] : most;
    dv_axis_cover(&x, ms[s], count[s]);
  }
  dv_axis_round(&x, 1000.0);
  dv_chart chart;
  dv_html_figure_begin(out, "Delay");
  dv_chart_begin(&chart, &(dv_chart_spec){.title = "Delay",
                                          .description = "Level of every echo against the direct sound",
                                          .x = x,
                                          .y = dv_axis_make(DV_SCALE_LINEAR, "Level, dB", ECHO_FLOOR_DB, 0.0)});
  for (size_t s = 0; s < STEPS; ++s) dv_chart_legend(&chart, step_looks[s], step_names[s]);
  for (size_t k = 0; k < STEPS; ++k) {
    const size_t s = step_order[k];
    char tip[48];
    dv_chart_line(&chart, ms[s], db[s], count[s], step_looks[s], NULL);
    snprintf(tip, sizeof tip, "%s, echo", step_names[s]);
    dv_chart_tips(&chart, ms[s], db[s], count[s], tip, "ms", "dB");
    for (size_t i = 0; i < count[s]; ++i) { /* a mark at every echo */
      const double at[2] = {ms[s][i], ms[s][i]}, mark[2] = {db[s][i] - 1.2, db[s][i] + 1.2};
      dv_chart_line(&chart, at, mark, 2, step_looks[s], NULL);
    }
  }
  if (!most)
    dv_chart_note(&chart, "No echo above \xe2\x88\x92"
                          "60 dB");
  const dv_status status = dv_chart_end(&chart, out);
  dv_html_figure_end(out, "Level of each echo at 500 Hz, both channels together.");
  return status;
}

dv_status dv_figures_component(const dv_analysis* a, size_t component, dv_buffer* out)
{
  const dv_axis hz = dv_axis_hz("Frequency, Hz");
  const family families[] = {
    {"Equaliser", "Gain over frequency", NULL, hz, "Gain, dB", -30.0, 60.0, 12.0, eq_curve},
    {"Compressor", "Level out over level in", "Peak level of a steady tone, make-up gain included.",
     dv_axis_make(DV_SCALE_LINEAR, "In, dBFS", -60.0, 0.0), "Out, dBFS", -90.0, 40.0, 60.0, compressor_curve},
    {"Reverb equaliser", "Gain over frequency of the reverb", NULL, hz, "Gain, dB", -30.0, 60.0, 12.0, reverb_eq_curve},
    {"Reverberation time", "T60 over frequency", NULL, dv_axis_make(DV_SCALE_LOG, "Frequency, Hz", 50.0, 20000.0),
     "T60, s", 0.0, 9.0, 0.5, t60_curve},
  };
  dv_chain_params moved[STEPS];
  for (size_t s = 0; s < STEPS; ++s) dv_analysis_moved(a, component, steps[s], &moved[s]);
  dv_status status = family_figure(&families[0], moved, out);
  if (!status) status = family_figure(&families[1], moved, out);
  if (!status) status = echo_figure(moved, out);
  if (!status) status = family_figure(&families[2], moved, out);
  return status ? status : family_figure(&families[3], moved, out);
}

/* --- Distributions -------------------------------------------------------------------------------------------- */

static double* physical_column(const dv_collection* c, int flat)
{
  double* values = malloc(c->count * sizeof *values);
  for (size_t i = 0; values && i < c->count; ++i) {
    dv_chain_params params;
    dv_effective_params(dv_collection_row(c, i), &params);
    values[i] = dv_params_flat_const(&params)[flat];
  }
  return values;
}

static dv_status distribution(const dv_analysis* a, const char* title, const char* label, int flat, dv_buffer* out)
{
  static const char* const looks[] = {"f1 bar", "f2 bar"};
  const dv_parameter* p = dv_parameter_at(flat);
  dv_chart chart;
  dv_status status = DV_OK;
  dv_html_figure_begin(out, title);
  dv_chart_begin(&chart, &(dv_chart_spec){.title = title,
                                          .description = "Histogram over the presets",
                                          .x = dv_axis_make(DV_SCALE_LINEAR, label, p->minimum, p->maximum),
                                          .y = dv_axis_make(DV_SCALE_LINEAR, "Share of the largest", 0.0, 1.0),
                                          .height = 130});
  for (size_t i = 0; i < a->parts && !status; ++i) {
    double* values = physical_column(&a->part[i].corpus, flat);
    if (!values) status = DV_ERR_NOMEM;
    else
      dv_chart_histogram(&chart, values, a->part[i].corpus.count, 24, true, looks[i],
                         a->parts > 1 ? a->part[i].corpus.label : NULL);
    free(values);
  }
  const dv_status ended = dv_chart_end(&chart, out);
  dv_html_figure_end(out, NULL);
  return status ? status : ended;
}

dv_status dv_figures_distributions(const dv_analysis* a, dv_buffer* out)
{
#define FLAT(field) (int)(offsetof(dv_chain_params, field) / sizeof(double))
  dv_status status = distribution(a, "Pan", "Left 0, right 1", FLAT(pan), out);
  if (!status) status = distribution(a, "Delay to reverb send", "Send", FLAT(send), out);
  if (!status) status = distribution(a, "Delay feedback", "Feedback", FLAT(delay.feedback), out);
  if (!status) status = distribution(a, "Delay level", "Level of the first echo", FLAT(delay.gain), out);
  if (!status) status = distribution(a, "Delay time", "Time, ms", FLAT(delay.delay_ms), out);
  return status ? status : distribution(a, "Compressor ratio", "Ratio", FLAT(compressor.comp_ratio), out);
#undef FLAT
}

/* --- Correlations --------------------------------------------------------------------------------------------- */

dv_status dv_figure_effects(const dv_analysis* a, dv_buffer* out)
{
  const dv_corpus_correlation* c = &a->correlation;
  const char* names[DV_EFFECT_GROUPS];
  double values[DV_EFFECT_GROUPS * DV_EFFECT_GROUPS], largest = 0.0;
  for (size_t i = 0; i < DV_EFFECT_GROUPS; ++i) {
    names[i] = dv_effect_group_name((int)c->order[i]);
    for (size_t j = 0; j < DV_EFFECT_GROUPS; ++j) {
      values[i * DV_EFFECT_GROUPS + j] = c->effect[c->order[i]][c->order[j]];
      largest = fmax(largest, values[i * DV_EFFECT_GROUPS + j]);
    }
  }
  dv_chart chart;
  dv_html_figure_begin(out, "Mean |rho| between effects");
  dv_chart_begin(&chart, &(dv_chart_spec){.title = "Mean absolute rank correlation between effects",
                                          .description = "In the order of Ward's clustering",
                                          .x = dv_axis_names(NULL, names, DV_EFFECT_GROUPS),
                                          .y = dv_axis_names_down(NULL, names, DV_EFFECT_GROUPS),
                                          .height = 340});
  dv_chart_matrix(&chart, values, DV_EFFECT_GROUPS, DV_EFFECT_GROUPS, largest > 0.0 ? largest : 1.0, 3);
  const dv_status status = dv_chart_end(&chart, out);
  dv_html_figure_end(out,
                     "Mean absolute Spearman correlation over the pairs of parameters of two effects; on the diagonal "
                     "over the pairs within one. SEND is the send and the final pan.");
  return status;
}

dv_status dv_figure_tree(const dv_analysis* a, dv_buffer* out)
{
  const dv_corpus_correlation* c = &a->correlation;
  const char* names[DV_EFFECT_GROUPS];
  double x[2 * DV_EFFECT_GROUPS], y[2 * DV_EFFECT_GROUPS] = {0};
  for (size_t i = 0; i < DV_EFFECT_GROUPS; ++i) {
    names[i] = dv_effect_group_name((int)c->order[i]);
    x[c->order[i]] = (double)i + 0.5;
  }
  const double top = c->merges[DV_EFFECT_GROUPS - 2].height;
  dv_axis height =
    dv_axis_make(DV_SCALE_LINEAR, "Distance, 1 \xe2\x88\x92 |rho|", 0.9 * c->merges[0].height, 1.02 * top);
  dv_axis_round(&height, 0.0);
  for (size_t i = 0; i < DV_EFFECT_GROUPS; ++i) y[i] = height.low;
  dv_chart chart;
  dv_html_figure_begin(out, "Effects that work together");
  dv_chart_begin(&chart, &(dv_chart_spec){.title = "Clusters of effects",
                                          .description = "Tree of Ward's clustering",
                                          .x = dv_axis_names(NULL, names, DV_EFFECT_GROUPS),
                                          .y = height,
                                          .height = 340});
  for (size_t k = 0; k + 1 < DV_EFFECT_GROUPS; ++k) {
    const dv_merge* m = &c->merges[k];
    const double px[4] = {x[m->left], x[m->left], x[m->right], x[m->right]};
    const double py[4] = {y[m->left], m->height, m->height, y[m->right]};
    dv_chart_line(&chart, px, py, 4, "l1", NULL);
    x[DV_EFFECT_GROUPS + k] = 0.5 * (x[m->left] + x[m->right]);
    y[DV_EFFECT_GROUPS + k] = m->height;
  }
  const dv_status status = dv_chart_end(&chart, out);
  dv_html_figure_end(out, "Ward's clustering of the matrix beside it: the lower two effects are joined, the more their "
                          "parameters move together.");
  return status;
}

dv_status dv_figure_parameters(const dv_analysis* a, dv_buffer* out)
{
  float* values = malloc((size_t)SIZE * SIZE * sizeof *values);
  if (!values) return DV_ERR_NOMEM;
  for (size_t i = 0; i < (size_t)SIZE * SIZE; ++i) values[i] = (float)a->correlation.rho[i];
  dv_chart chart;
  dv_html_figure_begin(out, "Rank correlation of all parameters");
  dv_chart_begin(&chart,
                 &(dv_chart_spec){.title = "Rank correlation of all parameters",
                                  .description = "130 by 130, in the order of the chain",
                                  .x = dv_axis_make(DV_SCALE_LINEAR, "Parameter, in the order of the chain", 0.0, SIZE),
                                  .y = dv_axis_make(DV_SCALE_LINEAR, "Parameter", 0.0, SIZE),
                                  .height = 340,
                                  .colour_bar = true});
  dv_chart_heat(&chart, &(dv_heat){.values = values,
                                   .columns = SIZE,
                                   .rows = SIZE,
                                   .x0 = 0.0,
                                   .x1 = SIZE,
                                   .y0 = 0.0,
                                   .y1 = SIZE,
                                   .low = -1.0,
                                   .high = 1.0,
                                   .palette = DV_PALETTE_DIVERGING});
  dv_chart_colour_bar(&chart, DV_PALETTE_DIVERGING, -1.0, 1.0, "rho");
  const dv_status status = dv_chart_end(&chart, out);
  dv_html_figure_end(out, "The large square is the reverb's decay curve: its 49 points go together.");
  free(values);
  return status;
}

/* --- What components sound like ------------------------------------------------------------------------------- */

dv_status dv_figure_study(const dv_analysis* a, dv_buffer* out)
{
  static const char* const short_names[DV_FEATURE_COUNT] = {"Brightness", "Reverb",   "Decay",
                                                            "Width",      "Dynamics", "Crest"};
  static const char* const rows[DV_STUDY_MAX_COMPONENTS] = {"PC1", "PC2", "PC3", "PC4", "PC5", "PC6", "PC7", "PC8"};
  const dv_study* study = &a->study.study;
  double values[DV_STUDY_MAX_COMPONENTS * DV_FEATURE_COUNT];
  for (size_t c = 0; c < study->components; ++c)
    for (size_t f = 0; f < DV_FEATURE_COUNT; ++f) values[c * DV_FEATURE_COUNT + f] = study->cell[c][f].r;
  dv_chart chart;
  dv_html_figure_begin(out, "Correlation of component and sound");
  dv_chart_begin(&chart,
                 &(dv_chart_spec){.title = "Correlation of component and sound",
                                  .description = "How far a voice is moved along a component, against what is heard",
                                  .x = dv_axis_names(NULL, short_names, DV_FEATURE_COUNT),
                                  .y = dv_axis_names_down(NULL, rows, study->components),
                                  .height = 44.0 * (double)study->components});
  dv_chart_matrix(&chart, values, study->components, DV_FEATURE_COUNT, 1.0, 2);
  const dv_status status = dv_chart_end(&chart, out);
  dv_html_figure_end(out, "Orange: more of the component is more of it; blue: less.");
  return status;
}

/* --- Map ------------------------------------------------------------------------------------------------------ */

enum { EQ_POINTS = 48, LEVEL_POINTS = 25, T60_POINTS = 32 };

typedef struct {
  double *x, *y;
  const char** names;
  float *eq_db, *out_db, *t60_s;
  size_t count, shown;
} map_data;

static void free_map(map_data* m)
{
  free(m->x);
  free(m->y);
  free(m->names);
  free(m->eq_db);
  free(m->out_db);
  free(m->t60_s);
}

static bool allocate_map(map_data* m, size_t count)
{
  *m = (map_data){malloc(count * sizeof(double)),
                  malloc(count * sizeof(double)),
                  malloc(count * sizeof(char*)),
                  malloc(count * EQ_POINTS * sizeof(float)),
                  malloc(count * LEVEL_POINTS * sizeof(float)),
                  malloc(count * T60_POINTS * sizeof(float)),
                  0,
                  0};
  return m->x && m->y && m->names && m->eq_db && m->out_db && m->t60_s;
}

typedef struct {
  dv_axis hz, level, decay_hz;
} map_axes;

static void sample_curves(const dv_chain_params* p, const map_axes* axes, double eq_db[EQ_POINTS],
                          double out_db[LEVEL_POINTS], double t60_s[T60_POINTS])
{
  double x[EQ_POINTS];
  axis_grid(&axes->hz, EQ_POINTS, x);
  eq_curve(p, x, EQ_POINTS, eq_db);
  axis_grid(&axes->level, LEVEL_POINTS, x);
  compressor_curve(p, x, LEVEL_POINTS, out_db);
  axis_grid(&axes->decay_hz, T60_POINTS, x);
  t60_curve(p, x, T60_POINTS, t60_s);
}

static void narrow(const double* from, size_t count, float* to)
{
  for (size_t i = 0; i < count; ++i) to[i] = (float)from[i];
}

static void add_point(const dv_analysis_corpus* part, size_t row, const map_axes* axes, map_data* m)
{
  double eq_db[EQ_POINTS], out_db[LEVEL_POINTS], t60_s[T60_POINTS];
  dv_chain_params params;
  dv_effective_params(dv_collection_row(&part->corpus, row), &params);
  sample_curves(&params, axes, eq_db, out_db, t60_s);
  narrow(eq_db, EQ_POINTS, m->eq_db + m->count * EQ_POINTS);
  narrow(out_db, LEVEL_POINTS, m->out_db + m->count * LEVEL_POINTS);
  narrow(t60_s, T60_POINTS, m->t60_s + m->count * T60_POINTS);
  m->x[m->count] = part->scores[row * DV_ANALYSIS_SCORES];
  m->y[m->count] = part->scores[row * DV_ANALYSIS_SCORES + 1];
  m->names[m->count] = part->corpus.entries[row].name;
  if (hypot(m->x[m->count], m->y[m->count]) < hypot(m->x[m->shown], m->y[m->shown])) m->shown = m->count;
  ++m->count;
}

static dv_status put_map(const dv_analysis* a, const map_axes* axes, const map_data* m, dv_buffer* out)
{
  double eq_db[EQ_POINTS], out_db[LEVEL_POINTS], t60_s[T60_POINTS];
  char labels[2][64];
  dv_explore_group groups[2];
  dv_axis x, y, seconds = dv_axis_make(DV_SCALE_LINEAR, "T60, s", 0.0, 1.0);
  dv_chain_params mean;
  dv_analysis_moved(a, SIZE, 0.0, &mean);
  sample_curves(&mean, axes, eq_db, out_db, t60_s);
  for (int k = 0; k < 2; ++k)
    snprintf(labels[k], sizeof labels[k], "PC%d, \xcf\x83 (%.1f %% of the variance)", k + 1,
             dv_analysis_share(a, (size_t)k));
  for (size_t i = 0; i < a->parts; ++i)
    groups[i] = (dv_explore_group){a->part[i].corpus.label, i ? "t2" : "t1", a->part[i].listed_count};
  x = dv_axis_empty(DV_SCALE_LINEAR, labels[0]);
  y = dv_axis_empty(DV_SCALE_LINEAR, labels[1]);
  dv_axis_cover(&x, m->x, m->count);
  dv_axis_cover(&y, m->y, m->count);
  dv_axis_round(&x, 1.0);
  dv_axis_round(&y, 1.0);
  for (size_t i = 0; i < m->count * T60_POINTS; ++i) {
    const double value = (double)m->t60_s[i];
    dv_axis_cover(&seconds, &value, 1);
  }
  dv_axis_round(&seconds, 1.0);
  const dv_explore_map map = {
    .title = "Presets on the first two components",
    .description =
      "Each point is a preset; move over the map, or use the arrow keys, to see its curves. Above and beside "
      "it how they are distributed.",
    .x = x,
    .y = y,
    .count = m->count,
    .at_x = m->x,
    .at_y = m->y,
    .names = m->names,
    .groups = groups,
    .group_count = a->parts,
    .shown = m->shown,
    .reference_name = "Mean preset",
    .curves = {
      {"Equaliser", axes->hz, dv_axis_make(DV_SCALE_LINEAR, "Gain, dB", -30.0, 20.0), EQ_POINTS, m->eq_db, eq_db},
      {"Compressor", axes->level, dv_axis_make(DV_SCALE_LINEAR, "Out, dBFS", -80.0, 20.0), LEVEL_POINTS, m->out_db,
       out_db},
      {"Reverberation time", axes->decay_hz, seconds, T60_POINTS, m->t60_s, t60_s}}};
  return dv_explore_put_map(out, &map);
}

dv_status dv_map_presets(const dv_analysis* a, dv_buffer* out)
{
  const map_axes axes = {dv_axis_hz("Frequency, Hz"), dv_axis_make(DV_SCALE_LINEAR, "In, dBFS", -60.0, 0.0),
                         dv_axis_make(DV_SCALE_LOG, "Frequency, Hz", 50.0, 20000.0)};
  size_t count = 0;
  map_data m;
  for (size_t i = 0; i < a->parts; ++i) count += a->part[i].listed_count;
  dv_status status = allocate_map(&m, count) ? DV_OK : DV_ERR_NOMEM;
  for (size_t i = 0; !status && i < a->parts; ++i)
    for (size_t k = 0; k < a->part[i].listed_count; ++k) add_point(&a->part[i], a->part[i].listed[k], &axes, &m);
  if (!status) status = put_map(a, &axes, &m, out);
  free_map(&m);
  return status;
}
