// Package binary reads programs, libraries and their debug files: names to addresses for
// probes, addresses to names, files and lines for stacks. Nothing else in ponytrace reads
// ELF, Go's tables or DWARF.
//
// # Who asks
//
//	runtime/symbols   File.Table    all functions by address, copied out of the file
//	the compiler      target.Binary find.go and match.go (functions), places.go (lines),
//	                                markers.go (USDT), facts.go, answers.go
//
// The compiler does not open files: it asks its Target, and that a File, or a record of
// what a File answered (compiler/target/frozen), which TestRecord holds to be true.
//
// # What is read
//
//	ELF header -> program headers   which part of the file goes where in memory
//	           -> section headers
//	                .symtab .dynsym         functions: address, size, place of the name
//	                .strtab .dynstr         names
//	                .note*                  notes; the build ID is one
//	                .gnu_debugdata          a file of further symbols, packed (unxz)
//	                .gnu.version*           versions of functions
//	                .gnu_debuglink          name and sum of the debug file
//	                .gopclntab              functions, files and lines of Go
//	                .go.module              where Go's code begins, since Go 1.26
//	                .debug_info             a tree of entries for each unit of source
//	                .debug_abbrev           the shape of entries
//	                .debug_str .debug_line_str .debug_str_offsets .debug_addr
//	                .debug_ranges .debug_rnglists .debug_aranges
//	                .debug_loc .debug_loclists  where a variable is, by address
//	                .debug_line             a program for each unit, which makes its rows
//
// Three kinds of numbers must not be confused. An offset is a place in the file: a probe
// attaches there, and what /proc/PID/maps gives for an address. An address is where the
// linker put the byte; the program headers lead from one to the other. Where a process
// has it is known to runtime/symbols alone.
//
// Debug information may be in a file of its own, which belongs to the program if it has
// the same build ID or, where that has none, the sum of the link:
//
//	/usr/lib/debug/.build-id/AB/CDEF.debug
//	FOLDER/NAME, FOLDER/.debug/NAME, /usr/lib/debug/FOLDER/NAME
//
// What the debug files of several programs have alike may be in a further file (dwz), whose
// path and build ID they have in .gnu_debugaltlink (common.go).
//
// A program of a container has it in its own tree (/proc/PID/root, where links stay
// inside), or we have it.
//
// Programs of x86_64 and arm64 and of the 32-bit machines that run there are read, the
// latter for their symbols only. Others, and big-endian ones, are refused by name.
//
// # Names
//
// A program is asked for a function by the name that its linker has; if there is none, by
// that of the source: all names of C++ and Rust that have the longest word of what is
// asked for are decoded and compared. So a word that decoding adds, such as "operator",
// must not be that word (decoderWords).
//
// A function of a library may have versions, of which one is for programs that are linked
// today. It may be one that runs once, when the library is loaded, and returns which
// function shall be called (IFUNC: strlen); what it returns are addresses that its code
// loads, so that they are found also without any names for them.
//
// # Go's table
//
// A Go program names the functions of its own stacks by the section .gopclntab, which is
// there even when the symbols are not. Its header, since Go 1.18:
//
//	0   magic; 6 bytes of the smallest instruction; 7 bytes of a pointer
//	8   how many functions; 16 files
//	24  address of the code, 0 since Go 1.26
//	32  names; 40 units; 48 names of files; 56 tables of values; 64 functions
//
// At the last place there are, for each function, where its code is from the start of all
// code, and where its description is; then where the code ends. The description (32-bit
// words; since Go 1.20 with the one in parentheses):
//
//	0   code; 4 name; 8, 12, 16 of no use here
//	20  table of files; 24 table of lines; 28 how many further tables of values
//	32  unit; (36 line of the function); 3 bytes; how many other tables, a byte
//	then the further tables of values (2: inlined calls), the other tables (3: those calls)
//
// Go 1.16 and 1.17 have no address of the code in the header. Instead functions are
// numbers of 8 bytes, and so is the first one of a description: addresses as they are.
//
// A table of values is pairs of differences, of a value and of an address. An inlined
// call has 16 bytes: 4 of no use here, the name, where in the outer function it was
// called, a line. Where all tables of inlined calls begin is known to the description of
// the program (runtime.moduledata): the section .go.module, and before Go 1.26 a part of
// .noptrdata. Those of Go before 1.20 have another form and are not read.
//
// A stripped program is asked for lines of the source by it, too (golines.go). Its runs of
// a line need not be statements: the check of the stack's end is of the line of func.
//
// # Where a probe may go
//
// The kernel puts a breakpoint on an instruction, and then has to execute what was there.
// Placement decodes it (x86.go, arm64.go: length, where it jumps, whether it does
// something), and the function around it from its start on, so that offsets within
// instructions are found. Behind an instruction that does nothing it also names the next
// ones, and at the entry of a function behind those that only compare, or compute what is
// in a register without an argument; unless a jump leads there: all of the function's code, and the pieces that it
// jumps to (what GCC moves away as .cold), are searched for direct jumps. Which place is
// taken depends on the kernel: compiler/builtin/placement.go.
//
//	f+0  endbr64       single-stepped, 14 us
//	f+4  push %rbp     emulated, 0.4 us: runs as often, if nothing jumps to f+4
//
//	f+0  test %rdi,%rdi
//	f+3  je            emulated: a call costs 4 us there against 78 us, medians on a machine
//	                   under heavy load (6.18)
//
// Of the 3,613 functions of Debian's libc 1,624 are single-stepped, 1,997 without the
// second rule. Functions in assembly jump into one another (mempcpy into memmove, behind
// its first mov), so the code around is searched for such jumps as well.
//
// Functions of Go have an entry of their own (gocode.go): behind the check of the stack, as
// the function begins anew when its stack had to grow. Where it returns are its return
// instructions.
//
// The return of other functions is probed by exchanging the address on top of the stack.
// Where that is not the one to return to, Placement tells by the tables for unwinding
// (returnaddress.go): at _start, at what the PLT jumps to, in parts of functions elsewhere.
//
// # Types
//
// A type is converted as far as the next struct: that is a place in .debug_info
// (composite), whose members are read when somebody asks for them. So an argument costs
// some entries, whatever its type leads to. A struct that is only declared is looked for
// by its name, in its own unit first.
//
// # Frames
//
// A stack asks for many addresses of a file. The first one of a unit has the unit walked
// as a whole, for a list of where its functions are and where the sequences of its line
// table begin (spans.go); from then on an address costs the entries of its function and
// the rows of its sequence. With the standard library of Rust, one unit of which has 1 MB,
// that is 1.4 ms for an address on average and not 21. By Go's table it is 9 us.
//
// # Everything is hostile
//
// Whoever is traced owns the files, and may change them while they are read. So:
//
//   - Parts are read with pread(2) in pages of 64 KiB, of which 32 are kept. A file that is
//     cut off gives an error.
//   - What one question may do is counted: entries, rows, bytes of texts, pages
//     (maxSteps). Trees are walked with a counter of depth and not by recursion. Chains of
//     references have a length. So a file that refers to itself costs a second at most.
//   - Nothing is allocated that is as large as the file claims, but only what was read: names
//     are cut, and Table has a budget.
//   - A question that waits longer than some seconds for a disk or a server gets an error,
//     and the file is not asked again.
//   - A debug link is a name without a folder. What it leads to is opened as a regular file, and
//     as one that is stored somewhere: to read what the kernel makes up, as /proc/kmsg, may
//     take it from others.
//
// # Rejected
//
// Mapping files into memory. When their owner cuts them off, reading is a SIGBUS, which
// debug.SetPanicOnFault turns into a panic; but when the pages come from a server (FUSE,
// NFS) that does not answer, the thread waits in the fault. Go does not know that it
// waits, so no garbage collection ends, and everything stands still; any user may mount
// such a file. In a trial with a FUSE server that never answers a collection did not end
// before the server was killed, and took 4 ms while another thread waited in pread.
// Besides, a mapping keeps the file system busy.
//
// Package debug/dwarf. It wants whole sections, trusts what they claim, and cannot be
// stopped: a line table of 60 bytes that claims 2^42 files ends the process with "out of
// memory", which nothing can recover (LineReader.readHeader); each unit may name another
// place in the abbreviations, all of which are then parsed and kept (parseAbbrev); units
// are counted and allocated before any is read. It is the oracle of a test here. For the
// same reasons debug/gosym, which allocates what a header claims. Package debug/elf is
// used, behind a reader that bounds the headers and hides the names of sections from it
// (headers.go).
//
// golang.org/x/arch/x86/x86asm for that: it knows no instruction with a VEX or EVEX
// prefix, of which the C library is full, and is ten times as large. The lengths of all
// 1.8 million instructions of libc, bash and PostgreSQL agree with those of objdump.
//
// Not read: .dwo and .dwp files, .debug_types of DWARF 4. Location lists are read for where
// arguments are at the entry of a function. What gcc -O0 says of that is about what the
// first instructions do: there it follows from the calling convention, as where nothing is
// said.
//
// # Cost
//
// In a library of 31 MB (libpython 3.13 with DWARF 5) it takes 1.5 ms to find a function
// by name and 3 ms to find its arguments, and 1.5 MB are allocated; in a Go program of
// 2.4 MB 0.5 ms and up to 20 ms, for its debug sections are compressed, with 1.8 MB. A
// question takes some 20,000 steps. The addresses of a line take 60 ms there, when the
// line tables of all units have to be looked through for the file.
//
// Of processor time, and allocated, some of it more than once (bench_test.go):
//
//	malloc in a static program with libc, 2,000 functions         0.4 ms    0.1 MB
//	strlen there: what it is chosen from, with names              1.2 ms    0.1 MB
//	a name among 100,000 functions                                20 ms     3.5 MB
//	a name of C++ among them                                      35 ms     7 MB
//	a pattern that 10 or 1,000 of them match                      22 ms     4 MB
//	50,000 of C++ that match, each decoded twice                  390 ms    170 MB, a part of
//	                                                              which is in use at a time
//	10 USDT probes                                                0.1 ms    0.01 MB
//
// # Sources
//
//   - ELF: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html,
//     https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/noteabitag.html
//   - DWARF: https://dwarfstd.org/doc/DWARF5.pdf (7.5 entries, 6.2 lines, 2.17 ranges, 7.31 forms),
//     https://dwarfstd.org/doc/DWARF4.pdf
//   - debug files: https://sourceware.org/gdb/onlinedocs/gdb/Separate-Debug-Files.html
//   - Go: https://github.com/golang/go/blob/go1.26.0/src/internal/abi/symtab.go,
//     https://github.com/golang/go/blob/go1.26.0/src/runtime/symtab.go (moduledata, pcvalue),
//     https://github.com/golang/go/blob/go1.26.0/src/runtime/symtabinl.go
//   - page faults: https://elixir.bootlin.com/linux/v6.12/source/mm/filemap.c (filemap_fault)
//   - debug/dwarf: https://github.com/golang/go/blob/go1.26.0/src/debug/dwarf/line.go
package binary
