/* SPDX-License-Identifier: MIT */
/* diffvox-lv2preset and the bundles it writes.  The hosts' view of them is in tests/hosts. */
#include "datasets/file.h"
#include "plugin/preset_bundle.h"
#include "plugin/ttl.h"
#include "support/dv_cli.h"

static const char* tool;

static dv_preset usual_preset(const char* name)
{
  dv_preset p;
  dv_preset_init(&p);
  dv_preset_set_text(p.name, sizeof p.name, name);
  return p;
}

static void expect(dv_temp* t, const char* args, int status, const char* fragment)
{
  dv_cli_expect(t, tool, args, status, fragment);
}

static char* read_text(dv_temp* t, const char* name)
{
  char* text;
  size_t size;
  dv_error err;
  if (dv_file_read(dv_temp_path(t, name), 1 << 20, &text, &size, &err)) fail_msg("%s", err.text);
  return text;
}

static void assert_contains(dv_temp* t, const char* name, const char* fragment)
{
  char* text = read_text(t, name);
  if (!strstr(text, fragment)) fail_msg("%s does not contain %s", name, fragment);
  free(text);
}

static void write_preset(dv_temp* t, const char* file, const dv_preset* preset)
{
  dv_error err;
  if (dv_preset_write(dv_temp_path(t, file), preset, &err)) fail_msg("%s", err.text);
}

static void test_factory_presets_become_a_bundle(void** state)
{
  dv_temp* t = *state;
  expect(t, "factory: -o factory.lv2", 0, "28 presets in factory.lv2");
  assert_contains(t, "factory.lv2/manifest.ttl", "<urn:diffvox:preset:factory:plate-short>");
  assert_contains(t, "factory.lv2/manifest.ttl", "rdfs:label \"Factory\"");
  assert_contains(t, "factory.lv2/plate-short.ttl", "rdfs:comment \"One second of bright plate");
  char* text = read_text(t, "factory.lv2/plate-short.ttl");
  assert_null(strstr(text, "dry_wet"));
  assert_null(strstr(text, "input_gain"));
  free(text);
}

static void test_fitted_preset_carries_its_gains(void** state)
{
  dv_temp* t = *state;
  dv_preset p = usual_preset("My voice");
  p.input_gain_db = 7.25;
  p.output_gain_db = -1.5;
  dv_preset_note_text(&p, "created_by", "diffvox-fit 1");
  write_preset(t, "fit.json", &p);
  expect(t, "fit.json -o fit.lv2", 0, "1 preset in");
  assert_contains(t, "fit.lv2/fitted-my-voice.ttl", "\"input_gain\" ;\n    pset:value 7.25");
  assert_contains(t, "fit.lv2/fitted-my-voice.ttl", "rdfs:label \"Fitted My voice - ");
  assert_contains(t, "fit.lv2/fitted-my-voice.ttl", "input_gain_db 401d000000000000");
}

static void test_fits_of_one_name_are_told_apart(void** state)
{
  dv_temp* t = *state;
  const dv_preset a = usual_preset("take");
  dv_preset b = a;
  b.params.pan = 0.25;
  dv_error err;
  const char* const names[] = {"one/preset.lv2", "two/preset.lv2"};
  const dv_preset* const presets[] = {&a, &b};
  char* text[2];
  for (int i = 0; i < 2; ++i) {
    assert_int_equal(mkdir(dv_temp_path(t, i ? "two" : "one"), 0777), 0);
    if (dv_lv2_bundle_write(dv_temp_path(t, names[i]), &presets[i], 1, &err)) fail_msg("%s", err.text);
    char manifest[64];
    snprintf(manifest, sizeof manifest, "%s/manifest.ttl", names[i]);
    text[i] = read_text(t, manifest);
    assert_non_null(strstr(text[i], "<urn:diffvox:preset:preset:fitted-take:"));
  }
  assert_string_not_equal(text[0], text[1]);
  free(text[0]);
  free(text[1]);
}

static void test_folders_hold_presets_and_fits(void** state)
{
  dv_temp* t = *state;
  const dv_preset a = usual_preset("a"), b = usual_preset("b");
  assert_int_equal(mkdir(dv_temp_path(t, "many"), 0777), 0);
  assert_int_equal(mkdir(dv_temp_path(t, "many/run"), 0777), 0);
  write_preset(t, "many/a.json", &a);
  write_preset(t, "many/run/preset.json", &b);
  dv_temp_file(t, "many/notes.txt", "x", 1);
  expect(t, "many -o many.lv2", 0, "2 presets in");
  expect(t, "many/run -o run.lv2", 0, "1 preset in");
}

static void test_any_name_is_written_as_turtle(void** state)
{
  dv_temp* t = *state;
  dv_preset p = usual_preset("\"quoted\" \\ back\\slash, ümlaut \x01 and 日本");
  dv_preset_set_text(p.comment, sizeof p.comment, "line one\nline \"two\"");
  const dv_preset unnamed = usual_preset("");
  const dv_preset* const presets[] = {&p, &p, &unnamed};
  dv_error err;
  if (dv_lv2_bundle_write(dv_temp_path(t, "odd.lv2"), presets, 3, &err)) fail_msg("%s", err.text);
  assert_contains(t, "odd.lv2/fitted-quoted-back-slash-mlaut-and.ttl",
                  "\\\"quoted\\\" \\\\ back\\\\slash, ümlaut \\u0001");
  assert_contains(t, "odd.lv2/fitted-quoted-back-slash-mlaut-and-2.ttl", "line one\\u000Aline \\\"two\\\"");
  assert_contains(t, "odd.lv2/manifest.ttl", "fitted-without-a-name.ttl");
}

static void test_bundle_is_replaced_and_nothing_else_is(void** state)
{
  dv_temp* t = *state;
  expect(t, "hall -o mine.lv2", 0, "1 preset");
  expect(t, "plate-long chamber -o mine.lv2/", 0, "2 presets");
  assert_int_equal(access(dv_temp_path(t, "mine.lv2/concert-hall.ttl"), F_OK), -1);
  assert_int_equal(access(dv_temp_path(t, "mine.lv2/chamber.ttl"), F_OK), 0);
  assert_int_equal(mkdir(dv_temp_path(t, "other"), 0777), 0);
  dv_temp_file(t, "other/manifest.ttl", "# not ours\n", 11);
  expect(t, "hall -o other", 1, "choose another name");
  dv_temp_file(t, "file", "x", 1);
  expect(t, "hall -o file", 1, "choose another name");
  assert_contains(t, "other/manifest.ttl", "not ours");
}

static void test_install_goes_where_hosts_look(void** state)
{
  dv_temp* t = *state;
  char command[1024], output[4096];
  snprintf(command, sizeof command, "HOME=. '%s' hall -o halls --install", tool);
  assert_int_equal(dv_cli_shell(t, command, output, sizeof output), 0);
  assert_contains(t, ".lv2/halls.lv2/manifest.ttl", "urn:diffvox:preset:halls:concert-hall");
}

static void test_install_without_a_name_takes_that_of_the_preset(void** state)
{
  dv_temp* t = *state;
  char command[1024], output[4096];
  const dv_preset p = usual_preset("a fit");
  assert_int_equal(mkdir(dv_temp_path(t, "my fit"), 0777), 0);
  write_preset(t, "my fit/preset.json", &p);
  const char* const specs[] = {"my fit/", "my fit/preset.json", "hall"};
  for (size_t i = 0; i < sizeof specs / sizeof *specs; ++i) {
    snprintf(command, sizeof command, "HOME=. '%s' '%s' --install", tool, specs[i]);
    assert_int_equal(dv_cli_shell(t, command, output, sizeof output), 0);
    assert_true(strstr(output, i < 2 ? ".lv2/diffvox-my-fit.lv2" : ".lv2/diffvox-hall.lv2") != NULL);
  }
  assert_contains(t, ".lv2/diffvox-my-fit.lv2/manifest.ttl", "pset:Preset");
}

static void test_bad_input_is_named(void** state)
{
  dv_temp* t = *state;
  expect(t, "-o x.lv2", 2, "wants presets");
  expect(t, "hall", 2, "-o BUNDLE");
  expect(t, "hall -o ../x --install", 2, "plain name");
  expect(t, "hal -o x.lv2", 1, "did you mean 'hall'");
  expect(t, "medleydb: -o x.lv2 --corpora nowhere", 1, "nowhere");
  expect(t, "hall -o no/such/folder/x.lv2", 1, "no/such/folder");
  assert_int_equal(mkdir(dv_temp_path(t, "empty"), 0777), 0);
  expect(t, "empty -o x.lv2", 1, "holds neither");
  dv_temp_file(t, "bad.json", "{", 1);
  expect(t, "bad.json -o x.lv2", 1, "bad.json");
  assert_int_equal(access(dv_temp_path(t, "x.lv2"), F_OK), -1);
}

static void test_full_disk_leaves_the_old_bundle(void** state)
{
  dv_temp* t = *state;
  const dv_preset p = usual_preset("new");
  const dv_preset* const presets[] = {&p};
  dv_error err;
  expect(t, "hall -o kept.lv2", 0, "1 preset");
  const size_t before = dv_temp_count(t);
  dv_temp_fill_disk(100);
  const dv_status status = dv_lv2_bundle_write(dv_temp_path(t, "kept.lv2"), presets, 1, &err);
  dv_temp_fill_disk((size_t)-1);
  assert_int_equal(status, DV_ERR_IO);
  assert_int_equal(dv_temp_count(t), before);
  assert_contains(t, "kept.lv2/manifest.ttl", "concert-hall");
}

static void test_list_names_presets_as_hosts_do(void** state)
{
  dv_temp* t = *state;
  expect(t, "plate-short --list", 0, "Plate short - dense, reverb 1.0 s");
}

static void test_numbers_have_no_exponent_and_survive(void** state)
{
  (void)state;
  static const float values[] = {0.0f, -1.0f, 0.1f, 1e-7f, 3.4e38f, 16777217.0f, 1.17549435e-38f, -123.456f};
  for (size_t i = 0; i < sizeof values / sizeof *values; ++i) {
    char* text;
    size_t size;
    FILE* out = open_memstream(&text, &size);
    dv_ttl_number(out, values[i]);
    fclose(out);
    assert_null(strpbrk(text, "eE"));
    assert_non_null(strchr(text, '.'));
    assert_true(strtof(text, NULL) == values[i]);
    free(text);
  }
}

int main(int argc, char** argv)
{
  if (argc != 2) return 2;
  tool = argv[1];
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_factory_presets_become_a_bundle),
    cmocka_unit_test(test_fitted_preset_carries_its_gains),
    cmocka_unit_test(test_fits_of_one_name_are_told_apart),
    cmocka_unit_test(test_folders_hold_presets_and_fits),
    cmocka_unit_test(test_any_name_is_written_as_turtle),
    cmocka_unit_test(test_bundle_is_replaced_and_nothing_else_is),
    cmocka_unit_test(test_install_goes_where_hosts_look),
    cmocka_unit_test(test_install_without_a_name_takes_that_of_the_preset),
    cmocka_unit_test(test_bad_input_is_named),
    cmocka_unit_test(test_full_disk_leaves_the_old_bundle),
    cmocka_unit_test(test_list_names_presets_as_hosts_do),
    cmocka_unit_test(test_numbers_have_no_exponent_and_survive),
  };
  return cmocka_run_group_tests_name("LV2 presets", tests, dv_temp_setup, dv_temp_teardown);
}
