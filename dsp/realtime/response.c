/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/response.h"

#include "dsp/fdn.h"
#include "dsp/realtime/vector.h"

#include <kiss_fftr.h>
#include <math.h>

/* Energy of what the convolution leaves out, relative to the whole response: -90 and -50 dB. */
static const double BUDGET = 1e-9, DRAFT_BUDGET = 1e-5;

struct dv_rt_response {
  double rate_hz;
  dv_conv_response* taps;
  dv_rt_response* next;
  bool replaces;
};

void dv_rt_response_layout(double rate_hz, dv_conv_layout* layout)
{
  dv_reverb_params p = {0};
  dv_fdn_coefs c;
  dv_fdn_coeffs(&p, rate_hz, &c);
  dv_conv_layout_init(layout, (size_t)c.delay[0], dv_fdn_grid_size(rate_hz));
}

/* Everything the computation needs until it is done. */
typedef struct {
  size_t size; /* of the grid */
  dv_real* phase;
  dv_real* spectrum;  /* one block for H of all four channels */
  dv_real* h[2][2];   /* interleaved bins, in spectrum */
  kiss_fft_cpx* bins; /* one channel, in kissfft's precision */
  kiss_fftr_cfg fft;
  float* taps[2][2];
} scratch;

static bool scratch_new(scratch* s, double rate_hz)
{
  memset(s, 0, sizeof *s);
  s->size = dv_fdn_grid_size(rate_hz);
  const size_t bins = s->size / 2 + 1, stride = (2 * bins + 15) / 16 * 16;
  const size_t phase_bytes = (dv_fdn_grid_reals(s->size) * sizeof(dv_real) + 63) / 64 * 64;
  s->phase = aligned_alloc(64, phase_bytes);
  s->spectrum = aligned_alloc(64, 4 * stride * sizeof(dv_real));
  s->bins = malloc(bins * sizeof *s->bins);
  s->fft = kiss_fftr_alloc((int)s->size, 1, NULL, NULL);
  bool ok = s->phase && s->spectrum && s->bins && s->fft;
  for (int c = 0; c < 4; ++c) {
    s->taps[c / 2][c % 2] = malloc(s->size * sizeof(float));
    ok = ok && s->taps[c / 2][c % 2];
    if (s->spectrum) s->h[c / 2][c % 2] = s->spectrum + (size_t)c * stride;
  }
  return ok;
}

static void scratch_free(scratch* s)
{
  free(s->phase);
  free(s->spectrum);
  free(s->bins);
  kiss_fftr_free(s->fft);
  for (int c = 0; c < 4; ++c) free(s->taps[c / 2][c % 2]);
}

/* gamma is not the spectrum of a causal filter, so the response begins a little before time zero, at -90 dB; on
   the circular grid that is its end.  It would only lengthen the convolution. */
static size_t before_zero(double rate_hz) { return (size_t)(0.5 * rate_hz); }

static void to_time(const scratch* s, const dv_real* h, float* taps)
{
  const float scale = 1.0f / (float)s->size;
  for (size_t k = 0; k <= s->size / 2; ++k)
    s->bins[k] = (kiss_fft_cpx){(float)h[2 * k] * scale, (float)h[2 * k + 1] * scale};
  kiss_fftri(s->fft, s->bins, taps);
}

static void compute(scratch* s, const dv_reverb_params* p, double rate_hz)
{
  dv_fdn_coefs c;
  dv_fdn_grid grid;
  dv_fdn_coeffs(p, rate_hz, &c);
  dv_fdn_grid_init(&grid, &c, s->size, s->phase);
  dv_real* const h[2][2] = {{s->h[0][0], s->h[0][1]}, {s->h[1][0], s->h[1][1]}};
  dv_fdn_spectrum(&c, &grid, 0, s->size / 2 + 1, h);
  for (int i = 0; i < 4; ++i) to_time(s, h[i / 2][i % 2], s->taps[i / 2][i % 2]);
}

static dv_status check(const dv_reverb_params* p, double rate_hz, dv_error* err)
{
  if (!(rate_hz >= DV_RT_MIN_RATE_HZ && rate_hz <= DV_RT_MAX_RATE_HZ))
    return dv_fail(err, DV_ERR_ARG, "the sample rate is %g Hz; the engine runs at 8000 to 192000 Hz", rate_hz);
  dv_chain_params chain;
  dv_params_initial(0, &chain);
  chain.reverb = *p;
  return dv_params_check(&chain, err);
}

static dv_rt_response* response_new(const dv_reverb_params* p, double rate_hz, double budget, dv_error* err)
{
  if (check(p, rate_hz, err)) return NULL;
  dv_rt_response* r = calloc(1, sizeof *r);
  scratch s;
  if (scratch_new(&s, rate_hz) && r) {
    dv_conv_layout layout;
    dv_rt_response_layout(rate_hz, &layout);
    compute(&s, p, rate_hz);
    const float* const h[2][2] = {{s.taps[0][0], s.taps[0][1]}, {s.taps[1][0], s.taps[1][1]}};
    r->rate_hz = rate_hz;
    r->taps = dv_conv_response_new(&layout, h, s.size - before_zero(rate_hz), budget);
  }
  scratch_free(&s);
  if (r && r->taps) return r;
  free(r);
  dv_fail(err, DV_ERR_NOMEM, "out of memory for the reverb's response at %g Hz", rate_hz);
  return NULL;
}

dv_rt_response* dv_rt_response_new(const dv_reverb_params* p, double rate_hz, dv_error* err)
{
  return response_new(p, rate_hz, BUDGET, err);
}

dv_rt_response* dv_rt_response_draft(const dv_reverb_params* p, double rate_hz, dv_error* err)
{
  return response_new(p, rate_hz, DRAFT_BUDGET, err);
}

void dv_rt_response_free(dv_rt_response* response)
{
  if (!response) return;
  dv_conv_response_free(response->taps);
  free(response);
}

double dv_rt_response_seconds(const dv_rt_response* response)
{
  return (double)dv_conv_response_length(response->taps) / response->rate_hz;
}

double dv_rt_response_rate(const dv_rt_response* response) { return response->rate_hz; }
const dv_conv_response* dv_rt_response_taps(const dv_rt_response* response) { return response->taps; }
bool* dv_rt_response_replaces(dv_rt_response* response) { return &response->replaces; }
dv_rt_response** dv_rt_response_next(dv_rt_response* response) { return &response->next; }
