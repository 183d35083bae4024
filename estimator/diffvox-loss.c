/* SPDX-License-Identifier: MIT */
/* diffvox-loss: how far one recording is from another, by the losses of a fit. */
#include "datasets/audio.h"
#include "datasets/file.h"
#include "estimator/cli.h"
#include "estimator/loss.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
  "usage: diffvox-loss PRED TARGET [--json]\n"
  "\n"
  "Compares the recording PRED with the recording TARGET and prints the four losses of a fit and their\n"
  "weighted sum:\n"
  "  mss_lr    spectra, left and right                   weight 1\n"
  "  mss_ms    spectra, middle and side                  weight 0.5\n"
  "  mldr_lr   loudness dynamics, left and right         weight 0.5\n"
  "  mldr_ms   loudness dynamics, middle and side        weight 0.25\n"
  "\n"
  "The files are taken as they are: neither aligned nor brought to the same loudness.  Both at 44.1 kHz,\n"
  "mono (taken as two equal channels) or stereo; the longer one is cut to the shorter.\n"
  "\n"
  "options:\n"
  "      --json      print one JSON object\n"
  "      --help, --version\n"
  "\n"
  "exit status: 0 done, 1 failed, 2 wrong usage\n";

typedef struct {
  const char *pred, *target;
  bool json;
} options;

/* 0 to go on, otherwise the exit status plus 1. */
static int parse_options(int argc, char** argv, options* o)
{
  enum { JSON = 256, HELP, VERSION };
  static const struct option known[] = {
    {"json", no_argument, NULL, JSON}, {"help", no_argument, NULL, HELP}, {"version", no_argument, NULL, VERSION}, {0}};
  for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) switch (c) {
    case JSON: o->json = true; break;
    case HELP: fputs(USAGE, stdout); return 1;
    case VERSION: puts("diffvox-loss " DV_VERSION); return 1;
    default: fputs("see diffvox-loss --help\n", stderr); return 1 + DV_EXIT_USAGE;
    }
  if (argc - optind != 2) return 1 + dv_cli_usage_error("diffvox-loss", "wants two files, PRED and TARGET", "");
  o->pred = argv[optind];
  o->target = argv[optind + 1];
  return 0;
}

static dv_status check_shape(const char* path, const dv_audio* audio, dv_error* err)
{
  if (audio->rate_hz != DV_LOSS_RATE_HZ)
    return dv_fail(err, DV_ERR_ARG,
                   "%s: sample rate is %g Hz, the losses are defined at 44100 Hz; resample it, for "
                   "example with: sox IN -r 44100 OUT",
                   dv_file_label(path), audio->rate_hz);
  if (audio->channels > 2)
    return dv_fail(err, DV_ERR_ARG,
                   "%s: %zu channels, the losses compare mono or stereo; pick or mix two, for "
                   "example with: sox IN OUT remix 1 2",
                   dv_file_label(path), audio->channels);
  return DV_OK;
}

static dv_status duplicate_channel(dv_audio* audio, dv_error* err)
{
  dv_audio stereo;
  const dv_status status = dv_audio_alloc(2, audio->frames, audio->rate_hz, &stereo, err);
  if (status) return status;
  for (size_t c = 0; c < 2; ++c)
    memcpy(dv_audio_channel(&stereo, c), audio->samples, audio->frames * sizeof *audio->samples);
  dv_audio_free(audio);
  *audio = stereo;
  return DV_OK;
}

static dv_status read_stereo(const char* path, dv_audio* audio, dv_error* err)
{
  dv_status status = dv_audio_read(path, audio, err);
  if (!status) status = check_shape(path, audio, err);
  if (!status && audio->channels == 1) status = duplicate_channel(audio, err);
  return status;
}

static size_t common_frames(const options* o, const dv_audio* pred, const dv_audio* target)
{
  const size_t frames = pred->frames < target->frames ? pred->frames : target->frames;
  if (pred->frames != target->frames)
    fprintf(stderr, "diffvox-loss: comparing the first %.3f s: %s has %.3f s, %s %.3f s\n",
            (double)frames / DV_LOSS_RATE_HZ, o->pred, (double)pred->frames / DV_LOSS_RATE_HZ, o->target,
            (double)target->frames / DV_LOSS_RATE_HZ);
  return frames;
}

static dv_status compare(const dv_audio* pred, const dv_audio* target, size_t frames, dv_loss_values* values,
                         dv_error* err)
{
  if (frames < DV_LOSS_MIN_SAMPLES)
    return dv_fail(err, DV_ERR_ARG, "only %zu samples to compare; at least %d (%.0f ms) are needed", frames,
                   (int)DV_LOSS_MIN_SAMPLES, 1e3 * DV_LOSS_MIN_SAMPLES / DV_LOSS_RATE_HZ);
  dv_loss* loss = dv_loss_new(1, frames, 0, err);
  if (!loss) return DV_ERR_NOMEM;
  dv_status status = dv_loss_set_target(loss, target->samples, target->frames);
  if (!status) status = dv_loss_forward(loss, pred->samples, pred->frames, NULL, 1, values);
  dv_loss_free(loss);
  return status ? dv_fail(err, status, "samples are so large that the losses overflow; bring them to full scale")
                : DV_OK;
}

static void print_values(const options* o, size_t frames, const dv_loss_values* v)
{
  static const char* const format[2] = {
    "mss_lr   %.4f\nmss_ms   %.4f\nmldr_lr  %.4f\nmldr_ms  %.4f\ntotal    %.4f\n",
    "{\"mss_lr\": %.9g, \"mss_ms\": %.9g, \"mldr_lr\": %.9g, \"mldr_ms\": %.9g, \"total\": %.9g, "};
  printf(format[o->json], v->mss_lr, v->mss_ms, v->mldr_lr, v->mldr_ms, v->total);
  if (o->json) printf("\"samples\": %zu, \"sample_rate_hz\": %.0f}\n", frames, DV_LOSS_RATE_HZ);
}

int main(int argc, char** argv)
{
  options o = {0};
  const int parsed = parse_options(argc, argv, &o);
  if (parsed) return parsed - 1;

  dv_error err = {""};
  dv_audio pred = {0}, target = {0};
  dv_loss_values values;
  size_t frames = 0;
  dv_status status = read_stereo(o.pred, &pred, &err);
  if (!status) status = read_stereo(o.target, &target, &err);
  if (!status) {
    frames = common_frames(&o, &pred, &target);
    status = compare(&pred, &target, frames, &values, &err);
  }
  if (!status) print_values(&o, frames, &values);
  if (!status) status = dv_cli_flush(&err);
  dv_audio_free(&pred);
  dv_audio_free(&target);
  if (status) fprintf(stderr, "diffvox-loss: %s\n", err.text);
  return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
