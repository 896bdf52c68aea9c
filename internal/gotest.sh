#!/bin/bash
# Runs go test with the given arguments, shows what fails while it runs, and says at the end what was
# skipped. In CI (CI=true) a skip is a failure.
set -euo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT

set +e
go test -v "$@" 2>&1 | tee "$log" | grep --line-buffered -E '^(ok|FAIL|panic:|--- (FAIL|SKIP))|^ +--- FAIL|\[build failed\]'
status=${PIPESTATUS[0]}
set -e

if ((status != 0)); then
	cat "$log"
	exit "$status"
fi
if grep -qE '^ *--- SKIP' "$log"; then
	echo 'Not run:'
	grep -E -B3 '^ *--- SKIP' "$log" | grep -vE '^(=== |--$)'
	[[ "${CI:-}" != true ]] || exit 1
fi
