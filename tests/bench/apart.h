/* SPDX-License-Identifier: MIT */
/* Private: a measurement in a process of its own, so that peak memory is that of the case, and its processor time. */
#ifndef DV_BENCH_APART_H
#define DV_BENCH_APART_H

#include <stddef.h>

/* Fills `result`; on failure it says why on stderr and ends the process. */
typedef void (*bench_work)(const void* task, void* result);

/* Runs the work in a child and copies the `size` bytes of its result.  Returns the child's peak memory in bytes,
   negative when it failed. */
double bench_apart(bench_work work, const void* task, void* result, size_t size);

/* Processor seconds of this process so far, all threads. */
double bench_cpu_s(void);

#endif
