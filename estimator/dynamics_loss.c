/* SPDX-License-Identifier: MIT */
#include "estimator/dynamics_loss.h"

#include "dsp/team.h"
#include "estimator/wide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double RATE_HZ = 44100.0, POWER_FLOOR = 1e-8;

enum { PAIRS = 2, POLES = 2 * PAIRS, BLOCK = 128, BLOCK_VALUES = BLOCK * DV_LANES };
static const double SHORT_MS[PAIRS] = {50.0, 100.0}, LONG_MS[PAIRS] = {1000.0, 2000.0};

/* The four lanes are left, right, middle and side of one item; lanes 0 and 1 are its rows in the array of
   channels, lanes 2 and 3 its rows in the array of middles and sides.  Pole 2 pair is a pair's short
   average, pole 2 pair + 1 its long one.  State is double: an average over 2 s loses three digits in float. */
typedef struct {
  dv_lanes average[POLES];
} poles_state;

/* A signal's rows, one by one or at a stride, and which of its items are meant (NULL: all, in order). */
typedef struct {
  const dv_real* const* row; /* NULL: at first + r stride */
  const dv_real* first;
  size_t stride;
  const size_t* items;
} rows_view;

/* Position in the array of all rows, relative to an item's own rows. */
typedef struct {
  size_t rows_ahead, position;
} cursor;

/* Power where the short poles and each pair's long pole read, and the averages of a block. */
typedef struct {
  dv_lanes power[1 + PAIRS][BLOCK];
  dv_real average[POLES][BLOCK_VALUES];
} block;

/* The four averages of one item, the long ones `shift` samples ahead. */
typedef struct {
  rows_view view;
  size_t item, position;
  cursor ahead[PAIRS];
  poles_state state;
  block out;
} follower;

/* Scratch memory of one thread. */
typedef struct {
  poles_state* checkpoints; /* before each block of a row */
  follower pred, target;
} scratch;

typedef struct {
  double lr, ms;
} sums;

struct dv_dynamics_loss {
  size_t batch, samples, count;
  int threads;
  bool wrap_rows;
  double coef[POLES];
  size_t shift[PAIRS];
  rows_view target;
  size_t* items;             /* of the last forward */
  sums* difference;          /* [i][pair] of the last forward */
  uint8_t* signs;            /* of f(pred) - f(target), [i][pair][sample] of the last forward, packed */
  uint8_t *own_signs, *lent; /* where they may be */
  size_t lent_bytes;
  scratch* threads_scratch;
};

static size_t block_count(const dv_dynamics_loss* d) { return (d->samples + BLOCK - 1) / BLOCK; }

static uint8_t* signs_at(const dv_dynamics_loss* d, size_t i, size_t pair, size_t n)
{
  return d->signs + (i * PAIRS + pair) * d->samples + n;
}

/* Two bits a lane hold its sign plus 1. */
enum { ALL_ZERO = 0x55 };

static DV_HOT void pack_signs(const int8_t* restrict signs, size_t n, uint8_t* restrict packed)
{
  for (size_t i = 0; i < n; ++i) {
    const int8_t* s = signs + i * DV_LANES;
    packed[i] = (uint8_t)((s[0] + 1) | (s[1] + 1) << 2 | (s[2] + 1) << 4 | (s[3] + 1) << 6);
  }
}

DV_INLINE int8_t unpacked(uint8_t packed, size_t lane) { return (int8_t)((packed >> 2 * lane & 3) - 1); }

static DV_HOT void unpack_signs(const uint8_t* restrict packed, size_t n, int8_t* restrict signs)
{
  for (size_t i = 0; i < n; ++i)
    for (size_t lane = 0; lane < DV_LANES; ++lane) signs[i * DV_LANES + lane] = unpacked(packed[i], lane);
}

static scratch* my_scratch(const dv_dynamics_loss* d)
{
  return &d->threads_scratch[dv_team_running() ? dv_team_index() : 0];
}

/* ---- memory ---- */

static void* alloc_lanes(size_t count, size_t size)
{
  void* memory = aligned_alloc(sizeof(dv_lanes), count * size);
  if (memory) memset(memory, 0, count * size);
  return memory;
}

static int alloc_all(dv_dynamics_loss* d)
{
  d->items = calloc(d->batch, sizeof *d->items);
  d->difference = calloc(d->batch * PAIRS, sizeof *d->difference);
  d->own_signs = calloc(d->batch * PAIRS, d->samples);
  d->threads_scratch = alloc_lanes((size_t)d->threads, sizeof *d->threads_scratch);
  int ok = d->items && d->difference && d->own_signs && d->threads_scratch;
  for (int t = 0; ok && t < d->threads; ++t) {
    d->threads_scratch[t].checkpoints = alloc_lanes(block_count(d), sizeof(poles_state));
    ok = d->threads_scratch[t].checkpoints != NULL;
  }
  return ok;
}

/* The reference rounds the exponential to float; a 2 s average is 0.1 % slower for it. */
static double one_pole_coef(double ms) { return 1.0 - (double)(float)exp(-2200.0 / (ms * RATE_HZ)); }

dv_dynamics_loss* dv_dynamics_loss_new(size_t batch, size_t samples, int threads, dv_error* err)
{
  if (batch < 1 || samples < 1 || threads < 1) {
    (void)dv_fail(err, DV_ERR_ARG, "a loss needs at least one item, one sample and one thread");
    return NULL;
  }
  dv_dynamics_loss* d = calloc(1, sizeof *d);
  if (d) {
    d->batch = batch;
    d->samples = samples;
    d->threads = threads;
    d->wrap_rows = true;
    for (size_t pair = 0; pair < PAIRS; ++pair) {
      d->coef[2 * pair] = one_pole_coef(SHORT_MS[pair]);
      d->coef[2 * pair + 1] = one_pole_coef(LONG_MS[pair]);
      d->shift[pair] = (size_t)(RATE_HZ * (LONG_MS[pair] - SHORT_MS[pair]) * 0.0005);
    }
    if (samples < SIZE_MAX / 64 / batch && alloc_all(d)) return d;
  }
  dv_dynamics_loss_free(d);
  (void)dv_fail(err, DV_ERR_NOMEM, "not enough memory to compare the dynamics of %zu x %zu samples", batch, samples);
  return NULL;
}

void dv_dynamics_loss_free(dv_dynamics_loss* d)
{
  if (!d) return;
  for (int t = 0; d->threads_scratch && t < d->threads; ++t) free(d->threads_scratch[t].checkpoints);
  free(d->threads_scratch);
  free(d->own_signs);
  free(d->difference);
  free(d->items);
  free(d);
}

void dv_dynamics_loss_set_wrap(dv_dynamics_loss* d, bool wrap_rows) { d->wrap_rows = wrap_rows; }

void dv_dynamics_loss_lend(dv_dynamics_loss* d, void* memory, size_t bytes)
{
  d->lent = memory;
  d->lent_bytes = memory ? bytes : 0;
}

void dv_dynamics_loss_set_target(dv_dynamics_loss* d, const dv_real* target, size_t stride)
{
  d->target = (rows_view){NULL, target, stride, d->items};
}

void dv_dynamics_loss_set_target_rows(dv_dynamics_loss* d, const dv_real* const* rows)
{
  d->target = (rows_view){rows, NULL, 0, d->items};
}

/* ---- power and averages ---- */

DV_INLINE dv_lanes channels(double left, double right)
{
  return (dv_lanes){left, right, (left + right) * M_SQRT1_2, (left - right) * M_SQRT1_2};
}

/* NaN stays NaN. */
DV_INLINE dv_lanes floored_square(dv_lanes y)
{
  const dv_lanes square = y * y, least = dv_lanes_set(POWER_FLOOR);
  return dv_lanes_select(square < least, least, square);
}

static DV_HOT void item_power(const dv_real* left, const dv_real* right, size_t n, dv_lanes* power)
{
  for (size_t i = 0; i < n; ++i) power[i] = floored_square(channels((double)left[i], (double)right[i]));
}

/* One row on from item a: its second rows, and the first rows of the item after it. */
static DV_HOT void next_row_power(const dv_real* left_a, const dv_real* right_a, const dv_real* left_b,
                                  const dv_real* right_b, size_t n, dv_lanes* power)
{
  for (size_t i = 0; i < n; ++i) {
    const dv_lanes a = channels((double)left_a[i], (double)right_a[i]);
    const dv_lanes b = channels((double)left_b[i], (double)right_b[i]);
    power[i] = floored_square((dv_lanes){a[1], b[0], a[3], b[2]});
  }
}

static const dv_real* row_at(rows_view view, size_t i, size_t channel)
{
  const size_t r = 2 * (view.items ? view.items[i] : i) + channel;
  return view.row ? view.row[r] : view.first + r * view.stride;
}

static void power_at(const dv_dynamics_loss* d, rows_view view, size_t i, cursor c, size_t n, dv_lanes* power)
{
  const size_t item = (i + c.rows_ahead / 2) % d->count, next = (item + 1) % d->count;
  const dv_real *left = row_at(view, item, 0) + c.position, *right = row_at(view, item, 1) + c.position;
  if (c.rows_ahead % 2 == 0) item_power(left, right, n, power);
  else next_row_power(left, right, row_at(view, next, 0) + c.position, row_at(view, next, 1) + c.position, n, power);
}

/* The four recursions side by side hide each other's latency. */
static DV_HOT void run_poles(const double* coef, const dv_lanes* p_short, const dv_lanes* p_long0,
                             const dv_lanes* p_long1, size_t n, poles_state* state, dv_real (*average)[BLOCK_VALUES])
{
  dv_lanes s0 = state->average[0], l0 = state->average[1], s1 = state->average[2], l1 = state->average[3];
  const double a0 = coef[0], b0 = coef[1], a1 = coef[2], b1 = coef[3]; /* stores cannot change these */
  for (size_t i = 0; i < n; ++i) {
    s0 = (1.0 - a0) * s0 + a0 * p_short[i];
    l0 = (1.0 - b0) * l0 + b0 * p_long0[i];
    s1 = (1.0 - a1) * s1 + a1 * p_short[i];
    l1 = (1.0 - b1) * l1 + b1 * p_long1[i];
    dv_lanes_store(average[0] + i * DV_LANES, s0);
    dv_lanes_store(average[1] + i * DV_LANES, l0);
    dv_lanes_store(average[2] + i * DV_LANES, s1);
    dv_lanes_store(average[3] + i * DV_LANES, l1);
  }
  *state = (poles_state){{s0, l0, s1, l1}};
}

static DV_HOT void warm_up(double coef, const dv_lanes* power, size_t n, dv_lanes* average)
{
  dv_lanes a = *average;
  for (size_t i = 0; i < n; ++i) a = (1.0 - coef) * a + coef * power[i];
  *average = a;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Places a follower at the start of an item, its long poles `shift` samples ahead. */
static void follow(const dv_dynamics_loss* d, rows_view view, size_t i, follower* f)
{
  f->view = view;
  f->item = i;
  f->position = 0;
  f->state = (poles_state){{{0}}};
  for (size_t pair = 0; pair < PAIRS; ++pair) {
    const size_t pole = 2 * pair + 1, target = d->shift[pair] % d->samples;
    f->ahead[pair] = (cursor){d->shift[pair] / d->samples, 0};
    while (f->ahead[pair].position < target) {
      const size_t n = least(BLOCK, target - f->ahead[pair].position);
      power_at(d, view, i, f->ahead[pair], n, f->out.power[0]);
      warm_up(d->coef[pole], f->out.power[0], n, &f->state.average[pole]);
      f->ahead[pair].position += n;
    }
  }
}

/* How many samples a follower can go on without meeting the end of a row. */
static size_t next_length(const dv_dynamics_loss* d, const follower* f)
{
  size_t n = least(BLOCK, d->samples - f->position);
  for (int pair = 0; pair < PAIRS; ++pair) n = least(n, d->samples - f->ahead[pair].position);
  return n;
}

static void follow_block(const dv_dynamics_loss* d, follower* f, size_t n)
{
  block* b = &f->out;
  power_at(d, f->view, f->item, (cursor){0, f->position}, n, b->power[0]);
  for (int pair = 0; pair < PAIRS; ++pair) power_at(d, f->view, f->item, f->ahead[pair], n, b->power[1 + pair]);
  run_poles(d->coef, b->power[0], b->power[1], b->power[2], n, &f->state, b->average);
  f->position += n;
  for (int pair = 0; pair < PAIRS; ++pair) {
    cursor* c = &f->ahead[pair];
    c->position += n;
    if (c->position < d->samples) continue;
    *c = (cursor){c->rows_ahead + 1, 0};
    f->state.average[2 * pair + 1] = (dv_lanes){0};
  }
}

/* ---- values ---- */

/* With f = log(s / l), f(pred) - f(target) = log of x = s_pred l_target over y = l_pred s_target.  Adds its
   absolute value to the sum and keeps its sign. */
static DV_HOT void compare(const block* restrict pred, const block* restrict target, int pair, size_t n,
                           uint8_t* restrict packed, dv_log_sum* sum)
{
  int8_t signs[BLOCK_VALUES];
  dv_real high[BLOCK_VALUES], low[BLOCK_VALUES];
  const dv_real *s_pred = pred->average[2 * pair], *l_pred = pred->average[2 * pair + 1];
  const dv_real *s_target = target->average[2 * pair], *l_target = target->average[2 * pair + 1];
  const size_t values = n * DV_LANES, rounded = dv_wide_round(values);
  for (size_t j = 0; j < values; ++j) {
    const dv_real x = s_pred[j] * l_target[j], y = l_pred[j] * s_target[j];
    signs[j] = (int8_t)((x > y) - (x < y));
    high[j] = x > y ? x : y;
    low[j] = x > y ? y : x;
  }
  pack_signs(signs, n, packed);
  for (size_t j = values; j < rounded; ++j) high[j] = low[j] = 1;
  for (size_t start = 0; start < rounded; start += DV_LOG_TERMS_MAX * DV_WIDE) {
    dv_log_terms terms;
    dv_log_terms_clear(&terms);
    for (size_t j = start; j < rounded && j < start + DV_LOG_TERMS_MAX * DV_WIDE; j += DV_WIDE)
      dv_log_terms_add(&terms, *dv_wide_at(high + j), *dv_wide_at(low + j));
    dv_log_sum_add(sum, &terms);
  }
}

static sums channel_sums(const dv_log_sum* sum)
{
  sums s = {0};
  for (int l = 0; l < DV_WIDE; ++l) *(l % DV_LANES < 2 ? &s.lr : &s.ms) += dv_log_sum_lane(sum, l);
  return s;
}

/* Fills the signs and sums of item i. */
static void compare_item(dv_dynamics_loss* d, rows_view pred, size_t i, scratch* t)
{
  dv_log_sum sum[PAIRS];
  for (int pair = 0; pair < PAIRS; ++pair) dv_log_sum_clear(&sum[pair]);
  follow(d, pred, i, &t->pred);
  follow(d, d->target, i, &t->target);
  while (t->pred.position < d->samples) {
    const size_t at = t->pred.position, n = next_length(d, &t->pred);
    follow_block(d, &t->pred, n);
    follow_block(d, &t->target, n);
    for (size_t pair = 0; pair < PAIRS; ++pair) {
      if (d->wrap_rows || at + d->shift[pair] < d->samples)
        compare(&t->pred.out, &t->target.out, (int)pair, n, signs_at(d, i, pair, at), &sum[pair]);
      else memset(signs_at(d, i, pair, at), ALL_ZERO, n);
    }
  }
  for (size_t pair = 0; pair < PAIRS; ++pair) d->difference[i * PAIRS + pair] = channel_sums(&sum[pair]);
}

/* One over the number of values that the mean of a pair runs over; 0 if there are none. */
static double mean_factor(const dv_dynamics_loss* d, size_t pair)
{
  const size_t lost = d->wrap_rows ? 0 : least(d->shift[pair], d->samples);
  return d->samples > lost ? 1.0 / (2.0 * (double)d->count * (double)(d->samples - lost)) : 0.0;
}

static void compare_all(dv_dynamics_loss* d, rows_view pred)
{
#pragma omp taskgroup
  for (size_t i = 0; i < d->count; ++i)
#pragma omp task default(shared) firstprivate(i)
    compare_item(d, pred, i, my_scratch(d));
}

void dv_dynamics_loss_forward(dv_dynamics_loss* d, const dv_real* pred, size_t stride, const size_t* items,
                              size_t count, dv_dynamics_values* values)
{
  const rows_view view = {NULL, pred, stride, NULL};
  d->count = count;
  d->signs = count * PAIRS * d->samples <= d->lent_bytes ? d->lent : d->own_signs;
  for (size_t i = 0; i < count; ++i) d->items[i] = items ? items[i] : i;
  if (dv_team_running()) {
    compare_all(d, view);
  } else {
#pragma omp parallel num_threads(d->threads)
#pragma omp single
    compare_all(d, view);
  }
  *values = (dv_dynamics_values){0};
  for (size_t i = 0; i < count; ++i)
    for (size_t pair = 0; pair < PAIRS; ++pair) {
      values->lr += mean_factor(d, pair) * d->difference[i * PAIRS + pair].lr;
      values->ms += mean_factor(d, pair) * d->difference[i * PAIRS + pair].ms;
    }
}

/* ---- gradient ---- */

/* Signs of the n differences in which the long averages at `position` of item i take part: those of
   `shift` samples before, at the start of a row in the row before. */
static void gather_signs(const dv_dynamics_loss* d, size_t i, size_t pair, size_t position, size_t n, int8_t* signs)
{
  const size_t total = 2 * d->count * d->samples;
  for (size_t lane = 0; lane < DV_LANES; ++lane) {
    const size_t here = (2 * i + lane % 2) * d->samples + position;
    const size_t flat = (here + total - d->shift[pair] % total) % total;
    size_t row = flat / d->samples, from = flat % d->samples;
    for (size_t j = 0; j < n; ++j) {
      signs[j * DV_LANES + lane] = unpacked(*signs_at(d, row / 2, pair, from), lane / 2 * 2 + row % 2);
      if (++from < d->samples) continue;
      from = 0;
      row = (row + 1) % (2 * d->count);
    }
  }
}

/* Replaces averages by d|f(pred) - f(target)|/daverage, up to the factor of the mean. */
static DV_HOT void divide_signs(const int8_t* restrict signs, size_t values, dv_real* restrict average)
{
  for (size_t j = 0; j < values; ++j) average[j] = (dv_real)signs[j] / average[j];
}

/* The recursions backwards: lambda[n] = slope[n] + (1 - coef) lambda[n + 1], dL/dp = sum of coef lambda.
   scale: coef, the factor of the mean and the weight of each pole, per lane. */
static DV_HOT void poles_backward(const double* coef, const dv_lanes* scale, dv_real (*slope)[BLOCK_VALUES],
                                  const dv_real* left, const dv_real* right, size_t n, poles_state* lambda,
                                  dv_real* g_left, dv_real* g_right)
{
  dv_lanes s0 = lambda->average[0], l0 = lambda->average[1], s1 = lambda->average[2], l1 = lambda->average[3];
  for (size_t i = n; i-- > 0;) {
    s0 = (1.0 - coef[0]) * s0 + dv_lanes_load(slope[0] + i * DV_LANES);
    l0 = (1.0 - coef[1]) * l0 + dv_lanes_load(slope[1] + i * DV_LANES);
    s1 = (1.0 - coef[2]) * s1 + dv_lanes_load(slope[2] + i * DV_LANES);
    l1 = (1.0 - coef[3]) * l1 + dv_lanes_load(slope[3] + i * DV_LANES);
    const dv_lanes gp = scale[0] * s0 + scale[1] * l0 + scale[2] * s1 + scale[3] * l1;
    const dv_lanes y = channels((double)left[i], (double)right[i]);
    const dv_lanes gy = dv_lanes_select(y * y < dv_lanes_set(POWER_FLOOR), (dv_lanes){0}, 2.0 * y * gp);
    g_left[i] += (dv_real)(gy[0] + M_SQRT1_2 * (gy[2] + gy[3]));
    g_right[i] += (dv_real)(gy[1] + M_SQRT1_2 * (gy[2] - gy[3]));
  }
  *lambda = (poles_state){{s0, l0, s1, l1}};
}

/* Averages of block k of an item at their own positions, from the state before it. */
static void own_averages(const dv_dynamics_loss* d, const dv_real* left, const dv_real* right, size_t k,
                         poles_state* state, block* b)
{
  const size_t at = k * BLOCK, n = least(BLOCK, d->samples - at);
  item_power(left + at, right + at, n, b->power[0]);
  run_poles(d->coef, b->power[0], b->power[0], b->power[0], n, state, b->average);
}

static void slopes_of_block(const dv_dynamics_loss* d, size_t i, size_t position, size_t n, block* b)
{
  int8_t signs[BLOCK_VALUES];
  for (size_t pair = 0; pair < PAIRS; ++pair) {
    unpack_signs(signs_at(d, i, pair, position), n, signs);
    divide_signs(signs, n * DV_LANES, b->average[2 * pair]);
    if (position >= d->shift[pair]) unpack_signs(signs_at(d, i, pair, position - d->shift[pair]), n, signs);
    else gather_signs(d, i, pair, position, n, signs);
    divide_signs(signs, n * DV_LANES, b->average[2 * pair + 1]);
  }
}

typedef dv_lanes pole_scales[POLES];

static void differentiate_item(const dv_dynamics_loss* d, size_t i, const dv_real* left, const dv_real* right,
                               const pole_scales scale, dv_real* grad)
{
  scratch* t = my_scratch(d);
  block* b = &t->pred.out;
  poles_state state = {{{0}}}, lambda = {{{0}}};
  for (size_t k = 0; k < block_count(d); ++k) {
    t->checkpoints[k] = state;
    own_averages(d, left, right, k, &state, b);
  }
  for (size_t k = block_count(d); k-- > 0;) {
    const size_t at = k * BLOCK, n = least(BLOCK, d->samples - at);
    own_averages(d, left, right, k, &t->checkpoints[k], b);
    slopes_of_block(d, i, at, n, b);
    poles_backward(d->coef, scale, b->average, left + at, right + at, n, &lambda, grad + at, grad + d->samples + at);
  }
}

void dv_dynamics_loss_backward(const dv_dynamics_loss* d, dv_dynamics_values weights, size_t i, const dv_real* pred,
                               size_t stride, dv_real* grad)
{
  pole_scales scale;
  for (size_t pole = 0; pole < POLES; ++pole) {
    const double factor = (pole % 2 ? -1.0 : 1.0) * d->coef[pole] * mean_factor(d, pole / 2);
    scale[pole] = factor * (dv_lanes){weights.lr, weights.lr, weights.ms, weights.ms};
  }
  differentiate_item(d, i, pred, pred + stride, scale, grad);
}
