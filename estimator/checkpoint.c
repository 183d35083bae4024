/* SPDX-License-Identifier: MIT */
#include "estimator/checkpoint.h"

#include "datasets/file.h"
#include "dsp/hash.h"

#include <stdlib.h>
#include <string.h>

/* A number as this machine stores it: a file of another byte order has another one. */
static const uint64_t MAGIC = 0x32544b4346564944ULL; /* "DIVFCKT2" */
enum { MAX_BYTES = 1 << 30 };

typedef struct {
  uint64_t magic, fingerprint, state_size, steps, digest; /* of all that follows */
} header;

dv_status dv_fit_history_add(dv_fit_history* h, const dv_fit_step* step, dv_error* err)
{
  if (h->count == h->capacity) {
    const size_t capacity = h->capacity ? 2 * h->capacity : 512;
    dv_fit_step* grown = realloc(h->steps, capacity * sizeof *grown);
    if (!grown) return dv_fail(err, DV_ERR_NOMEM, "out of memory for %zu steps", capacity);
    h->steps = grown;
    h->capacity = capacity;
  }
  h->steps[h->count++] = *step;
  return DV_OK;
}

void dv_fit_history_free(dv_fit_history* h)
{
  free(h->steps);
  *h = (dv_fit_history){0};
}

size_t dv_fit_history_starts(const dv_fit_history* h)
{
  size_t starts = 0;
  for (size_t i = 0; i < h->count; ++i)
    if (h->steps[i].start >= starts) starts = h->steps[i].start + 1;
  return starts;
}

dv_status dv_checkpoint_write(const char* path, const dv_fit* fit, const dv_fit_history* history, uint64_t fingerprint,
                              dv_error* err)
{
  void* state;
  size_t state_size;
  dv_status status = dv_fit_save(fit, &state, &state_size, err);
  if (status) return status;
  const size_t steps_size = history->count * sizeof *history->steps;
  const size_t size = sizeof(header) + state_size + steps_size;
  char* bytes = malloc(size);
  if (!bytes) status = dv_fail(err, DV_ERR_NOMEM, "out of memory for a checkpoint");
  if (!status) {
    memcpy(bytes + sizeof(header), state, state_size);
    if (steps_size > 0) memcpy(bytes + sizeof(header) + state_size, history->steps, steps_size);
    const header h = {MAGIC, fingerprint, state_size, history->count,
                      dv_hash(DV_HASH_START, bytes + sizeof(header), size - sizeof(header))};
    memcpy(bytes, &h, sizeof h);
    status = dv_file_write(path, bytes, size, err);
  }
  free(state);
  free(bytes);
  return status;
}

static dv_status parse(const char* path, const char* bytes, size_t size, uint64_t fingerprint, dv_fit* fit,
                       dv_fit_history* history, dv_error* err)
{
  header h = {0};
  if (size >= sizeof h) memcpy(&h, bytes, sizeof h);
  const char* body = bytes + sizeof h;
  const bool whole = size >= sizeof h && h.magic == MAGIC && h.steps < MAX_BYTES && h.state_size < MAX_BYTES &&
                     size == sizeof h + h.state_size + h.steps * sizeof(dv_fit_step) &&
                     dv_hash(DV_HASH_START, body, size - sizeof h) == h.digest;
  if (!whole)
    return dv_fail(err, DV_ERR_FORMAT, "%s: is damaged or no checkpoint; remove it to start anew", dv_file_label(path));
  if (h.fingerprint != fingerprint)
    return dv_fail(err, DV_ERR_ARG,
                   "%s: was made from other stems or with other options; give the same, or leave out --resume to "
                   "start anew",
                   dv_file_label(path));
  dv_error cause;
  dv_status status = dv_fit_load(fit, body, h.state_size, &cause);
  if (status) return dv_fail(err, status, "%s: %.200s; remove it to start anew", dv_file_label(path), cause.text);
  for (size_t i = 0; !status && i < h.steps; ++i) {
    dv_fit_step step;
    memcpy(&step, body + h.state_size + i * sizeof step, sizeof step);
    status = dv_fit_history_add(history, &step, err);
  }
  return status;
}

dv_status dv_checkpoint_read(const char* path, uint64_t fingerprint, dv_fit* fit, dv_fit_history* history,
                             dv_error* err)
{
  char* bytes;
  size_t size;
  dv_status status = dv_file_read(path, MAX_BYTES, &bytes, &size, err);
  if (status) return status;
  status = parse(path, bytes, size, fingerprint, fit, history, err);
  free(bytes);
  return status;
}
