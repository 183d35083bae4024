#!/bin/sh
# Batches of real fits: killed at moments of no choosing and started again, in shards, two at once on one folder, and
# stopped by a signal; each compared with a batch that was left alone.  Everything but times must be the same.
# usage: batch.sh PATH_OF_DIFFVOX_FIT [KILLS [STEPS]]     10 kills, 20 steps; status 77: SoX is missing
set -eu
fit=$1 kills=${2:-10} steps=${3:-20}
command -v sox >/dev/null || { echo "batch: skipped, it wants sox" >&2; exit 77; }
folder=$(mktemp -d "${TMPDIR:-/tmp}/diffvox-batch-XXXXXX")
trap 'rm -rf "$folder"' EXIT INT TERM
cd "$folder"

fail() { echo "batch: $*" >&2; exit 1; }

# Three pairs that can be fitted, one that cannot.
for i in 1 2 3; do
  sox -R -n -r 44100 -b 24 "dry$i.wav" synth 0.7 pluck $((110 * i)) synth 0.7 pinknoise mix 90 tremolo 3 80 gain -n -6 \
    2>/dev/null
  sox -R "dry$i.wav" -b 24 -c 2 "wet$i.wav" highpass $((60 * i)) equalizer 2000 1q 4 reverb 30 gain -n -6 2>/dev/null
  echo "{\"id\": \"pair$i\", \"dry\": \"dry$i.wav\", \"wet\": \"wet$i.wav\"}"
done >good.jsonl
{ cat good.jsonl; echo '{"id": "lost", "dry": "absent.wav", "wet": "wet1.wav"}'; } >all.jsonl

become() { # FOLDER [MORE OPTIONS]; in a process of its own, which is then the batch itself
  runs=$1
  shift
  exec "$fit" --manifest good.jsonl -o "$runs" --jobs 2 -n "$steps" --learning-rate 0.05 --checkpoint-seconds 0.2 --quiet "$@"
}
run() { (become "$@"); }

for wrong in "dry1.wav wet1.wav --jobs 2" "--manifest good.jsonl dry1.wav" "--manifest good.jsonl --jobs 0" \
  "--manifest good.jsonl --shard 3/2" "--manifest good.jsonl --shard 2"; do
  status=0
  # shellcheck disable=SC2086 # words
  "$fit" $wrong -o never 2>/dev/null || status=$?
  [ $status = 2 ] && [ ! -e never ] || fail "$wrong: status $status"
done

# What must not depend on what happened in between.
same() {
  for i in 1 2 3; do
    cmp "whole/pair$i/preset.json" "$1/pair$i/preset.json"
    cmp "whole/pair$i/render.wav" "$1/pair$i/render.wav"
    for f in whole "$1"; do sed 's/,[^,]*$//' "$f/pair$i/losses.csv" >"$f.losses"; done
    cmp whole.losses "$1.losses"
  done
  [ -z "$(ls "$1/.work")" ] || fail "$1: something is left in .work"
  [ "$(ls "$1")" = "$(ls whole)" ] || fail "$1: holds other than whole"
}

# How often each pair was begun, by its log.
begun() { cat "$1"/pair*/log.txt | grep -c '^-- '; }

now_ms() { echo $(($(date +%s%N) / 1000000)); }

begin=$(now_ms)
run whole
longest=$((($(now_ms) - begin) / 2 + 200))
[ "$(begun whole)" = 3 ] || fail "a batch begins each pair once"

# Again: nothing is done, with other options it is refused.
run whole
[ "$(begun whole)" = 3 ] || fail "what is done is skipped"
if run whole --seed 5 2>err; then fail "other options in one folder"; fi
grep -q "batch.txt: the folder was begun by 'diffvox-fit .* --steps=$steps'" err || fail "$(cat err)"

# One that fails stops no other, and is listed with its reason; JSON lines name their pair.
status=0
"$fit" --manifest all.jsonl -o failing --jobs 2 -n "$steps" --learning-rate 0.05 --json >out 2>err || status=$?
[ $status = 1 ] || fail "a pair failed, the status was $status"
[ "$(grep -c '^{"track": "pair[1-3]", "state": "done"' out)" = 3 ] || fail "$(cat out)"
[ "$(grep -c '^{"track": "pair[1-3]", "step": ' out)" = $((3 * steps)) ] || fail "$(cat out)"
tail -1 out | grep -q '^{"result": "some failed", "done": 3, "skipped": 0, "failed": 1' || fail "$(tail -1 out)"
grep -q '^  lost: absent.wav: cannot read: No such file or directory' err || fail "$(cat err)"
grep -q 'absent.wav: cannot read' failing/.work/lost/failed/log.txt || fail "its log says nothing"
rm -r failing/.work/lost
same failing

# Killed, and begun again.  Its fits must die with it.
resumed=0 count=0
while [ $count -lt "$kills" ]; do
  become cut &
  batch=$!
  ms=$(($(od -An -N2 -tu2 /dev/urandom) % longest))
  sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
  kill -9 $batch 2>/dev/null || true
  wait $batch 2>/dev/null || true
  for run in cut/pair*; do
    [ ! -e "$run" ] || [ -f "$run/run.json" ] || fail "$run appeared before it was complete"
  done
  resumed=$((resumed + $(find cut/.work -name checkpoint 2>/dev/null | wc -l)))
  count=$((count + 1))
done
run cut
same cut

# Stopped: the fits end as after Ctrl-C, and go on.  A signal that came when they had already ended says nothing: again.
tries=0
while [ -z "$(find stopped/.work -path '*/free/report.html' 2>/dev/null)" ]; do
  [ $tries -lt 5 ] || fail "a stopped fit writes what it has"
  tries=$((tries + 1))
  rm -rf stopped
  become stopped --checkpoint-seconds 0 &
  batch=$!
  while [ -z "$(find stopped/.work -name checkpoint 2>/dev/null)" ] && kill -0 $batch; do sleep 0.01; done
  kill -TERM $batch || true
  status=0
  wait $batch || status=$?
  [ $status = 130 ] || [ $status = 0 ] || fail "a stopped batch has status $status"
done
run stopped
same stopped

# Two shards, and two that claim, at once on one folder.
become shards --shard 1/2 &
other=$!
run shards --shard 2/2
wait $other
same shards
[ "$(begun shards)" = 3 ] || fail "a pair was fitted by both shards"
become claims &
other=$!
run claims
wait $other
same claims
[ "$(begun claims)" = 3 ] || fail "a pair was fitted twice"

echo "batch: $count kills, $resumed checkpoints found; shards, claims and a stop: the results are those of a batch" \
  "that was left alone"
