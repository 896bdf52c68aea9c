// Package chromium drives a browser without a window, for tests of pages: it opens them,
// clicks, types, reads what they show and takes pictures.
//
//	page := chromium.Open(t)
//	page.Go("file:///tmp/page.html")
//	page.Click("#next")
//	page.Want("the number of the step", `document.querySelector("#at").textContent`, "1")
//
// It speaks the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/)
// over two pipes, for which the browser needs no port and we no WebSocket: each message is
// JSON with a zero byte behind it. A test fails when its page throws, breaks its
// Content-Security-Policy or writes an error to the console.
//
// Rejected: chromedp, which has a method for all of the protocol, 1,200 files; a dozen of
// its calls are needed here.
package chromium

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/internal/testkit"
)

// names are those of the browser in Debian, Fedora and Google's own packages.
var names = []string{"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"}

// find returns the path of a browser, or nothing.
func find() string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// patience is how long a test waits for what must come.
const patience = time.Minute

// Page is a tab of a browser that is the test's own.
type Page struct {
	t        testing.TB
	to       *os.File
	replies  chan reply
	session  string
	number   int
	requests []string
	faults   []string
}

// reply is a message of the browser: an answer, or an event with a method.
type reply struct {
	ID     int
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct{ Message string }
}

// Open starts a browser that ends with the test, and skips the test where there is none.
func Open(t testing.TB) *Page {
	t.Helper()
	browser := find()
	testkit.Need(t, "chromium", browser != "")
	fromTest, toBrowser, fromBrowser, toTest := pipe(t)
	command := exec.Command(browser, "--headless", "--remote-debugging-pipe", "--no-sandbox",
		"--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
		"--no-first-run", "--hide-scrollbars", "--user-data-dir="+t.TempDir())
	command.ExtraFiles = []*os.File{fromTest, toTest}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	fromTest.Close()
	toTest.Close()
	p := &Page{t: t, to: toBrowser, replies: make(chan reply, 1000)}
	go p.read(fromBrowser)
	t.Cleanup(func() {
		p.end(command)
	})
	p.attach()
	return p
}

func pipe(t testing.TB) (fromTest, toBrowser, fromBrowser, toTest *os.File) {
	t.Helper()
	fromTest, toBrowser, err := os.Pipe()
	if err == nil {
		fromBrowser, toTest, err = os.Pipe()
	}
	if err != nil {
		t.Fatal(err)
	}
	return fromTest, toBrowser, fromBrowser, toTest
}

// end lets the browser write its files before their folder is removed.
func (p *Page) end(command *exec.Cmd) {
	p.to.Close()
	timer := time.AfterFunc(5*time.Second, func() { command.Process.Kill() })
	command.Wait()
	timer.Stop()
}

func (p *Page) read(from *os.File) {
	defer close(p.replies)
	reader := bufio.NewReader(from)
	for {
		text, err := reader.ReadBytes(0)
		if err != nil {
			return
		}
		var r reply
		if json.Unmarshal(text[:len(text)-1], &r) == nil {
			p.replies <- r
		}
	}
}

// attach opens the one tab, and asks for what goes wrong in it.
func (p *Page) attach() {
	var target struct{ TargetID string }
	p.call("Target.createTarget", arguments{"url": "about:blank"}, &target)
	var session struct{ SessionID string }
	p.call("Target.attachToTarget", arguments{"targetId": target.TargetID, "flatten": true}, &session)
	p.session = session.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		p.call(domain+".enable", arguments{}, nil)
	}
}

type arguments map[string]any

// call waits for the answer; events that come before it are noted.
func (p *Page) call(method string, with arguments, result any) {
	p.t.Helper()
	p.number++
	message := arguments{"id": p.number, "method": method, "params": with}
	if p.session != "" {
		message["sessionId"] = p.session
	}
	text, err := json.Marshal(message)
	if err == nil {
		_, err = p.to.Write(append(text, 0))
	}
	if err != nil {
		p.t.Fatalf("%s: %v", method, err)
	}
	timeout := time.After(2 * patience)
	for {
		select {
		case <-timeout:
			p.t.Fatalf("%s: no answer", method)
		case r, open := <-p.replies:
			switch {
			case !open:
				p.t.Fatalf("%s: the browser has ended", method)
			case r.Method != "":
				p.note(r)
			case r.ID != p.number:
			case r.Error != nil:
				p.t.Fatalf("%s: %s", method, r.Error.Message)
			default:
				if result != nil && json.Unmarshal(r.Result, result) != nil {
					p.t.Fatalf("%s: %s", method, r.Result)
				}
				return
			}
		}
	}
}

// note keeps the addresses asked for and what went wrong.
func (p *Page) note(event reply) {
	var details struct {
		Request          struct{ URL string }
		ExceptionDetails struct {
			Text      string
			Exception struct{ Description string }
		}
		Entry struct{ Level, Text, URL string }
		Type  string
		Args  []struct{ Value, Description any }
	}
	json.Unmarshal(event.Params, &details)
	switch event.Method {
	case "Network.requestWillBeSent":
		p.requests = append(p.requests, details.Request.URL)
	case "Runtime.exceptionThrown":
		d := details.ExceptionDetails
		p.faults = append(p.faults, d.Text+" "+d.Exception.Description)
	case "Log.entryAdded":
		if details.Entry.Level == "error" {
			p.faults = append(p.faults, details.Entry.Text+" "+details.Entry.URL)
		}
	case "Runtime.consoleAPICalled":
		if details.Type == "error" {
			p.faults = append(p.faults, fmt.Sprint("console: ", details.Args))
		}
	}
}

// Requests are the addresses that pages have asked for, data: and blob: left out.
func (p *Page) Requests() []string {
	p.Check()
	return slices.DeleteFunc(slices.Clone(p.requests), func(address string) bool {
		return strings.HasPrefix(address, "data:") || strings.HasPrefix(address, "blob:")
	})
}

// Check fails the test if something went wrong in the page.
func (p *Page) Check() {
	p.t.Helper()
	p.Eval("0", nil) // so that all events before have come
	if len(p.faults) > 0 {
		p.t.Fatalf("the page reports:\n%s", strings.Join(p.faults, "\n"))
	}
}
