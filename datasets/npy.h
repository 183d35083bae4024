/* SPDX-License-Identifier: MIT */
/* NumPy's .npy files: little-endian f4, f8, i4, i8 and b1 in C order, header versions 1 to 3.
 * Everything else is refused by name.  Files are treated as hostile. */
#ifndef DIFFVOX_NPY_H
#define DIFFVOX_NPY_H

#include "dsp/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DV_NPY_MAX_DIMS = 8 };
#define DV_NPY_MAX_BYTES ((size_t)1 << 30) /* largest file that is read */

typedef enum { DV_NPY_F4, DV_NPY_F8, DV_NPY_I4, DV_NPY_I8, DV_NPY_B1 } dv_npy_type;

/* An array, its elements as doubles (integers beyond 2^53 are rounded).  Owned by whoever holds the
   struct: dv_npy_free. */
typedef struct {
  dv_npy_type type;              /* in the file */
  size_t ndim;                   /* 0 for a single number */
  size_t shape[DV_NPY_MAX_DIMS]; /* last dimension varies fastest */
  size_t count;                  /* product of shape */
  double* data;
} dv_npy;

/* *array is overwritten (not freed first) and empty after an error.
   DV_ERR_IO, DV_ERR_NOMEM.  DV_ERR_FORMAT: not a .npy file, a header that cannot be understood, a type or
   order that is not supported, fewer or more data than the shape says. */
DV_NODISCARD dv_status dv_npy_read(const char* path, dv_npy* array, dv_error* err);

/* The same from memory; name is what messages call it. */
DV_NODISCARD dv_status dv_npy_parse(const void* bytes, size_t size, const char* name, dv_npy* array, dv_error* err);

/* Writes a version 1 file; elements are converted from double by the rules of C.  Complete or not at all.
   DV_ERR_ARG: more than DV_NPY_MAX_DIMS dimensions, or more than DV_NPY_MAX_BYTES. */
DV_NODISCARD dv_status dv_npy_write(const char* path, dv_npy_type type, size_t ndim, const size_t* shape,
                                    const double* data, dv_error* err);

/* Frees the data and empties the struct. */
void dv_npy_free(dv_npy* array);

#ifdef __cplusplus
}
#endif
#endif
