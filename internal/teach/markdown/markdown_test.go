package markdown

import "testing"

const sample = `# 1. Head *line*

Some text with **bold words**, ` + "`code that stays`" + `, 2 * 3 * 4 and a
[link](../02/README.md), as (` + "`x`" + `).
- one ` + "`a`" + `
- two, which
  goes on
1. first

` + "```text\nas  it is\n\n# no heading\n```" + `
Next: **[bold` + "`" + `
`

func TestRender(t *testing.T) {
	want := `1. Head line

Some text with bold words,
` + "`code that stays`" + `, 2 * 3 * 4
and a link, as (` + "`x`" + `).

  - one ` + "`a`" + `
  - two, which goes on
  1. first

    as  it is

    # no heading

Next: **[bold` + "`" + `
`
	if got := Render(Parse(sample), Terminal{Width: 30}); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// A fence gives up its indent where its lines need the room, and where that helps.
func TestWideFence(t *testing.T) {
	blocks := Parse("```text\n[4K, 8K)  3 |@@@@@@@@@@@@@@@|\n\nx\n```")
	for width, indent := range map[int]string{40: "    ", 31: "  ", 29: "", 25: "    "} {
		want := indent + "[4K, 8K)  3 |@@@@@@@@@@@@@@@|\n\n" + indent + "x\n"
		if got := Render(blocks, Terminal{Width: width}); got != want {
			t.Errorf("%d columns: %q, want %q", width, got, want)
		}
	}
}

func TestColor(t *testing.T) {
	got := Render(Parse("**a b** `c d`, *e* [f](g)"), Terminal{Color: true})
	want := "\x1b[1ma b\x1b[0m \x1b[36mc d\x1b[0m, \x1b[3me\x1b[0m \x1b[4mf\x1b[0m\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A number at the start of a line does not make a list of a paragraph.
func TestNumberInParagraph(t *testing.T) {
	if blocks := Parse("every number up to\n8191. 8192 has 13\n1. one\n2. two"); len(blocks) != 3 {
		t.Errorf("%+v", blocks)
	}
}

func TestBlocks(t *testing.T) {
	kinds := ""
	for _, block := range Parse(sample) {
		kinds += string("PHIF"[block.Kind])
	}
	if kinds != "HPIIIFP" {
		t.Error(kinds)
	}
	if open := Parse("```go\nx"); len(open) != 1 || open[0].Language != "go" || open[0].Text() != "x\n" {
		t.Errorf("a fence without end: %+v", open)
	}
}

const sampleTable = "| what | does |\n|---|---|\n| `a \\| b` | or, of `bits` and other things that need some room |\n| c | |\n"

func TestTable(t *testing.T) {
	for width, want := range map[int]string{
		40: "  what     does\n  `a | b`  or, of `bits` and other\n           things that need some room\n  c\n",
		24: "  what\n      does\n  `a | b`\n      or, of `bits` and\n      other things that\n      need some room\n  c\n",
	} {
		if got := Render(Parse(sampleTable), Terminal{Width: width}); got != want {
			t.Errorf("at %d columns:\n%s\nwant\n%s", width, got, want)
		}
	}
}

// Four blanks make code after an empty line, and nothing within a paragraph.
func TestIndent(t *testing.T) {
	want := "one two\n\n    code\n      more\n\nafter\n"
	if got := Render(Parse("one\n    two\n\n    code\n      more\nafter\n"), Terminal{}); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
