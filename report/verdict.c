/* SPDX-License-Identifier: MIT */
#include "report/verdict.h"

#include "report/buffer.h"
#include "report/curves.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TONE_POINTS = 120, ECHOES = 40 };

/* What is below these is not worth a word. */
static const double TONE_DB = 1.5, REDUCTION_DB = 0.5, ECHO_DB = -36.0, REVERB_DB = -36.0, LEVEL_DB = 1.0;
static const double LOW_CUT_HZ = 60.0, HIGH_CUT_HZ = 12000.0, PAN_SHARE = 0.05;
static const double CUT_WIDTH = 1.5; /* a cut reaches by this factor into what it leaves */
static const double RATIO = 1.05;    /* nearer to 1, over all of a voice's range, is level rather than dynamics */
/* Levels that a voice at -18 LUFS has: its peaks as the detector sees them, itself, and its pauses. */
static const double LOUD_DB = -9.0, VOICE_DB = -18.0, SOFT_DB = -50.0, ECHO_HZ = 500.0;

typedef struct {
  char* text;
  size_t used;
} sentence;

static void DV_PRINTF(2, 3) say(sentence* s, const char* format, ...)
{
  va_list args;
  if (s->used && s->used < DV_VERDICT_SIZE)
    s->used += (size_t)snprintf(s->text + s->used, DV_VERDICT_SIZE - s->used, ", ");
  if (s->used >= DV_VERDICT_SIZE) return;
  va_start(args, format);
  s->used += (size_t)vsnprintf(s->text + s->used, DV_VERDICT_SIZE - s->used, format, args);
  va_end(args);
}

static void format_gain(char* text, size_t size, double gain_db)
{
  char number[DV_NUMBER_MAX];
  dv_format_digits(number, sizeof number, gain_db, 2, "dB");
  snprintf(text, size, "%s%s", gain_db > 0 ? "+" : "", number);
}

static void say_extreme(sentence* s, const double* freq_hz, const double* gain_db, size_t at)
{
  char gain[DV_NUMBER_MAX + 1], freq[DV_NUMBER_MAX];
  if (fabs(gain_db[at]) < TONE_DB) return;
  /* Of a shelf, say where it begins: at half its gain. */
  const bool low = at == 0, high = at == TONE_POINTS - 1;
  while (low && at < TONE_POINTS - 1 && gain_db[at] / gain_db[0] > 0.5) ++at;
  while (high && at > 0 && gain_db[at] / gain_db[TONE_POINTS - 1] > 0.5) --at;
  format_gain(gain, sizeof gain, gain_db[low ? 0 : high ? TONE_POINTS - 1 : at]);
  const double decade = pow(10.0, floor(log10(freq_hz[at])) - 1.0);
  dv_format_hz(freq, sizeof freq, round(freq_hz[at] / decade) * decade);
  say(s, "%s %s %s", gain, low ? "below" : high ? "above" : "around", freq);
}

static int compare(const void* a, const void* b)
{
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

/* What the bands do between the cuts, against their median, which is returned: the same gain everywhere is level,
   not tone. */
static double say_bands(sentence* s, const dv_chain_params* p, double rate_hz, double low_hz, double high_hz)
{
  double freq_hz[TONE_POINTS], gain_db[TONE_POINTS], sorted[TONE_POINTS];
  size_t top = 0, bottom = 0;
  if (low_hz >= high_hz) return 0.0;
  dv_curve_log_grid(low_hz, high_hz, freq_hz, TONE_POINTS);
  dv_curve_eq_db(p, rate_hz, freq_hz, TONE_POINTS, gain_db);
  memcpy(sorted, gain_db, sizeof sorted);
  qsort(sorted, TONE_POINTS, sizeof *sorted, compare);
  const double median_db = sorted[TONE_POINTS / 2];
  for (size_t i = 0; i < TONE_POINTS; ++i) gain_db[i] -= median_db;
  for (size_t i = 1; i < TONE_POINTS; ++i) {
    if (gain_db[i] > gain_db[top]) top = i;
    if (gain_db[i] < gain_db[bottom]) bottom = i;
  }
  if (gain_db[top] > 0.0) say_extreme(s, freq_hz, gain_db, top);
  if (gain_db[bottom] < 0.0) say_extreme(s, freq_hz, gain_db, bottom);
  return median_db;
}

/* Returns the gain of the bands as a whole. */
static double say_tone(sentence* s, const dv_chain_params* p, double rate_hz)
{
  char freq[DV_NUMBER_MAX];
  dv_format_hz(freq, sizeof freq, round(p->highpass.freq_hz / 5.0) * 5.0);
  if (p->highpass.freq_hz >= LOW_CUT_HZ) say(s, "low cut at %s", freq);
  const double level_db = say_bands(s, p, rate_hz, fmax(80.0, CUT_WIDTH * p->highpass.freq_hz),
                                    fmin(fmin(12000.0, 0.45 * rate_hz), p->lowpass.freq_hz / CUT_WIDTH));
  dv_format_hz(freq, sizeof freq, round(p->lowpass.freq_hz / 100.0) * 100.0);
  if (p->lowpass.freq_hz <= HIGH_CUT_HZ) say(s, "high cut at %s", freq);
  return level_db;
}

/* other_db: what the rest of the chain adds to the level. */
static void say_dynamics(sentence* s, const dv_compressor_params* p, double rate_hz, double other_db)
{
  char ratio[DV_NUMBER_MAX], threshold[DV_NUMBER_MAX], level[DV_NUMBER_MAX + 1];
  dv_compressor_coefs c;
  dv_compressor_coeffs(p, rate_hz, &c);
  const bool compresses = p->comp_ratio >= RATIO && dv_compressor_curve_db(&c, LOUD_DB) <= -REDUCTION_DB;
  const bool expands = p->exp_ratio <= 1.0 / RATIO && dv_compressor_curve_db(&c, SOFT_DB) <= -REDUCTION_DB &&
                       p->exp_threshold_db > SOFT_DB;
  dv_format_digits(ratio, sizeof ratio, p->comp_ratio, 2, NULL);
  dv_format_fixed(threshold, sizeof threshold, p->comp_threshold_db, 0, "dB");
  if (compresses) say(s, "compressor %s:1 above %s", ratio, threshold);
  dv_format_fixed(threshold, sizeof threshold, p->exp_threshold_db, 0, "dB");
  if (expands) say(s, "expander below %s", threshold);
  const double level_db = p->makeup_db + dv_compressor_curve_db(&c, VOICE_DB) + other_db;
  format_gain(level, sizeof level, level_db);
  if (!compresses && fabs(level_db) >= LEVEL_DB) say(s, "%s of level", level);
}

static void say_space(sentence* s, const dv_chain_params* p, double rate_hz)
{
  static const double middle_hz[] = {500.0, 1000.0, 2000.0};
  char time[DV_NUMBER_MAX], level[DV_NUMBER_MAX];
  dv_echo echoes[ECHOES];
  const size_t count = dv_curve_echoes(p, rate_hz, ECHO_HZ, ECHO_DB, echoes, ECHOES);
  if (count) {
    dv_format_fixed(time, sizeof time, p->delay.delay_ms, 0, "ms");
    dv_format_fixed(level, sizeof level, fmax(echoes[0].left_db, echoes[0].right_db), 0, "dB");
    if (count == 1) say(s, "one echo after %s at %s", time, level);
    else say(s, "echo every %s, the first at %s", time, level);
  }
  const double reverb_db = dv_curve_reverb_level_db(&p->reverb, rate_hz);
  double t60_s[3];
  dv_curve_t60_s(&p->reverb, middle_hz, 3, t60_s);
  if (reverb_db >= REVERB_DB) {
    dv_format_digits(time, sizeof time, (t60_s[0] + t60_s[1] + t60_s[2]) / 3.0, 2, "s");
    dv_format_fixed(level, sizeof level, reverb_db, 0, "dB");
    say(s, "%s of reverb at %s", time, level);
  }
  if (fabs(p->pan - 0.5) > PAN_SHARE) {
    dv_format_fixed(level, sizeof level, 200.0 * fabs(p->pan - 0.5), 0, "%");
    say(s, "panned %s to the %s", level, p->pan < 0.5 ? "left" : "right");
  }
}

void dv_verdict(const dv_chain_params* params, double rate_hz, double plain_gain_db, char text[DV_VERDICT_SIZE])
{
  sentence s = {.text = text};
  text[0] = '\0';
  const double bands_db = say_tone(&s, params, rate_hz);
  say_dynamics(&s, &params->compressor, rate_hz, bands_db - plain_gain_db);
  say_space(&s, params, rate_hz);
  if (!s.used) snprintf(text, DV_VERDICT_SIZE, "Nearly no effect");
  if (text[0] >= 'a' && text[0] <= 'z') text[0] = (char)(text[0] - 'a' + 'A');
}
