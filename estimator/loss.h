/* SPDX-License-Identifier: MIT */
/* The loss of a fit: how far rendered stereo chunks are from their targets.
 *
 *   total = 1.0 MSS(L, R) + 0.5 MSS(M, S) + 0.5 MLDR(L, R) + 0.25 MLDR(M, S)
 *
 * spectral_loss.h and dynamics_loss.h define the parts.  Signals are at 44.1 kHz.  Row r = 2 item + channel
 * of a signal starts at base + r * stride and is `samples` long.
 *
 * Targets of a whole track are set once; a step may then compare any of them: `items` names the targets,
 * in the order of pred's items.  Nothing allocates after new; results are bit-identical for any number of
 * threads.  A dv_loss is used by one caller at a time. */
#ifndef DIFFVOX_LOSS_H
#define DIFFVOX_LOSS_H

#include "dsp/real.h"
#include "dsp/status.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DV_LOSS_RATE_HZ 44100.0

/* Shortest signal that can be compared. */
enum { DV_LOSS_MIN_SAMPLES = 1025 };

/* The four parts, unweighted, and their weighted sum. */
typedef struct {
  double mss_lr, mss_ms, mldr_lr, mldr_ms, total;
} dv_loss_values;

typedef struct {
  double mss_lr, mss_ms, mldr_lr, mldr_ms;
} dv_loss_weights;

/* 1, 0.5, 0.5, 0.25. */
extern const dv_loss_weights dv_loss_default_weights;

typedef struct dv_loss dv_loss;

/* For `batch` targets of `samples` samples each.  threads: 0 for one per processor.  Memory: 3 MB
   per thread, for targets of up to 17 s in all 100 bytes per sample, and, touched by forward and backward and only
   where no memory is lent, 2 bytes per sample of each item compared in one step and 16 per sample of one item for
   each thread.  NULL, and err says why: batch or samples out of range, memory is out. */
dv_loss* dv_loss_new(size_t batch, size_t samples, int threads, dv_error* err);
void dv_loss_free(dv_loss* loss);

/* Memory in place of the loss's own for what one step needs from forward to backward, as far as it reaches; nobody
   else may write to it from the one to the other, and between them none is lent.  NULL: none. */
void dv_loss_lend(dv_loss* loss, dv_real* memory, size_t bytes);

/* Applies to the total of the next forward and to the next backward.  A weight may be 0: with a single 1
   backward gives that part's gradient. */
void dv_loss_set_weights(dv_loss* loss, dv_loss_weights weights);

/* See dv_dynamics_loss_set_wrap; true at first, as in the reference. */
void dv_loss_set_wrap_rows(dv_loss* loss, bool wrap_rows);

/* All `batch` targets.  Borrowed: the memory stays unchanged until the next set_target or free.
   DV_ERR_NONFINITE: a sample is NaN or infinite. */
DV_NODISCARD dv_status dv_loss_set_target(dv_loss* loss, const dv_real* target, size_t stride);

/* The same, row r beginning at rows[r]: targets may lie where they are in a recording, also overlapping.  The
   array is borrowed too. */
DV_NODISCARD dv_status dv_loss_set_target_rows(dv_loss* loss, const dv_real* const* rows);

/* Compares pred's `count` items with the targets items[0 .. count - 1], or 0 .. count - 1 where items is
   NULL.  DV_ERR_ARG: no target set, count not in 1 .. batch, an index not below batch.
   DV_ERR_NONFINITE: pred holds a NaN, an infinity or values so large that the loss does; *values is filled. */
DV_NODISCARD dv_status dv_loss_forward(dv_loss* loss, const dv_real* pred, size_t stride, const size_t* items,
                                       size_t count, dv_loss_values* values);

/* Replaces pred, which holds what the last forward saw (each time, if called again), by dtotal/dpred.  DV_ERR_ARG: no successful forward since
   new, set_target or set_wrap_rows. */
DV_NODISCARD dv_status dv_loss_backward(dv_loss* loss, dv_real* pred, size_t stride);

#ifdef __cplusplus
}
#endif
#endif
