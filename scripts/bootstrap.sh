#!/bin/sh
# Installs the Debian packages of scripts/packages.txt, or of the lists given, that are missing.  Needs root or sudo for
# that.
# usage: bootstrap.sh [LIST...]
set -eu
[ $# -gt 0 ] || set -- "$(dirname "$0")/packages.txt"
missing=
for package in $(grep -hv '^#' "$@"); do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
as_root=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "bootstrap: as root, install:$missing" >&2; exit 1; }
  as_root=sudo
fi
echo "bootstrap: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
# shellcheck disable=SC2086 # the list is meant to split
$as_root apt-get install -q -y --no-install-recommends $missing
