/* SPDX-License-Identifier: MIT */
#include "estimator/echoes.h"

#include "dsp/cplx.h"
#include "dsp/fdn.h"
#include "dsp/fft.h"
#include "dsp/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- The response, by regularised division of averaged spectra --------------------------------------------- */

enum {
  WINDOW = 1 << 17,     /* of the wet stem: 3 s, as far as an echo may trail its sound */
  EXCITATION = 1 << 15, /* of the dry stem: what falls behind it is response */
  MOST_WINDOWS = 200,
  ENOUGH_WINDOWS = 8 /* with a voice in them; of fewer, what the voice repeats does not average out */
};
static const double REGULARISATION = 0.01; /* of the mean power */
static const double LOW_HZ = 100.0, HIGH_HZ = 8000.0;

enum { DRY, LEFT, RIGHT, SIGNALS };

typedef struct {
  dv_fft* fft;
  dv_real *time, *spectrum[SIGNALS], *cross[2];
  double* power;
  double energy[MOST_WINDOWS + 1]; /* of the dry stem in each window */
  size_t windows;
} estimator;

static void release(estimator* e)
{
  dv_fft_free(e->fft);
  dv_fft_release(e->time);
  for (int s = 0; s < SIGNALS; ++s) dv_fft_release(e->spectrum[s]);
  for (int c = 0; c < 2; ++c) dv_fft_release(e->cross[c]);
  free(e->power);
}

static bool allocate(estimator* e)
{
  const size_t reals = dv_fft_reals(WINDOW);
  e->fft = dv_fft_new(WINDOW);
  e->time = dv_fft_alloc(WINDOW);
  e->power = calloc(reals / 2, sizeof *e->power);
  bool ok = e->fft && e->time && e->power;
  for (int s = 0; s < SIGNALS; ++s) ok = (e->spectrum[s] = dv_fft_alloc(reals)) && ok;
  for (int c = 0; c < 2; ++c) ok = (e->cross[c] = dv_fft_alloc(reals)) && ok;
  return ok;
}

/* A bell of the dry stem against all of the wet one that follows it. */
static void accumulate(estimator* e, const dv_fit_stems* stems, size_t start)
{
  const size_t bins = WINDOW / 2 + 1;
  const dv_real* wet[2] = {stems->wet_left, stems->wet_right};
  memset(e->time, 0, WINDOW * sizeof *e->time);
  for (size_t i = 0; i < EXCITATION; ++i)
    e->time[i] = (dv_real)sin(M_PI * ((double)i + 0.5) / EXCITATION) * stems->dry[start + i];
  dv_fft_forward(e->fft, e->time, e->spectrum[DRY]);
  double energy = 0.0;
  for (size_t k = 0; k < bins; ++k) {
    const dv_cplx x = dv_cload(e->spectrum[DRY] + 2 * k);
    const double power = (double)dv_cdot(x, x);
    e->power[k] += power;
    energy += power;
  }
  e->energy[e->windows++] = energy;
  for (int c = 0; c < 2; ++c) {
    memcpy(e->time, wet[c] + start, WINDOW * sizeof *e->time);
    dv_fft_forward(e->fft, e->time, e->spectrum[LEFT + c]);
    dv_spectrum_accumulate_conj(e->spectrum[LEFT + c], e->spectrum[DRY], bins, e->cross[c]);
  }
}

/* Windows within 30 dB of the loudest. */
static size_t active_windows(const estimator* e)
{
  double most = 0.0;
  size_t count = 0;
  for (size_t w = 0; w < e->windows; ++w) most = fmax(most, e->energy[w]);
  for (size_t w = 0; w < e->windows; ++w) count += e->energy[w] > 1e-3 * most;
  return count;
}

/* Cross spectrum over power, in the band where a voice has some; back to time into e->time. */
static void divide(estimator* e, int channel)
{
  const size_t bins = WINDOW / 2 + 1;
  double mean = 0.0;
  for (size_t k = 0; k < bins; ++k) mean += e->power[k] / (double)bins;
  for (size_t k = 0; k < bins; ++k) {
    const double hz = (double)k * DV_MODEL_RATE_HZ / WINDOW;
    const double gain = hz < LOW_HZ || hz > HIGH_HZ ? 0.0 : 1.0 / (e->power[k] + REGULARISATION * mean + 1e-30);
    dv_cstore(e->spectrum[DRY] + 2 * k, dv_cscale((dv_real)gain, dv_cload(e->cross[channel] + 2 * k)));
  }
  dv_fft_inverse(e->fft, e->spectrum[DRY], e->time);
}

/* The direct sound may lie a little before 0: equalisers ring, alignment rounds. */
static double window_energy(const dv_real* time, double begin_ms, double end_ms)
{
  const long first = lround(begin_ms * DV_MODEL_RATE_HZ / 1e3), last = lround(end_ms * DV_MODEL_RATE_HZ / 1e3);
  double sum = 0.0;
  for (long i = first; i < last; ++i) {
    const double x = (double)time[i >= 0 ? i : i + WINDOW];
    sum += x * x;
  }
  return sum;
}

static void measure(estimator* e, dv_echo_profile* profile)
{
  double direct = 0.0;
  for (int c = 0; c < 2; ++c) {
    divide(e, c);
    direct += 0.5 * window_energy(e->time, -2.0, 3.0);
    for (int ms = 0; ms < DV_ECHO_BINS; ++ms) profile->energy[c][ms] = window_energy(e->time, ms - 0.5, ms + 0.5);
  }
  for (int c = 0; c < 2; ++c)
    for (int ms = 0; ms < DV_ECHO_BINS; ++ms) profile->energy[c][ms] /= direct > 0.0 ? direct : 1.0;
}

/* --- What stands out ------------------------------------------------------------------------------------------- */

enum { AROUND_MS = 20, FIRST_MS = 20 };
/* How many times the upper quartile of its surroundings an echo is: at least, for the delay's, whose time the descent
   cannot mend, and where there are few windows. */
static const double CLEAR = 3.0, CLEAR_DELAY = 8.0, CLEAR_OF_FEW = 16.0;
static const double POSSIBLE = 0.375; /* of that: worth a trial */

static int by_size(const void* a, const void* b)
{
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static double both(const dv_echo_profile* p, int ms) { return p->energy[0][ms] + p->energy[1][ms]; }

static double surroundings(const dv_echo_profile* p, int ms)
{
  double values[2 * AROUND_MS + 1];
  size_t count = 0;
  for (int t = ms - AROUND_MS; t <= ms + AROUND_MS; ++t)
    if (t >= FIRST_MS / 2 && t < DV_ECHO_BINS) values[count++] = both(p, t);
  qsort(values, count, sizeof *values, by_size);
  return values[3 * count / 4];
}

static void find_excess(dv_echo_profile* p, double clear)
{
  for (int ms = FIRST_MS; ms < DV_ECHO_BINS; ++ms) {
    const double floor = surroundings(p, ms), e = both(p, ms);
    if (e > clear * floor) p->excess[ms] = e - floor;
  }
}

/* What is above the surroundings, within a millisecond; 0 where nothing is that many times them. */
static double echo_energy(const dv_echo_profile* p, int ms, double clear)
{
  double sum = 0.0;
  bool found = false;
  for (int t = ms - 1; t <= ms + 1; ++t) {
    const double floor = surroundings(p, t), e = both(p, t);
    found = found || e > clear * floor;
    sum += fmax(e - floor, 0.0);
  }
  return found ? sum : 0.0;
}

static double around(const double* x, int ms, int count)
{
  double sum = 0.0;
  for (int t = ms - 1; t <= ms + 1; ++t)
    if (t >= 0 && t < count) sum += x[t];
  return sum;
}

/* Echoes below this are not worth a delay. */
static const double FAINTEST = 1e-4; /* -40 dB of the direct sound */

/* The loudest echo that the delay can follow and that is so clear; 0: none. */
static int loudest_ms(const dv_echo_profile* p, double clear)
{
  int best = 0;
  double loudest = FAINTEST;
  for (int ms = 101; ms < 999; ++ms) {
    const double e = echo_energy(p, ms, clear);
    if (e > loudest) {
      loudest = e;
      best = ms;
    }
  }
  return best;
}

/* How well the response around `lag` repeats the direct sound. */
static double likeness_at(const dv_real* time, long lag)
{
  enum { RADIUS = 88 };
  double sum = 0.0;
  for (long i = -RADIUS; i <= RADIUS; ++i) sum += (double)time[i >= 0 ? i : i + WINDOW] * (double)time[lag + i];
  return fabs(sum);
}

/* The echo's time from where it repeats the direct sound best: both went through the same equaliser. */
static double refine(const dv_real* time, int ms)
{
  const long first = lround((ms - 2.0) * DV_MODEL_RATE_HZ / 1e3), last = lround((ms + 2.0) * DV_MODEL_RATE_HZ / 1e3);
  long best = first;
  for (long lag = first; lag <= last; ++lag)
    if (likeness_at(time, lag) > likeness_at(time, best)) best = lag;
  const double left = likeness_at(time, best - 1), top = likeness_at(time, best), right = likeness_at(time, best + 1);
  const double curvature = left - 2.0 * top + right;
  const double offset = curvature < 0.0 ? 0.5 * (left - right) / curvature : 0.0;
  return ((double)best + fmin(fmax(offset, -0.5), 0.5)) * 1e3 / DV_MODEL_RATE_HZ;
}

/* Half a millisecond inside the delay's range, whose ends no descent leaves; 0: there is none so clear. */
static double find_delay(estimator* e, const dv_echo_profile* p, double clear)
{
  const int ms = loudest_ms(p, clear);
  if (ms == 0) return 0.0;
  divide(e, p->energy[1][ms] > p->energy[0][ms] ? 1 : 0);
  return fmin(fmax(refine(e->time, ms), 100.5), 999.5);
}

dv_status dv_echo_profile_estimate(const dv_fit_stems* stems, dv_echo_profile* profile, dv_error* err)
{
  *profile = (dv_echo_profile){0};
  if (stems->samples < WINDOW) return DV_OK;
  estimator e = {0};
  const bool ok = allocate(&e);
  const size_t room = stems->samples - WINDOW;
  const size_t hop = room / MOST_WINDOWS > EXCITATION / 2 ? room / MOST_WINDOWS : EXCITATION / 2;
  for (size_t start = 0; ok && start <= room; start += hop) accumulate(&e, stems, start);
  if (ok) {
    measure(&e, profile);
    const bool few = active_windows(&e) < ENOUGH_WINDOWS;
    const double clear = few ? CLEAR_OF_FEW : CLEAR_DELAY;
    find_excess(profile, few ? CLEAR_OF_FEW : CLEAR);
    profile->delay_ms = find_delay(&e, profile, clear);
    if (!(profile->delay_ms > 0.0)) profile->possible_ms = find_delay(&e, profile, POSSIBLE * clear);
  }
  release(&e);
  return ok ? DV_OK : dv_fail(err, DV_ERR_NOMEM, "out of memory for the search of echoes");
}

/* --- A start for the delay ---------------------------------------------------------------------------------------- */

static void start_delay(const dv_echo_profile* p, double echo_ms, bool mono, dv_delay_params* delay)
{
  if (!(echo_ms > 0.0)) return;
  const int ms = (int)lround(echo_ms);
  const double left = around(p->energy[0], ms, DV_ECHO_BINS), right = around(p->energy[1], ms, DV_ECHO_BINS);
  const double side = mono ? 0.5 : atan2(sqrt(right), sqrt(left)) / M_PI_2;
  delay->delay_ms = echo_ms;
  delay->gain = fmin(fmax(sqrt(0.5 * echo_energy(p, ms, 1.0)), 0.01), 0.8);
  delay->feedback = 0.3;
  delay->odd_pan = fmin(fmax(side, 0.05), 0.95);
  delay->even_pan = 1.0 - delay->odd_pan;
}

/* --- A start for the reverb --------------------------------------------------------------------------------------- */

enum { PATTERN_MS = 160, DRAWS = 2000, TRIES = 1500, WIDTH_MS = 3 };

/* Gain per 997 samples of 1 s of reverberation. */
static const double LOSS = 0.85553;

typedef struct {
  double input[DV_FDN_LINES], output[DV_FDN_LINES], logits[DV_FDN_LINES * DV_FDN_LINES];
} network;

static double uniform(uint64_t* state) { return (double)(dv_random(state) >> 11) * 0x1p-53; }
static double spread(uint64_t* state) { return 2.0 * uniform(state) - 1.0; }

static void draw(uint64_t* state, network* net)
{
  *net = (network){0};
  for (int i = 0; i < DV_FDN_LINES; ++i) {
    if (uniform(state) < 0.4) net->input[i] = spread(state);
    if (uniform(state) < 0.4) net->output[i] = spread(state);
    for (int j = i + 1; j < DV_FDN_LINES; ++j)
      net->logits[DV_FDN_LINES * i + j] = uniform(state) < 0.5 ? 1.5 * spread(state) : 0.0;
  }
}

static void nudge(uint64_t* state, network* net)
{
  for (int i = 0; i < DV_FDN_LINES; ++i) {
    net->input[i] += 0.15 * spread(state);
    net->output[i] += 0.15 * spread(state);
    for (int j = i + 1; j < DV_FDN_LINES; ++j) net->logits[DV_FDN_LINES * i + j] += 0.2 * spread(state);
  }
}

/* Energy per millisecond of the network's response, its lines losing what 1 s of reverberation loses. */
static void reflections(const network* net, double energy[PATTERN_MS])
{
  enum { LONGEST = 2100, SAMPLES = PATTERN_MS * 441 / 10 };
  double line[DV_FDN_LINES][LONGEST] = {{0}};
  dv_reverb_params params = {0};
  dv_fdn_coefs coefs;
  memcpy(params.mixing, net->logits, sizeof params.mixing);
  dv_fdn_coeffs(&params, DV_MODEL_RATE_HZ, &coefs);
  double matrix[DV_FDN_LINES][DV_FDN_LINES];
  int at[DV_FDN_LINES] = {0};
  for (int i = 0; i < DV_FDN_LINES; ++i) {
    line[i][0] = net->input[i];
    for (int j = 0; j < DV_FDN_LINES; ++j) matrix[i][j] = coefs.mixing[i][j] * pow(LOSS, coefs.exponent[j]);
  }
  memset(energy, 0, PATTERN_MS * sizeof *energy);
  for (int n = 1; n < SAMPLES; ++n) {
    double tap[DV_FDN_LINES], sum = 0.0, any = 0.0;
    for (int i = 0; i < DV_FDN_LINES; ++i) {
      if (++at[i] == coefs.delay[i]) at[i] = 0;
      tap[i] = line[i][at[i]];
      sum += net->output[i] * tap[i];
      any += fabs(tap[i]);
    }
    energy[n * 10 / 441] += sum * sum;
    for (int i = 0; i < DV_FDN_LINES; ++i) {
      double back = 0.0;
      if (any > 0.0)
        for (int j = 0; j < DV_FDN_LINES; ++j) back += matrix[i][j] * tap[j];
      line[i][at[i]] = back;
    }
  }
}

/* How alike two patterns of amplitude are, 0 to 1; *gain brings the network's to the echoes'. */
static double likeness(const double target[PATTERN_MS], const network* net, double* gain)
{
  double energy[PATTERN_MS], amplitude[PATTERN_MS], product = 0.0, own = 1e-12, wanted = 1e-12;
  reflections(net, energy);
  for (int t = 0; t < PATTERN_MS; ++t) amplitude[t] = sqrt(around(energy, t, PATTERN_MS));
  for (int t = 0; t < PATTERN_MS; ++t) {
    product += amplitude[t] * target[t];
    own += amplitude[t] * amplitude[t];
    wanted += target[t] * target[t];
  }
  *gain = product / own;
  return product / sqrt(own * wanted);
}

static void search(const double target[PATTERN_MS], network* best, double* gain)
{
  uint64_t random = 0;
  double highest = -1.0;
  for (int i = 0; i < DRAWS + TRIES; ++i) {
    network net;
    double scale;
    if (i < DRAWS) draw(&random, &net);
    else {
      net = *best;
      nudge(&random, &net);
    }
    const double score = likeness(target, &net, &scale);
    if (score <= highest) continue;
    highest = score;
    *best = net;
    *gain = scale;
  }
}

/* The delay's echo is no reverb's. */
static void start_reverb(const dv_echo_profile* p, double echo_ms, bool mono, dv_reverb_params* reverb)
{
  double target[PATTERN_MS] = {0}, strongest = 0.0, gain = 0.0;
  for (int t = FIRST_MS + 2; t < PATTERN_MS; ++t) {
    if (fabs(t - echo_ms) < WIDTH_MS) continue;
    target[t] = sqrt(0.5 * around(p->excess, t, DV_ECHO_BINS));
    strongest = fmax(strongest, target[t]);
  }
  if (strongest * strongest < FAINTEST) return;
  network net;
  search(target, &net, &gain);
  for (int i = 0; i < DV_FDN_LINES; ++i) {
    /* The send is shared between b and c; a difference of the channels keeps them from one saddle. */
    const double share = sqrt(0.5 * gain), faint = mono ? 0.0 : 0.01 * (i & 2 ? -1.0 : 1.0);
    reverb->input[i][0] = reverb->input[i][1] = share * net.input[i];
    reverb->output[0][i] = share * net.output[i] + faint;
    reverb->output[1][i] = share * net.output[i] - faint;
  }
  memcpy(reverb->mixing, net.logits, sizeof net.logits);
}

void dv_echo_start(const dv_echo_profile* profile, double echo_ms, bool mono, dv_chain_params* start)
{
  start_reverb(profile, echo_ms, mono, &start->reverb);
  start_delay(profile, echo_ms, mono, &start->delay);
}
