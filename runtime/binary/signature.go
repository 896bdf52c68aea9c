package binary

import (
	"cmp"
	"debug/dwarf"
	"fmt"
	"path"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/target"
	"github.com/ponytrace/ponytrace/lang/diag"
)

// languageRust is the number that Rust has (DWARF 5, section 7.12), whose functions pass
// arguments in a way of their own.
const languageRust = 0x1c

// languageGo is that of Go, which has them in its own registers, and marks results as
// variable parameters.
const languageGo = 0x16

// languageAssembly is the number of what an assembler makes, whose functions are described
// without arguments whatever they take.
const languageAssembly = 0x8001

// Signature returns a function with the types and places of its arguments and its result.
func (f *File) Signature(of target.BinaryFunction) (*target.Function, error) {
	found, err := ask(f, func() (*target.Prototype, error) {
		info, err := f.debugFile().debugInfo()
		if err != nil {
			return nil, err
		}
		return info.prototype(of)
	})
	if err != nil || len(found.Params) == 0 {
		if untyped := f.untypedGo(of, err == nil); untyped != nil {
			return untyped, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return found.Place(), nil // which asks for members
}

// prototype reads how the function that begins at an address is declared.
func (d *debugInfo) prototype(of target.BinaryFunction) (*target.Prototype, error) {
	u, e, err := d.functionAt(of.Address)
	if err != nil {
		return nil, err
	}
	p := &target.Prototype{
		Name: cmp.Or(of.Source, of.Name), Arch: d.arch, Types: programTypes{d.file, u.start},
		Rust: u.root.place(dwarf.AttrLanguage) == languageRust,
		Go:   u.root.place(dwarf.AttrLanguage) == languageGo,
	}
	p.GoStack = p.Go && !target.GoUsesRegisters(d.arch, d.file.goVersion())
	to, result := u.declaring(e, dwarf.AttrType)
	if result != nil {
		p.Result = to.declared(result)
	}
	from, function, err := u.withParameters(e)
	if err != nil {
		return nil, err
	}
	strict := cloned(of.Name) || u.reshaped(e)
	err = from.eachChild(function, func(child *entry) bool {
		switch {
		case child.tag == dwarf.TagUnspecifiedParameters:
			p.Variadic = true
		case child.tag != dwarf.TagFormalParameter:
		case child.place(dwarf.AttrVarParam) != 0:
			if p.Go && p.Result.Type == nil {
				p.Result = from.declared(child)
			}
		default:
			p.Params = append(p.Params, from.parameter(child, e, of.Address, strict))
		}
		return len(p.Params) < maxParameters
	})
	if err == nil {
		err = d.pages.step(1) // what was not looked at for want of time is missing
	}
	return p, err
}

// functionAt returns the entry of the function that begins at an address.
func (d *debugInfo) functionAt(address uint64) (*unit, *entry, error) {
	u, err := d.unitWith(address)
	if err != nil {
		return nil, nil, err
	}
	if u == nil {
		return nil, nil, errNoFunction
	}
	if err := u.splitOff(); err != nil {
		return nil, nil, err
	}
	if u.root.place(dwarf.AttrLanguage) == languageAssembly {
		return nil, nil, errAssembly
	}
	found, err := u.chain(address)
	if err != nil {
		return nil, nil, err
	}
	if len(found.entries) == 0 || found.entries[0].tag != dwarf.TagSubprogram {
		return nil, nil, errNoFunction
	}
	e := &found.entries[0]
	if low, ok := u.addressOf(e, dwarf.AttrLowpc); ok && low != address {
		return nil, nil, errNoFunction
	}
	return u, e, nil
}

// splitOff is the error for a unit whose entries the compiler has put into a file of their
// own (-gsplit-dwarf), which is not read; nil for others.
func (u *unit) splitOff() error {
	name := cmp.Or(u.text(&u.root, dwarf.AttrDwoName), u.text(&u.root, attributeNameSplit))
	switch {
	case name == "" && u.root.tag != dwarf.TagSkeletonUnit:
		return nil
	case name == "":
		name = "a .dwo file"
	case !path.IsAbs(name):
		name = path.Join(u.text(&u.root, dwarf.AttrCompDir), name)
	}
	return fmt.Errorf("its debug information is in %s, and such files are not read: "+
		"build it without -gsplit-dwarf", diag.Printable(name))
}

// declaring returns the entry that has an attribute: the one in hand, or one that it is
// an instance of.
func (u *unit) declaring(e *entry, name dwarf.Attr) (*unit, *entry) {
	for range maxOrigins {
		if _, ok := e.get(name); ok {
			return u, e
		}
		to, origin, ok := u.origin(e)
		if !ok {
			break
		}
		u, e = to, &origin
	}
	return u, nil
}

// withParameters returns the entry whose children are the parameters: an instance may
// leave all of them to what it is an instance of.
func (u *unit) withParameters(e *entry) (*unit, *entry, error) {
	for range maxOrigins {
		found := false
		err := u.eachChild(e, func(child *entry) bool {
			found = child.tag == dwarf.TagFormalParameter
			return !found
		})
		if err != nil {
			return nil, nil, err
		}
		to, origin, ok := u.origin(e)
		if found || !ok {
			return u, e, nil
		}
		u, e = to, &origin
	}
	return nil, nil, errForm
}

// declared describes what has a type.
func (u *unit) declared(e *entry) target.Declared {
	d := target.Declared{Type: u.valueType(e)}
	to, described, ok := u.refer(e, dwarf.AttrType)
	for range maxTypes {
		if !ok {
			return d
		}
		if align, known := to.number(&described, dwarf.AttrAlignment); known && align <= maxAlign {
			d.Align = max(d.Align, int(align))
		}
		switch described.tag {
		case dwarf.TagTypedef, dwarf.TagConstType, dwarf.TagVolatileType:
			to, described, ok = to.refer(&described, dwarf.AttrType)
			continue
		}
		if of, whole, split := to.refer(&described, dwarf.AttrSignature); split {
			to, described = of, whole
		}
		d.Incomplete = described.place(dwarf.AttrDeclaration) != 0
		d.Copied = to.copied(&described, maxTypes)
		return d
	}
	return d
}

// maxAlign is the largest alignment that is followed.
const maxAlign = 1 << 12

// reshaped reports a function that need not follow the calling convention, as it does not
// use all of its arguments: LLVM leaves them out where no other file calls the function,
// and does not rename it as gcc does.
func (u *unit) reshaped(e *entry) bool {
	if strings.HasPrefix(u.text(&u.root, dwarf.AttrProducer), "GNU") {
		return false
	}
	_, external := u.declaring(e, dwarf.AttrExternal)
	if external != nil && u.root.place(dwarf.AttrLanguage) != languageRust {
		return false
	}
	unused := false
	u.eachChild(e, func(child *entry) bool {
		_, placed := child.get(dwarf.AttrLocation)
		unused = unused || child.tag == dwarf.TagFormalParameter && !placed
		return !unused
	})
	return unused
}

// parameter describes an argument. In a function that need not follow the calling
// convention (strict) only what debug information has is known.
func (u *unit) parameter(e, function *entry, address uint64, strict bool) target.Declared {
	d := target.Declared{}
	if to, typed := u.declaring(e, dwarf.AttrType); typed != nil {
		d = to.declared(typed)
	}
	if to, named := u.declaring(e, dwarf.AttrName); named != nil {
		d.Name = to.label(named)
	}
	size := 0
	if d.Type != nil {
		size = d.Type.Size
	}
	at := u.locate(e, function, address, size)
	d.Pieces, d.Absent, d.Copied = at.pieces, at.absent, d.Copied || at.pointed
	if strict && len(d.Pieces) == 0 && d.Absent == "" {
		d.Absent = isRemoved
	}
	return d
}
