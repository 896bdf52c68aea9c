#!/bin/bash
# ordinary.sh [GO TEST FLAG...]: runs the unit tests as somebody who is not root, without a network, in a copy of what is
# committed, with the modules in a vendor folder. Root starts it.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git archive --prefix=ponytrace/ HEAD | tar -x -C "$folder"
(cd "$folder/ponytrace" && go mod vendor)
mkdir "$folder/home"
chown -R 65534:65534 "$folder"
chmod 755 "$folder"
go=$(command -v go)
unshare --net setpriv --reuid=65534 --regid=65534 --clear-groups env -i PATH="$(dirname "$go"):/usr/bin:/bin" \
  HOME="$folder/home" GOPROXY=off GOFLAGS=-mod=vendor GOTOOLCHAIN=local \
  "$go" -C "$folder/ponytrace" test "$@" ./...
