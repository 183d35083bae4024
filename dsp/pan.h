/* SPDX-License-Identifier: MIT */
/* Constant-power panner with unity gain in the centre: theta = pan pi/2, left = sqrt(2) cos(theta) x,
 * right = sqrt(2) sin(theta) x.  Source: DiffVox paper, sec. 2. */
#ifndef DIFFVOX_PAN_H
#define DIFFVOX_PAN_H

#include "dsp/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  double left, right;
} dv_pan_gains;

/* pan: 0 left .. 1 right. */
DV_REALTIME void dv_pan_coeffs(double pan, dv_pan_gains* gains);

/* dL/dpan from dL/dgains. */
double dv_pan_coeffs_vjp(double pan, const dv_pan_gains* grad_gains);

#ifdef __cplusplus
}
#endif
#endif
