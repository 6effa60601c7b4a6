#!/usr/bin/env bash
# Asks a served lake everything that the description of its HTTP API allows, and what it
# does not, by schemathesis: no answer may differ from the description.
#
#   tests/doors/openapi.sh PATH/TO/stedi PYTHON
set -euo pipefail
binary=$(realpath "$1")
python=$2

work=$(mktemp --directory)
export HOME=$work
cd "$work"
"$binary" demo lake --quiet > /dev/null
"$binary" serve --lake lake/lake --landing lake/landing --http 127.0.0.1:0 > told &
server=$!
trap 'kill "$server"; rm -rf "$work"' EXIT
for _ in $(seq 100); do
  grep --quiet http told && break
  sleep 0.1
done
place=$(grep http told)
"$python" -m schemathesis.cli run "$place/api/v1/openapi.json" --url "$place/api/v1" --max-examples 15 --seed 1
