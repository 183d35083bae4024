/* SPDX-License-Identifier: MIT */
/* Private: the checkpoint of a fit, one file in its folder, from which another process goes on bit for bit.
 *
 * It holds the state (dv_fit_save), the losses so far, and a fingerprint of stems and options, so that a state is
 * never continued on other data.  Written complete or not at all; of this machine's byte order. */
#ifndef DIFFVOX_CHECKPOINT_H
#define DIFFVOX_CHECKPOINT_H

#include "estimator/fit.h"

/* The loss history of a fit; grows by itself. */
typedef struct {
  dv_fit_step* steps; /* owned */
  size_t count, capacity;
} dv_fit_history;

DV_NODISCARD dv_status dv_fit_history_add(dv_fit_history* history, const dv_fit_step* step, dv_error* err);
void dv_fit_history_free(dv_fit_history* history);
size_t dv_fit_history_starts(const dv_fit_history* history); /* that were tried */

DV_NODISCARD dv_status dv_checkpoint_write(const char* path, const dv_fit* fit, const dv_fit_history* history,
                                           uint64_t fingerprint, dv_error* err);

/* DV_ERR_IO: not there or not readable.  DV_ERR_FORMAT: damaged.  DV_ERR_ARG: of other stems or options. */
DV_NODISCARD dv_status dv_checkpoint_read(const char* path, uint64_t fingerprint, dv_fit* fit, dv_fit_history* history,
                                          dv_error* err);

#endif
