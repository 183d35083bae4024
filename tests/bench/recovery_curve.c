/* SPDX-License-Identifier: MIT */
/* Dynamics: the level of a steady tone through the fitted front against what the effect did to it. */
#include "dsp/fft.h"
#include "dsp/front.h"
#include "recovery.h"
#include "report/curves.h"

#include <float.h>
#include <stdlib.h>

enum { MAX_POINTS = 64, BLOCK_FRAMES = 16 };

static const double FRAME_S = 0.01, ACTIVE_DB = -50.0, LOW_SHARE = 0.05, HIGH_SHARE = 0.95;
static const double CURVE_TARGET_DB = 2.0;
static const double TONE_S = 3.0, TONE_END_S = 0.25; /* settled after three seconds at any time constant of use */

double recovery_pan_db(const recovery_case* c)
{
  dv_pan_gains pan;
  dv_pan_coeffs(c->preset.params.pan, &pan);
  return 10.0 * log10(0.5 * (pan.left * pan.left + pan.right * pan.right));
}

static double frame_peak_db(const float* x, size_t samples)
{
  double peak = 0.0;
  for (size_t i = 0; i < samples; ++i) peak = fmax(peak, fabs((double)x[i]));
  return peak > 0.0 ? 20.0 * log10(peak) : -HUGE_VAL;
}

static int ascending(const void* a, const void* b)
{
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

size_t recovery_frame_peaks(const dv_audio* mono, double** peaks_db)
{
  const size_t frame = (size_t)(FRAME_S * mono->rate_hz);
  size_t count = 0;
  *peaks_db = recovery_need(calloc(mono->frames / frame + 1, sizeof **peaks_db));
  for (size_t start = 0; start + frame <= mono->frames; start += frame) {
    const double peak_db = frame_peak_db(mono->samples + start, frame);
    if (peak_db > ACTIVE_DB) (*peaks_db)[count++] = peak_db;
  }
  qsort(*peaks_db, count, sizeof **peaks_db, ascending);
  return count;
}

/* Sum of 20 log10 of the gain over the block's active frames. */
static void add_gains(const float* dry, const dv_real* gain, size_t n, size_t frame, double* sum, size_t* count)
{
  for (size_t start = 0; start + frame <= n; start += frame) {
    if (!(frame_peak_db(dry + start, frame) > ACTIVE_DB)) continue;
    for (size_t i = start; i < start + frame; ++i) *sum += 20.0 * log10((double)gain[i * DV_LANES]);
    *count += frame;
  }
}

double recovery_mean_gain_db(const recovery_case* c)
{
  const size_t frame = (size_t)(FRAME_S * c->dry.rate_hz), block = BLOCK_FRAMES * frame;
  const double gain = pow(10.0, c->preset.input_gain_db / 20.0);
  dv_real *x = recovery_need(dv_fft_alloc(2 * block * DV_LANES)), *g = x + block * DV_LANES;
  const dv_compressor_tape tape = {NULL, NULL, g, NULL};
  dv_cascade_state eq = {0};
  dv_compressor_state state;
  dv_chain_coefs coefs;
  double sum = 0.0;
  size_t count = 0;
  dv_chain_coeffs(&c->preset.params, c->dry.rate_hz, &coefs);
  dv_compressor_reset(&state);
  for (size_t start = 0; start < c->dry.frames; start += block) {
    const size_t n = c->dry.frames - start < block ? c->dry.frames - start : block;
    for (size_t i = 0; i < n; ++i) x[i * DV_LANES] = (dv_real)(gain * (double)c->dry.samples[start + i]);
    for (size_t i = 0; i < n; ++i)
      for (int lane = 1; lane < DV_LANES; ++lane) x[i * DV_LANES + (size_t)lane] = 0;
    dv_cascade_forward(coefs.eq, DV_EQ_BANDS, x, x, n, &eq, NULL);
    dv_compressor_gain_forward(&coefs.compressor, x, n, &state, &tape);
    add_gains(c->dry.samples + start, g, n, frame, &sum, &count);
  }
  dv_fft_release(x);
  return count ? sum / (double)count : RECOVERY_NONE;
}

/* Gain of the whole front on a tone by its static law. */
static void static_curve(const recovery_case* c, const double* in_db, size_t count, double* out_db)
{
  const double tone_hz = RECOVERY_TONE_HZ;
  double eq_db, front_db[MAX_POINTS];
  dv_curve_eq_db(&c->preset.params, DV_MODEL_RATE_HZ, &tone_hz, 1, &eq_db);
  for (size_t i = 0; i < count; ++i) front_db[i] = in_db[i] + c->preset.input_gain_db + eq_db;
  dv_curve_compressor_db(&c->preset.params.compressor, DV_MODEL_RATE_HZ, front_db, count, out_db);
  for (size_t i = 0; i < count; ++i) out_db[i] += c->preset.output_gain_db + recovery_pan_db(c);
}

/* The same as the probe was made: a tone sent through, its peak once all has settled. */
static void tone_curve(const recovery_case* c, const double* in_db, size_t count, double* out_db)
{
  const size_t n = (size_t)(TONE_S * DV_MODEL_RATE_HZ), end = (size_t)(TONE_END_S * DV_MODEL_RATE_HZ);
  dv_lookahead* filter = recovery_need(dv_lookahead_new(DV_MODEL_RATE_HZ));
  dv_front* front = recovery_need(dv_front_new(filter, n, 1));
  dv_real *x = recovery_need(dv_fft_alloc(2 * n)), *e = x + n;
  const dv_real* signals[1] = {x};
  dv_chain_coefs coefs;
  dv_chain_coeffs(&c->preset.params, DV_MODEL_RATE_HZ, &coefs);
  dv_lookahead_set(filter, coefs.compressor.lookahead_samples);
  for (size_t p = 0; p < count; ++p) {
    const double peak = pow(10.0, (in_db[p] + c->preset.input_gain_db) / 20.0);
    double most = DBL_MIN;
    for (size_t i = 0; i < n; ++i)
      x[i] = (dv_real)(peak * sin(2.0 * M_PI * RECOVERY_TONE_HZ * (double)i / DV_MODEL_RATE_HZ));
    dv_front_forward(front, &coefs, signals, 1);
    dv_front_output(front, &coefs, 0, e, e);
    /* the look-ahead sees its edge in the last 15 ms: not there */
    for (size_t i = n - 2 * end; i < n - end; ++i) most = fmax(most, fabs((double)e[i]));
    out_db[p] = 20.0 * log10(most) + c->preset.output_gain_db + recovery_pan_db(c);
  }
  dv_fft_release(x);
  dv_front_free(front);
  dv_lookahead_free(filter);
}

typedef struct {
  double in_db[MAX_POINTS], out_db[MAX_POINTS];
  size_t count;
} curve;

static void read_curve(const recovery_case* c, curve* k)
{
  const json_t *in = json_object_get(c->curve, "in_db"), *out = json_object_get(c->curve, "out_db");
  const double gain_db = recovery_number(c->settings, "gain_db");
  for (k->count = 0; k->count < MAX_POINTS; ++k->count) {
    const json_t *x = json_array_get(in, k->count), *y = json_array_get(out, k->count);
    if (!json_is_number(x) || !json_is_number(y)) break;
    k->in_db[k->count] = json_number_value(x);
    k->out_db[k->count] = json_number_value(y) + gain_db;
  }
}

/* Mean distance over the levels from low to high. */
static double curve_error(const curve* truth, const double* found_db, double low_db, double high_db, double offset_db)
{
  double sum = 0.0;
  size_t count = 0;
  for (size_t i = 0; i < truth->count; ++i) {
    if (truth->in_db[i] < low_db || truth->in_db[i] > high_db) continue;
    sum += fabs(found_db[i] - truth->out_db[i] - offset_db);
    ++count;
  }
  return count ? sum / (double)count : RECOVERY_NONE;
}

static double mean_offset(const curve* truth, const double* found_db, double low_db, double high_db)
{
  double sum = 0.0;
  size_t count = 0;
  for (size_t i = 0; i < truth->count; ++i) {
    if (truth->in_db[i] < low_db || truth->in_db[i] > high_db) continue;
    sum += found_db[i] - truth->out_db[i];
    ++count;
  }
  return count ? sum / (double)count : RECOVERY_NONE;
}

static void add_points(recovery_rows* rows, const curve* truth, const double* found_db, double low_db, double high_db)
{
  for (size_t i = 0; i < truth->count; ++i) {
    char name[48];
    if (truth->in_db[i] < low_db || truth->in_db[i] > high_db) continue;
    snprintf(name, sizeof name, "  %.0f dBFS comes out as", truth->in_db[i]);
    recovery_add_value(rows, name, "dB", truth->out_db[i], found_db[i], RECOVERY_NONE);
  }
}

void recovery_measure_curve(const recovery_case* c, recovery_rows* rows)
{
  curve truth;
  double *peaks_db, tone_db[MAX_POINTS], law_db[MAX_POINTS];
  read_curve(c, &truth);
  if (!truth.count) return;
  const size_t frames = recovery_frame_peaks(&c->dry, &peaks_db);
  const double low_db = frames ? peaks_db[(size_t)(LOW_SHARE * (double)(frames - 1))] : RECOVERY_NONE;
  const double high_db = frames ? peaks_db[(size_t)(HIGH_SHARE * (double)(frames - 1))] : RECOVERY_NONE;
  free(peaks_db);
  static_curve(c, truth.in_db, truth.count, law_db);
  tone_curve(c, truth.in_db, truth.count, tone_db);
  recovery_add_error(rows, "Curve, static law, levels of the voice", curve_error(&truth, law_db, low_db, high_db, 0.0),
                     CURVE_TARGET_DB);
  recovery_add_error(rows, "Curve, static law, all levels", curve_error(&truth, law_db, -HUGE_VAL, HUGE_VAL, 0.0),
                     RECOVERY_NONE);
  recovery_add_error(rows, "Curve, tone sent, levels of the voice", curve_error(&truth, tone_db, low_db, high_db, 0.0),
                     RECOVERY_NONE);
  recovery_add_error(rows, "Curve, tone sent, shape (constant removed)",
                     curve_error(&truth, tone_db, low_db, high_db, mean_offset(&truth, tone_db, low_db, high_db)),
                     RECOVERY_NONE);
  add_points(rows, &truth, law_db, low_db, high_db);
  recovery_add_found(rows, "Mean compressor gain", "dB", recovery_mean_gain_db(c));
}
