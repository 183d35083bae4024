/* SPDX-License-Identifier: MIT */
/* The figures of the published analysis, from the published corpora, and the tool that prints them.
   Prints what is expected beside what is found. */
#include "presets/corpus.h"
#include "presets/corpus_statistics.h"
#include "support/dv_cli.h"

#include <gsl/gsl_cdf.h>
#include <jansson.h>

enum { SIZE = DV_EFFECTIVE_COUNT, COMPONENTS = 74 };

static const char CORPORA[] = "../shared/corpora";
static const char* tool;

typedef struct {
  dv_temp* temp;
  bool there; /* the published corpora */
  dv_collection internal, medleydb;
  dv_pca pca;
} fixture;
static fixture f;

static int setup(void** state)
{
  const dv_collection_options options = {.corpora_dir = CORPORA};
  dv_error err;
  if (dv_temp_setup(state)) return -1;
  f.temp = *state;
  f.there = !access(CORPORA, R_OK);
  if (!f.there) {
    print_message("%s is not here: tests that need it are skipped\n", CORPORA);
    return 0;
  }
  if (dv_collection_load("internal", &options, &f.internal, &err) ||
      dv_collection_load("medleydb", &options, &f.medleydb, &err) ||
      dv_pca_fit(f.internal.effective, f.internal.count, SIZE, &f.pca, &err)) {
    print_error("%s\n", err.text);
    return -1;
  }
  return 0;
}

static int teardown(void** state)
{
  dv_collection_free(&f.internal);
  dv_collection_free(&f.medleydb);
  dv_pca_free(&f.pca);
  return dv_temp_teardown(state);
}

static void skip_without_corpora(void)
{
  if (!f.there) skip();
}

/* Agreement to the digits that were published. */
static void expect(const char* what, double got, double published, int decimals)
{
  print_message("%-56s published %10.*f  found %12.*f\n", what, decimals, published, decimals + 2, got);
  assert_close(got, published, 0.0, 0.5000001 * pow(10.0, -decimals));
}

/* --- Published figures --------------------------------------------------------------------------------------- */

static void test_corpora_have_the_published_sizes(void** state)
{
  (void)state;
  skip_without_corpora();
  assert_int_equal(f.internal.count, 365);
  assert_int_equal(f.internal.rows_in_file, 385);
  assert_int_equal(f.medleydb.count, 70);
  assert_string_equal(f.medleydb.entries[0].name, "AClassicEducation_NightOwl");
}

static void test_components_are_the_published_ones(void** state)
{
  (void)state;
  static const double explained[] = {13.858, 9.721, 8.224, 7.175, 6.373, 5.195, 3.809, 3.437};
  double cumulative[SIZE], before = 0.0;
  char what[32];
  skip_without_corpora();
  dv_pca_cumulative(&f.pca, cumulative);
  expect("internal: components for 99 %", (double)dv_pca_components_for(cumulative, SIZE, 0.99), 77, 0);
  expect("internal: the same, % of 130", 100.0 * (double)dv_pca_components_for(cumulative, SIZE, 0.99) / 130.0, 59.23,
         2);
  expect("internal: area, %", 100.0 * dv_pca_area(cumulative, SIZE), 90.95, 2);
  for (size_t i = 0; i < 8; ++i) {
    snprintf(what, sizeof what, "internal: component %zu, %%", i + 1);
    expect(what, 100.0 * (cumulative[i] - before), explained[i], 3);
    before = cumulative[i];
  }
}

static void test_medleydb_is_explained_as_published(void** state)
{
  (void)state;
  double cumulative[SIZE];
  dv_pca own;
  skip_without_corpora();
  assert_int_equal(dv_pca_fit(f.medleydb.effective, f.medleydb.count, SIZE, &own, NULL), DV_OK);
  dv_pca_cumulative(&own, cumulative);
  expect("medleydb: components that are not zero", (double)own.components, 69, 0);
  expect("medleydb: components for 99 %", (double)dv_pca_components_for(cumulative, SIZE, 0.99), 45, 0);
  expect("medleydb: the same, % of 69", 100.0 * (double)dv_pca_components_for(cumulative, SIZE, 0.99) / 69.0, 65.22, 2);
  dv_pca_free(&own);
  dv_pca_cumulative_projected(&f.pca, f.medleydb.effective, f.medleydb.count, cumulative);
  expect("medleydb on internal: for 99 %, % of 130",
         100.0 * (double)dv_pca_components_for(cumulative, SIZE, 0.99) / 130.0, 76.92, 2);
  expect("medleydb on internal: area, %", 100.0 * dv_pca_area(cumulative, SIZE), 87.56, 2);
}

static void test_effects_correlate_as_published(void** state)
{
  (void)state;
  static const double published[DV_EFFECT_GROUPS][DV_EFFECT_GROUPS] = {
    {.144, .145, .080, .079, .102, .099, .084, .072, .059, .038},
    {0, .208, .035, .222, .132, .119, .093, .063, .053, .048},
    {0, 0, .011, .048, .074, .198, .066, .052, .061, .043},
    {0, 0, 0, .138, .116, .128, .151, .052, .057, .043},
    {0, 0, 0, 0, .137, .074, .087, .055, .081, .089},
    {0, 0, 0, 0, 0, .200, .083, .065, .056, .029},
    {0, 0, 0, 0, 0, 0, .184, .067, .055, .063},
    {0, 0, 0, 0, 0, 0, 0, .176, .112, .114},
    {0, 0, 0, 0, 0, 0, 0, 0, .138, .056},
    {0, 0, 0, 0, 0, 0, 0, 0, 0, .051}};
  char what[32];
  skip_without_corpora();
  dv_corpus_correlation* c = malloc(sizeof *c);
  assert_non_null(c);
  assert_int_equal(dv_corpus_correlate(&f.internal, c, NULL), DV_OK);
  for (int a = 0; a < DV_EFFECT_GROUPS; ++a)
    for (int b = a; b < DV_EFFECT_GROUPS; ++b) {
      snprintf(what, sizeof what, "mean |rho| %s, %s", dv_effect_group_name(a), dv_effect_group_name(b));
      expect(what, c->effect[a][b], published[a][b], 3);
      assert_close(c->effect[b][a], c->effect[a][b], 1e-12, 0.0);
    }
  free(c);
}

/* --- Royston ------------------------------------------------------------------------------------------------- */

static int rising(const void* a, const void* b)
{
  const float x = *(const float*)a, y = *(const float*)b;
  return (x > y) - (x < y);
}

/* Beasley and Springer's normal quantile of the upper tail, AS 111 (1977), as statistics in single precision had it. */
static float single_precision_quantile(float p)
{
  static const float a[] = {2.50662823884F, -18.61500062529F, 41.39119773534F, -25.44106049637F};
  static const float b[] = {1.0F, -8.47351093090F, 23.08336743743F, -21.06224101826F, 3.13082909833F};
  static const float c[] = {-2.78718931138F, -2.29796479134F, 4.85014127135F, 2.32121276858F};
  static const float d[] = {1.0F, 3.54388924762F, 1.63706781897F};
  const float q = 0.5F - p, middle = q * q, tail = sqrtf(-logf(p));
  if (q <= 0.42F)
    return q * (((a[3] * middle + a[2]) * middle + a[1]) * middle + a[0]) /
           ((((b[4] * middle + b[3]) * middle + b[2]) * middle + b[1]) * middle + b[0]);
  return (((c[3] * tail + c[2]) * tail + c[1]) * tail + c[0]) / ((d[2] * tail + d[1]) * tail + d[0]);
}

/* The published H was computed from a W in single precision.  This is W for 12 and more values, every operation in
   single precision, only to show that: the library's is in double. */
static double single_precision_w(const double* scores, size_t n, size_t column)
{
  static const float outer[] = {0.0F, 0.221157F, -0.147981F, -2.07119F, 4.434685F, -2.706056F};
  static const float second[] = {0.0F, 0.042981F, -0.293762F, -1.752461F, 5.682633F, -3.582633F};
  float x[400], weight[200], power = 0.0F, a1 = 0.0F, a2 = 0.0F;
  for (size_t i = 0; i < n; ++i) x[i] = (float)scores[i * COMPONENTS + column];
  qsort(x, n, sizeof *x, rising);
  for (size_t i = 0; i < n / 2; ++i) {
    weight[i] = single_precision_quantile(((float)i + 0.625F) / ((float)n + 0.25F));
    power += 2.0F * weight[i] * weight[i];
  }
  const float root = 1.0F / sqrtf((float)n), length = sqrtf(power);
  for (int i = 5; i >= 0; --i) {
    a1 = a1 * root + outer[i];
    a2 = a2 * root + second[i];
  }
  a1 += weight[0] / length;
  a2 += weight[1] / length;
  const float scale = sqrtf((power - 2.0F * weight[0] * weight[0] - 2.0F * weight[1] * weight[1]) /
                            (1.0F - 2.0F * a1 * a1 - 2.0F * a2 * a2));
  for (size_t i = 0; i < n / 2; ++i) weight[i] = i == 0 ? a1 : i == 1 ? a2 : weight[i] / scale;
  float mean = 0.0F, aa = 0.0F, xx = 0.0F, ax = 0.0F;
  const float range = x[n - 1] - x[0];
  for (size_t i = 0; i < n; ++i) mean += x[i] / range;
  mean /= (float)n;
  for (size_t i = 0; i < n; ++i) {
    const float a = i < n / 2 ? -weight[i] : n - 1 - i < n / 2 ? weight[n - 1 - i] : 0.0F, d = x[i] / range - mean;
    aa += a * a;
    xx += d * d;
    ax += a * d;
  }
  const float both = sqrtf(aa * xx);
  return (double)(1.0F - (both - ax) * (both + ax) / (aa * xx));
}

/* Independent of the library but for W. */
static double royston_of(const double* scores, size_t n)
{
  const double x = log((double)n), mean = -1.5861 - 0.31082 * x - 0.083751 * x * x + 0.0038915 * x * x * x;
  const double spread = exp(-0.4803 - 0.082676 * x + 0.0030302 * x * x);
  double h = 0.0;
  for (size_t c = 0; c < COMPONENTS; ++c) {
    const double z = (log(1.0 - single_precision_w(scores, n, c)) - mean) / spread;
    h += pow(gsl_cdf_ugaussian_Qinv(0.5 * gsl_cdf_ugaussian_Q(z)), 2);
  }
  return h; /* whitened scores are uncorrelated: as many degrees of freedom as columns */
}

static void test_royston_and_henze_zirkler_are_as_published(void** state)
{
  (void)state;
  dv_corpus_normality result;
  skip_without_corpora();
  assert_int_equal(dv_corpus_test_normality(&f.internal, &f.pca, 0, &result, NULL), DV_OK);
  assert_int_equal(result.components, COMPONENTS);
  double* scores = malloc(f.internal.count * COMPONENTS * sizeof *scores);
  assert_non_null(scores);
  dv_pca_scores(&f.pca, f.internal.effective, f.internal.count, COMPONENTS, true, scores);
  print_message("%-56s published     317.19  found %12.4f\n", "Royston's H, in double", result.royston.statistic);
  assert_close(result.royston.statistic, 317.19, 1e-4, 0.0);
  const double single = royston_of(scores, f.internal.count);
  print_message("%-56s published     317.19  found %12.4f\n", "Royston's H, W in single precision", single);
  assert_close(single, 317.19, 0.0, 0.01); /* the order of its additions decides the last digit */
  free(scores);
  assert_close(result.royston.freedom, 74.0, 1e-12, 0.0);
  expect("Royston's p", result.royston.p, 0.0, 15);
  expect("Henze and Zirkler's p", result.henze_zirkler.p, 0.0, 15);
}

/* --- The tool ------------------------------------------------------------------------------------------------ */

static json_t* run_json(const char* arguments)
{
  char command[1024];
  snprintf(command, sizeof command, "'%s' %s --json -q >out.json", tool, arguments);
  static char log[4096];
  if (dv_cli_shell(f.temp, command, log, sizeof log)) fail_msg("%s: %s", arguments, log);
  json_error_t problem;
  json_t* root = json_load_file(dv_temp_path(f.temp, "out.json"), JSON_REJECT_DUPLICATES, &problem);
  if (!root) fail_msg("%s: %s", arguments, problem.text);
  return root;
}

static void test_tool_makes_presets_and_reads_them_as_a_corpus(void** state)
{
  (void)state;
  json_t* root = run_json("sample -n 20 --seed 4 -o drawn");
  json_decref(root);
  root = run_json("summary drawn");
  assert_int_equal(json_integer_value(json_object_get(root, "presets")), 20);
  assert_int_equal(json_array_size(json_object_get(root, "parameters")), SIZE);
  json_decref(root);
  root = run_json("pca drawn");
  assert_int_equal(json_integer_value(json_object_get(root, "nonzero_components")), 19);
  json_decref(root);
  root = run_json("correlations drawn");
  assert_int_equal(json_array_size(json_object_get(root, "pairs")), DV_PARAMETER_PAIRS);
  json_decref(root);
  root = run_json("normality drawn");
  assert_int_equal(json_array_size(json_object_get(root, "shapiro_wilk")), SIZE);
  json_decref(root);
}

static void test_tool_draws_the_same_presets_from_the_same_seed(void** state)
{
  (void)state;
  char log[4096], command[1024];
  snprintf(command, sizeof command,
           "'%s' -q sample --seed 5 -o a.json && '%s' -q sample --seed 5 -o b.json && '%s' -q sample --seed 6 -o "
           "c.json && cmp a.json "
           "b.json && ! cmp -s a.json c.json",
           tool, tool, tool);
  if (dv_cli_shell(f.temp, command, log, sizeof log)) fail_msg("%s", log);
}

static void test_tool_finds_the_preset_itself_nearest(void** state)
{
  (void)state;
  json_t* root = run_json("nearest drawn/sample-0007.json drawn -n 3");
  const json_t* nearest = json_array_get(json_object_get(root, "nearest"), 0);
  assert_string_equal(json_string_value(json_object_get(nearest, "name")), "sample-0007");
  assert_close(json_number_value(json_object_get(nearest, "distance")), 0.0, 0.0, 1e-9);
  json_decref(root);
}

static void test_tool_exports_what_it_reads(void** state)
{
  (void)state;
  json_t* root = run_json("export drawn -o drawn.npy");
  json_decref(root);
  root = run_json("export drawn -o drawn.csv");
  json_decref(root);
  dv_collection a, b;
  const dv_collection_options options = {0};
  assert_int_equal(dv_collection_load(dv_temp_path(f.temp, "drawn"), &options, &a, NULL), DV_OK);
  assert_int_equal(dv_collection_load(dv_temp_path(f.temp, "drawn.npy"), &options, &b, NULL), DV_OK);
  assert_memory_equal(a.effective, b.effective, a.count * SIZE * sizeof *a.effective);
  dv_collection_free(&a);
  dv_collection_free(&b);
}

static void test_tool_morphs_and_moves(void** state)
{
  (void)state;
  dv_preset a, b, half;
  char log[4096], command[1024];
  snprintf(command, sizeof command,
           "'%s' -q morph hall telephone -t 0.5 -o half.json && '%s' -q move hall --pc 1=+2 --pc 3=-1 -o moved.json && "
           "'%s' -q morph hall "
           "telephone -t 0 -o same.json",
           tool, tool, tool);
  if (dv_cli_shell(f.temp, command, log, sizeof log)) fail_msg("%s", log);
  assert_int_equal(dv_preset_resolve("hall", NULL, &a, NULL), DV_OK);
  assert_int_equal(dv_preset_resolve("telephone", NULL, &b, NULL), DV_OK);
  assert_int_equal(dv_preset_read(dv_temp_path(f.temp, "half.json"), &half, NULL), DV_OK);
  assert_close(half.params.peak1.gain_db, 0.5 * (a.params.peak1.gain_db + b.params.peak1.gain_db), 1e-12, 1e-12);
  assert_int_equal(dv_preset_read(dv_temp_path(f.temp, "same.json"), &half, NULL), DV_OK);
  assert_close(half.params.delay.delay_ms, a.params.delay.delay_ms, 1e-9, 0.0);
  assert_int_equal(dv_preset_read(dv_temp_path(f.temp, "moved.json"), &half, NULL), DV_OK);
  const dv_preset_note* note = dv_preset_find_note(&half, "moved_pc1");
  assert_non_null(note);
  assert_close(note->number, 2.0, 0.0, 0.0);
}

static void test_tool_writes_a_prior_and_uses_it(void** state)
{
  (void)state;
  char log[4096], command[1024];
  snprintf(command, sizeof command,
           "'%s' -q prior drawn -o mine.json --c-table mine.c && '%s' -q sample --prior mine.json -o from.json && '%s' "
           "-q move hall --pc "
           "2=1 --prior mine.json -o m.json && grep -q dv_prior_mine mine.c",
           tool, tool, tool);
  if (dv_cli_shell(f.temp, command, log, sizeof log)) fail_msg("%s", log);
}

static void test_wrong_input_is_told_clearly(void** state)
{
  (void)state;
  static const struct {
    const char* arguments;
    int status;
    const char* message;
  } cases[] = {
    {"", 2, "wants a command"},
    {"sumary drawn", 2, "has no command sumary"},
    {"summary", 2, "summary wants CORPUS"},
    {"summary drawn --nonsense", 2, "see preset-analysis --help"},
    {"export drawn", 2, "export wants -o"},
    {"export drawn -o x.txt", 1, ".csv"},
    {"move hall -o x.json", 2, "--pc"},
    {"move hall --pc 1:2 -o x.json", 2, "not 1:2"},
    {"move hall --pc 131=1 -o x.json", 2, "131=1"},
    {"move hal -q --pc 1=1 -o x.json", 1, "did you mean 'hall'"},
    {"morph hall plate-short -t 1.5 -o x.json", 2, "--amount"},
    {"sample -n 2 -o x.json", 1, "one file holds one preset"},
    {"summary nowhere", 1, "nowhere: cannot read"},
    {"pca one", 1, "holds 1 preset; statistics want at least 3"},
    {"normality one", 1, "holds 1 preset"},
    {"correlations one", 1, "holds 1 preset"},
    {"report one -o x.html", 1, "holds 1 preset"},
    {"prior one -o x.json", 1, "at least 2 presets"},
    {"pca same", 1, "all presets are equal"},
    {"report same -o x.html", 1, "all presets are equal"},
    {"report drawn -o nofolder/x.html", 1, "nofolder"},
    {"report drawn --features drawn.csv -o x.html", 1, "preset-analysis features"},
    {"features drawn", 2, "--voice"},
    {"normality drawn --components 50", 1, "the corpus has 19"},
    {"--help", 0, "usage: preset-analysis"},
    {"--version", 0, "preset-analysis"},
  };
  char log[4096], command[1024];
  snprintf(
    command, sizeof command,
    "mkdir one same && cp a.json one/ && cp a.json same/1.json && cp a.json same/2.json && cp a.json same/3.json");
  if (dv_cli_shell(f.temp, command, log, sizeof log)) fail_msg("%s", log);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i)
    dv_cli_expect(f.temp, tool, cases[i].arguments, cases[i].status, cases[i].message);
}

/* --- The report ---------------------------------------------------------------------------------------------- */

static char* read_page(const char* name)
{
  FILE* in = fopen(dv_temp_path(f.temp, name), "rb");
  char* text = calloc(1, 1 << 22);
  assert_true(in && text);
  assert_true(fread(text, 1, (1 << 22) - 1, in) > 0);
  fclose(in);
  return text;
}

static void test_report_is_whole_offline_and_repeatable(void** state)
{
  (void)state;
  char log[4096], command[1024];
  snprintf(command, sizeof command,
           "'%s' -q report drawn same -o r.html && '%s' -q report drawn same -o s.html && cmp r.html s.html", tool,
           tool);
  if (dv_cli_shell(f.temp, command, log, sizeof log)) fail_msg("%s", log);
  char* page = read_page("r.html");
  static const char* const parts[] = {"id=\"map\"",          "id=\"components\"",        "id=\"moves\"",
                                      "id=\"correlations\"", "id=\"normality\"",         "id=\"distributions\"",
                                      "id=\"presets\"",      "id=\"methods\"",           "sample-0007",
                                      "Cumulative variance", "table class=\"sortable\"", "</html>"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i)
    if (!strstr(page, parts[i])) fail_msg("the page has no %s", parts[i]);
  assert_null(strstr(page, "src=\"http"));
  assert_null(strstr(page, "href=\"http"));
  free(page);
}

static void test_names_cannot_write_markup(void** state)
{
  (void)state;
  char log[4096], command[1024];
  snprintf(command, sizeof command,
           "mkdir names && cp drawn/*.json names/ && mv names/sample-0001.json 'names/<script>\"&.json' && '%s' -q "
           "report names -o n.html",
           tool);
  if (dv_cli_shell(f.temp, command, log, sizeof log)) fail_msg("%s", log);
  char* page = read_page("n.html");
  assert_null(strstr(page, "<script>\"&"));
  assert_non_null(strstr(page, "&lt;script&gt;"));
  assert_non_null(strstr(page, "\\u003cscript\\u003e\\u0022\\u0026"));
  free(page);
}

static void test_report_of_both_corpora_shows_the_published_figures(void** state)
{
  (void)state;
  char log[4096], command[1024], corpora[512];
  skip_without_corpora();
  assert_non_null(realpath(CORPORA, corpora));
  snprintf(command, sizeof command, "'%s' -q report internal medleydb --corpora '%s' -o both.html", tool, corpora);
  if (dv_cli_shell(f.temp, command, log, sizeof log)) fail_msg("%s", log);
  char* page = read_page("both.html");
  static const char* const figures[] = {"77 of 130", "45 of 69", "100 of 130", "59.23", "65.22",
                                        "76.92",     "90.95",    "87.56",      "13.858"};
  for (size_t i = 0; i < sizeof figures / sizeof *figures; ++i)
    if (!strstr(page, figures[i])) fail_msg("the page has no %s", figures[i]);
  free(page);
}

int main(int argc, char** argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_corpora_have_the_published_sizes),
    cmocka_unit_test(test_components_are_the_published_ones),
    cmocka_unit_test(test_medleydb_is_explained_as_published),
    cmocka_unit_test(test_effects_correlate_as_published),
    cmocka_unit_test(test_royston_and_henze_zirkler_are_as_published),
    cmocka_unit_test(test_tool_makes_presets_and_reads_them_as_a_corpus),
    cmocka_unit_test(test_tool_draws_the_same_presets_from_the_same_seed),
    cmocka_unit_test(test_tool_finds_the_preset_itself_nearest),
    cmocka_unit_test(test_tool_exports_what_it_reads),
    cmocka_unit_test(test_tool_morphs_and_moves),
    cmocka_unit_test(test_tool_writes_a_prior_and_uses_it),
    cmocka_unit_test(test_wrong_input_is_told_clearly),
    cmocka_unit_test(test_report_is_whole_offline_and_repeatable),
    cmocka_unit_test(test_names_cannot_write_markup),
    cmocka_unit_test(test_report_of_both_corpora_shows_the_published_figures),
  };
  if (argc != 2) {
    fputs("usage: test_analysis PRESET-ANALYSIS\n", stderr);
    return 2;
  }
  tool = argv[1];
  return cmocka_run_group_tests(tests, setup, teardown);
}
