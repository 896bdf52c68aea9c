package builtin

import (
	"maps"
	"slices"
)

// The table, by name. Entries are declared in lists, a file a subject.
var (
	functions    map[string]*Function
	aggregations map[string]*Aggregation
	settings     map[string]*Setting
	probes       map[string]*ProbeType
	mapKinds     map[string]*MapKind
)

func init() {
	functions = indexed(slices.Concat(outputFunctions, mapFunctions, stringFunctions, processVariables, goVariables, taskFunctions, timeFunctions, nameFunctions, pathFunctions, constantFunctions, memoryFunctions, stackFunctions, numberFunctions, actionFunctions, assertFunctions, settingFunctions, argumentVariables()))
	aggregations = indexed(aggregationList)
	settings = indexed(settingList)
	mapKinds = indexed(mapKindList)
	probes = indexed(probeList)
	for _, probe := range probeList {
		for _, alias := range probe.Aliases {
			probes[alias] = probe
		}
	}
}

// entry is any kind of entry.
type entry interface{ info() *Info }

func (i *Info) info() *Info { return i }

func indexed[E entry](list []E) map[string]E {
	table := make(map[string]E, len(list))
	for _, e := range list {
		name := e.info().Name
		if _, twice := table[name]; twice {
			panic("builtin: " + name + " is in the table twice")
		}
		table[name] = e
	}
	return table
}

// Section is a part of the table as `help` and spec.md show it.
type Section struct {
	Title   string
	Entries []*Info
}

// Sections returns the whole table for people to read, each section by name.
func Sections() []Section {
	return []Section{
		section("Probes", probeList),
		section("Variables", functionsThat(func(f *Function) bool { return f.Bare })),
		section("Functions", functionsThat(func(f *Function) bool { return !f.Bare })),
		section("Aggregations", aggregationList),
		section("Map kinds", mapKindList),
		section("Settings", settingList),
	}
}

func functionsThat(belong func(*Function) bool) []*Function {
	var list []*Function
	for _, f := range functions {
		if belong(f) {
			list = append(list, f)
		}
	}
	return list
}

func section[E entry](title string, list []E) Section {
	s := Section{Title: title}
	for _, e := range list {
		s.Entries = append(s.Entries, e.info())
	}
	slices.SortFunc(s.Entries, func(a, b *Info) int { return compareNames(a.Name, b.Name) })
	return s
}

// compareNames orders arg2 before arg10.
func compareNames(a, b string) int {
	if len(a) != len(b) && len(a) > 3 && len(b) > 3 && a[:3] == "arg" && b[:3] == "arg" {
		return len(a) - len(b)
	}
	return slices.Compare([]byte(a), []byte(b))
}

// Names returns every word of the table that may stand in an expression, for "did you
// mean".
func Names() []string {
	names := slices.Collect(maps.Keys(functions))
	names = slices.AppendSeq(names, maps.Keys(aggregations))
	slices.Sort(names)
	return names
}

// SettingNames returns the names of the settings.
func SettingNames() []string { return slices.Sorted(maps.Keys(settings)) }

// SettingDefault returns the value of a setting that a script does not set.
func SettingDefault(name string) (value string, known bool) {
	if setting := settings[name]; setting != nil {
		return setting.Default, true
	}
	return "", false
}

// ProbeTypes returns the types of probes, in the order in which people read them.
func ProbeTypes() []*ProbeType { return slices.Clone(probeList) }

// ProbeTypeNamed returns the name of the probe type that has this name or short form; empty
// for none.
func ProbeTypeNamed(name string) string {
	if p := probes[name]; p != nil {
		return p.Name
	}
	return ""
}

// ProbeTypeNames returns the names of the probe types, short forms included.
func ProbeTypeNames() []string { return slices.Sorted(maps.Keys(probes)) }
