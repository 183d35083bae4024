/* SPDX-License-Identifier: MIT */
#include "datasets/batch.h"

#include "datasets/claim.h"
#include "datasets/file.h"
#include "dsp/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINE_SIZE = 4096, TAIL_SIZE = 2048, TICK_MS = 200, ENDING_MS = 2, MAX_JOBS = 256, EXIT_NO_PROGRAM = 127 };
static const double LOOK_AGAIN_S = 2.0; /* at what others hold */
static const int stopping[] = {SIGINT, SIGTERM, SIGHUP};
static const char LOG[] = "log.txt", WORK[] = ".work";

/* A command that runs. */
typedef struct {
  size_t pair;
  pid_t pid; /* 0: the place is free */
  int out, log;
  off_t log_start; /* where its messages begin: before it are those of earlier attempts */
  double start_s;
  char line[LINE_SIZE];
  size_t length;
  bool lost; /* its pair was taken over */
} job;

typedef struct {
  const dv_manifest* manifest;
  const dv_batch_config* config;
  dv_batch* batch;
  dv_claim_look* looks;
  job* jobs;
  char work[PATH_MAX];
  int runs_fd;
  dv_claims claims;
  double looked_s, beat_s;
  int signals_sent;
} runner;

void dv_batch_free(dv_batch* batch)
{
  free(batch->tracks);
  *batch = (dv_batch){NULL, 0};
}

size_t dv_batch_count(const dv_batch* batch, dv_batch_state state)
{
  size_t count = 0;
  for (size_t i = 0; i < batch->count; ++i) count += batch->tracks[i].state == state;
  return count;
}

static void tell(const runner* r, ptrdiff_t pair, const char* line)
{
  if (r->config->tell) r->config->tell(r->config->context, r->batch, pair, line);
}

static const char* id_of(const runner* r, size_t pair) { return r->manifest->pairs[pair].id; }

static void set_state(runner* r, size_t pair, dv_batch_state state, const char* reason)
{
  dv_batch_track* track = &r->batch->tracks[pair];
  if (track->state == state) return;
  track->state = state;
  snprintf(track->reason, sizeof track->reason, "%s", reason);
  tell(r, (ptrdiff_t)pair, NULL);
}

/* --- Folders ---------------------------------------------------------------------------------------------------- */

static bool is_kept(const runner* r, const char* name)
{
  bool kept = !strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, LOG);
  for (const char* const* k = r->config->kept; !kept && *k; ++k) kept = !strcmp(name, *k);
  return kept;
}

/* Whoever was killed may have left half a file; the command writes everything but `kept` again. */
static void clean(const runner* r, const char* folder)
{
  DIR* stream = opendir(folder);
  for (const struct dirent* e; stream && (e = readdir(stream));) {
    char path[PATH_MAX];
    if (is_kept(r, e->d_name)) continue;
    const int length = snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    if (length > 0 && (size_t)length < sizeof path) dv_file_remove_tree(path);
  }
  if (stream) closedir(stream);
}

/* Whether RUNS/ID is there.  Opened anew each time, so that a network's client asks its server. */
static bool is_there(const runner* r, const char* id)
{
  const int fd = open(r->config->runs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool there = fd >= 0 && !faccessat(fd, id, F_OK, AT_SYMLINK_NOFOLLOW);
  if (fd >= 0) close(fd);
  return there;
}

/* Skips a pair that is there; what is there but nothing of ours fails it.  Returns whether it is settled. */
static bool skip_done(runner* r, size_t pair)
{
  char path[PATH_MAX], reason[256];
  const char* id = id_of(r, pair);
  if (!is_there(r, id)) return false;
  snprintf(path, sizeof path, "%s/%s", id, r->config->result);
  snprintf(reason, sizeof reason, "%.100s is there without %s, so not from a batch; move it away", id,
           r->config->result);
  if (faccessat(r->runs_fd, path, F_OK, 0)) {
    set_state(r, pair, DV_BATCH_FAILED, reason);
    return true;
  }
  dv_claim_forget(&r->claims, id);
  set_state(r, pair, DV_BATCH_SKIPPED, "");
  return true;
}

/* --- One command -------------------------------------------------------------------------------------------------- */

static bool own_folder(const runner* r, size_t pair, char path[PATH_MAX])
{
  const int length = snprintf(path, PATH_MAX, "%s/%s/%s", r->work, id_of(r, pair), r->claims.self);
  return length > 0 && length < PATH_MAX - NAME_MAX;
}

static const char* word_for(const char* word, const dv_pair* pair, const char* out)
{
  if (!strcmp(word, "{dry}")) return pair->dry;
  if (!strcmp(word, "{wet}")) return pair->wet;
  return !strcmp(word, "{out}") ? out : word;
}

static char** make_words(const runner* r, size_t pair, const char* out)
{
  size_t count = 0;
  while (r->config->words[count]) ++count;
  char** words = calloc(count + 1, sizeof *words);
  for (size_t i = 0; words && i < count; ++i)
    words[i] = (char*)word_for(r->config->words[i], &r->manifest->pairs[pair], out); /* execv changes none */
  return words;
}

/* What the batch's handlers would swallow is to end the command.  What is ignored, as nohup asks for, stays so. */
static void take_default_signals(void)
{
  struct sigaction action;
  for (size_t i = 0; i < sizeof stopping / sizeof *stopping; ++i)
    if (!sigaction(stopping[i], NULL, &action) && action.sa_handler != SIG_IGN) signal(stopping[i], SIG_DFL);
}

/* In the new process.  Reads nothing, prints into the pipe, complains into the log. */
static void become_command(const runner* r, char** words, pid_t parent, const sigset_t* mask, int out, int log)
{
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(EXIT_NO_PROGRAM); /* it died before that was asked for */
  take_default_signals();
  sigprocmask(SIG_SETMASK, mask, NULL);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
    _exit(EXIT_NO_PROGRAM);
  execv(r->config->program, words);
  dprintf(STDERR_FILENO, "%s: cannot be run: %s\n", r->config->program, strerror(errno));
  _exit(EXIT_NO_PROGRAM);
}

static int open_log(const char* folder)
{
  char path[PATH_MAX + sizeof LOG];
  snprintf(path, sizeof path, "%s/%s", folder, LOG);
  return open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

static void head_log(int log, char* const* words)
{
  char host[65] = "";
  gethostname(host, sizeof host - 1);
  dprintf(log, "-- %s:", host);
  for (char* const* w = words; *w; ++w) dprintf(log, " %s", *w);
  dprintf(log, "\n");
}

/* Starts the command; errno where that fails. */
static bool spawn(runner* r, job* j, char** words)
{
  int ends[2];
  const pid_t parent = getpid();
  if (pipe2(ends, O_CLOEXEC)) return false;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  head_log(j->log, words);
  j->log_start = lseek(j->log, 0, SEEK_END);
  sigset_t held, before;
  sigemptyset(&held);
  for (size_t i = 0; i < sizeof stopping / sizeof *stopping; ++i) sigaddset(&held, stopping[i]);
  sigprocmask(SIG_BLOCK, &held, &before); /* none may come before take_default_signals */
  j->pid = fork();
  if (j->pid == 0) become_command(r, words, parent, &before, ends[1], j->log);
  const int reason = errno;
  sigprocmask(SIG_SETMASK, &before, NULL);
  close(ends[1]);
  j->out = ends[0];
  if (j->pid > 0) return true;
  close(ends[0]);
  j->pid = 0;
  errno = reason;
  return false;
}

/* The claim is ours; a job that cannot be started fails its pair. */
static void start(runner* r, job* j, size_t pair)
{
  char folder[PATH_MAX], reason[256];
  char** words = NULL;
  bool started = false;
  *j = (job){.pair = pair, .start_s = dv_monotonic_s(), .log = -1};
  errno = ENAMETOOLONG;
  if (own_folder(r, pair, folder)) {
    clean(r, folder);
    words = make_words(r, pair, folder);
    j->log = open_log(folder);
    started = words && j->log >= 0 && spawn(r, j, words);
  }
  snprintf(reason, sizeof reason, "could not be started: %s", strerror(errno));
  free(words);
  if (started) {
    set_state(r, pair, DV_BATCH_RUNNING, "");
    return;
  }
  if (j->log >= 0) close(j->log);
  dv_claim_leave(&r->claims, id_of(r, pair), true);
  set_state(r, pair, DV_BATCH_FAILED, reason);
}

/* The last line of what it complained, without the program's own name; "" where it said nothing. */
static void last_words(const runner* r, const job* j, char* text, size_t size)
{
  char tail[TAIL_SIZE];
  const off_t end = lseek(j->log, 0, SEEK_END), whole = end - j->log_start;
  const off_t from = whole < TAIL_SIZE ? j->log_start : end - (TAIL_SIZE - 1);
  const ssize_t got = pread(j->log, tail, TAIL_SIZE - 1, from);
  size_t length = got > 0 ? (size_t)got : 0;
  while (length && tail[length - 1] == '\n') --length;
  tail[length] = '\0';
  const char* line = strrchr(tail, '\n');
  line = line ? line + 1 : tail;
  const size_t name = strlen(r->config->words[0]);
  if (!strncmp(line, r->config->words[0], name) && !strncmp(line + name, ": ", 2)) line += name + 2;
  snprintf(text, size, "%.*s", (int)size - 1, line);
}

static void make_reason(const runner* r, const job* j, int result, char* reason, size_t size)
{
  char said[256];
  last_words(r, j, said, sizeof said);
  if (WIFSIGNALED(result)) {
    const int number = WTERMSIG(result);
    snprintf(reason, size, "killed by signal %d (%s)%s", number, strsignal(number),
             number == SIGKILL ? "; if nobody did it, memory ran out: try fewer jobs" : "");
  } else if (WEXITSTATUS(result) == 0) {
    snprintf(reason, size, "ended without writing %s", r->config->result);
  } else if (WEXITSTATUS(result) == 1 && *said) {
    snprintf(reason, size, "%s", said);
  } else if (WEXITSTATUS(result) == 128 + SIGINT) {
    snprintf(reason, size, "interrupted by a signal from outside");
  } else {
    snprintf(reason, size, "exit status %d%s%s", WEXITSTATUS(result), *said ? ": " : "", said);
  }
}

/* Its folder becomes the result. */
static void deliver(runner* r, const job* j)
{
  dv_error err = {""};
  const char* id = id_of(r, j->pair);
  const dv_status status = dv_claim_finish(&r->claims, id, r->runs_fd, id, &err);
  if (!status) set_state(r, j->pair, DV_BATCH_DONE, "");
  else if (status == DV_ERR_CANCELLED) set_state(r, j->pair, DV_BATCH_WAITING, "");
  else {
    dv_claim_leave(&r->claims, id, true);
    set_state(r, j->pair, DV_BATCH_FAILED, err.text);
  }
}

/* Whether the command has ended well and left what a finished folder has. */
static bool is_complete(const runner* r, const job* j, int result)
{
  char folder[PATH_MAX], path[PATH_MAX + NAME_MAX + 2];
  if (!WIFEXITED(result) || WEXITSTATUS(result) || !own_folder(r, j->pair, folder)) return false;
  snprintf(path, sizeof path, "%s/%s", folder, r->config->result);
  return !access(path, F_OK);
}

/* The command has ended with this result. */
static void settle(runner* r, job* j, int result)
{
  char reason[320];
  r->batch->tracks[j->pair].seconds = dv_monotonic_s() - j->start_s;
  if (j->lost) set_state(r, j->pair, DV_BATCH_WAITING, "");
  else if (is_complete(r, j, result)) deliver(r, j);
  else {
    make_reason(r, j, result, reason, sizeof reason);
    dv_claim_leave(&r->claims, id_of(r, j->pair), !r->signals_sent);
    set_state(r, j->pair, r->signals_sent ? DV_BATCH_CUT : DV_BATCH_FAILED, r->signals_sent ? "" : reason);
  }
  close(j->log);
  j->pid = 0;
}

/* --- All of them -------------------------------------------------------------------------------------------------- */

static bool is_mine(const dv_batch_config* c, size_t pair) { return !c->shards || pair % c->shards == c->shard - 1; }

/* Looks once at a pair that waits.  Returns whether we have it now. */
static bool claim(runner* r, size_t pair)
{
  const char* id = id_of(r, pair);
  dv_claim_state state;
  dv_error err = {""};
  if (skip_done(r, pair)) return false;
  if (dv_claim_take(&r->claims, id, &r->looks[pair], &state, &err)) {
    set_state(r, pair, DV_BATCH_FAILED, err.text);
    return false;
  }
  if (state == DV_CLAIM_FAILED) set_state(r, pair, DV_BATCH_FAILED, "failed in another process");
  if (state == DV_CLAIM_HELD) set_state(r, pair, DV_BATCH_ELSEWHERE, "");
  if (state == DV_CLAIM_SILENT) set_state(r, pair, DV_BATCH_WAITING, "");
  return state == DV_CLAIM_MINE && !skip_done(r, pair); /* it may have been finished between the two looks */
}

static bool is_open(const dv_batch_track* t) { return t->state == DV_BATCH_WAITING || t->state == DV_BATCH_ELSEWHERE; }

/* Gives every free place a pair, in their order.  What others hold is looked at again now and then only. */
static void fill(runner* r)
{
  const bool look_again = dv_monotonic_s() - r->looked_s >= LOOK_AGAIN_S;
  size_t pair = 0, place = 0;
  while (place < r->config->jobs && r->jobs[place].pid) ++place;
  if (place == r->config->jobs) return;
  for (; pair < r->batch->count && place < r->config->jobs; ++pair) {
    const bool seen = r->looks[pair].holder[0] || r->batch->tracks[pair].state == DV_BATCH_ELSEWHERE;
    if (!is_open(&r->batch->tracks[pair]) || (seen && !look_again)) continue;
    if (claim(r, pair)) start(r, &r->jobs[place], pair);
    while (place < r->config->jobs && r->jobs[place].pid) ++place;
  }
  if (look_again) r->looked_s = dv_monotonic_s();
}

/* Whole lines are told; what is longer than a line may be is told in pieces. */
static void tell_lines(const runner* r, job* j)
{
  for (char* end; (end = strchr(j->line, '\n')) || j->length == LINE_SIZE - 1;) {
    const size_t used = end ? (size_t)(end - j->line) + 1 : j->length;
    if (end) *end = '\0';
    tell(r, (ptrdiff_t)j->pair, j->line);
    j->length -= used;
    memmove(j->line, j->line + used, j->length + 1);
  }
}

/* All that is there; closed at the end. */
static void take_output(const runner* r, job* j)
{
  while (j->out >= 0) {
    const ssize_t got = read(j->out, j->line + j->length, LINE_SIZE - 1 - j->length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      close(j->out);
      j->out = -1;
      return;
    }
    j->length += (size_t)got;
    j->line[j->length] = '\0';
    tell_lines(r, j);
  }
}

/* The output may end before the command, or stay open in a process that it left behind. */
static void reap(runner* r, job* j)
{
  int result = 0;
  if (waitpid(j->pid, &result, WNOHANG) != j->pid) return;
  take_output(r, j);
  if (j->out >= 0) close(j->out);
  settle(r, j, result);
}

/* Waits for output a while and takes it; returns whether a command runs still. */
static bool follow_commands(runner* r)
{
  struct pollfd polled[MAX_JOBS];
  job* who[MAX_JOBS];
  nfds_t count = 0;
  bool ending = false;
  for (size_t i = 0; i < r->config->jobs; ++i) {
    if (!r->jobs[i].pid) continue;
    who[count] = &r->jobs[i];
    ending |= r->jobs[i].out < 0;
    polled[count++] = (struct pollfd){.fd = r->jobs[i].out, .events = POLLIN};
  }
  poll(polled, count, ending ? ENDING_MS : TICK_MS);
  for (nfds_t i = 0; i < count; ++i) {
    take_output(r, who[i]);
    reap(r, who[i]);
  }
  return count > 0;
}

/* A signal that reached the whole group has been taken by the commands too, and a second of the same kind would end
   them at once: they get another kind. */
static void pass_signals_on(runner* r)
{
  const dv_batch_signals* s = r->config->signals;
  if (!s || s->count <= r->signals_sent) return;
  const int number = s->count > 1 ? SIGKILL : s->last == SIGTERM ? SIGINT : SIGTERM;
  r->signals_sent = s->count;
  for (size_t i = 0; i < r->config->jobs; ++i)
    if (r->jobs[i].pid) kill(r->jobs[i].pid, number);
}

static void beat(runner* r)
{
  if (dv_monotonic_s() - r->beat_s < DV_CLAIM_BEAT_S) return;
  r->beat_s = dv_monotonic_s();
  for (size_t i = 0; i < r->config->jobs; ++i) {
    job* j = &r->jobs[i];
    if (!j->pid || dv_claim_beat(&r->claims, id_of(r, j->pair))) continue;
    j->lost = true;
    kill(j->pid, SIGKILL);
  }
}

static void run_all(runner* r)
{
  for (bool more = true; more;) {
    if (!r->signals_sent) fill(r);
    pass_signals_on(r);
    const bool running = follow_commands(r);
    beat(r);
    tell(r, -1, NULL);
    more = running || (!r->signals_sent && dv_batch_count(r->batch, DV_BATCH_WAITING) > 0);
  }
}

/* --- Beginning and end -------------------------------------------------------------------------------------------- */

static dv_status open_folders(runner* r, dv_error* err)
{
  const char* runs = r->config->runs;
  const int length = snprintf(r->work, sizeof r->work, "%s/%s", runs, WORK);
  if (length < 0 || (size_t)length >= sizeof r->work)
    return dv_fail(err, DV_ERR_ARG, "%s: the path is too long", dv_file_label(runs));
  dv_status status = dv_file_make_folder(runs, err);
  if (!status) status = dv_file_make_folder(r->work, err);
  if (!status) status = dv_claims_open(r->work, &r->claims, err);
  if (status) return status;
  r->runs_fd = open(runs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return r->runs_fd < 0 ? dv_file_error(err, runs, "read", errno) : DV_OK;
}

static dv_status allocate(runner* r, dv_error* err)
{
  const size_t count = r->manifest->count;
  r->batch->tracks = calloc(count + 1, sizeof *r->batch->tracks);
  r->looks = calloc(count + 1, sizeof *r->looks);
  r->jobs = calloc(r->config->jobs, sizeof *r->jobs);
  if (!r->batch->tracks || !r->looks || !r->jobs) return dv_fail(err, DV_ERR_NOMEM, "out of memory");
  r->batch->count = count;
  for (size_t i = 0; i < count; ++i)
    if (!is_mine(r->config, i)) r->batch->tracks[i].state = DV_BATCH_OTHERS;
  return DV_OK;
}

static dv_status check(const dv_batch_config* c, dv_error* err)
{
  if (c->jobs < 1 || c->jobs > MAX_JOBS)
    return dv_fail(err, DV_ERR_ARG, "jobs are %zu; 1 to %d are possible", c->jobs, MAX_JOBS);
  if (c->shards && (c->shard < 1 || c->shard > c->shards))
    return dv_fail(err, DV_ERR_ARG, "shard %zu of %zu; shards count from 1", c->shard, c->shards);
  return DV_OK;
}

dv_status dv_batch_run(const dv_manifest* manifest, const dv_batch_config* config, dv_batch* batch, dv_error* err)
{
  runner r = {.manifest = manifest, .config = config, .batch = batch, .runs_fd = -1, .claims = {.fd = -1}};
  *batch = (dv_batch){NULL, 0};
  dv_status status = check(config, err);
  if (!status) status = allocate(&r, err);
  if (!status) status = open_folders(&r, err);
  if (!status) {
    r.beat_s = dv_monotonic_s();
    run_all(&r);
  } /* .work stays: another batch may be about to put something into it */
  dv_claims_close(&r.claims);
  if (r.runs_fd >= 0) close(r.runs_fd);
  free(r.looks);
  free(r.jobs);
  return !status && r.signals_sent ? dv_fail(err, DV_ERR_CANCELLED, "stopped by a signal") : status;
}
