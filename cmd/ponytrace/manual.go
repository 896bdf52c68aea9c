package main

import (
	"fmt"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/internal/teach/topic"
	"github.com/spf13/pflag"
)

// manual is the page for man(1), in the macros of man(7), made from the flags and from
// the table of the language.
// https://man7.org/linux/man-pages/man7/groff_man.7.html
type manual struct{ strings.Builder }

// printManual carries no date, so that the same version always makes the same page.
func printManual() error {
	var m manual
	fmt.Fprintf(&m, ".TH PONYTRACE 8 \"\" \"ponytrace %s\" \"System Administration\"\n", roff(versionText()))
	m.section("Name")
	m.paragraph("ponytrace - trace a live Linux system with one line or a script")
	m.synopsis()
	m.text(manualDescription)
	m.options()
	m.besides()
	m.text(manualMiddle)
	for _, section := range builtin.Sections() {
		m.entries(section)
	}
	m.section("Topics")
	m.paragraph("ponytrace help TOPIC tells about " + strings.Join(topic.Names(), ", ") + ".")
	m.text(manualEnd)
	_, err := stdout.Write([]byte(m.String()))
	return err
}

// roff escapes a text: the backslash, the hyphen that is to be copied as one, and a dot
// or an apostrophe that would begin a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\u2014", `\(em`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

func (m *manual) section(title string) { fmt.Fprintf(m, ".SH %s\n", strings.ToUpper(roff(title))) }

func (m *manual) paragraph(text string) { fmt.Fprintf(m, "%s\n", roff(text)) }

// item is a term and its description.
func (m *manual) item(term, text string) {
	fmt.Fprintf(m, ".TP\n\\fB%s\\fR\n%s\n", roff(term), roff(text))
}

// code shows text as it is.
func (m *manual) code(text string) { fmt.Fprintf(m, ".nf\n%s\n.fi\n", roff(text)) }

// text takes "# Title" lines, paragraphs between empty lines, and indented code.
func (m *manual) text(text string) {
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		title, isTitle := strings.CutPrefix(block, "# ")
		switch {
		case isTitle:
			m.section(title)
		case strings.HasPrefix(block, "    "):
			m.WriteString(".PP\n.RS 4\n")
			m.code(strings.ReplaceAll(strings.TrimPrefix(block, "    "), "\n    ", "\n"))
			m.WriteString(".RE\n")
		default:
			m.WriteString(".PP\n")
			m.paragraph(block)
		}
	}
}

func (m *manual) synopsis() {
	m.section("Synopsis")
	for _, c := range commands() {
		fmt.Fprintf(m, ".B %s\n.br\n", roff(c.synopsis()))
	}
}

func (m *manual) options() {
	m.section("Options")
	for _, c := range commands() {
		if c.name != "" {
			fmt.Fprintf(m, ".SS ponytrace %s\n", c.name)
			m.paragraph(c.summary)
		}
		c.flags.VisitAll(func(flag *pflag.Flag) { m.item(strings.TrimSpace(spelling(flag)+" "+placeholder(flag)), usageOf(flag)) })
	}
}

func (m *manual) besides() {
	m.section("Flags of other tracers")
	m.paragraph("Each is refused with what serves instead:")
	for _, name := range sortedForeign() {
		m.item(name, foreignFlags[name])
	}
}

func (m *manual) entries(section builtin.Section) {
	m.section(section.Title)
	for _, entry := range section.Entries {
		text := entry.Doc
		if entry.Since != "" {
			text += " Since Linux " + entry.Since + "."
		}
		m.item(signature(entry), text)
		m.WriteString(".br\n")
		m.code(entry.Example)
	}
}

// signature is a variable's or setting's name with its type, or a function's whole.
func signature(entry *builtin.Info) string {
	if strings.HasPrefix(entry.Signature, entry.Name) {
		return entry.Signature
	}
	return entry.Name + ": " + entry.Signature
}

const manualDescription = `
# Description

ponytrace compiles a script to programs of the kernel's own machine language, eBPF, attaches them to the events that the
script names, lets the kernel aggregate, and prints the results when the tracing ends: at Ctrl-C, at exit() in the script,
or with the command of -c or the process of -p.

What stands before the script is for ponytrace, what follows it is for the script: $1, $2 and so on, and --name=value for
getopt("name"). --help after the script describes the script.

A script is a list of clauses: probes, a condition between slashes if there is one, and a block:

    kprobe:vfs_read /comm == "bash"/ { @bytes = hist(args.count) }

spec.md, installed beside the licence, is the whole language.
`

const manualMiddle = `
# Exit status

That of the script's exit(n), 0 without one. 1 for wrong usage, a script with errors, or output that could not be
written. 141 when the reader of the output has closed it.

# Signals

SIGINT, SIGTERM and SIGHUP end the tracing, and the results are printed. SIGUSR1 prints all maps and goes on.

# Examples

Who reads files, and how often?

    ponytrace -e 'kprobe:vfs_read { @[comm] = count() }'

How large are the requests to disks?

    ponytrace -e 'kprobe:blk_start_request < @ = hist(arg0->__data_len) >'

What can be traced of the scheduler, and with which fields?

    ponytrace -lv 'tracepoint:sched:*'
`

const manualEnd = `
# Environment

PONYTRACE_NAME, with the name of a setting in capitals, sets it; so does BPFTRACE_NAME. The script's own settings win.

# Security

ponytrace needs root, or the capabilities CAP_BPF and CAP_PERFMON. Scripts cannot change the system without --unsafe.
Parameters are never part of the script's text.

# See also

bpf(2), perf_event_open(2), bpftrace(8)
`
