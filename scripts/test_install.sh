#!/bin/sh
# Installs a build into an empty folder and compiles a program against it by pkg-config alone.
# usage: test_install.sh BUILD_FOLDER
set -eu
build=$1
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cmake --install "$build" --prefix "$stage" >/dev/null
cat >"$stage/consumer.c" <<'C'
#include "dsp/render.h"
#include <stdio.h>
int main(void)
{
  static dv_real x[1000], left[2000], right[2000];
  dv_chain_params params;
  dv_error err;
  x[0] = 1;
  dv_params_initial(1, &params);
  if (dv_render(&params, 44100.0, x, 1000, 1000, left, right, NULL, NULL, &err)) return puts(err.text), 1;
  return left[0] == 0;
}
C
PKG_CONFIG_PATH=$(dirname "$(find "$stage" -name diffvox.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046 # flags are meant to split
cc -std=c11 -Wall -Wextra -Wpedantic -Werror "$stage/consumer.c" $(pkg-config --cflags --libs diffvox) \
   -o "$stage/consumer"
"$stage/consumer"
for tool in diffvox-fit diffvox-data diffvox-eval diffvox-render diffvox-loss diffvox-gradcheck; do
  "$stage/bin/$tool" --version >/dev/null
done
"$stage/bin/diffvox-render" --list | grep -q . # factory presets are found where they were installed
echo "install: library, headers, diffvox.pc, tools and presets work from an empty folder"
