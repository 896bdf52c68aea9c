#!/bin/bash
# Installs a browser without a window, from Debian's packages, unless there is one: the tests of pages drive it
# (internal/chromium). Needs root.
set -euo pipefail

for name in chromium-headless-shell chromium chromium-browser google-chrome; do
	if command -v "$name" >/dev/null; then exit; fi
done
export DEBIAN_FRONTEND=noninteractive
# A third party's archive that cannot be reached is no reason to stop: the installation will tell.
apt-get -q update || true
for package in chromium-headless-shell chromium; do
	if apt-get -q install -y --no-install-recommends "$package"; then exit; fi
done
echo 'no browser could be installed: the tests of pages need chromium' >&2
exit 1
