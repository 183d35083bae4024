/* SPDX-License-Identifier: MIT */
/* diffvox-gradcheck: the chain's adjoints against finite differences at a preset, in double precision. */
#include "datasets/file.h"
#include "dsp/gradcheck.h"
#include "dsp/team.h"
#include "estimator/cli.h"
#include "presets/corpus.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 64, SEED = 1 };

/* 0.1 s of signal and time for the longest delay to answer. */
static const double ACTIVE_S = 0.1, LENGTH_S = 1.2;

static const char USAGE[] =
  "usage: diffvox-gradcheck PRESET [options]\n"
  "\n"
  "Checks the gradients that a fit descends: for each of the 130 effective parameters of PRESET, the adjoint\n"
  "computed backwards through the chain and a 4-point finite difference of forward runs, both of the sum of\n"
  "w y for fixed noise w, with respect to the raw (unbounded) value that the optimiser moves.  The input is\n"
  "0.1 s of noise that swells from -30 to -6 dBFS and back, then silence, 1.2 s in all, at 44.1 kHz.\n"
  "\n"
  "PRESET is a preset file, the folder of a fit, the name of a factory preset, FILE.npy:ROW, or a published\n"
  "preset: medleydb:ROW, medleydb:TRACK, internal:ROW.\n"
  "\n"
  "A parameter agrees when |finite - adjoint| <= 1e-6 max(|adjoint|, 1e-3 |g|), |g| the norm over its\n"
  "effect's parameters.  It is skipped when every step meets a kink, where the compressor changes its branch,\n"
  "or drowns in rounding.\n"
  "\n"
  "options:\n"
  "      --json          print one JSON object\n"
  "      --threads N     work on N processors (all); the result is the same\n"
  "      --corpora DIR   folder of the published presets; else $DIFFVOX_CORPORA\n"
  "      --help, --version\n"
  "\n"
  "exit status: 0 all agree, 1 one differs or the check failed, 2 wrong usage\n";

typedef struct {
  const char *preset, *corpora;
  bool json;
  int threads;
} options;

static int usage_error(const char* what, const char* value)
{
  return dv_cli_usage_error("diffvox-gradcheck", what, value);
}

static int all_processors(void)
{
  const int n = dv_team_processors();
  return n > MAX_THREADS ? MAX_THREADS : n;
}

/* 0 to go on, otherwise the exit status plus 1. */
static int parse_options(int argc, char** argv, options* o)
{
  enum { JSON = 256, THREADS, CORPORA, HELP, VERSION };
  static const struct option known[] = {{"json", no_argument, NULL, JSON},
                                        {"threads", required_argument, NULL, THREADS},
                                        {"corpora", required_argument, NULL, CORPORA},
                                        {"help", no_argument, NULL, HELP},
                                        {"version", no_argument, NULL, VERSION},
                                        {0}};
  char* end;
  long threads;
  for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) switch (c) {
    case JSON: o->json = true; break;
    case THREADS:
      threads = strtol(optarg, &end, 10);
      if (end == optarg || *end || threads < 1 || threads > MAX_THREADS)
        return 1 + usage_error("--threads wants 1 to 64, not", optarg);
      o->threads = (int)threads;
      break;
    case CORPORA: o->corpora = optarg; break;
    case HELP: fputs(USAGE, stdout); return 1;
    case VERSION: puts("diffvox-gradcheck " DV_VERSION); return 1;
    default: fputs("see diffvox-gradcheck --help\n", stderr); return 1 + DV_EXIT_USAGE;
    }
  if (argc - optind != 1) return 1 + usage_error("wants one preset", "");
  o->preset = argv[optind];
  return 0;
}

typedef struct {
  double raw[DV_PARAM_COUNT], gradient[DV_PARAM_COUNT];
  dv_chain_params params;
  dv_gradcheck_entry entries[DV_PRESET_SIZE];
  int counts[3]; /* by verdict */
  double worst;  /* of those that agree */
} report;

/* One chain per thread: each moves its own copy of the raw values. */
static dv_status check_parameters(dv_gradcheck_chain* const* chains, int threads, report* r)
{
  double theta[MAX_THREADS][DV_PARAM_COUNT];
  dv_gradcheck checks[MAX_THREADS];
  dv_status status = DV_OK;
  for (int t = 0; !status && t < threads; ++t) {
    memcpy(theta[t], r->raw, sizeof r->raw);
    checks[t] = (dv_gradcheck){dv_gradcheck_chain_value, chains[t], theta[t], 0.0, DV_GRADCHECK_TOLERANCE, 0};
    status = dv_gradcheck_begin(&checks[t]);
  }
  if (status) return status;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
  for (int i = 0; i < DV_PRESET_SIZE; ++i) {
    const int thread = dv_team_index();
    if (!dv_parameter_effective(i)) continue;
    checks[thread].norm = dv_gradcheck_norm(r->gradient, dv_parameter_at(i)->effect);
    r->entries[i] =
      dv_gradcheck_one(&checks[thread], (size_t)i, dv_gradcheck_step(i, r->raw[i], DV_MODEL_RATE_HZ), r->gradient[i]);
  }
  return DV_OK;
}

static void count_verdicts(report* r)
{
  for (int i = 0; i < DV_PRESET_SIZE; ++i) {
    if (!dv_parameter_effective(i)) continue;
    const dv_gradcheck_entry* e = &r->entries[i];
    ++r->counts[e->verdict];
    if (e->verdict == DV_GRADCHECK_AGREES && e->error > r->worst) r->worst = e->error;
  }
}

static dv_status run(const options* o, report* r, dv_error* err)
{
  static dv_preset preset;
  dv_gradcheck_chain* chains[MAX_THREADS] = {NULL};
  dv_status status = dv_preset_resolve(o->preset, o->corpora, &preset, err);
  if (status) return status;
  r->params = preset.params;
  status = dv_params_to_raw(&r->params, r->raw, err);
  for (int t = 0; !status && t < o->threads; ++t) {
    chains[t] = dv_gradcheck_chain_new(DV_MODEL_RATE_HZ, (size_t)(ACTIVE_S * DV_MODEL_RATE_HZ),
                                       (size_t)(LENGTH_S * DV_MODEL_RATE_HZ), SEED, err);
    if (!chains[t]) status = DV_ERR_NOMEM;
  }
  if (!status) {
    status = dv_gradcheck_chain_gradient(chains[0], r->raw, r->gradient);
    if (!status) status = check_parameters(chains, o->threads, r);
    if (status) (void)dv_fail(err, status, "%s: the chain's output or gradient is not finite", o->preset);
  }
  for (int t = 0; t < o->threads; ++t) dv_gradcheck_chain_free(chains[t]);
  if (!status) count_verdicts(r);
  return status;
}

static const char* const verdict_names[3] = {"agrees", "DIFFERS", "skipped"};

static void print_table(const report* r)
{
  const double* physical = dv_params_flat_const(&r->params);
  printf("%-30s %13s %13s %5s %14s %14s %9s  %s\n", "parameter", "raw", "physical", "", "adjoint", "finite diff.",
         "error", "verdict");
  for (int i = 0; i < DV_PRESET_SIZE; ++i) {
    if (!dv_parameter_effective(i)) continue;
    const dv_gradcheck_entry* e = &r->entries[i];
    char name[64];
    dv_parameter_name(i, name, sizeof name);
    printf("%-30s %13.6g %13.6g %5s %14.6e %14.6e %9.1e  %s\n", name, r->raw[i], physical[i], dv_parameter_at(i)->unit,
           r->gradient[i], e->finite, e->error, verdict_names[e->verdict]);
  }
  printf("%d agree (largest error %.1e, allowed %.0e), %d differ, %d skipped\n", r->counts[DV_GRADCHECK_AGREES],
         r->worst, DV_GRADCHECK_TOLERANCE, r->counts[DV_GRADCHECK_DIFFERS], r->counts[DV_GRADCHECK_SKIPPED]);
}

static json_t* number_or_null(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t* json_entry(const report* r, int index)
{
  const dv_gradcheck_entry* e = &r->entries[index];
  char name[64];
  dv_parameter_name(index, name, sizeof name);
  return json_pack("{s:s, s:i, s:f, s:f, s:s, s:f, s:o, s:o, s:s}", "name", name, "index", index, "raw", r->raw[index],
                   "physical", dv_params_flat_const(&r->params)[index], "unit", dv_parameter_at(index)->unit, "adjoint",
                   r->gradient[index], "finite_difference", number_or_null(e->finite), "error",
                   number_or_null(e->error), "verdict",
                   e->verdict == DV_GRADCHECK_DIFFERS ? "differs" : verdict_names[e->verdict]);
}

static dv_status print_json(const options* o, const report* r, dv_error* err)
{
  json_t* parameters = json_array();
  for (int i = 0; i < DV_PRESET_SIZE; ++i)
    if (dv_parameter_effective(i) && json_array_append_new(parameters, json_entry(r, i))) break;
  json_t* all =
    json_pack("{s:s, s:f, s:f, s:i, s:i, s:i, s:o}", "preset", o->preset, "tolerance", DV_GRADCHECK_TOLERANCE,
              "largest_error", r->worst, "agree", r->counts[DV_GRADCHECK_AGREES], "differ",
              r->counts[DV_GRADCHECK_DIFFERS], "skipped", r->counts[DV_GRADCHECK_SKIPPED], "parameters", parameters);
  if (!all) return dv_fail(err, DV_ERR_NOMEM, "out of memory for the report");
  const bool failed = json_dumpf(all, stdout, JSON_INDENT(1)) || putchar('\n') == EOF;
  const int reason = errno;
  json_decref(all);
  return failed ? dv_file_error(err, "standard output", "write", reason) : DV_OK;
}

int main(int argc, char** argv)
{
  options o = {.threads = all_processors()};
  const int parsed = parse_options(argc, argv, &o);
  if (parsed) return parsed - 1;

  static report r;
  dv_error err = {""};
  dv_status status = run(&o, &r, &err);
  if (!status && o.json) status = print_json(&o, &r, &err);
  if (!status && !o.json) print_table(&r);
  if (!status) status = dv_cli_flush(&err);
  if (status) fprintf(stderr, "diffvox-gradcheck: %s\n", err.text);
  return status || r.counts[DV_GRADCHECK_DIFFERS] ? EXIT_FAILURE : EXIT_SUCCESS;
}
