/* SPDX-License-Identifier: MIT */
#include "plugin/ports.h"

#include "presets/fields.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double MIN_TIME_MS = 0.01, MAX_TIME_MS = 10000.0; /* of the port: what a knob can usefully reach */

static const dv_port_group groups[] = {
  {"mix", "Mix"},
  {"macros", "Macros"},
  {"gains", "Gains"},
  {"switches", "Switches"},
  {"peak1", "Peak 1"},
  {"peak2", "Peak 2"},
  {"lowshelf", "Low shelf"},
  {"highshelf", "High shelf"},
  {"lowpass", "Low-pass"},
  {"highpass", "High-pass"},
  {"compressor", "Compressor and expander"},
  {"send", "Delay to reverb"},
  {"delay", "Delay"},
  {"reverb", "Reverb"},
  {"pan", "Pan"},
  {"meters", "Meters"},
};
enum { FIRST_EFFECT_GROUP = 4 }; /* from there on in the order of dv_effect */

/* Macros are named after what the principal components of presets/prior_table.h move most: decay times; the highest
   octave of voice and tail; lows against highs of the reverb; the second bell and high shelf against the lows. */
static const dv_port around[] = {
  {.symbol = "enabled",
   .name = "Enabled",
   .unit = "",
   .group = "mix",
   .owner = DV_PORT_OF_USER,
   .maximum = 1,
   .initial = 1,
   .toggled = true},
  {.symbol = "dry_wet",
   .name = "Dry/wet",
   .unit = "pc",
   .group = "mix",
   .owner = DV_PORT_OF_USER,
   .maximum = 100,
   .initial = 100,
   .point = {{0, "Dry"}, {50, "Half"}, {100, "Wet"}},
   .points = 3},
  {.symbol = "reverb_level",
   .name = "Reverb level",
   .unit = "db",
   .group = "mix",
   .owner = DV_PORT_RESET,
   .minimum = -60,
   .maximum = 12,
   .point = {{-60, "Off"}, {0, "As in the preset"}},
   .points = 2},
  {.symbol = "decay_scale",
   .name = "Decay scale",
   .unit = "coef",
   .group = "mix",
   .owner = DV_PORT_RESET,
   .minimum = 0.25,
   .maximum = 4,
   .initial = 1,
   .logarithmic = true,
   .point = {{0.5, "Half as long"}, {1, "As in the preset"}, {2, "Twice as long"}},
   .points = 3},
  {.symbol = "macro_1", .name = "Macro 1 Tail", .group = "macros"},
  {.symbol = "macro_2", .name = "Macro 2 Air", .group = "macros"},
  {.symbol = "macro_3", .name = "Macro 3 Warm space", .group = "macros"},
  {.symbol = "macro_4", .name = "Macro 4 Presence", .group = "macros"},
  {.symbol = "input_gain",
   .name = "Input gain",
   .unit = "db",
   .group = "gains",
   .owner = DV_PORT_OF_GAINS,
   .minimum = -60,
   .maximum = 60},
  {.symbol = "output_gain",
   .name = "Output gain",
   .unit = "db",
   .group = "gains",
   .owner = DV_PORT_OF_GAINS,
   .minimum = -60,
   .maximum = 60},
  {.symbol = "delay_on",
   .name = "Delay on",
   .unit = "",
   .group = "switches",
   .owner = DV_PORT_RESET,
   .maximum = 1,
   .initial = 1,
   .toggled = true},
  {.symbol = "reverb_on",
   .name = "Reverb on",
   .unit = "",
   .group = "switches",
   .owner = DV_PORT_RESET,
   .maximum = 1,
   .initial = 1,
   .toggled = true},
  {.symbol = "lookahead_on",
   .name = "Look-ahead on",
   .unit = "",
   .group = "switches",
   .owner = DV_PORT_OF_USER,
   .maximum = 1,
   .initial = 1,
   .toggled = true},
};

static const dv_port outputs[] = {
  {.symbol = "latency", .name = "Latency", .unit = "frame", .group = "meters", .maximum = 192000},
  {.symbol = "input_level", .name = "Input level", .unit = "db", .group = "meters", .minimum = -120, .maximum = 100},
  {.symbol = "output_level_left",
   .name = "Output level left",
   .unit = "db",
   .group = "meters",
   .minimum = -120,
   .maximum = 100},
  {.symbol = "output_level_right",
   .name = "Output level right",
   .unit = "db",
   .group = "meters",
   .minimum = -120,
   .maximum = 100},
  {.symbol = "gain_reduction", .name = "Gain reduction", .unit = "db", .group = "meters", .maximum = 120},
};

_Static_assert(sizeof around / sizeof *around == DV_PORT_PARAMETER, "ports around the parameters");
_Static_assert(sizeof outputs / sizeof *outputs == DV_PORT_COUNT - DV_PORT_INPUTS, "outputs");

const dv_port_group* dv_port_groups(size_t* count)
{
  *count = sizeof groups / sizeof *groups;
  return groups;
}

static const char* unit_of(const dv_field* field)
{
  if (!strcmp(field->unit, "dB")) return "db";
  if (!strcmp(field->unit, "Hz")) return "hz";
  if (!strcmp(field->unit, "ms")) return "ms";
  return strstr(field->path, "comp_ratio") ? "ratio" : "coef";
}

static bool ends_with(const char* text, const char* end)
{
  const size_t a = strlen(text), b = strlen(end);
  return a >= b && !strcmp(text + a - b, end);
}

static void add_point(dv_port* p, double value, const char* label)
{
  p->point[p->points].value = value;
  p->point[p->points++].label = label;
}

static void add_points(dv_port* p)
{
  if (ends_with(p->symbol, "pan")) {
    add_point(p, 0.0, "Left");
    add_point(p, 0.5, "Centre");
    add_point(p, 1.0, "Right");
  } else if (ends_with(p->symbol, "gain_db") || ends_with(p->symbol, "makeup_db")) {
    add_point(p, 0.0, "Flat");
  } else if (ends_with(p->symbol, "_ratio")) {
    add_point(p, 1.0, "Off");
  } else if (!strcmp(p->symbol, "send") || !strcmp(p->symbol, "delay_gain") || !strcmp(p->symbol, "delay_feedback")) {
    add_point(p, 0.0, "Off");
  }
}

static void parameter_port(dv_port* p, const dv_field* field)
{
  const bool time = field->unit != field->row->unit; /* a coefficient in the table */
  *p = (dv_port){.unit = unit_of(field),
                 .group = groups[FIRST_EFFECT_GROUP + (int)field->row->effect].symbol,
                 .owner = DV_PORT_OF_PRESET,
                 .minimum = time ? MIN_TIME_MS : field->minimum,
                 .maximum = time ? MAX_TIME_MS : field->maximum,
                 .initial = dv_field_to_file(field, field->row->initial),
                 .logarithmic = time || field->row->logarithmic,
                 .parameter = field->row->first};
  snprintf(p->symbol, sizeof p->symbol, "%s", field->path);
  for (char* c = p->symbol; *c; ++c)
    if (*c == '.') *c = '_';
  snprintf(p->name, sizeof p->name, "%s", field->row->label);
  add_points(p);
}

static void macro_port(dv_port* p)
{
  p->unit = "sigma";
  p->owner = DV_PORT_RESET;
  p->minimum = -3.0;
  p->maximum = 3.0;
  add_point(p, 0.0, "As in the preset");
}

void dv_ports_init(dv_ports* ports)
{
  memcpy(ports->port, around, sizeof around);
  memcpy(ports->port + DV_PORT_INPUTS, outputs, sizeof outputs);
  for (int i = 0; i < DV_PORT_COUNT; ++i) ports->port[i].parameter = -1;
  for (int i = 0; i < DV_PLUGIN_MACROS; ++i) macro_port(&ports->port[DV_PORT_MACRO + i]);
  for (int i = DV_PORT_INPUTS; i < DV_PORT_COUNT; ++i) ports->port[i].owner = DV_PORT_OF_PLUGIN;
  dv_field field;
  int next = DV_PORT_PARAMETER;
  for (size_t i = 0; dv_field_at(i, &field); ++i)
    if (field.row->count == 1 && next < DV_PORT_INPUTS) parameter_port(&ports->port[next++], &field);
}

float dv_port_clamp(const dv_port* port, float value, float otherwise)
{
  if (!isfinite(value)) return otherwise;
  return value < (float)port->minimum   ? (float)port->minimum
         : value > (float)port->maximum ? (float)port->maximum
                                        : value;
}

/* Coefficients are times at the port, as in preset files. */
static bool is_time(const dv_port* port) { return !strcmp(port->unit, "ms") && port->minimum == MIN_TIME_MS; }

float dv_port_from_parameter(const dv_port* port, double physical)
{
  const double value = is_time(port) ? dv_ms_from_coef(physical, DV_MODEL_RATE_HZ) : physical;
  return (float)fmin(fmax(value, port->minimum), port->maximum);
}

double dv_port_to_parameter(const dv_port* port, float value)
{
  if (is_time(port)) return dv_coef_from_ms((double)value, DV_MODEL_RATE_HZ);
  const dv_parameter* row = dv_parameter_at(port->parameter);
  const double limited = fmin(fmax((double)value, row->minimum), row->maximum); /* a float may round over the end */
  /* what folds at its maximum never reaches it */
  return row->map == DV_MAP_FOLD && limited >= row->maximum ? nextafter(limited, 0.0) : limited;
}
