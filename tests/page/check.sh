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
servers=()
stop() {
  [ ${#servers[@]} -eq 0 ] || kill "${servers[@]}" 2> /dev/null || true
  rm -rf "$work"
}
trap stop EXIT
export HOME=$work

# serve NAME [WORDS...]: serves the lake, and sets `url`.
serve() {
  local name=$1
  shift
  "$binary" serve --http 127.0.0.1:0 "$@" > "$work/$name.txt" 2>&1 &
  servers+=($!)
  for _ in $(seq 100); do
    url=$(grep --only-matching --max-count=1 'http://[0-9.:]*' "$work/$name.txt" || true)
    [ -z "$url" ] || return 0
    sleep 0.1
  done
  cat "$work/$name.txt" >&2
  exit 1
}

# One reading cannot be read, so that quarantine has something to show.
"$binary" demo "$work/demo" > "$work/demo.txt" 2>&1 || { cat "$work/demo.txt" >&2; exit 1; }
cd "$work/demo"
echo '{"user":"someone@example.com","timestamp":16555' > landing/accelerometer/landing/cut-off.json
"$binary" run > "$work/run.txt" 2>&1 || { cat "$work/run.txt" >&2; exit 1; }

# A server at which people sign in, and one that is open.
export USERS=$work/people.json AUDIT=$work/signed.ndjson BINARY=$binary
for user in sci:scientist eng:engineer off:privacy-officer; do
  echo 'a long enough password' | "$binary" user add "${user%:*}" --role "${user#*:}" --users "$USERS" > "$work/user.txt" 2>&1 || { cat "$work/user.txt" >&2; exit 1; }
done
serve signed --users "$USERS" --audit "$AUDIT"
export SIGNED_URL=$url
EMAIL=$("$binary" sql --format csv -c 'select max(email) from customer_trusted' | tail --lines=1)
export EMAIL
serve open --users "$work/users.json" --audit "$work/audit.ndjson"
cd "$OLDPWD"
node tests/page/check.mjs "$url" "${pictures[@]}"
