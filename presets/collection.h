/* SPDX-License-Identifier: MIT */
/* Corpora in memory: many presets as rows of the 130 effective raw parameters, with their names.
 *
 * A corpus is, told apart by what is there:
 *   FILE.npy            rows of raw parameters, 151 or 152 columns
 *   FOLDER              that holds raw_params.npy, as published, with tracks.json or info.json for the names
 *   FOLDER              of preset files: FOLDER/NAME.json
 *   FOLDER              of fits: FOLDER/NAME/preset.json
 *   internal, medleydb  a published corpus in the corpora folder
 * Where a train_index.npy lies beside rows, only the rows it names are taken.  JSON files that say they are of
 * another format than diffvox-preset are passed over.  A folder that holds two of the kinds is an error. */
#ifndef DIFFVOX_COLLECTION_H
#define DIFFVOX_COLLECTION_H

#include "presets/effective.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { DV_COLLECTION_ROWS, DV_COLLECTION_PRESETS, DV_COLLECTION_FITS } dv_collection_kind;

typedef struct {
  char name[96]; /* track, file or folder; "row 12" where rows have none */
  size_t row;    /* in the file of rows; otherwise the place in the sorted list */
  double loss;   /* of a fit; NaN where it is not known */
} dv_collection_entry;

typedef struct {
  char label[96]; /* for people: the last part of the path */
  char source[256];
  dv_collection_kind kind;
  size_t count;        /* >= 1 */
  size_t rows_in_file; /* before train_index.npy; otherwise count */
  size_t ignored;      /* JSON files of other formats */
  double* effective;   /* count x DV_EFFECTIVE_COUNT */
  dv_collection_entry* entries;
} dv_collection;

typedef struct {
  const char* corpora_dir; /* folder of the published corpora; NULL: the environment variable DIFFVOX_CORPORA */
  bool all_rows;           /* not only those of train_index.npy */
} dv_collection_options;

/* *collection is overwritten, empty after an error, and freed by dv_collection_free.
   DV_ERR_ARG: nothing there, no presets, mixed kinds, an index that names rows that are not there.
   DV_ERR_IO, DV_ERR_FORMAT (also NaN in rows, with the place), DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_collection_load(const char* spec, const dv_collection_options* options,
                                          dv_collection* collection, dv_error* err);
void dv_collection_free(dv_collection* collection);

/* Row i. */
static inline const double* dv_collection_row(const dv_collection* c, size_t i)
{
  return c->effective + i * DV_EFFECTIVE_COUNT;
}

/* How many columns hold one value only; names the first in `name` (may be NULL). */
size_t dv_collection_constants(const dv_collection* collection, char* name, size_t size);

/* What is slow on many presets is done on a sample: the rows that a seed draws, rising; all where there are no more
   than `most`.  index: min(count, most) out; returns their number. */
size_t dv_collection_pick(const dv_collection* collection, size_t most, uint64_t seed, size_t* index);

/* The rows themselves: min(count, most) x DV_EFFECTIVE_COUNT out. */
size_t dv_collection_subsample(const dv_collection* collection, size_t most, uint64_t seed, double* data);

#ifdef __cplusplus
}
#endif
#endif
