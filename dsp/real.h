/* SPDX-License-Identifier: MIT */
/* The sample type.  Signals are float in the shipped library; the same sources are compiled a second
 * time with DV_DOUBLE for gradient checks and golden vectors (target names end in 64).  Coefficients,
 * recursive state and parameter gradients are double in both builds: a one-pole of 2 s or a 16 Hz
 * high-pass loses its accuracy in float state. */
#ifndef DIFFVOX_REAL_H
#define DIFFVOX_REAL_H

#ifdef DV_DOUBLE
typedef double dv_real;
#else
typedef float dv_real;
#endif

/* Recursions cannot be vectorised over time, so they run DV_LANES chunks side by side.  A "lane
   signal" of n samples is dv_real[n][DV_LANES]: sample-major, one chunk per lane. */
enum { DV_LANES = 4 };

#endif
