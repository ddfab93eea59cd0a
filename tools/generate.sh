#!/usr/bin/env bash
# Regenerates, in place, everything that is made from another file of the tree.
# Each generator is named by a go:generate line beside what it makes, so that
# this script knows none of them; docs/dev/generated.md lists them.
set -euo pipefail

cd "$(dirname "$0")/.."
root=$PWD
tools/build.sh buf sqlc abigen protoc-gen-go protoc-gen-go-grpc protoc-gen-grpc-gateway protoc-gen-openapiv2
export PATH="$root/bin:$PATH"

for m in $(tools/modules.sh); do
	(cd "$m" && go generate ./...)
done
