/* SPDX-License-Identifier: MIT */
/* Private: where what ships with the project is looked for, first match first.
 *
 * The folder that DIFFVOX_PRESETS names; share/diffvox/presets beside the running program's bin, since an
 * installation may have been moved; the one it was configured for; in builds with tests the sources. */
#ifndef DIFFVOX_FOLDERS_H
#define DIFFVOX_FOLDERS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { DV_PRESET_FOLDERS = 4, DV_PRESET_FOLDER_INSTALLED = 2 };

/* The index-th folder of factory presets, or of priors; false when there is none at this place. */
bool dv_preset_folder(size_t index, char path[PATH_MAX]);
bool dv_prior_folder(size_t index, char path[PATH_MAX]);

/* DIR/NAME; false when that is longer than a path may be. */
bool dv_path_join(char path[PATH_MAX], const char* dir, const char* name);

#endif
