/* SPDX-License-Identifier: MIT */
/* Parameters -> coefficients for the whole chain: each effect's own function, called in one place. */
#ifndef DIFFVOX_COEFFICIENTS_H
#define DIFFVOX_COEFFICIENTS_H

#include "dsp/biquad.h"
#include "dsp/compressor.h"
#include "dsp/delay.h"
#include "dsp/fdn.h"
#include "dsp/pan.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { DV_REVERB_BANDS = 4 };

typedef struct {
  dv_fdn_coefs fdn;
  dv_biquad eq[DV_REVERB_BANDS]; /* PK1, PK2, LS, HS */
} dv_reverb_coefs;

void dv_reverb_coeffs(const dv_reverb_params* p, double rate_hz, dv_reverb_coefs* c);
/* Adjoint: ADDS dL/dparameters into *gp. */
void dv_reverb_coeffs_vjp(const dv_reverb_params* p, double rate_hz, const dv_reverb_coefs* gc, dv_reverb_params* gp);

enum { DV_EQ_BANDS = 6 };

/* Everything that the signal path needs of a preset at one rate. */
typedef struct {
  dv_biquad eq[DV_EQ_BANDS]; /* PK1, PK2, LS, HS, LP, HP */
  dv_compressor_coefs compressor;
  dv_delay_coefs delay;
  dv_reverb_coefs reverb;
  double send;
  dv_pan_gains pan;
} dv_chain_coefs;

void dv_chain_coeffs(const dv_chain_params* p, double rate_hz, dv_chain_coefs* c);
/* Adjoint: ADDS dL/dparameters into *gp (log_damp apart, which has no coefficient). */
void dv_chain_coeffs_vjp(const dv_chain_params* p, double rate_hz, const dv_chain_coefs* gc, dv_chain_params* gp);

/* The EQ bands alone: what may move in real time while the reverb's response stays. */
DV_REALTIME void dv_eq_coeffs(const dv_chain_params* p, double rate_hz, dv_biquad eq[DV_EQ_BANDS]);
DV_REALTIME void dv_reverb_eq_coeffs(const dv_reverb_params* p, double rate_hz, dv_biquad eq[DV_REVERB_BANDS]);

#ifdef __cplusplus
}
#endif
#endif
