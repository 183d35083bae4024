/* SPDX-License-Identifier: MIT */
/* Private: splitmix64, the generator behind every seed; any seed, also 0, gives a good stream. */
#ifndef DIFFVOX_RANDOM_H
#define DIFFVOX_RANDOM_H

#include <stdint.h>

static inline uint64_t dv_random(uint64_t* state)
{
  uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/* Between 0 and 1, neither of them. */
static inline double dv_random_uniform(uint64_t* state)
{
  return ((double)(dv_random(state) >> 11) + 0.5) / 9007199254740992.0;
}

#endif
