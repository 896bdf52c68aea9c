package target

// Rename is a function that left the kernel, with the one that does its work now.
type Rename struct {
	Old, New string
	Since    string // the first version without Old
	// Arguments maps the arguments of Old to those of New that mean the same; -1 stands for the returned
	// value. An argument that is missing has no counterpart.
	Arguments map[int]int
	Source    string // a commit or a pair of versions to compare
}

var renames = []Rename{
	{
		Old: "blk_start_request", New: "blk_mq_start_request", Since: "5.0", Arguments: map[int]int{0: 0},
		Source: "https://git.kernel.org/torvalds/c/a1ce35fa49852db60fc6e268038530be533c5b15",
	},
}

// Successor returns the function that took over from a name, when the name cannot be traced here and the
// other can.
func (t *Target) Successor(name string) (Rename, bool) {
	if t.Traceable(name) {
		return Rename{}, false
	}
	for _, rename := range renames {
		if rename.Old == name && t.Traceable(rename.New) {
			return rename, true
		}
	}
	return Rename{}, false
}
