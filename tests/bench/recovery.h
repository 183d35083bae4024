/* SPDX-License-Identifier: MIT */
/* Private: what bench_recovery measures on one pair, a file per concern (recovery_*.c).
 *
 * Every measure compares a fit with what is known of the effect and adds rows.  A measure that does not apply to
 * the pair adds none.  What is known comes from the pair's settings.json (what was asked of the effects) and from
 * its probes (what they really did): probe_ir.wav, probe_curve.json. */
#ifndef DV_BENCH_RECOVERY_H
#define DV_BENCH_RECOVERY_H

#include "datasets/audio.h"
#include "presets/preset.h"

#include <jansson.h>
#include <math.h>

enum { RECOVERY_MAX_ROWS = 64, RECOVERY_PATH = 4096 };

/* The frequency of the probes' tone, and of all levels that are told at one frequency. */
#define RECOVERY_TONE_HZ 1000.0

/* What does not apply to a row: its known value, its target ... */
#define RECOVERY_NONE ((double)NAN)

/* One line of the table.  A row without target is for information. */
typedef struct {
  char name[64];
  const char *unit, *error_unit;
  double known, found;
  double error, target; /* met when |error| <= target */
} recovery_row;

typedef struct {
  recovery_row rows[RECOVERY_MAX_ROWS];
  size_t count;
} recovery_rows;

/* Add a row; one beyond RECOVERY_MAX_ROWS is dropped.  In turn: a value beside the known one, its error their
   difference; a reverberation time, its error in per cent; an error in dB alone; a value alone. */
void recovery_add_value(recovery_rows* rows, const char* name, const char* unit, double known, double found,
                        double target);
void recovery_add_seconds(recovery_rows* rows, const char* name, double known_s, double found_s, double target_percent);
void recovery_add_error(recovery_rows* rows, const char* name, double error_db, double target_db);
void recovery_add_found(recovery_rows* rows, const char* name, const char* unit, double found);

/* A pair and the fit of it. */
typedef struct {
  const char* name;
  char pair[RECOVERY_PATH], fit[RECOVERY_PATH]; /* their folders */
  json_t* settings;
  json_t* run;   /* NULL: still under way */
  json_t* curve; /* NULL: no probe_curve.json */
  dv_preset preset;
  dv_audio dry;   /* mono */
  dv_audio probe; /* empty: no probe_ir.wav */
} recovery_case;

/* Number of an object's member; NAN when there is none, also of NULL. */
double recovery_number(const json_t* object, const char* key);
/* The chain's first stage of a name, NULL when there is none; its params. */
const json_t* recovery_stage(const recovery_case* c, const char* stage);
const json_t* recovery_stage_params(const recovery_case* c, const char* stage);
/* True where the chain has nothing that is not in the list of `count` stages. */
bool recovery_only_stages(const recovery_case* c, const char* const* stages, size_t count);

/* Level in dB of a signal's DFT at one frequency: of an impulse response, its gain. */
double recovery_tone_db(const float* x, size_t samples, double rate_hz, double freq_hz);
/* Mean power of the fitted pan over both channels, in dB. */
double recovery_pan_db(const recovery_case* c);
/* Mean gain in dB of the fitted compressor and expander, without make-up, while the dry stem is active. */
double recovery_mean_gain_db(const recovery_case* c);
/* Levels that the stem visits: peak of frames of 10 ms that are above -50 dBFS.  Returns how many; the caller
   frees *peaks_db, which is sorted. */
size_t recovery_frame_peaks(const dv_audio* mono, double** peaks_db);

void recovery_measure_eq(const recovery_case* c, recovery_rows* rows);
void recovery_measure_curve(const recovery_case* c, recovery_rows* rows);
void recovery_measure_echoes(const recovery_case* c, recovery_rows* rows);
void recovery_measure_decay(const recovery_case* c, recovery_rows* rows);
/* Long-term spectrum of the fit's render against the wet stem's, of every pair: sounds right, by whatever means? */
void recovery_measure_spectrum(const recovery_case* c, recovery_rows* rows);

/* Memory or an end of the program. */
void* recovery_need(void* memory);

#endif
