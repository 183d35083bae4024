/* SPDX-License-Identifier: MIT */
/* Gaussian priors over presets: mean, covariance and principal components of the 130 effective raw
 * parameters (presets/effective.h), and their file, "diffvox-prior" version 1 (docs/formats.md).
 *
 * Reading and using a prior needs no linear algebra: the components are stored with it.  The prior of the
 * published internal corpus ships as presets/prior/internal.json; its beginning is also compiled in, see
 * presets/prior_table.h.  Estimating one from a corpus: presets/pca.h.
 *
 * Source: Yu et al., DiffVox, DAFx 2025, sec. 5 (the Gaussian of the 365 presets), and WASPAA 2025
 * (arXiv 2505.11315), which uses it as the prior of a maximum a posteriori search. */
#ifndef DIFFVOX_PRIOR_H
#define DIFFVOX_PRIOR_H

#include "presets/effective.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DV_PRIOR_FORMAT "diffvox-prior"
enum { DV_PRIOR_VERSION = 1, DV_PRIOR_MAX_BYTES = 4 << 20 };

/* A plain value of about 280 kB: allocate it, do not put it on a small stack. */
typedef struct {
  char source[256];  /* what it was estimated from, for people */
  size_t presets;    /* their number */
  size_t components; /* 1 .. 130: those with variance, the rank of the covariance */
  double mean[DV_EFFECTIVE_COUNT];
  double covariance[DV_EFFECTIVE_COUNT][DV_EFFECTIVE_COUNT]; /* n - 1; symmetric */
  double variance[DV_EFFECTIVE_COUNT];                       /* eigenvalues, falling; 0 from `components` on */
  /* Row i is the i-th eigenvector, a unit vector whose entry of largest magnitude (the first of equals) is
     positive; rows from `components` on are 0. */
  double component[DV_EFFECTIVE_COUNT][DV_EFFECTIVE_COUNT];
} dv_prior;

/* "internal", or the path of a file.  Shipped priors are looked for in the subfolder "prior" of every folder
   where factory presets are looked for (presets/corpus.h).
   DV_ERR_ARG: no such prior.  The others as of dv_prior_read. */
DV_NODISCARD dv_status dv_prior_resolve(const char* name, dv_prior* prior, dv_error* err);

/* *prior is undefined after an error.  DV_ERR_IO, DV_ERR_NOMEM.  DV_ERR_FORMAT: not a prior of this version and
   these parameters, numbers missing, eigenvectors that are not orthonormal, or eigenvalues and eigenvectors
   that do not give the covariance. */
DV_NODISCARD dv_status dv_prior_read(const char* path, dv_prior* prior, dv_error* err);

/* Complete or not at all; every number with the digits to read back the same value.
   DV_ERR_IO, DV_ERR_NOMEM.  DV_ERR_NONFINITE: a number is not finite. */
DV_NODISCARD dv_status dv_prior_write(const char* path, const dv_prior* prior, dv_error* err);

/* The same in memory: name is what messages call the text, which needs no terminating zero; *text is the caller's to
   free(), its terminating zero not counted in *size. */
DV_NODISCARD dv_status dv_prior_parse(const char* text, size_t size, const char* name, dv_prior* prior, dv_error* err);
DV_NODISCARD dv_status dv_prior_print(const dv_prior* prior, char** text, size_t* size, dv_error* err);

/* Moves raw parameters by `sigmas` standard deviations along one component, 0 .. components - 1, then holds
   them in range (dv_raw_clamp). */
DV_REALTIME void dv_prior_move(const dv_prior* prior, size_t component, double sigmas, double raw[DV_PARAM_COUNT]);

/* Draws raw parameters: mean + sum of sigma_i z_i v_i over the components there are, so a prior of few presets
   only draws from the space they span.  Values are not clamped.  *state is the generator's (splitmix64; any
   start is good) and advances. */
DV_REALTIME void dv_prior_sample(const dv_prior* prior, uint64_t* state, double raw[DV_PARAM_COUNT]);

/* Coordinates along the components, in standard deviations; those from `components` on are 0. */
DV_REALTIME void dv_prior_whiten(const dv_prior* prior, const double effective[DV_EFFECTIVE_COUNT],
                                 double scores[DV_EFFECTIVE_COUNT]);

/* log N(effective; mean, covariance) in nats, on the space of the components only.  ADDS weight times its
   gradient into gradient (may be NULL). */
DV_REALTIME double dv_prior_log_density(const dv_prior* prior, const double effective[DV_EFFECTIVE_COUNT],
                                        double weight, double gradient[DV_EFFECTIVE_COUNT]);

#ifdef __cplusplus
}
#endif
#endif
