/* SPDX-License-Identifier: MIT */
/* Plays an audio file through another JACK client and records what it gives, from the same frame on.
 *
 *   play_through CLIENT IN OUT SECONDS
 *
 * Connects itself to the audio ports of CLIENT.  OUT is late by the client's latency and, for JACK breaks the loop
 * between the two clients there, by one period.  Prints the number of xruns.  Exit status: 0 recorded without an xrun,
 * 1 failed, 2 wrong usage, 3 recorded with xruns. */
#include "datasets/audio.h"

#include <jack/jack.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_PORTS = 8, PATIENCE_SECONDS = 10 };

typedef struct {
  jack_client_t* client;
  jack_port_t *to[MOST_PORTS], *from[MOST_PORTS];
  dv_audio in, out;
  size_t done; /* frames recorded; of the JACK thread until `finished` */
  atomic_bool running, finished;
  atomic_uint xruns;
} through;

static int process(jack_nframes_t frames, void* context)
{
  through* t = context;
  const bool running = atomic_load(&t->running) && !atomic_load(&t->finished);
  for (size_t c = 0; c < t->in.channels; ++c) {
    float* buffer = jack_port_get_buffer(t->to[c], frames);
    memset(buffer, 0, frames * sizeof *buffer);
    const size_t left = running && t->done < t->in.frames ? t->in.frames - t->done : 0;
    memcpy(buffer, dv_audio_channel(&t->in, c) + t->done * (left > 0),
           (left < frames ? left : frames) * sizeof *buffer);
  }
  if (!running) return 0;
  const size_t room = t->out.frames - t->done, count = room < frames ? room : frames;
  for (size_t c = 0; c < t->out.channels; ++c)
    memcpy(dv_audio_channel(&t->out, c) + t->done, jack_port_get_buffer(t->from[c], frames), count * sizeof(float));
  t->done += count;
  if (t->done == t->out.frames) atomic_store(&t->finished, true);
  return 0;
}

static int on_xrun(void* context)
{
  through* t = context;
  if (atomic_load(&t->running) && !atomic_load(&t->finished)) atomic_fetch_add(&t->xruns, 1);
  return 0;
}

static size_t count_names(const char** names)
{
  size_t n = 0;
  while (names && names[n]) ++n;
  return n;
}

static const char** audio_ports(jack_client_t* client, const char* of, unsigned long flags)
{
  char pattern[128];
  snprintf(pattern, sizeof pattern, "^%s:", of);
  return jack_get_ports(client, pattern, JACK_DEFAULT_AUDIO_TYPE, flags);
}

static bool register_ports(through* t)
{
  bool good = true;
  char name[32];
  for (size_t c = 0; c < t->in.channels; ++c) {
    snprintf(name, sizeof name, "to_%zu", c + 1);
    t->to[c] = jack_port_register(t->client, name, JACK_DEFAULT_AUDIO_TYPE, JackPortIsOutput, 0);
    good = good && t->to[c];
  }
  for (size_t c = 0; c < t->out.channels; ++c) {
    snprintf(name, sizeof name, "from_%zu", c + 1);
    t->from[c] = jack_port_register(t->client, name, JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
    good = good && t->from[c];
  }
  return good;
}

/* jalv connects itself to the sound card, which hears silence here but would be heard; only the two are connected. */
static bool connect_ports(through* t, const char** inputs, const char** outputs)
{
  bool good = true;
  for (size_t c = 0; c < t->in.channels; ++c)
    good = !jack_connect(t->client, jack_port_name(t->to[c]), inputs[c]) && good;
  for (size_t c = 0; c < t->out.channels; ++c)
    good = !jack_connect(t->client, outputs[c], jack_port_name(t->from[c])) && good;
  return good;
}

static bool wait_until_finished(through* t, double seconds)
{
  for (double waited = 0; waited < seconds; waited += 0.05) {
    if (atomic_load(&t->finished)) return true;
    usleep(50000);
  }
  return false;
}

static int play(through* t, const char** argv, const char** inputs, const char** outputs)
{
  const double seconds = strtod(argv[4], NULL);
  dv_error err;
  if (count_names(inputs) != t->in.channels || !count_names(outputs) || count_names(outputs) > MOST_PORTS)
    return printf("%s has %zu audio inputs and %zu outputs; %s has %zu channels\n", argv[1], count_names(inputs),
                  count_names(outputs), argv[2], t->in.channels),
           1;
  if (t->in.rate_hz != jack_get_sample_rate(t->client))
    return printf("%s: %g Hz, but JACK runs at %u Hz\n", argv[2], t->in.rate_hz, jack_get_sample_rate(t->client)), 1;
  if (dv_audio_alloc(count_names(outputs), (size_t)(seconds * t->in.rate_hz), t->in.rate_hz, &t->out, &err))
    return puts(err.text), 1;
  jack_set_process_callback(t->client, process, t);
  jack_set_xrun_callback(t->client, on_xrun, t);
  if (!register_ports(t) || jack_activate(t->client) || !connect_ports(t, inputs, outputs))
    return puts("JACK refuses the ports"), 1;
  atomic_store(&t->running, true);
  const bool finished = wait_until_finished(t, seconds + PATIENCE_SECONDS);
  jack_deactivate(t->client);
  if (!finished) return puts("JACK stands still"), 1;
  if (dv_audio_write(argv[3], &t->out, NULL, &err)) return puts(err.text), 1;
  printf("%u xruns\n", atomic_load(&t->xruns));
  return atomic_load(&t->xruns) ? 3 : 0;
}

int main(int argc, const char** argv)
{
  static through t;
  dv_error err;
  if (argc != 5) return 2;
  if (dv_audio_read(argv[2], &t.in, &err)) return puts(err.text), 1;
  t.client = jack_client_open("play_through", JackNoStartServer, NULL);
  if (!t.client) return puts("No JACK server runs; start jackd"), 1;
  const char **inputs = audio_ports(t.client, argv[1], JackPortIsInput),
             **outputs = audio_ports(t.client, argv[1], JackPortIsOutput);
  const int result = play(&t, argv, inputs, outputs);
  jack_client_close(t.client);
  jack_free(inputs);
  jack_free(outputs);
  dv_audio_free(&t.in);
  dv_audio_free(&t.out);
  return result;
}
