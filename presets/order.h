/* SPDX-License-Identifier: MIT */
/* Private: for qsort. */
#ifndef DIFFVOX_ORDER_H
#define DIFFVOX_ORDER_H

/* Doubles that are not NaN, the smallest first. */
static inline int dv_ascending(const void* a, const void* b)
{
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

#endif
