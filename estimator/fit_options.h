/* SPDX-License-Identifier: MIT */
/* Private: the command line of diffvox-fit. */
#ifndef DIFFVOX_FIT_OPTIONS_H
#define DIFFVOX_FIT_OPTIONS_H

#include "datasets/stems.h"
#include "estimator/fit.h"

typedef struct {
  const char *dry, *wet, *output;
  dv_fit_config fit;
  dv_stems_config stems;
  bool reference;
  const char* init;   /* a preset to start from; NULL */
  const char* freeze; /* as it was given; NULL */
  const char* corpora_dir;
  double checkpoint_s; /* between checkpoints */
  bool resume, quiet, json;
} dv_fit_options;

/* 0 to go on, otherwise the exit status plus 1; messages and help are printed. */
int dv_fit_options_parse(int argc, char** argv, dv_fit_options* options);

#endif
