#!/bin/bash
# Installs the compilers of the programs that user-space probes are tested on (internal/vmtest/programs), and those
# programs that are Debian's own, from Debian's packages, unless they are there. Needs root.
set -euo pipefail

export DEBIAN_FRONTEND=noninteractive
cache=$(realpath -m "${PONYTRACE_CACHE:-$(dirname "$0")/../.cache}")

# A third party's archive that cannot be reached is no reason to stop: the installation will tell.
update() { [[ -n "${updated:-}" ]] || apt-get -q update || true; updated=yes; }

# PostgreSQL is unpacked and only its libraries are installed: the package would start a server. LLVM is loaded on demand.
postgresql() {
	local package work
	package=$(apt-cache depends --important postgresql | sed -n 's/^ *Depends: \(postgresql-[0-9]*\)$/\1/p')
	work=$(mktemp -d)
	(cd "$work" && apt-get -q download "$package" && dpkg-deb -x ./*.deb unpacked)
	apt-get -q satisfy -y --no-install-recommends \
		"$(dpkg-deb -f "$work"/*.deb Depends | tr ',' '\n' | grep -E '^ *(lib|zlib)' | grep -v libllvm | paste -sd,)"
	mkdir -p "$cache"
	mv -T "$work/unpacked" "$cache/postgresql"
	rm -rf "$work"
}

packages=()
for command in gcc:gcc g++:g++ rustc:rustc objcopy:binutils xz:xz-utils \
	aarch64-linux-gnu-as:binutils-aarch64-linux-gnu /usr/bin/python3:python3-minimal; do
	command -v "${command%:*}" >/dev/null || packages+=("${command#*:}")
done
if [[ ${#packages[@]} != 0 ]]; then
	update
	apt-get -q install -y --no-install-recommends "${packages[@]}" libc6-dev
fi
if ! compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null && [[ ! -d "$cache/postgresql" ]]; then
	update
	postgresql
fi
