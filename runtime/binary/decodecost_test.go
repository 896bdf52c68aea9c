package binary

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/ianlancetaylor/demangle"
)

// doubling is a name in which each part refers twice to the one before.
func doubling(parts int) string {
	name := "_Z1fIJiEEvPFT_T_E"
	for i := range parts {
		part := strings.ToUpper(fmt.Sprintf("S%s_", base36(2*i+2)))
		name += "PF" + part + part + "E"
	}
	return name
}

func base36(n int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	if n < len(digits) {
		return digits[n : n+1]
	}
	return base36(n/len(digits)) + digits[n%len(digits):][:1]
}

// A name that doubles with each of its parts is not decoded, but usual ones are.
func TestDoublingNames(t *testing.T) {
	for _, parts := range []int{16, 40} {
		name := doubling(parts)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, options := range [][]demangle.Option{nil, {demangle.NoParams}} {
			if text := decode(name, options...); text != name && len(options) == 0 {
				t.Errorf("%d parts decode to %d bytes", parts, len(text))
			}
		}
		runtime.ReadMemStats(&after)
		if made := after.TotalAlloc - before.TotalAlloc; made > 8<<20 {
			t.Errorf("%d bytes are made for %d parts", made, parts)
		}
	}
	if text := decode(doubling(4)); !strings.HasPrefix(text, "void f<int>(int (*)(int), ") {
		t.Errorf("a short one is %q", text)
	}
	// The one of Debian's libraries that comes nearest to what is refused.
	const long = "_ZNSt6vectorISt4pairImN4llvm9MapVectorImNS2_IPNS1_5ValueEjNS1_8DenseMapIS4_jNS1_12DenseMapInfoIS4_vEENS1_6detail12DenseMapPairIS4_jEEEES_IS0_IS4_jESaISC_EEEENS5_ImjNS6_ImvEENS9_ImjEEEES_IS0_ImSF_ESaISJ_EEEEESaISN_EE17_M_realloc_insertIJSN_EEEvN9__gnu_cxx17__normal_iteratorIPSN_SP_EEDpOT_"
	if cost := copied([]byte(long)); cost < maxCopied/4 || cost > maxCopied || decode(long) == long {
		t.Errorf("a long one is estimated at %d, and is %q", cost, decode(long))
	}
}

func TestSequence(t *testing.T) {
	for text, want := range map[string][2]int{
		"_": {0, 1}, "0_": {1, 2}, "Z_": {36, 2}, "10_": {37, 3}, "1C_x": {49, 3}, "": {}, "1": {}, "t6vector": {}, "12345_": {},
	} {
		if n, size := sequence([]byte(text)); n != want[0] || size != want[1] {
			t.Errorf("%q: %d in %d bytes, want %v", text, n, size, want)
		}
	}
}
