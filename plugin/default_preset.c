/* SPDX-License-Identifier: MIT */
/* Writes the plugin's default preset as C.  Run by the build.
 *
 *   default_preset DEFAULT.JSON DEFAULT.C */
#include "presets/preset.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char** argv)
{
  dv_preset preset;
  dv_error err = {"usage: default_preset DEFAULT.JSON DEFAULT.C"};
  if (argc != 3 || dv_preset_read(argv[1], &preset, &err)) {
    fprintf(stderr, "default_preset: %s\n", err.text);
    return EXIT_FAILURE;
  }
  FILE* out = fopen(argv[2], "w");
  if (!out) return EXIT_FAILURE;
  fputs("/* Generated from plugin/default.json. */\n#include \"plugin/settings.h\"\n\n"
        "const double dv_plugin_default[DV_PRESET_SIZE] = {\n",
        out);
  const double* flat = dv_params_flat_const(&preset.params);
  for (int i = 0; i < DV_PRESET_SIZE; ++i) fprintf(out, "  %a,\n", flat[i]);
  fputs("};\n", out);
  return fclose(out) ? EXIT_FAILURE : EXIT_SUCCESS;
}
