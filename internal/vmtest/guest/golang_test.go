//go:build guest

package guest

import (
	"runtime"
	"strings"
	"testing"
)

// Functions of Go are counted exactly while stacks grow, goroutines end and panics are
// recovered, and the program outlives the probes at its returns. The program without
// optimizations is for every other kernel.
func TestGo(t *testing.T) {
	script := `
		uprobe:P:main.deep, uprobe:P:"main.(*Counter).Get", uprobe:P:main.show { @entry[func] = count(); }
		uretprobe:P:main.deep, uretprobe:P:"main.(*Counter).Get", uretprobe:P:main.show, uretprobe:P:main.divide {
			@left[func] = count();
		}
		uprobe:P:main.add { @sum = sum(arg0 + arg1); }
		uretprobe:P:main.add { @added = sum(retval); }
		uprobe:P:main.greet { if (@start[goid] == 0) { @numbers++; } @start[goid] = 1; }
		uretprobe:P:main.greet { @same[@start[goid]] = count(); }
		END { clear(@start); clear(@int); }`
	untyped := `
		uprobe:P:main.total { @words[arg1, arg2] = count(); }
		uprobe:P:main.show { if (@int == 0) { @int = arg0; } @ints[gotype(arg0)] = sum(arg0 == @int); }`
	typed := `
		uprobe:P:main.show {
			$type = (uint64)args.value._type;
			if (@int == 0) { @int = $type; }
			@ints[gotype(args.value)] = sum($type == @int);
		}
		uprobe:P:main.total { @words[args.list.len, args.list.cap] = count(); }
		uprobe:P:"main.(*Counter).Get" { @counter[args.c->Value, args.i == 7] = count(); }`
	variants := []string{"go", "go-stripped", "go-pie", "go-cgo", "go-O0"}
	switch {
	case runtime.GOARCH == "arm64":
		variants = variants[:1]
	case half(t) == 1:
		variants = variants[:4]
	}
	for _, variant := range variants {
		text, counters := script+untyped, ""
		if variant != "go-stripped" {
			text = script + typed
			counters = "@counter[42, true]: 2\n@counter[42, false]: 38\n"
		}
		program := "/programs/" + variant
		out := MustRun(t, "ponytrace", "-e", strings.ReplaceAll(text, "P", program), "-c", program+" 20")
		if !strings.HasPrefix(out.Stdout, "20 rounds in each of 2 goroutines\n") {
			t.Errorf("%s did not end well\n%s%s", variant, out.Stdout, out.Stderr)
		}
		equal(t, variant, afterRounds(out), `
@added: 460
`+counters+`@entry[main.(*Counter).Get]: 40
@entry[main.show]: 80
@entry[main.deep]: 12040
@ints[string]: 0
@ints[int]: 40
@left[main.(*Counter).Get]: 40
@left[main.divide]: 40
@left[main.show]: 80
@left[main.deep]: 12040
@numbers: 2
@same[1]: 40
@sum: 460
@words[3, 3]: 40
`)
	}
}

// afterRounds is what the script has printed, behind what the program has.
func afterRounds(out Output) string {
	_, text, _ := strings.Cut(out.Stdout, "2 goroutines\n")
	return strings.TrimLeft(text, "\n")
}
