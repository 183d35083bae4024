/* SPDX-License-Identifier: MIT */
/* Private: diffvox-fit --manifest, a fit for each of many pairs. */
#ifndef DIFFVOX_FIT_BATCH_H
#define DIFFVOX_FIT_BATCH_H

#include "estimator/fit_options.h"

/* Fits all, tells how it goes, and lists what failed.  Returns the exit status: 0, 1 where a pair failed or nothing
   could begin, 130 where a signal stopped it. */
int dv_fit_batch(const dv_fit_options* options);

#endif
