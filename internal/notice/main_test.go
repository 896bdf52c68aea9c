package main

import (
	"bytes"
	"os"
	"slices"
	"testing"
)

func TestNotice(t *testing.T) {
	want, err := notice()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file NOTICE is not that of the modules that are linked: go generate ./internal/notice (%v)", err)
	}
}

// What only tests and tools need is not in the binary, and so not in the file.
func TestLinked(t *testing.T) {
	modules, err := linked()
	if err != nil {
		t.Fatal(err)
	}
	has := func(path string) bool {
		return slices.ContainsFunc(modules, func(m module) bool { return m.path == path })
	}
	if !has("github.com/cilium/ebpf") || !has(withGo) || has("github.com/klauspost/compress") || has("github.com/ponytrace/ponytrace") {
		t.Errorf("linked are %v", modules)
	}
}

func TestLicence(t *testing.T) {
	folder := t.TempDir()
	if text, err := (module{path: "x", folder: folder}).licence(); err == nil {
		t.Errorf("a module without a licence has %q", text)
	}
	for name, text := range map[string]string{"PATENTS": "b\r\nc\n", "LICENSE.txt": "\na\n", "README": "d"} {
		if err := os.WriteFile(folder+"/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := (module{path: "x", folder: folder}).licence()
	if err != nil || text != "a\n\nb\nc" {
		t.Errorf("%q, %v", text, err)
	}
}
