#!/bin/bash
# Shows the histogram of disk requests that the README promises: on this kernel where it lets us trace
# functions, else on a real kernel in a virtual machine. Called by make demo.
set -euo pipefail
cd "$(dirname "$0")/.."

script='kprobe:blk_start_request < @ = hist(arg0->__data_len) >'

here() {
	local file
	file=$(mktemp ./demo.XXXXXX)
	trap 'rm -f "$file"' EXIT
	local load="dd if=/dev/zero of=$file bs=64k count=200 oflag=direct status=none"
	echo "# ponytrace -e '$script' -c '$load'"
	./ponytrace -e "$script" -c "$load"
}

in_machine() {
	go run ./internal/vmtest/cmd/ponyvm setup
	local load='workload block --dev /dev/nullb0 --sizes 4096x300,16384x40,65536x120'
	echo "# ponytrace -e '$script' -c '$load'"
	go run ./internal/vmtest/cmd/ponyvm -k "$1" -f ponytrace -- ponytrace -e "$script" -c "$load"
}

if [[ $EUID == 0 ]] && ./ponytrace -q -e "$script" -c true >/dev/null 2>&1; then
	echo "Tracing this machine, $(uname -r):"
	here
else
	echo "This kernel does not let us trace its functions (or we are not root): taking Linux $1 in a virtual machine."
	in_machine "$1"
fi
