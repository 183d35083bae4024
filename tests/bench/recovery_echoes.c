/* SPDX-License-Identifier: MIT */
/* Delay: time of the echoes, and their level at 1 kHz against the direct sound's, channel by channel. */
#include "recovery.h"
#include "report/curves.h"

enum { ECHOES = 3, CAPACITY = 64 };

static const double TIME_TARGET_MS = 1.0, ECHO_TARGET_DB = 1.0;
static const double ABSENT_DB = -40.0; /* an echo below this, against the direct sound, is not one */
static const double WINDOW_S = 0.02;   /* to each side of a tap: its low-pass's response */

/* Level of what is within WINDOW_S of a time. */
static double tap_db(const dv_audio* response, size_t channel, double at_s)
{
  const double from = fmax(0.0, floor((at_s - WINDOW_S) * response->rate_hz));
  const size_t first = (size_t)from, end = (size_t)((at_s + WINDOW_S) * response->rate_hz);
  if (end > response->frames) return -HUGE_VAL;
  return recovery_tone_db(dv_audio_channel(response, channel) + first, end - first, response->rate_hz,
                          RECOVERY_TONE_HZ);
}

/* Time of the strongest sample of both channels near a time. */
static double tap_ms(const dv_audio* response, double near_s)
{
  double most = 0.0, at_ms = RECOVERY_NONE;
  for (size_t c = 0; c < response->channels; ++c)
    for (size_t i = (size_t)(fmax(near_s - WINDOW_S, 0.0) * response->rate_hz);
         i < (size_t)((near_s + WINDOW_S) * response->rate_hz) && i < response->frames; ++i) {
      const double value = fabs((double)dv_audio_channel(response, c)[i]);
      if (value > most) at_ms = 1e3 * (double)i / response->rate_hz;
      most = fmax(most, value);
    }
  return at_ms;
}

static double direct_db(const recovery_case* c, size_t channel)
{
  dv_pan_gains pan;
  dv_pan_coeffs(c->preset.params.pan, &pan);
  return 20.0 * log10(channel ? pan.right : pan.left);
}

/* The fitted echo that comes within half a delay of the wanted one. */
static double found_db(const recovery_case* c, const dv_echo* echoes, size_t count, size_t channel, double at_ms)
{
  for (size_t k = 0; k < count; ++k)
    if (fabs(echoes[k].time_ms - at_ms) < 0.5 * c->preset.params.delay.delay_ms)
      return (channel ? echoes[k].right_db : echoes[k].left_db) - direct_db(c, channel);
  return RECOVERY_NONE;
}

static void measure_levels(const recovery_case* c, double delay_ms, recovery_rows* rows)
{
  dv_echo echoes[CAPACITY];
  const size_t count = dv_curve_echoes(&c->preset.params, DV_MODEL_RATE_HZ, RECOVERY_TONE_HZ, -200.0, echoes, CAPACITY);
  for (size_t channel = 0; channel < c->probe.channels && channel < 2; ++channel) {
    double target_db = ECHO_TARGET_DB; /* of the channel's first echo */
    for (int k = 1; k <= ECHOES; ++k) {
      const double level_db = tap_db(&c->probe, channel, 1e-3 * delay_ms * k) - tap_db(&c->probe, channel, 0.0);
      const double got_db = found_db(c, echoes, count, channel, delay_ms * k);
      if (!(level_db > ABSENT_DB) && !(got_db > ABSENT_DB)) continue;
      char name[48];
      snprintf(name, sizeof name, "Echo %d %s at %.0f Hz", k, channel ? "right" : "left", RECOVERY_TONE_HZ);
      if (level_db > ABSENT_DB) {
        recovery_add_value(rows, name, "dB", level_db, got_db, target_db);
        target_db = RECOVERY_NONE;
      } else {
        recovery_add_found(rows, name, "dB", got_db); /* one that should not be */
      }
    }
  }
}

/* Level of a bus against the direct sound, as settings.json has it: linear or in dB. */
static double nominal_send_db(const json_t* bus, const char* linear, const char* in_db)
{
  const double level = recovery_number(bus, linear), direct = recovery_number(bus, "direct");
  if (isfinite(level) && isfinite(direct)) return 20.0 * log10(level / direct);
  return recovery_number(bus, in_db) - recovery_number(bus, "direct_db");
}

static void nominal_level(const recovery_case* c, const json_t* params, recovery_rows* rows)
{
  dv_echo echo;
  const double wet_db = 20.0 * log10(recovery_number(params, "wet"));
  const double level_db = nominal_send_db(recovery_stage(c, "bus"), "delay", "delay_send_db") + wet_db;
  if (!isfinite(level_db) || !dv_curve_echoes(&c->preset.params, DV_MODEL_RATE_HZ, RECOVERY_TONE_HZ, -200.0, &echo, 1))
    return;
  const double got_db = fmax(echo.left_db - direct_db(c, 0), echo.right_db - direct_db(c, 1));
  recovery_add_value(rows, "Echo 1, louder side, nominal", "dB", level_db, got_db, RECOVERY_NONE);
}

/* Where the first echo was found or, failing that, asked for. */
static double known_delay_ms(const recovery_case* c)
{
  static const char* const channels[] = {"taps_L", "taps_R"};
  const json_t* measured = json_object_get(c->settings, "measured");
  double first_ms = HUGE_VAL;
  for (size_t channel = 0; channel < 2; ++channel) {
    const json_t* taps = json_object_get(measured, channels[channel]);
    for (size_t i = 0; i < json_array_size(taps); ++i) {
      const double at_ms = json_number_value(json_array_get(json_array_get(taps, i), 0));
      if (at_ms > 0.0) first_ms = fmin(first_ms, at_ms);
    }
  }
  return isfinite(first_ms) ? first_ms : recovery_number(recovery_stage_params(c, "pingpong"), "time_ms");
}

void recovery_measure_echoes(const recovery_case* c, recovery_rows* rows)
{
  const json_t* params = recovery_stage_params(c, "pingpong");
  const double nominal_ms = known_delay_ms(c), got_ms = c->preset.params.delay.delay_ms;
  const dv_delay_params* p = &c->preset.params.delay;
  if (!recovery_stage(c, "pingpong") || !isfinite(nominal_ms)) return;
  /* A reverb's tail hides the taps. */
  const bool taps = c->probe.frames && !recovery_stage(c, "reverb");
  const double truth_ms = taps ? tap_ms(&c->probe, 1e-3 * nominal_ms) : nominal_ms;
  recovery_add_value(rows, "Delay", "ms", truth_ms, got_ms, TIME_TARGET_MS);
  if (taps) measure_levels(c, truth_ms, rows);
  else nominal_level(c, params, rows);
  recovery_add_value(rows, "Delay feedback (plugins differ)", "", recovery_number(params, "feedback"), p->feedback,
                     RECOVERY_NONE);
  recovery_add_found(rows, "Delay low-pass", "Hz", p->lowpass.freq_hz);
  recovery_add_found(rows, "Delay low-pass Q", "", p->lowpass.q);
  recovery_add_found(rows, "Delay odd pan", "", p->odd_pan);
  recovery_add_found(rows, "Delay even pan", "", p->even_pan);
}
