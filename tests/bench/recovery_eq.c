/* SPDX-License-Identifier: MIT */
/* Tone: the fitted equaliser against the effect's response, where the voice has energy. */
#include "dsp/fft.h"
#include "recovery.h"
#include "report/curves.h"

#include <string.h>

enum { GRID_MOST = 128, PER_OCTAVE = 12 };

static const double GRID_LOW_HZ = 20.0, GRID_HIGH_HZ = 20000.0, VOICE_RANGE_DB = 40.0;
static const double EQ_TARGET_DB = 1.0;

/* Twelfths of an octave in which the voice has energy. */
typedef struct {
  double freq_hz[GRID_MOST];
  size_t count;
} grid;

/* Adds the energy of each band of 1/12 octave around the frequencies. */
static void add_band_energy(const float* x, size_t samples, double rate_hz, const double* freq_hz, size_t count,
                            double* energy)
{
  const size_t size = dv_fft_good_size(samples);
  dv_fft* fft = recovery_need(dv_fft_new(size));
  dv_real* spectrum = recovery_need(dv_fft_alloc(dv_fft_reals(size)));
  const double half = pow(2.0, 0.5 / PER_OCTAVE);
  memcpy(spectrum, x, samples * sizeof *x);
  dv_fft_forward(fft, spectrum, spectrum);
  for (size_t i = 0; i < count; ++i) {
    const size_t first = (size_t)ceil(freq_hz[i] / half * (double)size / rate_hz);
    const size_t end = (size_t)ceil(freq_hz[i] * half * (double)size / rate_hz);
    for (size_t k = first; k < end && k <= size / 2; ++k) {
      const double re = (double)spectrum[2 * k], im = (double)spectrum[2 * k + 1];
      energy[i] += re * re + im * im;
    }
  }
  dv_fft_release(spectrum);
  dv_fft_free(fft);
}

static void voice_grid(const dv_audio* dry, grid* g)
{
  double freq_hz[GRID_MOST], energy[GRID_MOST] = {0}, most = 0.0;
  size_t count = 0;
  for (; count < GRID_MOST; ++count) {
    freq_hz[count] = GRID_LOW_HZ * pow(2.0, (double)count / PER_OCTAVE);
    if (freq_hz[count] > GRID_HIGH_HZ || freq_hz[count] > 0.45 * dry->rate_hz) break;
  }
  add_band_energy(dry->samples, dry->frames, dry->rate_hz, freq_hz, count, energy);
  for (size_t i = 0; i < count; ++i) most = fmax(most, energy[i]);
  g->count = 0;
  for (size_t i = 0; i < count; ++i)
    if (energy[i] > 0.0 && energy[i] >= most * pow(10.0, -VOICE_RANGE_DB / 10.0)) g->freq_hz[g->count++] = freq_hz[i];
}

/* The effect's gain: mean power of the probe's channels, and the level that the pair was brought to. */
static double truth_db(const recovery_case* c, double freq_hz)
{
  const double gain_db = recovery_number(c->settings, "gain_db");
  double power = 0.0;
  if (!c->probe.frames) return gain_db;
  for (size_t i = 0; i < c->probe.channels; ++i)
    power +=
      pow(10.0, recovery_tone_db(dv_audio_channel(&c->probe, i), c->probe.frames, c->probe.rate_hz, freq_hz) / 10.0);
  return 10.0 * log10(power / (double)c->probe.channels) + gain_db;
}

static double mean(const double* x, size_t n)
{
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += x[i];
  return n ? sum / (double)n : RECOVERY_NONE;
}

static double mean_distance(const double* x, size_t n, double from)
{
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += fabs(x[i] - from);
  return n ? sum / (double)n : RECOVERY_NONE;
}

static double largest(const double* x, size_t n)
{
  double most = n ? 0.0 : RECOVERY_NONE;
  for (size_t i = 0; i < n; ++i) most = fmax(most, fabs(x[i]));
  return most;
}

/* Two rows an octave: mean distances do not tell where. */
static void add_octaves(recovery_rows* rows, const grid* g, const double* truth, const double* off, double gain_db)
{
  for (size_t i = 0; i < g->count; i += PER_OCTAVE / 2) {
    char name[32];
    snprintf(name, sizeof name, "  at %.0f Hz", g->freq_hz[i]);
    recovery_add_value(rows, name, "dB", truth[i], truth[i] + off[i] + gain_db, RECOVERY_NONE);
  }
}

void recovery_measure_eq(const recovery_case* c, recovery_rows* rows)
{
  static const char* const tone[] = {"eq", "bus"};
  const bool nothing = recovery_only_stages(c, NULL, 0);
  if (!nothing && !(c->probe.frames && recovery_stage(c, "eq") && recovery_only_stages(c, tone, 2))) return;
  const double level_db =
    c->preset.input_gain_db + c->preset.output_gain_db + c->preset.params.compressor.makeup_db + recovery_pan_db(c);
  const double mean_gain_db = recovery_mean_gain_db(c);
  double truth[GRID_MOST], off[GRID_MOST];
  grid g;
  voice_grid(&c->dry, &g);
  dv_curve_eq_db(&c->preset.params, DV_MODEL_RATE_HZ, g.freq_hz, g.count, off);
  for (size_t i = 0; i < g.count; ++i) {
    truth[i] = truth_db(c, g.freq_hz[i]);
    off[i] += level_db - truth[i];
  }
  const double constant_db = mean(off, g.count), truth_mean_db = mean(truth, g.count);
  recovery_add_error(rows, "EQ, static gains only", mean_distance(off, g.count, 0.0), RECOVERY_NONE);
  recovery_add_error(rows, "EQ, with mean compressor gain", mean_distance(off, g.count, -mean_gain_db), EQ_TARGET_DB);
  recovery_add_error(rows, "EQ, shape (constant removed)", mean_distance(off, g.count, constant_db), EQ_TARGET_DB);
  add_octaves(rows, &g, truth, off, mean_gain_db);
  for (size_t i = 0; i < g.count; ++i) off[i] -= constant_db;
  recovery_add_error(rows, "EQ, shape, greatest distance", largest(off, g.count), RECOVERY_NONE);
  recovery_add_value(rows, "Level, mean over the bands", "dB", truth_mean_db,
                     truth_mean_db + constant_db + mean_gain_db, RECOVERY_NONE);
  recovery_add_found(rows, "Mean compressor gain", "dB", mean_gain_db);
}

void recovery_measure_spectrum(const recovery_case* c, recovery_rows* rows)
{
  static const char* const files[2] = {"wet.wav", "render.wav"};
  double energy[2][GRID_MOST] = {{0}}, off[GRID_MOST];
  grid g;
  if (!c->run) return; /* what sound there is, is an older fit's */
  voice_grid(&c->dry, &g);
  for (int f = 0; f < 2; ++f) {
    char path[RECOVERY_PATH];
    dv_audio audio;
    dv_error err;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", c->fit, files[f]) >= sizeof path) return;
    if (dv_audio_read(path, &audio, &err)) return;
    for (size_t i = 0; i < audio.channels; ++i)
      add_band_energy(dv_audio_channel(&audio, i), audio.frames, audio.rate_hz, g.freq_hz, g.count, energy[f]);
    for (size_t i = 0; i < g.count; ++i) energy[f][i] /= (double)audio.channels;
    dv_audio_free(&audio);
  }
  for (size_t i = 0; i < g.count; ++i) off[i] = 10.0 * log10(energy[1][i] / energy[0][i]);
  recovery_add_error(rows, "Spectrum of the render", mean_distance(off, g.count, 0.0), RECOVERY_NONE);
  recovery_add_found(rows, "Level of the render's spectrum", "dB", mean(off, g.count));
}
