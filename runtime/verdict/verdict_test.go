package verdict

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestRead has logs as people paste them: whole, in one line, behind the words of a
// loader, with states of registers, of several kernels.
func TestRead(t *testing.T) {
	for name, test := range map[string]struct {
		log         string
		line, means string
		instruction int
		text        string
	}{
		"5.10": {
			"5: (85) call bpf_map_lookup_elem#1\n6: (79) r1 = *(u64 *)(r0 +0)\n" +
				" R0_w=map_value_or_null(id=1,off=0,ks=4,vs=8,imm=0) R10=fp0\nR0 invalid mem access 'map_value_or_null'\n" +
				"processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0",
			"R0 invalid mem access 'map_value_or_null'", "r0 may be null here", 6, "r1 = *(u64 *)(r0 +0)",
		},
		"two lines of words": {
			"7: (79) r1 = *(u64 *)(r0 +8)\ninvalid access to map value, value_size=8 off=8 size=8\n" +
				"R0 min value is outside of the allowed memory range\nprocessed 8 insns",
			"invalid access to map value, value_size=8 off=8 size=8", "8 bytes at offset 8 of a map's value, which has 8 bytes", 7, "r1 = *(u64 *)(r0 +8)",
		},
		"libbpf": {
			"libbpf: prog 'f': BPF program load failed: Permission denied\nlibbpf: prog 'f': -- BEGIN PROG LOAD LOG --\n" +
				"; int x = y; @ a.c:3\n0: (bf) r3 = r2\nR2 !read_ok\nprocessed 1 insns\n-- END PROG LOAD LOG --\nlibbpf: failed to load object 'a.o'",
			"R2 !read_ok", "r2 is read, but nothing was written", 0, "r3 = r2",
		},
		"cilium/ebpf, in one line": {
			"program p: load program: permission denied: 0: (bf) r3 = r2: R2 !read_ok (1 line(s) omitted)",
			"R2 !read_ok (1 line(s) omitted)", "r2 is read", 0, "r3 = r2: R2 !read_ok (1 line(s) omitted)",
		},
		"words behind the instruction": {
			"1: (85) call bpf_get_prandom_u32#7\n2: (55) if r0 != 0x0 goto pc-2 infinite loop detected at insn 1\ncur state: R0=scalar() R10=fp0",
			"infinite loop detected at insn 1", "came to instruction 1 a second time", 2, "if r0 != 0x0 goto pc-2 infinite loop detected at insn 1",
		},
		"indented, with states": {
			"    394: (79) r3 = *(u64 *)(r10 -88)     ; R3_w=map_value(map=.data,ks=4,vs=1320,off=40)\n    395: (85) call bpf_cpumask_and#65708\n" +
				"    invalid access to map value, value_size=1320 off=1280 size=1024\n    R3 max value is outside of the allowed memory range\n    processed 365 insns",
			"invalid access to map value, value_size=1320 off=1280 size=1024", "has 1320 bytes", 395, "call bpf_cpumask_and#65708",
		},
		"journal": {
			"Apr 01 10:41:53 host p[1]: regs=0 stack=8000 before 2124: (57) r2 &= 4095\nApr 01 10:41:53 host p[1]: 2150: (73) *(u8 *)(r1 +4095) = r2\n" +
				"Apr 01 10:41:53 host p[1]:  R0=inv(id=45,smin_value=-4095) R1_w=map_value(id=0)\n" +
				"Apr 01 10:41:53 host p[1]: R1 unbounded memory access, make sure to bounds check any such access",
			"R1 unbounded memory access, make sure to bounds check any such access", "The address in r1 has a part", 2150, "*(u8 *)(r1 +4095) = r2",
		},
		"Linux 4": {
			"8: (15) if r0 == 0x0 goto pc+118\n R0=map_value(ks=8,vs=8) R10=fp\n11: (79) r9 = *(u64 *)(r7 +0)\nR7 invalid mem access 'map_value_or_null'\n\nHINT: x",
			"R7 invalid mem access 'map_value_or_null'", "r7 may be null", 11, "r9 = *(u64 *)(r7 +0)",
		},
		"a loader's message": {
			"bpf: Argument list too long. Program  too large (1155 insns), at most 4096 insns", "Argument list too long. Program  too large (1155 insns), at most 4096 insns",
			"walks every way through", -1, "",
		},
		"no instruction": {"unreachable insn 5\nprocessed 0 insns", "unreachable insn 5", "Nothing leads to instruction 5", 5, ""},
		"a report of 7.x": {
			"unreachable insn 2\nVerification failed: Program Structure: Unreachable instruction\nReason:\n  Instruction 2 is not\n  reachable.\n" +
				"At:\n  insn 2\nSuggestion:\n  Remove it.", "unreachable insn 2", "Nothing leads to instruction 2", 2, "",
		},
		"a report of words that are new": {
			"3: (95) exit\nsomething new\nVerification failed: Novelty\nReason:\n  This is\n  new.\nAt:\n  insn 3\nSuggestion:\n  Leave it.",
			"Reason: This is new.", "This is new.", 3, "exit",
		},
		"unknown": {"3: (95) exit\nsomething new", "", "", 3, "exit"},
		"nothing": {"", "", "", -1, ""},
	} {
		v := Read(strings.Split(test.log, "\n"))
		if v.Line != test.line || !strings.Contains(v.Means, test.means) || v.Known() != (test.means != "") {
			t.Errorf("%s: %q means %q", name, v.Line, v.Means)
		}
		if v.Instruction != test.instruction || v.Text != test.text {
			t.Errorf("%s: instruction %d is %q", name, v.Instruction, v.Text)
		}
	}
}

// TestShorten: without an instruction, what a loader says before is left out.
func TestShorten(t *testing.T) {
	v := Read([]string{"libbpf: elf: skipping", "libbpf: prog 'f': failed", "unreachable insn 5", "Suggestion:", "  Remove it."})
	if !slices.Equal(v.Words, []string{"unreachable insn 5", "Suggestion: Remove it."}) {
		t.Errorf("%q", v.Words)
	}
	if v := Read(slices.Repeat([]string{"prose"}, 100)); len(v.Words) != fewLines || v.Known() {
		t.Errorf("%q", v.Words)
	}
}

func TestSource(t *testing.T) {
	v := Read([]string{"; @ = count() @ one.pt:2", "4: (b7) r1 = 0", "5: (95) exit", "R0 !read_ok"})
	if v.Source != "@ = count() @ one.pt:2" {
		t.Errorf("source %q", v.Source)
	}
}

// TestHostile: neither the length of a log nor that of a line counts.
func TestHostile(t *testing.T) {
	word := strings.Repeat("a", 5000)
	log := slices.Repeat([]string{strings.Repeat("R ", 2000)}, 200_000)
	log = append(log, "R1 type="+word+" expected="+word, strings.Repeat("9", 5000)+": (95) exit", "R999999999999999999999999 !read_ok")
	if v := Read(log); len(v.Means) > 4*mostBytes || len(v.Words) > mostLines {
		t.Errorf("%d bytes, %d lines", len(v.Means), len(v.Words))
	}
}

// FuzzRead: whatever a log holds, it is read.
func FuzzRead(f *testing.F) {
	f.Add("5: (85) call bpf_map_lookup_elem#1\n R0_w=inv1\nR1 type=inv expected=map_ptr\nReason:\n  x\nAt:\n  y")
	f.Fuzz(func(t *testing.T, log string) {
		v := Read(strings.Split(log, "\n"))
		if v.Known() != (v.Line != "") || v.Instruction < -1 {
			t.Errorf("%+v", v)
		}
	})
}

// TestRules: each rule explains the lines that its patterns describe, with all that its
// sentences refer to, and no earlier rule takes them away.
func TestRules(t *testing.T) {
	hole := regexp.MustCompile(`\{\w+\}`)
	for _, r := range rules() {
		if r.means == "" || r.remedy == "" {
			t.Errorf("%v is not explained", r.patterns)
		}
		for _, pattern := range r.patterns {
			line := pattern.example()
			v := Read([]string{line})
			if hole.MatchString(v.Means + v.Remedy) {
				t.Errorf("%q: %q has holes", line, v.Means+v.Remedy)
			}
			if want, _, _ := strings.Cut(r.means, "{"); !strings.HasPrefix(v.Means, want) {
				t.Errorf("%q is explained by another rule: %q", line, v.Means)
			}
		}
	}
	if len(rules()) < 80 {
		t.Errorf("%d rules", len(rules()))
	}
}

// example is a line that the pattern describes.
func (p *pattern) example() string {
	line := p.start
	for _, h := range p.holes {
		if h.number {
			line += "7" + h.after
		} else {
			line += "thing" + h.after
		}
	}
	return line
}
