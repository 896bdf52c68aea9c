package vmtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/ponytrace/ponytrace/internal/vmtest/kernel"
)

const extraSources = "/etc/apt/sources.list.d/ponytrace-backports.sources"

// ErrNotRoot is for work that only root can do.
var ErrNotRoot = errors.New("installing QEMU needs root")

// InstallQEMU installs a QEMU that can be trusted for each architecture, from Debian's
// packages, unless it is there. Debian 12 has its own only in an older version, so there
// the backports are added to apt's sources.
func InstallQEMU(log io.Writer) error {
	packages := missingQEMU()
	if len(packages) == 0 {
		return nil
	}
	if os.Geteuid() != 0 {
		return ErrNotRoot
	}
	codename, err := kernel.Codename()
	if err != nil {
		return err
	}
	install := append([]string{"install", "-y", "--no-install-recommends"}, packages...)
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
	return errors.Join(CheckQEMU(kernel.AMD64), CheckQEMU(kernel.ARM64))
}

func missingQEMU() (packages []string) {
	for _, arch := range []string{kernel.AMD64, kernel.ARM64} {
		if CheckQEMU(arch) != nil {
			packages = append(packages, emulators[arch].pkg)
		}
	}
	return packages
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
