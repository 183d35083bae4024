/* SPDX-License-Identifier: MIT */
/* Private: what the command-line tools share.  They print; libraries never do. */
#ifndef DIFFVOX_CLI_H
#define DIFFVOX_CLI_H

#include "dsp/status.h"

#include <stdbool.h>

enum { DV_EXIT_USAGE = 2 };

/* "TOOL: WHAT VALUE; see TOOL --help" on stderr; value may be "".  Returns DV_EXIT_USAGE. */
int dv_cli_usage_error(const char* tool, const char* what, const char* value);

/* The whole of text as a number from low to high. */
bool dv_cli_number(const char* text, double low, double high, double* value);

/* The same, without a fraction. */
bool dv_cli_whole(const char* text, double low, double high, double* value);

/* DV_ERR_IO when what was printed did not reach standard output. */
dv_status dv_cli_flush(dv_error* err);

#endif
