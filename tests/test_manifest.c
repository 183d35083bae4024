/* SPDX-License-Identifier: MIT */
#include "datasets/manifest.h"
#include "support/dv_temp.h"
#include "support/dv_test.h"

static void read_text(dv_temp* t, const char* text, dv_manifest* m)
{
  dv_error err;
  if (dv_manifest_read(dv_temp_file(t, "m.jsonl", text, strlen(text)), m, &err)) fail_msg("%s", err.text);
}

static void expect_file(dv_temp* t, const char* name, const char* text)
{
  char got[4096];
  FILE* in = fopen(dv_temp_path(t, name), "r");
  assert_non_null(in);
  got[fread(got, 1, sizeof got - 1, in)] = '\0';
  fclose(in);
  assert_string_equal(got, text);
}

static void expect_path(dv_temp* t, const char* got, const char* name)
{
  assert_string_equal(got, dv_temp_path(t, name));
}

static void test_lines_are_read_in_order_and_other_members_accepted(void** state)
{
  dv_manifest m;
  read_text(*state,
            "{\"id\": \"b\", \"dry\": \"x/dry.wav\", \"wet\": \"/abs/wet.wav\", \"why\": \"said so\", \"bpm\": 120}\n"
            "\n  \t\r\n"
            "{\"has_bleed\":true,\"truth\":\"p.json\",\"id\":\"a\",\"dry\":\"d\",\"wet\":\"w\"}",
            &m);
  assert_int_equal(m.count, 2);
  assert_string_equal(m.pairs[0].id, "b");
  expect_path(*state, m.pairs[0].dry, "x/dry.wav");
  assert_string_equal(m.pairs[0].wet, "/abs/wet.wav");
  assert_string_equal(m.pairs[0].why, "said so");
  assert_null(m.pairs[0].truth);
  assert_false(m.pairs[0].has_bleed);
  assert_string_equal(m.pairs[1].id, "a");
  assert_string_equal(m.pairs[1].why, "");
  expect_path(*state, m.pairs[1].truth, "p.json");
  assert_true(m.pairs[1].has_bleed);
  dv_manifest_free(&m);
  assert_null(m.pairs);
  dv_manifest_free(&m);
}

static void test_bad_lines_are_named(void** state)
{
#define GOOD "{\"id\":\"a\",\"dry\":\"d\",\"wet\":\"w\"}\n"
  static const struct {
    const char *text, *fragment;
  } cases[] = {
    {"", "holds no pairs"},
    {"\n \n", "holds no pairs"},
    {GOOD "\n{\"id\":", "line 3: column"},
    {GOOD "[]\n", "line 2: is not a JSON object"},
    {"7\n", "line 1: is not a JSON object"},
    {"{\"dry\":\"d\",\"wet\":\"w\"}", "line 1: has no \"id\""},
    {"{\"id\":\"a\",\"wet\":\"w\"}", "line 1: has no \"dry\""},
    {"{\"id\":\"a\",\"dry\":\"d\"}", "line 1: has no \"wet\""},
    {"{\"id\":7,\"dry\":\"d\",\"wet\":\"w\"}", "\"id\" must be text"},
    {"{\"id\":\"a\",\"dry\":[],\"wet\":\"w\"}", "\"dry\" must be text"},
    {"{\"id\":\"a\",\"dry\":\"\",\"wet\":\"w\"}", "\"dry\" is empty"},
    {"{\"id\":\"a\",\"dry\":\"d\",\"wet\":\"w\",\"why\":null}", "\"why\" must be text"},
    {"{\"id\":\"a\",\"dry\":\"d\",\"wet\":\"w\",\"truth\":1}", "\"truth\" must be text"},
    {"{\"id\":\"a\",\"dry\":\"d\",\"wet\":\"w\",\"has_bleed\":\"yes\"}", "\"has_bleed\" must be true or false"},
    {"{\"id\":\"a\",\"id\":\"a\",\"dry\":\"d\",\"wet\":\"w\"}", "duplicate"},
    {"{\"id\":\"a/b\",\"dry\":\"d\",\"wet\":\"w\"}", "the id 'a/b' cannot name a folder"},
    {"{\"id\":\"..\",\"dry\":\"d\",\"wet\":\"w\"}", "the id '..' cannot name a folder"},
    {"{\"id\":\"\",\"dry\":\"d\",\"wet\":\"w\"}", "\"id\" is empty"},
    {GOOD "{\"id\":\"b\",\"dry\":\"d\",\"wet\":\"w\"}\n\n" GOOD, "line 4: the id 'a' is line 1's too"},
    {GOOD GOOD "{\"id\":\"b\",\"dry\":\"d\",\"wet\":\"w\"}\n{\"id\":\"b\",\"dry\":\"d\",\"wet\":\"w\"}\n",
     "line 2: the id 'a' is line 1's too"},
  };
#undef GOOD
  for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
    dv_manifest m;
    dv_error err;
    const char* path = dv_temp_file(*state, "bad.jsonl", cases[c].text, strlen(cases[c].text));
    assert_int_equal(dv_manifest_read(path, &m, &err), DV_ERR_FORMAT);
    if (!strstr(err.text, cases[c].fragment) || !strstr(err.text, "bad.jsonl"))
      fail_msg("case %zu: \"%s\"; expected \"%s\"", c, err.text, cases[c].fragment);
    assert_null(m.pairs);
  }
}

static void test_bytes_that_are_no_text_are_refused(void** state)
{
  static const char zero[] = "{\"id\":\"a\",\"dry\":\"d\0\",\"wet\":\"w\"}", latin[] = "{\"id\":\"\xe4\"}";
  dv_manifest m;
  assert_int_equal(dv_manifest_read(dv_temp_file(*state, "z", zero, sizeof zero - 1), &m, NULL), DV_ERR_FORMAT);
  assert_int_equal(dv_manifest_read(dv_temp_file(*state, "l", latin, sizeof latin - 1), &m, NULL), DV_ERR_FORMAT);
}

static void test_absent_manifest_is_an_error(void** state)
{
  dv_manifest m;
  dv_error err;
  assert_int_equal(dv_manifest_read(dv_temp_path(*state, "absent.jsonl"), &m, &err), DV_ERR_IO);
  assert_non_null(strstr(err.text, "absent.jsonl"));
  assert_null(m.pairs);
}

static void test_ids_must_name_folders(void** state)
{
  (void)state;
  char longest[DV_MANIFEST_MAX_ID + 2];
  memset(longest, 'x', sizeof longest);
  longest[DV_MANIFEST_MAX_ID] = '\0';
  assert_true(dv_manifest_id_is_valid(longest));
  longest[DV_MANIFEST_MAX_ID] = 'x';
  longest[DV_MANIFEST_MAX_ID + 1] = '\0';
  assert_false(dv_manifest_id_is_valid(longest));
  assert_true(dv_manifest_id_is_valid("AZaz09._-"));
  assert_true(dv_manifest_id_is_valid("-"));
  static const char* const bad[] = {"", ".", ".a", "a b", "a/b", "a\\b", "\xc3\xa4", "a\n"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) assert_false(dv_manifest_id_is_valid(bad[i]));
}

/* Writes one pair from within the folder and compares the file. */
static void expect_written(dv_temp* t, const char* path, const char* dry, const char* wet, const char* text)
{
  char before[1024];
  char id[] = "a", dry_text[600], wet_text[600];
  const dv_pair pair = {.id = id, .dry = dry_text, .wet = wet_text};
  dv_manifest m = {0};
  dv_error err;
  snprintf(dry_text, sizeof dry_text, "%s", dry);
  snprintf(wet_text, sizeof wet_text, "%s", wet);
  assert_int_equal(dv_manifest_add(&m, &pair, &err), DV_OK);
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(t->dir), 0);
  const dv_status status = dv_manifest_write(path, &m, &err);
  assert_int_equal(chdir(before), 0);
  if (status) fail_msg("%s", err.text);
  expect_file(t, path, text);
  dv_manifest_free(&m);
}

static void test_paths_are_written_relative_to_the_manifest(void** state)
{
  dv_temp* t = *state;
  char inside[600], expected[2048];
  mkdir(dv_temp_path(t, "out"), 0755);
  mkdir(dv_temp_path(t, "out/deep"), 0755);
  if (symlink("out/deep", dv_temp_path(t, "link"))) abort();
  const char* base = strrchr(t->dir, '/') + 1;
  expect_written(t, "m", "d.wav", "./s//w.wav", "{\"id\": \"a\", \"dry\": \"d.wav\", \"wet\": \"s//w.wav\"}\n");
  expect_written(t, "out/m", "out/d", "w", "{\"id\": \"a\", \"dry\": \"d\", \"wet\": \"../w\"}\n");
  expect_written(t, "link/m", "out/d", "outer/w", "{\"id\": \"a\", \"dry\": \"../d\", \"wet\": \"../../outer/w\"}\n");
  expect_written(t, "m", "link/../x", "link", "{\"id\": \"a\", \"dry\": \"link/../x\", \"wet\": \"link\"}\n");
  snprintf(inside, sizeof inside, "%s/in/w", t->dir);
  snprintf(expected, sizeof expected, "{\"id\": \"a\", \"dry\": \"/else/d\", \"wet\": \"in/w\"}\n");
  expect_written(t, "m", "/else/d", inside, expected);
  snprintf(expected, sizeof expected, "{\"id\": \"a\", \"dry\": \"../out-of-it/d\", \"wet\": \"%s\"}\n", inside);
  expect_written(t, "out/m", "out-of-it/d", inside, expected);
  snprintf(inside, sizeof inside, "../%s/out/d", base);
  expect_written(t, "out/m", inside, "../other/w", "{\"id\": \"a\", \"dry\": \"d\", \"wet\": \"../../other/w\"}\n");
}

static void test_what_was_written_reads_back(void** state)
{
  dv_temp* t = *state;
  dv_manifest first, second;
  dv_error err;
  read_text(t,
            "{\"id\":\"a\",\"dry\":\"d \\\"q\\\" \\u00e4.wav\",\"wet\":\"/w\",\"why\":\"b\\nc\",\"has_bleed\":true,"
            "\"truth\":\"t\"}\n{\"id\":\"b\",\"dry\":\"e\",\"wet\":\"f\"}\n",
            &first);
  assert_int_equal(dv_manifest_write(dv_temp_path(t, "again.jsonl"), &first, &err), DV_OK);
  assert_int_equal(dv_manifest_read(t->path, &second, &err), DV_OK);
  assert_int_equal(second.count, 2);
  for (size_t i = 0; i < 2; ++i) {
    assert_string_equal(second.pairs[i].id, first.pairs[i].id);
    assert_string_equal(second.pairs[i].dry, first.pairs[i].dry);
    assert_string_equal(second.pairs[i].wet, first.pairs[i].wet);
    assert_string_equal(second.pairs[i].why, first.pairs[i].why);
    assert_int_equal(second.pairs[i].has_bleed, first.pairs[i].has_bleed);
  }
  assert_string_equal(second.pairs[0].truth, first.pairs[0].truth);
  assert_null(second.pairs[1].truth);
  dv_manifest_free(&first);
  dv_manifest_free(&second);
}

static void test_what_cannot_be_written_is_refused(void** state)
{
  dv_temp* t = *state;
  char good[] = "a", bad[] = "a/b", path[] = "p", latin[] = "\xe4.wav";
  const struct {
    dv_pair pair;
    size_t times;
    const char* fragment;
  } cases[] = {{{.id = good, .dry = path, .wet = path}, 2, "'a' is given to two pairs"},
               {{.id = bad, .dry = path, .wet = path}, 1, "'a/b' cannot name a folder"},
               {{.id = good, .dry = path, .wet = latin}, 1, "is not UTF-8"}};
  for (size_t c = 0; c < 3; ++c) {
    dv_manifest m = {0};
    dv_error err;
    for (size_t i = 0; i < cases[c].times; ++i) assert_int_equal(dv_manifest_add(&m, &cases[c].pair, NULL), DV_OK);
    assert_int_equal(dv_manifest_write(dv_temp_path(t, "none.jsonl"), &m, &err), DV_ERR_ARG);
    if (!strstr(err.text, cases[c].fragment)) fail_msg("%s", err.text);
    assert_int_not_equal(access(t->path, F_OK), 0);
    dv_manifest_free(&m);
  }
}

static void test_missing_folder_is_an_error(void** state)
{
  const dv_manifest empty = {0};
  dv_error err;
  assert_int_equal(dv_manifest_write(dv_temp_path(*state, "absent/m.jsonl"), &empty, &err), DV_ERR_IO);
  assert_non_null(strstr(err.text, "absent/m.jsonl: cannot write"));
  assert_int_equal(dv_manifest_write(dv_temp_path(*state, "empty.jsonl"), &empty, &err), DV_OK);
  expect_file(*state, "empty.jsonl", "");
}

static void test_full_disk_leaves_the_old_manifest(void** state)
{
  dv_temp* t = *state;
  dv_manifest m;
  dv_error err;
  read_text(t, "{\"id\":\"a\",\"dry\":\"d\",\"wet\":\"w\"}\n", &m);
  const size_t before = dv_temp_count(t);
  dv_temp_fill_disk(8);
  const dv_status status = dv_manifest_write(dv_temp_path(t, "m.jsonl"), &m, &err);
  dv_temp_fill_disk((size_t)-1);
  assert_int_equal(status, DV_ERR_IO);
  assert_int_equal(dv_temp_count(t), before);
  expect_file(t, "m.jsonl", "{\"id\":\"a\",\"dry\":\"d\",\"wet\":\"w\"}\n");
  dv_manifest_free(&m);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_lines_are_read_in_order_and_other_members_accepted),
    cmocka_unit_test(test_bad_lines_are_named),
    cmocka_unit_test(test_bytes_that_are_no_text_are_refused),
    cmocka_unit_test(test_absent_manifest_is_an_error),
    cmocka_unit_test(test_ids_must_name_folders),
    cmocka_unit_test(test_paths_are_written_relative_to_the_manifest),
    cmocka_unit_test(test_what_was_written_reads_back),
    cmocka_unit_test(test_what_cannot_be_written_is_refused),
    cmocka_unit_test(test_missing_folder_is_an_error),
    cmocka_unit_test(test_full_disk_leaves_the_old_manifest),
  };
  return cmocka_run_group_tests_name("manifest", tests, dv_temp_setup, dv_temp_teardown);
}
