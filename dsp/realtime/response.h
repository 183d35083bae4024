/* SPDX-License-Identifier: MIT */
/* The reverb's response, ready for the engine's convolution.  See dsp/realtime/engine.h. */
#ifndef DIFFVOX_RT_RESPONSE_H
#define DIFFVOX_RT_RESPONSE_H

#include "dsp/parameters.h"
#include "dsp/realtime/convolver.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dv_rt_response dv_rt_response;

/* The response of the FDN (input, output, decay and mixing of p; its EQ is not part of it) at a rate of
   8000 .. 192000 Hz: H on the model's 12 s grid, transformed and partitioned.  Any thread; not real-time safe:
   it allocates and takes tenths of a second.  NULL and a message in err when p is outside the parameter
   table's ranges, the rate is, or memory is out. */
dv_rt_response* dv_rt_response_new(const dv_reverb_params* p, double rate_hz, dv_error* err);

/* The same for parameters that are about to change again: it leaves out what is below -50 dB of the whole, not -90,
   and takes half as long to play where decays are long. */
dv_rt_response* dv_rt_response_draft(const dv_reverb_params* p, double rate_hz, dv_error* err);

/* NULL is fine. */
void dv_rt_response_free(dv_rt_response* response);

/* Seconds that the convolution reaches back: where the rest is below -90 dB of the whole, of a draft -50. */
double dv_rt_response_seconds(const dv_rt_response* response);

/* For the engine. */
DV_REALTIME double dv_rt_response_rate(const dv_rt_response* response);
DV_REALTIME const dv_conv_response* dv_rt_response_taps(const dv_rt_response* response);
/* One-way list of responses that wait to be freed. */
DV_REALTIME dv_rt_response** dv_rt_response_next(dv_rt_response* response);

/* Whether what sounds when it arrives rings out in the old response (dv_rt_replace_response). */
DV_REALTIME bool* dv_rt_response_replaces(dv_rt_response* response);

/* Layout of all responses at a rate. */
void dv_rt_response_layout(double rate_hz, dv_conv_layout* layout);

#define DV_RT_MIN_RATE_HZ 8000.0
#define DV_RT_MAX_RATE_HZ 192000.0

#ifdef __cplusplus
}
#endif
#endif
