/* SPDX-License-Identifier: MIT */
/* The one parameter table: the 151 numbers of a preset plus log_damp, which only training uses.
 *
 * A preset is a dv_chain_params: plain physical values, nested by effect.  Its memory is also the flat
 * vector that the optimiser, the statistics and the files see: 152 doubles in the published order
 * (Yu et al., DAFx 2025; the order of their raw_params.npy).  dv_params_flat() gives that view.
 *
 * The optimiser works on raw logits; dv_parameter.map says how a raw value becomes a physical one.
 * Names, units, ranges and defaults for help texts, files, plugin ports and axes come from this table
 * and from nowhere else. */
#ifndef DIFFVOX_PARAMETERS_H
#define DIFFVOX_PARAMETERS_H

#include "dsp/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  DV_FDN_LINES = 6,
  DV_FDN_BANDS = 49,       /* points of the decay curve, 0 Hz to 22050 Hz evenly spaced */
  DV_PRESET_SIZE = 151,    /* numbers of a published preset */
  DV_PARAM_COUNT = 152,    /* the same and log_damp */
  DV_EFFECTIVE_COUNT = 130 /* numbers of a preset that act: without 21 of the 36 U logits */
};

/* The rate at which presets are defined: their one-pole coefficients are per sample of this rate. */
#define DV_MODEL_RATE_HZ 44100.0
/* Raw look-ahead folds here. */
#define DV_LOOKAHEAD_FOLD_MS 15.0

typedef struct {
  double gain_db, freq_hz, q;
} dv_peak_params;
typedef struct {
  double gain_db, freq_hz;
} dv_shelf_params; /* Q fixed: DV_SHELF_Q */
typedef struct {
  double freq_hz, q;
} dv_pass_params;

#define DV_SHELF_Q 0.707

typedef struct {
  double comp_threshold_db, exp_threshold_db, makeup_db;
  double lookahead_ms;                            /* 0 .. 15 */
  double attack_coef, release_coef, average_coef; /* one-pole coefficients at 44.1 kHz, 0 .. 1 */
  double comp_ratio, exp_ratio;                   /* 1 .. 20 and 0 .. 1 */
} dv_compressor_params;

typedef struct {
  double delay_ms, feedback, gain; /* 100 .. 1000 ms, linear 0 .. 1 */
  dv_pass_params lowpass;          /* inside the loop */
  double odd_pan, even_pan;        /* 0 left .. 1 right */
} dv_delay_params;

typedef struct {
  double input[DV_FDN_LINES][2];             /* b: line, channel */
  double output[2][DV_FDN_LINES];            /* c: channel, line */
  double decay[DV_FDN_BANDS];                /* gamma: gain per 997 samples at 44.1 kHz */
  double mixing[DV_FDN_LINES][DV_FDN_LINES]; /* logits of U; only those above the diagonal act */
  dv_peak_params peak1, peak2;
  dv_shelf_params lowshelf, highshelf;
} dv_reverb_params;

typedef struct {
  dv_peak_params peak1, peak2;
  dv_shelf_params lowshelf, highshelf;
  dv_pass_params lowpass, highpass;
  dv_compressor_params compressor;
  double send; /* delay to reverb, linear 0 .. 1 */
  dv_delay_params delay;
  dv_reverb_params reverb;
  double pan;      /* 0 left .. 1 right */
  double log_damp; /* training only: damping of the delay's surrogate pulse, < 0 */
} dv_chain_params;

typedef enum {
  DV_MAP_IDENTITY, /* r */
  DV_MAP_RANGE,    /* minimum + (maximum - minimum) sigma(r); the unit map is the range 0 .. 1 */
  DV_MAP_FOLD,     /* |r| mod maximum */
  DV_MAP_NEGATIVE  /* -softplus(r) */
} dv_map;

typedef enum {
  DV_EFFECT_PEAK1,
  DV_EFFECT_PEAK2,
  DV_EFFECT_LOWSHELF,
  DV_EFFECT_HIGHSHELF,
  DV_EFFECT_LOWPASS,
  DV_EFFECT_HIGHPASS,
  DV_EFFECT_COMPRESSOR,
  DV_EFFECT_SEND,
  DV_EFFECT_DELAY,
  DV_EFFECT_REVERB,
  DV_EFFECT_PAN,
  DV_EFFECT_COUNT
} dv_effect;

typedef struct {
  const char* name;  /* unique path, "peak1.gain_db", "reverb.decay[12]"; see dv_parameter_name */
  const char* label; /* for people: "Peak 1 gain" */
  const char* unit;  /* "dB", "Hz", "ms", "coef", "" ... */
  dv_effect effect;
  dv_map map;
  double minimum, maximum; /* physical; what a map cannot exceed, or for DV_MAP_IDENTITY what a file or
                              a knob may hold: published presets and fits stay far inside */
  double initial;          /* physical start of a fit; gamma and U start at random */
  bool logarithmic;        /* heard so */
  int first, count;        /* index in the flat vector; count > 1 for an array of alike numbers */
} dv_parameter;

/* The table's rows: arrays are one row.  *count receives their number. */
const dv_parameter* dv_parameter_table(size_t* count);

/* The row that holds flat index 0 .. DV_PARAM_COUNT-1; NULL outside. */
const dv_parameter* dv_parameter_at(int index);

/* Name of one flat index, "reverb.decay[12]" for elements of arrays; always terminated. */
void dv_parameter_name(int index, char* name, size_t size);

/* Short name of an effect: "PK1", "DLY" ... as the paper's figures have them.  Never NULL. */
const char* dv_effect_name(dv_effect effect);

/* False for the 21 U logits on and below the diagonal, which act on nothing, and for log_damp. */
bool dv_parameter_effective(int index);

/* The same memory as DV_PARAM_COUNT doubles. */
double* dv_params_flat(dv_chain_params* params);
const double* dv_params_flat_const(const dv_chain_params* params);

/* Raw logits <-> physical values, element by element over the whole vector.
   dv_params_to_raw moves a value on the edge of its range inwards by one part in 1e12, so that raw
   values stay finite, and returns DV_ERR_ARG with a message for a value that is outside or not finite.
   Folded look-ahead comes back as its non-negative representative. */
void dv_params_from_raw(const double raw[DV_PARAM_COUNT], dv_chain_params* params);
DV_NODISCARD dv_status dv_params_to_raw(const dv_chain_params* params, double raw[DV_PARAM_COUNT], dv_error* err);

/* Chain rule through the maps: ADDS grad_physical * dphysical/draw into grad_raw. */
void dv_params_raw_vjp(const double raw[DV_PARAM_COUNT], const dv_chain_params* grad_physical,
                       double grad_raw[DV_PARAM_COUNT]);

/* DV_OK when every value is finite and inside its range; otherwise DV_ERR_ARG naming the first that is not. */
DV_NODISCARD dv_status dv_params_check(const dv_chain_params* params, dv_error* err);

/* Start of a fit (spec: initial values), with the decay curve uniform in 0.4 .. 0.6 and the U logits
   N(0,1)/sqrt(6) from the seed. */
void dv_params_initial(uint64_t seed, dv_chain_params* params);

/* Time constants of the one-poles: coef = 1 - exp(-2200 / (ms * rate)) and back. */
double dv_coef_from_ms(double ms, double rate_hz);
double dv_ms_from_coef(double coef, double rate_hz);

#ifdef __cplusplus
}
#endif
#endif
