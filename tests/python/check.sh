#!/usr/bin/env bash
# Other programs read our tables: deltalake, polars and pyarrow, from a virtual
# environment below target/. Needs the network the first time.
#
#   tests/python/check.sh [PATH/TO/stedi]
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=${1:-}
if [ -z "$binary" ]; then
  cargo build --quiet --package stedi
  binary=${CARGO_TARGET_DIR:-target}/debug/stedi
fi
binary=$(realpath "$binary")

venv=${CARGO_TARGET_DIR:-target}/python
wanted=tests/python/requirements.txt
if ! cmp --silent "$wanted" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
  cp "$wanted" "$venv/installed.txt"
fi

work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT
"$venv/bin/python" tests/python/read_tables.py "$binary" "$work"
