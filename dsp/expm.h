/* SPDX-License-Identifier: MIT */
/* Exponential of a small square matrix and its adjoint (scaling and squaring of a Taylor series). */
#ifndef DIFFVOX_EXPM_H
#define DIFFVOX_EXPM_H

enum { DV_EXPM_MAX = 12 };

/* out = expm(a), both n x n row-major, n <= DV_EXPM_MAX; out must not be a. */
void dv_expm(int n, const double* a, double* out);

/* ga = adjoint of the derivative of expm at a applied to gout: the Frechet derivative at the
   transpose, the upper right block of expm([[a', gout], [0, a']]).  n <= DV_EXPM_MAX / 2. */
void dv_expm_vjp(int n, const double* a, const double* gout, double* ga);

#endif
