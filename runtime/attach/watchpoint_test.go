package attach

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/lang/diag"
)

// The beginning of a file is the one that its code follows, wherever else a process has
// mapped it to read it.
func TestStartIn(t *testing.T) {
	const (
		code = "7000-8000 r--p 00000000 08:01 42 /lib/a.so\n8000-9000 r-xp 00001000 08:01 42 /lib/a.so\n" +
			"9000-a000 rw-p 00002000 08:01 42 /lib/a.so\n"
		whole = " r--s 00000000 08:01 42 /lib/a.so\n"
		other = "2000-3000 r-xp 00000000 08:01 43 /lib/b.so\n7ff0-8000 r-xp 00000000 00:00 0\n"
	)
	for text, want := range map[string]uint64{
		"": 0, other: 0, code: 0x7000, other + code: 0x7000,
		"1000-4000" + whole + code: 0x7000, code + "f000-10000" + whole: 0x7000,
		"1000-4000" + whole: 0x1000, "1000-4000 r-xp 00000000 08:01 42 /lib/a.so": 0x1000,
		"8000-9000 r-xp 00001000 08:01 42 /lib/a.so\n": 0, "zz-9000" + whole: 0,
		"1000-2000 r--p 0 08:01\n" + strings.Repeat("x ", 40_000): 0,
	} {
		if got := startIn(strings.NewReader(text), 42); got != want {
			t.Errorf("%#x, want %#x of\n%.300s", got, want, text)
		}
	}
}

func TestMappedAt(t *testing.T) {
	if start, err := mappedAt(os.Getpid(), "/proc/self/exe"); err != nil || start == 0 {
		t.Errorf("our own program is at %#x, %v", start, err)
	}
	none := filepath.Join(t.TempDir(), "a\x1bb")
	for _, test := range []struct {
		process    int
		path, want string
	}{
		{os.Getpid(), none, "there is no file " + diag.Printable(none) + " any more"},
		{1 << 30, "/proc/self/exe", "the process has ended"},
		{os.Getpid(), "/proc/self/status", "process " + strconv.Itoa(os.Getpid()) + " does not have /proc/self/status in its memory"},
	} {
		start, err := mappedAt(test.process, test.path)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: %#x, %v; want %s", test.path, start, err, test.want)
		}
	}
}
