package sizes

import (
	"fmt"
	"strings"
)

// Statements are what large clauses consist of, by what they do. NUMBER is another one in
// each, EXPR something that the probe is handed.
var Statements = []struct{ Name, Text string }{
	{"count", "@a[NUMBER] = count();"},
	{"if", "if (pid != NUMBER) { @x = count() }"},
	{"printf", `printf("line %d\n", NUMBER);`},
	{"hist", "@h = hist(EXPR + NUMBER);"},
}

// Large is a clause of n statements: of the kind with the name, or of all in turn where
// none has it.
func Large(probe, expression, name string, n int) string {
	var text strings.Builder
	text.WriteString(probe + " {\n")
	for i := range n {
		statement := Statements[i%len(Statements)].Text
		for _, s := range Statements {
			if s.Name == name {
				statement = s.Text
			}
		}
		values := strings.NewReplacer("NUMBER", fmt.Sprint(firstNumber+i), "EXPR", expression)
		text.WriteString(values.Replace(statement) + "\n")
	}
	return text.String() + "}\n"
}

// firstNumber is beyond all process IDs, and all of 5,000 numbers from it on lie in one
// bucket of a histogram.
const firstNumber = 1_100_000
