#!/bin/sh
# lv2apply (blocks of one frame), lv2file (any block length) and diffvox-render give the same bits, for the default
# preset and for every factory preset.
# usage: identity.sh BUILD_FOLDER SOURCE_FOLDER
set -eu
build=$1
source=$2
for tool in lv2apply lv2file sox; do
  command -v "$tool" >/dev/null || { echo "skipping: no $tool"; exit 77; }
done
LV2_PATH=$build/lv2
export LV2_PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

rate=44100
latency=661
sox -n -r $rate -c 1 -b 32 -e floating-point voice.wav synth 2 pluck A3 synth 2 noise mix vol 0.1 fade 0.01 2 0.5
sox voice.wav -c 2 stereo.wav
same() { "$build/tests/hosts/same_audio" "$@"; }
render() { "$build/estimator/diffvox-render" -q -e realtime "$@"; }

render -p "$source/plugin/default.json" -b 333 voice.wav rendered.wav
lv2apply -i voice.wav -o applied.wav urn:diffvox:vocal
same applied.wav rendered.wav $latency
lv2apply -i stereo.wav -o applied-stereo.wav urn:diffvox:vocal-stereo
same applied-stereo.wav applied.wav 0
for block in 1 64 1000 8192; do
  lv2file -i voice.wav -o filed.wav -b $block urn:diffvox:vocal >/dev/null 2>&1
  same filed.wav applied.wav 0
done
echo "default preset: lv2apply, lv2file and diffvox-render agree"

count=0
for file in "$source"/presets/factory/*.json; do
  label=$("$build/plugin/diffvox-lv2preset" "$file" --list)
  render -p "$file" voice.wav rendered.wav
  lv2file -i voice.wav -o filed.wav -P "$label" urn:diffvox:vocal >/dev/null 2>&1
  same filed.wav rendered.wav $latency || { echo "$label"; exit 1; }
  count=$((count + 1))
done
echo "$count factory presets: lv2file and diffvox-render agree"
