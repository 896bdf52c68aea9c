package jsontext

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

type inner struct {
	Text string `json:"text"`
	List []int  `json:"list,omitempty"`
}

type sample struct {
	inner
	Embedded
	Yes     bool              `json:"yes"`
	No      bool              `json:"no,omitempty"`
	Small   int8              `json:"small"`
	Large   uint64            `json:"large"`
	None    []string          `json:"none"`
	Empty   []string          `json:"empty"`
	One     *inner            `json:"one,omitempty"`
	Nil     *inner            `json:"nil,omitempty"`
	Null    *inner            `json:"null"`
	Many    []inner           `json:"many"`
	Any     any               `json:"any"`
	Bytes   []uint16          `json:"bytes"`
	Plain   inner             `json:"plain"`
	Left    string            `json:"-"`
	Nested  [][]inner         `json:"nested,omitempty"`
	Words   map[string]string `json:"words"`
	NoWords map[string]inner  `json:"noWords"`
	Without map[string]bool   `json:"without,omitempty"`
	private int
}

type Embedded struct {
	Number int `json:"number"`
}

func of(text string) sample {
	i := inner{Text: text, List: []int{1, -2}}
	return sample{
		inner: i, Embedded: Embedded{-7}, Yes: true, Small: -128, Large: 1<<64 - 1, Empty: []string{}, One: &i,
		Many: []inner{{}, i}, Any: text, Bytes: []uint16{0, 65535}, Nested: [][]inner{{i}, {}}, private: 1,
		Words: map[string]string{text: "b", "a": text}, Without: map[string]bool{},
	}
}

// texts have each byte, and what is escaped for JavaScript.
func texts() []string {
	var all strings.Builder
	for c := range 256 {
		all.WriteByte(byte(c))
	}
	return []string{"", "plain", "ä€😀", "a\u2028b\u2029c", "<script>&amp;", all.String(), "\xed\xa0\x80\xff\xc3", "\ufffd"}
}

func TestAsEncodingJSON(t *testing.T) {
	for _, text := range texts() {
		same(t, of(text))
	}
	same(t, 7)
	same(t, []*inner{nil, {}})
}

func same(t *testing.T, value any) {
	t.Helper()
	var want, got bytes.Buffer
	encoder := json.NewEncoder(&want)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	if err := Write(&got, value); err != nil || got.String() != want.String() {
		t.Errorf("%v\ngot  %s\nwant %s", err, got.String(), want.String())
	}
	escaped, _ := json.Marshal(value)
	if in := InScript(value); !bytes.Equal(in, escaped) {
		t.Errorf("in a script\ngot  %s\nwant %s", in, escaped)
	}
}

func FuzzString(f *testing.F) {
	for _, text := range texts() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { same(t, text) })
}

// What would be written wrongly is not written.
func TestUnknown(t *testing.T) {
	for _, value := range []any{map[int]int{1: 1}, 1.5, struct{ A int }{}, struct {
		A int `json:"a,string"`
	}{}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%T was written", value)
				}
			}()
			InScript(value)
		}()
	}
}
