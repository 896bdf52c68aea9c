package chromium

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strconv"
	"time"
)

// Go opens an address and waits until it is loaded.
func (p *Page) Go(address string) {
	p.t.Helper()
	p.call("Page.navigate", arguments{"url": address}, nil)
	p.Wait("the page", `location.href !== "about:blank" && document.readyState === "complete"`)
}

// Eval evaluates an expression of JavaScript, waits for it where it is a promise, and
// stores its value in result unless that is nil.
func (p *Page) Eval(expression string, result any) {
	p.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	p.call("Runtime.evaluate", arguments{
		"expression": expression, "awaitPromise": true, "returnByValue": true,
	}, &answer)
	if thrown := answer.ExceptionDetails; thrown != nil {
		p.t.Fatalf("%s: %s", expression, thrown.Exception.Description)
	}
	if result == nil {
		return
	}
	if err := json.Unmarshal(answer.Result.Value, result); err != nil {
		p.t.Fatalf("%s is %s: %v", expression, answer.Result.Value, err)
	}
}

// Wait waits until a condition holds.
func (p *Page) Wait(what, condition string) {
	p.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		var holds bool
		p.Eval("Boolean("+condition+")", &holds)
		if holds {
			return
		}
		if time.Now().After(end) {
			p.Check()
			p.t.Fatalf("%s does not come: %s", what, condition)
		}
	}
}

// Want waits until an expression is a text.
func (p *Page) Want(what, expression, text string) {
	p.t.Helper()
	var got string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		p.Eval("String("+expression+")", &got)
		if got == text {
			return
		}
	}
	p.Check()
	p.t.Fatalf("%s is %q, not %q", what, got, text)
}

// middle scrolls an element into sight and returns its middle, once the page has drawn it
// there.
func (p *Page) middle(selector string) (x, y float64) {
	p.t.Helper()
	p.Wait(selector, "document.querySelector("+strconv.Quote(selector)+")")
	var at struct{ X, Y float64 }
	p.Eval(`(async () => {
		const e = document.querySelector(`+strconv.Quote(selector)+`)
		e.scrollIntoView({block: "center", behavior: "instant"})
		for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame)
		const r = e.getClientRects()[0]
		return {X: r.x + r.width / 2, Y: r.y + r.height / 2}
	})()`, &at)
	return at.X, at.Y
}

// Hover moves the mouse over an element.
func (p *Page) Hover(selector string) {
	p.t.Helper()
	x, y := p.middle(selector)
	p.call("Input.dispatchMouseEvent", arguments{"type": "mouseMoved", "x": x, "y": y}, nil)
}

// Click presses and releases the left button over an element.
func (p *Page) Click(selector string) {
	p.t.Helper()
	x, y := p.middle(selector)
	for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		p.call("Input.dispatchMouseEvent", arguments{
			"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1,
		}, nil)
	}
}

// Tap touches an element.
func (p *Page) Tap(selector string) {
	p.t.Helper()
	x, y := p.middle(selector)
	p.call("Input.dispatchTouchEvent", arguments{
		"type": "touchStart", "touchPoints": []arguments{{"x": x, "y": y}},
	}, nil)
	p.call("Input.dispatchTouchEvent", arguments{"type": "touchEnd", "touchPoints": []arguments{}}, nil)
}

// Type enters text where the cursor is.
func (p *Page) Type(text string) {
	p.t.Helper()
	p.call("Input.insertText", arguments{"text": text}, nil)
}

// Key presses a key by its name, such as ArrowRight; a single character is typed.
func (p *Page) Key(name string) {
	p.t.Helper()
	key := arguments{"type": "keyDown", "key": name, "code": name, "windowsVirtualKeyCode": codes[name]}
	if len(name) == 1 {
		key["text"] = name
	}
	p.call("Input.dispatchKeyEvent", key, nil)
	delete(key, "text")
	key["type"] = "keyUp"
	p.call("Input.dispatchKeyEvent", key, nil)
}

// codes are the numbers of keys for which their name is not enough.
var codes = map[string]int{
	"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36,
	"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
}

// Look is what a page is seen on.
type Look struct {
	Width, Height int
	Dark          bool
	Touch         bool
}

// Look makes the page look as on another screen.
func (p *Page) Look(look Look) {
	p.t.Helper()
	p.call("Emulation.setDeviceMetricsOverride", arguments{
		"width": look.Width, "height": look.Height, "deviceScaleFactor": 1, "mobile": look.Touch,
	}, nil)
	p.call("Emulation.setTouchEmulationEnabled", arguments{"enabled": look.Touch}, nil)
	scheme := "light"
	if look.Dark {
		scheme = "dark"
	}
	p.call("Emulation.setEmulatedMedia", arguments{
		"features": []arguments{{"name": "prefers-color-scheme", "value": scheme}},
	}, nil)
}

// Picture writes what the page shows to a PNG file in the folder that the environment
// variable SCREENSHOTS names, if it is set, for people to look at.
func (p *Page) Picture(name string) {
	p.t.Helper()
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		return
	}
	var picture struct{ Data string }
	p.call("Page.captureScreenshot", arguments{"format": "png"}, &picture)
	data, err := base64.StdEncoding.DecodeString(picture.Data)
	if err == nil {
		err = os.WriteFile(folder+"/"+name+".png", data, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
