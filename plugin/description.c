/* SPDX-License-Identifier: MIT */
/* Writes the plugin's description, manifest.ttl and diffvox.ttl, from the table of ports.  Run by the build.
 *
 *   description MANIFEST.TTL DIFFVOX.TTL LIBRARY */
#include "plugin/settings.h"
#include "plugin/ttl.h"

#include <stdlib.h>
#include <string.h>

static const char PREFIXES[] = "@prefix doap: <http://usefulinc.com/ns/doap#> .\n"
                               "@prefix foaf: <http://xmlns.com/foaf/0.1/> .\n"
                               "@prefix lv2: <http://lv2plug.in/ns/lv2core#> .\n"
                               "@prefix pg: <http://lv2plug.in/ns/ext/port-groups#> .\n"
                               "@prefix pprops: <http://lv2plug.in/ns/ext/port-props#> .\n"
                               "@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .\n"
                               "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
                               "@prefix state: <http://lv2plug.in/ns/ext/state#> .\n"
                               "@prefix units: <http://lv2plug.in/ns/extensions/units#> .\n"
                               "@prefix urid: <http://lv2plug.in/ns/ext/urid#> .\n"
                               "@prefix work: <http://lv2plug.in/ns/ext/worker#> .\n"
                               "@prefix opts: <http://lv2plug.in/ns/ext/options#> .\n"
                               "@prefix log: <http://lv2plug.in/ns/ext/log#> .\n\n";

typedef struct {
  const char *uri, *name, *comment;
  int inputs;
} variant;

static const variant variants[] = {
  {DV_PLUGIN_URI, DV_PLUGIN_NAME,
   "The vocal chain of a DiffVox preset: equaliser, compressor with look-ahead, ping-pong delay and reverb. Mono in, "
   "stereo out.",
   1},
  {DV_PLUGIN_STEREO_URI, DV_PLUGIN_STEREO_NAME,
   "The same chain for a stereo track: both sides are averaged into the effects; what stays dry keeps its sides.", 2},
};

/* --- Ports ------------------------------------------------------------------------------------------------------ */

static const char* unit_text(const char* unit)
{
  if (!strcmp(unit, "sigma"))
    return "[ a units:Unit ; rdfs:label \"standard deviations\" ; units:symbol \"σ\" ; units:render \"%f σ\" ]";
  return "[ a units:Unit ; rdfs:label \"ratio\" ; units:symbol \":1\" ; units:render \"%f:1\" ]";
}

static void write_unit(FILE* out, const dv_port* p)
{
  const bool own = !strcmp(p->unit, "sigma") || !strcmp(p->unit, "ratio");
  if (own) fprintf(out, "    units:unit %s ;\n", unit_text(p->unit));
  else if (*p->unit) fprintf(out, "    units:unit units:%s ;\n", p->unit);
}

static void write_points(FILE* out, const dv_port* p)
{
  for (int k = 0; k < p->points; ++k) {
    fputs("    lv2:scalePoint [ rdfs:label ", out);
    dv_ttl_string(out, p->point[k].label);
    fputs(" ; rdf:value ", out);
    dv_ttl_number(out, (float)p->point[k].value);
    fputs(" ] ;\n", out);
  }
}

static void write_range(FILE* out, const dv_port* p, bool input)
{
  if (input) {
    fputs("    lv2:default ", out);
    dv_ttl_number(out, dv_port_default(p));
    fputs(" ;\n", out);
  }
  fputs("    lv2:minimum ", out);
  dv_ttl_number(out, (float)p->minimum);
  fputs(" ;\n    lv2:maximum ", out);
  dv_ttl_number(out, (float)p->maximum);
  fputs(" ;\n", out);
}

static void write_control(FILE* out, const dv_port* p, int id, int index)
{
  const bool input = id < DV_PORT_INPUTS;
  fprintf(out, "  ] , [\n    a lv2:%s , lv2:ControlPort ;\n    lv2:index %d ;\n    lv2:symbol \"%s\" ;\n    lv2:name ",
          input ? "InputPort" : "OutputPort", index, p->symbol);
  dv_ttl_string(out, p->name);
  fputs(" ;\n", out);
  write_range(out, p, input);
  write_unit(out, p);
  write_points(out, p);
  if (p->logarithmic) fputs("    lv2:portProperty pprops:logarithmic ;\n", out);
  if (p->toggled) fputs("    lv2:portProperty lv2:toggled ;\n", out);
  if (id == DV_PORT_ENABLED) fputs("    lv2:designation lv2:enabled ;\n", out);
  if (id == DV_PORT_LATENCY)
    fputs("    lv2:designation lv2:latency ;\n    lv2:portProperty lv2:reportsLatency , lv2:integer ,\n"
          "      lv2:connectionOptional ;\n",
          out);
  fprintf(out, "    pg:group <urn:diffvox:group:%s>\n", p->group);
}

static void write_audio(FILE* out, int index, bool input, int channel, int channels)
{
  static const char* const side[2] = {"left", "right"};
  const char* where = input ? "in" : "out";
  fprintf(out, "%s    a lv2:%sPort , lv2:AudioPort ;\n    lv2:index %d ;\n", index ? "  ] , [\n" : "",
          input ? "Input" : "Output", index);
  if (channels == 1)
    fprintf(out, "    lv2:symbol \"%s\" ;\n    lv2:name \"In\" ;\n    lv2:designation pg:center ;\n", where);
  else
    fprintf(out, "    lv2:symbol \"%s_%s\" ;\n    lv2:name \"%s %s\" ;\n    lv2:designation pg:%s ;\n", where,
            side[channel], input ? "In" : "Out", side[channel], side[channel]);
  fprintf(out, "    pg:group <urn:diffvox:group:%s-%s>\n", where, channels == 1 ? "mono" : "stereo");
}

static void write_ports(FILE* out, const dv_ports* ports, int inputs)
{
  int index = 0;
  fputs("  lv2:port [\n", out);
  for (int c = 0; c < inputs; ++c) write_audio(out, index++, true, c, inputs);
  for (int c = 0; c < 2; ++c) write_audio(out, index++, false, c, 2);
  for (int i = 0; i < DV_PORT_COUNT; ++i) write_control(out, &ports->port[i], i, index++);
  fputs("  ] .\n\n", out);
}

/* --- Files ------------------------------------------------------------------------------------------------------ */

static void write_project(FILE* out)
{
  fputs("<urn:diffvox:project>\n  a doap:Project ;\n  doap:name \"DiffVox in C\" ;\n"
        "  doap:license <http://opensource.org/licenses/MIT> ;\n"
        "  doap:maintainer [ a foaf:Person ; foaf:name \"The DiffVox in C authors\" ] .\n\n",
        out);
}

static void write_groups(FILE* out)
{
  size_t count;
  const dv_port_group* groups = dv_port_groups(&count);
  for (size_t i = 0; i < count; ++i) {
    const bool output = i + 1 == count; /* the meters come last */
    fprintf(out, "<urn:diffvox:group:%s>\n  a pg:%sGroup ;\n  lv2:symbol \"%s\" ;\n  lv2:name ", groups[i].symbol,
            output ? "Output" : "Input", groups[i].symbol);
    dv_ttl_string(out, groups[i].name);
    fputs(" .\n\n", out);
  }
  fputs(
    "<urn:diffvox:group:in-mono>\n  a pg:MonoGroup , pg:InputGroup ;\n  lv2:symbol \"in\" ;\n  lv2:name \"In\" .\n\n"
    "<urn:diffvox:group:in-stereo>\n  a pg:StereoGroup , pg:InputGroup ;\n  lv2:symbol \"in\" ;\n"
    "  lv2:name \"In\" .\n\n"
    "<urn:diffvox:group:out-stereo>\n  a pg:StereoGroup , pg:OutputGroup ;\n  lv2:symbol \"out\" ;\n"
    "  lv2:name \"Out\" .\n\n",
    out);
}

static void write_plugin(FILE* out, const dv_ports* ports, const variant* v)
{
  fprintf(out, "<%s>\n  a lv2:Plugin , lv2:MixerPlugin ;\n  doap:name ", v->uri);
  dv_ttl_string(out, v->name);
  fputs(" ;\n  rdfs:comment ", out);
  dv_ttl_string(out, v->comment);
  fprintf(out,
          " ;\n  doap:license <http://opensource.org/licenses/MIT> ;\n"
          "  lv2:project <urn:diffvox:project> ;\n"
          "  lv2:minorVersion 2 ;\n  lv2:microVersion 0 ;\n"
          "  lv2:optionalFeature lv2:hardRTCapable , urid:map , work:schedule , state:threadSafeRestore , log:log ;\n"
          "  lv2:extensionData state:interface , work:interface ;\n"
          "  pg:mainInput <urn:diffvox:group:in-%s> ;\n  pg:mainOutput <urn:diffvox:group:out-stereo> ;\n",
          v->inputs == 1 ? "mono" : "stereo");
  write_ports(out, ports, v->inputs);
}

static bool write_description(const char* path)
{
  dv_ports ports;
  dv_ports_init(&ports);
  FILE* out = fopen(path, "w");
  if (!out) return false;
  fputs(PREFIXES, out);
  write_project(out);
  write_groups(out);
  for (size_t i = 0; i < sizeof variants / sizeof *variants; ++i) write_plugin(out, &ports, &variants[i]);
  return !fclose(out);
}

static bool write_manifest(const char* path, const char* library)
{
  FILE* out = fopen(path, "w");
  if (!out) return false;
  fputs("@prefix lv2: <http://lv2plug.in/ns/lv2core#> .\n"
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n\n",
        out);
  for (size_t i = 0; i < sizeof variants / sizeof *variants; ++i)
    fprintf(out, "<%s>\n  a lv2:Plugin ;\n  lv2:binary <%s> ;\n  rdfs:seeAlso <diffvox.ttl> .\n\n", variants[i].uri,
            library);
  return !fclose(out);
}

int main(int argc, char** argv)
{
  if (argc == 4 && write_manifest(argv[1], argv[3]) && write_description(argv[2])) return EXIT_SUCCESS;
  fputs("description: cannot write; usage: description MANIFEST.TTL DIFFVOX.TTL LIBRARY\n", stderr);
  return EXIT_FAILURE;
}
