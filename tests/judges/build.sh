#!/usr/bin/env bash
# Makes the environment of the third-party clients that judge the simulators, once in the cache, and prints its Python.
# It is not ours: these clients pin versions that the project does not use.
set -euo pipefail
cd "$(dirname "$0")"

dir="${XDG_CACHE_HOME:-$HOME/.cache}/cadenza/judges-$(sha256sum requirements.txt | cut -c 1-12)"

if [[ ! -e "$dir/complete" ]]; then
	mkdir -p "$(dirname "$dir")"
	python3 -m venv --clear "$dir"
	"$dir/bin/python" -m pip --disable-pip-version-check --no-input --quiet install --no-deps -r requirements.txt >&2
	touch "$dir/complete"
fi
echo "$dir/bin/python"
