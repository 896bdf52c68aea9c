package builtin

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// placeFinder finds the places of one file that are meant by what is written behind the
// program.
type placeFinder struct {
	*userSites
	binary target.Binary
	path   string // as probes show it
	seen   map[uint64]bool
	placeList
	opened     placeList // where the kernel knows that a function begins (Features.OpenedWalk)
	returns    placeList // the instructions of Go functions that return
	leftOut    int       // places where nothing can be traced
	leftOutWhy string
}

// placeList is places, and the functions that begin there; none inside of functions.
type placeList struct {
	places    []object.UserPlace
	functions []target.BinaryFunction
	atReturns bool
	opened    bool
}

// entered is the list for a place where a function is entered. Only stacks tell the two
// apart.
func (f *placeFinder) entered(placed Placed) *placeList {
	if (placed.Opens || placed.Lands) && f.walksOpened() {
		f.opened.opened = true
		return &f.opened
	}
	return &f.placeList
}

// walksOpened: the kernel walks the process's stack, in a way of its own where it knows
// that a function begins.
func (f *placeFinder) walksOpened() bool {
	atEntry := f.plain.Fires() == object.AtEntry && !f.inside
	return atEntry && f.UsesUserStack() && f.Target().OpenedWalk()
}

// count is how many places there are.
func (f *placeFinder) count() int {
	return len(f.places) + len(f.opened.places) + len(f.returns.places)
}

//go:noinline
func (l *placeList) append(place object.UserPlace, function target.BinaryFunction) {
	l.places, l.functions = append(l.places, place), append(l.functions, function)
}

// maxPlaces bounds how many places one attach point has in a file.
const maxPlaces = 100_000

// find reports false after an error. With several files, those that do not have the
// function are passed over.
func (f *placeFinder) find() bool {
	text := f.function.Text
	name, offset, ok := f.split(text)
	file, line, isLine := lineOf(text)
	switch {
	case !ok:
		return false
	case isLine:
		return f.atLine(file, line)
	case digits(name, 0) > 0:
		return f.atAddress(name, offset)
	case strings.ContainsAny(name, "*?["):
		return f.like(name, offset)
	}
	return f.named(name, offset)
}

// split takes the offset off `function+0x10`.
func (f *placeFinder) split(text string) (name string, offset uint64, ok bool) {
	i := strings.LastIndexByte(text, '+')
	if i < 0 {
		return text, 0, true
	}
	offset, err := strconv.ParseUint(text[i+1:], 0, 32)
	if err != nil {
		return text, 0, true // operator+
	}
	if f.plain.Fires() == object.AtReturn && offset > 0 {
		f.Errorf(f.function.Span, "a function returns as a whole: only uprobe takes an offset")
		return "", 0, false
	}
	return text[:i], offset, true
}

// lineOf reads `FILE:LINE` and `FUNCTION@FILE:LINE`.
func lineOf(text string) (file string, line int, ok bool) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return "", 0, false
	}
	line, err := strconv.Atoi(text[i+1:])
	_, file, found := strings.Cut(text[:i], "@")
	if !found {
		file = text[:i]
	}
	return file, line, err == nil && line > 0 && file != ""
}

// add takes a place, where a probe can be. Of a pattern, the others are left out. It reports
// false after an error.
func (f *placeFinder) add(name string, offset uint64, function target.BinaryFunction) bool {
	if f.seen[offset] || f.count() >= maxPlaces {
		return true
	}
	f.seen[offset] = true
	atReturn := f.plain.Fires() == object.AtReturn
	if function.Name != "" || atReturn {
		g, made, err := f.binary.GoFunction(offset)
		if made || err != nil {
			return f.addGo(name, g, err, function)
		}
	}
	placed, err := f.placed(offset)
	if err == nil && atReturn {
		err = f.returnsFrom(offset, function)
	}
	if err != nil {
		return f.leaveOut(name, err)
	}
	place := object.UserPlace{Name: f.path + ":" + name, Offset: placed.Offset}
	if placed.Why != "" {
		place.Moved = fmt.Sprintf("%d bytes on, because %s", placed.Offset-offset, placed.Why)
	}
	f.entered(placed).append(place, function)
	return true
}

// returnsFrom reports why there can be no probe on the return of a function that begins at
// a place.
func (f *placeFinder) returnsFrom(offset uint64, function target.BinaryFunction) error {
	placement, err := f.binary.Placement(offset)
	if err != nil {
		return err
	}
	return HarmfulReturn(placement, function.Name)
}

// placed finds where a probe on a place can be.
func (f *placeFinder) placed(offset uint64) (Placed, error) {
	placement, err := f.binary.Placement(offset)
	if err != nil {
		return Placed{}, err
	}
	placed, err := PlaceUser(placement, f.Target().Features)
	if err == nil && f.walksOpened() {
		placed = PastLanding(placement, placed, f.Target().Features)
	}
	return placed, err
}

// leaveOut takes no place of a function, which is an error unless it matched a pattern.
func (f *placeFinder) leaveOut(name string, err error) bool {
	f.leftOut, f.leftOutWhy = f.leftOut+1, name+": "+err.Error()
	if !f.matched {
		f.Errorf(f.function.Span, "%s of %s cannot be traced: %v", name, f.path, err)
	}
	return f.matched
}

// fail reports what a file answered. Of several files, those that fail are passed over.
func (f *placeFinder) fail(err error) bool {
	if !f.matched {
		f.Errorf(f.function.Span, "%s: %v", f.path, err)
	}
	return f.matched
}

func (f *placeFinder) named(name string, offset uint64) bool {
	functions, err := f.binary.Functions(name)
	if err != nil {
		return f.fail(err)
	}
	if len(functions) == 0 {
		return f.matched || f.unknown(name)
	}
	return f.each(functions, name, offset)
}

// like takes a text with the marks of a pattern.
func (f *placeFinder) like(text string, offset uint64) bool {
	functions, err := namedInFull(f.binary, text)
	switch {
	case err != nil:
		return f.fail(err)
	case len(functions) > 0:
		return f.each(functions, text, offset)
	case offset > 0:
		f.Errorf(f.function.Span, "%s is a pattern, and an offset is that in one function", text)
		return false
	}
	only := !f.matched
	if !f.match(text) {
		return false
	}
	if only && bracketed(text) && f.count()+f.leftOut == 0 {
		return f.unknown(text)
	}
	return true
}

// bracketed texts may be names though they have the marks of patterns: operator[],
// (*Store).Get, Map[int].
func bracketed(text string) bool { return strings.ContainsAny(text, "[(") }

// namedInFull returns the functions whose whole name a text is that may be a pattern.
func namedInFull(binary target.Binary, text string) ([]target.BinaryFunction, error) {
	if !bracketed(text) {
		return nil, nil
	}
	return binary.Functions(text)
}

// each takes the functions of a name.
func (f *placeFinder) each(functions []target.BinaryFunction, name string, offset uint64) bool {
	shown := quotedName(name)
	if offset > 0 {
		f.inside = true
		shown += "+" + strconv.FormatUint(offset, 10)
	}
	for _, function := range functions {
		switch {
		case function.Indirect && len(functions) == 1:
			f.Errorf(f.function.Span, "%s of %s runs once, to choose the function that is called in its place, and the file does not name those", name, f.path)
			f.Hint("the debug symbols of the library do; or trace the callers")
			return false
		case function.Indirect:
		case function.Size > 0 && offset >= function.Size:
			f.Errorf(f.function.Span, "%s has %d bytes, so nothing of it is at +%d", name, function.Size, offset)
			return false
		case offset > 0:
			if !f.add(shown, function.Offset+offset, target.BinaryFunction{}) {
				return false
			}
		case !f.add(shown, function.Offset, function):
			return false
		}
	}
	return true
}

// unknown reports a function that is not there.
func (f *placeFinder) unknown(name string) bool {
	var near []string
	if f.Hinting() {
		near = target.NearestFunctions(f.binary, name)
	}
	message := fmt.Sprintf("%s has no function %s", f.path, name)
	if facts := f.binary.Facts(); facts.Stripped && len(near) == 0 {
		message += ": it was stripped, and only names that other files use are left; its debug symbols, a package of their own, have the others"
	}
	f.Missing(f.function.Span, near, "%s", message)
	return false
}

func (f *placeFinder) match(pattern string) bool {
	f.matched = true
	err := f.binary.Match(pattern, func(function target.BinaryFunction) bool {
		if !function.Indirect {
			f.add(shown(function), function.Offset, function)
		}
		return f.count() < maxPlaces
	})
	if err != nil {
		f.Errorf(f.function.Span, "%s: %v", f.path, err)
	}
	return err == nil
}

// atAddress takes an address as the linker has it.
func (f *placeFinder) atAddress(text string, offset uint64) bool {
	address, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		f.Errorf(f.function.Span, "%s is no address, such as 0x1234", text)
		return false
	}
	at, ok := f.binary.Offset(address + offset)
	if !ok {
		if !f.matched {
			f.Errorf(f.function.Span, "nothing of %s is at the address %#x", f.path, address+offset)
			f.Hint("addresses are those of the file, as nm and objdump show them")
		}
		return f.matched
	}
	f.inside = true
	return f.add(fmt.Sprintf("%#x", address+offset), at, target.BinaryFunction{})
}

func (f *placeFinder) atLine(file string, line int) bool {
	if f.plain.Fires() == object.AtReturn {
		f.Errorf(f.function.Span, "a function returns as a whole: only uprobe is at a line")
		return false
	}
	places, err := f.binary.Lines(file, line)
	if err != nil {
		return f.fail(err)
	}
	only, _, found := strings.Cut(f.function.Text, "@")
	f.inside = true
	for _, place := range places {
		if !found || only == "" || place.In(only) {
			if !f.add(shownPlace(place, file), place.Offset, target.BinaryFunction{}) {
				return false
			}
		}
	}
	if f.count() == 0 && !f.matched {
		f.Missing(f.function.Span, nil, "%s has no code of %s:%d in %s", f.path, file, line, only)
	}
	return f.count() > 0 || f.matched
}

// shownPlace is a place of a line as a script would write it.
func shownPlace(place target.BinaryPlace, file string) string {
	name := cmp.Or(place.Source, place.Function)
	text := fmt.Sprintf("%s@%s:%d", name, file, place.Line)
	if quotedName(name) != name {
		return quotedName(text)
	}
	return text
}

// shown is the name of a function as a script would write it.
func shown(function target.BinaryFunction) string {
	if function.Source != "" {
		return quotedName(function.Source)
	}
	return quotedName(function.Name)
}

// quotedName puts a name into quotes that would not be one part of a probe.
func quotedName(name string) string { return quoted(name, " :,{}<>;$=/()[]*?") }

// quotedPath does so with a path.
func quotedPath(path string) string { return quoted(path, " :,{}<>;$=()[]*?") }

func quoted(text, marks string) string {
	if strings.ContainsAny(text, marks) {
		return `"` + text + `"`
	}
	return text
}
