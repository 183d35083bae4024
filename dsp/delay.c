/* SPDX-License-Identifier: MIT */
#include "dsp/delay.h"

void dv_delay_coeffs(const dv_delay_params* p, double rate_hz, dv_delay_coefs* c)
{
  c->delay_samples = p->delay_ms * 1e-3 * rate_hz;
  c->feedback = p->feedback;
  c->gain = p->gain;
  dv_lowpass_coeffs(&p->lowpass, rate_hz, &c->lowpass);
  dv_pan_coeffs(p->odd_pan, &c->odd);
  dv_pan_coeffs(p->even_pan, &c->even);
}

void dv_delay_coeffs_vjp(const dv_delay_params* p, double rate_hz, const dv_delay_coefs* gc, dv_delay_params* gp)
{
  gp->delay_ms += gc->delay_samples * 1e-3 * rate_hz;
  gp->feedback += gc->feedback;
  gp->gain += gc->gain;
  dv_lowpass_coeffs_vjp(&p->lowpass, rate_hz, &gc->lowpass, &gp->lowpass);
  gp->odd_pan += dv_pan_coeffs_vjp(p->odd_pan, &gc->odd);
  gp->even_pan += dv_pan_coeffs_vjp(p->even_pan, &gc->even);
}
