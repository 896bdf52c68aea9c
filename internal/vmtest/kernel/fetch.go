package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// source says where Debian keeps a kernel: the suite, the beginning of its packages'
// names, and the architecture.
type source struct{ suite, version, arch string }

var sources = map[string]source{
	"5.10": {"bullseye", "5.10.", AMD64},
	"6.1":  {"bookworm", "6.1.", AMD64},
	"6.12": {"trixie", "6.12.", AMD64},
	"7.x":  {"trixie-backports", "7.", AMD64},
	Arm:    {"trixie", "6.12.", ARM64},
}

func (s source) fetch(into string) error {
	work := into + ".part"
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	tool, err := s.apt(work + "/apt")
	if err != nil {
		return err
	}
	packages, err := s.packages(tool)
	if err != nil {
		return err
	}
	if err := unpack(tool, packages, work+"/tree"); err != nil {
		return err
	}
	if err := arrange(work+"/tree", work+"/kernel"); err != nil {
		return err
	}
	if err := os.Rename(work+"/kernel", into); err != nil {
		return err
	}
	return os.RemoveAll(work)
}

// apt asks the archive and its security updates: old releases keep getting kernels only
// in the latter. A suite that one of the two lacks is no error as long as the package
// turns up.
func (s source) apt(dir string) (apt, error) {
	codename, err := Codename()
	if err != nil {
		return apt{}, err
	}
	main, security, err := Archives("/etc/apt", codename)
	if err != nil {
		return apt{}, err
	}
	text := main.Source(s.suite)
	if security.URI != "" && !strings.Contains(s.suite, "-") {
		text += "\n" + security.Source(s.suite+"-security")
	}
	tool, err := newApt(dir, s.arch, text)
	if err != nil {
		return apt{}, err
	}
	_, updateErr := tool.run("", "apt-get", "update")
	if names, err := tool.run("", "apt-cache", "pkgnames", "linux-image-"); err == nil && names != "" {
		return tool, nil
	}
	return tool, errors.Join(errors.New("the archive has no kernel packages"), updateErr)
}

var part = regexp.MustCompile(`\blinux-(?:base|binary|modules)-\d\S*`)

// packages are the newest image and, where the image only ties them together, those with
// the kernel and the modules.
func (s source) packages(tool apt) ([]string, error) {
	names, err := tool.run("", "apt-cache", "pkgnames", "linux-image-"+s.version)
	if err != nil {
		return nil, err
	}
	image := newest(strings.Fields(names), s.arch)
	if image == "" {
		return nil, fmt.Errorf("the suite %s has no kernel %s", s.suite, s.version)
	}
	depends, err := tool.run("", "apt-cache", "depends", image)
	if err != nil {
		return nil, err
	}
	parts := part.FindAllString(depends, -1)
	if len(parts) == 0 {
		return []string{image}, nil
	}
	return slices.Compact(slices.Sorted(slices.Values(parts))), nil
}

func newest(names []string, arch string) string {
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasSuffix(n, "-cloud-"+arch) })
	if len(names) == 0 {
		return ""
	}
	return slices.MaxFunc(names, func(a, b string) int { return slices.Compare(numbers(a), numbers(b)) })
}

var digits = regexp.MustCompile(`\d+`)

func numbers(name string) (all []int) {
	for _, text := range digits.FindAllString(name, -1) {
		n, _ := strconv.Atoi(text)
		all = append(all, n)
	}
	return all
}

func unpack(tool apt, packages []string, tree string) error {
	if _, err := tool.run(tool.dir, "apt-get", append([]string{"download"}, packages...)...); err != nil {
		return err
	}
	files, _ := filepath.Glob(tool.dir + "/*.deb")
	for _, file := range files {
		if _, err := command("", "dpkg", "-x", file, tree); err != nil {
			return err
		}
	}
	return nil
}

// arrange moves what is needed out of the packages' tree, whose form changed over the
// releases.
func arrange(tree, into string) error {
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	if err := moveOne(into+"/vmlinuz", tree+"/boot/vmlinuz-*", tree+"/usr/lib/modules/*/vmlinuz"); err != nil {
		return err
	}
	return moveOne(into+"/modules", tree+"/lib/modules/*", tree+"/usr/lib/modules/*")
}

func moveOne(to string, patterns ...string) error {
	for _, pattern := range patterns {
		if found, _ := filepath.Glob(pattern); len(found) == 1 {
			return os.Rename(found[0], to)
		}
	}
	return fmt.Errorf("the package has no %s", filepath.Base(to))
}
