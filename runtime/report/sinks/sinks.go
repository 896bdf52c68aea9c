// Package sinks registers the formats that -f takes, the default first. A program that
// imports it has them all.
package sinks

import (
	"github.com/ponytrace/ponytrace/runtime/report"
	"github.com/ponytrace/ponytrace/runtime/report/json"
	"github.com/ponytrace/ponytrace/runtime/report/text"
)

func init() {
	report.Register(text.Format)
	report.Register(json.Format)
}
