package format

import (
	"slices"
	"strconv"

	"github.com/ponytrace/ponytrace/compiler/types"
)

const (
	bccWidth = 38
	bccRange = 20
	bccRest  = bccRange + 14 // the columns of a row but the bar
)

// appendBCC appends a table as the tools of 2015 did. Their first bucket is 0 and 1
// together.
func (f *Formatter) appendBCC(b []byte, counts []uint64) []byte {
	b = f.appendBCCHeading(b)
	below, counts := counts[0], mergeFirst(counts)
	first, last := 0, len(counts)-1
	for last >= 0 && counts[last] == 0 {
		last--
	}
	for f.settings.HistStyle == "bcc-trimmed" && first < last && counts[first] == 0 {
		first++
	}
	most := max(below, slices.Max(counts))
	wider := over(len(appendBCCRange(nil, max(last, 0))), bccRange) + over(digitsOf(most), countWidth)
	width := f.left(bccRest+wider, bccWidth)
	if below > 0 {
		b = f.appendBCCRow(append(b, "     ... -> -1      "...), below, most, width)
	}
	for i := first; i <= last; i++ {
		b = f.appendBCCRow(appendBCCRange(b, i), counts[i], most, width)
	}
	return b
}

func (f *Formatter) appendBCCHeading(b []byte) []byte {
	start := len(b)
	b = append(b, "     "...)
	b = appendLeft(b, 15, func(b []byte) []byte { return append(b, f.settings.HistUnit...) })
	b = append(b, " : count     distribution"...)
	if f.Width > 0 {
		b = b[:min(len(b), start+f.Width)]
	}
	return append(b, '\n')
}

// mergeFirst drops the bucket below zero and makes one of those for 0 and 1.
func mergeFirst(counts []uint64) []uint64 {
	merged := slices.Clone(counts[2:])
	merged[0] += counts[1]
	return merged
}

func appendBCCRange(b []byte, i int) []byte {
	low, high := uint64(1)<<i, uint64(1)<<i*2-1
	if i == 0 {
		low = 0
	}
	b = append(appendRight(b, 8, low), " -> "...)
	return appendLeft(b, 8, func(b []byte) []byte { return strconv.AppendUint(b, high, 10) })
}

func (f *Formatter) appendBCCRow(b []byte, count, most uint64, width int) []byte {
	b = append(b, " : "...)
	b = appendLeft(b, 8, func(b []byte) []byte { return strconv.AppendUint(b, count, 10) })
	b = append(b, " |"...)
	return append(f.appendBar(b, '*', bccStars(count, most, width), width), "|\n"...)
}

func bccStars(count, most uint64, width int) int {
	if most == 0 {
		return 0
	}
	return min(max(int(float64(count)*float64(width)/float64(most))-1, 0), width-1)
}

const (
	quantizeWidth = 40
	quantizeRest  = 28 // the columns of a row but the bar
)

// appendQuantize appends a table as DTrace does: an empty bucket on either side, bars of
// the total.
func (f *Formatter) appendQuantize(
	b []byte, t *types.Type, counts []uint64, first, last int,
) []byte {
	width := f.quantizeBar(t, counts, last)
	b = appendDashed(append(b, "           value  "...), " Distribution ", width)
	b = append(b, " count    \n"...)
	if last < 0 {
		return b
	}
	first, last = max(first-1, 0), min(last+1, len(counts)-1)
	total := uint64(0)
	for _, count := range counts {
		total += count
	}
	for i := first; i <= last; i++ {
		b = append(appendQuantizeLabel(b, t, i), " |"...)
		b = f.appendBar(b, '@', share(counts[i], total, width), width)
		b = appendLeft(append(b, ' '), countWidth+1, func(b []byte) []byte {
			return strconv.AppendUint(b, counts[i], 10)
		})
		b = append(b, '\n')
	}
	return b
}

// quantizeBar is the width of bars, of which the last label and the largest count may
// leave less.
func (f *Formatter) quantizeBar(t *types.Type, counts []uint64, last int) int {
	label := quantizeLabel(nil, t, min(last+1, len(counts)-1))
	wider := over(len(label), labelWidth) + over(digitsOf(slices.Max(counts)), countWidth+1)
	return f.left(quantizeRest+wider, quantizeWidth)
}

// appendDashed appends a word between dashes.
func appendDashed(b []byte, word string, width int) []byte {
	word = word[:min(len(word), width)]
	before := (width - len(word)) / 2
	b = append(repeat(b, '-', before), word...)
	return repeat(b, '-', width-before-len(word))
}

func share(count, total uint64, width int) int {
	if total == 0 {
		return 0
	}
	return int(float64(count)*float64(width)/float64(total) + 0.5)
}

func appendQuantizeLabel(b []byte, t *types.Type, i int) []byte {
	var space [32]byte
	label := quantizeLabel(space[:0], t, i)
	return append(repeat(b, ' ', labelWidth-len(label)), label...)
}

func quantizeLabel(b []byte, t *types.Type, i int) []byte {
	linear := t.Draws() == types.DrawLinear
	switch {
	case i == 0:
		return strconv.AppendInt(append(b, "< "...), t.Low, 10)
	case linear && i == t.Words()-1:
		return strconv.AppendInt(append(b, ">= "...), t.High, 10)
	case linear:
		return strconv.AppendInt(b, t.Low+int64(i-1)*t.Step, 10)
	}
	return strconv.AppendUint(b, types.HistLow(i, t.Bits), 10)
}
