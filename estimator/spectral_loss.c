/* SPDX-License-Identifier: MIT */
#include "estimator/spectral_loss.h"

#include "dsp/team.h"
#include "estimator/a_weighting.h"
#include "estimator/stft.h"
#include "estimator/wide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RESOLUTIONS = 3, LARGEST_FFT = 2048, LARGEST_HOP = LARGEST_FFT / 4, PAD = LARGEST_FFT / 2 };
static const size_t FFT_SIZES[RESOLUTIONS] = {128, 512, LARGEST_FFT};

/* A-weighting works in blocks, which read HALO samples before and AHEAD after. */
enum { BLOCK = 1024, HALO = DV_A_WEIGHTING_SIDE, AHEAD = DV_A_WEIGHTING_AHEAD, BLOCK_INPUT = HALO + BLOCK + AHEAD };

/* A unit is what one task does: the frames that begin in a stretch of DV_FRAMES lanes of LANE samples.  The
   frames of one lane follow each other; the lanes run side by side.  All of a unit stays in the second-level
   cache.  Signals shorter than a unit take lanes as short as two frames of the largest FFT. */
enum { LANE = 2048, SHORT_LANE = 2 * LARGEST_HOP, OVERHANG = LARGEST_FFT - LARGEST_HOP };
/* Room around the samples that a unit's frames read: for reflections, the filter and whole blocks. */
enum { MARGIN = 192 };

/* Magnitudes of all targets are kept where they take no more than this: a recording of one or two chunks. */
static const size_t KEPT_BYTES_MOST = (size_t)64 << 20;

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
  double target[PARTS];  /* sum of m_t^2 */
  double squares[PARTS]; /* sum of (m_t - m_p)^2 */
  double logs[PARTS];    /* sum of |log m_t - log m_p| */
} sums;

/* Magnitudes of one bin, of two times DV_FRAMES frames. */
typedef struct {
  dv_wide of[SIGNALS];
} bin_values;

/* Scratch memory of one thread. */
typedef struct {
  double* samples[2];   /* a unit's middle and side, A-weighted or their gradient; they begin MARGIN early */
  dv_frames* target[2]; /* A-weighted middle and side in lanes */
  dv_frames* pred[2];
  dv_frames* gradient[2];
  dv_frames_pair* spectra[2];
  bin_values* magnitudes; /* of the target */
} scratch;

/* Factors of the gradient with respect to a magnitude m_p of one signal:
   norm (m_p - m_t) + log sign(m_p - m_t) / m_p. */
typedef struct {
  dv_real norm, log;
} slopes;

/* A signal's rows, one by one or at a stride. */
typedef struct {
  const dv_real* const* row; /* NULL: at first + r stride */
  const dv_real* first;
  size_t stride;
} rows_view;

/* An item's two rows. */
typedef struct {
  const dv_real *left, *right;
} stereo;

struct dv_spectral_loss {
  size_t batch, samples, lane, units, count;
  int threads;
  dv_stft* stft[RESOLUTIONS];
  rows_view target;
  size_t* items;    /* of the last forward */
  bin_values* kept; /* [item][unit][resolution][step][bin] of the targets; NULL where they are too many */
  sums* parts;      /* [i][unit][resolution] of the last forward */
  scratch* threads_scratch;
};

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* ---- sizes ---- */

static size_t frame_count(const dv_spectral_loss* s, int r) { return 1 + s->samples / dv_stft_hop(s->stft[r]); }

/* Samples of a lane with what its last frame reaches beyond it, and of a unit. */
static size_t lane_reach(const dv_spectral_loss* s) { return s->lane + OVERHANG; }
static size_t unit_reach(const dv_spectral_loss* s) { return DV_FRAMES * s->lane + OVERHANG; }
static size_t unit_room(const dv_spectral_loss* s) { return unit_reach(s) + 2 * MARGIN + BLOCK; }

static size_t step_count(const dv_spectral_loss* s, int r) { return s->lane / dv_stft_hop(s->stft[r]) / 2; }

/* Bins of a unit's steps at the first `resolutions` resolutions. */
static size_t unit_bins(const dv_spectral_loss* s, int resolutions)
{
  size_t bins = 0;
  for (int r = 0; r < resolutions; ++r) bins += step_count(s, r) * dv_stft_bins(s->stft[r]);
  return bins;
}

static bin_values* kept_step(const dv_spectral_loss* s, size_t item, size_t unit, int r, size_t step)
{
  return s->kept + (item * s->units + unit) * unit_bins(s, RESOLUTIONS) + unit_bins(s, r) +
         step * dv_stft_bins(s->stft[r]);
}

/* The sample that a unit's first frame begins with; the padding has negative numbers. */
static ptrdiff_t unit_start(const dv_spectral_loss* s, size_t unit)
{
  return (ptrdiff_t)(unit * DV_FRAMES * s->lane) - PAD;
}

/* ---- memory ---- */

static void* alloc_frames(size_t count, size_t size)
{
  const size_t bytes = (count * size + 127) / 128 * 128;
  void* memory = aligned_alloc(128, bytes);
  if (memory) memset(memory, 0, bytes);
  return memory;
}

static int alloc_scratch(const dv_spectral_loss* s, scratch* t)
{
  t->magnitudes = alloc_frames(PAD + 1, sizeof *t->magnitudes);
  int ok = t->magnitudes != NULL;
  for (int side = 0; side < 2; ++side) {
    t->samples[side] = alloc_frames(unit_room(s), sizeof(double));
    t->target[side] = alloc_frames(lane_reach(s), sizeof(dv_frames));
    t->pred[side] = alloc_frames(lane_reach(s), sizeof(dv_frames));
    t->gradient[side] = alloc_frames(lane_reach(s), sizeof(dv_frames));
    t->spectra[side] = alloc_frames(LARGEST_FFT, sizeof(dv_frames_pair));
    ok = ok && t->samples[side] && t->target[side] && t->pred[side] && t->gradient[side] && t->spectra[side];
  }
  return ok;
}

static void free_scratch(scratch* t)
{
  free(t->magnitudes);
  for (int side = 0; side < 2; ++side) {
    free(t->samples[side]);
    free(t->target[side]);
    free(t->pred[side]);
    free(t->gradient[side]);
    free(t->spectra[side]);
  }
}

static int alloc_all(dv_spectral_loss* s)
{
  s->items = calloc(s->batch, sizeof *s->items);
  s->parts = calloc(s->batch * s->units * RESOLUTIONS, sizeof *s->parts);
  s->threads_scratch = calloc((size_t)s->threads, sizeof *s->threads_scratch);
  int ok = s->items && s->parts && s->threads_scratch;
  for (int r = 0; ok && r < RESOLUTIONS; ++r) ok = (s->stft[r] = dv_stft_new(FFT_SIZES[r])) != NULL;
  for (int t = 0; ok && t < s->threads; ++t) ok = alloc_scratch(s, &s->threads_scratch[t]);
  const size_t all = s->batch * s->units;
  if (ok && all <= KEPT_BYTES_MOST / (unit_bins(s, RESOLUTIONS) * sizeof *s->kept)) {
    s->kept = alloc_frames(all * unit_bins(s, RESOLUTIONS), sizeof *s->kept);
    ok = s->kept != NULL;
  }
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
    s->lane = samples < DV_FRAMES * LANE ? SHORT_LANE : LANE;
    s->units = samples / (DV_FRAMES * s->lane) + 1;
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
  for (int r = 0; r < RESOLUTIONS; ++r) dv_stft_free(s->stft[r]);
  for (int t = 0; s->threads_scratch && t < s->threads; ++t) free_scratch(&s->threads_scratch[t]);
  free(s->threads_scratch);
  free(s->kept);
  free(s->parts);
  free(s->items);
  free(s);
}

static scratch* my_scratch(const dv_spectral_loss* s)
{
  return &s->threads_scratch[dv_team_running() ? dv_team_index() : 0];
}

/* ---- A-weighting, padding and lanes ---- */

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

/* y[i]: what sample -i or beyond the end by i + 1 mirrors, for as far as a frame can reach. */
static void reflect(const dv_spectral_loss* s, ptrdiff_t start, double* y)
{
  const ptrdiff_t n = (ptrdiff_t)s->samples, end = start + (ptrdiff_t)unit_reach(s);
  for (ptrdiff_t i = start; i < 0; ++i) y[i - start] = y[-i - start];
  for (ptrdiff_t i = n; i < end; ++i) y[i - start] = i < n + PAD ? y[2 * (n - 1) - i - start] : 0.0;
}

static stereo item_at(rows_view view, size_t item)
{
  if (view.row) return (stereo){view.row[2 * item], view.row[2 * item + 1]};
  return (stereo){view.first + 2 * item * view.stride, view.first + (2 * item + 1) * view.stride};
}

/* The A-weighted middle (side 0) or side (side 1) of the samples that a unit's frames read, into t->samples[side]. */
static void weight_unit(const dv_spectral_loss* s, stereo signal, int side, size_t unit, scratch* t)
{
  const ptrdiff_t start = unit_start(s, unit), wanted = start - DV_A_WEIGHTING_BLOCK;
  const size_t end = least(s->samples, (size_t)(start + (ptrdiff_t)unit_reach(s)));
  double x[BLOCK_INPUT], *y = t->samples[side] + MARGIN;
  for (size_t at = wanted < 0 ? 0 : (size_t)wanted; at < end; at += BLOCK) {
    mix_block(signal.left, signal.right, side ? -1.0 : 1.0, at, s->samples, x);
    dv_a_weighting_filter(x + HALO, y + ((ptrdiff_t)at - start), least(end - at, BLOCK));
  }
  reflect(s, start, y);
}

/* lanes[i][l] = y[l lane + i] */
static DV_HOT void to_lanes(const double* y, size_t lane, size_t reach, dv_frames* lanes)
{
  for (size_t i = 0; i < reach; ++i) {
    dv_frames v;
    for (size_t l = 0; l < DV_FRAMES; ++l) v[l] = y[l * lane + i];
    lanes[i] = v;
  }
}

/* The adjoint: y[l lane + i] += lanes[i][l]. */
static DV_HOT void add_lanes(const dv_frames* lanes, size_t lane, size_t reach, double* y)
{
  for (size_t l = 0; l < DV_FRAMES; ++l)
    for (size_t i = 0; i < reach; ++i) y[l * lane + i] += lanes[i][l];
}

static void load_unit(const dv_spectral_loss* s, stereo signal, size_t unit, scratch* t, dv_frames* const lanes[2])
{
  for (int side = 0; side < 2; ++side) {
    weight_unit(s, signal, side, unit, t);
    to_lanes(t->samples[side] + MARGIN, s->lane, lane_reach(s), lanes[side]);
  }
}

/* The adjoint of reflect, which leaves nothing outside the signal. */
static void reflect_adjoint(const dv_spectral_loss* s, ptrdiff_t start, double* y)
{
  const ptrdiff_t n = (ptrdiff_t)s->samples, end = start + (ptrdiff_t)unit_reach(s);
  for (ptrdiff_t i = start; i < 0; ++i) {
    y[-i - start] += y[i - start];
    y[i - start] = 0.0;
  }
  for (ptrdiff_t i = n; i < end; ++i) {
    if (i < n + PAD) y[2 * (n - 1) - i - start] += y[i - start];
    y[i - start] = 0.0;
  }
}

static DV_HOT void add_channels(const double* restrict m, const double* restrict s, size_t n, dv_real* restrict left,
                                dv_real* restrict right)
{
  for (size_t i = 0; i < n; ++i) {
    left[i] += (dv_real)(m[i] + s[i]);
    right[i] += (dv_real)(m[i] - s[i]);
  }
}

/* Takes a unit's gradient with respect to its lanes back to left and right. */
static void unload_unit(const dv_spectral_loss* s, size_t unit, scratch* t, dv_real* left, dv_real* right)
{
  const ptrdiff_t start = unit_start(s, unit), first = start - DV_A_WEIGHTING_BLOCK - HALO;
  const size_t end = least(s->samples, (size_t)(start + (ptrdiff_t)unit_reach(s) + HALO));
  double weighted[2][BLOCK];
  for (int side = 0; side < 2; ++side) {
    memset(t->samples[side], 0, unit_room(s) * sizeof(double));
    add_lanes(t->gradient[side], s->lane, lane_reach(s), t->samples[side] + MARGIN);
    reflect_adjoint(s, start, t->samples[side] + MARGIN);
  }
  for (size_t at = first < 0 ? 0 : (size_t)first; at < end; at += BLOCK) {
    const size_t n = least(end - at, BLOCK);
    for (int side = 0; side < 2; ++side)
      dv_a_weighting_filter(t->samples[side] + MARGIN + ((ptrdiff_t)at - start), weighted[side], n);
    add_channels(weighted[0], weighted[1], n, left + at, right + at);
  }
}

/* ---- spectra ---- */

typedef dv_real half_wide __attribute__((vector_size(DV_FRAMES * sizeof(dv_real))));

DV_INLINE dv_wide narrow(dv_frames a, dv_frames b)
{
  const half_wide x = __builtin_convertvector(a, half_wide), y = __builtin_convertvector(b, half_wide);
  return __builtin_shufflevector(x, y, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/* Frames a (the first half) and b of a wide vector. */
DV_INLINE void widen(dv_wide v, dv_frames* a, dv_frames* b)
{
  *a = __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7), dv_frames);
  *b = __builtin_convertvector(__builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15), dv_frames);
}

/* One bin of two neighbouring frames. */
typedef struct {
  dv_frames_pair a, b;
} frame_bins;

DV_INLINE frame_bins separate(const dv_frames_pair* z, size_t at, size_t mirror)
{
  const dv_frames_pair p = z[at], q = z[mirror];
  return (frame_bins){{p.re + q.re, p.im - q.im}, {p.im + q.im, q.re - p.re}};
}

DV_INLINE dv_frames power(dv_frames_pair z) { return z.re * z.re + z.im * z.im; }

/* Powers of left, right, middle and side.  Sums and differences of spectra are double: a quiet channel keeps
   its digits. */
DV_INLINE void bin_powers(const frame_bins* m, const frame_bins* s, bin_values* p)
{
  const dv_frames_pair la = {m->a.re + s->a.re, m->a.im + s->a.im}, lb = {m->b.re + s->b.re, m->b.im + s->b.im};
  const dv_frames_pair ra = {m->a.re - s->a.re, m->a.im - s->a.im}, rb = {m->b.re - s->b.re, m->b.im - s->b.im};
  p->of[LEFT] = narrow(0.25 * power(la), 0.25 * power(lb));
  p->of[RIGHT] = narrow(0.25 * power(ra), 0.25 * power(rb));
  p->of[MIDDLE] = narrow(power(m->a), power(m->b));
  p->of[SIDE] = narrow(power(s->a), power(s->b));
}

DV_INLINE dv_wide floored(dv_wide p) { return dv_wide_select(p < POWER_FLOOR, (dv_wide){0} + POWER_FLOOR, p); }

DV_INLINE void bin_magnitudes(const frame_bins* m, const frame_bins* s, bin_values* magnitudes)
{
  bin_values p;
  bin_powers(m, s, &p);
  for (int signal = 0; signal < SIGNALS; ++signal) {
    const dv_wide f = floored(p.of[signal]);
    magnitudes->of[signal] = f * dv_wide_inverse_sqrt(f);
  }
}

static DV_HOT void target_magnitudes(const uint16_t* positions, size_t size, dv_frames_pair* const spectra[2],
                                     bin_values* magnitudes)
{
  for (size_t k = 0; k <= size / 2; ++k) {
    const size_t at = positions[k], mirror = positions[(size - k) % size];
    const frame_bins m = separate(spectra[0], at, mirror), s = separate(spectra[1], at, mirror);
    bin_magnitudes(&m, &s, &magnitudes[k]);
  }
}

/* ---- values ---- */

/* Totals of one unit at one resolution. */
typedef struct {
  dv_lanes target[PARTS], squares[PARTS];
  dv_log_sum logs[PARTS];
} unit_sums;

DV_INLINE void add_wide(dv_wide v, dv_lanes* sum)
{
  for (int l = 0; l < DV_WIDE; ++l) (*sum)[l % DV_LANES] += (double)v[l];
}

/* Left and right share a part, so a bin brings two factors to a product of mantissas. */
enum { BINS_AT_ONCE = DV_LOG_TERMS_MAX / 2 };

/* Frames that are not active have the same floored magnitudes on both sides; only the target's own sum would
   notice. */
static DV_HOT void compare_bins(const uint16_t* positions, size_t size, const dv_frames active[2],
                                dv_frames_pair* const spectra[2], const bin_values* magnitudes, unit_sums* sum)
{
  const dv_wide present = narrow(active[0], active[1]);
  for (size_t first = 0; first <= size / 2; first += BINS_AT_ONCE) {
    const size_t end = size / 2 + 1 - first < BINS_AT_ONCE ? size / 2 + 1 : first + BINS_AT_ONCE;
    dv_log_terms logs[PARTS];
    dv_wide target[PARTS] = {{0}}, squares[PARTS] = {{0}};
    for (int part = 0; part < PARTS; ++part) dv_log_terms_clear(&logs[part]);
    for (size_t k = first; k < end; ++k) {
      const size_t at = positions[k], mirror = positions[(size - k) % size];
      const frame_bins m = separate(spectra[0], at, mirror), s = separate(spectra[1], at, mirror);
      bin_values p;
      bin_magnitudes(&m, &s, &p);
      for (int signal = 0; signal < SIGNALS; ++signal) {
        const int part = PART_OF_SIGNAL[signal];
        const dv_wide t = magnitudes[k].of[signal], v = p.of[signal], d = v - t;
        const dv_wide_bits greater = v > t;
        target[part] += present * t * t;
        squares[part] += d * d;
        dv_log_terms_add(&logs[part], dv_wide_select(greater, v, t), dv_wide_select(greater, t, v));
      }
    }
    for (int part = 0; part < PARTS; ++part) {
      dv_log_sum_add(&sum->logs[part], &logs[part]);
      add_wide(target[part], &sum->target[part]);
      add_wide(squares[part], &sum->squares[part]);
    }
  }
}

/* Which of a unit's frames exist: in each lane two per step. */
static bool active_frames(const dv_spectral_loss* s, int r, size_t unit, size_t step, dv_frames active[2])
{
  const size_t hop = dv_stft_hop(s->stft[r]), first = unit * DV_FRAMES * s->lane / hop + 2 * step;
  for (size_t l = 0; l < DV_FRAMES; ++l)
    for (size_t j = 0; j < 2; ++j) active[j][l] = first + l * (s->lane / hop) + j < frame_count(s, r) ? 1.0 : 0.0;
  return first < frame_count(s, r);
}

/* Where the frames of a step begin in the lanes. */
static size_t step_start(const dv_spectral_loss* s, int r, size_t step)
{
  return PAD - dv_stft_size(s->stft[r]) / 2 + 2 * step * dv_stft_hop(s->stft[r]);
}

static void transform(const dv_spectral_loss* s, int r, dv_frames* const lanes[2], size_t step,
                      const dv_frames active[2], dv_frames_pair* const spectra[2])
{
  for (int side = 0; side < 2; ++side)
    dv_stft_forward(s->stft[r], lanes[side] + step_start(s, r, step), active, spectra[side]);
}

static void magnitudes_of_step(const dv_spectral_loss* s, int r, size_t step, const dv_frames active[2], scratch* t,
                               bin_values* magnitudes)
{
  transform(s, r, t->target, step, active, t->spectra);
  target_magnitudes(dv_stft_positions(s->stft[r]), dv_stft_size(s->stft[r]), t->spectra, magnitudes);
}

/* What two signals are compared in. */
typedef struct {
  size_t i, unit; /* of the prediction */
  int r;
  size_t step;
} place;

/* The target's magnitudes, returned, and the prediction's spectra, into t->spectra. */
static const bin_values* transform_both(const dv_spectral_loss* s, const place* p, const dv_frames active[2],
                                        scratch* t)
{
  const bin_values* magnitudes = t->magnitudes;
  if (s->kept) magnitudes = kept_step(s, s->items[p->i], p->unit, p->r, p->step);
  else magnitudes_of_step(s, p->r, p->step, active, t, t->magnitudes);
  transform(s, p->r, t->pred, p->step, active, t->spectra);
  return magnitudes;
}

/* Target and prediction of a unit, A-weighted, into t. */
static void load_both(const dv_spectral_loss* s, stereo pred, size_t i, size_t unit, scratch* t)
{
  if (!s->kept) load_unit(s, item_at(s->target, s->items[i]), unit, t, t->target);
  load_unit(s, pred, unit, t, t->pred);
}

static void sum_unit(const dv_spectral_loss* s, size_t i, size_t unit, int r, scratch* t, sums* out)
{
  const dv_stft* stft = s->stft[r];
  unit_sums sum = {0};
  for (int part = 0; part < PARTS; ++part) dv_log_sum_clear(&sum.logs[part]);
  for (size_t step = 0; step < step_count(s, r); ++step) {
    dv_frames active[2];
    if (!active_frames(s, r, unit, step, active)) break;
    const bin_values* magnitudes = transform_both(s, &(place){i, unit, r, step}, active, t);
    compare_bins(dv_stft_positions(stft), dv_stft_size(stft), active, t->spectra, magnitudes, &sum);
  }
  for (int part = 0; part < PARTS; ++part) {
    out->target[part] = dv_lanes_sum(sum.target[part]);
    out->squares[part] = dv_lanes_sum(sum.squares[part]);
    out->logs[part] = 0.0;
    for (int l = 0; l < DV_WIDE; ++l) out->logs[part] += dv_log_sum_lane(&sum.logs[part], l);
  }
}

static sums* parts_of(const dv_spectral_loss* s, size_t i, size_t unit)
{
  return s->parts + (i * s->units + unit) * RESOLUTIONS;
}

static void compare_unit(const dv_spectral_loss* s, stereo pred, size_t i, size_t unit)
{
  scratch* t = my_scratch(s);
  load_both(s, pred, i, unit, t);
  for (int r = 0; r < RESOLUTIONS; ++r) sum_unit(s, i, unit, r, t, &parts_of(s, i, unit)[r]);
}

/* Over the last forward's items, in their order. */
static sums total_of(const dv_spectral_loss* s, int r)
{
  sums total = {0};
  for (size_t j = 0; j < s->count * s->units; ++j)
    for (int part = 0; part < PARTS; ++part) {
      const sums* unit = &s->parts[j * RESOLUTIONS + (size_t)r];
      total.target[part] += unit->target[part];
      total.squares[part] += unit->squares[part];
      total.logs[part] += unit->logs[part];
    }
  return total;
}

/* Number of magnitudes the mean of a part runs over. */
static double part_count(const dv_spectral_loss* s, int r, int part)
{
  return (double)(s->count * frame_count(s, r) * dv_stft_bins(s->stft[r]) * (part == PARTS_LR ? 2 : 1));
}

static double part_value(const dv_spectral_loss* s, int r, const sums* total, int part)
{
  return sqrt(total->squares[part] / total->target[part]) + total->logs[part] / part_count(s, r, part);
}

static void compare_all(dv_spectral_loss* s, rows_view pred)
{
#pragma omp taskgroup
  for (size_t j = 0; j < s->count * s->units; ++j)
#pragma omp task default(shared) firstprivate(j)
    compare_unit(s, item_at(pred, j / s->units), j / s->units, j % s->units);
}

void dv_spectral_loss_forward(dv_spectral_loss* s, const dv_real* pred, size_t stride, const size_t* items,
                              size_t count, dv_spectral_values* values)
{
  const rows_view view = {NULL, pred, stride};
  s->count = count;
  for (size_t i = 0; i < count; ++i) s->items[i] = items ? items[i] : i;
  if (dv_team_running()) {
    compare_all(s, view);
  } else {
#pragma omp parallel num_threads(s->threads)
#pragma omp single
    compare_all(s, view);
  }
  *values = (dv_spectral_values){0};
  for (int r = 0; r < RESOLUTIONS; ++r) {
    const sums total = total_of(s, r);
    values->lr += part_value(s, r, &total, PARTS_LR) / RESOLUTIONS;
    values->ms += 0.5 * (part_value(s, r, &total, PARTS_M) + part_value(s, r, &total, PARTS_S)) / RESOLUTIONS;
  }
}

static void keep_unit(const dv_spectral_loss* s, size_t item, size_t unit)
{
  scratch* t = my_scratch(s);
  load_unit(s, item_at(s->target, item), unit, t, t->target);
  for (int r = 0; r < RESOLUTIONS; ++r)
    for (size_t step = 0; step < step_count(s, r); ++step) {
      dv_frames active[2];
      if (!active_frames(s, r, unit, step, active)) break;
      magnitudes_of_step(s, r, step, active, t, kept_step(s, item, unit, r, step));
    }
}

static void set_target(dv_spectral_loss* s, rows_view target)
{
  s->target = target;
  if (!s->kept) return;
#pragma omp parallel for num_threads(s->threads) schedule(dynamic)
  for (size_t j = 0; j < s->batch * s->units; ++j) keep_unit(s, j / s->units, j % s->units);
}

void dv_spectral_loss_set_target(dv_spectral_loss* s, const dv_real* target, size_t stride)
{
  set_target(s, (rows_view){NULL, target, stride});
}

void dv_spectral_loss_set_target_rows(dv_spectral_loss* s, const dv_real* const* rows)
{
  set_target(s, (rows_view){rows, NULL, 0});
}

/* ---- gradient ---- */

/* The slope over m_p. */
DV_INLINE dv_wide slope(slopes w, dv_wide target, dv_wide power)
{
  const dv_wide zero = {0}, inverse = dv_wide_inverse_sqrt(floored(power)), pred = floored(power) * inverse;
  const dv_wide sign = dv_wide_select(pred > target, zero + w.log, dv_wide_select(pred < target, zero - w.log, zero));
  const dv_wide c = w.norm * (1 - target * inverse) + sign * inverse * inverse;
  return dv_wide_select(power < POWER_FLOOR, zero, c);
}

/* own v + other w */
DV_INLINE dv_frames_pair mix(dv_frames own, dv_frames_pair v, dv_frames other, dv_frames_pair w)
{
  return (dv_frames_pair){own * v.re + other * w.re, own * v.im + other * w.im};
}

/* The cotangents a and b of one bin of two frames: what z holds at the bin and its mirror image.  scale: 1, and 2
   for the two bins that are their own image. */
DV_INLINE void put_bins(dv_frames_pair a, dv_frames_pair b, double scale, dv_frames_pair* z, size_t at, size_t mirror)
{
  z[mirror] = (dv_frames_pair){scale * (a.re + b.im), scale * (b.re - a.im)};
  z[at] = (dv_frames_pair){scale * (a.re - b.im), scale * (a.im + b.re)};
}

/* Spectra of two frames to cotangents, in place.  A magnitude's slope over that magnitude, c, gives its own
   spectrum X the cotangent c X; left and right pass half their sum to middle and half their difference to
   side. */
static DV_HOT void cotangents(const slopes* w, const uint16_t* positions, size_t size, const bin_values* magnitudes,
                              dv_frames_pair* const spectra[2])
{
  const slopes w_lr = w[PARTS_LR], w_m = w[PARTS_M], w_s = w[PARTS_S];
  const dv_real quarter = (dv_real)0.25;
  for (size_t k = 0; k <= size / 2; ++k) {
    const size_t at = positions[k], mirror = positions[(size - k) % size];
    const frame_bins m = separate(spectra[0], at, mirror), s = separate(spectra[1], at, mirror);
    const bin_values* target = &magnitudes[k];
    const double scale = at == mirror ? 2.0 : 1.0;
    bin_values p;
    bin_powers(&m, &s, &p);
    const dv_wide l = quarter * slope(w_lr, target->of[LEFT], p.of[LEFT]);
    const dv_wide r = quarter * slope(w_lr, target->of[RIGHT], p.of[RIGHT]);
    dv_frames l_a, l_b, r_a, r_b, m_a, m_b, s_a, s_b;
    widen(l, &l_a, &l_b);
    widen(r, &r_a, &r_b);
    widen(slope(w_m, target->of[MIDDLE], p.of[MIDDLE]), &m_a, &m_b);
    widen(slope(w_s, target->of[SIDE], p.of[SIDE]), &s_a, &s_b);
    const dv_frames both_a = l_a + r_a, both_b = l_b + r_b, cross_a = l_a - r_a, cross_b = l_b - r_b;
    put_bins(mix(m_a + both_a, m.a, cross_a, s.a), mix(m_b + both_b, m.b, cross_b, s.b), scale, spectra[0], at, mirror);
    put_bins(mix(s_a + both_a, s.a, cross_a, m.a), mix(s_b + both_b, s.b, cross_b, m.b), scale, spectra[1], at, mirror);
  }
}

static void part_slopes(const dv_spectral_loss* s, int r, dv_spectral_values weights, slopes* w)
{
  const sums total = total_of(s, r);
  for (int part = 0; part < PARTS; ++part) {
    const double weight = (part == PARTS_LR ? weights.lr : 0.5 * weights.ms) / RESOLUTIONS;
    const double norms = sqrt(total.squares[part] * total.target[part]);
    w[part].norm = norms > 0.0 ? (dv_real)(weight / norms) : 0;
    w[part].log = (dv_real)(weight / part_count(s, r, part));
  }
}

typedef slopes all_slopes[RESOLUTIONS][PARTS];

/* What one item's gradient is made of, and its rows. */
typedef struct {
  size_t i;
  stereo pred;
  dv_real *left, *right;
  all_slopes slopes;
} item_gradient;

static void differentiate_unit(const dv_spectral_loss* s, const item_gradient* g, size_t unit)
{
  scratch* t = my_scratch(s);
  load_both(s, g->pred, g->i, unit, t);
  for (int side = 0; side < 2; ++side) memset(t->gradient[side], 0, lane_reach(s) * sizeof(dv_frames));
  for (int r = 0; r < RESOLUTIONS; ++r) {
    const dv_stft* stft = s->stft[r];
    for (size_t step = 0; step < step_count(s, r); ++step) {
      dv_frames active[2];
      if (!active_frames(s, r, unit, step, active)) break;
      const bin_values* magnitudes = transform_both(s, &(place){g->i, unit, r, step}, active, t);
      cotangents(g->slopes[r], dv_stft_positions(stft), dv_stft_size(stft), magnitudes, t->spectra);
      for (int side = 0; side < 2; ++side)
        dv_stft_backward(stft, t->spectra[side], t->gradient[side] + step_start(s, r, step));
    }
  }
  unload_unit(s, unit, t, g->left, g->right);
}

/* Neighbouring units overlap in the samples that they write: first all even ones, then the odd ones. */
static void differentiate_all(const dv_spectral_loss* s, const item_gradient* g)
{
  for (size_t odd = 0; odd < 2; ++odd) {
#pragma omp taskgroup
    for (size_t unit = odd; unit < s->units; unit += 2)
#pragma omp task default(shared) firstprivate(unit)
      differentiate_unit(s, g, unit);
  }
}

void dv_spectral_loss_backward(const dv_spectral_loss* s, dv_spectral_values weights, size_t i, const dv_real* pred,
                               size_t stride, dv_real* grad)
{
  item_gradient g = {i, {pred, pred + stride}, grad, grad + s->samples, {{{0, 0}}}};
  for (int r = 0; r < RESOLUTIONS; ++r) part_slopes(s, r, weights, g.slopes[r]);
  if (dv_team_running()) {
    differentiate_all(s, &g);
    return;
  }
#pragma omp parallel num_threads(s->threads)
#pragma omp single
  differentiate_all(s, &g);
}
