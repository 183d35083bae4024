/* SPDX-License-Identifier: MIT */
/* Private: how the convolver's spectra lie in memory, shared by what makes a response and what plays it.
 *
 * Spectra are kept in groups of eight bins; a group is multiplied by all its partitions, which sums in registers.
 * Groups follow each other, so that every slot of the input and the response as a whole are read in one direction:
 *
 *   input    [slot][group][row][lane], rows L re, L im, R re, R im
 *   response [group][partition][row][lane], rows LL re, LL im, LR, RL, RR (out, in)
 *
 * A response is too long for any cache, and multiplying it costs the time that it takes to read.  Groups that are far
 * below the whole are therefore kept as integers of 16 bits, with one scale for each group.  Bin P, which is real,
 * has arrays of its own. */
#ifndef DIFFVOX_RT_PARTITIONS_H
#define DIFFVOX_RT_PARTITIONS_H

#include "dsp/realtime/convolver.h"
#include "dsp/realtime/fft.h"
#include "dsp/realtime/vector.h"

enum { DV_INPUT_FLOATS = 4 * DV_F8, DV_TAP_FLOATS = 8 * DV_F8 };

/* Memory that a partition of a group takes, in units of 16-bit taps. */
enum { DV_UNITS_OF_FLOATS = 2, DV_UNITS_OF_SHORTS = 1, DV_UNIT_BYTES = DV_TAP_FLOATS * (int)sizeof(int16_t) };

typedef struct {
  size_t groups;
  uint32_t* count; /* partitions in use, per group */
  float* scale;    /* of 16-bit taps; 0: they are floats */
  size_t* base;    /* unit at which a group's first partition begins */
  size_t* sum;     /* sum[p]: cache lines of the partitions before the p-th, over all groups; p <= longest */
  uint32_t longest;
  char* taps;
  float* nyquist; /* [partition][LL, LR, RL, RR] */
} dv_conv_level_response;

/* Cache lines that multiplying a partition of a group reads, input included. */
DV_INLINE size_t dv_product_lines(const dv_conv_level_response* r, size_t group)
{
  return r->scale[group] > 0.0f ? 4 : 6;
}

struct dv_conv_response {
  dv_conv_layout layout;
  dv_conv_level_response level[DV_CONV_LEVELS];
};

/* Z = DFT(l + i r) -> 2 L, 2 R on bins 8 group .. 8 group + 7, as four rows.  z has one element of
   padding that repeats bin 0. */
DV_INLINE void dv_split_group(dv_rt_complex z, size_t n, size_t group, float* out)
{
  const size_t at = group * DV_F8, mirror = n - at - (DV_F8 - 1);
  const dv_f8 a_re = dv_f8_load(z.re + at), a_im = dv_f8_load(z.im + at);
  const dv_f8 b_re = dv_f8_reverse(dv_f8_loadu(z.re + mirror)), b_im = dv_f8_reverse(dv_f8_loadu(z.im + mirror));
  dv_f8_store(out, a_re + b_re);
  dv_f8_store(out + DV_F8, a_im - b_im);
  dv_f8_store(out + 2 * DV_F8, a_im + b_im);
  dv_f8_store(out + 3 * DV_F8, b_re - a_re);
}

/* Four arrays of N bins, and one of padding, for a transform to ping-pong between. */
typedef struct {
  dv_rt_complex a, b;
  float* memory;
} dv_conv_workspace;

/* False when out of memory; free(w->memory) in any case. */
static inline bool dv_conv_workspace_new(dv_conv_workspace* w, size_t n)
{
  const size_t stride = n + 16;
  w->memory = dv_floats_new(4 * stride);
  if (!w->memory) return false;
  w->a = (dv_rt_complex){w->memory, w->memory + stride};
  w->b = (dv_rt_complex){w->memory + 2 * stride, w->memory + 3 * stride};
  return true;
}

#endif
