/* SPDX-License-Identifier: MIT */
#include "presets/folders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FROM_ENVIRONMENT, BESIDE_PROGRAM, INSTALLED = DV_PRESET_FOLDER_INSTALLED, SOURCES };

bool dv_path_join(char path[PATH_MAX], const char* dir, const char* name)
{
  const int length = snprintf(path, PATH_MAX, "%s/%s", dir, name);
  return length > 0 && length < PATH_MAX;
}

/* PREFIX/bin/program -> PREFIX/share/diffvox/presets */
static bool folder_beside_program(char path[PATH_MAX])
{
  char program[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length < 0) return false;
  program[length] = '\0';
  for (int level = 0; level < 2; ++level) {
    char* slash = strrchr(program, '/');
    if (slash) *slash = '\0';
  }
  return dv_path_join(path, program, DV_PRESET_SUBDIR);
}

static bool source_folder(char path[PATH_MAX], const char* name)
{
#ifdef DV_PRESET_SOURCE_DIR
  return dv_path_join(path, DV_PRESET_SOURCE_DIR, name);
#else
  (void)path, (void)name;
  return false;
#endif
}

static bool copy_path(char path[PATH_MAX], const char* folder)
{
  return folder && snprintf(path, PATH_MAX, "%s", folder) < PATH_MAX;
}

bool dv_preset_folder(size_t index, char path[PATH_MAX])
{
  switch (index) {
  case FROM_ENVIRONMENT: return copy_path(path, getenv("DIFFVOX_PRESETS"));
  case BESIDE_PROGRAM: return folder_beside_program(path);
  case INSTALLED: return copy_path(path, DV_PRESET_DIR);
  case SOURCES: return source_folder(path, "factory");
  default: return false;
  }
}

bool dv_prior_folder(size_t index, char path[PATH_MAX])
{
  char presets[PATH_MAX];
  if (index == SOURCES) return source_folder(path, "prior");
  return dv_preset_folder(index, presets) && dv_path_join(path, presets, "prior");
}
