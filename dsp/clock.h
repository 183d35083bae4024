/* SPDX-License-Identifier: MIT */
/* The clock that durations are measured with. */
#ifndef DIFFVOX_CLOCK_H
#define DIFFVOX_CLOCK_H

#include <time.h>

/* Seconds of a clock that never goes back. */
static inline double dv_monotonic_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
