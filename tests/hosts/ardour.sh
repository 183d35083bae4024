#!/bin/sh
# The plugin in Ardour 7, headless: a session from nothing with the plugin on a track, controls set, played in real
# time, a preset loaded, a control automated, exported, saved and opened again three times.  What is exported again is
# the same audio, and with the preset it is what diffvox-render computes.  The stereo plugin on a stereo track at every
# rate, the mono one on a mono track at the first.
# usage: ardour.sh BUILD_FOLDER SOURCE_FOLDER [RATE...]     44100 48000 96000
# $DV_ARDOUR_KEEP: a folder that is left with everything in it
# exit status: 0 passed, 1 failed, 77 skipped
set -eu
build=$(cd "$1" && pwd)
source=$(cd "$2" && pwd)
shift 2
[ $# -gt 0 ] || set -- 44100 48000 96000
for tool in ardour7-lua lv2info sox; do
  command -v "$tool" >/dev/null || { echo "ardour: skipping: no $tool; install scripts/packages-hosts.txt"; exit 77; }
done
if [ -n "${DV_ARDOUR_KEEP:-}" ]; then
  mkdir -p "$DV_ARDOUR_KEEP"
  work=$(cd "$DV_ARDOUR_KEEP" && pwd)
else
  work=$(mktemp -d "${TMPDIR:-/tmp}/diffvox-ardour-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
fi
stage_seconds=120
# Exports do not begin at the same frame of Ardour's cycles.  So the engine's FFTs round differently, which came to
# -134 dB at most, and an automated control, whose value Ardour takes once a cycle, moves in other small steps: -81 dB.
rounding_db=-120
automation_db=-60

# A home of its own: nothing of a user's configuration or presets.
HOME=$work/home
XDG_CONFIG_HOME=$HOME/.config
LV2_PATH=$build/lv2:/usr/lib/lv2
DV_PRESET=urn:diffvox:preset:diffvox-presets:plate-short
DV_SET="compressor_makeup_db=9 reverb_level=-6 delay_gain=0.5"
DV_AUTOMATE=compressor_makeup_db=0:12
# Without AVX512F: its routines in Ardour 7.3 write beyond the heap's blocks (Ardour's commit d023ea0d77 mends it), and
# exports crash with or without a plugin.  15 is SSE, SSE2 and both denormal flags.
ARDOUR_FPU_FLAGS=15
export HOME XDG_CONFIG_HOME LV2_PATH DV_PRESET DV_SET DV_AUTOMATE ARDOUR_FPU_FLAGS

fail() { echo "ardour: FAIL: $*"; exit 1; }

# Ardour's own export presets normalise or dither; this is 32-bit float at the session's rate and as loud as it is.
make_export_preset() {
  installed=/usr/share/ardour7/export
  mkdir -p "$XDG_CONFIG_HOME/ardour7/export"
  format=d1ff0000-0000-4000-8000-000000000001
  sed -e "s/id=\"20b4ab09[^\"]*\"/id=\"$format\"/" -e 's/name="BWAV 32float Export"/name="diffvox"/' \
    -e 's/name="broadcast-info" value="true"/name="broadcast-info" value="false"/' \
    "$installed/BWAV 32float Export.format" >"$XDG_CONFIG_HOME/ardour7/export/diffvox.format"
  sed -e 's/id="75969a1c[^"]*"/id="d1ff0000-0000-4000-8000-000000000002"/' -e "s/dd4f6f30[^\"]*/$format/" \
    -e 's/WAV @ session-rate/diffvox/' "$installed/wav.preset" >"$XDG_CONFIG_HOME/ardour7/export/diffvox.preset"
}

stage() { # name
  status=0
  timeout $stage_seconds ardour7-lua "$source/tests/hosts/ardour/session.lua" "$1" >"$DV_DIR/$1.log" 2>&1 || status=$?
  sed -n 's/^ardour:/  &/p' "$DV_DIR/$1.log"
  grep -q 'stage passed' "$DV_DIR/$1.log" && [ $status = 0 ] && return
  tail -n 20 "$DV_DIR/$1.log"
  fail "$DV_RATE Hz, $DV_CHANNELS channels: stage $1, exit status $status"
}

# same A B LIMIT_DB: the difference is that much below B.  different A B: it is not 40 dB below.
# The engine without a sound card makes up another output latency every time, in steps of 16 frames, and an export may
# begin that much off; the plugin's latency is ten times as long.
same() {
  result=$("$build/tests/hosts/tools/residual" "$DV_DIR/$1.wav" "$DV_DIR/$2.wav" 64 "$3") ||
    result=$("$build/tests/hosts/tools/residual" "$DV_DIR/$2.wav" "$DV_DIR/$1.wav" 64 "$3") ||
    fail "$1 is not $2: $result"
  case $result in "late by 0 "* | "late by 16 "* | "late by 32 "* | "late by 48 "* | "late by 64 "*) ;;
  *) fail "$1 is not $2: $result" ;; esac
  echo "  ardour: ok: $1 is $2: $result"
}
different() {
  if "$build/tests/hosts/tools/residual" "$DV_DIR/$1.wav" "$DV_DIR/$2.wav" 0 -40 >"$DV_DIR/log"; then
    fail "$1 sounds like $2: $(cat "$DV_DIR/log")"
  fi
  echo "  ardour: ok: $1 is not $2: $(cat "$DV_DIR/log")"
}

# Two seconds of a different tone and noise in every channel, after silence: Ardour lets the plugin run before the
# first frame, where the expander closes, and a rendering begins with it open.
make_audio() {
  DV_FRAMES=$((DV_RATE * 4))
  for channel in $(seq "$DV_CHANNELS"); do
    sox -R -n -r "$DV_RATE" -c 1 -b 32 -e floating-point "$DV_DIR/$channel.wav" \
      synth 2 pluck "A$((2 + channel))" synth 2 noise mix vol 0.1 fade 0.01 2 0.5 pad 1.5 0.5
  done
  if [ "$DV_CHANNELS" = 2 ]; then sox -M "$DV_DIR/1.wav" "$DV_DIR/2.wav" "$DV_DIR/dry.wav"
  else cp "$DV_DIR/1.wav" "$DV_DIR/dry.wav"; fi
  export DV_FRAMES
}

# The files of the silent region get the sound.
fill_clip() {
  clips=$DV_DIR/session/interchange/session/audiofiles
  if [ "$DV_CHANNELS" = 2 ]; then set -- '%L' '%R'; else set -- ''; fi
  channel=1
  for side; do
    [ -f "$clips/clip$side.wav" ] || fail "Ardour bounced no clip$side.wav"
    cp "$DV_DIR/$channel.wav" "$clips/clip$side.wav"
    channel=$((channel + 1))
  done
  rm -rf "$DV_DIR/session/peaks"
}

accept() { # URI channels rate
  DV_URI=$1 DV_CHANNELS=$2 DV_RATE=$3 DV_DIR=$work/$2-$3
  export DV_URI DV_CHANNELS DV_RATE DV_DIR
  echo "  ardour: $DV_URI at $DV_RATE Hz"
  rm -rf "$DV_DIR"
  mkdir -p "$DV_DIR"
  lv2info "$DV_URI" >"$DV_DIR/info" || fail "lilv does not know $DV_URI"
  awk '/^\tPort [0-9]+:/ {sub(":", "", $2); n = $2} /^\t\tSymbol:/ {print n, $2}' "$DV_DIR/info" >"$DV_DIR/ports"
  make_audio
  stage create
  fill_clip
  stage play
  stage automate
  stage reopen
  [ "$DV_CHANNELS" = 1 ] || same bypassed dry -300 # to the bit: Ardour makes up for the latency
  same wet_again wet $rounding_db
  same preset_reopened preset $rounding_db
  same automated_reopened automated $automation_db
  [ "$DV_CHANNELS" = 1 ] || different wet dry
  different preset wet
  different automated preset
  "$build/estimator/diffvox-render" -q -e realtime -p "$source/presets/factory/plate-short.json" \
    "$DV_DIR/dry.wav" "$DV_DIR/rendered.wav"
  same preset rendered $rounding_db
}

make_export_preset
accept urn:diffvox:vocal 1 "$1"
for rate in "$@"; do accept urn:diffvox:vocal-stereo 2 "$rate"; done
echo "ardour: PASS: saved, opened and exported again it is the same audio, at $*"
