/* SPDX-License-Identifier: MIT */
#include "dsp/pan.h"

#include <math.h>

void dv_pan_coeffs(double pan, dv_pan_gains* gains)
{
  const double theta = pan * M_PI_2;
  gains->left = M_SQRT2 * cos(theta);
  gains->right = M_SQRT2 * sin(theta);
}

double dv_pan_coeffs_vjp(double pan, const dv_pan_gains* grad_gains)
{
  const double theta = pan * M_PI_2;
  return M_PI_2 * M_SQRT2 * (grad_gains->right * cos(theta) - grad_gains->left * sin(theta));
}
