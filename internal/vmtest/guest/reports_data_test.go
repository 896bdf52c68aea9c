//go:build guest

package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// lookAt runs a script while this process does something, and returns what it printed.
func lookAt(t *testing.T, script string, do func(), flags ...string) string {
	t.Helper()
	p := tracing(t, script, flags...)
	do()
	return ended(p).Stdout
}

// A text of the record is what its field leads to, in every place: the record's start is
// a kernel pointer.
func TestLocatedText(t *testing.T) {
	out := trace(t, `tracepoint:sched:sched_process_exec /args.filename == "/bin/workload"/ {
			printf("%r %c %c %d %s\n", buf(args.filename, 8), args.filename[0], args.filename[5], strlen(args.filename), str(&args.filename));
			printf("%rh\n", buf(args.filename)); printf("%d\n", args.filename[14]);
			$f = args.filename; $i = 1; print(($f, args.filename[$i], args.filename == $f));
			@[args.filename] = count(); print(args.filename); print(str((char *)args.filename, 5));
		}`, "syscalls --n 1")
	equal(t, "text", out.Stdout, `
/bin/wor / w 13 /bin/workload
2f 62 69 6e 2f 77 6f 72 6b 6c 6f 61 64 00
0
(/bin/workload, 98, true)
/bin/workload
/bin
@[/bin/workload]: 1
`)
	out = MustRun(t, "ponytrace", "-f", "json", "-c", "workload syscalls --n 1", "-e",
		`tracepoint:sched:sched_process_exec /args.filename == "/bin/workload"/ { print(args.filename); print(buf(args.filename, 3)); }`)
	if want := `{"type": "value", "data": "/bin/workload"}` + "\n" + `{"type": "value", "data": [47,98,105]}`; !strings.Contains(out.Stdout, want) {
		t.Errorf("got %s", out.Stdout)
	}
}

// Typedefs of system calls have the sign and size that the kernel's types give them.
func TestSystemCallTypedefs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 100), 0o644); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(file, unix.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	name, _ := unix.BytePtrFromString(file)
	minus := func(n int) uintptr { return uintptr(-n) }
	call := func(number uintptr, args ...uintptr) {
		args = append(args, 0, 0, 0, 0, 0, 0)
		unix.RawSyscall6(number, args[0], args[1], args[2], args[3], args[4], args[5])
	}
	got := lookAt(t, `
		tracepoint:syscalls:sys_enter_lseek /comm == "guest.test"/ { printf("lseek %d %d\n", args.offset, args.offset < 0); @ = hist(args.offset); }
		tracepoint:syscalls:sys_enter_pread64 /comm == "guest.test"/ { printf("pread64 %d %d\n", args.pos, args.pos < 0); }
		tracepoint:syscalls:sys_enter_clock_gettime /comm == "guest.test" && args.tp == 0/ { printf("clock_gettime %d %d\n", args.which_clock, args.which_clock < 0); }
		tracepoint:syscalls:sys_enter_timer_delete /comm == "guest.test"/ { printf("timer_delete %d %d\n", args.timer_id, args.timer_id < 0); }
		tracepoint:syscalls:sys_enter_mq_getsetattr /comm == "guest.test"/ { printf("mq %d %d\n", args.mqdes, args.mqdes < 0); }
		tracepoint:syscalls:sys_enter_shmget /comm == "guest.test"/ { printf("shmget %d %d\n", args.key, args.key < 0); }
		tracepoint:syscalls:sys_enter_add_key /comm == "guest.test"/ { printf("add_key %d %d\n", args.ringid, args.ringid < 0); }
		tracepoint:syscalls:sys_enter_preadv2 /comm == "guest.test"/ { printf("preadv2 %d %d\n", args.flags, args.flags < 0); }
		tracepoint:syscalls:sys_enter_mkdirat /comm == "guest.test"/ { printf("mkdirat %o %d\n", args.mode, sizeof(args.mode)); }`,
		func() {
			call(unix.SYS_LSEEK, uintptr(fd), minus(5), unix.SEEK_END)
			call(unix.SYS_PREAD64, uintptr(fd), 0, 0, minus(6))
			call(unix.SYS_CLOCK_GETTIME, minus(7), 0)
			call(unix.SYS_TIMER_DELETE, 0xabcd<<32|uintptr(uint32(0xfffffff8)))
			call(unix.SYS_MQ_GETSETATTR, minus(9))
			call(unix.SYS_SHMGET, minus(10), 0, 0)
			call(unix.SYS_ADD_KEY, 0, 0, 0, 0, minus(11))
			call(unix.SYS_PREADV2, uintptr(fd), 0, 0, 0, 0, minus(12))
			call(unix.SYS_MKDIRAT, minus(100), uintptr(unsafe.Pointer(name)), 0xabcd0000|0o750)
		})
	equal(t, "typedefs", got, `
lseek -5 1
pread64 -6 1
clock_gettime -7 1
timer_delete -8 1
mq -9 1
shmget -10 1
add_key -11 1
preadv2 -12 1
mkdirat 750 2
@:
(..., 0)               1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
`)
}

// const and volatile anywhere: argv is char *const *.
func TestArgumentVector(t *testing.T) {
	out := trace(t, `tracepoint:syscalls:sys_enter_execve /str(args.filename) == "/bin/workload"/ {
			printf("%s %s %s %d\n", str(args.argv[0]), str(args.argv[1]), str(args.argv[2]), args.argv[4] == 0); }`, "syscalls --n 1")
	equal(t, "argv", out.Stdout, "workload syscalls --n 1")
}

// Structs by value: in one register, in two, in memory, and as results in one register and
// in two. fentry sees the same where it serves.
func TestStructsByValue(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	const script = `
		kprobe:security_path_chown /comm == "guest.test"/ { printf("chown %d %d %d %d\n", arg1, arg2, args.uid.val, args.gid.val); $u = args.uid; print($u); }
		kprobe:timestamp_truncate /comm == "guest.test" && args.t.tv_nsec == 5/ { printf("truncate %d %d %d\n", args.t.tv_sec, arg0.tv_nsec, args.inode == arg1); print(args.t); }
		kretprobe:timestamp_truncate /comm == "guest.test" && retval.tv_nsec == 5/ { printf("truncated %d %d\n", retval.tv_sec, retval.tv_nsec); print(retval); $r = retval; @last = $r; @[retval] = count(); }
		kretprobe:make_kuid /comm == "guest.test" && retval.val == 1234/ { @uid = retval; @k[retval] = 1; }
		kprobe:rtc_tm_to_ktime /comm == "guest.test"/ { printf("alarm %d %d, %d bytes\n", args.tm.tm_year, arg0.tm_mday, sizeof(args.tm)); $t = args.tm; @month = $t.tm_mon; }
		kprobe:sock_setsockopt /comm == "guest.test"/ { printf("setsockopt %d %d %d %d\n", args.level, args.optname, args.optval.is_kernel, args.optlen); }`
	for _, attach := range []string{"auto", "kprobe"} {
		got := lookAt(t, script, func() {
			os.Chown(file, 1234, 5678)
			unix.UtimesNano(file, []unix.Timespec{{Sec: 1234567890, Nsec: 5}, {Sec: 1234567890, Nsec: 6}})
			fd, _ := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			unix.Close(fd)
			setAlarm(t)
		}, "--attach", attach)
		equal(t, attach, got, `
chown 1234 5678 1234 5678
{ .val = 1234 }
truncate 1234567890 5 1
{ .tv_sec = 1234567890, .tv_nsec = 5 }
truncated 1234567890 5
{ .tv_sec = 1234567890, .tv_nsec = 5 }
setsockopt 1 2 0 4
alarm 137 9, 36 bytes
@[{ .tv_sec = 1234567890, .tv_nsec = 5 }]: 1
@k[{ .val = 1234 }]: 1
@last: { .tv_sec = 1234567890, .tv_nsec = 5 }
@month: 7
@uid: { .val = 1234 }
`)
	}
}

// setAlarm sets an alarm of the clock, without enabling it.
func setAlarm(t *testing.T) {
	clock, err := os.Open("/dev/rtc0")
	if err != nil {
		t.Fatal(err)
	}
	defer clock.Close()
	at := unix.RTCTime{Year: 137, Mon: 7, Mday: 9}
	if err := unix.IoctlSetRTCWkAlrm(int(clock.Fd()), &unix.RTCWkAlrm{Time: at}); err != nil {
		t.Fatal(err)
	}
}

// The seventh argument and later ones are on the stack, which kprobes read.
func TestArgumentsOnTheStack(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 5<<12), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := lookAt(t, `kprobe:do_mmap /comm == "guest.test" && args.len == 8193/ { printf("%d %d %d\n", args.prot, args.pgoff, (uint64)args.populate > 0xffff800000000000); }`, func() {
		data, err := syscall.Mmap(int(f.Fd()), 3<<12, 8193, unix.PROT_READ, unix.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		syscall.Munmap(data)
	}, "--attach", "kprobe")
	equal(t, "do_mmap", got, "1 3 1")
}

// Functions of one clause of which one returns nothing, and texts in arrays of unsigned
// characters.
func TestDifferingFunctionsAndBytes(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "dash")
	if err := os.WriteFile(file, make([]byte, 77), 0o644); err != nil {
		t.Fatal(err)
	}
	name := "d_iname"
	if AtLeast(t, 7, 0) {
		name = "d_shortname.string"
	}
	script := strings.ReplaceAll(`
		kretprobe:vfs_read,kretprobe:fput /comm == "guest.test" && func == "vfs_read" && (retval == 77 || retval == -21)/ { @[func, retval] = count(); }
		kretprobe:vfs_read,kretprobe:fput /comm == "guest.test" && func == "fput"/ { @none[retval] = 1; }
		kprobe:vfs_open,kprobe:vfs_read /comm == "guest.test" && arg2 == 4097/ { @sizes[arg2] = count(); }
		kprobe:vfs_open /arg0->dentry->NAME == "dash"/ { printf("%s %s %s\n", str(arg0->dentry->NAME), arg0->dentry->NAME, str((char *)arg0->dentry->NAME, 4)); }`,
		"NAME", name)
	got := lookAt(t, script, func() {
		for _, path := range []string{file, folder} {
			fd, err := unix.Open(path, unix.O_RDONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			unix.Read(fd, make([]byte, 4097))
			unix.Close(fd)
		}
	})
	equal(t, "values", got, `
dash dash das
@[vfs_read, -21]: 1
@[vfs_read, 77]: 1
@none[0]: 1
@sizes[4097]: 2
`)
}

// Every field of every tracepoint compiles and passes the verifier in every place that a
// value goes. One field of each kind is tried here, and all fields of all tracepoints
// where GUEST_TRACEPOINTS=all.
func TestFieldsOfAllTracepoints(t *testing.T) {
	points := listFields(MustRun(t, "ponytrace", "-lv", "tracepoint:*:*").Stdout)
	fields, start := 0, time.Now()
	if os.Getenv("GUEST_TRACEPOINTS") != "all" {
		points = firstOfEachType(points)
	}
	for batch := range slices.Chunk(points, 20) {
		var script strings.Builder
		for _, point := range batch {
			script.WriteString(point.clause())
			fields += len(point.fields)
		}
		script.WriteString("BEGIN { exit() }") // before anything is attached, which takes perf 75 ms each
		out := Run(t, "ponytrace", "-e", script.String())
		if out.Code != 0 {
			t.Errorf("%s ... %s: %s", batch[0].name, batch[len(batch)-1].name, out.Stderr)
		}
	}
	if fields < 15 {
		t.Errorf("only %d fields", fields)
	}
	t.Logf("%d fields of %d tracepoints in %v", fields, len(points), time.Since(start))
}

// point is a tracepoint and its fields, each a type and a name.
type point struct {
	name   string
	fields [][2]string
}

func listFields(text string) (points []point) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if !strings.HasPrefix(line, " ") {
			points = append(points, point{name: line})
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		last := &points[len(points)-1]
		last.fields = append(last.fields, [2]string{strings.TrimSpace(line[:at]), line[at+1:]})
	}
	return points
}

func firstOfEachType(points []point) (first []point) {
	seen := map[string]bool{}
	for _, p := range points {
		chosen := point{name: p.name}
		for _, field := range p.fields {
			if kind := kindOf(field[0]); !seen[kind] {
				seen[kind] = true
				chosen.fields = append(chosen.fields, field)
			}
		}
		if len(chosen.fields) > 0 {
			first = append(first, chosen)
		}
	}
	return first
}

// kindOf leaves of a type what decides how it is read: not the names of structs and
// enums, and not the length of arrays.
func kindOf(field string) string {
	switch {
	case strings.Contains(field, "*"):
		return "pointer"
	case strings.HasPrefix(field, "enum"):
		return "enum"
	}
	kind, length, _ := strings.Cut(field, "[")
	if length != "" && length != "]" {
		length = "N]"
	}
	return kind + length
}

// unread are fields that no program can read, by name: sizes that formats do not tell,
// and texts of system calls that the kernel keeps from programs.
var unread = regexp.MustCompile(`\[0\]$`)

func (p point) clause() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s {\n", p.name)
	for i, field := range p.fields {
		if unread.MatchString(field[0]) || strings.HasPrefix(p.name, "tracepoint:syscalls:") && field[0] == "string" {
			continue
		}
		value := "args." + field[1]
		fmt.Fprintf(&b, "$c%d = %s; @k%s_%d[%s] = count(); print(%s); print($c%d);\n",
			i, value, mapName.ReplaceAllString(p.name, "_"), i, value, value, i)
		if strings.HasPrefix(p.name, "tracepoint:syscalls:") {
			continue // they are in registers
		}
		fmt.Fprintf(&b, "$a%d = (uint64)&%s;\n", i, value)
		if element.MatchString(field[0]) {
			fmt.Fprintf(&b, "$e%d = &%s[0]; print(%s[$a%d & 3]);\n", i, value, value, i)
		}
	}
	b.WriteString("}\n")
	return b.String()
}

var (
	mapName = regexp.MustCompile(`[^a-z0-9A-Z_]`)
	element = regexp.MustCompile(`\]$|^string`)
)
