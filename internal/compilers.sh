#!/bin/bash
# Installs the compilers of the programs that user-space probes are tested on (internal/vmtest/programs), and those
# programs that are Debian's own, from Debian's packages, unless they are there. Needs root.
set -euo pipefail

packages=()
for command in gcc:gcc g++:g++ rustc:rustc objcopy:binutils xz:xz-utils \
	aarch64-linux-gnu-as:binutils-aarch64-linux-gnu /usr/bin/python3:python3-minimal; do
	command -v "${command%:*}" >/dev/null || packages+=("${command#*:}")
done
[[ ${#packages[@]} != 0 ]] || exit 0
export DEBIAN_FRONTEND=noninteractive
# A third party's archive that cannot be reached is no reason to stop: the installation will tell.
apt-get -q update || true
apt-get -q install -y --no-install-recommends "${packages[@]}" libc6-dev
