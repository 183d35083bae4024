/* SPDX-License-Identifier: MIT */
/* Private: words of Turtle. */
#ifndef DIFFVOX_PLUGIN_TTL_H
#define DIFFVOX_PLUGIN_TTL_H

#include <stdio.h>

/* A literal with its quotes; any UTF-8 text, control characters included. */
void dv_ttl_string(FILE* out, const char* text);

/* The shortest decimal that reads back as the same float; finite.  Never with an exponent: that would make it an
   xsd:double, which hosts do not take for a port. */
void dv_ttl_number(FILE* out, float value);

#endif
