#!/bin/sh
# lv2_validate finds nothing in the bundles, lv2ls and lv2info read them, lv2bench accepts both plugins.
# usage: validate.sh BUILD_FOLDER
set -eu
build=$1
for tool in lv2_validate sord_validate lv2ls lv2info lv2bench; do
  command -v "$tool" >/dev/null || { echo "skipping: no $tool"; exit 77; }
done
LV2_PATH=$build/lv2:/usr/lib/lv2
export LV2_PATH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for bundle in "$build/lv2/diffvox.lv2" "$build/lv2/diffvox-presets.lv2"; do
  lv2_validate "$bundle"/*.ttl >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  if grep -E '^(error|warning)' "$work/log"; then exit 1; fi
  grep -q 'Found 0 errors' "$work/log"
done
for uri in urn:diffvox:vocal urn:diffvox:vocal-stereo; do
  lv2ls | grep -qx "$uri"
  lv2info "$uri" >"$work/info" 2>"$work/log"
  if [ -s "$work/log" ]; then cat "$work/log"; exit 1; fi
  grep -q 'Plate short' "$work/info"
  lv2bench -b 512 -n 65536 "$uri" >"$work/bench" 2>&1
  if grep -qi skip "$work/bench"; then cat "$work/bench"; exit 1; fi
done
echo "bundles: valid, listed, with presets, and benched"
