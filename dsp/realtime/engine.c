/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/engine.h"

#include "dsp/coefficients.h"
#include "dsp/realtime/dynamics.h"
#include "dsp/realtime/filters.h"
#include "dsp/flush.h"
#include "dsp/realtime/fade.h"
#include "dsp/realtime/lookahead.h"
#include "dsp/realtime/pingpong.h"
#include "dsp/realtime/vector.h"

#include <math.h>
#include <stdatomic.h>

static const float INPUT_LIMIT = 1e5f; /* +100 dBFS: squares and reverb sums stay finite */
static const float SILENT = 1e-12f;    /* -240 dB: less is nothing, so that tails end */

/* Signals of the running quantum. */
typedef struct {
  float dry[2][DV_QUANTUM];  /* the input */
  float effect[DV_QUANTUM];  /* e, not late for look-ahead's sake only */
  float echo[2][DV_QUANTUM]; /* the delay's output */
  float wet[2][DV_QUANTUM];  /* delay and reverb with their levels */
} quantum;

struct dv_rt {
  double rate_hz;
  dv_chain_params params;
  double minimum[DV_PARAM_COUNT], maximum[DV_PARAM_COUNT];
  dv_rt_mix mix;
  bool lookahead_on;
  bool fresh;   /* nothing processed since reset: settings snap */
  bool asleep;  /* nothing sounds and nothing moves: zeros are passed on without computing */
  size_t quiet; /* quanta since anything sounded or moved */
  dv_controls controls;

  size_t at; /* frames of the running quantum that are done */
  quantum now;
  dv_mono_eq eq;
  dv_dynamics dynamics;
  dv_rt_lookahead* lookahead;
  float *dry_line[2], *effect_line; /* rings that delay by the latency */
  size_t line_mask, line_at;
  dv_pingpong* delay;
  dv_conv* reverb[2];    /* one plays; the other lets the preset before ring out */
  int active;            /* of reverb */
  int swap, swap_quanta; /* quanta since the active one took over, -1: its input is not faded in any more */
  dv_stereo_eq reverb_eq;

  dv_rt_response* playing[2];        /* audio thread's, per reverb; NULL: it is silent */
  dv_rt_response* arriving;          /* is being faded in by the active reverb */
  _Atomic(dv_rt_response*) incoming; /* handed over, not yet taken */
  _Atomic(dv_rt_response*) retired;  /* list, newest first */
  dv_rt_response* collected;         /* list, of the thread that frees */
  float peak[4];                     /* of input, left, right, 1 - gain in the last process */
};

static void wake(dv_rt* rt);

/* ---- parameters ------------------------------------------------------------------------------------------ */

/* value, limited; `otherwise` when it is not a number. */
static double limited(double value, double low, double high, double otherwise)
{
  if (!isfinite(value)) return otherwise;
  return value < low ? low : value > high ? high : value;
}

static void set_reverb_eq(dv_rt* rt, const dv_reverb_params* p)
{
  dv_biquad b[DV_REVERB_BANDS];
  dv_reverb_eq_coeffs(p, rt->rate_hz, b);
  for (int k = 0; k < DV_REVERB_BANDS; ++k)
    dv_controls_set_biquad(&rt->controls, DV_CONTROL_REVERB_EQ + k * DV_BIQUAD_CONTROLS, &b[k]);
}

static void set_targets(dv_rt* rt)
{
  const dv_chain_params* p = &rt->params;
  dv_biquad eq[DV_EQ_BANDS];
  dv_eq_coeffs(p, rt->rate_hz, eq);
  for (int k = 0; k < DV_EQ_BANDS; ++k)
    dv_controls_set_biquad(&rt->controls, DV_CONTROL_EQ + k * DV_BIQUAD_CONTROLS, &eq[k]);
  dv_compressor_coefs compressor;
  dv_compressor_coeffs(&p->compressor, rt->rate_hz, &compressor);
  if (dv_controls_set_compressor(&rt->controls, &compressor)) dv_dynamics_soften(&rt->dynamics);
  dv_rt_lookahead_set(rt->lookahead, compressor.lookahead_samples);
  dv_pingpong_set(rt->delay, &p->delay, &rt->controls);
  set_reverb_eq(rt, &p->reverb);
  dv_pan_gains pan;
  dv_pan_coeffs(p->pan, &pan);
  dv_controls_set(&rt->controls, DV_CONTROL_PAN_LEFT, pan.left);
  dv_controls_set(&rt->controls, DV_CONTROL_PAN_RIGHT, pan.right);
  dv_controls_set(&rt->controls, DV_CONTROL_SEND, p->send);
}

static double linear(double gain_db) { return gain_db < -119.9 ? 0.0 : pow(10.0, gain_db / 20.0); }

static void set_mix_targets(dv_rt* rt)
{
  dv_controls_set(&rt->controls, DV_CONTROL_INPUT_GAIN, linear(rt->mix.input_gain_db));
  dv_controls_set(&rt->controls, DV_CONTROL_OUTPUT_GAIN, linear(rt->mix.output_gain_db));
  dv_controls_set(&rt->controls, DV_CONTROL_DRY_WET, rt->mix.dry_wet);
  dv_controls_set(&rt->controls, DV_CONTROL_DELAY_LEVEL, rt->mix.delay_level);
  dv_controls_set(&rt->controls, DV_CONTROL_REVERB_LEVEL, rt->mix.reverb_level);
  dv_controls_set(&rt->controls, DV_CONTROL_LOOKAHEAD, rt->lookahead_on ? 1.0 : 0.0);
  dv_controls_set(&rt->controls, DV_CONTROL_BYPASS, rt->mix.bypass);
}

void dv_rt_set_params(dv_rt* rt, const dv_chain_params* params)
{
  wake(rt);
  const double* given = dv_params_flat_const(params);
  double* own = dv_params_flat(&rt->params);
  for (int i = 0; i < DV_PARAM_COUNT; ++i) own[i] = limited(given[i], rt->minimum[i], rt->maximum[i], own[i]);
  set_targets(rt);
}

dv_rt_mix dv_rt_mix_neutral(void) { return (dv_rt_mix){0.0, 0.0, 1.0, 1.0, 1.0, 0.0}; }

void dv_rt_set_mix(dv_rt* rt, const dv_rt_mix* mix)
{
  wake(rt);
  dv_rt_mix* own = &rt->mix;
  own->input_gain_db = limited(mix->input_gain_db, -120.0, 100.0, own->input_gain_db);
  own->output_gain_db = limited(mix->output_gain_db, -120.0, 100.0, own->output_gain_db);
  own->dry_wet = limited(mix->dry_wet, 0.0, 1.0, own->dry_wet);
  own->delay_level = limited(mix->delay_level, 0.0, 4.0, own->delay_level);
  own->reverb_level = limited(mix->reverb_level, 0.0, 4.0, own->reverb_level);
  own->bypass = limited(mix->bypass, 0.0, 1.0, own->bypass);
  set_mix_targets(rt);
}

void dv_rt_set_lookahead(dv_rt* rt, bool on)
{
  wake(rt);
  rt->lookahead_on = on;
  set_mix_targets(rt);
}

size_t dv_rt_latency(const dv_rt* rt) { return rt->lookahead_on ? dv_rt_lookahead_latency(rt->lookahead) : 0; }

/* ---- life ------------------------------------------------------------------------------------------------ */

static bool allocate(dv_rt* rt, double rate_hz)
{
  dv_conv_layout layout;
  dv_rt_response_layout(rate_hz, &layout);
  rt->lookahead = dv_rt_lookahead_new(rate_hz);
  rt->delay = dv_pingpong_new(rate_hz);
  for (int r = 0; r < 2; ++r) rt->reverb[r] = dv_conv_new(&layout);
  if (!rt->lookahead || !rt->delay || !rt->reverb[0] || !rt->reverb[1]) return false;
  size_t length = DV_QUANTUM;
  while (length < dv_rt_lookahead_latency(rt->lookahead) + DV_QUANTUM) length *= 2;
  rt->line_mask = length - 1;
  rt->effect_line = dv_floats_new(length);
  for (int c = 0; c < 2; ++c) rt->dry_line[c] = dv_floats_new(length);
  return rt->effect_line && rt->dry_line[0] && rt->dry_line[1];
}

dv_rt* dv_rt_new(const dv_chain_params* params, double rate_hz, dv_error* err)
{
  if (dv_params_check(params, err)) return NULL;
  dv_rt_response* response = dv_rt_response_new(&params->reverb, rate_hz, err);
  if (!response) return NULL;
  dv_rt* rt = calloc(1, sizeof *rt);
  if (!rt || !allocate(rt, rate_hz)) {
    dv_rt_free(rt);
    dv_rt_response_free(response);
    dv_fail(err, DV_ERR_NOMEM, "out of memory for an engine at %g Hz", rate_hz);
    return NULL;
  }
  rt->rate_hz = rate_hz;
  rt->params = *params;
  for (int i = 0; i < DV_PARAM_COUNT; ++i) {
    rt->minimum[i] = dv_parameter_at(i)->minimum;
    rt->maximum[i] = dv_parameter_at(i)->maximum;
  }
  rt->mix = dv_rt_mix_neutral();
  rt->lookahead_on = true;
  dv_controls_init(&rt->controls, rate_hz);
  dv_dynamics_init(&rt->dynamics, rate_hz);
  set_targets(rt);
  set_mix_targets(rt);
  rt->swap_quanta = dv_fade_quanta(rate_hz);
  rt->playing[0] = response;
  dv_conv_set_response(rt->reverb[0], dv_rt_response_taps(response));
  dv_rt_reset(rt);
  return rt;
}

static void free_list(dv_rt_response* r)
{
  while (r) {
    dv_rt_response* next = *dv_rt_response_next(r);
    dv_rt_response_free(r);
    r = next;
  }
}

void dv_rt_free(dv_rt* rt)
{
  if (!rt) return;
  dv_rt_lookahead_free(rt->lookahead);
  dv_pingpong_free(rt->delay);
  for (int r = 0; r < 2; ++r) {
    dv_conv_free(rt->reverb[r]);
    dv_rt_response_free(rt->playing[r]);
  }
  free(rt->dry_line[0]);
  free(rt->dry_line[1]);
  free(rt->effect_line);
  dv_rt_response_free(rt->arriving);
  dv_rt_response_free(atomic_load(&rt->incoming));
  free_list(atomic_load(&rt->retired));
  free_list(rt->collected);
  free(rt);
}

/* ---- responses ------------------------------------------------------------------------------------------- */

static dv_rt_response* hand_over(dv_rt* rt, dv_rt_response* response, bool replaces)
{
  if (!response || dv_rt_response_rate(response) != rt->rate_hz) return response;
  *dv_rt_response_replaces(response) = replaces;
  return atomic_exchange_explicit(&rt->incoming, response, memory_order_acq_rel);
}

dv_rt_response* dv_rt_set_response(dv_rt* rt, dv_rt_response* response) { return hand_over(rt, response, false); }

dv_rt_response* dv_rt_replace_response(dv_rt* rt, dv_rt_response* response) { return hand_over(rt, response, true); }

dv_rt_response* dv_rt_take_retired(dv_rt* rt)
{
  if (!rt->collected) rt->collected = atomic_exchange_explicit(&rt->retired, NULL, memory_order_acq_rel);
  dv_rt_response* r = rt->collected;
  if (r) rt->collected = *dv_rt_response_next(r);
  return r;
}

static void retire(dv_rt* rt, dv_rt_response* r)
{
  dv_rt_response** next = dv_rt_response_next(r);
  *next = atomic_load_explicit(&rt->retired, memory_order_relaxed);
  /* fails only when the other thread empties the list meanwhile, then at once succeeds */
  while (!atomic_compare_exchange_weak_explicit(&rt->retired, next, r, memory_order_release, memory_order_relaxed)) {}
}

/* Retires what has been faded out or has rung out. */
static void retire_responses(dv_rt* rt)
{
  const int active = rt->active, other = 1 - active;
  if (rt->arriving && !dv_conv_fading(rt->reverb[active])) {
    retire(rt, rt->playing[active]);
    rt->playing[active] = rt->arriving;
    rt->arriving = NULL;
  }
  if (rt->playing[other] && rt->swap < 0 && dv_conv_idle(rt->reverb[other])) {
    dv_conv_load(rt->reverb[other], NULL);
    retire(rt, rt->playing[other]);
    rt->playing[other] = NULL;
  }
}

/* Also takes in what has been handed over. */
static void exchange_responses(dv_rt* rt)
{
  retire_responses(rt);
  if (rt->arriving || rt->swap >= 0 || !atomic_load_explicit(&rt->incoming, memory_order_relaxed)) return;
  dv_rt_response* r = atomic_exchange_explicit(&rt->incoming, NULL, memory_order_acq_rel);
  const int other = 1 - rt->active;
  if (*dv_rt_response_replaces(r) && !rt->playing[other]) {
    dv_conv_load(rt->reverb[other], dv_rt_response_taps(r));
    rt->playing[other] = r;
    rt->active = other;
    rt->swap = 0;
  } else {
    dv_conv_set_response(rt->reverb[rt->active], dv_rt_response_taps(r));
    rt->arriving = r;
  }
}

/* ---- signal path ----------------------------------------------------------------------------------------- */

DV_INLINE float at_sample(const dv_controls* c, dv_control which, size_t i)
{
  return (float)c->from[which] + (float)c->step[which] * (float)(int)(i + 1);
}

static void reset_front(dv_rt* rt)
{
  memset(&rt->eq, 0, sizeof rt->eq);
  dv_dynamics_reset(&rt->dynamics);
  dv_rt_lookahead_reset(rt->lookahead);
  memset(rt->effect_line, 0, (rt->line_mask + 1) * sizeof *rt->effect_line);
}

static void reset_space(dv_rt* rt)
{
  dv_pingpong_reset(rt->delay);
  rt->swap = -1;
  for (int r = 0; r < 2; ++r) dv_conv_reset(rt->reverb[r]);
  memset(&rt->reverb_eq, 0, sizeof rt->reverb_eq);
  memset(rt->now.echo, 0, sizeof rt->now.echo);
  memset(rt->now.wet, 0, sizeof rt->now.wet);
}

/* What a reset leaves, with the settings of now. */
static void snap(dv_rt* rt)
{
  dv_controls_snap(&rt->controls);
  reset_front(rt);
  reset_space(rt);
}

void dv_rt_reset(dv_rt* rt)
{
  rt->fresh = true;
  rt->asleep = false;
  rt->quiet = 0;
  rt->at = rt->line_at = 0;
  memset(&rt->now, 0, sizeof rt->now);
  for (int c = 0; c < 2; ++c) memset(rt->dry_line[c], 0, (rt->line_mask + 1) * sizeof(float));
  exchange_responses(rt);
  snap(rt);
}

/* NaN is zero. */
DV_INLINE float take_sample(float in)
{
  const float size = fabsf(in);
  /* a comparison with NaN is false */
  return size <= INPUT_LIMIT ? in : size <= 3.4e38f ? copysignf(INPUT_LIMIT, in) : 0.0f;
}

DV_HOT static void take_input(dv_rt* rt, const float* in_left, const float* in_right, float* x, size_t n)
{
  float *left = rt->now.dry[0] + rt->at, *right = rt->now.dry[1] + rt->at;
  for (size_t i = 0; i < n; ++i) {
    const float l = take_sample(in_left[i]), r = take_sample(in_right[i]);
    left[i] = l;
    right[i] = r;
    /* exact where both sides are the same */
    x[i] = 0.5f * (l + r) * at_sample(&rt->controls, DV_CONTROL_INPUT_GAIN, rt->at + i);
  }
}

/* ring <- x, and out <- what went in `delay` samples before. */
static void through_line(const dv_rt* rt, float* ring, size_t delay, const float* x, float* out, size_t n)
{
  for (size_t i = 0; i < n; ++i) {
    ring[(rt->line_at + i) & rt->line_mask] = x[i];
    out[i] = ring[(rt->line_at + i - delay) & rt->line_mask];
  }
}

/* late: signal delayed and gain filtered; early: both as they come; weight 1 is late. */
DV_INLINE void blend(dv_rt* rt, const float* early, const float* late, float* out, size_t n)
{
  for (size_t i = 0; i < n; ++i) {
    const float w = at_sample(&rt->controls, DV_CONTROL_LOOKAHEAD, rt->at + i);
    out[i] = (1.0f - w) * early[i] + w * late[i]; /* exact at both ends */
  }
}

DV_HOT static void apply_gain(dv_rt* rt, const float* x, const float* late_x, const float* g, const float* late_g,
                              size_t n)
{
  float early[DV_QUANTUM], late[DV_QUANTUM];
  float* e = rt->now.effect + rt->at;
  for (size_t i = 0; i < n; ++i) {
    const float makeup = at_sample(&rt->controls, DV_CONTROL_MAKEUP, rt->at + i);
    early[i] = x[i] * g[i] * makeup;
    late[i] = late_x[i] * late_g[i] * makeup;
  }
  blend(rt, early, late, e, n);
  for (size_t i = 0; i < n; ++i) e[i] = fabsf(e[i]) < SILENT ? 0.0f : e[i];
}

/* One side of the output.  Every weight is exact where it ends. */
DV_INLINE void mix_side(dv_rt* rt, const float* late_dry, int side, float* out, size_t n)
{
  const dv_controls* c = &rt->controls;
  const dv_control pan = side ? DV_CONTROL_PAN_RIGHT : DV_CONTROL_PAN_LEFT;
  float dry[DV_QUANTUM];
  blend(rt, rt->now.dry[side] + rt->at, late_dry, dry, n);
  for (size_t i = 0; i < n; ++i) {
    const size_t k = rt->at + i;
    const float share = at_sample(c, DV_CONTROL_DRY_WET, k), bypass = at_sample(c, DV_CONTROL_BYPASS, k);
    const float wet = at_sample(c, pan, k) * rt->now.effect[k] + rt->now.wet[side][k];
    const float mixed = at_sample(c, DV_CONTROL_OUTPUT_GAIN, k) * (share * wet + (1.0f - share) * dry[i]);
    out[i] = (1.0f - bypass) * mixed + bypass * dry[i];
  }
}

DV_HOT static void mix_output(dv_rt* rt, float late_dry[2][DV_QUANTUM], float* left, float* right, size_t n)
{
  mix_side(rt, late_dry[0], 0, left, n);
  mix_side(rt, late_dry[1], 1, right, n);
}

/* Updates the meters with what went in, came out and was taken off. */
DV_HOT static void measure(dv_rt* rt, const float* left, const float* right, const float* g, size_t n)
{
  float taken[DV_QUANTUM];
  for (size_t i = 0; i < n; ++i) taken[i] = g[i] < 1.0f ? 1.0f - g[i] : 0.0f;
  const float in[2] = {dv_peak(rt->now.dry[0] + rt->at, n), dv_peak(rt->now.dry[1] + rt->at, n)};
  const float now[4] = {in[0] > in[1] ? in[0] : in[1], dv_peak(left, n), dv_peak(right, n), dv_peak(taken, n)};
  for (int i = 0; i < 4; ++i) rt->peak[i] = rt->peak[i] > now[i] ? rt->peak[i] : now[i];
}

/* n frames that stay within the running quantum. */
static void process_part(dv_rt* rt, const float* in_left, const float* in_right, float* left, float* right, size_t n)
{
  float x[DV_QUANTUM], g[DV_QUANTUM], late_g[DV_QUANTUM + DV_F8], late_x[DV_QUANTUM], late_dry[2][DV_QUANTUM];
  const size_t latency = dv_rt_lookahead_latency(rt->lookahead);
  take_input(rt, in_left, in_right, x, n);
  dv_mono_eq_process(&rt->eq, &rt->controls, rt->at, x, n);
  dv_dynamics_process(&rt->dynamics, &rt->controls, rt->at, x, g, n);
  dv_rt_lookahead_process(rt->lookahead, rt->at, g, late_g, n);
  through_line(rt, rt->effect_line, latency, x, late_x, n);
  for (int c = 0; c < 2; ++c) through_line(rt, rt->dry_line[c], latency, rt->now.dry[c] + rt->at, late_dry[c], n);
  apply_gain(rt, x, late_x, g, late_g, n);
  mix_output(rt, late_dry, left, right, n);
  measure(rt, left, right, g, n);
  rt->line_at = (rt->line_at + n) & rt->line_mask;
  rt->at += n;
}

static bool all_finite(const float* x)
{
  float sum = 0.0f;
  for (int i = 0; i < DV_QUANTUM; ++i) sum += x[i] * 0.0f;
  return sum == 0.0f;
}

/* delay and reverb of the quantum that follows, from e of the one that ends. */
DV_HOT static void send_to_reverb(const dv_rt* rt, float send[2][DV_QUANTUM])
{
  for (int c = 0; c < 2; ++c)
    for (size_t i = 0; i < DV_QUANTUM; ++i)
      send[c][i] = rt->now.effect[i] + at_sample(&rt->controls, DV_CONTROL_SEND, i) * rt->now.echo[c][i];
}

DV_HOT static void sum_wet(dv_rt* rt, float reverb[2][DV_QUANTUM])
{
  for (int c = 0; c < 2; ++c)
    for (size_t i = 0; i < DV_QUANTUM; ++i)
      rt->now.wet[c][i] = at_sample(&rt->controls, DV_CONTROL_DELAY_LEVEL, i) * rt->now.echo[c][i] +
                          at_sample(&rt->controls, DV_CONTROL_REVERB_LEVEL, i) * reverb[c][i];
}

static bool reverb_idle(const dv_rt* rt)
{
  return rt->swap < 0 && dv_conv_idle(rt->reverb[0]) && dv_conv_idle(rt->reverb[1]);
}

/* While the active reverb takes over, its input fades in and the other's out; then the other rings out. */
DV_HOT static void run_reverbs(dv_rt* rt, float send[2][DV_QUANTUM], float out[2][DV_QUANTUM])
{
  dv_conv *active = rt->reverb[rt->active], *other = rt->reverb[1 - rt->active];
  if (rt->swap < 0 && dv_conv_idle(other)) {
    dv_conv_process(active, send[0], send[1], out[0], out[1]);
    return;
  }
  float rest[2][DV_QUANTUM], tail[2][DV_QUANTUM];
  for (int c = 0; c < 2; ++c)
    for (int i = 0; i < DV_QUANTUM; ++i) {
      const float all = send[c][i];
      send[c][i] = rt->swap < 0 ? all : dv_fade_weight(rt->swap, rt->swap_quanta, i) * all;
      rest[c][i] = rt->swap < 0 ? 0.0f : all - send[c][i];
    }
  dv_conv_process(active, send[0], send[1], out[0], out[1]);
  dv_conv_process(other, rest[0], rest[1], tail[0], tail[1]);
  for (int c = 0; c < 2; ++c)
    for (int i = 0; i < DV_QUANTUM; ++i) out[c][i] += tail[c][i];
  if (rt->swap < 0 || ++rt->swap < rt->swap_quanta) return;
  rt->swap = -1;
  dv_conv_close(other);
}

/* Settings still and all memories empty but the EQ's, of which next to nothing is left. */
static bool nothing_sounds(const dv_rt* rt)
{
  if (rt->controls.moving || rt->arriving || !dv_dynamics_exact(&rt->dynamics)) return false;
  if (dv_peak(rt->now.dry[0], DV_QUANTUM) > 0.0f || dv_peak(rt->now.dry[1], DV_QUANTUM) > 0.0f) return false;
  if (dv_peak(rt->now.effect, DV_QUANTUM) > 0.0f || !dv_pingpong_idle(rt->delay) || !reverb_idle(rt)) return false;
  double eq = 0.0;
  for (size_t i = 0; i < sizeof rt->eq / sizeof(double); ++i) eq += fabs((&rt->eq.past[0][0][0])[i]);
  return eq < (double)SILENT && dv_rt_lookahead_steady(rt->lookahead);
}

/* Falls asleep once that has lasted for longer than the latency.  Decided once per quantum, so that blocks make no
   difference. */
static void consider_sleep(dv_rt* rt)
{
  rt->quiet = nothing_sounds(rt) ? rt->quiet + 1 : 0;
  if (rt->quiet <= rt->line_mask / DV_QUANTUM) return;
  rt->asleep = true;
  memset(&rt->eq, 0, sizeof rt->eq);
  memset(rt->effect_line, 0, (rt->line_mask + 1) * sizeof *rt->effect_line);
}

static void end_quantum(dv_rt* rt)
{
  float send[2][DV_QUANTUM], reverb[2][DV_QUANTUM];
  if (!all_finite(rt->now.effect)) {
    memset(rt->now.effect, 0, sizeof rt->now.effect);
    reset_front(rt);
  }
  dv_pingpong_write(rt->delay, &rt->controls, rt->now.effect);
  send_to_reverb(rt, send);
  dv_controls_advance(&rt->controls);
  dv_dynamics_advance(&rt->dynamics);
  exchange_responses(rt);
  /* macros move both: the two crossfades take turns */
  dv_pingpong_hold(rt->delay, dv_conv_fades_long(rt->reverb[rt->active], dv_pingpong_fade_frames(rt->delay)));
  dv_pingpong_read(rt->delay, &rt->controls, rt->now.echo[0], rt->now.echo[1]);
  run_reverbs(rt, send, reverb);
  if (reverb_idle(rt)) memset(&rt->reverb_eq, 0, sizeof rt->reverb_eq);
  else dv_stereo_eq_process(&rt->reverb_eq, &rt->controls, reverb[0], reverb[1]);
  sum_wet(rt, reverb);
  if (!all_finite(rt->now.wet[0]) || !all_finite(rt->now.wet[1])) reset_space(rt);
  dv_rt_lookahead_advance(rt->lookahead);
  rt->at = 0;
  consider_sleep(rt);
}

/* Makes up for the zeros of the running quantum that were slept through; of whole quanta nothing would be left. */
static void wake(dv_rt* rt)
{
  if (!rt->asleep) return;
  const float zeros[DV_QUANTUM] = {0};
  float left[DV_QUANTUM], right[DV_QUANTUM];
  const size_t missed = rt->at;
  const dv_flush_state saved = dv_flush_on();
  rt->asleep = false;
  rt->quiet = 0;
  rt->at = 0;
  if (missed) process_part(rt, zeros, zeros, left, right, missed);
  dv_flush_restore(saved);
}

/* Zeros on to zeros.  False when there is something to compute. */
static bool sleep_on(dv_rt* rt, const float* in_left, const float* in_right, float* left, float* right, size_t n)
{
  if (!rt->asleep) return false;
  const bool silent = dv_peak(in_left, n) == 0.0f && dv_peak(in_right, n) == 0.0f;
  if (!silent || atomic_load_explicit(&rt->incoming, memory_order_relaxed)) {
    wake(rt);
    return false;
  }
  memset(left, 0, n * sizeof *left);
  memset(right, 0, n * sizeof *right);
  const float taken = 1.0f - (float)rt->dynamics.gain;
  if (rt->peak[3] < taken) rt->peak[3] = taken;
  rt->at = (rt->at + n) % DV_QUANTUM;
  return true;
}

void dv_rt_process_stereo(dv_rt* rt, const float* in_left, const float* in_right, float* left, float* right,
                          size_t frames)
{
  if (!frames) return;
  const dv_flush_state saved = dv_flush_on();
  if (rt->fresh) {
    exchange_responses(rt);
    snap(rt);
    rt->fresh = false;
  }
  memset(rt->peak, 0, sizeof rt->peak);
  for (size_t done = 0; done < frames;) {
    const size_t room = DV_QUANTUM - rt->at, n = frames - done < room ? frames - done : room;
    if (!sleep_on(rt, in_left + done, in_right + done, left + done, right + done, n)) {
      process_part(rt, in_left + done, in_right + done, left + done, right + done, n);
      if (rt->at == DV_QUANTUM) end_quantum(rt);
    }
    done += n;
  }
  dv_flush_restore(saved);
}

void dv_rt_process(dv_rt* rt, const float* in, float* left, float* right, size_t frames)
{
  dv_rt_process_stereo(rt, in, in, left, right, frames);
}

dv_rt_meters dv_rt_get_meters(const dv_rt* rt)
{
  const double least_gain = fmax(1.0 - (double)rt->peak[3], 1e-6);
  return (dv_rt_meters){(double)rt->peak[0], {(double)rt->peak[1], (double)rt->peak[2]}, -20.0 * log10(least_gain)};
}
