package binary

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"slices"

	"github.com/ponytrace/ponytrace/compiler/target"
)

const (
	// maxResolver bounds the code that chooses a function.
	maxResolver = 2 << 10
	// maxChoices is more than it chooses from.
	maxChoices = 64
	// leastChoices are those that make a list of them complete. A resolver with fewer
	// takes what is in no file: time and gettimeofday may be those of the kernel's vdso.
	leastChoices = 2
)

// choices puts in the place of a function that chooses another one while the library
// starts (IFUNC) those that it chooses from.
func (f *File) choices(list functions) (all functions, err error) {
	for _, function := range list {
		chosen, err := f.chosenBy(function)
		if err != nil {
			return nil, err
		}
		if len(chosen) < leastChoices {
			all = append(all, function)
			continue
		}
		for _, address := range chosen {
			all = f.append(all, target.BinaryFunction{
				Name: function.Name, ChosenAs: function.Name, Address: address,
				Version: function.Version, Old: function.Old,
			})
		}
	}
	return all, f.nameChosen(all)
}

// nameChosen gives them the names that the file has for them.
func (f *File) nameChosen(list functions) error {
	at := map[uint64]int{}
	for i, function := range list {
		if function.ChosenAs != "" {
			at[function.Address] = i
		}
	}
	if len(at) == 0 {
		return nil
	}
	return f.eachFunction(func(_ *File, s symbol, name []byte) error {
		i, chosen := at[s.address]
		if !chosen {
			return nil
		}
		function := &list[i]
		function.Size = max(function.Size, s.size)
		unnamed := function.Name == function.ChosenAs
		if unnamed || !bytes.Contains([]byte(function.Name), []byte(function.ChosenAs)) {
			function.Name, function.Source = string(name), sourceOf(name)
		}
		return nil
	})
}

// chosenBy returns the addresses that the code of a resolver loads.
func (f *File) chosenBy(function target.BinaryFunction) (chosen []uint64, err error) {
	code := f.codeSection(function.Address)
	if !function.Indirect || code == nil || code.Type == elf.SHT_NOBITS {
		return nil, nil
	}
	if err := f.pages.step(maxResolver * (1 + len(f.elf.Sections)/sectionsOfStep)); err != nil {
		return nil, err
	}
	size := function.Size
	if size == 0 {
		size = maxResolver
	}
	s := &section{pages: f.pages, offset: code.Offset, size: code.FileSize}
	c := s.from(function.Address - code.Addr)
	text := make([]byte, 0, maxResolver)
	for range min(size, maxResolver) {
		text = append(text, c.u8())
	}
	add := func(address uint64) {
		own := address-function.Address < size
		if own || f.codeSection(address) == nil || slices.Contains(chosen, address) {
			return
		}
		if len(chosen) < maxChoices {
			chosen = append(chosen, address)
		}
	}
	switch f.elf.Machine {
	case elf.EM_X86_64:
		loadsOfX86(text, function.Address, f.elf.Type == elf.ET_EXEC, add)
	case elf.EM_AARCH64:
		loadsOfARM(text, function.Address, add)
	}
	return chosen, nil
}

// loadsOfX86 visits the addresses that code loads into registers: by LEA with the distance
// from the next instruction, or by MOV in a program that cannot be moved. Each byte may
// begin an instruction, so that what MOV loads must be aligned as such functions are.
func loadsOfX86(code []byte, at uint64, fixed bool, visit func(uint64)) {
	for i := 0; i+7 <= len(code); i++ {
		load := code[i]&0xfb == 0x48 && code[i+1] == 0x8d && code[i+2]&0xc7 == 0x05
		if load {
			distance := int32(binary.LittleEndian.Uint32(code[i+3:]))
			visit(at + uint64(i) + 7 + uint64(int64(distance)))
		}
		if value := uint64(binary.LittleEndian.Uint32(code[i+1:])); fixed && code[i]&0xf8 == 0xb8 && value%16 == 0 {
			visit(value)
		}
		if value := uint64(binary.LittleEndian.Uint32(code[i+2:])); fixed && code[i] == 0xc7 && code[i+1]&0xf8 == 0xc0 && value%16 == 0 {
			visit(value)
		}
	}
}

// loadsOfARM does so for ADRP, which loads the address of a page of 4 KiB, and ADD of the
// place in it.
func loadsOfARM(code []byte, at uint64, visit func(uint64)) {
	var pages [32]uint64
	for ; len(code) >= 4; code, at = code[4:], at+4 {
		word := binary.LittleEndian.Uint32(code)
		to, from := word&31, word>>5&31
		switch {
		case word&0x9f000000 == 0x90000000:
			distance := int64(int32(word>>5&0x7ffff<<13|word>>29&3<<11)) >> 11
			pages[to] = at&^0xfff + uint64(distance<<12)
		case word&0xffc00000 == 0x91000000 && pages[from] != 0:
			visit(pages[from] + uint64(word>>10&0xfff))
		}
	}
}
