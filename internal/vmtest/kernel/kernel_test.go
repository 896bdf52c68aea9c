package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

func TestArchives(t *testing.T) {
	text, err := txtar.ParseFile("testdata/archives.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := txtar.Write(text, dir); err != nil {
		t.Fatal(err)
	}
	cases, _ := filepath.Glob(dir + "/*/want")
	for _, path := range cases {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			want, _ := os.ReadFile(path)
			main, security, err := Archives(filepath.Dir(path), "bookworm")
			got := describe(main) + describe(security)
			if err != nil {
				got = err.Error() + "\n"
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func describe(a Archive) string {
	switch {
	case a.URI == "":
		return "-\n"
	case strings.Contains(a.SignedBy, "\n"):
		return fmt.Sprintf("%s %q\n", a.URI, a.SignedBy)
	}
	return strings.TrimSpace(a.URI+" "+a.SignedBy) + "\n"
}

func TestNewestKernelOfTheCloudFlavour(t *testing.T) {
	names := strings.Fields(`linux-image-6.12.9+deb13-cloud-amd64 linux-image-6.12.117+deb13-cloud-amd64
		linux-image-6.12.107+deb13-cloud-amd64 linux-image-6.12.200+deb13-amd64 linux-image-6.12.300+deb13-cloud-amd64-dbg`)
	if got := newest(names, AMD64); got != "linux-image-6.12.117+deb13-cloud-amd64" {
		t.Error(got)
	}
}

func TestKernelOfAnUnknownName(t *testing.T) {
	_, err := Get(t.TempDir(), "2.4")
	var unknown *UnknownError
	if !errors.As(err, &unknown) {
		t.Fatal(err)
	}
	if want := `no kernel "2.4"; there are 5.10, 6.1, 6.12, 7.x, 6.12-arm64`; err.Error() != want {
		t.Error(err)
	}
}
