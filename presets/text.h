/* SPDX-License-Identifier: MIT */
/* Private: text that reads back as the same numbers wherever it is written. */
#ifndef DIFFVOX_TEXT_H
#define DIFFVOX_TEXT_H

#include <stdbool.h>
#include <stdio.h>

/* The shortest decimal that reads back as the same double. */
void dv_text_number(FILE* out, double value);

/* A cell of a CSV file (RFC 4180): quoted where it has to be. */
void dv_text_csv(FILE* out, const char* text);

/* Calls print with a stream into memory, under the locale "C": a host may have set one with a decimal comma.
   *text is the caller's to free(), its terminating zero not counted in *size.  False: no memory, *text is NULL. */
bool dv_text_print(void (*print)(FILE* out, void* context), void* context, char** text, size_t* size);

#endif
