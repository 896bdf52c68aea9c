package builtin

import (
	"errors"
	"fmt"
	"sync"

	"github.com/ponytrace/ponytrace/compiler/object"
	"github.com/ponytrace/ponytrace/compiler/target"
)

// Functions that Go has made are entered behind the check of their stack, and left where
// they return; target.GoFunction says why.

var (
	errLeaves  = errors.New("it returns by jumping to another function of Go, which returns in its place")
	errEndless = errors.New("it never returns")
)

// goroutineAt asks once how places of a program find the goroutine.
func goroutineAt(binary target.Binary, places []object.UserPlace) func() (target.Goroutine, error) {
	return sync.OnceValues(func() (target.Goroutine, error) {
		offsets := make([]uint64, len(places))
		for i, place := range places {
			offsets[i] = place.Offset
		}
		return binary.Goroutine(offsets)
	})
}

// addGo takes the places of a function of Go. It reports false after an error.
func (f *placeFinder) addGo(name string, g target.GoFunction, err error, function target.BinaryFunction) bool {
	if f.plain.Fires() == object.AtReturn {
		return f.addReturns(name, g, err, function)
	}
	placed, err := f.placed(g.Entry)
	if err != nil {
		return f.leaveOut(name, err)
	}
	place := object.UserPlace{Name: f.path + ":" + name, Offset: placed.Offset}
	if distance := placed.Offset - function.Offset; distance > 0 {
		place.Moved = fmt.Sprintf("%d bytes on, because Go begins a function anew whose stack has to grow", distance)
	}
	f.entered(placed).append(place, function)
	return true
}

func (f *placeFinder) addReturns(name string, g target.GoFunction, err error, function target.BinaryFunction) bool {
	switch {
	case err != nil:
	case g.Leaves:
		err = errLeaves
	case len(g.Returns) == 0:
		err = errEndless
	}
	if err != nil {
		return f.leaveOut(name, err)
	}
	f.returns.atReturns = true
	for _, offset := range g.Returns {
		placed, err := f.placed(offset)
		if err != nil {
			return f.leaveOut(name, err)
		}
		f.returns.append(object.UserPlace{Name: f.path + ":" + name, Offset: placed.Offset}, function)
	}
	return true
}
