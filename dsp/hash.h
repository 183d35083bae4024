/* SPDX-License-Identifier: MIT */
/* Private: FNV-1a, 64 bits: tells whether bytes are still the same, guards against nothing. */
#ifndef DIFFVOX_HASH_H
#define DIFFVOX_HASH_H

#include <stddef.h>
#include <stdint.h>

#define DV_HASH_START 0xcbf29ce484222325ULL

/* Continues from `hash`, DV_HASH_START first. */
static inline uint64_t dv_hash(uint64_t hash, const void* bytes, size_t size)
{
  const unsigned char* b = bytes;
  for (size_t i = 0; i < size; ++i) hash = (hash ^ b[i]) * 0x100000001b3ULL;
  return hash;
}

#endif
