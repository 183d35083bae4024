/* SPDX-License-Identifier: MIT */
/* The curves of a preset, for plots: what dsp/ computes, evaluated on grids.
 *
 * All need parameters that pass dv_params_check and a rate of 8 to 192 kHz. */
#ifndef DIFFVOX_REPORT_CURVES_H
#define DIFFVOX_REPORT_CURVES_H

#include "dsp/coefficients.h"

#ifdef __cplusplus
extern "C" {
#endif

/* count >= 2 frequencies from low_hz to high_hz at equal ratios. */
void dv_curve_log_grid(double low_hz, double high_hz, double* freq_hz, size_t count);

/* count >= 2 values from low to high at equal distances. */
void dv_curve_linear_grid(double low, double high, double* values, size_t count);

/* Magnitude of the equaliser in dB; above half the rate NaN.  A band is 0 .. DV_EQ_BANDS - 1, in the order of
   dv_chain_coefs. */
void dv_curve_eq_db(const dv_chain_params* p, double rate_hz, const double* freq_hz, size_t count, double* gain_db);
void dv_curve_eq_band_db(const dv_chain_params* p, double rate_hz, int band, const double* freq_hz, size_t count,
                         double* gain_db);

/* The same of the reverb's equaliser. */
void dv_curve_reverb_eq_db(const dv_reverb_params* p, double rate_hz, const double* freq_hz, size_t count,
                           double* gain_db);

/* Static curve of compressor and expander with make-up: peak level of a steady tone in and out, both in dBFS.
   The detector averages squares: it sees the tone 3.01 dB below its peak, and not below its floor of -80 dB.
   With averaging much shorter than half a period it follows the wave instead, and the corners are rounder. */
void dv_curve_compressor_db(const dv_compressor_params* p, double rate_hz, const double* in_dbfs, size_t count,
                            double* out_dbfs);

/* Reverberation time in seconds; the published plot's T60 = -60/(20 log10(gamma)/997)/44100. */
void dv_curve_t60_s(const dv_reverb_params* p, const double* freq_hz, size_t count, double* t60_s);

/* One echo at one frequency: level of each channel against the direct sound's in the centre; -infinity where
   there is none. */
typedef struct {
  double time_ms, left_db, right_db;
} dv_echo;

/* The echoes that the delay makes (within its 4 s) at freq_hz, until both channels stay below floor_db.
   Returns their number, at most `capacity`: 40 at 100 ms. */
size_t dv_curve_echoes(const dv_chain_params* p, double rate_hz, double freq_hz, double floor_db, dv_echo* echoes,
                       size_t capacity);

/* Energy of the reverb's response to the voice against the direct sound's, in dB, over 200 Hz to 5 kHz, its
   equaliser included; mean of both channels.  From H(w) at 8192 frequencies up to half the rate, to about 1 dB.
   -infinity without reverb.  NaN without memory. */
double dv_curve_reverb_level_db(const dv_reverb_params* p, double rate_hz);

#ifdef __cplusplus
}
#endif
#endif
