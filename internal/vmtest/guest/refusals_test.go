//go:build guest

package guest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ponytrace/ponytrace/internal/teach/refusal"
	"github.com/ponytrace/ponytrace/internal/vmtest/gallery"
)

// TestRefusals loads the gallery of wrong programs: this kernel accepts the right ones,
// and says of the wrong ones what the gallery has. GUEST_SLOW=1 loads those, too, whose
// verification takes long.
func TestRefusals(t *testing.T) {
	kernel := kernelName(t)
	for _, name := range refusal.Names() {
		e, err := refusal.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if e.Slow && asked(t, "GUEST_SLOW", 0) == 0 {
			continue
		}
		if words, err := gallery.Load(e, refusal.Right); err != nil || len(words) > 0 {
			t.Errorf("%s: the right program is refused: %v\n%s", name, err, strings.Join(words, "\n"))
		}
		words, err := gallery.Load(e, refusal.Wrong)
		kept := slices.IndexFunc(e.Words, func(w refusal.Words) bool { return w.Kernel == kernel })
		if err != nil || kept >= 0 && !slices.Equal(words, e.Words[kept].Lines) {
			t.Errorf("%s: %v\n%s\ngo run ./internal/vmtest/cmd/words writes down what kernels say", name, err, strings.Join(words, "\n"))
		}
	}
}

// kernelName is the name under which the gallery has the words of this kernel; it has
// none of a kernel of one's own.
func kernelName(t *testing.T) string {
	major, minor := Kernel(t)
	if major == 7 {
		return "7.x"
	}
	return fmt.Sprintf("%d.%d", major, minor)
}
