package unxz

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// pack packs a text.
func pack(t testing.TB, text []byte, config xz.WriterConfig) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := config.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// texts are of all kinds: empty, the same byte, words, numbers, noise.
func texts() [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	noise, numbers := make([]byte, 20_000), []byte{}
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for i := range 5_000 {
		numbers = append(numbers, byte(i), byte(i>>8), 0, 0)
	}
	words := []byte(strings.Repeat("the quick brown fox ", 3))
	for range 8_000 {
		at := random.IntN(len(words) - 8)
		words = append(words, words[at:at+random.IntN(8)]...)
		words = append(words, byte('a'+random.IntN(26)))
	}
	mixed := append(append(bytes.Clone(words), noise...), numbers...)
	return [][]byte{{}, {0}, []byte("text"), noise, numbers, words, mixed, bytes.Repeat([]byte{7}, 3<<20)}
}

func TestUnpack(t *testing.T) {
	configs := []xz.WriterConfig{{}, {BlockSize: 10_000}, {CheckSum: xz.CRC32}, {CheckSum: xz.SHA256}, {NoCheckSum: true}}
	for i, text := range texts() {
		if len(text) > 1<<20 {
			configs = configs[:1] // packing takes long
		}
		for _, config := range configs {
			packed := pack(t, text, config)
			got, err := Unpack(packed, len(text))
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("text %d, %+v: %d bytes, %v", i, config, len(got), err)
			}
			if _, err := Unpack(packed, len(text)-1); len(text) > 0 && !errors.Is(err, ErrLong) {
				t.Errorf("text %d, a byte too long: %v", i, err)
			}
		}
	}
}

func TestUnpackDamaged(t *testing.T) {
	packed := pack(t, []byte(strings.Repeat("some text ", 100)), xz.WriterConfig{})
	for length := range packed[:len(packed)-40] {
		if _, err := Unpack(packed[:length], 1<<20); err == nil {
			t.Errorf("the first %d bytes unpack", length)
		}
	}
	filtered := bytes.Clone(packed)
	filtered[streamHeader+1] |= 1
	if _, err := Unpack(filtered, 1<<20); !errors.Is(err, ErrFormat) {
		t.Errorf("two filters: %v", err)
	}
}

// What both unpack is the same, and what the limit forbids is not allocated.
func FuzzUnpack(f *testing.F) {
	for _, text := range texts() {
		f.Add(pack(f, text[:min(len(text), 5000)], xz.WriterConfig{}))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		const limit = 1 << 20
		got, err := Unpack(packed, limit)
		if cap(got) > 4*limit {
			t.Fatalf("%d bytes were allocated", cap(got))
		}
		if err != nil {
			return
		}
		r, err := xz.ReaderConfig{DictCap: 1 << 16, SingleStream: true}.NewReader(bytes.NewReader(packed))
		if err != nil {
			return
		}
		want, err := io.ReadAll(io.LimitReader(r, limit))
		if err == nil && !bytes.Equal(got, want) {
			t.Errorf("%d bytes, want %d", len(got), len(want))
		}
	})
}

func BenchmarkUnpack(b *testing.B) {
	text, err := os.ReadFile("../testdata/names-rs")
	if err != nil {
		b.Fatal(err)
	}
	text = bytes.Repeat(text, 100)
	packed := pack(b, text, xz.WriterConfig{})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Unpack(packed, len(text)); err != nil {
			b.Fatal(err)
		}
	}
}
