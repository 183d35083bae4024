/* SPDX-License-Identifier: MIT */
/* Private: which of several processes, on one machine or on many that share a folder, works on which item.
 *
 * Every item has a folder below the shared one, and in it exactly one folder, whose name says whose it is:
 *
 *   ITEM/free                           nobody's; what lies in it is to be gone on from
 *   ITEM/failed                         nobody's; who had it last failed
 *   ITEM/held-HOST-PID-START-MACHINE    that process works on it, inside this folder
 *
 * A change of hands is one rename, so of several processes that try exactly one succeeds, and it takes from the one
 * that had it before, at the same instant, the path by which it would write.  What was taken from a process that was
 * only asleep is therefore safe from it.  Needs nothing of a file system but rename; there is no server and no lock.
 *
 * A holder on this machine is dead when its process is gone (its number and start time are in the name).  One on
 * another machine touches its folder every DV_CLAIM_BEAT_S seconds and counts as dead when it has not for
 * DV_CLAIM_DEAD_S, by the clock of the file system. */
#ifndef DIFFVOX_CLAIM_H
#define DIFFVOX_CLAIM_H

#include "dsp/status.h"

#include <stdbool.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DV_CLAIM_BEAT_S = 20, DV_CLAIM_DEAD_S = 300, DV_CLAIM_NAME_SIZE = 192 };

/* This process and the shared folder.  Opened by dv_claims_open, closed by dv_claims_close. */
typedef struct {
  int fd;                        /* of the folder */
  char self[DV_CLAIM_NAME_SIZE]; /* "held-..." */
  struct timespec opened;        /* by the clock of the file system */
} dv_claims;

typedef enum {
  DV_CLAIM_MINE,   /* it is ours now: work in ITEM/claims->self */
  DV_CLAIM_HELD,   /* by a process that lives */
  DV_CLAIM_SILENT, /* by a process that may be dead: look again in some seconds */
  DV_CLAIM_FAILED  /* by another process, since dv_claims_open */
} dv_claim_state;

/* What has been seen of an item; zeroed before the first look, kept between looks. */
typedef struct {
  char holder[DV_CLAIM_NAME_SIZE];
  struct timespec touched;
  bool moved; /* it was touched between two looks */
} dv_claim_look;

/* Opens the folder, which must be there, and sweeps what dead processes left half made.
   DV_ERR_IO: it cannot be read or written. */
DV_NODISCARD dv_status dv_claims_open(const char* folder, dv_claims* claims, dv_error* err);
void dv_claims_close(dv_claims* claims);

/* Takes the item if nobody living has it; an item that has no folder gets one.  item: a file name.
   DV_ERR_IO: the folder cannot be written, or holds what is none of the above. */
DV_NODISCARD dv_status dv_claim_take(const dv_claims* claims, const char* item, dv_claim_look* look,
                                     dv_claim_state* state, dv_error* err);

/* Tells the others that we live.  false: the item was taken from us; nothing may be done about it any more. */
bool dv_claim_beat(const dv_claims* claims, const char* item);

/* Lets go of it, to be gone on from. */
void dv_claim_leave(const dv_claims* claims, const char* item, bool failed);

/* Our folder becomes `name` in the folder of fd, where nothing may be in its place, and the item is forgotten.
   DV_ERR_IO: it could not be moved; still ours.  DV_ERR_CANCELLED: it was taken from us. */
DV_NODISCARD dv_status dv_claim_finish(const dv_claims* claims, const char* item, int fd, const char* name,
                                       dv_error* err);

/* Forgets an item of which nothing is left to do, as far as its folders are empty. */
void dv_claim_forget(const dv_claims* claims, const char* item);

#ifdef __cplusplus
}
#endif
#endif
