/* SPDX-License-Identifier: MIT */
/* Whole files: bounded reading, and writing that never leaves a half-written file behind.
 *
 * A writer creates a temporary file in the target's folder; commit flushes it to the disk and renames it
 * over the target, so a reader sees the old file or the new one.  Every error names the file. */
#ifndef DIFFVOX_FILE_H
#define DIFFVOX_FILE_H

#include "dsp/status.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The part of a path that fits in a dv_error beside the reason: its last 200 characters. */
const char* dv_file_label(const char* path);

/* Reads a regular file of at most max_size bytes.  *data is the caller's to free(); a zero byte that
   *size does not count follows the contents.
   DV_ERR_IO: not there, not readable, a folder or a device.  DV_ERR_FORMAT: larger than max_size.
   DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_file_read(const char* path, size_t max_size, char** data, size_t* size, dv_error* err);

/* A file being written.  The caller writes to fd and then commits or abandons. */
typedef struct {
  int fd;
  char *path, *temporary; /* owned by the writer */
} dv_file_writer;

/* Creates the temporary file.  A symbolic link is followed, so that its target is what is replaced.
   DV_ERR_IO: the folder is missing or not writable, or path is a folder or a device.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_file_begin(const char* path, dv_file_writer* writer, dv_error* err);

/* Ends the writer in any case.  DV_ERR_IO: the disk is full or failed; the target is then untouched. */
DV_NODISCARD dv_status dv_file_commit(dv_file_writer* writer, dv_error* err);

/* Ends the writer and removes the temporary file. */
void dv_file_abandon(dv_file_writer* writer);

/* What dv_file_begin would say: found out before the work rather than after it. */
DV_NODISCARD dv_status dv_file_check_writable(const char* path, dv_error* err);

/* begin, write all of data, commit. */
DV_NODISCARD dv_status dv_file_write(const char* path, const void* data, size_t size, dv_error* err);

/* Makes the folder where it is not there yet; its parent must be.  DV_ERR_IO. */
DV_NODISCARD dv_status dv_file_make_folder(const char* path, dv_error* err);

/* Removes a file, or a folder with all that is in it, as far as it may; links are not followed. */
void dv_file_remove_tree(const char* path);

/* DV_ERR_IO with "PATH: cannot ACTION: reason; remedy" for a value of errno. */
dv_status dv_file_error(dv_error* err, const char* path, const char* action, int error_number);

#ifdef __cplusplus
}
#endif
#endif
