/* SPDX-License-Identifier: MIT */
#include "dsp/fdn.h"

#include "dsp/expm.h"
#include "dsp/simd.h"

#include <math.h>

enum { LINES = DV_FDN_LINES, BLOCK = DV_FDN_BLOCK };
/* Of a grid's phases: those within a block, and those of a block's first bin. */
enum { BLOCK_REALS = LINES * 2 * BLOCK, FIRST_REALS = LINES * 2 };

static const int MODEL_DELAY[LINES] = {997, 1153, 1327, 1559, 1801, 2099};

/* Keeps log(gamma) finite; a line that decays by 600 dB per pass is silent anyway. */
static const double MIN_DECAY = 1e-30;

/* S - S^T from the logits above the diagonal. */
static void skew(const double logits[LINES][LINES], double* out)
{
  for (int i = 0; i < LINES; ++i)
    for (int j = 0; j < LINES; ++j) out[i * LINES + j] = j > i ? logits[i][j] : j < i ? -logits[j][i] : 0.0;
}

void dv_fdn_coeffs(const dv_reverb_params* p, double rate_hz, dv_fdn_coefs* c)
{
  double s[LINES * LINES];
  skew(p->mixing, s);
  dv_expm(LINES, s, &c->mixing[0][0]);
  for (int l = 0; l < LINES; ++l) {
    c->delay[l] = (int)lround(MODEL_DELAY[l] * rate_hz / DV_MODEL_RATE_HZ);
    c->exponent[l] = (double)c->delay[l] / c->delay[0];
  }
  memcpy(c->input, p->input, sizeof c->input);
  memcpy(c->output, p->output, sizeof c->output);
  memcpy(c->decay, p->decay, sizeof c->decay);
  c->band_hz = DV_MODEL_RATE_HZ / 2.0 / (DV_FDN_BANDS - 1);
  c->rate_hz = rate_hz;
}

void dv_fdn_coeffs_vjp(const dv_reverb_params* p, const dv_fdn_coefs* gc, dv_reverb_params* gp)
{
  double s[LINES * LINES], gs[LINES * LINES];
  skew(p->mixing, s);
  dv_expm_vjp(LINES, s, &gc->mixing[0][0], gs);
  for (int i = 0; i < LINES; ++i)
    for (int j = i + 1; j < LINES; ++j) gp->mixing[i][j] += gs[i * LINES + j] - gs[j * LINES + i];
  for (int l = 0; l < LINES; ++l)
    for (int ch = 0; ch < 2; ++ch) {
      gp->input[l][ch] += gc->input[l][ch];
      gp->output[ch][l] += gc->output[ch][l];
    }
  for (int k = 0; k < DV_FDN_BANDS; ++k) gp->decay[k] += gc->decay[k];
}

static bool seven_smooth(size_t n)
{
  static const size_t primes[] = {2, 3, 5, 7};
  for (size_t i = 0; i < 4; ++i)
    while (n % primes[i] == 0) n /= primes[i];
  return n == 1;
}

size_t dv_fdn_grid_size(double rate_hz)
{
  size_t n = 2 * (size_t)ceil(6.0 * rate_hz);
  while (!seven_smooth(n)) n += 2;
  return n;
}

size_t dv_fdn_grid_reals(size_t grid_size) { return BLOCK_REALS + (grid_size / 2 / BLOCK + 1) * FIRST_REALS; }

/* e^{-i w m_l} of one bin. */
static void write_phase(const dv_fdn_coefs* c, size_t grid_size, size_t bin, int line, dv_real* re, dv_real* im)
{
  /* reduced modulo the grid in integers: no precision is lost at high bins */
  const size_t turn = bin * (size_t)c->delay[line] % grid_size;
  const double w = 2.0 * M_PI * (double)turn / (double)grid_size;
  *re = (dv_real)cos(w);
  *im = (dv_real)-sin(w);
}

void dv_fdn_grid_init(dv_fdn_grid* grid, const dv_fdn_coefs* c, size_t grid_size, dv_real* phase)
{
  grid->size = grid_size;
  grid->phase = phase;
  for (int l = 0; l < LINES; ++l) {
    dv_real* within = phase + (size_t)l * 2 * BLOCK;
    for (size_t k = 0; k < BLOCK; ++k) write_phase(c, grid_size, k, l, within + k, within + BLOCK + k);
    for (size_t b = 0; b <= grid_size / 2 / BLOCK; ++b) {
      dv_real* first = phase + BLOCK_REALS + b * FIRST_REALS + (size_t)l * 2;
      write_phase(c, grid_size, b * BLOCK, l, first, first + 1);
    }
  }
}

/* BLOCK bins side by side. */
typedef dv_real bins __attribute__((vector_size(BLOCK * sizeof(dv_real))));
typedef struct {
  bins re, im;
} cbins;

DV_INLINE cbins cmul(cbins a, cbins b) { return (cbins){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
DV_INLINE cbins cmul_conj(cbins a, cbins b) /* a conj(b) */
{
  return (cbins){a.re * b.re + a.im * b.im, a.im * b.re - a.re * b.im};
}
DV_INLINE cbins csub(cbins a, cbins b) { return (cbins){a.re - b.re, a.im - b.im}; }
DV_INLINE cbins cscale(dv_real s, cbins a) { return (cbins){s * a.re, s * a.im}; }
DV_INLINE cbins creciprocal(cbins a)
{
  const bins norm = 1 / (a.re * a.re + a.im * a.im);
  return (cbins){a.re * norm, -a.im * norm};
}

/* gamma at the block's bins by linear interpolation; band and weight of the upper neighbour for the
   adjoint. */
typedef struct {
  int band[BLOCK];
  double upper[BLOCK];
  bins gamma;
} decay_block;

DV_INLINE void decay_at(const dv_fdn_coefs* c, size_t grid_size, size_t first, decay_block* d)
{
  const double bands_per_bin = c->rate_hz / (double)grid_size / c->band_hz;
  for (size_t k = 0; k < BLOCK; ++k) {
    const double position = fmin((double)(first + k) * bands_per_bin, DV_FDN_BANDS - 1);
    const int band = position < DV_FDN_BANDS - 2 ? (int)position : DV_FDN_BANDS - 2;
    const double upper = position - band;
    const double gamma = c->decay[band] + upper * (c->decay[band + 1] - c->decay[band]);
    d->band[k] = band;
    d->upper[k] = upper;
    d->gamma[k] = (dv_real)(gamma > MIN_DECAY ? gamma : MIN_DECAY);
  }
}

/* attenuation[l] = gamma^exponent_l */
DV_INLINE void attenuations(const dv_fdn_coefs* c, const decay_block* d, bins attenuation[LINES])
{
  dv_real log_gamma[BLOCK], power[LINES][BLOCK];
  for (int k = 0; k < BLOCK; ++k) log_gamma[k] = dv_log(d->gamma[k]);
  for (int l = 0; l < LINES; ++l) {
    const dv_real exponent = (dv_real)c->exponent[l];
    for (int k = 0; k < BLOCK; ++k) power[l][k] = dv_exp(exponent * log_gamma[k]);
  }
  memcpy(attenuation, power, sizeof power);
}

/* The solve of one block: with z = e^{-i w m} and w_l = gamma^e_l z_l,
     H = c diag(z) V,   (I - U diag(w)) V = b.
   I - U diag(w) has a positive definite Hermitian part (|w| < 1, U orthogonal), so elimination needs no
   pivoting.  lu holds both factors, the pivots' reciprocals on the diagonal. */
typedef struct {
  cbins lu[LINES][LINES], z[LINES], v[LINES][2];
} solved;

/* z of a line in the block that begins with `bin`. */
DV_INLINE cbins phase_at(const dv_fdn_grid* grid, size_t bin, int line)
{
  const dv_real* first = grid->phase + BLOCK_REALS + bin / BLOCK * FIRST_REALS + line * 2;
  const dv_real re = first[0], im = first[1];
  cbins within;
  memcpy(&within.re, grid->phase + line * 2 * BLOCK, sizeof within.re);
  memcpy(&within.im, grid->phase + line * 2 * BLOCK + BLOCK, sizeof within.im);
  return (cbins){re * within.re - im * within.im, re * within.im + im * within.re};
}

DV_INLINE void solve(const dv_fdn_coefs* c, const dv_fdn_grid* grid, size_t bin, const bins attenuation[LINES],
                     solved* s)
{
  const bins zero = {0};
  for (int j = 0; j < LINES; ++j) {
    s->z[j] = phase_at(grid, bin, j);
    const cbins w = {attenuation[j] * s->z[j].re, attenuation[j] * s->z[j].im};
    for (int i = 0; i < LINES; ++i) {
      s->lu[i][j] = cscale(-(dv_real)c->mixing[i][j], w);
      if (i == j) s->lu[i][j].re += 1;
    }
  }
  for (int i = 0; i < LINES; ++i)
    for (int in = 0; in < 2; ++in) s->v[i][in] = (cbins){zero + (dv_real)c->input[i][in], zero};
  for (int k = 0; k < LINES; ++k) {
    s->lu[k][k] = creciprocal(s->lu[k][k]);
    for (int i = k + 1; i < LINES; ++i) {
      const cbins factor = s->lu[i][k] = cmul(s->lu[i][k], s->lu[k][k]);
      for (int j = k + 1; j < LINES; ++j) s->lu[i][j] = csub(s->lu[i][j], cmul(factor, s->lu[k][j]));
      for (int in = 0; in < 2; ++in) s->v[i][in] = csub(s->v[i][in], cmul(factor, s->v[k][in]));
    }
  }
  for (int k = LINES - 1; k >= 0; --k)
    for (int in = 0; in < 2; ++in) {
      for (int j = k + 1; j < LINES; ++j) s->v[k][in] = csub(s->v[k][in], cmul(s->lu[k][j], s->v[j][in]));
      s->v[k][in] = cmul(s->v[k][in], s->lu[k][k]);
    }
}

/* One block from its decay to its solution. */
typedef struct {
  decay_block decay;
  bins attenuation[LINES];
  solved system;
} block_state;

DV_INLINE void solve_block(const dv_fdn_coefs* c, const dv_fdn_grid* grid, size_t bin, block_state* s)
{
  decay_at(c, grid->size, bin, &s->decay);
  attenuations(c, &s->decay, s->attenuation);
  solve(c, grid, bin, s->attenuation, &s->system);
}

DV_HOT void dv_fdn_spectrum(const dv_fdn_coefs* c, const dv_fdn_grid* grid, size_t first, size_t count,
                            dv_real* const h[2][2])
{
  const bins zero = {0};
  for (size_t bin = first; bin < first + count; bin += BLOCK) {
    const size_t valid = first + count - bin < BLOCK ? first + count - bin : BLOCK;
    block_state s;
    solve_block(c, grid, bin, &s);
    for (int in = 0; in < 2; ++in) {
      cbins tapped[LINES];
      for (int l = 0; l < LINES; ++l) tapped[l] = cmul(s.system.z[l], s.system.v[l][in]);
      for (int out = 0; out < 2; ++out) {
        cbins sum = {zero, zero};
        for (int l = 0; l < LINES; ++l) {
          sum.re += (dv_real)c->output[out][l] * tapped[l].re;
          sum.im += (dv_real)c->output[out][l] * tapped[l].im;
        }
        dv_real* dst = h[out][in] + 2 * bin;
        for (size_t k = 0; k < valid; ++k) {
          dst[2 * k] = sum.re[k];
          dst[2 * k + 1] = sum.im[k];
        }
      }
    }
  }
}

/* Solves A^H W = G in place with the factors of A: U^H, then L^H. */
DV_INLINE void solve_adjoint(const solved* s, cbins w[LINES][2])
{
  for (int k = 0; k < LINES; ++k)
    for (int in = 0; in < 2; ++in) {
      for (int j = 0; j < k; ++j) w[k][in] = csub(w[k][in], cmul_conj(w[j][in], s->lu[j][k]));
      w[k][in] = cmul_conj(w[k][in], s->lu[k][k]);
    }
  for (int k = LINES - 1; k >= 0; --k)
    for (int in = 0; in < 2; ++in)
      for (int j = k + 1; j < LINES; ++j) w[k][in] = csub(w[k][in], cmul_conj(w[j][in], s->lu[j][k]));
}

/* Gradients of one pass, a lane per bin of a block. */
typedef struct {
  bins mixing[LINES][LINES], input[LINES][2], output[2][LINES];
} bin_sums;

static double sum_bins(bins v)
{
  double sum = 0.0;
  for (int k = 0; k < BLOCK; ++k) sum += (double)v[k];
  return sum;
}

static void flush_sums(bin_sums* s, dv_fdn_coefs* gc)
{
  for (int i = 0; i < LINES; ++i) {
    for (int j = 0; j < LINES; ++j) gc->mixing[i][j] += sum_bins(s->mixing[i][j]);
    for (int ch = 0; ch < 2; ++ch) {
      gc->input[i][ch] += sum_bins(s->input[i][ch]);
      gc->output[ch][i] += sum_bins(s->output[ch][i]);
    }
  }
  memset(s, 0, sizeof *s);
}

/* dL/dgamma of the block's bins, and the sums over bins of everything else.
     gV_l = conj(z_l) sum_o c_ol gH_o      W = A^-H gV
     dL/db = Re W,  dL/dc_ol = sum Re(conj(gH_o) z_l V_l)
     dL/dU_ij = sum_in Re(conj(W_i) V_j w_j)
     dL/dw_j  = sum_in conj(V_j) (U' W)_j,  dL/dgamma = sum_j Re(conj(dL/dw_j) z_j) e_j gamma^(e_j - 1) */
DV_INLINE bins adjoint_block(const dv_fdn_coefs* c, const block_state* block, const cbins gh[2][2], bin_sums* sums)
{
  const solved* s = &block->system;
  const bins* attenuation = block->attenuation;
  const bins zero = {0};
  cbins w[LINES][2];
  for (int l = 0; l < LINES; ++l)
    for (int in = 0; in < 2; ++in) {
      cbins g = {zero, zero};
      const cbins tapped = cmul(s->z[l], s->v[l][in]);
      for (int out = 0; out < 2; ++out) {
        const dv_real c_ol = (dv_real)c->output[out][l];
        g.re += c_ol * gh[out][in].re;
        g.im += c_ol * gh[out][in].im;
        sums->output[out][l] += gh[out][in].re * tapped.re + gh[out][in].im * tapped.im;
      }
      w[l][in] = cmul_conj(g, s->z[l]);
    }
  solve_adjoint(s, w);
  bins g_gamma = zero;
  for (int j = 0; j < LINES; ++j) {
    cbins gw = {zero, zero}; /* conj(dL/dw_j) */
    for (int in = 0; in < 2; ++in) {
      sums->input[j][in] += w[j][in].re;
      const cbins weighted = {attenuation[j] * s->z[j].re, attenuation[j] * s->z[j].im};
      const cbins vw = cmul(s->v[j][in], weighted);
      cbins back = {zero, zero}; /* (U' W)_j */
      for (int i = 0; i < LINES; ++i) {
        const dv_real u = (dv_real)c->mixing[i][j];
        sums->mixing[i][j] += w[i][in].re * vw.re + w[i][in].im * vw.im;
        back.re += u * w[i][in].re;
        back.im += u * w[i][in].im;
      }
      const cbins term = cmul_conj(s->v[j][in], back);
      gw.re += term.re;
      gw.im += term.im;
    }
    const bins real_part = gw.re * s->z[j].re - gw.im * s->z[j].im;
    g_gamma += (dv_real)c->exponent[j] * real_part * attenuation[j];
  }
  return g_gamma / block->decay.gamma;
}

DV_HOT void dv_fdn_spectrum_vjp(const dv_fdn_coefs* c, const dv_fdn_grid* grid, size_t first, size_t count,
                                const dv_real* const gh[2][2], dv_fdn_coefs* gc)
{
  enum { FLUSH_EVERY = 64 }; /* blocks: keeps the single-precision sums short */
  bin_sums sums;
  memset(&sums, 0, sizeof sums);
  size_t blocks = 0;
  for (size_t bin = first; bin < first + count; bin += BLOCK) {
    const size_t valid = first + count - bin < BLOCK ? first + count - bin : BLOCK;
    block_state s;
    solve_block(c, grid, bin, &s);
    cbins g[2][2];
    for (int out = 0; out < 2; ++out)
      for (int in = 0; in < 2; ++in) {
        const dv_real* src = gh[out][in] + 2 * bin;
        for (size_t k = 0; k < BLOCK; ++k) {
          g[out][in].re[k] = k < valid ? src[2 * k] : 0;
          g[out][in].im[k] = k < valid ? src[2 * k + 1] : 0;
        }
      }
    const bins g_gamma = adjoint_block(c, &s, (const cbins(*)[2])g, &sums);
    for (size_t k = 0; k < valid; ++k) {
      const int band = s.decay.band[k];
      gc->decay[band] += (1.0 - s.decay.upper[k]) * (double)g_gamma[k];
      gc->decay[band + 1] += s.decay.upper[k] * (double)g_gamma[k];
    }
    if (++blocks % FLUSH_EVERY == 0) flush_sums(&sums, gc);
  }
  flush_sums(&sums, gc);
}

double dv_fdn_t60_s(const dv_reverb_params* p, double freq_hz)
{
  const double position = fmin(fmax(freq_hz / (DV_MODEL_RATE_HZ / 2.0), 0.0), 1.0) * (DV_FDN_BANDS - 1);
  const int band = position < DV_FDN_BANDS - 2 ? (int)position : DV_FDN_BANDS - 2;
  const double gamma = p->decay[band] + (position - band) * (p->decay[band + 1] - p->decay[band]);
  return -3.0 * MODEL_DELAY[0] / (DV_MODEL_RATE_HZ * log10(fmax(gamma, MIN_DECAY)));
}
