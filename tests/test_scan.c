/* SPDX-License-Identifier: MIT */
/* Trees of empty files, which a scan does not open, and exactly what it says of them. */
#include "datasets/file.h"
#include "datasets/scan.h"
#include "support/dv_cli.h"

static const char* program; /* diffvox-data */

/* A tree of its own for every test. */
static int setup(void** state) { return dv_temp_setup(state); }

static void make_folders(dv_temp* t, const char* name)
{
  char path[512];
  snprintf(path, sizeof path, "%s", dv_temp_path(t, name));
  for (char* slash = path + strlen(t->dir) + 1; (slash = strchr(slash, '/')); ++slash) {
    *slash = '\0';
    mkdir(path, 0755);
    *slash = '/';
  }
}

static void put_text(dv_temp* t, const char* name, const char* text)
{
  make_folders(t, name);
  dv_temp_file(t, name, text, strlen(text));
}

static void put(dv_temp* t, const char* name) { put_text(t, name, ""); }

static void put_all(dv_temp* t, const char* const* names, size_t count)
{
  for (size_t i = 0; i < count; ++i) put(t, names[i]);
}

/* The text without any mention of the folder. */
static void print_short(FILE* out, const dv_temp* t, const char* text)
{
  const size_t length = strlen(t->dir);
  for (const char* at; (at = strstr(text, t->dir)); text = at + length + (at[length] == '/'))
    fprintf(out, "%.*s", (int)(at - text), text);
  fputs(text, out);
}

/* "+ id dry wet" or "! id ..." with bleed, and "- kind path: reason". */
static char* describe(dv_temp* t, const dv_scan* scan)
{
  char* text = NULL;
  size_t size;
  FILE* out = open_memstream(&text, &size);
  assert_non_null(out);
  for (size_t i = 0; i < scan->manifest.count; ++i) {
    const dv_pair* p = &scan->manifest.pairs[i];
    fprintf(out, "%c %s ", p->has_bleed ? '!' : '+', p->id);
    print_short(out, t, p->dry);
    putc(' ', out);
    print_short(out, t, p->wet);
    putc('\n', out);
  }
  for (size_t i = 0; i < scan->exclusion_count; ++i) {
    const dv_scan_exclusion* e = &scan->exclusions[i];
    fprintf(out, "- %s ", dv_scan_reason_name(e->reason));
    print_short(out, t, e->path);
    fputs(": ", out);
    print_short(out, t, e->text);
    putc('\n', out);
  }
  fclose(out);
  return text;
}

/* name: what to scan below the folder; "" is the folder itself. */
static void expect_scan(dv_temp* t, const char* name, const dv_scan_options* options, const char* expected)
{
  const dv_scan_options none = {0};
  dv_scan scan;
  dv_error err;
  if (dv_scan_root(dv_temp_path(t, name), options ? options : &none, &scan, &err)) fail_msg("%s", err.text);
  char* got = describe(t, &scan);
  if (strcmp(got, expected)) fail_msg("got:\n%s\nexpected:\n%s", got, expected);
  free(got);
  dv_scan_free(&scan);
  assert_null(scan.exclusions);
}

/* ---- MedleyDB ---- */

#define STEM(key, number, instrument, raws)                                                                            \
  "  " key ":\n    component: ''\n    filename: Song_STEM_" number ".wav\n    instrument: " instrument                 \
  "\n    raw:" raws "\n"
#define ONE_RAW(number) "\n      R01:\n        filename: Song_RAW_" number "_01.wav\n        instrument: anything"

static const char quirks[] =
  "album: ''\nhas_bleed: 'no'\ninstrumental: 'no'\nraw_dir: Song_RAW\nstem_dir: Song_STEMS\nstems:\n" STEM(
    "S01", "01", "electric bass", ONE_RAW("01")) STEM("S02", "02", "male singer", ONE_RAW("02"))
    STEM("S03", "03", "vocalists", ONE_RAW("03") "\n      R02:\n        filename: Song_RAW_03_02.wav") STEM(
      "S04", "04", "\n    - male singer\n    - female singer",
      ONE_RAW("04")) STEM("S05", "05", "[male singer, acoustic guitar]", ONE_RAW("05"))
      STEM("S06", "06", "male rapper", ONE_RAW("06")) STEM("S07", "07", "female singer", " {}")
        STEM("S08", "08", "", ONE_RAW("08")) STEM("S09", "09", "female speaker", ONE_RAW("09")) STEM(
          "S10", "10", "voice",
          ONE_RAW("10")) "  S11: {instrument: singer, raw: {R01: {filename: Song_RAW_11_01.wav}}}\n"
                         "  S12: {instrument: singer, filename: Song_STEM_12.wav, raw: {R01: {instrument: singer}}}\n"
                         "  S13: nothing\n"
                         "  7: {instrument: Speech, filename: Song_STEM_07b.wav, raw: [{filename: Song_RAW_07b.wav}]}\n"
                         "title: Song\nversion: 1.2\n";

static void test_quirks_of_metadata_give_exactly_these_pairs_and_reasons(void** state)
{
  static const char* const files[] = {"Song_STEM_02.wav", "Song_STEM_03.wav", "Song_STEM_04.wav",
                                      "Song_STEM_05.wav", "Song_STEM_06.wav", "Song_STEM_07.wav",
                                      "Song_STEM_09.wav", "Song_STEM_12.wav", "Song_STEM_07b.wav"};
  static const char* const raws[] = {"Song_RAW_02_01.wav", "Song_RAW_03_01.wav", "Song_RAW_04_01.wav",
                                     "Song_RAW_10_01.wav", "Song_RAW_11_01.wav", "Song_RAW_07b.wav"};
  char name[128];
  dv_temp* t = *state;
  put_text(t, "Audio/Song/Song_METADATA.yaml", quirks);
  put(t, "Audio/Song/Song_MIX.wav");
  for (size_t i = 0; i < sizeof files / sizeof *files; ++i) {
    snprintf(name, sizeof name, "Audio/Song/Song_STEMS/%s", files[i]);
    put(t, name);
  }
  for (size_t i = 0; i < sizeof raws / sizeof *raws; ++i) {
    snprintf(name, sizeof name, "Audio/Song/Song_RAW/%s", raws[i]);
    put(t, name);
  }
#define YAML "Audio/Song/Song_METADATA.yaml"
  expect_scan(t, "", NULL,
              "+ Song_STEM_02 Audio/Song/Song_RAW/Song_RAW_02_01.wav Audio/Song/Song_STEMS/Song_STEM_02.wav\n"
              "+ Song_STEM_04 Audio/Song/Song_RAW/Song_RAW_04_01.wav Audio/Song/Song_STEMS/Song_STEM_04.wav\n"
              "+ Song_STEM_07b Audio/Song/Song_RAW/Song_RAW_07b.wav Audio/Song/Song_STEMS/Song_STEM_07b.wav\n"
              "- not_a_voice " YAML ": S01: its instrument is no voice: electric bass\n"
              "- raw_count " YAML ": S03: was made from 2 raw tracks (vocalists); one is wanted\n"
              "- not_a_voice " YAML ": S05: not all of its instruments are voices: male singer, acoustic guitar\n"
              "- not_a_voice " YAML ": S06: its instrument is no voice: male rapper\n"
              "- raw_count " YAML ": S07: was made from 0 raw tracks (female singer); one is wanted\n"
              "- incomplete " YAML ": S08: names no instrument\n"
              "- missing " YAML ": S09: the dry file Audio/Song/Song_RAW/Song_RAW_09_01.wav is not there\n"
              "- missing " YAML ": S10: the wet file Audio/Song/Song_STEMS/Song_STEM_10.wav is not there\n"
              "- incomplete " YAML ": S11: it has no file name\n"
              "- incomplete " YAML ": S12: its raw track has no file name\n"
              "- incomplete " YAML ": S13: names no instrument\n");
#undef YAML
}

/* A song with one singer. */
static void put_song(dv_temp* t, const char* yaml_folder, const char* audio_folder, const char* song, const char* head)
{
  char name[256], text[1024];
  snprintf(
    text, sizeof text,
    "%sstems:\n  S01: {filename: %s_STEM_01.wav, instrument: singer, raw: {R01: {filename: %s_RAW_01_01.wav}}}\n", head,
    song, song);
  snprintf(name, sizeof name, "%s/%s_METADATA.yaml", yaml_folder, song);
  put_text(t, name, text);
  if (!audio_folder) return;
  snprintf(name, sizeof name, "%s/%s_STEMS/%s_STEM_01.wav", audio_folder, song, song);
  put(t, name);
  snprintf(name, sizeof name, "%s/%s_RAW/%s_RAW_01_01.wav", audio_folder, song, song);
  put(t, name);
}

static void test_songs_are_judged_one_by_one(void** state)
{
  dv_temp* t = *state;
  put_song(t, "Audio/B_leed", "Audio/B_leed", "B_leed", "has_bleed: 'yes'\n");
  put_song(t, "Audio/Bool", "Audio/Bool", "Bool", "has_bleed: true\ninstrumental: no\n");
  put_song(t, "Audio/Instr", "Audio/Instr", "Instr", "instrumental: 'yes'\n");
  put_song(t, "Audio/Broken", "Audio/Broken", "Broken", "{[\n");
  put_text(t, "Audio/Empty/Empty_METADATA.yaml", "");
  put_text(t, "Audio/None/None_METADATA.yaml", "stems: {}\n");
  put(t, "Audio/None/None_STEMS/x.wav");
  put_song(t, "Metadata", "V2/Far", "Far", "");
  put_song(t, "Metadata", NULL, "Gone", "stem_dir: Gone_STEMS\n");
  put_song(t, "Metadata", NULL, "Bool", "");
  put_text(t, "Audio/B_leed/._B_leed_METADATA.yaml", "garbage: [");
  expect_scan(t, "", NULL,
              "! B_leed_STEM_01 Audio/B_leed/B_leed_RAW/B_leed_RAW_01_01.wav "
              "Audio/B_leed/B_leed_STEMS/B_leed_STEM_01.wav\n"
              "! Bool_STEM_01 Audio/Bool/Bool_RAW/Bool_RAW_01_01.wav Audio/Bool/Bool_STEMS/Bool_STEM_01.wav\n"
              "+ Far_STEM_01 V2/Far/Far_RAW/Far_RAW_01_01.wav V2/Far/Far_STEMS/Far_STEM_01.wav\n"
              "- unreadable Audio/Broken/Broken_METADATA.yaml: is no YAML: line 3: did not find expected ',' or ']'; "
              "get it again\n"
              "- unreadable Audio/Empty/Empty_METADATA.yaml: is empty; get it again\n"
              "- instrumental Audio/Instr/Instr_METADATA.yaml: the song is marked instrumental\n"
              "- incomplete Audio/None/None_METADATA.yaml: lists no stems\n"
              "- duplicate Metadata/Bool_METADATA.yaml: other metadata describes the song's folder already\n"
              "- missing Metadata/Gone_METADATA.yaml: its audio is not there: neither beside it nor in a folder named "
              "Gone is the folder Gone_STEMS\n");
  const dv_scan_options dry_rooms = {.without_bleed = true, .include = "B*"};
  expect_scan(t, "Audio", &dry_rooms,
              "- has_bleed Audio/B_leed/B_leed_METADATA.yaml: S01: its song has has_bleed: other instruments are heard "
              "in the recording\n"
              "- has_bleed Audio/Bool/Bool_METADATA.yaml: S01: its song has has_bleed: other instruments are heard in "
              "the recording\n"
              "- unreadable Audio/Broken/Broken_METADATA.yaml: is no YAML: line 3: did not find expected ',' or ']'; "
              "get it again\n"
              "- unreadable Audio/Empty/Empty_METADATA.yaml: is empty; get it again\n"
              "- instrumental Audio/Instr/Instr_METADATA.yaml: the song is marked instrumental\n"
              "- incomplete Audio/None/None_METADATA.yaml: lists no stems\n");
}

/* ---- names ---- */

static void test_names_of_every_convention_are_paired(void** state)
{
  static const char* const files[] = {
    "a.dry.wav",        "a.wet.flac",       "b_dry.aif",     "b_wet.OGG",      "c-DRY.mp3",       "c-Wet.wav",
    "Lead Vox dry.wav", "Lead Vox wet.wav", "x/dry.wav",     "x/wet.w64",      "y/z/Dry.caf",     "y/z/Wet.wav",
    "d/dry/one.wav",    "d/wet/one.wav",    "d/dry/s/2.wav", "d/wet/s/2.wav",  "e/dry/q_dry.wav", "e/wet/q_wet.wav",
    "f/Dry/v1.2.wav",   "f/WET/v1.2.opus",  "e/dry/r.wav",   "e/wet/r.wet.wav"};
  put_all(*state, files, sizeof files / sizeof *files);
  expect_scan(*state, "", NULL,
              "+ Lead_Vox Lead Vox dry.wav Lead Vox wet.wav\n"
              "+ a a.dry.wav a.wet.flac\n"
              "+ b b_dry.aif b_wet.OGG\n"
              "+ c c-DRY.mp3 c-Wet.wav\n"
              "+ d_one d/dry/one.wav d/wet/one.wav\n"
              "+ d_s_2 d/dry/s/2.wav d/wet/s/2.wav\n"
              "+ e_q e/dry/q_dry.wav e/wet/q_wet.wav\n"
              "+ e_r e/dry/r.wav e/wet/r.wet.wav\n"
              "+ f_v1.2 f/Dry/v1.2.wav f/WET/v1.2.opus\n"
              "+ x x/dry.wav x/wet.w64\n"
              "+ y_z y/z/Dry.caf y/z/Wet.wav\n");
}

static void test_names_that_make_no_pair_are_told(void** state)
{
  static const char* const files[] = {"a.dry.wav",       "a_dry.flac",     "a.wet.wav",   "b.dry.wav",
                                      "c.wet.wav",       "d/dry/x.wav",    "d/wet/y.wav", "laundry.wav",
                                      "mix.wav",         "wet/dry/k.wav",  "notes.txt",   "z.dry.txt",
                                      ".hidden.dry.wav", ".git/a.dry.wav", "z.raw",       "_dry.wav"};
  put_all(*state, files, sizeof files / sizeof *files);
  expect_scan(
    *state, "", NULL,
    "- unnamed laundry.wav: its name says neither dry nor wet\n"
    "- unnamed mix.wav: its name says neither dry nor wet\n"
    "- unpaired _dry.wav: no wet file of the same name is there\n"
    "- ambiguous a.dry.wav: 2 dry and 1 wet files of this name are there; keep one of each or list them in a "
    "CSV file\n"
    "- ambiguous a_dry.flac: 2 dry and 1 wet files of this name are there; keep one of each or list them in a "
    "CSV file\n"
    "- ambiguous a.wet.wav: 2 dry and 1 wet files of this name are there; keep one of each or list them in a "
    "CSV file\n"
    "- unpaired b.dry.wav: no wet file of the same name is there\n"
    "- unpaired c.wet.wav: no dry file of the same name is there\n"
    "- unpaired d/dry/x.wav: no wet file of the same name is there\n"
    "- unpaired d/wet/y.wav: no dry file of the same name is there\n"
    "- unpaired wet/dry/k.wav: no wet file of the same name is there\n");
}

static void test_ids_come_from_names_and_stay_apart(void** state)
{
  static const char* const files[] = {"a/b.dry.wav",          "a/b.wet.wav",          "a_b.dry.wav",
                                      "a_b.wet.wav",          "Bj\xc3\xb6rk/dry.wav", "Bj\xc3\xb6rk/wet.wav",
                                      "Bj\xc3\xb8rk/dry.wav", "Bj\xc3\xb8rk/wet.wav", ".x/dry.wav"};
  dv_temp* t = *state;
  dv_scan scan;
  const dv_scan_options none = {0};
  put_all(t, files, sizeof files / sizeof *files);
  for (int again = 0; again < 2; ++again) {
    assert_int_equal(dv_scan_root(dv_temp_path(t, ""), &none, &scan, NULL), DV_OK);
    assert_int_equal(scan.manifest.count, 4);
    assert_int_equal(scan.exclusion_count, 0);
    assert_string_equal(scan.manifest.pairs[0].id, "Bj_rk-6323cfe9");
    assert_memory_equal(scan.manifest.pairs[1].id, "Bj_rk-", 6);
    assert_string_not_equal(scan.manifest.pairs[0].id, scan.manifest.pairs[1].id);
    assert_string_equal(scan.manifest.pairs[2].id, "a_b");
    assert_memory_equal(scan.manifest.pairs[3].id, "a_b-", 4);
    for (size_t i = 0; i < 4; ++i) assert_true(dv_manifest_id_is_valid(scan.manifest.pairs[i].id));
    dv_scan_free(&scan);
  }
}

static void test_root_is_named_after_itself_and_long_names_are_cut(void** state)
{
  dv_temp* t = *state;
  char name[240], path[300];
  dv_scan scan;
  const dv_scan_options none = {0};
  put(t, "song/dry.wav");
  put(t, "song/wet.wav");
  expect_scan(t, "song/", NULL, "+ song song/dry.wav song/wet.wav\n");
  memset(name, 'n', sizeof name);
  for (int i = 0; i < 2; ++i) {
    snprintf(path, sizeof path, "long/%.*s.%s.wav", 230, name, i ? "wet" : "dry");
    put(t, path);
  }
  assert_int_equal(dv_scan_root(dv_temp_path(t, "long"), &none, &scan, NULL), DV_OK);
  assert_int_equal(scan.manifest.count, 1);
  assert_int_equal(strlen(scan.manifest.pairs[0].id), DV_MANIFEST_MAX_ID);
  dv_scan_free(&scan);
}

static void test_links_are_followed_but_not_in_circles(void** state)
{
  dv_temp* t = *state;
  put(t, "real/dry.wav");
  put(t, "real/wet.wav");
  mkdir(dv_temp_path(t, "shelf"), 0755);
  if (symlink("../real", dv_temp_path(t, "shelf/song")) || symlink("..", dv_temp_path(t, "shelf/up")) ||
      symlink("nowhere", dv_temp_path(t, "shelf/b.dry.wav")) || symlink("nowhere", dv_temp_path(t, "shelf/b.wet.wav")))
    abort();
  expect_scan(t, "shelf", NULL,
              "+ song shelf/song/dry.wav shelf/song/wet.wav\n"
              "- unreadable shelf/up/shelf: the link leads back to a folder it lies in\n"
              "- missing shelf/b.wet.wav: the dry file shelf/b.dry.wav is not there\n"
              "- duplicate shelf/up/real/wet.wav: is the pair 'song' already\n");
}

/* ---- CSV ---- */

static void test_csv_rows_are_pairs(void** state)
{
  static const char* const files[] = {"d/a.wav",  "d/a, \"wet\".wav", "d/b.wav",       "d/b2.wav", "d/c.wav",
                                      "d/c2.wav", "other.dry.wav",    "other.wet.wav", "mix.wav"};
  dv_temp* t = *state;
  char csv[2048];
  put_all(t, files, sizeof files / sizeof *files);
  put_text(t, "scores.csv", "track,loss\nx,1\n");
  snprintf(csv, sizeof csv,
           "\xef\xbb\xbfNote,Dry,id,WET\r\n"
           "\"says \"\"so\"\",\nover two lines\",a.wav,first,\"a, \"\"wet\"\".wav\"\r\n"
           "\r\n"
           ",\"%s/d/b.wav\",,b2.wav\r\n"
           ",c.wav,first,c2.wav\n"
           ",c.wav,c/d,c2.wav\n"
           ",c.wav,,gone.wav\n"
           ",c.wav,third\n"
           ",,fourth,c2.wav\n"
           ",a.wav,again,\"a, \"\"wet\"\".wav\"\n"
           ",c.wav,c,c2.wav",
           t->dir);
  put_text(t, "d/pairs.csv", csv);
#define PAIRS                                                                                                          \
  "+ first d/a.wav d/a, \"wet\".wav\n"                                                                                 \
  "+ b2 d/b.wav d/b2.wav\n"                                                                                            \
  "+ c d/c.wav d/c2.wav\n"
#define REASONS                                                                                                        \
  "- duplicate d/pairs.csv: line 6: another pair has the id 'first'\n"                                                 \
  "- bad_name d/pairs.csv: line 7: the id 'c/d' cannot name a folder: use 1 to 200 of A-Z a-z 0-9 . _ - and no dot "   \
  "in front\n"                                                                                                         \
  "- missing d/pairs.csv: line 8: the wet file d/gone.wav is not there\n"                                              \
  "- incomplete d/pairs.csv: line 9: names no wet file\n"                                                              \
  "- incomplete d/pairs.csv: line 10: names no dry file\n"                                                             \
  "- duplicate d/pairs.csv: line 11: is the pair 'first' already\n"
  expect_scan(t, "d/pairs.csv", NULL, PAIRS REASONS);
  expect_scan(t, "", NULL,
              PAIRS "+ other other.dry.wav other.wet.wav\n" REASONS
                    "- unnamed mix.wav: its name says neither dry nor wet\n");
#undef PAIRS
#undef REASONS
}

static void test_csv_may_have_semicolons_and_may_be_broken(void** state)
{
  dv_temp* t = *state;
  put(t, "a,b.wav");
  put(t, "w.wav");
  put_text(t, "p.csv", "dry;wet\na,b.wav;w.wav\n\"w.wav\"x;a\n");
  expect_scan(t, "p.csv", NULL,
              "+ w a,b.wav w.wav\n"
              "- unreadable p.csv: line 3: quotes that do not end, or end inside a field; it and what follows is not "
              "read\n");
  put_text(t, "p.csv", "dry,wet\n\"w.wav,x\n");
  expect_scan(t, "p.csv", NULL,
              "- unreadable p.csv: line 2: quotes that do not end, or end inside a field; it and what follows is not "
              "read\n");
}

/* ---- roots and options ---- */

static void test_roots_that_cannot_be_scanned_are_refused(void** state)
{
  static const struct {
    const char *name, *text;
    dv_status status;
    const char* fragment;
  } cases[] = {{"absent", NULL, DV_ERR_IO, "absent: cannot read"},
               {"file.wav", "", DV_ERR_ARG, "file.wav: is neither a folder nor a .csv file"},
               {"empty.csv", "", DV_ERR_FORMAT, "empty.csv: its first line does not name the columns dry and wet"},
               {"half.csv", "dry,id\na,b\n", DV_ERR_FORMAT, "does not name the columns"}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
    const dv_scan_options none = {0};
    dv_scan scan;
    dv_error err;
    if (cases[c].text) put_text(*state, cases[c].name, cases[c].text);
    assert_int_equal(dv_scan_root(dv_temp_path(*state, cases[c].name), &none, &scan, &err), cases[c].status);
    if (!strstr(err.text, cases[c].fragment)) fail_msg("%s", err.text);
    assert_null(scan.manifest.pairs);
  }
}

static void test_folders_that_cannot_be_read_are_told(void** state)
{
  dv_temp* t = *state;
  put(t, "song/dry.wav");
  put(t, "song/wet.wav");
  put(t, "locked/dry.wav");
  if (chmod(dv_temp_path(t, "locked"), 0) || chmod(t->dir, 0755) || (!getuid() && seteuid(65534))) abort();
  dv_scan scan;
  const dv_scan_options none = {0};
  const dv_status status = dv_scan_root(t->dir, &none, &scan, NULL);
  if ((!getuid() && seteuid(0)) || chmod(dv_temp_path(t, "locked"), 0755)) abort();
  assert_int_equal(status, DV_OK);
  char* got = describe(t, &scan);
  assert_string_equal(got, "+ song song/dry.wav song/wet.wav\n"
                           "- unreadable locked: the folder cannot be read: Permission denied\n");
  free(got);
  dv_scan_free(&scan);
}

static void test_names_that_are_no_text_are_left_out(void** state)
{
  put(*state, "\xe4.dry.wav");
  put(*state, "\xe4.wet.wav");
  expect_scan(*state, "", NULL,
              "- bad_name \xe4.wet.wav: the dry file's name is not UTF-8, so a manifest cannot hold it; rename it\n");
}

static void test_patterns_choose_ids(void** state)
{
  static const char* const files[] = {"a1.dry.wav", "a1.wet.wav", "a2.dry.wav", "a2.wet.wav", "b.dry.wav", "b.wet.wav"};
  const dv_scan_options options = {.include = "a*", .exclude = "*2"};
  put_all(*state, files, sizeof files / sizeof *files);
  expect_scan(*state, "", &options,
              "+ a1 a1.dry.wav a1.wet.wav\n"
              "- not_wanted a2.wet.wav: the id 'a2' is not wanted\n"
              "- not_wanted b.wet.wav: the id 'b' is not wanted\n");
}

/* ---- the tool ---- */

static void test_tool_writes_a_manifest_and_lists_everything(void** state)
{
  dv_temp* t = *state;
  dv_manifest m;
  dv_error err;
  put_song(t, "songs/B", "songs/B", "B", "has_bleed: 'yes'\n");
  put(t, "songs/a.dry.wav");
  put(t, "songs/a.wet.wav");
  put(t, "songs/mix.wav");
  put(t, "songs/mix2.wav");
  dv_cli_expect(t, program, "scan songs -o m.jsonl", 0, "2 pairs, 1 with has_bleed; 2 left out: 2 unnamed");
  dv_cli_expect(t, program, "scan songs", 0, "mix.wav: its name says neither dry nor wet (and 1 more like it");
  dv_cli_expect(t, program, "scan songs --json", 0,
                "{\"type\": \"left_out\", \"kind\": \"unnamed\", \"path\": \"songs/mix2.wav\"");
  dv_cli_expect(t, program, "scan songs --json -q", 0,
                "{\"type\": \"summary\", \"pairs\": 2, \"has_bleed\": 1, \"left_out\": {\"unnamed\": 2}}");
  dv_cli_expect(
    t, program, "scan songs -o - 2>/dev/null", 0,
    "{\"id\": \"B_STEM_01\", \"dry\": \"songs/B/B_RAW/B_RAW_01_01.wav\", \"wet\": "
    "\"songs/B/B_STEMS/B_STEM_01.wav\", \"why\": \"MedleyDB: S01 of B is singer, made from one raw track\", "
    "\"has_bleed\": true}");
  if (dv_manifest_read(dv_temp_path(t, "m.jsonl"), &m, &err)) fail_msg("%s", err.text);
  assert_int_equal(m.count, 2);
  assert_true(m.pairs[0].has_bleed);
  assert_string_equal(m.pairs[1].id, "a");
  assert_string_equal(m.pairs[1].wet, dv_temp_path(t, "songs/a.wet.wav"));
  dv_manifest_free(&m);
}

static void test_tool_without_pairs_fails_and_writes_nothing(void** state)
{
  put(*state, "songs/mix.wav");
  dv_cli_expect(*state, program, "scan songs -o m.jsonl", 1, "songs: no pair found; name files NAME.dry.wav");
  assert_int_not_equal(access(dv_temp_path(*state, "m.jsonl"), F_OK), 0);
  dv_cli_expect(*state, program, "scan absent", 1, "absent: cannot read");
}

static void test_tool_tells_wrong_usage(void** state)
{
  static const struct {
    const char* args;
    int status;
    const char* fragment;
  } cases[] = {{"", 2, "wants scan or check, not nothing"},
               {"fit x", 2, "wants scan or check, not fit"},
               {"scan", 2, "scan wants one folder or CSV file"},
               {"scan a b", 2, "scan wants one folder"},
               {"check", 2, "check wants one manifest"},
               {"scan . --strict", 2, "see diffvox-data --help"},
               {"check . --include x", 2, "see diffvox-data --help"},
               {"check x --search 61", 2, "--search takes 0.001 to 60 seconds, not 61"},
               {"scan . --json -o -", 2, "--json and -o - both want standard output"},
               {"--help", 0, "usage: diffvox-data scan ROOT"},
               {"scan --help", 0, "usage: diffvox-data scan ROOT"},
               {"--version", 0, "diffvox-data " DV_VERSION},
               {"scan . >/dev/full", 1, "standard output: cannot write"}};
  put(*state, "a.dry.wav");
  put(*state, "a.wet.wav");
  for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c)
    dv_cli_expect(*state, program, cases[c].args, cases[c].status, cases[c].fragment);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, dv_temp_teardown)

int main(int argc, char** argv)
{
  if (argc != 2) return 2;
  program = argv[1];
  const struct CMUnitTest tests[] = {
    test(test_quirks_of_metadata_give_exactly_these_pairs_and_reasons),
    test(test_songs_are_judged_one_by_one),
    test(test_names_of_every_convention_are_paired),
    test(test_names_that_make_no_pair_are_told),
    test(test_ids_come_from_names_and_stay_apart),
    test(test_root_is_named_after_itself_and_long_names_are_cut),
    test(test_links_are_followed_but_not_in_circles),
    test(test_csv_rows_are_pairs),
    test(test_csv_may_have_semicolons_and_may_be_broken),
    test(test_roots_that_cannot_be_scanned_are_refused),
    test(test_folders_that_cannot_be_read_are_told),
    test(test_names_that_are_no_text_are_left_out),
    test(test_patterns_choose_ids),
    test(test_tool_writes_a_manifest_and_lists_everything),
    test(test_tool_without_pairs_fails_and_writes_nothing),
    test(test_tool_tells_wrong_usage),
  };
  return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
