/* SPDX-License-Identifier: MIT */
#include "report/png.h"
#include "report/svg.h"
#include "support/dv_test.h"
#include "support/dv_xml.h"

#include <locale.h>
#include <zlib.h>

static void assert_written(dv_buffer* b, const char* want)
{
  assert_int_equal(b->status, DV_OK);
  if (b->size != strlen(want) || (b->size && memcmp(b->data, want, b->size)))
    fail_msg("\"%.*s\", expected \"%s\"", (int)b->size, b->data ? b->data : "", want);
  dv_buffer_free(b);
}

static void test_text_escapes_markup(void** state)
{
  (void)state;
  dv_buffer b = {0};
  dv_buffer_text(&b, "<script>alert(\"1\") && 'x'</script>");
  assert_written(&b, "&lt;script&gt;alert(&quot;1&quot;) &amp;&amp; &#39;x&#39;&lt;/script&gt;");
}

static void test_text_keeps_utf8_and_replaces_what_is_not(void** state)
{
  (void)state;
  static const struct {
    const char *in, *out;
  } cases[] = {{"\xc3\xa9\xe2\x88\x92\xf0\x9f\x8e\xa4", "\xc3\xa9\xe2\x88\x92\xf0\x9f\x8e\xa4"},
               {"a\x01\x1b\x7f"
                "b\r",
                "a\xef\xbf\xbd\xef\xbf\xbd\x7f"
                "b\xef\xbf\xbd"},
               {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* overlong */
               {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* surrogate */
               {"\xef\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* U+FFFF */
               {"\xe2\x88", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* cut */
               {"\xf5\x80\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    dv_buffer b = {0};
    dv_buffer_text(&b, cases[i].in);
    assert_written(&b, cases[i].out);
  }
}

static void test_text_of_null_is_empty(void** state)
{
  (void)state;
  dv_buffer b = {0};
  dv_buffer_text(&b, NULL);
  assert_int_equal(b.size, 0);
}

static void test_links_stay_in_the_folder(void** state)
{
  (void)state;
  dv_buffer b = {0};
  dv_buffer_link(&b, "javascript:alert('1') \"\xc3\xa9.wav");
  assert_written(&b, "./javascript%3Aalert%28%271%27%29%20%22%C3%A9.wav");
}

static void test_fixed_numbers_are_short_and_finite(void** state)
{
  (void)state;
  static const struct {
    double value;
    int decimals;
    const char* want;
  } cases[] = {{1.005, 2, "1"},
               {-3.5, 2, "-3.5"},
               {-0.001, 2, "0"},
               {12.3456, 2, "12.35"},
               {0.0, 3, "0"},
               {1e30, 2, "1000000000"},
               {(double)NAN, 2, "0"},
               {-(double)INFINITY, 0, "-1000000000"},
               {0.000000001, 9, "0.000000001"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    dv_buffer b = {0};
    dv_buffer_fixed(&b, cases[i].value, cases[i].decimals);
    assert_written(&b, cases[i].want);
  }
}

static void test_numbers_ignore_the_locale(void** state)
{
  (void)state;
  static const char* const commas[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"};
  bool set = false;
  for (size_t i = 0; i < 3 && !set; ++i) set = setlocale(LC_NUMERIC, commas[i]) != NULL;
  if (!set) {
    print_message("no locale with a decimal comma here: skipped\n");
    skip();
  }
  dv_buffer b = {0};
  dv_buffer_fixed(&b, 1.5, 2);
  setlocale(LC_NUMERIC, "C");
  assert_written(&b, "1.5");
}

static void test_labels_read_as_people_write_them(void** state)
{
  (void)state;
  char text[DV_NUMBER_MAX];
  dv_format_fixed(text, sizeof text, -12.50, 2, "dB");
  assert_string_equal(text, "\xe2\x88\x92"
                            "12.5\xe2\x80\xaf"
                            "dB");
  dv_format_column(text, sizeof text, 1.5, 4);
  assert_string_equal(text, "1.5000");
  dv_format_digits(text, sizeof text, 0.0123456, 3, NULL);
  assert_string_equal(text, "0.0123");
  dv_format_digits(text, sizeof text, 3.2e-7, 3, NULL);
  assert_string_equal(text, "3.2e\xe2\x88\x92"
                            "7");
  dv_format_digits(text, sizeof text, 9.9999e9, 3, NULL);
  assert_string_equal(text, "1e10");
  dv_format_digits(text, sizeof text, (double)NAN, 3, "dB");
  assert_string_equal(text, "\xe2\x80\x93");
  dv_format_digits(text, sizeof text, -(double)INFINITY, 3, "dB");
  assert_string_equal(text, "\xe2\x88\x92\xe2\x88\x9e");
  dv_format_hz(text, sizeof text, 1250.0);
  assert_string_equal(text, "1.25\xe2\x80\xaf"
                            "kHz");
  dv_format_ms(text, sizeof text, 37412.0);
  assert_string_equal(text, "37.4\xe2\x80\xaf"
                            "s");
}

static void test_times_carry_into_minutes(void** state)
{
  (void)state;
  static const struct {
    double seconds;
    int decimals;
    const char* want;
  } cases[] = {{0, 0, "0:00"},       {59.6, 0, "1:00"},   {187, 0, "3:07"},
               {3.25, 2, "0:03.25"}, {9.96, 1, "0:10.0"}, {3723, 0, "62:03"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    char text[DV_NUMBER_MAX];
    dv_format_time(text, sizeof text, cases[i].seconds, cases[i].decimals);
    assert_string_equal(text, cases[i].want);
  }
}

static void test_extreme_numbers_fit_their_labels(void** state)
{
  (void)state;
  static const double values[] = {1.7e308, -1.7e308, 5e-324, 2.2e-308, 9.999999e6, 1e7, 0.0};
  for (size_t i = 0; i < sizeof values / sizeof *values; ++i) {
    char text[DV_NUMBER_MAX];
    dv_format_fixed(text, sizeof text, values[i], 9, "dB");
    dv_format_digits(text, sizeof text, values[i], 9, "samples");
    dv_format_time(text, sizeof text, values[i], 6);
    dv_format_column(text, sizeof text, values[i], 9);
    assert_in_range(strlen(text), 1, DV_NUMBER_MAX - 1);
  }
}

static void test_base64_matches_the_vectors_of_rfc_4648(void** state)
{
  (void)state;
  static const char* const cases[][2] = {{"", ""},
                                         {"f", "Zg=="},
                                         {"fo", "Zm8="},
                                         {"foo", "Zm9v"},
                                         {"foob", "Zm9vYg=="},
                                         {"fooba", "Zm9vYmE="},
                                         {"foobar", "Zm9vYmFy"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    dv_buffer b = {0};
    dv_buffer_base64(&b, cases[i][0], strlen(cases[i][0]));
    assert_written(&b, cases[i][1]);
  }
}

static void test_a_failed_buffer_stays_as_it_is(void** state)
{
  (void)state;
  dv_buffer b = {0};
  dv_buffer_put(&b, "kept");
  b.status = DV_ERR_NOMEM;
  dv_buffer_put(&b, "lost");
  dv_buffer_base64(&b, "lost", 4);
  dv_buffer_text(&b, "<");
  assert_int_equal(b.size, 4);
  dv_buffer_free(&b);
}

static void test_every_element_is_well_formed_with_hostile_text(void** state)
{
  (void)state;
  static const char bad[] = "\"/><script>&\x02\xff";
  dv_buffer b = {0};
  dv_svg_begin(&b, &(dv_svg_frame){.width = 10, .height = 10, .title = bad, .description = bad, .standalone = true});
  dv_svg_clip_begin(&b, 0, 0, 5, 5);
  dv_svg_group_begin(&b, "ink");
  dv_svg_line(&b, 0, 0, 1, 1, "l1");
  dv_svg_rect(&b, 0, 0, -1, (double)NAN, "f1", bad);
  dv_svg_tile(&b, 0, 0, 1, 1, "pos", 0.5, bad);
  dv_svg_circle(&b, 0, 0, 1, "t1", bad);
  dv_svg_text(&b, 0, 0, DV_SVG_END, NULL, bad);
  dv_svg_text_up(&b, 0, 0, bad);
  dv_svg_path_begin(&b, "l1");
  dv_svg_path_point(&b, 1, 2, true);
  dv_svg_path_point(&b, 3, 4, false);
  dv_svg_path_close(&b);
  dv_svg_path_end(&b, bad);
  dv_svg_group_end(&b);
  dv_svg_clip_end(&b);
  dv_svg_end(&b);
  assert_xml(b.data, b.size);
  assert_int_equal(dv_count_in(b.data, b.size, "<script"), 0);
  dv_buffer_free(&b);
}

static void test_the_checker_finds_what_is_wrong(void** state) /* negative control */
{
  (void)state;
  static const char* const bad[] = {
    "<a><b></a></b>", "<a>", "<a/><b>", "<a b=1></a>", "<a>&nbsp;</a>", "<a>\x01</a>", "<a b=\"<\"></a>",
    "<a></a><b></b>", ""};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) assert_non_null(dv_xml_wrong(bad[i], strlen(bad[i])));
  assert_null(dv_xml_wrong("<a b=\"1\">x &amp; y<c/></a>", 26));
}

/* --- PNG ------------------------------------------------------------------------------------------------- */

static uint32_t word_at(const char* data)
{
  const uint8_t* b = (const uint8_t*)data;
  return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void test_png_holds_the_pixels(void** state)
{
  (void)state;
  static const uint8_t pixels[6] = {0, 1, 2, 2, 1, 0};
  static const dv_colour palette[3] = {{255, 0, 0, 255}, {0, 255, 0, 128}, {0, 0, 255, 0}};
  dv_buffer b = {0};
  uint8_t rows[8];
  uLongf size = sizeof rows;
  bool found = false;
  assert_int_equal(dv_png_write(&b, pixels, 3, 2, palette, 3), DV_OK);
  assert_memory_equal(b.data, "\x89PNG\r\n\x1a\n", 8);
  for (size_t at = 8; at < b.size;) {
    const uint32_t length = word_at(b.data + at);
    assert_true(at + 12 + length <= b.size);
    assert_int_equal(word_at(b.data + at + 8 + length), crc32(0, (const Bytef*)b.data + at + 4, length + 4));
    if (!memcmp(b.data + at + 4, "IDAT", 4)) {
      assert_int_equal(uncompress(rows, &size, (const Bytef*)b.data + at + 8, length), Z_OK);
      found = true;
    }
    at += 12 + length;
  }
  assert_true(found);
  assert_int_equal(size, 8);
  assert_memory_equal(rows + 1, pixels, 3);
  assert_memory_equal(rows + 5, pixels + 3, 3);
  dv_buffer_free(&b);
}

static void test_png_refuses_what_it_cannot_hold(void** state)
{
  (void)state;
  static const dv_colour palette[1] = {{0, 0, 0, 0}};
  dv_buffer b = {0};
  assert_int_equal(dv_png_write(&b, NULL, 0, 1, palette, 1), DV_ERR_ARG);
  assert_int_equal(dv_png_write(&b, NULL, 1, DV_PNG_MAX_SIDE + 1, palette, 1), DV_ERR_ARG);
  assert_int_equal(dv_png_write(&b, NULL, 1, 1, palette, 0), DV_ERR_ARG);
  assert_int_equal(b.size, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_text_escapes_markup),
    cmocka_unit_test(test_text_keeps_utf8_and_replaces_what_is_not),
    cmocka_unit_test(test_text_of_null_is_empty),
    cmocka_unit_test(test_links_stay_in_the_folder),
    cmocka_unit_test(test_fixed_numbers_are_short_and_finite),
    cmocka_unit_test(test_numbers_ignore_the_locale),
    cmocka_unit_test(test_labels_read_as_people_write_them),
    cmocka_unit_test(test_times_carry_into_minutes),
    cmocka_unit_test(test_extreme_numbers_fit_their_labels),
    cmocka_unit_test(test_base64_matches_the_vectors_of_rfc_4648),
    cmocka_unit_test(test_a_failed_buffer_stays_as_it_is),
    cmocka_unit_test(test_every_element_is_well_formed_with_hostile_text),
    cmocka_unit_test(test_the_checker_finds_what_is_wrong),
    cmocka_unit_test(test_png_holds_the_pixels),
    cmocka_unit_test(test_png_refuses_what_it_cannot_hold),
  };
  return cmocka_run_group_tests_name("svg", tests, NULL, NULL);
}
