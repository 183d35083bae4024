/* SPDX-License-Identifier: MIT */
/* Private: the two halves of bench_leaderboard. */
#ifndef DV_BENCH_LEADERBOARD_H
#define DV_BENCH_LEADERBOARD_H

#include "dsp/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { LEADERBOARD_PATH = 4096 };

typedef struct {
  const char* folder;        /* where the corpus goes; made if it is missing */
  const char* const* voices; /* audio files of dry voice, or folders of them */
  size_t voice_count;        /* 0: the recordings beside the project, else the words of alsa-utils */
  size_t pairs;
  double seconds; /* of each stem */
} leaderboard_make_options;

/* Writes FOLDER/ID/{dry.wav,wet.wav,truth.json} for every pair and then FOLDER/manifest.jsonl.  Pair i is the i-th
   factory preset, round and round, on the i-th voice, so that no preset meets a voice twice before it must.  Dry
   stems are at DV_MODEL_LUFS.  The same voices and options give the same corpus. */
DV_NODISCARD dv_status leaderboard_make(const leaderboard_make_options* options, dv_error* err);

typedef struct {
  const char *manifest, *runs; /* of pairs with truth; the folder with a fit of each, RUNS/ID */
  size_t sensitivity_pairs;    /* on so many of them the loss around the truth is measured; takes a minute each */
  int threads;
  bool json;
} leaderboard_table_options;

/* Prints how far the fitted parameters are from the true ones. */
DV_NODISCARD dv_status leaderboard_table(const leaderboard_table_options* options, dv_error* err);

#endif
