#!/bin/sh
# From nothing to a fitted preset: installs, builds, makes a dry and a wet stem of real speech, fits, renders.
# The speech is the spoken words that Debian's alsa-utils carries, the wet stem is made by SoX.
# usage: demo.sh [FOLDER]     where the audio and the results go (demo-output)
set -eu
cd "$(dirname "$0")/.."
out=${1:-demo-output}
scripts/bootstrap.sh
cmake --preset release -B build/demo -DDV_BUILD_TESTS=OFF >/dev/null
cmake --build build/demo
bin=build/demo/estimator
mkdir -p "$out"

words=$(find /usr/share/sounds/alsa -name '[FRS]*.wav' | sort)
# shellcheck disable=SC2086 # a list of files
sox $words -r 44100 -c 1 "$out/dry.wav" gain -n -6
sox "$out/dry.wav" -c 2 "$out/wet.wav" \
  highpass 90 equalizer 300 1.0q -4 equalizer 3000 1.0q 5 treble 3 8000 \
  compand 0.005,0.09 6:-60,-60,-30,-30,-24,-22,0,-14 0 -20 gain -3 reverb 45 40 70 100 15 gain -n -6

echo
echo "dry  $out/dry.wav   wet  $out/wet.wav   (SoX: high-pass 90 Hz, -4 dB at 300 Hz, +5 dB at 3 kHz,"
echo "     treble +3 dB, compressor, hall reverb)"
"$bin/diffvox-fit" "$out/dry.wav" "$out/wet.wav" -o "$out/fit" --steps 150
echo
echo "how far the dry stem was from the wet one, and how far the fit is (lower is closer):"
sox "$out/dry.wav" -c 2 "$out/dry-stereo.wav" gain -n -6
printf 'dry: ' && "$bin/diffvox-loss" "$out/dry-stereo.wav" "$out/wet.wav" | tail -1
printf 'fit: ' && "$bin/diffvox-loss" "$out/fit/render.wav" "$out/wet.wav" | tail -1
echo
"$bin/diffvox-render" -p "$out/fit/preset.json" -e realtime --tail 2 "$out/dry.wav" "$out/realtime.wav"
echo "the settings:             $out/fit/preset.json"
echo "through the fitted chain: $out/fit/render.wav"
echo "the same in real time:    $out/realtime.wav"
