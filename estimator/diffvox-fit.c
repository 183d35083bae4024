/* SPDX-License-Identifier: MIT */
/* diffvox-fit: finds the settings that turn a dry stem into its wet one. */
#include "datasets/audio.h"
#include "datasets/file.h"
#include "datasets/loudness.h"
#include "dsp/render.h"
#include "estimator/cli.h"
#include "estimator/fit.h"
#include "estimator/progress.h"
#include "presets/preset.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_INTERRUPTED = 130 };

static const char USAGE[] =
  "usage: diffvox-fit DRY WET -o DIR [options]\n"
  "\n"
  "Finds the EQ, compressor, ping-pong delay and reverb settings that turn the dry vocal stem DRY into\n"
  "the wet one WET, by the published procedure.  Writes into DIR:\n"
  "  preset.json   the settings, in physical units\n"
  "  render.wav    DRY through them, at the level of WET\n"
  "  losses.csv    the loss at every step\n"
  "\n"
  "Both stems at 44.1 kHz and aligned to the sample.  DRY of several channels is averaged; WET is mono\n"
  "or stereo.  The longer one is cut to the shorter.\n"
  "\n"
  "options:\n"
  "  -o, --output DIR        where to write; made if it is missing\n"
  "  -n, --steps N           steps of the optimiser (2000)\n"
  "      --learning-rate X   of Adam (0.01)\n"
  "      --seed N            start of the reverb and draw of the chunks (0)\n"
  "  -j, --threads N         threads (all processors); the result does not depend on it\n"
  "      --align off         take the stems as aligned; the only choice so far\n"
  "      --lufs off|LUFS     loudness that both stems are brought to (-18), or leave them\n"
  "  -q, --quiet             no progress\n"
  "      --help, --version\n"
  "\n"
  "Ctrl-C (or SIGTERM, SIGHUP) ends the fit and writes the best settings so far.\n"
  "exit status: 0 done, 1 failed, 2 wrong usage, 130 ended by Ctrl-C with results written\n";

typedef struct {
  const char *dry, *wet, *output;
  dv_fit_config fit;
  bool normalise;
  double lufs;
  bool quiet;
} options;

static volatile sig_atomic_t interrupted; /* a signal handler has no other way to speak */

static void on_interrupt(int signal_number)
{
  (void)signal_number;
  interrupted = 1;
}

static int usage_error(const char* what, const char* value) { return dv_cli_usage_error("diffvox-fit", what, value); }

/* 0 to go on, otherwise the exit status plus 1. */
static int parse_options(int argc, char** argv, options* o)
{
  enum { LEARNING_RATE = 256, SEED, ALIGN, LUFS, HELP, VERSION };
  static const struct option known[] = {{"output", required_argument, NULL, 'o'},
                                        {"steps", required_argument, NULL, 'n'},
                                        {"learning-rate", required_argument, NULL, LEARNING_RATE},
                                        {"seed", required_argument, NULL, SEED},
                                        {"threads", required_argument, NULL, 'j'},
                                        {"align", required_argument, NULL, ALIGN},
                                        {"lufs", required_argument, NULL, LUFS},
                                        {"quiet", no_argument, NULL, 'q'},
                                        {"help", no_argument, NULL, HELP},
                                        {"version", no_argument, NULL, VERSION},
                                        {0}};
  double value;
  for (int c; (c = getopt_long(argc, argv, "o:n:j:q", known, NULL)) != -1;) switch (c) {
    case 'o': o->output = optarg; break;
    case 'n':
      if (!dv_cli_whole(optarg, 1, 1e9, &value))
        return 1 + usage_error("--steps wants a whole number from 1, not", optarg);
      o->fit.steps = (size_t)value;
      break;
    case 'j':
      if (!dv_cli_whole(optarg, 1, 1024, &value)) return 1 + usage_error("--threads wants 1 to 1024, not", optarg);
      o->fit.threads = (int)value;
      break;
    case LEARNING_RATE:
      if (!dv_cli_number(optarg, 1e-9, 10, &o->fit.learning_rate))
        return 1 + usage_error("--learning-rate wants 1e-9 to 10, not", optarg);
      break;
    case SEED:
      if (!dv_cli_whole(optarg, 0, 9007199254740992.0, &value))
        return 1 + usage_error("--seed wants a whole number from 0, not", optarg);
      o->fit.seed = (uint64_t)value;
      break;
    case ALIGN:
      if (strcmp(optarg, "off")) return 1 + usage_error("--align knows only 'off', not", optarg);
      break;
    case LUFS:
      o->normalise = strcmp(optarg, "off") != 0;
      if (o->normalise && !dv_cli_number(optarg, -60, 0, &o->lufs))
        return 1 + usage_error("--lufs wants 'off' or -60 to 0, not", optarg);
      break;
    case 'q': o->quiet = true; break;
    case HELP: fputs(USAGE, stdout); return 1;
    case VERSION: puts("diffvox-fit " DV_VERSION); return 1;
    default: fputs("see diffvox-fit --help\n", stderr); return 1 + DV_EXIT_USAGE;
    }
  if (argc - optind != 2) return 1 + usage_error("wants two files, DRY and WET", "");
  if (!o->output || !*o->output) return 1 + usage_error("wants a folder for its results: -o DIR", "");
  o->dry = argv[optind];
  o->wet = argv[optind + 1];
  return 0;
}

/* The stems as the fit sees them, and the gains that brought them there. */
typedef struct {
  dv_audio dry, wet;
  size_t frames;
  double dry_gain_db, wet_gain_db;
} stems;

static dv_status check_stem(const char* path, const dv_audio* audio, size_t most_channels, dv_error* err)
{
  if (audio->rate_hz != DV_MODEL_RATE_HZ)
    return dv_fail(err, DV_ERR_ARG,
                   "%s: sample rate is %g Hz, a fit wants 44100; resample it, for example with: "
                   "sox IN -r 44100 OUT",
                   dv_file_label(path), audio->rate_hz);
  if (audio->channels > most_channels)
    return dv_fail(err, DV_ERR_ARG, "%s: %zu channels, the wet stem has one or two; mix it down first",
                   dv_file_label(path), audio->channels);
  return DV_OK;
}

static dv_status read_stems(const options* o, stems* s, dv_error* err)
{
  dv_status status = dv_audio_read(o->dry, &s->dry, err);
  if (!status) status = dv_audio_read(o->wet, &s->wet, err);
  if (!status) status = check_stem(o->dry, &s->dry, DV_AUDIO_MAX_CHANNELS, err);
  if (!status) status = check_stem(o->wet, &s->wet, 2, err);
  if (status) return status;
  dv_audio_to_mono(&s->dry);
  s->frames = s->dry.frames < s->wet.frames ? s->dry.frames : s->wet.frames;
  if (s->dry.frames != s->wet.frames && !o->quiet)
    fprintf(stderr, "diffvox-fit: using the first %.2f s: the stems differ in length (%.2f s dry, %.2f s wet)\n",
            (double)s->frames / DV_MODEL_RATE_HZ, (double)s->dry.frames / DV_MODEL_RATE_HZ,
            (double)s->wet.frames / DV_MODEL_RATE_HZ);
  return DV_OK;
}

static float* wet_channel(const stems* s, size_t channel)
{
  return dv_audio_channel(&s->wet, s->wet.channels == 2 ? channel : 0);
}

/* Gain to the target loudness, measured over the part that is used.  A mono wet counts as two channels. */
static dv_status loudness_gain(const options* o, const char* path, const float* const* channels, size_t count,
                               size_t frames, double* gain_db, dv_error* err)
{
  dv_error cause;
  double lufs;
  const dv_status status = dv_loudness_lufs(channels, count, frames, DV_MODEL_RATE_HZ, &lufs, &cause);
  if (status) return dv_fail(err, status, "%s: %.200s; --lufs off takes it as it is", dv_file_label(path), cause.text);
  *gain_db = o->lufs - lufs;
  if (fabs(*gain_db) <= DV_PRESET_MAX_GAIN_DB) return DV_OK;
  return dv_fail(err, DV_ERR_ARG, "%s: its loudness, %.0f LUFS, is more than %.0f dB from %g; bring it to full scale",
                 dv_file_label(path), lufs, DV_PRESET_MAX_GAIN_DB, o->lufs);
}

static dv_status normalise(const options* o, stems* s, dv_error* err)
{
  const float* dry[1] = {dv_audio_channel(&s->dry, 0)};
  const float* wet[2] = {wet_channel(s, 0), wet_channel(s, 1)};
  dv_status status = loudness_gain(o, o->dry, dry, 1, s->frames, &s->dry_gain_db, err);
  if (!status) status = loudness_gain(o, o->wet, wet, 2, s->frames, &s->wet_gain_db, err);
  if (status) return status;
  dv_audio_apply_gain(&s->dry, s->dry_gain_db);
  dv_audio_apply_gain(&s->wet, s->wet_gain_db);
  return DV_OK;
}

typedef struct {
  dv_progress progress;
  FILE* csv; /* in memory, written at the end */
} watcher;

static int watch(void* context, const dv_fit_step* step)
{
  watcher* w = context;
  char detail[64];
  const dv_loss_values* v = &step->values;
  fprintf(w->csv, "%zu,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.3f\n", step->step, v->total, v->mss_lr, v->mss_ms, v->mldr_lr,
          v->mldr_ms, step->regulariser, step->elapsed_s);
  snprintf(detail, sizeof detail, "step %zu of %zu  loss %.4f", step->step + 1, step->steps, v->total);
  dv_progress_show(&w->progress, "fitting", (double)(step->step + 1) / (double)step->steps, detail);
  return interrupted;
}

static dv_status make_folder(const char* path, dv_error* err)
{
  struct stat st;
  if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))) return DV_OK;
  return dv_fail(err, DV_ERR_IO, "%s: cannot make the folder: %s; choose another with -o", dv_file_label(path),
                 strerror(errno));
}

static void in_folder(const char* folder, const char* name, char* path, size_t size)
{
  snprintf(path, size, "%s/%s", folder, name);
}

static bool same_file(const char* a, const char* b)
{
  struct stat first, second;
  return !stat(a, &first) && !stat(b, &second) && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* Finds before the fit what would make writing fail after it. */
static dv_status prepare_folder(const options* o, dv_error* err)
{
  static const char* const results[] = {"preset.json", "losses.csv", "render.wav"};
  dv_status status = make_folder(o->output, err);
  for (size_t i = 0; !status && i < sizeof results / sizeof *results; ++i) {
    char path[4096];
    dv_file_writer writer;
    in_folder(o->output, results[i], path, sizeof path);
    if (same_file(path, o->dry) || same_file(path, o->wet))
      return dv_fail(err, DV_ERR_ARG, "%s: is a stem and would be replaced; choose another folder with -o",
                     dv_file_label(path));
    status = dv_file_begin(path, &writer, err);
    if (!status) dv_file_abandon(&writer);
  }
  return status;
}

static dv_status write_preset(const options* o, const stems* s, const dv_chain_params* params,
                              const dv_fit_result* result, dv_error* err)
{
  static const char* const ends[] = {"all steps done", "interrupted", "loss or gradient not finite"};
  char path[4096];
  dv_preset preset;
  dv_preset_init(&preset);
  dv_preset_set_text(preset.name, sizeof preset.name, "Fit");
  preset.params = *params;
  preset.input_gain_db = s->dry_gain_db;
  preset.output_gain_db = -s->wet_gain_db;
  dv_preset_note_text(&preset, "created_by", "diffvox-fit " DV_VERSION);
  dv_preset_note_text(&preset, "dry", o->dry);
  dv_preset_note_text(&preset, "wet", o->wet);
  dv_preset_note_number(&preset, "steps", (double)result->steps_done);
  dv_preset_note_number(&preset, "best_step", (double)result->best_step);
  dv_preset_note_number(&preset, "first_loss", result->first_loss);
  dv_preset_note_number(&preset, "loss", result->best_loss);
  dv_preset_note_number(&preset, "seed", (double)o->fit.seed);
  dv_preset_note_text(&preset, "ended", ends[result->end]);
  in_folder(o->output, "preset.json", path, sizeof path);
  return dv_preset_write(path, &preset, err);
}

/* The fitted sound at the level of the wet file; s->dry already carries the input gain. */
static dv_status write_render(const options* o, const stems* s, const dv_chain_params* params, dv_error* err)
{
  char path[4096];
  dv_audio out;
  dv_status status = dv_audio_alloc(2, s->frames, DV_MODEL_RATE_HZ, &out, err);
  if (status) return status;
  status = dv_render(params, DV_MODEL_RATE_HZ, s->dry.samples, s->frames, 0, dv_audio_channel(&out, 0),
                     dv_audio_channel(&out, 1), NULL, NULL, err);
  dv_audio_apply_gain(&out, -s->wet_gain_db);
  in_folder(o->output, "render.wav", path, sizeof path);
  if (!status) status = dv_audio_write(path, &out, NULL, err);
  dv_audio_free(&out);
  return status;
}

static dv_status write_losses(const options* o, const char* csv, size_t size, dv_error* err)
{
  char path[4096];
  in_folder(o->output, "losses.csv", path, sizeof path);
  return dv_file_write(path, csv, size, err);
}

/* All three are tried: a full disk may still have room for the settings. */
static dv_status write_results(const options* o, const stems* s, const dv_chain_params* params,
                               const dv_fit_result* result, const char* csv, size_t csv_size, dv_error* err)
{
  const dv_status preset = write_preset(o, s, params, result, err);
  const dv_status losses = write_losses(o, csv, csv_size, preset ? NULL : err);
  const dv_status render = write_render(o, s, params, preset || losses ? NULL : err);
  return preset ? preset : losses ? losses : render;
}

static dv_status fit_stems(const options* o, stems* s, dv_fit_result* result, dv_error* err)
{
  char* csv = NULL;
  size_t csv_size = 0;
  watcher w = {.csv = open_memstream(&csv, &csv_size)};
  if (!w.csv) return dv_fail(err, DV_ERR_NOMEM, "out of memory");
  fputs("step,total,mss_lr,mss_ms,mldr_lr,mldr_ms,regulariser,elapsed_s\n", w.csv);
  const dv_fit_stems input = {s->dry.samples, wet_channel(s, 0), wet_channel(s, 1), s->frames};
  dv_chain_params params;
  dv_params_initial(o->fit.seed, &params);
  dv_progress_start(&w.progress, stderr, o->quiet);
  dv_status status = dv_fit(&o->fit, &input, &params, result, watch, &w, err);
  dv_progress_end(&w.progress);
  fclose(w.csv);
  if (!status) status = write_results(o, s, &params, result, csv, csv_size, err);
  free(csv);
  if (!status && result->end == DV_FIT_NONFINITE)
    fprintf(stderr,
            "diffvox-fit: stopped after step %zu: the loss or its gradient is not finite any more; the best "
            "settings before are kept, a lower --learning-rate may help\n",
            result->steps_done);
  if (!status && !o->quiet)
    printf("%s: loss %.4f at the start, %.4f at step %zu of %zu; %zu chunks (%zu silent ones left out), "
           "%.3f s a step\n",
           o->output, result->first_loss, result->best_loss, result->best_step, result->steps_done, result->chunks,
           result->chunks_dropped, dv_progress_elapsed_s(&w.progress) / (double)result->steps_done);
  return status;
}

int main(int argc, char** argv)
{
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  options o = {.normalise = true, .lufs = DV_MODEL_LUFS};
  dv_fit_config_reference(&o.fit);
  o.fit.threads = processors > 0 ? (int)processors : 1;
  const int parsed = parse_options(argc, argv, &o);
  if (parsed) return parsed - 1;

  dv_error err = {""};
  stems s = {0};
  dv_fit_result result = {0};
  signal(SIGXFSZ, SIG_IGN); /* a size limit then fails the write, which is reported */
  dv_status status = read_stems(&o, &s, &err);
  if (!status && o.normalise) status = normalise(&o, &s, &err);
  if (!status) {
    const struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL); /* a second Ctrl-C ends at once */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    status = prepare_folder(&o, &err);
  }
  if (!status) status = fit_stems(&o, &s, &result, &err);
  dv_audio_free(&s.dry);
  dv_audio_free(&s.wet);
  if (status) fprintf(stderr, "diffvox-fit: %s\n", err.text);
  return status ? EXIT_FAILURE : result.end == DV_FIT_CANCELLED ? EXIT_INTERRUPTED : EXIT_SUCCESS;
}
