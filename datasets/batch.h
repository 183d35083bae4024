/* SPDX-License-Identifier: MIT */
/* Runs a command for every pair of a manifest, several at once, each as a process of its own.
 *
 * The command writes into a folder; when it exits with 0 the folder becomes RUNS/ID, complete, and before that there
 * is no RUNS/ID.  Until then it is RUNS/.work/ID/held-..., see datasets/claim.h, with the command's messages in
 * log.txt.  So a pair whose RUNS/ID is there is done, one that was cut is gone on from in its folder, and any number
 * of batches, on any number of machines that share RUNS, divide the pairs among themselves.
 *
 * A command that fails, crashes or is killed fails its pair and nothing else; it is run again by the next batch, not
 * by this one.  Commands die with the batch, even where that is killed. */
#ifndef DIFFVOX_BATCH_H
#define DIFFVOX_BATCH_H

#include "datasets/manifest.h"

#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  DV_BATCH_WAITING,
  DV_BATCH_RUNNING,
  DV_BATCH_DONE,      /* by this batch */
  DV_BATCH_SKIPPED,   /* it was done before */
  DV_BATCH_ELSEWHERE, /* another process that lives has it */
  DV_BATCH_FAILED,
  DV_BATCH_CUT,   /* stopped; the next batch goes on from there */
  DV_BATCH_OTHERS /* of another shard */
} dv_batch_state;

typedef struct {
  dv_batch_state state;
  char reason[320]; /* why it failed, one sentence; otherwise "" */
  double seconds;   /* in this batch, DV_BATCH_DONE and DV_BATCH_FAILED */
} dv_batch_track;

/* As many tracks as the manifest has pairs, in its order. */
typedef struct {
  dv_batch_track* tracks; /* owned; dv_batch_free */
  size_t count;
} dv_batch;

/* Written by the caller's signal handlers.  After the first signal no command is started and those that run are sent
   a signal, to end as after Ctrl-C; after the second they are killed. */
typedef struct {
  volatile sig_atomic_t count, last; /* how many came; the number of the last */
} dv_batch_signals;

typedef struct {
  const char* runs;                /* folder; made if it is missing, its parent must be there */
  const char* program;             /* what is executed */
  const char* const* words;        /* argv, NULL-terminated; "{dry}", "{wet}" and "{out}" stand for a pair's paths */
  const char* result;              /* a file that every finished folder has */
  const char* const* kept;         /* NULL-terminated names: of a folder that was cut only these and the log are kept */
  size_t jobs;                     /* processes at once, from 1 */
  size_t shard, shards;            /* pairs shard-1, shard-1 + shards ... only, shard from 1; shards 0: all */
  const dv_batch_signals* signals; /* NULL: never stops */
  /* Called when the pair's state has changed (line NULL), for each line that its command prints, and about five
     times a second with pair -1.  NULL: nothing is told. */
  void (*tell)(void* context, const dv_batch* batch, ptrdiff_t pair, const char* line);
  void* context;
} dv_batch_config;

/* Returns when no pair is left that this batch could do: what others hold is left to them, but a holder on another
   machine that gives no sign of life is waited for, five minutes at most, and taken over from.
   *batch is overwritten; after an error it is as far as the batch came.  Failed pairs are no error.
   DV_ERR_IO: RUNS cannot be written.  DV_ERR_NOMEM.  DV_ERR_ARG: jobs or shard out of range.
   DV_ERR_CANCELLED: stopped by a signal. */
DV_NODISCARD dv_status dv_batch_run(const dv_manifest* manifest, const dv_batch_config* config, dv_batch* batch,
                                    dv_error* err);

void dv_batch_free(dv_batch* batch);

size_t dv_batch_count(const dv_batch* batch, dv_batch_state state);

#ifdef __cplusplus
}
#endif
#endif
