/* SPDX-License-Identifier: MIT */
#include "estimator/fit_start.h"

#include "estimator/echoes.h"
#include "presets/prior_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Signs that tell the lines apart: no two have the same in both channels and in the mixing. */
static void faint_reverb(bool mono, dv_reverb_params* reverb)
{
  for (int line = 0; line < DV_FDN_LINES; ++line) {
    reverb->input[line][0] = reverb->input[line][1] = 0.2;
    reverb->output[0][line] = line & 1 ? -0.02 : 0.02;
    reverb->output[1][line] = line & (mono ? 1 : 2) ? -0.02 : 0.02;
    for (int other = line + 1; other < DV_FDN_LINES; ++other)
      reverb->mixing[line][other] = (5 * line + 3 * other) % 4 < 2 ? 0.7 : -0.7;
  }
}

bool dv_fit_is_mono(const dv_fit_stems* s)
{
  return s->wet_left == s->wet_right || !memcmp(s->wet_left, s->wet_right, s->samples * sizeof *s->wet_left);
}

void dv_fit_mean_start(bool mono, dv_chain_params* start)
{
  double raw[DV_PARAM_COUNT];
  dv_effective_to_raw(dv_prior_internal.mean, raw);
  dv_params_from_raw(raw, start);
  faint_reverb(mono, &start->reverb);
  if (mono) start->pan = start->delay.odd_pan = start->delay.even_pan = 0.5;
}

/* The caller's to free, also after an error. */
static dv_status new_profile(const dv_fit_stems* stems, dv_echo_profile** profile, dv_error* err)
{
  *profile = malloc(sizeof **profile);
  return *profile ? dv_echo_profile_estimate(stems, *profile, err) : dv_fail(err, DV_ERR_NOMEM, "out of memory");
}

static void add_start(const dv_echo_profile* profile, double echo_ms, bool mono, dv_fit_starts* starts)
{
  dv_fit_start* start = &starts->start[starts->count++];
  dv_fit_mean_start(mono, &start->params);
  dv_echo_start(profile, echo_ms, mono, &start->params);
  start->delay_known = echo_ms > 0.0;
}

dv_status dv_fit_default_starts(const dv_fit_stems* stems, dv_fit_starts* starts, dv_error* err)
{
  const bool mono = dv_fit_is_mono(stems);
  dv_echo_profile* profile;
  const dv_status status = new_profile(stems, &profile, err);
  *starts = (dv_fit_starts){.count = 0};
  if (!status) add_start(profile, profile->delay_ms, mono, starts);
  if (!status && profile->possible_ms > 0.0) add_start(profile, profile->possible_ms, mono, starts);
  free(profile);
  return status;
}

dv_status dv_fit_adopt_echo(const dv_fit_stems* stems, dv_fit_start* start, dv_error* err)
{
  static const double NEAR_MS = 1.0;
  dv_echo_profile* profile;
  const dv_status status = new_profile(stems, &profile, err);
  double* delay_ms = &start->params.delay.delay_ms;
  const double echo_ms = status ? 0.0 : profile->delay_ms > 0.0 ? profile->delay_ms : profile->possible_ms;
  start->delay_known = echo_ms > 0.0 && fabs(echo_ms - *delay_ms) < NEAR_MS;
  if (start->delay_known) *delay_ms = echo_ms;
  free(profile);
  return status;
}

void dv_fit_transparent_start(const dv_fit_stems* stems, dv_chain_params* start)
{
  dv_fit_mean_start(dv_fit_is_mono(stems), start);
  start->peak1.gain_db = start->peak2.gain_db = start->lowshelf.gain_db = start->highshelf.gain_db = 0.0;
  start->lowpass = (dv_pass_params){17990.0, DV_SHELF_Q};
  start->highpass = (dv_pass_params){17.0, DV_SHELF_Q};
  start->compressor.makeup_db = stems->plain_gain_db;
  start->compressor.comp_ratio = 1.001;
  start->compressor.exp_ratio = 0.999;
  start->delay.gain = 1e-4;
  memset(start->reverb.output, 0, sizeof start->reverb.output);
  start->pan = 0.5;
}

/* A mono wet stem has no side signal, and any side signal is infinitely more than none: rounding errors of one channel
   would rule the descent.  So panning stays, and the reverb's channels get one gradient, one scale and one mean. */
void dv_fit_tie_channels(double values[DV_PARAM_COUNT])
{
  dv_chain_params g;
  memcpy(dv_params_flat(&g), values, DV_PARAM_COUNT * sizeof *values);
  for (int line = 0; line < DV_FDN_LINES; ++line) {
    double *in = g.reverb.input[line], *left = &g.reverb.output[0][line], *right = &g.reverb.output[1][line];
    in[0] = in[1] = 0.5 * (in[0] + in[1]);
    *left = *right = 0.5 * (*left + *right);
  }
  memcpy(values, dv_params_flat_const(&g), DV_PARAM_COUNT * sizeof *values);
}

bool dv_fit_fold_start(const dv_fit_stems* stems, dv_chain_params* start)
{
  if (!dv_fit_is_mono(stems)) return false;
  const dv_chain_params before = *start;
  dv_fit_tie_channels(dv_params_flat(start));
  start->pan = start->delay.odd_pan = start->delay.even_pan = 0.5;
  return memcmp(&before, start, sizeof before) != 0;
}
