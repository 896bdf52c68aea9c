package events

import "time"

// carry holds, per key, what to add to the kernel's value to get the value since the last clear.
// Rows lie in one piece of memory; a million small objects would cost more than the map itself.
type carry struct {
	size   int // bytes of a row
	places map[string]int32
	rows   []byte
	states []state
	free   []int32
}

// state is what else is known of a carried key.
type state struct {
	used time.Duration // the last generation with an event ended then
	kept bool          // print the key even while it is 0: zero() does not remove keys
	seen bool          // the kernel has the key; only within apply
}

func newCarry(size int) *carry { return &carry{size: size, places: map[string]int32{}} }

func (c *carry) find(key []byte) (place int32, ok bool) {
	place, ok = c.places[string(key)]
	return place, ok
}

func (c *carry) row(place int32) []byte {
	return c.rows[int(place)*c.size : (int(place)+1)*c.size]
}

// add returns the place of a key, with a row of zeroes if it is new.
func (c *carry) add(key []byte) int32 {
	if place, ok := c.find(key); ok {
		return place
	}
	place := int32(len(c.states))
	if last := len(c.free) - 1; last >= 0 {
		place, c.free = c.free[last], c.free[:last]
		clear(c.row(place))
		c.states[place] = state{}
	} else {
		c.rows = append(c.rows, make([]byte, c.size)...)
		c.states = append(c.states, state{})
	}
	c.places[string(key)] = place
	return place
}

func (c *carry) drop(key string) {
	c.free = append(c.free, c.places[key])
	delete(c.places, key)
}
