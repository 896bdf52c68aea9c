#!/bin/bash
# Runs go test with the given arguments, shows what fails while it runs, and says at the end what was
# skipped and what took long. In CI (CI=true) a skip is a failure.
set -euo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT

set +e
go test -v "$@" 2>&1 | tee "$log" | grep --line-buffered -E '^(ok|FAIL|panic:|--- (FAIL|SKIP))|^ +--- FAIL|\[build failed\]'
status=${PIPESTATUS[0]}
set -e

if ((status != 0)); then
	# What each failed test printed, and what the run ended with. The whole log is for a
	# developer's terminal: those who read CI's see the end of it, or a part.
	[[ "${CI:-}" == true ]] || cat "$log"
	echo 'Failed:'
	sed -nE 's/^ *--- FAIL: ([^ ]+) .*/\1/p' "$log" | while read -r name; do
		echo "--- FAIL: $name"
		awk -v name="$name" '/^=== (RUN|CONT|NAME) /{on = $3 == name; next} /^ *--- |^(PASS|FAIL|ok)/{on = 0} on' "$log" | head -40 || true
	done | tail -300
	grep -E -A30 '^panic:|\[build failed\]' "$log" | head -60 || true
	exit "$status"
fi
# Guest tests are timed in the guest: internal/vmtest/guesttest.
echo 'The longest:'
sed -nE 's/^--- PASS: (.*) \(([0-9.]+)s\)$/\2 s \1/p; s/^ +([0-9.]+ s Test.*)/\1/p; s/.*: ([^ ]+: booted in .*), of which$/\1/p' "$log" |
	{ grep -vE "^[01]\\." || true; } | sort -rn | sed -n 1,25p
if grep -qE '^ *--- SKIP' "$log"; then
	echo 'Not run:'
	grep -E -B3 '^ *--- SKIP' "$log" | grep -vE '^(=== |--$)'
	[[ "${CI:-}" != true ]] || exit 1
fi
