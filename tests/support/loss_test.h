/* SPDX-License-Identifier: MIT */
/* Signals and derivative checks shared by the tests of losses. */
#ifndef DV_LOSS_TEST_H
#define DV_LOSS_TEST_H

#include "dsp/real.h"
#include "dv_test.h"

#include <stdlib.h>
#include <string.h>

/* Small steps: the losses have a kink wherever target and prediction cross. */
static const double DERIVATIVE_STEP = 1e-7, DERIVATIVE_RTOL = 1e-6;

/* Stereo rows of coloured noise with a slow envelope; channels share some of it.  Freed with free. */
static inline dv_real* noise_rows(size_t items, size_t samples, uint64_t seed, double level)
{
  dv_real* rows = calloc(2 * items * samples, sizeof *rows);
  assert_non_null(rows);
  for (size_t item = 0; item < items; ++item) {
    double left = 0.0, right = 0.0;
    for (size_t i = 0; i < samples; ++i) {
      const double envelope = level * (0.55 + 0.45 * sin(1e-3 * (double)i + (double)item));
      const double common = dv_rand(&seed);
      left += 0.4 * (common + 0.7 * dv_rand(&seed) - left);
      right += 0.5 * (common + 0.4 * dv_rand(&seed) - right);
      rows[2 * item * samples + i] = (dv_real)(envelope * left);
      rows[(2 * item + 1) * samples + i] = (dv_real)(envelope * right);
    }
  }
  return rows;
}

/* Finite differences mean nothing in the float build. */
static inline void skip_unless_double(void)
{
  if (sizeof(dv_real) != sizeof(double)) skip();
}

typedef double (*loss_value)(const dv_real* pred, void* context);

/* Compares <grad, direction> for random directions with central differences of fourth order. */
static inline void assert_gradient(loss_value value, void* context, const dv_real* pred, const dv_real* grad, size_t n,
                                   size_t directions)
{
  static const double offset[4] = {-2.0, -1.0, 1.0, 2.0}, factor[4] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
  uint64_t seed = 20250914;
  dv_real* moved = malloc(n * sizeof *moved);
  double* direction = malloc(n * sizeof *direction);
  assert_true(moved && direction);
  for (size_t d = 0; d < directions; ++d) {
    double analytic = 0.0, numeric = 0.0;
    /* Mostly along the gradient: random directions alone would see little of it. */
    for (size_t i = 0; i < n; ++i) {
      direction[i] = 0.01 * dv_rand(&seed) + (grad[i] > 0 ? 0.01 : grad[i] < 0 ? -0.01 : 0.0);
      analytic += (double)grad[i] * direction[i];
    }
    for (int k = 0; k < 4; ++k) {
      for (size_t i = 0; i < n; ++i) moved[i] = (dv_real)((double)pred[i] + offset[k] * DERIVATIVE_STEP * direction[i]);
      numeric += factor[k] * value(moved, context) / DERIVATIVE_STEP;
    }
    assert_close(analytic, numeric, DERIVATIVE_RTOL, 1e-12);
  }
  free(direction);
  free(moved);
}

static inline void assert_rows_equal(const dv_real* a, const dv_real* b, size_t n)
{
  assert_memory_equal(a, b, n * sizeof *a);
}

static inline void assert_rows_finite(const dv_real* x, size_t n)
{
  for (size_t i = 0; i < n; ++i) assert_true(isfinite((double)x[i]));
}

#endif
