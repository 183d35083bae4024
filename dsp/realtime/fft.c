/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/fft.h"

#include "dsp/realtime/vector.h"

#include <math.h>

enum { MAX_STEPS = 20, LEAPING = 64 /* s of the second pass */ };

/* One pass of the Stockham recursion: n points left in each of s interleaved subsequences. */
typedef struct {
  enum { RADIX8, RADIX4, CLOSING } kind; /* closing: radix 8 across the lanes */
  size_t n, s;
  const float* twiddles; /* per p: w^0 .. w^(radix-1), re and then im; closing: vectors, re and then im */
} fft_step;

struct dv_rt_fft {
  size_t n;
  int steps;
  fft_step step[MAX_STEPS];
  float* tables;
};

static size_t radix_of(const fft_step* f) { return f->kind == RADIX4 ? 4 : 8; }

static float* fill_twiddles(float* t, size_t n, size_t radix)
{
  for (size_t p = 0; p < n / radix; ++p, t += 2 * radix)
    for (size_t k = 0; k < radix; ++k) {
      const double w = -2.0 * M_PI * (double)(k * p) / (double)n;
      t[k] = (float)cos(w);
      t[radix + k] = (float)sin(w);
    }
  return t;
}

/* Vector v has lane q turned by e^{-i 2 pi q step v/N}. */
static float* fill_lanes(float* t, size_t n, size_t vectors, size_t step)
{
  for (size_t v = 0; v < vectors; ++v, t += 2 * DV_F8)
    for (size_t q = 0; q < DV_F8; ++q) {
      const double w = -2.0 * M_PI * (double)(q * step * v) / (double)n;
      t[q] = (float)cos(w);
      t[DV_F8 + q] = (float)sin(w);
    }
  return t;
}

/* Lane q of output index k of the subsequences is turned by e^{-i 2 pi q k/N}: by what row k mod 8 needs, then by what
   the item needs, for one table of all k would fill the caches. */
static float* fill_closing(float* t, size_t n) { return fill_lanes(fill_lanes(t, n, DV_F8, 1), n, n / 64, DV_F8); }

dv_rt_fft* dv_rt_fft_new(size_t n)
{
  if (n < 64 || (n & (n - 1))) return NULL;
  dv_rt_fft* fft = calloc(1, sizeof *fft);
  float* t = dv_floats_new(n + 128); /* closing 128 and N/4, the others less than N/2 together */
  if (!fft || !t) {
    free(fft);
    free(t);
    return NULL;
  }
  fft->n = n;
  fft->tables = t;
  const fft_step closing = {CLOSING, DV_F8, n / DV_F8, t};
  t = fill_closing(t, n); /* first: its vectors must be aligned */
  for (size_t left = n / DV_F8, s = DV_F8; left > 1;) {
    /* radix 8 means fewer passes through memory; 16 is better cut in 4 and 4 than in 8 and 2 */
    const size_t radix = left == 4 || left == 16 ? 4 : 8;
    fft->step[fft->steps++] = (fft_step){radix == 4 ? RADIX4 : RADIX8, left, s, t};
    t = fill_twiddles(t, left, radix);
    left /= radix;
    s *= radix;
  }
  fft->step[fft->steps++] = closing;
  return fft;
}

void dv_rt_fft_free(dv_rt_fft* fft)
{
  if (!fft) return;
  free(fft->tables);
  free(fft);
}

size_t dv_rt_fft_size(const dv_rt_fft* fft) { return fft->n; }

int dv_rt_fft_steps(const dv_rt_fft* fft) { return fft->steps; }

size_t dv_rt_fft_items(const dv_rt_fft* fft, int step) { return fft->n / DV_F8 / radix_of(&fft->step[step]); }

unsigned dv_rt_fft_item_cost(const dv_rt_fft* fft, int step)
{
  switch (fft->step[step].kind) {
  case RADIX8: return 52;
  case RADIX4: return 17;
  default: return 58;
  }
}

int dv_rt_fft_parts(const dv_rt_fft* fft) { return (int)radix_of(&fft->step[0]); }

typedef struct {
  dv_f8 re, im;
} c8;

DV_INLINE c8 c8_load(dv_rt_complex x, size_t at) { return (c8){dv_f8_load(x.re + at), dv_f8_load(x.im + at)}; }
DV_INLINE void c8_store(dv_rt_complex y, size_t at, c8 v)
{
  dv_f8_store(y.re + at, v.re);
  dv_f8_store(y.im + at, v.im);
}
DV_INLINE c8 c8_add(c8 a, c8 b) { return (c8){a.re + b.re, a.im + b.im}; }
DV_INLINE c8 c8_sub(c8 a, c8 b) { return (c8){a.re - b.re, a.im - b.im}; }
DV_INLINE c8 c8_mul(c8 a, dv_f8 re, dv_f8 im) { return (c8){a.re * re - a.im * im, a.re * im + a.im * re}; }
DV_INLINE c8 c8_minus_i(c8 a, c8 b) { return (c8){a.re + b.im, a.im - b.re}; } /* a - i b */
DV_INLINE c8 c8_plus_i(c8 a, c8 b) { return (c8){a.re - b.im, a.im + b.re}; }  /* a + i b */

DV_INLINE c8 c8_turn(c8 a, c8 w) { return c8_mul(a, w.re, w.im); }

/* Where the parts of a step's input begin. */
typedef struct {
  const float *re[8], *im[8];
} streams;

DV_INLINE c8 part_load(const streams* x, int j, size_t at)
{
  return (c8){dv_f8_load(x->re[j] + at), dv_f8_load(x->im[j] + at)};
}

/* DFT of eight, in place, natural order. */
DV_INLINE void butterfly8(c8 z[8])
{
  const c8 a0 = c8_add(z[0], z[4]), a1 = c8_sub(z[0], z[4]), a2 = c8_add(z[2], z[6]), a3 = c8_sub(z[2], z[6]);
  const c8 b0 = c8_add(z[1], z[5]), b1 = c8_sub(z[1], z[5]), b2 = c8_add(z[3], z[7]), b3 = c8_sub(z[3], z[7]);
  const c8 e0 = c8_add(a0, a2), e2 = c8_sub(a0, a2), e1 = c8_minus_i(a1, a3), e3 = c8_plus_i(a1, a3);
  const c8 o0 = c8_add(b0, b2), o2 = c8_sub(b0, b2), u1 = c8_minus_i(b1, b3), u3 = c8_plus_i(b1, b3);
  const dv_f8 h = dv_f8_set((float)M_SQRT1_2);
  const c8 o1 = {(u1.re + u1.im) * h, (u1.im - u1.re) * h}, o3 = {(u3.im - u3.re) * h, -(u3.re + u3.im) * h};
  z[0] = c8_add(e0, o0);
  z[1] = c8_add(e1, o1);
  z[2] = c8_minus_i(e2, o2);
  z[3] = c8_add(e3, o3);
  z[4] = c8_sub(e0, o0);
  z[5] = c8_sub(e1, o1);
  z[6] = c8_plus_i(e2, o2);
  z[7] = c8_sub(e3, o3);
}

DV_INLINE void radix8_item(const streams* x, dv_rt_complex y, size_t in, size_t out, size_t s, const c8* w)
{
  c8 z[8];
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) z[j] = part_load(x, j, in);
  butterfly8(z);
  c8_store(y, out, z[0]);
#pragma GCC unroll 8
  for (int k = 1; k < 8; ++k) c8_store(y, out + (size_t)k * s, c8_turn(z[k], w[k]));
}

DV_INLINE void radix4_item(const streams* x, dv_rt_complex y, size_t in, size_t out, size_t s, const c8* w)
{
  const c8 a = part_load(x, 0, in), b = part_load(x, 1, in), c = part_load(x, 2, in), d = part_load(x, 3, in);
  const c8 ac = c8_add(a, c), a_c = c8_sub(a, c), bd = c8_add(b, d), b_d = c8_sub(b, d);
  c8_store(y, out, c8_add(ac, bd));
  c8_store(y, out + s, c8_turn(c8_minus_i(a_c, b_d), w[1]));
  c8_store(y, out + 2 * s, c8_turn(c8_sub(ac, bd), w[2]));
  c8_store(y, out + 3 * s, c8_turn(c8_plus_i(a_c, b_d), w[3]));
}

#define LANE(v, k) __builtin_shufflevector(v, v, k, k, k, k, k, k, k, k)

/* Twiddles of one p, each in all lanes; the constant number of lanes to pick from keeps GCC from assembling
   vectors piece by piece. */
DV_INLINE void twiddles8(const float* t, c8 w[8])
{
  const dv_f8 re = dv_f8_load(t), im = dv_f8_load(t + 8);
  w[1] = (c8){LANE(re, 1), LANE(im, 1)};
  w[2] = (c8){LANE(re, 2), LANE(im, 2)};
  w[3] = (c8){LANE(re, 3), LANE(im, 3)};
  w[4] = (c8){LANE(re, 4), LANE(im, 4)};
  w[5] = (c8){LANE(re, 5), LANE(im, 5)};
  w[6] = (c8){LANE(re, 6), LANE(im, 6)};
  w[7] = (c8){LANE(re, 7), LANE(im, 7)};
}

DV_INLINE void twiddles4(const float* t, c8 w[8])
{
  const dv_f8 both = dv_f8_load(t);
  w[1] = (c8){LANE(both, 1), LANE(both, 5)};
  w[2] = (c8){LANE(both, 2), LANE(both, 6)};
  w[3] = (c8){LANE(both, 3), LANE(both, 7)};
}

/* The second pass leaps from line to line of what it writes, so that the processor does not foresee the next ones. */
DV_INLINE void announce(dv_rt_complex y, size_t at, size_t stride, size_t count)
{
  for (size_t k = 0; k < count; ++k) {
    __builtin_prefetch(y.re + at + k * stride, 1);
    __builtin_prefetch(y.im + at + k * stride, 1);
  }
}

/* radix is a compile-time constant.  The copy of the pointers tells the compiler that no store changes them. */
DV_INLINE void pass(const fft_step* f, size_t radix, const streams* in, dv_rt_complex y, size_t from, size_t to)
{
  const streams x = *in;
  const size_t s = f->s, per_p = s / DV_F8;
  size_t p = from / per_p, q = from % per_p;
  for (size_t left = to - from; left > 0; ++p, q = 0) {
    const size_t run = per_p - q < left ? per_p - q : left;
    c8 w[8];
    if (radix == 8) twiddles8(f->twiddles + 16 * p, w);
    else twiddles4(f->twiddles + 8 * p, w);
    for (size_t i = q; i < q + run; ++i) {
      if (s == LEAPING && i % 2 == 0) announce(y, (p + 1) * radix * s + i * DV_F8, s, radix);
      if (radix == 8) radix8_item(&x, y, p * s + i * DV_F8, 8 * p * s + i * DV_F8, s, w);
      else radix4_item(&x, y, p * s + i * DV_F8, 4 * p * s + i * DV_F8, s, w);
    }
    left -= run;
  }
}

DV_INLINE c8 twiddle(const fft_step* closing, size_t vector)
{
  const float* t = closing->twiddles + vector * 2 * DV_F8;
  return (c8){dv_f8_load(t), dv_f8_load(t + DV_F8)};
}

/* Eight spectra values of each of the eight subsequences -> z[k]: eight values of the k-th eighth of the result. */
DV_INLINE void close_item(const fft_step* f, dv_rt_complex x, size_t item, c8 z[8])
{
  const c8 turn = twiddle(f, DV_F8 + item);
  dv_f8 re[8], im[8];
  for (size_t r = 0; r < 8; ++r) {
    const c8 v = c8_turn(c8_turn(c8_load(x, item * 64 + r * 8), twiddle(f, r)), turn);
    re[r] = v.re;
    im[r] = v.im;
  }
  dv_f8_transpose(re);
  dv_f8_transpose(im);
  for (int r = 0; r < 8; ++r) z[r] = (c8){re[r], im[r]};
  butterfly8(z);
}

/* Eighths `first` .. 7 of the result, `first` becoming the beginning of y. */
DV_INLINE void closing(const fft_step* f, int first, dv_rt_complex x, dv_rt_complex y, size_t from, size_t to)
{
  for (size_t i = from; i < to; ++i) {
    c8 z[8];
    close_item(f, x, i, z);
    for (int k = first; k < 8; ++k) c8_store(y, (size_t)(k - first) * f->s + i * DV_F8, z[k]);
  }
}

DV_INLINE void any_pass(const fft_step* f, const streams* x, dv_rt_complex y, size_t from, size_t to)
{
  if (f->kind == RADIX8) pass(f, 8, x, y, from, to);
  else pass(f, 4, x, y, from, to);
}

DV_HOT void dv_rt_fft_run(const dv_rt_fft* fft, int step, dv_rt_complex x, dv_rt_complex y, size_t from, size_t to)
{
  const fft_step* f = &fft->step[step];
  if (f->kind == CLOSING) {
    closing(f, 0, x, y, from, to);
    return;
  }
  streams parts;
  const size_t count = radix_of(f);
  for (size_t j = 0; j < count; ++j) {
    parts.re[j] = x.re + j * (fft->n / count);
    parts.im[j] = x.im + j * (fft->n / count);
  }
  any_pass(f, &parts, y, from, to);
}

DV_HOT void dv_rt_fft_run_first(const dv_rt_fft* fft, const float* const* re, const float* const* im, dv_rt_complex y,
                                size_t from, size_t to)
{
  streams parts;
  for (int j = 0; j < dv_rt_fft_parts(fft); ++j) {
    parts.re[j] = re[j];
    parts.im[j] = im[j];
  }
  any_pass(&fft->step[0], &parts, y, from, to);
}

DV_HOT void dv_rt_fft_run_last_half(const dv_rt_fft* fft, dv_rt_complex x, dv_rt_complex y, size_t from, size_t to)
{
  closing(&fft->step[fft->steps - 1], 4, x, y, from, to);
}

dv_rt_complex dv_rt_fft_whole(const dv_rt_fft* fft, dv_rt_complex a, dv_rt_complex b)
{
  for (int k = 0; k < fft->steps; ++k) {
    dv_rt_fft_run(fft, k, a, b, 0, dv_rt_fft_items(fft, k));
    const dv_rt_complex swap = a;
    a = b;
    b = swap;
  }
  return a;
}
