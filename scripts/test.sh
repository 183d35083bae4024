#!/bin/sh
# Installs what is missing, builds, and passes every test.
set -eu
cd "$(dirname "$0")/.."
scripts/bootstrap.sh
cmake --preset dev
cmake --build --preset dev
ctest --preset dev
scripts/test_install.sh build/dev
