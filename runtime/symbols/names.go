package symbols

import "github.com/ponytrace/ponytrace/runtime/binary"

// decoded keeps names that were decoded, which takes microseconds: stacks have the same
// functions again and again.
type decoded struct {
	raw   bool // names stay as they are
	texts map[string]string
	bytes int
}

func (d *decoded) text(name []byte) string {
	if d.raw || !binary.Mangled(name) {
		return string(name)
	}
	text, known := d.texts[string(name)]
	if known {
		return text
	}
	text = binary.Decode(string(name))
	if d.bytes += len(name) + len(text); d.texts == nil || d.bytes > maxDecoded {
		d.texts, d.bytes = map[string]string{}, len(name)+len(text)
	}
	d.texts[string(name)] = text
	return text
}

const (
	maxName    = 4 << 10 // longer ones are cut
	maxDecoded = 4 << 20 // bytes of names, decoded or not
)
