package events

import (
	"errors"
	"reflect"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/ponytrace/ponytrace/compiler/object"
	"golang.org/x/sys/unix"
)

const (
	batchRows  = 4096
	batchBytes = 4 << 20 // of values, which have a row per CPU
)

// hash is a hash map of the kernel, per CPU or not.
type hash struct {
	object *object.MapSpec
	kernel *ebpf.Map
	stride int // bytes between the rows of two CPUs
	cpus   int
	rows   int // of the first batch
}

func newHash(m *object.MapSpec, kernel *ebpf.Map) (*hash, error) {
	h := &hash{object: m, kernel: kernel, stride: int(kernel.ValueSize()), cpus: 1}
	var err error
	if m.Storage == object.CPUHash {
		h.stride = (h.stride + 7) / 8 * 8
		h.cpus, err = ebpf.PossibleCPU()
	}
	h.rows = min(batchRows, max(16, batchBytes/max(1, h.rowBytes())))
	return h, err
}

// Evicts reports whether the kernel drops keys by itself when the map is full.
func (h *hash) Evicts() bool {
	return h.kernel.Type() == ebpf.LRUHash || h.kernel.Type() == ebpf.LRUCPUHash
}

func (h *hash) rowBytes() int { return h.stride * h.cpus }

// batch is the buffer of a batch operation. The library counts elements by the length of
// typed slices, so keys and values are slices of byte arrays whose size is known only
// now.
type batch struct {
	keys, values       any
	rawKeys, rawValues []byte
}

func (h *hash) newBatch(rows int) (b batch) {
	b.keys, b.rawKeys = byteArrays(rows, int(h.kernel.KeySize()))
	b.values, b.rawValues = byteArrays(rows, h.rowBytes())
	if h.cpus > 1 {
		b.values = b.rawValues
	}
	return b
}

// byteArrays makes a [][size]byte, and returns its memory as well.
func byteArrays(count, size int) (arrays any, raw []byte) {
	raw = make([]byte, count*size)
	element := reflect.ArrayOf(size, reflect.TypeFor[byte]())
	return reflect.SliceAt(element, unsafe.Pointer(&raw[0]), count).Interface(), raw
}

func (h *hash) Read(t *Table) error {
	err := h.batches(t, h.kernel.BatchLookup)
	if errors.Is(err, ebpf.ErrNotSupported) {
		return h.iterate(t, h.Lookup)
	}
	return err
}

// batchOperation is BatchLookup or BatchLookupAndDelete.
type batchOperation func(cursor *ebpf.MapBatchCursor, keys, values any, opts *ebpf.BatchOptions) (int, error)

func (h *hash) batches(t *Table, operation batchOperation) error {
	var cursor ebpf.MapBatchCursor
	rows := h.rows
	buffer := h.newBatch(rows)
	for {
		n, err := operation(&cursor, buffer.keys, buffer.values, nil)
		if errors.Is(err, unix.ENOSPC) { // a bucket has more keys than the buffer
			rows *= 2
			buffer = h.newBatch(rows)
			continue
		}
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
		h.appendBatch(t, buffer, n)
		if err != nil {
			return nil
		}
		t.reserve(int(h.kernel.MaxEntries()))
	}
}

func (h *hash) appendBatch(t *Table, b batch, n int) {
	keySize, rowBytes := int(h.kernel.KeySize()), h.rowBytes()
	for i := range n {
		t.AppendMerged(b.rawKeys[i*keySize:], b.rawValues[i*rowBytes:(i+1)*rowBytes], h.stride)
	}
}

// iterate serves kernels without batch operations (below 5.6).
func (h *hash) iterate(t *Table, visit func(key []byte, t *Table) error) error {
	keys := h.kernel.Iterate()
	key, value := make([]byte, h.kernel.KeySize()), h.newValue()
	for keys.Next(key, value.out) {
		if err := visit(key, t); err != nil {
			return err
		}
	}
	return keys.Err()
}

// value receives the rows of one key.
type value struct {
	out any
	raw []byte
}

func (h *hash) newValue() (v value) {
	v.out, v.raw = byteArrays(h.cpus, h.stride)
	if h.cpus == 1 {
		v.out = v.raw
	}
	return v
}

func (h *hash) Lookup(key []byte, t *Table) error {
	return h.one(key, t, h.kernel.Lookup)
}

func (h *hash) one(key []byte, t *Table, operation func(key, value any) error) error {
	value := h.newValue()
	err := operation(key, value.out)
	if err == nil {
		t.AppendMerged(key, value.raw, h.stride)
	}
	return ignoreMissing(err)
}

func (h *hash) remove(key []byte, t *Table) error {
	rows := t.Len()
	if err := h.one(key, t, h.kernel.LookupAndDelete); err == nil || t.Len() > rows {
		return err
	}
	if err := h.Lookup(key, t); err != nil { // below 5.14
		return err
	}
	return ignoreMissing(h.kernel.Delete(key))
}

func ignoreMissing(err error) error {
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil
	}
	return err
}

// Take removes all keys and returns their rows. What programs add meanwhile is lost.
func (h *hash) Take() (*Table, error) {
	taken := NewTable(h.object)
	err := h.batches(taken, h.kernel.BatchLookupAndDelete)
	if errors.Is(err, ebpf.ErrNotSupported) {
		err = h.iterate(taken, h.remove)
	}
	return taken, err
}

// Empty reports whether there is no key.
func (h *hash) Empty() bool {
	return errors.Is(h.kernel.NextKey(nil, make([]byte, h.kernel.KeySize())), ebpf.ErrKeyNotExist)
}

// Put sets the row of a key; per CPU, that of the first one.
func (h *hash) Put(key, row []byte) error {
	value := h.newValue()
	copy(value.raw, row)
	return h.kernel.Put(key, value.out)
}
