/* SPDX-License-Identifier: MIT */
#include "report/curves.h"

#include "dsp/fft.h"

#include <math.h>
#include <stdlib.h>

enum { LEVEL_GRID = 16384 };

static const double DELAY_SPAN_S = 4.0, SINE_MEAN_DB = -3.010299956639812;
static const double LEVEL_LOW_HZ = 200.0, LEVEL_HIGH_HZ = 5000.0;

void dv_curve_log_grid(double low_hz, double high_hz, double* freq_hz, size_t count)
{
  for (size_t i = 0; i < count; ++i) freq_hz[i] = low_hz * pow(high_hz / low_hz, (double)i / (double)(count - 1));
}

void dv_curve_linear_grid(double low, double high, double* values, size_t count)
{
  for (size_t i = 0; i < count; ++i) values[i] = low + (high - low) * (double)i / (double)(count - 1);
}

static void cascade_db(const dv_biquad* bands, int count, double rate_hz, const double* freq_hz, size_t n,
                       double* gain_db)
{
  for (size_t i = 0; i < n; ++i) {
    gain_db[i] = freq_hz[i] <= rate_hz / 2.0 ? 0.0 : (double)NAN;
    for (int k = 0; k < count; ++k) gain_db[i] += dv_biquad_gain_db(&bands[k], freq_hz[i], rate_hz);
  }
}

void dv_curve_eq_db(const dv_chain_params* p, double rate_hz, const double* freq_hz, size_t count, double* gain_db)
{
  dv_biquad eq[DV_EQ_BANDS];
  dv_eq_coeffs(p, rate_hz, eq);
  cascade_db(eq, DV_EQ_BANDS, rate_hz, freq_hz, count, gain_db);
}

void dv_curve_eq_band_db(const dv_chain_params* p, double rate_hz, int band, const double* freq_hz, size_t count,
                         double* gain_db)
{
  dv_biquad eq[DV_EQ_BANDS];
  dv_eq_coeffs(p, rate_hz, eq);
  cascade_db(eq + band, 1, rate_hz, freq_hz, count, gain_db);
}

void dv_curve_reverb_eq_db(const dv_reverb_params* p, double rate_hz, const double* freq_hz, size_t count,
                           double* gain_db)
{
  dv_biquad eq[DV_REVERB_BANDS];
  dv_reverb_eq_coeffs(p, rate_hz, eq);
  cascade_db(eq, DV_REVERB_BANDS, rate_hz, freq_hz, count, gain_db);
}

void dv_curve_compressor_db(const dv_compressor_params* p, double rate_hz, const double* in_dbfs, size_t count,
                            double* out_dbfs)
{
  dv_compressor_coefs c;
  dv_compressor_coeffs(p, rate_hz, &c);
  for (size_t i = 0; i < count; ++i) {
    const double level_db = fmax(in_dbfs[i] + SINE_MEAN_DB, 10.0 * log10(DV_POWER_FLOOR));
    out_dbfs[i] = in_dbfs[i] + dv_compressor_curve_db(&c, level_db) + 20.0 * log10(c.makeup);
  }
}

void dv_curve_t60_s(const dv_reverb_params* p, const double* freq_hz, size_t count, double* t60_s)
{
  for (size_t i = 0; i < count; ++i) t60_s[i] = dv_fdn_t60_s(p, freq_hz[i]);
}

size_t dv_curve_echoes(const dv_chain_params* p, double rate_hz, double freq_hz, double floor_db, dv_echo* echoes,
                       size_t capacity)
{
  dv_delay_coefs c;
  dv_delay_coeffs(&p->delay, rate_hz, &c);
  const double low_pass_db = dv_biquad_gain_db(&c.lowpass, freq_hz, rate_hz);
  const size_t most = (size_t)(DELAY_SPAN_S * rate_hz) / (size_t)(c.delay_samples + 1.0);
  size_t count = 0;
  for (size_t k = 1; k <= most && k <= capacity; ++k) {
    const dv_pan_gains* pan = k % 2 ? &c.odd : &c.even;
    const double level_db = 20.0 * log10(c.gain * pow(c.feedback, (double)(k - 1))) + (double)k * low_pass_db;
    echoes[k - 1] = (dv_echo){.time_ms = (double)k * p->delay.delay_ms,
                              .left_db = level_db + 20.0 * log10(fmax(pan->left, 0.0)),
                              .right_db = level_db + 20.0 * log10(fmax(pan->right, 0.0))};
    if (fmax(echoes[k - 1].left_db, echoes[k - 1].right_db) >= floor_db) count = k;
  }
  return count;
}

/* Mean over the band of |sum over the inputs of H|^2 |EQ|^2, both outputs' mean. */
static double band_energy(const dv_reverb_params* p, double rate_hz, dv_real* const h[2][2])
{
  double sum = 0.0;
  size_t bins = 0;
  for (size_t k = 1; k < LEVEL_GRID / 2; ++k) {
    const double freq_hz = (double)k * rate_hz / LEVEL_GRID;
    double eq_db;
    if (freq_hz < LEVEL_LOW_HZ || freq_hz > LEVEL_HIGH_HZ) continue;
    dv_curve_reverb_eq_db(p, rate_hz, &freq_hz, 1, &eq_db);
    double energy = 0.0;
    for (int out = 0; out < 2; ++out) {
      const double re = (double)h[out][0][2 * k] + (double)h[out][1][2 * k];
      const double im = (double)h[out][0][2 * k + 1] + (double)h[out][1][2 * k + 1];
      energy += 0.5 * (re * re + im * im);
    }
    sum += energy * pow(10.0, eq_db / 10.0);
    ++bins;
  }
  return bins ? sum / (double)bins : 0.0;
}

double dv_curve_reverb_level_db(const dv_reverb_params* p, double rate_hz)
{
  dv_fdn_coefs c;
  dv_fdn_coeffs(p, rate_hz, &c);
  const size_t phase = dv_fdn_grid_reals(LEVEL_GRID), spectrum = dv_fft_reals(LEVEL_GRID) + 2 * DV_FDN_BLOCK;
  dv_real* memory = dv_fft_alloc(phase + 4 * spectrum);
  if (!memory) return (double)NAN;
  dv_fdn_grid grid;
  dv_real* const h[2][2] = {{memory + phase, memory + phase + spectrum},
                            {memory + phase + 2 * spectrum, memory + phase + 3 * spectrum}};
  dv_fdn_grid_init(&grid, &c, LEVEL_GRID, memory);
  dv_fdn_spectrum(&c, &grid, 0, LEVEL_GRID / 2 + 1, h);
  const double energy = band_energy(p, rate_hz, h);
  dv_fft_release(memory);
  return 10.0 * log10(energy);
}
