#!/bin/bash
# Builds a release into a folder: for each architecture an archive and a Debian package, and their checksums.
#
#   internal/release.sh VERSION FOLDER [ARCHITECTURE...]
#
# The same sources, version and Go give the same bytes: every binary is built a second time, from a copy of the sources
# in another folder, and must not differ; with an empty cache, unless architectures are named, as make test does.
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1#v} out=$2
architectures=("${@:3}")
cache=$(go env GOCACHE)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
umask 022

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ((${#architectures[@]} == 0)); then
	architectures=(amd64 arm64) cache=$work/cache
fi
mkdir -p "$out"
out=$(realpath "$out")

# build ARCHITECTURE SOURCES BINARY. The version is that of the linker, so that nothing depends on the git folder.
build() {
	(cd "$2" && CGO_ENABLED=0 GOOS=linux GOARCH=$1 GOAMD64=v1 GOARM64=v8.0 GOFLAGS=-mod=readonly \
		go build -trimpath -buildvcs=false -gcflags github.com/ianlancetaylor/demangle=-l \
		-ldflags "-s -w -funcalign=16 -X main.version=$version" -o "$3" ./cmd/ponytrace)
}

reproduced() {
	GOCACHE=$cache build "$1" "$work/sources" "$work/$1.again"
	cmp "$work/$1.ponytrace" "$work/$1.again"
}

# archive NAME is made of the folder $work/NAME.
archive() {
	tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -c "$1" | gzip -9n >"$out/$1.tar.gz"
}

# debian_version makes one of what git describe says: it begins with a number and has no hyphen.
debian_version() {
	if [[ $1 =~ ^[0-9]+\. ]]; then echo "${1//-/+}"; else echo "0~${1//-/+}"; fi
}

# package ARCHITECTURE
package() {
	local root=$work/$1.deb doc=$work/$1.deb/usr/share/doc/ponytrace
	internal/install.sh "$work/$1.ponytrace" "$root/usr" "$native"
	gzip -9n "$root/usr/share/man/man8/ponytrace.8" "$doc/CHANGELOG.md"
	mkdir -p "$root/usr/share/zsh/vendor-completions"
	mv "$root/usr/share/zsh/site-functions/_ponytrace" "$root/usr/share/zsh/vendor-completions/"
	rmdir "$root/usr/share/zsh/site-functions"
	{ cat NOTICE && printf '\n%s\n\n' "$(printf '%080d' 0 | tr 0 -)" && cat LICENSE; } >"$doc/copyright"
	rm "$doc/LICENSE" "$doc/NOTICE"
	mkdir "$root/DEBIAN"
	cat >"$root/DEBIAN/control" <<-END
		Package: ponytrace
		Version: $(debian_version "$version")
		Architecture: $1
		Maintainer: The ponytrace authors <ponytrace@users.noreply.github.com>
		Installed-Size: $(du -sk --apparent-size "$root/usr" | cut -f1)
		Section: utils
		Priority: optional
		Homepage: https://github.com/ponytrace/ponytrace
		Description: dynamic tracer for Linux
		 Compiles one line or a script straight to eBPF, loads it on live kernel
		 probes, and prints counts, histograms, stacks and events. Needs no compiler,
		 no kernel headers and no other package.
	END
	dpkg-deb --build --root-owner-group -Zxz "$root" "$out/ponytrace_$(debian_version "$version")_$1.deb" >/dev/null
}

mkdir "$work/sources"
git ls-files -z | xargs -0 cp --parents -t "$work/sources"
for architecture in "${architectures[@]}"; do
	build "$architecture" . "$work/$architecture.ponytrace"
	reproduced "$architecture"
done
native=$work/$(go env GOHOSTARCH).ponytrace
for architecture in "${architectures[@]}"; do
	name=ponytrace-$version-linux-$architecture
	internal/install.sh "$work/$architecture.ponytrace" "$work/$name" "$native"
	archive "$name"
	package "$architecture"
done
(cd "$out" && sha256sum ponytrace-"$version"-linux-*.tar.gz ponytrace_*.deb >SHA256SUMS)
ls -l "$out"
