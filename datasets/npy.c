/* SPDX-License-Identifier: MIT */
#include "datasets/npy.h"
#include "datasets/file.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are copied as they are in the file");

static const struct {
  const char* descr;
  size_t size;
} types[] = {
  [DV_NPY_F4] = {"<f4", 4}, [DV_NPY_F8] = {"<f8", 8}, [DV_NPY_I4] = {"<i4", 4},
  [DV_NPY_I8] = {"<i8", 8}, [DV_NPY_B1] = {"|b1", 1},
};
enum { TYPES = sizeof types / sizeof *types, MAGIC_LENGTH = 6, ALIGNMENT = 64, DESCR_LENGTH = 32 };
static const char magic[MAGIC_LENGTH + 1] = "\x93NUMPY";

void dv_npy_free(dv_npy* array)
{
  free(array->data);
  *array = (dv_npy){0};
}

/* --- The header: a Python dictionary with the keys descr, fortran_order and shape ------------------- */

typedef struct {
  const char *at, *end;
  const char* name;
  dv_error* err;
} cursor;

static dv_status bad_header(const cursor* c, const char* expected)
{
  return dv_fail(c->err, DV_ERR_FORMAT, "%s: the .npy header is damaged: expected %s", dv_file_label(c->name),
                 expected);
}

static void skip_spaces(cursor* c)
{
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t')) ++c->at;
}

static bool accept(cursor* c, const char* token)
{
  skip_spaces(c);
  const size_t length = strlen(token);
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, token, length)) return false;
  c->at += length;
  return true;
}

static bool accept_string(cursor* c, char text[DESCR_LENGTH])
{
  skip_spaces(c);
  if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return false;
  const char quote = *c->at;
  const char* close = memchr(c->at + 1, quote, (size_t)(c->end - c->at - 1));
  if (!close || close - c->at - 1 >= DESCR_LENGTH) return false;
  const size_t length = (size_t)(close - c->at - 1);
  for (size_t i = 0; i < length; ++i) /* what messages show must be printable */
    text[i] = c->at[1 + i] >= ' ' && c->at[1 + i] <= '~' ? c->at[1 + i] : '?';
  text[length] = '\0';
  c->at = close + 1;
  return true;
}

static bool accept_size(cursor* c, size_t* value)
{
  skip_spaces(c);
  const char* first = c->at;
  size_t v = 0;
  for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; ++c->at) {
    const size_t digit = (size_t)(*c->at - '0');
    if (v > (SIZE_MAX - digit) / 10) return false;
    v = 10 * v + digit;
  }
  *value = v;
  return c->at > first;
}

static dv_status parse_descr(cursor* c, dv_npy_type* type)
{
  char descr[DESCR_LENGTH];
  if (accept(c, "["))
    return dv_fail(c->err, DV_ERR_FORMAT, "%s: holds structured records; save a plain array", dv_file_label(c->name));
  if (!accept_string(c, descr)) return bad_header(c, "a type such as '<f4'");
  for (int t = 0; t < TYPES; ++t)
    if (!strcmp(descr, types[t].descr)) {
      *type = (dv_npy_type)t;
      return DV_OK;
    }
  const char* kind = *descr == '>'        ? " (big-endian)"
                     : strchr(descr, 'O') ? " (Python objects)"
                     : strchr(descr, 'c') ? " (complex)"
                                          : "";
  return dv_fail(c->err, DV_ERR_FORMAT, "%s: holds elements of type '%s'%s; save it as <f4, <f8, <i4, <i8 or |b1",
                 dv_file_label(c->name), descr, kind);
}

static dv_status parse_order(cursor* c)
{
  if (accept(c, "False")) return DV_OK;
  if (!accept(c, "True")) return bad_header(c, "True or False after 'fortran_order'");
  return dv_fail(c->err, DV_ERR_FORMAT, "%s: is in Fortran order; save it with numpy.ascontiguousarray",
                 dv_file_label(c->name));
}

static dv_status parse_shape(cursor* c, dv_npy* array)
{
  if (!accept(c, "(")) return bad_header(c, "a shape such as (70, 151)");
  while (!accept(c, ")")) {
    if (array->ndim == DV_NPY_MAX_DIMS)
      return dv_fail(c->err, DV_ERR_FORMAT, "%s: has more than %d dimensions", dv_file_label(c->name),
                     (int)DV_NPY_MAX_DIMS);
    if (!accept_size(c, &array->shape[array->ndim++])) return bad_header(c, "whole numbers in the shape");
    if (!accept(c, ",") && (c->at == c->end || *c->at != ')')) return bad_header(c, "')' after the shape");
  }
  return DV_OK;
}

static dv_status parse_dictionary(cursor* c, dv_npy* array)
{
  enum { DESCR = 1, ORDER = 2, SHAPE = 4, ALL = 7 };
  int seen = 0;
  if (!accept(c, "{")) return bad_header(c, "'{'");
  while (!accept(c, "}")) {
    char key[DESCR_LENGTH];
    if (!accept_string(c, key) || !accept(c, ":")) return bad_header(c, "a key and ':'");
    const int bit = !strcmp(key, "descr")           ? DESCR
                    : !strcmp(key, "fortran_order") ? ORDER
                    : !strcmp(key, "shape")         ? SHAPE
                                                    : 0;
    if (!bit || seen & bit) return bad_header(c, "the keys descr, fortran_order and shape, once each");
    seen |= bit;
    const dv_status status = bit == DESCR   ? parse_descr(c, &array->type)
                             : bit == ORDER ? parse_order(c)
                                            : parse_shape(c, array);
    if (status) return status;
    if (!accept(c, ",") && (c->at == c->end || *c->at != '}')) return bad_header(c, "',' or '}'");
  }
  return seen == ALL ? DV_OK : bad_header(c, "the keys descr, fortran_order and shape");
}

/* Finds header and data; the length field has 2 bytes in version 1 and 4 from version 2 on. */
static dv_status split(const unsigned char* bytes, size_t size, cursor* header)
{
  if (size < MAGIC_LENGTH + 4 || memcmp(bytes, magic, MAGIC_LENGTH))
    return dv_fail(header->err, DV_ERR_FORMAT, "%s: is not a .npy file (it does not begin with \\x93NUMPY)",
                   dv_file_label(header->name));
  const unsigned char major = bytes[MAGIC_LENGTH];
  const size_t width = major == 1 ? 2 : 4, start = MAGIC_LENGTH + 2 + width;
  if (major < 1 || major > 3)
    return dv_fail(header->err, DV_ERR_FORMAT, "%s: has .npy version %d; 1 to 3 can be read",
                   dv_file_label(header->name), major);
  size_t length = 0;
  for (size_t i = 0; start <= size && i < width; ++i) length |= (size_t)bytes[MAGIC_LENGTH + 2 + i] << (8 * i);
  if (start > size || length > size - start)
    return dv_fail(header->err, DV_ERR_FORMAT, "%s: is truncated inside its header (%zu bytes)",
                   dv_file_label(header->name), size);
  header->at = (const char*)bytes + start;
  header->end = header->at + length;
  return DV_OK;
}

/* --- The elements ------------------------------------------------------------------------------------ */

static double load(dv_npy_type type, const unsigned char* p)
{
  float f4;
  double f8;
  int32_t i4;
  int64_t i8;
  switch (type) {
  case DV_NPY_F4: memcpy(&f4, p, sizeof f4); return (double)f4;
  case DV_NPY_F8: memcpy(&f8, p, sizeof f8); return f8;
  case DV_NPY_I4: memcpy(&i4, p, sizeof i4); return (double)i4;
  case DV_NPY_I8: memcpy(&i8, p, sizeof i8); return (double)i8;
  case DV_NPY_B1: break;
  }
  return *p ? 1.0 : 0.0;
}

static void store(dv_npy_type type, double value, unsigned char* p)
{
  const float f4 = (float)value;
  const int32_t i4 = type == DV_NPY_I4 ? (int32_t)value : 0;
  const int64_t i8 = type == DV_NPY_I8 ? (int64_t)value : 0;
  switch (type) {
  case DV_NPY_F4: memcpy(p, &f4, sizeof f4); return;
  case DV_NPY_F8: memcpy(p, &value, sizeof value); return;
  case DV_NPY_I4: memcpy(p, &i4, sizeof i4); return;
  case DV_NPY_I8: memcpy(p, &i8, sizeof i8); return;
  case DV_NPY_B1: *p = value != 0.0;
  }
}

/* Product of the shape; false when count elements of the type cannot fit in max_bytes. */
static bool count_elements(const size_t* shape, size_t ndim, dv_npy_type type, size_t max_bytes, size_t* count)
{
  *count = 1;
  for (size_t d = 0; d < ndim; ++d)
    if (!shape[d]) *count = 0;
  for (size_t d = 0; d < ndim && *count; ++d) {
    if (shape[d] > max_bytes / *count) return false;
    *count *= shape[d];
  }
  return *count <= max_bytes / types[type].size;
}

static dv_status parse_elements(const cursor* c, const unsigned char* data, size_t size, dv_npy* array)
{
  const size_t width = types[array->type].size;
  if (!count_elements(array->shape, array->ndim, array->type, size, &array->count))
    return dv_fail(c->err, DV_ERR_FORMAT, "%s: is truncated: its %zu bytes of data are fewer than the shape says",
                   dv_file_label(c->name), size);
  if (array->count * width != size)
    return dv_fail(c->err, DV_ERR_FORMAT, "%s: has %zu bytes of data where the shape says %zu", dv_file_label(c->name),
                   size, array->count * width);
  array->data = malloc((array->count + 1) * sizeof *array->data); /* + 1: no elements are no failure */
  if (!array->data) return dv_fail(c->err, DV_ERR_NOMEM, "%s: no memory to read it", dv_file_label(c->name));
  for (size_t i = 0; i < array->count; ++i) array->data[i] = load(array->type, data + i * width);
  return DV_OK;
}

dv_status dv_npy_parse(const void* bytes, size_t size, const char* name, dv_npy* array, dv_error* err)
{
  cursor c = {.name = name, .err = err};
  *array = (dv_npy){0};
  dv_status status = split(bytes, size, &c);
  if (!status) {
    const char* data = c.end;
    status = parse_dictionary(&c, array);
    if (!status)
      status = parse_elements(&c, (const unsigned char*)data, size - (size_t)(data - (const char*)bytes), array);
  }
  if (status) dv_npy_free(array);
  return status;
}

dv_status dv_npy_read(const char* path, dv_npy* array, dv_error* err)
{
  char* bytes = NULL;
  size_t size = 0;
  *array = (dv_npy){0};
  dv_status status = dv_file_read(path, DV_NPY_MAX_BYTES, &bytes, &size, err);
  if (status) return status;
  status = dv_npy_parse(bytes, size, path, array, err);
  free(bytes);
  return status;
}

/* --- Writing ----------------------------------------------------------------------------------------- */

/* The header with magic, padded with spaces so that the data begin at a multiple of 64. */
static size_t format_header(char text[2 * ALIGNMENT + 64 * DV_NPY_MAX_DIMS], dv_npy_type type, size_t ndim,
                            const size_t* shape)
{
  const size_t capacity = 2 * ALIGNMENT + 64 * DV_NPY_MAX_DIMS, prefix = MAGIC_LENGTH + 4;
  memcpy(text, magic, MAGIC_LENGTH);
  size_t n = prefix;
  n +=
    (size_t)snprintf(text + n, capacity - n, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[type].descr);
  for (size_t d = 0; d < ndim; ++d)
    n += (size_t)snprintf(text + n, capacity - n, "%zu%s", shape[d], ndim == 1 ? "," : d + 1 < ndim ? ", " : "");
  n += (size_t)snprintf(text + n, capacity - n, "), }");
  while ((n + 1) % ALIGNMENT) text[n++] = ' ';
  text[n++] = '\n';
  const size_t length = n - prefix;
  const unsigned char fields[4] = {1, 0, (unsigned char)(length & 255), (unsigned char)(length >> 8)};
  memcpy(text + MAGIC_LENGTH, fields, sizeof fields);
  return n;
}

dv_status dv_npy_write(const char* path, dv_npy_type type, size_t ndim, const size_t* shape, const double* data,
                       dv_error* err)
{
  char header[2 * ALIGNMENT + 64 * DV_NPY_MAX_DIMS];
  size_t count = 0;
  if (ndim > DV_NPY_MAX_DIMS || !count_elements(shape, ndim, type, DV_NPY_MAX_BYTES, &count))
    return dv_fail(err, DV_ERR_ARG, "%s: the array is too large for a .npy file here", dv_file_label(path));
  const size_t start = format_header(header, type, ndim, shape), width = types[type].size;
  unsigned char* bytes = malloc(start + count * width);
  if (!bytes) return dv_fail(err, DV_ERR_NOMEM, "%s: no memory to write it", dv_file_label(path));
  memcpy(bytes, header, start);
  for (size_t i = 0; i < count; ++i) store(type, data[i], bytes + start + i * width);
  const dv_status status = dv_file_write(path, bytes, start + count * width, err);
  free(bytes);
  return status;
}
