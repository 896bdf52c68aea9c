package guesttest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// event is what test2json says, as `go doc test2json` has it.
type event struct {
	Action  string
	Test    string
	Output  string
	Elapsed float64
}

// node is one guest test with the tests inside it.
type node struct {
	name   string
	result string
	took   float64 // seconds
	output strings.Builder
	inner  []*node
}

func (n *node) find(path []string) *node {
	if len(path) == 0 {
		return n
	}
	for _, child := range n.inner {
		if child.name == path[0] {
			return child.find(path[1:])
		}
	}
	child := &node{name: path[0]}
	n.inner = append(n.inner, child)
	return child.find(path[1:])
}

// replay makes the guest's test one of the host's.
func (n *node) replay(t *testing.T) {
	t.Run(n.name, func(t *testing.T) {
		if text := n.text(); text != "" {
			t.Log(text)
		}
		for _, child := range n.inner {
			child.replay(t)
		}
		switch n.result {
		case "pass":
		case "skip":
			t.SkipNow()
		case "fail":
			t.Fail()
		default:
			t.Error("this test did not end")
		}
	})
}

// text is the output without the lines that the host's own test prints again.
func (n *node) text() string {
	var kept strings.Builder
	for line := range strings.Lines(n.output.String()) {
		mark := strings.TrimSpace(line)
		if !strings.HasPrefix(mark, "=== ") && !strings.HasPrefix(mark, "--- ") {
			kept.WriteString(line)
		}
	}
	return strings.TrimRight(kept.String(), "\n")
}

// timed is a test of the top level and the seconds that it took in the guest: the host's
// own clock measures the replay only.
type timed struct {
	name string
	took float64
}

// slowest lists the tests that took a second or more, the longest first.
func (r *results) slowest() string {
	slices.SortStableFunc(r.times, func(a, b timed) int { return cmp.Compare(b.took, a.took) })
	var b strings.Builder
	for _, test := range r.times {
		if test.took >= 1 {
			fmt.Fprintf(&b, "%6.1f s %s\n", test.took, test.name)
		}
	}
	return b.String()
}

// results takes what the guest's test binary prints.
type results struct {
	io.WriteCloser
	t     *testing.T
	root  node
	times []timed
	tool  *exec.Cmd
	ended chan struct{}
}

func listen(t *testing.T) (*results, error) {
	r := &results{t: t, tool: exec.Command("go", "tool", "test2json", "-t"), ended: make(chan struct{})}
	input, err := r.tool.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := r.tool.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.WriteCloser = input
	if err := r.tool.Start(); err != nil {
		return nil, err
	}
	go r.read(output)
	return r, nil
}

func (r *results) read(output io.Reader) {
	defer close(r.ended)
	for events := json.NewDecoder(output); ; {
		var e event
		if events.Decode(&e) != nil {
			return
		}
		if e.Test != "" {
			r.take(e)
		}
	}
}

func (r *results) take(e event) {
	n := r.root.find(strings.Split(e.Test, "/"))
	switch e.Action {
	case "output":
		n.output.WriteString(e.Output)
	case "pass", "fail", "skip":
		n.result, n.took = e.Action, e.Elapsed
		if !strings.Contains(e.Test, "/") {
			r.finish(n)
		}
	}
}

// finish replays a test of the top level and forgets it.
func (r *results) finish(n *node) {
	n.replay(r.t)
	r.times = append(r.times, timed{n.name, n.took})
	for i, other := range r.root.inner {
		if other == n {
			r.root.inner = append(r.root.inner[:i], r.root.inner[i+1:]...)
			return
		}
	}
}

// close replays what never ended and says whether there was any.
func (r *results) close() bool {
	r.WriteCloser.Close()
	<-r.ended
	r.tool.Wait()
	left := len(r.root.inner) > 0
	for _, n := range r.root.inner {
		n.replay(r.t)
	}
	return left
}
