/* SPDX-License-Identifier: MIT */
/* What follows the compressor, and the whole chain: delay, reverb, chain. */
#include "golden_case.h"

#include "dsp/chain.h"
#include "dsp/cplx.h"
#include "dsp/fft.h"
#include "dsp/response.h"
#include "dsp/reverb_response.h"
#include "dsp/team.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int thread_count(void)
{
  const int n = dv_team_processors();
  return n < 64 ? n : 1;
}

static dv_status is_training(const golden_case* g, bool* training, dv_error* err)
{
  const char* mode = json_string_value(golden_member(g, "mode"));
  if (!mode || (strcmp(mode, "eval") && strcmp(mode, "train")))
    return dv_fail(err, DV_ERR_FORMAT, "%s/manifest.json: \"mode\" is neither eval nor train", g->dir);
  *training = strcmp(mode, "train") == 0;
  return DV_OK;
}

/* --- Delay and reverb alone: the response with everything else switched off ------------------------------ */

/* A mono signal into the stereo response of c. */
typedef struct {
  size_t n;
  const dv_npy *x, *g, *want_y, *want_gx;
} mono_case;

static dv_status open_mono(golden_case* g, mono_case* m, dv_error* err)
{
  memset(m, 0, sizeof *m);
  dv_status status = golden_read(g, "x", &m->x, err);
  if (status) return status;
  m->n = m->x->count;
  status = golden_upstream(g, 2, m->n, &m->g, err);
  if (!status) status = golden_read_rows(g, "y", 2, m->n, &m->want_y, err);
  if (!status && golden_has(g, "grad_x")) status = golden_read_rows(g, "grad_x", 1, m->n, &m->want_gx, err);
  return status;
}

/* y = G x for both channels, the gradients with respect to x and, in *gc, to the coefficients. */
static dv_status run_response(golden_case* g, const mono_case* m, const dv_chain_coefs* c, dv_delay_gradient gradient,
                              double log_damp, dv_chain_coefs* gc, double* g_log_damp, dv_error* err)
{
  dv_response* r = dv_response_new(golden_rate_hz(g), m->n, m->n, 0, thread_count());
  if (!r) return dv_fail(err, DV_ERR_NOMEM, "%s: out of memory", g->dir);
  const dv_fft* fft = dv_response_fft(r);
  const size_t bins = dv_fft_size(fft) / 2 + 1, reals = dv_fft_reals(dv_fft_size(fft));
  dv_real *x = golden_signal(g, m->x, 0, reals), *y = golden_alloc(g, 2 * reals), *gx = golden_alloc(g, reals);
  dv_real *spectrum = golden_alloc(g, reals), *product = golden_alloc(g, reals), *g_spectrum = golden_alloc(g, reals);
  dv_real* const cross[2] = {golden_alloc(g, reals), golden_alloc(g, reals)};
  dv_response_forward(r, c);
  dv_fft_forward(fft, x, spectrum);
  for (int ch = 0; ch < 2; ++ch) {
    dv_spectrum_multiply(spectrum, dv_response_spectrum(r, ch), bins, product);
    dv_fft_inverse(fft, product, x);
    memcpy(y + (size_t)ch * reals, x, dv_fft_size(fft) * sizeof *y);

    dv_fft_forward(fft, golden_signal(g, m->g, (size_t)ch, reals), cross[ch]);
    dv_spectrum_multiply_conj(cross[ch], dv_response_spectrum(r, ch), bins, product);
    for (size_t i = 0; i < reals; ++i) g_spectrum[i] += product[i];
    dv_spectrum_multiply_conj(cross[ch], spectrum, bins, cross[ch]);
  }
  dv_fft_inverse(fft, g_spectrum, gx);
  dv_response_backward(r, c, cross, gradient, log_damp, gc, g_log_damp);
  dv_response_free(r);
  golden_judge(g, "y", golden_error(y, reals, m->want_y), GOLDEN_OUTPUT_LIMIT);
  if (m->want_gx) golden_judge(g, "grad_x", golden_error(gx, reals, m->want_gx), GOLDEN_GRADIENT_LIMIT);
  return DV_OK;
}

dv_status golden_run_delay(golden_case* g, dv_error* err)
{
  mono_case m;
  bool training = false;
  double raw[DV_PARAM_COUNT] = {0}, grad[DV_PARAM_COUNT] = {0};
  raw[DV_PRESET_SIZE] = golden_raw_log_damp();
  dv_status status = open_mono(g, &m, err);
  if (!status) status = is_training(g, &training, err);
  if (!status) status = golden_raw(g, "raw", "7.effects.0.", raw, err);
  if (status) return status;
  if (training && json_is_false(golden_member(g, "straight_through")))
    return dv_fail(err, DV_ERR_ARG, "%s: a delay trained without straight-through is not part of the model", g->dir);
  dv_chain_params p, gp = {0};
  dv_chain_coefs c = {0}, gc = {0};
  dv_params_from_raw(raw, &p);
  dv_chain_coeffs(&p, golden_rate_hz(g), &c);
  c.pan = (dv_pan_gains){0}; /* the dry path and the reverb are silent */
  memset(c.reverb.fdn.output, 0, sizeof c.reverb.fdn.output);
  status = run_response(g, &m, &c, training ? DV_DELAY_TRAIN : DV_DELAY_EXACT, p.log_damp, &gc, &gp.log_damp, err);
  if (status) return status;
  dv_delay_coeffs_vjp(&p.delay, golden_rate_hz(g), &gc.delay, &gp.delay);
  dv_params_raw_vjp(raw, &gp, grad);
  return golden_judge_gradient(g, "grad_raw", "grad_raw", "7.effects.0.", grad, GOLDEN_GRADIENT_LIMIT, err);
}

/* The responses at the stored samples. */
static dv_status judge_impulse_responses(golden_case* g, const dv_reverb_coefs* c, dv_error* err)
{
  static const char* const names[2] = {"ir_from_left", "ir_from_right"};
  if (!golden_has(g, "ir_index")) return DV_OK;
  const dv_npy *index, *want[2];
  dv_status status = golden_read(g, "ir_index", &index, err);
  for (int in = 0; !status && in < 2; ++in) status = golden_read_rows(g, names[in], 2, index->count, &want[in], err);
  if (status) return status;
  dv_reverb_response* r = dv_reverb_response_new(golden_rate_hz(g), SIZE_MAX, thread_count());
  if (!r) return dv_fail(err, DV_ERR_NOMEM, "%s: out of memory", g->dir);
  const size_t n = dv_reverb_response_length(r), room = dv_reverb_response_reals(r);
  dv_real* const h[2][2] = {{golden_alloc(g, room), golden_alloc(g, room)},
                            {golden_alloc(g, room), golden_alloc(g, room)}};
  dv_reverb_response_forward(r, c, h);
  dv_reverb_response_free(r);
  dv_real* picked = golden_alloc(g, 2 * index->count);
  for (int in = 0; in < 2; ++in) {
    for (size_t i = 0; i < 2 * index->count; ++i) {
      const double at = index->data[i % index->count];
      if (!(at >= 0.0 && at < (double)n)) return dv_fail(err, DV_ERR_FORMAT, "%s: ir_index holds %g", g->dir, at);
      picked[i] = h[i / index->count][in][(size_t)at];
    }
    golden_judge(g, names[in], golden_error(picked, index->count, want[in]), GOLDEN_OUTPUT_LIMIT);
  }
  return DV_OK;
}

dv_status golden_run_reverb(golden_case* g, dv_error* err)
{
  mono_case m;
  double raw[DV_PARAM_COUNT] = {0}, grad[DV_PARAM_COUNT] = {0}, unused = 0.0;
  dv_status status = open_mono(g, &m, err);
  if (!status) status = golden_raw(g, "raw", "7.effects.1.", raw, err);
  if (status) return status;
  dv_chain_params p, gp = {0};
  dv_chain_coefs c = {0}, gc = {0};
  dv_params_from_raw(raw, &p);
  dv_chain_coeffs(&p, golden_rate_hz(g), &c);
  c.pan = (dv_pan_gains){0}; /* the dry path and the delay are silent */
  c.delay.gain = 0.0;
  status = run_response(g, &m, &c, DV_DELAY_EXACT, p.log_damp, &gc, &unused, err);
  if (!status) status = judge_impulse_responses(g, &c.reverb, err);
  if (status) return status;
  dv_reverb_coeffs_vjp(&p.reverb, golden_rate_hz(g), &gc.reverb, &gp.reverb);
  dv_params_raw_vjp(raw, &gp, grad);
  return golden_judge_gradient(g, "grad_raw", "grad_raw", "7.effects.1.", grad, GOLDEN_GRADIENT_LIMIT, err);
}

/* --- Chain -------------------------------------------------------------------------------------------- */

static dv_status run_chain(golden_case* g, dv_chain* chain, const dv_npy* x, bool training, dv_error* err)
{
  const size_t n = golden_samples(x), items = golden_rows(x);
  const dv_npy *upstream, *want_y, *want_gx = NULL;
  double raw[DV_PARAM_COUNT], grad[DV_PARAM_COUNT] = {0};
  dv_status status = golden_raw_vector(g, raw, err);
  if (!status) status = golden_read_rows(g, "y", 2 * items, n, &want_y, err);
  if (!status && golden_has(g, "grad_x")) status = golden_read_rows(g, "grad_x", items, n, &want_gx, err);
  if (status) return status;
  dv_real *y = golden_alloc(g, 2 * items * n), *gy = golden_alloc(g, 2 * items * n), *gx = golden_alloc(g, items * n);
  dv_real* all = golden_alloc(g, items * n);
  const dv_real** in = calloc(items, sizeof *in);
  dv_real** back = calloc(items, sizeof *back);
  if (!in || !back) abort();
  for (size_t i = 0; i < items * n; ++i) all[i] = (dv_real)x->data[i];
  for (size_t i = 0; i < items; ++i) {
    in[i] = all + i * n;
    back[i] = gx + i * n;
  }
  dv_chain_params p, gp = {0};
  dv_params_from_raw(raw, &p);
  status = dv_params_check(&p, err);
  if (!status) status = golden_upstream(g, 2 * items, n, &upstream, err);
  for (size_t i = 0; !status && i < 2 * items * n; ++i) gy[i] = (dv_real)upstream->data[i];
  if (!status) status = dv_chain_forward(chain, &p, in, items, y);
  if (!status)
    status = dv_chain_backward(chain, &p, in, items, gy, training ? DV_DELAY_TRAIN : DV_DELAY_EXACT, &gp, back);
  free(in);
  free(back);
  if (status) return status;
  dv_params_raw_vjp(raw, &gp, grad);
  golden_judge(g, "y", golden_error(y, n, want_y), GOLDEN_OUTPUT_LIMIT);
  if (want_gx) golden_judge(g, "grad_x", golden_error(gx, n, want_gx), GOLDEN_GRADIENT_LIMIT);
  status = golden_judge_gradient(g, "grad_raw", "grad_raw", "", grad, GOLDEN_GRADIENT_LIMIT, err);
  if (status || !golden_has(g, "y_realtime")) return status;
  const dv_npy* realtime;
  status = golden_read_rows(g, "y_realtime", 2 * items, n, &realtime, err);
  if (!status) golden_inform(g, "published real time - y", 20.0 * log10(golden_error(y, n, realtime)), "dB");
  return status;
}

dv_status golden_run_chain(golden_case* g, dv_error* err)
{
  const dv_npy* x;
  bool training = false;
  dv_chain* chain;
  dv_status status = golden_read(g, "x", &x, err);
  if (!status) status = is_training(g, &training, err);
  if (status) return status;
  const dv_chain_config config = {golden_rate_hz(g), golden_samples(x), 0, golden_rows(x), thread_count()};
  status = dv_chain_new(&config, &chain, err);
  if (status) return status;
  status = run_chain(g, chain, x, training, err);
  dv_chain_free(chain);
  return status;
}
