package target

import "github.com/ponytrace/ponytrace/compiler/types"

// Composite is a struct, union or class that a program describes: the Origin of its type.
// Its members are read from the debug information of the program when somebody asks.
// Composites are compared.
type Composite interface {
	// Members returns what the struct has in itself, in the order of declaration. Those
	// without a name are anonymous structs and unions, and the classes that it is derived
	// from: their members are found through them.
	Members() ([]Member, error)
	// Definition returns the type that a mere declaration stands for.
	Definition() (*types.Type, bool)
}

// TypeNames are the types of a program by their names.
type TypeNames interface {
	// Named returns the type that a tag ("struct", "union", "enum" or none) and a name
	// stand for, or nil.
	Named(tag, name string) *types.Type
}

// Passed tells of a type that nothing computes with how it is passed: the Origin of such
// types of programs. All others are passed as integers are.
type Passed uint8

// What floating point numbers are passed in, and vectors.
const (
	InVectorRegister Passed = iota + 1
	// OnStack is for long double of x86_64: in memory, and returned on the stack of the
	// floating point unit.
	OnStack
)

// compositeOf returns the description of a struct of a program; nil for all others.
func compositeOf(of *types.Type) Composite {
	if of == nil || of.Kind != types.Struct {
		return nil
	}
	composite, _ := of.Origin.(Composite)
	return composite
}

// maxBases bounds the structs that are looked through for a name.
const maxBases = 1 << 8

// compositeMember finds a member: those of the struct itself hide those of its bases.
func compositeMember(of Composite, name string) (Member, bool) {
	left := maxBases
	found, ok := searchComposite(of, name, Member{}, &left)
	if members, err := of.Members(); !ok && name == "ptr" && err == nil && isSequence(members) {
		return members[0], true
	}
	return found, ok
}

// isSequence reports a slice or string of Go, whose first member is called `ptr` as well,
// as in Rust: what Go's runtime calls it is not known to those who use them.
func isSequence(members []Member) bool {
	var names [3]string
	for i, m := range members[:min(len(members), len(names))] {
		names[i] = m.Name
	}
	return len(members) == 2 && names == [3]string{"str", "len"} ||
		len(members) == 3 && names == [3]string{"array", "len", "cap"}
}

func searchComposite(of Composite, name string, at Member, left *int) (Member, bool) {
	if *left--; *left < 0 {
		return Member{}, false
	}
	members, err := of.Members()
	if err != nil {
		return Member{Name: name, Missing: "cannot be looked up: " + err.Error()}, true
	}
	for _, m := range members {
		if m.Name == name {
			return m.within(at), true
		}
	}
	for _, m := range members {
		inner := compositeOf(m.Type)
		if m.Name != "" || inner == nil {
			continue
		}
		if found, ok := searchComposite(inner, name, m.within(at), left); ok {
			return found, true
		}
	}
	return Member{}, false
}

// within is the member of a struct that is itself a part of another.
func (m Member) within(of Member) Member {
	m.Offset += of.Offset
	if of.Missing != "" {
		m.Missing = of.Missing
	}
	return m
}

// compositeMembers lists the members that have names, those of anonymous members and
// bases at their place.
func compositeMembers(of Composite) []Member {
	left := maxBases
	return appendComposite(nil, of, Member{}, &left)
}

func appendComposite(list []Member, of Composite, at Member, left *int) []Member {
	if *left--; *left < 0 {
		return list
	}
	members, err := of.Members()
	if err != nil {
		return list
	}
	for _, m := range members {
		if inner := compositeOf(m.Type); m.Name == "" && inner != nil {
			list = appendComposite(list, inner, m.within(at), left)
		} else if m.Name != "" && len(list) < maxFields {
			list = append(list, m.within(at))
		}
	}
	return list
}
