package frozen

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target/unxz"
)

// Files are those of an archive by their names, KERNEL/FILE. An archive is packed by xz;
// unpacked it is
//
//	SIZE NAME   a line for each file, sorted by the names
//	            an empty line
//	...         what the files hold
type Files map[string][]byte

// maxUnpacked bounds an archive.
const maxUnpacked = 16 << 20

var errArchive = errors.New("damaged archive of targets")

// Unpack reads an archive.
func Unpack(packed []byte) (Files, error) {
	text, err := unxz.Unpack(packed, maxUnpacked)
	if err != nil {
		return nil, err
	}
	index, rest, _ := bytes.Cut(text, []byte("\n\n"))
	files := Files{}
	for line := range strings.SplitSeq(string(index), "\n") {
		number, name, _ := strings.Cut(line, " ")
		size, err := strconv.Atoi(number)
		if err != nil || size < 0 || size > len(rest) {
			return nil, errArchive
		}
		files[name], rest = rest[:size:size], rest[size:]
	}
	return files, nil
}

// Unpacked returns what is to be packed.
func (f Files) Unpacked() []byte {
	var index, contents bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(f)) {
		fmt.Fprintln(&index, len(f[name]), name)
		contents.Write(f[name])
	}
	return slices.Concat(index.Bytes(), []byte("\n"), contents.Bytes())
}
