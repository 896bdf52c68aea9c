package types

import "encoding/binary"

// Aggregation is count() or one of its family: what its row holds, and what package
// events and the sinks do with rows. The records are in package builtin, a file each,
// beside the code that updates a row. A type points at its record, so that nobody
// compares kinds.
//
// A row is Words words of 64 bits. Every CPU has a row of its own, all zero before the
// first event. Functions that are nil have the meaning that their comment gives.
type Aggregation struct {
	Name  string
	Words func(t *Type) int
	// Merge folds a row of another CPU, or of an earlier time, into one.
	Merge func(t *Type, into, from Row)
	// Subtract takes from a row what it was when it was shown. It leaves zeroes where no
	// event came since then.
	Subtract func(t *Type, row, shown Row)
	// Adds: an event only adds to words, so that Subtract is exact and may be done in
	// place.
	Adds bool
	// Flagged: the second word only tells that the first was set, and is stored after it.
	Flagged bool
	// Restarted reports whether the row was dropped and begun anew since it was shown;
	// nil: AnyLess.
	Restarted func(t *Type, row, shown Row) bool
	// Empty reports a row without event; nil: all words are 0.
	Empty func(row Row) bool
	// Number is the one number that stands for a row where it prints; nil: there is none.
	Number func(t *Type, row Row) uint64
	// Composite: for expressions of the script no single number stands.
	Composite bool
	// Weight orders rows, unsigned; nil: they are ordered by their keys.
	Weight func(t *Type, row Row) uint64
	// Stored describes the rows that the kernel keeps, where values are summaries of
	// them; nil: they are the values.
	Stored func(t *Type) Stored
	// Summarize makes a value of a whole stored row.
	Summarize func(t *Type, into, stored Row)
	// Draws is how a row prints.
	Draws Drawing
	// Text is how a script would write the type; nil: Name.
	Text func(t *Type) string
	// Parameters are those by which two types of the record may differ; nil: there are
	// none.
	Parameters func(t *Type) []Parameter
}

// Stored is the rows of which values are summaries. A whole row may be too large for each
// key and CPU. A map with keys then has the row in parts: the number of a part, of 64
// bits, is last in the kernel's key, and a part that no event fell in takes no memory.
type Stored struct {
	Row, Part *Type
	Parts     int
}

// Drawing is a way to print rows. Each sink has a table from drawings to what draws them;
// what it has none for prints as its number.
type Drawing string

// Drawings of the records. DrawNumber is the default.
const (
	DrawNumber  Drawing = ""
	DrawAverage Drawing = "average" // a number, which JSON files under "stats"
	DrawStats   Drawing = "stats"
	DrawPowers  Drawing = "powers" // a histogram whose buckets are as HistLow says
	DrawLinear  Drawing = "linear" // a histogram of buckets of Step from Low to High
	DrawSeries  Drawing = "series"
)

// Parameter is an argument that a type was made with.
type Parameter struct {
	Name  string
	Value any // comparable
}

// Row is the memory of a row, in the machine's byte order.
type Row []byte

// Len returns the number of words.
func (r Row) Len() int { return len(r) / 8 }

// Word returns a word.
func (r Row) Word(i int) uint64 { return binary.NativeEndian.Uint64(r[i*8:]) }

// SetWord replaces a word.
func (r Row) SetWord(i int, word uint64) { binary.NativeEndian.PutUint64(r[i*8:], word) }

// Zero reports whether all bytes are 0.
func (r Row) Zero() bool {
	for _, b := range r {
		if b != 0 {
			return false
		}
	}
	return true
}

// Total returns the sum of all words.
func (r Row) Total() uint64 {
	total := uint64(0)
	for i := range r.Len() {
		total += r.Word(i)
	}
	return total
}

// AddWords is the Merge of rows whose words all count.
func AddWords(_ *Type, into, from Row) {
	for i := range into.Len() {
		into.SetWord(i, into.Word(i)+from.Word(i))
	}
}

// SubtractWords is the Subtract of rows whose words all count.
func SubtractWords(_ *Type, row, shown Row) {
	for i := range row.Len() {
		row.SetWord(i, row.Word(i)-shown.Word(i))
	}
}

// SubtractSame is the Subtract of rows that events replace: one that is as it was shown
// goes.
func SubtractSame(_ *Type, row, shown Row) {
	if string(row) == string(shown) {
		clear(row)
	}
}

// NearerZero is the Restarted of totals, which may go down: one that is nearer to 0 is
// taken for new.
func NearerZero(_ *Type, row, shown Row) bool {
	return magnitude(int64(row.Word(0))) < magnitude(int64(shown.Word(0)))
}

func magnitude(n int64) uint64 { return uint64(max(n, -n)) }

// AnyLess is the Restarted of rows whose words all count.
func AnyLess(_ *Type, row, shown Row) bool {
	for i := range row.Len() {
		if row.Word(i) < shown.Word(i) {
			return true
		}
	}
	return false
}

// Aggregation reports whether the type is that of count() and its family.
func (t *Type) Aggregation() bool { return t.Kind == Aggregated }

// Composite reports whether the type is that of an aggregation for which no single number
// stands.
func (t *Type) Composite() bool { return t.Aggregation() && t.Record.Composite }

// Draws returns how values of an aggregation print; DrawNumber for other types.
func (t *Type) Draws() Drawing {
	if t.Aggregation() {
		return t.Record.Draws
	}
	return DrawNumber
}

// Words returns the number of 64-bit words of an aggregation.
func (t *Type) Words() int {
	if !t.Aggregation() {
		return 0
	}
	return t.Size / 8
}

// Order returns a number in an unsigned order that is the order of numbers of the type.
func (t *Type) Order(n uint64) uint64 {
	if t.Signed {
		return n ^ 1<<63
	}
	return n
}

// NewAggregation returns an aggregation over values of the given signedness.
func NewAggregation(record *Aggregation, signed bool) *Type {
	return SizedAggregation(Type{Record: record, Signed: signed})
}

// SizedAggregation completes a type of which the record and the parameters are given.
func SizedAggregation(t Type) *Type {
	t.Kind = Aggregated
	t.Size = t.Record.Words(&t) * 8
	return &t
}

// HistBucketsOf returns the number of buckets where each power of two is split in 1<<bits
// parts: one below zero, 1<<bits for the values below that, then 1<<bits for each power
// of two up to 1<<63.
func HistBucketsOf(bits int) int { return (65-bits)<<bits + 1 }

// HistLow returns the smallest value of bucket i >= 1. Values below 1<<bits have a bucket
// each; from there on each power of two has 1<<bits buckets. With 0 bits the buckets
// begin at 0, 1, 2, 4, 8, ...
func HistLow(i, bits int) uint64 {
	i--
	parts := 1 << bits
	if i < parts {
		return uint64(i)
	}
	return uint64(parts+i&(parts-1)) << (i>>bits - 1)
}

// LinearBuckets returns the number of buckets between Low and High.
func (t *Type) LinearBuckets() int { return int((t.High - t.Low + t.Step - 1) / t.Step) }

func (a *Aggregation) text(t *Type) string {
	if a.Text != nil {
		return a.Text(t)
	}
	return a.Name
}
