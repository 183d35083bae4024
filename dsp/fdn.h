/* SPDX-License-Identifier: MIT */
/* FDN reverb in the frequency domain: parameters -> coefficients -> H(w) on a grid, and its adjoint.
 *
 *   U = expm(S - S^T), S the strictly upper part of the logits: orthogonal
 *   A(w) = U diag(gamma(w)^(m_i/997))
 *   H(w) = c (diag(e^{i w m}) - A(w))^-1 b        2 x 2, the lines tapped before their attenuation
 *
 * gamma(w) interpolates the 49 decay values linearly from 0 to 22050 Hz and holds the last one above.
 * Nothing here transforms or allocates, so the real-time engine's loader uses it too.
 * Source: DiffVox paper, sec. 2; FLAMO.  Adjoints: docs/math/fdn.md. */
#ifndef DIFFVOX_FDN_H
#define DIFFVOX_FDN_H

#include "dsp/parameters.h"
#include "dsp/real.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Largest decay value: T60 of 9 s, 10^(-60/20 * 997/(44100*9)). */
#define DV_FDN_MAX_DECAY 0.98279762147845818

typedef struct {
  int delay[DV_FDN_LINES];                   /* m_i in samples at the working rate */
  double exponent[DV_FDN_LINES];             /* m_i / m_0 */
  double mixing[DV_FDN_LINES][DV_FDN_LINES]; /* U */
  double input[DV_FDN_LINES][2];             /* b */
  double output[2][DV_FDN_LINES];            /* c */
  double decay[DV_FDN_BANDS];                /* gamma */
  double band_hz;                            /* distance of two decay points: 22050/48 */
  double rate_hz;
} dv_fdn_coefs;

void dv_fdn_coeffs(const dv_reverb_params* p, double rate_hz, dv_fdn_coefs* c);

/* Adjoint: mixing, input, output and decay of gc; ADDS into *gp. */
void dv_fdn_coeffs_vjp(const dv_reverb_params* p, const dv_fdn_coefs* gc, dv_reverb_params* gp);

/* Length of the response's DFT grid: the smallest even 7-smooth number >= 12 s.  Exactly 12 s at all
   usual rates (529200 at 44.1 kHz). */
size_t dv_fdn_grid_size(double rate_hz);

/* Shared constants of one grid: e^{-i w m_l} for every line, as the product of the phase at a block's first bin
   and of the phase from there on, which is the same in every block. */
typedef struct {
  size_t size;    /* N, the DFT's length; bins 0 .. N/2 */
  dv_real* phase; /* within a block [line][re, im][bin of the block], then [block][line][re, im] */
} dv_fdn_grid;

enum { DV_FDN_BLOCK = 16 }; /* bins solved side by side */

/* Number of dv_real that grid->phase takes: 12 for every DV_FDN_BLOCK bins and a few more. */
size_t dv_fdn_grid_reals(size_t grid_size);
/* Fills grid->phase (caller's memory, 64-byte aligned) for the delays of c. */
void dv_fdn_grid_init(dv_fdn_grid* grid, const dv_fdn_coefs* c, size_t grid_size, dv_real* phase);

/* H on bins first .. first+count-1; first must be a multiple of DV_FDN_BLOCK.
   h[out][in] point at interleaved complex arrays (re, im) indexed by bin. */
void dv_fdn_spectrum(const dv_fdn_coefs* c, const dv_fdn_grid* grid, size_t first, size_t count,
                     dv_real* const h[2][2]);

/* gh[out][in] = dL/d(re, im of H) in, same layout; ADDS dL/dcoefficients (mixing, input, output,
   decay) over the given bins into *gc. */
void dv_fdn_spectrum_vjp(const dv_fdn_coefs* c, const dv_fdn_grid* grid, size_t first, size_t count,
                         const dv_real* const gh[2][2], dv_fdn_coefs* gc);

/* Reverberation time at a frequency in seconds. */
double dv_fdn_t60_s(const dv_reverb_params* p, double freq_hz);

#ifdef __cplusplus
}
#endif
#endif
