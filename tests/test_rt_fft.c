/* SPDX-License-Identifier: MIT */
#include "dsp/realtime/fft.h"
#include "dsp/realtime/vector.h"
#include "support/dv_test.h"

typedef struct {
  dv_rt_fft* fft;
  float* memory;
  dv_rt_complex a, b;
  double *re, *im; /* the input again */
} fixture;

static fixture make(size_t n, uint64_t seed)
{
  fixture f = {.fft = dv_rt_fft_new(n), .memory = dv_floats_new(4 * n)};
  f.a = (dv_rt_complex){f.memory, f.memory + n};
  f.b = (dv_rt_complex){f.memory + 2 * n, f.memory + 3 * n};
  f.re = malloc(n * sizeof *f.re);
  f.im = malloc(n * sizeof *f.im);
  for (size_t i = 0; i < n; ++i) {
    f.a.re[i] = (float)dv_rand(&seed);
    f.a.im[i] = (float)dv_rand(&seed);
    f.re[i] = (double)f.a.re[i];
    f.im[i] = (double)f.a.im[i];
  }
  return f;
}

static void release(fixture* f)
{
  dv_rt_fft_free(f->fft);
  free(f->memory);
  free(f->re);
  free(f->im);
}

/* Largest distance of bins 0, step, 2 step .. from the sum by definition, relative to the spectrum's size. */
static double error_of(const fixture* f, size_t n, dv_rt_complex spectrum, size_t step)
{
  double worst = 0.0;
  for (size_t k = 0; k < n; k += step) {
    double re = 0.0, im = 0.0;
    for (size_t i = 0; i < n; ++i) {
      const double w = -2.0 * M_PI * (double)(k * i % n) / (double)n, c = cos(w), s = sin(w);
      re += f->re[i] * c - f->im[i] * s;
      im += f->re[i] * s + f->im[i] * c;
    }
    worst = fmax(worst, hypot((double)spectrum.re[k] - re, (double)spectrum.im[k] - im));
  }
  return worst / sqrt((double)n);
}

static void test_fft_is_the_dft_at_every_size(void** state)
{
  (void)state;
  for (size_t n = 64; n <= 65536; n *= 2) {
    fixture f = make(n, n + 1);
    const dv_rt_complex spectrum = dv_rt_fft_whole(f.fft, f.a, f.b);
    assert_close(error_of(&f, n, spectrum, n <= 1024 ? 1 : n / 64 + 1), 0.0, 0.0, 2e-6);
    release(&f);
  }
}

static void test_fft_in_slices_is_bit_identical(void** state)
{
  (void)state;
  for (size_t n = 64; n <= 4096; n *= 2) {
    fixture whole = make(n, 7), sliced = make(n, 7);
    const dv_rt_complex want = dv_rt_fft_whole(whole.fft, whole.a, whole.b);
    dv_rt_complex x = sliced.a, y = sliced.b;
    for (int k = 0; k < dv_rt_fft_steps(sliced.fft); ++k) {
      const size_t items = dv_rt_fft_items(sliced.fft, k);
      for (size_t i = 0; i < items; i += 3) dv_rt_fft_run(sliced.fft, k, x, y, i, i + 3 < items ? i + 3 : items);
      const dv_rt_complex swap = x;
      x = y;
      y = swap;
    }
    assert_memory_equal(x.re, want.re, n * sizeof(float));
    assert_memory_equal(x.im, want.im, n * sizeof(float));
    release(&whole);
    release(&sliced);
  }
}

static void test_fft_first_step_takes_scattered_parts_and_last_gives_the_second_half(void** state)
{
  (void)state;
  for (size_t n = 64; n <= 1024; n *= 2) {
    fixture whole = make(n, 3), other = make(n, 3);
    const dv_rt_complex want = dv_rt_fft_whole(whole.fft, whole.a, whole.b);
    const size_t parts = (size_t)dv_rt_fft_parts(other.fft), length = n / parts;
    float* scattered = dv_floats_new(2 * n);
    const float *re[DV_RT_FFT_MAX_PARTS], *im[DV_RT_FFT_MAX_PARTS];
    for (size_t j = 0; j < parts; ++j) { /* backwards in memory */
      float* place = scattered + (parts - 1 - j) * 2 * length;
      memcpy(place, other.a.re + j * length, length * sizeof *place);
      memcpy(place + length, other.a.im + j * length, length * sizeof *place);
      re[j] = place;
      im[j] = place + length;
    }
    dv_rt_complex x = other.b, y = other.a;
    dv_rt_fft_run_first(other.fft, re, im, x, 0, dv_rt_fft_items(other.fft, 0));
    const int last = dv_rt_fft_steps(other.fft) - 1;
    for (int k = 1; k < last; ++k) {
      dv_rt_fft_run(other.fft, k, x, y, 0, dv_rt_fft_items(other.fft, k));
      const dv_rt_complex swap = x;
      x = y;
      y = swap;
    }
    dv_rt_fft_run_last_half(other.fft, x, y, 0, dv_rt_fft_items(other.fft, last));
    assert_memory_equal(y.re, want.re + n / 2, n / 2 * sizeof(float));
    assert_memory_equal(y.im, want.im + n / 2, n / 2 * sizeof(float));
    free(scattered);
    release(&whole);
    release(&other);
  }
}

static void test_fft_inverse_is_the_forward_with_parts_swapped(void** state)
{
  (void)state;
  enum { N = 2048 };
  fixture f = make(N, 11);
  const dv_rt_complex s = dv_rt_fft_whole(f.fft, f.a, f.b);
  const dv_rt_complex other = s.re == f.a.re ? f.b : f.a;
  const dv_rt_complex back = dv_rt_fft_whole(f.fft, (dv_rt_complex){s.im, s.re}, (dv_rt_complex){other.im, other.re});
  for (size_t i = 0; i < N; ++i) {
    assert_close((double)back.im[i] / N, f.re[i], 0.0, 1e-6);
    assert_close((double)back.re[i] / N, f.im[i], 0.0, 1e-6);
  }
  release(&f);
}

static void test_fft_refuses_other_sizes(void** state)
{
  (void)state;
  assert_null(dv_rt_fft_new(0));
  assert_null(dv_rt_fft_new(32));
  assert_null(dv_rt_fft_new(96));
  dv_rt_fft_free(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_fft_is_the_dft_at_every_size),
    cmocka_unit_test(test_fft_in_slices_is_bit_identical),
    cmocka_unit_test(test_fft_first_step_takes_scattered_parts_and_last_gives_the_second_half),
    cmocka_unit_test(test_fft_inverse_is_the_forward_with_parts_swapped),
    cmocka_unit_test(test_fft_refuses_other_sizes),
  };
  return cmocka_run_group_tests_name("realtime FFT", tests, NULL, NULL);
}
