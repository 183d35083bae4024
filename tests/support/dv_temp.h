/* SPDX-License-Identifier: MIT */
/* A temporary folder for tests that write files, and folders in which writing fails. */
#ifndef DV_TEMP_H
#define DV_TEMP_H

#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  char dir[256];
  char path[512]; /* of the last dv_temp_path */
} dv_temp;

/* cmocka's group setup and teardown: *state is a dv_temp. */
static inline int dv_temp_setup(void** state)
{
  const char* base = getenv("TMPDIR");
  dv_temp* temp = calloc(1, sizeof *temp);
  if (!temp) return -1;
  snprintf(temp->dir, sizeof temp->dir, "%.200s/diffvox-test-XXXXXX", base ? base : "/tmp");
  *state = temp;
  return mkdtemp(temp->dir) ? 0 : -1;
}

static inline int dv_temp_remove_one(const char* path, const struct stat* st, int type, struct FTW* ftw)
{
  (void)st, (void)type, (void)ftw;
  return remove(path);
}

static inline int dv_temp_teardown(void** state)
{
  dv_temp* temp = *state;
  const int result = nftw(temp->dir, dv_temp_remove_one, 8, FTW_DEPTH | FTW_PHYS);
  free(temp);
  return result;
}

static inline const char* dv_temp_path(dv_temp* temp, const char* name)
{
  snprintf(temp->path, sizeof temp->path, "%s/%s", temp->dir, name);
  return temp->path;
}

/* Writes a file and returns its path. */
static inline const char* dv_temp_file(dv_temp* temp, const char* name, const void* data, size_t size)
{
  FILE* out = fopen(dv_temp_path(temp, name), "wb");
  if (!out || fwrite(data, 1, size, out) != size || fclose(out)) abort();
  return temp->path;
}

/* Number of entries of the folder: what failed must leave nothing behind. */
static inline size_t dv_temp_count(const dv_temp* temp)
{
  DIR* dir = opendir(temp->dir);
  size_t count = 0;
  if (!dir) abort();
  for (const struct dirent* e; (e = readdir(dir));) count += e->d_name[0] != '.';
  closedir(dir);
  return count;
}

/* While the disk is "full", no file can grow beyond max_bytes; SIZE_MAX frees it again. */
static inline void dv_temp_fill_disk(size_t max_bytes)
{
  struct rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  signal(SIGXFSZ, SIG_IGN);
  limit.rlim_cur = max_bytes == (size_t)-1 ? limit.rlim_max : max_bytes;
  if (setrlimit(RLIMIT_FSIZE, &limit)) abort();
}

/* Forbids writing in the folder; root, whom permissions do not stop, becomes nobody meanwhile. */
static inline void dv_temp_forbid(const dv_temp* temp)
{
  if (chmod(temp->dir, 0555) || (!getuid() && seteuid(65534))) abort();
}

static inline void dv_temp_allow(const dv_temp* temp)
{
  if ((!getuid() && seteuid(0)) || chmod(temp->dir, 0755)) abort();
}

#endif
