/* SPDX-License-Identifier: MIT */
/* Private: the cache of a study of components, "diffvox-features" version 1 (docs/formats.md). */
#ifndef DIFFVOX_STUDY_FILE_H
#define DIFFVOX_STUDY_FILE_H

#include "presets/features.h"

#include <jansson.h>

typedef struct {
  char corpus[96], voice[128];
  double voice_s;
  uint64_t seed;
  dv_study study;
} dv_study_record;

/* NULL without memory. */
json_t* dv_study_to_json(const dv_study_record* record);

/* DV_ERR_IO, DV_ERR_NOMEM.  DV_ERR_FORMAT: not such a file. */
DV_NODISCARD dv_status dv_study_read(const char* path, dv_study_record* record, dv_error* err);

/* A word for what a component moves, from its strongest correlations: "more reverb and delay, wider"; "" where no
   interval keeps clear of 0.  Returns text. */
const char* dv_study_describe(const dv_study* study, size_t component, char* text, size_t size);

#endif
