#!/usr/bin/env bash
# Lints every module of the tree with the one configuration, then breaks each
# rule in a copy and expects the linter to notice (internal/lint).
set -euo pipefail

cd "$(dirname "$0")/.."
root=$PWD
tools/build.sh golangci-lint

bin/golangci-lint config verify
for m in $(tools/modules.sh); do
	echo "lint $m"
	(cd "$m" && "$root/bin/golangci-lint" run --config "$root/.golangci.yml" ./...)
done
# The build with kill points is never released; it still has to hold up.
go vet -tags killpoints ./monitor/...
api/generate.sh lint
unformatted=$(git ls-files --cached --others --exclude-standard -- '*.go' |
	while IFS= read -r f; do [[ -f $f ]] && echo "$f"; done | xargs -r gofmt -l)
if [[ -n $unformatted ]]; then
	printf 'not gofmt:\n%s\n' "$unformatted" >&2
	exit 1
fi
go test -tags lint -count=1 ./internal/lint/
