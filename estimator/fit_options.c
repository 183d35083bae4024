/* SPDX-License-Identifier: MIT */
#include "estimator/fit_options.h"

#include "dsp/team.h"
#include "estimator/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char USAGE[] =
  "usage: diffvox-fit DRY WET -o DIR [options]\n"
  "       diffvox-fit --manifest FILE -o RUNS [--jobs N] [--shard I/N] [options]\n"
  "\n"
  "Finds the EQ, compressor, ping-pong delay and reverb settings that turn the dry vocal stem DRY into the\n"
  "wet one WET.  Writes into DIR:\n"
  "  report.html      what was found, with curves, spectrograms and players: open it in a browser\n"
  "  preset.json      the settings, in physical units, with the gains that calibrate them to these stems\n"
  "  preset.lv2       the same as a preset bundle for the plugin\n"
  "  render.wav       DRY through the settings, at the level of WET\n"
  "  dry-aligned.wav  DRY as the fit saw it, at its own level; wet.wav: what it was compared with\n"
  "  losses.csv       the loss at every step\n"
  "  run.json         options, inputs, alignment, gains, losses, how it ended\n"
  "\n"
  "Stems are audio files of any rate from 8 to 192 kHz (WAV, FLAC, Ogg, MP3, AIFF); other rates than 44.1 kHz\n"
  "are resampled.  DRY of several channels is averaged; WET is mono or stereo.\n"
  "\n"
  "what is fitted:\n"
  "  -n, --steps N           steps of the optimiser, those of other starts come on top (400; 2000 with --reference)\n"
  "      --starts N          try N starts, 1 to 64, for 60 steps each, the best two for 150; the lower goes on (4; 1\n"
  "                          with --init, --reference, fewer than 200 steps or hardly an effect)\n"
  "      --max-seconds S     end after S seconds, with the schedule shortened to fit\n"
  "      --init PRESET       start from a preset: a file, the folder of a fit, a factory or published preset\n"
  "      --freeze LIST       some of eq,compressor,delay,reverb,send,pan that stay as they start\n"
  "      --learning-rate X   first rate (0.1 deviations of the published presets; 0.02 with --init, 0.01 where\n"
  "                          there is hardly an effect)\n"
  "      --reference         the published procedure: Adam at a constant 0.01 from its random start\n"
  "      --seed N            draw of the chunks and of the starts, and start of --reference (0)\n"
  "stems:\n"
  "      --align auto|off|SAMPLES   find how much later WET is, take the stems as they are, or the lag at 44.1 kHz\n"
  "      --invert            with --align SAMPLES: WET is inverted\n"
  "      --search SECONDS    how far to look for the lag, 0.001 to 60 (10)\n"
  "      --lufs off|LUFS     loudness that both stems are brought to (-18), or leave them\n"
  "running:\n"
  "  -o, --output DIR        where to write; made if it is missing\n"
  "      --resume            go on from the checkpoint in DIR, also after the time was up; stems and options must\n"
  "                          be the same, but for the time\n"
  "      --checkpoint-seconds S   how often DIR/checkpoint is written (5); 0: after every step\n"
  "  -j, --threads N         threads (all processors); the result does not depend on it\n"
  "      --corpora DIR       folder of the published presets, for --init; else $DIFFVOX_CORPORA\n"
  "      --json              one JSON object a step, and a last one with the result, on standard output\n"
  "  -q, --quiet             no progress, notes or summary\n"
  "      --help, --version\n"
  "\n"
  "many pairs:\n"
  "      --manifest FILE     a fit for each pair that diffvox-data scan listed, into RUNS/ID; those that are there\n"
  "                          are skipped, those that were cut go on, one that fails stops no other\n"
  "      --jobs N            fits at once, each a process (all processors); -j is the threads of each\n"
  "      --shard I/N         every Nth pair from the Ith on, I from 1; without it several of these on one RUNS, also\n"
  "                          on several machines, share the pairs among themselves\n"
  "\n"
  "Ctrl-C (or SIGTERM, SIGHUP) ends the fit and writes the best settings so far; --resume goes on from there.\n"
  "exit status: 0 done, 1 failed, 2 wrong usage, 130 ended by Ctrl-C, TERM or HUP with results written\n";

typedef struct {
  const char* name;
  unsigned effects;
} part;

static const part parts[] = {
  {"eq", 1u << DV_EFFECT_PEAK1 | 1u << DV_EFFECT_PEAK2 | 1u << DV_EFFECT_LOWSHELF | 1u << DV_EFFECT_HIGHSHELF |
           1u << DV_EFFECT_LOWPASS | 1u << DV_EFFECT_HIGHPASS},
  {"compressor", 1u << DV_EFFECT_COMPRESSOR},
  {"delay", 1u << DV_EFFECT_DELAY},
  {"reverb", 1u << DV_EFFECT_REVERB},
  {"send", 1u << DV_EFFECT_SEND},
  {"pan", 1u << DV_EFFECT_PAN},
};
enum { PARTS = sizeof parts / sizeof *parts };

static int usage_error(const char* what, const char* value) { return dv_cli_usage_error("diffvox-fit", what, value); }

/* A comma-separated list of parts. */
static bool parse_parts(const char* text, unsigned* effects)
{
  while (*text) {
    const size_t length = strcspn(text, ",");
    size_t i = 0;
    while (i < PARTS && (strlen(parts[i].name) != length || strncmp(parts[i].name, text, length))) ++i;
    if (i == PARTS) return false;
    *effects |= parts[i].effects;
    text += length + (text[length] == ',');
  }
  return *effects != 0;
}

static bool is_everything(unsigned effects) { return effects == (1u << DV_EFFECT_COUNT) - 1; }

static bool parse_align(const char* text, dv_stems_config* stems)
{
  double lag;
  if (!strcmp(text, "auto")) stems->align = DV_ALIGN_AUTO;
  else if (!strcmp(text, "off")) stems->align = DV_ALIGN_OFF;
  else if (dv_cli_whole(text, -1e9, 1e9, &lag)) {
    stems->align = DV_ALIGN_GIVEN;
    stems->lag_samples = (ptrdiff_t)lag;
  } else return false;
  return true;
}

static bool parse_lufs(const char* text, dv_stems_config* stems)
{
  stems->normalise = strcmp(text, "off") != 0;
  return !stems->normalise || dv_cli_number(text, -60, 0, &stems->lufs);
}

static bool parse_jobs(const char* text, dv_fit_batch_options* batch)
{
  double jobs;
  if (!dv_cli_whole(text, 1, 256, &jobs)) return false;
  batch->jobs = (size_t)jobs;
  return true;
}

static bool parse_shard(const char* text, dv_fit_batch_options* batch)
{
  char first[24];
  double shard, shards;
  const char* slash = strchr(text, '/');
  if (!slash || slash - text >= (ptrdiff_t)sizeof first) return false;
  memcpy(first, text, (size_t)(slash - text));
  first[slash - text] = '\0';
  if (!dv_cli_whole(slash + 1, 1, 1e6, &shards) || !dv_cli_whole(first, 1, shards, &shard)) return false;
  batch->shard = (size_t)shard;
  batch->shards = (size_t)shards;
  return true;
}

enum {
  LEARNING_RATE = 256,
  STARTS,
  SEED,
  ALIGN,
  INVERT,
  SEARCH,
  LUFS,
  MAX_SECONDS,
  INIT,
  FREEZE,
  REFERENCE,
  RESUME,
  CHECKPOINT,
  CORPORA,
  JSON,
  MANIFEST,
  JOBS,
  SHARD,
  HELP,
  VERSION
};

static const struct option known[] = {{"output", required_argument, NULL, 'o'},
                                      {"steps", required_argument, NULL, 'n'},
                                      {"starts", required_argument, NULL, STARTS},
                                      {"threads", required_argument, NULL, 'j'},
                                      {"quiet", no_argument, NULL, 'q'},
                                      {"learning-rate", required_argument, NULL, LEARNING_RATE},
                                      {"seed", required_argument, NULL, SEED},
                                      {"align", required_argument, NULL, ALIGN},
                                      {"invert", no_argument, NULL, INVERT},
                                      {"search", required_argument, NULL, SEARCH},
                                      {"lufs", required_argument, NULL, LUFS},
                                      {"max-seconds", required_argument, NULL, MAX_SECONDS},
                                      {"init", required_argument, NULL, INIT},
                                      {"freeze", required_argument, NULL, FREEZE},
                                      {"reference", no_argument, NULL, REFERENCE},
                                      {"resume", no_argument, NULL, RESUME},
                                      {"checkpoint-seconds", required_argument, NULL, CHECKPOINT},
                                      {"corpora", required_argument, NULL, CORPORA},
                                      {"json", no_argument, NULL, JSON},
                                      {"manifest", required_argument, NULL, MANIFEST},
                                      {"jobs", required_argument, NULL, JOBS},
                                      {"shard", required_argument, NULL, SHARD},
                                      {"help", no_argument, NULL, HELP},
                                      {"version", no_argument, NULL, VERSION},
                                      {0}};

/* What was given, before --reference and --init have decided what the rest is. */
typedef struct {
  double steps, starts, learning_rate, seed, threads, max_seconds;
} numbers;

/* One option; the message when its value is wrong, NULL when all is well. */
static const char* take(int c, dv_fit_options* o, numbers* n)
{
  switch (c) {
  case 'o': o->output = optarg; return NULL;
  case 'n': return dv_cli_whole(optarg, 1, 1e9, &n->steps) ? NULL : "--steps wants a whole number from 1, not";
  case STARTS: return dv_cli_whole(optarg, 1, 64, &n->starts) ? NULL : "--starts wants 1 to 64, not";
  case 'j': return dv_cli_whole(optarg, 1, 1024, &n->threads) ? NULL : "--threads wants 1 to 1024, not";
  case 'q': o->quiet = true; return NULL;
  case LEARNING_RATE:
    return dv_cli_number(optarg, 1e-9, 10, &n->learning_rate) ? NULL : "--learning-rate wants 1e-9 to 10, not";
  case SEED:
    return dv_cli_whole(optarg, 0, 9007199254740992.0, &n->seed) ? NULL : "--seed wants a whole number from 0, not";
  case ALIGN: return parse_align(optarg, &o->stems) ? NULL : "--align wants 'auto', 'off' or a number of samples, not";
  case INVERT: o->stems.polarity = -1; return NULL;
  case SEARCH:
    return dv_cli_number(optarg, 1e-3, DV_ALIGN_MAX_SEARCH_S, &o->stems.search_s)
             ? NULL
             : "--search wants 0.001 to 60 seconds, not";
  case LUFS: return parse_lufs(optarg, &o->stems) ? NULL : "--lufs wants 'off' or -60 to 0, not";
  case MAX_SECONDS:
    return dv_cli_number(optarg, 1e-3, 1e9, &n->max_seconds) ? NULL : "--max-seconds wants a positive number, not";
  case INIT: o->init = optarg; return NULL;
  case FREEZE:
    o->freeze = optarg;
    return parse_parts(optarg, &o->fit.frozen) ? NULL
                                               : "--freeze wants some of eq,compressor,delay,reverb,send,pan, not";
  case REFERENCE: o->reference = true; return NULL;
  case RESUME: o->resume = true; return NULL;
  case CHECKPOINT:
    return dv_cli_number(optarg, 0, 1e9, &o->checkpoint_s) ? NULL : "--checkpoint-seconds wants a number from 0, not";
  case CORPORA: o->corpora_dir = optarg; return NULL;
  case JSON: o->json = true; return NULL;
  case MANIFEST: o->batch.manifest = optarg; return NULL;
  case JOBS: return parse_jobs(optarg, &o->batch) ? NULL : "--jobs wants 1 to 256, not";
  case SHARD: return parse_shard(optarg, &o->batch) ? NULL : "--shard wants I/N, I from 1 to N, not";
  default: return "";
  }
}

/* What a batch hands on; false: there is no room for it. */
static bool keep_given(int c, dv_fit_batch_options* batch)
{
  const struct option* row = known;
  while (row->name && row->val != c) ++row;
  const bool letter = c < LEARNING_RATE; /* the others are no characters */
  if (!row->name || (letter && strchr("oqj", c)) || c == RESUME || c == JSON || c == MANIFEST || c == JOBS ||
      c == SHARD)
    return true;
  if (batch->given_count == DV_FIT_MAX_GIVEN) return false;
  const char* value = row->has_arg == no_argument ? NULL : optarg;
  batch->given[batch->given_count++] = (dv_fit_given){row->name, value, c != CHECKPOINT && c != CORPORA};
  return true;
}

/* Steps of which those of the trials are no great part. */
enum { WORTH_TRIALS = 200 };

static void settle(dv_fit_options* o, const numbers* n)
{
  const unsigned frozen = o->fit.frozen;
  if (o->reference) dv_fit_config_reference(&o->fit);
  else dv_fit_config_default(&o->fit);
  o->fit.frozen = frozen;
  o->stems.keep_side = o->reference;
  o->rate_given = n->learning_rate > 0.0;
  if (o->init && !o->reference) o->fit.learning_rate = 0.02;
  if (o->rate_given) o->fit.learning_rate = n->learning_rate;
  if (o->reference || o->fit.final_rate > o->fit.learning_rate) o->fit.final_rate = o->fit.learning_rate;
  if (n->steps > 0.0) o->fit.steps = (size_t)n->steps;
  if (o->init || o->fit.steps < WORTH_TRIALS) o->fit.starts = 1;
  if (n->starts > 0.0) o->fit.starts = (size_t)n->starts;
  o->fit.seed = (uint64_t)n->seed;
  o->fit.max_seconds = n->max_seconds;
  const int available = dv_team_processors();
  if (o->batch.manifest && !o->batch.jobs) o->batch.jobs = (size_t)available;
  const int share = o->batch.manifest ? available / (int)o->batch.jobs : available;
  o->fit.objective.threads = n->threads > 0.0 ? (int)n->threads : share > 0 ? share : 1;
}

int dv_fit_options_parse(int argc, char** argv, dv_fit_options* o)
{
  numbers n = {0};
  *o = (dv_fit_options){.checkpoint_s = 5.0};
  dv_stems_config_default(&o->stems);
  for (int c; (c = getopt_long(argc, argv, "o:n:j:q", known, NULL)) != -1;) {
    if (c == HELP) fputs(USAGE, stdout);
    if (c == VERSION) puts("diffvox-fit " DV_VERSION);
    if (c == HELP || c == VERSION) return 1;
    const char* wrong = take(c, o, &n);
    if (wrong && *wrong) return 1 + usage_error(wrong, optarg);
    if (wrong) { /* getopt has said what */
      fputs("see diffvox-fit --help\n", stderr);
      return 1 + DV_EXIT_USAGE;
    }
    if (!keep_given(c, &o->batch)) return 1 + usage_error("too many options", "");
  }
  const bool batch = o->batch.manifest;
  if (!batch && (o->batch.jobs || o->batch.shards)) return 1 + usage_error("--jobs and --shard go with --manifest", "");
  if (batch && argc != optind) return 1 + usage_error("wants no other files with --manifest, not", argv[optind]);
  if (!batch && argc - optind != 2) return 1 + usage_error("wants two files, DRY and WET", "");
  if (!o->output || !*o->output) return 1 + usage_error("wants a folder for its results: -o DIR", "");
  if (o->stems.polarity < 0 && o->stems.align != DV_ALIGN_GIVEN)
    return 1 + usage_error("--invert goes with --align SAMPLES", "");
  if (is_everything(o->fit.frozen))
    return 1 + usage_error("nothing is left to fit: leave one part out of --freeze", o->freeze);
  if (o->corpora_dir && !o->init) return 1 + usage_error("--corpora goes with --init PRESET", "");
  if (!batch) {
    o->dry = argv[optind];
    o->wet = argv[optind + 1];
  }
  settle(o, &n);
  if (o->fit.starts > 1 && o->reference) return 1 + usage_error("--reference has one start; leave out --starts", "");
  if (o->fit.starts > 1 && o->fit.final_steps >= o->fit.steps)
    return 1 + usage_error("--starts wants more than 150 steps; give --steps more or leave it out", "");
  return 0;
}
