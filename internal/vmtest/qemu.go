package vmtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

const oldestQEMU = 10

// emulator is one of QEMU's programs: what it is called, Debian's package with it, the
// machine that it emulates, and what its kernel is told.
type emulator struct {
	program, pkg string
	machine      []string
	parameters   string
}

var emulators = map[string]emulator{
	kernel.AMD64: {"qemu-system-x86_64", "qemu-system-x86", []string{"-machine", "pc", "-cpu", "max,la57=off,erms=off,fsrm=off"}, "console=ttyS0 tsc=reliable"},
	kernel.ARM64: {"qemu-system-aarch64", "qemu-system-arm", []string{"-machine", "virt", "-cpu", "max,pauth-impdef=on"}, "console=ttyAMA0"},
}

// QEMUError says that there is no QEMU to use.
type QEMUError struct{ Reason string }

func (e *QEMUError) Error() string {
	return fmt.Sprintf("%s; version %d or later is needed: `go run ./internal/vmtest/cmd/ponyvm setup` installs it", e.Reason, oldestQEMU)
}

var versionLine = regexp.MustCompile(`version (\d+)\.(\d+)`)

// CheckQEMU finds out whether a QEMU for the architecture is installed that does not
// corrupt its guests.
func CheckQEMU(arch string) error {
	program := emulators[arch].program
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return &QEMUError{program + " is not installed"}
	}
	m := versionLine.FindStringSubmatch(string(out))
	if m == nil {
		return &QEMUError{program + " does not tell its version"}
	}
	if major, _ := strconv.Atoi(m[1]); major < oldestQEMU {
		return &QEMUError{fmt.Sprintf("QEMU %s.%s corrupts its guests", m[1], m[2])}
	}
	return nil
}

// qemu is a running one. Its process ends when its parent does, or when stop is called.
type qemu struct {
	frames  io.Reader
	kill    context.CancelFunc
	ended   chan error
	console chan struct{}
	stderr  bytes.Buffer
}

func startQEMU(ctx context.Context, m Machine, image []byte, console io.Writer) (*qemu, error) {
	if err := CheckQEMU(m.Kernel.Arch); err != nil {
		return nil, err
	}
	initrd, err := memoryFile("initramfs", image)
	if err != nil {
		return nil, err
	}
	defer initrd.Close()
	frames, frameEnd, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer frameEnd.Close()
	log, logEnd, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer logEnd.Close()

	ctx, kill := context.WithCancel(ctx)
	q := &qemu{frames: frames, kill: kill, ended: make(chan error, 1), console: make(chan struct{})}
	cmd := exec.CommandContext(ctx, emulators[m.Kernel.Arch].program, m.arguments()...)
	cmd.ExtraFiles = []*os.File{initrd, frameEnd, logEnd}
	cmd.Stderr = &q.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := q.run(cmd); err != nil {
		kill()
		return nil, err
	}
	go func() {
		io.Copy(console, log)
		close(q.console)
	}()
	return q, nil
}

// run starts the command on a thread that lives until it ends: the kernel would take the
// end of the thread for that of the parent.
func (q *qemu) run(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			q.ended <- cmd.Wait()
		}
	}()
	return <-started
}

// stop kills what still runs and gives what QEMU itself had to complain about.
func (q *qemu) stop() error {
	q.kill()
	<-q.ended
	<-q.console
	if text := strings.TrimSpace(q.stderr.String()); text != "" {
		return errors.New(text)
	}
	return nil
}

func (m Machine) arguments() []string {
	e := emulators[m.Kernel.Arch]
	args := append(slices.Clone(e.machine),
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-smp", strconv.Itoa(m.CPUs), "-m", strconv.Itoa(m.MemoryMB),
		"-kernel", m.Kernel.Image, "-initrd", "/proc/self/fd/3",
		"-append", e.parameters+" panic=-1 nokaslr random.trust_cpu=on",
		"-chardev", "socket,id=frames,fd=4", "-chardev", "socket,id=console,fd=5",
		"-serial", "chardev:console",
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=frames,name="+wire.PortName,
		"-blockdev", "driver=null-co,node-name=disk,size=67108864,read-zeroes=on",
		"-device", "virtio-blk-pci,drive=disk",
	)
	if m.Icount {
		return append(args, "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off")
	}
	return append(args, "-accel", "tcg,thread=multi")
}

func memoryFile(name string, content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("no memory for the initramfs: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	_, err = f.Write(content)
	return f, err
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs"), nil
}
