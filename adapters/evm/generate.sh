#!/bin/sh
# Rebuilds the compiled contracts and their Go bindings from source. Needs node and npm; the compiler's
# version stands in contracts/package-lock.json, abigen's in the tools module.
set -eu
cd "$(dirname "$0")"

(
	cd contracts
	[ -d node_modules/solc ] || npm ci --ignore-scripts --no-audit --no-fund
	node compile.mjs src artifacts
	node compile.mjs testdata testdata/artifacts
)

root=$(cd ../.. && pwd)
if [ -x "$root/bin/abigen" ]; then
	abigen="$root/bin/abigen"
else
	abigen="go tool -modfile=$root/tools/go.mod abigen"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
node -e '
const fs = require("fs");
const a = JSON.parse(fs.readFileSync("contracts/artifacts/Htlc.json"));
fs.writeFileSync(process.argv[1] + "/htlc.abi", JSON.stringify(a.abi));
fs.writeFileSync(process.argv[1] + "/htlc.bin", a.bytecode);
' "$work"
$abigen --v2 --abi "$work/htlc.abi" --bin "$work/htlc.bin" --pkg bindings --type Htlc --out bindings/htlc.go
