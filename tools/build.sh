#!/usr/bin/env bash
# Builds the pinned tools of tools/go.mod into bin/.
#
#   tools/build.sh                 all of them
#   tools/build.sh golangci-lint   only the named ones
#
# Builds are kept outside the tree, keyed by what decides their content, so
# that a second clone and every CI run after the first link them in a moment.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root/tools"

key=$( (cat go.mod go.sum; go env GOVERSION GOOS GOARCH) | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kofo-tools/$key
mkdir -p "$cache" "$root/bin"

# /v2 and the like end an import path but do not name the command.
command_name() {
	local name=${1##*/}
	[[ $name =~ ^v[0-9]+$ ]] && name=$(basename "${1%/*}")
	echo "$name"
}

wanted() {
	local name=$1
	shift
	[[ $# -eq 0 ]] && return 0
	local w
	for w in "$@"; do [[ $w == "$name" ]] && return 0; done
	return 1
}

declare -A known=()
while read -r pkg; do
	name=$(command_name "$pkg")
	known[$name]=1
	wanted "$name" "$@" || continue
	if [[ ! -x $cache/$name ]]; then
		began=$SECONDS
		# Another process may build the same tool: each writes a file of its
		# own and the last rename wins.
		go build -o "$cache/.$name.$$" "$pkg"
		mv -f "$cache/.$name.$$" "$cache/$name"
		echo "tools: built $name in $((SECONDS - began)) s"
	fi
	if ! cmp -s "$cache/$name" "$root/bin/$name"; then
		cp -f "$cache/$name" "$root/bin/.$name.$$"
		mv -f "$root/bin/.$name.$$" "$root/bin/$name"
	fi
done < <(go list tool)

for name in "$@"; do
	if [[ -z ${known[$name]:-} ]]; then
		echo "tools: $name is not a tool of tools/go.mod" >&2
		exit 1
	fi
done
