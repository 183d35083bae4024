/* SPDX-License-Identifier: MIT */
/* Every preset with every kind of signal: the output stays finite and bounded, and sound comes back within a second.
 *
 *   torture BUNDLES [--presets BUNDLE] [--every N] [--rate HZ] [--block FRAMES]
 *
 * Noise, silence, full-scale square, NaN, Inf, denormal numbers and samples of 1e30, half a second each.  Then, from
 * a fresh start, NaN and Inf followed by a second of noise: its end has to be as loud as without them.  48 kHz and
 * blocks of 512 where nothing else is said. */
#include "hosts/host.h"
#include "support/dv_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double BOUND = 1e9;   /* +100 dBFS of input, 60 dB of gain and a resonance */
static const double SANE = 1000.0; /* after full-scale signals */
enum { KINDS = 7 };
static const char* const kinds[KINDS] = {"noise", "silence", "square", "NaN", "Inf", "denormals", "1e30"};

static void fill(int kind, float* x, size_t n, uint64_t seed)
{
  for (size_t i = 0; i < n; ++i) {
    const double r = dv_rand(&seed);
    switch (kind) {
    case 0: x[i] = (float)(0.17 * r); break;
    case 1: x[i] = 0.0f; break;
    case 2: x[i] = i / 50 % 2 ? 1.0f : -1.0f; break;
    case 3: x[i] = NAN; break;
    case 4: x[i] = r > 0.0 ? INFINITY : -INFINITY; break;
    case 5: x[i] = (float)(1e-40 * r); break;
    default: x[i] = (float)(1e30 * r); break;
    }
  }
}

/* Peak; infinite when a sample is not finite. */
static double peak(const float* left, const float* right, size_t n)
{
  double most = 0.0;
  for (size_t i = 0; i < n; ++i) {
    if (!isfinite(left[i]) || !isfinite(right[i])) return (double)INFINITY;
    most = fmax(most, fmax(fabs((double)left[i]), fabs((double)right[i])));
  }
  return most;
}

static double rms(const float* x, size_t n)
{
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += (double)x[i] * (double)x[i];
  return sqrt(sum / (double)n);
}

typedef struct {
  float *in, *left, *right;
  size_t half, block; /* half a second */
} signals;

static bool play_kinds(dv_host* h, const signals* s, const char* label, double* first_rms)
{
  bool good = true;
  for (int kind = 0; kind < KINDS; ++kind) {
    fill(kind, s->in, s->half, 9);
    dv_host_play(h, s->in, s->in, s->left, s->right, s->half, s->block);
    const double most = peak(s->left, s->right, s->half);
    if (kind == 0) *first_rms = rms(s->left, s->half) + rms(s->right, s->half);
    if (most <= (kind < 3 ? SANE : BOUND)) continue;
    printf("%s: peak %g with %s\n", label, most, kinds[kind]);
    good = false;
  }
  return good;
}

static bool torture_preset(dv_host* h, const signals* s, const char* label)
{
  double before = 0.0;
  dv_host_reactivate(h);
  bool good = play_kinds(h, s, label, &before);
  dv_host_reactivate(h);
  for (int kind = 3; kind <= 4; ++kind) {
    fill(kind, s->in, s->half, 3);
    dv_host_play(h, s->in, s->in, s->left, s->right, s->half, s->block);
  }
  fill(0, s->in, s->half, 9);
  for (int i = 0; i < 2; ++i) dv_host_play(h, s->in, s->in, s->left, s->right, s->half, s->block);
  const double after = rms(s->left, s->half) + rms(s->right, s->half);
  if (!(after > 0.3 * before && after < 3.0 * before + 1e-6)) {
    printf("%s: noise gives %g a second after Inf, %g before\n", label, after, before);
    good = false;
  }
  return good;
}

int main(int argc, char** argv)
{
  const char* presets = NULL;
  size_t every = 1, block = 512, played = 0, failed = 0;
  double rate_hz = 48000.0;
  if (argc < 2) return 2;
  for (int i = 2; i + 1 < argc; i += 2) {
    if (!strcmp(argv[i], "--presets")) presets = argv[i + 1];
    if (!strcmp(argv[i], "--every")) every = (size_t)atoi(argv[i + 1]);
    if (!strcmp(argv[i], "--rate")) rate_hz = atof(argv[i + 1]);
    if (!strcmp(argv[i], "--block")) block = (size_t)atoi(argv[i + 1]);
  }
  if (every < 1 || rate_hz < 8000.0 || block < 1) return 2;
  const size_t half = (size_t)(0.5 * rate_hz);
  float* memory = calloc(3 * half, sizeof *memory);
  if (!memory) return 2;
  const signals s = {memory, memory + half, memory + 2 * half, half, block};
  dv_host_world* world = dv_host_world_new(argv[1], presets);
  dv_host* h = dv_host_new(world, false, rate_hz, DV_HOST_PLAIN);
  for (size_t i = 0; i < dv_host_preset_count(world); i += every, ++played) {
    dv_host_load_preset(h, i);
    failed += !torture_preset(h, &s, dv_host_preset_label(world, i));
  }
  printf("%zu presets at %g Hz, blocks of %zu\n%zu passed, %zu failed\n", played, rate_hz, block, played - failed,
         failed);
  dv_host_free(h);
  dv_host_world_free(world);
  free(memory);
  return failed || !played ? EXIT_FAILURE : EXIT_SUCCESS;
}
