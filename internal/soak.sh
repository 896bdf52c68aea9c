#!/bin/bash
# soak.sh [PART...]: one slice of what takes hours, all parts without arguments:
#
#	scripts   random scripts against their evaluation, on every processor
#	tests     the tests of the host, with other seeds and in whole
#	fuzz      every fuzz target, for FUZZTIME each
#	kernels   the guest tests with more of all, on every kernel
#	ordinary  all tests as an ordinary user, without a network, from vendored modules
#
# A part that passes notes in .build/soak where it got to, and the next slice goes on from there. One that fails is
# repeated by the next.
set -euo pipefail
cd "$(dirname "$0")/.."
notes=.build/soak
mkdir -p "$notes"
: "${PROGRAMS:=100000}" "${FUZZTIME:=60s}" "${SCRIPTS:=500}" "${SWEEPS:=50}"

next() { # NAME FIRST
  cat "$notes/$1" 2>/dev/null || echo "$2"
}

reached() { # NAME NEXT
  echo "$2" >"$notes/$1"
  echo "soak: the next slice of $1 begins at $2"
}

scripts() {
  local seed
  seed=${SEED:-$(next scripts 0)}
  go test -c -o .build/random ./compiler
  internal/randomly.sh "$PROGRAMS" "$seed"
  reached scripts $((seed + PROGRAMS))
}

tests() {
  local folders
  folders=$(grep -rlE 'testkit\.(Seeds|Choose)' --include='*_test.go' cmd compiler internal lang runtime | xargs -n1 dirname | sort -u)
  SOAK=1 go test -count=1 -timeout 0 $(sed 's|^|./|' <<<"$folders")
}

fuzz() {
  local folder target
  for folder in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
    for target in $(grep -ho '^func Fuzz[A-Za-z0-9_]*' "$folder"/*_test.go | cut -c6-); do
      go test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 100x "$folder"
    done
  done
}

kernels() {
  local seed sweep
  seed=$(next kernels 0) sweep=$(next sweep 0)
  SOAK=1 GUEST_SEED=$seed GUEST_SCRIPTS=$SCRIPTS GUEST_SWEEP=$sweep/$SWEEPS GUEST_CORPUS=all GUEST_TRACEPOINTS=all GUEST_NAMINGS=all \
    GUEST_EVENTS=1000000 go test -count=1 -timeout 0 -parallel 2 ./internal/vmtest
  reached kernels $((seed + SCRIPTS))
  reached sweep $(((sweep + 1) % SWEEPS))
}

ordinary() { internal/ordinary.sh; }

for part in "${@:-scripts tests fuzz kernels ordinary}"; do
  for name in $part; do
    echo "== soak: $name"
    "$name"
  done
done
