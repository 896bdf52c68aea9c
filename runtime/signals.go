package runtime

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/ponytrace/ponytrace/runtime/report"
	"golang.org/x/sys/unix"
)

// # Signals
//
// SIGINT, SIGTERM and SIGHUP ask for the end, SIGUSR1 for the maps. What counts is
// requests, not signals:
//
//	the first             tracing ends, and everything that was collected is printed
//	within requestPeriod  the same request: timeout(1) signals its child and then the child's group
//	the next after that   a line on standard error says what is being waited for, and a command of system() is interrupted
//	a further one         the process ends at once, and says that results are lost
//
// Each request opens a period of its own. So nothing is lost unless somebody asks three
// times in two seconds or more, and who does that is never kept waiting, not even by an
// output that blocks.

// requestPeriod is for how long after a request for the end further signals are taken as
// the same request.
const requestPeriod = time.Second

// requests counts how often the end was asked for.
type requests struct {
	count int
	last  time.Time
}

// add takes a signal, and reports whether it is a new request.
func (r *requests) add(now time.Time) bool {
	if r.count > 0 && now.Sub(r.last) < requestPeriod {
		return false
	}
	r.count++
	r.last = now
	return true
}

// phase is what an ending session is busy with.
type phase int32

const (
	tracing phase = iota
	detaching
	ending
	printing
	endingCommand
	leaving
)

var phaseNames = map[phase]string{
	tracing:       "ending the tracing",
	detaching:     "waiting for the kernel to detach the probes",
	ending:        "running END",
	printing:      "printing the results",
	endingCommand: "ending the command of -c",
	leaving:       "waiting for the kernel to detach the probes, all results are printed",
}

// listen obeys signals until the function that it returns has been called. After that
// Interrupted tells for good.
func (s *Session) listen() (stop func()) {
	over := make(chan struct{})
	var obeying sync.WaitGroup
	obeying.Go(func() { s.obey(over) })
	return func() {
		close(over)
		obeying.Wait()
	}
}

// Interrupt asks for the end, as the first signal does.
func (s *Session) Interrupt() { s.interrupted.Do(s.endSoon) }

// Interrupted reports whether a signal has asked for the end.
func (s *Session) Interrupted() bool {
	select {
	case <-s.interrupt:
		return true
	default:
		return false
	}
}

// obey listens all the time, because a command of system() may keep everything else
// waiting.
func (s *Session) obey(over <-chan struct{}) {
	var end requests
	for {
		select {
		case <-over:
			return
		case signal, open := <-s.options.Signals:
			switch {
			case !open:
				return
			case signal == unix.SIGUSR1:
				s.askForMaps()
			case end.add(time.Now()):
				s.endBy(signal, end.count)
			}
		}
	}
}

// endBy does what the request number count asks for.
func (s *Session) endBy(signal os.Signal, count int) {
	switch count {
	case 1:
		s.Interrupt()
	case 2:
		go s.sayWhatIsLeft() // standard error may block as well
		s.signalCommand(unix.SIGINT)
	default:
		s.endNow(signal)
	}
}

// endSoon interrupts the command that runs, and kills what runs when its time is over.
func (s *Session) endSoon() {
	s.deadline.Store(time.Now().Add(commandPatience).UnixNano())
	s.signalCommand(unix.SIGINT)
	close(s.interrupt)
	time.AfterFunc(commandPatience, func() {
		if s.deadline.Load() != 0 {
			s.signalCommand(unix.SIGKILL)
		}
	})
}

func (s *Session) sayWhatIsLeft() {
	what := phaseNames[phase(s.phase.Load())]
	if s.command.Load() != 0 {
		what = "waiting for a command of system()"
	}
	s.notices.tell(report.Notice{Text: fmt.Sprintf(
		"ponytrace is %s; one more signal ends it at once, without what is not printed yet", what)})
}

// noticePatience is how long the last words may take: standard error may be what blocks.
const noticePatience = 100 * time.Millisecond

// endNow leaves without the results. The kernel detaches what a dead process had
// attached.
func (s *Session) endNow(signal os.Signal) {
	s.signalCommand(unix.SIGKILL)
	s.killCommand()
	said := make(chan struct{})
	go func() {
		defer close(said)
		s.notices.warn("ended at once as asked: what was not printed is lost")
	}()
	select {
	case <-said:
	case <-time.After(noticePatience):
	}
	os.Exit(128 + signalNumber(signal))
}

func signalNumber(signal os.Signal) int {
	if number, ok := signal.(unix.Signal); ok {
		return int(number)
	}
	return int(unix.SIGINT)
}

// askForMaps has whoever prints print all maps.
func (s *Session) askForMaps() {
	if s.Interrupted() {
		return // they are printed anyway
	}
	select {
	case s.asked <- struct{}{}:
	default:
	}
	if s.reader != nil {
		s.reader.Wake()
	}
}
