/* SPDX-License-Identifier: MIT */
#include "estimator/progress.h"

#include <unistd.h>

void dv_progress_start(dv_progress* p, FILE* stream, bool quiet)
{
  *p = (dv_progress){.stream = stream, .terminal = !quiet && isatty(fileno(stream)), .start_s = dv_monotonic_s()};
}

void dv_progress_show(dv_progress* p, const char* label, double done, const char* detail)
{
  const double elapsed = dv_progress_elapsed_s(p);
  if (!p->terminal || elapsed < 1.0 || dv_monotonic_s() - p->shown_s < 0.1) return;
  p->shown_s = dv_monotonic_s();
  p->on_screen = true;
  fprintf(p->stream, "\r%s %3.0f%%  %s", label, 100.0 * done, detail);
  if (done > 0.0) {
    const long left = (long)(elapsed / done * (1.0 - done) + 0.5);
    fprintf(p->stream, "  ETA %ld:%02ld", left / 60, left % 60);
  }
  fputs("\033[K", p->stream);
  fflush(p->stream);
}

void dv_progress_end(dv_progress* p)
{
  if (p->on_screen) fputs("\r\033[K", p->stream);
  p->on_screen = false;
}

double dv_progress_elapsed_s(const dv_progress* p) { return dv_monotonic_s() - p->start_s; }
