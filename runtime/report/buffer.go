package report

import "io"

// fullBuffer is how much is kept before it is written without a Flush.
const fullBuffer = 64 << 10

// Buffer collects what a sink prints: it appends to Bytes and hands the result to Keep.
type Buffer struct {
	Bytes []byte
	to    io.Writer
	err   error
}

// NewBuffer returns a buffer that writes to w.
func NewBuffer(w io.Writer) Buffer { return Buffer{to: w} }

// Keep takes over what a sink made of Bytes, and writes it when it is much.
func (b *Buffer) Keep(bytes []byte) {
	b.Bytes = bytes
	if len(bytes) >= fullBuffer {
		b.write()
	}
}

func (b *Buffer) write() {
	if len(b.Bytes) > 0 && b.err == nil {
		_, b.err = b.to.Write(b.Bytes)
	}
	b.Bytes = b.Bytes[:0]
}

// Flush writes out what was kept. It returns the first error of any write.
func (b *Buffer) Flush() error {
	b.write()
	return b.err
}
