/* SPDX-License-Identifier: MIT */
#include "presets/preset.h"
#include "report/clip.h"
#include "report/fit_report.h"
#include "report/html.h"
#include "report/spectrogram.h"
#include "support/dv_temp.h"
#include "support/dv_test.h"
#include "support/dv_xml.h"

enum { FRAMES = 44100, STEPS = 300, LAGS = 401 };

/* A whole report, on a second of sound. */
typedef struct {
  dv_fit_report report;
  dv_preset preset;
  dv_fit_report_loss losses[STEPS], dry_loss;
  dv_fit_report_alignment alignment;
  float dry[FRAMES], wet[2][FRAMES], render[2][FRAMES], correlation[LAGS];
} fixture;

static const dv_fit_report_note NOTES[] = {{false, "the dry file has two equal channels"}, {true, "clips & hums"}};
static const dv_fit_report_detail DETAILS[] = {{"Seed", "0"}, {"Threads", "2"}};

static fixture* make(void)
{
  static fixture f;
  uint64_t seed = 17;
  memset(&f, 0, sizeof f);
  dv_preset_init(&f.preset);
  for (int i = 0; i < FRAMES; ++i) {
    f.dry[i] = (float)(0.3 * sin(0.05 * i) + 0.05 * dv_rand(&seed));
    for (int c = 0; c < 2; ++c) {
      f.wet[c][i] = 0.8f * f.dry[i];
      f.render[c][i] = 0.7f * f.dry[i];
    }
  }
  for (int i = 0; i < STEPS; ++i) f.losses[i] = (dv_fit_report_loss){i, 3.0 / (1 + i) + 1, 1, 1, 0.5, 0.5, 0.001};
  for (int i = 0; i < LAGS; ++i) f.correlation[i] = i == LAGS / 2 ? 1.0f : 0.01f;
  f.dry_loss = (dv_fit_report_loss){0, 5, 2, 2, 1, 1, 0};
  f.alignment = (dv_fit_report_alignment){137, -1, 0.9, "found by correlation", f.correlation, LAGS, 137 - LAGS / 2};
  f.report = (dv_fit_report){.dry_name = "dry.wav",
                             .wet_name = "wet.wav",
                             .params = &f.preset.params,
                             .dry_gain_db = 3.5,
                             .wet_gain_db = -2.25,
                             .dry_loss = &f.dry_loss,
                             .start_loss = &f.losses[0],
                             .fitted_loss = &f.losses[STEPS - 1],
                             .losses = f.losses,
                             .loss_count = STEPS,
                             .alignment = &f.alignment,
                             .audio = {f.dry, f.wet[0], f.wet[1], f.render[0], f.render[1], FRAMES, 44100.0,
                                       "dry-aligned.wav", "wet.wav", "render.wav"},
                             .notes = NOTES,
                             .note_count = 2,
                             .steps_done = STEPS,
                             .best_step = STEPS - 1,
                             .seconds = 12.5,
                             .ended = "all steps done",
                             .version = "diffvox-fit 1",
                             .details = DETAILS,
                             .detail_count = 2};
  return &f;
}

static dv_buffer print(const dv_fit_report* report)
{
  dv_buffer page = {0};
  dv_error err = {""};
  if (dv_fit_report_print(report, &page, &err)) fail_msg("%s", err.text);
  assert_xml(page.data, page.size);
  assert_int_equal(dv_count_in(page.data, page.size, ">nan"), 0);
  return page;
}

static void assert_contains(const dv_buffer* page, const char* word, size_t times)
{
  const size_t found = dv_count_in(page->data, page->size, word);
  if (found != times) fail_msg("'%s' is there %zu times, expected %zu", word, found, times);
}

static void test_the_page_has_every_part(void** state)
{
  (void)state;
  dv_buffer page = print(&make()->report);
  static const char* const ids[] = {"listen", "effects", "loss", "spectrograms", "alignment", "parameters", "run"};
  for (size_t i = 0; i < sizeof ids / sizeof *ids; ++i) {
    char id[64];
    snprintf(id, sizeof id, "<h2 id=\"%s\">", ids[i]);
    assert_contains(&page, id, 1);
  }
  assert_contains(&page, "<audio ", 3);
  assert_contains(&page, "href=\"./render.wav\"", 1);
  assert_contains(&page, "<b>Warning:</b> clips &amp; hums", 1);
  assert_contains(&page, "<figure>", 11);
  dv_buffer_free(&page);
}

static void test_the_same_input_gives_the_same_bytes(void** state)
{
  (void)state;
  const fixture* f = make();
  dv_buffer a = print(&f->report), b = print(&f->report);
  assert_int_equal(a.size, b.size);
  assert_memory_equal(a.data, b.data, a.size);
  dv_buffer_free(&a);
  dv_buffer_free(&b);
}

static void test_the_page_needs_nothing_else(void** state)
{
  (void)state;
  dv_buffer page = print(&make()->report);
  assert_contains(&page, "src=\"", 3);
  assert_contains(&page, "src=\"data:", 3);
  assert_contains(&page, "://", 1); /* the name space */
  assert_contains(&page, "<link", 0);
  assert_contains(&page, "@import", 0);
  dv_buffer_free(&page);
}

static void test_hostile_names_stay_text(void** state)
{
  (void)state;
  static const char bad[] = "</title><script>alert('x')</script>\"&\x01\xff\xe2\x88.wav";
  fixture* f = make();
  const dv_fit_report_note note = {true, bad};
  const dv_fit_report_detail detail = {bad, bad};
  f->report.dry_name = f->report.wet_name = f->report.ended = f->report.version = bad;
  f->report.audio.dry_file = "javascript:alert(1)";
  f->alignment.method = bad;
  f->report.notes = &note;
  f->report.note_count = 1;
  f->report.details = &detail;
  f->report.detail_count = 1;
  dv_buffer page = print(&f->report);
  assert_contains(&page, "<script>", 1);
  assert_contains(&page, "alert('x')", 0);
  assert_contains(&page, "href=\"./javascript%3Aalert", 1);
  dv_buffer_free(&page);
}

static void test_parameters_alone_are_enough(void** state)
{
  (void)state;
  const fixture* f = make();
  const double nan = (double)NAN;
  const dv_fit_report report = {.params = &f->preset.params, .steps_done = nan, .best_step = nan, .seconds = nan};
  dv_buffer page = print(&report);
  assert_contains(&page, "<audio ", 0);
  assert_contains(&page, "id=\"listen\"", 0);
  assert_contains(&page, "compressor.attack_ms", 1);
  dv_buffer_free(&page);
}

static void test_losses_that_are_not_finite_are_left_out(void** state)
{
  (void)state;
  fixture* f = make();
  for (int i = 0; i < STEPS; i += 3) f->losses[i].total = i % 2 ? (double)NAN : (double)INFINITY;
  f->dry_loss.total = (double)NAN;
  f->report.audio = (dv_fit_report_audio){0};
  dv_buffer page = print(&f->report);
  const double nan = (double)NAN;
  for (int i = 0; i < STEPS; ++i) f->losses[i] = (dv_fit_report_loss){i, nan, nan, nan, nan, nan, nan};
  dv_buffer_free(&page);
  page = print(&f->report);
  dv_buffer_free(&page);
}

static void test_one_step_and_one_lag_draw(void** state)
{
  (void)state;
  fixture* f = make();
  f->report.loss_count = 1;
  f->alignment.count = 1;
  f->report.audio = (dv_fit_report_audio){0};
  dv_buffer page = print(&f->report);
  dv_buffer_free(&page);
}

static void test_audio_of_any_length_draws(void** state)
{
  (void)state;
  static const size_t lengths[] = {0, 1, 2, 1000, FRAMES};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; ++i) {
    fixture* f = make();
    f->report.audio.frames = lengths[i];
    dv_buffer page = print(&f->report);
    assert_contains(&page, "Difference: fitted", lengths[i] ? 2 : 0);
    dv_buffer_free(&page);
  }
}

static void test_silence_draws(void** state)
{
  (void)state;
  fixture* f = make();
  memset(f->dry, 0, sizeof f->dry);
  memset(f->wet, 0, sizeof f->wet);
  memset(f->render, 0, sizeof f->render);
  dv_buffer page = print(&f->report);
  assert_contains(&page, "<audio ", 3);
  dv_buffer_free(&page);
}

static void test_audio_that_is_not_finite_has_no_player(void** state)
{
  (void)state;
  fixture* f = make();
  f->render[0][100] = NAN;
  f->render[1][200] = INFINITY;
  dv_buffer page = print(&f->report);
  assert_contains(&page, "<audio ", 0);
  assert_contains(&page, "Difference: fitted", 2);
  dv_buffer_free(&page);
}

static void test_rates_that_mp3_cannot_hold_still_play(void** state)
{
  (void)state;
  fixture* f = make();
  f->report.audio.rate_hz = 96000.0;
  dv_buffer page = print(&f->report);
  assert_contains(&page, "src=\"data:audio/", 3);
  dv_buffer_free(&page);
}

static void test_bad_parameters_are_refused(void** state)
{
  (void)state;
  fixture* f = make();
  dv_buffer page = {0};
  dv_error err;
  f->preset.params.peak1.freq_hz = (double)NAN;
  assert_int_equal(dv_fit_report_print(&f->report, &page, &err), DV_ERR_ARG);
  assert_non_null(strstr(err.text, "peak1.freq_hz"));
  f->report.params = NULL;
  assert_int_equal(dv_fit_report_print(&f->report, &page, &err), DV_ERR_ARG);
  assert_int_equal(page.size, 0);
}

/* --- Files ----------------------------------------------------------------------------------------------- */

static void test_the_file_is_what_was_printed(void** state)
{
  dv_temp* temp = *state;
  const fixture* f = make();
  dv_error err;
  char* read = NULL;
  dv_buffer page = print(&f->report);
  assert_int_equal(dv_fit_report_write(dv_temp_path(temp, "report.html"), &f->report, &err), DV_OK);
  FILE* in = fopen(temp->path, "rb");
  assert_non_null(in);
  read = malloc(page.size + 1);
  assert_int_equal(fread(read, 1, page.size + 1, in), page.size);
  fclose(in);
  assert_memory_equal(read, page.data, page.size);
  free(read);
  dv_buffer_free(&page);
  remove(temp->path);
}

static void test_a_folder_that_cannot_be_written_is_named(void** state)
{
  dv_temp* temp = *state;
  dv_error err;
  dv_temp_forbid(temp);
  const dv_status status = dv_fit_report_write(dv_temp_path(temp, "report.html"), &make()->report, &err);
  dv_temp_allow(temp);
  assert_int_equal(status, DV_ERR_IO);
  assert_non_null(strstr(err.text, "report.html"));
  assert_int_equal(dv_temp_count(temp), 0);
}

static void test_a_full_disk_leaves_nothing_behind(void** state)
{
  dv_temp* temp = *state;
  dv_error err;
  dv_temp_fill_disk(10000);
  const dv_status status = dv_fit_report_write(dv_temp_path(temp, "report.html"), &make()->report, &err);
  dv_temp_fill_disk((size_t)-1);
  assert_int_equal(status, DV_ERR_IO);
  assert_int_equal(dv_temp_count(temp), 0);
}

/* --- What the page is made of ---------------------------------------------------------------------------- */

static void test_a_sine_is_0_db_in_its_spectrogram(void** state)
{
  (void)state;
  static float x[FRAMES];
  const float* const channels[2] = {x, x};
  dv_spectrogram s;
  for (int i = 0; i < FRAMES; ++i) x[i] = (float)sin(2.0 * 3.141592653589793 * 1000.0 * i / 44100.0);
  assert_int_equal(dv_spectrogram_make(channels, 2, FRAMES, 44100.0, &s), DV_OK);
  double power = 0.0;
  for (size_t row = 0; row < s.rows; ++row) power += pow(10.0, (double)s.db[row * s.columns + s.columns / 2] / 10.0);
  assert_close(10.0 * log10(power), 0.0, 0.0, 0.1);
  const double position = log(1000.0 / s.low_hz) / log(s.high_hz / s.low_hz) * (double)s.rows;
  assert_true((double)s.db[(size_t)position * s.columns + s.columns / 2] > -6.0);
  dv_spectrogram_free(&s);
}

static void test_the_loudest_passage_is_found(void** state)
{
  (void)state;
  static float x[FRAMES * 4];
  const float* const channels[1] = {x};
  for (int i = 0; i < FRAMES * 4; ++i) x[i] = i > 2 * FRAMES && i < 3 * FRAMES ? 0.5f : 0.01f;
  x[10] = NAN;
  const size_t first = dv_clip_loudest(channels, 1, FRAMES * 4, 44100.0, FRAMES);
  assert_in_range(first, 2 * FRAMES - FRAMES / 4, 2 * FRAMES + FRAMES / 4);
  assert_int_equal(dv_clip_loudest(channels, 1, 100, 44100.0, 100), 0);
}

static void test_a_clip_refuses_nothing_and_nan(void** state)
{
  (void)state;
  const float x[4] = {0.0f, NAN, 0.0f, 0.0f};
  const float* const channels[1] = {x};
  const char* type;
  dv_buffer out = {0};
  assert_int_equal(dv_clip_encode(&out, channels, 1, 0, 44100.0, 0.0, &type), DV_ERR_ARG);
  assert_int_equal(dv_clip_encode(&out, channels, 1, 4, 44100.0, 0.0, &type), DV_ERR_NONFINITE);
  assert_int_equal(out.size, 0);
}

static void test_every_part_of_a_page_is_well_formed(void** state)
{
  (void)state;
  static const char* const cells[] = {"<1>", "2 & 3"};
  dv_buffer b = {0};
  dv_html_begin(&b, &(dv_html_page){.title = "<t>"});
  dv_html_section_begin(&b, "a", "\"A\"", "<intro>");
  dv_html_subheading(&b, "<s>");
  dv_html_paragraph(&b, "<p>");
  dv_html_details_begin(&b, "<d>");
  dv_html_table_begin(&b, "<c>", cells, "lr");
  dv_html_group_row(&b, "<g>", 2);
  dv_html_row(&b, cells, "lr");
  dv_html_table_end(&b);
  dv_html_details_end(&b);
  dv_html_section_end(&b);
  dv_html_end(&b, NULL);
  assert_xml(b.data, b.size);
  dv_buffer_free(&b);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_the_page_has_every_part),
    cmocka_unit_test(test_the_same_input_gives_the_same_bytes),
    cmocka_unit_test(test_the_page_needs_nothing_else),
    cmocka_unit_test(test_hostile_names_stay_text),
    cmocka_unit_test(test_parameters_alone_are_enough),
    cmocka_unit_test(test_losses_that_are_not_finite_are_left_out),
    cmocka_unit_test(test_one_step_and_one_lag_draw),
    cmocka_unit_test(test_audio_of_any_length_draws),
    cmocka_unit_test(test_silence_draws),
    cmocka_unit_test(test_audio_that_is_not_finite_has_no_player),
    cmocka_unit_test(test_rates_that_mp3_cannot_hold_still_play),
    cmocka_unit_test(test_bad_parameters_are_refused),
    cmocka_unit_test(test_the_file_is_what_was_printed),
    cmocka_unit_test(test_a_folder_that_cannot_be_written_is_named),
    cmocka_unit_test(test_a_full_disk_leaves_nothing_behind),
    cmocka_unit_test(test_a_sine_is_0_db_in_its_spectrogram),
    cmocka_unit_test(test_the_loudest_passage_is_found),
    cmocka_unit_test(test_a_clip_refuses_nothing_and_nan),
    cmocka_unit_test(test_every_part_of_a_page_is_well_formed),
  };
  return cmocka_run_group_tests_name("fit_report", tests, dv_temp_setup, dv_temp_teardown);
}
