package kernel

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Archive is a Debian archive as the machine's apt is set up with it. SignedBy is the
// field's text, or empty.
type Archive struct {
	URI      string
	SignedBy string
}

// ErrNoArchive means that the machine's apt knows no Debian archive to take packages
// from.
var ErrNoArchive = errors.New("this machine's apt has no Debian archive set up (looked in /etc/apt/sources.list and sources.list.d)")

// Source is a deb822 stanza that asks the archive for one suite.
func (a Archive) Source(suite string) string {
	text := fmt.Sprintf("Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n", a.URI, suite)
	if a.SignedBy != "" {
		text += "Signed-By: " + a.SignedBy + "\n"
	}
	return text
}

// Archives reads apt's settings under etc (usually /etc/apt) and gives the archive of the
// running release and that of its security updates, which is the zero Archive when there
// is none.
func Archives(etc, codename string) (main, security Archive, err error) {
	lists, _ := filepath.Glob(filepath.Join(etc, "sources.list.d", "*"))
	for _, path := range append([]string{filepath.Join(etc, "sources.list")}, lists...) {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		parse := map[string]func(string) []entry{".list": oneLine, ".sources": deb822}[filepath.Ext(path)]
		if parse == nil {
			continue
		}
		for _, e := range parse(string(text)) {
			if main.URI == "" && e.has(codename) {
				main = e.Archive
			}
			if security.URI == "" && e.has(codename+"-security") {
				security = e.Archive
			}
		}
	}
	if main.URI == "" {
		return main, security, ErrNoArchive
	}
	return main, security, nil
}

type entry struct {
	Archive
	suites []string
}

func (e entry) has(suite string) bool {
	for _, s := range e.suites {
		if s == suite {
			return true
		}
	}
	return false
}

var listLine = regexp.MustCompile(`^deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+.*\bmain\b`)
var signedBy = regexp.MustCompile(`(?i)signed-by=(\S+)`)

func oneLine(text string) (entries []entry) {
	for line := range strings.Lines(text) {
		m := listLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		e := entry{Archive{URI: m[2]}, []string{m[3]}}
		if key := signedBy.FindStringSubmatch(m[1]); key != nil {
			e.SignedBy = key[1]
		}
		entries = append(entries, e)
	}
	return entries
}

var stanzaEnd = regexp.MustCompile(`\n\s*\n`)

func deb822(text string) (entries []entry) {
	for _, stanza := range stanzaEnd.Split(text, -1) {
		fields := stanzaFields(stanza)
		uris := strings.Fields(fields["uris"])
		wanted := strings.Contains(fields["types"], "deb") && strings.Contains(fields["components"], "main")
		if !wanted || len(uris) == 0 || fields["enabled"] == "no" {
			continue
		}
		entries = append(entries, entry{Archive{uris[0], fields["signed-by"]}, strings.Fields(fields["suites"])})
	}
	return entries
}

// stanzaFields keeps the continuation lines of a field as they are: a key may be given in
// full.
func stanzaFields(stanza string) map[string]string {
	fields, last := map[string]string{}, ""
	for line := range strings.Lines(stanza) {
		line = strings.TrimRight(line, "\n")
		name, value, found := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, " ") && last != "":
			fields[last] += "\n" + line
		case found:
			last = strings.ToLower(name)
			fields[last] = strings.TrimSpace(value)
		}
	}
	return fields
}

// Codename is the Debian release this machine runs, such as bookworm.
func Codename() (string, error) {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "VERSION_CODENAME="); ok {
			return strings.Trim(name, `"`), nil
		}
	}
	return "", errors.New("/etc/os-release names no release: is this Debian?")
}

// apt is an apt that knows only the sources in its own folder, and packages of one
// architecture, as Debian and Go call it.
type apt struct{ dir, arch string }

func newApt(dir, arch, sources string) (apt, error) {
	a := apt{dir, arch}
	for _, sub := range []string{"sources", "state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return a, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "status"), nil, 0o644); err != nil {
		return a, err
	}
	return a, os.WriteFile(filepath.Join(dir, "sources", "kernel.sources"), []byte(sources), 0o644)
}

// run gives apt's output. The download sandbox is off: its user may not be able to enter
// the cache folder.
func (a apt) run(in, tool string, args ...string) (string, error) {
	options := []string{
		"-q", "-o", "Dir::Etc::sourcelist=/dev/null",
		"-o", "Dir::Etc::sourceparts=" + filepath.Join(a.dir, "sources"),
		"-o", "Dir::State=" + filepath.Join(a.dir, "state"),
		"-o", "Dir::State::status=" + filepath.Join(a.dir, "status"),
		"-o", "Dir::Cache=" + filepath.Join(a.dir, "cache"),
		"-o", "APT::Architecture=" + a.arch, "-o", "APT::Architectures::=" + a.arch,
		"-o", "APT::Sandbox::User=root",
		"-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3",
		"-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
	}
	return command(in, tool, append(options, args...)...)
}

func command(in, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = in
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, lastLines(complaints.String(), 5))
	}
	return out.String(), nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
