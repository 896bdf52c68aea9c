#!/bin/bash
# randomly.sh PROGRAMS SEED: compares that many random scripts with their evaluation, on every processor a part of them. The scripts'
# memory has one fixed address, so each part is a process.
set -euo pipefail
test=$PWD/.build/random programs=$1 seed=$2 parts=$(nproc)
cd "$(dirname "$0")/../compiler"
share=$(((programs + parts - 1) / parts))
jobs=()
for ((part = 0; part < parts; part++)); do
  PROGRAMS=$share SEED=$((seed + part * share)) FINDINGS=${FINDINGS:-10} "$test" -test.v -test.timeout 0 -test.run '^TestRandomScripts$' &
  jobs+=($!)
done
failed=0
for job in "${jobs[@]}"; do wait "$job" || failed=1; done
exit $failed
