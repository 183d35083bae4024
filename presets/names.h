/* SPDX-License-Identifier: MIT */
/* The name somebody probably meant. */
#ifndef DIFFVOX_NAMES_H
#define DIFFVOX_NAMES_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Keeps the closest candidate so far; begin with {.name = the name that was given}. */
typedef struct {
  const char* name;
  const char* best; /* borrowed from the caller; NULL while nothing is close */
  size_t distance;
} dv_nearest_name;

/* Offers one candidate.  Close is: at most a third of the letters differ (insertions, deletions,
   substitutions; case ignored), or the candidate contains the name. */
void dv_nearest_name_offer(dv_nearest_name* nearest, const char* candidate);

#ifdef __cplusplus
}
#endif
#endif
