// Package timezone finds the local time zone as C programs do, from the environment
// variable TZ:
//
//	unset                         /etc/localtime, UTC without one
//	Europe/Berlin                 a file below /usr/share/zoneinfo (or $TZDIR)
//	/path/of/a/file               that file
//	CET-1CEST,M3.5.0,M10.5.0/3    a rule of POSIX: hours west of UTC, and when summer time begins and ends
//
// A colon before any of them says nothing. A name is looked for as a file first. Package
// time reads TZ by itself, but takes rules for UTC in silence, and opens whatever the
// variable names.
//
// We are root, and TZ may be anybody's: only regular files of at most maxFileSize are
// read, and a name cannot leave its folder.
//
// POSIX:
// https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html#tag_08_03; the
// form of the files: https://www.rfc-editor.org/rfc/rfc8536
package timezone

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/ponytrace/ponytrace/runtime/safeopen"
)

// maxFileSize is far above that of the largest file of the time zone database, 4 KiB.
const maxFileSize = 64 << 10

// maxShown bounds what is quoted of TZ.
const maxShown = 80

// patience is how long a file may take: that of a file system of somebody's own may wait
// for ever.
const patience = 5 * time.Second

const localFile = "/etc/localtime"

// folders are where systems keep the database.
var folders = []string{"/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/share/zoneinfo", "/etc/zoneinfo"}

// Local returns the time zone of the environment. It is UTC where there is an error.
func Local() (*time.Location, error) {
	name, set := os.LookupEnv("TZ")
	if !set {
		return zoneOr(readFile(localFile))
	}
	if folder := os.Getenv("TZDIR"); folder != "" {
		return find(name, []string{folder})
	}
	return find(name, folders)
}

// zoneOr returns UTC in the place of a zone that does not exist, which is no error for
// /etc/localtime.
func zoneOr(zone *time.Location, err error) (*time.Location, error) {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return time.UTC, nil
	case err != nil:
		return time.UTC, fmt.Errorf("%s cannot be read (%s): times are printed in UTC", localFile, reason(err))
	}
	return zone, nil
}

func find(value string, folders []string) (*time.Location, error) {
	name := strings.TrimPrefix(value, ":")
	if name == "" {
		return time.UTC, nil
	}
	if path.IsAbs(name) {
		zone, err := readFile(name)
		if err != nil {
			return time.UTC, fmt.Errorf("TZ is %s, and this is no file of a time zone (%s): times are printed in UTC", shown(value), reason(err))
		}
		return zone, nil
	}
	if zone, ok := inFolders(name, folders); ok {
		return zone, nil
	}
	if zone, ok := parseRule(name); ok {
		return zone, nil
	}
	if name == "UTC" || name == "GMT" {
		return time.FixedZone(name, 0), nil
	}
	return time.UTC, fmt.Errorf("TZ is %s, which is neither a time zone in %s nor a rule such as CET-1CEST,M3.5.0,M10.5.0/3: times are printed in UTC",
		shown(value), folders[0])
}

func shown(value string) string {
	if len(value) > maxShown {
		return fmt.Sprintf("%q...", value[:maxShown])
	}
	return fmt.Sprintf("%q", value)
}

// inFolders reads the first file of the name.
func inFolders(name string, folders []string) (*time.Location, bool) {
	if !inside(name) {
		return nil, false
	}
	for _, folder := range folders {
		if zone, err := readFile(path.Join(folder, name)); err == nil {
			return zone, true
		}
	}
	return nil, false
}

// inside reports whether a name stays in the folder that it is looked for in.
func inside(name string) bool {
	return !path.IsAbs(name) && path.Clean(name) == name && name != ".." && !strings.HasPrefix(name, "../")
}

var errContent = errors.New("it holds something else")

// readFile reads a time zone. A file of /proc, which says that it has no bytes, is not
// even read: it could block.
func readFile(name string) (*time.Location, error) {
	return safeopen.Within(patience, func() (*time.Location, error) { return parseFile(name) })
}

func parseFile(name string) (*time.Location, error) {
	file, err := safeopen.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, _, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if size == 0 || size > maxFileSize {
		return nil, errContent
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, err
	}
	zone, err := time.LoadLocationFromTZData(path.Base(name), data)
	if err != nil {
		return nil, errContent
	}
	return zone, nil
}

func reason(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "there is none"
	case errors.Is(err, safeopen.ErrNotRegular):
		return "it is not a regular file"
	case errors.Is(err, os.ErrPermission):
		return "it may not be read"
	case errors.Is(err, errContent):
		return err.Error()
	}
	return "reading it failed"
}

const (
	maxRule    = 255
	abbrevName = `(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)`
	fromUTC    = `[+-]?(?:[01]?\d|2[0-4])(?::[0-5]?\d){0,2}`
	yearDay    = `,(?:J\d{1,3}|\d{1,3}|M\d{1,2}\.\d\.\d)(?:/[+-]?\d{1,3}(?::[0-5]?\d){0,2})?`
	rule       = `^` + abbrevName + fromUTC + `(?:` + abbrevName + `(?:` + fromUTC + `)?(?:` + yearDay + yearDay + `)?)?$`
)

// malformed is the abbreviation of the zone that package time falls back to when it
// cannot read a rule.
const malformed = "?"

// parseRule reads a rule of POSIX.
func parseRule(text string) (*time.Location, bool) {
	if len(text) > maxRule || !regexp.MustCompile(rule).MatchString(text) {
		return nil, false
	}
	zone, err := time.LoadLocationFromTZData(text, ruleFile(text))
	if err != nil {
		return nil, false
	}
	name, _ := time.Unix(0, 0).In(zone).Zone()
	return zone, name != malformed
}

// ruleFile is a file of a time zone whose only content is a rule, for times after the
// last of its transitions, of which it has none. A header is the word TZif, the version,
// 15 bytes and six counts; the first header and the data behind it are for old readers.
//
//	"TZif" '2' ... 0 0 0 0 1 1   type 0: UTC offset, is it summer, abbreviation "\x00"
//	"TZif" '2' ... 0 0 0 0 1 2   type 0: ... "?\x00"
//	"\n" rule "\n"
func ruleFile(text string) []byte {
	header := func(abbreviations byte) string {
		return "TZif2" + strings.Repeat("\x00", 15+4*4) + "\x00\x00\x00\x01\x00\x00\x00" + string(rune(abbreviations))
	}
	zone := strings.Repeat("\x00", 6)
	return []byte(header(1) + zone + "\x00" + header(2) + zone + malformed + "\x00" + "\n" + text + "\n")
}
