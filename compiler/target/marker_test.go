package target

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// written writes an argument as C would, with the registers as pt_regs has them.
func written(arch string, a MarkerArgument) string {
	if a.Unreadable != "" {
		return a.Unreadable
	}
	sign := "u"
	if a.Signed {
		sign = "s"
	}
	sum := fmt.Sprint(a.Offset)
	switch {
	case a.Low && a.Symbol != "":
		sum += " + low &" + a.Symbol
	case a.Symbol != "":
		sum += " + &" + a.Symbol
	}
	if a.FromPlace {
		sum += " + place"
	}
	if a.Base != nil {
		sum += " + " + writtenRegister(arch, *a.Base)
	}
	if a.Index != nil {
		sum += fmt.Sprintf(" + %d*%s", a.Scale, writtenRegister(arch, *a.Index))
	}
	if a.InMemory {
		sum = "*(" + sum + ")"
	}
	return fmt.Sprintf("%s%d %s", sign, 8*a.Size, sum)
}

func writtenRegister(arch string, r MarkerRegister) string {
	name := "?"
	for known, at := range registers[arch].Named {
		if at == r.At {
			name = known
		}
	}
	if r.Shift > 0 {
		name += fmt.Sprintf(">>%d", r.Shift)
	}
	if r.Size < wordSize {
		name += fmt.Sprintf(":%d", r.Size)
	}
	if r.Signed {
		name += "s"
	}
	return name
}

func TestMarkerArguments(t *testing.T) {
	const (
		float   = "is a floating-point number, which scripts cannot compute with"
		vector  = "is in the register %s, which the kernel does not hand to probes"
		thread  = "is in memory that each thread has for itself, where a probe does not find it"
		unknown = "is described in a way that is not known: %s"
	)
	for _, test := range []struct{ arch, text, want string }{
		{"x86_64", "8@%rdi", "u64 0 + di"},
		{"x86_64", "-4@%eax", "s32 0 + ax:4"},
		{"x86_64", "4@%rax", "u32 0 + ax"},
		{"x86_64", "2@%bx", "u16 0 + bx:2"},
		{"x86_64", "-1@%cl", "s8 0 + cx:1"},
		{"x86_64", "1@%ah", "u8 0 + ax>>8:1"},
		{"x86_64", "1@%bh", "u8 0 + bx>>8:1"},
		{"x86_64", "1@%dil", "u8 0 + di:1"},
		{"x86_64", "1@%sil", "u8 0 + si:1"},
		{"x86_64", "1@%bpl", "u8 0 + bp:1"},
		{"x86_64", "1@%spl", "u8 0 + sp:1"},
		{"x86_64", "2@%si", "u16 0 + si:2"},
		{"x86_64", "8@%r8", "u64 0 + r8"},
		{"x86_64", "4@%r9d", "u32 0 + r9:4"},
		{"x86_64", "-2@%r10w", "s16 0 + r10:2"},
		{"x86_64", "1@%r15b", "u8 0 + r15:1"},
		{"x86_64", "1@%r15l", "u8 0 + r15:1"},
		{"x86_64", "8@$16", "u64 16"},
		{"x86_64", "-4@$-1", "s32 -1"},
		{"x86_64", "4@$0x10", "u32 16"},
		{"x86_64", "8@$18446744073709551615", "u64 -1"},
		{"x86_64", "8@$table+8", "u64 8 + &table"},
		{"x86_64", "8@(%rsi)", "u64 *(0 + si)"},
		{"x86_64", "-4@-24(%rbp)", "s32 *(-24 + bp)"},
		{"x86_64", "4@0x18(%rsp)", "u32 *(24 + sp)"},
		{"x86_64", "4@8+16(%rsp)", "u32 *(24 + sp)"},
		{"x86_64", "8@(%rax,%rcx)", "u64 *(0 + ax + 1*cx)"},
		{"x86_64", "8@3(%rax,%rcx,8)", "u64 *(3 + ax + 8*cx)"},
		{"x86_64", "8@(%rax, %rcx, 8)", "u64 *(0 + ax + 8*cx)"},
		{"x86_64", "8@16(,%rcx,4)", "u64 *(16 + 4*cx)"},
		{"x86_64", "4@(%ecx)", "u32 *(0 + cx:4)"},
		{"x86_64", "4@limit(%rip)", "u32 *(0 + &limit)"},
		{"x86_64", "4@40+main_arena(%rip)", "u32 *(40 + &main_arena)"},
		{"x86_64", "4@main_arena+40(%rip)", "u32 *(40 + &main_arena)"},
		{"x86_64", "4@-8+main_arena.0(%rip)", "u32 *(-8 + &main_arena.0)"},
		{"x86_64", "4@limit", "u32 *(0 + &limit)"},
		{"x86_64", "4@table(,%rcx,4)", "u32 *(0 + &table + 4*cx)"},
		{"x86_64", "4@6295624", "u32 *(6295624)"},
		{"x86_64", "%rdi", "u64 0 + di"},
		{"x86_64", "8f@%xmm0", float},
		{"x86_64", "-4f@-8(%rbp)", float},
		{"x86_64", "8@%xmm15", fmt.Sprintf(vector, "%xmm15")},
		{"x86_64", "32@%ymm1", fmt.Sprintf(vector, "%ymm1")},
		{"x86_64", "8@%st(1)", fmt.Sprintf(vector, "%st(1)")},
		{"x86_64", "16@-32(%rbp)", "has 16 bytes, and scripts compute with 1, 2, 4 or 8"},
		{"x86_64", "0@%rax", "has 0 bytes, and scripts compute with 1, 2, 4 or 8"},
		{"x86_64", "8@%fs:0x28", thread},
		{"x86_64", "8@%fs:tid@tpoff", thread},
		{"x86_64", "8@%gs:(%rax)", thread},
		{"x86_64", "8@tid@TPOFF(%rax)", thread},
		{"x86_64", "8@limit@GOTPCREL(%rip)", fmt.Sprintf(unknown, "8@limit@GOTPCREL(%rip)")},
		{"x86_64", "8@8(%rip)", fmt.Sprintf(unknown, "8@8(%rip)")},
		{"x86_64", "8@%rzx", fmt.Sprintf(unknown, "8@%rzx")},
		{"x86_64", "8@%r16", fmt.Sprintf(unknown, "8@%r16")},
		{"x86_64", "8@(%rax,%rcx,0)", fmt.Sprintf(unknown, "8@(%rax,%rcx,0)")},
		{"x86_64", "8@(%rax", fmt.Sprintf(unknown, "8@(%rax")},
		{"x86_64", "8@a+b(%rip)", fmt.Sprintf(unknown, "8@a+b(%rip)")},
		{"x86_64", "8@-a(%rip)", fmt.Sprintf(unknown, "8@-a(%rip)")},
		{"x86_64", "8@--1(%rax)", fmt.Sprintf(unknown, "8@--1(%rax)")},
		{"x86_64", "8@", fmt.Sprintf(unknown, "8@")},
		{"x86_64", "x@%rax", fmt.Sprintf(unknown, "x@%rax")},
		{"x86_64", "8@\x1b[2J", fmt.Sprintf(unknown, "8@␛[2J")},
		{"arm64", "8@x0", "u64 0 + r0"},
		{"arm64", "-4@w19", "s32 0 + r19:4"},
		{"arm64", "-4@x30", "s32 0 + r30"},
		{"arm64", "8@fp", "u64 0 + r29"},
		{"arm64", "8@sp", "u64 0 + sp"},
		{"arm64", "8@xzr", "u64 0"},
		{"arm64", "4@wzr", "u32 0"},
		{"arm64", "8@16", "u64 16"},
		{"arm64", "-4@-1", "s32 -1"},
		{"arm64", "-4@#5", "s32 5"},
		{"arm64", "8@[x1]", "u64 *(0 + r1)"},
		{"arm64", "8@[sp]", "u64 *(0 + sp)"},
		{"arm64", "8@[sp, 24]", "u64 *(24 + sp)"},
		{"arm64", "8@[sp,#24]", "u64 *(24 + sp)"},
		{"arm64", "-4@[x29, -20]", "s32 *(-20 + r29)"},
		{"arm64", "8@[x0, x1]", "u64 *(0 + r0 + 1*r1)"},
		{"arm64", "8@[x0, x1, lsl 3]", "u64 *(0 + r0 + 8*r1)"},
		{"arm64", "8@[x0, w1, sxtw #2]", "u64 *(0 + r0 + 4*r1:4s)"},
		{"arm64", "8@[x0, w1, uxtw]", "u64 *(0 + r0 + 1*r1:4)"},
		{"arm64", "8f@d0", float},
		{"arm64", "16@q1", fmt.Sprintf(vector, "q1")},
		{"arm64", "8@x31", fmt.Sprintf(unknown, "8@x31")},
		{"arm64", "8@[x0, x1, lsl]", fmt.Sprintf(unknown, "8@[x0, x1, lsl]")},
		{"arm64", "8@[x0, x1, ror 3]", fmt.Sprintf(unknown, "8@[x0, x1, ror 3]")},
		{"arm64", "8@[x0, :lo12:limit]", "u64 *(0 + low &limit + r0)"},
		{"arm64", "8@[x0, #:lo12:limit+8]", "u64 *(8 + low &limit + r0)"},
		{"arm64", "8@[x0, :lo12:16]", fmt.Sprintf(unknown, "8@[x0, :lo12:16]")},
		{"arm64", "8@[x0, limit]", fmt.Sprintf(unknown, "8@[x0, limit]")},
		{"arm64", "8@[x0", fmt.Sprintf(unknown, "8@[x0")},
	} {
		list := MarkerArguments(test.arch, test.text)
		if len(list) != 1 {
			t.Errorf("%s: %q are %d arguments", test.arch, test.text, len(list))
			continue
		}
		if got := written(test.arch, list[0]); got != test.want {
			t.Errorf("%s: %s is %q, want %q", test.arch, test.text, got, test.want)
		}
	}
}

func TestMarkerSymbolsAreFound(t *testing.T) {
	variables := func(name string) ([]uint64, error) {
		switch name {
		case "one":
			return []uint64{0x4010}, nil
		case "two":
			return []uint64{0x4010, 0x4020}, nil
		case "slow":
			return nil, errors.New("the file is too large")
		}
		return nil, nil
	}
	const unknown = "is at the variable none, of which the program does not tell where it is: " +
		"its debug symbols would"
	for _, test := range []struct{ text, want string }{
		{"8@%rdi", "u64 0 + di"},
		{"4@8+one(%rip)", "u32 *(12312 + place)"},
		{"4@one(,%rcx,4)", "u32 *(12304 + place + 4*cx)"},
		{"8@$one", "u64 12304 + place"},
		{"4@none(%rip)", unknown},
		{"4@two(%rip)", "is at the variable two, and the program has 2 of that name"},
		{"4@slow(%rip)", "is at the variable slow, which cannot be looked up: the file is too large"},
		{"8f@one(%rip)", "is a floating-point number, which scripts cannot compute with"},
	} {
		a := MarkerArguments("x86_64", test.text)[0].Found(0x1000, variables)
		if got := written("x86_64", a); got != test.want {
			t.Errorf("%s is %q, want %q", test.text, got, test.want)
		}
	}
	low := MarkerArguments("arm64", "8@[x0, :lo12:one+4]")[0].Found(0x1000, variables)
	if got := written("arm64", low); got != "u64 *(20 + r0)" {
		t.Errorf("the lower bits are %q", got)
	}
}

func TestMarkerArgumentsAreSplit(t *testing.T) {
	for _, test := range []struct {
		arch, text string
		want       []string
	}{
		{"x86_64", "", nil},
		{"x86_64", "  ", nil},
		{"x86_64", "8@%rax -4@$5\t4@8(%rbp)", []string{"8@%rax", "-4@$5", "4@8(%rbp)"}},
		{"x86_64", " 8@(%rax, %rcx, 8) 8@%rdi ", []string{"8@(%rax, %rcx, 8)", "8@%rdi"}},
		{"arm64", "8@[sp, 24] 8@x0 4@[x0, x1, lsl 2]", []string{"8@[sp, 24]", "8@x0", "4@[x0, x1, lsl 2]"}},
		{"arm64", "8@[sp 8@x0", []string{"8@[sp 8@x0"}},
	} {
		var got []string
		for _, a := range MarkerArguments(test.arch, test.text) {
			got = append(got, a.Text)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q is %q, want %q", test.arch, test.text, got, test.want)
		}
	}
}

// markerCorpus are the arguments of all notes of programs that Debian distributes, each
// form once: a line has the architecture and an argument.
func markerCorpus(t testing.TB) (lines [][2]string) {
	text, err := os.ReadFile("testdata/markers.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if arch, argument, found := strings.Cut(strings.TrimSpace(line), " "); found && arch != "#" {
			lines = append(lines, [2]string{arch, argument})
		}
	}
	return lines
}

func TestMarkerCorpus(t *testing.T) {
	corpus := markerCorpus(t)
	if len(corpus) < 100 {
		t.Fatalf("the corpus has %d arguments", len(corpus))
	}
	for _, line := range corpus {
		if list := MarkerArguments(line[0], line[1]); len(list) != 1 || list[0].Unreadable != "" {
			t.Errorf("%s: %q is %+v", line[0], line[1], list)
		}
	}
}

func FuzzMarkerArguments(f *testing.F) {
	for _, line := range markerCorpus(f) {
		f.Add(line[1] + " " + line[1])
	}
	for _, seed := range []string{"8f@%xmm0", "8@[x0, w1, sxtw 2]", "1@%ah 8@((((", "8@]])) 4@$1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, arch := range []string{"x86_64", "arm64"} {
			size := 0
			for _, a := range MarkerArguments(arch, text) {
				size += len(a.Text)
				if a.Unreadable != "" {
					continue
				}
				sized := slices.Contains([]int{1, 2, 4, 8}, a.Size)
				if !sized || a.Text == "" || a.Symbol != "" && !symbolic(a.Symbol) {
					t.Errorf("%q: %+v", text, a)
				}
				for _, r := range []*MarkerRegister{a.Base, a.Index} {
					if r != nil && (r.Size == 0 || r.At < 0 || r.At%8 != 0 || r.At > 256) {
						t.Errorf("%q: %+v has the register %+v", text, a, *r)
					}
				}
				again := MarkerArguments(arch, a.Text)
				if len(again) != 1 || written(arch, again[0]) != written(arch, a) {
					t.Errorf("%q is not what %q is by itself", text, a.Text)
				}
			}
			if size > len(text) {
				t.Errorf("%q: more text than there was", text)
			}
		}
	})
}
