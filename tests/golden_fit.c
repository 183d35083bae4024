/* SPDX-License-Identifier: MIT */
/* Losses, loudness and alignment, and a short fit. */
#include "golden_case.h"

#include "datasets/loudness.h"
#include "dsp/chain.h"
#include "dsp/fft.h"
#include "estimator/adam.h"
#include "estimator/loss.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double VALUE_LIMIT = 1e-4; /* of a loss */

enum { PARTS = 4 };
static const char* const part_names[PARTS] = {"mss_lr", "mss_ms", "mldr_lr", "mldr_ms"};

static double part_of(const dv_loss_values* v, int part)
{
  const double parts[PARTS] = {v->mss_lr, v->mss_ms, v->mldr_lr, v->mldr_ms};
  return parts[part];
}

static double relative(double got, double want) { return fabs(got - want) / (want != 0.0 ? fabs(want) : 1.0); }

static dv_real* all_rows(golden_case* g, const dv_npy* a)
{
  dv_real* rows = golden_alloc(g, a->count);
  for (size_t i = 0; i < a->count; ++i) rows[i] = (dv_real)a->data[i];
  return rows;
}

/* --- Losses ------------------------------------------------------------------------------------------- */

static dv_status judge_loss_gradient(golden_case* g, dv_loss* loss, int part, const dv_real* pred, size_t items,
                                     size_t n, dv_error* err)
{
  const double weights[PARTS] = {part == 0, part == 1, part == 2, part == 3};
  const dv_npy* want;
  dv_loss_values values;
  char name[32];
  snprintf(name, sizeof name, "grad_%s", part_names[part]);
  if (!golden_has(g, name)) return DV_OK;
  dv_real* grad = golden_alloc(g, 2 * items * n); /* at first the prediction */
  memcpy(grad, pred, 2 * items * n * sizeof *grad);
  dv_loss_set_weights(loss, (dv_loss_weights){weights[0], weights[1], weights[2], weights[3]});
  dv_status status = golden_read_rows(g, name, 2 * items, n, &want, err);
  if (!status) status = dv_loss_forward(loss, pred, n, NULL, items, &values);
  if (!status) status = dv_loss_backward(loss, grad, n);
  if (!status) golden_judge(g, name, golden_error(grad, n, want), GOLDEN_GRADIENT_LIMIT);
  return status;
}

static dv_status judge_losses(golden_case* g, dv_loss* loss, const dv_npy* target, const dv_npy* prediction,
                              dv_error* err)
{
  const size_t n = golden_samples(target), items = golden_rows(target) / 2;
  const dv_real *want = all_rows(g, target), *pred = all_rows(g, prediction);
  dv_loss_values values;
  dv_status status = dv_loss_set_target(loss, want, n);
  if (!status) status = dv_loss_forward(loss, pred, n, NULL, items, &values);
  for (int part = 0; !status && part < PARTS; ++part) {
    double reference;
    char path[32];
    snprintf(path, sizeof path, "values.%s", part_names[part]);
    if (!golden_member(g, path)) continue;
    status = golden_number(g, path, &reference, err);
    if (!status) golden_judge(g, path, relative(part_of(&values, part), reference), VALUE_LIMIT);
  }
  for (int part = 0; !status && part < PARTS; ++part) status = judge_loss_gradient(g, loss, part, pred, items, n, err);
  return status;
}

dv_status golden_run_losses(golden_case* g, dv_error* err)
{
  const dv_npy *target, *pred;
  dv_status status = golden_read(g, "target", &target, err);
  if (status) return status;
  const size_t rows = golden_rows(target);
  if (rows % 2) return dv_fail(err, DV_ERR_FORMAT, "%s/target.npy: %zu rows, expected stereo", g->dir, rows);
  status = golden_read_rows(g, "pred", rows, golden_samples(target), &pred, err);
  if (status) return status;
  dv_loss* loss = dv_loss_new(rows / 2, golden_samples(target), 1, err);
  if (!loss) return DV_ERR_NOMEM;
  status = judge_losses(g, loss, target, pred, err);
  dv_loss_free(loss);
  return status;
}

/* --- Loudness and alignment --------------------------------------------------------------------------- */

static void judge_lufs(golden_case* g, const char* name, const dv_npy* const* arrays, size_t count, dv_error* err)
{
  const double limit_lu = 0.1;
  const json_t* want = golden_member(g, name);
  if (!json_is_number(want)) return;
  float* channels[2] = {NULL, NULL};
  for (size_t c = 0; c < count; ++c) {
    channels[c] = malloc(arrays[c]->count * sizeof(float));
    if (!channels[c]) abort();
    for (size_t i = 0; i < arrays[c]->count; ++i) channels[c][i] = (float)arrays[c]->data[i];
  }
  double lufs = (double)NAN;
  const dv_status status =
    dv_loudness_lufs((const float* const*)channels, count, arrays[0]->count, golden_rate_hz(g), &lufs, err);
  golden_judge(g, name, status ? (double)INFINITY : fabs(lufs - json_number_value(want)), limit_lu);
  for (size_t c = 0; c < count; ++c) free(channels[c]);
}

/* How far a must be rolled to fit b best: the peak of their cross-correlation. */
static long best_shift(golden_case* g, const dv_npy* a, const dv_npy* b)
{
  const size_t n = a->count, size = dv_fft_good_size(2 * n), reals = dv_fft_reals(size);
  dv_real *fa = golden_signal(g, a, 0, reals), *fb = golden_signal(g, b, 0, reals);
  dv_fft* fft = dv_fft_new(size);
  if (!fft) abort();
  dv_fft_forward(fft, fa, fa);
  dv_fft_forward(fft, fb, fb);
  for (size_t k = 0; k <= size / 2; ++k) { /* conj(A) B */
    const dv_real ar = fa[2 * k], ai = fa[2 * k + 1], br = fb[2 * k], bi = fb[2 * k + 1];
    fa[2 * k] = ar * br + ai * bi;
    fa[2 * k + 1] = ar * bi - ai * br;
  }
  dv_fft_inverse(fft, fa, fa);
  dv_fft_free(fft);
  size_t best = 0;
  for (size_t i = 1; i < size; ++i)
    if (fa[i] > fa[best]) best = i;
  return best < n ? (long)best : (long)best - (long)size;
}

dv_status golden_run_loudness(golden_case* g, dv_error* err)
{
  const dv_npy *a, *b;
  dv_status status = golden_read(g, "a", &a, err);
  if (!status) status = golden_read_rows(g, "b", 1, a->count, &b, err);
  if (status) return status;
  judge_lufs(g, "integrated_loudness_mono_a", &a, 1, err);
  judge_lufs(g, "integrated_loudness_stereo_ab", (const dv_npy* const[]){a, b}, 2, err);
  const json_t* shift = golden_member(g, "shift_applied_to_a_to_match_b");
  if (json_is_number(shift))
    golden_judge(g, "alignment, samples", fabs((double)best_shift(g, a, b) - json_number_value(shift)), 0.0);
  return DV_OK;
}

/* --- Trajectory --------------------------------------------------------------------------------------- */

/* Everything that one step of the fit needs. */
typedef struct {
  golden_case* g;
  size_t items, samples, warmup;
  dv_chain* chain;
  dv_loss* loss;
  const dv_real** dry;
  dv_real *target, *pred; /* rows of samples - warmup */
} fit;

/* Largest relative errors so far: of the first steps, and of all. */
typedef struct {
  double first, all;
  bool compared;
} step_errors;

enum { FIRST_STEPS = 5 };

static void note_error(step_errors* e, size_t step, double got, const json_t* want)
{
  if (!json_is_number(want)) return;
  e->compared = true;
  const double error = relative(got, json_number_value(want));
  if (step < FIRST_STEPS && !(error <= e->first)) e->first = error;
  if (!(error <= e->all)) e->all = error;
}

static void judge_steps(golden_case* g, const char* name, const step_errors* e)
{
  char quantity[64];
  if (!e->compared) return;
  snprintf(quantity, sizeof quantity, "%s, first %d steps", name, FIRST_STEPS);
  golden_judge(g, quantity, e->first, 0.005);
  snprintf(quantity, sizeof quantity, "%s, all steps", name);
  golden_judge(g, quantity, e->all, 0.05);
}

/* Loss parts and total with the regulariser, and the gradient with respect to raw. */
static dv_status evaluate(fit* f, const double raw[DV_PARAM_COUNT], dv_loss_values* values, double* total,
                          double grad_raw[DV_PARAM_COUNT])
{
  const size_t wanted = f->samples - f->warmup;
  dv_chain_params p, gp = {0};
  dv_params_from_raw(raw, &p);
  memset(grad_raw, 0, DV_PARAM_COUNT * sizeof *grad_raw);
  dv_status status = dv_chain_forward(f->chain, &p, f->dry, f->items, f->pred);
  if (!status) status = dv_loss_forward(f->loss, f->pred, wanted, NULL, f->items, values);
  if (!status) status = dv_loss_backward(f->loss, f->pred, wanted);
  if (!status) status = dv_chain_backward(f->chain, &p, f->dry, f->items, f->pred, DV_DELAY_TRAIN, &gp, NULL);
  if (status) return status;
  const double damped = 1.0 - exp(p.log_damp);
  *total = values->total + damped * damped;
  gp.log_damp -= 2.0 * damped * exp(p.log_damp);
  dv_params_raw_vjp(raw, &gp, grad_raw);
  return DV_OK;
}

static double learning_rate(const golden_case* g)
{
  const char* text = json_string_value(golden_member(g, "optimizer"));
  const char* at = text ? strstr(text, "lr=") : NULL;
  return at ? strtod(at + 3, NULL) : dv_adam_default_options.learning_rate;
}

static dv_status compare_final(golden_case* g, const double raw[DV_PARAM_COUNT], dv_error* err)
{
  double want[DV_PARAM_COUNT], difference = 0.0, norm = 0.0;
  if (!golden_member(g, "final_raw")) return DV_OK;
  memcpy(want, raw, sizeof want);
  const dv_status status = golden_raw(g, "final_raw", "", want, err);
  for (int i = 0; i < DV_PARAM_COUNT; ++i) {
    difference += (raw[i] - want[i]) * (raw[i] - want[i]);
    norm += want[i] * want[i];
  }
  if (!status) golden_inform(g, "final_raw, relative", sqrt(difference / norm), "");
  return status;
}

static dv_status run_steps(fit* f, dv_error* err)
{
  golden_case* g = f->g;
  const json_t* history = golden_member(g, "history");
  if (!json_is_array(history) || json_array_size(history) == 0)
    return dv_fail(err, DV_ERR_FORMAT, "%s/manifest.json: no history to compare with", g->dir);
  double raw[DV_PARAM_COUNT] = {0}, grad[DV_PARAM_COUNT], m[DV_PARAM_COUNT], v[DV_PARAM_COUNT];
  raw[DV_PRESET_SIZE] = golden_raw_log_damp();
  step_errors total_error = {0}, part_error[PARTS] = {{0}};
  dv_adam adam;
  dv_adam_options options = dv_adam_default_options;
  options.learning_rate = learning_rate(g);
  dv_adam_init(&adam, DV_PARAM_COUNT, m, v);
  dv_status status = golden_raw(g, "initial_raw", "", raw, err);
  for (size_t step = 0; !status && step < json_array_size(history); ++step) {
    const json_t* want = json_array_get(history, step);
    dv_loss_values values;
    double total;
    status = evaluate(f, raw, &values, &total, grad);
    if (status) break;
    note_error(&total_error, step, total, json_object_get(want, "loss"));
    for (int part = 0; part < PARTS; ++part)
      note_error(&part_error[part], step, part_of(&values, part), json_object_get(want, part_names[part]));
    if (step == 0)
      status = golden_judge_gradient(g, "grad_raw_step0", "grad_raw_step0", "", grad, GOLDEN_GRADIENT_LIMIT, err);
    if (!status) status = dv_adam_step(&adam, &options, grad, raw);
  }
  if (status) return status;
  judge_steps(g, "loss", &total_error);
  for (int part = 0; part < PARTS; ++part) judge_steps(g, part_names[part], &part_error[part]);
  return compare_final(g, raw, err);
}

static dv_status open_fit(fit* f, const dv_npy* dry, const dv_npy* wet, dv_error* err)
{
  golden_case* g = f->g;
  const size_t wanted = f->samples - f->warmup;
  const dv_chain_config config = {golden_rate_hz(g), f->samples, f->warmup, f->items, 2};
  dv_real* all = all_rows(g, dry);
  f->target = golden_alloc(g, 2 * f->items * wanted);
  f->pred = golden_alloc(g, 2 * f->items * wanted);
  f->dry = calloc(f->items, sizeof *f->dry);
  if (!f->dry) abort();
  for (size_t i = 0; i < f->items; ++i) f->dry[i] = all + i * f->samples;
  for (size_t row = 0; row < 2 * f->items; ++row)
    for (size_t i = 0; i < wanted; ++i)
      f->target[row * wanted + i] = (dv_real)wet->data[row * f->samples + f->warmup + i];
  const dv_status status = dv_chain_new(&config, &f->chain, err);
  if (status) return status;
  f->loss = dv_loss_new(f->items, wanted, 2, err);
  return f->loss ? dv_loss_set_target(f->loss, f->target, wanted) : DV_ERR_NOMEM;
}

dv_status golden_run_trajectory(golden_case* g, dv_error* err)
{
  const dv_npy *dry, *wet;
  double overlap_s;
  dv_status status = golden_number(g, "overlap_seconds", &overlap_s, err);
  if (!status) status = golden_read(g, "dry", &dry, err);
  if (!status) status = golden_read_rows(g, "wet", 2 * golden_rows(dry), golden_samples(dry), &wet, err);
  if (status) return status;
  const double warmup = round(overlap_s * golden_rate_hz(g));
  if (!(warmup >= 0.0 && warmup < (double)golden_samples(dry)))
    return dv_fail(err, DV_ERR_FORMAT, "%s/manifest.json: \"overlap_seconds\" is %g", g->dir, overlap_s);
  fit f = {.g = g, .items = golden_rows(dry), .samples = golden_samples(dry), .warmup = (size_t)warmup};
  status = open_fit(&f, dry, wet, err);
  if (!status) status = run_steps(&f, err);
  dv_chain_free(f.chain);
  dv_loss_free(f.loss);
  free(f.dry);
  return status;
}
