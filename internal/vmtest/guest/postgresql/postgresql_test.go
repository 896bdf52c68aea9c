//go:build guest

package postgresql

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ponytrace/ponytrace/internal/vmtest/guest"
)

// The heap is 10 among the managers to which records of the log belong.
const script = `
	usdt:/programs/postgres:query__start {
		@now = str(arg0, 11);
		@queries[@now] = count()
	}
	usdt:/programs/postgres:transaction__* /@now != ""/ { @transactions[func] = count() }
	usdt:/programs/postgres:query__* /@now != ""/ { @steps[func] = count() }
	usdt:/programs/postgres:sort__* /@now != ""/ { @sorts[func] = count() }
	usdt:/programs/postgres:wal__insert /@now == "EXPLAIN (A" && arg0 == 10/ { @wal_records = count() }
	usdt:/programs/postgres:buffer__read__* /@now == "SELECT sum" && arg0 == 0/ {
		@blocks[func, arg4] = count()
	}
	END { clear(@now) }`

// queries are 44, one a line. Two of them fail, and five transactions are rolled back.
var queries = "CREATE TABLE pony (n int);\n" +
	"EXPLAIN (ANALYZE, WAL) INSERT INTO pony SELECT generate_series(1, 1000);\n" +
	"SELECT pg_relation_filenode('pony') AS file, pg_relation_size('pony') / 8192 AS blocks;\n" +
	strings.Repeat("SELECT sum(n) FROM pony;\n", 20) +
	strings.Repeat("BEGIN;\nDELETE FROM pony WHERE n <= 100;\nROLLBACK;\n", 5) +
	strings.Repeat("SELECT n FROM pony ORDER BY n LIMIT 1;\n", 3) +
	strings.Repeat("SELECT pony FROM nowhere;\n", 2) +
	"TRUNCATE pony;\n"

// want has the numbers that follow from the queries. Those that fail do when they are
// rewritten. Plans are made for 24 queries, 5 deletions and the insertion that EXPLAIN
// executes. A deletion is executed as one statement of several.
const want = `
@blocks[buffer__read__done, %[1]s]: %[2]d
@blocks[buffer__read__start, %[1]s]: %[2]d
@queries[CREATE TAB]: 1
@queries[EXPLAIN (A]: 1
@queries[SELECT pg_]: 1
@queries[TRUNCATE p]: 1
@queries[SELECT pon]: 2
@queries[SELECT n F]: 3
@queries[BEGIN;]: 5
@queries[DELETE FRO]: 5
@queries[ROLLBACK;]: 5
@queries[SELECT sum]: 20
@sorts[sort__done]: 3
@sorts[sort__start]: 3
@steps[query__plan__start]: 30
@steps[query__plan__done]: 30
@steps[query__rewrite__done]: 42
@steps[query__done]: 42
@steps[query__start]: 44
@steps[query__parse__start]: 44
@steps[query__parse__done]: 44
@steps[query__rewrite__start]: 44
@steps[query__execute__start]: 47
@steps[query__execute__done]: 47
@transactions[transaction__abort]: 7
@transactions[transaction__commit]: 27
@transactions[transaction__start]: 34
@wal_records: %[3]s
`

// Each probe of PostgreSQL fires as often as its queries and its own account of them say.
func TestPostgreSQL(t *testing.T) {
	ready(t)
	p := guest.Start(t, "ponytrace", "-e", script)
	p.Await("Attached ")
	account := run(t)
	p.Signal(os.Interrupt)
	file, records := number(t, account, `file = "(\d+)"`), number(t, account, `records=(\d+)`)
	blocks, _ := strconv.Atoi(number(t, account, `blocks = "(\d+)"`))

	printed := strings.ReplaceAll(p.Wait().Stdout, "\n]", "]")
	got := slices.DeleteFunc(sorted(printed), func(row string) bool {
		return strings.HasPrefix(row, "@blocks[") && !strings.Contains(row, ", "+file+"]")
	})
	if want := sorted(fmt.Sprintf(want, file, 20*blocks, records)); !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s\nthe server's account:\n%s",
			strings.Join(got, "\n"), strings.Join(want, "\n"), account)
	}
}

// sorted are the lines of a text: which of two equal counts is printed first depends on
// where the server's compiler put the probes.
func sorted(text string) []string {
	return slices.Sorted(strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' }))
}

// number is what the server says of itself.
func number(t *testing.T, account, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(account)
	if match == nil {
		t.Fatalf("%s is not in\n%s", pattern, account)
	}
	return match[1]
}

// ready makes the data readable by the server alone, who has a name.
func ready(t *testing.T) {
	t.Helper()
	if err := os.Chmod("/postgresql", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("/etc", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/etc/passwd", []byte("postgres:x:1000:1000::/:\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// run hands the queries to a server that does not see itself as root, which owns the data,
// and returns what it prints.
func run(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("/programs/postgres", "--single", "-F", "-D", "/postgresql",
		"-c", "dynamic_shared_memory_type=mmap", "template1")
	ids := []syscall.SysProcIDMap{{ContainerID: 1000, Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids}
	cmd.Stdin = strings.NewReader(queries)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return string(text)
}
