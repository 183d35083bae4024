/* SPDX-License-Identifier: MIT */
#include "plugin/preset_bundle.h"

#include "datasets/file.h"
#include "plugin/ports.h"
#include "plugin/state.h"
#include "plugin/ttl.h"
#include "presets/text.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a manifest of ours begins with: a bundle that may be replaced. */
static const char MARK[] = "# Written by diffvox-lv2preset\n";

/* A preset and its place in the bundle. */
typedef struct {
  const dv_preset* preset;
  dv_lv2_label label;
  char file[96]; /* without extension; also the end of its URI */
  char mark[12]; /* what sets a fit apart from others of its name, in its URI: ":1a2b3c4d" */
} entry;

typedef struct {
  entry* entries;
  size_t count;
  char name[96]; /* of the bundle, in URIs */
  const dv_ports* ports;
  size_t current;
} bundle;

static dv_state state_of(const entry* e)
{
  return (dv_state){.params = e->preset->params,
                    .has_gains = e->label.gains,
                    .input_gain_db = e->preset->input_gain_db,
                    .output_gain_db = e->preset->output_gain_db};
}

/* Letters and digits of any text, in lower case; what comes between becomes one dash. */
static void slug(const char* text, char* out, size_t size)
{
  size_t n = 0;
  for (; *text && n + 1 < size; ++text) {
    const unsigned char c = (unsigned char)*text;
    if (c < 0x80 && isalnum(c)) out[n++] = (char)tolower(c);
    else if (n && out[n - 1] != '-') out[n++] = '-';
  }
  while (n && out[n - 1] == '-') --n;
  out[n] = '\0';
  if (!n) snprintf(out, size, "preset");
}

/* "MedleyDB 07 LizNelson_Coldwar - bright" -> "medleydb-07-liznelson-coldwar": the part that does not change with
   the numbers.  Doubled names get a number. */
static void name_file(bundle* b, size_t index)
{
  entry* e = &b->entries[index];
  char stem[sizeof e->label.label];
  snprintf(stem, sizeof stem, "%s", e->label.label);
  char* sound = strstr(stem, " - ");
  if (sound) *sound = '\0';
  char base[72];
  slug(stem, base, sizeof base);
  snprintf(e->file, sizeof e->file, "%s", base);
  bool taken = true;
  for (unsigned number = 2; taken; ++number) {
    taken = false;
    for (size_t i = 0; i < index; ++i) taken = taken || !strcmp(b->entries[i].file, e->file);
    if (taken) snprintf(e->file, sizeof e->file, "%s-%u", base, number);
  }
}

/* Two fits may have the same name and bundle name, and a host must not take them for one preset: their numbers tell
   them apart (FNV-1a of the state). */
static void mark_fit(entry* e)
{
  if (strcmp(e->label.bank, "Fitted")) return;
  const dv_state state = state_of(e);
  char text[DV_STATE_MAX_BYTES];
  uint32_t hash = 2166136261u;
  dv_state_print(&state, text);
  for (const char* c = text; *c; ++c) hash = (hash ^ (unsigned char)*c) * 16777619u;
  snprintf(e->mark, sizeof e->mark, ":%08x", hash);
}

/* --- Turtle ------------------------------------------------------------------------------------------------------ */

static const char PREFIXES[] = "@prefix lv2: <http://lv2plug.in/ns/lv2core#> .\n"
                               "@prefix owl: <http://www.w3.org/2002/07/owl#> .\n"
                               "@prefix pset: <http://lv2plug.in/ns/ext/presets#> .\n"
                               "@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .\n"
                               "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
                               "@prefix state: <http://lv2plug.in/ns/ext/state#> .\n\n";

static void put_subject(FILE* out, const bundle* b, const entry* e)
{
  fprintf(out,
          "<urn:diffvox:preset:%s:%s%s>\n  a pset:Preset ;\n  lv2:appliesTo <" DV_PLUGIN_URI
          "> , <" DV_PLUGIN_STEREO_URI "> ;\n",
          b->name, e->file, e->mark);
}

static void put_bank(FILE* out, const char* bank)
{
  char name[32];
  slug(bank, name, sizeof name);
  fprintf(out, "<urn:diffvox:bank:%s>", name);
}

static bool first_of_bank(const bundle* b, size_t index)
{
  for (size_t i = 0; i < index; ++i)
    if (!strcmp(b->entries[i].label.bank, b->entries[index].label.bank)) return false;
  return true;
}

static void print_manifest(FILE* out, void* context)
{
  const bundle* b = context;
  fprintf(out, "%s%s", MARK, PREFIXES);
  fputs("<" DV_STATE_URI ">\n  a rdf:Property , owl:DatatypeProperty ;\n  rdfs:label \"DiffVox state\" .\n\n", out);
  for (size_t i = 0; i < b->count; ++i) {
    if (!first_of_bank(b, i)) continue;
    put_bank(out, b->entries[i].label.bank);
    fputs("\n  a pset:Bank ;\n  rdfs:label ", out);
    dv_ttl_string(out, b->entries[i].label.bank);
    fputs(" .\n\n", out);
  }
  for (size_t i = 0; i < b->count; ++i) {
    put_subject(out, b, &b->entries[i]);
    fprintf(out, "  rdfs:seeAlso <%s.ttl> .\n\n", b->entries[i].file);
  }
}

/* Hosts never look into this file: it tells lv2_validate what the presets apply to. */
static void print_plugins(FILE* out, void* context)
{
  (void)context;
  fputs("@prefix doap: <http://usefulinc.com/ns/doap#> .\n"
        "@prefix lv2: <http://lv2plug.in/ns/lv2core#> .\n\n"
        "<" DV_PLUGIN_URI ">\n  a lv2:Plugin ;\n  doap:name \"" DV_PLUGIN_NAME "\" .\n\n"
        "<" DV_PLUGIN_STEREO_URI ">\n  a lv2:Plugin ;\n  doap:name \"" DV_PLUGIN_STEREO_NAME "\" .\n",
        out);
}

static bool has_value(const dv_port* port, const dv_lv2_label* label)
{
  return port->owner == DV_PORT_OF_PRESET || port->owner == DV_PORT_RESET ||
         (port->owner == DV_PORT_OF_GAINS && label->gains);
}

static float value_of(const dv_port* port, int id, const dv_preset* preset)
{
  if (port->parameter >= 0) return dv_port_from_parameter(port, dv_params_flat_const(&preset->params)[port->parameter]);
  if (id == DV_PORT_INPUT_GAIN) return dv_port_clamp(port, (float)preset->input_gain_db, 0.0f);
  if (id == DV_PORT_OUTPUT_GAIN) return dv_port_clamp(port, (float)preset->output_gain_db, 0.0f);
  return (float)port->initial;
}

static void put_ports(FILE* out, const bundle* b, const entry* e)
{
  const char* before = "  lv2:port [\n";
  for (int i = 0; i < DV_PORT_INPUTS; ++i) {
    const dv_port* port = &b->ports->port[i];
    if (!has_value(port, &e->label)) continue;
    fprintf(out, "%s    lv2:symbol \"%s\" ;\n    pset:value ", before, port->symbol);
    dv_ttl_number(out, value_of(port, i, e->preset));
    fputc('\n', out);
    before = "  ] , [\n";
  }
  fputs("  ] ;\n", out);
}

static void put_state(FILE* out, const entry* e)
{
  const dv_state state = state_of(e);
  char text[DV_STATE_MAX_BYTES];
  dv_state_print(&state, text);
  fputs("  state:state [\n    <" DV_STATE_URI "> ", out);
  dv_ttl_string(out, text);
  fputs("\n  ] .\n", out);
}

static void print_preset(FILE* out, void* context)
{
  const bundle* b = context;
  const entry* e = &b->entries[b->current];
  fputs(PREFIXES, out);
  put_subject(out, b, e);
  fputs("  rdfs:label ", out);
  dv_ttl_string(out, e->label.label);
  if (*e->preset->comment) {
    fputs(" ;\n  rdfs:comment ", out);
    dv_ttl_string(out, e->preset->comment);
  }
  fputs(" ;\n  pset:bank ", out);
  put_bank(out, e->label.bank);
  fputs(" ;\n", out);
  put_ports(out, b, e);
  put_state(out, e);
}

/* --- The folder -------------------------------------------------------------------------------------------------- */

static dv_status write_file(bundle* b, const char* folder, const char* name, void (*print)(FILE* out, void* context),
                            dv_error* err)
{
  char path[PATH_MAX], *text;
  size_t size;
  const int length = snprintf(path, sizeof path, "%s/%s.ttl", folder, name);
  if (length < 0 || (size_t)length >= sizeof path)
    return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(folder));
  if (!dv_text_print(print, b, &text, &size)) return dv_fail(err, DV_ERR_NOMEM, "No memory for an LV2 preset");
  const dv_status status = dv_file_write(path, text, size, err);
  free(text);
  return status;
}

static dv_status write_files(bundle* b, const char* folder, dv_error* err)
{
  dv_status status = DV_OK;
  for (b->current = 0; b->current < b->count && !status; ++b->current)
    status = write_file(b, folder, b->entries[b->current].file, print_preset, err);
  if (!status) status = write_file(b, folder, "diffvox-plugins", print_plugins, err);
  return status ? status : write_file(b, folder, "manifest", print_manifest, err);
}

/* Only nothing, an empty folder and a bundle of ours may be replaced. */
static dv_status check_target(const char* path, dv_error* err)
{
  char manifest[PATH_MAX], head[sizeof MARK] = "";
  struct stat st;
  if (lstat(path, &st)) return errno == ENOENT ? DV_OK : dv_file_error(err, path, "replace", errno);
  if (S_ISDIR(st.st_mode) && !rmdir(path)) return DV_OK;
  const int length = snprintf(manifest, sizeof manifest, "%s/manifest.ttl", path);
  FILE* in = length > 0 && (size_t)length < sizeof manifest ? fopen(manifest, "rb") : NULL;
  if (in) {
    const size_t got = fread(head, 1, sizeof head - 1, in);
    head[got] = '\0';
    fclose(in);
  }
  if (S_ISDIR(st.st_mode) && !strcmp(head, MARK)) return DV_OK;
  return dv_fail(err, DV_ERR_IO, "%s: is there already and no bundle of diffvox-lv2preset; choose another name",
                 dv_file_label(path));
}

/* The new folder takes the place of the old one, which goes only then. */
static dv_status replace(const char* folder, const char* path, dv_error* err)
{
  char old[PATH_MAX];
  if (snprintf(old, sizeof old, "%s.old", folder) >= (int)sizeof old)
    return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(path));
  const bool moved = !rename(path, old);
  if (rename(folder, path)) {
    const int reason = errno;
    if (moved && rename(old, path)) return dv_file_error(err, old, "move back", errno);
    return dv_file_error(err, path, "write", reason);
  }
  if (moved) dv_file_remove_tree(old);
  return DV_OK;
}

static dv_status write_bundle(bundle* b, const char* path, dv_error* err)
{
  char folder[PATH_MAX];
  dv_status status = check_target(path, err);
  if (status) return status;
  const int length = snprintf(folder, sizeof folder, "%s.%ld.new", path, (long)getpid());
  if (length < 0 || (size_t)length + sizeof ".old" > sizeof folder)
    return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(path));
  if (mkdir(folder, 0777)) return dv_file_error(err, path, "write", errno);
  status = write_files(b, folder, err);
  if (!status) status = replace(folder, path, err);
  if (status) dv_file_remove_tree(folder);
  return status;
}

/* PATH's last part without its extension. */
static void name_bundle(const char* path, char* name, size_t size)
{
  const char* slash = strrchr(path, '/');
  char base[PATH_MAX];
  snprintf(base, sizeof base, "%s", slash ? slash + 1 : path);
  char* end = strrchr(base, '.');
  if (end && end != base) *end = '\0';
  slug(base, name, size);
}

dv_status dv_lv2_bundle_write(const char* path, const dv_preset* const* presets, size_t count, dv_error* err)
{
  char target[PATH_MAX];
  dv_ports ports;
  if (!count) return dv_fail(err, DV_ERR_ARG, "%s: no presets to write", dv_file_label(path));
  if (snprintf(target, sizeof target, "%s", path) >= (int)sizeof target)
    return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(path));
  for (size_t n = strlen(target); n > 1 && target[n - 1] == '/';) target[--n] = '\0';
  if (!*target) return dv_fail(err, DV_ERR_ARG, "A bundle wants a name");
  bundle b = {.entries = calloc(count, sizeof *b.entries), .count = count, .ports = &ports};
  if (!b.entries) return dv_fail(err, DV_ERR_NOMEM, "No memory for %zu presets", count);
  dv_ports_init(&ports);
  name_bundle(target, b.name, sizeof b.name);
  dv_status status = DV_OK;
  for (size_t i = 0; i < count && !status; ++i) {
    b.entries[i].preset = presets[i];
    dv_error inner;
    if (dv_params_check(&presets[i]->params, &inner))
      status = dv_fail(err, DV_ERR_ARG, "preset '%.80s': %.300s", presets[i]->name, inner.text);
    dv_lv2_label_make(presets[i], &b.entries[i].label);
    name_file(&b, i);
    mark_fit(&b.entries[i]);
  }
  if (!status) status = write_bundle(&b, target, err);
  free(b.entries);
  return status;
}
