/* SPDX-License-Identifier: MIT */
#include "dsp/coefficients.h"

void dv_reverb_eq_coeffs(const dv_reverb_params* p, double rate_hz, dv_biquad eq[DV_REVERB_BANDS])
{
  dv_peak_coeffs(&p->peak1, rate_hz, &eq[0]);
  dv_peak_coeffs(&p->peak2, rate_hz, &eq[1]);
  dv_lowshelf_coeffs(&p->lowshelf, rate_hz, &eq[2]);
  dv_highshelf_coeffs(&p->highshelf, rate_hz, &eq[3]);
}

void dv_reverb_coeffs(const dv_reverb_params* p, double rate_hz, dv_reverb_coefs* c)
{
  dv_fdn_coeffs(p, rate_hz, &c->fdn);
  dv_reverb_eq_coeffs(p, rate_hz, c->eq);
}

void dv_reverb_coeffs_vjp(const dv_reverb_params* p, double rate_hz, const dv_reverb_coefs* gc, dv_reverb_params* gp)
{
  dv_fdn_coeffs_vjp(p, &gc->fdn, gp);
  dv_peak_coeffs_vjp(&p->peak1, rate_hz, &gc->eq[0], &gp->peak1);
  dv_peak_coeffs_vjp(&p->peak2, rate_hz, &gc->eq[1], &gp->peak2);
  dv_lowshelf_coeffs_vjp(&p->lowshelf, rate_hz, &gc->eq[2], &gp->lowshelf);
  dv_highshelf_coeffs_vjp(&p->highshelf, rate_hz, &gc->eq[3], &gp->highshelf);
}

void dv_eq_coeffs(const dv_chain_params* p, double rate_hz, dv_biquad eq[DV_EQ_BANDS])
{
  dv_peak_coeffs(&p->peak1, rate_hz, &eq[0]);
  dv_peak_coeffs(&p->peak2, rate_hz, &eq[1]);
  dv_lowshelf_coeffs(&p->lowshelf, rate_hz, &eq[2]);
  dv_highshelf_coeffs(&p->highshelf, rate_hz, &eq[3]);
  dv_lowpass_coeffs(&p->lowpass, rate_hz, &eq[4]);
  dv_highpass_coeffs(&p->highpass, rate_hz, &eq[5]);
}

void dv_chain_coeffs(const dv_chain_params* p, double rate_hz, dv_chain_coefs* c)
{
  dv_eq_coeffs(p, rate_hz, c->eq);
  dv_compressor_coeffs(&p->compressor, rate_hz, &c->compressor);
  dv_delay_coeffs(&p->delay, rate_hz, &c->delay);
  dv_reverb_coeffs(&p->reverb, rate_hz, &c->reverb);
  c->send = p->send;
  dv_pan_coeffs(p->pan, &c->pan);
}

void dv_chain_coeffs_vjp(const dv_chain_params* p, double rate_hz, const dv_chain_coefs* gc, dv_chain_params* gp)
{
  dv_peak_coeffs_vjp(&p->peak1, rate_hz, &gc->eq[0], &gp->peak1);
  dv_peak_coeffs_vjp(&p->peak2, rate_hz, &gc->eq[1], &gp->peak2);
  dv_lowshelf_coeffs_vjp(&p->lowshelf, rate_hz, &gc->eq[2], &gp->lowshelf);
  dv_highshelf_coeffs_vjp(&p->highshelf, rate_hz, &gc->eq[3], &gp->highshelf);
  dv_lowpass_coeffs_vjp(&p->lowpass, rate_hz, &gc->eq[4], &gp->lowpass);
  dv_highpass_coeffs_vjp(&p->highpass, rate_hz, &gc->eq[5], &gp->highpass);
  dv_compressor_coeffs_vjp(&p->compressor, rate_hz, &gc->compressor, &gp->compressor);
  dv_delay_coeffs_vjp(&p->delay, rate_hz, &gc->delay, &gp->delay);
  dv_reverb_coeffs_vjp(&p->reverb, rate_hz, &gc->reverb, &gp->reverb);
  gp->send += gc->send;
  gp->pan += dv_pan_coeffs_vjp(p->pan, &gc->pan);
}
