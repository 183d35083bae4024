#!/bin/sh
# Makes the pictures of docs/screenshots/ on a screen in memory: the plugin in jalv's window and in Ardour's, with a
# factory preset loaded.  For the documentation, not a test: look at what it made.
# usage: screenshots.sh BUILD_FOLDER SOURCE_FOLDER [OUTPUT_FOLDER]     docs/screenshots
# exit status: 0 made, 1 failed, 77 skipped
set -eu
build=$(cd "$1" && pwd)
source=$(cd "$2" && pwd)
out=${3:-$source/docs/screenshots}
for tool in ardour ardour7-lua import convert jackd jack_lsp jalv.gtk3 Xvfb xdotool; do
  command -v "$tool" >/dev/null || {
    echo "screenshots: skipping: no $tool; install scripts/packages-hosts.txt"
    exit 77
  }
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/diffvox-screenshots-XXXXXX")
jackd='' jalv='' ardour='' xvfb=''
stop() {
  for process in $jalv $ardour $jackd $xvfb; do
    kill "$process" 2>/dev/null || continue
    sleep 1
    kill -9 "$process" 2>/dev/null || true
  done
  wait
}
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"

fail() { echo "screenshots: FAIL: $*"; tail -n 20 ./*.log; exit 1; }

# wait_for COMMAND...: until it succeeds, for a minute.
wait_for() {
  left=120
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ $left -gt 0 ] || fail "no answer to: $*"
    sleep 0.5
  done
}
window() { xdotool search --onlyvisible --name "$1" | tail -n 1; }
has_window() { [ -n "$(window "$1")" ]; }

# picture WINDOW_NAME WIDTH HEIGHT FILE
picture() {
  id=$(window "$1")
  xdotool windowmove "$id" 0 0 windowsize "$id" "$2" "$3" mousemove 1590 990
  sleep 3
  import -window "$id" "$4"
  convert "$4" -strip -dither None -colors 255 "png8:$out/$4"
  echo "screenshots: $out/$4: $(wc -c <"$out/$4") bytes"
}

HOME=$work
XDG_CONFIG_HOME=$HOME/.config
LV2_PATH=$build/lv2:/usr/lib/lv2
JACK_DEFAULT_SERVER=diffvox-$$
GDK_BACKEND=x11
NO_AT_BRIDGE=1
LIBGL_ALWAYS_SOFTWARE=1
ARDOUR_FPU_FLAGS=15 # see ardour.sh
export HOME XDG_CONFIG_HOME LV2_PATH JACK_DEFAULT_SERVER GDK_BACKEND NO_AT_BRIDGE LIBGL_ALWAYS_SOFTWARE ARDOUR_FPU_FLAGS
unset XDG_RUNTIME_DIR

Xvfb -displayfd 4 -screen 0 1600x1000x24 4>display >xvfb.log 2>&1 &
xvfb=$!
wait_for test -s display
DISPLAY=:$(cat display)
export DISPLAY

jackd --no-realtime -S -n "$JACK_DEFAULT_SERVER" -d dummy -r 48000 -p 4096 >jackd.log 2>&1 &
jackd=$!
wait_for jack_lsp
jalv.gtk3 -p urn:diffvox:preset:diffvox-presets:plate-short urn:diffvox:vocal >jalv.log 2>&1 &
jalv=$!
wait_for has_window DiffVox
picture DiffVox 640 928 jalv.png
kill $jalv
wait $jalv || true
jalv=

# A session with the preset, and with the make-up gain automated.
DV_ARDOUR_KEEP=$work/accepted "$source/tests/hosts/ardour.sh" "$build" "$source" 48000 >session.log 2>&1 ||
  fail "no session to show"
mkdir -p "$XDG_CONFIG_HOME/ardour7"
touch "$XDG_CONFIG_HOME/ardour7/.a7" # not the first start: no questions
cat >"$XDG_CONFIG_HOME/ardour7/config" <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<Ardour>
  <Config>
    <Option name="hide-dummy-backend" value="0"/>
    <Option name="try-autostart-engine" value="1"/>
  </Config>
  <Extra>
    <AudioMIDISetup>
      <EngineStates>
        <State backend="None (Dummy)" driver="Normal Speed" device="Silence" input-device="" output-device=""
          sample-rate="48000" buffer-size="1024" n-periods="0" input-latency="0" output-latency="0"
          input-channels="2" output-channels="2" active="1" use-buffered-io="0" midi-option="No MIDI I/O"
          lm-input="" lm-output="" lru="1"/>
      </EngineStates>
    </AudioMIDISetup>
  </Extra>
</Ardour>
XML
export TRY_AUTOSTART_ENGINE=1
ardour -n -a "$work/accepted/2-48000/session/session.ardour" >ardour.log 2>&1 &
ardour=$!
wait_for has_window 'session - Ardour'
sleep 10
xdotool key alt+m # the mixer, where the plugin is the first of the strip
sleep 4
xdotool mousemove 345 208 click --repeat 2 --delay 80 1
wait_for has_window 'voice: DiffVox'
sleep 3
picture 'voice: DiffVox' 1560 603 ardour.png
