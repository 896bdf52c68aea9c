package main

// foreignFlags are flags of bpftrace and DTrace that have another name here, or none, and
// what serves instead.
// https://github.com/bpftrace/bpftrace/blob/v0.25.0/man/adoc/bpftrace.adoc
var foreignFlags = map[string]string{
	"-I":                     "types come from the kernel (BTF), not from headers; `import \"FILE\"` in the script reads definitions from a file",
	"--include":              "types come from the kernel (BTF), not from headers; `import \"FILE\"` in the script reads definitions from a file",
	"--no-warnings":          "-q leaves out notices; losses are always told",
	"--fmt":                  "ponytrace fmt FILE prints a script in the one style, and with -w writes it back",
	"--test":                 "ponytrace check FILE reports the errors of a script without tracing",
	"--mode":                 "ponytrace check FILE reports the errors of a script, ponytrace fmt FILE formats it",
	"--bench":                "bench probes run without a flag",
	"--no-feature":           "--attach kprobe, fentry, tracepoint and others choose how probes are attached; everything else is detected",
	"--emit-elf":             "no object file is written: a script compiles anew in milliseconds; -d asm prints the instructions",
	"--aot":                  "no object file is written: a script compiles anew in milliseconds; -d asm prints the instructions",
	"--emit-llvm":            "there is no LLVM here; -d ir and -d opt print the intermediate code",
	"--verify-llvm-ir":       "there is no LLVM here; -d ir and -d opt print the intermediate code",
	"--traceable-functions":  "the kernel's own list is used, and the kernel itself decides what it lets be traced",
	"--usdt-file-activation": "there are no usdt probes yet",
	"--debuginfo":            "there are no probes that need debug information yet",
	"--dwarf-pid":            "there are no probes that need debug information yet",
	"-n":                     "a one-liner is given with -e TEXT",
	"-s":                     "a script file needs no flag: ponytrace FILE",
	"-x":                     "settings stand in the script, config = { name = value }, or in the environment, PONYTRACE_NAME=value",
	"-w":                     "--unsafe allows functions that change the system",
	"-b":                     "the setting perf_rb_pages is the size of the event buffer: PONYTRACE_PERF_RB_PAGES=4096",
	"-D":                     "-d tokens, ast, types, ir, opt, asm or all prints a stage of the compiler, -d verifier or jit what the kernel makes of it; #define in the script defines a word",
	"-Z":                     "a pattern without any match is a warning by default; the setting missing_probes says otherwise",
	"-P":                     "give the probe in a script: -e 'tracepoint:sched:* { @[probe] = count() }'",
	"-m":                     "give the probe in a script: -e 'kprobe:MODULE:* { @[probe] = count() }'",
	"-i":                     "give the probe in a script: -e 'PROBE { @ = count() }'",
}
