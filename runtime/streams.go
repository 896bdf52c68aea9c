package runtime

import (
	"io"
	"os"
	"sync"
)

// serial is a stream that several goroutines may write to. A file is one already, and is
// handed to commands of system() as it is.
func serial(to io.Writer) io.Writer {
	switch to := to.(type) {
	case nil:
		return io.Discard
	case *os.File:
		return to
	}
	return &serialWriter{to: to}
}

type serialWriter struct {
	mutex sync.Mutex
	to    io.Writer
}

func (s *serialWriter) Write(text []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.to.Write(text)
}
