/* SPDX-License-Identifier: MIT */
#include "estimator/loss.h"

#include "estimator/dynamics_loss.h"
#include "estimator/spectral_loss.h"

#include <math.h>
#include <stdlib.h>

#ifdef _OPENMP
#include <omp.h>
#endif

const dv_loss_weights dv_loss_default_weights = {1.0, 0.5, 0.5, 0.25};

struct dv_loss {
  size_t batch, samples;
  dv_spectral_loss* spectral;
  dv_dynamics_loss* dynamics;
  dv_loss_weights weights;
  bool has_target, has_forward;
};

static int thread_count(int threads)
{
#ifdef _OPENMP
  return threads == 0 ? omp_get_num_procs() : threads;
#else
  return threads == 0 ? 1 : threads;
#endif
}

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
  loss->spectral = dv_spectral_loss_new(batch, samples, thread_count(threads), err);
  if (loss->spectral) loss->dynamics = dv_dynamics_loss_new(batch, samples, thread_count(threads), err);
  if (loss->dynamics) return loss;
  dv_loss_free(loss);
  return NULL;
}

void dv_loss_free(dv_loss* loss)
{
  if (!loss) return;
  dv_spectral_loss_free(loss->spectral);
  dv_dynamics_loss_free(loss->dynamics);
  free(loss);
}

void dv_loss_set_weights(dv_loss* loss, dv_loss_weights weights) { loss->weights = weights; }

void dv_loss_set_wrap_rows(dv_loss* loss, bool wrap_rows)
{
  dv_dynamics_loss_set_wrap(loss->dynamics, wrap_rows);
  loss->has_forward = false;
}

static bool rows_finite(const dv_real* rows, size_t stride, size_t count, size_t samples)
{
  bool finite = true;
  for (size_t r = 0; r < count; ++r)
    for (size_t i = 0; i < samples; ++i) finite &= isfinite(rows[r * stride + i]) != 0;
  return finite;
}

dv_status dv_loss_set_target(dv_loss* loss, const dv_real* target, size_t stride)
{
  loss->has_target = loss->has_forward = false;
  if (!rows_finite(target, stride, 2 * loss->batch, loss->samples)) return DV_ERR_NONFINITE;
  dv_spectral_loss_set_target(loss->spectral, target, stride);
  dv_dynamics_loss_set_target(loss->dynamics, target, stride);
  loss->has_target = true;
  return DV_OK;
}

static bool valid_items(const dv_loss* loss, const size_t* items, size_t count)
{
  bool valid = count >= 1 && count <= loss->batch;
  for (size_t i = 0; valid && items && i < count; ++i) valid = items[i] < loss->batch;
  return valid;
}

dv_status dv_loss_forward(dv_loss* loss, const dv_real* pred, size_t stride, const size_t* items, size_t count,
                          dv_loss_values* values)
{
  loss->has_forward = false;
  if (!loss->has_target || !valid_items(loss, items, count)) return DV_ERR_ARG;
  dv_spectral_values spectral;
  dv_dynamics_values dynamics;
  dv_spectral_loss_forward(loss->spectral, pred, stride, items, count, &spectral);
  dv_dynamics_loss_forward(loss->dynamics, pred, stride, items, count, &dynamics);
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

dv_status dv_loss_backward(dv_loss* loss, const dv_real* pred, size_t stride, dv_real* grad)
{
  if (!loss->has_forward) return DV_ERR_ARG;
  const dv_loss_weights w = loss->weights;
  if (w.mss_lr != 0.0 || w.mss_ms != 0.0)
    dv_spectral_loss_backward(loss->spectral, (dv_spectral_values){w.mss_lr, w.mss_ms}, grad, stride);
  if (w.mldr_lr != 0.0 || w.mldr_ms != 0.0)
    dv_dynamics_loss_backward(loss->dynamics, (dv_dynamics_values){w.mldr_lr, w.mldr_ms}, pred, grad, stride);
  return DV_OK;
}
