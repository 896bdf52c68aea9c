// Command golang is a program to trace. `golang N` makes N rounds in each of two
// goroutines; a round i calls
//
//	main.add(i, 2)                  main.greet("round")         main.total([]int64{1, 2, i})
//	main.show(any of int, string)   main.(*Counter).Get(i)      main.largest[int], [string]
//	main.divide(i, i%2), whose panic at even i is recovered
//	main.deep(300), in a goroutine of its own, so that its stack grows: 301 calls
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
)

var kept atomic.Int64

// Counter has a method.
type Counter struct {
	Name  string
	Value int64
	Next  *Counter
}

// Get is a method of a pointer.
//
//go:noinline
func (c *Counter) Get(i int) int64 {
	kept.Add(1)
	return c.Value + int64(i)
}

// add and total have frames, so that their probes are at a push, which the kernel emulates. A
// first instruction that it executes out of line, as that of plus, is risky in QEMU: when a
// timer interrupts, the emulated CPU now and then goes on to the next jump, and a return there
// sends the program astray.
//
//go:noinline
func add(a, b int) int { return plus(a, b) }

//go:noinline
func plus(a, b int) int { return a + b }

//go:noinline
func greet(name string) (string, int) {
	kept.Add(1)
	return name[1:], len(name)
}

//go:noinline
func total(list []int64) (n int64) {
	for _, i := range list {
		n += i
	}
	keep(n)
	return n
}

//go:noinline
func keep(n int64) { kept.Add(n) }

//go:noinline
func show(value any, ratio float64, small int8) int {
	kept.Add(int64(ratio))
	if n, ok := value.(int); ok {
		return n + int(small)
	}
	return len(value.(string))
}

//go:noinline
func largest[T int | string](a, b T) T {
	kept.Add(1)
	if a > b {
		return a
	}
	return b
}

//go:noinline
func divide(a, b int) (n int) {
	defer func() {
		if recover() != nil {
			n = -1
		}
	}()
	return a / b
}

//go:noinline
func deep(n int) int {
	var room [64]byte
	room[n%len(room)] = 1
	if n == 0 {
		return int(room[0])
	}
	return deep(n-1) + int(room[n%len(room)])
}

func round(i int) {
	counter := &Counter{Name: "counter", Value: 42}
	kept.Add(int64(add(i, 2)))
	greet("round")
	total([]int64{1, 2, int64(i)})
	show(i, 0.5, -3)
	show("text", 0.5, -3)
	kept.Add(counter.Get(i))
	largest(i, 5)
	largest("a", "b")
	divide(i, i%2)
	var group sync.WaitGroup
	group.Go(func() { kept.Add(int64(deep(300))) })
	group.Wait()
}

func main() {
	n := 1
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for i := range n {
				round(i)
			}
		})
	}
	group.Wait()
	fmt.Println(n, "rounds in each of 2 goroutines")
}
