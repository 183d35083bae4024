/* SPDX-License-Identifier: MIT */
/* Private: computes reverb responses outside the audio thread, one at a time.
 *
 * The audio thread asks and later collects; whoever serves, the host's worker or a thread of our own that looks
 * every few milliseconds, computes.  Asking and collecting are a few atomic operations: no lock, no heap, and no
 * system call, which waking a thread would be. */
#ifndef DIFFVOX_PLUGIN_BACKGROUND_H
#define DIFFVOX_PLUGIN_BACKGROUND_H

#include "dsp/realtime/engine.h"

typedef struct dv_background dv_background;

/* Not real-time safe.  rt: whose retired responses are freed here; borrowed.  With own_thread a thread serves until
   dv_background_free.  NULL when memory or threads are out. */
dv_background* dv_background_new(dv_rt* rt, double rate_hz, bool own_thread);

/* Ends the thread.  NULL is fine.  Free it before the engine. */
void dv_background_free(dv_background* background);

/* Asks for the response of reverb, or for a draft of it.  False while an earlier request is not yet collected. */
DV_REALTIME bool dv_background_ask(dv_background* background, const dv_reverb_params* reverb, bool draft);

/* Takes a request back that nobody has begun to serve. */
DV_REALTIME void dv_background_withdraw(dv_background* background);

/* A response that is done, and what it was asked for with; NULL when there is none.  The caller hands it to the
   engine, or gives it back with what the engine returns. */
DV_REALTIME dv_rt_response* dv_background_collect(dv_background* background, dv_reverb_params* reverb, bool* draft);

/* Gives a response back to be freed.  Only after a collect that gave one, before the next ask; NULL is fine. */
DV_REALTIME void dv_background_give_back(dv_background* background, dv_rt_response* response);

/* Serves a request if there is one, and frees what is no longer played.  Not real-time safe; one thread at a time. */
void dv_background_serve(dv_background* background);

/* Only frees what is no longer played; any thread but the audio thread. */
void dv_background_tidy(dv_background* background);

#endif
