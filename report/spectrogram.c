/* SPDX-License-Identifier: MIT */
#include "report/spectrogram.h"

#include "dsp/fft.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { SPECTRA_PER_COLUMN = 4 };

static const double WINDOW_S = 0.0464, LOW_HZ = 60.0, HIGH_HZ = 18000.0;

typedef struct {
  size_t size;
  dv_fft* fft;
  dv_real *window, *frame, *spectrum;
  double* power; /* [bin + 1]: of all bins below, so that any band is a difference */
} analyser;

static void analyser_free(analyser* a)
{
  dv_fft_free(a->fft);
  dv_fft_release(a->window);
  dv_fft_release(a->frame);
  dv_fft_release(a->spectrum);
  free(a->power);
}

static bool analyser_init(analyser* a, double rate_hz)
{
  a->size = dv_fft_good_size((size_t)(WINDOW_S * rate_hz) & ~(size_t)1);
  a->fft = dv_fft_new(a->size);
  a->window = dv_fft_alloc(a->size);
  a->frame = dv_fft_alloc(a->size);
  a->spectrum = dv_fft_alloc(dv_fft_reals(a->size));
  a->power = calloc(a->size / 2 + 2, sizeof *a->power);
  if (!a->fft || !a->window || !a->frame || !a->spectrum || !a->power) return false;
  /* Hann, of mean square 3/8: over the bins of its main lobe a full-scale sine has a power of 1. */
  const double scale = sqrt(32.0 / 3.0) / (double)a->size;
  for (size_t i = 0; i < a->size; ++i)
    a->window[i] = (dv_real)(scale * (0.5 - 0.5 * cos(2.0 * M_PI * (double)i / (double)a->size)));
  return true;
}

/* ADDS the power spectrum of the stretch that begins at `first` (may lie before the signal). */
static void add_power(analyser* a, const float* x, size_t frames, ptrdiff_t first, double* bins)
{
  for (size_t i = 0; i < a->size; ++i) {
    const ptrdiff_t at = first + (ptrdiff_t)i;
    const bool inside = at >= 0 && at < (ptrdiff_t)frames && isfinite(x[at]);
    a->frame[i] = inside ? (dv_real)x[at] * a->window[i] : 0;
  }
  dv_fft_forward(a->fft, a->frame, a->spectrum);
  for (size_t k = 0; k <= a->size / 2; ++k) {
    const double re = (double)a->spectrum[2 * k], im = (double)a->spectrum[2 * k + 1];
    bins[k] += re * re + im * im;
  }
}

static double power_below(const analyser* a, double bin)
{
  const double held = fmin(bin + 0.5, (double)(a->size / 2 + 1));
  const size_t whole = (size_t)held;
  const double next = whole <= a->size / 2 ? a->power[whole + 1] : a->power[whole];
  return a->power[whole] + (held - (double)whole) * (next - a->power[whole]);
}

static void fill_column(analyser* a, double rate_hz, double scale, size_t column, dv_spectrogram* s)
{
  /* power[k + 1] holds bin k until here: add up */
  for (size_t k = 0; k <= a->size / 2; ++k) a->power[k + 1] += a->power[k];
  const double ratio = pow(s->high_hz / s->low_hz, 1.0 / (double)s->rows), bin_hz = rate_hz / (double)a->size;
  double low = power_below(a, s->low_hz / bin_hz);
  for (size_t row = 0; row < s->rows; ++row) {
    const double high = power_below(a, s->low_hz * pow(ratio, (double)(row + 1)) / bin_hz);
    const double db = 10.0 * log10(fmax((high - low) * scale, 1e-30));
    s->db[row * s->columns + column] = (float)fmax(db, DV_SPECTROGRAM_FLOOR_DB);
    low = high;
  }
}

static void analyse(analyser* a, const float* const* channels, size_t count, size_t frames, double rate_hz,
                    dv_spectrogram* s)
{
  const double hop = (double)frames / (double)s->columns;
  const size_t spectra = hop > (double)a->size * SPECTRA_PER_COLUMN / 2 ? SPECTRA_PER_COLUMN
                         : hop > (double)a->size / 2                    ? 2
                                                                        : 1;
  for (size_t column = 0; column < s->columns; ++column) {
    for (size_t k = 0; k <= a->size / 2 + 1; ++k) a->power[k] = 0.0;
    for (size_t i = 0; i < spectra; ++i) {
      const double centre = ((double)column + ((double)i + 0.5) / (double)spectra) * hop;
      const ptrdiff_t first = (ptrdiff_t)centre - (ptrdiff_t)(a->size / 2);
      for (size_t c = 0; c < count; ++c)
        if (c == 0 || channels[c] != channels[0]) add_power(a, channels[c], frames, first, a->power + 1);
    }
    const bool one = count < 2 || channels[1] == channels[0];
    fill_column(a, rate_hz, 1.0 / (double)(spectra * (one ? 1 : count)), column, s);
  }
}

dv_status dv_spectrogram_make(const float* const* channels, size_t count, size_t frames, double rate_hz,
                              dv_spectrogram* s)
{
  *s = (dv_spectrogram){0};
  if (!frames || !count) return DV_OK;
  analyser a = {0};
  s->rows = DV_SPECTROGRAM_ROWS;
  s->columns = frames < DV_SPECTROGRAM_COLUMNS ? frames : DV_SPECTROGRAM_COLUMNS;
  s->seconds = (double)frames / rate_hz;
  s->low_hz = LOW_HZ;
  s->high_hz = fmin(HIGH_HZ, 0.45 * rate_hz);
  s->db = malloc(s->rows * s->columns * sizeof *s->db);
  const bool ready = analyser_init(&a, rate_hz) && s->db;
  if (ready) analyse(&a, channels, count, frames, rate_hz, s);
  analyser_free(&a);
  if (!ready) dv_spectrogram_free(s);
  return ready ? DV_OK : DV_ERR_NOMEM;
}

void dv_spectrogram_free(dv_spectrogram* s)
{
  free(s->db);
  *s = (dv_spectrogram){0};
}

double dv_spectrogram_peak_db(const dv_spectrogram* s)
{
  double peak = DV_SPECTROGRAM_FLOOR_DB;
  for (size_t i = 0; i < s->rows * s->columns; ++i) peak = fmax(peak, (double)s->db[i]);
  return peak;
}
