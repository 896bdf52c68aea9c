package page_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/compiler"
	"github.com/ponytrace/ponytrace/compiler/stage"
	"github.com/ponytrace/ponytrace/compiler/target/frozen"
	"github.com/ponytrace/ponytrace/internal/chromium"
	"github.com/ponytrace/ponytrace/internal/teach/event"
	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"github.com/ponytrace/ponytrace/internal/teach/page"
	"github.com/ponytrace/ponytrace/internal/teach/step"
	"github.com/ponytrace/ponytrace/internal/testkit"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// script has letters of several bytes before its clauses, an end of an element that is
// not to be one, and two programs.
const script = `// größe </script><script>alert(1)</script>
kprobe:vfs_read /arg2 > 100/ { @sizes[comm] = hist(arg2) }
kprobe:vfs_write { @ = count() }
`

const happens = `
kprobe:vfs_read comm="dd" arg2=4096
kprobe:vfs_read comm="<b>cat</b>" arg2=7
kprobe:vfs_read comm="dd" arg2=4096
kprobe:vfs_write
`

// written is the page of the script, as a file.
func written(t *testing.T) string {
	t.Helper()
	parsed, problems := lang.Parse(diag.NewSource("größe.pt", script))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	machine, stages := frozen.Target("6.12"), &stage.Stages{}
	object, err := compiler.Compile(parsed, machine, compiler.Options{Stages: stages})
	if err != nil {
		t.Fatal(err)
	}
	of := event.Script{Object: object, Stages: stages, Target: machine}
	events, problems := event.Parse(diag.NewSource("events", happens), of)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	run, err := step.Record(of, events, step.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := page.Write(&text, page.Content{Explanation: explain.New(object, stages, machine), Run: run}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestText holds what makes the page safe before a browser sees it: one element for each
// thing, whatever the script contains, and no address.
func TestText(t *testing.T) {
	text, err := os.ReadFile(written(t))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("</script>")); n != 2 {
		t.Errorf("%d script elements end, of 2", n)
	}
	if n := bytes.Count(text, []byte("</style>")); n != 1 {
		t.Errorf("%d style elements end, of 1", n)
	}
	if found := regexp.MustCompile(`https?:[^"']*`).FindAll(text, -1); len(found) > 0 {
		t.Errorf("the page names addresses: %s", found)
	}
	for _, markup := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
		if bytes.Contains(text, []byte(markup)) {
			t.Errorf("the scripts use %s", markup)
		}
	}
}

// Expressions of JavaScript that read what the page shows.
const (
	lit   = `[...document.querySelectorAll("#rows .lit .number")].map(e => e.textContent).join(" ")`
	litIn = `[...document.querySelectorAll("#source .lit")].map(e => e.textContent).join("")`
	now   = `document.querySelector("#rows .now .number")?.textContent`
	at    = `document.querySelector("#player output").textContent`
)

// value is what a place holds after the step.
func value(place string) string {
	return `document.querySelector('[data-place="` + place + `"] td:last-child')?.textContent`
}

// holding marks the first element of a kind that has a text, and returns its selector.
func holding(p *chromium.Page, selector, text string) string {
	p.Wait(text, `(() => {
		document.querySelector("[data-wanted]")?.removeAttribute("data-wanted")
		const e = [...document.querySelectorAll("`+selector+`")].find(e => e.textContent.trim() === "`+text+`")
		e?.setAttribute("data-wanted", "")
		return e
	})()`)
	return "[data-wanted]"
}

func TestPage(t *testing.T) {
	testkit.Long(t)
	p := chromium.Open(t)
	p.Look(chromium.Look{Width: 1440, Height: 960})
	p.Go("file://" + written(t))
	p.Want("the title", "document.title", "größe.pt - ponytrace explain")

	lights(t, p)
	steps(p)
	terms(p)
	looks(p)

	for _, address := range p.Requests() {
		if !strings.HasPrefix(address, "file://") {
			t.Errorf("the page asked for %s", address)
		}
	}
}

// lights: pointing at a part of the script lights its instructions, and back.
func lights(t *testing.T, p *chromium.Page) {
	p.Hover(holding(p, "#source .part", "comm"))
	var numbers string
	p.Eval(lit, &numbers)
	if numbers == "" {
		t.Error("no instruction is lit for comm")
	}
	p.Picture("page-light")
	first, _, _ := strings.Cut(numbers, " ")
	p.Hover(holding(p, "#rows .number", first))
	p.Want("the source of instruction "+first, litIn, "comm")

	p.Hover("h1")
	p.Want("what is lit at rest", litIn, "")
	p.Eval(`document.querySelector("`+holding(p, "#source .part", "comm")+`").focus()`, nil)
	p.Want("the instructions at the focus", lit, numbers)
	p.Click("[data-wanted]") // stays lit when the mouse leaves
	p.Hover("h1")
	p.Want("the instructions kept lit", lit, numbers)
	p.Click("[data-wanted]")

	p.Click(holding(p, "#source .part", "= count()"))
	p.Want("the program of the other clause", `document.querySelector("#context h2").textContent`, "kprobe:vfs_write")
	p.Click("[data-wanted]")
}

// steps goes through the events by buttons and keys.
func steps(p *chromium.Page) {
	p.Click("[aria-label='First instruction']")
	p.Want("the first instruction", now, "0")
	p.Click("[aria-label='One instruction forward']")
	p.Want("the place", at+`.split(" ")[0]`, "2")
	p.Key("Home")
	p.Want("the first instruction", now, "0")
	p.Key("b")
	p.Want("the branch", `document.querySelector("#rows .now").dataset.branch`, "passed")
	p.Key("End")
	p.Want("the map after the event", `document.querySelector("#state").textContent.includes("@sizes[dd]")`, "true")
	p.Picture("page-step")
	p.Key("e")
	p.Key("b")
	p.Want("the branch of a small read", `document.querySelector("#rows .now").dataset.branch`, "taken")
	p.Eval(`(() => {
		const slider = document.querySelector("#player input")
		slider.value = 1
		slider.dispatchEvent(new Event("input"))
	})()`, nil)
	p.Want("the place", at+`.split(" ")[0]`, "2")
	p.Want("argument 2 of the event", value("r6"), "7")
	p.Eval(`document.activeElement.blur()`, nil)
	p.Key("ArrowLeft")
	p.Want("the place", at+`.split(" ")[0]`, "1")
}

// terms are explained by the mouse and the focus, and the explanation goes by Escape.
func terms(p *chromium.Page) {
	const tip = `(document.querySelector("#tip:popover-open")?.textContent ?? "")`
	p.Hover("#context .term")
	p.Want("the tip", tip+` !== ""`, "true")
	p.Key("Escape")
	p.Want("the tip", tip, "")
	p.Eval(`document.querySelector("#context .term").focus()`, nil)
	p.Want("the tip at the focus", tip+` !== ""`, "true")
	p.Want("its role", `document.activeElement.getAttribute("aria-describedby")`, "tip")
	p.Eval(`document.activeElement.blur()`, nil)
	p.Key("/")
	p.Want("the help", `document.querySelector("dialog").open`, "true")
	p.Key("Escape")
	p.Want("the help", `document.querySelector("dialog").open`, "false")
}

// looks: light and dark by the system and by the switch, and the width of a phone.
func looks(p *chromium.Page) {
	const paper = `getComputedStyle(document.body).backgroundColor`
	p.Want("the paper", paper, "rgb(253, 253, 251)")
	p.Look(chromium.Look{Width: 1440, Height: 960, Dark: true})
	p.Want("the paper in the dark", paper, "rgb(21, 23, 27)")
	p.Picture("page-dark")
	p.Click("#theme")
	p.Want("the paper after the switch", paper, "rgb(253, 253, 251)")
	p.Look(chromium.Look{Width: 390, Height: 844, Touch: true})
	p.Want("the width that a phone has to scroll", `document.documentElement.scrollWidth`, "390")
	p.Eval(`scrollTo(0, 0)`, nil)
	p.Picture("page-phone")
	p.Tap(holding(p, "#source .part", "comm"))
	p.Want("what a tap lights", lit+` !== ""`, "true")
	p.Picture("page-phone-rows")
}
