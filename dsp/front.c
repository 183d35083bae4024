/* SPDX-License-Identifier: MIT */
#include "dsp/front.h"

#include "dsp/fft.h"
#include "dsp/flush.h"
#include "dsp/simd.h"

#include <stdlib.h>

struct dv_front {
  const dv_lookahead* filter;
  size_t samples;
  dv_real* filtered;     /* z, when no tape is kept */
  dv_real *gain, *ahead; /* g and G */
  dv_real* scratch;      /* of the look-ahead */
  /* for backward only */
  dv_real *eq_tape, *mean, *target, *g_filtered, *g_gain, *g_ahead;
  int8_t* falling;
};

dv_front* dv_front_new(const dv_lookahead* filter, size_t samples, bool backward)
{
  dv_front* f = calloc(1, sizeof *f);
  if (!f) return NULL;
  const size_t reals = samples * DV_LANES;
  f->filter = filter;
  f->samples = samples;
  f->gain = dv_fft_alloc(reals);
  f->ahead = dv_fft_alloc(reals);
  f->scratch = dv_fft_alloc(dv_lookahead_scratch_reals(filter));
  bool complete = f->gain && f->ahead && f->scratch;
  if (backward) {
    f->eq_tape = dv_fft_alloc(reals * DV_EQ_BANDS);
    f->mean = dv_fft_alloc(reals);
    f->target = dv_fft_alloc(reals);
    f->g_filtered = dv_fft_alloc(reals);
    f->g_gain = dv_fft_alloc(reals);
    f->g_ahead = dv_fft_alloc(reals);
    f->falling = calloc(reals, 1);
    complete = complete && f->eq_tape && f->mean && f->target && f->g_filtered && f->g_gain && f->g_ahead && f->falling;
  } else {
    f->filtered = dv_fft_alloc(reals);
    complete = complete && f->filtered;
  }
  if (!complete) {
    dv_front_free(f);
    return NULL;
  }
  return f;
}

void dv_front_free(dv_front* f)
{
  if (!f) return;
  dv_fft_release(f->filtered);
  dv_fft_release(f->gain);
  dv_fft_release(f->ahead);
  dv_fft_release(f->scratch);
  dv_fft_release(f->eq_tape);
  dv_fft_release(f->mean);
  dv_fft_release(f->target);
  dv_fft_release(f->g_filtered);
  dv_fft_release(f->g_gain);
  dv_fft_release(f->g_ahead);
  free(f->falling);
  free(f);
}

/* EQ, gain and look-ahead; returns z.  With a tape, all that backward reads. */
static const dv_real* run(dv_front* f, const dv_chain_coefs* c, const dv_real* x, bool taped)
{
  dv_cascade_state eq = {0};
  dv_compressor_state compressor;
  dv_compressor_reset(&compressor);
  dv_real* z = f->eq_tape ? f->eq_tape + (DV_EQ_BANDS - 1) * f->samples * DV_LANES : f->filtered;
  const dv_compressor_tape tape = {taped ? f->mean : NULL, taped ? f->target : NULL, f->gain,
                                   taped ? f->falling : NULL};
  dv_cascade_forward(c->eq, DV_EQ_BANDS, x, z, f->samples, &eq, taped ? f->eq_tape : NULL);
  dv_compressor_gain_forward(&c->compressor, z, f->samples, &compressor, &tape);
  dv_lookahead_forward(f->filter, f->gain, f->ahead, f->samples, f->scratch);
  return z;
}

DV_HOT static void apply_gain(const dv_real* z, const dv_real* gain, dv_real makeup, size_t count, dv_real* e)
{
  for (size_t i = 0; i < count; ++i) e[i] = z[i] * gain[i] * makeup;
}

void dv_front_forward(dv_front* f, const dv_chain_coefs* c, const dv_real* x, dv_real* e)
{
  const dv_flush_state denormals = dv_flush_on(); /* filters that ring out cost 30 times as much otherwise */
  const dv_real* z = run(f, c, x, false);
  apply_gain(z, f->ahead, (dv_real)c->compressor.makeup, f->samples * DV_LANES, e);
  dv_flush_restore(denormals);
}

/* Adjoint of e = z G makeup; returns dL/dmakeup. */
DV_HOT static double gain_vjp(const dv_real* z, const dv_real* gain, dv_real makeup, const dv_real* ge, size_t count,
                              dv_real* g_z, dv_real* g_gain)
{
  enum { BLOCK = 1024 }; /* sums in single precision stay short */
  double g_makeup = 0.0;
  for (size_t start = 0; start < count; start += BLOCK) {
    const size_t end = count - start < BLOCK ? count : start + BLOCK;
    dv_real part[8] = {0}; /* independent sums, so that the loop vectorises */
    for (size_t i = start; i < end; ++i) {
      const dv_real scaled = ge[i] * makeup;
      g_z[i] = scaled * gain[i];
      g_gain[i] = scaled * z[i];
    }
    for (size_t i = start; i + 8 <= end; i += 8)
      for (size_t k = 0; k < 8; ++k) part[k] += ge[i + k] * z[i + k] * gain[i + k];
    for (size_t i = start + (end - start) / 8 * 8; i < end; ++i) part[0] += ge[i] * z[i] * gain[i];
    for (size_t k = 0; k < 8; ++k) g_makeup += (double)part[k];
  }
  return g_makeup;
}

void dv_front_backward(dv_front* f, const dv_chain_coefs* c, const dv_real* x, const dv_real* ge, dv_real* gx,
                       dv_chain_coefs* gc)
{
  const size_t count = f->samples * DV_LANES;
  const dv_flush_state denormals = dv_flush_on();
  const dv_real* z = run(f, c, x, true);
  const dv_compressor_tape tape = {f->mean, f->target, f->gain, f->falling};
  gc->compressor.makeup += gain_vjp(z, f->ahead, (dv_real)c->compressor.makeup, ge, count, f->g_filtered, f->g_ahead);
  memset(f->g_gain, 0, count * sizeof *f->g_gain);
  dv_lookahead_backward(f->filter, f->gain, f->g_ahead, f->g_gain, f->samples, &gc->compressor.lookahead_samples,
                        f->scratch);
  dv_compressor_gain_backward(&c->compressor, z, &tape, f->g_gain, f->g_filtered, f->samples, &gc->compressor);
  dv_cascade_backward(c->eq, DV_EQ_BANDS, x, f->eq_tape, f->g_filtered, gx, f->samples, gc->eq);
  dv_flush_restore(denormals);
}
