/* SPDX-License-Identifier: MIT */
#include "hosts/host.h"

#include "plugin/ports.h"

#include <lv2/atom/atom.h>
#include <lv2/presets/presets.h>
#include <lv2/state/state.h>
#include <lv2/urid/urid.h>
#include <lv2/worker/worker.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_URIS = 512 };

typedef struct {
  char *label, *uri;
  LilvState* state; /* read once: each reading of lilv's leaves a kilobyte in its world */
} preset_entry;

struct dv_host_world {
  LilvWorld* lilv;
  char* uris[MAX_URIS];
  uint32_t uri_count;
  pthread_mutex_t mapping;
  LV2_URID_Map map;
  LV2_URID_Unmap unmap;
  LV2_Feature map_feature, unmap_feature;
  preset_entry* presets;
  size_t preset_count;
};

static _Noreturn void stop(const char* what, const char* value)
{
  fprintf(stderr, "host: %s %s\n", what, value);
  exit(2);
}

/* --- The world ------------------------------------------------------------------------------------------------- */

static LV2_URID map_uri(LV2_URID_Map_Handle handle, const char* uri)
{
  dv_host_world* w = handle;
  pthread_mutex_lock(&w->mapping);
  uint32_t i = 0;
  while (i < w->uri_count && strcmp(w->uris[i], uri)) ++i;
  if (i == w->uri_count) {
    if (i == MAX_URIS) stop("too many URIs:", uri);
    w->uris[w->uri_count++] = strdup(uri);
  }
  pthread_mutex_unlock(&w->mapping);
  return i + 1;
}

static const char* unmap_uri(LV2_URID_Unmap_Handle handle, LV2_URID id)
{
  const dv_host_world* w = handle;
  return id && id <= w->uri_count ? w->uris[id - 1] : NULL;
}

static void load_bundle(dv_host_world* w, const char* path)
{
  char full[4200];
  snprintf(full, sizeof full, "%s/", path);
  LilvNode* uri = lilv_new_file_uri(w->lilv, NULL, full);
  lilv_world_load_bundle(w->lilv, uri);
  lilv_node_free(uri);
}

static int by_label(const void* a, const void* b)
{
  return strcmp(((const preset_entry*)a)->label, ((const preset_entry*)b)->label);
}

static const LilvPlugin* find_plugin(const dv_host_world* w, const char* uri)
{
  LilvNode* node = lilv_new_uri(w->lilv, uri);
  const LilvPlugin* plugin = lilv_plugins_get_by_uri(lilv_world_get_all_plugins(w->lilv), node);
  lilv_node_free(node);
  if (!plugin) stop("no plugin", uri);
  return plugin;
}

static void list_presets(dv_host_world* w)
{
  LilvNode* class = lilv_new_uri(w->lilv, LV2_PRESETS__Preset);
  LilvNode* label = lilv_new_uri(w->lilv, LILV_NS_RDFS "label");
  LilvNodes* presets = lilv_plugin_get_related(find_plugin(w, DV_PLUGIN_URI), class);
  w->presets = calloc(lilv_nodes_size(presets) + 1, sizeof *w->presets);
  LILV_FOREACH(nodes, i, presets)
  {
    const LilvNode* preset = lilv_nodes_get(presets, i);
    lilv_world_load_resource(w->lilv, preset);
    LilvNode* name = lilv_world_get(w->lilv, preset, label, NULL);
    if (!name) stop("a preset without a label:", lilv_node_as_uri(preset));
    LilvState* state = lilv_state_new_from_world(w->lilv, &w->map, preset);
    if (!state) stop("cannot read the preset", lilv_node_as_uri(preset));
    w->presets[w->preset_count++] =
      (preset_entry){strdup(lilv_node_as_string(name)), strdup(lilv_node_as_uri(preset)), state};
    lilv_node_free(name);
  }
  qsort(w->presets, w->preset_count, sizeof *w->presets, by_label);
  lilv_nodes_free(presets);
  lilv_node_free(label);
  lilv_node_free(class);
}

dv_host_world* dv_host_world_new(const char* folder, const char* preset_bundle)
{
  char path[4096];
  dv_host_world* w = calloc(1, sizeof *w);
  if (!w) abort();
  pthread_mutex_init(&w->mapping, NULL);
  w->map = (LV2_URID_Map){w, map_uri};
  w->unmap = (LV2_URID_Unmap){w, unmap_uri};
  w->map_feature = (LV2_Feature){LV2_URID__map, &w->map};
  w->unmap_feature = (LV2_Feature){LV2_URID__unmap, &w->unmap};
  w->lilv = lilv_world_new();
  snprintf(path, sizeof path, "%s/diffvox.lv2", folder);
  load_bundle(w, path);
  snprintf(path, sizeof path, "%s/diffvox-presets.lv2", folder);
  load_bundle(w, preset_bundle ? preset_bundle : path);
  list_presets(w);
  return w;
}

void dv_host_world_free(dv_host_world* w)
{
  for (size_t i = 0; i < w->preset_count; ++i) {
    free(w->presets[i].label);
    free(w->presets[i].uri);
    lilv_state_free(w->presets[i].state);
  }
  free(w->presets);
  lilv_world_free(w->lilv);
  for (uint32_t i = 0; i < w->uri_count; ++i) free(w->uris[i]);
  pthread_mutex_destroy(&w->mapping);
  free(w);
}

size_t dv_host_preset_count(const dv_host_world* w) { return w->preset_count; }
const char* dv_host_preset_label(const dv_host_world* w, size_t index) { return w->presets[index].label; }
const char* dv_host_preset_uri(const dv_host_world* w, size_t index) { return w->presets[index].uri; }

/* --- Instances -------------------------------------------------------------------------------------------------- */

static LV2_Worker_Status respond(LV2_Worker_Respond_Handle handle, uint32_t size, const void* data)
{
  (void)handle, (void)size, (void)data;
  return LV2_WORKER_SUCCESS;
}

static LV2_Worker_Status schedule(LV2_Worker_Schedule_Handle handle, uint32_t size, const void* data)
{
  (void)size, (void)data;
  dv_host* h = handle;
  if (h->work_waits) return LV2_WORKER_ERR_NO_SPACE;
  h->work_waits = true;
  return LV2_WORKER_SUCCESS;
}

void dv_host_work(dv_host* h)
{
  if (!h->work_waits) return;
  const LV2_Worker_Interface* worker = lilv_instance_get_extension_data(h->instance, LV2_WORKER__interface);
  const int nothing = 0;
  h->work_waits = false;
  worker->work(lilv_instance_get_handle(h->instance), respond, NULL, sizeof nothing, &nothing);
}

static void connect(dv_host* h)
{
  for (uint32_t i = h->inputs + 2; i < h->ports; ++i) lilv_instance_connect_port(h->instance, i, &h->control[i]);
}

dv_host* dv_host_new(dv_host_world* world, bool stereo, double rate_hz, dv_host_kind kind)
{
  dv_host* h = calloc(1, sizeof *h);
  if (!h) abort();
  const LV2_Worker_Schedule worker = {h, schedule};
  LV2_Worker_Schedule* kept = malloc(sizeof *kept);
  if (!kept) abort();
  *kept = worker;
  const LV2_Feature worker_feature = {LV2_WORKER__schedule, kept};
  const LV2_Feature* features[] = {&world->map_feature, &world->unmap_feature,
                                   kind == DV_HOST_WORKER ? &worker_feature : NULL, NULL};
  h->world = world;
  h->plugin = find_plugin(world, stereo ? DV_PLUGIN_STEREO_URI : DV_PLUGIN_URI);
  h->inputs = stereo ? 2 : 1;
  h->ports = lilv_plugin_get_num_ports(h->plugin);
  if (h->ports > DV_HOST_MAX_PORTS) stop("more ports than", "128");
  h->instance = lilv_plugin_instantiate(h->plugin, rate_hz, features);
  if (!h->instance) stop("cannot instantiate", lilv_node_as_uri(lilv_plugin_get_uri(h->plugin)));
  h->worker = kept;
  lilv_plugin_get_port_ranges_float(h->plugin, NULL, NULL, h->control);
  connect(h);
  lilv_instance_activate(h->instance);
  return h;
}

void dv_host_free(dv_host* h)
{
  lilv_instance_deactivate(h->instance);
  lilv_instance_free(h->instance);
  free(h->worker);
  free(h);
}

uint32_t dv_host_port(const dv_host* h, const char* symbol)
{
  for (uint32_t i = 0; i < h->ports; ++i)
    if (!strcmp(dv_host_symbol(h, i), symbol)) return i;
  stop("no port", symbol);
}

void dv_host_set(dv_host* h, const char* symbol, float value) { h->control[dv_host_port(h, symbol)] = value; }
float dv_host_get(const dv_host* h, const char* symbol) { return h->control[dv_host_port(h, symbol)]; }

void dv_host_range(const dv_host* h, uint32_t port, float* minimum, float* maximum, float* initial)
{
  float low[DV_HOST_MAX_PORTS], high[DV_HOST_MAX_PORTS], usual[DV_HOST_MAX_PORTS];
  lilv_plugin_get_port_ranges_float(h->plugin, low, high, usual);
  *minimum = low[port];
  *maximum = high[port];
  *initial = usual[port];
}

const char* dv_host_symbol(const dv_host* h, uint32_t port)
{
  return lilv_node_as_string(lilv_port_get_symbol(h->plugin, lilv_plugin_get_port_by_index(h->plugin, port)));
}

static bool is_a(const dv_host* h, uint32_t port, const char* class)
{
  LilvNode* node = lilv_new_uri(h->world->lilv, class);
  const bool result = lilv_port_is_a(h->plugin, lilv_plugin_get_port_by_index(h->plugin, port), node);
  lilv_node_free(node);
  return result;
}

bool dv_host_is_input(const dv_host* h, uint32_t port) { return is_a(h, port, LV2_CORE__InputPort); }
bool dv_host_is_control(const dv_host* h, uint32_t port) { return is_a(h, port, LV2_CORE__ControlPort); }

/* --- Presets and state ------------------------------------------------------------------------------------------ */

static void set_port(const char* symbol, void* host, const void* value, uint32_t size, uint32_t type)
{
  dv_host* h = host;
  float v;
  if (size != sizeof v || type != map_uri(h->world, LV2_ATOM__Float)) stop("not a float for", symbol);
  memcpy(&v, value, sizeof v);
  dv_host_set(h, symbol, v);
}

static const void* get_port(const char* symbol, void* host, uint32_t* size, uint32_t* type)
{
  dv_host* h = host;
  *size = sizeof(float);
  *type = map_uri(h->world, LV2_ATOM__Float);
  return &h->control[dv_host_port(h, symbol)];
}

static void apply(dv_host* h, const LilvState* state) { lilv_state_restore(state, h->instance, set_port, h, 0, NULL); }

void dv_host_load_preset(dv_host* h, size_t index) { apply(h, h->world->presets[index].state); }

char* dv_host_save(dv_host* h)
{
  LilvState* state = lilv_state_new_from_instance(h->plugin, h->instance, &h->world->map, NULL, NULL, NULL, NULL,
                                                  get_port, h, LV2_STATE_IS_POD | LV2_STATE_IS_PORTABLE, NULL);
  char* text = lilv_state_to_string(h->world->lilv, &h->world->map, &h->world->unmap, state, "urn:test:state", NULL);
  lilv_state_free(state);
  return text;
}

void dv_host_restore(dv_host* h, const char* text)
{
  LilvState* state = lilv_state_new_from_string(h->world->lilv, &h->world->map, text);
  if (!state) stop("cannot read a state", "");
  apply(h, state);
  lilv_state_free(state);
}

typedef struct {
  uint32_t type;
  const void* data;
  size_t size;
} raw_state;

static const void* retrieve(LV2_State_Handle handle, uint32_t key, size_t* size, uint32_t* type, uint32_t* flags)
{
  (void)key;
  const raw_state* raw = handle;
  *size = raw->size;
  *type = raw->type;
  *flags = LV2_STATE_IS_POD;
  return raw->data;
}

int dv_host_restore_raw(dv_host* h, const char* type_uri, const void* data, size_t size)
{
  const LV2_State_Interface* state = lilv_instance_get_extension_data(h->instance, LV2_STATE__interface);
  raw_state raw = {map_uri(h->world, type_uri), data, size};
  const LV2_Feature* none[] = {NULL};
  return (int)state->restore(lilv_instance_get_handle(h->instance), retrieve, &raw, 0, none);
}

/* --- Playing ---------------------------------------------------------------------------------------------------- */

void dv_host_reactivate(dv_host* h)
{
  lilv_instance_deactivate(h->instance);
  lilv_instance_activate(h->instance);
}

void dv_host_play(dv_host* h, const float* in, const float* right_in, float* left, float* right, size_t frames,
                  size_t block)
{
  for (size_t at = 0; at < frames; at += block) {
    const size_t n = frames - at < block ? frames - at : block;
    lilv_instance_connect_port(h->instance, 0, (void*)(in + at));
    if (h->inputs == 2) lilv_instance_connect_port(h->instance, 1, (void*)(right_in + at));
    lilv_instance_connect_port(h->instance, h->inputs, left + at);
    lilv_instance_connect_port(h->instance, h->inputs + 1, right + at);
    lilv_instance_run(h->instance, (uint32_t)n);
    dv_host_work(h);
  }
}

size_t dv_host_latency(const dv_host* h) { return (size_t)dv_host_get(h, "latency"); }
