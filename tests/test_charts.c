/* SPDX-License-Identifier: MIT */
#include "report/chart.h"
#include "support/dv_test.h"
#include "support/dv_xml.h"

enum { N = 400 };

typedef struct {
  double x[N], y[N];
} series;

static int setup(void** state)
{
  static series s;
  uint64_t seed = 5;
  for (int i = 0; i < N; ++i) {
    s.x[i] = 20.0 * pow(1000.0, (double)i / (N - 1));
    s.y[i] = 12.0 * dv_rand(&seed);
  }
  *state = &s;
  return 0;
}

static dv_chart_spec spec(void)
{
  return (dv_chart_spec){.title = "Gain <&>",
                         .description = "Over frequency",
                         .x = dv_axis_hz("Frequency, Hz"),
                         .y = dv_axis_make(DV_SCALE_LINEAR, "Gain, dB", -12.0, 12.0)};
}

/* --- Axes ------------------------------------------------------------------------------------------------ */

static void assert_labels(const dv_axis* axis, int wanted, const char* want)
{
  dv_tick ticks[DV_AXIS_MAX_TICKS];
  char got[512] = "";
  const size_t count = dv_axis_ticks(axis, wanted, ticks);
  for (size_t i = 0; i < count; ++i) {
    strcat(got, i ? " " : "");
    strcat(got, *ticks[i].label ? ticks[i].label : "_");
  }
  assert_string_equal(got, want);
}

static void test_ticks_stand_at_round_numbers(void** state)
{
  (void)state;
  const dv_axis hz = dv_axis_hz(NULL), db = dv_axis_make(DV_SCALE_LINEAR, NULL, -12.0, 12.0);
  const dv_axis small = dv_axis_make(DV_SCALE_LINEAR, NULL, 0.0, 0.013),
                loss = dv_axis_make(DV_SCALE_LOG, NULL, 0.1, 5.0);
  const dv_axis song = dv_axis_make(DV_SCALE_TIME, NULL, 0.0, 237.0);
  const dv_axis decades = dv_axis_make(DV_SCALE_LOG, NULL, 1e-6, 1e6);
  assert_labels(&hz, 9, "20 50 100 200 500 1k 2k 5k 10k 20k");
  assert_labels(&db, 5,
                "\xe2\x88\x92"
                "10 \xe2\x88\x92"
                "5 0 5 10");
  assert_labels(&small, 5, "0 0.005 0.01");
  assert_labels(&loss, 5, "0.1 0.2 0.5 1 2 5");
  assert_labels(&song, 8, "0:00 0:30 1:00 1:30 2:00 2:30 3:00 3:30");
  assert_labels(&decades, 6,
                "1e\xe2\x88\x92"
                "6 0.0001 0.01 1 100 10k 1M");
}

static void test_positions_run_from_low_to_high(void** state)
{
  (void)state;
  const dv_axis hz = dv_axis_hz(NULL), down = dv_axis_names_down(NULL, NULL, 4);
  assert_close(dv_axis_position(&hz, 20.0), 0.0, 0.0, 1e-12);
  assert_close(dv_axis_position(&hz, 20000.0), 1.0, 0.0, 1e-12);
  assert_close(dv_axis_position(&hz, sqrt(20.0 * 20000.0)), 0.5, 0.0, 1e-12);
  assert_close(dv_axis_position(&down, 1.0), 0.75, 0.0, 1e-12);
  assert_true(isnan(dv_axis_position(&hz, 0.0)));
  assert_true(isnan(dv_axis_position(&hz, -(double)INFINITY)));
}

static void test_cover_takes_only_finite_values(void** state)
{
  (void)state;
  const double values[] = {3.0, (double)NAN, (double)INFINITY, -7.0, 0.0};
  dv_axis linear = dv_axis_empty(DV_SCALE_LINEAR, NULL), logarithmic = dv_axis_empty(DV_SCALE_LOG, NULL);
  dv_axis_cover(&linear, values, 5);
  dv_axis_cover(&logarithmic, values, 5);
  assert_close(linear.low, -7.0, 0.0, 0.0);
  assert_close(linear.high, 3.0, 0.0, 0.0);
  assert_close(logarithmic.low, 3.0, 0.0, 0.0);
}

static void test_rounding_makes_every_axis_usable(void** state)
{
  (void)state;
  const double ends[][2] = {{0, 0},           {1e300, 1e301},   {-1e308, 1e308},
                            {5e-324, 6e-324}, {(double)NAN, 1}, {3, -3},
                            {1, 1 + 1e-16},   {-0.37, 0.91},    {-(double)INFINITY, (double)INFINITY}};
  for (int scale = DV_SCALE_LINEAR; scale <= DV_SCALE_TIME; ++scale)
    for (size_t i = 0; i < sizeof ends / sizeof *ends; ++i) {
      dv_tick ticks[DV_AXIS_MAX_TICKS];
      dv_axis axis = dv_axis_make((dv_scale)scale, NULL, ends[i][0], ends[i][1]);
      dv_axis_round(&axis, 0.0);
      assert_true(isfinite(axis.low) && isfinite(axis.high) && axis.high > axis.low);
      assert_in_range(dv_axis_ticks(&axis, 5, ticks), 1, DV_AXIS_MAX_TICKS);
    }
}

/* --- Charts ---------------------------------------------------------------------------------------------- */

/* Everything a chart can hold, of whatever data. */
static dv_buffer draw(const dv_chart_spec* chart_spec, const double* x, const double* y, size_t n)
{
  dv_chart chart;
  dv_buffer out = {0};
  const float tile[4] = {0.0f, 1.0f, (float)NAN, -1.0f};
  dv_chart_begin(&chart, chart_spec);
  dv_chart_line(&chart, x, y, n, "l1", "Line \"<b>\"");
  dv_chart_band(&chart, x, y, y, n, "f2", "Band");
  dv_chart_stems(&chart, x, y, n, "t3", "Stems", "ms", "dB");
  dv_chart_scatter(&chart, x, y, n, "t4", "Points", NULL);
  if (n) dv_chart_bars(&chart, x, y, n - 1, "f5 bar", "Bars");
  dv_chart_histogram(&chart, y, n, 10, true, "f1 bar", NULL);
  dv_chart_marginals(&chart, x, y, n, 10, "f1 bar");
  dv_chart_tips(&chart, x, y, n, "Tip & tail", "Hz", "dB");
  dv_chart_heat(&chart, &(dv_heat){.values = tile, .columns = 2, .rows = 2, .x0 = 100, .x1 = 1000, .y1 = 6, .high = 1});
  dv_chart_colour_bar(&chart, DV_PALETTE_LEVEL, -60.0, 0.0, "dB");
  dv_chart_mark_x(&chart, 1000.0, "<mark>");
  dv_chart_mark_y(&chart, (double)NAN, "never seen");
  dv_chart_note(&chart, "a note & more");
  assert_int_equal(dv_chart_end(&chart, &out), DV_OK);
  assert_xml(out.data, out.size);
  assert_int_equal(dv_count_in(out.data, out.size, "nan"), 0);
  assert_int_equal(dv_count_in(out.data, out.size, "inf"), 0);
  return out;
}

static void test_same_data_give_the_same_bytes(void** state)
{
  const series* s = *state;
  const dv_chart_spec chart_spec = spec();
  dv_buffer a = draw(&chart_spec, s->x, s->y, N), b = draw(&chart_spec, s->x, s->y, N);
  assert_int_equal(a.size, b.size);
  assert_memory_equal(a.data, b.data, a.size);
  dv_buffer_free(&a);
  dv_buffer_free(&b);
}

static void test_a_standalone_image_brings_its_style_and_title(void** state)
{
  const series* s = *state;
  dv_chart_spec chart_spec = spec();
  chart_spec.standalone = true;
  dv_buffer out = draw(&chart_spec, s->x, s->y, N);
  assert_int_equal(dv_count_in(out.data, out.size, "xmlns=\"http://www.w3.org/2000/svg\""), 1);
  assert_int_equal(dv_count_in(out.data, out.size, "<style>"), 1);
  assert_int_equal(dv_count_in(out.data, out.size, "<title>Gain &lt;&amp;&gt;</title>"), 1);
  dv_buffer_free(&out);
}

static void test_screen_readers_are_told_what_it_is(void** state)
{
  const series* s = *state;
  const dv_chart_spec chart_spec = spec();
  dv_buffer out = draw(&chart_spec, s->x, s->y, N);
  assert_int_equal(dv_count_in(out.data, out.size, "role=\"img\" viewBox"), 1);
  assert_int_equal(dv_count_in(out.data, out.size, "aria-label=\"Gain &lt;&amp;&gt;. Over frequency\""), 1);
  dv_buffer_free(&out);
}

static void test_bad_values_are_left_out(void** state)
{
  (void)state;
  const double x[] = {100, (double)NAN, 300, 400, 500, -1, 700},
               y[] = {1, 2, (double)INFINITY, 4, (double)NAN, 6, 1e308};
  const dv_chart_spec chart_spec = spec();
  dv_buffer out = draw(&chart_spec, x, y, 7);
  dv_buffer_free(&out);
}

static void test_empty_and_single_series_draw(void** state)
{
  const series* s = *state;
  const dv_chart_spec chart_spec = spec();
  for (size_t n = 0; n < 3; ++n) {
    dv_buffer out = draw(&chart_spec, s->x, s->y, n);
    dv_buffer_free(&out);
  }
}

static void test_broken_axes_draw(void** state)
{
  const series* s = *state;
  const double ends[][2] = {{0, 0}, {(double)NAN, (double)NAN}, {-1e308, 1e308}, {5, -5}, {0, (double)INFINITY}};
  for (int scale = DV_SCALE_LINEAR; scale <= DV_SCALE_NAMES; ++scale)
    for (size_t i = 0; i < sizeof ends / sizeof *ends; ++i) {
      dv_chart_spec chart_spec = spec();
      chart_spec.x = dv_axis_make((dv_scale)scale, "x", ends[i][0], ends[i][1]);
      if (scale != DV_SCALE_NAMES) chart_spec.y = chart_spec.x;
      dv_buffer out = draw(&chart_spec, s->x, s->y, 50);
      dv_buffer_free(&out);
    }
}

static void test_a_line_breaks_where_a_value_is_missing(void** state)
{
  (void)state;
  const double x[] = {100, 200, 300, 400, 500}, y[] = {1, 2, (double)NAN, 4, 5};
  const dv_chart_spec chart_spec = spec();
  dv_chart chart;
  dv_buffer out = {0};
  dv_chart_begin(&chart, &chart_spec);
  const size_t before = chart.body.size;
  dv_chart_line(&chart, x, y, 5, "l1", NULL);
  assert_int_equal(dv_count_in(chart.body.data + before, chart.body.size - before, "M"), 2);
  assert_int_equal(dv_count_in(chart.body.data + before, chart.body.size - before, "L"), 2);
  assert_int_equal(dv_chart_end(&chart, &out), DV_OK);
  dv_buffer_free(&out);
}

static void test_a_long_line_stays_small_and_keeps_its_peak(void** state)
{
  (void)state;
  enum { LONG = 200000 };
  static double x[LONG], y[LONG];
  uint64_t seed = 9;
  for (int i = 0; i < LONG; ++i) {
    x[i] = i;
    y[i] = dv_rand(&seed);
  }
  y[123456] = 10.0;
  dv_chart chart;
  dv_buffer out = {0};
  dv_chart_begin(&chart, &(dv_chart_spec){.x = dv_axis_make(DV_SCALE_LINEAR, NULL, 0, LONG),
                                          .y = dv_axis_make(DV_SCALE_LINEAR, NULL, -10, 10)});
  const size_t before = chart.body.size;
  dv_chart_line(&chart, x, y, LONG, "l1", NULL);
  assert_in_range(chart.body.size - before, 1000, 60000);
  assert_int_equal(dv_count_in(chart.body.data + before, chart.body.size - before, " 0L"), 1); /* the very top */
  assert_int_equal(dv_chart_end(&chart, &out), DV_OK);
  dv_buffer_free(&out);
}

static void test_histogram_counts_what_is_inside(void** state)
{
  (void)state;
  const double values[] = {0.0, 0.24, 0.25, 0.99, 1.0, 1.01, -0.01, (double)NAN, (double)INFINITY};
  size_t counts[4];
  assert_int_equal(dv_histogram(values, 9, 0.0, 1.0, 4, counts), 2);
  assert_int_equal(counts[0], 2);
  assert_int_equal(counts[1], 1);
  assert_int_equal(counts[2], 0);
  assert_int_equal(counts[3], 2);
}

static void test_a_noisy_spectrogram_is_below_300_kb(void** state)
{
  (void)state;
  enum { COLUMNS = 360, ROWS = 108 };
  static float values[COLUMNS * ROWS];
  uint64_t seed = 3;
  for (int i = 0; i < COLUMNS * ROWS; ++i) values[i] = (float)(60.0 * dv_rand(&seed));
  dv_chart chart;
  dv_buffer out = {0};
  dv_chart_spec chart_spec = spec();
  dv_chart_begin(&chart, &chart_spec);
  dv_chart_heat(&chart, &(dv_heat){.values = values,
                                   .columns = COLUMNS,
                                   .rows = ROWS,
                                   .x0 = 20,
                                   .x1 = 20000,
                                   .y0 = -12,
                                   .y1 = 12,
                                   .low = -60,
                                   .high = 60,
                                   .palette = DV_PALETTE_DIVERGING});
  assert_int_equal(dv_chart_end(&chart, &out), DV_OK);
  assert_in_range(out.size, 1000, 300000);
  dv_buffer_free(&out);
}

static void test_a_matrix_names_every_tile(void** state)
{
  (void)state;
  static const char* const names[] = {"EQ & <co>", "COMP", "DLY"};
  const double values[9] = {1.0, -0.5, (double)NAN, -0.5, 1.0, 0.25, 0.0, 0.25, 2.0};
  dv_chart chart;
  dv_buffer out = {0};
  dv_chart_begin(&chart, &(dv_chart_spec){.x = dv_axis_names(NULL, names, 3), .y = dv_axis_names_down(NULL, names, 3)});
  dv_chart_matrix(&chart, values, 3, 3, 1.0, 2);
  assert_int_equal(dv_chart_end(&chart, &out), DV_OK);
  assert_xml(out.data, out.size);
  assert_int_equal(dv_count_in(out.data, out.size, "<title>COMP, DLY: 0.25</title>"), 1);
  assert_int_equal(dv_count_in(out.data, out.size, "<title>"), 9);
  dv_buffer_free(&out);
}

static void test_more_names_than_the_legend_holds_are_left_out(void** state)
{
  const series* s = *state;
  const dv_chart_spec chart_spec = spec();
  dv_chart chart;
  dv_buffer out = {0};
  dv_chart_begin(&chart, &chart_spec);
  for (int i = 0; i < 3 * DV_CHART_MAX_LEGEND; ++i)
    dv_chart_line(&chart, s->x, s->y, 2, "l1", "A rather long name \xc3\xa9");
  assert_int_equal(chart.legend_count, DV_CHART_MAX_LEGEND);
  assert_int_equal(dv_chart_end(&chart, &out), DV_OK);
  assert_xml(out.data, out.size);
  dv_buffer_free(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_ticks_stand_at_round_numbers),
    cmocka_unit_test(test_positions_run_from_low_to_high),
    cmocka_unit_test(test_cover_takes_only_finite_values),
    cmocka_unit_test(test_rounding_makes_every_axis_usable),
    cmocka_unit_test_setup(test_same_data_give_the_same_bytes, setup),
    cmocka_unit_test_setup(test_a_standalone_image_brings_its_style_and_title, setup),
    cmocka_unit_test_setup(test_screen_readers_are_told_what_it_is, setup),
    cmocka_unit_test(test_bad_values_are_left_out),
    cmocka_unit_test_setup(test_empty_and_single_series_draw, setup),
    cmocka_unit_test_setup(test_broken_axes_draw, setup),
    cmocka_unit_test(test_a_line_breaks_where_a_value_is_missing),
    cmocka_unit_test(test_a_long_line_stays_small_and_keeps_its_peak),
    cmocka_unit_test(test_histogram_counts_what_is_inside),
    cmocka_unit_test(test_a_noisy_spectrogram_is_below_300_kb),
    cmocka_unit_test(test_a_matrix_names_every_tile),
    cmocka_unit_test_setup(test_more_names_than_the_legend_holds_are_left_out, setup),
  };
  return cmocka_run_group_tests_name("charts", tests, NULL, NULL);
}
