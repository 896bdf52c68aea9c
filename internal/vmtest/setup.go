package vmtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
)

const (
	extraSources = "/etc/apt/sources.list.d/ponytrace-backports.sources"
	qemuPackage  = "qemu-system-x86"
)

// ErrNotRoot is for work that only root can do.
var ErrNotRoot = errors.New("installing QEMU needs root")

// InstallQEMU installs a QEMU that can be trusted, from Debian's packages, unless there
// is one. Debian 12 has its own only in an older version, so there the backports are
// added to apt's sources.
func InstallQEMU(log io.Writer) error {
	if CheckQEMU() == nil {
		return nil
	}
	if os.Geteuid() != 0 {
		return ErrNotRoot
	}
	codename, err := kernel.Codename()
	if err != nil {
		return err
	}
	install := []string{"install", "-y", "--no-install-recommends", qemuPackage}
	if codename == "bookworm" {
		if err := addBackports(codename); err != nil {
			return err
		}
		install = append(install, "-t", codename+"-backports")
	}
	// A third party's archive that cannot be reached is no reason to stop: the
	// installation will tell.
	if err := aptGet(log, "update"); err != nil {
		fmt.Fprintln(log, err)
	}
	if err := aptGet(log, install...); err != nil {
		return err
	}
	return CheckQEMU()
}

func addBackports(codename string) error {
	archive, _, err := kernel.Archives("/etc/apt", codename)
	if err != nil {
		return err
	}
	return os.WriteFile(extraSources, []byte(archive.Source(codename+"-backports")), 0o644)
}

func aptGet(log io.Writer, args ...string) error {
	cmd := exec.Command("apt-get", append([]string{"-q"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("apt-get %s: %w", args[0], err)
	}
	return nil
}
