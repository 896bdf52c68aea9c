package runtime

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
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

// interruption is the request for the end, by signals or otherwise.
type interruption struct {
	signals <-chan os.Signal
	notices *notices
	shell   *shell
	command *command
	maps    func()        // asks for the maps
	ended   chan struct{} // closed when the end was asked for
	once    sync.Once
	phase   atomic.Int32 // what the session is busy with
}

func (i *interruption) enter(p phase) { i.phase.Store(int32(p)) }

// listen obeys signals until the function that it returns has been called. After that
// asked tells for good.
func (i *interruption) listen() (stop func()) {
	over := make(chan struct{})
	var obeying sync.WaitGroup
	obeying.Go(func() { i.obey(over) })
	return func() {
		close(over)
		obeying.Wait()
	}
}

// ask asks for the end, as the first signal does.
func (i *interruption) ask() {
	i.once.Do(func() {
		i.shell.endSoon()
		close(i.ended)
	})
}

// asked reports whether the end was asked for.
func (i *interruption) asked() bool {
	select {
	case <-i.ended:
		return true
	default:
		return false
	}
}

// obey listens all the time, because a command of system() may keep everything else
// waiting.
func (i *interruption) obey(over <-chan struct{}) {
	var end requests
	for {
		select {
		case <-over:
			return
		case signal, open := <-i.signals:
			switch {
			case !open:
				return
			case signal == unix.SIGUSR1:
				i.maps()
			case end.add(time.Now()):
				i.endBy(signal, end.count)
			}
		}
	}
}

// endBy does what the request number count asks for.
func (i *interruption) endBy(signal os.Signal, count int) {
	switch count {
	case 1:
		i.ask()
	case 2:
		go i.sayWhatIsLeft() // standard error may block as well
		i.shell.signal(unix.SIGINT)
	default:
		i.endNow(signal)
	}
}

func (i *interruption) sayWhatIsLeft() {
	what := phaseNames[phase(i.phase.Load())]
	if i.shell.running() {
		what = "waiting for a command of system()"
	}
	i.notices.tell(report.Notice{Text: fmt.Sprintf(
		"ponytrace is %s; one more signal ends it at once, without what is not printed yet", what)})
}

// noticePatience is how long the last words may take: standard error may be what blocks.
const noticePatience = 100 * time.Millisecond

// endNow leaves without the results. The kernel detaches what a dead process had
// attached.
func (i *interruption) endNow(signal os.Signal) {
	i.shell.signal(unix.SIGKILL)
	i.command.kill()
	said := make(chan struct{})
	go func() {
		defer close(said)
		i.notices.warn("ended at once as asked: what was not printed is lost")
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
