#!/bin/bash
# Makes the programs that the tests read, from src. They are kept, so that the tests need no
# compiler; made by gcc 12 and rustc 1.95 of x86_64, whose versions show in them.
set -euo pipefail
cd "$(dirname "$0")/src"
out=..
flags=(-nostdlib -static -fno-asynchronous-unwind-tables -fno-stack-protector
	-ffile-prefix-map="$PWD=/src" -Wl,--build-id=sha1 -Wl,-z,noseparate-code -Wl,-z,norelro)

gcc -O2 -g "${flags[@]}" -o $out/demo demo.c
gcc -O0 -gdwarf-4 "${flags[@]}" -o $out/demo-dwarf4 demo.c
gcc -O2 -g -gz=zlib "${flags[@]}" -o $out/demo-packed demo.c
gcc -O2 -gdwarf-5 -gsplit-dwarf "${flags[@]}" -o $out/demo-split demo.c
rm -f ./*.dwo $out/*.dwo

# What two programs have alike, in a file of its own; of one of them the tests have no need.
gcc -O2 -gdwarf-4 "${flags[@]}" -o $out/demo-dwz demo.c
gcc -O1 -gdwarf-4 "${flags[@]}" -o $out/other demo.c
dwz -m $out/demo-dwz.common -M demo-dwz.common $out/demo-dwz $out/other
rm $out/other

# The symbols of functions packed, as Fedora has them.
objcopy --strip-all --keep-symbol=reduced.constprop.0 --keep-symbol=none $out/demo $out/mini
xz -f $out/mini
objcopy --strip-all --remove-section .note.gnu.build-id --add-section .gnu_debugdata=$out/mini.xz $out/demo $out/demo-mini
rm $out/mini.xz

# Two programs without symbols: their debug files belong to them by build ID, and by the sum of a debug link.
objcopy --only-keep-debug $out/demo $out/demo.debug
objcopy --strip-all --add-gnu-debuglink=$out/demo.debug $out/demo $out/demo-stripped
objcopy --remove-section .note.gnu.build-id $out/demo.debug $out/demo-sum.debug
objcopy --strip-all --remove-section .note.gnu.build-id --add-gnu-debuglink=$out/demo-sum.debug $out/demo $out/demo-sum

gcc -O2 "${flags[@]}" -o $out/markers markers.c
gcc -O2 "${flags[@]}" -o $out/usdt usdt.c
gcc -O2 "${flags[@]}" -s -o $out/postgres postgres.c

# A library, and the same without what only its linker needed.
gcc -O2 -shared -fPIC -nostdlib -Wl,--version-script=library.map -Wl,-soname,library \
	"${flags[@]:2}" -o $out/library library.c
objcopy --strip-all $out/library $out/library-stripped

# As distributions have them: stripped, with the names that are for other files.
shared=("${flags[@]/-static/-fPIC}")
gcc -O2 "${shared[@]}" -pie -rdynamic -o $out/bash shell.c
gcc -O2 "${shared[@]}" -shared -fno-builtin -Wl,-soname,libc.so.6 -o $out/libc.so.6 libc.c
strip $out/bash $out/libc.so.6

g++ -O1 -g -fno-rtti "${flags[@]}" -o $out/names-cc names.cc -Wl,--unresolved-symbols=ignore-all
rustc -g -C opt-level=1 -C panic=abort -C symbol-mangling-version=v0 --remap-path-prefix "$PWD=/src" \
	-C link-args='-nostdlib -static -nostartfiles -Wl,-z,noseparate-code -Wl,--gc-sections' \
	-C relocation-model=static -o $out/names-rs names.rs
chmod a-x $out/demo* $out/names-* $out/markers $out/usdt $out/postgres $out/library* $out/bash $out/libc.so.6
