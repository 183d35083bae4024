/* SPDX-License-Identifier: MIT */
/* What the stems tell about echoes before any fit: where a descent should begin its delay and its reverb.
 *
 * Descending finds levels, curves and decays from nearly anywhere, but not the time of an echo: the loss is flat until
 * the echo is nearly in place.  So the response of dry to wet is estimated (regularised division of averaged
 * spectra) and its energy per millisecond looked through for echoes that stand clear of what surrounds them:
 *
 *   from 100 to 1000 ms   the loudest that is beyond doubt starts the ping-pong delay, or one less clear may be tried
 *   from 22 to 160 ms     the reverb takes what the delay has not, which mostly cannot be that short: a search over
 *                         random networks finds one whose first reflections fall where these echoes are
 *
 * In a few seconds what the voice repeats looks like an echo: they must be clearer there, and faint ones are missed.
 *
 * Source: own; the estimate is Roth's weighting (Knapp and Carter 1976), as estimator of a response. */
#ifndef DIFFVOX_ECHOES_H
#define DIFFVOX_ECHOES_H

#include "estimator/objective.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { DV_ECHO_BINS = 1050 }; /* milliseconds after the direct sound */

/* Energy of each millisecond, relative to that of the direct sound. */
typedef struct {
  double energy[2][DV_ECHO_BINS]; /* left, right; the mean of both channels' direct sound is 1 */
  double excess[DV_ECHO_BINS];    /* of both channels, above what surrounds them; 0 where nothing stands out */
  double delay_ms;                /* the echo for the delay, to a fraction of a sample; 0: none is beyond doubt */
  double possible_ms;             /* one that may be there, where none is beyond doubt; 0: none */
} dv_echo_profile;

/* All zero when the stems are shorter than 3 s.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_echo_profile_estimate(const dv_fit_stems* stems, dv_echo_profile* profile, dv_error* err);

/* Moves the start's delay to the echo at echo_ms, delay_ms or possible_ms of the profile, and its reverb to the others;
   without any they stay. */
void dv_echo_start(const dv_echo_profile* profile, double echo_ms, bool mono, dv_chain_params* start);

#ifdef __cplusplus
}
#endif
#endif
