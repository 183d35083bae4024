/* SPDX-License-Identifier: MIT */
/* A small LV2 host on lilv, for tests: one world with the bundles of the build, and instances that play. */
#ifndef DV_TEST_HOST_H
#define DV_TEST_HOST_H

#include <lilv/lilv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DV_HOST_MAX_BLOCK = 8192, DV_HOST_MAX_PORTS = 128 };

typedef struct dv_host_world dv_host_world;

/* Loads folder/diffvox.lv2 and folder/diffvox-presets.lv2, or the bundle given last instead of the latter.
   Exits with a message when they are not there. */
dv_host_world* dv_host_world_new(const char* folder, const char* preset_bundle);
void dv_host_world_free(dv_host_world* world);

/* Presets by label, sorted. */
size_t dv_host_preset_count(const dv_host_world* world);
const char* dv_host_preset_label(const dv_host_world* world, size_t index);
const char* dv_host_preset_uri(const dv_host_world* world, size_t index);

typedef struct {
  dv_host_world* world;
  const LilvPlugin* plugin;
  LilvInstance* instance;
  uint32_t inputs, ports;
  float control[DV_HOST_MAX_PORTS]; /* by port index; connected */
  void* worker;                     /* the worker feature, owned */
  bool work_waits;
} dv_host;

/* What the host offers beside urid:map. */
typedef enum {
  DV_HOST_PLAIN,  /* no worker, as lv2apply */
  DV_HOST_WORKER, /* a worker that works between two runs */
} dv_host_kind;

/* An activated instance with its ports at their defaults.  Exits with a message when the plugin does not load. */
dv_host* dv_host_new(dv_host_world* world, bool stereo, double rate_hz, dv_host_kind kind);
void dv_host_free(dv_host* host);

/* Index of a control port; exits when there is none. */
uint32_t dv_host_port(const dv_host* host, const char* symbol);
void dv_host_set(dv_host* host, const char* symbol, float value);
float dv_host_get(const dv_host* host, const char* symbol);

/* Ranges as the description has them. */
void dv_host_range(const dv_host* host, uint32_t port, float* minimum, float* maximum, float* initial);
bool dv_host_is_input(const dv_host* host, uint32_t port);
const char* dv_host_symbol(const dv_host* host, uint32_t port);
bool dv_host_is_control(const dv_host* host, uint32_t port);

/* Loads a preset as hosts do: state first, then ports. */
void dv_host_load_preset(dv_host* host, size_t index);

/* State and ports -> text that a session would hold, and back.  The caller frees it. */
char* dv_host_save(dv_host* host);
void dv_host_restore(dv_host* host, const char* text);

/* Gives the plugin a state property of this type and value; returns what restore returned. */
int dv_host_restore_raw(dv_host* host, const char* type_uri, const void* data, size_t size);

void dv_host_reactivate(dv_host* host);

/* Does the work that the plugin has asked for; dv_host_play does it after every block. */
void dv_host_work(dv_host* host);

/* Plays frames in blocks of `block`.  right_in is for the stereo variant; left and right may be the input. */
void dv_host_play(dv_host* host, const float* in, const float* right_in, float* left, float* right, size_t frames,
                  size_t block);

size_t dv_host_latency(const dv_host* host);

#endif
