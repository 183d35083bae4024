/* SPDX-License-Identifier: MIT */
#include "estimator/fit_batch.h"

#include "datasets/file.h"
#include "estimator/batch_view.h"
#include "estimator/cli.h"
#include "estimator/fit_run.h"
#include "presets/corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_STOPPED = 130, FIXED_WORDS = 8, MAX_WORDS = FIXED_WORDS + 2 * DV_FIT_MAX_GIVEN + 1, MAX_NOTE = 1 << 16 };

static dv_batch_signals received; /* a signal handler has no other way to speak */

static void on_signal(int number)
{
  received.last = number;
  ++received.count;
}

/* nohup has SIGHUP ignored, and is to be obeyed. */
static void catch_signals(void)
{
  const struct sigaction action = {.sa_handler = on_signal};
  struct sigaction before;
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  if (!sigaction(SIGHUP, NULL, &before) && before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
  signal(SIGXFSZ, SIG_IGN); /* a size limit then fails the write, which is reported */
}

/* --- The command of a pair -------------------------------------------------------------------------------------- */

typedef struct {
  const char* words[MAX_WORDS];
  char names[DV_FIT_MAX_GIVEN][32]; /* "--steps" */
  char threads[16];
} command;

static void make_command(const dv_fit_options* o, command* c)
{
  size_t n = 0;
  snprintf(c->threads, sizeof c->threads, "-j%d", o->fit.objective.threads);
  const char* const fixed[] = {"diffvox-fit", "{dry}", "{wet}", "-o", "{out}", "--resume", "--json", c->threads};
  for (size_t i = 0; i < FIXED_WORDS; ++i) c->words[n++] = fixed[i];
  for (size_t i = 0; i < o->batch.given_count; ++i) {
    const dv_fit_given* given = &o->batch.given[i];
    snprintf(c->names[i], sizeof c->names[i], "--%s", given->name);
    c->words[n++] = c->names[i];
    if (given->value) c->words[n++] = given->value;
  }
  c->words[n] = NULL;
}

/* --- One folder, one set of options ------------------------------------------------------------------------------- */

static int by_text(const void* a, const void* b) { return strcmp(*(const char* const*)a, *(const char* const*)b); }

/* What the results depend on, a line each, in one order; free it. */
static char* settings_text(const dv_fit_batch_options* b)
{
  char *lines[DV_FIT_MAX_GIVEN], *text = NULL;
  size_t size = 0, count = 0;
  FILE* out = open_memstream(&text, &size);
  if (!out) return NULL;
  fputs("diffvox-fit " DV_VERSION "\n", out);
  for (size_t i = 0; i < b->given_count; ++i) {
    const dv_fit_given* g = &b->given[i];
    const bool made = asprintf(&lines[count], "--%s%s%s", g->name, g->value ? "=" : "", g->value ? g->value : "") >= 0;
    if (made && g->setting) ++count;
    else if (made) free(lines[count]);
  }
  qsort(lines, count, sizeof *lines, by_text);
  for (size_t i = 0; i < count; ++i) {
    fprintf(out, "%s\n", lines[i]);
    free(lines[i]);
  }
  fclose(out);
  return text;
}

static void to_one_line(char* text)
{
  for (size_t length = strlen(text); length && text[length - 1] == '\n';) text[--length] = '\0';
  for (char* c = text; *c; ++c)
    if (*c == '\n') *c = ' ';
}

/* Results of different options in one folder would be a corpus of nothing in particular. */
static dv_status check_settings(const char* path, char* now, dv_error* err)
{
  char* before;
  size_t size;
  if (access(path, F_OK)) return dv_file_write(path, now, strlen(now), err);
  const dv_status status = dv_file_read(path, MAX_NOTE, &before, &size, err);
  if (status) return status;
  const bool same = !strcmp(before, now);
  to_one_line(before);
  to_one_line(now);
  if (!same)
    dv_fail(err, DV_ERR_ARG,
            "%s: the folder was begun by '%.100s', this is '%.100s'; give the same options or another folder with -o, "
            "or remove that file if its results may be mixed",
            dv_file_label(path), before, now);
  free(before);
  return same ? DV_OK : DV_ERR_ARG;
}

static dv_status prepare_folder(const dv_fit_options* o, dv_error* err)
{
  char path[DV_RUN_PATH_SIZE];
  const dv_status status = dv_file_make_folder(o->output, err);
  if (status) return status;
  char* text = settings_text(&o->batch);
  if (!text) return dv_fail(err, DV_ERR_NOMEM, "out of memory");
  dv_run_path(o->output, "batch.txt", path);
  const dv_status checked = check_settings(path, text, err);
  free(text);
  return checked;
}

/* --- All of it -------------------------------------------------------------------------------------------------- */

/* What would fail every pair alike is better said once. */
static dv_status check_init(const dv_fit_options* o, dv_error* err)
{
  dv_preset preset;
  return o->init ? dv_preset_resolve(o->init, o->corpora_dir, &preset, err) : DV_OK;
}

static dv_status run(const dv_fit_options* o, const dv_manifest* manifest, dv_batch* batch, dv_error* err)
{
  static const char* const kept[] = {"checkpoint", NULL};
  command c;
  dv_batch_view view;
  make_command(o, &c);
  dv_status status = dv_batch_view_start(&view, manifest, o->output, o->quiet, o->json, err);
  if (status) return status;
  const dv_batch_config config = {.runs = o->output,
                                  .program = "/proc/self/exe", /* the same even where it was replaced meanwhile */
                                  .words = c.words,
                                  .result = "run.json",
                                  .kept = kept,
                                  .jobs = o->batch.jobs,
                                  .shard = o->batch.shard,
                                  .shards = o->batch.shards,
                                  .signals = &received,
                                  .tell = dv_batch_view_tell,
                                  .context = &view};
  catch_signals();
  status = dv_batch_run(manifest, &config, batch, err);
  dv_batch_view_end(&view, batch, status == DV_ERR_CANCELLED);
  return status;
}

int dv_fit_batch(const dv_fit_options* o)
{
  dv_error err = {""};
  dv_manifest manifest = {NULL, 0};
  dv_batch batch = {NULL, 0};
  dv_status status = dv_manifest_read(o->batch.manifest, &manifest, &err);
  if (!status) status = check_init(o, &err);
  if (!status) status = prepare_folder(o, &err);
  if (!status) status = run(o, &manifest, &batch, &err);
  const bool failed = dv_batch_count(&batch, DV_BATCH_FAILED) > 0;
  dv_batch_free(&batch);
  dv_manifest_free(&manifest);
  if (status == DV_ERR_CANCELLED) return EXIT_STOPPED;
  if (!status && o->json) status = dv_cli_flush(&err);
  if (status) fprintf(stderr, "diffvox-fit: %s\n", err.text);
  return status || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
