/* SPDX-License-Identifier: MIT */
#include "presets/features.h"
#include "dsp/fft.h"
#include "dsp/render.h"
#include "presets/columns.h"
#include "presets/draw.h"
#include "presets/order.h"

#include <ebur128.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME = 2048, HOP = 1024 };
static const double SHORTEST_S = 3.5; /* the loudness range looks at blocks of 3 s */

const double dv_study_amounts[DV_STUDY_AMOUNTS] = {-2.0, -1.0, 0.0, 1.0, 2.0};

const dv_feature_info* dv_feature_at(dv_feature feature)
{
  static const dv_feature_info features[DV_FEATURE_COUNT] = {
    {"centroid_hz", "Spectral centroid", "Hz", true},
    {"reverb_ratio_db", "Reverb and delay to direct", "dB", false},
    {"decay_s", "Decay time", "s", true},
    {"width_db", "Stereo width (side to mid)", "dB", false},
    {"loudness_range_lu", "Loudness range", "LU", false},
    {"crest_db", "Crest factor", "dB", false},
  };
  return &features[feature];
}

/* --- One preset --------------------------------------------------------------------------------------------- */

/* Stereo signals of `samples` of voice and `tail` of silence. */
typedef struct {
  dv_real *left, *right; /* the whole */
  dv_real *direct_left, *direct_right;
  size_t samples, tail;
  double rate_hz;
} rendering;

static double ratio_db(double numerator, double denominator)
{
  if (!(numerator > 0.0) || !(denominator > 0.0)) return DV_FEATURE_FLOOR_DB;
  return fmax(DV_FEATURE_FLOOR_DB, 10.0 * log10(numerator / denominator));
}

static double energy(const dv_real* a, const dv_real* b, double sign, size_t n)
{
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) {
    const double v = (double)a[i] + sign * (double)b[i];
    sum += v * v;
  }
  return sum;
}

static double reverb_ratio_db(const rendering* r)
{
  const size_t n = r->samples + r->tail;
  const double wet = energy(r->left, r->direct_left, -1.0, n) + energy(r->right, r->direct_right, -1.0, n);
  const double direct =
    energy(r->direct_left, r->direct_left, 0.0, n) + energy(r->direct_right, r->direct_right, 0.0, n);
  return ratio_db(wet, direct);
}

static double crest_db(const rendering* r)
{
  double peak = 0.0, sum = 0.0;
  for (size_t i = 0; i < r->samples; ++i) {
    const double a = (double)r->left[i] * (double)r->left[i], b = (double)r->right[i] * (double)r->right[i];
    peak = fmax(peak, fmax(a, b));
    sum += 0.5 * (a + b);
  }
  return ratio_db(peak, sum / (double)r->samples);
}

/* Backward integration of the tail; the time from -5 to -25 dB, times three. */
static double decay_s(const rendering* r)
{
  const dv_real *left = r->left + r->samples, *right = r->right + r->samples;
  const double total = energy(left, left, 0.0, r->tail) + energy(right, right, 0.0, r->tail);
  double rest = total;
  size_t start = 0, end = 0;
  for (size_t i = 0; i < r->tail && total > 0.0; ++i) {
    rest -= (double)left[i] * (double)left[i] + (double)right[i] * (double)right[i];
    if (!start && rest < pow(10.0, -0.5) * total) start = i + 1;
    if (rest < pow(10.0, -2.5) * total) {
      end = i + 1;
      break;
    }
  }
  const double floor_s = 1e-3; /* nothing rings on */
  return end ? fmax(floor_s, 3.0 * (double)(end - start) / r->rate_hz) : floor_s;
}

static double frame_centroid(const dv_real* X, double rate_hz, double* weight)
{
  double sum = 0.0, moment = 0.0;
  *weight = 0.0;
  for (size_t k = 1; k <= FRAME / 2; ++k) {
    const double power = (double)X[2 * k] * (double)X[2 * k] + (double)X[2 * k + 1] * (double)X[2 * k + 1];
    sum += sqrt(power);
    moment += sqrt(power) * (double)k * rate_hz / FRAME;
    *weight += power;
  }
  return sum > 0.0 ? moment / sum : 0.0;
}

static bool centroid_hz(const rendering* r, double* hz)
{
  dv_fft* fft = dv_fft_new(FRAME);
  dv_real* x = dv_fft_alloc(FRAME);
  dv_real* X = dv_fft_alloc(dv_fft_reals(FRAME));
  const bool complete = fft && x && X;
  double sum = 0.0, weights = 0.0;
  for (size_t at = 0; complete && at + FRAME <= r->samples; at += HOP)
    for (int channel = 0; channel < 2; ++channel) {
      const dv_real* signal = (channel ? r->right : r->left) + at;
      double weight;
      for (size_t i = 0; i < FRAME; ++i)
        x[i] = (dv_real)((0.5 - 0.5 * cos(2.0 * M_PI * (double)i / FRAME)) * (double)signal[i]);
      dv_fft_forward(fft, x, X);
      const double centroid = frame_centroid(X, r->rate_hz, &weight);
      sum += weight * centroid;
      weights += weight;
    }
  *hz = weights > 0.0 ? sum / weights : 1.0;
  dv_fft_release(X);
  dv_fft_release(x);
  dv_fft_free(fft);
  return complete;
}

static bool loudness_range_lu(const rendering* r, double* range)
{
  ebur128_state* state = ebur128_init(2, (unsigned long)r->rate_hz, EBUR128_MODE_LRA);
  float* both = malloc(2 * r->samples * sizeof *both);
  bool complete = state && both;
  for (size_t i = 0; complete && i < r->samples; ++i) {
    both[2 * i] = (float)r->left[i];
    both[2 * i + 1] = (float)r->right[i];
  }
  complete = complete && !ebur128_add_frames_float(state, both, r->samples) && !ebur128_loudness_range(state, range);
  free(both);
  if (state) ebur128_destroy(&state);
  return complete;
}

static dv_status render_twice(const dv_chain_params* params, const dv_real* x, rendering* r, dv_error* err)
{
  dv_chain_params direct = *params;
  direct.delay.gain = 0.0;
  memset(direct.reverb.output, 0, sizeof direct.reverb.output);
  dv_status status = dv_render(params, r->rate_hz, x, r->samples, r->tail, r->left, r->right, NULL, NULL, err);
  if (!status)
    status = dv_render(&direct, r->rate_hz, x, r->samples, r->tail, r->direct_left, r->direct_right, NULL, NULL, err);
  return status;
}

static dv_status measure(const rendering* r, double features[DV_FEATURE_COUNT], dv_error* err)
{
  features[DV_FEATURE_REVERB_RATIO] = reverb_ratio_db(r);
  features[DV_FEATURE_DECAY] = decay_s(r);
  features[DV_FEATURE_WIDTH] =
    ratio_db(energy(r->left, r->right, -1.0, r->samples), energy(r->left, r->right, 1.0, r->samples));
  features[DV_FEATURE_CREST] = crest_db(r);
  if (!centroid_hz(r, &features[DV_FEATURE_CENTROID]) || !loudness_range_lu(r, &features[DV_FEATURE_LOUDNESS_RANGE]))
    return dv_fail(err, DV_ERR_NOMEM, "No memory to measure the rendering");
  return DV_OK;
}

dv_status dv_features_measure(const dv_chain_params* params, double rate_hz, const float* x, size_t samples,
                              double features[DV_FEATURE_COUNT], dv_error* err)
{
  rendering r = {.samples = samples, .tail = (size_t)(DV_FEATURE_TAIL_S * rate_hz), .rate_hz = rate_hz};
  if ((double)samples < SHORTEST_S * rate_hz)
    return dv_fail(err, DV_ERR_ARG, "The voice lasts %.2f s; at least %.1f s are wanted to measure a loudness range",
                   (double)samples / rate_hz, SHORTEST_S);
  const size_t n = samples + r.tail;
  dv_real* memory = calloc(4 * n + samples, sizeof *memory);
  if (!memory) return dv_fail(err, DV_ERR_NOMEM, "No memory to render the voice");
  dv_real* input = memory + 4 * n;
  r.left = memory;
  r.right = memory + n;
  r.direct_left = memory + 2 * n;
  r.direct_right = memory + 3 * n;
  for (size_t i = 0; i < samples; ++i) input[i] = (dv_real)x[i];
  dv_status status = render_twice(params, input, &r, err);
  if (!status && !(energy(r.left, r.left, 0.0, samples) > 0.0))
    status = dv_fail(err, DV_ERR_ARG, "The rendering is silent: there is nothing to measure");
  if (!status) status = measure(&r, features, err);
  free(memory);
  return status;
}

/* --- Presets moved along components ------------------------------------------------------------------------- */

/* Features of every base at every amount of one component, on the scale of the correlation: [base][amount]. */
typedef struct {
  size_t bases;
  double* value; /* [feature][base][amount] */
} measured;

static double* value_at(const measured* m, size_t feature, size_t base, size_t amount)
{
  return m->value + (feature * m->bases + base) * DV_STUDY_AMOUNTS + amount;
}

static void store(const measured* m, size_t base, size_t amount, const double features[DV_FEATURE_COUNT])
{
  for (size_t f = 0; f < DV_FEATURE_COUNT; ++f)
    *value_at(m, f, base, amount) = dv_feature_at((dv_feature)f)->logarithmic ? log2(features[f]) : features[f];
}

/* Sums over one base that correlation and slope are made of. */
typedef struct {
  double xx, xy, yy;
} moments;

static void add_base(const measured* m, size_t feature, size_t base, moments* sum)
{
  double mean = 0.0;
  for (size_t a = 0; a < DV_STUDY_AMOUNTS; ++a) mean += *value_at(m, feature, base, a) / DV_STUDY_AMOUNTS;
  for (size_t a = 0; a < DV_STUDY_AMOUNTS; ++a) {
    const double x = dv_study_amounts[a], y = *value_at(m, feature, base, a) - mean;
    sum->xx += x * x;
    sum->xy += x * y;
    sum->yy += y * y;
  }
}

static double correlation(const moments* s) { return s->yy > 0.0 ? s->xy / sqrt(s->xx * s->yy) : 0.0; }

static void summarise(const measured* m, size_t feature, uint64_t seed, dv_study_cell* cell)
{
  moments all = {0};
  double draws[DV_STUDY_BOOTSTRAPS];
  memset(cell->mean, 0, sizeof cell->mean);
  for (size_t b = 0; b < m->bases; ++b) {
    add_base(m, feature, b, &all);
    for (size_t a = 0; a < DV_STUDY_AMOUNTS; ++a) cell->mean[a] += *value_at(m, feature, b, a) / (double)m->bases;
  }
  for (size_t a = 0; a < DV_STUDY_AMOUNTS && dv_feature_at((dv_feature)feature)->logarithmic; ++a)
    cell->mean[a] = exp2(cell->mean[a]);
  cell->r = correlation(&all);
  cell->slope = all.xy / all.xx;
  for (size_t k = 0; k < DV_STUDY_BOOTSTRAPS; ++k) {
    moments drawn = {0};
    for (size_t b = 0; b < m->bases; ++b)
      add_base(m, feature, (size_t)(dv_random_uniform(&seed) * (double)m->bases), &drawn);
    draws[k] = correlation(&drawn);
  }
  qsort(draws, DV_STUDY_BOOTSTRAPS, sizeof *draws, dv_ascending);
  cell->low = draws[DV_STUDY_BOOTSTRAPS / 40];
  cell->high = draws[DV_STUDY_BOOTSTRAPS - 1 - DV_STUDY_BOOTSTRAPS / 40];
}

typedef struct {
  const dv_study_design* design;
  double rate_hz;
  const float* x;
  size_t samples, done, total;
  dv_study_progress progress;
  void* context;
} study_job;

static dv_status measure_move(study_job* job, size_t component, size_t base, double amount,
                              double features[DV_FEATURE_COUNT], dv_error* err)
{
  const dv_study_design* d = job->design;
  double moved[DV_EFFECTIVE_COUNT];
  dv_chain_params params;
  for (size_t k = 0; k < DV_EFFECTIVE_COUNT; ++k)
    moved[k] = d->bases[base * DV_EFFECTIVE_COUNT + k] + amount * d->sigma[component] * d->component[component][k];
  dv_effective_params(moved, &params);
  const dv_status status = dv_features_measure(&params, job->rate_hz, job->x, job->samples, features, err);
  ++job->done;
  if (status) return status;
  if (job->progress && job->progress(job->context, (double)job->done / (double)job->total))
    return dv_fail(err, DV_ERR_CANCELLED, "Cancelled");
  return DV_OK;
}

/* A base that is not moved is measured once, for all components. */
static dv_status run_component(study_job* job, size_t component, const double* unmoved, const measured* m,
                               dv_error* err)
{
  dv_status status = DV_OK;
  for (size_t base = 0; !status && base < m->bases; ++base)
    for (size_t a = 0; !status && a < DV_STUDY_AMOUNTS; ++a) {
      double features[DV_FEATURE_COUNT];
      if (a == DV_STUDY_AMOUNTS / 2) memcpy(features, unmoved + base * DV_FEATURE_COUNT, sizeof features);
      else status = measure_move(job, component, base, dv_study_amounts[a], features, err);
      if (!status) store(m, base, a, features);
    }
  return status;
}

dv_status dv_study_run(const dv_study_design* design, double rate_hz, const float* x, size_t samples,
                       dv_study_progress progress, void* context, dv_study* study, dv_error* err)
{
  const size_t bases = design->base_count, components = design->components;
  if (bases < 2 || components < 1 || components > DV_STUDY_MAX_COMPONENTS)
    return dv_fail(err, DV_ERR_ARG, "A study wants 2 presets or more and 1 to %d components", DV_STUDY_MAX_COMPONENTS);
  measured m = {bases, calloc(DV_FEATURE_COUNT * bases * DV_STUDY_AMOUNTS, sizeof(double))};
  double* unmoved = calloc(bases * DV_FEATURE_COUNT, sizeof *unmoved);
  study_job job = {design,   rate_hz, x, samples, 0, bases * (1 + components * (DV_STUDY_AMOUNTS - 1)),
                   progress, context};
  dv_status status = m.value && unmoved ? DV_OK : dv_fail(err, DV_ERR_NOMEM, "No memory for the study");
  *study = (dv_study){.components = components, .bases = bases};
  for (size_t b = 0; !status && b < bases; ++b)
    status = measure_move(&job, 0, b, 0.0, unmoved + b * DV_FEATURE_COUNT, err);
  for (size_t c = 0; !status && c < components; ++c) {
    status = run_component(&job, c, unmoved, &m, err);
    for (size_t f = 0; !status && f < DV_FEATURE_COUNT; ++f) summarise(&m, f, design->seed + f, &study->cell[c][f]);
  }
  free(unmoved);
  free(m.value);
  return status;
}
