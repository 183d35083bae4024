/* SPDX-License-Identifier: MIT */
/* Batches: what is done, skipped, gone on from and listed, with small shell scripts in place of fits; and claims, by
   which processes that know nothing of each other divide the work. */
#include "datasets/batch.h"
#include "datasets/claim.h"
#include "support/dv_temp.h"
#include "support/dv_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

enum { MAX_PAIRS = 24 };

/* Pairs p0, p1 ... in a folder of their own; the script finds its id in $1, its folder in $2, the test's in $3. */
typedef struct {
  dv_temp* temp;
  dv_manifest manifest;
  dv_batch_config config;
  dv_batch batch;
  dv_error err;
  dv_pair pairs[MAX_PAIRS];
  char ids[MAX_PAIRS][24], runs[400];
  const char* words[8];
  char wet[4];
} bench;

static const char *const KEPT[] = {"checkpoint", NULL}, ENOUGH[] = "touch \"$2/result\"";

static void bench_start(bench* b, dv_temp* temp, size_t pairs, const char* script)
{
  static int number; /* folders of earlier tests stay as they were */
  *b = (bench){.temp = temp, .wet = "wet"};
  snprintf(b->runs, sizeof b->runs, "%s/runs%d", temp->dir, number++);
  for (size_t i = 0; i < pairs; ++i) {
    snprintf(b->ids[i], sizeof b->ids[i], "p%zu", i);
    b->pairs[i] = (dv_pair){.id = b->ids[i], .dry = b->ids[i], .wet = b->wet};
  }
  b->manifest = (dv_manifest){b->pairs, pairs};
  const char* const words[] = {"sh", "-c", script, "sh", "{dry}", "{out}", temp->dir, NULL};
  memcpy(b->words, words, sizeof words);
  b->config = (dv_batch_config){
    .runs = b->runs, .program = "/bin/sh", .words = b->words, .result = "result", .kept = KEPT, .jobs = 2};
}

static dv_status bench_run(bench* b)
{
  dv_batch_free(&b->batch);
  return dv_batch_run(&b->manifest, &b->config, &b->batch, &b->err);
}

static void bench_expect(bench* b, dv_status status)
{
  const dv_status got = bench_run(b);
  if (got != status) fail_msg("status %d, \"%s\"; expected %d", got, b->err.text, status);
}

static void expect_count(const bench* b, dv_batch_state state, size_t count)
{
  assert_int_equal(dv_batch_count(&b->batch, state), count);
}

/* A path below the runs. */
static const char* below(bench* b, const char* name)
{
  static char path[1024];
  snprintf(path, sizeof path, "%s/%s", b->runs, name);
  return path;
}

static bool exists(const char* path) { return !access(path, F_OK); }

static void nap(void) { nanosleep(&(struct timespec){0, 5000000}, NULL); }

/* Waits a while for a file. */
static void await(const char* path)
{
  for (int i = 0; i < 2000 && !exists(path); ++i) nap();
  if (!exists(path)) fail_msg("%s: was not made", path);
}

/* --- Done, failed, tried again -------------------------------------------------------------------------------- */

static void test_every_pair_gets_its_folder_and_a_second_batch_skips_them(void** state)
{
  bench b;
  bench_start(&b, *state, 5, "echo once >>\"$2/log\"; touch \"$2/result\"");
  bench_expect(&b, DV_OK);
  expect_count(&b, DV_BATCH_DONE, 5);
  assert_true(exists(below(&b, "p4/result")));
  b.words[2] = "exit 1";
  bench_expect(&b, DV_OK);
  expect_count(&b, DV_BATCH_SKIPPED, 5);
  dv_temp hidden = {.dir = ""};
  snprintf(hidden.dir, sizeof hidden.dir, "%.240s", below(&b, ".work"));
  assert_int_equal(dv_temp_count(&hidden), 0);
  dv_batch_free(&b.batch);
}

static void test_a_folder_is_not_there_before_it_is_complete(void** state)
{
  bench b;
  bench_start(&b, *state, 3, "[ ! -e \"$2/../../../$1\" ] && [ -d \"$2/../../../.work/$1\" ] && touch \"$2/result\"");
  bench_expect(&b, DV_OK);
  expect_count(&b, DV_BATCH_DONE, 3);
  dv_batch_free(&b.batch);
}

static void test_failures_stop_no_other_and_say_why(void** state)
{
  static const char script[] = "touch \"$2/result\"\n"
                               "case $1 in\n"
                               "p0) echo 'first line' >&2; echo 'sh: p0.wav: is silent' >&2; exit 1 ;;\n"
                               "p1) kill -SEGV $$ ;;\n"
                               "p2) exit 3 ;;\n"
                               "p3) kill -KILL $$ ;;\n"
                               "p4) exit 130 ;;\n"
                               "p5) rm \"$2/result\" ;;\n"
                               "esac";
  static const char* const reasons[] = {"p0.wav: is silent",
                                        "killed by signal 11 (Segmentation fault)",
                                        "exit status 3",
                                        "killed by signal 9 (Killed); if nobody did it, memory ran out: try fewer jobs",
                                        "interrupted by a signal from outside",
                                        "ended without writing result"};
  bench b;
  bench_start(&b, *state, 8, script);
  bench_expect(&b, DV_OK);
  expect_count(&b, DV_BATCH_FAILED, 6);
  expect_count(&b, DV_BATCH_DONE, 2);
  for (size_t i = 0; i < 6; ++i) assert_string_equal(b.batch.tracks[i].reason, reasons[i]);
  assert_false(exists(below(&b, "p0")));
  assert_true(exists(below(&b, ".work/p0/failed/log.txt")));
  dv_batch_free(&b.batch);
}

static void test_a_program_that_is_not_there_fails_every_pair(void** state)
{
  bench b;
  bench_start(&b, *state, 2, ENOUGH);
  b.config.program = "/no/such/program";
  bench_expect(&b, DV_OK);
  expect_count(&b, DV_BATCH_FAILED, 2);
  assert_string_equal(b.batch.tracks[0].reason,
                      "exit status 127: /no/such/program: cannot be run: No such file or directory");
  dv_batch_free(&b.batch);
}

static void test_what_failed_is_tried_again_from_its_checkpoint_alone(void** state)
{
  bench b;
  bench_start(&b, *state, 1, "mkdir \"$2/half.lv2\"; touch \"$2/checkpoint\" \"$2/x.tmp\" \"$2/half.lv2/y\"; exit 1");
  bench_expect(&b, DV_OK);
  expect_count(&b, DV_BATCH_FAILED, 1);
  b.words[2] = "[ -e \"$2/checkpoint\" ] && [ \"$(ls \"$2\" | wc -l)\" = 2 ] && touch \"$2/result\"";
  bench_expect(&b, DV_OK);
  expect_count(&b, DV_BATCH_DONE, 1);
  dv_batch_free(&b.batch);
}

static void test_what_is_there_but_no_result_is_left_alone(void** state)
{
  bench b;
  bench_start(&b, *state, 2, ENOUGH);
  assert_int_equal(mkdir(b.runs, 0755), 0);
  assert_int_equal(mkdir(below(&b, "p1"), 0755), 0);
  bench_expect(&b, DV_OK);
  expect_count(&b, DV_BATCH_DONE, 1);
  assert_string_equal(b.batch.tracks[1].reason, "p1 is there without result, so not from a batch; move it away");
  dv_batch_free(&b.batch);
}

static void test_a_runs_folder_that_cannot_be_is_an_error(void** state)
{
  bench b;
  bench_start(&b, *state, 1, ENOUGH);
  dv_temp_file(*state, "plain", "x", 1);
  snprintf(b.runs, sizeof b.runs, "%s/plain", b.temp->dir);
  bench_expect(&b, DV_ERR_IO);
  if (!strstr(b.err.text, "plain: cannot make the folder: File exists")) fail_msg("%s", b.err.text);
  snprintf(b.runs, sizeof b.runs, "%s", "no/such/parent");
  bench_expect(&b, DV_ERR_IO);
  b.config.jobs = 0;
  bench_expect(&b, DV_ERR_ARG);
  b.config.jobs = 1;
  b.config.shard = 3, b.config.shards = 2;
  bench_expect(&b, DV_ERR_ARG);
  dv_batch_free(&b.batch);
}

/* --- What is told ----------------------------------------------------------------------------------------------- */

typedef struct {
  size_t lines, longest, states;
  char last[64];
} told;

static void take_note(void* context, const dv_batch* batch, ptrdiff_t pair, const char* line)
{
  told* t = context;
  (void)batch;
  if (pair < 0) return;
  if (!line) {
    ++t->states;
    return;
  }
  ++t->lines;
  if (strlen(line) > t->longest) t->longest = strlen(line);
  snprintf(t->last, sizeof t->last, "%.60s", line);
}

static void test_lines_are_told_as_they_come(void** state)
{
  bench b;
  told t = {0};
  bench_start(&b, *state, 1,
              "printf 'one\\ntwo\\n'; printf 'thr'; sleep 0.1; printf 'ee\\n';"
              "head -c 10000 /dev/zero | tr '\\0' x; echo; echo end; touch \"$2/result\"");
  b.config.tell = take_note, b.config.context = &t;
  bench_expect(&b, DV_OK);
  assert_int_equal(t.states, 2); /* running, done */
  assert_true(t.lines >= 4 + 3 && t.longest < 5000);
  assert_string_equal(t.last, "end");
  dv_batch_free(&b.batch);
}

/* --- Stopping and dying --------------------------------------------------------------------------------------- */

typedef struct {
  dv_batch_signals signals;
  int number, count;
} stopper;

static void stop_at_first_line(void* context, const dv_batch* batch, ptrdiff_t pair, const char* line)
{
  stopper* s = context;
  (void)batch;
  if (pair < 0 || !line) return;
  s->signals.last = s->number;
  s->signals.count = s->count;
}

static void heard(int number) { (void)number; }

/* The command that waits for a signal: this program itself, for shells may lose one. */
static int listen_for_signal(const char* out)
{
  const struct sigaction action = {.sa_handler = heard};
  char path[1024];
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  puts("up");
  fflush(stdout);
  sigsuspend(&before);
  snprintf(path, sizeof path, "%s/checkpoint", out);
  close(creat(path, 0644));
  return 130;
}

static void test_a_stopped_batch_lets_its_commands_end_and_the_next_goes_on(void** state)
{
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  for (size_t i = 0; i < 3; ++i) {
    bench b;
    stopper s = {.number = numbers[i], .count = 1};
    bench_start(&b, *state, 4, ENOUGH);
    const dv_batch_config config = b.config;
    const char* const words[] = {"test_batch", "--listen", "{out}", NULL};
    char self[1024] = "";
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    b.config.program = self, b.config.words = words;
    b.config.tell = stop_at_first_line, b.config.context = &s, b.config.signals = &s.signals;
    bench_expect(&b, DV_ERR_CANCELLED);
    expect_count(&b, DV_BATCH_FAILED, 0);
    assert_in_range(dv_batch_count(&b.batch, DV_BATCH_CUT), 1, 2);
    assert_true(exists(below(&b, ".work/p0/free/checkpoint")) || exists(below(&b, ".work/p1/free/checkpoint")));
    b.config = config;
    bench_expect(&b, DV_OK);
    expect_count(&b, DV_BATCH_DONE, 4);
    dv_batch_free(&b.batch);
  }
}

static void test_a_second_signal_ends_what_does_not_listen(void** state)
{
  bench b;
  stopper s = {.number = SIGINT, .count = 2};
  bench_start(&b, *state, 1, "trap '' INT TERM; echo up; exec sleep 30");
  b.config.tell = stop_at_first_line, b.config.context = &s, b.config.signals = &s.signals;
  bench_expect(&b, DV_ERR_CANCELLED);
  expect_count(&b, DV_BATCH_CUT, 1);
  dv_batch_free(&b.batch);
}

static void test_commands_die_with_a_killed_batch_and_the_next_takes_over(void** state)
{
  bench b;
  char path[1024];
  int result;
  long command = 0;
  bench_start(&b, *state, 1,
              "touch \"$2/checkpoint\"; echo $$ >\"$3/pid.new\"; mv \"$3/pid.new\" \"$3/pid\"; "
              "exec sleep 30");
  const pid_t batch = fork();
  assert_true(batch >= 0);
  if (!batch) _exit((int)bench_run(&b));
  snprintf(path, sizeof path, "%s/pid", b.temp->dir);
  await(path);
  FILE* in = fopen(path, "r");
  assert_non_null(in);
  assert_int_equal(fscanf(in, "%ld", &command), 1);
  fclose(in);
  kill(batch, SIGKILL);
  b.words[2] = "[ -e \"$2/checkpoint\" ] && touch \"$2/result\"";
  bench_expect(&b, DV_OK); /* the dead one has not been waited for: it is a zombie still */
  expect_count(&b, DV_BATCH_DONE, 1);
  for (int i = 0; i < 400 && !kill((pid_t)command, 0); ++i) nap();
  assert_int_equal(kill((pid_t)command, 0), -1);
  assert_int_equal(waitpid(batch, &result, 0), batch);
  dv_batch_free(&b.batch);
}

/* --- Several batches at once ---------------------------------------------------------------------------------- */

/* Every command notes its id: none twice, none missing. */
static void expect_each_once(bench* b, size_t count)
{
  char path[1024], id[16];
  size_t seen[MAX_PAIRS] = {0}, lines = 0, number;
  snprintf(path, sizeof path, "%s/ran", b->temp->dir);
  FILE* in = fopen(path, "r");
  assert_non_null(in);
  for (; fgets(id, sizeof id, in); ++lines)
    if (sscanf(id, "p%zu", &number) == 1 && number < count) ++seen[number];
  fclose(in);
  remove(path);
  for (size_t i = 0; i < count; ++i) assert_int_equal(seen[i], 1);
  assert_int_equal(lines, count);
}

static void run_together(bench* b, size_t batches, bool sharded)
{
  pid_t pids[8];
  for (size_t i = 0; i < batches; ++i) {
    pids[i] = fork();
    assert_true(pids[i] >= 0);
    if (pids[i]) continue;
    if (sharded) b->config.shard = i + 1, b->config.shards = batches;
    const dv_status status = bench_run(b);
    _exit(status ? (int)status : (int)dv_batch_count(&b->batch, DV_BATCH_FAILED));
  }
  for (size_t i = 0; i < batches; ++i) {
    int result = 0;
    assert_int_equal(waitpid(pids[i], &result, 0), pids[i]);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
  }
}

static const char NOTE[] = "echo $1 >>\"$3/ran\"; sleep 0.02; touch \"$2/result\"";

static void test_shards_do_every_pair_once(void** state)
{
  bench b;
  bench_start(&b, *state, MAX_PAIRS, NOTE);
  run_together(&b, 3, true);
  expect_each_once(&b, MAX_PAIRS);
  bench_expect(&b, DV_OK);
  expect_count(&b, DV_BATCH_SKIPPED, MAX_PAIRS);
  dv_batch_free(&b.batch);
}

static void test_a_shard_does_its_own_pairs_only(void** state)
{
  bench b;
  bench_start(&b, *state, 5, ENOUGH);
  b.config.shard = 2, b.config.shards = 2;
  bench_expect(&b, DV_OK);
  expect_count(&b, DV_BATCH_DONE, 2);
  expect_count(&b, DV_BATCH_OTHERS, 3);
  assert_true(exists(below(&b, "p1")) && exists(below(&b, "p3")));
  dv_batch_free(&b.batch);
}

static void test_batches_that_claim_do_every_pair_once(void** state)
{
  bench b;
  bench_start(&b, *state, MAX_PAIRS, NOTE);
  run_together(&b, 4, false);
  expect_each_once(&b, MAX_PAIRS);
  bench_expect(&b, DV_OK);
  expect_count(&b, DV_BATCH_SKIPPED, MAX_PAIRS);
  dv_batch_free(&b.batch);
}

/* --- Claims ------------------------------------------------------------------------------------------------------- */

static void claims_open(dv_temp* t, const char* folder, dv_claims* claims)
{
  dv_error err = {""};
  mkdir(dv_temp_path(t, folder), 0755);
  if (dv_claims_open(t->path, claims, &err)) fail_msg("%s", err.text);
}

static dv_claim_state take(const dv_claims* claims, const char* item, dv_claim_look* look)
{
  dv_error err = {""};
  dv_claim_state state = DV_CLAIM_HELD;
  if (dv_claim_take(claims, item, look, &state, &err)) fail_msg("%s", err.text);
  return state;
}

/* Somebody's folder of an item, last touched so many seconds ago. */
static void put_holder(const dv_claims* claims, const char* item, const char* holder, int seconds_ago)
{
  char path[512];
  struct timespec times[2];
  clock_gettime(CLOCK_REALTIME, &times[0]);
  times[0].tv_sec -= seconds_ago;
  times[1] = times[0];
  snprintf(path, sizeof path, "%s/%s", item, holder);
  mkdirat(claims->fd, item, 0755);
  assert_int_equal(mkdirat(claims->fd, path, 0755), 0);
  assert_int_equal(utimensat(claims->fd, path, times, 0), 0);
}

/* As ours, but of a process that was: with our number it began at another time. */
static void dead_holder(const dv_claims* claims, char name[DV_CLAIM_NAME_SIZE])
{
  const char* machine = strrchr(claims->self, '-');
  snprintf(name, DV_CLAIM_NAME_SIZE, "held-some-host-%ld-7%s", (long)getpid(), machine);
}

static void test_a_dead_process_of_this_machine_is_recognised_at_once(void** state)
{
  dv_claims claims;
  dv_claim_look look = {0};
  char dead[DV_CLAIM_NAME_SIZE];
  claims_open(*state, "dead", &claims);
  dead_holder(&claims, dead);
  put_holder(&claims, "number-reused", dead, 0);
  assert_int_equal(take(&claims, "number-reused", &look), DV_CLAIM_MINE);
  snprintf(dead, sizeof dead, "held-h-4194305-7%s", strrchr(claims.self, '-')); /* above the highest number */
  put_holder(&claims, "gone", dead, 0);
  look = (dv_claim_look){0};
  assert_int_equal(take(&claims, "gone", &look), DV_CLAIM_MINE);
  dv_claims_close(&claims);
}

static void test_a_living_process_of_this_machine_keeps_its_claim(void** state)
{
  dv_claims claims;
  int ends[2], result;
  char byte;
  claims_open(*state, "alive", &claims);
  assert_int_equal(pipe(ends), 0);
  const pid_t other = fork();
  if (!other) {
    dv_claim_look look = {0};
    dv_claims own;
    claims_open(*state, "alive", &own);
    const bool mine = take(&own, "item", &look) == DV_CLAIM_MINE;
    if (write(ends[1], &(char){mine ? 'y' : 'n'}, 1) == 1) pause();
    _exit(0);
  }
  assert_int_equal(read(ends[0], &byte, 1), 1);
  assert_int_equal(byte, 'y');
  dv_claim_look look = {0};
  assert_int_equal(take(&claims, "item", &look), DV_CLAIM_SILENT); /* it might be dying */
  assert_int_equal(take(&claims, "item", &look), DV_CLAIM_HELD);
  kill(other, SIGKILL);
  assert_int_equal(waitpid(other, &result, 0), other);
  assert_int_equal(take(&claims, "item", &look), DV_CLAIM_MINE);
  close(ends[0]);
  close(ends[1]);
  dv_claims_close(&claims);
}

static void test_another_machine_counts_as_dead_after_some_silence(void** state)
{
  static const char other[] = "held-far-1-7-00000000000000ff";
  dv_claims claims;
  dv_claim_look look = {0};
  claims_open(*state, "far", &claims);
  put_holder(&claims, "silent", other, DV_CLAIM_DEAD_S + 10);
  assert_int_equal(take(&claims, "silent", &look), DV_CLAIM_SILENT); /* one look is not enough */
  assert_int_equal(take(&claims, "silent", &look), DV_CLAIM_MINE);
  look = (dv_claim_look){0};
  put_holder(&claims, "recent", other, DV_CLAIM_DEAD_S - 30);
  assert_int_equal(take(&claims, "recent", &look), DV_CLAIM_SILENT);
  assert_int_equal(take(&claims, "recent", &look), DV_CLAIM_SILENT);
  assert_int_equal(utimensat(claims.fd, "recent/held-far-1-7-00000000000000ff", NULL, 0), 0); /* it lives */
  assert_int_equal(take(&claims, "recent", &look), DV_CLAIM_HELD);
  assert_int_equal(take(&claims, "recent", &look), DV_CLAIM_HELD);
  dv_claims_close(&claims);
}

static void test_exactly_one_takes_over_from_the_dead(void** state)
{
  enum { CLAIMERS = 6, ITEMS = 40 };
  dv_claims claims;
  char dead[DV_CLAIM_NAME_SIZE], item[16];
  int ends[2];
  char taken[CLAIMERS * ITEMS + 1];
  claims_open(*state, "race", &claims);
  dead_holder(&claims, dead);
  for (int i = 0; i < ITEMS; i += 2) { /* every other one is new */
    snprintf(item, sizeof item, "i%d", i);
    put_holder(&claims, item, dead, 0);
  }
  assert_int_equal(pipe(ends), 0);
  pid_t pids[CLAIMERS];
  for (int c = 0; c < CLAIMERS; ++c) {
    pids[c] = fork();
    if (pids[c]) continue;
    dv_claims own;
    claims_open(*state, "race", &own);
    for (int i = 0; i < ITEMS; ++i) {
      dv_claim_look look = {0};
      snprintf(item, sizeof item, "i%d", i);
      if (take(&own, item, &look) == DV_CLAIM_MINE && write(ends[1], &(char){(char)i}, 1) != 1) _exit(1);
    }
    if (write(ends[1], &(char){ITEMS}, 1) != 1) _exit(1);
    pause(); /* who has died loses what it has */
    _exit(0);
  }
  size_t got = 0, over = 0, seen[ITEMS + 1] = {0};
  for (; over < CLAIMERS && read(ends[0], &taken[got], 1) == 1; ++got) over += taken[got] == ITEMS;
  for (size_t i = 0; i < got; ++i) ++seen[(int)taken[i]];
  for (int c = 0; c < CLAIMERS; ++c) {
    kill(pids[c], SIGKILL);
    assert_int_equal(waitpid(pids[c], NULL, 0), pids[c]);
  }
  for (int i = 0; i < ITEMS; ++i) assert_int_equal(seen[i], 1);
  close(ends[0]);
  close(ends[1]);
  dv_claims_close(&claims);
}

static void test_what_was_taken_from_a_sleeper_is_safe_from_it(void** state)
{
  dv_claims claims;
  dv_claim_look look = {0};
  dv_error err = {""};
  char own[512];
  claims_open(*state, "sleep", &claims);
  assert_int_equal(take(&claims, "item", &look), DV_CLAIM_MINE);
  assert_true(dv_claim_beat(&claims, "item"));
  snprintf(own, sizeof own, "item/%s", claims.self);
  assert_int_equal(renameat(claims.fd, own, claims.fd, "item/held-far-1-7-00000000000000ff"), 0);
  assert_false(dv_claim_beat(&claims, "item"));
  assert_int_equal(dv_claim_finish(&claims, "item", claims.fd, "result", &err), DV_ERR_CANCELLED);
  dv_claim_leave(&claims, "item", true);
  assert_int_equal(faccessat(claims.fd, "item/held-far-1-7-00000000000000ff", F_OK, 0), 0);
  assert_int_equal(faccessat(claims.fd, "result", F_OK, 0), -1);
  dv_claims_close(&claims);
}

static void test_what_failed_elsewhere_since_we_began_is_left(void** state)
{
  dv_claims claims;
  dv_claim_look look = {0};
  claims_open(*state, "failed", &claims);
  put_holder(&claims, "before", "failed", 60);
  assert_int_equal(take(&claims, "before", &look), DV_CLAIM_MINE);
  dv_claim_leave(&claims, "before", true);
  assert_int_equal(take(&claims, "before", &look), DV_CLAIM_FAILED);
  dv_claims_close(&claims);
}

static void test_leftovers_of_the_dead_are_swept_and_strangers_are_named(void** state)
{
  dv_claims claims;
  dv_claim_look look = {0};
  dv_claim_state taken;
  dv_error err = {""};
  char dead[DV_CLAIM_NAME_SIZE], made[DV_CLAIM_NAME_SIZE + 8];
  claims_open(*state, "swept", &claims);
  dead_holder(&claims, dead);
  snprintf(made, sizeof made, ".new-%s", dead);
  put_holder(&claims, made, dead, 0);
  put_holder(&claims, "mine", "my notes", 0);
  dv_claims_close(&claims);
  claims_open(*state, "swept", &claims);
  assert_int_equal(faccessat(claims.fd, made, F_OK, 0), -1);
  assert_int_equal(dv_claim_take(&claims, "mine", &look, &taken, &err), DV_ERR_IO);
  if (!strstr(err.text, "mine/my notes: is nothing that a batch puts there; remove it")) fail_msg("%s", err.text);
  dv_claims_close(&claims);
}

int main(int argc, char** argv)
{
  if (argc == 3 && !strcmp(argv[1], "--listen")) return listen_for_signal(argv[2]);
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_pair_gets_its_folder_and_a_second_batch_skips_them),
    cmocka_unit_test(test_a_folder_is_not_there_before_it_is_complete),
    cmocka_unit_test(test_failures_stop_no_other_and_say_why),
    cmocka_unit_test(test_a_program_that_is_not_there_fails_every_pair),
    cmocka_unit_test(test_what_failed_is_tried_again_from_its_checkpoint_alone),
    cmocka_unit_test(test_what_is_there_but_no_result_is_left_alone),
    cmocka_unit_test(test_a_runs_folder_that_cannot_be_is_an_error),
    cmocka_unit_test(test_lines_are_told_as_they_come),
    cmocka_unit_test(test_a_stopped_batch_lets_its_commands_end_and_the_next_goes_on),
    cmocka_unit_test(test_a_second_signal_ends_what_does_not_listen),
    cmocka_unit_test(test_commands_die_with_a_killed_batch_and_the_next_takes_over),
    cmocka_unit_test(test_shards_do_every_pair_once),
    cmocka_unit_test(test_a_shard_does_its_own_pairs_only),
    cmocka_unit_test(test_batches_that_claim_do_every_pair_once),
    cmocka_unit_test(test_a_dead_process_of_this_machine_is_recognised_at_once),
    cmocka_unit_test(test_a_living_process_of_this_machine_keeps_its_claim),
    cmocka_unit_test(test_another_machine_counts_as_dead_after_some_silence),
    cmocka_unit_test(test_exactly_one_takes_over_from_the_dead),
    cmocka_unit_test(test_what_was_taken_from_a_sleeper_is_safe_from_it),
    cmocka_unit_test(test_what_failed_elsewhere_since_we_began_is_left),
    cmocka_unit_test(test_leftovers_of_the_dead_are_swept_and_strangers_are_named),
  };
  return cmocka_run_group_tests_name("batch", tests, dv_temp_setup, dv_temp_teardown);
}
