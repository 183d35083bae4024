/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over every file of the folders given: seeds and past findings in each test run,
   with any compiler.  usage: REPLAY FOLDER... */
#include "datasets/file.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

enum { MAX_BYTES = 1 << 24 };

/* A copy of the exact size, so that the sanitizer sees what reads beyond it. */
static void run(const char* bytes, size_t size)
{
  uint8_t* copy = malloc(size ? size : 1);
  if (!copy) abort();
  for (size_t i = 0; i < size; ++i) copy[i] = (uint8_t)bytes[i];
  LLVMFuzzerTestOneInput(copy, size);
  free(copy);
}

static int replay(const char* folder)
{
  int files = 0;
  DIR* dir = opendir(folder);
  for (const struct dirent* e; dir && (e = readdir(dir));) {
    char path[1024], *bytes;
    size_t size;
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    if (e->d_name[0] == '.' || dv_file_read(path, MAX_BYTES, &bytes, &size, NULL)) continue;
    run(bytes, size);
    free(bytes);
    ++files;
  }
  if (dir) closedir(dir);
  return files;
}

int main(int argc, char** argv)
{
  int files = 0;
  for (int i = 1; i < argc; ++i) files += replay(argv[i]);
  printf("%d inputs replayed\n", files);
  return files ? EXIT_SUCCESS : EXIT_FAILURE;
}
