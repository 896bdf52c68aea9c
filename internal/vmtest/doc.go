// Package vmtest runs programs on real kernels: it boots one in QEMU, runs commands
// inside, streams what they say and ends with their exit code. Nothing that ponytrace
// does at run time depends on it.
//
// # The machine
//
// A [Machine] is a kernel of Debian's (package kernel) and an initramfs that is also its
// whole disk: a small Go program as PID 1 (folder init), the workload program, the
// modules needed, and the files that the caller adds. It has two CPUs, so that per-CPU
// counts are really spread; no network but loopback; and two disks, /dev/nullb0
// (null_blk, whose requests old kernels start from a kernel thread) and /dev/vda (virtio,
// behind which QEMU's null-co driver throws data away). Nothing is kept of a machine and
// nothing is shared between two.
//
// QEMU translates instructions (TCG), as the development machines have no KVM. A boot
// takes three to eight seconds, all of it the kernel's own. `-cpu max,la57=off` is the
// richest processor that 6.12 boots on. Without erms and fsrm the kernel clears and copies
// memory by words, which QEMU emulates faster than by bytes (a fifth of a test's time).
// With tsc=reliable 5.10 takes its time from the processor, and not from a slow device.
//
// With Icount there is one CPU and a virtual nanosecond is one guest instruction, whatever
// else the host is doing: costs measured so can be repeated to the digit.
//
// The kernel 6.12-arm64 boots on the machine virt of qemu-system-aarch64, in eight
// seconds, with all programs built for arm64. Its processor signs addresses by a cheap
// function of QEMU's own (pauth-impdef), as the architecture's is slow to emulate.
//
// # What can be relied upon
//
//   - Before a machine is ready no command has run. If it dies until then it is started once more, and that is said. After
//     that nothing is ever repeated: a death is an error with the end of the console.
//   - Standard output and standard error arrive apart, whole and in order, as they are written (package wire). The console
//     is the kernel's alone.
//   - When [Machine.Start] returns, its QEMU is gone. Should this process die without a word, the kernel kills QEMU (the
//     parent-death signal). The initramfs is a memory file and the channels are socket pairs, so nothing is left on disk.
//   - Several machines may run at once, in one process or many. What they share, the cache folder, is locked.
//   - Addresses are not randomised, so that the console and extracted symbols of two boots agree.
//
// # What was learnt
//
// QEMU must be 10 or later. Debian 12's 7.2 corrupts its guests under TCG: about one boot
// in five of 6.12 died, at random places. [CheckQEMU] refuses it and [InstallQEMU]
// installs the backport.
//
// The kernel packages hold no modules.dep, as no depmod has run; modules.builtin is in
// the image package up to 6.12 and in linux-base-* for 7.x. virtio_pci and virtio_console
// are modules up to 6.1 and built in later.
//
// A serial port is no channel for results: it moves a byte an instruction. A virtio port
// moves 32 KB at a time.
//
// null_blk splits requests above 127 KB on all four kernels; /dev/vda takes 1008 KB in
// one (254 segments of a page).
package vmtest
