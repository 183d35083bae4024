/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/convolver.h"

#include "dsp/realtime/fft.h"
#include "dsp/realtime/vector.h"

/* Spectra are kept in groups of eight bins, group by group, so that multiplying a group by all its
   partitions reads memory in one direction and sums in registers:
     input    [group][slot][row][lane], rows L re, L im, R re, R im
     response [group][partition][row][lane], rows LL re, LL im, LR, RL, RR (out, in)
   Bin P, which is real, has arrays of its own. */
enum { INPUT_ROWS = 4, TAP_ROWS = 8, INPUT_FLOATS = INPUT_ROWS * DV_F8, TAP_FLOATS = TAP_ROWS * DV_F8 };

/* ---- layout ---------------------------------------------------------------------------------------- */

enum { GROWTH = 4 }; /* of the partitions from level to level */

void dv_conv_layout_init(dv_conv_layout* layout, size_t first, size_t length)
{
  /* the first level's head start leaves at least half a partition's time to compute in */
  const size_t start = first / DV_QUANTUM * DV_QUANTUM;
  size_t partition = DV_QUANTUM;
  while (partition * 3 <= start) partition *= 2;
  size_t offset = start < 2 * partition ? start : 2 * partition;
  for (int l = 0; l < DV_CONV_LEVELS; ++l) {
    const size_t next = 2 * GROWTH * partition;
    const size_t end = l + 1 < DV_CONV_LEVELS && next < length ? next : length;
    layout->level[l] = (dv_conv_level){partition, offset, end > offset ? (end - offset - 1) / partition + 1 : 0};
    partition *= GROWTH;
    offset = next;
  }
}

/* First tap of the level after l, or the end of all. */
static size_t level_end(const dv_conv_layout* layout, int l)
{
  const dv_conv_level* v = &layout->level[l];
  const size_t end = v->offset + v->count * v->partition;
  return l + 1 < DV_CONV_LEVELS && layout->level[l + 1].count && layout->level[l + 1].offset < end
           ? layout->level[l + 1].offset
           : end;
}

/* ---- two real spectra in one complex one --------------------------------------------------------------- */

/* Z = DFT(l + i r) -> 2 L, 2 R on bins 8 group .. 8 group + 7, as INPUT_ROWS rows.  z has one element of
   padding that repeats bin 0. */
DV_INLINE void split_group(dv_rt_complex z, size_t n, size_t group, float* out)
{
  const size_t at = group * DV_F8, mirror = n - at - (DV_F8 - 1);
  const dv_f8 a_re = dv_f8_load(z.re + at), a_im = dv_f8_load(z.im + at);
  const dv_f8 b_re = dv_f8_reverse(dv_f8_loadu(z.re + mirror)), b_im = dv_f8_reverse(dv_f8_loadu(z.im + mirror));
  dv_f8_store(out, a_re + b_re);
  dv_f8_store(out + DV_F8, a_im - b_im);
  dv_f8_store(out + 2 * DV_F8, a_im + b_im);
  dv_f8_store(out + 3 * DV_F8, b_re - a_re);
}

/* The reverse: L, R -> Z = L + i R on bins k and N - k.  Bin N of the padding receives what belongs nowhere. */
DV_INLINE void join_group(dv_rt_complex z, size_t n, size_t group, dv_f8 l_re, dv_f8 l_im, dv_f8 r_re, dv_f8 r_im)
{
  const size_t at = group * DV_F8, mirror = n - at - (DV_F8 - 1);
  dv_f8_store(z.re + at, l_re - r_im);
  dv_f8_store(z.im + at, l_im + r_re);
  dv_f8_storeu(z.re + mirror, dv_f8_reverse(l_re + r_im));
  dv_f8_storeu(z.im + mirror, dv_f8_reverse(r_re - l_im));
}

enum { PADDING = 16 }; /* floats after an array of N bins */

/* Four arrays of N bins for a transform to ping-pong between. */
typedef struct {
  dv_rt_complex a, b;
  float* memory;
} workspace;

static bool workspace_new(workspace* w, size_t n)
{
  const size_t stride = n + PADDING;
  w->memory = dv_floats_new(4 * stride);
  if (!w->memory) return false;
  w->a = (dv_rt_complex){w->memory, w->memory + stride};
  w->b = (dv_rt_complex){w->memory + 2 * stride, w->memory + 3 * stride};
  return true;
}

static dv_rt_complex swapped(dv_rt_complex z) { return (dv_rt_complex){z.im, z.re}; }

/* ---- response ------------------------------------------------------------------------------------------ */

typedef struct {
  size_t groups;
  uint32_t* count; /* partitions in use, per group */
  size_t* base;    /* index of a group's first partition in taps */
  size_t sum;      /* of count */
  uint32_t longest;
  float* taps;
  float* nyquist;  /* [partition][LL, LR, RL, RR] */
} level_response;

struct dv_conv_response {
  dv_conv_layout layout;
  level_response level[DV_CONV_LEVELS];
};

static void copy_taps(const float* h, size_t from, size_t to, size_t length, size_t n, float* out)
{
  const size_t end = to < length ? to : length, count = from < end ? end - from : 0;
  if (count) memcpy(out, h + from, count * sizeof *h);
  memset(out + count, 0, (n - count) * sizeof *h);
}

/* Spectra of one partition's taps from .. to-1 from one input, both outputs. */
DV_HOT static void partition_spectrum(const dv_rt_fft* fft, workspace* w, const float* left, const float* right,
                                      size_t from, size_t to, size_t length, level_response* r, size_t index,
                                      size_t stride, int input)
{
  const size_t n = dv_rt_fft_size(fft);
  copy_taps(left, from, to, length, n, w->a.re);
  copy_taps(right, from, to, length, n, w->a.im);
  const dv_rt_complex z = dv_rt_fft_whole(fft, w->a, w->b);
  z.re[n] = z.re[0];
  z.im[n] = z.im[0];
  /* the split's and the input split's factors of 2, and the inverse transform's N */
  const float scale = 0.25f / (float)n;
  for (size_t g = 0; g < r->groups; ++g) {
    _Alignas(32) float rows[INPUT_FLOATS];
    split_group(z, n, g, rows);
    float* out = r->taps + (g * stride + index) * TAP_FLOATS;
    for (size_t i = 0; i < 2 * DV_F8; ++i) {
      out[input * 2 * DV_F8 + (int)i] = rows[i] * scale;                       /* to the left */
      out[(input + 2) * 2 * DV_F8 + (int)i] = rows[2 * DV_F8 + i] * scale;     /* to the right */
    }
  }
  r->nyquist[4 * index + (size_t)input] = z.re[n / 2] * 2.0f * scale;
  r->nyquist[4 * index + 2 + (size_t)input] = z.im[n / 2] * 2.0f * scale;
}

/* Keeps of each group the partitions before its remaining energy falls below `limit`, packed. */
static void pack_groups(level_response* r, size_t stride, double limit)
{
  size_t used = 0;
  for (size_t g = 0; g < r->groups; ++g) {
    float* taps = r->taps + g * stride * TAP_FLOATS;
    double rest = 0.0;
    size_t count = stride;
    for (; count > 0; --count) {
      const float* t = taps + (count - 1) * TAP_FLOATS;
      for (int i = 0; i < TAP_FLOATS; ++i) rest += (double)t[i] * (double)t[i];
      if (!(rest <= limit)) break;
    }
    memmove(r->taps + used * TAP_FLOATS, taps, count * TAP_FLOATS * sizeof *taps);
    r->base[g] = used;
    r->count[g] = (uint32_t)count;
    if (r->longest < count) r->longest = (uint32_t)count;
    used += count;
  }
  r->sum = used;
}

static bool level_response_init(level_response* r, const dv_conv_layout* layout, int l,
                                const float* const h[2][2], size_t length, double limit)
{
  const dv_conv_level* v = &layout->level[l];
  const size_t n = 2 * v->partition, end = level_end(layout, l) < length ? level_end(layout, l) : length;
  const size_t count = end > v->offset ? (end - v->offset - 1) / v->partition + 1 : 0;
  r->groups = v->partition / DV_F8;
  r->count = calloc(r->groups, sizeof *r->count);
  r->base = calloc(r->groups, sizeof *r->base);
  r->taps = dv_floats_new(r->groups * count * TAP_FLOATS);
  r->nyquist = dv_floats_new(4 * count);
  dv_rt_fft* fft = dv_rt_fft_new(n);
  workspace w = {0};
  const bool ok = r->count && r->base && r->taps && r->nyquist && fft && workspace_new(&w, n);
  if (ok) {
    for (size_t p = 0; p < count; ++p) {
      const size_t from = v->offset + p * v->partition;
      const size_t to = from + v->partition < end ? from + v->partition : end;
      for (int in = 0; in < 2; ++in)
        partition_spectrum(fft, &w, h[0][in], h[1][in], from, to, length, r, p, count, in);
    }
    /* taps are H/2N on P = N/2 of N bins, so their energy is that of the response over 16 P */
    pack_groups(r, count, limit / (16.0 * (double)v->partition) / (double)r->groups);
    float* packed = dv_floats_new(r->sum * TAP_FLOATS);
    if (packed) memcpy(packed, r->taps, r->sum * TAP_FLOATS * sizeof *packed);
    free(r->taps);
    r->taps = packed;
  }
  dv_rt_fft_free(fft);
  free(w.memory);
  return ok && r->taps;
}

/* Length after which the rest of all four holds at most `limit` energy; *total receives that of the whole. */
static size_t audible_length(const float* const h[2][2], size_t length, double share, double* total)
{
  *total = 0.0;
  for (size_t k = 0; k < length; ++k)
    for (int c = 0; c < 4; ++c) *total += (double)h[c / 2][c % 2][k] * (double)h[c / 2][c % 2][k];
  double rest = 0.0;
  for (; length > 0; --length) {
    for (int c = 0; c < 4; ++c)
      rest += (double)h[c / 2][c % 2][length - 1] * (double)h[c / 2][c % 2][length - 1];
    if (!(rest <= share * *total)) break;
  }
  return length;
}

dv_conv_response* dv_conv_response_new(const dv_conv_layout* layout, const float* const h[2][2], size_t length,
                                       double budget)
{
  dv_conv_response* r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->layout = *layout;
  double total;
  const size_t audible = audible_length(h, length, budget / (DV_CONV_LEVELS + 1), &total);
  for (int l = 0; l < DV_CONV_LEVELS; ++l)
    if (!level_response_init(&r->level[l], layout, l, h, audible, total * budget / (DV_CONV_LEVELS + 1))) {
      dv_conv_response_free(r);
      return NULL;
    }
  return r;
}

void dv_conv_response_free(dv_conv_response* response)
{
  if (!response) return;
  for (int l = 0; l < DV_CONV_LEVELS; ++l) {
    free(response->level[l].count);
    free(response->level[l].base);
    free(response->level[l].taps);
    free(response->level[l].nyquist);
  }
  free(response);
}

size_t dv_conv_response_length(const dv_conv_response* response)
{
  size_t length = 0;
  for (int l = 0; l < DV_CONV_LEVELS; ++l) {
    const dv_conv_level* v = &response->layout.level[l];
    if (response->level[l].longest) length = v->offset + response->level[l].longest * v->partition;
  }
  return length;
}

/* ---- levels ---------------------------------------------------------------------------------------------- */

/* A block's computation: load, forward transform, split, then per response multiply, inverse, store. */
typedef struct {
  bool active, silent;      /* silent: the window is zero */
  int step;
  size_t item;
  size_t block;             /* number of the block */
  size_t budget;            /* cost to spend per quantum */
  int responses;            /* 1, or 2 while fading */
} job;

typedef struct {
  size_t partition, n, groups, offset, slots, window;
  dv_rt_fft* fft;
  workspace work;
  float *spectra, *nyquist;
  size_t head;              /* slot of the newest block; older ones follow */
  size_t quiet;             /* newest blocks that are zero */
  size_t reach;             /* age of the oldest block that is not zero, plus one; 0: none */
  bool live, was_live;      /* input of the running and the last block is not zero */
  float* out[2];            /* [left, right]: two blocks each, by parity of the block */
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
};

/* Costs in processor cycles, measured; only their ratios matter. */
enum { COST_LOAD = 24, COST_SPLIT = 14, COST_GROUP = 20, COST_PRODUCT = 10, COST_STORE = 24 };

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
  v->spectra = dv_floats_new(v->groups * v->slots * INPUT_FLOATS);
  v->nyquist = dv_floats_new(2 * v->slots);
  for (int c = 0; c < 2; ++c) v->out[c] = dv_floats_new(2 * v->partition);
  return workspace_new(&v->work, v->n) && v->fft && v->spectra && v->nyquist && v->out[0] && v->out[1];
}

static void level_free(level* v)
{
  dv_rt_fft_free(v->fft);
  free(v->work.memory);
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
  conv->time = 0;
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
  for (int c = 0; c < 2; ++c) memset(conv->input[c] + conv->mask + 1 - before, 0, before * sizeof(float));
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

bool dv_conv_idle(const dv_conv* conv)
{
  for (int l = 0; l < conv->levels; ++l) {
    const level* v = &conv->level[l];
    if (v->reach || v->live || v->was_live || v->out_live[0] || v->out_live[1]) return false;
  }
  return true;
}

/* ---- steps of a job -------------------------------------------------------------------------------------- */

typedef enum { LOAD, FORWARD, SPLIT, MULTIPLY, INVERSE, STORE } phase;

/* Steps count 0 .. 1 + S: load, S forward, split; then 2 + S per response: multiply, S inverse, store. */
typedef struct {
  phase phase;
  int fft_step, response;
} place;

static place place_of(const level* v, int step)
{
  const int s = dv_rt_fft_steps(v->fft);
  if (step == 0) return (place){LOAD, 0, 0};
  if (step <= s) return (place){FORWARD, step - 1, 0};
  if (step == s + 1) return (place){SPLIT, 0, 0};
  const int k = (step - s - 2) % (s + 2), response = (step - s - 2) / (s + 2);
  if (k == 0) return (place){MULTIPLY, 0, response};
  return k <= s ? (place){INVERSE, k - 1, response} : (place){STORE, 0, response};
}

static size_t items_of(const level* v, place at)
{
  switch (at.phase) {
    case LOAD: return v->n / DV_QUANTUM;
    case SPLIT:
    case MULTIPLY: return v->groups;
    case STORE: return v->partition / DV_QUANTUM;
    default: return dv_rt_fft_items(v->fft, at.fft_step);
  }
}

static size_t item_cost(const level* v, place at)
{
  switch (at.phase) {
    case LOAD: return COST_LOAD;
    case SPLIT: return COST_SPLIT;
    case MULTIPLY: return COST_GROUP; /* and COST_PRODUCT per partition */
    case STORE: return COST_STORE;
    default: return dv_rt_fft_item_cost(v->fft, at.fft_step);
  }
}

static const level_response* response_of(const dv_conv* c, const level* v, int which)
{
  return &(which ? v->next : v->current)->level[v - c->level];
}

/* Where a transform of all steps that started in a ends. */
static dv_rt_complex transformed(const level* v) { return dv_rt_fft_steps(v->fft) % 2 ? v->work.b : v->work.a; }

static void run_load(const dv_conv* c, const level* v, size_t from, size_t to)
{
  const size_t start = (v->job.block + 1) * v->partition - v->n; /* modulo the ring: wraps below zero */
  for (size_t i = from * DV_QUANTUM; i < to * DV_QUANTUM; i += DV_QUANTUM) {
    memcpy(v->work.a.re + i, c->input[0] + ((start + i) & c->mask), DV_QUANTUM * sizeof(float));
    memcpy(v->work.a.im + i, c->input[1] + ((start + i) & c->mask), DV_QUANTUM * sizeof(float));
  }
}

static void run_fft(const level* v, int step, bool inverse, size_t from, size_t to)
{
  const dv_rt_complex x = step % 2 ? v->work.b : v->work.a, y = step % 2 ? v->work.a : v->work.b;
  dv_rt_fft_run(v->fft, step, inverse ? swapped(x) : x, inverse ? swapped(y) : y, from, to);
}

DV_HOT static void run_split(const level* v, size_t from, size_t to)
{
  const dv_rt_complex z = transformed(v);
  float* out = v->spectra + v->head * INPUT_FLOATS;
  if (from == 0) {
    z.re[v->n] = z.re[0];
    z.im[v->n] = z.im[0];
    v->nyquist[2 * v->head] = v->job.silent ? 0.0f : 2.0f * z.re[v->partition];
    v->nyquist[2 * v->head + 1] = v->job.silent ? 0.0f : 2.0f * z.im[v->partition];
  }
  for (size_t g = from; g < to; ++g) {
    float* rows = out + g * v->slots * INPUT_FLOATS;
    if (v->job.silent) memset(rows, 0, INPUT_FLOATS * sizeof *rows);
    else split_group(z, v->n, g, rows);
  }
}

typedef struct { dv_f8 l_re, l_im, r_re, r_im; } stereo_bins;

/* sum += taps * input over `count` partitions.  Each output has two sums, by input, which keeps the
   chains of dependent additions short. */
DV_INLINE void multiply_run(const float* t, const float* x, size_t count, stereo_bins* from_l, stereo_bins* from_r)
{
  stereo_bins a = *from_l, b = *from_r;
  for (size_t p = 0; p < count; ++p, t += TAP_FLOATS, x += INPUT_FLOATS) {
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

/* Bin P is real in all spectra; it goes into the imaginary part's place of nothing else. */
static void multiply_nyquist(const level* v, const level_response* r)
{
  float left = 0.0f, right = 0.0f;
  const size_t end = r->longest < v->reach ? r->longest : v->reach;
  for (size_t p = v->quiet; p < end; ++p) {
    const size_t slot = v->head + p < v->slots ? v->head + p : v->head + p - v->slots;
    const float *t = r->nyquist + 4 * p, *x = v->nyquist + 2 * slot;
    left += t[0] * x[0] + t[1] * x[1];
    right += t[2] * x[0] + t[3] * x[1];
  }
  v->work.a.re[v->partition] = left;
  v->work.a.im[v->partition] = right;
}

DV_HOT static void run_multiply(const level* v, const level_response* r, size_t from, size_t to)
{
  if (from == 0) multiply_nyquist(v, r);
  const dv_f8 zero = {0};
  for (size_t g = from; g < to; ++g) {
    stereo_bins a = {zero, zero, zero, zero}, b = a;
    const size_t end = r->count[g] < v->reach ? r->count[g] : v->reach;
    if (v->quiet < end) {
      const float* t = r->taps + (r->base[g] + v->quiet) * TAP_FLOATS;
      const float* x = v->spectra + g * v->slots * INPUT_FLOATS;
      const size_t slot = v->head + v->quiet, count = end - v->quiet;
      const size_t straight = slot >= v->slots ? 0 : v->slots - slot < count ? v->slots - slot : count;
      multiply_run(t, x + slot * INPUT_FLOATS, straight, &a, &b);
      const size_t wrapped = slot >= v->slots ? slot - v->slots : 0;
      multiply_run(t + straight * TAP_FLOATS, x + wrapped * INPUT_FLOATS, count - straight, &a, &b);
    }
    join_group(v->work.a, v->n, g, a.l_re + b.l_re, a.l_im + b.l_im, a.r_re + b.r_re, a.r_im + b.r_im);
  }
}

/* The second half of the window is the block's output.  A second response fades in over the block. */
DV_HOT static void run_store(const level* v, int response, size_t from, size_t to)
{
  const dv_rt_complex y = transformed(v);
  const float* src[2] = {y.re + v->partition, y.im + v->partition};
  const float step = 1.0f / (float)v->partition;
  for (int c = 0; c < 2; ++c) {
    float* out = v->out[c] + (v->job.block & 1) * v->partition;
    if (!response) memcpy(out + from * DV_QUANTUM, src[c] + from * DV_QUANTUM, (to - from) * DV_QUANTUM * sizeof *out);
    else
      for (size_t i = from * DV_QUANTUM; i < to * DV_QUANTUM; ++i) {
        const float t = ((float)i + 0.5f) * step, weight = t * t * (3.0f - 2.0f * t);
        out[i] += weight * (src[c][i] - out[i]);
      }
  }
}

static void run(const dv_conv* c, const level* v, place at, size_t from, size_t to)
{
  switch (at.phase) {
    case LOAD: run_load(c, v, from, to); break;
    case FORWARD: run_fft(v, at.fft_step, false, from, to); break;
    case SPLIT: run_split(v, from, to); break;
    case MULTIPLY: run_multiply(v, response_of(c, v, at.response), from, to); break;
    case INVERSE: run_fft(v, at.fft_step, true, from, to); break;
    case STORE: run_store(v, at.response, from, to); break;
  }
}

/* ---- scheduling ------------------------------------------------------------------------------------------ */

static int step_count(const level* v, int responses)
{
  return (2 + dv_rt_fft_steps(v->fft)) * (1 + responses);
}

static size_t product_count(const level* v, const level_response* r, size_t group)
{
  const size_t end = r->count[group] < v->reach ? r->count[group] : v->reach;
  return end > v->quiet ? end - v->quiet : 0;
}

static size_t total_cost(const dv_conv* c, const level* v)
{
  size_t cost = 0;
  for (int step = v->job.step; step < step_count(v, v->job.responses); ++step) {
    const place at = place_of(v, step);
    cost += items_of(v, at) * item_cost(v, at);
    if (at.phase == MULTIPLY) cost += response_of(c, v, at.response)->sum * COST_PRODUCT;
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

static void start(dv_conv* c, level* v)
{
  const size_t block = c->time / v->partition - 1;
  v->next = c->target;
  const uint32_t now = response_of(c, v, 0)->longest, then = response_of(c, v, 1)->longest;
  age(v, now > then ? now : then);
  v->out_live[block & 1] = v->reach > 0;
  if (!v->reach) {
    v->current = v->next;
    return;
  }
  const bool silent = v->quiet > 0;
  v->job = (job){.active = true, .silent = silent, .block = block, .responses = v->current == v->next ? 1 : 2,
                 .step = silent ? dv_rt_fft_steps(v->fft) + 1 : 0};
  v->job.budget = total_cost(c, v) / v->window + 1;
}

/* Items of a step that fit into *budget, at least one; takes their cost off. */
static size_t affordable(const dv_conv* c, const level* v, place at, size_t from, size_t count, size_t* budget)
{
  const size_t cost = item_cost(v, at);
  size_t to = from;
  if (at.phase == MULTIPLY) {
    const level_response* r = response_of(c, v, at.response);
    do {
      const size_t spent = cost + COST_PRODUCT * product_count(v, r, to);
      *budget -= spent < *budget ? spent : *budget;
    } while (++to < count && *budget > 0);
    return to;
  }
  to = from + (*budget + cost - 1) / cost;
  if (to > count) to = count;
  const size_t spent = (to - from) * cost;
  *budget -= spent < *budget ? spent : *budget;
  return to;
}

static void advance(const dv_conv* c, level* v)
{
  size_t budget = v->job.budget;
  while (v->job.active && budget > 0) {
    const place at = place_of(v, v->job.step);
    const size_t count = items_of(v, at), to = affordable(c, v, at, v->job.item, count, &budget);
    run(c, v, at, v->job.item, to);
    v->job.item = to;
    if (to < count) continue;
    v->job.item = 0;
    if (++v->job.step < step_count(v, v->job.responses)) continue;
    v->job.active = false;
    v->current = v->next;
  }
}

static bool any_nonzero(const float* left, const float* right)
{
  for (int i = 0; i < DV_QUANTUM; ++i)
    if (left[i] != 0.0f || right[i] != 0.0f) return true;
  return false;
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
  for (int l = 0; l < conv->levels; ++l) {
    level* v = &conv->level[l];
    v->live = v->live || live;
    if (conv->time % v->partition == 0) start(conv, v);
    advance(conv, v);
    read_output(conv, v, out_left, out_right);
  }
}
