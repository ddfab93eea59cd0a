#!/usr/bin/env bash
# Makes sqlcgen from the migrations and the queries.
set -euo pipefail

cd "$(dirname "$0")"
sqlc=../../bin/sqlc
[[ -x $sqlc ]] || sqlc=sqlc
"$sqlc" generate -f sqlc.yaml
gofmt -w sqlcgen
