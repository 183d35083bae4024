#!/bin/sh
# Installs what is missing, builds, and passes every test.
set -eu
cd "$(dirname "$0")/.."
scripts/bootstrap.sh scripts/packages.txt scripts/packages-hosts.txt
cmake --preset dev
cmake --build --preset dev
ctest --preset dev
tests/hosts/jalv.sh build/dev .
tests/hosts/ardour.sh build/dev .
scripts/test_install.sh build/dev
