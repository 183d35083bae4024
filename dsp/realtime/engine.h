/* SPDX-License-Identifier: MIT */
/* The real-time engine: plays a preset block by block, so that what was fitted is what plays.
 *
 *   x (mono) -> six EQ bands -> compressor/expander with look-ahead -> e
 *   y = pan(e) + delay(e) + reverb(stereo(e) + send delay(e))          stereo
 *
 * EQ, compressor, delay and the reverb's EQ are recursions whose parameters may change while they play.  The
 * reverb's FDN is a partitioned convolution with its exact response (dsp/realtime/response.h), computed in
 * another thread and faded in.  All coefficients are those of the fit (dsp/coefficients.h).
 *
 * Stereo input is averaged into the chain; only what is passed by, dry or bypassed, keeps its sides.
 *
 * The output depends on the input, on the calls and on where between samples they come, never on how the
 * signal is cut into blocks: internally all work is done in quanta of 64 frames.  Changes glide or crossfade
 * over some 40 ms, beginning with the next quantum, and end exactly on their target.  Later are: the look-ahead, which
 * begins after some 60 ms; a variation of the reverb's response, which fades in part by part within 1.5 s; and a new
 * delay time, which waits for such a fade, at most 1.3 s, or 2.2 s while responses follow each other, and in an open
 * loop (dsp/realtime/pingpong.h) takes 40 ms for every eight echoes.
 *
 * One thread at a time may call the functions of an engine; dv_rt_set_response, dv_rt_replace_response and
 * dv_rt_take_retired may be called from another one.  Engines share nothing.  Precision: signals float, recursions
 * double. */
#ifndef DIFFVOX_RT_ENGINE_H
#define DIFFVOX_RT_ENGINE_H

#include "dsp/parameters.h"
#include "dsp/realtime/response.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dv_rt dv_rt;

/* An engine for one preset and rate, 8000 .. 192000 Hz, with look-ahead on and a neutral mix.  Allocates
   all that it will ever need, computes the reverb's response; not real-time safe.  NULL and a message in
   err when params or the rate are out of range or memory is out. */
dv_rt* dv_rt_new(const dv_chain_params* params, double rate_hz, dv_error* err);

/* NULL is fine.  Frees every response it was given, too. */
void dv_rt_free(dv_rt* rt);

/* Silence in all memories; parameters, mix and response are those set last, without gliding.  Settings made
   between here and the next dv_rt_process with frames > 0 take effect at once as well. */
DV_REALTIME void dv_rt_reset(dv_rt* rt);

/* frames of mono input -> stereo.  Any number of frames, 0 too; in may be the same memory as left or right.
   NaN and infinite samples count as zero, the rest is limited to +-1e5. */
DV_REALTIME void dv_rt_process(dv_rt* rt, const float* in, float* left, float* right, size_t frames);

/* The same with two inputs; any input may be the same memory as any output. */
DV_REALTIME void dv_rt_process_stereo(dv_rt* rt, const float* in_left, const float* in_right, float* left, float* right,
                                      size_t frames);

/* New parameters: all but those of the reverb's response (reverb.input, output, decay, mixing), which are
   ignored here.  Values that are not finite leave the parameter as it was; others are limited to the
   parameter table's range. */
DV_REALTIME void dv_rt_set_params(dv_rt* rt, const dv_chain_params* params);

/* Levels around the preset, not part of it. */
typedef struct {
  double input_gain_db, output_gain_db; /* -120 .. 100; below -119.9 is silence */
  double dry_wet;                       /* 0: the input, as late as the effects; 1: the effects */
  double delay_level, reverb_level;     /* 0 .. 4, linear, on top of the preset's own */
  double bypass;                        /* 1: the input as it came, as late as the effects, without gains */
} dv_rt_mix;

/* 0 dB, 0 dB, 1, 1, 1, 0. */
DV_REALTIME dv_rt_mix dv_rt_mix_neutral(void);
/* Treats values as dv_rt_set_params does. */
DV_REALTIME void dv_rt_set_mix(dv_rt* rt, const dv_rt_mix* mix);

/* Look-ahead off: the compressor's gain acts at once and the latency is zero. */
DV_REALTIME void dv_rt_set_lookahead(dv_rt* rt, bool on);

/* Samples by which the output is late: 15 ms with look-ahead (661 at 44.1 kHz), else 0.  A change
   holds at once for what dv_rt_latency says and is crossfaded in the signal. */
DV_REALTIME size_t dv_rt_latency(const dv_rt* rt);

/* Hands a response over, to be faded in by the next dv_rt_process; the engine owns it from now on.  Returns
   what the caller has to free: a response handed over before that was never played, or the given one itself
   when its rate is not the engine's; usually NULL.  Lock-free. */
DV_REALTIME DV_NODISCARD dv_rt_response* dv_rt_set_response(dv_rt* rt, dv_rt_response* response);

/* The same for another preset's response: what sounded before rings out in the old response, the new one only gets
   what comes from then on.  A response handed over by dv_rt_set_response is a variation of the one that plays: it
   takes over the tail, too.  While an earlier replacement still rings out, or a variation fades in, a replacement
   waits or is played as a variation. */
DV_REALTIME DV_NODISCARD dv_rt_response* dv_rt_replace_response(dv_rt* rt, dv_rt_response* response);

/* A response that is no longer played, for the caller to free outside the audio thread; NULL when there is
   none.  Poll some time after dv_rt_set_response.  One thread at a time.  Lock-free. */
DV_REALTIME DV_NODISCARD dv_rt_response* dv_rt_take_retired(dv_rt* rt);

/* Of the last dv_rt_process with frames > 0. */
typedef struct {
  double input_peak, output_peak[2]; /* linear */
  double gain_reduction_db;          /* largest, >= 0, without make-up */
} dv_rt_meters;

DV_REALTIME dv_rt_meters dv_rt_get_meters(const dv_rt* rt);

#ifdef __cplusplus
}
#endif
#endif
