package explain

import "github.com/cilium/ebpf/asm"

// ContextOf is for the tests.
var ContextOf = contextOf

// HelperEntry is an entry of the table of helpers.
type HelperEntry struct {
	Number                     asm.BuiltinFunc
	Signature, Sentence, Short string
	Parameters                 []string
}

// HelperTable is the table of helpers, for the tests.
func HelperTable() (list []HelperEntry) {
	for _, h := range helpers {
		list = append(list, HelperEntry{h.number, h.Full(), h.sentence, h.short, h.parameters()})
	}
	return list
}
