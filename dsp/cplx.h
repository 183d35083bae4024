/* SPDX-License-Identifier: MIT */
/* Private: complex arithmetic on interleaved spectra, in the sample type. */
#ifndef DIFFVOX_CPLX_H
#define DIFFVOX_CPLX_H

#include "dsp/simd.h"

#include <stddef.h>

typedef struct {
  dv_real re, im;
} dv_cplx;

DV_INLINE dv_cplx dv_cload(const dv_real* p) { return (dv_cplx){p[0], p[1]}; }
DV_INLINE void dv_cstore(dv_real* p, dv_cplx v)
{
  p[0] = v.re;
  p[1] = v.im;
}
DV_INLINE dv_cplx dv_cadd(dv_cplx a, dv_cplx b) { return (dv_cplx){a.re + b.re, a.im + b.im}; }
DV_INLINE dv_cplx dv_cscale(dv_real s, dv_cplx a) { return (dv_cplx){s * a.re, s * a.im}; }
DV_INLINE dv_cplx dv_cmul(dv_cplx a, dv_cplx b)
{
  return (dv_cplx){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
/* a conj(b) */
DV_INLINE dv_cplx dv_cmul_conj(dv_cplx a, dv_cplx b)
{
  return (dv_cplx){a.re * b.re + a.im * b.im, a.im * b.re - a.re * b.im};
}
/* Re(a conj(b)) */
DV_INLINE dv_real dv_cdot(dv_cplx a, dv_cplx b) { return a.re * b.re + a.im * b.im; }

/* out = a b, bin by bin; out may be a. */
DV_INLINE void dv_spectrum_multiply(const dv_real* a, const dv_real* b, size_t bins, dv_real* out)
{
  for (size_t k = 0; k < bins; ++k) dv_cstore(out + 2 * k, dv_cmul(dv_cload(a + 2 * k), dv_cload(b + 2 * k)));
}

/* out = a conj(b), bin by bin; out may be a. */
DV_INLINE void dv_spectrum_multiply_conj(const dv_real* a, const dv_real* b, size_t bins, dv_real* out)
{
  for (size_t k = 0; k < bins; ++k) dv_cstore(out + 2 * k, dv_cmul_conj(dv_cload(a + 2 * k), dv_cload(b + 2 * k)));
}

/* sum += a conj(b), bin by bin. */
DV_INLINE void dv_spectrum_accumulate_conj(const dv_real* a, const dv_real* b, size_t bins, dv_real* sum)
{
  for (size_t k = 0; k < bins; ++k) {
    const dv_cplx product = dv_cmul_conj(dv_cload(a + 2 * k), dv_cload(b + 2 * k));
    dv_cstore(sum + 2 * k, dv_cadd(dv_cload(sum + 2 * k), product));
  }
}

#endif
