/* SPDX-License-Identifier: MIT */
#include "datasets/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LABEL_LENGTH = 200, NAME_ATTEMPTS = 1000 };

const char* dv_file_label(const char* path)
{
  const size_t length = strlen(path);
  return length > LABEL_LENGTH ? path + length - LABEL_LENGTH : path;
}

static const char* remedy(int error_number)
{
  switch (error_number) {
  case ENOSPC:
  case EDQUOT: return "; free some space or choose another folder";
  case EFBIG: return "; the file is larger than this system allows";
  case EACCES:
  case EPERM: return "; check the permissions of the file and its folder";
  case EROFS: return "; choose a folder that can be written to";
  case ENOENT: return "; check the spelling of the name and its folder";
  case ENOTDIR: return "; a part of the path is not a folder";
  default: return "";
  }
}

dv_status dv_file_error(dv_error* err, const char* path, const char* action, int error_number)
{
  return dv_fail(err, DV_ERR_IO, "%s: cannot %s: %s%s", dv_file_label(path), action, strerror(error_number),
                 remedy(error_number));
}

/* Folders and devices are refused by name: reading a pipe may never end, and renaming over a device
   would replace it. */
static dv_status check_regular(const struct stat* st, const char* path, dv_error* err)
{
  if (S_ISREG(st->st_mode)) return DV_OK;
  return dv_fail(err, DV_ERR_IO, "%s: is %s, not a file; give the name of a regular file", dv_file_label(path),
                 S_ISDIR(st->st_mode) ? "a folder" : "a device or pipe");
}

static dv_status read_all(int fd, const char* path, char* data, size_t size, dv_error* err)
{
  for (size_t done = 0; done < size;) {
    const ssize_t got = read(fd, data + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return dv_file_error(err, path, "read", errno);
    if (got == 0)
      return dv_fail(err, DV_ERR_IO, "%s: became shorter while it was read; try again", dv_file_label(path));
    done += (size_t)got;
  }
  return DV_OK;
}

static dv_status read_open_file(int fd, const char* path, size_t max_size, char** data, size_t* size, dv_error* err)
{
  struct stat st;
  if (fstat(fd, &st)) return dv_file_error(err, path, "read", errno);
  dv_status status = check_regular(&st, path, err);
  if (status) return status;
  if ((unsigned long long)st.st_size > max_size)
    return dv_fail(err, DV_ERR_FORMAT, "%s: has %lld bytes; at most %zu are expected here", dv_file_label(path),
                   (long long)st.st_size, max_size);
  char* buffer = malloc((size_t)st.st_size + 1);
  if (!buffer)
    return dv_fail(err, DV_ERR_NOMEM, "%s: no memory for %lld bytes", dv_file_label(path), (long long)st.st_size);
  status = read_all(fd, path, buffer, (size_t)st.st_size, err);
  if (status) {
    free(buffer);
    return status;
  }
  buffer[st.st_size] = '\0';
  *data = buffer;
  *size = (size_t)st.st_size;
  return DV_OK;
}

dv_status dv_file_read(const char* path, size_t max_size, char** data, size_t* size, dv_error* err)
{
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* non-blocking: a pipe must not hang us */
  if (fd < 0) return dv_file_error(err, path, "read", errno);
  const dv_status status = read_open_file(fd, path, max_size, data, size, err);
  close(fd);
  return status;
}

static int create_beside(const char* path, char** temporary)
{
  for (unsigned attempt = 0; attempt < NAME_ATTEMPTS; ++attempt) {
    char* name = NULL;
    if (asprintf(&name, "%s.%ld-%u.tmp", path, (long)getpid(), attempt) < 0) {
      errno = ENOMEM;
      return -1;
    }
    const int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
      *temporary = name;
      return fd;
    }
    const int reason = errno;
    free(name);
    errno = reason;
    if (reason != EEXIST) return -1;
  }
  return -1;
}

dv_status dv_file_begin(const char* path, dv_file_writer* writer, dv_error* err)
{
  struct stat st;
  *writer = (dv_file_writer){.fd = -1};
  if (!stat(path, &st)) {
    const dv_status status = check_regular(&st, path, err);
    if (status) return status;
    writer->path = realpath(path, NULL);
  } else {
    writer->path = strdup(path);
  }
  if (!writer->path) return dv_fail(err, DV_ERR_NOMEM, "%s: no memory for the name", dv_file_label(path));
  writer->fd = create_beside(writer->path, &writer->temporary);
  if (writer->fd < 0) {
    const dv_status status = dv_file_error(err, path, "write", errno);
    dv_file_abandon(writer);
    return status;
  }
  return DV_OK;
}

void dv_file_abandon(dv_file_writer* writer)
{
  if (writer->fd >= 0) close(writer->fd);
  if (writer->temporary) unlink(writer->temporary);
  free(writer->temporary);
  free(writer->path);
  *writer = (dv_file_writer){.fd = -1};
}

dv_status dv_file_check_writable(const char* path, dv_error* err)
{
  dv_file_writer writer;
  const dv_status status = dv_file_begin(path, &writer, err);
  if (!status) dv_file_abandon(&writer);
  return status;
}

dv_status dv_file_commit(dv_file_writer* writer, dv_error* err)
{
  /* A full disk may show only here: the data is delayed until the flush. */
  int reason = fsync(writer->fd) ? errno : 0;
  if (close(writer->fd) && !reason) reason = errno;
  writer->fd = -1;
  if (!reason && rename(writer->temporary, writer->path)) reason = errno;
  dv_status status = DV_OK;
  if (reason) {
    status = dv_file_error(err, writer->path, "write", reason);
  } else {
    free(writer->temporary);
    writer->temporary = NULL; /* it is the target now: nothing left to remove */
  }
  dv_file_abandon(writer);
  return status;
}

dv_status dv_file_write(const char* path, const void* data, size_t size, dv_error* err)
{
  dv_file_writer writer;
  const dv_status status = dv_file_begin(path, &writer, err);
  if (status) return status;
  for (size_t done = 0; done < size;) {
    const ssize_t put = write(writer.fd, (const char*)data + done, size - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const int reason = errno;
      dv_file_abandon(&writer);
      return dv_file_error(err, path, "write", reason);
    }
    done += (size_t)put;
  }
  return dv_file_commit(&writer, err);
}

dv_status dv_file_make_folder(const char* path, dv_error* err)
{
  struct stat st;
  if (!mkdir(path, 0777) || (errno == EEXIST && !stat(path, &st) && S_ISDIR(st.st_mode))) return DV_OK;
  return dv_fail(err, DV_ERR_IO, "%s: cannot make the folder: %s; choose another with -o", dv_file_label(path),
                 strerror(errno));
}

static int remove_one(const char* path, const struct stat* st, int type, struct FTW* ftw)
{
  (void)st, (void)type, (void)ftw;
  return remove(path);
}

void dv_file_remove_tree(const char* path) { nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS); }
