/* SPDX-License-Identifier: MIT */
#include "report/preset_figures.h"

#include "presets/fields.h"
#include "presets/preset.h"
#include "report/chart.h"
#include "report/curves.h"
#include "report/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { POINTS = 240, LEVELS = 121, ECHOES = 40 };

static const double ECHO_HZ = 500.0, ECHO_FLOOR_DB = -60.0, T60_SEEN_HZ = 12000.0;

/* --- Figures --------------------------------------------------------------------------------------------- */

static dv_axis gain_axis(const double* total_db)
{
  dv_axis y = dv_axis_make(DV_SCALE_LINEAR, "Gain, dB", -6.0, 6.0);
  for (size_t i = 0; i < POINTS; ++i) { /* cuts go to minus infinity: beyond 30 dB nothing is read off */
    const double held = fmin(fmax(total_db[i], -30.0), 60.0);
    dv_axis_cover(&y, &held, 1);
  }
  dv_axis_round(&y, 12.0);
  return y;
}

static dv_status eq_figure(dv_buffer* out, const dv_chain_params* p, double rate_hz)
{
  static const char* const names[DV_EQ_BANDS] = {"Peak 1",     "Peak 2",   "Low shelf",
                                                 "High shelf", "Low-pass", "High-pass"};
  static const char* const looks[DV_EQ_BANDS] = {"l2 thin", "l3 thin", "l4 thin", "l5 thin", "l6 thin", "l6 thin dash"};
  double freq_hz[POINTS], db[POINTS], total_db[POINTS];
  dv_chart chart;
  dv_curve_log_grid(20.0, 20000.0, freq_hz, POINTS);
  dv_curve_eq_db(p, rate_hz, freq_hz, POINTS, total_db);
  dv_html_figure_begin(out, "Equaliser");
  dv_chart_begin(&chart, &(dv_chart_spec){.title = "Equaliser",
                                          .description = "Gain over frequency, in total and of every band",
                                          .x = dv_axis_hz("Frequency, Hz"),
                                          .y = gain_axis(total_db)});
  dv_chart_legend(&chart, "l1 bold", "Total");
  for (int band = 0; band < DV_EQ_BANDS; ++band) {
    dv_curve_eq_band_db(p, rate_hz, band, freq_hz, POINTS, db);
    dv_chart_line(&chart, freq_hz, db, POINTS, looks[band], names[band]);
  }
  dv_chart_line(&chart, freq_hz, total_db, POINTS, "l1 bold", NULL); /* above the bands */
  dv_chart_tips(&chart, freq_hz, total_db, POINTS, "Total", "Hz", "dB");
  const dv_status status = dv_chart_end(&chart, out);
  dv_html_figure_end(out, NULL);
  return status;
}

static dv_status compressor_figure(dv_buffer* out, const dv_compressor_params* p, double rate_hz)
{
  double in[LEVELS], level[LEVELS];
  dv_chart chart;
  char caption[256], attack[DV_NUMBER_MAX], release[DV_NUMBER_MAX];
  dv_curve_linear_grid(-60.0, 0.0, in, LEVELS);
  dv_curve_compressor_db(p, rate_hz, in, LEVELS, level);
  dv_axis y = dv_axis_make(DV_SCALE_LINEAR, "Out, dBFS", -60.0, 0.0);
  dv_axis_cover(&y, level + LEVELS / 2, LEVELS - LEVELS / 2);
  dv_axis_round(&y, 60.0);
  dv_html_figure_begin(out, "Compressor and expander");
  dv_chart_begin(&chart, &(dv_chart_spec){.title = "Compressor and expander",
                                          .description = "Peak level of a steady 1 kHz tone, in and out",
                                          .x = dv_axis_make(DV_SCALE_LINEAR, "In, dBFS", -60.0, 0.0),
                                          .y = y});
  dv_chart_line(&chart, in, in, LEVELS, "l6 thin dash", "Unchanged");
  dv_chart_line(&chart, in, level, LEVELS, "l1 bold", "With make-up gain");
  /* The detector sees a tone's mean square, 3 dB below its peak. */
  dv_chart_mark_x(&chart, p->comp_threshold_db + 3.01, "compressor");
  dv_chart_mark_x(&chart, p->exp_threshold_db + 3.01, "expander");
  dv_chart_tips(&chart, in, level, LEVELS, "In, out", "dBFS", "dBFS");
  const dv_status status = dv_chart_end(&chart, out);
  dv_format_ms(attack, sizeof attack, dv_ms_from_coef(p->attack_coef, DV_MODEL_RATE_HZ));
  dv_format_ms(release, sizeof release, dv_ms_from_coef(p->release_coef, DV_MODEL_RATE_HZ));
  snprintf(caption, sizeof caption, "Peak level of a steady 1 kHz tone, before and after. Attack %s, release %s.",
           attack, release);
  dv_html_figure_end(out, caption);
  return status;
}

static dv_status echo_figure(dv_buffer* out, const dv_chain_params* p, double rate_hz)
{
  dv_echo echoes[ECHOES];
  double left_ms[ECHOES], right_ms[ECHOES], left_db[ECHOES], right_db[ECHOES];
  const size_t count = dv_curve_echoes(p, rate_hz, ECHO_HZ, ECHO_FLOOR_DB, echoes, ECHOES);
  const double last_ms = count ? echoes[count - 1].time_ms : 0.0;
  dv_axis x = dv_axis_make(DV_SCALE_LINEAR, "Time after the voice, ms", 0.0, fmax(last_ms * 1.05, 1000.0));
  dv_axis_round(&x, 0.0);
  const double apart = 0.006 * (x.high - x.low); /* so that equal levels are both seen */
  for (size_t i = 0; i < count; ++i) {
    left_ms[i] = echoes[i].time_ms - apart;
    right_ms[i] = echoes[i].time_ms + apart;
    left_db[i] = echoes[i].left_db;
    right_db[i] = echoes[i].right_db;
  }
  dv_chart chart;
  dv_html_figure_begin(out, "Echoes");
  dv_chart_begin(&chart, &(dv_chart_spec){.title = "Echoes",
                                          .description = "Level of every echo of the delay, left and right",
                                          .x = x,
                                          .y = dv_axis_make(DV_SCALE_LINEAR, "Level, dB", ECHO_FLOOR_DB, 6.0)});
  dv_chart_stems(&chart, left_ms, left_db, count, "t1", "Left", "ms", "dB");
  dv_chart_stems(&chart, right_ms, right_db, count, "t2", "Right", "ms", "dB");
  if (!count)
    dv_chart_note(&chart, "No echo above \xe2\x88\x92"
                          "60 dB");
  const dv_status status = dv_chart_end(&chart, out);
  dv_html_figure_end(out, "Against the direct sound, at 500 Hz: the low-pass in the loop takes more of higher notes.");
  return status;
}

static dv_status reverb_eq_figure(dv_buffer* out, const dv_reverb_params* p, double rate_hz)
{
  double freq_hz[POINTS], db[POINTS];
  dv_chart chart;
  char caption[128], level[DV_NUMBER_MAX];
  dv_curve_log_grid(20.0, 20000.0, freq_hz, POINTS);
  dv_curve_reverb_eq_db(p, rate_hz, freq_hz, POINTS, db);
  dv_html_figure_begin(out, "Reverb equaliser");
  dv_chart_begin(&chart, &(dv_chart_spec){.title = "Reverb equaliser",
                                          .description = "Gain of the reverb's equaliser over frequency",
                                          .x = dv_axis_hz("Frequency, Hz"),
                                          .y = gain_axis(db)});
  dv_chart_line(&chart, freq_hz, db, POINTS, "l3 bold", NULL);
  dv_chart_tips(&chart, freq_hz, db, POINTS, NULL, "Hz", "dB");
  const dv_status status = dv_chart_end(&chart, out);
  dv_format_fixed(level, sizeof level, dv_curve_reverb_level_db(p, rate_hz), 0, "dB");
  snprintf(caption, sizeof caption, "Level of the whole reverb against the direct sound: %s.", level);
  dv_html_figure_end(out, caption);
  return status;
}

static dv_status t60_figure(dv_buffer* out, const dv_reverb_params* p)
{
  double freq_hz[POINTS], t60_s[POINTS];
  dv_chart chart;
  dv_curve_log_grid(50.0, 20000.0, freq_hz, POINTS);
  dv_curve_t60_s(p, freq_hz, POINTS, t60_s);
  dv_axis y = dv_axis_make(DV_SCALE_LINEAR, "T60, s", 0.0, 1.0);
  /* Above what a voice has, fits leave anything: that must not set the scale. */
  for (size_t i = 0; i < POINTS; ++i)
    if (freq_hz[i] <= T60_SEEN_HZ) dv_axis_cover(&y, &t60_s[i], 1);
  dv_axis_round(&y, 0.0);
  dv_html_figure_begin(out, "Reverberation time");
  dv_chart_begin(&chart, &(dv_chart_spec){.title = "Reverberation time",
                                          .description = "Seconds until the reverb has fallen by 60 dB, over frequency",
                                          .x = dv_axis_make(DV_SCALE_LOG, "Frequency, Hz", 50.0, 20000.0),
                                          .y = y});
  dv_chart_line(&chart, freq_hz, t60_s, POINTS, "l3 bold", NULL);
  dv_chart_tips(&chart, freq_hz, t60_s, POINTS, NULL, "Hz", "s");
  const dv_status status = dv_chart_end(&chart, out);
  dv_html_figure_end(out, "Time in which the reverb falls by 60 dB; 49 points, evenly spaced in Hz.");
  return status;
}

dv_status dv_preset_figures(dv_buffer* out, const dv_chain_params* params, double rate_hz)
{
  dv_status status = eq_figure(out, params, rate_hz);
  if (!status) status = compressor_figure(out, &params->compressor, rate_hz);
  if (!status) status = echo_figure(out, params, rate_hz);
  if (!status) status = reverb_eq_figure(out, &params->reverb, rate_hz);
  if (!status) status = t60_figure(out, &params->reverb);
  return status;
}

/* --- Table ----------------------------------------------------------------------------------------------- */

static const char* effect_heading(dv_effect effect)
{
  switch (effect) {
  case DV_EFFECT_PEAK1: return "Equaliser";
  case DV_EFFECT_COMPRESSOR: return "Compressor and expander";
  case DV_EFFECT_SEND: return "Delay";
  case DV_EFFECT_REVERB: return "Reverb";
  case DV_EFFECT_PAN: return "Pan";
  default: return NULL; /* goes with the one before */
  }
}

static void format_value(char* text, size_t size, const dv_field* field, double value)
{
  if (!strcmp(field->unit, "Hz")) dv_format_hz(text, size, value);
  else if (!strcmp(field->unit, "ms")) dv_format_ms(text, size, value);
  else if (!strcmp(field->unit, "dB")) dv_format_fixed(text, size, value, 2, "dB");
  else dv_format_digits(text, size, value, 3, field->unit);
}

/* Of many numbers: the smallest to the largest; their signs and order tell nothing by themselves. */
static void format_field(char* text, size_t size, const dv_field* field, const dv_chain_params* params)
{
  const double* flat = dv_params_flat_const(params);
  double low = (double)INFINITY, high = -(double)INFINITY;
  for (int k = 0; k < dv_field_count(field); ++k) {
    const double value = dv_field_to_file(field, flat[dv_field_flat_index(field, k)]);
    low = fmin(low, value);
    high = fmax(high, value);
  }
  char first[DV_NUMBER_MAX], last[DV_NUMBER_MAX];
  format_value(first, sizeof first, field, low);
  format_value(last, sizeof last, field, high);
  if (dv_field_count(field) == 1) snprintf(text, size, "%s", first);
  else snprintf(text, size, "%s to %s", first, last);
}

static void format_range(char* text, size_t size, const dv_field* field)
{
  char low[DV_NUMBER_MAX], high[DV_NUMBER_MAX];
  const bool scaled = !strcmp(field->unit, "Hz"); /* the two ends may have different units */
  if (scaled) format_value(low, sizeof low, field, field->minimum);
  else dv_format_digits(low, sizeof low, field->minimum, 3, NULL);
  format_value(high, sizeof high, field, field->maximum);
  if (field->maximum >= DV_PRESET_MAX_TIME_MS) snprintf(text, size, "from %s", low);
  else snprintf(text, size, "%s to %s", low, high);
}

static void put_field(dv_buffer* out, const dv_field* field, const dv_chain_params* params,
                      const dv_chain_params* start)
{
  static const char alignment[] = "lrrrc";
  char label[96], value[80], before[80], range[80];
  const int count = dv_field_count(field);
  if (count > 1) snprintf(label, sizeof label, "%s, %d numbers", field->row->label, count);
  else snprintf(label, sizeof label, "%s", field->row->label);
  format_field(value, sizeof value, field, params);
  format_field(before, sizeof before, field, start);
  format_range(range, sizeof range, field);
  dv_html_row(out, (const char* const[]){label, value, before, range, field->path}, alignment);
}

void dv_preset_table(dv_buffer* out, const dv_chain_params* params, const dv_chain_params* start)
{
  static const char* const headings[] = {"Parameter", "Value", "Start", "Range", "Name"};
  dv_field field;
  dv_effect effect = DV_EFFECT_COUNT;
  dv_html_table_begin(out, NULL, headings, "lrrrc");
  for (size_t i = 0; dv_field_at(i, &field); ++i) {
    const char* heading = field.row->effect == effect ? NULL : effect_heading(field.row->effect);
    effect = field.row->effect;
    if (heading) dv_html_group_row(out, heading, 5);
    put_field(out, &field, params, start);
  }
  dv_html_table_end(out);
}
