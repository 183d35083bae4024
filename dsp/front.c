/* SPDX-License-Identifier: MIT */
#include "dsp/front.h"

#include "dsp/fft.h"
#include "dsp/flush.h"
#include "dsp/simd.h"

#include <stdlib.h>

enum { BLOCK = 1024, BLOCK_REALS = BLOCK * DV_LANES };

/* Before a block. */
typedef struct {
  dv_cascade_state eq;
  dv_compressor_state compressor;
} checkpoint;

/* Lane signals of one block. */
typedef struct {
  dv_real x[BLOCK_REALS], eq_tape[DV_EQ_BANDS * BLOCK_REALS];
  dv_real mean[BLOCK_REALS], target[BLOCK_REALS], gain[BLOCK_REALS];
  dv_real g_filtered[BLOCK_REALS], g_gain[BLOCK_REALS], g_x[BLOCK_REALS];
  int8_t falling[BLOCK_REALS];
} block_signals;

struct dv_front {
  const dv_lookahead* filter;
  size_t samples;
  dv_real* filtered[DV_LANES]; /* z, later the gain's share of dL/dz */
  dv_real* gain[DV_LANES];     /* g, later dL/dg */
  dv_real* scratch;            /* of the look-ahead */
  checkpoint* before;
  block_signals* block;
};

static size_t block_count(const dv_front* f) { return (f->samples + BLOCK - 1) / BLOCK; }

static size_t block_length(const dv_front* f, size_t start)
{
  return f->samples - start < BLOCK ? f->samples - start : BLOCK;
}

dv_front* dv_front_new(const dv_lookahead* filter, size_t samples, size_t lanes)
{
  dv_front* f = calloc(1, sizeof *f);
  if (!f) return NULL;
  f->filter = filter;
  f->samples = samples;
  f->scratch = dv_fft_alloc(dv_lookahead_scratch_reals(filter));
  f->before = calloc(block_count(f), sizeof *f->before);
  f->block = calloc(1, sizeof *f->block);
  bool complete = f->scratch && f->before && f->block;
  for (size_t l = 0; l < lanes; ++l) {
    f->filtered[l] = dv_fft_alloc(samples);
    f->gain[l] = dv_fft_alloc(samples);
    complete = complete && f->filtered[l] && f->gain[l];
  }
  if (complete) return f;
  dv_front_free(f);
  return NULL;
}

void dv_front_free(dv_front* f)
{
  if (!f) return;
  for (size_t l = 0; l < DV_LANES; ++l) {
    dv_fft_release(f->filtered[l]);
    dv_fft_release(f->gain[l]);
  }
  dv_fft_release(f->scratch);
  free(f->before);
  free(f->block);
  free(f);
}

/* n samples from `start` on of up to DV_LANES rows into one lane signal; unused
 * lanes are silent. */
DV_HOT static void interleave(const dv_real* const* rows, size_t count, size_t start, size_t n, dv_real* lanes)
{
  if (count == DV_LANES) { /* one pass over the memory */
    const dv_real *a = rows[0] + start, *b = rows[1] + start, *c = rows[2] + start, *d = rows[3] + start;
    for (size_t i = 0; i < n; ++i) {
      const dv_real frame[DV_LANES] = {a[i], b[i], c[i], d[i]};
      memcpy(lanes + i * DV_LANES, frame, sizeof frame);
    }
    return;
  }
  memset(lanes, 0, n * DV_LANES * sizeof *lanes);
  for (size_t l = 0; l < count; ++l)
    for (size_t i = 0; i < n; ++i) lanes[i * DV_LANES + l] = rows[l][start + i];
}

/* The reverse; lanes without a row are dropped. */
DV_HOT static void take_lanes(const dv_real* lanes, size_t count, size_t start, size_t n, dv_real* const* rows)
{
  for (size_t l = 0; l < count; ++l)
    for (size_t i = 0; i < n; ++i) rows[l][start + i] = lanes[i * DV_LANES + l];
}

/* EQ and gain of a block whose input is in place, going on from *state. */
static dv_real* run_block(const dv_chain_coefs* c, size_t n, bool taped, checkpoint* state, block_signals* b)
{
  dv_real* z = b->eq_tape + (DV_EQ_BANDS - 1) * n * DV_LANES;
  const dv_compressor_tape tape = {taped ? b->mean : NULL, taped ? b->target : NULL, b->gain,
                                   taped ? b->falling : NULL};
  dv_cascade_forward(c->eq, DV_EQ_BANDS, b->x, z, n, &state->eq, taped ? b->eq_tape : NULL);
  dv_compressor_gain_forward(&c->compressor, z, n, &state->compressor, &tape);
  return z;
}

void dv_front_forward(dv_front* f, const dv_chain_coefs* c, const dv_real* const* x, size_t count)
{
  const dv_flush_state denormals = dv_flush_on(); /* filters that ring out cost 30 times as much otherwise */
  block_signals* b = f->block;
  checkpoint state = {0};
  dv_compressor_reset(&state.compressor);
  for (size_t start = 0; start < f->samples; start += BLOCK) {
    const size_t n = block_length(f, start);
    f->before[start / BLOCK] = state;
    interleave(x, count, start, n, b->x);
    take_lanes(run_block(c, n, false, &state, b), count, start, n, f->filtered);
    take_lanes(b->gain, count, start, n, f->gain);
  }
  dv_flush_restore(denormals);
}

DV_HOT static void apply_gain(const dv_real* z, const dv_real* gain, dv_real makeup, size_t count, dv_real* e)
{
  for (size_t i = 0; i < count; ++i) e[i] = z[i] * gain[i] * makeup;
}

void dv_front_output(dv_front* f, const dv_chain_coefs* c, size_t lane, dv_real* ahead, dv_real* e)
{
  const dv_flush_state denormals = dv_flush_on();
  dv_lookahead_forward_row(f->filter, f->gain[lane], ahead, f->samples, f->scratch);
  apply_gain(f->filtered[lane], ahead, (dv_real)c->compressor.makeup, f->samples, e);
  dv_flush_restore(denormals);
}

/* Adjoint of e = z G makeup: z becomes dL/dz, G becomes dL/dG; returns
 * dL/dmakeup. */
DV_HOT static double gain_vjp(const dv_real* ge, dv_real makeup, size_t count, dv_real* restrict z,
                              dv_real* restrict gain)
{
  enum { TERMS = 1024, SUMS = 16 }; /* sums in single precision stay short; several of them vectorise */
  double g_makeup = 0.0;
  for (size_t start = 0; start < count; start += TERMS) {
    const size_t end = count - start < TERMS ? count : start + TERMS;
    dv_real part[SUMS] = {0};
    for (size_t i = start; i + SUMS <= end; i += SUMS)
      for (size_t k = 0; k < SUMS; ++k) part[k] += ge[i + k] * z[i + k] * gain[i + k];
    for (size_t i = start + (end - start) / SUMS * SUMS; i < end; ++i) part[0] += ge[i] * z[i] * gain[i];
    for (size_t k = 0; k < SUMS; ++k) g_makeup += (double)part[k];
    for (size_t i = start; i < end; ++i) {
      const dv_real scaled = ge[i] * makeup, g_gain = scaled * z[i];
      z[i] = scaled * gain[i];
      gain[i] = g_gain;
    }
  }
  return g_makeup;
}

void dv_front_backward_gain(dv_front* f, const dv_chain_coefs* c, size_t lane, dv_real* ahead, dv_real* ge,
                            dv_chain_coefs* gc)
{
  const dv_flush_state denormals = dv_flush_on();
  const size_t row = f->samples * sizeof *ge;
  gc->compressor.makeup += gain_vjp(ge, (dv_real)c->compressor.makeup, f->samples, f->filtered[lane], ahead);
  memset(ge, 0, row); /* now dL/dg */
  dv_lookahead_backward_row(f->filter, f->gain[lane], ahead, ge, f->samples, &gc->compressor.lookahead_samples,
                            f->scratch);
  memcpy(f->gain[lane], ge, row);
  dv_flush_restore(denormals);
}

static void add_lanes(const dv_real* lanes, size_t count, size_t start, size_t n, dv_real* const* rows)
{
  for (size_t l = 0; l < count; ++l)
    for (size_t i = 0; rows[l] && i < n; ++i) rows[l][start + i] += lanes[i * DV_LANES + l];
}

void dv_front_backward(dv_front* f, const dv_chain_coefs* c, const dv_real* const* x, size_t count, dv_real* const* gx,
                       dv_chain_coefs* gc)
{
  const dv_flush_state denormals = dv_flush_on();
  block_signals* b = f->block;
  const dv_compressor_tape tape = {b->mean, b->target, b->gain, b->falling};
  dv_compressor_adjoint compressor = {0};
  dv_cascade_adjoint eq = {0};
  for (size_t k = block_count(f); k-- > 0;) {
    const size_t start = k * BLOCK, n = block_length(f, start);
    checkpoint state = f->before[k];
    interleave(x, count, start, n, b->x);
    const dv_real* z = run_block(c, n, true, &state, b);
    interleave((const dv_real* const*)f->gain, count, start, n, b->g_gain);
    interleave((const dv_real* const*)f->filtered, count, start, n, b->g_filtered);
    dv_compressor_gain_backward_block(&c->compressor, z, &tape, &f->before[k].compressor, b->g_gain, b->g_filtered, n,
                                      &compressor, &gc->compressor);
    if (gx) memset(b->g_x, 0, n * DV_LANES * sizeof *b->g_x);
    dv_cascade_backward_block(c->eq, DV_EQ_BANDS, b->x, b->eq_tape, b->g_filtered, gx ? b->g_x : NULL, n, &eq, gc->eq);
    if (gx) add_lanes(b->g_x, count, start, n, gx);
  }
  dv_flush_restore(denormals);
}
