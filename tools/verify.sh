#!/usr/bin/env bash
# Regenerates everything in place and fails if that changed a file: what is
# committed must be what its sources produce. Works in a dirty tree too, since
# it compares the files before and after, not with a commit.
set -euo pipefail

cd "$(dirname "$0")/.."

snapshot() {
	git ls-files --cached --others --exclude-standard -z |
		while IFS= read -r -d '' f; do [[ -f $f ]] && sha256sum "$f"; done |
		sort -k2
}

before=$(mktemp)
after=$(mktemp)
trap 'rm -f "$before" "$after"' EXIT

snapshot >"$before"
make --no-print-directory generate
snapshot >"$after"

if ! diff "$before" "$after" >/dev/null; then
	echo "verify: generated files are out of date; run 'make generate' and commit:" >&2
	diff "$before" "$after" | awk '/^[<>]/ {print "  " $3}' | sort -u >&2
	git --no-pager diff --stat >&2 || true
	exit 1
fi
echo "verify: generated files are up to date"
