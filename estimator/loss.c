/* SPDX-License-Identifier: MIT */
#include "estimator/loss.h"

#include "dsp/team.h"
#include "estimator/dynamics_loss.h"
#include "estimator/spectral_loss.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* With so few items the dynamics' gradient, which cannot be divided between threads, is computed beside the
   spectral one, in rows of its own. */
enum { APART_MOST = 3 };

const dv_loss_weights dv_loss_default_weights = {1.0, 0.5, 0.5, 0.25};

struct dv_loss {
  size_t batch, samples, count; /* count: of the last forward */
  int threads;
  dv_real *own_rows, *lent_rows; /* row_sets times what one item's gradient needs; lent_rows may be NULL */
  dv_spectral_loss* spectral;
  dv_dynamics_loss* dynamics;
  dv_loss_weights weights;
  bool has_target, has_forward;
};

/* Items that are differentiated at a time, each in a set of rows: left and right of its gradient and of the
   dynamics' where that is computed apart. */
static size_t row_sets(const dv_loss* loss)
{
  return loss->batch < (size_t)loss->threads ? loss->batch : (size_t)loss->threads;
}

static size_t set_reals(const dv_loss* loss) { return 4 * loss->samples; }

dv_loss* dv_loss_new(size_t batch, size_t samples, int threads, dv_error* err)
{
  dv_loss* loss = calloc(1, sizeof *loss);
  if (!loss) {
    (void)dv_fail(err, DV_ERR_NOMEM, "not enough memory for a loss");
    return NULL;
  }
  loss->batch = batch;
  loss->samples = samples;
  loss->weights = dv_loss_default_weights;
  loss->threads = threads == 0 ? dv_team_processors() : threads;
  loss->spectral = dv_spectral_loss_new(batch, samples, loss->threads, err);
  if (loss->spectral) loss->dynamics = dv_dynamics_loss_new(batch, samples, loss->threads, err);
  if (!loss->dynamics) {
    dv_loss_free(loss);
    return NULL;
  }
  loss->own_rows = calloc(row_sets(loss) * set_reals(loss), sizeof *loss->own_rows);
  if (!loss->own_rows) {
    (void)dv_fail(err, DV_ERR_NOMEM, "not enough memory for a loss");
    dv_loss_free(loss);
    return NULL;
  }
  return loss;
}

void dv_loss_free(dv_loss* loss)
{
  if (!loss) return;
  dv_spectral_loss_free(loss->spectral);
  dv_dynamics_loss_free(loss->dynamics);
  free(loss->own_rows);
  free(loss);
}

void dv_loss_lend(dv_loss* loss, dv_real* memory, size_t bytes)
{
  const size_t reals = row_sets(loss) * set_reals(loss), rows_bytes = reals * sizeof *memory;
  const bool enough = memory && bytes >= rows_bytes;
  loss->lent_rows = enough ? memory : NULL;
  dv_dynamics_loss_lend(loss->dynamics, enough ? memory + reals : NULL, enough ? bytes - rows_bytes : 0);
}

void dv_loss_set_weights(dv_loss* loss, dv_loss_weights weights) { loss->weights = weights; }

void dv_loss_set_wrap_rows(dv_loss* loss, bool wrap_rows)
{
  dv_dynamics_loss_set_wrap(loss->dynamics, wrap_rows);
  loss->has_forward = false;
}

static bool row_finite(const dv_real* row, size_t samples)
{
  bool finite = true;
  for (size_t i = 0; i < samples; ++i) finite &= isfinite(row[i]) != 0;
  return finite;
}

dv_status dv_loss_set_target(dv_loss* loss, const dv_real* target, size_t stride)
{
  loss->has_target = loss->has_forward = false;
  for (size_t r = 0; r < 2 * loss->batch; ++r)
    if (!row_finite(target + r * stride, loss->samples)) return DV_ERR_NONFINITE;
  dv_spectral_loss_set_target(loss->spectral, target, stride);
  dv_dynamics_loss_set_target(loss->dynamics, target, stride);
  loss->has_target = true;
  return DV_OK;
}

dv_status dv_loss_set_target_rows(dv_loss* loss, const dv_real* const* rows)
{
  loss->has_target = loss->has_forward = false;
  for (size_t r = 0; r < 2 * loss->batch; ++r)
    if (!row_finite(rows[r], loss->samples)) return DV_ERR_NONFINITE;
  dv_spectral_loss_set_target_rows(loss->spectral, rows);
  dv_dynamics_loss_set_target_rows(loss->dynamics, rows);
  loss->has_target = true;
  return DV_OK;
}

static bool valid_items(const dv_loss* loss, const size_t* items, size_t count)
{
  bool valid = count >= 1 && count <= loss->batch;
  for (size_t i = 0; valid && items && i < count; ++i) valid = items[i] < loss->batch;
  return valid;
}

/* What is compared in one step. */
typedef struct {
  const dv_real* pred;
  size_t stride;
  const size_t* items;
  size_t count;
} comparison;

static void compare(dv_loss* loss, const comparison* c, dv_spectral_values* spectral, dv_dynamics_values* dynamics)
{
#pragma omp taskgroup
  {
#pragma omp task default(shared)
    dv_dynamics_loss_forward(loss->dynamics, c->pred, c->stride, c->items, c->count, dynamics);
    dv_spectral_loss_forward(loss->spectral, c->pred, c->stride, c->items, c->count, spectral);
  }
}

dv_status dv_loss_forward(dv_loss* loss, const dv_real* pred, size_t stride, const size_t* items, size_t count,
                          dv_loss_values* values)
{
  loss->has_forward = false;
  if (!loss->has_target || !valid_items(loss, items, count)) return DV_ERR_ARG;
  dv_spectral_values spectral;
  dv_dynamics_values dynamics;
  const comparison c = {pred, stride, items, count};
#pragma omp parallel num_threads(loss->threads)
#pragma omp single
  compare(loss, &c, &spectral, &dynamics);
  loss->count = count;
  const dv_loss_weights w = loss->weights;
  *values = (dv_loss_values){.mss_lr = spectral.lr,
                             .mss_ms = spectral.ms,
                             .mldr_lr = dynamics.lr,
                             .mldr_ms = dynamics.ms,
                             .total = w.mss_lr * spectral.lr + w.mss_ms * spectral.ms + w.mldr_lr * dynamics.lr +
                                      w.mldr_ms * dynamics.ms};
  /* Every sample reaches the spectral sums, and no step of them hides a NaN. */
  loss->has_forward = isfinite(spectral.lr) && isfinite(spectral.ms) && isfinite(dynamics.lr) && isfinite(dynamics.ms);
  return loss->has_forward ? DV_OK : DV_ERR_NONFINITE;
}

/* The set for item i: no two threads at work share one.  A thread works on one item at a time. */
static dv_real* my_rows(const dv_loss* loss, size_t i)
{
  const size_t set = loss->count <= row_sets(loss) ? i : (size_t)dv_team_index();
  return (loss->lent_rows ? loss->lent_rows : loss->own_rows) + set * set_reals(loss);
}

static void differentiate_spectra(const dv_loss* loss, size_t i, const dv_real* pred, size_t stride, dv_real* grad)
{
  const dv_spectral_values w = {loss->weights.mss_lr, loss->weights.mss_ms};
  if (w.lr != 0.0 || w.ms != 0.0) dv_spectral_loss_backward(loss->spectral, w, i, pred, stride, grad);
}

static void differentiate_dynamics(const dv_loss* loss, size_t i, const dv_real* pred, size_t stride, dv_real* grad)
{
  const dv_dynamics_values w = {loss->weights.mldr_lr, loss->weights.mldr_ms};
  if (w.lr != 0.0 || w.ms != 0.0) dv_dynamics_loss_backward(loss->dynamics, w, i, pred, stride, grad);
}

/* The two side by side. */
static void differentiate_apart(const dv_loss* loss, size_t i, const dv_real* pred, size_t stride, dv_real* grad)
{
  const size_t values = 2 * loss->samples;
  dv_real* dynamics = grad + values;
  memset(dynamics, 0, values * sizeof *dynamics);
#pragma omp taskgroup
  {
#pragma omp task default(shared)
    differentiate_dynamics(loss, i, pred, stride, dynamics);
    differentiate_spectra(loss, i, pred, stride, grad);
  }
  for (size_t n = 0; n < values; ++n) grad[n] += dynamics[n];
}

static void differentiate_item(const dv_loss* loss, size_t i, dv_real* pred, size_t stride)
{
  const size_t row = loss->samples * sizeof *pred;
  dv_real* grad = my_rows(loss, i);
  memset(grad, 0, 2 * row);
  if (loss->count <= APART_MOST) {
    differentiate_apart(loss, i, pred, stride, grad);
  } else {
    differentiate_spectra(loss, i, pred, stride, grad);
    differentiate_dynamics(loss, i, pred, stride, grad);
  }
  for (size_t c = 0; c < 2; ++c) memcpy(pred + c * stride, grad + c * loss->samples, row);
}

dv_status dv_loss_backward(dv_loss* loss, dv_real* pred, size_t stride)
{
  if (!loss->has_forward) return DV_ERR_ARG;
#pragma omp parallel num_threads(loss->threads)
#pragma omp single
  for (size_t i = 0; i < loss->count; ++i)
#pragma omp task default(shared) firstprivate(i)
    differentiate_item(loss, i, pred + 2 * i * stride, stride);
  return DV_OK;
}
