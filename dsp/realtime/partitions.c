/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/partitions.h"

#include <float.h>
#include <math.h>

enum { GROWTH = 4 }; /* of the partitions from level to level */

static const double ROUNDING = 0.1; /* energy of rounding to 16 bits, next to what is dropped */

void dv_conv_layout_init(dv_conv_layout* layout, size_t first, size_t length)
{
  /* the first level's head start leaves at least half a partition's time to compute in */
  const size_t start = first / DV_QUANTUM * DV_QUANTUM;
  size_t partition = DV_QUANTUM;
  while (partition * 3 <= start) partition *= 2;
  size_t offset = start < 2 * partition ? start : 2 * partition;
  for (int l = 0; l < DV_CONV_LEVELS; ++l) {
    const size_t next = 2 * GROWTH * partition;
    const size_t end = l + 1 < DV_CONV_LEVELS && next < length ? next : length;
    layout->level[l] = (dv_conv_level){partition, offset, end > offset ? (end - offset - 1) / partition + 1 : 0};
    partition *= GROWTH;
    offset = next;
  }
}

/* First tap of the level after l, or the end of all. */
static size_t level_end(const dv_conv_layout* layout, int l)
{
  const dv_conv_level* v = &layout->level[l];
  const size_t end = v->offset + v->count * v->partition;
  return l + 1 < DV_CONV_LEVELS && layout->level[l + 1].count && layout->level[l + 1].offset < end
           ? layout->level[l + 1].offset
           : end;
}

static void copy_taps(const float* h, size_t from, size_t to, size_t length, size_t n, float* out)
{
  const size_t end = to < length ? to : length, count = from < end ? end - from : 0;
  if (count) memcpy(out, h + from, count * sizeof *h);
  memset(out + count, 0, (n - count) * sizeof *h);
}

/* Spectra of one partition's taps from .. to-1 from one input, both outputs. */
DV_HOT static void partition_spectrum(const dv_rt_fft* fft, dv_conv_workspace* w, const float* left, const float* right,
                                      size_t from, size_t to, size_t length, dv_conv_level_response* r, float* spectra,
                                      size_t index, size_t stride, int input)
{
  const size_t n = dv_rt_fft_size(fft);
  copy_taps(left, from, to, length, n, w->a.re);
  copy_taps(right, from, to, length, n, w->a.im);
  const dv_rt_complex z = dv_rt_fft_whole(fft, w->a, w->b);
  z.re[n] = z.re[0];
  z.im[n] = z.im[0];
  /* the split's and the input split's factors of 2, and the inverse transform's N */
  const float scale = 0.25f / (float)n;
  for (size_t g = 0; g < r->groups; ++g) {
    _Alignas(32) float rows[DV_INPUT_FLOATS];
    dv_split_group(z, n, g, rows);
    float* out = spectra + (g * stride + index) * DV_TAP_FLOATS;
    for (size_t i = 0; i < 2 * DV_F8; ++i) {
      out[input * 2 * DV_F8 + (int)i] = rows[i] * scale;                   /* to the left */
      out[(input + 2) * 2 * DV_F8 + (int)i] = rows[2 * DV_F8 + i] * scale; /* to the right */
    }
  }
  r->nyquist[4 * index + (size_t)input] = z.re[n / 2] * 2.0f * scale;
  r->nyquist[4 * index + 2 + (size_t)input] = z.im[n / 2] * 2.0f * scale;
}

/* Partitions of a group before its remaining energy falls below `limit`. */
static size_t count_partitions(const float* spectra, size_t count, double limit)
{
  double rest = 0.0;
  for (; count > 0; --count) {
    const float* t = spectra + (count - 1) * DV_TAP_FLOATS;
    for (int i = 0; i < DV_TAP_FLOATS; ++i) rest += (double)t[i] * (double)t[i];
    if (!(rest <= limit)) break;
  }
  return count;
}

/* Scale with which a group fits into 16 bits; 0 where rounding would add more energy than `limit`. */
static float scale_of_shorts(const float* spectra, size_t count, double limit)
{
  const float scale = dv_peak(spectra, count * DV_TAP_FLOATS) / INT16_MAX;
  const double noise = (double)(count * DV_TAP_FLOATS) * (double)scale * (double)scale / 12.0;
  return scale >= FLT_MIN && noise <= limit ? scale : 0.0f;
}

/* Decides what is kept of each group, and how.  Returns the memory it takes, in units. */
static size_t plan_groups(dv_conv_level_response* r, const float* spectra, size_t stride, double limit)
{
  size_t units = 0;
  for (size_t g = 0; g < r->groups; ++g) {
    const float* group = spectra + g * stride * DV_TAP_FLOATS;
    const size_t count = count_partitions(group, stride, limit);
    r->count[g] = (uint32_t)count;
    r->scale[g] = scale_of_shorts(group, count, ROUNDING * limit);
    r->base[g] = units;
    if (r->longest < count) r->longest = (uint32_t)count;
    units += count * (r->scale[g] > 0.0f ? DV_UNITS_OF_SHORTS : DV_UNITS_OF_FLOATS);
    for (size_t p = 0; p < count; ++p) r->sum[p + 1] += dv_product_lines(r, g);
  }
  for (size_t p = 0; p < r->longest; ++p) r->sum[p + 1] += r->sum[p];
  return units;
}

static void copy_group(dv_conv_level_response* r, size_t g, const float* spectra)
{
  const size_t count = r->count[g] * DV_TAP_FLOATS;
  char* out = r->taps + r->base[g] * DV_UNIT_BYTES;
  if (r->scale[g] > 0.0f) {
    int16_t* taps = (int16_t*)(void*)out;
    const float inverse = 1.0f / r->scale[g];
    for (size_t i = 0; i < count; ++i) taps[i] = (int16_t)lrintf(spectra[i] * inverse);
  } else memcpy(out, spectra, count * sizeof *spectra);
}

static bool pack_groups(dv_conv_level_response* r, const float* spectra, size_t stride, double limit)
{
  r->taps = (char*)dv_floats_new(plan_groups(r, spectra, stride, limit) * DV_UNIT_BYTES / sizeof(float));
  for (size_t g = 0; g < r->groups && r->taps; ++g) copy_group(r, g, spectra + g * stride * DV_TAP_FLOATS);
  return r->taps;
}

static bool level_response_init(dv_conv_level_response* r, const dv_conv_layout* layout, int l,
                                const float* const h[2][2], size_t length, double limit)
{
  const dv_conv_level* v = &layout->level[l];
  const size_t n = 2 * v->partition, end = level_end(layout, l) < length ? level_end(layout, l) : length;
  const size_t count = end > v->offset ? (end - v->offset - 1) / v->partition + 1 : 0;
  r->groups = v->partition / DV_F8;
  r->count = calloc(r->groups, sizeof *r->count);
  r->base = calloc(r->groups, sizeof *r->base);
  r->sum = calloc(count + 1, sizeof *r->sum);
  r->scale = calloc(r->groups, sizeof *r->scale);
  r->nyquist = dv_floats_new(4 * count);
  float* spectra = dv_floats_new(r->groups * count * DV_TAP_FLOATS);
  dv_rt_fft* fft = dv_rt_fft_new(n);
  dv_conv_workspace w = {0};
  bool ok = r->count && r->base && r->sum && r->scale && r->nyquist && spectra && fft && dv_conv_workspace_new(&w, n);
  if (ok) {
    for (size_t p = 0; p < count; ++p) {
      const size_t from = v->offset + p * v->partition;
      const size_t to = from + v->partition < end ? from + v->partition : end;
      for (int in = 0; in < 2; ++in)
        partition_spectrum(fft, &w, h[0][in], h[1][in], from, to, length, r, spectra, p, count, in);
    }
    /* taps are H/2N on P = N/2 of N bins, so their energy is that of the response over 16 P */
    ok = pack_groups(r, spectra, count, limit / (16.0 * (double)v->partition) / (double)r->groups);
  }
  dv_rt_fft_free(fft);
  free(w.memory);
  free(spectra);
  return ok;
}

/* Length after which the rest of all four holds at most `limit` energy; *total receives that of the whole. */
static size_t audible_length(const float* const h[2][2], size_t length, double share, double* total)
{
  *total = 0.0;
  for (size_t k = 0; k < length; ++k)
    for (int c = 0; c < 4; ++c) *total += (double)h[c / 2][c % 2][k] * (double)h[c / 2][c % 2][k];
  double rest = 0.0;
  for (; length > 0; --length) {
    for (int c = 0; c < 4; ++c) rest += (double)h[c / 2][c % 2][length - 1] * (double)h[c / 2][c % 2][length - 1];
    if (!(rest <= share * *total)) break;
  }
  return length;
}

dv_conv_response* dv_conv_response_new(const dv_conv_layout* layout, const float* const h[2][2], size_t length,
                                       double budget)
{
  dv_conv_response* r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->layout = *layout;
  double total;
  const size_t audible = audible_length(h, length, budget / (DV_CONV_LEVELS + 1), &total);
  for (int l = 0; l < DV_CONV_LEVELS; ++l)
    if (!level_response_init(&r->level[l], layout, l, h, audible, total * budget / (DV_CONV_LEVELS + 1))) {
      dv_conv_response_free(r);
      return NULL;
    }
  return r;
}

void dv_conv_response_free(dv_conv_response* response)
{
  if (!response) return;
  for (int l = 0; l < DV_CONV_LEVELS; ++l) {
    free(response->level[l].count);
    free(response->level[l].base);
    free(response->level[l].sum);
    free(response->level[l].scale);
    free(response->level[l].taps);
    free(response->level[l].nyquist);
  }
  free(response);
}

size_t dv_conv_response_length(const dv_conv_response* response)
{
  size_t length = 0;
  for (int l = 0; l < DV_CONV_LEVELS; ++l) {
    const dv_conv_level* v = &response->layout.level[l];
    if (response->level[l].longest) length = v->offset + response->level[l].longest * v->partition;
  }
  return length;
}
