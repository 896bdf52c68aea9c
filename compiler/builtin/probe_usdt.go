package builtin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// USDT probes are places that the authors of a program marked (sys/sdt.h, DTrace's
// providers): a nop in the code, and a note that names it and tells where the arguments
// are (target.MarkerArguments).
//
//	usdt:PATH:NAME, usdt:PATH:PROVIDER:NAME    both may be patterns
//	usdt::NAME, usdt:*:NAME                    with -p: in all that the process has mapped
//
// A name may be at many places, since the compiler inlines and unrolls, and each may have
// its arguments elsewhere. So the places are sorted by their forms, and each form gets a
// program of its own that loads the arguments directly: half of them have one form only.
// Rejected: one program that reads where the arguments are from a map, by the cookie of
// the place, as libbpf does. It walks a description at each event, and before Linux 5.15
// there are no cookies.
//
// A place may have a counter in the data of the program, which the kernel raises while
// something is attached; the program computes the arguments only then.

var usdtProbe = &ProbeType{
	Info: Info{Name: "usdt", Signature: "usdt:PROGRAM:[PROVIDER:]NAME",
		Doc: "Fires where the authors of a program or library have put a static probe (USDT); arg0, arg1 and so on, " +
			"and args, are what they hand it. PROGRAM is a path, or the name of a program or library; with -p it may be " +
			"left out, as in usdt::NAME. PROVIDER and NAME may hold * ? and [...].",
		Example: `usdt:/usr/lib/postgresql/15/bin/postgres:query__start { printf("%s\n", str(arg0)) }`},
	Aliases:  []string{"U"},
	MinParts: 1, MaxParts: 3, Numbered: true,
	Mechanisms: []object.Mechanism{object.UprobeMulti, object.Uprobe}, Expand: expandMarkers,
	Meant: meantMarker, ListPrograms: listMarkers, Arguments: markerArguments,
}

// markerSites makes the sites of one attach point.
type markerSites struct {
	*userSites
	provider, name string // patterns, as written
	groups         []*markerGroup
	empty          string // a file without any USDT probe
	near           []string
}

// markerGroup is the places of a file that share a program.
type markerGroup struct {
	form   string
	file   string
	marker *Marker
	point  object.UserPoint
}

func expandMarkers(x Expansion, at At) []*Site {
	if lacks := object.Uprobe.Lacks(&x.Target().Features); lacks != "" {
		x.Errorf(at.Span, "%s", lacks)
		return nil
	}
	u := &userSites{Expansion: x, multi: object.UprobeMulti, plain: object.Uprobe, at: at, inside: true}
	m := &markerSites{userSites: u}
	if !m.split() || !m.files(m.findIn) {
		return nil
	}
	if len(m.groups) == 0 {
		m.missing()
		return nil
	}
	var sites []*Site
	for _, group := range m.groups {
		for _, site := range m.sites(foundPlaces{}, group.point, nil, "") {
			site.Scope.Marker = group.marker
			sites = append(sites, site)
		}
	}
	return sites
}

// split tells program, provider and name apart.
func (m *markerSites) split() bool {
	parts := m.at.Parts
	m.function, m.name = parts[len(parts)-1], parts[len(parts)-1].Text
	if len(parts) > 1 {
		m.program = parts[0]
	}
	if len(parts) == 3 {
		m.provider = parts[1].Text
	}
	if len(parts) == 1 && strings.Contains(m.name, "/") {
		m.Errorf(m.at.Span, "%s names no probe of the program", m.at.Span.Text())
		m.Hint("write %s:NAME", m.at.Span.Text())
		return false
	}
	everywhere := m.program.Text == "" || m.program.Text == "*"
	switch {
	case m.name == "":
		m.Errorf(m.at.Span, "%s has no name", m.at.Span.Text())
		m.Hint("%s", meantMarker(m.Target(), m.at))
		return false
	case everywhere && len(m.Processes().only()) == 0:
		m.Errorf(m.at.Span, "%s names no program", m.at.Span.Text())
		m.Hint("write usdt:PATH:%s, or -p PID for all that a process has mapped", m.name)
		return false
	case everywhere:
		m.program.Text = "*"
	}
	for _, part := range parts[1:] {
		if _, err := target.ParsePattern(part.Text); err != nil {
			m.Errorf(part.Span, "%v", err)
			return false
		}
	}
	return true
}

// findIn looks the places up in one file. It reports false after an error.
func (m *markerSites) findIn(file userFile) bool {
	markers, err := file.binary.Markers()
	if err != nil {
		if !m.matched {
			m.Errorf(m.programSpan(), "%s: %v", file.Path, err)
		}
		return m.matched
	}
	if len(markers) == 0 {
		m.empty = file.Path
	}
	found := false
	for _, marker := range matchingMarkers(markers, m.provider, m.name) {
		found = true
		place, ok := m.place(file, &marker)
		if !ok {
			return false
		}
		m.add(file, marker, place)
	}
	if !found && m.Hinting() {
		m.near = append(m.near, nearestMarkers(markers, m.name)...)
	}
	return true
}

// place moves a probe away from an instruction where it would do harm, or never fire. It
// reports false after an error.
func (m *markerSites) place(file userFile, marker *target.Marker) (place object.UserPlace, ok bool) {
	placement, err := file.binary.Placement(marker.Offset)
	var placed Placed
	if err == nil {
		placed, err = PlaceUser(placement, m.Target().Features)
	}
	if err != nil {
		m.Errorf(m.function.Span, "%s:%s of %s cannot be traced: %v", marker.Provider, marker.Name, file.Path, err)
		return place, false
	}
	place = object.UserPlace{
		Name:   file.Path + ":" + marker.Provider + ":" + marker.Name,
		Offset: placed.Offset, Semaphore: marker.Semaphore,
	}
	if moved := placed.Offset - marker.Offset; moved > 0 {
		place.Moved = fmt.Sprintf("%d bytes on, because %s", moved, placed.Why)
		marker.Address += moved
	}
	return place, true
}

// matchingMarkers are those that patterns match; an empty one matches all.
func matchingMarkers(markers []target.Marker, provider, name string) (list []target.Marker) {
	providers, errProvider := target.ParsePattern(provider)
	names, errName := target.ParsePattern(name)
	if errProvider != nil || errName != nil {
		return nil
	}
	for _, marker := range markers {
		if (provider == "" || providers.Matches(marker.Provider)) && (name == "" || names.Matches(marker.Name)) {
			list = append(list, marker)
		}
	}
	return list
}

func nearestMarkers(markers []target.Marker, name string) []string {
	names := map[string]bool{}
	for _, marker := range markers {
		names[marker.Name] = true
	}
	return diag.Nearest(name, func(visit func(string) bool) {
		for known := range names {
			if !visit(known) {
				return
			}
		}
	}, 3)
}

// add puts a place to those that share a program with it: of the same form where a clause
// reads arguments, and of the same name where it reads that.
func (m *markerSites) add(file userFile, marker target.Marker, place object.UserPlace) {
	full := marker.Provider + ":" + marker.Name
	found := &Marker{Name: full}
	if m.UsesArguments() {
		found.Arguments = argumentsOf(m.Target(), file.binary, marker)
	}
	form := found.form()
	if m.UsesProbeName() {
		form = full + "\x00" + form
	}
	i := slices.IndexFunc(m.groups, func(g *markerGroup) bool { return g.file == file.identity && g.form == form })
	if i < 0 {
		m.groups = append(m.groups, &markerGroup{form: form, file: file.identity, marker: found,
			point: m.point(file, []object.UserPlace{place})})
		return
	}
	m.groups[i].add(place)
}

// add takes a place once, though several notes may be about it.
func (g *markerGroup) add(place object.UserPlace) {
	if !slices.Contains(g.point.Places, place) {
		g.point.Places = append(g.point.Places, place)
	}
}

// argumentsOf are the arguments of a place, with their symbols found.
func argumentsOf(t *target.Target, binary target.Binary, marker target.Marker) []target.MarkerArgument {
	list := target.MarkerArguments(t.Arch, marker.Arguments)
	for i, a := range list {
		list[i] = a.Found(marker.Address, binary.Variables)
	}
	return list
}

// missing reports that no file has the probe.
func (m *markerSites) missing() {
	switch full := strings.TrimPrefix(m.provider+":"+m.name, ":"); {
	case m.matched:
		m.Missing(m.function.Span, m.near, "nothing of %s has a USDT probe %s", m.at.Text(), full)
	case m.empty != "":
		m.Missing(m.programSpan(), nil, "%s has no USDT probes: programs have them where they were built with them", m.empty)
	default:
		m.Missing(m.function.Span, m.near, "%s has no USDT probe %s", m.program.Text, full)
	}
}

func meantMarker(*target.Target, At) string {
	return "such as usdt:/usr/lib/postgresql/15/bin/postgres:query__start"
}
