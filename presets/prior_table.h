/* SPDX-License-Identifier: MIT */
/* The Gaussian of the published internal corpus, compiled in: mean, spread and first principal components.
 *
 * For whoever wants no file at run time: the plugin's macro controls move a preset along the first four
 * components, and the fit conditions its steps by the deviations.  The figures are those of the prior
 * "internal" (presets/prior.h), made by `preset-analysis prior --c-table`; no preset is part of them.
 * Source: 365 presets of Yu et al., DiffVox, DAFx 2025, sec. 5 (their train_index.npy); data published under
 * the MIT licence with the paper's code. */
#ifndef DIFFVOX_PRIOR_TABLE_H
#define DIFFVOX_PRIOR_TABLE_H

#include "presets/effective.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { DV_PRIOR_TABLE_COMPONENTS = 8 };

typedef struct {
  size_t presets;                                                  /* from which it was estimated */
  double mean[DV_EFFECTIVE_COUNT];                                 /* raw units, as everything here */
  double deviation[DV_EFFECTIVE_COUNT];                            /* of each parameter, n - 1 */
  double sigma[DV_PRIOR_TABLE_COMPONENTS];                         /* deviation along each component, falling */
  double component[DV_PRIOR_TABLE_COMPONENTS][DV_EFFECTIVE_COUNT]; /* unit vectors; the entry that is largest in
                                                                        magnitude is positive */
} dv_prior_table;

/* Read-only data. */
extern const dv_prior_table dv_prior_internal;

/* Moves raw parameters by amounts[i] standard deviations along component i, i = 0 .. count - 1 (at most
   DV_PRIOR_TABLE_COMPONENTS; more are ignored), then holds them in range as dv_raw_clamp does.  0 everywhere
   leaves a valid preset as it is.  Arithmetic only, about 10 us: dv_params_from_raw gives what to play. */
DV_REALTIME void dv_prior_table_move(const dv_prior_table* table, const double* amounts, size_t count,
                                     double raw[DV_PARAM_COUNT]);

#ifdef __cplusplus
}
#endif
#endif
