/* SPDX-License-Identifier: MIT */
#include "report/fit_report.h"

#include "datasets/file.h"
#include "datasets/loudness.h"
#include "report/chart.h"
#include "report/clip.h"
#include "report/html.h"
#include "report/preset_figures.h"
#include "report/spectrogram.h"
#include "report/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { TAKES = 3 };

static const double EXCERPT_S = 15.0, PEAK_LIMIT = 0.89; /* -1 dBFS: MP3 overshoots */
static const double LEVEL_SPAN_DB = 72.0, DIFFERENCE_DB = 18.0;

static double rate_of(const dv_fit_report* r) { return r->audio.rate_hz > 0.0 ? r->audio.rate_hz : DV_MODEL_RATE_HZ; }

/* --- Head ------------------------------------------------------------------------------------------------ */

static bool known(const dv_fit_report_loss* loss) { return loss && isfinite(loss->total); }

static void print_title(const dv_fit_report* r, char* text, size_t size)
{
  if (r->title) snprintf(text, size, "%s", r->title);
  else if (r->dry_name && r->wet_name) snprintf(text, size, "%s \xe2\x86\x92 %s", r->dry_name, r->wet_name);
  else snprintf(text, size, "A vocal chain");
}

static void print_lead(const dv_fit_report* r, char* text, size_t size)
{
  char verdict[DV_VERDICT_SIZE], from[DV_NUMBER_MAX], to[DV_NUMBER_MAX];
  dv_verdict(r->params, rate_of(r), r->plain_gain_db, verdict);
  const dv_fit_report_loss* before = known(r->dry_loss) ? r->dry_loss : r->start_loss;
  if (!known(before) || !known(r->fitted_loss)) {
    snprintf(text, size, "%s.", verdict);
    return;
  }
  dv_format_digits(from, sizeof from, before->total, 3, NULL);
  dv_format_digits(to, sizeof to, r->fitted_loss->total, 3, NULL);
  const char* what = before == r->dry_loss ? "the dry stem's" : "the start's";
  const bool better = r->fitted_loss->total < before->total;
  snprintf(text, size, "%s. Its distance to the wet stem is %s; %s is %s%s.", verdict, to, what, from,
           better ? "" : ", so nothing is gained");
}

static void loss_fact(dv_buffer* out, const dv_fit_report* r)
{
  char value[DV_NUMBER_MAX], dry[DV_NUMBER_MAX], start[DV_NUMBER_MAX], detail[96] = "";
  if (!known(r->fitted_loss)) return;
  dv_format_digits(value, sizeof value, r->fitted_loss->total, 3, NULL);
  if (known(r->dry_loss)) dv_format_digits(dry, sizeof dry, r->dry_loss->total, 3, NULL);
  if (known(r->start_loss)) dv_format_digits(start, sizeof start, r->start_loss->total, 3, NULL);
  if (known(r->dry_loss) && known(r->start_loss)) snprintf(detail, sizeof detail, "dry %s, start %s", dry, start);
  else if (known(r->dry_loss)) snprintf(detail, sizeof detail, "dry %s", dry);
  else if (known(r->start_loss)) snprintf(detail, sizeof detail, "start %s", start);
  dv_html_fact(out, "Loss", value, *detail ? detail : NULL);
}

static void alignment_fact(dv_buffer* out, const dv_fit_report* r)
{
  char value[DV_NUMBER_MAX], detail[128], ms[DV_NUMBER_MAX];
  const dv_fit_report_alignment* a = r->alignment;
  if (!a) return;
  dv_format_fixed(value, sizeof value, a->lag_samples, 1, NULL);
  dv_format_digits(ms, sizeof ms, fabs(a->lag_samples) * 1e3 / rate_of(r), 3, "ms");
  const char* order = a->lag_samples > 0 ? "wet later by" : a->lag_samples < 0 ? "wet earlier by" : "no offset:";
  snprintf(detail, sizeof detail, "samples, %s %s%s", order, ms, a->polarity < 0 ? ", inverted" : "");
  dv_html_fact(out, "Offset", value, detail);
}

static void steps_fact(dv_buffer* out, const dv_fit_report* r)
{
  char value[DV_NUMBER_MAX], best[DV_NUMBER_MAX], detail[64];
  if (isfinite(r->steps_done)) {
    dv_format_fixed(value, sizeof value, r->steps_done, 0, NULL);
    dv_format_fixed(best, sizeof best, r->best_step, 0, NULL);
    snprintf(detail, sizeof detail, "best at %s", best);
    dv_html_fact(out, "Steps", value, isfinite(r->best_step) ? detail : NULL);
  }
  if (isfinite(r->seconds)) {
    dv_format_time(value, sizeof value, r->seconds, 0);
    dv_html_fact(out, "Time taken", value, NULL);
  }
}

static void put_head(dv_buffer* out, const dv_fit_report* r)
{
  char value[DV_NUMBER_MAX], share[DV_NUMBER_MAX];
  dv_html_facts_begin(out);
  loss_fact(out, r);
  if (known(r->dry_loss) && known(r->fitted_loss) && r->dry_loss->total > 0.0) {
    dv_format_fixed(share, sizeof share, 100.0 * (1.0 - r->fitted_loss->total / r->dry_loss->total), 0, "%");
    dv_html_fact(out, "Improvement", share, "less loss than the dry stem");
  }
  alignment_fact(out, r);
  if (r->audio.frames) {
    dv_format_time(value, sizeof value, (double)r->audio.frames / rate_of(r), 0);
    dv_html_fact(out, "Length", value, NULL);
  }
  steps_fact(out, r);
  dv_html_facts_end(out);
  if (!r->note_count) return;
  dv_html_notes_begin(out);
  for (int warning = 1; warning >= 0; --warning)
    for (size_t i = 0; i < r->note_count; ++i)
      if (r->notes[i].warning == (warning == 1)) dv_html_note(out, warning == 1, r->notes[i].text);
  dv_html_notes_end(out);
}

/* --- Listening ------------------------------------------------------------------------------------------- */

typedef struct {
  const char *label, *file;
  const float* channels[2];
} take;

static size_t list_takes(const dv_fit_report_audio* a, take takes[TAKES])
{
  const take all[TAKES] = {{"Dry", a->dry_file, {a->dry, a->dry}},
                           {"Wet", a->wet_file, {a->wet_left, a->wet_right}},
                           {"Fitted", a->render_file, {a->render_left, a->render_right}}};
  size_t count = 0;
  for (size_t i = 0; i < TAKES; ++i)
    if (all[i].channels[0] && all[i].channels[1]) takes[count++] = all[i];
  return count;
}

static double peak_of(const float* const channels[2], size_t frames)
{
  float peak = 0.0f;
  for (size_t i = 0; i < frames; ++i) peak = fmaxf(peak, fmaxf(fabsf(channels[0][i]), fabsf(channels[1][i])));
  return (double)peak;
}

/* Gains that make the excerpts equally loud, none of them clipped.  What has no loudness stays as it is. */
static void match_gains(const take* takes, size_t count, size_t first, size_t frames, double rate_hz, double* gain_db)
{
  double over_db = 0.0;
  for (size_t i = 0; i < count; ++i) {
    const float* const excerpt[2] = {takes[i].channels[0] + first, takes[i].channels[1] + first};
    double lufs = DV_MODEL_LUFS;
    const dv_status unmeasured = dv_loudness_lufs(excerpt, 2, frames, rate_hz, &lufs, NULL);
    gain_db[i] = unmeasured ? 0.0 : DV_MODEL_LUFS - lufs;
    const double peak_db = 20.0 * log10(fmax(peak_of(excerpt, frames), 1e-9)) + gain_db[i];
    over_db = fmax(over_db, peak_db - 20.0 * log10(PEAK_LIMIT));
  }
  for (size_t i = 0; i < count; ++i) gain_db[i] -= over_db;
}

static dv_status encode_takes(const take* takes, size_t count, size_t first, size_t frames, double rate_hz,
                              dv_buffer audio[TAKES], dv_html_audio recordings[TAKES])
{
  double gain_db[TAKES];
  dv_status status[TAKES] = {DV_OK, DV_OK, DV_OK};
  match_gains(takes, count, first, frames, rate_hz, gain_db);
  /* Encoding is what takes longest. */
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < count; ++i) {
    const float* const excerpt[2] = {takes[i].channels[0] + first, takes[i].channels[1] + first};
    recordings[i] = (dv_html_audio){.label = takes[i].label, .file = takes[i].file, .audio = &audio[i]};
    status[i] = dv_clip_encode(&audio[i], excerpt, 2, frames, rate_hz, gain_db[i], &recordings[i].type);
  }
  return status[0] ? status[0] : status[1] ? status[1] : status[2];
}

static dv_status put_listening(dv_buffer* out, const dv_fit_report* r)
{
  take takes[TAKES];
  dv_buffer audio[TAKES] = {{0}, {0}, {0}};
  dv_html_audio recordings[TAKES];
  const double rate_hz = rate_of(r);
  const size_t count = list_takes(&r->audio, takes);
  if (!count || !r->audio.frames) return DV_OK;
  const take* loud = &takes[count > 1 ? 1 : 0];
  const size_t most = (size_t)(EXCERPT_S * rate_hz), frames = r->audio.frames < most ? r->audio.frames : most;
  const size_t first = dv_clip_loudest(loud->channels, 2, r->audio.frames, rate_hz, frames);
  const dv_status status = encode_takes(takes, count, first, frames, rate_hz, audio, recordings);
  if (!status) {
    char from[DV_NUMBER_MAX], to[DV_NUMBER_MAX], caption[256];
    dv_format_time(from, sizeof from, (double)first / rate_hz, 0);
    dv_format_time(to, sizeof to, (double)(first + frames) / rate_hz, 0);
    snprintf(caption, sizeof caption,
             "The loudest passage, %s to %s, all at the same loudness. Keys: space plays and pauses, 1 to %zu choose.",
             from, to, count);
    dv_html_section_begin(out, "listen", "Listen", NULL);
    dv_html_compare(out, recordings, count, caption);
    dv_html_section_end(out);
  }
  for (size_t i = 0; i < TAKES; ++i) dv_buffer_free(&audio[i]);
  return status == DV_ERR_NOMEM ? status : DV_OK; /* a page without players is better than none */
}

/* --- Loss ------------------------------------------------------------------------------------------------ */

typedef enum { TOTAL, MSS_LR, MSS_MS, MLDR_LR, MLDR_MS, PARTS } part;

static double part_of(const dv_fit_report_loss* loss, part which)
{
  switch (which) {
  case TOTAL: return loss->total;
  case MSS_LR: return loss->mss_lr;
  case MSS_MS: return loss->mss_ms;
  case MLDR_LR: return loss->mldr_lr;
  case MLDR_MS: return loss->mldr_ms;
  case PARTS: break;
  }
  return (double)NAN;
}

static void put_loss_table(dv_buffer* out, const dv_fit_report* r)
{
  static const char* const names[PARTS] = {"Total, weighted", "Spectrum, left and right", "Spectrum, middle and side",
                                           "Dynamics, left and right", "Dynamics, middle and side"};
  static const char* const headings[] = {"Loss", "Dry", "Start", "Fitted"};
  const dv_fit_report_loss* const columns[3] = {r->dry_loss, r->start_loss, r->fitted_loss};
  dv_html_table_begin(out, NULL, headings, "lrrr");
  for (int p = 0; p < PARTS; ++p) {
    char cells[3][DV_NUMBER_MAX];
    for (int c = 0; c < 3; ++c) {
      const double value = columns[c] ? part_of(columns[c], (part)p) : (double)NAN;
      dv_format_column(cells[c], sizeof cells[c], value, 4);
    }
    dv_html_row(out, (const char* const[]){names[p], cells[0], cells[1], cells[2]}, "lrrr");
  }
  dv_html_table_end(out);
}

static dv_axis loss_axis(const dv_fit_report* r, const double* values)
{
  dv_axis y = dv_axis_empty(DV_SCALE_LOG, "Loss");
  dv_axis_cover(&y, values, (size_t)PARTS * r->loss_count);
  const bool wide = y.high > 4.0 * y.low;
  if (!wide) {
    y = dv_axis_empty(DV_SCALE_LINEAR, "Loss");
    dv_axis_cover(&y, values, (size_t)PARTS * r->loss_count);
    y.low = fmin(y.low, 0.0);
  } else {
    y.label = "Loss (logarithmic)";
  }
  dv_axis_round(&y, 0.0);
  return y;
}

static dv_status put_loss_curves(dv_buffer* out, const dv_fit_report* r)
{
  static const char* const names[PARTS] = {"Total", "Spectrum L/R", "Spectrum M/S", "Dynamics L/R", "Dynamics M/S"};
  static const char* const looks[PARTS] = {"l1 bold", "l2 thin", "l4 thin", "l3 thin", "l5 thin"};
  const size_t n = r->loss_count;
  double* values = malloc((PARTS + 1) * n * sizeof *values);
  if (!values) return DV_ERR_NOMEM;
  double* steps = values + PARTS * n;
  for (size_t i = 0; i < n; ++i) {
    steps[i] = r->losses[i].step;
    for (int p = 0; p < PARTS; ++p) values[(size_t)p * n + i] = part_of(&r->losses[i], (part)p);
  }
  dv_axis x = dv_axis_make(DV_SCALE_LINEAR, "Step", 0.0, 1.0);
  dv_axis_cover(&x, steps, n);
  dv_chart chart;
  dv_html_figure_begin(out, "While fitting");
  dv_chart_begin(&chart, &(dv_chart_spec){.title = "Loss over the steps of the fit",
                                          .description = "The weighted total and its four parts",
                                          .x = x,
                                          .y = loss_axis(r, values),
                                          .height = 240});
  for (int p = 0; p < PARTS; ++p) dv_chart_legend(&chart, looks[p], names[p]);
  for (int p = PARTS - 1; p >= 0; --p) /* the total lies above */
    dv_chart_line(&chart, steps, values + (size_t)p * n, n, looks[p], NULL);
  if (isfinite(r->best_step)) dv_chart_mark_x(&chart, r->best_step, "best");
  dv_chart_tips(&chart, steps, values, n, "Step, total", NULL, NULL);
  const dv_status status = dv_chart_end(&chart, out);
  dv_html_figure_end(out, NULL);
  free(values);
  return status;
}

static dv_status put_losses(dv_buffer* out, const dv_fit_report* r)
{
  dv_status status = DV_OK;
  if (!r->dry_loss && !r->start_loss && !r->fitted_loss && !r->loss_count) return DV_OK;
  dv_html_section_begin(out, "loss", "How close it is",
                        "Distances between the fitted and the wet sound, in spectrum and in dynamics; 0 is the same.");
  dv_html_figures_begin(out);
  if (r->dry_loss || r->start_loss || r->fitted_loss) {
    dv_buffer_put(out, "<div>\n");
    put_loss_table(out, r);
    dv_buffer_put(out, "</div>\n");
  }
  if (r->loss_count) status = put_loss_curves(out, r);
  dv_html_figures_end(out);
  dv_html_section_end(out);
  return status;
}

/* --- Spectrograms ---------------------------------------------------------------------------------------- */

typedef enum { DRY, WET, RENDER, DIFFERENCE, PICTURES } picture;

static dv_status put_picture(dv_buffer* out, picture which, const dv_spectrogram* s, double peak_db)
{
  static const char* const titles[PICTURES] = {"Dry", "Wet", "Fitted", "Difference: fitted \xe2\x88\x92 wet"};
  static const char* const captions[PICTURES] = {
    NULL, NULL, NULL, "Blue: the fitted sound is weaker than the wet one; orange: stronger."};
  const bool difference = which == DIFFERENCE;
  const double low = difference ? -DIFFERENCE_DB : peak_db - LEVEL_SPAN_DB, high = difference ? DIFFERENCE_DB : peak_db;
  const dv_palette palette = difference ? DV_PALETTE_DIVERGING : DV_PALETTE_LEVEL;
  dv_chart chart;
  dv_html_figure_begin(out, titles[which]);
  dv_chart_begin(&chart, &(dv_chart_spec){.title = titles[which],
                                          .description = "Level over time and frequency",
                                          .x = dv_axis_make(DV_SCALE_TIME, NULL, 0.0, s->seconds),
                                          .y = dv_axis_make(DV_SCALE_LOG, "Hz", s->low_hz, s->high_hz),
                                          .colour_bar = true});
  dv_chart_heat(&chart, &(dv_heat){.values = s->db,
                                   .columns = s->columns,
                                   .rows = s->rows,
                                   .x1 = s->seconds,
                                   .y0 = s->low_hz,
                                   .y1 = s->high_hz,
                                   .low = low,
                                   .high = high,
                                   .palette = palette,
                                   .smooth = true});
  dv_chart_colour_bar(&chart, palette, low, high, "dB");
  const dv_status status = dv_chart_end(&chart, out);
  dv_html_figure_end(out, captions[which]);
  return status;
}

/* render - wet, into render's place; below the span both are inaudible, and their difference is none. */
static void subtract(const dv_spectrogram* wet, dv_spectrogram* render, double peak_db)
{
  const float floor_db = (float)(peak_db - LEVEL_SPAN_DB);
  for (size_t i = 0; i < render->rows * render->columns; ++i)
    render->db[i] = fmaxf(render->db[i], floor_db) - fmaxf(wet->db[i], floor_db);
}

static dv_status put_pictures(dv_buffer* out, dv_spectrogram spectrograms[3])
{
  double peak_db = DV_SPECTROGRAM_FLOOR_DB + LEVEL_SPAN_DB;
  dv_status status = DV_OK;
  for (int i = DRY; i <= RENDER; ++i) peak_db = fmax(peak_db, dv_spectrogram_peak_db(&spectrograms[i]));
  peak_db = 6.0 * ceil(peak_db / 6.0);
  for (int i = DRY; i <= RENDER && !status; ++i)
    if (spectrograms[i].columns) status = put_picture(out, (picture)i, &spectrograms[i], peak_db);
  if (status || !spectrograms[WET].columns || !spectrograms[RENDER].columns) return status;
  subtract(&spectrograms[WET], &spectrograms[RENDER], peak_db);
  return put_picture(out, DIFFERENCE, &spectrograms[RENDER], peak_db);
}

static dv_status put_spectrograms(dv_buffer* out, const dv_fit_report* r)
{
  const dv_fit_report_audio* a = &r->audio;
  const float* const channels[3][2] = {
    {a->dry, a->dry}, {a->wet_left, a->wet_right}, {a->render_left, a->render_right}};
  dv_spectrogram spectrograms[3] = {{0}, {0}, {0}};
  dv_status status = DV_OK;
  bool any = false;
  for (int i = DRY; i <= RENDER && !status; ++i) {
    if (!channels[i][0] || !channels[i][1] || !a->frames) continue;
    status = dv_spectrogram_make(channels[i], 2, a->frames, rate_of(r), &spectrograms[i]);
    any = true;
  }
  if (any && !status) {
    dv_html_section_begin(out, "spectrograms", "Over time and frequency", NULL);
    dv_html_figures_begin(out);
    status = put_pictures(out, spectrograms);
    dv_html_figures_end(out);
    dv_html_section_end(out);
  }
  for (int i = DRY; i <= RENDER; ++i) dv_spectrogram_free(&spectrograms[i]);
  return status;
}

/* --- Alignment ------------------------------------------------------------------------------------------- */

static void put_pair(dv_buffer* out, const char* name, const char* value)
{
  dv_html_row(out, (const char* const[]){name, value}, "lr");
}

static void put_alignment_table(dv_buffer* out, const dv_fit_report* r)
{
  static const char* const headings[] = {"Stems", ""};
  const dv_fit_report_alignment* a = r->alignment;
  char text[DV_NUMBER_MAX];
  dv_html_table_begin(out, NULL, headings, "lr");
  if (a) {
    dv_format_fixed(text, sizeof text, a->lag_samples, 2, "samples");
    put_pair(out, "Wet stem later by", text);
    put_pair(out, "Polarity", a->polarity < 0 ? "inverted" : "as it is");
    if (isfinite(a->confidence)) {
      dv_format_fixed(text, sizeof text, 100.0 * a->confidence, 0, "%");
      put_pair(out, "Confidence", text);
    }
    if (a->method) put_pair(out, "Offset", a->method);
  }
  dv_format_fixed(text, sizeof text, r->dry_gain_db, 2, "dB");
  put_pair(out, "Gain of the dry stem", text);
  dv_format_fixed(text, sizeof text, r->wet_gain_db, 2, "dB");
  put_pair(out, "Gain of the wet stem", text);
  dv_html_table_end(out);
}

static dv_status put_correlation(dv_buffer* out, const dv_fit_report* r)
{
  const dv_fit_report_alignment* a = r->alignment;
  const double ms = 1e3 / rate_of(r);
  char lag[DV_NUMBER_MAX];
  double* lags = malloc(2 * a->count * sizeof *lags);
  if (!lags) return DV_ERR_NOMEM;
  double* values = lags + a->count;
  for (size_t i = 0; i < a->count; ++i) {
    lags[i] = (a->first_lag + (double)i) * ms;
    values[i] = (double)a->correlation[i];
  }
  dv_axis y = dv_axis_make(DV_SCALE_LINEAR, "Correlation", 0.0, 1.0);
  dv_axis_cover(&y, values, a->count);
  dv_axis_round(&y, 0.0);
  dv_chart chart;
  dv_html_figure_begin(out, "Correlation around the offset");
  dv_chart_begin(&chart,
                 &(dv_chart_spec){.title = "Correlation around the offset",
                                  .description = "Correlation of the stems over the lag of the wet one",
                                  .x = dv_axis_make(DV_SCALE_LINEAR, "Wet later by, ms", lags[0], lags[a->count - 1]),
                                  .y = y});
  dv_format_fixed(lag, sizeof lag, a->lag_samples, 1, "samples");
  dv_chart_line(&chart, lags, values, a->count, "l1 thin", NULL);
  dv_chart_mark_x(&chart, a->lag_samples * ms, lag);
  const dv_status status = dv_chart_end(&chart, out);
  dv_html_figure_end(out, "One clear peak is a sure offset; peaks behind it are echoes.");
  free(lags);
  return status;
}

static dv_status put_alignment(dv_buffer* out, const dv_fit_report* r)
{
  dv_status status = DV_OK;
  dv_html_section_begin(out, "alignment", "Alignment and level", NULL);
  dv_html_figures_begin(out);
  dv_buffer_put(out, "<div>\n");
  put_alignment_table(out, r);
  dv_buffer_put(out, "</div>\n");
  if (r->alignment && r->alignment->correlation && r->alignment->count) status = put_correlation(out, r);
  dv_html_figures_end(out);
  dv_html_section_end(out);
  return status;
}

/* --- Effects, parameters, run ---------------------------------------------------------------------------- */

static dv_status put_effects(dv_buffer* out, const dv_fit_report* r)
{
  dv_html_section_begin(out, "effects", "What the chain does", NULL);
  dv_html_figures_begin(out);
  const dv_status status = dv_preset_figures(out, r->params, rate_of(r));
  dv_html_figures_end(out);
  dv_html_section_end(out);
  return status;
}

static void put_parameters(dv_buffer* out, const dv_fit_report* r)
{
  dv_chain_params initial;
  if (!r->start) dv_params_initial(0, &initial);
  dv_html_section_begin(out, "parameters", "Parameters", NULL);
  dv_preset_table(out, r->params, r->start ? r->start : &initial);
  dv_html_section_end(out);
}

static void put_run(dv_buffer* out, const dv_fit_report* r)
{
  static const char* const headings[] = {"Run", ""};
  char text[DV_NUMBER_MAX];
  dv_html_section_begin(out, "run", "Details of the run", NULL);
  dv_html_table_begin(out, NULL, headings, "ll");
  const dv_fit_report_detail fixed[] = {
    {"Dry stem", r->dry_name}, {"Wet stem", r->wet_name}, {"Ended", r->ended}, {"Program", r->version}};
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; ++i)
    if (fixed[i].value) dv_html_row(out, (const char* const[]){fixed[i].name, fixed[i].value}, "ll");
  if (isfinite(r->steps_done)) {
    dv_format_fixed(text, sizeof text, r->steps_done, 0, NULL);
    dv_html_row(out, (const char* const[]){"Steps", text}, "ll");
  }
  if (isfinite(r->seconds)) {
    dv_format_digits(text, sizeof text, r->seconds, 4, "s");
    dv_html_row(out, (const char* const[]){"Time taken", text}, "ll");
  }
  for (size_t i = 0; i < r->detail_count; ++i)
    dv_html_row(out, (const char* const[]){r->details[i].name, r->details[i].value}, "ll");
  dv_html_table_end(out);
  dv_html_section_end(out);
}

/* --- Page ------------------------------------------------------------------------------------------------ */

static dv_status check(const dv_fit_report* r, dv_error* err)
{
  if (!r->params) return dv_fail(err, DV_ERR_ARG, "a report wants the fitted parameters");
  if (!(rate_of(r) >= 8000.0 && rate_of(r) <= 192000.0))
    return dv_fail(err, DV_ERR_ARG, "a report wants a rate from 8000 to 192000 Hz, not %g", r->audio.rate_hz);
  const dv_status status = dv_params_check(r->params, err);
  return status || !r->start ? status : dv_params_check(r->start, err);
}

dv_status dv_fit_report_print(const dv_fit_report* report, dv_buffer* out, dv_error* err)
{
  char title[512], lead[DV_VERDICT_SIZE + 256];
  dv_status status = check(report, err);
  if (status) return status;
  print_title(report, title, sizeof title);
  print_lead(report, lead, sizeof lead);
  dv_html_begin(out, &(dv_html_page){.title = title, .kicker = "Vocal effects, recovered", .lead = lead});
  put_head(out, report);
  status = put_listening(out, report);
  if (!status) status = put_effects(out, report);
  if (!status) status = put_losses(out, report);
  if (!status) status = put_spectrograms(out, report);
  if (!status) status = put_alignment(out, report);
  put_parameters(out, report);
  put_run(out, report);
  dv_html_end(out, report->version);
  if (!status) status = out->status;
  return status ? dv_fail(err, status, "no memory for the report") : DV_OK;
}

dv_status dv_fit_report_write(const char* path, const dv_fit_report* report, dv_error* err)
{
  dv_buffer page = {0};
  dv_status status = dv_fit_report_print(report, &page, err);
  if (!status) status = dv_file_write(path, page.data, page.size, err);
  dv_buffer_free(&page);
  return status;
}
