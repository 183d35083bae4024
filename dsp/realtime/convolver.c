/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/convolver.h"

#include "dsp/realtime/partitions.h"

/* ---- levels ---------------------------------------------------------------------------------------------- */

typedef enum { FORWARD, SPLIT, MULTIPLY, INVERSE } phase;

/* One step of a block's computation: `items` independent items of about `cost` processor cycles each. */
typedef struct {
  phase phase;
  int fft_step;
  size_t items, cost;
} conv_step;

/* forward transform, split, multiply, inverse transform */
enum { MAX_CONV_STEPS = 48, NEAR_PARTITION = 1024, LONG_PARTITION = 4096 };

enum { SPLIT_AHEAD = 16 }; /* groups: the slot that is written next has not been in use for long */

/* Slots a power of two apart would all compete for the same places in the caches. */
enum { SLOT_PADDING = 48 };

/* Eight bins of both channels. */
typedef struct {
  dv_f8 l_re, l_im, r_re, r_im;
} stereo_bins;

/* Between the groups of a fade, which needs both neighbours of a bin. */
typedef struct {
  stereo_bins before, change; /* by what the next response changes the last group but one, and the last */
  stereo_bins playing;        /* the last group with the current response */
} fade_state;

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
  fade_state* fade;
  conv_step step[MAX_CONV_STEPS];
  int split, end;     /* the split's step; where all end */
  size_t line_cost;   /* of a cache line that a product reads */
  size_t slot_floats; /* of spectra */
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

/* Costs in processor cycles, measured (tests/hosts/soak) where all levels play; only their ratios within a level
   matter.  The longer the partitions, the more has to come from beyond the nearest caches, above all what a
   transform's first pass takes in. */
typedef struct {
  size_t partition;              /* up to */
  size_t first_percent, percent; /* of an FFT's items, in its first pass and in the others */
  size_t split, line;            /* a group to split, and a cache line that a product reads */
} level_costs;

enum { COST_GROUP = 24 }; /* of products, beside its lines */

static const level_costs COSTS[] = {
  {NEAR_PARTITION, 220, 100, 13, 4},
  {LONG_PARTITION, 240, 100, 17, 7},
  {16384, 350, 140, 33, 12},
  {SIZE_MAX, 450, 270, 46, 16},
};

static const level_costs* costs_of(const level* v)
{
  const level_costs* c = COSTS;
  while (c->partition < v->partition) ++c;
  return c;
}

static size_t pass_cost(const level* v, int pass)
{
  const level_costs* c = costs_of(v);
  return dv_rt_fft_item_cost(v->fft, pass) * (pass == 0 ? c->first_percent : c->percent) / 100;
}

/* Where a transform of all steps that started in a ends. */
static dv_rt_complex transformed(const level* v) { return dv_rt_fft_steps(v->fft) % 2 ? v->work.b : v->work.a; }

static void plan_steps(level* v)
{
  const level_costs* costs = costs_of(v);
  const int transform = dv_rt_fft_steps(v->fft);
  int n = 0;
  for (int k = 0; k < transform; ++k)
    v->step[n++] = (conv_step){FORWARD, k, dv_rt_fft_items(v->fft, k), pass_cost(v, k)};
  v->split = n;
  v->step[n++] = (conv_step){SPLIT, 0, v->groups, costs->split};
  v->step[n++] = (conv_step){MULTIPLY, 0, v->groups, COST_GROUP};
  for (int k = 0; k < transform; ++k)
    v->step[n++] = (conv_step){INVERSE, k, dv_rt_fft_items(v->fft, k), pass_cost(v, k)};
  v->end = n;
  v->line_cost = costs->line;
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
  v->slot_floats = v->groups * DV_INPUT_FLOATS + SLOT_PADDING;
  v->spectra = dv_floats_new(v->slots * v->slot_floats);
  v->nyquist = dv_floats_new(2 * v->slots);
  for (int c = 0; c < 2; ++c) v->out[c] = dv_floats_new(2 * v->partition);
  v->fade = (fade_state*)(void*)dv_floats_new(sizeof *v->fade / sizeof(float));
  if (!dv_conv_workspace_new(&v->work, v->n) || !v->fade || !v->fft || !v->spectra || !v->nyquist || !v->out[0] ||
      !v->out[1])
    return false;
  plan_steps(v);
  return true;
}

static void level_free(level* v)
{
  dv_rt_fft_free(v->fft);
  free(v->work.memory);
  free(v->fade);
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
    if (v->partition <= LONG_PARTITION) continue;
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
  float* out = v->spectra + v->head * v->slot_floats;
  if (from == 0) {
    z.re[v->n] = z.re[0];
    z.im[v->n] = z.im[0];
    v->nyquist[2 * v->head] = v->job.silent ? 0.0f : 2.0f * z.re[v->partition];
    v->nyquist[2 * v->head + 1] = v->job.silent ? 0.0f : 2.0f * z.im[v->partition];
  }
  for (size_t g = from; g < to; ++g) {
    float* rows = out + g * DV_INPUT_FLOATS;
    __builtin_prefetch(rows + SPLIT_AHEAD * DV_INPUT_FLOATS, 1);
    __builtin_prefetch(rows + SPLIT_AHEAD * DV_INPUT_FLOATS + DV_INPUT_FLOATS / 2, 1);
    if (v->job.silent) memset(rows, 0, DV_INPUT_FLOATS * sizeof *rows);
    else dv_split_group(z, v->n, g, rows);
  }
}

/* Of a partition of a group; shorts is a compile-time constant here and below. */
DV_INLINE size_t tap_bytes(bool shorts)
{
  return (size_t)(shorts ? DV_UNITS_OF_SHORTS : DV_UNITS_OF_FLOATS) * DV_UNIT_BYTES;
}

/* Row `row` of a partition's taps. */
DV_INLINE dv_f8 tap_row(const char* taps, bool shorts, size_t row)
{
  if (shorts) return __builtin_convertvector(((const dv_s8*)(const void*)taps)[row], dv_f8);
  return ((const dv_f8*)(const void*)taps)[row];
}

/* sum += taps * input over `count` partitions.  Each output has two sums, by input, which keeps the
   chains of dependent additions short. */
DV_INLINE void multiply_run(const char* t, bool shorts, const float* x, size_t slot_floats, size_t count,
                            stereo_bins* from_l, stereo_bins* from_r)
{
  stereo_bins a = *from_l, b = *from_r;
  for (size_t p = 0; p < count; ++p, t += tap_bytes(shorts), x += slot_floats) {
    const dv_f8 l_re = dv_f8_load(x), l_im = dv_f8_load(x + 8);
    const dv_f8 r_re = dv_f8_load(x + 16), r_im = dv_f8_load(x + 24);
    const dv_f8 ll_re = tap_row(t, shorts, 0), ll_im = tap_row(t, shorts, 1);
    const dv_f8 lr_re = tap_row(t, shorts, 2), lr_im = tap_row(t, shorts, 3);
    a.l_re += ll_re * l_re;
    a.l_im += ll_re * l_im;
    b.l_re += lr_re * r_re;
    b.l_im += lr_re * r_im;
    a.l_re -= ll_im * l_im;
    a.l_im += ll_im * l_re;
    b.l_re -= lr_im * r_im;
    b.l_im += lr_im * r_re;
    const dv_f8 rl_re = tap_row(t, shorts, 4), rl_im = tap_row(t, shorts, 5);
    const dv_f8 rr_re = tap_row(t, shorts, 6), rr_im = tap_row(t, shorts, 7);
    a.r_re += rl_re * l_re;
    a.r_im += rl_re * l_im;
    b.r_re += rr_re * r_re;
    b.r_im += rr_re * r_im;
    a.r_re -= rl_im * l_im;
    a.r_im += rl_im * l_re;
    b.r_re -= rr_im * r_im;
    b.r_im += rr_im * r_re;
  }
  *from_l = a;
  *from_r = b;
}

DV_INLINE stereo_bins bins_sum(const stereo_bins* a, const stereo_bins* b, float scale)
{
  const dv_f8 s = dv_f8_set(scale);
  return (stereo_bins){s * (a->l_re + b->l_re), s * (a->l_im + b->l_im), s * (a->r_re + b->r_re),
                       s * (a->r_im + b->r_im)};
}

/* Where a group's inputs lie that meet its taps: the ring of slots is straight but for its end. */
typedef struct {
  const float* x[2];
  size_t count[2];
} ring_run;

DV_INLINE ring_run inputs_of(const level* v, size_t g, size_t end)
{
  const float* x = v->spectra + g * DV_INPUT_FLOATS;
  const size_t slot = v->head + v->quiet, count = end > v->quiet ? end - v->quiet : 0;
  const size_t straight = slot >= v->slots ? 0 : v->slots - slot < count ? v->slots - slot : count;
  const size_t wrapped = slot >= v->slots ? slot - v->slots : 0;
  return (ring_run){{x + slot * v->slot_floats, x + wrapped * v->slot_floats}, {straight, count - straight}};
}

DV_INLINE const char* first_taps(const level* v, const dv_conv_level_response* r, bool shorts, size_t g)
{
  return r->taps + r->base[g] * DV_UNIT_BYTES + v->quiet * tap_bytes(shorts);
}

DV_INLINE size_t end_of_group(const level* v, const dv_conv_level_response* r, size_t g)
{
  return r->count[g] < v->reach ? r->count[g] : v->reach;
}

DV_INLINE stereo_bins multiply_ring(const level* v, const dv_conv_level_response* r, bool shorts, size_t g, size_t end)
{
  const dv_f8 zero = {0};
  const ring_run in = inputs_of(v, g, end);
  const char* t = first_taps(v, r, shorts, g);
  stereo_bins a = {zero, zero, zero, zero}, b = a;
  multiply_run(t, shorts, in.x[0], v->slot_floats, in.count[0], &a, &b);
  multiply_run(t + in.count[0] * tap_bytes(shorts), shorts, in.x[1], v->slot_floats, in.count[1], &a, &b);
  return bins_sum(&a, &b, shorts ? r->scale[g] : 1.0f);
}

DV_INLINE void fetch_lines(const void* from, size_t bytes)
{
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char*)from + i);
}

/* Tells the processor what the next quantum will multiply: by itself it finds out where inputs and taps go on only
   when this quantum's groups are nearly over. */
DV_INLINE void fetch_ahead(const level* v, const dv_conv_level_response* r, size_t g)
{
  if (g >= v->groups || v->partition <= NEAR_PARTITION) return;
  const bool shorts = r->scale[g] > 0.0f;
  const ring_run in = inputs_of(v, g, end_of_group(v, r, g));
  for (int i = 0; i < 2; ++i)
    for (size_t p = 0; p < in.count[i]; ++p) fetch_lines(in.x[i] + p * v->slot_floats, DV_INPUT_FLOATS * sizeof(float));
  fetch_lines(first_taps(v, r, shorts, g), (in.count[0] + in.count[1]) * tap_bytes(shorts));
}

/* Bin P, which is real in all spectra. */
static void multiply_nyquist(const level* v, const dv_conv_level_response* r, float* left, float* right)
{
  *left = *right = 0.0f;
  const size_t end = r->longest < v->reach ? r->longest : v->reach;
  for (size_t p = v->quiet; p < end; ++p) {
    const size_t slot = v->head + p < v->slots ? v->head + p : v->head + p - v->slots;
    const float *t = r->nyquist + 4 * p, *x = v->nyquist + 2 * slot;
    *left += t[0] * x[0] + t[1] * x[1];
    *right += t[2] * x[0] + t[3] * x[1];
  }
}

DV_INLINE stereo_bins multiply_group(const level* v, const dv_conv_level_response* r, size_t g)
{
  const size_t end = end_of_group(v, r, g);
  if (end <= v->quiet) return (stereo_bins){{0}, {0}, {0}, {0}};
  return r->scale[g] > 0.0f ? multiply_ring(v, r, true, g, end) : multiply_ring(v, r, false, g, end);
}

DV_HOT static void multiply_groups(const level* v, const dv_conv_level_response* r, size_t from, size_t to)
{
  for (size_t g = from; g < to; ++g) {
    fetch_ahead(v, r, g + (to - from));
    const stereo_bins y = multiply_group(v, r, g);
    join_group(v->work.a, v->n, g, y.l_re, y.l_im, y.r_re, y.r_im);
  }
  if (to == v->groups) multiply_nyquist(v, r, &v->work.a.re[v->partition], &v->work.a.im[v->partition]);
}

/* Adds the change times 1/2 + 1/2 cos(2 pi n/N), n being the place in the window: over the window's second half, which
   is heard, that is a fade from 0 to 1.  It takes no transform: on spectra it is a filter of three bins. */
DV_INLINE dv_f8 faded(dv_f8 playing, dv_f8 before, dv_f8 change, dv_f8 after)
{
  const dv_f8 lower = __builtin_shufflevector(before, change, 7, 8, 9, 10, 11, 12, 13, 14);
  const dv_f8 upper = __builtin_shufflevector(change, after, 1, 2, 3, 4, 5, 6, 7, 8);
  return playing + (0.5f * change + 0.25f * (lower + upper));
}

DV_INLINE void join_faded(const level* v, size_t g, const fade_state* f, const stereo_bins* after)
{
  join_group(v->work.a, v->n, g, faded(f->playing.l_re, f->before.l_re, f->change.l_re, after->l_re),
             faded(f->playing.l_im, f->before.l_im, f->change.l_im, after->l_im),
             faded(f->playing.r_re, f->before.r_re, f->change.r_re, after->r_re),
             faded(f->playing.r_im, f->before.r_im, f->change.r_im, after->r_im));
}

/* The last lane is bin -1, the conjugate of bin 1. */
DV_INLINE stereo_bins below_zero(const stereo_bins* x)
{
  return (stereo_bins){__builtin_shufflevector(x->l_re, x->l_re, 0, 0, 0, 0, 0, 0, 0, 1),
                       -__builtin_shufflevector(x->l_im, x->l_im, 0, 0, 0, 0, 0, 0, 0, 1),
                       __builtin_shufflevector(x->r_re, x->r_re, 0, 0, 0, 0, 0, 0, 0, 1),
                       -__builtin_shufflevector(x->r_im, x->r_im, 0, 0, 0, 0, 0, 0, 0, 1)};
}

/* The last group, and bin P, whose neighbours are each other's conjugates. */
DV_INLINE void end_fade(const level* v, const dv_conv_level_response* now, const dv_conv_level_response* next)
{
  float a[2], b[2];
  multiply_nyquist(v, now, &a[0], &a[1]);
  multiply_nyquist(v, next, &b[0], &b[1]);
  const stereo_bins top = {{b[0] - a[0]}, {0}, {b[1] - a[1]}, {0}};
  join_faded(v, v->groups - 1, v->fade, &top);
  v->work.a.re[v->partition] = a[0] + 0.5f * (top.l_re[0] + v->fade->change.l_re[DV_F8 - 1]);
  v->work.a.im[v->partition] = a[1] + 0.5f * (top.r_re[0] + v->fade->change.r_re[DV_F8 - 1]);
}

/* The input is still in the nearest cache when the next response meets it.  A group is joined when the one above it is
   known. */
DV_HOT static void multiply_fading(const level* v, const dv_conv_level_response* now,
                                   const dv_conv_level_response* next, size_t from, size_t to)
{
  fade_state f = *v->fade;
  for (size_t g = from; g < to; ++g) {
    fetch_ahead(v, now, g + (to - from));
    fetch_ahead(v, next, g + (to - from));
    const stereo_bins a = multiply_group(v, now, g), b = multiply_group(v, next, g);
    const stereo_bins change = {b.l_re - a.l_re, b.l_im - a.l_im, b.r_re - a.r_re, b.r_im - a.r_im};
    if (g > 0) join_faded(v, g - 1, &f, &change);
    f = (fade_state){g > 0 ? f.change : below_zero(&change), change, a};
  }
  *v->fade = f;
  if (to == v->groups) end_fade(v, now, next);
}

static void run_multiply(const dv_conv* c, const level* v, size_t from, size_t to)
{
  const dv_conv_level_response* now = response_of(c, v->current, v);
  if (v->job.fading) multiply_fading(v, now, response_of(c, v->next, v), from, to);
  else multiply_groups(v, now, from, to);
}

static void run(const dv_conv* c, const level* v, const conv_step* s, size_t from, size_t to)
{
  switch (s->phase) {
  case FORWARD:
  case INVERSE: run_fft(c, v, s, from, to); break;
  case SPLIT: run_split(v, from, to); break;
  case MULTIPLY: run_multiply(c, v, from, to); break;
  }
}

/* ---- scheduling ------------------------------------------------------------------------------------------ */

/* Cost of a group's partitions that meet input, in cache lines. */
static size_t group_lines(const level* v, const dv_conv_level_response* r, size_t group)
{
  const size_t end = end_of_group(v, r, group);
  return end > v->quiet ? (end - v->quiet) * dv_product_lines(r, group) : 0;
}

/* The same of all groups. */
static size_t all_lines(const level* v, const dv_conv_level_response* r)
{
  const size_t end = r->longest < v->reach ? r->longest : v->reach;
  return end > v->quiet ? r->sum[end] - r->sum[v->quiet] : 0;
}

static size_t total_cost(const dv_conv* c, const level* v)
{
  size_t lines = all_lines(v, response_of(c, v->current, v)), cost = 0;
  if (v->job.fading) lines += all_lines(v, response_of(c, v->next, v));
  for (const conv_step* s = v->step + v->job.step; s < v->step + v->job.end; ++s) {
    cost += s->items * s->cost;
    if (s->phase == MULTIPLY) cost += lines * v->line_cost;
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
      const size_t lines = group_lines(v, now, to) + (v->job.fading ? group_lines(v, next, to) : 0);
      spent += s->cost + v->line_cost * lines;
    } while (++to < s->items && spent < *budget);
  } else {
    const size_t count = (*budget + s->cost - 1) / s->cost;
    to = from + (count < s->items - from ? count : s->items - from);
    spent = (to - from) * s->cost;
  }
  *budget -= spent < *budget ? spent : *budget;
  return to;
}

/* Ends a step, and with the last one the job. */
static void end_step(level* v)
{
  job* j = &v->job;
  j->item = 0;
  if (++j->step < j->end) return;
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
