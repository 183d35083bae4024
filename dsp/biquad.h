/* SPDX-License-Identifier: MIT */
/* EQ bands: RBJ cookbook biquads, a cascade of them, the vector-Jacobian
 * product and the real-time twin.
 *
 *   y[n] = b0 x[n] + b1 x[n-1] + b2 x[n-2] - a1 y[n-1] - a2 y[n-2],   zero
 * initial state
 *
 * with w0 = 2 pi f/rate, alpha = sin(w0)/(2Q), A = 10^(gain/40).  Derivation of
 * every adjoint: docs/math/biquad.md.  Source: R. Bristow-Johnson, Audio EQ
 * Cookbook; DiffVox paper, sec. 2. */
#ifndef DIFFVOX_BIQUAD_H
#define DIFFVOX_BIQUAD_H

#include "dsp/parameters.h"
#include "dsp/real.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  double b0, b1, b2, a1, a2;
} dv_biquad;

/* A band's centre frequency is clamped to this share of the rate: presets reach
 * 18 kHz, rates 8 kHz. */
#define DV_MAX_FREQ_RATIO 0.49

/* Parameters -> coefficients, the only place that does it, for the fit and in
   real time. Wants freq_hz > 0, q > 0 and finite values; frequencies above the
   clamp are moved to it. */
DV_REALTIME void dv_peak_coeffs(const dv_peak_params* p, double rate_hz, dv_biquad* c);
DV_REALTIME void dv_lowshelf_coeffs(const dv_shelf_params* p, double rate_hz, dv_biquad* c);
DV_REALTIME void dv_highshelf_coeffs(const dv_shelf_params* p, double rate_hz, dv_biquad* c);
DV_REALTIME void dv_lowpass_coeffs(const dv_pass_params* p, double rate_hz, dv_biquad* c);
DV_REALTIME void dv_highpass_coeffs(const dv_pass_params* p, double rate_hz, dv_biquad* c);

/* Adjoints: gc = dL/dcoefficients in, ADDS dL/dparameters into *gp. */
void dv_peak_coeffs_vjp(const dv_peak_params* p, double rate_hz, const dv_biquad* gc, dv_peak_params* gp);
void dv_lowshelf_coeffs_vjp(const dv_shelf_params* p, double rate_hz, const dv_biquad* gc, dv_shelf_params* gp);
void dv_highshelf_coeffs_vjp(const dv_shelf_params* p, double rate_hz, const dv_biquad* gc, dv_shelf_params* gp);
void dv_lowpass_coeffs_vjp(const dv_pass_params* p, double rate_hz, const dv_biquad* gc, dv_pass_params* gp);
void dv_highpass_coeffs_vjp(const dv_pass_params* p, double rate_hz, const dv_biquad* gc, dv_pass_params* gp);

/* Magnitude of the response at freq_hz in dB. */
double dv_biquad_gain_db(const dv_biquad* c, double freq_hz, double rate_hz);

enum { DV_CASCADE_MAX = 6 };

/* Memory of a cascade on lane signals; zero it to reset. */
typedef struct {
  double s1[DV_CASCADE_MAX][DV_LANES], s2[DV_CASCADE_MAX][DV_LANES];
} dv_cascade_state;

/* Filters n samples of every lane through `sections` biquads (1 ..
   DV_CASCADE_MAX) in series, going on from *state.  tape, when not NULL, is
   what backward needs: sections lane signals of n samples, the output of each
   section; y may be the last of them, or equal x when tape is NULL. */
void dv_cascade_forward(const dv_biquad* c, int sections, const dv_real* x, dv_real* y, size_t n,
                        dv_cascade_state* state, dv_real* tape);

/* What backward carries from a block to the one before it; zero it to begin at
 * a signal's end. */
typedef struct {
  double l1[DV_CASCADE_MAX][DV_LANES], l2[DV_CASCADE_MAX][DV_LANES];
} dv_cascade_adjoint;

/* Adjoint of a forward pass that started from zero state.  x is its input, tape
   as forward left it. gy = dL/dy in.  ADDS dL/dx into gx (may be NULL) and
   dL/dcoefficients, summed over the lanes, into gc[sections].  Lanes whose x
   and gy are zero add nothing. */
void dv_cascade_backward(const dv_biquad* c, int sections, const dv_real* x, const dv_real* tape, const dv_real* gy,
                         dv_real* gx, size_t n, dv_biquad* gc);

/* The same for one block of a longer signal: x, tape, gy and gx are the
   block's.  Blocks run from the last to the first and hand on *state. */
void dv_cascade_backward_block(const dv_biquad* c, int sections, const dv_real* x, const dv_real* tape,
                               const dv_real* gy, dv_real* gx, size_t n, dv_cascade_adjoint* state, dv_biquad* gc);

#ifdef __cplusplus
}
#endif
#endif
