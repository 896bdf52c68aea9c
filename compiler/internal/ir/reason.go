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
	MapRefused
	MapCount
	MapGeneration
	ValuePresent
	CPURow
	SharedRow
	TracingEnded
	SyscallNumber
	LoopLimit
	LoopRound
	LoopCut
	Captured
	Rejected
	Bucket
	RowUpdate
	GuardEnter
	GuardMissed
	GuardLeave
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
	Written:       "",
	VerifierBound: "bound for the verifier",
	NullCheck:     "null check of the lookup",
	RecordCheck:   "null check of the record, as the ring buffer may be full",
	RecordReserve: "room in the ring buffer",
	RecordSubmit:  "the record is complete",
	EventNumber:   "the event's number, by which the runtime decodes the record",
	EventLost:     "count of lost events",
	KeyMemory:     "the key in memory, for the helper",
	KeyGap:        "zeroes between the parts of a key, which the kernel compares too",
	MapLookup:     "lookup of the key",
	MapInsert:     "insertion of a new key",
	MapRefused:    "count of updates that the kernel refused",
	MapCount:      "count of the keys that were inserted",
	MapGeneration: "which of the map's two kernel maps is in use",
	ValuePresent:  "the map has a value from now on",
	CPURow:        "the values of this CPU",
	SharedRow:     "this CPU's memory for what functions share",
	TracingEnded:  "test whether the tracing has ended",
	SyscallNumber: "test of the system call's number",
	LoopLimit:     "limit of the loop, as the kernel allows for no more rounds",
	LoopRound:     "the loop's rounds",
	LoopCut:       "count of loops that were cut off",
	Rejected:      "on to the end, as the condition does not hold",
	Bucket:        "which bucket the value belongs to",
	RowUpdate:     "update in place",
	Captured:      "what a loop's body needs of the code around it",
	GuardEnter:    "guard against a program of this run that fires inside of another",
	GuardMissed:   "count of events that the guard left out",
	GuardLeave:    "end of the guard",
	Result:        "the program's result",
	ArgumentSave:  "the argument, kept for later",
	CallArgument:  "argument of the call",
	CallResult:    "the call's result, kept for later",
	SpillStore:    "to the stack, as no register is free",
	SpillLoad:     "back from the stack",
	ScratchRow:    "this CPU's memory for what the stack has no room for",
	FailedRead:    "count of reads that fail",
	NextBlock:     "on to where the code continues",
	Island:        "on to a place that one jump does not reach",
	CellClear:     "0 for a variable that may be read before it is set",
	Spilled:       "in memory, as the stack has no room for so many values",
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
