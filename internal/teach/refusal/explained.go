package refusal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ponytrace/ponytrace/runtime/verdict"
)

// Explained is an example as it is shown, in text or as JSON.
type Explained struct {
	Name         string `json:"name"`
	Title        string `json:"title"`
	Program      string `json:"program"` // its type
	Attach       string `json:"attach,omitempty"`
	License      string `json:"license"`
	Capabilities string `json:"capabilities,omitempty"` // with which it was loaded, if not with all
	Maps         []Map  `json:"maps,omitempty"`
	Wrong        []Row  `json:"wrong"`
	Right        []Row  `json:"right"`
	Kernels      []Said `json:"kernels"`
	Means        string `json:"means"` // what the words mean in general
	Why          string `json:"why"`   // what is wrong here
	Mend         string `json:"mend"`  // what the right program does instead
}

// Row is an instruction of a program.
type Row struct {
	Number  int    `json:"number"` // in units of 8 bytes
	Text    string `json:"text"`
	Comment string `json:"comment,omitempty"`
	Only    bool   `json:"only,omitempty"`  // not in the other program
	Stops   bool   `json:"stops,omitempty"` // the verifier stops here
}

// Said is what kernels with the same words say of the wrong program.
type Said struct {
	Kernels  []string `json:"kernels"`
	Accepted bool     `json:"accepted,omitempty"`
	Words    []string `json:"words,omitempty"`
}

// Explain works out what is shown of an example.
func (e *Example) Explain() (*Explained, error) {
	x := &Explained{
		Name: e.Name, Title: e.Title, Program: e.Program, Attach: e.Attach,
		License: e.License, Capabilities: e.Capabilities,
		Maps: e.Maps, Kernels: e.said(), Why: e.Why, Mend: e.Mend,
	}
	stops := -1
	if v, refused := e.verdict(); refused {
		x.Means, stops = v.Means, v.Instruction
	}
	var err error
	if x.Wrong, err = e.rows(Wrong, stops); err != nil {
		return nil, err
	}
	x.Right, err = e.rows(Right, -1)
	return x, err
}

// verdict reads the words of a kernel that refuses the wrong program, best a new one, and
// one whose words mean nothing else.
func (e *Example) verdict() (best verdict.Verdict, refused bool) {
	for _, words := range slices.Backward(e.Words) {
		if words.Accepted {
			continue
		}
		v := verdict.Read(words.Lines)
		if len(v.Examples) > 0 && v.Examples[0] == e.Name {
			return v, true
		}
		if !refused {
			best, refused = v, true
		}
	}
	return best, refused
}

func (e *Example) rows(which In, stops int) (rows []Row, err error) {
	lines := e.Of(which)
	code, err := Disassemble(lines)
	if err != nil {
		return nil, err
	}
	lines = slices.DeleteFunc(lines, func(line Line) bool { return line.Label != "" })
	for i, at := range code {
		rows = append(rows, Row{
			Number: at.Offset, Text: at.Text, Comment: lines[i].Comment,
			Only: lines[i].In == which, Stops: at.Offset == stops,
		})
	}
	return rows, nil
}

// said joins kernels that say the same.
func (e *Example) said() (list []Said) {
	for _, words := range e.Words {
		same := slices.IndexFunc(list, func(said Said) bool {
			return said.Accepted == words.Accepted && slices.Equal(said.Words, words.Lines)
		})
		if same >= 0 {
			list[same].Kernels = append(list[same].Kernels, words.Kernel)
		} else {
			list = append(list, Said{[]string{words.Kernel}, words.Accepted, words.Lines})
		}
	}
	return list
}

// setting describes what a program is and what it works with.
func (x *Explained) setting() string {
	text := "A program of type " + x.Program + ": it runs " + x.when() + "."
	if x.License != "GPL" {
		text += " Its license is " + x.License + "."
	}
	if x.Capabilities != "" {
		text += " It is loaded by a process with no other capability than " + x.Capabilities + "."
	}
	for _, m := range x.Maps {
		text += " It has the map " + m.text() + "."
	}
	return text
}

// when tells when a program runs, and what its context is.
func (x *Explained) when() string {
	switch x.Program {
	case "kprobe":
		return "when a function of the kernel is called, and r1 points to the registers at the call " +
			"(struct pt_regs)"
	case "typed tracepoint":
		return "at the tracepoint " + x.Attach +
			", and r1 points to the arguments, whose types the kernel knows"
	case "xdp":
		return "for each packet that a network card receives, and r1 points to where the packet " +
			"begins and ends (struct xdp_md)"
	case "cgroup skb":
		return "for each packet to or from processes of a cgroup, and r1 points to a description " +
			"of the packet (struct __sk_buff)"
	}
	return "for each packet that a socket receives, and r1 points to a description of the packet " +
		"(struct __sk_buff)"
}

func (m *Map) text() string {
	if m.Key == 0 {
		return fmt.Sprintf("%s (a %s of %d bytes)", m.Name, m.Kind, m.Entries)
	}
	sizes := fmt.Sprintf("keys of %d bytes, values of %d", m.Key, m.Value)
	parts := []string{m.Kind, sizes}
	if m.Lock {
		parts = append(parts, "which begin with a lock")
	}
	return fmt.Sprintf("%s (%s, at most %d)", m.Name, strings.Join(parts, ", "), m.Entries)
}

// Title is what the list shows of an example.
type Title struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// List returns the titles of the gallery.
func List() (list []Title, err error) {
	for _, name := range order {
		e, err := Find(name)
		if err != nil {
			return nil, err
		}
		list = append(list, Title{name, e.Title})
	}
	return list, nil
}

// ReadLog explains a verifier's log.
func ReadLog(text string) verdict.Verdict { return verdict.Read(strings.Split(text, "\n")) }
