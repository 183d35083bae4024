/* SPDX-License-Identifier: MIT */
/* diffvox-render: plays a preset on a file, by the offline engine or by the plugin's. */
#include "datasets/audio.h"
#include "datasets/file.h"
#include "dsp/realtime/engine.h"
#include "dsp/render.h"
#include "estimator/cli.h"
#include "estimator/progress.h"
#include "presets/corpus.h"

#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_BLOCK = 256, MAX_BLOCK = 65536 };
#define MAX_TAIL_S 600.0

static const char USAGE[] =
  "usage: diffvox-render -p PRESET [options] IN OUT\n"
  "       diffvox-render --list [--corpora DIR]\n"
  "\n"
  "Plays the voice in IN through a preset and writes the stereo result to OUT: .wav (32-bit float), .flac\n"
  "(24 bits) or .ogg.  IN is any audio file of 8 to 192 kHz; several channels are averaged.\n"
  "\n"
  "PRESET is a preset file, the folder of a fit, the name of a factory preset, FILE.npy:ROW, or a published\n"
  "preset: medleydb:ROW, medleydb:TRACK, internal:ROW.\n"
  "\n"
  "options:\n"
  "  -p, --preset PRESET     the settings\n"
  "  -e, --engine ENGINE     offline (the one of the fit) or realtime (the one of the plugin)\n"
  "  -b, --block FRAMES      block size of the real-time engine, 1 to 65536 (256)\n"
  "      --tail SECONDS      let it ring on after the end, 0 to 600 (0)\n"
  "      --corpora DIR       folder of the published presets; else $DIFFVOX_CORPORA\n"
  "      --list              name every preset\n"
  "  -q, --quiet             no progress\n"
  "      --help, --version\n"
  "\n"
  "exit status: 0 done, 1 failed, 2 wrong usage\n";

typedef struct {
  const char *preset, *corpora, *input, *output;
  bool realtime, list, quiet;
  size_t block;
  double tail_s;
} options;

static int usage_error(const char* what, const char* value)
{
  return dv_cli_usage_error("diffvox-render", what, value);
}

/* 0 to go on, otherwise the exit status plus 1. */
static int check_arguments(int argc, char** argv, bool block_given, options* o)
{
  const int files = argc - optind;
  if (o->list) return files ? 1 + usage_error("--list wants no files, not", argv[optind]) : 0;
  if (!o->preset) return 1 + usage_error("wants a preset: -p PRESET (--list names them)", "");
  if (files != 2) return 1 + usage_error("wants two files, IN and OUT", "");
  if (block_given && !o->realtime) return 1 + usage_error("--block is for -e realtime", "");
  o->input = argv[optind];
  o->output = argv[optind + 1];
  return 0;
}

static int parse_options(int argc, char** argv, options* o)
{
  enum { TAIL = 256, CORPORA, LIST, HELP, VERSION };
  static const struct option known[] = {{"preset", required_argument, NULL, 'p'},
                                        {"engine", required_argument, NULL, 'e'},
                                        {"block", required_argument, NULL, 'b'},
                                        {"tail", required_argument, NULL, TAIL},
                                        {"corpora", required_argument, NULL, CORPORA},
                                        {"list", no_argument, NULL, LIST},
                                        {"quiet", no_argument, NULL, 'q'},
                                        {"help", no_argument, NULL, HELP},
                                        {"version", no_argument, NULL, VERSION},
                                        {0}};
  bool block_given = false;
  double value;
  for (int c; (c = getopt_long(argc, argv, "p:e:b:q", known, NULL)) != -1;) switch (c) {
    case 'p': o->preset = optarg; break;
    case 'e':
      o->realtime = !strcmp(optarg, "realtime");
      if (!o->realtime && strcmp(optarg, "offline"))
        return 1 + usage_error("--engine wants 'offline' or 'realtime', not", optarg);
      break;
    case 'b':
      block_given = true;
      if (!dv_cli_whole(optarg, 1, MAX_BLOCK, &value))
        return 1 + usage_error("--block wants a whole number from 1 to 65536, not", optarg);
      o->block = (size_t)value;
      break;
    case TAIL:
      if (!dv_cli_number(optarg, 0, MAX_TAIL_S, &o->tail_s))
        return 1 + usage_error("--tail wants 0 to 600 seconds, not", optarg);
      break;
    case CORPORA: o->corpora = optarg; break;
    case LIST: o->list = true; break;
    case 'q': o->quiet = true; break;
    case HELP: fputs(USAGE, stdout); return 1;
    case VERSION: puts("diffvox-render " DV_VERSION); return 1;
    default: fputs("see diffvox-render --help\n", stderr); return 1 + DV_EXIT_USAGE;
    }
  return check_arguments(argc, argv, block_given, o);
}

static void print_entry(void* context, const char* spec, const char* comment)
{
  (void)context;
  printf("%-18s  %s\n", spec, comment);
}

/* --- The two engines ------------------------------------------------------------------------------------------ */

static int show_progress(void* context, double done)
{
  dv_progress_show(context, "rendering", done, "");
  return 0;
}

/* The engine's output is late by its latency: as much silence goes in behind the signal, and the first
   samples that come out are dropped. */
static void play(dv_rt* rt, const float* x, size_t frames, dv_audio* out, size_t block, float* scratch,
                 dv_progress* progress)
{
  const size_t latency = dv_rt_latency(rt), total = out->frames + latency;
  float *in = scratch, *left = scratch + block, *right = scratch + 2 * block;
  for (size_t at = 0; at < total; at += block) {
    const size_t count = total - at < block ? total - at : block;
    const size_t voiced = at >= frames ? 0 : frames - at < count ? frames - at : count;
    memcpy(in, x + (voiced ? at : 0), voiced * sizeof *in);
    memset(in + voiced, 0, (count - voiced) * sizeof *in);
    dv_rt_process(rt, in, left, right, count);
    for (size_t i = 0; i < count; ++i)
      if (at + i >= latency) {
        dv_audio_channel(out, 0)[at + i - latency] = left[i];
        dv_audio_channel(out, 1)[at + i - latency] = right[i];
      }
    dv_progress_show(progress, "rendering", (double)at / (double)total, "");
  }
}

static dv_status render_realtime(const options* o, const dv_preset* preset, const dv_audio* in, dv_audio* out,
                                 dv_progress* progress, dv_error* err)
{
  float* scratch = malloc(3 * o->block * sizeof *scratch);
  dv_rt* rt = scratch ? dv_rt_new(&preset->params, in->rate_hz, err) : NULL;
  dv_status status = DV_OK;
  if (rt) play(rt, in->samples, in->frames, out, o->block, scratch, progress);
  else status = scratch ? DV_ERR_ARG : dv_fail(err, DV_ERR_NOMEM, "No memory for blocks of %zu frames", o->block);
  dv_rt_free(rt);
  free(scratch);
  return status;
}

static dv_status render(const options* o, const dv_preset* preset, const dv_audio* in, dv_audio* out,
                        dv_progress* progress, dv_error* err)
{
  if (o->realtime) return render_realtime(o, preset, in, out, progress, err);
  return dv_render(&preset->params, in->rate_hz, in->samples, in->frames, out->frames - in->frames,
                   dv_audio_channel(out, 0), dv_audio_channel(out, 1), show_progress, progress, err);
}

/* --- Files ------------------------------------------------------------------------------------------------------ */

static dv_status convert(const options* o, const dv_preset* preset, dv_audio* in, dv_audio* out, dv_error* err)
{
  dv_progress progress;
  dv_audio_to_mono(in);
  const size_t tail = (size_t)ceil(o->tail_s * in->rate_hz);
  const dv_audio shape = {NULL, 2, in->frames + tail, in->rate_hz};
  dv_status status = dv_audio_check_write(o->output, &shape, err);
  if (!status) status = dv_audio_alloc(shape.channels, shape.frames, shape.rate_hz, out, err);
  if (status) return status;
  dv_audio_apply_gain(in, preset->input_gain_db);
  dv_progress_start(&progress, stderr, o->quiet);
  status = render(o, preset, in, out, &progress, err);
  dv_progress_end(&progress);
  if (status == DV_ERR_NONFINITE)
    return dv_fail(err, status, "%s: is so loud that the effects overflow; bring it to full scale",
                   dv_file_label(o->input));
  if (status) return status;
  dv_audio_apply_gain(out, preset->output_gain_db);
  size_t clipped = 0;
  status = dv_audio_write(o->output, out, &clipped, err);
  if (!status && clipped)
    fprintf(stderr, "diffvox-render: %s: %zu samples were louder than FLAC can hold and are clipped; write .wav\n",
            o->output, clipped);
  return status;
}

static dv_status list(const options* o, dv_error* err)
{
  const dv_status status = dv_preset_list(o->corpora, print_entry, NULL, err);
  return status ? status : dv_cli_flush(err);
}

static dv_status run(const options* o, dv_error* err)
{
  dv_preset preset;
  dv_audio in = {0}, out = {0};
  if (o->list) return list(o, err);
  dv_status status = dv_preset_resolve(o->preset, o->corpora, &preset, err);
  if (!status) status = dv_audio_read(o->input, &in, err);
  if (!status) status = convert(o, &preset, &in, &out, err);
  dv_audio_free(&in);
  dv_audio_free(&out);
  return status;
}

int main(int argc, char** argv)
{
  options o = {.block = DEFAULT_BLOCK};
  dv_error err = {""};
  const int early = parse_options(argc, argv, &o);
  if (early) return early - 1;
  signal(SIGXFSZ, SIG_IGN); /* a size limit then fails the write, which is reported */
  if (!run(&o, &err)) return EXIT_SUCCESS;
  fprintf(stderr, "diffvox-render: %s\n", err.text);
  return EXIT_FAILURE;
}
