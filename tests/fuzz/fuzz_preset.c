/* SPDX-License-Identifier: MIT */
/* Any bytes: the parser must not fail but by its status; what it accepts must print and parse again
   to the same preset. */
#include "presets/preset.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

/* Times are converted twice, so their coefficients may differ in the last bits. */
static bool same_parameters(const dv_preset* a, const dv_preset* b)
{
  const double *x = dv_params_flat_const(&a->params), *y = dv_params_flat_const(&b->params);
  for (int i = 0; i < DV_PRESET_SIZE; ++i)
    if (dv_parameter_effective(i) && !(fabs(x[i] - y[i]) <= 1e-11 * fabs(x[i]))) return false;
  return true;
}

static bool same_notes(const dv_preset* a, const dv_preset* b)
{
  if (a->note_count != b->note_count) return false;
  for (size_t i = 0; i < a->note_count; ++i) {
    const dv_preset_note* note = dv_preset_find_note(b, a->notes[i].key);
    if (!note || note->is_number != a->notes[i].is_number) return false;
    if (note->is_number ? note->number < a->notes[i].number || note->number > a->notes[i].number
                        : strcmp(note->text, a->notes[i].text))
      return false;
  }
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
  static dv_preset first, second; /* too large for a small stack */
  dv_error err;
  char* text = NULL;
  size_t text_size = 0;
  if (dv_preset_parse((const char*)data, size, "input", &first, &err)) return 0;
  if (dv_preset_print(&first, &text, &text_size, &err)) abort();
  if (dv_preset_parse(text, text_size, "printed", &second, &err)) abort();
  if (!same_parameters(&first, &second)) abort();
  if (strcmp(first.name, second.name) || strcmp(first.comment, second.comment)) abort();
  if (!same_notes(&first, &second)) abort();
  free(text);
  return 0;
}
