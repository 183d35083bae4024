/* SPDX-License-Identifier: MIT */
/* Reverb: reverberation time in octaves, by backward integration (Schroeder 1965), measured alike on the effect's
 * response and on the fit's, and the level of what comes after the direct sound. */
#include "dsp/fft.h"
#include "dsp/render.h"
#include "dsp/reverb_response.h"
#include "recovery.h"
#include "report/curves.h"

#include <stdlib.h>
#include <string.h>

enum { OCTAVES = 3, CHANNELS = 2 };

static const double OCTAVE_HZ[OCTAVES] = {250.0, 1000.0, 4000.0};
static const double DIRECT_S = 0.005; /* the direct sound has passed; no reverb has begun */
static const double FIT_HIGH_DB = -5.0, FIT_LOW_DB = -35.0;
static const double T60_TARGET_PERCENT = 15.0;
static const double UNPROBED_S = 6.0; /* response where there is no probe to say its length */

/* Keeps one octave, with the flanks of a raised cosine on a logarithmic frequency and no delay.  x: `samples` in,
   out; spectrum on the transform's grid. */
static void keep_octave(const dv_fft* fft, float* x, size_t samples, double rate_hz, double centre_hz,
                        dv_real* spectrum)
{
  const size_t size = dv_fft_size(fft);
  memset(spectrum, 0, dv_fft_reals(size) * sizeof *spectrum);
  memcpy(spectrum, x, samples * sizeof *x);
  dv_fft_forward(fft, spectrum, spectrum);
  for (size_t k = 0; k <= size / 2; ++k) {
    const double octaves = k ? fabs(log2((double)k * rate_hz / (double)size / centre_hz)) : HUGE_VAL;
    const double gain = octaves < 1.0 ? 0.5 + 0.5 * cos(M_PI * octaves) : 0.0; /* half at half an octave */
    spectrum[2 * k] *= (dv_real)(gain / (double)size);
    spectrum[2 * k + 1] *= (dv_real)(gain / (double)size);
  }
  dv_fft_inverse(fft, spectrum, spectrum);
  memcpy(x, spectrum, samples * sizeof *x);
}

/* Energy of the octave from each sample to the end, both channels' sum. */
static void backward_energy(const dv_audio* response, double centre_hz, double* energy)
{
  const size_t n = response->frames, size = dv_fft_good_size(n + (size_t)response->rate_hz);
  dv_fft* fft = recovery_need(dv_fft_new(size));
  dv_real* spectrum = recovery_need(dv_fft_alloc(dv_fft_reals(size)));
  float* x = recovery_need(malloc(n * sizeof *x));
  memset(energy, 0, n * sizeof *energy);
  for (size_t c = 0; c < response->channels; ++c) {
    memcpy(x, dv_audio_channel(response, c), n * sizeof *x);
    keep_octave(fft, x, n, response->rate_hz, centre_hz, spectrum);
    for (size_t i = 0; i < n; ++i) energy[i] += (double)x[i] * (double)x[i];
  }
  for (size_t i = n - 1; i-- > 0;) energy[i] += energy[i + 1];
  free(x);
  dv_fft_release(spectrum);
  dv_fft_free(fft);
}

/* Slope of the least-squares line through -5 .. -35 dB; NAN where the decay does not get there. */
static double decay_t60_s(const double* energy, size_t n, double rate_hz)
{
  double sums[5] = {0}; /* 1, t, t^2, L, tL */
  for (size_t i = 0; i < n && energy[i] > 0.0; ++i) {
    const double level_db = 10.0 * log10(energy[i] / energy[0]), t = (double)i / rate_hz;
    if (level_db > FIT_HIGH_DB) continue;
    if (level_db < FIT_LOW_DB)
      return -60.0 * (sums[0] * sums[2] - sums[1] * sums[1]) / (sums[0] * sums[4] - sums[1] * sums[3]);
    const double add[5] = {1.0, t, t * t, level_db, t * level_db};
    for (int k = 0; k < 5; ++k) sums[k] += add[k];
  }
  return RECOVERY_NONE;
}

typedef struct {
  double t60_s[OCTAVES];
  double tail_db[OCTAVES]; /* energy after the direct sound against the direct sound's */
} decay;

/* First sample within 20 dB of the greatest. */
static size_t onset(const dv_audio* response)
{
  float most = 0;
  const size_t n = response->frames;
  for (size_t i = 0; i < n * response->channels; ++i) most = fmaxf(most, fabsf(response->samples[i]));
  for (size_t i = 0; i < n; ++i)
    for (size_t c = 0; c < response->channels; ++c)
      if (most > 0 && fabsf(dv_audio_channel(response, c)[i]) >= 0.1F * most) return i;
  return 0;
}

static void clear(dv_audio* response, size_t first, size_t end)
{
  for (size_t c = 0; c < response->channels; ++c)
    for (size_t i = first; i < end && i < response->frames; ++i) dv_audio_channel(response, c)[i] = 0;
}

/* response is changed.  A response without direct sound has direct_s 0 and tail_db that mean nothing. */
static void measure(dv_audio* response, double direct_s, decay* d)
{
  const size_t n = response->frames, split = onset(response) + (size_t)(direct_s * response->rate_hz);
  double* energy = recovery_need(malloc(n * sizeof *energy));
  dv_audio direct;
  dv_error err;
  recovery_need(dv_audio_alloc(response->channels, n, response->rate_hz, &direct, &err) ? NULL : energy);
  memcpy(direct.samples, response->samples, n * response->channels * sizeof *direct.samples);
  clear(&direct, split, n);
  clear(response, 0, split);
  for (int o = 0; o < OCTAVES; ++o) {
    backward_energy(&direct, OCTAVE_HZ[o], energy);
    const double before = energy[0];
    backward_energy(response, OCTAVE_HZ[o], energy);
    d->t60_s[o] = decay_t60_s(energy, n, response->rate_hz);
    d->tail_db[o] = 10.0 * log10(energy[0] / before);
  }
  dv_audio_free(&direct);
  free(energy);
}

/* The fitted chain's answer to an impulse, its dynamics off. */
static void whole_response(const recovery_case* c, size_t samples, dv_audio* response)
{
  dv_chain_params params = c->preset.params;
  dv_error err;
  const dv_real impulse = 1;
  params.compressor.comp_ratio = params.compressor.exp_ratio = 1.0;
  params.compressor.lookahead_ms = 0.0;
  dv_status status = dv_audio_alloc(CHANNELS, samples, DV_MODEL_RATE_HZ, response, &err);
  if (!status)
    status = dv_render(&params, DV_MODEL_RATE_HZ, &impulse, 1, samples - 1, dv_audio_channel(response, 0),
                       dv_audio_channel(response, 1), NULL, NULL, &err);
  recovery_need(status ? NULL : response->samples);
}

/* The reverb alone on a mono signal. */
static void reverb_response(const recovery_case* c, size_t samples, dv_audio* response)
{
  dv_reverb_coefs coefs;
  dv_error err;
  dv_reverb_response* r = recovery_need(dv_reverb_response_new(DV_MODEL_RATE_HZ, samples, 1));
  const size_t n = dv_reverb_response_length(r), room = dv_reverb_response_reals(r);
  dv_real* const h[2][2] = {{recovery_need(dv_fft_alloc(room)), recovery_need(dv_fft_alloc(room))},
                            {recovery_need(dv_fft_alloc(room)), recovery_need(dv_fft_alloc(room))}};
  dv_reverb_coeffs(&c->preset.params.reverb, DV_MODEL_RATE_HZ, &coefs);
  dv_reverb_response_forward(r, &coefs, h);
  recovery_need(dv_audio_alloc(CHANNELS, n, DV_MODEL_RATE_HZ, response, &err) ? NULL : response->samples);
  for (size_t out = 0; out < CHANNELS; ++out)
    for (size_t i = 0; i < n; ++i) dv_audio_channel(response, out)[i] = h[out][0][i] + h[out][1][i];
  for (int i = 0; i < 4; ++i) dv_fft_release(h[i / 2][i % 2]);
  dv_reverb_response_free(r);
}

static void add_t60(recovery_rows* rows, const char* what, double freq_hz, double known_s, double found_s,
                    double target)
{
  char name[64];
  snprintf(name, sizeof name, "T60 at %.0f Hz, %s", freq_hz, what);
  recovery_add_seconds(rows, name, known_s, found_s, target);
}

/* What the plugin was asked for; only its mid band has a name that says what it is. */
static void nominal_decay(double truth_s, const decay* reverb, const decay* whole, recovery_rows* rows)
{
  add_t60(rows, "reverb, nominal", OCTAVE_HZ[1], truth_s, reverb->t60_s[1], RECOVERY_NONE);
  add_t60(rows, "whole, nominal", OCTAVE_HZ[1], truth_s, whole->t60_s[1], RECOVERY_NONE);
}

static void known_decay(const recovery_case* c, const decay* truth, const decay* reverb, const decay* whole,
                        recovery_rows* rows)
{
  double curve_s[OCTAVES];
  dv_curve_t60_s(&c->preset.params.reverb, OCTAVE_HZ, OCTAVES, curve_s);
  for (int o = 0; o < OCTAVES; ++o) {
    add_t60(rows, "reverb", OCTAVE_HZ[o], truth->t60_s[o], reverb->t60_s[o], T60_TARGET_PERCENT);
    add_t60(rows, "decay curve", OCTAVE_HZ[o], truth->t60_s[o], curve_s[o], RECOVERY_NONE);
    add_t60(rows, "whole response", OCTAVE_HZ[o], truth->t60_s[o], whole->t60_s[o], RECOVERY_NONE);
  }
  for (int o = 0; o < OCTAVES; ++o) {
    char name[64];
    snprintf(name, sizeof name, "Tail against direct at %.0f Hz", OCTAVE_HZ[o]);
    recovery_add_value(rows, name, "dB", truth->tail_db[o], whole->tail_db[o], RECOVERY_NONE);
  }
}

static void measure_probe(const recovery_case* c, decay* truth)
{
  dv_audio response;
  dv_error err;
  recovery_need(
    dv_audio_alloc(c->probe.channels, c->probe.frames, c->probe.rate_hz, &response, &err) ? NULL : response.samples);
  memcpy(response.samples, c->probe.samples, c->probe.channels * c->probe.frames * sizeof *response.samples);
  measure(&response, DIRECT_S, truth);
  dv_audio_free(&response);
}

void recovery_measure_decay(const recovery_case* c, recovery_rows* rows)
{
  const json_t* params = recovery_stage_params(c, "reverb");
  const double length_s = c->probe.frames ? (double)c->probe.frames / c->probe.rate_hz : UNPROBED_S;
  const size_t samples = (size_t)(length_s * DV_MODEL_RATE_HZ);
  decay truth, reverb, whole;
  dv_audio response;
  if (!recovery_stage(c, "reverb")) return;
  reverb_response(c, samples, &response);
  measure(&response, 0.0, &reverb);
  dv_audio_free(&response);
  whole_response(c, samples, &response);
  measure(&response, DIRECT_S, &whole);
  dv_audio_free(&response);
  const double nominal_s = recovery_number(params, "rt_mid_s");
  if (c->probe.frames) {
    measure_probe(c, &truth);
    known_decay(c, &truth, &reverb, &whole, rows);
  } else if (isfinite(nominal_s)) {
    nominal_decay(nominal_s, &reverb, &whole, rows);
  }
}
