/* SPDX-License-Identifier: MIT */
#include "datasets/claim.h"

#include "datasets/file.h"
#include "dsp/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char HELD[] = "held-", FREE[] = "free", FAILED[] = "failed", NEW[] = ".new-";
enum { ATTEMPTS = 100, ITEM_PATH_SIZE = 2 * NAME_MAX + 8 };

/* --- Who a process is -------------------------------------------------------------------------------------------- */

typedef struct {
  long pid;
  unsigned long long start; /* in ticks since the machine started */
  uint64_t machine;         /* one running kernel, and one numbering of processes in it; 0: not known */
} identity;

static size_t read_text(const char* path, char* text, size_t size)
{
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t got = fd < 0 ? 0 : read(fd, text, size - 1);
  if (fd >= 0) close(fd);
  text[got > 0 ? got : 0] = '\0';
  return strlen(text);
}

/* Host names are not unique, containers share a kernel but number their processes apart. */
static uint64_t this_machine(void)
{
  char boot[64], numbering[64];
  const size_t length = read_text("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
  const ssize_t size = readlink("/proc/self/ns/pid", numbering, sizeof numbering);
  if (!length || size <= 0) return 0;
  return dv_hash(dv_hash(DV_HASH_START, boot, length), numbering, (size_t)size);
}

/* What the kernel tells of a process; false: nothing.  Its name, in parentheses, may hold anything. */
static bool look_up(long pid, char* state, unsigned long long* start)
{
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  if (!read_text(path, text, sizeof text)) return false;
  const char* behind = strrchr(text, ')');
  return behind &&
         sscanf(behind + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", state,
                start) == 2;
}

static void name_self(char name[DV_CLAIM_NAME_SIZE])
{
  char host[65] = "", state;
  unsigned long long start = 0;
  gethostname(host, sizeof host - 1);
  for (char* c = host; *c; ++c)
    if (*c == '/') *c = '_';
  if (!look_up(getpid(), &state, &start)) start = 0;
  snprintf(name, DV_CLAIM_NAME_SIZE, "%s%s-%ld-%llu-%016" PRIx64, HELD, host, (long)getpid(), start, this_machine());
}

/* The last three words: a host's name may have dashes. */
static bool parse_name(const char* name, identity* who)
{
  const char* at = name + strlen(name);
  if (strncmp(name, HELD, strlen(HELD)) != 0) return false;
  for (int words = 0; words < 3; ++words) do {
      if (at == name) return false;
    } while (*--at != '-');
  int length = 0;
  return sscanf(at, "-%ld-%llu-%" SCNx64 "%n", &who->pid, &who->start, &who->machine, &length) == 3 && !at[length];
}

/* A dead process that nobody has asked about yet still has its number. */
static bool is_dead(const identity* who)
{
  char state;
  unsigned long long start;
  if (kill((pid_t)who->pid, 0) && errno == ESRCH) return true;
  return look_up(who->pid, &state, &start) && (start != who->start || state == 'Z' || state == 'X');
}

/* --- Times ------------------------------------------------------------------------------------------------------ */

/* The file system's clock is the only one that all machines see. */
static bool file_system_time(int fd, struct timespec* now)
{
  struct stat st;
  if (futimens(fd, NULL) || fstat(fd, &st)) return false;
  *now = st.st_mtim;
  return true;
}

static bool earlier(const struct timespec* a, const struct timespec* b)
{
  return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static bool older_than(const dv_claims* claims, const struct timespec* touched, int seconds)
{
  struct timespec now;
  return file_system_time(claims->fd, &now) && now.tv_sec - touched->tv_sec > seconds;
}

/* --- The folder ------------------------------------------------------------------------------------------------- */

static void join(char path[ITEM_PATH_SIZE], const char* item, const char* name)
{
  snprintf(path, ITEM_PATH_SIZE, "%.*s/%s", NAME_MAX, item, name);
}

/* Our own "ITEM/held-...". */
static void own_path(const dv_claims* claims, const char* item, char path[ITEM_PATH_SIZE])
{
  join(path, item, claims->self);
}

/* One that was being made when its process died. */
static void sweep_one(const dv_claims* claims, const char* name)
{
  identity who;
  struct stat st;
  char inner[ITEM_PATH_SIZE];
  const char* holder = name + strlen(NEW);
  if (!parse_name(holder, &who) || fstatat(claims->fd, name, &st, 0)) return;
  identity self;
  const bool here = parse_name(claims->self, &self) && self.machine && who.machine == self.machine;
  if (here ? !is_dead(&who) : !older_than(claims, &st.st_mtim, DV_CLAIM_DEAD_S)) return;
  join(inner, name, holder);
  unlinkat(claims->fd, inner, AT_REMOVEDIR);
  unlinkat(claims->fd, name, AT_REMOVEDIR);
}

/* A stream over a folder below ours; NULL with errno. */
static DIR* open_below(const dv_claims* claims, const char* name)
{
  const int fd = openat(claims->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = fd < 0 ? NULL : fdopendir(fd);
  if (fd >= 0 && !stream) close(fd);
  return stream;
}

dv_status dv_claims_open(const char* folder, dv_claims* claims, dv_error* err)
{
  *claims = (dv_claims){.fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (claims->fd < 0) return dv_file_error(err, folder, "read", errno);
  if (!file_system_time(claims->fd, &claims->opened)) {
    const dv_status status = dv_file_error(err, folder, "write", errno);
    dv_claims_close(claims);
    return status;
  }
  name_self(claims->self);
  DIR* stream = open_below(claims, ".");
  for (const struct dirent* e; stream && (e = readdir(stream));)
    if (!strncmp(e->d_name, NEW, strlen(NEW))) sweep_one(claims, e->d_name);
  if (stream) closedir(stream);
  return DV_OK;
}

void dv_claims_close(dv_claims* claims)
{
  if (claims->fd >= 0) close(claims->fd);
  claims->fd = -1;
}

/* --- Taking and letting go ---------------------------------------------------------------------------------------- */

/* What is in the item's folder: a name, or "" where nothing is or the folder is not there. */
static bool read_holder(const dv_claims* claims, const char* item, char name[NAME_MAX + 1])
{
  *name = '\0';
  DIR* stream = open_below(claims, item);
  if (!stream) return errno == ENOENT;
  for (const struct dirent* e; !*name && (e = readdir(stream));)
    if (e->d_name[0] != '.') snprintf(name, NAME_MAX + 1, "%s", e->d_name);
  closedir(stream);
  return true;
}

/* A network may repeat a rename whose answer was lost, and then find nothing to rename. */
static bool move(const dv_claims* claims, const char* from, const char* to)
{
  return !renameat(claims->fd, from, claims->fd, to) || (errno == ENOENT && !faccessat(claims->fd, to, F_OK, 0));
}

/* The folder appears with us in it: between two steps another would find it empty. */
static bool make_new(const dv_claims* claims, const char* item)
{
  char temporary[ITEM_PATH_SIZE], inner[2 * ITEM_PATH_SIZE];
  snprintf(temporary, sizeof temporary, "%s%s", NEW, claims->self);
  snprintf(inner, sizeof inner, "%s/%s", temporary, claims->self);
  if (mkdirat(claims->fd, temporary, 0777) && errno != EEXIST) return false;
  if (mkdirat(claims->fd, inner, 0777) && errno != EEXIST) return false;
  if (!renameat(claims->fd, temporary, claims->fd, item)) return true;
  const int reason = errno;
  unlinkat(claims->fd, inner, AT_REMOVEDIR);
  unlinkat(claims->fd, temporary, AT_REMOVEDIR);
  errno = reason;
  return false;
}

static bool failed_just_now(const dv_claims* claims, const char* path)
{
  struct stat st;
  return !fstatat(claims->fd, path, &st, 0) && !earlier(&st.st_mtim, &claims->opened);
}

static bool same_time(const struct timespec* a, const struct timespec* b)
{
  return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Whether the one who holds the item lives; DV_CLAIM_MINE: it does not.  One look is not enough: who is being killed
   dies a moment later, and who has just taken an item has yet to touch it. */
static dv_claim_state judge(const dv_claims* claims, const char* path, const char* holder, const identity* who,
                            dv_claim_look* look)
{
  identity self;
  struct stat st;
  const bool here = parse_name(claims->self, &self) && self.machine && who->machine == self.machine;
  if (here && is_dead(who)) return DV_CLAIM_MINE;
  if (fstatat(claims->fd, path, &st, 0)) return DV_CLAIM_SILENT; /* it has just changed hands */
  const bool known = !strcmp(look->holder, holder), touched = known && !same_time(&look->touched, &st.st_mtim);
  if (known && here) return DV_CLAIM_HELD;
  if (!known || touched) {
    snprintf(look->holder, sizeof look->holder, "%.*s", DV_CLAIM_NAME_SIZE - 1, holder);
    look->touched = st.st_mtim;
    look->moved = touched;
    return touched ? DV_CLAIM_HELD : DV_CLAIM_SILENT;
  }
  if (older_than(claims, &st.st_mtim, DV_CLAIM_DEAD_S)) return DV_CLAIM_MINE;
  return look->moved && !older_than(claims, &st.st_mtim, 3 * DV_CLAIM_BEAT_S) ? DV_CLAIM_HELD : DV_CLAIM_SILENT;
}

/* One attempt at what is there; false: another was faster. */
static bool try_once(const dv_claims* claims, const char* item, const char* holder, dv_claim_look* look,
                     dv_claim_state* state)
{
  identity who;
  char from[ITEM_PATH_SIZE], own[ITEM_PATH_SIZE];
  join(from, item, holder);
  own_path(claims, item, own);
  *state = DV_CLAIM_MINE;
  if (!strcmp(holder, FAILED) && failed_just_now(claims, from)) *state = DV_CLAIM_FAILED;
  else if (!strcmp(holder, claims->self)) return true;
  else if (parse_name(holder, &who)) *state = judge(claims, from, holder, &who, look);
  if (*state != DV_CLAIM_MINE) return true;
  const bool moved = move(claims, from, own);
  if (moved) utimensat(claims->fd, own, NULL, 0);
  return moved;
}

dv_status dv_claim_take(const dv_claims* claims, const char* item, dv_claim_look* look, dv_claim_state* state,
                        dv_error* err)
{
  identity who;
  char holder[NAME_MAX + 1];
  for (int attempt = 0; attempt < ATTEMPTS; ++attempt) {
    bool done = false;
    errno = 0;
    if (!read_holder(claims, item, holder)) break;
    if (*holder && strcmp(holder, FREE) != 0 && strcmp(holder, FAILED) != 0 && !parse_name(holder, &who))
      return dv_fail(err, DV_ERR_IO, "%s/%.100s: is nothing that a batch puts there; remove it", dv_file_label(item),
                     holder);
    *state = DV_CLAIM_MINE;
    done = *holder ? try_once(claims, item, holder, look, state) : make_new(claims, item);
    if (done) return DV_OK;
    if (errno != ENOENT && errno != EEXIST && errno != ENOTEMPTY) break;
  }
  return dv_file_error(err, item, "be claimed", errno ? errno : EAGAIN);
}

bool dv_claim_beat(const dv_claims* claims, const char* item)
{
  char own[ITEM_PATH_SIZE];
  own_path(claims, item, own);
  return !utimensat(claims->fd, own, NULL, 0) || errno != ENOENT;
}

void dv_claim_leave(const dv_claims* claims, const char* item, bool failed)
{
  char own[ITEM_PATH_SIZE], to[ITEM_PATH_SIZE];
  own_path(claims, item, own);
  join(to, item, failed ? FAILED : FREE);
  utimensat(claims->fd, own, NULL, 0); /* before: others ask a failed one when it was */
  move(claims, own, to);
}

dv_status dv_claim_finish(const dv_claims* claims, const char* item, int fd, const char* name, dv_error* err)
{
  char own[ITEM_PATH_SIZE];
  own_path(claims, item, own);
  if (renameat(claims->fd, own, fd, name)) {
    const int reason = errno;
    if (reason == ENOENT && faccessat(claims->fd, own, F_OK, 0))
      return dv_fail(err, DV_ERR_CANCELLED, "%s: was taken over by another process", dv_file_label(item));
    return dv_file_error(err, name, "be put in its place", reason);
  }
  fsync(fd); /* as lasting as the files in it */
  unlinkat(claims->fd, item, AT_REMOVEDIR);
  return DV_OK;
}

void dv_claim_forget(const dv_claims* claims, const char* item)
{
  DIR* stream = open_below(claims, item);
  for (const struct dirent* e; stream && (e = readdir(stream));) {
    char path[ITEM_PATH_SIZE];
    if (e->d_name[0] == '.') continue;
    join(path, item, e->d_name);
    unlinkat(claims->fd, path, AT_REMOVEDIR);
  }
  if (stream) closedir(stream);
  unlinkat(claims->fd, item, AT_REMOVEDIR);
}
