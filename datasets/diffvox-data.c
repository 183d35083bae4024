/* SPDX-License-Identifier: MIT */
/* diffvox-data: finds pairs of dry and wet stems, and tells what is wrong with them. */
#include "datasets/align.h"
#include "datasets/data_tool.h"
#include "estimator/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
  "usage: diffvox-data scan ROOT [-o MANIFEST] [options]\n"
  "       diffvox-data check MANIFEST [-o MANIFEST] [options]\n"
  "\n"
  "scan finds pairs of a dry and a wet stem below the folder ROOT and lists them, and all that it leaves out with\n"
  "the reason.  It knows MedleyDB (a voice that one raw track was mixed to), names (NAME.dry.wav and NAME.wet.wav,\n"
  "the same with _ - or a space; dry/NAME.wav and wet/NAME.wav; SONG/dry.wav and SONG/wet.wav), and CSV files with\n"
  "the columns dry, wet and perhaps id; ROOT may also be one.  Every format that libsndfile reads will do.\n"
  "  -o, --output FILE    write a manifest, for check and for diffvox-fit --manifest; -: to standard output\n"
  "      --without-bleed  leave out songs in which other instruments are heard\n"
  "      --include GLOB   only pairs whose id matches, as in 'MusicDelta_*'\n"
  "      --exclude GLOB   no pairs whose id matches\n"
  "\n"
  "check reads every pair as a fit would and says what is wrong: missing, unreadable, silent, clipped, a stereo dry\n"
  "stem, unrelated, misaligned beyond the search, rates that differ, too short, has_bleed, and more.  Each pair is\n"
  "ok, has a warning, or is bad: a fit would fail.\n"
  "  -o, --output FILE    write a manifest of those that are not bad\n"
  "      --strict         warnings are bad\n"
  "      --search SECONDS how far to look for the lag, 0.001 to 60 (10)\n"
  "\n"
  "both:\n"
  "      --json           one JSON object a pair and a last one with the counts, on standard output\n"
  "  -q, --quiet          the counts only\n"
  "      --help, --version\n"
  "\n"
  "exit status: 0 done; 1 failed, no pair found, or a bad one; 2 wrong usage; 130 ended by Ctrl-C\n";

int dv_data_fail(const dv_error* err)
{
  fprintf(stderr, "diffvox-data: %s\n", err->text);
  return EXIT_FAILURE;
}

json_t* dv_data_text(const char* text)
{
  json_t* value = json_string(text);
  char* plain = value ? NULL : strdup(text);
  if (!plain) return value;
  for (char* c = plain; *c; ++c)
    if (*c < 0) *c = '?';
  value = json_string(plain);
  free(plain);
  return value;
}

dv_status dv_data_print(json_t* object, dv_error* err)
{
  char* text = object ? json_dumps(object, JSON_PRESERVE_ORDER) : NULL;
  json_decref(object);
  if (!text) return dv_fail(err, DV_ERR_NOMEM, "No memory for the output");
  puts(text);
  free(text);
  return dv_cli_flush(err);
}

static int usage_error(const char* what, const char* value) { return dv_cli_usage_error("diffvox-data", what, value); }

enum { WITHOUT_BLEED = 256, INCLUDE, EXCLUDE, STRICT, SEARCH, JSON, HELP, VERSION };

static const struct option common[] = {{"output", required_argument, NULL, 'o'},
                                       {"json", no_argument, NULL, JSON},
                                       {"quiet", no_argument, NULL, 'q'},
                                       {"help", no_argument, NULL, HELP},
                                       {"version", no_argument, NULL, VERSION}};

static const struct option of_scan[] = {{"without-bleed", no_argument, NULL, WITHOUT_BLEED},
                                        {"include", required_argument, NULL, INCLUDE},
                                        {"exclude", required_argument, NULL, EXCLUDE},
                                        {0}};
static const struct option of_check[] = {
  {"strict", no_argument, NULL, STRICT}, {"search", required_argument, NULL, SEARCH}, {0}};

enum { COMMON = sizeof common / sizeof *common, MOST = 8 };

/* 0 to go on, otherwise the exit status plus 1. */
static int parse_option(int c, dv_data_options* o)
{
  switch (c) {
  case 'o': o->output = optarg; break;
  case 'q': o->quiet = true; break;
  case JSON: o->json = true; break;
  case WITHOUT_BLEED: o->scan.without_bleed = true; break;
  case INCLUDE: o->scan.include = optarg; break;
  case EXCLUDE: o->scan.exclude = optarg; break;
  case STRICT: o->strict = true; break;
  case SEARCH:
    if (!dv_cli_number(optarg, 0.001, DV_ALIGN_MAX_SEARCH_S, &o->search_s))
      return 1 + usage_error("--search takes 0.001 to 60 seconds, not", optarg);
    break;
  case HELP: fputs(USAGE, stdout); return 1;
  case VERSION: puts("diffvox-data " DV_VERSION); return 1;
  default: fputs("see diffvox-data --help\n", stderr); return 1 + DV_EXIT_USAGE;
  }
  return 0;
}

/* argv[0] is the subcommand. */
static int parse_options(int argc, char** argv, const struct option* own, const char* wants, dv_data_options* o)
{
  struct option known[COMMON + MOST];
  size_t count = 0;
  memcpy(known, common, sizeof common);
  do known[COMMON + count] = own[count];
  while (own[count++].name);
  for (int c, result; (c = getopt_long(argc, argv, "o:q", known, NULL)) != -1;)
    if ((result = parse_option(c, o))) return result;
  if (argc - optind != 1) return 1 + usage_error(argv[0], wants);
  if (o->json && o->output && !strcmp(o->output, "-"))
    return 1 + usage_error("--json and -o - both want standard output; give", "-o FILE");
  o->input = argv[optind];
  return 0;
}

int main(int argc, char** argv)
{
  dv_data_options o = {.search_s = DV_ALIGN_SEARCH_S};
  const char* command = argc > 1 ? argv[1] : "";
  if (!strcmp(command, "--help") || !strcmp(command, "--version")) {
    parse_option(command[2] == 'h' ? HELP : VERSION, &o);
    return EXIT_SUCCESS;
  }
  const bool scan = !strcmp(command, "scan");
  if (!scan && strcmp(command, "check")) return usage_error("wants scan or check, not", *command ? command : "nothing");
  const int result = parse_options(argc - 1, argv + 1, scan ? of_scan : of_check,
                                   scan ? "wants one folder or CSV file" : "wants one manifest", &o);
  if (result) return result - 1;
  return scan ? dv_data_scan(&o) : dv_data_check(&o);
}
