package oracle

import "unsafe"

// unsafePointer is an address that the scripts know, as the system call wants it.
func unsafePointer(address uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}

func unsafePointerOf(bytes []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(bytes)) }

func bytesAt(start unsafe.Pointer, size int) []byte { return unsafe.Slice((*byte)(start), size) }
