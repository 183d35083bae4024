/* SPDX-License-Identifier: MIT */
#include "dsp/status.h"

#include <stdarg.h>
#include <stdio.h>

const char* dv_status_text(dv_status status)
{
  switch (status) {
  case DV_OK: return "Success";
  case DV_ERR_ARG: return "Argument outside its domain";
  case DV_ERR_NOMEM: return "Out of memory";
  case DV_ERR_NONFINITE: return "NaN or infinity in a signal, parameter or gradient";
  case DV_ERR_IO: return "File could not be opened, read or written";
  case DV_ERR_FORMAT: return "File is not what it claims to be";
  case DV_ERR_CANCELLED: return "Cancelled";
  }
  return "Unknown status";
}

dv_status dv_fail(dv_error* err, dv_status status, const char* format, ...)
{
  if (err) {
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
  }
  return status;
}
