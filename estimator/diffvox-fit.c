/* SPDX-License-Identifier: MIT */
/* diffvox-fit: finds the settings that turn a dry stem into its wet one. */
#include "datasets/file.h"
#include "estimator/cli.h"
#include "estimator/fit_batch.h"
#include "estimator/fit_json.h"
#include "estimator/progress.h"
#include "presets/corpus.h"
#include "report/verdict.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_INTERRUPTED = 130 };

/* Below this the stems differ by less than the default start adds: the descent begins, with small steps, at a chain
   that does nothing. */
static const double TRANSPARENT_LOSS = 0.3, TRANSPARENT_RATE = 0.01;

static volatile sig_atomic_t interrupted; /* a signal handler has no other way to speak */

static void on_interrupt(int signal_number)
{
  (void)signal_number;
  interrupted = 1;
}

static void catch_signals(void)
{
  const struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
  sigaction(SIGINT, &action, NULL); /* a second Ctrl-C ends at once */
  sigaction(SIGTERM, &action, NULL);
  struct sigaction before;
  if (!sigaction(SIGHUP, NULL, &before) && before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL); /* nohup */
  signal(SIGXFSZ, SIG_IGN); /* a size limit then fails the write, which is reported */
}

/* A fit from its stems to its folder. */
typedef struct {
  dv_fit_options options;
  dv_stems stems;
  dv_fit* fit;
  dv_fit_history history;
  dv_fit_run run;
  uint64_t fingerprint;
  char checkpoint[DV_RUN_PATH_SIZE];
} session;

/* Those from the first-th on. */
static void tell_notes(const session* s, size_t first)
{
  for (size_t i = first; !s->options.quiet && i < s->stems.note_count; ++i)
    fprintf(stderr, "diffvox-fit: %s%s\n", s->stems.notes[i].warning ? "warning: " : "", s->stems.notes[i].text);
}

/* Loudness counts a mono stem once and a wet one on both channels: at the same level the dry one is louder. */
static double plain_gain_db(const dv_fit_options* o) { return o->stems.normalise ? -10.0 * log10(2.0) : 0.0; }

static dv_fit_stems fit_stems(const session* s)
{
  return (dv_fit_stems){s->stems.dry, s->stems.left, s->stems.right, s->stems.frames, s->run.plain_gain_db};
}

static dv_status open_fit(session* s, const dv_fit_starts* starts, dv_error* err)
{
  const dv_fit_stems stems = fit_stems(s);
  s->run.start = starts->start[0].params;
  return dv_fit_new(&s->options.fit, &stems, starts, &s->fit, err);
}

static dv_status choose_starts(session* s, dv_fit_starts* starts, dv_error* err)
{
  dv_fit_options* o = &s->options;
  const dv_fit_stems stems = fit_stems(s);
  dv_chain_params* start = &starts->start[0].params;
  *starts = (dv_fit_starts){.count = 1};
  if (o->reference) dv_params_initial(o->fit.seed, start);
  else if (!o->init) {
    const dv_status found = dv_fit_default_starts(&stems, starts, err);
    if (o->fit.frozen >> DV_EFFECT_DELAY & 1u) starts->count = 1; /* which would otherwise be by chance what it holds */
    return found;
  }
  if (!o->init) return DV_OK;
  dv_preset preset;
  const dv_status status = dv_preset_resolve(o->init, o->corpora_dir, &preset, err);
  if (status) return status;
  *start = preset.params;
  const size_t told = s->stems.note_count;
  if (!o->reference && dv_fit_fold_start(&stems, start))
    dv_stems_add_note(&s->stems, false,
                      "the wet stem is mono: the pans of %.200s are set to the middle, its reverb's channels averaged",
                      o->init);
  tell_notes(s, told);
  return o->reference ? DV_OK : dv_fit_adopt_echo(&stems, &starts->start[0], err);
}

/* The fit at its start, and the losses before it. */
static dv_status begin(session* s, dv_error* err)
{
  dv_fit_starts starts;
  dv_status status = choose_starts(s, &starts, err);
  if (!status) status = open_fit(s, &starts, err);
  if (status) return status;
  status = dv_fit_evaluate(s->fit, NULL, &s->run.unprocessed);
  const bool transparent = !s->options.reference && !s->options.init && s->run.unprocessed.total < TRANSPARENT_LOSS;
  if (!status && transparent) {
    dv_fit_free(s->fit);
    if (!s->options.rate_given) s->options.fit.learning_rate = TRANSPARENT_RATE;
    s->options.fit.final_rate = fmin(s->options.fit.final_rate, s->options.fit.learning_rate);
    const dv_fit_stems stems = fit_stems(s);
    s->options.fit.starts = 1;
    starts = (dv_fit_starts){.count = 1};
    dv_fit_transparent_start(&stems, &starts.start[0].params);
    status = open_fit(s, &starts, err);
    if (status) return status;
  }
  if (!status) status = dv_fit_evaluate(s->fit, &s->run.start, &s->run.first);
  if (status)
    return dv_fail(err, status, "the first loss cannot be evaluated: %s; bring the stems to full scale",
                   dv_status_text(status));
  s->fingerprint = dv_run_fingerprint(&s->options, &s->stems, &starts);
  return DV_OK;
}

static dv_status resume(session* s, dv_error* err)
{
  if (access(s->checkpoint, F_OK) == 0)
    return dv_checkpoint_read(s->checkpoint, s->fingerprint, s->fit, &s->history, err);
  if (!s->options.quiet) fprintf(stderr, "diffvox-fit: %s: no checkpoint there, starting anew\n", s->options.output);
  return DV_OK;
}

static void settle_run(session* s, const char* ended)
{
  dv_fit_best(s->fit, &s->run.params);
  dv_fit_get_result(s->fit, &s->run.result);
  dv_verdict(&s->run.params, DV_MODEL_RATE_HZ, s->run.plain_gain_db, s->run.verdict);
  s->run.ended = ended;
}

/* The state, and a preset that can be used even if nothing follows. */
static dv_status write_checkpoint(session* s, dv_error* err)
{
  settle_run(s, "interrupted");
  s->run.fitted = (dv_loss_values){.total = s->run.result.best_loss}; /* of that step's chunks: all would take long */
  const dv_status status = dv_checkpoint_write(s->checkpoint, s->fit, &s->history, s->fingerprint, err);
  return status ? status : dv_run_write_preset(&s->run, err);
}

static void tell_step(const session* s, const dv_fit_step* step, dv_progress* progress)
{
  char detail[80], start[32] = "";
  if (s->options.json) dv_run_print_step(step);
  if (step->trial) snprintf(start, sizeof start, "start %zu of %zu, ", step->start + 1, s->options.fit.starts);
  snprintf(detail, sizeof detail, "%sstep %zu of %zu  loss %.4f", start, step->step + 1, step->steps,
           step->values.total);
  double done = (double)(step->step + 1) / (double)step->steps;
  if (s->options.fit.max_seconds > 0.0) done = fmax(done, fmin(step->elapsed_s / s->options.fit.max_seconds, 1.0));
  dv_progress_show(progress, "fitting", done, detail);
}

/* A disk that is full must not end a fit that may yet be written elsewhere: said once, the fit goes on. */
static void keep_checkpoint(session* s, bool* warned)
{
  dv_error err;
  if (!write_checkpoint(s, &err) || *warned) return;
  *warned = true;
  fprintf(stderr, "diffvox-fit: warning: no checkpoint: %s\n", err.text);
}

static dv_status descend(session* s, dv_error* err)
{
  dv_fit_result result;
  dv_progress progress;
  bool more, warned = false;
  dv_fit_get_result(s->fit, &result);
  more = result.end == DV_FIT_RUNNING;
  dv_progress_start(&progress, stderr, s->options.quiet || s->options.json);
  dv_status status = DV_OK;
  for (double saved_s = dv_monotonic_s(); more && !interrupted && !status;) {
    dv_fit_step step;
    status = dv_fit_advance(s->fit, &step, &more, err);
    if (!status) status = dv_fit_history_add(&s->history, &step, err);
    if (status) break;
    tell_step(s, &step, &progress);
    if (dv_monotonic_s() - saved_s < s->options.checkpoint_s) continue;
    keep_checkpoint(s, &warned);
    saved_s = dv_monotonic_s();
  }
  dv_progress_end(&progress);
  return status;
}

static const char* end_text(dv_fit_end end)
{
  switch (end) {
  case DV_FIT_RUNNING: return "interrupted";
  case DV_FIT_DONE: return "all steps done";
  case DV_FIT_TIME_UP: return "time up";
  case DV_FIT_NONFINITE: return "loss or gradient not finite";
  }
  return "";
}

static void summarise(const session* s)
{
  const dv_fit_run* r = &s->run;
  if (s->options.json) dv_run_print_result(r);
  if (s->options.json || s->options.quiet) return;
  printf("%s\nloss %.4f without effects, %.4f at the start, %.4f fitted (%s, %zu steps of %.3f s)\n", r->verdict,
         r->unprocessed.total, r->first.total, r->fitted.total, r->ended, r->result.steps_done,
         r->result.elapsed_s / (double)(r->result.steps_done > 0 ? r->result.steps_done : 1));
  printf("%s/report.html\n", s->options.output);
}

static dv_status finish(session* s, dv_error* err)
{
  dv_fit_result result;
  dv_fit_get_result(s->fit, &result);
  settle_run(s, end_text(result.end));
  dv_error ignored;
  const bool going_on = result.end == DV_FIT_RUNNING || result.end == DV_FIT_TIME_UP;
  const dv_status kept =
    going_on ? dv_checkpoint_write(s->checkpoint, s->fit, &s->history, s->fingerprint, &ignored) : DV_OK;
  const dv_status evaluated = dv_fit_evaluate(s->fit, &s->run.params, &s->run.fitted);
  const double none = (double)NAN;
  if (evaluated) s->run.fitted = (dv_loss_values){none, none, none, none, none};
  dv_fit_free(s->fit); /* its memory is what writing the results needs */
  s->fit = NULL;
  dv_status status = dv_run_write(&s->run, err);
  if (!status && evaluated)
    status = dv_fail(err, evaluated, "%s: written without the final loss, which cannot be evaluated: %s",
                     s->options.output, dv_status_text(evaluated));
  if (!status && !going_on) unlink(s->checkpoint);
  if (!status && kept) fprintf(stderr, "diffvox-fit: warning: no checkpoint: %s\n", ignored.text);
  if (!status && result.end == DV_FIT_NONFINITE)
    fprintf(stderr,
            "diffvox-fit: stopped after step %zu: the loss or its gradient is not finite any more; the best settings "
            "before are kept, a lower --learning-rate may help\n",
            result.steps_done);
  return status;
}

static dv_status run_session(session* s, dv_error* err)
{
  dv_run_path(s->options.output, "checkpoint", s->checkpoint);
  dv_status status = dv_stems_read(s->options.dry, s->options.wet, &s->options.stems, &s->stems, err);
  if (status) return status;
  tell_notes(s, 0);
  s->run.plain_gain_db = plain_gain_db(&s->options);
  catch_signals();
  status = dv_run_prepare(&s->options, err);
  if (!status) status = begin(s, err);
  if (!status && s->options.resume) status = resume(s, err);
  s->run.options = &s->options;
  s->run.stems = &s->stems;
  s->run.history = &s->history;
  if (!status) status = descend(s, err);
  if (!status) status = finish(s, err);
  if (!status) summarise(s);
  /* The summary is a courtesy, the results are in their folder; lines for a machine are results. */
  const dv_status printed = dv_cli_flush(status ? NULL : err);
  return status ? status : s->options.json ? printed : DV_OK;
}

int main(int argc, char** argv)
{
  static session s; /* large, and lives as long as the program */
  const int parsed = dv_fit_options_parse(argc, argv, &s.options);
  if (parsed) return parsed - 1;
  if (s.options.batch.manifest) return dv_fit_batch(&s.options);
  dv_error err = {""};
  const dv_status status = run_session(&s, &err);
  const bool cut = s.run.result.end == DV_FIT_RUNNING;
  dv_fit_free(s.fit);
  dv_fit_history_free(&s.history);
  dv_stems_free(&s.stems);
  if (status) fprintf(stderr, "diffvox-fit: %s\n", err.text);
  return status ? EXIT_FAILURE : cut ? EXIT_INTERRUPTED : EXIT_SUCCESS;
}
