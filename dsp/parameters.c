/* SPDX-License-Identifier: MIT */
#include "dsp/parameters.h"

#include "dsp/fdn.h"
#include "dsp/random.h"

#include <math.h>
#include <stdio.h>

/* Every field is a double and the nesting adds no padding: the struct is the flat vector. */
_Static_assert(sizeof(dv_chain_params) == DV_PARAM_COUNT * sizeof(double), "flat view of dv_chain_params");

/* clang-format off */
#define AT(field) (int)(offsetof(dv_chain_params, field) / sizeof(double))
#define ONE(field, label, unit, effect, map, low, high, init, log_scale) \
  {#field, label, unit, effect, map, low, high, init, log_scale, AT(field), 1}
#define MANY(field, label, effect, map, low, high, init) \
  {#field, label, "", effect, map, low, high, init, false, AT(field), \
   (int)(sizeof(((dv_chain_params*)0)->field) / sizeof(double))}
#define GAIN(field, label, effect) ONE(field, label, "dB", effect, DV_MAP_IDENTITY, -60, 60, 0, false)
#define RANGE(field, label, unit, effect, low, high, init, log_scale) \
  ONE(field, label, unit, effect, DV_MAP_RANGE, low, high, init, log_scale)
#define UNIT(field, label, unit, effect, init) ONE(field, label, unit, effect, DV_MAP_RANGE, 0, 1, init, false)
/* clang-format on */

/* 50 ms at 44.1 kHz: 1 - exp(-2200/(50 * 44100)). */
#define COEF_50_MS 0.000997234856800773

static const dv_parameter table[] = {
  GAIN(peak1.gain_db, "Peak 1 gain", DV_EFFECT_PEAK1),
  RANGE(peak1.freq_hz, "Peak 1 frequency", "Hz", DV_EFFECT_PEAK1, 33, 5400, 800, true),
  RANGE(peak1.q, "Peak 1 Q", "", DV_EFFECT_PEAK1, 0.2, 20, 0.707, true),
  GAIN(peak2.gain_db, "Peak 2 gain", DV_EFFECT_PEAK2),
  RANGE(peak2.freq_hz, "Peak 2 frequency", "Hz", DV_EFFECT_PEAK2, 200, 17500, 4000, true),
  RANGE(peak2.q, "Peak 2 Q", "", DV_EFFECT_PEAK2, 0.2, 20, 0.707, true),
  GAIN(lowshelf.gain_db, "Low shelf gain", DV_EFFECT_LOWSHELF),
  RANGE(lowshelf.freq_hz, "Low shelf frequency", "Hz", DV_EFFECT_LOWSHELF, 30, 200, 115, true),
  GAIN(highshelf.gain_db, "High shelf gain", DV_EFFECT_HIGHSHELF),
  RANGE(highshelf.freq_hz, "High shelf frequency", "Hz", DV_EFFECT_HIGHSHELF, 750, 8300, 6000, true),
  RANGE(lowpass.freq_hz, "Low-pass frequency", "Hz", DV_EFFECT_LOWPASS, 200, 18000, 17500, true),
  RANGE(lowpass.q, "Low-pass Q", "", DV_EFFECT_LOWPASS, 0.5, 10, 0.707, true),
  RANGE(highpass.freq_hz, "High-pass frequency", "Hz", DV_EFFECT_HIGHPASS, 16, 5300, 200, true),
  RANGE(highpass.q, "High-pass Q", "", DV_EFFECT_HIGHPASS, 0.5, 10, 0.707, true),

  ONE(compressor.comp_threshold_db, "Compressor threshold", "dB", DV_EFFECT_COMPRESSOR, DV_MAP_IDENTITY, -120, 40, -18,
      false),
  ONE(compressor.exp_threshold_db, "Expander threshold", "dB", DV_EFFECT_COMPRESSOR, DV_MAP_IDENTITY, -160, 40, -48,
      false),
  GAIN(compressor.makeup_db, "Make-up gain", DV_EFFECT_COMPRESSOR),
  ONE(compressor.lookahead_ms, "Look-ahead", "ms", DV_EFFECT_COMPRESSOR, DV_MAP_FOLD, 0, DV_LOOKAHEAD_FOLD_MS,
      1e3 / DV_MODEL_RATE_HZ, false),
  UNIT(compressor.attack_coef, "Attack", "coef", DV_EFFECT_COMPRESSOR, COEF_50_MS),
  UNIT(compressor.release_coef, "Release", "coef", DV_EFFECT_COMPRESSOR, COEF_50_MS),
  UNIT(compressor.average_coef, "RMS averaging", "coef", DV_EFFECT_COMPRESSOR, 0.3),
  RANGE(compressor.comp_ratio, "Compressor ratio", "", DV_EFFECT_COMPRESSOR, 1, 20, 2, true),
  UNIT(compressor.exp_ratio, "Expander ratio", "", DV_EFFECT_COMPRESSOR, 0.5),

  UNIT(send, "Delay to reverb send", "", DV_EFFECT_SEND, 0.01),

  RANGE(delay.delay_ms, "Delay time", "ms", DV_EFFECT_DELAY, 100, 1000, 400, true),
  UNIT(delay.feedback, "Delay feedback", "", DV_EFFECT_DELAY, 0.1),
  UNIT(delay.gain, "Delay level", "", DV_EFFECT_DELAY, 0.1),
  RANGE(delay.lowpass.freq_hz, "Delay low-pass frequency", "Hz", DV_EFFECT_DELAY, 200, 16000, 8000, true),
  RANGE(delay.lowpass.q, "Delay low-pass Q", "", DV_EFFECT_DELAY, 0.5, 2, 0.707, true),
  UNIT(delay.odd_pan, "Odd echoes pan", "", DV_EFFECT_DELAY, 0.5),
  UNIT(delay.even_pan, "Even echoes pan", "", DV_EFFECT_DELAY, 0.5),

  MANY(reverb.input, "Reverb input matrix", DV_EFFECT_REVERB, DV_MAP_IDENTITY, -100, 100, 1.0 / 6.0),
  MANY(reverb.output, "Reverb output matrix", DV_EFFECT_REVERB, DV_MAP_IDENTITY, -100, 100, 0),
  MANY(reverb.decay, "Reverb decay", DV_EFFECT_REVERB, DV_MAP_RANGE, 0, DV_FDN_MAX_DECAY, 0.5),
  MANY(reverb.mixing, "Reverb mixing logits", DV_EFFECT_REVERB, DV_MAP_IDENTITY, -1000, 1000, 0),
  GAIN(reverb.peak1.gain_db, "Reverb peak 1 gain", DV_EFFECT_REVERB),
  RANGE(reverb.peak1.freq_hz, "Reverb peak 1 frequency", "Hz", DV_EFFECT_REVERB, 200, 2500, 800, true),
  RANGE(reverb.peak1.q, "Reverb peak 1 Q", "", DV_EFFECT_REVERB, 0.1, 3, 0.707, true),
  GAIN(reverb.peak2.gain_db, "Reverb peak 2 gain", DV_EFFECT_REVERB),
  RANGE(reverb.peak2.freq_hz, "Reverb peak 2 frequency", "Hz", DV_EFFECT_REVERB, 600, 7000, 4000, true),
  RANGE(reverb.peak2.q, "Reverb peak 2 Q", "", DV_EFFECT_REVERB, 0.1, 3, 0.707, true),
  GAIN(reverb.lowshelf.gain_db, "Reverb low shelf gain", DV_EFFECT_REVERB),
  RANGE(reverb.lowshelf.freq_hz, "Reverb low shelf frequency", "Hz", DV_EFFECT_REVERB, 30, 450, 115, true),
  GAIN(reverb.highshelf.gain_db, "Reverb high shelf gain", DV_EFFECT_REVERB),
  RANGE(reverb.highshelf.freq_hz, "Reverb high shelf frequency", "Hz", DV_EFFECT_REVERB, 1500, 16000, 8000, true),

  UNIT(pan, "Pan", "", DV_EFFECT_PAN, 0.5),
  ONE(log_damp, "Delay surrogate damping", "", DV_EFFECT_DELAY, DV_MAP_NEGATIVE, -1e6, 0, -0.01, false),
};

enum { ROWS = sizeof table / sizeof *table };

const dv_parameter* dv_parameter_table(size_t* count)
{
  *count = ROWS;
  return table;
}

const dv_parameter* dv_parameter_at(int index)
{
  for (int r = 0; r < ROWS; ++r)
    if (index >= table[r].first && index < table[r].first + table[r].count) return &table[r];
  return NULL;
}

void dv_parameter_name(int index, char* name, size_t size)
{
  const dv_parameter* p = dv_parameter_at(index);
  if (!p) snprintf(name, size, "parameter[%d]", index);
  else if (p->count == 1) snprintf(name, size, "%s", p->name);
  else snprintf(name, size, "%s[%d]", p->name, index - p->first);
}

const char* dv_effect_name(dv_effect effect)
{
  static const char* const names[DV_EFFECT_COUNT] = {"PK1",  "PK2",  "LS",  "HS",  "LP", "HP",
                                                     "COMP", "SEND", "DLY", "FDN", "PAN"};
  return effect < DV_EFFECT_COUNT ? names[effect] : "?";
}

bool dv_parameter_effective(int index)
{
  const int logit = index - AT(reverb.mixing);
  if (logit >= 0 && logit < DV_FDN_LINES * DV_FDN_LINES) return logit % DV_FDN_LINES > logit / DV_FDN_LINES;
  return index >= 0 && index < DV_PRESET_SIZE;
}

double* dv_params_flat(dv_chain_params* params) { return (double*)params; }
const double* dv_params_flat_const(const dv_chain_params* params) { return (const double*)params; }

static double sigmoid(double r) { return r >= 0 ? 1.0 / (1.0 + exp(-r)) : exp(r) / (1.0 + exp(r)); }

static double from_raw(const dv_parameter* p, double r)
{
  switch (p->map) {
  case DV_MAP_RANGE: return p->minimum + (p->maximum - p->minimum) * sigmoid(r);
  case DV_MAP_FOLD: return fmod(fabs(r), p->maximum);
  case DV_MAP_NEGATIVE: return r > 30.0 ? -r : -log1p(exp(r));
  case DV_MAP_IDENTITY: break;
  }
  return r;
}

static double slope(const dv_parameter* p, double r)
{
  switch (p->map) {
  case DV_MAP_RANGE: return (p->maximum - p->minimum) * sigmoid(r) * sigmoid(-r);
  case DV_MAP_FOLD: return r > 0 ? 1.0 : r < 0 ? -1.0 : 0.0;
  case DV_MAP_NEGATIVE: return -sigmoid(r);
  case DV_MAP_IDENTITY: break;
  }
  return 1.0;
}

static double to_raw(const dv_parameter* p, double v)
{
  switch (p->map) {
  case DV_MAP_RANGE: {
    const double edge = 1e-12, u = (v - p->minimum) / (p->maximum - p->minimum);
    const double inside = u < edge ? edge : u > 1.0 - edge ? 1.0 - edge : u;
    /* log1p keeps the digits of values near the upper end */
    return log(inside) - log1p(-inside);
  }
  case DV_MAP_NEGATIVE: return v < -30.0 ? -v : log(expm1(v < -1e-12 ? -v : 1e-12));
  case DV_MAP_FOLD:
  case DV_MAP_IDENTITY: break;
  }
  return v;
}

static dv_status check(const dv_parameter* p, int index, double v, dv_error* err)
{
  const bool fold_end = p->map == DV_MAP_FOLD && v >= p->maximum; /* |r| mod 15 never reaches 15 */
  if (isfinite(v) && v >= p->minimum && v <= p->maximum && !fold_end) return DV_OK;
  char name[64];
  dv_parameter_name(index, name, sizeof name);
  return dv_fail(err, DV_ERR_ARG, "%s is %g, expected %g to %g%s%s%s", name, v, p->minimum, p->maximum,
                 *p->unit ? " " : "", p->unit, fold_end ? " (exclusive)" : "");
}

void dv_params_from_raw(const double raw[DV_PARAM_COUNT], dv_chain_params* params)
{
  double* v = dv_params_flat(params);
  for (int r = 0; r < ROWS; ++r)
    for (int i = table[r].first; i < table[r].first + table[r].count; ++i) v[i] = from_raw(&table[r], raw[i]);
}

dv_status dv_params_to_raw(const dv_chain_params* params, double raw[DV_PARAM_COUNT], dv_error* err)
{
  const dv_status status = dv_params_check(params, err);
  if (status) return status;
  const double* v = dv_params_flat_const(params);
  for (int r = 0; r < ROWS; ++r)
    for (int i = table[r].first; i < table[r].first + table[r].count; ++i) raw[i] = to_raw(&table[r], v[i]);
  return DV_OK;
}

void dv_params_raw_vjp(const double raw[DV_PARAM_COUNT], const dv_chain_params* grad_physical,
                       double grad_raw[DV_PARAM_COUNT])
{
  const double* g = dv_params_flat_const(grad_physical);
  for (int r = 0; r < ROWS; ++r)
    for (int i = table[r].first; i < table[r].first + table[r].count; ++i)
      grad_raw[i] += g[i] * slope(&table[r], raw[i]);
}

dv_status dv_params_check(const dv_chain_params* params, dv_error* err)
{
  const double* v = dv_params_flat_const(params);
  for (int r = 0; r < ROWS; ++r)
    for (int i = table[r].first; i < table[r].first + table[r].count; ++i) {
      const dv_status status = check(&table[r], i, v[i], err);
      if (status) return status;
    }
  return DV_OK;
}

void dv_params_initial(uint64_t seed, dv_chain_params* params)
{
  double* v = dv_params_flat(params);
  for (int r = 0; r < ROWS; ++r)
    for (int i = table[r].first; i < table[r].first + table[r].count; ++i) v[i] = table[r].initial;
  for (int k = 0; k < DV_FDN_BANDS; ++k) params->reverb.decay[k] = 0.4 + 0.2 * dv_random_uniform(&seed);
  double* logits = &params->reverb.mixing[0][0];
  for (int i = 0; i < DV_FDN_LINES * DV_FDN_LINES; ++i)
    logits[i] = sqrt(-2.0 * log(dv_random_uniform(&seed))) * cos(2.0 * M_PI * dv_random_uniform(&seed)) /
                sqrt((double)DV_FDN_LINES);
}

double dv_coef_from_ms(double ms, double rate_hz) { return -expm1(-2200.0 / (ms * rate_hz)); }
double dv_ms_from_coef(double coef, double rate_hz) { return -2200.0 / (rate_hz * log1p(-coef)); }
