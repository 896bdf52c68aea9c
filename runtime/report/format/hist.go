package format

import (
	"slices"
	"strconv"

	"github.com/ponytrace/ponytrace/compiler/types"
	"github.com/ponytrace/ponytrace/runtime/report"
)

func init() {
	hist := Drawing{Draw: (*Formatter).appendHist, Multiline: true, Heads: (*Formatter).alwaysHeads}
	Register(types.DrawPowers, hist)
	Register(types.DrawLinear, hist)
}

// appendHist appends the table of a histogram in the configured style, without a title.
func (f *Formatter) appendHist(b []byte, v report.Value) []byte {
	counts := v.Counts()
	first, last := v.Filled()
	switch {
	case f.settings.HistStyle == "dtrace":
		return f.appendQuantize(b, v.Type, counts, first, last)
	case f.alwaysHeads(v.Type):
		return f.appendBCC(b, counts)
	}
	return f.appendBars(b, v.Type, counts, first, last)
}

// alwaysHeads reports whether the style has a heading even above an empty table.
func (f *Formatter) alwaysHeads(t *types.Type) bool {
	style := f.settings.HistStyle
	return t.Draws() == types.DrawPowers && t.Bits == 0 && (style == "bcc" || style == "bcc-trimmed")
}

const (
	barWidth   = 52
	labelWidth = 16
	countWidth = 8
	leastBar   = 4
)

func (f *Formatter) appendBars(b []byte, t *types.Type, counts []uint64, first, last int) []byte {
	most := slices.Max(counts)
	width := f.barWidth(t, most, first, last)
	for i := first; i <= last; i++ {
		b = appendLeft(b, labelWidth, func(b []byte) []byte { return appendLabel(b, t, i) })
		b = append(appendRight(b, countWidth, counts[i]), " |"...)
		b = append(f.appendBar(b, '@', stars(counts[i], most, width), width), "|\n"...)
	}
	return b
}

// barWidth is what labels and counts leave of the width.
func (f *Formatter) barWidth(t *types.Type, most uint64, first, last int) int {
	if f.Width == 0 {
		return barWidth
	}
	var space [64]byte
	label := labelWidth
	for i := first; i <= last; i++ {
		label = max(label, len(appendLabel(space[:0], t, i)))
	}
	count := max(countWidth, digitsOf(most))
	return max(leastBar, f.Width-label-count-len(" ||"))
}

// stars is computed in single precision, as bpftrace does, for the same bar to the
// column.
func stars(count, most uint64, width int) int {
	if most == 0 {
		return 0
	}
	return int(float32(count) / float32(most) * float32(width))
}

//go:noinline
func (f *Formatter) appendBar(b []byte, mark byte, marks, width int) []byte {
	if marks > 0 {
		b = append(repeat(append(b, f.start(barColor)...), mark, marks), f.start(noColor)...)
	}
	return repeat(b, ' ', width-marks)
}

func appendLeft(b []byte, width int, add func([]byte) []byte) []byte {
	start := len(b)
	b = add(b)
	return repeat(b, ' ', width-(len(b)-start))
}

func appendRight(b []byte, width int, n uint64) []byte {
	var space [20]byte
	digits := strconv.AppendUint(space[:0], n, 10)
	return append(repeat(b, ' ', width-len(digits)), digits...)
}

// appendLabel appends the range of a bucket: [2, 4).
func appendLabel(b []byte, t *types.Type, i int) []byte {
	if t.Draws() == types.DrawLinear {
		return appendLinearLabel(b, t, i)
	}
	switch {
	case i == 0:
		return append(b, "(..., 0)"...)
	case i <= 2<<t.Bits:
		return append(strconv.AppendInt(append(b, '['), int64(i-1), 10), ']')
	}
	b = appendLow(append(b, '['), i, t.Bits)
	return append(appendLow(append(b, ", "...), i+1, t.Bits), ')')
}

// appendLow appends the smallest value of a bucket, with the suffix of the power of 1024
// that its width is.
func appendLow(b []byte, i, bits int) []byte {
	power := (i-1)>>bits - 1
	low := types.HistLow(i, bits)
	if power >= 10 {
		low = types.HistLow(i-(power/10*10)<<bits, bits)
	}
	b = strconv.AppendUint(b, low, 10)
	if power >= 10 {
		b = append(b, "KMGTPE"[power/10-1])
	}
	return b
}

func appendLinearLabel(b []byte, t *types.Type, i int) []byte {
	low, high := report.LinearBounds(t, i)
	switch {
	case i == 0:
		return append(appendLinear(append(b, "(..., "...), t.Low, t.Step), ')')
	case i == t.Words()-1:
		return append(appendLinear(append(b, '['), t.High, t.Step), ", ...)"...)
	case high-low == 1:
		return append(strconv.AppendInt(append(b, '['), low, 10), ']')
	}
	b = appendLinear(append(b, '['), low, t.Step)
	return append(appendLinear(append(b, ", "...), high, t.Step), ')')
}

// appendLinear appends a bound, with a suffix where all bounds can have one.
func appendLinear(b []byte, n, step int64) []byte {
	switch {
	case step%1024 != 0 || n == 0 || n%1024 != 0:
		return strconv.AppendInt(b, n, 10)
	case n%(1<<20) == 0:
		return append(strconv.AppendInt(b, n>>20, 10), 'M')
	}
	return append(strconv.AppendInt(b, n>>10, 10), 'K')
}
