/* SPDX-License-Identifier: MIT */
/* Presets as an LV2 bundle: what a fit or a corpus becomes in the host's preset menu.
 *
 * A bundle is a folder with a manifest and a file per preset, each with the ports and the state of the plugin
 * (docs/formats.md).  Every preset applies to both variants of the plugin. */
#ifndef DIFFVOX_PLUGIN_PRESET_BUNDLE_H
#define DIFFVOX_PLUGIN_PRESET_BUNDLE_H

#include "presets/preset.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the host's menu shows.  Where a preset comes from stands in front, the sound behind, so that one flat
   list sorts and tells: "MedleyDB 07 LizNelson_Coldwar - bright, echo 312 ms, reverb 1.4 s". */
typedef struct {
  char label[192];
  char bank[32]; /* name of its bank: "Factory", "MedleyDB", "Internal" or "Fitted" */
  bool gains;    /* the preset sets the plugin's input and output gain: a fit's calibration */
} dv_lv2_label;

void dv_lv2_label_make(const dv_preset* preset, dv_lv2_label* label);

/* Writes `count` presets (at least one) to the folder `path`, complete or not at all.  A bundle that this function
   wrote earlier is replaced; anything else at path is left alone and an error.
   Writing the same presets gives the same bytes.
   DV_ERR_ARG: no presets, or a value outside its range.  DV_ERR_IO, DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_lv2_bundle_write(const char* path, const dv_preset* const* presets, size_t count,
                                           dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
