/* SPDX-License-Identifier: MIT */
/* A preset on a page: its curves as figures and its numbers as a table. */
#ifndef DIFFVOX_REPORT_PRESET_FIGURES_H
#define DIFFVOX_REPORT_PRESET_FIGURES_H

#include "dsp/parameters.h"
#include "report/buffer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Equaliser, compressor, echoes, reverb equaliser and reverberation time, between dv_html_figures_begin and end.
   params pass dv_params_check.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_preset_figures(dv_buffer* out, const dv_chain_params* params, double rate_hz);

/* The parameters in units, grouped by effect, beside those of `start`; of the reverb's matrices a summary. */
void dv_preset_table(dv_buffer* out, const dv_chain_params* params, const dv_chain_params* start);

#ifdef __cplusplus
}
#endif
#endif
