/* SPDX-License-Identifier: MIT */
/* test_golden [DIR ...]: runs every golden case at or below each folder and prints one line per quantity with its
 * error and limit.  Exit status 0 when something was compared and nothing failed.
 *
 * Without arguments: the subset in tests/golden and, where it is at hand, the public set in ../shared/golden/public. */
#include "golden_case.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
  const char* kind;
  golden_runner run;
} kinds[] = {
  {"Peak", golden_run_band},
  {"LowShelf", golden_run_band},
  {"HighShelf", golden_run_band},
  {"LowPass", golden_run_band},
  {"HighPass", golden_run_band},
  {"CompressorExpander", golden_run_compressor},
  {"Panning", golden_run_panning},
  {"SurrogateDelay", golden_run_delay},
  {"FDN", golden_run_reverb},
  {"chain", golden_run_chain},
  {"losses", golden_run_losses},
  {"loudness", golden_run_loudness},
  {"trajectory", golden_run_trajectory},
};

static golden_runner runner_of(const char* kind)
{
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i)
    if (strcmp(kind, kinds[i].kind) == 0) return kinds[i].run;
  return NULL;
}

static void run_case(const char* dir, golden_tally* tally)
{
  golden_case g;
  dv_error err = {""};
  dv_status status = golden_open(dir, tally, &g, &err);
  const golden_runner run = status ? NULL : runner_of(golden_kind(&g));
  if (!status && !run) {
    printf("%-26s skipped: unknown kind \"%s\"\n", g.name, golden_kind(&g));
    ++tally->skipped;
  }
  if (run) status = run(&g, &err);
  if (status) {
    printf("%-26s FAILED: %s\n", g.name, *err.text ? err.text : dv_status_text(status));
    ++tally->failed;
  }
  fflush(stdout);
  golden_close(&g);
}

static bool is_file(const char* dir, const char* name)
{
  char path[GOLDEN_PATH];
  return snprintf(path, sizeof path, "%s/%s", dir, name) < GOLDEN_PATH && access(path, F_OK) == 0;
}

static int visible(const struct dirent* entry) { return entry->d_name[0] != '.'; }

/* Runs dir when it is a case, else what is below it; returns the number of cases. */
static int run_folder(const char* dir, int depth, golden_tally* tally)
{
  if (is_file(dir, "manifest.json")) {
    run_case(dir, tally);
    return 1;
  }
  struct dirent** entries = NULL;
  const int count = depth > 0 ? scandir(dir, &entries, visible, alphasort) : 0;
  int cases = 0;
  for (int i = 0; i < count; ++i) {
    char path[GOLDEN_PATH];
    if (snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name) < GOLDEN_PATH)
      cases += run_folder(path, depth - 1, tally);
    free(entries[i]);
  }
  free(entries);
  return cases;
}

static void run_root(const char* dir, golden_tally* tally)
{
  enum { DEPTH = 4 };
  char path[GOLDEN_PATH];
  size_t length = (size_t)snprintf(path, sizeof path, "%s", dir);
  if (length >= sizeof path) length = sizeof path - 1;
  while (length > 1 && path[length - 1] == '/') path[--length] = '\0';
  printf("%s\n", path);
  if (run_folder(path, DEPTH, tally) == 0) {
    printf("FAILED: no case (a folder with a manifest.json) in %s\n", path);
    ++tally->failed;
  }
}

int main(int argc, char** argv)
{
  golden_tally tally = {0};
  for (int i = 1; i < argc; ++i) run_root(argv[i], &tally);
  if (argc == 1) {
    run_root(DV_SOURCE_DIR "/tests/golden", &tally);
    const char* public_set = DV_SOURCE_DIR "/../shared/golden/public";
    if (access(public_set, F_OK) == 0) run_root(public_set, &tally);
    else printf("%s is absent: only the committed subset was run\n", public_set);
  }
  if (tally.skipped) printf("%d cases of unknown kinds skipped\n", tally.skipped);
  printf("%d passed, %d failed\n", tally.passed, tally.failed);
  return tally.failed || !tally.passed ? EXIT_FAILURE : EXIT_SUCCESS;
}
