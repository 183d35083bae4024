/* SPDX-License-Identifier: MIT */
/* Ward's hierarchical clustering of a matrix of distances.
 *
 * The two clusters nearest to each other are joined until one is left; distances to a joined cluster by the
 * formula of Lance and Williams on squared distances (as R's "ward.D2" and SciPy's "ward").  Of equal
 * distances the first in the order of the matrix is taken, so the result is reproducible.
 * Sources: Ward, J. Am. Stat. Assoc. 58 (1963); Lance and Williams, Comput. J. 9 (1967); Murtagh and Legendre,
 * J. Classif. 31 (2014). */
#ifndef DIFFVOX_CLUSTER_H
#define DIFFVOX_CLUSTER_H

#include "dsp/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Clusters 0 .. n-1 are the items; the k-th merge makes cluster n + k. */
typedef struct {
  size_t left, right; /* left < right */
  double height;      /* the distance at which they were joined */
  size_t size;        /* items in the result */
} dv_merge;

/* distance: n x n, symmetric, finite; only its part above the diagonal is read.  merges: n - 1, heights rising.
   n 1 makes none.  DV_ERR_ARG: n is 0, or a distance is negative or not finite.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_ward(const double* distance, size_t n, dv_merge* merges, dv_error* err);

/* The items as the leaves of the tree stand, left before right: order[0 .. n - 1]. */
void dv_ward_order(const dv_merge* merges, size_t n, size_t* order);

#ifdef __cplusplus
}
#endif
#endif
