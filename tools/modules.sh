#!/usr/bin/env bash
# Lists the folders of the tree's Go modules, the root first. tools/ itself is
# left out: it holds no code, only the versions of what we build with.
set -euo pipefail

cd "$(dirname "$0")/.."
echo .
find . -mindepth 2 -name go.mod \
	-not -path '*/node_modules/*' -not -path '*/testdata/*' -not -path './tools/go.mod' \
	-printf '%h\n' | sort
