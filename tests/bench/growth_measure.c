/* SPDX-License-Identifier: MIT */
#include "apart.h"
#include "dsp/fft.h"
#include "dsp/random.h"
#include "estimator/fit.h"
#include "estimator/progress.h"
#include "growth.h"
#include "presets/order.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- Stems -------------------------------------------------------------------------------------------------------- */

/* What the wet stem repeats: an echo for the delay, two that make the start search among networks for the reverb. */
typedef struct {
  double ms, left, right;
} repeat;
static const repeat REPEATS[] = {{0.0, 1.0, 1.0}, {41.0, 0.25, 0.2}, {67.0, 0.2, 0.25}, {312.0, 0.3, 0.2}};
enum { REPEAT_COUNT = sizeof REPEATS / sizeof *REPEATS };

static _Noreturn void give_up(const char* why)
{
  fprintf(stderr, "bench_growth: %s\n", why);
  exit(EXIT_FAILURE);
}

static void check(dv_status status, const dv_error* err)
{
  if (status) give_up(err ? err->text : dv_status_text(status));
}

/* Noise that swells and fades, a word every 3.5 s. */
static void make_dry(dv_real* dry, size_t samples)
{
  uint64_t random = 1;
  for (size_t i = 0; i < samples; ++i) {
    const double swell = sin(M_PI * (double)i / (3.5 * DV_MODEL_RATE_HZ));
    dry[i] = (dv_real)(0.3 * swell * swell * (2.0 * dv_random_uniform(&random) - 1.0));
  }
}

static void make_wet(const dv_real* dry, dv_real* left, dv_real* right, size_t samples)
{
  for (int r = 0; r < REPEAT_COUNT; ++r) {
    const size_t lag = (size_t)lround(1e-3 * REPEATS[r].ms * DV_MODEL_RATE_HZ);
    for (size_t i = lag; i < samples; ++i) {
      left[i] = (r ? left[i] : 0) + (dv_real)REPEATS[r].left * dry[i - lag];
      right[i] = (r ? right[i] : 0) + (dv_real)REPEATS[r].right * dry[i - lag];
    }
  }
}

static dv_fit_stems make_stems(double seconds)
{
  const size_t samples = (size_t)lround(seconds * DV_MODEL_RATE_HZ);
  dv_real *dry = dv_fft_alloc(samples), *left = dv_fft_alloc(samples), *right = dv_fft_alloc(samples);
  if (!dry || !left || !right) give_up("out of memory for the stems");
  make_dry(dry, samples);
  make_wet(dry, left, right, samples);
  return (dv_fit_stems){dry, left, right, samples, 0.0};
}

/* --- One case, in its process ------------------------------------------------------------------------------------- */

/* Time since *mark, which moves on. */
static growth_time lap(growth_time* mark)
{
  const growth_time before = *mark;
  *mark = (growth_time){dv_monotonic_s(), bench_cpu_s()};
  return (growth_time){mark->wall_s - before.wall_s, mark->cpu_s - before.cpu_s};
}

static double median(double* values, size_t count)
{
  qsort(values, count, sizeof *values, dv_ascending);
  return values[count / 2];
}

static growth_time measure_steps(dv_fit* fit, size_t steps)
{
  double wall_s[GROWTH_MAX_STEPS], cpu_s[GROWTH_MAX_STEPS];
  growth_time mark = {0};
  dv_error err;
  lap(&mark);
  for (size_t i = 0; i < steps; ++i) {
    dv_fit_step step;
    bool more;
    check(dv_fit_advance(fit, &step, &more, &err), &err);
    const growth_time taken = lap(&mark);
    wall_s[i] = taken.wall_s;
    cpu_s[i] = taken.cpu_s;
    if (!more && i + 1 < steps) give_up("the fit ended early");
  }
  return (growth_time){median(wall_s, steps), median(cpu_s, steps)};
}

static void measure(const void* task, void* result)
{
  const growth_case* c = task;
  growth_result* r = result;
  const dv_fit_stems stems = make_stems(c->seconds);
  dv_fit_config config;
  dv_fit_starts starts;
  dv_chain_params params;
  dv_loss_values values;
  dv_fit_result at_end;
  dv_fit* fit;
  dv_error err;
  growth_time mark = {0};
  dv_fit_config_default(&config);
  config.objective.threads = c->threads;
  if (c->batch) config.objective.batch_limit = c->batch;
  lap(&mark);
  check(dv_fit_default_starts(&stems, &starts, &err), &err);
  r->search = lap(&mark);
  check(dv_fit_new(&config, &stems, &starts, &fit, &err), &err);
  r->preparation = lap(&mark);
  check(dv_fit_evaluate(fit, NULL, &values), NULL);
  r->unprocessed = lap(&mark);
  r->step = measure_steps(fit, c->steps);
  dv_fit_best(fit, &params);
  lap(&mark);
  check(dv_fit_evaluate(fit, &params, &values), NULL);
  r->evaluation = lap(&mark);
  dv_fit_get_result(fit, &at_end);
  r->seconds = c->seconds;
  r->chunks = at_end.chunks;
  r->batch = at_end.batch;
  r->stems_mb = 1e-6 * 3.0 * (double)(stems.samples * sizeof *stems.dry);
  /* The process ends here, and its memory with it. */
}

bool growth_measure(const growth_case* c, growth_result* result)
{
  const double peak_bytes = bench_apart(measure, c, result, sizeof *result);
  result->peak_mb = 1e-6 * peak_bytes;
  return peak_bytes >= 0.0;
}

size_t growth_fit_steps(void)
{
  dv_fit_config config;
  dv_fit_config_default(&config);
  return dv_fit_config_steps(&config);
}

growth_time growth_rest(const growth_result* r)
{
  return (growth_time){r->search.wall_s + r->preparation.wall_s + r->unprocessed.wall_s + 2.0 * r->evaluation.wall_s,
                       r->search.cpu_s + r->preparation.cpu_s + r->unprocessed.cpu_s + 2.0 * r->evaluation.cpu_s};
}

growth_time growth_whole(const growth_result* r)
{
  const growth_time rest = growth_rest(r);
  const double steps = (double)growth_fit_steps();
  return (growth_time){rest.wall_s + steps * r->step.wall_s, rest.cpu_s + steps * r->step.cpu_s};
}
