package unxz

const (
	states    = 12
	positions = 1 << 4 // of bits of the position
	// From this state on, the last decision was no byte.
	firstCopied = 7

	leastCopy   = 2
	lengthKinds = 4 // distances of longer copies have the same probabilities
	slots       = 64
	firstModel  = 4  // slots below are distances themselves
	endModel    = 14 // from here on, the low bits have no probabilities but the last ones
	alignBits   = 4

	literalSize = 0x300
	literals    = literalSize << 4

	even      = 1 << 10 // a probability of one half
	precision = 11
	adaption  = 5
	leastWide = 1 << 24
)

// probability is that of a zero, in parts of 2^11.
type probability = uint16

// decoder has what was unpacked, and the state of LZMA.
type decoder struct {
	in, out []byte
	limit   int
	start   int // of the dictionary, in out
	needs   int // what the next chunk must begin anew

	before, low, position int // see shape

	state     int
	distances [4]int // the last ones, less one

	isCopy      [states][positions]probability
	isRepeated  [states]probability
	isNotFirst  [states]probability
	isNotSecond [states]probability
	isNotThird  [states]probability
	isLong      [states][positions]probability
	slot        [lengthKinds][slots]probability
	model       [1 + 128 - endModel]probability
	align       [1 << alignBits]probability
	lengths     lengthCoder
	again       lengthCoder
	literal     [literals]probability

	coder
}

// lengthCoder has the probabilities of lengths: 8 short ones, 8 more, 256 more.
type lengthCoder struct {
	notShort, notMiddle probability
	short, middle       [positions][8]probability
	long                [256]probability
}

// coder is the arithmetic decoder. It reads zeroes behind the end, and notes that.
type coder struct {
	text       []byte
	wide, code uint32
	ended      bool
}

func fill(list []probability) {
	for i := range list {
		list[i] = even
	}
}

// reset sets all probabilities to one half.
func (d *decoder) reset() {
	d.state, d.distances = 0, [4]int{}
	for i := range states {
		fill(d.isCopy[i][:])
		fill(d.isLong[i][:])
	}
	for _, list := range [][]probability{
		d.isRepeated[:], d.isNotFirst[:], d.isNotSecond[:], d.isNotThird[:],
		d.model[:], d.align[:], d.literal[:],
	} {
		fill(list)
	}
	for i := range d.slot {
		fill(d.slot[i][:])
	}
	d.lengths.reset()
	d.again.reset()
}

func (l *lengthCoder) reset() {
	l.notShort, l.notMiddle = even, even
	for i := range positions {
		fill(l.short[i][:])
		fill(l.middle[i][:])
	}
	fill(l.long[:])
}

func (c *coder) begin(text []byte) bool {
	if len(text) < 5 || text[0] != 0 {
		return false
	}
	*c = coder{text: text[5:], wide: 0xffffffff}
	for _, b := range text[1:5] {
		c.code = c.code<<8 | uint32(b)
	}
	return true
}

func (c *coder) normalize() {
	if c.wide >= leastWide {
		return
	}
	next := byte(0)
	if len(c.text) > 0 {
		next, c.text = c.text[0], c.text[1:]
	} else {
		c.ended = true
	}
	c.wide, c.code = c.wide<<8, c.code<<8|uint32(next)
}

// bit decides by a probability, which it moves towards what was decided.
func (c *coder) bit(p *probability) int {
	c.normalize()
	bound := c.wide >> precision * uint32(*p)
	if c.code < bound {
		c.wide = bound
		*p += (1<<precision - *p) >> adaption
		return 0
	}
	c.wide, c.code = c.wide-bound, c.code-bound
	*p -= *p >> adaption
	return 1
}

// even decides bits that are as often one as zero.
func (c *coder) even(bits int) (n int) {
	for range bits {
		c.normalize()
		c.wide >>= 1
		bit := 0
		if c.code >= c.wide {
			c.code, bit = c.code-c.wide, 1
		}
		n = n<<1 | bit
	}
	return n
}

// tree decides bits from the highest on: those before choose the probability of the next.
func (c *coder) tree(list []probability, bits int) int {
	n := 1
	for range bits {
		n = n<<1 | c.bit(&list[n])
	}
	return n - 1<<bits
}

// reverse decides them from the lowest on.
func (c *coder) reverse(list []probability, bits int) (n int) {
	at := 1
	for i := range bits {
		bit := c.bit(&list[at])
		at, n = at<<1|bit, n|bit<<i
	}
	return n
}

func (l *lengthCoder) read(c *coder, position int) int {
	if c.bit(&l.notShort) == 0 {
		return leastCopy + c.tree(l.short[position][:], 3)
	}
	if c.bit(&l.notMiddle) == 0 {
		return leastCopy + 8 + c.tree(l.middle[position][:], 3)
	}
	return leastCopy + 16 + c.tree(l.long[:], 8)
}

// run unpacks a chunk up to a length of out.
func (d *decoder) run(text []byte, end int) error {
	if !d.begin(text) {
		return ErrDamaged
	}
	for len(d.out) < end {
		position := (len(d.out) - d.start) & d.position
		if d.bit(&d.isCopy[d.state][position]) == 0 {
			d.byte()
			continue
		}
		long := d.match(position)
		from := len(d.out) - d.distances[0] - 1
		if d.ended || from < d.start || long > end-len(d.out) {
			return ErrDamaged
		}
		for range long {
			d.out = append(d.out, d.out[from])
			from++
		}
	}
	if d.ended {
		return ErrDamaged
	}
	return nil
}

// byte decides one byte. Behind a copy, the byte that would have continued it chooses the
// probabilities as long as the bits are the same.
func (d *decoder) byte() {
	previous := 0
	if len(d.out) > d.start {
		previous = int(d.out[len(d.out)-1])
	}
	context := ((len(d.out)-d.start)&d.low)<<d.before + previous>>(8-d.before)
	list := d.literal[literalSize*context:][:literalSize]
	n := 1
	if from := len(d.out) - d.distances[0] - 1; d.state >= firstCopied && from >= d.start {
		for like := int(d.out[from]); n < 0x100; {
			expected := like >> 7 & 1
			like <<= 1
			bit := d.bit(&list[(1+expected)<<8+n])
			if n = n<<1 | bit; bit != expected {
				break
			}
		}
	}
	for n < 0x100 {
		n = n<<1 | d.bit(&list[n])
	}
	d.out = append(d.out, byte(n))
	d.state = afterByte[d.state]
}

// afterByte is the state that follows.
var afterByte = [states]int{0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5}

// follow returns one state behind bytes, and another behind copies.
func (d *decoder) follow(bytes, copies int) {
	if d.state < firstCopied {
		d.state = bytes
	} else {
		d.state = copies
	}
}

// match decides how long a copy is, and sets distances.
func (d *decoder) match(position int) (long int) {
	if d.bit(&d.isRepeated[d.state]) == 0 {
		d.distances[3], d.distances[2], d.distances[1] = d.distances[2], d.distances[1], d.distances[0]
		d.follow(7, 10)
		long = d.lengths.read(&d.coder, position)
		d.distances[0] = d.distance(long)
		return long
	}
	if d.bit(&d.isNotFirst[d.state]) == 0 {
		if d.bit(&d.isLong[d.state][position]) == 0 {
			d.follow(9, 11)
			return 1
		}
	} else {
		d.repeat()
	}
	d.follow(8, 11)
	return d.again.read(&d.coder, position)
}

// repeat puts the second, third or fourth of the last distances first.
func (d *decoder) repeat() {
	which := 1
	if d.bit(&d.isNotSecond[d.state]) != 0 {
		which = 2 + d.bit(&d.isNotThird[d.state])
	}
	chosen := d.distances[which]
	copy(d.distances[1:which+1], d.distances[:which])
	d.distances[0] = chosen
}

// distance decides how far back a copy is from, less one. Its slot has the two highest
// bits and how many follow.
func (d *decoder) distance(long int) int {
	slot := d.tree(d.slot[min(long-leastCopy, lengthKinds-1)][:], 6)
	if slot < firstModel {
		return slot
	}
	bits := slot>>1 - 1
	n := (2 | slot&1) << bits
	if slot < endModel {
		return n + d.reverse(d.model[n-slot:], bits)
	}
	n += d.even(bits-alignBits) << alignBits
	return n + d.reverse(d.align[:], alignBits)
}
