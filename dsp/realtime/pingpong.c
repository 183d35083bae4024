/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/pingpong.h"

#include "dsp/realtime/fade.h"
#include "dsp/realtime/filters.h"
#include "dsp/realtime/fir.h"

#include <math.h>
#include <stdint.h>

enum {
  MAX_STAGES = 40, /* echoes of 100 ms within 4 s */
  OCTETS = MAX_STAGES / DV_OCTET,
  HALF_TAPS = DV_FIR_TAPS / 2,
  SPAN = DV_QUANTUM + DV_FIR_TAPS /* samples one quantum's interpolation reads, and one more */
};

static const double MAX_DELAY_S = 1.0, RESPONSE_S = 4.0;
static const double MAX_LOOP_GAIN = 0.98; /* of a closed loop */
static const double MAX_LEFT_OVER = 1e-4; /* level of its echoes beyond the response's end, re e: -80 dB */
static const double KAISER_BETA = 9.0;
static const float SILENT = 1e-12f; /* -240 dB */

/* A reading point. */
typedef struct {
  double delay;
  bool closed;
  int stages, whole; /* whole samples of the delay */
  float taps[DV_FIR_TAPS];
} reader;

typedef struct {
  float* line;   /* what goes into this stage's delay */
  size_t length; /* a multiple of the quantum */
  int64_t since; /* first sample that was written since the stage came into use */
} stage;

struct dv_pingpong {
  double rate_hz;
  bool wide; /* the processor's vectors, see dv_fir_wide */
  stage stage[MAX_STAGES];
  float echo[MAX_STAGES][DV_QUANTUM];
  dv_octet_state lowpass[OCTETS];
  int active; /* stages in use */
  reader reader[2];
  int current; /* of reader; the other fades in */
  double target_delay;
  bool target_closed;
  int fade, fade_quanta;            /* quanta done, -1: no fade; quanta that one octet of stages takes */
  int turns;                        /* octets that fade one after the other; 1: all stages at once */
  bool hold;                        /* no new fade to another delay time */
  float weight[OCTETS][DV_QUANTUM]; /* of the other reader in the running quantum */
  int64_t time;                     /* samples written */
  int64_t quiet;                    /* samples since anything but zero was written or read */
};

/* Stage k is in use only while k T <= 4 s. */
static size_t line_length(double rate_hz, int k)
{
  const double seconds = fmin(MAX_DELAY_S, RESPONSE_S / k);
  return ((size_t)ceil(seconds * rate_hz) + 2 * SPAN) / DV_QUANTUM * DV_QUANTUM + DV_QUANTUM;
}

dv_pingpong* dv_pingpong_new(double rate_hz)
{
  dv_pingpong* pp = calloc(1, sizeof *pp);
  if (!pp) return NULL;
  pp->rate_hz = rate_hz;
  pp->wide = dv_fir_is_wide();
  pp->fade_quanta = dv_fade_quanta(rate_hz);
  pp->target_delay = 0.4 * rate_hz;
  pp->target_closed = true;
  for (int k = 0; k < MAX_STAGES; ++k) {
    pp->stage[k].length = line_length(rate_hz, k + 1);
    pp->stage[k].line = dv_floats_new(pp->stage[k].length);
    if (!pp->stage[k].line) {
      dv_pingpong_free(pp);
      return NULL;
    }
  }
  dv_pingpong_reset(pp);
  return pp;
}

void dv_pingpong_free(dv_pingpong* pp)
{
  if (!pp) return;
  for (int k = 0; k < MAX_STAGES; ++k) free(pp->stage[k].line);
  free(pp);
}

/* ---- reading points ---------------------------------------------------------------------------------------- */

/* Kaiser's window at squared positions (1 is the end): the power series of the modified Bessel function of order 0,
   term by term for all taps, which a processor does side by side. */
DV_HOT static void kaiser(const double* square, double* window)
{
  double x[DV_FIR_TAPS], term[DV_FIR_TAPS];
  for (int j = 0; j < DV_FIR_TAPS; ++j) {
    const double inside = 1.0 - square[j];
    x[j] = KAISER_BETA * KAISER_BETA / 4.0 * (inside > 0.0 ? inside : 0.0);
    term[j] = inside > 0.0 ? 1.0 : 0.0;
    window[j] = term[j];
  }
  for (int k = 1; k < 40; ++k) {
    const double weight = 1.0 / (double)(k * k);
    for (int j = 0; j < DV_FIR_TAPS; ++j) {
      term[j] *= x[j] * weight;
      window[j] += term[j];
    }
  }
}

/* Tap j weighs the sample `whole - (HALF_TAPS - 1) + j` before the output. */
static void interpolator(double fraction, float* taps)
{
  double t[DV_FIR_TAPS], square[DV_FIR_TAPS], sum = 0.0;
  const double sine = sin(M_PI * fraction) / M_PI;
  for (int j = 0; j < DV_FIR_TAPS; ++j) {
    const double position = (j - (HALF_TAPS - 1) - fraction) / HALF_TAPS;
    square[j] = position * position;
  }
  kaiser(square, t);
  for (int j = 0; j < DV_FIR_TAPS; ++j) {
    const int whole = j - (HALF_TAPS - 1);
    const double d = whole - fraction;
    /* sin(pi d)/(pi d) */
    t[j] *= fabs(d) < 1e-9 ? 1.0 : (whole % 2 ? sine : -sine) / d;
    sum += t[j];
  }
  for (int j = 0; j < DV_FIR_TAPS; ++j) taps[j] = (float)(t[j] / sum);
}

/* The model's count of echoes. */
static int echo_count(double delay, double rate_hz) { return (int)floor(RESPONSE_S * rate_hz) / (int)(delay + 1.0); }

/* A closed loop neither grows nor goes on audibly where the model has ended. */
static bool loop_may_close(double loop_gain, int echoes, double level)
{
  return loop_gain <= MAX_LOOP_GAIN && level * pow(loop_gain, echoes) <= MAX_LEFT_OVER;
}

static int stage_count(double delay, bool closed, double rate_hz)
{
  const int echoes = echo_count(delay, rate_hz);
  return closed ? 2 : echoes < MAX_STAGES ? echoes : MAX_STAGES;
}

static void reader_set(reader* r, double delay, bool closed, double rate_hz)
{
  r->delay = delay;
  r->closed = closed;
  r->whole = (int)floor(delay);
  interpolator(delay - r->whole, r->taps);
  r->stages = stage_count(delay, closed, rate_hz);
}

static bool reader_is(const dv_pingpong* pp, const reader* r)
{
  return r->delay == pp->target_delay && r->closed == pp->target_closed;
}

void dv_pingpong_set(dv_pingpong* pp, const dv_delay_params* p, dv_controls* c)
{
  dv_delay_coefs k;
  dv_delay_coeffs(p, pp->rate_hz, &k);
  dv_controls_set_biquad(c, DV_CONTROL_DELAY_LOWPASS, &k.lowpass);
  dv_controls_set(c, DV_CONTROL_FEEDBACK, k.feedback);
  dv_controls_set(c, DV_CONTROL_ODD_LEFT, k.gain * k.odd.left);
  dv_controls_set(c, DV_CONTROL_ODD_RIGHT, k.gain * k.odd.right);
  dv_controls_set(c, DV_CONTROL_EVEN_LEFT, k.gain * k.even.left);
  dv_controls_set(c, DV_CONTROL_EVEN_RIGHT, k.gain * k.even.right);
  const double q = p->lowpass.q, peak = q > M_SQRT1_2 ? q / sqrt(1.0 - 0.25 / (q * q)) : 1.0;
  pp->target_delay = k.delay_samples;
  pp->target_closed = loop_may_close(k.feedback * peak, echo_count(k.delay_samples, pp->rate_hz), k.gain);
}

void dv_pingpong_hold(dv_pingpong* pp, bool hold) { pp->hold = hold; }

/* The stages of an open loop are many, and reading all of them at two places is dear: octets take turns. */
static int count_turns(const dv_pingpong* pp)
{
  const reader* now = &pp->reader[pp->current];
  if (now->closed || pp->target_closed) return 1;
  const int next = stage_count(pp->target_delay, false, pp->rate_hz), most = now->stages > next ? now->stages : next;
  return (most + DV_OCTET - 1) / DV_OCTET;
}

size_t dv_pingpong_fade_frames(const dv_pingpong* pp)
{
  return (size_t)(count_turns(pp) * pp->fade_quanta) * DV_QUANTUM;
}

/* ---- stages ------------------------------------------------------------------------------------------------ */

/* Stages that come into use begin in silence; those that leave end in it, for they may share an octet. */
static void set_active(dv_pingpong* pp, int stages)
{
  const int fewer = stages < pp->active ? stages : pp->active, more = stages < pp->active ? pp->active : stages;
  for (int k = fewer; k < more; ++k) {
    pp->stage[k].since = pp->time;
    memset(pp->echo[k], 0, sizeof pp->echo[k]);
    for (int place = 0; place < 2; ++place)
      for (int age = 0; age < 2; ++age) pp->lowpass[k / DV_OCTET].past[place][age][k % DV_OCTET] = 0.0;
  }
  pp->active = stages;
}

void dv_pingpong_reset(dv_pingpong* pp)
{
  pp->fade = -1;
  reader* r = &pp->reader[pp->current];
  if (!reader_is(pp, r)) reader_set(r, pp->target_delay, pp->target_closed, pp->rate_hz);
  memset(pp->weight, 0, sizeof pp->weight);
  pp->time = 0;
  set_active(pp, 0);
  set_active(pp, r->stages);
  pp->quiet = INT64_MAX / 2;
}

/* Of an octet's crossfade: below 0 it has not begun, from fade_quanta on it is over. */
static int quanta_done(const dv_pingpong* pp, int octet)
{
  return pp->fade < 0 || pp->turns == 1 ? pp->fade : pp->fade - octet * pp->fade_quanta;
}

static void advance_fade(dv_pingpong* pp)
{
  if (pp->fade >= 0 && ++pp->fade == pp->turns * pp->fade_quanta) {
    pp->fade = -1;
    pp->current = 1 - pp->current;
    set_active(pp, pp->reader[pp->current].stages);
  }
  const reader* now = &pp->reader[pp->current];
  const bool waits = pp->hold && pp->target_closed == now->closed;
  if (pp->fade < 0 && !waits && !reader_is(pp, now)) {
    reader* next = &pp->reader[1 - pp->current];
    reader_set(next, pp->target_delay, pp->target_closed, pp->rate_hz);
    pp->turns = count_turns(pp);
    if (next->stages > pp->active) set_active(pp, next->stages);
    pp->fade = 0;
  }
  for (int octet = 0; octet < OCTETS; ++octet) {
    const int done = quanta_done(pp, octet);
    for (int i = 0; i < DV_QUANTUM; ++i)
      pp->weight[octet][i] = done < 0                  ? 0.0f
                             : done >= pp->fade_quanta ? 1.0f
                                                       : dv_fade_weight(done, pp->fade_quanta, i);
  }
}

DV_INLINE float at_sample(const dv_controls* c, dv_control which, int i)
{
  return (float)c->from[which] + (float)c->step[which] * (float)(i + 1);
}

/* Without what would become denormal, so that echoes end. */
DV_INLINE float audible(float v) { return v < SILENT && v > -SILENT ? 0.0f : v; }

DV_INLINE uint32_t nonzero_bits(const float* x)
{
  uint32_t any = 0;
  for (int i = 0; i < DV_QUANTUM; ++i) {
    uint32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    any |= bits << 1; /* without the sign */
  }
  return any;
}

DV_HOT void dv_pingpong_write(dv_pingpong* pp, const dv_controls* c, const float* e)
{
  const float closed = pp->reader[pp->current].closed ? 1.0f : 0.0f;
  const float change = pp->fade < 0 ? 0.0f : (pp->reader[1 - pp->current].closed ? 1.0f : 0.0f) - closed;
  const int in_use = pp->reader[pp->current].stages;
  float feedback[DV_QUANTUM], line[DV_QUANTUM];
  for (int i = 0; i < DV_QUANTUM; ++i) feedback[i] = at_sample(c, DV_CONTROL_FEEDBACK, i);
  uint32_t any = 0;
  for (int k = 0; k < pp->active; ++k) {
    stage* s = &pp->stage[k];
    const float* echo = pp->echo[k ? k - 1 : 1];
    for (int i = 0; i < DV_QUANTUM; ++i) line[i] = audible(feedback[i] * echo[i]);
    if (k == 0)
      for (int i = 0; i < DV_QUANTUM; ++i) line[i] = e[i] + (closed + change * pp->weight[0][i]) * line[i];
    if (k >= in_use) /* comes into use, in the middle of a wave */
      for (int i = 0; i < DV_QUANTUM; ++i) line[i] *= pp->weight[k / DV_OCTET][i];
    memcpy(s->line + (size_t)pp->time % s->length, line, sizeof line);
    float* next = s->line + (size_t)(pp->time + DV_QUANTUM) % s->length;
    for (int i = 0; i < DV_QUANTUM; i += 16) __builtin_prefetch(next + i, 1);
    any |= nonzero_bits(line);
  }
  pp->time += DV_QUANTUM;
  pp->quiet = any ? 0 : pp->quiet + DV_QUANTUM;
}

/* Samples first .. first+SPAN-1 of a stage's line: where they lie, or copied to `joined` when the line's end or
   its beginning in time is among them. */
static const float* fetch(const stage* s, int64_t first, float* joined)
{
  const size_t start = (size_t)(first + (int64_t)s->length) % s->length;
  if (first >= s->since && start + SPAN <= s->length) return s->line + start;
  for (int i = 0; i < SPAN; ++i) joined[i] = first + i < s->since ? 0.0f : s->line[(start + (size_t)i) % s->length];
  return joined;
}

/* Tells the processor what the next quantum will read: the lines of many stages do not stay in its caches. */
DV_INLINE void fetch_ahead(const stage* s, int64_t first)
{
  const float* next = s->line + (size_t)(first + SPAN + (int64_t)s->length) % s->length;
  for (int i = 0; i < DV_QUANTUM; i += 16) __builtin_prefetch(next + i);
}

/* What the filter of a reader is to be given: the newest of its samples. */
DV_INLINE const float* at_reader(const dv_pingpong* pp, const stage* s, const reader* r, float* joined)
{
  const int64_t first = pp->time - r->whole + HALF_TAPS - DV_FIR_TAPS;
  fetch_ahead(s, first);
  return fetch(s, first, joined) + DV_FIR_TAPS - 1;
}

/* Two readings at a time, which processors with wide vectors like. */
DV_INLINE void interpolate(const dv_pingpong* pp, const stage* const s[2], const reader* const r[2],
                           float* const out[2])
{
  float joined[2][SPAN];
  const float* const taps[2] = {r[0]->taps, r[1]->taps};
  const float* const x[2] = {at_reader(pp, s[0], r[0], joined[0]), at_reader(pp, s[1], r[1], joined[1])};
  if (pp->wide) {
    dv_fir_wide(taps, x, out);
    return;
  }
  for (int i = 0; i < 2; ++i) dv_fir_block(taps[i], x[i], out[i]);
}

DV_INLINE void interpolate_one(const dv_pingpong* pp, const stage* s, const reader* r, float* out)
{
  float joined[SPAN];
  dv_fir_block(r->taps, at_reader(pp, s, r, joined), out);
}

/* Echoes of a stage while one reader fades into the other. */
DV_INLINE void read_fading(dv_pingpong* pp, int k)
{
  const stage* const s[2] = {&pp->stage[k], &pp->stage[k]};
  const reader* const r[2] = {&pp->reader[pp->current], &pp->reader[1 - pp->current]};
  const int done = quanta_done(pp, k / DV_OCTET);
  const bool reads[2] = {k < r[0]->stages && done < pp->fade_quanta, k < r[1]->stages && done >= 0};
  const float* weight = pp->weight[k / DV_OCTET];
  float next[DV_QUANTUM] = {0}, *const out[2] = {pp->echo[k], next};
  memset(out[0], 0, sizeof next);
  if (reads[0] && reads[1]) {
    interpolate(pp, s, r, out);
  } else
    for (int i = 0; i < 2; ++i)
      if (reads[i]) interpolate_one(pp, s[i], r[i], out[i]);
  for (int i = 0; i < DV_QUANTUM; ++i) out[0][i] += weight[i] * (next[i] - out[0][i]);
}

DV_HOT static void read_stages(dv_pingpong* pp)
{
  if (pp->fade >= 0) {
    for (int k = 0; k < pp->active; ++k) read_fading(pp, k);
    return;
  }
  const reader* const r[2] = {&pp->reader[pp->current], &pp->reader[pp->current]};
  int k = 0;
  for (; k + 1 < pp->active; k += 2) {
    const stage* const s[2] = {&pp->stage[k], &pp->stage[k + 1]};
    float* const out[2] = {pp->echo[k], pp->echo[k + 1]};
    interpolate(pp, s, r, out);
  }
  if (k < pp->active) interpolate_one(pp, &pp->stage[k], r[0], pp->echo[k]);
}

DV_HOT static void pan(const dv_pingpong* pp, const dv_controls* c, float* left, float* right)
{
  float sum[2][DV_QUANTUM] = {{0}, {0}}; /* odd echoes, even echoes */
  for (int k = 0; k < pp->active; ++k)
    for (int i = 0; i < DV_QUANTUM; ++i) sum[k % 2][i] += pp->echo[k][i];
  for (int i = 0; i < DV_QUANTUM; ++i) {
    left[i] = at_sample(c, DV_CONTROL_ODD_LEFT, i) * sum[0][i] + at_sample(c, DV_CONTROL_EVEN_LEFT, i) * sum[1][i];
    right[i] = at_sample(c, DV_CONTROL_ODD_RIGHT, i) * sum[0][i] + at_sample(c, DV_CONTROL_EVEN_RIGHT, i) * sum[1][i];
  }
}

bool dv_pingpong_idle(const dv_pingpong* pp) { return pp->quiet > (int64_t)pp->stage[0].length; }

void dv_pingpong_read(dv_pingpong* pp, const dv_controls* c, float* left, float* right)
{
  advance_fade(pp);
  if (dv_pingpong_idle(pp)) {
    memset(pp->echo, 0, (size_t)pp->active * sizeof *pp->echo);
    memset(pp->lowpass, 0, sizeof pp->lowpass);
    memset(left, 0, DV_QUANTUM * sizeof *left);
    memset(right, 0, DV_QUANTUM * sizeof *right);
    return;
  }
  read_stages(pp);
  for (int k = 0; k < pp->active; k += DV_OCTET)
    dv_octet_process(&pp->lowpass[k / DV_OCTET], c, DV_CONTROL_DELAY_LOWPASS, pp->echo[k], DV_QUANTUM);
  pan(pp, c, left, right);
}
