/* SPDX-License-Identifier: MIT */
/* Finite differences against adjoints, in the double build (the float one compiles but rounds too much).
 *
 * 4-point central differences: (8 (f(+h) - f(-h)) - (f(+2h) - f(-2h))) / 12h, exact to h^4.  A gradient g_i
 * agrees when |finite - g_i| <= tolerance * max(|g_i|, 1e-3 |g|), |g| the norm over the effect's parameters.
 *  Where the function has kinks (the compressor's branches) it also returns a digest of the
 * branches it took; a stencil whose points differ in it says nothing and is skipped and counted. */
#ifndef DIFFVOX_GRADCHECK_H
#define DIFFVOX_GRADCHECK_H

#include "dsp/chain.h"
#include "dsp/compressor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DV_GRADCHECK_TOLERANCE 1e-6

/* A function's value at one point. */
typedef struct {
  double value;
  double magnitude;  /* of what was summed: rounding, which recursions amplify, may move value by 1024 DBL_EPSILON
                        times it */
  uint64_t branches; /* digest of the branches taken; 0 when there are none */
} dv_gradcheck_point;

/* The function at theta; *point arrives as zeros. */
typedef dv_status (*dv_gradcheck_function)(void* context, const double* theta, dv_gradcheck_point* point);

typedef enum { DV_GRADCHECK_AGREES, DV_GRADCHECK_DIFFERS, DV_GRADCHECK_SKIPPED } dv_gradcheck_verdict;

typedef struct {
  double finite; /* the finite difference; NaN when skipped or when the function failed */
  double error;  /* |finite - g_i| / max(|g_i|, 1e-3 |g|); 0 when both are 0 */
  dv_gradcheck_verdict verdict;
} dv_gradcheck_entry;

/* One point at which gradients are checked. */
typedef struct {
  dv_gradcheck_function function;
  void* context;
  double* theta; /* changed during a check and restored */
  double norm;   /* |g| */
  double tolerance;
  uint64_t branches; /* filled by dv_gradcheck_begin */
} dv_gradcheck;

/* Evaluates the function at theta, for the branches it takes there; its status. */
DV_NODISCARD dv_status dv_gradcheck_begin(dv_gradcheck* check);

/* Checks the gradient with respect to theta[index].  No step suits every setting: too large a one truncates or meets
   kinks, too small a one rounds.  So powers of two from 2^-14 to 2^7 times it are tried before a gradient differs; a
   wrong one differs at all of them, by more than rounding explains at one.  Skipped is what meets a kink or drowns
   in rounding at each step.  A failing function or a value that is not finite differs. */
dv_gradcheck_entry dv_gradcheck_one(const dv_gradcheck* check, size_t index, double step, double gradient);

/* Norm of a chain's gradient over the parameters of one effect: |g| for each of them. */
double dv_gradcheck_norm(const double gradient[DV_PARAM_COUNT], dv_effect effect);

/* Adds bytes to a digest of branches (FNV-1a; begin with 0). */
uint64_t dv_gradcheck_digest(uint64_t digest, const void* bytes, size_t count);

/* A lane signal's compressor branches, without those attack/release decisions that rounding alone takes because
   gain and target have met.  tape as dv_compressor_gain_forward left it; branches: n * DV_LANES bytes of scratch. */
uint64_t dv_gradcheck_compressor(uint64_t digest, const dv_compressor_coefs* c, const dv_real* x,
                                 const dv_compressor_tape* tape, size_t n, uint8_t* branches);

/* First step to try for one raw parameter of the chain at a rate: as much as keeps the compressor's branches in most
   cases, and a small part of a sample for the two times. */
double dv_gradcheck_step(int index, double raw, double rate_hz);

/* --- The whole chain ---------------------------------------------------------------------------------- */

/* f(raw) = <w, chain(x; raw)> for one mono chunk and fixed random w. */
typedef struct dv_gradcheck_chain dv_gradcheck_chain;

/* The test signal: bursts of noise with smooth power for `active` samples, silence up to `samples`.  Both it
   and w follow from the seed.  NULL with err when out of memory or a size is not possible. */
dv_gradcheck_chain* dv_gradcheck_chain_new(double rate_hz, size_t active, size_t samples, uint64_t seed, dv_error* err);
void dv_gradcheck_chain_free(dv_gradcheck_chain* check);

/* A dv_gradcheck_function: context is the dv_gradcheck_chain, theta DV_PARAM_COUNT raw values. */
dv_status dv_gradcheck_chain_value(void* context, const double* theta, dv_gradcheck_point* point);

/* The gradient by adjoints, exact delay time; gradient[DV_PARAM_COUNT] is overwritten. */
DV_NODISCARD dv_status dv_gradcheck_chain_gradient(dv_gradcheck_chain* check, const double* theta, double* gradient);

#ifdef __cplusplus
}
#endif
#endif
