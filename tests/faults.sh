#!/bin/sh
# Kills diffvox-fit again and again at moments of no choosing, lets it go on, and compares with a fit that was left
# alone: the settings and the losses must be the same to the last digit.
# usage: faults.sh PATH_OF_DIFFVOX_FIT [KILLS [STEPS]]     50 kills, 160 steps; status 77: SoX is missing
set -eu
fit=$1 kills=${2:-50} steps=${3:-160}
starts=$((steps > 150 ? 2 : 1)) # trials want more than 150
command -v sox >/dev/null || { echo "faults: skipped, it wants sox" >&2; exit 77; }
folder=$(mktemp -d "${TMPDIR:-/tmp}/diffvox-faults-XXXXXX")
trap 'rm -rf "$folder"' EXIT INT TERM

dry=$folder/dry.wav wet=$folder/wet.wav
sox -R -n -r 44100 -b 24 "$dry" synth 0.7 pluck 220 synth 0.7 pinknoise mix 90 tremolo 6 80 gain -n -6 2>/dev/null
sox -R "$dry" -b 24 -c 2 "$wet" highpass 90 equalizer 2000 1q 4 reverb 30 gain -n -6 2>/dev/null

# The kinds of interval between checkpoints take turns: after every step, now and then, never.
interval() { case $(($1 % 3)) in 0) echo 0 ;; 1) echo 0.3 ;; *) echo 1e6 ;; esac; }

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# Up to this many milliseconds, from the kernel's random numbers, as seconds.
random_seconds() {
  ms=$(($(od -An -N2 -tu2 /dev/urandom) % $1))
  printf '%d.%03d' $((ms / 1000)) $((ms % 1000))
}

begin=$(now_ms)
"$fit" "$dry" "$wet" -o "$folder/one" -n 1 --quiet
# A kill comes before the first step, between steps, or while results are written.
longest=$((2 * ($(now_ms) - begin) + 500))
"$fit" "$dry" "$wet" -o "$folder/whole" -n "$steps" --starts "$starts" --quiet

done_early=0 resumed=0 count=0
while [ $count -lt "$kills" ]; do
  [ -f "$folder/cut/checkpoint" ] && resumed=$((resumed + 1))
  "$fit" "$dry" "$wet" -o "$folder/cut" -n "$steps" --starts "$starts" --quiet --resume \
    --checkpoint-seconds "$(interval $count)" &
  child=$!
  sleep "$(random_seconds $longest)"
  kill -9 $child 2>/dev/null || true
  if wait $child 2>/dev/null; then # it was done before: begin again
    done_early=$((done_early + 1))
    rm -rf "$folder/cut"
  fi
  # whatever a reader may find there is complete
  if [ -f "$folder/cut/preset.json" ] && ! tail -c 2 "$folder/cut/preset.json" | grep -q '}'; then
    echo "faults: preset.json is incomplete after kill $count" >&2
    exit 1
  fi
  count=$((count + 1))
done
"$fit" "$dry" "$wet" -o "$folder/cut" -n "$steps" --starts "$starts" --quiet --resume

for run in whole cut; do sed 's/,[^,]*$//' "$folder/$run/losses.csv" >"$folder/$run.losses"; done
cmp "$folder/whole/preset.json" "$folder/cut/preset.json"
cmp "$folder/whole.losses" "$folder/cut.losses"
[ "$(wc -l <"$folder/cut.losses")" -ge $((steps + 1)) ]
[ ! -e "$folder/cut/checkpoint" ]
leftovers=$(find "$folder/cut" -name '*.tmp' | wc -l)
echo "faults: $kills kills, $resumed times gone on from a checkpoint, $done_early times done before the kill," \
  "$leftovers temporary files left: the results are those of a fit that was left alone"
[ "$leftovers" = 0 ]
