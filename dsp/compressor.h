/* SPDX-License-Identifier: MIT */
/* Compressor/expander: one gain for a mono signal, computed here up to the
 * look-ahead filter.
 *
 *   p[n]   = max(x[n]^2, 1e-8)
 *   m[n]   = avg p[n] + (1-avg) m[n-1],  m[-1] = 0
 *   L[n]   = 10 log10 m[n]
 *   gdB[n] = min(0, (1-1/comp_ratio)(comp_thr - L), (1-1/exp_ratio)(exp_thr -
 * L)) f[n]   = 10^(gdB/20) g[n]   = g[n-1] + k (f[n] - g[n-1]),  g[-1] = 1,  k
 * = attack if f[n] < g[n-1] else release
 *
 * The look-ahead G[n] = sum_j sinc(j - D) g[n+j] is dsp/lookahead.h (offline)
 * and the real-time engine's; the output is x G makeup.  The branches taken by
 * max, min and attack/release are constants of the backward pass.  Source:
 * DiffVox paper, sec. 2; torchcomp.  Adjoints: docs/math/compressor.md. */
#ifndef DIFFVOX_COMPRESSOR_H
#define DIFFVOX_COMPRESSOR_H

#include "dsp/parameters.h"
#include "dsp/real.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DV_POWER_FLOOR 1e-8

typedef struct {
  double average, attack, release; /* one-pole coefficients at the working rate */
  double comp_threshold_db, exp_threshold_db;
  double comp_slope, exp_slope; /* 1 - 1/ratio: 0 .. 0.95 and <= 0 */
  double makeup;                /* linear */
  double lookahead_samples;     /* D, fractional */
} dv_compressor_coefs;

/* Parameters -> coefficients at a rate, for the fit and in real time: time
   constants are kept. exp_ratio is held at or above 1e-6. */
DV_REALTIME void dv_compressor_coeffs(const dv_compressor_params* p, double rate_hz, dv_compressor_coefs* c);

/* Adjoint: ADDS dL/dparameters into *gp. */
void dv_compressor_coeffs_vjp(const dv_compressor_params* p, double rate_hz, const dv_compressor_coefs* gc,
                              dv_compressor_params* gp);

/* The look-ahead filter's taps run from -before to +after samples: 1 ms and 15
   ms (44 and 661 at 44.1 kHz).  after is the latency of a causal realisation.
 */
DV_REALTIME void dv_lookahead_span(double rate_hz, int* before, int* after);

/* taps[before + j] = sinc(j - D) for j = -before .. after. */
DV_REALTIME void dv_lookahead_taps(double lookahead_samples, int before, int after, double* taps);

/* Static curve: gain in dB (<= 0) at a level in dB, without make-up. */
DV_REALTIME double dv_compressor_curve_db(const dv_compressor_coefs* c, double level_db);

/* Memory between blocks; dv_compressor_reset gives the state before the first
 * sample. */
typedef struct {
  double mean[DV_LANES], gain[DV_LANES];
} dv_compressor_state;

void dv_compressor_reset(dv_compressor_state* state);

/* What backward needs: caller's memory, each a lane signal of n samples. */
typedef struct {
  dv_real* mean;   /* m */
  dv_real* target; /* f */
  dv_real* gain;   /* g */
  int8_t* falling; /* attack branch taken: -1, else 0 */
} dv_compressor_tape;

/* g for n samples of every lane, going on from *state.  tape->gain receives it;
   the other members of the tape may all be NULL when no backward pass follows.
 */
void dv_compressor_gain_forward(const dv_compressor_coefs* c, const dv_real* x, size_t n, dv_compressor_state* state,
                                const dv_compressor_tape* tape);

/* Adjoint of a forward pass that started from reset state.  gg = dL/dg in.
   ADDS dL/dx into gx (may be NULL) and dL/dcoefficients (average, attack,
   release, thresholds, slopes), summed over the lanes, into *gc. */
void dv_compressor_gain_backward(const dv_compressor_coefs* c, const dv_real* x, const dv_compressor_tape* tape,
                                 const dv_real* gg, dv_real* gx, size_t n, dv_compressor_coefs* gc);

/* What backward carries from a block to the one before it; zero it to begin at
 * a signal's end. */
typedef struct {
  double lambda[DV_LANES], mu[DV_LANES], keep[DV_LANES];
} dv_compressor_adjoint;

/* The same for one block of a longer signal; before: the state that forward
   entered the block with.  Blocks run from the last to the first and hand on
   *adjoint. */
void dv_compressor_gain_backward_block(const dv_compressor_coefs* c, const dv_real* x, const dv_compressor_tape* tape,
                                       const dv_compressor_state* before, const dv_real* gg, dv_real* gx, size_t n,
                                       dv_compressor_adjoint* adjoint, dv_compressor_coefs* gc);

/* Which branches a taped forward pass took at each of n x DV_LANES samples:
   where two settings differ in one of them, a finite difference between the two
   says nothing about the gradient. */
enum { DV_BRANCH_FLOOR = 1, DV_BRANCH_COMP = 2, DV_BRANCH_EXP = 4, DV_BRANCH_ATTACK = 8 };
void dv_compressor_branches(const dv_compressor_coefs* c, const dv_real* x, const dv_compressor_tape* tape, size_t n,
                            uint8_t* branches);

#ifdef __cplusplus
}
#endif
#endif
