/* SPDX-License-Identifier: MIT */
#include "apart.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Noreturn void work_in_child(bench_work work, const void* task, void* result, size_t size, int end)
{
  size_t put = 0;
  work(task, result);
  for (ssize_t n = 1; n > 0 && put < size; put += (size_t)(n > 0 ? n : 0))
    n = write(end, (const char*)result + put, size - put);
  _exit(put == size ? EXIT_SUCCESS : EXIT_FAILURE);
}

double bench_apart(bench_work work, const void* task, void* result, size_t size)
{
  int ends[2], status;
  struct rusage usage;
  size_t got = 0;
  if (pipe(ends)) return -1.0;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    work_in_child(work, task, result, size, ends[1]);
  }
  close(ends[1]);
  for (ssize_t n = 1; child > 0 && n > 0 && got < size; got += (size_t)(n > 0 ? n : 0))
    n = read(ends[0], (char*)result + got, size - got);
  close(ends[0]);
  if (child < 0 || wait4(child, &status, 0, &usage) != child) return -1.0;
  return status == 0 && got == size ? 1024.0 * (double)usage.ru_maxrss : -1.0;
}

double bench_cpu_s(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
