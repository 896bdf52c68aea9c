package runtime

// exit holds the exit code with which the session is to end.
type exit chan int

// stop ends the session; the first one counts.
func (e exit) stop(code int) {
	select {
	case e <- code:
	default:
	}
}

// code is that of an exit() that arrived in time.
func (e exit) code() int {
	select {
	case code := <-e:
		return code
	default:
		return 0
	}
}
