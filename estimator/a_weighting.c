/* SPDX-License-Identifier: MIT */
#include "estimator/a_weighting.h"

#include "estimator/wide.h"

#include <stdlib.h>

const double dv_a_weighting_taps[DV_A_WEIGHTING_SIDE + 1] = {
  0.5443199276924133,     0.2734031677246094,     -0.015174574218690395,  -0.03279896825551987,
  -0.03161545842885971,   -0.029304511845111847,  -0.02710835263133049,   -0.025080464780330658,
  -0.023227524012327194,  -0.02151896245777607,   -0.019958071410655975,  -0.018516330048441887,
  -0.01719924993813038,   -0.01598035916686058,   -0.014867032878100872,  -0.013834487646818161,
  -0.012891641817986965,  -0.012015108950436115,  -0.011215086095035076,  -0.010469342581927776,
  -0.009789133444428444,  -0.009153184480965137,  -0.008573628030717373,  -0.008029981516301632,
  -0.007535108365118504,  -0.0070691779255867004, -0.006645660847425461,  -0.006245269440114498,
  -0.005881978664547205,  -0.005536950193345547,  -0.00522457854822278,   -0.004926397930830717,
  -0.0046571544371545315, -0.004398689605295658,  -0.004166042897850275,  -0.003941311966627836,
  -0.003739781677722931,  -0.0035437599290162325, -0.0033687399700284004, -0.0031972029246389866,
  -0.003044816432520747,  -0.002894205506891012,  -0.002761185634881258,  -0.00262849940918386,
  -0.002512088045477867,  -0.002394790994003415,  -0.0022926563397049904, -0.0021886031609028578,
  -0.0020987705793231726, -0.0020061424002051353, -0.0019269367912784219};

enum {
  LANES = sizeof(dv_wide_doubles) / sizeof(double),
  VECTORS = DV_A_WEIGHTING_BLOCK / LANES,
  TAPS = 2 * DV_A_WEIGHTING_SIDE + 1,
  TAPS_PER_PHASE = (TAPS + LANES - 1) / LANES
};

/* Adds the taps first, first + LANES, ... to a block of sums; x: what the tap `first` sees.  Outputs a
   vector apart meet the same input vectors under taps LANES apart, so each is loaded once and everything
   else stays in registers. */
DV_INLINE void add_phase(const double* taps, const double* x, dv_wide_doubles* sum)
{
#pragma GCC unroll 32
  for (int q = 0; q < TAPS_PER_PHASE + VECTORS - 1; ++q) {
    const dv_wide_doubles input = *dv_wide_doubles_at(x + q * LANES);
#pragma GCC unroll 32
    for (int v = 0; v < VECTORS; ++v)
      if (q - v >= 0 && q - v < TAPS_PER_PHASE) sum[v] += taps[(q - v) * LANES] * input;
  }
}

DV_HOT void dv_a_weighting_filter(const double* x, double* y, size_t n)
{
  double taps[TAPS_PER_PHASE * LANES];
  for (int k = 0; k < TAPS_PER_PHASE * LANES; ++k)
    taps[k] = k < TAPS ? dv_a_weighting_taps[abs(k - DV_A_WEIGHTING_SIDE)] : 0.0;
  for (size_t i = 0; i < n; i += DV_A_WEIGHTING_BLOCK) {
    dv_wide_doubles sum[VECTORS] = {{0}};
    for (int phase = 0; phase < LANES; ++phase) add_phase(taps + phase, x + i - DV_A_WEIGHTING_SIDE + phase, sum);
    memcpy(y + i, sum, sizeof sum);
  }
}
