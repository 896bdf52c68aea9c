#!/bin/bash
# Installs the Debian packages of a release and runs what they install: the one of this machine's architecture in the root of
# a Debian system where debootstrap makes one, else in an empty one, which is all that a static binary needs; of the
# others the files are looked at. Needs root, for dpkg and chroot.
#
#   internal/installed.sh FOLDER
set -euo pipefail

native=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root" "$root.log"' EXIT

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# mirror is the one that this machine takes its packages from.
mirror() { apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | sed -n 1p; }

prepare() {
	if command -v debootstrap >/dev/null; then
		echo '== a Debian system'
		debootstrap --variant=minbase stable "$root" "$(mirror)" >"$root.log" || { cat "$root.log"; exit 1; }
	else
		echo '== an empty system, as there is no debootstrap'
		mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/dev"
		touch "$root/var/lib/dpkg/status"
	fi
}

inside() { chroot "$root" "$@"; }

# prints WHAT COMMAND...
prints() {
	local what=$1 got
	shift
	got=$(inside "$@" 2>&1) || fail "$* ends with $?: $got"
	[[ $got == *"$what"* ]] || fail "$* does not print $what but: $got"
}

has() { [[ -s $1 ]] || fail "$1 is missing or empty"; }

files() {
	local share=$1/usr/share
	has "$1/usr/bin/ponytrace"
	has "$share/man/man8/ponytrace.8.gz"
	has "$share/bash-completion/completions/ponytrace"
	has "$share/zsh/vendor-completions/_ponytrace"
	has "$share/fish/vendor_completions.d/ponytrace.fish"
	has "$share/doc/ponytrace/copyright"
	has "$share/doc/ponytrace/examples/bitehist.pt"
	grep -q 'Apache License' "$share/doc/ponytrace/copyright" || fail 'the copyright has no Apache License'
	grep -q 'github.com/cilium/ebpf v' "$share/doc/ponytrace/copyright" || fail 'the copyright does not name what is linked'
}

declare -A machines=([amd64]=3e00 [arm64]=b700)

# built_for BINARY ARCHITECTURE looks at e_machine of the ELF header.
built_for() {
	[[ $(od -An -tx1 -j18 -N2 "$1" | tr -d ' ') == "${machines[$2]}" ]] || fail "$1 is not for $2"
}

prepare
for package in "$1"/ponytrace_*.deb; do
	architecture=$(dpkg-deb -f "$package" Architecture)
	echo "== $(basename "$package")"
	if [[ $architecture != "$native" ]]; then
		dpkg-deb -x "$package" "$root/$architecture"
		files "$root/$architecture"
		built_for "$root/$architecture/usr/bin/ponytrace" "$architecture"
		continue
	fi
	dpkg --root="$root" --install "$package" >/dev/null
	files "$root"
	built_for "$root/usr/bin/ponytrace" "$architecture"
	prints "$(dpkg-deb -f "$package" Version | sed 's/^0~//' | tr + -)" ponytrace -V
	prints 'Example: ' ponytrace help count
	prints 'Usage: ' ponytrace fmt --help
	dpkg --root="$root" --remove ponytrace >/dev/null
	[[ ! -e $root/usr/bin/ponytrace && ! -e $root/usr/share/doc/ponytrace ]] || fail 'removing the package leaves files'
done
echo 'ok'
