// Command genconstants writes the table of constants that package target keeps of Linux's
// system call interface. They come from golang.org/x/sys/unix, whose values are those of
// the kernel's own headers (its mkerrors.sh compiles include/uapi for each architecture),
// so nothing is typed by hand.
//
// The output is a text of "NAME value" lines in three sorted parts, each after a line
// with its title: "common" is what x86_64 and arm64 have alike, "x86_64" and "arm64" what
// one of them has otherwise or alone. Values are decimal.
package main

import (
	"flag"
	"fmt"
	"go/build"
	"go/constant"
	"go/importer"
	"go/token"
	"go/types"
	"log"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

const source = "golang.org/x/sys/unix"

func main() {
	log.SetFlags(0)
	out := flag.String("out", "", "the file to write")
	flag.Parse()
	table, err := generate()
	if err == nil {
		err = os.WriteFile(*out, []byte(table), 0o644)
	}
	if err != nil {
		log.Fatal("genconstants: ", err)
	}
}

func generate() (string, error) {
	x86, err := constants("amd64")
	if err != nil {
		return "", err
	}
	arm, err := constants("arm64")
	if err != nil {
		return "", err
	}
	common := map[string]string{}
	for name, value := range x86 {
		if arm[name] == value {
			common[name] = value
			delete(x86, name)
			delete(arm, name)
		}
	}
	return "common\n" + lines(common) + "x86_64\n" + lines(x86) + "arm64\n" + lines(arm), nil
}

func lines(values map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintln(&b, name, values[name])
	}
	return b.String()
}

// constants type-checks the package as it is compiled for Linux on an architecture.
func constants(arch string) (map[string]string, error) {
	build.Default.GOOS, build.Default.GOARCH, build.Default.CgoEnabled = "linux", arch, false
	pkg, err := importer.ForCompiler(token.NewFileSet(), "source", nil).Import(source)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok && wanted.MatchString(name) && !unwanted.MatchString(name) {
			if text, ok := decimal(c.Val()); ok {
				values[name] = text
			}
		}
	}
	return values, nil
}

// wanted are the families of constants that arguments of system calls and fields of
// packets are compared to. The large interfaces of netlink and of devices (NL80211,
// ETHTOOL, ...) are left out, and what kernels describe as enums. O_LARGEFILE is 0 for
// user programs of 64 bits, which is not what the kernel sees.
var (
	wanted = regexp.MustCompile(`^(E[A-Z0-9]+|(SIG|POLL|EPOLL|W)[A-Z0-9]+|[A-Z0-9_]+_MAGIC|TC[SG]ET\w+|FIO\w+|SIOC\w+|` +
		`(AF|PF|SOCK|SOL|SO|SCM|MSG|SHUT|IPPROTO|IP|IPV6|TCP|UDP|ETH|IFF|ARPHRD|NETLINK|NLM|NLMSG|RTM|` +
		`O|S|DT|AT|F|FD|LOCK|SEEK|FALLOC|RENAME|RWF|RESOLVE|STATX|ST|MS|MNT|UMOUNT|XATTR|SPLICE|SYNC|OPEN|IN|FAN|EPOLL|EFD|TFD|SFD|` +
		`PROT|MAP|MADV|MREMAP|MCL|MLOCK|MFD|SHM|IPC|MPOL|FADV|` +
		`CLONE|PIDFD|PR|PTRACE|PRIO|SCHED|RLIMIT|RUSAGE|P|CAP|SECCOMP|KEYCTL|LANDLOCK|MEMBARRIER|GRND|LINUX|CLOCK|ITIMER|TIMER|UTIME|XDP)_\w+)$`)
	unwanted = regexp.MustCompile(`^O_LARGEFILE$`)
)

func decimal(value constant.Value) (string, bool) {
	if value.Kind() != constant.Int {
		return "", false
	}
	if _, exact := constant.Int64Val(value); exact {
		return value.ExactString(), true
	}
	unsigned, exact := constant.Uint64Val(value)
	return fmt.Sprint(int64(unsigned)), exact
}
