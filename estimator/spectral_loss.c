/* SPDX-License-Identifier: MIT */
#include "estimator/spectral_loss.h"

#include "estimator/a_weighting.h"
#include "estimator/stft.h"
#include "estimator/wide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef _OPENMP
#include <omp.h>
#endif

enum { RESOLUTIONS = 3, LARGEST_FFT = 2048, PAD = LARGEST_FFT / 2 };
static const size_t FFT_SIZES[RESOLUTIONS] = {128, 512, LARGEST_FFT};

/* A-weighting works in blocks, which read HALO samples before and AHEAD after. */
enum { BLOCK = 1024, HALO = DV_A_WEIGHTING_SIDE, AHEAD = DV_A_WEIGHTING_AHEAD, BLOCK_INPUT = HALO + BLOCK + AHEAD };

/* Magnitudes are floored at its square root. */
static const dv_real POWER_FLOOR = (dv_real)1e-8;

/* The signals compared.  Middle and side are what is transformed; left and right are their half sum and
   half difference, so that both a mono signal's side and a hard-panned signal's other channel are exactly
   silent. */
enum { LEFT, RIGHT, MIDDLE, SIDE, SIGNALS };
/* What has a norm of its own. */
enum { PARTS_LR, PARTS_M, PARTS_S, PARTS };
static const int PART_OF_SIGNAL[SIGNALS] = {PARTS_LR, PARTS_LR, PARTS_M, PARTS_S};

typedef struct {
  double squares[PARTS]; /* sum of m_t^2, or of (m_t - m_p)^2 */
  double logs[PARTS];    /* sum of |log m_t - log m_p| */
} sums;

/* Scratch memory of one thread. */
typedef struct {
  double* work[RESOLUTIONS]; /* of the transforms */
  double* spectra;           /* [middle, side][group][2][stride] */
  dv_real* cotangents;       /* the same shape */
  dv_real* magnitudes;       /* [SIGNALS][group][stride] */
} scratch;

/* Factors of the gradient with respect to a magnitude m_p of one signal:
   norm (m_p - m_t) + log sign(m_p - m_t) / m_p. */
typedef struct {
  dv_real norm, log;
} slopes;

struct dv_spectral_loss {
  size_t batch, samples, count;
  int threads;
  dv_stft* stft[RESOLUTIONS];
  size_t frames[RESOLUTIONS];
  dv_real* targets[RESOLUTIONS]; /* [item][group][SIGNALS][frames of the group][stride] */
  sums* target_sums;             /* [item][resolution], only squares */
  size_t* items;                 /* of the last forward */
  sums* difference;              /* [i][resolution] of the last forward */
  double* weighted;              /* [i][middle, side][padded] of the last forward */
  dv_real* gradients;            /* [i][resolution][middle, side][padded] */
  scratch* threads_scratch;
};

/* ---- sizes ---- */

/* PAD samples on either side, and room to read the A-weighting's last block beyond them. */
static size_t padded(const dv_spectral_loss* s) { return dv_wide_round(s->samples + 2 * PAD + BLOCK + AHEAD); }

static size_t groups(const dv_spectral_loss* s, int r)
{
  const size_t group = dv_stft_group(s->stft[r]);
  return (s->frames[r] + group - 1) / group;
}

/* Values of SIGNALS magnitudes for one group of frames. */
static size_t group_magnitudes(const dv_spectral_loss* s, int r)
{
  return SIGNALS * dv_stft_group(s->stft[r]) * dv_stft_stride(s->stft[r]);
}

static size_t frames_in_group(const dv_spectral_loss* s, int r, size_t g)
{
  const size_t group = dv_stft_group(s->stft[r]), left = s->frames[r] - g * group;
  return left < group ? left : group;
}

static dv_real* target_group(const dv_spectral_loss* s, int r, size_t item, size_t g)
{
  return s->targets[r] + (item * groups(s, r) + g) * group_magnitudes(s, r);
}

static double* weighted_signal(const dv_spectral_loss* s, size_t i, size_t side)
{
  return s->weighted + (2 * i + side) * padded(s);
}

static dv_real* gradient_signal(const dv_spectral_loss* s, size_t i, int r, size_t side)
{
  return s->gradients + ((i * RESOLUTIONS + (size_t)r) * 2 + side) * padded(s);
}

/* Where frame f begins in a padded signal. */
static size_t frame_start(const dv_spectral_loss* s, int r, size_t f)
{
  return PAD - dv_stft_size(s->stft[r]) / 2 + f * dv_stft_hop(s->stft[r]);
}

static scratch* my_scratch(const dv_spectral_loss* s)
{
#ifdef _OPENMP
  return &s->threads_scratch[omp_get_thread_num()];
#else
  return &s->threads_scratch[0];
#endif
}

/* ---- memory ---- */

static void fill(dv_real* x, size_t n, dv_real value)
{
  for (size_t i = 0; i < n; ++i) x[i] = value;
}

static int alloc_scratch(const dv_spectral_loss* s, scratch* t)
{
  size_t values = 0;
  int ok = 1;
  for (int r = 0; r < RESOLUTIONS; ++r) {
    const size_t n = group_magnitudes(s, r);
    values = n > values ? n : values;
    t->work[r] = dv_stft_work_new(s->stft[r]);
    ok &= t->work[r] != NULL;
  }
  t->spectra = calloc(values, sizeof *t->spectra);
  t->cotangents = calloc(values, sizeof *t->cotangents);
  t->magnitudes = calloc(values, sizeof *t->magnitudes);
  return ok && t->spectra && t->cotangents && t->magnitudes;
}

static void free_scratch(scratch* t)
{
  for (int r = 0; r < RESOLUTIONS; ++r) dv_stft_work_free(t->work[r]);
  free(t->spectra);
  free(t->cotangents);
  free(t->magnitudes);
}

static int alloc_all(dv_spectral_loss* s)
{
  const size_t signals = 2 * s->batch;
  s->target_sums = calloc(s->batch * RESOLUTIONS, sizeof *s->target_sums);
  s->items = calloc(s->batch, sizeof *s->items);
  s->difference = calloc(s->batch * RESOLUTIONS, sizeof *s->difference);
  s->weighted = calloc(signals * padded(s), sizeof *s->weighted);
  s->gradients = calloc(signals * RESOLUTIONS * padded(s), sizeof *s->gradients);
  s->threads_scratch = calloc((size_t)s->threads, sizeof *s->threads_scratch);
  int ok = s->target_sums && s->items && s->difference && s->weighted && s->gradients && s->threads_scratch;
  for (int r = 0; ok && r < RESOLUTIONS; ++r) {
    s->stft[r] = dv_stft_new(FFT_SIZES[r]);
    if (!s->stft[r]) return 0;
    s->frames[r] = 1 + s->samples / dv_stft_hop(s->stft[r]);
    s->targets[r] = aligned_alloc(64, s->batch * groups(s, r) * group_magnitudes(s, r) * sizeof(dv_real));
    ok = s->targets[r] != NULL;
  }
  for (int t = 0; ok && t < s->threads; ++t) ok = alloc_scratch(s, &s->threads_scratch[t]);
  return ok;
}

dv_spectral_loss* dv_spectral_loss_new(size_t batch, size_t samples, int threads, dv_error* err)
{
  if (batch < 1 || threads < 1) {
    (void)dv_fail(err, DV_ERR_ARG, "a loss needs at least one item and one thread");
    return NULL;
  }
  if (samples < DV_SPECTRAL_MIN_SAMPLES) {
    (void)dv_fail(err, DV_ERR_ARG, "%zu samples are too few to compare spectra: at least %d are needed", samples,
                  (int)DV_SPECTRAL_MIN_SAMPLES);
    return NULL;
  }
  dv_spectral_loss* s = calloc(1, sizeof *s);
  if (s) {
    s->batch = batch;
    s->samples = samples;
    s->threads = threads;
    if (samples < SIZE_MAX / 1024 / batch && alloc_all(s)) return s;
  }
  dv_spectral_loss_free(s);
  (void)dv_fail(err, DV_ERR_NOMEM, "not enough memory to compare the spectra of %zu x %zu samples", batch, samples);
  return NULL;
}

void dv_spectral_loss_free(dv_spectral_loss* s)
{
  if (!s) return;
  for (int r = 0; r < RESOLUTIONS; ++r) {
    dv_stft_free(s->stft[r]);
    free(s->targets[r]);
  }
  for (int t = 0; s->threads_scratch && t < s->threads; ++t) free_scratch(&s->threads_scratch[t]);
  free(s->threads_scratch);
  free(s->gradients);
  free(s->weighted);
  free(s->difference);
  free(s->items);
  free(s->target_sums);
  free(s);
}

/* ---- A-weighting and padding ---- */

/* x[i] = left[start + i] + sign right[start + i], zero beyond the n samples, for -HALO <= i < BLOCK + AHEAD. */
static DV_HOT void mix_block(const dv_real* left, const dv_real* right, double sign, size_t start, size_t n,
                             double* restrict x)
{
  const size_t before = start < HALO ? start : HALO, ahead = n - start;
  const size_t after = ahead < BLOCK + AHEAD ? ahead : BLOCK + AHEAD;
  const dv_real *l = left + start - before, *r = right + start - before;
  memset(x, 0, (BLOCK_INPUT) * sizeof *x);
  for (size_t i = 0; i < before + after; ++i) x[HALO - before + i] = (double)l[i] + sign * (double)r[i];
}

static void reflect(double* signal, size_t n)
{
  double *first = signal + PAD, *last = first + n - 1;
  for (size_t k = 1; k <= PAD; ++k) {
    first[-(ptrdiff_t)k] = first[k];
    last[k] = last[-(ptrdiff_t)k];
  }
}

/* Signal i: the A-weighted middle (side 0) or side (side 1) of the pair of rows, padded. */
static void weight_signal(const dv_spectral_loss* s, const dv_real* left, size_t stride, size_t side, size_t i)
{
  double x[BLOCK_INPUT], *signal = weighted_signal(s, i, side);
  for (size_t start = 0; start < s->samples; start += BLOCK) {
    const size_t n = s->samples - start < BLOCK ? s->samples - start : BLOCK;
    mix_block(left, left + stride, side ? -1.0 : 1.0, start, s->samples, x);
    dv_a_weighting_filter(x + HALO, signal + PAD + start, n);
  }
  reflect(signal, s->samples);
}

/* Adds the gradient at the padding to the samples it mirrors, and clears it. */
static void reflect_adjoint(dv_real* signal, size_t n)
{
  dv_real *first = signal + PAD, *last = first + n - 1;
  for (size_t k = 1; k <= PAD; ++k) {
    first[k] += first[-(ptrdiff_t)k];
    first[-(ptrdiff_t)k] = 0;
  }
  for (size_t k = 1; k <= PAD; ++k) {
    last[-(ptrdiff_t)k] += last[k];
    last[k] = 0;
  }
}

static DV_HOT void add_three(const dv_real* restrict b, const dv_real* restrict c, size_t n, dv_real* restrict a)
{
  for (size_t i = 0; i < n; ++i) a[i] += b[i] + c[i];
}

static DV_HOT void widen(const dv_real* restrict from, size_t n, double* restrict to)
{
  for (size_t i = 0; i < n; ++i) to[i] = (double)from[i];
}

static DV_HOT void add_channels(const double* restrict m, const double* restrict s, size_t n, dv_real* restrict left,
                                dv_real* restrict right)
{
  for (size_t i = 0; i < n; ++i) {
    left[i] += (dv_real)(m[i] + s[i]);
    right[i] += (dv_real)(m[i] - s[i]);
  }
}

/* Sums the resolutions' gradients of prediction i and takes them back to left and right. */
static void unweight_item(const dv_spectral_loss* s, size_t i, dv_real* left, size_t stride)
{
  double x[BLOCK_INPUT], y[2][BLOCK];
  for (size_t side = 0; side < 2; ++side) {
    dv_real* sum = gradient_signal(s, i, 0, side);
    add_three(gradient_signal(s, i, 1, side), gradient_signal(s, i, 2, side), padded(s), sum);
    reflect_adjoint(sum, s->samples);
  }
  for (size_t start = 0; start < s->samples; start += BLOCK) {
    const size_t n = s->samples - start < BLOCK ? s->samples - start : BLOCK;
    for (size_t side = 0; side < 2; ++side) {
      widen(gradient_signal(s, i, 0, side) + PAD + start - HALO, BLOCK_INPUT, x);
      dv_a_weighting_filter(x + HALO, y[side], n);
    }
    add_channels(y[0], y[1], n, left + start, left + stride + start);
  }
}

/* ---- magnitudes ---- */

DV_INLINE dv_real floored(dv_real power) { return power < POWER_FLOOR ? POWER_FLOOR : power; }

DV_INLINE dv_real root(dv_real power) { return power * dv_inverse_sqrt(power); }

/* Powers of one bin.  Sums and differences of spectra are double: a quiet channel keeps its digits. */
typedef struct {
  dv_real left, right, middle, side;
} powers;

DV_INLINE powers bin_powers(double mr, double mi, double sr, double si)
{
  const double lr = mr + sr, li = mi + si, rr = mr - sr, ri = mi - si;
  return (powers){(dv_real)(0.25 * (lr * lr + li * li)), (dv_real)(0.25 * (rr * rr + ri * ri)),
                  (dv_real)(mr * mr + mi * mi), (dv_real)(sr * sr + si * si)};
}

/* One frame; m and s are [2][stride]; signal g of SIGNALS goes to magnitudes + g * step. */
static DV_HOT void frame_magnitudes(const double* restrict m, const double* restrict s, size_t bins, size_t stride,
                                    size_t step, dv_real* restrict magnitudes)
{
  for (size_t k = 0; k < bins; ++k) {
    const powers p = bin_powers(m[k], m[stride + k], s[k], s[stride + k]);
    magnitudes[LEFT * step + k] = root(floored(p.left));
    magnitudes[RIGHT * step + k] = root(floored(p.right));
    magnitudes[MIDDLE * step + k] = root(floored(p.middle));
    magnitudes[SIDE * step + k] = root(floored(p.side));
  }
}

/* Values of one side's spectra of a group. */
static size_t side_spectra(const dv_spectral_loss* s, int r)
{
  return 2 * dv_stft_group(s->stft[r]) * dv_stft_stride(s->stft[r]);
}

/* Spectra of group g of signal i into t->spectra. */
static void transform_group(const dv_spectral_loss* s, int r, size_t i, size_t g, scratch* t)
{
  const size_t start = frame_start(s, r, g * dv_stft_group(s->stft[r])), frames = frames_in_group(s, r, g);
  for (size_t side = 0; side < 2; ++side)
    dv_stft_forward(s->stft[r], weighted_signal(s, i, side) + start, frames, t->work[r],
                    t->spectra + side * side_spectra(s, r));
}

/* magnitudes: [SIGNALS][frames][stride].  Beyond `bins` they are 1, so that they can be compared along. */
static void magnitudes_of_group(const dv_spectral_loss* s, int r, size_t frames, const scratch* t, dv_real* magnitudes)
{
  const size_t bins = dv_stft_bins(s->stft[r]), stride = dv_stft_stride(s->stft[r]);
  const double *middle = t->spectra, *side = middle + side_spectra(s, r);
  for (size_t f = 0; f < frames; ++f) {
    dv_real* row = magnitudes + f * stride;
    frame_magnitudes(middle + 2 * f * stride, side + 2 * f * stride, bins, stride, frames * stride, row);
    for (size_t signal = 0; signal < SIGNALS; ++signal) fill(row + signal * frames * stride + bins, stride - bins, 1);
  }
}

/* ---- values ---- */

/* Sums over n (a multiple of DV_WIDE) magnitudes of (t - p)^2, returned, and of |log t - log p|, into logs. */
static DV_HOT double compare(const dv_real* restrict target, const dv_real* restrict pred, size_t n, dv_log_sum* logs)
{
  dv_lanes squares = {0};
  for (size_t start = 0; start < n; start += DV_LOG_TERMS_MAX * DV_WIDE) {
    const size_t end = n - start < DV_LOG_TERMS_MAX * DV_WIDE ? n : start + DV_LOG_TERMS_MAX * DV_WIDE;
    dv_log_terms terms;
    dv_wide sum = {0};
    dv_log_terms_clear(&terms);
    for (size_t k = start; k < end; k += DV_WIDE) {
      const dv_wide t = *dv_wide_at(target + k), p = *dv_wide_at(pred + k), d = p - t;
      sum += d * d;
      dv_log_terms_add(&terms, dv_wide_select(p > t, p, t), dv_wide_select(p > t, t, p));
    }
    dv_log_sum_add(logs, &terms);
    for (int l = 0; l < DV_WIDE; ++l) squares[l % DV_LANES] += (double)sum[l];
  }
  return dv_lanes_sum(squares);
}

/* Resolution r of prediction i against its target. */
static sums compare_item(const dv_spectral_loss* s, int r, size_t i, scratch* t)
{
  sums result = {0};
  dv_log_sum logs[SIGNALS];
  for (int signal = 0; signal < SIGNALS; ++signal) dv_log_sum_clear(&logs[signal]);
  for (size_t g = 0; g < groups(s, r); ++g) {
    const size_t frames = frames_in_group(s, r, g), n = frames * dv_stft_stride(s->stft[r]);
    const dv_real* target = target_group(s, r, s->items[i], g);
    transform_group(s, r, i, g, t);
    magnitudes_of_group(s, r, frames, t, t->magnitudes);
    for (size_t signal = 0; signal < SIGNALS; ++signal)
      result.squares[PART_OF_SIGNAL[signal]] +=
        compare(target + signal * n, t->magnitudes + signal * n, n, &logs[signal]);
  }
  for (int signal = 0; signal < SIGNALS; ++signal)
    for (int l = 0; l < DV_WIDE; ++l) result.logs[PART_OF_SIGNAL[signal]] += dv_log_sum_lane(&logs[signal], l);
  return result;
}

/* Sums over the last forward's items, in their order. */
static sums total_difference(const dv_spectral_loss* s, int r)
{
  sums total = {0};
  for (size_t i = 0; i < s->count; ++i)
    for (int part = 0; part < PARTS; ++part) {
      total.squares[part] += s->difference[i * RESOLUTIONS + (size_t)r].squares[part];
      total.logs[part] += s->difference[i * RESOLUTIONS + (size_t)r].logs[part];
    }
  return total;
}

/* ||m_t||^2 of the targets the last forward chose. */
static double target_square(const dv_spectral_loss* s, int r, int part)
{
  double total = 0.0;
  for (size_t i = 0; i < s->count; ++i) total += s->target_sums[s->items[i] * RESOLUTIONS + (size_t)r].squares[part];
  return total;
}

/* Number of magnitudes the mean of a part runs over. */
static double part_count(const dv_spectral_loss* s, int r, int part)
{
  return (double)(s->count * s->frames[r] * dv_stft_bins(s->stft[r]) * (part == PARTS_LR ? 2 : 1));
}

static double part_value(const dv_spectral_loss* s, int r, const sums* difference, int part)
{
  return sqrt(difference->squares[part] / target_square(s, r, part)) + difference->logs[part] / part_count(s, r, part);
}

void dv_spectral_loss_forward(dv_spectral_loss* s, const dv_real* pred, size_t stride, const size_t* items,
                              size_t count, dv_spectral_values* values)
{
  s->count = count;
  for (size_t i = 0; i < count; ++i) s->items[i] = items ? items[i] : i;
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
  for (size_t j = 0; j < 2 * count; ++j) weight_signal(s, pred + j / 2 * 2 * stride, stride, j % 2, j / 2);
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
  for (size_t j = 0; j < RESOLUTIONS * count; ++j)
    s->difference[j] = compare_item(s, (int)(j % RESOLUTIONS), j / RESOLUTIONS, my_scratch(s));
  *values = (dv_spectral_values){0};
  for (int r = 0; r < RESOLUTIONS; ++r) {
    const sums d = total_difference(s, r);
    values->lr += part_value(s, r, &d, PARTS_LR) / RESOLUTIONS;
    values->ms += 0.5 * (part_value(s, r, &d, PARTS_M) + part_value(s, r, &d, PARTS_S)) / RESOLUTIONS;
  }
}

/* Magnitudes of resolution r of target `item`, whose weighted signals lie in slot i. */
static void cache_target(dv_spectral_loss* s, int r, size_t item, size_t i, scratch* t)
{
  sums* sum = &s->target_sums[item * RESOLUTIONS + (size_t)r];
  *sum = (sums){0};
  for (size_t g = 0; g < groups(s, r); ++g) {
    const size_t frames = frames_in_group(s, r, g), bins = dv_stft_bins(s->stft[r]);
    const size_t stride = dv_stft_stride(s->stft[r]);
    dv_real* target = target_group(s, r, item, g);
    transform_group(s, r, i, g, t);
    magnitudes_of_group(s, r, frames, t, target);
    for (size_t row = 0; row < SIGNALS * frames; ++row)
      for (size_t k = 0; k < bins; ++k) {
        const double m = (double)target[row * stride + k];
        sum->squares[PART_OF_SIGNAL[row / frames]] += m * m;
      }
  }
}

void dv_spectral_loss_set_target(dv_spectral_loss* s, const dv_real* target, size_t stride)
{
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
  for (size_t j = 0; j < 2 * s->batch; ++j) weight_signal(s, target + j / 2 * 2 * stride, stride, j % 2, j / 2);
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
  for (size_t j = 0; j < RESOLUTIONS * s->batch; ++j)
    cache_target(s, (int)(j % RESOLUTIONS), j / RESOLUTIONS, j / RESOLUTIONS, my_scratch(s));
}

/* ---- gradient ---- */

/* The slope over m_p. */
DV_INLINE dv_real slope(slopes w, dv_real target, dv_real power)
{
  const dv_real inverse = dv_inverse_sqrt(floored(power)), pred = floored(power) * inverse;
  const dv_real sign = pred > target ? w.log : pred < target ? -w.log : 0;
  const dv_real c = w.norm * (1 - target * inverse) + sign * inverse * inverse;
  return power < POWER_FLOOR ? 0 : c;
}

/* One frame's spectra m, s to cotangents gm, gs, all [2][stride].  A magnitude's slope over that magnitude,
   c, gives its own spectrum X the cotangent c X; left and right pass half their sum to middle and half
   their difference to side. */
static DV_HOT void frame_cotangents(const slopes* w, const dv_real* restrict target, const double* restrict m,
                                    const double* restrict s, size_t bins, size_t stride, size_t step,
                                    dv_real* restrict gm, dv_real* restrict gs)
{
  const slopes w_lr = w[PARTS_LR], w_m = w[PARTS_M], w_s = w[PARTS_S];
  const dv_real quarter = (dv_real)0.25;
  for (size_t k = 0; k < bins; ++k) {
    const double mr = m[k], mi = m[stride + k], sr = s[k], si = s[stride + k];
    const powers p = bin_powers(mr, mi, sr, si);
    const dv_real l = quarter * slope(w_lr, target[LEFT * step + k], p.left);
    const dv_real r = quarter * slope(w_lr, target[RIGHT * step + k], p.right);
    const dv_real cm = slope(w_m, target[MIDDLE * step + k], p.middle);
    const dv_real cs = slope(w_s, target[SIDE * step + k], p.side);
    const dv_real l_re = l * (dv_real)(mr + sr), l_im = l * (dv_real)(mi + si);
    const dv_real r_re = r * (dv_real)(mr - sr), r_im = r * (dv_real)(mi - si);
    gm[k] = cm * (dv_real)mr + (l_re + r_re);
    gm[stride + k] = cm * (dv_real)mi + (l_im + r_im);
    gs[k] = cs * (dv_real)sr + (l_re - r_re);
    gs[stride + k] = cs * (dv_real)si + (l_im - r_im);
  }
}

static void part_slopes(const dv_spectral_loss* s, int r, dv_spectral_values weights, slopes* w)
{
  const sums d = total_difference(s, r);
  for (int part = 0; part < PARTS; ++part) {
    const double weight = (part == PARTS_LR ? weights.lr : 0.5 * weights.ms) / RESOLUTIONS;
    const double norms = sqrt(d.squares[part] * target_square(s, r, part));
    w[part].norm = norms > 0.0 ? (dv_real)(weight / norms) : 0;
    w[part].log = (dv_real)(weight / part_count(s, r, part));
  }
}

/* Gradient of resolution r with respect to the padded middle and side of prediction i. */
static void differentiate_item(const dv_spectral_loss* s, int r, size_t i, const slopes* w, scratch* t)
{
  const dv_stft* stft = s->stft[r];
  const size_t bins = dv_stft_bins(stft), stride = dv_stft_stride(stft), group = dv_stft_group(stft);
  const size_t side_at = side_spectra(s, r);
  for (size_t side = 0; side < 2; ++side) memset(gradient_signal(s, i, r, side), 0, padded(s) * sizeof(dv_real));
  for (size_t g = 0; g < groups(s, r); ++g) {
    const size_t frames = frames_in_group(s, r, g), start = frame_start(s, r, g * group);
    const dv_real* target = target_group(s, r, s->items[i], g);
    transform_group(s, r, i, g, t);
    for (size_t f = 0; f < frames; ++f) {
      const size_t at = 2 * f * stride;
      frame_cotangents(w, target + f * stride, t->spectra + at, t->spectra + side_at + at, bins, stride,
                       frames * stride, t->cotangents + at, t->cotangents + side_at + at);
    }
    for (size_t side = 0; side < 2; ++side)
      dv_stft_backward(stft, t->cotangents + side * side_at, frames, t->work[r],
                       gradient_signal(s, i, r, side) + start);
  }
}

void dv_spectral_loss_backward(dv_spectral_loss* s, dv_spectral_values weights, dv_real* grad, size_t stride)
{
  slopes w[RESOLUTIONS][PARTS];
  for (int r = 0; r < RESOLUTIONS; ++r) part_slopes(s, r, weights, w[r]);
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
  for (size_t j = 0; j < RESOLUTIONS * s->count; ++j)
    differentiate_item(s, (int)(j % RESOLUTIONS), j / RESOLUTIONS, w[j % RESOLUTIONS], my_scratch(s));
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
  for (size_t i = 0; i < s->count; ++i) unweight_item(s, i, grad + 2 * i * stride, stride);
}
