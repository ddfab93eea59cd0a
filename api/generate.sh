#!/usr/bin/env bash
# Makes everything that comes from the protos.
#
#   generate.sh          Go code in gen/, REST code and OpenAPI document in the
#                        node's module
#   generate.sh lint     buf's rules only, nothing is written but .include
set -euo pipefail

cd "$(dirname "$0")"
root=$(cd .. && pwd)

# validate.proto comes from the Go module that releases it, so that neither a
# schema registry nor a copy in the tree is needed. sum is what go.sum would
# hold for the module.
protovalidate=github.com/bufbuild/protovalidate@v1.2.2
sum=h1:2H/9/Kr97etSRqW3IJjTTb09z+zutkK2GDhDRbOnqr4=

field() { sed -n "s/^[[:space:]]*\"$1\": \"\(.*\)\",\{0,1\}$/\1/p" <<<"$2"; }

include_validate() {
	local info dir got
	info=$(GOFLAGS='' go mod download -json "$protovalidate")
	got=$(field Sum "$info")
	if [[ $got != "$sum" ]]; then
		echo "generate: $protovalidate has sum $got, expected $sum" >&2
		exit 1
	fi
	dir=$(field Dir "$info")/proto/protovalidate
	rm -rf .include
	mkdir -p .include/buf/validate
	install -m 644 "$dir/buf/validate/validate.proto" .include/buf/validate/
}

"$root/tools/build.sh" buf
export PATH="$root/bin:$PATH"
include_validate
buf lint
[[ ${1:-} == lint ]] && exit
"$root/tools/build.sh" protoc-gen-go protoc-gen-go-grpc protoc-gen-grpc-gateway protoc-gen-openapiv2

gateway=$root/internal/server/gateway
rm -rf gen "$gateway/kofo" "$gateway/kofo.swagger.json"
buf generate
buf generate --template buf.gen.gateway.yaml
