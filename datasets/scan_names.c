/* SPDX-License-Identifier: MIT */
#include "datasets/scan_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef enum { DRY, WET } role;

/* How a name says its role. */
typedef enum {
  WHOLE,  /* SONG/dry.wav */
  SUFFIX, /* NAME.dry.wav */
  FOLDER  /* dry/NAME.wav */
} convention;

typedef struct {
  const char* path; /* borrowed */
  char* key;        /* the path below the root without what says the role, and without extension; owned */
  role which;
  convention how;
} named;

typedef struct {
  named* files;
  size_t count;
} named_list;

static const char* role_name(role which) { return which == DRY ? "dry" : "wet"; }

static bool is_word(const char* text, size_t length, role which)
{
  return length == 3 && !strncasecmp(text, role_name(which), 3);
}

/* Of a name without extension; its part before the role is *kept long. */
static bool role_of_name(const char* name, size_t length, role* which, convention* how, size_t* kept)
{
  for (role r = DRY; r <= WET; ++r) {
    *which = r;
    *kept = 0;
    *how = WHOLE;
    if (is_word(name, length, r)) return true;
    if (length < 4 || !is_word(name + length - 3, 3, r) || !strchr("._- ", name[length - 4])) continue;
    *kept = length - 4;
    *how = SUFFIX;
    return true;
  }
  *kept = length;
  return false;
}

/* The last folder of that name in the first `length` characters; NULL: none. */
static const char* find_folder(const char* path, size_t length, role which)
{
  const char* found = NULL;
  for (const char* part = path; part < path + length;) {
    const size_t size = strcspn(part, "/");
    if (is_word(part, size, which)) found = part;
    part += size + 1;
  }
  return found;
}

/* "*" stands for the folder, so that a file of dry/ meets one of wet/ and no other. */
static char* make_key(const char* path, size_t folders, const char* folder, const char* name, size_t kept)
{
  char* key = NULL;
  const int before = folder ? (int)(folder - path) : (int)folders;
  const char* after = folder ? folder + 3 : "";
  const int after_length = folder ? (int)(path + folders - after) : 0;
  return asprintf(&key, "%.*s%s%.*s%.*s", before, path, folder ? "*" : "", after_length, after, (int)kept, name) < 0
           ? NULL
           : key;
}

/* path is below the root.  False: it says neither dry nor wet. */
static bool read_name(dv_scan_work* work, const char* path, named* file)
{
  const char* slash = strrchr(path, '/');
  const char* name = slash ? slash + 1 : path;
  const size_t folders = (size_t)(name - path), length = (size_t)(strrchr(name, '.') - name);
  size_t kept;
  const bool by_name = role_of_name(name, length, &file->which, &file->how, &kept);
  const char* folder = NULL;
  if (by_name) folder = find_folder(path, folders, file->which);
  for (role r = DRY; !by_name && !folder && r <= WET; ++r) {
    folder = find_folder(path, folders, r);
    file->which = r;
    file->how = FOLDER;
  }
  if (!by_name && !folder) return false;
  file->key = make_key(path, folders, folder, name, kept);
  if (!file->key) work->no_memory = true;
  return file->key;
}

static int by_key(const void* a, const void* b)
{
  const named *first = a, *second = b;
  const int order = strcmp(first->key, second->key);
  if (order) return order;
  if (first->which != second->which) return first->which < second->which ? -1 : 1;
  return strcmp(first->path, second->path);
}

/* The key without the star's folder; the root's own name where nothing is left. */
static char* id_from_key(const dv_scan_work* work, const char* key)
{
  const char *star = strstr(key, "*/"), *slash = strrchr(work->root, '/');
  char* id = NULL;
  const int before = star && (star == key || star[-1] == '/') ? (int)(star - key) : 0;
  const char* rest = star && (star == key || star[-1] == '/') ? star + 2 : key;
  if (asprintf(&id, "%.*s%s", before, key, rest) < 0) return NULL;
  for (size_t length = strlen(id); length && id[length - 1] == '/';) id[--length] = '\0';
  if (*id) return id;
  free(id);
  char* root = realpath(work->root, NULL);
  id = strdup(slash && slash[1] ? slash + 1 : root && root[1] ? strrchr(root, '/') + 1 : "root");
  free(root);
  return id;
}

static const char* why(const named* file)
{
  static const char* const texts[] = {"a folder with a dry and a wet file", "one name with dry and with wet at its end",
                                      "one name in the folders dry and wet"};
  return texts[file->how];
}

static void add_pair(dv_scan_work* work, const named* dry, const named* wet)
{
  char* id = id_from_key(work, dry->key);
  const dv_scan_candidate candidate = {
    .path = wet->path, .id = id, .dry = dry->path, .wet = wet->path, .why = why(dry)};
  if (id) dv_scan_add(work, &candidate);
  else work->no_memory = true;
  free(id);
}

/* Files of one key: the dry ones first. */
static void add_group(dv_scan_work* work, const named* files, size_t count)
{
  size_t dry = 0;
  while (dry < count && files[dry].which == DRY) ++dry;
  if (dry == 1 && count == 2) {
    add_pair(work, &files[0], &files[1]);
    return;
  }
  for (size_t i = 0; i < count; ++i)
    if (dry == 0 || dry == count)
      dv_scan_leave_out(work, DV_SCAN_UNPAIRED, files[i].path, NULL, "no %s file of the same name is there",
                        role_name(files[i].which == DRY ? WET : DRY));
    else
      dv_scan_leave_out(work, DV_SCAN_AMBIGUOUS, files[i].path, NULL,
                        "%zu dry and %zu wet files of this name are there; keep one of each or list them in a CSV file",
                        dry, count - dry);
}

static void add_groups(dv_scan_work* work, named_list* list)
{
  if (list->count) qsort(list->files, list->count, sizeof *list->files, by_key);
  for (size_t first = 0, end; first < list->count; first = end) {
    for (end = first + 1; end < list->count && !strcmp(list->files[first].key, list->files[end].key);) ++end;
    add_group(work, list->files + first, end - first);
  }
}

void dv_scan_names(dv_scan_work* work)
{
  const size_t root = strlen(work->root) + (strcmp(work->root, "/") != 0);
  named_list list = {.files = calloc(work->audio.count + 1, sizeof *list.files)};
  if (!list.files) {
    work->no_memory = true;
    return;
  }
  for (size_t i = 0; i < work->audio.count; ++i) {
    named* file = &list.files[list.count];
    file->path = work->audio.items[i];
    if (read_name(work, file->path + root, file)) ++list.count;
    else dv_scan_leave_out(work, DV_SCAN_UNNAMED, file->path, NULL, "its name says neither dry nor wet");
  }
  add_groups(work, &list);
  for (size_t i = 0; i < list.count; ++i) free(list.files[i].key);
  free(list.files);
}
