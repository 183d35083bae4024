/* SPDX-License-Identifier: MIT */
/* Any bytes: the parser must not fail but by its status; what it accepts must print and parse again to the same
   numbers. */
#include "presets/prior.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

/* A negative zero may lose its sign. */
static void check_equal(const double* a, const double* b, size_t count)
{
  for (size_t i = 0; i < count; ++i)
    if (a[i] < b[i] || a[i] > b[i]) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
  static dv_prior first, second; /* too large for a stack */
  char* text = NULL;
  size_t text_size = 0;
  dv_error err;
  if (dv_prior_parse((const char*)data, size, "input", &first, &err)) return 0;
  if (dv_prior_print(&first, &text, &text_size, &err)) abort();
  if (dv_prior_parse(text, text_size, "printed", &second, &err)) abort();
  check_equal(first.covariance[0], second.covariance[0], sizeof first.covariance / sizeof(double));
  check_equal(first.component[0], second.component[0], sizeof first.component / sizeof(double));
  check_equal(first.mean, second.mean, DV_EFFECTIVE_COUNT);
  free(text);
  return 0;
}
