package builtin

import "strconv"

// Settings that bpftrace has and that decide something here too.
var limitSettings = []*Setting{
	{
		Info: Info{Name: "license", Signature: "string",
			Doc:     "The license that the programs carry. The kernel lets only those that are compatible with the GPL read memory and clocks, so these are the ones that there are: GPL, GPL v2, GPL and additional rights, Dual BSD/GPL, Dual MIT/GPL, Dual MPL/GPL.",
			Example: `config = { license = "Dual MIT/GPL" } kprobe:vfs_read { @ = count() }`},
		Default: "GPL",
		Apply: func(s *Settings, value string) error {
			s.License = value
			return oneOf(value, "GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL")
		},
	},
	{
		Info: Info{Name: "max_probes", Signature: "int",
			Doc:     "How many attach points a script may have, all its wildcards expanded.",
			Example: `config = { max_probes = 100 } kprobe:vfs_read { @ = count() }`},
		Default: "1000000",
		Apply:   func(s *Settings, value string) error { return number(value, 1, 1<<30, &s.MaxProbes) },
	},
	{
		Info: Info{Name: "max_bpf_progs", Signature: "int",
			Doc:     "How many programs a script may become: one for each clause, and one for each traced function where their arguments are read.",
			Example: `config = { max_bpf_progs = 10 } kprobe:vfs_read { @ = count() }`},
		Default: "1024",
		Apply:   func(s *Settings, value string) error { return number(value, 1, 1<<20, &s.MaxPrograms) },
	},
	{
		Info: Info{Name: "log_size", Signature: "int",
			Doc:     "How many bytes of the verifier's log are asked for at first where the kernel refuses a program; it grows by itself.",
			Example: `config = { log_size = 1000000 } kprobe:vfs_read { @ = count() }`},
		Default: "65536",
		Apply:   func(s *Settings, value string) error { return number(value, 128, 1<<28, &s.VerifierLogSize) },
	},
	{
		Info: Info{Name: "cpp_demangle", Signature: "bool",
			Doc:     "Whether the names of C++ and Rust functions print as in their source.",
			Example: `config = { cpp_demangle = false } profile:hz:99 { @[ustack(perf, 5)] = count() }`},
		Default: "true",
		Apply:   func(s *Settings, value string) error { return boolean(value, &s.Demangle) },
	},
	{
		Info: Info{Name: "show_debug_info", Signature: "bool",
			Doc:     "Whether stacks of processes have a frame for each function that was inlined, and the line of the source for each frame: main+12@/src/main.c:3. The mode perf marks inlined functions, but has no lines. They are read from debug information, of Go programs from Go's own table.",
			Example: `config = { show_debug_info = true } profile:hz:99 { @[ustack(5)] = count() }`},
		Default: "false",
		Apply:   func(s *Settings, value string) error { return boolean(value, &s.ShowDebugInfo) },
	},
}

// Settings that bpftrace has and that have nothing to decide here. Scripts that set them
// go on working; the values must be such as bpftrace takes.
var idleSettings = []*Setting{
	idle("cache_user_symbols", "PER_PID", "the symbols of a file are read once, however many processes run it", isWord("PER_PID", "PER_PROGRAM", "NONE")),
	idle("lazy_symbolication", "true", "addresses become names when they print, never before", isBool),
	idle("max_ast_nodes", "0", "a script has 4 MiB at most, and compiling takes time in proportion", isNumber),
	idle("max_type_res_iterations", "0", "types are looked for until they stand still, which takes a bounded number of rounds", isNumber),
	idle("on_stack_limit", "32", "the compiler keeps what fits in the 512 bytes of stack and the rest in a map", isNumber),
	idle("symbol_source", "symbol_table", "functions are found in symbol tables, and debugging information is not read", isWord("dwarf", "symbol_table")),
	idle("use_blazesym", "true", "ponytrace has its own reader of symbols", isBool),
	idle("unstable_addr", "enable", "taking addresses is part of the language", isStability),
	idle("unstable_import", "enable", "importing is part of the language", isStability),
	idle("unstable_macro", "enable", "macros are part of the language", isStability),
	idle("unstable_map_decl", "enable", "declaring maps is part of the language", isStability),
	idle("unstable_tseries", "enable", "time series are part of the language", isStability),
}

func idle(name, value, why string, check func(string) error) *Setting {
	written := strconv.Quote(value)
	if check(value) == nil && (isBool(value) == nil || isNumber(value) == nil) {
		written = value
	}
	return &Setting{
		Info: Info{Name: name, Signature: "accepted, without effect",
			Doc:     "Accepted for the sake of scripts that were written for bpftrace; it has no effect, because " + why + ".",
			Example: "config = { " + name + " = " + written + " } kprobe:vfs_read { @ = count() }"},
		Default: value,
		Apply:   func(_ *Settings, value string) error { return check(value) },
	}
}

func isBool(value string) error {
	var b bool
	return boolean(value, &b)
}

func isNumber(value string) error {
	var n int
	return number(value, 0, 1<<30, &n)
}

func isWord(words ...string) func(string) error {
	return func(value string) error { return oneOf(value, words...) }
}

var isStability = isWord("enable", "disable", "warn", "error", "true", "false", "1", "0")
