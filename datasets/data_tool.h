/* SPDX-License-Identifier: MIT */
/* Private: the subcommands of diffvox-data. */
#ifndef DIFFVOX_DATA_TOOL_H
#define DIFFVOX_DATA_TOOL_H

#include "datasets/scan.h"

#include <jansson.h>

typedef struct {
  const char* input;  /* the root of a scan, or a manifest */
  const char* output; /* a manifest; NULL: none; "-": standard output */
  bool json, strict, quiet;
  double search_s;
  dv_scan_options scan;
} dv_data_options;

/* Each prints its result.  The exit status: 0, or 1 where a message on stderr or the result itself says why. */
int dv_data_scan(const dv_data_options* o);
int dv_data_check(const dv_data_options* o);

/* "diffvox-data: ..." on stderr; returns 1. */
int dv_data_fail(const dv_error* err);

/* Text for JSON, which knows UTF-8 only: other bytes become question marks. */
json_t* dv_data_text(const char* text);

/* One line on standard output; frees the object. */
DV_NODISCARD dv_status dv_data_print(json_t* object, dv_error* err);

#endif
