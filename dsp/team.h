/* SPDX-License-Identifier: MIT */
/* Private: the few questions that the chain asks OpenMP, and their answers
 * without it.
 *
 * Functions that share their work between threads do so with tasks.  Where a
 * team is already running they give the tasks to it, so that unrelated work
 * overlaps; otherwise they start one. */
#ifndef DIFFVOX_TEAM_H
#define DIFFVOX_TEAM_H

#include <stdbool.h>

#ifdef _OPENMP
#include <omp.h>
static inline bool dv_team_running(void) { return omp_in_parallel() != 0; }
static inline int dv_team_index(void) { return omp_get_thread_num(); }
static inline int dv_team_processors(void) { return omp_get_num_procs(); }
#else
static inline bool dv_team_running(void) { return false; }
static inline int dv_team_index(void) { return 0; }
static inline int dv_team_processors(void) { return 1; }
#endif

#endif
