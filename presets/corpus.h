/* SPDX-License-Identifier: MIT */
/* Presets by name: what stands for PRESET in every tool.
 *
 *   FILE.json, FOLDER         a preset file, or the preset.json of a fit's folder
 *   NAME                      a factory preset, see dv_preset_list
 *   FILE.npy:ROW              a row of raw parameters, 151 or 152 columns; FILE.npy when it has only one
 *   medleydb:ROW              a row of a published corpus; MedleyDB's also by track or stem name
 *   medleydb:TRACK
 *   internal:ROW
 *
 * Rows count from 0.  Factory presets are looked for in the folder that the environment variable
 * DIFFVOX_PRESETS names, then where they are installed; names match in upper and lower case.  The
 * published corpora are not part of the project: docs/formats.md tells where to get them.  Their folder
 * holds medleydb/raw_params.npy and internal/raw_params.npy; names come from tracks.json or info.json
 * beside the rows. */
#ifndef DIFFVOX_CORPUS_H
#define DIFFVOX_CORPUS_H

#include "datasets/npy.h"
#include "presets/preset.h"

#ifdef __cplusplus
extern "C" {
#endif

/* corpora_dir may be NULL: the environment variable DIFFVOX_CORPORA is used then.
   DV_ERR_ARG: no such preset, row or track; the message names what is near or how to list them.
   DV_ERR_IO, DV_ERR_FORMAT, DV_ERR_NOMEM from the files. */
DV_NODISCARD dv_status dv_preset_resolve(const char* spec, const char* corpora_dir, dv_preset* preset, dv_error* err);

/* Calls visit once for every preset that dv_preset_resolve knows by name, factory presets first, sorted.
   spec is what to pass to dv_preset_resolve; comment is a line for people: of a preset that cannot be read, why.
   Corpora are listed when a folder is given by argument or environment. */
typedef void (*dv_preset_visit)(void* context, const char* spec, const char* comment);
DV_NODISCARD dv_status dv_preset_list(const char* corpora_dir, dv_preset_visit visit, void* context, dv_error* err);

/* Reads raw parameters: rows x 151 or 152 numbers, finite; one dimension is one row.  rows->ndim is 2
   afterwards; free it with dv_npy_free.  DV_ERR_FORMAT when the file holds something else. */
DV_NODISCARD dv_status dv_corpus_read(const char* path, dv_npy* rows, dv_error* err);

/* One row of such an array as physical parameters.  DV_ERR_ARG: no such row, or a value outside the
   ranges of the parameter table; name is what the message calls the array. */
DV_NODISCARD dv_status dv_corpus_row(const dv_npy* rows, size_t row, const char* name, dv_chain_params* params,
                                     dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
