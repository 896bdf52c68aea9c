package step

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/internal/teach/explain"
	"github.com/ponytrace/ponytrace/lang/diag"
	"github.com/ponytrace/ponytrace/lang/order"
)

// Viewer goes through a run by keys, and draws it for a terminal:
//
//	 run 1 of 2  kprobe:vfs_read  comm="dd" pid=12        title
//	  1  kprobe:vfs_read { @[comm] = hist(arg2) }         the script, and the part at hand
//	                             ~~~~~~~~~~
//	    5  call bpf_get_current_comm#16   | r0  0         the program, and what there is
//	>   6  r1 = map[@]                    | *stack -16 "dd"
//	 bpf_get_current_comm(stack -16, 16) returns 0        what the last instruction did
//	 n next  p back ...                                   keys
//
// The row at > is the one that runs next. What a step changed has a star.
type Viewer struct {
	run    *Run
	of     *explain.Explanation
	event  int
	at     int // steps of the event that have run
	page   viewerPage
	scroll int
	notice string
}

type viewerPage uint8

const (
	stepsPage viewerPage = iota
	mapsPage
	helpPage
)

// NewViewer starts before the first instruction.
func NewViewer(run *Run, of *explain.Explanation) *Viewer { return &Viewer{run: run, of: of} }

// Press does what a key is for; quit tells that it ends the view. Keys that have names
// are "left", "right", "up", "down", "home", "end" and "escape".
func (v *Viewer) Press(key string) (quit bool) {
	v.notice = ""
	if key == "q" || key == "escape" && v.page == stepsPage {
		return true
	}
	switch key {
	case "m":
		v.turn(mapsPage)
	case "?", "h":
		v.turn(helpPage)
	case "escape":
		v.turn(v.page)
	case "down", "j":
		v.scroll++
	case "up", "k":
		v.scroll = max(v.scroll-1, 0)
	default:
		v.move(key)
	}
	return false
}

// turn shows a page, or the steps again.
func (v *Viewer) turn(page viewerPage) {
	if v.page == page {
		page = stepsPage
	}
	v.page, v.scroll = page, 0
}

func (v *Viewer) move(key string) {
	before := [2]int{v.event, v.at}
	switch key {
	case "n", " ", "right", "enter":
		v.forward()
	case "p", "left", "backspace":
		v.backward()
	case "l":
		v.while(v.forward, v.sameLine())
	case "L":
		v.while(v.backward, v.sameLine())
	case "b":
		v.while(v.forward, func() bool { return !v.atBranch() })
	case "B":
		v.while(v.backward, func() bool { return !v.atBranch() })
	case "e":
		v.toEvent(v.event + 1)
	case "E":
		v.toEvent(v.event - 1)
	case "g", "home":
		v.event, v.at = 0, 0
	case "G", "end":
		v.event = max(len(v.run.Events)-1, 0)
		v.at = len(v.current().Steps)
	default:
		v.notice = "no such key; ? lists them"
		return
	}
	if v.page != stepsPage && v.page != mapsPage {
		v.page = stepsPage
	}
	if v.scroll = 0; v.notice == "" && before == [2]int{v.event, v.at} {
		v.notice = "there is nothing further"
	}
}

//go:noinline
func (v *Viewer) current() *Event {
	if len(v.run.Events) == 0 {
		return &Event{}
	}
	return &v.run.Events[v.event]
}

func (v *Viewer) forward() bool {
	switch {
	case v.at < len(v.current().Steps):
		v.at++
	case v.event+1 < len(v.run.Events):
		v.event, v.at = v.event+1, 0
	default:
		return false
	}
	return true
}

func (v *Viewer) backward() bool {
	switch {
	case v.at > 0:
		v.at--
	case v.event > 0:
		v.event--
		v.at = len(v.current().Steps)
	default:
		return false
	}
	return true
}

// while moves once, and on as long as the condition holds.
func (v *Viewer) while(move func() bool, on func() bool) {
	for move() && on() {
	}
}

func (v *Viewer) toEvent(event int) {
	if event < 0 {
		v.at = 0
		return
	}
	if event >= len(v.run.Events) {
		v.at = len(v.current().Steps)
		return
	}
	v.event, v.at = event, 0
}

// row is the one that runs next; at the end of an event, the one that ran last.
func (v *Viewer) row() *explain.Row {
	steps := v.current().Steps
	if len(steps) == 0 {
		return &explain.Row{}
	}
	return rowOf(programOf(v.of, v.current()), steps[min(v.at, len(steps)-1)].Row)
}

// sameLine tells whether the line of the script is the one of now. Where a program has
// one line only, it is the part of it.
func (v *Viewer) sameLine() func() bool {
	event, from := v.event, v.row().Span
	oneLine := !slices.ContainsFunc(programOf(v.of, v.current()).Rows, func(row explain.Row) bool {
		return row.Span.Source != from.Source || row.Span.Line != from.Line
	})
	return func() bool {
		now := v.row().Span
		same := now.Source == from.Source && now.Line == from.Line && (!oneLine || now == from)
		return v.event == event && v.at > 0 && v.at < len(v.current().Steps) && same
	}
}

func (v *Viewer) atBranch() bool {
	steps := v.current().Steps
	return v.at < len(steps) && steps[v.at].Branch != ""
}

const (
	leastHeight = 8
	twoPanes    = 64 // columns from which on program and state stand side by side
)

// Draw returns the lines of a screen, none longer than the width.
func (v *Viewer) Draw(width, height int, color bool) []string {
	d := &drawing{Viewer: v, width: max(width, 20), height: max(height, leastHeight), color: color}
	d.title()
	switch v.page {
	case mapsPage:
		d.text(v.mapLines(), 1)
	case helpPage:
		d.text(d.helpLines(), 1)
	default:
		d.steps()
	}
	d.keys()
	return d.lines[:min(len(d.lines), max(height, 1))]
}

// drawing is a screen in the making.
type drawing struct {
	*Viewer
	width, height int
	color         bool
	lines         []string
}

func (d *drawing) paint(color, text string) string {
	if !d.color {
		return text
	}
	return color + text + normal
}

// pad fits a text into columns.
func pad(text string, width int) string {
	text = cut(text, width)
	return text + strings.Repeat(" ", max(width-diag.Columns(text), 0))
}

//go:noinline
func (d *drawing) add(line string) { d.lines = append(d.lines, strings.TrimRight(line, " ")) }

func (d *drawing) title() {
	e := d.current()
	text := fmt.Sprintf(" run %d of %d  %s", d.event+1, len(d.run.Events), e.Title())
	if len(d.run.Events) == 0 {
		text = " nothing ran"
	}
	d.add(d.paint(reverse, pad(text, d.width)))
}

// text fills the screen but for the last lines, from where it was scrolled to.
func (d *drawing) text(lines []string, below int) {
	room := d.height - len(d.lines) - below
	d.scroll = min(d.scroll, max(len(lines)-room, 0))
	for i := range room {
		line := ""
		if at := d.scroll + i; at < len(lines) {
			line = lines[at]
		}
		d.add(cut(line, d.width))
	}
}

func (d *drawing) steps() {
	d.source()
	did := d.did()
	room := d.height - len(d.lines) - len(did) - 1
	if d.width >= twoPanes {
		left := min(d.width/2, 44)
		program, facts := d.program(left-1, room), d.facts(d.width-left-2, room)
		for i := range room {
			d.add(program[i] + "| " + facts[i])
		}
	} else {
		upper := room / 2
		for _, line := range slices.Concat(d.program(d.width, upper), d.facts(d.width, room-upper)) {
			d.add(line)
		}
	}
	for _, line := range did {
		d.add(line)
	}
}

// source is the line of the script at hand, and what is under way there.
func (d *drawing) source() {
	span := d.row().Span
	if span.Source >= len(d.of.Sources) || span.End <= span.Start {
		d.add("")
		d.add("")
		return
	}
	text := d.of.Sources[span.Source].Text
	start := strings.LastIndexByte(text[:span.Start], '\n') + 1
	line, _, _ := strings.Cut(text[start:], "\n")
	line = strings.ReplaceAll(line, "\t", " ")
	before := diag.Columns(line[:span.Start-start])
	marked := diag.Columns(line[span.Start-start : min(span.End-start, len(line))])
	head := fmt.Sprintf("%4d  ", span.Line)
	room := d.width - len(head)
	line = diag.Printable(line)
	if over := before + min(marked, room) - room; over > 0 {
		left := line[breakAt(line, over):]
		before -= diag.Columns(line) - diag.Columns(left)
		line = left
	}
	marked = max(min(marked, room-before), 1)
	d.add(d.paint(cyan, cut(head+line, d.width)))
	d.add(cut(strings.Repeat(" ", len(head)+before)+strings.Repeat("~", marked), d.width))
}

// program are the rows around the one that runs next.
func (d *drawing) program(width, height int) []string {
	rows, steps := programOf(d.of, d.current()).Rows, d.current().Steps
	next, last := -1, -1
	if d.at < len(steps) {
		next = steps[d.at].Row
	}
	if d.at > 0 {
		last = steps[d.at-1].Row
	}
	middle := next
	if next < 0 {
		middle = last
	}
	first := max(min(middle-height/3, len(rows)-height), 0)
	var lines []string
	for i := first; len(lines) < height; i++ {
		if i >= len(rows) {
			lines = append(lines, strings.Repeat(" ", width))
			continue
		}
		text := fmt.Sprintf("%5d  %s", rows[i].Number, rows[i].Text)
		switch {
		case i == next:
			lines = append(lines, d.paint(bold, pad(">"+text, width)))
		case i == last:
			lines = append(lines, pad("."+text, width))
		default:
			lines = append(lines, d.paint(faint, pad(" "+text, width)))
		}
	}
	return lines
}

// facts is what there is: registers first, then what changed, then the rest.
func (d *drawing) facts(width, height int) []string {
	facts := d.current().At(d.at)
	order.Stable(facts, inOrder)
	d.scroll = min(d.scroll, max(len(facts)-height, 0))
	var lines []string
	for i := range height {
		at := d.scroll + i
		switch {
		case at >= len(facts):
			lines = append(lines, "")
		case i == height-1 && at+1 < len(facts):
			lines = append(lines, d.paint(faint, cut(fmt.Sprintf("  %d more: down", len(facts)-at), width)))
		default:
			lines = append(lines, d.fact(facts[at], width))
		}
	}
	return lines
}

// rank is the order of facts on the screen.
func rank(f Fact) int {
	switch {
	case f.Kind == Register:
		return 0
	case f.Changed:
		return 1
	case f.Kind == Stack:
		return 2
	case f.Kind == Value:
		return 3
	case f.Kind == Memory:
		return 4
	}
	return 5
}

// inOrder sorts registers by their numbers, and leaves the rest as it came up.
func inOrder(a, b Fact) int {
	if a.Kind == Register && b.Kind == Register {
		return cmp.Or(cmp.Compare(len(a.Place), len(b.Place)), strings.Compare(a.Place, b.Place))
	}
	return cmp.Compare(rank(a), rank(b))
}

func (d *drawing) fact(f Fact, width int) string {
	mark, between := " ", "  "
	if f.Changed {
		mark = "*"
	}
	if f.Kind != Register {
		between = ": "
	}
	line := cut(fmt.Sprintf("%s%-3s%s%s", mark, f.Place, between, f.Text), width)
	if f.Changed {
		return d.paint(yellow, line)
	}
	return line
}

// did is what the last instruction did, in two lines, and what happens at the end.
func (d *drawing) did() []string {
	const height = 2
	text := ""
	e := d.current()
	switch {
	case d.notice != "":
		text = d.notice
	case d.at == 0:
		text = "before the first instruction: r1 leads to what the kernel hands to the program, " +
			"r10 to the end of the stack"
	case d.at == len(e.Steps):
		text = d.ended(e)
	default:
		s := &e.Steps[d.at-1]
		row := rowOf(programOf(d.of, e), s.Row)
		text = fmt.Sprintf("%d: %s", row.Number, cmp.Or(s.What, row.Reason))
	}
	lines := wrap(text, d.width-1)
	if len(lines) > height {
		lines = append(lines[:height-1], strings.Join(lines[height-1:], " "))
	}
	for len(lines) < height {
		lines = append(lines, "")
	}
	for i, line := range lines {
		lines[i] = d.paint(bold, cut(" "+line, d.width))
	}
	return lines
}

func (d *drawing) ended(e *Event) string {
	switch output := strings.Join(strings.Fields(e.Output), " "); {
	case e.Error != "":
		return "the run ends here: " + e.Error
	case e.Cut > 0:
		return fmt.Sprintf("%d more steps were not recorded", e.Cut)
	case output != "":
		return "the end of this run. The script prints: " + output
	case len(e.Maps) > 0:
		return "the end of this run; m shows the maps"
	}
	return "the end of this run"
}

func (d *drawing) keys() {
	text := " n next  p back  l line  b branch  e event  m maps  ? help  q quit"
	if d.width < 68 {
		text = " n p l b e m ? help q quit"
	}
	where := fmt.Sprintf("%d/%d ", d.at, len(d.current().Steps))
	d.add(d.paint(reverse, pad(text, d.width-len(where))+where))
}

// mapLines are the maps and the output up to now.
func (v *Viewer) mapLines() (lines []string) {
	texts, printed := map[string]string{}, ""
	for i := range v.run.Events[:min(v.event+1, len(v.run.Events))] {
		if e := &v.run.Events[i]; i < v.event || v.at == len(e.Steps) {
			printed += e.Output
			for _, m := range e.Maps {
				texts[m.Name] = m.Text
			}
		}
	}
	var names []string
	for name, text := range texts {
		if text != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if lines = append(lines, " maps"); names == nil {
		lines = append(lines, "   all are empty")
	}
	for _, name := range names {
		lines = append(lines, linesOf(texts[name])...)
	}
	if printed != "" {
		lines = append(append(lines, "", " printed so far"), linesOf(printed)...)
	}
	return lines
}

func linesOf(text string) []string { return strings.Split(strings.Trim(text, "\n"), "\n") }

const keyHelp = `n, space, right   the next instruction
p, left           the one before
l, L              on, or back, to another line of the script; of a single line, to another part
b, B              on, or back, to the next jump that depends on something
e, E              the next event, or the one before
g, G              the beginning, the end
m                 the maps, and what was printed so far
down, up          scroll
q                 end`

// keyColumn is where what a key does begins.
const keyColumn = 18

func (d *drawing) helpLines() (lines []string) {
	lines = append(lines, "")
	for line := range strings.Lines(keyHelp) {
		for i, part := range wrap(line[keyColumn:], max(d.width-keyColumn-1, 10)) {
			key := line[:keyColumn]
			if i > 0 {
				key = ""
			}
			lines = append(lines, fmt.Sprintf(" %-*s%s", keyColumn, key, part))
		}
	}
	lines = append(lines, "")
	for _, text := range append([]string{Difference}, d.of.Notices...) {
		for _, line := range wrap(text, d.width-2) {
			lines = append(lines, " "+line)
		}
	}
	return lines
}
