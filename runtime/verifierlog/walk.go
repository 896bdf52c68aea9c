package verifierlog

import (
	"slices"
	"strconv"
	"strings"
)

// Limits of what is kept. The verifier itself keeps 8192 ways
// (BPF_COMPLEXITY_LIMIT_JMP_SEQ).
const (
	maxKept   = 8192
	maxValues = 1 << 16
	maxVaries = 64 // places of an instruction
	// maxFunctions of a program (BPF_MAX_SUBPROGS)
	maxFunctions = 256
	maxCompared  = 1 << 12 // visits of an instruction that are compared with the first
)

// walker follows the verifier along the lines of its log.
type walker struct {
	program      Program
	values       map[string]*value
	instructions map[int]*Instruction
	jumps        map[int]*jumps
	// partial: the log has what changed, not all of a state.
	partial bool
	now     state
	visit   *visit // the instruction whose outcome is not known yet; nil between paths
	kept    []way
	// calls are the calls of functions that the path is inside of.
	calls   []*visit
	expects expected
	// begins: a path has its first state, but no instruction yet.
	begins bool
	began  bool // some path
	start  []Fact
	total  Total
}

// expected is whose the next state without a number is.
type expected uint8

const (
	noFunction expected = iota
	callee
	caller
)

// visit is one of an instruction.
type visit struct {
	at       *Instruction
	before   state
	class    byte // of the operation
	code     byte
	text     string
	target   int // of a conditional jump; -1 for none
	informed bool
}

// way is what the verifier keeps for later at a conditional jump.
type way struct {
	from, target int
	before       state
	calls        []*visit
	first        bool // of the visits of the jump
	text         string
}

// null tells of an address that is null where a check of that jumps. Since 7.0 the verifier
// forgets it there, as nothing reads it any more.
func (kept *way) null(after state) []Fact {
	register, found := strings.CutPrefix(kept.text, "if r")
	register, isCheck := strings.CutSuffix(register, " == 0x0")
	p, isRegister := placeOf("R" + register)
	if !found || !isCheck || !isRegister || !kept.before.get(p).value.null {
		return nil
	}
	if _, known := after.index(p); known {
		return nil
	}
	return []Fact{{Place: p.String(), Text: "null"}}
}

// jumps counts how a conditional jump ended.
type jumps struct{ taken, passed bool }

func newWalker(program Program) *walker {
	return &walker{
		program: program, values: map[string]*value{},
		instructions: map[int]*Instruction{}, jumps: map[int]*jumps{},
	}
}

// line takes a line of the log.
func (w *walker) line(text string) {
	switch {
	case text == "":
	case text[0] >= '0' && text[0] <= '9':
		w.numbered(text)
	case strings.HasPrefix(text, "from "):
		w.from(text)
	case text[0] == ' ' && isState(text):
		w.loose(text)
	case strings.HasPrefix(text, "to caller at "):
		w.expects = caller
	case strings.HasPrefix(text, "callee:"):
		w.expects = callee
	case strings.HasPrefix(text, "stack depth "):
		w.total.stack(strings.TrimPrefix(text, "stack depth "))
	case strings.HasPrefix(text, "subprog "):
		w.total.function(strings.Fields(text))
	case strings.HasPrefix(text, "processed "):
		w.total.sum(strings.Fields(text))
	}
}

// numbered takes an instruction, the state before one, or the end of a path.
func (w *walker) numbered(text string) {
	digits, rest, found := strings.Cut(text, ":")
	number, err := strconv.Atoi(digits)
	rest = strings.TrimPrefix(rest, " ")
	switch {
	case !found || err != nil || number >= maxInstructions:
	case strings.HasPrefix(rest, "("):
		w.instruction(number, rest)
	case strings.HasPrefix(rest, "safe"):
		w.ends(number)
	case isState(rest):
		w.before(number, rest)
	}
}

// instruction begins a visit: "(bf) r6 = r0      ; R0=scalar(id=1) R6=scalar(id=1)".
func (w *walker) instruction(number int, text string) {
	code, text, found := strings.Cut(text[1:], ") ")
	operation, err := strconv.ParseUint(code, 16, 8)
	if !found || err != nil || len(w.instructions) >= maxInstructions {
		return
	}
	text, after, inline := strings.Cut(text, ";")
	inline = inline && isState(after)
	w.leave(number)
	if !w.began {
		w.began, w.start = true, w.difference(nil, w.now, "")
	}
	w.begins = false
	w.visit = w.newVisit(number, byte(operation), strings.TrimRight(text, " "))
	if w.visit.helper() {
		w.now = w.now.called().released(w.visit.releases())
	}
	if inline {
		w.partial = true
		w.set(after)
	}
}

func (w *walker) newVisit(number int, operation byte, text string) *visit {
	at := w.instructions[number]
	if at == nil {
		at = &Instruction{Number: number}
		w.instructions[number] = at
	}
	at.Visits++
	v := &visit{
		at: at, before: w.now, class: operation & 7, code: operation & 0xf0, text: text, target: -1,
	}
	if v.conditional() {
		v.target = targetOf(number, text)
		condition, _, _ := strings.Cut(text, " goto ")
		w.keep(way{number, v.target, w.now, w.calls, at.Visits == 1, condition})
	}
	return v
}

// The classes of operations that jump, and the codes of the jumps that are not
// conditional.
const (
	classJump   = 5
	classJump32 = 6
	codeGoto    = 0x00
	codeCall    = 0x80
	codeExit    = 0x90
)

func (v *visit) jump() bool { return v.class == classJump || v.class == classJump32 }
func (v *visit) conditional() bool {
	return v.jump() && v.code != codeGoto && v.code != codeCall && v.code != codeExit
}
func (v *visit) calls() bool  { return v.class == classJump && v.code == codeCall }
func (v *visit) helper() bool { return v.calls() && !strings.HasPrefix(v.text, "call pc") }
func (v *visit) exit() bool   { return v.class == classJump && v.code == codeExit }

// releases is the reference that a call gives back: a record that is submitted or
// discarded. Kernels that write what changed do not write that.
func (v *visit) releases() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(v.text, "call "), "#")
	if name == "bpf_ringbuf_submit" || name == "bpf_ringbuf_discard" {
		return v.before.get(1).value.reference
	}
	return ""
}

// targetOf reads where a jump leads: "if r0 == 0x0 goto pc+31".
func targetOf(number int, text string) int {
	_, distance, found := strings.Cut(text, "goto pc")
	n, err := strconv.Atoi(distance)
	if !found || err != nil {
		return -1
	}
	return number + 1 + n
}

// keep notes a way. The oldest ones go where there are more than the verifier keeps: then
// most are of jumps whose outcome it knew.
func (w *walker) keep(kept way) {
	if len(w.kept) == maxKept {
		w.kept = slices.Delete(w.kept, 0, maxKept/2)
	}
	w.kept = append(w.kept, kept)
}

// take finds the kept way that fits, and forgets those that were kept after it: the
// verifier came back to each of them, or did not keep it.
func (w *walker) take(fits func(*way) bool) *way {
	for i := len(w.kept) - 1; i >= 0; i-- {
		if fits(&w.kept[i]) {
			found := w.kept[i]
			w.kept = w.kept[:i]
			w.jumpsOf(found.from).taken = true
			return &found
		}
	}
	return nil
}

func (w *walker) jumpsOf(number int) *jumps {
	if w.jumps[number] == nil {
		w.jumps[number] = &jumps{}
	}
	return w.jumps[number]
}

// before takes a state with the number of the next instruction. Where no path is being
// walked, a kept way begins, in kernels that do not say so.
func (w *walker) before(number int, text string) {
	if w.visit != nil && w.visit.exit() {
		w.leave(none)
	}
	if w.visit == nil && w.began && !w.begins {
		w.begin(w.take(func(kept *way) bool { return kept.target == number }), text)
		return
	}
	w.set(text)
}

// loose takes a state without a number: after a conditional jump that is not taken, or of
// functions at a call or return. Others are of what an instruction is about to do.
func (w *walker) loose(text string) {
	whose := w.expects
	w.expects = noFunction
	switch {
	case whose == caller:
		w.back(text)
	case whose == callee:
		w.call(text)
	case w.visit != nil && w.visit.conditional():
		w.set(text)
	}
}

// from takes the beginning of a kept way: "from 14 to 46: R0=0 R10=fp0".
func (w *walker) from(text string) {
	head, rest, _ := strings.Cut(text, ":")
	words := strings.Fields(head)
	if len(words) < 4 {
		return
	}
	from, err1 := strconv.Atoi(words[1])
	to, err2 := strconv.Atoi(words[3])
	if err1 != nil || err2 != nil {
		return
	}
	w.leave(none)
	found := w.take(func(kept *way) bool { return kept.from == from && kept.target == to })
	if isState(rest) {
		w.begin(found, rest)
	}
}

// begin starts a path with a whole state.
func (w *walker) begin(kept *way, text string) {
	w.calls, w.begins = nil, true
	var before state
	if kept != nil {
		before, w.calls = kept.before, kept.calls
	}
	w.now = w.bindings(text, before, "")
	if kept != nil && kept.first {
		found := w.difference(before, w.now.tested(before, kept.text), "")
		w.instructions[kept.from].Taken = append(found, kept.null(w.now)...)
	}
}

// call enters a function.
func (w *walker) call(text string) {
	if w.visit != nil {
		w.calls = append(slices.Clip(w.calls), w.visit)
	}
	w.now, w.visit = w.bindings(text, nil, ""), passing()
}

// back returns to the function that called. What it found out belongs to the call.
func (w *walker) back(text string) {
	w.leave(none)
	var before state
	w.visit = passing()
	if n := len(w.calls); n > 0 {
		w.visit, w.calls = w.calls[n-1], w.calls[:n-1]
		w.visit.informed, before = true, w.visit.before
	}
	w.now = w.bindings(text, before, "")
}

// passing stands for the visited instruction between two functions.
func passing() *visit { return &visit{at: &Instruction{}, target: -1} }

// set takes what is known after the visited instruction.
func (w *walker) set(text string) {
	w.partial = w.partial || w.visit != nil && !strings.Contains(text, "R10=")
	var before state
	operands := ""
	if w.visit != nil {
		w.visit.informed = true
		before, operands = w.visit.before, w.visit.text
	}
	changed := w.bindings(text, before, operands)
	if w.visit != nil && w.visit.conditional() {
		changed = w.now.with(changed).spread(changed, w.now)
	} else if w.partial {
		changed = w.now.with(changed)
	}
	w.now = changed
}

// bindings reads a state. Where before has the same value at a place, it is of the same
// map.
func (w *walker) bindings(text string, before state, operands string) (list state) {
	for _, piece := range assignments(text) {
		to, known := placeOf(piece.to)
		if !known {
			continue
		}
		b := binding{place: to, value: w.value(piece.value, to < 0)}
		b.origin = w.originOf(b, before, operands)
		list = append(list, b)
	}
	return state(nil).with(list)
}

func (w *walker) value(text string, slot bool) *value {
	key := text
	if slot {
		key = "s" + text
	}
	v := w.values[key]
	if v == nil {
		v = newValue(text, slot)
		if len(w.values) < maxValues {
			w.values[key] = v
		}
	}
	return v
}

// none stands for the number of an instruction where there is none.
const none = -1

// ends ends the path before an instruction where the verifier has been before. What the
// last instruction found out is not always written.
func (w *walker) ends(number int) {
	if v := w.visit; v != nil && v.conditional() {
		w.decided(v, number)
	}
	w.leave(none)
}

// leave ends the visit of an instruction. Kernels that write what changed write nothing
// where nothing did.
func (w *walker) leave(next int) {
	v := w.visit
	w.visit = nil
	if v == nil {
		return
	}
	if v.conditional() && next != none {
		w.decided(v, next)
	}
	informed := v.informed || w.partial && next != none && !v.exit()
	if !informed || v.at.Visits > maxCompared {
		return
	}
	found := append(w.difference(v.before, w.now, v.text), v.lost(w.now)...)
	if v.at.compared {
		v.at.compare(found)
		return
	}
	v.at.Known, v.at.compared = found, true
}

// lost tells which registers a call made unreadable: the arguments, and what it has given
// back.
func (v *visit) lost(after state) (facts []Fact) {
	first := place(0) // of neighbours; r0 has the result
	for p := place(1); v.helper() && p <= frameRegister; p++ {
		_, before := v.before.index(p)
		_, now := after.index(p)
		switch lost := before && !now; {
		case lost && first == 0:
			first = p
		case !lost && first > 0:
			facts = append(facts, Fact{Place: registers(first, p-1), Text: "no longer readable"})
			first = 0
		}
	}
	return facts
}

func registers(first, last place) string {
	if first == last {
		return first.String()
	}
	return first.String() + ".." + last.String()
}

// decided notes which way a path took at a conditional jump. Where it jumped at once,
// nothing was kept.
func (w *walker) decided(v *visit, next int) {
	if next != v.target {
		w.jumpsOf(v.at.Number).passed = true
		return
	}
	w.jumpsOf(v.at.Number).taken = true
	if n := len(w.kept); n > 0 && w.kept[n-1].from == v.at.Number && v.target != v.at.Number+1 {
		w.kept = w.kept[:n-1]
	}
}

// compare notes what another visit found out otherwise.
func (at *Instruction) compare(found []Fact) {
	for _, fact := range found {
		if !slices.ContainsFunc(at.Known, func(known Fact) bool { return fact.same(known) }) {
			at.vary(fact.Place)
		}
	}
	for _, known := range at.Known {
		if !slices.ContainsFunc(found, func(fact Fact) bool { return fact.same(known) }) {
			at.vary(known.Place)
		}
	}
}

func (f Fact) same(other Fact) bool { return f.Place == other.Place && f.Text == other.Text }

func (at *Instruction) vary(place string) {
	if len(at.Varies) < maxVaries && !slices.Contains(at.Varies, place) {
		at.Varies = append(at.Varies, place)
	}
}

// finish sums up what was seen of an instruction.
func (w *walker) finish(at *Instruction) {
	slices.Sort(at.Varies)
	switch seen := w.jumps[at.Number]; {
	case seen == nil:
	case seen.taken && seen.passed:
		at.Branch = Both
	case seen.taken:
		at.Branch = Always
	default:
		at.Branch = Never
	}
}

// stack reads "stack depth 16+0+8"; since 7.2, what each function has is in lines of their
// own.
func (t *Total) stack(depths string) {
	t.Stack = nil
	for depth := range strings.SplitSeq(depths, "+") {
		if n, err := strconv.Atoi(strings.TrimSpace(depth)); err == nil && len(t.Stack) < maxFunctions {
			t.Stack = append(t.Stack, n)
		}
	}
}

// function reads "subprog 0 (<unknown>) main insns_self 37 insns_total 37 stack 24".
func (t *Total) function(words []string) {
	for i, word := range words[:len(words)-1] {
		n, err := strconv.Atoi(words[i+1])
		if word == "stack" && err == nil && len(t.Stack) < maxFunctions {
			t.Stack = append(t.Stack, n)
		}
	}
}

// sum reads "processed 593 insns (limit 1000000) max_states_per_insn 4 total_states 61".
func (t *Total) sum(words []string) {
	for i, word := range words[:len(words)-1] {
		n, err := strconv.Atoi(strings.TrimRight(words[i+1], ")"))
		switch {
		case err != nil:
		case word == "processed":
			t.Visited = n
		case word == "(limit":
			t.Limit = n
		case word == "total_states":
			t.States = n
		}
	}
}
