package compiler_test

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// hostileSize is the length of a hostile script in the golden.
const hostileSize = 80_000

// TestHostile compiles the scripts of testdata/hostile.txt, and holds their messages and
// that the memory allocated, which stands for the work, grows with the script and no
// faster: twice as much for a script of twice the length, up to a megabyte in a soak.
func TestHostile(t *testing.T) {
	testkit.Long(t)
	longest := testkit.Choose(0, 2*hostileSize, 16*hostileSize)
	testkit.Lines(t, "testdata/hostile.txt", func(t *testing.T, pattern string) string {
		said, work := refusal(hostile(pattern, hostileSize))
		for size := 2 * hostileSize; size <= longest; size *= 2 {
			_, more := refusal(hostile(pattern, size))
			if more > 3*work+fixedWork {
				t.Errorf("%d bytes allocated %d KB, and half of that %d KB", size, more>>10, work>>10)
			}
			work = more
		}
		return said
	})
}

// fixedWork is what compiling takes whatever the script, with tables that double when
// they are full.
const fixedWork = 4 << 20

var repeated = regexp.MustCompile(`«(?:(\d+)×)?([^»]*)»`)

// hostile writes out a pattern of testdata/hostile.txt.
func hostile(pattern string, size int) string {
	unit := 0
	for _, part := range repeated.FindAllStringSubmatch(pattern, -1) {
		if part[1] == "" {
			unit += len(part[2])
		}
	}
	script := repeated.ReplaceAllStringFunc(pattern, func(text string) string {
		part := repeated.FindStringSubmatch(text)
		times, err := strconv.Atoi(part[1])
		if err != nil {
			times = size / unit
		}
		return numbered(part[2], times)
	})
	return strings.NewReplacer("⏎", "\n", `\x00`, "\x00").Replace(script)
}

// numbered repeats a text with the numbers of its repetitions.
func numbered(text string, times int) string {
	if !strings.Contains(text, "{i") {
		return strings.Repeat(text, times)
	}
	var b strings.Builder
	for i := range times {
		b.WriteString(strings.NewReplacer("{i}", strconv.Itoa(i), "{i+1}", strconv.Itoa(i+1)).Replace(text))
	}
	return b.String()
}

// refusal is what a script is refused with, and how many bytes compiling it has
// allocated.
func refusal(script string) (said string, work uint64) {
	before := allocated()
	_, err := compileText(script, frozen.Target("6.12"), compiler.Options{})
	return messagesOf(err), allocated() - before
}

// messagesOf lists the messages of an error, each with its place, or says that there is
// none.
func messagesOf(err error) string {
	const most = 5
	var diagnostics diag.Diagnostics
	switch {
	case err == nil:
		return "compiles"
	case !errors.As(err, &diagnostics):
		return "not a message: " + err.Error()
	}
	var b strings.Builder
	for i, d := range diagnostics {
		if i == most {
			fmt.Fprintf(&b, "and %d more\n", len(diagnostics)-i)
			break
		}
		line, _, _ := strings.Cut(diag.Diagnostics{d}.Error(), "\n")
		b.WriteString(cut(strings.TrimPrefix(line, "script:")) + "\n")
	}
	return b.String()
}

// cut leaves of a line what a reader of a golden can take in.
func cut(line string) string {
	const width = 160
	if len(line) > width {
		return line[:width] + "..."
	}
	return line
}

func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}
