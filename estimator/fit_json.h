/* SPDX-License-Identifier: MIT */
/* Private: a fit for machines: run.json, and the lines of --json.  What is not finite is null. */
#ifndef DIFFVOX_FIT_JSON_H
#define DIFFVOX_FIT_JSON_H

#include "estimator/fit_run.h"

/* The text of run.json, the caller's to free(); NULL without memory. */
char* dv_run_json(const dv_fit_run* run);

/* One line each on standard output, flushed. */
void dv_run_print_step(const dv_fit_step* step);
void dv_run_print_result(const dv_fit_run* run);

/* "found by correlation", "off" or "as given". */
const char* dv_run_align_mode_name(dv_align_mode mode);

#endif
