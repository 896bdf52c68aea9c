package runtime

import "testing"

// The first code counts, and it is read once.
func TestExit(t *testing.T) {
	e := make(exit, 1)
	if code := e.code(); code != 0 {
		t.Errorf("%d before any exit()", code)
	}
	e.stop(3)
	e.stop(4)
	if first, then := e.code(), e.code(); first != 3 || then != 0 {
		t.Errorf("%d, then %d", first, then)
	}
}

// Without a ring buffer there is nothing to wait for.
func TestPumpWithoutBuffer(t *testing.T) {
	p := &pump{}
	p.start()
	p.wake()
	p.drain()
	p.finish()
	p.close()
}
