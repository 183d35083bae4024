/* SPDX-License-Identifier: MIT */
/* The preset of a corpus that is nearest to another, as the published comparison takes it.
 *
 * Near is a small mean square of the differences of the 130 effective raw parameters, unscaled: with this distance,
 * and with none that is scaled by deviations, the published presets give the published errors.
 * Source: Yu et al., WASPAA 2025 (arXiv 2505.11315), "nearest neighbour in parameters" and "preset MSE". */
#ifndef DIFFVOX_NEAREST_H
#define DIFFVOX_NEAREST_H

#include "presets/collection.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Mean of the squared differences. */
double dv_preset_mse(const double a[DV_EFFECTIVE_COUNT], const double b[DV_EFFECTIVE_COUNT]);

/* The row nearest to target, the first of equals; rows named `except` (may be NULL) are passed over, so that a track
   of the corpus itself finds another.  corpus->count where no row is left.  *mse (may be NULL): how near. */
size_t dv_collection_nearest(const dv_collection* corpus, const double target[DV_EFFECTIVE_COUNT], const char* except,
                             double* mse);

#ifdef __cplusplus
}
#endif
#endif
