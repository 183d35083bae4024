/* SPDX-License-Identifier: MIT */
/* diffvox-eval: how near fits come to their wet stems, over many tracks, beside what takes no fit. */
#include "datasets/file.h"
#include "estimator/cli.h"
#include "estimator/evaluate.h"
#include "estimator/progress.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char USAGE[] =
  "usage: diffvox-eval RUNS|CORPUS --manifest FILE [-o SCORES.csv] [options]\n"
  "\n"
  "Renders the dry stems of a manifest and compares them with the wet ones by the four losses of a fit, through\n"
  "  the fitted preset    RUNS/ID/preset.json, CORPUS/ID.json, or the row named ID of a corpus of rows\n"
  "  the mean preset      of the 365 published ones\n"
  "  the nearest preset   of another corpus: smallest mean square of raw differences to the fitted one\n"
  "  nothing              the dry stem itself, as loud as the wet one\n"
  "  the true preset      where the manifest names it\n"
  "Prints means and medians with 95 % intervals, and which tracks have no fit.\n"
  "\n"
  "options:\n"
  "      --manifest FILE   the pairs: JSON lines, as diffvox-data writes them\n"
  "  -o, --output FILE     write a line per track and method, CSV\n"
  "      --nearest CORPUS  where the nearest preset is looked for: a folder, a .npy file, internal or medleydb\n"
  "                        (internal, where the published corpora are); none: leave it out\n"
  "      --corpora DIR     folder of the published corpora; else $DIFFVOX_CORPORA\n"
  "      --json            one JSON object instead of the table\n"
  "  -j, --threads N       threads (all processors); the result does not depend on it\n"
  "  -q, --quiet           no progress\n"
  "      --help, --version\n"
  "\n"
  "exit status: 0 done, tracks without a fit are listed; 1 a track failed or none could be evaluated;\n"
  "2 wrong usage\n";

typedef struct {
  const char *source, *manifest, *output, *nearest, *corpora;
  int threads;
  bool json, quiet;
} options;

enum { MANIFEST = 256, NEAREST, CORPORA, JSON, HELP, VERSION };

static int usage_error(const char* what, const char* value) { return dv_cli_usage_error("diffvox-eval", what, value); }

/* One option; the message when its value is wrong, "" when it is not known. */
static const char* take(int option, options* o)
{
  double n;
  switch (option) {
  case 'o': o->output = optarg; return *optarg ? NULL : "--output wants a file, not";
  case 'j':
    if (!dv_cli_whole(optarg, 1, 1024, &n)) return "--threads wants 1 to 1024, not";
    o->threads = (int)n;
    return NULL;
  case 'q': o->quiet = true; return NULL;
  case MANIFEST: o->manifest = optarg; return NULL;
  case NEAREST: o->nearest = optarg; return NULL;
  case CORPORA: o->corpora = optarg; return NULL;
  case JSON: o->json = true; return NULL;
  default: return "";
  }
}

/* 0 to go on, otherwise the exit status plus 1. */
static int parse_options(int argc, char** argv, options* o)
{
  static const struct option known[] = {{"manifest", required_argument, NULL, MANIFEST},
                                        {"output", required_argument, NULL, 'o'},
                                        {"nearest", required_argument, NULL, NEAREST},
                                        {"corpora", required_argument, NULL, CORPORA},
                                        {"json", no_argument, NULL, JSON},
                                        {"threads", required_argument, NULL, 'j'},
                                        {"quiet", no_argument, NULL, 'q'},
                                        {"help", no_argument, NULL, HELP},
                                        {"version", no_argument, NULL, VERSION},
                                        {0}};
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  *o = (options){.threads = processors > 0 ? (int)processors : 1};
  for (int c; (c = getopt_long(argc, argv, "o:j:q", known, NULL)) != -1;) {
    if (c == HELP) fputs(USAGE, stdout);
    if (c == VERSION) puts("diffvox-eval " DV_VERSION);
    if (c == HELP || c == VERSION) return 1;
    const char* wrong = take(c, o);
    if (wrong && *wrong) return 1 + usage_error(wrong, optarg);
    if (wrong) { /* getopt has said what */
      fputs("see diffvox-eval --help\n", stderr);
      return 1 + DV_EXIT_USAGE;
    }
  }
  if (argc - optind != 1) return 1 + usage_error("wants one folder of fits, or one corpus", "");
  if (!o->manifest) return 1 + usage_error("wants the pairs: --manifest FILE", "");
  o->source = argv[optind];
  return 0;
}

/* An evaluation from its inputs to its results. */
typedef struct {
  options options;
  dv_manifest manifest;
  dv_eval_source source;
  dv_collection nearest; /* empty: none */
  dv_eval_result* results;
  dv_eval_summary summary;
} session;

/* Without being asked for, the nearest preset is left out where the published corpora are not. */
static dv_status open_nearest(session* s, dv_error* err)
{
  const options* o = &s->options;
  const dv_collection_options from = {.corpora_dir = o->corpora};
  if (o->nearest && !strcmp(o->nearest, "none")) return DV_OK;
  if (o->nearest || o->corpora || getenv("DIFFVOX_CORPORA"))
    return dv_collection_load(o->nearest ? o->nearest : "internal", &from, &s->nearest, err);
  if (!o->quiet)
    fputs("diffvox-eval: without the nearest preset: neither --nearest nor --corpora nor DIFFVOX_CORPORA is given\n",
          stderr);
  return DV_OK;
}

static dv_status open_session(session* s, dv_error* err)
{
  const options* o = &s->options;
  dv_status status = dv_manifest_read(o->manifest, &s->manifest, err);
  if (!status) status = dv_eval_source_open(o->source, o->corpora, &s->source, err);
  if (!status) status = open_nearest(s, err);
  if (!status && o->output) status = dv_file_check_writable(o->output, err);
  if (status) return status;
  s->results = calloc(s->manifest.count, sizeof *s->results);
  return s->results ? DV_OK : dv_fail(err, DV_ERR_NOMEM, "No memory for %zu tracks", s->manifest.count);
}

static void close_session(session* s)
{
  free(s->results);
  dv_collection_free(&s->nearest);
  dv_eval_source_close(&s->source);
  dv_manifest_free(&s->manifest);
}

static void evaluate_all(session* s)
{
  dv_progress progress;
  dv_progress_start(&progress, stderr, s->options.quiet);
  for (size_t i = 0; i < s->manifest.count; ++i) {
    const dv_pair* pair = &s->manifest.pairs[i];
    dv_progress_show(&progress, "evaluating", (double)i / (double)s->manifest.count, pair->id);
    dv_eval_pair(pair, &s->source, s->nearest.count ? &s->nearest : NULL, s->options.threads, &s->results[i]);
  }
  dv_progress_end(&progress);
}

static dv_status conclude(session* s, dv_error* err)
{
  const options* o = &s->options;
  const char* nearest = s->nearest.count ? s->nearest.label : NULL;
  const size_t count = s->manifest.count;
  dv_status status = dv_eval_summarise(s->results, count, &s->summary, err);
  if (!status && o->output) status = dv_eval_write_csv(o->output, s->results, count, err);
  if (!status && o->json) status = dv_eval_print_json(s->results, &s->summary, nearest, err);
  else if (!status) dv_eval_print_table(s->results, &s->summary, nearest);
  if (!status) status = dv_cli_flush(err);
  if (status) return status;
  if (s->summary.failed)
    return dv_fail(err, DV_ERR_ARG, "%zu of %zu tracks failed", s->summary.failed, s->summary.tracks);
  if (!s->summary.done) return dv_fail(err, DV_ERR_ARG, "%s: no fit of any track", dv_file_label(o->source));
  return DV_OK;
}

int main(int argc, char** argv)
{
  session s = {0};
  dv_error err = {""};
  const int parsed = parse_options(argc, argv, &s.options);
  if (parsed) return parsed - 1;
  dv_status status = open_session(&s, &err);
  if (!status) {
    evaluate_all(&s);
    status = conclude(&s, &err);
  }
  close_session(&s);
  if (status) fprintf(stderr, "diffvox-eval: %s\n", err.text);
  return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
