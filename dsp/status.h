/* SPDX-License-Identifier: MIT */
/* Status codes and error messages shared by every module.
 *
 * Zero is success everywhere.  A function that can fail for a reason worth telling a person takes a
 * dv_error and writes one sentence into it that names the file, the value and the remedy. */
#ifndef DIFFVOX_STATUS_H
#define DIFFVOX_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Append only; numbers are part of the ABI. */
typedef enum {
  DV_OK = 0,
  DV_ERR_ARG,       /* argument outside its documented domain */
  DV_ERR_NOMEM,     /* allocation failed */
  DV_ERR_NONFINITE, /* a NaN or infinity reached an input or a gradient */
  DV_ERR_IO,        /* file could not be opened, read or written */
  DV_ERR_FORMAT,    /* file was read but is not what it claims to be */
  DV_ERR_CANCELLED  /* the caller's progress callback asked to stop */
} dv_status;

/* One message, owned by the caller.  Functions that take a dv_error* accept NULL. */
typedef struct {
  char text[512];
} dv_error;

#if defined(__GNUC__)
#define DV_NODISCARD __attribute__((warn_unused_result))
#define DV_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define DV_NODISCARD
#define DV_PRINTF(fmt, args)
#endif

/* Marks what may run in an audio thread: never allocates, locks, logs or does I/O. */
#define DV_REALTIME

/* One sentence, uppercase first character, no trailing period.  Never NULL. */
const char* dv_status_text(dv_status status);

/* Formats the message into err (when not NULL) and returns status, so that callers write
   `return dv_fail(err, DV_ERR_IO, ...)`. */
dv_status dv_fail(dv_error* err, dv_status status, const char* format, ...) DV_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
