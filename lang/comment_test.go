package lang_test

import (
	"testing"

	"github.com/ponytrace/ponytrace/lang"
	"github.com/ponytrace/ponytrace/lang/diag"
)

func TestLeadingComment(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"BEGIN { }", ""},
		{"// one\n//  two\n\n// three\nBEGIN { }", "one\n two"},
		{"#!/usr/bin/env ponytrace\n/*\n * one\n *\n *   two\n */\nBEGIN { }", "one\n\n  two"},
		{"#!/usr/bin/env ponytrace\n\n// one\nBEGIN { // two\n}", "one"},
		{"BEGIN { } // one", ""},
		{"/** one */ /* two */ BEGIN { }", "one\ntwo"},
		{"#include <linux/fs.h>\n// one\nBEGIN { }", ""},
		{"", ""},
	} {
		script, diagnostics := lang.Parse(diag.NewSource("script", c.script))
		if got := lang.LeadingComment(script); got != c.want || diagnostics.HasErrors() && c.script != "" {
			t.Errorf("%q: got %q, want %q (%v)", c.script, got, c.want, diagnostics)
		}
	}
}
