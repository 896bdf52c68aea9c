package programs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/internal/vmtest"
)

// PostgreSQL is that of Debian for a test machine, 60 MB: the server as
// /programs/postgres, what it reads when it starts, and /postgresql with an empty
// database, template1. It refuses to run as root.
func PostgreSQL(t testing.TB) (files []vmtest.File) {
	t.Helper()
	server := installed(t)
	version := filepath.Base(server)
	share := filepath.Join(server, "../../../share/postgresql", version, "timezonesets")
	files = []vmtest.File{
		{Guest: "/programs/postgres", Host: server + "/bin/postgres"},
		{Guest: "/usr/share/postgresql/" + version + "/timezonesets", Host: share},
		{Guest: "/postgresql", Host: database(t, server)},
	}
	libraries := map[string]bool{}
	needed(t, server+"/bin/postgres", libraries)
	for library := range libraries {
		files = append(files, vmtest.File{Guest: library, Host: library})
	}
	return files
}

// installed is the folder of the server: in the cache, where internal/compilers.sh
// unpacks it, or in the system.
func installed(t testing.TB) string {
	t.Helper()
	cache, err := vmtest.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{cache + "/postgresql", ""} {
		found, _ := filepath.Glob(root + "/usr/lib/postgresql/*/bin/postgres")
		if len(found) > 0 {
			return filepath.Dir(filepath.Dir(found[0]))
		}
	}
	testkit.Lack(t, "PostgreSQL")
	return ""
}

// database makes one, and takes away what a server alone needs. initdb refuses root: it
// runs as nobody, who may search all folders.
func database(t testing.TB, server string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "data")
	cmd := exec.Command(server+"/bin/initdb", strings.Fields("--locale=C --encoding=UTF8 "+
		"--username=postgres --auth=trust --wal-segsize=1 --no-sync -D "+folder)...)
	cmd.Env = append(os.Environ(), "TZ=GMT")
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential:  &syscall.Credential{Uid: 65534, Gid: 65534},
			AmbientCaps: []uintptr{unix.CAP_DAC_OVERRIDE},
		}
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, other := range []string{"4", "5"} {
		if err := os.RemoveAll(filepath.Join(folder, "base", other)); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}
