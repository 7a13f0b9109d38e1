#!/usr/bin/env bash
# Builds the real Centrifugo, the judge of our socket, once into the cache, and prints where it is.
set -euo pipefail

readonly version=5.4.9
readonly go_needed=1.23
dir="${XDG_CACHE_HOME:-$HOME/.cache}/cadenza/centrifugo-$version"
binary="$dir/centrifugo"

if [[ ! -x "$binary" ]]; then
	if ! command -v go >/dev/null; then
		echo "Go is absent, and Centrifugo $version is built from its Go module: install Go $go_needed or newer (https://go.dev/doc/install)." >&2
		exit 1
	fi
	go_found="$(go env GOVERSION)"
	if [[ "$(printf '%s\n' "go$go_needed" "$go_found" | sort -V | head -n 1)" != "go$go_needed" ]]; then
		echo "$go_found is too old to build Centrifugo $version: install Go $go_needed or newer (https://go.dev/doc/install)." >&2
		exit 1
	fi
	mkdir -p "$dir"
	scratch="$(mktemp -d "$dir/build.XXXXXX")"
	trap 'rm -rf "$scratch"' EXIT
	cd "$scratch"
	# The module forbids `go install` of a version; a module that depends on it may build it.
	go mod init judge >&2
	printf 'package tools\n\nimport _ "github.com/centrifugal/centrifugo/v5"\n' >tools.go
	go get "github.com/centrifugal/centrifugo/v5@v$version" >&2
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o centrifugo github.com/centrifugal/centrifugo/v5 >&2
	mv centrifugo "$binary"
fi
echo "$binary"
