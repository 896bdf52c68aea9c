package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/compiler/builtin"
	"github.com/ponytrace/ponytrace/internal/teach/topic"
	"github.com/spf13/pflag"
)

// Completions are made from the flags and the names of the language. Probes are not in
// them: those of this kernel are asked for, with -l, when they are needed.
var shells = []string{"bash", "zsh", "fish"}

func printCompletion(shell string) error {
	write := map[string]func() string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[shell]
	_, err := fmt.Fprint(stdout, write())
	return err
}

// helpNames lists what `help` describes, signs left out.
func helpNames() []string {
	names := slices.Concat(builtinNames(), topic.Names(), commandNames())
	slices.Sort(names)
	return slices.Compact(names)
}

// builtinNames lists the table of the language.
func builtinNames() (names []string) {
	for _, section := range builtin.Sections() {
		for _, entry := range section.Entries {
			names = append(names, entry.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func sortedForeign() (names []string) {
	for name := range foreignFlags {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// commandNames are the words that choose a command.
func commandNames() (names []string) {
	for _, c := range commands()[1:] {
		names = append(names, c.name)
	}
	return names
}

// spellings returns the forms of a flag: -o and --output.
func spellings(flag *pflag.Flag) (forms []string) {
	if flag.Shorthand != "" {
		forms = append(forms, "-"+flag.Shorthand)
	}
	if len(flag.Name) > 1 {
		forms = append(forms, "--"+flag.Name)
	}
	return forms
}

// wordsOf returns the words that a flag takes, if they are few.
func wordsOf(flag *pflag.Flag) []string {
	if c, ok := flag.Value.(*choice); ok {
		return c.words
	}
	return nil
}

func takesFile(flag *pflag.Flag) bool { return strings.Contains(placeholder(flag), "FILE") }

func bashCompletion() string {
	var b strings.Builder
	b.WriteString("# Completes ponytrace's command lines in bash; made by `ponytrace help --completion bash`.\n")
	b.WriteString("_ponytrace() {\n\tlocal current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n")
	fmt.Fprintf(&b, "\tlocal names=%q\n", strings.Join(helpNames(), " "))
	b.WriteString("\tCOMPREPLY=()\n\tcase \"${COMP_WORDS[1]}:$previous\" in\n")
	for _, c := range slices.Backward(commands()) {
		c.flags.VisitAll(func(flag *pflag.Flag) { b.WriteString(bashValues(c, flag)) })
	}
	b.WriteString("\tesac\n\tcase \"${COMP_WORDS[1]}\" in\n")
	for _, c := range commands()[1:] {
		fmt.Fprintf(&b, "\t%s)\n\t\t_ponytrace_words \"%s\" %q\n\t\treturn;;\n", c.name, bashArguments(c), strings.Join(allSpellings(c), " "))
	}
	fmt.Fprintf(&b, bashEnd, strings.Join(allSpellings(commands()[0]), " "), strings.Join(commandNames(), " "))
	return b.String()
}

// bashValues is a case for the word after a flag that takes a value.
func bashValues(c *command, flag *pflag.Flag) string {
	var patterns []string
	for _, form := range spellings(flag) {
		word := "*"
		if c.name != "" {
			word = c.name
		}
		patterns = append(patterns, word+":"+form)
	}
	pattern := strings.Join(patterns, "|")
	switch {
	case wordsOf(flag) != nil:
		return fmt.Sprintf("\t%s) COMPREPLY=($(compgen -W %q -- \"$current\")); return;;\n", pattern, strings.Join(wordsOf(flag), " "))
	case takesFile(flag):
		return fmt.Sprintf("\t%s) compopt -o default; return;;\n", pattern)
	case placeholder(flag) == "PID":
		return fmt.Sprintf("\t%s) COMPREPLY=($(compgen -W \"$(ls /proc | grep '^[0-9]')\" -- \"$current\")); return;;\n", pattern)
	case flag.Name == "list" && c.name == "":
		return fmt.Sprintf("\t%s|*:-lv) _ponytrace_probes; return;;\n", pattern)
	}
	return ""
}

func bashArguments(c *command) string {
	if c.name == "help" {
		return "$names"
	}
	return ""
}

func allSpellings(c *command) (forms []string) {
	c.flags.VisitAll(func(flag *pflag.Flag) { forms = append(forms, spellings(flag)...) })
	return forms
}

// bashEnd completes what is no value of a flag. Probes have colons, at which bash breaks
// words.
const bashEnd = `	esac
	local words=%[1]q
	((COMP_CWORD == 1)) && [[ "$current" != -* ]] && words+=" "%[2]q
	_ponytrace_words "" "$words"
}
_ponytrace_words() {
	if [[ "$current" == -* || -z "$1" && "$COMP_CWORD" == 1 ]]; then
		COMPREPLY=($(compgen -W "$2" -- "$current"))
		[[ "$current" != -* ]] && compopt -o default && COMPREPLY+=($(compgen -f -- "$current"))
	elif [[ -n "$1" ]]; then
		COMPREPLY=($(compgen -W "$1" -- "$current"))
	else
		compopt -o default
	fi
}
_ponytrace_probes() {
	local line="${COMP_LINE:0:COMP_POINT}"
	local probe="${line##*[ \"\']}" IFS=$'\n'
	local strip="${probe%%"${probe##*:}"}"
	COMPREPLY=($(ponytrace -l "$probe*" 2>/dev/null | head -n 1000))
	COMPREPLY=("${COMPREPLY[@]#"$strip"}")
}
complete -F _ponytrace ponytrace
`

func zshCompletion() string {
	var b strings.Builder
	b.WriteString("#compdef ponytrace\n# Made by `ponytrace help --completion zsh`.\n")
	fmt.Fprintf(&b, "_ponytrace_names() { compadd -- %s }\n", strings.Join(helpNames(), " "))
	b.WriteString("_ponytrace_probes() { compadd -- ${(f)\"$(ponytrace -l \"$PREFIX*\" 2>/dev/null | head -n 1000)\"} }\n")
	b.WriteString("_ponytrace() {\n\tcase $words[2] in\n")
	for _, c := range commands()[1:] {
		fmt.Fprintf(&b, "\t%s) shift words; ((CURRENT--)); _arguments -s %s '*:%s';;\n", c.name, zshFlags(c), zshRest(c))
	}
	trace := commands()[0]
	fmt.Fprintf(&b, "\t*) _arguments -s -S %s '1: :{_files; compadd %s}' '*: :_files';;\n\tesac\n}\n", zshFlags(trace), strings.Join(commandNames(), " "))
	b.WriteString("_ponytrace \"$@\"\n")
	return b.String()
}

func zshRest(c *command) string {
	if c.name == "help" {
		return "name:_ponytrace_names"
	}
	return "file:_files"
}

func zshFlags(c *command) string {
	var list []string
	c.flags.VisitAll(func(flag *pflag.Flag) {
		for _, form := range spellings(flag) {
			list = append(list, quoted(form+"["+zshText(usageOf(flag))+"]"+zshValue(c, flag)))
		}
	})
	return strings.Join(list, " ")
}

func zshText(text string) string {
	return strings.NewReplacer("[", "(", "]", ")", ":", "\\:").Replace(text)
}

func zshValue(c *command, flag *pflag.Flag) string {
	switch {
	case wordsOf(flag) != nil:
		return ":" + flag.Name + ":(" + strings.Join(wordsOf(flag), " ") + ")"
	case takesFile(flag):
		return ":file:_files"
	case placeholder(flag) == "PID":
		return ":process:_pids"
	case flag.Name == "list" && c.name == "":
		return "::probe:_ponytrace_probes"
	case placeholder(flag) != "":
		return ":" + flag.Name + ": "
	}
	return ""
}

func fishCompletion() string {
	var b strings.Builder
	b.WriteString("# Completes ponytrace's command lines in fish; made by `ponytrace help --completion fish`.\n")
	b.WriteString("function __ponytrace_probes; ponytrace -l (commandline -ct)'*' 2>/dev/null | head -n 1000; end\n")
	commandWords := strings.Join(commandNames(), " ")
	fmt.Fprintf(&b, "complete -c ponytrace -n '__fish_is_first_token' -a '%s'\n", commandWords)
	fmt.Fprintf(&b, "complete -c ponytrace -f -n '__fish_seen_subcommand_from help' -a '%s'\n", strings.Join(helpNames(), " "))
	b.WriteString("complete -c ponytrace -f -n '__fish_contains_opt -s l list' -a '(__ponytrace_probes)'\n")
	for _, c := range commands() {
		condition := "not __fish_seen_subcommand_from " + commandWords
		if c.name != "" {
			condition = "__fish_seen_subcommand_from " + c.name
		}
		c.flags.VisitAll(func(flag *pflag.Flag) { b.WriteString(fishFlag(condition, flag)) })
	}
	return b.String()
}

func fishFlag(condition string, flag *pflag.Flag) string {
	line := "complete -c ponytrace -n " + quoted(condition)
	if flag.Shorthand != "" {
		line += " -s " + flag.Shorthand
	}
	if len(flag.Name) > 1 {
		line += " -l " + flag.Name
	}
	switch {
	case wordsOf(flag) != nil:
		line += " -x -a " + quoted(strings.Join(wordsOf(flag), " "))
	case takesFile(flag):
		line += " -r -F"
	case placeholder(flag) == "PID":
		line += " -x -a '(__fish_complete_pids)'"
	case placeholder(flag) != "":
		line += " -x"
	}
	return line + " -d " + strings.ReplaceAll(quoted(usageOf(flag)), `'\''`, `\'`) + "\n"
}
