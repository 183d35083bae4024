/* SPDX-License-Identifier: MIT */
/* A preset in words: what somebody would notice of it. */
#ifndef DIFFVOX_REPORT_VERDICT_H
#define DIFFVOX_REPORT_VERDICT_H

#include "dsp/parameters.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { DV_VERDICT_SIZE = 512 };

/* "+4 dB around 3 kHz, compressor 3.1:1 above -24 dB, echo every 375 ms at -14 dB, 1.8 s reverb at -12 dB", for a
   voice at -18 LUFS; "Nearly no effect" where nothing of it would be noticed.  UTF-8, without a period.
   plain_gain_db: the gain on each channel that leaves the voice as loud as it was.  0, but -3.01 where a mono stem and
   the two channels it became were both brought to one loudness: two alike channels are twice the power.
   Parameters that pass dv_params_check. */
void dv_verdict(const dv_chain_params* params, double rate_hz, double plain_gain_db, char text[DV_VERDICT_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
