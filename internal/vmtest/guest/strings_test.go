//go:build guest

package guest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// longText has as many bytes as a string of 64 KiB can have.
func longText(ending string) string {
	var b strings.Builder
	for i := 0; b.Len() < 64<<10; i++ {
		fmt.Fprintf(&b, "word %d ", i)
	}
	return b.String()[:64<<10-1-len(ending)] + ending
}

// writeText makes one system call with a text that a zero ends.
func writeText(t *testing.T, text string) {
	t.Helper()
	null, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	if _, err := unix.Write(null, append([]byte(text), 0)); err != nil {
		t.Fatal(err)
	}
}

func TestLongStrings(t *testing.T) {
	p := tracing(t, fmt.Sprintf(`
		config = { max_strlen = 65536; sort_by = "key" }
		tracepoint:syscalls:sys_enter_write /pid == %d && args.count >= 65536/ {
			$s = str(args.buf);
			@length[strlen($s)] = count();
			@same[@last == $s] = count();
			@begins[$s =~ "word 0 *"] = count(); @ends[$s =~ "*needle"] = count();
			@last = $s;
			printf("%%s\n", $s);
		}
		END { clear(@last); }`, os.Getpid()))
	texts := []string{longText("needle"), longText("needle"), longText("needlf"), longText("needle") + "s"}
	for _, text := range texts {
		writeText(t, text)
	}
	out := ended(p)
	texts[3] += ".."
	equal(t, "long strings", out.Stdout, strings.Join(texts, "\n")+`
@begins[true]: 4
@ends[false]: 2
@ends[true]: 2
@length[65535]: 3
@length[65536]: 1
@same[false]: 3
@same[true]: 1
`)
}

func TestLongKeysAndSearches(t *testing.T) {
	script := fmt.Sprintf(`
		config = { max_strlen = 65536; sort_by = "key" }
		tracepoint:syscalls:sys_enter_write /pid == %d && args.count >= 65536/ {
			$s = str(args.buf);
			@[$s] = count();
			@place[strstr($s, "needle")] = count();
			@middle[$s =~ "*word 70[0-9] *word 6??? *"] = count();
		}
		END { @keys = len(@); @one = strlen($1); clear(@); }`, os.Getpid())
	if !AtLeast(t, 5, 17) {
		out := Run(t, "ponytrace", "-e", script, "x")
		for _, want := range []string{"the key of @ has 65536 bytes", "a kernel older than 5.17"} {
			if out.Code == 0 || !strings.Contains(out.Stderr, want) {
				t.Errorf("ended with %d and without %q:\n%s", out.Code, want, out.Stderr)
			}
		}
		return
	}
	p := Start(t, "ponytrace", "-e", script, "four")
	p.Await("Attached ")
	for _, ending := range []string{"needle", "needlf", "needle"} {
		writeText(t, longText(ending))
	}
	equal(t, "keys and searches", ended(p).Stdout, `
@keys: 2
@middle[true]: 3
@one: 4
@place[-1]: 1
@place[65529]: 2
`)
}
