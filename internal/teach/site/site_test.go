package site_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ponytrace/ponytrace/internal/chromium"
	"github.com/ponytrace/ponytrace/internal/teach/lesson"
	"github.com/ponytrace/ponytrace/internal/teach/site"
	"github.com/ponytrace/ponytrace/internal/testkit"
)

var desktop = chromium.Look{Width: 1440, Height: 960}

// built is the site behind a server of files that knows nothing of it.
func built(t *testing.T) (address string) {
	t.Helper()
	folder, began := t.TempDir(), time.Now()
	size, err := site.Build(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, packed; built in %.1f s", size, time.Since(began).Seconds())
	server := httptest.NewServer(http.FileServer(http.Dir(folder)))
	t.Cleanup(server.Close)
	return server.URL
}

// Expressions of JavaScript that read what the page shows.
const (
	output   = `document.querySelector("#output").textContent`
	problems = `[...document.querySelectorAll("#problems pre")].map(e => e.textContent).join("\n")`
	wrong    = `[...document.querySelectorAll("#source .wrong")].map(e => e.textContent).join(" ")`
	verdict  = `document.querySelector("#verdict").textContent`
	now      = `document.querySelector("#rows .now .number")?.textContent`
)

func includes(expression, text string) string { return expression + ".includes(`" + text + "`)" }

// enter replaces what a field holds by typing.
func enter(p *chromium.Page, field, text string) {
	p.Click(field)
	p.Eval(`document.activeElement.select()`, nil)
	p.Type(text)
}

// TestSite uses the site as people do.
func TestSite(t *testing.T) {
	testkit.Long(t)
	p := chromium.Open(t)
	address := built(t)
	p.Look(desktop)
	p.Go(address)
	p.Wait("the first result", includes(output, "@bytes[cat]:"))
	var first int
	p.Eval(`+document.documentElement.dataset.first`, &first)
	t.Logf("the first result came after %d ms", first)
	p.Picture("site")

	mistakes(p)
	stages(p)
	steps(p)
	points(p)
	kernels(p)
	lessons(t, p)
	looks(p)
	p.Check()
	for _, asked := range p.Requests() {
		if !strings.HasPrefix(asked, address) {
			t.Errorf("the page asked for %s", asked)
		}
	}
}

// TestFailingWorker: a module whose program has ended is replaced, so that the next question
// is answered.
func TestFailingWorker(t *testing.T) {
	testkit.Long(t)
	p := chromium.Open(t)
	var workers atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/compiler.js":
			http.ServeFile(w, r, "assets/compiler.js")
		case "/worker.js":
			w.Header().Set("Content-Type", "text/javascript")
			w.Header().Set("Cache-Control", "no-store")
			const answer = `onmessage = ({ data }) => postMessage({ id: data.id, %s })`
			if workers.Add(1) == 1 {
				fmt.Fprintf(w, answer, `failure: "the program has ended"`)
			} else {
				fmt.Fprintf(w, answer, `answer: { kernels: ["6.12"] }`)
			}
		default:
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, `<!DOCTYPE html><link rel="icon" href="data:,"><script src="compiler.js"></script><script>
				let told = ""
				const compiler = new Compiler()
				compiler.ask({}).catch(error => { told += error.message; return compiler.ask({}) })
					.then(answer => { told += ", then " + answer.kernels })
			</script>`)
		}
	}))
	t.Cleanup(server.Close)
	p.Go(server.URL)
	p.Want("both answers", "told", "the program has ended, then 6.12")
}

// mistakes: one types, sees an error in its place, mends it and sees the result.
func mistakes(p *chromium.Page) {
	enter(p, "#script", "kprobe:vfs_read { @ = hist(agr2) }\nkprob:x { }")
	p.Want("the words that are wrong", wrong, "agr2 kprob")
	p.Want("the message", includes(problems, "HINT: did you mean arg2?"), "true")
	p.Picture("site-error")
	p.Click("#problems pre")
	p.Want("what a click on the message selects", `(() => {
		const field = document.querySelector("#script")
		return field.value.slice(field.selectionStart, field.selectionEnd)
	})()`, "agr2")
	p.Type("arg2")
	p.Want("the words that are wrong", wrong, "kprob")
	enter(p, "#script", `kprobe:vfs_read { @ = hist(arg2); printf("%s </script>\n", comm) }`)
	p.Want("the words that are wrong", wrong, "")
	enter(p, "#events", "comm=\"<img>\" arg2=3000\ncmom=7")
	p.Want("the message about the events", includes(`document.querySelector("#events-problems").textContent`, "comm"), "true")
	enter(p, "#events", `comm="<img>" arg2=3000 x2`)
	p.Want("the histogram", includes(output, "[2K, 4K)               2 |@@"), "true")
	p.Want("what is printed", includes(output, "<img> </script>"), "true")
}

// stages: each tab has what the compiler made.
func stages(p *chromium.Page) {
	for _, tab := range []struct{ name, text string }{
		{"tree", "hist"}, {"types", "arg2"}, {"ir", "call"}, {"bytecode", "exit"}, {"maps", "bpf_get_current_comm"},
	} {
		p.Click("#choose-" + tab.name)
		p.Want("tab "+tab.name, includes(`document.querySelector("#tab-`+tab.name+`").innerText`, tab.text), "true")
	}
	p.Click("#choose-ir")
	p.Hover("#ir .row:nth-child(5)")
	p.Want("what the operation is for", `document.querySelectorAll("#source .lit").length > 0`, "true")
	p.Picture("site-ir")
}

// steps goes through an event, by keys.
func steps(p *chromium.Page) {
	p.Click("#choose-instructions")
	p.Eval(`document.activeElement.blur()`, nil)
	p.Want("the first instruction", now, "0")
	p.Key("End")
	p.Want("the map after the event", includes(`document.querySelector("#state").textContent`, "Maps after the event"), "true")
	p.Picture("site-step")
	p.Key("e")
	p.Want("the event", `document.querySelector("#player select").value`, "1")
	p.Want("the first instruction", now, "0")
	p.Hover("#rows tr:nth-child(3)")
	p.Want("what the instruction is for", `document.querySelectorAll("#source .lit").length > 0`, "true")
}

// points: where the mouse is in the script, its instructions are lit.
func points(p *chromium.Page) {
	p.Wait("arg2 in the script", `(() => {
		const part = [...document.querySelectorAll("#source .part")].find(e => e.textContent.includes("arg2"))
		part?.setAttribute("data-wanted", "")
		return part
	})()`)
	p.Hover("[data-wanted]")
	p.Want("the instructions of what is pointed at", `document.querySelectorAll("#rows .lit").length > 0`, "true")
}

// kernels: what is compiled for another one.
func kernels(p *chromium.Page) {
	p.Eval(`(() => {
		const kernel = document.querySelector("#kernel")
		kernel.value = "5.10"
		kernel.dispatchEvent(new Event("change"))
	})()`, nil)
	p.Want("the kernel", `document.querySelector("#status").textContent.startsWith("Linux 5.10.")`, "true")
}

// lessons: one reads a lesson, writes what is wrong, then its solution.
func lessons(t *testing.T, p *chromium.Page) {
	second, err := lesson.Find("2")
	if err != nil {
		t.Fatal(err)
	}
	p.Eval(`location.hash = "lesson-2"`, nil)
	p.Want("the lesson", `document.querySelector(".lesson h1")?.textContent`, "2. "+second.Title)
	p.Wait("the lesson's own output", includes(output, strings.TrimSpace(second.Prints())))
	p.Click("#choose-output")
	p.Picture("site-lesson")
	enter(p, "#script", "kprobe:vfs_write { @calls = count() }")
	p.Click("#check")
	p.Want("the verdict", verdict+`.startsWith("Not yet.")`, "true")
	enter(p, "#script", second.Solution)
	p.Click("#check")
	p.Want("the verdict", verdict+`.startsWith("Right")`, "true")
	p.Want("that events are made for it", `!document.querySelector("#made").hidden && !document.querySelector(".stale")`, "true")
	p.Picture("site-passed")
	all, err := lesson.All()
	if err != nil {
		t.Fatal(err)
	}
	p.Want("the lessons to choose from", `document.querySelectorAll("#lesson option[value]:not([value=''])").length`,
		strconv.Itoa(len(all)))
}

// looks: in the dark, and on a phone.
func looks(p *chromium.Page) {
	p.Look(chromium.Look{Width: 1440, Height: 960, Dark: true})
	p.Picture("site-dark")
	p.Look(chromium.Look{Width: 390, Height: 844, Touch: true})
	p.Want("the width that a phone has to scroll", `document.documentElement.scrollWidth`, "390")
	p.Picture("site-phone")
	p.Eval(`location.hash = ""`, nil)
	p.Want("the first script", includes(`document.querySelector("#script").value`, "@bytes[comm]"), "true")
	p.Tap("#choose-instructions")
	p.Want("the first instruction", now, "0")
	p.Picture("site-phone-step")
}
