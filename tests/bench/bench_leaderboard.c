/* SPDX-License-Identifier: MIT */
/* bench_leaderboard: pairs whose true settings are known, and how well fits find them. */
#include "leaderboard.h"

#include "estimator/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
  "usage: bench_leaderboard make FOLDER [VOICE...] [--pairs N] [--seconds S]\n"
  "       bench_leaderboard table FOLDER/manifest.jsonl RUNS [--sensitivity N] [--threads N] [--json]\n"
  "\n"
  "make: renders dry voices (files, or folders of them; else those beside the project, else the words of\n"
  "alsa-utils) through the factory presets: FOLDER/ID/{dry.wav,wet.wav,truth.json} and FOLDER/manifest.jsonl.\n"
  "  --pairs N        how many (40)\n"
  "  --seconds S      of each (6)\n"
  "table: compares fits, RUNS/ID, with the truth, parameter by parameter in physical units.\n"
  "  --sensitivity N  on how many pairs the loss around the truth is measured (10); 0: not at all\n"
  "  --threads N      threads (1); the result does not depend on it\n"
  "  --json           JSON instead of the table\n"
  "exit status: 0 done, 1 failed, 2 wrong usage\n";

enum { PAIRS = 256, SECONDS, SENSITIVITY, THREADS, JSON, HELP };

typedef struct {
  leaderboard_make_options make;
  leaderboard_table_options table;
} options;

static int usage_error(const char* what, const char* value)
{
  return dv_cli_usage_error("bench_leaderboard", what, value);
}

/* One option; the message when its value is wrong, "" when it is not known. */
static const char* take(int option, options* o)
{
  double n = 0.0;
  switch (option) {
  case PAIRS:
    if (!dv_cli_whole(optarg, 1, 9999, &n)) return "--pairs wants 1 to 9999, not";
    o->make.pairs = (size_t)n;
    return NULL;
  case SECONDS: return dv_cli_number(optarg, 1, 600, &o->make.seconds) ? NULL : "--seconds wants 1 to 600, not";
  case SENSITIVITY:
    if (!dv_cli_whole(optarg, 0, 9999, &n)) return "--sensitivity wants 0 to 9999, not";
    o->table.sensitivity_pairs = (size_t)n;
    return NULL;
  case THREADS:
    if (!dv_cli_whole(optarg, 1, 1024, &n)) return "--threads wants 1 to 1024, not";
    o->table.threads = (int)n;
    return NULL;
  case JSON: o->table.json = true; return NULL;
  default: return "";
  }
}

static int run(const options* o, int count, char** words)
{
  dv_error err = {""};
  dv_status status = DV_OK;
  if (count >= 2 && !strcmp(words[0], "make")) {
    leaderboard_make_options make = o->make;
    make.folder = words[1];
    make.voices = (const char* const*)words + 2;
    make.voice_count = (size_t)count - 2;
    status = leaderboard_make(&make, &err);
  } else if (count == 3 && !strcmp(words[0], "table")) {
    leaderboard_table_options table = o->table;
    table.manifest = words[1];
    table.runs = words[2];
    status = leaderboard_table(&table, &err);
  } else return usage_error("wants 'make FOLDER' or 'table MANIFEST RUNS'", "");
  if (!status) status = dv_cli_flush(&err);
  if (status) fprintf(stderr, "bench_leaderboard: %s\n", err.text);
  return status ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char** argv)
{
  static const struct option known[] = {{"pairs", required_argument, NULL, PAIRS},
                                        {"seconds", required_argument, NULL, SECONDS},
                                        {"sensitivity", required_argument, NULL, SENSITIVITY},
                                        {"threads", required_argument, NULL, THREADS},
                                        {"json", no_argument, NULL, JSON},
                                        {"help", no_argument, NULL, HELP},
                                        {0}};
  options o = {.make = {.pairs = 40, .seconds = 6.0}, .table = {.sensitivity_pairs = 10, .threads = 1}};
  for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    if (c == HELP) return fputs(USAGE, stdout), EXIT_SUCCESS;
    const char* wrong = take(c, &o);
    if (wrong && *wrong) return usage_error(wrong, optarg);
    if (wrong) return usage_error("does not know that option", "");
  }
  return run(&o, argc - optind, argv + optind);
}
