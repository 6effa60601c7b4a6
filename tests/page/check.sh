#!/usr/bin/env bash
# The page in a browser: each view at two widths, light and dark, with and without
# JavaScript; a query written, run, charted, downloaded and cancelled; a run started and followed.
#
#   tests/page/check.sh [PATH/TO/stedi] [--pictures DIR]
#
# Needs `npm ci` and `npm run build` in crates/server/web before the program is built, and
# Chromium. With --pictures it writes the pictures of the README and checks nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=
pictures=()
while [ $# -gt 0 ]; do
  case $1 in
    --pictures) pictures=(--pictures "$(realpath "$2")"); shift 2 ;;
    *) binary=$1; shift ;;
  esac
done
if [ -z "$binary" ]; then
  cargo build --quiet --package stedi
  binary=${CARGO_TARGET_DIR:-target}/debug/stedi
fi
binary=$(realpath "$binary")
[ -d crates/server/web/node_modules ] || { echo "run \`npm ci\` in crates/server/web first" >&2; exit 1; }

work=$(mktemp --directory)
server=
stop() {
  [ -z "$server" ] || kill "$server" 2> /dev/null || true
  rm -rf "$work"
}
trap stop EXIT
export HOME=$work

# One reading cannot be read, so that quarantine has something to show.
"$binary" demo "$work/demo" > "$work/demo.txt" 2>&1 || { cat "$work/demo.txt" >&2; exit 1; }
cd "$work/demo"
echo '{"user":"someone@example.com","timestamp":16555' > landing/accelerometer/landing/cut-off.json
"$binary" run > "$work/run.txt" 2>&1 || { cat "$work/run.txt" >&2; exit 1; }
"$binary" serve --http 127.0.0.1:0 --users "$work/users.json" --audit "$work/audit.ndjson" > "$work/serve.txt" 2>&1 &
server=$!
for _ in $(seq 100); do
  url=$(grep --only-matching --max-count=1 'http://[0-9.:]*' "$work/serve.txt" || true)
  [ -z "$url" ] || break
  sleep 0.1
done
[ -n "$url" ] || { cat "$work/serve.txt" >&2; exit 1; }
cd "$OLDPWD"
node tests/page/check.mjs "$url" "${pictures[@]}"
