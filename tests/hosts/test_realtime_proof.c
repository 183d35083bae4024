/* SPDX-License-Identifier: MIT */
/* Proof that run() is real-time safe: no heap, no lock, no system call.
 *
 *   test_realtime_proof BUNDLES
 *
 * Every allocation and lock of the process goes through the functions below, which count those made inside run().
 * The audio thread furthermore gives up all system calls but write (seccomp's strict mode): the kernel ends it at
 * the first one.  Meanwhile ports move, macros ask for new responses, and another thread loads presets. */
#include "hosts/host.h"
#include "support/dv_test.h"

#include <dlfcn.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char* bundles;

/* --- Counting ---------------------------------------------------------------------------------------------------- */

static _Thread_local bool in_run;
static _Thread_local unsigned long calls;

static void count(void) { calls += in_run; }

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* memory);

void* malloc(size_t size)
{
  count();
  return __libc_malloc(size);
}

void* calloc(size_t n, size_t size)
{
  count();
  return __libc_calloc(n, size);
}

void* realloc(void* memory, size_t size)
{
  count();
  return __libc_realloc(memory, size);
}

void* aligned_alloc(size_t alignment, size_t size)
{
  count();
  return __libc_memalign(alignment, size);
}

void free(void* memory)
{
  count();
  __libc_free(memory);
}

typedef int (*one_argument)(void*);

/* The C library's function of this name. */
static int call_real(const char* name, void* argument)
{
  one_argument real;
  void* symbol = dlsym(RTLD_NEXT, name);
  memcpy(&real, &symbol, sizeof real);
  return real(argument);
}

int pthread_mutex_lock(pthread_mutex_t* mutex)
{
  count();
  return call_real("pthread_mutex_lock", mutex);
}

int pthread_cond_signal(pthread_cond_t* condition)
{
  count();
  return call_real("pthread_cond_signal", condition);
}

int sem_post(sem_t* semaphore)
{
  count();
  return call_real("sem_post", semaphore);
}

/* --- Playing ------------------------------------------------------------------------------------------------------ */

enum { SECONDS = 60, RATE = 48000, MAX = 8192 };

typedef struct {
  dv_host* host;
  int result;  /* where the audio thread writes its count */
  bool offend; /* once, with a system call: the negative control */
  _Atomic(pid_t) thread;

} session;

static void play_block(dv_host* h, const float* in, float* left, float* right, size_t frames)
{
  in_run = true;
  dv_host_play(h, in, in, left, right, frames, frames);
  in_run = false;
}

static void move_ports(dv_host* h, uint64_t* seed, const float* low, const float* high)
{
  for (int k = 0; k < 3; ++k) {
    const uint32_t p = 3 + (uint32_t)((h->ports - 9) * (0.5 + 0.4999 * dv_rand(seed)));
    h->control[p] = low[p] + (high[p] - low[p]) * (float)(0.5 + 0.5 * dv_rand(seed));
  }
}

static void* audio_thread(void* context)
{
  session* s = context;
  static float in[MAX], left[MAX], right[MAX];
  static const size_t lengths[] = {64, 1, 512, 17, 8192, 333};
  float low[DV_HOST_MAX_PORTS], high[DV_HOST_MAX_PORTS], initial;
  uint64_t seed = 5;
  for (uint32_t p = 0; p < s->host->ports; ++p) dv_host_range(s->host, p, &low[p], &high[p], &initial);
  for (int i = 0; i < MAX; ++i) in[i] = (float)(0.3 * dv_rand(&seed));
  s->thread = (pid_t)syscall(SYS_gettid);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)) _exit(3);
  for (size_t frames = 0, k = 0; frames < (size_t)SECONDS * RATE; ++k) {
    const size_t n = lengths[k % 6];
    if (k % 5 == 0) move_ports(s->host, &seed, low, high);
    play_block(s->host, in, left, right, n);
    frames += n;
  }
  if (s->offend) syscall(SYS_getppid);
  if (write(s->result, &calls, sizeof calls) != (ssize_t)sizeof calls) __builtin_trap();
  syscall(SYS_exit, 0);
  return NULL;
}

/* In a process of its own, until the audio thread is through or the kernel has ended it. */
static void play_session(int result, bool offend)
{
  dv_host_world* world = dv_host_world_new(bundles, NULL);
  session s = {.host = dv_host_new(world, false, RATE, DV_HOST_PLAIN), .result = result, .offend = offend};
  pthread_t audio;
  if (pthread_create(&audio, NULL, audio_thread, &s)) _exit(4);
  while (!s.thread) usleep(1000);
  for (size_t i = 0; !syscall(SYS_tgkill, getpid(), s.thread, 0); ++i)
    dv_host_load_preset(s.host, i % dv_host_preset_count(world));
  _exit(0);
}

/* Allocations and locks inside run(); -1 when the kernel ended the thread. */
static long calls_of_a_session(bool offend)
{
  int ends[2];
  unsigned long made;
  assert_int_equal(pipe(ends), 0);
  const pid_t child = fork();
  if (!child) play_session(ends[1], offend);
  close(ends[1]);
  const bool finished = read(ends[0], &made, sizeof made) == (ssize_t)sizeof made;
  waitpid(child, NULL, 0);
  close(ends[0]);
  return finished ? (long)made : -1;
}

static void test_run_makes_no_system_call_and_takes_no_memory_or_lock(void** state)
{
  (void)state;
  assert_int_equal(calls_of_a_session(false), 0);
}

static void test_a_system_call_would_be_found(void** state) /* negative control */
{
  (void)state;
  assert_int_equal(calls_of_a_session(true), -1);
}

static void test_an_allocation_would_be_found(void** state) /* negative control */
{
  (void)state;
  const unsigned long before = calls;
  in_run = true;
  void* volatile memory = malloc(10);
  free(memory);
  in_run = false;
  assert_int_equal(calls - before, 2);
}

int main(int argc, char** argv)
{
  if (argc != 2) return 2;
  bundles = argv[1];
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_an_allocation_would_be_found),
    cmocka_unit_test(test_a_system_call_would_be_found),
    cmocka_unit_test(test_run_makes_no_system_call_and_takes_no_memory_or_lock),
  };
  return cmocka_run_group_tests_name("real-time proof", tests, NULL, NULL);
}
