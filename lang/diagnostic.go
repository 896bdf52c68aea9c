package lang

// Diagnostic is one message about a script, in the user's terms.
type Diagnostic struct {
	Span    Span
	Message string // no trailing full stop
	Hint    string // a suggestion ("did you mean ..."), or empty
	// Related points at a second place, such as the earlier assignment that a type conflicts with.
	Related []Related
	Warning bool
}

// Related is a further place that explains a Diagnostic.
type Related struct {
	Span    Span
	Message string
}

// Diagnostics is a list of messages in the order of the script; as an error it prints them all.
type Diagnostics []Diagnostic
