/* SPDX-License-Identifier: MIT */
/* bench_growth: how time and memory of a fit grow with the song, and its step with the chunks it compares. */
#include "datasets/file.h"
#include "estimator/cli.h"
#include "growth.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] =
  "usage: bench_growth [--seconds A,B,...] [--chunks A,B,...] [--steps N] [--threads N] [--json] [--svg FILE]\n"
  "\n"
  "Measures fits with default options, each in a process of its own: the search of echoes, the preparation, a step\n"
  "(median) and the evaluations over all chunks, in processor seconds of all threads and in seconds, and peak memory.\n"
  "A whole fit is all steps of the default options and what diffvox-fit does before and after them, without reading\n"
  "and writing files.  Stems: noise that swells and fades, and the same with echoes.\n"
  "  --seconds LIST  lengths of songs, increasing, 1 to 7200 (15,30,60,120,240,480,900,1800)\n"
  "  --chunks LIST   most chunks of a step, increasing, 1 to 35, in a song of four minutes (1,2,4,8,16,35)\n"
  "  --steps N       measured of each fit, 1 to 101 (10)\n"
  "  --threads N     threads (1)\n"
  "  --json          JSON instead of the table\n"
  "  --svg FILE      also a picture of the processor times and the memory\n"
  "exit status: 0 done, 1 failed, 2 wrong usage\n";

static const double BATCH_SONG_S = 240.0;

typedef struct {
  double values[GROWTH_MAX_CASES];
  size_t count;
} list;

typedef struct {
  list seconds, chunks;
  size_t steps;
  int threads;
  bool json;
  const char* svg;
} options;

/* --- Results ------------------------------------------------------------------------------------------------------ */

static void print_time(const char* name, growth_time t)
{
  printf("     \"%s\": {\"wall_s\": %.4f, \"cpu_s\": %.4f},\n", name, t.wall_s, t.cpu_s);
}

static void print_json(const growth_result* r)
{
  printf("    {\"seconds\": %.9g, \"chunks\": %zu, \"chunks_per_step\": %zu,\n", r->seconds, r->chunks, r->batch);
  print_time("search", r->search);
  print_time("preparation", r->preparation);
  print_time("unprocessed", r->unprocessed);
  print_time("step", r->step);
  print_time("evaluation", r->evaluation);
  print_time("whole_fit", growth_whole(r));
  printf("     \"stems_mb\": %.1f, \"peak_memory_mb\": %.1f}", r->stems_mb, r->peak_mb);
}

static void print_heading(const options* o)
{
  if (o->json)
    printf("{\n  \"steps_measured\": %zu, \"fit_steps\": %zu, \"threads\": %d", o->steps, growth_fit_steps(),
           o->threads);
  else
    printf("processor seconds, %d thread%s; a whole fit has %zu steps\n\n"
           "  song s  chunks  a step   search  prepare      step  unproc.   evaluate  whole fit  by clock  peak MB  "
           "stems MB\n",
           o->threads, o->threads == 1 ? "" : "s", growth_fit_steps());
}

static void print_row(const growth_result* r)
{
  const growth_time whole = growth_whole(r);
  printf("%8g %7zu %7zu %8.2f %8.2f %9.4f %8.2f %10.2f %10.1f %9.1f %8.1f %9.1f\n", r->seconds, r->chunks, r->batch,
         r->search.cpu_s, r->preparation.cpu_s, r->step.cpu_s, r->unprocessed.cpu_s, r->evaluation.cpu_s, whole.cpu_s,
         whole.wall_s, r->peak_mb, r->stems_mb);
}

/* A case as soon as it is measured. */
static bool add_case(const options* o, double seconds, double chunks, growth_series* series)
{
  const growth_case c = {seconds, (size_t)chunks, o->steps, o->threads};
  growth_result* r = &series->results[series->count];
  fflush(stdout);
  if (!growth_measure(&c, r)) return false;
  if (o->json && series->count) puts(",");
  if (o->json) print_json(r);
  else print_row(r);
  ++series->count;
  return true;
}

static int failed(const char* why)
{
  fprintf(stderr, "bench_growth: %s\n", why);
  return EXIT_FAILURE;
}

static int run(const options* o)
{
  static growth_series lengths, batches;
  dv_error err = {""};
  bool ok = true;
  if (o->svg && dv_file_check_writable(o->svg, &err)) return failed(err.text);
  print_heading(o);
  fputs(o->json ? ",\n  \"over_length\": [\n" : "", stdout);
  for (size_t i = 0; ok && i < o->seconds.count; ++i) ok = add_case(o, o->seconds.values[i], 0.0, &lengths);
  fputs(o->json ? "\n  ],\n  \"over_chunks_per_step\": [\n" : "\n", stdout);
  for (size_t i = 0; ok && i < o->chunks.count; ++i) ok = add_case(o, BATCH_SONG_S, o->chunks.values[i], &batches);
  fputs(o->json ? "\n  ]\n}\n" : "", stdout);
  if (!ok) return failed("a case failed");
  dv_status status = dv_cli_flush(&err);
  if (!status && o->svg) status = growth_draw(&lengths, &batches, o->svg, &err);
  return status ? failed(err.text) : EXIT_SUCCESS;
}

/* --- Options ------------------------------------------------------------------------------------------------------ */

enum { SECONDS = 256, CHUNKS, STEPS, THREADS, JSON, SVG, HELP };

/* "15,30,60" */
static bool take_list(const char* text, double low, double high, bool whole, list* l)
{
  l->count = 0;
  for (const char* at = text;; ++at) {
    char item[32];
    double value;
    const size_t length = strcspn(at, ",");
    snprintf(item, sizeof item, "%.*s", length < sizeof item ? (int)length : 0, at);
    const bool valid = whole ? dv_cli_whole(item, low, high, &value) : dv_cli_number(item, low, high, &value);
    if (!valid || l->count == GROWTH_MAX_CASES || (l->count && !(value > l->values[l->count - 1]))) return false;
    l->values[l->count++] = value;
    at += length;
    if (!*at) return true;
  }
}

/* One option; the message when its value is wrong, "" when it is not known. */
static const char* take(int option, options* o)
{
  double n = 0.0;
  switch (option) {
  case SECONDS:
    return take_list(optarg, 1.0, 7200.0, false, &o->seconds)
             ? NULL
             : "--seconds wants up to 16 increasing numbers from 1 to 7200, not";
  case CHUNKS:
    return take_list(optarg, 1.0, 35.0, true, &o->chunks)
             ? NULL
             : "--chunks wants up to 16 increasing whole numbers from 1 to 35, not";
  case STEPS:
    if (!dv_cli_whole(optarg, 1.0, GROWTH_MAX_STEPS, &n)) return "--steps wants 1 to 101, not";
    o->steps = (size_t)n;
    return NULL;
  case THREADS:
    if (!dv_cli_whole(optarg, 1.0, 1024.0, &n)) return "--threads wants 1 to 1024, not";
    o->threads = (int)n;
    return NULL;
  case JSON: o->json = true; return NULL;
  case SVG: o->svg = optarg; return NULL;
  default: return "";
  }
}

int main(int argc, char** argv)
{
  static const struct option known[] = {{"seconds", required_argument, NULL, SECONDS},
                                        {"chunks", required_argument, NULL, CHUNKS},
                                        {"steps", required_argument, NULL, STEPS},
                                        {"threads", required_argument, NULL, THREADS},
                                        {"json", no_argument, NULL, JSON},
                                        {"svg", required_argument, NULL, SVG},
                                        {"help", no_argument, NULL, HELP},
                                        {0}};
  options o = {.seconds = {{15, 30, 60, 120, 240, 480, 900, 1800}, 8},
               .chunks = {{1, 2, 4, 8, 16, 35}, 6},
               .steps = 10,
               .threads = 1};
  for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    if (c == HELP) return fputs(USAGE, stdout), EXIT_SUCCESS;
    const char* wrong = take(c, &o);
    if (wrong)
      return dv_cli_usage_error("bench_growth", *wrong ? wrong : "does not know that option", *wrong ? optarg : "");
  }
  if (optind != argc) return dv_cli_usage_error("bench_growth", "takes no operand, but got", argv[optind]);
  return run(&o);
}
