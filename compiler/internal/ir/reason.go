package ir

import (
	"math"

	"github.com/ponytrace/ponytrace/lang/diag"
)

// Why tells where a value comes from within its statement: for people only, no pass
// decides by it.
type Why struct {
	Reason Reason
	// The expression, without a source where there is none but the statement.
	start, end int32
	source     *diag.Source
}

// Reason is why the compiler needs a value where the script does not contain it.
type Reason uint8

const (
	Written Reason = iota // it computes what is written
	VerifierBound
	NullCheck
	RecordCheck
	RecordReserve
	RecordSubmit
	EventNumber
	EventLost
	KeyMemory
	KeyGap
	MapLookup
	MapInsert
	KeyMissing
	MapFull
	MapRefused
	MapCount
	MapGeneration
	ValuePresent
	CPURow
	SharedRow
	TracingEnded
	NoObject
	RoomAhead
	SyscallNumber
	CompatCall
	LoopLimit
	LoopRound
	LoopCut
	Captured
	Rejected
	Bucket
	LinearBucket
	SplitBucket
	BucketPlace
	Extreme
	Interval
	IntervalStart
	RowUpdate
	KernelOrUser
	TextCut
	SizeLimit
	FieldPlace
	Launder
	LastFrame
	CurrentNamespace
	UserMode
	AwaitMemory
	GuardEnter
	GuardMissed
	GuardLeave
	PreemptionOff
	PreemptionOn
	Result
	// These are of code generation.
	ArgumentSave
	CallArgument
	CallResult
	SpillStore
	SpillLoad
	ScratchRow
	FailedRead
	NextBlock
	Island
	CellClear
	Spilled
)

var reasons = [...]string{
	Written:          "",
	VerifierBound:    "bound for the verifier",
	NullCheck:        "the lookup may fail: the verifier wants this check",
	RecordCheck:      "the ring buffer may be full: the verifier wants this check",
	RecordReserve:    "room in the ring buffer",
	RecordSubmit:     "the record is complete",
	EventNumber:      "the number of the event, by which ponytrace decodes the record",
	EventLost:        "count of lost events",
	KeyMemory:        "the key in memory, for the helper",
	KeyGap:           "zeroes between the parts of a key, which the kernel compares too",
	MapLookup:        "lookup of the key",
	MapInsert:        "insertion of a new key",
	KeyMissing:       "the value is 0 where the key is missing",
	MapFull:          "the map may be full",
	MapRefused:       "count of updates that the kernel refused",
	MapCount:         "count of the keys that were inserted",
	MapGeneration:    "which of the map's two kernel maps is in use",
	ValuePresent:     "the map has a value from now on",
	CPURow:           "the values of this CPU",
	SharedRow:        "this CPU's memory for what functions share",
	TracingEnded:     "test whether the tracing has ended",
	RoomAhead:        "the same object again later, while nobody has read half of the ring buffer",
	NoObject:         "the call after the last object has none",
	SyscallNumber:    "test of the system call's number",
	CompatCall:       "processes of 32 bits have other system calls",
	LoopLimit:        "limit of the loop, as the kernel allows for no more rounds",
	LoopRound:        "the loop's rounds",
	LoopCut:          "count of loops that were cut off",
	Rejected:         "on to the end, as the condition does not hold",
	Bucket:           "bucket = position of the highest bit",
	LinearBucket:     "bucket = (value - lowest) / step",
	SplitBucket:      "bucket = position of the highest bit, and the bits after it",
	BucketPlace:      "where the bucket lies, 8 bytes for each",
	Extreme:          "whether the value is a new extreme, or the first one",
	Interval:         "which interval the time belongs to",
	IntervalStart:    "a new interval starts with zeroes",
	KernelOrUser:     "addresses of the kernel are below 0 as numbers with a sign, those of processes are not",
	AwaitMemory:      "memory of the process that is not there is waited for, while nothing is held",
	TextCut:          "a text without a zero at its end is one that was cut",
	SizeLimit:        "not more than there is room for",
	FieldPlace:       "a word of the record tells where the field lies",
	Launder:          "a copy through memory: to the verifier it is a plain number from then on",
	LastFrame:        "how many frames the stack has, by halving",
	CurrentNamespace: "numbers as the namespace of ponytrace has them",
	UserMode:         "the lowest bits tell whether a process ran, or the kernel",
	RowUpdate:        "update in place",
	Captured:         "what the loop's body needs of the code around it",
	GuardEnter:       "guard: no program of this run may fire inside of another",
	GuardMissed:      "count of events that the guard left out",
	GuardLeave:       "end of the guard",
	PreemptionOff:    "this CPU's memory: no other task may come in between",
	PreemptionOn:     "end of the use of this CPU's memory",
	Result:           "the program's result",
	ArgumentSave:     "the argument, kept for later",
	CallArgument:     "argument of the call",
	CallResult:       "the call's result, kept for later",
	SpillStore:       "to the stack, as no register is free",
	SpillLoad:        "back from the stack",
	ScratchRow:       "this CPU's memory for what the stack has no room for",
	FailedRead:       "count of reads that fail",
	NextBlock:        "on to where the code continues",
	Island:           "on to a place that one jump does not reach",
	CellClear:        "0 for a variable that may be read before it is set",
	Spilled:          "in memory, as the stack has no room for so many values",
}

// String is the reason for people.
func (r Reason) String() string { return reasons[r] }

// Reason returns why v is there. Its op tells what only the verifier needs.
func (v *Value) Reason() Reason {
	if v.Op == Bound {
		return VerifierBound
	}
	return v.Why.Reason
}

// In returns the Why of an expression.
func In(e diag.Span) Why {
	if e.End > math.MaxInt32 {
		return Why{}
	}
	return Why{source: e.Source, start: int32(e.Start), end: int32(e.End)}
}

// Expression returns the part of the script that v computes: an expression, or a
// statement.
func (v *Value) Expression() diag.Span {
	if v.Why.source == nil {
		return v.Span
	}
	return diag.Span{Source: v.Why.source, Start: int(v.Why.start), End: int(v.Why.end)}
}

// Because gives the values that follow a reason, and returns what they had before.
func (b *Builder) Because(reason Reason) (before Why) {
	before = b.Why
	b.Why.Reason = reason
	return before
}
