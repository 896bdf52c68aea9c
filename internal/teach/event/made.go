package event

import (
	"slices"
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/runtime/simulate"
)

// fieldNames are the names of members and arguments that a script has anywhere.
func fieldNames(script *lang.Script) map[string]bool {
	names := map[string]bool{}
	if script == nil {
		return names
	}
	lang.Walk(script, func(node any) bool {
		if field, ok := node.(*lang.Field); ok {
			names[field.Name] = true
		}
		return true
	})
	return names
}

// deepest is how many pointers in a row lead to memory that is made.
const deepest = 8

// fill makes what a line does not say.
func (s *scene) fill() {
	for _, root := range s.list {
		if !strings.HasPrefix(root.names[0], "reg.") {
			s.make(root.place, 0)
		}
	}
}

// make fills a value that was not given, and what is missing behind one that was.
func (s *scene) make(at place, depth int) {
	typ := at.typ
	switch {
	case depth > deepest:
	case typ == nil:
		s.scalar(at, 1)
	case typ.Kind == types.Pointer:
		s.pointer(at, depth)
	case typ.Kind == types.Struct:
		s.members(at, depth)
	case typ.Kind == types.String:
		if !at.isGiven() {
			copy(at.bytes[:max(len(at.bytes)-1, 0)], at.name)
		}
	case typ.Kind == types.Enum && len(typ.Values) > 0:
		s.scalar(at, uint64(typ.Values[0].Value))
	case typ.Scalar():
		s.scalar(at, 1)
	}
}

func (s *scene) scalar(at place, n uint64) {
	if !at.isGiven() {
		at.put(n)
		at.mark()
	}
}

func (s *scene) members(at place, depth int) {
	for _, name := range s.machine.MemberNames(at.typ) {
		if !s.used[name] {
			continue
		}
		member, found := s.machine.Member(at.typ, name)
		if !found {
			continue
		}
		part, ok := at.part(member.Offset, max(member.Type.Size, 0), member.Type, member.Name)
		if !ok {
			continue
		}
		part.bitOffset, part.bitSize = member.BitOffset, member.BitSize
		if part.isGiven() && (part.bitSize > 0 || at.typ.Union) {
			continue
		}
		s.make(part, depth)
	}
}

// pointer makes memory for a pointer that was not given. What a given number leads to is
// only known where the line told of it.
func (s *scene) pointer(at place, depth int) {
	elem := s.machine.Whole(at.typ).Elem
	user := at.user || at.typ.User
	var behind *area
	switch {
	case at.isGiven():
		behind = s.memory.objects[at.number()]
	case textual(at.typ):
		behind = s.memory.text(at.name, at.typ.String()+at.name, user)
	case elem.Size > 0:
		behind = s.memory.add(0, elem, elem.Size, elem.String(), user)
	}
	if behind == nil {
		return
	}
	if !at.isGiven() {
		at.put(behind.address)
		at.mark()
	}
	if behind.typ != nil && behind.typ.Kind != types.Int {
		s.make(behind.place(at.name, user), depth+1)
	}
}

// layOutTask makes the struct task_struct where the program looks at it, or the line
// tells of it.
func (s *scene) layOutTask(program *object.ProgramSpec, values []assignment) {
	told := slices.ContainsFunc(values, func(a assignment) bool {
		return strings.Contains(a.name.text, "curtask")
	})
	if !told && !callsTask(program.Instructions) {
		return
	}
	described, ok := s.machine.Struct("struct", "task_struct")
	if !ok {
		return
	}
	pointer := types.NewPointer(described)
	s.task = place{bytes: make([]byte, 8), given: make([]bool, 8), typ: pointer, name: "curtask"}
}

func callsTask(code asm.Instructions) bool {
	return slices.ContainsFunc(code, func(i asm.Instruction) bool {
		f := asm.BuiltinFunc(i.Constant)
		return i.IsBuiltinCall() && (f == asm.FnGetCurrentTask || f == asm.FnGetCurrentTaskBtf)
	})
}

// fillTask writes the numbers and the name of the task, and makes the rest.
func (s *scene) fillTask(task *simulate.Task) {
	if s.task.bytes == nil {
		return
	}
	at, ok := s.dereference(s.task, 0, s.span)
	if !ok {
		return
	}
	task.Address = s.task.number()
	s.taskNumbers(at, task.PID, task.TID, task.Comm)
	if parent, ok := s.memberNamed(at, "real_parent"); ok {
		if behind, ok := s.dereference(parent, 0, s.span); ok {
			s.taskNumbers(behind, 1, 1, "init")
		}
	}
	s.make(at, 0)
}

func (s *scene) memberNamed(at place, name string) (place, bool) {
	member, found := s.machine.Member(at.typ, name)
	if !found {
		return place{}, false
	}
	return at.part(member.Offset, member.Type.Size, member.Type, name)
}

func (s *scene) taskNumbers(at place, pid, tid int, comm string) {
	for name, n := range map[string]int{"tgid": pid, "pid": tid} {
		if part, ok := s.memberNamed(at, name); ok {
			s.scalar(part, uint64(n))
		}
	}
	if part, ok := s.memberNamed(at, "comm"); ok && !part.isGiven() {
		copy(part.bytes, comm)
		part.mark()
	}
}
