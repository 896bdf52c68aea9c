package builtin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// Functions of programs and libraries:
//
//	uprobe:PATH:FUNCTION          the function is entered; uretprobe: it returns
//	uprobe:PATH:FUNCTION+OFFSET   the instruction so many bytes on
//	uprobe:PATH:0xADDRESS         the instruction at the address that the linker chose
//	uprobe:PATH:FILE:LINE         all places where the code of a line of the source begins
//	uprobe:NAME:FUNCTION          a program that the shell would find, or a library
//	uprobe:FUNCTION, uprobe:*:F   with -p: in the program of the process, in all it has mapped
//
// The names become places of a file here, for which the kernel is asked: it puts a
// breakpoint there, into each process that has the file mapped. Where there is
// uprobe_multi, one link serves all places of a file, and even one place is attached by it:
// to take a perf event away takes the kernel up to 140 ms, one after the other.
//
// A file is one and the same by its device and inode, in layers (overlayfs) by its memory,
// so that two paths of it in a clause do not count twice. It is opened once: what the
// compiler has read is what is attached to.

var uprobeProbe = &ProbeType{
	Info: Info{Name: "uprobe", Signature: "uprobe:PROGRAM:FUNCTION[+OFFSET]",
		Doc: "Fires when a function of a program or library is entered, in all processes that run it or those of -p. " +
			"PROGRAM is a path, or the name of a program or library; FUNCTION may hold * ? and [...], and be an address " +
			"(0x1234) or a line of the source (FILE:LINE).",
		Example: `uprobe:/bin/bash:readline { @ = count() }`},
	Aliases:  []string{"u"},
	MinParts: 1, MaxParts: 3, Mechanisms: []object.Mechanism{object.UprobeMulti, object.Uprobe},
	Expand: expandUser(object.UprobeMulti, object.Uprobe),
	Meant:  meantUser, ListPrograms: listUser(parameters), Arguments: userEntry, Twin: "uretprobe",
}

var uretprobeProbe = &ProbeType{
	Info: Info{Name: "uretprobe", Signature: "uretprobe:PROGRAM:FUNCTION",
		Doc:     "Fires when a function of a program or library returns; retval is what it returns.",
		Example: `uretprobe:/bin/bash:readline { printf("%s\n", str(retval)) }`},
	Aliases:  []string{"ur"},
	MinParts: 1, MaxParts: 3, Mechanisms: userReturns,
	Expand: expandUser(object.UretprobeMulti, object.Uretprobe),
	Meant:  meantUser, ListPrograms: listUser(result), Arguments: userReturn,
}

// userReturns has those of functions that Go has made last.
var userReturns = []object.Mechanism{
	object.UretprobeMulti, object.Uretprobe, object.UprobeReturnsMulti, object.UprobeReturns,
}

// userSites makes the sites of one attach point.
type userSites struct {
	Expansion
	multi, plain object.Mechanism
	at           At
	program      Part // as written; empty for that of the process
	function     Part // what is written behind it
	matched      bool // it, or the program, is a pattern
	inside       bool // the places need not be where functions begin
	found        []foundPlaces
	leftOut      string // why the last place was left out that cannot be traced
}

// foundPlaces are those of one file.
type foundPlaces struct {
	object.UserPoint
	binary target.Binary
	// functions are those that begin at the places; none inside of functions.
	functions []target.BinaryFunction
	// atReturns: they are the instructions that return of functions of Go.
	atReturns bool
	// opened: the kernel knows by the instructions that functions begin there.
	opened bool
}

// mechanisms are those of the places.
func (u *userSites) mechanisms(found foundPlaces) (multi, plain object.Mechanism) {
	if found.atReturns {
		return object.UprobeReturnsMulti, object.UprobeReturns
	}
	return u.multi, u.plain
}

func expandUser(multi, plain object.Mechanism) func(Expansion, At) []*Site {
	return func(x Expansion, at At) []*Site {
		if lacks := plain.Lacks(&x.Target().Features); lacks != "" {
			x.Errorf(at.Span, "%s", lacks)
			return nil
		}
		u := &userSites{Expansion: x, multi: multi, plain: plain, at: at}
		if !u.split() || !u.find() {
			return nil
		}
		var sites []*Site
		for _, found := range u.found {
			sites = append(sites, u.typed(found)...)
		}
		return sites
	}
}

// split tells the program from the function.
func (u *userSites) split() bool {
	parts := u.at.Parts
	u.function = parts[len(parts)-1]
	switch {
	case len(parts) > 1:
		u.program = parts[0]
	case len(u.Processes().only()) == 0 && strings.Contains(u.function.Text, "/"):
		u.Errorf(u.at.Span, "%s names no function", u.at.Span.Text())
		u.Hint("write %s:FUNCTION", u.at.Span.Text())
		return false
	case len(u.Processes().only()) == 0:
		u.Errorf(u.at.Span, "%s names no program", u.at.Span.Text())
		u.Hint("write %s:PATH:%s, or -p PID for the program of a process", u.at.Name, u.function.Text)
		return false
	}
	if len(parts) == 3 {
		u.function = Part{Text: parts[1].Text + ":" + parts[2].Text, Span: parts[1].Span.To(parts[2].Span)}
	}
	if u.function.Text == "" {
		u.Errorf(u.at.Span, "%s has no function", u.at.Span.Text())
		u.Hint("%s", u.at.Probe.Meant(u.Target(), u.at))
		return false
	}
	return true
}

// find looks the places up in all files that the name of the program stands for.
func (u *userSites) find() bool {
	if !u.files(u.findIn) {
		return false
	}
	switch {
	case len(u.found) > 0:
	case u.leftOut != "":
		u.Missing(u.function.Span, nil, "%s cannot be traced: %s", u.at.Text(), u.leftOut)
	default:
		u.Missing(u.function.Span, nil, "no function that can be traced matches %s", u.at.Text())
	}
	return len(u.found) > 0
}

// userFile is a file that the name of a program stands for.
type userFile struct {
	target.Program
	binary   target.Binary
	identity string
}

// files visits all files that the name of the program stands for, each once. It reports
// false after an error.
func (u *userSites) files(visit func(userFile) bool) bool {
	programs, ok := u.programs()
	if !ok {
		return false
	}
	u.matched = len(programs) > 1
	known := map[string]bool{}
	var failed error
	for _, program := range programs {
		binary, err := u.Target().Binary(program.Opens)
		if err != nil {
			failed = fmt.Errorf("%s: %w", program.Path, err)
			continue
		}
		file := userFile{program, binary, target.Identity(binary, program.Opens)}
		if known[file.identity] {
			continue
		}
		known[file.identity] = true
		if !u.visit(file, visit) {
			return false
		}
	}
	if len(known) == 0 {
		u.Errorf(u.programSpan(), "%v", failed)
	}
	return len(known) > 0
}

// visit passes programs of other machines over.
func (u *userSites) visit(file userFile, visit func(userFile) bool) bool {
	arch := file.binary.Facts().Arch
	if arch == u.Target().Arch {
		return visit(file)
	}
	if !u.matched {
		u.Errorf(u.programSpan(), "%s is a program for %s, and arguments are found in those for %s only", file.Path, arch, u.Target().Arch)
	}
	return u.matched
}

// programs are the files of each process that is traced, or of the machine.
func (u *userSites) programs() (list []target.Program, ok bool) {
	pids := u.Processes().only()
	if len(pids) == 0 {
		pids = []int{0}
	}
	for _, pid := range pids {
		programs, err := u.Target().Programs(u.program.Text, pid)
		if err != nil {
			u.noProgram(err)
			return nil, false
		}
		list = append(list, programs...)
	}
	return list, true
}

func (u *userSites) programSpan() diag.Span {
	if u.program.Text == "" {
		return u.at.Span
	}
	return u.program.Span
}

func (u *userSites) noProgram(err error) {
	var unknown *target.UnknownProgramError
	if errors.As(err, &unknown) {
		u.Missing(u.programSpan(), unknown.Near, "%s", unknown.Text)
		return
	}
	u.Errorf(u.programSpan(), "%v", err)
}

// findIn looks the places up in one file. It reports false after an error.
func (u *userSites) findIn(file userFile) bool {
	finder := &placeFinder{userSites: u, binary: file.binary, path: file.Path, seen: map[uint64]bool{}}
	if !finder.find() {
		return false
	}
	if n := finder.leftOut; n > 0 {
		u.leftOut = finder.leftOutWhy
		u.Notice("%s: %d of %d places of %s cannot be traced, as %s", u.at.Text(), n, n+finder.count(), file.Path, finder.leftOutWhy)
	}
	if u.plain.Fires() == object.AtReturn && slices.ContainsFunc(finder.functions, unwinds) {
		u.Notice("%s: while a return is traced, an exception or panic that leaves the function ends the program", u.at.Text())
	}
	for _, places := range []placeList{finder.placeList, finder.opened, finder.returns} {
		if len(places.places) > 0 {
			u.found = append(u.found, foundPlaces{
				UserPoint: u.point(file, places.places), binary: file.binary, functions: places.functions,
				atReturns: places.atReturns, opened: places.opened,
			})
		}
	}
	return true
}

// unwinds: exceptions of C++ and panics of Rust look for who catches them by the addresses
// that functions return to, of which the kernel exchanges those that are traced.
func unwinds(function target.BinaryFunction) bool { return function.Source != "" }

// point is places of a file.
func (u *userSites) point(file userFile, places []object.UserPlace) object.UserPoint {
	point := object.UserPoint{Path: file.Opens, File: file.identity, Places: places}
	if pids := u.Processes().only(); len(pids) == 1 {
		point.Pid = pids[0]
	}
	return point
}

// typed gives each function a program of its own whose arguments have types, where a
// clause reads them and the file describes them.
func (u *userSites) typed(found foundPlaces) (sites []*Site) {
	at := found.UserPoint
	if !u.UsesArguments() || len(at.Places) > maxTypedFunctions {
		return u.sites(found, at, nil, "")
	}
	untyped, why := at, ""
	untyped.Places = nil
	for i, next := 0, 0; i < len(at.Places); i = next {
		for next = i + 1; next < len(at.Places) && found.functions[next] == found.functions[i]; {
			next++
		}
		places := at.Places[i:next]
		var function *target.Function
		if found.functions[i].Name != "" {
			var err error
			if function, err = found.binary.Signature(found.functions[i]); err != nil {
				function, why = nil, err.Error()
			}
		}
		if function == nil {
			untyped.Places = append(untyped.Places, places...)
			continue
		}
		one := at
		one.Places = places
		sites = append(sites, u.sites(found, one, function, "")...)
	}
	if len(untyped.Places) > 0 {
		sites = append(sites, u.sites(found, untyped, nil, why)...)
	}
	return sites
}

// The values of --attach for a perf event at each place, and for one link.
const (
	forcedUser      = "uprobe"
	forcedUserMulti = "uprobe_multi"
)

// sites attach to the places of a file: by one link, or by a perf event for each place.
func (u *userSites) sites(
	found foundPlaces, at object.UserPoint, function *target.Function, untyped string,
) []*Site {
	multi, plain := u.mechanisms(found)
	probe := u.at.Text()
	if len(at.Places) == 1 {
		probe = u.at.Probe.Name + ":" + at.Places[0].Name
	}
	why := u.notByLink(multi, probe)
	if u.Forced() == forcedUserMulti && why != "" {
		u.Errorf(u.at.Span, "--attach %s cannot serve %s: %s", forcedUserMulti, u.at.Text(), why)
		return nil
	}
	site := &Site{
		Scope: Scope{
			Probe: u.at.Probe, Mechanism: multi, Symbols: len(at.Places), Inside: u.inside,
			Function: function, Untyped: untyped, Goroutine: goroutineAt(found.binary, at.Places),
			CallerHidden: u.hidesCaller(found),
			Sleeps:       u.Target().Features.SleepableUprobe && u.Refused(probe) == "",
		},
		Type: ebpf.Kprobe,
	}
	point := object.Point{Probe: probe, Mechanism: multi, At: at, Optional: u.matched || u.Optional()}
	if why == "" {
		site.Attach, site.Points = ebpf.AttachTraceUprobeMulti, []object.Point{point}
		return []*Site{site}
	}
	site.Scope.Mechanism, point.Mechanism = plain, plain
	point.Over = []object.PassedOver{{Mechanism: multi, Why: why}}
	return u.eachPlace(site, point, at.Places)
}

// hidesCaller reports places where the address of the caller is on the stack, and the
// kernel's walk passes it over.
func (u *userSites) hidesCaller(found foundPlaces) bool {
	atEntry := u.plain.Fires() == object.AtEntry && !u.inside && !found.opened
	return atEntry || found.atReturns
}

// notByLink says why the link for many places is not taken; empty where it is.
func (u *userSites) notByLink(multi object.Mechanism, probe string) (why string) {
	if u.Forced() == forcedUser {
		return asked(u)
	}
	if why = multi.Avoid(&u.Target().Features); why == "" {
		why = u.Refused(probe)
	}
	return why
}

// eachPlace has a perf event for each place. Without attach cookies only a program of its
// own knows where it is.
func (u *userSites) eachPlace(site *Site, point object.Point, places []object.UserPlace) (sites []*Site) {
	named := u.UsesProbeName() && differingNames(places)
	for i, place := range places {
		one := point.Picked(i)
		one.Probe = u.at.Probe.Name + ":" + place.Name
		if alone := *site; named && !u.Target().Features.AttachCookie {
			alone.Scope.Symbols, alone.Points = 1, []object.Point{one}
			sites = append(sites, &alone)
			continue
		}
		site.Points = append(site.Points, one)
	}
	if len(site.Points) > 0 {
		sites = append(sites, site)
	}
	return sites
}

func differingNames(places []object.UserPlace) bool {
	return slices.ContainsFunc(places, func(p object.UserPlace) bool { return p.Name != places[0].Name })
}

// meantUser puts a name with colons into quotes.
func meantUser(_ *target.Target, at At) string {
	if len(at.Parts) > 3 {
		var rest []string
		for _, part := range at.Parts[1:] {
			rest = append(rest, part.Text)
		}
		return fmt.Sprintf("a name with colons is quoted: %s:%s:%q", at.Name, at.Parts[0].Text, strings.Join(rest, ":"))
	}
	return "such as " + at.Probe.Name + ":/bin/bash:readline"
}
