package runtime

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/runtime/report"
	"golang.org/x/sys/unix"
)

// scene is a session whose events are made by the test.
type scene struct {
	*Session
	out, notices bytes.Buffer
}

func newScene(t *testing.T, o *object.Object, options Options) *scene {
	s := &scene{}
	options.Stdout, options.Stderr = &s.out, &s.notices
	s.Session = open(t, o, options)
	return s
}

// does lets the session act on an event whose record holds the fields, and checks what it
// prints.
func (s *scene) does(t *testing.T, event *object.Event, fields []byte, out, notices string) {
	t.Helper()
	s.out.Reset()
	s.notices.Reset()
	s.printer.Do(event, append(make([]byte, 8), fields...))
	s.printer.Flush()
	if s.out.String() != out || s.notices.String() != notices {
		t.Errorf("printed %q and on standard error %q; want %q and %q", s.out.String(), s.notices.String(), out, notices)
	}
}

// said is an event at the call in a script of one line.
func said(action object.Action, format string, fields ...*types.Type) *object.Event {
	source := diag.NewSource("a.pt", "BEGIN { call() }")
	return &object.Event{Action: action, Format: format, Layout: types.NewLayout(8, fields...), Source: diag.Span{Source: source, Start: 8, End: 14}}
}

func number(n uint64) []byte { return binary.NativeEndian.AppendUint64(nil, n) }

const place = "a.pt:1:9-15: "

func TestMessages(t *testing.T) {
	s := newScene(t, lineObject(16), Options{})
	s.does(t, said(object.Warn, "low on %d\n", types.Int64), number(5), "", place+"WARNING: low on 5\n")
	s.does(t, said(object.Fail, "bad %s", types.NewString(8)), []byte("a\x1b\x00\x00\x00\x00\x00\x00"), "", place+"ERROR: bad a\\x1b\n")
	j := newScene(t, lineObject(16), Options{Format: "json"})
	j.does(t, said(object.Warn, "low on %d\n", types.Int64), number(5), `{"type": "warnf", "msg": "low on 5\n", "filename": "a.pt", "line": 1, "col": 9}`+"\n", "")
	j.does(t, said(object.Fail, "x"), nil, `{"type": "errorf", "msg": "x", "filename": "a.pt", "line": 1, "col": 9}`+"\n", "")
}

func TestCat(t *testing.T) {
	folder := t.TempDir()
	file, pipe := filepath.Join(folder, "5"), filepath.Join(folder, "6")
	if err := os.WriteFile(file, []byte("one\ntwo\x1b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	o := lineObject(16)
	o.Settings.MaxCatBytes = 8
	s := newScene(t, o, Options{})
	event := said(object.Cat, folder+"/%d", types.Int64)
	s.does(t, event, number(5), "one\ntwo\\x1b", "")
	s.does(t, event, number(6), "", place+`WARNING: cat(): "`+pipe+`" cannot be read: it is not a regular file`+"\n")
	s.does(t, event, number(7), "", place+`WARNING: cat(): "`+folder+`/7" cannot be read: there is no such file`+"\n")
	s.does(t, said(object.Cat, "/proc/%d/comm", types.Int64), number(uint64(os.Getpid())), readComm(t)[:8], "")
	j := newScene(t, o, Options{Format: "json"})
	j.does(t, event, number(5), `{"type": "cat", "data": "one\ntwo\\x1b"}`+"\n", "")
}

func readComm(t *testing.T) string {
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return string(comm)
}

func TestSystem(t *testing.T) {
	s := newScene(t, lineObject(16), Options{Unsafe: true})
	s.out.WriteString("lost")
	s.does(t, said(object.System, "echo %d; exit 3", types.Int64), number(5), "5\n", "")
	s.does(t, said(object.System, "echo wrong >&2"), nil, "", "wrong\n")
	j := newScene(t, lineObject(16), Options{Unsafe: true, Format: "json"})
	j.does(t, said(object.System, "echo %d", types.Int64), number(5), `{"type": "syscall", "data": "5\n"}`+"\n", "")
	safe := newScene(t, lineObject(16), Options{})
	safe.does(t, said(object.System, "echo 1"), nil, "", place+"WARNING: system() needs --unsafe\n")
}

// What a command prints stands between the lines before and after it.
func TestSystemKeepsTheOrder(t *testing.T) {
	s := newScene(t, lineObject(16), Options{Unsafe: true})
	for _, event := range []*object.Event{said(object.Printf, "before\n"), said(object.System, "echo inside"), said(object.Printf, "behind\n")} {
		s.printer.Do(event, make([]byte, 8))
	}
	s.printer.Flush()
	if want := "before\ninside\nbehind\n"; s.out.String() != want {
		t.Errorf("%q, want %q", s.out.String(), want)
	}
}

func TestJoin(t *testing.T) {
	text := types.NewString(8)
	record := []byte("ls\x00\x00\x00\x00\x00\x00-l\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00behind\x00\x00")
	s := newScene(t, lineObject(16), Options{})
	s.does(t, said(object.Join, " ", text, text, text, text), record, "ls -l\n", "")
	s.does(t, said(object.Join, ",", text), make([]byte, 8), "\n", "")
	j := newScene(t, lineObject(16), Options{Format: "json"})
	j.does(t, said(object.Join, ",", text, text, text, text), record, `{"type": "join", "data": "ls,-l"}`+"\n", "")
}

func TestPrintOfFields(t *testing.T) {
	s := newScene(t, lineObject(16), Options{})
	s.does(t, said(object.Print, "", types.Int64), number(5), "5\n", "")
	s.does(t, said(object.Print, "", types.Int64, types.NewString(8)), append(number(5), "five\x00\x00\x00\x00"...), "(5, five)\n", "")
}

// keyed has two counts with the same keys.
func keyed(t *testing.T) (s *scene, first, second *object.MapSpec) { return keyedBy(t, "") }

// keyedBy sets sort_by.
func keyedBy(t *testing.T, order string) (s *scene, first, second *object.MapSpec) {
	key := types.NewLayout(0, types.Uint64)
	first = &object.MapSpec{Name: "a", Key: &key, Value: types.NewAggregation(builtin.Count, false), Storage: object.Hash, Kernel: "a"}
	second = &object.MapSpec{Name: "b", Key: &key, Value: types.NewAggregation(builtin.Avg, true), Storage: object.Hash, Kernel: "b"}
	o := lineObject(16)
	o.Settings.SortBy = order
	o.Maps = []*object.MapSpec{first, second}
	o.Kernel["a"] = &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 16}
	o.Kernel["b"] = &ebpf.MapSpec{Type: ebpf.Hash, KeySize: 8, ValueSize: 16, MaxEntries: 16}
	s = newScene(t, o, Options{})
	for key, count := range map[uint64]uint64{1: 10, 2: 30, 3: 20} {
		if err := s.collection.Maps["a"].Put(key, count); err != nil {
			t.Fatal(err)
		}
	}
	for key, row := range map[uint64][2]uint64{2: {8, 2}, 4: {7, 1}} {
		if err := s.collection.Maps["b"].Put(key, row); err != nil {
			t.Fatal(err)
		}
	}
	return s, first, second
}

func TestPrintaOfSeveralMaps(t *testing.T) {
	for order, want := range map[string]string{
		"": "4: 0 7\n1: 10 0\n3: 20 0\n2: 30 4\n", "key": "1: 10 0\n2: 30 4\n3: 20 0\n4: 0 7\n",
	} {
		s, first, second := keyedBy(t, order)
		event := said(object.Printa, "%d: %@d %@d\n")
		event.Map, event.Maps = first, []*object.MapSpec{first, second}
		s.does(t, event, nil, want, "")
	}
}

func TestTrunc(t *testing.T) {
	print := said(object.PrintMap, "")
	for _, test := range []struct {
		top  int64
		want string
	}{
		{2, "@a[3]: 20\n@a[2]: 30\n"}, {-1, "@a[1]: 10\n"}, {0, ""}, {9, "@a[1]: 10\n@a[3]: 20\n@a[2]: 30\n"},
		{math.MinInt64, "@a[1]: 10\n@a[3]: 20\n@a[2]: 30\n"},
	} {
		s, first, _ := keyed(t)
		print.Map = first
		trunc := said(object.Trunc, "")
		trunc.Map, trunc.Top = first, test.top
		s.does(t, trunc, nil, "", "")
		s.does(t, print, nil, test.want, "")
	}
}

func TestNormalize(t *testing.T) {
	s, first, second := keyed(t)
	normalize, print, printa, one := said(object.Normalize, ""), said(object.PrintMap, ""), said(object.Printa, "%d %@d %@s\n"), said(object.PrintKey, "", types.Uint64)
	normalize.Map, normalize.Divisor, print.Map, printa.Map, one.Map = first, 10, first, first, first
	printa.Maps = []*object.MapSpec{first, second}
	s.does(t, normalize, nil, "", "")
	s.does(t, print, nil, "@a[1]: 1\n@a[3]: 2\n@a[2]: 3\n", "")
	s.does(t, printa, nil, "4 0 7\n1 1 0\n3 2 0\n2 3 4\n", "")
	s.does(t, one, number(3), "2\n", "")
	s.does(t, one, number(99), "0\n", "")
	value := said(object.Print, "", types.Uint64)
	value.Map = first
	s.does(t, value, number(45), "4\n", "")
	print.Divisor = 2
	s.does(t, print, nil, "@a[1]: 0\n@a[3]: 1\n@a[2]: 1\n", "")
	normalize.Divisor, print.Divisor = 1, 0
	s.does(t, normalize, nil, "", "")
	s.does(t, print, nil, "@a[1]: 10\n@a[3]: 20\n@a[2]: 30\n", "")
}

// Commands that wait must not keep a person who wants to end the session; those of END
// run all the same.
func TestInterruptedCommands(t *testing.T) {
	signals := make(chan os.Signal, 1)
	var out, notices bytes.Buffer
	o := lineObject(16)
	o.Events = append(o.Events, &object.Event{Action: object.System, Format: "sleep 0.4; echo %d", Layout: types.NewLayout(8, types.Int64)})
	o.Programs = []*object.ProgramSpec{clause("wait", code(), every(time.Hour)), clause("end", code(emit(2, 9)), at(object.AtEnd))}
	for i := range 8 {
		o.Programs = append(o.Programs, clause(fmt.Sprintf("begin%d", i), code(emit(2, 7)), at(object.AtBegin)))
	}
	signals <- os.Interrupt
	if _, err := open(t, o, Options{Stdout: &out, Stderr: &notices, Signals: signals, Unsafe: true}).Run(); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.HasSuffix(strings.TrimSpace(text), "9") || strings.Count(text, "7") > 4 {
		t.Errorf("it printed %q", text)
	}
	if !strings.Contains(notices.String(), "commands of system() did not run") {
		t.Errorf("it said %q", notices.String())
	}
}

// Updates are lost, too, where a map has room: then it was busy or without memory, and
// more room does not help.
func TestReportOfLostUpdates(t *testing.T) {
	s, first, second := keyed(t)
	first.MaxEntries, second.MaxEntries = 3, 16
	first.Refusal, second.Refusal = object.DataHeader-8, object.DataHeader-8
	full := func(m *object.MapSpec) { s.Session.notices.losses([]report.Loss{s.tables.FullMap(m, 5)}) }
	full(first)
	refuse := func(m *object.MapSpec, why syscall.Errno) {
		s.store.Set(m.Refusal, uint64(uint32(-int32(why))))
		full(m)
	}
	refuse(second, syscall.EBUSY)
	refuse(second, syscall.E2BIG)
	refuse(second, syscall.ENOMEM)
	second.Storage = object.CPUHash
	refuse(second, syscall.ENOMEM)
	first.Kind = "hash"
	full(first)
	want := "WARNING: the map @a was full at 3 keys: 5 updates were lost; more room: max_map_keys = 12\n" +
		"WARNING: 5 updates of the map @b were lost, because it was in use on the same CPU\n" +
		"WARNING: the map @b was full at 16 keys: 5 updates were lost; more room: max_map_keys = 64\n" +
		"WARNING: 5 updates of the map @b were lost, because the kernel had no memory ready for as many new keys at once\n" +
		"WARNING: 5 updates of the map @b were lost, because the kernel had no memory ready for as many new keys at once; " +
		"memory set aside for 4096: let @b = percpuhash(4096)\n" +
		"WARNING: the map @a was full at 3 keys: 5 updates were lost; more room: let @a = hash(12)\n"
	if s.notices.String() != want {
		t.Errorf("%q, want %q", s.notices.String(), want)
	}
}
