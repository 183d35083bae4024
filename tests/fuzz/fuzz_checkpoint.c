/* SPDX-License-Identifier: MIT */
/* Any bytes, and a good checkpoint with some of its bytes changed and its digest made right again: reading must not
   fail but by its status, and what it accepts must be a fit that can be asked for its parameters and saved. */
#include "dsp/hash.h"
#include "estimator/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FRAMES = 1100, HEAD = 40, DIGEST = 32, CAPACITY = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

/* A file without a disk, the fit that reads it, and a checkpoint of it. */
typedef struct {
  dv_real signal[FRAMES];
  dv_fit* fit;
  int file;
  char path[64];
  unsigned char good[CAPACITY];
  size_t good_size;
} bench;

static void make_bench(bench* b)
{
  dv_fit_config config;
  dv_fit_starts starts = {.count = 1};
  dv_fit_history history = {0};
  const dv_fit_step step = {.steps = 8};
  dv_error err;
  for (int i = 0; i < FRAMES; ++i) b->signal[i] = (dv_real)sin(0.05 * i);
  const dv_fit_stems stems = {b->signal, b->signal, b->signal, FRAMES, 0.0};
  dv_fit_config_default(&config);
  dv_fit_mean_start(true, &starts.start[0].params);
  b->file = memfd_create("checkpoint", 0);
  snprintf(b->path, sizeof b->path, "/proc/self/fd/%d", b->file);
  if (b->file < 0 || dv_fit_new(&config, &stems, &starts, &b->fit, &err)) abort();
  char name[] = P_tmpdir "/diffvox-fuzz-XXXXXX";
  const int made = mkstemp(name);
  if (made < 0 || dv_fit_history_add(&history, &step, &err) || dv_checkpoint_write(name, b->fit, &history, 1, &err))
    abort();
  close(made);
  FILE* in = fopen(name, "rb");
  if (!in) abort();
  b->good_size = fread(b->good, 1, CAPACITY, in);
  fclose(in);
  unlink(name);
  dv_fit_history_free(&history);
}

static void read_bytes(bench* b, const unsigned char* bytes, size_t size)
{
  dv_fit_history history = {0};
  dv_chain_params params;
  dv_fit_result result;
  dv_error err;
  void* saved;
  size_t saved_size;
  if (ftruncate(b->file, 0) || pwrite(b->file, bytes, size, 0) != (ssize_t)size) abort();
  if (!dv_checkpoint_read(b->path, 1, b->fit, &history, &err)) {
    dv_fit_best(b->fit, &params);
    dv_fit_get_result(b->fit, &result);
    if (dv_fit_save(b->fit, &saved, &saved_size, &err) || dv_fit_load(b->fit, saved, saved_size, &err)) abort();
    free(saved);
  }
  dv_fit_history_free(&history);
}

/* Three bytes a change: a place, and what is there then. */
static void change(unsigned char* bytes, size_t size, const uint8_t* data, size_t count)
{
  for (size_t i = 0; i + 3 <= count; i += 3) bytes[(data[i] + 256U * data[i + 1]) % size] = data[i + 2];
  const uint64_t digest = dv_hash(DV_HASH_START, bytes + HEAD, size - HEAD);
  memcpy(bytes + DIGEST, &digest, sizeof digest);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
  static bench b; /* the fit is made once */
  static unsigned char changed[CAPACITY];
  if (!b.fit) make_bench(&b);
  read_bytes(&b, data, size);
  memcpy(changed, b.good, b.good_size);
  change(changed, b.good_size, data, size);
  read_bytes(&b, changed, b.good_size);
  return 0;
}
