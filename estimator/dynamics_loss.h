/* SPDX-License-Identifier: MIT */
/* Microscale/macroscale loudness dynamics loss (MLDR) of stereo signals at 44.1 kHz, on left and right
 * and on (L + R) / sqrt(2) and (L - R) / sqrt(2).
 *
 * With p = max(y^2, 1e-8) and avg the one-pole average of coefficient 1 - exp(-2200 / (ms fs)) (the
 * exponential rounded to float, as the reference does) and zero initial state, each of (short, long) =
 * (50, 1000) ms and (100, 2000) ms gives
 *
 *   f(y)[n] = log avg_short(p)[n] - log avg_long(p)[n + shift],  shift = int(fs (long - short) 0.0005)
 *
 * and mean |f(pred) - f(target)|; the loss is the sum of the two.
 *
 * Row r = 2 item + channel of a signal starts at base + r * stride.  Nothing allocates after new.  Results
 * are bit-identical for any number of threads.  A loss is used by one caller at a time.
 *
 * Source: the losses of DiffVox (Yu et al., DAFx 2025).  Gradients: docs/math/losses.md. */
#ifndef DIFFVOX_DYNAMICS_LOSS_H
#define DIFFVOX_DYNAMICS_LOSS_H

#include "dsp/real.h"
#include "dsp/status.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Also used for the gradients' weights. */
typedef struct {
  double lr, ms;
} dv_dynamics_values;

typedef struct dv_dynamics_loss dv_dynamics_loss;

/* For up to `batch` items of `samples` >= 1 samples; threads >= 1.  Memory: 2 bytes per sample and item
   of the prediction, touched as far as forward's count asks and not where memory is lent, and 1 byte per sample and
   thread.  NULL: arguments out of range or memory is out; err says why. */
dv_dynamics_loss* dv_dynamics_loss_new(size_t batch, size_t samples, int threads, dv_error* err);
void dv_dynamics_loss_free(dv_dynamics_loss* loss);

/* Memory in place of the loss's own for what it keeps from a forward to the backward after it, where that takes no
   more; nobody else may write to it from the one to the other.  NULL: none. */
void dv_dynamics_loss_lend(dv_dynamics_loss* loss, void* memory, size_t bytes);

/* What the last `shift` samples of a row are compared with.  true, the default, as the reference does:
   the array of all rows is rotated, so they read the head of the next row (of the same kind: middle and
   side form an array of their own), and those of the last row the head of the first.  false: they are
   left out; a row not longer than `shift` then counts for nothing. */
void dv_dynamics_loss_set_wrap(dv_dynamics_loss* loss, bool wrap_rows);

/* target: all `batch` items; borrowed until the next set_target or free. */
void dv_dynamics_loss_set_target(dv_dynamics_loss* loss, const dv_real* target, size_t stride);

/* The same, row r beginning at rows[r]; the array is borrowed too. */
void dv_dynamics_loss_set_target_rows(dv_dynamics_loss* loss, const dv_real* const* rows);

/* pred: `count` items; the i-th is compared with target items[i], or i where items is NULL.
   count is 1 to batch.  Non-finite samples may give any value: check the spectral loss.  Within an OpenMP team
   of at most `threads` the work is shared as tasks of that team. */
void dv_dynamics_loss_forward(dv_dynamics_loss* loss, const dv_real* pred, size_t stride, const size_t* items,
                              size_t count, dv_dynamics_values* values);

/* ADDS weights.lr dlr/dpred + weights.ms dms/dpred of item i of the last forward to grad: its left row of `samples`
   values, then its right one.  pred: the item's left row as forward saw it; the right one begins at pred + stride.
   The threads of one team may each differentiate an item of their own. */
void dv_dynamics_loss_backward(const dv_dynamics_loss* loss, dv_dynamics_values weights, size_t i, const dv_real* pred,
                               size_t stride, dv_real* grad);

#ifdef __cplusplus
}
#endif
#endif
