/* SPDX-License-Identifier: MIT */
#include "datasets/npy.h"
#include "support/dv_test.h"
#include "support/dv_temp.h"

#define DICT(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

/* A version 1 file with this header text and size bytes of data. */
static size_t build(unsigned char* file, const char* header, const void* data, size_t size)
{
  const size_t length = strlen(header);
  memcpy(file, "\x93NUMPY\x01\x00", 8);
  file[8] = (unsigned char)(length & 255);
  file[9] = (unsigned char)(length >> 8);
  memcpy(file + 10, header, length);
  memcpy(file + 10 + length, data, size);
  return 10 + length + size;
}

static void test_every_type_survives_writing_and_reading(void** state)
{
  static const double exact[6] = {0, 1, -2, 3.5, -1e6, 16777216}, whole[6] = {0, 1, -2, 3, -2e9, 2e9},
                      logical[6] = {0, 1, 1, 0, 0, 1};
  static const struct {
    dv_npy_type type;
    const double* values;
  } rows[] = {{DV_NPY_F4, exact}, {DV_NPY_F8, exact}, {DV_NPY_I4, whole}, {DV_NPY_I8, whole}, {DV_NPY_B1, logical}};
  static const size_t shape[2] = {3, 2};
  for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r) {
    dv_npy a;
    dv_error err = {""};
    const char* path = dv_temp_path(*state, "a.npy");
    assert_int_equal(dv_npy_write(path, rows[r].type, 2, shape, rows[r].values, &err), DV_OK);
    assert_int_equal(dv_npy_read(path, &a, &err), DV_OK);
    assert_int_equal(a.type, rows[r].type);
    assert_int_equal(a.ndim, 2);
    assert_int_equal(a.shape[0], 3);
    assert_int_equal(a.shape[1], 2);
    assert_memory_equal(a.data, rows[r].values, 6 * sizeof(double));
    dv_npy_free(&a);
  }
}

static void test_all_shapes_survive(void** state)
{
  static const size_t shapes[][DV_NPY_MAX_DIMS] = {{0}, {5}, {0, 7}, {2, 3}, {1, 1, 1, 1, 1, 1, 1, 4}};
  static const size_t ndims[] = {0, 1, 2, 2, 8};
  const double data[6] = {1, 2, 3, 4, 5, 6};
  for (size_t s = 0; s < sizeof ndims / sizeof *ndims; ++s) {
    dv_npy a;
    dv_error err = {""};
    const char* path = dv_temp_path(*state, "s.npy");
    assert_int_equal(dv_npy_write(path, DV_NPY_F8, ndims[s], shapes[s], data, &err), DV_OK);
    assert_int_equal(dv_npy_read(path, &a, &err), DV_OK);
    assert_int_equal(a.ndim, ndims[s]);
    for (size_t d = 0; d < ndims[s]; ++d) assert_int_equal(a.shape[d], shapes[s][d]);
    dv_npy_free(&a);
  }
}

static void test_header_starts_data_at_a_multiple_of_64(void** state)
{
  const size_t shape[1] = {3};
  const double data[3] = {1, 2, 3};
  struct stat st;
  assert_int_equal(dv_npy_write(dv_temp_path(*state, "h.npy"), DV_NPY_F4, 1, shape, data, NULL), DV_OK);
  assert_int_equal(stat(dv_temp_path(*state, "h.npy"), &st), 0);
  assert_int_equal(st.st_size % 64, 3 * 4);
}

static void test_header_versions_2_and_3_are_read(void** state)
{
  (void)state;
  for (unsigned char version = 2; version <= 3; ++version) {
    unsigned char file[256] = "\x93NUMPY";
    const char* header = DICT("\"<f4\"", "False", "(1,)");
    const float x = 2.5F;
    const size_t length = strlen(header);
    file[6] = version;
    file[8] = (unsigned char)length;
    memcpy(file + 12, header, length);
    memcpy(file + 12 + length, &x, sizeof x);
    dv_npy a;
    dv_error err = {""};
    assert_int_equal(dv_npy_parse(file, 12 + length + sizeof x, "v", &a, &err), DV_OK);
    assert_close(a.data[0], 2.5, 0.0, 0.0);
    dv_npy_free(&a);
  }
}

static void test_bad_files_are_refused_with_a_reason(void** state)
{
  (void)state;
  static const struct {
    const char *header, *fragment;
  } rows[] = {
    {DICT("'>f4'", "False", "(2,)"), "'>f4' (big-endian)"},
    {DICT("'<c8'", "False", "(2,)"), "'<c8' (complex)"},
    {DICT("'|O'", "False", "(2,)"), "'|O' (Python objects)"},
    {DICT("'<f2'", "False", "(2,)"), "'<f2'"},
    {DICT("'<U5'", "False", "(2,)"), "'<U5'"},
    {DICT("'|u1\x1b'", "False", "(2,)"), "'|u1?'"},
    {DICT("[('a', '<f4')]", "False", "(2,)"), "structured records"},
    {DICT("'<f4'", "True", "(2,)"), "Fortran order"},
    {DICT("'<f4'", "0", "(2,)"), "True or False"},
    {DICT("'<f4'", "False", "2"), "a shape"},
    {DICT("'<f4'", "False", "(-2,)"), "whole numbers"},
    {DICT("'<f4'", "False", "(2.0,)"), "')' after the shape"},
    {DICT("'<f4'", "False", "(2 3)"), "')' after the shape"},
    {DICT("'<f4'", "False", "(99999999999999999999999,)"), "whole numbers"},
    {DICT("'<f4'", "False", "(4611686018427387904, 4)"), "is truncated"},
    {DICT("'<f4'", "False", "(18446744073709551615, 18446744073709551615)"), "is truncated"},
    {DICT("'<f4'", "False", "(1,1,1,1,1,1,1,1,1)"), "more than 8 dimensions"},
    {DICT("'<f4'", "False", "(3,)"), "is truncated"},
    {DICT("'<f4'", "False", "(1,)"), "has 8 bytes of data where the shape says 4"},
    {DICT("'<f4'", "False", "()"), "has 8 bytes of data where the shape says 4"},
    {DICT("'<f4'", "False", "(0, 3)"), "has 8 bytes of data where the shape says 0"},
    {"{'descr': '<f4', 'shape': (2,)}", "the keys descr, fortran_order and shape"},
    {"{'descr': '<f4', 'descr': '<f4', 'shape': (2,)}", "once each"},
    {"{'descr': '<f4', 'colour': 1}", "once each"},
    {"{'descr': '<f4' 'shape': (2,)}", "',' or '}'"},
    {"{'descr': '<f4", "a type"},
    {"", "expected '{'"},
    {"{", "a key and ':'"},
    {"[]", "expected '{'"},
  };
  const float data[2] = {1, 2};
  for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r) {
    unsigned char file[512];
    dv_npy a;
    dv_error err = {""};
    const size_t size = build(file, rows[r].header, data, sizeof data);
    const dv_status status = dv_npy_parse(file, size, "bad.npy", &a, &err);
    if (status != DV_ERR_FORMAT || strncmp(err.text, "bad.npy: ", 9) || !strstr(err.text, rows[r].fragment))
      fail_msg("%s: status %d, \"%s\"; expected \"%s\"", rows[r].header, status, err.text, rows[r].fragment);
    assert_null(a.data);
  }
}

static void test_every_truncation_is_refused(void** state)
{
  (void)state;
  unsigned char file[256];
  const float data[2] = {1, 2};
  const size_t size = build(file, DICT("'<f4'", "False", "(2,)"), data, sizeof data);
  for (size_t n = 0; n < size; ++n) {
    unsigned char* copy = malloc(n ? n : 1); /* exact size: reading beyond it is seen by the sanitizer */
    dv_npy a;
    assert_non_null(copy);
    memcpy(copy, file, n);
    assert_int_equal(dv_npy_parse(copy, n, "cut.npy", &a, NULL), DV_ERR_FORMAT);
    free(copy);
  }
}

static void test_foreign_files_are_refused(void** state)
{
  static const struct {
    const char *bytes, *fragment;
    size_t size;
  } rows[] = {
    {"", "not a .npy file", 0},
    {"PK\x03\x04 an archive with arrays", "not a .npy file", 24},
    {"\x93NUMPY\x04\x00\x10\x00{}", "version 4", 12},
    {"\x93NUMPY\x00\x00\x10\x00{}", "version 0", 12},
    {"\x93NUMPY\x01\x00\xff\xff{}", "inside its header", 12},
    {"\x93NUMPY\x02\x00\xff\xff\xff\xff{}", "inside its header", 14},
    {"\x93NUMPY\x02\x00\xff", "not a .npy file", 9},
  };
  for (size_t r = 0; r < sizeof rows / sizeof *rows; ++r) {
    dv_npy a;
    dv_error err = {""};
    const char* path = dv_temp_file(*state, "foreign.npy", rows[r].bytes, rows[r].size);
    assert_int_equal(dv_npy_read(path, &a, &err), DV_ERR_FORMAT);
    if (!strstr(err.text, rows[r].fragment)) fail_msg("\"%s\" lacks \"%s\"", err.text, rows[r].fragment);
  }
  dv_npy a;
  dv_error err;
  assert_int_equal(dv_npy_read(dv_temp_path(*state, "absent.npy"), &a, &err), DV_ERR_IO);
  assert_non_null(strstr(err.text, "absent.npy: cannot read: No such file"));
}

static void test_writing_too_much_is_refused(void** state)
{
  const size_t huge[2] = {SIZE_MAX / 2, 3}, nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  const double x = 0.0;
  dv_error err;
  const char* path = dv_temp_path(*state, "huge.npy");
  assert_int_equal(dv_npy_write(path, DV_NPY_F8, 2, huge, &x, &err), DV_ERR_ARG);
  assert_int_equal(dv_npy_write(path, DV_NPY_F8, 9, nine, &x, &err), DV_ERR_ARG);
  assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_type_survives_writing_and_reading),
    cmocka_unit_test(test_all_shapes_survive),
    cmocka_unit_test(test_header_starts_data_at_a_multiple_of_64),
    cmocka_unit_test(test_header_versions_2_and_3_are_read),
    cmocka_unit_test(test_bad_files_are_refused_with_a_reason),
    cmocka_unit_test(test_every_truncation_is_refused),
    cmocka_unit_test(test_foreign_files_are_refused),
    cmocka_unit_test(test_writing_too_much_is_refused),
  };
  return cmocka_run_group_tests_name("npy", tests, dv_temp_setup, dv_temp_teardown);
}
