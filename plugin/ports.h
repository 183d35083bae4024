/* SPDX-License-Identifier: MIT */
/* The control ports of the plugin: one table for the plugin itself, for its description in Turtle and for the
 * presets made from preset files.
 *
 * Every scalar of the parameter table is a port, in the units of a preset file and under its field's name with
 * dots as underscores: "compressor.attack_ms" is the port compressor_attack_ms.  Around them are the ports that
 * no preset holds (mix, macros, meters).
 *
 * Symbols never change: hosts keep automation, sessions and presets by them.  A port may be added at the end of
 * its kind; none is ever renamed, removed or given another meaning or unit. */
#ifndef DIFFVOX_PLUGIN_PORTS_H
#define DIFFVOX_PLUGIN_PORTS_H

#include "dsp/parameters.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DV_PLUGIN_URI "urn:diffvox:vocal"
#define DV_PLUGIN_STEREO_URI "urn:diffvox:vocal-stereo"
#define DV_PLUGIN_NAME "DiffVox Vocal"
#define DV_PLUGIN_STEREO_NAME "DiffVox Vocal (stereo in)"

enum { DV_PLUGIN_MACROS = 4, DV_PLUGIN_PARAMETERS = 42 };

/* Control ports in the order of their numbers.  The audio ports come before them. */
typedef enum {
  DV_PORT_ENABLED,
  DV_PORT_DRY_WET,
  DV_PORT_REVERB_LEVEL,
  DV_PORT_DECAY_SCALE,
  DV_PORT_MACRO,
  DV_PORT_INPUT_GAIN = DV_PORT_MACRO + DV_PLUGIN_MACROS,
  DV_PORT_OUTPUT_GAIN,
  DV_PORT_DELAY_ON,
  DV_PORT_REVERB_ON,
  DV_PORT_LOOKAHEAD_ON,
  DV_PORT_PARAMETER, /* the first scalar of the parameter table */
  DV_PORT_INPUTS = DV_PORT_PARAMETER + DV_PLUGIN_PARAMETERS,
  DV_PORT_LATENCY = DV_PORT_INPUTS,
  DV_PORT_INPUT_LEVEL,
  DV_PORT_OUTPUT_LEVEL_LEFT,
  DV_PORT_OUTPUT_LEVEL_RIGHT,
  DV_PORT_GAIN_REDUCTION,
  DV_PORT_COUNT
} dv_port_id;

/* What a preset does with a port. */
typedef enum {
  DV_PORT_OF_USER,   /* nothing: how the plugin is used on a track */
  DV_PORT_OF_GAINS,  /* sets it when it was calibrated: the gains of a fit */
  DV_PORT_OF_PRESET, /* sets it to what the preset holds */
  DV_PORT_RESET,     /* sets it to its default, so that the preset sounds as it is */
  DV_PORT_OF_PLUGIN  /* the plugin's own output */
} dv_port_owner;

enum { DV_PORT_MAX_POINTS = 3 };

typedef struct {
  char symbol[64], name[64];
  const char* unit;  /* of LV2's units, "db", "hz", "ms", "pc", "coef", "frame"; "" none; "sigma", "ratio": own */
  const char* group; /* symbol of its group, see dv_port_groups */
  dv_port_owner owner;
  double minimum, maximum, initial; /* initial of a parameter: as a fit starts; the plugin's default preset rules */
  bool logarithmic, toggled;
  int parameter; /* index in the flat vector; -1 */
  struct {
    double value;
    const char* label;
  } point[DV_PORT_MAX_POINTS];
  int points;
} dv_port;

typedef struct {
  dv_port port[DV_PORT_COUNT];
} dv_ports;

/* Builds the table: constant, no allocation. */
void dv_ports_init(dv_ports* ports);

typedef struct {
  const char *symbol, *name;
} dv_port_group;

/* Groups of control ports, in the order of their first ports. */
const dv_port_group* dv_port_groups(size_t* count);

/* What a host wrote into a port, within its range; a value that is not finite counts as `otherwise`. */
DV_REALTIME float dv_port_clamp(const dv_port* port, float value, float otherwise);

/* A parameter's port <-> its physical value.  The port holds what fits into its range and a float; from the
   port comes a value that the parameter table accepts. */
DV_REALTIME float dv_port_from_parameter(const dv_port* port, double physical);
DV_REALTIME double dv_port_to_parameter(const dv_port* port, float value);

#ifdef __cplusplus
}
#endif
#endif
