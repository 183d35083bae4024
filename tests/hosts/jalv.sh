#!/bin/sh
# The plugin in jalv, in real time under JACK without a sound card: what is recorded is what diffvox-render computes,
# with a control moved, with a preset from the menu, and after the state was saved and loaded into another jalv.
# usage: jalv.sh BUILD_FOLDER SOURCE_FOLDER [RATE...]     44100 48000 96000
# exit status: 0 passed, 1 failed, 77 skipped
set -eu
build=$(cd "$1" && pwd)
source=$(cd "$2" && pwd)
shift 2
[ $# -gt 0 ] || set -- 44100 48000 96000
for tool in jalv jackd jack_lsp jack_session_notify sox; do
  command -v "$tool" >/dev/null || { echo "jalv: skipping: no $tool; install scripts/packages-hosts.txt"; exit 77; }
done
through=$build/tests/hosts/tools/play_through
[ -x "$through" ] || { echo "jalv: skipping: built without JACK; install scripts/packages-hosts.txt"; exit 77; }

LV2_PATH=$build/lv2:/usr/lib/lv2
JACK_DEFAULT_SERVER=diffvox-$$
export LV2_PATH JACK_DEFAULT_SERVER
preset=urn:diffvox:preset:diffvox-presets:plate-short
period=2048
seconds=4
tries=5 # an xrun is the machine's fault, not the plugin's: once more
work=$(mktemp -d "${TMPDIR:-/tmp}/diffvox-jalv-XXXXXX")
jackd=
jalv=
stop_jalv() {
  [ -z "$jalv" ] || { kill "$jalv" 2>/dev/null && wait "$jalv" 2>/dev/null || true; }
  jalv=
}
stop() {
  stop_jalv
  [ -z "$jackd" ] || { kill "$jackd" 2>/dev/null && wait "$jackd" 2>/dev/null || true; }
  jackd=
}
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

fail() { echo "jalv: FAIL: $*"; tail -n 20 ./*.log; exit 1; }

# wait_for COMMAND...: until it succeeds, for 10 s.
wait_for() {
  left=100
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ $left -gt 0 ] || fail "no answer to: $*"
    sleep 0.1
  done
}
has_port() { jack_lsp 2>/dev/null | grep -qx "$1"; }
prints() { grep -q "$1" jalv.log; }

start_jack() { # rate
  jackd --no-realtime -S -n "$JACK_DEFAULT_SERVER" -d dummy -r "$1" -p $period >jackd.log 2>&1 &
  jackd=$!
  wait_for jack_lsp
}

# jalv's commands come through a pipe that stays open, as it ends with its input.
start_jalv() { # arguments
  rm -f commands
  mkfifo commands
  jalv -x -n vox "$@" <commands >jalv.log 2>&1 &
  jalv=$!
  exec 3>commands
  wait_for has_port vox:out_right
}

# record FILE: the voice through jalv, without an xrun.
record() {
  try=0
  until "$through" vox voice.wav "$1" $seconds >through.log 2>&1; do
    try=$((try + 1))
    grep -q xruns through.log || fail "cannot record"
    [ $try -lt $tries ] || fail "xruns in $tries recordings in a row"
    echo "jalv: once more, there were $(cat through.log)"
  done
}

# The voice is silent for a second and a half at first: in jalv the expander has closed before, and a file starts with
# it open.  What jalv plays starts at another frame of the engine's blocks than a file does, and its controls have moved before:
# the FFTs round differently.  -110 dB is far below the 24 bits of any converter; a wrong control, preset or a frame
# too late is above -60 dB.
limit_db=-110
expect() { # what, recording, preset file
  "$build/estimator/diffvox-render" -q -e realtime -p "$3" voice.wav rendered.wav
  result=$("$build/tests/hosts/tools/residual" "$2" rendered.wav $((latency + period)) $limit_db) ||
    fail "$rate Hz, $1: $result"
  case $result in "late by $((latency + period)) frames"*) ;; *) fail "$rate Hz, $1: $result" ;; esac
  echo "jalv: ok: $rate Hz, $1: $result"
}

for rate in "$@"; do
  latency=$((rate * 15 / 1000)) # of the compressor's look-ahead, 15 ms
  sox -n -r "$rate" -c 1 -b 32 -e floating-point voice.wav \
    synth 2 pluck A3 synth 2 noise mix vol 0.1 fade 0.01 2 0.5 pad 1.5 0
  start_jack "$rate"

  start_jalv urn:diffvox:vocal
  echo "set compressor_makeup_db 9" >&3
  sleep 1
  sed 's/"makeup_db": [0-9.]*/"makeup_db": 9/' "$source/plugin/default.json" >moved.json
  record moved.wav
  expect "a control" moved.wav moved.json

  echo "preset $preset" >&3
  sleep 1
  record preset.wav
  expect "a preset" preset.wav "$source/presets/factory/plate-short.json"

  echo "set compressor_makeup_db 3" >&3
  sleep 1
  rm -rf saved
  mkdir saved
  jack_session_notify save "$work/saved/" >session.log 2>&1
  state=$(find saved -name state.ttl)
  [ -n "$state" ] || fail "jalv saves no state"
  stop_jalv
  exec 3>&-
  start_jalv -l "$(dirname "$state")"
  sleep 1
  sed 's/"makeup_db": [0-9.]*/"makeup_db": 3/' "$source/presets/factory/plate-short.json" >reloaded.json
  record reloaded.wav
  expect "a saved state" reloaded.wav reloaded.json
  exec 3>&-
  stop
done
echo "jalv: PASS: what is recorded is what diffvox-render computes, at $*"
