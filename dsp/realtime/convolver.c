/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/convolver.h"

#include "dsp/realtime/partitions.h"

/* ---- levels ---------------------------------------------------------------------------------------------- */

typedef enum { FORWARD, SPLIT, MULTIPLY, FADE, INVERSE } phase;

/* One step of a block's computation: `items` independent items of about `cost` processor cycles each. */
typedef struct {
  phase phase;
  int fft_step;
  size_t items, cost;
} conv_step;

/* forward transform, split, multiply, fade, inverse transform */
enum { MAX_CONV_STEPS = 48, PADDING = 16 };

typedef struct {
  bool active, silent; /* silent: the window is zero */
  bool fading;         /* from the current response to the next */
  int step, end;
  size_t item;
  size_t block;  /* number of the block */
  size_t budget; /* cost to spend per quantum */
} job;

typedef struct {
  size_t partition, n, groups, offset, slots, window;
  dv_rt_fft* fft;
  dv_conv_workspace work;
  dv_rt_complex change; /* by how much the next response makes the spectrum differ; padded on both sides */
  float* change_memory;
  conv_step step[MAX_CONV_STEPS];
  int split, end;      /* the split's step; where all end */
  size_t product_cost; /* of one partition of one group */
  float *spectra, *nyquist;
  size_t head;         /* slot of the newest block; older ones follow */
  size_t quiet;        /* newest blocks that are zero */
  size_t reach;        /* age of the oldest block that is not zero, plus one; 0: none */
  bool live, was_live; /* input of the running and the last block is not zero */
  float* out[2];       /* [left, right]: two blocks each, by parity of the block */
  bool out_live[2];
  const dv_conv_response *current, *next;
  job job;
} level;

struct dv_conv {
  level level[DV_CONV_LEVELS];
  int levels; /* in use */
  const dv_conv_response* target;
  dv_conv_response* silence;
  float* input[2]; /* rings */
  size_t mask;     /* their size - 1 */
  size_t time;     /* frames taken */
  bool closed;     /* only zeros come */
};

/* Costs in processor cycles, measured; only their ratios within a level matter.  What has to come from beyond the
   nearest caches is dearer next to the transforms, which work in one place. */
enum { COST_GROUP = 24, COST_FADE = 12, NEAR_PARTITION = 1024, FAR_PARTITION = 4096 };

static size_t split_cost(const level* v)
{
  return v->partition <= NEAR_PARTITION ? 12 : v->partition <= FAR_PARTITION ? 34 : 26;
}

/* A transform's first pass takes in what has left the caches since the last block. */
static size_t pass_cost(const level* v, int pass)
{
  const size_t cost = dv_rt_fft_item_cost(v->fft, pass);
  return v->partition <= FAR_PARTITION ? cost : pass == 0 ? cost * 8 / 5 : cost * 9 / 10;
}

static size_t product_cost(const level* v)
{
  return v->partition <= NEAR_PARTITION ? 20 : v->partition <= FAR_PARTITION ? 70 : 44;
}

/* Where a transform of all steps that started in a ends. */
static dv_rt_complex transformed(const level* v) { return dv_rt_fft_steps(v->fft) % 2 ? v->work.b : v->work.a; }

static void plan_steps(level* v)
{
  const int transform = dv_rt_fft_steps(v->fft);
  int n = 0;
  for (int k = 0; k < transform; ++k)
    v->step[n++] = (conv_step){FORWARD, k, dv_rt_fft_items(v->fft, k), pass_cost(v, k)};
  v->split = n;
  v->step[n++] = (conv_step){SPLIT, 0, v->groups, split_cost(v)};
  v->step[n++] = (conv_step){MULTIPLY, 0, v->groups, COST_GROUP};
  v->step[n++] = (conv_step){FADE, 0, v->n / DV_F8, COST_FADE};
  for (int k = 0; k < transform; ++k)
    v->step[n++] = (conv_step){INVERSE, k, dv_rt_fft_items(v->fft, k), pass_cost(v, k)};
  v->end = n;
  v->product_cost = product_cost(v);
}

static bool level_new(level* v, const dv_conv_level* layout)
{
  v->partition = layout->partition;
  v->n = 2 * v->partition;
  v->groups = v->partition / DV_F8;
  v->offset = layout->offset;
  v->slots = layout->count;
  v->window = (v->offset - v->partition) / DV_QUANTUM;
  if (v->window == 0) v->window = 1;
  v->fft = dv_rt_fft_new(v->n);
  v->spectra = dv_floats_new(v->groups * v->slots * DV_INPUT_FLOATS);
  v->nyquist = dv_floats_new(2 * v->slots);
  for (int c = 0; c < 2; ++c) v->out[c] = dv_floats_new(2 * v->partition);
  v->change_memory = dv_floats_new(2 * (v->n + 2 * PADDING));
  if (!dv_conv_workspace_new(&v->work, v->n) || !v->change_memory || !v->fft || !v->spectra || !v->nyquist ||
      !v->out[0] || !v->out[1])
    return false;
  v->change.re = v->change_memory + PADDING;
  v->change.im = v->change.re + v->n + 2 * PADDING;
  plan_steps(v);
  return true;
}

static void level_free(level* v)
{
  dv_rt_fft_free(v->fft);
  free(v->work.memory);
  free(v->change_memory);
  free(v->spectra);
  free(v->nyquist);
  free(v->out[0]);
  free(v->out[1]);
}

dv_conv* dv_conv_new(const dv_conv_layout* layout)
{
  dv_conv* c = calloc(1, sizeof *c);
  if (!c) return NULL;
  bool ok = true;
  while (c->levels < DV_CONV_LEVELS && layout->level[c->levels].count)
    ok = level_new(&c->level[c->levels], &layout->level[c->levels]) && ok, ++c->levels;
  const size_t ring = 4 * layout->level[c->levels > 0 ? c->levels - 1 : 0].partition;
  c->mask = ring - 1;
  c->input[0] = dv_floats_new(ring);
  c->input[1] = dv_floats_new(ring);
  const float* const nothing[2][2] = {{NULL, NULL}, {NULL, NULL}};
  c->silence = dv_conv_response_new(layout, nothing, 0, 0.0);
  if (!ok || !c->input[0] || !c->input[1] || !c->silence) {
    dv_conv_free(c);
    return NULL;
  }
  c->target = c->silence;
  dv_conv_reset(c);
  return c;
}

void dv_conv_free(dv_conv* conv)
{
  if (!conv) return;
  for (int l = 0; l < conv->levels; ++l) level_free(&conv->level[l]);
  free(conv->input[0]);
  free(conv->input[1]);
  dv_conv_response_free(conv->silence);
  free(conv);
}

void dv_conv_reset(dv_conv* conv)
{
  const bool clean = conv->time == 0; /* nothing has come since the last time */
  conv->time = 0;
  conv->closed = false;
  for (int l = 0; l < conv->levels; ++l) {
    level* v = &conv->level[l];
    v->head = v->quiet = v->reach = 0;
    v->live = v->was_live = false;
    v->out_live[0] = v->out_live[1] = false;
    v->current = v->next = conv->target;
    v->job.active = false;
  }
  /* only what the first windows reach back to */
  const size_t before = (conv->mask + 1) / 4;
  for (int c = 0; c < 2 && !clean; ++c) memset(conv->input[c] + conv->mask + 1 - before, 0, before * sizeof(float));
}

void dv_conv_set_response(dv_conv* conv, const dv_conv_response* response)
{
  conv->target = response ? response : conv->silence;
}

bool dv_conv_fading(const dv_conv* conv)
{
  for (int l = 0; l < conv->levels; ++l)
    if (conv->level[l].current != conv->target) return true;
  return false;
}

bool dv_conv_fades_long(const dv_conv* conv, size_t frames)
{
  for (int l = 0; l < conv->levels; ++l) {
    const level* v = &conv->level[l];
    if (v->partition <= FAR_PARTITION) continue;
    const size_t until = v->partition - conv->time % v->partition;
    if ((v->job.active && v->job.fading) || (v->current != conv->target && until <= frames)) return true;
  }
  return false;
}

void dv_conv_close(dv_conv* conv) { conv->closed = true; }

void dv_conv_load(dv_conv* conv, const dv_conv_response* response)
{
  conv->closed = false;
  dv_conv_set_response(conv, response);
  for (int l = 0; l < conv->levels; ++l) conv->level[l].current = conv->level[l].next = conv->target;
}

bool dv_conv_idle(const dv_conv* conv)
{
  for (int l = 0; l < conv->levels; ++l) {
    const level* v = &conv->level[l];
    if (v->reach || v->live || v->was_live || v->out_live[0] || v->out_live[1]) return false;
  }
  return true;
}

/* ---- steps of a job -------------------------------------------------------------------------------------- */

static dv_rt_complex swapped(dv_rt_complex z) { return (dv_rt_complex){z.im, z.re}; }

/* The reverse: L, R -> Z = L + i R on bins k and N - k.  Bin N of the padding receives what belongs nowhere. */
DV_INLINE void join_group(dv_rt_complex z, size_t n, size_t group, dv_f8 l_re, dv_f8 l_im, dv_f8 r_re, dv_f8 r_im)
{
  const size_t at = group * DV_F8, mirror = n - at - (DV_F8 - 1);
  dv_f8_store(z.re + at, l_re - r_im);
  dv_f8_store(z.im + at, l_im + r_re);
  dv_f8_storeu(z.re + mirror, dv_f8_reverse(l_re + r_im));
  dv_f8_storeu(z.im + mirror, dv_f8_reverse(r_re - l_im));
}

static const dv_conv_level_response* response_of(const dv_conv* c, const dv_conv_response* r, const level* v)
{
  return &r->level[v - c->level];
}

/* The first step reads the window where it lies in the rings: its parts do not straddle their ends. */
static void run_first(const dv_conv* c, const level* v, size_t from, size_t to)
{
  const size_t start = (v->job.block + 1) * v->partition - v->n; /* modulo the ring: wraps below zero */
  const size_t count = (size_t)dv_rt_fft_parts(v->fft);
  const float *left[DV_RT_FFT_MAX_PARTS], *right[DV_RT_FFT_MAX_PARTS];
  for (size_t j = 0; j < count; ++j) {
    left[j] = c->input[0] + ((start + j * (v->n / count)) & c->mask);
    right[j] = c->input[1] + ((start + j * (v->n / count)) & c->mask);
  }
  dv_rt_fft_run_first(v->fft, left, right, v->work.b, from, to);
}

/* The second half of the window is the block's output. */
static void run_last(const level* v, dv_rt_complex x, size_t from, size_t to)
{
  const size_t at = (v->job.block & 1) * v->partition;
  dv_rt_fft_run_last_half(v->fft, x, (dv_rt_complex){v->out[1] + at, v->out[0] + at}, from, to);
}

static void run_fft(const dv_conv* c, const level* v, const conv_step* s, size_t from, size_t to)
{
  const bool odd = s->fft_step % 2;
  const dv_rt_complex x = odd ? v->work.b : v->work.a, y = odd ? v->work.a : v->work.b;
  if (s->phase == FORWARD && s->fft_step == 0) run_first(c, v, from, to);
  else if (s->phase == FORWARD) dv_rt_fft_run(v->fft, s->fft_step, x, y, from, to);
  else if (s->fft_step + 1 == dv_rt_fft_steps(v->fft)) run_last(v, swapped(x), from, to);
  else dv_rt_fft_run(v->fft, s->fft_step, swapped(x), swapped(y), from, to);
}

DV_HOT static void run_split(const level* v, size_t from, size_t to)
{
  const dv_rt_complex z = transformed(v);
  float* out = v->spectra + v->head * DV_INPUT_FLOATS;
  if (from == 0) {
    z.re[v->n] = z.re[0];
    z.im[v->n] = z.im[0];
    v->nyquist[2 * v->head] = v->job.silent ? 0.0f : 2.0f * z.re[v->partition];
    v->nyquist[2 * v->head + 1] = v->job.silent ? 0.0f : 2.0f * z.im[v->partition];
  }
  for (size_t g = from; g < to; ++g) {
    float* rows = out + g * v->slots * DV_INPUT_FLOATS;
    __builtin_prefetch(rows + 8 * v->slots * DV_INPUT_FLOATS, 1);
    __builtin_prefetch(rows + 8 * v->slots * DV_INPUT_FLOATS + DV_INPUT_FLOATS / 2, 1);
    if (v->job.silent) memset(rows, 0, DV_INPUT_FLOATS * sizeof *rows);
    else dv_split_group(z, v->n, g, rows);
  }
}

typedef struct {
  dv_f8 l_re, l_im, r_re, r_im;
} stereo_bins;

/* sum += taps * input over `count` partitions.  Each output has two sums, by input, which keeps the
   chains of dependent additions short. */
DV_INLINE void multiply_run(const float* t, const float* x, size_t count, stereo_bins* from_l, stereo_bins* from_r)
{
  stereo_bins a = *from_l, b = *from_r;
  for (size_t p = 0; p < count; ++p, t += DV_TAP_FLOATS, x += DV_INPUT_FLOATS) {
    const dv_f8 l_re = dv_f8_load(x), l_im = dv_f8_load(x + 8);
    const dv_f8 r_re = dv_f8_load(x + 16), r_im = dv_f8_load(x + 24);
    a.l_re += dv_f8_load(t) * l_re;
    a.l_im += dv_f8_load(t) * l_im;
    b.l_re += dv_f8_load(t + 16) * r_re;
    b.l_im += dv_f8_load(t + 16) * r_im;
    a.r_re += dv_f8_load(t + 32) * l_re;
    a.r_im += dv_f8_load(t + 32) * l_im;
    b.r_re += dv_f8_load(t + 48) * r_re;
    b.r_im += dv_f8_load(t + 48) * r_im;
    a.l_re -= dv_f8_load(t + 8) * l_im;
    a.l_im += dv_f8_load(t + 8) * l_re;
    b.l_re -= dv_f8_load(t + 24) * r_im;
    b.l_im += dv_f8_load(t + 24) * r_re;
    a.r_re -= dv_f8_load(t + 40) * l_im;
    a.r_im += dv_f8_load(t + 40) * l_re;
    b.r_re -= dv_f8_load(t + 56) * r_im;
    b.r_im += dv_f8_load(t + 56) * r_re;
  }
  *from_l = a;
  *from_r = b;
}

/* Bin P, which is real in all spectra: that of the left in re, that of the right in im. */
static void multiply_nyquist(const level* v, const dv_conv_level_response* r, float sum[2])
{
  sum[0] = sum[1] = 0.0f;
  const size_t end = r->longest < v->reach ? r->longest : v->reach;
  for (size_t p = v->quiet; p < end; ++p) {
    const size_t slot = v->head + p < v->slots ? v->head + p : v->head + p - v->slots;
    const float *t = r->nyquist + 4 * p, *x = v->nyquist + 2 * slot;
    sum[0] += t[0] * x[0] + t[1] * x[1];
    sum[1] += t[2] * x[0] + t[3] * x[1];
  }
}

static void multiply_nyquists(const level* v, const dv_conv_level_response* now, const dv_conv_level_response* next)
{
  float a[2], b[2];
  multiply_nyquist(v, now, a);
  v->work.a.re[v->partition] = a[0];
  v->work.a.im[v->partition] = a[1];
  if (!next) return;
  multiply_nyquist(v, next, b);
  v->change.re[v->partition] = b[0] - a[0];
  v->change.im[v->partition] = b[1] - a[1];
}

DV_INLINE stereo_bins multiply_group(const level* v, const dv_conv_level_response* r, size_t g)
{
  const dv_f8 zero = {0};
  stereo_bins a = {zero, zero, zero, zero}, b = a;
  const size_t end = r->count[g] < v->reach ? r->count[g] : v->reach;
  if (v->quiet < end) {
    const float* t = r->taps + (r->base[g] + v->quiet) * DV_TAP_FLOATS;
    const float* x = v->spectra + g * v->slots * DV_INPUT_FLOATS;
    const size_t slot = v->head + v->quiet, count = end - v->quiet;
    const size_t straight = slot >= v->slots ? 0 : v->slots - slot < count ? v->slots - slot : count;
    multiply_run(t, x + slot * DV_INPUT_FLOATS, straight, &a, &b);
    const size_t wrapped = slot >= v->slots ? slot - v->slots : 0;
    multiply_run(t + straight * DV_TAP_FLOATS, x + wrapped * DV_INPUT_FLOATS, count - straight, &a, &b);
  }
  return (stereo_bins){a.l_re + b.l_re, a.l_im + b.l_im, a.r_re + b.r_re, a.r_im + b.r_im};
}

/* In a fade the input is still in the nearest cache when the next response meets it. */
DV_HOT static void multiply_groups(const level* v, const dv_conv_level_response* now,
                                   const dv_conv_level_response* next, size_t from, size_t to)
{
  for (size_t g = from; g < to; ++g) {
    const stereo_bins a = multiply_group(v, now, g);
    join_group(v->work.a, v->n, g, a.l_re, a.l_im, a.r_re, a.r_im);
    if (!next) continue;
    const stereo_bins b = multiply_group(v, next, g);
    join_group(v->change, v->n, g, b.l_re - a.l_re, b.l_im - a.l_im, b.r_re - a.r_re, b.r_im - a.r_im);
  }
}

static void run_multiply(const dv_conv* c, const level* v, size_t from, size_t to)
{
  const dv_conv_level_response *now = response_of(c, v->current, v),
                               *next = v->job.fading ? response_of(c, v->next, v) : NULL;
  if (from == 0) multiply_nyquists(v, now, next);
  multiply_groups(v, now, next, from, to);
}

DV_INLINE void fade_array(const float* change, float* x, size_t from, size_t to)
{
  const dv_f8 half = dv_f8_set(0.5f), quarter = dv_f8_set(0.25f);
  for (size_t k = from; k < to; k += DV_F8) {
    const dv_f8 sides = dv_f8_loadu(change + k - 1) + dv_f8_loadu(change + k + 1);
    dv_f8_store(x + k, dv_f8_load(x + k) + (half * dv_f8_load(change + k) + quarter * sides));
  }
}

/* Adds the change times 1/2 + 1/2 cos(2 pi n/N), n being the place in the window: over the window's second half, which
   is heard, that is a fade from 0 to 1.  It takes no transform: on spectra it is a filter of three bins. */
DV_HOT static void run_fade(const level* v, size_t from, size_t to)
{
  if (from == 0) {
    v->change.re[-1] = v->change.re[v->n - 1];
    v->change.im[-1] = v->change.im[v->n - 1];
    v->change.re[v->n] = v->change.re[0];
    v->change.im[v->n] = v->change.im[0];
  }
  fade_array(v->change.re, v->work.a.re, from * DV_F8, to * DV_F8);
  fade_array(v->change.im, v->work.a.im, from * DV_F8, to * DV_F8);
}

static void run(const dv_conv* c, const level* v, const conv_step* s, size_t from, size_t to)
{
  switch (s->phase) {
  case FORWARD:
  case INVERSE: run_fft(c, v, s, from, to); break;
  case SPLIT: run_split(v, from, to); break;
  case MULTIPLY: run_multiply(c, v, from, to); break;
  case FADE: run_fade(v, from, to); break;
  }
}

/* ---- scheduling ------------------------------------------------------------------------------------------ */

/* Partitions of a group that meet input. */
static size_t product_count(const level* v, const dv_conv_level_response* r, size_t group)
{
  const size_t end = r->count[group] < v->reach ? r->count[group] : v->reach;
  return end > v->quiet ? end - v->quiet : 0;
}

/* The same of all groups. */
static size_t product_sum(const level* v, const dv_conv_level_response* r)
{
  const size_t end = r->longest < v->reach ? r->longest : v->reach;
  return end > v->quiet ? r->sum[end] - r->sum[v->quiet] : 0;
}

static bool skipped(const level* v, const conv_step* s) { return s->phase == FADE && !v->job.fading; }

static size_t total_cost(const dv_conv* c, const level* v)
{
  size_t products = product_sum(v, response_of(c, v->current, v)), cost = 0;
  if (v->job.fading) products += product_sum(v, response_of(c, v->next, v));
  for (const conv_step* s = v->step + v->job.step; s < v->step + v->job.end; ++s) {
    if (skipped(v, s)) continue;
    cost += s->items * s->cost;
    if (s->phase == MULTIPLY) cost += products * v->product_cost;
  }
  return cost;
}

/* Ages everything by one block and takes in whether the window that ends here is zero.  What no response
   of `longest` partitions reaches any more is forgotten. */
static void age(level* v, size_t longest)
{
  const bool window = v->live || v->was_live;
  v->was_live = v->live;
  v->live = false;
  v->head = v->head ? v->head - 1 : v->slots - 1;
  v->quiet = window ? 0 : v->quiet + 1;
  if (v->reach && v->reach < v->slots) ++v->reach;
  if (window && !v->reach) v->reach = 1;
  if (v->quiet >= longest) v->reach = 0;
}

static bool any_level_fades(const dv_conv* c)
{
  for (int l = 0; l < c->levels; ++l)
    if (c->level[l].job.active && c->level[l].job.fading) return true;
  return false;
}

/* One level after the other fades, so that a change costs little more than what plays anyway. */
static void start(dv_conv* c, level* v)
{
  const size_t block = c->time / v->partition - 1;
  v->next = v->current != c->target && any_level_fades(c) ? v->current : c->target;
  const uint32_t now = response_of(c, v->current, v)->longest, then = response_of(c, v->next, v)->longest;
  /* A level that no response uses keeps the spectra of what sounds: without them a longer response would begin
     in the middle of a wave. */
  const bool used = now > 0 || then > 0;
  age(v, !used ? 1 : now > then ? now : then);
  v->out_live[block & 1] = used && v->reach > 0;
  if (!v->reach) {
    v->current = v->next = c->target;
    return;
  }
  /* zeros in spectra matter only where sound follows them */
  const bool silent = v->quiet > 0;
  v->job = (job){.active = true,
                 .silent = silent,
                 .fading = used && v->current != v->next,
                 .block = block,
                 .step = !silent             ? 0
                         : c->closed && used ? v->split + 1
                                             : v->split,
                 .end = used ? v->end : v->split + 1};
  v->job.budget = total_cost(c, v) / v->window + 1;
}

/* Items from `from` on that fit into *budget, at least one; takes their cost off.  Returns their end. */
static size_t affordable(const dv_conv* c, const level* v, const conv_step* s, size_t from, size_t* budget)
{
  size_t to = from, spent = 0;
  if (s->phase == MULTIPLY) {
    const dv_conv_level_response *now = response_of(c, v->current, v), *next = response_of(c, v->next, v);
    do {
      const size_t products = product_count(v, now, to) + (v->job.fading ? product_count(v, next, to) : 0);
      spent += s->cost + v->product_cost * products;
    } while (++to < s->items && spent < *budget);
  } else {
    const size_t count = (*budget + s->cost - 1) / s->cost;
    to = from + (count < s->items - from ? count : s->items - from);
    spent = (to - from) * s->cost;
  }
  *budget -= spent < *budget ? spent : *budget;
  return to;
}

/* Ends a step: the next one that is not skipped, or the job. */
static void end_step(level* v)
{
  job* j = &v->job;
  j->item = 0;
  do ++j->step;
  while (j->step < j->end && skipped(v, &v->step[j->step]));
  if (j->step < j->end) return;
  j->active = false;
  v->current = v->next;
}

static void advance(const dv_conv* c, level* v)
{
  job* j = &v->job;
  size_t budget = j->budget;
  while (j->active && budget > 0) {
    const conv_step* s = &v->step[j->step];
    const size_t to = affordable(c, v, s, j->item, &budget);
    run(c, v, s, j->item, to);
    j->item = to;
    if (to == s->items) end_step(v);
  }
}

DV_HOT static bool any_nonzero(const float* left, const float* right)
{
  uint32_t bits = 0;
  for (int i = 0; i < DV_QUANTUM; ++i) {
    uint32_t l, r;
    memcpy(&l, left + i, sizeof l);
    memcpy(&r, right + i, sizeof r);
    bits |= (l | r) << 1; /* without the sign */
  }
  return bits != 0;
}

DV_HOT static void add(const float* x, float* y)
{
  for (int i = 0; i < DV_QUANTUM; ++i) y[i] += x[i];
}

static void read_output(const dv_conv* c, const level* v, float* left, float* right)
{
  if (c->time < v->offset) return;
  const size_t since = c->time - v->offset, block = since / v->partition & 1;
  if (!v->out_live[block]) return;
  const size_t at = block * v->partition + since % v->partition;
  add(v->out[0] + at, left);
  add(v->out[1] + at, right);
}

void dv_conv_process(dv_conv* conv, const float* left, const float* right, float* out_left, float* out_right)
{
  const size_t at = conv->time & conv->mask;
  memcpy(conv->input[0] + at, left, DV_QUANTUM * sizeof *left);
  memcpy(conv->input[1] + at, right, DV_QUANTUM * sizeof *right);
  const bool live = any_nonzero(left, right);
  conv->time += DV_QUANTUM;
  memset(out_left, 0, DV_QUANTUM * sizeof *out_left);
  memset(out_right, 0, DV_QUANTUM * sizeof *out_right);
  for (int l = conv->levels - 1; l >= 0; --l) { /* the longest, which begins most seldom, fades first */
    level* v = &conv->level[l];
    v->live = v->live || live;
    if (conv->time % v->partition == 0) start(conv, v);
  }
  for (int l = 0; l < conv->levels; ++l) {
    level* v = &conv->level[l];
    advance(conv, v);
    read_output(conv, v, out_left, out_right);
  }
}
