package object

// Stacks of processes are walked by tables that tell, for the places of their code, where
// the frame of the caller begins (runtime/binary/cfi). Programs find the table of an
// address in three steps, the last two by binary search:
//
//	"processes"  a hash: the number of a process -> its ranges of code, by address
//	the range    start, end, the address of the file's first byte, and where its rows are
//	"frames"     an array of shards, each an array of one element that holds many rows
//
// The runtime brings them. Programs give those of a process to the children that it gets,
// and drop them when it executes another program or is gone (compiler/internal/follow).
//
// A range has its rows in one shard; a file with more rows has several ranges. Shards are
// made as they are needed.
const (
	UnwindMap = "processes"
	FramesMap = "frames"
	// WantedMap has a word for each of some processes: the number of one that was at an
	// address in none of its ranges, and WantedAll where it has none.
	WantedMap = "wanted"
	WantedAll = 1 << 32

	MaxUnwound   = 1024    // processes
	MaxRanges    = 1 << 8  // of a process; the first is empty
	MaxShards    = 1 << 6  // with 512 KiB each
	ShardRows    = 1 << 16 // of 8 bytes
	WantedWords  = 1 << 8
	RangesHeader = 8  // the number of the ranges
	RangeSize    = 32 // four words
	UnwindSize   = RangesHeader + MaxRanges*RangeSize

	// Offsets in a range. The last word has the shard in its low 8 bits, the first row in 24
	// above, and the number of rows in the upper half.
	RangeStart = 0
	RangeEnd   = 8
	RangeBase  = 16
	RangeRows  = 24
)
