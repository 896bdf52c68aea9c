//go:build guest

package guest

import (
	"strings"
	"testing"
)

// scriptOn is a script with a program in the place of PROGRAM.
func scriptOn(program, script string) string {
	return strings.ReplaceAll(script, "PROGRAM", program)
}

// What functions of C get and return, by name and with the types of the source.
func TestUserArguments(t *testing.T) {
	for _, name := range []string{"c", "c-O0", "c-dwarf4", "c-units", "c-static"} {
		t.Run(name, func(t *testing.T) {
			program := "/programs/" + name
			out := MustRun(t, "ponytrace", "-q", "-e", scriptOn(program, `
uprobe:PROGRAM:add { @add[args.a, args.b] = count(); @byNumber[arg0, arg1] = count() }
uprobe:PROGRAM:eight { @eight[args] = count() }
uprobe:PROGRAM:greet { @greet[str(args.name)] = count() }
uprobe:PROGRAM:mixed { @mixed[args.a, args.b] = count() }
uprobe:PROGRAM:sum { @sum[args.p.first, args.p.second] = count() }
uprobe:PROGRAM:big {
	@big[args.b.name, str(args.b.title), args.b.inner.low, args.b.inner.high, args.b.inner.numbers[0]] = count();
	@more[args.b.colour, args.b.pair->second, args.b.next->word, args.b.bytes[3], args.i] = count();
	@cast[((struct block *)args.b.next)->inner.high] = count();
	@at[tid] = (uint64)args.b.next + offsetof(struct block, pair);
	@chain[*(int64 *)(*(uint64 *)@at[tid] + 8), (int64)((uint64 **)@at[tid])[0][1]] = count();
	delete(@at, tid);
}
uprobe:PROGRAM:local { @local[args.n] = count() }
uretprobe:PROGRAM:sum { @sums[retval.first, retval.second] = count() }
uretprobe:PROGRAM:big { @bigger[retval.name, retval.large[7]] = count() }`), "-c", program+" 2")
			// Before 6.0, a text that the program itself has not touched is not in memory.
			got := withoutLoad(out).Stdout
			if !AtLeast(t, 6, 0) {
				got = strings.Replace(got, "@greet[]: 1\n@greet[round]: 1\n", "@greet[round]: 2\n", 1)
			}
			equal(t, "arguments", got, `
2 rounds in each of 1 threads
@add[0, 2]: 1
@add[1, 2]: 1
@big[block, a title, 5, 17, -1]: 2
@bigger[block, 0]: 1
@bigger[block, 1]: 1
@byNumber[0, 2]: 1
@byNumber[1, 2]: 1
@cast[17]: 2
@chain[-1, -1]: 1
@chain[0, 0]: 1
@eight[{ .a = 1, .b = 2, .c = 3, .d = 4, .e = 5, .f = 6, .g = -7, .h = 8 }]: 2
@greet[round]: 2
@local[0]: 1
@local[1]: 1
@mixed[0, 1]: 1
@mixed[1, 2]: 1
@more[BLUE, -1, 16909060, 1, 1]: 1
@more[BLUE, 0, 16909060, 1, 0]: 1
@sum[0, 0]: 1
@sum[1, -1]: 1
@sums[0, 0]: 1
@sums[0, 2]: 1
`)
		})
	}
}

// Members of classes and of their bases, references, and strings of C++.
func TestUserArgumentsOfCpp(t *testing.T) {
	for _, name := range []string{"cpp", "cpp-O0"} {
		t.Run(name, func(t *testing.T) {
			program := "/programs/" + name
			out := MustRun(t, "ponytrace", "-q", "-e", scriptOn(program, `
uprobe:PROGRAM:"shop::Counter::get" {
	@get[args.i, args.this->value, args.this->low, args.this->high, args.this->id, str(args.this->name), args.this->state] = count()
}
uretprobe:PROGRAM:"shop::Counter::get" { @got[retval] = count() }
uprobe:PROGRAM:"shop::read" { @read[args.c->value] = count() }
uprobe:PROGRAM:"shop::text" { @text[str(args.s)] = count() }`), "-c", program+" 2")
			equal(t, "arguments", withoutLoad(out).Stdout, `
2 rounds
@get[0, 42, -1, 100, 7, counter, Busy]: 1
@get[1, 42, -1, 100, 7, counter, Busy]: 1
@got[42]: 1
@got[43]: 1
@read[42]: 2
@text[round]: 2
`)
		})
	}
}

// Strings, enumerations and structs of Rust.
func TestUserArgumentsOfRust(t *testing.T) {
	const program = "/programs/rust-O0"
	out := MustRun(t, "ponytrace", "-q", "-e", scriptOn(program, `
uprobe:PROGRAM:"target::shop::greet" { @greet[str(args.name)] = count() }
uprobe:PROGRAM:"target::shop::Counter::get" { @get[args.i, args.self->id, args.self->value, str(args.self->name)] = count() }
uprobe:PROGRAM:"target::shop::area" { @area[args.shape->discriminant, args.shape->Square.__0] = count() }
uretprobe:PROGRAM:"target::shop::add" { @add[retval] = count() }`), "-c", program+" 2")
	equal(t, "arguments", withoutLoad(out).Stdout, `
2 rounds
@add[2]: 1
@add[3]: 1
@area[0, 0]: 2
@area[1, 3]: 2
@area[2, 2]: 2
@get[0, 7, 42, counter]: 1
@get[1, 7, 42, counter]: 1
@greet[round]: 2
`)
}
