/* SPDX-License-Identifier: MIT */
/* What the tests of the real-time engine share. */
#ifndef DV_TEST_REALTIME_SUPPORT_H
#define DV_TEST_REALTIME_SUPPORT_H

#include "dsp/realtime/engine.h"
#include "support/dv_test.h"

#include <stdlib.h>
#include <string.h>

/* A preset in which every effect is heard. */
static inline dv_chain_params usual_params(void)
{
  dv_chain_params p;
  dv_params_initial(7, &p);
  p.peak1 = (dv_peak_params){4.0, 900.0, 1.5};
  p.highshelf.gain_db = 3.0;
  p.compressor.comp_threshold_db = -30.0;
  p.compressor.lookahead_ms = 0.31;
  p.send = 0.3;
  p.delay = (dv_delay_params){253.7, 0.45, 0.3, {7000.0, 0.8}, 0.3, 0.8};
  uint64_t seed = 3;
  for (int l = 0; l < DV_FDN_LINES; ++l)
    for (int c = 0; c < 2; ++c) p.reverb.output[c][l] = 0.2 * dv_rand(&seed);
  for (int k = 0; k < DV_FDN_BANDS; ++k) p.reverb.decay[k] = 0.85 - 0.005 * k;
  p.pan = 0.4;
  return p;
}

static inline dv_rt* new_engine(const dv_chain_params* p, double rate_hz)
{
  dv_error err = {""};
  dv_rt* rt = dv_rt_new(p, rate_hz, &err);
  if (!rt) fail_msg("%s", err.text);
  return rt;
}

typedef struct {
  float *x, *left, *right;
  size_t n;
} take;

static inline take new_take(size_t n)
{
  return (take){calloc(n, sizeof(float)), calloc(n, sizeof(float)), calloc(n, sizeof(float)), n};
}

static inline void free_take(take* t)
{
  free(t->x);
  free(t->left);
  free(t->right);
}

/* Noise with pauses and level changes: the compressor works, and falls silent. */
static inline void fill_noise(take* t, uint64_t seed)
{
  for (size_t i = 0; i < t->n; ++i) {
    const double level = i / 4000 % 3 == 2 ? 0.0 : i / 4000 % 2 ? 0.5 : 0.02;
    t->x[i] = (float)(level * dv_rand(&seed));
  }
}

/* Frames from .. to-1 in blocks of `block` frames. */
static inline void play(dv_rt* rt, take* t, size_t from, size_t to, size_t block)
{
  for (size_t k = from; k < to; k += block)
    dv_rt_process(rt, t->x + k, t->left + k, t->right + k, to - k < block ? to - k : block);
}

static inline void assert_same_output(const take* a, const take* b)
{
  for (size_t i = 0; i < a->n; ++i)
    if (memcmp(&a->left[i], &b->left[i], sizeof(float)) || memcmp(&a->right[i], &b->right[i], sizeof(float)))
      fail_msg("outputs differ first at frame %zu: %.9g %.9g, %.9g %.9g", i, (double)a->left[i], (double)b->left[i],
               (double)a->right[i], (double)b->right[i]);
}

static inline double peak_of(const take* t, size_t from, size_t to)
{
  double peak = 0.0;
  for (size_t i = from; i < to; ++i) {
    peak = fmax(peak, fabs((double)t->left[i]));
    peak = fmax(peak, fabs((double)t->right[i]));
  }
  return peak;
}

#endif
