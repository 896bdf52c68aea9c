package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

type mount struct{ kind, at, options string }

var mounts = []mount{
	{"proc", "/proc", ""},
	{"sysfs", "/sys", ""},
	{"devtmpfs", "/dev", ""},
	{"cgroup2", "/sys/fs/cgroup", ""},
	{"bpf", "/sys/fs/bpf", ""},
}

func prepare(job wire.Job) error {
	all := mounts
	if job.Tracefs {
		all = append(all, mount{"tracefs", "/sys/kernel/tracing", ""})
	}
	for _, m := range all {
		if err := m.do(); err != nil {
			return err
		}
	}
	for _, module := range job.Modules {
		if err := load(module); err != nil {
			return err
		}
	}
	setEnvironment(job.Env)
	if err := os.Chdir("/tmp"); err != nil {
		return err
	}
	if err := keepScheduler(); err != nil {
		return err
	}
	return loopbackUp()
}

// keepScheduler opens an event of this process that never fires. With the first event of a
// thread the kernel writes a jump into its scheduler, and takes it out after the last. An
// emulated CPU was once caught executing the breakpoint that is there while it writes,
// when that was over, and the kernel died (Oops: int3 in finish_task_switch). So the jump
// stays.
func keepScheduler() error {
	dummy := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_DUMMY, Size: unix.PERF_ATTR_SIZE_VER0}
	_, err := unix.PerfEventOpen(&dummy, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("open an event: %w", err)
	}
	return nil
}

func (m mount) do() error {
	os.MkdirAll(m.at, 0o755)
	if err := unix.Mount(m.kind, m.at, m.kind, 0, m.options); err != nil && err != unix.EBUSY {
		return fmt.Errorf("mount %s on %s: %w", m.kind, m.at, err)
	}
	return nil
}

func load(module wire.Module) error {
	f, err := os.Open(module.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.FinitModule(int(f.Fd()), module.Params, 0)
	if err != nil && err != unix.EEXIST {
		return fmt.Errorf("load %s: %w", module.Path, err)
	}
	return nil
}

func setEnvironment(extra []string) {
	for _, pair := range append([]string{"PATH=/bin:/tmp", "HOME=/tmp", "TMPDIR=/tmp", "PONYVM=1"}, extra...) {
		name, value, _ := strings.Cut(pair, "=")
		os.Setenv(name, value)
	}
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// openPort looks for the port by name, as its number depends on the kernel, and waits, as
// the host's side of the handshake may come after the driver is loaded.
func openPort() (*os.File, error) {
	for range 500 {
		if device := findPort(); device != "" {
			return os.OpenFile(device, os.O_RDWR, 0)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, fmt.Errorf("no virtio port named %s", wire.PortName)
}

func findPort() string {
	names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
	for _, name := range names {
		text, _ := os.ReadFile(name)
		if strings.TrimSpace(string(text)) == wire.PortName {
			return filepath.Join("/dev", filepath.Base(filepath.Dir(name)))
		}
	}
	return ""
}
