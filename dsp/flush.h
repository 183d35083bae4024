/* SPDX-License-Identifier: MIT */
/* Private: denormal numbers off while filters run: ringing out would cost 30 times as much.  Where the
 * processor has no such switch that we know, the engine's own thresholds keep denormals rare. */
#ifndef DIFFVOX_FLUSH_H
#define DIFFVOX_FLUSH_H

#if defined(__SSE2__)
#include <xmmintrin.h>
typedef unsigned dv_flush_state;

static inline dv_flush_state dv_flush_on(void)
{
  const dv_flush_state saved = _mm_getcsr();
  _mm_setcsr(saved | 0x8040u); /* FTZ, DAZ */
  return saved;
}

static inline void dv_flush_restore(dv_flush_state saved) { _mm_setcsr(saved); }
#elif defined(__aarch64__)
#include <stdint.h>
typedef uint64_t dv_flush_state;

static inline dv_flush_state dv_flush_on(void)
{
  dv_flush_state saved;
  __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
  __asm__ volatile("msr fpcr, %0" : : "r"(saved | (UINT64_C(1) << 24))); /* FZ */
  return saved;
}

static inline void dv_flush_restore(dv_flush_state saved) { __asm__ volatile("msr fpcr, %0" : : "r"(saved)); }
#else
typedef int dv_flush_state;
static inline dv_flush_state dv_flush_on(void) { return 0; }
static inline void dv_flush_restore(dv_flush_state saved) { (void)saved; }
#endif

#endif
