/* SPDX-License-Identifier: MIT */
/* Adam with bias correction (Kingma and Ba 2015) on a flat vector, step for step as PyTorch computes it:
 *
 *   m = m + (1 - beta1) (g - m)              v = beta2 v + (1 - beta2) g^2
 *   theta -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
 *
 * The state is plain memory: saving step, m and v and restoring them continues bit for bit. */
#ifndef DIFFVOX_ADAM_H
#define DIFFVOX_ADAM_H

#include "dsp/status.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  double learning_rate, beta1, beta2, epsilon;
} dv_adam_options;

/* 0.01, 0.9, 0.999, 1e-8: what the published fits used. */
extern const dv_adam_options dv_adam_default_options;

/* m and v belong to the caller, n values each. */
typedef struct {
  uint64_t step; /* steps taken */
  size_t n;
  double *m, *v;
} dv_adam;

/* A state before its first step: m and v (n values each) are zeroed. */
void dv_adam_init(dv_adam* adam, size_t n, double* m, double* v);

/* One step down the gradient; theta and gradient have n values.  Fails before changing anything.
   DV_ERR_ARG: options out of range (learning_rate >= 0, betas in 0 .. 1 without 1, epsilon >= 0).
   DV_ERR_NONFINITE: a gradient is NaN or infinite. */
DV_NODISCARD dv_status dv_adam_step(dv_adam* adam, const dv_adam_options* options, const double* gradient,
                                    double* theta);

#ifdef __cplusplus
}
#endif
#endif
