#!/bin/sh
# From nothing to a fitted preset: installs, builds, makes a dry and a wet stem of real speech, fits, and prints what
# was found beside what was done.  The speech is the words that Debian's alsa-utils carries, spoken at 48 kHz; the wet
# stem is made by SoX, whose effects are not ours: settings can agree only as far as the effects do.
# usage: demo.sh [FOLDER]     where the audio and the results go (demo-output)
set -eu
cd "$(dirname "$0")/.."
out=${1:-demo-output}
scripts/bootstrap.sh
cmake --preset release -B build/demo -DDV_BUILD_TESTS=OFF >/dev/null
cmake --build build/demo
bin=build/demo/estimator
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# ---- what the mixing engineer does: the true settings ----
eq="highpass 90 equalizer 300 1.0q -5 equalizer 3000 1.2q 6 treble 3 8000"
threshold_db=-24 ratio=3      # of the compressor; 5 ms attack, 100 ms release
delay_ms=300 echo_db=-14      # ping-pong: left, right, left, right
repeat_db=-6                  # of each echo against the one before
reverb="reverb -w 50 50 60 100 0 -2" reverb_db=-12
offset=640 trim_db=-7         # samples at 48 kHz later, softer

# The top of the compressor's curve, at 0 dB.
top_db=$(awk "BEGIN { print $threshold_db - ($threshold_db) / $ratio }")
# Level of the n-th echo, linear.
echo_gain() { awk "BEGIN { print 10 ^ (($echo_db + ($1 - 1) * ($repeat_db)) / 20) }"; }

alsa=/usr/share/sounds/alsa
sox -R "$alsa/Front_Center.wav" "$alsa/Front_Left.wav" "$alsa/Rear_Right.wav" "$alsa/Rear_Center.wav" \
  "$alsa/Side_Left.wav" "$alsa/Front_Right.wav" -b 24 -c 1 "$out/dry.wav" gain -n -3
# shellcheck disable=SC2086 # effects are lists of words
sox -R "$out/dry.wav" -e float -b 32 "$work/voice.wav" gain -6 $eq \
  compand 0.005,0.1 -120,-120,$threshold_db,$threshold_db,0,"$top_db"
sox -V1 -R "$work/voice.wav" "$work/left.wav" echo 1 1 $delay_ms "$(echo_gain 1)" $((3 * delay_ms)) "$(echo_gain 3)"
sox -V1 -R "$work/voice.wav" "$work/right.wav" echo 1 1 $((2 * delay_ms)) "$(echo_gain 2)" \
  $((4 * delay_ms)) "$(echo_gain 4)"
sox -R -M "$work/left.wav" "$work/right.wav" "$work/direct.wav" 2>/dev/null
# shellcheck disable=SC2086
sox -R "$work/voice.wav" "$work/reverb.wav" remix 1 1 $reverb gain $reverb_db
sox -R -m -v 1 "$work/direct.wav" -v 1 "$work/reverb.wav" -b 24 "$out/wet.wav" pad ${offset}s gain $trim_db

# ---- the fit knows nothing but the two files ----
echo
echo "dry stem: $out/dry.wav, six spoken words at 48 kHz"
echo "wet stem: $out/wet.wav, the same through EQ, compressor, ping-pong delay and reverb of SoX"
echo
"$bin/diffvox-fit" "$out/dry.wav" "$out/wet.wav" -o "$out/fit"

# ---- true and found, side by side ----
preset=$out/fit/preset.json run=$out/fit/run.json
calculate() { awk "BEGIN { printf \"%.$1f\", $2 }"; } # DIGITS EXPRESSION
row() { printf '  %-40s %10s %10s\n' "$1" "$2" "$3"; }

# The equaliser alone, as a click comes out of it: level at some frequencies.
level_db() { # FILE HZ
  sox "$1" -t dat - remix 1 2>/dev/null | awk -v hz="$2" '
    /^;/ { if (/Sample Rate/) rate = $NF; next }
    { c += $2 * cos(6.283185307 * hz * n / rate); s += $2 * sin(6.283185307 * hz * n / rate); ++n }
    END { print 10 * log(c * c + s * s) / log(10) }'
}
# Time in which a reverb falls by 60 dB between 500 and 2000 Hz: backward integral, from -5 to -25 dB.
seconds_of_60_db() { # FILE
  sox "$1" -t dat - remix 1 sinc 500-2000 2>/dev/null | awk '
    /^;/ { if (/Sample Rate/) rate = $NF; next }
    { e[n++] = $2 * $2 }
    END {
      for (i = n - 2; i >= 0; --i) e[i] += e[i + 1]
      a = b = 0
      while (e[a] > e[0] * 10 ^ -0.5) ++a
      while (e[b] > e[0] * 10 ^ -2.5) ++b
      printf "%.2f", 3 * (b - a) / rate
    }'
}
only_eq='.input_gain_db = 0 | .output_gain_db = 0 | .compressor.comp_ratio = 1 | .compressor.exp_ratio = 1
  | .compressor.makeup_db = 0 | .delay.gain = 0 | .reverb.output[][] = 0 | .pan = 0.5'
jq "$only_eq" "$preset" >"$work/eq.json"
sox -R -n -r 48000 -e float -b 32 -c 1 "$work/click.wav" synth 1s square gain -12 pad 0 4 2>/dev/null
# shellcheck disable=SC2086
sox -R "$work/click.wav" "$work/eq-done.wav" $eq
"$bin/diffvox-render" -q -p "$work/eq.json" "$work/click.wav" "$work/eq-found.wav"
# shellcheck disable=SC2086
sox -R "$work/click.wav" "$work/reverb-done.wav" remix 1 1 $reverb
done_1k=$(level_db "$work/eq-done.wav" 1000) found_1k=$(level_db "$work/eq-found.wav" 1000)
plain=$(level_db "$work/click.wav" 1000)

echo
row "" "done" "found"
row "wet stem later by, ms" "$(calculate 2 "$offset / 48")" "$(jq '.stems.alignment.lag_ms * 100 | round / 100' "$run")"
row "softest parts at 1 kHz, dB" "$(calculate 1 "$done_1k - $plain - 6 + $trim_db")" \
  "$(calculate 1 "$found_1k - $plain + $(jq '.input_gain_db + .compressor.makeup_db + .output_gain_db' "$preset")")"
for hz in 100 300 2000 3000 5000 10000; do
  row "EQ at $hz Hz against 1 kHz, dB" "$(calculate 1 "$(level_db "$work/eq-done.wav" $hz) - $done_1k")" \
    "$(calculate 1 "$(level_db "$work/eq-found.wav" $hz) - $found_1k")"
done
row "compressor threshold, dB of the dry file" "$(calculate 1 "$threshold_db + 6")" \
  "$(jq '.compressor.comp_threshold_db - .input_gain_db | . * 10 | round / 10' "$preset")"
row "compressor ratio" $ratio "$(jq '.compressor.comp_ratio * 100 | round / 100' "$preset")"
row "echo every, ms" $delay_ms "$(jq '.delay.delay_ms * 10 | round / 10' "$preset")"
row "first echo on the left, dB" "$echo_db" \
  "$(jq '20 * ((.delay.gain * 1.41421356 * (.delay.odd_pan * 1.57079633 | cos)) | log10) * 10 | round / 10' "$preset")"
row "echo against the one before, dB" "$repeat_db" "$(jq '20 * (.delay.feedback | log10) * 10 | round / 10' "$preset")"
row "reverb from 500 to 2000 Hz falls 60 dB in, s" "$(seconds_of_60_db "$work/reverb-done.wav")" \
  "$(jq '.reverb.t60_s[1:5] | add / length * 100 | round / 100' "$preset")"
echo
echo "distance to the wet stem: $(jq '.losses | .unprocessed.total * 1000 | round / 1000' "$run") for the dry one," \
  "$(jq '.losses | .fitted.total * 1000 | round / 1000' "$run") through the settings found"
echo
echo "see and hear it:  open $out/fit/report.html in a browser"
echo "play it in a DAW: mkdir -p ~/.lv2 && cp -r build/demo/lv2/diffvox.lv2 $out/fit/preset.lv2 ~/.lv2"
echo "                  then load the plugin DiffVox Vocal and take the preset from its menu"
echo "on another take:  $bin/diffvox-render -p $out/fit other.wav other-wet.wav --tail 2"
