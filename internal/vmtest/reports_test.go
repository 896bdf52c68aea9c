package vmtest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// reports are the inputs that people sent, each with the test that runs it or its kind: a
// file of guest/testdata/reports without its number, or a function.
var reports = map[string][]string{
	"01-self-assign":                 {"TestSelfAssignedMaps"},
	"02-argn-byte-offset":            {"TestArgumentsCountBytes", "TestReturnValueCountsBytes"},
	"03-data-loc-buf":                {"03-data-loc-buf.txtar", "TestLocatedText"},
	"03-data-loc-index":              {"03-data-loc-index.txtar", "TestLocatedText"},
	"04-data-loc-bytes":              {"TestFieldsOfAllTracepoints", "TestRecordFields"},
	"05-retval-struct-crash":         {"TestStructsByValue"},
	"06-argument-struct-in-register": {"TestStructsByValue"},
	"07-argv":                        {"07-argv.txtar", "TestArgumentVector"},
	"08-syscall-typedef-sign":        {"TestSystemCallTypedefs"},
	"09-command-left-running":        {"TestCommandEndsWithTheTracing"},
	"10-unsigned-char-text":          {"TestByteArrays"},
	"11-wildcard-retval":             {"TestDiffering"},
	"12-print-key-of-stats":          {"12-print-key-of-stats.txtar", "12-print-key-json.txtar"},
	"13-json-first-line":             {"TestAttachedProbesComeFirst"},
	"14-output-device":               {"TestDevicesAndPipes", "TestOpenFiles"},
	"15-strftime":                    {"15-strftime.txtar", "15-timezone.txtar", "TestTimeFlags", "TestZones"},
	"16-probe-parameter":             {"16-probe-parameter.txtar", "16-probe-parameter-hostile.txtar", "TestProbeParameters"},
	"18-nbsp-before-block":           {"18-nbsp-before-block.txtar", "18-nbsp-in-probe.txtar", "TestUnseen"},
	"21-many-tracepoints-ctrl-c":     {"TestResultsComeBeforeTheLinksAreClosed"},
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// TestEveryReportHasATest: none is forgotten, and a test that is renamed is found missing
// here.
func TestEveryReportHasATest(t *testing.T) {
	functions := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "../.." && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, match := range testFunction.FindAllSubmatch(text, -1) {
			functions[string(match[1])] = true
		}
		return err
	})
	if err != nil || len(functions) < 100 {
		t.Fatalf("%d tests were found: %v", len(functions), err)
	}
	for report, tests := range reports {
		for _, test := range tests {
			if strings.HasSuffix(test, ".txtar") {
				_, err := os.Stat("guest/testdata/reports/" + test)
				functions[test] = err == nil
			}
			if !functions[test] {
				t.Errorf("%s: there is no test %s", report, test)
			}
		}
	}
}
