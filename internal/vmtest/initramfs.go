package vmtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/cavaliergopher/cpio"

	"github.com/ponytrace/ponytrace/internal/vmtest/wire"
)

// The modules every machine loads, and their parameters. null_blk completes each request
// where it is submitted, without a timer or another CPU: what is issued is done when the
// system call returns.
var modules = []string{"virtio_pci", "virtio_console", "virtio_blk", "null_blk", "overlay"}

var moduleParams = map[string]string{
	"null_blk": "queue_mode=2 submit_queues=1 no_sched=1 irqmode=0 completion_nsec=0 gb=1 bs=512 nr_devices=1",
}

func (m Machine) initramfs() ([]byte, error) {
	tools, err := Tools(m.Kernel.Arch)
	if err != nil {
		return nil, err
	}
	a := newArchive()
	a.file("/init", 0o755, tools.Init)
	a.file("/bin/workload", 0o755, tools.Workload)
	job := wire.Job{Commands: m.Commands, Tracefs: m.Tracefs, Env: m.Env}
	for _, f := range m.Get {
		job.Get = append(job.Get, f.Guest)
	}
	if job.Modules, err = a.modules(m); err != nil {
		return nil, err
	}
	for _, f := range m.Files {
		a.add(f)
	}
	text, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	a.file(wire.JobPath, 0o644, text)
	return a.finish()
}

// archive writes an initramfs. It keeps the first error and does nothing after it.
type archive struct {
	out     bytes.Buffer
	w       *cpio.Writer
	folders map[string]bool
	err     error
}

func newArchive() *archive {
	a := &archive{folders: map[string]bool{"/": true}}
	a.w = cpio.NewWriter(&a.out)
	for _, dir := range []string{"/dev", "/proc", "/sys", "/tmp", "/bin"} {
		a.folder(dir)
	}
	return a
}

func (a *archive) folder(name string) {
	if a.folders[name] {
		return
	}
	a.folder(path.Dir(name))
	a.folders[name] = true
	a.entry(cpio.Header{Name: name, Mode: cpio.TypeDir | 0o755}, nil)
}

func (a *archive) file(name string, mode os.FileMode, content []byte) {
	a.folder(path.Dir(name))
	a.entry(cpio.Header{Name: name, Mode: cpio.TypeReg | cpio.FileMode(mode.Perm()), Size: int64(len(content))}, content)
}

func (a *archive) entry(h cpio.Header, content []byte) {
	if a.err != nil {
		return
	}
	h.Name = h.Name[1:]
	if a.err = a.w.WriteHeader(&h); a.err == nil && len(content) > 0 {
		_, a.err = a.w.Write(content)
	}
}

func (a *archive) add(f File) {
	if f.Host == "" {
		a.file(f.Guest, f.Mode, f.Content)
		return
	}
	err := filepath.WalkDir(f.Host, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return a.addOne(name, path.Join(f.Guest, filepath.ToSlash(name[len(f.Host):])))
	})
	if a.err == nil && err != nil {
		a.err = fmt.Errorf("cannot put %s into the machine: %w", f.Host, err)
	}
}

func (a *archive) addOne(host, guest string) error {
	info, err := os.Stat(host)
	if err != nil {
		return err
	}
	if info.IsDir() {
		a.folder(guest)
		return nil
	}
	content, err := os.ReadFile(host)
	if err == nil {
		a.file(guest, info.Mode(), content)
	}
	return err
}

func (a *archive) modules(m Machine) (list []wire.Module, err error) {
	loaded, err := m.Kernel.Load(modules...)
	if err != nil {
		return nil, err
	}
	for _, mod := range loaded {
		name := "/modules/" + mod.Name + ".ko"
		a.file(name, 0o644, mod.ELF)
		list = append(list, wire.Module{Path: name, Params: moduleParams[mod.Name]})
	}
	return list, nil
}

func (a *archive) finish() ([]byte, error) {
	if a.err != nil {
		return nil, a.err
	}
	if err := a.w.Close(); err != nil {
		return nil, err
	}
	return a.out.Bytes(), nil
}
