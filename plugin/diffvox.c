/* SPDX-License-Identifier: MIT */
/* The LV2 plugin: glue between a host and the real-time engine.
 *
 * run() reads and checks every port, turns changes into settings and lets the engine glide to them.  A preset
 * (state:interface) arrives from another thread through three slots that change hands atomically, with its reverb
 * response already computed; a response that macros or the decay scale change while playing is computed in the
 * background and crossfaded in. */
#include "plugin/background.h"
#include "plugin/settings.h"

#include <lv2/atom/atom.h>
#include <lv2/core/lv2.h>
#include <lv2/log/log.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>
#include <lv2/worker/worker.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const float LEAST_DB = -120.0f;   /* what a meter shows for silence */
static const double STILL_AFTER_S = 0.1; /* longer than between two movements of a knob */

enum { MAX_AUDIO = 4, SLOTS = 3, SLOT_MASK = 3, FRESH = 4 };

/* A preset on its way to the audio thread. */
typedef struct {
  dv_base base;
  dv_rt_response* response; /* the writer's to free when it gets the slot back */
} slot;

typedef struct {
  int audio_inputs;
  const float* audio_in[2];
  float* audio_out[2];
  float* control[DV_PORT_COUNT];

  dv_ports ports;
  double rate_hz;
  dv_rt* rt;
  dv_background* background;
  const LV2_Worker_Schedule* worker;
  const LV2_Log_Log* log;
  LV2_URID state_key, string_type, log_error; /* 0 without urid:map */

  /* of the threads that are not audio threads */
  dv_base stored; /* the preset restored last */
  int writing;    /* its slot */

  slot slots[SLOTS];
  _Atomic int exchange; /* slot that changes hands, with FRESH when the audio thread has not seen it */

  /* of the audio thread */
  int reading;
  float initial[DV_PORT_INPUTS], values[DV_PORT_INPUTS];
  dv_settings settings;
  dv_reverb_params playing; /* whose response the engine has */
  bool draft;               /* that response is a draft */
  double moving_s;          /* how much longer the response counts as moving; 0: it rests */
  bool differs;             /* settings want another response */
  bool outdated;            /* what is being computed belongs to an earlier preset */
} plugin;

/* ---- presets on their way ---------------------------------------------------------------------------------- */

/* Hands the writer's slot over and takes back one that the audio thread has done with or never saw. */
static void publish(plugin* p)
{
  p->writing = atomic_exchange_explicit(&p->exchange, p->writing | FRESH, memory_order_acq_rel) & SLOT_MASK;
  slot* old = &p->slots[p->writing];
  dv_rt_response_free(old->response);
  old->response = NULL;
}

/* True when a preset has arrived; its response goes to the engine at once. */
static bool take_preset(plugin* p)
{
  if (!(atomic_load_explicit(&p->exchange, memory_order_relaxed) & FRESH)) return false;
  p->reading = atomic_exchange_explicit(&p->exchange, p->reading, memory_order_acq_rel) & SLOT_MASK;
  slot* s = &p->slots[p->reading];
  s->response = dv_rt_replace_response(p->rt, s->response);
  p->playing = s->base.exact.params.reverb;
  p->draft = false;
  p->outdated = true;
  return true;
}

/* ---- ports --------------------------------------------------------------------------------------------------- */

static bool read_ports(plugin* p)
{
  bool changed = false;
  for (int i = 0; i < DV_PORT_INPUTS; ++i) {
    const float* port = p->control[i];
    const float value = port ? dv_port_clamp(&p->ports.port[i], *port, p->initial[i]) : p->initial[i];
    changed = changed || value != p->values[i];
    p->values[i] = value;
  }
  return changed;
}

static void compare_response(plugin* p) { p->differs = !dv_same_response(&p->settings.params.reverb, &p->playing); }

static void apply_settings(plugin* p)
{
  const dv_reverb_params before = p->settings.params.reverb;
  dv_settings_make(&p->ports, &p->slots[p->reading].base, p->values, &p->settings);
  dv_rt_set_params(p->rt, &p->settings.params);
  dv_rt_set_mix(p->rt, &p->settings.mix);
  dv_rt_set_lookahead(p->rt, p->settings.lookahead);
  if (!dv_same_response(&p->settings.params.reverb, &before)) p->moving_s = STILL_AFTER_S;
  compare_response(p);
}

/* A response that is done goes to the engine, unless what plays already is what is wanted. */
static void collect_response(plugin* p)
{
  dv_reverb_params asked;
  bool draft;
  dv_rt_response* response = dv_background_collect(p->background, &asked, &draft);
  if (!response) return;
  if ((p->differs || p->draft) && !p->outdated) {
    response = dv_rt_set_response(p->rt, response);
    p->playing = asked;
    p->draft = draft;
    compare_response(p);
  }
  dv_background_give_back(p->background, response);
}

/* While the response moves a draft will do: the next one takes its place, at last the exact one. */
static void ask_for_response(plugin* p)
{
  const bool moving = p->moving_s > 0.0, wanted = p->differs || (p->draft && !moving);
  if (!wanted || !dv_background_ask(p->background, &p->settings.params.reverb, moving)) return;
  p->outdated = false;
  if (!p->worker) return;
  const int nothing = 0;
  if (p->worker->schedule_work(p->worker->handle, sizeof nothing, &nothing) != LV2_WORKER_SUCCESS)
    dv_background_withdraw(p->background); /* again at the next run */
}

static float level_db(double level) { return level > 1e-6 ? (float)(20.0 * log10(level)) : LEAST_DB; }

static void show(plugin* p, dv_port_id which, float value)
{
  if (p->control[which]) *p->control[which] = value;
}

static void show_meters(plugin* p)
{
  const dv_rt_meters m = dv_rt_get_meters(p->rt);
  show(p, DV_PORT_LATENCY, (float)dv_rt_latency(p->rt));
  show(p, DV_PORT_INPUT_LEVEL, level_db(m.input_peak));
  show(p, DV_PORT_OUTPUT_LEVEL_LEFT, level_db(m.output_peak[0]));
  show(p, DV_PORT_OUTPUT_LEVEL_RIGHT, level_db(m.output_peak[1]));
  show(p, DV_PORT_GAIN_REDUCTION, (float)m.gain_reduction_db);
}

/* ---- LV2 ------------------------------------------------------------------------------------------------------- */

/* A feature without a name ends the list, too: lv2file 0.95 leaves one in it. */
static const void* feature(const LV2_Feature* const* features, const char* uri)
{
  for (; features && *features && (*features)->URI; ++features)
    if (!strcmp((*features)->URI, uri)) return (*features)->data;
  return NULL;
}

static void take_features(plugin* p, const LV2_Feature* const* features)
{
  const LV2_URID_Map* map = feature(features, LV2_URID__map);
  p->worker = feature(features, LV2_WORKER__schedule);
  p->log = feature(features, LV2_LOG__log);
  if (!map) return;
  p->state_key = map->map(map->handle, DV_STATE_URI);
  p->string_type = map->map(map->handle, LV2_ATOM__String);
  p->log_error = map->map(map->handle, LV2_LOG__Error);
}

static void report(const plugin* p, const char* message)
{
  if (p->log && p->log_error) p->log->printf(p->log->handle, p->log_error, "diffvox: %s\n", message);
}

static void cleanup(LV2_Handle handle)
{
  plugin* p = handle;
  dv_background_free(p->background);
  dv_rt_free(p->rt);
  for (int i = 0; i < SLOTS; ++i) dv_rt_response_free(p->slots[i].response);
  free(p);
}

static LV2_Handle instantiate(const LV2_Descriptor* descriptor, double rate_hz, const char* bundle,
                              const LV2_Feature* const* features)
{
  (void)bundle;
  dv_error err;
  plugin* p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->audio_inputs = strcmp(descriptor->URI, DV_PLUGIN_STEREO_URI) ? 1 : 2;
  p->rate_hz = rate_hz;
  take_features(p, features);
  dv_ports_init(&p->ports);
  dv_base_default(&p->ports, &p->stored);
  for (int i = 0; i < SLOTS; ++i) p->slots[i].base = p->stored;
  p->reading = 1;
  atomic_init(&p->exchange, 2);
  for (int i = 0; i < DV_PORT_INPUTS; ++i) p->values[i] = p->initial[i] = dv_port_default(&p->ports.port[i]);
  p->rt = dv_rt_new(&p->stored.exact.params, rate_hz, &err);
  if (p->rt) p->background = dv_background_new(p->rt, rate_hz, !p->worker);
  if (!p->background) {
    report(p, p->rt ? "out of memory" : err.text);
    cleanup(p);
    return NULL;
  }
  p->playing = p->stored.exact.params.reverb;
  apply_settings(p);
  return p;
}

static void connect_port(LV2_Handle handle, uint32_t port, void* data)
{
  plugin* p = handle;
  const uint32_t inputs = (uint32_t)p->audio_inputs, audio = inputs + 2;
  if (port < inputs) p->audio_in[port] = data;
  else if (port < audio) p->audio_out[port - inputs] = data;
  else if (port < audio + DV_PORT_COUNT) p->control[port - audio] = data;
}

/* Clears everything that sounds.  Not real time: what the ports ask for is computed now, so that the first run plays
   it, whatever the host. */
static void activate(LV2_Handle handle)
{
  plugin* p = handle;
  take_preset(p);
  read_ports(p);
  apply_settings(p);
  if (p->differs || p->draft) {
    dv_rt_response* response = dv_rt_response_new(&p->settings.params.reverb, p->rate_hz, NULL);
    if (response) {
      dv_rt_response_free(dv_rt_set_response(p->rt, response));
      p->playing = p->settings.params.reverb;
      p->draft = p->differs = false;
    }
  }
  p->moving_s = 0.0;
  p->outdated = true; /* what was asked for before */
  dv_rt_reset(p->rt);
}

static void run(LV2_Handle handle, uint32_t frames)
{
  plugin* p = handle;
  p->moving_s = fmax(p->moving_s - frames / p->rate_hz, 0.0);
  collect_response(p);
  const bool preset = take_preset(p), ports = read_ports(p);
  if (preset || ports) apply_settings(p);
  if (preset) p->moving_s = 0.0; /* presets are exact from the start */
  ask_for_response(p);
  const float *left = p->audio_in[0], *right = p->audio_in[p->audio_inputs - 1];
  if (frames && left && right && p->audio_out[0] && p->audio_out[1])
    dv_rt_process_stereo(p->rt, left, right, p->audio_out[0], p->audio_out[1], frames);
  show_meters(p);
}

/* ---- worker ---------------------------------------------------------------------------------------------------- */

static LV2_Worker_Status work(LV2_Handle handle, LV2_Worker_Respond_Function respond, LV2_Worker_Respond_Handle to,
                              uint32_t size, const void* data)
{
  (void)respond, (void)to, (void)size, (void)data;
  dv_background_serve(((plugin*)handle)->background);
  return LV2_WORKER_SUCCESS;
}

static LV2_Worker_Status work_response(LV2_Handle handle, uint32_t size, const void* body)
{
  (void)handle, (void)size, (void)body; /* run() collects */
  return LV2_WORKER_SUCCESS;
}

/* ---- state ----------------------------------------------------------------------------------------------------- */

static LV2_State_Status save(LV2_Handle handle, LV2_State_Store_Function store, LV2_State_Handle to, uint32_t flags,
                             const LV2_Feature* const* features)
{
  (void)flags, (void)features;
  const plugin* p = handle;
  char text[DV_STATE_MAX_BYTES];
  if (!p->state_key) return LV2_STATE_ERR_NO_FEATURE;
  dv_state_print(&p->stored.exact, text);
  return store(to, p->state_key, text, strlen(text) + 1, p->string_type, LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE);
}

/* May run beside run().  What cannot be read changes nothing. */
static LV2_State_Status restore(LV2_Handle handle, LV2_State_Retrieve_Function retrieve, LV2_State_Handle from,
                                uint32_t flags, const LV2_Feature* const* features)
{
  (void)features;
  plugin* p = handle;
  size_t size = 0;
  uint32_t type = 0;
  dv_error err;
  if (!p->state_key) return LV2_STATE_ERR_NO_FEATURE;
  const char* text = retrieve(from, p->state_key, &size, &type, &flags);
  if (!text) return LV2_STATE_ERR_NO_PROPERTY;
  if (type != p->string_type) return LV2_STATE_ERR_BAD_TYPE;
  dv_state state = p->stored.exact;
  slot* s = &p->slots[p->writing];
  const bool bad = dv_state_parse(text, strnlen(text, size), &state, &err);
  if (!bad) s->response = dv_rt_response_new(&state.params.reverb, p->rate_hz, &err);
  if (bad || !s->response) {
    report(p, err.text);
    return LV2_STATE_ERR_UNKNOWN;
  }
  dv_base_set(&p->ports, &state, &p->stored);
  s->base = p->stored;
  publish(p);
  dv_background_tidy(p->background);
  return LV2_STATE_SUCCESS;
}

static const void* extension_data(const char* uri)
{
  static const LV2_State_Interface state = {save, restore};
  static const LV2_Worker_Interface worker = {work, work_response, NULL};
  if (!strcmp(uri, LV2_STATE__interface)) return &state;
  return strcmp(uri, LV2_WORKER__interface) ? NULL : &worker;
}

LV2_SYMBOL_EXPORT const LV2_Descriptor* lv2_descriptor(uint32_t index)
{
  static const LV2_Descriptor descriptors[] = {
    {DV_PLUGIN_URI, instantiate, connect_port, activate, run, NULL, cleanup, extension_data},
    {DV_PLUGIN_STEREO_URI, instantiate, connect_port, activate, run, NULL, cleanup, extension_data},
  };
  return index < sizeof descriptors / sizeof *descriptors ? &descriptors[index] : NULL;
}
