package symbols

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestIsContainer(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	for _, c := range []struct {
		folder, id string
		is         bool
	}{
		{id, id, true},
		{"docker-" + id + ".scope", id, true},
		{"docker-" + id + ".scope", "0123", true},
		{"docker-" + id + ".scope", "012", false},
		{"docker-" + id + ".scope", "1234", false},
		{"cri-containerd-" + id + ".scope", "01234567", true},
		{"crio-" + id + ".scope", id, true},
		{"crio-conmon-" + id + ".scope", id, false},
		{"libpod-" + id + ".scope", id[:12], true},
		{"libpod-conmon-" + id + ".scope", id[:12], false},
		{"lxc.payload.web", "web", true},
		{"web", "web", true},
		{"webserver", "web", false},
		{"webserver", "webs", false},
		{"systemd-nspawn@web.service", "web", true},
		{"machine-web.scope", "web", true},
		{"docker.service", "", false},
		{"", "", false},
	} {
		if got := isContainer(c.folder, c.id); got != c.is {
			t.Errorf("%s is container %q: %t", c.folder, c.id, got)
		}
	}
}

func TestOnlyContainer(t *testing.T) {
	if got, err := onlyContainer("web", "/m", []string{"/m/web"}); got != "/m/web" || err != nil {
		t.Error(got, err)
	}
	for want, found := range map[string][]string{
		"no control group below /m belongs to a container web; --cgroup takes the path of one": nil,
		"web is the beginning of several: weba and webb":                                       {"/m/weba", "/m/webb"},
	} {
		if got, err := onlyContainer("web", "/m", found); got != "" || err == nil || err.Error() != want {
			t.Errorf("%q, %v; want %s", got, err, want)
		}
	}
}

// Mounts are found whatever their paths, and behind those that take long lines.
func TestMountedHierarchies(t *testing.T) {
	mounts := filepath.Join(t.TempDir(), "mounts")
	text := "overlay / overlay rw,lowerdir=" + strings.Repeat("/layer:", 20_000) + "/ 0 0\n" +
		"short line\ncgroup /sys/fs/cgroup/cpu\\040time cgroup rw,cpu 0 0\n" +
		"cgroup2 /a\\134b\\040c cgroup2 rw 0 0\ncgroup /no/newline cgroup rw 0 0"
	if err := os.WriteFile(mounts, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []hierarchy{
		{"unified", `/a\b c`}, {"cpu time", "/sys/fs/cgroup/cpu time"}, {"newline", "/no/newline"},
	}
	if got := mountedHierarchies(mounts); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := mountedHierarchies(mounts + "2"); got != nil {
		t.Errorf("%q", got)
	}
}
