/* SPDX-License-Identifier: MIT */
/* Golden vectors: one folder per case, manifest.json and .npy arrays, computed in float64 by the published system.
 *
 * Parameters go by the names of the reference's state dictionary; golden_names.c maps them to the flat vector of
 * dsp/parameters.h.  Bands' ranges, lengths, modes, parameters and which gradients exist are
 * read from the manifest; the model's own constants (delays, response lengths, loss weights) are the library's. */
#ifndef DV_GOLDEN_CASE_H
#define DV_GOLDEN_CASE_H

#include "datasets/npy.h"
#include "dsp/parameters.h"
#include "dsp/real.h"

#include <jansson.h>

enum { GOLDEN_MAX_ARRAYS = 32, GOLDEN_PATH = 4096 };

/* What the two builds must reach: relative L2 errors, unless the quantity says otherwise. */
#ifdef DV_DOUBLE
#define GOLDEN_OUTPUT_LIMIT 1e-6
#define GOLDEN_GRADIENT_LIMIT 1e-6
#else
#define GOLDEN_OUTPUT_LIMIT 1e-4
#define GOLDEN_GRADIENT_LIMIT 1e-3
#endif

typedef struct {
  int passed, failed, skipped;
} golden_tally;

typedef struct {
  char dir[GOLDEN_PATH];
  const char* name; /* last part of dir */
  json_t* manifest;
  dv_npy arrays[GOLDEN_MAX_ARRAYS];
  dv_real* memory[GOLDEN_MAX_ARRAYS];
  int array_count, memory_count;
  golden_tally* tally;
} golden_case;

/* Opens DIR/manifest.json.  golden_close frees everything that was read or allocated, also after a failure. */
dv_status golden_open(const char* dir, golden_tally* tally, golden_case* g, dv_error* err);
void golden_close(golden_case* g);

const char* golden_kind(const golden_case* g);
double golden_rate_hz(const golden_case* g);

/* Member of the manifest, a path as "config.min_freq"; NULL when absent. */
json_t* golden_member(const golden_case* g, const char* path);
/* The same as a number; an array of one number counts.  DV_ERR_FORMAT when it is neither. */
dv_status golden_number(const golden_case* g, const char* path, double* value, dv_error* err);

/* NAME.npy of the case, owned by it.  golden_has tells whether there is one. */
bool golden_has(const golden_case* g, const char* name);
dv_status golden_read(golden_case* g, const char* name, const dv_npy** array, dv_error* err);
/* Reads an array and demands its shape: rows x samples, last dimension samples. */
dv_status golden_read_rows(golden_case* g, const char* name, size_t rows, size_t samples, const dv_npy** array,
                           dv_error* err);
/* The upstream gradient: g, or g_every_7th with zeros between, or zeros where the case has none. */
dv_status golden_upstream(golden_case* g, size_t rows, size_t samples, const dv_npy** array, dv_error* err);
static inline size_t golden_samples(const dv_npy* a) { return a->ndim ? a->shape[a->ndim - 1] : 1; }
static inline size_t golden_rows(const dv_npy* a) { return golden_samples(a) ? a->count / golden_samples(a) : 0; }

/* Zeroed memory from dv_fft_alloc, owned by the case; aborts when there is none. */
dv_real* golden_alloc(golden_case* g, size_t reals);
/* One row of an array in the library's precision, at least `reals` long (padded with zeros). */
dv_real* golden_signal(golden_case* g, const dv_npy* array, size_t row, size_t reals);

/* Prints one line "case quantity error limit verdict" and counts it. */
void golden_judge(const golden_case* g, const char* quantity, double error, double limit);
/* Prints a value that is for information only. */
void golden_inform(const golden_case* g, const char* quantity, double value, const char* unit);

/* ||got - want|| / ||want|| over rows x samples; got has the rows stride apart.  ||got|| where want is zero. */
double golden_error(const dv_real* got, size_t stride, const dv_npy* want);

/* --- Parameters by the reference's names ------------------------------------------------------------- */

/* Members of the manifest's object `member` -> raw vector.  A name there is the reference's without `prefix`, which
   is "6." for the compressor, "" for the chain.  Values that the object does not give stay.
   DV_ERR_FORMAT: unknown name or wrong number of values. */
dv_status golden_raw(const golden_case* g, const char* member, const char* prefix, double raw[DV_PARAM_COUNT],
                     dv_error* err);
/* The 151 or 152 numbers of "raw", in the order of "raw_keys" where given, else in the published order. */
dv_status golden_raw_vector(const golden_case* g, double raw[DV_PARAM_COUNT], dv_error* err);
/* The raw value that the golden cases use for log_damp: physical -0.01. */
double golden_raw_log_damp(void);

/* Judges grad[] against the manifest's object `member` over all parameters that are not null there. */
dv_status golden_judge_gradient(const golden_case* g, const char* quantity, const char* member, const char* prefix,
                                const double grad[DV_PARAM_COUNT], double limit, dv_error* err);

/* Sums of a comparison that runs over several arrays. */
typedef struct {
  double difference, reference; /* squared norms */
} golden_norms;
double golden_relative(golden_norms n);
/* Adds one value or (nested) array of `count` values; null adds nothing. */
dv_status golden_compare(const json_t* want, const char* name, const double* got, size_t count, golden_norms* norms,
                         dv_error* err);

/* --- The kinds ---------------------------------------------------------------------------------------- */

/* Each computes a case and judges its quantities; a status says that it could not be computed at all. */
typedef dv_status (*golden_runner)(golden_case* g, dv_error* err);
dv_status golden_run_band(golden_case* g, dv_error* err);
dv_status golden_run_compressor(golden_case* g, dv_error* err);
dv_status golden_run_panning(golden_case* g, dv_error* err);
dv_status golden_run_delay(golden_case* g, dv_error* err);
dv_status golden_run_reverb(golden_case* g, dv_error* err);
dv_status golden_run_chain(golden_case* g, dv_error* err);
dv_status golden_run_losses(golden_case* g, dv_error* err);
dv_status golden_run_loudness(golden_case* g, dv_error* err);
dv_status golden_run_trajectory(golden_case* g, dv_error* err);

#endif
