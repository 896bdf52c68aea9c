package events

// carry holds rows by their keys: what is not in the kernel any more and was not printed
// yet. Rows lie in one piece of memory, since a million small objects would cost more
// than the map itself.
type carry struct {
	size   int // bytes of a row
	places map[string]int32
	rows   []byte
}

func newCarry(size int) *carry { return &carry{size: size, places: map[string]int32{}} }

func (c *carry) find(key []byte) (row []byte, ok bool) {
	place, ok := c.places[string(key)]
	if !ok {
		return nil, false
	}
	return c.row(place), true
}

func (c *carry) row(place int32) []byte {
	return c.rows[int(place)*c.size : (int(place)+1)*c.size]
}

// add enters a key that is not there yet.
func (c *carry) add(key, row []byte) {
	c.places[string(key)] = int32(len(c.places))
	c.rows = append(c.rows, row[:c.size]...)
}
