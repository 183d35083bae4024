/* SPDX-License-Identifier: MIT */
#include "plugin/background.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

static const long LOOK_EVERY_NS = 20000000; /* soon enough for a knob, seldom enough for a hundred instances */

typedef enum { IDLE, ASKED, WORKING, DONE } request_state;

/* While IDLE and DONE the audio thread owns what follows, otherwise the one that serves. */
struct dv_background {
  _Atomic int state;
  dv_reverb_params reverb;
  bool draft;
  dv_rt_response* result; /* NULL when it could not be computed */
  dv_rt_response* spent;  /* to be freed */

  dv_rt* rt;
  double rate_hz;
  pthread_mutex_t tidying; /* never taken by the audio thread */
  bool has_thread;
  _Atomic bool stop;
  pthread_t thread;
};

static void* serve_until_stopped(void* context)
{
  dv_background* b = context;
  const struct timespec pause = {0, LOOK_EVERY_NS};
  while (!atomic_load_explicit(&b->stop, memory_order_acquire)) {
    dv_background_serve(b);
    nanosleep(&pause, NULL);
  }
  return NULL;
}

/* The host's signals are none of the thread's business. */
static bool start_thread(dv_background* b)
{
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  b->has_thread = !pthread_create(&b->thread, NULL, serve_until_stopped, b);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return b->has_thread;
}

dv_background* dv_background_new(dv_rt* rt, double rate_hz, bool own_thread)
{
  dv_background* b = calloc(1, sizeof *b);
  if (!b) return NULL;
  b->rt = rt;
  b->rate_hz = rate_hz;
  pthread_mutex_init(&b->tidying, NULL);
  if (!own_thread || start_thread(b)) return b;
  dv_background_free(b);
  return NULL;
}

void dv_background_free(dv_background* b)
{
  if (!b) return;
  atomic_store_explicit(&b->stop, true, memory_order_release);
  if (b->has_thread) pthread_join(b->thread, NULL);
  dv_rt_response_free(b->result);
  dv_rt_response_free(b->spent);
  pthread_mutex_destroy(&b->tidying);
  free(b);
}

bool dv_background_ask(dv_background* b, const dv_reverb_params* reverb, bool draft)
{
  if (atomic_load_explicit(&b->state, memory_order_acquire) != IDLE) return false;
  b->reverb = *reverb;
  b->draft = draft;
  atomic_store_explicit(&b->state, ASKED, memory_order_release);
  return true;
}

void dv_background_withdraw(dv_background* b)
{
  int asked = ASKED;
  atomic_compare_exchange_strong_explicit(&b->state, &asked, IDLE, memory_order_acquire, memory_order_relaxed);
}

dv_rt_response* dv_background_collect(dv_background* b, dv_reverb_params* reverb, bool* draft)
{
  if (atomic_load_explicit(&b->state, memory_order_acquire) != DONE) return NULL;
  dv_rt_response* result = b->result;
  *reverb = b->reverb;
  *draft = b->draft;
  b->result = NULL;
  atomic_store_explicit(&b->state, IDLE, memory_order_relaxed);
  return result;
}

void dv_background_give_back(dv_background* b, dv_rt_response* response)
{
  if (response) b->spent = response;
}

void dv_background_tidy(dv_background* b)
{
  pthread_mutex_lock(&b->tidying);
  for (dv_rt_response* r; (r = dv_rt_take_retired(b->rt));) dv_rt_response_free(r);
  pthread_mutex_unlock(&b->tidying);
}

void dv_background_serve(dv_background* b)
{
  dv_background_tidy(b);
  int asked = ASKED;
  if (!atomic_compare_exchange_strong_explicit(&b->state, &asked, WORKING, memory_order_acquire, memory_order_relaxed))
    return;
  dv_rt_response_free(b->spent);
  b->spent = NULL;
  b->result =
    b->draft ? dv_rt_response_draft(&b->reverb, b->rate_hz, NULL) : dv_rt_response_new(&b->reverb, b->rate_hz, NULL);
  atomic_store_explicit(&b->state, DONE, memory_order_release);
}
