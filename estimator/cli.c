/* SPDX-License-Identifier: MIT */
#include "estimator/cli.h"

#include "datasets/file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int dv_cli_usage_error(const char* tool, const char* what, const char* value)
{
  fprintf(stderr, "%s: %s%s%s; see %s --help\n", tool, what, *value ? " " : "", value, tool);
  return DV_EXIT_USAGE;
}

bool dv_cli_number(const char* text, double low, double high, double* value)
{
  char* end;
  *value = strtod(text, &end);
  return end != text && !*end && *value >= low && *value <= high;
}

bool dv_cli_whole(const char* text, double low, double high, double* value)
{
  return dv_cli_number(text, low, high, value) && *value == floor(*value);
}

dv_status dv_cli_flush(dv_error* err)
{
  const int reason = fflush(stdout) ? errno : ferror(stdout) ? EIO : 0; /* an earlier flush may have failed */
  return reason ? dv_file_error(err, "standard output", "write", reason) : DV_OK;
}
