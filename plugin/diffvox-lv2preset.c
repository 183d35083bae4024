/* SPDX-License-Identifier: MIT */
/* diffvox-lv2preset: makes LV2 presets of presets, for the host's menu. */
#include "datasets/file.h"
#include "estimator/cli.h"
#include "plugin/preset_bundle.h"
#include "presets/corpus.h"
#include "presets/folders.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char TOOL[] = "diffvox-lv2preset";
static const char USAGE[] =
  "usage: diffvox-lv2preset PRESET... -o BUNDLE [options]\n"
  "       diffvox-lv2preset PRESET... --install [-o BUNDLE] [options]\n"
  "\n"
  "Writes presets as an LV2 bundle, so that hosts show them in the preset menu of the DiffVox plugin.\n"
  "\n"
  "PRESET is a preset file, the folder of a fit, a folder of preset files or fits, the name of a factory preset,\n"
  "FILE.npy:ROW, a published preset (medleydb:ROW, medleydb:TRACK, internal:ROW), or all of a kind: factory:,\n"
  "medleydb: or internal:.\n"
  "\n"
  "options:\n"
  "  -o, --output BUNDLE  the folder to write, \"mine.lv2\"; one written earlier is replaced\n"
  "      --install        write it into ~/.lv2, where hosts look; BUNDLE is then a plain name, without -o that of\n"
  "                       the first PRESET: diffvox-fit for fit/\n"
  "      --corpora DIR    folder of the published presets; else $DIFFVOX_CORPORA\n"
  "      --list           print the name of every preset as hosts will show it\n"
  "  -q, --quiet          print nothing\n"
  "      --help, --version\n"
  "\n"
  "exit status: 0 done, 1 failed, 2 wrong usage\n";

typedef struct {
  const char *output, *corpora;
  bool install, list, quiet;
} options;

/* --- Presets ------------------------------------------------------------------------------------------------------ */

typedef struct {
  dv_preset** presets; /* each owned */
  size_t count, room;
  const options* options;
  const char* prefix; /* of the kind being listed; "factory:" for what has no colon */
  dv_status status;
  dv_error* err;
} collection;

static dv_status add(collection* c, const char* spec)
{
  if (c->count == c->room) {
    const size_t room = c->room ? 2 * c->room : 64;
    dv_preset** presets = realloc(c->presets, room * sizeof *presets);
    if (!presets) return dv_fail(c->err, DV_ERR_NOMEM, "No memory for %zu presets", room);
    c->presets = presets;
    c->room = room;
  }
  dv_preset* preset = malloc(sizeof *preset);
  if (!preset) return dv_fail(c->err, DV_ERR_NOMEM, "No memory for %zu presets", c->count + 1);
  const dv_status status = dv_preset_resolve(spec, c->options->corpora, preset, c->err);
  if (status) free(preset);
  else c->presets[c->count++] = preset;
  return status;
}

static void visit(void* context, const char* spec, const char* comment)
{
  (void)comment;
  collection* c = context;
  const bool wanted = strcmp(c->prefix, "factory:") ? !strncmp(spec, c->prefix, strlen(c->prefix)) : !strchr(spec, ':');
  if (wanted && !c->status) c->status = add(c, spec);
}

/* All of a kind. */
static dv_status add_kind(collection* c, const char* prefix)
{
  const size_t before = c->count;
  c->prefix = prefix;
  c->status = DV_OK;
  const dv_status status = dv_preset_list(c->options->corpora, visit, c, c->err);
  if (status || c->status) return status ? status : c->status;
  if (c->count > before) return DV_OK;
  return dv_fail(c->err, DV_ERR_ARG, "'%s' names no presets; give their folder with --corpora or DIFFVOX_CORPORA",
                 prefix);
}

static bool is_folder(const char* path)
{
  struct stat st;
  return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static bool is_there(const char* folder, const char* name)
{
  char path[PATH_MAX];
  struct stat st;
  return dv_path_join(path, folder, name) && !stat(path, &st);
}

static int sorted(const struct dirent** a, const struct dirent** b) { return strcmp((*a)->d_name, (*b)->d_name); }

static bool is_preset_entry(const char* folder, const char* name)
{
  char path[PATH_MAX];
  const char* end = strrchr(name, '.');
  if (name[0] == '.' || !dv_path_join(path, folder, name)) return false;
  return is_folder(path) ? is_there(path, "preset.json") : end && !strcmp(end, ".json");
}

/* Preset files and fits in a folder, by name. */
static dv_status add_folder(collection* c, const char* folder)
{
  struct dirent** names;
  const size_t before = c->count;
  const int count = scandir(folder, &names, NULL, sorted);
  if (count < 0) return dv_file_error(c->err, folder, "read", errno);
  dv_status status = DV_OK;
  for (int i = 0; i < count; ++i) {
    char path[PATH_MAX];
    if (!status && is_preset_entry(folder, names[i]->d_name) && dv_path_join(path, folder, names[i]->d_name))
      status = add(c, path);
    free(names[i]);
  }
  free(names);
  if (status || c->count > before) return status;
  return dv_fail(c->err, DV_ERR_ARG, "%s: holds neither a preset.json nor preset files", dv_file_label(folder));
}

static dv_status add_argument(collection* c, const char* spec)
{
  static const char* const kinds[] = {"factory:", "medleydb:", "internal:"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i)
    if (!strcmp(spec, kinds[i])) return add_kind(c, kinds[i]);
  return is_folder(spec) && !is_there(spec, "preset.json") ? add_folder(c, spec) : add(c, spec);
}

static void free_collection(collection* c)
{
  for (size_t i = 0; i < c->count; ++i) free(c->presets[i]);
  free(c->presets);
}

/* --- The tool ----------------------------------------------------------------------------------------------------- */

/* "runs/My fit/" and "runs/My fit/preset.json" -> "diffvox-My-fit". */
static dv_status name_after(const char* spec, char name[NAME_MAX], dv_error* err)
{
  static const char FILE_OF_FIT[] = "/preset.json";
  char path[PATH_MAX];
  if (!realpath(spec, path)) snprintf(path, sizeof path, "%s", spec);
  size_t length = strlen(path);
  const size_t tail = strlen(FILE_OF_FIT);
  if (length > tail && !strcmp(path + length - tail, FILE_OF_FIT)) path[length - tail] = '\0';
  const char* slash = strrchr(path, '/');
  const char* own = slash ? slash + 1 : path;
  if (snprintf(name, NAME_MAX, "diffvox-%s", own) >= NAME_MAX)
    return dv_fail(err, DV_ERR_ARG, "%s: the name is too long; choose one with -o", dv_file_label(spec));
  for (char* c = name; *c; ++c)
    if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_') *c = '-';
  for (length = strlen(name); name[length - 1] == '-'; --length) name[length - 1] = '\0';
  return DV_OK;
}

/* ~/.lv2/NAME, with the extension that bundles have. */
static dv_status installed_path(const char* name, char path[PATH_MAX], dv_error* err)
{
  char folder[PATH_MAX], file[NAME_MAX];
  const char *home = getenv("HOME"), *end = strrchr(name, '.');
  const bool named = end && !strcmp(end, ".lv2");
  if (!home || !*home) return dv_fail(err, DV_ERR_ARG, "HOME is not set; give a path and leave out --install");
  if (snprintf(file, sizeof file, "%s%s", name, named ? "" : ".lv2") >= (int)sizeof file ||
      !dv_path_join(folder, home, ".lv2") || !dv_path_join(path, folder, file))
    return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(name));
  if (mkdir(folder, 0777) && errno != EEXIST) return dv_file_error(err, folder, "write", errno);
  return DV_OK;
}

static dv_status write_bundle(const options* o, const char* first, const collection* c, dv_error* err)
{
  char path[PATH_MAX], name[NAME_MAX];
  dv_status status = DV_OK;
  if (!o->output) status = name_after(first, name, err);
  if (!status && o->install) status = installed_path(o->output ? o->output : name, path, err);
  if (!status)
    status = dv_lv2_bundle_write(o->install ? path : o->output, (const dv_preset* const*)c->presets, c->count, err);
  if (!status && !o->quiet)
    fprintf(stderr, "%s: %zu preset%s in %s\n", TOOL, c->count, c->count == 1 ? "" : "s",
            o->install ? path : o->output);
  return status;
}

static dv_status list(const collection* c, dv_error* err)
{
  for (size_t i = 0; i < c->count; ++i) {
    dv_lv2_label label;
    dv_lv2_label_make(c->presets[i], &label);
    puts(label.label);
  }
  return dv_cli_flush(err);
}

static dv_status run(const options* o, char** specs, int count, dv_error* err)
{
  collection c = {.options = o, .err = err};
  dv_status status = DV_OK;
  for (int i = 0; i < count && !status; ++i) status = add_argument(&c, specs[i]);
  if (!status && (o->output || o->install)) status = write_bundle(o, specs[0], &c, err);
  if (!status && o->list) status = list(&c, err);
  free_collection(&c);
  return status;
}

/* 0 to go on, otherwise the exit status plus 1. */
static int check_arguments(int argc, const options* o)
{
  if (optind == argc) return 1 + dv_cli_usage_error(TOOL, "wants presets", "");
  if (!o->output && !o->install && !o->list)
    return 1 + dv_cli_usage_error(TOOL, "wants the name of the bundle, -o BUNDLE, or --install", "");
  if (o->install && o->output && (strchr(o->output, '/') || !*o->output || o->output[0] == '.'))
    return 1 + dv_cli_usage_error(TOOL, "--install wants a plain name for the bundle, not", o->output);
  return 0;
}

static int parse_options(int argc, char** argv, options* o)
{
  enum { INSTALL = 256, CORPORA, LIST, HELP, VERSION };
  static const struct option known[] = {{"output", required_argument, NULL, 'o'},
                                        {"install", no_argument, NULL, INSTALL},
                                        {"corpora", required_argument, NULL, CORPORA},
                                        {"list", no_argument, NULL, LIST},
                                        {"quiet", no_argument, NULL, 'q'},
                                        {"help", no_argument, NULL, HELP},
                                        {"version", no_argument, NULL, VERSION},
                                        {0}};
  for (int c; (c = getopt_long(argc, argv, "o:q", known, NULL)) != -1;) switch (c) {
    case 'o': o->output = optarg; break;
    case INSTALL: o->install = true; break;
    case CORPORA: o->corpora = optarg; break;
    case LIST: o->list = true; break;
    case 'q': o->quiet = true; break;
    case HELP: fputs(USAGE, stdout); return 1;
    case VERSION: puts("diffvox-lv2preset " DV_VERSION); return 1;
    default: fputs("see diffvox-lv2preset --help\n", stderr); return 1 + DV_EXIT_USAGE;
    }
  return check_arguments(argc, o);
}

int main(int argc, char** argv)
{
  options o = {0};
  dv_error err = {""};
  const int early = parse_options(argc, argv, &o);
  if (early) return early - 1;
  signal(SIGXFSZ, SIG_IGN); /* a size limit then fails the write, which is reported */
  if (!run(&o, argv + optind, argc - optind, &err)) return EXIT_SUCCESS;
  fprintf(stderr, "%s: %s\n", TOOL, err.text);
  return EXIT_FAILURE;
}
