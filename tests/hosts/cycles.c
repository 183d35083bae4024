/* SPDX-License-Identifier: MIT */
/* Instances come and go without the process growing.
 *
 *   cycles BUNDLES [COUNT]
 *
 * Instantiates, activates, plays, loads a preset, plays on and cleans up COUNT times (100), at 8 kHz, where that is
 * quick, with a thread of the plugin's own and with the host's worker in turn.  Fails when the process has grown by
 * more than 256 KiB since the first tenth. */
#include "hosts/host.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Resident memory in KiB, without what the allocator keeps for later: that comes and goes by megabytes. */
static long resident_kib(void)
{
  long total, resident;
  malloc_trim(0);
  FILE* in = fopen("/proc/self/statm", "r");
  if (!in || fscanf(in, "%ld %ld", &total, &resident) != 2) exit(2);
  fclose(in);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void cycle(dv_host_world* world, int number)
{
  static float in[4000], left[4000], right[4000];
  dv_host* h = dv_host_new(world, number % 2, 8000.0, number / 2 % 2 ? DV_HOST_WORKER : DV_HOST_PLAIN);
  in[0] = 1.0f;
  dv_host_play(h, in, in, left, right, 4000, 512);
  dv_host_load_preset(h, (size_t)number % dv_host_preset_count(world));
  dv_host_set(h, "macro_1", 1.0f);
  dv_host_play(h, in, in, left, right, 4000, 512);
  dv_host_free(h);
}

int main(int argc, char** argv)
{
  const int count = argc > 2 ? atoi(argv[2]) : 100;
  long early = 0;
  if (argc < 2 || count < 10) return 2;
  dv_host_world* world = dv_host_world_new(argv[1], NULL);
  for (int i = 0; i < count; ++i) {
    cycle(world, i);
    if (i == count / 10) early = resident_kib();
  }
  const long grown = resident_kib() - early;
  printf("%d cycles: %ld KiB after a tenth, grown by %ld KiB since\n", count, early, grown);
  printf("%d passed, %d failed\n", grown <= 256, grown > 256);
  dv_host_world_free(world);
  return grown <= 256 ? EXIT_SUCCESS : EXIT_FAILURE;
}
