/* SPDX-License-Identifier: MIT */
/* Any bytes: the parser must not fail but by its status; what it accepts must be what its shape says. */
#include "datasets/npy.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
  dv_npy array;
  dv_error err;
  if (dv_npy_parse(data, size, "input", &array, &err)) {
    if (array.data || array.count) abort();
    return 0;
  }
  size_t count = 1;
  for (size_t d = 0; d < array.ndim; ++d) count *= array.shape[d];
  if (count != array.count || count > size || array.ndim > DV_NPY_MAX_DIMS) abort();
  double sum = 0.0; /* every element is touched: the sanitizer sees what is beyond */
  for (size_t i = 0; i < count; ++i) sum += array.data[i];
  if (!count && sum > 0.0) abort();
  dv_npy_free(&array);
  return 0;
}
