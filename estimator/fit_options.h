/* SPDX-License-Identifier: MIT */
/* Private: the command line of diffvox-fit. */
#ifndef DIFFVOX_FIT_OPTIONS_H
#define DIFFVOX_FIT_OPTIONS_H

#include "datasets/stems.h"
#include "estimator/fit.h"

enum { DV_FIT_MAX_GIVEN = 64 };

/* An option that --manifest hands on to the fit of each pair. */
typedef struct {
  const char *name, *value; /* "--steps", NULL where it takes none */
  bool setting;             /* the result depends on it */
} dv_fit_given;

/* --manifest: a fit for each pair of a file. */
typedef struct {
  const char* manifest;       /* NULL: a single fit, of dry and wet */
  size_t jobs, shard, shards; /* see dv_batch_config; jobs 0 until parsed */
  dv_fit_given given[DV_FIT_MAX_GIVEN];
  size_t given_count;
} dv_fit_batch_options;

typedef struct {
  const char *dry, *wet, *output;
  dv_fit_batch_options batch;
  dv_fit_config fit;
  dv_stems_config stems;
  bool reference;
  bool rate_given;    /* fit.learning_rate is the user's choice */
  const char* init;   /* a preset to start from; NULL */
  const char* freeze; /* as it was given; NULL */
  const char* corpora_dir;
  double checkpoint_s; /* between checkpoints */
  bool resume, quiet, json;
} dv_fit_options;

/* 0 to go on, otherwise the exit status plus 1; messages and help are printed. */
int dv_fit_options_parse(int argc, char** argv, dv_fit_options* options);

#endif
