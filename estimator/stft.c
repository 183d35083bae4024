/* SPDX-License-Identifier: MIT */
#include "estimator/stft.h"

#include "dsp/simd.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Radix 4 down to blocks of 8.  Blocks of at most SMALL stay in the first-level cache and are finished one by
   one. */
enum { BASE = 8, SMALL = 128, MIDDLE = 512, LARGE = 2048, LEVELS_MAX = 5 };

/* e^{-2 pi i k/n}, its square and its cube, for k < n/4. */
typedef struct {
  double re[3], im[3];
} twiddle;

struct dv_stft {
  size_t size;
  double* window; /* half of it */
  uint16_t* positions;
  twiddle* twiddles[LEVELS_MAX]; /* of size, size / 4, ... */
};

size_t dv_stft_size(const dv_stft* stft) { return stft->size; }
size_t dv_stft_hop(const dv_stft* stft) { return stft->size / 4; }
size_t dv_stft_bins(const dv_stft* stft) { return stft->size / 2 + 1; }
const uint16_t* dv_stft_positions(const dv_stft* stft) { return stft->positions; }

static twiddle* new_twiddles(size_t n)
{
  twiddle* w = calloc(n / 4, sizeof *w);
  for (size_t k = 0; w && k < n / 4; ++k)
    for (size_t power = 1; power <= 3; ++power) {
      const double angle = -2.0 * M_PI * (double)(power * k) / (double)n;
      w[k].re[power - 1] = cos(angle);
      w[k].im[power - 1] = sin(angle);
    }
  return w;
}

/* The frequency at a position: a block's quarters hold the frequencies 0, 1, 2, 3 modulo 4. */
static size_t frequency_at(size_t position, size_t n)
{
  if (n == BASE) return position;
  return 4 * frequency_at(position % (n / 4), n / 4) + position / (n / 4);
}

dv_stft* dv_stft_new(size_t size)
{
  dv_stft* stft = calloc(1, sizeof *stft);
  if (!stft) return NULL;
  stft->size = size;
  stft->window = calloc(size, sizeof *stft->window);
  stft->positions = calloc(size, sizeof *stft->positions);
  bool complete = stft->window && stft->positions;
  for (size_t level = 0, n = size; n > BASE; ++level, n /= 4)
    complete = (stft->twiddles[level] = new_twiddles(n)) && complete;
  if (!complete) {
    dv_stft_free(stft);
    return NULL;
  }
  for (size_t i = 0; i < size; ++i) {
    stft->window[i] = 0.25 - 0.25 * cos(2.0 * M_PI * (double)i / (double)size);
    stft->positions[frequency_at(i, size)] = (uint16_t)i;
  }
  return stft;
}

void dv_stft_free(dv_stft* stft)
{
  if (!stft) return;
  for (int level = 0; level < LEVELS_MAX; ++level) free(stft->twiddles[level]);
  free(stft->positions);
  free(stft->window);
  free(stft);
}

/* ---- butterflies; sign: -1 forward, +1 back ---- */

DV_INLINE dv_frames_pair add(dv_frames_pair a, dv_frames_pair b) { return (dv_frames_pair){a.re + b.re, a.im + b.im}; }
DV_INLINE dv_frames_pair sub(dv_frames_pair a, dv_frames_pair b) { return (dv_frames_pair){a.re - b.re, a.im - b.im}; }
DV_INLINE dv_frames_pair turn(dv_frames_pair a, int sign) /* a e^{sign i pi/2} */
{
  return sign < 0 ? (dv_frames_pair){a.im, -a.re} : (dv_frames_pair){-a.im, a.re};
}
DV_INLINE dv_frames_pair rotate(dv_frames_pair a, double re, double im)
{
  return (dv_frames_pair){a.re * re - a.im * im, a.re * im + a.im * re};
}

/* x[0 .. 3] to their DFT. */
DV_INLINE void dft4(dv_frames_pair x[4], int sign)
{
  const dv_frames_pair s0 = add(x[0], x[2]), s1 = sub(x[0], x[2]), s2 = add(x[1], x[3]);
  const dv_frames_pair s3 = turn(sub(x[1], x[3]), sign);
  x[0] = add(s0, s2);
  x[1] = add(s1, s3);
  x[2] = sub(s0, s2);
  x[3] = sub(s1, s3);
}

DV_INLINE void dft8(dv_frames_pair* z, int sign)
{
  dv_frames_pair even[4], odd[4];
  for (int j = 0; j < 4; ++j) {
    even[j] = add(z[j], z[j + 4]);
    odd[j] = sub(z[j], z[j + 4]);
  }
  odd[1] = rotate(odd[1], M_SQRT1_2, sign * M_SQRT1_2);
  odd[2] = turn(odd[2], sign);
  odd[3] = rotate(odd[3], -M_SQRT1_2, sign * M_SQRT1_2);
  dft4(even, sign);
  dft4(odd, sign);
  for (int j = 0; j < 4; ++j) {
    z[2 * j] = even[j];
    z[2 * j + 1] = odd[j];
  }
}

/* The quarters' element k, transformed and turned, to their places. */
DV_INLINE void split_element(dv_frames_pair x[4], size_t n, size_t k, const twiddle* w, dv_frames_pair* z)
{
  dft4(x, -1);
  z[k] = x[0];
  for (size_t j = 1; j < 4; ++j) z[k + j * n / 4] = rotate(x[j], w[k].re[j - 1], w[k].im[j - 1]);
}

DV_INLINE void split_block(dv_frames_pair* z, size_t n, const twiddle* w)
{
  for (size_t k = 0; k < n / 4; ++k) {
    dv_frames_pair x[4] = {z[k], z[k + n / 4], z[k + n / 2], z[k + 3 * n / 4]};
    split_element(x, n, k, w, z);
  }
}

/* What a transform begins with: two frames and their window. */
typedef struct {
  const double* window;
  const dv_frames *a, *b, *active;
} framed;

/* split_block of the windowed frames. */
DV_INLINE void split_framed(const framed* f, size_t n, const twiddle* w, dv_frames_pair* restrict z)
{
  const dv_frames active_a = f->active[0], active_b = f->active[1];
  for (size_t k = 0; k < n / 4; ++k) {
    dv_frames_pair x[4];
    for (size_t j = 0; j < 4; ++j) {
      const size_t i = k + j * n / 4;
      x[j] = (dv_frames_pair){f->window[i] * active_a * f->a[i], f->window[i] * active_b * f->b[i]};
    }
    split_element(x, n, k, w, z);
  }
}

DV_INLINE void join_block(dv_frames_pair* z, size_t n, const twiddle* w)
{
  for (size_t k = 0; k < n / 4; ++k) {
    dv_frames_pair x[4] = {z[k]};
    for (size_t j = 1; j < 4; ++j) x[j] = rotate(z[k + j * n / 4], w[k].re[j - 1], -w[k].im[j - 1]);
    dft4(x, 1);
    for (size_t j = 0; j < 4; ++j) z[k + j * n / 4] = x[j];
  }
}

/* What is left of a block of SMALL after its first split.  twiddles: of SMALL / 4. */
DV_INLINE void split_rest(dv_frames_pair* z, const twiddle* twiddles)
{
  for (size_t at = 0; at < SMALL; at += SMALL / 4) split_block(z + at, SMALL / 4, twiddles);
  for (size_t at = 0; at < SMALL; at += BASE) dft8(z + at, -1);
}

/* What is left of a block of MIDDLE after its first split.  twiddles: of SMALL and SMALL / 4. */
DV_INLINE void split_smalls(dv_frames_pair* z, twiddle* const* twiddles)
{
  for (size_t at = 0; at < MIDDLE; at += SMALL) {
    split_block(z + at, SMALL, twiddles[0]);
    split_rest(z + at, twiddles[1]);
  }
}

/* twiddles: of SMALL and SMALL / 4. */
DV_INLINE void join_small(dv_frames_pair* z, twiddle* const* twiddles)
{
  for (size_t at = 0; at < SMALL; at += BASE) dft8(z + at, 1);
  for (size_t at = 0; at < SMALL; at += SMALL / 4) join_block(z + at, SMALL / 4, twiddles[1]);
  join_block(z, SMALL, twiddles[0]);
}

/* ---- transforms ---- */

static DV_HOT void split_all(const framed* f, size_t n, twiddle* const* twiddles, dv_frames_pair* z)
{
  split_framed(f, n, twiddles[0], z);
  if (n == LARGE)
    for (size_t at = 0; at < LARGE; at += MIDDLE) {
      split_block(z + at, MIDDLE, twiddles[1]);
      split_smalls(z + at, twiddles + 2);
    }
  else if (n == MIDDLE) split_smalls(z, twiddles + 1);
  else split_rest(z, twiddles[1]);
}

static DV_HOT void join_all(dv_frames_pair* z, size_t n, twiddle* const* twiddles)
{
  const size_t level = n == LARGE ? 1 : 0;
  if (n == LARGE || n == MIDDLE)
    for (size_t at = 0; at < n; at += MIDDLE) {
      for (size_t small = at; small < at + MIDDLE; small += SMALL) join_small(z + small, twiddles + level + 1);
      join_block(z + at, MIDDLE, twiddles[level]);
    }
  else join_small(z, twiddles);
  if (n == LARGE) join_block(z, LARGE, twiddles[0]);
}

void dv_stft_forward(const dv_stft* stft, const dv_frames* x, const dv_frames active[2], dv_frames_pair* z)
{
  const framed f = {stft->window, x, x + dv_stft_hop(stft), active};
  split_all(&f, stft->size, stft->twiddles, z);
}

static DV_HOT void add_windowed(const double* restrict window, const dv_frames_pair* restrict z, size_t n, size_t hop,
                                dv_frames* restrict gx)
{
  for (size_t i = 0; i < hop; ++i) gx[i] += window[i] * z[i].re;
  for (size_t i = hop; i < n; ++i) gx[i] += window[i] * z[i].re + window[i - hop] * z[i - hop].im;
  for (size_t i = n - hop; i < n; ++i) gx[i + hop] += window[i] * z[i].im;
}

void dv_stft_backward(const dv_stft* stft, dv_frames_pair* z, dv_frames* gx)
{
  join_all(z, stft->size, stft->twiddles);
  add_windowed(stft->window, z, stft->size, dv_stft_hop(stft), gx);
}
