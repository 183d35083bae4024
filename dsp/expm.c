/* SPDX-License-Identifier: MIT */
#include "dsp/expm.h"

#include <math.h>
#include <string.h>

enum { SQUARE = DV_EXPM_MAX * DV_EXPM_MAX };

static void multiply(int n, const double* a, const double* b, double* out)
{
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      double sum = 0.0;
      for (int k = 0; k < n; ++k) sum += a[i * n + k] * b[k * n + j];
      out[i * n + j] = sum;
    }
}

static double one_norm(int n, const double* a)
{
  double norm = 0.0;
  for (int j = 0; j < n; ++j) {
    double sum = 0.0;
    for (int i = 0; i < n; ++i) sum += fabs(a[i * n + j]);
    norm = fmax(norm, sum);
  }
  return norm;
}

void dv_expm(int n, const double* a, double* out)
{
  /* 18 terms are exact in double for a norm of at most 1/2 */
  const int terms = 18;
  const double norm = one_norm(n, a);
  const int squarings = norm > 0.5 ? (int)ceil(log2(norm)) + 1 : 0;
  double scaled[SQUARE], next[SQUARE];
  for (int i = 0; i < n * n; ++i) scaled[i] = ldexp(a[i], -squarings);
  memset(out, 0, sizeof(double) * (size_t)(n * n));
  for (int i = 0; i < n; ++i) out[i * n + i] = 1.0;
  for (int k = terms; k >= 1; --k) { /* Horner: 1 + a/1 (1 + a/2 (1 + ...)) */
    multiply(n, scaled, out, next);
    for (int i = 0; i < n * n; ++i) out[i] = next[i] / k;
    for (int i = 0; i < n; ++i) out[i * n + i] += 1.0;
  }
  for (int s = 0; s < squarings; ++s) {
    multiply(n, out, out, next);
    memcpy(out, next, sizeof(double) * (size_t)(n * n));
  }
}

void dv_expm_vjp(int n, const double* a, const double* gout, double* ga)
{
  double block[SQUARE] = {0}, result[SQUARE];
  const int m = 2 * n;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      block[i * m + j] = block[(n + i) * m + n + j] = a[j * n + i];
      block[i * m + n + j] = gout[i * n + j];
    }
  dv_expm(m, block, result);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) ga[i * n + j] = result[i * m + n + j];
}
