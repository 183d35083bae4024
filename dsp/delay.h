/* SPDX-License-Identifier: MIT */
/* Ping-pong delay: parameters -> coefficients.  Its offline response is dsp/delay_response.h, its
 * recursion is in the real-time engine.
 *
 *   k-th echo: E_k = fb^(k-1) (z^-T P(z))^k, odd echoes to one panner, even ones to another
 *   delay(e) = gain (pan_odd(sum_{k odd} E_k e) + pan_even(sum_{k even} E_k e))
 *
 * P is the low-pass inside the loop; the first echo has passed it once.  Source: DiffVox paper, sec. 2. */
#ifndef DIFFVOX_DELAY_H
#define DIFFVOX_DELAY_H

#include "dsp/biquad.h"
#include "dsp/pan.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  double delay_samples; /* T, fractional */
  double feedback, gain;
  dv_biquad lowpass;
  dv_pan_gains odd, even;
} dv_delay_coefs;

DV_REALTIME void dv_delay_coeffs(const dv_delay_params* p, double rate_hz, dv_delay_coefs* c);

/* Adjoint: ADDS dL/dparameters into *gp. */
void dv_delay_coeffs_vjp(const dv_delay_params* p, double rate_hz, const dv_delay_coefs* gc, dv_delay_params* gp);

#ifdef __cplusplus
}
#endif
#endif
