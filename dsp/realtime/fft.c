/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/fft.h"

#include "dsp/realtime/vector.h"

#include <math.h>

enum { MAX_STEPS = 20 };

/* One pass of the Stockham recursion: n points left in each of s interleaved subsequences. */
typedef struct {
  int radix; /* 4 or 2; 8 for the closing step across the lanes */
  size_t n, s;
  const float* twiddles; /* radix 4: per p re, im of w, w^2, w^3.  radix 8: per item 8 re vectors, 8 im */
} fft_step;

struct dv_rt_fft {
  size_t n;
  int steps;
  fft_step step[MAX_STEPS];
  float* tables;
};

static void fill_radix4(float* t, size_t n)
{
  for (size_t p = 0; p < n / 4; ++p)
    for (size_t k = 1; k <= 3; ++k) {
      const double w = -2.0 * M_PI * (double)(k * p) / (double)n;
      *t++ = (float)cos(w);
      *t++ = (float)sin(w);
    }
}

/* Lane q of output index k of the subsequences is turned by e^{-i 2 pi q k/N}. */
static void fill_closing(float* t, size_t n)
{
  for (size_t k = 0; k < n / DV_F8; ++k)
    for (size_t q = 0; q < DV_F8; ++q) {
      const double w = -2.0 * M_PI * (double)(k * q) / (double)n;
      float* row = t + k / DV_F8 * 128 + k % DV_F8 * DV_F8;
      row[q] = (float)cos(w);
      row[64 + q] = (float)sin(w);
    }
}

dv_rt_fft* dv_rt_fft_new(size_t n)
{
  if (n < 64 || (n & (n - 1))) return NULL;
  dv_rt_fft* fft = calloc(1, sizeof *fft);
  float* t = dv_floats_new(3 * n);
  if (!fft || !t) {
    free(fft);
    free(t);
    return NULL;
  }
  fft->n = n;
  fft->tables = t;
  fill_closing(t, n); /* first: its vectors must be aligned */
  const fft_step closing = {8, DV_F8, n / DV_F8, t};
  t += 2 * n;
  for (size_t left = n / DV_F8, s = DV_F8; left > 1;) {
    const int radix = left >= 4 ? 4 : 2;
    fft->step[fft->steps++] = (fft_step){radix, left, s, t};
    if (radix == 4) {
      fill_radix4(t, left);
      t += left / 4 * 6;
    }
    left /= (size_t)radix;
    s *= (size_t)radix;
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

size_t dv_rt_fft_items(const dv_rt_fft* fft, int step)
{
  return fft->n / DV_F8 / (size_t)fft->step[step].radix;
}

unsigned dv_rt_fft_item_cost(const dv_rt_fft* fft, int step)
{
  switch (fft->step[step].radix) {
    case 2: return 6;
    case 4: return 16;
    default: return 90;
  }
}

typedef struct { dv_f8 re, im; } c8;

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

DV_INLINE c8 c8_turn(c8 a, const float* w) { return c8_mul(a, dv_f8_set(w[0]), dv_f8_set(w[1])); }

DV_INLINE void radix4_item(dv_rt_complex x, dv_rt_complex y, size_t in, size_t apart, size_t out, size_t s,
                           const float* w)
{
  const c8 a = c8_load(x, in), b = c8_load(x, in + apart), c = c8_load(x, in + 2 * apart),
           d = c8_load(x, in + 3 * apart);
  const c8 ac = c8_add(a, c), a_c = c8_sub(a, c), bd = c8_add(b, d), b_d = c8_sub(b, d);
  c8_store(y, out, c8_add(ac, bd));
  c8_store(y, out + s, c8_turn(c8_minus_i(a_c, b_d), w));
  c8_store(y, out + 2 * s, c8_turn(c8_sub(ac, bd), w + 2));
  c8_store(y, out + 3 * s, c8_turn(c8_plus_i(a_c, b_d), w + 4));
}

DV_INLINE void radix4(const fft_step* f, dv_rt_complex x, dv_rt_complex y, size_t from, size_t to)
{
  const size_t s = f->s, per_p = s / DV_F8, apart = s * f->n / 4;
  size_t p = from / per_p, q = from % per_p;
  for (size_t left = to - from; left > 0; ++p, q = 0) {
    const size_t run = per_p - q < left ? per_p - q : left;
    const float* w = f->twiddles + 6 * p;
    for (size_t i = q; i < q + run; ++i)
      radix4_item(x, y, p * s + i * DV_F8, apart, 4 * p * s + i * DV_F8, s, w);
    left -= run;
  }
}

/* Only ever the last of the recursion: n = 2, so without twiddles. */
DV_INLINE void radix2(const fft_step* f, dv_rt_complex x, dv_rt_complex y, size_t from, size_t to)
{
  for (size_t i = from * DV_F8; i < to * DV_F8; i += DV_F8) {
    const c8 a = c8_load(x, i), b = c8_load(x, i + f->s);
    c8_store(y, i, c8_add(a, b));
    c8_store(y, i + f->s, c8_sub(a, b));
  }
}

/* Eight spectra values of each of the eight subsequences -> eight values of each eighth of the result. */
DV_INLINE void closing_item(const fft_step* f, dv_rt_complex x, dv_rt_complex y, size_t item)
{
  const float* w = f->twiddles + item * 128;
  dv_f8 re[8], im[8];
  for (size_t r = 0; r < 8; ++r) {
    const c8 v = c8_mul(c8_load(x, item * 64 + r * 8), dv_f8_load(w + r * 8), dv_f8_load(w + 64 + r * 8));
    re[r] = v.re;
    im[r] = v.im;
  }
  dv_f8_transpose(re);
  dv_f8_transpose(im);
  c8 z[8];
  for (int r = 0; r < 8; ++r) z[r] = (c8){re[r], im[r]};
  const c8 a0 = c8_add(z[0], z[4]), a1 = c8_sub(z[0], z[4]), a2 = c8_add(z[2], z[6]), a3 = c8_sub(z[2], z[6]);
  const c8 b0 = c8_add(z[1], z[5]), b1 = c8_sub(z[1], z[5]), b2 = c8_add(z[3], z[7]), b3 = c8_sub(z[3], z[7]);
  const c8 e0 = c8_add(a0, a2), e2 = c8_sub(a0, a2), e1 = c8_minus_i(a1, a3), e3 = c8_plus_i(a1, a3);
  const c8 o0 = c8_add(b0, b2), o2 = c8_sub(b0, b2), u1 = c8_minus_i(b1, b3), u3 = c8_plus_i(b1, b3);
  const dv_f8 h = dv_f8_set((float)M_SQRT1_2);
  const c8 o1 = {(u1.re + u1.im) * h, (u1.im - u1.re) * h}, o3 = {(u3.im - u3.re) * h, -(u3.re + u3.im) * h};
  const size_t s = f->s, at = item * 8;
  c8_store(y, at, c8_add(e0, o0));
  c8_store(y, at + s, c8_add(e1, o1));
  c8_store(y, at + 2 * s, c8_minus_i(e2, o2));
  c8_store(y, at + 3 * s, c8_add(e3, o3));
  c8_store(y, at + 4 * s, c8_sub(e0, o0));
  c8_store(y, at + 5 * s, c8_sub(e1, o1));
  c8_store(y, at + 6 * s, c8_plus_i(e2, o2));
  c8_store(y, at + 7 * s, c8_sub(e3, o3));
}

DV_HOT void dv_rt_fft_run(const dv_rt_fft* fft, int step, dv_rt_complex x, dv_rt_complex y, size_t from, size_t to)
{
  const fft_step* f = &fft->step[step];
  switch (f->radix) {
    case 4: radix4(f, x, y, from, to); break;
    case 2: radix2(f, x, y, from, to); break;
    default:
      for (size_t i = from; i < to; ++i) closing_item(f, x, y, i);
  }
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
