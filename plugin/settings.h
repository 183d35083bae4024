/* SPDX-License-Identifier: MIT */
/* Private: from a preset and the ports' values to what the engine plays.
 *
 * A port is a float and within its range; a preset's number is a double and may lie outside.  So the exact numbers
 * are kept, and a port that still shows its preset's number stands for the exact one: a loaded preset plays bit
 * for bit as diffvox-render plays it. */
#ifndef DIFFVOX_PLUGIN_SETTINGS_H
#define DIFFVOX_PLUGIN_SETTINGS_H

#include "dsp/realtime/engine.h"
#include "plugin/ports.h"
#include "plugin/state.h"

/* A preset and how its numbers look at the ports. */
typedef struct {
  dv_state exact;              /* gains always hold something */
  float shown[DV_PORT_INPUTS]; /* what the ports of parameters and gains show for it */
} dv_base;

/* The plugin's default preset, made when it is built from plugin/default.json: what plays without any state, and
   the ports' defaults. */
extern const double dv_plugin_default[DV_PRESET_SIZE];
void dv_base_default(const dv_ports* ports, dv_base* base);

/* Takes a preset in; one without gains leaves those of base. */
void dv_base_set(const dv_ports* ports, const dv_state* preset, dv_base* base);

/* A port's default in the plugin: that of the default preset, or of the table. */
float dv_port_default(const dv_port* port);

typedef struct {
  dv_chain_params params;
  dv_rt_mix mix;
  bool lookahead;
} dv_settings;

/* values: of all input ports, clamped. */
DV_REALTIME void dv_settings_make(const dv_ports* ports, const dv_base* base, const float values[DV_PORT_INPUTS],
                                  dv_settings* settings);

/* True when both play the same reverb response (its EQ is not part of it). */
DV_REALTIME bool dv_same_response(const dv_reverb_params* a, const dv_reverb_params* b);

#endif
