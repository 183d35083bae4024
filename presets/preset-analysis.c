/* SPDX-License-Identifier: MIT */
/* preset-analysis: what a corpus of presets says. */
#include "estimator/cli.h"
#include "presets/features.h"
#include "presets/tool.h"

#include <cblas.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
  "usage: preset-analysis COMMAND [options] ...\n"
  "\n"
  "What a corpus of presets says: statistics, and presets made from them.\n"
  "\n"
  "A CORPUS is a folder of preset files, a folder of fits (NAME/preset.json), a .npy file of raw parameters or a\n"
  "folder with raw_params.npy (and train_index.npy), or a published corpus: internal, medleydb.\n"
  "A PRESET is what diffvox-render takes: a file, a fit's folder, a factory preset, medleydb:TRACK, internal:ROW.\n"
  "\n"
  "corpora:\n"
  "  collect RUNS -o CORPUS       gather fits that can be trusted; tells why others are left out\n"
  "  summary CORPUS               quantiles of every parameter, in physical units\n"
  "  export CORPUS -o FILE        .csv in physical units, or .npy of raw parameters\n"
  "  nearest PRESET CORPUS        the presets most like one\n"
  "statistics:\n"
  "  pca CORPUS [CORPUS2]         principal components; how much of a second corpus they explain\n"
  "  correlations CORPUS          rank correlations of parameters and effects, clustered\n"
  "  normality CORPUS             Shapiro-Wilk, Royston, Henze-Zirkler\n"
  "  prior CORPUS -o FILE         mean, covariance and components, as other tools read them\n"
  "  features CORPUS --voice FILE what the components do to a voice; -o keeps it for a report\n"
  "  report CORPUS [CORPUS2] -o FILE.html   all of it on one page\n"
  "presets:\n"
  "  sample [CORPUS] -o OUT       draw from the Gaussian of a corpus, or of --prior\n"
  "  morph A B -t AMOUNT -o FILE  between two presets\n"
  "  move PRESET --pc 1=+2 -o FILE   along principal components, in standard deviations\n"
  "\n"
  "options:\n"
  "  -o, --output PATH            what is written\n"
  "      --json                   results for machines on standard output\n"
  "      --corpora DIR            folder of the published corpora; else $DIFFVOX_CORPORA\n"
  "      --all-rows               also the rows that train_index.npy leaves out\n"
  "      --prior NAME             'internal' (the one that ships) or a file, for sample and move\n"
  "      --max-loss X             collect: largest loss to trust (4)\n"
  "      --max-fluctuation X      collect: largest median change of the loss a step (0.2)\n"
  "  -n, --count N                how many: samples (1), neighbours (5), correlations shown (20), presets moved (12)\n"
  "      --seed S                 of what is drawn (0)\n"
  "  -t, --amount T               morph: 0 is A, 1 is B (0.5)\n"
  "      --pc N=SIGMAS            move: component from 1, and how far; may be repeated\n"
  "      --components N           pca: listed (8); normality: tested (74, fewer for 99 %); features: moved (4)\n"
  "      --voice FILE             features: a dry voice\n"
  "      --seconds S              features: how much of it is used (12)\n"
  "      --features FILE          report: what features -o wrote\n"
  "      --source TEXT            prior: what it says it was made from\n"
  "      --c-table FILE           prior: its beginning as C source too\n"
  "  -q, --quiet                  no progress and no notes\n"
  "      --help, --version\n"
  "\n"
  "exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted\n";

typedef struct {
  const char* name;
  dv_status (*run)(const dv_tool_options* o, dv_error* err);
  int least_inputs, most_inputs;
  const char* inputs; /* for the error message */
  bool output;        /* -o is needed */
} command;

static const command commands[] = {
  {"collect", dv_tool_collect, 1, 1, "RUNS -o CORPUS", true},
  {"summary", dv_tool_summary, 1, 1, "CORPUS", false},
  {"export", dv_tool_export, 1, 1, "CORPUS -o FILE", true},
  {"nearest", dv_tool_nearest, 2, 2, "PRESET CORPUS", false},
  {"pca", dv_tool_pca, 1, 2, "CORPUS [CORPUS2]", false},
  {"correlations", dv_tool_correlations, 1, 1, "CORPUS", false},
  {"normality", dv_tool_normality, 1, 1, "CORPUS", false},
  {"prior", dv_tool_prior, 1, 1, "CORPUS -o FILE", true},
  {"features", dv_tool_features, 1, 1, "CORPUS --voice FILE", false},
  {"report", dv_tool_report, 1, 2, "CORPUS [CORPUS2] -o FILE.html", true},
  {"sample", dv_tool_sample, 0, 1, "[CORPUS] -o OUT", true},
  {"morph", dv_tool_morph, 2, 2, "A B -t AMOUNT -o FILE", true},
  {"move", dv_tool_move, 1, 1, "PRESET --pc N=SIGMAS -o FILE", true},
};

static int usage_error(const char* what, const char* value)
{
  return 1 + dv_cli_usage_error("preset-analysis", what, value);
}

static const command* find_command(const char* name)
{
  for (size_t i = 0; i < sizeof commands / sizeof *commands; ++i)
    if (!strcmp(commands[i].name, name)) return &commands[i];
  return NULL;
}

/* "1=+2" */
static int parse_move(const char* text, dv_tool_options* o)
{
  char component[16];
  double index, sigmas;
  const char* equals = strchr(text, '=');
  const size_t length = equals ? (size_t)(equals - text) : sizeof component;
  if (length < sizeof component) {
    memcpy(component, text, length);
    component[length] = '\0';
  }
  if (length >= sizeof component || !dv_cli_whole(component, 1, DV_EFFECTIVE_COUNT, &index) ||
      !dv_cli_number(equals + 1, -100, 100, &sigmas))
    return usage_error("--pc wants N=SIGMAS such as 1=+2, not", text);
  if (o->move_count == DV_TOOL_MOVES) return usage_error("--pc may be given 16 times, not again for", text);
  o->moves[o->move_count].component = (size_t)index - 1;
  o->moves[o->move_count++].sigmas = sigmas;
  return 0;
}

/* Numbers within limits; 0 to go on. */
static int parse_number(const char* name, const char* text, double low, double high, bool whole, double* value)
{
  char what[96];
  if (whole ? dv_cli_whole(text, low, high, value) : dv_cli_number(text, low, high, value)) return 0;
  snprintf(what, sizeof what, "%s wants a %snumber from %g to %g, not", name, whole ? "whole " : "", low, high);
  return usage_error(what, text);
}

static int parse_size(const char* name, const char* text, double high, size_t* size)
{
  double value = 0.0;
  const int wrong = parse_number(name, text, 1, high, true, &value);
  *size = (size_t)value;
  return wrong;
}

enum {
  JSON = 256,
  CORPORA,
  ALL_ROWS,
  PRIOR,
  MAX_LOSS,
  MAX_FLUCTUATION,
  SEED,
  PC,
  COMPONENTS,
  VOICE,
  SECONDS,
  FEATURES,
  SOURCE,
  C_TABLE,
  HELP,
  VERSION
};

static const struct option known[] = {{"output", required_argument, NULL, 'o'},
                                      {"json", no_argument, NULL, JSON},
                                      {"corpora", required_argument, NULL, CORPORA},
                                      {"all-rows", no_argument, NULL, ALL_ROWS},
                                      {"prior", required_argument, NULL, PRIOR},
                                      {"max-loss", required_argument, NULL, MAX_LOSS},
                                      {"max-fluctuation", required_argument, NULL, MAX_FLUCTUATION},
                                      {"count", required_argument, NULL, 'n'},
                                      {"seed", required_argument, NULL, SEED},
                                      {"amount", required_argument, NULL, 't'},
                                      {"pc", required_argument, NULL, PC},
                                      {"components", required_argument, NULL, COMPONENTS},
                                      {"voice", required_argument, NULL, VOICE},
                                      {"seconds", required_argument, NULL, SECONDS},
                                      {"features", required_argument, NULL, FEATURES},
                                      {"source", required_argument, NULL, SOURCE},
                                      {"c-table", required_argument, NULL, C_TABLE},
                                      {"quiet", no_argument, NULL, 'q'},
                                      {"help", no_argument, NULL, HELP},
                                      {"version", no_argument, NULL, VERSION},
                                      {0}};

/* 0 to go on, otherwise the exit status plus 1. */
static int parse_option(int c, dv_tool_options* o)
{
  double value = 0.0;
  int wrong = 0;
  switch (c) {
  case 'o': o->output = optarg; break;
  case JSON: o->json = true; break;
  case CORPORA: o->corpora = optarg; break;
  case ALL_ROWS: o->all_rows = true; break;
  case PRIOR: o->prior = optarg; break;
  case MAX_LOSS: return parse_number("--max-loss", optarg, 0, 1e9, false, &o->max_loss);
  case MAX_FLUCTUATION: return parse_number("--max-fluctuation", optarg, 0, 1e9, false, &o->max_fluctuation);
  case 'n': return parse_size("--count", optarg, 1e6, &o->count);
  case SEED:
    wrong = parse_number("--seed", optarg, 0, 9007199254740992.0, true, &value);
    o->seed = (uint64_t)value;
    return wrong;
  case 't': return parse_number("--amount", optarg, 0, 1, false, &o->amount);
  case PC: return parse_move(optarg, o);
  case COMPONENTS: return parse_size("--components", optarg, DV_EFFECTIVE_COUNT, &o->components);
  case VOICE: o->voice = optarg; break;
  case SECONDS: return parse_number("--seconds", optarg, 3.5, 600, false, &o->seconds);
  case FEATURES: o->features = optarg; break;
  case SOURCE: o->source = optarg; break;
  case C_TABLE: o->c_table = optarg; break;
  case 'q': o->quiet = true; break;
  case HELP: fputs(USAGE, stdout); return 1;
  case VERSION: puts("preset-analysis " DV_VERSION); return 1;
  default: fputs("see preset-analysis --help\n", stderr); return 1 + DV_EXIT_USAGE;
  }
  return 0;
}

static int check_arguments(int argc, char** argv, const command* what, dv_tool_options* o)
{
  const int count = argc - optind;
  char text[96];
  if (count < what->least_inputs || count > what->most_inputs) {
    snprintf(text, sizeof text, "%s wants %s", what->name, what->inputs);
    return usage_error(text, "");
  }
  for (int i = 0; i < count; ++i) o->inputs[i] = argv[optind + i];
  snprintf(text, sizeof text, "%s wants -o: %s", what->name, what->inputs);
  if (what->output && !o->output) return usage_error(text, "");
  if (what->run == dv_tool_move && !o->move_count) return usage_error("move wants --pc N=SIGMAS", "");
  if (what->run == dv_tool_features && !o->voice) return usage_error("features wants --voice FILE, a dry voice", "");
  if (what->run == dv_tool_features && o->components > DV_STUDY_MAX_COMPONENTS)
    return usage_error("features moves along at most 8 components", "");
  return 0;
}

static int parse_arguments(int argc, char** argv, const command** what, dv_tool_options* o)
{
  for (int c, stop; (c = getopt_long(argc, argv, "o:n:t:q", known, NULL)) != -1;)
    if ((stop = parse_option(c, o)) != 0) return stop;
  if (optind == argc) return usage_error("wants a command", "");
  *what = find_command(argv[optind]);
  if (!*what) return usage_error("has no command", argv[optind]);
  ++optind;
  return check_arguments(argc, argv, *what, o);
}

int main(int argc, char** argv)
{
  dv_tool_options o = {.max_loss = 4.0, .max_fluctuation = 0.2, .amount = 0.5, .seconds = 12.0};
  const command* what = NULL;
  dv_error err = {{0}};
  const int stop = parse_arguments(argc, argv, &what, &o);
  if (stop) return stop - 1;
  openblas_set_num_threads(1); /* the matrices are small: more threads would only wait for each other */
  dv_status status = what->run(&o, &err);
  if (!status) status = dv_cli_flush(&err);
  if (status) fprintf(stderr, "preset-analysis: %s\n", err.text);
  return status == DV_ERR_CANCELLED ? 130 : status ? EXIT_FAILURE : EXIT_SUCCESS;
}
