package verifierlog

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/rogpeppe/go-internal/txtar"
)

// scripts are those whose logs testdata has, from 5.10, 6.1, 6.12 and 7.x, as the first
// file name part tells.
//
//	count:  kprobe:vfs_read { @[comm] = count() }
//	printf: kprobe:vfs_read { printf("%d %s\n", pid, comm) }
//	return: the second program of kprobe:vfs_read { @s[tid] = nsecs }
//	        kretprobe:vfs_read /@s[tid]/ { @ = max(nsecs - @s[tid]); delete(@s[tid]) }
//	loop:   kprobe:vfs_read { for ($i : 0..arg2) { @[$i] = $i } }, through bpf_loop
var scripts = map[string]Program{
	"count": {
		Maps:  []Map{{Name: "at_", Called: "@", KeySize: 16, ValueSize: 8}, dataMap(80)},
		Loads: map[int]string{},
	},
	"printf": {Maps: []Map{{Name: "events", Called: "events"}, dataMap(64)}},
	"return": {
		Maps: []Map{
			{Name: "at_s", Called: "@s", KeySize: 8, ValueSize: 8}, dataMap(80),
			{
				Name: "percpu", Called: "percpu", KeySize: 4, ValueSize: 128, Stride: 64,
				Parts: []Part{{Offset: 0, Size: 16, Called: "value of @"}},
			},
		},
	},
	"loop": {Maps: []Map{{Name: "at_", Called: "@", KeySize: 8, ValueSize: 8}, dataMap(80)}},
}

func dataMap(size int) Map {
	return Map{Name: "data", Called: "data", KeySize: 4, ValueSize: size}
}

// TestLogs: what the four kernels write of the same programs becomes the same words, but
// for what one knows better.
func TestLogs(t *testing.T) {
	paths := testkit.Glob(t, "testdata/*.txtar")
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, _, _ := strings.Cut(filepath.Base(path), "_")
			log := Parse(string(archive.Files[0].Data), scripts[name])
			archive.Files = append(archive.Files[:1], txtar.File{Name: "known", Data: []byte(words(log))})
			testkit.Golden(t, path, txtar.Format(archive))
		})
	}
}

func words(log *Log) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%+v\n", log.Total)
	fmt.Fprintf(&out, "     %s\n", list(log.Start, ""))
	for _, at := range log.Instructions {
		facts := list(at.Known, "")
		facts = append(facts, list(at.Taken, "if it jumps ")...)
		if at.Branch != NoBranch {
			facts = append(facts, branches[at.Branch])
		}
		if at.Visits > 1 {
			facts = append(facts, fmt.Sprintf("%d visits %s", at.Visits, at.Varies))
		}
		fmt.Fprintf(&out, "%4d %s\n", at.Number, strings.Join(facts, "; "))
	}
	return out.String()
}

var branches = [...]string{Both: "both ways", Never: "never jumps", Always: "always jumps"}

func list(facts []Fact, before string) (texts []string) {
	for _, fact := range facts {
		texts = append(texts, before+fact.Place+": "+fact.Text)
	}
	return texts
}

// TestValues: each kind of value has its words.
func TestValues(t *testing.T) {
	for text, want := range map[string]string{
		"inv(id=0)": "any number", "scalar()": "any number", "scalar(id=4)": "any number",
		"invP16": "16", "16": "16", "P65": "65", "inv-5": "-5", "0xffffffff": "2^32-1", "0x10000": "2^16",
		"inv4294967296":                        "2^32",
		"inv(id=0,umax_value=63)":              "number 0..63",
		"Pscalar(umax=63,var_off=(0x0; 0x3f))": "number 0..63",
		"scalar(smin=umin=smin32=umin32=1,smax=umax=smax32=umax32=3,var_off=(0x0; 0x3))":   "number 1..3",
		"scalar(smin=smin32=0,smax=umax=smax32=umax32=1,var_off=(0x0; 0x1))":               "0 or 1",
		"inv(id=0,umax_value=1024,var_off=(0x0; 0x400))":                                   "0 or 1024",
		"scalar(umax=248,var_off=(0x0; 0xf8))":                                             "number 0..248, a multiple of 8",
		"inv(id=0,smin_value=-4095,smax_value=256)":                                        "number -4095..256",
		"scalar(smin=-4095,smax=-1)":                                                       "number -4095..-1",
		"scalar(smax=0)":                                                                   "number 0 or less",
		"scalar(umin=1)":                                                                   "number 1 or more",
		"scalar(umin=0x8000000000000000,var_off=(0x8000000000000000; 0x7fffffffffffffff))": "negative number",
		"scalar(umin32=2,umax32=9)":                                                        "number whose lower 32 bits are 2..9",
		"fp0":                                                                              "address of the end of the stack",
		"fp-16":                                                                            "address of stack -16",
		"fp[0]-16":                                                                         "address of the caller's stack -16",
		"fp(off=-64,smin=0,smax=umax=56,var_off=(0x0; 0x38))":                              "address of the stack, byte -64..-8",
		"ctx()": "the context", "ctx(id=0,off=8,imm=0)": "the context +8",
		"map_ptr(id=0,off=0,ks=16,vs=8,imm=0)":          "a map",
		"map_value_or_null(id=1,off=0,ks=4,vs=8,imm=0)": "value of a map, or null",
		"map_value(map=at_,ks=16,vs=528,off=520)":       "value of a map, byte 520 of 528",
		"ptr_task_struct(id=0,off=0,imm=0)":             "pointer to task_struct",
		"trusted_ptr_or_null_file(off=8)":               "pointer to file +8, or null",
		"untrusted_ptr_dentry()":                        "pointer to dentry, unchecked",
		"ringbuf_mem_or_null(id=2,ref_obj_id=2,sz=24)":  "record in the ring buffer of 24 bytes, or null",
		"mem(id=0,ref_obj_id=2,off=12,imm=0)":           "record in the ring buffer, byte 12",
		"rdonly_mem(sz=16)":                             "memory of 16 bytes",
		"func()":                                        "address of a function",
		"dynptr_ringbuf()\x1b[31m":                      `dynptr_ringbuf`,
		"\x1b[31m":                                      `␛[31m`,
	} {
		b := binding{value: newValue(text, false)}
		if got := b.words(); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestSlots: bytes of the stack of which the same is known are one fact, and what was
// known before is none.
func TestSlots(t *testing.T) {
	w := newWalker(Program{})
	for _, test := range []struct{ before, after, want string }{
		{"", "fp-8=mmmmmmmm fp-16=mmmmmmmm", "stack -16..-1: written"},
		{"fp-8=mmmm????", "fp-8=mmmmmmmm", "stack -8..-5: written"},
		{"", "fp-8=mmmm0000", "stack -4..-1: written; stack -8..-5: 0"},
		{"", "fp-8=????77", "stack -8..-5: 77"},
		{"", "fp-8=mmmmmm77", "stack -6..-1: written; stack -8..-7: 77"},
		{"", "fp-8=5 fp-16=5", "stack -8..-1: 5; stack -16..-9: 5"},
		{"fp-8=5", "fp-8=mmmmmmmm", ""},
		{"fp-8=5", "fp-8=scalar(umax=3)", "stack -8..-1: number 0..3"},
	} {
		before, after := w.bindings(test.before, nil, ""), w.bindings(test.after, nil, "")
		if got := strings.Join(list(w.difference(before, after, ""), ""), "; "); got != test.want {
			t.Errorf("%q after %q: got %q, want %q", test.after, test.before, got, test.want)
		}
	}
}

// TestSameMaps: of maps that are alike, an address is that of the map that it was loaded
// from, also through a copy, the stack and a lookup.
func TestSameMaps(t *testing.T) {
	log := Parse(`0: R1=ctx(id=0,off=0,imm=0) R10=fp0
0: (18) r1 = 0xffff888004334000
2: R1_w=map_ptr(id=0,off=0,ks=8,vs=8,imm=0) R10=fp0
2: (bf) r6 = r1
3: R1_w=map_ptr(id=0,off=0,ks=8,vs=8,imm=0) R6_w=map_ptr(id=0,off=0,ks=8,vs=8,imm=0) R10=fp0
3: (18) r1 = 0xffff888004335000
5: R1_w=map_ptr(id=0,off=0,ks=8,vs=8,imm=0) R6_w=map_ptr(id=0,off=0,ks=8,vs=8,imm=0) R10=fp0
5: (7b) *(u64 *)(r10 -8) = r1
6: R1_w=map_ptr(id=0,off=0,ks=8,vs=8,imm=0) R6_w=map_ptr(id=0,off=0,ks=8,vs=8,imm=0) R10=fp0 fp-8_w=map_ptr
6: (79) r1 = *(u64 *)(r10 -8)
7: R1_w=map_ptr(id=0,off=0,ks=8,vs=8,imm=0) R6_w=map_ptr(id=0,off=0,ks=8,vs=8,imm=0) R10=fp0 fp-8_w=map_ptr
7: (85) call bpf_map_lookup_elem#1
8: R0_w=map_value_or_null(id=1,off=0,ks=8,vs=8,imm=0) R6_w=map_ptr(id=0,off=0,ks=8,vs=8,imm=0) R10=fp0 fp-8_w=map_ptr
8: (95) exit
`, Program{
		Maps: []Map{
			{Name: "at_a", Called: "@a", KeySize: 8, ValueSize: 8},
			{Name: "at_b", Called: "@b", KeySize: 8, ValueSize: 8},
		},
		Loads: map[int]string{0: "at_a", 3: "at_b"},
	})
	for number, want := range map[int]string{
		0: "r1: map @a", 2: "r6: map @a", 3: "r1: map @b", 6: "r1: map @b", 7: "r0: value of map @b, or null",
	} {
		if got := list(log.At(number).Known, ""); len(got) == 0 || got[0] != want {
			t.Errorf("instruction %d: got %q, want %q", number, got, want)
		}
	}
}

// TestCalls: what a function of the program returns belongs to the call.
func TestCalls(t *testing.T) {
	log := Parse(`0: R1=ctx() R10=fp0
0: (85) call pc+1
caller:
 R10=fp0
callee:
 frame1: R1=ctx() R10=fp0
2: (b7) r0 = 7                        ; frame1: R0_w=7
3: (95) exit
returning from callee:
 frame1: R0_w=7 R1=ctx() R10=fp0
to caller at 1:
 R0_w=7 R10=fp0
1: (95) exit
processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`, Program{})
	for number, want := range map[int]string{0: "r0: 7", 2: "r0: 7"} {
		if got := list(log.At(number).Known, ""); !slices.Equal(got, []string{want}) {
			t.Errorf("instruction %d: got %q, want %q", number, got, want)
		}
	}
	if log.Total.Visited != 4 {
		t.Errorf("got %v", log.Total)
	}
}

// FuzzParse: no text makes the parser fail, and what it tells harms no terminal.
func FuzzParse(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		log := Parse(text, scripts["return"])
		for _, at := range log.Instructions {
			if at.Number < 0 || at.Number >= maxInstructions || at.Visits < 1 {
				t.Errorf("got instruction %d with %d visits", at.Number, at.Visits)
			}
			for _, fact := range slices.Concat(at.Known, at.Taken) {
				if diag.Printable(fact.Place+fact.Text) != fact.Place+fact.Text {
					t.Errorf("got the words %q", fact.Text)
				}
			}
		}
	})
}

// TestReleased: a record that was submitted is no longer readable by any register, and a
// jump tells nothing of what it does not test.
func TestReleased(t *testing.T) {
	for _, record := range []string{"ringbuf_mem(ref_obj_id=2,sz=8)", "ringbuf_mem(id=2,sz=8)"} {
		log := Parse(strings.ReplaceAll(`0: R1=RECORD R7=scalar() R8=RECORD R10=fp0
0: (b7) r2 = 0                        ; R2=0
1: (85) call bpf_ringbuf_submit#132
2: (15) if r7 == 0x0 goto pc+1        ; R7=scalar(umin=1)
3: (b7) r0 = 0                        ; R0=0
4: (95) exit

from 2 to 4: R6=scalar() R7=0 R10=fp0
`, "RECORD", record), Program{})
		for number, want := range map[int]string{
			1: "r1..r2: no longer readable; r8: no longer readable",
			2: "r7: number 1 or more; r7: 0",
		} {
			at := log.At(number)
			got := strings.Join(list(slices.Concat(at.Known, at.Taken), ""), "; ")
			if got != want {
				t.Errorf("%s, instruction %d: got %q, want %q", record, number, got, want)
			}
		}
	}
}
