package unxz

import (
	"bytes"
	"errors"
)

var (
	// ErrFormat means that the text is none of xz, or has a filter besides LZMA2.
	ErrFormat = errors.New("not packed by xz with LZMA2 alone")
	// ErrDamaged means that the text ends too early or makes no sense.
	ErrDamaged = errors.New("damaged xz data")
	// ErrLong means that more would be unpacked than may be.
	ErrLong = errors.New("the xz data unpacks to too much")
)

const (
	magic        = "\xfd7zXZ\x00"
	streamHeader = 12
	filterLZMA2  = 0x21

	flagFilters  = 0x03 // how many there are, less one
	flagPacked   = 0x40
	flagUnpacked = 0x80
)

// checkSizes are those of the kinds of checks.
var checkSizes = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

// Unpack returns what the first stream of a text unpacks to, if that is no more than a
// limit.
func Unpack(text []byte, limit int) ([]byte, error) {
	if len(text) < streamHeader || string(text[:len(magic)]) != magic || text[6] != 0 || text[7] > 15 {
		return nil, ErrFormat
	}
	check := checkSizes[text[7]]
	d := &decoder{in: text[streamHeader:], limit: limit}
	for {
		switch {
		case len(d.in) == 0:
			return nil, ErrDamaged
		case d.in[0] == 0: // the index
			return d.out, nil
		}
		before := len(d.in)
		if err := d.block(); err != nil {
			return nil, err
		}
		padding := -(before - len(d.in)) & 3
		if len(d.in) < padding+check {
			return nil, ErrDamaged
		}
		d.in = d.in[padding+check:]
	}
}

// block unpacks one block.
func (d *decoder) block() error {
	size := 4 * (int(d.in[0]) + 1)
	if len(d.in) < size {
		return ErrDamaged
	}
	if err := readHeader(d.in[1 : size-4]); err != nil {
		return err
	}
	d.in = d.in[size:]
	return d.chunks()
}

// readHeader reads the header of a block but for its length and sum. The filter has one
// property, the size of its dictionary, which is not needed.
func readHeader(text []byte) error {
	if len(text) == 0 {
		return ErrDamaged
	}
	flags, r := text[0], bytes.NewReader(text[1:])
	for _, flag := range []byte{flagPacked, flagUnpacked} {
		if flags&flag != 0 {
			if _, err := number(r); err != nil {
				return err
			}
		}
	}
	filter, err := number(r)
	if err != nil {
		return err
	}
	if flags&flagFilters != 0 || filter != filterLZMA2 {
		return ErrFormat
	}
	return nil
}

// number reads groups of 7 bits, of which the last has bit 7 clear.
func number(r *bytes.Reader) (n uint64, err error) {
	for shift := 0; shift < 63; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, ErrDamaged
		}
		if n |= uint64(b&0x7f) << shift; b < 0x80 {
			return n, nil
		}
	}
	return 0, ErrDamaged
}

// The control bytes of chunks; others below controlPacked are none.
const (
	controlEnd        = 0
	controlPlainReset = 1 // bytes as they are, with a new dictionary
	controlPlain      = 2
	controlPacked     = 0x80
	// Of a packed chunk, the two bits after the first: what begins anew.
	anewState = 1
	anewShape = 2
	anewAll   = 3
)

// chunks unpacks those of a block.
func (d *decoder) chunks() error {
	d.needs = anewAll
	for {
		if len(d.in) == 0 {
			return ErrDamaged
		}
		control := d.in[0]
		d.in = d.in[1:]
		var err error
		switch {
		case control == controlEnd:
			return nil
		case control >= controlPacked:
			err = d.packed(control)
		case control == controlPlain || control == controlPlainReset:
			err = d.plain(control == controlPlainReset)
		default:
			err = ErrDamaged
		}
		if err != nil {
			return err
		}
	}
}

// plain copies bytes as they are. Their length comes first, less one.
func (d *decoder) plain(anew bool) error {
	if len(d.in) < 2 || d.needs == anewAll && !anew {
		return ErrDamaged
	}
	if anew {
		d.start, d.needs = len(d.out), anewShape
	}
	size := int(d.in[0])<<8 + int(d.in[1]) + 1
	if len(d.in) < 2+size {
		return ErrDamaged
	}
	if len(d.out)+size > d.limit {
		return ErrLong
	}
	d.out = append(d.out, d.in[2:2+size]...)
	d.in = d.in[2+size:]
	return nil
}

// packed runs a chunk: 21 bits and 16 bits of the sizes unpacked and packed, less one;
// and the shape, where that begins anew.
func (d *decoder) packed(control byte) error {
	anew := int(control >> 5 & 3)
	if len(d.in) < 5 || anew < d.needs {
		return ErrDamaged
	}
	size := int(control&0x1f)<<16 + int(d.in[0])<<8 + int(d.in[1]) + 1
	packed := int(d.in[2])<<8 + int(d.in[3]) + 1
	d.in = d.in[4:]
	if anew == anewAll {
		d.start = len(d.out)
	}
	if anew >= anewShape {
		if err := d.shape(d.in[0]); err != nil {
			return err
		}
		d.in = d.in[1:]
	}
	if anew >= anewState {
		d.reset()
	}
	d.needs = 0
	if len(d.in) < packed {
		return ErrDamaged
	}
	if len(d.out)+size > d.limit {
		return ErrLong
	}
	err := d.run(d.in[:packed], len(d.out)+size)
	d.in = d.in[packed:]
	return err
}

// shape sets how many bits of the byte before, and of the position, choose the
// probabilities.
func (d *decoder) shape(n byte) error {
	if n >= 9*5*5 {
		return ErrDamaged
	}
	before, low, bits := int(n%9), int(n/9%5), int(n/45)
	if before+low > 4 {
		return ErrDamaged
	}
	d.before, d.low, d.position = before, 1<<low-1, 1<<bits-1
	return nil
}
