/* SPDX-License-Identifier: MIT */
/* Spearman's rank correlations between parameters and between effects, with p-values.
 *
 * Ranks of equal values are averaged.  A column of equal values has no ranks: its correlations are NaN and
 * are left out of every mean.
 * Sources: Spearman, Am. J. Psychol. 15 (1904); Kendall and Stuart, The Advanced Theory of Statistics, vol. 2,
 * sec. 31 (the t approximation); Holm, Scand. J. Stat. 6 (1979); Benjamini and Hochberg, J. R. Stat. Soc. B 57
 * (1995); the means between effects: Yu et al., DiffVox, DAFx 2025, sec. 5. */
#ifndef DIFFVOX_CORRELATION_H
#define DIFFVOX_CORRELATION_H

#include "presets/effective.h"

#ifdef __cplusplus
extern "C" {
#endif

/* rho: columns x columns, 1 on the diagonal; data: rows x columns.  DV_ERR_ARG: fewer than 3 rows.
   DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_spearman(const double* data, size_t rows, size_t columns, double* rho, dv_error* err);

/* Two-sided p-value of a rank correlation of n pairs without association: Student's t with n - 2 degrees of
   freedom, an approximation that wants n >= 10.  NaN for NaN, and for n < 3. */
double dv_spearman_p(double rho, size_t n);

/* Student's interval of Fisher's z for a correlation of n pairs, at the given confidence (0.95); n >= 4, else NaN. */
void dv_correlation_interval(double r, size_t n, double confidence, double* low, double* high);

/* p-values corrected for there being `count` of them: Holm's bound on any false discovery, Benjamini and Hochberg's
   on their share.  NaN stay NaN and do not count.  adjusted may be p.  DV_ERR_NOMEM. */
DV_NODISCARD dv_status dv_adjust_holm(const double* p, size_t count, double* adjusted, dv_error* err);
DV_NODISCARD dv_status dv_adjust_fdr(const double* p, size_t count, double* adjusted, dv_error* err);

/* The ten effects of the paper's matrix: delay and reverb whole, send and final pan together. */
enum { DV_EFFECT_GROUPS = 10 };
int dv_effect_group(int effective_index);
const char* dv_effect_group_name(int group); /* "PK1" ... "FDN", "SEND" */

/* Mean |rho| over the pairs of parameters of two effects; on the diagonal over the pairs within one.  rho is
   DV_EFFECTIVE_COUNT square.  NaN where there is no pair. */
void dv_effect_correlation(const double* rho, double mean[DV_EFFECT_GROUPS][DV_EFFECT_GROUPS]);

#ifdef __cplusplus
}
#endif
#endif
