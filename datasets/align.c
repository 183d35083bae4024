/* SPDX-License-Identifier: MIT */
#include "datasets/align.h"

#include "datasets/audio.h"
#include "dsp/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Chosen on real stems; docs/math/alignment.md has the measurements. */
static const double BLOCK_S = 30.0;     /* of the dry stem that one transform compares */
enum { MAX_BLOCKS = 12 };               /* the loudest ones: six minutes of voice say enough */
static const double FADE_S = 0.05;      /* a hard cut is a click in both stems, and clicks match any other */
static const double MARGIN_S = 1.0;     /* what a peak is compared with before it; lags beyond the search to have it */
static const double GAP_S = 0.002;      /* what belongs to a peak */
static const double SMOOTH_HZ = 250.0;  /* half the width of spectral smoothing: an equaliser's, not an echo's */
static const double FINE = 0.1;         /* least power between harmonics, against the smooth spectrum */
static const double FLOOR = 1e-7;       /* of the strongest band: softer bands hold dither and coding noise */
static const double EQ_RANGE_DB = 40.0; /* most that a band is taken to be cut or raised */
static const double ALIKE = 0.8;        /* of the largest peak: may be the right one just as well */
static const double EARLIEST = 0.2;     /* the direct sound may be this much softer than the largest echo ... */
static const double CLEAR = 4.0;        /* ... when it is this much above all before it */
static const double REPEAT = 1.2;       /* tolerance for what the dry stem's own repeats explain */
/* Echoes of this lag tell the direction; right stems reach -0.08, by compression. */
static const double DIRECTION_FROM_S = 0.005, DIRECTION_TO_S = 0.5, SWAPPED = -0.2;

typedef struct {
  size_t margin, span, gap, block, bins; /* span: lags computed to either side; the rest in samples */
  double rate_hz, dry_scale, wet_scale;
  dv_fft* fft;
  dv_real *x, *y, *z, *repeats; /* spectra or signals */
  double *xx, *yy, *re, *im;    /* power of dry and wet, conj(dry) wet: sums over blocks */
  double *smooth_xx, *smooth_yy, *sum;
} work;

static void work_free(work* w)
{
  dv_fft_free(w->fft);
  dv_fft_release(w->x);
  dv_fft_release(w->y);
  dv_fft_release(w->z);
  dv_fft_release(w->repeats);
  double* const all[] = {w->xx, w->yy, w->re, w->im, w->smooth_xx, w->smooth_yy, w->sum};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) free(all[i]);
}

static dv_status work_new(size_t dry_frames, size_t wet_frames, double rate_hz, double search_s, work* w, dv_error* err)
{
  const size_t longest = dry_frames > wet_frames ? dry_frames : wet_frames;
  const double search = ceil(fmin(search_s * rate_hz, (double)longest));
  *w = (work){.rate_hz = rate_hz, .margin = (size_t)(MARGIN_S * rate_hz), .gap = (size_t)(GAP_S * rate_hz)};
  w->span = (size_t)search + 2 * w->margin;
  w->block = dry_frames < (size_t)(BLOCK_S * rate_hz) ? dry_frames : (size_t)(BLOCK_S * rate_hz);
  const size_t n = dv_fft_good_size(w->block + 2 * w->span), bins = n / 2 + 1;
  w->bins = bins;
  w->fft = dv_fft_new(n);
  w->x = dv_fft_alloc(2 * bins);
  w->y = dv_fft_alloc(2 * bins);
  w->z = dv_fft_alloc(2 * bins);
  w->repeats = dv_fft_alloc(2 * bins);
  double** const all[] = {&w->xx, &w->yy, &w->re, &w->im, &w->smooth_xx, &w->smooth_yy, &w->sum};
  bool ready = w->fft && w->x && w->y && w->z && w->repeats;
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) ready = (*all[i] = calloc(bins + 1, sizeof **all)) && ready;
  if (ready) return DV_OK;
  work_free(w);
  return dv_fail(err, DV_ERR_NOMEM, "Out of memory for aligning stems within %.1f s", search_s);
}

/* ---- spectra ---- */

static double fade(size_t i, size_t frames, size_t length)
{
  const size_t edge = i < frames - 1 - i ? i : frames - 1 - i;
  return edge < length ? 0.5 - 0.5 * cos(M_PI * ((double)edge + 0.5) / (double)length) : 1.0;
}

typedef struct {
  const float *left, *right; /* equal for one channel, otherwise their mean is meant */
  size_t frames;
} stem;

static double sample(const stem* s, size_t i)
{
  return s->left == s->right ? (double)s->left[i] : 0.5 * ((double)s->left[i] + (double)s->right[i]);
}

static double peak(const stem* s)
{
  double most = 0.0;
  for (size_t i = 0; i < s->frames; ++i) {
    const double x = fabs(sample(s, i));
    if (!(x <= most)) most = x; /* negated: NaN stays */
    if (!isfinite(most)) break;
  }
  return most;
}

/* x: the block that begins at `start`; y: the same of the wet stem with `span` samples more to either side. */
static void load_block(work* w, const stem* dry, const stem* wet, size_t start)
{
  const size_t count = dry->frames - start < w->block ? dry->frames - start : w->block;
  const size_t edge = (size_t)(FADE_S * w->rate_hz);
  const size_t dry_edge = edge < count / 4 ? edge : count / 4,
               wet_edge = edge < wet->frames / 4 ? edge : wet->frames / 4;
  memset(w->x, 0, 2 * w->bins * sizeof *w->x);
  memset(w->y, 0, 2 * w->bins * sizeof *w->y);
  for (size_t i = 0; i < count; ++i)
    w->x[i] = (dv_real)(w->dry_scale * sample(dry, start + i) * fade(i, count, dry_edge));
  const size_t first = start > w->span ? start - w->span : 0, offset = first + w->span - start;
  for (size_t i = first; i < wet->frames && i - first + offset < count + 2 * w->span; ++i)
    w->y[i - first + offset] = (dv_real)(w->wet_scale * sample(wet, i) * fade(i, wet->frames, wet_edge));
}

static void add_block(work* w, const stem* dry, const stem* wet, size_t start)
{
  load_block(w, dry, wet, start);
  dv_fft_forward(w->fft, w->x, w->x);
  dv_fft_forward(w->fft, w->y, w->y);
  for (size_t k = 0; k < w->bins; ++k) {
    const double a = (double)w->x[2 * k], b = (double)w->x[2 * k + 1];
    const double c = (double)w->y[2 * k], d = (double)w->y[2 * k + 1];
    w->xx[k] += a * a + b * b;
    w->yy[k] += c * c + d * d;
    w->re[k] += a * c + b * d;
    w->im[k] += a * d - b * c;
  }
}

static double block_energy(const work* w, const stem* dry, size_t block)
{
  const size_t start = block * w->block;
  double sum = 0.0;
  for (size_t i = start; i < dry->frames && i < start + w->block; ++i) {
    const double x = w->dry_scale * sample(dry, i);
    sum += x * x;
  }
  return sum;
}

static dv_status add_blocks(work* w, const stem* dry, const stem* wet, dv_error* err)
{
  const size_t count = (dry->frames + w->block - 1) / w->block;
  double* energy = malloc(count * sizeof *energy);
  if (!energy) return dv_fail(err, DV_ERR_NOMEM, "Out of memory for aligning stems");
  for (size_t b = 0; b < count; ++b) energy[b] = block_energy(w, dry, b);
  for (size_t b = 0; b < count; ++b) {
    size_t louder = 0;
    for (size_t i = 0; i < count; ++i) louder += energy[i] > energy[b] || (energy[i] == energy[b] && i < b);
    if (energy[b] > 0.0 && louder < MAX_BLOCKS) add_block(w, dry, wet, b * w->block);
  }
  free(energy);
  return DV_OK;
}

/* A moving mean, and a floor under it. */
static void smooth(work* w, const double* power, double* out)
{
  const size_t reach = (size_t)(SMOOTH_HZ / w->rate_hz * (double)dv_fft_size(w->fft)), n = w->bins;
  double strongest = 0.0;
  w->sum[0] = 0.0;
  for (size_t k = 0; k < n; ++k) w->sum[k + 1] = w->sum[k] + power[k];
  for (size_t k = 0; k < n; ++k) {
    const size_t from = k > reach ? k - reach : 0, to = k + reach + 1 < n ? k + reach + 1 : n;
    out[k] = (w->sum[to] - w->sum[from]) / (double)(to - from);
    strongest = fmax(strongest, out[k]);
  }
  for (size_t k = 0; k < n; ++k) out[k] += FLOOR * strongest;
}

/* z: in its odd places the phase of the minimum-phase filter between the smooth spectra, from its cepstrum. */
static void minimum_phase(work* w)
{
  const size_t n = dv_fft_size(w->fft);
  const double range = EQ_RANGE_DB * log(10.0) / 20.0;
  double mean = 0.0;
  for (size_t k = 0; k < w->bins; ++k) w->sum[k] = 0.5 * log(w->smooth_yy[k] / w->smooth_xx[k]);
  for (size_t k = 0; k < w->bins; ++k) mean += w->sum[k] / (double)w->bins;
  for (size_t k = 0; k < w->bins; ++k) {
    w->z[2 * k] = (dv_real)fmax(-range, fmin(range, w->sum[k] - mean));
    w->z[2 * k + 1] = 0;
  }
  dv_fft_inverse(w->fft, w->z, w->z);
  for (size_t i = 0; i < n; ++i) {
    const double fold = i == 0 || 2 * i == n ? 1.0 : 2 * i < n ? 2.0 : 0.0;
    w->z[i] = (dv_real)(fold / (double)n * (double)w->z[i]);
  }
  dv_fft_forward(w->fft, w->z, w->z);
}

/* ---- responses; the lag l is at l + span ---- */

/* x: the response, its smooth spectrum flattened, without the minimum phase that belongs to it.  z: likewise
   with all of its phase.  y: the cross-correlation of both stems, each flattened: it does not divide by the fine
   spectrum of either, so that swapping the stems does nothing but turn it round. */
static void flatten(work* w)
{
  minimum_phase(w);
  for (size_t k = 0; k < w->bins; ++k) {
    const double scale = 1.0 / sqrt(w->smooth_xx[k] * w->smooth_yy[k]);
    const double divide = (1.0 + FINE) * w->smooth_xx[k] / (w->xx[k] + FINE * w->smooth_xx[k]);
    const double phase = (double)w->z[2 * k + 1], c = cos(phase), s = sin(phase);
    const double re = w->re[k] * scale, im = w->im[k] * scale;
    w->y[2 * k] = (dv_real)re;
    w->y[2 * k + 1] = (dv_real)im;
    w->z[2 * k] = (dv_real)(divide * re);
    w->z[2 * k + 1] = (dv_real)(divide * im);
    w->x[2 * k] = (dv_real)(divide * (re * c + im * s));
    w->x[2 * k + 1] = (dv_real)(divide * (im * c - re * s));
  }
  dv_fft_inverse(w->fft, w->x, w->x);
  dv_fft_inverse(w->fft, w->y, w->y);
  dv_fft_inverse(w->fft, w->z, w->z);
}

static size_t largest(const dv_real* r, size_t from, size_t to)
{
  size_t best = from;
  for (size_t i = from; i < to; ++i)
    if (fabs((double)r[i]) > fabs((double)r[best])) best = i;
  return best;
}

/* The dry stem against itself, flattened as the response is; 1 at lag 0. */
static void find_repeats(work* w)
{
  for (size_t k = 0; k < w->bins; ++k) {
    w->repeats[2 * k] = (dv_real)(w->xx[k] / (w->xx[k] + FINE * w->smooth_xx[k]));
    w->repeats[2 * k + 1] = 0;
  }
  dv_fft_inverse(w->fft, w->repeats, w->repeats);
  const double scale = 1.0 / (double)w->repeats[0];
  for (size_t i = 0; i < dv_fft_size(w->fft); ++i) w->repeats[i] = (dv_real)(scale * (double)w->repeats[i]);
}

/* What a response at i, before a peak, has more than the dry stem's repeating itself explains: a phrase that was
   copied matches its copy. */
static double unexplained(const work* w, const dv_real* r, size_t at, size_t i)
{
  return fabs((double)r[i]) - REPEAT * fabs((double)w->repeats[at - i]) * fabs((double)r[at]);
}

static double rival(const work* w, const dv_real* r, size_t at)
{
  double most = 0.0;
  for (size_t i = 0; i < at - w->gap; ++i) most = fmax(most, unexplained(w, r, at, i));
  return most;
}

/* The first of the peaks in the margin before `best` that stands clear of everything before it. */
static size_t direct_sound(const work* w, const dv_real* r, size_t best)
{
  const size_t first = best - w->margin > w->margin ? best - w->margin : w->margin;
  const double least = EARLIEST * fabs((double)r[best]);
  double before = fabs((double)r[largest(r, 0, first - w->gap)]);
  for (size_t i = first; i < best; ++i) {
    before = fmax(before, fabs((double)r[i - w->gap]));
    if (fabs((double)r[i]) >= CLEAR * before && unexplained(w, r, best, i) >= least)
      return largest(r, i, i + w->gap + 1);
  }
  return best;
}

/* The largest response of the search; of several alike, as loops give, the one nearest to no lag. */
static size_t main_peak(const work* w, const dv_real* r)
{
  const size_t end = 2 * w->span + 1 - w->margin;
  const size_t best = largest(r, w->margin, end);
  const double alike = ALIKE * fabs((double)r[best]);
  for (size_t d = 0; d + w->margin <= w->span; ++d) {
    const size_t before = w->span - d, after = w->span + d;
    if (fabs((double)r[before]) < alike && fabs((double)r[after]) < alike) continue;
    const size_t at = fabs((double)r[before]) > fabs((double)r[after]) ? before : after;
    return largest(r, at > w->margin + w->gap ? at - w->gap : w->margin, at + w->gap + 1);
  }
  return best;
}

static double direction(const work* w, size_t at)
{
  const size_t from = (size_t)(DIRECTION_FROM_S * w->rate_hz), to = (size_t)(DIRECTION_TO_S * w->rate_hz);
  double after = 1e-30, before = 1e-30;
  for (size_t i = from; i < to; ++i) {
    after += (double)w->y[at + i] * (double)w->y[at + i];
    before += (double)w->y[at - i] * (double)w->y[at - i];
  }
  return (after - before) / (after + before);
}

static void describe(const work* w, dv_alignment* a)
{
  /* An equaliser is of minimum phase, a resampler's or codec's filter of linear phase; the right of the two
     gives the sharper peak, as the responses differ in nothing but phase. */
  const size_t minimum = main_peak(w, w->x), linear = main_peak(w, w->z);
  const bool is_minimum = fabs((double)w->x[minimum]) >= fabs((double)w->z[linear]);
  const dv_real* r = is_minimum ? w->x : w->z;
  const size_t at = direct_sound(w, r, is_minimum ? minimum : linear);
  const double height = fabs((double)r[at]);
  a->lag_samples = (ptrdiff_t)at - (ptrdiff_t)w->span;
  a->polarity = r[at] < 0 ? -1 : 1;
  a->confidence = height > 0.0 ? fmax(0.0, 1.0 - rival(w, r, at) / height) : 0.0;
  a->matched = a->confidence >= DV_ALIGN_MIN_CONFIDENCE;
  a->at_limit = at <= 2 * w->margin || at >= 2 * (w->span - w->margin);
  a->direction = direction(w, at);
  a->looks_swapped = a->matched && a->direction < SWAPPED;
  for (size_t i = 0; i < DV_ALIGN_CURVE_POINTS && height > 0.0; ++i)
    a->curve[i] = (float)((double)r[at + i - DV_ALIGN_CURVE_RADIUS] / height);
}

static dv_status compare(work* w, const stem* dry, const stem* wet, dv_alignment* a, dv_error* err)
{
  const double dry_peak = peak(dry), wet_peak = peak(wet);
  if (!isfinite(dry_peak) || !isfinite(wet_peak))
    return dv_fail(err, DV_ERR_NONFINITE, "Stems to be aligned hold samples that are not finite");
  if (dry_peak == 0.0 || wet_peak == 0.0) return DV_OK;
  w->dry_scale = 1.0 / dry_peak;
  w->wet_scale = 1.0 / wet_peak;
  double* const sums[] = {w->xx, w->yy, w->re, w->im};
  for (size_t i = 0; i < sizeof sums / sizeof *sums; ++i) memset(sums[i], 0, w->bins * sizeof *sums[i]);
  const dv_status status = add_blocks(w, dry, wet, err);
  if (status) return status;
  smooth(w, w->xx, w->smooth_xx);
  smooth(w, w->yy, w->smooth_yy);
  if (w->smooth_xx[0] == 0.0 || w->smooth_yy[0] == 0.0) return DV_OK; /* no block meets any sound */
  flatten(w);
  find_repeats(w);
  describe(w, a);
  return DV_OK;
}

dv_status dv_align(const float* dry, size_t dry_frames, const float* left, const float* right, size_t wet_frames,
                   double rate_hz, double search_s, dv_alignment* result, dv_error* err)
{
  *result = (dv_alignment){.polarity = 1};
  if (!dry_frames || !wet_frames) return dv_fail(err, DV_ERR_ARG, "Stems without samples cannot be aligned");
  if (!(rate_hz >= DV_AUDIO_MIN_RATE_HZ && rate_hz <= DV_AUDIO_MAX_RATE_HZ))
    return dv_fail(err, DV_ERR_ARG, "Stems at %g Hz cannot be aligned; 8000 to 192000 Hz can", rate_hz);
  if (!(search_s > 0.0 && search_s <= DV_ALIGN_MAX_SEARCH_S))
    return dv_fail(err, DV_ERR_ARG, "The search for the lag cannot go %g s far; above 0 to %g s can", search_s,
                   DV_ALIGN_MAX_SEARCH_S);
  const stem source = {dry, dry, dry_frames};
  const stem wet[] = {{left, right, wet_frames}, {left, left, wet_frames}, {right, right, wet_frames}};
  const dv_align_channel channels[] = {DV_ALIGN_MID, DV_ALIGN_LEFT, DV_ALIGN_RIGHT};
  work w;
  dv_status status = work_new(dry_frames, wet_frames, rate_hz, search_s, &w, err);
  if (status) return status;
  /* The channels on their own only where the middle says nothing: they may cancel in it. */
  for (size_t i = 0; !status && i < (left == right ? 1 : 3) && !result->matched; ++i) {
    dv_alignment a = {.polarity = 1, .channel = channels[i]};
    status = compare(&w, &source, &wet[i], &a, err);
    if (!status && (i == 0 || a.confidence > result->confidence)) *result = a;
  }
  work_free(&w);
  return status;
}
