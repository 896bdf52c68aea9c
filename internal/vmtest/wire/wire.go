// Package wire is what the two ends of a test machine say to each other.
//
// Before the machine starts, the host puts a [Job] at [JobPath] in the initramfs: the
// modules to load, the commands to run, the files wanted back. The init process reads it
// and from then on only the guest speaks, through a virtio serial port named [PortName],
// in frames: one byte of kind, four bytes of length (big endian), the payload. The port
// delivers in order and without loss, so there are no checksums and no acknowledgements.
//
// The order of frames is the protocol. [Ready] is the first and ends the part of a
// machine's life in which its death may be forgiven: before it no command has run.
// [Stdout] and [Stderr] follow as the commands write. Each command ends with one [Exit].
// Then come the files, each a [FileStart] and its [FileData], and [Done] last. A stream
// that ends without Done belongs to a machine that died.
//
// [Note] may come anywhere: a sentence of the init for whoever reads the console.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

const (
	JobPath  = "/job.json"
	PortName = "ponytrace.frames"
	maxFrame = 1 << 24
)

// Kind says what the payload of a frame is.
type Kind byte

const (
	Ready     Kind = 'r' // the kernel's release
	Stdout    Kind = 'o'
	Stderr    Kind = 'e'
	Exit      Kind = 'x' // an ExitStatus
	FileStart Kind = 'f' // a FileHeader
	FileData  Kind = 'd'
	Note      Kind = 'n'
	Done      Kind = 'q'
)

// Job is all that the init needs to know.
type Job struct {
	Modules  []Module
	Commands []Command
	Get      []string // patterns of files and folders to send back after the last command
	Tracefs  bool
	Env      []string
}

// Module is one kernel module in the initramfs and the parameters to load it with.
type Module struct {
	Path   string
	Params string
}

// Command is run to its end before the next one starts, unless it is a background one.
type Command struct {
	Args       []string
	Background bool
}

// ExitStatus tells how the command with that index ended. Signal is empty unless a signal
// killed it.
type ExitStatus struct {
	Command int
	Code    int
	Signal  string
}

// FileHeader announces a file or a folder of the guest, by its path there.
type FileHeader struct {
	Path string
	Mode fs.FileMode
}

// Writer makes frames of whole writes. It may be used from several goroutines.
type Writer struct {
	mu sync.Mutex
	w  io.Writer
}

func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

func (w *Writer) Send(kind Kind, payload []byte) error {
	frame := make([]byte, 5, 5+len(payload))
	frame[0] = byte(kind)
	binary.BigEndian.PutUint32(frame[1:], uint32(len(payload)))
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.w.Write(append(frame, payload...))
	return err
}

func (w *Writer) SendJSON(kind Kind, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.Send(kind, payload)
}

// Stream gives a writer whose every write becomes one frame of that kind.
func (w *Writer) Stream(kind Kind) io.Writer { return stream{w, kind} }

type stream struct {
	w    *Writer
	kind Kind
}

func (s stream) Write(p []byte) (int, error) {
	if err := s.w.Send(s.kind, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Read takes one frame off r. The error is io.EOF only between frames.
func Read(r io.Reader) (Kind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("a frame of %d bytes: this is no frame", n)
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return Kind(head[0]), payload, nil
}
