#!/bin/bash
# Makes a lake with the program of an older commit, for the tests that open it.
#
#   tests/lakes/make.sh COMMIT
#
# builds COMMIT in a worktree of its own and writes tests/lakes/COMMIT.tar.gz: a
# folder with `landing`, and `lake` after two runs, a withdrawal and a record that
# cannot be read. CARGO_TARGET_DIR may name a folder with what was built before.
set -euo pipefail
commit=$(git rev-parse --short=7 "${1:?usage: make.sh COMMIT}")
root=$(git rev-parse --show-toplevel)
work=$(mktemp -d)
trap 'git -C "$root" worktree remove --force "$work/source" 2> /dev/null; rm -rf "$work"' EXIT

git -C "$root" worktree add --quiet --detach "$work/source" "$commit"
target=${CARGO_TARGET_DIR:-$work/target}
(cd "$work/source" && CARGO_TARGET_DIR=$target cargo build --quiet --locked)
stedi() { (cd "$work/made" && STEDI_KEY=$(printf '5%.0s' {1..64}) "$target/debug/stedi" --quiet "$@"); }

mkdir "$work/made"
stedi sample landing --customers 24
# A run with some of the readings, so that the next one is an incremental run.
readings=$(find "$work/made/landing/accelerometer" -type f)
cp "$readings" "$work/readings"
head -n 400 "$work/readings" > "$readings"
stedi run --now 1700000000000
tail -n +401 "$work/readings" > "${readings%.json}-2.json"
person=$(grep -oh '"email": *"[^"]*"' -r "$work/made/landing/customer" | head -1 | cut -d'"' -f4)
stedi consent withdraw --now 1700000001000 <<< "$person"
printf '{"email": "nobody@example.org", "lastUpdateDate": \n' > "$work/made/landing/customer/landing/cut.json"
stedi run --now 1700000002000
tar -C "$work/made" --sort=name --owner=0 --group=0 -czf "$root/tests/lakes/$commit.tar.gz" landing lake
ls -l "$root/tests/lakes/$commit.tar.gz"
