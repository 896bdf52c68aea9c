package runtime

import (
	"fmt"
	"syscall"

	"github.com/ponytrace/ponytrace/compiler/object"
)

// probes is to how many probes the script attaches.
func (s *Session) probes() int {
	n := 0
	for _, program := range s.object.Programs {
		for i := range program.Points {
			n += probesAt(program, i)
		}
	}
	return n
}

func probesAt(program *object.ProgramSpec, point int) int {
	return max(len(program.Points[point].Symbols), 1) * program.Clauses
}

// served is how many probes an attachment brings: one for system calls brings all points of its programs.
func (s *Session) served(program *object.ProgramSpec, attachment int) int {
	if len(program.Attachments()) > 1 {
		return probesAt(program, attachment)
	}
	n := 0
	for _, p := range s.servedBy(program) {
		for i := range p.Points {
			n += probesAt(p, i)
		}
	}
	return n
}

// announce says that tracing has begun.
func (s *Session) announce(n int) {
	s.attached.Store(int64(n))
	switch {
	case s.options.JSON && s.reader == nil:
		s.tellAttached()
	case s.options.JSON:
		s.reader.Wake()
	case n == 1:
		s.notice("Attached 1 probe")
	default:
		s.notice(fmt.Sprintf("Attached %d probes", n))
	}
}

// tellAttached prints what announce left for the loop, which alone prints if there is one.
func (s *Session) tellAttached() {
	if s.options.JSON && s.attached.Load() != notAttached && !s.told {
		s.told = true
		s.out.Attached(int(s.attached.Load()))
		s.flush()
	}
}

// notAttached stands for the number of probes before it is told.
const notAttached = -1

// reportLosses says what was lost, how much, and what helps.
func (s *Session) reportLosses() {
	if n := s.store.Load(object.DataDropped); n > 0 {
		fmt.Fprintf(s.options.Stderr, "WARNING: %d events were lost because the buffer was full; a larger one: perf_rb_pages = %d\n",
			n, 4*s.object.Settings.RingBufferPages)
	}
	s.reportReads(func(uint64) bool { return true })
	if f := s.object.Following; f != nil {
		if n := s.store.Load(f.Set.Full); n > 0 {
			fmt.Fprintf(s.options.Stderr, "WARNING: %d processes were not followed, because there were too many at once\n", n)
		}
	}
	for _, m := range s.object.Maps {
		if m.Kernel == "" {
			continue
		}
		if n := s.store.Load(m.Full); n > 0 {
			s.reportFull(m, n)
		}
		if m.Inserted != 0 {
			s.reportDropped(m)
		}
	}
	if n := s.store.Load(object.DataCut); n > 0 {
		fmt.Fprintf(s.options.Stderr, "WARNING: loops were cut off %d times, because they went on for longer than this kernel allows\n", n)
	}
	if s.user.Refused() {
		most := s.object.Settings.MaxSymbolBytes
		fmt.Fprintf(s.options.Stderr, "WARNING: addresses of processes printed as numbers, because the names of functions took more than %d MiB; more: max_symbol_bytes = %d\n",
			most>>20, 4*most)
	}
	if s.skipped > 0 {
		fmt.Fprintf(s.options.Stderr, "WARNING: %d commands of system() did not run, because tracing was interrupted\n", s.skipped)
	}
	if s.missed > 0 {
		fmt.Fprintf(s.options.Stderr, "WARNING: %d events were missed because the probe was busy on the same CPU\n", s.missed)
	}
}

// moreRoom is what a script says to have four times the room.
func moreRoom(m *object.MapSpec) string {
	if m.Kind != "" {
		return fmt.Sprintf("let @%s = %s(%d)", m.Name, m.Kind, 4*m.MaxEntries)
	}
	return fmt.Sprintf("max_map_keys = %d", 4*m.MaxEntries)
}

// reportFull says why n updates found no place, as the last of them was refused: a map also refuses a key for which no memory
// is ready, or while an event on the same CPU interrupts the insertion of another.
func (s *Session) reportFull(m *object.MapSpec, n uint64) {
	refusal := syscall.Errno(-int32(s.store.Load(m.Refusal)))
	if refusal == syscall.E2BIG || s.table(m).Len() >= m.MaxEntries {
		fmt.Fprintf(s.options.Stderr, "WARNING: the map @%s was full at %d keys: %d updates were lost; more room: %s\n",
			m.Name, m.MaxEntries, n, moreRoom(m))
		return
	}
	why := "it was in use on the same CPU"
	if m.Recent && refusal == 0 {
		why = "their keys were dropped at once for others"
	}
	if refusal == syscall.ENOMEM {
		why = "the kernel had no memory ready for as many new keys at once" + reserve(m)
	}
	fmt.Fprintf(s.options.Stderr, "WARNING: %d updates of the map @%s were lost, because %s\n", n, m.Name, why)
}

// reportDropped says how many keys the kernel has dropped from a map for others, and what was counted of them since the last
// clear() with them.
func (s *Session) reportDropped(m *object.MapSpec) {
	n, err := s.store.Map(m).Dropped(s.store.Load(m.Inserted))
	if err != nil || n == 0 {
		return
	}
	fmt.Fprintf(s.options.Stderr, "WARNING: %d keys of the map @%s, which were not used for the longest time, were dropped for new ones with what they held; more room: %s\n",
		n, m.Name, moreRoom(m))
}

// reserve is what a script says to have the memory of a per-CPU map before tracing starts.
func reserve(m *object.MapSpec) string {
	if m.Storage != object.CPUHash || m.Kind != "" {
		return ""
	}
	return fmt.Sprintf("; memory set aside for 4096: let @%s = percpuhash(4096)", m.Name)
}
