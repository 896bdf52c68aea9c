#!/bin/bash
# Installs ponytrace, and what belongs to it, into a folder. Called by make install and by internal/release.sh.
#
#   internal/install.sh BINARY FOLDER [GENERATOR]
#
# GENERATOR is a ponytrace of the same version that runs on this machine: it writes the manual page and the
# completions. Without it, that is BINARY.
set -euo pipefail

binary=$(realpath "$1") to=$(realpath -m "$2") generator=$(realpath "${3:-$1}")
cd "$(dirname "$0")/.."

write() {
	mkdir -p "$(dirname "$to/$1")"
	"$generator" help "${@:2}" >"$to/$1"
	chmod 644 "$to/$1"
}

install -D -m 755 "$binary" "$to/bin/ponytrace"
install -D -m 644 -t "$to/share/doc/ponytrace" LICENSE NOTICE README.md CHANGELOG.md spec.md
install -D -m 644 -t "$to/share/doc/ponytrace/docs" docs/*.md
install -D -m 644 -t "$to/share/doc/ponytrace/examples" examples/*.md
install -D -m 755 -t "$to/share/doc/ponytrace/examples" examples/*.pt
write share/man/man8/ponytrace.8 --man
write share/bash-completion/completions/ponytrace --completion bash
write share/zsh/site-functions/_ponytrace --completion zsh
write share/fish/vendor_completions.d/ponytrace.fish --completion fish
