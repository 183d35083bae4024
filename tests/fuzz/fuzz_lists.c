/* SPDX-License-Identifier: MIT */
/* Any bytes as a manifest and as a list of pairs in CSV: refused with a message, or ids that can name folders. */
#include "datasets/scan.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static void write_file(const char* path, const uint8_t* data, size_t size)
{
  FILE* out = fopen(path, "wb");
  if (!out || (size && fwrite(data, 1, size, out) != size) || fclose(out)) abort();
}

static void check_ids(const dv_manifest* m)
{
  for (size_t i = 0; i < m->count; ++i)
    if (!dv_manifest_id_is_valid(m->pairs[i].id) || !*m->pairs[i].dry || !*m->pairs[i].wet) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
  static const dv_scan_options none = {0};
  const char* base = getenv("TMPDIR");
  char path[256];
  dv_manifest manifest;
  dv_scan scan;
  dv_error err = {""};
  snprintf(path, sizeof path, "%.150s/diffvox-fuzz-%ld.csv", base ? base : "/tmp", (long)getpid());
  write_file(path, data, size);
  if (dv_manifest_read(path, &manifest, &err) && (manifest.pairs || !strstr(err.text, path))) abort();
  check_ids(&manifest);
  if (dv_scan_root(path, &none, &scan, &err) && (scan.exclusions || !strstr(err.text, path))) abort();
  check_ids(&scan.manifest);
  dv_manifest_free(&manifest);
  dv_scan_free(&scan);
  unlink(path);
  return 0;
}
