/* SPDX-License-Identifier: MIT */
#include "estimator/loss.h"

#include "dsp/fft.h"
#include "dsp/team.h"
#include "estimator/dynamics_loss.h"
#include "estimator/spectral_loss.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* With so few targets the dynamics' gradient, which cannot be divided between threads, is computed beside the
   spectral one, in rows of its own. */
enum { APART_MOST = 3 };

const dv_loss_weights dv_loss_default_weights = {1.0, 0.5, 0.5, 0.25};

struct dv_loss {
  size_t batch, samples, count; /* count: of the last forward */
  int threads;
  dv_real* apart; /* rows of the dynamics' gradient; NULL for larger batches */
  dv_spectral_loss* spectral;
  dv_dynamics_loss* dynamics;
  dv_loss_weights weights;
  bool has_target, has_forward;
};

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
  const bool apart = loss->dynamics && batch <= APART_MOST;
  if (apart) loss->apart = dv_fft_alloc(2 * batch * samples);
  if (loss->dynamics && (loss->apart || !apart)) return loss;
  if (apart) (void)dv_fail(err, DV_ERR_NOMEM, "not enough memory for a loss");
  dv_loss_free(loss);
  return NULL;
}

void dv_loss_free(dv_loss* loss)
{
  if (!loss) return;
  dv_spectral_loss_free(loss->spectral);
  dv_dynamics_loss_free(loss->dynamics);
  dv_fft_release(loss->apart);
  free(loss);
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

static bool wants_spectral(const dv_loss* loss) { return loss->weights.mss_lr != 0.0 || loss->weights.mss_ms != 0.0; }
static bool wants_dynamics(const dv_loss* loss) { return loss->weights.mldr_lr != 0.0 || loss->weights.mldr_ms != 0.0; }

static void differentiate_spectra(dv_loss* loss, dv_real* grad, size_t stride)
{
  const dv_loss_weights w = loss->weights;
  if (wants_spectral(loss))
    dv_spectral_loss_backward(loss->spectral, (dv_spectral_values){w.mss_lr, w.mss_ms}, grad, stride);
}

static void differentiate_dynamics(dv_loss* loss, const dv_real* pred, dv_real* grad, size_t stride)
{
  const dv_loss_weights w = loss->weights;
  if (wants_dynamics(loss))
    dv_dynamics_loss_backward(loss->dynamics, (dv_dynamics_values){w.mldr_lr, w.mldr_ms}, pred, grad, stride);
}

static void add_rows(const dv_real* from, size_t rows, size_t samples, dv_real* to, size_t stride)
{
  for (size_t r = 0; r < rows; ++r)
    for (size_t i = 0; i < samples; ++i) to[r * stride + i] += from[r * samples + i];
}

/* The two side by side. */
static void differentiate_apart(dv_loss* loss, const dv_real* pred, dv_real* grad, size_t stride)
{
  memset(loss->apart, 0, 2 * loss->count * loss->samples * sizeof *loss->apart);
#pragma omp taskgroup
  {
#pragma omp task default(shared)
    differentiate_dynamics(loss, pred, loss->apart, loss->samples);
    differentiate_spectra(loss, grad, stride);
  }
  add_rows(loss->apart, 2 * loss->count, loss->samples, grad, stride);
}

dv_status dv_loss_backward(dv_loss* loss, const dv_real* pred, size_t stride, dv_real* grad)
{
  if (!loss->has_forward) return DV_ERR_ARG;
  if (loss->apart && wants_spectral(loss) && wants_dynamics(loss)) {
#pragma omp parallel num_threads(loss->threads)
#pragma omp single
    differentiate_apart(loss, pred, grad, stride);
  } else {
    differentiate_spectra(loss, grad, stride);
    differentiate_dynamics(loss, pred, grad, stride);
  }
  return DV_OK;
}
