/* SPDX-License-Identifier: MIT */
/* Names that tell the sound, worked out from a preset's numbers. */
#include "dsp/coefficients.h"
#include "plugin/preset_bundle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where words begin, chosen so that half of the published presets get none of a kind. */
static const double BRIGHT_DB = 4.0, DARK_DB = -4.0, WARM_DB = 3.0, THIN_DB = -6.0; /* against 1 kHz */
static const double LOUD_DB = -12.0;                    /* of a voice at -18 LUFS when it sings out */
static const double DENSE_DB = 6.0, SQUASHED_DB = 12.0; /* taken off then */
static const double AUDIBLE_ECHO = 0.03, AUDIBLE_REVERB = 0.01;

static double eq_db(const dv_biquad eq[DV_EQ_BANDS], double freq_hz)
{
  double gain_db = 0.0;
  for (int k = 0; k < DV_EQ_BANDS; ++k) gain_db += dv_biquad_gain_db(&eq[k], freq_hz, DV_MODEL_RATE_HZ);
  return gain_db;
}

typedef struct {
  char* text;
  size_t size;
  bool any;
} phrase;

static void say(phrase* p, const char* word)
{
  const size_t used = strlen(p->text);
  snprintf(p->text + used, p->size - used, "%s%s", p->any ? ", " : "", word);
  p->any = true;
}

static void say_colour(phrase* p, const dv_chain_params* params)
{
  dv_biquad eq[DV_EQ_BANDS];
  dv_eq_coeffs(params, DV_MODEL_RATE_HZ, eq);
  const double middle = eq_db(eq, 1000.0), low = eq_db(eq, 200.0) - middle, high = eq_db(eq, 6000.0) - middle;
  if (high >= BRIGHT_DB) say(p, "bright");
  else if (high <= DARK_DB) say(p, "dark");
  if (low >= WARM_DB) say(p, "warm");
  else if (low <= THIN_DB) say(p, "thin");
}

static void say_dynamics(phrase* p, const dv_compressor_params* c)
{
  const double taken = (1.0 - 1.0 / c->comp_ratio) * fmax(LOUD_DB - c->comp_threshold_db, 0.0);
  if (taken >= SQUASHED_DB) say(p, "squashed");
  else if (taken >= DENSE_DB) say(p, "dense");
}

/* Gain of a network whose lines hold the energy for as long as the decay at 1 kHz says. */
static double reverb_gain(const dv_reverb_params* r, double decay)
{
  double in = 0.0, out = 0.0;
  for (int l = 0; l < DV_FDN_LINES; ++l)
    for (int c = 0; c < 2; ++c) {
      in += r->input[l][c] * r->input[l][c];
      out += r->output[c][l] * r->output[c][l];
    }
  return sqrt(in * out / DV_FDN_LINES / fmax(1.0 - decay * decay, 1e-3));
}

static void say_space(phrase* p, const dv_chain_params* params)
{
  char word[48];
  const double decay = params->reverb.decay[2]; /* 919 Hz */
  const bool echo = params->delay.gain >= AUDIBLE_ECHO;
  const bool reverb = reverb_gain(&params->reverb, decay) >= AUDIBLE_REVERB;
  if (echo) {
    snprintf(word, sizeof word, "echo %.0f ms", params->delay.delay_ms);
    say(p, word);
  }
  if (reverb) {
    snprintf(word, sizeof word, "reverb %.1f s", dv_t60_from_decay(decay));
    say(p, word);
  }
  if (!echo && !reverb) say(p, "dry");
}

static const char* note_text(const dv_preset* preset, const char* key)
{
  const dv_preset_note* note = dv_preset_find_note(preset, key);
  return note && !note->is_number ? note->text : "";
}

/* "medleydb:7" -> "MedleyDB 07": rows sort as text. */
static bool name_published(const dv_preset* preset, const char* corpus, const char* bank, int digits, dv_lv2_label* l)
{
  const char* source = note_text(preset, "source");
  const size_t length = strlen(corpus);
  if (strncmp(source, corpus, length) || source[length] != ':') return false;
  const char* track = note_text(preset, "track");
  snprintf(l->bank, sizeof l->bank, "%s", bank);
  snprintf(l->label, sizeof l->label, "%s %0*ld%s%.100s", bank, digits, strtol(source + length + 1, NULL, 10),
           *track ? " " : "", track);
  return true;
}

void dv_lv2_label_make(const dv_preset* preset, dv_lv2_label* label)
{
  const bool factory = !strcmp(note_text(preset, "source"), "factory");
  const bool fitted = !strncmp(note_text(preset, "created_by"), "diffvox-fit", strlen("diffvox-fit"));
  const bool calibrated = preset->input_gain_db != 0.0 || preset->output_gain_db != 0.0;
  label->gains = !factory && (fitted || calibrated);
  if (!name_published(preset, "medleydb", "MedleyDB", 2, label) &&
      !name_published(preset, "internal", "Internal", 3, label)) {
    snprintf(label->bank, sizeof label->bank, "%s", factory ? "Factory" : "Fitted");
    snprintf(label->label, sizeof label->label, "%s%s", factory ? "" : "Fitted ",
             *preset->name ? preset->name : "without a name");
  }
  phrase p = {label->label, sizeof label->label, false};
  const size_t used = strlen(label->label);
  snprintf(label->label + used, sizeof label->label - used, " - ");
  say_colour(&p, &preset->params);
  say_dynamics(&p, &preset->params.compressor);
  say_space(&p, &preset->params);
}
