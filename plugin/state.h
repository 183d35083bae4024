/* SPDX-License-Identifier: MIT */
/* The plugin's state as text: the exact numbers of a preset, among them those that no port can hold.
 *
 *   diffvox-state 1 peak1.gain_db 4010000000000000 ... reverb.decay 3fe6666666666666 (49 words) ...
 *
 * Words are separated by one space: names of the parameter table, each with as many numbers as its row has, a number
 * being the 16 hexadecimal digits of its IEEE 754 binary64.  That reads the same on every machine, in every
 * locale, and back to the last bit.  docs/formats.md specifies it.
 *
 * Two gains may be part of it, too: those a fit was calibrated with. */
#ifndef DIFFVOX_PLUGIN_STATE_H
#define DIFFVOX_PLUGIN_STATE_H

#include "dsp/parameters.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DV_STATE_URI "urn:diffvox:state" /* the property that holds it */
enum { DV_STATE_VERSION = 1, DV_STATE_MAX_BYTES = 8192 };

typedef struct {
  dv_chain_params params;
  bool has_gains;
  double input_gain_db, output_gain_db;
} dv_state;

/* Writes the text and its terminating zero; it always fits. */
void dv_state_print(const dv_state* state, char text[DV_STATE_MAX_BYTES]);

/* size counts no terminating zero.  A row that is not in the text keeps what *state holds, a name that is not
   known is skipped with its numbers: so versions stay readable when rows are added.  *state is untouched after
   an error.
   DV_ERR_FORMAT: not such a text, of a later version, or a number that is not finite or out of range. */
DV_NODISCARD dv_status dv_state_parse(const char* text, size_t size, dv_state* state, dv_error* err);

#ifdef __cplusplus
}
#endif
#endif
