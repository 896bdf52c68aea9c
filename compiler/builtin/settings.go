package builtin

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var settingList = slices.Concat(outputSettings, limitSettings, idleSettings)

var outputSettings = []*Setting{
	{
		Info: Info{Name: "hist_style", Signature: "string",
			Doc:     "How histograms are drawn: bpftrace, dtrace, bcc (the style of 2015, from the first bucket on) or bcc-trimmed (from the first bucket that is not empty).",
			Example: `config = { hist_style = "bcc" } kprobe:vfs_read { @ = hist(arg2) }`},
		Default: "bpftrace",
		Apply: func(s *Settings, value string) error {
			s.HistStyle = value
			return oneOf(value, "bpftrace", "dtrace", "bcc", "bcc-trimmed")
		},
	},
	{
		Info: Info{Name: "hist_unit", Signature: "string",
			Doc:     "The heading of a histogram's bucket column, in the styles that have one.",
			Example: `config = { hist_style = "bcc"; hist_unit = "kbytes" } kprobe:vfs_read { @ = hist(arg2 / 1024) }`},
		Default: "value",
		Apply:   func(s *Settings, value string) error { s.HistUnit = value; return nil },
	},
	{
		Info: Info{Name: "print_maps_on_exit", Signature: "bool",
			Doc:     "Whether the maps are printed when tracing ends.",
			Example: `config = { print_maps_on_exit = false } kprobe:vfs_read { @ = count() } interval:s:1 { print(@) }`},
		Default: "true",
		Apply:   func(s *Settings, value string) error { return boolean(value, &s.PrintMapsOnExit) },
	},
	{
		Info: Info{Name: "sort_by", Signature: "string",
			Doc:     "The order in which print() and printa() show a map: value (the largest last; maps whose values are no numbers go by key), largest (the largest first) or key.",
			Example: `config = { sort_by = "key" } kprobe:vfs_read { @[pid] = count() }`},
		Default: "value",
		Apply: func(s *Settings, value string) error {
			s.SortBy = value
			return oneOf(value, "value", "largest", "key")
		},
	},
	{
		Info: Info{Name: "max_cat_bytes", Signature: "int",
			Doc:     "How many bytes cat() prints of a file at most.",
			Example: `config = { max_cat_bytes = 4096 } BEGIN { printf("set\n") }`},
		Default: "10240",
		Apply:   func(s *Settings, value string) error { return number(value, 1, 1<<20, &s.MaxCatBytes) },
	},
	{
		Info: Info{Name: "str_trunc_trailer", Signature: "string",
			Doc:     "What ends a string that was cut; empty for nothing.",
			Example: `config = { str_trunc_trailer = "~" } kprobe:vfs_read { @[str(arg1)] = count() }`},
		Default: "..",
		Apply:   func(s *Settings, value string) error { s.StringTrailer = value; return nil },
	},
	{
		Info: Info{Name: "max_strlen", Signature: "int",
			Doc:     "The longest string in bytes that str() reads, the ending zero included. Before Linux 5.11, whose keys have 512 bytes at most, the default is 256.",
			Example: `config = { max_strlen = 200 } kprobe:vfs_read { @[str(arg1)] = count() }`},
		Default: "1024",
		Apply:   func(s *Settings, value string) error { return number(value, 1, 64<<10, &s.MaxStringSize) },
	},
	{
		Info: Info{Name: "max_map_keys", Signature: "int",
			Doc:     "How many keys a map can hold. What finds a map full is counted and said at the end.",
			Example: `config = { max_map_keys = 100 } kprobe:vfs_read { @[pid] = count() }`},
		Default: "65536",
		Apply:   func(s *Settings, value string) error { return number(value, 1, 1<<26, &s.MaxMapKeys) },
	},
	{
		Info: Info{Name: "perf_rb_pages", Signature: "int",
			Doc:     "The size of the buffer for events on their way to user space, in pages of 4 KiB; rounded up to a power of two. A script that sends nothing but exit() has 16 at most.",
			Example: `config = { perf_rb_pages = 1024 } kprobe:vfs_read { printf("%d\n", pid) }`},
		Default: "1024",
		Apply:   func(s *Settings, value string) error { return number(value, 1, 1<<18, &s.RingBufferPages) },
	},
	{
		Info: Info{Name: "stack_mode", Signature: "string",
			Doc:     "How kstack and ustack print: bpftrace (function+offset), perf (address, function+offset and module), raw (addresses) or build_id (build ID and offset in the file; kstack prints addresses then).",
			Example: `config = { stack_mode = "perf" } profile:hz:99 { @[kstack] = count() }`},
		Default: "bpftrace",
		Apply: func(s *Settings, value string) error {
			s.StackMode = value
			return oneOf(value, userStackModes...)
		},
	},
	{
		Info: Info{Name: "max_symbol_bytes", Signature: "int",
			Doc:     "How much memory may be taken by what is known of processes: their mappings and the names of their functions. Addresses that find no room print as numbers; that is said at the end.",
			Example: `config = { max_symbol_bytes = 268435456 } profile:hz:99 { @[ustack] = count() }`},
		Default: "67108864",
		Apply:   func(s *Settings, value string) error { return number(value, 1<<20, 1<<40, &s.MaxSymbolBytes) },
	},
	{
		Info: Info{Name: "missing_probes", Signature: "string",
			Doc:     "What happens when an attach point does not exist: error, warn (trace the others and say so) or ignore.",
			Example: `config = { missing_probes = "warn" } kprobe:vfs_read { @ = count() }`},
		Default: "error",
		Apply: func(s *Settings, value string) error {
			s.MissingProbes = value
			return oneOf(value, "error", "warn", "ignore")
		},
	},
	{
		Info: Info{Name: "usage", Signature: "string",
			Doc:     "What a tool prints, with exit code 1, when its parameters are not positive numbers as it wants them, or too many.",
			Example: `config = { usage = "USAGE: tool [interval]" } interval:s:($1 ?: 1) { print(@) } kprobe:vfs_read { @ = count() }`},
		Apply: func(s *Settings, value string) error { s.Usage = value; return nil },
	},
}

// Defaults returns the settings of a script that has none.
func Defaults() *Settings {
	s := &Settings{texts: map[string]string{}}
	for _, setting := range settingList {
		if err := setting.Set(s, setting.Default); err != nil && setting.Default != "" {
			panic(fmt.Sprintf("builtin: the default of %s: %v", setting.Name, err))
		}
	}
	return s
}

func oneOf(value string, choices ...string) error {
	if slices.Contains(choices, value) {
		return nil
	}
	return fmt.Errorf("%q is none of %s", value, strings.Join(choices, ", "))
}

func boolean(value string, to *bool) error {
	switch value {
	case "1", "true":
		*to = true
	case "0", "false":
		*to = false
	default:
		return fmt.Errorf("%q is neither true nor false", value)
	}
	return nil
}

func number(value string, low, high int, to *int) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high {
		return fmt.Errorf("%q is not a number from %d to %d", value, low, high)
	}
	*to = n
	return nil
}
