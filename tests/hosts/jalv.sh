#!/bin/sh
# The plugin in jalv, in real time under JACK without a sound card: what is recorded is what diffvox-render computes,
# with a control moved, with presets loaded by their URIs, and after one jalv saved its state and another loaded it.
# usage: jalv.sh BUILD_FOLDER SOURCE_FOLDER [RATE...]     44100 48000 96000
# exit status: 0 passed, 1 failed, 77 skipped
set -eu
build=$(cd "$1" && pwd)
source=$(cd "$2" && pwd)
shift 2
[ $# -gt 0 ] || set -- 44100 48000 96000
for tool in jalv jalv.gtk3 jackd jack_lsp Xvfb xdotool sox; do
  command -v "$tool" >/dev/null || { echo "jalv: skipping: no $tool; install scripts/packages-hosts.txt"; exit 77; }
done
through=$build/tests/hosts/tools/play_through
[ -x "$through" ] || { echo "jalv: skipping: built without JACK; install scripts/packages-hosts.txt"; exit 77; }

work=$(mktemp -d "${TMPDIR:-/tmp}/diffvox-jalv-XXXXXX")
JACK_DEFAULT_SERVER=diffvox-$$
HOME=$work # no presets of a user's
GDK_BACKEND=x11
NO_AT_BRIDGE=1
export JACK_DEFAULT_SERVER HOME GDK_BACKEND NO_AT_BRIDGE
unset XDG_RUNTIME_DIR
preset=urn:diffvox:preset:diffvox-presets:plate-short
period=4096
seconds=4
tries=8
jackd='' jalv='' xvfb=''
end() { # processes of this shell, which may be over
  for process; do
    if kill "$process" 2>/dev/null; then wait "$process" 2>/dev/null || true; fi
  done
}
# shellcheck disable=SC2086 # those that run
trap 'end $jalv $jackd $xvfb; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work"

fail() { echo "jalv: FAIL: $*"; tail -n 20 ./*.log; exit 1; }

# wait_for COMMAND...: until it succeeds, for 20 s.
wait_for() {
  left=200
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ $left -gt 0 ] || fail "no answer to: $*"
    sleep 0.1
  done
}
has_port() { jack_lsp 2>/dev/null | grep -qx "$1"; }
has_no_port() { ! has_port "$1"; }

# jalv without a window (1.6.6) drops the ports of a preset if the plugin lets its state be restored while it runs:
# they take the way of a window's events, which nobody reads.  For this jalv alone the description does not say so.
cp -r "$build/lv2" described
sed -i 's/ state:threadSafeRestore ,//' described/diffvox.lv2/diffvox.ttl

start_screen() {
  Xvfb -displayfd 4 -screen 0 1200x900x24 4>display >xvfb.log 2>&1 &
  xvfb=$!
  wait_for test -s display
  DISPLAY=:$(cat display)
  export DISPLAY
}

start_jack() { # rate
  jackd --no-realtime -S -n "$JACK_DEFAULT_SERVER" -d dummy -r "$1" -p $period >jackd.log 2>&1 &
  jackd=$!
  wait_for jack_lsp
}

# jalv's commands come through a pipe that stays open, as it ends with its input.
start_jalv() { # folder of bundles, arguments
  LV2_PATH=$1:/usr/lib/lv2
  export LV2_PATH
  shift
  rm -f commands
  mkfifo commands
  jalv -x -n vox "$@" <commands >jalv.log 2>&1 &
  jalv=$!
  exec 3>commands
  wait_for has_port vox:out_right
}

# A window has no other way to be told to save than its keys.
start_window() { # arguments
  LV2_PATH=$build/lv2:/usr/lib/lv2 jalv.gtk3 -x --jack-name vox "$@" >window.log 2>&1 &
  jalv=$!
  wait_for has_port vox:out_right
  wait_for xdotool search --onlyvisible --pid $jalv --name DiffVox
}
save_in_window() { # folder
  xdotool windowfocus "$(xdotool search --onlyvisible --pid $jalv --name DiffVox | tail -n 1)" key ctrl+s
  wait_for xdotool search --onlyvisible --pid $jalv --name 'Save State'
  sleep 1
  xdotool type --delay 20 "$1"
  sleep 0.5
  xdotool key Return
  wait_for test -s "$1/state.ttl"
}

# The voice is silent for a second and a half at first: in jalv the expander has closed before, and a file starts with
# it open.  What is left of that and of the reverb's tail, and how the FFTs of another moment round, came to -111 dB at
# most and often to nothing at all; a wrong control or preset comes to more than -60 dB.
limit_db=-100
as_rendered() { # recording: late by as much as it must be, and the same
  late=$((latency + period))
  result=$("$build/tests/hosts/tools/residual" "$1" rendered.wav $late $limit_db) || return
  case $result in "late by $late frames"*) ;; *) return 1 ;; esac
}

# expect WHAT PRESET_FILE: the voice through jalv is what diffvox-render computes of the preset.  Xruns are the
# machine's fault and not the plugin's: with them a recording may differ, and is made again.
expect() {
  "$build/estimator/diffvox-render" -q -e realtime -p "$2" voice.wav rendered.wav
  try=1
  while :; do
    sleep 2 # what was heard before has died away
    xruns=0
    "$through" vox voice.wav recorded.wav $seconds >through.log 2>&1 || xruns=$?
    [ $xruns = 0 ] || [ $xruns = 3 ] || fail "$rate Hz, $1: cannot record"
    as_rendered recorded.wav && break
    if [ $xruns = 0 ] || [ $try = $tries ]; then fail "$rate Hz, $1: $(cat through.log), $result"; fi
    try=$((try + 1))
  done
  echo "jalv: ok: $rate Hz, $1: $result, $(cat through.log), recording $try"
}

# make_preset MAKEUP_DB PRESET_FILE: with that make-up gain.
make_preset() { sed "s/\"makeup_db\": [0-9.]*/\"makeup_db\": $1/" "$2" >made.json; }

start_screen
for rate in "$@"; do
  latency=$((rate * 15 / 1000)) # of the compressor's look-ahead, 15 ms
  sox -n -r "$rate" -c 1 -b 32 -e floating-point voice.wav \
    synth 2 pluck A3 synth 2 noise mix vol 0.1 fade 0.01 2 0.5 pad 1.5 0
  start_jack "$rate"

  start_jalv "$work/described" urn:diffvox:vocal
  echo "set compressor_makeup_db 9" >&3
  make_preset 9 "$source/plugin/default.json"
  expect "a control" made.json

  echo presets >&3 # which jalv 1.6.6 has to be asked for before it loads one
  sleep 1
  echo "preset $preset" >&3
  expect "a preset loaded while playing" "$source/presets/factory/plate-short.json"
  end $jalv
  jalv=
  exec 3>&-
  wait_for has_no_port vox:out_right

  start_window -p $preset -c compressor_makeup_db=3 urn:diffvox:vocal
  make_preset 3 "$source/presets/factory/plate-short.json"
  expect "a preset and a control in a window" made.json
  rm -rf saved
  save_in_window "$work/saved"
  end $jalv
  jalv=
  wait_for has_no_port vox:out_right

  start_jalv "$build/lv2" -l saved
  expect "the state saved there" made.json
  exec 3>&-
  end $jalv $jackd
  jalv='' jackd=''
done
echo "jalv: PASS: what is recorded is what diffvox-render computes, at $*"
