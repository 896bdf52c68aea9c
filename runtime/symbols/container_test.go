package symbols

import (
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
