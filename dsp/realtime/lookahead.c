/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/lookahead.h"

#include "dsp/compressor.h"
#include "dsp/realtime/fade.h"
#include "dsp/realtime/fft.h"
#include "dsp/realtime/fir.h"

/* Spectra of real windows of two quanta: bins 0 .. 64, padded to whole vectors. */
enum { FFT_SIZE = 2 * DV_QUANTUM, BINS = 72, SPECTRUM = 2 * BINS };

enum { PART_EVERY = 4 }; /* quanta: a part is dear next to what else a quantum costs */

/* The taps for one D; index = age of the gain they weigh. */
typedef struct {
  double delay;
  float direct[DV_FIR_TAPS];
  double rest;    /* sum of all others */
  float* spectra; /* [partition][re, im][BINS], the first being that of taps 64 .. 127 */
} tap_set;

struct dv_rt_lookahead {
  int before, after;
  size_t partitions;
  dv_rt_fft* fft;
  float* work;             /* four arrays of FFT_SIZE */
  double taps[DV_QUANTUM]; /* of one part */
  tap_set set[2];
  int current;   /* of set; the other fades in */
  bool changing; /* the other one is being computed, part by part */
  size_t part;   /* the next */
  int wait;      /* quanta until then */
  double target;
  int fade, fade_quanta;               /* quanta done, -1: no fade */
  float* history;                      /* spectra of the last windows, [slot][SPECTRUM] */
  size_t head;                         /* slot of the newest; older ones follow */
  bool empty;                          /* no gain since reset */
  size_t steady;                       /* quanta since two differed */
  float gains[2 * DV_QUANTUM + DV_F8]; /* the last and the running quantum */
  float partial[2][DV_QUANTUM];        /* what the partitions give in the running quantum, current and other */
};

static dv_rt_complex work_pair(const dv_rt_lookahead* la, int which)
{
  float* memory = la->work + which * 2 * FFT_SIZE;
  return (dv_rt_complex){memory, memory + FFT_SIZE};
}

dv_rt_lookahead* dv_rt_lookahead_new(double rate_hz)
{
  dv_rt_lookahead* la = calloc(1, sizeof *la);
  if (!la) return NULL;
  dv_lookahead_span(rate_hz, &la->before, &la->after);
  const size_t taps = (size_t)(la->before + la->after) + 1;
  la->partitions = (taps - 1) / DV_QUANTUM;
  la->fft = dv_rt_fft_new(FFT_SIZE);
  la->work = dv_floats_new(4 * FFT_SIZE);
  la->history = dv_floats_new(la->partitions * SPECTRUM);
  for (int s = 0; s < 2; ++s) la->set[s].spectra = dv_floats_new(la->partitions * SPECTRUM);
  if (!la->fft || !la->work || !la->history || !la->set[0].spectra || !la->set[1].spectra) {
    dv_rt_lookahead_free(la);
    return NULL;
  }
  la->fade_quanta = dv_fade_quanta(rate_hz);
  la->fade = -1;
  la->set[0].delay = la->set[1].delay = -1.0; /* none yet */
  dv_rt_lookahead_reset(la);
  return la;
}

void dv_rt_lookahead_free(dv_rt_lookahead* la)
{
  if (!la) return;
  dv_rt_fft_free(la->fft);
  free(la->work);
  free(la->history);
  free(la->set[0].spectra);
  free(la->set[1].spectra);
  free(la);
}

size_t dv_rt_lookahead_latency(const dv_rt_lookahead* la) { return (size_t)la->after; }

/* Spectrum of the real window in work's first array, times scale.  The second array must be zero. */
static void real_spectrum(const dv_rt_lookahead* la, float scale, float* out)
{
  const dv_rt_complex z = dv_rt_fft_whole(la->fft, work_pair(la, 0), work_pair(la, 1));
  for (int k = 0; k <= DV_QUANTUM; ++k) {
    out[k] = z.re[k] * scale;
    out[BINS + k] = z.im[k] * scale;
  }
}

/* Taps that weigh gains of age from .. from + DV_QUANTUM - 1 -> la->taps, oldest first; those beyond the filter's
   end are zero.  Returns how many there are. */
static size_t taps_of_age(dv_rt_lookahead* la, double delay, size_t from)
{
  const int newest = la->after - (int)from, last = newest - DV_QUANTUM + 1;
  const int oldest = last < -la->before ? -la->before : last;
  if (oldest > newest) return 0;
  dv_lookahead_taps(delay, -oldest, newest, la->taps);
  return (size_t)(newest - oldest) + 1;
}

/* Part 0 are the direct taps, part p the spectrum of partition p - 1. */
static void compute_part(dv_rt_lookahead* la, tap_set* set, size_t part)
{
  const size_t count = taps_of_age(la, set->delay, part * DV_QUANTUM);
  if (part == 0) {
    set->rest = 0.0;
    for (size_t i = 0; i < DV_FIR_TAPS; ++i) set->direct[i] = (float)la->taps[count - 1 - i];
    return;
  }
  const dv_rt_complex w = work_pair(la, 0);
  memset(la->work, 0, 2 * FFT_SIZE * sizeof *la->work);
  for (size_t i = 0; i < count; ++i) {
    w.re[i] = (float)la->taps[count - 1 - i];
    set->rest += la->taps[count - 1 - i];
  }
  real_spectrum(la, 1.0f / FFT_SIZE, set->spectra + (part - 1) * SPECTRUM);
}

static void compute_taps(dv_rt_lookahead* la, double delay, tap_set* set)
{
  set->delay = delay;
  for (size_t part = 0; part <= la->partitions; ++part) compute_part(la, set, part);
}

void dv_rt_lookahead_set(dv_rt_lookahead* la, double delay_samples) { la->target = delay_samples; }

void dv_rt_lookahead_reset(dv_rt_lookahead* la)
{
  if (la->fade >= 0) la->current = 1 - la->current;
  la->fade = -1;
  la->changing = false;
  if (la->set[la->current].delay != la->target) compute_taps(la, la->target, &la->set[la->current]);
  la->head = 0;
  la->empty = true;
  la->steady = 0;
  memset(la->gains, 0, sizeof la->gains);
  memset(la->partial, 0, sizeof la->partial);
}

/* As if g had always been what it is at the first sample. */
static void fill_history(dv_rt_lookahead* la, float g)
{
  la->empty = false;
  memset(la->history, 0, la->partitions * SPECTRUM * sizeof *la->history);
  for (size_t s = 0; s < la->partitions; ++s) la->history[s * SPECTRUM] = g * FFT_SIZE;
  for (int i = 0; i < DV_QUANTUM; ++i) {
    la->gains[i] = g;
    la->partial[0][i] = g * (float)la->set[la->current].rest;
  }
}

DV_HOT static void filter(dv_rt_lookahead* la, size_t at, float* filtered, size_t n)
{
  float y[DV_QUANTUM + DV_F8];
  const float* x = la->gains + DV_QUANTUM + at;
  dv_fir(la->set[la->current].direct, x, filtered, n);
  for (size_t i = 0; i < n; ++i) filtered[i] += la->partial[0][at + i];
  if (la->fade < 0) return;
  dv_fir(la->set[1 - la->current].direct, x, y, n);
  for (size_t i = 0; i < n; ++i) {
    const float w = dv_fade_weight(la->fade, la->fade_quanta, (int)(at + i));
    filtered[i] += w * (y[i] + la->partial[1][at + i] - filtered[i]);
  }
}

void dv_rt_lookahead_process(dv_rt_lookahead* la, size_t at, const float* g, float* filtered, size_t n)
{
  if (la->empty && n) fill_history(la, g[0]);
  memcpy(la->gains + DV_QUANTUM + at, g, n * sizeof *g);
  filter(la, at, filtered, n);
}

typedef struct {
  _Alignas(32) float re[BINS], im[BINS];
} spectrum;

/* Vector by vector, so that the sums stay in registers; the newest window meets the first partition. */
DV_INLINE void multiply(const dv_rt_lookahead* la, const tap_set* set, spectrum* y)
{
  for (int k = 0; k < BINS; k += DV_F8) {
    dv_f8 re = {0}, im = {0}, re2 = {0}, im2 = {0};
    const float* x = la->history + la->head * SPECTRUM + k;
    const float *h = set->spectra + k, *end = la->history + la->partitions * SPECTRUM;
    for (size_t p = 0; p < la->partitions; ++p, h += SPECTRUM) {
      const dv_f8 h_re = dv_f8_load(h), h_im = dv_f8_load(h + BINS);
      const dv_f8 x_re = dv_f8_load(x), x_im = dv_f8_load(x + BINS);
      re += h_re * x_re;
      im += h_re * x_im;
      re2 += h_im * x_im;
      im2 += h_im * x_re;
      x = x + SPECTRUM < end ? x + SPECTRUM : la->history + k;
    }
    dv_f8_store(y->re + k, re - re2);
    dv_f8_store(y->im + k, im + im2);
  }
}

/* Two real results from one inverse transform: a is its real part, b its imaginary part. */
DV_INLINE void join(const spectrum* a, const spectrum* b, dv_rt_complex z)
{
  for (int k = 0; k <= DV_QUANTUM; ++k) {
    z.re[k] = a->re[k] - b->im[k];
    z.im[k] = a->im[k] + b->re[k];
  }
  for (int k = 1; k < DV_QUANTUM; ++k) {
    z.re[FFT_SIZE - k] = a->re[k] + b->im[k];
    z.im[FFT_SIZE - k] = b->re[k] - a->im[k];
  }
}

DV_HOT static void convolve(dv_rt_lookahead* la)
{
  spectrum a, b;
  multiply(la, &la->set[la->current], &a);
  if (la->fade >= 0) multiply(la, &la->set[1 - la->current], &b);
  else memset(&b, 0, sizeof b);
  const dv_rt_complex x = work_pair(la, 0), y = work_pair(la, 1);
  join(&a, &b, x);
  const dv_rt_complex z = dv_rt_fft_whole(la->fft, (dv_rt_complex){x.im, x.re}, (dv_rt_complex){y.im, y.re});
  memcpy(la->partial[0], z.im + DV_QUANTUM, sizeof la->partial[0]);
  memcpy(la->partial[1], z.re + DV_QUANTUM, sizeof la->partial[1]);
}

static void advance_fade(dv_rt_lookahead* la)
{
  if (la->fade >= 0 && ++la->fade == la->fade_quanta) {
    la->fade = -1;
    la->current = 1 - la->current;
  }
  if (la->fade >= 0) return;
  tap_set* other = &la->set[1 - la->current];
  if (!la->changing) {
    la->changing = la->target != la->set[la->current].delay;
    la->part = 0;
    la->wait = 1;
    other->delay = la->target;
  }
  if (!la->changing) return;
  if (--la->wait > 0) return;
  la->wait = PART_EVERY;
  compute_part(la, other, la->part);
  if (++la->part <= la->partitions) return;
  la->changing = false;
  la->fade = 0;
}

bool dv_rt_lookahead_steady(const dv_rt_lookahead* la)
{
  return la->fade < 0 && !la->changing && la->target == la->set[la->current].delay && la->steady > la->partitions + 1;
}

static bool all_equal(const float* x, int n)
{
  for (int i = 1; i < n; ++i)
    if (x[i] != x[0]) return false;
  return true;
}

void dv_rt_lookahead_advance(dv_rt_lookahead* la)
{
  advance_fade(la);
  la->steady = all_equal(la->gains, FFT_SIZE) ? la->steady + 1 : 0;
  const dv_rt_complex w = work_pair(la, 0);
  memcpy(w.re, la->gains, FFT_SIZE * sizeof *w.re);
  memset(w.im, 0, FFT_SIZE * sizeof *w.im);
  la->head = la->head ? la->head - 1 : la->partitions - 1;
  real_spectrum(la, 1.0f, la->history + la->head * SPECTRUM);
  memcpy(la->gains, la->gains + DV_QUANTUM, DV_QUANTUM * sizeof *la->gains);
  convolve(la);
}
